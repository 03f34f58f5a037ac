//! Comparisons.

use super::{op, value, Folder, Simpler};
use crate::analysis::arith::{binary, bswap, compare};
use crate::dfg::{low_mask, sign_extend, Ty};
use crate::entities::Value;
use crate::op::{BinOp, CmpOp, Op};

impl Folder<'_> {
    pub(super) fn compare(&mut self, o: CmpOp, a: Value, b: Value) -> Option<Simpler> {
        if a == b {
            return op(Op::Const(u64::from(compare(o, 1, 0, 0))));
        }
        // One form: eq, ult, slt, and their negations.
        match o {
            CmpOp::Ne => return self.negated(CmpOp::Eq, a, b),
            CmpOp::Ule => return self.negated(CmpOp::Ult, b, a),
            CmpOp::Sle => return self.negated(CmpOp::Slt, b, a),
            CmpOp::Eq | CmpOp::Ult | CmpOp::Slt => {}
        }
        match (self.as_const(a), self.as_const(b)) {
            (None, Some(c)) => self.with_constant(o, a, c),
            (Some(c), None) => self.constant_first(o, c, b),
            _ => self.of_values(o, a, b),
        }
    }

    fn negated(&mut self, o: CmpOp, a: Value, b: Value) -> Option<Simpler> {
        let positive = self.emit(Op::Cmp(o, a, b), Ty::Int(1));
        op(self.not(positive))
    }

    /// `c o b`
    fn constant_first(&mut self, o: CmpOp, c: u64, b: Value) -> Option<Simpler> {
        let bits = self.dfg.bits(b);
        let largest = if o == CmpOp::Slt { low_mask(bits) >> 1 } else { low_mask(bits) };
        if o == CmpOp::Eq {
            let c = self.constant(bits, c);
            return op(Op::Cmp(o, b, c));
        }
        if c == largest {
            return op(Op::Const(0));
        }
        // c < b is !(b < c + 1)
        let next = self.constant(bits, c.wrapping_add(1));
        self.negated(o, b, next)
    }

    /// `a o b`, both extended from the same width.
    fn of_values(&mut self, o: CmpOp, a: Value, b: Value) -> Option<Simpler> {
        let (x, y, o) = match (self.dfg.def(a)?, self.dfg.def(b)?) {
            (Op::Zext(x), Op::Zext(y)) => (*x, *y, if o == CmpOp::Slt { CmpOp::Ult } else { o }),
            (Op::Sext(x), Op::Sext(y)) => (*x, *y, o),
            _ => return None,
        };
        let (n, m) = (self.dfg.bits(x), self.dfg.bits(y));
        if n == m {
            return op(Op::Cmp(o, x, y));
        }
        if !matches!(self.dfg.def(a), Some(Op::Zext(_))) {
            return None;
        }
        let wide = n.max(m);
        if wide == self.dfg.bits(a) {
            return None;
        }
        let (x, y) = (self.zext(x, wide), self.zext(y, wide));
        op(Op::Cmp(o, x, y))
    }

    /// `a o c`
    fn with_constant(&mut self, o: CmpOp, a: Value, c: u64) -> Option<Simpler> {
        let bits = self.dfg.bits(a);
        match (o, c) {
            (CmpOp::Ult, 0) => return op(Op::Const(0)),
            (CmpOp::Ult, 1) => {
                let zero = self.constant(bits, 0);
                return op(Op::Cmp(CmpOp::Eq, a, zero));
            }
            (CmpOp::Slt, _) if c == 1 << (bits - 1) => return op(Op::Const(0)),
            (CmpOp::Slt, 0) => {
                let sign = self.extract(a, bits - 1, 1);
                return value(sign);
            }
            (CmpOp::Eq, 1) if bits == 1 => return value(a),
            (CmpOp::Eq, 0) if bits == 1 => return op(self.not(a)),
            _ => {}
        }
        match self.dfg.def(a)?.clone() {
            Op::Zext(x) => self.zext_with_constant(o, x, c, bits),
            Op::Sext(x) => self.sext_with_constant(o, x, c, bits),
            Op::Select { cond, if_true, if_false } => {
                let (t, f) = (self.as_const(if_true)?, self.as_const(if_false)?);
                let t = self.constant(1, u64::from(compare(o, bits, t, c)));
                let f = self.constant(1, u64::from(compare(o, bits, f, c)));
                op(Op::Select { cond, if_true: t, if_false: f })
            }
            inner if o == CmpOp::Eq => self.equal_to_constant(inner, bits, c),
            _ => None,
        }
    }

    fn zext_with_constant(&mut self, o: CmpOp, x: Value, c: u64, bits: u8) -> Option<Simpler> {
        let narrow = self.dfg.bits(x);
        // An extended value is not negative.
        let below = if o == CmpOp::Slt {
            sign_extend(c, bits) > low_mask(narrow) as i64
        } else {
            c > low_mask(narrow)
        };
        match o {
            CmpOp::Eq if c > low_mask(narrow) => op(Op::Const(0)),
            CmpOp::Slt if sign_extend(c, bits) <= 0 => op(Op::Const(0)),
            CmpOp::Ult | CmpOp::Slt if below => op(Op::Const(1)),
            _ => {
                let c = self.constant(narrow, c);
                op(Op::Cmp(if o == CmpOp::Slt { CmpOp::Ult } else { o }, x, c))
            }
        }
    }

    fn sext_with_constant(&mut self, o: CmpOp, x: Value, c: u64, bits: u8) -> Option<Simpler> {
        let narrow = self.dfg.bits(x);
        let fits = sign_extend(c & low_mask(narrow), narrow) == sign_extend(c, bits);
        match o {
            CmpOp::Eq if !fits => op(Op::Const(0)),
            CmpOp::Eq | CmpOp::Slt if fits => {
                let c = self.constant(narrow, c);
                op(Op::Cmp(o, x, c))
            }
            _ => None,
        }
    }

    /// `inner == c`
    fn equal_to_constant(&mut self, inner: Op, bits: u8, c: u64) -> Option<Simpler> {
        let (x, c) = match inner {
            Op::Bswap(x) => (x, bswap(c, bits)),
            Op::Bin(BinOp::Add, x, d) => (x, binary(BinOp::Sub, bits, c, self.as_const(d)?)),
            Op::Bin(BinOp::Xor, x, d) if self.as_const(d).is_some() => (x, c ^ self.as_const(d)?),
            Op::Bin(o @ (BinOp::Sub | BinOp::Xor), x, y) => {
                debug_assert!(o == BinOp::Sub || self.as_const(y).is_none());
                return if c == 0 { op(Op::Cmp(CmpOp::Eq, x, y)) } else { None };
            }
            Op::Bin(BinOp::And, x, d) => return self.masked_equal(x, self.as_const(d)?, c),
            Op::Bin(BinOp::Or, _, d) => {
                let impossible = !c & self.as_const(d)? != 0;
                return if impossible { op(Op::Const(0)) } else { None };
            }
            Op::Concat(parts) => return self.concat_equal_to_constant(&parts, c),
            _ => return None,
        };
        let c = self.constant(bits, c);
        op(Op::Cmp(CmpOp::Eq, x, c))
    }

    /// `x & mask == c`: the bits in the mask, if they stand together.
    fn masked_equal(&mut self, x: Value, mask: u64, c: u64) -> Option<Simpler> {
        if c & !mask != 0 {
            return op(Op::Const(0));
        }
        let lo = mask.trailing_zeros();
        let field = mask >> lo;
        if field & field.wrapping_add(1) != 0 {
            return None;
        }
        let bits = field.trailing_ones() as u8;
        let taken = self.extract(x, lo as u8, bits);
        let c = self.constant(bits, c >> lo);
        op(Op::Cmp(CmpOp::Eq, taken, c))
    }

    /// Known parts either decide the comparison or need no comparing.
    fn concat_equal_to_constant(&mut self, parts: &[Value], c: u64) -> Option<Simpler> {
        let (mut lo, mut rest, mut wanted, mut width) = (0u32, Vec::new(), 0u64, 0u8);
        for &p in parts {
            let bits = self.dfg.bits(p);
            let piece = c >> lo & low_mask(bits);
            lo += u32::from(bits);
            match self.as_const(p) {
                Some(k) if k == piece => {}
                Some(_) => return op(Op::Const(0)),
                None => {
                    rest.push(p);
                    wanted |= piece << width;
                    width += bits;
                }
            }
        }
        if rest.len() == parts.len() {
            return None;
        }
        let rest = self.emit(Op::Concat(rest), Ty::Int(width));
        let wanted = self.constant(width, wanted);
        op(Op::Cmp(CmpOp::Eq, rest, wanted))
    }
}
