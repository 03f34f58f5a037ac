//! Beeline's front end: ELF object in, verified program and IR out.

pub mod btf;
pub mod cfg;
pub mod decode;
pub mod disasm;
mod elf;
pub mod encode;
pub mod facts;
pub mod insn;
pub mod lift;
pub mod object;
pub mod program;
pub mod verifier;

pub use facts::VerifiedProgram;
pub use insn::{Insn, Pc, Reg};
pub use object::{load, LoadError, Object};
pub use program::{MapDef, Program};
