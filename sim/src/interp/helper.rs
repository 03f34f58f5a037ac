//! The kernel's helper functions, with the kernel's argument checks and return values; one module for each family.

mod checksum;
mod dynptr;
mod format;
mod maps;
mod output;
mod packet;
mod redirect;
mod socket;
mod syncookie;
mod text;
mod timer;

pub(super) use dynptr::kfuncs as dynptr_kfuncs;
pub(super) use maps::lookup_in;
pub use redirect::RedirectState;
pub use timer::{Due, Timers};

use super::memory::{map_at, Memory};
use super::op::Regs;
use crate::map::{Errno, MapSet};
use crate::trace::NS_PER_JIFFY;
use beeline_frontend::Pc;
use beeline_ir::random::prandom_u32;

macro_rules! helpers {
    ($($name:ident = $number:literal,)*) => {
        /// The helpers that the interpreter knows, with the kernel's numbers (`enum bpf_func_id`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[allow(missing_docs)] // the names are the kernel's
        pub enum Helper {
            $($name = $number,)*
        }

        impl Helper {
            /// All of them, by number.
            pub const ALL: &'static [Helper] = &[$(Helper::$name,)*];
        }
    };
}

helpers! {
    MapLookupElem = 1,
    MapUpdateElem = 2,
    MapDeleteElem = 3,
    KtimeGetNs = 5,
    TracePrintk = 6,
    GetPrandomU32 = 7,
    GetSmpProcessorId = 8,
    TailCall = 12,
    GetCurrentPidTgid = 14,
    GetCurrentUidGid = 15,
    Redirect = 23,
    PerfEventOutput = 25,
    CsumDiff = 28,
    GetNumaNodeId = 42,
    XdpAdjustHead = 44,
    RedirectMap = 51,
    XdpAdjustMeta = 54,
    XdpAdjustTail = 65,
    FibLookup = 69,
    SkLookupTcp = 84,
    SkLookupUdp = 85,
    SkRelease = 86,
    MapPushElem = 87,
    MapPopElem = 88,
    MapPeekElem = 89,
    SpinLock = 93,
    SpinUnlock = 94,
    SkcLookupTcp = 99,
    TcpCheckSyncookie = 100,
    TcpGenSyncookie = 110,
    ProbeReadKernel = 113,
    ProbeReadKernelStr = 115,
    Jiffies64 = 118,
    KtimeGetBootNs = 125,
    RingbufOutput = 130,
    RingbufReserve = 131,
    RingbufSubmit = 132,
    RingbufDiscard = 133,
    RingbufQuery = 134,
    KtimeGetCoarseNs = 160,
    CheckMtu = 163,
    ForEachMapElem = 164,
    Snprintf = 165,
    TimerInit = 169,
    TimerSetCallback = 170,
    TimerStart = 171,
    TimerCancel = 172,
    TraceVprintk = 177,
    Loop = 181,
    Strncmp = 182,
    XdpGetBuffLen = 188,
    XdpLoadBytes = 189,
    XdpStoreBytes = 190,
    MapLookupPercpuElem = 195,
    DynptrFromMem = 197,
    RingbufReserveDynptr = 198,
    RingbufSubmitDynptr = 199,
    RingbufDiscardDynptr = 200,
    DynptrRead = 201,
    DynptrWrite = 202,
    DynptrData = 203,
    TcpRawGenSyncookieIpv4 = 204,
    TcpRawGenSyncookieIpv6 = 205,
    TcpRawCheckSyncookieIpv4 = 206,
    TcpRawCheckSyncookieIpv6 = 207,
    KtimeGetTaiNs = 208,
}

impl Helper {
    /// The helper with the kernel's number `id`.
    pub fn from_kernel(id: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|h| *h as u32 == id)
    }
}

/// An argument that the verifier never lets through.
#[derive(Debug)]
pub struct BadArgument(pub &'static str);

/// What a helper that is called gives back.
pub type Answer = Result<u64, BadArgument>;

/// What helpers work on, beside their arguments.
pub struct Env<'a> {
    /// Everything that the program can reach.
    pub memory: Memory<'a>,
    /// Where a redirect would go.
    pub redirect: RedirectState,
    /// A buffer for bytes on their way.
    pub scratch: &'a mut Vec<u8>,
    /// Timers in map values.
    pub timers: &'a mut Timers,
}

fn code(result: Result<(), Errno>) -> u64 {
    result.map_or_else(Errno::as_return, |()| 0)
}

fn map_argument(address: u64, maps: &MapSet) -> Result<usize, BadArgument> {
    map_at(address).filter(|m| *m < maps.len()).ok_or(BadArgument("r1 is not a map"))
}

impl Env<'_> {
    /// The `len` bytes at `address`, which the verifier has checked.
    fn bytes(&self, address: u64, len: usize) -> Result<&[u8], BadArgument> {
        match len {
            0 => Ok(&[]),
            _ => self.memory.bytes(address, len).ok_or(BadArgument("memory is not readable")),
        }
    }

    /// The `len` bytes at `address`, to be written.
    fn bytes_mut(&mut self, address: u64, len: usize) -> Result<&mut [u8], BadArgument> {
        match len {
            0 => Ok(&mut []),
            _ => self.memory.bytes_mut(address, len).ok_or(BadArgument("memory is not writable")),
        }
    }

    fn array<const N: usize>(&self, address: u64) -> Result<[u8; N], BadArgument> {
        let bytes = self.bytes(address, N)?.first_chunk();
        bytes.copied().ok_or(BadArgument("memory is not readable"))
    }

    /// Copies the `len` bytes at `address` to the end of the scratch buffer.
    fn gather(&mut self, address: u64, len: usize) -> Result<(), BadArgument> {
        if len > 0 {
            let bytes = self.memory.bytes(address, len);
            self.scratch.extend_from_slice(bytes.ok_or(BadArgument("memory is not readable"))?);
        }
        Ok(())
    }
}

