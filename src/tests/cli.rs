//! The command line as users meet it: exit status, streams, JSON, bad input.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn beeline(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_beeline"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary starts")
}

fn status(o: &Output) -> i32 {
    o.status.code().expect("ended by itself")
}

fn stderr(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

fn stdout(o: &Output) -> String {
    String::from_utf8_lossy(&o.stdout).into_owned()
}

fn scratch(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

const OBJECT: &str = "examples/firewall/firewall.o";
const PCAP: &str = "examples/firewall/traffic.pcap";
const MAPS: &str = "examples/firewall/maps.json";

/// Runs and expects `code` and a message that contains `text`, in one piece and without a panic.
fn expect(args: &[&str], code: i32, text: &str) {
    let o = beeline(args);
    let err = stderr(&o);
    assert_eq!(status(&o), code, "{args:?}: {err}");
    assert!(err.contains(text), "{args:?}: expected `{text}` in: {err}");
    assert!(!err.contains("panicked"), "{args:?}: {err}");
}

#[test]
fn check_prints_the_walk() {
    let o = beeline(&["check", OBJECT, "-v"]);
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(text.starts_with("0: R1=ctx()"), "{text}");
    assert!(text.contains(" ; R"), "{text}");
    assert!(text.contains("safe: an earlier state covers this one"), "{text}");
    assert!(text.contains(" insns (limit 1000000) max_states_per_insn "), "{text}");
}

#[test]
fn check_accepts_and_reports_stages() {
    let o = beeline(&["check", OBJECT, "--target", "verilog"]);
    assert_eq!(status(&o), 0, "{}", stderr(&o));
    assert!(stdout(&o).contains("has a hardware form"));
}

#[test]
fn run_prints_json_lines_of_the_documented_form() {
    let o = beeline(&["run", OBJECT, "--pcap", PCAP, "--maps", MAPS, "--json"]);
    assert_eq!(status(&o), 0, "{}", stderr(&o));
    let lines: Vec<serde_json::Value> =
        stdout(&o).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let packets = lines.iter().filter(|l| l["type"] == "packet").count();
    let summary = lines.last().unwrap();
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["packets"], packets);
    let first = &lines[0];
    assert_eq!(first["index"], 0);
    assert!(first["action"].as_str().unwrap().starts_with("XDP_"));
    assert_eq!(first["digest"].as_str().unwrap().len(), 16);
}

#[test]
fn equiv_on_two_engines_is_equal_and_writes_junit() {
    let junit = scratch("junit.xml", b"");
    let junit = junit.to_str().unwrap();
    let args = [
        "equiv",
        OBJECT,
        "--pcap",
        PCAP,
        "--maps",
        MAPS,
        "--engines",
        "interp,pipeline",
        "--junit",
        junit,
    ];
    let o = beeline(&args);
    assert_eq!(status(&o), 0, "{}", stderr(&o));
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"0\""), "{xml}");
}

#[test]
fn estimate_has_every_documented_field() {
    let o = beeline(&["estimate", OBJECT, "--json"]);
    assert_eq!(status(&o), 0, "{}", stderr(&o));
    let e: serde_json::Value = serde_json::from_str(&stdout(&o)).unwrap();
    for field in [
        "target",
        "program",
        "clock_mhz",
        "stages",
        "latency_cycles",
        "register_bits",
        "packets",
        "cycles",
        "cycles_per_packet",
        "mpps",
        "gbps",
        "line_rate_mpps",
        "stall_cycles",
        "lut",
        "ff",
        "bram36",
        "fmax_mhz",
        "area_source",
    ] {
        assert!(!e[field].is_null(), "{field} is missing: {e}");
    }
    assert_eq!(e["cycles_per_packet"], 1.0);
    assert_eq!(e["mpps"], 250.0);
}

#[test]
fn inspect_shows_every_form() {
    for emit in ["summary", "disasm", "cfg", "ir", "pipeline", "schedule"] {
        let o = beeline(&["inspect", OBJECT, "--emit", emit]);
        assert_eq!(status(&o), 0, "{emit}: {}", stderr(&o));
        assert!(!stdout(&o).is_empty(), "{emit}");
    }
    let dot = stdout(&beeline(&["inspect", OBJECT, "--emit", "cfg", "--format", "dot"]));
    assert!(dot.starts_with("digraph"), "{dot}");
    expect(&["inspect", OBJECT, "--emit", "ir", "--format", "dot"], 2, "has no --format dot");
}

