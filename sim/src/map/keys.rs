//! A table of fixed-size keys that gives each a stable slot: the index of the keyed maps.

use super::Slot;

const EMPTY: u32 = u32::MAX;

/// Open addressing with linear probing over slots; the keys stand in one array, by slot.
#[derive(Clone, Debug)]
pub struct KeyTable {
    key_size: usize,
    /// Keys by slot; those of free slots are stale.
    keys: Vec<u8>,
    /// Power of two long, at most half full.
    index: Vec<u32>,
    len: usize,
    /// Bit `slot`: a key has it.
    live: Vec<u64>,
    /// Free slots below the highest ever used; the last freed is used first, as in the kernel.
    free: Vec<Slot>,
    used: Slot,
}

fn hash(key: &[u8]) -> usize {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut h = key.len() as u64;
    let mut chunks = key.chunks_exact(8);
    for c in &mut chunks {
        let word = u64::from_le_bytes(*c.first_chunk().expect("a chunk of 8 bytes"));
        h = (h ^ word).wrapping_mul(K).rotate_left(29);
    }
    let mut rest = [0; 8];
    rest[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    h = (h ^ u64::from_le_bytes(rest)).wrapping_mul(K);
    ((h ^ (h >> 32)).wrapping_mul(K) >> 32) as usize
}

impl KeyTable {
    /// An empty table for keys of `key_size` bytes.
    pub fn new(key_size: u32) -> Self {
        Self {
            key_size: key_size as usize,
            keys: Vec::new(),
            index: vec![EMPTY; 8],
            len: 0,
            live: Vec::new(),
            free: Vec::new(),
            used: 0,
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The key in `slot`.
    pub fn key(&self, slot: Slot) -> &[u8] {
        let at = slot as usize * self.key_size;
        &self.keys[at..at + self.key_size]
    }

    /// The slot of `key`.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<Slot> {
        self.position(key).map(|p| self.index[p])
    }

    #[inline]
    fn position(&self, key: &[u8]) -> Option<usize> {
        let mask = self.index.len() - 1;
        let mut p = hash(key) & mask;
        loop {
            match self.index[p] {
                EMPTY => return None,
                slot if self.key(slot) == key => return Some(p),
                _ => p = (p + 1) & mask,
            }
        }
    }

    /// A slot that no key has, not yet given to one.
    pub fn take_slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.keys.resize(self.used as usize * self.key_size, 0);
            self.live.resize(self.used.div_ceil(64) as usize, 0);
            self.used - 1
        })
    }

    /// Makes a slot of the caller's choice, that no key has, ready for one. Tables whose slots are chosen take no others.
    pub fn claim(&mut self, slot: Slot) {
        self.free.clear();
        if slot >= self.used {
            self.used = slot + 1;
            self.keys.resize(self.used as usize * self.key_size, 0);
            self.live.resize(self.used.div_ceil(64) as usize, 0);
        }
    }

    /// Gives back a slot that no key has.
    pub fn free_slot(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    /// The first slot at or after `from` that a key has.
    pub fn next_live(&self, from: Slot) -> Option<Slot> {
        let mut word = from as usize / 64;
        let mut bits = self.live.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.live.get(word)?;
        }
        Some(word as Slot * 64 + bits.trailing_zeros())
    }

    fn set_live(&mut self, slot: Slot, live: bool) {
        let word = &mut self.live[slot as usize / 64];
        *word = *word & !(1 << (slot % 64)) | u64::from(live) << (slot % 64);
    }

    /// Puts `key`, which is not in the table, into `slot`, which [`KeyTable::take_slot`] gave.
    pub fn insert(&mut self, key: &[u8], slot: Slot) {
        if (self.len + 1) * 2 > self.index.len() {
            self.grow();
        }
        let at = slot as usize * self.key_size;
        self.keys[at..at + self.key_size].copy_from_slice(key);
        self.link(slot);
        self.set_live(slot, true);
        self.len += 1;
    }

    /// Removes `key`; its slot is free for the next insertion.
    pub fn remove(&mut self, key: &[u8]) -> Option<Slot> {
        let p = self.position(key)?;
        let slot = self.index[p];
        self.unlink(p);
        self.set_live(slot, false);
        self.len -= 1;
        self.free.push(slot);
        Some(slot)
    }

    /// Moves `key` to `slot`; returns its old slot, which then belongs to the caller.
    pub fn relocate(&mut self, key: &[u8], slot: Slot) -> Option<Slot> {
        let p = self.position(key)?;
        let at = slot as usize * self.key_size;
        self.keys[at..at + self.key_size].copy_from_slice(key);
        let old = std::mem::replace(&mut self.index[p], slot);
        self.set_live(old, false);
        self.set_live(slot, true);
        Some(old)
    }

    /// The slots that have keys, ascending.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        std::iter::successors(self.next_live(0), |s| self.next_live(s + 1))
    }

    fn link(&mut self, slot: Slot) {
        let mask = self.index.len() - 1;
        let mut p = hash(self.key(slot)) & mask;
        while self.index[p] != EMPTY {
            p = (p + 1) & mask;
        }
        self.index[p] = slot;
    }

    /// Empties position `p` and moves later keys of the same run back, so that no search stops early.
    fn unlink(&mut self, p: usize) {
        let mask = self.index.len() - 1;
        let mut hole = p;
        let mut q = p;
        loop {
            q = (q + 1) & mask;
            let slot = self.index[q];
            if slot == EMPTY {
                break;
            }
            let home = hash(self.key(slot)) & mask;
            if (q.wrapping_sub(home) & mask) >= (q.wrapping_sub(hole) & mask) {
                self.index[hole] = slot;
                hole = q;
            }
        }
        self.index[hole] = EMPTY;
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.index);
        self.index = vec![EMPTY; old.len() * 2];
        for slot in old.into_iter().filter(|s| *s != EMPTY) {
            self.link(slot);
        }
    }
}
