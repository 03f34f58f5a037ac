//! Section `.BTF.ext`: line info, function info and CO-RE relocations, per code section.

use super::cursor::Cursor;
use super::parse::read_header;
use super::{Btf, BtfError, StrId, TypeId};
use beeline_ir::diagnostic::SourceLine;
use std::collections::BTreeMap;

/// Source position of the instructions from `offset` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineInfo {
    /// Byte offset in the section.
    pub offset: u32,
    /// File name.
    pub file: StrId,
    /// Text of the line.
    pub text: StrId,
    /// Line number.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Type of the function at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuncInfo {
    /// Byte offset in the section.
    pub offset: u32,
    /// Its [`super::Type::Func`].
    pub ty: TypeId,
}

/// A CO-RE relocation: the instruction's immediate or offset depends on the running kernel's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreReloc {
    /// Byte offset of the instruction in the section.
    pub offset: u32,
    /// Root type.
    pub ty: TypeId,
    /// Access path, such as `0:1:2`.
    pub access: StrId,
    /// The kernel's `enum bpf_core_relo_kind`.
    pub kind: u32,
}

/// Parsed `.BTF.ext`; each table by section name, ascending by offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BtfExt {
    /// Line info.
    pub lines: BTreeMap<String, Vec<LineInfo>>,
    /// Function info.
    pub funcs: BTreeMap<String, Vec<FuncInfo>>,
    /// CO-RE relocations.
    pub core: BTreeMap<String, Vec<CoreReloc>>,
}

impl BtfExt {
    /// Parses the content of section `.BTF.ext`, which belongs to `btf`.
    pub fn parse(data: &[u8], btf: &Btf) -> Result<BtfExt, BtfError> {
        let header = read_header(data, 4)?;
        let core_fields = if header.len >= 32 { read_header(data, 6)?.fields } else { Vec::new() };
        let table = |fields: &[u32], at: usize, what: &str| {
            let (off, len) = (fields[at], fields[at + 1]);
            Cursor::part(data, header.len.saturating_add(off as usize), len, what)
        };
        let func_info = table(&header.fields, 0, "function info")?;
        let funcs = read_table(func_info, 8, btf, |c| {
            Ok(FuncInfo { offset: c.u32()?, ty: TypeId(c.u32()?) })
        })?;
        let lines = read_table(table(&header.fields, 2, "line info")?, 16, btf, |c| {
            let (offset, file, text) = (c.u32()?, StrId(c.u32()?), StrId(c.u32()?));
            let position = c.u32()?;
            Ok(LineInfo { offset, file, text, line: position >> 10, column: position & 0x3ff })
        })?;
        let core = if core_fields.is_empty() {
            BTreeMap::new()
        } else {
            read_table(table(&core_fields, 4, "CO-RE relocations")?, 16, btf, |c| {
                let (offset, ty) = (c.u32()?, TypeId(c.u32()?));
                Ok(CoreReloc { offset, ty, access: StrId(c.u32()?), kind: c.u32()? })
            })?
        };
        let mut ext = BtfExt { lines, funcs, core };
        ext.lines.values_mut().for_each(|v| v.sort_by_key(|l| l.offset));
        ext.funcs.values_mut().for_each(|v| v.sort_by_key(|f| f.offset));
        ext.core.values_mut().for_each(|v| v.sort_by_key(|r| r.offset));
        Ok(ext)
    }

    /// The type of the function that starts at byte `offset` of `section`.
    pub fn func_at(&self, section: &str, offset: u64) -> Option<TypeId> {
        let funcs = self.funcs.get(section)?;
        let found = funcs.partition_point(|f| u64::from(f.offset) < offset);
        funcs.get(found).filter(|f| u64::from(f.offset) == offset).map(|f| f.ty)
    }

    /// The line of byte `offset` of `section`: the last record at or before it, but not before byte `start`, where the
    /// function begins.
    pub fn line_at(&self, section: &str, start: u64, offset: u64) -> Option<&LineInfo> {
        let lines = self.lines.get(section)?;
        let after = lines.partition_point(|l| u64::from(l.offset) <= offset);
        lines[..after].last().filter(|l| u64::from(l.offset) >= start)
    }
}

/// Longest line text or file name that is kept, in characters.
const MAX_TEXT: usize = 400;

impl LineInfo {
    /// The record with its strings.
    pub fn source_line(&self, btf: &Btf) -> SourceLine {
        let short = |s: &str| s.chars().take(MAX_TEXT).collect();
        SourceLine {
            file: short(&btf.str(self.file)),
            line: self.line,
            column: self.column,
            text: short(btf.str(self.text).trim()),
        }
    }
}

/// One table: record size, then for each section its name, a count and the records.
fn read_table<T>(
    mut c: Cursor<'_>,
    min_size: u32,
    btf: &Btf,
    read: impl Fn(&mut Cursor<'_>) -> Result<T, BtfError>,
) -> Result<BTreeMap<String, Vec<T>>, BtfError> {
    let mut sections = BTreeMap::<String, Vec<T>>::new();
    if c.is_empty() {
        return Ok(sections);
    }
    let size = c.u32()?;
    if size < min_size {
        return Err(BtfError(format!("record size {size} is less than {min_size}")));
    }
    while !c.is_empty() {
        let name = btf.str(StrId(c.u32()?)).into_owned();
        let records = sections.entry(name).or_default();
        for _ in 0..c.u32()? {
            records.push(read(&mut Cursor::new(c.bytes(size as usize)?))?);
        }
    }
    Ok(sections)
}
