//! The packet window as registers: from where to where each byte is carried, and how it leaves.

use super::window::{Touch, Touches};
use crate::diagnostic::Diagnostic;
use crate::entities::{Inst, Value};
use crate::op::Op;
use crate::pipeline::{ByteCoord, ByteExit, Pipeline};
use crate::ports::place;
use std::collections::BTreeMap;

/// One end of an interval in which a byte is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Point {
    /// Stage 0.
    Arrival,
    /// The stage of a packet operation.
    At(Inst),
    /// Behind the last stage.
    Leaving,
}

/// A byte is carried from `from` to the latest of `uses`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Interval {
    pub from: Point,
    pub uses: Vec<Point>,
}

/// One byte of the window.
pub(super) struct Byte {
    pub coord: ByteCoord,
    pub intervals: Vec<Interval>,
    pub exit: ByteExit,
}

/// The window of a pipeline.
pub(super) struct Window {
    /// Every byte that some operation may touch, ascending.
    pub bytes: Vec<Byte>,
    /// Every load and store.
    pub touches: BTreeMap<Inst, Touch>,
}

/// How an operation touches one byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Load,
    /// Store at a constant coordinate.
    Store(Option<Value>),
    /// Store that may or may not touch this byte.
    MayStore,
}

impl Window {
    /// # Errors
    /// `BL0605` for each access whose coordinate is not bounded.
    pub fn new(p: &Pipeline) -> Result<Self, Vec<Diagnostic>> {
        let mut finder = Touches::default();
        let mut touches = BTreeMap::new();
        let mut uses: BTreeMap<ByteCoord, Vec<(Inst, Use)>> = BTreeMap::new();
        let mut faults = Vec::new();
        for &inst in &p.order {
            let data = &p.dfg.insts[inst];
            let store = match data.op {
                Op::PktLoad { .. } => false,
                Op::PktStore { .. } => true,
                _ => continue,
            };
            let Some(touch) = finder.of(&p.dfg, inst) else {
                faults.push(unbounded(p, inst));
                continue;
            };
            let kind = match (store, touch.exact()) {
                (false, _) => Use::Load,
                (true, Some(_)) => Use::Store(data.pred),
                (true, None) => Use::MayStore,
            };
            for c in touch.coords() {
                uses.entry(c).or_default().push((inst, kind));
            }
            touches.insert(inst, touch);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let bytes = uses.into_iter().map(|(coord, uses)| byte(coord, &uses)).collect();
        Ok(Self { bytes, touches })
    }
}

fn unbounded(p: &Pipeline, inst: Inst) -> Diagnostic {
    Diagnostic::error(
        "BL0605",
        "the place of a packet access is not bounded closely enough for hardware",
    )
    .at(place(p, inst))
    .help("compare the offset with a constant before the access, or mask it")
}

/// The life of one byte, from its uses in program order.
///
/// A store without predicate ends one content and begins another; other stores change the content in place.
fn byte(coord: ByteCoord, uses: &[(Inst, Use)]) -> Byte {
    let mut intervals = Vec::new();
    let last_kill = uses.iter().rposition(|(_, u)| *u == Use::Store(None));
    let mut start = (Point::Arrival, 0);
    for (n, (inst, kind)) in uses.iter().enumerate() {
        if *kind == Use::Store(None) {
            intervals.extend(until_last_read(start.0, &uses[start.1..n]));
            start = (Point::At(*inst), n + 1);
        }
    }
    let rest = &uses[start.1..];
    let may_store = rest.iter().any(|(_, u)| *u == Use::MayStore);
    let first_store = rest.iter().position(|(_, u)| *u != Use::Load);
    let exit = match (last_kill, first_store) {
        (None, None) => ByteExit::Original,
        (Some(_), _) => ByteExit::Patched(Vec::new()),
        (None, Some(_)) if may_store => ByteExit::Patched(Vec::new()),
        (None, Some(_)) => ByteExit::Patched(predicates(rest)),
    };
    match first_store.filter(|_| last_kill.is_none()) {
        _ if exit == ByteExit::Original => intervals.extend(until_last_read(start.0, rest)),
        // Changed in place, and read or possibly left alone afterwards: the clean byte is needed too.
        Some(first) if !may_store && rest[first..].iter().all(|(_, u)| *u != Use::Load) => {
            intervals.extend(until_last_read(start.0, &rest[..first]));
            intervals.push(Interval { from: Point::At(rest[first].0), uses: vec![Point::Leaving] });
        }
        _ => intervals.push(Interval { from: start.0, uses: vec![Point::Leaving] }),
    }
    Byte { coord, intervals, exit }
}

/// From `from` to the last operation of `uses` that needs the content there.
fn until_last_read(from: Point, uses: &[(Inst, Use)]) -> Option<Interval> {
    let reads: Vec<Point> = uses
        .iter()
        .filter(|(_, u)| !matches!(u, Use::Store(_)))
        .map(|(i, _)| Point::At(*i))
        .collect();
    (!reads.is_empty()).then_some(Interval { from, uses: reads })
}

fn predicates(uses: &[(Inst, Use)]) -> Vec<Value> {
    let mut all = Vec::new();
    for (_, kind) in uses {
        if let Use::Store(Some(pred)) = kind {
            if !all.contains(pred) {
                all.push(*pred);
            }
        }
    }
    all
}
