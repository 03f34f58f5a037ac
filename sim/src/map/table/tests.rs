//! Tests of the table: placement, filling to the last entry, replacement.

use super::*;
use beeline_ir::hash::h3_index;
use std::collections::BTreeMap;

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn key(&mut self, size: usize) -> Vec<u8> {
        (0..size).map(|_| self.next() as u8).collect()
    }
}

/// Insertions that the tests of full tables make, in all: `BEELINE_TABLE_KEYS`.
fn budget() -> u64 {
    let asked = std::env::var("BEELINE_TABLE_KEYS").ok();
    asked.map_or(2_000_000, |n| n.parse().expect("a number of keys"))
}

#[test]
fn candidates_are_the_published_hashes() {
    let table = BucketTable::new(6, 1000, false);
    let key = [1, 2, 0xff, 0, 0x80, 7];
    for (c, slot) in table.candidates(&key).into_iter().enumerate() {
        let (bank, way) = (c as u32 / WAYS, c as u32 % WAYS);
        let bucket = h3_index(bank, &key, table.depth_log2());
        assert_eq!(slot, (bank << table.depth_log2() | bucket) * WAYS + way);
    }
}

#[test]
fn a_table_has_twice_the_places() {
    for (entries, slots) in [(1, 16), (8, 16), (9, 32), (16, 32), (17, 64), (1000, 2048)] {
        assert_eq!(BucketTable::new(4, entries, false).slots(), slots, "{entries}");
    }
}

#[test]
fn the_least_loaded_bucket_of_the_lowest_bank_gets_the_key() {
    let mut table = BucketTable::with_depth(1, 0, 16, false);
    let places: Vec<Slot> = (0..16).map(|k| table.insert(&[k], &[]).unwrap().slot).collect();
    assert_eq!(places, [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]);
    assert_eq!((table.insert(&[16], &[]), table.no_room()), (None, 1));
    table.remove(9);
    table.remove(5);
    table.remove(4);
    assert_eq!(table.insert(&[17], &[]).unwrap().slot, 4);
    assert_eq!((table.find(&[17]), table.find(&[1]), table.len()), (Some(4), None, 14));
}

#[test]
fn the_first_unmarked_key_is_replaced_and_kept_ones_are_not() {
    let mut table = BucketTable::with_depth(1, 0, 16, true);
    for k in 0..16 {
        table.insert(&[k], &[]).unwrap();
    }
    // All are marked: the first that is not touched goes, and the marks with it.
    let first = table.insert(&[16], &[0, 1]).unwrap();
    assert_eq!(first, Insertion { slot: 2, evicted: Some(vec![8]) });
    // Slot 0 has lost its mark, since that packet's touches are not noted.
    let second = table.insert(&[17], &[4]).unwrap();
    assert_eq!(second, Insertion { slot: 0, evicted: Some(vec![0]) });
    table.touch(&[1, 3]);
    let slots: Vec<Slot> = (18..24).map(|k| table.insert(&[k], &[]).unwrap().slot).collect();
    assert_eq!(slots, [5, 6, 7, 8, 9, 10], "0 and 2 are new, 1, 3 and 4 touched");
    assert_eq!(table.len(), 16);
}

#[test]
fn a_full_lru_table_stays_full() {
    let mut table = BucketTable::new(4, 100, true);
    let mut evicted = 0;
    for n in 0..1000u32 {
        let new = table.insert(&n.to_le_bytes(), &[]).unwrap();
        evicted += usize::from(new.evicted.is_some());
        assert_eq!(table.len(), 100.min(n as usize + 1));
    }
    assert_eq!(evicted, 900);
    let mut one = BucketTable::new(4, 1, true);
    one.insert(&[1; 4], &[]).unwrap();
    assert_eq!(one.insert(&[2; 4], &[]).unwrap().evicted, Some(vec![1; 4]));
    // The only key is in use by the packet that inserts.
    assert_eq!(one.insert(&[3; 4], &[0]).unwrap(), Insertion { slot: 4, evicted: None });
    assert_eq!(one.len(), 2);
    assert_eq!(one.insert(&[4; 4], &[]).unwrap().evicted, Some(vec![2; 4]));
}

#[test]
fn a_table_agrees_with_a_tree_over_many_insertions_and_removals() {
    for lru in [false, true] {
        let mut rng = Rng(3);
        let mut table = BucketTable::with_depth(3, 3, 128, lru);
        let mut model = BTreeMap::new();
        for _ in 0..20_000 {
            let key = vec![rng.below(200) as u8, 7, 0];
            match (table.find(&key), rng.below(3)) {
                (Some(slot), 0) => {
                    table.remove(slot);
                    assert_eq!(model.remove(&slot), Some(key));
                }
                (Some(slot), _) => table.touch(&[slot]),
                (None, _) => {
                    if let Some(new) = table.insert(&key, &[]) {
                        assert_eq!(model.insert(new.slot, key), new.evicted);
                    }
                }
            }
            assert_eq!(table.len(), model.len());
        }
        assert!(table.entries().eq(model.iter().map(|(s, k)| (*s, &k[..]))));
        assert!(model.iter().all(|(s, k)| table.find(k) == Some(*s)));
        assert_eq!(lru, table.no_room() == 0, "200 keys on 128 places");
    }
}

