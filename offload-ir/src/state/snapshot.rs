//! For the scheduler: all loads from a map before all of its stores, so that there may be stages between the two.

use super::order::topological;
use crate::diagnostic::Diagnostic;
use crate::entities::{Inst, MapId, Value};
use crate::if_convert::{remove_unused, BoolFn, Emitter};
use crate::op::{AtomicOp, BinOp, Bounds, CmpOp, Op};
use crate::pipeline::Pipeline;
use crate::ports::{place, same_slot};
use crate::schedule::deps::order_of;
use crate::Ty;
use cranelift_entity::SecondaryMap;
use std::collections::BTreeMap;

/// A store to the map, before the place at hand.
struct Stored {
    entry: Value,
    /// First byte and the one behind the last.
    bytes: (i64, i64),
    /// None at a computed offset.
    value: Option<Value>,
    when: BoolFn,
}

struct Snapshot {
    e: Emitter,
    map: MapId,
    replaced: SecondaryMap<Value, Option<Value>>,
    stored: Vec<Stored>,
    loads: Vec<Inst>,
    /// Loads at constant offsets by entry and bytes.
    known: BTreeMap<(Value, (i64, i64)), Value>,
    /// Whether entries are there.
    there: BTreeMap<Value, (BoolFn, Value)>,
    /// Loads that would have to see an earlier store and cannot.
    late: Vec<Inst>,
    inst: Inst,
}

/// Replaces atomic operations on `map` by loads, arithmetic and stores, and lets loads see the packet's own stores to the same entry by selects, in a
/// pipeline whose ports are shared.
///
/// # Errors
/// `BL0604` for each load at a computed offset that may see such a store.
pub(crate) fn snapshot_values(p: &mut Pipeline, map: MapId) -> Result<(), Vec<Diagnostic>> {
    let order = std::mem::take(&mut p.order);
    let Some(&inst) = order.first() else { return Ok(()) };
    let mut s = Snapshot {
        e: Emitter::new(std::mem::take(&mut p.dfg), Vec::new()),
        map,
        replaced: SecondaryMap::new(),
        stored: Vec::new(),
        loads: Vec::new(),
        known: BTreeMap::new(),
        there: BTreeMap::new(),
        late: Vec::new(),
        inst,
    };
    for inst in order {
        s.inst = inst;
        s.convert(inst);
    }
    p.verdict.map_values(|v| s.replaced[v].unwrap_or(v));
    let list: Vec<Inst> =
        s.loads.iter().chain(s.e.order.iter().filter(|i| !s.loads.contains(i))).copied().collect();
    let pairs = order_of(&s.e.dfg, &list);
    let sorted = topological(&s.e.dfg, &list, &pairs);
    p.dfg = s.e.dfg;
    p.order = sorted.unwrap_or(s.e.order);
    remove_unused(p);
    let fault = |&inst: &Inst| {
        let message = format!(
            "a computed part of an entry of map `{}` is read after the entry was written",
            p.dfg.maps[map].name
        );
        Diagnostic::error("BL0604", message)
            .at(place(p, inst))
            .note("the entry is written several clocks after it is read")
            .help("read before writing, or access the value at constant offsets")
    };
    match s.late.is_empty() {
        true => Ok(()),
        false => Err(s.late.iter().map(fault).collect()),
    }
}

impl Snapshot {
    fn convert(&mut self, inst: Inst) {
        let replaced = &self.replaced;
        let current = |v: Value| replaced[v].unwrap_or(v);
        let data = &mut self.e.dfg.insts[inst];
        data.op.map_args(current);
        data.pred = data.pred.map(current);
        let (op, result, pred) = (data.op.clone(), data.result, data.pred);
        self.e.src = data.src;
        if op.map() != Some(self.map) {
            return self.e.place(inst);
        }
        let when = pred.map_or(BoolFn::TRUE, |v| self.e.function_of(v));
        match op {
            Op::MapLoad { entry, off, bounds, .. } => {
                let old = result.expect("loads have results");
                let bits = self.e.dfg.bits(old);
                let new = self.load(entry, off, bounds, bits);
                self.replaced[old] = Some(new);
            }
            Op::MapStore { entry, off, bounds, value, .. } => {
                self.store(entry, (off, bounds), value, when, pred);
            }
            Op::MapAtomic { op, entry, off, bounds, value, expected, .. } => {
                let bits = self.e.dfg.bits(value);
                let old = self.load(entry, off, bounds, bits);
                let (new, when, pred) = self.modified(op, old, value, expected, (when, pred));
                self.store(entry, (off, bounds), new, when, pred);
                self.replaced[result.expect("atomic operations have results")] = Some(old);
            }
            _ => self.e.place(inst),
        }
    }

