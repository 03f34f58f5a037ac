//! Content of the hash kinds: HASH, PERCPU_HASH, LRU_HASH, LRU_PERCPU_HASH, DEVMAP_HASH, HASH_OF_MAPS.

use super::flags::{self, create};
use super::keys::KeyTable;
use super::placed::{LruPolicy, Placed};
use super::{check_flags, Errno, Slot};
use beeline_ir::map::MapKind;

/// Keys and slots of a hash map.
#[derive(Clone, Debug)]
pub struct HashTable {
    keys: KeyTable,
    max_entries: u32,
    replace: Replace,
    lru: Option<LruOrder>,
    /// Where the hardware keeps the keys, if that is modelled; then it decides what goes.
    placed: Option<Box<Placed>>,
    /// Slots are those of the hardware.
    direct: bool,
}

/// True for kinds in which a new key may take the place of another.
pub fn is_lru(kind: MapKind) -> bool {
    matches!(kind, MapKind::LruHash | MapKind::LruPercpuHash)
}

/// For which maps it is modelled where the hardware keeps the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableModel {
    /// What LRU kinds evict.
    pub lru: LruPolicy,
    /// All kinds that programs insert into have the hardware's slots.
    pub places: bool,
}

impl TableModel {
    fn places(self, kind: MapKind) -> bool {
        match kind {
            MapKind::LruHash | MapKind::LruPercpuHash => {
                self.places || self.lru == LruPolicy::Hardware
            }
            MapKind::Hash | MapKind::PercpuHash => self.places,
            _ => false,
        }
    }
}

/// What an update does to an entry that exists.
#[derive(Clone, Debug)]
enum Replace {
    /// Writes into the same slot (per-CPU kinds).
    InPlace,
    /// Writes the spare slot, which then is the entry; the old slot becomes the spare. A pointer obtained
    /// before the update still sees the old value, as in the kernel.
    Swap { spare: Option<Slot> },
    /// Writes a new slot and frees the old one, which the next new entry gets (`BPF_F_NO_PREALLOC`).
    Renew,
}

impl HashTable {
    /// An empty table of `kind`.
    pub fn new(
        kind: MapKind,
        flags: u32,
        key_size: u32,
        max_entries: u32,
        model: TableModel,
    ) -> Self {
        let replace = match kind {
            MapKind::PercpuHash | MapKind::LruPercpuHash => Replace::InPlace,
            _ if model.places => Replace::InPlace,
            _ if flags & create::NO_PREALLOC != 0 => Replace::Renew,
            _ => Replace::Swap { spare: None },
        };
        let (lru, keys) = (is_lru(kind), KeyTable::new(key_size));
        let placed = model.places(kind).then(|| Box::new(Placed::new(key_size, max_entries, lru)));
        let order = (lru && placed.is_none()).then(LruOrder::new);
        let direct = placed.is_some() && model.places;
        Self { keys, max_entries, replace, lru: order, placed, direct }
    }

    /// Slots that the values need.
    pub fn storage(&self) -> u64 {
        // An update writes the new value before it frees the old one, and what the hardware evicts goes when the packet is over.
        match &self.placed {
            Some(placed) => placed.slots() as u64 + 2,
            None => u64::from(self.max_entries) + 1,
        }
    }

    /// Where the hardware keeps the keys.
    pub fn placed(&self) -> Option<&Placed> {
        self.placed.as_deref()
    }

    /// The packet is over.
    pub fn settle(&mut self) {
        let Some(placed) = &mut self.placed else { return };
        if placed.is_pending() {
            if let Some(evicted) = placed.settle() {
                self.keys.remove(&evicted);
            }
        }
    }

