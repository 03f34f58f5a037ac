//! Pass `narrow_widths`: operations as wide as their results need to be.
//!
//! Arithmetic, logic, selects and comparisons are done on the low bits that somebody demands or that can be other than zero, and extended
//! afterwards; so are block parameters; loads fetch the demanded bytes only. Signed operations on values that are never
//! negative become unsigned. The values of the verdict are cut to the bits that they can have, equally in all exits.
//!
//! Packet and map offsets and keys keep their width (the extension stands before them). Extractions and extensions that cancel out are
//! left to `fold_constants`.

use super::edit::{Leaves, Placer};
use crate::analysis::cfg::Cfg;
use crate::analysis::conditions::facts_under_conditions;
use crate::analysis::demanded::DemandedBits;
use crate::analysis::dominators::Dominators;
use crate::analysis::known::{Known, ValueFacts};
use crate::dfg::{Ty, ValueDef};
use crate::entities::{Block, Inst, Value};
use crate::function::{Function, Terminator};
use crate::op::{BinOp, Bounds, CmpOp, Op};

/// Narrows widths; see the module.
pub fn narrow_widths(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let facts = facts_under_conditions(func, &cfg, &Dominators::new(func, &cfg));
    let demanded = DemandedBits::new(func, &cfg, &facts);
    let mut leaves = Leaves::new(func);
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let insts = std::mem::take(&mut func.blocks[block].insts);
        let placer =
            Placer { dfg: &mut func.dfg, leaves: &mut leaves, out: Vec::new(), src: None.into() };
        let mut narrower = Narrower { placer, facts: &facts, demanded: &demanded };
        for inst in insts {
            changed |= narrower.narrow(inst);
        }
        func.blocks[block].insts = narrower.placer.out;
    }
    changed |= narrow_params(func, &cfg, &facts, &demanded, &mut leaves);
    changed |= narrow_verdicts(func, &cfg, &facts, &mut leaves);
    leaves.finish(func);
    changed
}

struct Narrower<'a> {
    placer: Placer<'a>,
    facts: &'a ValueFacts,
    demanded: &'a DemandedBits,
}

/// The width up to which bits of `mask` are set; at least 1.
fn width_of(mask: u64) -> u8 {
    (64 - mask.leading_zeros()).max(1) as u8
}

