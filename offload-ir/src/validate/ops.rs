//! Invariants O1 to O8: one operation and its types.

use super::faults::{Sink, Site};
use crate::dfg::{low_mask, Dfg, Ty};
use crate::entities::{Inst, MapId, Value};
use crate::map::MapKind;
use crate::op::{AtomicOp, Bounds, Op, MAX_EVENT_BYTES};

/// Checks `inst` by itself. False if an operand does not even exist, so that nothing more can be said.
pub(super) fn check_inst(dfg: &Dfg, inst: Inst, sink: &mut Sink) -> bool {
    let data = &dfg.insts[inst];
    let mut exists = true;
    let mut each = |v: Value| exists &= dfg.values.is_valid(v);
    data.op.for_each_arg(&mut each);
    data.result.iter().chain(&data.pred).copied().for_each(each);
    let site = Site::Inst(inst);
    if !sink.require(exists, site, "O3", || "an operand or result does not exist".into()) {
        return false;
    }
    let map = match data.op {
        Op::EventOutput { map, .. } => Some(map),
        _ => data.op.map(),
    };
    let map_exists = map.is_none_or(|m| dfg.maps.is_valid(m));
    if !sink.require(map_exists, site, "O1", || "the map is not declared".into()) {
        return true;
    }
    let check = Check { dfg, site };
    if let Some(v) = data.result {
        check.value_type(v, sink);
    }
    check.result(&data.op, data.result, sink);
    check.operands(&data.op, data.result.map(|v| dfg.ty(v)), sink);
    check.access(&data.op, data.result, sink);
    true
}

/// O1 for one value.
pub(super) fn check_type(dfg: &Dfg, v: Value, site: Site, sink: &mut Sink) {
    Check { dfg, site }.value_type(v, sink);
}

struct Check<'a> {
    dfg: &'a Dfg,
    site: Site,
}

