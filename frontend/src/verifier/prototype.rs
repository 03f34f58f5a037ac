//! The helpers that Linux offers to XDP programs: numbers, names, arguments and results (`include/uapi/linux/bpf.h`
//! gives the numbers; `xdp_func_proto` and `bpf_base_func_proto` in the kernel say which are offered).

use super::state::{SocketForm, Source};
use beeline_ir::map::MapKind;

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    /// Anything initialised.
    Any,
    /// The context.
    Ctx,
    /// A map.
    Map,
    /// Memory of the map's key size, read.
    Key,
    /// Memory of the map's value size, read.
    Value,
    /// Memory of the map's value size, written.
    ValueOut,
    /// Memory read; the next argument is its size.
    Mem,
    /// Memory read, or null; the next argument is its size.
    MemOrNull,
    /// Memory written; the next argument is its size.
    MemOut,
    /// Memory of this many bytes, read.
    Fixed(u32),
    /// Memory of this many bytes, written.
    FixedOut(u32),
    /// The same, aligned to its size.
    AlignedOut(u32),
    /// Size of the memory before it, at least 1.
    Size,
    /// Size of the memory before it; 0 allowed.
    SizeOrZero,
    /// Constant size of the memory that is returned.
    ReserveSize,
    /// A record that was reserved.
    Record,
    /// A spin lock in a map value.
    Lock,
    /// A timer in a map value.
    Timer,
    /// A callback.
    Callback,
    /// Pointer to the stack handed to a callback, or null.
    CallbackCtx,
    /// A socket.
    Socket,
    /// A number.
    Number,
    /// A dynptr.
    Dynptr,
    /// Room for a dynptr, which the call makes.
    NewDynptr(Source),
    /// Room for a dynptr that becomes a copy of the one before.
    CloneDynptr,
    /// A dynptr of the ring buffer, which the call gives back.
    ReleaseDynptr,
    /// Memory that the call may use to copy bytes into, or null; the next argument is its size.
    Buffer,
    /// Constant size of the buffer before it, and of the memory that is returned.
    BufferSize,
    /// Room for an iterator, which the call makes.
    NewIter,
    /// An iterator, which the call ends.
    EndIter,
}

/// What r0 holds after the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ret {
    Scalar,
    /// A number below this limit.
    Below(u64),
    Void,
    MapValueOrNull,
    /// A reserved record, or null.
    RecordOrNull,
    /// An acquired socket, or null.
    SocketOrNull(SocketForm),
    /// Part of what a dynptr stands for, or null; writable if so.
    Slice(bool),
}

/// What a helper does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// Packet pointers are stale after it.
    pub(super) moves_packet: bool,
    /// Its memory arguments may lie in the packet.
    pub(super) reads_packet: bool,
    /// Only for programs with a GPL-compatible license.
    pub(super) gpl_only: bool,
}

/// A helper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prototype {
    pub(super) id: u32,
    pub(super) name: &'static str,
    pub(super) args: &'static [Arg],
    pub(super) ret: Ret,
    pub(super) traits: Traits,
}

const NONE: Traits = Traits { moves_packet: false, reads_packet: false, gpl_only: false };
const MOVES: Traits = Traits { moves_packet: true, ..NONE };
const PKT: Traits = Traits { reads_packet: true, ..NONE };
const GPL: Traits = Traits { gpl_only: true, ..NONE };

/// Kernel functions take memory of every kind.
pub(super) const KFUNC_PKT: Traits = PKT;

/// A kernel function.
pub(super) const fn kfunc(
    name: &'static str,
    args: &'static [Arg],
    ret: Ret,
    traits: Traits,
) -> Prototype {
    p(0, name, args, ret, traits)
}

const fn p(
    id: u32,
    name: &'static str,
    args: &'static [Arg],
    ret: Ret,
    traits: Traits,
) -> Prototype {
    Prototype { id, name, args, ret, traits }
}

/// Largest number of CPUs of a Linux build.
const MAX_CPUS: u64 = 8192;

use Arg::{
    AlignedOut, Any, Callback, CallbackCtx, Ctx, Dynptr, Fixed, Key, Lock, Map, Mem, MemOrNull,
    MemOut, NewDynptr, Number, Record, ReleaseDynptr, ReserveSize, Size, SizeOrZero, Socket, Timer,
    Value, ValueOut,
};
use Ret::{Below, MapValueOrNull, RecordOrNull, Scalar, Slice, SocketOrNull, Void};

