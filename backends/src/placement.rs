//! Who decides where in a map's memory a key stands: what the host's driver and the hardware agree on for each map.

use crate::verilog::MapLayout;
use beeline_ir::map::{MapDecl, MapKind};
use beeline_ir::{MapId, Pipeline};

/// Who places the keys of a map. The numbers are those of the register `MAP_INFO` (`docs/rtl-interface.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Placement {
    /// The program does not use the map: it has no hardware.
    Absent = 0,
    /// Nobody: the slot is the index.
    Index = 1,
    /// The host: a key may stand in one slot of each bank (`offload-ir/src/hash.rs`).
    Host = 2,
    /// The table itself, since the program inserts or deletes: the host names keys only.
    Table = 3,
    /// Likewise, and a new key takes the place of one that was not used for long.
    Lru = 4,
    /// The host: it sorts the boundaries of prefixes (`offload-ir/src/lpm.rs`).
    Sorted = 5,
}

impl Placement {
    /// The placement of `map`, whose hardware is `layout`.
    pub(crate) fn of(program: &Pipeline, map: MapId, layout: &MapLayout) -> Self {
        let kind = program.dfg.maps[map].kind;
        match kind {
            _ if !layout.used => Placement::Absent,
            _ if !kind.has_key_table() => Placement::Index,
            MapKind::LpmTrie => Placement::Sorted,
            _ if !program.changes_keys(map) => Placement::Host,
            MapKind::LruHash | MapKind::LruPercpuHash => Placement::Lru,
            _ => Placement::Table,
        }
    }

    /// What the register `MAP_INFO` says about the map `decl`.
    pub(crate) fn info(self, decl: &MapDecl, layout: &MapLayout) -> u32 {
        let depth = layout.depth_log2.filter(|_| self != Placement::Absent).unwrap_or(0);
        depth << 16 | (self as u32) << 8 | decl.kind as u32
    }

    /// True if the hardware does operations on keys (lookup, update, delete) by itself.
    pub fn takes_keys(self) -> bool {
        matches!(self, Placement::Table | Placement::Lru)
    }
}
