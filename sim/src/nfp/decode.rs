//! Control-store words to [`Micro`] operations.
//!
//! Written from the published field layout (`docs/nfp.md`) and not from the encoder of the back end, so that each checks the other.

use super::micro::{
    Access, AddressMode, Condition, Flow, LocalRef, MemoryOp, Micro, Place, Read, Shift, Write,
};

/// Why a word cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWord {
    /// The check bits do not fit.
    #[error("the check bits of word {0:#x} do not fit")]
    CheckBits(u64),
    /// The word is of no class that the engine executes.
    #[error("word {0:#x} is no instruction that the simulator knows")]
    Unknown(u64),
    /// An operand field holds a code without meaning.
    #[error("word {0:#x}: operand {1:#x} has no meaning")]
    Operand(u64, u64),
}

/// The instruction bits that check bit `i` covers.
const COVERAGE: [u64; 7] = [
    0x0ff8_0000_7fff,
    0x11f8_01ff_801f,
    0x1e38_7e07_81e1,
    0x17cb_8e38_8e22,
    0x1af5_b2c9_3244,
    0x1f56_d552_5488,
    0x0daf_69a4_6910,
];

const NO_CC: u32 = 40;
const BOTH_BANKS: u32 = 41;
const EXTENDED_SOURCE: u32 = 42;
const EXTENDED_DESTINATION: u32 = 43;

/// A word taken apart.
struct Fields(u64);

impl Fields {
    fn get(&self, high: u32, low: u32) -> u64 {
        self.0 >> low & ((1 << (high - low + 1)) - 1)
    }

    fn has(&self, bit: u32) -> bool {
        self.get(bit, bit) == 1
    }

    fn bad(&self, operand: u64) -> BadWord {
        BadWord::Operand(self.0, operand)
    }

    /// A ten-bit operand: where it is read. `b_side` says through which field.
    fn wide(&self, low: u32, b_side: bool) -> Result<Read, BadWord> {
        let code = self.get(low + 9, low);
        self.place_of(code, b_side, EXTENDED_SOURCE)
            .map(|p| p.map_or_else(|| Read::Constant(code as u32 & 0xff), Read::Place))
    }

    /// The place that a ten-bit code names; `None` for constants.
    fn place_of(&self, code: u64, b_side: bool, extended: u32) -> Result<Option<Place>, BadWord> {
        let pointer = (code >> 5 & 1) as u8 | u8::from(self.has(extended)) << 1;
        Ok(Some(match code {
            0x000..=0x01f => Place::gpr(b_side, code as u8),
            0x100 => Place::TransferIndexed,
            0x180..=0x1bf => Place::Transfer(code as u8 & 0x3f),
            0x200..=0x23f if code & 0x10 == 0 => {
                Place::Local(LocalRef { pointer, offset: code as u8 & 0xf, step: 0 })
            }
            0x210 | 0x230 => Place::Local(LocalRef { pointer, offset: 0, step: 1 }),
            0x211 | 0x231 => Place::Local(LocalRef { pointer, offset: 0, step: -1 }),
            0x300..=0x3ff => return Ok(None),
            _ => return Err(self.bad(code)),
        }))
    }

    /// An eight-bit operand; constants have their eighth bit elsewhere.
    fn narrow(
        &self,
        low: u32,
        b_side: bool,
        eighth: bool,
        extended: bool,
    ) -> Result<Read, BadWord> {
        let code = self.get(low + 7, low);
        Ok(match self.narrow_place(code, b_side, extended)? {
            Some(place) => Read::Place(place),
            None => {
                let value = code & 0x1f | (code >> 6 & 3) << 5 | u64::from(eighth) << 7;
                Read::Constant(value as u32)
            }
        })
    }

