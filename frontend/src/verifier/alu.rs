//! Arithmetic on sets of numbers: for each operation, a set that covers every result.

use super::scalar::Scalar;
use super::tnum::{ones, Tnum};
use crate::insn::{AluOp, Swap, Width};

/// Numbers up to this are the same in both widths, signed or not.
const SMALL: u64 = i32::MAX as u64;

/// Every result of `a op b` (for `Mov`, `b`), with the instruction set's meaning of division by zero (0; the dividend
/// for a remainder) and of shift amounts (taken modulo the width).
pub(super) fn binary(op: AluOp, width: Width, a: &Scalar, b: &Scalar) -> Scalar {
    if let (Some(x), Some(y)) = (a.as_constant(), b.as_constant()) {
        return Scalar::constant(fold(op, width, x, y));
    }
    match width {
        Width::W64 => {
            let wide = binary64(op, a, b);
            let known = wide.umax <= SMALL && a.umax <= SMALL && b.umax <= SMALL;
            if known || !commutes_with_truncation(op) {
                return wide;
            }
            with_low_half(wide, &binary32(op, a, b))
        }
        Width::W32 => binary32(op, a, b),
    }
}

/// `x op y` of two constants.
fn fold(op: AluOp, width: Width, x: u64, y: u64) -> u64 {
    match width {
        Width::W64 => fold64(op, x, y, 63),
        Width::W32 => {
            let signed = matches!(op, AluOp::Sdiv | AluOp::Smod | AluOp::Arsh);
            let extend = |v: u64| if signed { v as i32 as u64 } else { v as u32 as u64 };
            u64::from(fold64(op, extend(x), extend(y), 31) as u32)
        }
    }
}

fn fold64(op: AluOp, x: u64, y: u64, shift_mask: u64) -> u64 {
    let by = (y & shift_mask) as u32;
    let (sx, sy) = (x as i64, y as i64);
    match op {
        AluOp::Mov => y,
        AluOp::Add => x.wrapping_add(y),
        AluOp::Sub => x.wrapping_sub(y),
        AluOp::Mul => x.wrapping_mul(y),
        AluOp::Div => x.checked_div(y).unwrap_or(0),
        AluOp::Mod => x.checked_rem(y).unwrap_or(x),
        AluOp::Sdiv if sy == 0 => 0,
        AluOp::Sdiv => sx.wrapping_div(sy) as u64,
        AluOp::Smod if sy == 0 => x,
        AluOp::Smod => sx.wrapping_rem(sy) as u64,
        AluOp::And => x & y,
        AluOp::Or => x | y,
        AluOp::Xor => x ^ y,
        AluOp::Lsh => x << by,
        AluOp::Rsh => x >> by,
        AluOp::Arsh => (sx >> by) as u64,
    }
}

/// `-a`.
pub(super) fn negate(width: Width, a: &Scalar) -> Scalar {
    binary(AluOp::Sub, width, &Scalar::constant(0), a)
}

/// Byte swap of the low `bits`, zero-extended, for a little-endian machine.
pub(super) fn swap(kind: Swap, bits: u32, a: &Scalar) -> Scalar {
    match kind {
        Swap::ToLe => a.zext(bits),
        Swap::ToBe | Swap::Always => Scalar::from_tnum(a.t.swap_bytes(bits)),
    }
}

fn commutes_with_truncation(op: AluOp) -> bool {
    matches!(op, AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor)
}

/// `wide`, knowing that its low half is that of `low`.
fn with_low_half(wide: Scalar, low: &Scalar) -> Scalar {
    let t = Tnum { value: low.t.value, mask: low.t.mask | !ones(32) };
    Scalar {
        t: wide.t.meet(t).unwrap_or(wide.t),
        umin32: low.umin32,
        umax32: low.umax32,
        smin32: low.smin32,
        smax32: low.smax32,
        ..wide
    }
    .settle()
    .unwrap_or(wide)
}

