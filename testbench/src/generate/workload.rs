//! Packets and map entries for a generated program: lengths around its bound checks, bytes that its comparisons ask for, keys
//! that its lookups find.

use super::entries::{MapUse, Role};
use super::notes::Notes;
use super::state::{Field, Source};
use super::Preload;
use crate::traffic::{mangle, Mix, Rng, SHORTEST_FRAME};
use beeline_ir::map::MapKind;

/// Most entries that a map gets.
const MOST_ENTRIES: usize = 24;

/// `count` packets, and the entries of `maps`.
pub(super) fn workload(
    rng: &mut Rng,
    notes: &Notes,
    maps: &[MapUse],
    count: usize,
) -> (Vec<Vec<u8>>, Vec<Preload>) {
    let mix = Mix::default();
    let packets: Vec<Vec<u8>> = (0..count).map(|_| packet(rng, &mix, notes)).collect();
    let mut entries = Vec::new();
    for (n, map) in maps.iter().enumerate() {
        if map.def.frozen || map.def.initial.is_some() {
            continue;
        }
        let keys = match map.def.kind.is_array_like() {
            true => indices(rng, map),
            false => keys(rng, notes, n, map, &packets),
        };
        for key in keys {
            entries.push((n, key, value(rng, map)));
        }
    }
    (packets, entries)
}

fn packet(rng: &mut Rng, mix: &Mix, notes: &Notes) -> Vec<u8> {
    let mut packet = match rng.below(8) {
        0 => mangled(rng, mix),
        1 | 2 => plain(rng),
        _ => mix.packet(rng),
    };
    for (field, value) in &notes.compared {
        if rng.percent(35) {
            meet_comparison(rng, &mut packet, *field, *value);
        }
    }
    let longest = notes.lengths.iter().max().map_or(0, |l| *l as usize);
    if !notes.lengths.is_empty() && rng.percent(35) {
        let asked = *rng.pick(&notes.lengths) as usize;
        let length = asked + rng.between(0, 2);
        resize(rng, &mut packet, length.saturating_sub(1));
    } else if packet.len() < longest && rng.percent(60) {
        let length = longest + rng.between(0, 100);
        resize(rng, &mut packet, length);
    } else if rng.percent(15) {
        let length = rng.between(SHORTEST_FRAME, 300);
        resize(rng, &mut packet, length);
    }
    packet
}

fn mangled(rng: &mut Rng, mix: &Mix) -> Vec<u8> {
    let packet = mix.packet(rng);
    mangle(rng, packet)
}

/// Few different bytes: fields are often equal, zero or small.
fn plain(rng: &mut Rng) -> Vec<u8> {
    let length = rng.between(SHORTEST_FRAME, 140);
    let letters = [0, 0, 1, 2, 4, 5, 0x45, 0x80, 0xff, rng.next_u8()];
    (0..length).map(|_| *rng.pick(&letters)).collect()
}

fn resize(rng: &mut Rng, packet: &mut Vec<u8>, length: usize) {
    let length = length.max(SHORTEST_FRAME);
    while packet.len() < length {
        packet.push(rng.next_u8());
    }
    packet.truncate(length);
}

/// Puts `value`, or a neighbour of it, where the program looks.
fn meet_comparison(rng: &mut Rng, packet: &mut [u8], field: Field, value: u64) {
    let value = match rng.below(6) {
        0 => value.wrapping_add(1),
        1 => value.wrapping_sub(1),
        _ => value,
    };
    let (at, len) = (field.offset as usize, usize::from(field.bytes));
    let Some(bytes) = packet.get_mut(at..at + len) else { return };
    bytes.copy_from_slice(&value.to_le_bytes()[..len]);
    if field.swapped {
        bytes.reverse();
    }
}

fn indices(rng: &mut Rng, map: &MapUse) -> Vec<Vec<u8>> {
    (0..map.def.max_entries)
        .filter(|_| rng.percent(70))
        .take(MOST_ENTRIES)
        .map(|i| i.to_le_bytes().to_vec())
        .collect()
}

/// Keys that packets make, and a few that are just possible.
fn keys(rng: &mut Rng, notes: &Notes, n: usize, map: &MapUse, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let recipes: Vec<&Vec<Option<Source>>> =
        notes.keys.iter().filter(|(m, _)| *m == n).map(|(_, key)| key).collect();
    let size = map.def.key_size as usize;
    let most = MOST_ENTRIES.min(map.def.max_entries as usize);
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for _ in 0..2 * most {
        if keys.len() >= most {
            break;
        }
        let mut key = match recipes.is_empty() || packets.is_empty() || rng.percent(15) {
            true => (0..size).map(|_| *rng.pick(&[0, 1, 2, 6, 17])).collect(),
            false => {
                let recipe = *rng.pick(&recipes);
                let packet = rng.pick(packets);
                cook(rng, recipe, packet)
            }
        };
        if map.def.kind == MapKind::LpmTrie {
            let prefix = rng.between(0, 8 * (size - 4)) as u32;
            key[..4].copy_from_slice(&prefix.to_le_bytes());
        }
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn cook(rng: &mut Rng, recipe: &[Option<Source>], packet: &[u8]) -> Vec<u8> {
    let byte = |source: &Option<Source>| match source {
        Some(Source::Constant(b)) => *b,
        Some(Source::Bit) => rng.next_u8() & 1,
        Some(Source::Packet(at)) => packet.get(*at as usize).copied().unwrap_or(0),
        None => *rng.pick(&[0, 0, 1, 2, 3]),
    };
    recipe.iter().map(byte).collect()
}

fn value(rng: &mut Rng, map: &MapUse) -> Vec<u8> {
    let size = map.def.value_size as usize;
    if map.role == Role::Device {
        let mut value = vec![0; size];
        value[0] = rng.between(1, 9) as u8;
        return value;
    }
    match rng.below(3) {
        0 => rng.bytes(size),
        1 => (0..size).map(|k| if k % 4 == 0 { rng.next_u8() & 7 } else { 0 }).collect(),
        _ => vec![*rng.pick(&[0, 0xff, 1]); size],
    }
}
