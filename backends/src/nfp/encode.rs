//! Instructions to words of 45 bits. Which bits hold what is public: the Linux nfp driver's assembler writes them, GNU binutils' disassembler
//! reads them.

use super::insn::{
    AddressMode, Bank, Command, Dst, Gpr, ImmedWidth, Insn, LocalMem, MulSize, MulStep, Shift,
    ShiftOp, Src, Swap,
};
use super::operand::{
    destination, restricted_destination, restricted_source, source, EncodeError, NONE,
};

type Result<T> = std::result::Result<T, EncodeError>;

/// Result goes to both banks.
const WRITE_BOTH: u64 = 1 << 41;
/// Local memory pointer 2 or 3 as a source.
const SOURCE_EXTENDED: u64 = 1 << 42;
/// Local memory pointer 2 or 3 as the destination.
const DESTINATION_EXTENDED: u64 = 1 << 43;
/// Condition codes stay.
const NO_CC: u64 = 1 << 40;

/// The word that does nothing: a constant to nowhere.
pub const NOP: u64 = 0xf0_000c_0300;

/// Which field reads which operand: left in A and right in B, or exchanged.
struct Placed {
    a: Src,
    b: Src,
    exchanged: bool,
}

fn kind(src: Src) -> Option<&'static str> {
    Some(match src {
        Src::Xfer(_) | Src::XferIndexed => "transfer registers",
        Src::Local(_) => "local memory",
        Src::Imm(_) => "constants",
        Src::Gpr(_) | Src::None => return None,
    })
}

/// Places two sources. A word reads one register of each bank, and one operand of each other kind.
fn place(left: Src, right: Src) -> Result<Placed> {
    if let (Some(l), Some(r)) = (kind(left), kind(right)) {
        if l == r {
            return Err(EncodeError::SameKind(l));
        }
    }
    let bank = |s: Src| match s {
        Src::Gpr(r) => Some(r.bank),
        _ => None,
    };
    match (bank(left), bank(right)) {
        (Some(l), Some(r)) if l == r => Err(EncodeError::SameBank(l)),
        (Some(Bank::B), _) | (_, Some(Bank::A)) => {
            Ok(Placed { a: right, b: left, exchanged: true })
        }
        _ => Ok(Placed { a: left, b: right, exchanged: false }),
    }
}

fn is_extended(m: LocalMem) -> bool {
    m.pointer >= 2
}

fn source_flags(sources: [Src; 2]) -> u64 {
    let extended = sources.iter().any(|s| matches!(s, Src::Local(m) if is_extended(*m)));
    if extended {
        SOURCE_EXTENDED
    } else {
        0
    }
}

fn destination_flags(dst: Dst) -> u64 {
    match dst {
        Dst::Both(_) => WRITE_BOTH,
        Dst::Local(m) if is_extended(m) => DESTINATION_EXTENDED,
        _ => 0,
    }
}

/// 1 if the destination is in bank B.
fn destination_bank(dst: Dst) -> u64 {
    u64::from(matches!(dst, Dst::Gpr(Gpr { bank: Bank::B, .. })))
}

fn cc_flag(set_cc: bool) -> u64 {
    if set_cc {
        0
    } else {
        NO_CC
    }
}

/// A branch target in a word.
fn target(address: u16) -> Result<u64> {
    if address >= 1 << 14 {
        return Err(EncodeError::Range("a branch target"));
    }
    Ok(u64::from(address & 0x1fff) << 22 | u64::from(address >> 13) << 40)
}

fn defer(slots: u8, most: u8) -> Result<u64> {
    if slots > most {
        return Err(EncodeError::Range("the number of defer slots"));
    }
    Ok(u64::from(slots) << 20)
}

