//! Checks that need no exploration: the shape of the control flow and the references of each instruction.

use super::flow;
use crate::insn::{AluOp, Callee, Imm64, Insn, Operand, Pc, Reg, Width};
use crate::program::{Program, Subprog};
use beeline_ir::diagnostic::Diagnostic;

/// Most instruction slots of a program, as in Linux (`BPF_COMPLEXITY_LIMIT_INSNS`).
const MAX_SLOTS: usize = 1_000_000;

/// Every complaint about the shape of `program`; empty if the rest of the verifier can rely on it: control stays
/// within functions and on whole instructions, and every register, map and function that is named exists.
pub(super) fn check(program: &Program) -> Vec<Diagnostic> {
    if let Some(complaint) = check_frame(program) {
        return vec![complaint];
    }
    let mut found = Vec::new();
    for subprog in &program.subprogs {
        check_function(program, subprog, &mut found);
    }
    if found.is_empty() {
        check_reachable(program, &mut found);
    }
    found
}

fn check_frame(program: &Program) -> Option<Diagnostic> {
    let malformed = |what: String| Some(Diagnostic::error("BL0300", what).at(program.place(Pc(0))));
    if program.insns.is_empty() {
        return malformed("the program has no instructions".into());
    }
    if program.insns.len() > MAX_SLOTS {
        let n = program.insns.len();
        return malformed(format!("the program has {n} instructions, more than {MAX_SLOTS}"));
    }
    let mut expected = Pc(0);
    for s in &program.subprogs {
        if s.start != expected || s.end <= s.start {
            return malformed(format!(
                "function `{}` does not start where the one before it ends",
                s.name
            ));
        }
        expected = s.end;
    }
    if expected.index() != program.insns.len() {
        return malformed("the functions do not cover the whole program".into());
    }
    None
}

fn check_function(program: &Program, subprog: &Subprog, found: &mut Vec<Diagnostic>) {
    for pc in (subprog.start.0..subprog.end.0).map(Pc) {
        let insn = &program.insns[pc.index()];
        let mut refuse = |code, message: String| {
            found.push(Diagnostic::error(code, message).at(program.place(pc)));
        };
        if matches!(insn, Insn::Imm64Tail) {
            let headed = pc > subprog.start
                && matches!(program.insns[pc.index() - 1], Insn::LoadImm64 { .. });
            if !headed {
                refuse("BL0300", "second half of a 64-bit load without its first half".into());
            }
            continue;
        }
        if let Err(message) = check_references(program, insn) {
            refuse("BL0300", message);
        }
        let next = pc.plus(i64::from(insn.slots()));
        for to in flow::successors(pc, insn).into_iter().flatten() {
            if to < subprog.start || to >= subprog.end {
                let function = &subprog.name;
                if to == next {
                    refuse("BL0302", format!("control runs off the end of function `{function}`"));
                } else {
                    refuse("BL0303", format!("the jump leaves function `{function}`"));
                }
            } else if matches!(program.insns[to.index()], Insn::Imm64Tail) && to != pc.plus(1) {
                refuse("BL0303", "the jump goes into the middle of a 64-bit load".into());
            }
        }
    }
}

fn check_references(program: &Program, insn: &Insn) -> Result<(), String> {
    if !flow::registers_exist(insn) {
        return Err("the instruction names a register above r10".into());
    }
    if let Some(start) = flow::referenced_function(insn) {
        if !program.subprogs.iter().any(|s| s.start == start) {
            return Err(format!("slot {} is not the start of a function", start.0));
        }
    }
    match *insn {
        Insn::LoadImm64 { imm: Imm64::Map(m) | Imm64::MapValue(m, _), .. }
            if m >= program.maps.len() =>
        {
            Err(format!("there is no map number {m}"))
        }
        Insn::Call(Callee::Kfunc(k)) if k >= program.kfuncs.len() => {
            Err(format!("there is no kernel function number {k}"))
        }
        Insn::Alu {
            op: AluOp::Lsh | AluOp::Rsh | AluOp::Arsh,
            width,
            src: Operand::Imm(by),
            ..
        } if !(0..if width == Width::W64 { 64 } else { 32 }).contains(&by) => {
            Err(format!("a shift by {by} is not defined"))
        }
        Insn::Alu {
            op: AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod,
            src: Operand::Imm(0),
            ..
        } => Err("a division by the constant 0".into()),
        Insn::MovSx { bits, .. } if !matches!(bits, 8 | 16 | 32) => {
            Err(format!("sign extension from {bits} bits does not exist"))
        }
        Insn::Swap { bits, .. } if !matches!(bits, 16 | 32 | 64) => {
            Err(format!("byte swap of {bits} bits does not exist"))
        }
        _ => Ok(()),
    }
}

/// Linux permits code that no execution reaches, but not code without any path to it.
fn check_reachable(program: &Program, found: &mut Vec<Diagnostic>) {
    let mut reached = vec![false; program.insns.len()];
    let mut pending = vec![Pc(0)];
    while let Some(pc) = pending.pop() {
        if std::mem::replace(&mut reached[pc.index()], true) {
            continue;
        }
        let insn = &program.insns[pc.index()];
        pending.extend(flow::successors(pc, insn).into_iter().flatten());
        pending.extend(flow::referenced_function(insn));
    }
    let dead = |pc: usize| !reached[pc] && !matches!(program.insns[pc], Insn::Imm64Tail);
    for pc in (0..program.insns.len()).filter(|&pc| dead(pc)) {
        // One message for each run of unreachable instructions.
        let follows_another = pc > 0 && dead(pc - 1);
        if !follows_another {
            let at = program.place(Pc(pc as u32));
            found.push(Diagnostic::error("BL0301", "no path leads to this instruction").at(at));
        }
    }
}

/// The register of a write to the frame pointer, which no instruction may do.
pub(super) fn writes_frame_pointer(insn: &Insn) -> bool {
    flow::defs(insn) & (1 << Reg::R10.0) != 0
}
