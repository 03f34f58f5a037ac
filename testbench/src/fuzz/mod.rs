//! Entries for fuzzing: what a fuzzer hands bytes to, for everything that a user can hand to Beeline.
//!
//! Each [`Target`] takes any bytes and must come back soon, without a panic and without much memory. The same list
//! serves the coverage-guided runs (`testbench/fuzz`, libFuzzer) and the short run with fixed numbers in the tests. `docs/fuzzing.md`
//! says how to run them and what they found.

pub mod bytecode;
mod mutate;
mod text;
mod tree;

pub use mutate::{mutate, mutate_slots};

use beeline_frontend::btf::{Btf, BtfExt, StrId, TypeId};
use beeline_frontend::{encode, load};
use std::path::Path;

/// Something that reads bytes from outside.
pub struct Target {
    /// Name, also of its folder of inputs.
    pub name: &'static str,
    /// Takes any bytes; a panic is a defect.
    pub run: fn(&[u8]),
    /// Sound inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longest input worth trying.
    pub max_len: usize,
    /// The first byte of the instruction slots in an input, where it has them.
    pub slots_at: Option<fn(&[u8]) -> usize>,
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    target("elf", elf, tree::objects, 8 << 10),
    target("btf", btf, tree::btf, 8 << 10),
    Target {
        slots_at: Some(bytecode::slots_at),
        ..target("bytecode", bytecode::software, bytecode::seeds, 768)
    },
    Target {
        slots_at: Some(bytecode::slots_at),
        ..target("hardware", bytecode::hardware, bytecode::seeds, 512)
    },
    target("capture", capture, tree::captures, 4 << 10),
    target("map_file", text::map_file, text::map_files, 4 << 10),
    target("ir_text", text::ir, text::ir_texts, 8 << 10),
    target("device", text::device, text::devices, 1 << 10),
];

const fn target(
    name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
    max_len: usize,
) -> Target {
    Target { name, run, seeds, max_len, slots_at: None }
}

impl Target {
    /// The target of that name.
    pub fn named(name: &str) -> Option<&'static Target> {
        const ALL: &[Target] = &TARGETS;
        ALL.iter().find(|t| t.name == name)
    }
}

/// Programs of one object that are linked.
const MAX_PROGRAMS: usize = 8;

/// An object file: loaded, and each program linked.
fn elf(data: &[u8]) {
    let object = match load(data, "fuzz.o") {
        Ok(object) => object,
        Err(e) => {
            assert!(!e.diagnostics().is_empty(), "a refusal without a reason");
            return;
        }
    };
    let names = object.programs.iter().map(|p| Some(p.name.as_str()));
    for name in names.take(MAX_PROGRAMS).chain([None]) {
        match object.program(name) {
            Ok(program) => {
                assert_eq!(program.lines.len(), program.insns.len());
                assert_eq!(encode::encode(&program.insns).len(), program.insns.len());
            }
            Err(e) => assert!(!e.diagnostics().is_empty(), "a refusal without a reason"),
        }
    }
}

/// Raw BTF, and the `.BTF.ext` that belongs to it: two bytes of length, then the one, then the other.
fn btf(data: &[u8]) {
    let Some((len, rest)) = data.split_first_chunk() else { return };
    let (types, ext) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
    let Ok(btf) = Btf::parse(types) else { return };
    for id in (0..btf.types().len() as u32 + 2).map(TypeId) {
        btf.name(id);
        btf.resolve(id);
        btf.size_of(id);
    }
    btf.str(StrId(u32::MAX));
    btf.section_vars(".maps");
    let Ok(ext) = BtfExt::parse(ext, &btf) else { return };
    for (section, lines) in &ext.lines {
        for line in lines {
            line.source_line(&btf);
            ext.line_at(section, 0, u64::from(line.offset) + 1);
        }
    }
}

/// A capture, pcap or pcapng.
fn capture(data: &[u8]) {
    match crate::capture::parse(data, Path::new("fuzz.pcap")) {
        Ok(trace) => {
            let total: usize = trace.packets.iter().map(|p| p.bytes.len()).sum();
            assert!(total <= data.len(), "packets out of nothing");
        }
        Err(e) => assert!(!e.to_string().is_empty(), "a refusal without a reason"),
    }
}
