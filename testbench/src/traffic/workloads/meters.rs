//! Traffic of the programs that measure: `rate_limiter`, `heavy_hitter`, `flow_telemetry`.

use super::{flag, inside, length, outside, station, Workload, GATEWAY};
use crate::traffic::{Ipv4, MapEntry, PacketBuilder, Pauses, Rng, MINIMUM_FRAME};

fn frame(flow: usize) -> PacketBuilder {
    PacketBuilder::ethernet(GATEWAY, station(flow)).ipv4(Ipv4::new(inside(flow), outside(flow)))
}

fn datagram(flow: usize, nth: usize) -> Vec<u8> {
    frame(flow).udp(4000 + nth as u16 % 16, 4789).fill_to(MINIMUM_FRAME).build()
}

/// Token buckets: a hot source sends about twice what it may.
pub(super) fn rate_limiter() -> Workload {
    Workload {
        name: "rate_limiter",
        flows: 48,
        packet: |rng, flow, nth| match rng.below(30) {
            0 => PacketBuilder::ethernet(GATEWAY, station(flow))
                .ethertype(0x88cc)
                .fill_to(60)
                .build(),
            1 => frame(flow).udp(1, 2).fill_to(1514).build(),
            _ => frame(flow).udp(4000, nth as u16).fill_to(length(rng)).build(),
        },
        hot: datagram,
        maps: || {
            let (rate, burst) = (60_000u32, 1400u32);
            vec![MapEntry::new("limits", &[&[0; 4]], &[&rate.to_le_bytes(), &burst.to_le_bytes()])]
        },
        pauses: Pauses { largest_gap_ns: 2000, percent: 2, longest_ns: 100_000 },
    }
}

/// Heavy hitters: pairs of addresses, some of which come often enough to get entries.
pub(super) fn heavy_hitter() -> Workload {
    Workload {
        name: "heavy_hitter",
        flows: 64,
        packet: |rng, flow, _| match rng.below(20) {
            0 => frame(flow).icmp(8, 0, 1, 1).fill_to(MINIMUM_FRAME).build(),
            1 => {
                let options = vec![1; 4 * rng.between(1, 10)];
                let ip = Ipv4 { options, ..Ipv4::new(inside(flow), outside(flow)) };
                PacketBuilder::ethernet(GATEWAY, station(flow))
                    .ipv4(ip)
                    .udp(1, 2)
                    .fill_to(100)
                    .build()
            }
            _ => frame(flow).tcp(4000, 443, flag::ACK, &[]).fill_to(length(rng)).build(),
        },
        hot: datagram,
        maps: Vec::new,
        pauses: Pauses { largest_gap_ns: 2000, percent: 0, longest_ns: 0 },
    }
}

/// Flow telemetry: TCP and UDP flows; the TCP ones end now and then.
pub(super) fn flow_telemetry() -> Workload {
    Workload {
        name: "flow_telemetry",
        flows: 40,
        packet: |rng, flow, nth| {
            let packet = flow_packet(rng, flow, nth);
            match rng.below(30) {
                0 => frame(flow).protocol(47).fill_to(MINIMUM_FRAME).build(),
                1 => {
                    let ip = Ipv4 { fragment: 0x2000, ..Ipv4::new(inside(flow), outside(flow)) };
                    PacketBuilder::ethernet(GATEWAY, station(flow)).ipv4(ip).udp(1, 2).build()
                }
                _ => packet,
            }
        },
        hot: |flow, _| frame(flow).udp(4000 + flow as u16, 53).fill_to(MINIMUM_FRAME).build(),
        maps: Vec::new,
        pauses: Pauses { largest_gap_ns: 3000, percent: 3, longest_ns: 80_000 },
    }
}

fn flow_packet(rng: &mut Rng, flow: usize, nth: usize) -> Vec<u8> {
    let port = 4000 + flow as u16;
    if flow % 3 == 2 {
        return frame(flow).udp(port, 53).fill_to(length(rng)).build();
    }
    let flags = match rng.below(24) {
        0 => flag::FIN | flag::ACK,
        1 => flag::RST,
        _ if nth == 0 => flag::SYN,
        _ => flag::ACK,
    };
    frame(flow).tcp(port, 443, flags, &[]).fill_to(length(rng)).build()
}
