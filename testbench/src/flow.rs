//! The compile flow, phase by phase: verified program to generated hardware.

use crate::driver_types;
use crate::tail_calls::TailCalls;
use beeline_backends::verilog::{self, BackendError, Design};
use beeline_frontend::lift::lift_with;
use beeline_frontend::{Program, VerifiedProgram};
use beeline_ir::function::Function;
use beeline_ir::if_convert::if_convert;
use beeline_ir::passes;
use beeline_ir::pipeline::{Pipeline, StagedPipeline};
use beeline_ir::ports::share_ports;
use beeline_ir::schedule::{boundary_bits, register_bits, schedule};
use beeline_ir::state::lower_state;
use beeline_ir::target::TargetDesc;
use beeline_ir::validate::{validate_staged, Validated};
use beeline_ir::Diagnostic;

/// What to compile for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Device and clock.
    pub target: TargetDesc,
    /// Seed of `bpf_get_prandom_u32`.
    pub seed: u32,
    /// Number that the program sees as its CPU.
    pub cpu: u32,
    /// The programs that tail calls reach, and the maps in maps.
    pub tail_calls: TailCalls,
    /// Limits of the passes.
    pub passes: passes::Options,
}

impl Default for Options {
    /// The first built-in target, seed 0, CPU 0.
    fn default() -> Self {
        let target = TargetDesc::built_in(TargetDesc::BUILT_IN[0]).expect("a built-in name");
        let tail_calls = TailCalls::default();
        Self { target, seed: 0, cpu: 0, tail_calls, passes: passes::Options::default() }
    }
}

/// A program in hardware form, with the forms on the way that users may want to see.
#[derive(Debug)]
pub struct Compiled {
    /// What it was compiled for.
    pub options: Options,
    /// Optimised SSA form.
    pub function: Function,
    /// Scheduled pipeline.
    pub staged: Validated<StagedPipeline>,
    /// Generated files.
    pub design: Design,
}

/// Why there is no hardware form.
#[derive(Debug)]
pub enum CompileError {
    /// The program has none; all reasons of the phase that found them.
    Rejected(Vec<Diagnostic>),
    /// A defect of Beeline.
    Internal(String),
}

impl From<Vec<Diagnostic>> for CompileError {
    fn from(d: Vec<Diagnostic>) -> Self {
        CompileError::Rejected(d)
    }
}

/// Compiles `program` all the way.
///
/// # Errors
/// See [`CompileError`].
pub fn compile(program: &VerifiedProgram, options: &Options) -> Result<Compiled, CompileError> {
    let function = optimised(program, options, &mut |_, _| {})?;
    generate(function, program.program(), options)
}

/// From the optimised function of `program` to the generated design.
///
/// # Errors
/// As [`compile`].
pub fn generate(
    function: Function,
    program: &Program,
    options: &Options,
) -> Result<Compiled, CompileError> {
    let staged = stage(&function, options)?;
    let verilog_options = verilog::Options {
        object: program.object.clone(),
        cpu_id: options.cpu,
        seed: options.seed,
        types: driver_types::of_program(program),
    };
    let design = verilog::emit(&staged, &verilog_options).map_err(|e| match e {
        BackendError::Unsupported(d) => CompileError::Rejected(d),
        other => CompileError::Internal(other.to_string()),
    })?;
    Ok(Compiled { options: options.clone(), function, staged, design })
}

/// Lifts `program` and runs the passes; `observer` sees the function after the lift (as pass `lift`) and after each pass.
///
/// # Errors
/// As [`compile`].
pub fn optimised(
    program: &VerifiedProgram,
    options: &Options,
    observer: &mut dyn FnMut(&str, &Function),
) -> Result<Function, CompileError> {
    let mut function = lift_with(program, &options.tail_calls.wiring())?;
    observer("lift", &function);
    passes::optimize(&mut function, &options.passes, observer)?;
    Ok(function)
}

/// The predicated form of an optimised function, changes of maps lowered and ports shared.
///
/// # Errors
/// As [`compile`].
pub fn predicated(function: &Function) -> Result<Pipeline, CompileError> {
    predicated_with(function, &mut |_, _| {})
}

/// As [`predicated`]; `observer` sees the pipeline after each step, under its name.
///
/// # Errors
/// As [`compile`].
pub fn predicated_with(
    function: &Function,
    observer: &mut dyn FnMut(&str, &Pipeline),
) -> Result<Pipeline, CompileError> {
    let mut pipeline = if_convert(function)?;
    observer("if_convert", &pipeline);
    lower_state(&mut pipeline)?;
    observer("lower_state", &pipeline);
    share_ports(&mut pipeline)?;
    observer("share_ports", &pipeline);
    Ok(pipeline)
}

/// Schedules an optimised function.
///
/// # Errors
/// As [`compile`].
pub fn stage(
    function: &Function,
    options: &Options,
) -> Result<Validated<StagedPipeline>, CompileError> {
    let staged = schedule(predicated(function)?, &options.target)?;
    validate_staged(staged).map_err(|faults| CompileError::Internal(faults.to_string()))
}

impl Compiled {
    /// Bits in the registers between stages, the last boundary (which feeds the descriptor FIFO) included.
    pub fn register_bits(&self) -> u64 {
        register_bits(&self.staged)
    }

    /// Bits of one descriptor.
    pub fn descriptor_bits(&self) -> u64 {
        self.staged.boundaries.last().map_or(0, |b| boundary_bits(&self.staged, b))
    }

    /// Which maps the hardware has: those that some operation of the pipeline names.
    pub fn used_maps(&self) -> Vec<bool> {
        let dfg = &self.staged.pipeline.dfg;
        let mut used = vec![false; dfg.maps.len()];
        for inst in &self.staged.pipeline.order {
            if let Some(map) = dfg.insts[*inst].op.map() {
                used[map.as_u32() as usize] = true;
            }
        }
        used
    }
}
