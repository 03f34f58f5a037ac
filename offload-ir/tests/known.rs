//! What the range analysis says of an operation holds for every number: exhaustive at four bits.

use beeline_ir::analysis::arith::{binary, compare};
use beeline_ir::analysis::known::{decide, of_op, Known};
use beeline_ir::op::{BinOp, CmpOp, Op};
use beeline_ir::{Dfg, Ty, Value};

const BITS: u8 = 4;

/// All masks of known bits, and all unsigned and signed ranges.
fn descriptions() -> Vec<Known> {
    let mut all = Vec::new();
    for zeros in 0..16u64 {
        for ones in (0..16).filter(|ones| ones & zeros == 0) {
            all.push(Known::from_bits(BITS, zeros, ones));
        }
    }
    for lo in 0..16u64 {
        all.extend((lo..16).map(|hi| Known::unsigned(BITS, lo, hi)));
    }
    for lo in -8..8i64 {
        all.extend((lo..8).map(|hi| Known::signed(BITS, lo, hi)));
    }
    all
}

fn members(k: &Known) -> Vec<u64> {
    (0..16).filter(|c| k.contains(*c)).collect()
}

/// Two operands of `bits` bits.
fn operands(bits: u8) -> (Dfg, Value, Value) {
    let mut dfg = Dfg::default();
    let mut value = || {
        let inst = dfg.make_inst(Op::Const(0), Some(Ty::Int(bits)), None.into());
        dfg.insts[inst].result.expect("a result")
    };
    let (a, b) = (value(), value());
    (dfg, a, b)
}

#[test]
fn arithmetic_is_covered() {
    use BinOp::*;
    let (dfg, a, b) = operands(BITS);
    let all: Vec<(Known, Vec<u64>)> =
        descriptions().into_iter().map(|k| (k, members(&k))).collect();
    for o in [Add, Sub, Mul, UDiv, URem, SDiv, SRem, And, Or, Xor, Shl, LShr, AShr] {
        let op = Op::Bin(o, a, b);
        for (ka, xs) in &all {
            for (kb, ys) in all.iter().step_by(3) {
                let result = of_op(&dfg, &op, BITS, |v| if v == a { *ka } else { *kb });
                for &x in xs {
                    for &y in ys {
                        let z = binary(o, BITS, x, y);
                        assert!(
                            result.contains(z),
                            "{o:?} {x} {y} = {z} of {ka:?} {kb:?}: {result:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn comparisons_are_decided_rightly() {
    use CmpOp::*;
    let all: Vec<(Known, Vec<u64>)> =
        descriptions().into_iter().map(|k| (k, members(&k))).collect();
    let mut decided = 0;
    for o in [Eq, Ne, Ult, Ule, Slt, Sle] {
        for (ka, xs) in &all {
            for (kb, ys) in &all {
                let Some(c) = decide(o, ka, kb) else { continue };
                decided += 1;
                let right = xs.iter().all(|x| ys.iter().all(|y| compare(o, BITS, *x, *y) == c));
                assert!(right, "{o:?} of {ka:?} {kb:?} is not always {c}");
            }
        }
    }
    assert!(decided > 10_000, "only {decided} decided");
}

#[test]
fn unary_operations_are_covered() {
    for k in descriptions() {
        for x in members(&k) {
            let (dfg, a, _) = operands(BITS);
            let check = |dfg: &Dfg, op: Op, bits: u8, z: u64| {
                let result = of_op(dfg, &op, bits, |_| k);
                assert!(result.contains(z), "{op:?} of {x} is {z}; {k:?} gives {result:?}");
            };
            check(&dfg, Op::Zext(a), 9, x);
            let sign = if x & 8 != 0 { 0x1f0 } else { 0 };
            check(&dfg, Op::Sext(a), 9, x | sign);
            for lo in 0..4u8 {
                for bits in 1..4 - lo {
                    check(&dfg, Op::Extract { value: a, lo }, bits, x >> lo & ((1 << bits) - 1));
                }
            }
            check(&dfg, Op::Concat(vec![a, a]), 8, x | x << 4);
        }
    }
}

#[test]
fn meet_and_join_keep_members() {
    let all = descriptions();
    for a in &all {
        for b in all.iter().step_by(2) {
            let (meet, join) = (a.meet(b), a.join(b));
            for c in 0..16 {
                let (in_a, in_b) = (a.contains(c), b.contains(c));
                assert!(!(in_a && in_b) || meet.contains(c), "{c} is lost in {a:?} and {b:?}");
                assert!(!(in_a || in_b) || join.contains(c), "{c} is lost in {a:?} or {b:?}");
            }
        }
    }
}
