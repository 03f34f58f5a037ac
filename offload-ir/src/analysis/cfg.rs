//! Control-flow graph of a `Function`: predecessors and orders of the blocks that the entry reaches.

use crate::entities::Block;
use crate::function::Function;
use cranelift_entity::SecondaryMap;

/// Predecessors and a reverse postorder.
#[derive(Clone, Debug)]
pub struct Cfg {
    order: Vec<Block>,
    /// Position in `order` plus 1; 0 for blocks out of reach.
    number: SecondaryMap<Block, u32>,
    preds: SecondaryMap<Block, Vec<Block>>,
}

impl Cfg {
    /// Computes it. Jumps to blocks that do not exist are left out.
    pub fn new(func: &Function) -> Self {
        let mut order = Vec::new();
        let mut seen = SecondaryMap::new();
        let mut stack = Vec::new();
        if func.blocks.is_valid(func.entry) {
            seen[func.entry] = true;
            stack.push((func.entry, successors(func, func.entry)));
        }
        while let Some((block, pending)) = stack.last_mut() {
            match pending.pop() {
                Some(next) if !seen[next] => {
                    seen[next] = true;
                    stack.push((next, successors(func, next)));
                }
                Some(_) => {}
                None => {
                    order.push(*block);
                    stack.pop();
                }
            }
        }
        order.reverse();
        let mut number = SecondaryMap::new();
        let mut preds: SecondaryMap<Block, Vec<Block>> = SecondaryMap::new();
        for (n, &block) in order.iter().enumerate() {
            number[block] = n as u32 + 1;
            for next in successors(func, block) {
                preds[next].push(block);
            }
        }
        Self { order, number, preds }
    }

    /// Reachable blocks; a block stands behind all of its predecessors except those along back edges.
    /// The first successor of a branch stands before the second where both are possible.
    pub fn reverse_postorder(&self) -> &[Block] {
        &self.order
    }

    /// Reachable blocks, each after those that it reaches (back edges excepted).
    pub fn postorder(&self) -> impl Iterator<Item = Block> + '_ {
        self.order.iter().rev().copied()
    }

    /// True if the entry reaches `block`.
    pub fn is_reachable(&self, block: Block) -> bool {
        self.number[block] != 0
    }

    /// Reachable predecessors; one that branches here with both arms stands twice.
    pub fn preds(&self, block: Block) -> &[Block] {
        &self.preds[block]
    }

    /// Position of a reachable block in the reverse postorder, from 0.
    pub fn position(&self, block: Block) -> usize {
        (self.number[block] as usize).wrapping_sub(1)
    }

    /// True if the edge `from` to `to` goes backwards in the reverse postorder: it closes a loop.
    pub fn is_retreating(&self, from: Block, to: Block) -> bool {
        self.number[to] <= self.number[from]
    }
}

/// Successors of `block`, the first one last (the search takes them from the back, and the order is reversed then).
fn successors(func: &Function, block: Block) -> Vec<Block> {
    func.blocks[block]
        .term
        .targets()
        .map(|t| t.block)
        .filter(|b| func.blocks.is_valid(*b))
        .collect()
}
