//! Traffic of the programs that change packets: `ipip_encap`, `vlan`, `router`, `icmp_echo`.

use super::{site_trace, Example};
use crate::traffic::{Arp, Ipv4, MapEntry, Mix, PacketBuilder, Rng, MINIMUM_FRAME};

/// The MAC of the port the program sits on.
const PORT: [u8; 6] = [0x02, 0xbe, 0xe1, 0x01, 0x00, 0x00];

/// An untagged UDP or TCP packet over IPv4 from the pools.
fn ipv4_packet(mix: &Mix, rng: &mut Rng) -> PacketBuilder {
    let frame = mix.untagged(rng);
    let ip = mix.ipv4_header(rng);
    mix.ported(rng, frame.ipv4(ip))
}

/// Tunnel entry: five of eight destinations are reached by tunnels, one in twelve packets is a long one.
pub(super) fn ipip_encap() -> Example {
    let mix = Mix::default();
    let maps = mix.ipv4.iter().take(5).zip(1u8..).map(|(inner, i)| {
        let (local, remote) = ([192, 0, 2, 1], [198, 51, 100, i]);
        let next_hop = [0x02, 0xbe, 0xe1, 0x02, 0x00, i];
        MapEntry::new("tunnels", &[&inner.octets()], &[&local, &remote, &next_hop, &PORT, &[0; 4]])
    });
    // The longest is 9000 bytes once the outer header is on it.
    let trace = site_trace(0x1919, 300, &mix, |rng| {
        let length = match rng.below(60) {
            0 => 8980,
            1..=4 => rng.between(1000, 1514),
            _ => Mix::length(rng).min(800),
        };
        ipv4_packet(&mix, rng).fill_to(length).build()
    });
    Example { name: "ipip_encap", trace, maps: maps.collect() }
}

/// VLAN translation: push on untagged frames and on VLAN 1, pop on 10, rewrite 20, keep 100, nothing for the rest.
pub(super) fn vlan() -> Example {
    let mix = Mix { vlans: vec![1, 10, 10, 20, 20, 100, 4094], ..Mix::default() };
    let (keep, push, pop, rewrite) = (0u16, 1u16, 2u16, 3u16);
    let table =
        [(0u16, push, 100u16), (1, push, 200), (10, pop, 0), (20, rewrite, 30), (100, keep, 0)];
    let maps = table.map(|(vlan, operation, new)| {
        let value = [operation.to_le_bytes(), new.to_le_bytes(), [0; 2], [0; 2]].concat();
        MapEntry::new("translations", &[&vlan.to_le_bytes()], &[&value])
    });
    let trace = site_trace(0x71a9, 300, &mix, |rng| {
        let frame = mix.tagged(rng);
        let ip = mix.ipv4_header(rng);
        let length = Mix::length(rng);
        mix.ported(rng, frame.ipv4(ip)).fill_to(length).build()
    });
    Example { name: "vlan", trace, maps: maps.to_vec() }
}

/// Router: six of eight destinations have a neighbour; the sixth one's port is missing in the device map. Every
/// port is interface 1, which exists on any machine.
pub(super) fn router() -> Example {
    let mix = Mix::default();
    let mut maps: Vec<MapEntry> = mix
        .ipv4
        .iter()
        .take(6)
        .zip(0u8..)
        .map(|(dest, i)| {
            let station = [0x02, 0xbe, 0xe1, 0x03, 0x00, i];
            let port_mac = [0x02, 0xbe, 0xe1, 0x01, 0x00, i % 4];
            let port = if i == 5 { 6 } else { u32::from(i % 4) };
            MapEntry::new(
                "neighbours",
                &[&dest.octets()],
                &[&station, &port_mac, &port.to_le_bytes()],
            )
        })
        .collect();
    maps.extend(
        (0u32..4)
            .map(|port| MapEntry::new("ports", &[&port.to_le_bytes()], &[&1u32.to_le_bytes()])),
    );
    let trace = site_trace(0x907e, 320, &mix, |rng| {
        let length = Mix::length(rng);
        ipv4_packet(&mix, rng).fill_to(length).pad_to(MINIMUM_FRAME).build()
    });
    Example { name: "router", trace, maps }
}

/// Echo responder: pings and ARP requests, for three listed addresses and five others.
pub(super) fn icmp_echo() -> Example {
    let mix = Mix::default();
    let maps = mix.ipv4.iter().take(3).zip(0u8..).map(|(address, i)| {
        let mac = [0x02, 0xbe, 0xe1, 0x01, 0x00, i];
        MapEntry::new("addresses", &[&address.octets()], &[&mac, &[0; 10]])
    });
    let trace = site_trace(0xec40, 320, &mix, |rng| {
        let (station, asker) = (*rng.pick(&mix.macs), *rng.pick(&mix.ipv4));
        let asked = *rng.pick(&mix.ipv4[..5]);
        if rng.percent(25) {
            let operation = if rng.percent(80) { 1 } else { 2 };
            return PacketBuilder::ethernet([0xff; 6], station)
                .arp(Arp {
                    operation,
                    sender_mac: station,
                    sender_ip: asker,
                    target_mac: [0; 6],
                    target_ip: asked,
                })
                .pad_to(MINIMUM_FRAME)
                .build();
        }
        let options = if rng.percent(30) { Mix::ipv4_options(rng) } else { Vec::new() };
        let kind = *rng.pick(&[8, 8, 8, 8, 0, 13]);
        let length = Mix::length(rng);
        PacketBuilder::ethernet(PORT, station)
            .ipv4(Ipv4 { options, ..Ipv4::new(asker, asked) })
            .icmp(kind, 0, rng.next_u16(), rng.next_u16())
            .fill_to(length)
            .build()
    });
    Example { name: "icmp_echo", trace, maps: maps.collect() }
}
