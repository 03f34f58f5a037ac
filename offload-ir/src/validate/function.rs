//! Invariants F1 to F6: a `Function`.

use super::faults::{Faults, Sink, Site};
use super::ops::{check_inst, check_type};
use super::Validated;
use crate::analysis::cfg::Cfg;
use crate::analysis::dominators::Dominators;
use crate::analysis::liveness::for_each_term_value;
use crate::dfg::{Ty, ValueDef};
use crate::entities::{Block, Inst, Value};
use crate::function::{Function, Terminator};
use crate::op::Op;
use cranelift_entity::SecondaryMap;

/// Checks the invariants of a `Function` and stamps it.
///
/// # Errors
/// Every broken invariant, with the marked listing.
pub fn validate_function(func: Function) -> Result<Validated<Function>, Faults> {
    check_function(&func)?;
    Ok(Validated(func))
}

/// The same check without the stamp, for tests between passes.
///
/// # Errors
/// As [`validate_function`].
pub fn check_function(func: &Function) -> Result<(), Faults> {
    let mut sink = Sink::default();
    let entry_exists = func.blocks.is_valid(func.entry);
    if !sink.require(entry_exists, Site::Whole, "F1", || "there is no entry block".into()) {
        return sink.finish(|_| String::new());
    }
    let cfg = Cfg::new(func);
    let mut check = FunctionCheck {
        func,
        dom: Dominators::new(func, &cfg),
        place: SecondaryMap::new(),
        cfg,
        sink,
    };
    check.entry();
    let mut sound = true;
    for &block in check.cfg.clone().reverse_postorder() {
        sound &= check.block_shape(block);
    }
    if sound {
        for &block in check.cfg.clone().reverse_postorder() {
            check.block_uses(block);
        }
    }
    check.sink.finish(|notes| func.listing(notes))
}

struct FunctionCheck<'a> {
    func: &'a Function,
    cfg: Cfg,
    dom: Dominators,
    /// Block of each placed operation, and its position plus 1.
    place: SecondaryMap<Inst, Option<(Block, u32)>>,
    sink: Sink,
}

impl FunctionCheck<'_> {
    fn entry(&mut self) {
        let entry = self.func.entry;
        let ok = self.func.blocks[entry].params.is_empty() && self.cfg.preds(entry).is_empty();
        self.sink.require(ok, Site::Block(entry), "F1", || {
            "the entry has parameters or predecessors".into()
        });
    }

    /// Everything but uses; false if operands do not exist.
    fn block_shape(&mut self, block: Block) -> bool {
        let dfg = &self.func.dfg;
        let data = &self.func.blocks[block];
        let mut sound = true;
        for (n, &p) in data.params.iter().enumerate() {
            let ok = dfg.values.is_valid(p);
            sound &= ok;
            self.sink.require(ok, Site::Block(block), "F3", || format!("{p} does not exist"));
            if ok {
                let ok = dfg.values[p].def == ValueDef::Param(block, n as u32);
                self.sink
                    .require(ok, Site::Block(block), "F3", || format!("{p} is not defined here"));
                check_type(dfg, p, Site::Block(block), &mut self.sink);
            }
        }
        for (n, &inst) in data.insts.iter().enumerate() {
            let ok = self.place[inst].replace((block, n as u32)).is_none();
            self.sink.require(ok, Site::Inst(inst), "F3", || {
                "the operation stands in two places".into()
            });
            sound &= check_inst(dfg, inst, &mut self.sink);
            let data = &dfg.insts[inst];
            self.sink.require(data.pred.is_none(), Site::Inst(inst), "F5", || {
                "a predicate in a function".into()
            });
            let lowered = matches!(
                data.op,
                Op::MapInsert { .. } | Op::MapRemove { .. } | Op::MapTouch { .. }
            );
            self.sink.require(!lowered, Site::Inst(inst), "F7", || {
                "an operation of lowered pipelines".into()
            });
            if let Some(v) = data.result.filter(|v| dfg.values.is_valid(*v)) {
                let ok = dfg.values[v].def == ValueDef::Inst(inst);
                self.sink
                    .require(ok, Site::Inst(inst), "F3", || format!("{v} is not defined here"));
            }
        }
        let mut exist = true;
        for_each_term_value(&data.term, |v| exist &= dfg.values.is_valid(v));
        self.sink.require(exist, Site::Term(block), "F4", || "an operand does not exist".into());
        sound && exist
    }

    fn block_uses(&mut self, block: Block) {
        for (n, &inst) in self.func.blocks[block].insts.iter().enumerate() {
            let op = self.func.dfg.insts[inst].op.clone();
            op.for_each_arg(|v| self.use_of(v, block, n as u32, Site::Inst(inst)));
        }
        let site = Site::Term(block);
        let term = &self.func.blocks[block].term;
        for_each_term_value(term, |v| self.use_of(v, block, u32::MAX, site));
        let ty = |v: &Value| self.func.dfg.ty(*v);
        match term {
            Terminator::Branch { cond, .. } => {
                let ok = ty(cond) == Ty::Int(1);
                self.sink.require(ok, site, "F6", || format!("the condition {cond} is not i1"));
            }
            Terminator::Ret(v) => {
                let ok = v.values().iter().all(|v| ty(v).bits().is_some());
                self.sink.require(ok, site, "F6", || "an entry in a verdict".into());
            }
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
        for t in term.targets() {
            let Some(dest) = self.func.blocks.get(t.block) else {
                self.sink.require(false, site, "F2", || format!("{} does not exist", t.block));
                continue;
            };
            let ok = dest.params.len() == t.args.len()
                && dest.params.iter().zip(&t.args).all(|(p, a)| ty(p) == ty(a));
            self.sink.require(ok, site, "F2", || {
                format!("the arguments are not those that {} takes", t.block)
            });
        }
    }

    /// F4: `v`, used in `block` before operation `position`.
    fn use_of(&mut self, v: Value, block: Block, position: u32, site: Site) {
        let ok = match self.func.dfg.values[v].def {
            ValueDef::Inst(i) => match self.place[i] {
                Some((b, n)) if b == block => n < position,
                Some((b, _)) => self.dom.dominates(b, block),
                None => false,
            },
            ValueDef::Param(b, n) => {
                let is_param =
                    self.func.blocks.get(b).and_then(|d| d.params.get(n as usize)) == Some(&v);
                is_param && self.cfg.is_reachable(b) && self.dom.dominates(b, block)
            }
        };
        self.sink
            .require(ok, site, "F4", || format!("{v} is not defined on every path to its use"));
    }
}
