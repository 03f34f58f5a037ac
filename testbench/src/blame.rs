//! Where a difference comes from: the packet, the instruction and C line in the program, and the first form of the
//! program, on its way to hardware, that does something else than the bytecode.

use crate::capture::Trace;
use crate::engine::{self, EngineKind, Job, Record};
use crate::equiv::{compare_records, Divergence, Mismatch};
use crate::flow;
use crate::interp::{inputs, prepare};
use beeline_frontend::insn::{Insn, Pc};
use beeline_ir::diagnostic::Place;
use beeline_ir::validate::{check_function, validate_function, validate_pipeline};
use beeline_ir::{Function, Pipeline};
use beeline_sim::exec::{FunctionExec, PipelineExec};
use beeline_sim::interp::{TraceStep, Written};
use beeline_sim::outcome::Difference;
use beeline_sim::{compare, Executor, Interp, Outcome, Packet};

/// An explanation of a divergence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Position in the trace of the first packet that is treated differently.
    pub position: usize,
    /// Its index in the capture.
    pub index: usize,
    /// What the instruction has to do with it.
    pub role: &'static str,
    /// The instruction, as the reference executed it for that packet.
    pub place: Place,
    /// The first form of the program that differs from the bytecode, if it can be told.
    pub form: Option<String>,
}

/// Explains `divergence` between records of `job`; `None` if a replay does not show it again.
pub fn blame(job: &Job<'_>, divergence: &Divergence) -> Option<Blame> {
    let (position, difference) = match &divergence.what {
        Mismatch::Packet { position, difference, .. } => (*position, difference.clone()),
        Mismatch::Map(difference) => (first_map_change(job, divergence)?, difference.clone()),
        Mismatch::Count(..)
        | Mismatch::Cycles { .. }
        | Mismatch::Stalls { .. }
        | Mismatch::EventCycle { .. } => return None,
    };
    let (steps, start) = trace_packet(job, position)?;
    let (step, role) = responsible(job, &steps, start, &difference)?;
    Some(Blame {
        position,
        index: job.trace.packets[position].index,
        role,
        place: job.program.program().place(step),
        form: divergence.engine.needs_hardware().then(|| first_wrong_form(job, position)).flatten(),
    })
}

/// The first `n` packets of `trace`.
fn prefix(trace: &Trace, n: usize) -> Trace {
    Trace { packets: trace.packets[..n].to_vec(), notices: Vec::new() }
}

/// The packet after which the maps first differ, by bisection over prefixes of the trace.
fn first_map_change(job: &Job<'_>, divergence: &Divergence) -> Option<usize> {
    let differs = |n: usize| {
        let trace = prefix(job.trace, n);
        let short = Job { trace: &trace, ..*job };
        let left = engine::run(divergence.reference, &short).ok()?;
        let right = engine::run(divergence.engine, &short).ok()?;
        Some(compare_records(&left, &right, &short).is_some())
    };
    let (mut equal, mut different) = (0, job.trace.packets.len());
    if differs(0)? {
        return None; // before the first packet: no instruction did it
    }
    while different - equal > 1 {
        let middle = (equal + different) / 2;
        if differs(middle)? {
            different = middle;
        } else {
            equal = middle;
        }
    }
    Some(different - 1)
}

/// What the interpreter executes for packet `position`, and where the packet then starts.
fn trace_packet(job: &Job<'_>, position: usize) -> Option<(Vec<TraceStep>, i64)> {
    let program = job.program.program();
    let mut maps = job.map_set().ok()?;
    let mut interp = prepare(job, Interp::for_tracing).ok()?;
    let mut packet = Packet::new();
    let mut steps = Vec::new();
    for (n, p) in job.trace.packets.iter().enumerate().take(position + 1) {
        packet.arrive(&p.bytes).ok()?;
        steps.clear();
        let inputs = inputs(job, n);
        interp.trace(program, &inputs, &mut packet, &mut maps, &mut steps).ok()?;
    }
    Some((steps, packet.start().into()))
}

