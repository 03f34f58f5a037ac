//! Files that cannot be used: one message each, with code, place, way out and exit status.

mod support;

use beeline_frontend::{load, Object};
use support::{bytes, object, refusal, section};

fn refused(file: &[u8], expected: (&str, i32), part: &str) {
    let (code, exit, text) = refusal(load(file, "x.o"));
    assert_eq!((code, exit), expected, "{text}");
    assert!(text.contains(part), "{text}");
}

#[test]
fn not_an_object() {
    refused(b"", ("BL0101", 2), "the file is empty");
    refused(b"int main() {}", ("BL0101", 2), "not an ELF file");
    refused(b"BC\xc0\xde1234", ("BL0101", 2), "bitcode");
    refused(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], ("BL0101", 2), "packet capture");
    refused(b"\x7fELF", ("BL0102", 2), "ends inside the ELF header");
}

#[test]
fn other_elf_files() {
    let patched = |at: usize, with: &[u8]| {
        let mut file = bytes("plain.o");
        file[at..at + with.len()].copy_from_slice(with);
        file
    };
    refused(&patched(4, &[1]), ("BL0103", 2), "32-bit");
    refused(&patched(5, &[2]), ("BL0104", 2), "big-endian");
    refused(&patched(18, &[62, 0]), ("BL0105", 2), "x86-64");
    refused(&patched(16, &[2, 0]), ("BL0106", 2), "relocatable");
}

#[test]
fn truncated() {
    let file = bytes("plain.o");
    for len in [20, 63, 64, 100, file.len() / 2, file.len() - 1] {
        refused(&file[..len], ("BL0102", 2), "");
    }
}

#[test]
fn unknown_relocation() {
    let mut file = bytes("plain.o");
    let (at, _) = section(&file, ".relxdp");
    file[at + 8] = 77;
    refused(&file, ("BL0111", 2), "unknown relocation type 77");
}

#[test]
fn relocation_to_nothing() {
    let mut file = bytes("plain.o");
    let (at, _) = section(&file, ".relxdp");
    file[at + 12..at + 16].copy_from_slice(&9999u32.to_le_bytes());
    refused(&file, ("BL0112", 2), "does not exist");
}

/// Loads a file that is damaged only where linking looks.
fn loaded(file: &[u8]) -> Object {
    load(file, "x.o").unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn relocation_of_an_instruction_that_takes_none() {
    let mut file = bytes("plain.o");
    let (at, _) = section(&file, ".relxdp");
    file[at..at + 8].copy_from_slice(&0u64.to_le_bytes());
    let (code, exit, text) = refusal(loaded(&file).program(None));
    assert_eq!((code, exit), ("BL0112", 2));
    assert!(text.contains("section xdp at byte 0x0"), "{text}");
}

#[test]
fn call_to_the_middle_of_a_function() {
    let mut file = bytes("calls.o");
    let (at, _) = section(&file, "xdp");
    file[at + 20] = 5; // call 0xa becomes call 0x5
    let (code, exit, text) = refusal(loaded(&file).program(None));
    assert_eq!((code, exit), ("BL0121", 2), "{text}");
}

#[test]
fn btf() {
    for (patch, part) in [
        ((0, 0x12u8), "magic"),
        ((2, 9), "version 9"),
        ((4, 3), "header length"),
        ((12, 255), ""),
        ((15, 0x7f), "type table"),
        ((24 + 7, 0x1f), "kind 31"),
    ] {
        let mut file = bytes("plain.o");
        let (at, _) = section(&file, ".BTF");
        file[at + patch.0] = patch.1;
        refused(&file, ("BL0113", 2), part);
    }
    let mut file = bytes("plain.o");
    let (at, _) = section(&file, ".BTF.ext");
    file[at + 19] = 0x7f;
    refused(&file, ("BL0114", 2), "line info");
}

#[test]
fn maps_without_types() {
    let mut file = bytes("plain.o");
    let names = file.windows(5).position(|w| w == b".BTF\0").unwrap();
    file[names + 1] = b'X';
    refused(&file, ("BL0116", 2), "rebuild the object with -g");
}

#[test]
fn code_that_is_no_instructions() {
    let mut file = bytes("legacy.o");
    let (_, len) = section(&file, "prog");
    // The symbol table's entry is found by its size alone.
    let (table, table_len) = section(&file, ".symtab");
    let size = (len as u64).to_le_bytes();
    let at = file[table..table + table_len].windows(8).position(|w| w == size).unwrap();
    file[table + at] -= 4;
    refused(&file, ("BL0119", 2), "does not lie within");
}

#[test]
fn rejected_programs_show_every_fault_with_its_line() {
    let mut file = bytes("plain.o");
    let (at, _) = section(&file, "xdp");
    file[at] = 0xff;
    file[at + 8 + 3] = 0x7f; // a reserved or out-of-range offset
    let e = loaded(&file).program(None).unwrap_err();
    assert_eq!(e.exit_code(), 1);
    let first = &e.diagnostics()[0];
    assert_eq!((first.code, first.at.pc), ("BL0201", Some(0)));
    assert!(first.at.line.is_some() && first.at.insn.is_some());
}

#[test]
fn no_program() {
    let mut file = bytes("legacy.o");
    // The name is the tail of `.relprog`, whose own name does not matter.
    let names = file.windows(5).position(|w| w == b"prog\0").unwrap();
    file[names..names + 4].copy_from_slice(b"tc/x");
    let (code, exit, text) = refusal(loaded(&file).program(None));
    assert_eq!((code, exit), ("BL0107", 2));
    assert!(text.contains("filter (section tc/x)"), "{text}");
}

#[test]
fn undamaged_objects_are_fine() {
    for name in ["plain.o", "calls.o", "legacy.o"] {
        object(name).program(None).unwrap();
    }
}
