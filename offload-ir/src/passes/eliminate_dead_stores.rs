//! Pass `eliminate_dead_stores`: a store whose bytes are all overwritten in the same block, before anybody can read them, goes.
//!
//! Works backwards through each block, for packet and map bytes; what a later block overwrites is not looked at.

use crate::analysis::address::{Access, Space};
use crate::analysis::cfg::Cfg;
use crate::analysis::conditions::facts_under_conditions;
use crate::analysis::dominators::Dominators;
use crate::analysis::known::ValueFacts;
use crate::entities::{Inst, Value};
use crate::function::Function;
use crate::op::Op;
use std::collections::BTreeSet;

/// Eliminates dead stores; see the module.
pub fn eliminate_dead_stores(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let facts = facts_under_conditions(func, &cfg, &Dominators::new(func, &cfg));
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let insts = std::mem::take(&mut func.blocks[block].insts);
        let mut later: Vec<Access> = Vec::new();
        let mut kept: Vec<Inst> = Vec::with_capacity(insts.len());
        for inst in insts.into_iter().rev() {
            if is_dead(func, &facts, inst, &mut later) {
                changed = true;
            } else {
                kept.push(inst);
            }
        }
        kept.reverse();
        func.blocks[block].insts = kept;
    }
    changed
}

/// Is `inst` a store of bytes that `later` stores overwrite? Notes what it means for stores before it.
fn is_dead(func: &Function, facts: &ValueFacts, inst: Inst, later: &mut Vec<Access>) -> bool {
    let Some(access) = Access::of(&func.dfg, facts, inst) else {
        return false;
    };
    match func.dfg.insts[inst].op {
        Op::PktStore { .. } | Op::MapStore { .. } => {
            if overwritten(&access, later) {
                return true;
            }
            later.push(access);
        }
        // Loads and atomic operations read.
        _ => later.retain(|store| !store.may_overlap(&access)),
    }
    false
}

fn overwritten(access: &Access, later: &[Access]) -> bool {
    let key = |a: &Access| -> (Space, Vec<Value>) { (a.space, a.start.terms.clone()) };
    let mine = key(access);
    let covered: BTreeSet<i64> = later
        .iter()
        .filter(|a| key(a) == mine)
        .flat_map(|a| (0..i64::from(a.bytes)).map(|n| a.start.constant.wrapping_add(n)))
        .collect();
    (0..i64::from(access.bytes)).all(|n| covered.contains(&access.start.constant.wrapping_add(n)))
}
