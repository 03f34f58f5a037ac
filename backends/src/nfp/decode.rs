//! Words back to instructions: the other direction of [`super::encode`], for listings and tests.

use super::encode::{encode, NOP};
use super::insn::{
    Address, AddressMode, AluOp, Bank, Command, Cond, Csr, Dst, Gpr, ImmedWidth, Insn, MemOp,
    MulSize, MulStep, Shift, ShiftOp, Src, Swap,
};
use super::operand::{as_destination, read_restricted, read_source, NONE, RESTRICTED_NONE};

/// The 45 instruction bits of a word, by position.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    fn field(self, low: u32, bits: u32) -> u64 {
        self.0 >> low & ((1 << bits) - 1)
    }

    fn byte(self, low: u32, bits: u32) -> u8 {
        self.field(low, bits) as u8
    }

    fn bit(self, at: u32) -> bool {
        self.field(at, 1) == 1
    }

    fn target(self) -> Address {
        Address((self.field(22, 13) | self.field(40, 1) << 13) as u16)
    }

    /// The unrestricted sources in A and B, in the order of the operands.
    fn sources(self, exchanged: bool) -> Option<(Src, Src)> {
        let read = |low, bank| read_source(self.field(low, 10) as u16, bank, self.bit(42));
        let (a, b) = (read(0, Bank::A)?, read(10, Bank::B)?);
        Some(if exchanged { (b, a) } else { (a, b) })
    }

    /// The restricted sources in A and B; `high` is the eighth bit of a constant, `extended` selects local memory
    /// pointers 2 and 3.
    fn restricted(self, high: bool, extended: bool) -> Option<(Src, Src)> {
        let read = |low, bank| read_restricted(self.byte(low, 8), bank, high, extended);
        Some((read(0, Bank::A)?, read(10, Bank::B)?))
    }

    fn bank(self, at: u32) -> Bank {
        if self.bit(at) {
            Bank::B
        } else {
            Bank::A
        }
    }

    fn shift(self) -> Option<Shift> {
        let amount = self.byte(28, 5);
        Some(match (self.field(8, 2), amount) {
            (0, 0) => Shift::None,
            (0, n) => Shift::Rotate(n),
            (1, 0) => Shift::RightIndirect,
            (1, n) => Shift::Right(n),
            (2, 0) => Shift::LeftIndirect,
            (2, n) => Shift::Left(32 - n),
            (3, 0) => Shift::DoubleIndirect,
            (3, n) => Shift::Double(n),
            _ => return None,
        })
    }
}

/// A source that does not count, as [`Src::None`].
fn unused(src: Src, field_is_none: bool) -> Src {
    if field_is_none {
        Src::None
    } else {
        src
    }
}

/// The instruction in `word` (45 bits), if it is one that [`encode`] makes.
pub fn decode(word: u64) -> Option<Insn> {
    let insn = read(Word(word))?;
    (encode(&insn) == Ok(word)).then_some(insn)
}

fn read(w: Word) -> Option<Insn> {
    if w.0 == NOP {
        return Some(Insn::Nop);
    }
    if !w.bit(39) {
        return command(w);
    }
    match (w.field(37, 3), w.field(35, 5)) {
        (0b101, _) => alu(w),
        (0b100, _) => alu_shift(w),
        (_, 0b1_1000) => load_field(w),
        (_, 0b1_1110) => immediate(w),
        (_, 0b1_1111) if w.bit(34) => csr(w),
        (_, 0b1_1111) => multiply(w),
        _ => flow(w),
    }
}

fn alu(w: Word) -> Option<Insn> {
    let op = AluOp::from_code(w.byte(31, 5))?;
    let exchanged = w.bit(30);
    let (a, b) = w.sources(exchanged)?;
    let left = if exchanged { w.field(10, 10) } else { w.field(0, 10) };
    let to = read_source(w.field(20, 10) as u16, w.bank(36), w.bit(43))?;
    Some(Insn::Alu {
        op,
        dst: as_destination(to, w.bit(41))?,
        a: unused(a, op.is_unary() && left == u64::from(NONE)),
        b,
        set_cc: !w.bit(40),
    })
}

fn alu_shift(w: Word) -> Option<Insn> {
    let op = ShiftOp::from_code(w.byte(33, 3))?;
    let (a, b) = w.restricted(w.bit(18), w.bit(42))?;
    let (left, right, field) = if w.bit(19) { (b, a, w.byte(10, 8)) } else { (a, b, w.byte(0, 8)) };
    let to = read_restricted(w.byte(20, 8), w.bank(36), false, w.bit(43))?;
    let shift = w.shift()?;
    let single = op.is_unary() && !matches!(shift, Shift::Double(_) | Shift::DoubleIndirect);
    Some(Insn::AluShift {
        op,
        dst: as_destination(to, w.bit(41))?,
        a: unused(left, single && field == RESTRICTED_NONE && !constant_high(right, w)),
        b: right,
        shift,
        set_cc: !w.bit(40),
    })
}

/// True if the eighth constant bit is set and does not belong to `other`.
fn constant_high(other: Src, w: Word) -> bool {
    w.bit(18) && !matches!(other, Src::Imm(_))
}

