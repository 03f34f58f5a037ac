//! The map model: all map content, for every engine.
//!
//! An entry is named by its *slot*, a small number that stays the same while the entry lives: the index in array
//! kinds, a position in the table's storage in keyed kinds. A pointer into a value is map, slot and offset; it stays valid memory
//! after the entry is deleted, as in the kernel. Storage is paged and made on first write, so `max_entries` costs nothing.
//!
//! Maps in maps are further maps of the same [`MapSet`]: the value of the outer map is the number of the inner
//! one. A program array holds numbers of programs. What a packet sends to user space is collected here too
//! ([`MapSet::take_events`]), and read by a consumer that keeps up.

mod bloom;
mod boundaries;
mod content;
mod cuckoo;
mod errno;
mod event;
pub mod flags;
mod h3;
mod hash;
mod host;
mod keys;
mod lpm;
mod placed;
mod queue;
mod ring;
mod send;
mod shape;
mod table;
mod tables;
mod values;

pub use boundaries::{boundaries, Boundary, LpmLevels};
pub use cuckoo::{CuckooTable, Placement};
pub use errno::Errno;
pub use event::Event;
pub use placed::LruPolicy;
pub use shape::entries_as_created;
pub use table::{BucketTable, Insertion, MeanField, Occupancy, CANDIDATES};
pub use values::Values;
pub(crate) use values::ADDRESS_BITS;

use beeline_frontend::{MapDef, Program};
use beeline_ir::map::{MapDecl, MapKind};
use content::{Content, Map};
use event::EventLog;
use hash::TableModel;

/// Number of an entry within its map.
pub type Slot = u32;

/// A map that cannot be made: the kernel would refuse it, or it is too large for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("map {name}: {reason} ({errno})")]
pub struct MapError {
    /// Name of the map.
    pub name: String,
    /// The kernel's code.
    pub errno: Errno,
    /// What is wrong.
    pub reason: &'static str,
}

/// All maps of one program, by their number in it, with content; behind them the inner maps that the host has made.
#[derive(Clone, Debug, Default)]
pub struct MapSet {
    maps: Vec<Map>,
    events: EventLog,
    /// Counts packets, so that the consumer of a ring knows what is new.
    packet: u64,
    /// Where the hardware keeps keys is modelled, for these maps.
    tables: TableModel,
    /// New ring buffer records are zero, as in hardware, instead of what was in the ring before.
    clear_records: bool,
}

/// The array index that `key` is.
#[inline]
fn array_index(key: &[u8]) -> Option<u32> {
    key.first_chunk().map(|k| u32::from_le_bytes(*k))
}

fn check_flags(flags: u64, exists: bool) -> Result<(), Errno> {
    match (flags, exists) {
        (flags::NOEXIST, true) => Err(Errno::EXIST),
        (flags::EXIST, false) => Err(Errno::NOENT),
        _ => Ok(()),
    }
}

impl MapSet {
    /// Maps in order, empty but for global data.
    ///
    /// # Errors
    /// If a map has a shape that the kernel would refuse.
    pub fn new(defs: &[MapDef]) -> Result<Self, MapError> {
        let mut maps = Self::default();
        defs.iter().try_for_each(|def| maps.add(def).map(|_| ()))?;
        Ok(maps)
    }

    /// The maps of `program`, empty but for global data.
    ///
    /// # Errors
    /// As [`MapSet::new`].
    pub fn for_program(program: &Program) -> Result<Self, MapError> {
        Self::new(&program.maps)
    }

    /// Adds a map, for an inner map of the host's making; returns its number.
    ///
    /// # Errors
    /// As [`MapSet::new`].
    pub fn add(&mut self, def: &MapDef) -> Result<usize, MapError> {
        let name = || def.name.clone();
        let map = Map::new(def, self.tables).map_err(|(errno, reason)| MapError {
            name: name(),
            errno,
            reason,
        })?;
        self.maps.push(map);
        Ok(self.maps.len() - 1)
    }

