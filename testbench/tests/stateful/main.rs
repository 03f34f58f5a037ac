//! The examples that keep state, under traffic of every shape: interpreter, kernel, cycle-level simulator and Verilated design agree on
//! actions, bytes, events and maps, and the last two in every cycle; and what this costs in cycles.
//!
//! `BEELINE_SEEDS=N` sets how many traces each example and shape gets; half of them come with random gaps and back-pressure.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

mod agreement;
mod full;
mod rates;
mod subject;
