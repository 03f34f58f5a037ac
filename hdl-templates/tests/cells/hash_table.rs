//! The table of keys that packets change, against its software model, in every cycle.

use crate::bench::{drive_ok, work_dir, Bench};
use crate::hash_script::{crowded_keys, Script, Shape};
use crate::keyed::masks;
use std::path::Path;

/// What is read while the same row is written is not defined: here it is wrong.
const WRONG_READS: (&str, &str, &str) = (
    "bl_hash_ram.sv",
    "read_q <= mem[rindex];",
    "read_q <= we && windex == rindex ? ~mem[rindex] : mem[rindex];",
);

const PLAIN: Shape = Shape {
    key_bytes: 4,
    depth_log2: 2,
    max_entries: 32,
    probes: 1,
    inserts: 1,
    lru: false,
    remove: None,
};

fn bench(
    name: &'static str,
    shape: &Shape,
    defect: Option<(&'static str, &'static str, &'static str)>,
) -> Bench {
    let bit = |b: bool| if b { "1'b1".to_owned() } else { "1'b0".to_owned() };
    let params = [
        ("KEY_W", (8 * shape.key_bytes).to_string()),
        ("DEPTH_LOG2", shape.depth_log2.to_string()),
        ("MAX_ENTRIES", shape.max_entries.to_string()),
        ("NUM_PROBES", shape.probes.to_string()),
        ("INSERTS", format!("{}'d{}", shape.probes, shape.inserts)),
        ("LRU", bit(shape.lru)),
        ("REMOVE", bit(shape.remove.is_some())),
        ("MASKS", masks(shape.key_bytes as u32, shape.depth_log2)),
    ];
    Bench { defect, ..Bench::cell(name, "bl_hash_table", "hash_table.cpp", &params) }
}

fn arguments(name: &str, shape: &Shape, part: usize, script: &str) -> Vec<String> {
    let path = work_dir(&format!("{name}_script_{part}")).join("script.txt");
    std::fs::write(&path, script).expect("the build directory can be written");
    vec![
        path.display().to_string(),
        format!("bytes={}", shape.key_bytes),
        format!("probes={}", shape.probes),
        format!("slot_w={}", shape.slot_bits()),
    ]
}

/// Cycles of each random script: `BEELINE_TABLE_CYCLES`.
fn cycles() -> u64 {
    let asked = std::env::var("BEELINE_TABLE_CYCLES").ok();
    asked.map_or(20_000, |n| n.parse().expect("a number of cycles"))
}

/// Random scripts on `shape`: few and many keys, with and without gaps.
fn random(name: &'static str, shape: Shape, binary: &Path) {
    let places = 16usize << shape.depth_log2;
    for (part, (keys, busy, filling)) in
        [(6, 100, 60), (places / 2, 70, 50), (3 * places / 2 + 8, 95, 80)].into_iter().enumerate()
    {
        let keys = crowded_keys(&shape, keys.max(4), part as u64);
        let mut script = Script::new(shape, keys, 7 + part as u64);
        let text = script.lines(cycles(), busy, filling);
        assert!(script.done[0] + script.done[1] >= 3, "{name}: keys are inserted");
        assert!(shape.remove.is_none() || script.done[2] > 100, "{name}: keys are removed");
        drive_ok(binary, &arguments(name, &shape, part, &text));
    }
}

fn check(shapes: &[(&'static str, Shape)]) {
    for (name, shape) in shapes {
        if let Some(binary) = bench(name, shape, Some(WRONG_READS)).build() {
            random(name, *shape, &binary);
        }
    }
}

#[test]
fn keys_that_packets_insert() {
    check(&[
        ("hash_insert", PLAIN),
        ("hash_wide", Shape { key_bytes: 40, depth_log2: 8, max_entries: 2048, ..PLAIN }),
    ]);
}

#[test]
fn keys_that_packets_insert_and_remove() {
    let remove = |delay| Shape { remove: Some(delay), probes: 2, ..PLAIN };
    check(&[
        ("hash_remove", Shape { inserts: 3, ..remove(0) }),
        ("hash_remove_late", Shape { key_bytes: 13, depth_log2: 3, max_entries: 60, ..remove(3) }),
    ]);
}

#[test]
fn keys_that_take_the_place_of_others() {
    let lru = Shape { lru: true, max_entries: 40, ..PLAIN };
    check(&[
        ("hash_lru", Shape { key_bytes: 6, ..lru }),
        (
            "hash_lru_remove",
            Shape { probes: 2, depth_log2: 1, max_entries: 20, remove: Some(0), ..lru },
        ),
    ]);
}
