//! Generalisation: where many states differ only in numbers, a state that stands for all of them is explored instead.
//!
//! A generalised state is a superset of the state it replaces, and it is really explored, so what is proved for it
//! holds for all. If its exploration fails, the failure may be due to what was forgotten: then the places concerned are
//! marked as needing their numbers and the exploration starts again.

use super::cover::Loc;
use super::scalar::Scalar;
use super::stack::Byte;
use super::state::{State, Value};
use crate::facts::CallCtx;
use crate::insn::Pc;
use std::collections::{BTreeMap, BTreeSet};

/// Complete checkpoints at a place before generalisation is tried there: programs with few paths keep exact numbers.
const PATIENCE: usize = 12;

/// Generalisations of one place to the hull of two states before nothing is claimed of its number any more.
const MAX_HULLS: u32 = 4;

/// The same between steps of a loop that ends by itself, where every trip that can be saved matters.
const MAX_STEP_HULLS: u32 = 1;

/// Attempts that blame the last generalisation before a failure; later ones blame all on the way to it.
const PATIENT_ATTEMPTS: u32 = 16;

type Key = (CallCtx, Pc, Loc);

/// What was generalised, and what must not be.
#[derive(Default)]
pub(super) struct Generaliser {
    precise: BTreeSet<Key>,
    hulls: BTreeMap<Key, u32>,
    events: Vec<Event>,
    attempts: u32,
    disabled: bool,
}

struct Event {
    keys: Vec<Key>,
    before: Option<usize>,
}

impl Generaliser {
    pub(super) fn is_due(&self, complete: usize) -> bool {
        !self.disabled && complete >= PATIENCE
    }

    pub(super) fn allows(&self, ctx: CallCtx, pc: Pc, locs: &[Loc]) -> bool {
        locs.iter().all(|loc| !self.precise.contains(&(ctx, pc, *loc)))
    }

    /// Replaces the numbers at `locs` in `state` by ones that cover those in `old` as well.
    pub(super) fn apply(
        &mut self,
        ctx: CallCtx,
        pc: Pc,
        state: &mut State,
        old: &State,
        locs: Vec<Loc>,
    ) {
        let keys: Vec<Key> = locs.into_iter().map(|loc| (ctx, pc, loc)).collect();
        for key in &keys {
            let hulls = self.hulls.entry(*key).or_default();
            *hulls += 1;
            cover_number(state, old, key.2, *hulls > MAX_HULLS);
        }
        self.note(state, keys);
    }

    /// Forgets the numbers of `state` that were forgotten again and again at its place; false if it has none left.
    pub(super) fn apply_habits(&mut self, ctx: CallCtx, pc: Pc, state: &mut State) -> bool {
        let here = (ctx, pc, Loc::Reg(0, 0))..=(ctx, pc, Loc::Runs);
        let habits = self.hulls.range(here).filter(|(_, hulls)| **hulls > MAX_HULLS);
        let keys: Vec<Key> = habits.map(|(key, _)| *key).collect();
        let keys: Vec<Key> = keys.into_iter().filter(|key| forget(state, key.2)).collect();
        let any = !keys.is_empty();
        if any {
            self.note(state, keys);
        }
        any
    }

    /// Before the next step of a loop that ends by itself: forgets what distinguishes `state` from the state `old` of an
    /// earlier step, as far as that is allowed and only numbers do.
    pub(super) fn converge(&mut self, state: &mut State, old: &State, locs: &[Loc]) {
        let (ctx, pc) = (state.frame().ctx, state.pc);
        let keys: Vec<Key> = locs
            .iter()
            .map(|loc| (ctx, pc, *loc))
            .filter(|key| !self.disabled && !self.precise.contains(key))
            .collect();
        for key in &keys {
            let hulls = self.hulls.entry(*key).or_default();
            *hulls += 1;
            cover_number(state, old, key.2, *hulls > MAX_STEP_HULLS);
        }
        if !keys.is_empty() {
            self.note(state, keys);
        }
    }

    /// True if the runs of the callback that the call before which `state` stands makes need not be counted.
    pub(super) fn ignores_runs(&mut self, state: &mut State) -> bool {
        let key = (state.frame().ctx, state.pc, Loc::Runs);
        let ignores = !self.disabled && !self.precise.contains(&key);
        if ignores {
            self.note(state, vec![key]);
        }
        ignores
    }

    fn note(&mut self, state: &mut State, keys: Vec<Key>) {
        self.events.push(Event { keys, before: state.generalised });
        state.generalised = Some(self.events.len() - 1);
    }

    /// Exploration failed after `event`: its places keep their numbers from now on. Forgets the events.
    pub(super) fn blame(&mut self, event: usize) {
        self.attempts += 1;
        let whole_chain = self.attempts > PATIENT_ATTEMPTS;
        let mut at = Some(event);
        while let Some(e) = at {
            self.precise.extend(self.events[e].keys.iter().copied());
            at = self.events[e].before.filter(|_| whole_chain);
        }
        self.events.clear();
        self.hulls.clear();
    }

    /// Explores every state as it is from now on.
    pub(super) fn disable(&mut self) {
        self.disabled = true;
        self.events.clear();
    }
}

/// Claims nothing of the number at `loc` any more; false if nothing was, or if it is none.
fn forget(state: &mut State, loc: Loc) -> bool {
    match loc {
        Loc::Runs => false,
        Loc::Reg(depth, r) => {
            let Some(frame) = state.frames.get_mut(depth) else { return false };
            let value = &mut frame.regs[r];
            let known = value.is_scalar() && value.var != Scalar::UNKNOWN;
            if known {
                *value = Value::unknown();
            }
            known
        }
        Loc::Slot(depth, i) => {
            let Some(frame) = state.frames.get_mut(depth) else { return false };
            let slot = *frame.stack.slot(i);
            let mut new = slot;
            if let Some(spill) = slot.spill {
                if !spill.value.is_scalar() {
                    return false;
                }
                new.spill = None;
            }
            for byte in new.bytes.iter_mut().filter(|b| **b == Byte::Zero) {
                *byte = Byte::Any;
            }
            let known = new != slot;
            if known {
                *frame.stack.slot_mut(i) = new;
            }
            known
        }
    }
}

/// Replaces the number at `loc` in `state` by one that covers that in `old` as well; by an unknown one if `forget`.
fn cover_number(state: &mut State, old: &State, loc: Loc, forget: bool) {
    match loc {
        Loc::Runs => {}
        Loc::Reg(depth, r) => {
            let value = &mut state.frames[depth].regs[r];
            *value = cover(value, &old.frames[depth].regs[r], forget, 8);
        }
        Loc::Slot(depth, i) => {
            let other = *old.frames[depth].stack.slot(i);
            let slot = state.frames[depth].stack.slot_mut(i);
            match (&mut slot.spill, &other.spill) {
                (Some(a), Some(b)) if a.at == b.at && a.size == b.size => {
                    a.value = cover(&a.value, &b.value, forget, a.size as u32);
                }
                _ => slot.spill = None,
            }
            for byte in &mut slot.bytes {
                if *byte == Byte::Zero {
                    *byte = Byte::Any;
                }
            }
        }
    }
}

fn cover(a: &Value, b: &Value, forget: bool, bytes: u32) -> Value {
    if forget {
        return Value::scalar(Scalar::of_bytes(bytes));
    }
    Value::scalar(a.var.join(&b.var))
}
