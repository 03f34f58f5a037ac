//! Selects.

use super::{op, value, Folder, Simpler};
use crate::dfg::Ty;
use crate::entities::Value;
use crate::op::{BinOp, CmpOp, Op};

impl Folder<'_> {
    /// `cond ? t : f`; a condition that is constant with constant arms is already evaluated.
    pub(super) fn select(&mut self, cond: Value, t: Value, f: Value, ty: Ty) -> Option<Simpler> {
        if let Some(c) = self.as_const(cond) {
            return value(if c == 1 { t } else { f });
        }
        if t == f {
            return value(t);
        }
        if let Some(inner) = self.negated_value(cond) {
            return op(Op::Select { cond: inner, if_true: f, if_false: t });
        }
        // An arm that asks the same condition again.
        let (t2, f2) = (self.arm_of(cond, t, true), self.arm_of(cond, f, false));
        if (t2, f2) != (t, f) {
            return op(Op::Select { cond, if_true: t2, if_false: f2 });
        }
        if let Some(Op::Cmp(CmpOp::Eq, x, k)) = self.dfg.def(cond) {
            // x == k ? k : x
            if (*x, *k) == (f, t) || (*x, *k) == (t, f) {
                return value(f);
            }
        }
        if ty == Ty::Int(1) {
            return self.logic(cond, t, f);
        }
        self.of_extensions(cond, t, f)
    }

    /// `x` if `v` is `!x`.
    pub(super) fn negated_value(&self, v: Value) -> Option<Value> {
        match self.dfg.def(v)? {
            Op::Bin(BinOp::Xor, x, one)
                if self.dfg.bits(v) == 1 && self.as_const(*one) == Some(1) =>
            {
                Some(*x)
            }
            _ => None,
        }
    }

    fn arm_of(&self, cond: Value, v: Value, side: bool) -> Value {
        match self.dfg.def(v) {
            Some(Op::Select { cond: c, if_true, if_false }) if *c == cond => {
                if side {
                    *if_true
                } else {
                    *if_false
                }
            }
            _ => v,
        }
    }

    /// A select of bits is logic.
    fn logic(&mut self, cond: Value, t: Value, f: Value) -> Option<Simpler> {
        let not_cond = |this: &mut Self| {
            let not = this.not(cond);
            this.emit(not, Ty::Int(1))
        };
        match (self.as_const(t), self.as_const(f)) {
            (Some(1), Some(0)) => value(cond),
            (Some(0), Some(1)) => op(self.not(cond)),
            (Some(1), _) => op(Op::Bin(BinOp::Or, cond, f)),
            (_, Some(0)) => op(Op::Bin(BinOp::And, cond, t)),
            (Some(_), _) => op(Op::Bin(BinOp::And, not_cond(self), f)),
            (_, Some(_)) => op(Op::Bin(BinOp::Or, not_cond(self), t)),
            _ => None,
        }
    }

    /// Arms extended from the same width, or one extended and the other a constant that fits, are selected before the extension.
    fn of_extensions(&mut self, cond: Value, t: Value, f: Value) -> Option<Simpler> {
        let source = |this: &Self, v: Value| match this.dfg.def(v) {
            Some(Op::Zext(x)) => Some(*x),
            _ => None,
        };
        let (a, b) = (source(self, t), source(self, f));
        let narrow = self.dfg.bits(a.or(b)?);
        let mut arm = |v: Value, x: Option<Value>| match (x, self.as_const(v)) {
            (Some(x), _) => Some(x).filter(|x| self.dfg.bits(*x) == narrow),
            (None, Some(c)) if c <= crate::dfg::low_mask(narrow) => Some(self.constant(narrow, c)),
            _ => None,
        };
        let (if_true, if_false) = (arm(t, a)?, arm(f, b)?);
        let inner = self.emit(Op::Select { cond, if_true, if_false }, Ty::Int(narrow));
        op(Op::Zext(inner))
    }
}
