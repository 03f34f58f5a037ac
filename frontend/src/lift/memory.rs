//! Lift of loads, stores and atomics: context, stack, packet, map values.

use super::inner_maps::Holder;
use super::ssa::{State, Var};
use super::{map_id, Lift};
use crate::facts::{PtrKind, RegFact, ScalarRange};
use crate::insn::{AtomicKind, Operand, Reg, Size};
use beeline_ir::dfg::Ty;
use beeline_ir::entities::{MapId, Value};
use beeline_ir::op::{AtomicOp, BinOp, Bounds, CmpOp, Input, Op};

/// Bytes of a stack frame.
const FRAME: i64 = 512;

/// Most places that a stack access with a variable offset may have.
const MAX_STACK_CHOICES: usize = 256;

/// Offset ranges of `struct xdp_md` fields, in bytes.
mod xdp_md {
    pub(super) const DATA: i64 = 0;
    pub(super) const DATA_END: i64 = 4;
    pub(super) const DATA_META: i64 = 8;
    pub(super) const INGRESS_IFINDEX: i64 = 12;
    pub(super) const RX_QUEUE_INDEX: i64 = 16;
}

/// Memory that a base register and an offset name.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Context field at a fixed offset.
    Ctx(i64),
    /// Stack of the frame at `depth`; `off` is relative to r10.
    Stack { depth: u32, off: Value, bounds: Bounds },
    /// Ring buffer record that the call at slot `site` reserved.
    Record { site: u32, off: Value, bounds: Bounds },
    /// Packet; `off` is relative to `ctx->data`.
    Packet { off: Value, bounds: Bounds },
    /// Value of a map.
    Map { map: MapId, entry: Value, off: Value, bounds: Bounds },
    /// Value of one of several inner maps: the entries stand in [`Lift::inner_entries`].
    Inner { entries: usize, off: Value, bounds: Bounds },
}

/// Memory whose bytes become values: a stack frame or a ring buffer record.
#[derive(Clone, Copy)]
pub(super) struct Area {
    /// Its name in [`Var::Stack`].
    pub id: u32,
    /// Offset 0 is this byte of it.
    pub origin: i64,
    /// Its bytes.
    pub size: i64,
}

impl Area {
    fn frame(depth: u32) -> Self {
        Self { id: depth, origin: FRAME, size: FRAME }
    }

    fn byte(self, off: i64) -> u16 {
        (self.origin + off).clamp(0, self.size - 1) as u16
    }
}

fn shifted(range: &ScalarRange, by: i64) -> Bounds {
    if let Some(c) = range.as_constant() {
        return Bounds::constant((c as i64).wrapping_add(by));
    }
    // Low bits stay known through an addition as long as all bits below are known.
    let known_low = (range.mask.trailing_zeros()).min(63);
    let known_mask = (1u64 << known_low) - 1;
    Bounds {
        min: range.smin.saturating_add(by),
        max: range.smax.saturating_add(by),
        known_mask,
        known_bits: range.value.wrapping_add(by as u64) & known_mask,
    }
}

