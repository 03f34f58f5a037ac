//! The hash functions of the hardware's tables (`offload-ir/src/hash.rs`), byte by byte.

use beeline_ir::hash::{h3_row, BANKS};

/// Banks of a table.
pub(super) const BANK_COUNT: usize = BANKS as usize;

/// The hash functions for keys of one length.
#[derive(Clone, Debug)]
pub(super) struct H3 {
    mask: u32,
    /// `contributions[256 * k + b][bank]`: what byte `b` at position `k` of a key adds to the hash.
    contributions: Vec<[u32; BANK_COUNT]>,
}

impl H3 {
    /// For keys of `key_size` bytes and banks of `1 << depth_log2` rows.
    pub fn new(key_size: usize, depth_log2: u32) -> Self {
        let contributions =
            (0..key_size).flat_map(|k| (0..256).map(move |b| contribution(k, b))).collect();
        Self { mask: (1 << depth_log2) - 1, contributions }
    }

    /// The row of `key` in each bank.
    pub fn rows(&self, key: &[u8]) -> [u32; BANK_COUNT] {
        let mut hash = [0; BANK_COUNT];
        for (k, byte) in key.iter().enumerate() {
            let add = &self.contributions[256 * k + usize::from(*byte)];
            hash.iter_mut().zip(add).for_each(|(h, a)| *h ^= a);
        }
        hash.map(|h| h & self.mask)
    }
}

/// What byte `b` at position `k` of a key contributes to the row in each bank.
fn contribution(k: usize, b: u32) -> [u32; BANK_COUNT] {
    std::array::from_fn(|bank| {
        (0..8)
            .filter(|bit| b >> bit & 1 == 1)
            .fold(0, |acc, bit| acc ^ h3_row(bank as u32, 8 * k as u32 + bit))
    })
}