impl Check<'_> {
    fn value_type(&self, v: Value, sink: &mut Sink) {
        let ty = self.dfg.ty(v);
        let ok = match ty {
            Ty::Int(n) => (1..=64).contains(&n),
            Ty::Entry(m) => self.dfg.maps.is_valid(m),
        };
        sink.require(ok, self.site, "O1", || format!("{v} cannot be of type {ty}"));
    }

    fn result(&self, op: &Op, result: Option<Value>, sink: &mut Sink) {
        let stores = matches!(
            op,
            Op::PktStore { .. }
                | Op::PktZero { .. }
                | Op::MapStore { .. }
                | Op::MapRemove { .. }
                | Op::MapTouch { .. }
                | Op::EventOutput { .. }
        );
        if !sink.require(stores == result.is_none(), self.site, "O2", || {
            if stores { "a store has no result" } else { "the operation needs a result" }.into()
        }) {
            return;
        }
        let Some(v) = result else { return };
        let ty = self.dfg.ty(v);
        let bits = ty.bits();
        let arg = |v: &Value| self.dfg.ty(*v).bits();
        let ok = match op {
            Op::Const(_) | Op::PktLoad { .. } | Op::MapLoad { .. } => bits.is_some(),
            Op::Input(i) => bits == Some(i.bits()),
            Op::Bin(_, a, _) | Op::Bswap(a) => bits.is_some() && bits == arg(a),
            Op::Cmp(..) | Op::EntryIsNull(_) => bits == Some(1),
            Op::Select { if_true, .. } => ty == self.dfg.ty(*if_true),
            Op::Zext(a) | Op::Sext(a) => bits > arg(a) && arg(a).is_some(),
            Op::Extract { value, lo } => match (bits, arg(value)) {
                (Some(b), Some(a)) => u32::from(*lo) + u32::from(b) <= u32::from(a),
                _ => false,
            },
            Op::Concat(parts) => {
                bits.map(u32::from)
                    == parts.iter().map(|p| arg(p).map(u32::from)).sum::<Option<u32>>()
            }
            Op::MapLookup { map, .. } | Op::MapInsert { map, .. } | Op::EntryConst { map, .. } => {
                ty == Ty::Entry(*map)
            }
            Op::MapAtomic { value, .. } => bits.is_some() && bits == arg(value),
            Op::MapUpdate { .. } | Op::MapDelete { .. } => bits == Some(64),
            Op::PktStore { .. }
            | Op::PktZero { .. }
            | Op::MapStore { .. }
            | Op::MapRemove { .. }
            | Op::MapTouch { .. }
            | Op::EventOutput { .. } => true,
        };
        sink.require(ok, self.site, "O2", || {
            format!("the operation does not make a result of type {ty}")
        });
    }

    fn int(&self, v: Value, bits: Option<u8>, what: &str, sink: &mut Sink) {
        let ty = self.dfg.ty(v);
        let ok = match bits {
            Some(_) => ty.bits() == bits,
            None => ty.bits().is_some(),
        };
        sink.require(ok, self.site, "O3", || {
            let wanted = bits.map_or("an integer".into(), |b| format!("i{b}"));
            format!("{what} {v} is {ty}, not {wanted}")
        });
    }

    fn entry(&self, v: Value, map: MapId, sink: &mut Sink) {
        let ty = self.dfg.ty(v);
        sink.require(ty == Ty::Entry(map), self.site, "O3", || {
            format!("{v} is {ty}, not an entry of {map}")
        });
    }

    fn operands(&self, op: &Op, ty: Option<Ty>, sink: &mut Sink) {
        match op {
            Op::Const(_) | Op::Input(_) | Op::EntryConst { .. } => {}
            Op::Bin(_, a, b) | Op::Cmp(_, a, b) => {
                self.int(*a, None, "operand", sink);
                self.int(*b, self.dfg.ty(*a).bits(), "operand", sink);
            }
            Op::Select { cond, if_true, if_false } => {
                self.int(*cond, Some(1), "the condition", sink);
                let (a, b) = (self.dfg.ty(*if_true), self.dfg.ty(*if_false));
                sink.require(a == b, self.site, "O3", || format!("the arms are {a} and {b}"));
            }
            Op::Zext(a) | Op::Sext(a) | Op::Extract { value: a, .. } => {
                self.int(*a, None, "operand", sink)
            }
            Op::Bswap(a) => {
                self.int(*a, None, "operand", sink);
                let ok = ty.and_then(Ty::bits).is_some_and(|b| b % 8 == 0 && b >= 16);
                sink.require(ok, self.site, "O3", || "the width has no byte order".into());
            }
            Op::Concat(parts) => {
                parts.iter().for_each(|p| self.int(*p, None, "part", sink));
                sink.require(parts.len() > 1, self.site, "O3", || "fewer than two parts".into());
            }
            Op::EntryIsNull(e) => {
                let ok = matches!(self.dfg.ty(*e), Ty::Entry(_));
                sink.require(ok, self.site, "O3", || format!("{e} is not an entry"));
            }
            Op::PktLoad { base, .. } => self.int(*base, Some(64), "base", sink),
            Op::PktStore { base, value, .. } => {
                self.int(*base, Some(64), "base", sink);
                self.int(*value, None, "the stored value", sink);
            }
            Op::PktZero { from, to } => {
                self.int(*from, Some(64), "from", sink);
                self.int(*to, Some(64), "to", sink);
            }
            Op::MapLookup { key, .. } | Op::MapDelete { key, .. } => {
                key.iter().for_each(|k| self.int(*k, None, "key part", sink))
            }
            Op::MapUpdate { key, value, flags, .. } => {
                key.iter().for_each(|k| self.int(*k, None, "key part", sink));
                value.iter().for_each(|v| self.int(*v, None, "value part", sink));
                self.int(*flags, Some(64), "the flags", sink);
            }
            Op::MapInsert { map, entry, key } => {
                self.entry(*entry, *map, sink);
                key.iter().for_each(|k| self.int(*k, None, "key part", sink));
            }
            Op::MapLoad { map, entry, .. }
            | Op::MapRemove { map, entry }
            | Op::MapTouch { map, entry } => self.entry(*entry, *map, sink),
            Op::MapStore { map, entry, value, .. } => {
                self.entry(*entry, *map, sink);
                self.int(*value, None, "the stored value", sink);
            }
            Op::MapAtomic { map, entry, value, expected, .. } => {
                self.entry(*entry, *map, sink);
                self.int(*value, None, "operand", sink);
                if let Some(e) = expected {
                    self.int(*e, self.dfg.ty(*value).bits(), "the expected value", sink);
                }
            }
            Op::EventOutput { data, len, when, .. } => {
                data.iter().for_each(|v| self.int(*v, None, "part", sink));
                self.int(*len, Some(16), "the length", sink);
                self.int(*when, Some(1), "`when`", sink);
            }
        }
        if let Some((off, _)) = op.offset() {
            self.int(off, Some(64), "offset", sink);
        }
    }

    fn access(&self, op: &Op, result: Option<Value>, sink: &mut Sink) {
        let width = |v: Value| self.dfg.ty(v).bits().unwrap_or(0);
        let result_width = result.map_or(0, width);
        let (bits, ok) = match op {
            Op::Const(c) => {
                let fits = result_width == 0 || c & !low_mask(result_width.clamp(1, 64)) == 0;
                sink.require(fits, self.site, "O4", || {
                    format!("{c:#x} does not fit i{result_width}")
                });
                return;
            }
            Op::EntryConst { map, index: Some(i) } => {
                let ok = *i < self.dfg.maps[*map].max_entries;
                sink.require(ok, self.site, "O4", || format!("{map} has no entry {i}"));
                return;
            }
            Op::MapLookup { map, key }
            | Op::MapDelete { map, key }
            | Op::MapInsert { map, key, .. } => {
                return self.parts("key", key, self.dfg.maps[*map].key_size, sink);
            }
            Op::MapUpdate { map, key, value, .. } => {
                let decl = &self.dfg.maps[*map];
                self.parts("key", key, decl.key_size, sink);
                return self.parts("value", value, decl.value_size, sink);
            }
            Op::EventOutput { map, data, len, .. } => return self.record(*map, data, *len, sink),
            Op::PktLoad { .. } | Op::MapLoad { .. } => {
                (result_width, result_width % 8 == 0 && result_width > 0)
            }
            Op::PktStore { value, .. } | Op::MapStore { value, .. } => {
                (width(*value), matches!(width(*value), 8 | 16 | 32 | 64))
            }
            Op::MapAtomic { op, value, expected, .. } => {
                let ok = expected.is_some() == (*op == AtomicOp::CmpXchg);
                sink.require(ok, self.site, "O5", || "only `cmpxchg` has an expected value".into());
                (width(*value), matches!(width(*value), 32 | 64))
            }
            _ => return,
        };
        sink.require(ok, self.site, "O5", || format!("an access of {bits} bits"));
        let (_, bounds) = op.offset().expect("loads, stores and atomics have an offset");
        self.bounds(op, bounds, i64::from(bits) / 8, sink);
    }

    fn bounds(&self, op: &Op, b: &Bounds, bytes: i64, sink: &mut Sink) {
        let ok = b.min <= b.max && b.known_bits & !b.known_mask == 0;
        sink.require(ok, self.site, "O6", || format!("the bounds {b} are empty or inconsistent"));
        if let Some(map) = op.map() {
            let size = i64::from(self.dfg.maps[map].value_size);
            let ok = b.min >= 0 && b.max <= size - bytes;
            sink.require(ok, self.site, "O6", || format!("{b} leaves the value of {size} bytes"));
        }
    }

    /// O8
    fn record(&self, map: MapId, data: &[Value], len: Value, sink: &mut Sink) {
        let kind = self.dfg.maps[map].kind;
        let sends = matches!(kind, MapKind::PerfEventArray | MapKind::Ringbuf);
        sink.require(sends, self.site, "O8", || {
            format!("{map} is of kind {kind}, which sends nothing")
        });
        let widths = data.iter().map(|v| u32::from(self.dfg.ty(*v).bits().unwrap_or(1)));
        let whole = widths.clone().all(|w| w % 8 == 0);
        let bytes = widths.sum::<u32>() / 8;
        sink.require(whole && bytes <= MAX_EVENT_BYTES, self.site, "O8", || {
            format!("a record of {bytes} bytes, or with a part that is not whole bytes")
        });
        let fits = self.dfg.as_const(len).is_none_or(|n| n <= bytes.into());
        sink.require(fits, self.site, "O8", || format!("{len} is longer than {bytes} bytes"));
    }

    /// O7: the parts of a key or value are whole bytes and fill `size` of them.
    fn parts(&self, what: &str, parts: &[Value], size: u32, sink: &mut Sink) {
        let widths = parts.iter().map(|k| u32::from(self.dfg.ty(*k).bits().unwrap_or(1)));
        let whole = widths.clone().all(|w| w % 8 == 0);
        let bits = widths.sum::<u32>();
        sink.require(whole && u64::from(bits) == 8 * u64::from(size), self.site, "O7", || {
            format!("a {what} of {bits} bits for a map whose {what}s have {size} bytes")
        });
    }
}
