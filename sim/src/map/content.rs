//! One map with its content: what lookup, update and delete do for each kind.

use super::bloom::Bloom;
use super::hash::{HashTable, TableModel};
use super::lpm::LpmTrie;
use super::placed::Placed;
use super::queue::Fifo;
use super::ring::Ring;
use super::shape::{self, Refusal};
use super::{array_index, check_flags, flags, Errno, Slot, Values};
use beeline_frontend::program::{MapDef, SpecialField, SpecialKind};
use beeline_ir::map::MapKind;

/// Largest queue length that a CPU map takes.
const MAX_QUEUE: u32 = 16_384;

/// What a kind needs beside the values.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one for each map")]
pub enum Content {
    /// Every entry always exists.
    Array,
    /// Array-like, entries come and go.
    Sparse(Presence),
    /// Perf events: until the host puts one in, each index has the event of the CPU of that number.
    Perf(Option<Presence>),
    /// Keyed by whole keys.
    Hash(HashTable),
    /// Keyed by prefixes.
    Lpm(LpmTrie),
    /// A queue or stack; the values are in it.
    Fifo(Fifo),
    /// A bloom filter; the bits are in it.
    Bloom(Bloom),
    /// A ring buffer.
    Ring(Ring),
}

/// The indices of an array-like map that have an entry: bit `index`.
#[derive(Clone, Debug, Default)]
pub struct Presence(Vec<u64>);

impl Presence {
    /// True if `index` has an entry.
    pub fn has(&self, index: u32) -> bool {
        self.0.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn set(&mut self, index: u32, present: bool) {
        let word = index as usize / 64;
        if self.0.len() <= word {
            if !present {
                return;
            }
            self.0.resize(word + 1, 0);
        }
        self.0[word] = self.0[word] & !(1 << (index % 64)) | u64::from(present) << (index % 64);
    }

    fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let word = |(n, bits): (usize, &u64)| (n as u32, *bits);
        let bits = |(n, bits): (u32, u64)| {
            (0..64).filter(move |b| bits >> b & 1 == 1).map(move |b| n * 64 + b)
        };
        self.0.iter().enumerate().map(word).filter(|(_, bits)| *bits != 0).flat_map(bits)
    }
}

/// One map.
#[derive(Clone, Debug)]
pub struct Map {
    pub def: MapDef,
    pub values: Values,
    pub content: Content,
}

impl Map {
    /// An empty map, but for global data.
    pub fn new(def: &MapDef, model: TableModel) -> Result<Self, Refusal> {
        let mut def = def.clone();
        def.max_entries = shape::entries_as_created(&def);
        shape::check(&def)?;
        let (key_size, max_entries) = (def.key_size, def.max_entries);
        let content = match def.kind {
            MapKind::Array | MapKind::PercpuArray => Content::Array,
            MapKind::Devmap
            | MapKind::Cpumap
            | MapKind::Xskmap
            | MapKind::ProgArray
            | MapKind::ArrayOfMaps => Content::Sparse(Presence::default()),
            MapKind::PerfEventArray => Content::Perf(None),
            MapKind::Hash
            | MapKind::PercpuHash
            | MapKind::LruHash
            | MapKind::LruPercpuHash
            | MapKind::DevmapHash
            | MapKind::HashOfMaps => {
                Content::Hash(HashTable::new(def.kind, def.flags, key_size, max_entries, model))
            }
            MapKind::LpmTrie => Content::Lpm(LpmTrie::new(key_size, max_entries)),
            MapKind::Queue => Content::Fifo(Fifo::new(false, def.value_size, max_entries)),
            MapKind::Stack => Content::Fifo(Fifo::new(true, def.value_size, max_entries)),
            MapKind::BloomFilter => Content::Bloom(Bloom::new(max_entries, def.extra as u32 & 15)),
            MapKind::Ringbuf => Content::Ring(Ring::new(max_entries)),
        };
        let mut values = memory(&def, &content).ok_or((Errno::NOMEM, "the map is too large"))?;
        if let Some(initial) = &def.initial {
            let n = initial.len().min(def.value_size as usize);
            values.whole_mut(0)[..n].copy_from_slice(&initial[..n]);
        }
        Ok(Self { def, values, content })
    }

