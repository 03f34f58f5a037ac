//! Pass `eliminate_redundant_loads`: bytes that are known already are not loaded again.
//!
//! Walks forward with what is known of packet and map bytes: what was stored there or loaded from there. A load all of whose bytes are known
//! becomes a concatenation of parts of those values. Addresses are compared as sums, so that equal variable parts cancel out; a store
//! forgets every byte that it may touch, `pkt_zero` those that it may clear, an atomic operation those that it changes.
//! Where paths join, what is known on all of them stays; in loop headers nothing is known.

mod content;

use super::edit::{Leaves, Placer, Substitution};
use crate::analysis::cfg::Cfg;
use crate::analysis::conditions::facts_under_conditions;
use crate::analysis::dominators::Dominators;
use crate::analysis::known::ValueFacts;
use crate::dfg::Ty;
use crate::entities::{Block, Inst, Value};
use crate::function::Function;
use crate::op::Op;
use content::{Content, Held};
use cranelift_entity::SecondaryMap;

/// Eliminates redundant loads; see the module.
pub fn eliminate_redundant_loads(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let facts = facts_under_conditions(func, &cfg, &Dominators::new(func, &cfg));
    let mut leaves = Leaves::new(func);
    let mut subst = Substitution::default();
    let mut ends: SecondaryMap<Block, Option<Content>> = SecondaryMap::new();
    for &block in cfg.reverse_postorder() {
        let mut content = at_start(&cfg, &ends, block);
        let insts = std::mem::take(&mut func.blocks[block].insts);
        let placer =
            Placer { dfg: &mut func.dfg, leaves: &mut leaves, out: Vec::new(), src: None.into() };
        let mut walk = Walk { placer, facts: &facts, content: &mut content };
        for inst in insts {
            walk.placer.dfg.insts[inst].op.map_args(|v| subst.resolve(v));
            match walk.visit(inst) {
                Some(known) => {
                    let v = walk.placer.dfg.insts[inst].result.expect("a load has a result");
                    subst.replace(walk.placer.dfg, v, known);
                }
                None => walk.placer.out.push(inst),
            }
        }
        func.blocks[block].insts = walk.placer.out;
        ends[block] = Some(content);
    }
    leaves.finish(func);
    subst.apply(func, &cfg)
}

/// What is known where `block` starts.
fn at_start(cfg: &Cfg, ends: &SecondaryMap<Block, Option<Content>>, block: Block) -> Content {
    let mut preds = cfg.preds(block).iter();
    let Some(first) = preds.next().and_then(|p| ends[*p].clone()) else {
        return Content::default();
    };
    preds.fold(first, |mut all, p| {
        match &ends[*p] {
            Some(other) => all.keep_common(other),
            None => all = Content::default(),
        }
        all
    })
}

struct Walk<'a> {
    placer: Placer<'a>,
    facts: &'a ValueFacts,
    content: &'a mut Content,
}

impl Walk<'_> {
    /// The value that the load `inst` gives, if that is known; notes what the operation says about the content.
    fn visit(&mut self, inst: Inst) -> Option<Value> {
        let dfg = &*self.placer.dfg;
        let data = &dfg.insts[inst];
        if let Op::PktZero { from, to } = data.op {
            let (from, to) = (self.facts.get(dfg, from), self.facts.get(dfg, to));
            self.content.forget_packet(from.smin, to.smax);
            return None;
        }
        let access = crate::analysis::address::Access::of(dfg, self.facts, inst)?;
        match &data.op {
            Op::PktLoad { .. } | Op::MapLoad { .. } => {
                let known = self.content.bytes(&access);
                if known.iter().all(Option::is_some) {
                    let known: Vec<Held> = known.into_iter().flatten().collect();
                    self.placer.src = data.src;
                    if let Some(v) = self.assemble(&known) {
                        return Some(v);
                    }
                }
                let result = self.placer.dfg.insts[inst].result?;
                self.content.learn(&access, result, true);
            }
            Op::PktStore { value, .. } | Op::MapStore { value, .. } => {
                let value = *value;
                self.content.forget(dfg, &access);
                self.content.learn(&access, value, false);
            }
            _ => self.content.forget(dfg, &access),
        }
        None
    }

    /// A value of these bytes. Not if it takes several loads: one wide load is better than those.
    fn assemble(&mut self, bytes: &[Held]) -> Option<Value> {
        let runs = bytes.chunk_by(|a, b| a.value == b.value && a.byte + 1 == b.byte);
        if runs.clone().count() > 1 && bytes.iter().all(|b| b.loaded) {
            return None;
        }
        let mut pieces = Vec::new();
        for run in runs {
            pieces.push(self.placer.extract(run[0].value, 8 * run[0].byte, 8 * run.len() as u8));
        }
        Some(match pieces.as_slice() {
            [only] => *only,
            _ => self.placer.emit(Op::Concat(pieces), Ty::Int(8 * bytes.len() as u8)),
        })
    }
}
