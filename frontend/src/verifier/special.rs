//! Parts of map values that only certain helpers may touch: spin locks and timers.

use super::explore::{Explorer, Next};
use super::message::{describe, map_name, refuse, Checked};
use super::prototype::{id, Prototype};
use super::state::{Kind, MapRef, Origin, State, Value};
use crate::insn::{Pc, Reg};
use crate::program::{MapDef, SpecialField, SpecialKind};
use beeline_ir::map::MapKind;

/// A spin lock that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    /// The call that took it.
    pub(super) site: Pc,
    pub(super) map: MapRef,
    /// Name of the value that it is in; 0 for global data, of which there is one.
    pub(super) value: u32,
}

/// The field of `kind` of a map's value.
fn field(def: &MapDef, kind: SpecialKind) -> Option<SpecialField> {
    def.types.as_ref()?.fields.iter().find(|f| f.kind == kind).copied()
}

fn has_room_for(map: MapKind, kind: SpecialKind) -> bool {
    use MapKind as K;
    match kind {
        SpecialKind::SpinLock => matches!(map, K::Hash | K::Array),
        _ => matches!(map, K::Hash | K::LruHash | K::Array),
    }
}

impl Explorer<'_> {
    /// True if it matters which of several values of `map` a pointer stands for.
    pub(super) fn has_lock(&self, map: MapRef) -> bool {
        self.map_def(map).is_some_and(|d| field(d, SpecialKind::SpinLock).is_some())
    }

    /// Refuses an access of `size` bytes at `base + off` that touches a special field of the value.
    pub(super) fn check_special(&self, def: &MapDef, base: &Value, off: i64, size: u32) -> Checked {
        let Some(types) = &def.types else { return Ok(()) };
        let fixed = i64::from(base.off) + off;
        let first = base.var.smin.saturating_add(fixed);
        let end = (base.var.umax.min(i64::MAX as u64) as i64)
            .saturating_add(fixed)
            .saturating_add(i64::from(size));
        let touched = types
            .fields
            .iter()
            .find(|f| first < i64::from(f.offset) + i64::from(f.size) && i64::from(f.offset) < end);
        let Some(f) = touched else { return Ok(()) };
        Err(refuse(
            "BL0332",
            format!("the access touches the {} of the map value", name_of(f.kind)),
        )
        .expected(format!(
            "an access outside of bytes {} to {}, which only their own helpers may touch",
            f.offset,
            i64::from(f.offset) + i64::from(f.size) - 1
        ))
        .found(format!("{} bytes at offset {off:+} of {}", size, describe(self.program, base)))
        .help("access the other members one by one"))
    }

    /// A pointer to the field of `kind` in a map value; says in which map.
    fn check_field(&self, r: Reg, value: &Value, kind: SpecialKind) -> Checked<MapRef> {
        let what = name_of(kind);
        let wrong = |expected: String| {
            Err(refuse("BL0341", format!("r{} is not the {what} of a map value", r.0))
                .expected(expected)
                .found(describe(self.program, value)))
        };
        let Kind::MapValue(map) = value.kind else {
            return wrong("a pointer into a map value".into());
        };
        let constant = value.var.as_constant();
        let (false, Some(var)) = (value.nullable, constant) else {
            return wrong("a constant offset within a value that is not null".into());
        };
        let Some(def) = self.map_def(map) else {
            return wrong("a map whose shape is known".into());
        };
        let Some(f) = field(def, kind) else {
            return wrong(format!("a map whose value type has a {what}, by its BTF"));
        };
        if !has_room_for(def.kind, kind) {
            return wrong(format!("a map of a type that may hold a {what}"));
        }
        if i64::from(value.off).checked_add(var as i64) != Some(i64::from(f.offset)) {
            return wrong(format!("offset {}, where the {what} is", f.offset));
        }
        Ok(map)
    }

    /// `bpf_spin_lock` and `bpf_spin_unlock`.
    pub(super) fn check_lock(
        &self,
        state: &mut State,
        prototype: &Prototype,
        r: Reg,
        value: &Value,
    ) -> Checked {
        let map = self.check_field(r, value, SpecialKind::SpinLock)?;
        if prototype.id == id::SPIN_LOCK {
            state.lock = Some(Lock { site: state.pc, map, value: value.id });
            return Ok(());
        }
        match state.lock.take() {
            Some(held) if held.map == map && held.value == value.id => Ok(()),
            Some(held) => Err(refuse("BL0349", "another spin lock is released than the one held")
                .expected(format!(
                    "the lock that insn {} took, in a value of map `{}`",
                    held.site.0,
                    map_name(self.program, held.map)
                ))
                .found(describe(self.program, value))),
            None => Err(refuse("BL0349", "a spin lock is released that is not held")),
        }
    }

    /// Which calls are allowed while a spin lock is held.
    pub(super) fn check_lock_rules(&self, state: &State, prototype: &Prototype) -> Checked {
        match (prototype.id, state.lock) {
            (id::SPIN_UNLOCK, _) | (_, None) => Ok(()),
            (id::SPIN_LOCK, Some(_)) => Err(refuse("BL0349", "a second spin lock is taken")
                .help("release the first lock before")),
            (_, Some(lock)) => {
                let (name, site) = (prototype.name, lock.site.0);
                let message =
                    format!("bpf_{name} is called while the spin lock of insn {site} is held");
                Err(refuse("BL0349", message)
                    .help("call helpers before the lock is taken or after it is released"))
            }
        }
    }

    /// A timer in a map value.
    pub(super) fn check_timer(&self, r: Reg, value: &Value) -> Checked<MapRef> {
        let map = self.check_field(r, value, SpecialKind::Timer)?;
        if matches!(map, MapRef::Inner(_)) {
            return Err(refuse("BL0341", "timers in inner maps are not supported")
                .expected("a timer in a map that the program names")
                .found(describe(self.program, value)));
        }
        Ok(map)
    }

    /// `bpf_timer_set_callback`: the callback is walked on its own, once for each map and function.
    pub(super) fn set_timer_callback(
        &mut self,
        state: &mut State,
        map: Option<MapRef>,
    ) -> Checked<Next> {
        let (site, ctx) = (state.pc, state.frame().ctx);
        let goto = Next::Goto(site.plus(1));
        let (Kind::Func(start), Some(map)) = (state.reg(Reg(2)).kind, map) else {
            return Err(refuse("BL0341", "the call names no timer or no function"));
        };
        super::helper::clobber(state);
        state.set(Reg::R0, Value::unknown());
        if !self.timers.insert((start, super::message::map_name(self.program, map))) {
            return Ok(goto);
        }
        let size = self.map_def(map).map_or(0, |d| d.key_size);
        let key = Kind::Mem { site, size, origin: Origin::Key, writable: false };
        let value = Value { id: self.fresh_name(), ..Value::pointer(Kind::MapValue(map)) };
        let entry = self.recorder.own_context(ctx, site, start);
        let mut later = Box::new(State::timer(entry, start));
        later.set(Reg(1), Value::pointer(Kind::Map(map)));
        later.set(Reg(2), Value::pointer(key));
        later.set(Reg(3), value);
        Ok(Next::Fork { later, goto: site.plus(1) })
    }
}

fn name_of(kind: SpecialKind) -> &'static str {
    match kind {
        SpecialKind::SpinLock => "spin lock",
        SpecialKind::ResSpinLock => "resilient spin lock",
        SpecialKind::Timer => "timer",
        SpecialKind::Workqueue => "work queue",
        SpecialKind::TaskWork => "task work",
        SpecialKind::ListHead => "list head",
        SpecialKind::ListNode => "list node",
        SpecialKind::RbRoot => "tree root",
        SpecialKind::RbNode => "tree node",
        SpecialKind::Refcount => "reference count",
        SpecialKind::Kptr => "kernel pointer",
    }
}
