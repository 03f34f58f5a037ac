//! Scheduling: `Pipeline` to `StagedPipeline`.
//!
//! What takes longer than a stage is lowered to smaller operations; pipeline and target become a [`problem::Problem`], which is checked, solved exactly and verified; the solution is laid
//! out as stages with their registers.

mod bytes;
mod delay;
pub mod deps;
mod lower;
mod model;
pub mod problem;
mod refusal;
mod simplex;
mod solve;
mod staging;
mod summary;
pub mod window;

pub use delay::Delays;
pub use model::register_bits_of;
pub use solve::solve;
pub use summary::{boundary_bits, register_bits, summary};

use crate::diagnostic::Diagnostic;
use crate::pipeline::{Pipeline, StagedPipeline};
use crate::target::TargetDesc;
use bytes::Window;
use model::Model;

/// Places every operation of `pipeline` (whose ports are shared) in a stage of `target`.
///
/// # Errors
/// `BL0604` if a map's read-modify-write does not fit a stage, `BL0605` if a packet access is not bounded,
/// `BL0610` if an operation alone takes longer than a clock.
pub fn schedule(
    pipeline: Pipeline,
    target: &TargetDesc,
) -> Result<StagedPipeline, Vec<Diagnostic>> {
    let pipeline = lower::lower(pipeline, target);
    let window = Window::new(&pipeline)?;
    let model = Model::new(&pipeline, &window, target);
    let solution =
        solve(&model.problem).map_err(|why| refusal::explain(&pipeline, &model, target, why))?;
    if let Err(fault) = model.problem.verify(&solution) {
        return Err(vec![Diagnostic::error(
            "BL0699",
            format!("internal error: the schedule is wrong: {fault}"),
        )]);
    }
    Ok(staging::stage(pipeline, &window, &model, &solution, target))
}

#[cfg(test)]
mod tests;
