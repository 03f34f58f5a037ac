//! Conditional jumps: which ways are possible, and what each teaches.

use super::alu;
use super::branch::{decide, refine};
use super::explore::{Explorer, Next};
use super::message::Checked;
use super::scalar::Scalar;
use super::state::{Kind, Proved, State, Value};
use crate::insn::{AluOp, Cond, Operand, Pc, Reg, Width};

/// Packet offsets above this are not taken as proved by a comparison, as in Linux (`MAX_PACKET_OFF`).
const MAX_PACKET_OFFSET: u64 = 0xffff;

impl Explorer<'_> {
    /// The jump `dst cond src`.
    pub(super) fn branch(
        &mut self,
        state: &mut State,
        cond: Cond,
        width: Width,
        (dst, src): (Reg, Operand),
        target: Pc,
    ) -> Checked<Next> {
        let a = self.read(state, dst)?;
        let b = self.operand(state, src)?;
        if a.is_scalar() && b.is_scalar() {
            return self.branch_on_numbers(state, cond, width, ((dst, a), (src, b)), target);
        }
        let null_if = null_test(cond, width, &b);
        if let Some(null_if) = null_if.filter(|_| a.kind.is_pointer() && !a.nullable) {
            return self.split(state, None, (!null_if, null_if), target);
        }
        let mut taken = Box::new(state.clone());
        let mut ways = (true, true);
        if let Some(null_if) = null_if {
            if a.nullable {
                let named = matches!(a.kind, Kind::MapValue(map) if self.has_lock(map));
                learn_null(if null_if { &mut taken } else { state }, &a, true, named);
                learn_null(if null_if { state } else { &mut taken }, &a, false, named);
            }
        } else if width == Width::W64 {
            ways = compare_packet(&mut taken, state, cond, (dst, a), (src, b));
        }
        self.split(state, Some(taken), ways, target)
    }

    fn branch_on_numbers(
        &mut self,
        state: &mut State,
        cond: Cond,
        width: Width,
        ((dst, a), (src, b)): ((Reg, Value), (Operand, Value)),
        target: Pc,
    ) -> Checked<Next> {
        if let Some(outcome) = decide(cond, width, &a.var, &b.var) {
            return self.split(state, None, (outcome, !outcome), target);
        }
        let way = |outcome| refine(cond, width, outcome, &a.var, &b.var);
        let (yes, no) = (way(true), way(false));
        let ways = (yes.is_some(), no.is_some());
        let taken = (ways == (true, true)).then(|| Box::new(state.clone()));
        let taken = match (taken, yes, no) {
            (Some(mut taken), Some(yes), Some(no)) => {
                learn_numbers(&mut taken, (dst, src), yes);
                learn_numbers(state, (dst, src), no);
                Some(taken)
            }
            (_, yes, no) => {
                if let Some(learned) = yes.or(no) {
                    learn_numbers(state, (dst, src), learned);
                }
                None
            }
        };
        self.split(state, taken, ways, target)
    }

    /// Goes the `ways` that are possible; `taken` is the state of the first, if it is not `state` itself.
    fn split(
        &mut self,
        state: &mut State,
        taken: Option<Box<State>>,
        ways: (bool, bool),
        target: Pc,
    ) -> Checked<Next> {
        let (ctx, pc) = (state.frame().ctx, state.pc);
        if ways.0 {
            self.recorder.outcome(ctx, pc, true);
        }
        if ways.1 {
            self.recorder.outcome(ctx, pc, false);
        }
        Ok(match (ways, taken) {
            ((true, true), taken) => {
                let mut later = taken.unwrap_or_else(|| Box::new(state.clone()));
                later.pc = target;
                Next::Fork { later, goto: pc.plus(1) }
            }
            ((true, false), taken) => {
                if let Some(taken) = taken {
                    *state = *taken;
                }
                Next::Goto(target)
            }
            ((false, true), _) => Next::Goto(pc.plus(1)),
            ((false, false), _) => Next::End,
        })
    }
}

/// Puts what was learned into the operands and everything that is the same number.
fn learn_numbers(state: &mut State, (dst, src): (Reg, Operand), (a, b): (Scalar, Scalar)) {
    learn_number(state, dst, a);
    if let Operand::Reg(src) = src {
        // Of `r1 < r1` the second copy must not undo what the first taught; both are sound.
        learn_number(state, src, b);
    }
}

fn learn_number(state: &mut State, r: Reg, learned: Scalar) {
    let known = *state.reg(r);
    state.frame_mut().regs[r.index()].var = learned;
    if known.id == 0 {
        return;
    }
    for value in state.values_mut().filter(|v| v.is_scalar() && v.id == known.id) {
        let distance = i64::from(value.off) - i64::from(known.off);
        value.var = if distance == 0 {
            learned
        } else {
            let moved =
                alu::binary(AluOp::Add, Width::W64, &learned, &Scalar::constant(distance as u64));
            alu::meet(&moved, &value.var)
        };
    }
}

