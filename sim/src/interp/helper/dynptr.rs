//! Dynamic pointers: 16 bytes on the stack that name memory with its bounds (the kernel's `struct bpf_dynptr_kern`).
//!
//! Layout: address (of packets: a mark), then size with type in the upper bits, then offset. Programs cannot look inside.

use super::super::memory::{packet_address, value_address, value_place};
use super::super::op::Regs;
use super::{map_argument, output, packet, Answer, BadArgument, Env};
use crate::map::Errno;

const SIZE: usize = 16;
const SIZE_MASK: u32 = (1 << 24) - 1;
const TYPE_SHIFT: u32 = 28;
const READ_ONLY: u32 = 1 << 31;
const ERANGE: Errno = Errno(34);

/// What it points at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Local = 1,
    Ring = 2,
    Packet = 4,
}

/// Address that stands for the packet.
const PACKET_MARK: u64 = u64::MAX;

/// A dynamic pointer that is not null.
#[derive(Clone, Copy)]
struct Dynptr {
    address: u64,
    kind: Kind,
    read_only: bool,
    size: u32,
    offset: u32,
}

impl Dynptr {
    /// The one at address `at`; `None` if it is null.
    fn load(env: &Env<'_>, at: u64) -> Result<Option<Self>, BadArgument> {
        let raw: [u8; SIZE] = env.array(at)?;
        let word = |i: usize| u32::from_le_bytes([raw[i], raw[i + 1], raw[i + 2], raw[i + 3]]);
        let address = u64::from(word(4)) << 32 | u64::from(word(0));
        let kind = match (word(8) & !READ_ONLY) >> TYPE_SHIFT {
            1 => Kind::Local,
            2 => Kind::Ring,
            4 => Kind::Packet,
            _ => return Ok(None),
        };
        let read_only = word(8) & READ_ONLY != 0;
        Ok(Some(Self { address, kind, read_only, size: word(8) & SIZE_MASK, offset: word(12) }))
    }

    fn store(self, env: &mut Env<'_>, at: u64) -> Result<(), BadArgument> {
        let read_only = if self.read_only { READ_ONLY } else { 0 };
        let word = self.size | (self.kind as u32) << TYPE_SHIFT | read_only;
        let to = env.bytes_mut(at, SIZE)?;
        to[..8].copy_from_slice(&self.address.to_le_bytes());
        to[8..12].copy_from_slice(&word.to_le_bytes());
        to[12..].copy_from_slice(&self.offset.to_le_bytes());
        Ok(())
    }

    /// Checks that `len` bytes from `offset` are inside.
    fn check(&self, offset: u64, len: u64) -> Result<(), Errno> {
        match offset.checked_add(len) {
            Some(end) if end <= u64::from(self.size) => Ok(()),
            _ => Err(Errno::TOOBIG),
        }
    }

    fn at(&self, offset: u64) -> u64 {
        self.address.wrapping_add(u64::from(self.offset)).wrapping_add(offset)
    }

    /// Arguments of the packet helpers for `len` bytes at `offset`, to or from `buffer`.
    fn packet_regs(&self, offset: u64, buffer: u64, len: u64) -> Regs {
        let mut regs = [0; 16];
        (regs[2], regs[3], regs[4]) = (u64::from(self.offset) + offset, buffer, len);
        regs
    }
}

fn set_null(env: &mut Env<'_>, at: u64) -> Result<(), BadArgument> {
    env.bytes_mut(at, SIZE)?.fill(0);
    Ok(())
}

/// Makes the one at `at` null and returns `e`.
fn fail(env: &mut Env<'_>, at: u64, e: Errno) -> Answer {
    set_null(env, at)?;
    Ok(e.as_return())
}

/// `bpf_dynptr_from_mem(data, size, flags, ptr)`.
pub(super) fn from_mem(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let size = regs[2] as u32;
    if size > SIZE_MASK {
        return fail(env, regs[4], Errno::TOOBIG);
    }
    if regs[3] != 0 {
        return fail(env, regs[4], Errno::INVAL);
    }
    let dynptr = Dynptr { address: regs[1], kind: Kind::Local, read_only: false, size, offset: 0 };
    dynptr.store(env, regs[4]).map(|()| 0)
}

/// `bpf_ringbuf_reserve_dynptr(map, size, flags, ptr)`.
pub(super) fn ring_reserve(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    let size = regs[2] as u32;
    if regs[3] != 0 {
        return fail(env, regs[4], Errno::INVAL);
    }
    if size > SIZE_MASK {
        return fail(env, regs[4], Errno::TOOBIG);
    }
    let Some(record) = env.memory.maps.ring_reserve(map, size.into(), 0) else {
        return fail(env, regs[4], Errno::INVAL);
    };
    let address = value_address(map, record);
    let dynptr = Dynptr { address, kind: Kind::Ring, read_only: false, size, offset: 0 };
    dynptr.store(env, regs[4]).map(|()| 0)
}

/// `bpf_ringbuf_submit_dynptr(ptr, flags)`, `bpf_ringbuf_discard_dynptr`.
pub(super) fn ring_commit(regs: &Regs, env: &mut Env<'_>, discard: bool) -> Answer {
    if let Some(dynptr) = Dynptr::load(env, regs[1])? {
        debug_assert!(value_place(dynptr.address).is_some());
        output::commit(env, dynptr.address, discard)?;
        set_null(env, regs[1])?;
    }
    Ok(0)
}

