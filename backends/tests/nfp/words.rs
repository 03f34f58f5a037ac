//! Words: round trip, check bits, and the public disassembler's reading of them.

use crate::forms;
use beeline_backends::nfp::decode::decode;
use beeline_backends::nfp::encode::encode;
use expect_test::{expect, expect_file};
use std::process::Command;

fn words() -> Vec<u64> {
    forms::all().iter().filter_map(|insn| encode(insn).ok()).collect()
}

#[test]
fn every_form_reads_back() {
    let mut good = 0;
    for insn in forms::all() {
        let Ok(word) = encode(&insn) else { continue };
        assert_eq!(word >> 45, 0, "{insn:?}");
        assert_eq!(decode(word), Some(insn), "{word:x}");
        good += 1;
    }
    assert!(good > 20_000, "{good} forms have words");
}

#[test]
fn other_words_are_no_instructions_or_read_back() {
    // Every word one bit away from a good one.
    for word in words().into_iter().step_by(97) {
        for bit in 0..45 {
            let other = word ^ 1 << bit;
            if let Some(insn) = decode(other) {
                assert_eq!(encode(&insn), Ok(other), "{insn:?}");
            }
        }
    }
}

#[test]
fn rules_of_the_hardware_are_kept() {
    let mut reasons: Vec<String> =
        forms::all().iter().filter_map(|i| encode(i).err()).map(|e| e.to_string()).collect();
    reasons.sort();
    reasons.dedup();
    expect![[r#"
        a constant of a command is out of range
        a register of the other bank cannot stand here
        a source in the destination's bank cannot stand here
        both sources are constants
        both sources are in bank A
        both sources are in bank B
        both sources are local memory
        both sources are transfer registers
        local memory pointer 2 or 3 cannot stand here
        no destination cannot stand here
        the number of defer slots is out of range
        the shift of a constant is out of range
        this destination cannot stand here"#]]
    .assert_eq(&reasons.join("\n"));
}

/// `word<TAB>text` for every word, by our disassembler.
fn ours(words: &[u64]) -> String {
    let line = |w: &u64| match decode(*w) {
        Some(insn) => format!("{w:x}\t{insn}\n"),
        None => format!("{w:x}\t?\n"),
    };
    words.iter().map(line).collect()
}

/// The file was compared with binutils by the test below when it was made.
#[test]
fn listing_is_as_recorded() {
    let some: Vec<u64> = words().into_iter().step_by(61).collect();
    expect_file!["listing.txt"].assert_eq(&ours(&some));
}

/// An object file of the flow processor with one section of code.
fn object(words: &[u64]) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.text\0.shstrtab\0";
    const MACHINE: u16 = 250;
    const FLAGS_6000: u32 = 0x6000 << 8;
    let code: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let sections = (64 + code.len() + NAMES.len()).next_multiple_of(8);
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend([1_u16, MACHINE].iter().flat_map(|x| x.to_le_bytes()));
    out.extend(1_u32.to_le_bytes());
    out.extend([0, 0, sections as u64].iter().flat_map(|x: &u64| x.to_le_bytes()));
    out.extend(FLAGS_6000.to_le_bytes());
    out.extend([64_u16, 0, 0, 64, 3, 2].iter().flat_map(|x| x.to_le_bytes()));
    out.extend(&code);
    out.extend(NAMES);
    out.resize(sections + 64, 0);
    let mut section = |name: u32, kind: u32, flags: u64, at: usize, size: usize| {
        out.extend([name, kind].iter().flat_map(|x| x.to_le_bytes()));
        let rest = [flags, 0, at as u64, size as u64, 0, 8, 0];
        out.extend(rest.iter().flat_map(|x| x.to_le_bytes()));
    };
    section(1, 1, 6, 64, code.len());
    section(7, 3, 0, 64 + code.len(), NAMES.len());
    out
}

/// GNU objdump for the flow processor reads every word as we do. Debian has its source (package `binutils-source`, configured with
/// `--target=nfp-elf`); without the tool the test is skipped.
#[test]
fn text_is_that_of_binutils() {
    let tool = std::env::var("NFP_OBJDUMP").unwrap_or_else(|_| "nfp-elf-objdump".into());
    let words = words();
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("forms.nffw");
    std::fs::write(&path, object(&words)).expect("a test can write its file");
    let Ok(run) = Command::new(&tool).args(["-d", "-M", "ctx4,no-pc"]).arg(&path).output() else {
        eprintln!("skipped: no {tool}");
        return;
    };
    let theirs = String::from_utf8_lossy(&run.stdout).into_owned();
    let theirs: Vec<&str> = theirs.lines().filter_map(|l| l.splitn(3, '\t').nth(2)).collect();
    assert_eq!(theirs.len(), words.len(), "{}", String::from_utf8_lossy(&run.stderr));
    for (line, theirs) in ours(&words).lines().zip(theirs) {
        let (word, ours) = line.split_once('\t').expect("made with a tab");
        assert_eq!(ours, theirs.trim_end(), "{word}");
    }
}
