//! `docs/diagnostics.md` lists every code of the object reader and the decoder, and no other.

use std::collections::BTreeSet;
use std::path::Path;

fn codes(text: &str, start: &str) -> BTreeSet<String> {
    let found = text.match_indices(start).filter_map(|(at, _)| text.get(at..at + start.len() + 2));
    let digits = |s: &str| s.bytes().rev().take(2).all(|b| b.is_ascii_digit());
    found.filter(|s| digits(s)).map(String::from).collect()
}

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else {
            *text += &std::fs::read_to_string(path).expect("a source file");
        }
    }
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut source, docs) = (String::new(), root.join("../docs/diagnostics.md"));
    sources(&root.join("src"), &mut source);
    let docs = std::fs::read_to_string(docs).unwrap();
    for start in ["BL01", "BL02"] {
        let used = codes(&source, &format!("\"{start}"));
        let used: BTreeSet<_> = used.iter().map(|c| c.trim_matches('"').to_string()).collect();
        let listed = codes(&docs, &format!("| {start}"));
        let listed: BTreeSet<_> = listed.iter().map(|c| c.replace("| ", "")).collect();
        assert!(!used.is_empty());
        assert_eq!(used, listed);
    }
}
