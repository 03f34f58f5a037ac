//! A linked program: one XDP entry with the functions it reaches, relocations resolved.

use crate::insn::{Insn, Pc};
use beeline_ir::diagnostic::{Place, SourceLine};
use beeline_ir::map::MapKind;

/// A map definition of the object file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapDef {
    /// Name; global data sections are named as libbpf does without the object prefix (`.rodata`, `.data`, `.bss`).
    pub name: String,
    /// Kind.
    pub kind: MapKind,
    /// Key size in bytes.
    pub key_size: u32,
    /// Value size in bytes.
    pub value_size: u32,
    /// Number of entries.
    pub max_entries: u32,
    /// `map_flags`.
    pub flags: u32,
    /// Initial content of the only value, for global data.
    pub initial: Option<Vec<u8>>,
    /// Read-only for the program and the host (`.rodata`).
    pub frozen: bool,
    /// Inner map template, for maps in maps.
    pub inner: Option<Box<MapDef>>,
    /// `.values` initialisers: slot, and the name of the program or map in it.
    pub values: Vec<(u32, String)>,
}

/// A function of a linked program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subprog {
    /// Symbol name.
    pub name: String,
    /// First slot.
    pub start: Pc,
    /// Slot after the last.
    pub end: Pc,
    /// Global (externally visible) function: Linux verifies it on its own.
    pub global: bool,
}

/// A linked program. `insns[pc]` is the instruction in slot `pc`; the entry function is first, at slot 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Symbol name of the entry function.
    pub name: String,
    /// ELF section it came from.
    pub section: String,
    /// True for `xdp.frags` sections.
    pub frags: bool,
    /// Slots.
    pub insns: Vec<Insn>,
    /// Functions, ascending by `start`; the first is the entry.
    pub subprogs: Vec<Subprog>,
    /// BTF line info for each slot (the last record at or before it within its function).
    pub lines: Vec<Option<SourceLine>>,
    /// Maps that the instructions refer to by index: all maps of the object, in file order.
    pub maps: Vec<MapDef>,
    /// Kernel functions called, by name.
    pub kfuncs: Vec<String>,
    /// License string, if the object has one.
    pub license: Option<String>,
    /// Path or name of the object file, for messages.
    pub object: String,
    /// Names of the object's XDP programs, in file order. The value of a `PROG_ARRAY` entry is a position in this list.
    pub xdp_programs: Vec<String>,
}

impl Program {
    /// The function that slot `pc` belongs to.
    pub fn subprog_at(&self, pc: Pc) -> Option<&Subprog> {
        self.subprogs.iter().find(|s| s.start <= pc && pc < s.end)
    }

    /// Where `pc` stands, for a diagnostic: program, disassembly, C line.
    pub fn place(&self, pc: Pc) -> Place {
        Place {
            object: Some(self.object.clone()),
            program: Some(self.name.clone()),
            pc: Some(pc.0),
            insn: self.insns.get(pc.index()).map(|i| crate::disasm::insn(self, pc, i)),
            line: self.lines.get(pc.index()).cloned().flatten(),
        }
    }
}
