//! The cycle-level simulator: runs a staged pipeline on packets, and says in which cycle each enters and leaves.
//!
//! `docs/rtl-interface.md` gives the rules. They let data and time be simulated apart: what a packet carries through the stages depends
//! on the packets ahead alone, never on the clock.
//! - *Data* (`lanes`): stage by stage, sixteen packets side by side. The packets pass a stage in order; where stages read and
//!   write the keys or values of a map, one packet is done before the next begins, which is what forwarding and gates achieve.
//! - *Time* (`clockwork`): cycle by cycle, framer, FIFOs, deparser and output registers, with counters in place of data; and, packet by packet,
//!   the waiting at gates between the stages (`gates`), which depends on the keys and entries of older packets.
//!
//! Maps are the same model as the interpreter's.

mod clockwork;
mod compile;
mod deparse;
mod events;
mod gates;
mod lanes;
mod op;

use crate::map::MapSet;
use crate::outcome::{Exit, Fault, Outcome};
use crate::trace::Inputs;
use beeline_ir::{StagedPipeline, Validated};
use clockwork::{Clockwork, Traveller};
use compile::Program;
use events::Sent;
use gates::Gates;
use lanes::{Frame, LANES};
use std::ops::Range;

pub use events::SentEvent;

/// A packet to be sent in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Its bytes, at least one.
    pub bytes: &'a [u8],
    /// What comes with it.
    pub inputs: Inputs,
}

/// How the two streams behave. Cycle 0 is the first after reset in which a beat can be accepted.
pub trait Traffic {
    /// Cycles in which `s_axis_tvalid` stays low before beat `beat` of packet `packet` is offered, from the
    /// cycle after the beat before it was accepted (or from cycle 0). Asked once for each beat, in order.
    fn idle(&mut self, packet: usize, beat: usize) -> u32;

    /// `m_axis_tready` in `cycle`. Asked once for each cycle, in order.
    fn ready(&mut self, cycle: u64) -> bool;

    /// `m_event_tready` in `cycle`. Asked once for each cycle, in order.
    fn event_ready(&mut self, _cycle: u64) -> bool {
        true
    }
}

/// Beats without a gap in, always ready out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saturated;

impl Traffic for Saturated {
    fn idle(&mut self, _packet: usize, _beat: usize) -> u32 {
        0
    }

    fn ready(&mut self, _cycle: u64) -> bool {
        true
    }
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Return value and target.
    pub exit: Exit,
    /// Cycle in which its first beat was accepted.
    pub cycle_in: u64,
    /// Cycle in which its last beat left, or in which it was retired if it was dropped.
    pub cycle_out: u64,
    bytes: Range<usize>,
}

/// Cycles in which something had to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    /// A beat was offered, but the packet FIFO was full.
    pub packet_fifo: u64,
    /// A beat was offered, but as many packets as there are descriptors were under way.
    pub descriptors: u64,
    /// A beat was on its way out, but the receiver was not ready.
    pub output: u64,
    /// For each map, by number: a packet was held at one of its gates. Empty if there are no gates.
    pub maps: Vec<u64>,
    /// A beat of an event was offered, but its receiver was not ready.
    pub events: u64,
}

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// In the order of the arrivals.
    pub departures: Vec<Departure>,
    /// Cycles from 0 until the last packet has left.
    pub cycles: u64,
    /// What waited.
    pub stalls: Stalls,
    /// Stages with gates, and for each packet the cycles in which it moved on from there.
    stations: usize,
    fired: Vec<u64>,
    arena: Vec<u8>,
    sent: Sent,
}

impl Run {
    /// The bytes with which packet `n` left; none if it was dropped.
    pub fn bytes(&self, n: usize) -> &[u8] {
        &self.arena[self.departures[n].bytes.clone()]
    }

    /// The cycles in which packet `n` moved on from the stages with gates, ascending.
    pub fn gate_cycles(&self, n: usize) -> &[u64] {
        &self.fired[n * self.stations..][..self.stations]
    }

