//! Which slot of a map's memory an entry stands for, whether or not there is an entry.
//!
//! An insertion gives the slot that its probe answered, so what was looked up and what was inserted share a port: the row is requested at
//! the probe's slot, and each access happens if its own entry is not null.

use crate::analysis::known::ValueFacts;
use crate::dfg::Dfg;
use crate::entities::{Inst, MapId, Value};
use crate::op::Op;
use crate::pipeline::Pipeline;
use crate::state::rows_of;
use crate::Ty;
use std::collections::BTreeMap;

/// Array indices, from the first to behind the last; none: every entry.
type Rows = Option<(u32, u32)>;

/// The slot of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Of the null entry: it does not matter.
    Any,
    /// That of an entry which is no insertion.
    Of(Value),
    /// One of two, by a condition.
    Choice(Value, Box<Slot>, Box<Slot>),
}

/// The slot of `v`; `current` gives what stands for a value.
pub(crate) fn slot_of(dfg: &Dfg, v: Value, current: &dyn Fn(Value) -> Value) -> Slot {
    let v = current(v);
    match dfg.def(v) {
        Some(Op::EntryConst { index: None, .. }) => Slot::Any,
        Some(Op::MapInsert { entry, .. }) => slot_of(dfg, *entry, current),
        Some(Op::Select { cond, if_true, if_false }) => {
            let (a, b) = (slot_of(dfg, *if_true, current), slot_of(dfg, *if_false, current));
            match (a, b) {
                (Slot::Any, other) | (other, Slot::Any) => other,
                (a, b) if a == b => a,
                // A choice of the entries themselves.
                (Slot::Of(a), Slot::Of(b)) if a == current(*if_true) && b == current(*if_false) => {
                    Slot::Of(v)
                }
                (a, b) => Slot::Choice(current(*cond), Box::new(a), Box::new(b)),
            }
        }
        _ => Slot::Of(v),
    }
}

/// True if the two entries stand for one slot whenever they are not null.
pub fn same_slot(dfg: &Dfg, a: Value, b: Value) -> bool {
    let (a, b) = (slot_of(dfg, a, &|v| v), slot_of(dfg, b, &|v| v));
    a == b || expanded(dfg, a) == expanded(dfg, b)
}

/// Choices of entries written out.
fn expanded(dfg: &Dfg, slot: Slot) -> Slot {
    match slot {
        Slot::Of(v) => match dfg.def(v) {
            Some(Op::Select { cond, if_true, if_false }) => {
                let arms = [*if_true, *if_false].map(|v| expanded(dfg, Slot::Of(v)));
                let [a, b] = arms.map(Box::new);
                Slot::Choice(*cond, a, b)
            }
            _ => Slot::Of(v),
        },
        Slot::Choice(cond, a, b) => {
            Slot::Choice(cond, Box::new(expanded(dfg, *a)), Box::new(expanded(dfg, *b)))
        }
        Slot::Any => Slot::Any,
    }
}

/// An entry that has the slot `slot`, made by `select` if there is none.
pub(crate) fn entry_at(
    slot: &Slot,
    select: &mut dyn FnMut(Value, Value, Value) -> Value,
) -> Option<Value> {
    match slot {
        Slot::Any => None,
        Slot::Of(v) => Some(*v),
        Slot::Choice(cond, a, b) => match (entry_at(a, select), entry_at(b, select)) {
            (Some(a), Some(b)) => Some(select(*cond, a, b)),
            (a, b) => a.or(b),
        },
    }
}

/// The accesses to a map's values that go to one slot.
#[derive(Clone, Debug)]
pub(crate) struct SlotAccesses {
    pub map: MapId,
    /// An entry with that slot.
    pub entry: Value,
    pub accesses: Vec<Inst>,
    pub writes: bool,
    /// Array indices that have a memory of their own.
    pub rows: Option<(u32, u32)>,
}

