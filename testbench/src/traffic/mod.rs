//! Packet traces made from a seed: the start of every test flow, in front of the engines.
//!
//! [`PacketBuilder`] writes one packet, [`Mix`] draws random ones from pools of addresses, [`mangle`]
//! damages one, [`Shape`] says which flow comes when, [`Trace`] puts packets on a time line and into a capture file, [`workloads`] makes
//! traffic of any shape for the programs that keep state, and [`examples`] holds the traffic and the map entries of all programs in `examples/`. The same seed gives the same bytes on every machine.

pub mod examples;
pub mod workloads;

mod builder;
mod dns;
mod mangle;
mod maps;
mod mix;
mod rng;
mod shape;
mod trace;

pub use builder::{internet_checksum, Arp, Ipv4, Ipv6, Mac, PacketBuilder};
pub use dns::encode_name;
pub use mangle::{mangle, network_offset, truncate, CUTS};
pub use maps::{maps_json, MapEntry};
pub use mix::Mix;
pub use rng::Rng;
pub use shape::Shape;
pub use trace::{back_to_back, Frame, Pauses, Trace, START_NS};

/// The shortest frame the tests send: a bare Ethernet header.
pub const SHORTEST_FRAME: usize = 14;
/// The shortest frame on a wire, without the check sequence that a MAC strips.
pub const MINIMUM_FRAME: usize = 60;
/// The longest frame the tests send.
pub const JUMBO_FRAME: usize = 9000;
