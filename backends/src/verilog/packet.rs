//! Packet bytes: which are present, loads, stores, clearing.

use super::arith::compare;
use super::expr::Expr;
use super::layout::{runs, window_name, Layout};
use super::places::Places;
use super::stage::StageEmitter;
use beeline_ir::op::{CmpOp, Op};
use beeline_ir::pipeline::ByteCoord;
use beeline_ir::schedule::window::Touches;
use beeline_ir::{Inst, StagedPipeline, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The window bytes that are present in a stage, with their content so far.
#[derive(Default)]
pub struct Bytes {
    present: BTreeMap<ByteCoord, Expr>,
}

impl Bytes {
    /// Bytes `first ..` are the bytes of `e`.
    pub fn define(&mut self, first: ByteCoord, count: u32, e: &Expr) {
        for n in 0..count {
            self.present.insert(first + n as ByteCoord, e.extract(8 * n, 8));
        }
    }

    /// True if the byte is present.
    pub fn has(&self, c: ByteCoord) -> bool {
        self.present.contains_key(&c)
    }

    /// Bytes `first ..` as one expression; absent ones are zero.
    pub fn read(&self, first: ByteCoord, count: u32) -> Expr {
        let byte =
            |c: ByteCoord| self.present.get(&c).cloned().unwrap_or_else(|| Expr::constant(0, 8));
        Expr::concat((0..count as ByteCoord).rev().map(|n| byte(first + n)).collect())
    }
}

/// Where the bytes of a packet access can be.
#[derive(Clone, Debug)]
pub struct Access {
    /// Coordinates of the first byte.
    pub places: Places,
    /// Bytes accessed.
    pub size: u32,
    /// Every byte that may be touched.
    pub coords: BTreeSet<ByteCoord>,
}

/// The packet loads and stores of a program. An access that is absent touches nothing within the window: it never executes.
pub fn packet_accesses(staged: &StagedPipeline) -> BTreeMap<Inst, Access> {
    let dfg = &staged.pipeline.dfg;
    let mut touches = Touches::default();
    let mut accesses = BTreeMap::new();
    for &inst in &staged.pipeline.order {
        let moved = match &dfg.insts[inst].op {
            Op::PktLoad { .. } => dfg.insts[inst].result,
            Op::PktStore { value, .. } => Some(*value),
            _ => None,
        };
        let Some(moved) = moved else { continue };
        let size = u32::from(dfg.bits(moved)) / 8;
        let window =
            -(staged.headroom as ByteCoord)..=staged.window as ByteCoord - size as ByteCoord;
        let firsts: Vec<ByteCoord> = match touches.of(dfg, inst) {
            Some(t) => t.firsts.into_iter().filter(|c| window.contains(c)).collect(),
            None => window.collect(),
        };
        if let Some(places) = Places::covering(firsts.iter().map(|c| i64::from(*c))) {
            let coords = firsts.iter().flat_map(|&c| c..c + size as ByteCoord).collect();
            accesses.insert(inst, Access { places, size, coords });
        }
    }
    accesses
}

/// Bytes needed before the operations `insts`, and after each store among them, if `after` are needed at the end.
pub fn live_bytes(
    layout: &Layout,
    insts: &[Inst],
    after: &[ByteCoord],
) -> (BTreeSet<ByteCoord>, BTreeMap<Inst, BTreeSet<ByteCoord>>) {
    let dfg = &layout.staged.pipeline.dfg;
    let mut live: BTreeSet<ByteCoord> = after.iter().copied().collect();
    let mut live_after = BTreeMap::new();
    for &inst in insts.iter().rev() {
        let data = &dfg.insts[inst];
        match &data.op {
            Op::PktLoad { .. } => {
                live.extend(layout.accesses.get(&inst).iter().flat_map(|a| &a.coords))
            }
            Op::PktStore { .. } => {
                live_after.insert(inst, live.clone());
                let exact = layout.accesses.get(&inst).filter(|a| a.places.single().is_some());
                if let (Some(a), None) = (exact, data.pred) {
                    live.retain(|c| !a.coords.contains(c));
                }
            }
            Op::PktZero { .. } => {
                live_after.insert(inst, live.clone());
            }
            _ => {}
        }
    }
    (live, live_after)
}

impl StageEmitter<'_> {
    /// Emits a packet access.
    pub(super) fn emit_packet(&mut self, inst: Inst) {
        let layout = self.layout;
        let op = &layout.staged.pipeline.dfg.insts[inst].op;
        let access = layout.accesses.get(&inst);
        match (op, access, access.and_then(|a| a.places.single())) {
            (Op::PktLoad { .. }, None, _) => self.define_zero(inst),
            (Op::PktLoad { .. }, Some(a), Some(c)) => {
                let e = self.bytes.read(c as ByteCoord, a.size);
                self.define(inst, &e);
            }
            (Op::PktLoad { base, off, .. }, Some(a), None) => {
                self.load_variable(inst, *base, *off, a)
            }
            (Op::PktStore { value, .. }, Some(_), Some(c)) => {
                self.store_constant(inst, c as ByteCoord, *value)
            }
            (Op::PktStore { base, off, value, .. }, Some(a), None) => {
                self.store_variable(inst, *base, *off, a, *value);
            }
            (Op::PktZero { from, to }, ..) => self.clear(inst, *from, *to),
            _ => {}
        }
    }

    fn define_zero(&mut self, inst: Inst) {
        let v = self.layout.staged.pipeline.dfg.insts[inst].result.expect("a load has a result");
        self.define(inst, &Expr::zero(self.layout.bits(v)));
    }

    /// Window bytes `first ..` as a signal.
    fn reach(&mut self, inst: Inst, first: ByteCoord, count: u32) -> Expr {
        let e = self.bytes.read(first, count);
        let name = self.local_name(inst, "", "reach");
        self.body.wire(&name, &e)
    }

    fn load_variable(&mut self, inst: Inst, base: Value, off: Value, a: &Access) {
        let p = &a.places;
        let reach = self.reach(inst, p.first as ByteCoord, (p.last - p.first) as u32 + a.size);
        let at = self.packet_position(inst, base, off, p, reach.bits());
        let text = format!("{}[{} +: {}]", reach.text(), at.text(), 8 * a.size);
        self.define(inst, &Expr::closed(text, 8 * a.size, &[&reach, &at]));
    }

    /// Bit position of the place `base + off` in a vector of `width` bits that starts at `p.first`.
    fn packet_position(
        &mut self,
        inst: Inst,
        base: Value,
        off: Value,
        p: &Places,
        width: u32,
    ) -> Expr {
        let dfg = &self.layout.staged.pipeline.dfg;
        let off = self.selectable(off);
        let (coord, first) = match dfg.as_const(base) {
            Some(base) => (off, p.first.wrapping_sub(base as i64)),
            None => {
                let low = p.index_bits() + p.stride_log2;
                let base = self.selectable(base);
                let sum = Expr::binary("+", &base.extract(0, low), &off.extract(0, low));
                let name = self.local_name(inst, "", "coord");
                (self.body.wire(&name, &sum), p.first)
            }
        };
        self.bit_position(
            inst,
            &coord,
            &Places { first, last: first + (p.last - p.first), ..*p },
            0,
            width,
        )
    }

    /// Bit position, in a vector of `width` bits whose byte `skew` is the first of `p`, of the place `coord` of `p`.
    pub(super) fn bit_position(
        &mut self,
        inst: Inst,
        coord: &Expr,
        p: &Places,
        skew: u32,
        width: u32,
    ) -> Expr {
        let index = self.place_index(inst, coord, p);
        let within = Expr::constant(u64::from(8 * skew), p.stride_log2 + 3);
        Expr::concat(vec![index, within]).zext(super::places::bits_for(u64::from(width) - 1))
    }

    /// A wire with the number of the place, of those in `p`, that `coord` is.
    pub(super) fn place_index(&mut self, inst: Inst, coord: &Expr, p: &Places) -> Expr {
        let bits = p.index_bits();
        let start = Expr::constant((p.first >> p.stride_log2) as u64, bits);
        let index = coord.extract(p.stride_log2, bits);
        let index =
            if start.as_const() == Some(0) { index } else { Expr::binary("-", &index, &start) };
        let name = self.local_name(inst, "", "at");
        self.body.wire(&name, &index)
    }

    fn store_constant(&mut self, inst: Inst, coord: ByteCoord, value: Value) {
        let value = self.selectable(value);
        let pred = self.predicate(inst);
        let size = value.bits() / 8;
        let live = &self.live_after[&inst];
        let wanted: Vec<ByteCoord> =
            (coord..coord + size as ByteCoord).filter(|c| live.contains(c)).collect();
        // The predicate matters only where there is an old content to keep.
        let kept: Vec<ByteCoord> = wanted.iter().copied().filter(|c| self.bytes.has(*c)).collect();
        let part =
            |first: ByteCoord, count: u32| value.extract(8 * (first - coord) as u32, 8 * count);
        if pred.as_const() == Some(1) {
            for (first, count) in runs(&wanted) {
                self.bytes.define(first, count, &part(first, count));
            }
            return;
        }
        for c in wanted.iter().filter(|c| !kept.contains(c)) {
            self.bytes.define(*c, 1, &part(*c, 1));
        }
        for (first, count) in runs(&kept) {
            let old = self.bytes.read(first, count);
            let name = self.local_name(inst, &window_name("pkt", first, count), "");
            let new = self.body.wire(&name, &Expr::mux(&pred, &part(first, count), &old));
            self.bytes.define(first, count, &new);
        }
    }

    fn store_variable(&mut self, inst: Inst, base: Value, off: Value, a: &Access, value: Value) {
        let p = &a.places;
        let (first, count) = (p.first as ByteCoord, (p.last - p.first) as u32 + a.size);
        let reach = self.reach(inst, first, count);
        let at = self.packet_position(inst, base, off, p, reach.bits());
        let value = self.operand(value);
        let pred = self.predicate(inst);
        let name = self.local_name(inst, &window_name("pkt", first, count), "");
        let store = format!(
            "{name}[{} +: {}] = {};",
            self.body.read(&at),
            8 * a.size,
            self.body.read(&value)
        );
        let statements =
            [format!("{name} = {};", self.body.read(&reach)), self.guarded(&pred, &store)];
        let new = self.body.comb(&name, reach.bits(), &statements);
        for c in
            (first..first + count as ByteCoord).filter(|c| self.bytes.has(*c)).collect::<Vec<_>>()
        {
            self.bytes.define(c, 1, &new.extract(8 * (c - first) as u32, 8));
        }
    }

    /// `if (pred) statement`, or the statement alone if it always executes.
    pub(super) fn guarded(&mut self, pred: &Expr, statement: &str) -> String {
        match pred.as_const() {
            Some(1) => statement.to_owned(),
            _ => super::body::guarded(&self.body.read(pred), statement),
        }
    }

    /// Clears the present bytes at coordinates `from .. to`.
    fn clear(&mut self, inst: Inst, from: Value, to: Value) {
        let live: Vec<ByteCoord> =
            self.live_after[&inst].iter().copied().filter(|c| self.bytes.has(*c)).collect();
        if live.is_empty() {
            return;
        }
        let (from, to, pred) = (self.operand(from), self.operand(to), self.predicate(inst));
        for (first, count) in runs(&live) {
            let old = self.bytes.read(first, count);
            let name = self.local_name(inst, &window_name("pkt", first, count), "");
            let mut statements = vec![format!("{name} = {};", self.body.read(&old))];
            for n in 0..count {
                let c = Expr::constant(i64::from(first + n as ByteCoord) as u64, from.bits());
                let inside =
                    Expr::and(&compare(CmpOp::Sle, &from, &c), &compare(CmpOp::Slt, &c, &to));
                let inside = Expr::and(&pred, &inside);
                statements.push(
                    self.guarded(&inside, &format!("{name}[{}:{}] = 8'd0;", 8 * n + 7, 8 * n)),
                );
            }
            let new = self.body.comb(&name, 8 * count, &statements);
            self.bytes.define(first, count, &new);
        }
    }
}
