//! The maps of a generated program.

use super::entries::{definition, MapUse, Role};
use super::options::Options;
use crate::traffic::Rng;
use beeline_frontend::program::MapDef;
use beeline_ir::map::MapKind;

/// `BPF_F_NO_PREALLOC`, which LPM maps must have.
const NO_PREALLOC: u32 = 1;
/// `BPF_F_RDONLY_PROG`: the program only reads.
const READ_ONLY: u32 = 0x80;

/// Random maps: tables and state, a device map, global data.
pub(super) fn maps(rng: &mut Rng, options: &Options) -> Vec<MapUse> {
    let mut maps = Vec::new();
    let least = usize::from(rng.percent(80));
    for n in 0..rng.between(least, options.maps) {
        maps.push(table(rng, options, n));
    }
    if rng.percent(40) {
        let def = definition("ports".to_owned(), MapKind::Devmap, (4, 4), 8);
        maps.push(MapUse { def, role: Role::Device, global: false });
    }
    if rng.percent(25) {
        maps.push(global(rng, ".rodata", true));
    }
    if rng.percent(30) {
        maps.push(global(rng, ".data", false));
    }
    maps
}

fn table(rng: &mut Rng, options: &Options, n: usize) -> MapUse {
    let mut kinds = vec![
        MapKind::Array,
        MapKind::PercpuArray,
        MapKind::Hash,
        MapKind::Hash,
        MapKind::PercpuHash,
    ];
    if options.software_only {
        kinds.push(MapKind::LpmTrie);
    }
    if options.lru {
        kinds.extend([MapKind::LruHash, MapKind::LruPercpuHash]);
    }
    let kind = *rng.pick(&kinds);
    let key = match kind {
        MapKind::Array | MapKind::PercpuArray => 4,
        MapKind::LpmTrie => 8,
        _ => *rng.pick(&[1, 2, 4, 4, 6, 8, 8, 12, 16]),
    };
    let value = *rng.pick(&[4, 8, 8, 8, 16, 24, 32]);
    let entries = match kind.is_array_like() {
        true => *rng.pick(&[1, 2, 3, 4, 8, 16, 64]),
        false => *rng.pick(&[1, 3, 8, 16, 64, 64]),
    };
    let mut def = definition(format!("map{n}"), kind, (key, value), entries);
    if kind == MapKind::LpmTrie {
        def.flags = NO_PREALLOC;
    }
    let role = if rng.percent(40) { Role::Read } else { Role::State };
    MapUse { def, role, global: false }
}

fn global(rng: &mut Rng, name: &str, constant: bool) -> MapUse {
    let size = 8 * rng.between(1, 4) as u32;
    let def = MapDef {
        initial: Some(rng.bytes(size as usize)),
        frozen: constant,
        flags: if constant { READ_ONLY } else { 0 },
        ..definition(name.to_owned(), MapKind::Array, (4, size), 1)
    };
    MapUse { def, role: if constant { Role::Read } else { Role::State }, global: true }
}
