//! Multiplication, spread over stages.

use super::Lowering;
use crate::dfg::{low_mask, Ty};
use crate::entities::Value;
use crate::op::{BinOp, Op};

/// Constants with at most this many signed digits are cheaper as additions than as a multiplier.
const FEW_DIGITS: usize = 3;

/// Operands of this many bits fit every device's multiplier.
const LIMB: u8 = 16;

impl Lowering<'_> {
    /// `a * c`, as a sum of shifted copies of `a`; none if a multiplier is better.
    pub(super) fn times_constant(
        &mut self,
        a: Value,
        c: u64,
        bits: u8,
        slow: bool,
    ) -> Option<Value> {
        let digits = signed_digits(c & low_mask(bits), bits);
        (slow || digits.len() <= FEW_DIGITS).then(|| self.shifted_sum(a, &digits, bits))
    }

    /// `a * c` as a sum of shifted copies of `a`.
    pub(super) fn scaled(&mut self, a: Value, c: u64, bits: u8) -> Value {
        let digits = signed_digits(c & low_mask(bits), bits);
        self.shifted_sum(a, &digits, bits)
    }

    fn shifted_sum(&mut self, a: Value, digits: &[(u8, bool)], bits: u8) -> Value {
        let terms = digits.iter().map(|&(at, negative)| (self.shift(BinOp::Shl, a, at), negative));
        let terms = terms.collect();
        self.sum(terms, bits)
    }

    /// `a * b` from products of 16-bit parts.
    pub(super) fn product(&mut self, a: Value, b: Value, bits: u8) -> Value {
        let (a, b) = (self.limbs(a), self.limbs(b));
        let mut terms = Vec::new();
        for (i, &x) in a.iter().enumerate() {
            for (j, &y) in b.iter().enumerate() {
                let at = LIMB * (i + j) as u8;
                if at < bits {
                    let product = self.e.op(Op::Bin(BinOp::Mul, x, y), Ty::Int(2 * LIMB));
                    let wide = if bits < 2 * LIMB {
                        self.extract(product, 0, bits)
                    } else {
                        self.zext(product, bits)
                    };
                    terms.push((self.shift(BinOp::Shl, wide, at), false));
                }
            }
        }
        self.sum(terms, bits)
    }

    /// The 16-bit parts of `v`, lowest first, each extended to 32 bits.
    fn limbs(&mut self, v: Value) -> Vec<Value> {
        let bits = self.e.dfg.bits(v);
        let parts = (0..bits.div_ceil(LIMB)).map(|i| {
            let lo = i * LIMB;
            let part = self.extract(v, lo, LIMB.min(bits - lo));
            self.zext(part, 2 * LIMB)
        });
        parts.collect()
    }

    /// The high half of the product of `a`, of `bits` (at most 32, or 64) bits, and the constant `c` below `2^bits`.
    pub(super) fn high_product(&mut self, a: Value, c: u64, bits: u8) -> Value {
        if bits <= 32 {
            let wide = self.zext(a, 2 * bits);
            let product = self.scaled(wide, c, 2 * bits);
            return self.extract(product, bits, bits);
        }
        let half = |l: &mut Self, v: Value, lo: u8| {
            let part = l.extract(v, lo, 32);
            l.zext(part, 64)
        };
        let (low, high) = (half(self, a, 0), half(self, a, 32));
        let (c_low, c_high) = (c & low_mask(32), c >> 32);
        let ll = self.scaled(low, c_low, 64);
        let lh = self.scaled(low, c_high, 64);
        let hl = self.scaled(high, c_low, 64);
        let hh = self.scaled(high, c_high, 64);
        let middle = [half(self, ll, 32), half(self, lh, 0), half(self, hl, 0)];
        let middle = self.sum(middle.map(|v| (v, false)).to_vec(), 64);
        let parts = [hh, half(self, lh, 32), half(self, hl, 32), half(self, middle, 32)];
        self.sum(parts.map(|v| (v, false)).to_vec(), 64)
    }
}

/// `c` as a sum of powers of two and negated ones, no two of them neighbours: position and sign.
fn signed_digits(c: u64, bits: u8) -> Vec<(u8, bool)> {
    let mut rest = u128::from(c);
    let mut digits = Vec::new();
    let mut at = 0;
    while rest != 0 && at < bits {
        if rest & 1 == 1 {
            let negative = rest & 3 == 3;
            digits.push((at, negative));
            rest = if negative { rest + 1 } else { rest - 1 };
        }
        rest >>= 1;
        at += 1;
    }
    digits
}
