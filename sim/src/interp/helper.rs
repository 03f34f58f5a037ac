//! The kernel's helper functions, with the kernel's argument checks and return values.

use super::memory::{map_at, value_address, Memory};
use super::op::Regs;
use crate::map::{Errno, MapSet};
use crate::outcome::Redirect;
use crate::trace::NS_PER_JIFFY;
use beeline_frontend::Pc;
use beeline_ir::map::MapKind;
use beeline_ir::random::prandom_u32;

/// The helpers that the interpreter knows, with the kernel's numbers (`enum bpf_func_id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the kernel's
pub enum Helper {
    MapLookupElem = 1,
    MapUpdateElem = 2,
    MapDeleteElem = 3,
    KtimeGetNs = 5,
    TracePrintk = 6,
    GetPrandomU32 = 7,
    GetSmpProcessorId = 8,
    Redirect = 23,
    CsumDiff = 28,
    GetNumaNodeId = 42,
    XdpAdjustHead = 44,
    RedirectMap = 51,
    XdpAdjustMeta = 54,
    XdpAdjustTail = 65,
    SpinLock = 93,
    SpinUnlock = 94,
    Jiffies64 = 118,
    KtimeGetBootNs = 125,
    KtimeGetCoarseNs = 160,
    TraceVprintk = 177,
    XdpGetBuffLen = 188,
    XdpLoadBytes = 189,
    XdpStoreBytes = 190,
    KtimeGetTaiNs = 208,
}

impl Helper {
    const ALL: [Helper; 24] = [
        Helper::MapLookupElem,
        Helper::MapUpdateElem,
        Helper::MapDeleteElem,
        Helper::KtimeGetNs,
        Helper::TracePrintk,
        Helper::GetPrandomU32,
        Helper::GetSmpProcessorId,
        Helper::Redirect,
        Helper::CsumDiff,
        Helper::GetNumaNodeId,
        Helper::XdpAdjustHead,
        Helper::RedirectMap,
        Helper::XdpAdjustMeta,
        Helper::XdpAdjustTail,
        Helper::SpinLock,
        Helper::SpinUnlock,
        Helper::Jiffies64,
        Helper::KtimeGetBootNs,
        Helper::KtimeGetCoarseNs,
        Helper::TraceVprintk,
        Helper::XdpGetBuffLen,
        Helper::XdpLoadBytes,
        Helper::XdpStoreBytes,
        Helper::KtimeGetTaiNs,
    ];

    /// The helper with the kernel's number `id`.
    pub fn from_kernel(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|h| *h as u32 == id)
    }
}

/// Where a redirect would go, as the helpers left it (the kernel's `struct bpf_redirect_info`).
#[derive(Clone, Copy, Debug)]
pub struct RedirectState(pub Redirect);

impl Default for RedirectState {
    fn default() -> Self {
        Self(Redirect::Ifindex(0))
    }
}

impl RedirectState {
    /// The index that stays when a later lookup fails and clears the map.
    fn index(self) -> u32 {
        match self.0 {
            Redirect::Ifindex(i) => i,
            Redirect::Map { key, .. } | Redirect::Broadcast { key, .. } => key,
        }
    }
}

