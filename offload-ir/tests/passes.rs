//! Each pass by itself, on files: what goes in, a line `---`, what comes out.
//!
//! A pass has a folder of its name. The input must be valid, and so must be what comes out.

#![allow(clippy::unwrap_used)] // a test

mod support;

use beeline_ir::passes::{Run, PASSES};
use beeline_ir::text::parse_function;
use beeline_ir::validate::check_function;

/// The text after the pass, or its diagnostics.
fn after(run: Run, input: &str) -> String {
    let mut func = parse_function(input).unwrap_or_else(|e| panic!("{e}\n{input}"));
    check_function(&func).unwrap_or_else(|e| panic!("{e}"));
    let result = match run {
        Run::Plain(run) => {
            run(&mut func);
            Ok(true)
        }
        Run::Budgeted(run) => run(&mut func, 1000),
    };
    check_function(&func).unwrap_or_else(|e| panic!("{e}"));
    match result {
        Ok(_) => func.to_string(),
        Err(problems) => problems.iter().map(|d| format!("{d}\n")).collect(),
    }
}

#[test]
fn files_come_out_as_expected() {
    let mut failures = Vec::new();
    for pass in PASSES {
        for (path, text) in support::files(&format!("passes/{}", pass.name)) {
            let (input, _) = text.split_once("---\n").unwrap_or((&text, ""));
            let actual = format!("{}\n\n---\n{}", input.trim_end(), after(pass.run, input));
            support::expect_file(&path, &text, &actual, &mut failures);
        }
    }
    support::finish(&failures);
}

#[test]
fn names_are_those_of_files_and_folders() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for pass in PASSES {
        assert!(root.join(format!("src/passes/{}.rs", pass.name)).exists(), "{}", pass.name);
    }
    for entry in std::fs::read_dir(root.join("tests/passes")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(PASSES.iter().any(|p| p.name == name), "tests/passes/{name} belongs to no pass");
    }
}
