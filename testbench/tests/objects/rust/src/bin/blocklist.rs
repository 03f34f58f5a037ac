//! Drops packets from listed IPv4 sources, counts the others by protocol.
#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, HashMap, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use core::mem::size_of;

#[map]
static BLOCKED: HashMap<u32, u64> = HashMap::with_max_entries(1024, 0);

#[map]
static BY_PROTOCOL: PerCpuArray<u64> = PerCpuArray::with_max_entries(256, 0);

#[map(name = "settings")]
static SETTINGS: Array<u32> = Array::with_max_entries(2, 0);

/// Set by the loader.
#[no_mangle]
static DROP_FRAGMENTS: u32 = 1;

const IPV4: u16 = 0x0800;
const ETHERNET: usize = 14;

#[inline(always)]
fn at<T>(ctx: &XdpContext, offset: usize) -> Option<*const T> {
    let start = ctx.data() + offset;
    (start + size_of::<T>() <= ctx.data_end()).then_some(start as *const T)
}

#[xdp]
pub fn blocklist(ctx: XdpContext) -> u32 {
    filter(&ctx).unwrap_or(xdp_action::XDP_PASS)
}

fn filter(ctx: &XdpContext) -> Option<u32> {
    let ethertype = u16::from_be(unsafe { at::<u16>(ctx, 12)?.read_unaligned() });
    if ethertype != IPV4 {
        return None;
    }
    let fragment = u16::from_be(unsafe { at::<u16>(ctx, ETHERNET + 6)?.read_unaligned() });
    let drop_fragments = unsafe { core::ptr::read_volatile(&DROP_FRAGMENTS) };
    if fragment & 0x3fff != 0 && drop_fragments != 0 {
        return Some(xdp_action::XDP_DROP);
    }
    let protocol = unsafe { *at::<u8>(ctx, ETHERNET + 9)? };
    let source = unsafe { at::<u32>(ctx, ETHERNET + 12)?.read_unaligned() };
    if let Some(seen) = BLOCKED.get_ptr_mut(&source) {
        unsafe { *seen += 1 };
        return Some(xdp_action::XDP_DROP);
    }
    if let Some(count) = BY_PROTOCOL.get_ptr_mut(u32::from(protocol)) {
        unsafe { *count += ctx.data_end() as u64 - ctx.data() as u64 };
    }
    let bounce = *SETTINGS.get(0)?;
    Some(if bounce == 1 { xdp_action::XDP_TX } else { xdp_action::XDP_PASS })
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
