//! Throughput and latency from a replay of a clocked engine.

use crate::capture::Trace;
use crate::engine::Record;

/// Bytes that Ethernet adds to a captured frame on the wire: FCS 4, preamble 8, inter-packet gap 12.
pub const WIRE_OVERHEAD: u64 = 24;

/// Line rate that estimates are held against, in bits per second.
pub const LINE_RATE: f64 = 100e9;

/// Smallest, median and largest of a set of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Smallest.
    pub min: u64,
    /// Median (the lower one of an even number).
    pub median: u64,
    /// Largest.
    pub max: u64,
}

impl Spread {
    /// Of `values`; all zero if there are none.
    pub fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = values.collect();
        sorted.sort_unstable();
        match sorted[..] {
            [] => Self::default(),
            [min, .., max] => Self { min, median: sorted[(sorted.len() - 1) / 2], max },
            [one] => Self { min: one, median: one, max: one },
        }
    }
}

/// Rates that a replay showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Packets replayed.
    pub packets: u64,
    /// Cycles from the first packet's entry to the last packet's, scaled to all packets: pipeline fill is not counted.
    pub cycles: u64,
    /// Mean.
    pub cycles_per_packet: f64,
    /// Millions of packets per second.
    pub mpps: f64,
    /// Gigabits per second on the wire (with preamble, FCS and gap).
    pub gbps: f64,
    /// Millions of packets per second that 100 Gb/s Ethernet carries with this packet mix.
    pub line_rate_mpps: f64,
    /// From entering to leaving, in cycles.
    pub latency: Spread,
}

/// Rates at `clock_mhz`, from a replay at full rate of `trace`.
///
/// The steady rate is measured between packets leaving: the first packet's latency is not charged to throughput.
pub fn rates(trace: &Trace, record: &Record, clock_mhz: u32) -> Rates {
    let packets = record.packets.len() as u64;
    let times = || record.packets.iter().filter_map(|p| p.cycles);
    let latency = Spread::of(times().map(|(a, b)| b - a));
    let first = times().next().map_or(0, |(a, b)| b - a);
    let last = times().map(|(_, b)| b).max().unwrap_or(0);
    let start = times().next().map_or(0, |(a, _)| a);
    // One packet occupies its own cycle of output; the pipeline's fill time does not count.
    let cycles = if packets == 0 { 0 } else { last - start - first + 1 };
    let per_packet = if packets == 0 { 0.0 } else { cycles as f64 / packets as f64 };
    let mpps = if cycles == 0 { 0.0 } else { f64::from(clock_mhz) / per_packet };
    let wire: u64 = trace.packets.iter().map(|p| p.bytes.len() as u64 + WIRE_OVERHEAD).sum();
    let mean_bits = if packets == 0 { 0.0 } else { wire as f64 * 8.0 / packets as f64 };
    Rates {
        packets,
        cycles,
        cycles_per_packet: per_packet,
        mpps,
        gbps: mpps * mean_bits / 1e3,
        line_rate_mpps: if mean_bits == 0.0 { 0.0 } else { LINE_RATE / mean_bits / 1e6 },
        latency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::TracePacket;
    use crate::engine::{dropped, PacketRecord};
    use beeline_sim::Exit;

    #[test]
    fn back_to_back_64_byte_frames_reach_the_clock() {
        let packet =
            |index: usize| TracePacket { index, time_ns: 0, bytes: vec![0; 60], rx_hash: None };
        let trace = Trace { packets: (0..100).map(packet).collect(), notices: vec![] };
        let outcome = dropped(Exit { code: 1, redirect: None });
        let packets = (0..100)
            .map(|n| PacketRecord {
                outcome: outcome.clone(),
                events: Vec::new(),
                cycles: Some((n, n + 14)),
            })
            .collect();
        let r = rates(&trace, &Record { packets, cycles: Some(114), ..Record::default() }, 250);
        assert_eq!((r.packets, r.cycles, r.cycles_per_packet), (100, 100, 1.0));
        assert!((r.mpps - 250.0).abs() < 1e-9 && (r.gbps - 168.0).abs() < 1e-9);
        assert!((r.line_rate_mpps - 148.809).abs() < 1e-2);
        assert_eq!(r.latency, Spread { min: 14, median: 14, max: 14 });
    }

    #[test]
    fn an_empty_trace_has_no_rate() {
        let r = rates(&Trace::default(), &Record::default(), 250);
        assert_eq!((r.cycles, r.mpps, r.latency.max), (0, 0.0, 0));
    }
}
