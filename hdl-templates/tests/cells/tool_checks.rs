//! Each cell through Verilator's lint and through Yosys, which must find block RAM where it is meant.

use crate::bench::{notice, run, verilator_or_notice, work_dir, write_cells};
use beeline_hdl::tools::{find_yosys, Yosys};

/// Parameter sets that reach every generate branch.
const SHAPES: &[(&str, &[&str])] = &[
    ("bl_packet_fifo", &["", "WIDTH=8 DEPTH=2", "WIDTH=1024 DEPTH=64"]),
    ("bl_desc_fifo", &["", "WIDTH=1 DEPTH=2", "WIDTH=700 DEPTH=64"]),
    ("bl_gate", &["", "WIDTH=1 DEPTH=2", "WIDTH=700 DEPTH=64"]),
    ("bl_scoreboard", &["", "WIDTH=1 DEPTH=1", "WIDTH=128 DEPTH=7 NUM_READS=3"]),
    (
        "bl_framer",
        &[
            "",
            "WINDOW=1",
            "WINDOW=130 DESC_DEPTH=64",
            "WINDOW=128",
            "BUS_BYTES=8 WINDOW=20",
            "BUS_BYTES=128 WINDOW=60",
        ],
    ),
    (
        "bl_value_ram",
        &[
            "",
            "DEPTH=1",
            "DEPTH=1 WRITABLE=1'b0",
            "DEPTH=5 WIDTH=1",
            "DEPTH=1000 WRITABLE=1'b0",
            "WIDTH=72 DEPTH=1 INIT=72'd5",
            "OWN_INDEX=1'b0",
            "OWN_INDEX=1'b0 DEPTH=1",
            "OWN_INDEX=1'b0 LANE_STARTS=8'h89",
            "OWN_INDEX=1'b0 DEPTH=1 WIDTH=12 LANE_STARTS=2'h3",
        ],
    ),
    (
        "bl_key_table",
        &["", "DEPTH_LOG2=0 KEY_W=8", "DEPTH_LOG2=1 KEY_W=104", "DEPTH_LOG2=10 KEY_W=1"],
    ),
    ("bl_hash_ram", &["", "DEPTH_LOG2=0 WIDTH=1"]),
    ("bl_hash_choose", &["", "LRU=1'b1 PICKS=2", "BANKS=2 WAYS=1", "LRU=1'b1 BANKS=2 WAYS=2"]),
    ("bl_hash_probe", &["", "DEPTH_LOG2=0 INSERTS=1'b0 HOST=1'b0"]),
    (
        "bl_hash_table",
        &[
            "",
            "LRU=1'b1 KEY_W=104",
            "REMOVE=1'b1 NUM_PROBES=2 INSERTS=2'd3",
            "LRU=1'b1 REMOVE=1'b1 NUM_PROBES=2",
            "DEPTH_LOG2=0 MAX_ENTRIES=1 REMOVE=1'b1",
            "KEY_W=3 DEPTH_LOG2=1 BANKS=2 WAYS=1 MAX_ENTRIES=2",
        ],
    ),
    (
        "bl_lpm_level",
        &["", "ABOVE=1 DIGIT=2 STEP=2", "INDEX_W=15 ABOVE=12 DIGIT=3 COMPARE_LEN=1'b1", "DIGIT=1"],
    ),
    (
        "bl_lpm_table",
        &[
            "",
            "FULL=1'b0",
            "DATA_BYTES=16 INDEX_W=11 DIGIT=2 SLOT_W=10 STEP=2",
            "DATA_BYTES=1 INDEX_W=1 SLOT_W=1 FULL=1'b0",
            "DATA_BYTES=4 INDEX_W=15 SLOT_W=14",
        ],
    ),
    ("bl_merge", &["", "HEADROOM=1 WINDOW=1", "HEADROOM=64 WINDOW=65", "HEADROOM=216 WINDOW=1600"]),
    ("bl_emit", &["", "BUS_BYTES=8 USER_W=1"]),
    ("bl_align", &["", "BUS_BYTES=8 USER_W=1"]),
    (
        "bl_deparser",
        &[
            "",
            "ALIGN=1'b1",
            "ALIGN=1'b1 HEADROOM=20 WINDOW=100",
            "PATCH_MASK=64'h0",
            "PATCH_MASK=64'hff0",
            "BUS_BYTES=8 WINDOW=1",
            "HEADROOM=130 WINDOW=14",
        ],
    ),
    (
        "bl_event_out",
        &[
            "",
            "TOTAL=1 LONGEST=1 BYTES=16'd0",
            "SLOTS=2 TOTAL=100 LONGEST=92 BYTES=32'h0008005c MAP=16'h0201 FIXED=2'd1 DEPTH=64",
            "SLOTS=3 TOTAL=1700 LONGEST=1536 BYTES=48'h000000a40600",
        ],
    ),
    (
        "bl_host",
        &[
            "",
            "KEY_BYTES=1 VALUE_BYTES=1 NUM_MAPS=3 GATED=3'b101 TABLES=3'b10",
            "NUM_MAPS=1 GATED=1'b1 TABLES=1'b1",
            "KEY_BYTES=256 VALUE_BYTES=1000 NUM_MAPS=255",
        ],
    ),
];

