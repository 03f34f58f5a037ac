//! LPM_TRIE.

use crate::pair::{assert_seen, def, random_run, reachable, Pair};
use beeline_ir::map::MapKind;
use beeline_testbench::traffic::Rng;

/// Prefixes that nest: few different bytes, any length, at times one too long.
fn key(data: usize) -> impl Fn(&mut Rng) -> Vec<u8> {
    move |rng| {
        let length = rng.below(8 * data + 2) as u32;
        let bytes = (0..data).map(|_| *rng.pick(&[0u8, 0x80, 0xff]));
        length.to_le_bytes().into_iter().chain(bytes).collect()
    }
}

#[test]
fn random_operations() {
    if !reachable() {
        return;
    }
    for (data, entries) in [(1, 6), (4, 20), (16, 40)] {
        let def = def(MapKind::LpmTrie, 4 + data, 6, entries);
        let pair = random_run(&def, 1500, data.into(), key(data as usize));
        assert_seen(&pair, "Lookup", &[0, 1]);
        for verb in ["Update", "host_update"] {
            let codes: Vec<i64> =
                pair.seen.iter().filter(|(v, _)| v == verb).map(|(_, c)| *c).collect();
            assert!([-22, -2, 0].iter().all(|c| codes.contains(c)), "{verb}: {codes:?}");
        }
        assert_seen(&pair, "Delete", &[-22, -2, 0]);
        assert_seen(&pair, "host_take", &[-524]);
    }
}

#[test]
fn a_full_trie_refuses_new_prefixes_only() {
    if !reachable() {
        return;
    }
    let mut pair = Pair::new(&def(MapKind::LpmTrie, 8, 4, 2));
    let key = |len: u8, a: u8| [len, 0, 0, 0, a, 1, 2, 3];
    let mut codes = Vec::new();
    for (len, a, flags) in
        [(8, 10, 0), (24, 10, 1), (16, 10, 0), (24, 10, 1), (24, 10, 2), (16, 10, 2), (9, 10, 1)]
    {
        codes.push(pair.host_update(&key(len, a), &[len; 4], flags));
    }
    assert_eq!(codes, [0, 0, -28, -17, 0, -2, -28]);
    pair.compare_dumps();
}
