//! A pipeline and a target as an instance of the scheduling problem.

use super::bytes::{Point, Window};
use super::delay::Delays;
use super::deps::state_order;
use super::problem::{Carried, Problem, Task, EXIT, SOURCE};
use crate::dfg::{Dfg, Ty};
use crate::entities::{Inst, MapId, Value};
use crate::hash::bank_depth_log2;
use crate::lpm::{self, LpmShape};
use crate::map::MapKind;
use crate::op::Op;
use crate::pipeline::{ByteExit, Pipeline};
use crate::ports::SlotAccesses;
use crate::target::TargetDesc;
use cranelift_entity::SecondaryMap;
use std::collections::{BTreeMap, BTreeSet};

/// The row of one slot of a map.
pub(super) struct Port {
    pub map: MapId,
    pub entry: Value,
    pub accesses: Vec<Inst>,
    /// Those of the accesses that write.
    pub changes: Vec<Inst>,
    pub rows: Option<(u32, u32)>,
    /// The request of the row.
    pub issue: Task,
    /// Its arrival.
    pub row: Task,
    /// The stage at whose end changes are written.
    pub commit: Task,
}

/// A map's memory: all of its rows or a range.
pub(super) type Memory = (MapId, Option<(u32, u32)>);

/// Where the keys of a map that packets change are looked up and changed.
pub(super) struct KeyWindow {
    pub map: MapId,
    /// The presentation of the keys.
    pub probe: Task,
    /// The answers, the insertion and the touches.
    pub answer: Task,
    /// The removal.
    pub remove: Option<Task>,
}

/// A place between tasks, in terms that hold for every model of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The presentation of the keys of all lookups in a map.
    Probes(MapId),
    /// The presentation of one lookup's key.
    Lookup(Inst),
    /// The request of the row of the port of that number.
    Row(usize),
    /// Stage 0.
    Start,
}

/// What a first solution asks for: gates.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    /// Memories whose changes may be written later than their rows are read.
    pub long: BTreeSet<Memory>,
    /// The second comes at least so many stages after the first.
    pub apart: Vec<(Anchor, Anchor, i32)>,
    /// Values that have to be there when a gate opens, and whether they are carried from there to the change.
    pub gates: Vec<(Anchor, Value, bool)>,
}

/// Weight of a window's length, against one register bit.
const WINDOW: u64 = 1 << 22;

/// The problem, and which task stands for what.
pub(super) struct Model {
    pub problem: Problem,
    /// The task of each operation; of a lookup in a key table, the presentation of the key. Constants have none.
    pub task_of: SecondaryMap<Inst, Option<Task>>,
    /// When an operation's result is there, if not with its task.
    pub result_of: SecondaryMap<Inst, Option<Task>>,
    pub ports: Vec<Port>,
    pub keys: Vec<KeyWindow>,
    /// Each registered value, with its index in the problem's list of carried things.
    pub values: Vec<(Value, usize)>,
}

/// Registers that `v` needs at each boundary: its width; for an entry, slot number and presence.
pub fn register_bits_of(dfg: &Dfg, v: Value) -> u32 {
    match dfg.ty(v) {
        Ty::Int(bits) => u32::from(bits),
        Ty::Entry(map) => {
            let decl = &dfg.maps[map];
            if decl.kind.has_key_table() && decl.kind != MapKind::LpmTrie {
                bank_depth_log2(decl.max_entries) + 3
            } else {
                decl.max_entries.max(1).next_power_of_two().trailing_zeros() + 1
            }
        }
    }
}

/// From the parts of a key to the registers of the map's key table.
fn key_delay(dfg: &Dfg, map: MapId, key: &[Value], delays: &Delays) -> u32 {
    let decl = &dfg.maps[map];
    match decl.kind {
        MapKind::LpmTrie => {
            let data_bits = LpmShape::of(decl).data_bits;
            delays.prefix_key(lpm::asks_full_length(dfg, key, data_bits))
        }
        _ => delays.key(8 * decl.key_size),
    }
}

impl Model {
    pub fn new(
        p: &Pipeline,
        window: &Window,
        target: &TargetDesc,
        slots: &[SlotAccesses],
        demands: &Demands,
    ) -> Self {
        let problem =
            Problem { delays: vec![0, 0], logic_ps: target.logic_ps(), ..Problem::default() };
        let mut m = Self {
            problem,
            task_of: SecondaryMap::new(),
            result_of: SecondaryMap::new(),
            ports: Vec::new(),
            keys: Vec::new(),
            values: Vec::new(),
        };
        m.problem.order(SOURCE, EXIT, 1);
        m.add_tasks(p, window, target);
        m.add_flow(p);
        m.add_state_order(p);
        m.add_keys(p, target);
        m.add_ports(p, target, slots, demands);
        m.add_gates(p, demands);
        m.add_values(p, window, demands);
        m.add_bytes(window);
        m.add_windows();
        m
    }

    pub fn result(&self, inst: Inst) -> Option<Task> {
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
                Op::MapLookup { map, key } if p.dfg.maps[*map].kind.has_key_table() => {
                    let task = self.problem.task(key_delay(&p.dfg, *map, key, &delays));
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
            let changes_keys = |i: Inst| {
                matches!(
                    p.dfg.insts[i].op,
                    Op::MapInsert { .. } | Op::MapRemove { .. } | Op::MapTouch { .. }
                )
            };
            if p.dfg.insts[earlier].op.has_effect() && !changes_keys(earlier) {
                self.problem.flow(a, b);
            } else {
                self.problem.order(a, b, 0);
            }
        }
    }