    fn narrow_place(
        &self,
        code: u64,
        b_side: bool,
        extended: bool,
    ) -> Result<Option<Place>, BadWord> {
        if code & 0x20 != 0 {
            return Ok(None);
        }
        let small = code as u8;
        Ok(Some(match code {
            0x00..=0x1f => Place::gpr(b_side, small),
            0x40 => Place::TransferIndexed,
            0x50..=0x5f => {
                let pointer = small >> 3 & 1 | u8::from(extended) << 1;
                Place::Local(LocalRef { pointer, offset: small & 7, step: 0 })
            }
            0x80..=0x9f => Place::Transfer(small & 0x1f),
            0xc0..=0xdf => Place::Transfer(0x20 | small & 0x1f),
            _ => return Err(self.bad(code)),
        }))
    }

    /// A destination: where, in bank B if `in_b`, in both if the word says so.
    fn written(&self, place: Option<Place>, code: u64) -> Result<Write, BadWord> {
        match place {
            Some(Place::A(n) | Place::B(n)) if self.has(BOTH_BANKS) => Ok(Write::Both(n)),
            Some(_) if self.has(BOTH_BANKS) => Err(self.bad(code)),
            Some(place) => Ok(Write::Place(place)),
            None => Ok(Write::Nowhere),
        }
    }

    fn target(&self) -> u16 {
        (self.get(34, 22) | self.get(40, 40) << 13) as u16
    }

    fn defer(&self) -> u8 {
        self.get(21, 20) as u8
    }

    fn shift(&self) -> Shift {
        match (self.get(9, 8), self.get(32, 28) as u8) {
            (0, n) => Shift::Rotate(n),
            (1, 0) => Shift::RightByPrevious,
            (1, n) => Shift::Right(n),
            (2, 0) => Shift::LeftByPrevious,
            (2, n) => Shift::Left(32 - n),
            (_, 0) => Shift::DoubleByPrevious,
            (_, n) => Shift::Double(n),
        }
    }
}

/// Decodes one word of the control store.
///
/// # Errors
/// See [`BadWord`].
pub fn decode(word: u64) -> Result<Micro, BadWord> {
    let insn = word & ((1 << 45) - 1);
    let check = COVERAGE
        .iter()
        .enumerate()
        .fold(0, |c, (i, mask)| c | u64::from((insn & mask).count_ones() & 1) << i);
    if word >> 45 != check {
        return Err(BadWord::CheckBits(word));
    }
    let f = Fields(insn);
    match f.get(39, 35) {
        0b00000..=0b01111 => command(&f),
        0b10000..=0b10011 => alu_shift(&f),
        0b10100..=0b10111 => alu(&f),
        0b11000 => load_field(&f),
        0b11001 => branch_byte(&f),
        0b11010 => branch_bit(&f),
        0b11011 => branch(&f),
        0b11100 => arbitrate(&f),
        0b11101 => jump(&f),
        0b11110 => constant(&f),
        _ if f.get(39, 33) == 0b111_1110 => csr(&f),
        _ if f.get(39, 33) == 0b111_1100 => multiply(&f),
        _ => Err(BadWord::Unknown(insn)),
    }
}

fn alu(f: &Fields) -> Result<Micro, BadWord> {
    let (a, b) = (f.wide(0, false)?, f.wide(10, true)?);
    let (left, right) = if f.has(30) { (b, a) } else { (a, b) };
    let code = f.get(29, 20);
    let dst = f.written(f.place_of(code, f.has(36), EXTENDED_DESTINATION)?, code)?;
    let op = f.get(35, 31) as u8;
    const KNOWN: [u8; 14] = [0, 1, 4, 5, 8, 9, 0xc, 0xd, 0xe, 0x10, 0x11, 0x14, 0x15, 0x18];
    if !KNOWN.contains(&op) && op != 0x19 {
        return Err(BadWord::Unknown(f.0));
    }
    Ok(Micro::Alu { op, dst, left, right, set_cc: !f.has(NO_CC) })
}

