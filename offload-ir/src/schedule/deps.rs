//! Which operations of a pipeline must not overtake each other, because they work on the same state.

use super::window::{Touch, Touches};
use crate::analysis::known::ValueFacts;
use crate::dfg::Dfg;
use crate::entities::{Inst, MapId, Value};
use crate::op::Op;
use crate::pipeline::Pipeline;
use crate::state::differ;
use std::collections::BTreeMap;

/// Pairs of operations, the first of which must be executed before the second.
///
/// Loads do not wait for loads. Later pairs that follow from earlier ones may be left out.
pub fn state_order(p: &Pipeline) -> Vec<(Inst, Inst)> {
    order_of(&p.dfg, &p.order)
}

/// [`state_order`] of the operations `order` over `dfg`.
pub fn order_of(dfg: &Dfg, order: &[Inst]) -> Vec<(Inst, Inst)> {
    let mut pairs = packet_order(dfg, order);
    // Events leave in the order in which they are sent.
    let sends = |i: &&Inst| matches!(dfg.insts[**i].op, Op::EventOutput { .. });
    let events: Vec<Inst> = order.iter().filter(sends).copied().collect();
    for (n, later) in events.iter().enumerate() {
        pairs.extend(events[..n].iter().map(|earlier| (*earlier, *later)));
    }
    pairs.extend(key_order(dfg, order));
    let mut accesses: BTreeMap<MapId, Vec<ValueAccess>> = BTreeMap::new();
    for &inst in order {
        if let Some((map, access)) = ValueAccess::of(dfg, inst) {
            accesses.entry(map).or_default().push(access);
        }
    }
    let facts = ValueFacts::of_order(dfg, order);
    for list in accesses.into_values() {
        for (n, later) in list.iter().enumerate() {
            let before = list[..n].iter().filter(|earlier| {
                earlier.conflicts(later)
                    && (earlier.entry == later.entry
                        || !differ(dfg, &facts, earlier.entry, later.entry))
            });
            pairs.extend(before.map(|earlier| (earlier.inst, later.inst)));
        }
    }
    pairs
}

/// An access to the value of a map's entry: which bytes of the value it may touch.
#[derive(Clone, Copy, Debug)]
pub struct ValueAccess {
    /// The operation.
    pub inst: Inst,
    /// The entry.
    pub entry: Value,
    /// It may change the value.
    pub writes: bool,
    /// Bytes of the value, from the first to behind the last.
    pub bytes: (i64, i64),
}

impl ValueAccess {
    /// The access that `inst` is, with its map.
    pub fn of(dfg: &Dfg, inst: Inst) -> Option<(MapId, Self)> {
        let data = &dfg.insts[inst];
        let (map, entry, bounds, width) = match &data.op {
            Op::MapLoad { map, entry, bounds, .. } => {
                (*map, *entry, bounds, dfg.bits(data.result?))
            }
            Op::MapStore { map, entry, bounds, value, .. }
            | Op::MapAtomic { map, entry, bounds, value, .. } => {
                (*map, *entry, bounds, dfg.bits(*value))
            }
            _ => return None,
        };
        let bytes = (bounds.min, bounds.max.saturating_add(i64::from(width / 8)));
        Some((map, Self { inst, entry, writes: data.op.has_effect(), bytes }))
    }

    /// True if the two touch a common byte of a value and one of them may change it.
    pub fn conflicts(&self, other: &Self) -> bool {
        (self.writes || other.writes) && self.overlaps(other)
    }

    /// True if the two touch a common byte of a value.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.bytes.0 < other.bytes.1 && other.bytes.0 < self.bytes.1
    }
}

/// Lookups in a map whose keys the program changes, and those changes.
fn key_order(dfg: &Dfg, order: &[Inst]) -> Vec<(Inst, Inst)> {
    let mut seen: BTreeMap<MapId, Vec<(Inst, bool)>> = BTreeMap::new();
    let mut pairs = Vec::new();
    for &inst in order {
        let (map, changes) = match dfg.insts[inst].op {
            Op::MapLookup { map, .. } => (map, false),
            Op::MapUpdate { map, .. }
            | Op::MapDelete { map, .. }
            | Op::MapInsert { map, .. }
            | Op::MapRemove { map, .. }
            | Op::MapTouch { map, .. } => (map, true),
            _ => continue,
        };
        let list = seen.entry(map).or_default();
        let before = list.iter().filter(|(_, changed)| changes || *changed);
        pairs.extend(before.map(|(earlier, _)| (*earlier, inst)));
        list.push((inst, changes));
    }
    pairs
}

/// The packet operations' share of [`state_order`].
fn packet_order(dfg: &Dfg, order: &[Inst]) -> Vec<(Inst, Inst)> {
    let mut touches = Touches::default();
    let mut seen: Vec<(Inst, bool, Option<Touch>)> = Vec::new();
    let mut pairs = Vec::new();
    for &inst in order {
        let op = &dfg.insts[inst].op;
        let writes = match op {
            Op::PktLoad { .. } => false,
            Op::PktStore { .. } | Op::PktZero { .. } => true,
            _ => continue,
        };
        let touch = touches.of(dfg, inst);
        for (earlier, earlier_writes, other) in &seen {
            let overlap = match (&touch, other) {
                (Some(a), Some(b)) => a.overlaps(b),
                _ => true, // somewhere in the packet
            };
            if (writes || *earlier_writes) && overlap {
                pairs.push((*earlier, inst));
            }
        }
        seen.push((inst, writes, touch));
    }
    pairs
}
