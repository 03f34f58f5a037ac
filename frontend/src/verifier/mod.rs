//! The verifier: an abstract interpreter that proves a program safe, in the manner of the Linux verifier for XDP.
//!
//! It stands between the loader and everything else: [`verify`] takes a linked [`Program`] and gives either a
//! [`VerifiedProgram`], whose facts every later stage lives on, or the reasons why not. The parts, bottom up:
//!
//! - numbers: `tnum` (bits), `scalar` (bits and ranges), `alu` (arithmetic), `branch` (comparisons);
//! - states: `stack`, `state`, and `cover`, which says when one state stands for another;
//! - instructions: `step`, `pointer`, `memory`, `jump`, `call` (with `global`), `callback`, `helper` and `kfunc` with their `prototype` table, `object`, `special`, `socket`;
//! - control flow: `flow`, `structure`, `liveness`, `loops`;
//! - the walk: `explore` (with its `log` and `stack_depth`), with `checkpoint`, `touch` and `widen` to keep it short,
//!   `converge` for loops that the kernel ends, and `record` for the facts.
//!
//! `docs/verifier.md` tells how it works as a whole, and lists the codes.

mod alu;
mod branch;
mod call;
mod callback;
mod checkpoint;
mod converge;
mod cover;
mod explore;
mod flow;
mod global;
mod helper;
mod jump;
mod kfunc;
mod liveness;
mod log;
mod loops;
mod memory;
mod message;
mod object;
mod pointer;
mod prototype;
mod record;
mod scalar;
mod socket;
#[cfg(test)]
mod soundness;
mod special;
mod stack;
mod stack_depth;
mod state;
mod step;
mod structure;
mod tnum;
mod touch;
mod widen;

use crate::facts::{Facts, VerifiedProgram};
use crate::insn::Pc;
use crate::program::Program;
use beeline_ir::diagnostic::Diagnostic;
use explore::{Explorer, Walked, MAX_WALKED};
use liveness::Liveness;
use loops::Shape;
use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::OnceLock;
use widen::Generaliser;

pub(crate) use kfunc::has_kfunc;
pub use prototype::helper_name;

/// Instructions walked over all attempts with generalisation; past it, one attempt without.
const MAX_WALKED_GENERALISED: u64 = 4 * MAX_WALKED;

/// Proves `program` safe, or says what is wrong with it.
///
/// # Errors
///
/// Every structural complaint (`BL0300` to `BL0303`) at once, or else the first complaint on a path.
pub fn verify(program: Program) -> Result<VerifiedProgram, Vec<Diagnostic>> {
    verify_logged(program, None)
}

/// As [`verify`], and writes each step to `log` as it is taken: the instruction, the registers and stack slots that it
/// changed, where a path was left, and statistics (`docs/verifier.md`). Errors of `log` are ignored.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_with_log(
    program: Program,
    log: &mut dyn Write,
) -> Result<VerifiedProgram, Vec<Diagnostic>> {
    verify_logged(program, Some(log))
}

fn verify_logged(
    program: Program,
    mut log: Option<&mut dyn Write>,
) -> Result<VerifiedProgram, Vec<Diagnostic>> {
    let complaints = structure::check(&program);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let parts = (Liveness::of(&program), Shape::of(&program));
    let verdict = walk_functions(&program, &parts, &mut log);
    let walked = verdict.map_err(|d| vec![d])?;
    let Walked { facts, warnings, .. } = walked;
    Ok(VerifiedProgram { program, facts, followed: OnceLock::new(), warnings })
}

/// Walks the program with its static functions, then each global function on its own, as Linux does.
fn walk_functions(
    program: &Program,
    parts: &(Liveness, Shape),
    log: &mut Option<&mut dyn Write>,
) -> Result<Walked, Diagnostic> {
    let any_global = program.subprogs.iter().any(|s| s.global && s.start != Pc(0));
    let mut main = walk(program, parts, Pc(0), any_global, log)?;
    let mut pending: BTreeSet<Pc> = main.calls.iter().map(|c| c.1).collect();
    let mut alone = BTreeMap::new();
    while let Some(start) = pending.pop_first() {
        if let Entry::Vacant(new) = alone.entry(start) {
            let walked = new.insert(walk(program, parts, start, true, log)?);
            pending.extend(walked.calls.iter().map(|c| c.1));
        }
    }
    if any_global {
        let bytes = stack_depth::of_closed(&main, &alone, 0);
        main.facts.stack_bytes = stack_depth::check_closed(program, bytes)?;
        main.facts.insns_walked += alone.values().map(|w| w.facts.insns_walked).sum::<u64>();
        main.warnings.extend(alone.into_values().flat_map(|w| w.warnings));
    }
    Ok(main)
}

/// Facts of a verified program with those of its global functions in each calling context; `None` if that takes too
/// many steps.
pub(crate) fn follow_calls(program: &Program) -> Option<Facts> {
    let parts = (Liveness::of(program), Shape::of(program));
    walk(program, &parts, Pc(0), false, &mut None).ok().map(|walked| walked.facts)
}

/// Walks the function at `start`, until no forgotten number makes it fail.
fn walk(
    program: &Program,
    (live, shape): &(Liveness, Shape),
    start: Pc,
    closed: bool,
    log: &mut Option<&mut dyn Write>,
) -> Result<Walked, Diagnostic> {
    let entry = global::entry(program, start)?;
    let mut generaliser = Generaliser::default();
    let mut walked = 0;
    loop {
        let explorer = Explorer::new(program, (live, shape), &mut generaliser, start, closed);
        let out: Option<&mut dyn Write> = match log {
            Some(out) => Some(&mut **out),
            None => None,
        };
        match explorer.logged(out).run(entry.clone()) {
            Ok(done) => return Ok(done),
            Err(stopped) => {
                walked += stopped.walked;
                let Some(event) = stopped.generalised else { return Err(stopped.diagnostic) };
                // A number that was forgotten may have been what ended a loop; which one, is not to be seen.
                if stopped.walked > MAX_WALKED || walked >= MAX_WALKED_GENERALISED {
                    generaliser.disable();
                } else {
                    generaliser.blame(event);
                }
            }
        }
    }
}
