//! Exclusive accesses to the same bytes of one entry become one access.

use super::{accessed, Sharing};
use crate::analysis::known::ValueFacts;
use crate::entities::{Inst, MapId, Value};
use crate::function::Verdict;
use crate::if_convert::BoolFn;
use crate::op::{AtomicOp, Op};
use crate::schedule::deps::ValueAccess;
use crate::state::differ;
use crate::{Dfg, Ty};
use cranelift_entity::EntitySet;
use std::collections::{BTreeMap, HashMap};

/// An access with the condition under which it matters.
#[derive(Clone, Copy)]
struct Guarded {
    access: ValueAccess,
    when: BoolFn,
}

/// What a changing access does, apart from its operand and condition: equal ones may be merged.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    atomic: Option<AtomicOp>,
    off: i64,
    bits: u8,
}

impl Sharing {
    /// Merges what exclusive paths do to the same bytes: loads first, then what is computed from them, then stores and atomics.
    pub(super) fn merge_accesses(&mut self, verdict: &Verdict) {
        let groups = self.written_entries();
        for group in &groups {
            self.merge_loads(group);
        }
        self.number_values();
        let used = self.used_values(verdict);
        for group in groups {
            self.merge_writes(group, &used);
        }
    }

    /// Accesses by map and slot, in program order, of slots that are written and that no other slot of the map can be.
    fn written_entries(&mut self) -> Vec<Vec<Guarded>> {
        let mut groups: BTreeMap<(MapId, Value), Vec<Guarded>> = BTreeMap::new();
        for inst in self.e.order.clone() {
            let Some((map, entry)) = accessed(&self.e.dfg.insts[inst].op) else { continue };
            let Some((_, access)) = ValueAccess::of(&self.e.dfg, inst) else { continue };
            let when = self.when(inst);
            let entry = self.slot_entry(map, entry);
            groups.entry((map, entry)).or_default().push(Guarded { access, when });
        }
        let facts = ValueFacts::of_order(&self.e.dfg, &self.e.order);
        let slots: Vec<(MapId, Value)> = groups.keys().copied().collect();
        groups.retain(|&(map, entry), list| {
            let mut others = slots.iter().filter(|s| s.0 == map && s.1 != entry);
            list.iter().any(|a| a.access.writes)
                && others.all(|s| differ(&self.e.dfg, &facts, entry, s.1))
        });
        groups.into_values().collect()
    }

    /// A load at a constant offset that only stores on other paths precede reads what the entry held
    /// before all of them: it moves to the front, and equal ones become one.
    fn merge_loads(&mut self, group: &[Guarded]) {
        let mut first: BTreeMap<(Value, (i64, i64)), Inst> = BTreeMap::new();
        let mut moved = Vec::new();
        for (n, load) in group.iter().enumerate().filter(|(_, g)| !g.access.writes) {
            let inst = load.access.inst;
            if self.constant_offset(inst).is_none() {
                continue;
            }
            let blocked = group[..n].iter().any(|earlier| {
                earlier.access.conflicts(&load.access)
                    && !self.e.conditions.exclusive(earlier.when, load.when)
            });
            if blocked {
                continue;
            }
            let entry = accessed(&self.e.dfg.insts[inst].op).map(|a| self.current(a.1));
            let at = (entry.expect("loads have an entry"), load.access.bytes);
            match first.get(&at) {
                Some(&known) => {
                    let result = |i: Inst| self.e.dfg.insts[i].result.expect("loads have results");
                    self.replaced[result(inst)] = Some(result(known));
                    let known_when = self.when.get(&known).copied().unwrap_or(BoolFn::TRUE);
                    let either = self.e.conditions.bdd.or(known_when, load.when);
                    self.when.insert(known, either);
                }
                None => {
                    first.insert(at, inst);
                    moved.push(inst);
                }
            }
        }
        let is_moved = |i: &Inst| moved.contains(i);
        let mut order: Vec<Inst> = moved.clone();
        order.extend(self.e.order.iter().filter(|i| !is_moved(i)));
        self.e.order = order;
    }

