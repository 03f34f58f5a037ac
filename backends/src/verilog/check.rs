//! Limits of the hardware that the scheduler does not know: sizes of maps.

use beeline_ir::dfg::Dfg;
use beeline_ir::diagnostic::Place;
use beeline_ir::lpm::{LpmShape, LENGTH_BYTES, MAX_DATA_BYTES};
use beeline_ir::map::{MapDecl, MapKind};
use beeline_ir::op::Op;
use beeline_ir::{Diagnostic, MapId};
use std::collections::BTreeSet;

/// Longest key that the host's `KEY` registers hold, in bytes.
const MAX_KEY: u32 = 256;

/// Longest value that the host's `VALUE` registers hold, in bytes.
const MAX_VALUE: u32 = 61_440;

/// Rows that a memory's index and its depth parameter can count.
const MAX_ROWS: u64 = 1 << 30;

/// Maps that the host's `MAP` register and the redirect map in `tuser` (number + 1) can name.
const MAX_MAPS: usize = 255;

/// Memory bits beyond which a warning is due: about the block and ultra RAM of a large device.
const LARGE: u64 = 256 << 20;

/// Everything about the maps of a program that this hardware cannot do, and what it can but hardly should.
pub fn check(dfg: &Dfg) -> Vec<Diagnostic> {
    let used: BTreeSet<MapId> = dfg.insts.values().filter_map(|i| i.op.map()).collect();
    let changes =
        |op: &Op| matches!(op, Op::MapInsert { .. } | Op::MapRemove { .. } | Op::MapTouch { .. });
    let changed: BTreeSet<MapId> =
        dfg.insts.values().filter(|i| changes(&i.op)).filter_map(|i| i.op.map()).collect();
    let mut found = Vec::new();
    if dfg.maps.len() > MAX_MAPS {
        let message =
            format!("the object declares {} maps; the hardware numbers {MAX_MAPS}", dfg.maps.len());
        found.push(
            Diagnostic::error("BL0704", message)
                .help("leave out maps that the program does not use"),
        );
    }
    let mut total = 0;
    for id in used {
        let map = &dfg.maps[id];
        let table = changed.contains(&id);
        found.extend(limits(map, table));
        total += memory_bits(map, table);
    }
    if total > LARGE {
        let message =
            format!("the maps take {} Mbit of memory, more than devices have on chip", total >> 20);
        found.push(
            Diagnostic::warning("BL0705", message)
                .help("make them smaller with --map-entries NAME=N"),
        );
    }
    found
}

/// What is too large about `map`.
fn limits(map: &MapDecl, table: bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut refuse = |code, message: String, help: &str| {
        let at = Place { object: Some(format!("map `{}`", map.name)), ..Place::default() };
        found.push(Diagnostic::error(code, message).at(at).help(help));
    };
    if map.kind.has_key_table() && map.key_size > MAX_KEY {
        let message =
            format!("keys have {} bytes; the hardware's have at most {MAX_KEY}", map.key_size);
        refuse("BL0701", message, "use a shorter key, for example a hash of it");
    }
    if map.kind == MapKind::LpmTrie && map.key_size > LENGTH_BYTES + MAX_DATA_BYTES {
        let message = format!(
            "keys have {} bytes of data; the hardware's have at most {MAX_DATA_BYTES}",
            map.key_size - LENGTH_BYTES
        );
        refuse("BL0706", message, "use a shorter key");
    }
    if map.value_size > MAX_VALUE {
        let message = format!(
            "values have {} bytes; the hardware's have at most {MAX_VALUE}",
            map.value_size
        );
        refuse("BL0702", message, "split the value over several maps");
    }
    if rows(map, table) > MAX_ROWS {
        let message = format!(
            "the map has {} entries; a memory has at most {MAX_ROWS} rows",
            map.max_entries
        );
        refuse("BL0703", message, "make it smaller with --map-entries NAME=N");
    }
    found
}

fn rows(map: &MapDecl, table: bool) -> u64 {
    super::layout::map_layout(String::new(), map, true, table).rows
}

/// Memory of one copy of the map.
fn memory_bits(map: &MapDecl, table: bool) -> u64 {
    let values = rows(map, table).saturating_mul(8 * u64::from(map.value_size));
    let keys = match map.kind {
        MapKind::LpmTrie => lpm_bits(map),
        kind if kind.has_key_table() => {
            rows(map, table).saturating_mul(8 * u64::from(map.key_size) + 1)
        }
        _ => 0,
    };
    keys.saturating_add(values)
}

/// Both lists of boundaries with their slots, and a seventh or a third of that for the levels before the last.
fn lpm_bits(map: &MapDecl) -> u64 {
    let shape = LpmShape::of(map);
    let boundary = u64::from(shape.data_bits + shape.length_bits() + shape.index_bits);
    (2 * shape.capacity()).saturating_mul(boundary * 4 / 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use beeline_ir::Ty;
    use cranelift_entity::packed_option::PackedOption;

    fn codes(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Vec<&'static str> {
        let mut dfg = Dfg::default();
        let name = "m".to_owned();
        let map = dfg.maps.push(MapDecl {
            name,
            kind,
            key_size,
            value_size,
            max_entries,
            initial: None,
            frozen: false,
        });
        dfg.make_inst(
            Op::EntryConst { map, index: None },
            Some(Ty::Entry(map)),
            PackedOption::default(),
        );
        check(&dfg).iter().map(|d| d.code).collect()
    }

    #[test]
    fn limits_are_found_at_their_edges() {
        assert!(codes(MapKind::Hash, 256, 61_440, 16).is_empty());
        assert_eq!(codes(MapKind::Hash, 257, 61_441, 16), ["BL0701", "BL0702"]);
        assert!(codes(MapKind::LpmTrie, 20, 8, 16_384).is_empty());
        assert_eq!(codes(MapKind::LpmTrie, 21, 8, 16), ["BL0706"]);
        assert_eq!(codes(MapKind::LpmTrie, 20, 8, 1 << 20), ["BL0705"]);
        assert_eq!(codes(MapKind::Array, 4, 8, u32::MAX), ["BL0703", "BL0705"]);
        assert_eq!(codes(MapKind::Hash, 16, 64, 1 << 20), ["BL0705"]);
        assert!(codes(MapKind::Array, 4, 8, 65_536).is_empty());
    }
}
