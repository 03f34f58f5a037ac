//! What an engine says about one packet, and how two engines are compared.

use crate::map::MapSet;
use crate::packet::Packet;
use crate::trace::Inputs;
use std::fmt;

/// An engine found itself where verified programs cannot get: a bug of Beeline, never of the user's program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal error at {at}: {what}")]
pub struct Fault {
    /// Instruction or operation.
    pub at: String,
    /// What happened there.
    pub what: String,
}

/// An engine that takes one packet at a time.
pub trait Executor {
    /// Runs the program on the packet that has arrived in `packet`; leaves the result there and in `maps`.
    ///
    /// # Errors
    /// On a bug of Beeline.
    fn run(
        &mut self,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<Exit, Fault>;
}

/// XDP actions, by the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Action {
    Aborted = 0,
    Drop = 1,
    Pass = 2,
    Tx = 3,
    Redirect = 4,
}

impl Action {
    /// The action that the return value `code` stands for: above 4 it is [`Action::Aborted`].
    pub fn from_code(code: u32) -> Self {
        match code {
            1 => Action::Drop,
            2 => Action::Pass,
            3 => Action::Tx,
            4 => Action::Redirect,
            _ => Action::Aborted,
        }
    }

    /// `XDP_PASS` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Action::Aborted => "XDP_ABORTED",
            Action::Drop => "XDP_DROP",
            Action::Pass => "XDP_PASS",
            Action::Tx => "XDP_TX",
            Action::Redirect => "XDP_REDIRECT",
        }
    }

    /// True if the packet goes on: its bytes count.
    pub fn leaves(self) -> bool {
        !matches!(self, Action::Aborted | Action::Drop)
    }
}

/// Where `XDP_REDIRECT` sends a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redirect {
    /// To an interface.
    Ifindex(u32),
    /// To an entry of a map.
    Map {
        /// Map number in the program.
        map: usize,
        /// Key.
        key: u32,
    },
    /// To every interface in a device map (`BPF_F_BROADCAST`).
    Broadcast {
        /// Map number in the program.
        map: usize,
        /// Key that the program gave; without meaning.
        key: u32,
        /// Not to the interface it came from (`BPF_F_EXCLUDE_INGRESS`).
        exclude_ingress: bool,
    },
}

impl Redirect {
    /// From the two numbers of the IR's verdict: 0 is an interface, else map number + 1.
    pub fn from_verdict(map: u64, key: u32) -> Self {
        match map {
            0 => Redirect::Ifindex(key),
            m => Redirect::Map { map: m as usize - 1, key },
        }
    }
}

/// How a program ended; the packet itself stays in its [`Packet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The program's return value, not reduced to the five actions.
    pub code: u32,
    /// Target, if the action is `XDP_REDIRECT`.
    pub redirect: Option<Redirect>,
}

impl Exit {
    /// The action.
    pub fn action(&self) -> Action {
        Action::from_code(self.code)
    }
}

/// The whole result for one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How the program ended.
    pub exit: Exit,
    /// The packet as the program left it, without metadata.
    pub bytes: Vec<u8>,
}

impl Outcome {
    /// The result `exit` with what now is in `packet`.
    pub fn new(exit: Exit, packet: &Packet) -> Self {
        Self { exit, bytes: packet.bytes().to_vec() }
    }

    /// FNV-1a 64 over the bytes.
    pub fn digest(&self) -> u64 {
        fnv1a_64(&self.bytes)
    }
}

