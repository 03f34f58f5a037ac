//! Pass `simplify_cfg`: fewer blocks and edges.
//!
//! Branches on constants (and towards what the verifier proved unreachable) become jumps; jumps go past blocks that do nothing, and past
//! a branch that the passed arguments decide; a block with one predecessor that jumps to it is merged with it; parameters that are the same
//! value on every edge become that value. Blocks out of reach lose their content.
//!
//! No operation is duplicated or moved across an effect; loops stay loops.

use super::edit::Substitution;
use super::eliminate_dead_code::retain_params;
use crate::analysis::cfg::Cfg;
use crate::analysis::evaluate::evaluate;
use crate::analysis::liveness::for_each_term_value;
use crate::dfg::ValueDef;
use crate::entities::{Block, Value};
use crate::function::{Function, Target, Terminator};
use crate::op::{BinOp, Op};
use cranelift_entity::SecondaryMap;
use std::collections::HashMap;

/// Simplifies the control flow; see the module.
pub fn simplify_cfg(func: &mut Function) -> bool {
    let mut changed = false;
    // Each step may enable the others; every change removes an edge, a block or a parameter.
    loop {
        let mut again = fold_branches(func);
        again |= thread_jumps(func);
        again |= merge_blocks(func);
        again |= fold_params(func);
        changed |= again;
        if !again {
            break;
        }
    }
    changed | clear_unreachable(func)
}

/// Branches whose outcome is known become jumps; negated conditions are absorbed.
fn fold_branches(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let dead = |t: &Target| {
            let data = &func.blocks[t.block];
            matches!(data.term, Terminator::Unreachable) && data.insts.is_empty()
        };
        let (cond, if_true, if_false) = match &func.blocks[block].term {
            Terminator::Branch { cond, if_true, if_false } => (cond, if_true, if_false),
            Terminator::Jump(t) if dead(t) => {
                func.blocks[block].insts.clear();
                func.blocks[block].term = Terminator::Unreachable;
                changed = true;
                continue;
            }
            Terminator::Unreachable if !func.blocks[block].insts.is_empty() => {
                func.blocks[block].insts.clear();
                changed = true;
                continue;
            }
            _ => continue,
        };
        let term = if let Some(c) = func.dfg.as_const(*cond) {
            Terminator::Jump(if c == 1 { if_true.clone() } else { if_false.clone() })
        } else if if_true == if_false || dead(if_false) {
            Terminator::Jump(if_true.clone())
        } else if dead(if_true) {
            Terminator::Jump(if_false.clone())
        } else if let Some(inner) = negated(func, *cond) {
            Terminator::Branch { cond: inner, if_true: if_false.clone(), if_false: if_true.clone() }
        } else {
            continue;
        };
        func.blocks[block].term = term;
        changed = true;
    }
    changed
}

/// `x` if `v` is `!x`.
fn negated(func: &Function, v: Value) -> Option<Value> {
    match func.dfg.def(v)? {
        Op::Bin(BinOp::Xor, x, one) if func.dfg.as_const(*one) == Some(1) => Some(*x),
        _ => None,
    }
}

/// Operations that a threaded jump may skip, at most.
const MAX_SKIPPED: usize = 8;

/// Blocks through which jumps may be threaded: short, without effects, their definitions not used elsewhere.
fn transparent_blocks(func: &Function, cfg: &Cfg) -> SecondaryMap<Block, bool> {
    let mut transparent: SecondaryMap<Block, bool> = SecondaryMap::new();
    let mut home: SecondaryMap<Value, Option<Block>> = SecondaryMap::new();
    for &block in cfg.reverse_postorder() {
        let data = &func.blocks[block];
        let pure = |i: &crate::entities::Inst| {
            let op = &func.dfg.insts[*i].op;
            !op.has_effect() && !op.reads_state()
        };
        // Heads of loops stay, or jumps would run in circles here.
        let heads_loop = cfg.preds(block).iter().any(|p| cfg.is_retreating(*p, block));
        let short = data.insts.len() <= MAX_SKIPPED && data.insts.iter().all(pure);
        transparent[block] = block != func.entry && !heads_loop && short;
        let results = data.insts.iter().filter_map(|i| func.dfg.insts[*i].result);
        for v in results.chain(data.params.iter().copied()) {
            home[v] = Some(block);
        }
    }
    for &block in cfg.reverse_postorder() {
        let mut used = |v: Value| {
            if let Some(h) = home[v].filter(|h| *h != block) {
                transparent[h] = false;
            }
        };
        for &inst in &func.blocks[block].insts {
            func.dfg.insts[inst].op.for_each_arg(&mut used);
        }
        for_each_term_value(&func.blocks[block].term, used);
    }
    transparent
}

