//! Pass `unroll_loops`: every loop becomes as many copies of its body as the verifier counted trips.
//!
//! Inner loops first. The edge back from the last copy leads to `unreachable`, as the verifier proved; `simplify_cfg` and
//! `fold_constants` then remove what the known trip makes constant. Afterwards the control flow has no cycles.
//!
//! Nothing is changed if the result would be larger than the budget, or a loop has no known bound; diagnostics say so:
//! `BL0501` (too large, with the size) and `BL0502` (no bound, or several entries).

mod repair;

use crate::analysis::cfg::Cfg;
use crate::analysis::dominators::Dominators;
use crate::analysis::loops::{Loop, Loops};
use crate::dfg::{InstData, ValueData, ValueDef};
use crate::diagnostic::{Diagnostic, Place};
use crate::entities::{Block, Inst, Value};
use crate::function::{BlockData, Function, Target, Terminator};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Unrolls all loops; see the module. `budget` is the largest number of operations that may come out.
///
/// # Errors
/// `BL0501` for the loops that grow too large, `BL0502` for those without a bound.
pub fn unroll_loops(func: &mut Function, budget: u64) -> Result<bool, Vec<Diagnostic>> {
    let mut changed = false;
    loop {
        let cfg = Cfg::new(func);
        let loops = Loops::new(&cfg, &Dominators::new(func, &cfg));
        if !changed {
            check(func, &loops, &cfg, budget)?;
        }
        let Some(inner) = loops.loops.first() else {
            return Ok(changed);
        };
        let trips = func.blocks[inner.header].max_trips.unwrap_or(1).max(1);
        unroll(func, inner, trips);
        changed = true;
    }
}

