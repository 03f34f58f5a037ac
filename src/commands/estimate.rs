//! `beeline estimate`: throughput, latency and area before any board exists.

use super::no_nfp;
use crate::args::{Estimate, Target};
use crate::failure::Failure;
use crate::input::{self, Prepared};
use crate::render;
use beeline_testbench::area;
use beeline_testbench::capture::{Trace, TracePacket};
use beeline_testbench::engine::{self, EngineError, EngineKind, Job};
use beeline_testbench::estimate as rates;
use beeline_testbench::traffic;

/// Frames replayed when no capture is given.
const DEFAULT_FRAMES: usize = 1000;

pub(super) fn estimate(args: &Estimate) -> Result<(), Failure> {
    if args.target == Target::Nfp {
        return Err(no_nfp());
    }
    let Prepared { verified, maps, tail_calls } = input::prepared(&args.source)?;
    let (seed, cpu) = (args.surroundings.seed, args.surroundings.cpu);
    let options = input::options(&args.device, &tail_calls, seed, cpu)?;
    let compiled = input::hardware(&verified, &options)?;
    let trace = match &args.pcap {
        Some(path) => input::trace(path)?,
        None => back_to_back(),
    };
    let job = Job {
        program: &verified,
        hardware: Some(&compiled),
        tail_calls: &tail_calls,
        trace: &trace,
        maps: &maps,
        surroundings: args.surroundings.values(),
        pacing: args.surroundings.pacing(),
    };
    let record = engine::run(EngineKind::Pipeline, &job).map_err(|e| match e {
        EngineError::Internal(m) => Failure::Internal(m),
        other => Failure::unusable(other),
    })?;
    let area = match args.synth {
        true => area::synthesise(&compiled).map_err(Failure::unusable)?,
        false => area::model(&compiled),
    };
    let rates = rates::rates(&trace, &record, options.target.clock_mhz);
    let (program, record) = (verified.program(), &record);
    let estimate = render::Estimated { program, compiled: &compiled, rates, record, area };
    match args.json {
        true => render::estimate_json(&estimate),
        false => render::estimate_text(&estimate),
    }
    Ok(())
}

/// 64-byte frames (60 bytes without FCS), one after the other.
fn back_to_back() -> Trace {
    let frames = traffic::back_to_back(DEFAULT_FRAMES, 60, 64);
    let packets = frames
        .frames
        .into_iter()
        .enumerate()
        .map(|(index, f)| TracePacket {
            index,
            time_ns: f.timestamp_ns,
            bytes: f.data,
            rx_hash: None,
        })
        .collect();
    Trace { packets, notices: Vec::new() }
}
