//! Invariants S1 to S7: a `StagedPipeline` (S8 to S10 are in `window`).

use super::faults::{Faults, Sink, Site};
use super::gates::check_gates;
use super::pipeline::{check_lowered, check_pipeline};
use super::window::check_window;
use super::Validated;
use crate::dfg::{Ty, ValueDef};
use crate::entities::{Inst, MapId, Stage, Value};
use crate::op::Op;
use crate::pipeline::{ByteExit, StagedPipeline, ValuePort};
use crate::ports::same_slot;
use cranelift_entity::EntityRef;
use std::collections::{BTreeMap, BTreeSet};

/// Checks the invariants of a `StagedPipeline` and stamps it.
///
/// # Errors
/// Every broken invariant, with the marked listing.
pub fn validate_staged(staged: StagedPipeline) -> Result<Validated<StagedPipeline>, Faults> {
    let mut sink = Sink::default();
    check_staged(&staged, &mut sink);
    sink.finish(|notes| staged.listing(notes))?;
    Ok(Validated(staged))
}

fn check_staged(staged: &StagedPipeline, sink: &mut Sink) {
    // S1; what follows relies on it.
    if !check_pipeline(&staged.pipeline, sink) || !sink.faults.is_empty() {
        return;
    }
    check_lowered(&staged.pipeline, sink);
    let mut check = StagedCheck { staged, ports: BTreeMap::new() };
    if !check.stages(sink) {
        return;
    }
    check.lookup_ports(sink);
    check.key_changes(sink);
    check.value_ports(sink);
    check.operands(sink);
    check.boundaries(sink);
    check_window(staged, sink);
    check_gates(staged, |v| check.available(v), sink);
}

struct StagedCheck<'a> {
    staged: &'a StagedPipeline,
    /// Value port of each access.
    ports: BTreeMap<Inst, usize>,
}

