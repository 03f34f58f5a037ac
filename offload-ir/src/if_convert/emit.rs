//! Turns Boolean functions back into operations, as few and as flat as they come.

use super::bdd::{BoolFn, Decision};
use super::conditions::Conditions;
use crate::dfg::{low_mask, Dfg, Ty};
use crate::entities::{Inst, MapId, Src, Value};
use crate::op::{BinOp, CmpOp, Op};
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::SecondaryMap;
use std::collections::HashMap;

/// Appends operations to a pipeline under construction; predicates and constants are made once.
pub struct Emitter {
    /// Values and operations.
    pub dfg: Dfg,
    /// Placed operations.
    pub order: Vec<Inst>,
    /// Functions of the `i1` values.
    pub conditions: Conditions,
    /// How late a value is, in about the delay of a look-up table (memories count as [`MEMORY_DEPTH`]): the estimate by which trees are
    /// balanced.
    depth: SecondaryMap<Value, u32>,
    made: HashMap<BoolFn, Value>,
    constants: HashMap<(u8, u64), Value>,
    entries: HashMap<(MapId, Option<u32>), Value>,
    /// Source location given to new operations.
    pub src: PackedOption<Src>,
}

/// How late the answer of a memory is: more than all that any program chains between two memories.
const MEMORY_DEPTH: u32 = 1 << 16;

/// At most so many conditions of one function are tested after all others because they come late.
const LATE_CONDITIONS: usize = 4;

/// The two ways of joining a list of bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    All,
    Any,
}

impl Emitter {
    /// An emitter that adds to `order`.
    pub fn new(dfg: Dfg, order: Vec<Inst>) -> Self {
        let mut e = Self {
            dfg,
            order: Vec::new(),
            conditions: Conditions::default(),
            depth: SecondaryMap::new(),
            made: HashMap::new(),
            constants: HashMap::new(),
            entries: HashMap::new(),
            src: PackedOption::default(),
        };
        for inst in order {
            e.place(inst);
        }
        e
    }

    /// Appends an existing operation.
    pub fn place(&mut self, inst: Inst) {
        self.order.push(inst);
        let data = &self.dfg.insts[inst];
        if let Some(v) = data.result {
            let mut depth = 0;
            data.op.for_each_arg(|a| depth = depth.max(self.depth[a]));
            depth += weight(&data.op);
            self.depth[v] = depth;
            match (&data.op, self.dfg.ty(v)) {
                (Op::Const(c), Ty::Int(bits)) => {
                    self.constants.entry((bits, *c)).or_insert(v);
                }
                (Op::EntryConst { map, index }, _) => {
                    self.entries.entry((*map, *index)).or_insert(v);
                }
                _ => {}
            }
        }
    }

    /// Makes and appends a pure operation.
    pub fn op(&mut self, op: Op, ty: Ty) -> Value {
        let inst = self.dfg.make_inst(op, Some(ty), self.src);
        self.place(inst);
        self.dfg.insts[inst].result.expect("made with a result")
    }

    /// The constant `c` of `bits` bits.
    pub fn constant(&mut self, bits: u8, c: u64) -> Value {
        let c = c & low_mask(bits);
        match self.constants.get(&(bits, c)) {
            Some(&v) => v,
            None => self.op(Op::Const(c), Ty::Int(bits)),
        }
    }

    /// The first placed constant equal to `v`, if `v` is one; else `v`. Constants not placed yet are placed.
    pub fn canonical(&mut self, v: Value) -> Value {
        match self.dfg.def(v) {
            Some(&Op::Const(c)) => self.constant(self.dfg.bits(v), c),
            Some(&Op::EntryConst { map, index }) => match self.entries.get(&(map, index)) {
                Some(&known) => known,
                None => self.op(Op::EntryConst { map, index }, Ty::Entry(map)),
            },
            _ => v,
        }
    }

    /// `when ? if_true : if_false`, where `when` must not depend on unknowns.
    pub fn select(&mut self, when: BoolFn, if_true: Value, if_false: Value) -> Value {
        if when == BoolFn::TRUE || if_true == if_false {
            return if_true;
        }
        if when == BoolFn::FALSE {
            return if_false;
        }
        let negation = self.conditions.bdd.not(when);
        let literal =
            self.conditions.bdd.decision(when).filter(|d| d.hi.is_const() && d.lo.is_const());
        let swap = match (self.known(when), self.known(negation), literal) {
            (Some(_), ..) => false,
            (None, Some(_), _) => true,
            (None, None, Some(d)) => self.conditions.literal(d.var).1 != (d.hi == BoolFn::FALSE),
            (None, None, None) => false,
        };
        let (when, if_true, if_false) =
            if swap { (negation, if_false, if_true) } else { (when, if_true, if_false) };
        let cond = self.value_of(when);
        self.select_on(cond, if_true, if_false)
    }

