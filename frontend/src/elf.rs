//! ELF container to [`Image`]: sections, symbols and relocations, checked, and nothing about BPF yet but the machine.

use crate::object::error::{
    file_error, within, BROKEN_ELF, BROKEN_RELOCATION, BYTE_ORDER, ELF_CLASS, ELF_TYPE,
    HELP_REBUILD, MACHINE, NOT_ELF, TOO_LARGE,
};
use beeline_ir::diagnostic::Diagnostic;
use object::elf as e;
use object::read::elf::ElfFile64;
use object::read::{
    Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags, RelocationTarget,
};
use object::{LittleEndian, SectionFlags, SymbolFlags};
use std::ops::Range;

/// Index of a section, as ELF counts.
pub(crate) type SectionId = usize;

/// A section.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub name: String,
    /// Where its bytes are in the file; empty for `.bss` and the like.
    pub file: Range<usize>,
    /// Size in memory.
    pub size: u64,
    /// Holds code.
    pub exec: bool,
    /// Has no bytes in the file (`.bss`).
    pub nobits: bool,
    pub relocs: Vec<Reloc>,
}

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SymbolKind {
    NoType,
    Object,
    Func,
    Section,
    Other,
}

/// A symbol.
#[derive(Clone, Debug)]
pub(crate) struct Symbol {
    pub name: String,
    pub kind: SymbolKind,
    /// Defining section; `None` for undefined, absolute and common symbols.
    pub section: Option<SectionId>,
    pub value: u64,
    pub size: u64,
    pub global: bool,
    pub weak: bool,
    /// Not visible outside the linked object (`STV_HIDDEN`, `STV_INTERNAL`).
    pub hidden: bool,
}

/// A relocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reloc {
    /// Byte in the section it applies to.
    pub offset: u64,
    pub kind: u32,
    pub symbol: usize,
    /// Addend beside the one that stands in the section (`SHT_RELA`).
    pub addend: i64,
}

/// A BPF object file, as sections and symbols. It owns the file's bytes.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub name: String,
    bytes: Vec<u8>,
    /// By [`SectionId`]; entry 0 is the null section.
    pub sections: Vec<Section>,
    /// By symbol index; entry 0 is the null symbol.
    pub symbols: Vec<Symbol>,
}

impl Image {
    pub(crate) fn data(&self, section: SectionId) -> &[u8] {
        self.sections.get(section).and_then(|s| self.bytes.get(s.file.clone())).unwrap_or(&[])
    }

    pub(crate) fn section_named(&self, name: &str) -> Option<SectionId> {
        self.sections.iter().position(|s| s.name == name)
    }

    /// Symbols defined in `section`, in the order of the symbol table.
    pub(crate) fn symbols_in(&self, section: SectionId) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(move |s| s.section == Some(section))
    }

    /// Reads an object file. `name` is used in messages.
    pub(crate) fn read(bytes: &[u8], name: &str) -> Result<Image, Diagnostic> {
        check_identity(bytes, name)?;
        let elf = ElfFile64::<LittleEndian>::parse(bytes).map_err(|e| broken(name, e))?;
        let mut image = Image {
            name: name.into(),
            bytes: bytes.to_vec(),
            sections: vec![null_section()],
            symbols: vec![null_symbol()],
        };
        image.read_symbols(&elf)?;
        image.read_sections(&elf)?;
        Ok(image)
    }

    fn read_symbols(&mut self, elf: &ElfFile64<'_, LittleEndian>) -> Result<(), Diagnostic> {
        let mut text_bytes = 0;
        for s in elf.symbols() {
            let name = s.name_bytes().map_err(|e| broken(&self.name, e))?;
            text_bytes += name.len();
            self.check_total(text_bytes, "symbol names")?;
            let SymbolFlags::Elf { st_info, st_other } = s.flags() else { continue };
            let symbol = Symbol {
                name: String::from_utf8_lossy(name).into_owned(),
                kind: match st_info & 0xf {
                    e::STT_NOTYPE => SymbolKind::NoType,
                    e::STT_OBJECT => SymbolKind::Object,
                    e::STT_FUNC => SymbolKind::Func,
                    e::STT_SECTION => SymbolKind::Section,
                    _ => SymbolKind::Other,
                },
                section: s.section_index().map(|i| i.0),
                value: s.address(),
                size: s.size(),
                global: st_info >> 4 != e::STB_LOCAL,
                weak: st_info >> 4 == e::STB_WEAK,
                hidden: matches!(st_other & 3, e::STV_HIDDEN | e::STV_INTERNAL),
            };
            let index = s.index().0;
            self.symbols.resize(index.max(self.symbols.len()), null_symbol());
            self.symbols.push(symbol);
        }
        Ok(())
    }

    fn read_sections(&mut self, elf: &ElfFile64<'_, LittleEndian>) -> Result<(), Diagnostic> {
        let (mut in_file, mut relocations) = (0, 0);
        for s in elf.sections() {
            let name = s.name_bytes().map_err(|e| broken(&self.name, e))?;
            let name = String::from_utf8_lossy(name).into_owned();
            let file = match s.file_range() {
                Some((start, len)) => self.file_range(&name, start, len)?,
                None => 0..0,
            };
            in_file += file.len();
            self.check_total(in_file, "sections")?;
            let flags = match s.flags() {
                SectionFlags::Elf { sh_flags } => sh_flags,
                _ => 0,
            };
            let (exec, index) = (flags & u64::from(e::SHF_EXECINSTR) != 0, s.index().0);
            let nobits = s.file_range().is_none();
            let mut section =
                Section { name, file, size: s.size(), exec, nobits, relocs: Vec::new() };
            for (offset, r) in s.relocations() {
                let reloc = self.reloc(&section.name, offset, &r)?;
                relocations += 1;
                self.check_total(relocations, "relocations")?;
                section.relocs.push(reloc);
            }
            section.relocs.sort_by_key(|r| r.offset);
            self.sections.resize(index.max(self.sections.len()), null_section());
            self.sections.push(section);
        }
        Ok(())
    }

    fn file_range(&self, name: &str, start: u64, len: u64) -> Result<Range<usize>, Diagnostic> {
        let end = start.checked_add(len).filter(|end| *end <= self.bytes.len() as u64);
        match end {
            Some(end) => Ok(start as usize..end as usize),
            None => Err(Diagnostic::error(
                BROKEN_ELF,
                format!("section `{name}` ends past the end of the file"),
            )
            .at(within(&self.name, format!("section {name}")))
            .help(HELP_REBUILD)),
        }
    }

    fn reloc(
        &self,
        section: &str,
        offset: u64,
        r: &object::read::Relocation,
    ) -> Result<Reloc, Diagnostic> {
        let kind = match r.flags() {
            RelocationFlags::Elf { r_type } => r_type,
            _ => 0,
        };
        match r.target() {
            RelocationTarget::Symbol(s) if s.0 < self.symbols.len() => {
                let addend = if r.has_implicit_addend() { 0 } else { r.addend() };
                Ok(Reloc { offset, kind, symbol: s.0, addend })
            }
            _ => Err(Diagnostic::error(
                BROKEN_RELOCATION,
                format!("relocation at byte 0x{offset:x} refers to a symbol that does not exist"),
            )
            .at(within(&self.name, format!("section {section}")))
            .help(HELP_REBUILD)),
        }
    }

    /// In a sound file no two tables overlap, so that what is read is never more than the file.
    fn check_total(&self, read: usize, what: &str) -> Result<(), Diagnostic> {
        if read <= self.bytes.len() {
            return Ok(());
        }
        let message = format!("{what} overlap: together they are larger than the file");
        Err(file_error(&self.name, BROKEN_ELF, message, HELP_REBUILD))
    }
}

