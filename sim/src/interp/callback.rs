//! Helpers that call back: `bpf_loop` and `bpf_for_each_map_elem`.

use super::copy_key;
use super::helper::Env;
use super::memory::{function_at, key_address, map_address, map_at, value_address};
use super::op::Regs;
use crate::map::{Errno, Slot};

/// Most rounds of `bpf_loop` (`BPF_MAX_LOOPS`).
const MAX_ROUNDS: u32 = 1 << 23;

/// A helper that is calling back.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Where the program goes on.
    return_to: u32,
    /// First operation of the callback.
    callback: u32,
    /// The pointer that the callback is given.
    context: u64,
    /// Calls so far.
    calls: u64,
    over: Over,
}

#[derive(Clone, Copy, Debug)]
enum Over {
    Rounds(u32),
    Entries { map: usize, next: Slot },
}

/// What comes next.
pub enum Next {
    /// Call the function that starts at this operation.
    Call(u32),
    /// Go on at this operation of the program, with this result.
    Done(u32, u64),
}

/// `bpf_loop(rounds, callback, context, flags)`.
pub fn start_loop(regs: &Regs, return_to: u32) -> Result<Walk, u64> {
    let (rounds, flags) = (regs[1] as u32, regs[4]);
    if flags != 0 {
        return Err(Errno::INVAL.as_return());
    }
    if rounds > MAX_ROUNDS {
        return Err(Errno::TOOBIG.as_return());
    }
    let callback = function_at(regs[2]).ok_or(Errno::INVAL.as_return())?;
    let over = Over::Rounds(rounds);
    Ok(Walk { return_to, callback, context: regs[3], calls: 0, over })
}

/// `bpf_for_each_map_elem(map, callback, context, flags)`.
pub fn start_for_each(regs: &Regs, return_to: u32) -> Result<Walk, u64> {
    let invalid = Errno::INVAL.as_return();
    if regs[4] != 0 {
        return Err(invalid);
    }
    let callback = function_at(regs[2]).ok_or(invalid)?;
    let over = Over::Entries { map: map_at(regs[1]).ok_or(invalid)?, next: 0 };
    Ok(Walk { return_to, callback, context: regs[3], calls: 0, over })
}

impl Walk {
    /// Sets the arguments of the next call; `level` is the number of walks around this one.
    /// Key 0 is that of a timer.
    pub fn next(&mut self, regs: &mut Regs, env: &mut Env<'_>, level: usize) -> Next {
        match &mut self.over {
            Over::Rounds(rounds) => {
                if self.calls == u64::from(*rounds) {
                    return self.done();
                }
                (regs[1], regs[2]) = (self.calls, self.context);
            }
            Over::Entries { map, next } => {
                let maps = &env.memory.maps;
                let (Some(slot), Some(values)) = (maps.next_slot(*map, *next), maps.values(*map))
                else {
                    return self.done();
                };
                *next = slot + 1;
                regs[1] = map_address(*map);
                let level = level + 1;
                regs[2] = key_address(level);
                regs[3] = value_address(*map, values.address(slot));
                regs[4] = self.context;
                if env.memory.keys.len() <= level {
                    env.memory.keys.resize(level + 1, Vec::new());
                }
                copy_key(env.memory.maps, *map, slot, &mut env.memory.keys[level]);
            }
        }
        self.calls += 1;
        Next::Call(self.callback)
    }

    /// The callback has asked to stop, or there is nothing more.
    pub fn done(&self) -> Next {
        Next::Done(self.return_to, self.calls)
    }
}
