//! Statements on maps: lookups with keys made of packet bytes, null checks now and later, what is done to an entry.

use super::function::{frame_offset, Function, R0, R1, R2, R3, R4};
use super::state::{Cell, Held, Source};
use beeline_frontend::insn::{AluOp, Callee, Cond, Imm64, Insn, Operand, Reg, Size, Width};
use beeline_frontend::program::MapDef;
use beeline_ir::map::MapKind;

const LOOKUP: u32 = 1;
const UPDATE: u32 = 2;
const DELETE: u32 = 3;
const REDIRECT: u32 = 23;
const REDIRECT_MAP: u32 = 51;

/// What programs do with a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Looked up and read.
    Read,
    /// Looked up, read and written.
    State,
    /// Target of redirects.
    Device,
}

/// A map and its role.
#[derive(Clone, Debug)]
pub(super) struct MapUse {
    pub def: MapDef,
    pub role: Role,
    /// Global data: addressed directly.
    pub global: bool,
}

impl MapUse {
    fn is_array(&self) -> bool {
        self.def.kind.is_array_like()
    }
}

impl Function<'_, '_> {
    /// Something with a map. False if control does not reach its end.
    pub(super) fn visit_map(&mut self) -> bool {
        if let Some(r) = self.find(&[], |h| matches!(h, Held::MaybeValue(_))) {
            if self.rng.percent(60) {
                return self.check_null(r);
            }
        }
        let maps: Vec<usize> = (0..self.shared.maps.len())
            .filter(|m| self.map(*m).role != Role::Device && self.may_visit(*m))
            .collect();
        if maps.is_empty() {
            return true;
        }
        let map = *self.rng.pick(&maps);
        if self.map(map).global {
            self.global(map);
            return true;
        }
        if self.options().updates && self.rng.percent(30) {
            self.update(map);
            return true;
        }
        if self.map(map).role == Role::Read || self.options().free_state {
            return match self.rng.percent(20) && self.loops == 0 {
                true => self.lookup_in_block(map),
                false => self.lookup(map) && self.after_lookup(map),
            };
        }
        match self.rng.percent(20) {
            true => self.lookup_in_block(map),
            false => self.lookup(map) && self.after_lookup(map),
        }
    }

    /// True if the packet may meet the state of `map` here: maps are met in ascending order and not in loops.
    fn may_visit(&self, map: usize) -> bool {
        let ordered = self.map(map).role == Role::State && !self.options().free_state;
        !ordered || (self.loops == 0 && self.state.visited <= map)
    }

    fn note_visit(&mut self, map: usize) {
        if self.map(map).role == Role::State {
            self.state.visited = self.state.visited.max(map + 1);
            let (first, last) = self.visits.unwrap_or((map, map));
            self.visits = Some((first.min(map), last.max(map)));
        }
    }

    // ---- lookups -----------------------------------------------------------------------------

    /// `r0 = lookup(map, key)`. False (and nothing emitted) if no key can be made.
    fn lookup(&mut self, map: usize) -> bool {
        if !self.key_to_r2(map) {
            return false;
        }
        self.code.push(Insn::LoadImm64 { dst: R1, imm: Imm64::Map(map) });
        self.code.push(Insn::Call(Callee::Helper(LOOKUP)));
        self.state.clobber();
        self.state.set(R0, Held::MaybeValue(map));
        self.note_visit(map);
        true
    }

    /// Points `r2` at a key: in the packet, or on the stack.
    fn key_to_r2(&mut self, map: usize) -> bool {
        let size = self.map(map).def.key_size;
        if !self.map(map).is_array() && self.rng.percent(20) && self.packet_key(map, size) {
            return true;
        }
        let Some(at) = self.stack_key(map, size as usize) else { return false };
        self.frame_address(R2, frame_offset(at));
        true
    }

    fn packet_key(&mut self, map: usize, size: u32) -> bool {
        let fits = |held: &Held| match *held {
            Held::Packet(base, offset) => self.state.proved(base) >= offset + size,
            _ => false,
        };
        let found: Vec<Reg> = self.holding(|h| fits(&h));
        if found.is_empty() {
            return false;
        }
        let p = *self.rng.pick(&found);
        let Held::Packet(base, offset) = self.state.get(p) else { return false };
        let at = self.rng.below((self.state.proved(base) - offset - size) as usize + 1) as u32;
        self.mov(R2, p);
        if at > 0 {
            self.alu(AluOp::Add, R2, Operand::Imm(at as i32));
            self.state.set(R2, Held::Packet(base, offset + at));
        }
        if self.bases[base].arrival {
            let bytes = (0..size).map(|k| Some(Source::Packet(offset + at + k)));
            let key = bytes.collect();
            self.shared.notes.keys.push((map, key));
        }
        true
    }

