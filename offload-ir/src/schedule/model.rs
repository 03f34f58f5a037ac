//! A pipeline and a target as an instance of the scheduling problem.

use super::bytes::{Point, Window};
use super::delay::Delays;
use super::deps::state_order;
use super::problem::{Carried, Problem, Task, EXIT, SOURCE};
use crate::dfg::{Dfg, Ty};
use crate::entities::{Inst, MapId, Value};
use crate::hash::bank_depth_log2;
use crate::op::Op;
use crate::pipeline::{ByteExit, Pipeline};
use crate::target::TargetDesc;
use cranelift_entity::SecondaryMap;
use std::collections::BTreeMap;

/// The row of one entry of a map.
pub(super) struct Port {
    pub map: MapId,
    pub entry: Value,
    pub accesses: Vec<Inst>,
    /// The request of the row.
    pub issue: Task,
    /// Its arrival.
    pub row: Task,
}

/// The problem, and which task stands for what.
pub(super) struct Model {
    pub problem: Problem,
    /// The task of each operation; of a lookup in a key table, the presentation of the key. Constants have none.
    pub task_of: SecondaryMap<Inst, Option<Task>>,
    /// When an operation's result is there, if not with its task.
    pub result_of: SecondaryMap<Inst, Option<Task>>,
    pub ports: Vec<Port>,
    /// Each registered value, with its index in the problem's list of carried things.
    pub values: Vec<(Value, usize)>,
}

/// Registers that `v` needs at each boundary: its width; for an entry, slot number and presence.
pub fn register_bits_of(dfg: &Dfg, v: Value) -> u32 {
    match dfg.ty(v) {
        Ty::Int(bits) => u32::from(bits),
        Ty::Entry(map) => {
            let decl = &dfg.maps[map];
            if decl.kind.has_key_table() {
                bank_depth_log2(decl.max_entries) + 3
            } else {
                decl.max_entries.max(1).next_power_of_two().trailing_zeros() + 1
            }
        }
    }
}

impl Model {
    pub fn new(p: &Pipeline, window: &Window, target: &TargetDesc) -> Self {
        let problem =
            Problem { delays: vec![0, 0], logic_ps: target.logic_ps(), ..Problem::default() };
        let mut m = Self {
            problem,
            task_of: SecondaryMap::new(),
            result_of: SecondaryMap::new(),
            ports: Vec::new(),
            values: Vec::new(),
        };
        m.problem.order(SOURCE, EXIT, 1);
        m.add_tasks(p, window, target);
        m.add_flow(p);
        m.add_state_order(p);
        m.add_ports(p, target);
        m.add_values(p, window);
        m.add_bytes(window);
        m
    }

    fn result(&self, inst: Inst) -> Option<Task> {
        self.result_of[inst].or(self.task_of[inst])
    }

    fn result_of_value(&self, dfg: &Dfg, v: Value) -> Option<Task> {
        dfg.maker(v).and_then(|inst| self.result(inst))
    }

    fn add_tasks(&mut self, p: &Pipeline, window: &Window, target: &TargetDesc) {
        let delays = Delays(target);
        for &inst in &p.order {
            let op = &p.dfg.insts[inst].op;
            let task = match op {
                Op::Const(_) | Op::EntryConst { .. } => continue,
                Op::MapLookup { map, .. } if p.dfg.maps[*map].kind.has_key_table() => {
                    let task = self.problem.task(delays.key(8 * p.dfg.maps[*map].key_size));
                    let result = self.problem.task(0);
                    self.problem.tie(task, result, p.dfg.maps[*map].lookup_latency(target) as i32);
                    self.problem.order(result, EXIT, 1);
                    self.result_of[inst] = Some(result);
                    task
                }
                _ => self.problem.task(delays.of(&p.dfg, inst, window.touches.get(&inst))),
            };
            if matches!(op, Op::Input(_)) {
                self.problem.tie(SOURCE, task, 0);
            }
            if matches!(op, Op::EventOutput { .. }) {
                self.problem.tie(task, EXIT, 1);
            }
            self.problem.order(task, EXIT, 1);
            self.task_of[inst] = Some(task);
        }
    }

    fn add_flow(&mut self, p: &Pipeline) {
        for &inst in &p.order {
            let Some(task) = self.task_of[inst] else { continue };
            let data = &p.dfg.insts[inst];
            let mut operands: Vec<Value> = data.pred.into_iter().collect();
            data.op.for_each_arg(|v| operands.push(v));
            for v in operands {
                if let Some(from) = self.result_of_value(&p.dfg, v) {
                    self.problem.flow(from, task);
                }
            }
        }
    }

