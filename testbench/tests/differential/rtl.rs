//! Generated programs as hardware: interpreter, cycle-level simulator and Verilated design agree on packets, maps and cycles.

use super::levels::{Failure, Finding, Reached};
use beeline_frontend::verifier::verify;
use beeline_testbench::capture::{Trace, TracePacket};
use beeline_testbench::engine::{EngineKind, Job, Surroundings};
use beeline_testbench::equiv::{equiv, Status};
use beeline_testbench::flow::{compile, CompileError, Options};
use beeline_testbench::generate::Case;
use beeline_testbench::map_file::MapFile;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;

/// What is compared. (The kernel has tests of its own: it cannot run as any CPU.)
const ENGINES: [EngineKind; 3] = [EngineKind::Interp, EngineKind::Pipeline, EngineKind::Rtl];

/// Gaps and back-pressure that each program meets.
const PACINGS: [Pacing; 4] =
    [Pacing::FullRate, Pacing::Random(1), Pacing::Random(2), Pacing::Random(3)];

/// Runs `case` on all engines. `None`, with a notice, if the Verilated design cannot be built here.
pub fn judge_by_rtl(case: &Case) -> Option<Finding> {
    let failed = |what: String| Some(Err(Failure { level: "rtl".to_owned(), what }));
    let Ok(program) = verify(case.program.clone()) else {
        return Some(Ok((Reached::Nothing, String::new())));
    };
    let surroundings = Surroundings { ingress_ifindex: 3, rx_queue_index: 1, cpu: 2, seed: 7 };
    let options = Options { seed: surroundings.seed, cpu: surroundings.cpu, ..Options::default() };
    let compiled = match compile(&program, &options) {
        Ok(compiled) => compiled,
        Err(CompileError::Rejected(why)) => {
            return Some(Ok((
                Reached::Pipeline,
                why.first().map(|d| d.to_string()).unwrap_or_default(),
            )));
        }
        Err(CompileError::Internal(why)) => return failed(why),
    };
    let (trace, maps) =
        (trace(case), MapFile { entries: case.entries.clone(), ..MapFile::default() });
    for pacing in PACINGS {
        let job = Job {
            program: &program,
            hardware: Some(&compiled),
            tail_calls: TailCalls::none(),
            trace: &trace,
            maps: &maps,
            surroundings,
            pacing,
        };
        for (engine, status) in equiv(&ENGINES, &job).engines {
            match status {
                Status::Reference | Status::Equal => {}
                Status::Skipped(why) => {
                    println!("notice: {engine} skipped: {why}");
                    return None;
                }
                Status::Diverged(d) => return failed(format!("{pacing:?}: {engine}: {}", d.what)),
                Status::Failed(e) => return failed(format!("{pacing:?}: {engine}: {e}")),
            }
        }
    }
    Some(Ok((Reached::Hardware, String::new())))
}

fn trace(case: &Case) -> Trace {
    let packet = |(index, bytes): (usize, &Vec<u8>)| TracePacket {
        index,
        time_ns: 1_704_067_200_000_000_000 + 67 * index as u64,
        bytes: bytes.clone(),
        rx_hash: None,
    };
    Trace { packets: case.packets.iter().enumerate().map(packet).collect(), notices: Vec::new() }
}
