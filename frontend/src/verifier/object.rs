//! Dynptrs and iterators: objects on the stack that only certain calls make, use and end, and what is acquired with them.

use super::explore::{Explorer, Next};
use super::memory::{Access, StackBytes};
use super::message::{describe, refuse, Checked, Refusal};
use super::scalar::Scalar;
use super::stack::Content;
use super::state::{Kind, Origin, Resource, Source, State, Value};
use crate::insn::Reg;

/// Bytes of `struct bpf_dynptr` and of `struct bpf_iter_num`.
const DYNPTR_BYTES: u32 = 16;
const ITER_BYTES: u32 = 8;

impl Explorer<'_> {
    /// The stack bytes of an object that the argument `value` in `r` points at.
    fn object_place(
        &mut self,
        r: Reg,
        value: &Value,
        bytes: u32,
        what: &str,
    ) -> Checked<StackBytes> {
        let fixed = value.var.as_constant() == Some(0);
        if !matches!(value.kind, Kind::Stack(_)) || !fixed || value.off % 8 != 0 {
            return Err(self.object_refusal(r, value, format!("r{} is not {what}", r.0)));
        }
        let name = format!("r{}", r.0);
        let at = self.check_access(&name, value, 0, bytes, Access::Write)?;
        at.ok_or_else(|| refuse("BL0331", format!("r{} is not {what}", r.0)))
    }

    fn object_refusal(&self, r: Reg, value: &Value, message: String) -> Box<Refusal> {
        refuse("BL0331", message)
            .expected(format!("in r{}: a stack address, constant and a multiple of 8", r.0))
            .found(describe(self.program, value))
            .help("declare the object as a local variable and hand its address to the calls that use it")
    }

    /// The dynptr that `value` points at.
    pub(super) fn dynptr_at(&mut self, state: &State, r: Reg, value: &Value) -> Checked<Value> {
        let at = self.object_place(r, value, DYNPTR_BYTES, "an initialised dynptr")?;
        self.note_stack_read(state, at);
        let stack = &state.frames[at.depth].stack;
        let (low, high) = (stack.read(at.first, 8), stack.read(at.first + 8, 8));
        match (low, high) {
            (Content::Value(low), Content::Value(high))
                if matches!(low.kind, Kind::Dynptr { upper: false, .. })
                    && matches!(high.kind, Kind::Dynptr { upper: true, .. })
                    && low.id == high.id =>
            {
                Ok(low)
            }
            _ => Err(refuse("BL0331", format!("r{} is not an initialised dynptr", r.0))
                .expected("the address of a dynptr that was made on every path and not overwritten")
                .found(describe(self.program, value))),
        }
    }

    /// Makes a dynptr where `value` points; `resource` is 0 or what it stands for.
    pub(super) fn make_dynptr(
        &mut self,
        state: &mut State,
        r: Reg,
        value: &Value,
        source: Source,
        resource: u32,
    ) -> Checked {
        let at = self.object_place(r, value, DYNPTR_BYTES, "room for a dynptr")?;
        self.overwrite_objects(state, at)?;
        state.note_stack_written(at);
        let id = self.fresh_name();
        let half = |upper| Value { id, resource, ..Value::pointer(Kind::Dynptr { source, upper }) };
        let stack = &mut state.frames[at.depth].stack;
        stack.write(at.first, 8, &half(false));
        stack.write(at.first + 8, 8, &half(true));
        Ok(())
    }

    /// Something is acquired by the call that `state` stands at.
    pub(super) fn acquire(&mut self, state: &mut State) -> u32 {
        let id = self.fresh_name();
        state.resources.push(Resource { id, site: state.pc });
        id
    }

    /// Bytes of the stack are about to be overwritten: what was a dynptr is none any more.
    pub(super) fn overwrite_objects(&self, state: &mut State, at: StackBytes) -> Checked {
        if at.first >= at.end {
            return Ok(());
        }
        let objects = state.frames[at.depth].stack.objects_in(at.first, at.end);
        let lost: Vec<Value> =
            objects.filter(|v| matches!(v.kind, Kind::Dynptr { .. })).copied().collect();
        for dynptr in lost {
            let same = |v: &&Value| {
                matches!(v.kind, Kind::Dynptr { upper: false, .. }) && v.resource == dynptr.resource
            };
            let copies = state.frames.iter().flat_map(|f| f.stack.spilled()).filter(same).count();
            if dynptr.resource != 0 && copies <= 1 {
                return Err(refuse("BL0331", "a dynptr of the ring buffer is overwritten")
                    .expected("bpf_ringbuf_submit_dynptr or bpf_ringbuf_discard_dynptr first"));
            }
            forget_dynptrs(state, |v| v.id == dynptr.id);
        }
        Ok(())
    }

    /// Refuses to read or write an object as plain memory.
    pub(super) fn check_no_object(&self, state: &State, at: StackBytes, access: Access) -> Checked {
        if at.first >= at.end {
            return Ok(());
        }
        let mut objects = state.frames[at.depth].stack.objects_in(at.first, at.end);
        let found = match access {
            Access::Read => objects.next(),
            Access::Write => objects.find(|v| matches!(v.kind, Kind::Dynptr { .. })),
        };
        match found {
            None => Ok(()),
            Some(object) => Err(refuse("BL0331", "a dynptr or iterator is used as plain memory")
                .expected("bytes of another variable")
                .found(describe(self.program, object))),
        }
    }

    /// `bpf_iter_num_new`.
    pub(super) fn make_iter(&mut self, state: &mut State, r: Reg, value: &Value) -> Checked {
        let at = self.object_place(r, value, ITER_BYTES, "room for an iterator")?;
        let stack = &state.frames[at.depth].stack;
        if stack.objects_in(at.first, at.end).any(|v| matches!(v.kind, Kind::Iter { .. })) {
            let message = format!("r{} points at an iterator that is in use", r.0);
            return Err(refuse("BL0331", message).help("end it with bpf_iter_num_destroy first"));
        }
        self.overwrite_objects(state, at)?;
        state.note_stack_written(at);
        let resource = self.acquire(state);
        let iter = Value { resource, ..Value::pointer(Kind::Iter { drained: false }) };
        state.frames[at.depth].stack.write(at.first, 8, &iter);
        Ok(())
    }

    fn iter_at(&mut self, state: &State, r: Reg, value: &Value) -> Checked<(StackBytes, Value)> {
        let at = self.object_place(r, value, ITER_BYTES, "an iterator")?;
        self.note_stack_read(state, at);
        match state.frames[at.depth].stack.read(at.first, 8) {
            Content::Value(v) if matches!(v.kind, Kind::Iter { .. }) => Ok((at, v)),
            _ => Err(refuse("BL0331", format!("r{} is not an iterator", r.0))
                .expected("the address of an iterator that bpf_iter_num_new made on every path")
                .found(describe(self.program, value))),
        }
    }

    /// `bpf_iter_num_next`: a pointer to the next number, or null and nothing more from then on.
    pub(super) fn iter_next(&mut self, state: &mut State) -> Checked<Next> {
        let value = *state.reg(Reg(1));
        let (at, iter) = self.iter_at(state, Reg(1), &value)?;
        let (site, goto) = (state.pc, state.pc.plus(1));
        let drained = iter.kind == Kind::Iter { drained: true };
        if !drained && self.converge(state, 0) {
            return Ok(Next::End);
        }
        for r in 0..=5 {
            state.set(Reg(r), Value::UNINIT);
        }
        let mut later = Box::new(state.clone());
        let ended = Value { kind: Kind::Iter { drained: true }, ..iter };
        later.frames[at.depth].stack.write(at.first, 8, &ended);
        later.set(Reg::R0, Value::scalar(Scalar::constant(0)));
        later.pc = goto;
        if drained {
            *state = *later;
            return Ok(Next::Goto(goto));
        }
        state.progress = state.progress.wrapping_add(1);
        let number = Kind::Mem { site, size: 4, origin: Origin::Counter, writable: false };
        state.set(Reg::R0, Value { resource: iter.resource, ..Value::pointer(number) });
        Ok(Next::Fork { later, goto })
    }

    /// `bpf_iter_num_destroy`.
    pub(super) fn end_iter(&mut self, state: &mut State, r: Reg, value: &Value) -> Checked {
        let (_, iter) = self.iter_at(state, r, value)?;
        release(state, iter.resource);
        Ok(())
    }
}

