//! Control flow and register use of single instructions, as the verifier needs them.

use super::prototype;
use crate::insn::{AtomicKind, Callee, Imm64, Insn, Operand, Pc, Reg};

/// A set of registers, one bit each.
pub(super) type RegSet = u16;

/// All of r0 to r5, which a call overwrites.
pub(super) const CALLER_SAVED: RegSet = 0b11_1111;

/// The first `n` argument registers.
pub(super) fn arguments(n: usize) -> RegSet {
    ((1 << n) - 1) << 1
}

fn one(r: Reg) -> RegSet {
    1u16.checked_shl(u32::from(r.0)).unwrap_or(0)
}

fn operand(o: Operand) -> RegSet {
    match o {
        Operand::Reg(r) => one(r),
        Operand::Imm(_) => 0,
    }
}

/// Where control can go from `pc` without leaving the function.
pub(super) fn successors(pc: Pc, insn: &Insn) -> [Option<Pc>; 2] {
    let next = Some(pc.plus(i64::from(insn.slots())));
    match insn {
        Insn::Jump { target, .. } => [Some(*target), None],
        Insn::JumpIf { target, .. } | Insn::MayGoto { target } => [next, Some(*target)],
        Insn::Exit => [None, None],
        _ => [next, None],
    }
}

/// The function of the program that `insn` calls or takes the address of.
pub(super) fn referenced_function(insn: &Insn) -> Option<Pc> {
    match insn {
        Insn::Call(Callee::Local(start)) => Some(*start),
        Insn::LoadImm64 { imm: Imm64::Func(start), .. } => Some(*start),
        _ => None,
    }
}

/// Registers that `insn` reads. A call of a function of the program is left to the caller of this function, who knows
/// what that function reads.
pub(super) fn uses(insn: &Insn) -> RegSet {
    match *insn {
        Insn::Alu { op: crate::insn::AluOp::Mov, src, .. } => operand(src),
        Insn::Alu { dst, src, .. } | Insn::JumpIf { dst, src, .. } => one(dst) | operand(src),
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } => one(dst),
        Insn::MovSx { src, .. } | Insn::Load { src, .. } => one(src),
        Insn::Store { dst, src, .. } => one(dst) | operand(src),
        Insn::Atomic { kind: AtomicKind::LoadAcquire, src, .. } => one(src),
        Insn::Atomic { kind: AtomicKind::CmpXchg, dst, src, .. } => {
            one(dst) | one(src) | one(Reg::R0)
        }
        Insn::Atomic { dst, src, .. } => one(dst) | one(src),
        Insn::LegacyLoad { src, .. } => src.map_or(0, one),
        Insn::Call(Callee::Helper(id)) => arguments(prototype::argument_count(id)),
        Insn::Call(_) => arguments(5),
        Insn::Exit => one(Reg::R0),
        Insn::LoadImm64 { .. } | Insn::Imm64Tail | Insn::Jump { .. } | Insn::MayGoto { .. } => 0,
    }
}

/// Registers that `insn` overwrites.
pub(super) fn defs(insn: &Insn) -> RegSet {
    match *insn {
        Insn::Alu { dst, .. }
        | Insn::Neg { dst, .. }
        | Insn::Swap { dst, .. }
        | Insn::MovSx { dst, .. }
        | Insn::Load { dst, .. }
        | Insn::LoadImm64 { dst, .. } => one(dst),
        Insn::Atomic { kind: AtomicKind::LoadAcquire, dst, .. } => one(dst),
        Insn::Atomic { kind: AtomicKind::CmpXchg, .. } => one(Reg::R0),
        Insn::Atomic { fetch: true, src, .. } => one(src),
        Insn::LegacyLoad { .. } => one(Reg::R0),
        Insn::Call(_) => CALLER_SAVED,
        _ => 0,
    }
}

/// True if `insn` names only the registers that exist.
pub(super) fn registers_exist(insn: &Insn) -> bool {
    let known = |r: Reg| r.index() < Reg::COUNT;
    let operand_known = |o: Operand| !matches!(o, Operand::Reg(r) if !known(r));
    match *insn {
        Insn::Alu { dst, src, .. }
        | Insn::JumpIf { dst, src, .. }
        | Insn::Store { dst, src, .. } => known(dst) && operand_known(src),
        Insn::Neg { dst, .. } | Insn::Swap { dst, .. } | Insn::LoadImm64 { dst, .. } => known(dst),
        Insn::MovSx { dst, src, .. }
        | Insn::Load { dst, src, .. }
        | Insn::Atomic { dst, src, .. } => known(dst) && known(src),
        Insn::LegacyLoad { src, .. } => src.is_none_or(known),
        _ => true,
    }
}
