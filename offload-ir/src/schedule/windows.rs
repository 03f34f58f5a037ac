//! Long windows: what may be changed later than it is read, and the gates that keep younger packets from reading it meanwhile.

use super::model::{Anchor, Demands, Model};
use super::problem::Solution;
use crate::dfg::Ty;
use crate::entities::{Inst, MapId, Stage, Value};
use crate::if_convert::{BoolFn, Emitter};
use crate::op::Op;
use crate::pipeline::{Gate, GateKind, Pipeline};
use crate::ports::SlotAccesses;
use crate::target::TargetDesc;
use std::collections::BTreeMap;

/// A gate in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub map: MapId,
    pub kind: GateKind,
    /// Where the gate stands.
    pub at: Anchor,
    /// The entry that may be changed.
    pub write: Value,
    /// What may change it.
    changes: Vec<Inst>,
    pub may: Option<Value>,
}

/// The windows that are longer than a stage in `solution`.
pub(super) fn windows(p: &Pipeline, model: &Model, solution: &Solution) -> Vec<Window> {
    let s = &solution.stages;
    let mut found = Vec::new();
    for keys in &model.keys {
        let Some(remove) = keys.remove.filter(|r| s[*r] > s[keys.answer]) else { continue };
        let change = p.order.iter().copied().find(|i| {
            matches!(p.dfg.insts[*i].op, Op::MapRemove { map, .. } if map == keys.map)
                && model.task_of[*i] == Some(remove)
        });
        let Some(change) = change else { continue };
        let Op::MapRemove { entry, .. } = p.dfg.insts[change].op else { continue };
        for write in probes_of(p, entry) {
            let (map, kind, at) = (keys.map, GateKind::Keys, Anchor::Probes(keys.map));
            found.push(Window { map, kind, at, write, changes: vec![change], may: None });
        }
    }
    for (n, port) in model.ports.iter().enumerate() {
        if s[port.commit] > s[port.row] {
            let (map, kind, at) = (port.map, GateKind::Rows, Anchor::Row(n));
            found.push(Window {
                map,
                kind,
                at,
                write: port.entry,
                changes: port.changes.clone(),
                may: None,
            });
        }
    }
    found
}

/// The lookups whose result `entry` may be, or whose key it may have inserted.
fn probes_of(p: &Pipeline, entry: Value) -> Vec<Value> {
    let mut found = Vec::new();
    let mut work = vec![entry];
    while let Some(v) = work.pop() {
        match p.dfg.def(v) {
            Some(Op::MapLookup { .. }) if !found.contains(&v) => found.push(v),
            Some(Op::MapInsert { entry, .. }) => work.push(*entry),
            Some(Op::Select { if_true, if_false, .. }) => work.extend([*if_true, *if_false]),
            _ => {}
        }
    }
    found.sort_unstable();
    found
}

/// The first question (of a lookup or for a row) whose answer is under way where a gate stands: how the two are
/// to be kept apart, one way or the other.
pub(super) fn crossing(
    p: &Pipeline,
    model: &Model,
    solution: &Solution,
    target: &TargetDesc,
    windows: &[Window],
) -> Option<Vec<(Anchor, Anchor, i32)>> {
    let s = &solution.stages;
    let mut questions: Vec<(Anchor, i32)> = Vec::new();
    for &inst in &p.order {
        if let Op::MapLookup { map, .. } = p.dfg.insts[inst].op {
            if p.dfg.maps[map].kind.has_key_table() {
                questions
                    .push((Anchor::Lookup(inst), p.dfg.maps[map].lookup_latency(target) as i32));
            }
        }
    }
    questions.extend((0..model.ports.len()).map(|n| (Anchor::Row(n), target.value_latency as i32)));
    for w in windows {
        let at = s[model.anchor(w.at)?];
        if at == 0 {
            return Some(vec![(Anchor::Start, w.at, 1)]);
        }
        for &(question, latency) in &questions {
            let asked = s[model.anchor(question)?];
            if asked < at && at <= asked + latency {
                return Some(vec![(question, w.at, latency + 1), (w.at, question, 0)]);
            }
        }
    }
    None
}

/// Makes the values that the gates need: entries that stand for what is inserted too, and `may`.
pub(super) fn make_values(
    p: &mut Pipeline,
    model: &Model,
    solution: &Solution,
    windows: &mut [Window],
) {
    let mut e = Emitter::new(std::mem::take(&mut p.dfg), std::mem::take(&mut p.order));
    for inst in e.order.clone() {
        if let Some(v) = e.dfg.insts[inst].result.filter(|v| e.dfg.ty(*v) == Ty::Int(1)) {
            e.function_of(v);
        }
    }
    for w in windows.iter_mut() {
        if w.kind == GateKind::Rows {
            w.write = written_entry(&mut e, w);
        }
        w.may = may_change(&mut e, model, solution, w);
    }
    p.dfg = e.dfg;
    p.order = e.order;
}