impl Narrower<'_> {
    fn known(&self, v: Value) -> Known {
        self.facts.get(self.placer.dfg, v)
    }

    /// Places `inst`, narrowed if it can be. True if it changed.
    fn narrow(&mut self, inst: Inst) -> bool {
        let data = &self.placer.dfg.insts[inst];
        self.placer.src = data.src;
        let Some(v) = data.result.filter(|v| self.demanded.of(*v) != 0) else {
            self.placer.out.push(inst);
            return false;
        };
        let Ty::Int(bits) = self.placer.dfg.ty(v) else {
            self.placer.out.push(inst);
            return false;
        };
        let op = data.op.clone();
        let needed = width_of(self.demanded.of(v)).min(self.known(v).active_bits());
        let narrowed = match &op {
            Op::Bin(o, a, b) => self.arithmetic(*o, *a, *b, bits, needed),
            Op::Cmp(o, a, b) => self.comparison(*o, *a, *b),
            Op::Select { cond, if_true, if_false } if needed < bits => {
                let arms = self.low_bits(*if_true, *if_false, needed);
                let op = Op::Select { cond: *cond, if_true: arms.0, if_false: arms.1 };
                Some(Op::Zext(self.placer.emit(op, Ty::Int(needed))))
            }
            Op::Sext(a) => self.sign_extension(*a, v),
            Op::PktLoad { .. } | Op::MapLoad { .. } => self.load(&op, v, bits),
            _ => None,
        };
        let changed = narrowed.is_some();
        if let Some(op) = narrowed {
            self.placer.dfg.insts[inst].op = op;
        }
        self.placer.out.push(inst);
        changed
    }

    fn low_bits(&mut self, a: Value, b: Value, bits: u8) -> (Value, Value) {
        (self.placer.extract(a, 0, bits), self.placer.extract(b, 0, bits))
    }

    fn arithmetic(&mut self, o: BinOp, a: Value, b: Value, bits: u8, needed: u8) -> Option<Op> {
        let (ka, kb) = (self.known(a), self.known(b));
        let (o, width) = match o {
            BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor => {
                (o, needed)
            }
            BinOp::Shl => {
                let amount = kb.as_constant()?;
                if amount >= u64::from(needed) {
                    return Some(Op::Const(0));
                }
                // The amount must fit the narrow width too.
                (o, needed.max(width_of(amount)))
            }
            BinOp::LShr => (o, ka.active_bits().max(kb.active_bits())),
            BinOp::UDiv | BinOp::URem => (o, ka.active_bits().max(kb.active_bits())),
            BinOp::SDiv if ka.smin >= 0 && kb.smin >= 0 => return Some(Op::Bin(BinOp::UDiv, a, b)),
            BinOp::SRem if ka.smin >= 0 && kb.smin >= 0 => return Some(Op::Bin(BinOp::URem, a, b)),
            BinOp::AShr if ka.smin >= 0 => return Some(Op::Bin(BinOp::LShr, a, b)),
            BinOp::SDiv | BinOp::SRem | BinOp::AShr => return None,
        };
        if width >= bits {
            return None;
        }
        let (a, b) = self.low_bits(a, b, width);
        Some(Op::Zext(self.placer.emit(Op::Bin(o, a, b), Ty::Int(width))))
    }

    fn comparison(&mut self, o: CmpOp, a: Value, b: Value) -> Option<Op> {
        let (ka, kb) = (self.known(a), self.known(b));
        let o = match o {
            CmpOp::Slt | CmpOp::Sle if ka.smin < 0 || kb.smin < 0 => return None,
            CmpOp::Slt => CmpOp::Ult,
            CmpOp::Sle => CmpOp::Ule,
            _ => o,
        };
        let width = ka.active_bits().max(kb.active_bits());
        if width >= ka.bits {
            return None;
        }
        let (a, b) = self.low_bits(a, b, width);
        Some(Op::Cmp(o, a, b))
    }

    /// The sign does not matter, or is always 0.
    fn sign_extension(&mut self, a: Value, v: Value) -> Option<Op> {
        let unsigned =
            self.known(a).smin >= 0 || width_of(self.demanded.of(v)) <= self.placer.dfg.bits(a);
        unsigned.then_some(Op::Zext(a))
    }

    /// A load of the bytes from the first to the last demanded one.
    fn load(&mut self, op: &Op, v: Value, bits: u8) -> Option<Op> {
        let mask = self.demanded.of(v);
        let (off, bounds) = op.offset()?;
        let last = width_of(mask).div_ceil(8);
        // Leading bytes are skipped only if that costs no adder.
        let first = self.placer.dfg.as_const(off).map_or(0, |_| mask.trailing_zeros() as u8 / 8);
        let width = 8 * (last - first);
        if width >= bits {
            return None;
        }
        let mut moved = *bounds;
        let mut new_off = off;
        if let (Some(c), true) = (self.placer.dfg.as_const(off), first > 0) {
            let c = c.wrapping_add(u64::from(first));
            moved = Bounds::constant(c as i64);
            new_off = self.placer.leaves.constant(self.placer.dfg, 64, c);
        }
        let mut narrow = op.clone();
        let (off, bounds) = narrow.offset_mut()?;
        (*off, *bounds) = (new_off, moved);
        let loaded = self.placer.emit(narrow, Ty::Int(width));
        if first == 0 {
            return Some(Op::Zext(loaded));
        }
        let low = self.placer.leaves.constant(self.placer.dfg, 8 * first, 0);
        if 8 * last == bits {
            return Some(Op::Concat(vec![low, loaded]));
        }
        let shifted = self.placer.emit(Op::Concat(vec![low, loaded]), Ty::Int(8 * last));
        Some(Op::Zext(shifted))
    }
}

