//! Loads, stores, atomic operations and 64-bit immediates (RFC 9669 section 5).

use super::{op, Decoded, Fault, Slot, BROKEN_IMM64, NOT_SUPPORTED, UNKNOWN_OPCODE};
use crate::insn::{AtomicKind, Imm64, Insn, Operand, Size};

impl Slot<'_> {
    fn mode(&self) -> u8 {
        self.raw.opcode & op::MODE_MASK
    }

    pub(super) fn decode_ld(&self) -> Decoded {
        let size = self.size();
        match self.mode() {
            op::MODE_IMM if size == Size::B8 => self.decode_imm64(),
            op::MODE_ABS if size != Size::B8 => {
                self.no_src()?;
                self.no_dst()?;
                self.no_off()?;
                Ok(Insn::LegacyLoad { size, src: None, imm: self.raw.imm })
            }
            op::MODE_IND if size != Size::B8 => {
                self.no_dst()?;
                self.no_off()?;
                Ok(Insn::LegacyLoad { size, src: Some(self.src()?), imm: self.raw.imm })
            }
            _ => Err(Fault::unknown(self.raw)),
        }
    }

    fn decode_imm64(&self) -> Decoded {
        let Some(tail) = self.next else {
            return Err(Fault::new(BROKEN_IMM64, "64-bit immediate load without its second slot"));
        };
        if tail.opcode != 0 || tail.dst != 0 || tail.src != 0 || tail.off != 0 {
            return Err(Fault::new(
                BROKEN_IMM64,
                "second slot of the 64-bit immediate load has fields other than imm",
            ));
        }
        self.no_off()?;
        let dst = self.dst()?;
        let (low, high) = (self.raw.imm as u32, tail.imm as u32);
        let imm = match self.raw.src {
            op::IMM64_VALUE => Imm64::Value(u64::from(high) << 32 | u64::from(low)),
            op::IMM64_MAP_INDEX => {
                self.no_high(high)?;
                Imm64::Map(low as usize)
            }
            op::IMM64_MAP_INDEX_VALUE => Imm64::MapValue(low as usize, high),
            op::IMM64_FUNC => {
                self.no_high(high)?;
                Imm64::Func(self.target(self.raw.imm, "function address")?)
            }
            kind => return Err(unlinked_imm64(kind)),
        };
        Ok(Insn::LoadImm64 { dst, imm })
    }

    fn no_high(&self, high: u32) -> Result<(), Fault> {
        match high {
            0 => Ok(()),
            _ => Err(Fault::reserved("imm of the second slot", high)),
        }
    }

    pub(super) fn decode_ldx(&self) -> Decoded {
        let size = self.size();
        let signed = match self.mode() {
            op::MODE_MEM => false,
            op::MODE_MEMSX if size != Size::B8 => true,
            _ => return Err(Fault::unknown(self.raw)),
        };
        self.no_imm()?;
        Ok(Insn::Load { size, signed, dst: self.dst()?, src: self.src()?, off: self.raw.off })
    }

    pub(super) fn decode_st(&self) -> Decoded {
        if self.mode() != op::MODE_MEM {
            return Err(Fault::unknown(self.raw));
        }
        self.no_src()?;
        let src = Operand::Imm(self.raw.imm);
        Ok(Insn::Store { size: self.size(), dst: self.dst()?, off: self.raw.off, src })
    }

    pub(super) fn decode_stx(&self) -> Decoded {
        match self.mode() {
            op::MODE_MEM => {
                self.no_imm()?;
                let src = Operand::Reg(self.src()?);
                Ok(Insn::Store { size: self.size(), dst: self.dst()?, off: self.raw.off, src })
            }
            op::MODE_ATOMIC => self.decode_atomic(),
            _ => Err(Fault::unknown(self.raw)),
        }
    }

    fn decode_atomic(&self) -> Decoded {
        let imm = self.raw.imm;
        let fetch = imm & op::ATOMIC_FETCH != 0;
        let kind = match imm {
            op::ATOMIC_XCHG => AtomicKind::Xchg,
            op::ATOMIC_CMPXCHG => AtomicKind::CmpXchg,
            op::ATOMIC_LOAD_ACQ => AtomicKind::LoadAcquire,
            op::ATOMIC_STORE_REL => AtomicKind::StoreRelease,
            _ => match imm & !op::ATOMIC_FETCH {
                op::ATOMIC_ADD => AtomicKind::Add,
                op::ATOMIC_OR => AtomicKind::Or,
                op::ATOMIC_AND => AtomicKind::And,
                op::ATOMIC_XOR => AtomicKind::Xor,
                _ => {
                    let message = format!("unknown atomic operation 0x{imm:x}");
                    return Err(Fault::new(UNKNOWN_OPCODE, message));
                }
            },
        };
        let size = self.size();
        let any_size = matches!(kind, AtomicKind::LoadAcquire | AtomicKind::StoreRelease);
        if !any_size && matches!(size, Size::B1 | Size::B2) {
            let bits = size.bytes() * 8;
            let message = format!("atomic operation of {bits} bits; 32 and 64 exist");
            return Err(Fault::new(UNKNOWN_OPCODE, message));
        }
        let (dst, src) = (self.dst()?, self.src()?);
        Ok(Insn::Atomic { kind, size, fetch, dst, off: self.raw.off, src })
    }
}

fn unlinked_imm64(kind: u8) -> Fault {
    let what = match kind {
        op::IMM64_MAP_FD | op::IMM64_MAP_FD_VALUE => {
            "names a map by a file descriptor, which has no meaning in a file"
        }
        op::IMM64_VARIABLE => "names a kernel variable, which does not exist outside the kernel",
        _ => return Fault::reserved("src_reg of the 64-bit immediate load", kind),
    };
    Fault::new(NOT_SUPPORTED, format!("64-bit immediate load {what}"))
        .help("declare the map in section .maps and refer to it by its symbol")
}
