//! Every example on every engine: same packets, same maps, same cycles, under any pacing, at one packet per clock.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_backends::verilog::Design;
use beeline_frontend::{load, verifier, VerifiedProgram};
use beeline_ir::op::{BinOp, Op};

use beeline_testbench::capture::{self, Trace, TracePacket};
use beeline_testbench::engine::{EngineKind, Job, Surroundings};
use beeline_testbench::equiv::{equiv, Report, Status};
use beeline_testbench::estimate::rates;
use beeline_testbench::flow::{compile, generate, Compiled, Options};
use beeline_testbench::map_file::{self, MapFile};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use beeline_testbench::traffic;
use std::path::{Path, PathBuf};

const EXAMPLES: [&str; 9] = [
    "l2_acl",
    "firewall",
    "proto_counters",
    "ipip_encap",
    "vlan",
    "router",
    "icmp_echo",
    "dns_filter",
    "snap",
];

/// Seeds of gaps and back-pressure for each example.
const PACING_SEEDS: u64 = 20;

const ENGINES: [EngineKind; 4] = EngineKind::ALL;

struct Example {
    name: &'static str,
    program: VerifiedProgram,
    compiled: Compiled,
    trace: Trace,
    maps: MapFile,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

fn example(name: &'static str) -> Example {
    let dir = folder(name);
    let bytes = std::fs::read(dir.join(format!("{name}.o"))).unwrap();
    let program = load(&bytes, name).unwrap().program(None).unwrap();
    let program = verifier::verify(program).unwrap_or_else(|d| panic!("{name}: {}", d[0]));
    let compiled =
        compile(&program, &Options::default()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let trace = capture::read(&dir.join("traffic.pcap")).unwrap();
    let maps = dir.join("maps.json");
    let maps = match maps.is_file() {
        true => map_file::read(&maps, &program.program().maps, &[]).unwrap(),
        false => MapFile::default(),
    };
    Example { name, program, compiled, trace, maps }
}

impl Example {
    fn replay(&self, trace: &Trace, engines: &[EngineKind], pacing: Pacing) -> Report {
        equiv(engines, &Job { pacing, ..self.job(trace) })
    }

    fn job<'a>(&'a self, trace: &'a Trace) -> Job<'a> {
        Job {
            program: &self.program,
            hardware: Some(&self.compiled),
            tail_calls: TailCalls::none(),
            trace,
            maps: &self.maps,
            surroundings: Surroundings::default(),
            pacing: Pacing::FullRate,
        }
    }

    fn check(&self, pacing: Pacing) {
        let report = self.replay(&self.trace, &ENGINES, pacing);
        for (engine, status) in &report.engines {
            match status {
                Status::Skipped(why) => eprintln!("notice: {engine} skipped: {why}"),
                Status::Reference | Status::Equal => {}
                bad => panic!("{} on {engine}, {pacing:?}: {bad:?}", self.name),
            }
        }
    }
}

fn all_engines_agree(name: &'static str) {
    let e = example(name);
    e.check(Pacing::FullRate);
    for seed in 0..PACING_SEEDS {
        e.check(Pacing::Random(seed));
    }
}

macro_rules! agreement {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                all_engines_agree(stringify!($name));
            }
        )*
    };
}

agreement!(l2_acl firewall proto_counters ipip_encap vlan router icmp_echo dns_filter snap);

/// 64-byte frames back to back, over one flow and over many.
fn back_to_back(flows: usize) -> Trace {
    let frames = traffic::back_to_back(500, 60, flows).frames;
    let packets = frames
        .into_iter()
        .enumerate()
        .map(|(index, f)| TracePacket {
            index,
            time_ns: f.timestamp_ns,
            bytes: f.data,
            rx_hash: None,
        })
        .collect();
    Trace { packets, notices: Vec::new() }
}

#[test]
fn all_examples_take_one_packet_per_clock() {
    for name in EXAMPLES {
        let e = example(name);
        for flows in [1, 64] {
            let trace = back_to_back(flows);
            let report =
                e.replay(&trace, &[EngineKind::Interp, EngineKind::Pipeline], Pacing::FullRate);
            assert!(report.is_equal(), "{name}: {:?}", report.engines);
            let record = report.record(EngineKind::Pipeline).unwrap();
            let in_cycles: Vec<u64> = record.packets.iter().map(|p| p.cycles.unwrap().0).collect();
            let expected: Vec<u64> = (0..trace.packets.len() as u64).collect();
            let r = rates(&trace, record, 250);
            if name == "vlan" {
                let pushed = record.packets.iter().filter(|p| p.outcome.bytes.len() == 64).count();
                assert_eq!(pushed, trace.packets.len(), "vlan puts a tag into every frame");
            }
            // A packet that leaves as two beats makes two of one: its output, not its pipeline, is then the limit.
            let two_beats = record.packets.iter().any(|p| p.outcome.bytes.len() > 64);
            if !two_beats {
                let late = in_cycles.iter().zip(&expected).position(|(a, b)| a != b);
                assert_eq!(late, None, "{name}, {flows} flows: this packet waits");
                assert_eq!(r.cycles_per_packet, 1.0, "{name}, {flows} flows");
            }
        }
    }
}

