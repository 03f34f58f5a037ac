//! Arithmetic, moves and byte swaps (RFC 9669 section 4.1 and 4.2).

use super::{op, Decoded, Fault, Slot, NOT_SUPPORTED, RESERVED_FIELD};
use crate::insn::{AluOp, Insn, Operand, Swap, Width};

impl Slot<'_> {
    pub(super) fn decode_alu(&self) -> Decoded {
        match self.raw.opcode & op::OP_MASK {
            op::OP_END => self.decode_swap(),
            op::OP_NEG => self.decode_neg(),
            op::OP_MOV => self.decode_mov(),
            _ => self.decode_binary(),
        }
    }

    fn alu_width(&self) -> Width {
        if self.raw.opcode & op::CLASS_MASK == op::ALU64 {
            Width::W64
        } else {
            Width::W32
        }
    }

    /// The second operand; the field that is not it must be zero.
    pub(super) fn operand(&self) -> Result<Operand, Fault> {
        if self.raw.opcode & op::SOURCE_X != 0 {
            self.no_imm()?;
            Ok(Operand::Reg(self.src()?))
        } else {
            self.no_src()?;
            Ok(Operand::Imm(self.raw.imm))
        }
    }

    fn decode_binary(&self) -> Decoded {
        let signed = self.raw.off == 1;
        let alu = match self.raw.opcode & op::OP_MASK {
            op::OP_ADD => AluOp::Add,
            op::OP_SUB => AluOp::Sub,
            op::OP_MUL => AluOp::Mul,
            op::OP_DIV if signed => AluOp::Sdiv,
            op::OP_DIV => AluOp::Div,
            op::OP_OR => AluOp::Or,
            op::OP_AND => AluOp::And,
            op::OP_LSH => AluOp::Lsh,
            op::OP_RSH => AluOp::Rsh,
            op::OP_MOD if signed => AluOp::Smod,
            op::OP_MOD => AluOp::Mod,
            op::OP_XOR => AluOp::Xor,
            op::OP_ARSH => AluOp::Arsh,
            _ => return Err(Fault::unknown(self.raw)),
        };
        if !matches!(alu, AluOp::Sdiv | AluOp::Smod) {
            self.no_off()?;
        }
        let (dst, src) = (self.dst()?, self.operand()?);
        let width = self.alu_width();
        check_immediate(alu, width, src)?;
        Ok(Insn::Alu { op: alu, width, dst, src })
    }

    fn decode_neg(&self) -> Decoded {
        if self.raw.opcode & op::SOURCE_X != 0 {
            return Err(Fault::unknown(self.raw));
        }
        self.no_src()?;
        self.no_off()?;
        self.no_imm()?;
        Ok(Insn::Neg { width: self.alu_width(), dst: self.dst()? })
    }

    fn decode_mov(&self) -> Decoded {
        let width = self.alu_width();
        let from_reg = self.raw.opcode & op::SOURCE_X != 0;
        match (from_reg, self.raw.off) {
            (_, 0) => {
                let (dst, src) = (self.dst()?, self.operand()?);
                Ok(Insn::Alu { op: AluOp::Mov, width, dst, src })
            }
            (true, 8 | 16) => self.mov_sx(width),
            (true, 32) if width == Width::W64 => self.mov_sx(width),
            (true, 1 | -1) if width == Width::W64 => Err(Fault::new(
                NOT_SUPPORTED,
                "address space cast (arena or per-CPU memory) is not supported",
            )
            .help(
                "keep the data in a map; arenas and per-CPU variables have no place in hardware",
            )),
            (_, off) => Err(Fault::new(
                RESERVED_FIELD,
                format!(
                    "offset of a move must be 0, or 8, 16 or 32 for sign extension, found {off}"
                ),
            )),
        }
    }

    fn mov_sx(&self, width: Width) -> Decoded {
        self.no_imm()?;
        let bits = self.raw.off as u8;
        Ok(Insn::MovSx { width, dst: self.dst()?, src: self.src()?, bits })
    }

    fn decode_swap(&self) -> Decoded {
        let swap = match (self.alu_width(), self.raw.opcode & op::SOURCE_X != 0) {
            (Width::W32, false) => Swap::ToLe,
            (Width::W32, true) => Swap::ToBe,
            (Width::W64, false) => Swap::Always,
            (Width::W64, true) => return Err(Fault::unknown(self.raw)),
        };
        self.no_src()?;
        self.no_off()?;
        let bits = match self.raw.imm {
            16 => 16,
            32 => 32,
            64 => 64,
            n => {
                let message = format!("width of a byte swap must be 16, 32 or 64, found {n}");
                return Err(Fault::new(RESERVED_FIELD, message));
            }
        };
        Ok(Insn::Swap { swap, dst: self.dst()?, bits })
    }
}

/// As the kernel: what a register may hold (division by 0 gives 0, shift amounts are masked), an immediate may not.
fn check_immediate(op: AluOp, width: Width, src: Operand) -> Result<(), Fault> {
    let Operand::Imm(n) = src else { return Ok(()) };
    match op {
        AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod if n == 0 => {
            Err(Fault::new(RESERVED_FIELD, "division by an immediate 0"))
        }
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if !(0..i32::from(width.bits())).contains(&n) => {
            let bits = width.bits();
            Err(Fault::new(RESERVED_FIELD, format!("shift of {bits} bits by an immediate {n}")))
        }
        _ => Ok(()),
    }
}