#[test]
fn bad_objects_are_named() {
    let good = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(OBJECT)).unwrap();
    let try_bytes = |name: &str, bytes: &[u8]| {
        let path = scratch(name, bytes);
        let o = beeline(&["check", path.to_str().unwrap()]);
        assert_eq!(status(&o), 2, "{name}: {}", stderr(&o));
        assert!(stderr(&o).contains(name), "{name}: {}", stderr(&o));
        assert!(!stderr(&o).contains("panicked"), "{name}: {}", stderr(&o));
    };
    try_bytes("empty.o", b"");
    try_bytes("truncated.o", &good[..good.len() / 2]);
    try_bytes("header.o", &good[..40]);
    try_bytes("text.o", b"int main(void) { return 0; }");
    let patched = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    try_bytes("elf32.o", &patched(4, 1));
    try_bytes("big_endian.o", &patched(5, 2));
    try_bytes("x86.o", &patched(18, 62));
    expect(&["check", "no/such/file.o"], 2, "no/such/file.o");
    expect(&["check", OBJECT, "--program", "nobody"], 2, "nobody");
    expect(&["check", OBJECT, "--map-entries", "nomap=4"], 2, "nomap");
    expect(&["check", OBJECT, "--map-entries", "x"], 2, "NAME=N");
}

#[test]
fn bad_captures_are_named_and_an_empty_one_is_fine() {
    let good = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(PCAP)).unwrap();
    let run = |name: &str, bytes: &[u8], code: i32, text: &str| {
        let path = scratch(name, bytes);
        expect(&["run", OBJECT, "--pcap", path.to_str().unwrap()], code, text);
    };
    run("cut.pcap", &good[..good.len() - 7], 2, "truncated after packet");
    run("magic.pcap", b"not a capture at all", 2, "not a pcap");
    let mut wifi = good.clone();
    wifi[20] = 105;
    run("wifi.pcap", &wifi, 2, "only Ethernet");
    run("none.pcap", &good[..24], 0, "");
    let none = Path::new(env!("CARGO_TARGET_TMPDIR")).join("none.pcap");
    let none = none.to_str().unwrap();
    let o = beeline(&["equiv", OBJECT, "--pcap", none, "--engines", "interp,pipeline"]);
    assert_eq!(status(&o), 0, "{}", stderr(&o));
    let o = beeline(&["estimate", OBJECT, "--pcap", none]);
    assert_eq!(status(&o), 0, "{}", stderr(&o));
}

#[test]
fn bad_map_files_name_map_and_entry() {
    let run = |name: &str, text: &str, expected: &str| {
        let path = scratch(name, text.as_bytes());
        expect(&["run", OBJECT, "--pcap", PCAP, "--maps", path.to_str().unwrap()], 2, expected);
    };
    run("size.json", r#"{"flows4":[{"key":"00","value":"00"}]}"#, "map flows4, entry 0");
    run("name.json", r#"{"flows9":[]}"#, "the program has no such map");
    run("syntax.json", r#"{"flows4":"#, "not valid JSON");
}

#[test]
fn bad_usage_ends_with_status_2() {
    expect(&["run", OBJECT, "--pcap", PCAP, "--engine", "warp"], 2, "the engines are");
    expect(&["compile", OBJECT, "--target", "vhdl", "-o", "x"], 2, "invalid value");
    expect(&["check", OBJECT, "--target", "verilog", "--device", "nowhere"], 2, "xcup, ecp5");
    assert_eq!(status(&beeline(&[])), 2);
}

#[test]
fn compile_writes_a_whole_directory_or_nothing() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fw-out");
    let _ = std::fs::remove_dir_all(&dir);
    let out = dir.to_str().unwrap();
    for _ in 0..2 {
        let o = beeline(&["compile", OBJECT, "--target", "verilog", "-o", out]);
        assert_eq!(status(&o), 0, "{}", stderr(&o));
        assert!(dir.read_dir().unwrap().count() > 5);
    }
    // A directory that somebody else filled is not touched.
    let foreign = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    std::fs::create_dir_all(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.txt"), "mine").unwrap();
    let o = beeline(&["compile", OBJECT, "--target", "verilog", "-o", foreign.to_str().unwrap()]);
    assert_eq!(status(&o), 2, "{}", stderr(&o));
    assert_eq!(std::fs::read_to_string(foreign.join("thesis.txt")).unwrap(), "mine");
    // A program that is rejected leaves no directory behind.
    let absent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("absent");
    let o = beeline(&[
        "compile",
        OBJECT,
        "--target",
        "verilog",
        "--clock-mhz",
        "2000",
        "-o",
        absent.to_str().unwrap(),
    ]);
    assert_eq!(status(&o), 1, "{}", stderr(&o));
    assert!(!absent.exists());
}
