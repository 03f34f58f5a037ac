//! Global data: each section becomes an array map with one entry, as libbpf makes it.

use super::{broken, Found};
use crate::btf::{Btf, TypeId};
use crate::elf::{Image, SectionId};
use crate::object::special;
use crate::program::{MapDef, MapTypes};
use beeline_ir::diagnostic::Diagnostic;
use beeline_ir::map::MapKind;

/// `BPF_F_RDONLY_PROG`
const RDONLY_PROG: u32 = 1 << 7;
/// Largest section; `.bss` takes no room in the file, so that a small file could ask for any size.
const MAX_SIZE: u64 = 16 << 20;

/// Section `name` holds global data.
pub(crate) fn is_data(name: &str) -> bool {
    [".data", ".rodata", ".bss"].iter().any(|base| match name.strip_prefix(base) {
        Some(rest) => rest.is_empty() || rest.starts_with('.'),
        None => false,
    })
}

pub(super) fn read(
    image: &Image,
    id: SectionId,
    btf: Option<&Btf>,
) -> Result<Option<Found>, Diagnostic> {
    let section = &image.sections[id];
    if section.size == 0 {
        return Ok(None);
    }
    let name = section.name.clone();
    let data = image.sections.iter().filter(|s| is_data(&s.name));
    let total = data.fold(0u64, |sum, s| sum.saturating_add(s.size));
    if section.size > MAX_SIZE || total > 4 * MAX_SIZE {
        let message = format!(
            "global data of {} bytes is too large: at most {MAX_SIZE} bytes per section",
            section.size
        );
        return Err(broken(image, &name, message).help("put large tables into a map of their own"));
    }
    let initial =
        if section.nobits { vec![0; section.size as usize] } else { image.data(id).to_vec() };
    let frozen = name.starts_with(".rodata");
    let def = MapDef {
        name,
        kind: MapKind::Array,
        key_size: 4,
        value_size: initial.len() as u32,
        max_entries: 1,
        flags: if frozen { RDONLY_PROG } else { 0 },
        initial: Some(initial),
        frozen,
        types: btf.and_then(|btf| types(btf, &section.name)),
        ..MapDef::default()
    };
    let end = section.size;
    Ok(Some(Found { section: id, start: 0, end, def: Ok(def), data: true }))
}

/// The section's variables are the type of the value.
fn types(btf: &Btf, section: &str) -> Option<MapTypes> {
    let value = btf.section(section)?;
    Some(MapTypes { key: TypeId(0), value, fields: special::fields(btf, value) })
}
