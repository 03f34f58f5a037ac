//! Types of keys and values as the object declares them, and their definitions in C with exactly the same layout.
//!
//! What C cannot be trusted to lay out the same way on every machine is spelled out: padding is a member, a member at an unnatural
//! offset is an array of bytes, and bit-fields are bytes with a function to get and one to set each.

use super::names::{identifier, Namer};
use std::fmt::Write;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CType {
    /// An integer of 1, 2, 4 or 8 bytes.
    Int {
        /// Bytes.
        bytes: u32,
        /// Signed.
        signed: bool,
    },
    /// A character.
    Char,
    /// Bytes without further meaning.
    Bytes(u32),
    /// An array.
    Array(Box<CType>, u32),
    /// A struct or union: its place in [`Types::aggregates`].
    Aggregate(usize),
}

/// A member of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name; empty for one without.
    pub name: String,
    /// Type; of a bit-field, an integer.
    pub ty: CType,
    /// Offset in bits.
    pub bit_offset: u32,
    /// Width in bits for bit-fields, else 0.
    pub bit_size: u32,
}

/// A struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Tag; empty for one without.
    pub name: String,
    /// A union.
    pub union: bool,
    /// Bytes.
    pub size: u32,
    /// Members, ascending by offset.
    pub members: Vec<Member>,
}

/// What the host may know and do about a map beside its shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapTypes {
    /// Type of keys, if the object has it.
    pub key: Option<CType>,
    /// Type of values, if the object has it.
    pub value: Option<CType>,
    /// Parts of the value that are neither the host's to read nor to write: `(first byte, bytes)`, ascending.
    pub hidden: Vec<(u32, u32)>,
    /// The value has a spin lock.
    pub lock: bool,
    /// `BPF_F_WRONLY`: the host cannot read.
    pub write_only: bool,
    /// `BPF_F_RDONLY`: the host cannot write.
    pub read_only: bool,
}

/// The types of all maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    /// Structs and unions, each after those that it contains.
    pub aggregates: Vec<Aggregate>,
    /// By map; maps beyond the end have no types.
    pub maps: Vec<MapTypes>,
}

impl Types {
    /// Bytes and alignment of `ty` on a machine with natural alignment.
    fn layout(&self, ty: &CType, aligns: &[u32]) -> (u64, u32) {
        match ty {
            CType::Int { bytes, .. } => (u64::from(*bytes), *bytes),
            CType::Char => (1, 1),
            CType::Bytes(n) => (u64::from(*n), 1),
            CType::Array(elem, len) => {
                let (size, align) = self.layout(elem, aligns);
                (size.saturating_mul(u64::from(*len)), align)
            }
            CType::Aggregate(n) => (u64::from(self.aggregates[*n].size), aligns[*n]),
        }
    }
}

/// Definitions of the aggregates of `types`, whose names all start with `prefix`.
pub(super) struct Definitions<'a> {
    types: &'a Types,
    prefix: &'a str,
    tags: Vec<String>,
    aligns: Vec<u32>,
    /// The definitions.
    pub texts: Vec<String>,
}

impl<'a> Definitions<'a> {
    /// Defines every aggregate; `namer` has the names that are taken.
    pub fn new(types: &'a Types, prefix: &'a str, namer: &mut Namer) -> Self {
        let mut d = Self { types, prefix, tags: Vec::new(), aligns: Vec::new(), texts: Vec::new() };
        for a in &types.aggregates {
            let tag = if a.name.is_empty() { "anonymous" } else { &a.name };
            let tag = namer.unique_with(&format!("{prefix}_{}", identifier(tag)), &[]);
            d.define(a, &tag);
            d.tags.push(tag);
        }
        d
    }

    /// The declaration of a map's key or value of `size` bytes, with `{}` for its name.
    pub fn declaration(&self, ty: Option<&CType>, size: u32) -> String {
        let known = ty.filter(|t| self.types.layout(t, &self.aligns).0 == u64::from(size));
        match known {
            Some(CType::Array(..) | CType::Bytes(_)) | None => {
                let opaque = CType::Bytes(size);
                let (ty, name) = match known {
                    Some(t @ CType::Array(..)) => (t, "items"),
                    _ => (&opaque, "bytes"),
                };
                format!("typedef struct {{\n    {};\n}} {{}};", self.declare(ty, name))
            }
            Some(t) => format!("typedef {};", self.declare(t, "{}")),
        }
    }

    /// `type name`, with the dimensions of arrays behind the name.
    fn declare(&self, ty: &CType, name: &str) -> String {
        match ty {
            CType::Int { bytes, signed } => {
                format!("{}int{}_t {name}", if *signed { "" } else { "u" }, 8 * bytes)
            }
            CType::Char => format!("char {name}"),
            CType::Bytes(n) => format!("uint8_t {name}[{n}]"),
            CType::Array(elem, len) => self.declare(elem, &format!("{name}[{len}]")),
            CType::Aggregate(n) => {
                let kind = if self.types.aggregates[*n].union { "union" } else { "struct" };
                format!("{kind} {} {name}", self.tags[*n])
            }
        }
    }

