//! Maps of section `.maps`: the type of the variable says what the map is, as libbpf's macros write it.
//!
//! `__uint(name, n)` is a pointer to an array of n elements, `__ulong` an enumeration with one value, `__type` a
//! pointer to the type, `__array(values, ...)` a flexible array of pointers whose initialisers are relocations.

use super::{broken, check_count, kind, Found};
use crate::btf::{Btf, Composite, Member, Type, TypeId};
use crate::elf::{Image, Reloc, SectionId, Symbol, SymbolKind};
use crate::object::error::{within, MAP_WITHOUT_BTF};
use crate::object::functions::Function;
use crate::object::special;
use crate::program::{MapDef, MapTypes};
use beeline_ir::diagnostic::Diagnostic;
use beeline_ir::map::MapKind;

/// What the members of a definition say.
#[derive(Default)]
struct Attributes {
    kind: Option<u32>,
    key_size: Option<u32>,
    value_size: Option<u32>,
    max_entries: u32,
    flags: u32,
    extra: u32,
    key: Option<TypeId>,
    value: Option<TypeId>,
    /// Byte offset of `values`, and the type that its elements point to.
    values: Option<(u64, TypeId)>,
}

struct Reader<'a> {
    image: &'a Image,
    btf: &'a Btf,
    map: String,
}

pub(super) fn read(
    image: &Image,
    id: SectionId,
    btf: Option<&Btf>,
    functions: &[Function],
) -> Result<Vec<Found>, Diagnostic> {
    let Some(btf) = btf else {
        let message = "section .maps needs type information, but the object has no .BTF";
        return Err(Diagnostic::error(MAP_WITHOUT_BTF, message)
            .at(within(&image.name, "section .maps"))
            .help("rebuild the object with -g"));
    };
    let vars = btf.section_vars(".maps").unwrap_or(&[]);
    check_count(image, vars.len())?;
    let mut found = Vec::new();
    for var in vars {
        let Type::Var { ty, .. } = btf.ty(var.ty) else { continue };
        let name = btf.name(var.ty).into_owned();
        let reader = Reader { image, btf, map: name };
        found.push(reader.read(id, *ty, var.size, functions)?);
    }
    for s in image.symbols_in(id) {
        let is_map = s.kind == SymbolKind::Object;
        if is_map && !found.iter().any(|f: &Found| f.start == s.value) {
            let message = "the map has no type information in .BTF";
            return Err(Diagnostic::error(MAP_WITHOUT_BTF, message)
                .at(within(&image.name, format!("map {}", s.name)))
                .help("rebuild the object with -g"));
        }
    }
    Ok(found)
}

