//! Which stages packets must pass one by one, because one packet may read there what the one before it changes a stage or more behind.

use beeline_ir::entities::{Inst, MapId};
use beeline_ir::op::Op;
use beeline_ir::StagedPipeline;
use cranelift_entity::EntityRef;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Runs of stages that are executed together, and the operations between whose first and last one packet is done before the next begins.
pub(super) struct Sections {
    /// All stages, in order; those with operations of `ordered` in common windows are in one run.
    pub runs: Vec<Range<usize>>,
    /// Operations on state that some packet changes.
    pub ordered: BTreeSet<Inst>,
}

/// Accesses to one memory.
#[derive(Default)]
struct Memory {
    accesses: Vec<Inst>,
    written: bool,
}

/// What a memory holds: the keys of a map, or its values at some indices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Keys,
    Values(Option<(u32, u32)>),
}

impl Sections {
    pub fn of(staged: &StagedPipeline) -> Self {
        let mut ordered = BTreeSet::new();
        let mut windows = Vec::new();
        for memory in memories(staged).into_values().filter(|m| m.written) {
            let stages = || memory.accesses.iter().map(|&i| staged.stage_of[i].index());
            windows.extend(stages().min().zip(stages().max()));
            ordered.extend(memory.accesses);
        }
        windows.sort_unstable();
        let mut runs: Vec<Range<usize>> = Vec::new();
        for stage in 0..staged.num_stages as usize {
            // A window that lies over this stage and the one before it.
            let joined = windows.iter().any(|(from, to)| *from < stage && stage <= *to);
            match runs.last_mut().filter(|_| joined) {
                Some(run) => run.end = stage + 1,
                None => runs.push(stage..stage + 1),
            }
        }
        Self { runs, ordered }
    }
}

fn memories(staged: &StagedPipeline) -> BTreeMap<(MapId, Part), Memory> {
    let dfg = &staged.pipeline.dfg;
    let mut memories: BTreeMap<(MapId, Part), Memory> = BTreeMap::new();
    for &inst in &staged.pipeline.order {
        let (map, change) = match dfg.insts[inst].op {
            Op::MapLookup { map, .. } if dfg.maps[map].kind.has_key_table() => (map, false),
            Op::MapInsert { map, .. } | Op::MapRemove { map, .. } | Op::MapTouch { map, .. } => {
                (map, true)
            }
            _ => continue,
        };
        let memory = memories.entry((map, Part::Keys)).or_default();
        memory.accesses.push(inst);
        memory.written |= change;
    }
    for port in &staged.value_ports {
        // Ranges are disjoint, unless one of the ports serves every entry.
        let whole = staged.value_ports.iter().any(|p| p.map == port.map && p.rows.is_none());
        let rows = port.rows.filter(|_| !whole);
        let memory = memories.entry((port.map, Part::Values(rows))).or_default();
        memory.accesses.extend(&port.accesses);
        memory.written |= port.accesses.iter().any(|&i| dfg.insts[i].op.has_effect());
    }
    memories
}
