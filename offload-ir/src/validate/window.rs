//! Invariants S8 to S10: the bytes of the packet window.

use super::faults::{Sink, Site};
use crate::analysis::known::ValueFacts;
use crate::entities::{Inst, Stage};
use crate::op::Op;
use crate::pipeline::{ByteCoord, ByteExit, StagedPipeline};
use cranelift_entity::EntityRef;
use std::collections::{BTreeMap, BTreeSet};

/// Coordinates that an operation may touch: `first .. end`, within the window.
struct Touch {
    first: ByteCoord,
    end: ByteCoord,
    /// One coordinate is possible for its first byte.
    exact: bool,
}

/// Checks the window; `pipeline` satisfies S1.
pub(super) fn check_window(staged: &StagedPipeline, sink: &mut Sink) {
    let facts = ValueFacts::of_order(&staged.pipeline.dfg, &staged.pipeline.order);
    let mut check = WindowCheck { staged, touches: BTreeMap::new(), stored: BTreeMap::new() };
    check.find_touches(&facts, sink);
    check.presence(sink);
    check.carried(sink);
    check.exits(sink);
}

struct WindowCheck<'a> {
    staged: &'a StagedPipeline,
    touches: BTreeMap<Inst, Touch>,
    /// First stage in which a byte may be written.
    stored: BTreeMap<ByteCoord, usize>,
}

impl WindowCheck<'_> {
    fn op(&self, inst: Inst) -> &Op {
        &self.staged.pipeline.dfg.insts[inst].op
    }

    fn find_touches(&mut self, facts: &ValueFacts, sink: &mut Sink) {
        let staged = self.staged;
        let dfg = &staged.pipeline.dfg;
        let (low, high) = (-i64::from(staged.headroom), i64::from(staged.window));
        for &inst in &staged.pipeline.order {
            let (first, end, exact) = match &dfg.insts[inst].op {
                Op::PktLoad { base, bounds, .. } | Op::PktStore { base, bounds, .. } => {
                    let base = facts.get(dfg, *base);
                    let bytes = access_bytes(staged, inst);
                    let min = base.smin.saturating_add(bounds.min);
                    let end = base.smax.saturating_add(bounds.max).saturating_add(bytes);
                    (min, end, end == min.saturating_add(bytes))
                }
                Op::PktZero { from, to } => {
                    (facts.get(dfg, *from).smin, facts.get(dfg, *to).smax, false)
                }
                _ => continue,
            };
            if exact {
                // S10
                sink.require(first >= low && end <= high, Site::Inst(inst), "S10", || {
                    format!("bytes {first}..{end} lie outside the window {low}..{high}")
                });
            }
            let first = first.clamp(low, high) as ByteCoord;
            let end = end.clamp(i64::from(first), high) as ByteCoord;
            if self.op(inst).has_effect() && !matches!(self.op(inst), Op::PktZero { .. }) {
                let stage = staged.stage_of[inst].index();
                for c in first..end {
                    let s = self.stored.entry(c).or_insert(stage);
                    *s = stage.min(*s);
                }
            }
            self.touches.insert(inst, Touch { first, end, exact });
        }
    }

    /// S8: what is read is present; what is carried was present.
    fn presence(&self, sink: &mut Sink) {
        let staged = self.staged;
        let whole = -(staged.headroom as ByteCoord)..staged.window as ByteCoord;
        let mut present: BTreeSet<ByteCoord> = whole.collect();
        let mut order = staged.pipeline.order.iter().peekable();
        for stage in 0..staged.num_stages as usize {
            while let Some(inst) = order.next_if(|i| staged.stage_of[**i].index() <= stage) {
                let Some(touch) = self.touches.get(inst) else { continue };
                let store = matches!(self.op(*inst), Op::PktStore { .. });
                if store && touch.exact {
                    present.extend(touch.first..touch.end);
                } else if !matches!(self.op(*inst), Op::PktZero { .. }) {
                    let absent = (touch.first..touch.end).find(|c| !present.contains(c));
                    sink.require(absent.is_none(), Site::Inst(*inst), "S8", || {
                        format!("byte {} is not present in s{stage}", absent.unwrap_or(0))
                    });
                }
            }
            let Some(boundary) = staged.boundaries.get(stage) else { return };
            let absent = boundary.bytes.iter().find(|c| !present.contains(c));
            sink.require(absent.is_none(), Site::Boundary(Stage::new(stage)), "S8", || {
                format!("byte {} is carried but not present in s{stage}", absent.unwrap_or(&0))
            });
            present = boundary.bytes.iter().copied().collect();
        }
    }

    /// S8: what is carried is touched again or on its way out.
    fn carried(&self, sink: &mut Sink) {
        let staged = self.staged;
        let mut last_touch: BTreeMap<ByteCoord, usize> = BTreeMap::new();
        for (inst, touch) in &self.touches {
            let stage = staged.stage_of[*inst].index();
            for c in touch.first..touch.end {
                let last = last_touch.entry(c).or_insert(stage);
                *last = stage.max(*last);
            }
        }
        for (n, boundary) in staged.boundaries.iter().enumerate() {
            let dead = boundary.bytes.iter().find(|c| {
                let touched = last_touch.get(c).is_some_and(|last| *last > n);
                let leaves =
                    self.patched(**c) && self.stored.get(c).is_some_and(|first| *first <= n);
                !touched && !leaves
            });
            sink.require(dead.is_none(), Site::Boundary(Stage::new(n)), "S8", || {
                format!("byte {} is carried but never needed again", dead.unwrap_or(&0))
            });
        }
    }

    fn patched(&self, coord: ByteCoord) -> bool {
        let found = self.staged.exits.binary_search_by_key(&coord, |e| e.0);
        found.is_ok_and(|n| matches!(self.staged.exits[n].1, ByteExit::Patched(_)))
    }

    /// S9
    fn exits(&self, sink: &mut Sink) {
        let staged = self.staged;
        let window = -i64::from(staged.headroom)..i64::from(staged.window);
        let ascend = staged.exits.windows(2).all(|w| w[0].0 < w[1].0);
        sink.require(ascend, Site::Verdict, "S9", || "the exits do not ascend".into());
        let last = staged.boundaries.last();
        for (coord, exit) in &staged.exits {
            let site = Site::Exit(*coord);
            sink.require(window.contains(&i64::from(*coord)), site, "S9", || {
                format!("byte {coord} lies outside the window")
            });
            if let ByteExit::Patched(_) = exit {
                let there = last.is_some_and(|b| b.bytes.binary_search(coord).is_ok());
                sink.require(there, site, "S9", || {
                    format!("byte {coord} is not in the last boundary")
                });
            }
        }
        for coord in self.stored.keys() {
            sink.require(self.patched(*coord), Site::Verdict, "S9", || {
                format!("byte {coord} is written but does not leave")
            });
        }
    }
}

/// Bytes that a load or store moves.
fn access_bytes(staged: &StagedPipeline, inst: Inst) -> i64 {
    let dfg = &staged.pipeline.dfg;
    let moved = match &dfg.insts[inst].op {
        Op::PktStore { value, .. } => Some(*value),
        _ => dfg.insts[inst].result,
    };
    moved.and_then(|v| dfg.ty(v).bits()).map_or(0, |bits| i64::from(bits) / 8)
}
