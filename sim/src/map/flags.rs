//! Flags of updates and of map creation, with the kernel's numbers.

/// Create or replace.
pub const ANY: u64 = 0;
/// Only create.
pub const NOEXIST: u64 = 1;
/// Only replace. For queues and stacks: overwrite the oldest value when full.
pub const EXIST: u64 = 2;
/// Hold the value's spin lock while it is copied.
pub const LOCK: u64 = 4;

/// Flags of `bpf_perf_event_output`: which CPU's event.
pub const INDEX_MASK: u64 = 0xffff_ffff;
/// In place of an index: the running CPU's.
pub const CURRENT_CPU: u64 = INDEX_MASK;
/// Flags of `bpf_perf_event_output`: how many packet bytes to append, in bits 32 to 51.
pub const CTXLEN_MASK: u64 = 0xf_ffff << 32;

/// Flags of the `bpf_ringbuf_*` helpers: do not, or do, wake the consumer. Without effect here.
pub const RB_WAKEUP_MASK: u64 = 3;

/// `map_flags` at creation.
pub mod create {
    #![allow(missing_docs)] // the names are the kernel's, without BPF_F_
    pub const NO_PREALLOC: u32 = 1 << 0;
    pub const NO_COMMON_LRU: u32 = 1 << 1;
    pub const NUMA_NODE: u32 = 1 << 2;
    pub const RDONLY: u32 = 1 << 3;
    pub const WRONLY: u32 = 1 << 4;
    pub const ZERO_SEED: u32 = 1 << 6;
    pub const RDONLY_PROG: u32 = 1 << 7;
    pub const WRONLY_PROG: u32 = 1 << 8;
    pub const MMAPABLE: u32 = 1 << 10;
    pub const PRESERVE_ELEMS: u32 = 1 << 11;
    pub const INNER_MAP: u32 = 1 << 12;

    /// Who may read and write.
    pub const ACCESS: u32 = RDONLY | WRONLY | RDONLY_PROG | WRONLY_PROG;
}
