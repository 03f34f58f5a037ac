//! Lowering of state, between if-conversion and port sharing: what a program does to a map becomes what hardware does to it,
//! one reading of the map as the packet finds it, then arithmetic, then one change.
//!
//! `map_update` and `map_delete` become a lookup (the *probe*; equal keys share it), at most one `map_insert` and one `map_remove` for each
//! map, stores of the new value's parts, and arithmetic for the result codes. Lookups in LRU maps also become `map_touch`es. Afterwards
//! every probe of a map, and every load of its values, comes before every change; a packet sees its own earlier changes because they are
//! forwarded: a lookup behind an update of a key that may be the same is a select over the equality of the keys, a load behind a
//! store is a select over the stored value. Maps that need none of this are left as they are.
//!
//! As in the kernel, an update of a `HASH` or `LRU_HASH` replaces the *element* of its key. Entries looked up before the update keep the old element:
//! loads through them give the old content, stores through them are lost. Per-CPU kinds and arrays are updated in place.
//!
//! An insertion's predicate is restricted to the packets whose key is absent, so that it never depends on what was loaded from the entry
//! itself; on the others an update is stores alone.

mod codes;
mod content;
mod handle;
mod needs;
mod order;
mod snapshot;
mod tables;
mod walk;

pub(crate) use needs::{differ, rows_of};
pub(crate) use order::topological;
pub(crate) use snapshot::snapshot_values;

use crate::diagnostic::Diagnostic;
use crate::map::MapKind;
use crate::pipeline::Pipeline;
use needs::maps_to_lower;
use walk::Walk;

/// Lowers the accesses to every map of `p` that needs it.
///
/// # Errors
/// `BL0606` for a change that the map's kind or the flags do not allow in hardware; `BL0607` if one packet may insert (or delete) several keys;
/// `BL0608` if it may delete a key and then insert another; `BL0609` if an access cannot be put before the packet's own changes;
/// `BL0611` if the conditions are too many to be analysed.
pub fn lower_state(p: &mut Pipeline) -> Result<(), Vec<Diagnostic>> {
    let maps = maps_to_lower(p);
    if maps.is_empty() {
        return Ok(());
    }
    let shared = maps.iter().map(|m| &p.dfg.maps[*m]).filter(|m| m.kind == MapKind::LpmTrie);
    let shared: Vec<Diagnostic> = shared
        .map(|m| {
            let name = &m.name;
            let message = format!(
                "a packet may read through one entry of `{name}` what it wrote through another"
            );
            Diagnostic::error("BL0609", message)
                .note("two keys of an LPM map can lead to the same entry")
                .help("use one lookup, or read the entry before it is written")
        })
        .collect();
    if !shared.is_empty() {
        return Err(shared);
    }
    Walk::new(p, maps).run(p)
}

#[cfg(test)]
mod tests;
