//! Values of a map's elements: loads see the packet's own earlier writes, writes to replaced elements are lost.

use super::handle::{Element, Handle};
use super::tables::Put;
use super::walk::Walk;
use crate::entities::{Inst, MapId, Value};
use crate::if_convert::BoolFn;
use crate::op::{AtomicOp, BinOp, Bounds, CmpOp, Op};
use crate::Ty;

/// A write to the value of an element.
#[derive(Clone)]
pub(super) struct Write {
    /// Elements that it may go to.
    cases: Vec<(BoolFn, Element)>,
    /// First byte and the one behind the last; if the offset is computed, those it may touch.
    bytes: (i64, i64),
    /// What is written, if the offset is a constant.
    value: Option<Value>,
    when: BoolFn,
    /// A part of the value with which the put of that number begins.
    init: Option<usize>,
}

/// Bytes of a value that are read.
#[derive(Clone, Copy)]
struct Range {
    off: i64,
    bytes: i64,
}

impl Range {
    fn end(self) -> i64 {
        self.off + self.bytes
    }

    fn overlaps(self, w: &Write) -> bool {
        self.off < w.bytes.1 && w.bytes.0 < self.end()
    }
}

impl Walk {
    /// Lowers an access to a value; its result, if that is not the operation's own.
    pub fn access(&mut self, map: MapId, inst: Inst, op: &Op, when: BoolFn) -> Option<Value> {
        let (off, bounds) = op.offset().expect("accesses have an offset");
        let (off, bounds) = (off, *bounds);
        let constant = self.e.dfg.as_const(off).map(|c| c as i64);
        match op {
            Op::MapLoad { entry, .. } => {
                let handle = self.handle(*entry);
                let result = self.e.dfg.insts[inst].result.expect("loads have results");
                let bits = self.e.dfg.bits(result);
                match constant {
                    Some(off) => {
                        let range = Range { off, bytes: i64::from(bits / 8) };
                        Some(self.read_handle(map, &handle, range, when))
                    }
                    None => Some(self.load_somewhere(map, &handle, off, bounds, bits, when)),
                }
            }
            Op::MapStore { entry, value, .. } => {
                let handle = self.handle(*entry);
                self.store(map, &handle, (off, bounds), *value, when);
                None
            }
            Op::MapAtomic { op: kind, entry, value, expected, .. } => {
                let handle = self.handle(*entry);
                match constant {
                    Some(at) => {
                        let range =
                            Range { off: at, bytes: i64::from(self.e.dfg.bits(*value) / 8) };
                        let old = self.read_handle(map, &handle, range, when);
                        let (new, stored) = self.modified(*kind, old, *value, *expected, when);
                        self.store(map, &handle, (off, bounds), new, stored);
                        Some(old)
                    }
                    None => {
                        self.modify_somewhere(map, inst, &handle, when);
                        None
                    }
                }
            }
            _ => unreachable!("asked for accesses to values only"),
        }
    }

    /// What an atomic operation writes, and when.
    fn modified(
        &mut self,
        kind: AtomicOp,
        old: Value,
        value: Value,
        expected: Option<Value>,
        when: BoolFn,
    ) -> (Value, BoolFn) {
        let op = match kind {
            AtomicOp::Add => BinOp::Add,
            AtomicOp::Or => BinOp::Or,
            AtomicOp::And => BinOp::And,
            AtomicOp::Xor => BinOp::Xor,
            AtomicOp::Xchg => return (value, when),
            AtomicOp::CmpXchg => {
                let expected = expected.expect("O5: `cmpxchg` has an expected value");
                let equal = self.e.op(Op::Cmp(CmpOp::Eq, old, expected), Ty::Int(1));
                let equal = self.e.function_of(equal);
                let both = self.value_of_both(when, equal);
                return (value, self.e.function_of(both));
            }
        };
        let ty = self.e.dfg.ty(value);
        (self.e.op(Op::Bin(op, old, value), ty), when)
    }

