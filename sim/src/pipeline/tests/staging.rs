//! Pipelines laid out over stages at random: windows of every length, gates before them, ports at their rows.

use super::Rng;
use beeline_ir::dfg::Dfg;
use beeline_ir::entities::{Inst, MapId, Stage, Value};
use beeline_ir::op::Op;
use beeline_ir::pipeline::{Boundary, Gate, GateKind, LookupPort, ValuePort};
use beeline_ir::schedule::deps::state_order;
use beeline_ir::target::TargetDesc;
use beeline_ir::{Pipeline, StagedPipeline};
use cranelift_entity::{EntityRef, SecondaryMap};
use std::collections::BTreeMap;

/// Stages from a key to its entry in a keyed map.
const LATENCY: usize = 2;

/// Operations whose stages are tied together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// All lookups of a table; insertions and touches `LATENCY` later.
    Keys(MapId),
    /// The removal.
    Removal(MapId),
    /// The rows of a map: loads one stage after the request.
    Rows(MapId),
    /// Stores and atomic operations.
    Commit(MapId),
    Single(Inst),
}

/// The stages of a random schedule, by group.
type Stages = BTreeMap<Group, usize>;

fn place(dfg: &Dfg, inst: Inst) -> (Group, usize) {
    match dfg.insts[inst].op {
        Op::MapLookup { map, .. } if dfg.maps[map].kind.has_key_table() => (Group::Keys(map), 0),
        Op::MapInsert { map, .. } | Op::MapTouch { map, .. } => (Group::Keys(map), LATENCY),
        Op::MapRemove { map, .. } => (Group::Removal(map), 0),
        Op::MapLoad { map, .. } => (Group::Rows(map), 1),
        Op::MapStore { map, .. } | Op::MapAtomic { map, .. } => (Group::Commit(map), 0),
        _ => (Group::Single(inst), 0),
    }
}

/// First stage in which the result of `inst` exists.
fn available(dfg: &Dfg, inst: Inst, stages: &Stages) -> usize {
    let (group, offset) = place(dfg, inst);
    let late = match dfg.insts[inst].op {
        Op::MapLookup { map, .. } if dfg.maps[map].kind.has_key_table() => LATENCY,
        _ => 0,
    };
    stages[&group] + offset + late
}

/// Lays `p` out with random distances, and finds the gates that it then needs; none if a gate would stand where none may.
///
/// `may` names the condition under which a map's keys (`false`) or rows (`true`) may change.
pub fn stage_at_random(
    p: &Pipeline,
    rng: &mut Rng,
    may: &BTreeMap<(MapId, bool), Value>,
) -> Option<StagedPipeline> {
    let dfg = &p.dfg;
    let stages = stages(p, rng, may);
    let target = TargetDesc {
        hash_latency: LATENCY as u32,
        value_latency: 1,
        ..TargetDesc::built_in("xcup").unwrap()
    };
    let at = |inst: Inst| {
        let (group, offset) = place(dfg, inst);
        stages[&group] + offset
    };
    let mut stage_of = SecondaryMap::with_default(Stage::new(0));
    p.order.iter().for_each(|&i| stage_of[i] = Stage::new(at(i)));
    let last = p.order.iter().map(|&i| available(dfg, i, &stages)).max().unwrap();
    let mut staged = StagedPipeline {
        pipeline: p.clone(),
        target,
        num_stages: last as u32 + 1,
        stage_of,
        boundaries: Vec::new(),
        lookups: Vec::new(),
        value_ports: Vec::new(),
        gates: Vec::new(),
        headroom: 0,
        window: 16,
        exits: Vec::new(),
    };
    staged.pipeline.order.sort_by_key(|&i| at(i));
    ports(&mut staged, &stages);
    gates(&mut staged, &stages, rng, may);
    staged.boundaries = boundaries(&staged, &stages);
    let stands_well = |g: &Gate| {
        let s = g.stage;
        let keys =
            staged.lookups.iter().all(|l| s <= l.issue || s.index() > l.issue.index() + LATENCY);
        let rows =
            staged.value_ports.iter().all(|v| s <= v.issue || s.index() > v.issue.index() + 1);
        s.index() > 0 && keys && rows
    };
    staged.gates.iter().all(stands_well).then_some(staged)
}

/// True if changes of the map's values must happen where its rows are there.
fn has_atomic(p: &Pipeline, map: MapId) -> bool {
    let atomic = |i: &Inst| matches!(p.dfg.insts[*i].op, Op::MapAtomic { map: m, .. } if m == map);
    p.order.iter().any(atomic)
}

