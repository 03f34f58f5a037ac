//! `beeline check`: verdict of the verifier, and of a target.

use super::no_nfp;
use crate::args::{Check, Target};
use crate::failure::Failure;
use crate::input;
use beeline_frontend::verifier;
use std::io::{BufWriter, Write};

pub(super) fn check(args: &Check) -> Result<(), Failure> {
    let (program, maps) = input::program_with_maps(&args.source)?;
    let verified = if args.verbose {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let verdict = verifier::verify_with_log(program, &mut out);
        // What a closed pipe does not take is nobody's loss.
        let _ = out.flush();
        verdict.map_err(Failure::Rejected)?
    } else {
        verifier::verify(program).map_err(Failure::Rejected)?
    };
    let program = verified.program();
    // After a long log, the reader may have left; that changes no verdict.
    let _ = writeln!(
        std::io::stdout(),
        "{}: accepted: {} instructions, {} walked, {} bytes of stack",
        program.name,
        program.insns.len(),
        verified.insns_walked(),
        verified.stack_bytes()
    );
    match args.target {
        None => Ok(()),
        Some(Target::Nfp) => Err(no_nfp()),
        Some(Target::Verilog) => {
            let tail_calls = input::tail_calls(&args.source, &verified, &maps)?;
            let options = input::options(&args.device, &tail_calls, 0, 0)?;
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
