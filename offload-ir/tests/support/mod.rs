//! File tests: one idea per file, input and expected output in the file itself.

#![allow(dead_code)] // each test uses a part
//!
//! `BEELINE_BLESS=1 cargo test` rewrites the expectations; review the change as you review code.

pub mod generate;
pub mod run;

use std::fs;
use std::path::PathBuf;

/// Every `.ir` file in `tests/DIR`, by name.
pub fn files(dir: &str) -> Vec<(PathBuf, String)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(dir);
    let entries = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "ir"));
    paths.sort();
    assert!(!paths.is_empty(), "no tests in {}", dir.display());
    paths.into_iter().map(|p| (p.clone(), fs::read_to_string(&p).unwrap())).collect()
}

/// Compares what is in the file with what came out, or writes it there on request.
pub fn expect_file(path: &PathBuf, found: &str, actual: &str, failures: &mut Vec<String>) {
    if found == actual {
        return;
    }
    if std::env::var_os("BEELINE_BLESS").is_some() {
        fs::write(path, actual).unwrap();
    } else {
        failures.push(format!("{}:\n--- expected\n{found}\n--- found\n{actual}", path.display()));
    }
}

/// Ends a test that collected failures.
pub fn finish(failures: &[String]) {
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
