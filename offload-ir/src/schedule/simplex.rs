//! Linear optimisation over difference constraints: the dual of a minimum-cost flow, solved by a network simplex.
//!
//! Given `x[j] - x[i] >= c` for a list of arcs `(i, j, c)`, `x[0] = 0`, minimise `sum of w[i] * x[i]`. The dual is a flow
//! that brings a net `w[i]` into each node `i > 0` and collects `c` per unit on each arc; a spanning tree is a basis, its
//! potentials are `x`. The tree is kept strongly feasible (Cunningham), so that degenerate pivots cannot cycle.
//! Whole numbers in, whole numbers out.

/// `x[to] - x[from] >= least`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arc {
    /// First node.
    pub from: usize,
    /// Second node.
    pub to: usize,
    /// Least difference.
    pub least: i64,
}

/// The best `x`, and the dual's value, which proves it.
pub struct Optimum {
    /// A value for each node.
    pub x: Vec<i64>,
    /// Value of the dual: equal to `sum of w * x` at the optimum.
    pub dual: i64,
}

const NONE: usize = usize::MAX;

/// A spanning tree of nodes `0 ..= n`, rooted at the artificial node `n`.
struct Tree {
    arcs: Vec<Arc>,
    flow: Vec<i64>,
    in_tree: Vec<bool>,
    x: Vec<i64>,
    parent: Vec<usize>,
    /// The tree arc between a node and its parent.
    up_arc: Vec<usize>,
    depth: Vec<u32>,
    first_child: Vec<usize>,
    next: Vec<usize>,
    prev: Vec<usize>,
}

/// Minimises `sum of weights[i] * x[i]`, with `x[0] = 0`. Node 0's weight is ignored. The arcs must be satisfiable and the minimum finite.
pub fn minimise(weights: &[i64], arcs: &[Arc]) -> Optimum {
    let n = weights.len();
    let mut demand = weights.to_vec();
    demand[0] = -weights[1..].iter().sum::<i64>();
    let mut tree = Tree::new(&demand, arcs);
    let block = (arcs.len() as f64).sqrt() as usize + 16;
    let mut start = 0;
    while let Some(entering) = tree.find_entering(arcs.len(), block, &mut start) {
        tree.pivot(entering);
    }
    let dual = tree.arcs[..arcs.len()].iter().zip(&tree.flow).map(|(a, f)| a.least * f).sum();
    debug_assert!(tree.flow[arcs.len()..].iter().all(|f| *f == 0), "the minimum is finite");
    let zero = tree.x[0];
    Optimum { x: tree.x[..n].iter().map(|x| x - zero).collect(), dual }
}

impl Tree {
    /// Every node hangs below the root by an artificial arc that nobody wants to use.
    fn new(demand: &[i64], real: &[Arc]) -> Self {
        let n = demand.len();
        let far = real.iter().map(|a| a.least.abs()).sum::<i64>() + 1;
        let mut t = Self {
            arcs: real.to_vec(),
            flow: vec![0; real.len()],
            in_tree: vec![false; real.len()],
            x: vec![0; n + 1],
            parent: vec![n; n + 1],
            up_arc: vec![NONE; n + 1],
            depth: vec![1; n + 1],
            first_child: vec![NONE; n + 1],
            next: vec![NONE; n + 1],
            prev: vec![NONE; n + 1],
        };
        t.parent[n] = NONE;
        t.depth[n] = 0;
        for (node, &d) in demand.iter().enumerate() {
            let (from, to) = if d > 0 { (n, node) } else { (node, n) };
            t.arcs.push(Arc { from, to, least: -far });
            t.flow.push(d.abs());
            t.in_tree.push(true);
            t.up_arc[node] = t.arcs.len() - 1;
            t.x[node] = if d > 0 { -far } else { far };
            t.link(node, n);
        }
        t
    }

    fn link(&mut self, child: usize, parent: usize) {
        let first = self.first_child[parent];
        self.parent[child] = parent;
        self.next[child] = first;
        self.prev[child] = NONE;
        if first != NONE {
            self.prev[first] = child;
        }
        self.first_child[parent] = child;
    }

    fn unlink(&mut self, child: usize) {
        let (prev, next) = (self.prev[child], self.next[child]);
        if prev == NONE {
            self.first_child[self.parent[child]] = next;
        } else {
            self.next[prev] = next;
        }
        if next != NONE {
            self.prev[next] = prev;
        }
    }

    fn violation(&self, arc: usize) -> i64 {
        let a = self.arcs[arc];
        a.least - (self.x[a.to] - self.x[a.from])
    }

    /// The most violated arc of the first block, from `start` on, that holds one.
    fn find_entering(&self, real: usize, block: usize, start: &mut usize) -> Option<usize> {
        let mut best: Option<(i64, usize)> = None;
        for seen in 1..=real {
            let arc = *start;
            *start = if arc + 1 == real { 0 } else { arc + 1 };
            let violation = self.violation(arc);
            if violation > best.map_or(0, |b| b.0) {
                best = Some((violation, arc));
            }
            if seen % block == 0 && best.is_some() {
                break;
            }
        }
        best.map(|b| b.1)
    }

