//! Evaluation of a pure operation whose operands are known.

use super::arith::{binary, bswap, compare};
use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::Value;
use crate::op::Op;

/// The result of `op` with result type `ty`, if it is pure and `known` gives every operand that matters.
pub fn evaluate(
    dfg: &Dfg,
    op: &Op,
    ty: Ty,
    mut known: impl FnMut(Value) -> Option<u64>,
) -> Option<u64> {
    let mask = low_mask(ty.bits()?);
    let value = match op {
        Op::Const(c) => *c,
        Op::Bin(o, a, b) => binary(*o, dfg.bits(*a), known(*a)?, known(*b)?),
        Op::Cmp(o, a, b) => u64::from(compare(*o, dfg.bits(*a), known(*a)?, known(*b)?)),
        Op::Select { cond, if_true, if_false } => match known(*cond) {
            Some(0) => known(*if_false)?,
            Some(_) => known(*if_true)?,
            None => known(*if_true).filter(|t| known(*if_false) == Some(*t))?,
        },
        Op::Zext(a) => known(*a)?,
        Op::Sext(a) => sign_extend(known(*a)?, dfg.bits(*a)) as u64,
        Op::Extract { value, lo } => known(*value)? >> lo,
        Op::Concat(parts) => {
            let (mut all, mut lo) = (0, 0);
            for p in parts {
                all |= known(*p)? << lo;
                lo += u32::from(dfg.bits(*p));
            }
            all
        }
        Op::Bswap(a) => bswap(known(*a)?, dfg.bits(*a)),
        _ => return None,
    };
    Some(value & mask)
}
