//! Bounded proofs with Yosys' SAT solver: every input sequence up to a depth, instead of random ones.

use crate::bench::{notice, work_dir, write_cells};
use beeline_hdl::tools::find_yosys;
use std::env;

/// A gate with scoreboard and value memory around a computation of `window` stages (`gated_proof.sv`): true if its claims hold in
/// the first `cycles` cycles, whatever comes in. None, with a notice, without Yosys.
fn proved(
    name: &str,
    [window, depth, fifo]: [u32; 3],
    cycles: u32,
    defect: Option<(&str, &str, &str)>,
) -> Option<bool> {
    let Some(yosys) = find_yosys() else {
        notice("Yosys", "pip install pyosys==0.70 into target/tools, or set YOSYS");
        return None;
    };
    let dir = work_dir(name);
    write_cells(&dir, defect);
    for (file, text) in
        [("gated.sv", include_str!("gated.sv")), ("gated_proof.sv", include_str!("gated_proof.sv"))]
    {
        std::fs::write(dir.join(file), text).expect("the build directory can be written");
    }
    let wanted =
        ["bl_desc_fifo", "bl_gate", "bl_scoreboard", "bl_value_ram", "gated", "gated_proof"];
    let files: Vec<String> = wanted
        .iter()
        .map(|file| dir.join(file).with_extension("sv").display().to_string())
        .collect();
    let script = format!(
        "read_verilog -formal -sv {}; \
         hierarchy -check -top gated_proof -chparam WINDOW {window} -chparam DEPTH {depth} -chparam FIFO {fifo}; \
         proc; flatten; memory; async2sync; opt -full; rename -top proof; \
         sat -seq {cycles} -set-init-zero -set-assumes -prove-asserts -verify proof",
        files.join(" ")
    );
    let output = yosys.command(&script).output().expect("Yosys can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let failed = text.contains("model found: FAIL");
    assert!(failed != output.status.success(), "{name}: Yosys gave no verdict: {text}");
    Some(!failed)
}

/// No lost update, no stale read, nothing lost, doubled or overtaken, nobody waits longer than the window: for all
/// sequences of 12 cycles (`BEELINE_PROOF_CYCLES` says otherwise).
#[test]
fn gated_windows_are_proved() {
    let cycles = env::var("BEELINE_PROOF_CYCLES").ok().and_then(|c| c.parse().ok()).unwrap_or(12);
    for (name, shape) in [
        ("proof_3_2_4", [3, 2, 4]),
        ("proof_2_1_2", [2, 1, 2]),
        ("proof_4_3_4", [4, 3, 4]),
        ("proof_1_1_2", [1, 1, 2]),
    ] {
        let Some(holds) = proved(name, shape, cycles, None) else { return };
        assert!(holds, "{name}: a counterexample within {cycles} cycles");
    }
}

#[test]
fn proofs_find_defects() {
    for (name, cell, from, to) in [
        ("proof_blind", "bl_scoreboard.sv", "valid_q[e] && |same", "valid_q[e] && |same && e != 1"),
        ("proof_alone", "bl_scoreboard.sv", "(alone && |live)", "(alone && &live)"),
        ("proof_stuck", "bl_scoreboard.sv", "{DEPTH{pop}}", "{DEPTH{pop && read_valid == '0}}"),
        ("proof_stale", "bl_value_ram.sv", "(same_q && wrote_q)", "(same_q && wrote_q && b != 1)"),
        ("proof_lane", "bl_value_ram.sv", "wr_en && wr_mask[b]", "wr_en && |wr_mask"),
    ] {
        let Some(holds) = proved(name, [3, 2, 4], 9, Some((cell, from, to))) else { return };
        assert!(!holds, "{name}: the defect went unnoticed");
    }
}
