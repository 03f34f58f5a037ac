//! The host's access to maps: the generated C driver against the Verilated design, alone and while packets stream.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

mod load;
mod semantics;
mod subject;
