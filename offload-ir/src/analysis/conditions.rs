//! What is known under the branches that lead to a block: narrowed ranges, and differences of values.

use super::cfg::Cfg;
use super::dominators::Dominators;
use super::known::{self, Known, ValueFacts};
use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::{Block, Inst, Value};
use crate::function::{Function, Terminator};
use crate::op::{BinOp, CmpOp, Op};
use cranelift_entity::SecondaryMap;
use std::collections::HashMap;

/// How deep operands are looked through for narrowed ranges.
const DEPTH: u32 = 4;

/// Facts about every integer where it is defined, with what the branches and accesses on the way there say.
///
/// They hold wherever the value is used, since its definition has been executed there.
pub fn facts_under_conditions(func: &Function, cfg: &Cfg, dom: &Dominators) -> ValueFacts {
    let mut scope = Scope::new(&func.dfg, ValueFacts::new(func, cfg));
    scope.walk(func, cfg, dom, &mut |_, _| ());
    scope.facts
}

/// Facts that hold in the current block, and how to forget them.
pub struct Scope<'a> {
    dfg: &'a Dfg,
    facts: ValueFacts,
    narrowed: SecondaryMap<Value, Option<Known>>,
    /// The largest `a - b` (as whole numbers) for a pair `(a, b)`.
    differences: HashMap<(Value, Value), i128>,
    trail: Vec<Undo>,
}

enum Undo {
    Range(Value, Option<Known>),
    Difference((Value, Value), Option<i128>),
}

impl<'a> Scope<'a> {
    /// No conditions, only what is known anyway.
    pub fn new(dfg: &'a Dfg, facts: ValueFacts) -> Self {
        Self {
            dfg,
            facts,
            narrowed: SecondaryMap::new(),
            differences: HashMap::new(),
            trail: Vec::new(),
        }
    }

    /// Visits all blocks along the dominator tree and calls `visit` at each operation with the facts that hold there.
    pub fn walk(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        dom: &Dominators,
        visit: &mut dyn FnMut(&Self, Inst),
    ) {
        let mut stack = vec![(func.entry, 0, 0)];
        while let Some((block, next, mark)) = stack.pop() {
            if next == 0 {
                self.enter(func, cfg, block, visit);
            }
            match dom.children(block).get(next) {
                Some(&child) => {
                    stack.push((block, next + 1, mark));
                    stack.push((child, 0, self.trail.len()));
                }
                None => self.undo(mark),
            }
        }
    }

    fn enter(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        block: Block,
        visit: &mut dyn FnMut(&Self, Inst),
    ) {
        if let [pred] = cfg.preds(block) {
            if let Terminator::Branch { cond, if_true, .. } = &func.blocks[*pred].term {
                self.assume(*cond, if_true.block == block);
            }
        }
        for &inst in &func.blocks[block].insts {
            let data = &func.dfg.insts[inst];
            if let Some(v) = data.result.filter(|v| func.dfg.ty(*v).bits().is_some()) {
                let known = self.known(v);
                self.facts.set(v, known);
            }
            visit(self, inst);
            if let Some((off, bounds)) = data.op.offset() {
                self.narrow(off, Known::from_bounds(bounds));
            }
        }
    }

    fn undo(&mut self, mark: usize) {
        for undo in self.trail.drain(mark..).rev() {
            match undo {
                Undo::Range(v, old) => self.narrowed[v] = old,
                Undo::Difference(pair, Some(old)) => {
                    self.differences.insert(pair, old);
                }
                Undo::Difference(pair, None) => {
                    self.differences.remove(&pair);
                }
            }
        }
    }

    /// What is known of `v` here.
    pub fn known(&self, v: Value) -> Known {
        self.known_to(v, DEPTH)
    }

    fn known_to(&self, v: Value, depth: u32) -> Known {
        let here = self.narrowed[v].unwrap_or_else(|| self.facts.get(self.dfg, v));
        match self.dfg.def(v) {
            Some(op) if depth > 0 && !op.reads_state() => {
                let derived = known::of_op(self.dfg, op, here.bits, |a| match self.dfg.ty(a) {
                    Ty::Int(_) => self.known_to(a, depth - 1),
                    Ty::Entry(_) => Known::top(1),
                });
                let both = here.meet(&derived);
                if both.is_empty() {
                    here
                } else {
                    both
                }
            }
            _ => here,
        }
    }

