//! Pass `propagate_conditions`: behind a branch, its condition is known.
//!
//! In blocks that an edge of a branch dominates, and in the arguments that the edge passes, the condition is the constant
//! 1 or 0; so are the parts of a conjunction that holds and of a disjunction that does not; where `x == k` holds, `x` is `k`; and
//! what follows by evaluation (selects on the condition are the arm, sums of known values are known) is replaced too.
//!
//! Definitions themselves stay as they are: only uses in the dominated region change. Comparisons that the condition implies
//! by ranges are left to `eliminate_redundant_checks`, branches on constants to `simplify_cfg`.

use super::edit::Leaves;
use crate::analysis::cfg::Cfg;
use crate::analysis::dominators::Dominators;
use crate::analysis::evaluate::evaluate;
use crate::dfg::Ty;
use crate::entities::{Block, Inst, Value};
use crate::function::{Function, Target, Terminator};
use crate::op::{BinOp, CmpOp, Op};
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::SecondaryMap;

/// Propagates conditions; see the module.
pub fn propagate_conditions(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let dom = Dominators::new(func, &cfg);
    let mut scope = Scope {
        users: users(func, &cfg),
        leaves: Leaves::new(func),
        known: SecondaryMap::new(),
        trail: Vec::new(),
        changed: false,
    };
    // Enter a block with its facts, leave it by undoing them.
    let mut stack = vec![(func.entry, 0, 0)];
    while let Some((block, next, mark)) = stack.pop() {
        if next == 0 {
            scope.enter(func, &cfg, &dom, block);
        }
        match dom.children(block).get(next) {
            Some(&child) => {
                stack.push((block, next + 1, mark));
                stack.push((child, 0, scope.trail.len()));
            }
            None => scope.undo(mark),
        }
    }
    scope.leaves.finish(func);
    scope.changed
}

/// Operations that use each value.
fn users(func: &Function, cfg: &Cfg) -> SecondaryMap<Value, Vec<Inst>> {
    let mut users: SecondaryMap<Value, Vec<Inst>> = SecondaryMap::new();
    for &block in cfg.reverse_postorder() {
        for &inst in &func.blocks[block].insts {
            let op = &func.dfg.insts[inst].op;
            if !op.has_effect() && !op.reads_state() {
                op.for_each_arg(|v| users[v].push(inst));
            }
        }
    }
    users
}

/// Facts that one condition may bring, at most: a limit on time, not on correctness.
const MAX_FACTS: usize = 64;

struct Scope {
    users: SecondaryMap<Value, Vec<Inst>>,
    leaves: Leaves,
    /// What a value is known to be here.
    known: SecondaryMap<Value, PackedOption<Value>>,
    /// Values with an entry in `known`, oldest first.
    trail: Vec<Value>,
    changed: bool,
}

impl Scope {
    fn resolve(&self, mut v: Value) -> Value {
        while let Some(by) = self.known[v].expand() {
            v = by;
        }
        v
    }

    fn undo(&mut self, mark: usize) {
        for v in self.trail.drain(mark..) {
            self.known[v] = None.into();
        }
    }

    /// Takes the facts that hold in `block` and rewrites it.
    fn enter(&mut self, func: &mut Function, cfg: &Cfg, dom: &Dominators, block: Block) {
        // The edge dominates the block if it is the only way in.
        if let ([pred], Some(idom)) = (cfg.preds(block), dom.immediate(block)) {
            debug_assert_eq!(*pred, idom, "the only predecessor is the immediate dominator");
            if let Terminator::Branch { cond, if_true, .. } = &func.blocks[*pred].term {
                let (cond, taken) = (*cond, if_true.block == block);
                self.assume(func, cond, taken);
            }
        }
        for n in 0..func.blocks[block].insts.len() {
            let inst = func.blocks[block].insts[n];
            let mut op = std::mem::replace(&mut func.dfg.insts[inst].op, Op::Const(0));
            op.map_args(|v| self.replaced(v));
            func.dfg.insts[inst].op = op;
        }
        let mut term = std::mem::replace(&mut func.blocks[block].term, Terminator::Unreachable);
        term.map_values(|v| self.replaced(v));
        if let Terminator::Branch { cond, if_true, if_false } = &mut term {
            if if_true.block != if_false.block || if_true.args != if_false.args {
                self.edge(func, *cond, true, if_true);
                self.edge(func, *cond, false, if_false);
            }
        }
        func.blocks[block].term = term;
    }

    fn edge(&mut self, func: &mut Function, cond: Value, taken: bool, target: &mut Target) {
        if target.args.is_empty() {
            return;
        }
        let mark = self.trail.len();
        self.assume(func, cond, taken);
        target.args.iter_mut().for_each(|a| *a = self.replaced(*a));
        self.undo(mark);
    }

    fn replaced(&mut self, v: Value) -> Value {
        let by = self.resolve(v);
        self.changed |= by != v;
        by
    }

