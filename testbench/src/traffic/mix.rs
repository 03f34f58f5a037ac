//! Random packets from pools of addresses and ports: small pools make packets meet the same map entries.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Arp, Ipv4, Ipv6, Mac, PacketBuilder, Rng, JUMBO_FRAME, MINIMUM_FRAME};

/// The pools a random packet is drawn from. No pool may be empty.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Stations, as source and destination.
    pub macs: Vec<Mac>,
    /// IPv4 addresses.
    pub ipv4: Vec<Ipv4Addr>,
    /// IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
    /// UDP and TCP ports.
    pub ports: Vec<u16>,
    /// VLAN ids.
    pub vlans: Vec<u16>,
}

impl Default for Mix {
    /// A small site: a handful of stations, two of each address family's prefixes, common ports.
    fn default() -> Self {
        Self {
            macs: (1..=8).map(|i| [0x02, 0xbe, 0xe1, 0x00, 0x00, i]).collect(),
            ipv4: (1..=8).map(|i| Ipv4Addr::new(10, 20, i % 2, i)).collect(),
            ipv6: (1..=6).map(|i| Ipv6Addr::new(0xfd00, 0xbee, i % 2, 0, 0, 0, 0, i)).collect(),
            ports: vec![22, 53, 80, 123, 443, 4789, 8080, 33000, 33001],
            vlans: vec![1, 10, 20, 100, 4094],
        }
    }
}

impl Mix {
    /// A well-formed packet of any kind the builder knows.
    pub fn packet(&self, rng: &mut Rng) -> Vec<u8> {
        let length = Self::length(rng);
        let frame = self.tagged(rng);
        match rng.below(20) {
            0 => self.arp(rng, frame),
            1 => frame.ethertype(*rng.pick(&[0x88cc, 0x8847, 0x9000])).fill_to(length),
            2..=6 => {
                let ip = self.ipv6_header(rng);
                self.transport6(rng, frame.ipv6(ip)).fill_to(length)
            }
            _ => {
                let ip = self.ipv4_header(rng);
                self.transport4(rng, frame.ipv4(ip)).fill_to(length)
            }
        }
        .pad_to(MINIMUM_FRAME)
        .build()
    }

    /// A UDP packet over IPv4 that fills a jumbo frame.
    pub fn jumbo(&self, rng: &mut Rng) -> Vec<u8> {
        let ip = Ipv4::new(*rng.pick(&self.ipv4), *rng.pick(&self.ipv4));
        let (source, dest) = (*rng.pick(&self.ports), *rng.pick(&self.ports));
        self.untagged(rng).ipv4(ip).udp(source, dest).fill_to(JUMBO_FRAME).build()
    }

    /// A frame length as networks see them: mostly short, some at the usual maximum.
    pub fn length(rng: &mut Rng) -> usize {
        match rng.below(20) {
            0..=11 => MINIMUM_FRAME,
            12 | 13 => 64,
            14..=17 => rng.between(65, 200),
            18 => rng.between(201, 800),
            _ => 1514,
        }
    }

    /// An Ethernet header between two stations of the pool.
    pub fn untagged(&self, rng: &mut Rng) -> PacketBuilder {
        PacketBuilder::ethernet(*rng.pick(&self.macs), *rng.pick(&self.macs))
    }

    /// The same with no, one or two VLAN tags.
    pub fn tagged(&self, rng: &mut Rng) -> PacketBuilder {
        let frame = self.untagged(rng);
        match rng.below(10) {
            0..=4 => frame,
            5..=7 => frame.vlan(self.tci(rng)),
            8 => {
                let outer = self.tci(rng);
                frame.service_vlan(outer).vlan(self.tci(rng))
            }
            _ => {
                let outer = self.tci(rng);
                frame.vlan(outer).vlan(self.tci(rng))
            }
        }
    }

    /// Tag control information: a VLAN of the pool and, sometimes, a priority.
    pub fn tci(&self, rng: &mut Rng) -> u16 {
        let priority = if rng.percent(30) { rng.next_u16() & 0xf000 } else { 0 };
        priority | *rng.pick(&self.vlans)
    }

