//! Traffic of the programs that send packets on: `snat`, `load_balancer`, `lpm_router`, `mac_learning`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{flag, inside, length, outside, station, Workload, GATEWAY, TCP, UDP};
use crate::traffic::{Ipv4, Ipv6, Mac, MapEntry, PacketBuilder, Pauses, Rng, MINIMUM_FRAME};

const STEADY: Pauses = Pauses { largest_gap_ns: 2000, percent: 2, longest_ns: 100_000 };

/// The address that the inside shares.
const SHARED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// Source port and protocol of a flow on the inside.
fn nat_flow(flow: usize) -> (u16, u8) {
    (20_000 + flow as u16, if flow % 3 == 2 { UDP } else { TCP })
}

/// The outside ports that `snat` tries for a flow, as it computes them.
fn nat_candidates(flow: usize) -> [u16; 2] {
    let (port, protocol) = nat_flow(flow);
    let address = u32::from_le_bytes(inside(flow).octets());
    let place = u32::from(port.swap_bytes()) << 16 | u32::from(protocol);
    let hash = address.wrapping_mul(0x9e37_79b1) ^ place.wrapping_mul(0x85eb_ca6b);
    let hash = hash ^ hash >> 15;
    [0, 16].map(|shift| 0x8000 + (hash >> shift & 0x3fff) as u16)
}

/// A place on the outside that the host has given away.
fn taken(port: u16, protocol: u8, owner: u8) -> MapEntry {
    let owner = [10, 20, 250, owner, 0x1f, 0x90, 0, 0];
    MapEntry::new("owners", &[&port.to_be_bytes(), &[protocol, 0]], &[&owner])
}

fn nat_transport(packet: PacketBuilder, protocol: u8, source: u16, dest: u16) -> PacketBuilder {
    match protocol {
        TCP => packet.tcp(source, dest, flag::ACK, &[]),
        _ => packet.udp(source, dest),
    }
}

fn nat_outbound(flow: usize) -> PacketBuilder {
    let (port, protocol) = nat_flow(flow);
    let frame = PacketBuilder::ethernet(GATEWAY, station(flow));
    nat_transport(frame.ipv4(Ipv4::new(inside(flow), outside(flow))), protocol, port, 443)
}

fn nat_packet(rng: &mut Rng, flow: usize, _: usize) -> Vec<u8> {
    let (_, protocol) = nat_flow(flow);
    let back = |rng: &mut Rng, port| {
        let frame = PacketBuilder::ethernet(station(flow), GATEWAY);
        let packet = frame.ipv4(Ipv4::new(outside(flow), SHARED));
        nat_transport(packet, protocol, 443, port).fill_to(length(rng)).build()
    };
    let candidates = nat_candidates(flow);
    match rng.below(30) {
        0 => nat_outbound(flow).protocol(50).fill_to(length(rng)).build(),
        1 => {
            let ip = Ipv4 { fragment: 0x2000, ..Ipv4::new(inside(flow), outside(flow)) };
            PacketBuilder::ethernet(GATEWAY, station(flow)).ipv4(ip).udp(1, 2).build()
        }
        2 => back(rng, rng.clone().next_u16()),
        3 => back(rng, candidates[1]),
        4..=13 => back(rng, candidates[0]),
        14 if protocol == UDP => {
            // A datagram without checksum stays without.
            let mut packet = nat_outbound(flow).fill_to(MINIMUM_FRAME).build();
            packet[40..42].fill(0);
            packet
        }
        _ => nat_outbound(flow).fill_to(length(rng)).build(),
    }
}

/// Source NAT: for some flows the first candidate port is taken, for two of them both.
pub(super) fn snat() -> Workload {
    Workload {
        name: "snat",
        flows: 40,
        packet: nat_packet,
        hot: |flow, _| nat_outbound(flow).fill_to(MINIMUM_FRAME).build(),
        maps: || {
            let flows = (1..40).step_by(5);
            flows
                .flat_map(|flow| {
                    let (protocol, ports) = (nat_flow(flow).1, nat_candidates(flow));
                    let count = if flow % 20 == 1 { 2 } else { 1 };
                    ports.into_iter().take(count).map(move |p| taken(p, protocol, flow as u8))
                })
                .collect()
        },
        pauses: STEADY,
    }
}

/// The virtual addresses and ports of the services; the third has a backend that was taken out.
const SERVICES: [(Ipv4Addr, u16, u8); 3] = [
    (Ipv4Addr::new(203, 0, 113, 10), 80, TCP),
    (Ipv4Addr::new(203, 0, 113, 10), 53, UDP),
    (Ipv4Addr::new(203, 0, 113, 11), 443, TCP),
];
const BACKENDS: u32 = 6;