fn alu_shift(f: &Fields) -> Result<Micro, BadWord> {
    let (eighth, extended) = (f.has(18), f.has(EXTENDED_SOURCE));
    let a = f.narrow(0, false, eighth, extended)?;
    let b = f.narrow(10, true, eighth, extended)?;
    let (left, right) = if f.has(19) { (b, a) } else { (a, b) };
    let code = f.get(27, 20);
    let place = f.narrow_place(code, f.has(36), f.has(EXTENDED_DESTINATION))?;
    let (op, shift) = (f.get(35, 33) as u8, f.shift());
    let double = matches!(shift, Shift::Double(_) | Shift::DoubleByPrevious);
    if op > 6 || (double && op != 0) {
        return Err(BadWord::Unknown(f.0));
    }
    let dst = f.written(place, code)?;
    Ok(Micro::AluShift { op, dst, left, right, shift, set_cc: !f.has(NO_CC) })
}

fn load_field(f: &Fields) -> Result<Micro, BadWord> {
    let (eighth, extended) = (f.has(18), f.has(EXTENDED_SOURCE));
    let in_b = f.has(19);
    let (at_dst, at_src) = if in_b { (10, 0) } else { (0, 10) };
    let code = f.get(at_dst + 7, at_dst);
    let place = f.narrow_place(code, in_b, extended)?.ok_or_else(|| f.bad(code))?;
    let lanes = (0..4).filter(|i| f.has(24 + i)).fold(0, |m, i| m | 0xff_u32 << (8 * i));
    Ok(Micro::LoadField {
        dst: f.written(Some(place), code)?,
        old: Read::Place(place),
        lanes,
        src: f.narrow(at_src, !in_b, eighth, extended)?,
        shift: f.shift(),
        clear: f.has(20),
        set_cc: f.has(34),
    })
}

fn constant(f: &Fields) -> Result<Micro, BadWord> {
    let (a, b) = (f.get(9, 0), f.get(19, 10));
    let (code, low, in_b) = if b >= 0x300 { (a, b, false) } else { (b, a, true) };
    if low < 0x300 {
        return Err(f.bad(low));
    }
    let place = f.place_of(code, in_b, EXTENDED_DESTINATION)?;
    let value = (low as u32 & 0xff | (f.get(27, 20) as u32) << 8) << (8 * f.get(34, 33));
    let value = if f.has(31) { !value } else { value };
    let lanes = match (f.get(30, 29), f.get(34, 33)) {
        (0, _) => u32::MAX,
        (1, n) => 0xff << (8 * n),
        (2, 0) => 0xffff,
        (2, 2) => 0xffff_0000,
        _ => return Err(BadWord::Unknown(f.0)),
    };
    let dst = f.written(place, code)?;
    let old = place.map_or(Read::Constant(0), Read::Place);
    Ok(Micro::Constant { dst, old, lanes, value })
}

fn branch(f: &Fields) -> Result<Micro, BadWord> {
    let condition = Condition::from_code(f.get(4, 0) as u8).ok_or(BadWord::Unknown(f.0))?;
    if !f.has(5) {
        return Err(BadWord::Unknown(f.0));
    }
    let most = if condition == Condition::Always { 2 } else { 3 };
    if f.defer() > most {
        return Err(BadWord::Unknown(f.0));
    }
    Ok(Micro::Flow(Flow::Branch { condition, target: f.target(), defer: f.defer() }))
}

/// The operand that is no constant, and the constant.
fn tested(f: &Fields, eighth: bool) -> Result<(Read, u32), BadWord> {
    let extended = f.has(EXTENDED_SOURCE);
    let a = f.narrow(0, false, eighth, extended)?;
    let b = f.narrow(10, true, eighth, extended)?;
    match (a, b) {
        (Read::Place(_), Read::Constant(c)) => Ok((a, c)),
        (Read::Constant(c), Read::Place(_)) => Ok((b, c)),
        _ => Err(BadWord::Unknown(f.0)),
    }
}

