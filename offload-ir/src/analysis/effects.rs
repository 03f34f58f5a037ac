//! What an operation reads and writes beside its operands.

use super::cfg::Cfg;
use crate::entities::{Block, Inst, MapId};
use crate::function::Function;
use crate::op::Op;
use cranelift_entity::SecondaryMap;
use std::collections::{BTreeMap, BTreeSet};

/// A part of the state; effects on different parts do not see each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Packet bytes.
    Packet,
    /// Which keys a map holds.
    Keys(MapId),
    /// The values of a map's entries.
    Values(MapId),
}

/// The state that `op` reads, if any.
pub fn read_state(op: &Op) -> Option<State> {
    match op {
        Op::PktLoad { .. } => Some(State::Packet),
        Op::MapLookup { map, .. }
        | Op::MapUpdate { map, .. }
        | Op::MapDelete { map, .. }
        | Op::MapInsert { map, .. } => Some(State::Keys(*map)),
        Op::MapLoad { map, .. } | Op::MapAtomic { map, .. } => Some(State::Values(*map)),
        _ => None,
    }
}

/// The states that `op` writes.
pub fn written_states(op: &Op) -> impl Iterator<Item = State> {
    let (first, second) = match op {
        Op::PktStore { .. } | Op::PktZero { .. } => (Some(State::Packet), None),
        Op::MapStore { map, .. } | Op::MapAtomic { map, .. } => (Some(State::Values(*map)), None),
        Op::MapUpdate { map, .. } | Op::MapInsert { map, .. } => {
            (Some(State::Keys(*map)), Some(State::Values(*map)))
        }
        Op::MapDelete { map, .. } | Op::MapRemove { map, .. } => (Some(State::Keys(*map)), None),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

/// Numbers for the content of each state: equal numbers at two places mean that nothing can have changed it
/// on any path from one to the other.
#[derive(Clone, Debug)]
pub struct Versions {
    /// Version of what the operation reads, where it reads.
    reads: SecondaryMap<Inst, u32>,
    /// Version of each state where a block ends; absent: never written before, version 0.
    ends: SecondaryMap<Block, BTreeMap<State, u32>>,
    next: u32,
}

impl Versions {
    /// Computes them, in one walk: what a loop may write is unknown in its header.
    pub fn new(func: &Function, cfg: &Cfg) -> Self {
        let mut this = Self { reads: SecondaryMap::new(), ends: SecondaryMap::new(), next: 1 };
        let written: BTreeSet<State> = cfg
            .reverse_postorder()
            .iter()
            .flat_map(|b| &func.blocks[*b].insts)
            .flat_map(|i| written_states(&func.dfg.insts[*i].op))
            .collect();
        for &block in cfg.reverse_postorder() {
            let mut now: BTreeMap<State, u32> = BTreeMap::new();
            for &state in &written {
                let version = this.at_start(cfg, block, state);
                now.insert(state, version);
            }
            for &inst in &func.blocks[block].insts {
                let op = &func.dfg.insts[inst].op;
                if let Some(version) = read_state(op).and_then(|s| now.get(&s)) {
                    this.reads[inst] = *version;
                }
                for state in written_states(op) {
                    now.insert(state, this.fresh());
                }
            }
            this.ends[block] = now;
        }
        this
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn at_start(&mut self, cfg: &Cfg, block: Block, state: State) -> u32 {
        let preds = cfg.preds(block);
        let Some(first) = preds.first() else {
            return 0;
        };
        let of = |p: &Block| self.ends[*p].get(&state).copied();
        let same = preds.iter().all(|p| !cfg.is_retreating(*p, block) && of(p) == of(first));
        match of(first).filter(|_| same) {
            Some(version) => version,
            None => self.fresh(),
        }
    }

    /// Version of what `inst` reads (its [`read_state`]), before it; 0 if nothing in the program writes that.
    pub fn of_read(&self, inst: Inst) -> u32 {
        self.reads[inst]
    }
}
