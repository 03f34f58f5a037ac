//! The disassembler against committed text and, where it is installed, against `llvm-objdump`.

mod support;

use beeline_frontend::decode::{decode, RawInsn};
use beeline_frontend::{disasm, Insn, Pc};
use expect_test::expect_file;
use std::process::Command;

#[test]
fn every_opcode_of_llvm_as_text() {
    let program = support::object("opcodes.o").program(None).unwrap();
    expect_file!["objects/opcodes.txt"].assert_eq(&disasm::program(&program));
}

/// A line of `llvm-objdump -d`: slot, bytes and text without the ` <label>` behind a jump.
fn parse_line(line: &str) -> Option<(usize, Vec<u8>, String)> {
    let mut columns = line.split('\t');
    let slot = columns.next()?.trim().strip_suffix(':')?.parse().ok()?;
    let bytes = columns.next()?.split_whitespace();
    let bytes = bytes.map(|b| u8::from_str_radix(b, 16).ok()).collect::<Option<_>>()?;
    let text = columns.next()?;
    let label = text.rfind(" <").filter(|_| text.ends_with('>'));
    Some((slot, bytes, text[..label.unwrap_or(text.len())].to_string()))
}

fn objdump(object: &str, further: &[&str]) -> Option<String> {
    let path = support::folder().join(object);
    let candidates = ["llvm-objdump-19", "llvm-objdump"];
    for tool in candidates {
        let version = Command::new(tool).arg("--version").output();
        if !version.is_ok_and(|v| String::from_utf8_lossy(&v.stdout).contains("LLVM version 19")) {
            continue;
        }
        let run = Command::new(tool).arg("-d").args(further).arg(&path).output().ok()?;
        assert!(run.status.success());
        return String::from_utf8(run.stdout).ok();
    }
    None
}

#[test]
fn the_same_text_as_llvm_objdump() {
    let mut compared = 0;
    for object in ["plain.o", "calls.o", "data.o", "maps.o", "legacy.o", "several.o", "opcodes.o"] {
        let Some(plain) = objdump(object, &[]) else {
            eprintln!("skipped: no llvm-objdump of version 19 on PATH");
            return;
        };
        // For v4, objdump names 32-bit registers in loads and stores; we name 64-bit ones, as it does by default.
        let v4 = objdump(object, &["--mcpu=v4"]).expect("it ran before");
        let mut section: Vec<(usize, String, Vec<u8>)> = Vec::new();
        let lines = plain.lines().zip(v4.lines()).chain([("Disassembly of section", "")]);
        for (line, line_v4) in lines {
            if line.starts_with("Disassembly of section") {
                compared += compare(&section, object);
                section.clear();
            } else if let (Some((slot, bytes, text)), Some((_, _, text_v4))) =
                (parse_line(line), parse_line(line_v4))
            {
                let load_or_store = matches!(bytes[0] & 0xe7, 0x61 | 0x63);
                let text = if load_or_store { text } else { text_v4 };
                section.push((slot, text, bytes));
            }
        }
    }
    assert!(compared > 200, "{compared} instructions compared");
}

fn compare(section: &[(usize, String, Vec<u8>)], object: &str) -> usize {
    let bytes: Vec<u8> = section.iter().flat_map(|(_, _, b)| b.clone()).collect();
    let insns = decode(&RawInsn::slots(&bytes)).expect("code of a compiler");
    for (slot, expected, _) in section {
        let ours = disasm::text(Pc(*slot as u32), &insns[*slot]);
        assert_eq!(&ours, expected, "{object}, slot {slot}");
    }
    assert_eq!(insns.iter().filter(|i| **i != Insn::Imm64Tail).count(), section.len());
    section.len()
}