#[test]
fn every_cell_has_shapes() {
    let listed: Vec<String> = SHAPES.iter().map(|(cell, _)| format!("{cell}.sv")).collect();
    for (file, text) in beeline_hdl::cells() {
        assert!(listed.contains(&(*file).to_owned()), "{file} is not checked");
        assert!(
            text.contains("`default_nettype none")
                && text.trim_end().ends_with("`default_nettype wire"),
            "{file}"
        );
    }
}

#[test]
fn lint_is_silent() {
    let Some(verilator) = verilator_or_notice() else { return };
    let files = write_cells(&work_dir("lint"), None);
    for (cell, shapes) in SHAPES {
        for shape in *shapes {
            let mut command = verilator.command();
            command.args(["--lint-only", "-Wall", "--quiet", "--top-module", cell]);
            command.args(shape.split_whitespace().map(|p| format!("-G{p}")));
            run(command.args(&files));
        }
    }
}

#[test]
fn bad_parameters_are_refused() {
    let Some(verilator) = verilator_or_notice() else { return };
    let files = write_cells(&work_dir("bad_parameters"), None);
    for (cell, parameter) in [
        ("bl_packet_fifo", "DEPTH=48"),
        ("bl_desc_fifo", "DEPTH=1"),
        ("bl_framer", "DESC_DEPTH=12"),
        ("bl_deparser", "BUS_BYTES=48"),
        ("bl_value_ram", "INIT=64'd1"),
        ("bl_lpm_level", "ABOVE=1"),
        ("bl_lpm_table", "DATA_BYTES=17"),
        ("bl_event_out", "DEPTH=12"),
        ("bl_host", "KEY_BYTES=257"),
        ("bl_hash_table", "MAX_ENTRIES=257"),
    ] {
        let mut command = verilator.command();
        command
            .args(["--lint-only", "--quiet", "--top-module", cell, &format!("-G{parameter}")])
            .args(&files);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && text.contains(&format!("{cell}: ")),
            "{cell} {parameter}: {text}"
        );
    }
}

fn yosys_or_notice() -> Option<Yosys> {
    let yosys = find_yosys();
    if yosys.is_none() {
        notice("Yosys", "pip install pyosys==0.70 into target/tools, or set YOSYS");
    }
    yosys
}

fn read_cells(name: &str) -> String {
    let files = write_cells(&work_dir(name), None);
    files.iter().map(|f| format!("read_verilog -sv {};", f.display())).collect()
}

#[test]
fn yosys_reads_every_cell() {
    let Some(yosys) = yosys_or_notice() else { return };
    let read = read_cells("yosys_read");
    for (cell, shapes) in SHAPES {
        let mut script = format!("{read} design -save cells;");
        for shape in *shapes {
            let parameters: String = shape
                .split_whitespace()
                .map(|p| format!(" -chparam {}", p.replacen('=', " ", 1)))
                .collect();
            script += &format!("design -load cells; hierarchy -check -top {cell}{parameters}; proc; check -assert;");
        }
        run(&mut yosys.command(&script));
    }
}

#[test]
fn memories_become_ram() {
    let Some(yosys) = yosys_or_notice() else { return };
    let read = read_cells("yosys_memory");
    let families = [
        ("synth_xilinx -family xcup -flatten -noiopad -noclkbuf", "RAMB", "RAM*M*"),
        ("synth_ecp5", "DP16KD", "TRELLIS_DPR16X4"),
    ];
    for (synth, block, distributed) in families {
        for (cell, parameters, wanted, most_flops) in [
            ("bl_value_ram", "-chparam WIDTH 64 -chparam DEPTH 1024", block, 160),
            ("bl_value_ram", "-chparam WIDTH 64 -chparam DEPTH 1024 -chparam WRITABLE 0", block, 2),
            ("bl_packet_fifo", "", block, 40),
            ("bl_desc_fifo", "-chparam WIDTH 200 -chparam DEPTH 32", distributed, 220),
        ] {
            let script = format!(
                "{read} hierarchy -top {cell} {parameters}; {synth} -top {cell}; select -assert-min 1 t:{wanted}*; \
                 select -assert-max {most_flops} t:FD*E t:TRELLIS_FF %u"
            );
            run(&mut yosys.command(&script));
        }
    }
}
