//! Where the bytes of a value come from.

use crate::dfg::{Dfg, Ty};
use crate::entities::{Inst, Value};
use crate::op::{BinOp, Op};
use std::collections::HashMap;

/// One byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Byte {
    /// Known.
    Const(u8),
    /// Byte `1` (from the least significant) of a value that is not taken apart further.
    Of(Value, u8),
}

/// The bytes of each value seen so far, least significant first; values of other widths have none.
#[derive(Default)]
pub(super) struct Bytes {
    known: HashMap<Value, Vec<Byte>>,
}

impl Bytes {
    /// Bytes of `v`, if it was visited.
    pub(super) fn of(&self, v: Value) -> Option<&[Byte]> {
        self.known.get(&v).map(Vec::as_slice)
    }

    /// Follows the result of `inst`; its operands were visited before, or count as wholes.
    pub(super) fn visit(&mut self, dfg: &Dfg, inst: Inst) {
        let data = &dfg.insts[inst];
        let Some((v, Ty::Int(bits))) = data.result.map(|v| (v, dfg.ty(v))) else {
            return;
        };
        if bits % 8 != 0 {
            return;
        }
        let bytes = self.made_by(dfg, &data.op, bits).unwrap_or_else(|| whole(v, bits));
        self.known.insert(v, bytes);
    }

    /// Bytes of an operand.
    fn get(&self, dfg: &Dfg, v: Value) -> Option<Vec<Byte>> {
        if let Some(c) = dfg.as_const(v).filter(|_| dfg.bits(v) % 8 == 0) {
            return Some(
                c.to_le_bytes()[..usize::from(dfg.bits(v) / 8)]
                    .iter()
                    .map(|b| Byte::Const(*b))
                    .collect(),
            );
        }
        match self.known.get(&v) {
            Some(bytes) => Some(bytes.clone()),
            None => (dfg.bits(v) % 8 == 0).then(|| whole(v, dfg.bits(v))),
        }
    }

    fn made_by(&self, dfg: &Dfg, op: &Op, bits: u8) -> Option<Vec<Byte>> {
        let n = usize::from(bits / 8);
        let of = |v: &Value| self.get(dfg, *v);
        let whole_bytes =
            |v: &Value| dfg.as_const(*v).filter(|c| c % 8 == 0 && *c < u64::from(bits));
        match op {
            Op::Zext(x) => {
                let mut bytes = of(x)?;
                bytes.resize(n, Byte::Const(0));
                Some(bytes)
            }
            Op::Extract { value, lo } if lo % 8 == 0 => {
                let lo = usize::from(lo / 8);
                Some(of(value)?[lo..lo + n].to_vec())
            }
            Op::Concat(parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(of).collect();
                Some(parts?.concat())
            }
            Op::Bswap(x) => {
                let mut bytes = of(x)?;
                bytes.reverse();
                Some(bytes)
            }
            Op::Bin(BinOp::Shl, x, amount) => {
                let mut bytes = vec![Byte::Const(0); (whole_bytes(amount)? / 8) as usize];
                bytes.extend(of(x)?);
                bytes.truncate(n);
                Some(bytes)
            }
            Op::Bin(BinOp::LShr, x, amount) => {
                let mut bytes = of(x)?.split_off((whole_bytes(amount)? / 8) as usize);
                bytes.resize(n, Byte::Const(0));
                Some(bytes)
            }
            Op::Bin(BinOp::And, x, mask) => {
                let mask = dfg.as_const(*mask)?.to_le_bytes();
                let kept = of(x)?.into_iter().zip(mask).map(|(b, m)| match m {
                    0 => Some(Byte::Const(0)),
                    0xff => Some(b),
                    _ => None,
                });
                kept.collect()
            }
            Op::Bin(BinOp::Or | BinOp::Xor | BinOp::Add, x, y) => {
                let both = of(x)?.into_iter().zip(of(y)?).map(|pair| match pair {
                    (b, Byte::Const(0)) | (Byte::Const(0), b) => Some(b),
                    _ => None,
                });
                both.collect()
            }
            _ => None,
        }
    }
}

fn whole(v: Value, bits: u8) -> Vec<Byte> {
    (0..bits / 8).map(|n| Byte::Of(v, n)).collect()
}
