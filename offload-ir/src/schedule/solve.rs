//! Solves the scheduling problem exactly, as a system of difference constraints.
//!
//! The clock becomes constraints between pairs: if the logic from one task to another is longer than a stage, the two
//! are a stage apart (Cong and Zhang, 2006). Ties are contracted. What remains is a linear objective over differences, whose
//! optimum is a vector of whole numbers.

use super::problem::{Carried, Infeasible, Problem, Solution, Task, EXIT, SOURCE};
use super::simplex::{minimise, Arc};
use std::collections::{BTreeMap, VecDeque};

/// Weighs one register bit against one stage: more than any pipeline has stages.
const BIT: i64 = 1 << 16;

/// Finds a schedule of least cost.
///
/// # Errors
/// [`Infeasible`] if there is none.
pub fn solve(problem: &Problem) -> Result<Solution, Infeasible> {
    problem.check()?;
    let groups = Groups::contract(problem)?;
    let mut arcs = constraints(problem, &groups)?;
    longest_paths(&groups, &arcs)?;
    let weights = objective(problem, &groups, &mut arcs);
    // Nothing is farther apart than all least distances together: this keeps the minimum finite.
    let reach: i64 = arcs.iter().map(|a| a.least.max(0)).sum();
    arcs.push(Arc {
        from: groups.of[EXIT].0,
        to: groups.of[SOURCE].0,
        least: -reach - groups.of[EXIT].1.abs() - 1,
    });
    let found = minimise(&weights, &arcs);
    let origin = groups.of[SOURCE].1;
    let stages: Vec<i32> =
        groups.of.iter().map(|&(g, offset)| (found.x[g] + offset - origin) as i32).collect();
    let register_bits = problem.register_bits(&stages);
    // The dual's value, less what the weights say about contracted distances and the number of stages.
    let primal: i64 = weights.iter().zip(&found.x).skip(1).map(|(w, x)| w * x).sum();
    let proved = if found.dual == primal { register_bits } else { 0 };
    Ok(Solution { stages, register_bits, lower_bound: proved })
}

/// Tasks contracted along ties: each belongs to a group, at a fixed distance.
struct Groups {
    of: Vec<(usize, i64)>,
    members: Vec<Vec<Task>>,
}

impl Groups {
    fn contract(problem: &Problem) -> Result<Self, Infeasible> {
        let mut neighbours: Vec<Vec<(Task, i64)>> = vec![Vec::new(); problem.delays.len()];
        for t in &problem.ties {
            neighbours[t.from].push((t.to, i64::from(t.distance)));
            neighbours[t.to].push((t.from, -i64::from(t.distance)));
        }
        let mut g = Self { of: vec![(usize::MAX, 0); neighbours.len()], members: Vec::new() };
        for first in 0..neighbours.len() {
            if g.of[first].0 != usize::MAX {
                continue;
            }
            let id = g.members.len();
            g.of[first] = (id, 0);
            let mut members = vec![first];
            let mut done = 0;
            while let Some(&task) = members.get(done) {
                done += 1;
                for &(other, distance) in &neighbours[task] {
                    let place = (id, g.of[task].1 + distance);
                    if g.of[other].0 == usize::MAX {
                        g.of[other] = place;
                        members.push(other);
                    } else if g.of[other] != place {
                        return Err(Infeasible::Cycle(vec![task, other]));
                    }
                }
            }
            g.members.push(members);
        }
        Ok(g)
    }
}

/// Differences between groups, the largest for each pair.
fn constraints(problem: &Problem, groups: &Groups) -> Result<Vec<Arc>, Infeasible> {
    let mut least: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    let mut add = |from: Task, to: Task, distance: i64| {
        let ((g, a), (h, b)) = (groups.of[from], groups.of[to]);
        let distance = distance + a - b;
        if g == h {
            return if distance > 0 { Err(Infeasible::Cycle(vec![from, to])) } else { Ok(()) };
        }
        let l = least.entry((g, h)).or_insert(distance);
        *l = distance.max(*l);
        Ok(())
    };
    for d in &problem.dependences {
        add(d.from, d.to, i64::from(d.distance))?;
    }
    for (from, to) in too_long(problem) {
        add(from, to, 1)?;
    }
    for task in 0..problem.delays.len() {
        if task != SOURCE {
            add(SOURCE, task, 0)?;
        }
        if task != EXIT {
            add(task, EXIT, 0)?;
        }
    }
    Ok(least.into_iter().map(|((from, to), least)| Arc { from, to, least }).collect())
}

