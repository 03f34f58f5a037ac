//! Extensions, extractions, concatenations, byte swaps.

use super::{op, value, Folder, Simpler};
use crate::analysis::arith::bswap;
use crate::dfg::Ty;
use crate::entities::Value;
use crate::op::{BinOp, Op};

impl Folder<'_> {
    pub(super) fn zero_extension(&mut self, a: Value, bits: u8) -> Option<Simpler> {
        debug_assert!(self.dfg.bits(a) < bits, "an extension makes wider");
        match self.dfg.def(a)? {
            Op::Zext(x) => op(Op::Zext(*x)),
            _ => None,
        }
    }

    pub(super) fn sign_extension(&mut self, a: Value) -> Option<Simpler> {
        match self.dfg.def(a)? {
            // The sign bit is 0.
            Op::Zext(x) => op(Op::Zext(*x)),
            Op::Sext(x) => op(Op::Sext(*x)),
            _ => None,
        }
    }

    /// `bits` bits of `v` from `lo`.
    pub(super) fn extraction(&mut self, v: Value, lo: u8, bits: u8) -> Option<Simpler> {
        let whole = self.dfg.bits(v);
        if bits == whole {
            return value(v);
        }
        match self.dfg.def(v)?.clone() {
            Op::Extract { value: x, lo: below } => op(Op::Extract { value: x, lo: lo + below }),
            Op::Zext(x) => self.extract_of_zext(x, lo, bits),
            Op::Sext(x) if lo + bits <= self.dfg.bits(x) => op(Op::Extract { value: x, lo }),
            Op::Sext(x) if lo == 0 => op(Op::Sext(x)),
            Op::Concat(parts) => self.extract_of_concat(&parts, lo, bits),
            Op::Bswap(x) => self.extract_of_bswap(x, lo, bits, whole),
            Op::Bin(BinOp::Shl, x, amount) => {
                let n = self.as_const(amount)?;
                if n <= u64::from(lo) {
                    op(Op::Extract { value: x, lo: lo - n as u8 })
                } else if u64::from(lo + bits) <= n {
                    op(Op::Const(0))
                } else {
                    None
                }
            }
            Op::Bin(o @ (BinOp::And | BinOp::Or | BinOp::Xor), a, b) => {
                self.extract_of_bitwise(o, a, b, lo, bits)
            }
            Op::Select { cond, if_true, if_false } => {
                // Only if an arm gets simpler.
                self.as_const(if_true).or(self.as_const(if_false))?;
                let if_true = self.extract(if_true, lo, bits);
                let if_false = self.extract(if_false, lo, bits);
                op(Op::Select { cond, if_true, if_false })
            }
            _ => None,
        }
    }

    fn extract_of_zext(&mut self, x: Value, lo: u8, bits: u8) -> Option<Simpler> {
        let width = self.dfg.bits(x);
        if lo >= width {
            return op(Op::Const(0));
        }
        if lo + bits <= width {
            return op(Op::Extract { value: x, lo });
        }
        let part = self.extract(x, lo, width - lo);
        op(Op::Zext(part))
    }

    fn extract_of_concat(&mut self, parts: &[Value], lo: u8, bits: u8) -> Option<Simpler> {
        let mut at = 0;
        let mut taken = Vec::new();
        for &p in parts {
            let width = self.dfg.bits(p);
            // The piece of this part that lies in `lo .. lo + bits`.
            let (from, to) = (lo.max(at), (lo + bits).min(at + width));
            if from < to {
                taken.push((p, from - at, to - from));
            }
            at += width;
        }
        let pieces: Vec<Value> =
            taken.into_iter().map(|(p, from, n)| self.extract(p, from, n)).collect();
        match pieces.as_slice() {
            [only] => value(*only),
            _ => op(Op::Concat(pieces)),
        }
    }

    fn extract_of_bswap(&mut self, x: Value, lo: u8, bits: u8, whole: u8) -> Option<Simpler> {
        if lo % 8 != 0 || bits % 8 != 0 {
            return None;
        }
        let mirrored = self.extract(x, whole - lo - bits, bits);
        if bits == 8 {
            value(mirrored)
        } else {
            op(Op::Bswap(mirrored))
        }
    }

    fn extract_of_bitwise(
        &mut self,
        o: BinOp,
        a: Value,
        b: Value,
        lo: u8,
        bits: u8,
    ) -> Option<Simpler> {
        let simple = |f: &Self, v: Value| {
            matches!(
                f.dfg.def(v),
                Some(Op::Const(_) | Op::Zext(_) | Op::Concat(_) | Op::Extract { .. })
            )
        };
        if !simple(self, a) && !simple(self, b) {
            return None;
        }
        let (a, b) = (self.extract(a, lo, bits), self.extract(b, lo, bits));
        op(Op::Bin(o, a, b))
    }

    pub(super) fn concatenation(&mut self, parts: &[Value], bits: u8) -> Option<Simpler> {
        if let [only] = parts {
            return value(*only);
        }
        if let Some(Op::Zext(x)) = self.dfg.def(*parts.last()?) {
            let x = *x;
            let mut lower = parts[..parts.len() - 1].to_vec();
            lower.push(x);
            return self.extended_concat(lower);
        }
        if self.as_const(*parts.last()?) == Some(0) {
            return self.extended_concat(parts[..parts.len() - 1].to_vec());
        }
        let mut merged: Vec<Value> = Vec::with_capacity(parts.len());
        let mut changed = false;
        for &p in parts {
            if let Some(Op::Concat(inner)) = self.dfg.def(p) {
                merged.extend_from_slice(inner);
                changed = true;
                continue;
            }
            match merged.last().copied().and_then(|low| self.adjacent(low, p)) {
                Some(both) => {
                    *merged.last_mut().expect("just seen") = both;
                    changed = true;
                }
                None => merged.push(p),
            }
        }
        match merged.as_slice() {
            [only] if self.dfg.bits(*only) == bits => value(*only),
            _ if changed => op(Op::Concat(merged)),
            _ => None,
        }
    }

    /// A concatenation of `parts` extended by zeros.
    fn extended_concat(&mut self, parts: Vec<Value>) -> Option<Simpler> {
        let width = parts.iter().map(|p| self.dfg.bits(*p)).sum();
        let lower = self.emit(Op::Concat(parts), Ty::Int(width));
        op(Op::Zext(lower))
    }

    /// `low` and `high` as one value, if they are neighbours in one value or constants.
    fn adjacent(&mut self, low: Value, high: Value) -> Option<Value> {
        let (n, m) = (self.dfg.bits(low), self.dfg.bits(high));
        if let (Some(a), Some(b)) = (self.as_const(low), self.as_const(high)) {
            return Some(self.constant(n + m, a | b << n));
        }
        match (self.dfg.def(low)?.clone(), self.dfg.def(high)?.clone()) {
            (Op::Extract { value: x, lo: a }, Op::Extract { value: y, lo: b })
                if x == y && a + n == b =>
            {
                Some(self.extract(x, a, n + m))
            }
            _ => None,
        }
    }

    pub(super) fn byte_swap(&mut self, a: Value) -> Option<Simpler> {
        let bits = self.dfg.bits(a);
        match self.dfg.def(a)?.clone() {
            Op::Bswap(x) => value(x),
            Op::Const(c) => op(Op::Const(bswap(c, bits))),
            Op::Concat(parts) if parts.iter().all(|p| self.dfg.bits(*p) % 8 == 0) => {
                let mut swapped = Vec::new();
                for &p in parts.iter().rev() {
                    let width = self.dfg.bits(p);
                    let whole =
                        if width == 8 { p } else { self.emit(Op::Bswap(p), Ty::Int(width)) };
                    swapped.push(whole);
                }
                op(Op::Concat(swapped))
            }
            _ => None,
        }
    }
}