/// The helpers whose calls the verifier checks, by number.
const TABLE: &[Prototype] = &[
    p(1, "map_lookup_elem", &[Map, Key], MapValueOrNull, PKT),
    p(2, "map_update_elem", &[Map, Key, Value, Any], Scalar, PKT),
    p(3, "map_delete_elem", &[Map, Key], Scalar, PKT),
    p(5, "ktime_get_ns", &[], Scalar, NONE),
    p(6, "trace_printk", &[Mem, Size], Scalar, GPL),
    p(7, "get_prandom_u32", &[], Scalar, NONE),
    p(8, "get_smp_processor_id", &[], Below(MAX_CPUS), NONE),
    p(12, "tail_call", &[Ctx, Map, Any], Void, NONE),
    p(14, "get_current_pid_tgid", &[], Scalar, NONE),
    p(15, "get_current_uid_gid", &[], Scalar, NONE),
    p(23, "redirect", &[Any, Any], Scalar, NONE),
    p(25, "perf_event_output", &[Ctx, Map, Any, Mem, SizeOrZero], Scalar, GPL),
    p(28, "csum_diff", &[MemOrNull, SizeOrZero, MemOrNull, SizeOrZero, Any], Scalar, PKT),
    p(35, "get_current_task", &[], Scalar, GPL),
    p(42, "get_numa_node_id", &[], Scalar, NONE),
    p(44, "xdp_adjust_head", &[Ctx, Any], Scalar, MOVES),
    p(51, "redirect_map", &[Map, Any, Any], Scalar, NONE),
    p(54, "xdp_adjust_meta", &[Ctx, Any], Scalar, MOVES),
    p(65, "xdp_adjust_tail", &[Ctx, Any], Scalar, MOVES),
    p(69, "fib_lookup", &[Ctx, MemOut, Size, Any], Scalar, GPL),
    p(84, "sk_lookup_tcp", &[Ctx, Mem, SizeOrZero, Any, Any], SocketOrNull(SocketForm::Full), PKT),
    p(85, "sk_lookup_udp", &[Ctx, Mem, SizeOrZero, Any, Any], SocketOrNull(SocketForm::Full), PKT),
    p(86, "sk_release", &[Socket], Scalar, NONE),
    p(87, "map_push_elem", &[Map, Value, Any], Scalar, PKT),
    p(88, "map_pop_elem", &[Map, ValueOut], Scalar, NONE),
    p(89, "map_peek_elem", &[Map, ValueOut], Scalar, NONE),
    p(93, "spin_lock", &[Lock], Void, NONE),
    p(94, "spin_unlock", &[Lock], Void, NONE),
    p(
        99,
        "skc_lookup_tcp",
        &[Ctx, Mem, SizeOrZero, Any, Any],
        SocketOrNull(SocketForm::Common),
        PKT,
    ),
    p(100, "tcp_check_syncookie", &[Socket, Mem, Size, Mem, Size], Scalar, PKT),
    p(110, "tcp_gen_syncookie", &[Socket, Mem, Size, Mem, Size], Scalar, PKT),
    p(113, "probe_read_kernel", &[MemOut, SizeOrZero, Any], Scalar, GPL),
    p(115, "probe_read_kernel_str", &[MemOut, SizeOrZero, Any], Scalar, GPL),
    p(118, "jiffies64", &[], Scalar, NONE),
    p(125, "ktime_get_boot_ns", &[], Scalar, NONE),
    p(130, "ringbuf_output", &[Map, Mem, SizeOrZero, Any], Scalar, NONE),
    p(131, "ringbuf_reserve", &[Map, ReserveSize, Any], RecordOrNull, NONE),
    p(132, "ringbuf_submit", &[Record, Any], Void, NONE),
    p(133, "ringbuf_discard", &[Record, Any], Void, NONE),
    p(134, "ringbuf_query", &[Map, Any], Scalar, NONE),
    p(160, "ktime_get_coarse_ns", &[], Scalar, NONE),
    p(163, "check_mtu", &[Ctx, Any, AlignedOut(4), Any, Any], Scalar, NONE),
    p(164, "for_each_map_elem", &[Map, Callback, CallbackCtx, Any], Scalar, NONE),
    p(169, "timer_init", &[Timer, Map, Any], Scalar, NONE),
    p(170, "timer_set_callback", &[Timer, Callback], Scalar, NONE),
    p(171, "timer_start", &[Timer, Any, Any], Scalar, NONE),
    p(172, "timer_cancel", &[Timer], Scalar, NONE),
    p(177, "trace_vprintk", &[Mem, Size, MemOrNull, SizeOrZero], Scalar, GPL),
    p(181, "loop", &[Number, Callback, CallbackCtx, Any], Scalar, NONE),
    p(188, "xdp_get_buff_len", &[Ctx], Scalar, NONE),
    p(189, "xdp_load_bytes", &[Ctx, Any, MemOut, Size], Scalar, NONE),
    p(190, "xdp_store_bytes", &[Ctx, Any, Mem, Size], Scalar, NONE),
    p(195, "map_lookup_percpu_elem", &[Map, Key, Any], MapValueOrNull, PKT),
    p(197, "dynptr_from_mem", &[MemOut, SizeOrZero, Any, NewDynptr(Source::Local)], Scalar, NONE),
    p(198, "ringbuf_reserve_dynptr", &[Map, Any, Any, NewDynptr(Source::Ringbuf)], Scalar, NONE),
    p(199, "ringbuf_submit_dynptr", &[ReleaseDynptr, Any], Void, NONE),
    p(200, "ringbuf_discard_dynptr", &[ReleaseDynptr, Any], Void, NONE),
    p(201, "dynptr_read", &[MemOut, SizeOrZero, Dynptr, Any, Any], Scalar, NONE),
    p(202, "dynptr_write", &[Dynptr, Any, Mem, SizeOrZero, Any], Scalar, NONE),
    p(203, "dynptr_data", &[Dynptr, Any, ReserveSize], Slice(true), NONE),
    p(204, "tcp_raw_gen_syncookie_ipv4", &[Fixed(20), Mem, SizeOrZero], Scalar, PKT),
    p(205, "tcp_raw_gen_syncookie_ipv6", &[Fixed(40), Mem, SizeOrZero], Scalar, PKT),
    p(206, "tcp_raw_check_syncookie_ipv4", &[Fixed(20), Fixed(20)], Scalar, PKT),
    p(207, "tcp_raw_check_syncookie_ipv6", &[Fixed(40), Fixed(20)], Scalar, PKT),
    p(208, "ktime_get_tai_ns", &[], Scalar, NONE),
];

