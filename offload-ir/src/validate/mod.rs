//! Validators: the invariants of the three forms, and `Validated<T>`, the stamp without which no backend and no
//! simulator takes a program.
//!
//! A validator collects every fault, so that a broken pass shows all of its damage at once, printed inside the listing.
//!
//! # Operations (all forms)
//!
//! - **O1** Every value has an integer type of 1 to 64 bits or is an entry of a declared map.
//! - **O2** An operation has a result exactly if it is not a store, and of the type that it makes: operands' width for arithmetic,
//!   `i1` for comparisons, a wider integer for extensions, the sum of the parts for `concat`, and so on.
//! - **O3** Operands have the types that the operation takes; the two of an arithmetic operation or comparison are equally wide; an
//!   entry belongs to the map that the operation names.
//! - **O4** A constant fits its width, the index of a constant entry is below the map's size.
//! - **O5** A load is a multiple of 8 bits wide, a store 8, 16, 32 or 64, an atomic operation 32 or 64 bits; `cmpxchg`
//!   and no other has an expected value.
//! - **O6** Bounds are not empty (`min <= max`), known bits lie within the known mask, and an access to a map's
//!   values lies within the value.
//! - **O7** The parts of a key (or value) are multiples of 8 bits and together as long as the map's keys (values).
//! - **O8** A record is sent through a perf event array or a ring buffer; its parts are multiples of 8 bits and at most
//!   [`MAX_EVENT_BYTES`](crate::op::MAX_EVENT_BYTES) together; its length is `i16` and, if constant, not above that; `when` is `i1`.
//!
//! # `Function`
//!
//! - **F1** The entry block exists, has no parameters and no predecessors.
//! - **F2** A jump names an existing block and passes one value of the right type for each of its parameters.
//! - **F3** An operation stands in one block, once; values and their definitions point at each other.
//! - **F4** A definition dominates its uses.
//! - **F5** Operations have no predicates.
//! - **F6** A branch condition is `i1`, the values of a verdict are integers.
//! - **F7** There is no `map_insert`, `map_remove` or `map_touch`: these are what updates and deletions of a pipeline are lowered to.
//!
//! Blocks that the entry does not reach are not looked at.
//!
//! # `Pipeline`
//!
//! - **P1** An operation stands in the order once; values and their definitions point at each other; there are no block parameters.
//! - **P2** A definition comes before its uses.
//! - **P3** Only effects, loads and lookups have predicates, all of them `i1`.
//! - **P4** The values of the verdict are defined integers.
//! - **P5** A map has `map_update`s and `map_delete`s or, once it is lowered ([`crate::state`]), at most one `map_insert` and one `map_remove`, behind
//!   all lookups in the map, and `map_touch`es.
//!
//! The order of effects on one state is the order of the list, by definition.
//!
//! # `StagedPipeline`
//!
//! - **S1** The operations form a valid `Pipeline`, all of whose maps are lowered.
//! - **S2** Stages lie below the number of stages, which is at least 1, and ascend along the order (so effects on one state keep their order).
//!   Trace inputs are in stage 0, events in the last stage.
//! - **S3** An operand exists in the stage that uses it (equal stages chain): it is made in an earlier or the same
//!   stage, and the entry of a lookup in a keyed map `hash_latency` stages after the key is presented.
//! - **S4** A lookup in a keyed map has one lookup port of that map, issued in the lookup's stage; other operations have none. If packets change the
//!   map's keys, all its lookups are in one stage, insertions and touches where their answer is, the removal there or later.
//! - **S5** An access to a map's values belongs to one value port, of its map and slot ([`crate::ports::same_slot`]); loads are placed exactly
//!   `value_latency` stages after the port's issue, when the row is there, stores in the port's commit stage, which is not before that, atomic
//!   operations where both are one; a port that changes nothing commits when the row is there. Accesses are listed in program order; the entry exists when the row is requested.
//! - **S6** Ports of a map that the program writes serve disjoint ranges of rows, or the same ones; these have one issue, and one of them writes.
//! - **S7** There is one boundary for each stage; values and bytes in it ascend. It holds exactly the values that are made before it and used behind it
//!   (by later stages; by gates: what they compare where they stand, and `may` up to the change; by value ports: [`crate::pipeline::ValuePort::slot_until`]; and as verdict, exit predicate or part of an event by the exit); constants are not registered.
//! - **S8** A boundary holds only bytes that are present in its stage (see [`crate::pipeline::Boundary`]) and touched again, or
//!   written and on their way to the exit; what a load or a store at a variable coordinate may touch within the window is present.
//! - **S9** Exits ascend, within the window; every byte that a store may touch has one that patches it; patched bytes are in the last boundary; predicates are `i1`.
//! - **S10** What loads and stores may touch ([`crate::schedule::window`]) is bounded and lies within the window.
//! - **S11** A gate stands behind stage 0 and before the stage of its change. No packet waits for a table or a memory there: what was asked before
//!   a gate has been answered before it, so no gate stands before a stage between the one in which a key is presented or a row is requested
//!   (excluded) and the one in which the entry or the row is there (included).
//! - **S12** A window between a row (a lookup's answer) and a later change has a gate; gates ascend by stage; what they compare and `may` exist in
//!   their stage; their depth is at least 1 (with less than the distance to the change, packets that have nothing to do with each other wait).

mod faults;
mod function;
mod gates;
mod ops;
mod pipeline;
mod staged;
mod window;

pub use faults::{Fault, Faults, Site};
pub use function::{check_function, validate_function};
pub use pipeline::validate_pipeline;
pub use staged::validate_staged;

/// A form of the IR whose invariants have been checked. Only the validators make one.
#[derive(Clone, Debug)]
pub struct Validated<T>(T);

impl<T> Validated<T> {
    /// Takes the stamp off, to change the program.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Validated<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
