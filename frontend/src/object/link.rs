//! Linking one program: its functions behind each other, calls and addresses filled in, then decoded.
//!
//! As libbpf does: the entry function comes first, each function that is called or whose address is taken follows
//! once. Relocations are applied to undecoded slots, maps by index; the decoder then sees a self-contained program.

use super::core::{self, Resolved};
use super::error::{
    within, BROKEN_CORE, BROKEN_RELOCATION, CORE, EXTERN, HELP_REBUILD, NOT_A_FUNCTION, NOT_DATA,
};
use super::functions::Function;
use super::maps::MapProblem;
use super::{byte_place, kconfig, relocation, signature, LoadError, Object, ProgramInfo, Purpose};
use crate::btf::{CoreReloc, LineInfo, TypeId};
use crate::decode::{self, opcode as op, Fault, RawInsn};
use crate::elf::{Reloc, SectionId, Symbol};
use crate::insn::Pc;
use crate::program::{LineRecord, Poisoned, Program, Signature, Subprog};
use crate::verifier;
use beeline_ir::diagnostic::{Diagnostic, Place, SourceLine};
use std::collections::BTreeMap;

const UNRESOLVED: &str = "CO-RE relocation that could not be resolved";
const CALL: u8 = op::JMP | op::OP_CALL;
const LOAD_IMM64: u8 = op::LD | op::SIZE_DW;

impl Object {
    /// Links the program `info`, one of [`Object::programs`].
    pub fn link(&self, info: &ProgramInfo) -> Result<Program, LoadError> {
        let mut linker = Linker {
            object: self,
            program: &info.name,
            raw: Vec::new(),
            origin: Vec::new(),
            subprogs: Vec::new(),
            placed: BTreeMap::new(),
            fixes: Vec::new(),
            kfuncs: Vec::new(),
            rejected: Vec::new(),
            poisoned: Vec::new(),
        };
        linker.place(info.function);
        let mut next = 0;
        while next < linker.raw.len() {
            next = linker.relocate(next)?;
        }
        linker.fill_in_functions();
        linker.apply_core();
        linker.finish(info)
    }

    fn signature_of(&self, f: &Function) -> Option<&Signature> {
        let section = &self.image.sections.get(f.section)?.name;
        let ty = self.ext.func_at(section, u64::from(f.start) * RawInsn::BYTES as u64)?;
        self.signatures.get(&ty)
    }

    /// The CO-RE relocations of a slot of a section.
    fn core_relocs_at(
        &self,
        (section, slot): (SectionId, u32),
    ) -> impl Iterator<Item = &CoreReloc> {
        let name = &self.image.sections[section].name;
        let relocs = self.ext.core.get(name).map_or(&[][..], Vec::as_slice);
        let offset = slot.saturating_mul(RawInsn::BYTES as u32);
        let first = relocs.partition_point(|r| r.offset < offset);
        relocs[first..].iter().take_while(move |r| r.offset == offset)
    }

    fn is_kernel_symbol(&self, name: &str) -> bool {
        self.types.as_ref().is_some_and(|t| t.kernel_symbols.contains(name))
    }

    fn is_global(&self, func: TypeId) -> bool {
        self.btf().is_some_and(|btf| signature::is_global(btf, func))
    }
}

struct Linker<'a> {
    object: &'a Object,
    program: &'a str,
    raw: Vec<RawInsn>,
    /// Section and slot in it of each linked slot.
    origin: Vec<(SectionId, u32)>,
    subprogs: Vec<Subprog>,
    /// First linked slot of each function, by section and slot in it.
    placed: BTreeMap<(SectionId, u32), Pc>,
    /// Slots whose immediate is the distance to a function.
    fixes: Vec<(usize, Pc)>,
    kfuncs: Vec<String>,
    rejected: Vec<Diagnostic>,
    poisoned: Vec<Poisoned>,
}

impl<'a> Linker<'a> {
    /// Appends a function, unless it is there already.
    fn place(&mut self, function: usize) -> Pc {
        let f = &self.object.functions[function];
        let start = Pc(self.raw.len() as u32);
        if let Some(pc) = self.placed.get(&(f.section, f.start)) {
            return *pc;
        }
        self.placed.insert((f.section, f.start), start);
        let (from, to) = (f.start as usize * RawInsn::BYTES, f.end as usize * RawInsn::BYTES);
        let code = self.object.image.data(f.section).get(from..to).unwrap_or(&[]);
        self.raw.extend(RawInsn::slots(code));
        self.origin.extend((f.start..f.end).map(|slot| (f.section, slot)));
        let end = Pc(self.raw.len() as u32);
        let signature = self.object.signature_of(f).cloned();
        let global = signature.as_ref().is_some_and(|s| self.object.is_global(s.func));
        let name = f.name.clone();
        self.subprogs.push(Subprog { name, start, end, global, signature });
        start
    }