    /// `cond` is `truth`.
    fn assume(&mut self, cond: Value, truth: bool) {
        let mut work = vec![(cond, truth)];
        while let Some((cond, truth)) = work.pop() {
            self.narrow(cond, Known::constant(1, u64::from(truth)));
            match self.dfg.def(cond) {
                Some(Op::Bin(BinOp::And, a, b)) if truth => work.extend([(*a, true), (*b, true)]),
                Some(Op::Bin(BinOp::Or, a, b)) if !truth => work.extend([(*a, false), (*b, false)]),
                Some(Op::Bin(BinOp::Xor, a, b)) if self.dfg.bits(*a) == 1 => {
                    work.extend(self.dfg.as_const(*b).map(|c| (*a, truth != (c == 1))));
                }
                Some(Op::Cmp(o, a, b)) => self.compared(*o, *a, *b, truth),
                _ => {}
            }
        }
    }

    /// `a o b` is `truth`.
    fn compared(&mut self, o: CmpOp, a: Value, b: Value, truth: bool) {
        match (o, truth) {
            (CmpOp::Eq, true) | (CmpOp::Ne, false) => {
                let both = self.known(a).meet(&self.known(b));
                self.narrow(a, both);
                self.narrow(b, both);
            }
            (CmpOp::Eq, false) | (CmpOp::Ne, true) => {
                self.differs(a, b);
                self.differs(b, a);
            }
            (CmpOp::Ult, true) => self.below(a, b, 1),
            (CmpOp::Ult, false) => self.below(b, a, 0),
            (CmpOp::Ule, true) => self.below(a, b, 0),
            (CmpOp::Ule, false) => self.below(b, a, 1),
            (CmpOp::Slt, true) => self.below_signed(a, b, 1),
            (CmpOp::Slt, false) => self.below_signed(b, a, 0),
            (CmpOp::Sle, true) => self.below_signed(a, b, 0),
            (CmpOp::Sle, false) => self.below_signed(b, a, 1),
        }
    }

    /// `a + gap <= b`, unsigned; `gap` is 0 or 1.
    fn below(&mut self, a: Value, b: Value, gap: u64) {
        let (ka, kb) = (self.known(a), self.known(b));
        let (top, bottom) = (kb.umax.saturating_sub(gap), ka.umin.saturating_add(gap));
        self.narrow(a, Known { umax: top, ..Known::top(ka.bits) }.refine());
        self.narrow(b, Known { umin: bottom, ..Known::top(kb.bits) }.refine());
        let ((x, c), (y, d)) = (self.linear(a), self.linear(b));
        if let (Some(x), Some(y)) = (x, y) {
            let most = d - c - i128::from(gap);
            let old = self.differences.get(&(x, y)).copied();
            if old.is_none_or(|old| most < old) {
                self.differences.insert((x, y), most);
                self.trail.push(Undo::Difference((x, y), old));
            }
        }
    }

    /// `a + gap <= b`, signed.
    fn below_signed(&mut self, a: Value, b: Value, gap: i64) {
        let (ka, kb) = (self.known(a), self.known(b));
        let (top, bottom) = (kb.smax.saturating_sub(gap), ka.smin.saturating_add(gap));
        self.narrow(a, Known { smax: top, ..Known::top(ka.bits) }.refine());
        self.narrow(b, Known { smin: bottom, ..Known::top(kb.bits) }.refine());
    }

    /// `a` is not `b`: cuts the end of a range.
    fn differs(&mut self, a: Value, b: Value) {
        let (k, Some(c)) = (self.known(a), self.known(b).as_constant()) else {
            return;
        };
        // Of one possible value, none would be left.
        if k.as_constant().is_some() {
            return;
        }
        let (umin, umax) = (k.umin + u64::from(k.umin == c), k.umax - u64::from(k.umax == c));
        self.narrow(a, Known { umin, umax, ..Known::top(k.bits) }.refine());
        let s = sign_extend(c, k.bits);
        let (smin, smax) = (k.smin + i64::from(k.smin == s), k.smax - i64::from(k.smax == s));
        self.narrow(a, Known { smin, smax, ..Known::top(k.bits) }.refine());
    }

