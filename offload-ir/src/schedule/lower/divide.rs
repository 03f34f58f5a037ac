//! Division and remainder, spread over stages. `x / 0 = 0` and `x % 0 = x` (RFC 9669).

use super::Lowering;
use crate::dfg::{low_mask, Ty};
use crate::entities::Value;
use crate::op::{BinOp, CmpOp, Op};

/// Multiplier and shift that divide numbers of `bits` bits by `c`, no power of two (Granlund and Montgomery, 1994):
/// the multiplier is `ceil(2^(bits + shift) / c)` without its highest bit, which stands for `2^bits`.
fn inverse(c: u64, bits: u8) -> (u64, u8) {
    let shift = (64 - (c - 1).leading_zeros()) as u8; // ceil(log2(c))
    let excess = (1u128 << shift) - u128::from(c);
    let multiplier = (excess << bits) / u128::from(c) + 1;
    (multiplier as u64, shift)
}

impl Lowering<'_> {
    /// `a / c`
    pub(super) fn quotient_by(&mut self, a: Value, c: u64, bits: u8) -> Value {
        if c == 0 {
            return self.e.constant(bits, 0);
        }
        if c.is_power_of_two() {
            return self.shift(BinOp::LShr, a, c.trailing_zeros() as u8);
        }
        // Between 33 and 63 bits, as 64: the high half of a product is made of 32-bit parts.
        let width = if bits > 32 { 64 } else { bits };
        let x = self.zext(a, width);
        let (multiplier, shift) = inverse(c, width);
        let high = self.high_product(x, multiplier, width);
        // (high + x) >> shift, without the carry out of `width` bits.
        let rest = self.bin(BinOp::Sub, x, high);
        let half = self.shift(BinOp::LShr, rest, 1);
        let sum = self.bin(BinOp::Add, half, high);
        let quotient = self.shift(BinOp::LShr, sum, shift - 1);
        self.extract(quotient, 0, bits)
    }

    /// `a % c`
    pub(super) fn remainder_by(&mut self, a: Value, c: u64, bits: u8) -> Value {
        if c == 0 {
            return a;
        }
        if c.is_power_of_two() {
            let mask = self.e.constant(bits, c - 1);
            return self.bin(BinOp::And, a, mask);
        }
        let quotient = self.quotient_by(a, c, bits);
        let multiple = self.scaled(quotient, c, bits);
        self.bin(BinOp::Sub, a, multiple)
    }

    /// Quotient and remainder, one bit of the quotient after the other.
    pub(super) fn divide(&mut self, a: Value, b: Value, bits: u8) -> (Value, Value) {
        let mut rest = self.e.constant(bits, 0);
        let mut digits = Vec::new();
        for at in (0..bits).rev() {
            let bit = self.extract(a, at, 1);
            let (fits, next) = self.subtract_if_it_fits(rest, bit, b, bits);
            digits.push(fits);
            rest = next;
        }
        digits.reverse();
        let quotient =
            if bits == 1 { digits[0] } else { self.e.op(Op::Concat(digits), Ty::Int(bits)) };
        let zero = self.e.constant(bits, 0);
        let by_zero = self.cmp(CmpOp::Eq, b, zero);
        let quotient = self.e.select_on(by_zero, zero, quotient);
        // With b = 0, everything was subtracted nothing from: the remainder is `a`.
        (quotient, rest)
    }

    /// `r = rest << 1 | bit`: does `b` go into it, and what is left.
    fn subtract_if_it_fits(
        &mut self,
        rest: Value,
        bit: Value,
        b: Value,
        bits: u8,
    ) -> (Value, Value) {
        let shifted = if bits == 1 {
            bit
        } else {
            let low = self.extract(rest, 0, bits - 1);
            self.e.op(Op::Concat(vec![bit, low]), Ty::Int(bits))
        };
        // The bit that the shift pushes out: then `b` certainly fits.
        let carry = self.extract(rest, bits - 1, 1);
        let below = self.cmp(CmpOp::Ule, b, shifted);
        let fits = self.bin(BinOp::Or, carry, below);
        let less = self.bin(BinOp::Sub, shifted, b);
        let next = self.e.select_on(fits, less, shifted);
        (fits, next)
    }

    pub(super) fn signed_quotient(&mut self, a: Value, b: Value, bits: u8) -> Value {
        let (sign_a, a) = self.magnitude(a, bits);
        let (sign_b, b) = self.magnitude(b, bits);
        let quotient = match self.e.dfg.as_const(b) {
            Some(c) => self.quotient_by(a, c, bits),
            None => self.divide(a, b, bits).0,
        };
        let sign = self.bin(BinOp::Xor, sign_a, sign_b);
        self.negated_if(sign, quotient, bits)
    }

    pub(super) fn signed_remainder(&mut self, a: Value, b: Value, bits: u8) -> Value {
        let (sign, a) = self.magnitude(a, bits);
        let (_, b) = self.magnitude(b, bits);
        let remainder = match self.e.dfg.as_const(b) {
            Some(c) => self.remainder_by(a, c, bits),
            None => self.divide(a, b, bits).1,
        };
        self.negated_if(sign, remainder, bits)
    }

    /// Sign and absolute value of `v`.
    fn magnitude(&mut self, v: Value, bits: u8) -> (Value, Value) {
        if let Some(c) = self.e.dfg.as_const(v) {
            let negative = c >> (bits - 1) & 1 == 1;
            let magnitude = if negative { c.wrapping_neg() & low_mask(bits) } else { c };
            return (self.e.constant(1, negative.into()), self.e.constant(bits, magnitude));
        }
        let sign = self.extract(v, bits - 1, 1);
        (sign, self.negated_if(sign, v, bits))
    }

    fn negated_if(&mut self, sign: Value, v: Value, bits: u8) -> Value {
        let zero = self.e.constant(bits, 0);
        let negated = self.bin(BinOp::Sub, zero, v);
        self.e.select_on(sign, negated, v)
    }
}
