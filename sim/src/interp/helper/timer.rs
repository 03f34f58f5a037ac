//! Timers in map values. Time is packet time: before a packet, everything that is due by its timestamp fires, in the order of the due times.

use super::super::memory::{function_at, value_place};
use super::super::op::Regs;
use super::{Answer, BadArgument, Env};
use crate::map::{Errno, MapSet, Slot};

const EBUSY: Errno = Errno(16);
const EDEADLK: Errno = Errno(35);

/// `BPF_F_TIMER_ABS`: the time is not relative to now.
const ABSOLUTE: u64 = 1;
/// `BPF_F_TIMER_CPU_PIN`: there is one CPU.
const PIN: u64 = 2;
/// `CLOCK_REALTIME`, `CLOCK_MONOTONIC`, `CLOCK_BOOTTIME`.
const CLOCKS: [u64; 3] = [0, 1, 7];

/// One initialised timer.
#[derive(Clone, Copy, Debug)]
struct Timer {
    map: usize,
    /// Of the timer in the map's value memory.
    address: u64,
    /// First operation of the callback.
    callback: Option<u32>,
    /// When it fires, and a number that orders equal times.
    due: Option<(u64, u64)>,
}

/// All timers that are initialised.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    all: Vec<Timer>,
    started: u64,
    /// The timer whose callback runs.
    running: Option<(usize, u64)>,
}

/// A timer that fires.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// When.
    pub time_ns: u64,
    /// Map of the value that it lies in.
    pub map: usize,
    /// Entry.
    pub slot: Slot,
    /// First operation of the callback.
    pub callback: u32,
}

impl Timers {
    /// True if no timer was ever initialised.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn find(&self, place: (usize, u64)) -> Option<usize> {
        self.all.iter().position(|t| (t.map, t.address) == place)
    }

    /// The next timer that is due by `now`; it is then no longer started, and runs until [`Timers::done`].
    pub fn fire(&mut self, now: u64, maps: &MapSet) -> Option<Due> {
        let due = |t: &&mut Timer| t.due.is_some_and(|(at, _)| at <= now) && t.callback.is_some();
        let timer = self.all.iter_mut().filter(due).min_by_key(|t| t.due)?;
        let (time_ns, _) = timer.due.take()?;
        let slot = maps.values(timer.map)?.slot(timer.address);
        self.running = Some((timer.map, timer.address));
        Some(Due { time_ns, map: timer.map, slot, callback: timer.callback? })
    }

    /// The callback has returned.
    pub fn done(&mut self) {
        self.running = None;
    }

    /// Removes the timers in the value of `key`, which is about to be replaced or deleted. Arrays keep theirs.
    #[inline]
    pub fn forget(&mut self, maps: &MapSet, map: usize, key: &[u8]) {
        if !self.all.is_empty() && !maps.kind(map).is_array_like() {
            self.forget_value(maps, map, key);
        }
    }

    fn forget_value(&mut self, maps: &MapSet, map: usize, key: &[u8]) {
        let Some(values) = maps.values(map) else { return };
        let Some(slot) = maps.slot_of(map, key) else { return };
        self.all.retain(|t| t.map != map || values.slot(t.address) != slot);
    }
}

fn place(regs: &Regs) -> Result<(usize, u64), BadArgument> {
    value_place(regs[1]).ok_or(BadArgument("not a timer in a map value"))
}

/// `bpf_timer_init(timer, map, flags)`.
pub(super) fn init(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let (map, address) = place(regs)?;
    if !CLOCKS.contains(&regs[3]) {
        return Ok(Errno::INVAL.as_return());
    }
    if env.timers.find((map, address)).is_some() {
        return Ok(EBUSY.as_return());
    }
    env.timers.all.push(Timer { map, address, callback: None, due: None });
    Ok(0)
}

/// `bpf_timer_set_callback(timer, callback)`.
pub(super) fn set_callback(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let Some(n) = env.timers.find(place(regs)?) else { return Ok(Errno::INVAL.as_return()) };
    let callback = function_at(regs[2]).ok_or(BadArgument("not a function"))?;
    env.timers.all[n].callback = Some(callback);
    Ok(0)
}

/// `bpf_timer_start(timer, ns, flags)`.
pub(super) fn start(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let invalid = Ok(Errno::INVAL.as_return());
    if regs[3] & !(ABSOLUTE | PIN) != 0 {
        return invalid;
    }
    let Some(n) = env.timers.find(place(regs)?) else { return invalid };
    if env.timers.all[n].callback.is_none() {
        return invalid;
    }
    let now = if regs[3] & ABSOLUTE != 0 { 0 } else { env.memory.inputs.time_ns };
    env.timers.started += 1;
    env.timers.all[n].due = Some((now.saturating_add(regs[2]), env.timers.started));
    Ok(0)
}

/// `bpf_timer_cancel(timer)`: 1 if it was started. The callback is to be set again.
pub(super) fn cancel(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let place = place(regs)?;
    let Some(n) = env.timers.find(place) else { return Ok(Errno::INVAL.as_return()) };
    if env.timers.running == Some(place) {
        return Ok(EDEADLK.as_return());
    }
    env.timers.all[n].callback = None;
    Ok(env.timers.all[n].due.take().is_some().into())
}
