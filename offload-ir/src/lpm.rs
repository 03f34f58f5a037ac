//! The search structure of LPM maps in hardware, shared by scheduler, RTL generator, simulator and host loader.
//!
//! Prefixes become a sorted list of *boundaries*: where the longest match changes on the way through all keys. A
//! boundary is a key itself, `{ length, data }`; keys are ordered by their data with the bits behind the length cleared, and
//! where these are equal by length. In this order a prefix stands right before all keys that it matches, so that each prefix
//! needs at most two boundaries, whatever lengths a lookup asks for: one at itself, one behind its last key, `{ 0, data + 1 }`.
//! The last boundary that is not greater than a key names the entry.
//!
//! The hardware searches the list by a tree of fixed shape, one level after the other: at each level it compares the
//! key with the first boundaries of all subtrees but the first, and the last level compares it with the boundaries themselves.
//! The position of a boundary in the list is its place in the tree, digit by digit; so the host only knows the list.

use crate::dfg::Dfg;
use crate::entities::Value;
use crate::map::MapDecl;
use crate::op::Op;
use crate::target::TargetDesc;

/// Bytes of the prefix length in front of a key's data.
pub const LENGTH_BYTES: u32 = 4;

/// Longest data of a key in hardware, in bytes.
pub const MAX_DATA_BYTES: u32 = 16;

/// Up to this width keys are compared with seven boundaries at once, above with three.
const NARROW: u32 = 48;

/// The search tree of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LpmShape {
    /// Bits of a key's data.
    pub data_bits: u32,
    /// Bits of a boundary's position: there is room for two boundaries for each entry.
    pub index_bits: u32,
    /// Bits of the position that a level finds; the first level finds what is left over.
    pub digit_bits: u32,
}

impl LpmShape {
    /// The tree for `max_entries` prefixes in keys of `key_size` bytes, of which at least one is data.
    pub fn new(key_size: u32, max_entries: u32) -> Self {
        let data_bits = key_size.saturating_sub(LENGTH_BYTES).max(1).saturating_mul(8);
        let boundaries = 2 * u64::from(max_entries.max(1));
        Self {
            data_bits,
            index_bits: boundaries.next_power_of_two().trailing_zeros(),
            digit_bits: if data_bits <= NARROW { 3 } else { 2 },
        }
    }

    /// The tree of an LPM map.
    pub fn of(map: &MapDecl) -> Self {
        Self::new(map.key_size, map.max_entries)
    }

    /// Bits of a prefix length.
    pub fn length_bits(&self) -> u32 {
        32 - self.data_bits.leading_zeros()
    }

    /// Boundaries for which there is room.
    pub fn capacity(&self) -> u64 {
        1 << self.index_bits
    }

    /// Levels of the search.
    pub fn levels(&self) -> u32 {
        self.index_bits.div_ceil(self.digit_bits)
    }

    /// Bits of a position that `level` finds; level 0 comes first.
    pub fn digit(&self, level: u32) -> u32 {
        match level {
            0 => self.index_bits - self.digit_bits * (self.levels() - 1),
            _ => self.digit_bits,
        }
    }

    /// Bits of a position that are found before `level`: its memory has a row for each of their values.
    pub fn above(&self, level: u32) -> u32 {
        (0..level).map(|l| self.digit(l)).sum()
    }

    /// Clock cycles for each level after the first: 1 if a memory row can be read, compared and turned into the next
    /// address in one, otherwise 2.
    pub fn step(&self, target: &TargetDesc) -> u32 {
        let bits = u64::from(self.data_bits) + u64::from(self.length_bits());
        let carry = bits.div_ceil(2) * u64::from(target.carry_bit_ps);
        let others = target.bram_out_ps + target.carry_base_ps + 3 * target.lut_ps;
        if carry + u64::from(others) <= u64::from(target.logic_ps()) {
            1
        } else {
            2
        }
    }

    /// Stages from a key to its entry.
    pub fn latency(&self, target: &TargetDesc) -> u32 {
        2 + (self.levels() - 1) * self.step(target)
    }
}

/// True if `key`, of a map with `data_bits` of data, always asks for the full length: its first 32 bits are a constant.
pub fn asks_full_length(dfg: &Dfg, key: &[Value], data_bits: u32) -> bool {
    let (mut length, mut bits) = (0u64, 0);
    for &part in key {
        if bits >= 8 * LENGTH_BYTES {
            break;
        }
        let Some(c) = low_constant(dfg, part, 8 * LENGTH_BYTES - bits) else { return false };
        length |= c << bits;
        bits += u32::from(dfg.bits(part));
    }
    length & 0xffff_ffff == u64::from(data_bits)
}

/// The low `bits` bits of `v`, or all if it has less, if they are a constant.
fn low_constant(dfg: &Dfg, v: Value, bits: u32) -> Option<u64> {
    let same = |a: Value, b: Value| {
        let c = low_constant(dfg, a, bits)?;
        (low_constant(dfg, b, bits)? == c).then_some(c)
    };
    match dfg.def(v)? {
        Op::Const(c) => Some(*c),
        Op::Concat(parts) => {
            // The lowest part comes first.
            let (mut all, mut at) = (0, 0);
            for &part in parts {
                if at >= bits {
                    break;
                }
                all |= low_constant(dfg, part, bits - at)? << at;
                at += u32::from(dfg.bits(part));
            }
            Some(all)
        }
        Op::Select { if_true, if_false, .. } => same(*if_true, *if_false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_make_up_positions() {
        for key_size in [5, 8, 10, 12, 20] {
            for max_entries in [1, 2, 3, 4, 5, 100, 1024, 10_000, 16_384, 1 << 20] {
                let shape = LpmShape::new(key_size, max_entries);
                assert!(shape.capacity() >= 2 * u64::from(max_entries));
                assert_eq!(shape.above(shape.levels()), shape.index_bits);
                assert!((0..shape.levels()).all(|l| (1..=3).contains(&shape.digit(l))));
                assert!(shape.data_bits < 1 << shape.length_bits());
            }
        }
    }

    #[test]
    fn latencies_of_the_usual_tables() {
        let target = TargetDesc::built_in("xcup").expect("built in");
        let latency = |key, entries| LpmShape::new(key, entries).latency(&target);
        assert_eq!((latency(8, 16_384), latency(20, 1024), latency(8, 4)), (6, 7, 2));
        let fast = target.at_clock(450).expect("a possible clock");
        assert_eq!(LpmShape::new(20, 1024).latency(&fast), 12);
    }
}