/// Helpers that Linux offers to XDP programs too, about tasks, cgroups, memory and text of the machine that the program
/// runs on: neither hardware nor a trace has them.
const UNCHECKED: &[(u32, &str)] = &[
    (16, "get_current_comm"),
    (17, "get_cgroup_classid"),
    (22, "perf_event_read"),
    (37, "current_task_under_cgroup"),
    (55, "perf_event_read_value"),
    (80, "get_current_cgroup_id"),
    (105, "strtol"),
    (106, "strtoul"),
    (109, "send_signal"),
    (112, "probe_read_user"),
    (114, "probe_read_user_str"),
    (117, "send_signal_thread"),
    (120, "get_ns_current_pid_tgid"),
    (123, "get_current_ancestor_cgroup_id"),
    (136, "skc_to_tcp6_sock"),
    (137, "skc_to_tcp_sock"),
    (138, "skc_to_tcp_timewait_sock"),
    (139, "skc_to_tcp_request_sock"),
    (140, "skc_to_udp6_sock"),
    (141, "get_task_stack"),
    (149, "snprintf_btf"),
    (153, "per_cpu_ptr"),
    (154, "this_cpu_ptr"),
    (156, "task_storage_get"),
    (157, "task_storage_delete"),
    (158, "get_current_task_btf"),
    (165, "snprintf"),
    (175, "task_pt_regs"),
    (176, "get_branch_snapshot"),
    (178, "skc_to_unix_sock"),
    (180, "find_vma"),
    (182, "strncmp"),
    (194, "kptr_xchg"),
    (196, "skc_to_mptcp_sock"),
    (209, "user_ringbuf_drain"),
    (210, "cgrp_storage_get"),
    (211, "cgrp_storage_delete"),
];

