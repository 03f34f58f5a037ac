//! Programs with LPM maps on every engine: random tables, random traffic, the same packets, maps and cycles.
//! `rebuild.sh` makes the objects from the sources beside them.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_frontend::{load, verifier, VerifiedProgram};
use beeline_ir::map::{MapDecl, MapKind};
use beeline_testbench::capture::{Trace, TracePacket};
use beeline_testbench::engine::{EngineKind, Job, Record, Surroundings};
use beeline_testbench::equiv::{equiv, Status};
use beeline_testbench::flow::{compile, CompileError, Compiled, Options};
use beeline_testbench::map_file::MapFile;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use beeline_testbench::traffic::Rng;
use std::collections::BTreeSet;
use std::path::Path;

fn verified(name: &str) -> VerifiedProgram {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lpm").join(name);
    let bytes = std::fs::read(path.with_extension("o")).unwrap();
    let program = load(&bytes, name).unwrap().program(None).unwrap();
    verifier::verify(program).unwrap_or_else(|d| panic!("{name}: {}", d[0]))
}

fn compiled(program: &VerifiedProgram, options: &Options) -> Compiled {
    compile(program, options).unwrap_or_else(|e| panic!("{e:?}"))
}

/// Addresses of a test: of a few networks, so that prefixes nest and packets hit, or any.
#[derive(Clone, Copy)]
struct Addresses {
    dense: bool,
}

impl Addresses {
    fn draw(self, rng: &mut Rng, bytes: usize) -> Vec<u8> {
        let byte = |rng: &mut Rng| match self.dense {
            true => *rng.pick(&[0, 10, 0x80, 0xff, 0xfe]),
            false => rng.next_u8(),
        };
        (0..bytes).map(|_| byte(rng)).collect()
    }

    /// A key of a prefix; the bits behind it are not cleared.
    fn prefix(self, rng: &mut Rng, bytes: usize) -> Vec<u8> {
        let length = match rng.below(6) {
            0 => 8 * bytes,
            _ => rng.below(8 * bytes + 1),
        };
        [&(length as u32).to_le_bytes()[..], &self.draw(rng, bytes)].concat()
    }
}

/// `sizes[m]` random prefixes in map `m`, as far as these are LPM maps.
fn tables(program: &VerifiedProgram, addresses: Addresses, sizes: usize, rng: &mut Rng) -> MapFile {
    let mut entries = Vec::new();
    for (m, map) in program.program().maps.iter().enumerate() {
        if map.kind == MapKind::LpmTrie {
            for _ in 0..sizes.min(map.max_entries as usize) {
                let key = addresses.prefix(rng, map.key_size as usize - 4);
                entries.push((m, key, rng.bytes(map.value_size as usize)));
            }
        }
    }
    MapFile { entries, ..MapFile::default() }
}

/// Frames for IPv4 and IPv6 with random addresses, in or beside the prefixes of `maps`.
fn traffic(maps: &MapFile, addresses: Addresses, count: usize, rng: &mut Rng) -> Trace {
    let near: Vec<&[u8]> = maps.entries.iter().map(|(_, key, _)| &key[4..]).collect();
    let address = |rng: &mut Rng, bytes: usize| {
        let mut address = addresses.draw(rng, bytes);
        let same: Vec<_> = near.iter().filter(|n| n.len() == bytes).collect();
        if !same.is_empty() && rng.percent(70) {
            let kept = rng.below(bytes + 1);
            address[..kept].copy_from_slice(&rng.pick(&same)[..kept]);
        }
        address
    };
    let frame = |rng: &mut Rng| {
        let payload = rng.between(20, 120);
        let mut frame = rng.bytes(14 + payload);
        if rng.percent(50) {
            frame[12..14].copy_from_slice(&[8, 0]);
            frame[14] = 0x45;
            frame[23] = *rng.pick(&[6, 17, 1]);
            // How many bits limits.c asks for: few, all, too many.
            frame[22] = *rng.pick(&[0, 1, 8, 16, 24, 31, 32, 33, 64, 255]);
            frame[26..30].copy_from_slice(&address(rng, 4));
            frame[30..34].copy_from_slice(&address(rng, 4));
        } else {
            frame.resize(34 + payload, 0);
            frame[12..14].copy_from_slice(&[0x86, 0xdd]);
            frame[38..54].copy_from_slice(&address(rng, 16));
        }
        frame
    };
    let packets = (0..count).map(|index| TracePacket {
        index,
        time_ns: 1000 * index as u64,
        bytes: frame(rng),
        rx_hash: None,
    });
    Trace { packets: packets.collect(), notices: Vec::new() }
}