    /// Writes a key to the frame, or takes bytes that are there. Returns its place.
    fn stack_key(&mut self, map: usize, size: usize) -> Option<usize> {
        let at = match self.frame_data(size, 4) {
            Some(at) if self.rng.percent(15) && !self.map(map).is_array() => at,
            _ => {
                let at = self.frame_space(size, 4)?;
                self.write_key(map, at, size);
                at
            }
        };
        let byte = |c: &Cell| if let Cell::Byte(source) = c { *source } else { None };
        let key = self.state.cells[at..at + size].iter().map(byte).collect();
        self.shared.notes.keys.push((map, key));
        Some(at)
    }

    fn write_key(&mut self, map: usize, at: usize, size: usize) {
        if self.map(map).is_array() {
            return self.write_index(map, at);
        }
        let mut done = 0;
        while done < size {
            let here = at + done;
            let fits = |s: &Size| {
                let n = s.bytes() as usize;
                here % n == 0 && done + n <= size
            };
            let sizes: Vec<Size> =
                [Size::B1, Size::B2, Size::B4, Size::B8].into_iter().filter(fits).collect();
            let part = match self.rng.percent(70) {
                true => *sizes.last().unwrap_or(&Size::B1),
                false => *self.rng.pick(&sizes),
            };
            self.write_key_part(here, part);
            done += part.bytes() as usize;
        }
    }

    /// Part of a key: mostly a packet field or a constant, which entries can be made for, else a number of one bit.
    fn write_key_part(&mut self, at: usize, size: Size) {
        let to = frame_offset(at);
        let dst = self.number_target(&[]);
        match self.rng.below(10) {
            0..=5 if self.load_field(dst, size, false, &[]) => {
                let sources = self.sources(Operand::Reg(dst), size);
                self.store(size, Reg::R10, to, Operand::Reg(dst));
                self.state.write(at, &sources);
            }
            6 => self.store_at(at, size, &[]),
            7 | 8 => {
                let v = self.own_number(&[]);
                self.alu(AluOp::And, v, Operand::Imm(1));
                self.state.set(v, Held::Number(None));
                self.store(size, Reg::R10, to, Operand::Reg(v));
                let mut sources = vec![Some(Source::Constant(0)); size.bytes() as usize];
                sources[0] = Some(Source::Bit);
                self.state.write(at, &sources);
            }
            _ => {
                let value = self.rng.below(4) as i32;
                self.store(size, Reg::R10, to, Operand::Imm(value));
                let bytes = &i64::from(value).to_le_bytes()[..size.bytes() as usize];
                let sources: Vec<_> = bytes.iter().map(|b| Some(Source::Constant(*b))).collect();
                self.state.write(at, &sources);
            }
        }
    }

    /// An array index: mostly in range.
    fn write_index(&mut self, map: usize, at: usize) {
        let entries = self.map(map).def.max_entries;
        if self.rng.percent(30) {
            let index = self.rng.below(entries as usize + 1) as i32;
            self.store(Size::B4, Reg::R10, frame_offset(at), Operand::Imm(index));
            return self.state.write(at, &[None; 4]);
        }
        let v = self.own_number(&[]);
        if self.rng.percent(85) {
            let mask = entries.next_power_of_two() as i32 - 1;
            self.alu(AluOp::And, v, Operand::Imm(mask));
        }
        self.store(Size::B4, Reg::R10, frame_offset(at), Operand::Reg(v));
        self.state.set(v, Held::Number(None));
        self.state.write(at, &[None; 4]);
    }

    /// `r = NULL; if (...) r = lookup(...);`, checked afterwards.
    fn lookup_in_block(&mut self, map: usize) -> bool {
        let free: Vec<Reg> = (6..10)
            .map(Reg)
            .filter(|r| self.writable(*r) && !self.state.get(*r).is_pointer())
            .filter(|r| self.pins[r.index()] == super::function::Pin::Free)
            .collect();
        if free.is_empty() || !self.may_split() {
            return true;
        }
        let r = *self.rng.pick(&free);
        self.imm(r, 0);
        let skip = self.code.label();
        let cond = *self.rng.pick(&[Cond::Eq, Cond::Ne, Cond::Gt, Cond::Set, Cond::Slt]);
        let n = self.number(&[r]);
        let value = self.constant();
        let width = self.width();
        self.code.jump_if(cond, width, n, Operand::Imm(value), skip);
        let before = self.state.clone();
        if self.lookup(map) {
            self.mov(r, R0);
        }
        self.code.bind(skip);
        self.state = self.state.meet(&before, &mut self.bases);
        if self.state.get(r) == Held::MaybeValue(map) {
            return self.check_null(r);
        }
        true
    }

