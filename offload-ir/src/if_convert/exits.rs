//! Returns: which verdict leaves, and what of it anybody can see.

use super::bdd::BoolFn;
use super::cfg::Cfg;
use super::merge::Arm;
use super::Converter;
use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::{Block, Value};
use crate::function::{Function, Terminator, Verdict};
use crate::op::Op;
use cranelift_entity::SecondaryMap;
use std::collections::HashMap;

/// `XDP_DROP`; with ABORTED (0) and the numbers above REDIRECT, the actions that no packet survives.
const XDP_DROP: u64 = 1;
const XDP_REDIRECT: u64 = 4;

/// A way out of the program.
pub(super) struct Exit {
    pub when: BoolFn,
    pub edges: Vec<usize>,
    pub verdict: Verdict,
}

/// True if no packet leaves with the constant action `a`.
fn is_drop(a: u64) -> bool {
    a <= XDP_DROP || a > XDP_REDIRECT
}

impl Converter<'_> {
    /// Adds the exit over `edge` into the tail block `b`, whose operations are copied for this edge alone.
    pub(super) fn exit_through_tail(&mut self, edge: usize, mut b: Block, args: Vec<Value>) {
        let f = self.f;
        let mut env: HashMap<Value, Value> = HashMap::new();
        let mut args = args;
        loop {
            let block = &f.blocks[b];
            env.extend(block.params.iter().copied().zip(args));
            for &inst in &block.insts {
                let data = &f.dfg.insts[inst];
                let mut op = data.op.clone();
                op.map_args(|v| self.in_tail(&env, v));
                let result = data.result.expect("free operations have results");
                let ty = f.dfg.ty(result);
                let copy = match (ty, constant_result(&self.e.dfg, &op, ty)) {
                    (Ty::Int(bits), Some(c)) => self.e.constant(bits, c),
                    _ => {
                        self.e.src = data.src;
                        self.e.op(op, ty)
                    }
                };
                self.name(copy, result);
                env.insert(result, copy);
            }
            match &block.term {
                Terminator::Jump(t) => {
                    args = t.args.iter().map(|&a| self.in_tail(&env, a)).collect();
                    b = t.block;
                }
                Terminator::Ret(verdict) => {
                    let mut verdict = verdict.clone();
                    verdict.map_values(|v| self.in_tail(&env, v));
                    self.exits.push(Exit {
                        when: self.edges[edge].when,
                        edges: vec![edge],
                        verdict,
                    });
                    return;
                }
                Terminator::Branch { .. } | Terminator::Unreachable => {
                    unreachable!("tail blocks jump to tail blocks or return")
                }
            }
        }
    }

    fn in_tail(&mut self, env: &HashMap<Value, Value>, v: Value) -> Value {
        match env.get(&v) {
            Some(&mapped) => mapped,
            None => self.map(v),
        }
    }

    /// The verdict of whichever exit is taken.
    pub(super) fn merge_exits(&mut self) -> Verdict {
        let exits = std::mem::take(&mut self.exits);
        let action = |exit: &Exit, dfg: &Dfg| dfg.as_const(exit.verdict.action);
        let mut merged = exits[0].verdict.clone();
        let mut field = 0;
        merged.map_values(|first| {
            let arms: Vec<Arm> = exits
                .iter()
                .filter(|exit| match (field, action(exit, &self.e.dfg)) {
                    (1..=3, Some(a)) => !is_drop(a),
                    (4.., Some(a)) => a == XDP_REDIRECT,
                    _ => true,
                })
                .map(|exit| Arm {
                    value: exit.verdict.values()[field],
                    when: exit.when,
                    edges: exit.edges.clone(),
                })
                .collect();
            field += 1;
            if arms.is_empty() {
                let bits = self.e.dfg.bits(first);
                self.e.constant(bits, 0)
            } else {
                self.merge(arms)
            }
        });
        merged
    }
}

/// The result of the free operation `op` if its operands are constants.
fn constant_result(dfg: &Dfg, op: &Op, ty: Ty) -> Option<u64> {
    let c = match op {
        Op::Const(c) => *c,
        Op::Zext(v) => dfg.as_const(*v)?,
        Op::Sext(v) => sign_extend(dfg.as_const(*v)?, dfg.bits(*v)) as u64,
        Op::Extract { value, lo } => dfg.as_const(*value)? >> lo,
        _ => return None,
    };
    Some(c & low_mask(ty.bits()?))
}

/// Blocks after which some path lets the packet leave or reads packet bytes: only there do packet stores matter.
pub(super) fn bytes_matter(f: &Function, cfg: &Cfg) -> SecondaryMap<Block, bool> {
    let mut matter = SecondaryMap::with_default(false);
    for &b in cfg.order.iter().rev().filter(|&&b| !cfg.never[b]) {
        let block = &f.blocks[b];
        let loads = block.insts.iter().any(|&i| matches!(f.dfg.insts[i].op, Op::PktLoad { .. }));
        matter[b] = loads
            || match &block.term {
                Terminator::Ret(v) => !f.dfg.as_const(v.action).is_some_and(is_drop),
                term => term.targets().filter(|t| !cfg.never[t.block]).any(|t| {
                    if cfg.tail[t.block] {
                        tail_survives(f, t.block, &t.args)
                    } else {
                        matter[t.block]
                    }
                }),
            };
    }
    matter
}

/// True unless the tail block `b`, entered with `args`, returns a constant action that drops the packet.
fn tail_survives(f: &Function, mut b: Block, args: &[Value]) -> bool {
    let mut known: HashMap<Value, u64> = HashMap::new();
    let mut args: Vec<Option<u64>> = args.iter().map(|&a| f.dfg.as_const(a)).collect();
    loop {
        let block = &f.blocks[b];
        known.extend(block.params.iter().zip(args).filter_map(|(&p, c)| Some((p, c?))));
        for &inst in &block.insts {
            let data = &f.dfg.insts[inst];
            let result = data.result.expect("free operations have results");
            let operand = |v: Value| known.get(&v).copied().or_else(|| f.dfg.as_const(v));
            let c = match &data.op {
                Op::Const(c) => Some(*c),
                Op::Zext(v) => operand(*v),
                Op::Sext(v) => operand(*v).map(|c| sign_extend(c, f.dfg.bits(*v)) as u64),
                Op::Extract { value, lo } => operand(*value).map(|c| c >> lo),
                _ => None,
            };
            let mask = f.dfg.ty(result).bits().map_or(0, low_mask);
            known.extend(c.map(|c| (result, c & mask)));
        }
        let operand = |v: Value| known.get(&v).copied().or_else(|| f.dfg.as_const(v));
        match &block.term {
            Terminator::Jump(t) => {
                args = t.args.iter().map(|&a| operand(a)).collect();
                b = t.block;
            }
            Terminator::Ret(v) => return !operand(v.action).is_some_and(is_drop),
            Terminator::Branch { .. } | Terminator::Unreachable => return true,
        }
    }
}