    /// Applies what belongs to slot `at`; returns the next slot to look at.
    fn relocate(&mut self, at: usize) -> Result<usize, Diagnostic> {
        let raw = self.raw[at];
        let (section, slot) = self.origin[at];
        let offset = u64::from(slot) * RawInsn::BYTES as u64;
        let relocs = &self.object.image.sections[section].relocs;
        let first = relocs.partition_point(|r| r.offset < offset);
        let end = offset + RawInsn::BYTES as u64;
        let reloc = relocs.get(first).filter(|r| r.offset < end).copied();
        match (raw.opcode, reloc) {
            (LOAD_IMM64, Some(r)) if r.kind == relocation::IMM64 => self.address(at, &r)?,
            (CALL, Some(r)) if r.kind == relocation::CALL => self.call_symbol(at, &r)?,
            (_, Some(r)) => {
                let what = format!("relocation type {} does not fit the instruction", r.kind);
                return Err(self.broken_relocation(section, &r, what));
            }
            (CALL, None) if raw.src == op::CALL_LOCAL => {
                self.function_at(at, section, i64::from(slot) + 1 + i64::from(raw.imm))?;
            }
            (LOAD_IMM64, None) if raw.src == op::IMM64_FUNC => {
                self.function_at(at, section, i64::from(slot) + 1 + i64::from(raw.imm))?;
            }
            _ => {}
        }
        Ok(at + if raw.opcode == LOAD_IMM64 { 2 } else { 1 })
    }

    fn broken_relocation(&self, section: SectionId, r: &Reloc, what: String) -> Diagnostic {
        let image = &self.object.image;
        Diagnostic::error(BROKEN_RELOCATION, what)
            .at(within(&image.name, byte_place(image, section, r.offset)))
            .help(HELP_REBUILD)
    }

    /// Slot `at` refers to the function that starts at `slot` of `section`.
    fn function_at(&mut self, at: usize, section: SectionId, slot: i64) -> Result<(), Diagnostic> {
        let functions = &self.object.functions;
        let key = |i: usize| (functions[i].section, i64::from(functions[i].start));
        let found =
            functions.partition_point(|f| (f.section, i64::from(f.start)) < (section, slot));
        if found < functions.len() && key(found) == (section, slot) {
            let pc = self.place(found);
            self.fixes.push((at, pc));
            return Ok(());
        }
        let place = byte_place(&self.object.image, section, (slot as u64).wrapping_mul(8));
        Err(Diagnostic::error(NOT_A_FUNCTION, format!("no function starts at {place}"))
            .at(self.place_of(at))
            .help(HELP_REBUILD))
    }

    fn call_symbol(&mut self, at: usize, r: &Reloc) -> Result<(), Diagnostic> {
        let symbol = &self.object.image.symbols[r.symbol];
        let Some(section) = symbol.section else { return self.call_extern(at, symbol) };
        let slot = (symbol.value / RawInsn::BYTES as u64) as i64 + i64::from(self.raw[at].imm) + 1;
        self.raw[at].src = op::CALL_LOCAL;
        self.function_at(at, section, slot)
    }

    /// A call to a symbol that is not defined here: a kernel function, if BTF says so.
    fn call_extern(&mut self, at: usize, symbol: &Symbol) -> Result<(), Diagnostic> {
        let name = &symbol.name;
        if !self.object.is_kernel_symbol(name) {
            return Err(Diagnostic::error(EXTERN, format!("function `{name}` is not defined"))
                .at(self.place_of(at))
                .help("define it in this object, or link the objects with `bpftool gen object`"));
        }
        if symbol.weak && !verifier::has_kfunc(name) {
            // As libbpf: the program must test whether it exists, and not come here.
            let reason = format!("weak kernel function `{name}` does not exist here");
            core::poison(&mut self.raw[at..]);
            self.poisoned.push(Poisoned { pc: Pc(at as u32), code: EXTERN, reason });
            return Ok(());
        }
        let index = match self.kfuncs.iter().position(|k| k == name) {
            Some(i) => i,
            None => {
                self.kfuncs.push(name.clone());
                self.kfuncs.len() - 1
            }
        };
        self.raw[at].src = op::CALL_KFUNC;
        self.raw[at].imm = index as i32;
        Ok(())
    }

