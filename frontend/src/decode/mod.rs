//! Decoder: instruction slots of a linked program to [`Insn`] (RFC 9669, ISA v1 to v4), with every reserved field checked.
//!
//! The linker hands in slots whose relocations are applied; maps are named by their index (`src_reg` 5 and 6 of the
//! 64-bit immediate load). [`crate::encode`] is the exact inverse.

mod alu;
mod flow;
mod jump;
mod memory;
pub(crate) mod opcode;
mod raw;

pub use flow::check_flow;
pub use raw::RawInsn;

use crate::insn::{Insn, Pc, Reg, Size};
use opcode as op;

/// What is wrong with one slot; becomes a diagnostic once the place is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Slot.
    pub pc: Pc,
    /// Stable code, `BL02xx`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Way out.
    pub help: &'static str,
}

pub(crate) const UNKNOWN_OPCODE: &str = "BL0201";
pub(crate) const RESERVED_FIELD: &str = "BL0202";
pub(crate) const BAD_REGISTER: &str = "BL0203";
pub(crate) const JUMP_OUTSIDE: &str = "BL0204";
pub(crate) const JUMP_INTO_IMM64: &str = "BL0205";
pub(crate) const FALLS_OFF: &str = "BL0206";
pub(crate) const BROKEN_IMM64: &str = "BL0207";
pub(crate) const NOT_SUPPORTED: &str = "BL0208";
pub(crate) const BAD_CALL: &str = "BL0209";

const HELP_COMPILER: &str =
    "rebuild the object with clang; a hand-made or damaged instruction stands here";

impl Fault {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { pc: Pc(0), code, message: message.into(), help: HELP_COMPILER }
    }

    fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    fn reserved(field: &str, found: impl std::fmt::Display) -> Self {
        Self::new(RESERVED_FIELD, format!("reserved field {field} must be 0, found {found}"))
    }

    fn unknown(raw: &RawInsn) -> Self {
        Self::new(UNKNOWN_OPCODE, format!("unknown opcode 0x{:02x}", raw.opcode)).help(
            "the instruction is not in RFC 9669 or the kernel's extensions; rebuild the object with -mcpu=v4 or lower",
        )
    }
}

/// One slot to decode, with its surroundings.
struct Slot<'a> {
    raw: &'a RawInsn,
    pc: u32,
    len: usize,
    next: Option<&'a RawInsn>,
}

type Decoded = Result<Insn, Fault>;

/// Decodes `raw`. On error, every faulty slot is reported.
///
/// Jumps are only checked to stay within `raw`; [`check_flow`] checks them against functions.
pub fn decode(raw: &[RawInsn]) -> Result<Vec<Insn>, Vec<Fault>> {
    let mut insns = Vec::with_capacity(raw.len());
    let mut faults = Vec::new();
    let mut tail_is_next = false;
    for (i, r) in raw.iter().enumerate() {
        if std::mem::take(&mut tail_is_next) {
            insns.push(Insn::Imm64Tail);
            continue;
        }
        let slot = Slot { raw: r, pc: i as u32, len: raw.len(), next: raw.get(i + 1) };
        tail_is_next = r.opcode == op::LD | op::SIZE_DW && slot.next.is_some();
        match slot.decode() {
            Ok(insn) => insns.push(insn),
            Err(f) => faults.push(Fault { pc: Pc(i as u32), ..f }),
        }
    }
    if faults.is_empty() {
        Ok(insns)
    } else {
        Err(faults)
    }
}

impl Slot<'_> {
    fn decode(&self) -> Decoded {
        match self.raw.opcode & op::CLASS_MASK {
            op::LD => self.decode_ld(),
            op::LDX => self.decode_ldx(),
            op::ST => self.decode_st(),
            op::STX => self.decode_stx(),
            op::ALU | op::ALU64 => self.decode_alu(),
            _ => self.decode_jump(),
        }
    }

    fn dst(&self) -> Result<Reg, Fault> {
        register(self.raw.dst, "dst_reg")
    }

    fn src(&self) -> Result<Reg, Fault> {
        register(self.raw.src, "src_reg")
    }

    fn no_dst(&self) -> Result<(), Fault> {
        zero(self.raw.dst, "dst_reg")
    }

    fn no_src(&self) -> Result<(), Fault> {
        zero(self.raw.src, "src_reg")
    }

    fn no_off(&self) -> Result<(), Fault> {
        zero(self.raw.off, "offset")
    }

    fn no_imm(&self) -> Result<(), Fault> {
        zero(self.raw.imm, "imm")
    }

    fn size(&self) -> Size {
        match self.raw.opcode & op::SIZE_MASK {
            op::SIZE_B => Size::B1,
            op::SIZE_H => Size::B2,
            op::SIZE_W => Size::B4,
            _ => Size::B8,
        }
    }

    /// The slot `delta` after the next one, if it exists.
    fn target(&self, delta: i32, what: &str) -> Result<Pc, Fault> {
        let t = i64::from(self.pc) + 1 + i64::from(delta);
        if t < 0 || t >= self.len as i64 {
            let len = self.len;
            return Err(Fault::new(
                JUMP_OUTSIDE,
                format!("{what} to slot {t}, outside the program's {len} slots"),
            ));
        }
        Ok(Pc(t as u32))
    }
}

fn register(field: u8, name: &str) -> Result<Reg, Fault> {
    if usize::from(field) < Reg::COUNT {
        Ok(Reg(field))
    } else {
        Err(Fault::new(BAD_REGISTER, format!("{name} is {field}, but registers end at r10")))
    }
}

fn zero<T: Into<i64> + Copy>(field: T, name: &str) -> Result<(), Fault> {
    match field.into() {
        0 => Ok(()),
        found => Err(Fault::reserved(name, found)),
    }
}
