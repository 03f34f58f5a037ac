//! Every level of the flow run on one case and compared with the interpreter.

use crate::kernel;
use beeline_frontend::lift::lift;
use beeline_frontend::verifier::verify;
use beeline_ir::if_convert::if_convert;
use beeline_ir::op::Op;
use beeline_ir::passes;
use beeline_ir::ports::share_ports;
use beeline_ir::schedule::schedule;
use beeline_ir::state::lower_state;
use beeline_ir::target::TargetDesc;
use beeline_ir::validate::{validate_function, validate_pipeline, validate_staged};
use beeline_ir::{Diagnostic, Function, Pipeline, StagedPipeline, Validated};
use beeline_sim::exec::{FunctionExec, PipelineExec};
use beeline_sim::outcome::{compare, compare_maps, Executor, Exit, Outcome};
use beeline_sim::pipeline::{Arrival, PipelineSim, Saturated};
use beeline_sim::{Inputs, Interp, MapSet, Packet};
use beeline_testbench::generate::Case;
use std::fmt;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// How far a case came, if no level differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// The verifier refused it.
    Nothing,
    /// The interpreter ran it, the lift refused it.
    Interpreter,
    /// It ran as `Function`, and has no predicated form.
    Function,
    /// It ran as `Pipeline`, and does not fit the hardware.
    Pipeline,
    /// It ran as scheduled pipeline, cycle by cycle.
    Hardware,
}

/// A level that does not do what the interpreter does.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The level: `interp`, `lift`, a pass, `if_convert` and so on.
    pub level: String,
    /// Packet and difference, or why there is no result.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.what)
    }
}

/// What a case came to: how far it got, and why not further; or what failed.
pub type Finding = Result<(Reached, String), Failure>;

/// Outcomes and maps of the reference.
struct Expected {
    outcomes: Vec<Outcome>,
    maps: MapSet,
}

/// Runs `case` on every level. A panic counts as failure of the level in which it happens.
pub fn judge(case: &Case) -> Finding {
    let mut level = "verifier".to_owned();
    let run = catch_unwind(AssertUnwindSafe(|| judge_levels(case, &mut level)));
    run.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Failure { level: level.clone(), what: format!("panic: {text}") })
    })
}

fn judge_levels(case: &Case, level: &mut String) -> Finding {
    let verified = match verify(case.program.clone()) {
        Ok(v) => v,
        Err(why) => return Ok((Reached::Nothing, reasons(&why))),
    };
    *level = "interp".to_owned();
    let failed = |level: &str, what: String| Failure { level: level.to_owned(), what };
    let mut interp = Interp::new(&verified).map_err(|d| failed(level, reasons(&d)))?;
    let expected = replay(case, &mut interp).map_err(|what| failed(level, what))?;
    let function = match enter(level, "lift", || lift(&verified)) {
        Ok(f) => f,
        Err(why) => return Ok((Reached::Interpreter, reasons(&why))),
    };
    check_function(case, &expected, &function).map_err(|what| failed(level, what))?;
    let function = match optimized(case, &expected, function, level)? {
        Ok(f) => f,
        Err(why) => return Ok((Reached::Function, why)),
    };
    let mut pipeline = match enter(level, "if_convert", || if_convert(&function)) {
        Ok(p) => p,
        Err(why) => return Ok((Reached::Function, reasons(&why))),
    };
    check_pipeline(case, &expected, &pipeline).map_err(|what| failed(level, what))?;
    if let Err(why) = enter(level, "lower_state", || lower_state(&mut pipeline)) {
        return Ok((Reached::Pipeline, reasons(&why)));
    }
    check_pipeline(case, &expected, &pipeline).map_err(|what| failed(level, what))?;
    if let Err(why) = enter(level, "share_ports", || share_ports(&mut pipeline)) {
        return Ok((Reached::Pipeline, reasons(&why)));
    }
    check_pipeline(case, &expected, &pipeline).map_err(|what| failed(level, what))?;
    let target = target(case);
    let staged = match enter(level, "schedule", || schedule(pipeline, &target)) {
        Ok(s) => s,
        Err(why) => return Ok((Reached::Pipeline, reasons(&why))),
    };
    let staged = validate_staged(staged).map_err(|f| failed(level, invalid(&f)))?;
    let simulate = || check_simulation(case, &expected, &staged);
    enter(level, "pipeline", simulate).map_err(|what| failed(level, what))?;
    Ok((Reached::Hardware, String::new()))
}

