//! Helpers on strings and on memory that may not be there: trace output, `snprintf`, `strncmp`, `probe_read`.

use super::super::op::Regs;
use super::format::format;
use super::{Answer, BadArgument, Env};
use crate::map::Errno;

const EFAULT: Errno = Errno(14);
const ERANGE: Errno = Errno(34);

/// The error of reading at `address`, which the program cannot reach: addresses of user space and those that no memory has
/// are out of range.
fn unreadable(address: u64) -> Errno {
    match (address as i64) >> 47 {
        -1 => EFAULT,
        _ => ERANGE,
    }
}

/// Most bytes of arguments of `bpf_trace_vprintk` and `bpf_snprintf`: twelve of them.
const MAX_DATA: usize = 96;

/// The text before the first zero byte of the `len` bytes at `address`.
fn text_at(env: &Env<'_>, address: u64, len: usize) -> Result<Option<Vec<u8>>, BadArgument> {
    let bytes = env.bytes(address, len)?;
    Ok(bytes.iter().position(|b| *b == 0).map(|end| bytes[..end].to_vec()))
}

/// The text at `address`, up to its zero byte.
fn terminated(env: &Env<'_>, address: u64) -> Result<Vec<u8>, BadArgument> {
    let mut text = Vec::new();
    loop {
        match env.array::<1>(address.wrapping_add(text.len() as u64))? {
            [0] => return Ok(text),
            [c] => text.push(c),
        }
    }
}

/// Length of the text, or the error, as these helpers return them.
fn length(text: Result<Vec<u8>, Errno>) -> u64 {
    text.map_or_else(Errno::as_return, |t| t.len() as u64)
}

/// `bpf_trace_printk(fmt, size, ...)`: nothing is printed, and the number of characters returned.
pub(super) fn trace_printk(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let Some(text) = text_at(env, regs[1], regs[2] as u32 as usize)? else {
        return Ok(Errno::INVAL.as_return());
    };
    Ok(length(format(env, &text, &regs[3..6])))
}

/// `len` bytes of 64-bit arguments at `address`; `None` if the kernel refuses their number.
fn arguments(env: &Env<'_>, address: u64, len: usize) -> Result<Option<Vec<u64>>, BadArgument> {
    if len % 8 != 0 || len > MAX_DATA || (len > 0 && address == 0) {
        return Ok(None);
    }
    let bytes = env.bytes(address, len)?;
    let word = |w: &[u8]| w.first_chunk().map_or(0, |w| u64::from_le_bytes(*w));
    Ok(Some(bytes.chunks(8).map(word).collect()))
}

/// `bpf_trace_vprintk(fmt, size, data, len)`.
pub(super) fn trace_vprintk(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let Some(args) = arguments(env, regs[3], regs[4] as u32 as usize)? else {
        return Ok(Errno::INVAL.as_return());
    };
    let Some(text) = text_at(env, regs[1], regs[2] as u32 as usize)? else {
        return Ok(Errno::INVAL.as_return());
    };
    Ok(length(format(env, &text, &args)))
}

/// `bpf_snprintf(str, size, fmt, data, len)`: the length with its zero byte, even if there was no room for it.
pub(super) fn snprintf(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let Some(args) = arguments(env, regs[4], regs[5] as u32 as usize)? else {
        return Ok(Errno::INVAL.as_return());
    };
    let template = terminated(env, regs[3])?;
    let mut text = match format(env, &template, &args) {
        Ok(text) => text,
        Err(e) => return Ok(e.as_return()),
    };
    text.push(0);
    let all = text.len() as u64;
    let room = regs[2] as u32 as usize;
    if text.len() > room {
        text.truncate(room);
        if let Some(last) = text.last_mut() {
            *last = 0;
        }
    }
    env.bytes_mut(regs[1], text.len())?.copy_from_slice(&text);
    Ok(all)
}

/// `bpf_strncmp(s1, size, s2)`: -1, 0 or 1.
pub(super) fn strncmp(regs: &Regs, env: &mut Env<'_>) -> Answer {
    for i in 0..u64::from(regs[2] as u32) {
        let (a, b) = (env.array::<1>(regs[1] + i)?[0], env.array::<1>(regs[3] + i)?[0]);
        if a != b {
            return Ok(if a < b { u64::MAX } else { 1 });
        }
        if a == 0 {
            break;
        }
    }
    Ok(0)
}

/// `bpf_probe_read_kernel(dst, size, src)`: what the program could reach itself is readable, all else is an error and reads as zero.
pub(super) fn probe_read(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let len = regs[2] as u32 as usize;
    env.scratch.clear();
    let readable = env.memory.bytes(regs[3], len).is_some();
    if readable {
        env.gather(regs[3], len)?;
    }
    env.scratch.resize(len, 0);
    let copy = std::mem::take(env.scratch);
    env.bytes_mut(regs[1], len)?.copy_from_slice(&copy);
    *env.scratch = copy;
    Ok(if readable { 0 } else { unreadable(regs[3]).as_return() })
}

/// `bpf_probe_read_kernel_str(dst, size, src)`: the length with the zero byte; too long a text is cut.
pub(super) fn probe_read_str(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let len = regs[2] as u32 as usize;
    if len == 0 {
        return Ok(0);
    }
    env.scratch.clear();
    while env.scratch.len() < len - 1 {
        match env.memory.bytes(regs[3].wrapping_add(env.scratch.len() as u64), 1) {
            None => {
                env.bytes_mut(regs[1], len)?.fill(0);
                return Ok(unreadable(regs[3]).as_return());
            }
            Some([0]) => break,
            Some(c) => env.scratch.extend_from_slice(c),
        }
    }
    env.scratch.push(0);
    let copy = std::mem::take(env.scratch);
    let written = copy.len();
    env.bytes_mut(regs[1], written)?.copy_from_slice(&copy);
    *env.scratch = copy;
    Ok(written as u64)
}
