//! The hash functions of the hardware hash table, shared by RTL generator, simulator and host loader.
//!
//! A keyed map has [`BANKS`] banks of equal, power-of-two depth; a key may stand in one slot of each bank, at the index
//! that the bank's own H3 hash gives. An H3 hash is linear: index bit `i` is the parity of `key & mask(bank, i)`,
//! one XOR tree in hardware. A slot number is `bank << log2(depth) | index`.
//!
//! Where programs insert keys, the same hashes name a *bucket* of [`WAYS`] places in each bank; a slot number is then
//! `(bank << log2(depth) | bucket) << 2 | way`. `docs/hash-tables.md` says why that suffices.

/// Banks of a keyed map.
pub const BANKS: u32 = 4;

/// Log2 of the depth of each bank for a map of `max_entries`: the table is at most three quarters full.
pub fn bank_depth_log2(max_entries: u32) -> u32 {
    let slots = (u64::from(max_entries) * 4).div_ceil(3).max(u64::from(BANKS));
    slots.div_ceil(u64::from(BANKS)).next_power_of_two().trailing_zeros()
}

/// Places of a bucket, in tables that programs insert into.
pub const WAYS: u32 = 4;

/// Log2 of the buckets of each bank, for a map of `max_entries` that programs insert into: the table is at most half full.
pub fn bucket_depth_log2(max_entries: u32) -> u32 {
    let places = 2 * u64::from(max_entries);
    places.div_ceil(u64::from(BANKS * WAYS)).max(1).next_power_of_two().trailing_zeros()
}

/// Contribution of key bit `bit` (bit `b` of byte `k` is `8 * k + b`) to the index in `bank`; its low
/// `log2(depth)` bits are used.
pub fn h3_row(bank: u32, bit: u32) -> u32 {
    let mut x = (u64::from(bank) << 32 | u64::from(bit)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) as u32
}

/// Index of `key` in `bank`.
pub fn h3_index(bank: u32, key: &[u8], depth_log2: u32) -> u32 {
    let mut acc = 0;
    for (k, byte) in key.iter().enumerate() {
        for b in 0..8 {
            if byte >> b & 1 == 1 {
                acc ^= h3_row(bank, 8 * k as u32 + b);
            }
        }
    }
    acc & ((1 << depth_log2) - 1)
}
