//! What if-conversion asks of the control-flow graph: an order, dominators, blocks that lead nowhere.

use crate::entities::Block;
use crate::function::{Function, Terminator};
use crate::op::Op;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::SecondaryMap;

/// The reachable part of an acyclic function.
pub(super) struct Cfg {
    /// Reachable blocks, predecessors first.
    pub order: Vec<Block>,
    /// Blocks from which only `Unreachable` is reached: control never gets there.
    pub never: SecondaryMap<Block, bool>,
    /// Immediate dominators over edges that can be taken.
    pub idom: SecondaryMap<Block, PackedOption<Block>>,
    /// Blocks of free operations that lead to a return without a branch: each edge into one is an exit of its own.
    pub tail: SecondaryMap<Block, bool>,
}

impl Cfg {
    /// Analyses `f`; a block on a cycle if there is one.
    pub fn new(f: &Function) -> Result<Self, Block> {
        let order = topological_order(f)?;
        let mut never = SecondaryMap::with_default(false);
        let mut tail = SecondaryMap::with_default(false);
        for &b in order.iter().rev() {
            let term = &f.blocks[b].term;
            never[b] = match term {
                Terminator::Unreachable => true,
                Terminator::Ret(_) => false,
                Terminator::Jump(_) | Terminator::Branch { .. } => {
                    term.targets().all(|t| never[t.block])
                }
            };
            tail[b] = b != f.entry
                && f.blocks[b].insts.iter().all(|&i| is_free(&f.dfg.insts[i].op))
                && match term {
                    Terminator::Ret(_) => true,
                    Terminator::Jump(t) => tail[t.block],
                    Terminator::Branch { .. } | Terminator::Unreachable => false,
                };
        }
        let idom = dominators(f, &order, &never);
        Ok(Self { order, never, idom, tail })
    }
}

/// Wires only: worth copying into each exit.
fn is_free(op: &Op) -> bool {
    matches!(
        op,
        Op::Const(_)
            | Op::EntryConst { .. }
            | Op::Extract { .. }
            | Op::Zext(_)
            | Op::Sext(_)
            | Op::Concat(_)
    )
}

/// Reverse post-order by depth-first search, or a block on a cycle.
fn topological_order(f: &Function) -> Result<Vec<Block>, Block> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut mark = SecondaryMap::with_default(Mark::New);
    let mut post = Vec::new();
    let mut stack = vec![(f.entry, 0)];
    mark[f.entry] = Mark::Open;
    while let Some((b, next)) = stack.pop() {
        // Later targets first, so that the order follows the program's layout of true before false.
        let targets: Vec<Block> = f.blocks[b].term.targets().map(|t| t.block).collect();
        let Some(&t) = targets.len().checked_sub(next + 1).and_then(|i| targets.get(i)) else {
            mark[b] = Mark::Done;
            post.push(b);
            continue;
        };
        stack.push((b, next + 1));
        match mark[t] {
            Mark::New => {
                mark[t] = Mark::Open;
                stack.push((t, 0));
            }
            Mark::Open => return Err(t),
            Mark::Done => {}
        }
    }
    post.reverse();
    Ok(post)
}

fn dominators(
    f: &Function,
    order: &[Block],
    never: &SecondaryMap<Block, bool>,
) -> SecondaryMap<Block, PackedOption<Block>> {
    let mut idom: SecondaryMap<Block, PackedOption<Block>> = SecondaryMap::new();
    let mut depth: SecondaryMap<Block, u32> = SecondaryMap::new();
    for &b in order.iter().filter(|&&b| !never[b]) {
        // All predecessors have been visited: the depth of `b` is final.
        depth[b] = idom[b].expand().map_or(0, |d| depth[d] + 1);
        for t in f.blocks[b].term.targets().filter(|t| !never[t.block]) {
            let mut common = b;
            let mut other = idom[t.block].expand().unwrap_or(b);
            while common != other {
                let deeper = if depth[common] > depth[other] { &mut common } else { &mut other };
                *deeper = idom[*deeper].expand().expect("the entry dominates both");
            }
            idom[t.block] = common.into();
        }
    }
    idom
}
