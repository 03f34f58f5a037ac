//! Typed indices. Their `Display` is the IR's textual syntax (`v7`, `b2`, `m0`, `s3`).

use cranelift_entity::entity_impl;

/// An SSA value, `v7`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(u32);
entity_impl!(Value, "v");

/// An operation, `i7`. Not visible in the textual form except in error messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inst(u32);
entity_impl!(Inst, "i");

/// A basic block, `b2`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block(u32);
entity_impl!(Block, "b");

/// A map of the program, `m0`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapId(u32);
entity_impl!(MapId, "m");

/// A source location (instruction and C line), `src4`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Src(u32);
entity_impl!(Src, "src");

/// A pipeline stage, `s3`. Stage 0 sees the packet window first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stage(u32);
entity_impl!(Stage, "s");
