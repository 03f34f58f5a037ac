//! The RTL cells under Verilator and Yosys: lint, random simulation against models of `docs/rtl-interface.md`, deliberate
//! defects that must be caught, and memory inference.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

mod bench;
mod hash_proof;
mod hash_script;
mod hash_table;
mod keyed;
mod placement;
mod prefixes;
mod proofs;
mod simulate;
mod tool_checks;
