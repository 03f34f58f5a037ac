//! What a program sees of its surroundings: part of the trace, so that every engine sees the same.

/// Nanoseconds in a jiffy, for `bpf_jiffies64`: the kernel's usual 250 Hz.
pub const NS_PER_JIFFY: u64 = 4_000_000;

/// The inputs of one packet beside its bytes (`docs/semantics.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// The packet's timestamp, in nanoseconds: the answer of every clock helper.
    pub time_ns: u64,
    /// `ctx->ingress_ifindex`.
    pub ingress_ifindex: u32,
    /// `ctx->rx_queue_index`.
    pub rx_queue_index: u32,
    /// CPU number.
    pub cpu: u32,
    /// Number of the packet in the trace, from 0, wrapping.
    pub packet_index: u32,
    /// Seed of the random numbers.
    pub seed: u32,
    /// Hash that the network card has computed, if the capture has it.
    pub rx_hash: Option<u32>,
}

impl Default for Inputs {
    /// Interface 1, queue 0, CPU 0, seed 0, the first packet, at time 0.
    fn default() -> Self {
        Self {
            time_ns: 0,
            ingress_ifindex: 1,
            rx_queue_index: 0,
            cpu: 0,
            packet_index: 0,
            seed: 0,
            rx_hash: None,
        }
    }
}
