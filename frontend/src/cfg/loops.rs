//! Natural loops: the cycles that are entered in one place only.

use super::{BlockId, Cfg};
use std::collections::BTreeMap;

/// A natural loop; back edges to the same header make one loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The block through which the loop is entered; it dominates all others.
    pub header: BlockId,
    /// Blocks that jump back to the header.
    pub latches: Vec<BlockId>,
    /// The smallest loop around this one: position in [`Cfg::loops`].
    pub parent: Option<usize>,
    /// 1 for an outermost loop.
    pub depth: u32,
}

impl Cfg {
    /// Position in [`Cfg::loops`] of the innermost loop that `b` is in.
    pub fn innermost_loop(&self, b: BlockId) -> Option<usize> {
        self.innermost[b.index()]
    }

    /// Block `b` is in loop `l` or a loop inside it.
    pub fn loop_contains(&self, l: usize, b: BlockId) -> bool {
        let mut around = self.innermost_loop(b);
        while let Some(i) = around {
            if i == l {
                return true;
            }
            around = self.loops[i].parent;
        }
        false
    }

    /// All blocks of loop `l`, ascending, with its header and the blocks of loops inside it.
    pub fn loop_blocks(&self, l: usize) -> Vec<BlockId> {
        self.blocks().filter(|b| self.loop_contains(l, *b)).collect()
    }

    /// Finds headers first and then, from the innermost loop to the outermost, what belongs to each: a loop that was
    /// found before is stepped over as a whole, so that the time does not grow with the depth.
    pub(super) fn set_loops(&mut self) {
        for (header, latches) in self.latches() {
            self.loops.push(Loop { header, latches, parent: None, depth: 1 });
        }
        let mut by_order: Vec<usize> = (0..self.loops.len()).collect();
        by_order.sort_by_key(|l| self.order[self.loops[*l].header.index()]);
        for l in by_order.iter().rev() {
            self.collect_loop(*l);
        }
        for l in by_order {
            let parent = self.loops[l].parent;
            self.loops[l].depth = parent.map_or(1, |p| self.loops[p].depth + 1);
        }
    }

    /// Sources of back edges by header; the other edges that go back are noted as irreducible.
    fn latches(&mut self) -> BTreeMap<BlockId, Vec<BlockId>> {
        let mut latches = BTreeMap::<BlockId, Vec<BlockId>>::new();
        for from in self.rpo.clone() {
            for (to, _) in self.successors(from) {
                if self.order[to.index()] > self.order[from.index()] {
                    continue;
                }
                let known = if self.dominates(to, from) {
                    latches.entry(to).or_default()
                } else {
                    self.irreducible.push((from, to));
                    continue;
                };
                if known.last() != Some(&from) {
                    known.push(from);
                }
            }
        }
        latches
    }

    /// Claims for loop `l` what reaches its latches without going through its header.
    fn collect_loop(&mut self, l: usize) {
        let header = self.loops[l].header;
        let mut work = self.loops[l].latches.clone();
        work.push(header);
        while let Some(b) = work.pop() {
            if !self.is_reachable(b) {
                continue;
            }
            let entered = match self.innermost[b.index()] {
                None => {
                    self.innermost[b.index()] = Some(l);
                    b
                }
                Some(inner) => {
                    let outermost = self.outermost(inner);
                    if outermost == l {
                        continue;
                    }
                    self.loops[outermost].parent = Some(l);
                    self.loops[outermost].header
                }
            };
            if entered != header {
                work.extend(self.predecessors(entered).into_iter().map(|(p, _)| p));
            }
        }
    }

    fn outermost(&self, mut l: usize) -> usize {
        while let Some(parent) = self.loops[l].parent {
            l = parent;
        }
        l
    }
}