/// For a comparison of a pointer with null: the outcome at which it is null.
fn null_test(cond: Cond, width: Width, b: &Value) -> Option<bool> {
    if width != Width::W64 || b.as_constant() != Some(0) {
        return None;
    }
    match cond {
        Cond::Eq => Some(true),
        Cond::Ne => Some(false),
        _ => None,
    }
}

/// Every copy of the nullable pointer is null, or none is; `named`: it still matters which are copies.
fn learn_null(state: &mut State, pointer: &Value, null: bool, named: bool) {
    for value in state.values_mut() {
        if !value.nullable || value.id != pointer.id || value.kind != pointer.kind {
            continue;
        }
        if null {
            *value = Value::scalar(Scalar::constant(0));
        } else {
            value.nullable = false;
            if !named {
                value.id = 0;
            }
        }
    }
    if null && pointer.resource != 0 {
        state.resources.retain(|r| r.id != pointer.resource);
    }
}

/// The condition with its operands exchanged.
fn mirrored(cond: Cond) -> Cond {
    match cond {
        Cond::Gt => Cond::Lt,
        Cond::Lt => Cond::Gt,
        Cond::Ge => Cond::Le,
        Cond::Le => Cond::Ge,
        other => other,
    }
}

/// A comparison of a packet pointer with the end of the packet, or of a metadata pointer with its start. Returns which
/// ways are possible.
fn compare_packet(
    taken: &mut State,
    fallthrough: &mut State,
    cond: Cond,
    (dst, a): (Reg, Value),
    (src, b): (Operand, Value),
) -> (bool, bool) {
    let (r, pointer, cond) = match src {
        _ if is_end_of(&a, &b) => (dst, a, cond),
        Operand::Reg(src) if is_end_of(&b, &a) => (src, b, mirrored(cond)),
        _ => return (true, true),
    };
    let behind = |yes: bool| if yes { (true, false) } else { (false, true) };
    match (cond, pointer.proved) {
        (Cond::Gt | Cond::Ge, Proved::BeyondEnd) | (Cond::Ge, Proved::AtEnd) => {
            return behind(true)
        }
        (Cond::Le | Cond::Lt, Proved::BeyondEnd) | (Cond::Lt, Proved::AtEnd) => {
            return behind(false)
        }
        _ => {}
    }
    match cond {
        Cond::Gt => {
            mark_end(taken, r, Proved::BeyondEnd);
            prove_bytes(fallthrough, &pointer, false);
        }
        Cond::Ge => {
            mark_end(taken, r, Proved::AtEnd);
            prove_bytes(fallthrough, &pointer, true);
        }
        Cond::Lt => {
            prove_bytes(taken, &pointer, true);
            mark_end(fallthrough, r, Proved::AtEnd);
        }
        Cond::Le => {
            prove_bytes(taken, &pointer, false);
            mark_end(fallthrough, r, Proved::BeyondEnd);
        }
        _ => {}
    }
    (true, true)
}

/// True if `end` is where the memory that `pointer` walks through ends.
fn is_end_of(pointer: &Value, end: &Value) -> bool {
    match pointer.kind {
        Kind::Packet => end.kind == Kind::PacketEnd,
        Kind::PacketMeta => {
            end.kind == Kind::Packet && end.off == 0 && end.var.as_constant() == Some(0)
        }
        _ => false,
    }
}

fn mark_end(state: &mut State, r: Reg, proved: Proved) {
    let value = &mut state.frame_mut().regs[r.index()];
    if value.kind == Kind::Packet {
        value.proved = proved;
    }
}

/// The pointer is not behind the end (`strictly`: before it): all pointers with the same variable part may read up to
/// there.
fn prove_bytes(state: &mut State, pointer: &Value, strictly: bool) {
    let off = pointer.off;
    let useful = off > 0 || (off == 0 && !strictly);
    let small =
        pointer.var.umax.checked_add(off.max(0) as u64).is_some_and(|m| m <= MAX_PACKET_OFFSET);
    if !useful || !small {
        return;
    }
    let bytes = off as u32 + u32::from(strictly);
    for value in state.values_mut() {
        if value.kind != pointer.kind || value.id != pointer.id {
            continue;
        }
        value.proved = match value.proved {
            Proved::Bytes(n) => Proved::Bytes(n.max(bytes)),
            Proved::AtEnd | Proved::BeyondEnd => Proved::Bytes(bytes),
        };
    }
}