/// The executed instruction that decided what now differs.
fn responsible(
    job: &Job<'_>,
    steps: &[TraceStep],
    start: i64,
    difference: &Difference,
) -> Option<(Pc, &'static str)> {
    let program = job.program.program();
    let last = |f: &dyn Fn(&TraceStep) -> bool| steps.iter().rev().find(|s| f(s)).map(|s| s.pc);
    let is_call = |s: &TraceStep| matches!(program.insns[s.pc.index()], Insn::Call(_));
    let found = match difference {
        Difference::Byte { offset, .. } => {
            let at = start + *offset as i64;
            let wrote = |s: &TraceStep| match s.written {
                Some(Written::Packet { from, bytes }) => {
                    (from..from + i64::from(bytes)).contains(&at)
                }
                _ => false,
            };
            last(&wrote).map(|pc| (pc, "wrote this byte last"))
        }
        Difference::Entry { map, .. } => {
            let number = program.maps.iter().position(|m| m.name == *map);
            let wrote = |s: &TraceStep| match s.written {
                Some(Written::Map(m)) => Some(m) == number,
                _ => false,
            };
            last(&wrote).map(|pc| (pc, "wrote this map last"))
        }
        Difference::Length(..) | Difference::Redirect(..) | Difference::Event { .. } => {
            last(&is_call).map(|pc| (pc, "was the last call"))
        }
        Difference::Code(..) => {
            let branches =
                |s: &TraceStep| matches!(program.insns[s.pc.index()], Insn::JumpIf { .. });
            last(&branches).map(|pc| (pc, "was the last decision before the program ended"))
        }
    };
    let end = || steps.last().map(|s| (s.pc, "ended the program; nothing before it changed this"));
    found.or_else(end)
}

/// Runs every form of the program on the packets up to `position`, in the order of the compile flow, and names the first that differs.
fn first_wrong_form(job: &Job<'_>, position: usize) -> Option<String> {
    let trace = prefix(job.trace, position + 1);
    let short = Job { trace: &trace, ..*job };
    let expected = engine::run(EngineKind::Interp, &short).ok()?;
    let hardware = job.hardware?;
    let is_wrong = |function: &Function| {
        check_function(function).is_ok()
            && validate_function(function.clone())
                .is_ok_and(|valid| !agrees(&short, &expected, &mut FunctionExec::new(&valid)))
    };
    let mut wrong = None;
    let mut observer = |name: &str, function: &Function| {
        if wrong.is_none() && is_wrong(function) {
            wrong = Some(format!("the SSA form after `{name}`"));
        }
    };
    flow::optimised(job.program, &hardware.options, &mut observer).ok()?;
    if wrong.is_some() {
        return wrong;
    }
    if is_wrong(&hardware.function) {
        return Some(
            "the function that was compiled, though a new run of the passes is right".into(),
        );
    }
    let mut wrong = None;
    let mut observer = |name: &str, pipeline: &Pipeline| {
        let valid = || validate_pipeline(pipeline.clone()).ok();
        let is_wrong = |valid| !agrees(&short, &expected, &mut PipelineExec::new(&valid));
        if wrong.is_none() && valid().is_some_and(is_wrong) {
            wrong = Some(format!("the predicated pipeline after `{name}`"));
        }
    };
    flow::predicated_with(&hardware.function, &mut observer).ok()?;
    if wrong.is_some() {
        return wrong;
    }
    let staged = engine::run(EngineKind::Pipeline, &short).ok()?;
    Some(match compare_records(&expected, &staged, &short) {
        Some(_) => "the scheduled pipeline (scheduler, or its simulator)".into(),
        None => "the generated Verilog or its cells".into(),
    })
}

fn agrees(job: &Job<'_>, expected: &Record, exec: &mut dyn Executor) -> bool {
    let Ok(mut maps) = job.map_set() else { return true };
    let mut packet = Packet::new();
    let same_packets = job.trace.packets.iter().enumerate().all(|(n, p)| {
        if packet.arrive(&p.bytes).is_err() {
            return true;
        }
        match exec.run(&inputs(job, n), &mut packet, &mut maps) {
            Ok(exit) => {
                compare(&expected.packets[n].outcome, &Outcome::new(exit, &packet)).is_none()
            }
            Err(_) => false,
        }
    });
    same_packets && expected.maps.iter().enumerate().all(|(m, entries)| maps.dump(m) == *entries)
}
