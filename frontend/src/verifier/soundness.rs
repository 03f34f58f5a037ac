//! Tests: arithmetic and comparisons on sets of numbers against the same on members drawn from the sets.

use super::alu::{binary, negate, swap};
use super::branch::{decide, refine};
use super::scalar::Scalar;
use super::tnum::Tnum;
use crate::insn::{AluOp, Cond, Swap, Width};

/// A fixed mixing generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A word that is often small, or near a power of two, or near the ends of a range.
    fn word(&mut self) -> u64 {
        let near = self.below(5).wrapping_sub(2);
        match self.below(5) {
            0 => self.below(70),
            1 => (1u64 << self.below(64)).wrapping_add(near),
            2 => near,
            3 => self.next() as u32 as u64,
            _ => self.next() >> self.below(64),
        }
    }

    /// A set of numbers with some of its members.
    fn set(&mut self) -> (Scalar, Vec<u64>) {
        let seed: Vec<u64> = (0..1 + self.below(4)).map(|_| self.word()).collect();
        let mut set = Scalar::constant(seed[0]);
        for &x in &seed[1..] {
            set = set.join(&Scalar::constant(x));
        }
        if self.below(4) == 0 {
            set = Scalar::from_tnum(Tnum { value: set.t.value, mask: set.t.mask });
        }
        let set = set.settle().expect("a set with members is not empty");
        let mut members = seed;
        for _ in 0..6 {
            let x = (self.word() & set.t.mask) | set.t.value;
            if holds(&set, x) {
                members.push(x);
            }
        }
        (set, members)
    }
}

fn holds(set: &Scalar, x: u64) -> bool {
    set.covers(&Scalar::constant(x))
}

fn exact64(op: AluOp, a: u64, b: u64) -> u64 {
    let (sa, sb) = (a as i64, b as i64);
    match op {
        AluOp::Add => a.wrapping_add(b),
        AluOp::Sub => a.wrapping_sub(b),
        AluOp::Mul => a.wrapping_mul(b),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::Sdiv if sb == 0 => 0,
        AluOp::Sdiv => sa.wrapping_div(sb) as u64,
        AluOp::Smod if sb == 0 => a,
        AluOp::Smod => sa.wrapping_rem(sb) as u64,
        AluOp::And => a & b,
        AluOp::Or => a | b,
        AluOp::Xor => a ^ b,
        AluOp::Mov => b,
        AluOp::Lsh => a << (b & 63),
        AluOp::Rsh => a >> (b & 63),
        AluOp::Arsh => (sa >> (b & 63)) as u64,
    }
}

fn exact32(op: AluOp, a: u64, b: u64) -> u64 {
    let (ua, ub) = (a as u32, b as u32);
    let (sa, sb) = (ua as i32, ub as i32);
    let wide = match op {
        AluOp::Lsh => ua << (ub & 31),
        AluOp::Rsh => ua >> (ub & 31),
        AluOp::Arsh => (sa >> (ub & 31)) as u32,
        AluOp::Sdiv if sb == 0 => 0,
        AluOp::Sdiv => sa.wrapping_div(sb) as u32,
        AluOp::Smod if sb == 0 => ua,
        AluOp::Smod => sa.wrapping_rem(sb) as u32,
        _ => exact64(op, u64::from(ua), u64::from(ub)) as u32,
    };
    u64::from(wide)
}

const OPS: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Sdiv,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::Smod,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Arsh,
];

#[test]
fn arithmetic_covers_every_result() {
    let mut random = Random(1);
    for _ in 0..20_000 {
        let ((a, xs), (b, ys)) = (random.set(), random.set());
        for op in OPS {
            let wide = binary(op, Width::W64, &a, &b);
            let low = binary(op, Width::W32, &a, &b);
            for &x in &xs {
                for &y in &ys {
                    assert!(
                        holds(&wide, exact64(op, x, y)),
                        "{op:?} {a:x?} {b:x?} {x:#x} {y:#x}: {wide:x?}"
                    );
                    assert!(
                        holds(&low, exact32(op, x, y)),
                        "{op:?}32 {a:x?} {b:x?} {x:#x} {y:#x}: {low:x?}"
                    );
                }
            }
        }
    }
}