/// The port's entry, or that which is inserted if there is none.
fn written_entry(e: &mut Emitter, w: &Window) -> Value {
    let mut work: Vec<Value> =
        w.changes.iter().filter_map(|&i| entry_of(&e.dfg.insts[i].op)).collect();
    let mut inserted = None;
    while let Some(v) = work.pop().filter(|_| inserted.is_none()) {
        match e.dfg.def(v) {
            Some(Op::MapInsert { .. }) => inserted = Some(v),
            Some(Op::Select { if_true, if_false, .. }) => work.extend([*if_true, *if_false]),
            _ => {}
        }
    }
    match inserted {
        None => w.write,
        Some(inserted) => {
            let absent = e.op(Op::EntryIsNull(w.write), Ty::Int(1));
            e.op(
                Op::Select { cond: absent, if_true: inserted, if_false: w.write },
                Ty::Entry(w.map),
            )
        }
    }
}

fn entry_of(op: &Op) -> Option<Value> {
    match op {
        Op::MapStore { entry, .. } | Op::MapAtomic { entry, .. } | Op::MapRemove { entry, .. } => {
            Some(*entry)
        }
        _ => None,
    }
}

/// The strongest condition, of what is known where the gate stands, without which nothing is changed; none if there is no such.
fn may_change(e: &mut Emitter, model: &Model, solution: &Solution, w: &Window) -> Option<Value> {
    let gate = solution.stages[model.anchor(w.at)?];
    let mut may = BoolFn::FALSE;
    for &change in &w.changes {
        let when = match e.dfg.insts[change].pred {
            Some(v) => e.conditions.of(&e.dfg, v),
            None => BoolFn::TRUE,
        };
        may = e.conditions.bdd.or(may, when);
    }
    if e.conditions.bdd.has_unknown(may) {
        return None;
    }
    let mut known: BTreeMap<Value, bool> = BTreeMap::new();
    for var in e.conditions.bdd.support(may) {
        let (v, _) = e.conditions.literal(var);
        if !is_known(e, model, solution, gate, v, &mut known) {
            may = e.conditions.bdd.exists(may, var);
        }
    }
    (may != BoolFn::TRUE).then(|| e.value_of(may))
}

/// True if `v` depends on nothing that comes behind stage `gate`.
fn is_known(
    e: &Emitter,
    model: &Model,
    solution: &Solution,
    gate: i32,
    v: Value,
    known: &mut BTreeMap<Value, bool>,
) -> bool {
    if let Some(&k) = known.get(&v) {
        return k;
    }
    let Some(inst) = e.dfg.maker(v) else { return true };
    let op = &e.dfg.insts[inst].op;
    let mut operands = Vec::new();
    op.for_each_arg(|a| operands.push(a));
    let mut k = match model.result(inst) {
        Some(task) if op.reads_state() || op.has_effect() => solution.stages[task] <= gate,
        _ => true,
    };
    k = k && operands.into_iter().all(|a| is_known(e, model, solution, gate, a, known));
    known.insert(v, k);
    k
}

/// The values that the gates need, with where.
pub(super) fn demanded(windows: &[Window], demands: &mut Demands) {
    demands.gates.clear();
    for w in windows {
        demands.gates.extend(w.may.map(|v| (w.at, v, true)));
        if w.kind == GateKind::Rows {
            demands.gates.push((w.at, w.write, false));
        }
    }
}

/// The gates of a solved schedule.
pub(super) fn gates(
    p: &Pipeline,
    model: &Model,
    solution: &Solution,
    slots: &[SlotAccesses],
    windows: &[Window],
) -> Vec<Gate> {
    let s = &solution.stages;
    let place = |w: &Window| {
        let (stage, commit) = match w.at {
            Anchor::Row(n) => (s[model.ports[n].issue], s[model.ports[n].commit]),
            _ => {
                let keys = model.keys.iter().find(|k| k.map == w.map);
                keys.map_or((0, 0), |k| (s[k.probe], k.remove.map_or(0, |r| s[r])))
            }
        };
        (stage, commit)
    };
    let mut gates: Vec<Gate> = Vec::new();
    for w in windows {
        let (stage, commit) = place(w);
        if commit <= stage {
            continue;
        }
        let reads = match w.kind {
            GateKind::Keys => p
                .order
                .iter()
                .filter_map(|&i| match p.dfg.insts[i].op {
                    Op::MapLookup { map, .. } if map == w.map => p.dfg.insts[i].result,
                    _ => None,
                })
                .collect(),
            GateKind::Rows => {
                let Anchor::Row(n) = w.at else { continue };
                let mine = slots.iter().filter(|o| o.map == w.map && o.rows == slots[n].rows);
                mine.map(|o| o.entry).collect()
            }
        };
        let inside = windows.iter().any(|o| stage < place(o).0 && place(o).0 <= commit);
        gates.push(Gate {
            map: w.map,
            kind: w.kind,
            stage: Stage::from_u32(stage as u32),
            commit: Stage::from_u32(commit as u32),
            // As many packets are under way as there are stages from the gate to the change, one of which is just being let go.
            depth: (commit - stage) as u32 + if inside { 4 } else { 0 },
            reads,
            write: w.write,
            may: w.may,
        });
    }
    gates.sort_by_key(|g| g.stage);
    gates
}