    /// The result of a lookup in `r0`: checked at once, or kept for later.
    fn after_lookup(&mut self, _map: usize) -> bool {
        if self.rng.percent(40) {
            let keep = self.target(&[R0]);
            self.mov(keep, R0);
            if self.rng.percent(30) {
                return true;
            }
            return match self.rng.percent(50) {
                true => self.check_null(R0),
                false => self.check_null(keep),
            };
        }
        self.check_null(R0)
    }

    /// The null check of the result in `r`: a miss leaves the block or function, or a hit is handled in a block of its own.
    fn check_null(&mut self, r: Reg) -> bool {
        let Held::MaybeValue(map) = self.state.get(r) else { return true };
        if self.rng.percent(80) {
            return self.on_hit(r, map);
        }
        let fail = self.failure();
        self.code.jump_if(Cond::Eq, Width::W64, r, Operand::Imm(0), fail.label);
        // A miss knows only that: its copies are null, which nobody needs.
        let hit = self.state.clone();
        self.drop_maybe(r, map);
        self.fail_from_here(&fail);
        self.state = hit;
        self.drop_maybe(r, map);
        self.state.set(r, Held::Value(map, 0));
        self.touch(r, map);
        true
    }

    /// `if (r) {...}`.
    fn on_hit(&mut self, r: Reg, map: usize) -> bool {
        let skip = self.code.label();
        self.code.jump_if(Cond::Eq, Width::W64, r, Operand::Imm(0), skip);
        self.drop_maybe(r, map);
        let mut missed = self.state.clone();
        missed.set(r, Held::Nothing);
        self.state.set(r, Held::Value(map, 0));
        self.touch(r, map);
        self.code.bind(skip);
        // Hits and misses differ in numbers only from here on: verifiers see one path.
        let paths = self.state.paths;
        self.state = self.state.meet(&missed, &mut self.bases);
        self.state.paths = paths;
        true
    }

    /// Forgets unchecked results of lookups in `map` elsewhere than in `r`: whether they are copies is not tracked.
    fn drop_maybe(&mut self, r: Reg, map: usize) {
        let pinned = self.pins;
        for other in (0..10).map(Reg) {
            let free = pinned[other.index()] == super::function::Pin::Free;
            if free && other != r && self.state.get(other) == Held::MaybeValue(map) {
                self.state.set(other, Held::Nothing);
            }
        }
    }

    // ---- entries -----------------------------------------------------------------------------

    /// What is done to an entry at once.
    fn touch(&mut self, r: Reg, map: usize) {
        if self.map(map).role != Role::State || self.options().free_state {
            return self.access(r, map, 0);
        }
        // A result that was kept while another map was met is too late: the maps' order would be broken.
        if self.state.visited == map + 1 {
            self.change(r, map);
        }
    }

    /// Global data: its address is a constant.
    fn global(&mut self, map: usize) {
        let size = self.map(map).def.value_size;
        let at = self.rng.below(size as usize / 8) as u32 * 8;
        let dst = self.target(&[]);
        self.code.push(Insn::LoadImm64 { dst, imm: Imm64::MapValue(map, at) });
        self.state.set(dst, Held::Value(map, at));
        self.note_visit(map);
        self.touch_global(dst, map, at);
    }

    fn touch_global(&mut self, r: Reg, map: usize, at: u32) {
        if self.map(map).role == Role::State && !self.options().free_state {
            self.change(r, map);
        } else {
            self.access(r, map, at);
        }
    }

    /// An access through a pointer that is around.
    pub(super) fn value(&mut self) {
        let usable = |f: &Self, h: Held| match h {
            Held::Value(m, _) => f.map(m).role == Role::Read || f.options().free_state,
            _ => false,
        };
        let found: Vec<Reg> = self.holding(|h| usable(self, h));
        if found.is_empty() {
            return;
        }
        let r = *self.rng.pick(&found);
        let Held::Value(map, at) = self.state.get(r) else { return };
        self.access(r, map, at);
    }

