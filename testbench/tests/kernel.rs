//! The `kernel` engine: the examples are the same in it as in the interpreter; what it cannot show is said.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_frontend::{load, verifier, Program, VerifiedProgram};
use beeline_testbench::capture::{self, Trace, TracePacket};
use beeline_testbench::engine::{EngineError, EngineKind, Job, Surroundings};
use beeline_testbench::equiv::{equiv, Report, Status};
use beeline_testbench::kernel::{available, run, run_if};
use beeline_testbench::map_file::{self, MapFile};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use std::path::{Path, PathBuf};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// True if the kernel is there; else says so.
fn reachable() -> bool {
    match available() {
        Ok(()) => true,
        Err(why) => {
            println!("notice: skipped: {why}");
            false
        }
    }
}

fn verified(object: &Path) -> VerifiedProgram {
    let bytes = std::fs::read(object).unwrap();
    let name = object.display().to_string();
    let program = load(&bytes, &name).unwrap().program(None).unwrap();
    verifier::verify(program).unwrap_or_else(|d| panic!("{name}: {}", d[0]))
}

fn job<'a>(program: &'a VerifiedProgram, trace: &'a Trace, maps: &'a MapFile) -> Job<'a> {
    Job {
        program,
        hardware: None,
        tail_calls: TailCalls::none(),
        trace,
        maps,
        surroundings: Surroundings::default(),
        pacing: Pacing::FullRate,
    }
}

fn status(report: &Report) -> &Status {
    &report.engines.iter().find(|(e, _)| *e == EngineKind::Kernel).unwrap().1
}

fn packets(frames: impl IntoIterator<Item = Vec<u8>>) -> Trace {
    let packet = |(index, bytes)| TracePacket {
        index,
        time_ns: 1_000_000 + index as u64,
        bytes,
        rx_hash: None,
    };
    let packets = frames.into_iter().enumerate().map(packet).collect();
    Trace { packets, notices: Vec::new() }
}

/// The trace, and after it the same packets cut short or with a changed byte.
fn damaged(trace: Trace) -> Trace {
    let cut = trace.packets.iter().enumerate().map(|(n, p)| {
        let len = p.bytes.len();
        p.bytes[..(14 + n * 7 % 60).min(len)].to_vec()
    });
    let changed = trace.packets.iter().enumerate().map(|(n, p)| {
        let mut bytes = p.bytes.clone();
        let at = n * 11 % bytes.len().min(64);
        bytes[at] ^= 1 << (n % 8);
        bytes
    });
    packets(trace.packets.iter().map(|p| p.bytes.clone()).chain(cut).chain(changed))
}

#[test]
fn every_example_does_in_the_kernel_what_it_does_in_the_interpreter() {
    if !reachable() {
        return;
    }
    let mut names: Vec<_> = std::fs::read_dir(examples())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.join("traffic.pcap").is_file())
        .collect();
    names.sort();
    assert!(names.len() >= 9);
    for dir in names {
        let name = dir.file_name().unwrap().to_str().unwrap();
        let program = verified(&dir.join(format!("{name}.o")));
        let trace = damaged(capture::read(&dir.join("traffic.pcap")).unwrap());
        let maps = dir.join("maps.json");
        let maps = match maps.is_file() {
            true => map_file::read(&maps, &program.program().maps, &[]).unwrap(),
            false => MapFile::default(),
        };
        let job = job(&program, &trace, &maps);
        // From the usual place, and from another interface and queue.
        let elsewhere = Surroundings { ingress_ifindex: 7, rx_queue_index: 2, ..job.surroundings };
        for surroundings in [job.surroundings, elsewhere] {
            let report = equiv(&[EngineKind::Kernel], &Job { surroundings, ..job });
            assert!(matches!(status(&report), Status::Equal), "{name}: {:?}", report.engines);
            // The captures have a few giants, and nothing else is left out.
            assert!(report.notices().all(|(_, n)| n.contains("test runs take at most")), "{name}");
            assert_eq!(report.record(EngineKind::Kernel).unwrap().unseen.maps.len(), 0, "{name}");
        }
    }
}

#[test]
fn without_a_kernel_the_engine_is_skipped_with_the_reason() {
    let program = verified(&examples().join("icmp_echo/icmp_echo.o"));
    let (trace, maps) = (packets([vec![0; 64]]), MapFile::default());
    let result = run_if(|| Err("not here".into()), &job(&program, &trace, &maps));
    assert!(matches!(result, Err(EngineError::Skipped(why)) if why == "not here"));
}

#[test]
fn a_refused_program_is_explained() {
    if !reachable() {
        return;
    }
    // The model calls any number of nested loops; this one reads a helper's result that only GPL programs may have.
    let bytes = std::fs::read(examples().join("icmp_echo/icmp_echo.o")).unwrap();
    let mut program: Program = load(&bytes, "icmp_echo.o").unwrap().program(None).unwrap();
    program.license = Some("proprietary".into());
    use beeline_frontend::insn::{Callee, Insn};
    let time = program.insns.iter().position(|i| matches!(i, Insn::Call(_)));
    let place = time.unwrap_or(0);
    program.insns[place] = Insn::Call(Callee::Helper(5));
    let Ok(program) = verifier::verify(program) else {
        return println!("notice: our verifier looks at licenses too; nothing to show");
    };
    let (trace, maps) = (packets([vec![0; 64]]), MapFile::default());
    let Err(EngineError::Refused(d)) = run(&job(&program, &trace, &maps)) else {
        panic!("Linux gives the time to GPL programs only");
    };
    let text = d.to_string();
    assert!(text.contains("BL0901") && text.contains("GPL"), "{text}");
}
