//! Loops that the kernel ends by itself, whatever the program's state: runs of a callback, trips of `may_goto` and of
//! iterators. A step that begins in a state like that of an earlier step need not be followed.

use super::cover::{compare, Relation};
use super::explore::{Explorer, Next};
use super::message::Checked;
use super::state::{State, Trip};
use super::touch::Words;
use crate::insn::Pc;

impl Explorer<'_> {
    /// `state` stands before another step of such a loop, whose earlier steps have checkpoints from `first` on. True if
    /// one of them covers it; the path then ends.
    ///
    /// The earlier step is still being explored, so this rests on its success: if it fails, the program is refused.
    pub(super) fn converge(&mut self, state: &mut State, first: usize) -> bool {
        let live = self.live_registers(state);
        let mut similar = None;
        for i in self.checkpoints.open_from(first, state) {
            let earlier = &self.checkpoints.get(i).state;
            if earlier.progress == state.progress {
                continue; // Stored for this very step.
            }
            match compare(earlier, state, &live, &Words::ALL) {
                Relation::Covered => {
                    self.join_earlier_step(state, i);
                    return true;
                }
                Relation::Numbers(locs) if similar.is_none() => similar = Some((i, locs)),
                _ => {}
            }
        }
        if let Some((i, locs)) = similar {
            self.generaliser.converge(state, &self.checkpoints.get(i).state, &locs);
        }
        self.store_checkpoint(state);
        false
    }

    /// Everything that was to come from checkpoint `i` on comes again, any number of times.
    fn join_earlier_step(&mut self, state: &State, i: usize) {
        self.checkpoints.note_read(state, &Words::ALL);
        let earlier = &self.checkpoints.get(i).state.trips;
        let same_arrival = |a: &Trip, b: &Trip| {
            a.ctx == b.ctx && a.header == b.header && a.arrival == b.arrival && a.count != b.count
        };
        for trip in &state.trips {
            if earlier.iter().any(|e| same_arrival(e, trip)) {
                self.recorder.unbounded(trip.ctx, trip.header);
            }
        }
    }

    /// `may_goto`: on with the next instruction, until the kernel has had enough and jumps.
    pub(super) fn may_goto(&mut self, state: &mut State, target: Pc) -> Checked<Next> {
        if self.converge(state, 0) {
            return Ok(Next::End);
        }
        let mut later = Box::new(state.clone());
        later.pc = target;
        state.progress = state.progress.wrapping_add(1);
        Ok(Next::Fork { later, goto: state.pc.plus(1) })
    }
}
