//! The testbench: traffic, engines, comparison.

pub mod traffic;
