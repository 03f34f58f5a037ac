use super::*;
use crate::if_convert::if_convert;
use crate::testing::{observable, random_function, run_pipeline, Rng, World};

fn count(p: &Pipeline, wanted: impl Fn(&Op) -> bool) -> usize {
    p.order.iter().filter(|&&i| wanted(&p.dfg.insts[i].op)).count()
}

#[test]
fn sharing_changes_nothing_that_can_be_seen() {
    let (mut saved, mut refused) = (0, 0);
    for seed in 0..1200 {
        let mut rng = Rng::new(seed);
        let f = random_function(&mut rng, 60, true);
        let before = if_convert(&f).expect("acyclic");
        let mut after = before.clone();
        refused += usize::from(share_ports(&mut after).is_err());
        let lookup = |op: &Op| matches!(op, Op::MapLookup { map, .. } if map.as_u32() == 0);
        saved += count(&before, lookup) - count(&after, lookup);
        for _ in 0..10 {
            let world = World::random(&mut rng);
            let expected = observable(run_pipeline(&before, world.clone()));
            assert_eq!(observable(run_pipeline(&after, world)), expected, "seed {seed}");
        }
    }
    assert!(saved > 10, "{saved} lookups saved");
    assert!(refused > 20, "{refused} refused");
}

#[test]
fn only_effects_keep_a_predicate() {
    for seed in 0..50 {
        let mut p = if_convert(&random_function(&mut Rng::new(seed), 60, true)).expect("acyclic");
        let _ = share_ports(&mut p);
        for &i in &p.order {
            assert!(p.dfg.insts[i].pred.is_none() || p.dfg.insts[i].op.has_effect());
        }
    }
}
