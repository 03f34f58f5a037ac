//! Removal of instructions from a linked program: what remains moves together, and jumps follow.

use super::code::jump_target;
use beeline_frontend::insn::{Callee, Imm64, Insn, Pc};
use beeline_frontend::program::{Program, Subprog};

/// `program` without the slots for which `gone` holds, and without what cannot be reached then. Jumps to a removed
/// instruction go to the next one that stays. `None` if a function would run past its end.
pub(super) fn without(program: &Program, gone: impl Fn(Pc) -> bool) -> Option<Program> {
    let kept: Vec<bool> = (0..program.insns.len()).map(|i| !gone(Pc(i as u32))).collect();
    let program = compact(program, &kept)?;
    let reached = reachable(&program)?;
    match reached.iter().all(|r| *r) {
        true => Some(program),
        false => compact(&program, &reached),
    }
}

/// Keeps the slots in `kept`; the second slot of a wide instruction goes with the first.
fn compact(program: &Program, kept: &[bool]) -> Option<Program> {
    let mut kept = kept.to_vec();
    for i in 1..kept.len() {
        if program.insns[i] == Insn::Imm64Tail {
            kept[i] = kept[i - 1];
        }
    }
    let mut at = Vec::with_capacity(kept.len() + 1);
    let mut next = 0;
    for keep in &kept {
        at.push(Pc(next));
        next += u32::from(*keep);
    }
    at.push(Pc(next));
    let mut insns = Vec::new();
    for (insn, _) in program.insns.iter().zip(&kept).filter(|(_, keep)| **keep) {
        let mut insn = *insn;
        if let Some(target) = jump_target(&mut insn) {
            *target = at[target.index()];
        }
        if let Insn::Call(Callee::Local(pc)) | Insn::LoadImm64 { imm: Imm64::Func(pc), .. } =
            &mut insn
        {
            *pc = at[pc.index()];
        }
        insns.push(insn);
    }
    let moved =
        |s: &Subprog| Subprog { start: at[s.start.index()], end: at[s.end.index()], ..s.clone() };
    let subprogs: Vec<Subprog> =
        program.subprogs.iter().map(moved).filter(|s| s.start < s.end).collect();
    let lines = program.lines.iter().zip(&kept).filter(|(_, k)| **k).map(|(l, _)| l.clone());
    let lines = lines.collect();
    let program = Program { insns, subprogs, lines, ..program.clone() };
    ends_well(&program).then_some(program)
}

/// True if there is an entry function, no function runs past its end, and no jump leaves its function.
fn ends_well(program: &Program) -> bool {
    let stays = |s: &Subprog, i: u32| {
        let mut insn = program.insns[i as usize];
        jump_target(&mut insn).is_none_or(|t| s.start <= *t && *t < s.end)
    };
    let ends = |s: &Subprog| {
        let last = program.insns[s.end.index() - 1];
        matches!(last, Insn::Exit | Insn::Jump { .. }) && (s.start.0..s.end.0).all(|i| stays(s, i))
    };
    program.subprogs.first().is_some_and(|s| s.start == Pc(0)) && program.subprogs.iter().all(ends)
}

/// For each slot, whether control or a call can get there.
fn reachable(program: &Program) -> Option<Vec<bool>> {
    let mut reached = vec![false; program.insns.len()];
    let mut work = vec![Pc(0)];
    while let Some(pc) = work.pop() {
        if std::mem::replace(reached.get_mut(pc.index())?, true) {
            continue;
        }
        let mut insn = program.insns[pc.index()];
        if insn.slots() == 2 {
            *reached.get_mut(pc.index() + 1)? = true;
        }
        let ends = matches!(insn, Insn::Exit | Insn::Jump { .. });
        if !ends {
            work.push(pc.plus(i64::from(insn.slots())));
        }
        work.extend(jump_target(&mut insn).map(|t| *t));
        if let Insn::Call(Callee::Local(start)) = insn {
            work.push(start);
        }
    }
    Some(reached)
}

/// `program` with another instruction of the same size in slot `pc`.
pub(super) fn replaced(program: &Program, pc: Pc, insn: Insn) -> Option<Program> {
    let mut program = program.clone();
    program.insns[pc.index()] = insn;
    without(&program, |_| false)
}