/// Code and amount fields of a shift.
fn shift_fields(shift: Shift) -> Result<(u64, u64)> {
    let amount = |n: u8| match n {
        1..=31 => Ok(u64::from(n)),
        _ => Err(EncodeError::Range("a shift amount")),
    };
    Ok(match shift {
        Shift::None => (0, 0),
        Shift::Rotate(n) => (0, amount(n)?),
        Shift::Right(n) => (1, amount(n)?),
        Shift::Left(n) => (2, 32 - amount(n)?),
        Shift::Double(n) => (3, amount(n)?),
        Shift::RightIndirect => (1, 0),
        Shift::LeftIndirect => (2, 0),
        Shift::DoubleIndirect => (3, 0),
    })
}

/// A register as the A or B operand, and a constant or nothing as the other.
fn one_of(src: Src, other: Src) -> Result<(Src, Src)> {
    match src {
        Src::Imm(_) | Src::None if other != Src::None => Err(EncodeError::SameKind("constants")),
        Src::Gpr(Gpr { bank: Bank::B, .. }) => Ok((other, src)),
        _ => Ok((src, other)),
    }
}

/// The word of `insn`, without check bits.
///
/// # Errors
/// If the instruction breaks a rule of the hardware; see [`EncodeError`].
pub fn encode(insn: &Insn) -> Result<u64> {
    match *insn {
        Insn::Alu { op, dst, a, b, set_cc } => {
            let p = place(a, b)?;
            Ok(0b101 << 37
                | u64::from(source(p.a)?)
                | u64::from(source(p.b)?) << 10
                | u64::from(destination(dst)?) << 20
                | u64::from(p.exchanged) << 30
                | u64::from(op.code()) << 31
                | destination_bank(dst) << 36
                | cc_flag(set_cc)
                | destination_flags(dst)
                | source_flags([a, b]))
        }
        Insn::AluShift { op, dst, a, b, shift, set_cc } => {
            if matches!(shift, Shift::Double(_) | Shift::DoubleIndirect) && op != ShiftOp::B {
                return Err(EncodeError::Operand("a double shift"));
            }
            let p = place(a, b)?;
            let ((fa, ha), (fb, hb)) = (restricted_source(p.a)?, restricted_source(p.b)?);
            let (code, amount) = shift_fields(shift)?;
            Ok(0b100 << 37
                | u64::from(fa)
                | code << 8
                | u64::from(fb) << 10
                | u64::from(ha || hb) << 18
                | u64::from(p.exchanged) << 19
                | u64::from(restricted_destination(dst)?) << 20
                | amount << 28
                | u64::from(op.code()) << 33
                | destination_bank(dst) << 36
                | cc_flag(set_cc)
                | destination_flags(dst)
                | source_flags([a, b]))
        }
        Insn::LdField { dst, mask, src, shift, clear, set_cc } => {
            load_field(dst, mask, src, shift, clear, set_cc)
        }
        Insn::Immed { dst, value, shift, invert, width } => {
            immediate(dst, value, shift, invert, width)
        }
        Insn::Mul { step, size, a, b, dst } => multiply(step, size, a, b, dst),
        Insn::CsrWrite { csr, src } => {
            let (a, b) = one_of(src, Src::None)?;
            Ok(0b111_1110 << 33
                | u64::from(source(a)?)
                | u64::from(source(b)?) << 10
                | 1 << 21
                | u64::from(csr.code()) << 22
                | source_flags([src, Src::None]))
        }
        Insn::CsrRead { csr } => Ok(0b111_1110 << 33
            | u64::from(NONE)
            | u64::from(NONE) << 10
            | u64::from(csr.code()) << 22),
        Insn::Command(c) => command(&c),
        Insn::Nop => Ok(NOP),
        _ => flow(insn),
    }
}