/// All reasons against unrolling, before anything is changed.
fn check(func: &Function, loops: &Loops, cfg: &Cfg, budget: u64) -> Result<(), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    for &block in &loops.irreducible {
        let d = Diagnostic::error("BL0502", "a loop with several entries cannot be unrolled");
        problems
            .push(d.at(place(func, &[block])).help("remove the jump into the middle of the loop"));
    }
    for l in &loops.loops {
        if func.blocks[l.header].max_trips.is_none() {
            let d = Diagnostic::error(
                "BL0502",
                "no bound is known for the number of trips of this loop",
            );
            problems
                .push(d.at(place(func, &l.blocks)).help("give the loop a constant upper bound"));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let size = unrolled_size(func, loops, cfg);
    if size <= budget {
        return Ok(());
    }
    // The outermost loops are to blame; their sizes add up.
    for l in loops.loops.iter().filter(|l| loops.containing(l.header).count() == 1) {
        let trips = func.blocks[l.header].max_trips.unwrap_or(1);
        let message =
            format!("unrolled, the program would have {size} operations; the limit is {budget}");
        let d = Diagnostic::error("BL0501", message).at(place(func, &l.blocks));
        let d = d.note(format!("this loop has up to {trips} trips and {} blocks", l.blocks.len()));
        problems.push(d.help("lower the bound of the loop, or move work out of it"));
    }
    Err(problems)
}

/// Operations after unrolling everything.
fn unrolled_size(func: &Function, loops: &Loops, cfg: &Cfg) -> u64 {
    let mut copies: HashMap<Block, u64> = HashMap::new();
    for l in &loops.loops {
        let trips = u64::from(func.blocks[l.header].max_trips.unwrap_or(1).max(1));
        for &block in &l.blocks {
            let n = copies.entry(block).or_insert(1);
            *n = n.saturating_mul(trips);
        }
    }
    let size = |b: &Block| {
        (func.blocks[*b].insts.len() as u64 + 1).saturating_mul(copies.get(b).copied().unwrap_or(1))
    };
    cfg.reverse_postorder().iter().map(size).fold(0, u64::saturating_add)
}

/// The first instruction of the user's program in `blocks`.
fn place(func: &Function, blocks: &[Block]) -> Place {
    let insts = blocks.iter().flat_map(|b| &func.blocks[*b].insts);
    let src = insts.filter_map(|i| func.dfg.insts[*i].src.expand()).next();
    let mut place = Place { program: Some(func.name.clone()), ..Place::default() };
    if let Some(loc) = src.map(|s| &func.dfg.sources[s]) {
        (place.pc, place.insn, place.line) =
            (Some(loc.pc), Some(loc.insn.clone()), loc.line.clone());
    }
    place
}

fn new_block(func: &mut Function) -> Block {
    func.blocks.push(BlockData {
        params: Vec::new(),
        insts: Vec::new(),
        term: Terminator::Unreachable,
        max_trips: None,
    })
}

/// Makes `trips` copies (the original among them) of a loop that contains no other.
fn unroll(func: &mut Function, l: &Loop, trips: u32) {
    let inside: HashSet<Block> = l.blocks.iter().copied().collect();
    let escaping = repair::escaping_values(func, l, &inside);
    func.blocks[l.header].max_trips = None;
    let mut definitions: BTreeMap<Value, Vec<(Block, Value)>> =
        escaping.iter().map(|(v, block)| (*v, vec![(*block, *v)])).collect();
    let mut copies: Vec<Copy> = vec![Copy::identity(l)];
    for _ in 1..trips {
        let copy = Copy::make(func, l);
        for (v, block) in &escaping {
            let defined = (copy.blocks[block], copy.values[v]);
            definitions.entry(*v).or_default().push(defined);
        }
        copies.push(copy);
    }
    let dead = new_block(func);
    for n in 0..copies.len() {
        let next = copies.get(n + 1).map(|c| c.blocks[&l.header]);
        for block in &l.blocks {
            let block = copies[n].blocks[block];
            let mut term = std::mem::replace(&mut func.blocks[block].term, Terminator::Unreachable);
            for target in term.targets_mut() {
                redirect(target, l.header, &copies[n], next, dead);
            }
            func.blocks[block].term = term;
        }
    }
    repair::repair(func, &inside, definitions);
}

/// Points `target`, in a copy, to the right copy: the body's own, or for the header the next one.
fn redirect(target: &mut Target, header: Block, copy: &Copy, next: Option<Block>, dead: Block) {
    if target.block == header {
        match next {
            Some(next) => target.block = next,
            None => *target = Target { block: dead, args: Vec::new() },
        }
    } else if let Some(own) = copy.blocks.get(&target.block) {
        target.block = *own;
    }
}

/// A copy of a loop body: what its blocks and values are called there.
struct Copy {
    blocks: HashMap<Block, Block>,
    values: HashMap<Value, Value>,
}

impl Copy {
    fn identity(l: &Loop) -> Self {
        Self { blocks: l.blocks.iter().map(|b| (*b, *b)).collect(), values: HashMap::new() }
    }

    /// Copies the original blocks; jump targets stay the original ones for now.
    fn make(func: &mut Function, l: &Loop) -> Self {
        let mut copy = Self { blocks: HashMap::new(), values: HashMap::new() };
        let mut insts: Vec<Inst> = Vec::new();
        for &block in &l.blocks {
            let new = new_block(func);
            copy.blocks.insert(block, new);
            for n in 0..func.blocks[block].params.len() {
                let old = func.blocks[block].params[n];
                let param = copy.value(func, old, ValueDef::Param(new, n as u32));
                func.blocks[new].params.push(param);
            }
            for n in 0..func.blocks[block].insts.len() {
                let old = func.blocks[block].insts[n];
                let InstData { op, result, pred, src } = func.dfg.insts[old].clone();
                let inst = func.dfg.insts.push(InstData { op, result: None, pred, src });
                func.dfg.insts[inst].result =
                    result.map(|v| copy.value(func, v, ValueDef::Inst(inst)));
                func.blocks[new].insts.push(inst);
                insts.push(inst);
            }
        }
        // Operands once every value has its name in the copy.
        for inst in insts {
            func.dfg.insts[inst].op.map_args(|v| copy.renamed(v));
        }
        for &block in &l.blocks {
            let mut term = func.blocks[block].term.clone();
            term.map_values(|v| copy.renamed(v));
            func.blocks[copy.blocks[&block]].term = term;
        }
        copy
    }

    fn value(&mut self, func: &mut Function, old: Value, def: ValueDef) -> Value {
        let ValueData { ty, name, .. } = func.dfg.values[old].clone();
        let new = func.dfg.values.push(ValueData { ty, def, name });
        self.values.insert(old, new);
        new
    }

    fn renamed(&self, v: Value) -> Value {
        self.values.get(&v).copied().unwrap_or(v)
    }
}