    /// All keys of a map that packets change are presented in one stage; insertions and touches take place where the answer is.
    fn add_keys(&mut self, p: &Pipeline, target: &TargetDesc) {
        for (map, decl) in &p.dfg.maps {
            if !p.changes_keys(map) {
                continue;
            }
            let latency = decl.lookup_latency(target) as i32;
            let mut window: Option<KeyWindow> = None;
            for &inst in p.order.iter().filter(|&&i| p.dfg.insts[i].op.map() == Some(map)) {
                let Some(task) = self.task_of[inst] else { continue };
                match (&p.dfg.insts[inst].op, &mut window) {
                    (Op::MapLookup { .. }, None) => {
                        let answer = self.result_of[inst].unwrap_or(task);
                        window = Some(KeyWindow { map, probe: task, answer, remove: None });
                    }
                    (Op::MapLookup { .. }, Some(w)) => self.problem.tie(w.probe, task, 0),
                    (Op::MapInsert { .. } | Op::MapTouch { .. }, Some(w)) => {
                        self.problem.tie(w.probe, task, latency);
                    }
                    (Op::MapRemove { .. }, Some(w)) => {
                        self.problem.order(w.probe, task, latency);
                        w.remove = Some(task);
                    }
                    _ => {}
                }
            }
            self.keys.extend(window);
        }
    }

    /// All accesses to one slot of a map share the row. Loads take place where it arrives; stores too, or together in one later stage.
    fn add_ports(
        &mut self,
        p: &Pipeline,
        target: &TargetDesc,
        slots: &[SlotAccesses],
        demands: &Demands,
    ) {
        let delays = Delays(target);
        let written: BTreeSet<MapId> = slots.iter().filter(|s| s.writes).map(|s| s.map).collect();
        for SlotAccesses { map, entry, accesses, writes, rows } in slots.iter().cloned() {
            let issue = self.problem.task(delays.request());
            let row = self.problem.task(delays.row(written.contains(&map)));
            self.problem.tie(issue, row, target.value_latency as i32);
            self.problem.order(row, EXIT, 1);
            let commit = if writes && demands.long.contains(&(map, rows)) {
                let commit = self.problem.task(0);
                self.problem.order(row, commit, 0);
                self.problem.order(commit, EXIT, 1);
                commit
            } else {
                row
            };
            if let Some(made) = self.result_of_value(&p.dfg, entry) {
                self.problem.flow(made, issue);
            }
            for &access in &accesses {
                let Some(task) = self.task_of[access] else { continue };
                if p.dfg.insts[access].op.has_effect() {
                    self.problem.tie(commit, task, 0);
                    self.problem.order(row, task, 0);
                } else {
                    self.problem.tie(row, task, 0);
                }
                if commit == row || !p.dfg.insts[access].op.has_effect() {
                    self.problem.flow(row, task);
                }
            }
            // Ports of one memory ask for their rows together.
            let other = self.ports.iter().find(|o| o.map == map && o.rows == rows);
            if let Some(other) = other.filter(|_| written.contains(&map)) {
                let other = other.issue;
                self.problem.tie(other, issue, 0);
            }
            let is_change = |i: &Inst| p.dfg.insts[*i].op.has_effect();
            let changes = accesses.iter().copied().filter(is_change).collect();
            self.ports.push(Port { map, entry, accesses, changes, rows, issue, row, commit });
        }
    }

    /// The task that an anchor stands for.
    pub fn anchor(&self, anchor: Anchor) -> Option<Task> {
        match anchor {
            Anchor::Probes(map) => self.keys.iter().find(|k| k.map == map).map(|k| k.probe),
            Anchor::Lookup(inst) => self.task_of[inst],
            Anchor::Row(port) => self.ports.get(port).map(|p| p.issue),
            Anchor::Start => Some(SOURCE),
        }
    }

    /// The task in which the change happens before which the gate at `anchor` stands.
    fn change_behind(&self, anchor: Anchor) -> Option<Task> {
        match anchor {
            Anchor::Probes(map) => self.keys.iter().find(|k| k.map == map)?.remove,
            Anchor::Row(port) => self.ports.get(port).map(|p| p.commit),
            Anchor::Lookup(_) | Anchor::Start => None,
        }
    }

    fn add_gates(&mut self, p: &Pipeline, demands: &Demands) {
        for &(from, to, distance) in &demands.apart {
            if let (Some(from), Some(to)) = (self.anchor(from), self.anchor(to)) {
                self.problem.order(from, to, distance);
            }
        }
        for &(at, v, _) in &demands.gates {
            if let (Some(made), Some(at)) = (self.result_of_value(&p.dfg, v), self.anchor(at)) {
                self.problem.flow(made, at);
            }
        }
    }

    /// Windows between what is read and its change cost more than any registers.
    fn add_windows(&mut self) {
        let rows = self.ports.iter().filter(|p| p.commit != p.row).map(|p| (p.row, p.commit));
        let keys = self.keys.iter().filter_map(|k| Some((k.answer, k.remove?)));
        let windows: Vec<(Task, Task)> = rows.chain(keys).collect();
        self.problem.carried.extend(windows.into_iter().map(|(from, to)| Carried {
            bits: WINDOW,
            from,
            uses: vec![to],
        }));
    }

    fn add_values(&mut self, p: &Pipeline, window: &Window, demands: &Demands) {
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
            let copies = self.ports.iter().filter(|o| o.map == port.map && o.rows == port.rows);
            let needed = uses.entry(port.entry).or_default();
            needed.push(port.issue);
            // As `ValuePort::slot_until` says.
            if !port.changes.is_empty() && (port.commit != port.row || copies.count() > 1) {
                needed.push(port.commit);
            }
        }
        for &(at, v, carried) in &demands.gates {
            let at = if carried { self.change_behind(at) } else { self.anchor(at) };
            uses.entry(v).or_default().extend(at);
        }
        uses.retain(|_, uses| !uses.is_empty());
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