/// An argument that the verifier never lets through.
#[derive(Debug)]
pub struct BadArgument(pub &'static str);

const XDP_ABORTED: u64 = 0;
const XDP_REDIRECT: u64 = 4;
/// Flags of `bpf_redirect_map`: the action if the key is not there.
const ACTION_MASK: u64 = 3;
const F_BROADCAST: u64 = 8;
const F_EXCLUDE_INGRESS: u64 = 16;
const EFAULT: Errno = Errno(14);

fn code(result: Result<(), Errno>) -> u64 {
    result.map_or_else(Errno::as_return, |()| 0)
}

/// Calls `helper`, which stands at `pc`, with r1 to r5; returns r0.
pub fn call(
    helper: Helper,
    regs: &Regs,
    pc: Pc,
    memory: &mut Memory<'_>,
    redirect: &mut RedirectState,
    scratch: &mut Vec<u8>,
) -> Result<u64, BadArgument> {
    Ok(match helper {
        Helper::MapLookupElem => return lookup(regs, memory, scratch),
        Helper::MapUpdateElem => return update(regs, memory, scratch),
        Helper::MapDeleteElem => return delete(regs, memory, scratch),
        Helper::KtimeGetNs
        | Helper::KtimeGetBootNs
        | Helper::KtimeGetCoarseNs
        | Helper::KtimeGetTaiNs => memory.inputs.time_ns,
        Helper::Jiffies64 => memory.inputs.time_ns / NS_PER_JIFFY,
        Helper::GetPrandomU32 => {
            prandom_u32(memory.inputs.seed, memory.inputs.packet_index, pc.0).into()
        }
        Helper::GetSmpProcessorId => memory.inputs.cpu.into(),
        Helper::TracePrintk | Helper::TraceVprintk => 0,
        Helper::GetNumaNodeId | Helper::SpinLock | Helper::SpinUnlock => 0,
        Helper::Redirect => redirect_ifindex(regs, redirect),
        Helper::RedirectMap => return redirect_map(regs, memory.maps, redirect),
        Helper::CsumDiff => return csum_diff(regs, memory),
        Helper::XdpAdjustHead => code(memory.packet.adjust_head(regs[2] as i32)),
        Helper::XdpAdjustMeta => code(memory.packet.adjust_meta(regs[2] as i32)),
        Helper::XdpAdjustTail => code(memory.packet.adjust_tail(regs[2] as i32)),
        Helper::XdpGetBuffLen => (memory.packet.end() - memory.packet.start()) as u64,
        Helper::XdpLoadBytes => return copy_packet(regs, memory, scratch, false),
        Helper::XdpStoreBytes => return copy_packet(regs, memory, scratch, true),
    })
}

fn map_argument(address: u64, maps: &MapSet) -> Result<usize, BadArgument> {
    map_at(address).filter(|m| *m < maps.len()).ok_or(BadArgument("r1 is not a map"))
}

/// Calls `f` with the maps and the key (or value) of `len` bytes at `address`.
#[inline(always)]
fn with_bytes<T>(
    memory: &mut Memory<'_>,
    address: u64,
    len: usize,
    scratch: &mut Vec<u8>,
    f: impl FnOnce(&mut MapSet, &[u8]) -> T,
) -> Result<T, BadArgument> {
    if let Some(bytes) = Memory::bytes_outside_maps(memory.stack, memory.packet, address, len) {
        return Ok(f(memory.maps, bytes));
    }
    let bytes = memory.bytes(address, len).ok_or(BadArgument("a key or value is not readable"))?;
    scratch.clear();
    scratch.extend_from_slice(bytes);
    Ok(f(memory.maps, scratch))
}

fn lookup(regs: &Regs, memory: &mut Memory<'_>, scratch: &mut Vec<u8>) -> Result<u64, BadArgument> {
    let map = map_argument(regs[1], memory.maps)?;
    let key_size = memory.maps.key_size(map) as usize;
    let slot = with_bytes(memory, regs[2], key_size, scratch, |maps, key| maps.lookup(map, key))?;
    let values = memory.maps.values(map).ok_or(BadArgument("r1 is not a map"))?;
    Ok(slot.map_or(0, |slot| value_address(map, values.address(slot))))
}

fn update(regs: &Regs, memory: &mut Memory<'_>, scratch: &mut Vec<u8>) -> Result<u64, BadArgument> {
    let map = map_argument(regs[1], memory.maps)?;
    let (key_size, value_size) =
        (memory.maps.key_size(map) as usize, memory.maps.value_size(map) as usize);
    let unreadable = || BadArgument("a key or value is not readable");
    scratch.clear();
    scratch.extend_from_slice(memory.bytes(regs[2], key_size).ok_or_else(unreadable)?);
    scratch.extend_from_slice(memory.bytes(regs[3], value_size).ok_or_else(unreadable)?);
    let (key, value) = scratch.split_at(key_size);
    Ok(code(memory.maps.update(map, key, value, regs[4])))
}

fn delete(regs: &Regs, memory: &mut Memory<'_>, scratch: &mut Vec<u8>) -> Result<u64, BadArgument> {
    let map = map_argument(regs[1], memory.maps)?;
    let key_size = memory.maps.key_size(map) as usize;
    with_bytes(memory, regs[2], key_size, scratch, |maps, key| code(maps.delete(map, key)))
}

fn redirect_ifindex(regs: &Regs, redirect: &mut RedirectState) -> u64 {
    if regs[2] != 0 {
        return XDP_ABORTED;
    }
    redirect.0 = Redirect::Ifindex(regs[1] as u32);
    XDP_REDIRECT
}

fn redirect_map(
    regs: &Regs,
    maps: &mut MapSet,
    redirect: &mut RedirectState,
) -> Result<u64, BadArgument> {
    let map = map_argument(regs[1], maps)?;
    let (key, flags) = (regs[2] as u32, regs[3]);
    let allowed = match maps.kind(map) {
        MapKind::Devmap | MapKind::DevmapHash => ACTION_MASK | F_BROADCAST | F_EXCLUDE_INGRESS,
        _ => ACTION_MASK,
    };
    if flags & !allowed != 0 {
        return Ok(XDP_ABORTED);
    }
    redirect.0 = if flags & F_BROADCAST != 0 {
        Redirect::Broadcast { map, key, exclude_ingress: flags & F_EXCLUDE_INGRESS != 0 }
    } else if maps.lookup(map, &key.to_le_bytes()).is_some() {
        Redirect::Map { map, key }
    } else {
        redirect.0 = Redirect::Ifindex(redirect.index());
        return Ok(flags & ACTION_MASK);
    };
    Ok(XDP_REDIRECT)
}

/// The 32-bit ones' complement sum of `bytes` and `sum`: zero only if all are zero.
fn csum_partial(bytes: &[u8], sum: u32) -> u32 {
    let mut total = u64::from(sum);
    let mut words = bytes.chunks_exact(4);
    for w in &mut words {
        total += u64::from(u32::from_le_bytes(*w.first_chunk().expect("a chunk of 4 bytes")));
    }
    let mut rest = [0; 4];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    total += u64::from(u32::from_le_bytes(rest));
    let once = (total & 0xffff_ffff) + (total >> 32);
    ((once & 0xffff_ffff) + (once >> 32)) as u32
}

/// `a + b` with end-around carry.
fn csum_add(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u32::from(carry)
}

/// `bpf_csum_diff`; since Linux 6.13 any sizes are allowed and the result is folded to 16 bits on every architecture.
fn csum_diff(regs: &Regs, memory: &Memory<'_>) -> Result<u64, BadArgument> {
    let (from_size, to_size, seed) = (regs[2] as u32, regs[4] as u32, regs[5] as u32);
    let buffer = |address, size: u32| match size {
        0 => Ok(&[][..]),
        n => memory.bytes(address, n as usize).ok_or(BadArgument("a buffer is not readable")),
    };
    let (from, to) = (buffer(regs[1], from_size)?, buffer(regs[3], to_size)?);
    let sum = match (from_size, to_size) {
        (0, 0) => seed,
        (0, _) => csum_partial(to, seed),
        (_, 0) => !csum_partial(from, !seed),
        _ => csum_add(csum_partial(to, seed), !csum_partial(from, 0)),
    };
    Ok((sum.wrapping_add(sum.rotate_right(16)) >> 16).into())
}

/// `bpf_xdp_load_bytes` and `bpf_xdp_store_bytes`.
fn copy_packet(
    regs: &Regs,
    memory: &mut Memory<'_>,
    scratch: &mut Vec<u8>,
    store: bool,
) -> Result<u64, BadArgument> {
    let (off, len) = (regs[2] as u32, regs[4] as u32);
    if off > 0xffff || len > 0xffff {
        return Ok(EFAULT.as_return());
    }
    let start = i64::from(memory.packet.start());
    if i64::from(off) + i64::from(len) > i64::from(memory.packet.end()) - start {
        return Ok(Errno::INVAL.as_return());
    }
    let at = start + i64::from(off);
    let bad = || BadArgument("a buffer is not accessible");
    scratch.clear();
    if store {
        scratch.extend_from_slice(memory.bytes(regs[3], len as usize).ok_or_else(bad)?);
        memory.packet.slice_mut(at, len as usize).ok_or_else(bad)?.copy_from_slice(scratch);
    } else {
        scratch.extend_from_slice(memory.packet.slice(at, len as usize).ok_or_else(bad)?);
        memory.bytes_mut(regs[3], len as usize).ok_or_else(bad)?.copy_from_slice(scratch);
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_zero_only_for_zeros() {
        assert_eq!(csum_partial(&[0; 8], 0), 0);
        assert_eq!(csum_partial(&[0xff; 8], 0), 0xffff_ffff);
        assert_eq!(csum_partial(&[1, 0, 0, 0, 2], 0xffff_ffff), 3);
        assert_eq!(csum_add(0xffff_ffff, 1), 1);
    }

    #[test]
    fn every_helper_has_its_number() {
        for helper in Helper::ALL {
            assert_eq!(Helper::from_kernel(helper as u32), Some(helper));
        }
        assert_eq!(Helper::from_kernel(0), None);
    }
}
