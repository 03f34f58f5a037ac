//! Generated programs on every level of the flow: interpreter, IR after each pass, pipeline, hardware.
//!
//! Seeds are fixed, the budget too. `BEELINE_FUZZ=N` runs N times as many programs; `BEELINE_FUZZ_FROM=S` starts at another seed.
//! A failing case is made small and printed as disassembly; its seed belongs into `regressions.txt`.

mod kernel;
mod levels;
mod mistakes;
mod rtl;

use beeline_frontend::disasm;
use beeline_ir::map::MapKind;
use beeline_testbench::generate::{generate, shrink, Case, Options};
use levels::{judge, judge_by_kernel, Failure, Finding, Reached};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Packets per program.
const PACKETS: usize = 24;

/// A family of programs.
struct Profile {
    name: &'static str,
    programs: u64,
    /// At least so many percent must reach this.
    must: (Reached, usize),
}

/// The case of `seed`. Device maps that the kernel shall fill point at the loopback interface, which exists.
fn case(profile: &str, seed: u64) -> Case {
    let options = Options::named(profile).expect("profiles have known names");
    let mut case = generate(seed, &options, PACKETS);
    if profile == "kernel" {
        let device = |m: &usize| case.program.maps[*m].kind == MapKind::Devmap;
        for (_, _, value) in case.entries.iter_mut().filter(|(m, _, _)| device(m)) {
            value[0] = 1;
        }
    }
    case
}

impl Profile {
    /// How much is tried to make a failing case small: nothing where one attempt takes seconds.
    fn attempts(&self) -> usize {
        let usual = if self.programs < 100 { 0 } else { 6000 };
        number("BEELINE_FUZZ_SHRINK").unwrap_or(usual) as usize
    }
}

fn run(profile: &Profile, judge: impl Fn(&Case) -> Option<Finding>) {
    let factor = number("BEELINE_FUZZ").unwrap_or(1);
    let from = number("BEELINE_FUZZ_FROM").unwrap_or(0);
    let mut reached: BTreeMap<Reached, usize> = BTreeMap::new();
    let mut refusals: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    let mut failures = Vec::new();
    let total = profile.programs * factor;
    for seed in from..from + total {
        let Some(finding) = judge(&case(profile.name, seed)) else { return };
        match finding {
            Ok((level, why)) => {
                *reached.entry(level).or_default() += 1;
                if !why.is_empty() {
                    refusals.entry(headline(&why)).or_insert((0, seed)).0 += 1;
                }
            }
            Err(failure) => failures.push((seed, failure)),
        }
        if failures.len() >= 5 {
            break;
        }
    }
    println!("{}: {total} programs, reached {reached:?}", profile.name);
    for (why, (count, seed)) in &refusals {
        println!("{count:5} x {why} (seed {seed})");
    }
    let report: String = failures.iter().map(|(s, f)| describe(profile, *s, f, &judge)).collect();
    assert!(failures.is_empty(), "{report}");
    let enough =
        reached.iter().filter(|(r, _)| **r >= profile.must.0).map(|(_, n)| n).sum::<usize>();
    assert!(
        enough * 100 >= total as usize * profile.must.1,
        "only {enough} of {total} reached {:?}",
        profile.must.0
    );
}

/// First line of a diagnostic without what differs from program to program.
fn headline(why: &str) -> String {
    let line = why.lines().next().unwrap_or(why);
    line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn describe(
    profile: &Profile,
    seed: u64,
    failure: &Failure,
    judge: &impl Fn(&Case) -> Option<Finding>,
) -> String {
    let failing = |c: &Case| judge(c).and_then(Result::err);
    let small = shrink(&case(profile.name, seed), profile.attempts(), |c| {
        failing(c).is_some_and(|f| f.level == failure.level)
    });
    let what = failing(&small).map_or_else(String::new, |f| f.to_string());
    format!("\n{} {seed}: {failure}\nreduced: {what}\n{}", profile.name, listing(&small))
}

fn listing(case: &Case) -> String {
    let mut text = disasm::program(&case.program);
    for (n, map) in case.program.maps.iter().enumerate() {
        let used =
            format!("{} {} {}+{} x{}", n, map.kind, map.key_size, map.value_size, map.max_entries);
        let _ = writeln!(text, "map {used} {}", map.name);
    }
    for (map, key, value) in &case.entries {
        let _ = writeln!(text, "entry {map}: {} = {}", hex(key), hex(value));
    }
    for packet in &case.packets {
        let _ = writeln!(text, "packet ({}) {}", packet.len(), hex(packet));
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn function_programs() {
    run(&Profile { name: "function", programs: 1500, must: (Reached::Function, 95) }, |c| {
        Some(judge(c))
    });
}

#[test]
fn hardware_programs() {
    run(&Profile { name: "hardware", programs: 1500, must: (Reached::Hardware, 90) }, |c| {
        Some(judge(c))
    });
}

#[test]
fn stateful_programs() {
    run(&Profile { name: "stateful", programs: 1500, must: (Reached::Pipeline, 95) }, |c| {
        Some(judge(c))
    });
}

#[test]
fn full_programs() {
    run(&Profile { name: "full", programs: 800, must: (Reached::Interpreter, 95) }, |c| {
        Some(judge(c))
    });
}

#[test]
fn small_programs_as_hardware() {
    let must = (Reached::Hardware, 80);
    run(&Profile { name: "small", programs: 10, must }, rtl::judge_by_rtl);
}

#[test]
fn stateful_programs_as_hardware() {
    let must = (Reached::Hardware, 60);
    run(&Profile { name: "stateful", programs: 10, must }, rtl::judge_by_rtl);
}

#[test]
fn kernel_programs() {
    let must = (Reached::Interpreter, 90);
    run(&Profile { name: "kernel", programs: 1200, must }, judge_by_kernel);
}

/// `BEELINE_FUZZ_SHOW="profile seed"` prints that case, and the smallest that ends the same way.
#[test]
fn show() {
    let Ok(wanted) = std::env::var("BEELINE_FUZZ_SHOW") else { return };
    let (name, seed) = wanted.split_once(' ').expect("profile and seed");
    let case = case(name, seed.parse().expect("a seed"));
    let ending = |c: &Case| match judge(c) {
        Ok((reached, why)) => format!("{reached:?} {}", headline(&why)),
        Err(failure) => failure.level,
    };
    println!("{}\n{:?}", listing(&case), judge(&case));
    let this = ending(&case);
    let small = shrink(&case, 6000, |c| ending(c) == this);
    println!("reduced:\n{}\n{:?}", listing(&small), judge(&small));
}

/// Seeds that once failed: `profile seed` a line.
#[test]
fn regressions() {
    let failures: Vec<String> = include_str!("regressions.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|line| {
            let (name, seed) = line.split_once(' ').expect("profile and seed");
            let case = case(name, seed.trim().parse().expect("a seed"));
            let finding = match name {
                "kernel" => judge_by_kernel(&case)?,
                "small" => rtl::judge_by_rtl(&case)?,
                _ => judge(&case),
            };
            finding.err().map(|f| format!("{line}: {f}"))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