/// Numbers that the verifier treats by name.
pub(super) mod id {
    pub(crate) const MAP_LOOKUP: u32 = 1;
    pub(crate) const MAP_UPDATE: u32 = 2;
    pub(crate) const MAP_DELETE: u32 = 3;
    pub(crate) const TRACE_PRINTK: u32 = 6;
    pub(crate) const TAIL_CALL: u32 = 12;
    pub(crate) const PERF_EVENT_OUTPUT: u32 = 25;
    pub(crate) const REDIRECT_MAP: u32 = 51;
    pub(crate) const SK_RELEASE: u32 = 86;
    pub(crate) const MAP_PUSH: u32 = 87;
    pub(crate) const MAP_POP: u32 = 88;
    pub(crate) const MAP_PEEK: u32 = 89;
    pub(crate) const SPIN_LOCK: u32 = 93;
    pub(crate) const SPIN_UNLOCK: u32 = 94;
    pub(crate) const RINGBUF_FIRST: u32 = 130;
    pub(crate) const RINGBUF_LAST: u32 = 134;
    pub(crate) const FOR_EACH: u32 = 164;
    pub(crate) const TIMER_SET_CALLBACK: u32 = 170;
    pub(crate) const LOOP: u32 = 181;
    pub(crate) const DYNPTR_FROM_MEM: u32 = 197;
    pub(crate) const RINGBUF_RESERVE_DYNPTR: u32 = 198;
    pub(crate) const MAP_LOOKUP_PERCPU: u32 = 195;
}

/// The prototype of helper `id`.
pub(super) fn by_id(id: u32) -> Option<&'static Prototype> {
    TABLE.binary_search_by_key(&id, |p| p.id).ok().map(|i| &TABLE[i])
}

/// The name of helper `id` without `bpf_`, if Linux offers it to XDP programs.
pub fn helper_name(id: u32) -> Option<&'static str> {
    let unchecked = || UNCHECKED.iter().find(|(n, _)| *n == id).map(|(_, name)| *name);
    by_id(id).map(|p| p.name).or_else(unchecked)
}

/// How many argument registers helper `id` reads.
pub(super) fn argument_count(id: u32) -> usize {
    match id {
        // The values to print follow the checked arguments.
        id::TRACE_PRINTK => 5,
        _ => by_id(id).map_or(5, |p| p.args.len()),
    }
}

/// True if helper `id` can be called on a map of `kind`.
pub(super) fn fits_map(id: u32, kind: MapKind) -> bool {
    use MapKind as K;
    let redirects = matches!(kind, K::Devmap | K::DevmapHash | K::Cpumap | K::Xskmap);
    let queue = matches!(kind, K::Queue | K::Stack);
    let of_maps = matches!(kind, K::ArrayOfMaps | K::HashOfMaps);
    let plain = matches!(
        kind,
        K::Hash
            | K::Array
            | K::PercpuHash
            | K::PercpuArray
            | K::LruHash
            | K::LruPercpuHash
            | K::LpmTrie
    );
    match id {
        id::MAP_LOOKUP => plain || of_maps || matches!(kind, K::Devmap | K::DevmapHash | K::Xskmap),
        id::MAP_UPDATE | id::MAP_DELETE => plain,
        id::MAP_LOOKUP_PERCPU => matches!(kind, K::PercpuHash | K::PercpuArray | K::LruPercpuHash),
        id::TAIL_CALL => kind == K::ProgArray,
        id::PERF_EVENT_OUTPUT => kind == K::PerfEventArray,
        id::REDIRECT_MAP => redirects,
        id::MAP_PUSH | id::MAP_PEEK => queue || kind == K::BloomFilter,
        id::MAP_POP => queue,
        id::FOR_EACH => plain && kind != K::LpmTrie,
        id::RINGBUF_FIRST..=id::RINGBUF_LAST | id::RINGBUF_RESERVE_DYNPTR => kind == K::Ringbuf,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_consistent() {
        assert!(TABLE.windows(2).all(|w| w[0].id < w[1].id));
        assert!(UNCHECKED.iter().all(|(n, _)| by_id(*n).is_none()));
        for prototype in TABLE {
            assert!(prototype.args.len() <= 5);
            for pair in prototype.args.windows(2) {
                let memory = matches!(pair[0], Mem | MemOrNull | MemOut);
                assert_eq!(memory, matches!(pair[1], Size | SizeOrZero), "{}", prototype.name);
            }
        }
    }
}
