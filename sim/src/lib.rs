//! Beeline's simulators: packets and maps as XDP programs see them, and every engine that runs a program on them.
//!
//! [`interp`] runs bytecode and is the reference; [`exec`] runs the IR, before and after each pass. All engines
//! share the packet model ([`packet`]), the map model ([`map`]) and the inputs ([`trace`]), and give the
//! same result type ([`outcome`]), so that any two of them can be compared. `docs/semantics.md` is the user's view.

pub mod exec;
pub mod host;
pub mod interp;
pub mod map;
pub mod nfp;
pub mod outcome;
pub mod packet;
pub mod pipeline;
pub mod trace;

pub use host::Host;
pub use interp::Interp;
pub use map::{Errno, MapSet};
pub use outcome::{compare, compare_maps, Difference, Executor, Exit, Fault, Outcome, Redirect};
pub use packet::Packet;
pub use trace::Inputs;
