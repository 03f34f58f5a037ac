//! From the object's types to those of the C driver: the step between front end and back end that needs both.

use beeline_backends::driver::{Aggregate, CType, MapTypes, Member, Types};
use beeline_frontend::btf::{Btf, Composite, SectionVar, Type, TypeId};
use beeline_frontend::program::SpecialKind;
use beeline_frontend::{MapDef, Program};
use std::collections::BTreeMap;

/// Deepest nesting of structs and arrays that is followed; what lies below is bytes.
const MAX_DEPTH: u32 = 24;

/// Most members of all structs together: a hostile object may have any number.
const MAX_MEMBERS: usize = 20_000;

/// `map_flags`: what the host may not do.
const RDONLY: u32 = 1 << 3;
const WRONLY: u32 = 1 << 4;

/// The types and rights of all maps of `program`.
pub fn of_program(program: &Program) -> Types {
    let mut types = Types::default();
    let mut converter = program.types.as_ref().map(|t| Converter::new(&t.btf));
    for map in &program.maps {
        types.maps.push(of_map(map, converter.as_mut()));
    }
    types.aggregates = converter.map(|c| c.aggregates).unwrap_or_default();
    types
}

fn of_map(map: &MapDef, converter: Option<&mut Converter>) -> MapTypes {
    let fields = map.types.as_ref().map_or(&[][..], |t| &t.fields);
    let mut types = MapTypes {
        hidden: fields.iter().map(|f| (f.offset, f.size)).collect(),
        lock: fields.iter().any(|f| f.kind == SpecialKind::SpinLock),
        write_only: map.flags & WRONLY != 0,
        read_only: map.flags & RDONLY != 0,
        ..MapTypes::default()
    };
    if let (Some(c), Some(t)) = (converter, &map.types) {
        types.key = c.key_or_value(t.key);
        types.value = c.key_or_value(t.value);
    }
    if types.key.is_none() && map.kind.is_array_like() && map.key_size == 4 {
        types.key = Some(CType::Int { bytes: 4, signed: false });
    }
    types
}

struct Converter<'a> {
    btf: &'a Btf,
    aggregates: Vec<Aggregate>,
    /// Place in `aggregates`; none while the type is being converted.
    known: BTreeMap<TypeId, Option<usize>>,
    members: usize,
}

impl<'a> Converter<'a> {
    fn new(btf: &'a Btf) -> Self {
        Self { btf, aggregates: Vec::new(), known: BTreeMap::new(), members: 0 }
    }

    /// The type `id` of a key or value; none if it has no meaning beyond its bytes.
    fn key_or_value(&mut self, id: TypeId) -> Option<CType> {
        match self.btf.ty(id) {
            Type::Void => None,
            Type::Datasec { name, vars } => Some(self.section(
                id,
                &format!("data_{}", self.btf.str(*name).trim_start_matches('.')),
                vars,
            )),
            _ => self.convert(id, "", 0),
        }
    }

    /// `name` is for a struct without a tag: that of the typedef on the way to it.
    fn convert(&mut self, id: TypeId, name: &str, depth: u32) -> Option<CType> {
        if depth > MAX_DEPTH {
            return self.btf.size_of(id).map(CType::Bytes);
        }
        let btf = self.btf;
        match btf.ty(id) {
            Type::Typedef { name, ty } => self.convert(*ty, &btf.str(*name), depth + 1),
            Type::TypeTag { ty, .. } | Type::Modifier(ty) => self.convert(*ty, name, depth + 1),
            Type::Int { name, size: 1, .. } if btf.str(*name) == "char" => Some(CType::Char),
            Type::Int { size, signed, .. } | Type::Enum { size, signed, .. } => {
                Some(integer(*size, *signed))
            }
            Type::Float { size, .. } => Some(CType::Bytes(*size)),
            Type::Ptr(_) => Some(integer(8, false)),
            Type::Array { elem, len } => {
                let elem = self.convert(*elem, "", depth + 1)?;
                Some(CType::Array(Box::new(elem), *len))
            }
            Type::Struct(c) => self.composite(id, c, false, name, depth),
            Type::Union(c) => self.composite(id, c, true, name, depth),
            _ => None,
        }
    }

    fn composite(
        &mut self,
        id: TypeId,
        c: &Composite,
        union: bool,
        name: &str,
        depth: u32,
    ) -> Option<CType> {
        match self.known.get(&id) {
            Some(Some(place)) => return Some(CType::Aggregate(*place)),
            // A struct within itself is no C; its bytes are.
            Some(None) => return Some(CType::Bytes(c.size)),
            None => {}
        }
        self.members += c.members.len();
        if self.members > MAX_MEMBERS || c.size == 0 {
            return Some(CType::Bytes(c.size));
        }
        self.known.insert(id, None);
        let mut members = Vec::new();
        for m in &c.members {
            let ty = self.convert(m.ty, "", depth + 1);
            let Some(ty) = ty.filter(|t| m.bit_size == 0 || matches!(t, CType::Int { .. })) else {
                continue;
            };
            members.push(Member {
                name: self.btf.str(m.name).into_owned(),
                ty,
                bit_offset: m.bit_offset,
                bit_size: m.bit_size,
            });
        }
        let tag = self.btf.str(c.name).into_owned();
        let name = if tag.is_empty() { name.to_owned() } else { tag };
        Some(self.add(id, Aggregate { name, union, size: c.size, members }))
    }

    /// The variables of a section of global data as a struct.
    fn section(&mut self, id: TypeId, name: &str, vars: &[SectionVar]) -> CType {
        let mut members = Vec::new();
        for var in vars {
            let Type::Var { name, ty, .. } = self.btf.ty(var.ty) else { continue };
            let ty = self.convert(*ty, "", 1).unwrap_or(CType::Bytes(var.size));
            let Some(bit_offset) = var.offset.checked_mul(8) else { continue };
            let name = self.btf.str(*name).into_owned();
            members.push(Member { name, ty, bit_offset, bit_size: 0 });
        }
        members.sort_by_key(|m| m.bit_offset);
        let end = vars.iter().map(|v| v.offset.saturating_add(v.size)).max().unwrap_or(0);
        self.add(id, Aggregate { name: name.to_owned(), union: false, size: end, members })
    }

    fn add(&mut self, id: TypeId, aggregate: Aggregate) -> CType {
        let place = self.aggregates.len();
        self.aggregates.push(aggregate);
        self.known.insert(id, Some(place));
        CType::Aggregate(place)
    }
}

fn integer(size: u32, signed: bool) -> CType {
    match size {
        1 | 2 | 4 | 8 => CType::Int { bytes: size, signed },
        n => CType::Bytes(n),
    }
}
