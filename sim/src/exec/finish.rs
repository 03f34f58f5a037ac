//! The end of an execution: the verdict becomes an [`Exit`] and the packet's bounds.

use super::state::State;
use super::step::Index;
use crate::outcome::{Action, Exit, Fault, Redirect};
use crate::packet::Packet;
use beeline_ir::dfg::{sign_extend, Dfg};
use beeline_ir::Verdict;

/// A verdict with its values resolved.
pub(super) struct Ending {
    /// In the order of [`Verdict::values`].
    values: [Index; 6],
    start_bits: u8,
}

impl Ending {
    pub fn new(dfg: &Dfg, verdict: &Verdict) -> Self {
        Self { values: verdict.values().map(|v| v.as_u32()), start_bits: dfg.bits(verdict.start) }
    }

    /// Sets the packet's bounds and clears the bytes that count as zero.
    ///
    /// # Errors
    /// If a packet that leaves has impossible bounds; those of other packets are not looked at, since passes leave them open.
    pub fn exit(&self, state: &State, packet: &mut Packet) -> Result<Exit, Fault> {
        let [action, start, end, valid_end, redirect_map, redirect_key] =
            self.values.map(|v| state.values[v as usize]);
        let code = action as u32;
        let action = Action::from_code(code);
        if action.leaves() {
            let start = sign_extend(start, self.start_bits);
            clear_invalid(valid_end as i64, &state.written, packet);
            if !packet.set_bounds(start, end as i64) {
                let what = format!("a packet from {start} to {} leaves", end as i64);
                return Err(Fault { at: "the verdict".into(), what });
            }
        }
        let redirect = (action == Action::Redirect)
            .then(|| Redirect::from_verdict(redirect_map, redirect_key as u32));
        Ok(Exit { code, redirect })
    }
}

/// Clears the bytes of the packet as it arrived from coordinate `valid_end` on, unless the program has written them.
fn clear_invalid(valid_end: i64, written: &[(i64, i64)], packet: &mut Packet) {
    for c in valid_end.max(0)..packet.arrival_len().into() {
        if !written.iter().any(|(from, to)| (*from..*to).contains(&c)) {
            packet.poke(c, 1, 0);
        }
    }
}