    /// The address of a map, of global data or of a function goes into the 64-bit immediate load at `at`.
    fn address(&mut self, at: usize, r: &Reloc) -> Result<(), Diagnostic> {
        let image = &self.object.image;
        let symbol = &image.symbols[r.symbol];
        let Some(section) = symbol.section else { return self.extern_address(at, symbol) };
        let addend = i64::from(self.raw[at].imm).wrapping_add(r.addend);
        let target = symbol.value.wrapping_add(addend as u64);
        if image.sections.get(section).is_some_and(|s| s.exec) {
            self.raw[at].src = op::IMM64_FUNC;
            return self.function_at(at, section, (target / RawInsn::BYTES as u64) as i64);
        }
        let place = self.object.map_places.iter().find(|p| p.contains(section, target));
        let Some(place) = place else {
            let what = if symbol.name.is_empty() {
                byte_place(image, section, target)
            } else {
                format!("`{}` in {}", symbol.name, byte_place(image, section, target))
            };
            return Err(Diagnostic::error(NOT_DATA, format!("{what} is neither map nor data"))
                .at(self.place_of(at))
                .help("put maps into SEC(\".maps\") and data into .data, .rodata or .bss"));
        };
        match &place.map {
            Ok(map) if place.data => {
                self.set_imm64(at, op::IMM64_MAP_INDEX_VALUE, *map as i32, target as i32);
            }
            Ok(map) => self.set_imm64(at, op::IMM64_MAP_INDEX, *map as i32, 0),
            Err(MapProblem { code, message }) => {
                let d = Diagnostic::error(code, message.clone()).at(self.place_of(at));
                self.rejected
                    .push(d.help("use one of the map types that docs/diagnostics.md lists"));
            }
        }
        Ok(())
    }

    fn extern_address(&mut self, at: usize, symbol: &Symbol) -> Result<(), Diagnostic> {
        let name = &symbol.name;
        if let Some(v) = self.object.kconfig.iter().find(|v| v.name == *name) {
            if !v.resolved && !symbol.weak {
                let d = kconfig::missing(name, self.object.kconfig_source.as_deref());
                return Err(d.at(self.place_of(at)));
            }
            let map = self.object.kconfig_map as i32;
            let at_addend = v.offset.wrapping_add(self.raw[at].imm as u32);
            self.set_imm64(at, op::IMM64_MAP_INDEX_VALUE, map, at_addend as i32);
            return Ok(());
        }
        if symbol.weak {
            // A weak symbol that nobody defines has address 0; programs test for that. That a function exists is
            // all they can learn of its address.
            let exists = self.object.is_kernel_symbol(name) && verifier::has_kfunc(name);
            self.set_imm64(at, op::IMM64_VALUE, i32::from(exists), 0);
            return Ok(());
        }
        let message = if self.object.is_kernel_symbol(name) {
            format!("`{name}` is a symbol of the running kernel, which a file does not have")
        } else {
            format!("`{name}` is not defined")
        };
        Err(Diagnostic::error(EXTERN, message)
            .at(self.place_of(at))
            .help("define it in this object, or declare it __weak and test its address"))
    }

    fn set_imm64(&mut self, at: usize, src: u8, low: i32, high: i32) {
        self.raw[at].src = src;
        self.raw[at].imm = low;
        if let Some(tail) = self.raw.get_mut(at + 1) {
            tail.imm = high;
        }
    }

    /// Distances, now that every function has its place.
    fn fill_in_functions(&mut self) {
        for (at, target) in std::mem::take(&mut self.fixes) {
            let distance = i64::from(target.0) - at as i64 - 1;
            if self.raw[at].opcode == LOAD_IMM64 {
                self.set_imm64(at, op::IMM64_FUNC, distance as i32, 0);
            } else {
                self.raw[at].imm = distance as i32;
            }
        }
    }

    /// Resolves the CO-RE relocations.
    fn apply_core(&mut self) {
        let object = self.object;
        let Some(btf) = object.btf() else { return };
        for at in 0..self.raw.len() {
            for r in object.core_relocs_at(self.origin[at]) {
                if self.raw[at].imm == core::POISON && self.raw[at].opcode == CALL {
                    break;
                }
                let fault = match object.targets.resolve(btf, r) {
                    Ok(resolved) => self.apply_resolved(at, resolved),
                    Err(d) => Some(d),
                };
                self.rejected.extend(fault.map(|d| d.at(self.place_of(at))));
            }
        }
    }

