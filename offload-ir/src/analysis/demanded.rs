//! Demanded bits: which bits of a value can make a difference to an effect, a branch, or the verdict.

use super::cfg::Cfg;
use super::known::ValueFacts;
use crate::analysis::arith::bswap;
use crate::dfg::{low_mask, Dfg, Ty, ValueDef};
use crate::entities::{Inst, Value};
use crate::function::{Function, Terminator};
use crate::op::{BinOp, Op};
use cranelift_entity::SecondaryMap;

/// Demanded bits of every integer.
#[derive(Clone, Debug)]
pub struct DemandedBits {
    masks: SecondaryMap<Value, u64>,
}

impl DemandedBits {
    /// Computes them.
    pub fn new(func: &Function, cfg: &Cfg, facts: &ValueFacts) -> Self {
        let mut walk = Walk { func, facts, masks: SecondaryMap::new(), work: Vec::new() };
        for &block in cfg.reverse_postorder() {
            let data = &func.blocks[block];
            for &inst in &data.insts {
                let op = &func.dfg.insts[inst].op;
                if op.has_effect() {
                    op.for_each_arg(|v| walk.demand(v, u64::MAX));
                }
            }
            match &data.term {
                Terminator::Branch { cond, .. } => walk.demand(*cond, 1),
                Terminator::Ret(v) => v.values().into_iter().for_each(|v| walk.demand(v, u64::MAX)),
                Terminator::Jump(_) | Terminator::Unreachable => {}
            }
        }
        while let Some(v) = walk.work.pop() {
            match func.dfg.values[v].def {
                ValueDef::Inst(inst) => walk.operands(inst, walk.masks[v]),
                ValueDef::Param(block, n) => {
                    for pred in cfg.preds(block) {
                        for t in func.blocks[*pred].term.targets().filter(|t| t.block == block) {
                            walk.demand(t.args[n as usize], walk.masks[v]);
                        }
                    }
                }
            }
        }
        Self { masks: walk.masks }
    }

    /// Demanded bits of `v`; 0 if nobody needs it.
    pub fn of(&self, v: Value) -> u64 {
        self.masks[v]
    }
}

struct Walk<'a> {
    func: &'a Function,
    facts: &'a ValueFacts,
    masks: SecondaryMap<Value, u64>,
    work: Vec<Value>,
}

/// Bits up to the highest one of `mask`.
fn up_to(mask: u64) -> u64 {
    if mask == 0 {
        0
    } else {
        u64::MAX >> mask.leading_zeros()
    }
}

impl Walk<'_> {
    fn dfg(&self) -> &Dfg {
        &self.func.dfg
    }

    fn demand(&mut self, v: Value, mask: u64) {
        let mask = match self.dfg().ty(v) {
            Ty::Int(bits) => mask & low_mask(bits),
            // An entry is demanded as a whole.
            Ty::Entry(_) => u64::from(mask != 0),
        };
        if mask & !self.masks[v] != 0 {
            self.masks[v] |= mask;
            self.work.push(v);
        }
    }

    /// Passes the demand `d` for a result on to the operands.
    fn operands(&mut self, inst: Inst, d: u64) {
        let func = self.func;
        let op = &func.dfg.insts[inst].op;
        match op {
            Op::Bin(o, a, b) => self.arithmetic(*o, *a, *b, d),
            Op::Select { cond, if_true, if_false } => {
                self.demand(*cond, 1);
                self.demand(*if_true, d);
                self.demand(*if_false, d);
            }
            Op::Zext(a) => self.demand(*a, d),
            Op::Sext(a) => self.with_sign(*a, d),
            Op::Extract { value, lo } => self.demand(*value, d << lo),
            Op::Concat(parts) => {
                let mut lo = 0;
                for &p in parts {
                    let bits = func.dfg.bits(p);
                    self.demand(p, d >> lo & low_mask(bits));
                    lo += u32::from(bits);
                }
            }
            Op::Bswap(a) => self.demand(*a, bswap(d, func.dfg.bits(*a))),
            _ => op.for_each_arg(|v| self.demand(v, u64::MAX)),
        }
    }

    /// `d` of an extension of `a` by its sign.
    fn with_sign(&mut self, a: Value, d: u64) {
        let bits = self.dfg().bits(a);
        let sign = if d & !low_mask(bits) != 0 { 1 << (bits - 1) } else { 0 };
        self.demand(a, d & low_mask(bits) | sign);
    }

    fn arithmetic(&mut self, o: BinOp, a: Value, b: Value, d: u64) {
        let facts = |v: Value| self.facts.get(self.dfg(), v);
        match o {
            BinOp::Add | BinOp::Sub | BinOp::Mul => {
                self.demand(a, up_to(d));
                self.demand(b, up_to(d));
            }
            BinOp::And => {
                // The constant operand only: two unknown ones must not each excuse the other.
                let of_a = d & !self.dfg().as_const(b).map_or(0, |c| !c);
                self.demand(a, of_a);
                self.demand(b, d);
            }
            BinOp::Or => {
                let of_a = d & !self.dfg().as_const(b).unwrap_or(0);
                self.demand(a, of_a);
                self.demand(b, d);
            }
            BinOp::Xor => {
                self.demand(a, d);
                self.demand(b, d);
            }
            BinOp::Shl | BinOp::LShr | BinOp::AShr => {
                let bits = self.dfg().bits(a);
                let amount = facts(b).as_constant().filter(|n| *n < u64::from(bits));
                self.demand(b, u64::MAX);
                match (o, amount) {
                    (BinOp::Shl, Some(n)) => self.demand(a, d >> n),
                    (BinOp::LShr, Some(n)) => self.demand(a, d << n),
                    (BinOp::AShr, Some(n)) => {
                        let sign = if n > 0 && d >> (u64::from(bits) - n) != 0 {
                            1 << (bits - 1)
                        } else {
                            0
                        };
                        self.demand(a, d << n | sign);
                    }
                    _ => self.demand(a, u64::MAX),
                }
            }
            BinOp::UDiv | BinOp::URem | BinOp::SDiv | BinOp::SRem => {
                self.demand(a, u64::MAX);
                self.demand(b, u64::MAX);
            }
        }
    }
}
