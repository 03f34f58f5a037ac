//! Invariants S8 to S10: the bytes of the packet window.

use super::faults::{Sink, Site};
use crate::analysis::known::ValueFacts;
use crate::entities::{Inst, Stage};
use crate::op::Op;
use crate::pipeline::{ByteCoord, ByteExit, StagedPipeline};
use crate::schedule::window::Touches;
use cranelift_entity::EntityRef;
use std::collections::{BTreeMap, BTreeSet};

/// Coordinates that an operation may touch, within the window.
struct Touch {
    coords: Vec<ByteCoord>,
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
        let window = -(staged.headroom as ByteCoord)..staged.window as ByteCoord;
        let mut finder = Touches::default();
        for &inst in &staged.pipeline.order {
            let (coords, exact) = match &dfg.insts[inst].op {
                Op::PktLoad { .. } | Op::PktStore { .. } => match finder.of(dfg, inst) {
                    Some(touch) => (touch.coords(), touch.exact().is_some()),
                    None => {
                        sink.require(false, Site::Inst(inst), "S10", || {
                            "the coordinate is not bounded".into()
                        });
                        continue;
                    }
                },
                Op::PktZero { from, to } => {
                    let (from, to) = (facts.get(dfg, *from).smin, facts.get(dfg, *to).smax);
                    (
                        window.clone().filter(|c| (from..to).contains(&i64::from(*c))).collect(),
                        false,
                    )
                }
                _ => continue,
            };
            // S10
            let outside = coords.iter().find(|c| !window.contains(c));
            sink.require(outside.is_none(), Site::Inst(inst), "S10", || {
                format!("byte {} lies outside the window {window:?}", outside.unwrap_or(&0))
            });
            if matches!(self.op(inst), Op::PktStore { .. }) {
                let stage = staged.stage_of[inst].index();
                for &c in &coords {
                    let s = self.stored.entry(c).or_insert(stage);
                    *s = stage.min(*s);
                }
            }
            self.touches.insert(inst, Touch { coords, exact });
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
                    present.extend(&touch.coords);
                } else if !matches!(self.op(*inst), Op::PktZero { .. }) {
                    let absent = touch.coords.iter().find(|c| !present.contains(c));
                    sink.require(absent.is_none(), Site::Inst(*inst), "S8", || {
                        format!("byte {} is not present in s{stage}", absent.unwrap_or(&0))
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
            for &c in &touch.coords {
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
