//! Workloads of the programs that watch and report.

use super::packets::{ipv4, timeline, Flow, ACK, FLAGS, SYN, TCP};
use super::{Maps, Workload};
use beeline_testbench::traffic::{Mix, Rng};

pub fn flow_ringbuf() -> Workload {
    let flows = Flow::many(4, 16);
    Maps::default().with(timeline(41, 600, |rng, _| {
        let flow = *rng.pick(&flows);
        match rng.below(20) {
            0 => Flow { protocol: 1, ..flow }.any(rng),
            1 => flow.any(rng),
            _ => flow.packet(ACK).fill_to(Mix::length(rng)).build(),
        }
    }))
}

pub fn perf_sample() -> Workload {
    let mut maps = Maps::default();
    for (port, whole) in [(22u16, 0), (8080, 1), (4789, 1)] {
        maps.put("suspicious", &[&port.to_le_bytes()], &[&[whole]]);
    }
    maps.with(timeline(42, 400, |rng, _| Flow::draw(rng).any(rng)))
}

pub fn histograms() -> Workload {
    let flows = Flow::many(5, 12);
    Maps::default().with(timeline(43, 500, |rng, _| {
        let flow = Flow { protocol: TCP, ..*rng.pick(&flows) };
        let other = *rng.pick(&FLAGS);
        let flags = *rng.pick(&[SYN, ACK, other]);
        flow.packet(flags).fill_to(Mix::length(rng)).build()
    }))
}

pub fn heavy_hitters() -> Workload {
    Maps::default().with(timeline(44, 600, |rng, _| {
        // A few sources send most.
        let source = match rng.below(4) {
            0 => [203, 0, rng.next_u8(), rng.next_u8()],
            _ => [10, 20, 0, 1 << rng.below(5).min(rng.below(5))],
        };
        ipv4(source, [10, 20, 1, 1]).udp(1, 2).fill_to(short(rng)).build()
    }))
}

fn short(rng: &mut Rng) -> usize {
    rng.between(60, 90)
}
