//! Scheduling: `Pipeline` to `StagedPipeline`.

pub mod deps;
pub mod window;