    fn store(
        &mut self,
        map: MapId,
        handle: &Handle,
        at: (Value, Bounds),
        value: Value,
        when: BoolFn,
    ) {
        let (off, bounds) = at;
        let constant = self.e.dfg.as_const(off).is_some();
        let bytes = i64::from(self.e.dfg.bits(value) / 8);
        let stale = self.stale(map, handle, when);
        let stored = if stale == BoolFn::FALSE {
            when
        } else {
            let kept = self.not(stale);
            self.and(when, kept)
        };
        if stored != BoolFn::FALSE {
            let pred = self.predicate(stored);
            self.effect(Op::MapStore { map, entry: handle.entry, off, bounds, value }, pred);
        }
        self.table(map).writes.push(Write {
            cases: handle.cases.clone(),
            bytes: (bounds.min, bounds.max.saturating_add(bytes)),
            value: constant.then_some(value),
            when,
            init: None,
        });
    }

    /// An atomic operation at a computed offset: it stays one.
    fn modify_somewhere(&mut self, map: MapId, inst: Inst, handle: &Handle, when: BoolFn) {
        let Op::MapAtomic { value, bounds, .. } = self.e.dfg.insts[inst].op else { return };
        let bytes = i64::from(self.e.dfg.bits(value) / 8);
        let range = (bounds.min, bounds.max.saturating_add(bytes));
        let stale = self.stale(map, handle, when);
        if self.written(map, handle, range, when) || stale != BoolFn::FALSE {
            self.computed_offset(map);
        }
        if let Op::MapAtomic { entry, .. } = &mut self.e.dfg.insts[inst].op {
            *entry = handle.entry;
        }
        self.e.place(inst);
        self.table(map).writes.push(Write {
            cases: handle.cases.clone(),
            bytes: range,
            value: None,
            when,
            init: None,
        });
    }

    /// A load at a computed offset: of what the packet found, if it has not written there.
    fn load_somewhere(
        &mut self,
        map: MapId,
        handle: &Handle,
        off: Value,
        bounds: Bounds,
        bits: u8,
        when: BoolFn,
    ) -> Value {
        let range = (bounds.min, bounds.max.saturating_add(i64::from(bits / 8)));
        if self.written(map, handle, range, when) {
            self.computed_offset(map);
        }
        let mut value = None;
        for &(case, element) in &handle.cases {
            let Element::Old(n) = element else { continue };
            let entry = self.table(map).probe(n).entry;
            let load = self.e.op(Op::MapLoad { map, entry, off, bounds }, Ty::Int(bits));
            let inst = self.e.dfg.maker(load).expect("made by an operation");
            self.first.insert(inst);
            let matters = self.and(case, when);
            self.e.dfg.insts[inst].pred = self.predicate(matters);
            value = Some(match value {
                None => load,
                Some(other) => {
                    let this = self.given(case, when);
                    self.choose(this, load, other)
                }
            });
        }
        value.unwrap_or_else(|| self.e.constant(bits, 0))
    }

    /// True if the packet may have written to these bytes of the element before.
    fn written(&mut self, map: MapId, handle: &Handle, bytes: (i64, i64), when: BoolFn) -> bool {
        let range = Range { off: bytes.0, bytes: bytes.1 - bytes.0 };
        for n in 0..self.table(map).writes.len() {
            let write = self.table(map).writes[n].clone();
            if !range.overlaps(&write) {
                continue;
            }
            for &(case, element) in &handle.cases {
                let same = self.reaches(map, &write, element);
                let matters = self.and(case, when);
                if !self.never(same, matters) {
                    return true;
                }
            }
        }
        false
    }

    fn computed_offset(&mut self, map: MapId) {
        let name = &self.e.dfg.maps[map].name;
        let message = format!("an access at a computed offset to an entry of map `{name}` that the same packet may have written before");
        self.fault(
            "BL0609",
            message,
            "access the value at constant offsets, or read before writing",
        );
    }