    /// The entry that has `key`.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<Slot> {
        match &self.content {
            Content::Array => array_index(key).filter(|i| *i < self.def.max_entries),
            Content::Hash(table) => table.find(key),
            Content::Lpm(trie) => trie.find(key),
            Content::Sparse(present) => array_index(key).filter(|i| present.has(*i)),
            Content::Perf(Some(listed)) => array_index(key).filter(|i| listed.has(*i)),
            Content::Perf(None) => array_index(key).filter(|i| *i < self.def.max_entries),
            Content::Fifo(_) | Content::Bloom(_) | Content::Ring(_) => None,
        }
    }

    pub fn update(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        if key.len() != self.def.key_size as usize || value.len() != self.def.value_size as usize {
            return Err(Errno::INVAL);
        }
        let has_lock = flags & flags::LOCK != 0 && self.has_lock();
        let slot = match &mut self.content {
            Content::Fifo(fifo) => return fifo.push(value, flags),
            Content::Bloom(bloom) => return bloom.push(value, flags),
            Content::Ring(_) => return Err(Errno::NOTSUPP),
            Content::Array => self.array_place(key, flags)?,
            Content::Sparse(_) | Content::Perf(_) => return self.update_sparse(key, value, flags),
            Content::Hash(_) if self.def.kind == MapKind::DevmapHash => {
                return self.update_devmap_hash(key, value, flags);
            }
            Content::Hash(table) => {
                let lock = self.def.kind == MapKind::Hash && flags & flags::LOCK != 0;
                check_known(if lock { flags & !flags::LOCK } else { flags })?;
                if lock && !has_lock {
                    return Err(Errno::INVAL);
                }
                table.place(key, flags)?
            }
            Content::Lpm(trie) => {
                check_known(flags)?;
                trie.place(key, flags)?
            }
        };
        self.write(slot, value);
        Ok(())
    }

    /// Parts of the value that are not the host's or the program's to write.
    fn fields(&self) -> &[SpecialField] {
        self.def.types.as_ref().map_or(&[], |t| &t.fields)
    }

    /// True if values have a spin lock, which `BPF_F_LOCK` needs.
    pub fn has_lock(&self) -> bool {
        self.fields().iter().any(|f| f.kind == SpecialKind::SpinLock)
    }

    /// Writes all of the value but its special fields.
    fn write(&mut self, slot: Slot, value: &[u8]) {
        let mut at = 0;
        let fields = self.def.types.as_ref().map_or(&[][..], |t| &t.fields);
        let to = self.values.whole_mut(slot);
        for field in fields {
            let (start, end) = (field.offset as usize, (field.offset + field.size) as usize);
            to[at..start].copy_from_slice(&value[at..start]);
            at = end;
        }
        to[at..].copy_from_slice(&value[at..]);
    }

    /// The value in `slot` as the host sees it: special fields read as zero.
    pub fn host_value(&self, slot: Slot) -> Vec<u8> {
        let mut value = self.values.whole(slot).to_vec();
        for field in self.fields() {
            value[field.offset as usize..][..field.size as usize].fill(0);
        }
        value
    }

    fn index_below_max(&self, key: &[u8], errno: Errno) -> Result<u32, Errno> {
        array_index(key).filter(|i| *i < self.def.max_entries).ok_or(errno)
    }

    fn array_place(&self, key: &[u8], flags: u64) -> Result<Slot, Errno> {
        let lock = flags & flags::LOCK != 0;
        let flags = flags & !flags::LOCK;
        check_known(flags)?;
        let index = self.index_below_max(key, Errno::TOOBIG)?;
        check_flags(flags, true)?;
        if lock && !self.has_lock() {
            return Err(Errno::INVAL);
        }
        Ok(index)
    }

    /// An update of an array-like kind whose entries come and go.
    fn update_sparse(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        check_known(flags)?;
        let holds_fds = matches!(
            self.def.kind,
            MapKind::ProgArray | MapKind::PerfEventArray | MapKind::ArrayOfMaps
        );
        if holds_fds && flags != flags::ANY {
            return Err(Errno::INVAL);
        }
        let index = self.index_below_max(key, Errno::TOOBIG)?;
        let value = match self.def.kind {
            MapKind::Devmap | MapKind::Cpumap => {
                check_flags(flags, true)?;
                target_value(self.def.kind, value)?
            }
            MapKind::Xskmap => {
                check_flags(flags, self.find(key).is_some())?;
                Some(value.to_vec())
            }
            _ => Some(value.to_vec()),
        };
        match &mut self.content {
            Content::Sparse(present) => present.set(index, value.is_some()),
            Content::Perf(listed) => listed.get_or_insert_default().set(index, true),
            _ => return Err(Errno::INVAL),
        }
        if let Some(value) = value {
            self.values.whole_mut(index).copy_from_slice(&value);
        }
        Ok(())
    }

    /// The kernel does not look at `BPF_EXIST` here.
    fn update_devmap_hash(&mut self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        check_known(flags)?;
        if value[..4] == [0; 4] {
            return Err(Errno::INVAL);
        }
        if flags == flags::NOEXIST && self.find(key).is_some() {
            return Err(Errno::EXIST);
        }
        let value = target_value(self.def.kind, value)?.ok_or(Errno::INVAL)?;
        if let Content::Hash(table) = &mut self.content {
            let slot = table.place(key, flags::ANY)?;
            self.values.whole_mut(slot).copy_from_slice(&value);
        }
        Ok(())
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        if key.len() != self.def.key_size as usize {
            return Err(Errno::INVAL);
        }
        let index = array_index(key).filter(|i| *i < self.def.max_entries);
        match &mut self.content {
            Content::Array | Content::Fifo(_) => Err(Errno::INVAL),
            Content::Bloom(_) => Err(Errno::OPNOTSUPP),
            Content::Ring(_) => Err(Errno::NOTSUPP),
            Content::Sparse(present) => {
                let targets = !matches!(self.def.kind, MapKind::ProgArray | MapKind::ArrayOfMaps);
                let outside = if targets { Errno::INVAL } else { Errno::TOOBIG };
                let index = index.ok_or(outside)?;
                let existed = present.has(index);
                present.set(index, false);
                if existed || targets {
                    Ok(())
                } else {
                    Err(Errno::NOENT)
                }
            }
            Content::Perf(listed) => {
                let index = index.ok_or(Errno::TOOBIG)?;
                let listed = listed.get_or_insert_default();
                if !listed.has(index) {
                    return Err(Errno::NOENT);
                }
                listed.set(index, false);
                Ok(())
            }
            Content::Hash(table) => table.remove(key),
            Content::Lpm(trie) => trie.remove(key),
        }
    }

    /// The packet is over: what the hardware evicts for it goes.
    pub fn settle(&mut self) {
        if let Content::Hash(table) = &mut self.content {
            table.settle();
        }
    }

    /// The first entry at or after slot `from`.
    pub fn next_slot(&self, from: Slot) -> Option<Slot> {
        match &self.content {
            Content::Array => (from < self.def.max_entries).then_some(from),
            Content::Sparse(present) | Content::Perf(Some(present)) => {
                present.indices().find(|i| *i >= from)
            }
            Content::Hash(table) => table.keys().next_live(from),
            Content::Lpm(trie) => trie.keys().next_live(from),
            Content::Perf(None) | Content::Fifo(_) | Content::Bloom(_) | Content::Ring(_) => None,
        }
    }

    /// Copies the key of the entry in `slot` to `out`.
    pub fn copy_key(&self, slot: Slot, out: &mut Vec<u8>) {
        out.clear();
        match &self.content {
            Content::Hash(table) => out.extend_from_slice(table.keys().key(slot)),
            Content::Lpm(trie) => out.extend_from_slice(trie.given(slot)),
            _ => out.extend_from_slice(&slot.to_le_bytes()),
        }
    }

    /// All entries; see [`super::MapSet::dump`].
    pub fn dump(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        if let Content::Hash(table) = &self.content {
            if table.placed().is_some_and(Placed::is_pending) {
                let mut settled = self.clone();
                settled.settle();
                return settled.dump();
            }
        }
        let with_value = |key: Vec<u8>, slot| (key, self.host_value(slot));
        let indexed = |i: u32| with_value(i.to_le_bytes().to_vec(), i);
        let mut entries: Vec<_> = match &self.content {
            Content::Array => {
                let slots = self.values.written_slots(self.def.max_entries);
                slots.map(indexed).filter(|(_, value)| value.iter().any(|b| *b != 0)).collect()
            }
            Content::Sparse(present) | Content::Perf(Some(present)) => {
                present.indices().map(indexed).collect()
            }
            Content::Hash(table) => {
                table.entries().map(|(k, s)| with_value(k.to_vec(), s)).collect()
            }
            Content::Lpm(trie) => trie.entries().map(|(k, s)| with_value(k.to_vec(), s)).collect(),
            Content::Fifo(fifo) => {
                return fifo.values().into_iter().map(|v| (Vec::new(), v)).collect();
            }
            Content::Bloom(bloom) => bloom
                .words()
                .map(|(i, word)| (i.to_le_bytes().to_vec(), word.to_le_bytes().to_vec()))
                .collect(),
            Content::Perf(None) | Content::Ring(_) => Vec::new(),
        };
        entries.sort_unstable();
        entries
    }
}

