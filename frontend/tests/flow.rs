//! Control flow of decoded code against function bounds.

use beeline_frontend::decode::check_flow;
use beeline_frontend::insn::{Callee, Imm64, Insn, Pc, Reg};
use beeline_frontend::program::Subprog;

fn subprog(start: u32, end: u32) -> Subprog {
    Subprog {
        name: format!("f{start}"),
        start: Pc(start),
        end: Pc(end),
        global: false,
        ..Subprog::default()
    }
}

fn goto(target: u32) -> Insn {
    Insn::Jump { target: Pc(target), long: false }
}

fn faults(insns: &[Insn], functions: &[Subprog]) -> Vec<(&'static str, u32)> {
    check_flow(insns, functions).iter().map(|f| (f.code, f.pc.0)).collect()
}

#[test]
fn jumps_stay_in_their_function() {
    let insns = [goto(2), Insn::Exit, Insn::Exit];
    assert_eq!(faults(&insns, &[subprog(0, 3)]), []);
    assert_eq!(faults(&insns, &[subprog(0, 2), subprog(2, 3)]), [("BL0204", 0)]);
}

#[test]
fn no_jump_into_a_64_bit_immediate() {
    let load = Insn::LoadImm64 { dst: Reg::R0, imm: Imm64::Value(0) };
    let insns = [goto(2), load, Insn::Imm64Tail, Insn::Exit];
    assert_eq!(faults(&insns, &[subprog(0, 4)]), [("BL0205", 0)]);
}

#[test]
fn functions_end_in_exit_or_jump() {
    let call = Insn::Call(Callee::Helper(7));
    assert_eq!(faults(&[call, goto(0)], &[subprog(0, 2)]), []);
    assert_eq!(faults(&[Insn::Exit, call], &[subprog(0, 2)]), [("BL0206", 1)]);
    assert_eq!(faults(&[call, Insn::Exit], &[subprog(0, 1), subprog(1, 2)]), [("BL0206", 0)]);
}

#[test]
fn calls_go_to_the_start_of_a_function() {
    let call = Insn::Call(Callee::Local(Pc(1)));
    let insns = [call, Insn::Exit];
    assert_eq!(faults(&insns, &[subprog(0, 2)]), [("BL0209", 0)]);
}
