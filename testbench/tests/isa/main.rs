//! Every opcode of RFC 9669 with edge values and random ones: what the RFC's words say (`spec`), the interpreter, the kernel,
//! and the IR, as lifted and as a pipeline, all give the same. `table` lists the opcodes, and a test fails if one has no vector.

#![allow(clippy::unwrap_used)] // a test

mod calls;
mod forms;
mod program;
mod spec;
mod table;
mod vectors;
mod verdicts;
