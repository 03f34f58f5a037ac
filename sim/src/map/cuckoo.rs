//! Placement of keys in the hardware's key table (`offload-ir/src/hash.rs`): four banks, cuckoo hashing.
//!
//! The host chooses the slot of each key; the hardware only looks keys up. The same table is used by the
//! cycle-level simulator and by whoever loads the RTL, so that both see the same slots.

use super::h3::{BANK_COUNT, H3};
use super::Slot;
use beeline_ir::hash::bank_depth_log2;
use std::collections::VecDeque;

/// How many positions a search for room visits before the table counts as full.
const SEARCH_LIMIT: usize = 4096;

/// What an insertion did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Slot of the new key.
    pub slot: Slot,
    /// Keys that had to move, in the order in which the moves keep every key findable: `(from, to)`.
    /// Their values move with them.
    pub moves: Vec<(Slot, Slot)>,
}

/// The table is full for this key: no sequence of moves within the search limit makes room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hardware key table has no room for this key")]
pub struct TableFull;

/// Keys by slot. A slot number is `bank << depth_log2 | index`.
#[derive(Clone, Debug)]
pub struct CuckooTable {
    key_size: usize,
    depth_log2: u32,
    keys: Vec<u8>,
    occupied: Vec<bool>,
    hash: H3,
}

impl CuckooTable {
    /// An empty table for `max_entries` keys of `key_size` bytes.
    pub fn new(key_size: u32, max_entries: u32) -> Self {
        let depth_log2 = bank_depth_log2(max_entries);
        let slots = BANK_COUNT << depth_log2;
        let key_size = key_size as usize;
        Self {
            key_size,
            depth_log2,
            keys: vec![0; slots * key_size],
            occupied: vec![false; slots],
            hash: H3::new(key_size, depth_log2),
        }
    }

    /// Log2 of the depth of a bank.
    pub fn depth_log2(&self) -> u32 {
        self.depth_log2
    }

    /// The key in `slot`, if there is one.
    pub fn key(&self, slot: Slot) -> Option<&[u8]> {
        let i = slot as usize;
        self.occupied
            .get(i)
            .copied()
            .unwrap_or(false)
            .then(|| &self.keys[i * self.key_size..][..self.key_size])
    }

    /// The slots where `key` may stand, one in each bank.
    pub fn candidates(&self, key: &[u8]) -> [Slot; BANK_COUNT] {
        let rows = self.hash.rows(key);
        std::array::from_fn(|bank| (bank as u32) << self.depth_log2 | rows[bank])
    }

    /// The slot of `key`.
    pub fn lookup(&self, key: &[u8]) -> Option<Slot> {
        self.candidates(key).into_iter().find(|slot| self.key(*slot) == Some(key))
    }

    /// Inserts `key`, or finds it where it is. Breadth-first search: as few keys move as possible.
    ///
    /// # Errors
    /// If there is no room; the table is then unchanged.
    pub fn insert(&mut self, key: &[u8]) -> Result<Placement, TableFull> {
        if let Some(slot) = self.lookup(key) {
            return Ok(Placement { slot, moves: Vec::new() });
        }
        let path = self.path_to_room(key).ok_or(TableFull)?;
        let moves: Vec<_> = path.windows(2).rev().map(|w| (w[0], w[1])).collect();
        for (from, to) in &moves {
            let at = *from as usize * self.key_size;
            self.keys.copy_within(at..at + self.key_size, *to as usize * self.key_size);
            self.occupied[*to as usize] = true;
        }
        let slot = path[0];
        self.keys[slot as usize * self.key_size..][..self.key_size].copy_from_slice(key);
        self.occupied[slot as usize] = true;
        Ok(Placement { slot, moves })
    }

    /// Removes `key`; returns the slot that it had.
    pub fn remove(&mut self, key: &[u8]) -> Option<Slot> {
        let slot = self.lookup(key)?;
        self.occupied[slot as usize] = false;
        Some(slot)
    }

