//! Events: the records of a packet as they leave the last stage, and the clockwork of their stream.
//!
//! `docs/rtl-interface.md`, "Events", has the rules.

use super::compile::Program;
use super::lanes::Frame;
use super::op::Row;
use crate::outcome::Fault;
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes in a beat.
const BEAT: u32 = 64;

/// An event that a packet may send, as rows of the frame.
pub(super) struct EventSlot {
    pub map: usize,
    /// Sent if all of them are 1.
    pub conditions: [Row; 2],
    pub len: Row,
    /// Parts and their sizes in bytes.
    pub data: Box<[(Row, u8)]>,
}

/// An event on its way to user space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEvent {
    /// Number of the packet in the run.
    pub packet: usize,
    /// Number of the map.
    pub map: usize,
    /// Cycle in which its last beat was accepted.
    pub cycle: u64,
    bytes: Range<usize>,
}

/// The events of a run, in the order in which they leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub events: Vec<SentEvent>,
    arena: Vec<u8>,
}

impl Sent {
    /// Bytes of event number `n`.
    pub fn bytes(&self, n: usize) -> &[u8] {
        &self.arena[self.events[n].bytes.clone()]
    }

    /// Adds what packet number `packet` in `lane` sends; returns the number of beats of each event.
    pub fn collect(
        &mut self,
        program: &Program,
        frame: &Frame,
        lane: usize,
        packet: usize,
    ) -> Result<VecDeque<u32>, Fault> {
        let mut beats = VecDeque::new();
        for slot in &program.events {
            if slot.conditions.iter().any(|c| frame.get(*c, lane) == 0) {
                continue;
            }
            let start = self.arena.len();
            for (row, n) in &slot.data {
                let part = frame.get(*row, lane).to_le_bytes();
                self.arena.extend(&part[..usize::from(*n)]);
            }
            let len = frame.get(slot.len, lane) as usize;
            if self.arena.len() - start < len {
                let what = format!("a record of {len} bytes, more than it has");
                return Err(Fault { at: "an event".into(), what });
            }
            self.arena.truncate(start + len);
            let bytes = start..start + len;
            self.events.push(SentEvent { packet, map: slot.map, cycle: 0, bytes });
            beats.push_back((len as u32).div_ceil(BEAT).max(1));
        }
        Ok(beats)
    }
}

/// The event stream, cycle by cycle.
#[derive(Default)]
pub(super) struct EventStream {
    /// Packets with events that have left the last stage: the cycle from which they are visible, beats still to go of each event.
    waiting: VecDeque<(u64, VecDeque<u32>)>,
    /// The output register holds a beat; of an event's last one, true.
    out: Option<bool>,
    /// Packets whose last beat has gone to the output register, and which are not retired yet.
    finished: u32,
    /// Cycles in which the last beats of the events were accepted.
    pub accepted: Vec<u64>,
    /// Cycles in which a beat was offered and not accepted.
    pub stalls: u64,
}

impl EventStream {
    /// A packet with events, whose descriptor is visible from cycle `visible` on.
    pub fn push(&mut self, visible: u64, beats: VecDeque<u32>) {
        self.waiting.push_back((visible, beats));
    }

    /// The events of a packet have all gone to the output register, in an earlier cycle.
    pub fn may_retire(&self) -> bool {
        self.finished > 0
    }

    /// A packet with events is retired.
    pub fn retire(&mut self) {
        self.finished -= 1;
    }

    /// Nothing is left in the output register.
    pub fn is_empty(&self) -> bool {
        self.out.is_none()
    }

    /// One cycle, in which the receiver is `ready`; behind the deparser's share of it. True if something moved.
    pub fn tick(&mut self, cycle: u64, ready: bool) -> bool {
        let mut moved = false;
        if let Some(last) = self.out {
            if ready {
                if last {
                    self.accepted.push(cycle);
                }
                self.out = None;
                moved = true;
            } else {
                self.stalls += 1;
            }
        }
        let Some((visible, beats)) = self.waiting.front_mut() else { return moved };
        if *visible > cycle || self.out.is_some() {
            return moved;
        }
        if let Some(left) = beats.front_mut() {
            *left -= 1;
            let last = *left == 0;
            self.out = Some(last);
            if last {
                beats.pop_front();
            }
        }
        if beats.is_empty() {
            self.waiting.pop_front();
            self.finished += 1;
        }
        true
    }
}
