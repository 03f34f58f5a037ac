//! Placement of LPM prefixes in the hardware's search tree (`offload-ir/src/lpm.rs`).
//!
//! The host turns the prefixes of a map into boundaries and writes them in order; the hardware searches them. The same
//! functions serve whoever loads the RTL and the tests of cell and driver.

use super::Slot;
use beeline_ir::lpm::LpmShape;

/// Where the longest match changes: all keys from here to the next boundary find the same entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// Data of the first key, as a number whose most significant bit comes first in the key.
    pub data: u128,
    /// Prefix length of the first key. The boundary that ends a prefix has 0.
    pub length: u32,
    /// What these keys find.
    pub slot: Option<Slot>,
}

impl Boundary {
    /// Where the prefix `key` of a map with `data_bits` of data starts; `None` if its length is too large.
    pub fn of_prefix(key: &[u8], data_bits: u32, slot: Slot) -> Option<Self> {
        let (data, length) = canonical(key, data_bits)?;
        Some(Self { data, length, slot: Some(slot) })
    }

    /// The boundary at `key`, as [`Boundary::key`] writes it; `None` if it has no length.
    pub fn read(key: &[u8], slot: Option<Slot>) -> Option<Self> {
        let (length, bytes) = key.split_first_chunk()?;
        let data = bytes.iter().fold(0, |n, b| n << 8 | u128::from(*b));
        Some(Self { data, length: u32::from_le_bytes(*length), slot })
    }

    /// The boundary's key as the map has keys: the length as a 32-bit number, then `data_bits` of data.
    pub fn key(&self, data_bits: u32) -> Vec<u8> {
        let bytes = self.data.to_be_bytes();
        let mut key = self.length.to_le_bytes().to_vec();
        key.extend(&bytes[bytes.len() - data_bits as usize / 8..]);
        key
    }

    /// The prefix that starts here, if one does.
    ///
    /// Only a prefix of length 0 shares its boundary's length with the ends of others, and these are never at 0.
    pub fn starts_prefix(&self) -> bool {
        self.slot.is_some() && (self.length > 0 || self.data == 0)
    }
}

/// Length and data of a key, the bits behind the length cleared; `None` if the length is too large, which matches nothing.
fn canonical(key: &[u8], data_bits: u32) -> Option<(u128, u32)> {
    let Boundary { data, length, .. } = Boundary::read(key, None)?;
    (length <= data_bits).then(|| (data & prefix_mask(length, data_bits), length))
}

/// Ones at the first `length` of `data_bits` bits.
fn prefix_mask(length: u32, data_bits: u32) -> u128 {
    let all = u128::MAX >> (128 - data_bits);
    all & !all.checked_shr(length).unwrap_or(0)
}

/// The boundaries of `prefixes`, keys with their slots, in order: at most two for each prefix. Of equal prefixes the last one
/// counts; one whose length is too large matches nothing.
///
/// # Panics
/// If keys have more than 16 data bytes, or less than one.
pub fn boundaries<'k>(
    data_bits: u32,
    prefixes: impl IntoIterator<Item = (&'k [u8], Slot)>,
) -> Vec<Boundary> {
    let mut sorted: Vec<Boundary> = prefixes
        .into_iter()
        .filter_map(|(key, slot)| Boundary::of_prefix(key, data_bits, slot))
        .collect();
    sorted.sort_by_key(|p| (p.data, p.length));
    sorted.dedup_by(|later, kept| {
        let same = (later.data, later.length) == (kept.data, kept.length);
        if same {
            *kept = *later;
        }
        same
    });
    let mut out: Vec<Boundary> = Vec::with_capacity(2 * sorted.len());
    // Prefixes that match here, each within the one before.
    let mut open: Vec<Boundary> = Vec::new();
    for prefix in sorted {
        close(&mut open, Some(prefix.data), data_bits, &mut out);
        open.push(prefix);
        put(&mut out, prefix);
    }
    close(&mut open, None, data_bits, &mut out);
    out
}

/// Ends the prefixes whose last key lies before the data `until`, or all.
fn close(open: &mut Vec<Boundary>, until: Option<u128>, data_bits: u32, out: &mut Vec<Boundary>) {
    while let Some(last) = open.last() {
        let last_data =
            last.data | !prefix_mask(last.length, data_bits) & prefix_mask(data_bits, data_bits);
        if until.is_some_and(|u| u <= last_data) {
            return;
        }
        open.pop();
        if last_data != prefix_mask(data_bits, data_bits) {
            let slot = open.last().and_then(|p| p.slot);
            put(out, Boundary { data: last_data + 1, length: 0, slot });
        }
    }
}

/// Appends a boundary, in place of the last one if that is at the same key.
fn put(out: &mut Vec<Boundary>, boundary: Boundary) {
    match out.last_mut() {
        Some(last) if (last.data, last.length) == (boundary.data, boundary.length) => {
            *last = boundary;
        }
        _ => out.push(boundary),
    }
}

/// The memories of the search tree, as the hardware has them after the host has written a list of boundaries.
#[derive(Clone, Debug)]
pub struct LpmLevels {
    shape: LpmShape,
    /// By level, row and column. Column 0 is used in the last level only.
    levels: Vec<Vec<Vec<Option<Boundary>>>>,
}

impl LpmLevels {
    /// Places `list`, at most as many as there is room for.
    ///
    /// # Panics
    /// If there is no room.
    pub fn new(shape: LpmShape, list: &[Boundary]) -> Self {
        let levels = (0..shape.levels())
            .map(|l| vec![vec![None; 1 << shape.digit(l)]; 1 << shape.above(l)])
            .collect();
        let mut tree = Self { shape, levels };
        assert!(list.len() as u64 <= shape.capacity(), "the list fits the tree");
        for (index, boundary) in list.iter().enumerate() {
            for (level, row, column) in tree.places(index) {
                tree.levels[level][row][column] = Some(*boundary);
            }
        }
        tree
    }

    /// Where the boundary at position `index` stands: in the last level, and, if it is the first of a subtree other than
    /// the first one of its row, in that row.
    pub fn places(&self, index: usize) -> Vec<(usize, usize, usize)> {
        let last = self.shape.levels() - 1;
        let place = |level: u32| {
            let below = self.shape.index_bits - self.shape.above(level) - self.shape.digit(level);
            let column = (index >> below) & ((1 << self.shape.digit(level)) - 1);
            let row = index >> below >> self.shape.digit(level);
            let first = index & ((1 << below) - 1) == 0;
            (first && (column > 0 || level == last)).then_some((level as usize, row, column))
        };
        (0..=last).filter_map(place).collect()
    }

    /// Rows of each level: of each, its boundaries by column.
    pub fn levels(&self) -> &[Vec<Vec<Option<Boundary>>>] {
        &self.levels
    }

    /// The slot that the hardware's search finds for `key`.
    pub fn find(&self, key: &[u8]) -> Option<Slot> {
        let key = canonical(key, self.shape.data_bits)?;
        let reached = |b: &Option<Boundary>| b.is_some_and(|b| (b.data, b.length) <= key);
        let (last, inner) = self.levels.split_last()?;
        let row = inner.iter().fold(0, |row, level: &Vec<Vec<_>>| {
            let row_below = level[row].iter().skip(1).take_while(|b| reached(b)).count();
            row * level[row].len() + row_below
        });
        last[row].iter().take_while(|b| reached(b)).last().copied().flatten()?.slot
    }
}

#[cfg(test)]
mod tests;
