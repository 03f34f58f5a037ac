//! Arithmetic and comparisons of RFC 9669, sections 4.1 and 4.3, as plain functions: one module for each width.

macro_rules! width {
    ($name:ident, $u:ty, $s:ty, $doc:literal) => {
        #[doc = $doc]
        pub mod $name {
            type U = $u;
            type S = $s;

            #[inline(always)]
            pub fn add(a: U, b: U) -> U {
                a.wrapping_add(b)
            }
            #[inline(always)]
            pub fn sub(a: U, b: U) -> U {
                a.wrapping_sub(b)
            }
            #[inline(always)]
            pub fn mul(a: U, b: U) -> U {
                a.wrapping_mul(b)
            }
            #[inline(always)]
            pub fn div(a: U, b: U) -> U {
                a.checked_div(b).unwrap_or(0)
            }
            #[inline(always)]
            pub fn sdiv(a: U, b: U) -> U {
                match b {
                    0 => 0,
                    _ => (a as S).wrapping_div(b as S) as U,
                }
            }
            #[inline(always)]
            pub fn rem(a: U, b: U) -> U {
                a.checked_rem(b).unwrap_or(a)
            }
            #[inline(always)]
            pub fn srem(a: U, b: U) -> U {
                match b {
                    0 => a,
                    _ => (a as S).wrapping_rem(b as S) as U,
                }
            }
            #[inline(always)]
            pub fn or(a: U, b: U) -> U {
                a | b
            }
            #[inline(always)]
            pub fn and(a: U, b: U) -> U {
                a & b
            }
            #[inline(always)]
            pub fn xor(a: U, b: U) -> U {
                a ^ b
            }
            #[inline(always)]
            pub fn mov(_: U, b: U) -> U {
                b
            }
            #[inline(always)]
            pub fn lsh(a: U, b: U) -> U {
                a.wrapping_shl(b as u32)
            }
            #[inline(always)]
            pub fn rsh(a: U, b: U) -> U {
                a.wrapping_shr(b as u32)
            }
            #[inline(always)]
            pub fn arsh(a: U, b: U) -> U {
                (a as S).wrapping_shr(b as u32) as U
            }
            #[inline(always)]
            pub fn eq(a: U, b: U) -> bool {
                a == b
            }
            #[inline(always)]
            pub fn ne(a: U, b: U) -> bool {
                a != b
            }
            #[inline(always)]
            pub fn gt(a: U, b: U) -> bool {
                a > b
            }
            #[inline(always)]
            pub fn ge(a: U, b: U) -> bool {
                a >= b
            }
            #[inline(always)]
            pub fn lt(a: U, b: U) -> bool {
                a < b
            }
            #[inline(always)]
            pub fn le(a: U, b: U) -> bool {
                a <= b
            }
            #[inline(always)]
            pub fn set(a: U, b: U) -> bool {
                a & b != 0
            }
            #[inline(always)]
            pub fn sgt(a: U, b: U) -> bool {
                a as S > b as S
            }
            #[inline(always)]
            pub fn sge(a: U, b: U) -> bool {
                a as S >= b as S
            }
            #[inline(always)]
            pub fn slt(a: U, b: U) -> bool {
                (a as S) < b as S
            }
            #[inline(always)]
            pub fn sle(a: U, b: U) -> bool {
                a as S <= b as S
            }
        }
    };
}

width!(w64, u64, i64, "64-bit operations.");
width!(w32, u32, i32, "32-bit operations.");

/// Byte swap of the low `bits` (16, 32 or 64); upper bits become zero.
#[inline(always)]
pub fn swap(x: u64, bits: u8) -> u64 {
    x.swap_bytes() >> (64 - u32::from(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_has_no_traps() {
        assert_eq!(
            (w64::div(7, 0), w64::rem(7, 0), w64::sdiv(7, 0), w64::srem(7, 0)),
            (0, 7, 0, 7)
        );
        let min = i64::MIN as u64;
        assert_eq!((w64::sdiv(min, u64::MAX), w64::srem(min, u64::MAX)), (min, 0));
        let min = i32::MIN as u32;
        assert_eq!((w32::sdiv(min, u32::MAX), w32::srem(min, u32::MAX)), (min, 0));
        assert_eq!(
            (w32::sdiv(-13i32 as u32, 4), w32::srem(-13i32 as u32, 4)),
            (-3i32 as u32, -1i32 as u32)
        );
    }

    #[test]
    fn shift_amounts_are_masked() {
        assert_eq!(
            (w64::lsh(1, 65), w64::rsh(4, 65), w64::arsh(u64::MAX - 3, 65)),
            (2, 2, u64::MAX - 1)
        );
        assert_eq!(
            (w32::lsh(1, 33), w32::rsh(4, 33), w32::arsh(0x8000_0000, 63)),
            (2, 2, u32::MAX)
        );
    }

    #[test]
    fn swaps_clear_the_upper_bits() {
        assert_eq!(swap(0x1122_3344_5566_7788, 16), 0x8877);
        assert_eq!(swap(0x1122_3344_5566_7788, 32), 0x8877_6655);
        assert_eq!(swap(0x1122_3344_5566_7788, 64), 0x8877_6655_4433_2211);
    }
}