/// Rendezvous hashing: the backend whose hash with the place is largest; adding a backend moves only what goes to it.
fn backend_at(place: u32) -> u32 {
    let score = |backend: u32| Rng::new(u64::from(place) << 32 | u64::from(backend)).next_u64();
    (0..BACKENDS).max_by_key(|b| score(*b)).unwrap_or_default()
}

fn balancer_maps() -> Vec<MapEntry> {
    let services = SERVICES.iter().zip(0u32..).map(|((address, port, protocol), number)| {
        let key: [&[u8]; 3] = [&address.octets(), &port.to_be_bytes(), &[*protocol, 0]];
        MapEntry::new("services", &key, &[&number.to_le_bytes()])
    });
    let places = (0..SERVICES.len() as u32 * 256).map(|place| {
        MapEntry::new("table", &[&place.to_le_bytes()], &[&backend_at(place).to_le_bytes()])
    });
    let backends = (0..BACKENDS - 1).map(|b| {
        let mac: Mac = [0x02, 0xbe, 0xe1, 0x20, 0, b as u8];
        MapEntry::new("backends", &[&b.to_le_bytes()], &[&[10, 30, 0, 1 + b as u8], &mac, &[0; 2]])
    });
    services.chain(places).chain(backends).collect()
}

fn to_service(flow: usize) -> PacketBuilder {
    let (address, port, protocol) = SERVICES[flow % SERVICES.len()];
    let client = Ipv4Addr::new(192, 0, 2, flow as u8);
    let packet = PacketBuilder::ethernet(station(0), GATEWAY).ipv4(Ipv4::new(client, address));
    nat_transport(packet, protocol, 30_000 + flow as u16, port)
}

/// Load balancer: clients of three services.
pub(super) fn load_balancer() -> Workload {
    Workload {
        name: "load_balancer",
        flows: 48,
        packet: |rng, flow, _| match rng.below(24) {
            0 => to_service(flow).protocol(50).fill_to(MINIMUM_FRAME).build(),
            1 => {
                let ip = Ipv4::new(inside(flow), outside(flow));
                PacketBuilder::ethernet(station(0), GATEWAY).ipv4(ip).udp(1, 2).build()
            }
            2 => to_service(flow).fill_to(rng.between(1490, 1514)).build(),
            _ => to_service(flow).fill_to(length(rng)).build(),
        },
        hot: |flow, _| {
            // 42 bytes: with the outer header it is still one beat.
            let (address, ..) = SERVICES[1];
            let client = Ipv4Addr::new(192, 0, 2, flow as u8);
            let ip = Ipv4::new(client, address);
            PacketBuilder::ethernet(station(0), GATEWAY).ipv4(ip).udp(30_000, 53).build()
        },
        maps: balancer_maps,
        pauses: STEADY,
    }
}

/// IPv4 prefixes, nested ones among them; the next hop is the position.
const ROUTES4: [([u8; 4], u32); 9] = [
    ([10, 0, 0, 0], 8),
    ([10, 1, 0, 0], 16),
    ([10, 1, 2, 0], 24),
    ([10, 1, 2, 3], 32),
    ([10, 128, 0, 0], 9),
    ([172, 16, 0, 0], 12),
    ([172, 16, 4, 0], 22),
    ([192, 0, 2, 64], 26),
    ([192, 0, 2, 65], 31),
];

/// IPv6 prefixes with their lengths.
const ROUTES6: [([u16; 4], u32); 6] = [
    ([0x2001, 0xdb8, 0, 0], 32),
    ([0x2001, 0xdb8, 1, 0], 48),
    ([0x2001, 0xdb8, 1, 2], 64),
    ([0x2001, 0xdb8, 1, 0x8000], 49),
    ([0xfd00, 0, 0, 0], 8),
    ([0xfd00, 0xbee, 0, 0], 127),
];

const HOPS: u32 = 8;
const PORTS: u32 = 4;

fn address6(prefix: [u16; 4], low: u64) -> Ipv6Addr {
    let high = prefix.iter().fold(0u128, |a, word| a << 16 | u128::from(*word));
    Ipv6Addr::from(high << 64 | u128::from(low))
}

fn router_maps() -> Vec<MapEntry> {
    let value = |hop: usize| (hop as u32 % HOPS).to_le_bytes();
    let routes4 = ROUTES4.iter().enumerate().map(|(hop, (prefix, length))| {
        MapEntry::new("routes4", &[&length.to_le_bytes(), prefix], &[&value(hop)])
    });
    let routes6 = ROUTES6.iter().enumerate().map(|(hop, (prefix, length))| {
        let address = address6(*prefix, 0).octets();
        MapEntry::new("routes6", &[&length.to_le_bytes(), &address], &[&value(hop + 2)])
    });
    let hops = (0..HOPS).map(|hop| {
        let (station, port): (Mac, Mac) =
            ([2, 0x10, 0, 0, 0, hop as u8], [2, 0x20, 0, 0, 0, hop as u8]);
        let value: [&[u8]; 3] = [&station, &port, &(hop % (PORTS + 1)).to_le_bytes()];
        MapEntry::new("next_hops", &[&hop.to_le_bytes()], &value)
    });
    let ports = (0..PORTS)
        .map(|port| MapEntry::new("ports", &[&port.to_le_bytes()], &[&(port + 2).to_le_bytes()]));
    routes4.chain(routes6).chain(hops).chain(ports).collect()
}

