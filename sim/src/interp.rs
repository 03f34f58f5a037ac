//! The bytecode interpreter: the reference that every other engine is held to.
//!
//! A verified program is decoded once into `op::Op`s; running it allocates nothing. Addresses are tagged numbers
//! (`memory`), so that every access is checked in safe code: should the verifier ever be wrong, the
//! result is a [`Fault`] that names the instruction.

mod alu;
mod decode;
mod helper;
mod memory;
mod op;
mod run;
mod trace;

pub use helper::Helper;

use crate::map::MapSet;
use crate::outcome::{Executor, Exit, Fault};
use crate::packet::Packet;
use crate::trace::Inputs;
pub use trace::{TraceStep, Written};

use beeline_frontend::insn::Pc;
use beeline_frontend::{Program, VerifiedProgram};
use beeline_ir::Diagnostic;
use memory::{Memory, Stack, FRAME_SIZE, MAX_FRAMES, MAX_MAPS};

/// A program ready to run, with its stack.
#[derive(Clone)]
pub struct Interp {
    code: Vec<op::Op>,
    entry_uses_stack: bool,
    stack: Box<Stack>,
    frames: [Frame; MAX_FRAMES],
    scratch: Vec<u8>,
}

/// What a call saves: where to go on, and r6 to r9.
#[derive(Clone, Copy, Default)]
struct Frame {
    return_to: u32,
    saved: [u64; 4],
}

impl Interp {
    /// Prepares a verified program.
    ///
    /// # Errors
    /// One diagnostic for each helper or instruction that the interpreter does not know yet.
    pub fn new(program: &VerifiedProgram) -> Result<Self, Vec<Diagnostic>> {
        Self::unverified(program.program())
    }

    /// As [`Interp::new`], for [`Interp::trace`]: one instruction at a time.
    ///
    /// # Errors
    /// As [`Interp::new`].
    pub fn for_tracing(program: &VerifiedProgram) -> Result<Self, Vec<Diagnostic>> {
        Self::with(program.program(), false)
    }

    /// Runs one packet and tells what was executed, in order. The interpreter must be made by [`Interp::for_tracing`].
    ///
    /// # Errors
    /// As [`Executor::run`]; what was executed before the fault is in `steps` all the same.
    pub fn trace(
        &mut self,
        program: &Program,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
        steps: &mut Vec<TraceStep>,
    ) -> Result<Exit, Fault> {
        let mut watch = trace::Recorder { program, steps };
        let memory = Memory { stack: &mut self.stack, packet, maps, inputs };
        let (frames, scratch) = (&mut self.frames, &mut self.scratch);
        run::run(&mut watch, &self.code, self.entry_uses_stack, memory, frames, scratch)
    }

    /// Prepares a program that nobody has verified. It cannot do harm, but may end in a [`Fault`]. For
    /// tests and benchmarks of the interpreter itself.
    ///
    /// # Errors
    /// As [`Interp::new`].
    pub fn unverified(program: &Program) -> Result<Self, Vec<Diagnostic>> {
        Self::with(program, true)
    }

    fn with(program: &Program, fused: bool) -> Result<Self, Vec<Diagnostic>> {
        if program.maps.len() > MAX_MAPS {
            let message =
                format!("{} maps; the interpreter can address {MAX_MAPS}", program.maps.len());
            return Err(vec![Diagnostic::error("BL0803", message).at(program.place(Pc(0)))]);
        }
        Ok(Self {
            code: decode::decode(program, fused)?,
            entry_uses_stack: decode::uses_stack(program, Pc(0)),
            stack: Box::new([0; FRAME_SIZE * MAX_FRAMES]),
            frames: Default::default(),
            scratch: Vec::new(),
        })
    }
}

impl Executor for Interp {
    fn run(
        &mut self,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<Exit, Fault> {
        let memory = Memory { stack: &mut self.stack, packet, maps, inputs };
        let (frames, scratch) = (&mut self.frames, &mut self.scratch);
        let watch = &mut run::Unwatched;
        run::run(watch, &self.code, self.entry_uses_stack, memory, frames, scratch)
    }
}

#[cfg(test)]
mod tests;
