//! Pass `absorb_negations`: the negation of a comparison is the opposite comparison.
//!
//! `fold_constants` leaves `eq`, `ult` and `slt` only, and negations of them; this pass, the last one, writes `ne`, `ule` and `sle`
//! where the negated comparison has no other use, which is what a person would write.

use crate::analysis::cfg::Cfg;
use crate::analysis::liveness::use_counts;
use crate::dfg::{Dfg, ValueDef};
use crate::entities::Value;
use crate::function::Function;
use crate::op::{BinOp, CmpOp, Op};
use cranelift_entity::SecondaryMap;

/// Absorbs negations; see the module.
pub fn absorb_negations(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let uses = use_counts(func, &cfg);
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        for &inst in &func.blocks[block].insts {
            if let Some(op) = opposite(&func.dfg, &uses, &func.dfg.insts[inst].op) {
                func.dfg.insts[inst].op = op;
                changed = true;
            }
        }
    }
    changed | super::eliminate_dead_code(func)
}

/// The comparison that `op`, a negation, means.
fn opposite(dfg: &Dfg, uses: &SecondaryMap<Value, u32>, op: &Op) -> Option<Op> {
    let Op::Bin(BinOp::Xor, x, one) = op else {
        return None;
    };
    if dfg.as_const(*one) != Some(1) || dfg.bits(*x) != 1 || uses[*x] != 1 {
        return None;
    }
    let ValueDef::Inst(compare) = dfg.values[*x].def else {
        return None;
    };
    let Op::Cmp(o, a, b) = dfg.insts[compare].op else {
        return None;
    };
    Some(match o {
        CmpOp::Eq => Op::Cmp(CmpOp::Ne, a, b),
        CmpOp::Ne => Op::Cmp(CmpOp::Eq, a, b),
        CmpOp::Ult => Op::Cmp(CmpOp::Ule, b, a),
        CmpOp::Ule => Op::Cmp(CmpOp::Ult, b, a),
        CmpOp::Slt => Op::Cmp(CmpOp::Sle, b, a),
        CmpOp::Sle => Op::Cmp(CmpOp::Slt, b, a),
    })
}
