//! The Beeline intermediate representation: this page specifies it.
//!
//! A program in IR form says what happens to one packet. It has three forms, each made from the one before:
//!
//! | form | made by | what it adds or removes |
//! |---|---|---|
//! | [`Function`] | the front end's lift | SSA over a control-flow graph; [`passes`] work on it, the NFP backend takes it |
//! | [`Pipeline`] | [`if_convert`] | no branches: effects carry predicates, joins are selects; [`ports`] merges exclusive accesses |
//! | [`StagedPipeline`] | [`schedule`] | a stage for each operation, registers between stages, memory ports; the Verilog backend takes it |
//!
//! All three share the data-flow graph ([`Dfg`]: values, operations, maps, source locations), print and parse as text ([`text`] has the
//! grammar), and have numbered invariants ([`validate`] lists them). Backends and simulators take a [`Validated`] form only,
//! and only a validator makes one. A broken invariant is an internal error; what is wrong with the *user's* program is a [`Diagnostic`].
//!
//! # Values and operations
//!
//! A value is a bit vector of 1 to 64 bits (`i1` is a truth value) or an *entry*: a reference to the value of a map's entry, or null. It is
//! defined once, by an operation or as a block parameter (the phi node of this IR: jumps pass arguments).
//!
//! Operations ([`Op`]) are total: division by 0 gives 0 (remainder: the dividend), shifts by the width or more give 0 (arithmetic
//! ones the sign), packet bytes that do not exist and loads through the null entry read as 0, a store through the null entry does nothing. So
//! an operation without effect may be executed where its result is not needed. Multi-byte accesses are little-endian,
//! and lists of parts start with the least significant one, which lies lowest in memory.
//!
//! Stores, `pkt_zero` and atomic operations are *effects*; they happen in program order, only on paths that reach them (in a
//! pipeline: only if their predicate is 1).
//!
//! # State
//!
//! *Packet bytes* are named by coordinate: byte 0 is the first byte as the packet arrived, negative coordinates are headroom. An access says
//! `base + off`: the current packet start (0 until `bpf_xdp_adjust_head` moves it) and the offset, with verified bounds of the offset
//! ([`op::Bounds`]), which hold whenever the program itself gets there.
//!
//! *Maps* ([`MapDecl`]) are looked up by key, giving an entry; entries are loaded from, stored to and modified atomically, at offsets that the
//! bounds keep within the value. Which keys exist changes between packets only. A map that is `frozen` never changes: loads
//! from its initial content are constants.
//!
//! *Trace inputs* ([`op::Input`]) are what the surroundings supply: length on arrival, time, interface, packet number.
//!
//! # Leaving
//!
//! A program ends with a [`Verdict`]: the XDP action, the coordinates of the first output byte and of the one behind the last, up to
//! where arrival bytes count, and the redirect target. Output byte `c` is what was stored there, else the arrival byte if `c` lies below
//! the packet length and `valid_end`, else 0.
//!
//! # An example
//!
//! ```text
//! function count {
//!   map m0 "packets" array key 4 value 8 entries 256
//! b0:
//!   v0 = const.i64 0
//!   v1 "len" = input.i16 packet_len
//!   v2 = const.i16 14
//!   v3 = ult.i1 v1, v2
//!   branch v3, b2, b1
//! b1:
//!   v4 = const.i64 12
//!   v5 "proto" = pkt_load.i8 v0 + v4 [12]
//!   v6 = zext.i32 v5
//!   v7 = map_lookup.m0 (v6)
//!   v8 = const.i64 1
//!   v9 = atomic_add.i64 m0 v7 + v0 [0], v8
//!   jump b2
//! b2:
//!   v10 = const.i32 2
//!   v11 = const.i32 0
//!   ret action v10 start v0 end v1 valid_end v1 redirect_map v11 redirect_key v11
//! }
//! ```

pub mod analysis;
pub mod dfg;
pub mod diagnostic;
pub mod entities;
pub mod function;
pub mod hash;
pub mod if_convert;
pub mod lpm;
pub mod map;
pub mod op;
pub mod passes;
pub mod pipeline;
pub mod ports;
pub mod random;
pub mod schedule;
pub mod state;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod validate;

pub use dfg::{Dfg, Ty, ValueDef};
pub use diagnostic::Diagnostic;
pub use entities::{Block, Inst, MapId, Src, Stage, Value};
pub use function::{Function, Terminator, Verdict};
pub use map::{MapDecl, MapKind};
pub use op::Op;
pub use pipeline::{Pipeline, StagedPipeline};
pub use validate::Validated;
