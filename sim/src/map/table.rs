//! The table of keys that the hardware keeps for a map that programs insert into: the exact model of `bl_hash_table`.
//!
//! A key has one bucket of [`WAYS`] places in each of [`BANKS`] banks (`offload-ir/src/hash.rs`). A new key goes to the bucket with
//! the fewest keys, of equal ones to that of the lowest bank, in its lowest free way; it never moves. In LRU kinds a new key takes the place of one
//! of its 16 candidates if the map is full, by reference marks. `docs/hash-tables.md` is the specification.

mod mean_field;

pub use mean_field::{MeanField, Occupancy};

use super::h3::{BANK_COUNT, H3};
use super::Slot;
use beeline_ir::hash::{bucket_depth_log2, BANKS, WAYS};

const WAY_COUNT: usize = WAYS as usize;

/// Places where a key may stand.
pub const CANDIDATES: usize = BANK_COUNT * WAY_COUNT;
const _: () = assert!(WAYS == 4 && BANKS == 4, "slots are bank, bucket, two bits of way");

/// Keys by slot. A slot number is `(bank << depth_log2 | bucket) << 2 | way`.
#[derive(Clone, Debug)]
pub struct BucketTable {
    key_size: usize,
    depth_log2: u32,
    hash: H3,
    keys: Vec<u8>,
    used: Vec<bool>,
    /// Reference marks by slot, in LRU tables. Those of free slots mean nothing.
    marks: Option<Vec<bool>>,
    len: usize,
    max_entries: usize,
    no_room: u64,
}

/// Where a new key went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// Its slot.
    pub slot: Slot,
    /// The key that had to go, in LRU tables.
    pub evicted: Option<Vec<u8>>,
}

impl BucketTable {
    /// An empty table for `max_entries` keys of `key_size` bytes; with `lru` it gives up keys to stay at that.
    pub fn new(key_size: u32, max_entries: u32, lru: bool) -> Self {
        Self::with_depth(key_size, bucket_depth_log2(max_entries), max_entries, lru)
    }

    /// As [`BucketTable::new`], with banks of `1 << depth_log2` buckets.
    pub fn with_depth(key_size: u32, depth_log2: u32, max_entries: u32, lru: bool) -> Self {
        let (slots, key_size) = (CANDIDATES << depth_log2, key_size as usize);
        Self {
            key_size,
            depth_log2,
            hash: H3::new(key_size, depth_log2),
            keys: vec![0; slots * key_size],
            used: vec![false; slots],
            marks: lru.then(|| vec![false; slots]),
            len: 0,
            max_entries: max_entries as usize,
            no_room: 0,
        }
    }

    /// Log2 of the buckets of a bank.
    pub fn depth_log2(&self) -> u32 {
        self.depth_log2
    }

    /// Places in all.
    pub fn slots(&self) -> usize {
        self.used.len()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Insertions that found no place.
    pub fn no_room(&self) -> u64 {
        self.no_room
    }

    /// The key in `slot`, if there is one.
    pub fn key(&self, slot: Slot) -> Option<&[u8]> {
        let used = self.used.get(slot as usize).copied().unwrap_or(false);
        used.then(|| self.stored(slot))
    }

    fn stored(&self, slot: Slot) -> &[u8] {
        &self.keys[slot as usize * self.key_size..][..self.key_size]
    }

    /// The places where `key` may stand, by bank and way.
    pub fn candidates(&self, key: &[u8]) -> [Slot; CANDIDATES] {
        let rows = self.hash.rows(key);
        std::array::from_fn(|c| {
            let (bank, way) = (c / WAY_COUNT, c % WAY_COUNT);
            ((bank as u32) << self.depth_log2 | rows[bank]) * WAYS + way as u32
        })
    }

    /// The slot of `key`.
    pub fn find(&self, key: &[u8]) -> Option<Slot> {
        self.candidates(key).into_iter().find(|slot| self.key(*slot) == Some(key))
    }

    /// The free place that a new `key` gets, if there is one.
    pub fn free_place(&self, key: &[u8]) -> Option<Slot> {
        let places = self.candidates(key);
        let load = |bucket: &&[Slot]| bucket.iter().filter(|s| self.used[**s as usize]).count();
        let bucket = places.chunks(WAY_COUNT).min_by_key(load)?; // the first of equal ones
        bucket.iter().copied().find(|s| !self.used[*s as usize])
    }

    /// The place that a new `key` takes from another one, in LRU tables, and whether that had its mark. Places in `kept` are not given up; of
    /// the others the first without mark is, else the first.
    fn place_to_take(&self, key: &[u8], kept: &[Slot]) -> Option<(Slot, bool)> {
        let marks = self.marks.as_ref()?;
        let places = self.candidates(key).into_iter();
        let places = places.filter(|s| self.used[*s as usize] && !kept.contains(s));
        places.map(|s| (s, marks[s as usize])).min_by_key(|(_, marked)| *marked)
    }

    /// What a packet does that uses the entries in `touched`, and inserts `key`, which is not in the table. `None`, and nothing
    /// inserted, if there is no place; an LRU table has one if fewer than [`CANDIDATES`] entries are touched. Whether a table of another kind
    /// is full is the caller's to ask.
    pub fn insert(&mut self, key: &[u8], touched: &[Slot]) -> Option<Insertion> {
        debug_assert!(self.find(key).is_none(), "a key has one place");
        let free = self.free_place(key);
        let taken = match free {
            Some(_) if self.len < self.max_entries => None,
            _ => self.place_to_take(key, touched),
        };
        let Some((slot, marked)) = taken.or(free.map(|slot| (slot, false))) else {
            self.refuse();
            self.touch(touched);
            return None;
        };
        let evicts = taken.is_some();
        if marked {
            // All had been used: the others begin anew, and what else the packet uses is not noted this time.
            let places = self.candidates(key);
            self.set_marks(&places, false);
        } else {
            self.touch(touched);
        }
        self.touch(&[slot]);
        let evicted = evicts.then(|| self.stored(slot).to_vec());
        self.len += usize::from(!evicts);
        self.used[slot as usize] = true;
        self.keys[slot as usize * self.key_size..][..self.key_size].copy_from_slice(key);
        Some(Insertion { slot, evicted })
    }

    /// Counts an insertion that finds no place.
    pub(super) fn refuse(&mut self) {
        self.no_room += 1;
    }

    /// Marks entries as used, in LRU tables.
    pub fn touch(&mut self, slots: &[Slot]) {
        self.set_marks(slots, true);
    }

    fn set_marks(&mut self, slots: &[Slot], to: bool) {
        if let Some(marks) = &mut self.marks {
            slots.iter().for_each(|s| marks[*s as usize] = to);
        }
    }

    /// Takes the key in `slot` out, if there is one.
    pub fn remove(&mut self, slot: Slot) {
        if let Some(used) = self.used.get_mut(slot as usize) {
            self.len -= usize::from(*used);
            *used = false;
        }
    }

    /// Slots that hold keys, ascending, with their keys.
    pub fn entries(&self) -> impl Iterator<Item = (Slot, &[u8])> {
        (0..self.used.len() as Slot).filter_map(|s| self.key(s).map(|k| (s, k)))
    }
}

#[cfg(test)]
mod tests;
