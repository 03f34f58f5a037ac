//! The running kernel's verifier as judge.

use beeline_frontend::Program;
use beeline_testbench::kernel::{available, Attach, KernelObject};

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
    let object = match KernelObject::create(program) {
        Ok(object) => object,
        Err(e) => return Verdict::Unknown(e.to_string()),
    };
    match object.load(program, Attach::Section) {
        Ok(_) => Verdict::Accepted,
        // What a network device answers cannot be asked without one.
        Err(refused) if refused.log.contains("require device-bound program") => {
            Verdict::Unknown("its kernel functions need a program bound to a device".into())
        }
        Err(refused) => Verdict::Refused(refused.to_string()),
    }
}