    /// The maps of IR declarations, for programs that exist only as IR.
    ///
    /// # Errors
    /// As [`MapSet::new`].
    pub fn from_decls<'a>(decls: impl IntoIterator<Item = &'a MapDecl>) -> Result<Self, MapError> {
        let def = |d: &MapDecl| MapDef {
            name: d.name.clone(),
            kind: d.kind,
            key_size: d.key_size,
            value_size: d.value_size,
            max_entries: d.max_entries,
            flags: if d.kind == MapKind::LpmTrie { flags::create::NO_PREALLOC } else { 0 },
            initial: d.initial.clone(),
            frozen: d.frozen,
            inner: None,
            ..MapDef::default()
        };
        Self::new(&decls.into_iter().map(def).collect::<Vec<_>>())
    }

    /// Number of maps.
    pub fn len(&self) -> usize {
        self.maps.len()
    }

    /// True if the program has no maps.
    pub fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// Number of the map called `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.maps.iter().position(|m| m.def.name == name)
    }

    /// Name of a map.
    pub fn name(&self, map: usize) -> &str {
        &self.maps[map].def.name
    }

    /// Definition of a map, as it was made.
    pub fn def(&self, map: usize) -> &MapDef {
        &self.maps[map].def
    }

    /// Kind of a map.
    pub fn kind(&self, map: usize) -> MapKind {
        self.maps[map].def.kind
    }

    /// Key size in bytes.
    pub fn key_size(&self, map: usize) -> u32 {
        self.maps[map].def.key_size
    }

    /// Value size in bytes.
    pub fn value_size(&self, map: usize) -> u32 {
        self.maps[map].def.value_size
    }

    /// Number of entries that a map can hold.
    pub fn max_entries(&self, map: usize) -> u32 {
        self.maps[map].def.max_entries
    }

    /// The entry that a program's lookup of `key` finds; in LRU kinds it becomes the youngest.
    #[inline]
    pub fn lookup(&mut self, map: usize, key: &[u8]) -> Option<Slot> {
        let map = &mut self.maps[map];
        let slot = map.find(key)?;
        if let Content::Hash(table) = &mut map.content {
            table.touch(slot);
        }
        Some(slot)
    }

    /// Address of the value at `index` in the values of an array, `Some(None)` behind its end; `None` if the map is of another kind.
    #[inline]
    pub fn array_value(&self, map: usize, index: u32) -> Option<Option<u64>> {
        let map = self.maps.get(map)?;
        match map.content {
            Content::Array => {
                Some((index < map.def.max_entries).then(|| map.values.address(index)))
            }
            _ => None,
        }
    }

    /// The slot of `key`, without an effect on the order of LRU kinds.
    pub fn slot_of(&self, map: usize, key: &[u8]) -> Option<Slot> {
        self.maps[map].find(key)
    }

    /// The value that the host finds for `key`, without an effect on the order of LRU kinds.
    pub fn get(&self, map: usize, key: &[u8]) -> Option<&[u8]> {
        let map = &self.maps[map];
        map.find(key).map(|slot| map.values.whole(slot))
    }

    /// Creates or replaces an entry (`bpf_map_update_elem`); adds to queues, stacks and bloom filters.
    ///
    /// # Errors
    /// As the kernel: `EINVAL` (flags, sizes), `E2BIG` or `ENOSPC` (full, index too large), `EEXIST`, `ENOENT`.
    pub fn update(
        &mut self,
        map: usize,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        self.maps[map].update(key, value, flags)
    }

    /// Deletes an entry (`bpf_map_delete_elem`).
    ///
    /// # Errors
    /// As the kernel: `ENOENT` if there is none, `EINVAL` for arrays.
    pub fn delete(&mut self, map: usize, key: &[u8]) -> Result<(), Errno> {
        self.maps[map].delete(key)
    }

    /// Marks the entry in `slot` as used, in LRU kinds. Of a pipeline's `map_touch`.
    pub fn touch(&mut self, map: usize, slot: Slot) {
        if let Content::Hash(table) = &mut self.maps[map].content {
            table.touch(slot);
        }
    }

    /// Makes an entry for `key`, which has none, and says where; `None` if the map has no room. Its value is what was there before.
    /// Of a pipeline's `map_insert`.
    pub fn insert_key(&mut self, map: usize, key: &[u8]) -> Option<Slot> {
        match &mut self.maps[map].content {
            Content::Hash(table) => table.place(key, 0).ok(),
            _ => None,
        }
    }

    /// Number of entries of a keyed map.
    pub fn entries(&self, map: usize) -> usize {
        match &self.maps[map].content {
            Content::Hash(table) => table.keys().len(),
            _ => 0,
        }
    }

    /// Deletes the entry in `slot`, if there is one. Of a pipeline's `map_remove`.
    pub fn remove_slot(&mut self, map: usize, slot: Slot) {
        let mut key = Vec::new();
        self.maps[map].copy_key(slot, &mut key);
        let _ = self.maps[map].delete(&key); // an entry that is already gone stays gone
    }

    /// `bpf_map_push_elem`.
    ///
    /// # Errors
    /// `EINVAL` (flags), `E2BIG` (full).
    pub fn push_elem(&mut self, map: usize, value: &[u8], flags: u64) -> Result<(), Errno> {
        match &mut self.maps[map].content {
            Content::Fifo(fifo) => fifo.push(value, flags),
            Content::Bloom(bloom) => bloom.push(value, flags),
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    /// `bpf_map_pop_elem`: takes the next value of a queue or stack.
    ///
    /// # Errors
    /// `ENOENT` (empty; `out` is then zeroed).
    pub fn pop_elem(&mut self, map: usize, out: &mut [u8]) -> Result<(), Errno> {
        match &mut self.maps[map].content {
            Content::Fifo(fifo) => fifo.pop(out),
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    /// `bpf_map_peek_elem`: copies the next value of a queue or stack to `value`; tells whether
    /// a bloom filter may have `value`.
    ///
    /// # Errors
    /// `ENOENT` (empty, `value` is then zeroed; or certainly not in the filter).
    pub fn peek_elem(&self, map: usize, value: &mut [u8]) -> Result<(), Errno> {
        match &self.maps[map].content {
            Content::Fifo(fifo) => fifo.peek(value),
            Content::Bloom(bloom) => bloom.peek(value),
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    /// The number of the inner map that a lookup of `key` in a map of maps finds.
    pub fn inner(&self, map: usize, key: &[u8]) -> Option<usize> {
        let outer = &self.maps[map];
        let slot = outer.find(key)?;
        array_index(outer.values.whole(slot)).map(|n| n as usize)
    }

    /// The number of the program at `index` of a program array.
    pub fn program(&self, map: usize, index: u32) -> Option<u32> {
        let array = &self.maps[map];
        let slot = array.find(&index.to_le_bytes())?;
        array_index(array.values.whole(slot))
    }

    /// The first entry of a map at or after slot `from`, for a walk over all entries: array elements by
    /// index; of keyed kinds in the order of their places, which depends on nothing but the updates and deletions before.
    pub fn next_slot(&self, map: usize, from: Slot) -> Option<Slot> {
        self.maps[map].next_slot(from)
    }

    /// Copies the key of the entry in `slot` to `out`.
    pub fn copy_key(&self, map: usize, slot: Slot, out: &mut Vec<u8>) {
        self.maps[map].copy_key(slot, out);
    }

    /// The value in `slot`.
    pub fn value(&self, map: usize, slot: Slot) -> &[u8] {
        self.maps[map].values.whole(slot)
    }

    /// The `n` bytes (at most 8) at offset `off` of the value in `slot` as a little-endian number; bytes outside the value are zero.
    pub fn peek(&self, map: usize, slot: Slot, off: i64, n: usize) -> u64 {
        self.maps[map].values.peek(slot, off, n)
    }

    /// Stores the `n` low bytes of `value` at offset `off` of the value in `slot`. False, and nothing done, outside the value.
    pub fn poke(&mut self, map: usize, slot: Slot, off: i64, n: usize, value: u64) -> bool {
        self.maps[map].values.poke(slot, off, n, value)
    }

    /// The value memory of a map, if there is a map of that number.
    #[inline(always)]
    pub fn values(&self, map: usize) -> Option<&Values> {
        self.maps.get(map).map(|m| &m.values)
    }

    /// The value memory of a map, to be written, if there is a map of that number.
    #[inline(always)]
    pub fn values_mut(&mut self, map: usize) -> Option<&mut Values> {
        self.maps.get_mut(map).map(|m| &mut m.values)
    }

    /// All entries, sorted by key; of arrays those whose value is not all zero. Values of queues and stacks have an empty key and
    /// come in the order in which they would be taken; of a bloom filter the words of its bit set that are not 0, by
    /// their number. Ring buffers and perf event arrays without entries of the host's have nothing.
    pub fn dump(&self, map: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.maps[map].dump()
    }
}

#[cfg(test)]
mod tests;