    /// The slot of `key`.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<Slot> {
        self.keys.find(key)
    }

    /// Marks the entry in `slot` as the youngest, in LRU kinds.
    #[inline]
    pub fn touch(&mut self, slot: Slot) {
        if let Some(lru) = &mut self.lru {
            lru.unlink(slot);
            lru.push(slot);
        }
        if let Some(placed) = &mut self.placed {
            placed.touch(self.keys.key(slot));
        }
    }

    /// The slot into which the value of `key` is to be written; makes the entry. With [`flags::LOCK`], an entry that
    /// exists is written in place.
    pub fn place(&mut self, key: &[u8], flags: u64) -> Result<Slot, Errno> {
        let old = self.keys.find(key);
        check_flags(flags & !flags::LOCK, old.is_some())?;
        let Some(old) = old else {
            return self.create(key);
        };
        let slot = match &mut self.replace {
            _ if flags & flags::LOCK != 0 => old,
            Replace::InPlace => old,
            Replace::Swap { spare } => {
                let slot = spare.take().unwrap_or_else(|| self.keys.take_slot());
                *spare = self.keys.relocate(key, slot);
                slot
            }
            Replace::Renew => {
                let slot = self.keys.take_slot();
                self.keys.relocate(key, slot);
                self.keys.free_slot(old);
                slot
            }
        };
        if let Some(lru) = &mut self.lru {
            lru.unlink(old);
            lru.push(slot);
        }
        if let Some(placed) = &mut self.placed {
            placed.touch(key);
        }
        Ok(slot)
    }

    fn create(&mut self, key: &[u8]) -> Result<Slot, Errno> {
        if self.direct {
            return self.create_in_place(key);
        }
        if self.placed().is_some_and(Placed::has_inserted) {
            self.settle();
        }
        let evicts_later = self.placed().is_some_and(Placed::evicts);
        if self.keys.len() >= self.max_entries as usize && !evicts_later {
            let oldest = self.lru.as_ref().map(LruOrder::oldest).ok_or(Errno::TOOBIG)?;
            let evicted = self.keys.key(oldest).to_vec();
            self.remove(&evicted)?;
        }
        if self.placed.as_mut().is_some_and(|p| !p.insert(key)) {
            return Err(Errno::TOOBIG);
        }
        let slot = self.keys.take_slot();
        self.keys.insert(key, slot);
        if let Some(lru) = &mut self.lru {
            lru.push(slot);
        }
        Ok(slot)
    }

    /// Makes the entry at once where the hardware does: what the packet uses beside it is known.
    fn create_in_place(&mut self, key: &[u8]) -> Result<Slot, Errno> {
        let placed = self.placed.as_mut().ok_or(Errno::TOOBIG)?;
        if !placed.evicts() && self.keys.len() >= self.max_entries as usize {
            return Err(Errno::TOOBIG);
        }
        let new = placed.insert_now(key).ok_or(Errno::TOOBIG)?;
        if let Some(evicted) = new.evicted {
            self.keys.remove(&evicted);
        }
        self.keys.claim(new.slot);
        self.keys.insert(key, new.slot);
        Ok(new.slot)
    }

    /// Deletes `key`.
    pub fn remove(&mut self, key: &[u8]) -> Result<(), Errno> {
        let slot = self.keys.remove(key).ok_or(Errno::NOENT)?;
        if let Some(lru) = &mut self.lru {
            lru.unlink(slot);
        }
        if let Some(placed) = &mut self.placed {
            match self.direct {
                true => placed.remove_now(slot),
                false => placed.remove(key),
            }
        }
        Ok(())
    }

    /// The keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// Keys with their slots, ascending by slot.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Slot)> {
        self.keys.slots().map(|s| (self.keys.key(s), s))
    }
}

/// Entries by age: a doubly linked ring through position 0; slot `s` stands at position `s + 1`.
#[derive(Clone, Debug)]
struct LruOrder {
    older: Vec<u32>,
    younger: Vec<u32>,
}

impl LruOrder {
    fn new() -> Self {
        Self { older: vec![0], younger: vec![0] }
    }

    fn oldest(&self) -> Slot {
        self.younger[0] - 1
    }

    fn push(&mut self, slot: Slot) {
        let p = slot as usize + 1;
        if self.older.len() <= p {
            self.older.resize(p + 1, 0);
            self.younger.resize(p + 1, 0);
        }
        let youngest = self.older[0];
        (self.older[p], self.younger[p]) = (youngest, 0);
        self.younger[youngest as usize] = p as u32;
        self.older[0] = p as u32;
    }

    fn unlink(&mut self, slot: Slot) {
        let p = slot as usize + 1;
        let (older, younger) = (self.older[p], self.younger[p]);
        self.younger[older as usize] = younger;
        self.older[younger as usize] = older;
    }
}
