//! Writes one packet header by header; lengths and checksums are filled in at the end.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::encode_name;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// EtherTypes and IP protocol numbers that the builder writes.
mod number {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const VLAN: u16 = 0x8100;
    pub const SERVICE_VLAN: u16 = 0x88a8;
    pub const IPV6: u16 = 0x86dd;
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ICMPV6: u8 = 58;
    pub const NO_NEXT_HEADER: u8 = 59;
}

/// What can be chosen in an IPv4 header; the rest follows from the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub dest: Ipv4Addr,
    /// Time to live.
    pub ttl: u8,
    /// Type of service.
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// Flags and fragment offset as they stand in the header (0x2000: more fragments, 0x4000: don't fragment).
    pub fragment: u16,
    /// Options; padded with zeros to a multiple of 4, at most 40 bytes are taken.
    pub options: Vec<u8>,
}

impl Ipv4 {
    /// A header without options, TTL 64.
    pub fn new(source: Ipv4Addr, dest: Ipv4Addr) -> Self {
        Self { source, dest, ttl: 64, tos: 0, id: 0, fragment: 0, options: Vec::new() }
    }
}

/// What can be chosen in an IPv6 header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub dest: Ipv6Addr,
    /// Hop limit.
    pub hop_limit: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
}

impl Ipv6 {
    /// A header with hop limit 64.
    pub fn new(source: Ipv6Addr, dest: Ipv6Addr) -> Self {
        Self { source, dest, hop_limit: 64, flow_label: 0 }
    }
}

/// An ARP message for IPv4 over Ethernet (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1: request, 2: reply.
    pub operation: u16,
    /// Sender's hardware address.
    pub sender_mac: Mac,
    /// Sender's protocol address.
    pub sender_ip: Ipv4Addr,
    /// Target's hardware address (zero in a request).
    pub target_mac: Mac,
    /// Target's protocol address.
    pub target_ip: Ipv4Addr,
}

/// Where a network header starts, for what is filled in at the end.
#[derive(Clone, Copy, Debug)]
enum Network {
    Ipv4(usize),
    Ipv6(usize),
}

/// A transport header: its protocol number and where it starts.
#[derive(Clone, Copy, Debug)]
struct Transport {
    protocol: u8,
    at: usize,
}

/// A packet under construction. Calls go from the outer header to the inner one.
///
/// ```
/// use beeline_testbench::traffic::{Ipv4, PacketBuilder};
/// let packet = PacketBuilder::ethernet([2; 6], [4; 6])
///     .vlan(7)
///     .ipv4(Ipv4::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into()))
///     .udp(1000, 53)
///     .payload(b"hello")
///     .pad_to(60)
///     .build();
/// assert_eq!(packet.len(), 60);
/// ```
#[derive(Clone, Debug)]
pub struct PacketBuilder {
    bytes: Vec<u8>,
    ethertype_at: usize,
    network: Option<Network>,
    transport: Option<Transport>,
    shortest: usize,
}

impl PacketBuilder {
    /// An Ethernet header; its EtherType follows from the next call.
    pub fn ethernet(dest: Mac, source: Mac) -> Self {
        let mut bytes = [dest, source].concat();
        bytes.extend([0; 2]);
        Self { bytes, ethertype_at: 12, network: None, transport: None, shortest: 0 }
    }

    /// Sets the EtherType for a payload that no other call knows.
    pub fn ethertype(mut self, ethertype: u16) -> Self {
        self.put_u16(self.ethertype_at, ethertype);
        self
    }

    /// A customer VLAN tag (0x8100).
    pub fn vlan(self, tci: u16) -> Self {
        self.tag(number::VLAN, tci)
    }

    /// A service VLAN tag (0x88a8).
    pub fn service_vlan(self, tci: u16) -> Self {
        self.tag(number::SERVICE_VLAN, tci)
    }

    fn tag(self, ethertype: u16, tci: u16) -> Self {
        let mut packet = self.ethertype(ethertype);
        packet.bytes.extend(tci.to_be_bytes());
        packet.ethertype_at = packet.bytes.len();
        packet.bytes.extend([0; 2]);
        packet
    }

    /// An IPv4 header.
    pub fn ipv4(self, header: Ipv4) -> Self {
        let mut packet = self.ethertype(number::IPV4);
        let at = packet.bytes.len();
        let mut options = header.options;
        options.truncate(40);
        options.resize(options.len().next_multiple_of(4), 0);
        packet.bytes.extend([0x45 + (options.len() / 4) as u8, header.tos, 0, 0]);
        packet.bytes.extend(header.id.to_be_bytes());
        packet.bytes.extend(header.fragment.to_be_bytes());
        packet.bytes.extend([header.ttl, 0xff, 0, 0]);
        packet.bytes.extend(header.source.octets());
        packet.bytes.extend(header.dest.octets());
        packet.bytes.extend(options);
        packet.network = Some(Network::Ipv4(at));
        packet
    }