    fn access(&mut self, r: Reg, map: usize, at: u32) {
        if self.map(map).role == Role::Read {
            return self.read_value(r, map, at);
        }
        match self.rng.below(4) {
            0 => self.read_value(r, map, at),
            1 => self.write_value(r, map, at),
            _ => self.update_field(r, map, at),
        }
    }

    /// An aligned place of `size` bytes behind the pointer at `at`, relative to it.
    fn field(&mut self, map: usize, at: u32, size: Size) -> Option<i64> {
        let room = self.map(map).def.value_size.checked_sub(at)?;
        let places = room / size.bytes();
        (places > 0).then(|| i64::from(size.bytes()) * self.rng.below(places as usize) as i64)
    }

    fn read_value(&mut self, r: Reg, map: usize, at: u32) {
        if self.options().variable_offsets && self.rng.percent(12) {
            return self.variable_value(r, map, at);
        }
        let size = self.size();
        let Some(off) = self.field(map, at, size) else { return };
        let dst = self.number_target(&[r]);
        let signed = size != Size::B8 && self.rng.percent(10);
        self.code.push(Insn::Load { size, signed, dst, src: r, off: off as i16 });
        self.state.set(dst, Held::Number(None));
    }

    fn variable_value(&mut self, r: Reg, map: usize, at: u32) {
        let room = self.map(map).def.value_size - at;
        if room < 8 {
            return;
        }
        let v = self.own_number(&[r]);
        self.limit(v, room - 4);
        let t = self.target(&[r, v]);
        self.mov(t, r);
        self.alu(AluOp::Add, t, Operand::Reg(v));
        // The pointer is used once: every other value pointer is at a multiple of 8, as atomic operations need it.
        self.state.set(t, Held::Nothing);
        let size = *self.rng.pick(&[Size::B1, Size::B2, Size::B4]);
        if self.map(map).role == Role::State && self.rng.percent(40) {
            let src = self.stored(&[t]);
            return self.store(size, t, 0, src);
        }
        let dst = self.number_target(&[t]);
        self.load(size, dst, t, 0);
        self.state.set(dst, Held::Number(None));
    }

    fn write_value(&mut self, r: Reg, map: usize, at: u32) {
        let size = self.size();
        let Some(off) = self.field(map, at, size) else { return };
        let src = self.stored(&[r]);
        self.store(size, r, off, src);
    }

    /// The visit to an entry of a map with state: one to three fields are changed or read.
    fn change(&mut self, r: Reg, map: usize) {
        let Held::Value(_, at) = self.state.get(r) else { return };
        // Numbers that come from the entry must not go back into it, and each of its bytes is met once.
        let mut own = vec![r];
        let mut rest = at;
        for _ in 0..self.rng.between(1, 3) {
            let room = self.map(map).def.value_size - rest;
            if own.len() > 2 || room == 0 {
                break;
            }
            let skip = self.rng.below(room as usize / 8 + 1) as u32 * 8;
            let from = if skip < room { rest + skip } else { rest };
            match self.rng.below(6) {
                0 => {
                    let size = self.size_within(room.min(8));
                    let dst = self.number_target(&own);
                    self.load(size, dst, r, i64::from(from - at));
                    self.state.set(dst, Held::Number(None));
                    own.push(dst);
                }
                1 => {
                    let size = self.size_within(room.min(8));
                    let src = self.stored(&own);
                    self.store(size, r, i64::from(from - at), src);
                }
                _ => {
                    let size = self.size_within((self.map(map).def.value_size - from).min(8));
                    self.update_at(r, i64::from(from - at), size, &mut own);
                }
            }
            rest = from + 8.min(self.map(map).def.value_size - from);
        }
    }

    /// An access size of at most `most` bytes.
    fn size_within(&mut self, most: u32) -> Size {
        let sizes = [Size::B1, Size::B2, Size::B4, Size::B8];
        let fitting: Vec<Size> = sizes.into_iter().filter(|s| s.bytes() <= most).collect();
        *self.rng.pick(&fitting)
    }

    /// Changes one field by its old value.
    fn update_field(&mut self, r: Reg, map: usize, at: u32) {
        let size = self.size();
        if let Some(off) = self.field(map, at, size) {
            self.update_at(r, off, size, &mut Vec::new());
        }
    }

