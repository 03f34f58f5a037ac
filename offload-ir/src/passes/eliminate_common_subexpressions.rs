//! Pass `eliminate_common_subexpressions`: the same operation on the same operands is done once.
//!
//! An operation is replaced by an equal one that dominates it. Loads and lookups are equal only if nothing can have changed
//! the state between them, as memory versions say: a block starts with the version that all of its predecessors end
//! with, or with a new one. Operations without operands move to the entry block. Loads at different widths or behind
//! stores to other places are left to `eliminate_redundant_loads`; atomic operations are never equal.

use super::edit::{is_leaf, Leaves, Substitution};
use crate::analysis::cfg::Cfg;
use crate::analysis::dominators::Dominators;
use crate::analysis::effects::Versions;
use crate::dfg::Ty;
use crate::entities::{Block, Value};
use crate::function::Function;
use crate::op::{BinOp, Bounds, CmpOp, Op};
use std::collections::HashMap;

/// What makes two operations equal: operation, type, version of the state that it reads.
type Key = (Op, Ty, u32);

/// Eliminates common subexpressions; see the module.
pub fn eliminate_common_subexpressions(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let dom = Dominators::new(func, &cfg);
    let versions = Versions::new(func, &cfg);
    let mut leaves = Leaves::new(func);
    let mut subst = Substitution::default();
    // Equal operations by block; those whose block does not dominate the current one are out of scope.
    let mut seen: HashMap<Key, Vec<(Block, Value)>> = HashMap::new();
    for &block in dom.preorder() {
        let insts = std::mem::take(&mut func.blocks[block].insts);
        let mut kept = Vec::with_capacity(insts.len());
        for inst in insts {
            func.dfg.insts[inst].op.map_args(|v| subst.resolve(v));
            let data = &func.dfg.insts[inst];
            let Some(v) = data.result.filter(|_| !data.op.has_effect()) else {
                kept.push(inst);
                continue;
            };
            let ty = func.dfg.ty(v);
            let same = if is_leaf(&data.op) {
                let op = data.op.clone();
                leaves.get(&mut func.dfg, op, ty)
            } else {
                let version = versions.of_read(inst);
                let found = seen.entry((canonical(&data.op), ty, version)).or_default();
                while found.last().is_some_and(|(b, _)| !dom.dominates(*b, block)) {
                    found.pop();
                }
                if found.is_empty() {
                    found.push((block, v));
                }
                found[found.len() - 1].1
            };
            if same == v {
                kept.push(inst);
            } else {
                subst.replace(&mut func.dfg, v, same);
            }
        }
        func.blocks[block].insts = kept;
    }
    leaves.finish(func);
    subst.apply(func, &cfg)
}

/// `op` with the operands of commutative operations in order, and without bounds (those of the first one stay).
fn canonical(op: &Op) -> Op {
    let mut op = op.clone();
    match &mut op {
        Op::Bin(BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor, a, b)
        | Op::Cmp(CmpOp::Eq | CmpOp::Ne, a, b)
            if *a > *b =>
        {
            std::mem::swap(a, b);
        }
        _ => {}
    }
    if let Some((_, bounds)) = op.offset_mut() {
        *bounds = Bounds::constant(0);
    }
    op
}
