//! Pointer arithmetic: which is allowed, and what it does to offsets and proved packet bytes.

use super::alu;
use super::message::{describe, refuse, Checked};
use super::scalar::Scalar;
use super::state::{Kind, Proved, Value};
use crate::insn::{AluOp, Width};
use crate::program::Program;

/// Offsets stay below this in magnitude, as in Linux (`BPF_MAX_VAR_OFF`), so that no sum of them wraps.
const MAX_OFFSET: i64 = 1 << 29;

/// `pointer op number` for `Add` and `Sub`; `fresh` names the result's variable part if that changes.
pub(super) fn offset_by(
    program: &Program,
    op: AluOp,
    pointer: &Value,
    number: &Scalar,
    fresh: u32,
) -> Checked<Value> {
    check_kind(program, op, pointer)?;
    check_amount(program, pointer, number)?;
    let result = match number.as_constant() {
        Some(c) => by_constant(op, pointer, c as i64)?,
        None => by_variable(op, pointer, number, fresh),
    };
    check_result(program, result)
}

fn check_kind(program: &Program, op: AluOp, pointer: &Value) -> Checked {
    let found = || describe(program, pointer);
    if pointer.nullable {
        return Err(refuse("BL0310", "arithmetic on a pointer that may be null")
            .expected("a pointer that was compared with null")
            .found(found())
            .help("compare the pointer with null first"));
    }
    match pointer.kind {
        Kind::Map(_) | Kind::PacketEnd | Kind::Func(_) | Kind::Socket { .. } => {
            Err(refuse("BL0310", "arithmetic on a pointer of this kind is not allowed")
                .found(found()))
        }
        Kind::Stack(_) if op == AluOp::Sub => {
            Err(refuse("BL0310", "subtraction from a stack pointer is not allowed")
                .help("add the negative number instead"))
        }
        _ => Ok(()),
    }
}

fn check_amount(program: &Program, pointer: &Value, number: &Scalar) -> Checked {
    let bounded = number.smin > -MAX_OFFSET && number.smin < MAX_OFFSET;
    if bounded {
        return Ok(());
    }
    Err(refuse("BL0311", "a number without a lower bound is added to a pointer")
        .expected(format!("a number above {} and below {MAX_OFFSET}", -MAX_OFFSET))
        .found(format!("{number}, for {}", describe(program, pointer)))
        .help("use an unsigned number, or mask or compare it before the addition"))
}

fn by_constant(op: AluOp, pointer: &Value, c: i64) -> Checked<Value> {
    let delta = if op == AluOp::Sub { c.checked_neg() } else { Some(c) };
    let off = delta.and_then(|d| i64::from(pointer.off).checked_add(d));
    let Some(off) = off.and_then(|o| i32::try_from(o).ok()) else {
        return Err(refuse("BL0311", "the pointer's offset becomes too large"));
    };
    let backwards = off < pointer.off;
    let proved = match pointer.proved {
        Proved::AtEnd | Proved::BeyondEnd if backwards => Proved::Bytes(0),
        proved => proved,
    };
    Ok(Value { off, proved, ..*pointer })
}

fn by_variable(op: AluOp, pointer: &Value, number: &Scalar, fresh: u32) -> Value {
    let var = alu::binary(op, Width::W64, &pointer.var, number);
    let mut result = Value { var, ..*pointer };
    if pointer.kind.is_packet() {
        result.id = fresh;
        // Bytes proved from the old place on say nothing about what lies behind the new one, unless it is before it.
        let may_advance = op == AluOp::Add || number.smin < 0;
        if may_advance || !matches!(pointer.proved, Proved::Bytes(_)) {
            result.proved = Proved::Bytes(0);
        }
    }
    result
}

fn check_result(program: &Program, result: Value) -> Checked<Value> {
    let off = i64::from(result.off);
    let sane = |x: i64| x > -MAX_OFFSET && x < MAX_OFFSET;
    if sane(off) && sane(result.var.smin) {
        return Ok(result);
    }
    Err(refuse("BL0311", "the pointer's offset becomes too large or has no lower bound")
        .expected(format!("an offset of magnitude below {MAX_OFFSET}"))
        .found(describe(program, &result)))
}