    /// Changes the field at `off` by its old value: atomically or by a load and a store. Registers that get
    /// its content are added to `own`, whose members are not used as operands.
    fn update_at(&mut self, r: Reg, off: i64, size: Size, own: &mut Vec<Reg>) {
        let avoid = [own.as_slice(), &[r]].concat();
        if matches!(size, Size::B4 | Size::B8) && self.rng.percent(60) {
            own.extend(self.atomic(size, r, off, &avoid));
            return;
        }
        let operand = match self.rng.percent(60) {
            true => Operand::Imm(*self.rng.pick(&[1, 1, 1, 2, -1, 0x10, 0xff])),
            false => Operand::Reg(self.number(&avoid)),
        };
        let mut avoid = avoid;
        if let Operand::Reg(x) = operand {
            avoid.push(x);
        }
        let t = self.number_target(&avoid);
        self.load(size, t, r, off);
        let op = *self.rng.pick(&[
            AluOp::Add,
            AluOp::Add,
            AluOp::Sub,
            AluOp::Or,
            AluOp::And,
            AluOp::Xor,
        ]);
        let skip = (self.may_split() && self.rng.percent(15)).then(|| {
            let skip = self.code.label();
            let limit = *self.rng.pick(&[0, 1, 5, 100]);
            let cond = *self.rng.pick(&[Cond::Eq, Cond::Ne, Cond::Gt, Cond::Lt]);
            self.code.jump_if(cond, Width::W64, t, Operand::Imm(limit), skip);
            skip
        });
        let width = self.width();
        self.code.push(Insn::Alu { op, width, dst: t, src: operand });
        self.store(size, r, off, Operand::Reg(t));
        if let Some(skip) = skip {
            self.code.bind(skip);
            self.state.paths = self.state.paths.saturating_mul(2);
        }
        self.state.set(t, Held::Number(None));
        own.push(t);
    }

    /// `bpf_map_update_elem` or `bpf_map_delete_elem`.
    fn update(&mut self, map: usize) {
        let global_or_device = self.map(map).global || self.map(map).role != Role::State;
        let size = self.map(map).def.value_size as usize;
        if global_or_device || !self.key_to_r2(map) {
            return;
        }
        let deletes = !self.map(map).is_array() && self.rng.percent(30);
        if !deletes {
            let Some(at) = self.frame_data(size, 8) else { return };
            self.frame_address(R3, frame_offset(at));
            let flags = *self.rng.pick(&[0, 0, 0, 1, 2]);
            self.imm(R4, flags);
        }
        self.code.push(Insn::LoadImm64 { dst: R1, imm: Imm64::Map(map) });
        let helper = if deletes { DELETE } else { UPDATE };
        self.code.push(Insn::Call(Callee::Helper(helper)));
        self.state.clobber();
        self.state.set(R0, Held::Number(None));
    }

    // ---- redirects ---------------------------------------------------------------------------

    /// `r0 = bpf_redirect(...)` or `r0 = bpf_redirect_map(...)`.
    pub(super) fn redirect(&mut self) -> bool {
        let devices: Vec<usize> =
            (0..self.shared.maps.len()).filter(|m| self.map(*m).role == Role::Device).collect();
        if devices.is_empty() || self.rng.percent(30) {
            self.redirect_plain();
            return true;
        }
        let map = *self.rng.pick(&devices);
        let key = self.number(&[]);
        self.mov(R2, key);
        self.state.set(R2, Held::Number(None));
        if self.rng.percent(80) {
            let mask = self.map(map).def.max_entries.next_power_of_two() as i32 - 1;
            self.alu(AluOp::And, R2, Operand::Imm(mask));
        }
        let flags: &[i32] = match self.options().software_only {
            true => &[0, 1, 2, 3, 4, 8, 24],
            false => &[0, 1, 2, 3],
        };
        let flags = *self.rng.pick(flags);
        self.imm(R3, flags);
        self.code.push(Insn::LoadImm64 { dst: R1, imm: Imm64::Map(map) });
        self.code.push(Insn::Call(Callee::Helper(REDIRECT_MAP)));
        self.state.clobber();
        self.state.set(R0, Held::Number(None));
        true
    }

    fn redirect_plain(&mut self) {
        let target = self.stored(&[]);
        self.alu(AluOp::Mov, R1, target);
        let flags = i32::from(self.rng.percent(10));
        self.imm(R2, flags);
        self.code.push(Insn::Call(Callee::Helper(REDIRECT)));
        self.state.clobber();
        self.state.set(R0, Held::Number(None));
    }
}

/// A map definition.
pub(super) fn definition(name: String, kind: MapKind, sizes: (u32, u32), entries: u32) -> MapDef {
    MapDef {
        name,
        kind,
        key_size: sizes.0,
        value_size: sizes.1,
        max_entries: entries,
        flags: 0,
        initial: None,
        frozen: false,
        inner: None,
        ..MapDef::default()
    }
}
