//! The time side: framer, FIFOs, deparser and output registers, cycle by cycle (`docs/rtl-interface.md`, "Timing rules").
//!
//! Every field is a register: a cycle reads the old state and makes the new one.

use super::events::EventStream;
use super::gates::{Gates, Plan};
use super::{Departure, Stalls, Traffic};
use crate::outcome::Fault;
use beeline_ir::entities::Value;
use beeline_ir::StagedPipeline;
use std::collections::VecDeque;

/// Beats in the packet FIFO.
const PKT_DEPTH: usize = 512;

/// Bytes in a beat.
const BEAT: i32 = 64;

/// Cycles without progress after which nothing will come.
const PATIENCE: u64 = 1 << 20;

/// The parameters of a design that its timing depends on.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub stages: u32,
    /// Beats of the header window.
    pub window_beats: u32,
    pub desc_depth: u32,
    pub align: bool,
    pub gates: Plan,
}

impl Shape {
    pub fn of(staged: &StagedPipeline) -> Self {
        let p = &staged.pipeline;
        let is_zero = |v: Value| p.dfg.as_const(v) == Some(0);
        Self {
            stages: staged.num_stages,
            window_beats: staged.window.div_ceil(BEAT as u32).max(1),
            desc_depth: (staged.num_stages + 4).next_power_of_two(),
            align: !is_zero(p.verdict.start),
            gates: Plan::of(staged),
        }
    }
}

/// A packet, as the clockwork sees it. Beats are counted from coordinate 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traveller {
    packet: usize,
    leaves: bool,
    in_beats: i32,
    /// The start lies before the packet as it arrived.
    down: bool,
    /// Steps that are emitted: from the first to behind the last.
    emitted: (i32, i32),
    /// Output beats.
    outputs: i32,
    /// It sends events, and is not retired before they have gone.
    sends: bool,
}

impl Traveller {
    /// Packet number `packet` of `len` bytes; if it leaves, with the bytes at coordinates `start .. end`.
    pub fn new(
        packet: usize,
        len: u32,
        leaves: bool,
        (start, end): (i32, i32),
        sends: bool,
    ) -> Self {
        let in_beats = len.div_ceil(BEAT as u32) as i32;
        let outputs = (end - start + BEAT - 1) / BEAT;
        let down = start < 0;
        let emitted = if !leaves {
            (0, 0)
        } else if down {
            let first = start.div_euclid(BEAT) + 1;
            (first, first + outputs)
        } else {
            (start / BEAT, (end + BEAT - 1) / BEAT)
        };
        Self { packet, leaves, in_beats, down, emitted, outputs, sends }
    }

    /// Steps of the deparser, from the first to behind the last.
    fn steps(&self) -> (i32, i32) {
        (self.emitted.0.min(0), self.emitted.1.max(self.in_beats))
    }
}

/// An emitted step in `hold`.
#[derive(Clone, Copy)]
struct Held {
    packet: usize,
    /// Its output beat needs nothing of the next step.
    whole: bool,
    /// Output beats from its own on.
    outputs: i32,
}

/// A beat in `mix` or the output register.
#[derive(Clone, Copy)]
struct Out {
    packet: usize,
    last: bool,
}

/// The state of everything but the stages.
pub(super) struct Clockwork {
    shape: Shape,
    cycle: u64,
    pub stalls: Stalls,
    /// Packets still to be accepted in full.
    source: VecDeque<Traveller>,
    gates: Gates,
    /// What the gates must know of the packets that have not entered the stages.
    tickets: VecDeque<u64>,
    /// The one in use.
    ticket: Vec<u64>,
    /// Next beat of the first of them.
    beat: u32,
    /// Idle cycles before it; none: not asked yet.
    idle: Option<u32>,
    /// For each beat in the packet FIFO, the cycle from which it can be popped.
    beats: VecDeque<u64>,
    /// Packets completed but not retired.
    inflight: u32,
    /// Descriptors, with the cycle from which they are visible.
    descriptors: VecDeque<(u64, Traveller)>,
    /// Next step for the first of them; none: at its beginning.
    step: Option<i32>,
    hold: Option<Held>,
    mix: Option<Out>,
    out: Option<Out>,
    last_progress: u64,
    pub events: EventStream,
    /// Beats of the events of the packets in `source` that send some.
    event_beats: VecDeque<VecDeque<u32>>,
}

