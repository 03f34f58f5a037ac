use super::*;
use crate::if_convert::if_convert;
use crate::op::Op;
use crate::testing::{observable, random_state_function, run_function, run_pipeline, Rng, World};

#[test]
fn updates_and_deletions_survive_if_conversion() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let f = random_state_function(&mut rng, 10 + seed as u32 / 4);
        let p = if_convert(&f).expect("acyclic");
        for _ in 0..20 {
            let world = World::random(&mut rng);
            let mut expected = observable(run_function(&f, world.clone()));
            let mut found = observable(run_pipeline(&p, world));
            // Lookups whose result nobody needs are gone.
            expected.1.used.clear();
            found.1.used.clear();
            assert_eq!(found, expected, "seed {seed}");
        }
    }
}

#[test]
fn lowering_changes_nothing_that_can_be_seen() {
    let (mut lowered, mut inserts, mut refused) = (0, 0, std::collections::BTreeMap::new());
    for seed in 0..2000 {
        let mut rng = Rng::new(seed);
        let f = random_state_function(&mut rng, 8 + seed as u32 / 40);
        let before = if_convert(&f).expect("acyclic");
        let mut after = before.clone();
        if let Err(why) = lower_state(&mut after) {
            for d in why {
                *refused.entry(d.code).or_insert(0) += 1;
            }
            continue;
        }
        lowered += 1;
        inserts += after
            .order
            .iter()
            .filter(|&&i| matches!(after.dfg.insts[i].op, Op::MapInsert { .. }))
            .count();
        for _ in 0..20 {
            let world = World::random(&mut rng);
            let expected = observable(run_pipeline(&before, world.clone()));
            let found = observable(run_pipeline(&after, world));
            assert_eq!(found, expected, "seed {seed}\n{before}\n{after}");
        }
        crate::validate::validate_pipeline(after).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    eprintln!("{lowered} lowered, {inserts} insertions, refused: {refused:?}");
    assert!(lowered > 300 && inserts > 100, "{lowered} lowered, {inserts} insertions");
}
