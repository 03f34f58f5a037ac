//! `beeline compile`: writes the hardware form of a program.

use super::no_nfp;
use crate::args::{Compile, Target};
use crate::failure::Failure;
use crate::input::{self, Prepared};

pub(super) fn compile(args: &Compile) -> Result<(), Failure> {
    if args.target == Target::Nfp {
        return Err(no_nfp());
    }
    let Prepared { verified, tail_calls, .. } = input::prepared(&args.source)?;
    let options = input::options(&args.device, &tail_calls, args.seed, 0)?;
    let compiled = input::hardware(&verified, &options)?;
    beeline_backends::verilog::write_design(&compiled.design, &args.out)
        .map_err(Failure::unusable)?;
    println!(
        "{}: {} stages at {} MHz, {} register bits, {} files in {}",
        compiled.design.top,
        compiled.staged.num_stages,
        options.target.clock_mhz,
        compiled.register_bits(),
        compiled.design.files.len(),
        args.out.display()
    );
    Ok(())
}
