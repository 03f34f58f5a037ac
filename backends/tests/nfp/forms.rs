//! Every instruction form with many operands.

use beeline_backends::nfp::insn::{
    Address, AddressMode, AluOp, Command, Cond, Csr, Dst, Gpr, ImmedWidth, Insn, LocalMem, MemOp,
    MulSize, MulStep, Shift, ShiftOp, Src, Step, Swap,
};

fn local(pointer: u8, offset: u8) -> LocalMem {
    LocalMem { pointer, offset, step: None }
}

fn sources() -> Vec<Src> {
    let mut all = vec![Src::XferIndexed];
    all.extend([0, 1, 15, 31].map(|n| Src::Gpr(Gpr::a(n))));
    all.extend([0, 2, 22, 31].map(|n| Src::Gpr(Gpr::b(n))));
    all.extend([0, 7, 31].map(Src::Xfer));
    all.extend([0, 1, 0x1f, 0x20, 0x55, 0x7f, 0x80, 0xff].map(Src::Imm));
    all.extend([(0, 0), (1, 7), (2, 3), (3, 5)].map(|(p, o)| Src::Local(local(p, o))));
    all
}

fn destinations() -> Vec<Dst> {
    let mut all = vec![Dst::None, Dst::XferIndexed, Dst::Both(9)];
    all.extend([0, 13, 31].map(|n| Dst::Gpr(Gpr::a(n))));
    all.extend([0, 5, 31].map(|n| Dst::Gpr(Gpr::b(n))));
    all.extend([0, 31].map(Dst::Xfer));
    all.extend([(0, 1), (3, 7)].map(|(p, o)| Dst::Local(local(p, o))));
    all
}

fn shifts() -> Vec<Shift> {
    let mut all =
        vec![Shift::None, Shift::LeftIndirect, Shift::RightIndirect, Shift::DoubleIndirect];
    for n in [1, 8, 31] {
        all.extend([Shift::Left(n), Shift::Right(n), Shift::Rotate(n), Shift::Double(n)]);
    }
    all
}

/// Operand pairs; most fit a word.
fn pairs() -> Vec<(Src, Src)> {
    let all = sources();
    all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))).collect()
}

fn wide_local() -> Vec<Insn> {
    let mut out = Vec::new();
    for pointer in 0..4 {
        for (offset, step) in [(15, None), (0, Some(Step::Up)), (0, Some(Step::Down))] {
            let m = LocalMem { pointer, offset, step };
            let (op, set_cc) = (AluOp::Add, true);
            let r = Gpr::b(4);
            out.push(Insn::Alu { op, dst: Dst::Gpr(r), a: Src::Local(m), b: Src::Imm(3), set_cc });
            out.push(Insn::Alu { op, dst: Dst::Local(m), a: Src::Gpr(r), b: Src::Imm(3), set_cc });
        }
    }
    out
}

fn arithmetic() -> Vec<Insn> {
    let mut out = wide_local();
    for (a, b) in pairs() {
        for &op in AluOp::ALL.iter().filter(|o| !o.is_unary()) {
            out.push(Insn::Alu { op, dst: Dst::Gpr(Gpr::a(3)), a, b, set_cc: op == AluOp::Sub });
        }
        for shift in shifts() {
            let double = matches!(shift, Shift::Double(_) | Shift::DoubleIndirect);
            let op = if double { ShiftOp::B } else { ShiftOp::Or };
            let dst = Dst::Gpr(Gpr::b(3));
            out.push(Insn::AluShift { op, dst, a, b, shift, set_cc: false });
        }
    }
    for dst in destinations() {
        for b in sources() {
            for &op in AluOp::ALL.iter().filter(|o| o.is_unary()) {
                out.push(Insn::Alu { op, dst, a: Src::None, b, set_cc: true });
            }
            for &op in ShiftOp::ALL.iter().filter(|o| o.is_unary()) {
                let (a, shift) = (Src::None, Shift::Right(5));
                out.push(Insn::AluShift { op, dst, a, b, shift, set_cc: true });
            }
            for mask in [1, 6, 15] {
                for shift in [Shift::None, Shift::Left(8), Shift::Right(16), Shift::Rotate(24)] {
                    let (clear, set_cc) = (mask == 6, mask == 1);
                    out.push(Insn::LdField { dst, mask, src: b, shift, clear, set_cc });
                }
            }
        }
        for value in [0, 0xff, 0x1234, 0xffff].into_iter().filter(|_| dst != Dst::None) {
            for shift in 0..3 {
                for width in [ImmedWidth::All, ImmedWidth::Word, ImmedWidth::Byte] {
                    out.push(Insn::Immed { dst, value, shift, invert: value == 0x1234, width });
                }
            }
        }
        for size in [MulSize::M24x8, MulSize::M16x16, MulSize::M32x32] {
            for step in [MulStep::Low, MulStep::High] {
                out.push(Insn::Mul { step, size, a: Src::None, b: Src::None, dst });
            }
        }
    }
    for (a, b) in [(Gpr::a(1), Gpr::b(2)), (Gpr::b(7), Gpr::a(8))] {
        let (a, b, dst) = (Src::Gpr(a), Src::Gpr(b), Dst::None);
        out.push(Insn::Mul { step: MulStep::Start, size: MulSize::Start, a, b, dst });
        for size in [MulSize::M24x8, MulSize::M16x16, MulSize::M32x32] {
            out.extend((0..4).map(|n| Insn::Mul { step: MulStep::Step(n), size, a, b, dst }));
        }
    }
    out
}

fn control() -> Vec<Insn> {
    let mut out = vec![Insn::Nop];
    for target in [Address(0), Address(77), Address(8191), Address(16383)] {
        for &cond in Cond::ALL {
            for defer in 0..4 {
                out.push(Insn::Br { cond, target, defer });
            }
        }
        for src in sources() {
            for (n, defer) in [(0, 0), (2, 1), (3, 3)] {
                let equal = n == 2;
                for value in [0, 6, 0x86, 0xff] {
                    out.push(Insn::BrByte { src, byte: n, value, equal, target, defer });
                }
                out.push(Insn::BrBit { src, bit: 10 * n + 1, set: equal, target, defer });
            }
        }
    }
    for src in sources() {
        for offset in [0, 5, 0x1ff] {
            out.push(Insn::Jump { src, offset, defer: 3 });
        }
        out.extend(Csr::ALL.iter().map(|&csr| Insn::CsrWrite { csr, src }));
    }
    out.extend(Csr::ALL.iter().map(|&csr| Insn::CsrRead { csr }));
    for mask in [0, 1, 2, 0x8004] {
        for any in [false, true] {
            out.extend((0..3).map(|defer| Insn::CtxArb { mask, any, defer }));
        }
    }
    out
}

fn commands() -> Vec<Insn> {
    let mut out = Vec::new();
    for (a, b) in pairs() {
        for (i, &op) in MemOp::ALL.iter().enumerate() {
            let i = i as u8;
            out.push(Insn::Command(Command {
                op,
                xfer: [0, 9, 31, 40][usize::from(i % 4)],
                count: i % 8 + 1,
                signal: i % 16,
                mode: [AddressMode::A40, AddressMode::B40, AddressMode::Sum32][usize::from(i % 3)],
                a,
                b,
                swap: [Swap::After(0), Swap::After(1), Swap::After(2), Swap::No]
                    [usize::from(i % 4)],
                indirect: i == 7,
            }));
        }
    }
    out
}

/// All of them; some break a rule of the hardware and have no word.
pub fn all() -> Vec<Insn> {
    [arithmetic(), control(), commands()].concat()
}
