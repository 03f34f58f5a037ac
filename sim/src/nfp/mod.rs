//! The microengine simulator: encoded control-store words in, packets, map changes and cycles out.
//!
//! It executes what the NFP back end has encoded, on engines of several contexts that share memory units. An access that the hardware would not
//! allow (a register that nothing has written, a transfer register before its signal, a branch in a defer slot) is a [`Fault`],
//! never a value. Bottom up: `decode` to `micro` operations; `context` and `engine`, which run them; `memory`; `machine`, which says who
//! runs when. What the firmware does around the program is behind the trait [`Firmware`].

mod context;
mod decode;
mod engine;
mod fault;
mod machine;
mod memory;
mod micro;

pub use context::{Context, LOCAL_WORDS};
pub use decode::{decode, BadWord};
pub use engine::Engine;
pub use fault::{Breach, Fault};
pub use machine::{published_timing, Config, Firmware, Machine, Service, Start, Thread};
pub use memory::{Memory, Unit, UnitTiming};
pub use micro::Micro;
