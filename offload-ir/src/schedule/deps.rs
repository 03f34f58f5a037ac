//! Which operations of a pipeline must not overtake each other, because they work on the same state.

use super::window::{Touch, Touches};
use crate::entities::{Inst, MapId};
use crate::op::Op;
use crate::pipeline::Pipeline;
use std::collections::BTreeMap;

/// Pairs of operations, the first of which must be executed before the second.
///
/// Loads do not wait for loads. Later pairs that follow from earlier ones may be left out.
pub fn state_order(p: &Pipeline) -> Vec<(Inst, Inst)> {
    let mut pairs = packet_order(p);
    let mut accesses: BTreeMap<MapId, Vec<(Inst, bool)>> = BTreeMap::new();
    for &inst in &p.order {
        let op = &p.dfg.insts[inst].op;
        if let Op::MapLoad { map, .. } | Op::MapStore { map, .. } | Op::MapAtomic { map, .. } = op {
            accesses.entry(*map).or_default().push((inst, op.has_effect()));
        }
    }
    for list in accesses.into_values() {
        for (n, &(later, writes)) in list.iter().enumerate() {
            let before = list[..n].iter().filter(|(_, earlier_writes)| writes || *earlier_writes);
            pairs.extend(before.map(|&(earlier, _)| (earlier, later)));
        }
    }
    pairs
}

/// The packet operations' share of [`state_order`].
fn packet_order(p: &Pipeline) -> Vec<(Inst, Inst)> {
    let mut touches = Touches::default();
    let mut seen: Vec<(Inst, bool, Option<Touch>)> = Vec::new();
    let mut pairs = Vec::new();
    for &inst in &p.order {
        let op = &p.dfg.insts[inst].op;
        let writes = match op {
            Op::PktLoad { .. } => false,
            Op::PktStore { .. } | Op::PktZero { .. } => true,
            _ => continue,
        };
        let touch = touches.of(&p.dfg, inst);
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
