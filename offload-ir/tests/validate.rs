//! The validators: each file holds a listing with the faults that are found, below what they are about.
//! (The comments of a listing are not read, so the file is its own input.)

#![allow(clippy::unwrap_used)] // a test

mod support;

use beeline_ir::text::{parse_function, parse_pipeline, parse_staged};
use beeline_ir::validate::{validate_function, validate_pipeline, validate_staged};

/// The marked listing of `text`; the text itself if it is valid.
fn marked(text: &str) -> String {
    let result = if text.starts_with("pipeline") {
        let p = parse_pipeline(text).unwrap();
        validate_pipeline(p).map(|p| p.to_string())
    } else if text.starts_with("staged") {
        let p = parse_staged(text).unwrap();
        validate_staged(p).map(|p| p.to_string())
    } else {
        let f = parse_function(text).unwrap();
        validate_function(f).map(|f| f.to_string())
    };
    result.unwrap_or_else(|faults| faults.listing)
}

#[test]
fn faults_are_marked_where_they_are() {
    let mut failures = Vec::new();
    for (path, text) in support::files("validate") {
        let (comments, body) = text.split_at(text.find("\n\n").map_or(0, |n| n + 2));
        support::expect_file(&path, &text, &format!("{comments}{}", marked(body)), &mut failures);
    }
    support::finish(&failures);
}

/// Every numbered invariant that a text can break has a file that breaks it.
#[test]
fn every_rule_has_a_file() {
    let all: String = support::files("validate").into_iter().map(|(_, text)| text).collect();
    let rules = [
        "O2", "O3", "O4", "O5", "O6", "O7", "O8", "F1", "F2", "F4", "F5", "F6", "P2", "P3", "P4",
        "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11",
    ];
    for rule in rules {
        assert!(all.contains(&format!("; ^ {rule}: ")), "no file breaks {rule}");
    }
}
