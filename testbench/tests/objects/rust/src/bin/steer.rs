//! Steers packets: learns source addresses, hands UDP to a second program, redirects known destinations.
#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{DevMap, LruHashMap, ProgramArray, RingBuf};
use aya_ebpf::programs::XdpContext;
use core::mem::size_of;

#[repr(C)]
#[derive(Clone, Copy)]
struct Station {
    port: u32,
    packets: u32,
}

#[map]
static STATIONS: LruHashMap<[u8; 6], Station> = LruHashMap::with_max_entries(512, 0);

#[map]
static PORTS: DevMap = DevMap::with_max_entries(16, 0);

#[map]
static STEPS: ProgramArray = ProgramArray::with_max_entries(4, 0);

#[map]
static SEEN: RingBuf = RingBuf::with_byte_size(4096, 0);

#[inline(always)]
fn read<T: Copy>(ctx: &XdpContext, offset: usize) -> Result<T, ()> {
    let start = ctx.data() + offset;
    if start + size_of::<T>() > ctx.data_end() {
        return Err(());
    }
    Ok(unsafe { (start as *const T).read_unaligned() })
}

#[inline(never)]
fn checksum(words: &[u16; 4]) -> u16 {
    let mut sum = 0u32;
    for w in words {
        sum += u32::from(*w);
    }
    !((sum & 0xffff) + (sum >> 16)) as u16
}

#[xdp]
pub fn steer(ctx: XdpContext) -> u32 {
    match forward(&ctx) {
        Ok(action) => action,
        Err(()) => xdp_action::XDP_ABORTED,
    }
}

fn forward(ctx: &XdpContext) -> Result<u32, ()> {
    let (destination, source) = (read::<[u8; 6]>(ctx, 0)?, read::<[u8; 6]>(ctx, 6)?);
    let port = unsafe { (*ctx.ctx).ingress_ifindex };
    match STATIONS.get_ptr_mut(&source) {
        Some(station) => unsafe { (*station).packets += 1 },
        None => STATIONS.insert(&source, &Station { port, packets: 1 }, 0).map_err(|_| ())?,
    }
    if read::<u8>(ctx, 14 + 9) == Ok(17) {
        let _ = unsafe { STEPS.tail_call(ctx, 0) };
    }
    match unsafe { STATIONS.get(&destination) } {
        Some(station) => {
            Ok(PORTS.redirect(station.port, u64::from(xdp_action::XDP_DROP)).unwrap_or_else(|a| a))
        }
        None => Ok(xdp_action::XDP_PASS),
    }
}

#[xdp]
pub fn datagram(ctx: XdpContext) -> u32 {
    let Ok(words) = read::<[u16; 4]>(&ctx, 14 + 20) else { return xdp_action::XDP_DROP };
    let sum = checksum(&words);
    if let Some(mut event) = SEEN.reserve::<[u16; 4]>(0) {
        event.write([words[0], words[1], words[2], sum]);
        event.submit(0);
    }
    xdp_action::XDP_PASS
}

#[no_mangle]
#[link_section = "license"]
static LICENSE: [u8; 4] = *b"GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
