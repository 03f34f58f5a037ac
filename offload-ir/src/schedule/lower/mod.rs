//! Lowering, the first step of scheduling: operations that take longer than a stage become several that do not.
//!
//! Multiplications become sums of shifted operands or of small products, divisions by constants multiplications by their inverses,
//! other divisions one subtraction for each bit. Stores at one of a few coordinates become stores under
//! conditions, so that the bytes they leave alone need not travel with the packet.

mod divide;
mod multiply;
mod store;

use super::delay::Delays;
use super::window::Touches;
use crate::dfg::{low_mask, Ty};
use crate::entities::{Inst, Value};
use crate::if_convert::{remove_unused, Emitter};
use crate::op::{BinOp, CmpOp, Op};
use crate::pipeline::Pipeline;
use crate::target::TargetDesc;
use cranelift_entity::SecondaryMap;

/// Lowers what is too slow for a stage of `target`, and computed stores.
pub fn lower(mut p: Pipeline, target: &TargetDesc) -> Pipeline {
    let order = std::mem::take(&mut p.order);
    let late_loads = store::loads_behind_stores(&p.dfg, &order);
    let mut l = Lowering {
        e: Emitter::new(std::mem::take(&mut p.dfg), Vec::new()),
        replaced: SecondaryMap::new(),
        touches: Touches::default(),
        target,
    };
    for inst in order {
        let replaced = &l.replaced;
        l.e.dfg.insts[inst].op.map_args(|v| replaced[v].unwrap_or(v));
        let pred = l.e.dfg.insts[inst].pred;
        l.e.dfg.insts[inst].pred = pred.map(|v| replaced[v].unwrap_or(v));
        l.e.src = l.e.dfg.insts[inst].src;
        l.lower(inst, late_loads.contains(&inst));
    }
    p.dfg = l.e.dfg;
    p.order = l.e.order;
    p.verdict.map_values(|v| l.replaced[v].unwrap_or(v));
    remove_unused(&mut p);
    p
}

struct Lowering<'a> {
    e: Emitter,
    replaced: SecondaryMap<Value, Option<Value>>,
    touches: Touches,
    target: &'a TargetDesc,
}

impl Lowering<'_> {
    /// Places `inst` or what stands for it. `read_later`: a store whose bytes may be loaded afterwards.
    fn lower(&mut self, inst: Inst, read_later: bool) {
        let data = &self.e.dfg.insts[inst];
        let result = match (data.op.clone(), data.result) {
            (Op::Bin(op, a, b), Some(v)) => self.arithmetic(inst, op, a, b, self.e.dfg.bits(v)),
            (Op::PktStore { .. }, _) if !read_later && self.expand_store(inst) => return,
            _ => None,
        };
        match result {
            None => self.e.place(inst),
            Some(new) => {
                let old = self.e.dfg.insts[inst].result.expect("arithmetic has a result");
                let name = self.e.dfg.values[old].name.clone();
                let slot = &mut self.e.dfg.values[new].name;
                *slot = slot.take().or(name);
                self.replaced[old] = Some(new);
            }
        }
    }

    fn arithmetic(&mut self, inst: Inst, op: BinOp, a: Value, b: Value, bits: u8) -> Option<Value> {
        let slow = Delays(self.target).of(&self.e.dfg, inst, None) > self.target.logic_ps();
        let (ca, cb) = (self.e.dfg.as_const(a), self.e.dfg.as_const(b));
        match (op, ca, cb) {
            (BinOp::Mul, None, Some(c)) => self.times_constant(a, c, bits, slow),
            (BinOp::Mul, Some(c), None) => self.times_constant(b, c, bits, slow),
            (BinOp::Mul, ..) if slow => Some(self.product(a, b, bits)),
            (BinOp::UDiv, _, Some(c)) => Some(self.quotient_by(a, c, bits)),
            (BinOp::URem, _, Some(c)) => Some(self.remainder_by(a, c, bits)),
            (BinOp::UDiv, ..) if slow => Some(self.divide(a, b, bits).0),
            (BinOp::URem, ..) if slow => Some(self.divide(a, b, bits).1),
            (BinOp::SDiv, ..) if slow || cb.is_some() => Some(self.signed_quotient(a, b, bits)),
            (BinOp::SRem, ..) if slow || cb.is_some() => Some(self.signed_remainder(a, b, bits)),
            _ => None,
        }
    }

    fn bin(&mut self, op: BinOp, a: Value, b: Value) -> Value {
        let ty = self.e.dfg.ty(a);
        self.e.op(Op::Bin(op, a, b), ty)
    }

    fn cmp(&mut self, op: CmpOp, a: Value, b: Value) -> Value {
        self.e.op(Op::Cmp(op, a, b), Ty::Int(1))
    }

    fn shift(&mut self, op: BinOp, a: Value, amount: u8) -> Value {
        if amount == 0 {
            return a;
        }
        let bits = self.e.dfg.bits(a);
        let amount = self.e.constant(bits, amount.into());
        self.bin(op, a, amount)
    }

    fn zext(&mut self, v: Value, bits: u8) -> Value {
        match self.e.dfg.as_const(v) {
            _ if self.e.dfg.bits(v) == bits => v,
            Some(c) => self.e.constant(bits, c),
            None => self.e.op(Op::Zext(v), Ty::Int(bits)),
        }
    }

    /// Bits `lo ..` of `v`, `bits` of them.
    fn extract(&mut self, v: Value, lo: u8, bits: u8) -> Value {
        match self.e.dfg.as_const(v) {
            _ if lo == 0 && self.e.dfg.bits(v) == bits => v,
            Some(c) => self.e.constant(bits, c >> lo & low_mask(bits)),
            None => self.e.op(Op::Extract { value: v, lo }, Ty::Int(bits)),
        }
    }

    /// The sum of `terms`, of which the second of each pair says whether it is subtracted. Joins like a tree.
    fn sum(&mut self, mut terms: Vec<(Value, bool)>, bits: u8) -> Value {
        if terms.is_empty() {
            return self.e.constant(bits, 0);
        }
        while terms.len() > 1 {
            let pairs: Vec<Vec<(Value, bool)>> = terms.chunks(2).map(<[_]>::to_vec).collect();
            terms = pairs.into_iter().map(|pair| self.sum_of_pair(&pair)).collect();
        }
        match terms[0] {
            (v, false) => v,
            (v, true) => {
                let zero = self.e.constant(bits, 0);
                self.bin(BinOp::Sub, zero, v)
            }
        }
    }

    fn sum_of_pair(&mut self, pair: &[(Value, bool)]) -> (Value, bool) {
        match *pair {
            [(a, false), (b, true)] | [(b, true), (a, false)] => {
                (self.bin(BinOp::Sub, a, b), false)
            }
            [(a, sign), (b, _)] => (self.bin(BinOp::Add, a, b), sign),
            [single] => single,
            _ => unreachable!("pairs have one or two terms"),
        }
    }
}

#[cfg(test)]
mod tests;
