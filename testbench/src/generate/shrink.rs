//! Makes a failing case small: fewer packets, map entries and instructions, simpler operands.

use super::edit::{replaced, without};
use super::Case;
use crate::traffic::SHORTEST_FRAME;
use beeline_frontend::insn::{AluOp, Callee, Insn, Operand, Pc, Reg, Width};
use beeline_frontend::program::Program;

/// A case in the making.
struct Shrinker<F> {
    best: Case,
    fails: F,
    attempts: usize,
}

/// The smallest case found in at most `attempts` for which `fails` still holds. `fails` decides what is valid too: it is asked about
/// programs that a verifier may refuse, and says no to them. If `case` itself does not fail, it comes back as it is.
pub fn shrink(case: &Case, attempts: usize, fails: impl FnMut(&Case) -> bool) -> Case {
    let mut s = Shrinker { best: case.clone(), fails, attempts };
    if attempts == 0 || !(s.fails)(case) {
        return s.best;
    }
    loop {
        let before = s.best.clone();
        s.drop_packets();
        s.drop_entries();
        s.drop_insns();
        s.simplify_insns();
        s.simplify_packets();
        if s.best == before || s.attempts == 0 {
            return s.best;
        }
    }
}

impl<F: FnMut(&Case) -> bool> Shrinker<F> {
    /// Takes `case` if it still fails.
    fn attempt(&mut self, case: Case) -> bool {
        if self.attempts == 0 || case == self.best {
            return false;
        }
        self.attempts -= 1;
        let fails = (self.fails)(&case);
        if fails {
            self.best = case;
        }
        fails
    }

    fn attempt_program(&mut self, program: Option<Program>) -> bool {
        let Some(program) = program else { return false };
        let case = Case { program, ..self.best.clone() };
        self.attempt(case)
    }

    /// Calls `attempt` on ever shorter pieces of a list of `len` elements, from its end. An
    /// attempt that succeeds has removed the piece.
    fn pieces(
        &mut self,
        len: impl Fn(&Case) -> usize,
        mut attempt: impl FnMut(&mut Self, usize, usize) -> bool,
    ) {
        let mut piece = len(&self.best).div_ceil(2);
        while piece > 0 {
            let mut end = len(&self.best);
            while end > 0 {
                let start = end.saturating_sub(piece);
                attempt(self, start, end);
                end = start.min(len(&self.best));
            }
            piece /= 2;
        }
    }

    fn drop_packets(&mut self) {
        self.pieces(
            |c| c.packets.len(),
            |s, from, to| {
                let mut case = s.best.clone();
                case.packets.drain(from..to);
                s.attempt(case)
            },
        );
    }

    fn drop_entries(&mut self) {
        self.pieces(
            |c| c.entries.len(),
            |s, from, to| {
                let mut case = s.best.clone();
                case.entries.drain(from..to);
                s.attempt(case)
            },
        );
    }

    fn drop_insns(&mut self) {
        self.pieces(
            |c| c.program.insns.len(),
            |s, from, to| {
                let gone = |pc: Pc| (from..to).contains(&pc.index());
                let program = without(&s.best.program, gone);
                s.attempt_program(program)
            },
        );
    }

    fn simplify_insns(&mut self) {
        let mut pc = 0;
        while pc < self.best.program.insns.len() {
            let insn = self.best.program.insns[pc];
            for simpler in simpler(&insn) {
                if self.attempt_program(replaced(&self.best.program, Pc(pc as u32), simpler)) {
                    break;
                }
            }
            pc += 1;
        }
    }

    /// Shorter packets, then zeros.
    fn simplify_packets(&mut self) {
        for n in 0..self.best.packets.len() {
            for less in [512, 64, 16, 4, 1] {
                while self.attempt_packet(n, |p| {
                    let len = p.len().saturating_sub(less).max(SHORTEST_FRAME);
                    p.truncate(len);
                }) {}
            }
            for at in 0..self.best.packets[n].len().min(128) {
                self.attempt_packet(n, |p| p[at] = 0);
            }
        }
    }

    fn attempt_packet(&mut self, n: usize, change: impl Fn(&mut Vec<u8>)) -> bool {
        let mut case = self.best.clone();
        change(&mut case.packets[n]);
        self.attempt(case)
    }
}

/// Instructions that do less than `insn` in the same slots, the simplest first.
fn simpler(insn: &Insn) -> Vec<Insn> {
    let constant =
        |dst, value| Insn::Alu { op: AluOp::Mov, width: Width::W64, dst, src: Operand::Imm(value) };
    match *insn {
        Insn::Alu { op: AluOp::Mov, src: Operand::Imm(0 | 1), .. } => Vec::new(),
        Insn::Alu { op, width, dst, src: Operand::Reg(_) } => {
            let with = |value| Insn::Alu { op, width, dst, src: Operand::Imm(value) };
            vec![constant(dst, 0), constant(dst, 1), with(1), with(8)]
        }
        Insn::Alu { dst, .. } | Insn::MovSx { dst, .. } | Insn::Load { dst, .. } => {
            vec![constant(dst, 0), constant(dst, 1)]
        }
        Insn::Store { size, dst, off, src: Operand::Reg(_) } => {
            vec![Insn::Store { size, dst, off, src: Operand::Imm(1) }]
        }
        Insn::JumpIf { target, cond, width, dst, src: Operand::Reg(_) } => vec![
            Insn::Jump { target, long: false },
            Insn::JumpIf { cond, width, dst, src: Operand::Imm(0), target },
            Insn::JumpIf { cond, width, dst, src: Operand::Imm(1), target },
        ],
        Insn::JumpIf { target, .. } => vec![Insn::Jump { target, long: false }],
        Insn::Jump { .. } => vec![Insn::Exit],
        Insn::Call(Callee::Helper(_) | Callee::Local(_)) => {
            vec![constant(Reg::R0, 0), constant(Reg::R0, 1)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{generate, Options};

    /// A multiplication somewhere and a long packet are enough to fail: the rest must go.
    #[test]
    fn what_does_not_matter_goes() {
        let multiplies = |c: &Case| {
            let product = |i: &Insn| matches!(i, Insn::Alu { op: AluOp::Mul, .. });
            c.program.insns.iter().any(product) && c.packets.iter().any(|p| p.len() > 60)
        };
        let found = (0..200)
            .map(|seed| generate(seed, &Options::hardware(), 8))
            .find(multiplies)
            .expect("a generator of arithmetic multiplies now and then");
        let small = shrink(&found, 6000, multiplies);
        assert!(small.program.insns.len() <= 2, "{:?}", small.program.insns);
        assert_eq!(small.packets.len(), 1);
        assert_eq!(small.packets[0].len(), 61);
        assert!(small.entries.is_empty());
    }

    #[test]
    fn a_case_that_does_not_fail_stays() {
        let case = generate(1, &Options::hardware(), 4);
        assert_eq!(shrink(&case, 100, |_| false), case);
    }
}