    /// The content of the bytes `range` of the element that `handle` is.
    fn read_handle(&mut self, map: MapId, handle: &Handle, range: Range, when: BoolFn) -> Value {
        self.stale(map, handle, when);
        let mut value = None;
        for &(case, element) in &handle.cases {
            let matters = self.and(case, when);
            if element == Element::Null || self.never(case, when) {
                continue;
            }
            let upto = self.table(map).writes.len();
            let content = self.read(map, element, range, upto, matters);
            value = Some(match value {
                None => content,
                Some(other) => {
                    let this = self.given(case, when);
                    self.choose(this, content, other)
                }
            });
        }
        value.unwrap_or_else(|| self.e.constant(8 * range.bytes as u8, 0))
    }

    /// The content of `element` after the first `upto` writes, where `when` holds.
    fn read(
        &mut self,
        map: MapId,
        element: Element,
        range: Range,
        upto: usize,
        when: BoolFn,
    ) -> Value {
        for n in (0..upto).rev() {
            let write = self.table(map).writes[n].clone();
            if !range.overlaps(&write) {
                continue;
            }
            let reaches = self.reaches(map, &write, element);
            let there = self.exists(map, element);
            let reaches = self.and(reaches, there);
            if self.never(reaches, when) {
                continue;
            }
            let Some(value) = write.value else {
                self.computed_offset(map);
                return self.e.constant(8 * range.bytes as u8, 0);
            };
            let border = [write.bytes.0, write.bytes.1];
            let border = border.into_iter().find(|b| range.off < *b && *b < range.end());
            if let Some(border) = border {
                let low = Range { off: range.off, bytes: border - range.off };
                let high = Range { off: border, bytes: range.end() - border };
                let low = self.read(map, element, low, upto, when);
                let high = self.read(map, element, high, upto, when);
                return self.concat(low, high);
            }
            let written = self.part(value, range.off - write.bytes.0, range.bytes);
            let reaches = self.given(reaches, when);
            if reaches == BoolFn::TRUE {
                return written;
            }
            let otherwise = self.not(reaches);
            let otherwise = self.and(otherwise, when);
            let before = self.read(map, element, range, n, otherwise);
            return self.choose(reaches, written, before);
        }
        match element {
            Element::Old(n) => self.load_found(map, n, range, when),
            // All of a put's value is written with it.
            Element::New(_) | Element::Null => self.e.constant(8 * range.bytes as u8, 0),
        }
    }

    /// What probe `n` found at `range`.
    fn load_found(&mut self, map: MapId, n: usize, range: Range, when: BoolFn) -> Value {
        let key = (n, range.off, range.bytes);
        if let Some(&(inst, before)) = self.table(map).loads.get(&key) {
            let either = self.or(before, when);
            self.table(map).loads.insert(key, (inst, either));
            return self.e.dfg.insts[inst].result.expect("loads have results");
        }
        let entry = self.table(map).probe(n).entry;
        let off = self.e.constant(64, range.off as u64);
        let op = Op::MapLoad { map, entry, off, bounds: Bounds::constant(range.off) };
        let value = self.e.op(op, Ty::Int(8 * range.bytes as u8));
        let inst = self.e.dfg.maker(value).expect("made by an operation");
        self.first.insert(inst);
        self.table(map).loads.insert(key, (inst, when));
        value
    }

    /// `bytes` bytes of `value` from byte `from` on.
    fn part(&mut self, value: Value, from: i64, bytes: i64) -> Value {
        let (lo, bits) = (8 * from as u8, 8 * bytes as u8);
        match self.e.dfg.as_const(value) {
            _ if bits == self.e.dfg.bits(value) => value,
            Some(c) => self.e.constant(bits, c >> lo),
            None => self.e.op(Op::Extract { value, lo }, Ty::Int(bits)),
        }
    }

    fn concat(&mut self, low: Value, high: Value) -> Value {
        let (a, b) = (self.e.dfg.bits(low), self.e.dfg.bits(high));
        match (self.e.dfg.as_const(low), self.e.dfg.as_const(high)) {
            (Some(x), Some(y)) => self.e.constant(a + b, x | y << a),
            _ => self.e.op(Op::Concat(vec![low, high]), Ty::Int(a + b)),
        }
    }

