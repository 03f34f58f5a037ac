//! Calls of helpers: arguments against the prototype, effects, result.

use super::explore::{Explorer, Next};
use super::memory::{uninitialised, Access};
use super::message::{describe, map_name, refuse, Checked};
use super::object::{forget_packet, release};
use super::prototype::{self, fits_map, id, Arg, Prototype, Ret};
use super::scalar::Scalar;
use super::state::{Kind, MapRef, Origin, Resource, SocketForm, Source, State, Value};
use crate::insn::{Pc, Reg};
use beeline_ir::map::MapKind;

/// Sizes above this are refused, as in Linux (`BPF_MAX_VAR_SIZ`).
const MAX_SIZE: u64 = 1 << 29;

/// Licenses that Linux takes as compatible with the GPL.
const GPL_COMPATIBLE: [&str; 6] =
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

/// What the arguments checked so far say about those to come, and about the result.
#[derive(Default)]
pub(super) struct Seen {
    map: Option<MapRef>,
    record_size: u32,
    released: u32,
    timer: Option<MapRef>,
    dynptr: Option<Value>,
    /// The lookup cannot fail.
    exists: bool,
}

impl Explorer<'_> {
    /// The call of helper `number`.
    pub(super) fn call_helper(&mut self, state: &mut State, number: u32) -> Checked<Next> {
        let prototype = self.prototype(number)?;
        self.check_lock_rules(state, prototype)?;
        let mut seen = self.check_arguments(state, prototype)?;
        match number {
            id::LOOP | id::FOR_EACH => return self.call_with_callback(state),
            id::TAIL_CALL => self.check_nothing_held(state, "a tail call leaves the program")?,
            id::TIMER_SET_CALLBACK => return self.set_timer_callback(state, seen.timer),
            _ => {}
        }
        if seen.released != 0 {
            release(state, seen.released);
        }
        let site = state.pc;
        if number == id::MAP_LOOKUP {
            seen.exists = self.element_exists(state, seen.map);
        }
        let result = self.result(state, prototype, site, &seen)?;
        if prototype.traits.moves_packet {
            forget_packet(state);
        }
        clobber(state);
        state.set(Reg::R0, result);
        if number == id::TAIL_CALL && state.depth() > 0 {
            return self.return_from_tail_call(state);
        }
        Ok(Next::Goto(site.plus(1)))
    }

    /// Checks every argument of a call.
    pub(super) fn check_arguments(
        &mut self,
        state: &mut State,
        prototype: &Prototype,
    ) -> Checked<Seen> {
        let mut seen = Seen::default();
        for (i, arg) in prototype.args.iter().enumerate() {
            let r = Reg(i as u8 + 1);
            let value = *state.reg(r);
            if value.kind == Kind::Uninit {
                return Err(uninitialised(&format!(
                    "r{}, an argument of bpf_{},",
                    r.0, prototype.name
                )));
            }
            self.check_argument(state, prototype, r, *arg, &value, &mut seen)?;
        }
        Ok(seen)
    }

    /// A tail call in a called function: if it succeeds, the other program returns to the caller of this function, and
    /// may have moved the packet.
    fn return_from_tail_call(&mut self, state: &mut State) -> Checked<Next> {
        let goto = state.pc.plus(1);
        let mut later = Box::new(state.clone());
        forget_packet(&mut later);
        later.set(Reg::R0, Value::unknown());
        match self.exit(&mut later)? {
            Next::Goto(pc) => later.pc = pc,
            // Tail calls are not made in callbacks, and the program's own end is not reached from a called function.
            Next::Fork { .. } | Next::End => {
                return Err(refuse("BL0341", "a callback makes a tail call"));
            }
        }
        Ok(Next::Fork { later, goto })
    }

    /// True if a lookup whose key is in r2 always finds an element: an array has all of them.
    fn element_exists(&self, state: &State, map: Option<MapRef>) -> bool {
        let Some(def) = map.and_then(|m| self.map_def(m)) else { return false };
        let key = state.reg(Reg(2));
        let Kind::Stack(depth) = key.kind else { return false };
        if !matches!(def.kind, MapKind::Array | MapKind::PercpuArray) || def.key_size != 4 {
            return false;
        }
        let stack = &state.frames[depth].stack;
        let word = key.offset().as_constant().and_then(|at| stack.constant_word(at as i64));
        word.is_some_and(|index| index < u64::from(def.max_entries))
    }

    fn prototype(&self, number: u32) -> Checked<&'static Prototype> {
        let Some(prototype) = prototype::by_id(number) else {
            return Err(match prototype::helper_name(number) {
                Some(name) => {
                    refuse("BL0340", format!("calls of helper bpf_{name} are not supported"))
                        .expected(
                            "a helper on packets, maps, time, random numbers, events or sockets",
                        )
                        .found("one on tasks, cgroups, text or the memory of the running kernel")
                        .help("remove the call, or read the value from a map that the host fills")
                }
                None => {
                    refuse("BL0340", format!("helper {number} is not available to XDP programs"))
                }
            });
        };
        let license = self.program.license.as_deref().unwrap_or("");
        if prototype.traits.gpl_only && !GPL_COMPATIBLE.contains(&license) {
            let name = prototype.name;
            return Err(refuse("BL0345", format!("bpf_{name} is only for programs under the GPL"))
                .expected("a license section with a GPL-compatible license")
                .found(if license.is_empty() {
                    "no license".into()
                } else {
                    format!("`{license}`")
                }));
        }
        Ok(prototype)
    }

    fn check_argument(
        &mut self,
        state: &mut State,
        prototype: &Prototype,
        r: Reg,
        arg: Arg,
        value: &Value,
        seen: &mut Seen,
    ) -> Checked {
        let wrong = |expected: &str| {
            Err(refuse("BL0341", format!("r{} does not fit bpf_{}", r.0, prototype.name))
                .expected(expected)
                .found(describe(self.program, value)))
        };
        match arg {
            Arg::Any => Ok(()),
            Arg::Ctx
                if value.kind != Kind::Ctx
                    || value.off != 0
                    || value.var.as_constant() != Some(0) =>
            {
                wrong("the context")
            }
            Arg::Ctx => Ok(()),
            Arg::Map => match value.kind {
                Kind::Map(map) if seen.timer.is_some_and(|of| of != map) => {
                    wrong("the map in whose value the timer is")
                }
                Kind::Map(map) if !value.nullable => {
                    seen.map = Some(map);
                    self.check_map(prototype, map)
                }
                _ => wrong("a map"),
            },
            Arg::Key | Arg::Value | Arg::ValueOut => {
                let def = seen.map.and_then(|m| self.map_def(m));
                let size =
                    def.map_or(0, |d| if arg == Arg::Key { d.key_size } else { d.value_size });
                let access = if arg == Arg::ValueOut { Access::Write } else { Access::Read };
                self.check_memory(state, prototype, r, value, (size, size), access)
            }
            Arg::Fixed(size) => {
                self.check_memory(state, prototype, r, value, (size, size), Access::Read)
            }
            Arg::AlignedOut(size) => {
                self.check_memory(state, prototype, r, value, (size, size), Access::Write)?;
                self.check_alignment(value, 0, size)
            }
            Arg::FixedOut(size) => {
                self.check_memory(state, prototype, r, value, (size, size), Access::Write)
            }
            Arg::Mem | Arg::MemOut | Arg::MemOrNull => {
                self.check_sized(state, prototype, r, arg, value)
            }
            Arg::Size | Arg::SizeOrZero => self.check_size(prototype, r, arg, value),
            Arg::ReserveSize => match value.as_constant().map(|c| c as u32) {
                Some(size) => {
                    seen.record_size = size;
                    Ok(())
                }
                None => wrong("a constant size"),
            },
            Arg::Record | Arg::Socket => {
                let kind_fits = match value.kind {
                    Kind::Mem { origin: Origin::Record, .. } => arg == Arg::Record,
                    Kind::Socket { .. } => arg == Arg::Socket,
                    _ => false,
                };
                let whole = value.off == 0 && value.var.as_constant() == Some(0);
                let releases = arg == Arg::Record || prototype.id == id::SK_RELEASE;
                if !kind_fits || value.nullable || !whole || (releases && value.resource == 0) {
                    return wrong(
                        "what was acquired, compared with null, unchanged and not yet given back",
                    );
                }
                seen.released = if releases { value.resource } else { 0 };
                Ok(())
            }
            Arg::Lock => self.check_lock(state, prototype, r, value),
            Arg::Timer => {
                seen.timer = Some(self.check_timer(r, value)?);
                Ok(())
            }
            Arg::Callback if !matches!(value.kind, Kind::Func(_)) => {
                wrong("a function of the program")
            }
            Arg::Callback => Ok(()),
            Arg::CallbackCtx
                if matches!(value.kind, Kind::Stack(_)) || value.as_constant() == Some(0) =>
            {
                Ok(())
            }
            Arg::CallbackCtx => wrong("a pointer to the stack, or null"),
            Arg::Number if !value.is_scalar() => wrong("a number"),
            Arg::Number => Ok(()),
            Arg::Buffer if value.as_constant() == Some(0) => Ok(()),
            Arg::Buffer => {
                let size = *state.reg(Reg(r.0 + 1));
                self.check_size(prototype, Reg(r.0 + 1), Arg::SizeOrZero, &size)?;
                let sizes = (size.var.umin as u32, size.var.umax as u32);
                self.check_memory(state, prototype, r, value, sizes, Access::Write)
            }
            Arg::BufferSize => {
                self.check_argument(state, prototype, r, Arg::ReserveSize, value, seen)
            }
            _ => self.check_object(state, prototype, r, arg, value, seen),
        }
    }

    /// Arguments that are dynptrs or iterators.
    fn check_object(
        &mut self,
        state: &mut State,
        prototype: &Prototype,
        r: Reg,
        arg: Arg,
        value: &Value,
        seen: &mut Seen,
    ) -> Checked {
        match arg {
            Arg::NewIter => return self.make_iter(state, r, value),
            Arg::EndIter => return self.end_iter(state, r, value),
            Arg::NewDynptr(source) => {
                if prototype.id == id::DYNPTR_FROM_MEM
                    && !matches!(state.reg(Reg(1)).kind, Kind::MapValue(_))
                {
                    let found = describe(self.program, state.reg(Reg(1)));
                    return Err(refuse("BL0341", "r1 does not fit bpf_dynptr_from_mem")
                        .expected("a map value")
                        .found(found));
                }
                let held = source == Source::Ringbuf;
                let resource = if held { self.acquire(state) } else { 0 };
                return self.make_dynptr(state, r, value, source, resource);
            }
            Arg::CloneDynptr => {
                let copied = seen.dynptr.unwrap_or(Value::UNINIT);
                let Kind::Dynptr { source, .. } = copied.kind else {
                    return Err(refuse("BL0331", "the call names no dynptr to copy"));
                };
                return self.make_dynptr(state, r, value, source, copied.resource);
            }
            _ => {}
        }
        let dynptr = self.dynptr_at(state, r, value)?;
        if arg == Arg::ReleaseDynptr {
            if dynptr.resource == 0 {
                return Err(refuse("BL0331", format!("r{} is not a dynptr of a ring buffer", r.0))
                    .expected("a dynptr that bpf_ringbuf_reserve_dynptr made")
                    .found(describe(self.program, &dynptr)));
            }
            seen.released = dynptr.resource;
        }
        seen.dynptr = Some(dynptr);
        Ok(())
    }

    fn check_map(&self, prototype: &Prototype, map: MapRef) -> Checked {
        let Some(def) = self.map_def(map) else {
            return Err(refuse("BL0344", "the object does not say what the inner maps look like"));
        };
        let name = map_name(self.program, map);
        if !fits_map(prototype.id, def.kind) {
            let message = format!("bpf_{} does not work on map `{name}`", prototype.name);
            return Err(refuse("BL0344", message).found(format!("a map of type {}", def.kind)));
        }
        let writes =
            matches!(prototype.id, id::MAP_UPDATE | id::MAP_DELETE | id::MAP_PUSH | id::MAP_POP);
        const RDONLY_PROG: u32 = 1 << 7;
        if writes && (def.frozen || def.flags & RDONLY_PROG != 0) {
            return Err(refuse("BL0327", format!("map `{name}` is read-only for programs")));
        }
        Ok(())
    }

    fn check_size(&self, prototype: &Prototype, r: Reg, arg: Arg, value: &Value) -> Checked {
        let wrong = |expected: String| {
            Err(refuse(
                "BL0343",
                format!("r{}, a size for bpf_{}, has no proper bounds", r.0, prototype.name),
            )
            .expected(expected)
            .found(describe(self.program, value))
            .help("compare the size with its limits, or mask it, before the call"))
        };
        if !value.is_scalar() || value.var.smin < 0 || value.var.umax >= MAX_SIZE {
            return wrong(format!("a number from {} to {MAX_SIZE}", u32::from(arg == Arg::Size)));
        }
        if arg == Arg::Size && value.var.umin == 0 {
            return wrong("a number that is at least 1".into());
        }
        Ok(())
    }

    /// Memory whose size is in the next register.
    fn check_sized(
        &mut self,
        state: &mut State,
        prototype: &Prototype,
        r: Reg,
        arg: Arg,
        value: &Value,
    ) -> Checked {
        let size = *state.reg(Reg(r.0 + 1));
        let nothing = value.as_constant() == Some(0) && size.as_constant() == Some(0);
        if nothing && arg == Arg::MemOrNull {
            return Ok(());
        }
        if !size.is_scalar() || size.var.umax >= MAX_SIZE {
            // The check of the size itself, which comes next, says so; nothing can be said of the memory.
            let next = if arg == Arg::MemOrNull { Arg::SizeOrZero } else { Arg::Size };
            return self.check_size(prototype, Reg(r.0 + 1), next, &size);
        }
        let access = if arg == Arg::MemOut { Access::Write } else { Access::Read };
        let value = &Value { nullable: value.nullable && arg != Arg::MemOrNull, ..*value };
        let sizes = (size.var.umin as u32, size.var.umax as u32);
        self.check_memory(state, prototype, r, value, sizes, access)
    }

    /// Memory of `least` to `size` bytes that the helper reads or writes.
    fn check_memory(
        &mut self,
        state: &mut State,
        prototype: &Prototype,
        r: Reg,
        value: &Value,
        (least, size): (u32, u32),
        access: Access,
    ) -> Checked {
        let name = format!("r{}, an argument of bpf_{},", r.0, prototype.name);
        if value.kind.is_packet() && !prototype.traits.reads_packet {
            return Err(refuse(
                "BL0341",
                format!("bpf_{} does not take memory of the packet", prototype.name),
            )
            .found(describe(self.program, value))
            .help("copy the bytes to the stack first"));
        }
        if matches!(value.kind, Kind::Socket { .. }) {
            return Err(refuse("BL0341", format!("{name} is a socket, not memory")));
        }
        let Some(at) = self.check_access(&name, value, 0, size, access)? else { return Ok(()) };
        if at.first >= at.end {
            return Ok(());
        }
        self.check_no_object(state, at, access)?;
        if access == Access::Read {
            self.note_stack_read(state, at);
            self.warn_if_uninit(state, at);
        } else if at.fixed && least == size {
            state.note_stack_written(at);
            state.frames[at.depth].stack.write_any(at.first, at.end);
        } else {
            state.frames[at.depth].stack.may_write_any(at.first, at.end);
        }
        Ok(())
    }

    /// What the call leaves in r0.
    pub(super) fn result(
        &mut self,
        state: &mut State,
        prototype: &Prototype,
        site: Pc,
        seen: &Seen,
    ) -> Checked<Value> {
        let kind = match prototype.ret {
            Ret::Scalar => return Ok(Value::unknown()),
            Ret::Below(limit) => return Ok(Value::scalar(Scalar::range(0, limit - 1))),
            Ret::Void => return Ok(Value::UNINIT),
            Ret::MapValueOrNull => match seen.map {
                Some(map) => self.found_in(map, site),
                None => return Err(refuse("BL0341", "the call names no map")),
            },
            Ret::RecordOrNull => {
                Kind::Mem { site, size: seen.record_size, origin: Origin::Record, writable: true }
            }
            Ret::Slice(writable) => {
                let (dynptr, size) = (seen.dynptr.unwrap_or(Value::UNINIT), seen.record_size);
                let packet = matches!(dynptr.kind, Kind::Dynptr { source: Source::Packet, .. });
                let origin = if packet { Origin::PacketSlice } else { Origin::Slice };
                let slice = Value::pointer(Kind::Mem { site, size, origin, writable });
                let id = self.fresh_name();
                // The packet stays where it is when the dynptr goes.
                let owner = if packet { 0 } else { dynptr.id };
                return Ok(Value { nullable: true, id, owner, ..slice });
            }
            Ret::SocketOrNull(form) => Kind::Socket { site, form },
        };
        let id = self.fresh_name();
        let acquires = matches!(prototype.ret, Ret::RecordOrNull | Ret::SocketOrNull(_));
        if acquires {
            state.resources.push(Resource { id, site });
        }
        Ok(Value {
            nullable: !seen.exists,
            id,
            resource: if acquires { id } else { 0 },
            ..Value::pointer(kind)
        })
    }

    /// What a lookup in `map` finds.
    fn found_in(&self, map: MapRef, site: Pc) -> Kind {
        match (map, self.map_def(map).map(|d| d.kind)) {
            (MapRef::Declared(m), Some(MapKind::ArrayOfMaps | MapKind::HashOfMaps)) => {
                Kind::Map(MapRef::Inner(m))
            }
            (_, Some(MapKind::Xskmap)) => Kind::Socket { site, form: SocketForm::Xdp },
            _ => Kind::MapValue(map),
        }
    }
}

/// What a call leaves of the registers that it may use.
pub(super) fn clobber(state: &mut State) {
    for r in 0..=5 {
        state.set(Reg(r), Value::UNINIT);
    }
}
