//! `beeline run`: replays a capture on one engine.

use crate::args::Run;
use crate::failure::Failure;
use crate::input::{self, Prepared};
use crate::render;
use beeline_testbench::engine::{self, EngineError, Job};

pub(super) fn run(args: &Run) -> Result<(), Failure> {
    let kind = input::engine(&args.engine)?;
    let Prepared { verified, maps, tail_calls } = input::prepared(&args.source)?;
    let (seed, cpu) = (args.surroundings.seed, args.surroundings.cpu);
    let options = input::options(&args.device, &tail_calls, seed, cpu)?;
    let hardware = match kind.needs_hardware() {
        true => Some(input::hardware(&verified, &options)?),
        false => None,
    };
    let trace = input::trace(&args.pcap)?;
    let job = Job {
        program: &verified,
        hardware: hardware.as_ref(),
        tail_calls: &tail_calls,
        trace: &trace,
        maps: &maps,
        surroundings: args.surroundings.values(),
        pacing: args.surroundings.pacing(),
    };
    let record = engine::run(kind, &job).map_err(|e| match e {
        EngineError::Skipped(why) => Failure::Unusable(format!("engine {kind}: {why}")),
        EngineError::Input(m) => Failure::Unusable(m),
        EngineError::Refused(d) => Failure::Rejected(vec![*d]),
        EngineError::Internal(m) => Failure::Internal(m),
    })?;
    for notice in &record.unseen.notices {
        eprintln!("notice: {kind}: {notice}");
    }
    if let Some(out) = &args.out {
        let leaving = trace.packets.iter().zip(&record.packets).filter_map(|(p, r)| {
            let leaves = r.outcome.exit.action().leaves();
            leaves.then_some((p.time_ns, r.outcome.bytes.as_slice()))
        });
        beeline_testbench::capture::write(out, leaving).map_err(Failure::unusable)?;
    }
    if args.json {
        render::run_json(&job, &record);
    } else {
        render::run_text(&job, &record);
    }
    Ok(())
}
