//! Target descriptions: clock, delays, memory latencies. Built-in ones are files in `offload-ir/targets`.

/// A device family at a clock, as the scheduler sees it. Delays in picoseconds.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TargetDesc {
    /// Name, for example `xcup` or `ecp5`.
    pub name: String,
    /// Clock in MHz.
    pub clock_mhz: u32,
    /// Register clock-to-output plus set-up plus clock uncertainty.
    pub register_overhead_ps: u32,
    /// One look-up table with its average routing.
    pub lut_ps: u32,
    /// Carry chain: per bit.
    pub carry_bit_ps: u32,
    /// Carry chain: getting on and off.
    pub carry_base_ps: u32,
    /// Inputs of a look-up table.
    pub lut_inputs: u32,
    /// One hardware multiplier, combinational.
    pub dsp_ps: u32,
    /// Block RAM clock-to-output, for rows used in the stage they arrive in.
    pub bram_out_ps: u32,
    /// Stages from a key to its entry, in a keyed map.
    pub hash_latency: u32,
    /// Stages from an entry to its row, in a value memory.
    pub value_latency: u32,
    /// Stream width in bytes.
    pub bus_bytes: u32,
}
