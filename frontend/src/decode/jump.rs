//! Jumps, calls and exit (RFC 9669 section 4.3).

use super::{op, Decoded, Fault, Slot, NOT_SUPPORTED};
use crate::insn::{Callee, Cond, Insn, Width};

impl Slot<'_> {
    pub(super) fn decode_jump(&self) -> Decoded {
        let wide = self.raw.opcode & op::CLASS_MASK == op::JMP;
        let from_reg = self.raw.opcode & op::SOURCE_X != 0;
        match self.raw.opcode & op::OP_MASK {
            op::OP_JA if !from_reg => self.decode_goto(wide),
            op::OP_CALL if wide && !from_reg => self.decode_call(),
            op::OP_CALL if wide => Err(Fault::new(
                NOT_SUPPORTED,
                "call through a register: the kernel has no indirect calls",
            )
            .help("call the function by name, or dispatch with a switch")),
            op::OP_EXIT if wide && !from_reg => {
                self.no_dst()?;
                self.no_src()?;
                self.no_off()?;
                self.no_imm()?;
                Ok(Insn::Exit)
            }
            op::OP_JCOND if wide && !from_reg => {
                self.no_dst()?;
                self.no_src()?;
                self.no_imm()?;
                Ok(Insn::MayGoto { target: self.target(self.raw.off.into(), "may_goto")? })
            }
            _ => self.decode_conditional(if wide { Width::W64 } else { Width::W32 }),
        }
    }

    fn decode_goto(&self, wide: bool) -> Decoded {
        self.no_dst()?;
        self.no_src()?;
        let delta = if wide {
            self.no_imm()?;
            self.raw.off.into()
        } else {
            self.no_off()?;
            self.raw.imm
        };
        Ok(Insn::Jump { target: self.target(delta, "jump")?, long: !wide })
    }

    fn decode_call(&self) -> Decoded {
        self.no_dst()?;
        self.no_off()?;
        let imm = self.raw.imm;
        match self.raw.src {
            op::CALL_HELPER => Ok(Insn::Call(Callee::Helper(imm as u32))),
            op::CALL_LOCAL => Ok(Insn::Call(Callee::Local(self.target(imm, "call")?))),
            op::CALL_KFUNC => Ok(Insn::Call(Callee::Kfunc(imm as u32 as usize))),
            n => Err(Fault::reserved("src_reg of a call", n)),
        }
    }

    fn decode_conditional(&self, width: Width) -> Decoded {
        let cond = match self.raw.opcode & op::OP_MASK {
            op::OP_JEQ => Cond::Eq,
            op::OP_JNE => Cond::Ne,
            op::OP_JGT => Cond::Gt,
            op::OP_JGE => Cond::Ge,
            op::OP_JLT => Cond::Lt,
            op::OP_JLE => Cond::Le,
            op::OP_JSET => Cond::Set,
            op::OP_JSGT => Cond::Sgt,
            op::OP_JSGE => Cond::Sge,
            op::OP_JSLT => Cond::Slt,
            op::OP_JSLE => Cond::Sle,
            _ => return Err(Fault::unknown(self.raw)),
        };
        let (dst, src) = (self.dst()?, self.operand()?);
        let target = self.target(self.raw.off.into(), "jump")?;
        Ok(Insn::JumpIf { cond, width, dst, src, target })
    }
}
