//! The hardware side of Beeline: the hand-written RTL cell library that generated designs instantiate, and the
//! templates of the generated modules. Stands between `beeline-backends` (which renders) and the tools
//! (Verilator, Yosys) that read the result.

pub mod driver;
pub mod templates;
pub mod tools;

/// Every library cell as `(file name, text)`, in an order in which each file follows those it instantiates.
///
/// All cells are SystemVerilog in the subset of `docs/rtl-style.md`; each file holds the module it is named after.
pub fn cells() -> &'static [(&'static str, &'static str)] {
    &[
        ("bl_packet_fifo.sv", include_str!("../rtl/bl_packet_fifo.sv")),
        ("bl_desc_fifo.sv", include_str!("../rtl/bl_desc_fifo.sv")),
        ("bl_gate.sv", include_str!("../rtl/bl_gate.sv")),
        ("bl_scoreboard.sv", include_str!("../rtl/bl_scoreboard.sv")),
        ("bl_framer.sv", include_str!("../rtl/bl_framer.sv")),
        ("bl_value_ram.sv", include_str!("../rtl/bl_value_ram.sv")),
        ("bl_key_table.sv", include_str!("../rtl/bl_key_table.sv")),
        ("bl_hash_ram.sv", include_str!("../rtl/bl_hash_ram.sv")),
        ("bl_hash_choose.sv", include_str!("../rtl/bl_hash_choose.sv")),
        ("bl_hash_probe.sv", include_str!("../rtl/bl_hash_probe.sv")),
        ("bl_hash_table.sv", include_str!("../rtl/bl_hash_table.sv")),
        ("bl_lpm_level.sv", include_str!("../rtl/bl_lpm_level.sv")),
        ("bl_lpm_table.sv", include_str!("../rtl/bl_lpm_table.sv")),
        ("bl_merge.sv", include_str!("../rtl/bl_merge.sv")),
        ("bl_emit.sv", include_str!("../rtl/bl_emit.sv")),
        ("bl_align.sv", include_str!("../rtl/bl_align.sv")),
        ("bl_deparser.sv", include_str!("../rtl/bl_deparser.sv")),
        ("bl_event_out.sv", include_str!("../rtl/bl_event_out.sv")),
        ("bl_host.sv", include_str!("../rtl/bl_host.sv")),
    ]
}

/// Assertions about the cells, as `(file name, text)`: read after the cells by a simulator or formal tool that checks them
/// (Verilator: `--assert`), never by synthesis. The last file binds them to the cells, so every cell must be there.
pub fn assertions() -> &'static [(&'static str, &'static str)] {
    &[
        ("bl_stream_rules.sv", include_str!("../sva/bl_stream_rules.sv")),
        ("bl_fifo_rules.sv", include_str!("../sva/bl_fifo_rules.sv")),
        ("bl_bind.sv", include_str!("../sva/bl_bind.sv")),
    ]
}