    /// Notes that `cond` is `taken`, and what follows.
    fn assume(&mut self, func: &mut Function, cond: Value, taken: bool) {
        let truth = self.leaves.constant(&mut func.dfg, 1, u64::from(taken));
        let mut work = vec![(cond, truth)];
        for _ in 0..MAX_FACTS {
            let Some((v, by)) = work.pop() else { return };
            let (root, by) = (self.resolve(v), self.resolve(by));
            // What `v` already stands for may be used where `by` does not exist, unless that is a constant.
            let everywhere = root == v || func.dfg.as_const(by).is_some();
            let v = root;
            if v == by || !everywhere || func.dfg.as_const(v).is_some() {
                continue;
            }
            self.known[v] = by.into();
            self.trail.push(v);
            if let Some(c) = func.dfg.as_const(by) {
                self.causes(func, v, c, &mut work);
            }
            for n in 0..self.users[v].len() {
                let user = self.users[v][n];
                let result = func.dfg.insts[user].result.expect("users are pure");
                if self.known[result].is_none() {
                    if let Some(by) = self.consequence(func, user) {
                        work.push((result, by));
                    }
                }
            }
        }
    }

    /// What must hold for `v` to be `c`.
    fn causes(&mut self, func: &mut Function, v: Value, c: u64, work: &mut Vec<(Value, Value)>) {
        let Some(op) = func.dfg.def(v).cloned() else {
            return;
        };
        let bits = func.dfg.bits(v);
        match op {
            Op::Bin(BinOp::And, a, b) if c == crate::dfg::low_mask(bits) => {
                let ones = self.leaves.constant(&mut func.dfg, bits, c);
                work.extend([(a, ones), (b, ones)]);
            }
            Op::Bin(BinOp::Or, a, b) if c == 0 => {
                let zero = self.leaves.constant(&mut func.dfg, bits, 0);
                work.extend([(a, zero), (b, zero)]);
            }
            Op::Bin(BinOp::Xor, a, b) => {
                if let Some(k) = func.dfg.as_const(b) {
                    let a_is = self.leaves.constant(&mut func.dfg, bits, c ^ k);
                    work.push((a, a_is));
                }
            }
            Op::Cmp(CmpOp::Eq, a, b) if c == 1 => self.equal(func, a, b, work),
            Op::Cmp(CmpOp::Ne, a, b) if c == 0 => self.equal(func, a, b, work),
            Op::Select { cond, if_true, if_false } => {
                let can = |arm: Value| func.dfg.as_const(self.resolve(arm)).is_none_or(|k| k == c);
                let (by_true, by_false) = (can(if_true), can(if_false));
                if by_true != by_false {
                    let cond_is = self.leaves.constant(&mut func.dfg, 1, u64::from(by_true));
                    work.push((cond, cond_is));
                }
            }
            Op::Zext(a) if c <= crate::dfg::low_mask(func.dfg.bits(a)) => {
                let narrow = func.dfg.bits(a);
                let a_is = self.leaves.constant(&mut func.dfg, narrow, c);
                work.push((a, a_is));
            }
            _ => {}
        }
    }

    fn equal(&self, func: &Function, a: Value, b: Value, work: &mut Vec<(Value, Value)>) {
        let (a, b) = (self.resolve(a), self.resolve(b));
        if func.dfg.as_const(b).is_some() {
            work.push((a, b));
        } else if func.dfg.as_const(a).is_some() {
            work.push((b, a));
        }
    }

    /// The value that `inst` has under what is known.
    fn consequence(&mut self, func: &mut Function, inst: Inst) -> Option<Value> {
        let data = &func.dfg.insts[inst];
        let ty = func.dfg.ty(data.result?);
        let constant = |v: Value| func.dfg.as_const(self.resolve(v));
        if let Some(c) = evaluate(&func.dfg, &data.op, ty, constant) {
            let Ty::Int(bits) = ty else { return None };
            return Some(self.leaves.constant(&mut func.dfg, bits, c));
        }
        match &data.op {
            Op::Select { cond, if_true, if_false } => match constant(*cond)? {
                0 => Some(*if_false),
                _ => Some(*if_true),
            },
            // Neutral elements.
            Op::Bin(BinOp::And, a, b) if ty == Ty::Int(1) => neutral(*a, *b, 1, constant),
            Op::Bin(BinOp::Or | BinOp::Xor | BinOp::Add, a, b) => neutral(*a, *b, 0, constant),
            Op::Bin(BinOp::And, a, b) => absorbing(*a, *b, constant),
            _ => None,
        }
        .map(|v| self.resolve(v))
    }
}

/// The other operand if one is the neutral element.
fn neutral(
    a: Value,
    b: Value,
    element: u64,
    constant: impl Fn(Value) -> Option<u64>,
) -> Option<Value> {
    match (constant(a), constant(b)) {
        (Some(c), _) if c == element => Some(b),
        (_, Some(c)) if c == element => Some(a),
        _ => None,
    }
}

/// The operand that is 0, if one is.
fn absorbing(a: Value, b: Value, constant: impl Fn(Value) -> Option<u64>) -> Option<Value> {
    [a, b].into_iter().find(|v| constant(*v) == Some(0))
}
