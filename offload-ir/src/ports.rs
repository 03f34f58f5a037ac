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

pub(crate) use keys::split_alike;

/// Lets exclusive accesses share ports, and removes the predicates of lookups and loads.
///
/// # Errors
/// `BL0603` for each map that is written and still needs several ports.
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
        self.replaced[v].unwrap_or(v)
    }

    /// One entry for each set of exclusive accesses to the values of a map.
    fn share_values(&mut self) {
        let mut by_entry: BTreeMap<MapId, Vec<Group>> = BTreeMap::new();
        for inst in self.e.order.clone() {
            let Some((map, entry)) = accessed(&self.e.dfg.insts[inst].op) else { continue };
            let entry = self.current(entry);
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
        let sources: Vec<Inst> =
            g.entry.into_iter().chain(conditions).filter_map(|v| dfg.maker(v)).collect();
        sources.iter().any(|s| accesses.contains(s)) || self.waits(&sources, accesses)
    }

    fn join_entries(&mut self, set: &[Group]) {
        let mut when = set[0].when;
        let mut entry = set[0].entry.expect("value accesses have an entry");
        for g in &set[1..] {
            let both = self.e.conditions.bdd.or(when, g.when);
            let choose = self.e.conditions.bdd.restrict(g.when, both);
            self.e.src = self.e.dfg.insts[g.members[0]].src;
            entry = self.e.select(choose, g.entry.expect("value accesses have an entry"), entry);
            when = both;
        }
        for &m in set.iter().flat_map(|g| &g.members) {
            if let Op::MapLoad { entry: e, .. }
            | Op::MapStore { entry: e, .. }
            | Op::MapAtomic { entry: e, .. } = &mut self.e.dfg.insts[m].op
            {
                *e = entry;
            }
        }
    }

    /// Applies the replacements and puts everything into an order again.
    fn finish(mut self, p: &mut Pipeline) {
        let replaced = std::mem::take(&mut self.replaced);
        let current = |v: Value| replaced[v].unwrap_or(v);
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
    let state_pairs = order_of(&p.dfg, &p.order);
    p.order = loads.into_iter().chain(others).collect();
    // Effects and the loads between them stand in the list as the program executes them.
    let pairs: Vec<(Inst, Inst)> =
        state_pairs.into_iter().filter(|&(a, b)| !never_both(a, b)).collect();
    p.order = topological(&p.dfg, &p.order, &pairs)
        .expect("sharing a port never makes an operation wait for itself");
}

/// A diagnostic for each map that is written and accessed at several entries.
fn conflicts(p: &Pipeline) -> Vec<Diagnostic> {
    let mut entries: BTreeMap<MapId, Vec<(Value, Inst)>> = BTreeMap::new();
    let mut written: BTreeMap<MapId, bool> = BTreeMap::new();
    for &inst in &p.order {
        let op = &p.dfg.insts[inst].op;
        let Some((map, entry)) = accessed(op) else { continue };
        *written.entry(map).or_default() |= op.has_effect();
        let list = entries.entry(map).or_default();
        if !list.iter().any(|(e, _)| *e == entry) {
            list.push((entry, inst));
        }
    }
    let conflicting = entries.into_iter().filter(|(map, list)| written[map] && list.len() > 1);
    conflicting.map(|(map, list)| conflict(p, map, &list)).collect()
}

fn conflict(p: &Pipeline, map: MapId, accesses: &[(Value, Inst)]) -> Diagnostic {
    let name = &p.dfg.maps[map].name;
    let message =
        format!("one packet may access several entries of map `{name}`, which the program writes");
    let mut d = Diagnostic::error("BL0603", message).at(place(p, accesses[0].1));
    for (_, inst) in &accesses[1..] {
        d = d.note(format!("also accessed here: {}", describe(p, *inst)));
    }
    d.note("a written map has one memory port so far; accesses to different entries by one packet come in a later version")
        .help("use a map of its own for each of the entries, or access them on paths that exclude each other")
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
