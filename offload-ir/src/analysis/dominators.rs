//! Dominator tree of a `Function`, on petgraph.

use super::cfg::Cfg;
use crate::entities::Block;
use crate::function::Function;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::SecondaryMap;
use petgraph::algo::dominators::simple_fast;
use petgraph::graph::{DiGraph, NodeIndex};

/// The dominator tree: a block dominates another if every path from the entry to the other goes through it.
#[derive(Clone, Debug)]
pub struct Dominators {
    idom: SecondaryMap<Block, PackedOption<Block>>,
    children: SecondaryMap<Block, Vec<Block>>,
    /// Preorder number and the last number in the subtree.
    span: SecondaryMap<Block, (u32, u32)>,
    preorder: Vec<Block>,
}

impl Dominators {
    /// Computes it.
    pub fn new(func: &Function, cfg: &Cfg) -> Self {
        let order = cfg.reverse_postorder();
        let mut graph: DiGraph<(), (), u32> = DiGraph::with_capacity(order.len(), 2 * order.len());
        for _ in order {
            graph.add_node(());
        }
        for &block in order {
            for pred in cfg.preds(block) {
                let (from, to) = (cfg.position(*pred), cfg.position(block));
                graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
            }
        }
        let mut idom: SecondaryMap<Block, PackedOption<Block>> = SecondaryMap::new();
        let mut children: SecondaryMap<Block, Vec<Block>> = SecondaryMap::new();
        if !order.is_empty() {
            let tree = simple_fast(&graph, NodeIndex::new(0));
            for (n, &block) in order.iter().enumerate() {
                if let Some(parent) = tree.immediate_dominator(NodeIndex::new(n)) {
                    let parent = order[parent.index()];
                    idom[block] = parent.into();
                    children[parent].push(block);
                }
            }
        }
        let mut tree = Self { idom, children, span: SecondaryMap::new(), preorder: Vec::new() };
        tree.number(func.entry, !order.is_empty());
        tree
    }

    fn number(&mut self, entry: Block, any: bool) {
        let mut stack = if any { vec![(entry, 0)] } else { Vec::new() };
        while let Some((block, next)) = stack.pop() {
            if next == 0 {
                self.span[block].0 = self.preorder.len() as u32 + 1;
                self.preorder.push(block);
            }
            match self.children[block].get(next) {
                Some(&child) => stack.extend([(block, next + 1), (child, 0)]),
                None => self.span[block].1 = self.preorder.len() as u32,
            }
        }
    }

    /// The closest other block that dominates `block`; none for the entry.
    pub fn immediate(&self, block: Block) -> Option<Block> {
        self.idom[block].expand()
    }

    /// Blocks whose immediate dominator is `block`, in reverse postorder.
    pub fn children(&self, block: Block) -> &[Block] {
        &self.children[block]
    }

    /// Does `a` dominate `b`? (Every block dominates itself. Both must be reachable.)
    pub fn dominates(&self, a: Block, b: Block) -> bool {
        let (a, b) = (self.span[a], self.span[b]);
        a.0 <= b.0 && b.0 <= a.1 && a.0 != 0
    }

    /// Reachable blocks, each after its immediate dominator, subtrees together.
    pub fn preorder(&self) -> &[Block] {
        &self.preorder
    }
}
