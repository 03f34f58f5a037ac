//! Control-flow graph of one function: blocks, edges, dominators, loops. The verifier and the lift walk it.
//!
//! A call does not end a block; jumps, exits and jump targets do. Blocks that the entry does not reach are in the
//! graph, but in no order, dominator or loop.

mod loops;
mod render;

pub use loops::Loop;
pub use render::{dot, text};

use crate::insn::{Insn, Pc};
use crate::program::{Program, Subprog};
use petgraph::algo::dominators::simple_fast;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{DfsPostOrder, EdgeRef};
use petgraph::Direction;
use std::collections::BTreeSet;
use std::fmt;

/// A block of a function; they are numbered in slot order, the entry is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

impl BlockId {
    /// Position in a table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

/// Slots `start..end`, executed from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// First slot.
    pub start: Pc,
    /// Slot after the last.
    pub end: Pc,
}

/// How control goes along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Edge {
    /// To the next slot: the condition does not hold, or there is none.
    Fallthrough,
    /// A conditional jump (or `may_goto`) that is taken.
    Taken,
    /// An unconditional jump.
    Jump,
}

/// The control-flow graph of a function.
#[derive(Clone, Debug)]
pub struct Cfg {
    graph: DiGraph<Block, Edge>,
    rpo: Vec<BlockId>,
    /// Position in `rpo`; `None` if unreachable.
    order: Vec<Option<u32>>,
    idom: Vec<Option<BlockId>>,
    /// Entry and exit time in a walk of the dominator tree.
    interval: Vec<(u32, u32)>,
    loops: Vec<Loop>,
    /// Innermost loop of each block.
    innermost: Vec<Option<usize>>,
    irreducible: Vec<(BlockId, BlockId)>,
}

