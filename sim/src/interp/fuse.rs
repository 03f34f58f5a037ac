//! Frequent sequences as one operation: fewer steps of the run loop for the same program.
//!
//! Only the first operation of a sequence is replaced; it does the work of all and skips the rest, which stay where they are for jumps into
//! the sequence. What clang makes of packet bounds checks, of 16-bit fields read byte by byte, of map lookups and of counters is worth it.

use super::helper::Helper;
use super::memory::map_at;
use super::op::{Op, R};

const R0: R = R(0);
const R1: R = R(1);
const R2: R = R(2);
const R10: R = R(10);

/// Fuses the sequences in `code`, whose first operation has number `base`.
pub fn fuse(code: &mut [Op], base: u32) {
    for pc in 0..code.len() {
        let here = base + pc as u32;
        let fused = lookup(&code[pc..])
            .or_else(|| bounds_check(&code[pc..]))
            .or_else(|| byte_pair(&code[pc..]))
            .or_else(|| context(&code[pc..]))
            .or_else(|| counter(&code[pc..]))
            .or_else(|| stored_constant(&code[pc..]))
            .or_else(|| two_cases(&code[pc..], here));
        if let Some(op) = fused {
            code[pc] = op;
        }
    }
}

/// `r2 = r10 + offset; r1 = map; call lookup; if r0 == 0 goto` (or without the jump).
fn lookup(code: &[Op]) -> Option<Op> {
    let [Op::Mov64R(R2, R10), Op::Add64I(R2, off), Op::Const(R1, low, high), _, Op::CallHelper(Helper::MapLookupElem), rest @ ..] =
        code
    else {
        return None;
    };
    let map = map_at(u64::from(*high) << 32 | u64::from(*low))?;
    let (map, off) = (u16::try_from(map).ok()?, i16::try_from(*off).ok()?);
    Some(match rest.first() {
        Some(Op::JEq64I(R0, 0, to)) => Op::LookupJNull(map, off, *to),
        Some(Op::JNe64I(R0, 0, to)) => Op::LookupJFound(map, off, *to),
        _ => Op::Lookup(map, off),
    })
}

/// `d = s + imm; if d > x goto`, or without the jump.
fn bounds_check(code: &[Op]) -> Option<Op> {
    let [Op::Mov64R(d, s), Op::Add64I(also_d, imm), rest @ ..] = code else { return None };
    if d != also_d {
        return None;
    }
    let (d, s, short) = (*d, *s, i16::try_from(*imm));
    Some(match (rest.first(), short) {
        (Some(Op::JGt64R(a, x, to)), Ok(imm)) if *a == d => Op::LeaJGt(d, s, *x, imm, *to),
        (Some(Op::JLt64R(x, a, to)), Ok(imm)) if *a == d => Op::LeaJGt(d, s, *x, imm, *to),
        (Some(Op::JLe64R(a, x, to)), Ok(imm)) if *a == d => Op::LeaJLe(d, s, *x, imm, *to),
        (Some(Op::JGe64R(x, a, to)), Ok(imm)) if *a == d => Op::LeaJLe(d, s, *x, imm, *to),
        _ => Op::Lea(d, s, *imm),
    })
}

/// Two bytes, loaded one by one in either order, as a 16-bit number: `a` is the low byte, `b` the number.
fn byte_pair(code: &[Op]) -> Option<Op> {
    let (a, b, base, off) = match *code {
        [Op::Load1(a, p, o), Op::Load1(b, q, next), Op::Lsh32I(c, 8), Op::Or32R(d, e), ..]
            if p == q && a != p && b == c && b == d && a == e && o.checked_add(1) == Some(next) =>
        {
            (a, b, p, o)
        }
        [Op::Load1(b, q, next), Op::Lsh32I(c, 8), Op::Load1(a, p, o), Op::Or32R(d, e), ..]
            if p == q && b != p && b == c && b == d && a == e && o.checked_add(1) == Some(next) =>
        {
            (a, b, p, o)
        }
        _ => return None,
    };
    (a != b).then_some(Op::LoadPair(a, b, base, off))
}

/// The two loads of `data` and `data_end`.
fn context(code: &[Op]) -> Option<Op> {
    match *code {
        [Op::Load4(a, c, 0), Op::Load4(b, also_c, 4), ..] if c == also_c && a != c && a != b => {
            Some(Op::LoadBounds(a, b, c))
        }
        [Op::Load4(b, c, 4), Op::Load4(a, also_c, 0), ..] if c == also_c && b != c && a != b => {
            Some(Op::LoadBounds(a, b, c))
        }
        _ => None,
    }
}

/// `d = *p; d += x; *p = d`.
fn counter(code: &[Op]) -> Option<Op> {
    let [Op::Load8(d, p, off), add, Op::Store8(q, e, also_off), ..] = *code else { return None };
    if p != q || d != e || off != also_off || d == p {
        return None;
    }
    match add {
        Op::Add64I(also_d, imm) if also_d == d => Some(Op::CountI(d, p, off, imm)),
        Op::Add64R(also_d, x) if also_d == d && x != d => Some(Op::CountR(d, p, off, x)),
        _ => None,
    }
}

/// `d = imm; *(u32 *)p = d`.
fn stored_constant(code: &[Op]) -> Option<Op> {
    match *code {
        [Op::Mov32I(d, imm), Op::Store4(p, e, off), ..] if d == e && d != p => {
            Some(Op::Store4Const(d, p, off, imm))
        }
        _ => None,
    }
}

/// `if d == a goto; if d == b goto` (or `!= b`), of 32 bits, both forward and near.
fn two_cases(code: &[Op], here: u32) -> Option<Op> {
    let [Op::JEq32I(d, a, first), second, ..] = *code else { return None };
    let near = |to: u32| to.checked_sub(here).and_then(|n| u16::try_from(n).ok());
    let number = |imm: i32| u16::try_from(imm).ok();
    let (a, first) = (number(a)?, near(first)?);
    match second {
        Op::JEq32I(e, b, to) if d == e => Some(Op::JEqEq(d, a, first, number(b)?, near(to)?)),
        Op::JNe32I(e, b, to) if d == e => Some(Op::JEqNe(d, a, first, number(b)?, near(to)?)),
        _ => None,
    }
}