fn binary32(op: AluOp, a: &Scalar, b: &Scalar) -> Scalar {
    match op {
        AluOp::Mov => b.zext32(),
        AluOp::Add | AluOp::Sub | AluOp::Mul => {
            if a.umax <= SMALL && b.umax <= SMALL {
                return truncate(binary64(op, a, b));
            }
            // The low half of the result does not depend on how the operands are extended; each way of extending
            // them keeps other ranges from wrapping.
            let unsigned = truncate(binary64(op, &a.zext32(), &b.zext32()));
            let signed = truncate(binary64(op, &a.sext32(), &b.sext32()));
            meet(&unsigned, &signed)
        }
        AluOp::And | AluOp::Or | AluOp::Xor | AluOp::Div | AluOp::Mod => {
            truncate(binary64(op, &a.zext32(), &b.zext32()))
        }
        AluOp::Sdiv | AluOp::Smod => truncate(binary64(op, &a.sext32(), &b.sext32())),
        AluOp::Lsh => truncate(shift_left(&a.zext32(), &amount(b, 31))),
        AluOp::Rsh => truncate(shift_right(&a.zext32(), &amount(b, 31))),
        AluOp::Arsh => truncate(shift_right_signed(&a.sext32(), &amount(b, 31))),
    }
}

/// The low half of `s`, zero-extended; ranges survive if they fit a half as a signed or unsigned number.
fn truncate(s: Scalar) -> Scalar {
    let mut low = Scalar { t: s.t.low(32), umin: 0, umax: ones(32), ..Scalar::UNKNOWN };
    (low.umin32, low.umax32, low.smin32, low.smax32) = (s.umin32, s.umax32, s.smin32, s.smax32);
    low.settled_or_unknown()
}

/// What holds if both hold.
pub(super) fn meet(a: &Scalar, b: &Scalar) -> Scalar {
    let Some(t) = a.t.meet(b.t) else { return *a };
    Scalar {
        t,
        umin: a.umin.max(b.umin),
        umax: a.umax.min(b.umax),
        smin: a.smin.max(b.smin),
        smax: a.smax.min(b.smax),
        umin32: a.umin32.max(b.umin32),
        umax32: a.umax32.min(b.umax32),
        smin32: a.smin32.max(b.smin32),
        smax32: a.smax32.min(b.smax32),
    }
    .settle()
    .unwrap_or(*a)
}

fn amount(b: &Scalar, limit: u64) -> Scalar {
    if b.umax <= limit {
        *b
    } else {
        binary64(AluOp::And, b, &Scalar::constant(limit))
    }
}

fn binary64(op: AluOp, a: &Scalar, b: &Scalar) -> Scalar {
    match op {
        AluOp::Mov => *b,
        AluOp::Add => add(a, b),
        AluOp::Sub => sub(a, b),
        AluOp::Mul => mul(a, b),
        AluOp::Div => div(a, b),
        AluOp::Mod => modulo(a, b),
        AluOp::Sdiv => div_signed(a, b),
        AluOp::Smod => modulo_signed(a, b),
        AluOp::And => and(a, b),
        AluOp::Or => or(a, b),
        AluOp::Xor => xor(a, b),
        AluOp::Lsh => shift_left(a, &amount(b, 63)),
        AluOp::Rsh => shift_right(a, &amount(b, 63)),
        AluOp::Arsh => shift_right_signed(a, &amount(b, 63)),
    }
}

fn unsigned(t: Tnum, umin: u64, umax: u64) -> Scalar {
    Scalar { t, umin, umax, ..Scalar::UNKNOWN }.settled_or_unknown()
}

fn with_ranges(t: Tnum, u: Option<(u64, u64)>, s: Option<(i64, i64)>) -> Scalar {
    let (umin, umax) = u.unwrap_or((0, u64::MAX));
    let (smin, smax) = s.unwrap_or((i64::MIN, i64::MAX));
    Scalar { t, umin, umax, smin, smax, ..Scalar::UNKNOWN }.settled_or_unknown()
}

fn add(a: &Scalar, b: &Scalar) -> Scalar {
    let u = a.umin.checked_add(b.umin).zip(a.umax.checked_add(b.umax));
    let s = a.smin.checked_add(b.smin).zip(a.smax.checked_add(b.smax));
    with_ranges(a.t.add(b.t), u, s)
}

fn sub(a: &Scalar, b: &Scalar) -> Scalar {
    let u = a.umin.checked_sub(b.umax).zip(a.umax.checked_sub(b.umin));
    let s = a.smin.checked_sub(b.smax).zip(a.smax.checked_sub(b.smin));
    with_ranges(a.t.sub(b.t), u, s)
}