    /// Holds if `write` happens and goes to `element`.
    fn reaches(&mut self, map: MapId, write: &Write, element: Element) -> BoolFn {
        if write.init.is_some_and(|u| element == Element::New(u)) {
            return BoolFn::TRUE;
        }
        let mut reaches = BoolFn::FALSE;
        for &(case, written) in &write.cases {
            let same = self.same_element(map, written, element);
            let case = self.and(case, same);
            reaches = self.or(reaches, case);
        }
        self.and(reaches, write.when)
    }

    /// Holds if the element is there.
    fn exists(&mut self, map: MapId, element: Element) -> BoolFn {
        let null = match element {
            Element::Null => BoolFn::TRUE,
            Element::Old(n) => self.table(map).probe(n).null,
            Element::New(u) => self.table(map).puts[u].full,
        };
        self.not(null)
    }

    fn same_element(&mut self, map: MapId, a: Element, b: Element) -> BoolFn {
        let in_place = self.table(map).in_place;
        let of_put = |walk: &mut Self, u: usize| walk.table(map).puts[u].probe;
        match (a, b) {
            (Element::Null, _) | (_, Element::Null) => BoolFn::FALSE,
            (Element::Old(n), Element::Old(m)) => self.same_key(map, n, m),
            (Element::New(u), Element::New(v)) if u == v => BoolFn::TRUE,
            _ if !in_place => BoolFn::FALSE,
            (Element::New(u), Element::New(v)) => {
                let (n, m) = (of_put(self, u), of_put(self, v));
                self.same_key(map, n, m)
            }
            (Element::Old(n), Element::New(u)) | (Element::New(u), Element::Old(n)) => {
                let m = of_put(self, u);
                self.same_key(map, n, m)
            }
        }
    }

    /// Holds, where `when` does, if an update has replaced the element; a fault if its memory may have been put to use again.
    fn stale(&mut self, map: MapId, handle: &Handle, when: BoolFn) -> BoolFn {
        let mut stale = BoolFn::FALSE;
        if self.table(map).in_place {
            return stale;
        }
        for &(case, element) in &handle.cases {
            let (probe, later) = match element {
                Element::Null => continue,
                Element::Old(n) => (n, 0),
                Element::New(u) => (self.table(map).puts[u].probe, u + 1),
            };
            let matters = self.and(case, when);
            let mut replaced = BoolFn::FALSE;
            for u in later..self.table(map).puts.len() {
                let Put { probe: other, when: happens, .. } = self.table(map).puts[u];
                let same = self.same_key(map, probe, other);
                let replaces = self.and(happens, same);
                let replaces = self.and(replaces, matters);
                if self.never(replaces, BoolFn::TRUE) {
                    continue;
                }
                if !self.never(replaced, replaces) {
                    let name = &self.e.dfg.maps[map].name;
                    let message = format!("an entry of map `{name}` is used after the same packet may have replaced it twice");
                    self.fault("BL0609", message, "look the entry up again after the update");
                }
                replaced = self.or(replaced, replaces);
            }
            stale = self.or(stale, replaced);
        }
        stale
    }

    /// Stores the parts of the value with which put `u` begins.
    pub fn write_parts(&mut self, map: MapId, value: &[Value], u: usize) {
        let when = self.table(map).puts[u].when;
        if when == BoolFn::FALSE {
            return;
        }
        let entry = self.entry_of_put(map, u);
        let handle = Handle::of(Element::New(u), entry);
        self.write_all(map, &handle, value, when, Some(u));
    }

    /// Stores a whole value.
    pub fn write_all(
        &mut self,
        map: MapId,
        handle: &Handle,
        value: &[Value],
        when: BoolFn,
        init: Option<usize>,
    ) {
        let mut at = 0;
        for &part in value {
            let bytes = i64::from(self.e.dfg.bits(part) / 8);
            let mut from = 0;
            while from < bytes {
                let n = [8, 4, 2, 1]
                    .into_iter()
                    .find(|n| *n <= bytes - from)
                    .expect("there is a byte left");
                let piece = self.part(part, from, n);
                let off = self.e.constant(64, (at + from) as u64);
                self.store(map, handle, (off, Bounds::constant(at + from)), piece, when);
                if let Some(write) = self.table(map).writes.last_mut() {
                    write.init = init;
                }
                from += n;
            }
            at += bytes;
        }
    }
}
