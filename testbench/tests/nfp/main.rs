//! The back end's encoder and the microengine simulator's decoder, written independently, against each other; and the engine's rules.

mod board;

use beeline_backends::nfp::ecc::protect;
use beeline_backends::nfp::encode::encode;
use beeline_backends::nfp::insn::{
    Address, AddressMode, AluOp, Command, Cond, Csr, Dst, Gpr, ImmedWidth, Insn, LocalMem, MemOp,
    MulSize, MulStep, Shift, ShiftOp, Src, Swap,
};
use beeline_sim::nfp::{decode, BadWord, Breach};
use board::{run, Board, DONE};

fn a(n: u8) -> Gpr {
    Gpr::a(n)
}

fn b(n: u8) -> Gpr {
    Gpr::b(n)
}

/// `dst` = a constant of 32 bits.
fn constant(dst: Gpr, value: u32) -> Vec<Insn> {
    let dst = Dst::Gpr(dst);
    let part = |value, shift, width| Insn::Immed { dst, value, shift, invert: false, width };
    vec![part(value as u16, 0, ImmedWidth::All), part((value >> 16) as u16, 2, ImmedWidth::Word)]
}

fn alu(op: AluOp, dst: impl Into<Dst>, l: impl Into<Src>, r: impl Into<Src>) -> Insn {
    Insn::Alu { op, dst: dst.into(), a: l.into(), b: r.into(), set_cc: true }
}

fn finish() -> Insn {
    Insn::Br { cond: Cond::Always, target: Address(DONE), defer: 0 }
}

fn access(op: MemOp, xfer: u8, count: u8, address: Gpr, swap: Swap) -> Insn {
    let (mode, signal) = (AddressMode::Sum32, 1);
    let (a, b) = (Src::Gpr(address), Src::Imm(0));
    Insn::Command(Command { op, xfer, count, signal, mode, a, b, swap, indirect: false })
}

/// What register A0 holds where the program ends.
fn result(program: &[Insn]) -> Result<u32, Breach> {
    run(program, 1, Board::default()).map(|board| board.results[0]).map_err(|f| f.breach)
}

#[test]
fn a_word_with_a_flipped_bit_is_refused() {
    let word = protect(encode(&alu(AluOp::Add, a(1), a(2), b(3))).unwrap());
    assert!(decode(word).is_ok());
    for bit in 0..52 {
        assert!(matches!(decode(word ^ 1 << bit), Err(BadWord::CheckBits(_))), "bit {bit}");
    }
}

/// Operands of all sizes.
const NUMBERS: [u32; 9] = [0, 1, 2, 31, 0xff, 0x8000, 0x7fff_ffff, 0x8000_0000, u32::MAX];

#[test]
fn arithmetic_is_that_of_plain_numbers() {
    for x in NUMBERS {
        for y in NUMBERS {
            let expected = [
                (AluOp::Add, x.wrapping_add(y)),
                (AluOp::Sub, x.wrapping_sub(y)),
                (AluOp::SubReversed, y.wrapping_sub(x)),
                (AluOp::And, x & y),
                (AluOp::Or, x | y),
                (AluOp::Xor, x ^ y),
                (AluOp::AndNot, x & !y),
                (AluOp::NotAnd, !x & y),
                (AluOp::Add16, x.wrapping_add(y & 0xffff)),
                (AluOp::B, y),
                (AluOp::NotB, !y),
            ];
            for (op, expected) in expected {
                // The operands in both orders of the banks: one of them is exchanged in the word.
                for (l, r) in [(a(1), b(2)), (b(1), a(2))] {
                    let operation = alu(op, a(0), l, r);
                    let program = [constant(l, x), constant(r, y), vec![operation, finish()]];
                    let found = result(&program.concat());
                    assert_eq!(found, Ok(expected), "{x:#x} {} {y:#x}", op.text());
                }
            }
        }
    }
}

