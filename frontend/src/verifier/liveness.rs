//! Which registers are read later: the verifier compares only those when it decides whether a state was seen before.

use super::flow::{self, RegSet, CALLER_SAVED};
use super::kfunc;
use crate::insn::{Callee, Insn, Pc};
use crate::program::Program;

/// Live registers before each slot of a program.
pub(super) struct Liveness {
    before: Vec<RegSet>,
}

impl Liveness {
    /// Backward data flow to a fixed point over all functions together, since what a call reads is what the called
    /// function reads.
    pub(super) fn of(program: &Program) -> Self {
        let mut live = Self { before: vec![0; program.insns.len()] };
        let mut changed = true;
        while changed {
            changed = false;
            for pc in (0..program.insns.len() as u32).rev().map(Pc) {
                let insn = &program.insns[pc.index()];
                let after = live.after(pc, insn);
                let read = match insn {
                    Insn::Call(Callee::Local(start)) => live.before(*start) & flow::arguments(5),
                    Insn::Call(Callee::Kfunc(k)) => {
                        let count = program.kfuncs.get(*k).map_or(5, |n| kfunc::argument_count(n));
                        flow::arguments(count)
                    }
                    _ => flow::uses(insn),
                };
                let before = read | (after & !flow::defs(insn));
                changed |= before != live.before[pc.index()];
                live.before[pc.index()] = before;
            }
        }
        live
    }

    fn after(&self, pc: Pc, insn: &Insn) -> RegSet {
        flow::successors(pc, insn).into_iter().flatten().fold(0, |set, to| set | self.before(to))
    }

    /// Registers that may be read from `pc` on.
    pub(super) fn before(&self, pc: Pc) -> RegSet {
        self.before.get(pc.index()).copied().unwrap_or(0)
    }

    /// Registers of a calling frame that may be read once the call at `pc` has returned, without those that the call
    /// overwrites.
    pub(super) fn across_call(&self, pc: Pc) -> RegSet {
        self.before(pc.plus(1)) & !CALLER_SAVED
    }
}