/// A frame whose destination lies in the prefix of the flow, or just outside it.
fn routed(flow: usize, host: u64, ttl: u8) -> PacketBuilder {
    let frame = PacketBuilder::ethernet(GATEWAY, station(flow));
    if flow % 2 == 1 {
        let (prefix, _) = ROUTES6[flow / 2 % ROUTES6.len()];
        let dest = address6(prefix, host << 32 | flow as u64);
        let ip = Ipv6::new("fd00::1".parse().expect("an address"), dest);
        return frame.ipv6(Ipv6 { hop_limit: ttl, ..ip });
    }
    let (mut octets, length) = ROUTES4[flow / 2 % ROUTES4.len()];
    if length < 32 {
        octets[3] ^= host as u8;
    }
    frame.ipv4(Ipv4 { ttl, ..Ipv4::new(inside(flow), octets.into()) })
}

/// Router: destinations inside nested prefixes of both families, beside them, and none at all.
pub(super) fn lpm_router() -> Workload {
    Workload {
        name: "lpm_router",
        flows: 60,
        packet: |rng, flow, _| {
            let ttl = *rng.pick(&[64, 64, 64, 64, 255, 2, 1, 0]);
            let host = rng.below(256) as u64;
            let packet = match rng.below(24) {
                0 => {
                    let dest = Ipv4Addr::new(*rng.pick(&[8, 224, 239]), 1, 1, 1);
                    PacketBuilder::ethernet(GATEWAY, station(flow))
                        .ipv4(Ipv4::new(inside(flow), dest))
                }
                1 => {
                    let dest = address6([*rng.pick(&[0xff02, 0x2002]), 0, 0, 0], 1);
                    let source = "fd00::1".parse().expect("an address");
                    PacketBuilder::ethernet(GATEWAY, station(flow)).ipv6(Ipv6::new(source, dest))
                }
                2 => {
                    let ip = Ipv4::new(inside(flow), Ipv4Addr::new(10, 1, 2, 3));
                    let ip = Ipv4 { options: vec![1; 4], ..ip };
                    PacketBuilder::ethernet(GATEWAY, station(flow)).ipv4(ip)
                }
                _ => routed(flow, host, ttl),
            };
            packet.udp(1, 2).fill_to(length(rng)).build()
        },
        hot: |flow, _| {
            let flow = flow & !1;
            routed(flow, 0, 64).udp(1, 2).fill_to(MINIMUM_FRAME).build()
        },
        maps: router_maps,
        pauses: STEADY,
    }
}

/// Stations that the host has put in for ever, behind ports 2 to 5 and one that does not exist.
fn switch_maps() -> Vec<MapEntry> {
    let ports = (2u32..6).map(|p| MapEntry::new("ports", &[&p.to_le_bytes()], &[&p.to_le_bytes()]));
    let stations = (100..108usize).map(|n| {
        let port = 2 + (n as u32 - 100) % 5;
        let key: [&[u8]; 2] = [&station(n), &[0, 0]];
        MapEntry::new("stations", &key, &[&[0xff; 8], &port.to_le_bytes(), &[0; 4]])
    });
    ports.chain(stations).collect()
}

/// Learning switch: stations of two VLANs talk to each other, to fixed stations and to groups.
pub(super) fn mac_learning() -> Workload {
    Workload {
        name: "mac_learning",
        flows: 32,
        packet: |rng, flow, _| {
            let dest = match rng.below(20) {
                0 => [0xff; 6],
                1 => station(flow),
                2..=9 => station(rng.between(100, 107)),
                _ => station(rng.below(32)),
            };
            let source = match rng.below(40) {
                0 => [0x03, 0, 0, 0, 0, 1],
                1 => station(rng.between(100, 107)),
                _ => station(flow),
            };
            let frame = PacketBuilder::ethernet(dest, source);
            let frame =
                if flow % 4 == 3 { frame.vlan(rng.below(2) as u16 * 0x2005 + 7) } else { frame };
            frame.ethertype(0x88b5).fill_to(length(rng)).build()
        },
        hot: |flow, _| {
            let frame = PacketBuilder::ethernet(station(100), station(flow));
            frame.ethertype(0x88b5).fill_to(MINIMUM_FRAME).build()
        },
        maps: switch_maps,
        pauses: Pauses { largest_gap_ns: 2000, percent: 2, longest_ns: 4_000_000 },
    }
}
