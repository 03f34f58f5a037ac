//! The committed objects in their compiled forms: what a program has of these does what the bytecode does, and every reason why it
//! has no hardware form is a diagnostic with a way out.

use crate::compile::{committed, folder};
use crate::judge::Trial;
use crate::workload::{Case, CASES};
use std::collections::BTreeSet;

/// Codes that say why `case` has no hardware form; none if it has one.
fn refusals(case: &Case) -> Result<BTreeSet<&'static str>, String> {
    let bytes = std::fs::read(committed(case.name)).unwrap();
    let trial = Trial { case, workload: (case.workload)(), kernel: false };
    let all = trial.forms(&bytes)?;
    for d in &all {
        assert!(
            d.at.pc.is_some() || d.help.is_some(),
            "{}: neither place nor way out: {d}",
            case.name
        );
    }
    Ok(all.iter().map(|d| d.code).collect())
}

#[test]
fn hardware_forms_are_as_documented() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut wrong = Vec::new();
    for case in CASES {
        let codes: Vec<&str> = match refusals(case) {
            Ok(codes) => codes.into_iter().collect(),
            Err(what) => {
                wrong.push(format!("{}: {what}", case.name));
                continue;
            }
        };
        let cell = if codes.is_empty() { "yes" } else { "no" };
        let row = readme.lines().find(|l| l.starts_with(&format!("| `{}` |", case.name))).unwrap();
        if !row.ends_with(&format!("| {cell} |")) {
            wrong.push(format!("{}: {cell} ({})", case.name, codes.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "different, or not as README.md says:\n{}", wrong.join("\n"));
}
