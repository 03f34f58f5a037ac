//! A small program whose output is reviewed text. `BEELINE_BLESS=1 cargo test` rewrites it; review the change as code.

use crate::tools;
use beeline_backends::verilog::{emit, Design, Options};
use beeline_ir::hash;
use beeline_ir::text::parse_staged;
use beeline_ir::validate::validate_staged;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verilog")
}

fn design(name: &str) -> Design {
    let text = fs::read_to_string(here().join(format!("{name}.ir"))).unwrap();
    let object = format!("/some/where/{name}.o");
    emit_text(&text, Options { object, ..Options::default() })
}

/// The design of a staged program in textual form.
pub fn emit_text(text: &str, options: Options) -> Design {
    let staged = validate_staged(parse_staged(text).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    emit(&staged, &options).unwrap()
}

/// Compares everything but the library cells with the files in the directory `name`.
fn check_golden(name: &str) -> Design {
    let design = design(name);
    let dir = here().join(name);
    let bless = std::env::var_os("BEELINE_BLESS").is_some();
    let cells: Vec<&str> = beeline_hdl::cells().iter().map(|(file, _)| *file).collect();
    for (file, text) in design.files.iter().filter(|(file, _)| !cells.contains(&file.as_str())) {
        let path = dir.join(file);
        if bless {
            fs::create_dir_all(&dir).unwrap();
            fs::write(&path, text).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(expected == *text, "{} differs; found:\n{text}", path.display());
    }
    design
}

#[test]
fn acl() {
    let design = check_golden("acl");
    let again = self::design("acl");
    assert_eq!(design, again);
    tools::lint(&design);
}

#[test]
fn options() {
    let design = check_golden("options");
    tools::lint(&design);
}

/// A table that packets change, two gates, changes that come late, copies of a memory.
#[test]
fn meter() {
    let design = check_golden("meter");
    tools::lint(&design);
}

/// Bytes 6 and 7 are new in the stage, 8 and 9 hold the first store's upper half unless the second one happens.
#[test]
fn a_store_keeps_what_an_earlier_one_wrote() {
    let design = design("overlap");
    let (_, stage) = design.files.iter().find(|(f, _)| f.ends_with("stage_01.sv")).unwrap();
    assert!(stage.contains("in.longer ? 16'h5566 : 16'h3344;"), "{stage}");
    tools::lint(&design);
}

#[test]
fn acl_works_as_a_whole() {
    let design = design("acl");
    let files = tools::write_sources(&design, &tools::work_dir("acl_sources"));
    let Some(binary) = crate::bench::build("acl", "acl", &files, include_str!("acl.cpp")) else {
        return;
    };
    let depth = hash::bank_depth_log2(64);
    for bank in [0, 3] {
        let slot = bank << depth | hash::h3_index(bank, &[2, 0, 0, 0, 0, 7], depth);
        assert_eq!(tools::run(Command::new(&binary).arg(slot.to_string())), "ok\n");
    }
}

#[test]
fn yosys_takes_it() {
    let Some(yosys) = tools::yosys() else { return };
    let xilinx = "synth_xilinx -family xcup -flatten -noiopad -noclkbuf";
    for (name, synthesis) in [("acl", xilinx), ("options", "synth_ecp5")] {
        let design = design(name);
        let dir = tools::work_dir(&format!("yosys_{name}"));
        let files = tools::write_sources(&design, &dir);
        let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        let (files, top) = (files.join(" "), &design.top);
        let script = format!("read_verilog -sv {files}; {synthesis} -top {top}; check -assert");
        tools::run(&mut yosys.command(&script));
    }
}