/// Redirects edges past transparent blocks.
fn thread_jumps(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let transparent = transparent_blocks(func, &cfg);
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let mut term = func.blocks[block].term.clone();
        for target in term.targets_mut() {
            // A chain of threaded blocks ends; a cycle of them does not.
            for _ in 0..cfg.reverse_postorder().len() {
                match past(func, &transparent, target).filter(|next| next.block != target.block) {
                    Some(next) => *target = next,
                    None => break,
                }
            }
        }
        // Two edges with different arguments to one block are legal but help nobody.
        let clash = match &term {
            Terminator::Branch { if_true, if_false, .. } => {
                if_true.block == if_false.block && if_true != if_false
            }
            _ => false,
        };
        if !clash && term != func.blocks[block].term {
            func.blocks[block].term = term;
            changed = true;
        }
    }
    changed
}

/// Where control goes behind `target`'s block, if that is known there and nothing happens on the way.
fn past(
    func: &Function,
    transparent: &SecondaryMap<Block, bool>,
    target: &Target,
) -> Option<Target> {
    let data = &func.blocks[target.block];
    if !transparent[target.block] {
        return None;
    }
    let args: HashMap<Value, Value> =
        data.params.iter().copied().zip(target.args.iter().copied()).collect();
    let next = match &data.term {
        Terminator::Jump(next) => next,
        Terminator::Branch { cond, if_true, if_false } => {
            let mut known: HashMap<Value, u64> = HashMap::new();
            for (param, arg) in &args {
                known.extend(func.dfg.as_const(*arg).map(|c| (*param, c)));
            }
            for &inst in &data.insts {
                let v = func.dfg.insts[inst].result?;
                let of = |v: Value| known.get(&v).copied().or(func.dfg.as_const(v));
                let c = evaluate(&func.dfg, &func.dfg.insts[inst].op, func.dfg.ty(v), of);
                known.extend(c.map(|c| (v, c)));
            }
            match known.get(cond)? {
                0 => if_false,
                _ => if_true,
            }
        }
        Terminator::Ret(_) | Terminator::Unreachable => return None,
    };
    // What the block computes does not exist past it.
    let local = |v: &Value| data.insts.iter().any(|i| func.dfg.insts[*i].result == Some(*v));
    if next.args.iter().any(local) {
        return None;
    }
    let args = next.args.iter().map(|v| args.get(v).copied().unwrap_or(*v)).collect();
    Some(Target { block: next.block, args })
}

/// Merges blocks with their only predecessor, if that goes nowhere else.
fn merge_blocks(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let mut subst = Substitution::default();
    let mut gone: SecondaryMap<Block, bool> = SecondaryMap::new();
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        if gone[block] {
            continue;
        }
        while let Terminator::Jump(target) = &func.blocks[block].term {
            let next = target.block;
            if next == block || cfg.preds(next).len() != 1 || next == func.entry {
                break;
            }
            let args = target.args.clone();
            let params = std::mem::take(&mut func.blocks[next].params);
            for (p, a) in params.into_iter().zip(args) {
                subst.replace(&mut func.dfg, p, a);
            }
            let insts = std::mem::take(&mut func.blocks[next].insts);
            func.blocks[block].insts.extend(insts);
            func.blocks[block].term =
                std::mem::replace(&mut func.blocks[next].term, Terminator::Unreachable);
            gone[next] = true;
            changed = true;
        }
    }
    subst.apply(func, &cfg);
    changed
}

/// Parameters that get the same value on every edge (or themselves) are that value.
fn fold_params(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let mut subst = Substitution::default();
    for &block in cfg.reverse_postorder() {
        if func.blocks[block].params.is_empty() {
            continue;
        }
        let mut keep = Vec::new();
        for (n, &param) in func.blocks[block].params.clone().iter().enumerate() {
            let mut same: Option<Value> = None;
            let mut differ = false;
            for pred in cfg.preds(block) {
                for t in func.blocks[*pred].term.targets().filter(|t| t.block == block) {
                    let arg = subst.resolve(t.args[n]);
                    differ |= arg != param && same.is_some_and(|s| s != arg);
                    same = if arg == param { same } else { Some(arg) };
                }
            }
            match same.filter(|_| !differ) {
                Some(v) => {
                    subst.replace(&mut func.dfg, param, v);
                    keep.push(false);
                }
                None => keep.push(true),
            }
        }
        if keep.contains(&false) {
            retain_params(func, &cfg, block, &keep);
        }
    }
    subst.apply(func, &cfg)
}

/// Empties blocks that the entry does not reach; forgets trip counts of blocks that head no loop any more.
fn clear_unreachable(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let mut changed = false;
    for block in func.blocks.keys() {
        let data = &mut func.blocks[block];
        if data.max_trips.is_some()
            && !cfg.preds(block).iter().any(|p| cfg.is_retreating(*p, block))
        {
            data.max_trips = None;
            changed = true;
        }
        let empty = data.insts.is_empty() && data.params.is_empty();
        if !empty && !cfg.is_reachable(block) {
            data.insts.clear();
            data.params.clear();
            data.term = Terminator::Unreachable;
            changed = true;
        }
    }
    debug_assert!(cfg.reverse_postorder().iter().all(|b| {
        let params = &func.blocks[*b].params;
        params
            .iter()
            .enumerate()
            .all(|(n, p)| func.dfg.values[*p].def == ValueDef::Param(*b, n as u32))
    }));
    changed
}