#[test]
fn wide_sums_carry_and_comparisons_branch() {
    let wide = |x: u64| [constant(a(1), x as u32), constant(a(2), (x >> 32) as u32)].concat();
    let other = |y: u64| [constant(b(1), y as u32), constant(b(2), (y >> 32) as u32)].concat();
    for (x, y) in [(1_u64, u64::MAX), (0xffff_ffff, 1), (5, 7), (7, 5), (1 << 63, 1), (3, 3)] {
        for (low, high, expected) in [
            (AluOp::Add, AluOp::AddCarry, x.wrapping_add(y)),
            (AluOp::Sub, AluOp::SubCarry, x.wrapping_sub(y)),
        ] {
            let sum = vec![alu(low, a(3), a(1), b(1)), alu(high, a(0), a(2), b(2)), finish()];
            let program = [wide(x), other(y), sum].concat();
            assert_eq!(result(&program), Ok((expected >> 32) as u32), "{x:#x} {y:#x}");
        }
        for (cond, holds) in [
            (Cond::Cs, x >= y),
            (Cond::Cc, x < y),
            (Cond::Lt, (x as i64) < y as i64),
            (Cond::Ge, x as i64 >= y as i64),
        ] {
            let mut program = [wide(x), other(y)].concat();
            program.push(alu(AluOp::Sub, Dst::None, a(1), b(1)));
            program.push(alu(AluOp::SubCarry, Dst::None, a(2), b(2)));
            let target = Address(board::BASE + program.len() as u16 + 4);
            program.push(Insn::Br { cond, target, defer: 1 });
            program.push(Insn::Immed {
                dst: a(0).into(),
                value: 1,
                shift: 0,
                invert: false,
                width: ImmedWidth::All,
            });
            program.push(Insn::Immed {
                dst: a(0).into(),
                value: 0,
                shift: 0,
                invert: false,
                width: ImmedWidth::All,
            });
            program.push(finish());
            program.push(finish());
            assert_eq!(result(&program), Ok(holds.into()), "{x:#x} {cond:?} {y:#x}");
        }
    }
}

#[test]
fn shifts_by_a_constant_and_by_the_previous_operand() {
    for x in NUMBERS {
        for n in 1..32_u8 {
            let k = u32::from(n);
            let plain = [
                (Shift::Left(n), x << k),
                (Shift::Right(n), x >> k),
                (Shift::Rotate(n), x.rotate_right(k)),
                (Shift::LeftIndirect, x << k),
                (Shift::RightIndirect, x >> k),
            ];
            for (shift, expected) in plain {
                let set_amount = alu(AluOp::B, Dst::None, a(5), b(1));
                let (op, a0, value) = (ShiftOp::B, Dst::Gpr(a(0)), Src::Gpr(b(1)));
                let shifted =
                    Insn::AluShift { op, dst: a0, a: Src::None, b: value, shift, set_cc: false };
                let tail = vec![set_amount, shifted, finish()];
                let program = [constant(a(5), k), constant(b(1), x), tail].concat();
                assert_eq!(result(&program), Ok(expected), "{x:#x} {shift}");
            }
            // The sign comes from the instruction before.
            let sign = alu(AluOp::B, Dst::None, Src::None, b(1));
            let (op, dst, value) = (ShiftOp::Asr, Dst::Gpr(a(0)), Src::Gpr(b(1)));
            let shift = Shift::Right(n);
            let asr = Insn::AluShift { op, dst, a: Src::None, b: value, shift, set_cc: false };
            let program = [constant(b(1), x), vec![sign, asr, finish()]].concat();
            assert_eq!(result(&program), Ok((x as i32 >> k) as u32), "{x:#x} asr {n}");
        }
    }
}

#[test]
fn products_need_their_steps() {
    let step = |step, size| {
        let (a, b) = (Src::Gpr(a(1)), Src::Gpr(b(1)));
        Insn::Mul { step, size, a, b, dst: Dst::None }
    };
    let take = |step, size| Insn::Mul { step, size, a: Src::None, b: Src::None, dst: a(0).into() };
    let size = MulSize::M32x32;
    for x in NUMBERS {
        for y in NUMBERS {
            let product = u64::from(x) * u64::from(y);
            for (last, expected) in
                [(MulStep::Low, product as u32), (MulStep::High, (product >> 32) as u32)]
            {
                let mut program = [constant(a(1), x), constant(b(1), y)].concat();
                program.push(step(MulStep::Start, MulSize::Start));
                program.extend((0..4).map(|n| step(MulStep::Step(n), size)));
                program.extend([take(last, size), finish()]);
                assert_eq!(result(&program), Ok(expected));
                program.remove(6);
                assert_eq!(result(&program), Err(Breach::Multiply), "a step is missing");
            }
        }
    }
}

#[test]
fn memory_words_are_big_endian_and_swap_forms_are_not() {
    let board = || Board::with_memory(&[1, 2, 3, 4, 5, 6, 7, 8]);
    for (op, count, expected) in [
        (MemOp::Read32, 1, 0x0102_0304),
        (MemOp::Read32Swap, 1, 0x0403_0201),
        (MemOp::Read8, 4, 0x0102_0304),
        (MemOp::AtomicRead, 1, 0x0102_0304),
    ] {
        let read = access(op, 0, count, a(1), Swap::After(0));
        let fetch = alu(AluOp::B, a(0), Src::None, Src::Xfer(0));
        let program = [constant(a(1), 0), vec![read, fetch, finish()]].concat();
        let board = run(&program, 1, board()).expect("a good program");
        assert_eq!(board.results, [expected], "{op:?}");
    }
    for (op, count, expected) in [
        (MemOp::Write32, 1, [0xaa, 0xbb, 0xcc, 0xdd]),
        (MemOp::Write32Swap, 1, [0xdd, 0xcc, 0xbb, 0xaa]),
        (MemOp::Write8Swap, 2, [0xdd, 0xcc, 3, 4]),
        (MemOp::Add, 1, [0xab, 0xbd, 0xcf, 0xe1]),
    ] {
        let send = alu(AluOp::B, Dst::Xfer(3), Src::None, b(1));
        let write = access(op, 3, count, a(1), Swap::After(0));
        let tail = vec![send, write, alu(AluOp::B, a(0), Src::None, b(1)), finish()];
        let program = [constant(a(1), 0), constant(b(1), 0xaabb_ccdd), tail].concat();
        let board = run(&program, 1, board()).expect("a good program");
        assert_eq!(board.memory[..4], expected, "{op:?}");
    }
}