/// Branches and giving way.
fn flow(insn: &Insn) -> Result<u64> {
    match *insn {
        Insn::Br { cond, target: to, defer: slots } => {
            let always = cond == super::insn::Cond::Always;
            Ok(0b1_1011 << 35
                | u64::from(cond.code())
                | 1 << 5
                | u64::from(!always) << 8
                | 2 << 14
                | defer(slots, if always { 2 } else { 3 })?
                | target(to.0)?)
        }
        Insn::BrByte { src, byte, value, equal, target: to, defer: slots } => {
            let (a, b) = one_of(src, Src::Imm(value))?;
            let ((fa, ha), (fb, hb)) = (restricted_source(a)?, restricted_source(b)?);
            if byte > 3 {
                return Err(EncodeError::Range("a byte number"));
            }
            Ok(0b1_1001 << 35
                | u64::from(fa)
                | u64::from(byte) << 8
                | u64::from(fb) << 10
                | u64::from(ha || hb) << 18
                | u64::from(equal) << 19
                | defer(slots, 3)?
                | target(to.0)?
                | source_flags([src, Src::None]))
        }
        Insn::BrBit { src, bit, set, target: to, defer: slots } => {
            if bit > 31 {
                return Err(EncodeError::Range("a bit number"));
            }
            let (a, b) = one_of(src, Src::Imm((bit + 1) & 31))?;
            Ok(0b1_1010 << 35
                | u64::from(restricted_source(a)?.0)
                | u64::from(restricted_source(b)?.0) << 10
                | u64::from(set) << 18
                | defer(slots, 3)?
                | target(to.0)?
                | source_flags([src, Src::None]))
        }
        Insn::CtxArb { mask, any, defer: slots } => {
            Ok(0b1_1100 << 35 | u64::from(mask) | u64::from(any) << 16 | defer(slots, 2)?)
        }
        Insn::Jump { src, offset, defer: slots } => {
            let (a, b) = one_of(src, Src::Imm(offset as u8))?;
            Ok(0b1_1101_0000 << 31
                | u64::from(source(a)?)
                | u64::from(source(b)?) << 10
                | defer(slots, 3)?
                | u64::from(offset >> 8) << 22
                | source_flags([src, Src::None]))
        }
        _ => unreachable!("the caller encodes every other instruction"),
    }
}

fn load_field(
    dst: Dst,
    mask: u8,
    src: Src,
    shift: Shift,
    clear: bool,
    set_cc: bool,
) -> Result<u64> {
    if mask == 0 || mask > 0xf {
        return Err(EncodeError::Range("a byte mask"));
    }
    if matches!(shift, Shift::Double(_) | Shift::DoubleIndirect) {
        return Err(EncodeError::Operand("a double shift"));
    }
    let read = as_source(dst)?;
    let in_b = matches!(read, Src::Gpr(Gpr { bank: Bank::B, .. }));
    // With the destination in both banks, the old value is read through the field that the source leaves free.
    let in_b = in_b || matches!((dst, src), (Dst::Both(_), Src::Gpr(Gpr { bank: Bank::A, .. })));
    let read = match read {
        Src::Gpr(r) if in_b => Src::Gpr(Gpr::b(r.number)),
        other => other,
    };
    let (a, b) = if in_b { (src, read) } else { (read, src) };
    let placed = place(a, b)?;
    if placed.exchanged {
        return Err(EncodeError::Operand("a source in the destination's bank"));
    }
    let ((fa, ha), (fb, hb)) = (restricted_source(a)?, restricted_source(b)?);
    let (code, amount) = shift_fields(shift)?;
    let destination_extended = match dst {
        Dst::Local(m) if is_extended(m) => SOURCE_EXTENDED | DESTINATION_EXTENDED,
        _ => destination_flags(dst),
    };
    Ok(0b1_1000 << 35
        | u64::from(fa)
        | code << 8
        | u64::from(fb) << 10
        | u64::from(ha || hb) << 18
        | u64::from(in_b) << 19
        | u64::from(clear) << 20
        | u64::from(mask) << 24
        | amount << 28
        | u64::from(set_cc) << 34
        | destination_extended
        | source_flags([a, b]))
}

