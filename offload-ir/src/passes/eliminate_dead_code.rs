//! Pass `eliminate_dead_code`: operations and block parameters whose results nobody needs.
//!
//! Needed are effects, branch conditions and verdicts, and what they are made of. A parameter counts as needed only if
//! something needed uses it, so values that only run around a loop go too. Effects are never removed, nor blocks.

use super::edit::is_leaf;
use crate::analysis::cfg::Cfg;
use crate::dfg::ValueDef;
use crate::entities::{Block, Value};
use crate::function::{Function, Terminator};
use cranelift_entity::SecondaryMap;

/// Eliminates dead code; see the module.
pub fn eliminate_dead_code(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let live = needed(func, &cfg);
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let data = &mut func.blocks[block];
        data.insts.retain(|i| {
            let inst = &func.dfg.insts[*i];
            let keep = inst.op.has_effect() || inst.result.is_none_or(|v| live[v]);
            // Passes leave unused constants behind; removing them enables nothing.
            changed |= !keep && !is_leaf(&inst.op);
            keep
        });
    }
    changed | remove_params(func, &cfg, &live)
}

fn needed(func: &Function, cfg: &Cfg) -> SecondaryMap<Value, bool> {
    let mut live: SecondaryMap<Value, bool> = SecondaryMap::new();
    let mut work: Vec<Value> = Vec::new();
    for &block in cfg.reverse_postorder() {
        let data = &func.blocks[block];
        for &inst in &data.insts {
            let op = &func.dfg.insts[inst].op;
            if op.has_effect() {
                op.for_each_arg(|v| work.push(v));
            }
        }
        match &data.term {
            Terminator::Branch { cond, .. } => work.push(*cond),
            Terminator::Ret(v) => work.extend(v.values()),
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
    }
    while let Some(v) = work.pop() {
        if std::mem::replace(&mut live[v], true) {
            continue;
        }
        match func.dfg.values[v].def {
            ValueDef::Inst(i) => func.dfg.insts[i].op.for_each_arg(|a| work.push(a)),
            ValueDef::Param(block, n) => {
                for pred in cfg.preds(block) {
                    let targets = func.blocks[*pred].term.targets().filter(|t| t.block == block);
                    work.extend(targets.map(|t| t.args[n as usize]));
                }
            }
        }
    }
    live
}

fn remove_params(func: &mut Function, cfg: &Cfg, live: &SecondaryMap<Value, bool>) -> bool {
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let keep: Vec<bool> = func.blocks[block].params.iter().map(|p| live[*p]).collect();
        if keep.iter().all(|k| *k) {
            continue;
        }
        changed = true;
        retain_params(func, cfg, block, &keep);
    }
    changed
}

/// Keeps the parameters of `block` for which `keep` says so, and the arguments passed for them.
pub(super) fn retain_params(func: &mut Function, cfg: &Cfg, block: Block, keep: &[bool]) {
    let mut flags = keep.iter();
    func.blocks[block].params.retain(|_| flags.next() == Some(&true));
    for (n, &p) in func.blocks[block].params.iter().enumerate() {
        func.dfg.values[p].def = ValueDef::Param(block, n as u32);
    }
    let mut preds = cfg.preds(block).to_vec();
    preds.sort();
    preds.dedup();
    for pred in preds {
        for target in func.blocks[pred].term.targets_mut().filter(|t| t.block == block) {
            let mut flags = keep.iter();
            target.args.retain(|_| flags.next() == Some(&true));
        }
    }
}
