//! The short run of the fuzz targets: old findings, then mutated seeds, the same on every machine.
//!
//! `BEELINE_FUZZ_INPUT` names one input to run instead. `BEELINE_FUZZ_RUNS` sets the number of runs of each target; `BEELINE_FUZZ_SEED` the random numbers. Coverage-guided runs: `docs/fuzzing.md`.

#![allow(clippy::unwrap_used)] // a test

use beeline_frontend::MapDef;
use beeline_ir::map::MapKind;
use beeline_sim::MapSet;
use beeline_testbench::fuzz::{mutate, mutate_slots, Target};
use beeline_testbench::traffic::Rng;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A run that takes longer is a finding, on any machine that tests in a debug build.
const SLOW: Duration = Duration::from_secs(60);

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Runs one input; if it fails, keeps it and says where.
fn run(target: &Target, input: &[u8]) {
    let start = Instant::now();
    let done = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let time = start.elapsed();
    if done.is_err() || time > SLOW {
        let file = std::env::temp_dir().join(format!("beeline-fuzz-{}", target.name));
        std::fs::write(&file, input).unwrap();
        let what = if done.is_err() { "panics".into() } else { format!("takes {time:?}") };
        panic!("{}: the input in {} {what}", target.name, file.display());
    }
}

fn check(name: &str, runs: usize) {
    let target = Target::named(name).unwrap();
    if let Some(file) = std::env::var_os("BEELINE_FUZZ_INPUT") {
        return run(target, &std::fs::read(file).unwrap());
    }
    let mut old: Vec<PathBuf> = std::fs::read_dir(folder().join("regressions").join(name))
        .into_iter()
        .flatten()
        .map(|f| f.unwrap().path())
        .collect();
    old.sort();
    for file in old {
        println!("{}", file.display());
        run(target, &std::fs::read(&file).unwrap());
    }
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| run(target, seed));
    let mut rng = Rng::new(number("BEELINE_FUZZ_SEED").unwrap_or(1) as u64);
    for _ in 0..number("BEELINE_FUZZ_RUNS").unwrap_or(runs) {
        let mut input = rng.pick(&seeds).clone();
        let other = rng.pick(&seeds);
        match target.slots_at {
            Some(slots_at) if rng.percent(90) => {
                let start = slots_at(&input).min(input.len());
                mutate_slots(&mut input, start, other, target.max_len, &mut rng);
            }
            _ => mutate(&mut input, other, target.max_len, &mut rng),
        }
        run(target, &input);
    }
}

/// Limit of the address space in which [`absurd_sizes`] must get by, in KiB.
const MEMORY_KB: usize = 1_200_000;

#[test]
fn absurd_sizes_take_little_memory() {
    let command = format!("ulimit -v {MEMORY_KB} && exec \"$0\" absurd_sizes --exact --ignored");
    let this = std::env::current_exe().unwrap();
    let run = std::process::Command::new("sh").arg("-c").arg(command).arg(this).output().unwrap();
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && out.contains("1 passed"), "{run:?}");
}

/// Sizes as a hostile file may state them. Run by [`absurd_sizes_take_little_memory`].
#[test]
#[ignore = "only means something under a memory limit"]
fn absurd_sizes() {
    let sizes = [1, 4, 8, 1 << 15, 1 << 22, 1 << 26, 1 << 30, i32::MAX as u32, u32::MAX];
    let mut made = 0;
    for kind in MapKind::ALL {
        for key_size in [0, 4, 8, 512, 1 << 30, u32::MAX] {
            for value_size in sizes {
                for max_entries in [1, 1 << 12, 1 << 24, 1 << 31, u32::MAX] {
                    let inner = Some(Box::new(MapDef { value_size, ..MapDef::default() }));
                    let def = MapDef {
                        kind,
                        key_size,
                        value_size,
                        max_entries,
                        inner,
                        ..MapDef::default()
                    };
                    made += usize::from(touched(def));
                }
            }
        }
    }
    assert!(made > 100, "{made}");
    // Records of captures that claim to be long.
    let word = |n: u32| n.to_le_bytes();
    let header = [0xa1b2_3c4d, 0x0004_0002, 0, 0, u32::MAX, 1].map(word).concat();
    for len in [1 << 31, u32::MAX, 1 << 28] {
        let file = [header.clone(), [0, 0, len, len].map(word).concat(), vec![0; 100]].concat();
        (Target::named("capture").unwrap().run)(&file);
    }
    for len in [1u32 << 31, !3, 1 << 28] {
        let file = [0x0a0d_0d0a, len, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, len].map(word).concat();
        (Target::named("capture").unwrap().run)(&file);
    }
}

/// Makes the map and writes to its last place; false if the map is refused.
fn touched(def: MapDef) -> bool {
    let (key_size, last) = (def.key_size, def.max_entries - 1);
    let value = vec![1; def.value_size.min(1 << 23) as usize];
    let Ok(mut maps) = MapSet::new(&[def]) else { return false };
    let mut key = vec![0xff; key_size.min(1 << 16) as usize];
    for start in [0u32, last] {
        if let Some(head) = key.first_chunk_mut() {
            *head = start.to_le_bytes();
        }
        let _ = maps.update(0, &key, &value, 0);
        if let Some(slot) = maps.lookup(0, &key) {
            maps.poke(0, slot, 0, 1, 7);
        }
    }
    let _ = maps.push_elem(0, &value, 0);
    maps.dump(0);
    true
}

#[test]
fn elf() {
    check("elf", 60_000);
}

#[test]
fn btf() {
    check("btf", 120_000);
}

#[test]
fn bytecode() {
    check("bytecode", 10_000);
}

#[test]
fn hardware() {
    check("hardware", 6_000);
}

#[test]
fn capture() {
    check("capture", 300_000);
}

#[test]
fn map_file() {
    check("map_file", 120_000);
}

#[test]
fn ir_text() {
    check("ir_text", 20_000);
}

#[test]
fn device() {
    check("device", 60_000);
}
