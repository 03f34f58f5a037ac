//! What the operations of one stage mean, written down once more, straight from the documentation of the IR.

use crate::program::{AREA, HEADROOM};
use beeline_ir::dfg::{low_mask, sign_extend, Dfg};
use beeline_ir::op::{AtomicOp, BinOp, CmpOp, Op};
use beeline_ir::{Inst, Value};
use std::collections::BTreeMap;

/// State of one packet in one stage.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Integers by value.
    pub values: BTreeMap<Value, u64>,
    /// Packet bytes from `-HEADROOM` to `AREA`.
    pub bytes: Vec<u8>,
    /// The entry is there.
    pub hit: bool,
    /// Its row.
    pub row: Vec<u8>,
    /// The row was changed.
    pub written: bool,
}

impl Machine {
    fn get(&self, dfg: &Dfg, v: Value) -> u64 {
        dfg.as_const(v).unwrap_or_else(|| self.values[&v])
    }

    /// Executes one operation.
    pub fn step(&mut self, dfg: &Dfg, inst: Inst) {
        let data = &dfg.insts[inst];
        let on = data.pred.is_none_or(|p| self.get(dfg, p) == 1);
        let get = |v: Value| self.get(dfg, v);
        let bits = data.result.map_or(0, |v| dfg.bits(v));
        let result = match &data.op {
            Op::MapUpdate { .. }
            | Op::MapDelete { .. }
            | Op::MapInsert { .. }
            | Op::MapRemove { .. }
            | Op::MapTouch { .. }
            | Op::EventOutput { .. } => {
                unreachable!("invariant P5 of the pipeline")
            }
            Op::Const(c) => *c,
            Op::Bin(op, a, b) => binary(*op, bits, get(*a), get(*b)),
            Op::Cmp(op, a, b) => u64::from(compare(*op, dfg.bits(*a), get(*a), get(*b))),
            Op::Select { cond, if_true, if_false } => {
                get(if get(*cond) == 1 { *if_true } else { *if_false })
            }
            Op::Zext(a) => get(*a),
            Op::Sext(a) => sign_extend(get(*a), dfg.bits(*a)) as u64,
            Op::Extract { value, lo } => get(*value) >> lo,
            Op::Concat(parts) => {
                let shift_in = |acc: u64, p: &Value| {
                    acc.checked_shl(dfg.bits(*p).into()).unwrap_or(0) | get(*p)
                };
                parts.iter().rev().fold(0, shift_in)
            }
            Op::Bswap(a) => get(*a).swap_bytes() >> (64 - bits),
            Op::EntryIsNull(_) => u64::from(!self.hit),
            Op::PktLoad { base, off, .. } => {
                let c = get(*base).wrapping_add(get(*off)) as i64;
                (0..i64::from(bits / 8))
                    .rev()
                    .fold(0, |acc, n| acc << 8 | u64::from(self.byte(c + n)))
            }
            Op::PktStore { base, off, value, .. } => {
                let c = get(*base).wrapping_add(get(*off)) as i64;
                let (x, n) = (get(*value), i64::from(dfg.bits(*value) / 8));
                if on {
                    (0..n).for_each(|i| self.set_byte(c + i, (x >> (8 * i)) as u8));
                }
                return;
            }
            Op::PktZero { from, to } => {
                let (from, to) = (get(*from) as i64, get(*to) as i64);
                if on {
                    (from..to).for_each(|c| self.set_byte(c, 0));
                }
                return;
            }
            Op::MapLoad { off, .. } => self.load(get(*off) as usize, bits),
            Op::MapStore { off, value, .. } => {
                let (off, x, n) = (get(*off) as usize, get(*value), dfg.bits(*value));
                return self.store(on, off, n, x);
            }
            Op::MapAtomic { op, off, value, expected, .. } => {
                let (off, x) = (get(*off) as usize, get(*value));
                let expected = expected.map(get);
                let old = self.load(off, bits);
                let new = match op {
                    AtomicOp::Add => old.wrapping_add(x),
                    AtomicOp::Or => old | x,
                    AtomicOp::And => old & x,
                    AtomicOp::Xor => old ^ x,
                    AtomicOp::Xchg => x,
                    AtomicOp::CmpXchg if Some(old) == expected => x,
                    AtomicOp::CmpXchg => old,
                };
                self.store(on, off, bits, new);
                old
            }
            Op::Input(_) | Op::MapLookup { .. } | Op::EntryConst { .. } => {
                unreachable!("not in this stage")
            }
        };
        self.values.insert(data.result.unwrap(), result & low_mask(bits));
    }

    fn byte(&self, c: i64) -> u8 {
        self.bytes.get((c + i64::from(HEADROOM)) as usize).copied().unwrap_or(0)
    }

    fn set_byte(&mut self, c: i64, x: u8) {
        if (-i64::from(HEADROOM)..i64::from(AREA)).contains(&c) {
            self.bytes[(c + i64::from(HEADROOM)) as usize] = x;
        }
    }

    fn load(&self, off: usize, bits: u8) -> u64 {
        if !self.hit {
            return 0;
        }
        let bytes = &self.row[off..off + usize::from(bits / 8)];
        bytes.iter().rev().fold(0, |acc, b| acc << 8 | u64::from(*b))
    }

    fn store(&mut self, on: bool, off: usize, bits: u8, x: u64) {
        if on && self.hit {
            self.written = true;
            for n in 0..usize::from(bits / 8) {
                self.row[off + n] = (x >> (8 * n)) as u8;
            }
        }
    }
}

fn binary(op: BinOp, bits: u8, a: u64, b: u64) -> u64 {
    let (sa, sb) = (sign_extend(a, bits), sign_extend(b, bits));
    let wide = b >= u64::from(bits);
    match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::UDiv => a.checked_div(b).unwrap_or(0),
        BinOp::URem => a.checked_rem(b).unwrap_or(a),
        BinOp::SDiv if b == 0 => 0,
        BinOp::SDiv => sa.wrapping_div(sb) as u64,
        BinOp::SRem if b == 0 => a,
        BinOp::SRem => sa.wrapping_rem(sb) as u64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl | BinOp::LShr if wide => 0,
        BinOp::Shl => a << b,
        BinOp::LShr => a >> b,
        BinOp::AShr => (sa >> b.min(63)) as u64,
    }
}

fn compare(op: CmpOp, bits: u8, a: u64, b: u64) -> bool {
    let (sa, sb) = (sign_extend(a, bits), sign_extend(b, bits));
    match op {
        CmpOp::Eq => a == b,
        CmpOp::Ne => a != b,
        CmpOp::Ult => a < b,
        CmpOp::Ule => a <= b,
        CmpOp::Slt => sa < sb,
        CmpOp::Sle => sa <= sb,
    }
}