    /// What was sent to user space, in order, with its bytes.
    pub fn events(&self) -> impl Iterator<Item = (&SentEvent, &[u8])> {
        self.sent.events.iter().enumerate().map(|(n, e)| (e, self.sent.bytes(n)))
    }

    /// The result for packet `n`, in the form that all engines share.
    pub fn outcome(&self, n: usize) -> Outcome {
        Outcome { exit: self.departures[n].exit, bytes: self.bytes(n).to_vec() }
    }
}

/// A pipeline, ready to run.
pub struct PipelineSim {
    program: Program,
    frame: Frame,
}

impl PipelineSim {
    /// Prepares `staged`.
    pub fn new(staged: &Validated<StagedPipeline>) -> Self {
        Self::with(Program::compile(staged, false))
    }

    /// As [`PipelineSim::new`], but everything that a boundary does not hold is destroyed there: a register that is
    /// missing in the schedule then shows in the results. Slower.
    pub fn strict(staged: &Validated<StagedPipeline>) -> Self {
        Self::with(Program::compile(staged, true))
    }

    fn with(program: Program) -> Self {
        let frame = Frame::new(&program);
        Self { program, frame }
    }

    /// Sends `arrivals` through the pipeline, which is in reset before, and waits until all have left.
    ///
    /// # Errors
    /// If the packets do not get through (a receiver that is never ready), or on a bug of Beeline.
    pub fn run(
        &mut self,
        arrivals: &[Arrival<'_>],
        maps: &mut MapSet,
        traffic: &mut impl Traffic,
    ) -> Result<Run, Fault> {
        let mut run = Run { departures: Vec::with_capacity(arrivals.len()), ..Run::default() };
        run.arena.reserve(arrivals.iter().map(|a| a.bytes.len()).sum());
        let shape = &self.program.shape;
        let true_slots = maps.has_hardware_slots();
        let gates = Gates::new(&shape.gates, |map| maps.entries(map.as_u32() as usize), true_slots);
        let mut clockwork = Clockwork::new(shape, gates);
        let mut ticket = Vec::new();
        for batch in arrivals.chunks(LANES) {
            self.frame.load(&self.program, batch);
            self.frame.execute(&self.program, batch.len(), maps)?;
            for (lane, arrival) in batch.iter().enumerate() {
                let leaving = deparse::leave(
                    &self.program,
                    &self.frame,
                    lane,
                    arrival.bytes,
                    &mut run.arena,
                )?;
                ticket.clear();
                let rows = |row| self.frame.get(row, lane);
                self.program.tickets.fill(&self.program.shape.gates, rows, &mut ticket);
                let packet = run.departures.len();
                let events = run.sent.collect(&self.program, &self.frame, lane, packet)?;
                let traveller = Traveller::new(
                    packet,
                    arrival.bytes.len() as u32,
                    leaving.exit.action().leaves(),
                    (leaving.start, leaving.end),
                    !events.is_empty(),
                );
                clockwork.send(traveller, &ticket, events);
                run.departures.push(Departure {
                    exit: leaving.exit,
                    cycle_in: 0,
                    cycle_out: 0,
                    bytes: leaving.bytes,
                });
            }
            clockwork.take_in(traffic, &mut run.departures)?;
        }
        clockwork.drain(traffic, &mut run.departures)?;
        (run.cycles, run.stalls) = (clockwork.cycle(), clockwork.stalls.clone());
        run.stalls.events = clockwork.events.stalls;
        for (event, cycle) in run.sent.events.iter_mut().zip(&clockwork.events.accepted) {
            event.cycle = *cycle;
        }
        run.stations = self.program.shape.gates.stations();
        (run.stalls.maps, run.fired) = clockwork.into_gates().finish();
        Ok(run)
    }
}

#[cfg(test)]
mod tests;
