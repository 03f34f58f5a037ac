//! Bounded proofs: small tables of keys against an abstract set, for all inputs up to a number of cycles from the first reset on.

use crate::bench::{notice, work_dir, write_cells};
use beeline_hdl::tools::find_yosys;
use std::process::Command;

const PROOF: &str = include_str!("../../formal/bl_hash_table_proof.sv");

/// Small enough for a SAT solver: shape, and cycles that take it some ten seconds.
const TABLES: &[(&str, &str, u32)] = &[
    ("remove", "REMOVE=1 LATE=0", 8),
    ("late", "REMOVE=1 LATE=3 MAX_ENTRIES=4", 9),
    ("ways", "DEPTH_LOG2=0 WAYS=2 MAX_ENTRIES=4 REMOVE=0", 8),
    ("lru", "LRU=1 MAX_ENTRIES=2 REMOVE=0", 9),
    ("lru_late", "LRU=1 MAX_ENTRIES=3 LATE=2 REMOVE=1", 9),
];

/// Further cycles, for long runs: `BEELINE_PROOF_CYCLES`.
fn more() -> u32 {
    let asked = std::env::var("BEELINE_PROOF_CYCLES").ok();
    asked.map_or(0, |n| n.parse().expect("a number of cycles"))
}

/// The command that proves a table, with at most one defect in a cell; none (with a notice) without the tool.
fn prove(
    name: &str,
    shape: &str,
    cycles: u32,
    defect: Option<(&str, &str, &str)>,
) -> Option<Command> {
    let Some(yosys) = find_yosys() else {
        notice("Yosys", "pip install pyosys==0.70 into target/tools, or set YOSYS");
        return None;
    };
    let dir = work_dir(&format!("proof_{name}"));
    let mut files = write_cells(&dir, defect);
    files.retain(|f| f.file_name().is_some_and(|n| n.to_string_lossy().starts_with("bl_hash_")));
    files.push(dir.join("bl_hash_table_proof.sv"));
    std::fs::write(dir.join("bl_hash_table_proof.sv"), PROOF)
        .expect("the build directory can be written");
    let read: String =
        files.iter().map(|f| format!("read_verilog -formal -sv {};", f.display())).collect();
    let parameters: String = shape
        .split_whitespace()
        .map(|p| format!(" -chparam {}", p.replacen('=', " ", 1)))
        .collect();
    let script = format!(
        "{read} hierarchy -check -top bl_hash_table_proof{parameters}; proc; flatten; opt -full; memory -nomap; \
         memory_map; async2sync; chformal -lower; opt -full; sat -verify -prove-asserts -set-assumes -seq {cycles}"
    );
    Some(yosys.command(&script))
}

fn outcome(mut command: Command) -> (bool, String) {
    let output = command.output().expect("the tool was found");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn tables_find_what_an_abstract_set_holds() {
    for (name, shape, cycles) in TABLES {
        let Some(command) = prove(name, shape, cycles + more(), None) else { return };
        let (proved, text) = outcome(command);
        assert!(proved, "{name}: {text}");
    }
}

/// Each forward, and each condition, taken away: the proof must notice within the same cycles.
#[test]
fn defects_are_found() {
    let probe = "bl_hash_probe.sv";
    let defects = [
        (
            "remove",
            probe,
            "if (REMOVE && gone_remove) was_gone",
            "if (REMOVE && gone_remove && 1'b0) was_gone",
        ),
        (
            "remove",
            probe,
            "if (REMOVE && was_remove) was_gone",
            "if (REMOVE && was_remove && 1'b0) was_gone",
        ),
        (
            "remove",
            probe,
            "gone      = REMOVE && now_remove[v]",
            "gone      = 1'b0 && now_remove[v]",
        ),
        (
            "remove",
            "bl_hash_table.sv",
            "|writer && at == remove_slot",
            "1'b0 && |writer && at == remove_slot",
        ),
        ("ways", probe, "was_same = was_key == key_q", "was_same = 1'b0"),
        ("ways", probe, "here      = now_write[v]", "here      = 1'b0 && now_write[v]"),
        ("lru", probe, "was_at   = was_write", "was_at   = 1'b0 && was_write"),
        ("lru", "bl_hash_table.sv", "= toggle ^ !over;", "= !toggle;"),
    ];
    for (n, (name, cell, from, to)) in defects.into_iter().enumerate() {
        let (_, shape, cycles) = TABLES.iter().find(|t| t.0 == name).expect("a listed table");
        let defect = Some((cell, from, to));
        let Some(command) = prove(&format!("defect_{n}"), shape, *cycles, defect) else { return };
        let (proved, text) = outcome(command);
        assert!(!proved && text.contains("proof did fail"), "{to}: {text}");
    }
}
