use super::problem::{Carried, Problem, Solution, EXIT, SOURCE};
use super::solve;
use crate::testing::Rng;

/// A random problem of `n` tasks, with memories (ties) here and there.
fn random_problem(rng: &mut Rng, n: usize) -> Problem {
    let mut p = Problem { delays: vec![0, 0], logic_ps: 1000, ..Problem::default() };
    p.order(SOURCE, EXIT, 1);
    for _ in 0..n {
        let t = p.task(rng.below(600) as u32);
        let mut operands = vec![];
        for _ in 0..1 + rng.below(3) {
            operands.push(rng.below(t as u64) as usize);
        }
        operands.retain(|&o| o != EXIT);
        for &o in &operands {
            p.flow(o, t);
        }
        if rng.chance(10) {
            let row = p.task(300);
            p.tie(t, row, 1 + rng.below(2) as i32);
        }
        p.order(t, EXIT, 1);
    }
    for from in 0..p.delays.len() {
        let uses: Vec<usize> =
            p.dependences.iter().filter(|d| d.from == from && d.chained).map(|d| d.to).collect();
        let uses =
            if uses.is_empty() || rng.chance(5) { [uses, vec![EXIT]].concat() } else { uses };
        if from != EXIT {
            p.carried.push(Carried { bits: 1 + rng.below(64), from, uses });
        }
    }
    for t in 2..p.delays.len() {
        p.order(t, EXIT, 1);
    }
    p
}

#[test]
fn solutions_are_schedules() {
    for seed in 0..60 {
        let p = random_problem(&mut Rng::new(seed), 5 + seed as usize * 2);
        let s = solve(&p).expect("feasible");
        assert_eq!(p.verify(&s), Ok(()), "seed {seed}");
        assert_eq!(s.lower_bound, s.register_bits, "seed {seed}");
    }
}

/// The least cost, by trying every schedule of at most `top` stages.
fn best_by_trying(p: &Problem, top: i32) -> Option<(u64, i32)> {
    let mut s = vec![0; p.delays.len()];
    let mut best = None;
    loop {
        let register_bits = p.register_bits(&s);
        let solution = Solution { stages: s.clone(), register_bits, lower_bound: 0 };
        if p.verify(&solution).is_ok() {
            let cost = (register_bits, s[EXIT]);
            best = Some(best.map_or(cost, |b: (u64, i32)| b.min(cost)));
        }
        let Some(i) = (1..s.len()).find(|&i| s[i] < top) else { return best };
        s[i] += 1;
        s[1..i].fill(0);
    }
}