    /// An IPv4 header between two addresses of the pool; sometimes with options, a fragment, or a TTL that runs out.
    pub fn ipv4_header(&self, rng: &mut Rng) -> Ipv4 {
        let mut ip = Ipv4::new(*rng.pick(&self.ipv4), *rng.pick(&self.ipv4));
        ip.id = rng.next_u16();
        ip.tos = if rng.percent(20) { rng.next_u8() } else { 0 };
        ip.ttl = *rng.pick(&[64, 64, 64, 63, 128, 255, 2, 1, 0]);
        if rng.percent(20) {
            ip.options = Self::ipv4_options(rng);
        }
        ip.fragment = match rng.below(20) {
            0 => 0x2000,
            1 => 0x2000 | (rng.next_u16() & 0x1fff),
            2 => 185,
            3..=9 => 0x4000,
            _ => 0,
        };
        ip
    }

    /// Options of 4 to 40 bytes: a record route option (RFC 791) that fills them.
    pub fn ipv4_options(rng: &mut Rng) -> Vec<u8> {
        let length = 4 * rng.between(1, 10);
        let mut options = vec![0; length];
        options[..3].copy_from_slice(&[7, length as u8 - 1, 4]);
        options
    }

    /// An IPv6 header between two addresses of the pool.
    pub fn ipv6_header(&self, rng: &mut Rng) -> Ipv6 {
        let mut ip = Ipv6::new(*rng.pick(&self.ipv6), *rng.pick(&self.ipv6));
        ip.flow_label = rng.next_u32();
        ip.hop_limit = *rng.pick(&[64, 255, 1]);
        ip
    }

    /// UDP or TCP between two ports of the pool.
    pub fn ported(&self, rng: &mut Rng, packet: PacketBuilder) -> PacketBuilder {
        let (source, dest) = (*rng.pick(&self.ports), *rng.pick(&self.ports));
        if rng.percent(50) {
            return packet.udp(source, dest);
        }
        let options = vec![1; *rng.pick(&[0, 0, 12, 20, 40])];
        packet.tcp(source, dest, *rng.pick(&[0x02, 0x12, 0x10, 0x18, 0x11, 0x04]), &options)
    }

    fn transport4(&self, rng: &mut Rng, packet: PacketBuilder) -> PacketBuilder {
        match rng.below(10) {
            0 => packet.icmp(*rng.pick(&[0, 3, 8, 11]), 0, rng.next_u16(), rng.next_u16()),
            1 => packet.protocol(*rng.pick(&[2, 4, 47, 50, 89, 132])),
            _ => self.ported(rng, packet),
        }
    }

    fn transport6(&self, rng: &mut Rng, packet: PacketBuilder) -> PacketBuilder {
        match rng.below(10) {
            0 => packet.icmpv6(*rng.pick(&[1, 128, 129, 133, 135, 136, 143]), 0, rng.next_u16(), 0),
            // Hop-by-hop options and a fragment header, each followed by nothing known.
            1 => packet.protocol(*rng.pick(&[0, 44])).payload(&[59, 0, 1, 4, 0, 0, 0, 0]),
            _ => self.ported(rng, packet),
        }
    }

    fn arp(&self, rng: &mut Rng, frame: PacketBuilder) -> PacketBuilder {
        frame.arp(Arp {
            operation: *rng.pick(&[1, 2]),
            sender_mac: *rng.pick(&self.macs),
            sender_ip: *rng.pick(&self.ipv4),
            target_mac: [0; 6],
            target_ip: *rng.pick(&self.ipv4),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::network_offset;

    #[test]
    fn a_mix_holds_every_kind() {
        let (mix, mut rng) = (Mix::default(), Rng::new(5));
        let packets: Vec<Vec<u8>> = (0..600).map(|_| mix.packet(&mut rng)).collect();
        let has = |test: &dyn Fn(&[u8], &[u8]) -> bool| {
            packets.iter().any(|packet| test(packet, &packet[network_offset(packet)..]))
        };
        for tags in 0..=2 {
            assert!(has(&|packet, _| network_offset(packet) == 14 + 4 * tags), "{tags} tags");
        }
        assert!(has(&|_, ip| ip[0] == 0x4f && ip[9] == 17), "40 bytes of options");
        assert!(has(&|_, ip| ip[0] == 0x45 && ip[6] & 0x20 != 0), "fragment");
        assert!(has(&|_, ip| ip[0] >> 4 == 6 && ip[6] == 6), "TCP over IPv6");
        assert!(has(&|packet, _| packet[12..14] == [0x08, 0x06]), "ARP");
        assert!(has(&|packet, _| packet.len() == MINIMUM_FRAME), "minimum frame");
        assert_eq!(mix.jumbo(&mut rng).len(), JUMBO_FRAME);
    }
}
