//! `beeline check`: verdict of the verifier, and of a target.

use super::no_nfp;
use crate::args::{Check, Target};
use crate::failure::Failure;
use crate::input;

pub(super) fn check(args: &Check) -> Result<(), Failure> {
    let verified = input::verified(&args.source)?;
    let (program, facts) = (verified.program(), verified.facts());
    println!(
        "{}: accepted: {} instructions, {} walked, {} bytes of stack",
        program.name,
        program.insns.len(),
        facts.insns_walked,
        facts.stack_bytes
    );
    match args.target {
        None => Ok(()),
        Some(Target::Nfp) => Err(no_nfp()),
        Some(Target::Verilog) => {
            let options = input::options(&args.device, 0, 0)?;
            let compiled = input::hardware(&verified, &options)?;
            println!(
                "{}: has a hardware form: {} stages at {} MHz, {} register bits",
                program.name,
                compiled.staged.num_stages,
                options.target.clock_mhz,
                compiled.register_bits()
            );
            Ok(())
        }
    }
}
