//! Which Boolean function an `i1` value is, over the comparisons and other conditions that it is made of.

use super::bdd::{Bdd, BoolFn};
use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::Value;
use crate::op::{BinOp, CmpOp, Op};
use std::collections::{BTreeMap, BTreeSet, HashMap};

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

impl Atom {
    /// Value and width, if the atom compares a value with a constant.
    fn compared_with_constant(&self) -> Option<(Value, u8)> {
        match *self {
            Atom::Cmp(_, bits, Operand::Const(_), Operand::Value(x))
            | Atom::Cmp(_, bits, Operand::Value(x), Operand::Const(_)) => Some((x, bits)),
            _ => None,
        }
    }

    /// The constant compared with; 0 if there is none.
    fn constant(&self) -> u64 {
        match *self {
            Atom::Cmp(_, _, Operand::Const(c), _) | Atom::Cmp(_, _, _, Operand::Const(c)) => c,
            _ => 0,
        }
    }

    /// Result of the comparison if its variable operand is `x`.
    fn holds_for(&self, x: u64, bits: u8) -> bool {
        let Atom::Cmp(op, _, a, b) = *self else { return false };
        let number = |operand| if let Operand::Const(c) = operand { c } else { x };
        let (a, b) = (number(a), number(b));
        match op {
            CmpOp::Eq => a == b,
            CmpOp::Ne => a != b,
            CmpOp::Ult => a < b,
            CmpOp::Ule => a <= b,
            CmpOp::Slt => sign_extend(a, bits) < sign_extend(b, bits),
            CmpOp::Sle => sign_extend(a, bits) <= sign_extend(b, bits),
        }
    }
}

/// Comparisons of one value, at most, whose common results are listed.
const MAX_COMPARISONS: usize = 48;

/// The Boolean functions of a program's `i1` values.
#[derive(Clone, Default)]
pub struct Conditions {
    /// The functions.
    pub bdd: Bdd,
    /// For each variable, a value that has it as its function, and whether negated.
    literals: Vec<(Value, bool)>,
    /// What each variable stands for.
    atoms: Vec<Atom>,
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

    /// True if `f` and `g` are proved never to hold together, in view also of what comparisons of one
    /// value with several constants say about each other.
    pub fn exclusive(&mut self, f: BoolFn, g: BoolFn) -> bool {
        let mut both = self.bdd.and(f, g);
        let mut groups: BTreeMap<(Value, u8), Vec<u32>> = BTreeMap::new();
        for var in self.bdd.support(both) {
            if let Some((x, bits)) =
                self.atoms.get(var as usize).and_then(Atom::compared_with_constant)
            {
                groups.entry((x, bits)).or_default().push(var);
            }
        }
        for ((_, bits), vars) in groups {
            if both != BoolFn::FALSE && (2..=MAX_COMPARISONS).contains(&vars.len()) {
                let possible = self.possible(&vars, bits);
                both = self.bdd.and(both, possible);
            }
        }
        both == BoolFn::FALSE
    }

    /// Holds for those results of `vars`, comparisons of one value of `bits` bits with constants, that occur together.
    ///
    /// Between the constants nothing changes, so that a few values on both sides of each stand for all.
    fn possible(&mut self, vars: &[u32], bits: u8) -> BoolFn {
        let mask = low_mask(bits);
        let mut samples: BTreeSet<u64> =
            [0, mask, mask >> 1, (mask >> 1) + 1].map(|x| x & mask).into();
        for &var in vars {
            let c = self.atoms[var as usize].constant();
            samples.extend([c.wrapping_sub(1), c, c.wrapping_add(1)].map(|x| x & mask));
        }
        let mut possible = BoolFn::FALSE;
        for x in samples {
            let mut results = BoolFn::TRUE;
            for &var in vars.iter().rev() {
                let mut literal = self.bdd.var(var);
                if !self.atoms[var as usize].holds_for(x, bits) {
                    literal = self.bdd.not(literal);
                }
                results = self.bdd.and(literal, results);
            }
            possible = self.bdd.or(possible, results);
        }
        possible
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
            self.atoms.push(atom);
        }
        let f = self.bdd.var(var);
        if negated {
            self.bdd.not(f)
        } else {
            f
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Input;

    #[test]
    fn comparisons_of_one_value_exclude_each_other() {
        let mut dfg = Dfg::default();
        let mut op = |op, bits| {
            let inst = dfg.make_inst(op, Some(Ty::Int(bits)), Default::default());
            dfg.insts[inst].result.expect("made with a result")
        };
        let x = op(Op::Input(Input::PacketLen), 16);
        let (five, nine) = (op(Op::Const(5), 16), op(Op::Const(9), 16));
        let is_5 = op(Op::Cmp(CmpOp::Eq, x, five), 1);
        let is_9 = op(Op::Cmp(CmpOp::Eq, nine, x), 1);
        let below_9 = op(Op::Cmp(CmpOp::Ult, x, nine), 1);
        let at_most_5 = op(Op::Cmp(CmpOp::Ule, x, five), 1);
        let mut c = Conditions::default();
        let mut exclusive = |a, b| {
            let (f, g) = (c.of(&dfg, a), c.of(&dfg, b));
            c.exclusive(f, g)
        };
        assert!(exclusive(is_5, is_9) && exclusive(is_9, below_9) && exclusive(is_9, at_most_5));
        assert!(
            !exclusive(is_5, below_9)
                && !exclusive(below_9, at_most_5)
                && !exclusive(is_5, at_most_5)
        );
    }
}
