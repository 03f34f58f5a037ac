//! The C driver of a design: a header and a source with functions for every map, over the registers of `docs/rtl-interface.md`.
//!
//! Everything that depends on the program is in tables and types; the code around them is the template's. The driver
//! reaches the registers through two functions of its user's, needs no operating system, and allocates nothing.

mod names;
mod types;

pub use types::{Aggregate, CType, MapTypes, Member, Types};

use crate::placement::Placement;
use crate::verilog::{Design, Layout, MapLayout};
use beeline_hdl::driver::{DriverHeader, DriverMap, DriverModel, DriverSource};
use beeline_hdl::templates::Origin;
use beeline_ir::map::MapDecl;
use beeline_ir::MapId;
use names::Namer;
use types::Definitions;

/// Bits of a map's rights in the C source.
const READABLE: u32 = 1;
const WRITABLE: u32 = 2;
const LOCKS: u32 = 4;

/// What follows the name of a map in the names of its functions and types.
const MAP_NAMES: [&str; 6] = ["_lookup", "_update", "_delete", "_next_key", "_key_t", "_value_t"];

/// Header and source of the driver of the design `layout`: `(name, text)`.
///
/// # Errors
/// If a template does not render.
pub(crate) fn emit(
    layout: &Layout,
    types: &Types,
    origin: Origin,
) -> Result<Vec<(String, String)>, askama::Error> {
    let header = format!("{}_host.h", layout.prefix);
    let source = format!("{}_host.c", layout.prefix);
    let origin = Origin {
        program: comment(&origin.program),
        object: comment(&origin.object),
        version: origin.version,
    };
    let model = model(layout, types, origin, &header);
    Ok(vec![
        (header, crate::verilog::render(&DriverHeader { model: model.clone() })?),
        (source, crate::verilog::render(&DriverSource { model })?),
    ])
}

/// What the names of the driver of `design` start with.
pub fn prefix(design: &Design) -> String {
    prefix_of(&design.top)
}

fn prefix_of(top: &str) -> String {
    names::identifier(top).to_lowercase()
}

fn model(layout: &Layout, types: &Types, origin: Origin, header: &str) -> DriverModel {
    let program = &layout.staged.pipeline;
    let prefix = prefix_of(&layout.prefix);
    // Names that the templates use behind the prefix, so that no map and no struct takes them.
    let mut namer = Namer::prefixed();
    for own in ["device", "place", "map", "host", "reg", "get_bits", "set_bits"] {
        namer.unique_with(&format!("{prefix}_{own}"), &MAP_NAMES);
    }
    let definitions = Definitions::new(types, &prefix, &mut namer);
    let none = MapTypes::default();
    let mut hidden = 0;
    let maps: Vec<DriverMap> = program
        .dfg
        .maps
        .iter()
        .map(|(id, decl)| {
            let placement = Placement::of(program, id, layout.map(id));
            let t = types.maps.get(id.as_u32() as usize).unwrap_or(&none);
            let name = names::identifier(&decl.name.to_lowercase());
            let name = namer.unique_with(&format!("{prefix}_{name}"), &MAP_NAMES);
            let mut map = map(decl, layout.map(id), placement, t);
            map.number = id.as_u32() as usize;
            map.name = name[prefix.len() + 1..].to_owned();
            map.key = definitions.declaration(t.key.as_ref(), decl.key_size);
            map.value = definitions.declaration(t.value.as_ref(), decl.value_size);
            map.first_hidden = hidden;
            hidden += map.hidden.len();
            map
        })
        .collect();
    let any = |is: &dyn Fn(Placement) -> bool| {
        program.dfg.maps.keys().any(|id: MapId| is(Placement::of(program, id, layout.map(id))))
    };
    DriverModel {
        origin,
        upper: prefix.to_uppercase(),
        prefix: prefix.clone(),
        header: header.to_owned(),
        types: definitions.texts,
        bit_fields: types.aggregates.iter().flat_map(|a| &a.members).any(|m| m.bit_size > 0),
        maps,
        places: any(&|p| p == Placement::Host),
        takes_keys: any(&Placement::takes_keys),
    }
}

fn map(decl: &MapDecl, layout: &MapLayout, placement: Placement, types: &MapTypes) -> DriverMap {
    let mut rights = 0;
    // An LPM map as a whole is what the host writes, not a key of it (`templates/lpm_place.c`).
    let by_key = placement != Placement::Sorted;
    for (bit, has) in [
        (READABLE, !types.write_only),
        (WRITABLE, !types.read_only && !decl.frozen),
        (LOCKS, types.lock),
    ] {
        rights |= if has && by_key { bit } else { 0 };
    }
    let within = |(first, bytes): &&(u32, u32)| {
        first.checked_add(*bytes).is_some_and(|end| end <= decl.value_size)
    };
    DriverMap {
        source: comment(&decl.name),
        kind: decl.kind.name().to_owned(),
        info: placement.info(decl, layout),
        key_size: decl.key_size,
        value_size: decl.value_size,
        entries: decl.max_entries,
        slots: if placement == Placement::Absent { 0 } else { layout.rows },
        rights,
        hidden: types.hidden.iter().filter(within).copied().collect(),
        used: placement != Placement::Absent,
        ..DriverMap::default()
    }
}

/// `text` as part of a comment in C.
fn comment(text: &str) -> String {
    crate::verilog::printable(text).replace("*/", "* /").replace("/*", "/ *")
}
