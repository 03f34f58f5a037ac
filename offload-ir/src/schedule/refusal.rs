//! Why there is no schedule, in the user's terms.

use super::model::{Model, Port};
use super::problem::{Infeasible, Problem, Task};
use super::solve::is_feasible;
use crate::diagnostic::Diagnostic;
use crate::entities::Inst;
use crate::op::Op;
use crate::pipeline::Pipeline;
use crate::ports::{describe, place};
use crate::target::TargetDesc;

/// The diagnostics for `why`.
pub(super) fn explain(
    p: &Pipeline,
    model: &Model,
    target: &TargetDesc,
    why: Infeasible,
) -> Vec<Diagnostic> {
    match why {
        Infeasible::TooSlow(_) => too_slow(p, model, target),
        Infeasible::Cycle(tasks) => match late_keys(p, model, target, &tasks) {
            Some(d) => vec![d],
            None => vec![long_update(p, model, target, &tasks)],
        },
    }
}

fn inst_of(p: &Pipeline, model: &Model, task: Task) -> Option<Inst> {
    p.order.iter().copied().find(|&i| model.task_of[i] == Some(task))
}

/// One diagnostic for each operation that alone takes too long.
fn too_slow(p: &Pipeline, model: &Model, target: &TargetDesc) -> Vec<Diagnostic> {
    let problem = &model.problem;
    let slow = (0..problem.delays.len()).filter(|&t| problem.delays[t] > problem.logic_ps);
    slow.map(|task| {
        let ps = problem.delays[task];
        let (what, at) = match inst_of(p, model, task) {
            Some(inst) => ("this operation", place(p, inst)),
            None => ("a map's memory", Default::default()),
        };
        let message = format!(
            "{what} takes {ps} ps, but a stage at {} MHz has {}",
            target.clock_mhz, problem.logic_ps
        );
        Diagnostic::error("BL0610", message).at(at).note(format!("target `{}`", target.name)).help(
            format!(
                "it fits at {} MHz (--clock-mhz) or on a faster device (--device)",
                target.clock_for(ps)
            ),
        )
    })
    .collect()
}

/// The diagnostic for a map whose keys cannot be looked up or inserted in one stage, if that is part of the contradiction.
fn late_keys(
    p: &Pipeline,
    model: &Model,
    target: &TargetDesc,
    tasks: &[Task],
) -> Option<Diagnostic> {
    let keys = model.keys.iter().find(|k| tasks.contains(&k.probe) || tasks.contains(&k.answer))?;
    let name = &p.dfg.maps[keys.map].name;
    let is_key_op = |i: &Inst| {
        let op = &p.dfg.insts[*i].op;
        op.map() == Some(keys.map)
            && matches!(op, Op::MapLookup { .. } | Op::MapInsert { .. } | Op::MapTouch { .. })
            && model.task_of[*i].is_some_and(|t| tasks.contains(&t))
    };
    let at = p.order.iter().copied().rfind(is_key_op).map(|i| place(p, i));
    let message = format!(
        "a key of map `{name}`, or whether it is looked up or inserted, takes longer than a clock to know, or depends on what was read from the same map"
    );
    let d = Diagnostic::error("BL0612", message).at(at.unwrap_or_default());
    let d = d.note("all keys of a map that packets change are looked up at one time, and inserted when the answer is there");
    Some(match slower_clock(&model.problem, target) {
        Some(mhz) => d.help(format!("it fits at {mhz} MHz (--clock-mhz {mhz})")),
        None => d.help("keep what decides about keys in a map of its own"),
    })
}

/// The diagnostic for a read-modify-write that needs more than its stage; `tasks` contradict each other.
fn long_update(p: &Pipeline, model: &Model, target: &TargetDesc, tasks: &[Task]) -> Diagnostic {
    let concerns = |port: &&Port| {
        tasks.contains(&port.row)
            || tasks.contains(&port.issue)
            || port.accesses.iter().any(|&a| model.task_of[a].is_some_and(|t| tasks.contains(&t)))
    };
    let written = |port: &&Port| port.accesses.iter().any(|&a| p.dfg.insts[a].op.has_effect());
    let Some(port) =
        model.ports.iter().filter(written).find(concerns).or(model.ports.iter().find(concerns))
    else {
        return Diagnostic::error(
            "BL0699",
            "internal error: the constraints of the schedule contradict each other",
        );
    };
    let name = &p.dfg.maps[port.map].name;
    let first = port.accesses[0];
    let last = port.accesses.last().copied().unwrap_or(first);
    let message = format!(
        "what is written to an entry of map `{name}` decides what is read from the same map"
    );
    let mut d = Diagnostic::error("BL0604", message).at(place(p, first));
    if last != first {
        d = d.note(format!("from the access above to this one: {}", describe(p, last)));
    }
    match slower_clock(&model.problem, target) {
        Some(mhz) => d.help(format!("it fits at {mhz} MHz (--clock-mhz {mhz})")),
        None => d.help(
            "what is written must not depend, through another map lookup or another entry, on what was read from the same map",
        ),
    }
}

/// The highest clock, in MHz, at which there is a schedule.
fn slower_clock(problem: &Problem, target: &TargetDesc) -> Option<u32> {
    let fits = |mhz: u32| {
        let logic_ps = (1_000_000 / mhz).saturating_sub(target.register_overhead_ps);
        is_feasible(&Problem { logic_ps, ..problem.clone() })
    };
    if !fits(1) {
        return None;
    }
    let (mut good, mut bad) = (1, target.clock_mhz);
    while bad - good > 1 {
        let middle = (good + bad) / 2;
        if fits(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Some(good)
}
