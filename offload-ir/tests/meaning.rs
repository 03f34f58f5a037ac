//! Passes keep the meaning: random functions give the same outcome before and after each pass, and stay valid.

#![allow(clippy::unwrap_used)] // a test

mod support;

use beeline_ir::analysis::cfg::Cfg;
use beeline_ir::function::Function;
use beeline_ir::passes::{optimize, Options, Run, PASSES};
use beeline_ir::text::parse_function;
use beeline_ir::validate::check_function;
use support::generate::{function, Random};
use support::run::run;

/// Random functions per test; `BEELINE_SEEDS` asks for more.
fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("BEELINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    1..count
}

fn packets(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Random::new(seed ^ 0x5eed);
    let lengths = [0, 1, 14, 33, 60];
    lengths
        .iter()
        .map(|len| (0..*len).map(|_| if rng.one_in(3) { 0 } else { rng.next() as u8 }).collect())
        .collect()
}

/// Panics if `after` is not valid or does something else than `before`.
fn compare(seed: u64, pass: &str, before: &Function, after: &Function) {
    if let Err(faults) = check_function(after) {
        panic!("seed {seed}: {pass}: {faults}\nbefore:\n{before}");
    }
    for packet in packets(seed) {
        let (a, b) = (run(before, &packet), run(after, &packet));
        assert_eq!(
            a, b,
            "seed {seed}, pass {pass}, packet {packet:02x?}\nbefore:\n{before}\nafter:\n{after}"
        );
    }
}

#[test]
fn generated_functions_are_valid_and_round_trip() {
    for seed in seeds() {
        let func = function(seed);
        if let Err(faults) = check_function(&func) {
            panic!("seed {seed}: {faults}");
        }
        let text = func.to_string();
        assert_eq!(parse_function(&text).unwrap().to_string(), text);
        assert!(
            packets(seed).iter().all(|p| run(&func, p).is_some()),
            "seed {seed} does not end\n{func}"
        );
    }
}

#[test]
fn each_pass_alone_keeps_the_meaning() {
    for pass in PASSES {
        let mut changes = 0;
        for seed in seeds() {
            let before = function(seed);
            let mut after = before.clone();
            let changed = match pass.run {
                Run::Plain(run) => run(&mut after),
                Run::Budgeted(run) => run(&mut after, 1 << 20).unwrap(),
            };
            compare(seed, pass.name, &before, &after);
            changes += u32::from(changed);
        }
        println!("{}: changed {changes}", pass.name);
    }
}

#[test]
fn every_step_of_optimize_keeps_the_meaning() {
    for seed in seeds() {
        let original = function(seed);
        let mut func = original.clone();
        let mut last = func.clone();
        let mut steps = 0;
        optimize(&mut func, &Options::default(), &mut |pass, after| {
            compare(seed, pass, &last, after);
            last = after.clone();
            steps += 1;
        })
        .unwrap();
        compare(seed, "optimize", &original, &func);
        let cfg = Cfg::new(&func);
        let acyclic = cfg
            .reverse_postorder()
            .iter()
            .all(|b| cfg.preds(*b).iter().all(|p| !cfg.is_retreating(*p, *b)));
        assert!(acyclic, "seed {seed}: a loop is left\n{func}");
        assert!(steps < 300, "seed {seed}: {steps} steps");
    }
}
