//! Boundaries and search tree against the trie.

use super::*;
use crate::map::lpm::LpmTrie;
use std::collections::BTreeMap;

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let x = self.0 ^ self.0 >> 29;
        x.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn key_of(length: u32, data: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes(), data].concat()
}

/// Keys of a kind: everywhere, or close together so that prefixes nest and touch.
fn random_key(rng: &mut Rng, bytes: usize, dense: bool) -> Vec<u8> {
    let length = match rng.below(8) {
        0 => 0,
        1 => 8 * bytes as u64,
        _ => rng.below(8 * bytes as u64 + 1),
    };
    let byte = |rng: &mut Rng| match dense {
        true => [0, 0x80, 0xff, 0xfe, 1][rng.below(5) as usize],
        false => rng.next() as u8,
    };
    let data: Vec<u8> = (0..bytes).map(|_| byte(rng)).collect();
    key_of(length as u32, &data)
}

/// The trie's slots, boundaries and tree agree on random keys and on both sides of every boundary.
fn compare(rng: &mut Rng, bytes: usize, prefixes: &[Vec<u8>], dense: bool) {
    let key_size = 4 + bytes as u32;
    let mut trie = LpmTrie::new(key_size, prefixes.len() as u32);
    for key in prefixes {
        trie.place(key, 0).unwrap();
    }
    let shape = LpmShape::new(key_size, prefixes.len() as u32);
    let bits = shape.data_bits;
    let list = boundaries(bits, trie.entries());
    assert!(list.len() <= 2 * trie.keys().len());
    assert!(list.windows(2).all(|w| (w[0].data, w[0].length) < (w[1].data, w[1].length)));
    let tree = LpmLevels::new(shape, &list);

    let mut probes: Vec<Vec<u8>> = (0..300).map(|_| random_key(rng, bytes, dense)).collect();
    let all = u128::MAX >> (128 - bits);
    for _ in 0..600.min(6 * list.len()) {
        let b = list[rng.below(list.len() as u64) as usize];
        let data = [b.data, b.data.wrapping_sub(1) & all][rng.below(2) as usize];
        let length = [bits, b.length, b.length.saturating_sub(1)][rng.below(3) as usize];
        probes.push(Boundary { data, length, slot: None }.key(bits));
    }
    probes.push(key_of(bits + 1, &vec![0; bytes]));
    probes.push(key_of(u32::MAX, &vec![0; bytes]));
    for probe in probes {
        assert_eq!(tree.find(&probe), trie.find(&probe), "{probe:02x?} in {prefixes:02x?}");
    }

    // A reader of the boundaries gets the prefixes back.
    let read: BTreeMap<Vec<u8>, Slot> = list
        .iter()
        .filter(|b| b.starts_prefix())
        .map(|b| (b.key(bits), b.slot.expect("a prefix starts")))
        .collect();
    let held = trie.keys().slots().map(|s| (trie.keys().key(s).to_vec(), s));
    assert_eq!(read, held.collect());
}

#[test]
fn random_sets_of_all_sizes() {
    let mut rng = Rng(3);
    for round in 0..400 {
        let bytes = [1, 2, 4, 7, 16][round % 5];
        let dense = round % 3 != 0;
        let count = 1 + rng.below(if round % 7 == 0 { 400 } else { 20 });
        let prefixes: Vec<_> = (0..count).map(|_| random_key(&mut rng, bytes, dense)).collect();
        compare(&mut rng, bytes, &prefixes, dense);
    }
}

#[test]
fn nothing_everything_and_the_edges() {
    let mut rng = Rng(4);
    assert!(boundaries(32, std::iter::empty()).is_empty());
    let empty = LpmLevels::new(LpmShape::new(8, 16), &[]);
    assert_eq!(empty.find(&key_of(32, &[0; 4])), None);
    let all = key_of(0, &[7; 4]);
    let whole = boundaries(32, [(&all[..], 5)]);
    assert_eq!(whole, [Boundary { data: 0, length: 0, slot: Some(5) }]);
    let first = key_of(32, &[0; 4]);
    let last = key_of(32, &[255; 4]);
    compare(&mut rng, 4, &[first.clone(), last.clone()], true);
    compare(
        &mut rng,
        4,
        &[first, all, last, key_of(31, &[255; 4]), key_of(1, &[128, 0, 0, 0])],
        true,
    );
    compare(&mut rng, 16, &[key_of(128, &[255; 16]), key_of(127, &[255; 16])], true);
}

#[test]
fn the_worst_case_needs_all_of_the_room() {
    let mut rng = Rng(5);
    let prefixes: Vec<_> = (0..1024u32).map(|n| key_of(32, &(2 * n + 1).to_be_bytes())).collect();
    let list = boundaries(32, prefixes.iter().map(|k| (&k[..], 0)));
    assert_eq!(list.len(), 2048);
    compare(&mut rng, 4, &prefixes, false);
}

#[test]
fn of_equal_prefixes_the_last_counts() {
    let keys = [key_of(8, &[10, 1, 1, 1]), key_of(8, &[10, 2, 0, 0]), key_of(33, &[0; 4])];
    let list = boundaries(32, keys.iter().zip(0..).map(|(k, s)| (&k[..], s)));
    let starts: Vec<_> = list.iter().filter(|b| b.starts_prefix()).collect();
    assert_eq!(starts, [&Boundary { data: 10 << 24, length: 8, slot: Some(1) }]);
}

#[test]
fn sixteen_thousand_prefixes() {
    let mut rng = Rng(6);
    for dense in [false, true] {
        let prefixes: Vec<_> = (0..16_384)
            .map(|_| {
                let length = if dense { 20 + rng.below(13) } else { 8 + rng.below(25) };
                let base = if dense { 0x0a00_0000 } else { 0 };
                let mask = if dense { 0x000f_ffff } else { u32::MAX };
                key_of(length as u32, &(base | rng.next() as u32 & mask).to_be_bytes())
            })
            .collect();
        compare(&mut rng, 4, &prefixes, dense);
    }
    let wide: Vec<_> = (0..1024).map(|_| random_key(&mut rng, 16, false)).collect();
    compare(&mut rng, 16, &wide, false);
}

#[test]
fn every_boundary_has_one_place_as_separator_at_most() {
    let shape = LpmShape::new(8, 100);
    let tree = LpmLevels::new(shape, &[]);
    let mut seen = std::collections::BTreeSet::new();
    for index in 0..shape.capacity() as usize {
        let places = tree.places(index);
        assert!((1..=2).contains(&places.len()), "{index}: {places:?}");
        assert_eq!(places.last().unwrap().0 as u32, shape.levels() - 1);
        assert!(places.into_iter().all(|p| seen.insert(p)));
    }
}
