//! `beeline equiv`: replays captures on several engines and compares.

use crate::args::Equiv;
use crate::failure::Failure;
use crate::input::{self, Prepared};
use crate::render::{self, Compared};
use beeline_testbench::engine::Job;
use beeline_testbench::equiv as runner;

pub(super) fn equiv(args: &Equiv) -> Result<(), Failure> {
    let engines: Vec<_> =
        args.engines.iter().map(|e| input::engine(e.trim())).collect::<Result<_, _>>()?;
    let Prepared { verified, maps, tail_calls } = input::prepared(&args.source)?;
    let (seed, cpu) = (args.surroundings.seed, args.surroundings.cpu);
    let options = input::options(&args.device, &tail_calls, seed, cpu)?;
    let hardware = match engines.iter().any(|e| e.needs_hardware()) {
        true => Some(input::hardware(&verified, &options)?),
        false => None,
    };
    // Every file is read before the first replay: a bad one costs no half-done run.
    let traces: Vec<_> = args
        .pcap
        .iter()
        .map(|path| Ok((path, input::trace(path)?)))
        .collect::<Result<_, Failure>>()?;
    let mut results = Vec::new();
    for (path, trace) in &traces {
        let job = Job {
            program: &verified,
            hardware: hardware.as_ref(),
            tail_calls: &tail_calls,
            trace,
            maps: &maps,
            surroundings: args.surroundings.values(),
            pacing: args.surroundings.pacing(),
        };
        let report = runner::equiv(&engines, &job);
        let compared = Compared { capture: path, program: verified.program(), trace, report };
        match args.json {
            true => render::equiv_json(&compared),
            false => render::equiv_text(&compared),
        }
        results.push(compared);
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, render::junit(&results))
            .map_err(|e| Failure::unusable(format!("{}: {e}", path.display())))?;
    }
    match results.iter().all(|c| c.report.is_equal()) {
        true => Ok(()),
        false => Err(Failure::Different),
    }
}
