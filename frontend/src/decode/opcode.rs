//! Opcode fields of RFC 9669 section 3, shared by the decoder and the encoder.

/// Instruction classes, bits 0 to 2 of the opcode.
pub const LD: u8 = 0x00;
pub const LDX: u8 = 0x01;
pub const ST: u8 = 0x02;
pub const STX: u8 = 0x03;
pub const ALU: u8 = 0x04;
pub const JMP: u8 = 0x05;
pub const JMP32: u8 = 0x06;
pub const ALU64: u8 = 0x07;

/// The class bits.
pub const CLASS_MASK: u8 = 0x07;
/// Second operand is a register (arithmetic and jumps); byte order "big" for `END` in class `ALU`.
pub const SOURCE_X: u8 = 0x08;
/// Operation bits of arithmetic and jumps.
pub const OP_MASK: u8 = 0xf0;
/// Size bits of loads and stores.
pub const SIZE_MASK: u8 = 0x18;
/// Mode bits of loads and stores.
pub const MODE_MASK: u8 = 0xe0;

/// Sizes of loads and stores.
pub const SIZE_W: u8 = 0x00;
pub const SIZE_H: u8 = 0x08;
pub const SIZE_B: u8 = 0x10;
pub const SIZE_DW: u8 = 0x18;

/// Modes of loads and stores.
pub const MODE_IMM: u8 = 0x00;
pub const MODE_ABS: u8 = 0x20;
pub const MODE_IND: u8 = 0x40;
pub const MODE_MEM: u8 = 0x60;
pub const MODE_MEMSX: u8 = 0x80;
pub const MODE_ATOMIC: u8 = 0xc0;

/// Arithmetic operations.
pub const OP_ADD: u8 = 0x00;
pub const OP_SUB: u8 = 0x10;
pub const OP_MUL: u8 = 0x20;
pub const OP_DIV: u8 = 0x30;
pub const OP_OR: u8 = 0x40;
pub const OP_AND: u8 = 0x50;
pub const OP_LSH: u8 = 0x60;
pub const OP_RSH: u8 = 0x70;
pub const OP_NEG: u8 = 0x80;
pub const OP_MOD: u8 = 0x90;
pub const OP_XOR: u8 = 0xa0;
pub const OP_MOV: u8 = 0xb0;
pub const OP_ARSH: u8 = 0xc0;
pub const OP_END: u8 = 0xd0;

/// Jump operations.
pub const OP_JA: u8 = 0x00;
pub const OP_JEQ: u8 = 0x10;
pub const OP_JGT: u8 = 0x20;
pub const OP_JGE: u8 = 0x30;
pub const OP_JSET: u8 = 0x40;
pub const OP_JNE: u8 = 0x50;
pub const OP_JSGT: u8 = 0x60;
pub const OP_JSGE: u8 = 0x70;
pub const OP_CALL: u8 = 0x80;
pub const OP_EXIT: u8 = 0x90;
pub const OP_JLT: u8 = 0xa0;
pub const OP_JLE: u8 = 0xb0;
pub const OP_JSLT: u8 = 0xc0;
pub const OP_JSLE: u8 = 0xd0;
pub const OP_JCOND: u8 = 0xe0;

/// `imm` of atomic operations.
pub const ATOMIC_FETCH: i32 = 0x01;
pub const ATOMIC_ADD: i32 = 0x00;
pub const ATOMIC_OR: i32 = 0x40;
pub const ATOMIC_AND: i32 = 0x50;
pub const ATOMIC_XOR: i32 = 0xa0;
pub const ATOMIC_XCHG: i32 = 0xe1;
pub const ATOMIC_CMPXCHG: i32 = 0xf1;
pub const ATOMIC_LOAD_ACQ: i32 = 0x100;
pub const ATOMIC_STORE_REL: i32 = 0x110;

/// `src_reg` of the 64-bit immediate load (RFC 9669 section 5.4).
pub const IMM64_VALUE: u8 = 0;
pub const IMM64_MAP_FD: u8 = 1;
pub const IMM64_MAP_FD_VALUE: u8 = 2;
pub const IMM64_VARIABLE: u8 = 3;
pub const IMM64_FUNC: u8 = 4;
pub const IMM64_MAP_INDEX: u8 = 5;
pub const IMM64_MAP_INDEX_VALUE: u8 = 6;

/// `src_reg` of calls (RFC 9669 section 4.3).
pub const CALL_HELPER: u8 = 0;
pub const CALL_LOCAL: u8 = 1;
pub const CALL_KFUNC: u8 = 2;
