//! What an operation makes of what is known of its operands.

use super::Known;
use crate::analysis::arith::binary;
use crate::dfg::{low_mask, Dfg};
use crate::entities::Value;
use crate::op::{BinOp, CmpOp, Op};

/// What is known of the result (`bits` wide) of `op`.
pub(super) fn transfer(dfg: &Dfg, op: &Op, bits: u8, of: impl Fn(Value) -> Known) -> Known {
    match op {
        Op::Const(c) => Known::constant(bits, *c),
        Op::Bin(o, a, b) => arithmetic(*o, bits, &of(*a), &of(*b)),
        Op::Cmp(o, a, b) => match decide(*o, &of(*a), &of(*b)) {
            Some(c) => Known::constant(1, u64::from(c)),
            None => Known::top(1),
        },
        Op::Select { cond, if_true, if_false } => match of(*cond).as_constant() {
            Some(0) => of(*if_false),
            Some(_) => of(*if_true),
            None => of(*if_true).join(&of(*if_false)),
        },
        Op::Zext(a) => {
            let k = of(*a);
            Known { zeros: k.zeros, ones: k.ones, umin: k.umin, umax: k.umax, ..Known::top(bits) }
                .refine()
        }
        Op::Sext(a) => {
            let k = of(*a);
            Known::signed(bits, k.smin, k.smax).meet(&sign_bits(bits, &k))
        }
        Op::Extract { value, lo } => {
            let k = of(*value);
            let cut = Known::from_bits(bits, k.zeros >> lo, k.ones >> lo);
            // With nothing lost above, the range moves down too.
            if u32::from(k.active_bits()) <= u32::from(bits) + u32::from(*lo) {
                cut.meet(&Known::unsigned(bits, k.umin >> lo, k.umax >> lo))
            } else {
                cut
            }
        }
        Op::Concat(parts) => {
            let (mut zeros, mut ones, mut lo) = (0, 0, 0);
            for p in parts {
                let k = of(*p);
                zeros |= (k.zeros & low_mask(k.bits)) << lo;
                ones |= k.ones << lo;
                lo += u32::from(dfg.bits(*p));
            }
            Known::from_bits(bits, zeros, ones)
        }
        Op::Bswap(a) => {
            let k = of(*a);
            let swap = |x: u64| x.swap_bytes() >> (64 - u32::from(bits));
            Known::from_bits(bits, swap(k.zeros & low_mask(bits)), swap(k.ones))
        }
        _ => Known::top(bits),
    }
}

fn sign_bits(bits: u8, k: &Known) -> Known {
    let sign = 1u64 << (k.bits - 1);
    let above = low_mask(bits) & !low_mask(k.bits);
    let zeros = k.zeros & low_mask(k.bits) | if k.zeros & sign != 0 { above } else { 0 };
    let ones = k.ones | if k.ones & sign != 0 { above } else { 0 };
    Known::from_bits(bits, zeros, ones)
}

/// Does what is known of `a` and `b` decide `a op b`?
pub(super) fn decide(op: CmpOp, a: &Known, b: &Known) -> Option<bool> {
    match op {
        CmpOp::Eq => {
            let apart = a.umax < b.umin || b.umax < a.umin || a.smax < b.smin || b.smax < a.smin;
            if apart || a.zeros & b.ones != 0 || a.ones & b.zeros != 0 {
                Some(false)
            } else {
                let same = a.as_constant().is_some() && a.as_constant() == b.as_constant();
                same.then_some(true)
            }
        }
        CmpOp::Ne => decide(CmpOp::Eq, a, b).map(|c| !c),
        CmpOp::Ult => ordered(a.umax < b.umin, a.umin >= b.umax),
        CmpOp::Ule => ordered(a.umax <= b.umin, a.umin > b.umax),
        CmpOp::Slt => ordered(a.smax < b.smin, a.smin >= b.smax),
        CmpOp::Sle => ordered(a.smax <= b.smin, a.smin > b.smax),
    }
}

