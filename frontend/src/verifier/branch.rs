//! Conditional jumps on numbers: whether the outcome is known, and what each outcome teaches about the operands.

use super::scalar::Scalar;
use super::tnum::{ones, Tnum};
use crate::insn::{Cond, Width};

/// The part of a number that a comparison looks at: all of it, or the low half. Signed bounds are of that width,
/// sign-extended; unsigned ones zero-extended.
#[derive(Clone, Copy)]
struct View {
    t: Tnum,
    umin: u64,
    umax: u64,
    smin: i64,
    smax: i64,
}

impl View {
    fn of(s: &Scalar, width: Width) -> Self {
        match width {
            Width::W64 => Self { t: s.t, umin: s.umin, umax: s.umax, smin: s.smin, smax: s.smax },
            Width::W32 => Self {
                t: s.t.low(32),
                umin: s.umin32.into(),
                umax: s.umax32.into(),
                smin: s.smin32.into(),
                smax: s.smax32.into(),
            },
        }
    }

    /// `s` with this view put back; `None` if nothing is left.
    fn into(self, s: &Scalar, width: Width) -> Option<Scalar> {
        let with = match width {
            Width::W64 => Scalar {
                t: self.t,
                umin: self.umin,
                umax: self.umax,
                smin: self.smin,
                smax: self.smax,
                ..*s
            },
            Width::W32 => Scalar {
                t: s.t.meet(Tnum { value: self.t.value, mask: self.t.mask | !ones(32) })?,
                umin32: self.umin as u32,
                umax32: self.umax as u32,
                smin32: self.smin as i32,
                smax32: self.smax as i32,
                ..*s
            },
        };
        with.settle()
    }

    fn constant(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }
}

/// The condition that holds exactly if `cond` does not; `None` for `Set`, which has no such partner.
fn inverse(cond: Cond) -> Option<Cond> {
    Some(match cond {
        Cond::Eq => Cond::Ne,
        Cond::Ne => Cond::Eq,
        Cond::Gt => Cond::Le,
        Cond::Le => Cond::Gt,
        Cond::Ge => Cond::Lt,
        Cond::Lt => Cond::Ge,
        Cond::Sgt => Cond::Sle,
        Cond::Sle => Cond::Sgt,
        Cond::Sge => Cond::Slt,
        Cond::Slt => Cond::Sge,
        Cond::Set => return None,
    })
}

/// The outcome of `a cond b`, if it is the same for all members.
pub(super) fn decide(cond: Cond, width: Width, a: &Scalar, b: &Scalar) -> Option<bool> {
    let (a, b) = (View::of(a, width), View::of(b, width));
    match cond {
        Cond::Eq => equal(&a, &b),
        Cond::Ne => equal(&a, &b).map(|e| !e),
        Cond::Gt => above(a.umin > b.umax, a.umax <= b.umin),
        Cond::Le => above(a.umax <= b.umin, a.umin > b.umax),
        Cond::Ge => above(a.umin >= b.umax, a.umax < b.umin),
        Cond::Lt => above(a.umax < b.umin, a.umin >= b.umax),
        Cond::Sgt => above(a.smin > b.smax, a.smax <= b.smin),
        Cond::Sle => above(a.smax <= b.smin, a.smin > b.smax),
        Cond::Sge => above(a.smin >= b.smax, a.smax < b.smin),
        Cond::Slt => above(a.smax < b.smin, a.smin >= b.smax),
        Cond::Set => above(a.t.value & b.t.value != 0, a.t.max() & b.t.max() == 0),
    }
}

