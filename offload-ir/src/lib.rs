//! The Beeline intermediate representation.

pub mod analysis;
pub mod dfg;
pub mod diagnostic;
pub mod entities;
pub mod function;
pub mod hash;
pub mod if_convert;
pub mod map;
pub mod op;
pub mod passes;
pub mod pipeline;
pub mod ports;
pub mod random;
pub mod schedule;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod validate;

pub use dfg::{Dfg, Ty, ValueDef};
pub use diagnostic::Diagnostic;
pub use entities::{Block, Inst, MapId, Src, Stage, Value};
pub use function::{Function, Terminator, Verdict};
pub use map::{MapDecl, MapKind};
pub use op::Op;
pub use pipeline::{Pipeline, StagedPipeline};
pub use validate::Validated;