fn mul(a: &Scalar, b: &Scalar) -> Scalar {
    let u = a.umin.checked_mul(b.umin).zip(a.umax.checked_mul(b.umax));
    let corners = [(a.smin, b.smin), (a.smin, b.smax), (a.smax, b.smin), (a.smax, b.smax)];
    let products: Option<Vec<i64>> = corners.iter().map(|(x, y)| x.checked_mul(*y)).collect();
    let s = products.and_then(|p| p.iter().min().copied().zip(p.iter().max().copied()));
    with_ranges(a.t.mul(b.t), u, s)
}

fn div(a: &Scalar, b: &Scalar) -> Scalar {
    let most = if b.umax == 0 { 0 } else { a.umax / b.umin.max(1) };
    let least = if b.umin == 0 { 0 } else { a.umin / b.umax };
    Scalar::range(least, most)
}

fn modulo(a: &Scalar, b: &Scalar) -> Scalar {
    if b.umax == 0 || a.umax < b.umin {
        return *a;
    }
    let may_be_dividend = b.umin == 0;
    Scalar::range(0, if may_be_dividend { a.umax } else { a.umax.min(b.umax - 1) })
}

fn div_signed(a: &Scalar, b: &Scalar) -> Scalar {
    let Some(d) = b.as_constant().map(|c| c as i64) else { return Scalar::UNKNOWN };
    // Division by -1 wraps for the smallest number.
    let (Some(x), Some(y)) = (a.smin.checked_div(d), a.smax.checked_div(d)) else {
        return if d == 0 { Scalar::constant(0) } else { Scalar::UNKNOWN };
    };
    with_ranges(Tnum::UNKNOWN, None, Some((x.min(y), x.max(y))))
}

fn modulo_signed(a: &Scalar, b: &Scalar) -> Scalar {
    let Some(d) = b.as_constant().map(|c| c as i64) else { return Scalar::UNKNOWN };
    if d == 0 {
        return *a;
    }
    let limit = i64::try_from(d.unsigned_abs() - 1).unwrap_or(i64::MAX);
    let least = if a.smin < 0 { a.smin.max(-limit) } else { 0 };
    let most = if a.smax > 0 { a.smax.min(limit) } else { 0 };
    with_ranges(Tnum::UNKNOWN, None, Some((least, most)))
}

fn and(a: &Scalar, b: &Scalar) -> Scalar {
    unsigned(a.t.and(b.t), 0, a.umax.min(b.umax))
}

/// All bits up to the highest that may be set in either.
fn bits_of_either(a: &Scalar, b: &Scalar) -> u64 {
    ones(64 - (a.umax | b.umax).leading_zeros())
}

fn or(a: &Scalar, b: &Scalar) -> Scalar {
    unsigned(a.t.or(b.t), a.umin.max(b.umin), bits_of_either(a, b))
}

fn xor(a: &Scalar, b: &Scalar) -> Scalar {
    unsigned(a.t.xor(b.t), 0, bits_of_either(a, b))
}

fn shift_left(a: &Scalar, by: &Scalar) -> Scalar {
    let (least, most) = (by.umin as u32, by.umax as u32);
    let fits = a.umax.leading_zeros() >= most;
    let u = fits.then(|| (a.umin << least, a.umax << most));
    let Some(c) = by.as_constant().map(|c| c as u32) else {
        return with_ranges(Tnum::UNKNOWN, u, None);
    };
    let kept = |x: i64| (x << c >> c == x).then_some(x << c);
    with_ranges(a.t.shl(c), u, kept(a.smin).zip(kept(a.smax)))
}

fn shift_right(a: &Scalar, by: &Scalar) -> Scalar {
    let t = by.as_constant().map_or(Tnum::UNKNOWN, |c| a.t.shr(c as u32));
    unsigned(t, a.umin >> by.umax, a.umax >> by.umin)
}

fn shift_right_signed(a: &Scalar, by: &Scalar) -> Scalar {
    let t = by.as_constant().map_or(Tnum::UNKNOWN, |c| a.t.sar(c as u32));
    let least = a.smin >> if a.smin < 0 { by.umin } else { by.umax };
    let most = a.smax >> if a.smax < 0 { by.umax } else { by.umin };
    with_ranges(t, None, Some((least, most)))
}