    /// An IPv6 header.
    pub fn ipv6(self, header: Ipv6) -> Self {
        let mut packet = self.ethertype(number::IPV6);
        let at = packet.bytes.len();
        packet.bytes.extend((0x6000_0000 | (header.flow_label & 0xf_ffff)).to_be_bytes());
        packet.bytes.extend([0, 0, number::NO_NEXT_HEADER, header.hop_limit]);
        packet.bytes.extend(header.source.octets());
        packet.bytes.extend(header.dest.octets());
        packet.network = Some(Network::Ipv6(at));
        packet
    }

    /// Sets the protocol (next header) of the IP header for a payload that no other call knows.
    pub fn protocol(mut self, protocol: u8) -> Self {
        match self.network {
            Some(Network::Ipv4(at)) => self.bytes[at + 9] = protocol,
            Some(Network::Ipv6(at)) => self.bytes[at + 6] = protocol,
            None => {}
        }
        self
    }

    fn transport(self, protocol: u8) -> Self {
        let mut packet = self.protocol(protocol);
        packet.transport = Some(Transport { protocol, at: packet.bytes.len() });
        packet
    }

    /// A UDP header.
    pub fn udp(self, source: u16, dest: u16) -> Self {
        let mut packet = self.transport(number::UDP);
        packet.bytes.extend(source.to_be_bytes());
        packet.bytes.extend(dest.to_be_bytes());
        packet.bytes.extend([0; 4]);
        packet
    }

    /// A TCP header with the given flags and options (padded with zeros to a multiple of 4).
    pub fn tcp(self, source: u16, dest: u16, flags: u8, options: &[u8]) -> Self {
        let mut packet = self.transport(number::TCP);
        let length = 20 + options.len().min(40).next_multiple_of(4);
        let at = packet.bytes.len();
        packet.bytes.extend(source.to_be_bytes());
        packet.bytes.extend(dest.to_be_bytes());
        packet.bytes.extend([
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            0,
            (length as u8 / 4) << 4,
            flags,
            0x20,
            0,
            0,
            0,
            0,
            0,
        ]);
        packet.bytes.extend(&options[..options.len().min(40)]);
        packet.bytes.resize(at + length, 0);
        packet
    }

    /// An ICMP header (RFC 792): type, code, and the two words that an echo calls identifier and sequence number.
    pub fn icmp(self, kind: u8, code: u8, id: u16, sequence: u16) -> Self {
        self.transport(number::ICMP).icmp_header(kind, code, id, sequence)
    }

    /// An ICMPv6 header (RFC 4443).
    pub fn icmpv6(self, kind: u8, code: u8, id: u16, sequence: u16) -> Self {
        self.transport(number::ICMPV6).icmp_header(kind, code, id, sequence)
    }

    fn icmp_header(mut self, kind: u8, code: u8, id: u16, sequence: u16) -> Self {
        self.bytes.extend([kind, code, 0, 0]);
        self.bytes.extend(id.to_be_bytes());
        self.bytes.extend(sequence.to_be_bytes());
        self
    }

    /// An ARP message.
    pub fn arp(self, message: Arp) -> Self {
        let mut packet = self.ethertype(number::ARP);
        packet.bytes.extend([0, 1, 8, 0, 6, 4]);
        packet.bytes.extend(message.operation.to_be_bytes());
        packet.bytes.extend(message.sender_mac);
        packet.bytes.extend(message.sender_ip.octets());
        packet.bytes.extend(message.target_mac);
        packet.bytes.extend(message.target_ip.octets());
        packet
    }

    /// A DNS message with one question for the address (type A) of `name`, and no answer.
    pub fn dns(mut self, id: u16, flags: u16, name: &str) -> Self {
        self.bytes.extend(id.to_be_bytes());
        self.bytes.extend(flags.to_be_bytes());
        self.bytes.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        self.bytes.extend(encode_name(name));
        self.bytes.extend([0, 1, 0, 1]);
        self
    }

