//! Beeline's front end: ELF object in, verified program and IR out.

pub mod disasm;
pub mod facts;
pub mod insn;
pub mod program;

pub use facts::VerifiedProgram;
pub use insn::{Insn, Pc, Reg};
pub use program::{MapDef, Program};