/// The FNV-1a hash, 64 bits, of `bytes`.
pub fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The first thing in which two engines differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Return values.
    Code(u32, u32),
    /// Redirect targets.
    Redirect(Option<Redirect>, Option<Redirect>),
    /// Lengths of a packet that leaves.
    Length(usize, usize),
    /// First unequal byte of a packet that leaves.
    Byte {
        /// Offset from the first output byte.
        offset: usize,
        /// The first engine's.
        left: u8,
        /// The second engine's.
        right: u8,
    },
    /// First unequal event; `None` where there are no more.
    Event {
        /// Number among the packet's events.
        position: usize,
        /// The first engine's: name of the map, and the bytes.
        left: Option<(String, Vec<u8>)>,
        /// The second engine's.
        right: Option<(String, Vec<u8>)>,
    },
    /// First unequal entry of a map; `None` where the entry is absent (or, in arrays, zero).
    Entry {
        /// Name of the map.
        map: String,
        /// Key.
        key: Vec<u8>,
        /// The first engine's value.
        left: Option<Vec<u8>>,
        /// The second engine's value.
        right: Option<Vec<u8>>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = |code: &u32| match Action::from_code(*code) {
            Action::Aborted if *code != 0 => format!("XDP_ABORTED (return value {code})"),
            a => a.name().to_owned(),
        };
        match self {
            Difference::Code(l, r) => write!(f, "action {} against {}", action(l), action(r)),
            Difference::Redirect(l, r) => write!(f, "redirect target {l:?} against {r:?}"),
            Difference::Length(l, r) => write!(f, "length {l} against {r}"),
            Difference::Byte { offset, left, right } => {
                write!(f, "byte {offset} is 0x{left:02x} against 0x{right:02x}")
            }
            Difference::Event { position, left, right } => {
                let side = |e: &Option<(String, Vec<u8>)>| match e {
                    Some((map, bytes)) => format!("{} in {map}", hex(bytes)),
                    None => "nothing".to_owned(),
                };
                write!(f, "event {position}: {} against {}", side(left), side(right))
            }
            Difference::Entry { map, key, left, right } => {
                let side =
                    |v: &Option<Vec<u8>>| v.as_ref().map_or("nothing".to_owned(), |v| hex(v));
                write!(f, "map {map}, key {}: {} against {}", hex(key), side(left), side(right))
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Compares two results for the same packet: return value, redirect target and, if the packet leaves, its bytes.
pub fn compare(left: &Outcome, right: &Outcome) -> Option<Difference> {
    let (l, r) = (&left.exit, &right.exit);
    if l.code != r.code {
        return Some(Difference::Code(l.code, r.code));
    }
    if l.redirect != r.redirect {
        return Some(Difference::Redirect(l.redirect, r.redirect));
    }
    if !l.action().leaves() {
        return None;
    }
    if left.bytes.len() != right.bytes.len() {
        return Some(Difference::Length(left.bytes.len(), right.bytes.len()));
    }
    let offset = left.bytes.iter().zip(&right.bytes).position(|(l, r)| l != r)?;
    Some(Difference::Byte { offset, left: left.bytes[offset], right: right.bytes[offset] })
}

/// Compares the content of two sets of the same maps, in map order, each in key order.
pub fn compare_maps(left: &MapSet, right: &MapSet) -> Option<Difference> {
    (0..left.len().min(right.len())).find_map(|map| {
        let (l, r) = (left.dump(map), right.dump(map));
        let i = l.iter().zip(&r).position(|(l, r)| l != r).unwrap_or(l.len().min(r.len()));
        let key = match (l.get(i), r.get(i)) {
            (None, None) => return None,
            (Some((k, _)), None) | (None, Some((k, _))) => k,
            (Some((l, _)), Some((r, _))) => l.min(r),
        };
        let value = |side: &[(Vec<u8>, Vec<u8>)]| {
            side.get(i).filter(|(k, _)| k == key).map(|(_, v)| v.clone())
        };
        Some(Difference::Entry {
            map: left.name(map).to_owned(),
            key: key.clone(),
            left: value(&l),
            right: value(&r),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: u32, bytes: &[u8]) -> Outcome {
        Outcome { exit: Exit { code, redirect: None }, bytes: bytes.to_vec() }
    }

    #[test]
    fn digest_has_the_published_values() {
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn bytes_count_only_if_the_packet_leaves() {
        assert_eq!(compare(&outcome(1, b"ab"), &outcome(1, b"c")), None);
        assert_eq!(compare(&outcome(7, b"ab"), &outcome(7, b"c")), None);
        assert_eq!(compare(&outcome(2, b"ab"), &outcome(2, b"c")), Some(Difference::Length(2, 1)));
        let byte = Difference::Byte { offset: 1, left: b'b', right: b'c' };
        assert_eq!(compare(&outcome(3, b"ab"), &outcome(3, b"ac")), Some(byte));
        assert_eq!(compare(&outcome(3, b"ab"), &outcome(2, b"ab")), Some(Difference::Code(3, 2)));
    }

    #[test]
    fn targets_are_compared() {
        let mut l = outcome(4, b"x");
        let mut r = l.clone();
        l.exit.redirect = Some(Redirect::from_verdict(0, 5));
        r.exit.redirect = Some(Redirect::from_verdict(3, 5));
        let d = compare(&l, &r).unwrap();
        assert_eq!(
            d,
            Difference::Redirect(
                Some(Redirect::Ifindex(5)),
                Some(Redirect::Map { map: 2, key: 5 })
            )
        );
    }
}
