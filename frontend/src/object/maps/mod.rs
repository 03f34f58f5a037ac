//! Maps of an object: BTF-defined (`.maps`), legacy (`maps`) and global data (`.data`, `.rodata`, `.bss`).

mod btf_defined;
mod data;
mod legacy;

pub(crate) use data::is_data;

use super::error::{file_error, within, BROKEN_MAP, MAP_TYPE, TOO_LARGE};
use super::functions::Function;
use crate::btf::Btf;
use crate::elf::{Image, SectionId};
use crate::program::MapDef;
use beeline_ir::diagnostic::Diagnostic;
use beeline_ir::map::MapKind;

/// Why a map of the object cannot be used by a program; an object may hold such maps for its other programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapProblem {
    pub code: &'static str,
    pub message: String,
}

/// Where a map is defined, so that relocations find it.
#[derive(Clone, Debug)]
pub(crate) struct MapPlace {
    pub section: SectionId,
    pub start: u64,
    pub end: u64,
    /// Position in the object's maps.
    pub map: Result<usize, MapProblem>,
    /// Global data: the address is one within the only value.
    pub data: bool,
}

impl MapPlace {
    pub(crate) fn contains(&self, section: SectionId, at: u64) -> bool {
        // The address one past the end of data belongs to it as well.
        let end = if self.data { self.end + 1 } else { self.end };
        self.section == section && self.start <= at && at < end
    }
}

/// A map as found, before maps are put into file order.
struct Found {
    section: SectionId,
    start: u64,
    end: u64,
    def: Result<MapDef, MapProblem>,
    data: bool,
}

/// All maps in file order, and where they are.
pub(crate) fn read(
    image: &Image,
    btf: Option<&Btf>,
    functions: &[Function],
) -> Result<(Vec<MapDef>, Vec<MapPlace>), Diagnostic> {
    let mut found = Vec::new();
    for (id, section) in image.sections.iter().enumerate() {
        match section.name.as_str() {
            ".maps" => found.extend(btf_defined::read(image, id, btf, functions)?),
            "maps" => found.extend(legacy::read(image, id)?),
            name if name.starts_with("maps/") => found.extend(legacy::read(image, id)?),
            name if is_data(name) => found.extend(data::read(image, id, btf)?),
            _ => {}
        }
    }
    found.sort_by_key(|f| (f.section, f.start));
    let (mut maps, mut places) = (Vec::new(), Vec::new());
    for f in found {
        let Found { section, start, end, def, data } = f;
        let map = def.map(|def| {
            maps.push(def);
            maps.len() - 1
        });
        places.push(MapPlace { section, start, end, map, data });
    }
    Ok((maps, places))
}

fn kind(number: u32, map: &str) -> Result<MapKind, MapProblem> {
    MapKind::from_kernel(number).ok_or_else(|| MapProblem {
        code: MAP_TYPE,
        message: format!("map `{map}` has type {number}, which XDP programs cannot use here"),
    })
}

/// Most maps in one section; Linux lets a program use 64.
const MAX_MAPS: usize = 4096;

fn check_count(image: &Image, maps: usize) -> Result<(), Diagnostic> {
    if maps <= MAX_MAPS {
        return Ok(());
    }
    let message = format!("the object defines {maps} maps; at most {MAX_MAPS} are read");
    Err(file_error(&image.name, TOO_LARGE, message, "split the object"))
}

fn broken(image: &Image, map: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(BROKEN_MAP, message)
        .at(within(&image.name, format!("map {map}")))
        .help("declare the map as in libbpf: struct { __uint(type, ...); __type(key, ...); ... } m SEC(\".maps\")")
}