/// Dynptrs that `gone` picks are none any more, and memory that is part of them is out of reach.
fn forget_dynptrs(state: &mut State, gone: impl Fn(&Value) -> bool) {
    let mut owners = Vec::new();
    for frame in &mut state.frames {
        frame.stack.forget_spills(|v| {
            let picked = matches!(v.kind, Kind::Dynptr { .. }) && gone(v);
            if picked {
                owners.push(v.id);
            }
            picked
        });
    }
    for value in state.values_mut().filter(|v| v.owner != 0 && owners.contains(&v.owner)) {
        *value = Value::unknown();
    }
}

/// The resource has been given back: what stands for it is stale.
pub(super) fn release(state: &mut State, resource: u32) {
    state.resources.retain(|r| r.id != resource);
    forget_dynptrs(state, |v| v.resource == resource);
    for frame in &mut state.frames {
        frame.stack.forget_spills(|v| v.kind.is_object() && v.resource == resource);
    }
    for value in state.values_mut().filter(|v| v.resource == resource) {
        *value = Value::unknown();
    }
}

/// Packet pointers are stale in every frame.
pub(super) fn forget_packet(state: &mut State) {
    for value in state.values_mut() {
        let slice = matches!(value.kind, Kind::Mem { origin: Origin::PacketSlice, .. });
        if value.kind.is_packet() || value.kind == Kind::PacketEnd || slice {
            *value = Value::unknown();
        }
    }
}
