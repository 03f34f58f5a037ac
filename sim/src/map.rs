//! The map model: all map content, for every engine.
//!
//! An entry is named by its *slot*, a small number that stays the same while the entry lives: the index in array
//! kinds, a position in the table's storage in keyed kinds. A pointer into a value is map, slot and offset; it stays valid memory
//! after the entry is deleted, as in the kernel. Storage is paged and made on first write, so `max_entries` costs nothing.

mod cuckoo;
mod hash;
mod keys;
mod lpm;
mod values;

pub use cuckoo::{CuckooTable, Placement};
pub use values::Values;
pub(crate) use values::ADDRESS_BITS;

use beeline_frontend::insn::{Imm64, Insn};
use beeline_frontend::{MapDef, Program};
use beeline_ir::map::{MapDecl, MapKind};
use hash::HashTable;
use lpm::LpmTrie;
use std::fmt;

/// A kernel error number, positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

#[allow(missing_docs)] // the names are the kernel's, without the leading E
impl Errno {
    pub const PERM: Errno = Errno(1);
    pub const NOENT: Errno = Errno(2);
    pub const TOOBIG: Errno = Errno(7);
    pub const EXIST: Errno = Errno(17);
    pub const INVAL: Errno = Errno(22);
    pub const NOSPC: Errno = Errno(28);
    pub const OVERFLOW: Errno = Errno(75);
    pub const OPNOTSUPP: Errno = Errno(95);