impl Clockwork {
    pub fn new(shape: &Shape, gates: Gates) -> Self {
        Self {
            shape: shape.clone(),
            cycle: 0,
            stalls: Stalls::default(),
            source: VecDeque::new(),
            gates,
            tickets: VecDeque::new(),
            ticket: Vec::new(),
            beat: 0,
            idle: None,
            beats: VecDeque::with_capacity(PKT_DEPTH),
            inflight: 0,
            descriptors: VecDeque::with_capacity(shape.desc_depth as usize),
            step: None,
            hold: None,
            mix: None,
            out: None,
            last_progress: 0,
            events: EventStream::default(),
            event_beats: VecDeque::new(),
        }
    }

    /// Cycles that have passed.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Puts a packet behind those to be accepted; `ticket` is what the gates must know of it, `events` has the beats of each of its events.
    pub fn send(&mut self, packet: Traveller, ticket: &[u64], events: VecDeque<u32>) {
        self.source.push_back(packet);
        self.tickets.extend(ticket);
        if packet.sends {
            self.event_beats.push_back(events);
        }
    }

    /// The gates, after a run.
    pub fn into_gates(self) -> Gates {
        self.gates
    }

    /// The cycle in which a packet that is in stage 0 in `entered` is active in the last stage.
    fn last_stage(&mut self, entered: u64) -> u64 {
        if self.shape.gates.is_empty() {
            return entered + u64::from(self.shape.stages) - 1;
        }
        self.ticket.clear();
        self.ticket.extend(self.tickets.drain(..self.shape.gates.ticket_words));
        self.gates.pass(entered, &mut self.ticket)
    }

    /// Lets time pass until all packets have been accepted.
    pub fn take_in(
        &mut self,
        traffic: &mut impl Traffic,
        departures: &mut [Departure],
    ) -> Result<(), Fault> {
        while !self.source.is_empty() {
            self.tick(traffic, departures)?;
        }
        Ok(())
    }

    /// Lets time pass until all packets have left.
    pub fn drain(
        &mut self,
        traffic: &mut impl Traffic,
        departures: &mut [Departure],
    ) -> Result<(), Fault> {
        while !(self.descriptors.is_empty() && self.output_is_empty() && self.events.is_empty()) {
            self.tick(traffic, departures)?;
        }
        Ok(())
    }

    fn output_is_empty(&self) -> bool {
        self.hold.is_none() && self.mix.is_none() && self.out.is_none()
    }

    /// One cycle.
    fn tick(
        &mut self,
        traffic: &mut impl Traffic,
        departures: &mut [Departure],
    ) -> Result<(), Fault> {
        let ready = traffic.ready(self.cycle);
        // `s_axis_tready` depends on the registers alone, before this cycle's pops.
        let room = self.beats.len() < PKT_DEPTH;
        let credit = self.inflight < self.shape.desc_depth;
        if let Some(out) = self.out {
            if ready {
                self.last_progress = self.cycle;
                if out.last {
                    departures[out.packet].cycle_out = self.cycle;
                }
                self.out = None;
            } else {
                self.stalls.output += 1;
            }
        }
        let retired = self.deparse(departures);
        let event_ready = traffic.event_ready(self.cycle);
        if self.events.tick(self.cycle, event_ready) {
            self.last_progress = self.cycle;
        }
        self.accept(room, credit, traffic, departures);
        self.inflight -= u32::from(retired);
        if self.cycle - self.last_progress > PATIENCE {
            let what = format!("no packet has moved for {PATIENCE} cycles");
            return Err(Fault { at: format!("cycle {}", self.cycle), what });
        }
        self.cycle += 1;
        Ok(())
    }

