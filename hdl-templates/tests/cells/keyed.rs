//! The key table against the hash functions that the host loader and the simulator use.

use crate::bench::{drive_ok, work_dir, Bench};
use beeline_ir::hash::{h3_index, h3_row, BANKS};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The `MASKS` parameter, most significant bit first.
pub fn masks(key_bytes: u32, depth_log2: u32) -> String {
    let mut bits = Vec::new();
    for bank in 0..BANKS {
        for i in 0..depth_log2 {
            bits.extend((0..8 * key_bytes).map(|bit| h3_row(bank, bit) >> i & 1));
        }
    }
    let digits: String = bits.iter().rev().map(u32::to_string).collect();
    if digits.is_empty() {
        "1'b0".to_owned()
    } else {
        format!("{}'b{digits}", bits.len())
    }
}

/// A random script for the driver, with the answers of a table held as a map from slot to key.
fn script(key_bytes: u32, depth_log2: u32, operations: u32) -> String {
    let mut rng = Rng(1);
    let keys: Vec<Vec<u8>> = (0..12 << depth_log2)
        .map(|_| (0..key_bytes).map(|_| rng.next(256) as u8).collect())
        .collect();
    let mut table: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let slots = |key: &[u8]| -> Vec<u32> {
        (0..BANKS).map(|b| b << depth_log2 | h3_index(b, key, depth_log2)).collect()
    };
    let mut text = String::new();
    let mut token_before = false; // the host's registers stand still for a token's way, so tokens do not follow each other
    for _ in 0..operations {
        let key = &keys[rng.next(keys.len() as u32) as usize];
        let free = slots(key)[rng.next(BANKS) as usize];
        let stands = slots(key).into_iter().find(|s| table.get(s) == Some(key));
        let dice = if token_before { 9 } else { rng.next(10) };
        token_before = dice <= 4;
        match dice {
            0..=2 if stands.is_none() => {
                table.insert(free, key.clone());
                writeln!(text, "w {free:x} 1 {}", hex(key))
            }
            3 => {
                table.remove(&free);
                writeln!(text, "w {free:x} 0 {}", hex(key))
            }
            4 => {
                let found = table.get(&free);
                writeln!(
                    text,
                    "r {free:x} {} {}",
                    u8::from(found.is_some()),
                    hex(found.unwrap_or(key))
                )
            }
            _ => writeln!(
                text,
                "l {} {} {:x}",
                hex(key),
                u8::from(stands.is_some()),
                stands.unwrap_or(0)
            ),
        }
        .expect("a string takes every line");
    }
    assert!(
        text.lines().filter(|l| l.starts_with('l') && l.contains(" 1 ")).count() > 100,
        "the script must hit"
    );
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

struct Rng(u64);

impl Rng {
    /// Below `bound`.
    fn next(&mut self, bound: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % bound
    }
}

#[test]
fn key_table_finds_what_the_host_wrote() {
    for (name, key_bytes, depth_log2) in
        [("keys_4_4", 4, 4), ("keys_13_6", 13, 6), ("keys_2_1", 2, 1), ("keys_6_0", 6, 0)]
    {
        let params = [
            ("KEY_W", (8 * key_bytes).to_string()),
            ("DEPTH_LOG2", depth_log2.to_string()),
            ("MASKS", masks(key_bytes, depth_log2)),
        ];
        if let Some(binary) = Bench::cell(name, "bl_key_table", "key_table.cpp", &params).build() {
            let path = work_dir(&format!("{name}_script")).join("script.txt");
            std::fs::write(&path, script(key_bytes, depth_log2, 20_000)).unwrap();
            drive_ok(&binary, &[path.display().to_string()]);
        }
    }
}
