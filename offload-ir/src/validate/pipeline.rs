//! Invariants P1 to P5: a `Pipeline`.

use super::faults::{Faults, Sink, Site};
use super::ops::check_inst;
use super::Validated;
use crate::dfg::{Ty, ValueDef};
use crate::entities::{Inst, Value};
use crate::op::Op;
use crate::pipeline::Pipeline;
use std::collections::BTreeSet;

/// Checks the invariants of a `Pipeline` and stamps it.
///
/// # Errors
/// Every broken invariant, with the marked listing.
pub fn validate_pipeline(pipeline: Pipeline) -> Result<Validated<Pipeline>, Faults> {
    let mut sink = Sink::default();
    check_pipeline(&pipeline, &mut sink);
    sink.finish(|notes| pipeline.listing(notes))?;
    Ok(Validated(pipeline))
}

/// Collects the faults of `pipeline`; false if operands do not even exist.
pub(super) fn check_pipeline(pipeline: &Pipeline, sink: &mut Sink) -> bool {
    let dfg = &pipeline.dfg;
    let mut placed: BTreeSet<Inst> = BTreeSet::new();
    let mut sound = true;
    let placed_def = |v: Value, placed: &BTreeSet<Inst>| match dfg.values[v].def {
        ValueDef::Inst(i) => placed.contains(&i),
        ValueDef::Param(..) => false,
    };
    for &inst in &pipeline.order {
        let site = Site::Inst(inst);
        if !check_inst(dfg, inst, sink) {
            sound = false;
            continue;
        }
        let data = &dfg.insts[inst];
        let mut undefined: Vec<Value> = Vec::new();
        data.op.for_each_arg(|v| undefined.extend((!placed_def(v, &placed)).then_some(v)));
        undefined.extend(data.pred.filter(|p| !placed_def(*p, &placed)));
        sink.require(undefined.is_empty(), site, "P2", || {
            format!("{} is used before its definition", undefined[0])
        });
        if let Some(v) = data.result {
            let ok = dfg.values[v].def == ValueDef::Inst(inst);
            sink.require(ok, site, "P1", || format!("{v} is not defined here"));
        }
        let changes_keys = matches!(data.op, Op::MapUpdate { .. } | Op::MapDelete { .. });
        sink.require(!changes_keys, site, "P5", || "a pipeline cannot do this".into());
        if let Some(p) = data.pred {
            let may = data.op.has_effect() || data.op.reads_state();
            sink.require(may, site, "P3", || "this operation has no predicate".into());
            sink.require(dfg.ty(p) == Ty::Int(1), site, "P3", || {
                format!("the predicate {p} is not i1")
            });
        }
        sink.require(placed.insert(inst), site, "P1", || {
            "the operation stands in two places".into()
        });
    }
    for v in pipeline.verdict.values() {
        let exists = dfg.values.is_valid(v);
        sound &= exists;
        let ok = exists && placed_def(v, &placed) && dfg.ty(v).bits().is_some();
        sink.require(ok, Site::Verdict, "P4", || format!("{v} is not a defined integer"));
    }
    sound
}
