//! The map model held against the running kernel, kind by kind: the same operations, from the host and from programs, must
//! give the same codes, the same bytes and the same content. Skipped with a notice where the kernel cannot be reached.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

#[allow(dead_code, unused_imports)] // shared with the verifier's tests, which use all of it
#[path = "../verifier/asm.rs"]
mod asm;

mod arrays;
mod hashes;
mod keyless;
mod nested;
mod pair;
mod ring;
mod shapes;
mod targets;
mod tries;
mod user;
