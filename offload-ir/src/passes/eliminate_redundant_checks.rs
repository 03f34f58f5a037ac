//! Pass `eliminate_redundant_checks`: comparisons whose outcome is certain where they stand.
//!
//! Branches and executed accesses narrow the ranges of values in the blocks that they dominate; a comparison that ranges decide
//! becomes a constant, and so does one that follows from an earlier comparison of the same two values (`len < off + 14` is false,
//! so `len < off + 8` is). Values of which only one is possible anywhere become constants; masks that keep every possible
//! bit, and remainders that change nothing, go.
//!
//! Typical prey are length checks, which every layer of a protocol repeats. The branches stay for `simplify_cfg`.

use super::edit::{Leaves, Substitution};
use crate::analysis::cfg::Cfg;
use crate::analysis::conditions::Scope;
use crate::analysis::dominators::Dominators;
use crate::analysis::known::ValueFacts;
use crate::dfg::{low_mask, Dfg, Ty};
use crate::entities::{Inst, Value};
use crate::function::Function;
use crate::op::{BinOp, CmpOp, Op};

/// Eliminates redundant checks; see the module.
pub fn eliminate_redundant_checks(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let dom = Dominators::new(func, &cfg);
    let mut certain = Vec::new();
    let mut scope = Scope::new(&func.dfg, ValueFacts::new(func, &cfg));
    scope.walk(func, &cfg, &dom, &mut |scope, inst| {
        certain.extend(certainty(&func.dfg, scope, inst).map(|what| (inst, what)));
    });
    replace(func, &cfg, certain)
}

/// What a result always is, at the place of its operation.
enum Certain {
    Constant(u64),
    Value(Value),
    /// The unsigned comparison does the same.
    Unsigned,
}

fn certainty(dfg: &Dfg, scope: &Scope<'_>, inst: Inst) -> Option<Certain> {
    let data = &dfg.insts[inst];
    let v = data.result?;
    let Ty::Int(bits) = dfg.ty(v) else { return None };
    match &data.op {
        Op::Const(_) => return None,
        Op::Cmp(o, a, b) => {
            if let Some(c) = scope.decide(*o, *a, *b) {
                return Some(Certain::Constant(u64::from(c)));
            }
            let signed = matches!(o, CmpOp::Slt | CmpOp::Sle);
            let positive = |v: Value| scope.known(v).smin >= 0;
            return (signed && positive(*a) && positive(*b)).then_some(Certain::Unsigned);
        }
        Op::Bin(BinOp::And, a, b) => {
            let kept = dfg.as_const(*b).unwrap_or(0);
            if low_mask(bits) & !kept & !scope.known(*a).zeros == 0 {
                return Some(Certain::Value(*a));
            }
        }
        Op::Bin(BinOp::URem, a, b) if scope.known(*a).umax < scope.known(*b).umin => {
            return Some(Certain::Value(*a));
        }
        op if op.has_effect() => return None,
        _ => {}
    }
    scope.known(v).as_constant().map(Certain::Constant)
}

fn replace(func: &mut Function, cfg: &Cfg, certain: Vec<(Inst, Certain)>) -> bool {
    let changed = !certain.is_empty();
    let mut subst = Substitution::default();
    let mut leaves = Leaves::new(func);
    for (inst, what) in certain {
        let Some(v) = func.dfg.insts[inst].result else { continue };
        match what {
            Certain::Constant(c) => {
                let bits = func.dfg.bits(v);
                let c = leaves.constant(&mut func.dfg, bits, c);
                subst.replace(&mut func.dfg, v, c);
            }
            Certain::Value(by) => subst.replace(&mut func.dfg, v, by),
            Certain::Unsigned => {
                if let Op::Cmp(o, ..) = &mut func.dfg.insts[inst].op {
                    *o = if *o == CmpOp::Slt { CmpOp::Ult } else { CmpOp::Ule };
                }
            }
        }
    }
    leaves.finish(func);
    subst.apply(func, cfg);
    changed
}