/// The smallest stages that respect all dependences and a random delay of each group.
fn stages(p: &Pipeline, rng: &mut Rng, may: &BTreeMap<(MapId, bool), Value>) -> Stages {
    let dfg = &p.dfg;
    let mut stages: Stages = p.order.iter().map(|&i| (place(dfg, i).0, 0)).collect();
    let slow: BTreeMap<Group, usize> = stages
        .keys()
        .map(|g| match g {
            Group::Single(i) if matches!(dfg.insts[*i].op, Op::Input(_)) => (*g, 0),
            Group::Single(_) => (*g, usize::from(rng.below(6) == 0)),
            Group::Commit(map) if has_atomic(p, *map) => (*g, 0),
            Group::Keys(_) | Group::Rows(_) => (*g, rng.below(3) as usize),
            Group::Removal(_) | Group::Commit(_) => {
                (*g, rng.below(2) as usize * rng.below(6) as usize)
            }
        })
        .collect();
    let order = state_order(p);
    loop {
        let mut next = stages.clone();
        let mut raise = |group: Group, least: usize| {
            let s = next.get_mut(&group).unwrap();
            *s = (*s).max(least);
        };
        for &inst in &p.order {
            let data = &dfg.insts[inst];
            let (group, offset) = place(dfg, inst);
            let mut least = 0;
            let mut operand = |v: Value| {
                let made = available(dfg, dfg.maker(v).unwrap(), &stages);
                least = least.max(made);
            };
            data.op.for_each_arg(&mut operand);
            data.pred.into_iter().for_each(&mut operand);
            for (earlier, later) in &order {
                if *later == inst {
                    let (g, o) = place(dfg, *earlier);
                    least = least.max(stages[&g] + o);
                }
            }
            // An insertion waits for lookups of its own group.
            let delay = if matches!(data.op, Op::MapInsert { .. }) { 0 } else { slow[&group] };
            raise(group, (least + delay).saturating_sub(offset));
            let value = |v: &Value| available(dfg, dfg.maker(*v).unwrap(), &stages);
            match &data.op {
                // The row is requested when the entry is there.
                Op::MapLoad { map, entry, .. }
                | Op::MapStore { map, entry, .. }
                | Op::MapAtomic { map, entry, .. } => {
                    let condition = may.get(&(*map, true)).map_or(0, value);
                    raise(Group::Rows(*map), value(entry).max(condition).max(1));
                    if has_atomic(p, *map) {
                        let commit = stages[&Group::Commit(*map)];
                        raise(Group::Rows(*map), commit.saturating_sub(1));
                    }
                    raise(
                        Group::Commit(*map),
                        stages[&Group::Rows(*map)] + 1 + slow[&Group::Commit(*map)],
                    );
                }
                Op::MapRemove { map, .. } => {
                    let condition = may.get(&(*map, false)).map_or(0, value);
                    raise(Group::Keys(*map), condition.max(1));
                    raise(group, stages[&Group::Keys(*map)] + LATENCY + slow[&group]);
                }
                _ => {}
            }
        }
        if next == stages {
            return stages;
        }
        assert!(next.values().all(|s| *s < 100), "no stages for\n{p}\n{next:?}");
        stages = next;
    }
}

fn ports(staged: &mut StagedPipeline, stages: &Stages) {
    let dfg = &staged.pipeline.dfg;
    for &inst in &staged.pipeline.order {
        let access = match dfg.insts[inst].op {
            Op::MapLookup { map, .. } if dfg.maps[map].kind.has_key_table() => {
                staged.lookups.push(LookupPort { map, inst, issue: staged.stage_of[inst] });
                continue;
            }
            Op::MapLoad { map, entry, .. }
            | Op::MapStore { map, entry, .. }
            | Op::MapAtomic { map, entry, .. } => (map, entry),
            _ => continue,
        };
        let (map, entry) = access;
        let port = staged.value_ports.iter_mut().find(|v| (v.map, v.entry) == access);
        match port {
            Some(port) => port.accesses.push(inst),
            None => staged.value_ports.push(ValuePort {
                map,
                entry,
                issue: Stage::new(stages[&Group::Rows(map)]),
                commit: Stage::new(stages[&Group::Commit(map)]),
                rows: None,
                accesses: vec![inst],
            }),
        }
    }
    for port in &mut staged.value_ports {
        if !port.accesses.iter().any(|&i| dfg.insts[i].op.has_effect()) {
            port.commit = Stage::new(port.issue.index() + 1);
        }
    }
}

