//! The driver's placement of LPM prefixes, C, against the simulator's.

use crate::bench::{notice, run, work_dir};
use beeline_sim::map::{boundaries, Boundary};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The template with a `main` around it, compiled as strict C99 with all checks that the compiler has.
fn build() -> Option<PathBuf> {
    let compiler = ["cc", "gcc", "clang"]
        .into_iter()
        .find(|c| Command::new(c).arg("--version").output().is_ok());
    let Some(compiler) = compiler else {
        notice("a C compiler", "apt-get install gcc");
        return None;
    };
    let dir = work_dir("lpm_place");
    let template = include_str!("../../templates/lpm_place.c");
    std::fs::write(dir.join("lpm_place_template.c"), template).unwrap();
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cells/lpm_place.c");
    let binary = dir.join("lpm_place");
    let mut command = Command::new(compiler);
    command.args(["-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]);
    command.args(["-fsanitize=address,undefined", "-I"]).arg(&dir).arg(main);
    run(command.arg("-o").arg(&binary));
    Some(binary)
}

/// A line for a boundary or prefix, as the C program reads and writes them.
fn line(b: &Boundary, bits: u32) -> String {
    let data: String = b.key(bits)[4..].iter().map(|b| format!("{b:02x}")).collect();
    let slot = b.slot.map_or("-".to_owned(), |s| s.to_string());
    format!("{} {slot} {data}", b.length)
}

fn placed_by_c(binary: &Path, bits: u32, keys: &[Vec<u8>]) -> Vec<String> {
    let mut text = format!("{}\n", bits / 8);
    for (slot, key) in keys.iter().enumerate() {
        let length = u32::from_le_bytes(*key.first_chunk().unwrap());
        let data: String = key[4..].iter().map(|b| format!("{b:02x}")).collect();
        writeln!(text, "{length} {slot} {data}").unwrap();
    }
    let mut child =
        Command::new(binary).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*state ^ *state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
}

/// Different prefixes: everywhere, or close together.
fn prefixes(state: &mut u64, bytes: usize, count: u64, dense: bool) -> Vec<Vec<u8>> {
    let mut found = BTreeMap::new();
    for _ in 0..count {
        let length = next(state) % (8 * bytes as u64 + 1);
        let mut key = (length as u32).to_le_bytes().to_vec();
        key.extend((0..bytes).map(|_| match dense {
            true => [0, 0x80, 0xff, 0xfe, 1][next(state) as usize % 5],
            false => next(state) as u8,
        }));
        let start = Boundary::of_prefix(&key, 8 * bytes as u32, 0).unwrap();
        found.insert((next(state), start.key(8 * bytes as u32)), key);
    }
    let mut seen = std::collections::BTreeSet::new();
    found.into_iter().filter(|((_, start), _)| seen.insert(start.clone())).map(|(_, k)| k).collect()
}

#[test]
fn c_places_prefixes_as_the_simulator_does() {
    let Some(binary) = build() else { return };
    let mut state = 8;
    let shapes =
        (0..60).map(|n| ([1, 2, 4, 5, 16][n % 5], [0, 1, 2, 8, 50, 300][n % 6], n % 4 != 0));
    for (bytes, count, dense) in shapes.chain([(4, 16_384, false), (16, 1024, false)]) {
        let bits = 8 * bytes as u32;
        let keys = prefixes(&mut state, bytes, count, dense);
        let list = boundaries(bits, keys.iter().zip(0..).map(|(k, s)| (&k[..], s)));
        let expected: Vec<String> = list.iter().map(|b| line(b, bits)).collect();
        assert_eq!(placed_by_c(&binary, bits, &keys), expected, "{bytes} bytes, {count}, {dense}");
    }
}
