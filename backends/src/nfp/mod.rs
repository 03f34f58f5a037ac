//! The NFP back end: from the optimised `Function` to control-store words of a Netronome flow processor.
//!
//! Bottom up: `insn` (the instructions as types), `operand` (how a register or constant is written into a word), `encode` and
//! `decode` (words), `ecc` (their check bits), `text` (assembler syntax).

pub mod decode;
pub mod ecc;
pub mod encode;
pub mod insn;
pub mod operand;
pub mod text;
