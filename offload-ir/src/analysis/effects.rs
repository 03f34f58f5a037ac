//! What an operation reads and writes beside its operands.

use crate::entities::MapId;
use crate::op::Op;

/// A part of the state; effects on different parts do not see each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Packet bytes.
    Packet,
    /// Which keys a map holds. No operation of the IR changes it so far.
    Keys(MapId),
    /// The values of a map's entries.
    Values(MapId),
}

/// The state that `op` reads, if any.
pub fn read_state(op: &Op) -> Option<State> {
    match op {
        Op::PktLoad { .. } => Some(State::Packet),
        Op::MapLookup { map, .. } => Some(State::Keys(*map)),
        Op::MapLoad { map, .. } | Op::MapAtomic { map, .. } => Some(State::Values(*map)),
        _ => None,
    }
}

/// The state that `op` writes, if any.
pub fn written_state(op: &Op) -> Option<State> {
    match op {
        Op::PktStore { .. } | Op::PktZero { .. } => Some(State::Packet),
        Op::MapStore { map, .. } | Op::MapAtomic { map, .. } => Some(State::Values(*map)),
        _ => None,
    }
}
