//! Making a value of bytes: runs of neighbours, loads that fetch a run at once.

use super::bytes::Byte;
use crate::analysis::address::Access;
use crate::analysis::dominators::Dominators;
use crate::analysis::effects::Versions;
use crate::analysis::known::ValueFacts;
use crate::dfg::{Ty, ValueDef};
use crate::entities::{Block, Inst, Value};
use crate::op::Op;
use crate::passes::edit::Placer;
use cranelift_entity::SecondaryMap;
use std::collections::BTreeMap;

/// Neighbouring bytes that can be had at once, least significant first.
enum Run {
    /// Known bytes.
    Const(Vec<u8>),
    /// Bytes of values, side by side in one value or in memory.
    Up(Vec<(Value, u8)>),
    /// The same in descending order.
    Down(Vec<(Value, u8)>),
}

pub(super) struct Assembler<'a> {
    pub(super) placer: Placer<'a>,
    pub(super) facts: &'a ValueFacts,
    pub(super) versions: &'a Versions,
    pub(super) dom: &'a Dominators,
    pub(super) place: &'a SecondaryMap<Inst, Option<(Block, u32)>>,
    /// Loads to be placed behind an operation.
    pub(super) new_loads: &'a mut BTreeMap<Inst, Vec<Inst>>,
}