    /// Bytes after everything so far.
    pub fn payload(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// As many bytes of a counting pattern as bring the frame to `length` bytes, inside the IP packet.
    pub fn fill_to(mut self, length: usize) -> Self {
        let missing = length.saturating_sub(self.bytes.len());
        self.bytes.extend((0..missing).map(|i| i as u8));
        self
    }

    /// Ethernet padding: zeros up to `length` bytes that belong to no header's length.
    pub fn pad_to(mut self, length: usize) -> Self {
        self.shortest = length;
        self
    }

    /// The finished packet: lengths and checksums filled in, padded.
    pub fn build(mut self) -> Vec<u8> {
        self.finish_lengths();
        if self.is_whole() {
            self.finish_transport_checksum();
        }
        if let Some(Network::Ipv4(at)) = self.network {
            let end = at + self.ipv4_header_length(at);
            let check = internet_checksum(&self.bytes[at..end], 0);
            self.put_u16(at + 10, check);
        }
        if self.bytes.len() < self.shortest {
            self.bytes.resize(self.shortest, 0);
        }
        self.bytes
    }

    fn finish_lengths(&mut self) {
        let end = self.bytes.len();
        match self.network {
            Some(Network::Ipv4(at)) => self.put_u16(at + 2, (end - at) as u16),
            Some(Network::Ipv6(at)) => self.put_u16(at + 4, (end - at - 40) as u16),
            None => {}
        }
        if let Some(Transport { protocol: number::UDP, at }) = self.transport {
            self.put_u16(at + 4, (end - at) as u16);
        }
    }

    /// A fragment does not hold all that its transport checksum covers: that field stays zero.
    fn is_whole(&self) -> bool {
        match self.network {
            Some(Network::Ipv4(at)) => self.bytes[at + 6] & 0x3f == 0 && self.bytes[at + 7] == 0,
            _ => true,
        }
    }

    fn finish_transport_checksum(&mut self) {
        let Some(Transport { protocol, at }) = self.transport else { return };
        let field = match protocol {
            number::UDP => at + 6,
            number::TCP => at + 16,
            _ => at + 2,
        };
        let pseudo =
            if protocol == number::ICMP { 0 } else { self.pseudo_header_sum(protocol, at) };
        let check = match internet_checksum(&self.bytes[at..], pseudo) {
            // Zero would mean "no checksum" (RFC 768).
            0 if protocol == number::UDP => 0xffff,
            check => check,
        };
        self.put_u16(field, check);
    }

    fn pseudo_header_sum(&self, protocol: u8, transport: usize) -> u32 {
        let addresses = match self.network {
            Some(Network::Ipv4(at)) => &self.bytes[at + 12..at + 20],
            Some(Network::Ipv6(at)) => &self.bytes[at + 8..at + 40],
            None => &[],
        };
        word_sum(addresses) + u32::from(protocol) + (self.bytes.len() - transport) as u32
    }

    fn ipv4_header_length(&self, at: usize) -> usize {
        usize::from(self.bytes[at] & 0xf) * 4
    }

    fn put_u16(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }
}

fn word_sum(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
        .sum()
}

/// The Internet checksum (RFC 1071) of `bytes` on top of the sum `start`, as the number to store big-endian.
/// Over data that holds its own checksum it is 0.
pub fn internet_checksum(bytes: &[u8], start: u32) -> u16 {
    let mut sum = start + word_sum(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Ipv4 {
        Ipv4::new([10, 1, 2, 3].into(), [192, 168, 7, 9].into())
    }

    #[test]
    fn known_header_checksum() {
        // The example of RFC 1071, section 3: the sum of these bytes is ddf2.
        assert_eq!(
            internet_checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], 0),
            !0xddf2
        );
    }

    #[test]
    fn checksums_verify() {
        let ip = Ipv4 { options: vec![7, 3, 4], ..plain() };
        let packet = PacketBuilder::ethernet([1; 6], [2; 6])
            .ipv4(ip)
            .tcp(1, 2, 2, &[1])
            .payload(b"odd")
            .build();
        assert_eq!(packet.len(), 14 + 24 + 24 + 3);
        assert_eq!(packet[14], 0x46);
        assert_eq!(internet_checksum(&packet[14..38], 0), 0);
        let pseudo = word_sum(&packet[26..34]) + 6 + (packet.len() - 38) as u32;
        assert_eq!(internet_checksum(&packet[38..], pseudo), 0);
    }

    #[test]
    fn tags_chain_their_types() {
        let packet =
            PacketBuilder::ethernet([1; 6], [2; 6]).service_vlan(5).vlan(6).ipv4(plain()).build();
        assert_eq!(packet[12..14], [0x88, 0xa8]);
        assert_eq!(packet[16..18], [0x81, 0x00]);
        assert_eq!(packet[20..22], [0x08, 0x00]);
    }

    #[test]
    fn padding_is_outside_the_lengths() {
        let packet =
            PacketBuilder::ethernet([1; 6], [2; 6]).ipv4(plain()).udp(1, 2).pad_to(60).build();
        assert_eq!(packet.len(), 60);
        assert_eq!(packet[16..18], [0, 28]);
        assert_eq!(packet[38..40], [0, 8]);
    }

    #[test]
    fn ipv6_length_counts_the_payload_only() {
        let ip = Ipv6::new("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let packet = PacketBuilder::ethernet([1; 6], [2; 6])
            .ipv6(ip)
            .icmpv6(128, 0, 1, 2)
            .payload(&[9; 4])
            .build();
        assert_eq!(packet[18..21], [0, 12, 58]);
        let pseudo = word_sum(&packet[22..54]) + 58 + 12;
        assert_eq!(internet_checksum(&packet[54..], pseudo), 0);
    }
}
