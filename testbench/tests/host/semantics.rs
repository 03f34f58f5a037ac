//! Every function of the driver on every sort of map, against the model's system calls.

use crate::subject::{Rng, Subject};
use beeline_sim::map::Errno;
use beeline_sim::MapSet;
use beeline_testbench::rtl::driver::Driver;
use std::collections::BTreeMap;

/// Operations on each map.
const OPERATIONS: usize = 400;

fn expected<T>(result: Result<T, Errno>) -> Result<T, i32> {
    result.map_err(|e| -e.0)
}

/// One map of a design, driven at random.
struct Case<'a> {
    driver: &'a mut Driver,
    model: &'a mut MapSet,
    map: u32,
    /// Keys are chosen among so many, and for some kinds the most are refused.
    keys: u64,
    rng: Rng,
}

impl Case<'_> {
    fn run(&mut self) {
        for n in 0..OPERATIONS {
            let key = self.key();
            match self.rng.below(10) {
                0..=2 => self.lookup(&key),
                3..=6 => self.update(&key),
                7 | 8 => {
                    let got = self.driver.delete(self.map, &key);
                    let want = expected(self.model.host_delete(self.map as usize, &key));
                    assert_eq!(got, want, "operation {n}: delete {key:x?}");
                }
                _ => self.walks(),
            }
        }
        self.walks();
    }

    fn key(&mut self) -> Vec<u8> {
        let n = self.rng.below(self.keys);
        let size = self.model.key_size(self.map as usize) as usize;
        let indices = self.model.kind(self.map as usize).is_array_like();
        let n = if indices { n } else { n.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
        let mut key = n.to_le_bytes().to_vec();
        key.resize(size, 0);
        key
    }

    fn lookup(&mut self, key: &[u8]) {
        let got = self.driver.lookup(self.map, key);
        let want = expected(self.model.host_lookup(self.map as usize, key, 0));
        assert_eq!(got, want, "lookup {key:x?}");
    }

    fn update(&mut self, key: &[u8]) {
        let size = self.model.value_size(self.map as usize) as usize;
        let mut value = self.rng.bytes(size);
        if self.rng.below(4) == 0 {
            value.fill(0);
        }
        // Any, new, known, with a lock, and what there is not.
        let flags = [0, 0, 0, 1, 2, 3, 4, 1 << 40][self.rng.below(8) as usize];
        let got = self.driver.update(self.map, key, &value, flags);
        let want = expected(self.model.host_update(self.map as usize, key, &value, flags));
        assert_eq!(got, want, "update {key:x?} with flags {flags}");
    }

    /// Both walks see every entry once; that by keys visits the indices of an array in order.
    fn walks(&mut self) {
        let dump: BTreeMap<_, _> = self.model.dump(self.map as usize).into_iter().collect();
        let mut seen = BTreeMap::new();
        let mut cursor = 0;
        loop {
            match self.driver.next_entry(self.map, &mut cursor) {
                Ok((key, value)) => {
                    assert!(seen.insert(key, value).is_none(), "an entry comes twice")
                }
                Err(status) => break assert_eq!(status, -2),
            }
        }
        let is_empty = |value: &Vec<u8>| value.iter().all(|b| *b == 0);
        let kind = self.model.kind(self.map as usize);
        let sparse = |m: BTreeMap<Vec<u8>, Vec<u8>>| -> BTreeMap<_, _> {
            m.into_iter().filter(|(_, v)| kind.has_key_table() || !is_empty(v)).collect()
        };
        assert_eq!(sparse(seen), sparse(dump.clone()));

        let mut keys = Vec::new();
        let mut next = self.driver.next_key(self.map, None);
        while let Ok(key) = next {
            next = self.driver.next_key(self.map, Some(&key));
            keys.push(key);
            assert!(keys.len() <= 1000, "the walk does not end");
        }
        assert_eq!(next, Err(-2));
        if kind.is_array_like() {
            let indices = 0..self.model.max_entries(self.map as usize);
            assert!(keys
                .iter()
                .eq(indices.map(|i| i.to_le_bytes().to_vec()).collect::<Vec<_>>().iter()));
        } else {
            keys.sort();
            assert!(keys.iter().eq(dump.keys()), "{keys:x?}\n{dump:x?}");
        }
    }
}

fn agree(name: &str, maps: &[(&str, u64)]) {
    let subject = Subject::new(name);
    let Some(mut driver) = subject.open() else { return };
    let mut model = subject.maps();
    for (seed, (map, keys)) in maps.iter().enumerate() {
        let map = subject.map(map);
        let rng = Rng(seed as u64);
        Case { driver: &mut driver, model: &mut model, map, keys: *keys, rng }.run();
    }
    assert!(driver.error().is_none(), "a register access failed");
    // No other map was touched.
    for (n, decl) in subject.decls().enumerate() {
        let mut cursor = 0;
        let mut count = 0;
        while let Ok((_, value)) = driver.next_entry(n as u32, &mut cursor) {
            count += usize::from(decl.kind.has_key_table() || value.iter().any(|b| *b != 0));
        }
        assert_eq!(count, model.dump(n).len(), "{}", decl.name);
    }
}

#[test]
fn arrays_hosts_tables_and_devices() {
    agree("placed", &[("classes", 10), ("rules", 40), ("ports", 8)]);
}

#[test]
fn tables_that_place_keys_themselves() {
    agree("tabled", &[("sessions", 40), ("recent", 60)]);
}
