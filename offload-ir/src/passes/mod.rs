//! The passes over `Function`, and the table that drives them.
//!
//! A pass is one free function in a file of its name; it returns whether it changed something. [`PASSES`] gives order and
//! names (`--print-after`, the test folders); [`optimize`] runs the table until nothing changes any more.

mod absorb_negations;
mod edit;
mod eliminate_common_subexpressions;
mod eliminate_dead_code;
mod eliminate_dead_stores;
mod eliminate_redundant_checks;
mod eliminate_redundant_loads;
mod fold_constants;
mod narrow_widths;
mod propagate_conditions;
mod recognize_bytes;
mod simplify_cfg;
mod tighten_bounds;
mod unroll_loops;

pub use absorb_negations::absorb_negations;
pub use eliminate_common_subexpressions::eliminate_common_subexpressions;
pub use eliminate_dead_code::eliminate_dead_code;
pub use eliminate_dead_stores::eliminate_dead_stores;
pub use eliminate_redundant_checks::eliminate_redundant_checks;
pub use eliminate_redundant_loads::eliminate_redundant_loads;
pub use fold_constants::fold_constants;
pub use narrow_widths::narrow_widths;
pub use propagate_conditions::propagate_conditions;
pub use recognize_bytes::recognize_bytes;
pub use simplify_cfg::simplify_cfg;
pub use tighten_bounds::tighten_bounds;
pub use unroll_loops::unroll_loops;

use crate::diagnostic::Diagnostic;
use crate::function::Function;
use std::time::{Duration, Instant};

/// When a pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In every round, before and after unrolling.
    Round,
    /// Once, between the rounds before and after it.
    Unroll,
    /// Once, at the end.
    Last,
}

/// What runs a pass.
#[derive(Clone, Copy)]
pub enum Run {
    /// A pass that cannot fail.
    Plain(fn(&mut Function) -> bool),
    /// A pass that may refuse the program if the result has more operations than the number given.
    Budgeted(fn(&mut Function, u64) -> Result<bool, Vec<Diagnostic>>),
}

/// A row of the table.
#[derive(Clone, Copy)]
pub struct Pass {
    /// Name of file, function, `--print-after` and test folder.
    pub name: &'static str,
    /// One line for users.
    pub doc: &'static str,
    /// When it runs.
    pub phase: Phase,
    /// What it runs.
    pub run: Run,
}

/// A row, its name taken from the function.
macro_rules! pass {
    ($phase:ident, $kind:ident, $run:ident, $doc:literal) => {
        Pass { name: stringify!($run), doc: $doc, phase: Phase::$phase, run: Run::$kind($run) }
    };
}

/// All passes, in the order of a round.
///
/// Conditions come early, since what they make constant decides branches; checks before common subexpressions, since a removed branch
/// lets more operations dominate each other; loads before bytes, so that merged loads are made of what is
/// really loaded; widths late, when values have their final shape; dead code last, to sweep up.
pub const PASSES: &[Pass] = &[
    pass!(
        Round,
        Plain,
        fold_constants,
        "compute constants, simplify algebra, one form for each comparison"
    ),
    pass!(Round, Plain, propagate_conditions, "use behind a branch what its condition says"),
    pass!(Round, Plain, simplify_cfg, "remove decided branches, empty blocks, needless parameters"),
    pass!(
        Round,
        Plain,
        eliminate_redundant_checks,
        "decide comparisons that earlier checks and ranges imply"
    ),
    pass!(Round, Plain, eliminate_common_subexpressions, "compute equal operations once"),
    pass!(
        Round,
        Plain,
        eliminate_redundant_loads,
        "take known packet and map bytes instead of loading them"
    ),
    pass!(Round, Plain, recognize_bytes, "turn shifted and merged bytes into wide loads and swaps"),
    pass!(Round, Plain, tighten_bounds, "narrow the offsets that accesses may have"),
    pass!(Round, Plain, narrow_widths, "make operations as wide as their results need to be"),
    pass!(Round, Plain, eliminate_dead_stores, "remove stores that are overwritten at once"),
    pass!(Round, Plain, eliminate_dead_code, "remove operations and parameters that nobody needs"),
    pass!(
        Unroll,
        Budgeted,
        unroll_loops,
        "copy loop bodies as often as the verifier counted trips"
    ),
    pass!(Last, Plain, absorb_negations, "write negated comparisons as the opposite comparison"),
];

/// What [`optimize`] may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Unroll loops (a pipeline needs it, a processor does not).
    pub unroll: bool,
    /// Operations that unrolling may lead to, at most.
    pub unroll_budget: u64,
    /// Rounds before unrolling and after it, at most.
    pub max_rounds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { unroll: true, unroll_budget: 65_536, max_rounds: 12 }
    }
}

/// How often a pass ran, and how long in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassTime {
    /// The pass.
    pub name: &'static str,
    /// Runs.
    pub runs: u32,
    /// Runs that changed something.
    pub changes: u32,
    /// Time in all runs.
    pub time: Duration,
}

/// Runs the passes until nothing changes any more. `observer` sees the program after each pass that changed it.
///
/// # Errors
/// Diagnostics about loops that cannot be unrolled; the program is valid but not finished then.
pub fn optimize(
    func: &mut Function,
    options: &Options,
    observer: &mut dyn FnMut(&str, &Function),
) -> Result<Vec<PassTime>, Vec<Diagnostic>> {
    let mut driver = Driver {
        observer,
        budget: options.unroll_budget,
        times: PASSES
            .iter()
            .map(|p| PassTime { name: p.name, runs: 0, changes: 0, time: Duration::ZERO })
            .collect(),
    };
    driver.rounds(func, options.max_rounds)?;
    if options.unroll && driver.phase(func, Phase::Unroll)? {
        driver.rounds(func, options.max_rounds)?;
    }
    driver.phase(func, Phase::Last)?;
    Ok(driver.times)
}

struct Driver<'a> {
    observer: &'a mut dyn FnMut(&str, &Function),
    budget: u64,
    times: Vec<PassTime>,
}

impl Driver<'_> {
    fn rounds(&mut self, func: &mut Function, max: u32) -> Result<(), Vec<Diagnostic>> {
        for _ in 0..max {
            if !self.phase(func, Phase::Round)? {
                break;
            }
        }
        Ok(())
    }

    fn phase(&mut self, func: &mut Function, phase: Phase) -> Result<bool, Vec<Diagnostic>> {
        let mut any = false;
        for (pass, time) in PASSES.iter().zip(&mut self.times).filter(|(p, _)| p.phase == phase) {
            let start = Instant::now();
            let changed = match pass.run {
                Run::Plain(run) => run(func),
                Run::Budgeted(run) => run(func, self.budget)?,
            };
            time.time += start.elapsed();
            time.runs += 1;
            if changed {
                time.changes += 1;
                any = true;
                (self.observer)(pass.name, func);
            }
        }
        Ok(any)
    }
}