#[test]
fn every_example_compiles_in_less_than_a_second() {
    for name in EXAMPLES {
        let bytes = std::fs::read(folder(name).join(format!("{name}.o"))).unwrap();
        let start = std::time::Instant::now();
        let program = load(&bytes, name).unwrap().program(None).unwrap();
        let program = verifier::verify(program).unwrap();
        compile(&program, &Options::default()).unwrap();
        let limit = if cfg!(debug_assertions) { 5.0 } else { 1.0 };
        let seconds = start.elapsed().as_secs_f64();
        assert!(seconds < limit, "{name}: {seconds} s");
    }
}

#[test]
fn an_empty_trace_and_one_packet_are_equal() {
    let e = example("firewall");
    for n in [0, 1] {
        let packets = e.trace.packets.iter().take(n).cloned().collect();
        let report = e.replay(&Trace { packets, notices: vec![] }, &ENGINES, Pacing::FullRate);
        assert!(report.is_equal(), "{:?}", report.engines);
        assert_eq!(report.packets, n);
    }
}

/// The design with `from` replaced by `to` in the file `file`, which must contain it.
fn broken(design: &Design, file: &str, from: &str, to: &str) -> Design {
    let mut design = design.clone();
    let (_, text) =
        design.files.iter_mut().find(|(n, _)| n == file).expect("the design has the file");
    assert!(text.contains(from), "{file} no longer contains `{from}`");
    *text = text.replacen(from, to, 1);
    design
}

#[test]
fn a_broken_cell_is_caught() {
    let e = example("proto_counters");
    let trace = back_to_back(1);
    let healthy = e.replay(&trace, &ENGINES, Pacing::FullRate);
    if matches!(healthy.engines.last(), Some((_, Status::Skipped(_)))) {
        eprintln!("notice: rtl skipped");
        return;
    }
    assert!(healthy.is_equal(), "{:?}", healthy.engines);
    // Without forwarding, a hot counter loses increments.
    let mut e = e;
    e.compiled.design = broken(&e.compiled.design, "bl_value_ram.sv", FORWARD.0, FORWARD.1);
    let report = e.replay(&trace, &ENGINES, Pacing::FullRate);
    let (_, status) = report.engines.last().unwrap();
    let Status::Diverged(divergence) = status else {
        panic!("a lost update went unnoticed: {status:?}");
    };
    // The second packet is the first that needs the row of the packet ahead.
    let blame = divergence.blame.as_ref().expect("a lost update can be placed");
    assert_eq!(blame.index, 1, "{blame:?}");
    assert!(blame.form.as_ref().is_some_and(|f| f.contains("Verilog")), "{blame:?}");
    let line = blame.place.line.as_ref().expect("the example has line info");
    assert!(line.text.contains("counter->"), "{line:?}");
}

/// The condition of the forwarding path in the value memory, and a broken one.
const FORWARD: (&str, &str) = ("(same_q && wrote_q)", "(same_q && wrote_q && host_write_q)");

#[test]
fn a_wrong_pass_is_caught() {
    let e = example("icmp_echo");
    let mut function = e.compiled.function.clone();
    // A pass that confuses addition with subtraction, in one place.
    let wrong = function.dfg.insts.values_mut().find_map(|inst| match &mut inst.op {
        Op::Bin(op @ BinOp::Add, ..) => Some(op),
        _ => None,
    });
    *wrong.expect("the checksum update adds") = BinOp::Sub;
    let mut e = e;
    let generated = generate(function, e.program.program(), &Options::default());
    e.compiled = generated.unwrap();
    let engines = [EngineKind::Interp, EngineKind::Pipeline];
    let report = e.replay(&e.trace, &engines, Pacing::FullRate);
    let (_, status) = report.engines.last().unwrap();
    let Status::Diverged(divergence) = status else {
        panic!("a wrong operation went unnoticed: {status:?}");
    };
    let blame = divergence.blame.as_ref().expect("a wrong byte can be placed");
    assert!(blame.form.as_ref().is_some_and(|f| f.contains("compiled")), "{blame:?}");
    assert!(blame.place.line.is_some(), "{blame:?}");
}
