//! Which bytes of the packet window an operation may touch: the one definition that scheduler, backend and simulator share.

use crate::dfg::{low_mask, sign_extend, Dfg};
use crate::entities::{Inst, Value};
use crate::op::{BinOp, Op};
use crate::pipeline::ByteCoord;
use std::collections::{BTreeSet, HashMap};

/// More possible values than this are not listed.
const MAX_VALUES: usize = 4096;

/// No packet byte is farther from coordinate 0 than this.
const REACH: i64 = 1 << 16;

/// The bytes that a `PktLoad` or `PktStore` may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Possible coordinates of the first byte, ascending; at least one. Whenever the access matters
    /// (its bounds hold), the first byte is at one of these.
    pub firsts: Vec<ByteCoord>,
    /// Bytes accessed.
    pub bytes: u32,
}

impl Touch {
    /// The only possible coordinate of the first byte, if there is just one.
    pub fn exact(&self) -> Option<ByteCoord> {
        match self.firsts[..] {
            [first] => Some(first),
            _ => None,
        }
    }

    /// Every byte that may be touched, ascending.
    pub fn coords(&self) -> Vec<ByteCoord> {
        let all: BTreeSet<ByteCoord> =
            self.firsts.iter().flat_map(|&f| f..f + self.bytes as ByteCoord).collect();
        all.into_iter().collect()
    }

    /// True if both may touch the same byte.
    pub fn overlaps(&self, other: &Touch) -> bool {
        let mine = self.coords();
        other.coords().iter().any(|c| mine.binary_search(c).is_ok())
    }
}

/// Finds [`Touch`]es, remembering what integer values can be.
#[derive(Default)]
pub struct Touches {
    values: HashMap<Value, Option<Vec<i64>>>,
}

impl Touches {
    /// What `inst` may touch; none if it is no load or store of packet bytes, or if the program does not bound its coordinate.
    pub fn of(&mut self, dfg: &Dfg, inst: Inst) -> Option<Touch> {
        let data = &dfg.insts[inst];
        let (base, off, bounds, moved) = match &data.op {
            Op::PktLoad { base, off, bounds } => (*base, *off, bounds, data.result?),
            Op::PktStore { base, off, bounds, value } => (*base, *off, bounds, *value),
            _ => return None,
        };
        let bytes = u32::from(dfg.bits(moved)) / 8;
        let bases = self.values_of(dfg, base)?;
        let offs: Vec<i64> = match self.values_of(dfg, off) {
            Some(offs) => offs.into_iter().filter(|&o| bounds.allows(o)).collect(),
            None if bounds.max.checked_sub(bounds.min)? > REACH => return None,
            None => bounds.offsets().collect(),
        };
        if offs.is_empty() || offs.len() > MAX_VALUES {
            return None;
        }
        let sums: BTreeSet<i64> =
            bases.iter().flat_map(|b| offs.iter().map(move |o| b.wrapping_add(*o))).collect();
        let in_reach = |c: i64| (-REACH..REACH).contains(&c).then_some(c as ByteCoord);
        let firsts = sums.into_iter().map(in_reach).collect::<Option<Vec<_>>>()?;
        Some(Touch { firsts, bytes })
    }

    /// Every value that `v` may have (as a signed number), ascending, if they are few.
    fn values_of(&mut self, dfg: &Dfg, v: Value) -> Option<Vec<i64>> {
        if let Some(known) = self.values.get(&v) {
            return known.clone();
        }
        let set = self.compute(dfg, v).filter(|s| s.len() <= MAX_VALUES);
        // Whatever a narrow value is made of, there are few that it can be.
        let set = set.or_else(|| {
            let bits = dfg.ty(v).bits().filter(|b| *b <= MAX_VALUES.ilog2() as u8)?;
            Some((0..1i64 << bits).map(|x| sign_extend(x as u64, bits)).collect())
        });
        let set = set.map(|s| s.into_iter().collect::<Vec<_>>());
        self.values.insert(v, set.clone());
        set
    }