    /// Puts `entering` into the tree in place of an arc whose flow it takes over.
    fn pivot(&mut self, entering: usize) {
        let Arc { from, to, .. } = self.arcs[entering];
        let apex = self.common_ancestor(from, to);
        let (leaving, theta) = self.blocking(from, to, apex);
        self.push(entering, from, to, apex, theta);
        // `leaving` is the child end of the leaving arc; the entering arc's end below it moves.
        let below = |mut v: usize, t: &Self| loop {
            if v == leaving {
                return true;
            }
            if v == apex {
                return false;
            }
            v = t.parent[v];
        };
        let (inside, outside) = if below(from, self) { (from, to) } else { (to, from) };
        self.in_tree[self.up_arc[leaving]] = false;
        self.in_tree[entering] = true;
        let shift = self.violation(entering) * if inside == to { 1 } else { -1 };
        self.rehang(inside, outside, leaving, entering);
        self.shift_subtree(inside, shift);
    }

    fn common_ancestor(&self, mut a: usize, mut b: usize) -> usize {
        while a != b {
            if self.depth[a] >= self.depth[b] {
                a = self.parent[a];
            } else {
                b = self.parent[b];
            }
        }
        a
    }

    /// True if the arc above `node` points towards the root.
    fn points_up(&self, node: usize) -> bool {
        self.arcs[self.up_arc[node]].from == node
    }

    /// The last arc, going round from the apex down to `from`, over the entering arc and up from `to`, whose flow
    /// falls to zero first; and that flow. The arc is named by its lower end.
    fn blocking(&self, from: usize, to: usize, apex: usize) -> (usize, i64) {
        let (mut leaving, mut theta) = (NONE, i64::MAX);
        // Walked upwards, against the cycle: later finds are earlier on it, so only a smaller flow replaces.
        let mut v = from;
        while v != apex {
            if self.points_up(v) && self.flow[self.up_arc[v]] < theta {
                (leaving, theta) = (v, self.flow[self.up_arc[v]]);
            }
            v = self.parent[v];
        }
        // Walked with the cycle: an equal flow replaces too.
        let mut v = to;
        while v != apex {
            if !self.points_up(v) && self.flow[self.up_arc[v]] <= theta {
                (leaving, theta) = (v, self.flow[self.up_arc[v]]);
            }
            v = self.parent[v];
        }
        assert!(leaving != NONE, "a cycle of positive length contradicts the arcs");
        (leaving, theta)
    }

    fn push(&mut self, entering: usize, from: usize, to: usize, apex: usize, theta: i64) {
        self.flow[entering] += theta;
        for (end, with_cycle_if_up) in [(from, false), (to, true)] {
            let mut v = end;
            while v != apex {
                let sign = if self.points_up(v) == with_cycle_if_up { 1 } else { -1 };
                self.flow[self.up_arc[v]] += sign * theta;
                v = self.parent[v];
            }
        }
    }

    /// Cuts the subtree of `leaving` off and hangs it below `outside` by its node `inside`.
    fn rehang(&mut self, inside: usize, outside: usize, leaving: usize, entering: usize) {
        let (mut node, mut new_parent, mut new_arc) = (inside, outside, entering);
        loop {
            let (old_parent, old_arc) = (self.parent[node], self.up_arc[node]);
            self.unlink(node);
            self.link(node, new_parent);
            self.up_arc[node] = new_arc;
            if node == leaving {
                return;
            }
            (node, new_parent, new_arc) = (old_parent, node, old_arc);
        }
    }

    /// Adds `shift` to the potentials below `top` and sets depths anew.
    fn shift_subtree(&mut self, top: usize, shift: i64) {
        let mut work = vec![top];
        while let Some(v) = work.pop() {
            self.x[v] += shift;
            self.depth[v] = self.depth[self.parent[v]] + 1;
            let mut child = self.first_child[v];
            while child != NONE {
                work.push(child);
                child = self.next[child];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Rng;

    /// Every assignment of `0 ..= top` to the nodes.
    fn best_by_trying(weights: &[i64], arcs: &[Arc], top: i64) -> Option<i64> {
        let n = weights.len();
        let mut x = vec![0; n];
        let mut best = None;
        loop {
            if arcs.iter().all(|a| x[a.to] - x[a.from] >= a.least) {
                let cost = weights[1..].iter().zip(&x[1..]).map(|(w, x)| w * x).sum::<i64>();
                best = Some(best.map_or(cost, |b: i64| b.min(cost)));
            }
            let Some(i) = (1..n).find(|&i| x[i] < top) else { return best };
            x[i] += 1;
            x[1..i].fill(0);
        }
    }

    #[test]
    fn small_problems_are_solved_exactly() {
        let mut solved = 0;
        for seed in 0..500 {
            let mut rng = Rng::new(seed);
            let n = 3 + rng.below(3) as usize;
            let mut arcs: Vec<Arc> = (1..n).map(|to| Arc { from: 0, to, least: 0 }).collect();
            arcs.extend((1..n).map(|from| Arc { from, to: 0, least: -3 }));
            for _ in 0..n {
                let (from, to) = (rng.below(n as u64) as usize, rng.below(n as u64) as usize);
                if from != to {
                    arcs.push(Arc { from, to, least: rng.below(4) as i64 - 2 });
                }
            }
            let weights: Vec<i64> = (0..n).map(|_| rng.below(9) as i64 - 4).collect();
            let Some(best) = best_by_trying(&weights, &arcs, 3) else { continue };
            let found = minimise(&weights, &arcs);
            assert!(arcs.iter().all(|a| found.x[a.to] - found.x[a.from] >= a.least), "seed {seed}");
            let cost: i64 = weights[1..].iter().zip(&found.x[1..]).map(|(w, x)| w * x).sum();
            assert_eq!((cost, found.dual), (best, best), "seed {seed}");
            solved += 1;
        }
        assert!(solved > 200, "{solved}");
    }
}
