//! The Verilog backend against its goldens, against the operations' meaning under Verilator, and through Yosys.

#![allow(clippy::unwrap_used)] // a failed `unwrap` is a failed test

mod bench;
mod driver;
mod golden;
mod model;
mod program;
mod random_stage;
mod tools;
