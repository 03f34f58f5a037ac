//! The `kernel` engine: the examples are the same in it as in the interpreter; what it cannot show is said.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_frontend::{load, verifier, VerifiedProgram};
use beeline_testbench::capture::{self, Trace, TracePacket};
use beeline_testbench::engine::{EngineError, EngineKind, Job, Record, Surroundings};
use beeline_testbench::equiv::{compare_records, equiv, Report, Status};
use beeline_testbench::kernel::{available, run, run_if};
use beeline_testbench::map_file::{self, MapFile};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use std::collections::BTreeSet;
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

fn object(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(name)
}

fn verified(object: &Path, program: Option<&str>) -> VerifiedProgram {
    let bytes = std::fs::read(object).unwrap();
    let name = object.display().to_string();
    let program = load(&bytes, &name).unwrap().program(program).unwrap();
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
    assert!(names.len() >= 21);
    for dir in names {
        let name = dir.file_name().unwrap().to_str().unwrap();
        let bytes = std::fs::read(dir.join(format!("{name}.o"))).unwrap();
        let object = load(&bytes, name).unwrap();
        let program = verifier::verify(object.program(Some(name)).unwrap()).unwrap();
        let linked = program.program();
        let trace = damaged(capture::read(&dir.join("traffic.pcap")).unwrap());
        let maps = dir.join("maps.json");
        let maps = match maps.is_file() {
            true => map_file::read(&maps, &linked.maps, &linked.xdp_programs).unwrap(),
            false => MapFile::initial(&linked.maps, &linked.xdp_programs).unwrap(),
        };
        let tail_calls = TailCalls::load(&object, linked, &maps, &|_| {}).unwrap();
        let job = Job { tail_calls: &tail_calls, ..job(&program, &trace, &maps) };
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
    let program = verified(&examples().join("icmp_echo/icmp_echo.o"), None);
    let (trace, maps) = (packets([vec![0; 64]]), MapFile::default());
    let result = run_if(|| Err("not here".into()), &job(&program, &trace, &maps));
    assert!(matches!(result, Err(EngineError::Skipped(why)) if why == "not here"));
}

/// Frames whose first bytes take every value, of several lengths.
fn all_kinds() -> Trace {
    let frame = |n: usize| {
        let mut bytes = vec![n as u8; 14 + n % 70];
        (bytes[0], bytes[1]) = ((n * 37 + n / 256) as u8, (n / 4) as u8);
        bytes
    };
    packets((0..512).map(frame))
}

#[test]
fn every_kind_of_map_time_chance_events_and_tail_calls_are_equal() {
    if !reachable() {
        return;
    }
    let path = object("state.o");
    let program = verified(&path, Some("state"));
    let p = program.program();
    let maps = map_file::read(&object("state.json"), &p.maps, &p.xdp_programs).unwrap();
    let elf = load(&std::fs::read(&path).unwrap(), "state.o").unwrap();
    let tail_calls = TailCalls::load(&elf, p, &maps, &|_| {}).unwrap();
    assert_eq!(tail_calls.iter().count(), 1);
    let trace = all_kinds();
    let job = Job { tail_calls: &tail_calls, ..job(&program, &trace, &maps) };
    for surroundings in
        [job.surroundings, Surroundings { ingress_ifindex: 9, rx_queue_index: 3, cpu: 0, seed: 77 }]
    {
        let job = Job { surroundings, ..job };
        let report = equiv(&[EngineKind::Kernel], &job);
        assert!(matches!(status(&report), Status::Equal), "{:?}", report.engines);
        let record = report.record(EngineKind::Kernel).unwrap();
        let hidden: Vec<&str> =
            record.unseen.maps.iter().map(|m| p.maps[*m].name.as_str()).collect();
        assert_eq!(hidden, ["bloom"]);
        assert!(record.unseen.not_run.is_empty());
        // All that the program can do happens.
        let events = record.packets.iter().map(|p| p.events.len()).sum::<usize>();
        assert!(events > 2 * trace.packets.len());
        let actions: BTreeSet<u32> = record.packets.iter().map(|p| p.outcome.exit.code).collect();
        assert_eq!(actions, BTreeSet::from([1, 2, 3, 4]));
        changes_are_noticed(record, &job);
    }
}

/// Every part of a record counts.
fn changes_are_noticed(record: &Record, job: &Job<'_>) {
    let differs = |change: &dyn Fn(&mut Record)| {
        let mut changed = record.clone();
        change(&mut changed);
        compare_records(record, &changed, job).is_some()
    };
    let map = |name: &str| job.program.program().maps.iter().position(|m| m.name == name).unwrap();
    let leaves = record.packets.iter().position(|p| p.outcome.exit.code == 3).unwrap();
    let inner = record.maps.len() - 1;
    assert!(inner >= job.program.program().maps.len(), "the map file makes an inner map");
    assert!(!differs(&|_| {}));
    assert!(differs(&|r| r.packets[3].outcome.exit.code ^= 1));
    assert!(differs(&|r| r.packets[leaves].outcome.bytes[5] ^= 1));
    assert!(differs(&|r| drop(r.packets[3].events.pop())));
    assert!(differs(&|r| drop(r.maps[map("stack")].pop())));
    for n in [map("lru"), map("percpu_hash"), map("percpu_array"), map(".bss"), inner] {
        assert!(differs(&|r| r.maps[n][0].1[0] ^= 1), "map {n}");
    }
}

#[test]
fn packets_that_ask_the_host_are_left_out_and_maps_still_compared() {
    if !reachable() {
        return;
    }
    let program = verified(&object("host.o"), None);
    let (trace, maps) = (all_kinds(), MapFile::default());
    let report = equiv(&[EngineKind::Kernel], &job(&program, &trace, &maps));
    assert!(matches!(status(&report), Status::Equal), "{:?}", report.engines);
    let record = report.record(EngineKind::Kernel).unwrap();
    let even = |n: &usize| trace.packets[*n].bytes[0] % 2 == 0;
    let expected: BTreeSet<usize> = (0..trace.packets.len()).filter(even).collect();
    assert_eq!(record.unseen.not_run, expected);
    let odd = (trace.packets.len() - expected.len()) as u64;
    assert_eq!(record.maps[0], [(vec![1, 0, 0, 0], odd.to_le_bytes().to_vec())]);
    let notices: Vec<_> = report.notices().collect();
    assert!(notices[0].1.contains("fib_lookup"), "{notices:?}");
}

#[test]
fn packets_per_second_are_printed() {
    if !reachable() {
        return;
    }
    let program = verified(&examples().join("icmp_echo/icmp_echo.o"), None);
    let (trace, maps) = (packets((0..20_000).map(|_| vec![0; 64])), MapFile::default());
    let start = std::time::Instant::now();
    let record = run(&job(&program, &trace, &maps)).unwrap();
    assert_eq!(record.packets.len(), 20_000);
    println!("{:.0} packets/s", 20_000.0 / start.elapsed().as_secs_f64());
}
