//! The scheduling problem: what is placed, what it must obey, what it costs.
//!
//! Given *tasks* with delays, find a stage for each, such that
//!
//! 1. task 0, the source, is in stage 0 (the packet window arrives);
//! 2. every *dependence* holds: `stage(to) >= stage(from) + distance`;
//! 3. every *tie* holds: `stage(to) = stage(from) + distance` (memory latencies, ports);
//! 4. in every stage, the delays along any path of chained dependences add up to at most `logic_ps`;
//!
//! and the cost, first the register bits `sum of bits * (latest use - from)` over all *carried* values and bytes, second the
//! stage of the exit (which is the number of stages), is least.

/// Index of a task.
pub type Task = usize;

/// The task in stage 0: the arrival of the packet window.
pub const SOURCE: Task = 0;
/// The task behind the last stage: the descriptor FIFO.
pub const EXIT: Task = 1;

/// `stage(to) >= stage(from) + distance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependence {
    /// Earlier task.
    pub from: Task,
    /// Later task.
    pub to: Task,
    /// Stages between them, at least.
    pub distance: i32,
    /// True if, within one stage, `to` begins when `from` is done; false if only the order counts.
    pub chained: bool,
}

/// `stage(to) = stage(from) + distance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// One task.
    pub from: Task,
    /// The other.
    pub to: Task,
    /// Stages between them, exactly.
    pub distance: i32,
}

/// Bits that are registered at every boundary between `from` and the latest of `uses`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// How many.
    pub bits: u64,
    /// Where they are made.
    pub from: Task,
    /// Where they are used; at least one.
    pub uses: Vec<Task>,
}

/// An instance of the scheduling problem.
#[derive(Clone, Debug, Default)]
pub struct Problem {
    /// Delay of each task in picoseconds.
    pub delays: Vec<u32>,
    /// Dependences; chained ones make no cycle.
    pub dependences: Vec<Dependence>,
    /// Ties.
    pub ties: Vec<Tie>,
    /// What registers cost.
    pub carried: Vec<Carried>,
    /// Time for logic in a stage, in picoseconds.
    pub logic_ps: u32,
}

/// A schedule and its cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// Stage of each task.
    pub stages: Vec<i32>,
    /// Cost: register bits.
    pub register_bits: u64,
    /// A bound that no schedule beats: equal to `register_bits` if the solver has proved the schedule optimal.
    pub lower_bound: u64,
}

/// Why a problem is malformed or has no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Infeasible {
    /// A task takes longer than a stage.
    TooSlow(Task),
    /// Along these tasks, what must be so many stages apart cannot be: ties and the clock contradict each other.
    Cycle(Vec<Task>),
}

impl Problem {
    /// Adds a task.
    pub fn task(&mut self, delay: u32) -> Task {
        self.delays.push(delay);
        self.delays.len() - 1
    }

    /// `to` uses what `from` makes.
    pub fn flow(&mut self, from: Task, to: Task) {
        self.dependences.push(Dependence { from, to, distance: 0, chained: true });
    }

    /// `to` comes at least `distance` stages after `from`.
    pub fn order(&mut self, from: Task, to: Task, distance: i32) {
        self.dependences.push(Dependence { from, to, distance, chained: false });
    }

    /// `to` comes exactly `distance` stages after `from`.
    pub fn tie(&mut self, from: Task, to: Task, distance: i32) {
        self.ties.push(Tie { from, to, distance });
    }

    /// Is the problem well formed, and does every task alone fit a stage?
    pub fn check(&self) -> Result<(), Infeasible> {
        let n = self.delays.len();
        let known = self.dependences.iter().all(|d| d.from < n && d.to < n)
            && self.ties.iter().all(|t| t.from < n && t.to < n)
            && self
                .carried
                .iter()
                .all(|c| c.from < n && !c.uses.is_empty() && c.uses.iter().all(|&u| u < n));
        assert!(known && n > EXIT, "tasks are made before they are named");
        match self.delays.iter().position(|&d| d > self.logic_ps) {
            Some(task) => Err(Infeasible::TooSlow(task)),
            None => Ok(()),
        }
    }

    /// Register bits of a schedule.
    pub fn register_bits(&self, stages: &[i32]) -> u64 {
        let stages_of = |c: &Carried| {
            let last = c.uses.iter().map(|&u| stages[u]).max().unwrap_or(stages[c.from]);
            (last - stages[c.from]).max(0) as u64
        };
        self.carried.iter().map(|c| c.bits * stages_of(c)).sum()
    }

    /// Checks a schedule against the definition, knowing nothing of how it was found.
    ///
    /// # Errors
    /// A sentence about the first broken rule.
    pub fn verify(&self, solution: &Solution) -> Result<(), String> {
        let s = &solution.stages;
        if s.len() != self.delays.len() || s[SOURCE] != 0 || s.iter().any(|&x| x < 0 || x > s[EXIT])
        {
            return Err("a task has no stage".into());
        }
        if let Some(d) = self.dependences.iter().find(|d| s[d.to] < s[d.from] + d.distance) {
            return Err(format!("{d:?} is broken: stages {} and {}", s[d.from], s[d.to]));
        }
        if let Some(t) = self.ties.iter().find(|t| s[t.to] != s[t.from] + t.distance) {
            return Err(format!("{t:?} is broken: stages {} and {}", s[t.from], s[t.to]));
        }
        if let Some((task, ps)) = self.late_task(s) {
            return Err(format!(
                "task {task} is done {ps} ps after the clock edge, of {}",
                self.logic_ps
            ));
        }
        if self.register_bits(s) != solution.register_bits
            || solution.lower_bound > solution.register_bits
        {
            return Err("the cost is wrong".into());
        }
        Ok(())
    }

    /// A task that is not done in time, and when it is. Relaxes arrival times until they are stable.
    fn late_task(&self, s: &[i32]) -> Option<(Task, u32)> {
        let mut done = self.delays.clone();
        let same_stage: Vec<&Dependence> =
            self.dependences.iter().filter(|d| d.chained && s[d.from] == s[d.to]).collect();
        loop {
            if let Some(task) = done.iter().position(|&ps| ps > self.logic_ps) {
                return Some((task, done[task]));
            }
            let mut stable = true;
            for d in &same_stage {
                let ps = done[d.from] + self.delays[d.to];
                if ps > done[d.to] {
                    done[d.to] = ps;
                    stable = false;
                }
            }
            if stable {
                return None;
            }
        }
    }
}
