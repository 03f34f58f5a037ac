//! The running kernel's verifier as judge.

use beeline_frontend::insn::Imm64;
use beeline_frontend::{Insn, Program};
use beeline_testbench::kernel::{available, create_maps, Attach, KernelProgram};

/// The kernel's verdict on a program.
pub enum Verdict {
    Accepted,
    /// With the last lines of the log.
    Refused(String),
    /// A map of the program cannot be created here, or the like.
    Unknown(String),
}

/// True if programs can be loaded here; otherwise says so once per test.
pub fn reachable() -> bool {
    match available() {
        Ok(()) => true,
        Err(why) => {
            println!("notice: comparison with the kernel's verifier skipped: {why}");
            false
        }
    }
}

/// What the kernel says of `program`.
pub fn judge(program: &Program) -> Verdict {
    let callback = |i: &Insn| matches!(i, Insn::LoadImm64 { imm: Imm64::Func(_), .. });
    if program.insns.iter().any(callback) {
        return Verdict::Unknown("callbacks need BTF, which is not loaded here".into());
    }
    let maps = match create_maps(&program.maps) {
        Ok(maps) => maps,
        Err(e) => return Verdict::Unknown(e.to_string()),
    };
    match KernelProgram::load(program, &maps, Attach::Section) {
        Ok(_) => Verdict::Accepted,
        Err(refused) => Verdict::Refused(refused.to_string()),
    }
}