fn load_field(w: Word) -> Option<Insn> {
    let (a, b) = w.restricted(w.bit(18), w.bit(42))?;
    let (old, src) = if w.bit(19) { (b, a) } else { (a, b) };
    Some(Insn::LdField {
        dst: as_destination(old, w.bit(41))?,
        mask: w.byte(24, 4),
        src,
        shift: w.shift()?,
        clear: w.bit(20),
        set_cc: w.bit(34),
    })
}

fn immediate(w: Word) -> Option<Insn> {
    let is_constant = |low| w.field(low, 10) >= u64::from(NONE);
    let (low, at, bank) = if is_constant(10) { (10, 0, Bank::A) } else { (0, 10, Bank::B) };
    let to = read_source(w.field(at, 10) as u16, bank, w.bit(43))?;
    Some(Insn::Immed {
        dst: as_destination(to, w.bit(41))?,
        value: (w.field(low, 8) | w.field(20, 8) << 8) as u16,
        shift: w.byte(33, 2),
        invert: w.bit(31),
        width: match w.field(29, 2) {
            0 => ImmedWidth::All,
            1 => ImmedWidth::Byte,
            2 => ImmedWidth::Word,
            _ => return None,
        },
    })
}

fn multiply(w: Word) -> Option<Insn> {
    let size = match w.field(31, 2) {
        0 => MulSize::Start,
        1 => MulSize::M24x8,
        2 => MulSize::M16x16,
        _ => MulSize::M32x32,
    };
    let step = match (size, w.byte(20, 3)) {
        (MulSize::Start, 0) => MulStep::Start,
        (MulSize::Start, _) => return None,
        (_, n @ 0..=3) => MulStep::Step(n),
        (_, 4) => MulStep::Low,
        (_, 5) => MulStep::High,
        _ => return None,
    };
    if matches!(step, MulStep::Low | MulStep::High) {
        let to = read_source(w.field(0, 10) as u16, w.bank(23), w.bit(43))?;
        let dst = as_destination(to, w.bit(41))?;
        return Some(Insn::Mul { step, size, a: Src::None, b: Src::None, dst });
    }
    let (a, b) = w.sources(w.bit(30))?;
    Some(Insn::Mul { step, size, a, b, dst: Dst::None })
}

fn csr(w: Word) -> Option<Insn> {
    let csr = Csr::from_code(u8::try_from(w.field(22, 11)).ok()?)?;
    if !w.bit(21) {
        return Some(Insn::CsrRead { csr });
    }
    let (a, b) = w.sources(false)?;
    let in_b = w.field(0, 10) == u64::from(NONE) && w.field(10, 10) < u64::from(NONE);
    Some(Insn::CsrWrite { csr, src: if in_b { b } else { a } })
}

/// The operand that is a register, of two, and the constant beside it.
fn register_and_constant(a: Src, b: Src) -> Option<(Src, u8)> {
    match (a, b) {
        (Src::Imm(c), Src::Gpr(Gpr { bank: Bank::B, .. })) => Some((b, c)),
        (_, Src::Imm(c)) => Some((a, c)),
        _ => None,
    }
}

fn flow(w: Word) -> Option<Insn> {
    let defer = w.byte(20, 2);
    Some(match w.field(35, 5) {
        0b1_1011 => Insn::Br { cond: Cond::from_code(w.byte(0, 5))?, target: w.target(), defer },
        0b1_1001 => {
            let (a, b) = w.restricted(w.bit(18), w.bit(42))?;
            let (src, value) = register_and_constant(a, b)?;
            let (byte, equal) = (w.byte(8, 2), w.bit(19));
            Insn::BrByte { src, byte, value, equal, target: w.target(), defer }
        }
        0b1_1010 => {
            let (a, b) = w.restricted(false, w.bit(42))?;
            let (src, rotate) = register_and_constant(a, b)?;
            let bit = rotate.wrapping_sub(1) & 31;
            Insn::BrBit { src, bit, set: w.bit(18), target: w.target(), defer }
        }
        0b1_1100 => Insn::CtxArb { mask: w.field(0, 16) as u16, any: w.bit(16), defer },
        0b1_1101 => {
            let (a, b) = w.sources(false)?;
            let (src, low) = register_and_constant(a, b)?;
            Insn::Jump { src, offset: u16::from(low) | (w.field(22, 8) as u16) << 8, defer }
        }
        _ => return None,
    })
}

fn command(w: Word) -> Option<Insn> {
    let (a, b) = w.restricted(false, false)?;
    Some(Insn::Command(Command {
        op: MemOp::from_code((w.field(32, 7) << 2 | w.field(18, 2)) as u16)?,
        xfer: w.byte(20, 5) | w.byte(40, 1) << 5,
        count: w.byte(25, 3) + 1,
        signal: w.byte(28, 4),
        mode: match w.field(42, 3) {
            0 => AddressMode::A40,
            1 => AddressMode::B40,
            4 => AddressMode::Sum32,
            _ => return None,
        },
        a,
        b,
        swap: match w.byte(8, 2) {
            3 => Swap::No,
            n => Swap::After(n),
        },
        indirect: w.bit(41),
    }))
}
