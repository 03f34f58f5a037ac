//! The meaning of pure operations on numbers: what folding computes, and what every engine must compute.

use crate::dfg::{low_mask, sign_extend};
use crate::op::{BinOp, CmpOp};

/// `a op b` on integers of `bits` bits (upper bits of both zero).
pub fn binary(op: BinOp, bits: u8, a: u64, b: u64) -> u64 {
    let width = u64::from(bits);
    let (sa, sb) = (sign_extend(a, bits), sign_extend(b, bits));
    let wide = match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::UDiv => a.checked_div(b).unwrap_or(0),
        BinOp::URem => a.checked_rem(b).unwrap_or(a),
        // `wrapping` gives MIN / -1 = MIN and MIN % -1 = 0 at 64 bits; narrower ones do not overflow.
        BinOp::SDiv if b == 0 => 0,
        BinOp::SDiv => sa.wrapping_div(sb) as u64,
        BinOp::SRem if b == 0 => a,
        BinOp::SRem => sa.wrapping_rem(sb) as u64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl if b < width => a << b,
        BinOp::LShr if b < width => a >> b,
        BinOp::Shl | BinOp::LShr => 0,
        BinOp::AShr => (sa >> b.min(width - 1)) as u64,
    };
    wide & low_mask(bits)
}

/// `a op b` on integers of `bits` bits.
pub fn compare(op: CmpOp, bits: u8, a: u64, b: u64) -> bool {
    let (sa, sb) = (sign_extend(a, bits), sign_extend(b, bits));
    match op {
        CmpOp::Eq => a == b,
        CmpOp::Ne => a != b,
        CmpOp::Ult => a < b,
        CmpOp::Ule => a <= b,
        CmpOp::Slt => sa < sb,
        CmpOp::Sle => sa <= sb,
    }
}

/// `x`, an integer of `bits` bits (a multiple of 8), with its bytes in reverse order.
pub fn bswap(x: u64, bits: u8) -> u64 {
    x.swap_bytes() >> (64 - u32::from(bits))
}
