//! Encoder: the exact inverse of [`crate::decode`].

use crate::decode::{opcode as op, RawInsn};
use crate::insn::{AluOp, AtomicKind, Callee, Cond, Imm64, Insn, Operand, Pc, Size, Swap, Width};

/// What stands for a map, or its value, in the encoded program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapRef {
    /// The map's index (`src_reg` 5 and 6), as [`crate::decode::decode`] reads it back.
    Index(u32),
    /// A file descriptor of the running process (`src_reg` 1 and 2), for loading into the kernel.
    Fd(i32),
}

/// Encodes linked instructions; maps are named by index.
pub fn encode(insns: &[Insn]) -> Vec<RawInsn> {
    encode_with(insns, |map| MapRef::Index(map as u32))
}

/// Encodes linked instructions as `map_ref` says what stands for each map of `Program::maps`.
///
/// A jump that is not `long` must reach its target in 16 bits, which holds for decoded programs.
pub fn encode_with(insns: &[Insn], map_ref: impl Fn(usize) -> MapRef) -> Vec<RawInsn> {
    let mut raw = Vec::with_capacity(insns.len());
    for (i, insn) in insns.iter().enumerate() {
        if !matches!(insn, Insn::Imm64Tail) {
            encode_one(&mut raw, Pc(i as u32), insn, &map_ref);
        }
    }
    raw
}

/// The bytes of encoded slots, as they stand in a little-endian object.
pub fn to_bytes(raw: &[RawInsn]) -> Vec<u8> {
    raw.iter().flat_map(|r| r.to_bytes()).collect()
}

fn encode_one(raw: &mut Vec<RawInsn>, pc: Pc, insn: &Insn, map_ref: &impl Fn(usize) -> MapRef) {
    raw.push(match *insn {
        Insn::Alu { op, width, dst, src } => encode_alu(op, width, dst.0, src),
        Insn::Neg { width, dst } => {
            RawInsn { opcode: alu_class(width) | op::OP_NEG, dst: dst.0, ..RawInsn::default() }
        }
        Insn::MovSx { width, dst, src, bits } => RawInsn {
            opcode: alu_class(width) | op::OP_MOV | op::SOURCE_X,
            dst: dst.0,
            src: src.0,
            off: i16::from(bits),
            imm: 0,
        },
        Insn::Swap { swap, dst, bits } => RawInsn {
            opcode: op::OP_END
                | match swap {
                    Swap::ToLe => op::ALU,
                    Swap::ToBe => op::ALU | op::SOURCE_X,
                    Swap::Always => op::ALU64,
                },
            dst: dst.0,
            imm: i32::from(bits),
            ..RawInsn::default()
        },
        Insn::LoadImm64 { dst, imm } => return encode_imm64(raw, pc, dst.0, imm, map_ref),
        Insn::Imm64Tail => RawInsn::default(),
        Insn::Load { .. } | Insn::Store { .. } | Insn::Atomic { .. } | Insn::LegacyLoad { .. } => {
            encode_memory(insn)
        }
        _ => encode_jump(pc, insn),
    });
}

fn alu_class(width: Width) -> u8 {
    match width {
        Width::W32 => op::ALU,
        Width::W64 => op::ALU64,
    }
}

/// Source bit, `src_reg` and `imm` of a second operand.
fn operand(src: Operand) -> (u8, u8, i32) {
    match src {
        Operand::Reg(r) => (op::SOURCE_X, r.0, 0),
        Operand::Imm(i) => (0, 0, i),
    }
}

fn encode_alu(alu: AluOp, width: Width, dst: u8, src: Operand) -> RawInsn {
    let bits = match alu {
        AluOp::Add => op::OP_ADD,
        AluOp::Sub => op::OP_SUB,
        AluOp::Mul => op::OP_MUL,
        AluOp::Div | AluOp::Sdiv => op::OP_DIV,
        AluOp::Or => op::OP_OR,
        AluOp::And => op::OP_AND,
        AluOp::Lsh => op::OP_LSH,
        AluOp::Rsh => op::OP_RSH,
        AluOp::Mod | AluOp::Smod => op::OP_MOD,
        AluOp::Xor => op::OP_XOR,
        AluOp::Mov => op::OP_MOV,
        AluOp::Arsh => op::OP_ARSH,
    };
    let off = i16::from(matches!(alu, AluOp::Sdiv | AluOp::Smod));
    let (source, src, imm) = operand(src);
    RawInsn { opcode: alu_class(width) | bits | source, dst, src, off, imm }
}

fn encode_imm64(
    raw: &mut Vec<RawInsn>,
    pc: Pc,
    dst: u8,
    imm: Imm64,
    map_ref: &impl Fn(usize) -> MapRef,
) {
    let (src, low, high) = match imm {
        Imm64::Value(v) => (op::IMM64_VALUE, v as u32, (v >> 32) as u32),
        Imm64::Map(m) => match map_ref(m) {
            MapRef::Index(i) => (op::IMM64_MAP_INDEX, i, 0),
            MapRef::Fd(fd) => (op::IMM64_MAP_FD, fd as u32, 0),
        },
        Imm64::MapValue(m, off) => match map_ref(m) {
            MapRef::Index(i) => (op::IMM64_MAP_INDEX_VALUE, i, off),
            MapRef::Fd(fd) => (op::IMM64_MAP_FD_VALUE, fd as u32, off),
        },
        Imm64::Func(t) => (op::IMM64_FUNC, delta(pc, t) as u32, 0),
    };
    raw.push(RawInsn { opcode: op::LD | op::SIZE_DW, dst, src, off: 0, imm: low as i32 });
    raw.push(RawInsn { imm: high as i32, ..RawInsn::default() });
}