    /// The framer's side of a cycle.
    #[inline]
    fn accept(
        &mut self,
        room: bool,
        credit: bool,
        traffic: &mut impl Traffic,
        departures: &mut [Departure],
    ) {
        let Some(&packet) = self.source.front() else { return };
        let beat = self.beat;
        let idle = self.idle.get_or_insert_with(|| traffic.idle(packet.packet, beat as usize));
        if *idle > 0 {
            *idle -= 1;
            self.last_progress = self.cycle;
            return;
        }
        if !(room && credit) {
            self.stalls.packet_fifo += u64::from(!room);
            self.stalls.descriptors += u64::from(room);
            return;
        }
        self.last_progress = self.cycle;
        self.idle = None;
        if beat == 0 {
            departures[packet.packet].cycle_in = self.cycle;
        }
        self.beats.push_back(self.cycle + 2);
        let last = beat as i32 + 1 == packet.in_beats;
        if beat + 1 == self.shape.window_beats || last && beat < self.shape.window_beats {
            self.inflight += 1;
            // Out of the last stage's boundary, through the descriptor FIFO.
            let visible = self.last_stage(self.cycle + 1) + 2;
            self.descriptors.push_back((visible, packet));
            if packet.sends {
                let beats = self.event_beats.pop_front().expect("sent with the packet");
                self.events.push(visible, beats);
            }
        }
        if last {
            self.source.pop_front();
            self.beat = 0;
        } else {
            self.beat += 1;
        }
    }

    /// The deparser's side of a cycle; true if a packet was retired. The output register is empty here if the receiver takes its beat.
    #[inline]
    fn deparse(&mut self, departures: &mut [Departure]) -> bool {
        if self.out.is_none() {
            self.out = self.mix.take();
        }
        // A whole output beat leaves `hold` by itself, another one only with the next step.
        let can_consume = self.hold.is_some_and(|h| h.outputs == 0 || self.mix.is_none());
        if can_consume && self.hold.is_some_and(|h| h.whole) {
            self.consume_hold();
        }
        let Some(&(visible, packet)) = self.descriptors.front() else { return false };
        if visible > self.cycle {
            return false;
        }
        let steps = packet.steps();
        let k = self.step.unwrap_or(steps.0);
        let pops = (0..packet.in_beats).contains(&k);
        let done = k + 1 == steps.1;
        if done && packet.sends && !self.events.may_retire() {
            return false;
        }
        if pops && self.beats.front().is_none_or(|&from| from > self.cycle) {
            return false;
        }
        if (packet.emitted.0..packet.emitted.1).contains(&k) {
            let accepted = match self.shape.align {
                false => self.out.is_none(),
                true => self.hold.is_none() || can_consume,
            };
            if !accepted {
                return false;
            }
            self.emit(packet, k);
        }
        if pops {
            self.beats.pop_front();
        }
        self.last_progress = self.cycle;
        self.step = (!done).then_some(k + 1);
        if done {
            self.descriptors.pop_front();
            if packet.sends {
                self.events.retire();
            }
            if !packet.leaves {
                departures[packet.packet].cycle_out = self.cycle;
            }
        }
        done
    }

    /// Step `k` of `packet` goes on.
    fn emit(&mut self, packet: Traveller, k: i32) {
        let last = k + 1 == packet.emitted.1;
        if !self.shape.align {
            self.out = Some(Out { packet: packet.packet, last });
            return;
        }
        self.consume_hold();
        let outputs = (packet.outputs - (k - packet.emitted.0)).max(0);
        self.hold = Some(Held { packet: packet.packet, whole: packet.down || last, outputs });
    }

    /// What `hold` has, if anything, makes its output beat, if it makes one.
    fn consume_hold(&mut self) {
        if let Some(h) = self.hold.take().filter(|h| h.outputs > 0) {
            self.mix = Some(Out { packet: h.packet, last: h.outputs == 1 });
        }
    }
}
