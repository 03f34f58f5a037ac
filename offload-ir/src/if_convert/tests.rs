use super::*;
use crate::testing::{observable, random_function, run_function, run_pipeline, Rng, World};

/// Random functions, each against its pipeline on random packets.
#[test]
fn pipelines_do_what_their_functions_do() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let f = random_function(&mut rng, 10 + seed as u32 / 4, seed % 2 == 0);
        let p = if_convert(&f).expect("acyclic");
        for _ in 0..20 {
            let world = World::random(&mut rng);
            let expected = observable(run_function(&f, world.clone()));
            assert_eq!(observable(run_pipeline(&p, world)), expected, "seed {seed}");
        }
    }
}

#[test]
fn what_always_happens_has_no_predicate() {
    let mut checked = 0;
    for seed in 0..1000 {
        let f = random_function(&mut Rng::new(seed), 40, false);
        let p = if_convert(&f).expect("acyclic");
        for &b in f.blocks.keys().collect::<Vec<_>>().iter().filter(|&&b| always_executed(&f, b)) {
            for &inst in f.blocks[b].insts.iter().filter(|&&i| p.dfg.insts[i].op.has_effect()) {
                assert_eq!(p.dfg.insts[inst].pred, None, "seed {seed}");
                checked += usize::from(b != f.entry);
            }
        }
    }
    assert!(checked > 5, "{checked}");
}

/// True if no return is reached around `b`.
fn always_executed(f: &Function, b: Block) -> bool {
    let mut work = vec![f.entry];
    while let Some(at) = work.pop().filter(|_| b != f.entry) {
        if at == b {
            continue;
        }
        if matches!(f.blocks[at].term, Terminator::Ret(_)) {
            return false;
        }
        work.extend(f.blocks[at].term.targets().map(|t| t.block));
    }
    true
}

#[test]
fn a_loop_is_refused() {
    let mut f = random_function(&mut Rng::new(3), 40, false);
    f.blocks[f.entry].term = Terminator::Jump(Target { block: f.entry, args: vec![] });
    assert_eq!(if_convert(&f).expect_err("a loop")[0].code, "BL0601");
}