fn above(yes: bool, no: bool) -> Option<bool> {
    match (yes, no) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn equal(a: &View, b: &View) -> Option<bool> {
    let apart = a.umax < b.umin
        || b.umax < a.umin
        || a.smax < b.smin
        || b.smax < a.smin
        || a.t.meet(b.t).is_none();
    let same = a.constant().is_some() && a.constant() == b.constant();
    above(same, apart)
}

/// What is known of `a` and `b` once `a cond b` has turned out to be `outcome`; `None` if that cannot happen.
pub(super) fn refine(
    cond: Cond,
    width: Width,
    outcome: bool,
    a: &Scalar,
    b: &Scalar,
) -> Option<(Scalar, Scalar)> {
    let (mut x, mut y) = (View::of(a, width), View::of(b, width));
    let holding = if outcome { Some(cond) } else { inverse(cond) };
    match holding {
        Some(Cond::Eq) => assume_equal(&mut x, &mut y)?,
        Some(Cond::Ne) => assume_different(&mut x, &mut y),
        Some(Cond::Gt) => assume_less(&mut y, &mut x)?,
        Some(Cond::Lt) => assume_less(&mut x, &mut y)?,
        Some(Cond::Ge) => assume_at_most(&mut y, &mut x),
        Some(Cond::Le) => assume_at_most(&mut x, &mut y),
        Some(Cond::Sgt) => assume_less_signed(&mut y, &mut x)?,
        Some(Cond::Slt) => assume_less_signed(&mut x, &mut y)?,
        Some(Cond::Sge) => assume_at_most_signed(&mut y, &mut x),
        Some(Cond::Sle) => assume_at_most_signed(&mut x, &mut y),
        Some(Cond::Set) => {
            assume_common_bit(&mut x, &y)?;
            assume_common_bit(&mut y, &x)?;
        }
        None => {
            assume_no_common_bit(&mut x, &y)?;
            assume_no_common_bit(&mut y, &x)?;
        }
    }
    Some((x.into(a, width)?, y.into(b, width)?))
}

fn assume_equal(x: &mut View, y: &mut View) -> Option<()> {
    let both = View {
        t: x.t.meet(y.t)?,
        umin: x.umin.max(y.umin),
        umax: x.umax.min(y.umax),
        smin: x.smin.max(y.smin),
        smax: x.smax.min(y.smax),
    };
    (*x, *y) = (both, both);
    Some(())
}

/// A constant at the end of the other's range shortens it.
fn assume_different(x: &mut View, y: &mut View) {
    fn exclude(x: &mut View, c: u64, signed: i64) {
        if x.umin == c {
            x.umin = x.umin.saturating_add(1);
        }
        if x.umax == c {
            x.umax = x.umax.saturating_sub(1);
        }
        if x.smin == signed {
            x.smin = x.smin.saturating_add(1);
        }
        if x.smax == signed {
            x.smax = x.smax.saturating_sub(1);
        }
    }
    let (cx, cy) = (x.constant().map(|c| (c, x.smin)), y.constant().map(|c| (c, y.smin)));
    if let Some((c, signed)) = cy {
        exclude(x, c, signed);
    }
    if let Some((c, signed)) = cx {
        exclude(y, c, signed);
    }
}

fn assume_less(x: &mut View, y: &mut View) -> Option<()> {
    x.umax = x.umax.min(y.umax.checked_sub(1)?);
    y.umin = y.umin.max(x.umin.checked_add(1)?);
    Some(())
}

fn assume_at_most(x: &mut View, y: &mut View) {
    x.umax = x.umax.min(y.umax);
    y.umin = y.umin.max(x.umin);
}

fn assume_less_signed(x: &mut View, y: &mut View) -> Option<()> {
    x.smax = x.smax.min(y.smax.checked_sub(1)?);
    y.smin = y.smin.max(x.smin.checked_add(1)?);
    Some(())
}

fn assume_at_most_signed(x: &mut View, y: &mut View) {
    x.smax = x.smax.min(y.smax);
    y.smin = y.smin.max(x.smin);
}

/// A test of a single bit fixes it.
fn assume_common_bit(x: &mut View, y: &View) -> Option<()> {
    if let Some(c) = y.constant().filter(|c| c.is_power_of_two()) {
        x.t = x.t.meet(Tnum { value: c, mask: !c })?;
    }
    Some(())
}

fn assume_no_common_bit(x: &mut View, y: &View) -> Option<()> {
    let zero = y.t.value;
    x.t = x.t.meet(Tnum { value: 0, mask: !zero })?;
    Some(())
}
