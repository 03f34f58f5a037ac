//! Helpers on the packet and on the interface that it came from: copies of bytes, MTU, routes.

use super::super::op::Regs;
use super::{Answer, BadArgument, Env};
use crate::host::{FibParams, Link, PARAMS_SIZE};
use crate::map::Errno;

const EFAULT: Errno = Errno(14);
const ENODEV: Errno = Errno(19);

/// Coordinate of the `len` packet bytes from offset `off`; or what the helper returns.
fn place(env: &Env<'_>, off: u32, len: u32) -> Result<i64, u64> {
    if off > 0xffff || len > 0xffff {
        return Err(EFAULT.as_return());
    }
    if i64::from(off) + i64::from(len) > env.memory.packet.len() as i64 {
        return Err(Errno::INVAL.as_return());
    }
    Ok(i64::from(env.memory.packet.start()) + i64::from(off))
}

const OUTSIDE: BadArgument = BadArgument("a buffer is not accessible");

pub(super) fn load_bytes(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let len = regs[4] as u32 as usize;
    let from = match place(env, regs[2] as u32, regs[4] as u32) {
        Ok(from) => from,
        Err(code) => return Ok(code),
    };
    env.scratch.clear();
    env.scratch.extend_from_slice(env.memory.packet.slice(from, len).ok_or(OUTSIDE)?);
    env.memory.bytes_mut(regs[3], len).ok_or(OUTSIDE)?.copy_from_slice(env.scratch);
    Ok(0)
}

pub(super) fn store_bytes(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let len = regs[4] as u32 as usize;
    let to = match place(env, regs[2] as u32, regs[4] as u32) {
        Ok(to) => to,
        Err(code) => return Ok(code),
    };
    env.scratch.clear();
    env.gather(regs[3], len)?;
    env.memory.packet.slice_mut(to, len).ok_or(OUTSIDE)?.copy_from_slice(env.scratch);
    Ok(0)
}

/// `bpf_check_mtu(ctx, ifindex, *mtu_len, len_diff, flags)`: 0 fits, 1 does not; the MTU goes to `*mtu_len`.
pub(super) fn check_mtu(regs: &Regs, env: &mut Env<'_>) -> Answer {
    if regs[5] != 0 {
        return Ok(Errno::INVAL.as_return());
    }
    let ifindex = match regs[2] as u32 {
        0 => env.memory.inputs.ingress_ifindex,
        n => n,
    };
    let Some(link) = env.memory.host.link(ifindex) else { return Ok(ENODEV.as_return()) };
    let given = u32::from_le_bytes(env.array(regs[3])?);
    let len = match given {
        0 => env.memory.packet.len() as i64,
        n => i64::from(n) + Link::HEADER_LEN,
    };
    let len = len + i64::from(regs[4] as i32);
    env.bytes_mut(regs[3], 4)?.copy_from_slice(&link.mtu.to_le_bytes());
    Ok(u64::from(len as i32 > (i64::from(link.mtu) + Link::HEADER_LEN) as i32))
}

/// `bpf_fib_lookup(ctx, params, size, flags)`.
pub(super) fn fib_lookup(regs: &Regs, env: &mut Env<'_>) -> Answer {
    if (regs[3] as i32) < PARAMS_SIZE as i32 {
        return Ok(Errno::INVAL.as_return());
    }
    let mut params: FibParams = env.array(regs[2])?;
    let result = env.memory.host.fib_lookup(&mut params, regs[4] as u32);
    env.bytes_mut(regs[2], PARAMS_SIZE)?.copy_from_slice(&params);
    Ok(result)
}
