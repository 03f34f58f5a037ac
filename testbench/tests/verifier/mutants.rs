//! Mutants of the programs in `objects`: one or two instructions changed at random, judged by both verifiers. What we accept
//! and the kernel refuses must belong to a class of `docs/verifier.md`.

use super::cases_objects::programs;
use super::kernel::reachable;
use beeline_frontend::insn::{Callee, Operand};
use beeline_frontend::{disasm, verifier, Insn, Pc, Program, Reg};
use beeline_testbench::kernel::{Attach, KernelObject};

/// A fixed mixing generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % n as u64) as usize
    }
}

fn other_register(random: &mut Random) -> Reg {
    Reg(random.below(11) as u8)
}

fn other_number(n: i32, random: &mut Random) -> i32 {
    match random.below(5) {
        0 => 0,
        1 => n.wrapping_add(1),
        2 => n.wrapping_sub(8),
        3 => n.wrapping_neg(),
        _ => n.wrapping_mul(2),
    }
}

fn other_operand(o: Operand, random: &mut Random) -> Operand {
    match o {
        Operand::Imm(n) => Operand::Imm(other_number(n, random)),
        Operand::Reg(_) => Operand::Reg(other_register(random)),
    }
}

fn other_offset(off: i16, random: &mut Random) -> i16 {
    other_number(off.into(), random) as i16
}

/// `insn` with one of its parts changed; `None` if there is nothing to change.
fn changed(insn: &Insn, random: &mut Random) -> Option<Insn> {
    let mut new = *insn;
    let first = random.below(2) == 0;
    match &mut new {
        Insn::Alu { dst, src, .. } if first => (*dst, _) = (other_register(random), src),
        Insn::Alu { src, .. } => *src = other_operand(*src, random),
        Insn::Load { src, .. } if first => *src = other_register(random),
        Insn::Load { off, .. } => *off = other_offset(*off, random),
        Insn::Store { src, .. } if first => *src = other_operand(*src, random),
        Insn::Store { off, .. } => *off = other_offset(*off, random),
        Insn::JumpIf { dst, .. } if first => *dst = other_register(random),
        Insn::JumpIf { src, .. } => *src = other_operand(*src, random),
        Insn::Exit | Insn::Imm64Tail | Insn::LoadImm64 { .. } | Insn::Call(Callee::Local(_)) => {
            return None;
        }
        _ => return None,
    }
    Some(new)
}

/// A mutant of `program`, and what was changed.
fn mutant(program: &Program, random: &mut Random) -> (Program, String) {
    let mut new = program.clone();
    let mut told = Vec::new();
    for _ in 0..1 + random.below(2) {
        let pc = random.below(new.insns.len());
        let old = new.insns[pc];
        let wide = matches!(old, Insn::LoadImm64 { .. } | Insn::Imm64Tail);
        let nothing = Insn::Jump { target: Pc(pc as u32 + 1), long: false };
        let replaced = match random.below(3) {
            // Left out.
            0 if !wide && !matches!(old, Insn::Exit) => Some(nothing),
            _ => changed(&old, random),
        };
        if let Some(insn) = replaced {
            let text = |i: &Insn| disasm::insn(program, Pc(pc as u32), i);
            told.push(format!("{pc}: {} became {}", text(&old), text(&insn)));
            new.insns[pc] = insn;
        }
    }
    (new, told.join("; "))
}

/// Refusals of the kernel that say that it knows less, or that it gave up.
const KNOWS_LESS: [&str; 3] = ["BPF program is too large", "The sequence of", "too many states"];

#[test]
fn mutants_get_the_same_verdict() {
    if !reachable() {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let count: u64 = number("BEELINE_MUTANTS").unwrap_or(300);
    let mut random = Random(number("BEELINE_MUTANTS_SEED").unwrap_or(1));
    let programs = programs();
    let objects: Vec<KernelObject> = programs
        .iter()
        .map(|(_, p)| KernelObject::create(p).expect("the maps can be created"))
        .collect();
    let (mut both, mut neither, mut ours, mut theirs) = (0, 0, Vec::new(), Vec::new());
    for _ in 0..count {
        let at = random.below(programs.len());
        let (name, program) = &programs[at];
        let (mutant, told) = mutant(program, &mut random);
        let kernel = objects[at].load(&mutant, Attach::Section);
        match (verifier::verify(mutant), kernel) {
            (Ok(_), Ok(_)) => both += 1,
            (Err(_), Err(_)) => neither += 1,
            (Ok(_), Err(refused)) => {
                let log = refused.tail(2);
                if !KNOWS_LESS.iter().any(|k| log.contains(k)) {
                    ours.push(format!("{name} [{told}]\n    kernel: {log}"));
                }
            }
            (Err(d), Ok(_)) => {
                theirs.push(format!("{name} [{told}]\n    we: {}: {}", d[0].code, d[0].message))
            }
        }
    }
    println!("{count} mutants: both accept {both}, both refuse {neither}");
    println!("only the kernel accepts {}:\n{}", theirs.len(), theirs.join("\n"));
    println!("only we accept {}:\n{}", ours.len(), ours.join("\n"));
    assert!(both > 0 && neither > 0);
    // All that were looked at belong to the classes; many at once would be something new.
    assert!(ours.len() as u64 * 50 <= count, "too many that only we accept");
}