fn size_bits(size: Size) -> u8 {
    match size {
        Size::B1 => op::SIZE_B,
        Size::B2 => op::SIZE_H,
        Size::B4 => op::SIZE_W,
        Size::B8 => op::SIZE_DW,
    }
}

fn encode_memory(insn: &Insn) -> RawInsn {
    match *insn {
        Insn::Load { size, signed, dst, src, off } => {
            let mode = if signed { op::MODE_MEMSX } else { op::MODE_MEM };
            let opcode = op::LDX | mode | size_bits(size);
            RawInsn { opcode, dst: dst.0, src: src.0, off, imm: 0 }
        }
        Insn::Store { size, dst, off, src } => {
            let class = if matches!(src, Operand::Reg(_)) { op::STX } else { op::ST };
            let (_, src, imm) = operand(src);
            RawInsn { opcode: class | op::MODE_MEM | size_bits(size), dst: dst.0, src, off, imm }
        }
        Insn::Atomic { kind, size, fetch, dst, off, src } => {
            let opcode = op::STX | op::MODE_ATOMIC | size_bits(size);
            let imm = atomic_imm(kind, fetch);
            RawInsn { opcode, dst: dst.0, src: src.0, off, imm }
        }
        Insn::LegacyLoad { size, src, imm } => {
            let mode = if src.is_some() { op::MODE_IND } else { op::MODE_ABS };
            let src = src.map_or(0, |r| r.0);
            RawInsn { opcode: op::LD | mode | size_bits(size), dst: 0, src, off: 0, imm }
        }
        _ => unreachable!("called for memory accesses only"),
    }
}

fn atomic_imm(kind: AtomicKind, fetch: bool) -> i32 {
    let fetch = if fetch { op::ATOMIC_FETCH } else { 0 };
    match kind {
        AtomicKind::Add => op::ATOMIC_ADD | fetch,
        AtomicKind::Or => op::ATOMIC_OR | fetch,
        AtomicKind::And => op::ATOMIC_AND | fetch,
        AtomicKind::Xor => op::ATOMIC_XOR | fetch,
        AtomicKind::Xchg => op::ATOMIC_XCHG,
        AtomicKind::CmpXchg => op::ATOMIC_CMPXCHG,
        AtomicKind::LoadAcquire => op::ATOMIC_LOAD_ACQ,
        AtomicKind::StoreRelease => op::ATOMIC_STORE_REL,
    }
}

/// Distance from the slot after `pc` to `target`.
fn delta(pc: Pc, target: Pc) -> i32 {
    (i64::from(target.0) - i64::from(pc.0) - 1) as i32
}

fn encode_jump(pc: Pc, insn: &Insn) -> RawInsn {
    let none = RawInsn::default();
    match *insn {
        Insn::Jump { target, long: true } => {
            RawInsn { opcode: op::JMP32 | op::OP_JA, imm: delta(pc, target), ..none }
        }
        Insn::Jump { target, long: false } => {
            RawInsn { opcode: op::JMP | op::OP_JA, off: delta(pc, target) as i16, ..none }
        }
        Insn::MayGoto { target } => {
            RawInsn { opcode: op::JMP | op::OP_JCOND, off: delta(pc, target) as i16, ..none }
        }
        Insn::JumpIf { cond, width, dst, src, target } => {
            let class = if width == Width::W64 { op::JMP } else { op::JMP32 };
            let (source, src, imm) = operand(src);
            let opcode = class | cond_bits(cond) | source;
            RawInsn { opcode, dst: dst.0, src, off: delta(pc, target) as i16, imm }
        }
        Insn::Call(callee) => {
            let (src, imm) = match callee {
                Callee::Helper(n) => (op::CALL_HELPER, n as i32),
                Callee::Local(t) => (op::CALL_LOCAL, delta(pc, t)),
                Callee::Kfunc(k) => (op::CALL_KFUNC, k as i32),
            };
            RawInsn { opcode: op::JMP | op::OP_CALL, src, imm, ..none }
        }
        Insn::Exit => RawInsn { opcode: op::JMP | op::OP_EXIT, ..none },
        _ => unreachable!("called for jumps only"),
    }
}

fn cond_bits(cond: Cond) -> u8 {
    match cond {
        Cond::Eq => op::OP_JEQ,
        Cond::Ne => op::OP_JNE,
        Cond::Gt => op::OP_JGT,
        Cond::Ge => op::OP_JGE,
        Cond::Lt => op::OP_JLT,
        Cond::Le => op::OP_JLE,
        Cond::Set => op::OP_JSET,
        Cond::Sgt => op::OP_JSGT,
        Cond::Sge => op::OP_JSGE,
        Cond::Slt => op::OP_JSLT,
        Cond::Sle => op::OP_JSLE,
    }
}
