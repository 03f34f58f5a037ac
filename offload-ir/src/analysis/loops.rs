//! Natural loops of a `Function`.

use super::cfg::Cfg;
use super::dominators::Dominators;
use crate::entities::Block;
use std::collections::BTreeSet;

/// A loop: a header that dominates all of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The block through which control enters.
    pub header: Block,
    /// All blocks, the header first, in reverse postorder.
    pub blocks: Vec<Block>,
}

/// The loops of a function.
#[derive(Clone, Debug, Default)]
pub struct Loops {
    /// Loops, inner ones before those that contain them.
    pub loops: Vec<Loop>,
    /// Targets of edges that close a cycle without dominating it (irreducible control flow).
    pub irreducible: Vec<Block>,
}

impl Loops {
    /// Finds them. Loops with the same header count as one.
    pub fn new(cfg: &Cfg, dom: &Dominators) -> Self {
        let mut found = Self::default();
        for &header in cfg.reverse_postorder() {
            let back: Vec<Block> = cfg
                .preds(header)
                .iter()
                .copied()
                .filter(|p| cfg.is_retreating(*p, header))
                .collect();
            if back.iter().any(|p| !dom.dominates(header, *p)) {
                found.irreducible.push(header);
            } else if !back.is_empty() {
                found.loops.push(natural_loop(cfg, header, back));
            }
        }
        // The header of an inner loop comes after that of the outer one.
        found.loops.reverse();
        found
    }

    /// The loops that contain `block`, innermost first.
    pub fn containing(&self, block: Block) -> impl Iterator<Item = &Loop> {
        self.loops.iter().filter(move |l| l.blocks.contains(&block))
    }
}

fn natural_loop(cfg: &Cfg, header: Block, mut work: Vec<Block>) -> Loop {
    let mut body = BTreeSet::from([cfg.position(header)]);
    while let Some(block) = work.pop() {
        if body.insert(cfg.position(block)) {
            work.extend(cfg.preds(block));
        }
    }
    Loop { header, blocks: body.into_iter().map(|n| cfg.reverse_postorder()[n]).collect() }
}