/// Runs all engines; the pipeline's record.
fn agree(
    program: &VerifiedProgram,
    hardware: &Compiled,
    maps: &MapFile,
    trace: &Trace,
    pacing: Pacing,
) -> Record {
    let job = Job {
        program,
        hardware: Some(hardware),
        tail_calls: TailCalls::none(),
        trace,
        maps,
        surroundings: Surroundings::default(),
        pacing,
    };
    let report = equiv(&EngineKind::ALL, &job);
    for (engine, status) in &report.engines {
        match status {
            Status::Skipped(why) => eprintln!("notice: {engine} skipped: {why}"),
            Status::Reference | Status::Equal => {}
            bad => panic!("{engine}, {pacing:?}: {bad:?}"),
        }
    }
    report.record(EngineKind::Pipeline).unwrap().clone()
}

/// Small and middling tables, dense and sparse, at full rate and with gaps and back-pressure.
fn random_tables(name: &str) {
    let program = verified(name);
    let hardware = compiled(&program, &Options::default());
    let mut codes = BTreeSet::new();
    for seed in 0..12 {
        let mut rng = Rng::new(seed);
        let addresses = Addresses { dense: seed % 3 != 2 };
        let sizes = [0, 1, 20, 100][seed as usize % 4];
        let maps = tables(&program, addresses, sizes, &mut rng);
        let trace = traffic(&maps, addresses, 300, &mut rng);
        let pacing = if seed % 2 == 0 { Pacing::FullRate } else { Pacing::Random(seed) };
        let record = agree(&program, &hardware, &maps, &trace, pacing);
        codes.extend(record.packets.iter().map(|p| p.outcome.exit.code));
    }
    assert!(codes.len() >= 3, "only {codes:?} were seen");
}

#[test]
fn routes_of_both_families() {
    random_tables("routes");
}

#[test]
fn lookups_with_limits() {
    random_tables("limits");
}

#[test]
fn full_tables() {
    let program = verified("routes");
    let hardware = compiled(&program, &Options::default());
    let mut rng = Rng::new(77);
    let addresses = Addresses { dense: false };
    let mut maps = tables(&program, addresses, 16_384, &mut rng);
    // Long prefixes, so that they are as many as the map holds.
    for (_, key, _) in &mut maps.entries {
        key[0] = (8 * (key.len() - 4) - rng.below(9)) as u8;
    }
    let trace = traffic(&maps, addresses, 2000, &mut rng);
    let record = agree(&program, &hardware, &maps, &trace, Pacing::FullRate);
    let sizes: Vec<usize> = record.maps.iter().map(Vec::len).collect();
    assert!(sizes[0] > 16_000 && sizes[1] > 1000, "{sizes:?}");
}

#[test]
fn one_packet_per_clock() {
    let program = verified("limits");
    let hardware = compiled(&program, &Options::default());
    let mut rng = Rng::new(5);
    let addresses = Addresses { dense: true };
    let maps = tables(&program, addresses, 20, &mut rng);
    let mut trace = traffic(&maps, addresses, 400, &mut rng);
    trace.packets.iter_mut().for_each(|p| p.bytes.truncate(60));
    let record = agree(&program, &hardware, &maps, &trace, Pacing::FullRate);
    let entered: Vec<u64> = record.packets.iter().map(|p| p.cycles.unwrap().0).collect();
    assert_eq!(entered, (0..400).collect::<Vec<u64>>());
}

#[test]
fn slow_devices_and_fast_clocks_search_in_more_stages() {
    use beeline_ir::target::TargetDesc;
    let program = verified("routes");
    let mut stages = Vec::new();
    for target in [
        TargetDesc::built_in("ecp5").unwrap(),
        TargetDesc::built_in("xcup").unwrap().at_clock(290).unwrap(),
    ] {
        let hardware = compiled(&program, &Options { target, ..Options::default() });
        let latency = |(_, map): (_, &MapDecl)| map.lookup_latency(&hardware.staged.target);
        stages.push(hardware.staged.pipeline.dfg.maps.iter().map(latency).collect::<Vec<u32>>());
        let mut rng = Rng::new(6);
        let addresses = Addresses { dense: true };
        let maps = tables(&program, addresses, 60, &mut rng);
        let trace = traffic(&maps, addresses, 300, &mut rng);
        agree(&program, &hardware, &maps, &trace, Pacing::Random(3));
    }
    assert_eq!(stages, [[6, 7], [10, 12]]);
}

#[test]
fn a_program_that_changes_its_map_is_refused() {
    let program = verified("learns");
    let Err(CompileError::Rejected(found)) = compile(&program, &Options::default()) else {
        panic!("accepted")
    };
    let codes: Vec<&str> = found.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["BL0420", "BL0420"], "{found:?}");
    assert!(found.iter().all(|d| d.message.contains("learned") && d.help.is_some()));
}
