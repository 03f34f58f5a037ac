//! Every level of the flow run on one case and compared with the interpreter.

use beeline_frontend::lift::lift;
use beeline_frontend::verifier::verify;
use beeline_ir::if_convert::if_convert;
use beeline_ir::ports::share_ports;
use beeline_ir::validate::{validate_function, validate_pipeline};
use beeline_ir::{Diagnostic, Function, Pipeline};
use beeline_sim::exec::{FunctionExec, PipelineExec};
use beeline_sim::outcome::{compare, compare_maps, Executor, Outcome};
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
    /// It ran as `Pipeline`, and has no hardware form.
    Pipeline,
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
    let mut pipeline = match enter(level, "if_convert", || if_convert(&function)) {
        Ok(p) => p,
        Err(why) => return Ok((Reached::Function, reasons(&why))),
    };
    check_pipeline(case, &expected, &pipeline).map_err(|what| failed(level, what))?;
    if let Err(why) = enter(level, "share_ports", || share_ports(&mut pipeline)) {
        return Ok((Reached::Pipeline, reasons(&why)));
    }
    check_pipeline(case, &expected, &pipeline).map_err(|what| failed(level, what))?;
    Ok((Reached::Pipeline, String::new()))
}

fn enter<T>(level: &mut String, name: &str, run: impl FnOnce() -> T) -> T {
    name.clone_into(level);
    run()
}

fn reasons(diagnostics: &[Diagnostic]) -> String {
    diagnostics.first().map_or_else(|| "no reason".to_owned(), Diagnostic::to_string)
}

fn check_function(case: &Case, expected: &Expected, function: &Function) -> Result<(), String> {
    let valid = validate_function(function.clone()).map_err(|f| format!("invalid: {f}"))?;
    check(case, expected, &mut FunctionExec::new(&valid))
}

fn check_pipeline(case: &Case, expected: &Expected, pipeline: &Pipeline) -> Result<(), String> {
    let valid = validate_pipeline(pipeline.clone()).map_err(|f| format!("invalid: {f}"))?;
    check(case, expected, &mut PipelineExec::new(&valid))
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
    }
}

fn replay(case: &Case, engine: &mut dyn Executor) -> Result<Expected, String> {
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
    let got = replay(case, engine)?;
    for (n, (l, r)) in expected.outcomes.iter().zip(&got.outcomes).enumerate() {
        if let Some(d) = compare(l, r) {
            return Err(format!("packet {n}: {d}"));
        }
    }
    compare_maps(&expected.maps, &got.maps).map_or(Ok(()), |d| Err(format!("at the end: {d}")))
}
