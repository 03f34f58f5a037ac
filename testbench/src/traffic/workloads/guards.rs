//! Traffic of the programs that admit or refuse: `syn_filter`, `conntrack`, `port_knocking`.

use super::{flag, inside, length, outside, station, Workload, GATEWAY};
use crate::traffic::{Ipv4, PacketBuilder, Pauses, Rng, MINIMUM_FRAME};

/// A frame from the inside host of a flow to its peer.
fn outbound(flow: usize) -> PacketBuilder {
    PacketBuilder::ethernet(GATEWAY, station(flow)).ipv4(Ipv4::new(inside(flow), outside(flow)))
}

/// And back.
fn inbound(flow: usize) -> PacketBuilder {
    PacketBuilder::ethernet(station(flow), GATEWAY).ipv4(Ipv4::new(outside(flow), inside(flow)))
}

/// What guards refuse to look at: fragments, options, other protocols.
fn unusual(rng: &mut Rng, flow: usize) -> Vec<u8> {
    let ip = Ipv4::new(inside(flow), outside(flow));
    let ip = match rng.below(3) {
        0 => Ipv4 { fragment: 0x2000, ..ip },
        1 => Ipv4 { options: vec![1; 8], ..ip },
        _ => return outbound(flow).icmp(8, 0, 7, 7).fill_to(MINIMUM_FRAME).build(),
    };
    let frame = PacketBuilder::ethernet(GATEWAY, station(flow)).ipv4(ip);
    frame.tcp(4000, 80, flag::SYN, &[]).fill_to(MINIMUM_FRAME).build()
}

/// SYN filter: sources open more connections than they use.
pub(super) fn syn_filter() -> Workload {
    Workload {
        name: "syn_filter",
        flows: 24,
        packet: |rng, flow, nth| {
            let flags = match rng.below(24) {
                0 => return unusual(rng, flow),
                1 => flag::RST,
                2 => flag::FIN | flag::ACK,
                3 => flag::SYN | flag::FIN,
                4..=8 => flag::ACK,
                _ => flag::SYN,
            };
            let packet = outbound(flow).tcp(1024 + nth as u16, 80, flags, &[]);
            packet.fill_to(length(rng)).build()
        },
        hot: |flow, nth| {
            let flags = if nth % 2 == 0 { flag::SYN } else { flag::ACK };
            outbound(flow).tcp(1024, 80, flags, &[]).fill_to(MINIMUM_FRAME).build()
        },
        maps: Vec::new,
        pauses: Pauses { largest_gap_ns: 2000, percent: 2, longest_ns: 1_200_000 },
    }
}

/// Connection tracking: a third of the flows are UDP; TCP connections open, go on, and close by FIN or RST.
pub(super) fn conntrack() -> Workload {
    Workload {
        name: "conntrack",
        flows: 40,
        packet: |rng, flow, nth| {
            if rng.percent(3) {
                return unusual(rng, flow);
            }
            let out = nth == 0 || rng.percent(55);
            let packet = if out { outbound(flow) } else { inbound(flow) };
            let (client, server) = (40_000 + flow as u16, if flow % 3 == 2 { 53 } else { 443 });
            let (source, dest) = if out { (client, server) } else { (server, client) };
            let packet = if flow % 3 == 2 {
                packet.udp(source, dest)
            } else {
                packet.tcp(source, dest, connection_flags(rng, out, nth), &[])
            };
            packet.fill_to(length(rng)).build()
        },
        hot: |flow, nth| {
            let flags = if nth == 0 { flag::SYN } else { flag::ACK };
            outbound(flow).tcp(40_000, 443, flags, &[]).fill_to(MINIMUM_FRAME).build()
        },
        maps: Vec::new,
        pauses: Pauses { largest_gap_ns: 2000, percent: 3, longest_ns: 8_000_000 },
    }
}

fn connection_flags(rng: &mut Rng, out: bool, nth: usize) -> u8 {
    match (rng.below(20), out) {
        (0 | 1, _) => flag::FIN | flag::ACK,
        (2, _) => flag::RST,
        (3..=5, true) => flag::SYN,
        (3..=5, false) => flag::SYN | flag::ACK,
        (6, _) => flag::PSH | flag::ACK,
        (_, true) if nth == 0 => flag::SYN,
        _ => flag::ACK,
    }
}

/// The ports of the sequence, in order.
const KNOCKS: [u16; 4] = [7001, 8002, 9003, 6004];

/// Port knocking: most sources know the sequence, and use the open port afterwards.
pub(super) fn port_knocking() -> Workload {
    Workload {
        name: "port_knocking",
        flows: 24,
        packet: |rng, flow, nth| {
            let syn = |port| outbound(flow).tcp(1024, port, flag::SYN, &[]);
            let packet = match (rng.below(30), nth % 8) {
                (0, _) => return unusual(rng, flow),
                (1 | 2, _) => syn(*rng.pick(&KNOCKS)),
                (3, _) => syn(8080),
                (4, _) => outbound(flow).tcp(1024, 443, flag::ACK, &[]),
                (5, _) => syn(22),
                (_, step @ 0..=3) => syn(KNOCKS[step]),
                _ => outbound(flow).tcp(1024, 22, flag::ACK, &[]),
            };
            packet.fill_to(length(rng)).build()
        },
        hot: |flow, nth| {
            let knock = outbound(flow).tcp(1024, KNOCKS[nth % 4], flag::SYN, &[]);
            knock.fill_to(MINIMUM_FRAME).build()
        },
        maps: Vec::new,
        pauses: Pauses { largest_gap_ns: 4000, percent: 1, longest_ns: 2_500_000 },
    }
}
