//! What the verifier knows of a number: a tristate number and signed and unsigned ranges of the whole word and of its
//! low half, kept consistent with each other.

use super::tnum::{ones, Tnum};
use crate::facts::ScalarRange;

/// A set of 64-bit numbers. Every member satisfies all parts; the parts of the low half speak of the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) t: Tnum,
    pub(super) umin: u64,
    pub(super) umax: u64,
    pub(super) smin: i64,
    pub(super) smax: i64,
    pub(super) umin32: u32,
    pub(super) umax32: u32,
    pub(super) smin32: i32,
    pub(super) smax32: i32,
}

/// Rounds in which the parts learn from each other; knowledge that needs more is rare, and leaving it out is sound.
const SETTLE_ROUNDS: u32 = 3;

impl Scalar {
    pub(super) const UNKNOWN: Scalar = Scalar {
        t: Tnum::UNKNOWN,
        umin: 0,
        umax: u64::MAX,
        smin: i64::MIN,
        smax: i64::MAX,
        umin32: 0,
        umax32: u32::MAX,
        smin32: i32::MIN,
        smax32: i32::MAX,
    };

    pub(super) fn constant(c: u64) -> Self {
        let low = c as u32;
        Self {
            t: Tnum::constant(c),
            umin: c,
            umax: c,
            smin: c as i64,
            smax: c as i64,
            umin32: low,
            umax32: low,
            smin32: low as i32,
            smax32: low as i32,
        }
    }

    /// Every number in `min..=max`.
    pub(super) fn range(min: u64, max: u64) -> Self {
        Self { umin: min, umax: max, ..Self::UNKNOWN }.settled_or_unknown()
    }

    /// Every number of `bytes` bytes, zero-extended.
    pub(super) fn of_bytes(bytes: u32) -> Self {
        Self::range(0, ones(bytes * 8))
    }

    /// What the tristate number alone says.
    pub(super) fn from_tnum(t: Tnum) -> Self {
        Self { t, ..Self::UNKNOWN }.settled_or_unknown()
    }

    pub(super) fn as_constant(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }

    /// Lets every part learn from the others. `None` if they contradict each other: the set is empty.
    pub(super) fn settle(mut self) -> Option<Self> {
        if self.t.is_constant() {
            return self.settled_constant();
        }
        for _ in 0..SETTLE_ROUNDS {
            let before = self;
            self.learn_from_tnum();
            self.learn_between_signs();
            self.learn_between_widths();
            if !self.is_ordered() {
                return None;
            }
            self.learn_tnum()?;
            if self == before {
                break;
            }
        }
        self.is_ordered().then_some(self)
    }

    /// All bits are known: either this number fits every range, or the set is empty.
    fn settled_constant(&self) -> Option<Self> {
        let c = Self::constant(self.t.value);
        let fits = self.covers(&c);
        fits.then_some(c)
    }

    /// For results of arithmetic, which are never empty unless the input was: then nothing is claimed.
    pub(super) fn settled_or_unknown(self) -> Self {
        self.settle().unwrap_or(Self::UNKNOWN)
    }

    fn is_ordered(&self) -> bool {
        self.umin <= self.umax
            && self.smin <= self.smax
            && self.umin32 <= self.umax32
            && self.smin32 <= self.smax32
    }

    fn learn_from_tnum(&mut self) {
        const SIGN: u64 = 1 << 63;
        const SIGN32: u32 = 1 << 31;
        let t = self.t;
        self.umin = self.umin.max(t.value);
        self.umax = self.umax.min(t.max());
        self.smin = self.smin.max((t.value | (t.mask & SIGN)) as i64);
        self.smax = self.smax.min((t.value | (t.mask & !SIGN)) as i64);
        let (value, mask) = (t.value as u32, t.mask as u32);
        self.umin32 = self.umin32.max(value);
        self.umax32 = self.umax32.min(value | mask);
        self.smin32 = self.smin32.max((value | (mask & SIGN32)) as i32);
        self.smax32 = self.smax32.min((value | (mask & !SIGN32)) as i32);
    }

    /// A range that does not cross the sign boundary reads the same in both orders.
    fn learn_between_signs(&mut self) {
        if self.umin as i64 <= self.umax as i64 {
            self.smin = self.smin.max(self.umin as i64);
            self.smax = self.smax.min(self.umax as i64);
        }
        if (self.smin < 0) == (self.smax < 0) {
            self.umin = self.umin.max(self.smin as u64);
            self.umax = self.umax.min(self.smax as u64);
        }
        // A signed range across zero is two unsigned pieces; the unsigned range may rule one of them out.
        if self.smin < 0 && self.smax >= 0 {
            if self.umin > self.smax as u64 {
                self.umin = self.umin.max(self.smin as u64);
            }
            if self.umax < self.smin as u64 {
                self.umax = self.umax.min(self.smax as u64);
            }
        }
        if self.smin32 < 0 && self.smax32 >= 0 {
            if self.umin32 > self.smax32 as u32 {
                self.umin32 = self.umin32.max(self.smin32 as u32);
            }
            if self.umax32 < self.smin32 as u32 {
                self.umax32 = self.umax32.min(self.smax32 as u32);
            }
        }
        if self.umin32 as i32 <= self.umax32 as i32 {
            self.smin32 = self.smin32.max(self.umin32 as i32);
            self.smax32 = self.smax32.min(self.umax32 as i32);
        }
        if (self.smin32 < 0) == (self.smax32 < 0) {
            self.umin32 = self.umin32.max(self.smin32 as u32);
            self.umax32 = self.umax32.min(self.smax32 as u32);
        }
    }

