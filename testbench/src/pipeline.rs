//! The `pipeline` engine: the cycle-level simulator of the staged pipeline on a trace.

use crate::engine::{EngineError, Job, PacketRecord, Record};
use crate::flow::Compiled;
use crate::interp::inputs;
use beeline_ir::Op;
use beeline_sim::pipeline::{Arrival, PipelineSim, Traffic};
use beeline_sim::MapSet;

/// Bytes of a stream beat.
const BUS: usize = 64;

/// Idle cycles before each beat, and the output's ready pattern.
pub struct Pattern {
    /// By beat of the whole trace.
    idle: Vec<u32>,
    /// Index in `idle` of each packet's first beat.
    first_beat: Vec<usize>,
    ready: Vec<bool>,
    event_ready: Vec<bool>,
}

impl Traffic for Pattern {
    fn idle(&mut self, packet: usize, beat: usize) -> u32 {
        self.idle[self.first_beat[packet] + beat]
    }

    fn ready(&mut self, cycle: u64) -> bool {
        self.ready[(cycle % self.ready.len() as u64) as usize]
    }

    fn event_ready(&mut self, cycle: u64) -> bool {
        self.event_ready[(cycle % self.event_ready.len() as u64) as usize]
    }
}

/// Runs `job` on the cycle-level simulator.
///
/// # Errors
/// `Input` if the maps cannot be loaded; `Internal` if the simulator finds a defect.
pub fn run(job: &Job<'_>) -> Result<Record, EngineError> {
    let hardware = job.hardware()?;
    check_events(job, hardware)?;
    let decls = hardware.staged.pipeline.dfg.maps.values();
    let mut maps = MapSet::from_decls(decls).map_err(|e| EngineError::Input(e.to_string()))?;
    maps.model_places().map_err(|e| EngineError::Input(e.to_string()))?;
    job.maps.load(&mut maps).map_err(EngineError::Input)?;
    let arrivals = arrivals(job);
    let mut pattern = pattern(job);
    let run = PipelineSim::new(&hardware.staged)
        .run(&arrivals, &mut maps, &mut pattern)
        .map_err(|e| EngineError::Internal(e.to_string()))?;
    let mut packets: Vec<PacketRecord> = (0..arrivals.len())
        .map(|n| {
            let d = &run.departures[n];
            PacketRecord {
                outcome: run.outcome(n),
                events: Vec::new(),
                cycles: Some((d.cycle_in, d.cycle_out)),
            }
        })
        .collect();
    for (event, bytes) in run.events() {
        packets[event.packet].events.push((event.map, bytes.to_vec()));
    }
    let event_cycles = run.events().map(|(e, _)| e.cycle).collect();
    let mut stalls = run.stalls.maps.clone();
    stalls.resize(maps.len(), 0); // without gates there is nothing to count
    let maps = (0..maps.len()).map(|m| maps.dump(m)).collect();
    let (cycles, stalls) = (Some(run.cycles), Some(stalls));
    Ok(Record { packets, maps, cycles, stalls, event_cycles, ..Record::default() })
}

/// Refuses a map file that changes which events there are in perf event arrays: hardware has one for each CPU.
///
/// # Errors
/// `Input`, with the name of the map.
pub fn check_events(job: &Job<'_>, hardware: &Compiled) -> Result<(), EngineError> {
    let staged = &hardware.staged;
    for inst in staged.events() {
        if let Op::EventOutput { map, .. } = &staged.pipeline.dfg.insts[inst].op {
            if job.maps.perf_events.contains(&(map.as_u32() as usize)) {
                return Err(EngineError::Input(format!(
                    "map {}: the map file lists its events; in hardware each CPU has one at its own index",
                    staged.pipeline.dfg.maps[*map].name
                )));
            }
        }
    }
    Ok(())
}

/// The pattern that `job` asks for.
pub fn pattern(job: &Job<'_>) -> Pattern {
    let mut beats = 0;
    let first_beat = job
        .trace
        .packets
        .iter()
        .map(|p| {
            let first = beats;
            beats += p.bytes.len().div_ceil(BUS);
            first
        })
        .collect();
    let idle = job.pacing.idle_before_beats(beats);
    let (ready, event_ready) = (job.pacing.ready_pattern(), job.pacing.event_ready_pattern());
    Pattern { idle, first_beat, ready, event_ready }
}

/// The packets of `job`, with their inputs.
pub fn arrivals<'a>(job: &Job<'a>) -> Vec<Arrival<'a>> {
    let packets = job.trace.packets.iter().enumerate();
    packets.map(|(n, p)| Arrival { bytes: &p.bytes, inputs: inputs(job, n) }).collect()
}
