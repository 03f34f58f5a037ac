//! Entries of dumped maps as JSON, in the forms that map files have.

use super::to_hex;
use beeline_frontend::program::MapDef;
use beeline_ir::map::MapKind;
use serde_json::{json, Value as Json};

/// Name of map number `n`: one of the program's `maps`, or of the `inner` ones that follow them.
pub fn map_name<'a>(maps: &'a [MapDef], inner: &'a [MapDef], n: usize) -> &'a str {
    maps.iter().chain(inner).nth(n).map_or("?", |m| m.name.as_str())
}

/// An entry of the map that `def` describes: with programs and maps by name, and without a key where
/// there is none.
pub fn entry_json(
    def: &MapDef,
    maps: &[MapDef],
    inner: &[MapDef],
    programs: &[String],
    key: &[u8],
    value: &[u8],
) -> Json {
    let number = || value.first_chunk().map_or(usize::MAX, |v| u32::from_le_bytes(*v) as usize);
    let key = to_hex(key);
    match def.kind {
        MapKind::ProgArray => {
            let name = programs.get(number()).map_or("?", |p| p.as_str());
            json!({ "key": key, "program": name })
        }
        MapKind::ArrayOfMaps | MapKind::HashOfMaps => {
            json!({ "key": key, "map": map_name(maps, inner, number()) })
        }
        MapKind::Queue | MapKind::Stack => json!({ "value": to_hex(value) }),
        _ => json!({ "key": key, "value": to_hex(value) }),
    }
}
