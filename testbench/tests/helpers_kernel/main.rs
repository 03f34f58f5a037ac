//! Every helper held against the running kernel: programs that take arguments from the packet and leave results in it run on both
//! sides, with edge values and random ones. Skipped with a notice where the kernel cannot be reached.

#![allow(clippy::unwrap_used)] // a test

mod both;
mod calls;
mod host;
mod memory;
mod packet;