fn ordered(always: bool, never: bool) -> Option<bool> {
    match (always, never) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

fn arithmetic(op: BinOp, bits: u8, a: &Known, b: &Known) -> Known {
    if let (Some(x), Some(y)) = (a.as_constant(), b.as_constant()) {
        return Known::constant(bits, binary(op, bits, x, y));
    }
    match op {
        BinOp::Add => add(bits, a, b),
        BinOp::Sub => sub(bits, a, b),
        BinOp::Mul => mul(bits, a, b),
        BinOp::UDiv => {
            let min = a.umin.checked_div(b.umax).filter(|_| b.umin > 0).unwrap_or(0);
            Known::unsigned(bits, min, a.umax / b.umin.max(1))
        }
        BinOp::URem if b.umin > a.umax => *a,
        BinOp::URem if b.umin > 0 => Known::unsigned(bits, 0, a.umax.min(b.umax - 1)),
        BinOp::URem => Known::unsigned(bits, 0, a.umax),
        BinOp::And => {
            let k = Known::from_bits(bits, a.zeros | b.zeros, a.ones & b.ones);
            k.meet(&Known::unsigned(bits, 0, a.umax.min(b.umax)))
        }
        BinOp::Or => {
            let k = Known::from_bits(bits, a.zeros & b.zeros, a.ones | b.ones);
            k.meet(&Known::unsigned(bits, a.umin.max(b.umin), low_mask(bits)))
        }
        BinOp::Xor => Known::from_bits(
            bits,
            a.zeros & b.zeros | a.ones & b.ones,
            a.zeros & b.ones | a.ones & b.zeros,
        ),
        BinOp::Shl | BinOp::LShr | BinOp::AShr => shift(op, bits, a, b),
        BinOp::SDiv | BinOp::SRem if a.smin >= 0 && b.smin >= 0 => {
            let unsigned = if op == BinOp::SDiv { BinOp::UDiv } else { BinOp::URem };
            arithmetic(unsigned, bits, a, b)
        }
        BinOp::SDiv | BinOp::SRem => Known::top(bits),
    }
}

fn add(bits: u8, a: &Known, b: &Known) -> Known {
    let mask = low_mask(bits);
    let mut k = Known::top(bits);
    if let (lo, Some(hi)) =
        (a.umin.wrapping_add(b.umin), a.umax.checked_add(b.umax).filter(|x| *x <= mask))
    {
        (k.umin, k.umax) = (lo, hi);
    }
    signed_range(&mut k, a.smin.checked_add(b.smin), a.smax.checked_add(b.smax));
    // The smallest and the largest sum that the known bits allow differ where a carry is uncertain.
    let (unknown_a, unknown_b) = (!(a.zeros | a.ones), !(b.zeros | b.ones));
    let least = a.ones.wrapping_add(b.ones);
    let most = least.wrapping_add(unknown_a.wrapping_add(unknown_b));
    let unknown = (least ^ most) | unknown_a | unknown_b;
    with_bits(k, unknown, least)
}

fn sub(bits: u8, a: &Known, b: &Known) -> Known {
    let mut k = Known::top(bits);
    if a.umin >= b.umax {
        (k.umin, k.umax) = (a.umin - b.umax, a.umax - b.umin);
    }
    signed_range(&mut k, a.smin.checked_sub(b.smax), a.smax.checked_sub(b.smin));
    let (unknown_a, unknown_b) = (!(a.zeros | a.ones), !(b.zeros | b.ones));
    let base = a.ones.wrapping_sub(b.ones);
    let unknown =
        (base.wrapping_add(unknown_a) ^ base.wrapping_sub(unknown_b)) | unknown_a | unknown_b;
    with_bits(k, unknown, base)
}

/// Puts a signed range on `k` if the ends did not overflow its width.
fn signed_range(k: &mut Known, min: Option<i64>, max: Option<i64>) {
    if let (Some(min), Some(max)) = (min, max) {
        if min >= k.smin && max <= k.smax {
            (k.smin, k.smax) = (min, max);
        }
    }
}

fn with_bits(k: Known, unknown: u64, value: u64) -> Known {
    let mask = low_mask(k.bits);
    let zeros = !unknown & !value | !mask;
    Known { zeros, ones: !unknown & value & mask, ..k }.refine()
}

fn mul(bits: u8, a: &Known, b: &Known) -> Known {
    let low = (a.zeros.trailing_ones() + b.zeros.trailing_ones()).min(u32::from(bits));
    let zeros = if low == 0 { 0 } else { low_mask(low as u8) };
    let k = Known::from_bits(bits, zeros, 0);
    match a.umax.checked_mul(b.umax).filter(|x| *x <= low_mask(bits)) {
        Some(max) => k.meet(&Known::unsigned(bits, a.umin * b.umin, max)),
        None => k,
    }
}

fn shift(op: BinOp, bits: u8, a: &Known, b: &Known) -> Known {
    let Some(n) = b.as_constant() else {
        return match op {
            BinOp::LShr => {
                Known::unsigned(bits, 0, a.umax.checked_shr(b.umin.min(64) as u32).unwrap_or(0))
            }
            BinOp::Shl => {
                let zeros = a.zeros.trailing_ones().min(63) as u8;
                Known::from_bits(bits, if zeros == 0 { 0 } else { low_mask(zeros) }, 0)
            }
            _ => Known::top(bits),
        };
    };
    let mask = low_mask(bits);
    match op {
        BinOp::Shl if n >= u64::from(bits) => Known::constant(bits, 0),
        BinOp::Shl => {
            let fill = (1u64 << n) - 1;
            let k = Known::from_bits(bits, a.zeros << n | fill, a.ones << n);
            if a.umax <= mask >> n {
                k.meet(&Known::unsigned(bits, a.umin << n, a.umax << n))
            } else {
                k
            }
        }
        BinOp::LShr if n >= u64::from(bits) => Known::constant(bits, 0),
        BinOp::LShr => {
            let fill = !(mask >> n);
            let k = Known::from_bits(bits, (a.zeros & mask) >> n | fill, a.ones >> n);
            k.meet(&Known::unsigned(bits, a.umin >> n, a.umax >> n))
        }
        _ => {
            let n = n.min(u64::from(bits) - 1);
            Known::signed(bits, a.smin >> n, a.smax >> n)
        }
    }
}
