//! The testbench: knows every other crate, and compares what they make.
//!
//! | module | what it holds |
//! |---|---|
//! | [`capture`], [`map_file`] | what users bring: pcap, pcapng, map content |
//! | [`flow`] | the compile flow, phase by phase |
//! | [`engine`] | the engines ([`interp`], [`pipeline`], [`rtl`]) behind one result type |
//! | [`kernel`] | the running Linux kernel through `bpf()` |
//! | [`pacing`] | input gaps and output back-pressure |
//! | [`equiv`], [`blame`] | the equivalence runner; where a difference comes from |
//! | [`estimate`], [`area`] | rates, latency and area |
//! | [`traffic`] | generated packets |
//! | [`fuzz`] | entries for fuzzing |

pub mod area;
pub mod blame;
pub mod capture;
pub mod driver_types;
pub mod engine;
pub mod equiv;
pub mod estimate;
pub mod flow;
pub mod fuzz;
pub mod generate;
pub mod interp;
pub mod kernel;
pub mod map_file;
pub mod pacing;
pub mod pipeline;
pub mod rtl;
pub mod tail_calls;
pub mod traffic;
