//! Analyses of a `Function`: control flow, dominators, loops, liveness, known bits and ranges, addresses, effects.
//!
//! Each is computed afresh from the program by its constructor and says nothing after a change to what it looked at.

pub mod address;
pub mod arith;
pub mod cfg;
pub mod conditions;
pub mod demanded;
pub mod dominators;
pub mod effects;
pub mod evaluate;
pub mod known;
pub mod liveness;
pub mod loops;