    fn compute(&mut self, dfg: &Dfg, v: Value) -> Option<BTreeSet<i64>> {
        let bits = dfg.ty(v).bits()?;
        let wrap = |x: i64| sign_extend(x as u64 & low_mask(bits), bits);
        let unsigned = |a: Value, x: i64| (x as u64 & low_mask(dfg.bits(a))) as i64;
        let set = match dfg.def(v)? {
            Op::Const(c) => BTreeSet::from([wrap(*c as i64)]),
            Op::Select { if_true, if_false, .. } => {
                let (t, f) = (self.values_of(dfg, *if_true)?, self.values_of(dfg, *if_false)?);
                t.into_iter().chain(f).collect()
            }
            Op::Zext(a) => self.values_of(dfg, *a)?.into_iter().map(|x| unsigned(*a, x)).collect(),
            Op::Sext(a) => self.values_of(dfg, *a)?.into_iter().collect(),
            Op::Extract { value, lo } => {
                let all = self.values_of(dfg, *value)?;
                all.into_iter().map(|x| wrap((unsigned(*value, x) as u64 >> lo) as i64)).collect()
            }
            Op::Bin(BinOp::And, a, b) => self.masked(dfg, *a, *b)?,
            Op::Bin(op @ (BinOp::Add | BinOp::Sub | BinOp::Shl | BinOp::Or), a, b) => {
                let (a, b) = (self.values_of(dfg, *a)?, self.values_of(dfg, *b)?);
                if a.len() * b.len() > MAX_VALUES {
                    return None;
                }
                let combine = |x: i64, y: i64| match op {
                    BinOp::Add => x.wrapping_add(y),
                    BinOp::Sub => x.wrapping_sub(y),
                    BinOp::Or => x | y,
                    _ if (0..i64::from(bits)).contains(&y) => x << y,
                    _ => 0,
                };
                a.iter().flat_map(|&x| b.iter().map(move |&y| wrap(combine(x, y)))).collect()
            }
            _ => return None,
        };
        Some(set)
    }

    /// `a & b`: anything below a constant mask with few bits, if `a` is not known.
    fn masked(&mut self, dfg: &Dfg, a: Value, b: Value) -> Option<BTreeSet<i64>> {
        let (x, mask) = match (dfg.as_const(a), dfg.as_const(b)) {
            (None, Some(m)) => (a, m),
            (Some(m), None) => (b, m),
            _ => return None,
        };
        if let Some(all) = self.values_of(dfg, x) {
            return Some(all.into_iter().map(|x| x & mask as i64).collect());
        }
        if mask == 0 {
            return Some(BTreeSet::from([0]));
        }
        if mask.count_ones() > 12 || dfg.bits(x) == mask.ilog2() as u8 + 1 {
            return None;
        }
        // All subsets of the mask's bits, by counting in them.
        let mut subsets = BTreeSet::new();
        let mut s = 0u64;
        loop {
            subsets.insert(s as i64);
            s = s.wrapping_sub(mask) & mask;
            if s == 0 {
                return Some(subsets);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dfg::Ty;
    use crate::op::{Bounds, Input};

    /// A load at an offset that is two bits of a wide number: `narrow_widths` makes such from `x & 3`.
    #[test]
    fn a_narrow_part_of_a_wide_value_is_bounded() {
        let mut dfg = Dfg::default();
        let mut make = |op, bits| {
            let inst = dfg.make_inst(op, Some(Ty::Int(bits)), None.into());
            (inst, dfg.insts[inst].result.expect("it has a type"))
        };
        let (_, wide) = make(Op::Input(Input::RxQueueIndex), 32);
        let (_, narrow) = make(Op::Extract { value: wide, lo: 3 }, 2);
        let (_, base) = make(Op::Zext(narrow), 64);
        let (_, off) = make(Op::Const(5), 64);
        let (load, _) = make(Op::PktLoad { base, off, bounds: Bounds::constant(5) }, 8);
        let touch = Touches::default().of(&dfg, load).expect("bounded");
        assert_eq!((touch.firsts, touch.bytes), (vec![5, 6, 7, 8], 1));
    }
}
