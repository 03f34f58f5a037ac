//! A solved problem as a `StagedPipeline`.

use super::bytes::Window;
use super::model::Model;
use super::problem::{Solution, Task, EXIT};
use crate::entities::{Inst, Stage, Value};
use crate::op::Op;
use crate::pipeline::{
    Boundary, ByteCoord, ByteExit, Gate, LookupPort, Pipeline, StagedPipeline, ValuePort,
};
use crate::target::TargetDesc;
use cranelift_entity::SecondaryMap;

/// Lays `pipeline` out as `solution` says.
pub(super) fn stage(
    mut pipeline: Pipeline,
    window: &Window,
    model: &Model,
    solution: &Solution,
    target: &TargetDesc,
    gates: Vec<Gate>,
) -> StagedPipeline {
    let at = |task: Task| solution.stages[task] as u32;
    let mut stage_of: SecondaryMap<Inst, Stage> = SecondaryMap::with_default(Stage::from_u32(0));
    for &inst in &pipeline.order {
        stage_of[inst] = Stage::from_u32(model.task_of[inst].map_or(0, at));
    }
    pipeline.order.sort_by_key(|&inst| stage_of[inst]); // stable: program order within a stage
    let num_stages = at(EXIT);
    let lookups = lookups(&pipeline, &stage_of);
    let value_ports = model.ports.iter().map(|port| ValuePort {
        map: port.map,
        entry: port.entry,
        issue: Stage::from_u32(at(port.issue)),
        commit: Stage::from_u32(at(port.commit)),
        rows: port.rows,
        accesses: in_order(&pipeline, &port.accesses),
    });
    let coords = || window.bytes.iter().map(|b| b.coord);
    let exits = window.bytes.iter().filter(|b| b.exit != ByteExit::Original);
    StagedPipeline {
        num_stages,
        boundaries: boundaries(window, model, solution, num_stages),
        lookups,
        value_ports: value_ports.collect(),
        gates,
        headroom: coords().min().map_or(0, |c| c.min(0).unsigned_abs()),
        window: coords().max().map_or(0, |c| (c + 1).max(0).unsigned_abs()),
        exits: exits.map(|b| (b.coord, b.exit.clone())).collect(),
        stage_of,
        pipeline,
        target: target.clone(),
    }
}

/// `accesses` in the order in which they happen.
fn in_order(p: &Pipeline, accesses: &[Inst]) -> Vec<Inst> {
    p.order.iter().copied().filter(|i| accesses.contains(i)).collect()
}

fn lookups(p: &Pipeline, stage_of: &SecondaryMap<Inst, Stage>) -> Vec<LookupPort> {
    let keyed = p.order.iter().filter_map(|&inst| match p.dfg.insts[inst].op {
        Op::MapLookup { map, .. } if p.dfg.maps[map].kind.has_key_table() => {
            Some(LookupPort { map, inst, issue: stage_of[inst] })
        }
        _ => None,
    });
    keyed.collect()
}

fn boundaries(
    window: &Window,
    model: &Model,
    solution: &Solution,
    num_stages: u32,
) -> Vec<Boundary> {
    let s = &solution.stages;
    let mut values: Vec<Vec<Value>> = vec![Vec::new(); num_stages as usize];
    let mut bytes: Vec<Vec<ByteCoord>> = vec![Vec::new(); num_stages as usize];
    for &(v, n) in &model.values {
        let carried = &model.problem.carried[n];
        let last = carried.uses.iter().map(|&u| s[u]).max().unwrap_or(0);
        (s[carried.from]..last).for_each(|b| values[b as usize].push(v));
    }
    for byte in &window.bytes {
        for interval in &byte.intervals {
            let last = interval.uses.iter().map(|&u| s[model.point(u)]).max().unwrap_or(0);
            (s[model.point(interval.from)]..last).for_each(|b| bytes[b as usize].push(byte.coord));
        }
    }
    let sorted = values.into_iter().zip(bytes).map(|(mut values, mut bytes)| {
        values.sort_unstable();
        bytes.sort_unstable();
        bytes.dedup();
        Boundary { values, bytes }
    });
    sorted.collect()
}