/// The accesses of `p` by slot, in the order of the first of each. Entries that have to be made for that are appended to the order behind
/// what they are made of.
pub(crate) fn accesses_by_slot(p: &mut Pipeline) -> Vec<SlotAccesses> {
    let mut found: Vec<(Slot, SlotAccesses)> = Vec::new();
    for inst in p.order.clone() {
        let op = &p.dfg.insts[inst].op;
        let Some((map, entry)) = super::accessed(op) else { continue };
        let writes = op.has_effect();
        let slot = slot_of(&p.dfg, entry, &|v| v);
        match found.iter_mut().find(|f| f.1.map == map && f.0 == slot) {
            Some((_, f)) => {
                f.accesses.push(inst);
                f.writes |= writes;
            }
            None => {
                let entry = made_entry(p, map, &slot).unwrap_or(entry);
                let accesses = vec![inst];
                found.push((slot, SlotAccesses { map, entry, accesses, writes, rows: None }));
            }
        }
    }
    let mut found: Vec<SlotAccesses> = found.into_iter().map(|f| f.1).collect();
    divide_rows(p, &mut found);
    found
}

fn made_entry(p: &mut Pipeline, map: MapId, slot: &Slot) -> Option<Value> {
    let mut made = Vec::new();
    let dfg = &mut p.dfg;
    let entry = entry_at(slot, &mut |cond, if_true, if_false| {
        let op = Op::Select { cond, if_true, if_false };
        let inst = dfg.make_inst(op, Some(Ty::Entry(map)), Default::default());
        made.push(inst);
        dfg.insts[inst].result.expect("made with a result")
    });
    if let Some(last) = made.last().copied() {
        let mut needed = Vec::new();
        for &inst in &made {
            p.dfg.insts[inst].op.for_each_arg(|v| needed.extend(p.dfg.maker(v)));
        }
        let after = p.order.iter().rposition(|i| needed.contains(i)).map_or(0, |n| n + 1);
        p.order.splice(after..after, made);
        debug_assert!(p.order.contains(&last));
    }
    entry
}

/// Gives disjoint ranges of indices of a written array memories of their own.
fn divide_rows(p: &Pipeline, found: &mut [SlotAccesses]) {
    let mut maps: Vec<MapId> = found.iter().filter(|f| f.writes).map(|f| f.map).collect();
    maps.dedup();
    let facts = ValueFacts::of_order(&p.dfg, &p.order);
    for map in maps {
        let mut mine: Vec<&mut SlotAccesses> = found.iter_mut().filter(|f| f.map == map).collect();
        if p.dfg.maps[map].kind.has_key_table() || mine.len() < 2 {
            continue;
        }
        let ranges: Option<Vec<(u64, u64)>> =
            mine.iter().map(|f| rows_of(&p.dfg, &facts, f.entry)).collect();
        let Some(ranges) = ranges else { continue };
        let classes = disjoint(&ranges);
        if classes.len() < 2 {
            continue;
        }
        let starts: Vec<u64> = classes.iter().map(|c| c.0).collect();
        for (f, range) in mine.iter_mut().zip(&ranges) {
            let class = starts.iter().rposition(|s| *s <= range.0).unwrap_or(0);
            // Together the memories hold every row.
            let lo = if class == 0 { 0 } else { starts[class] };
            let hi = starts.get(class + 1).copied().unwrap_or(p.dfg.maps[map].max_entries.into());
            f.rows = Some((lo as u32, hi as u32));
        }
    }
}

/// The unions of overlapping ranges, ascending; empty ones belong to whatever is there.
fn disjoint(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted: Vec<(u64, u64)> = ranges.iter().copied().filter(|r| r.0 < r.1).collect();
    sorted.sort_unstable();
    let mut unions: Vec<(u64, u64)> = Vec::new();
    for r in sorted {
        match unions.last_mut() {
            Some(last) if r.0 < last.1 => last.1 = last.1.max(r.1),
            _ => unions.push(r),
        }
    }
    unions
}

/// For each map, the slots that are written in one memory, where that is more than one.
pub(crate) fn conflicts(p: &mut Pipeline) -> Vec<Vec<SlotAccesses>> {
    let mut written: BTreeMap<(MapId, Rows), Vec<SlotAccesses>> = BTreeMap::new();
    for accesses in accesses_by_slot(p).into_iter().filter(|a| a.writes) {
        written.entry((accesses.map, accesses.rows)).or_default().push(accesses);
    }
    written.into_values().filter(|list| list.len() > 1).collect()
}
