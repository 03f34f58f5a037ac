//! Pass `recognize_bytes`: bytes put together by shifts and ors are concatenations, and neighbours in memory are one load.
//!
//! Every value is followed down to where its bytes come from. Shifts, masks, ors, exclusive-ors and sums that only move
//! bytes become concatenations; bytes that lie side by side in the packet or in a map value, and that nothing writes between their
//! loads, are fetched by one load, placed where the last of them stood; in descending order, a `bswap` follows. The old loads are left to
//! `eliminate_dead_code`.
//!
//! It looks at whole bytes only, and loads nothing that the program did not load.

mod assemble;
mod bytes;

use super::edit::{Leaves, Placer, Substitution};
use crate::analysis::cfg::Cfg;
use crate::analysis::conditions::facts_under_conditions;
use crate::analysis::dominators::Dominators;
use crate::analysis::effects::Versions;
use crate::dfg::Ty;
use crate::entities::{Block, Inst};
use crate::function::Function;
use crate::op::{BinOp, Op};
use assemble::Assembler;
use bytes::Bytes;
use cranelift_entity::SecondaryMap;
use std::collections::BTreeMap;

/// Recognizes bytes; see the module.
pub fn recognize_bytes(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let dom = Dominators::new(func, &cfg);
    let facts = facts_under_conditions(func, &cfg, &dom);
    let versions = Versions::new(func, &cfg);
    let mut place: SecondaryMap<Inst, Option<(Block, u32)>> = SecondaryMap::new();
    for &block in cfg.reverse_postorder() {
        for (n, &inst) in func.blocks[block].insts.iter().enumerate() {
            place[inst] = Some((block, n as u32));
        }
    }
    let mut leaves = Leaves::new(func);
    let mut subst = Substitution::default();
    let mut bytes = Bytes::default();
    let mut new_loads: BTreeMap<Inst, Vec<Inst>> = BTreeMap::new();
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let insts = std::mem::take(&mut func.blocks[block].insts);
        let placer =
            Placer { dfg: &mut func.dfg, leaves: &mut leaves, out: Vec::new(), src: None.into() };
        let mut assembler = Assembler {
            placer,
            facts: &facts,
            versions: &versions,
            dom: &dom,
            place: &place,
            new_loads: &mut new_loads,
        };
        for inst in insts {
            bytes.visit(assembler.placer.dfg, inst);
            let rewritten =
                candidate(&assembler, &bytes, inst).and_then(|all| assembler.assemble(inst, all));
            let Some(v) = rewritten else {
                assembler.placer.out.push(inst);
                continue;
            };
            let result = assembler.placer.dfg.insts[inst].result.expect("a candidate has a result");
            subst.replace(assembler.placer.dfg, result, v);
            changed = true;
        }
        func.blocks[block].insts = assembler.placer.out;
    }
    leaves.finish(func);
    place_loads(func, &cfg, new_loads);
    subst.apply(func, &cfg);
    changed
}

/// The bytes of `inst`'s result, if the operation puts bytes together.
fn candidate<'b>(
    assembler: &Assembler<'_>,
    bytes: &'b Bytes,
    inst: Inst,
) -> Option<&'b [bytes::Byte]> {
    let dfg = &*assembler.placer.dfg;
    let data = &dfg.insts[inst];
    let result = data.result?;
    let Ty::Int(_) = dfg.ty(result) else { return None };
    let all = bytes.of(result)?;
    // A value whose bytes are its own was not put together.
    if all.iter().any(|b| matches!(b, bytes::Byte::Of(v, _) if *v == result)) {
        return None;
    }
    match &data.op {
        Op::Bin(BinOp::Or | BinOp::Xor | BinOp::Add | BinOp::And | BinOp::Shl, ..) => Some(all),
        Op::Concat(_) | Op::Bswap(_) if assembler.merges_loads(all) => Some(all),
        _ => None,
    }
}

/// Puts each new load behind the operation that it belongs to.
fn place_loads(func: &mut Function, cfg: &Cfg, mut new_loads: BTreeMap<Inst, Vec<Inst>>) {
    if new_loads.is_empty() {
        return;
    }
    for &block in cfg.reverse_postorder() {
        let insts = std::mem::take(&mut func.blocks[block].insts);
        let mut placed = Vec::with_capacity(insts.len());
        for inst in insts {
            placed.push(inst);
            placed.extend(new_loads.remove(&inst).into_iter().flatten());
        }
        func.blocks[block].insts = placed;
    }
}