    /// Equal pure operations become one, so that equal updates are seen to be equal.
    fn number_values(&mut self) {
        let mut known: HashMap<(Op, Ty), Value> = HashMap::new();
        for inst in self.e.order.clone() {
            let data = &self.e.dfg.insts[inst];
            let Some(result) = data.result else { continue };
            if data.op.reads_state() || self.replaced[result].is_some() {
                continue;
            }
            let mut op = data.op.clone();
            op.map_args(|v| self.current(v));
            let first = *known.entry((op, self.e.dfg.ty(result))).or_insert(result);
            if first != result {
                self.replaced[result] = Some(first);
            }
        }
    }

    fn used_values(&self, verdict: &Verdict) -> EntitySet<Value> {
        let mut used = EntitySet::new();
        let mut add = |v: Value| {
            used.insert(self.current(v));
        };
        verdict.values().into_iter().for_each(&mut add);
        for &inst in &self.e.order {
            let data = &self.e.dfg.insts[inst];
            data.op.for_each_arg(&mut add);
            data.pred.into_iter().for_each(&mut add);
        }
        used
    }

    fn merge_writes(&mut self, mut group: Vec<Guarded>, used: &EntitySet<Value>) {
        let mut n = 0;
        while n < group.len() {
            if let Some(earlier) = self.partner(&group, n, used) {
                let merged = self.merge_pair(group[earlier], group[n]);
                group[n] = merged;
                group.remove(earlier);
            } else {
                n += 1;
            }
        }
    }

    /// An earlier write that the write number `n` can be merged with: exclusive, of the same shape, and nothing between
    /// them minds if it happens later.
    fn partner(&mut self, group: &[Guarded], n: usize, used: &EntitySet<Value>) -> Option<usize> {
        let shape = self.shape(group[n].access.inst, used)?;
        (0..n).rev().find(|&m| {
            self.shape(group[m].access.inst, used) == Some(shape)
                && self.e.conditions.exclusive(group[m].when, group[n].when)
                && group[m + 1..n].iter().all(|between| {
                    !between.access.conflicts(&group[m].access)
                        || self.e.conditions.exclusive(between.when, group[m].when)
                })
        })
    }

    fn shape(&self, inst: Inst, used: &EntitySet<Value>) -> Option<Shape> {
        let data = &self.e.dfg.insts[inst];
        let off = self.constant_offset(inst)?;
        match &data.op {
            Op::MapStore { value, .. } => {
                Some(Shape { atomic: None, off, bits: self.e.dfg.bits(*value) })
            }
            Op::MapAtomic { op, value, expected: None, .. }
                if data.result.is_none_or(|r| !used.contains(r)) =>
            {
                Some(Shape { atomic: Some(*op), off, bits: self.e.dfg.bits(*value) })
            }
            _ => None,
        }
    }

    /// One write at the place of `later` that does what either does.
    fn merge_pair(&mut self, earlier: Guarded, later: Guarded) -> Guarded {
        let both = self.e.conditions.bdd.or(earlier.when, later.when);
        let choose = self.e.conditions.bdd.restrict(later.when, both);
        let operand = |dfg: &Dfg, i: Inst| match &dfg.insts[i].op {
            Op::MapStore { value, .. } | Op::MapAtomic { value, .. } => *value,
            _ => unreachable!("only writes have a shape"),
        };
        let (a, b) = (earlier.access.inst, later.access.inst);
        let first = self.current(operand(&self.e.dfg, a));
        let second = self.current(operand(&self.e.dfg, b));
        self.e.src = self.e.dfg.insts[b].src;
        let chosen = self.e.select(choose, second, first);
        let entries =
            [a, b].map(|i| accessed(&self.e.dfg.insts[i].op).expect("writes have an entry").1);
        let [first, second] = entries.map(|e| self.current(e));
        let entry = self.e.select(choose, second, first);
        let pred = (both != BoolFn::TRUE).then(|| self.e.value_of(both));
        let data = &mut self.e.dfg.insts[b];
        if let Op::MapStore { value, entry: e, .. } | Op::MapAtomic { value, entry: e, .. } =
            &mut data.op
        {
            (*value, *e) = (chosen, entry);
        }
        data.pred = pred;
        self.e.order.retain(|i| *i != a);
        self.when.insert(b, both);
        Guarded { access: later.access, when: both }
    }

    fn constant_offset(&self, inst: Inst) -> Option<i64> {
        match &self.e.dfg.insts[inst].op {
            Op::MapLoad { off, .. } | Op::MapStore { off, .. } | Op::MapAtomic { off, .. } => {
                self.e.dfg.as_const(*off).map(|c| c as i64)
            }
            _ => None,
        }
    }
}