impl Cfg {
    /// The graph of function `f` of `program`.
    pub fn new(program: &Program, f: &Subprog) -> Cfg {
        let graph = build(&program.insns, f);
        let blocks = graph.node_count();
        let mut cfg = Cfg {
            graph,
            rpo: Vec::new(),
            order: vec![None; blocks],
            idom: vec![None; blocks],
            interval: vec![(0, 0); blocks],
            loops: Vec::new(),
            innermost: vec![None; blocks],
            irreducible: Vec::new(),
        };
        if blocks > 0 {
            cfg.set_order();
            cfg.set_dominators();
            cfg.set_loops();
        }
        cfg
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// The function has no slots.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first block.
    pub fn entry(&self) -> BlockId {
        BlockId(0)
    }

    /// All blocks in slot order, reachable or not.
    pub fn blocks(&self) -> impl Iterator<Item = BlockId> {
        (0..self.len() as u32).map(BlockId)
    }

    /// The slots of block `b`.
    pub fn block(&self, b: BlockId) -> Block {
        self.graph[node(b)]
    }

    /// The block that slot `pc` is in, if it is in this function.
    pub fn block_at(&self, pc: Pc) -> Option<BlockId> {
        let nodes = self.graph.raw_nodes();
        let after = nodes.partition_point(|n| n.weight.start <= pc);
        let i = after.checked_sub(1)?;
        (pc < nodes[i].weight.end).then_some(BlockId(i as u32))
    }

    /// Successors of `b`: fallthrough first, then the jump.
    pub fn successors(&self, b: BlockId) -> Vec<(BlockId, Edge)> {
        let edges = self.graph.edges_directed(node(b), Direction::Outgoing);
        let mut found: Vec<_> = edges.map(|e| (block(e.target()), *e.weight())).collect();
        found.sort_by_key(|(to, edge)| (*edge, *to));
        found
    }

    /// Predecessors of `b`, ascending.
    pub fn predecessors(&self, b: BlockId) -> Vec<(BlockId, Edge)> {
        let edges = self.graph.edges_directed(node(b), Direction::Incoming);
        let mut found: Vec<_> = edges.map(|e| (block(e.source()), *e.weight())).collect();
        found.sort_unstable();
        found
    }

    /// Reachable blocks in reverse postorder: each before its successors, but for back edges.
    pub fn reverse_postorder(&self) -> &[BlockId] {
        &self.rpo
    }

    /// The entry reaches `b`.
    pub fn is_reachable(&self, b: BlockId) -> bool {
        self.order[b.index()].is_some()
    }

    /// The closest block, other than `b`, that every path to `b` goes through; `None` for the entry and unreachable
    /// blocks.
    pub fn immediate_dominator(&self, b: BlockId) -> Option<BlockId> {
        self.idom[b.index()]
    }

    /// Every path to `b` goes through `a` (every block dominates itself). False if one is unreachable.
    pub fn dominates(&self, a: BlockId, b: BlockId) -> bool {
        let (a_in, a_out) = self.interval[a.index()];
        let (b_in, b_out) = self.interval[b.index()];
        self.is_reachable(a) && self.is_reachable(b) && a_in <= b_in && b_out <= a_out
    }

    /// Natural loops, by header in slot order.
    pub fn loops(&self) -> &[Loop] {
        &self.loops
    }

    /// Edges that close a cycle without going to a block that dominates their source: the cycle has several entries.
    pub fn irreducible_edges(&self) -> &[(BlockId, BlockId)] {
        &self.irreducible
    }

    fn set_order(&mut self) {
        let mut walk = DfsPostOrder::new(&self.graph, node(self.entry()));
        while let Some(n) = walk.next(&self.graph) {
            self.rpo.push(block(n));
        }
        self.rpo.reverse();
        for (i, b) in self.rpo.iter().enumerate() {
            self.order[b.index()] = Some(i as u32);
        }
    }

    fn set_dominators(&mut self) {
        let dominators = simple_fast(&self.graph, node(self.entry()));
        let mut children = vec![Vec::new(); self.len()];
        for b in &self.rpo {
            let idom = dominators.immediate_dominator(node(*b)).map(block);
            self.idom[b.index()] = idom;
            if let Some(d) = idom {
                children[d.index()].push(*b);
            }
        }
        let (mut time, mut stack) = (0, vec![(self.entry(), false)]);
        while let Some((b, done)) = stack.pop() {
            time += 1;
            if done {
                self.interval[b.index()].1 = time;
            } else {
                self.interval[b.index()].0 = time;
                stack.push((b, true));
                stack.extend(children[b.index()].iter().map(|c| (*c, false)));
            }
        }
    }
}

fn node(b: BlockId) -> NodeIndex {
    NodeIndex::new(b.index())
}

fn block(n: NodeIndex) -> BlockId {
    BlockId(n.index() as u32)
}

/// Where control goes from `insn` in slot `pc`, if not (only) to the next slot.
fn jump_target(insn: &Insn) -> Option<(Pc, Edge)> {
    match *insn {
        Insn::Jump { target, .. } => Some((target, Edge::Jump)),
        Insn::JumpIf { target, .. } | Insn::MayGoto { target } => Some((target, Edge::Taken)),
        _ => None,
    }
}

fn build(insns: &[Insn], f: &Subprog) -> DiGraph<Block, Edge> {
    let slots = || (f.start.0..f.end.0).filter_map(|pc| Some((Pc(pc), insns.get(pc as usize)?)));
    let mut starts = BTreeSet::from([f.start]);
    for (pc, insn) in slots() {
        let jump = jump_target(insn);
        starts.extend(jump.map(|(target, _)| target));
        if jump.is_some() || *insn == Insn::Exit {
            starts.insert(pc.plus(1));
        }
    }
    let starts: Vec<Pc> = starts.into_iter().filter(|s| *s >= f.start && *s < f.end).collect();
    let mut graph = DiGraph::new();
    for (i, start) in starts.iter().enumerate() {
        graph.add_node(Block { start: *start, end: starts.get(i + 1).copied().unwrap_or(f.end) });
    }
    for i in 0..starts.len() {
        let from = NodeIndex::new(i);
        // A block never ends inside a 64-bit immediate, whose second slot does not jump.
        let Some(last) = insns.get(graph[from].end.index() - 1) else { continue };
        let jump = jump_target(last);
        if let Some((target, edge)) = jump {
            if let Ok(to) = starts.binary_search(&target) {
                graph.add_edge(from, NodeIndex::new(to), edge);
            }
        }
        let stops = *last == Insn::Exit || matches!(jump, Some((_, Edge::Jump)));
        if !stops && i + 1 < starts.len() {
            graph.add_edge(from, NodeIndex::new(i + 1), Edge::Fallthrough);
        }
    }
    graph
}