#[test]
fn what_the_hardware_would_not_allow_is_a_fault() {
    let undefined = result(&[alu(AluOp::Add, a(0), a(7), b(7)), finish()]);
    assert_eq!(undefined, Err(Breach::Undefined("gprA_7".into())));

    let branch = Insn::Br { cond: Cond::Always, target: Address(board::BASE), defer: 1 };
    assert_eq!(result(&[branch, finish()]), Err(Breach::BranchInSlot));

    let blind = Insn::Br { cond: Cond::Eq, target: Address(DONE), defer: 0 };
    assert_eq!(result(&[blind]), Err(Breach::NoConditionCodes));

    let early = [
        constant(a(1), 0),
        vec![
            access(MemOp::Read32, 0, 1, a(1), Swap::No),
            alu(AluOp::B, a(0), Src::None, Src::Xfer(0)),
            finish(),
        ],
    ];
    assert_eq!(result(&early.concat()), Err(Breach::EarlyRead(0)));

    let sent_too_late = [
        constant(a(1), 0),
        vec![
            alu(AluOp::B, Dst::Xfer(0), Src::None, Src::Imm(1)),
            access(MemOp::Write32, 0, 1, a(1), Swap::No),
            alu(AluOp::B, Dst::Xfer(0), Src::None, Src::Imm(2)),
            finish(),
        ],
    ];
    assert_eq!(result(&sent_too_late.concat()), Err(Breach::EarlyWrite(0)));

    let deaf = Insn::CtxArb { mask: 1 << 5, any: false, defer: 0 };
    assert_eq!(result(&[deaf, finish()]), Err(Breach::NeverWoken));

    let outside = [
        constant(a(1), 1 << 20),
        vec![access(MemOp::Read32, 0, 1, a(1), Swap::After(0)), finish()],
    ];
    assert!(matches!(result(&outside.concat()), Err(Breach::Memory { address: 0x10_0000, .. })));

    let forever = Insn::Br { cond: Cond::Always, target: Address(board::BASE), defer: 0 };
    assert_eq!(result(&[forever]), Err(Breach::Endless));
}

#[test]
fn a_new_pointer_is_seen_after_three_instructions() {
    let place = |offset| Src::Local(LocalMem { pointer: 0, offset, step: None });
    let point = |at| Insn::CsrWrite { csr: Csr::LmAddr0, src: Src::Gpr(at) };
    let store = |value| {
        let dst = Dst::Local(LocalMem { pointer: 0, offset: 0, step: None });
        Insn::Immed { dst, value, shift: 0, invert: false, width: ImmedWidth::All }
    };
    let load = alu(AluOp::B, a(0), Src::None, place(0));
    for between in 0..5 {
        let mut program = [constant(a(1), 0), constant(a(2), 64)].concat();
        program.push(point(a(1)));
        program.extend([Insn::Nop; 3]);
        program.extend([store(10), point(a(2))]);
        program.extend([Insn::Nop; 3]);
        program.extend([store(20), point(a(1))]);
        program.extend(vec![Insn::Nop; between]);
        program.extend([load, finish()]);
        let expected = if between < 3 { 20 } else { 10 };
        assert_eq!(result(&program), Ok(expected), "{between} instructions between");
    }
}

#[test]
fn every_packet_is_seen_once_whatever_the_latencies() {
    // Each packet adds its number to a counter that all contexts share.
    let program = [
        constant(a(1), 0),
        vec![
            alu(AluOp::B, Dst::Xfer(0), Src::None, b(20)),
            access(MemOp::Add, 0, 1, a(1), Swap::After(0)),
            alu(AluOp::B, a(0), Src::None, b(20)),
            finish(),
        ],
    ]
    .concat();
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let board = Board { packets: 100, ..Board::with_memory(&[0; 8]) };
        let board = run(&program, seed, board).expect("a good program");
        let total = u32::from_be_bytes([0, 1, 2, 3].map(|i: usize| board.memory[i]));
        assert_eq!(total, (0..100).sum::<u32>(), "seed {seed}");
        let mut seen = board.results.clone();
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<u32>>());
        lengths.insert(board.cycles);
    }
    assert!(lengths.len() > 5, "seeds give different interleavings: {lengths:?}");
}
