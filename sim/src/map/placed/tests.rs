//! Packets that look up, insert and remove in any order, against the table that is told at their end.

use super::*;
use crate::map::{flags, Errno, MapSet};
use beeline_frontend::MapDef;
use beeline_ir::map::MapKind;

fn one(kind: MapKind, max_entries: u32, places: bool) -> MapSet {
    let name = "m".to_owned();
    let def = MapDef { name, kind, key_size: 4, value_size: 4, max_entries, ..MapDef::default() };
    let mut maps = MapSet::new(&[def]).unwrap();
    match places {
        true => maps.model_places().unwrap(),
        false => maps.set_lru_policy(LruPolicy::Hardware).unwrap(),
    }
    maps
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % bound
    }
}

fn key(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

fn assert_same(maps: &MapSet, table: &BucketTable) {
    let dump = maps.dump(0);
    let mut keys: Vec<_> = table.entries().map(|(_, key)| key.to_vec()).collect();
    keys.sort();
    assert!(dump.iter().map(|(key, _)| key).eq(&keys));
    for key in keys {
        assert_eq!(maps.hardware_slot(0, &key), table.find(&key));
    }
}

#[test]
fn whatever_the_order_within_a_packet_the_table_changes_at_its_end() {
    for (kind, entries, keys) in
        [(MapKind::LruHash, 24, 40), (MapKind::LruPercpuHash, 6, 20), (MapKind::LruHash, 1, 3)]
    {
        let mut maps = one(kind, entries, false);
        let mut table = BucketTable::new(4, entries, true);
        let mut rng = Rng(entries.into());
        let mut evicted = 0;
        for _ in 0..20_000 {
            let used: Vec<[u8; 4]> = (0..rng.below(3)).map(|_| key(rng.below(keys))).collect();
            let new = key(rng.below(keys));
            let at = rng.below(4) as usize;
            let gone = (rng.below(8) == 0).then(|| key(rng.below(keys))).filter(|k| *k != new);

            // In hardware: all lookups, then one change.
            let found = |table: &BucketTable, k: &[u8]| table.find(k);
            let mut touched: Vec<Slot> = used.iter().filter_map(|k| found(&table, k)).collect();
            let removed = gone.and_then(|k| found(&table, &k));
            let mut placed = None;
            if at < 3 {
                match found(&table, &new) {
                    Some(slot) => {
                        touched.push(slot);
                        table.touch(&touched);
                    }
                    None => {
                        let insertion = table.insert(&new, &touched).unwrap();
                        evicted += u32::from(insertion.evicted.is_some());
                        placed = Some(insertion.slot);
                    }
                }
            } else {
                table.touch(&touched);
            }
            if let Some(slot) = removed.filter(|s| Some(*s) != placed) {
                table.remove(slot);
            }

            // In the program: one after the other. What is removed was not used behind that.
            for step in 0..3 {
                if step == at {
                    maps.update(0, &new, &[step as u8; 4], flags::ANY).unwrap();
                }
                if let Some(k) = used.get(step).filter(|k| **k != new) {
                    maps.lookup(0, k);
                }
            }
            if used.contains(&new) && found(&table, &new).is_some() {
                maps.lookup(0, &new);
            }
            if let Some(k) = gone {
                let expected = if removed.is_some() { Ok(()) } else { Err(Errno::NOENT) };
                assert_eq!(maps.delete(0, &k), expected);
            }
            maps.start_packet();
            assert_same(&maps, &table);
        }
        assert!(evicted > 100, "{kind}, {entries}: keys are evicted");
    }
}

#[test]
fn a_packet_still_finds_what_its_insertion_evicts() {
    let mut maps = one(MapKind::LruHash, 1, false);
    maps.update(0, &key(1), &[1; 4], flags::ANY).unwrap();
    maps.start_packet();
    maps.update(0, &key(2), &[2; 4], flags::ANY).unwrap();
    assert_eq!(maps.get(0, &key(1)), Some(&[1; 4][..]));
    assert_eq!(maps.dump(0), [(key(2).to_vec(), vec![2; 4])], "at the end it is gone");
    maps.start_packet();
    assert_eq!((maps.get(0, &key(1)), maps.entries(0)), (None, 1));
}

#[test]
fn other_kinds_give_e2big_at_max_entries_and_not_before() {
    let mut maps = one(MapKind::Hash, 1000, true);
    for n in 0..1000 {
        assert_eq!(maps.update(0, &key(n), &[0; 4], flags::NOEXIST), Ok(()));
        maps.start_packet();
    }
    assert_eq!(maps.update(0, &key(1000), &[0; 4], flags::ANY), Err(Errno::TOOBIG));
    assert_eq!((maps.insert_key(0, &key(1001)), maps.no_room(0), maps.entries(0)), (None, 0, 1000));
    let slot = maps.slot_of(0, &key(7)).unwrap();
    assert_eq!(maps.hardware_slot(0, &key(7)), Some(slot));
    maps.remove_slot(0, slot);
    maps.update(0, &key(8), &[8; 4], flags::EXIST).unwrap();
    // Its place is free again, and the key goes where it was: it is still the best.
    assert_eq!((maps.insert_key(0, &key(7)), maps.entries(0)), (Some(slot), 1000));
}

#[test]
fn slots_of_the_hardware_are_those_of_the_table() {
    for (kind, entries) in [(MapKind::LruHash, 12), (MapKind::PercpuHash, 20)] {
        let lru = kind == MapKind::LruHash;
        let mut maps = one(kind, entries, true);
        let mut table = BucketTable::new(4, entries, lru);
        let mut rng = Rng(9);
        for _ in 0..20_000 {
            let [a, b, c] = std::array::from_fn(|_| key(rng.below(40)));
            let (found, used) = (table.find(&a), table.find(&b));
            assert_eq!((maps.slot_of(0, &a), maps.slot_of(0, &b)), (found, used));
            if let Some(slot) = used {
                maps.touch(0, slot);
            }
            let touched: Vec<Slot> = used.into_iter().collect();
            let full = !lru && table.len() == entries as usize;
            if found.is_none() && rng.below(2) == 0 {
                let new = if full { None } else { table.insert(&a, &touched) };
                assert_eq!(maps.insert_key(0, &a), new.map(|n| n.slot));
            } else {
                table.touch(&touched);
            }
            if let Some(slot) = table.find(&c).filter(|_| rng.below(3) == 0) {
                table.remove(slot);
                maps.remove_slot(0, slot);
            }
            maps.settle_map(0);
            assert_same(&maps, &table);
        }
    }
}