/// Parameters carry the demanded or possible bits only, and are extended at the head of their block.
fn narrow_params(
    func: &mut Function,
    cfg: &Cfg,
    facts: &ValueFacts,
    demanded: &DemandedBits,
    leaves: &mut Leaves,
) -> bool {
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        for n in 0..func.blocks[block].params.len() {
            let param = func.blocks[block].params[n];
            let Ty::Int(bits) = func.dfg.ty(param) else { continue };
            let needed =
                width_of(demanded.of(param)).min(facts.get(&func.dfg, param).active_bits());
            if needed < bits && demanded.of(param) != 0 {
                narrow_param(func, cfg, block, n, needed, leaves);
                changed = true;
            }
        }
    }
    changed
}

fn narrow_param(
    func: &mut Function,
    cfg: &Cfg,
    block: Block,
    n: usize,
    bits: u8,
    leaves: &mut Leaves,
) {
    let old = func.blocks[block].params[n];
    let name = func.dfg.values[old].name.clone();
    let def = ValueDef::Param(block, n as u32);
    let param = func.dfg.values.push(crate::dfg::ValueData { ty: Ty::Int(bits), def, name });
    func.blocks[block].params[n] = param;
    let inst = func.dfg.insts.push(crate::dfg::InstData {
        op: Op::Zext(param),
        result: Some(old),
        pred: None,
        src: None.into(),
    });
    func.dfg.values[old].def = ValueDef::Inst(inst);
    func.blocks[block].insts.insert(0, inst);
    let mut preds = cfg.preds(block).to_vec();
    preds.sort();
    preds.dedup();
    for pred in preds {
        let mut term = std::mem::replace(&mut func.blocks[pred].term, Terminator::Unreachable);
        let out = std::mem::take(&mut func.blocks[pred].insts);
        let mut placer = Placer { dfg: &mut func.dfg, leaves: &mut *leaves, out, src: None.into() };
        for target in term.targets_mut().filter(|t| t.block == block) {
            target.args[n] = placer.extract(target.args[n], 0, bits);
        }
        func.blocks[pred].insts = placer.out;
        func.blocks[pred].term = term;
    }
}

/// Cuts each field of the verdicts to the width that all exits can do with.
fn narrow_verdicts(
    func: &mut Function,
    cfg: &Cfg,
    facts: &ValueFacts,
    leaves: &mut Leaves,
) -> bool {
    const START: usize = 1;
    let exits: Vec<Block> = cfg
        .reverse_postorder()
        .iter()
        .copied()
        .filter(|b| matches!(func.blocks[*b].term, Terminator::Ret(_)))
        .collect();
    let mut widths = [1u8; 6];
    for &block in &exits {
        let Terminator::Ret(verdict) = &func.blocks[block].term else { continue };
        for (field, v) in verdict.values().into_iter().enumerate() {
            let k = facts.get(&func.dfg, v);
            let width = if field == START { signed_width(&k) } else { k.active_bits() };
            widths[field] = widths[field].max(width);
        }
    }
    let mut changed = false;
    for &block in &exits {
        let mut term = std::mem::replace(&mut func.blocks[block].term, Terminator::Unreachable);
        let out = std::mem::take(&mut func.blocks[block].insts);
        let mut placer = Placer { dfg: &mut func.dfg, leaves: &mut *leaves, out, src: None.into() };
        let mut field = 0;
        term.map_values(|v| {
            let width = widths[field];
            field += 1;
            if placer.dfg.bits(v) <= width {
                return v;
            }
            changed = true;
            placer.extract(v, 0, width)
        });
        func.blocks[block].insts = placer.out;
        func.blocks[block].term = term;
    }
    changed
}

/// Fewest bits that hold every possible value, signed.
fn signed_width(k: &Known) -> u8 {
    let needed = |x: i64| 65 - if x < 0 { x.leading_ones() } else { x.leading_zeros() };
    needed(k.smin).max(needed(k.smax)).min(u32::from(k.bits)) as u8
}