/// Where `case` is scheduled for, by its name: the default target for every other program, else the slower one, or a
/// clock at which every operation fits a stage and stages are few.
fn target(case: &Case) -> TargetDesc {
    let number = case.program.name.bytes().fold(0u32, |n, b| n.wrapping_mul(31) + u32::from(b));
    let (name, clock_mhz) = match number % 4 {
        0 => ("ecp5", None),
        1 => ("xcup", Some(20)),
        _ => ("xcup", None),
    };
    let target = TargetDesc::built_in(name).expect("a built-in target");
    let at = |mhz| target.clone().at_clock(mhz).expect("a clock that the target allows");
    clock_mhz.map_or_else(|| target.clone(), at)
}

/// Runs the passes on `function`, and the function after each pass that changed it. `Ok(Err)` if a pass refuses it.
fn optimized(
    case: &Case,
    expected: &Expected,
    mut function: Function,
    level: &mut String,
) -> Result<Result<Function, String>, Failure> {
    let mut failure = None;
    "passes".clone_into(level);
    let mut observer = |pass: &str, f: &Function| {
        if failure.is_none() {
            let what = check_function(case, expected, f).err();
            failure = what.map(|what| Failure { level: pass.to_owned(), what });
        }
    };
    let result = passes::optimize(&mut function, &passes::Options::default(), &mut observer);
    match failure {
        Some(failure) => Err(failure),
        None => Ok(result.map(|_| function).map_err(|why| reasons(&why))),
    }
}

/// Runs the cycle-level simulator on the whole trace, with everything destroyed that the schedule does not keep.
fn check_simulation(
    case: &Case,
    expected: &Expected,
    staged: &Validated<StagedPipeline>,
) -> Result<(), String> {
    let mut maps = maps(case)?;
    let arrivals: Vec<Arrival<'_>> = case
        .packets
        .iter()
        .enumerate()
        .map(|(n, bytes)| Arrival { bytes, inputs: inputs(n) })
        .collect();
    let mut simulator = PipelineSim::strict(staged);
    let run = simulator.run(&arrivals, &mut maps, &mut Saturated);
    let run = run.map_err(|fault| format!("{fault:?}"))?;
    let outcomes = (0..arrivals.len()).map(|n| run.outcome(n)).collect();
    same(expected, &Expected { outcomes, maps })
}

/// Runs `case` in the interpreter and in the kernel. `None` if the kernel cannot be asked.
pub fn judge_by_kernel(case: &Case) -> Option<Finding> {
    let failed = |level: &str, what: String| Failure { level: level.to_owned(), what };
    let record = kernel::run(case);
    let verified = match (verify(case.program.clone()), &record) {
        (_, Err(kernel::Refusal::System(e))) => {
            println!("notice: comparison with the kernel skipped: {e}");
            return None;
        }
        (Ok(_), Err(kernel::Refusal::Program(log))) => {
            return Some(Err(failed("verifier", format!("the kernel refuses: {log}"))));
        }
        (Err(why), _) => return Some(Ok((Reached::Nothing, reasons(&why)))),
        (Ok(verified), Ok(_)) => verified,
    };
    let record = record.ok()?;
    let run = || {
        let mut interp = Interp::new(&verified).map_err(|d| reasons(&d))?;
        let ours = replay_with(case, &mut interp, kernel_inputs)?;
        compare_with_kernel(&ours, &record)
    };
    let done = (Reached::Interpreter, String::new());
    Some(run().map(|()| done).map_err(|what| failed("kernel", what)))
}

fn compare_with_kernel(ours: &Expected, record: &kernel::Record) -> Result<(), String> {
    for (n, (l, r)) in ours.outcomes.iter().zip(&record.outputs).enumerate() {
        let exit = Exit { code: r.code, redirect: l.exit.redirect };
        if let Some(d) = compare(l, &Outcome { exit, bytes: r.bytes.clone() }) {
            return Err(format!("packet {n}: {d}"));
        }
    }
    for (n, theirs) in record.maps.iter().enumerate() {
        let ours = ours.maps.dump(n);
        if theirs.as_ref().is_some_and(|t| *t != ours) {
            return Err(format!("map {n} at the end: {ours:x?} against {theirs:x?}"));
        }
    }
    Ok(())
}

