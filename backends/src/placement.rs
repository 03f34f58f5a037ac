//! Who decides where in a map's memory a key stands: what the host's driver and the hardware agree on for each map.

use crate::verilog::MapLayout;
use beeline_ir::map::MapDecl;

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
}

impl Placement {
    /// The placement of the map `decl`.
    pub(crate) fn of(decl: &MapDecl, layout: &MapLayout) -> Self {
        match (layout.used, decl.kind.has_key_table()) {
            (false, _) => Placement::Absent,
            (true, false) => Placement::Index,
            (true, true) => Placement::Host,
        }
    }
}