    fn modified(
        &mut self,
        op: AtomicOp,
        old: Value,
        value: Value,
        expected: Option<Value>,
        at: (BoolFn, Option<Value>),
    ) -> (Value, BoolFn, Option<Value>) {
        let ty = self.e.dfg.ty(value);
        let op = match op {
            AtomicOp::Add => BinOp::Add,
            AtomicOp::Or => BinOp::Or,
            AtomicOp::And => BinOp::And,
            AtomicOp::Xor => BinOp::Xor,
            AtomicOp::Xchg => return (value, at.0, at.1),
            AtomicOp::CmpXchg => {
                let expected = expected.expect("O5: `cmpxchg` has an expected value");
                let equal = self.e.op(Op::Cmp(CmpOp::Eq, old, expected), Ty::Int(1));
                let pred = self.e.all(at.1.into_iter().chain([equal]).collect());
                return (value, self.e.function_of(pred), Some(pred));
            }
        };
        (self.e.op(Op::Bin(op, old, value), ty), at.0, at.1)
    }

    fn store(
        &mut self,
        entry: Value,
        at: (Value, Bounds),
        value: Value,
        when: BoolFn,
        pred: Option<Value>,
    ) {
        let (off, bounds) = at;
        let op = Op::MapStore { map: self.map, entry, off, bounds, value };
        let inst = self.e.dfg.make_inst(op, None, self.e.src);
        self.e.dfg.insts[inst].pred = pred;
        self.e.place(inst);
        // A store through the null entry does nothing.
        let (there, value_of_there) = self.there(entry);
        let both = self.e.conditions.bdd.and(when, there);
        if both != when && self.e.known(both).is_none() {
            let v = self.e.all(pred.into_iter().chain([value_of_there]).collect());
            self.e.remember(both, v);
        }
        let when = both;
        let bytes = i64::from(self.e.dfg.bits(value) / 8);
        let value = self.e.dfg.as_const(off).map(|_| value);
        let bytes = (bounds.min, bounds.max.saturating_add(bytes));
        self.stored.push(Stored { entry, bytes, value, when });
    }

    /// Holds if `entry` is not null.
    fn there(&mut self, entry: Value) -> (BoolFn, Value) {
        if let Some(&known) = self.there.get(&entry) {
            return known;
        }
        let null = self.e.op(Op::EntryIsNull(entry), Ty::Int(1));
        let there = self.e.not(null);
        let known = (self.e.function_of(there), there);
        self.there.insert(entry, known);
        known
    }

    fn load(&mut self, entry: Value, off: Value, bounds: Bounds, bits: u8) -> Value {
        let bytes = (bounds.min, bounds.max.saturating_add(i64::from(bits / 8)));
        if self.e.dfg.as_const(off).is_some() {
            return self.read(entry, bytes, self.stored.len());
        }
        let seen = |s: &&Stored| overlap(s.bytes, bytes) && same_slot(&self.e.dfg, s.entry, entry);
        if self.stored.iter().any(|s| seen(&s)) {
            self.late.push(self.inst);
        }
        self.found(entry, off, bounds, bits)
    }

    /// The bytes as the packet found them.
    fn found(&mut self, entry: Value, off: Value, bounds: Bounds, bits: u8) -> Value {
        let v = self.e.op(Op::MapLoad { map: self.map, entry, off, bounds }, Ty::Int(bits));
        self.loads.extend(self.e.dfg.maker(v));
        v
    }

    /// The bytes after the first `upto` stores.
    fn read(&mut self, entry: Value, bytes: (i64, i64), upto: usize) -> Value {
        let bits = 8 * (bytes.1 - bytes.0) as u8;
        for n in (0..upto).rev() {
            let Stored { entry: to, bytes: stored, value, when } = self.stored[n];
            if !overlap(stored, bytes) || !same_slot(&self.e.dfg, to, entry) {
                continue;
            }
            let Some(value) = value.filter(|_| to == entry) else {
                self.late.push(self.inst);
                break;
            };
            let border = [stored.0, stored.1].into_iter().find(|b| bytes.0 < *b && *b < bytes.1);
            if let Some(border) = border {
                let low = self.read(entry, (bytes.0, border), upto);
                let high = self.read(entry, (border, bytes.1), upto);
                return self.e.op(Op::Concat(vec![low, high]), Ty::Int(bits));
            }
            let lo = 8 * (bytes.0 - stored.0) as u8;
            let part = match bits == self.e.dfg.bits(value) {
                true => value,
                false => self.e.op(Op::Extract { value, lo }, Ty::Int(bits)),
            };
            if when == BoolFn::TRUE {
                return part;
            }
            let before = self.read(entry, bytes, n);
            let when = self.e.value_of(when);
            return self.e.select_on(when, part, before);
        }
        if let Some(&v) = self.known.get(&(entry, bytes)) {
            return v;
        }
        let off = self.e.constant(64, bytes.0 as u64);
        let v = self.found(entry, off, Bounds::constant(bytes.0), bits);
        self.known.insert((entry, bytes), v);
        v
    }
}

fn overlap(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0 < b.1 && b.0 < a.1
}
