use super::*;
use crate::if_convert::if_convert;
use crate::state::lower_state;
use crate::testing::{
    observable, random_function, random_state_function, run_pipeline, Rng, World,
};

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
        lower_state(&mut after).expect("arrays can be lowered");
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

#[test]
fn changes_of_maps_share_ports_unseen() {
    let (mut shared, mut several, mut refused) = (0, 0, 0);
    for seed in 0..1500 {
        let mut rng = Rng::new(seed);
        let f = random_state_function(&mut rng, 8 + seed as u32 / 40);
        let before = if_convert(&f).expect("acyclic");
        let mut after = before.clone();
        if lower_state(&mut after).is_err() {
            continue;
        }
        if share_ports(&mut after).is_err() {
            refused += 1;
            continue;
        }
        shared += 1;
        for _ in 0..10 {
            let world = World::random(&mut rng);
            let mut expected = observable(run_pipeline(&before, world.clone()));
            let mut found = observable(run_pipeline(&after, world));
            if !after.dfg.maps.keys().any(|m| after.changes_keys(m)) {
                // Changes that never happen are gone, and with them the sign that lookups mark nothing.
                expected.1.used.clear();
                found.1.used.clear();
            }
            assert_eq!(found, expected, "seed {seed}\n{before}\n{after}");
        }
        let slots = accesses_by_slot(&mut after);
        several += usize::from(
            slots
                .iter()
                .any(|a| a.writes && slots.iter().any(|b| b.map == a.map && b.entry != a.entry)),
        );
        crate::validate::validate_pipeline(after).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    assert!(
        shared > 200 && several > 5 && refused > 5,
        "{shared} shared, {several} with several ports, {refused} refused"
    );
}
