//! HASH, PERCPU_HASH and the LRU kinds.

use crate::pair::{assert_seen, def, random_run, reachable, Call, Pair};
use beeline_ir::map::MapKind;
use beeline_sim::map::flags::create;
use beeline_testbench::traffic::Rng;

/// Few different keys, so that they meet again.
fn key(size: usize) -> impl Fn(&mut Rng) -> Vec<u8> {
    move |rng| {
        let mut key = vec![0; size];
        key[rng.below(size)] = rng.below(6) as u8;
        key
    }
}

#[test]
fn random_operations() {
    if !reachable() {
        return;
    }
    for (n, (kind, flags)) in [
        (MapKind::Hash, 0),
        (MapKind::Hash, create::NO_PREALLOC),
        (MapKind::Hash, create::ZERO_SEED),
        (MapKind::PercpuHash, 0),
        (MapKind::PercpuHash, create::NO_PREALLOC),
    ]
    .into_iter()
    .enumerate()
    {
        for (key_size, value_size, entries) in [(4, 8, 3), (13, 5, 8)] {
            let mut def = def(kind, key_size, value_size, entries);
            def.flags = flags;
            let pair = random_run(&def, 1000, n as u64, key(key_size as usize));
            assert_seen(&pair, "host_update", &[-22, -17, -7, -2, 0]);
            assert_seen(&pair, "Update", &[-22, -17, -7, -2, 0]);
            assert_seen(&pair, "Delete", &[-2, 0]);
            assert_seen(&pair, "host_take", &[-2, 0]);
        }
    }
}

/// Large enough that nothing is evicted: then the kernel's order does not matter.
#[test]
fn random_operations_on_lru_kinds_that_are_not_full() {
    if !reachable() {
        return;
    }
    for (kind, flags) in [
        (MapKind::LruHash, 0),
        (MapKind::LruHash, create::NO_COMMON_LRU),
        (MapKind::LruPercpuHash, 0),
        (MapKind::LruPercpuHash, create::NO_COMMON_LRU),
    ] {
        let mut def = def(kind, 4, 8, 4096);
        def.flags = flags;
        let pair = random_run(&def, 1000, 5, key(4));
        assert_seen(&pair, "host_update", &[-22, -17, -2, 0]);
        assert_seen(&pair, "Update", &[-22, -17, -2, 0]);
        assert_seen(&pair, "Delete", &[-2, 0]);
    }
}

/// What is evicted differs; that an update never fails, and that no more than `max_entries` stay, does not.
#[test]
fn full_lru_maps_take_new_entries() {
    if !reachable() {
        return;
    }
    for kind in [MapKind::LruHash, MapKind::LruPercpuHash] {
        let mut pair = Pair::new(&def(kind, 4, 8, 200));
        for n in 0..1000u32 {
            let code = match n % 2 {
                0 => pair.host_update(&n.to_le_bytes(), &[7; 8], 1),
                _ => pair.program(Call::Update, &n.to_le_bytes(), &[8; 8], 1).0,
            };
            assert_eq!(code, 0);
            let (found, value) = pair.program(Call::Lookup, &n.to_le_bytes(), &[], 0);
            assert_eq!((found, value[0]), (1, if n % 2 == 0 { 7 } else { 8 }));
        }
        let (theirs, ours) = (pair.kernel.dump().unwrap().len(), pair.ours.dump(0).len());
        assert_eq!(ours, 200);
        assert!((1..=200).contains(&theirs), "{theirs} entries stay in the kernel's {kind}");
    }
}

#[test]
fn long_keys_and_values() {
    if !reachable() {
        return;
    }
    let mut pair = Pair::new(&def(MapKind::Hash, 600, 70_000, 2));
    for n in 0..3u8 {
        pair.host_update(&[n; 600], &vec![n; 70_000], 0);
        pair.host_lookup(&[n; 600]);
    }
    pair.compare_dumps();
    assert_seen(&pair, "host_update", &[-7, 0]);
}