    fn define(&mut self, a: &Aggregate, tag: &str) {
        let kind = if a.union { "union" } else { "struct" };
        let mut body = Body::default();
        let mut rest = &a.members[..];
        while let Some(first) = rest.first() {
            let is_bits = first.bit_size > 0;
            // In a struct, neighbouring bit-fields may share bytes.
            let run = match is_bits && !a.union {
                true => rest.iter().take_while(|m| m.bit_size > 0).count(),
                false => 1,
            };
            if is_bits {
                self.bit_fields(a, &rest[..run], &format!("{kind} {tag}"), tag, &mut body);
            } else {
                self.member(a, first, &mut body);
            }
            rest = &rest[run..];
        }
        if a.union {
            let whole = body.namer.unique("bytes");
            body.lines.push(format!("uint8_t {whole}[{}];", a.size));
        } else {
            body.pad(u64::from(a.size));
        }
        let lines: String = body.lines.iter().map(|l| format!("    {l}\n")).collect();
        let size = a.size;
        self.texts.push(format!(
            "{kind} {tag} {{\n{lines}}};\ntypedef char {tag}_has_{size}_bytes[sizeof({kind} {tag}) == {size} ? 1 : -1];{}",
            body.accessors
        ));
        self.aligns.push(body.align);
    }

    /// Adds the declaration of `m`, if its bytes are its own and within `a`.
    fn member(&self, a: &Aggregate, m: &Member, body: &mut Body) {
        let size = u64::from(a.size);
        let (bytes, align) = self.types.layout(&m.ty, &self.aligns);
        let offset = u64::from(m.bit_offset / 8);
        let at_byte = m.bit_offset % 8 == 0 && (!a.union || offset == 0);
        if !at_byte || bytes == 0 || offset + bytes > size || offset < body.at {
            return;
        }
        let natural = offset % u64::from(align) == 0 && size % u64::from(align) == 0;
        let opaque = CType::Bytes(bytes as u32);
        let ty = if natural { &m.ty } else { &opaque };
        body.pad(offset);
        let name = body.namer.unique(if m.name.is_empty() { "anonymous" } else { &m.name });
        body.lines.push(format!("{};", self.declare(ty, &name)));
        body.align = body.align.max(if natural { align } else { 1 });
        if !a.union {
            body.at = offset + bytes;
        }
    }

    /// Adds the bytes of neighbouring bit-fields of the type `of`, and the functions that reach them.
    fn bit_fields(&self, a: &Aggregate, fields: &[Member], of: &str, tag: &str, body: &mut Body) {
        let end_of = |m: &Member| (u64::from(m.bit_offset) + u64::from(m.bit_size)).div_ceil(8);
        let start = fields.iter().map(|m| u64::from(m.bit_offset / 8)).min().unwrap_or(0);
        let end = fields.iter().map(end_of).max().unwrap_or(0);
        if start < body.at || end > u64::from(a.size) {
            return;
        }
        body.pad(start);
        let bits = body.namer.unique("bits");
        body.lines.push(format!("uint8_t {bits}[{}];", end - start));
        if !a.union {
            body.at = end;
        }
        for m in fields.iter().filter(|m| !m.name.is_empty() && m.bit_size <= 64) {
            let name = body.namer.unique(&m.name);
            let (at, width) = (u64::from(m.bit_offset) - 8 * start, m.bit_size);
            let signed = matches!(m.ty, CType::Int { signed: true, .. });
            let ty = if signed { "int64_t" } else { "uint64_t" };
            let get = format!("{}_get_bits(of->{bits}, {at}, {width})", self.prefix);
            let get = match signed {
                // The sign bit goes to the top and comes back, in arithmetic that every compiler does alike.
                true => format!(
                    "(int64_t)(({get} ^ (UINT64_C(1) << {0})) - (UINT64_C(1) << {0}))",
                    width - 1
                ),
                false => get,
            };
            let _ = write!(
                body.accessors,
                "\nstatic inline {ty} {tag}_get_{name}(const {of} *of)\n{{\n    return {get};\n}}\n\
                 static inline void {tag}_set_{name}({of} *of, {ty} value)\n{{\n    \
                 {}_set_bits(of->{bits}, {at}, {width}, (uint64_t)value);\n}}",
                self.prefix
            );
        }
    }
}

/// What has been declared of a struct or union so far.
struct Body {
    lines: Vec<String>,
    accessors: String,
    namer: Namer,
    /// Bytes that are declared, in a struct.
    at: u64,
    /// Strictest alignment of a member.
    align: u32,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            accessors: String::new(),
            namer: Namer::members(),
            at: 0,
            align: 1,
        }
    }
}

impl Body {
    /// Declares bytes that nobody uses, up to `offset`.
    fn pad(&mut self, offset: u64) {
        if offset > self.at {
            let name = self.namer.unique("padding");
            self.lines.push(format!("uint8_t {name}[{}];", offset - self.at));
            self.at = offset;
        }
    }
}