impl Reader<'_> {
    fn broken(&self, message: impl Into<String>) -> Diagnostic {
        broken(self.image, &self.map, message)
    }

    fn read(
        &self,
        id: SectionId,
        ty: TypeId,
        size: u32,
        functions: &[Function],
    ) -> Result<Found, Diagnostic> {
        let symbol = self.image.symbols_in(id).find(|s| s.name == self.map);
        let Some(symbol) = symbol else {
            return Err(self.broken("the map has type information, but no symbol"));
        };
        let attributes = self.attributes(ty)?;
        let size = if symbol.size != 0 { symbol.size } else { u64::from(size.max(1)) };
        let end = symbol.value.saturating_add(size);
        let mut def = match kind(self.kind_number(&attributes)?, &self.map) {
            Ok(kind) => Ok(self.definition(&attributes, kind)?),
            Err(problem) => Err(problem),
        };
        if let (Ok(def), Some((offset, pointee))) = (&mut def, attributes.values) {
            if self.is_map_of_maps(def.kind) {
                def.inner = Some(Box::new(self.inner(pointee)?));
            }
            let first = symbol.value.saturating_add(offset);
            def.values = self.initialisers(id, first, end, functions);
        }
        Ok(Found { section: id, start: symbol.value, end, def, data: false })
    }

    fn kind_number(&self, attributes: &Attributes) -> Result<u32, Diagnostic> {
        attributes.kind.ok_or_else(|| self.broken("the map definition has no `type`"))
    }

    fn is_map_of_maps(&self, kind: MapKind) -> bool {
        matches!(kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps)
    }

    fn definition(&self, a: &Attributes, kind: MapKind) -> Result<MapDef, Diagnostic> {
        // As libbpf: what a map of maps or of programs holds is a 32-bit descriptor, and so are the keys and
        // values of a perf event array.
        let four_by_default = matches!(
            kind,
            MapKind::ArrayOfMaps
                | MapKind::HashOfMaps
                | MapKind::ProgArray
                | MapKind::PerfEventArray
        );
        let default = if four_by_default { 4 } else { 0 };
        let key_default = if kind == MapKind::PerfEventArray { 4 } else { 0 };
        Ok(MapDef {
            name: self.map.clone(),
            kind,
            key_size: self.size("key", a.key, a.key_size)?.unwrap_or(key_default),
            value_size: self.size("value", a.value, a.value_size)?.unwrap_or(default),
            max_entries: a.max_entries,
            flags: a.flags,
            extra: u64::from(a.extra),
            types: self.types(a),
            ..MapDef::default()
        })
    }

    fn types(&self, a: &Attributes) -> Option<MapTypes> {
        if a.key.is_none() && a.value.is_none() {
            return None;
        }
        let value = a.value.unwrap_or_default();
        let fields = special::fields(self.btf, value);
        Some(MapTypes { key: a.key.unwrap_or_default(), value, fields })
    }

    fn size(
        &self,
        what: &str,
        ty: Option<TypeId>,
        given: Option<u32>,
    ) -> Result<Option<u32>, Diagnostic> {
        let Some(ty) = ty else { return Ok(given) };
        let Some(size) = self.btf.size_of(ty) else {
            return Err(self.broken(format!("the type of the map's {what} has no size")));
        };
        match given {
            Some(given) if given != size => Err(self.broken(format!(
                "{what}_size is {given}, but the type of the {what} has {size} bytes"
            ))),
            _ => Ok(Some(size)),
        }
    }

    /// The struct that defines a map, behind typedefs and (for several maps of one type) arrays.
    fn composite(&self, ty: TypeId) -> Result<&Composite, Diagnostic> {
        match self.btf.ty(self.btf.resolve(ty)) {
            Type::Struct(c) => Ok(c),
            _ => Err(self.broken("the map is not defined by a struct")),
        }
    }

    fn attributes(&self, ty: TypeId) -> Result<Attributes, Diagnostic> {
        let mut a = Attributes::default();
        for m in &self.composite(ty)?.members {
            let name = self.btf.str(m.name);
            match &*name {
                "type" => a.kind = Some(self.number(m)?),
                "key_size" => a.key_size = Some(self.number(m)?),
                "value_size" => a.value_size = Some(self.number(m)?),
                "max_entries" => a.max_entries = self.number(m)?,
                "map_flags" => a.flags = self.number(m)?,
                "map_extra" => a.extra = self.number(m)?,
                "key" => a.key = Some(self.pointee(m.ty, "key")?),
                "value" => a.value = Some(self.pointee(m.ty, "value")?),
                "values" => {
                    let Type::Array { elem, .. } = self.btf.ty(self.btf.resolve(m.ty)) else {
                        return Err(self.broken("member `values` is not an array"));
                    };
                    let offset = u64::from(m.bit_offset / 8);
                    a.values = Some((offset, self.pointee(*elem, "values")?));
                }
                // They say where the kernel keeps the map, not what it does.
                "pinning" | "numa_node" => {}
                name => {
                    return Err(self.broken(format!("member `{name}` of the map is not known")));
                }
            }
        }
        Ok(a)
    }

    fn pointee(&self, ty: TypeId, member: &str) -> Result<TypeId, Diagnostic> {
        match self.btf.ty(self.btf.resolve(ty)) {
            Type::Ptr(to) => Ok(*to),
            _ => Err(self.broken(format!("member `{member}` is not a pointer to the type"))),
        }
    }

    fn number(&self, m: &Member) -> Result<u32, Diagnostic> {
        let found = match self.btf.ty(self.btf.resolve(m.ty)) {
            Type::Ptr(to) => match self.btf.ty(self.btf.resolve(*to)) {
                Type::Array { len, .. } => Some(*len),
                _ => None,
            },
            Type::Enum { values, .. } => values.first().and_then(|(_, v)| u32::try_from(*v).ok()),
            _ => None,
        };
        found.ok_or_else(|| {
            let name = self.btf.str(m.name);
            self.broken(format!("member `{name}` is not a number made with __uint()"))
        })
    }

    /// The template of the inner maps. It is a definition as well, so that one level is all there can be.
    fn inner(&self, ty: TypeId) -> Result<MapDef, Diagnostic> {
        let map = format!("{}.inner", self.map);
        let reader = Reader { map, image: self.image, btf: self.btf };
        let a = reader.attributes(ty)?;
        match kind(reader.kind_number(&a)?, &reader.map) {
            Ok(kind) if self.is_map_of_maps(kind) => {
                Err(self.broken("maps are nested more than two deep"))
            }
            Ok(kind) => reader.definition(&a, kind),
            Err(problem) => Err(reader.broken(problem.message)),
        }
    }

    /// Slot and symbol of each initialiser of `values`, which begins at byte `first` of the section.
    fn initialisers(
        &self,
        id: SectionId,
        first: u64,
        end: u64,
        functions: &[Function],
    ) -> Vec<(u32, String)> {
        let relocs = &self.image.sections[id].relocs;
        let mine = relocs.iter().filter(|r| r.offset >= first && r.offset < end);
        mine.map(|r| (((r.offset - first) / 8) as u32, self.initialiser(id, r, functions)))
            .collect()
    }

    /// The name of what an initialiser refers to. Static maps and programs are named by section and place in it.
    fn initialiser(&self, id: SectionId, r: &Reloc, functions: &[Function]) -> String {
        let symbol = &self.image.symbols[r.symbol];
        let Some(section) = symbol.section.filter(|_| symbol.kind == SymbolKind::Section) else {
            return symbol.name.clone();
        };
        let bytes =
            usize::try_from(r.offset).ok().and_then(|at| self.image.data(id).get(at..at + 8));
        let in_place = bytes.and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let target = symbol.value.wrapping_add(in_place);
        let function =
            functions.iter().find(|f| f.section == section && u64::from(f.start) * 8 == target);
        let named = |s: &&Symbol| s.kind != SymbolKind::Section && s.value == target;
        match function {
            Some(f) => f.name.clone(),
            None => self
                .image
                .symbols_in(section)
                .find(named)
                .map_or_else(String::new, |s| s.name.clone()),
        }
    }
}
