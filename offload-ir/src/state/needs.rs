//! Which maps have accesses that must be lowered.

use crate::analysis::known::ValueFacts;
use crate::dfg::Dfg;
use crate::entities::{Inst, MapId, Value};
use crate::if_convert::{BoolFn, Conditions};
use crate::map::MapKind;
use crate::op::Op;
use crate::pipeline::Pipeline;
use crate::schedule::deps::ValueAccess;
use std::collections::{BTreeMap, BTreeSet};

/// True for kinds in which a new key may take the place of another, least recently used one.
pub(super) fn is_lru(kind: MapKind) -> bool {
    matches!(kind, MapKind::LruHash | MapKind::LruPercpuHash)
}

/// Maps that the program updates, LRU maps that it looks into, and maps of which a packet may read through one entry what it
/// wrote through another.
pub(super) fn maps_to_lower(p: &Pipeline) -> BTreeSet<MapId> {
    let mut maps = BTreeSet::new();
    for &inst in &p.order {
        match &p.dfg.insts[inst].op {
            Op::MapUpdate { map, .. } | Op::MapDelete { map, .. } => maps.extend([*map]),
            Op::MapLookup { map, .. } if is_lru(p.dfg.maps[*map].kind) => maps.extend([*map]),
            _ => {}
        }
    }
    maps.extend(aliased(p));
    maps
}

/// An access to a value, and when it matters.
struct Access {
    inst: Inst,
    entry: Value,
    access: ValueAccess,
    when: BoolFn,
}

/// Maps of which a packet may read through one entry what it wrote through another.
fn aliased(p: &Pipeline) -> Vec<MapId> {
    let mut conditions = Conditions::default();
    let mut accesses: BTreeMap<MapId, Vec<Access>> = BTreeMap::new();
    for &inst in &p.order {
        let data = &p.dfg.insts[inst];
        let (Op::MapLoad { entry, .. } | Op::MapStore { entry, .. } | Op::MapAtomic { entry, .. }) =
            data.op
        else {
            continue;
        };
        let Some((map, access)) = ValueAccess::of(&p.dfg, inst) else { continue };
        let when = data.pred.map_or(BoolFn::TRUE, |v| conditions.of(&p.dfg, v));
        accesses.entry(map).or_default().push(Access { inst, entry, access, when });
    }
    let facts = ValueFacts::of_order(&p.dfg, &p.order);
    accesses.retain(|_, list| {
        let mut pairs = list
            .iter()
            .enumerate()
            .flat_map(|(n, later)| list[..n].iter().map(move |earlier| (earlier, later)));
        pairs.any(|(earlier, later)| {
            earlier.entry != later.entry
                && earlier.access.writes
                && (!later.access.writes || p.dfg.insts[later.inst].result.is_some())
                && earlier.access.overlaps(&later.access)
                && !differ(&p.dfg, &facts, earlier.entry, later.entry)
                && !conditions.exclusive(earlier.when, later.when)
        })
    });
    accesses.into_keys().collect()
}

/// True if the two entries are proved to be different elements of an array, or one of them null.
pub(crate) fn differ(dfg: &Dfg, facts: &ValueFacts, a: Value, b: Value) -> bool {
    match (rows_of(dfg, facts, a), rows_of(dfg, facts, b)) {
        (Some(a), Some(b)) => a.1 <= b.0 || b.1 <= a.0,
        _ => false,
    }
}

/// Indices, from the first to behind the last, that the entry of an array can have; empty if it is null.
pub(crate) fn rows_of(dfg: &Dfg, facts: &ValueFacts, entry: Value) -> Option<(u64, u64)> {
    match dfg.def(entry)? {
        Op::EntryConst { index: Some(i), .. } => Some((u64::from(*i), u64::from(*i) + 1)),
        Op::EntryConst { index: None, .. } => Some((0, 0)),
        Op::MapLookup { map, key } if !dfg.maps[*map].kind.has_key_table() => {
            let mut at = 0;
            let (mut lo, mut hi) = (0, 0);
            for &part in key {
                let known = facts.get(dfg, part);
                lo += known.umin << at;
                hi += known.umax << at;
                at += dfg.bits(part);
            }
            let entries = u64::from(dfg.maps[*map].max_entries);
            Some((lo.min(entries), (hi + 1).min(entries)))
        }
        Op::Select { if_true, if_false, .. } => {
            let (a, b) = (rows_of(dfg, facts, *if_true)?, rows_of(dfg, facts, *if_false)?);
            match (a.0 == a.1, b.0 == b.1) {
                (true, _) => Some(b),
                (_, true) => Some(a),
                _ => Some((a.0.min(b.0), a.1.max(b.1))),
            }
        }
        _ => None,
    }
}