    fn add_state_order(&mut self, p: &Pipeline) {
        for (earlier, later) in state_order(p) {
            let (Some(a), Some(b)) = (self.task_of[earlier], self.task_of[later]) else { continue };
            if p.dfg.insts[earlier].op.has_effect() {
                self.problem.flow(a, b);
            } else {
                self.problem.order(a, b, 0);
            }
        }
    }

    /// All accesses to one entry of a map share the row; they take place where it arrives.
    fn add_ports(&mut self, p: &Pipeline, target: &TargetDesc) {
        let mut found: Vec<(MapId, Value, Vec<Inst>)> = Vec::new();
        let mut written: BTreeMap<MapId, bool> = BTreeMap::new();
        for &inst in &p.order {
            let op = &p.dfg.insts[inst].op;
            let (Op::MapLoad { map, entry, .. }
            | Op::MapStore { map, entry, .. }
            | Op::MapAtomic { map, entry, .. }) = op
            else {
                continue;
            };
            *written.entry(*map).or_default() |= op.has_effect();
            match found.iter_mut().find(|f| (f.0, f.1) == (*map, *entry)) {
                Some(f) => f.2.push(inst),
                None => found.push((*map, *entry, vec![inst])),
            }
        }
        for (map, entry, accesses) in found {
            let delays = Delays(target);
            let issue = self.problem.task(delays.request());
            let row = self.problem.task(delays.row(written[&map]));
            self.problem.tie(issue, row, target.value_latency as i32);
            self.problem.order(row, EXIT, 1);
            if let Some(made) = self.result_of_value(&p.dfg, entry) {
                self.problem.flow(made, issue);
            }
            for task in accesses.iter().filter_map(|&a| self.task_of[a]) {
                self.problem.tie(row, task, 0);
                self.problem.flow(row, task);
            }
            self.ports.push(Port { map, entry, accesses, issue, row });
        }
    }

    fn add_values(&mut self, p: &Pipeline, window: &Window) {
        let mut uses: BTreeMap<Value, Vec<Task>> = BTreeMap::new();
        for &inst in &p.order {
            let Some(task) = self.task_of[inst] else { continue };
            let data = &p.dfg.insts[inst];
            // Records leave with the descriptor.
            let at = if matches!(data.op, Op::EventOutput { .. }) { EXIT } else { task };
            let mut used = |v: Value| uses.entry(v).or_default().push(at);
            data.op.for_each_arg(&mut used);
            data.pred.into_iter().for_each(used);
        }
        for port in &self.ports {
            uses.entry(port.entry).or_default().push(port.issue);
        }
        let patches = window.bytes.iter().filter_map(|b| match &b.exit {
            ByteExit::Patched(predicates) => Some(predicates),
            ByteExit::Original => None,
        });
        for v in p.verdict.values().into_iter().chain(patches.flatten().copied()) {
            uses.entry(v).or_default().push(EXIT);
        }
        for (v, mut uses) in uses {
            let Some(from) = self.result_of_value(&p.dfg, v) else { continue };
            uses.sort_unstable();
            uses.dedup();
            self.values.push((v, self.problem.carried.len()));
            self.problem.carried.push(Carried {
                bits: u64::from(register_bits_of(&p.dfg, v)),
                from,
                uses,
            });
        }
    }

    /// Bytes that are carried over the same interval count together.
    fn add_bytes(&mut self, window: &Window) {
        let mut alike: BTreeMap<(Task, Vec<Task>), u64> = BTreeMap::new();
        for interval in window.bytes.iter().flat_map(|b| &b.intervals) {
            let mut uses: Vec<Task> = interval.uses.iter().map(|&u| self.point(u)).collect();
            uses.sort_unstable();
            uses.dedup();
            *alike.entry((self.point(interval.from), uses)).or_default() += 8;
        }
        self.problem.carried.extend(alike.into_iter().map(|((from, uses), bits)| Carried {
            bits,
            from,
            uses,
        }));
    }

    pub fn point(&self, p: Point) -> Task {
        match p {
            Point::Arrival => SOURCE,
            Point::Leaving => EXIT,
            Point::At(inst) => self.task_of[inst].expect("packet operations have tasks"),
        }
    }
}