/// Fills tables of `entries` to the last one with `keys`, then replaces a random key `churn` times; returns how many keys were inserted.
fn fill_and_churn(
    size: u32,
    entries: u32,
    churn: u64,
    mut keys: impl FnMut() -> Vec<u8>,
    rng: &mut Rng,
) -> u64 {
    let mut table = BucketTable::new(size, entries, false);
    let mut slots = Vec::new();
    let mut inserted = 0;
    while inserted < u64::from(entries) + churn {
        let key = keys();
        if table.find(&key).is_some() {
            continue;
        }
        if table.len() == entries as usize {
            let leaving = rng.below(slots.len() as u64) as usize;
            table.remove(slots.swap_remove(leaving));
        }
        let new = table.insert(&key, &[]);
        slots.push(new.expect("a key that the kernel would take has a place").slot);
        inserted += 1;
    }
    inserted
}

#[test]
fn tables_take_every_key_up_to_max_entries() {
    let mut rng = Rng(1);
    let mut done = 0;
    let shapes = [(4, 1024), (13, 4096), (4, 16), (6, 64), (8, 9), (16, 32_768), (2, 300), (37, 8)];
    'rounds: loop {
        for (size, entries) in shapes {
            let churn = u64::from(entries);
            let mut random = Rng(rng.next());
            done += fill_and_churn(size, entries, churn, || random.key(size as usize), &mut rng);
            if done >= budget() {
                break 'rounds;
            }
        }
    }
}

/// Counters, as little-endian and big-endian numbers anywhere in the key, with steps: addresses, ports and identifiers come like that.
#[test]
fn tables_take_sequential_keys_up_to_max_entries() {
    let mut rng = Rng(2);
    for (size, entries) in [(4u32, 1024u32), (4, 16_384), (13, 4096), (8, 64), (16, 1024), (6, 16)]
    {
        for big_endian in [false, true] {
            for (step, at) in [(1u64, 0), (2, 1), (256, 0), (3, 4), (4096, 0)] {
                let at = usize::min(at, size as usize - 4);
                let start = rng.next() << 8;
                let base = rng.key(size as usize);
                let mut n = 0;
                let next = || {
                    let number = start.wrapping_add(n * step) as u32;
                    n += 1;
                    let mut key = base.clone();
                    let bytes =
                        if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
                    key[at..at + 4].copy_from_slice(&bytes);
                    key
                };
                fill_and_churn(size, entries, u64::from(entries), next, &mut Rng(9));
            }
        }
    }
}

/// The equations against tables: the fraction of buckets by load, bank by bank.
#[test]
fn the_mean_field_is_what_large_tables_look_like() {
    for (load, churn) in [(0.5, 0), (0.7, 0), (0.5, 8)] {
        let depth_log2 = 12;
        let mut rng = Rng(5);
        let mut table = BucketTable::with_depth(8, depth_log2, 65_536, false);
        let keys = (load * table.slots() as f64) as usize;
        let mut slots = Vec::new();
        for n in 0..keys * (1 + churn) {
            if n >= keys {
                let leaving = rng.below(slots.len() as u64) as usize;
                table.remove(slots.swap_remove(leaving));
            }
            slots.push(table.insert(&rng.key(8), &[]).expect("far from full").slot);
        }
        let mut field = MeanField::new(4, 4);
        field.fill(load);
        field.churn(churn as f64);
        let expected = field.occupancy();
        for bank in 0..4 {
            let mut at_least = [0u32; 4];
            for bucket in 0..1u32 << depth_log2 {
                let first = (bank << depth_log2 | bucket) * WAYS;
                let used = (first..first + WAYS).filter(|s| table.key(*s).is_some()).count();
                at_least[..used].iter_mut().for_each(|n| *n += 1);
            }
            for (i, n) in at_least.into_iter().enumerate() {
                let measured = f64::from(n) / f64::from(1 << depth_log2);
                let expected = expected.at_least[bank as usize][i];
                let tolerance = 4.0 * (expected / f64::from(1 << depth_log2)).sqrt() + 0.002;
                assert!(
                    (measured - expected).abs() < tolerance,
                    "load {load}, bank {bank}, {} keys: {measured} against {expected}",
                    i + 1
                );
            }
        }
    }
}

/// The figures in `docs/hash-tables.md`.
#[test]
fn the_documented_probabilities_are_computed() {
    for load in [0.5, 0.6, 0.75, 0.85, 0.9, 0.95] {
        let mut field = MeanField::new(4, 4);
        field.fill(load);
        let filled = field.occupancy().failure;
        let failures = field.expected_failures(6);
        field.churn(20.0);
        println!(
            "load {load}: fill {filled:.1e}, expected failures while filling 64 buckets a bank {failures:.1e}, churn {:.1e}",
            field.occupancy().failure
        );
    }
    let failure = |load, churn| {
        let mut field = MeanField::new(4, 4);
        field.fill(load);
        field.churn(churn);
        field.occupancy().failure
    };
    assert!(failure(0.5, 0.0) < 1e-20, "half full, never emptied");
    assert!(failure(0.5, 20.0) < 1e-12, "half full, every key replaced twenty times");
}