impl StagedCheck<'_> {
    fn op(&self, inst: Inst) -> &Op {
        &self.staged.pipeline.dfg.insts[inst].op
    }

    fn stage(&self, inst: Inst) -> usize {
        self.staged.stage_of[inst].index()
    }

    fn is_keyed(&self, map: MapId) -> bool {
        self.staged.pipeline.dfg.maps[map].kind.has_key_table()
    }

    /// First stage in which `v` exists.
    pub fn available(&self, v: Value) -> usize {
        let ValueDef::Inst(inst) = self.staged.pipeline.dfg.values[v].def else {
            return 0; // excluded by P1
        };
        match self.op(inst) {
            Op::MapLookup { map, .. } if self.is_keyed(*map) => {
                let decl = &self.staged.pipeline.dfg.maps[*map];
                self.stage(inst) + decl.lookup_latency(&self.staged.target) as usize
            }
            _ => self.stage(inst),
        }
    }

    fn is_constant(&self, v: Value) -> bool {
        matches!(self.staged.pipeline.dfg.def(v), Some(Op::Const(_) | Op::EntryConst { .. }))
    }

    /// S2; false if stages make no sense.
    fn stages(&self, sink: &mut Sink) -> bool {
        let num = self.staged.num_stages as usize;
        let mut sound = sink.require(num > 0, Site::Whole, "S2", || "there are no stages".into());
        let mut last = 0;
        for &inst in &self.staged.pipeline.order {
            let stage = self.stage(inst);
            sound &= sink.require(stage < num && stage >= last, Site::Inst(inst), "S2", || {
                format!("s{stage} does not exist or comes before the stage of an earlier operation")
            });
            last = stage;
            let early = matches!(self.op(inst), Op::EventOutput { .. }) && stage + 1 < num;
            sink.require(!early, Site::Inst(inst), "S2", || {
                "an event before the last stage".into()
            });
            let late = matches!(self.op(inst), Op::Input(_)) && stage > 0;
            sink.require(!late, Site::Inst(inst), "S2", || "a trace input behind stage 0".into());
        }
        sound
    }

    /// S4
    fn lookup_ports(&self, sink: &mut Sink) {
        let mut ported: BTreeSet<Inst> = BTreeSet::new();
        for (n, port) in self.staged.lookups.iter().enumerate() {
            let site = Site::LookupPort(n);
            let fits = matches!(self.op(port.inst), Op::MapLookup { map, .. } if *map == port.map);
            sink.require(fits && self.is_keyed(port.map), site, "S4", || {
                format!("the port does not serve a lookup in keyed map {}", port.map)
            });
            sink.require(ported.insert(port.inst), site, "S4", || {
                "a second port for a lookup".into()
            });
            sink.require(self.stage(port.inst) == port.issue.index(), site, "S4", || {
                format!("issued in {}, but the lookup is in s{}", port.issue, self.stage(port.inst))
            });
        }
        for &inst in &self.staged.pipeline.order {
            if let Op::MapLookup { map, .. } = self.op(inst) {
                let ok = ported.contains(&inst) || !self.is_keyed(*map);
                sink.require(ok, Site::Inst(inst), "S4", || {
                    "a lookup in a keyed map without a port".into()
                });
            }
        }
    }

    /// S5
    fn value_ports(&mut self, sink: &mut Sink) {
        let staged = self.staged;
        let position: BTreeMap<Inst, usize> =
            staged.pipeline.order.iter().enumerate().map(|(n, i)| (*i, n)).collect();
        for (n, port) in staged.value_ports.iter().enumerate() {
            let site = Site::ValuePort(n);
            let exists = self.available(port.entry) <= port.issue.index();
            sink.require(exists, site, "S5", || {
                format!("{} does not exist in {}", port.entry, port.issue)
            });
            let row = port.issue.index() + staged.target.value_latency as usize;
            let commit = port.commit.index();
            let ends = commit < staged.num_stages as usize && commit >= row;
            sink.require(ends && (commit == row || self.writes(port)), site, "S5", || {
                format!("changes in {}, but the row is there in s{row}", port.commit)
            });
            for &inst in &port.accesses {
                let fits = self.access(inst).is_some_and(|(map, entry)| {
                    map == port.map && same_slot(&staged.pipeline.dfg, entry, port.entry)
                });
                sink.require(fits, Site::Inst(inst), "S5", || {
                    "not an access to the port's map and entry".into()
                });
                let (at, what) = match self.op(inst) {
                    Op::MapStore { .. } => (commit, "changes are made"),
                    Op::MapAtomic { .. } if row != commit => (row, "no change is later"),
                    _ => (row, "the row is there"),
                };
                sink.require(self.stage(inst) == at, Site::Inst(inst), "S5", || {
                    format!("placed in s{}, but {what} in s{at}", self.stage(inst))
                });
                let first = self.ports.insert(inst, n).is_none();
                sink.require(first, Site::Inst(inst), "S5", || "an access in two ports".into());
            }
            let ordered =
                port.accesses.windows(2).all(|w| position.get(&w[0]) < position.get(&w[1]));
            sink.require(ordered, site, "S5", || "accesses are not in program order".into());
        }
        for &inst in &staged.pipeline.order {
            if self.access(inst).is_none() {
                continue;
            }
            let ported = self.ports.contains_key(&inst);
            sink.require(ported, Site::Inst(inst), "S5", || {
                "an access without a value port".into()
            });
        }
        self.shared_rows(sink);
    }

    /// S6
    fn shared_rows(&self, sink: &mut Sink) {
        let ports = &self.staged.value_ports;
        for (n, port) in ports.iter().enumerate() {
            for other in ports[..n].iter().filter(|o| o.map == port.map) {
                let writes = [port, other].map(|p| self.writes(p));
                if writes == [false, false] {
                    continue;
                }
                let disjoint = matches!((port.rows, other.rows), (Some(a), Some(b)) if a.1 <= b.0 || b.1 <= a.0);
                let shared =
                    port.rows == other.rows && port.issue == other.issue && writes != [true, true];
                sink.require(disjoint || shared, Site::ValuePort(n), "S6", || {
                    format!("{} is written, and another port of it is in the way", port.map)
                });
            }
        }
    }

    fn writes(&self, port: &ValuePort) -> bool {
        port.accesses.iter().any(|i| self.op(*i).has_effect())
    }

    /// S4, for maps whose keys packets change.
    fn key_changes(&self, sink: &mut Sink) {
        let staged = self.staged;
        for (map, decl) in &staged.pipeline.dfg.maps {
            if !staged.pipeline.changes_keys(map) {
                continue;
            }
            let mut probes = staged.lookups.iter().filter(|p| p.map == map).map(|p| p.issue);
            let Some(probe) = probes.next() else {
                sink.require(false, Site::Whole, "S4", || {
                    format!("the keys of {map} change, but none is looked up")
                });
                continue;
            };
            let together = probes.all(|p| p == probe);
            sink.require(together, Site::Whole, "S4", || {
                format!("keys of {map} are looked up in several stages")
            });
            let answer = probe.index() + decl.lookup_latency(&staged.target) as usize;
            for &inst in staged.pipeline.order.iter().filter(|&&i| self.op(i).map() == Some(map)) {
                let stage = self.stage(inst);
                let ok = match self.op(inst) {
                    Op::MapInsert { .. } | Op::MapTouch { .. } => stage == answer,
                    Op::MapRemove { .. } => stage >= answer,
                    _ => true,
                };
                sink.require(ok, Site::Inst(inst), "S4", || {
                    format!("placed in s{stage}, but the answer is there in s{answer}")
                });
            }
        }
    }

    fn access(&self, inst: Inst) -> Option<(MapId, Value)> {
        match self.op(inst) {
            Op::MapLoad { map, entry, .. }
            | Op::MapStore { map, entry, .. }
            | Op::MapAtomic { map, entry, .. } => Some((*map, *entry)),
            _ => None,
        }
    }

    /// S3
    fn operands(&self, sink: &mut Sink) {
        for &inst in &self.staged.pipeline.order {
            let data = &self.staged.pipeline.dfg.insts[inst];
            let stage = self.stage(inst);
            let mut late = Vec::new();
            data.op.for_each_arg(|v| late.extend((self.available(v) > stage).then_some(v)));
            late.extend(data.pred.filter(|v| self.available(*v) > stage));
            sink.require(late.is_empty(), Site::Inst(inst), "S3", || {
                format!(
                    "{} exists from s{} on, but is used in s{stage}",
                    late[0],
                    self.available(late[0])
                )
            });
        }
    }

    /// Last stage in which the slot of a port's entry is needed.
    fn needs_slot(&self, port: &ValuePort) -> Stage {
        port.slot_until(
            &self.staged.value_ports,
            self.staged.target.value_latency,
            self.writes(port),
        )
    }

    /// Last stage in which each value is used; `num_stages` stands for the exit.
    fn last_uses(&self) -> BTreeMap<Value, usize> {
        let staged = self.staged;
        let mut last: BTreeMap<Value, usize> = BTreeMap::new();
        let mut used = |v: Value, stage: usize| {
            let l = last.entry(v).or_insert(stage);
            *l = stage.max(*l);
        };
        for &inst in &staged.pipeline.order {
            let data = &staged.pipeline.dfg.insts[inst];
            let at = match data.op {
                Op::EventOutput { .. } => staged.num_stages as usize,
                _ => self.stage(inst),
            };
            data.op.for_each_arg(|v| used(v, at));
            if let Some(p) = data.pred {
                used(p, at);
            }
        }
        for port in &staged.value_ports {
            used(port.entry, self.needs_slot(port).index());
        }
        for gate in &staged.gates {
            gate.reads.iter().for_each(|v| used(*v, gate.stage.index()));
            used(gate.write, gate.stage.index());
            gate.may.into_iter().for_each(|v| used(v, gate.commit.index()));
        }
        let num = staged.num_stages as usize;
        staged.pipeline.verdict.values().into_iter().for_each(|v| used(v, num));
        for (_, exit) in &staged.exits {
            if let ByteExit::Patched(preds) = exit {
                preds.iter().for_each(|v| used(*v, num));
            }
        }
        last
    }

    /// S7, and the types of exit predicates (S9).
    fn boundaries(&self, sink: &mut Sink) {
        let staged = self.staged;
        let num = staged.num_stages as usize;
        sink.require(staged.boundaries.len() == num, Site::Whole, "S7", || {
            format!("{} boundaries for {num} stages", staged.boundaries.len())
        });
        for (coord, exit) in &staged.exits {
            let ByteExit::Patched(preds) = exit else { continue };
            let dfg = &staged.pipeline.dfg;
            let ok = preds.iter().all(|p| dfg.values.is_valid(*p) && dfg.ty(*p) == Ty::Int(1));
            if !sink.require(ok, Site::Exit(*coord), "S9", || "a predicate is not i1".into()) {
                return;
            }
        }
        let last_uses = self.last_uses();
        for (n, boundary) in staged.boundaries.iter().enumerate() {
            let site = Site::Boundary(Stage::new(n));
            let ascends = boundary.values.is_sorted_by(|a, b| a < b)
                && boundary.bytes.is_sorted_by(|a, b| a < b);
            sink.require(ascends, site, "S7", || "values or bytes do not ascend".into());
            let live = last_uses.iter().filter(|(v, last)| {
                !self.is_constant(**v) && self.available(**v) <= n && **last > n
            });
            let live: BTreeSet<Value> = live.map(|(v, _)| *v).collect();
            let held: BTreeSet<Value> = boundary.values.iter().copied().collect();
            for v in live.symmetric_difference(&held) {
                let wrong = if held.contains(v) {
                    "is registered but not live"
                } else {
                    "is live but not registered"
                };
                sink.require(false, site, "S7", || format!("{v} {wrong}"));
            }
        }
    }
}