impl Assembler<'_> {
    /// The load that makes `v`, unless it is new.
    fn load(&self, v: Value) -> Option<Inst> {
        match self.placer.dfg.values[v].def {
            ValueDef::Inst(i)
                if matches!(
                    self.placer.dfg.insts[i].op,
                    Op::PktLoad { .. } | Op::MapLoad { .. }
                ) =>
            {
                self.place[i].map(|_| i)
            }
            _ => None,
        }
    }

    /// How far byte `b` lies above byte `a`, in one value or in memory that nobody writes between the two loads.
    fn distance(&self, a: (Value, u8), b: (Value, u8)) -> Option<i64> {
        let within = i64::from(b.1) - i64::from(a.1);
        if a.0 == b.0 {
            return Some(within);
        }
        let (i, j) = (self.load(a.0)?, self.load(b.0)?);
        if self.versions.of_read(i) != self.versions.of_read(j) {
            return None;
        }
        let dfg = &*self.placer.dfg;
        let (a, b) = (Access::of(dfg, self.facts, i)?, Access::of(dfg, self.facts, j)?);
        Some(b.distance(&a)? + within)
    }

    fn runs(&self, bytes: &[Byte]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for &byte in bytes {
            match (runs.last_mut(), byte) {
                (Some(Run::Const(run)), Byte::Const(c)) => run.push(c),
                (_, Byte::Const(c)) => runs.push(Run::Const(vec![c])),
                (last, Byte::Of(v, n)) => {
                    let b = (v, n);
                    let next = match last {
                        Some(Run::Up(run)) => {
                            let step = self.distance(run[run.len() - 1], b);
                            if step == Some(1) {
                                run.push(b);
                                continue;
                            }
                            (step == Some(-1) && run.len() == 1).then(|| Run::Down(vec![run[0], b]))
                        }
                        Some(Run::Down(run))
                            if self.distance(run[run.len() - 1], b) == Some(-1) =>
                        {
                            run.push(b);
                            continue;
                        }
                        _ => None,
                    };
                    match next {
                        Some(run) => *runs.last_mut().expect("matched above") = run,
                        None => runs.push(Run::Up(vec![b])),
                    }
                }
            }
        }
        runs
    }

    /// Does some run take bytes of several loads?
    pub(super) fn merges_loads(&self, bytes: &[Byte]) -> bool {
        self.runs(bytes).iter().any(|run| match run {
            Run::Const(_) => false,
            Run::Up(run) | Run::Down(run) => run.iter().any(|b| b.0 != run[0].0),
        })
    }

    /// A value with these bytes, for the result of `inst`; `None` if it cannot be had.
    pub(super) fn assemble(&mut self, inst: Inst, bytes: &[Byte]) -> Option<Value> {
        self.placer.src = self.placer.dfg.insts[inst].src;
        let mut runs = self.runs(bytes);
        let zero_top = matches!(runs.last(), Some(Run::Const(c)) if c.iter().all(|b| *b == 0));
        if zero_top {
            runs.pop();
        }
        let mut pieces = Vec::new();
        for run in runs {
            pieces.push(self.piece(run)?);
        }
        let width = pieces.iter().map(|p| self.placer.dfg.bits(*p)).sum();
        let lower = match pieces.as_slice() {
            [] => return None,
            [only] => *only,
            _ => self.placer.emit(Op::Concat(pieces), Ty::Int(width)),
        };
        let bits = 8 * bytes.len() as u8;
        Some(if width == bits { lower } else { self.placer.emit(Op::Zext(lower), Ty::Int(bits)) })
    }

    fn piece(&mut self, run: Run) -> Option<Value> {
        match run {
            Run::Const(c) => {
                let number = c.iter().rev().fold(0, |all, b| all << 8 | u64::from(*b));
                Some(self.placer.leaves.constant(self.placer.dfg, 8 * c.len() as u8, number))
            }
            Run::Up(run) => self.ascending(&run),
            Run::Down(mut run) => {
                run.reverse();
                let up = self.ascending(&run)?;
                Some(self.placer.emit(Op::Bswap(up), Ty::Int(8 * run.len() as u8)))
            }
        }
    }

    /// The bytes `run`, neighbours in ascending order.
    fn ascending(&mut self, run: &[(Value, u8)]) -> Option<Value> {
        let bits = 8 * run.len() as u8;
        let (first, lo) = run[0];
        if run.iter().all(|b| b.0 == first) {
            return Some(self.placer.extract(first, 8 * lo, bits));
        }
        let loads: Option<Vec<Inst>> = run.iter().map(|b| self.load(b.0)).collect();
        let loads = loads?;
        let mut op = self.placer.dfg.insts[loads[0]].op.clone();
        self.share_bounds(&mut op, loads[0], &loads[1..]);
        if lo > 0 {
            let (off, bounds) = op.offset_mut()?;
            let c = self.placer.dfg.as_const(*off)?.wrapping_add(u64::from(lo));
            *off = self.placer.leaves.constant(self.placer.dfg, 64, c);
            *bounds = crate::op::Bounds::constant(c as i64);
        }
        let last =
            loads.iter().copied().reduce(|a, b| if self.comes_before(a, b) { b } else { a })?;
        let src = self.placer.dfg.insts[loads[0]].src;
        let inst = self.placer.dfg.make_inst(op, Some(Ty::Int(bits)), src);
        self.new_loads.entry(last).or_default().push(inst);
        self.placer.dfg.insts[inst].result
    }

    /// The offset of the first load obeys the bounds of the others too.
    fn share_bounds(&self, op: &mut Op, first: Inst, others: &[Inst]) {
        let dfg = &*self.placer.dfg;
        let base = |i: Inst| match &dfg.insts[i].op {
            Op::PktLoad { base, .. } => Some(*base),
            Op::MapLoad { entry, .. } => Some(*entry),
            _ => None,
        };
        let Some(start) = Access::of(dfg, self.facts, first) else { return };
        for &other in others {
            let Some(access) =
                Access::of(dfg, self.facts, other).filter(|_| base(other) == base(first))
            else {
                continue;
            };
            let (Some(distance), Some((_, theirs))) =
                (access.distance(&start), dfg.insts[other].op.offset())
            else {
                continue;
            };
            let (min, max) =
                (theirs.min.saturating_sub(distance), theirs.max.saturating_sub(distance));
            if let Some((_, bounds)) = op.offset_mut() {
                let (min, max) = (bounds.min.max(min), bounds.max.min(max));
                if min <= max {
                    (bounds.min, bounds.max) = (min, max);
                }
            }
        }
    }

    /// Does `a` stand before `b`? (Both dominate the operation that is rewritten, so one dominates the other.)
    fn comes_before(&self, a: Inst, b: Inst) -> bool {
        match (self.place[a], self.place[b]) {
            (Some((x, n)), Some((y, m))) if x == y => n < m,
            (Some((x, _)), Some((y, _))) => self.dom.dominates(x, y),
            _ => false,
        }
    }
}