/// Calls `helper`, which stands at `pc` of its program, with r1 to r5; returns r0. Tail calls and helpers that
/// call back are operations of the run loop.
pub fn call(helper: Helper, regs: &Regs, pc: Pc, env: &mut Env<'_>) -> Answer {
    let inputs = env.memory.inputs;
    match helper {
        Helper::MapLookupElem => maps::lookup(regs, env),
        Helper::MapUpdateElem => maps::update(regs, env),
        Helper::MapDeleteElem => maps::delete(regs, env),
        Helper::MapPushElem => maps::push(regs, env),
        Helper::MapPopElem => maps::pop(regs, env),
        Helper::MapPeekElem => maps::peek(regs, env),
        Helper::MapLookupPercpuElem => maps::lookup_percpu(regs, env),
        Helper::KtimeGetNs
        | Helper::KtimeGetBootNs
        | Helper::KtimeGetCoarseNs
        | Helper::KtimeGetTaiNs => Ok(inputs.time_ns),
        Helper::Jiffies64 => Ok(inputs.time_ns / NS_PER_JIFFY),
        Helper::GetPrandomU32 => Ok(prandom_u32(inputs.seed, inputs.packet_index, pc.0).into()),
        Helper::GetSmpProcessorId => Ok(inputs.cpu.into()),
        Helper::GetNumaNodeId
        | Helper::SpinLock
        | Helper::SpinUnlock
        | Helper::GetCurrentPidTgid
        | Helper::GetCurrentUidGid => Ok(0),
        Helper::TracePrintk => text::trace_printk(regs, env),
        Helper::TraceVprintk => text::trace_vprintk(regs, env),
        Helper::Snprintf => text::snprintf(regs, env),
        Helper::Strncmp => text::strncmp(regs, env),
        Helper::ProbeReadKernel => text::probe_read(regs, env),
        Helper::ProbeReadKernelStr => text::probe_read_str(regs, env),
        Helper::Redirect => Ok(redirect::redirect_ifindex(regs, &mut env.redirect)),
        Helper::RedirectMap => redirect::redirect_map(regs, env),
        Helper::CsumDiff => checksum::csum_diff(regs, &env.memory),
        Helper::XdpAdjustHead => Ok(code(env.memory.packet.adjust_head(regs[2] as i32))),
        Helper::XdpAdjustMeta => Ok(code(env.memory.packet.adjust_meta(regs[2] as i32))),
        Helper::XdpAdjustTail => Ok(code(env.memory.packet.adjust_tail(regs[2] as i32))),
        Helper::XdpGetBuffLen => Ok(env.memory.packet.len() as u64),
        Helper::XdpLoadBytes => packet::load_bytes(regs, env),
        Helper::XdpStoreBytes => packet::store_bytes(regs, env),
        Helper::CheckMtu => packet::check_mtu(regs, env),
        Helper::FibLookup => packet::fib_lookup(regs, env),
        _ => call_more(helper, regs, env),
    }
}

/// The second half of [`call`]: what is rare.
fn call_more(helper: Helper, regs: &Regs, env: &mut Env<'_>) -> Answer {
    match helper {
        Helper::PerfEventOutput => output::perf_event(regs, env),
        Helper::RingbufOutput => output::ring_output(regs, env),
        Helper::RingbufReserve => output::ring_reserve(regs, env),
        Helper::RingbufSubmit => output::ring_commit(regs, env, false),
        Helper::RingbufDiscard => output::ring_commit(regs, env, true),
        Helper::RingbufQuery => output::ring_query(regs, env),
        Helper::SkLookupTcp => socket::lookup(regs, env, socket::Kind::Tcp),
        Helper::SkLookupUdp => socket::lookup(regs, env, socket::Kind::Udp),
        Helper::SkcLookupTcp => socket::lookup(regs, env, socket::Kind::TcpCommon),
        Helper::SkRelease => Ok(0),
        Helper::TcpGenSyncookie => syncookie::generate(regs, env),
        Helper::TcpCheckSyncookie => syncookie::check(regs, env),
        Helper::TcpRawGenSyncookieIpv4 => syncookie::raw_generate::<4>(regs, env),
        Helper::TcpRawGenSyncookieIpv6 => syncookie::raw_generate::<16>(regs, env),
        Helper::TcpRawCheckSyncookieIpv4 => syncookie::raw_check::<4>(regs, env),
        Helper::TcpRawCheckSyncookieIpv6 => syncookie::raw_check::<16>(regs, env),
        Helper::TimerInit => timer::init(regs, env),
        Helper::TimerSetCallback => timer::set_callback(regs, env),
        Helper::TimerStart => timer::start(regs, env),
        Helper::TimerCancel => timer::cancel(regs, env),
        Helper::DynptrFromMem => dynptr::from_mem(regs, env),
        Helper::RingbufReserveDynptr => dynptr::ring_reserve(regs, env),
        Helper::RingbufSubmitDynptr => dynptr::ring_commit(regs, env, false),
        Helper::RingbufDiscardDynptr => dynptr::ring_commit(regs, env, true),
        Helper::DynptrRead => dynptr::read(regs, env),
        Helper::DynptrWrite => dynptr::write(regs, env),
        Helper::DynptrData => dynptr::data(regs, env),
        _ => Err(BadArgument("the run loop calls this helper itself")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_helper_has_its_number() {
        for helper in Helper::ALL {
            assert_eq!(Helper::from_kernel(*helper as u32), Some(*helper));
        }
        assert_eq!(Helper::from_kernel(0), None);
    }
}
