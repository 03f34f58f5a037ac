//! Helpers that send data to user space: ring buffers and perf events.

use super::super::memory::{value_address, value_place};
use super::super::op::Regs;
use super::{code, map_argument, Answer, BadArgument, Env};
use crate::map::{Errno, MapSet};

const EFAULT: Errno = Errno(14);

/// `bpf_perf_event_output(ctx, map, flags, data, size)`: the data, then the first bytes of the packet, as many as the upper half of the flags says.
pub(super) fn perf_event(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[2], env.memory.maps)?;
    let flags = regs[3];
    if let Err(e) = MapSet::check_perf_flags(flags) {
        return Ok(e.as_return());
    }
    let packet_len = (flags >> 32) as usize;
    if packet_len > env.memory.packet.len() {
        return Ok(EFAULT.as_return());
    }
    env.scratch.clear();
    env.gather(regs[4], regs[5] as usize)?;
    let packet = &env.memory.packet.bytes()[..packet_len];
    let cpu = env.memory.inputs.cpu;
    Ok(code(env.memory.maps.perf_output(map, flags, cpu, &[env.scratch, packet])))
}

pub(super) fn ring_output(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    env.scratch.clear();
    env.gather(regs[2], regs[3] as usize)?;
    Ok(code(env.memory.maps.ring_output(map, env.scratch, regs[4])))
}

pub(super) fn ring_reserve(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    let record = env.memory.maps.ring_reserve(map, regs[2], regs[3]);
    Ok(record.map_or(0, |address| value_address(map, address)))
}

pub(super) fn ring_commit(regs: &Regs, env: &mut Env<'_>, discard: bool) -> Answer {
    commit(env, regs[1], discard)
}

/// Ends the reservation of the record at `address`.
pub(super) fn commit(env: &mut Env<'_>, address: u64, discard: bool) -> Answer {
    let bad = || BadArgument("not a reserved record");
    let (map, record) =
        value_place(address).filter(|(m, _)| *m < env.memory.maps.len()).ok_or_else(bad)?;
    env.memory.maps.ring_commit(map, record, discard).map_err(|_| bad())?;
    Ok(0)
}

pub(super) fn ring_query(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    Ok(env.memory.maps.ring_query(map, regs[2]))
}