fn gates(
    staged: &mut StagedPipeline,
    stages: &Stages,
    rng: &mut Rng,
    may: &BTreeMap<(MapId, bool), Value>,
) {
    let dfg = &staged.pipeline.dfg;
    let mut gates = Vec::new();
    for map in dfg.maps.keys() {
        let depth = |rng: &mut Rng, from: usize, to: usize| {
            if rng.below(3) == 0 {
                1 + rng.below(3) as u32
            } else {
                (to - from) as u32
            }
        };
        let lookups: Vec<Inst> =
            staged.lookups.iter().filter(|l| l.map == map).map(|l| l.inst).collect();
        let removal = staged.pipeline.order.iter().find_map(|&i| match dfg.insts[i].op {
            Op::MapRemove { map: m, entry } if m == map => Some(entry),
            _ => None,
        });
        if let Some(write) = removal {
            let (stage, commit) = (stages[&Group::Keys(map)], stages[&Group::Removal(map)]);
            if commit > stage + LATENCY {
                gates.push(Gate {
                    map,
                    kind: GateKind::Keys,
                    stage: Stage::new(stage),
                    commit: Stage::new(commit),
                    depth: depth(rng, stage, commit),
                    reads: lookups.iter().map(|&i| dfg.insts[i].result.unwrap()).collect(),
                    write,
                    may: may.get(&(map, false)).copied(),
                });
            }
        }
        let writes = |i: &Inst| dfg.insts[*i].op.has_effect();
        let ports = || staged.value_ports.iter().filter(|v| v.map == map);
        let writer = ports().find(|v| v.accesses.iter().any(writes));
        if let Some(writer) = writer.filter(|v| v.commit.index() > v.issue.index() + 1) {
            gates.push(Gate {
                map,
                kind: GateKind::Rows,
                stage: writer.issue,
                commit: writer.commit,
                depth: depth(rng, writer.issue.index(), writer.commit.index()),
                reads: ports().map(|v| v.entry).collect(),
                write: writer.entry,
                may: may.get(&(map, true)).copied(),
            });
        }
    }
    gates.sort_by_key(|g| g.stage);
    staged.gates = gates;
}

/// What must be registered: every value from where it is made to where it is used last, and the whole window.
fn boundaries(staged: &StagedPipeline, stages: &Stages) -> Vec<Boundary> {
    let (p, n) = (&staged.pipeline, staged.num_stages as usize);
    let mut last: BTreeMap<Value, usize> = BTreeMap::new();
    let mut used = |v: Value, stage: usize| {
        let l = last.entry(v).or_default();
        *l = stage.max(*l);
    };
    for &inst in &p.order {
        let stage = staged.stage_of[inst].index();
        p.dfg.insts[inst].op.for_each_arg(|v| used(v, stage));
        p.dfg.insts[inst].pred.into_iter().for_each(|v| used(v, stage));
    }
    for port in &staged.value_ports {
        let writes = port.accesses.iter().any(|i| p.dfg.insts[*i].op.has_effect());
        used(port.entry, port.slot_until(&staged.value_ports, 1, writes).index());
    }
    for gate in &staged.gates {
        gate.may.into_iter().for_each(|v| used(v, gate.commit.index()));
    }
    p.verdict.values().into_iter().for_each(|v| used(v, n));
    let constant = |v: Value| matches!(p.dfg.def(v), Some(Op::Const(_) | Op::EntryConst { .. }));
    let live = |stage: usize| {
        let live = last.iter().filter(|(v, last)| {
            let made = available(&p.dfg, p.dfg.maker(**v).unwrap(), stages);
            !constant(**v) && made <= stage && stage < **last
        });
        live.map(|(v, _)| *v).collect()
    };
    let bytes = |stage: usize| {
        let mut bytes: Vec<i32> = Vec::new();
        for &inst in p.order.iter().filter(|&&i| staged.stage_of[i].index() > stage) {
            if let Op::PktLoad { bounds, .. } = p.dfg.insts[inst].op {
                bytes.extend(bounds.as_constant().map(|c| c as i32));
            }
        }
        bytes.sort_unstable();
        bytes
    };
    (0..n).map(|stage| Boundary { values: live(stage), bytes: bytes(stage) }).collect()
}
