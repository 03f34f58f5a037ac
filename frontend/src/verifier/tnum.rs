//! Tristate numbers: for each of 64 bits, whether it is 0, 1 or unknown. The bit-level half of what the verifier
//! knows of a number; [`super::scalar`] adds ranges.

/// A tristate number: `value` on the bits where `mask` is 0, unknown where `mask` is 1. `value & mask` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tnum {
    pub(super) value: u64,
    pub(super) mask: u64,
}

/// A word of `bits` ones.
pub(super) fn ones(bits: u32) -> u64 {
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}

impl Tnum {
    pub(super) const UNKNOWN: Tnum = Tnum { value: 0, mask: u64::MAX };

    pub(super) fn constant(value: u64) -> Self {
        Self { value, mask: 0 }
    }

    fn new(value: u64, mask: u64) -> Self {
        Self { value: value & !mask, mask }
    }

    /// The common leading bits of all numbers in `min..=max`.
    pub(super) fn range(min: u64, max: u64) -> Self {
        Self::new(min, ones(64 - (min ^ max).leading_zeros()))
    }

    /// Largest number described.
    pub(super) fn max(self) -> u64 {
        self.value | self.mask
    }

    pub(super) fn is_constant(self) -> bool {
        self.mask == 0
    }

    /// True if every number that `other` describes is described by `self`.
    pub(super) fn covers(self, other: Self) -> bool {
        other.mask & !self.mask == 0 && other.value & !self.mask == self.value
    }

    /// What holds if both hold; `None` if they contradict each other.
    pub(super) fn meet(self, other: Self) -> Option<Self> {
        if (self.value ^ other.value) & !self.mask & !other.mask != 0 {
            return None;
        }
        Some(Self::new(self.value | other.value, self.mask & other.mask))
    }

    /// What holds in either case.
    pub(super) fn join(self, other: Self) -> Self {
        Self::new(self.value, self.mask | other.mask | (self.value ^ other.value))
    }

    /// The low `bits`, zero-extended.
    pub(super) fn low(self, bits: u32) -> Self {
        Self { value: self.value & ones(bits), mask: self.mask & ones(bits) }
    }

    /// The low `bits`, sign-extended.
    pub(super) fn sign_extend(self, bits: u32) -> Self {
        // An unknown sign bit is copied into the mask, a known one into the value, by the same shift.
        let extend = |w: u64| (((w << (64 - bits)) as i64) >> (64 - bits)) as u64;
        Self::new(extend(self.value), extend(self.mask))
    }

    /// A bit of a sum is unknown if it is unknown in an operand, or if the carry into it differs between the sum of
    /// the smallest and the sum of the largest operands.
    pub(super) fn add(self, other: Self) -> Self {
        let least = self.value.wrapping_add(other.value);
        let most = self.max().wrapping_add(other.max());
        Self::new(least, (least ^ most) | self.mask | other.mask)
    }

    /// As [`Tnum::add`], with borrows: the extremes are `least - most` and `most - least`.
    pub(super) fn sub(self, other: Self) -> Self {
        let low = self.value.wrapping_sub(other.max());
        let high = self.max().wrapping_sub(other.value);
        Self::new(self.value.wrapping_sub(other.value), (low ^ high) | self.mask | other.mask)
    }

    pub(super) fn and(self, other: Self) -> Self {
        let can_be_one = self.max() & other.max();
        let must_be_one = self.value & other.value;
        Self { value: must_be_one, mask: can_be_one & !must_be_one }
    }

    pub(super) fn or(self, other: Self) -> Self {
        let must_be_one = self.value | other.value;
        Self { value: must_be_one, mask: (self.mask | other.mask) & !must_be_one }
    }

    pub(super) fn xor(self, other: Self) -> Self {
        Self::new(self.value ^ other.value, self.mask | other.mask)
    }

    /// Long multiplication: each bit of `self` that may be one contributes `other` shifted to its place.
    pub(super) fn mul(self, other: Self) -> Self {
        if self.is_constant() && other.is_constant() {
            return Self::constant(self.value.wrapping_mul(other.value));
        }
        let mut sum = Self::constant(0);
        let mut rest = self.max();
        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            let with = sum.add(other.shl(bit));
            sum = if self.value >> bit & 1 == 1 { with } else { sum.join(with) };
        }
        sum
    }

    pub(super) fn shl(self, by: u32) -> Self {
        Self { value: self.value << by, mask: self.mask << by }
    }

    pub(super) fn shr(self, by: u32) -> Self {
        Self { value: self.value >> by, mask: self.mask >> by }
    }

    pub(super) fn sar(self, by: u32) -> Self {
        Self::new(((self.value as i64) >> by) as u64, ((self.mask as i64) >> by) as u64)
    }

    /// The bytes of the low `bits` (16, 32 or 64) in reverse order, zero-extended.
    pub(super) fn swap_bytes(self, bits: u32) -> Self {
        let swap = |w: u64| w.swap_bytes() >> (64 - bits);
        Self { value: swap(self.value), mask: swap(self.mask) }
    }

    /// True if every number described is a multiple of `size`, a power of two.
    pub(super) fn is_aligned(self, size: u32) -> bool {
        self.max() & u64::from(size - 1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All tristate numbers of four bits.
    fn all() -> Vec<Tnum> {
        let pairs = (0..16u64).flat_map(|v| (0..16u64).map(move |m| (v, m)));
        pairs.filter(|(v, m)| v & m == 0).map(|(value, mask)| Tnum { value, mask }).collect()
    }

    fn members(t: Tnum) -> Vec<u64> {
        (0..16).filter(|x| x & !t.mask == t.value).collect()
    }

    #[test]
    fn binary_operations_cover_every_result() {
        type Case = (fn(Tnum, Tnum) -> Tnum, fn(u64, u64) -> u64);
        let cases: [Case; 6] = [
            (Tnum::add, u64::wrapping_add),
            (Tnum::sub, u64::wrapping_sub),
            (Tnum::and, |a, b| a & b),
            (Tnum::or, |a, b| a | b),
            (Tnum::xor, |a, b| a ^ b),
            (Tnum::mul, u64::wrapping_mul),
        ];
        for a in all() {
            for b in all() {
                for (abstractly, exactly) in cases {
                    let t = abstractly(a, b);
                    assert_eq!(t.value & t.mask, 0);
                    for x in members(a) {
                        for y in members(b) {
                            assert!(t.covers(Tnum::constant(exactly(x, y))), "{a:?} {b:?} {t:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn and_or_xor_are_exact() {
        for a in all() {
            for b in all() {
                let exact = members(a)
                    .iter()
                    .flat_map(|x| {
                        members(b).iter().map(|y| Tnum::constant(x | y)).collect::<Vec<_>>()
                    })
                    .reduce(Tnum::join);
                assert_eq!(exact, Some(a.or(b)));
            }
        }
    }

    #[test]
    fn sign_extension_copies_the_sign() {
        let t = Tnum { value: 0x80, mask: 0x01 }.sign_extend(8);
        assert_eq!(t, Tnum { value: 0xffff_ffff_ffff_ff80, mask: 1 });
        let t = Tnum { value: 0, mask: 0x80 }.sign_extend(8);
        assert_eq!(t, Tnum { value: 0, mask: 0xffff_ffff_ffff_ff80 });
    }

    #[test]
    fn range_keeps_common_leading_bits() {
        assert_eq!(Tnum::range(0x14, 0x17), Tnum { value: 0x14, mask: 3 });
        assert_eq!(Tnum::range(0, u64::MAX), Tnum::UNKNOWN);
        assert_eq!(Tnum::range(9, 9), Tnum::constant(9));
    }
}
