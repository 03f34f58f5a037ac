//! Control flow of decoded slots against function bounds: no function is left but by a call or exit.

use super::{Fault, BAD_CALL, FALLS_OFF, JUMP_INTO_IMM64, JUMP_OUTSIDE};
use crate::insn::{Callee, Imm64, Insn, Pc};
use crate::program::Subprog;

/// Checks every jump, call and function end of `insns`, whose functions are `subprogs` (ascending, without gaps).
pub fn check_flow(insns: &[Insn], subprogs: &[Subprog]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for f in subprogs {
        for pc in f.start.0..f.end.0 {
            let pc = Pc(pc);
            let fault = match insns.get(pc.index()) {
                Some(insn) => check_insn(insns, subprogs, f, insn),
                None => None,
            };
            faults.extend(fault.map(|fault| Fault { pc, ..fault }));
        }
        faults.extend(check_end(insns, f));
    }
    faults
}

fn check_insn(insns: &[Insn], subprogs: &[Subprog], f: &Subprog, insn: &Insn) -> Option<Fault> {
    match *insn {
        Insn::Jump { target, .. } | Insn::JumpIf { target, .. } | Insn::MayGoto { target } => {
            if target < f.start || target >= f.end {
                let message = format!("jump to slot {} leaves function `{}`", target.0, f.name);
                return Some(Fault::new(JUMP_OUTSIDE, message));
            }
            let tail = insns.get(target.index()) == Some(&Insn::Imm64Tail);
            tail.then(|| {
                let t = target.0;
                let message = format!("jump to slot {t}, the middle of a 64-bit immediate load");
                Fault::new(JUMP_INTO_IMM64, message)
            })
        }
        Insn::Call(Callee::Local(t)) | Insn::LoadImm64 { imm: Imm64::Func(t), .. } => {
            let known = subprogs.binary_search_by_key(&t, |s| s.start).is_ok();
            (!known).then(|| {
                Fault::new(BAD_CALL, format!("call to slot {}, where no function starts", t.0))
            })
        }
        _ => None,
    }
}

/// Linux asks the same: the last instruction of a function is an exit or a jump, even if it is not reached.
fn check_end(insns: &[Insn], f: &Subprog) -> Option<Fault> {
    let last = Pc(f.end.0.checked_sub(1)?);
    match insns.get(last.index()) {
        Some(Insn::Exit | Insn::Jump { .. }) => None,
        _ => {
            let message = format!("control falls off the end of function `{}`", f.name);
            let fault = Fault::new(FALLS_OFF, message).help(
                "end the function with a return; code after a call that cannot return needs one too",
            );
            Some(Fault { pc: last, ..fault })
        }
    }
}
