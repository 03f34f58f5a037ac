//! Invariants P1 to P5: a `Pipeline`.

use super::faults::{Faults, Sink, Site};
use super::ops::check_inst;
use super::Validated;
use crate::dfg::{Ty, ValueDef};
use crate::entities::{Inst, MapId, Value};
use crate::op::Op;
use crate::pipeline::Pipeline;
use std::collections::{BTreeMap, BTreeSet};

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
    check_changes(pipeline, sink);
    for v in pipeline.verdict.values() {
        let exists = dfg.values.is_valid(v);
        sound &= exists;
        let ok = exists && placed_def(v, &placed) && dfg.ty(v).bits().is_some();
        sink.require(ok, Site::Verdict, "P4", || format!("{v} is not a defined integer"));
    }
    sound
}

/// P5
fn check_changes(pipeline: &Pipeline, sink: &mut Sink) {
    let ops = || pipeline.order.iter().map(|&i| (i, &pipeline.dfg.insts[i].op));
    let mut lowered: BTreeMap<MapId, [Option<Inst>; 2]> = BTreeMap::new();
    for (inst, op) in ops() {
        let (map, kind) = match op {
            Op::MapInsert { map, .. } => (*map, Some(0)),
            Op::MapRemove { map, .. } => (*map, Some(1)),
            Op::MapTouch { map, .. } => (*map, None),
            _ => continue,
        };
        let seen = lowered.entry(map).or_default();
        let Some(kind) = kind else { continue };
        let second = seen[kind].replace(inst).is_some();
        sink.require(!second, Site::Inst(inst), "P5", || {
            format!("a second one of its kind for {map}")
        });
    }
    let mut changed: BTreeSet<MapId> = BTreeSet::new();
    for (inst, op) in ops() {
        match op {
            Op::MapUpdate { map, .. } | Op::MapDelete { map, .. } => {
                sink.require(!lowered.contains_key(map), Site::Inst(inst), "P5", || {
                    format!("{map} has been lowered")
                });
            }
            Op::MapInsert { map, .. } | Op::MapRemove { map, .. } => {
                changed.insert(*map);
            }
            Op::MapLookup { map, .. } => {
                sink.require(!changed.contains(map), Site::Inst(inst), "P5", || {
                    format!("a lookup in {map} after a change of its keys")
                });
            }
            _ => {}
        }
    }
}

/// A fault for each update or deletion that has not been lowered.
pub(super) fn check_lowered(pipeline: &Pipeline, sink: &mut Sink) {
    for &inst in &pipeline.order {
        let op = &pipeline.dfg.insts[inst].op;
        let lowered = !matches!(op, Op::MapUpdate { .. } | Op::MapDelete { .. });
        sink.require(lowered, Site::Inst(inst), "S1", || "this has to be lowered".into());
    }
}
