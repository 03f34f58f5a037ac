//! The testbench: traffic, engines, comparison.

pub mod generate;
pub mod traffic;
