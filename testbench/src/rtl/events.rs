//! The event stream of a design, put together to events and given to their packets.

use super::model::{OutBeat, RunRecord};
use super::{append, fault};
use crate::engine::{EngineError, PacketRecord};

/// Adds the events of `run` to the packets that sent them, and checks the stream's rules; gives the cycle of each event's last beat.
///
/// # Errors
/// If the design breaks a rule.
pub fn attach(run: &RunRecord, packets: &mut [PacketRecord]) -> Result<Vec<u64>, EngineError> {
    let mut cycles = Vec::new();
    let mut bytes = Vec::new();
    let mut last_packet = 0;
    for (n, beat) in run.events.iter().enumerate() {
        let number = ((beat.user >> 32) as u32).wrapping_sub(run.first_packet) as usize;
        if number >= packets.len() || number < last_packet {
            return Err(fault(number, "an event of it comes out of order"));
        }
        last_packet = number;
        // Only what was in the output register when the packet was retired may leave later.
        let late =
            |b: &OutBeat| b.user >> 32 == beat.user >> 32 && b.cycle > run.retires[number].cycle;
        if late(beat) && n > 0 && late(&run.events[n - 1]) {
            return Err(fault(number, "its events go on after it was retired"));
        }
        let event = complete(&mut bytes, beat, run.events.get(n + 1))
            .map_err(|what| fault(number, &format!("an event of it: {what}")))?;
        if let Some(event) = event {
            packets[number].events.push(event);
            cycles.push(beat.cycle);
        }
    }
    if bytes.is_empty() {
        Ok(cycles)
    } else {
        Err(EngineError::Internal("the event stream ends without tlast".into()))
    }
}

/// Adds a beat to the bytes of the event under way; if it is the last, the event.
fn complete(
    bytes: &mut Vec<u8>,
    beat: &OutBeat,
    next: Option<&OutBeat>,
) -> Result<Option<(usize, Vec<u8>)>, String> {
    let length = (beat.user & 0xffff) as usize;
    if beat.keep != 0 {
        append(bytes, beat)?;
    } else if length != 0 || beat.last == 0 {
        return Err("a beat without bytes".into());
    }
    if beat.last == 0 {
        return match next {
            Some(n) if n.user == beat.user => Ok(None),
            _ => Err("tuser changes within it".into()),
        };
    }
    if bytes.len() != length {
        return Err(format!("{} bytes, but tuser says {length}", bytes.len()));
    }
    let map = (beat.user >> 16 & 0xff) as usize;
    Ok(Some((map, std::mem::take(bytes))))
}
