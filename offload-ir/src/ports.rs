//! Port sharing, between if-conversion and scheduling: map accesses of which only one can matter use one memory port.
//!
//! Two lookups in one keyed map whose predicates exclude each other become one lookup of a selected key; likewise
//! accesses to the values of two entries become accesses to one selected entry. Afterwards a map that the program writes has accesses to
//! one entry only, so that it needs a single read-modify-write port, or the program is refused. What exclusive paths do to the same
//! bytes of that entry becomes one access of selected operands: a chain of updates, of which one happens, would not fit a clock.

use crate::diagnostic::{Diagnostic, Place};
use crate::entities::{Inst, MapId, Value};
use crate::if_convert::{remove_unused, BoolFn, Emitter};
use crate::op::Op;
use crate::pipeline::Pipeline;
use crate::schedule::deps::order_of;
use crate::state::topological;
use crate::{Dfg, Ty};
use cranelift_entity::SecondaryMap;
use std::collections::BTreeMap;

mod accesses;
mod keys;
mod slots;

pub(crate) use keys::split_alike;
pub(crate) use slots::{accesses_by_slot, SlotAccesses};
pub use slots::{same_slot, Slot};

/// Lets exclusive accesses share ports, and removes the predicates of lookups and loads.
///
/// # Errors
/// `BL0603` for each map of which one packet may still write several entries.
pub fn share_ports(p: &mut Pipeline) -> Result<(), Vec<Diagnostic>> {
    let mut s = Sharing::new(p);
    s.share_lookups();
    s.share_values();
    s.merge_accesses(&p.verdict);
    s.finish(p);
    let faults = conflicts(p);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Accesses that share a port.
struct Group {
    /// When one of them matters.
    when: BoolFn,
    members: Vec<Inst>,
    /// Value accesses: the entry.
    entry: Option<Value>,
}

struct Sharing {
    e: Emitter,
    /// What each operation waits for, in the original program.
    before: SecondaryMap<Inst, Vec<Inst>>,
    /// Operations with the same representative have become one, or share an entry.
    joined: SecondaryMap<Inst, Option<usize>>,
    joins: Vec<Vec<Inst>>,
    replaced: SecondaryMap<Value, Option<Value>>,
    /// Entries made of others to have a slot.
    made: BTreeMap<(Value, Value, Value), Value>,
    /// When each operation that works on state matters; absent for others.
    when: BTreeMap<Inst, BoolFn>,
}

impl Sharing {
    fn new(p: &mut Pipeline) -> Self {
        let mut s = Self {
            e: Emitter::new(std::mem::take(&mut p.dfg), std::mem::take(&mut p.order)),
            before: SecondaryMap::new(),
            joined: SecondaryMap::new(),
            joins: Vec::new(),
            replaced: SecondaryMap::new(),
            made: BTreeMap::new(),
            when: BTreeMap::new(),
        };
        for inst in s.e.order.clone() {
            let op = &s.e.dfg.insts[inst].op;
            if op.reads_state() || op.has_effect() {
                let when = s.when(inst);
                s.when.insert(inst, when);
            }
        }
        for (earlier, later) in order_of(&s.e.dfg, &s.e.order) {
            if !s.never_both(earlier, later) {
                s.before[later].push(earlier);
            }
        }
        for &inst in &s.e.order {
            let data = &s.e.dfg.insts[inst];
            let mut operands: Vec<Value> = data.pred.into_iter().collect();
            data.op.for_each_arg(|v| operands.push(v));
            let makers = operands.into_iter().filter_map(|v| s.e.dfg.maker(v));
            s.before[inst].extend(makers);
        }
        s
    }

    fn when(&mut self, inst: Inst) -> BoolFn {
        match self.e.dfg.insts[inst].pred {
            None => BoolFn::TRUE,
            Some(v) => self.e.conditions.of(&self.e.dfg, v),
        }
    }

    /// True if at most one of the two matters for any packet: their order is then free.
    fn never_both(&mut self, a: Inst, b: Inst) -> bool {
        match (self.when.get(&a), self.when.get(&b)) {
            (Some(&a), Some(&b)) => self.e.conditions.exclusive(a, b),
            _ => false,
        }
    }

    /// One lookup for each set of exclusive lookups in a map with a key table.
    fn share_lookups(&mut self) {
        let mut groups: BTreeMap<MapId, Vec<Group>> = BTreeMap::new();
        for inst in self.e.order.clone() {
            let Op::MapLookup { map, .. } = self.e.dfg.insts[inst].op else { continue };
            if self.e.dfg.maps[map].kind.has_key_table() {
                let when = self.when(inst);
                let group = Group { when, members: vec![inst], entry: None };
                self.add_to_groups(groups.entry(map).or_default(), group);
            }
        }
        for (map, groups) in groups {
            for group in groups.into_iter().filter(|g| g.members.len() > 1) {
                self.join_lookups(map, &group.members);
            }
        }
    }

    /// Puts `new` into the first of `groups` that excludes it and does not wait for it, or behind them.
    fn add_to_groups(&mut self, groups: &mut Vec<Group>, new: Group) {
        for g in groups.iter_mut() {
            let exclusive = self.e.conditions.exclusive(g.when, new.when);
            if exclusive
                && !self.waits(&new.members, &g.members)
                && !self.waits(&g.members, &new.members)
            {
                g.when = self.e.conditions.bdd.or(g.when, new.when);
                g.members.extend(new.members);
                self.join(&g.members);
                return;
            }
        }
        groups.push(new);
    }

    /// From now on what waits for one of `members` waits for all.
    fn join(&mut self, members: &[Inst]) {
        let id = self.joins.len();
        self.joins.push(members.to_vec());
        members.iter().for_each(|&m| self.joined[m] = Some(id));
    }

    /// True if one of `later` waits, through other operations, for one of `earlier`.
    fn waits(&self, later: &[Inst], earlier: &[Inst]) -> bool {
        let mut seen: SecondaryMap<Inst, bool> = SecondaryMap::new();
        let mut work: Vec<Inst> = later.to_vec();
        while let Some(inst) = work.pop() {
            let group = self.joined[inst].map_or(&[][..], |id| &self.joins[id]);
            for &before in self.before[inst].iter().chain(group) {
                if earlier.contains(&before) {
                    return true;
                }
                if !std::mem::replace(&mut seen[before], true) {
                    work.push(before);
                }
            }
        }
        false
    }

    fn join_lookups(&mut self, map: MapId, members: &[Inst]) {
        let keys: Vec<Vec<Value>> = members.iter().map(|&m| self.key_of(m)).collect();
        let keys = keys::split_alike(&mut self.e, keys);
        let mut when = self.when(members[0]);
        let mut key = keys[0].clone();
        for (&m, other) in members[1..].iter().zip(&keys[1..]) {
            let condition = self.when(m);
            let both = self.e.conditions.bdd.or(when, condition);
            let choose = self.e.conditions.bdd.restrict(condition, both);
            for (part, &other) in key.iter_mut().zip(other) {
                *part = self.e.select(choose, other, *part);
            }
            when = both;
        }
        self.e.src = self.e.dfg.insts[members[0]].src;
        let entry = self.e.op(Op::MapLookup { map, key }, Ty::Entry(map));
        for &m in members {
            let old = self.e.dfg.insts[m].result.expect("lookups have results");
            self.replaced[old] = Some(entry);
            if self.e.dfg.values[entry].name.is_none() {
                self.e.dfg.values[entry].name = self.e.dfg.values[old].name.clone();
            }
        }
    }

    fn key_of(&self, lookup: Inst) -> Vec<Value> {
        match &self.e.dfg.insts[lookup].op {
            Op::MapLookup { key, .. } => key.clone(),
            _ => unreachable!("only lookups are collected"),
        }
    }

    fn current(&self, v: Value) -> Value {
        resolve(&self.replaced, v)
    }

    /// One entry for each set of exclusive accesses to the values of a map.
    fn share_values(&mut self) {
        let mut by_entry: BTreeMap<MapId, Vec<Group>> = BTreeMap::new();
        for inst in self.e.order.clone() {
            let Some((map, entry)) = accessed(&self.e.dfg.insts[inst].op) else { continue };
            let entry = self.slot_entry(map, entry);
            let when = self.when(inst);
            let list = by_entry.entry(map).or_default();
            match list.iter_mut().find(|g| g.entry == Some(entry)) {
                Some(g) => {
                    g.when = self.e.conditions.bdd.or(g.when, when);
                    g.members.push(inst);
                }
                None => list.push(Group { when, members: vec![inst], entry: Some(entry) }),
            }
        }
        for list in by_entry.into_values() {
            let mut merged: Vec<Vec<Group>> = Vec::new();
            for g in list {
                self.add_entry(&mut merged, g);
            }
            merged.into_iter().filter(|set| set.len() > 1).for_each(|set| self.join_entries(&set));
        }
    }

    /// An entry with the slot of `entry`, one for each slot.
    fn slot_entry(&mut self, map: MapId, entry: Value) -> Value {
        let slot = slots::slot_of(&self.e.dfg, entry, &|v| self.current(v));
        let Self { e, made, before, .. } = self;
        let made_entry = slots::entry_at(&slot, &mut |cond, if_true, if_false| {
            *made.entry((cond, if_true, if_false)).or_insert_with(|| {
                let v = e.op(Op::Select { cond, if_true, if_false }, Ty::Entry(map));
                let makers = [cond, if_true, if_false].into_iter().filter_map(|v| e.dfg.maker(v));
                let makers: Vec<Inst> = makers.collect();
                before[e.dfg.maker(v).expect("made by an operation")] = makers;
                v
            })
        });
        made_entry.unwrap_or(entry)
    }

    /// Puts `new` into the first set of entries whose accesses exclude its own, or into a set of its own.
    fn add_entry(&mut self, sets: &mut Vec<Vec<Group>>, new: Group) {
        for set in sets.iter_mut() {
            let exclusive = set.iter().all(|g| self.e.conditions.exclusive(g.when, new.when));
            let members: Vec<Inst> = set.iter().flat_map(|g| g.members.iter().copied()).collect();
            if exclusive
                && !self.entry_waits(&new, &members)
                && !set.iter().any(|g| self.entry_waits(g, &new.members))
            {
                let all: Vec<Inst> = members.iter().chain(&new.members).copied().collect();
                self.join(&all);
                set.push(new);
                return;
            }
        }
        sets.push(vec![new]);
    }

    /// True if the entry of `g`, or the conditions of its accesses, wait for one of `accesses`.
    fn entry_waits(&self, g: &Group, accesses: &[Inst]) -> bool {
        let dfg = &self.e.dfg;
        let conditions = g.members.iter().filter_map(|&m| dfg.insts[m].pred);
        let entries = g.members.iter().filter_map(|&m| accessed(&dfg.insts[m].op)).map(|a| a.1);
        let sources: Vec<Inst> = g
            .entry
            .into_iter()
            .chain(entries)
            .chain(conditions)
            .filter_map(|v| dfg.maker(v))
            .collect();
        sources.iter().any(|s| accesses.contains(s)) || self.waits(&sources, accesses)
    }

    fn join_entries(&mut self, set: &[Group]) {
        let mut joined: BTreeMap<(usize, Value), Value> = BTreeMap::new();
        for (n, &member) in
            set.iter().enumerate().flat_map(|(n, g)| g.members.iter().map(move |m| (n, m)))
        {
            let (_, own) = accessed(&self.e.dfg.insts[member].op).expect("members are accesses");
            let own = self.current(own);
            let slot = set[n].entry.expect("value accesses have an entry");
            // All that have the slot's own entry use one choice.
            let at = if own == slot { (0, set[0].entry.expect("as above")) } else { (n, own) };
            let entry = match joined.get(&at) {
                Some(&entry) => entry,
                None => {
                    let entry = self.joined_entry(set, at);
                    joined.insert(at, entry);
                    entry
                }
            };
            if let Op::MapLoad { entry: e, .. }
            | Op::MapStore { entry: e, .. }
            | Op::MapAtomic { entry: e, .. } = &mut self.e.dfg.insts[member].op
            {
                *e = entry;
            }
        }
    }

    /// The choice of the entries of `set`, with `at.1` for that of group `at.0`.
    fn joined_entry(&mut self, set: &[Group], at: (usize, Value)) -> Value {
        let of = |n: usize, g: &Group| {
            if n == at.0 {
                at.1
            } else {
                g.entry.expect("value accesses have an entry")
            }
        };
        let mut when = set[0].when;
        let mut entry = of(0, &set[0]);
        for (n, g) in set.iter().enumerate().skip(1) {
            let both = self.e.conditions.bdd.or(when, g.when);
            let choose = self.e.conditions.bdd.restrict(g.when, both);
            self.e.src = self.e.dfg.insts[g.members[0]].src;
            entry = self.e.select(choose, of(n, g), entry);
            when = both;
        }
        entry
    }

    /// Applies the replacements and puts everything into an order again.
    fn finish(mut self, p: &mut Pipeline) {
        self.drop_idle_selects();
        self.join_touches();
        let replaced = std::mem::take(&mut self.replaced);
        let current = |v: Value| resolve(&replaced, v);
        p.dfg = std::mem::take(&mut self.e.dfg);
        p.order = std::mem::take(&mut self.e.order);
        for &inst in &p.order {
            let data = &mut p.dfg.insts[inst];
            data.op.map_args(current);
            if !data.op.has_effect() {
                data.pred = None;
            }
            data.pred = data.pred.map(current);
        }
        p.verdict.map_values(current);
        remove_unused(p);
        sort(p, |a, b| self.never_both(a, b));
    }

    /// A choice between two entries that have become one is that entry.
    fn drop_idle_selects(&mut self) {
        loop {
            let mut changed = false;
            for &inst in &self.e.order {
                let data = &self.e.dfg.insts[inst];
                let (Op::Select { if_true, if_false, .. }, Some(v)) = (&data.op, data.result)
                else {
                    continue;
                };
                let (a, b) =
                    (resolve(&self.replaced, *if_true), resolve(&self.replaced, *if_false));
                let entry = matches!(self.e.dfg.ty(v), Ty::Entry(_));
                if entry && a == b && self.replaced[v].is_none() {
                    self.replaced[v] = Some(a);
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// One `map_touch` for each entry, on either side of an insertion.
    fn join_touches(&mut self) {
        let mut first: BTreeMap<Value, Inst> = BTreeMap::new();
        for inst in self.e.order.clone() {
            let entry = match self.e.dfg.insts[inst].op {
                Op::MapTouch { entry, .. } => entry,
                // What comes behind an insertion may depend on it.
                Op::MapInsert { map, .. } => {
                    first.retain(|v, _| self.e.dfg.ty(*v) != Ty::Entry(map));
                    continue;
                }
                _ => continue,
            };
            let entry = resolve(&self.replaced, entry);
            let Some(&known) = first.get(&entry) else {
                first.insert(entry, inst);
                continue;
            };
            let (a, b) = (self.when(known), self.when(inst));
            let either = self.e.conditions.bdd.or(a, b);
            let pred = (either != BoolFn::TRUE).then(|| self.e.value_of(either));
            self.e.dfg.insts[known].pred = pred;
            self.when.insert(known, either);
            self.e.order.retain(|i| *i != inst);
        }
    }
}

/// What stands for `v`.
fn resolve(replaced: &SecondaryMap<Value, Option<Value>>, mut v: Value) -> Value {
    while let Some(other) = replaced[v] {
        v = other;
    }
    v
}

/// Map and entry of an access to a value.
fn accessed(op: &Op) -> Option<(MapId, Value)> {
    match op {
        Op::MapLoad { map, entry, .. }
        | Op::MapStore { map, entry, .. }
        | Op::MapAtomic { map, entry, .. } => Some((*map, *entry)),
        _ => None,
    }
}

/// Brings definitions before uses again. Loads come as early as they can, so that none waits for a store on another path; what
/// stands earlier else stays earlier where it can.
fn sort(p: &mut Pipeline, mut never_both: impl FnMut(Inst, Inst) -> bool) {
    let is_load = |i: &Inst| matches!(p.dfg.insts[*i].op, Op::PktLoad { .. } | Op::MapLoad { .. });
    let (loads, others): (Vec<Inst>, Vec<Inst>) = p.order.iter().partition(|i| is_load(i));
    // Lookups come before all changes of their map's keys (P5), joined ones too.
    let is_lookup = |i: &Inst| matches!(p.dfg.insts[*i].op, Op::MapLookup { .. });
    let (lookups, changes): (Vec<Inst>, Vec<Inst>) = p.order.iter().partition(|i| is_lookup(i));
    let lookups_first: Vec<Inst> = lookups.into_iter().chain(changes).collect();
    let state_pairs = order_of(&p.dfg, &lookups_first);
    p.order = loads.into_iter().chain(others).collect();
    // Effects and the loads between them stand in the list as the program executes them.
    let pairs: Vec<(Inst, Inst)> =
        state_pairs.into_iter().filter(|&(a, b)| !never_both(a, b)).collect();
    p.order = topological(&p.dfg, &p.order, &pairs)
        .expect("sharing a port never makes an operation wait for itself");
}

/// A diagnostic for each memory that is written at several slots.
fn conflicts(p: &mut Pipeline) -> Vec<Diagnostic> {
    slots::conflicts(p).iter().map(|writers| conflict(p, writers)).collect()
}

fn conflict(p: &Pipeline, writers: &[SlotAccesses]) -> Diagnostic {
    let name = &p.dfg.maps[writers[0].map].name;
    let message = format!("one packet may write several entries of map `{name}`");
    let write =
        |w: &SlotAccesses| w.accesses.iter().copied().find(|&a| p.dfg.insts[a].op.has_effect());
    let mut writes = writers.iter().filter_map(write);
    let mut d = Diagnostic::error("BL0603", message);
    d = d.at(writes.next().map(|w| place(p, w)).unwrap_or_default());
    for inst in writes {
        d = d.note(format!("also written here: {}", describe(p, inst)));
    }
    d.note("a map's memory writes one entry for each packet").help(
        "use a map of its own for each of the entries, give them ranges of an array that the index shows to be disjoint, or write them on paths that exclude each other",
    )
}

/// Where in the user's program `inst` comes from.
pub(crate) fn place(p: &Pipeline, inst: Inst) -> Place {
    place_of(&p.dfg, &p.name, inst)
}

/// The same for an operation of any form of program `name`.
pub(crate) fn place_of(dfg: &Dfg, name: &str, inst: Inst) -> Place {
    let source = dfg.insts[inst].src.expand().map(|s| &dfg.sources[s]);
    Place {
        program: Some(name.to_string()),
        pc: source.map(|s| s.pc),
        insn: source.map(|s| s.insn.clone()),
        line: source.and_then(|s| s.line.clone()),
        ..Place::default()
    }
}

/// The same in one line of text.
pub(crate) fn describe(p: &Pipeline, inst: Inst) -> String {
    match p.dfg.insts[inst].src.expand().map(|s| &p.dfg.sources[s]) {
        None => format!("operation {inst}"),
        Some(s) => match &s.line {
            None => format!("insn {}: {}", s.pc, s.insn),
            Some(l) => format!("{}:{}: {} (insn {}: {})", l.file, l.line, l.text, s.pc, s.insn),
        },
    }
}

#[cfg(test)]
mod tests;