fn null_section() -> Section {
    let name = String::new();
    Section { name, file: 0..0, size: 0, exec: false, nobits: true, relocs: Vec::new() }
}

fn null_symbol() -> Symbol {
    Symbol {
        name: String::new(),
        kind: SymbolKind::Other,
        section: None,
        value: 0,
        size: 0,
        global: false,
        weak: false,
        hidden: false,
    }
}

fn broken(name: &str, error: object::read::Error) -> Diagnostic {
    file_error(name, BROKEN_ELF, format!("malformed ELF file: {error}"), HELP_REBUILD)
}

/// Largest file that is read; the largest known BPF objects are a few megabytes.
const MAX_FILE: usize = 256 << 20;

/// Checks the ELF header fields that say whether this can be a BPF object at all.
fn check_identity(bytes: &[u8], name: &str) -> Result<(), Diagnostic> {
    let refuse = |code, message: String, help| Err(file_error(name, code, message, help));
    let field = |at: usize| bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
    if bytes.is_empty() {
        return refuse(NOT_ELF, "the file is empty".into(), HELP_REBUILD);
    }
    if !bytes.starts_with(&e::ELFMAG) {
        return refuse(NOT_ELF, describe_foreign(bytes), HELP_BPF);
    }
    if bytes.len() > MAX_FILE {
        let message = format!("the file has {} bytes; at most {MAX_FILE} are read", bytes.len());
        return refuse(TOO_LARGE, message, "strip debug sections with `llvm-strip -g`");
    }
    if bytes.len() < 20 {
        return refuse(BROKEN_ELF, "the file ends inside the ELF header".into(), HELP_REBUILD);
    }
    if bytes[4] != e::ELFCLASS64 {
        return refuse(
            ELF_CLASS,
            "this is a 32-bit ELF file; BPF objects are 64-bit".into(),
            HELP_BPF,
        );
    }
    if bytes[5] != e::ELFDATA2LSB {
        let help = "rebuild the object with `-target bpfel`";
        return refuse(
            BYTE_ORDER,
            "this is a big-endian object; little-endian is needed".into(),
            help,
        );
    }
    let machine = field(18);
    // Objects of clang before version 3.7's number was assigned carry machine 0.
    if machine != e::EM_BPF && machine != e::EM_NONE {
        let message = format!("ELF machine {machine}{} is not BPF (247)", machine_name(machine));
        return refuse(MACHINE, message, HELP_BPF);
    }
    let elf_type = field(16);
    if elf_type != e::ET_REL {
        let message = format!("ELF type {elf_type} is not a relocatable object (1)");
        return refuse(ELF_TYPE, message, "give the .o file that clang wrote, not a linked one");
    }
    Ok(())
}

const HELP_BPF: &str =
    "give a BPF object file, made with `clang -O2 -g -target bpf -c prog.c -o prog.o`";

fn describe_foreign(bytes: &[u8]) -> String {
    let what = match bytes {
        [b'B', b'C', 0xc0, 0xde, ..] => "LLVM bitcode (was it built with -emit-llvm or -flto?)",
        [b'!', b'<', b'a', b'r', b'c', b'h', ..] => "a static library",
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, ..] => "a packet capture",
        _ => "something else",
    };
    format!("not an ELF file, but {what}")
}

fn machine_name(machine: u16) -> &'static str {
    match machine {
        e::EM_X86_64 => " (x86-64; was `-target bpf` missing?)",
        e::EM_AARCH64 => " (AArch64; was `-target bpf` missing?)",
        e::EM_386 => " (i386)",
        e::EM_RISCV => " (RISC-V)",
        _ => "",
    }
}
