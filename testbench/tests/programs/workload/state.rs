//! Workloads of the programs that keep state: connections, rates, pools.

use super::packets::{
    ipv4, timeline, timeline_with_gap, Flow, ACK, FIN, FLAGS, ICMP, PUSH, RST, SYN, TCP,
};
use super::{addresses, le, Maps, Workload};
use beeline_testbench::traffic::{Ipv4, Mix, PacketBuilder};

/// A TCP connection in its usual order: whether the packet goes outward, and its flags.
const CONVERSATION: [(bool, u8); 9] = [
    (true, SYN),
    (false, SYN | ACK),
    (true, ACK),
    (true, ACK | PUSH),
    (false, ACK | PUSH),
    (true, ACK),
    (true, FIN | ACK),
    (false, FIN | ACK),
    (true, ACK),
];

pub fn conntrack() -> Workload {
    let mut flows: Vec<(Flow, usize)> = Flow::many(6, 20)
        .into_iter()
        .map(|f| (Flow { source: [10, 20, 0, 2].into(), ..f }, 0))
        .collect();
    Maps::default().with(timeline_with_gap(51, 700, 400_000, |rng, _| {
        let n = rng.below(flows.len());
        let (flow, step) = &mut flows[n];
        let (outward, flags) = match rng.percent(85) {
            true => CONVERSATION[*step % CONVERSATION.len()],
            false => (rng.percent(50), *rng.pick(&FLAGS)),
        };
        *step += 1;
        let flow = if outward { *flow } else { flow.reversed() };
        let (fragment, options) = match rng.below(20) {
            0 => (0x2000, vec![]),
            1 => (0, vec![1; 4]),
            _ => (0, vec![]),
        };
        let header = Ipv4 { fragment, options, ..Ipv4::new(flow.source, flow.dest) };
        let frame = PacketBuilder::ethernet([4; 6], [6; 6]).ipv4(header);
        match flow.protocol {
            TCP => frame.tcp(flow.ports[0], flow.ports[1], flags, &[]),
            _ => frame.udp(flow.ports[0], flow.ports[1]),
        }
        .pad_to(60)
        .build()
    }))
}

pub fn token_bucket() -> Workload {
    let mut maps = Maps::default();
    maps.at("settings", 0, &[&le(30), &le(5000)]);
    let last = 1_704_067_199_999_000_000u64.to_le_bytes();
    maps.put("buckets", &[&[10, 20, 1, 1]], &[&le(0), &le(7), &last, &[0; 16]]);
    let hosts = addresses();
    maps.with(timeline(52, 600, |rng, _| {
        let (source, dest) = (*rng.pick(&hosts), *rng.pick(&hosts));
        ipv4(source, dest).udp(1, 2).fill_to(Mix::length(rng)).build()
    }))
}

pub fn rate_window() -> Workload {
    Maps::default().with(timeline_with_gap(53, 700, 10_000, |rng, _| {
        let source = [10, 20, rng.below(6).min(rng.below(6)) as u8, rng.next_u8()];
        ipv4(source, [10, 20, 1, 1]).udp(1, 2).fill_to(60).build()
    }))
}

pub fn atomics() -> Workload {
    let mix = Mix::default();
    Maps::default().with(timeline(54, 500, |rng, _| {
        let mut ip = mix.ipv4_header(rng);
        ip.dest = [*rng.pick(&[10, 10, 20, 44, 99]), 2, 3, 4].into();
        ip.tos = rng.next_u8();
        let packet = mix.untagged(rng).ipv4(ip);
        mix.ported(rng, packet).fill_to(Mix::length(rng)).build()
    }))
}

pub fn port_pool() -> Workload {
    let hosts = addresses();
    Maps::default().with(timeline(55, 500, |rng, _| {
        let flags = *rng.pick(&[SYN, SYN, ACK, FIN | ACK, RST]);
        let host = *rng.pick(&hosts);
        ipv4(host, [10, 20, 1, 1]).tcp(rng.next_u16(), 80, flags, &[]).pad_to(60).build()
    }))
}

pub fn bloom_seen() -> Workload {
    Maps::default().with(timeline(56, 600, |rng, _| {
        let host = [192, 0, 2, rng.below(40) as u8];
        let dest = [10, 20, 1, 1];
        match rng.below(8) {
            0 => Flow { protocol: ICMP, source: host.into(), ..Flow::draw(rng) }.any(rng),
            1 => ipv4(host, dest).udp(1, 22).pad_to(60).build(),
            _ => ipv4(host, dest)
                .tcp(33000, *rng.pick(&[22, 22, 22, 80]), SYN, &[])
                .pad_to(60)
                .build(),
        }
    }))
}