#[test]
fn unary_operations_cover_every_result() {
    let mut random = Random(2);
    for _ in 0..50_000 {
        let (a, xs) = random.set();
        for x in xs {
            assert!(holds(&negate(Width::W64, &a), x.wrapping_neg()));
            assert!(holds(&negate(Width::W32, &a), u64::from((x as u32).wrapping_neg())));
            for bits in [16, 32, 64] {
                let swapped = x.swap_bytes() >> (64 - bits);
                assert!(holds(&swap(Swap::ToBe, bits, &a), swapped));
            }
            assert!(holds(&a.zext(8), x & 0xff) && holds(&a.zext(16), x & 0xffff));
            assert!(holds(&a.zext32(), u64::from(x as u32)));
            assert!(holds(&a.sext(8), x as i8 as u64) && holds(&a.sext(16), x as i16 as u64));
            assert!(holds(&a.sext(32), x as i32 as u64));
        }
    }
}

fn exact_condition(cond: Cond, width: Width, a: u64, b: u64) -> bool {
    let (ua, ub) = match width {
        Width::W64 => (a, b),
        Width::W32 => (a as u32 as u64, b as u32 as u64),
    };
    let (sa, sb) = match width {
        Width::W64 => (a as i64, b as i64),
        Width::W32 => (i64::from(a as i32), i64::from(b as i32)),
    };
    match cond {
        Cond::Eq => ua == ub,
        Cond::Ne => ua != ub,
        Cond::Gt => ua > ub,
        Cond::Ge => ua >= ub,
        Cond::Lt => ua < ub,
        Cond::Le => ua <= ub,
        Cond::Set => ua & ub != 0,
        Cond::Sgt => sa > sb,
        Cond::Sge => sa >= sb,
        Cond::Slt => sa < sb,
        Cond::Sle => sa <= sb,
    }
}

const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Set,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

#[test]
fn refinement_keeps_every_member_of_its_outcome() {
    let mut random = Random(3);
    for _ in 0..20_000 {
        let ((a, xs), (b, ys)) = (random.set(), random.set());
        for cond in CONDS {
            for width in [Width::W32, Width::W64] {
                let decided = decide(cond, width, &a, &b);
                let refined = [false, true].map(|o| refine(cond, width, o, &a, &b));
                for &x in &xs {
                    for &y in &ys {
                        let outcome = exact_condition(cond, width, x, y);
                        assert!(
                            decided.is_none_or(|d| d == outcome),
                            "{cond:?} {width:?} {a:x?} {b:x?}"
                        );
                        let (p, q) =
                            refined[usize::from(outcome)].expect("an outcome with a witness");
                        assert!(
                            holds(&p, x) && holds(&q, y),
                            "{cond:?} {width:?} {a:x?} {b:x?}: {p:x?} {q:x?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn ordinary_bounds_are_learned() {
    let byte = Scalar::of_bytes(1);
    let masked = binary(AluOp::And, Width::W64, &byte, &Scalar::constant(0xf));
    let words = binary(AluOp::Lsh, Width::W64, &masked, &Scalar::constant(2));
    assert_eq!((words.umin, words.umax, words.t.mask), (0, 60, 0x3c));
    let (small, _) =
        refine(Cond::Gt, Width::W64, false, &Scalar::UNKNOWN, &Scalar::constant(7)).unwrap();
    assert_eq!((small.umin, small.umax, small.smin, small.smax), (0, 7, 0, 7));
    let (small, _) =
        refine(Cond::Slt, Width::W32, true, &Scalar::of_bytes(4), &Scalar::constant(7)).unwrap();
    assert_eq!((small.smin32, small.smax32), (i32::MIN, 6));
    assert_eq!(
        refine(Cond::Lt, Width::W64, true, &Scalar::of_bytes(2), &Scalar::constant(0)),
        None
    );
    let back = binary(AluOp::Sub, Width::W32, &byte, &Scalar::constant(5));
    assert_eq!((back.smin32, back.smax32), (-5, 250));
}