/// Memory for the values of a map.
fn memory(def: &MapDef, content: &Content) -> Option<Values> {
    match content {
        Content::Fifo(_) | Content::Bloom(_) => Values::new(0, 0),
        Content::Ring(_) => Ring::memory(def.max_entries),
        Content::Hash(table) => Values::new(def.value_size, table.storage()),
        // A keyed map has one slot more than entries: an update writes the new value before it frees the old one.
        _ => Values::new(def.value_size, u64::from(def.max_entries) + 1),
    }
}

fn check_known(flags: u64) -> Result<(), Errno> {
    if flags > flags::EXIST {
        return Err(Errno::INVAL);
    }
    Ok(())
}

/// The value of a device or CPU map as the kernel keeps it; `None` if it removes the entry. A program (by
/// descriptor, in the last four bytes) cannot be attached.
fn target_value(kind: MapKind, value: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    let number = array_index(value).ok_or(Errno::INVAL)?;
    if kind == MapKind::Cpumap && number > MAX_QUEUE {
        return Err(Errno::OVERFLOW);
    }
    let program = value.get(4..).and_then(array_index).unwrap_or(0) as i32;
    if program > 0 {
        return Err(Errno::INVAL);
    }
    let mut kept = value.to_vec();
    kept[4..].fill(0);
    Ok((number != 0).then_some(kept))
}