    fn apply_resolved(&mut self, at: usize, resolved: Resolved) -> Option<Diagnostic> {
        let slots = &mut self.raw[at..];
        let reason = match resolved {
            Resolved::Unchanged => return None,
            Resolved::Poisoned(what) => format!("{UNRESOLVED}: it asks for {what}"),
            Resolved::Patched { from, to, width } => {
                match core::patch(slots, from, to, width) {
                    Ok(true) => return None,
                    Ok(false) => {
                        format!("{UNRESOLVED}: no load or store makes up for the size of the field there")
                    }
                    Err(why) => {
                        let message = format!("malformed CO-RE relocation: {why}");
                        return Some(Diagnostic::error(BROKEN_CORE, message).help(HELP_REBUILD));
                    }
                }
            }
        };
        let poisoned = (at..at + core::poison(slots)).map(|at| Pc(at as u32));
        self.poisoned.extend(poisoned.map(|pc| Poisoned {
            pc,
            code: CORE,
            reason: reason.clone(),
        }));
        None
    }

    fn line_of(&self, at: usize) -> Option<SourceLine> {
        let (section, slot) = *self.origin.get(at)?;
        let after = self.subprogs.partition_point(|f| f.start.index() <= at);
        let start = self.subprogs[..after].last()?.start.index();
        let (_, first) = *self.origin.get(start)?;
        let name = &self.object.image.sections[section].name;
        let bytes = |slot: u32| u64::from(slot) * RawInsn::BYTES as u64;
        let line = self.object.ext.line_at(name, bytes(first), bytes(slot))?;
        Some(line.source_line(self.object.btf()?))
    }

    /// The line info of all functions; none if a function does not begin with a line, as Linux would refuse that.
    fn line_records(&self) -> Vec<LineRecord> {
        let mut records = Vec::<LineRecord>::new();
        for f in &self.subprogs {
            let first = records.len();
            let (section, slot) = self.origin[f.start.index()];
            let name = &self.object.image.sections[section].name;
            let lines = self.object.ext.lines.get(name).map_or(&[][..], Vec::as_slice);
            let bytes = |slot: u32| slot.saturating_mul(RawInsn::BYTES as u32);
            let end = bytes(slot + (f.end.0 - f.start.0));
            let from = lines.partition_point(|l| l.offset < bytes(slot));
            for l in lines[from..].iter().take_while(|l| l.offset < end) {
                let pc = f.start.plus(i64::from((l.offset - bytes(slot)) / RawInsn::BYTES as u32));
                // The second slot of a 64-bit immediate has no opcode.
                let repeated = records[first..].last().is_some_and(|r| r.pc == pc);
                if !repeated && self.raw[pc.index()].opcode != 0 {
                    let LineInfo { file, text, line, column, .. } = *l;
                    records.push(LineRecord { pc, file, text, line, column });
                }
            }
            if records.get(first).is_none_or(|r| r.pc != f.start) {
                return Vec::new();
            }
        }
        records
    }

    /// Where slot `at` stands, with its bytes, since it may not decode.
    fn place_of(&self, at: usize) -> Place {
        let bytes = self.raw.get(at).map(|r| r.to_bytes()).unwrap_or_default();
        let hex: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
        Place {
            object: Some(self.object.name.clone()),
            program: Some(self.program.into()),
            pc: Some(at as u32),
            insn: Some(hex.join(" ")),
            line: self.line_of(at),
        }
    }

    fn reject(&self, faults: Vec<Fault>) -> Vec<Diagnostic> {
        let diagnose = |f: Fault| {
            Diagnostic::error(f.code, f.message).at(self.place_of(f.pc.index())).help(f.help)
        };
        faults.into_iter().map(diagnose).collect()
    }

    fn finish(mut self, info: &ProgramInfo) -> Result<Program, LoadError> {
        let insns = match decode::decode(&self.raw) {
            Ok(insns) => insns,
            Err(faults) => {
                self.rejected.extend(self.reject(faults));
                return Err(LoadError::Rejected(self.rejected));
            }
        };
        self.rejected.extend(self.reject(decode::check_flow(&insns, &self.subprogs)));
        if !self.rejected.is_empty() {
            return Err(LoadError::Rejected(self.rejected));
        }
        let lines = (0..insns.len()).map(|at| self.line_of(at)).collect();
        let line_records = self.line_records();
        self.poisoned.sort_by_key(|p| p.pc);
        Ok(Program {
            name: info.name.clone(),
            section: info.section.clone(),
            frags: info.purpose == Purpose::XdpFrags,
            insns,
            subprogs: self.subprogs,
            lines,
            maps: self.object.maps.clone(),
            kfuncs: self.kfuncs,
            license: self.object.license.clone(),
            object: self.object.name.clone(),
            xdp_programs: self.object.xdp_programs(),
            types: self.object.types.clone(),
            line_records,
            poisoned: self.poisoned,
        })
    }
}