    fn learn_between_widths(&mut self) {
        const HIGH: u64 = !0xffff_ffff;
        if self.umin & HIGH == self.umax & HIGH {
            self.umin32 = self.umin32.max(self.umin as u32);
            self.umax32 = self.umax32.min(self.umax as u32);
        }
        if (self.smin as u64) & HIGH == (self.smax as u64) & HIGH {
            self.umin32 = self.umin32.max(self.smin as u32);
            self.umax32 = self.umax32.min(self.smax as u32);
        }
        // A number at least `umin` with the same high half has a low half of at least `umin32`.
        self.umin = self.umin.max((self.umin & HIGH) | u64::from(self.umin32));
        self.umax = self.umax.min((self.umax & HIGH) | u64::from(self.umax32));
        if self.smin >= i64::from(i32::MIN) && self.smax <= i64::from(i32::MAX) {
            self.smin32 = self.smin32.max(self.smin as i32);
            self.smax32 = self.smax32.min(self.smax as i32);
            self.smin = self.smin.max(i64::from(self.smin32));
            self.smax = self.smax.min(i64::from(self.smax32));
        }
    }

    fn learn_tnum(&mut self) -> Option<()> {
        let low = Tnum::range(u64::from(self.umin32), u64::from(self.umax32));
        let low = Tnum { value: low.value, mask: low.mask | !0xffff_ffff };
        self.t = self.t.meet(Tnum::range(self.umin, self.umax))?.meet(low)?;
        Some(())
    }

    /// True if every number of `other` is in `self`.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.t.covers(other.t)
            && self.umin <= other.umin
            && self.umax >= other.umax
            && self.smin <= other.smin
            && self.smax >= other.smax
            && self.umin32 <= other.umin32
            && self.umax32 >= other.umax32
            && self.smin32 <= other.smin32
            && self.smax32 >= other.smax32
    }

    /// The smallest description that covers both.
    pub(super) fn join(&self, other: &Self) -> Self {
        Self {
            t: self.t.join(other.t),
            umin: self.umin.min(other.umin),
            umax: self.umax.max(other.umax),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
            umin32: self.umin32.min(other.umin32),
            umax32: self.umax32.max(other.umax32),
            smin32: self.smin32.min(other.smin32),
            smax32: self.smax32.max(other.smax32),
        }
    }

    /// The low half, zero-extended.
    pub(super) fn zext32(&self) -> Self {
        Self {
            t: self.t.low(32),
            umin: u64::from(self.umin32),
            umax: u64::from(self.umax32),
            smin: i64::from(self.umin32),
            smax: i64::from(self.umax32),
            ..*self
        }
        .settled_or_unknown()
    }

    /// The low half, sign-extended.
    pub(super) fn sext32(&self) -> Self {
        let wide = Self {
            t: self.t.sign_extend(32),
            smin: i64::from(self.smin32),
            smax: i64::from(self.smax32),
            ..Self::UNKNOWN
        };
        let low = (self.umin32, self.umax32, self.smin32, self.smax32);
        Self { umin32: low.0, umax32: low.1, smin32: low.2, smax32: low.3, ..wide }
            .settled_or_unknown()
    }

    /// The low `bits` (8, 16 or 32), zero-extended.
    pub(super) fn zext(&self, bits: u32) -> Self {
        if bits >= 64 {
            return *self;
        }
        if bits == 32 {
            return self.zext32();
        }
        if self.umax <= ones(bits) {
            return *self;
        }
        Self::from_tnum(self.t.low(bits))
    }

    /// The low `bits` (8, 16 or 32), sign-extended.
    pub(super) fn sext(&self, bits: u32) -> Self {
        if bits == 32 {
            return self.sext32();
        }
        let limit = 1i64 << (bits - 1);
        if self.smin >= -limit && self.smax < limit {
            return *self;
        }
        let t = self.t.sign_extend(bits);
        Self { t, smin: -limit, smax: limit - 1, ..Self::UNKNOWN }.settled_or_unknown()
    }

    /// The form that later stages read.
    pub(super) fn to_fact(self) -> ScalarRange {
        ScalarRange {
            value: self.t.value,
            mask: self.t.mask,
            umin: self.umin,
            umax: self.umax,
            smin: self.smin,
            smax: self.smax,
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(c) = self.as_constant() {
            return write!(f, "{}", c as i64);
        }
        if *self == Self::UNKNOWN {
            return f.write_str("unknown");
        }
        let mut parts = Vec::new();
        if (self.smin, self.smax) != (i64::MIN, i64::MAX) {
            parts.push(format!("{} to {}", self.smin, self.smax));
        }
        if (self.umin, self.umax) != (0, u64::MAX) && (self.smin < 0 || parts.is_empty()) {
            parts.push(format!("unsigned {} to {}", self.umin, self.umax));
        }
        let implied = Tnum::range(self.umin, self.umax);
        if self.t.mask != implied.mask {
            parts.push(format!("bits {:#x} unknown, others {:#x}", self.t.mask, self.t.value));
        }
        if parts.is_empty() {
            parts.push(format!("low half {} to {}", self.umin32, self.umax32));
        }
        f.write_str(&parts.join(", "))
    }
}