/// The destination as the source that `ld_field` reads.
fn as_source(dst: Dst) -> Result<Src> {
    Ok(match dst {
        Dst::Gpr(r) => Src::Gpr(r),
        Dst::Both(n) => Src::Gpr(Gpr::a(n)),
        Dst::Xfer(n) => Src::Xfer(n),
        Dst::XferIndexed => Src::XferIndexed,
        Dst::Local(m) => Src::Local(m),
        Dst::None => return Err(EncodeError::Operand("this destination")),
    })
}

fn immediate(dst: Dst, value: u16, shift: u8, invert: bool, width: ImmedWidth) -> Result<u64> {
    if shift > 2 || (width == ImmedWidth::Word && shift == 1) {
        return Err(EncodeError::Range("the shift of a constant"));
    }
    let (low, to) = (u64::from(NONE) | u64::from(value & 0xff), u64::from(destination(dst)?));
    let in_b = matches!(dst, Dst::Gpr(Gpr { bank: Bank::B, .. }));
    let (a, b) = if in_b { (low, to) } else { (to, low) };
    Ok(0b1_1110 << 35
        | a
        | b << 10
        | u64::from(value >> 8) << 20
        | u64::from(width == ImmedWidth::Byte) << 29
        | u64::from(width == ImmedWidth::Word) << 30
        | u64::from(invert) << 31
        | u64::from(shift) << 33
        | destination_flags(dst))
}

fn multiply(step: MulStep, size: MulSize, a: Src, b: Src, dst: Dst) -> Result<u64> {
    let number = match step {
        MulStep::Start => 0,
        MulStep::Step(n @ 0..=3) => u64::from(n),
        MulStep::Step(_) => return Err(EncodeError::Range("a multiplication step")),
        MulStep::Low => 4,
        MulStep::High => 5,
    };
    if (step == MulStep::Start) != (size == MulSize::Start) {
        return Err(EncodeError::Operand("this size of a multiplication step"));
    }
    let head = 0b111_1100 << 33 | number << 20 | (size as u64) << 31;
    if matches!(step, MulStep::Low | MulStep::High) {
        if dst == Dst::None {
            return Err(EncodeError::Operand("no destination"));
        }
        return Ok(head
            | u64::from(destination(dst)?)
            | u64::from(NONE) << 10
            | destination_bank(dst) << 23
            | destination_flags(dst));
    }
    let p = place(a, b)?;
    Ok(head
        | u64::from(source(p.a)?)
        | u64::from(source(p.b)?) << 10
        | u64::from(p.exchanged) << 30
        | source_flags([a, b]))
}

/// An address operand of a command: bank is given by the field.
fn address(src: Src, bank: Bank) -> Result<u64> {
    match src {
        Src::Gpr(r) if r.bank != bank => Err(EncodeError::Operand("a register of the other bank")),
        Src::Imm(128..) => Err(EncodeError::Range("a constant of a command")),
        Src::Local(m) if is_extended(m) => Err(EncodeError::Operand("local memory pointer 2 or 3")),
        _ => Ok(u64::from(restricted_source(src)?.0)),
    }
}

fn command(c: &Command) -> Result<u64> {
    place(c.a, c.b)?;
    if c.xfer > 63 || c.signal > 15 || !(1..=8).contains(&c.count) {
        return Err(EncodeError::Range("a field of a command"));
    }
    let swap = match c.swap {
        Swap::After(n @ 0..=2) => u64::from(n),
        Swap::After(_) => return Err(EncodeError::Range("the number of defer slots")),
        Swap::No => 3,
    };
    let mode = match c.mode {
        AddressMode::A40 => 0,
        AddressMode::B40 => 1,
        AddressMode::Sum32 => 4,
    };
    Ok(address(c.a, Bank::A)?
        | swap << 8
        | address(c.b, Bank::B)? << 10
        | u64::from(c.op.code() & 3) << 18
        | u64::from(c.xfer & 0x1f) << 20
        | u64::from(c.count - 1) << 25
        | u64::from(c.signal) << 28
        | u64::from(c.op.code() >> 2) << 32
        | u64::from(c.xfer >> 5) << 40
        | u64::from(c.indirect) << 41
        | mode << 42)
}
