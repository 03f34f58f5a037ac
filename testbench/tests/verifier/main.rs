//! The verifier's verdicts, held against the running kernel's where it can be reached (Linux, root).

mod asm;
mod cases;
mod cases_helpers;
mod cases_objects;
mod exec;
mod kernel;
mod mixed;
mod mutants;
mod objects;
mod random;
mod speed;
mod writer;
