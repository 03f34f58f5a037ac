//! Scheduling: `Pipeline` to `StagedPipeline`.
//!
//! What takes longer than a stage is lowered to smaller operations; pipeline and target become a [`problem::Problem`], which is checked, solved exactly and verified; the solution is laid
//! out as stages with their registers.

mod bytes;
mod delay;
pub mod deps;
mod lower;
mod model;
pub mod problem;
mod refusal;
mod simplex;
mod solve;
mod staging;
mod summary;
pub mod window;
mod windows;

pub use delay::Delays;
pub use model::register_bits_of;
pub use solve::solve;
pub use summary::{boundary_bits, register_bits, summary};

use crate::diagnostic::Diagnostic;
use crate::pipeline::{Pipeline, StagedPipeline};
use crate::ports::{accesses_by_slot, SlotAccesses};
use crate::state::snapshot_values;
use crate::target::TargetDesc;
use bytes::Window;
use model::{Anchor, Demands, Memory, Model, Port};
use problem::{Infeasible, Solution};

/// Rounds of keeping gates and questions apart.
const ROUNDS: usize = 40;

/// Places every operation of `pipeline` (whose changes are lowered and whose ports are shared) in a stage of `target`.
///
/// Every change of a map is written where its row is read, if that is possible. What takes longer gets a long window, as short as
/// possible, and a gate before it.
///
/// # Errors
/// `BL0604` if what an access needs contradicts what it gives, `BL0605` if a packet access is not bounded,
/// `BL0610` if an operation alone takes longer than a clock.
pub fn schedule(
    pipeline: Pipeline,
    target: &TargetDesc,
) -> Result<StagedPipeline, Vec<Diagnostic>> {
    let mut pipeline = lower::lower(pipeline, target);
    let mut demands = Demands::default();
    let mut tried = Attempt::new(&mut pipeline, target, &demands)?;
    while let Err(why) = &tried.solution {
        let Some(memory) = tried.memory_to_widen(&demands, why) else {
            return Err(refusal::explain(&pipeline, &tried.model, target, why.clone()));
        };
        demands.long.insert(memory);
        snapshot_values(&mut pipeline, memory.0)?;
        tried = Attempt::new(&mut pipeline, target, &demands)?;
    }
    let (tried, windows) = loop {
        // A window that need not be long is none.
        while let Some(memory) = tried.memory_to_narrow() {
            demands.gates.clear();
            demands.long.remove(&memory);
            tried = Attempt::new(&mut pipeline, target, &demands)?;
        }
        let gated = with_gates(&mut pipeline, target, &mut demands, tried)?;
        if gated.0.memory_to_narrow().is_none() {
            break gated;
        }
        tried = gated.0;
    };
    let solution = tried.solution.map_err(|_| vec![internal("a solution is lost")])?;
    if let Err(fault) = tried.model.problem.verify(&solution) {
        return Err(vec![internal(&format!("the schedule is wrong: {fault}"))]);
    }
    let gates = windows::gates(&pipeline, &tried.model, &solution, &tried.slots, &windows);
    Ok(staging::stage(pipeline, &tried.window, &tried.model, &solution, target, gates))
}

fn internal(what: &str) -> Diagnostic {
    Diagnostic::error("BL0699", format!("internal error: {what}"))
}

/// A pipeline as a problem, and what came of it.
struct Attempt {
    window: Window,
    slots: Vec<SlotAccesses>,
    model: Model,
    solution: Result<Solution, Infeasible>,
}

impl Attempt {
    fn new(
        p: &mut Pipeline,
        target: &TargetDesc,
        demands: &Demands,
    ) -> Result<Self, Vec<Diagnostic>> {
        let slots = accesses_by_slot(p);
        let window = Window::new(p)?;
        let model = Model::new(p, &window, target, &slots, demands);
        let solution = solve(&model.problem);
        Ok(Self { window, slots, model, solution })
    }

    /// A memory of which reading, changing and writing is part of the contradiction `why`.
    fn memory_to_widen(&self, demands: &Demands, why: &Infeasible) -> Option<Memory> {
        let Infeasible::Cycle(tasks) = why else { return None };
        let stores = |port: &Port| {
            let mut changes = port.changes.iter().filter_map(|&a| self.model.task_of[a]);
            changes.any(|t| tasks.contains(&t))
        };
        let mut written = self.model.ports.iter().filter(|p| !p.changes.is_empty());
        let port = written.find(|p| {
            !demands.long.contains(&(p.map, p.rows))
                && (tasks.contains(&p.row) || tasks.contains(&p.issue) || stores(p))
        });
        port.map(|p| (p.map, p.rows))
    }
}

impl Attempt {
    /// A memory that may be changed later than its rows are read, but is not.
    fn memory_to_narrow(&self) -> Option<Memory> {
        let s = &self.solution.as_ref().ok()?.stages;
        let mut ports = self.model.ports.iter();
        let idle = ports.find(|p| p.commit != p.row && s[p.commit] == s[p.row]);
        idle.map(|p| (p.map, p.rows))
    }
}

/// Adds what gates need until no answer is under way where one stands.
fn with_gates(
    p: &mut Pipeline,
    target: &TargetDesc,
    demands: &mut Demands,
    first: Attempt,
) -> Result<(Attempt, Vec<windows::Window>), Vec<Diagnostic>> {
    let mut tried = first;
    let mut made: Vec<windows::Window> = Vec::new();
    for _ in 0..ROUNDS {
        let Ok(solution) = &tried.solution else { break };
        let mut found = windows::windows(p, &tried.model, solution);
        if found.is_empty() {
            return Ok((tried, found));
        }
        if let Some(ways) = windows::crossing(p, &tried.model, solution, target, &found) {
            tried = cheapest(p, target, demands, ways)?;
            continue;
        }
        if found.iter().all(|w| made.iter().any(|m| (m.map, m.kind, m.at) == (w.map, w.kind, w.at)))
        {
            return Ok((tried, made));
        }
        windows::make_values(p, &tried.model, solution, &mut found);
        windows::demanded(&found, demands);
        tried = Attempt::new(p, target, demands)?;
        if tried.solution.is_err() {
            found.iter_mut().for_each(|w| w.may = None);
            windows::demanded(&found, demands);
            tried = Attempt::new(p, target, demands)?;
        }
        made = found;
    }
    match &tried.solution {
        Err(why) => Err(refusal::explain(p, &tried.model, target, why.clone())),
        Ok(_) => Err(vec![internal("gates find no place")]),
    }
}

/// The cheapest solution that keeps a gate and a question apart in one of `ways`, which becomes a demand.
fn cheapest(
    p: &mut Pipeline,
    target: &TargetDesc,
    demands: &mut Demands,
    ways: Vec<(Anchor, Anchor, i32)>,
) -> Result<Attempt, Vec<Diagnostic>> {
    let mut best: Option<(u64, Attempt, Demands)> = None;
    let mut failed = None;
    for way in ways {
        let mut with = demands.clone();
        with.apart.push(way);
        let tried = Attempt::new(p, target, &with)?;
        match &tried.solution {
            Ok(s) if best.as_ref().is_none_or(|b| s.register_bits < b.0) => {
                best = Some((s.register_bits, tried, with));
            }
            Ok(_) => {}
            Err(_) => failed = Some(tried),
        }
    }
    match (best, failed) {
        (Some((_, tried, with)), _) => {
            *demands = with;
            Ok(tried)
        }
        (None, Some(tried)) => Ok(tried),
        (None, None) => Err(vec![internal("a gate has no way out")]),
    }
}

#[cfg(test)]
mod tests;
