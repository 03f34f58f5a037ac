//! Operand fields of a word: ten bits where every register can be named (*unrestricted*), eight where not (*restricted*).

use super::insn::{Bank, Dst, Gpr, LocalMem, Src, Step};

/// No register, in an unrestricted field.
pub const NONE: u16 = 0x300;

/// No register, in a restricted field; as a source the constant 0.
pub const RESTRICTED_NONE: u8 = 0x20;

/// Why an instruction has no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Both sources would be read through one field.
    #[error("both sources are in bank {0:?}")]
    SameBank(Bank),
    /// Both sources are of a kind of which a word can name just one.
    #[error("both sources are {0}")]
    SameKind(&'static str),
    /// The operand cannot be named in this field.
    #[error("{0} cannot stand here")]
    Operand(&'static str),
    /// A number is out of its range.
    #[error("{0} is out of range")]
    Range(&'static str),
}

fn within(value: u8, limit: u8, what: &'static str) -> Result<u16, EncodeError> {
    if value < limit {
        Ok(u16::from(value))
    } else {
        Err(EncodeError::Range(what))
    }
}

fn local(m: LocalMem) -> Result<u16, EncodeError> {
    let pointer = within(m.pointer, 4, "a local memory pointer")? & 1;
    let place = match m.step {
        None => within(m.offset, 16, "a local memory offset")?,
        Some(_) if m.offset != 0 => return Err(EncodeError::Operand("an offset with a step")),
        Some(Step::Up) => 0x10,
        Some(Step::Down) => 0x11,
    };
    Ok(0x200 | pointer << 5 | place)
}

fn restricted_local(m: LocalMem) -> Result<u8, EncodeError> {
    if m.step.is_some() {
        return Err(EncodeError::Operand("a local memory step"));
    }
    let pointer = within(m.pointer, 4, "a local memory pointer")? & 1;
    Ok((0x50 | pointer << 3 | within(m.offset, 8, "a local memory offset")?) as u8)
}

/// An unrestricted source field.
///
/// # Errors
/// If a number is out of range.
pub fn source(src: Src) -> Result<u16, EncodeError> {
    Ok(match src {
        Src::None => NONE,
        Src::Gpr(r) => within(r.number, 32, "a register number")?,
        Src::XferIndexed => 0x100,
        Src::Xfer(n) => 0x180 | within(n, 64, "a transfer register number")?,
        Src::Local(m) => local(m)?,
        Src::Imm(c) => 0x300 | u16::from(c),
    })
}

/// An unrestricted destination field; a register counts by its number alone.
///
/// # Errors
/// If a number is out of range.
pub fn destination(dst: Dst) -> Result<u16, EncodeError> {
    source(match dst {
        Dst::None => Src::None,
        Dst::Gpr(r) => Src::Gpr(r),
        Dst::Both(n) => Src::Gpr(Gpr::a(n)),
        Dst::Xfer(n) => Src::Xfer(n),
        Dst::XferIndexed => Src::XferIndexed,
        Dst::Local(m) => Src::Local(m),
    })
}

/// A restricted source field and the eighth bit of a constant.
///
/// # Errors
/// If the operand has no restricted form.
pub fn restricted_source(src: Src) -> Result<(u8, bool), EncodeError> {
    Ok(match src {
        Src::None => (RESTRICTED_NONE, false),
        Src::Gpr(r) => (within(r.number, 32, "a register number")? as u8, false),
        Src::XferIndexed => (0x40, false),
        Src::Xfer(n) => {
            let n = within(n, 64, "a transfer register number")? as u8;
            (0x80 | (n & 0x20) << 1 | n & 0x1f, false)
        }
        Src::Local(m) => (restricted_local(m)?, false),
        Src::Imm(c) => (RESTRICTED_NONE | c & 0x1f | (c & 0x60) << 1, c >= 0x80),
    })
}

/// A restricted destination field.
///
/// # Errors
/// If the operand has no restricted form.
pub fn restricted_destination(dst: Dst) -> Result<u8, EncodeError> {
    let as_source = match dst {
        Dst::None => Src::None,
        Dst::Gpr(r) => Src::Gpr(r),
        Dst::Both(n) => Src::Gpr(Gpr::a(n)),
        Dst::Xfer(n) => Src::Xfer(n),
        Dst::XferIndexed => Src::XferIndexed,
        Dst::Local(m) => Src::Local(m),
    };
    Ok(restricted_source(as_source)?.0)
}

/// The source that an unrestricted field of `bank` names; `extended` selects local memory pointers 2 and 3.
pub fn read_source(field: u16, bank: Bank, extended: bool) -> Option<Src> {
    let low = (field & 0xff) as u8;
    Some(match field {
        0x000..=0x01f => Src::Gpr(Gpr { bank, number: low }),
        0x100 => Src::XferIndexed,
        0x180..=0x1bf => Src::Xfer(low & 0x3f),
        0x200..=0x23f => {
            let step = match field & 0x1f {
                0x10 => Some(Step::Up),
                0x11 => Some(Step::Down),
                0x12.. => return None,
                _ => None,
            };
            let offset = if step.is_some() { 0 } else { low & 0xf };
            Src::Local(LocalMem { pointer: low >> 5 & 1 | u8::from(extended) << 1, offset, step })
        }
        0x300..=0x3ff => Src::Imm(low),
        _ => return None,
    })
}

/// The source that a restricted field of `bank` names.
pub fn read_restricted(field: u8, bank: Bank, high: bool, extended: bool) -> Option<Src> {
    if field & 0x20 != 0 {
        return Some(Src::Imm(field & 0x1f | (field & 0xc0) >> 1 | u8::from(high) << 7));
    }
    Some(match field {
        0x00..=0x1f => Src::Gpr(Gpr { bank, number: field }),
        0x40 => Src::XferIndexed,
        0x50..=0x5f => Src::Local(LocalMem {
            pointer: field >> 3 & 1 | u8::from(extended) << 1,
            offset: field & 7,
            step: None,
        }),
        0x80..=0x9f => Src::Xfer(field & 0x1f),
        0xc0..=0xdf => Src::Xfer(0x20 | field & 0x1f),
        _ => return None,
    })
}

/// The destination that is written like `src`; `both` banks, or the bank of the register.
pub fn as_destination(src: Src, both: bool) -> Option<Dst> {
    Some(match src {
        Src::Gpr(r) if both => Dst::Both(r.number),
        _ if both => return None,
        Src::Gpr(r) => Dst::Gpr(r),
        Src::Xfer(n) => Dst::Xfer(n),
        Src::XferIndexed => Dst::XferIndexed,
        Src::Local(m) => Dst::Local(m),
        Src::None | Src::Imm(0) => Dst::None,
        Src::Imm(_) => return None,
    })
}
