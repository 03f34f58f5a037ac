//! The object's types in the form that Linux takes at load time.
//!
//! The compiler leaves gaps that a loader fills, since it does not know them yet: sizes of data sections, places of
//! variables in them, and declarations of what the kernel defines. The same is done here as in libbpf, so that
//! the numbers of types and strings stay as they are; new ones are appended.

use super::kconfig;
use crate::btf::{Btf, BtfError};
use crate::elf::{Image, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The types of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectTypes {
    /// Content of section `.BTF`, completed, for `BPF_BTF_LOAD`.
    pub raw: Arc<[u8]>,
    /// The same, parsed.
    pub btf: Btf,
    /// What the object declares to be the kernel's (section `.ksyms`).
    pub kernel_symbols: BTreeSet<String>,
}

/// The kernel's `BTF_KIND_*`, as far as they are rewritten.
const INT: u32 = 1;
const FUNC: u32 = 12;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
/// `BTF_VAR_GLOBAL_ALLOCATED`, `BTF_FUNC_GLOBAL`
const GLOBAL: u32 = 1;
/// `BTF_FUNC_EXTERN`
const EXTERN: usize = 2;

/// Name of the variable that stands for functions of the kernel, and of their unnamed parameters.
const DUMMY: &[u8] = b"dummy_ksym\0";

/// Longest name that is looked at.
const MAX_NAME: usize = 4096;
/// Longest valid name that is made, and most bytes of them.
const MAX_VALID: usize = 120;
const MAX_APPENDED: usize = 4 << 20;

/// Completes the types in `raw`, the content of section `.BTF` of `image`.
pub(super) fn complete(raw: &[u8], image: &Image) -> Result<ObjectTypes, BtfError> {
    let btf = Btf::parse(raw)?;
    let vars = btf.section_vars(".ksyms").unwrap_or(&[]);
    let kernel_symbols = vars.iter().map(|v| btf.name(v.ty).into_owned()).collect();
    let raw: Arc<[u8]> = match Editor::new(raw) {
        Some(mut editor) => {
            editor.complete(image);
            editor.complete_kconfig(&btf);
            editor.rename();
            editor.finish().into()
        }
        None => raw.into(),
    };
    let btf = Btf::parse(&raw)?;
    Ok(ObjectTypes { raw, btf, kernel_symbols })
}

/// The two tables of a BTF section while they are changed.
struct Editor {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Where each type begins in `types`; entry 0 is `void` and means nothing.
    at: Vec<usize>,
    /// Offset of [`DUMMY`] in the strings, and the numbers of `int` and of the dummy variable, once needed.
    dummy: Option<Dummy>,
    /// Bytes of names that were added.
    appended: usize,
}

#[derive(Clone, Copy)]
struct Dummy {
    name: u32,
    int: u32,
    var: u32,
}

impl Editor {
    fn new(raw: &[u8]) -> Option<Editor> {
        let field = |at: usize| {
            raw.get(at..at + 4)
                .and_then(|b| b.try_into().ok())
                .map(|b| u32::from_le_bytes(b) as usize)
        };
        let header = field(4)?;
        let part = |off: usize, len: usize| {
            let start = header.checked_add(field(off)?)?;
            raw.get(start..start.checked_add(field(len)?)?)
        };
        let (types, strings) = (part(8, 12)?.to_vec(), part(16, 20)?.to_vec());
        let mut editor = Editor { types, strings, at: vec![0], dummy: None, appended: 0 };
        let mut at = 0;
        while at + 12 <= editor.types.len() {
            editor.at.push(at);
            at += editor.size_of_record(at);
        }
        Some(editor)
    }

    fn word(&self, at: usize) -> u32 {
        let bytes = self.types.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    }

    fn set(&mut self, at: usize, value: u32) {
        if let Some(bytes) = self.types.get_mut(at..at + 4) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Kind and number of parts of the type at byte `at`.
    fn kind(&self, at: usize) -> (u32, usize) {
        let info = self.word(at + 4);
        ((info >> 24) & 0x1f, (info & 0xffff) as usize)
    }

    /// Bytes of the type at byte `at`, by the kernel's `struct btf_type` and what follows it.
    fn size_of_record(&self, at: usize) -> usize {
        let (kind, parts) = self.kind(at);
        12 + match kind {
            1 | 14 | 17 => 4,
            3 => 12,
            4 | 5 | 15 | 19 => 12 * parts,
            6 | 13 => 8 * parts,
            _ => 0,
        }
    }

    fn name(&self, id: u32) -> &[u8] {
        let at = self.at.get(id as usize).map_or(0, |at| self.word(*at) as usize);
        self.string(at)
    }

    /// The string at byte `at`, as far as it matters: many names may share one long string.
    fn string(&self, at: usize) -> &[u8] {
        let rest = self.strings.get(at..).unwrap_or(&[]);
        let rest = &rest[..rest.len().min(MAX_NAME)];
        &rest[..rest.iter().position(|b| *b == 0).unwrap_or(rest.len())]
    }

    /// Gives valid names to what has others, since Linux takes C identifiers only; Rust has `Option<u32>`.
    fn rename(&mut self) {
        let mut renamed = BTreeMap::new();
        for id in 1..self.at.len() {
            let at = self.at[id];
            let (kind, parts) = self.kind(at);
            // Members, enumerators and parameters follow, with their names first.
            let (named, step) = match kind {
                4 | 5 | 19 => (parts, 12),
                6 | 13 => (parts, 8),
                7 | 8 | FUNC | VAR | 16 => (0, 0),
                _ => continue,
            };
            let places = (0..named).map(|i| at + 12 + step * i);
            for place in std::iter::once(at).chain(places) {
                self.rename_at(place, &mut renamed);
            }
        }
    }

    fn rename_at(&mut self, place: usize, renamed: &mut BTreeMap<u32, u32>) {
        let old = self.word(place);
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
        let name = self.string(old as usize);
        if name.iter().all(|b| is_part(*b)) && !name.first().is_some_and(u8::is_ascii_digit) {
            return;
        }
        if let Some(new) = renamed.get(&old) {
            return self.set(place, *new);
        }
        if self.appended > MAX_APPENDED {
            return;
        }
        let valid = name.iter().take(MAX_VALID).map(|b| if is_part(*b) { *b } else { b'_' });
        let valid: Vec<u8> = std::iter::once(b'_').chain(valid).chain([0]).collect();
        let new = self.strings.len() as u32;
        self.appended += valid.len();
        self.strings.extend(valid);
        renamed.insert(old, new);
        self.set(place, new);
    }

    fn complete(&mut self, image: &Image) {
        let sections: BTreeMap<&[u8], u64> =
            image.sections.iter().map(|s| (s.name.as_bytes(), s.size)).collect();
        let symbols: BTreeMap<&[u8], u64> = image
            .symbols
            .iter()
            .filter(|s| s.global && s.section.is_some() && s.kind != SymbolKind::Section)
            .map(|s| (s.name.as_bytes(), s.value))
            .collect();
        let hidden: BTreeSet<&[u8]> =
            image.symbols.iter().filter(|s| s.hidden).map(|s| s.name.as_bytes()).collect();
        for id in 1..self.at.len() as u32 {
            let at = self.at[id as usize];
            match self.kind(at) {
                (FUNC, parts) if parts as u32 == GLOBAL && hidden.contains(self.name(id)) => {
                    self.set(at + 4, FUNC << 24);
                }
                // Not in .ksyms either: nobody defines it.
                (FUNC, EXTERN) => self.declare(at, FUNC << 24),
                (DATASEC, parts) => match self.name(id) {
                    b".ksyms" => self.complete_ksyms(at, parts),
                    b".kconfig" => {}
                    name => {
                        let size = sections.get(name).copied();
                        self.complete_section(at, parts, size, &symbols);
                    }
                },
                _ => {}
            }
        }
    }

    /// A section of the file: its size, and the places of its variables. Those of static variables are there already.
    fn complete_section(
        &mut self,
        at: usize,
        vars: usize,
        size: Option<u64>,
        symbols: &BTreeMap<&[u8], u64>,
    ) {
        if self.word(at + 8) == 0 {
            self.set(at + 8, size.and_then(|s| u32::try_from(s).ok()).unwrap_or(0));
        }
        let mut list = Vec::with_capacity(vars);
        for i in 0..vars {
            let entry = at + 12 + 12 * i;
            let (var, mut offset, size) =
                (self.word(entry), self.word(entry + 4), self.word(entry + 8));
            let linkage = self.at.get(var as usize).map(|at| self.word(at + 12));
            if linkage == Some(GLOBAL) {
                if let Some(value) = symbols.get(self.name(var)) {
                    offset = u32::try_from(*value).unwrap_or(offset);
                }
            }
            list.push((offset, var, size));
        }
        list.sort();
        for (i, (offset, var, size)) in list.into_iter().enumerate() {
            self.set_entry(at + 12 + 12 * i, var, offset, size);
        }
    }

    fn set_entry(&mut self, entry: usize, var: u32, offset: u32, size: u32) {
        self.set(entry, var);
        self.set(entry + 4, offset);
        self.set(entry + 8, size);
    }

    /// What the kernel defines: Linux wants integers here, one behind the other; it finds the things by name.
    fn complete_ksyms(&mut self, at: usize, vars: usize) {
        let dummy = self.dummy();
        for i in 0..vars {
            let entry = at + 12 + 12 * i;
            let mut var = self.word(entry);
            let Some(of) = self.at.get(var as usize).copied() else { continue };
            match self.kind(of).0 {
                FUNC => {
                    self.declare(of, FUNC << 24 | GLOBAL);
                    var = dummy.var;
                }
                VAR => {
                    self.set(of + 8, dummy.int);
                    self.set(of + 12, GLOBAL);
                }
                _ => {}
            }
            self.set_entry(entry, var, 4 * i as u32, 4);
        }
        self.set(at + 8, 4 * vars as u32);
    }

    /// Variables of the kernel's configuration get places in the map that is made of them.
    fn complete_kconfig(&mut self, btf: &Btf) {
        let Some(at) =
            btf.section(kconfig::SECTION).and_then(|id| self.at.get(id.0 as usize).copied())
        else {
            return;
        };
        let (variables, size) = kconfig::layout(btf);
        let (_, vars) = self.kind(at);
        if variables.len() != vars {
            return; // not what a compiler writes
        }
        self.set(at + 8, size);
        for (i, v) in variables.iter().enumerate() {
            self.set_entry(at + 12 + 12 * i, v.ty.0, v.offset, v.size);
            if let Some(var) = self.at.get(v.ty.0 as usize).copied() {
                self.set(var + 12, GLOBAL);
            }
        }
    }

    /// A function without body gets linkage as in `info`, and names for its parameters.
    fn declare(&mut self, at: usize, info: u32) {
        let name = self.dummy().name;
        self.set(at + 4, info);
        self.name_parameters(self.word(at + 8), name);
    }

    fn name_parameters(&mut self, proto: u32, name: u32) {
        let Some(at) = self.at.get(proto as usize).copied() else { return };
        let (kind, parts) = self.kind(at);
        for param in (0..if kind == 13 { parts } else { 0 }).map(|i| at + 12 + 8 * i) {
            if self.word(param) == 0 && self.word(param + 4) != 0 {
                self.set(param, name);
            }
        }
    }

    fn dummy(&mut self) -> Dummy {
        if let Some(dummy) = self.dummy {
            return dummy;
        }
        let name = self.strings.len() as u32;
        self.strings.extend_from_slice(DUMMY);
        // An `int`: 4 bytes, signed.
        let int = self.append(&[name, INT << 24, 4, 1 << 24 | 32]);
        let var = self.append(&[name, VAR << 24, int, GLOBAL]);
        let dummy = Dummy { name, int, var };
        self.dummy = Some(dummy);
        dummy
    }

    /// Appends a type; returns its number.
    fn append(&mut self, words: &[u32]) -> u32 {
        self.at.push(self.types.len());
        self.types.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        self.at.len() as u32 - 1
    }

    fn finish(self) -> Vec<u8> {
        let lens = [0, self.types.len(), self.types.len(), self.strings.len()];
        let mut raw = vec![0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
        raw.extend(lens.iter().flat_map(|n| (*n as u32).to_le_bytes()));
        raw.extend_from_slice(&self.types);
        raw.extend_from_slice(&self.strings);
        raw
    }
}
