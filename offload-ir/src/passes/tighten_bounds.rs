//! Pass `tighten_bounds`: bounds of accesses follow from what is known of their offsets now.
//!
//! Bounds are met with the known bits and range of the offset; a constant base other than 0 moves into a constant offset, so that packet
//! coordinates are plain numbers; an offset that can only have one value becomes that constant. Bounds never get wider.

use super::edit::Leaves;
use crate::analysis::cfg::Cfg;
use crate::analysis::conditions::facts_under_conditions;
use crate::analysis::dominators::Dominators;
use crate::analysis::known::{Known, ValueFacts};
use crate::dfg::Dfg;
use crate::entities::Inst;
use crate::function::Function;
use crate::op::{Bounds, Op};

/// Tightens bounds; see the module.
pub fn tighten_bounds(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let facts = facts_under_conditions(func, &cfg, &Dominators::new(func, &cfg));
    let mut leaves = Leaves::new(func);
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        for &inst in &func.blocks[block].insts {
            changed |= fold_base(&mut func.dfg, &mut leaves, inst);
            changed |= tighten(&mut func.dfg, &mut leaves, &facts, inst);
        }
    }
    leaves.finish(func);
    changed
}

fn tighten(dfg: &mut Dfg, leaves: &mut Leaves, facts: &ValueFacts, inst: Inst) -> bool {
    let Some((off, bounds)) = dfg.insts[inst].op.offset() else {
        return false;
    };
    let known = facts.get(dfg, off).meet(&Known::from_bounds(bounds));
    // Nothing fits: the access is never executed, and its bounds do not matter.
    if known.is_empty() {
        return false;
    }
    let tight = match known.as_constant() {
        Some(c) => Bounds::constant(c as i64),
        None => Bounds {
            min: known.smin,
            max: known.smax,
            known_mask: known.zeros | known.ones,
            known_bits: known.ones,
        },
    };
    let constant = tight.as_constant().filter(|_| dfg.as_const(off).is_none());
    let constant = constant.map(|c| leaves.constant(dfg, 64, c as u64));
    let (off, bounds) = dfg.insts[inst].op.offset_mut().expect("it had one above");
    let changed = *bounds != tight || constant.is_some();
    *bounds = tight;
    *off = constant.unwrap_or(*off);
    changed
}

/// `constant base + constant offset` becomes `0 + offset`.
fn fold_base(dfg: &mut Dfg, leaves: &mut Leaves, inst: Inst) -> bool {
    let (Op::PktLoad { base, off, .. } | Op::PktStore { base, off, .. }) = &dfg.insts[inst].op
    else {
        return false;
    };
    let (Some(b), Some(o)) = (dfg.as_const(*base), dfg.as_const(*off)) else {
        return false;
    };
    if b == 0 {
        return false;
    }
    let sum = b.wrapping_add(o);
    let zero = leaves.constant(dfg, 64, 0);
    let moved = leaves.constant(dfg, 64, sum);
    if let Op::PktLoad { base, off, bounds } | Op::PktStore { base, off, bounds, .. } =
        &mut dfg.insts[inst].op
    {
        (*base, *off, *bounds) = (zero, moved, Bounds::constant(sum as i64));
    }
    true
}
