//! Every diagnostic code in the source is explained in `docs/`, and every code that is explained exists.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use std::collections::BTreeSet;
use std::path::Path;

/// Codes (`BL` and four digits) in `text`.
fn codes(text: &str) -> BTreeSet<String> {
    text.match_indices("BL0")
        .filter_map(|(at, _)| text.get(at..at + 6))
        .filter(|c| c[2..].bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_string)
        .collect()
}

/// Codes in the Rust files below `dir`.
fn codes_below(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes_below(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.extend(codes(&std::fs::read_to_string(path).unwrap()));
        }
    }
}

#[test]
fn the_documentation_lists_the_codes_of_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = BTreeSet::new();
    for krate in ["frontend", "offload-ir", "backends", "sim", "testbench", "hdl-templates"] {
        codes_below(&root.join(krate).join("src"), &mut source);
    }
    let mut documented = BTreeSet::new();
    for page in ["docs/diagnostics.md", "docs/verifier.md"] {
        documented.extend(codes(&std::fs::read_to_string(root.join(page)).unwrap()));
    }
    let missing: Vec<_> = source.difference(&documented).collect();
    assert!(missing.is_empty(), "not explained: {missing:?}");
    let stale: Vec<_> = documented.difference(&source).collect();
    assert!(stale.is_empty(), "explained, but gone: {stale:?}");
}
