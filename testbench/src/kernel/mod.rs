//! The running Linux kernel as an engine: the judge of the verifier and of the interpreter.
//!
//! | module | what it holds |
//! |---|---|
//! | `sys` | the system call |
//! | `map`, `program`, `object`, `btf` | maps, programs, what programs share, and types: [`KernelMap`], [`KernelProgram`], [`KernelObject`] |
//! | `cpu`, `net` | where a run happens: CPU, interfaces |
//! | `stand_in` | time and random numbers of the trace |
//! | `fill` | the content of maps before and after |
//! | `events`, `memory` | what programs send to user space |
//! | `host` | which packets depend on the host: [`comparable`] |
//! | `replay` | the engine: [`run`] |
//!
//! Needs Linux and root; [`available`] says whether it is there.

mod btf;
mod cpu;
mod events;
mod fill;
mod host;
mod map;
mod memory;
mod net;
mod object;
mod program;
mod replay;
mod stand_in;
mod sys;

pub use btf::KernelTypes;
pub use cpu::{possible_cpus, stay_on_cpu};
pub use host::comparable;
pub use map::KernelMap;
pub use object::KernelObject;
pub use program::{Attach, KernelProgram, Refused, RunInputs, TestRun};
pub use replay::{run, run_if};

use beeline_frontend::program::Program;
use std::io;

/// Whether this process can load and run XDP programs; if not, why.
///
/// # Errors
/// A sentence for a notice.
pub fn available() -> Result<(), String> {
    use beeline_frontend::insn::{AluOp, Insn, Operand, Reg, Width};
    let pass = Insn::Alu { op: AluOp::Mov, width: Width::W64, dst: Reg(0), src: Operand::Imm(2) };
    let program = Program {
        name: "probe".into(),
        section: "xdp".into(),
        insns: vec![pass, Insn::Exit],
        license: Some("GPL".into()),
        ..Program::default()
    };
    let run = KernelProgram::load(&program, &[], Attach::Plain)
        .map_err(|r| r.error)
        .and_then(|p| p.test_run(&[0; 64], &RunInputs::default()));
    match run {
        Ok(run) if run.code == 2 => Ok(()),
        Ok(run) => Err(format!("a program that returns 2 gave {}", run.code)),
        Err(e) => Err(unavailable(&e)),
    }
}

fn unavailable(e: &io::Error) -> String {
    let needs = "it needs Linux 5.18 or later with CONFIG_BPF_SYSCALL, and root";
    format!("bpf() cannot load and run an XDP program here ({e}); {needs}")
}

/// Creates `maps` in order, without types.
///
/// # Errors
/// The kernel's, with the name of the map.
pub fn create_maps(defs: &[beeline_frontend::MapDef]) -> io::Result<Vec<KernelMap>> {
    let named = |def: &beeline_frontend::MapDef, e: io::Error| {
        io::Error::new(e.kind(), format!("map {}: {e}", def.name))
    };
    defs.iter().map(|d| KernelMap::create(d).map_err(|e| named(d, e))).collect()
}

/// A name as the kernel takes it: 15 characters of letters, digits, `_` and `.`, then zeros.
fn name(name: &str) -> [u8; 16] {
    let mut out = [0; 16];
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    for (to, from) in out[..15].iter_mut().zip(name.bytes().filter(|b| allowed(b))) {
        *to = from;
    }
    out
}

#[cfg(test)]
mod tests;
