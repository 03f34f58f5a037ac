//! The short run of the fuzz targets: old findings, then mutated seeds, the same on every machine.
//!
//! `BEELINE_FUZZ_INPUT` names one input to run instead. `BEELINE_FUZZ_RUNS` sets the number of runs of each target; `BEELINE_FUZZ_SEED` the random numbers. Coverage-guided runs: `docs/fuzzing.md`.

#![allow(clippy::unwrap_used)] // a test

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

#[test]
fn elf() {
    check("elf", 20_000);
}

#[test]
fn btf() {
    check("btf", 40_000);
}

#[test]
fn bytecode() {
    check("bytecode", 6_000);
}

#[test]
fn hardware() {
    check("hardware", 3_000);
}

#[test]
fn capture() {
    check("capture", 100_000);
}

#[test]
fn map_file() {
    check("map_file", 50_000);
}

#[test]
fn ir_text() {
    check("ir_text", 10_000);
}

#[test]
fn device() {
    check("device", 30_000);
}