#[test]
fn no_schedule_is_cheaper() {
    let mut compared = 0;
    for seed in 0..120 {
        let p = random_problem(&mut Rng::new(seed), 3 + seed as usize % 3);
        if p.delays.len() > 7 {
            continue;
        }
        let s = solve(&p).expect("feasible");
        if s.stages[EXIT] <= 4 {
            assert_eq!(
                best_by_trying(&p, 4),
                Some((s.register_bits, s.stages[EXIT])),
                "seed {seed}"
            );
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn verify_finds_what_is_wrong() {
    let p = random_problem(&mut Rng::new(7), 40);
    let good = solve(&p).expect("feasible");
    for task in 1..p.delays.len() {
        for change in [-1, 1] {
            let mut s = good.clone();
            s.stages[task] += change;
            s.register_bits = p.register_bits(&s.stages);
            let broken = p.verify(&s).is_err();
            assert!(broken || s.register_bits >= good.register_bits, "task {task}");
        }
    }
    let mut s = good.clone();
    s.stages.fill(0);
    s.register_bits = 0;
    assert!(p.verify(&s).is_err());
}

#[test]
fn a_contradiction_is_reported() {
    let mut p = Problem { delays: vec![0, 0], logic_ps: 1000, ..Problem::default() };
    let (row, add, store) = (p.task(500), p.task(400), p.task(200));
    p.flow(row, add);
    p.flow(add, store);
    p.tie(row, store, 0);
    [row, add, store].into_iter().for_each(|t| p.order(t, EXIT, 1));
    assert!(solve(&p).is_err());
    p.delays[row] = 300;
    assert!(solve(&p).is_ok());
}

/// A random program as far as it can be scheduled.
fn random_pipeline(seed: u64, size: u32, maps: bool) -> Option<crate::Pipeline> {
    let f = crate::testing::random_function(&mut Rng::new(seed), size, maps);
    shared(&f)
}

fn shared(f: &crate::Function) -> Option<crate::Pipeline> {
    let mut p = crate::if_convert::if_convert(f).expect("acyclic");
    crate::state::lower_state(&mut p).ok()?;
    crate::ports::share_ports(&mut p).ok().map(|()| p)
}

/// Schedules `p`, and checks the result; none if it was refused.
fn check_schedule(
    p: &crate::Pipeline,
    target: &crate::target::TargetDesc,
    seed: u64,
) -> Option<crate::StagedPipeline> {
    let staged = match super::schedule(p.clone(), target) {
        Ok(staged) => staged,
        Err(why) => {
            assert!(
                why.iter().all(|d| d.code == "BL0604" || d.code == "BL0612"),
                "seed {seed}: {why:?}"
            );
            return None;
        }
    };
    let mut rng = Rng::new(seed);
    for _ in 0..5 {
        let world = crate::testing::World::random(&mut rng);
        let expected = crate::testing::observable(crate::testing::run_pipeline(p, world.clone()));
        let found = crate::testing::run_pipeline(&staged.pipeline, world);
        assert_eq!(crate::testing::observable(found), expected, "seed {seed}\n{p}\n{staged}");
    }
    let text = super::summary(&staged);
    assert!(text.contains(&format!("{} register bits", super::register_bits(&staged))));
    assert_eq!(text.matches("    gate      ").count(), staged.gates.len(), "{text}");
    if let Err(faults) = crate::validate::validate_staged(staged.clone()) {
        panic!("seed {seed}: {faults}");
    }
    Some(staged)
}

#[test]
fn random_pipelines_are_scheduled_validly() {
    let (mut scheduled, mut refused, mut gates) = (0, 0, 0);
    for target in crate::target::TargetDesc::BUILT_IN {
        let target = crate::target::TargetDesc::built_in(target).expect("built in");
        for seed in 0..250 {
            let Some(p) = random_pipeline(seed, 10 + seed as u32 / 2, seed % 2 == 0) else {
                continue;
            };
            match check_schedule(&p, &target, seed) {
                Some(staged) => {
                    scheduled += 1;
                    gates += staged.gates.len();
                }
                None => refused += 1,
            }
        }
    }
    assert!(
        scheduled > 200 && refused < 20 && gates > 10,
        "{scheduled} scheduled, {refused} refused, {gates} gates"
    );
}

#[test]
fn changes_of_maps_are_scheduled_validly() {
    let (mut scheduled, mut refused, mut keys, mut rows) = (0, 0, 0, 0);
    for target in crate::target::TargetDesc::BUILT_IN {
        let target = crate::target::TargetDesc::built_in(target).expect("built in");
        for seed in 0..400 {
            let f =
                crate::testing::random_state_function(&mut Rng::new(seed), 8 + seed as u32 / 10);
            let Some(p) = shared(&f) else { continue };
            let Some(staged) = check_schedule(&p, &target, seed) else {
                refused += 1;
                continue;
            };
            scheduled += 1;
            let of = |kind| staged.gates.iter().filter(|g| g.kind == kind).count();
            keys += of(crate::pipeline::GateKind::Keys);
            rows += of(crate::pipeline::GateKind::Rows);
        }
    }
    eprintln!("{scheduled} scheduled, {refused} refused, {keys} gates of keys, {rows} of rows");
    assert!(
        scheduled > 200 && keys > 5 && rows > 20,
        "{scheduled} scheduled, {refused} refused, {keys} gates of keys, {rows} of rows"
    );
}

/// `cargo test --release -- --ignored`: 1,500 operations are to take less than 200 ms.
#[test]
#[ignore = "a measurement, for release builds"]
fn big_pipelines_are_scheduled_fast() {
    let target = crate::target::TargetDesc::built_in("xcup").expect("built in");
    for seed in 0..10 {
        let Some(p) = random_pipeline(seed, 3000, false) else { continue };
        let start = std::time::Instant::now();
        let n = p.order.len();
        let staged = super::schedule(p, &target).expect("no maps");
        let time = start.elapsed();
        eprintln!("{n} operations, {} stages, {time:?}", staged.num_stages);
        assert!(n > 1500 || time.as_millis() < 200);
    }
}
