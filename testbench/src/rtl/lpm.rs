//! LPM maps through the register map of `docs/rtl-interface.md`: the host's part of the longest-prefix search.

use super::host::{self, read_bytes, request, write_bytes, Slot};
use super::model::{Model, ModelError};
use crate::engine::Entry;
use beeline_ir::lpm::LpmShape;
use beeline_ir::map::MapDecl;
use beeline_sim::map::{boundaries, Boundary};
use std::collections::BTreeMap;

/// `CTRL`, with operation 0 or 1: `SLOT` is the position of a boundary.
const BOUNDARY: u32 = 1 << 8;
/// Likewise: the list as a whole; `SLOT` (to write) or `VALUE` (as read) is its length.
const LIST: u32 = 2 << 8;

/// Puts `entries` into map `n`: their values into slots in order, their prefixes into the list that is not searched, which then
/// becomes the one that is.
///
/// # Errors
/// If the design does not answer.
pub(super) fn load(
    model: &mut Model,
    n: u32,
    decl: &MapDecl,
    entries: &[Entry],
) -> Result<(), ModelError> {
    for (slot, (_, value)) in (0..).zip(entries) {
        let row = Slot { present: true, key: Vec::new(), value: value.clone() };
        host::write_slot(model, n, slot, &row)?;
    }
    let shape = LpmShape::of(decl);
    let keys = entries.iter().map(|(key, _)| &key[..]);
    let list = boundaries(shape.data_bits, keys.zip(0..));
    model.write(host::MAP, n)?;
    for (position, boundary) in (0..).zip(&list) {
        write_bytes(model, host::KEY, &boundary.key(shape.data_bits))?;
        model.write(host::VALUE, boundary.slot.unwrap_or(0))?;
        model.write(host::PRESENT, boundary.slot.is_some().into())?;
        model.write(host::SLOT, position)?;
        request(model, host::WRITE_SLOT | BOUNDARY)?;
    }
    model.write(host::SLOT, list.len() as u32)?;
    request(model, host::WRITE_SLOT | LIST)
}

/// What is in map `n`, whose entries were `before`: the prefixes that the search holds, with their values. The
/// bits behind a prefix, which the search does not hold, are those of `before`.
///
/// # Errors
/// If the design does not answer.
pub(super) fn dump(
    model: &mut Model,
    n: u32,
    decl: &MapDecl,
    before: &[Entry],
) -> Result<Vec<Entry>, ModelError> {
    let bits = LpmShape::of(decl).data_bits;
    let given: BTreeMap<Vec<u8>, &Vec<u8>> = before
        .iter()
        .filter_map(|(key, _)| Some((Boundary::of_prefix(key, bits, 0)?.key(bits), key)))
        .collect();
    model.write(host::MAP, n)?;
    request(model, host::READ_SLOT | LIST)?;
    let length = model.read(host::VALUE)?;
    let mut entries = Vec::new();
    for position in 0..length {
        model.write(host::MAP, n)?;
        model.write(host::SLOT, position)?;
        request(model, host::READ_SLOT | BOUNDARY)?;
        let present = model.read(host::PRESENT)? & 1 == 1;
        let key = read_bytes(model, host::KEY, decl.key_size)?;
        let slot = model.read(host::VALUE)?;
        if Boundary::read(&key, present.then_some(slot)).is_some_and(|b| b.starts_prefix()) {
            let row = host::read_slot(model, n, slot, 0, decl.value_size)?;
            entries.push((given.get(&key).map_or(key, |k| k.to_vec()), row.value));
        }
    }
    entries.sort();
    Ok(entries)
}
