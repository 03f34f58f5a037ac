//! Where the hardware keeps the keys of a hash map, packet by packet: a [`BucketTable`] beside the model's own storage.
//!
//! The hardware looks all keys of a packet up at once, and changes the table at the packet's end. So what a packet inserts is placed, and what it
//! evicts goes, when the packet is over ([`Placed::settle`]), with what the packet used and removed known.

use super::table::{BucketTable, Insertion};
use super::Slot;

/// Which entry of an LRU map goes when a new key needs room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LruPolicy {
    /// When the map has `max_entries`: the one that was used longest ago.
    #[default]
    Kernel,
    /// When the hardware's table has no place for the key: the one that the hardware chooses (`docs/hash-tables.md`).
    Hardware,
}

/// The hardware's table, and what the running packet does to it.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    table: BucketTable,
    lru: bool,
    /// Key that the packet inserts.
    inserted: Option<Vec<u8>>,
    /// Places that the packet uses, of keys that were there before.
    touched: Vec<Slot>,
    /// Places of keys that the packet removes.
    removed: Vec<Slot>,
}

impl Placed {
    /// An empty table.
    pub fn new(key_size: u32, max_entries: u32, lru: bool) -> Self {
        let table = BucketTable::new(key_size, max_entries, lru);
        Self { table, lru, inserted: None, touched: Vec::new(), removed: Vec::new() }
    }

    /// Slots of the table.
    pub fn slots(&self) -> usize {
        self.table.slots()
    }

    /// The hardware's slot of `key`, from the end of the packet that inserts it on.
    pub fn slot(&self, key: &[u8]) -> Option<Slot> {
        self.table.find(key)
    }

    /// Insertions that found no place.
    pub fn no_room(&self) -> u64 {
        self.table.no_room()
    }

    /// True if new keys take the places of others when there is no other.
    pub fn evicts(&self) -> bool {
        self.lru
    }

    /// True if a packet has done something that has not taken effect.
    pub fn is_pending(&self) -> bool {
        self.inserted.is_some() || !self.touched.is_empty() || !self.removed.is_empty()
    }

    /// The packet uses `key`.
    pub fn touch(&mut self, key: &[u8]) {
        if !self.lru {
            return;
        }
        if let Some(place) = self.table.find(key).filter(|p| !self.touched.contains(p)) {
            self.touched.push(place);
        }
    }

    /// The packet inserts `key`; false if there is no place. A second key of one packet counts as another packet's: the hardware takes one.
    pub fn insert(&mut self, key: &[u8]) -> bool {
        debug_assert!(self.inserted.is_none(), "settled before");
        let known = self.table.find(key).is_some();
        if !known && !self.lru && self.table.free_place(key).is_none() {
            self.table.refuse();
            return false;
        }
        self.inserted = Some(key.to_vec());
        true
    }

    /// True if the packet has inserted a key.
    pub fn has_inserted(&self) -> bool {
        self.inserted.is_some()
    }

    /// The packet inserts `key`, after all that it uses: [`Placed::insert`] and [`Placed::settle`] in one.
    pub fn insert_now(&mut self, key: &[u8]) -> Option<Insertion> {
        let new = self.table.insert(key, &self.touched);
        self.touched.clear();
        new
    }

    /// The packet removes the key in `place`, after an insertion.
    pub fn remove_now(&mut self, place: Slot) {
        self.table.remove(place);
    }

    /// The packet removes `key`.
    pub fn remove(&mut self, key: &[u8]) {
        if self.inserted.as_deref() == Some(key) {
            self.inserted = None;
        }
        if let Some(place) = self.table.find(key).filter(|p| !self.removed.contains(p)) {
            self.removed.push(place);
        }
    }

    /// The packet is over. Returns the key that had to go, if it has not been removed anyway.
    pub fn settle(&mut self) -> Option<Vec<u8>> {
        let evicted = match self.inserted.take() {
            Some(key) => self.place(&key),
            None => {
                self.table.touch(&self.touched);
                None
            }
        };
        self.removed.drain(..).for_each(|place| self.table.remove(place));
        self.touched.clear();
        evicted
    }

    fn place(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(place) = self.table.find(key) {
            // Removed and inserted again: it stays where it is.
            self.removed.retain(|p| *p != place);
            self.touched.push(place);
            self.table.touch(&self.touched);
            return None;
        }
        // A packet that uses all candidates gives up one of its own; no packet in hardware looks up so many keys.
        let new = self.table.insert(key, &self.touched).or_else(|| self.table.insert(key, &[]))?;
        let gone = self.removed.contains(&new.slot);
        self.removed.retain(|p| *p != new.slot);
        new.evicted.filter(|_| !gone)
    }
}

#[cfg(test)]
mod tests;