/// Pairs of tasks with more logic between them, ends included, than fits a stage; without pairs that follow
/// from a shorter one with the same start.
fn too_long(problem: &Problem) -> Vec<(Task, Task)> {
    let n = problem.delays.len();
    let mut next: Vec<Vec<Task>> = vec![Vec::new(); n];
    let mut waiting = vec![0u32; n];
    for d in problem.dependences.iter().filter(|d| d.chained && d.distance == 0) {
        next[d.from].push(d.to);
        waiting[d.to] += 1;
    }
    let mut order: Vec<Task> = (0..n).filter(|&t| waiting[t] == 0).collect();
    let mut done = 0;
    while let Some(&t) = order.get(done) {
        done += 1;
        for &u in &next[t] {
            waiting[u] -= 1;
            if waiting[u] == 0 {
                order.push(u);
            }
        }
    }
    assert_eq!(order.len(), n, "chained dependences make no cycle");
    let mut rank = vec![0; n];
    order.iter().enumerate().for_each(|(r, &t)| rank[t] = r);
    let mut pairs = Vec::new();
    let mut reach = Reach { longest: vec![0; n], queue: std::collections::BinaryHeap::new() };
    for &t in &order {
        reach.from(problem, &next, &rank, &order, t, &mut pairs);
    }
    pairs
}

/// Scratch space of [`too_long`].
struct Reach {
    /// Longest logic from the start to a queued task, the task included.
    longest: Vec<u32>,
    /// Ranks still to visit.
    queue: std::collections::BinaryHeap<std::cmp::Reverse<usize>>,
}

impl Reach {
    fn from(
        &mut self,
        problem: &Problem,
        next: &[Vec<Task>],
        rank: &[usize],
        order: &[Task],
        start: Task,
        pairs: &mut Vec<(Task, Task)>,
    ) {
        self.longest[start] = problem.delays[start];
        let mut queued = vec![start];
        self.queue.push(std::cmp::Reverse(rank[start]));
        let mut last = usize::MAX;
        while let Some(std::cmp::Reverse(r)) = self.queue.pop() {
            if r == last {
                continue;
            }
            last = r;
            let task = order[r];
            let so_far = self.longest[task];
            if so_far > problem.logic_ps {
                pairs.push((start, task));
                continue;
            }
            for &u in &next[task] {
                if self.longest[u] == 0 {
                    queued.push(u);
                }
                self.longest[u] = self.longest[u].max(so_far + problem.delays[u]);
                self.queue.push(std::cmp::Reverse(rank[u]));
            }
        }
        queued.into_iter().for_each(|t| self.longest[t] = 0);
    }
}

/// Earliest places of the groups, which exist unless some cycle of constraints adds up to more than nothing.
fn longest_paths(groups: &Groups, arcs: &[Arc]) -> Result<Vec<i64>, Infeasible> {
    let n = groups.members.len();
    let mut out: Vec<Vec<(usize, i64)>> = vec![Vec::new(); n];
    arcs.iter().for_each(|a| out[a.from].push((a.to, a.least)));
    let mut x = vec![0i64; n];
    let mut via: Vec<Option<usize>> = vec![None; n];
    let mut rounds = vec![0usize; n];
    let mut queue: VecDeque<usize> = (0..n).collect();
    let mut queued = vec![true; n];
    while let Some(g) = queue.pop_front() {
        queued[g] = false;
        for &(h, least) in &out[g] {
            if x[g] + least > x[h] {
                x[h] = x[g] + least;
                via[h] = Some(g);
                rounds[h] += 1;
                if rounds[h] > n {
                    return Err(Infeasible::Cycle(cycle_through(groups, &via, h)));
                }
                if !std::mem::replace(&mut queued[h], true) {
                    queue.push_back(h);
                }
            }
        }
    }
    Ok(x)
}

/// The tasks of the groups on a cycle of `via` that leads to `from`.
fn cycle_through(groups: &Groups, via: &[Option<usize>], from: usize) -> Vec<Task> {
    let mut at = from;
    for _ in 0..via.len() {
        at = via[at].unwrap_or(at);
    }
    let mut cycle = vec![at];
    while let Some(before) = via[*cycle.last().expect("not empty")].filter(|&b| b != at) {
        cycle.push(before);
    }
    cycle.into_iter().flat_map(|g| groups.members[g].iter().copied()).collect()
}

/// Weights of the groups and of one more node for each carried thing with several uses: its latest use.
fn objective(problem: &Problem, groups: &Groups, arcs: &mut Vec<Arc>) -> Vec<i64> {
    let mut weights = vec![0i64; groups.members.len()];
    weights[groups.of[EXIT].0] += 1;
    for Carried { bits, from, uses } in &problem.carried {
        let bits = *bits as i64 * BIT;
        let mut uses = uses.clone();
        if uses.contains(&EXIT) {
            uses = vec![EXIT];
        }
        uses.dedup();
        let latest = match uses[..] {
            [only] => groups.of[only].0,
            _ => {
                let node = weights.len();
                weights.push(0);
                arcs.extend(uses.iter().map(|&u| Arc {
                    from: groups.of[u].0,
                    to: node,
                    least: groups.of[u].1,
                }));
                node
            }
        };
        weights[latest] += bits;
        weights[groups.of[*from].0] -= bits;
    }
    weights
}

/// True if the problem has a schedule.
pub(super) fn is_feasible(problem: &Problem) -> bool {
    let try_it = || {
        problem.check()?;
        let groups = Groups::contract(problem)?;
        let arcs = constraints(problem, &groups)?;
        longest_paths(&groups, &arcs)
    };
    try_it().is_ok()
}
