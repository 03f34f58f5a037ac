//! Programs that send events: every engine sends the same ones, packet by packet, and simulator and RTL send them in the same cycles, whatever
//! the back-pressure on packets and events.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_frontend::{load, verifier, VerifiedProgram};
use beeline_testbench::capture::{Trace, TracePacket};
use beeline_testbench::engine::{EngineKind, Job, Record, Surroundings};
use beeline_testbench::equiv::{equiv, Report, Status};
use beeline_testbench::flow::{compile, Compiled, Options};
use beeline_testbench::map_file::MapFile;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use beeline_testbench::traffic::Rng;
use std::path::Path;

/// Seeds of gaps and back-pressure for each program.
const SEEDS: u64 = 8;

struct Case {
    program: VerifiedProgram,
    compiled: Compiled,
}

fn case(name: &str) -> Case {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/events/events.o");
    let object = load(&std::fs::read(file).unwrap(), "events.o").unwrap();
    let program = verifier::verify(object.program(Some(name)).unwrap());
    let program = program.unwrap_or_else(|d| panic!("{name}: {}", d[0]));
    let compiled =
        compile(&program, &Options::default()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    Case { program, compiled }
}

/// Frames of random bytes, of all the lengths around beats and windows.
fn trace(count: usize, seed: u64) -> Trace {
    let mut rng = Rng::new(seed);
    let packet = |index: usize| {
        let longest = if index % 16 == 0 { 400 } else { 90 };
        let len = 20 + rng.below(longest);
        let bytes = (0..len).map(|_| rng.below(256) as u8).collect();
        TracePacket { index, time_ns: 1000 * index as u64, bytes, rx_hash: None }
    };
    Trace { packets: (0..count).map(packet).collect(), notices: Vec::new() }
}

impl Case {
    fn run(&self, trace: &Trace, engines: &[EngineKind], pacing: Pacing) -> Report {
        let job = Job {
            program: &self.program,
            hardware: Some(&self.compiled),
            tail_calls: TailCalls::none(),
            trace,
            maps: &MapFile::default(),
            surroundings: Surroundings::default(),
            pacing,
        };
        equiv(engines, &job)
    }
}

fn sent(record: &Record) -> usize {
    record.packets.iter().map(|p| p.events.len()).sum()
}

/// All engines agree on `name`, whose packets send at least `least` events in 300 packets.
fn agree(name: &str, least: usize) {
    let case = case(name);
    for seed in 0..=SEEDS {
        let (pacing, engines) = match seed {
            // Which indices have an event depends on the CPUs of the machine.
            0 if name != "perf_index" => (Pacing::FullRate, &EngineKind::ALL[..]),
            0 => (Pacing::FullRate, &[EngineKind::Pipeline, EngineKind::Rtl][..]),
            _ => (Pacing::Random(seed), &[EngineKind::Pipeline, EngineKind::Rtl][..]),
        };
        let report = case.run(&trace(300, seed), engines, pacing);
        for (engine, status) in &report.engines {
            match status {
                Status::Skipped(why) => eprintln!("notice: {engine} skipped: {why}"),
                Status::Reference | Status::Equal => {}
                Status::Diverged(d) => panic!("{name} on {engine}, {pacing:?}: {}", d.what),
                bad => panic!("{name} on {engine}, {pacing:?}: {bad:?}"),
            }
        }
        let events = sent(report.record(EngineKind::Interp).unwrap());
        assert!(events >= least, "{name}: {events} events");
        let clocked = report.record(EngineKind::Pipeline).unwrap();
        assert_eq!(clocked.event_cycles.len(), events, "{name}");
    }
}

macro_rules! programs {
    ($($name:ident $least:literal)*) => {
        $(
            #[test]
            fn $name() {
                agree(stringify!($name), $least);
            }
        )*
    };
}

programs! {
    perf_plain 250
    perf_bytes 100
    perf_index 60
    perf_moved 290
    ring_output 100
    ring_length 250
    ring_reserve 100
    two_events 200
    ring_full 40
}
