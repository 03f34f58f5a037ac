//! Which Boolean function an `i1` value is, over the comparisons and other conditions that it is made of.

use super::bdd::{Bdd, BoolFn};
use crate::dfg::{low_mask, Dfg, Ty};
use crate::entities::Value;
use crate::op::{BinOp, CmpOp, Op};
use std::collections::HashMap;

/// An operand of a comparison: constants compare by content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Operand {
    Const(u64),
    Value(Value),
}

/// What a variable of the decision diagrams stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Atom {
    /// `Eq`, `Ult` or `Slt`; the other comparisons are negations of these.
    Cmp(CmpOp, u8, Operand, Operand),
    Value(Value),
}

/// The Boolean functions of a program's `i1` values.
#[derive(Clone, Default)]
pub struct Conditions {
    /// The functions.
    pub bdd: Bdd,
    /// For each variable, a value that has it as its function, and whether negated.
    literals: Vec<(Value, bool)>,
    variable_of: HashMap<Atom, u32>,
    of_value: HashMap<Value, BoolFn>,
}

impl Conditions {
    /// The function of `v`, an `i1`. Ask for operands before users, so that recursion stays shallow.
    pub fn of(&mut self, dfg: &Dfg, v: Value) -> BoolFn {
        if let Some(&f) = self.of_value.get(&v) {
            return f;
        }
        let f = self.build(dfg, v);
        self.of_value.insert(v, f);
        f
    }

    /// A value whose function is variable `var`; true with it if the value is the variable's negation.
    pub fn literal(&self, var: u32) -> (Value, bool) {
        self.literals[var as usize]
    }

    fn build(&mut self, dfg: &Dfg, v: Value) -> BoolFn {
        let one_bit = |v: Value| dfg.ty(v) == Ty::Int(1);
        match dfg.def(v) {
            Some(Op::Const(c)) => match c & 1 {
                0 => BoolFn::FALSE,
                _ => BoolFn::TRUE,
            },
            Some(&Op::Bin(op @ (BinOp::And | BinOp::Or | BinOp::Xor), a, b)) => {
                let (a, b) = (self.of(dfg, a), self.of(dfg, b));
                match op {
                    BinOp::And => self.bdd.and(a, b),
                    BinOp::Or => self.bdd.or(a, b),
                    _ => {
                        let not_b = self.bdd.not(b);
                        self.bdd.ite(a, not_b, b)
                    }
                }
            }
            Some(&Op::Select { cond, if_true, if_false }) => {
                let (c, t, f) = (self.of(dfg, cond), self.of(dfg, if_true), self.of(dfg, if_false));
                self.bdd.ite(c, t, f)
            }
            Some(&Op::Cmp(op @ (CmpOp::Eq | CmpOp::Ne), a, b)) if one_bit(a) => {
                let (a, b) = (self.of(dfg, a), self.of(dfg, b));
                let not_b = self.bdd.not(b);
                match op {
                    CmpOp::Eq => self.bdd.ite(a, b, not_b),
                    _ => self.bdd.ite(a, not_b, b),
                }
            }
            Some(&Op::Cmp(op, a, b)) if dfg.ty(a).bits().is_some() => {
                self.comparison(dfg, v, op, a, b)
            }
            _ => self.atom(Atom::Value(v), v, false),
        }
    }

    fn comparison(&mut self, dfg: &Dfg, v: Value, op: CmpOp, a: Value, b: Value) -> BoolFn {
        let bits = dfg.bits(a);
        let operand =
            |v| dfg.as_const(v).map_or(Operand::Value(v), |c| Operand::Const(c & low_mask(bits)));
        let (a, b) = (operand(a), operand(b));
        let (base, x, y, negated) = match op {
            CmpOp::Eq => (CmpOp::Eq, a.min(b), a.max(b), false),
            CmpOp::Ne => (CmpOp::Eq, a.min(b), a.max(b), true),
            CmpOp::Ult => (CmpOp::Ult, a, b, false),
            CmpOp::Ule => (CmpOp::Ult, b, a, true),
            CmpOp::Slt => (CmpOp::Slt, a, b, false),
            CmpOp::Sle => (CmpOp::Slt, b, a, true),
        };
        self.atom(Atom::Cmp(base, bits, x, y), v, negated)
    }

    /// The function of `v`, which is `atom` or its negation.
    fn atom(&mut self, atom: Atom, v: Value, negated: bool) -> BoolFn {
        let next = self.literals.len() as u32;
        let var = *self.variable_of.entry(atom).or_insert(next);
        if var == next {
            self.literals.push((v, negated));
        }
        let f = self.bdd.var(var);
        if negated {
            self.bdd.not(f)
        } else {
            f
        }
    }
}
