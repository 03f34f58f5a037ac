//! NULL beside packet pointers.
//!
//! A packet pointer is its offset here, and the first byte of the packet has offset 0. Where a program compares a pointer that can be that
//! with NULL, a flag goes with every register and stack slot that tells pointers from numbers. Other programs have no flags.

use super::inner_maps::Holder;
use super::ssa::Var;
use super::Lift;
use crate::facts::{CallCtx, PtrKind, RegFact, VerifiedProgram};
use crate::insn::{Insn, Operand, Pc, Reg};
use beeline_ir::entities::Value;

impl Holder {
    fn null(self) -> Var {
        match self {
            Holder::Reg(depth, r) => Var::RegNull(depth, r),
            Holder::Slot(depth, slot) => Var::StackNull(depth, slot),
        }
    }
}

/// True for a fact of a pointer that may be NULL and whose offset does not tell.
pub(super) fn is_ambiguous(fact: RegFact) -> bool {
    match fact {
        RegFact::Ptr { kind, off, nullable: true } => {
            let has_entry = matches!(
                kind,
                PtrKind::MapValue(_) | PtrKind::InnerMapValue(_) | PtrKind::InnerMap(_)
            );
            !has_entry && off.smin <= 0 && off.smax >= 0
        }
        _ => false,
    }
}

/// True if the program compares such a pointer with something.
pub(super) fn needs_flags(verified: &VerifiedProgram) -> bool {
    let (program, facts) = (verified.program(), verified.facts());
    let compares = |ctx: usize, pc: usize, r: Reg| {
        let facts = facts.at(CallCtx(ctx as u32), Pc(pc as u32));
        facts.is_some_and(|f| is_ambiguous(f.regs[r.index()]))
    };
    program.insns.iter().enumerate().any(|(pc, insn)| {
        let Insn::JumpIf { dst, .. } = *insn else { return false };
        (0..facts.contexts.len().max(1)).any(|ctx| compares(ctx, pc, dst))
    })
}

impl Lift<'_> {
    /// `i1`: is what `r` holds NULL?
    pub(super) fn is_null(&mut self, r: Reg) -> Value {
        self.b.read_flag(Holder::Reg(self.depth, r.0).null())
    }

    /// After the current instruction wrote `r`, not by copying a register or a stack slot.
    pub(super) fn flag_result(&mut self, r: Reg) {
        if self.flags {
            let null = !self.made_pointer(r);
            self.set_flag(Holder::Reg(self.depth, r.0), null);
        }
    }

    pub(super) fn set_flag(&mut self, holder: Holder, null: bool) {
        if self.flags {
            let flag = self.b.iconst(u64::from(null), 1);
            self.b.write(holder.null(), flag);
        }
    }

    pub(super) fn copy_flag(&mut self, from: Holder, to: Holder) {
        if self.flags {
            let flag = self.b.read_flag(from.null());
            self.b.write(to.null(), flag);
        }
    }

    /// True if the current instruction makes a pointer in `r`.
    fn made_pointer(&self, r: Reg) -> bool {
        let is_pointer = |r: Reg| matches!(self.fact(r), RegFact::Ptr { .. });
        match self.fact_after(r) {
            RegFact::Ptr { nullable: false, .. } => true,
            RegFact::Scalar(_) => false,
            // Another path leads to the instruction behind, with something else.
            _ => match self.program.insns[self.pc.index()] {
                Insn::Alu { dst, src: Operand::Reg(s), .. } => is_pointer(dst) || is_pointer(s),
                Insn::Alu { dst, .. } => is_pointer(dst),
                Insn::Load { src, .. } => {
                    matches!(self.fact(src), RegFact::Ptr { kind: PtrKind::Ctx, .. })
                }
                _ => false,
            },
        }
    }
}
