//! Disassembly in the notation of `llvm-objdump`.

use crate::insn::{Insn, Pc};
use crate::program::Program;

/// The instruction `insn` in slot `pc` of `program`.
pub fn insn(_program: &Program, pc: Pc, insn: &Insn) -> String {
    format!("{pc:?} {insn:?}")
}
