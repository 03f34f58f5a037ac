//! An example made ready to run: program, hardware, map content, traffic.

use beeline_frontend::{load, verifier, Program, VerifiedProgram};
use beeline_testbench::capture::{Trace, TracePacket};
use beeline_testbench::engine::{EngineKind, Job, Surroundings};
use beeline_testbench::equiv::{equiv, Report, Status};
use beeline_testbench::flow::{compile, Compiled, Options};
use beeline_testbench::map_file::{self, MapFile};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use beeline_testbench::traffic::workloads::{self, Workload};
use beeline_testbench::traffic::{self, maps_json};
use std::path::Path;

/// An example with everything that its runs share.
pub struct Subject {
    pub workload: Workload,
    pub program: VerifiedProgram,
    pub tail_calls: TailCalls,
    pub hardware: Compiled,
    pub maps: MapFile,
}

impl Subject {
    /// The example as it is.
    pub fn load(name: &str) -> Self {
        Self::adjusted(name, &|_| ())
    }

    /// The example with some maps of another size.
    pub fn resized(name: &str, sizes: &[(&str, u32)]) -> Self {
        Self::adjusted(name, &|program| {
            for (map, entries) in sizes {
                let map = program.maps.iter_mut().find(|m| m.name == *map).unwrap();
                map.max_entries = *entries;
            }
        })
    }

    /// The example after `adjust` has changed its programs.
    pub fn adjusted(name: &str, adjust: &dyn Fn(&mut Program)) -> Self {
        let workload = workloads::all().into_iter().find(|w| w.name == name).unwrap();
        let file = format!("../examples/{name}/{name}.o");
        let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let object = load(&bytes, name).unwrap();
        let mut program = object.program(Some(name)).unwrap();
        adjust(&mut program);
        let json = maps_json(&(workload.maps)());
        let maps =
            map_file::parse(&json, Path::new(name), &program.maps, &program.xdp_programs).unwrap();
        let tail_calls = TailCalls::load(&object, &program, &maps, adjust).unwrap();
        let program = verifier::verify(program).unwrap_or_else(|d| panic!("{name}: {}", d[0]));
        let options = Options { tail_calls: tail_calls.clone(), ..Options::default() };
        let hardware =
            compile(&program, &options).unwrap_or_else(|e| panic!("{name} has no hardware: {e:?}"));
        Self { workload, program, tail_calls, hardware, maps }
    }

    /// Runs `trace` on `engines`.
    pub fn replay(&self, trace: &Trace, engines: &[EngineKind], pacing: Pacing) -> Report {
        let job = Job {
            program: &self.program,
            hardware: Some(&self.hardware),
            tail_calls: &self.tail_calls,
            trace,
            maps: &self.maps,
            surroundings: Surroundings::default(),
            pacing,
        };
        equiv(engines, &job)
    }
}

/// A trace of the traffic generator as one that engines take.
pub fn captured(trace: traffic::Trace) -> Trace {
    let packets = trace.frames.into_iter().enumerate().map(|(index, frame)| TracePacket {
        index,
        time_ns: frame.timestamp_ns,
        bytes: frame.data,
        rx_hash: None,
    });
    Trace { packets: packets.collect(), notices: Vec::new() }
}

/// What is wrong with a report; notices about what could not be compared go to the standard error.
pub fn fault(report: &Report) -> Option<String> {
    for (engine, notice) in report.notices() {
        eprintln!("notice: {engine}: {notice}");
    }
    report.engines.iter().find_map(|(engine, status)| match status {
        Status::Reference | Status::Equal => None,
        Status::Skipped(why) => {
            eprintln!("notice: {engine} skipped: {why}");
            None
        }
        Status::Diverged(d) => Some(format!("{engine}: {} (blame: {:?})", d.what, d.blame)),
        Status::Failed(e) => Some(format!("{engine}: {e}")),
    })
}