fn branch_byte(f: &Fields) -> Result<Micro, BadWord> {
    let (src, value) = tested(f, f.has(18))?;
    Ok(Micro::Flow(Flow::BranchByte {
        src,
        byte: f.get(9, 8) as u8,
        value: value as u8,
        equal: f.has(19),
        target: f.target(),
        defer: f.defer(),
    }))
}

fn branch_bit(f: &Fields) -> Result<Micro, BadWord> {
    if f.has(19) || f.get(9, 8) != 0 {
        return Err(BadWord::Unknown(f.0));
    }
    let (src, rotate) = tested(f, false)?;
    let bit = (rotate.wrapping_sub(1) & 31) as u8;
    Ok(Micro::Flow(Flow::BranchBit {
        src,
        bit,
        set: f.has(18),
        target: f.target(),
        defer: f.defer(),
    }))
}

fn arbitrate(f: &Fields) -> Result<Micro, BadWord> {
    if f.has(17) || f.has(18) || f.has(19) || f.defer() > 2 {
        return Err(BadWord::Unknown(f.0));
    }
    let signals = f.get(15, 0) as u16;
    Ok(Micro::Flow(Flow::Arbitrate { signals, any: f.has(16), defer: f.defer() }))
}

fn jump(f: &Fields) -> Result<Micro, BadWord> {
    let (a, b) = (f.wide(0, false)?, f.wide(10, true)?);
    let (src, low) = match (a, b) {
        (Read::Place(_), Read::Constant(c)) => (a, c),
        (Read::Constant(c), Read::Place(_)) => (b, c),
        _ => return Err(BadWord::Unknown(f.0)),
    };
    let offset = low as u16 | (f.get(29, 22) as u16) << 8;
    Ok(Micro::Flow(Flow::Jump { src, offset, defer: f.defer() }))
}

fn csr(f: &Fields) -> Result<Micro, BadWord> {
    let number = f.get(32, 22) as u16;
    if !f.has(21) {
        return Ok(Micro::CsrRead { number });
    }
    let (a, b) = (f.get(9, 0), f.get(19, 10));
    let src = if a == 0x300 && b != 0x300 { f.wide(10, true)? } else { f.wide(0, false)? };
    Ok(Micro::CsrWrite { number, src })
}

fn multiply(f: &Fields) -> Result<Micro, BadWord> {
    let (steps, size) = (f.get(22, 20) as u8, f.get(32, 31) as u8);
    match (size, steps) {
        (0, 0) | (1..=3, 0..=3) => {
            let (a, b) = (f.wide(0, false)?, f.wide(10, true)?);
            let (left, right) = if f.has(30) { (b, a) } else { (a, b) };
            let step = if size == 0 { 0 } else { steps + 1 };
            Ok(Micro::MultiplyStep { size, step, left, right })
        }
        (1..=3, 4 | 5) => {
            let code = f.get(9, 0);
            let place = f.place_of(code, f.has(23), EXTENDED_DESTINATION)?;
            Ok(Micro::MultiplyResult { size, high: steps == 5, dst: f.written(place, code)? })
        }
        _ => Err(BadWord::Unknown(f.0)),
    }
}

fn command(f: &Fields) -> Result<Micro, BadWord> {
    let op = MemoryOp::from_code(f.get(38, 32) as u8, f.get(19, 18) as u8)
        .ok_or(BadWord::Unknown(f.0))?;
    let mode = match f.get(44, 42) {
        0 => AddressMode::LeftHigh,
        1 => AddressMode::RightHigh,
        4 => AddressMode::Sum,
        _ => return Err(BadWord::Unknown(f.0)),
    };
    let swap = match f.get(9, 8) as u8 {
        3 => None,
        n => Some(n),
    };
    Ok(Micro::Command(Access {
        op,
        transfer: (f.get(24, 20) | f.get(40, 40) << 5) as u8,
        count: f.get(27, 25) as u8 + 1,
        signal: f.get(31, 28) as u8,
        mode,
        left: f.narrow(0, false, false, false)?,
        right: f.narrow(10, true, false, false)?,
        swap,
        indirect: f.has(41),
    }))
}
