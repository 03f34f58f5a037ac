//! Scheduled pipelines with gates, tables and late changes, written down as text: the Verilated design and the cycle-level simulator agree
//! on every packet, its bytes, the cycles in which it enters and leaves, and the cycles spent waiting.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_backends::verilog::{emit, Options};
use beeline_ir::text::parse_staged;
use beeline_ir::validate::validate_staged;
use beeline_ir::{StagedPipeline, Validated};
use beeline_sim::pipeline::{Arrival, PipelineSim, Traffic};
use beeline_sim::trace::Inputs;
use beeline_sim::MapSet;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::rtl::build;
use beeline_testbench::rtl::model::{Beat, Meta, Model, Stream};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a packet: one beat.
const LEN: usize = 64;

struct Bench {
    staged: Validated<StagedPipeline>,
    library: PathBuf,
}

impl Bench {
    /// The design of the scheduled pipeline in `text`; none, with a notice, if the tools are missing.
    fn new(text: &str) -> Option<Self> {
        let staged = parse_staged(text).unwrap();
        let staged = validate_staged(staged).unwrap_or_else(|e| panic!("{e}"));
        let design = emit(&staged, &Options::default()).unwrap();
        match build::build(&design) {
            Ok(library) => Some(Self { staged, library }),
            Err(e) if e.is_missing_tool() => {
                eprintln!("SKIPPED: {e}");
                None
            }
            Err(e) => panic!("{e}"),
        }
    }

    /// Sends `packets` through both, and gives the cycles in which packets waited, by map.
    fn compare(&self, packets: &[Vec<u8>], pacing: Pacing) -> Vec<u64> {
        let mut traffic = Pattern {
            idle: pacing.idle_before_beats(packets.len()),
            ready: pacing.ready_pattern(),
        };
        let mut model = Model::load(&self.library, 1).unwrap();
        let beats: Vec<Beat> = packets
            .iter()
            .enumerate()
            .map(|(n, p)| Beat::new(n as u32, p, traffic.idle[n], true))
            .collect();
        let metas: Vec<Meta> = packets.iter().map(|p| Meta::new(0, p.len() as u32, 1, 0)).collect();
        let ready: Vec<u8> = traffic.ready.iter().map(|r| u8::from(*r)).collect();
        let stream = Stream { beats, metas, ready, event_ready: vec![1] };
        let rtl = model.replay(Arc::new(stream)).unwrap();

        let mut maps = MapSet::from_decls(self.staged.pipeline.dfg.maps.values()).unwrap();
        let inputs =
            |n: usize| Inputs { packet_index: n as u32, ingress_ifindex: 1, ..Inputs::default() };
        let arrivals: Vec<Arrival> = packets
            .iter()
            .enumerate()
            .map(|(n, bytes)| Arrival { bytes, inputs: inputs(n) })
            .collect();
        let run = PipelineSim::new(&self.staged).run(&arrivals, &mut maps, &mut traffic).unwrap();

        assert_eq!(rtl.outs.len(), packets.len());
        for (n, out) in rtl.outs.iter().enumerate() {
            let d = &run.departures[n];
            assert_eq!(&out.data[..], run.bytes(n), "{pacing:?}: bytes of packet {n}");
            assert_eq!(
                (rtl.entered[n], out.cycle),
                (d.cycle_in, d.cycle_out),
                "{pacing:?}: cycles of packet {n}"
            );
        }
        let stalls = (0..run.stalls.maps.len() as u32).map(|map| {
            model.write(0x000c, map).unwrap();
            u64::from(model.read(0x00a0).unwrap()) | u64::from(model.read(0x00a4).unwrap()) << 32
        });
        let stalls: Vec<u64> = stalls.collect();
        assert_eq!(stalls, run.stalls.maps, "{pacing:?}: cycles spent waiting");
        stalls
    }
}

struct Pattern {
    idle: Vec<u32>,
    ready: Vec<bool>,
}

impl Traffic for Pattern {
    fn idle(&mut self, packet: usize, _beat: usize) -> u32 {
        self.idle[packet]
    }

    fn ready(&mut self, cycle: u64) -> bool {
        self.ready[(cycle % self.ready.len() as u64) as usize]
    }
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

const PACINGS: [Pacing; 6] = [
    Pacing::FullRate,
    Pacing::Random(1),
    Pacing::Random(2),
    Pacing::Random(3),
    Pacing::Random(4),
    Pacing::Random(5),
];

/// Packets for `meter.ir`: `sources` sources, the first of them in `hot` of a hundred packets.
fn meter_packets(seed: u64, count: usize, sources: u64, hot: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng(seed);
    let mut packet = || {
        let mut bytes: Vec<u8> = (0..LEN).map(|_| rng.next() as u8).collect();
        let source = if rng.next() % 100 < hot { 0 } else { rng.next() % sources };
        bytes[..4].copy_from_slice(&(source as u32).to_le_bytes());
        // Bits: may insert, takes out, changes, notes.
        bytes[4] = (rng.next() % 16) as u8;
        if rng.next() % 4 != 0 {
            bytes[4] &= !2;
        }
        bytes
    };
    (0..count).map(|_| packet()).collect()
}

#[test]
fn meter_is_the_same_in_every_cycle() {
    let text = include_str!("../../../backends/tests/verilog/meter.ir");
    let Some(bench) = Bench::new(text) else { return };
    let mut waits = 0;
    for (n, pacing) in PACINGS.into_iter().enumerate() {
        for (sources, hot) in [(3, 50), (8, 20), (20, 0), (1, 0)] {
            let packets = meter_packets(n as u64, 1500, sources, hot);
            waits += bench.compare(&packets, pacing)[0];
        }
    }
    assert!(waits > 1000, "the gates hardly ever block: {waits}");
}