/// What the kernel's test interface supplies: the first queue of the loopback interface.
fn kernel_inputs(n: usize) -> Inputs {
    Inputs { packet_index: n as u32, ..Inputs::default() }
}

fn enter<T>(level: &mut String, name: &str, run: impl FnOnce() -> T) -> T {
    name.clone_into(level);
    run()
}

fn reasons(diagnostics: &[Diagnostic]) -> String {
    diagnostics.first().map_or_else(|| "no reason".to_owned(), Diagnostic::to_string)
}

/// What is wrong with the IR, without the listing that follows.
fn invalid(faults: &impl fmt::Display) -> String {
    let text = faults.to_string();
    let heading = |l: &&str| !l.starts_with("function") && !l.starts_with("pipeline");
    text.lines().take_while(heading).collect::<Vec<_>>().join("\n")
}

fn check_function(case: &Case, expected: &Expected, function: &Function) -> Result<(), String> {
    let valid = validate_function(function.clone()).map_err(|f| invalid(&f))?;
    check(case, expected, &mut FunctionExec::new(&valid))
}

fn check_pipeline(case: &Case, expected: &Expected, pipeline: &Pipeline) -> Result<(), String> {
    let valid = validate_pipeline(pipeline.clone()).map_err(|f| invalid(&f))?;
    check(case, expected, &mut PipelineExec::new(&valid))
}

/// True if the lifted program does something else once `mistake` was made on its operations; none if it has no such
/// operation, or no form in which it could be made.
pub fn tampered(case: &Case, mistake: fn(&mut Op) -> bool) -> Option<bool> {
    let verified = verify(case.program.clone()).ok()?;
    let mut interp = Interp::new(&verified).ok()?;
    let expected = replay(case, &mut interp).ok()?;
    let mut function = lift(&verified).ok()?;
    let mut made = false;
    for inst in function.dfg.insts.values_mut() {
        made |= mistake(&mut inst.op);
    }
    // An invalid program would be noticed earlier; it does not count.
    let valid = validate_function(function).ok().filter(|_| made)?;
    Some(check(case, &expected, &mut FunctionExec::new(&valid)).is_err())
}

/// The maps of `case` before the first packet.
fn maps(case: &Case) -> Result<MapSet, String> {
    let mut maps = MapSet::for_program(&case.program).map_err(|e| e.to_string())?;
    for (map, key, value) in &case.entries {
        maps.host_update(*map, key, value, 0)
            .map_err(|e| format!("preload of {}: {e}", case.program.maps[*map].name))?;
    }
    Ok(maps)
}

fn inputs(n: usize) -> Inputs {
    Inputs {
        time_ns: 1_704_067_200_000_000_000 + 67 * n as u64,
        ingress_ifindex: 3,
        rx_queue_index: 1,
        cpu: 0,
        packet_index: n as u32,
        seed: 7,
        ..Inputs::default()
    }
}

fn replay(case: &Case, engine: &mut dyn Executor) -> Result<Expected, String> {
    replay_with(case, engine, inputs)
}

fn replay_with(
    case: &Case,
    engine: &mut dyn Executor,
    inputs: fn(usize) -> Inputs,
) -> Result<Expected, String> {
    let mut maps = maps(case)?;
    let mut packet = Packet::new();
    let mut outcomes = Vec::new();
    for (n, bytes) in case.packets.iter().enumerate() {
        packet.arrive(bytes).map_err(|e| e.to_string())?;
        let exit = engine.run(&inputs(n), &mut packet, &mut maps);
        let exit = exit.map_err(|fault| format!("packet {n}: {fault:?}"))?;
        outcomes.push(Outcome::new(exit, &packet));
    }
    Ok(Expected { outcomes, maps })
}

fn check(case: &Case, expected: &Expected, engine: &mut dyn Executor) -> Result<(), String> {
    same(expected, &replay(case, engine)?)
}

/// The first difference between two results.
fn same(expected: &Expected, got: &Expected) -> Result<(), String> {
    for (n, (l, r)) in expected.outcomes.iter().zip(&got.outcomes).enumerate() {
        if let Some(d) = compare(l, r) {
            return Err(format!("packet {n}: {d}"));
        }
    }
    compare_maps(&expected.maps, &got.maps).map_or(Ok(()), |d| Err(format!("at the end: {d}")))
}