    /// Occupied slots with their keys, ascending by slot.
    pub fn entries(&self) -> impl Iterator<Item = (Slot, &[u8])> {
        (0..self.occupied.len() as Slot).filter_map(|s| self.key(s).map(|k| (s, k)))
    }

    /// A shortest chain of slots: the first is a candidate of `key`, each next one of the key before it, the last is free.
    fn path_to_room(&self, key: &[u8]) -> Option<Vec<Slot>> {
        let mut seen: Vec<(Slot, Option<usize>)> = Vec::new();
        let mut queue = VecDeque::new();
        let visit = |candidates: [Slot; BANK_COUNT],
                     parent,
                     seen: &mut Vec<_>,
                     queue: &mut VecDeque<usize>| {
            for slot in candidates {
                if !on_path(seen, parent, slot) {
                    queue.push_back(seen.len());
                    seen.push((slot, parent));
                }
            }
        };
        visit(self.candidates(key), None, &mut seen, &mut queue);
        while let Some(node) = queue.pop_front() {
            let slot = seen[node].0;
            let Some(occupant) = self.key(slot) else {
                return Some(path_of(&seen, node));
            };
            if seen.len() < SEARCH_LIMIT {
                visit(self.candidates(occupant), Some(node), &mut seen, &mut queue);
            }
        }
        None
    }
}

fn on_path(seen: &[(Slot, Option<usize>)], mut node: Option<usize>, slot: Slot) -> bool {
    while let Some(n) = node {
        if seen[n].0 == slot {
            return true;
        }
        node = seen[n].1;
    }
    false
}

fn path_of(seen: &[(Slot, Option<usize>)], node: usize) -> Vec<Slot> {
    let mut path: Vec<_> =
        std::iter::successors(Some(node), |n| seen[*n].1).map(|n| seen[n].0).collect();
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use beeline_ir::hash::h3_index;

    #[test]
    fn candidates_are_the_published_hashes() {
        let table = CuckooTable::new(6, 1000);
        let key = [1, 2, 0xff, 0, 0x80, 7];
        for (bank, slot) in table.candidates(&key).into_iter().enumerate() {
            let index = h3_index(bank as u32, &key, table.depth_log2());
            assert_eq!(slot, (bank as u32) << table.depth_log2() | index);
        }
    }

    /// Keys to the last one must fit: sequential ones, and a byte-swapped sequence as addresses come.
    #[test]
    fn a_table_takes_all_its_entries_and_moves_keep_keys_findable() {
        for (entries, swap) in
            [(1, false), (3, true), (1000, false), (1536, true), (4096, true), (49_152, false)]
        {
            let mut table = CuckooTable::new(4, entries);
            let mut model = std::collections::BTreeMap::new();
            for n in 0..entries {
                let key = if swap { n.to_be_bytes() } else { n.to_le_bytes() };
                let placed = table.insert(&key).unwrap();
                for (from, to) in placed.moves {
                    let moved = model.remove(&from).unwrap();
                    assert!(model.insert(to, moved).is_none());
                }
                assert!(model.insert(placed.slot, key).is_none());
            }
            assert!(model.iter().map(|(s, k)| (*s, &k[..])).eq(table.entries()));
            assert!(model.iter().all(|(s, k)| table.lookup(k) == Some(*s)));
        }
    }

    #[test]
    fn removed_keys_are_gone_and_a_full_table_says_so() {
        let mut table = CuckooTable::new(4, 3);
        let slots = BANK_COUNT << table.depth_log2();
        let placed: Vec<u32> =
            (0..100).filter(|n: &u32| table.insert(&n.to_le_bytes()).is_ok()).collect();
        assert!(placed.len() <= slots && placed.len() >= 3);
        let before: Vec<_> = table.entries().map(|(s, k)| (s, k.to_vec())).collect();
        assert_eq!(table.insert(&1000u32.to_le_bytes()), Err(TableFull));
        assert!(table.entries().map(|(s, k)| (s, k.to_vec())).eq(before));
        let key = placed[0].to_le_bytes();
        assert!(table.remove(&key).is_some());
        assert_eq!((table.lookup(&key), table.remove(&key)), (None, None));
    }
}
