//! Uses and liveness of values in a `Function`.

use super::cfg::Cfg;
use crate::entities::{Block, Value};
use crate::function::{Function, Terminator};
use cranelift_entity::{EntityRef, SecondaryMap};

/// How often each value is used by reachable operations and terminators.
pub fn use_counts(func: &Function, cfg: &Cfg) -> SecondaryMap<Value, u32> {
    let mut counts = SecondaryMap::new();
    for &block in cfg.reverse_postorder() {
        for &inst in &func.blocks[block].insts {
            func.dfg.insts[inst].op.for_each_arg(|v| counts[v] += 1);
        }
        for_each_term_value(&func.blocks[block].term, |v| counts[v] += 1);
    }
    counts
}

/// Calls `f` on every value that `term` uses, block arguments included.
pub fn for_each_term_value(term: &Terminator, mut f: impl FnMut(Value)) {
    match term {
        Terminator::Branch { cond, .. } => f(*cond),
        Terminator::Ret(v) => v.values().into_iter().for_each(&mut f),
        Terminator::Jump(_) | Terminator::Unreachable => {}
    }
    for target in term.targets() {
        target.args.iter().copied().for_each(&mut f);
    }
}

/// Values that are live where a block begins and ends.
#[derive(Clone, Debug)]
pub struct Liveness {
    live_in: SecondaryMap<Block, Bits>,
    live_out: SecondaryMap<Block, Bits>,
}

/// A set of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, v: Value) {
        let word = v.index() / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (v.index() % 64);
    }

    fn remove(&mut self, v: Value) {
        if let Some(word) = self.0.get_mut(v.index() / 64) {
            *word &= !(1 << (v.index() % 64));
        }
    }

    fn contains(&self, v: Value) -> bool {
        self.0.get(v.index() / 64).is_some_and(|w| w >> (v.index() % 64) & 1 == 1)
    }

    /// Adds `other`; true if something new came.
    fn extend(&mut self, other: &Bits) -> bool {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        let mut grown = false;
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            grown |= *b & !*a != 0;
            *a |= *b;
        }
        grown
    }

    fn values(&self) -> impl Iterator<Item = Value> + '_ {
        let words = self.0.iter().enumerate();
        words.flat_map(|(n, w)| {
            (0..64).filter(move |b| w >> b & 1 == 1).map(move |b| Value::new(64 * n + b))
        })
    }
}

impl Liveness {
    /// Computes it.
    pub fn new(func: &Function, cfg: &Cfg) -> Self {
        let mut live_in: SecondaryMap<Block, Bits> = SecondaryMap::new();
        let mut live_out: SecondaryMap<Block, Bits> = SecondaryMap::new();
        let mut changed = true;
        while changed {
            changed = false;
            for block in cfg.postorder() {
                let mut live = live_out[block].clone();
                for target in func.blocks[block].term.targets() {
                    live.extend(&live_in[target.block]);
                }
                live_out[block] = live.clone();
                transfer(func, block, &mut live);
                changed |= live_in[block].extend(&live);
            }
        }
        Self { live_in, live_out }
    }

    /// Is `v` (not a parameter of `block`) needed by `block` or something after it?
    pub fn is_live_in(&self, block: Block, v: Value) -> bool {
        self.live_in[block].contains(v)
    }

    /// Values live where `block` begins, its parameters excepted, ascending.
    pub fn live_in(&self, block: Block) -> impl Iterator<Item = Value> + '_ {
        self.live_in[block].values()
    }

    /// Values live where `block` ends (behind its terminator), ascending.
    pub fn live_out(&self, block: Block) -> impl Iterator<Item = Value> + '_ {
        self.live_out[block].values()
    }
}

/// Walks `block` backwards.
fn transfer(func: &Function, block: Block, live: &mut Bits) {
    let data = &func.blocks[block];
    for_each_term_value(&data.term, |v| live.insert(v));
    for &inst in data.insts.iter().rev() {
        let inst = &func.dfg.insts[inst];
        if let Some(v) = inst.result {
            live.remove(v);
        }
        inst.op.for_each_arg(|v| live.insert(v));
    }
    for &p in &data.params {
        live.remove(p);
    }
}
