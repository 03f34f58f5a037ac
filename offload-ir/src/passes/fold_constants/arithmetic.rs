//! Algebra of two-operand arithmetic.

use super::{op, value, Folder, Simpler};
use crate::analysis::arith::binary;
use crate::dfg::{low_mask, Ty};
use crate::entities::Value;
use crate::op::{BinOp, Op};

fn is_commutative(o: BinOp) -> bool {
    matches!(o, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor)
}

impl Folder<'_> {
    pub(super) fn arithmetic(&mut self, o: BinOp, a: Value, b: Value) -> Option<Simpler> {
        if self.as_const(a).is_some() && self.as_const(b).is_none() && is_commutative(o) {
            return op(Op::Bin(o, b, a));
        }
        if let Some(c) = self.as_const(b) {
            return self.by_constant(o, a, c);
        }
        self.by_value(o, a, b)
    }

    /// `a o b`, neither of them known.
    fn by_value(&mut self, o: BinOp, a: Value, b: Value) -> Option<Simpler> {
        let bits = self.dfg.bits(a);
        match o {
            BinOp::And | BinOp::Or if a == b => return value(a),
            BinOp::Xor | BinOp::Sub if a == b => return op(Op::Const(0)),
            BinOp::And | BinOp::Or | BinOp::Xor => {
                if let (Some(Op::Zext(x)), Some(Op::Zext(y))) = (self.dfg.def(a), self.dfg.def(b)) {
                    let (x, y) = (*x, *y);
                    if self.dfg.bits(x) == self.dfg.bits(y) {
                        let narrow = Ty::Int(self.dfg.bits(x));
                        return op(Op::Zext(self.emit(Op::Bin(o, x, y), narrow)));
                    }
                }
            }
            BinOp::Sub => return self.difference(a, b, bits),
            BinOp::Add => {
                // (x - y) + y, in either order
                for (sum, other) in [(a, b), (b, a)] {
                    if let Some(Op::Bin(BinOp::Sub, x, y)) = self.dfg.def(sum) {
                        if *y == other {
                            return value(*x);
                        }
                    }
                }
            }
            _ => {}
        }
        None
    }

    /// `a - b` where both may be sums over common terms.
    fn difference(&mut self, a: Value, b: Value, bits: u8) -> Option<Simpler> {
        let ((x, c), (y, d)) = (self.split_sum(a), self.split_sum(b));
        if x == y {
            return op(Op::Const(c.wrapping_sub(d) & low_mask(bits)));
        }
        match (self.dfg.def(a), self.dfg.def(b)) {
            (Some(Op::Bin(BinOp::Add, x, y)), _) if *x == b => value(*y),
            (Some(Op::Bin(BinOp::Add, x, y)), _) if *y == b => value(*x),
            (_, Some(Op::Bin(BinOp::Sub, x, y))) if *x == a => value(*y),
            _ => None,
        }
    }

    /// `v` as a value plus a constant.
    fn split_sum(&self, v: Value) -> (Value, u64) {
        match self.dfg.def(v) {
            Some(Op::Bin(BinOp::Add, x, c)) if self.as_const(*c).is_some() => {
                (*x, self.as_const(*c).unwrap_or(0))
            }
            _ => (v, 0),
        }
    }

    /// `a o c`, `c` known.
    fn by_constant(&mut self, o: BinOp, a: Value, c: u64) -> Option<Simpler> {
        let bits = self.dfg.bits(a);
        let mask = low_mask(bits);
        let power = c.is_power_of_two().then(|| u64::from(c.trailing_zeros()));
        match (o, c) {
            (
                BinOp::Add
                | BinOp::Sub
                | BinOp::Or
                | BinOp::Xor
                | BinOp::Shl
                | BinOp::LShr
                | BinOp::AShr,
                0,
            )
            | (BinOp::Mul | BinOp::UDiv | BinOp::SDiv, 1) => return value(a),
            // x % 0 = x
            (BinOp::URem | BinOp::SRem, 0) => return value(a),
            (BinOp::Mul | BinOp::And | BinOp::UDiv | BinOp::SDiv, 0) | (BinOp::URem, 1) => {
                return op(Op::Const(0))
            }
            (BinOp::And, _) if c == mask => return value(a),
            (BinOp::Or, _) if c == mask => return op(Op::Const(mask)),
            (BinOp::Sub, _) => {
                let negated = self.constant(bits, c.wrapping_neg());
                return op(Op::Bin(BinOp::Add, a, negated));
            }
            (BinOp::Shl | BinOp::LShr, _) if c >= u64::from(bits) => return op(Op::Const(0)),
            (BinOp::LShr, _) => {
                let upper = self.extract(a, c as u8, bits - c as u8);
                return op(Op::Zext(upper));
            }
            // One bit is all sign.
            (BinOp::AShr, _) if bits == 1 => return value(a),
            (BinOp::AShr, _) => {
                let n = c.min(u64::from(bits) - 1) as u8;
                let upper = self.extract(a, n, bits - n);
                return op(Op::Sext(upper));
            }
            _ => {}
        }
        match (o, power) {
            (BinOp::Mul, Some(n)) => {
                let amount = self.constant(bits, n);
                return op(Op::Bin(BinOp::Shl, a, amount));
            }
            (BinOp::UDiv, Some(n)) => {
                let amount = self.constant(bits, n);
                return op(Op::Bin(BinOp::LShr, a, amount));
            }
            (BinOp::URem, Some(_)) => {
                let low = self.constant(bits, c - 1);
                return op(Op::Bin(BinOp::And, a, low));
            }
            _ => {}
        }
        self.low_mask_of(o, a, c)
            .or_else(|| self.reassociate(o, a, c))
            .or_else(|| self.within_zext(o, a, c))
    }

    /// `a & 0..01..1` takes the low bits.
    fn low_mask_of(&mut self, o: BinOp, a: Value, c: u64) -> Option<Simpler> {
        if o != BinOp::And || !(c + 1).is_power_of_two() {
            return None;
        }
        let low = self.extract(a, 0, c.trailing_ones() as u8);
        op(Op::Zext(low))
    }

    /// `(x o1 c1) o c`
    fn reassociate(&mut self, o: BinOp, a: Value, c: u64) -> Option<Simpler> {
        let bits = self.dfg.bits(a);
        let Some(Op::Bin(inner, x, y)) = self.dfg.def(a) else {
            return None;
        };
        let (inner, x, d) = (*inner, *x, self.as_const(*y)?);
        let combined = match (inner, o) {
            (BinOp::Add, BinOp::Add)
            | (BinOp::And, BinOp::And)
            | (BinOp::Or, BinOp::Or)
            | (BinOp::Xor, BinOp::Xor)
            | (BinOp::Mul, BinOp::Mul) => binary(o, bits, d, c),
            // Amounts below the width: their sum does not overflow, and too large a sum gives 0.
            (BinOp::Shl, BinOp::Shl) if d + c <= low_mask(bits) => d + c,
            // (x << d) & c: bits below d are clear anyway.
            (BinOp::Shl, BinOp::And) if d < 64 && c | ((1 << d) - 1) == low_mask(bits) => {
                return value(a)
            }
            (BinOp::Or, BinOp::And) if d & c == 0 => {
                let c = self.constant(bits, c);
                return op(Op::Bin(BinOp::And, x, c));
            }
            _ => return None,
        };
        let combined = self.constant(bits, combined);
        op(Op::Bin(o, x, combined))
    }

    /// A bitwise operation with a constant on an extended value is done at the narrow width where it can be.
    fn within_zext(&mut self, o: BinOp, a: Value, c: u64) -> Option<Simpler> {
        let Some(Op::Zext(x)) = self.dfg.def(a) else {
            return None;
        };
        let (x, narrow) = (*x, self.dfg.bits(*x));
        let fits = c & !low_mask(narrow) == 0;
        if !(o == BinOp::And || fits && matches!(o, BinOp::Or | BinOp::Xor)) {
            return None;
        }
        let c = self.constant(narrow, c);
        let inner = self.emit(Op::Bin(o, x, c), Ty::Int(narrow));
        op(Op::Zext(inner))
    }
}