    /// Adds `known` to what is known of `v` and of what `v` is made of.
    fn narrow(&mut self, v: Value, known: Known) {
        let old = self.narrowed[v];
        let before = old.unwrap_or_else(|| self.facts.get(self.dfg, v));
        let now = before.meet(&known);
        // A contradiction means that control does not get here; there is nothing to gain.
        if now == before || now.is_empty() {
            return;
        }
        self.trail.push(Undo::Range(v, old));
        self.narrowed[v] = Some(now);
        match self.dfg.def(v) {
            Some(Op::Zext(x)) => {
                let narrow = Known {
                    zeros: now.zeros,
                    ones: now.ones,
                    umin: now.umin,
                    umax: now.umax,
                    ..Known::top(self.dfg.bits(*x))
                };
                self.narrow(*x, narrow.refine());
            }
            Some(Op::Bin(BinOp::And, x, c)) if self.dfg.as_const(*c).is_some() => {
                let mask = self.dfg.as_const(*c).unwrap_or(0);
                self.narrow_bits(*x, now.zeros & mask, now.ones & mask);
            }
            Some(&Op::Extract { value, lo }) => {
                let mask = low_mask(now.bits);
                self.narrow_bits(value, (now.zeros & mask) << lo, (now.ones & mask) << lo);
            }
            Some(Op::Concat(parts)) => {
                let mut lo = 0;
                for &part in parts {
                    let bits = self.dfg.bits(part);
                    let mask = low_mask(bits);
                    self.narrow_bits(part, now.zeros >> lo & mask, now.ones >> lo & mask);
                    lo += bits;
                }
            }
            Some(Op::Bin(BinOp::Add, x, c)) if self.dfg.as_const(*c).is_some() => {
                let c = self.dfg.as_const(*c).unwrap_or(0);
                // Without wrapping, the range moves down with the sum.
                if self.known(*x).umax.checked_add(c).is_some_and(|s| s <= low_mask(now.bits)) {
                    let (umin, umax) = (now.umin.saturating_sub(c), now.umax.saturating_sub(c));
                    self.narrow(*x, Known { umin, umax, ..Known::top(now.bits) }.refine());
                }
            }
            _ => {}
        }
    }

    /// These bits of `v` are zeros and ones.
    fn narrow_bits(&mut self, v: Value, zeros: u64, ones: u64) {
        self.narrow(v, Known::from_bits(self.dfg.bits(v), zeros, ones).refine());
    }

    /// `v` as a whole number: a value (zero-extended) plus a constant, without wrapping.
    fn linear(&self, mut v: Value) -> (Option<Value>, i128) {
        let mut constant = 0;
        if let Some(c) = self.facts.get(self.dfg, v).as_constant() {
            return (None, i128::from(c));
        }
        // `fold_constants` leaves no long chains of sums; before it, they would take long.
        for _ in 0..8 {
            match self.dfg.def(v) {
                Some(Op::Const(c)) => return (None, constant + i128::from(*c)),
                Some(Op::Zext(x)) => v = *x,
                Some(Op::Bin(BinOp::Add, x, c)) if self.dfg.as_const(*c).is_some() => {
                    let c = self.dfg.as_const(*c).unwrap_or(0);
                    let (bits, k) = (self.dfg.bits(v), self.known(*x));
                    let down = sign_extend(c, bits);
                    if k.umax.checked_add(c).is_some_and(|s| s <= low_mask(bits)) {
                        constant += i128::from(c);
                    } else if down < 0 && k.umin >= down.unsigned_abs() {
                        constant += i128::from(down);
                    } else {
                        return (Some(v), constant);
                    }
                    v = *x;
                }
                _ => return (Some(v), constant),
            }
        }
        (Some(v), constant)
    }

    /// Is `a o b` certain?
    pub fn decide(&self, o: CmpOp, a: Value, b: Value) -> Option<bool> {
        if let Some(c) = known::decide(o, &self.known(a), &self.known(b)) {
            return Some(c);
        }
        let (gap, signed) = match o {
            CmpOp::Ult => (1, false),
            CmpOp::Ule => (0, false),
            CmpOp::Slt => (1, true),
            CmpOp::Sle => (0, true),
            CmpOp::Eq | CmpOp::Ne => {
                let unequal = self.certain(a, b, 1) || self.certain(b, a, 1);
                return unequal.then_some(o == CmpOp::Ne);
            }
        };
        if signed && (self.known(a).smin < 0 || self.known(b).smin < 0) {
            return None;
        }
        if self.certain(a, b, gap) {
            return Some(true);
        }
        self.certain(b, a, 1 - gap).then_some(false)
    }

    /// Is `a + gap <= b` known, unsigned, from the differences?
    fn certain(&self, a: Value, b: Value, gap: i128) -> bool {
        let ((Some(x), c), (Some(y), d)) = (self.linear(a), self.linear(b)) else {
            return false;
        };
        let most = if x == y { Some(0) } else { self.differences.get(&(x, y)).copied() };
        most.is_some_and(|most| most + c + gap <= d)
    }
}
