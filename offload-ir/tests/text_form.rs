//! The textual form: what is printed parses back to the same text, errors name their place.

#![allow(clippy::unwrap_used)] // a test

mod support;

use beeline_ir::text::{parse_function, parse_pipeline, parse_staged, ParseError};

/// Parses whichever form `text` is and prints it again.
fn reprint(text: &str) -> Result<String, ParseError> {
    let keyword = text.lines().find(|l| !l.starts_with(';')).unwrap_or("");
    match keyword.split(' ').next() {
        Some("pipeline") => parse_pipeline(text).map(|p| p.to_string()),
        Some("staged") => parse_staged(text).map(|p| p.to_string()),
        _ => parse_function(text).map(|p| p.to_string()),
    }
}

#[test]
fn files_round_trip() {
    let mut failures = Vec::new();
    for (path, text) in support::files("text") {
        let (comments, body) = text.split_at(text.find("\n\n").map_or(0, |n| n + 2));
        let printed = reprint(body).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(reprint(&printed).as_deref(), Ok(printed.as_str()), "{}", path.display());
        support::expect_file(&path, &text, &format!("{comments}{printed}"), &mut failures);
    }
    support::finish(&failures);
}

fn error_of(text: &str) -> String {
    reprint(text).expect_err("an error").to_string()
}

#[test]
fn errors_name_line_and_column() {
    let cases = [
        ("", "1:1: expected `function`, found the end of the text"),
        ("function f {\n}", "2:2: a function needs a block"),
        ("function f {\nb0:\n  v0 = const.i65 1\n", "3:14: integers have 1 to 64 bits"),
        ("function f {\nb0:\n  v0 = frob.i8 v1\n", "3:8: `frob` is not an operation"),
        (
            "function f {\nb0:\n  v0 = add.i8 v1, v1\n  unreachable\n}",
            "3:15: v1 is used but not defined",
        ),
        ("function f {\nb0:\n  v0 = const.i8 1\n  v0 = const.i8 1\n", "4:3: v0 is defined twice"),
        ("function f {\nb0:\n  jump b7\n}", "3:8: b7 is used but not defined"),
        ("function f {\nb0:\n  v9999999 = const.i8 1\n", "3:3: numbers go up to 1048575"),
        (
            "function f {\nb0:\n  v0 = const.i8 99999999999999999999\n",
            "3:17: `99999999999999999999` does not fit 64 bits",
        ),
        ("function f {\nb0:\n  v0 = map_lookup.m0 (v0)\n", "3:19: m0 is not declared"),
        ("function f {\nb0:\n  v0 = const.i8 1 @src0\n", "3:20: src0 is not declared"),
        ("function f {\nb0:\n  const.i8 1\n", "3:3: this operation needs a result, `vN = …`"),
        ("function \"f", "1:10: the string does not end on its line"),
        ("function f {\nb0:\n  unreachable\n} x", "4:3: expected the end of the text, found `x`"),
    ];
    for (text, error) in cases {
        assert_eq!(error_of(text), error, "for {text:?}");
    }
}

#[test]
fn cut_and_changed_texts_never_panic() {
    for (_, text) in support::files("text") {
        for cut in (0..text.len()).filter(|n| text.is_char_boundary(*n)) {
            let _ = reprint(&text[..cut]);
            let changed = text[..cut].to_string() + "}" + text.get(cut + 1..).unwrap_or("");
            let _ = reprint(&changed);
        }
    }
}

/// The example in the crate's page is what it claims to be.
#[test]
fn the_example_of_the_specification_is_valid() {
    let page = include_str!("../src/lib.rs");
    let lines = page.lines().filter_map(|l| l.strip_prefix("//!"));
    let example =
        lines.skip_while(|l| !l.contains("function count {")).take_while(|l| !l.contains("```"));
    let text: String = example.map(|l| format!("{}\n", l.strip_prefix(' ').unwrap_or(l))).collect();
    let func = parse_function(&text).unwrap();
    let valid = beeline_ir::validate::validate_function(func).unwrap();
    assert!(valid.to_string().contains("atomic_add"));
}
