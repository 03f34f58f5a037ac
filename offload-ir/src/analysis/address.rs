//! Addresses as sums: which packet or map bytes an access means, relative to another.

use super::known::ValueFacts;
use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::{Inst, MapId, Value};
use crate::op::{BinOp, Bounds, Op};

/// Terms that are told apart in a sum.
const MAX_TERMS: usize = 3;

/// A sum of values and a constant, modulo 2^64. Terms of fewer than 64 bits count as zero-extended.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sum {
    /// Terms, ascending; a term may stand more than once.
    pub terms: Vec<Value>,
    /// Constant part.
    pub constant: i64,
}

impl Sum {
    /// The integer `v` (of 64 bits) as a sum.
    pub fn of(dfg: &Dfg, facts: &ValueFacts, v: Value) -> Self {
        let mut sum = Self::default();
        sum.add(dfg, facts, v);
        sum.terms.sort();
        sum
    }

    /// `a + b`.
    pub fn of_both(dfg: &Dfg, facts: &ValueFacts, a: Value, b: Value) -> Self {
        let mut sum = Self::default();
        sum.add(dfg, facts, a);
        sum.add(dfg, facts, b);
        sum.terms.sort();
        sum
    }

    fn add(&mut self, dfg: &Dfg, facts: &ValueFacts, v: Value) {
        if let Some(c) = dfg.as_const(v) {
            self.constant = self.constant.wrapping_add(c as i64);
            return;
        }
        match dfg.def(v) {
            Some(Op::Zext(x)) => self.add_narrow(dfg, facts, *x),
            Some(Op::Bin(BinOp::Add, a, b))
                if dfg.bits(v) == 64 && self.terms.len() + 1 < MAX_TERMS =>
            {
                self.add(dfg, facts, *a);
                self.add(dfg, facts, *b);
            }
            Some(Op::Bin(BinOp::Add, a, b)) if dfg.as_const(*b).is_some() => {
                self.add(dfg, facts, *a);
                self.add(dfg, facts, *b);
            }
            _ => self.terms.push(v),
        }
    }

    /// A value that counts as extended: a sum in it may be taken apart only if it does not wrap.
    fn add_narrow(&mut self, dfg: &Dfg, facts: &ValueFacts, x: Value) {
        if let Some(Op::Bin(BinOp::Add, a, c)) = dfg.def(x) {
            if let Some(c) = dfg.as_const(*c) {
                let (bits, known) = (dfg.bits(x), facts.get(dfg, *a));
                let down = sign_extend(c, bits);
                let fits_up = known.umax.checked_add(c).is_some_and(|s| s <= low_mask(bits));
                let fits_down = down < 0 && known.umin >= down.unsigned_abs();
                if fits_up || fits_down {
                    let constant = if fits_up { c as i64 } else { down };
                    self.constant = self.constant.wrapping_add(constant);
                    return self.add_narrow(dfg, facts, *a);
                }
            }
        }
        match dfg.def(x) {
            Some(Op::Zext(y)) => self.add_narrow(dfg, facts, *y),
            _ => self.terms.push(x),
        }
    }
}

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// The packet.
    Packet,
    /// The values of a map, through one entry.
    Entry(MapId, Value),
}

/// The bytes that an access means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whose.
    pub space: Space,
    /// Where they start: packet coordinate, or offset in the value.
    pub start: Sum,
    /// How many.
    pub bytes: u8,
    /// `start` lies in this range.
    pub min: i64,
    /// `start` lies in this range.
    pub max: i64,
}

impl Access {
    /// Of a load, store or atomic operation.
    pub fn of(dfg: &Dfg, facts: &ValueFacts, inst: Inst) -> Option<Self> {
        let data = &dfg.insts[inst];
        let (off, bounds) = data.op.offset()?;
        let moved = match &data.op {
            Op::PktStore { value, .. }
            | Op::MapStore { value, .. }
            | Op::MapAtomic { value, .. } => *value,
            _ => data.result?,
        };
        let Ty::Int(bits) = dfg.ty(moved) else { return None };
        let bytes = bits / 8;
        Some(match &data.op {
            Op::PktLoad { base, .. } | Op::PktStore { base, .. } => {
                let at = facts.get(dfg, *base);
                let start = Sum::of_both(dfg, facts, *base, off);
                let (min, max) =
                    (at.smin.saturating_add(bounds.min), at.smax.saturating_add(bounds.max));
                Self { space: Space::Packet, start, bytes, min, max }
            }
            Op::MapLoad { map, entry, .. }
            | Op::MapStore { map, entry, .. }
            | Op::MapAtomic { map, entry, .. } => {
                let (space, start) = (Space::Entry(*map, *entry), Sum::of(dfg, facts, off));
                let Bounds { min, max, .. } = *bounds;
                Self { space, start, bytes, min, max }
            }
            _ => return None,
        })
    }

    /// Distance from the start of `other` to the start of `self`, if both are relative to the same.
    pub fn distance(&self, other: &Self) -> Option<i64> {
        let same = self.space == other.space && self.start.terms == other.start.terms;
        same.then(|| self.start.constant.wrapping_sub(other.start.constant))
    }

    /// Can they have a byte in common? Different entries of one map may be the same.
    pub fn may_overlap(&self, other: &Self) -> bool {
        let alike = match (self.space, other.space) {
            (Space::Packet, Space::Packet) => true,
            (Space::Entry(a, _), Space::Entry(b, _)) => a == b,
            _ => false,
        };
        if !alike {
            return false;
        }
        if self.start.terms == other.start.terms {
            // The offset decides, whichever entry it is in.
            let distance = self.start.constant.wrapping_sub(other.start.constant);
            return distance < i64::from(other.bytes) && -distance < i64::from(self.bytes);
        }
        let apart = |a: &Self, b: &Self| a.max.saturating_add(i64::from(a.bytes)) <= b.min;
        !apart(self, other) && !apart(other, self)
    }
}