    /// The kernel's name, for example `E2BIG`.
    pub fn name(self) -> &'static str {
        match self {
            Errno::PERM => "EPERM",
            Errno::NOENT => "ENOENT",
            Errno::TOOBIG => "E2BIG",
            Errno::EXIST => "EEXIST",
            Errno::INVAL => "EINVAL",
            Errno::NOSPC => "ENOSPC",
            Errno::OVERFLOW => "EOVERFLOW",
            Errno::OPNOTSUPP => "EOPNOTSUPP",
            _ => "errno",
        }
    }

    /// What a helper returns: the negative number in a 64-bit register.
    pub fn as_return(self) -> u64 {
        -i64::from(self.0) as u64
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Errno {}

/// `bpf_map_update_elem` flags (`BPF_NOEXIST`, `BPF_EXIST`).
pub mod flags {
    /// Create or replace.
    pub const ANY: u64 = 0;
    /// Only create.
    pub const NOEXIST: u64 = 1;
    /// Only replace.
    pub const EXIST: u64 = 2;
}

/// Number of an entry within its map.
pub type Slot = u32;

/// A map that the model cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The kind is not modelled.
    #[error("map {name}: maps of type {kind} are not supported yet")]
    Unsupported {
        /// Name of the map.
        name: String,
        /// Its kind.
        kind: MapKind,
    },
    /// The shape is not one that the kernel would create.
    #[error("map {name}: {reason}")]
    Shape {
        /// Name of the map.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// What a kind needs beside the values.
#[derive(Clone, Debug)]
enum Content {
    /// Every entry always exists.
    Array,
    /// Array-like, entries come and go: bit `slot` of the bitmap.
    Sparse(Vec<u64>),
    Hash(HashTable),
    Lpm(LpmTrie),
    Unsupported,
}

/// One map with its content.
#[derive(Clone, Debug)]
struct Map {
    name: String,
    kind: MapKind,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    frozen: bool,
    values: Values,
    content: Content,
}

/// All maps of one program, by their number in it, with content.
#[derive(Clone, Debug, Default)]
pub struct MapSet {
    maps: Vec<Map>,
}

/// The array index that `key` is.
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

impl Map {
    fn new(def: &MapDef) -> Result<Self, MapError> {
        let shape = |reason| MapError::Shape { name: def.name.clone(), reason };
        let content = match def.kind {
            MapKind::Array | MapKind::PercpuArray => Content::Array,
            MapKind::Devmap | MapKind::Cpumap | MapKind::Xskmap => Content::Sparse(Vec::new()),
            MapKind::Hash
            | MapKind::PercpuHash
            | MapKind::LruHash
            | MapKind::LruPercpuHash
            | MapKind::DevmapHash => {
                Content::Hash(HashTable::new(def.kind, def.key_size, def.max_entries))
            }
            MapKind::LpmTrie if !(5..=260).contains(&def.key_size) => {
                return Err(shape("an LPM key has 5 to 260 bytes"));
            }
            MapKind::LpmTrie => Content::Lpm(LpmTrie::new(def.key_size, def.max_entries)),
            _ => Content::Unsupported,
        };
        if !matches!(content, Content::Unsupported) {
            if def.kind.is_array_like() && def.key_size != 4 {
                return Err(shape("the key of an array has 4 bytes"));
            }
            if def.key_size == 0 || def.value_size == 0 || def.max_entries == 0 {
                return Err(shape("key size, value size and number of entries must not be 0"));
            }
            let targets = matches!(content, Content::Sparse(_)) || def.kind == MapKind::DevmapHash;
            if targets && !matches!(def.value_size, 4 | 8) {
                return Err(shape("the value of a redirect map has 4 or 8 bytes"));
            }
        }
        // A hash map has one slot more than entries: an update writes the new value before it frees the old one.
        let slots = u64::from(def.max_entries) + 1;
        let mut values =
            Values::new(def.value_size, slots).ok_or_else(|| shape("the map is too large"))?;
        if let Some(initial) = &def.initial {
            let n = initial.len().min(def.value_size as usize);
            values.whole_mut(0)[..n].copy_from_slice(&initial[..n]);
        }
        Ok(Self {
            name: def.name.clone(),
            kind: def.kind,
            key_size: def.key_size,
            value_size: def.value_size,
            max_entries: def.max_entries,
            frozen: def.frozen,
            values,
            content,
        })
    }

    fn find(&self, key: &[u8]) -> Option<Slot> {
        match &self.content {
            Content::Array => array_index(key).filter(|i| *i < self.max_entries),
            Content::Sparse(bits) => {
                let i = array_index(key)?;
                let word = bits.get(i as usize / 64)?;
                (word >> (i % 64) & 1 == 1).then_some(i)
            }
            Content::Hash(table) => table.find(key),
            Content::Lpm(trie) => trie.find(key),
            Content::Unsupported => None,
        }
    }

    fn update(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        if key.len() != self.key_size as usize || value.len() != self.value_size as usize {
            return Err(Errno::INVAL);
        }
        if flags > flags::EXIST {
            return Err(Errno::INVAL);
        }
        let slot = match &mut self.content {
            Content::Array | Content::Sparse(_) => {
                let i = array_index(key).filter(|i| *i < self.max_entries).ok_or(Errno::TOOBIG)?;
                check_flags(flags, true)?;
                if let Content::Sparse(bits) = &mut self.content {
                    set_present(bits, i, self.kind == MapKind::Xskmap || value[..4] != [0; 4]);
                }
                i
            }
            Content::Hash(_) if self.kind == MapKind::DevmapHash && value[..4] == [0; 4] => {
                return Err(Errno::INVAL);
            }
            Content::Hash(table) => table.place(key, flags)?,
            Content::Lpm(trie) => trie.place(key, flags)?,
            Content::Unsupported => return Err(Errno::OPNOTSUPP),
        };
        self.values.whole_mut(slot).copy_from_slice(value);
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        if key.len() != self.key_size as usize {
            return Err(Errno::INVAL);
        }
        match &mut self.content {
            Content::Array => Err(Errno::INVAL),
            Content::Sparse(bits) => {
                let i = array_index(key).filter(|i| *i < self.max_entries).ok_or(Errno::INVAL)?;
                set_present(bits, i, false);
                Ok(())
            }
            Content::Hash(table) => table.remove(key),
            Content::Lpm(trie) => trie.remove(key),
            Content::Unsupported => Err(Errno::OPNOTSUPP),
        }
    }

    fn dump(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let with_value = |key: Vec<u8>, slot| (key, self.values.whole(slot).to_vec());
        let mut entries: Vec<_> = match &self.content {
            Content::Array => {
                let slots = self.values.written_slots(self.max_entries);
                slots
                    .filter(|s| self.values.whole(*s).iter().any(|b| *b != 0))
                    .map(|s| with_value(s.to_le_bytes().to_vec(), s))
                    .collect()
            }
            Content::Sparse(bits) => (0..bits.len() as u32 * 64)
                .filter(|i| bits[*i as usize / 64] >> (i % 64) & 1 == 1)
                .map(|i| with_value(i.to_le_bytes().to_vec(), i))
                .collect(),
            Content::Hash(table) => {
                table.entries().map(|(k, s)| with_value(k.to_vec(), s)).collect()
            }
            Content::Lpm(trie) => trie.entries().map(|(k, s)| with_value(k.to_vec(), s)).collect(),
            Content::Unsupported => Vec::new(),
        };
        entries.sort_unstable();
        entries
    }
}

fn set_present(bits: &mut Vec<u64>, i: u32, present: bool) {
    let word = i as usize / 64;
    if bits.len() <= word {
        bits.resize(word + 1, 0);
    }
    bits[word] = bits[word] & !(1 << (i % 64)) | u64::from(present) << (i % 64);
}

impl MapSet {
    /// Maps in order, empty but for global data. Kinds that are not modelled yet are
    /// accepted and hold nothing: an object may define maps that the program does not use.
    ///
    /// # Errors
    /// If a map has a shape that the kernel would refuse.
    pub fn new(defs: &[MapDef]) -> Result<Self, MapError> {
        Ok(Self { maps: defs.iter().map(Map::new).collect::<Result<_, _>>()? })
    }

    /// The maps of `program`, empty but for global data.
    ///
    /// # Errors
    /// If a map that an instruction refers to is of a kind that is not modelled, or any map has a bad shape.
    pub fn for_program(program: &Program) -> Result<Self, MapError> {
        let maps = Self::new(&program.maps)?;
        for insn in &program.insns {
            if let Insn::LoadImm64 { imm: Imm64::Map(m) | Imm64::MapValue(m, _), .. } = insn {
                let map = &maps.maps[*m];
                if matches!(map.content, Content::Unsupported) {
                    return Err(MapError::Unsupported { name: map.name.clone(), kind: map.kind });
                }
            }
        }
        Ok(maps)
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
            flags: 0,
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
        self.maps.iter().position(|m| m.name == name)
    }

    /// Name of a map.
    pub fn name(&self, map: usize) -> &str {
        &self.maps[map].name
    }

    /// Kind of a map.
    pub fn kind(&self, map: usize) -> MapKind {
        self.maps[map].kind
    }

    /// Key size in bytes.
    pub fn key_size(&self, map: usize) -> u32 {
        self.maps[map].key_size
    }

    /// Value size in bytes.
    pub fn value_size(&self, map: usize) -> u32 {
        self.maps[map].value_size
    }

    /// Number of entries that a map can hold.
    pub fn max_entries(&self, map: usize) -> u32 {
        self.maps[map].max_entries
    }

    /// The kind, if the map is of one that is not modelled yet.
    pub fn unsupported(&self, map: usize) -> Option<MapKind> {
        let m = &self.maps[map];
        matches!(m.content, Content::Unsupported).then_some(m.kind)
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

    /// The value that the host finds for `key`, without an effect on the order of LRU kinds.
    pub fn get(&self, map: usize, key: &[u8]) -> Option<&[u8]> {
        let map = &self.maps[map];
        map.find(key).map(|slot| map.values.whole(slot))
    }

    /// Creates or replaces an entry (`bpf_map_update_elem`), from the program or the host.
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

    /// As [`MapSet::update`], from the host, which cannot change frozen maps.
    ///
    /// # Errors
    /// As [`MapSet::update`], and `EPERM` for a frozen map.
    pub fn host_update(
        &mut self,
        map: usize,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        if self.maps[map].frozen {
            return Err(Errno::PERM);
        }
        self.update(map, key, value, flags)
    }

    /// Deletes an entry (`bpf_map_delete_elem`).
    ///
    /// # Errors
    /// As the kernel: `ENOENT` if there is none, `EINVAL` for arrays.
    pub fn delete(&mut self, map: usize, key: &[u8]) -> Result<(), Errno> {
        self.maps[map].delete(key)
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

    /// All entries, sorted by key; of arrays those whose value is not all zero.
    pub fn dump(&self, map: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.maps[map].dump()
    }
}

#[cfg(test)]
mod tests;
