//! Content of LPM_TRIE: longest-prefix match over keys `{ u32 prefixlen; u8 data[]; }`.
//!
//! Not a trie: one table of masked keys, probed for each prefix length in use, longest first. The kernel's answers are the same.

use super::keys::KeyTable;
use super::{check_flags, Errno, Slot};

const MAX_DATA: usize = 256;

/// Prefixes and their slots.
#[derive(Clone, Debug)]
pub struct LpmTrie {
    /// Keys with the bits behind the prefix cleared.
    keys: KeyTable,
    /// Keys as they were given, by slot.
    given: Vec<Box<[u8]>>,
    /// Prefix lengths in use with the number of entries, longest first.
    lengths: Vec<(u32, u32)>,
    max_prefix: u32,
    max_entries: u32,
    /// The slot that an update of an existing prefix writes; see [`LpmTrie::place`].
    spare: Option<Slot>,
}

/// Key `data` under a prefix length: a key of the table in a buffer, and its size.
fn masked(prefix: u32, data: &[u8]) -> ([u8; 4 + MAX_DATA], usize) {
    let mut key = [0; 4 + MAX_DATA];
    key[..4].copy_from_slice(&prefix.to_le_bytes());
    let whole = prefix as usize / 8;
    key[4..4 + whole].copy_from_slice(&data[..whole]);
    if prefix % 8 != 0 {
        key[4 + whole] = data[whole] & !(0xff >> (prefix % 8));
    }
    (key, 4 + data.len())
}

impl LpmTrie {
    /// An empty trie. The key size counts the prefix length; data are at most 256 bytes, the kernel's limit.
    pub fn new(key_size: u32, max_entries: u32) -> Self {
        let data = (key_size - 4).min(MAX_DATA as u32);
        Self {
            keys: KeyTable::new(4 + data),
            given: Vec::new(),
            lengths: Vec::new(),
            max_prefix: data * 8,
            max_entries,
            spare: None,
        }
    }

    /// Prefix length and data of `key`; `EINVAL` if the length is too large.
    fn parse<'k>(&self, key: &'k [u8]) -> Result<(u32, &'k [u8]), Errno> {
        let (prefix, data) = key.split_first_chunk().ok_or(Errno::INVAL)?;
        let prefix = u32::from_le_bytes(*prefix);
        if prefix > self.max_prefix {
            return Err(Errno::INVAL);
        }
        Ok((prefix, data))
    }

    /// The entry with the longest prefix that matches `key` and is not longer than the key's own.
    pub fn find(&self, key: &[u8]) -> Option<Slot> {
        let (prefix, data) = self.parse(key).ok()?;
        self.lengths.iter().filter(|(len, _)| *len <= prefix).find_map(|(len, _)| {
            let (key, size) = masked(*len, data);
            self.keys.find(&key[..size])
        })
    }

    /// The slot into which the value of prefix `key` is to be written; makes the entry. An entry that exists gets
    /// another slot, as in the kernel, so that a pointer obtained before still sees the old value.
    pub fn place(&mut self, key: &[u8], flags: u64) -> Result<Slot, Errno> {
        let (prefix, data) = self.parse(key)?;
        let (masked, size) = masked(prefix, data);
        let masked = &masked[..size];
        let old = self.keys.find(masked);
        check_flags(flags, old.is_some())?;
        let slot = match old {
            Some(_) => {
                let slot = self.spare.take().unwrap_or_else(|| self.keys.take_slot());
                self.spare = self.keys.relocate(masked, slot);
                slot
            }
            None if self.keys.len() >= self.max_entries as usize => return Err(Errno::NOSPC),
            None => {
                let slot = self.keys.take_slot();
                self.keys.insert(masked, slot);
                self.count(prefix);
                slot
            }
        };
        if self.given.len() <= slot as usize {
            self.given.resize(slot as usize + 1, Box::default());
        }
        self.given[slot as usize] = key.into();
        Ok(slot)
    }

    /// Deletes exactly the prefix `key`.
    pub fn remove(&mut self, key: &[u8]) -> Result<(), Errno> {
        let (prefix, data) = self.parse(key)?;
        let (masked, size) = masked(prefix, data);
        self.keys.remove(&masked[..size]).ok_or(Errno::NOENT)?;
        if let Some(i) = self.lengths.iter().position(|(len, _)| *len == prefix) {
            self.lengths[i].1 -= 1;
            if self.lengths[i].1 == 0 {
                self.lengths.remove(i);
            }
        }
        Ok(())
    }

    /// The masked keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// The key in `slot` as it was given.
    pub fn given(&self, slot: Slot) -> &[u8] {
        &self.given[slot as usize]
    }

    /// Keys as given with their slots, ascending by slot.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Slot)> {
        self.keys.slots().map(|s| (&*self.given[s as usize], s))
    }

    fn count(&mut self, prefix: u32) {
        match self.lengths.binary_search_by(|(len, _)| prefix.cmp(len)) {
            Ok(i) => self.lengths[i].1 += 1,
            Err(i) => self.lengths.insert(i, (prefix, 1)),
        }
    }
}
