//! Packets per second of the cycle-level simulator and of the Verilated model, on the firewall example: back-to-back 64-byte
//! frames (60 bytes without FCS), and the example's own capture. Building the model is not counted.

#![allow(clippy::unwrap_used, missing_docs)] // in a benchmark, a panic is the report

use beeline_frontend::{load, verifier};
use beeline_sim::pipeline::PipelineSim;
use beeline_sim::MapSet;
use beeline_testbench::capture::{self, Trace, TracePacket};
use beeline_testbench::engine::{EngineError, Job, Surroundings};
use beeline_testbench::flow::{compile, Options};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use beeline_testbench::{map_file, pipeline, rtl, traffic};
use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use std::path::Path;

const FRAMES: usize = 20_000;

fn back_to_back() -> Trace {
    let frames = traffic::back_to_back(FRAMES, 60, 64).frames.into_iter().enumerate();
    let packets = frames
        .map(|(index, f)| TracePacket {
            index,
            time_ns: f.timestamp_ns,
            bytes: f.data,
            rx_hash: None,
        })
        .collect();
    Trace { packets, notices: Vec::new() }
}

fn engines(c: &mut Criterion) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/firewall");
    let object = std::fs::read(dir.join("firewall.o")).unwrap();
    let program = load(&object, "firewall.o").unwrap().program(None).unwrap();
    let program = verifier::verify(program).unwrap();
    let hardware = compile(&program, &Options::default()).unwrap();
    let maps = map_file::read(&dir.join("maps.json"), &program.program().maps, &[]).unwrap();
    let own = capture::read(&dir.join("traffic.pcap")).unwrap();
    for (name, trace) in [("64-byte frames", back_to_back()), ("own capture", own)] {
        let job = Job {
            program: &program,
            hardware: Some(&hardware),
            tail_calls: TailCalls::none(),
            trace: &trace,
            maps: &maps,
            surroundings: Surroundings::default(),
            pacing: Pacing::FullRate,
        };
        let mut group = c.benchmark_group(format!("firewall, {name}"));
        group.sample_size(10).throughput(Throughput::Elements(trace.packets.len() as u64));
        let mut sim = PipelineSim::new(&hardware.staged);
        let mut state = MapSet::from_decls(hardware.staged.pipeline.dfg.maps.values()).unwrap();
        maps.load(&mut state).unwrap();
        let arrivals = pipeline::arrivals(&job);
        group.bench_function("pipeline", |b| {
            b.iter(|| sim.run(&arrivals, &mut state, &mut pipeline::pattern(&job)).unwrap().cycles);
        });
        match rtl::prepare(&job) {
            Ok(mut model) => {
                group.bench_function("rtl", |b| b.iter(|| model.replay().unwrap().cycles));
            }
            Err(EngineError::Skipped(why)) => eprintln!("notice: rtl skipped: {why}"),
            Err(e) => panic!("{e}"),
        }
        group.finish();
    }
}

criterion_group!(benches, engines);
criterion_main!(benches);
