//! Memory accesses: whether every address that they may have lies in the memory that the pointer stands for.

use super::explore::Explorer;
use super::message::{describe, map_name, refuse, Checked};
use super::scalar::Scalar;
use super::socket;
use super::stack::{Content, FRAME_BYTES};
use super::state::{Kind, MapRef, Proved, SocketForm, State, Value};
use crate::insn::{Operand, Reg, Size};
use crate::program::MapDef;
use beeline_ir::map::MapKind;

/// Direction of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Bytes of a stack frame that an access may touch.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackBytes {
    pub(super) depth: usize,
    /// Lowest address, relative to the frame pointer.
    pub(super) first: i64,
    /// Behind the highest address.
    pub(super) end: i64,
    /// The address is one constant.
    pub(super) fixed: bool,
}

/// `map_flags` bits by which a program may not write, or not read.
const RDONLY_PROG: u32 = 1 << 7;
const WRONLY_PROG: u32 = 1 << 8;

impl Explorer<'_> {
    /// Checks that `size` bytes at `base + off` are accessible; for a stack, says which bytes they are.
    pub(super) fn check_access(
        &mut self,
        name: &str,
        base: &Value,
        off: i64,
        size: u32,
        access: Access,
    ) -> Checked<Option<StackBytes>> {
        self.check_pointer(name, base)?;
        match base.kind {
            Kind::Stack(depth) => return self.check_stack(base, depth, off, size).map(Some),
            Kind::Packet | Kind::PacketMeta => self.check_packet(base, off, size)?,
            Kind::MapValue(map) => self.check_map_value(base, map, off, size, access)?,
            Kind::Mem { writable: false, .. } if access == Access::Write => {
                return Err(refuse("BL0327", format!("{name} points at read-only memory"))
                    .found(describe(self.program, base)));
            }
            Kind::Mem { size: room, .. } => {
                self.check_within("BL0328", "the memory", base, off, size, room)?;
            }
            Kind::Socket { form, .. } if access == Access::Read => {
                self.check_socket(base, form, off, size)?;
            }
            _ => {
                let verb = if access == Access::Read { "read" } else { "written" };
                return Err(refuse(
                    "BL0320",
                    format!("{name} points at something that cannot be {verb}"),
                )
                .found(describe(self.program, base)));
            }
        }
        Ok(None)
    }

    fn check_pointer(&self, name: &str, base: &Value) -> Checked {
        if base.kind == Kind::Uninit {
            return Err(uninitialised(name));
        }
        if base.is_scalar() {
            return Err(refuse("BL0320", format!("{name} is a number, not a pointer"))
                .expected("a pointer")
                .found(describe(self.program, base))
                .help("pointers are numbers once what they point at is gone: a packet that a helper moved, a released record"));
        }
        if base.nullable {
            return Err(refuse("BL0321", format!("{name} may be null"))
                .expected("a pointer that was compared with null")
                .found(describe(self.program, base))
                .help("return or branch away if the pointer is null, before using it"));
        }
        Ok(())
    }

    fn check_packet(&self, base: &Value, off: i64, size: u32) -> Checked {
        let first = i64::from(base.off) + off;
        let proved = match base.proved {
            Proved::Bytes(n) => i64::from(n),
            Proved::AtEnd | Proved::BeyondEnd => 0,
        };
        if base.var.smin < 0 || first < 0 {
            return Err(refuse("BL0322", "the access may lie before the start of the packet")
                .expected("an offset that cannot be negative")
                .found(describe(self.program, base)));
        }
        if first + i64::from(size) <= proved {
            return Ok(());
        }
        let bytes = first + i64::from(size);
        Err(refuse("BL0322", format!("nothing proves that the packet holds these {size} bytes"))
            .expected(format!("a comparison with data_end that proves {bytes} bytes from the pointer's base"))
            .found(format!("{proved} bytes proved; {}", describe(self.program, base)))
            .help("compare the pointer, plus the bytes that are accessed, with data_end before this access"))
    }

    fn check_map_value(
        &self,
        base: &Value,
        map: MapRef,
        off: i64,
        size: u32,
        access: Access,
    ) -> Checked {
        let def = self.map_def(map);
        let name = map_name(self.program, map);
        let by_program = def.map_or(0, |d| d.flags);
        let device = def.is_some_and(|d| {
            matches!(d.kind, MapKind::Devmap | MapKind::DevmapHash | MapKind::Cpumap)
        });
        let frozen = def.is_some_and(|d| d.frozen) || by_program & RDONLY_PROG != 0 || device;
        if access == Access::Write && frozen {
            return Err(refuse("BL0327", format!("map `{name}` is read-only for programs")));
        }
        if access == Access::Read && by_program & WRONLY_PROG != 0 {
            return Err(refuse("BL0327", format!("map `{name}` is write-only for programs")));
        }
        let room = def.map_or(0, |d| d.value_size);
        self.check_within("BL0323", &format!("the value of map `{name}`"), base, off, size, room)?;
        def.map_or(Ok(()), |d| self.check_special(d, base, off, size))
    }

    fn check_socket(&self, base: &Value, form: SocketForm, off: i64, size: u32) -> Checked {
        let at = i64::from(base.off) + off;
        if base.var.as_constant() == Some(0) && socket::readable(form, at, size) {
            return Ok(());
        }
        Err(refuse("BL0328", "no field of the socket is read like this")
            .expected("a load of one field of struct bpf_sock, in its own size or a part of it")
            .found(format!("{size} bytes at offset {at} of {}", describe(self.program, base))))
    }

    /// Checks that the access lies in an object of `room` bytes.
    fn check_within(
        &self,
        code: &'static str,
        what: &str,
        base: &Value,
        off: i64,
        size: u32,
        room: u32,
    ) -> Checked {
        let fixed = i64::from(base.off) + off;
        let least = base.var.smin.checked_add(fixed).filter(|x| *x >= 0);
        let most =
            i64::try_from(base.var.umax).ok().and_then(|m| m.checked_add(fixed + i64::from(size)));
        if least.is_some() && most.is_some_and(|m| m <= i64::from(room)) {
            return Ok(());
        }
        let message = if least.is_none() {
            format!("the access may lie before the start of {what}")
        } else {
            format!("the access may lie behind the end of {what}")
        };
        Err(refuse(code, message)
            .expected(format!("offset 0 to {} for {size} bytes", i64::from(room) - i64::from(size)))
            .found(format!("{} at offset {off:+}", describe(self.program, base)))
            .help("compare the index with its limit, or mask it, before the address is computed"))
    }

    fn check_stack(
        &mut self,
        base: &Value,
        depth: usize,
        off: i64,
        size: u32,
    ) -> Checked<StackBytes> {
        let fixed = i64::from(base.off) + off;
        let first = base.var.smin.checked_add(fixed);
        let end = base.var.smax.checked_add(fixed).and_then(|x| x.checked_add(i64::from(size)));
        match (first, end) {
            (Some(first), Some(end)) if first >= -FRAME_BYTES && end <= 0 => {
                self.recorder.use_stack(depth, -first);
                Ok(StackBytes { depth, first, end, fixed: base.var.as_constant().is_some() })
            }
            _ => Err(refuse("BL0324", "the access may lie outside the stack frame")
                .expected(format!("r10-{FRAME_BYTES} to r10-{size} for {size} bytes"))
                .found(format!("{} at offset {off:+}", describe(self.program, base)))),
        }
    }

    /// Accesses of the stack, and atomic ones, are aligned to their size.
    pub(super) fn check_alignment(&self, base: &Value, off: i64, size: u32) -> Checked {
        let at = super::tnum::Tnum::constant((i64::from(base.off) + off) as u64).add(base.var.t);
        if at.is_aligned(size) {
            return Ok(());
        }
        Err(refuse("BL0325", format!("the access is not aligned to its {size} bytes"))
            .found(format!("{} at offset {off:+}", describe(self.program, base))))
    }

    /// The value of `*(size *)(src + off)`.
    pub(super) fn load(
        &mut self,
        state: &mut State,
        size: Size,
        signed: bool,
        src: Reg,
        off: i16,
    ) -> Checked<Value> {
        let base = *state.reg(src);
        let (bytes, off) = (size.bytes(), i64::from(off));
        let name = format!("r{}", src.0);
        if base.kind == Kind::Ctx {
            return self.load_ctx(&base, off, bytes, signed);
        }
        let stack = self.check_access(&name, &base, off, bytes, Access::Read)?;
        let value = match stack {
            Some(at) => {
                self.check_alignment(&base, off, bytes)?;
                self.read_stack(state, at, bytes)?
            }
            None => self
                .frozen_content(&base, off, bytes)
                .unwrap_or(Value::scalar(Scalar::of_bytes(bytes))),
        };
        if signed && value.is_scalar() {
            return Ok(Value::scalar(value.var.sext(bytes * 8)));
        }
        Ok(value)
    }

    fn read_stack(&mut self, state: &mut State, at: StackBytes, bytes: u32) -> Checked<Value> {
        self.note_stack_read(state, at);
        self.check_no_object(state, at, Access::Read)?;
        self.warn_if_uninit(state, at);
        let stack = &state.frames[at.depth].stack;
        if !at.fixed {
            // Parts of pointers are numbers to a privileged program; nothing is known of them.
            return Ok(Value::scalar(Scalar::of_bytes(bytes)));
        }
        match stack.read(at.first, bytes as usize) {
            Content::Value(v) => Ok(v),
            Content::PartOfPointer => Err(refuse("BL0330", "part of a spilled pointer is read")
                .expected("a load of all 8 bytes")),
        }
    }

    /// Content of read-only data at a constant offset.
    fn frozen_content(&self, base: &Value, off: i64, bytes: u32) -> Option<Value> {
        let Kind::MapValue(MapRef::Declared(m)) = base.kind else { return None };
        let def = &self.program.maps[m];
        let content = def.initial.as_ref().filter(|_| def.frozen)?;
        let first =
            usize::try_from(i64::from(base.off) + off + base.var.as_constant()? as i64).ok()?;
        let end = first.checked_add(bytes as usize)?;
        // Bytes that the object file leaves out are zero.
        let byte = |i: usize| u64::from(content.get(i).copied().unwrap_or(0));
        let word = (first..end).rev().fold(0, |w, i| w << 8 | byte(i));
        Some(Value::scalar(Scalar::constant(word)))
    }

    /// Stores into `*(size *)(dst + off)`.
    pub(super) fn store(
        &mut self,
        state: &mut State,
        size: Size,
        dst: Reg,
        off: i16,
        src: Operand,
    ) -> Checked {
        let base = *state.reg(dst);
        let (bytes, off) = (size.bytes(), i64::from(off));
        if base.kind == Kind::Ctx {
            return Err(refuse("BL0327", "the context is read-only"));
        }
        if let Operand::Reg(r) = src {
            // A copy in memory follows the register: what a comparison teaches about one holds for the other.
            self.name_scalar(state, r);
        }
        let value = self.operand(state, src)?;
        let stack = self.check_access(&format!("r{}", dst.0), &base, off, bytes, Access::Write)?;
        let Some(at) = stack else { return Ok(()) };
        self.check_alignment(&base, off, bytes)?;
        self.overwrite_objects(state, at)?;
        if value.kind.is_pointer() {
            if bytes != 8 {
                return Err(refuse("BL0330", "part of a pointer is stored on the stack")
                    .expected("a store of all 8 bytes"));
            }
            if matches!(value.kind, Kind::Stack(_)) && at.depth != state.depth() {
                return Err(refuse("BL0330", "a stack pointer is stored in the caller's frame"));
            }
        }
        if at.fixed {
            state.note_stack_written(at);
            state.frames[at.depth].stack.write(at.first, bytes as usize, &value);
        } else {
            state.frames[at.depth].stack.may_write_any(at.first, at.end);
        }
        Ok(())
    }

    /// The definition behind a map pointer.
    pub(super) fn map_def(&self, map: MapRef) -> Option<&MapDef> {
        match map {
            MapRef::Declared(m) => self.program.maps.get(m),
            MapRef::Inner(m) => self.program.maps.get(m)?.inner.as_deref(),
        }
    }

    /// Fields of `struct xdp_md`: all are read as 32-bit words; three of them stand for pointers.
    fn load_ctx(&mut self, base: &Value, off: i64, bytes: u32, signed: bool) -> Checked<Value> {
        if base.off != 0 || base.var.as_constant() != Some(0) {
            return Err(refuse("BL0326", "the context is read through a modified pointer")
                .expected("the context pointer itself, with the offset in the instruction")
                .found(describe(self.program, base)));
        }
        let word = |value| Ok(Value { ..value });
        let shape = || {
            refuse("BL0326", "no field of the context is read like this")
                .expected("a 32-bit load of data, data_end, data_meta, ingress_ifindex, rx_queue_index or egress_ifindex")
                .found(format!("{bytes} bytes at offset {off}"))
        };
        if bytes != 4 || (signed && off < 12) {
            return Err(shape());
        }
        match off {
            0 => word(Value::pointer(Kind::Packet)),
            4 => word(Value::pointer(Kind::PacketEnd)),
            8 => word(Value::pointer(Kind::PacketMeta)),
            12 | 16 if signed => word(Value::scalar(Scalar::UNKNOWN.sext32())),
            12 | 16 => word(Value::scalar(Scalar::of_bytes(4))),
            20 if self.program.section.contains("devmap") => {
                word(Value::scalar(Scalar::of_bytes(4)))
            }
            20 => {
                Err(refuse("BL0326", "egress_ifindex exists only in programs attached to a devmap")
                    .help("place the program in a section named `xdp/devmap`"))
            }
            _ => Err(shape()),
        }
    }
}

/// The refusal of reading `name` before it is written.
pub(super) fn uninitialised(name: &str) -> Box<super::message::Refusal> {
    refuse("BL0306", format!("{name} is read but was never written on this path"))
        .expected("an initialised register")
        .help("calls overwrite r0 to r5, and packet pointers are stale once a helper has moved the packet: load them again")
}