impl Lift<'_> {
    /// The memory at `base + off`, or `None` after a diagnostic.
    pub(super) fn place(&mut self, base: Reg, off: i64) -> Option<Place> {
        let RegFact::Ptr { kind, off: range, .. } = self.fact(base) else {
            self.refuse(
                "BL0405",
                format!("r{} points at different kinds of memory on different paths", base.0),
                "access each kind of memory through a variable of its own",
            );
            return None;
        };
        let bounds = shifted(&range, off);
        let base_off = self.reg(base);
        let delta = self.b.iconst(off as u64, 64);
        let sum = self.b.bin(BinOp::Add, base_off, delta);
        match kind {
            PtrKind::Ctx => Some(Place::Ctx(bounds.min)),
            PtrKind::Stack(depth) => Some(Place::Stack { depth, off: sum, bounds }),
            PtrKind::Packet | PtrKind::PacketMeta => Some(Place::Packet { off: sum, bounds }),
            PtrKind::MapValue(m) => {
                let map = map_id(m);
                let entry = self.b.read_entry(Var::RegEntry(self.depth, base.0), map);
                Some(Place::Map { map, entry, off: sum, bounds })
            }
            PtrKind::InnerMapValue(_) => {
                let vars = self.entry_vars(kind, Holder::Reg(self.depth, base.0));
                let entries = vars.into_iter().map(|(v, m)| (m, self.b.read_entry(v, m)));
                let entries: Vec<_> = entries.collect();
                self.inner_entries.push(entries);
                let entries = self.inner_entries.len() - 1;
                Some(Place::Inner { entries, off: sum, bounds })
            }
            PtrKind::Mem(site) if self.records.contains_key(&site) => {
                Some(Place::Record { site, off: sum, bounds })
            }
            PtrKind::PacketEnd
            | PtrKind::Map(_)
            | PtrKind::Func(_)
            | PtrKind::Mem(_)
            | PtrKind::InnerMap(_) => {
                self.refuse(
                    "BL0406",
                    "access to memory that has no hardware form".to_string(),
                    "use the stack, the packet, a map value or a ring buffer record",
                );
                None
            }
        }
    }

    pub(super) fn load(&mut self, size: Size, signed: bool, dst: Reg, src: Reg, off: i16) {
        let Some(place) = self.place(src, i64::from(off)) else {
            self.set_scalar_zero(dst);
            return;
        };
        let bytes = size.bytes() as u8;
        let Some(value) = self.load_place(place, bytes) else {
            self.set_scalar_zero(dst);
            return;
        };
        if !matches!(place, Place::Stack { .. }) {
            self.name_load(value, &place, dst);
        }
        let wide = if signed { self.b.sext(value, 64) } else { self.b.zext(value, 64) };
        self.set_reg(dst, wide);
        if let Place::Stack { depth, bounds, .. } = place {
            if let (Some(c), 8) = (bounds.as_constant(), bytes) {
                let slot = Holder::Slot(depth, Area::frame(depth).byte(c) / 8);
                self.copy_flag(slot, Holder::Reg(self.depth, dst.0));
            }
            self.reload_entry(dst, depth, bounds, bytes);
        }
    }

    /// A pointer into a map value that was spilled comes back with its entry.
    fn reload_entry(&mut self, dst: Reg, depth: u32, bounds: Bounds, bytes: u8) {
        let RegFact::Ptr { kind, .. } = self.fact_after(dst) else {
            return;
        };
        if let (Some(off), 8) = (bounds.as_constant(), bytes) {
            let slot = ((FRAME + off) / 8) as u16;
            self.copy_entries(kind, Holder::Slot(depth, slot), Holder::Reg(self.depth, dst.0));
        }
    }

    /// Loads `bytes` (1 to 8) from `place`, as an integer of just these bytes.
    pub(super) fn load_place(&mut self, place: Place, bytes: u8) -> Option<Value> {
        let ty = Ty::Int(bytes * 8);
        match place {
            Place::Ctx(off) => Some(self.load_ctx(off, bytes)),
            Place::Stack { depth, off, bounds } => {
                self.load_area(Area::frame(depth), off, bounds, bytes)
            }
            Place::Record { site, off, bounds } => {
                self.load_area(self.record(site), off, bounds, bytes)
            }
            Place::Packet { off, bounds } => {
                let base = self.b.read(Var::State(State::Start));
                Some(self.b.emit(Op::PktLoad { base, off, bounds }, ty))
            }
            Place::Map { map, entry, off, bounds } => {
                Some(self.b.emit(Op::MapLoad { map, entry, off, bounds }, ty))
            }
            Place::Inner { entries, off, bounds } => {
                // All entries but one are null, and read as zero.
                let mut result = self.b.iconst(0, bytes * 8);
                for (map, entry) in self.inner_entries[entries].clone() {
                    let part = self.b.emit(Op::MapLoad { map, entry, off, bounds }, ty);
                    result = self.b.bin(BinOp::Or, part, result);
                }
                Some(result)
            }
        }
    }

    fn load_ctx(&mut self, off: i64, bytes: u8) -> Value {
        let value = match off {
            xdp_md::DATA | xdp_md::DATA_META => self.b.iconst(0, 64),
            xdp_md::DATA_END => {
                let start = self.b.read(Var::State(State::Start));
                let end = self.b.read(Var::State(State::End));
                self.b.bin(BinOp::Sub, end, start)
            }
            xdp_md::INGRESS_IFINDEX => self.b.emit(Op::Input(Input::IngressIfindex), Ty::Int(32)),
            xdp_md::RX_QUEUE_INDEX => self.b.emit(Op::Input(Input::RxQueueIndex), Ty::Int(32)),
            _ => {
                self.refuse(
                    "BL0407",
                    format!("context field at offset {off} has no hardware form"),
                    "use data, data_end, ingress_ifindex or rx_queue_index",
                );
                self.b.iconst(0, 64)
            }
        };
        if matches!(off, xdp_md::DATA | xdp_md::DATA_META | xdp_md::DATA_END) {
            return value;
        }
        self.b.extract(value, 0, bytes * 8)
    }

    fn area_choices(&mut self, bounds: &Bounds) -> Option<Vec<i64>> {
        let span = bounds.max.saturating_sub(bounds.min);
        let choices: Vec<i64> = if span < FRAME { bounds.offsets().collect() } else { Vec::new() };
        if choices.is_empty() || choices.len() > MAX_STACK_CHOICES {
            self.refuse(
                "BL0408",
                "stack access at a variable offset with too many possible places".to_string(),
                "bound the index more tightly",
            );
            return None;
        }
        Some(choices)
    }

    fn load_area(&mut self, area: Area, off: Value, bounds: Bounds, bytes: u8) -> Option<Value> {
        let choices = self.area_choices(&bounds)?;
        let mut result = self.b.read_stack(area.id, area.byte(choices[0]), bytes);
        for &c in &choices[1..] {
            let here = self.b.read_stack(area.id, area.byte(c), bytes);
            let at = self.b.iconst(c as u64, 64);
            let is_here = self.b.cmp(CmpOp::Eq, off, at);
            result = self.b.select(is_here, here, result);
        }
        Some(result)
    }

    fn store_area(&mut self, area: Area, off: Value, bounds: Bounds, bytes: u8, value: Value) {
        if let Some(c) = bounds.as_constant() {
            let lo = area.byte(c);
            self.b.write_stack(area.id, lo, bytes, value);
            for slot in lo / 8..=(lo + u16::from(bytes) - 1) / 8 {
                self.clear_entries(Holder::Slot(area.id, slot));
            }
            return;
        }
        let Some(choices) = self.area_choices(&bounds) else {
            return;
        };
        // All old bytes are read before the first is written.
        let mut stores = Vec::new();
        for &c in &choices {
            let at = self.b.iconst(c as u64, 64);
            let is_here = self.b.cmp(CmpOp::Eq, off, at);
            for k in 0..bytes {
                let part = self.b.extract(value, k * 8, 8);
                stores.push((area.byte(c + i64::from(k)), is_here, part));
            }
        }
        for (byte, is_here, part) in stores {
            let old = self.b.read_stack(area.id, byte, 1);
            let new = self.b.select(is_here, part, old);
            self.b.write_stack(area.id, byte, 1, new);
            self.clear_entries(Holder::Slot(area.id, byte / 8));
        }
    }

    pub(super) fn store(&mut self, size: Size, dst: Reg, off: i16, src: Operand) {
        let Some(place) = self.place(dst, i64::from(off)) else {
            return;
        };
        let bytes = size.bytes() as u8;
        let wide = self.operand(src);
        let value = self.b.extract(wide, 0, bytes * 8);
        let pointer = match src {
            Operand::Reg(r) => Some((r, self.fact(r))),
            Operand::Imm(_) => None,
        };
        if let Some((_, RegFact::Ptr { .. })) = pointer {
            if !matches!(place, Place::Stack { .. }) {
                self.refuse(
                    "BL0409",
                    "a pointer is stored where its address would be seen".to_string(),
                    "store a number instead",
                );
                return;
            }
        }
        self.store_place(place, bytes, value);
        if let (Place::Stack { depth, bounds, .. }, 8) = (place, bytes) {
            if let Some(c) = bounds.as_constant() {
                let slot = Holder::Slot(depth, Area::frame(depth).byte(c) / 8);
                match src {
                    Operand::Reg(r) => self.copy_flag(Holder::Reg(self.depth, r.0), slot),
                    Operand::Imm(_) => self.set_flag(slot, true),
                }
            }
        }
        if let (Place::Stack { depth, bounds, .. }, Some((r, RegFact::Ptr { kind, .. }))) =
            (place, pointer)
        {
            if let (Some(c), 8) = (bounds.as_constant(), bytes) {
                let slot = Holder::Slot(depth, Area::frame(depth).byte(c) / 8);
                self.copy_entries(kind, Holder::Reg(self.depth, r.0), slot);
            }
        }
    }

    /// Stores an integer of `bytes` bytes.
    pub(super) fn store_place(&mut self, place: Place, bytes: u8, value: Value) {
        match place {
            Place::Ctx(off) => self.refuse(
                "BL0407",
                format!("store to the context at offset {off} has no hardware form"),
                "remove the store",
            ),
            Place::Stack { depth, off, bounds } => {
                self.store_area(Area::frame(depth), off, bounds, bytes, value);
            }
            Place::Record { site, off, bounds } => {
                self.store_area(self.record(site), off, bounds, bytes, value);
            }
            Place::Packet { off, bounds } => {
                let base = self.b.read(Var::State(State::Start));
                self.b.effect(Op::PktStore { base, off, bounds, value });
            }
            Place::Map { map, entry, off, bounds } => {
                self.b.effect(Op::MapStore { map, entry, off, bounds, value });
            }
            Place::Inner { entries, off, bounds } => {
                for (map, entry) in self.inner_entries[entries].clone() {
                    self.b.effect(Op::MapStore { map, entry, off, bounds, value });
                }
            }
        }
    }

    pub(super) fn atomic(
        &mut self,
        kind: AtomicKind,
        size: Size,
        fetch: bool,
        dst: Reg,
        off: i16,
        src: Reg,
    ) {
        let op = match kind {
            AtomicKind::Add => AtomicOp::Add,
            AtomicKind::Or => AtomicOp::Or,
            AtomicKind::And => AtomicOp::And,
            AtomicKind::Xor => AtomicOp::Xor,
            AtomicKind::Xchg => AtomicOp::Xchg,
            AtomicKind::CmpXchg => AtomicOp::CmpXchg,
            // Packets are processed one after the other: plain accesses have the same meaning.
            AtomicKind::LoadAcquire => return self.load(size, false, dst, src, off),
            AtomicKind::StoreRelease => return self.store(size, dst, off, Operand::Reg(src)),
        };
        let Some(place) = self.place(dst, i64::from(off)) else {
            return;
        };
        let bytes = size.bytes() as u8;
        let wide = self.number(src);
        let value = self.b.extract(wide, 0, bytes * 8);
        let expected = (op == AtomicOp::CmpXchg).then(|| {
            let r0 = self.number(Reg::R0);
            self.b.extract(r0, 0, bytes * 8)
        });
        let old = match place {
            Place::Map { map, entry, off, bounds } => {
                let op = Op::MapAtomic { op, map, entry, off, bounds, value, expected };
                self.b.emit(op, Ty::Int(bytes * 8))
            }
            Place::Inner { entries, off, bounds } => {
                let mut old = self.b.iconst(0, bytes * 8);
                for (map, entry) in self.inner_entries[entries].clone() {
                    let op = Op::MapAtomic { op, map, entry, off, bounds, value, expected };
                    let part = self.b.emit(op, Ty::Int(bytes * 8));
                    old = self.b.bin(BinOp::Or, part, old);
                }
                old
            }
            _ => {
                let Some(old) = self.load_place(place, bytes) else {
                    return;
                };
                let new = self.atomic_result(op, old, value, expected);
                self.store_place(place, bytes, new);
                old
            }
        };
        if op == AtomicOp::CmpXchg || fetch || op == AtomicOp::Xchg {
            let to = if op == AtomicOp::CmpXchg { Reg::R0 } else { src };
            let wide = self.b.zext(old, 64);
            self.set_reg(to, wide);
        }
    }

    fn atomic_result(
        &mut self,
        op: AtomicOp,
        old: Value,
        value: Value,
        expected: Option<Value>,
    ) -> Value {
        match (op, expected) {
            (AtomicOp::CmpXchg, Some(expected)) => {
                let equal = self.b.cmp(CmpOp::Eq, old, expected);
                self.b.select(equal, value, old)
            }
            (AtomicOp::Xchg | AtomicOp::CmpXchg, _) => value,
            (AtomicOp::Add, _) => self.b.bin(BinOp::Add, old, value),
            (AtomicOp::Or, _) => self.b.bin(BinOp::Or, old, value),
            (AtomicOp::And, _) => self.b.bin(BinOp::And, old, value),
            (AtomicOp::Xor, _) => self.b.bin(BinOp::Xor, old, value),
        }
    }

    /// Names what a load gets: the field that the C line names, else the place.
    fn name_load(&mut self, value: Value, place: &Place, dst: Reg) {
        if let Some(field) = self.line_text().and_then(super::names::field_access) {
            return self.name(value, &field);
        }
        match place {
            Place::Packet { bounds, .. } => match bounds.as_constant() {
                Some(c) if c >= 0 => self.name(value, &format!("pkt_{c}")),
                _ => self.name_by_insn(value, dst),
            },
            _ => self.name_by_insn(value, dst),
        }
    }

    /// `len` bytes at `place` as integers of at most 8 bytes, lowest address first.
    pub(super) fn load_bytes(&mut self, place: Place, len: u32) -> Option<Vec<Value>> {
        let mut parts = Vec::new();
        let mut at = 0;
        while at < len {
            let bytes = (len - at).min(8) as u8;
            let there = self.offset_place(place, i64::from(at));
            parts.push(self.load_place(there, bytes)?);
            at += u32::from(bytes);
        }
        Some(parts)
    }

    pub(super) fn offset_place(&mut self, place: Place, by: i64) -> Place {
        if by == 0 {
            return place;
        }
        let delta = self.b.iconst(by as u64, 64);
        let moved = |b: Bounds| Bounds { min: b.min + by, max: b.max + by, ..shifted_known(b, by) };
        match place {
            Place::Ctx(off) => Place::Ctx(off + by),
            Place::Stack { depth, off, bounds } => {
                let off = self.b.bin(BinOp::Add, off, delta);
                Place::Stack { depth, off, bounds: moved(bounds) }
            }
            Place::Record { site, off, bounds } => {
                let off = self.b.bin(BinOp::Add, off, delta);
                Place::Record { site, off, bounds: moved(bounds) }
            }
            Place::Packet { off, bounds } => {
                let off = self.b.bin(BinOp::Add, off, delta);
                Place::Packet { off, bounds: moved(bounds) }
            }
            Place::Map { map, entry, off, bounds } => {
                let off = self.b.bin(BinOp::Add, off, delta);
                Place::Map { map, entry, off, bounds: moved(bounds) }
            }
            Place::Inner { entries, off, bounds } => {
                let off = self.b.bin(BinOp::Add, off, delta);
                Place::Inner { entries, off, bounds: moved(bounds) }
            }
        }
    }
}

/// Known bits of `b`'s offset after adding `by`: the low run that was known stays known.
fn shifted_known(b: Bounds, by: i64) -> Bounds {
    let low = b.known_mask.trailing_ones();
    let known_mask = if low >= 64 { u64::MAX } else { (1u64 << low) - 1 };
    Bounds { known_mask, known_bits: b.known_bits.wrapping_add(by as u64) & known_mask, ..b }
}
