//! Joins: of values that arrive over different edges, one of which is taken.

use super::bdd::BoolFn;
use super::Converter;
use crate::entities::{Block, Value};

/// An edge of the control-flow graph that can be taken.
pub(super) struct Edge {
    /// Source; none for the edge into the entry.
    pub from: Option<Block>,
    /// The source's branch condition and the value of it that takes this edge.
    pub cond: Option<(Value, bool)>,
    /// When it is taken.
    pub when: BoolFn,
}

/// A value and the edges over which it arrives.
pub(super) struct Arm {
    pub value: Value,
    pub when: BoolFn,
    pub edges: Vec<usize>,
}

/// Up to this many different values, every way of splitting off one of them is tried.
const TRY_ALL: usize = 12;

impl Converter<'_> {
    /// The value of whichever arm is taken; anything if none is.
    pub(super) fn merge(&mut self, arms: Vec<Arm>) -> Value {
        let mut groups: Vec<Arm> = Vec::new();
        for arm in arms {
            match groups.iter_mut().find(|g| g.value == arm.value) {
                Some(g) => {
                    g.when = self.e.conditions.bdd.or(g.when, arm.when);
                    g.edges.extend(arm.edges);
                }
                None => groups.push(arm),
            }
        }
        self.merge_distinct(groups)
    }

    fn merge_distinct(&mut self, mut groups: Vec<Arm>) -> Value {
        if groups.len() == 1 {
            return groups[0].value;
        }
        let (left, when) = self.best_split(&groups);
        let right: Vec<Arm> = extract(&mut groups, |i| !left.contains(&i));
        let left = groups;
        let edges_of =
            |side: &[Arm]| side.iter().flat_map(|g| g.edges.iter().copied()).collect::<Vec<_>>();
        let (left_edges, right_edges) = (edges_of(&left), edges_of(&right));
        let left = self.merge_distinct(left);
        let right = self.merge_distinct(right);
        if self.is_small(when, left_edges.len().min(right_edges.len())) {
            self.e.select(when, left, right)
        } else if left_edges.len() <= right_edges.len() {
            let cond = self.any_edge(&left_edges);
            self.e.select_on(cond, left, right)
        } else {
            let cond = self.any_edge(&right_edges);
            self.e.select_on(cond, right, left)
        }
    }

    /// Which groups to split off, and a function that holds for them and not for the others.
    fn best_split(&mut self, groups: &[Arm]) -> (Vec<usize>, BoolFn) {
        let n = groups.len();
        let mut splits: Vec<Vec<usize>> = vec![(0..n / 2).collect()];
        if n <= TRY_ALL {
            splits.extend((1..n).filter(|&k| k != n / 2).map(|k| (0..k).collect()));
            splits.extend((1..n).map(|k| vec![k]));
        }
        let best = splits.into_iter().map(|left| {
            let when = self.separate(groups, &left);
            let size = self.e.conditions.bdd.size(when, 64);
            (size, left.len().abs_diff(n / 2), left, when)
        });
        let (_, _, left, when) = best
            .min_by_key(|(size, skew, ..)| (*size, *skew))
            .expect("there is the split into halves");
        (left, when)
    }

    /// A small function that holds for the groups in `left` and for no other.
    fn separate(&mut self, groups: &[Arm], left: &[usize]) -> BoolFn {
        let bdd = &mut self.e.conditions.bdd;
        let (mut inside, mut outside) = (BoolFn::FALSE, BoolFn::FALSE);
        for (i, g) in groups.iter().enumerate() {
            let side = if left.contains(&i) { &mut inside } else { &mut outside };
            *side = bdd.or(*side, g.when);
        }
        let care = bdd.or(inside, outside);
        let direct = bdd.restrict(inside, care);
        let inverse = bdd.restrict(outside, care);
        if bdd.size(inverse, 64) < bdd.size(direct, 64) {
            bdd.not(inverse)
        } else {
            direct
        }
    }

    /// A value that tells whether one of `edges` is taken.
    pub(super) fn any_edge(&mut self, edges: &[usize]) -> Value {
        let terms: Vec<Value> = edges.iter().map(|&e| self.edge_predicate(e)).collect();
        self.e.any(terms)
    }

    fn edge_predicate(&mut self, edge: usize) -> Value {
        let Edge { from, cond, when } = self.edges[edge];
        if let Some(v) = self.e.known(when) {
            return v;
        }
        let outer = from.and_then(|b| self.predicate(b));
        let literal = cond.map(|(v, polarity)| if polarity { v } else { self.e.not(v) });
        let v = self.e.all(outer.into_iter().chain(literal).collect());
        self.e.remember(when, v);
        v
    }
}

/// Takes the elements out of `items` whose index satisfies `taken`.
fn extract<T>(items: &mut Vec<T>, taken: impl Fn(usize) -> bool) -> Vec<T> {
    let (out, kept): (Vec<_>, Vec<_>) =
        std::mem::take(items).into_iter().enumerate().partition(|(i, _)| taken(*i));
    *items = kept.into_iter().map(|(_, x)| x).collect();
    out.into_iter().map(|(_, x)| x).collect()
}