/// `bpf_dynptr_read(dst, len, src, offset, flags)`.
pub(super) fn read(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let (len, offset) = (u64::from(regs[2] as u32), u64::from(regs[4] as u32));
    let Some(src) = Dynptr::load(env, regs[3])?.filter(|_| regs[5] == 0) else {
        return Ok(Errno::INVAL.as_return());
    };
    if let Err(e) = src.check(offset, len) {
        return Ok(e.as_return());
    }
    if src.kind == Kind::Packet {
        return packet::load_bytes(&src.packet_regs(offset, regs[1], len), env);
    }
    copy(env, regs[1], src.at(offset), len as usize)
}

/// `bpf_dynptr_write(dst, offset, src, len, flags)`.
pub(super) fn write(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let (offset, len) = (u64::from(regs[2] as u32), u64::from(regs[4] as u32));
    let Some(dst) = Dynptr::load(env, regs[1])?.filter(|d| !d.read_only) else {
        return Ok(Errno::INVAL.as_return());
    };
    if let Err(e) = dst.check(offset, len) {
        return Ok(e.as_return());
    }
    if regs[5] != 0 {
        return Ok(Errno::INVAL.as_return());
    }
    if dst.kind == Kind::Packet {
        return packet::store_bytes(&dst.packet_regs(offset, regs[3], len), env);
    }
    copy(env, dst.at(offset), regs[3], len as usize)
}

fn copy(env: &mut Env<'_>, to: u64, from: u64, len: usize) -> Answer {
    env.scratch.clear();
    env.gather(from, len)?;
    let bytes = std::mem::take(env.scratch);
    env.bytes_mut(to, len)?.copy_from_slice(&bytes);
    *env.scratch = bytes;
    Ok(0)
}

/// `bpf_dynptr_data(ptr, offset, len)`.
pub(super) fn data(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let (offset, len) = (u64::from(regs[2] as u32), u64::from(regs[3] as u32));
    let direct = |d: &Dynptr| !d.read_only && d.kind != Kind::Packet;
    let found = Dynptr::load(env, regs[1])?.filter(direct);
    Ok(found.filter(|d| d.check(offset, len).is_ok()).map_or(0, |d| d.at(offset)))
}

/// The kernel functions on dynamic pointers.
pub mod kfuncs {
    use super::{
        fail, packet_address, set_null, Answer, Dynptr, Env, Errno, Kind, Regs, ERANGE, PACKET_MARK,
    };

    /// `bpf_dynptr_from_xdp(ctx, flags, ptr)`.
    pub fn from_xdp(regs: &Regs, env: &mut Env<'_>) -> Answer {
        if regs[2] != 0 {
            return fail(env, regs[3], Errno::INVAL);
        }
        let size = env.memory.packet.len() as u32;
        let (address, kind) = (PACKET_MARK, Kind::Packet);
        Dynptr { address, kind, read_only: false, size, offset: 0 }.store(env, regs[3]).map(|()| 0)
    }

    /// `bpf_dynptr_slice(ptr, offset, buffer, size)`, `bpf_dynptr_slice_rdwr`. Packets are linear, so that the buffer is not needed.
    pub fn slice(regs: &Regs, env: &mut Env<'_>, writes: bool) -> Answer {
        let (offset, len) = (u64::from(regs[2] as u32), u64::from(regs[4] as u32));
        let found = Dynptr::load(env, regs[1])?
            .filter(|d| !(writes && d.read_only) && d.check(offset, len).is_ok());
        let Some(dynptr) = found else { return Ok(0) };
        if dynptr.kind != Kind::Packet {
            return Ok(dynptr.at(offset));
        }
        let from = u64::from(dynptr.offset) + offset;
        if from + len > env.memory.packet.len() as u64 {
            return Ok(0);
        }
        Ok(packet_address(env.memory.packet.start() + from as i32))
    }

    /// `bpf_dynptr_adjust(ptr, start, end)`.
    pub fn adjust(regs: &Regs, env: &mut Env<'_>) -> Answer {
        let (start, end) = (regs[2] as u32, regs[3] as u32);
        let Some(dynptr) = Dynptr::load(env, regs[1])?.filter(|_| start <= end) else {
            return Ok(Errno::INVAL.as_return());
        };
        if start > dynptr.size || end > dynptr.size {
            return Ok(ERANGE.as_return());
        }
        let (size, offset) = (end - start, dynptr.offset + start);
        Dynptr { size, offset, ..dynptr }.store(env, regs[1]).map(|()| 0)
    }

    /// `bpf_dynptr_is_null(ptr)`.
    pub fn is_null(regs: &Regs, env: &mut Env<'_>) -> Answer {
        Ok(Dynptr::load(env, regs[1])?.is_none().into())
    }

    /// `bpf_dynptr_is_rdonly(ptr)`.
    pub fn is_read_only(regs: &Regs, env: &mut Env<'_>) -> Answer {
        Ok(Dynptr::load(env, regs[1])?.is_some_and(|d| d.read_only).into())
    }

    /// `bpf_dynptr_size(ptr)`.
    pub fn size(regs: &Regs, env: &mut Env<'_>) -> Answer {
        let invalid = u64::from(Errno::INVAL.as_return() as u32);
        Ok(Dynptr::load(env, regs[1])?.map_or(invalid, |d| d.size.into()))
    }

    /// `bpf_dynptr_clone(ptr, clone)`.
    pub fn clone(regs: &Regs, env: &mut Env<'_>) -> Answer {
        match Dynptr::load(env, regs[1])? {
            Some(dynptr) => dynptr.store(env, regs[2]).map(|()| 0),
            None => {
                set_null(env, regs[2])?;
                Ok(Errno::INVAL.as_return())
            }
        }
    }
}
