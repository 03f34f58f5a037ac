//! Section `.BTF` to [`Btf`].

use super::cursor::Cursor;
use super::{Btf, BtfError, Composite, Member, SectionVar, StrId, Type, TypeId};

const MAGIC: u16 = 0xeb9f;

/// Lengths of the parts that follow the header.
pub(super) struct Header {
    pub(super) len: usize,
    pub(super) fields: Vec<u32>,
}

/// Reads magic, version and header length, and then `fields` words.
pub(super) fn read_header(data: &[u8], fields: usize) -> Result<Header, BtfError> {
    let mut c = Cursor::new(data);
    match c.u16()? {
        MAGIC => {}
        m if m == MAGIC.swap_bytes() => return Err(BtfError("it is big-endian".into())),
        m => return Err(BtfError(format!("magic is 0x{m:04x}, not 0x{MAGIC:04x}"))),
    }
    let version = c.u16()? & 0xff;
    if version != 1 {
        return Err(BtfError(format!("version {version} is not known, only 1 is")));
    }
    let len = c.u32()? as usize;
    if len < 8 + 4 * fields {
        return Err(BtfError(format!("header length {len} is too small")));
    }
    let fields = (0..fields).map(|_| c.u32()).collect::<Result<_, _>>()?;
    Ok(Header { len, fields })
}

impl Btf {
    /// Parses the content of section `.BTF`.
    pub fn parse(data: &[u8]) -> Result<Btf, BtfError> {
        let header = read_header(data, 4)?;
        let [type_off, type_len, str_off, str_len] = header.fields[..] else {
            return Err(BtfError("header is cut off".into()));
        };
        let at = |off: u32| header.len.saturating_add(off as usize);
        let strings = Cursor::part(data, at(str_off), str_len, "string table")?.rest();
        if strings.first() != Some(&0) || strings.last() != Some(&0) {
            return Err(BtfError("string table does not begin and end with a zero byte".into()));
        }
        let mut types = vec![Type::Void];
        let mut c = Cursor::part(data, at(type_off), type_len, "type table")?;
        while !c.is_empty() {
            let ty = read_type(&mut c)
                .map_err(|e| BtfError(format!("type {}: {}", types.len(), e.0)))?;
            types.push(ty);
        }
        Ok(Btf { types, strings: strings.to_vec() })
    }
}

/// The kernel's `BTF_KIND_*`.
mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

fn read_type(c: &mut Cursor<'_>) -> Result<Type, BtfError> {
    let name = StrId(c.u32()?);
    let info = c.u32()?;
    let word = c.u32()?; // a size or a type, as the kind says
    let (count, flag) = ((info & 0xffff) as usize, info >> 31 != 0);
    let ty = TypeId(word);
    Ok(match (info >> 24) & 0x1f {
        kind::INT => read_int(c, name, word)?,
        kind::PTR => Type::Ptr(ty),
        kind::ARRAY => {
            let elem = TypeId(c.u32()?);
            let _index = c.u32()?;
            Type::Array { elem, len: c.u32()? }
        }
        kind::STRUCT => Type::Struct(read_composite(c, name, word, count, flag)?),
        kind::UNION => Type::Union(read_composite(c, name, word, count, flag)?),
        kind::ENUM => {
            let value = |c: &mut Cursor<'_>| {
                let (name, v) = (StrId(c.u32()?), c.u32()?);
                Ok((name, if flag { i64::from(v as i32) } else { i64::from(v) }))
            };
            Type::Enum { name, size: word, signed: flag, values: read_list(c, count, value)? }
        }
        kind::ENUM64 => {
            let value = |c: &mut Cursor<'_>| {
                let (name, low, high) = (StrId(c.u32()?), c.u32()?, c.u32()?);
                Ok((name, (u64::from(high) << 32 | u64::from(low)) as i64))
            };
            Type::Enum { name, size: word, signed: flag, values: read_list(c, count, value)? }
        }
        kind::FWD => Type::Fwd { name, union: flag },
        kind::TYPEDEF => Type::Typedef { name, ty },
        kind::VOLATILE | kind::CONST | kind::RESTRICT => Type::Modifier(ty),
        kind::TYPE_TAG => Type::TypeTag { name, ty },
        kind::FUNC => Type::Func { name, proto: ty, linkage: count as u32 },
        kind::FUNC_PROTO => {
            let params = read_list(c, count, |c| Ok((StrId(c.u32()?), TypeId(c.u32()?))))?;
            Type::FuncProto { ret: ty, params }
        }
        kind::VAR => Type::Var { name, ty, linkage: c.u32()? },
        kind::DATASEC => {
            let var = |c: &mut Cursor<'_>| {
                Ok(SectionVar { ty: TypeId(c.u32()?), offset: c.u32()?, size: c.u32()? })
            };
            Type::Datasec { name, vars: read_list(c, count, var)? }
        }
        kind::FLOAT => Type::Float { name, size: word },
        kind::DECL_TAG => Type::DeclTag { name, ty, component: c.u32()? as i32 },
        k => return Err(BtfError(format!("kind {k} is not known"))),
    })
}

fn read_list<T>(
    c: &mut Cursor<'_>,
    count: usize,
    read: impl Fn(&mut Cursor<'_>) -> Result<T, BtfError>,
) -> Result<Vec<T>, BtfError> {
    (0..count).map(|_| read(c)).collect()
}

fn read_int(c: &mut Cursor<'_>, name: StrId, size: u32) -> Result<Type, BtfError> {
    let data = c.u32()?;
    let encoding = (data >> 24) & 0xf;
    Ok(Type::Int {
        name,
        size,
        signed: encoding & 1 != 0,
        boolean: encoding & 4 != 0,
        bits: (data & 0xff) as u8,
    })
}

fn read_composite(
    c: &mut Cursor<'_>,
    name: StrId,
    size: u32,
    count: usize,
    bitfields: bool,
) -> Result<Composite, BtfError> {
    let member = |c: &mut Cursor<'_>| {
        let (name, ty, offset) = (StrId(c.u32()?), TypeId(c.u32()?), c.u32()?);
        let (bit_offset, bit_size) =
            if bitfields { (offset & 0xff_ffff, offset >> 24) } else { (offset, 0) };
        Ok(Member { name, ty, bit_offset, bit_size })
    };
    Ok(Composite { name, size, members: read_list(c, count, member)? })
}