    /// `cond ? if_true : if_false`, with the one-bit cases folded. A choice that waits for a memory stays the last one: this one is
    /// then made on both of its sides.
    pub fn select_on(&mut self, cond: Value, if_true: Value, if_false: Value) -> Value {
        if if_true == if_false {
            return if_true;
        }
        if let Some((late, x, y)) = self.later_choice(cond, if_true) {
            let (x, y) = (self.choose(cond, x, if_false), self.choose(cond, y, if_false));
            return self.choose(late, x, y);
        }
        if let Some((late, x, y)) = self.later_choice(cond, if_false) {
            let (x, y) = (self.choose(cond, if_true, x), self.choose(cond, if_true, y));
            return self.choose(late, x, y);
        }
        self.choose(cond, if_true, if_false)
    }

    /// Condition and sides of the choice that `v` is, if it waits for more memories than `cond`.
    fn later_choice(&self, cond: Value, v: Value) -> Option<(Value, Value, Value)> {
        match self.dfg.def(v) {
            Some(&Op::Select { cond: late, if_true, if_false })
                if self.depth[late] / MEMORY_DEPTH > self.depth[cond] / MEMORY_DEPTH =>
            {
                Some((late, if_true, if_false))
            }
            _ => None,
        }
    }

    /// `cond ? if_true : if_false`, where the one-bit cases are folded.
    fn choose(&mut self, cond: Value, if_true: Value, if_false: Value) -> Value {
        if if_true == if_false {
            return if_true;
        }
        let ty = self.dfg.ty(if_true);
        if ty == Ty::Int(1) {
            match (self.dfg.as_const(if_true), self.dfg.as_const(if_false)) {
                (Some(1), Some(0)) => return cond,
                (Some(0), Some(1)) => return self.not(cond),
                (Some(1), None) => return self.op(Op::Bin(BinOp::Or, cond, if_false), ty),
                (None, Some(0)) => return self.op(Op::Bin(BinOp::And, cond, if_true), ty),
                _ => {}
            }
        }
        self.op(Op::Select { cond, if_true, if_false }, ty)
    }

    /// The function of the placed `i1` value `v`, which may serve wherever that function is wanted.
    pub fn function_of(&mut self, v: Value) -> BoolFn {
        let f = self.conditions.of(&self.dfg, v);
        if !f.is_const() {
            self.made.entry(f).or_insert(v);
        }
        f
    }

    /// Says that the placed value `v` computes `f`.
    pub fn remember(&mut self, f: BoolFn, v: Value) {
        self.made.entry(f).or_insert(v);
    }

    /// A value already placed that computes `f`.
    pub fn known(&self, f: BoolFn) -> Option<Value> {
        self.made.get(&f).copied()
    }

    /// A value that computes `f`, which must not depend on unknowns.
    pub fn value_of(&mut self, f: BoolFn) -> Value {
        if let Some(v) = self.known(f) {
            return v;
        }
        let Some(d) = self.conditions.bdd.decision(f) else {
            return self.constant(1, u64::from(f == BoolFn::TRUE));
        };
        let v = match (self.late_condition(f), join_of(d)) {
            (Some(var), _) => self.decide_last(f, var),
            (None, Some(join)) => {
                let terms = self.chain(f, join);
                self.join(terms, join)
            }
            (None, None) if d.hi.is_const() => self.literal(d.var, d.hi == BoolFn::FALSE),
            (None, None) => self.decide(d),
        };
        self.made.insert(f, v);
        v
    }

    /// The last of the few conditions of `f` that wait for more memories than the others; none if all wait alike.
    ///
    /// What a row of a map decides must be known within the stage in which the row arrives, if the row is to be written there: it
    /// may not go through the logic of everything that was known before.
    fn late_condition(&self, f: BoolFn) -> Option<u32> {
        let support = self.conditions.bdd.support(f);
        let depth = |var: &u32| self.depth[self.conditions.literal(*var).0];
        let latest = support.iter().copied().max_by_key(|var| (depth(var), *var))?;
        let memories = |var: &u32| depth(var) / MEMORY_DEPTH;
        let late = support.iter().filter(|var| memories(var) == memories(&latest)).count();
        (late < support.len() && late <= LATE_CONDITIONS).then_some(latest)
    }

