use super::*;
use crate::function::Verdict;
use crate::op::Input;
use crate::testing::{run_pipeline, Rng, World};

/// A pipeline that returns `a op b`, with `b` constant or an input.
fn pipeline(op: BinOp, bits: u8, constant: Option<u64>) -> Pipeline {
    let mut e = Emitter::new(Default::default(), vec![]);
    let mut input = |i: Input| {
        let v = e.op(Op::Input(i), Ty::Int(64));
        e.op(Op::Extract { value: v, lo: 0 }, Ty::Int(bits))
    };
    let (a, b) = (input(Input::TimeNs), input(Input::Seed));
    let b = constant.map_or(b, |c| e.constant(bits, c));
    let v = e.op(Op::Bin(op, a, b), Ty::Int(bits));
    let zero = e.constant(64, 0);
    let verdict = Verdict {
        action: v,
        start: zero,
        end: zero,
        valid_end: zero,
        redirect_map: zero,
        redirect_key: zero,
    };
    let (dfg, order) = (e.dfg, e.order);
    Pipeline { name: "arithmetic".into(), dfg, order, verdict }
}

/// Numbers at which arithmetic goes wrong, and others.
fn operand(rng: &mut Rng, bits: u8) -> u64 {
    let edges =
        [0, 1, 2, 3, 5, 7, 10, low_mask(bits), low_mask(bits) >> 1, (low_mask(bits) >> 1) + 1];
    let x =
        if rng.chance(50) { edges[rng.below(10) as usize] } else { rng.next() << 20 ^ rng.next() };
    let few = if rng.chance(30) { rng.below(bits.into()) } else { 0 };
    (x & low_mask(bits)) >> few
}

#[test]
fn slow_arithmetic_keeps_its_meaning() {
    let target = TargetDesc::built_in("xcup").expect("built in");
    let ops = [BinOp::Mul, BinOp::UDiv, BinOp::URem, BinOp::SDiv, BinOp::SRem];
    let mut rng = Rng::new(1);
    for op in ops {
        for bits in [2, 8, 13, 16, 24, 32, 33, 48, 63, 64] {
            for round in 0..24 {
                let constant = (round > 0).then(|| operand(&mut rng, bits));
                let before = pipeline(op, bits, constant);
                let after = lower(before.clone(), &target);
                for _ in 0..30 {
                    let mut world = World::random(&mut rng);
                    world.inputs =
                        [0, 0, 0, operand(&mut rng, bits), 0, 0, operand(&mut rng, bits)];
                    let expected = run_pipeline(&before, world.clone()).0[0];
                    let found = run_pipeline(&after, world.clone()).0[0];
                    let (a, b) = (world.inputs[3], constant.unwrap_or(world.inputs[6]));
                    assert_eq!(
                        found, expected,
                        "{op:?} of {bits} bits: {a} and {b} ({constant:?})"
                    );
                }
            }
        }
    }
}

#[test]
fn lowered_arithmetic_fits_the_clock() {
    for name in TargetDesc::BUILT_IN {
        let target = TargetDesc::built_in(name).expect("built in");
        for op in [BinOp::Mul, BinOp::UDiv, BinOp::URem, BinOp::SDiv, BinOp::SRem] {
            for constant in [None, Some(10), Some(1_000_000_007)] {
                let p = pipeline(op, 64, constant);
                let staged = super::super::schedule(p, &target);
                assert!(staged.is_ok(), "{op:?} by {constant:?} on {name}");
            }
        }
    }
}
