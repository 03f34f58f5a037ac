//! The committed objects as hardware: each compiles, or every reason why it does not is a diagnostic with a way out.

use crate::compile::{committed, folder};
use crate::workload::{Case, CASES};
use beeline_frontend::{load, verifier};
use beeline_testbench::flow::{self, CompileError, Options};
use std::collections::BTreeSet;

/// Codes that say why `case` has no hardware form; none if it has one.
fn refusals(case: &Case) -> BTreeSet<&'static str> {
    let bytes = std::fs::read(committed(case.name)).unwrap();
    let object = load(&bytes, case.name).unwrap();
    let program = match object.program(case.entry) {
        Ok(program) => program,
        Err(e) => return e.diagnostics().iter().map(|d| d.code).collect(),
    };
    let program =
        verifier::verify(program).unwrap_or_else(|all| panic!("{}: {}", case.name, all[0]));
    match flow::compile(&program, &Options::default()) {
        Ok(_) => BTreeSet::new(),
        Err(CompileError::Rejected(all)) => {
            assert!(!all.is_empty(), "{}: refused without a reason", case.name);
            for d in &all {
                assert!(
                    d.at.pc.is_some() || d.help.is_some(),
                    "{}: neither place nor way out: {d}",
                    case.name
                );
            }
            all.iter().map(|d| d.code).collect()
        }
        Err(other) => panic!("{}: {other:?}", case.name),
    }
}

#[test]
fn hardware_forms_are_as_documented() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut wrong = Vec::new();
    for case in CASES {
        let codes: Vec<&str> = refusals(case).into_iter().collect();
        let cell = if codes.is_empty() { "yes" } else { "no" };
        let row = readme.lines().find(|l| l.starts_with(&format!("| `{}` |", case.name))).unwrap();
        if !row.ends_with(&format!("| {cell} |")) {
            wrong.push(format!("{}: {cell} ({})", case.name, codes.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "README.md does not say so:\n{}", wrong.join("\n"));
}
