//! Uses behind a loop of values that now have one definition in each copy.

use crate::analysis::cfg::Cfg;
use crate::analysis::liveness::for_each_term_value;
use crate::analysis::loops::Loop;
use crate::dfg::{ValueData, ValueDef};
use crate::entities::{Block, Value};
use crate::function::{Function, Terminator};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Values defined in the loop and used outside of it, with the block of the definition.
pub(super) fn escaping_values(
    func: &Function,
    l: &Loop,
    inside: &HashSet<Block>,
) -> BTreeMap<Value, Block> {
    let mut home: HashMap<Value, Block> = HashMap::new();
    for &block in &l.blocks {
        let data = &func.blocks[block];
        home.extend(data.params.iter().map(|p| (*p, block)));
        home.extend(
            data.insts.iter().filter_map(|i| func.dfg.insts[*i].result).map(|v| (v, block)),
        );
    }
    let mut escaping = BTreeMap::new();
    for &block in Cfg::new(func).reverse_postorder() {
        if inside.contains(&block) {
            continue;
        }
        let mut used = |v: Value| escaping.extend(home.get(&v).map(|b| (v, *b)));
        for &inst in &func.blocks[block].insts {
            func.dfg.insts[inst].op.for_each_arg(&mut used);
        }
        for_each_term_value(&func.blocks[block].term, used);
    }
    escaping
}

/// Replaces uses of each value outside the original body by the definition that reaches them, with new block parameters
/// where several do.
pub(super) fn repair(
    func: &mut Function,
    inside: &HashSet<Block>,
    definitions: BTreeMap<Value, Vec<(Block, Value)>>,
) {
    let cfg = Cfg::new(func);
    for (v, defs) in definitions {
        if defs.len() > 1 {
            let ends: HashMap<Block, Value> = defs.into_iter().collect();
            Repair { cfg: &cfg, inside, ends, starts: HashMap::new() }.run(func, v);
        }
    }
}

struct Repair<'a> {
    cfg: &'a Cfg,
    /// The original loop body, whose uses are behind the original definition.
    inside: &'a HashSet<Block>,
    /// Definitions: what the value is where a block ends.
    ends: HashMap<Block, Value>,
    /// What the value is where a block starts.
    starts: HashMap<Block, Value>,
}

impl Repair<'_> {
    fn run(mut self, func: &mut Function, v: Value) {
        let using = self.using_blocks(func, v);
        let needed = self.live_blocks(&using);
        self.add_params(func, v, &needed);
        for &block in &needed {
            self.start_of(block);
        }
        for &block in &needed {
            self.pass_args(func, block);
        }
        for block in using {
            let at_start = self.starts[&block];
            let rename = |u: Value| if u == v { at_start } else { u };
            for &inst in &func.blocks[block].insts {
                func.dfg.insts[inst].op.map_args(rename);
            }
            let mut term = std::mem::replace(&mut func.blocks[block].term, Terminator::Unreachable);
            term.map_values(rename);
            func.blocks[block].term = term;
        }
    }

    /// Blocks outside the original body that use `v`.
    fn using_blocks(&self, func: &Function, v: Value) -> Vec<Block> {
        let uses = |block: &Block| {
            let mut found = false;
            for &inst in &func.blocks[*block].insts {
                func.dfg.insts[inst].op.for_each_arg(|u| found |= u == v);
            }
            for_each_term_value(&func.blocks[*block].term, |u| found |= u == v);
            found
        };
        let blocks = self.cfg.reverse_postorder().iter();
        blocks.copied().filter(|b| !self.inside.contains(b) && uses(b)).collect()
    }

    /// Blocks at whose start the value is needed, in reverse postorder.
    fn live_blocks(&self, using: &[Block]) -> Vec<Block> {
        let mut live: BTreeSet<usize> = BTreeSet::new();
        let mut work = using.to_vec();
        while let Some(block) = work.pop() {
            if live.insert(self.cfg.position(block)) {
                work.extend(self.cfg.preds(block).iter().filter(|p| !self.ends.contains_key(p)));
            }
        }
        live.into_iter().map(|n| self.cfg.reverse_postorder()[n]).collect()
    }

    /// A parameter for each of `needed` that has several predecessors; `simplify_cfg` removes those that are not needed.
    fn add_params(&mut self, func: &mut Function, v: Value, needed: &[Block]) {
        for &block in needed {
            if self.cfg.preds(block).len() != 1 {
                let n = func.blocks[block].params.len() as u32;
                let ValueData { ty, name, .. } = func.dfg.values[v].clone();
                let param =
                    func.dfg.values.push(ValueData { ty, def: ValueDef::Param(block, n), name });
                func.blocks[block].params.push(param);
                self.starts.insert(block, param);
            }
        }
    }

    /// What the value is where `block` starts.
    fn start_of(&mut self, block: Block) -> Value {
        let mut chain = Vec::new();
        let mut at = block;
        let found = loop {
            if let Some(v) = self.starts.get(&at) {
                break *v;
            }
            chain.push(at);
            at = self.cfg.preds(at)[0];
            if let Some(v) = self.ends.get(&at) {
                break *v;
            }
        };
        for block in chain {
            self.starts.insert(block, found);
        }
        found
    }

    /// Arguments for the new parameter of `block`, if it has one.
    fn pass_args(&mut self, func: &mut Function, block: Block) {
        if self.cfg.preds(block).len() == 1 {
            return;
        }
        let mut preds = self.cfg.preds(block).to_vec();
        preds.sort();
        preds.dedup();
        for pred in preds {
            let arg = match self.ends.get(&pred) {
                Some(v) => *v,
                None => self.start_of(pred),
            };
            for target in func.blocks[pred].term.targets_mut().filter(|t| t.block == block) {
                target.args.push(arg);
            }
        }
    }
}