    /// `f` as a choice by the condition `var` between two functions without it.
    fn decide_last(&mut self, f: BoolFn, var: u32) -> Value {
        let bdd = &mut self.conditions.bdd;
        let holds = bdd.var(var);
        let fails = bdd.not(holds);
        let (hi, lo) = (bdd.restrict(f, holds), bdd.restrict(f, fails));
        let (if_true, if_false) = (self.value_of(hi), self.value_of(lo));
        let cond = self.literal(var, false);
        self.select_on(cond, if_true, if_false)
    }

    fn decide(&mut self, d: Decision) -> Value {
        let if_true = self.value_of(d.hi);
        let if_false = self.value_of(d.lo);
        let (cond, negated) = self.conditions.literal(d.var);
        let (if_true, if_false) = if negated { (if_false, if_true) } else { (if_true, if_false) };
        self.op(Op::Select { cond, if_true, if_false }, Ty::Int(1))
    }

    fn literal(&mut self, var: u32, negate: bool) -> Value {
        let (v, negated) = self.conditions.literal(var);
        if negated == negate {
            v
        } else {
            self.not(v)
        }
    }

    /// `!v`
    pub fn not(&mut self, v: Value) -> Value {
        let one = self.constant(1, 1);
        let not = self.op(Op::Bin(BinOp::Xor, v, one), Ty::Int(1));
        self.function_of(v);
        let f = self.function_of(not);
        self.known(f).unwrap_or(not)
    }

    /// The terms of the longest and- or or-chain at the root of `f`.
    fn chain(&mut self, mut f: BoolFn, join: Join) -> Vec<Value> {
        let mut terms = Vec::new();
        loop {
            if let Some(v) = self.known(f) {
                terms.push(v);
                return terms;
            }
            match self.conditions.bdd.decision(f) {
                Some(d) if join_of(d) == Some(join) => {
                    // `var | lo`, `!var & lo`, `!var | hi` and `var & hi`.
                    let (negate, rest) = match d.hi.is_const() {
                        true => (join == Join::All, d.lo),
                        false => (join == Join::Any, d.hi),
                    };
                    terms.push(self.literal(d.var, negate));
                    f = rest;
                }
                _ => {
                    terms.push(self.value_of(f));
                    return terms;
                }
            }
        }
    }

    /// The conjunction of `terms`.
    pub fn all(&mut self, terms: Vec<Value>) -> Value {
        self.join(terms, Join::All)
    }

    /// The disjunction of `terms`.
    pub fn any(&mut self, terms: Vec<Value>) -> Value {
        self.join(terms, Join::Any)
    }

    /// Joins the two least deep terms until one is left: what is there early is combined early.
    fn join(&mut self, mut terms: Vec<Value>, join: Join) -> Value {
        let op = if join == Join::All { BinOp::And } else { BinOp::Or };
        if terms.is_empty() {
            return self.constant(1, u64::from(join == Join::All));
        }
        while terms.len() > 1 {
            let a = self.take_shallowest(&mut terms);
            let b = self.take_shallowest(&mut terms);
            if a == b {
                terms.push(a);
            } else {
                terms.push(self.op(Op::Bin(op, a, b), Ty::Int(1)));
            }
        }
        terms[0]
    }

    fn take_shallowest(&self, terms: &mut Vec<Value>) -> Value {
        let least = (0..terms.len()).min_by_key(|&i| (self.depth[terms[i]], i));
        terms.remove(least.expect("called with terms left"))
    }
}

/// How late the result of `op` is after its operands: nothing for wires, about three tables for a carry chain.
fn weight(op: &Op) -> u32 {
    match op {
        Op::Const(_) | Op::Input(_) | Op::EntryConst { .. } | Op::EntryIsNull(_) => 0,
        Op::Zext(_) | Op::Sext(_) | Op::Extract { .. } | Op::Concat(_) | Op::Bswap(_) => 0,
        Op::Cmp(CmpOp::Eq | CmpOp::Ne, ..) => 2,
        Op::Cmp(..) | Op::Bin(BinOp::Add | BinOp::Sub | BinOp::Mul, ..) => 3,
        op if op.reads_state() && op.map().is_some() => MEMORY_DEPTH,
        _ => 1,
    }
}

/// How a decision with one constant arm (but not two) joins its literal with the other arm.
fn join_of(d: Decision) -> Option<Join> {
    match (d.hi.is_const(), d.lo.is_const()) {
        (true, false) => Some(if d.hi == BoolFn::TRUE { Join::Any } else { Join::All }),
        (false, true) => Some(if d.lo == BoolFn::TRUE { Join::Any } else { Join::All }),
        _ => None,
    }
}
