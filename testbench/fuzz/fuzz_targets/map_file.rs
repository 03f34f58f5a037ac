//! See `beeline_testbench::fuzz`.
#![no_main]

beeline_fuzz::fuzz!("map_file");
