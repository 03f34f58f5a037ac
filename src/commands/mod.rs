//! One module for each command.

mod check;
mod compile;
mod equiv;
mod estimate;
mod inspect;
mod run;

use crate::args::Command;
use crate::failure::Failure;

/// Runs `command`.
pub(crate) fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check(a) => check::check(&a),
        Command::Inspect(a) => inspect::inspect(&a),
        Command::Compile(a) => compile::compile(&a),
        Command::Run(a) => run::run(&a),
        Command::Equiv(a) => equiv::equiv(&a),
        Command::Estimate(a) => estimate::estimate(&a),
    }
}

/// What the microcode target answers until it exists.
pub(crate) fn no_nfp() -> Failure {
    Failure::Unusable("the target `nfp` is not built yet; use `--target verilog`".into())
}
