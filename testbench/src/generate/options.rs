//! What generated programs may do.

/// Features of generated programs. A feature that is off is never used; one that is on is used now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Statements in the entry function, about.
    pub statements: usize,
    /// Most paths through the program, so that a verifier that walks them one by one gets to the end.
    pub paths: u64,
    /// Packet accesses stay below this offset from the packet start.
    pub reach: u32,
    /// Most functions beside the entry function.
    pub functions: usize,
    /// Most maps, the ones for global data not counted.
    pub maps: usize,
    /// Loops with a constant bound.
    pub loops: bool,
    /// Multiplication of any two registers. Without it one factor is a small constant.
    pub multiply: bool,
    /// Division and remainder, signed too, by any constant. Without it only unsigned, and by powers of two.
    pub divide: bool,
    /// Division and remainder by registers.
    pub divide_by_variable: bool,
    /// `bpf_xdp_adjust_head` and `bpf_xdp_adjust_tail`.
    pub adjust: bool,
    /// The same by amounts that depend on the packet.
    pub adjust_variable: bool,
    /// Packet and map value accesses at offsets that depend on the packet.
    pub variable_offsets: bool,
    /// `bpf_csum_diff` with constant sizes.
    pub checksums: bool,
    /// Atomic operations that return the old value.
    pub fetch: bool,
    /// Atomic exchange and compare-and-exchange.
    pub exchange: bool,
    /// Any access to any map, in any order, also in loops. Without it a packet meets at most one entry of each map that
    /// the program writes, and what it does there needs nothing that it has read there, but for one operation on one field.
    pub free_state: bool,
    /// `bpf_map_update_elem` and `bpf_map_delete_elem`.
    pub updates: bool,
    /// Map kinds and helpers that only software has: LPM maps, redirect flags, `bpf_jiffies64`.
    pub software_only: bool,
    /// LRU maps.
    pub lru: bool,
    /// Time and random numbers.
    pub host: bool,
}

impl Options {
    /// What the Verilog backend accepts.
    pub fn hardware() -> Self {
        Self {
            statements: 24,
            paths: 512,
            reach: 160,
            functions: 2,
            maps: 3,
            loops: true,
            multiply: false,
            divide: false,
            divide_by_variable: false,
            adjust: true,
            adjust_variable: true,
            variable_offsets: true,
            checksums: true,
            fetch: true,
            exchange: false,
            free_state: false,
            updates: false,
            software_only: false,
            lru: false,
            host: true,
        }
    }

    /// What the intermediate representation expresses: the lift accepts it, and so do the passes on `Function`.
    pub fn function() -> Self {
        Self {
            statements: 40,
            reach: 400,
            multiply: true,
            divide: true,
            divide_by_variable: true,
            exchange: true,
            free_state: true,
            ..Self::hardware()
        }
    }

    /// What the bytecode interpreter can run.
    pub fn full() -> Self {
        Self { updates: true, software_only: true, lru: true, ..Self::function() }
    }

    /// What the kernel's test interface can show: it has its own time and random numbers, and LRU maps forget in its own order.
    pub fn kernel() -> Self {
        Self { lru: false, host: false, ..Self::full() }
    }

    /// Hardware whose packets change what maps hold; many programs do more to one map than the hardware can.
    pub fn stateful() -> Self {
        Self {
            updates: true,
            lru: true,
            exchange: true,
            free_state: true,
            loops: false,
            ..Self::small()
        }
    }

    /// Small hardware programs, for engines that take seconds to build.
    pub fn small() -> Self {
        Self { statements: 10, reach: 80, functions: 1, maps: 2, ..Self::hardware() }
    }

    /// The options of that name: `hardware`, `small`, `function`, `full` or `kernel`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "hardware" => Some(Self::hardware()),
            "small" => Some(Self::small()),
            "stateful" => Some(Self::stateful()),
            "function" => Some(Self::function()),
            "full" => Some(Self::full()),
            "kernel" => Some(Self::kernel()),
            _ => None,
        }
    }
}
