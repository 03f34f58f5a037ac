//! The bytecode interpreter: the reference that every other engine is held to.
//!
//! A verified program is decoded once into `op::Op`s; running it allocates nothing. Addresses are tagged numbers
//! (`memory`), so that every access is checked in safe code: should the verifier ever be wrong, the
//! result is a [`Fault`] that names the instruction.

mod alu;
mod callback;
mod decode;
mod fuse;
mod helper;
mod kfunc;
mod memory;
mod op;
mod run;
mod trace;

pub use helper::Helper;
pub use kfunc::Kfunc;

use crate::host::Host;
use crate::map::{MapSet, Slot};
use crate::outcome::{Executor, Exit, Fault};
use crate::packet::Packet;
use crate::trace::Inputs;
pub use trace::{TraceStep, Written};

use beeline_frontend::insn::Pc;
use beeline_frontend::{Program, VerifiedProgram};
use beeline_ir::Diagnostic;
use helper::{Due, Env, RedirectState, Timers};
use memory::{Memory, Stack, FRAME_SIZE, MAX_FRAMES, MAX_MAPS};
use run::{Control, Start};
use std::sync::Arc;

/// A program ready to run, with its stack, the programs that its tail calls reach, and its timers.
#[derive(Clone)]
pub struct Interp {
    code: Code,
    stack: Box<Stack>,
    control: Control,
    keys: Vec<Vec<u8>>,
    scratch: Vec<u8>,
    timers: Timers,
    host: Arc<Host>,
}

/// The operations of all programs, one after the other; the first starts at operation 0.
#[derive(Clone)]
struct Code {
    ops: Vec<op::Op>,
    programs: Vec<Loaded>,
    /// For each number that a `PROG_ARRAY` can hold: position in `programs`.
    by_number: Vec<Option<usize>>,
    /// Where callbacks return to.
    callback_done: u32,
    fused: bool,
}

/// Where a program lies in the code.
#[derive(Clone)]
struct Loaded {
    name: String,
    base: u32,
    /// The entry function names the frame pointer.
    uses_stack: bool,
}

/// What a call saves: where to go on, and r6 to r9.
#[derive(Clone, Copy, Default)]
struct Frame {
    return_to: u32,
    saved: [u64; 4],
}

/// Callbacks of timers that fire between two packets; more wait for the next.
const MAX_TIMER_CALLBACKS: usize = 1 << 16;

impl Code {
    fn new(program: &Program, fused: bool) -> Result<Self, Vec<Diagnostic>> {
        let mut code = Self {
            ops: Vec::new(),
            programs: Vec::new(),
            by_number: Vec::new(),
            callback_done: 0,
            fused,
        };
        code.add(program)?;
        code.callback_done = code.ops.len() as u32;
        code.ops.push(op::Op::CallbackDone);
        Ok(code)
    }

    fn add(&mut self, program: &Program) -> Result<(), Vec<Diagnostic>> {
        if program.maps.len() > MAX_MAPS {
            let message =
                format!("{} maps; the interpreter can address {MAX_MAPS}", program.maps.len());
            return Err(vec![Diagnostic::error("BL0803", message).at(program.place(Pc(0)))]);
        }
        let base = self.ops.len() as u32;
        self.ops.extend(decode::decode(program, base, self.fused)?);
        let uses_stack = decode::uses_stack(program, Pc(0));
        self.programs.push(Loaded { name: program.name.clone(), base, uses_stack });
        Ok(())
    }

    /// The program that operation `pc` belongs to.
    fn program_at(&self, pc: u32) -> &Loaded {
        let n = self.programs.partition_point(|p| p.base <= pc);
        &self.programs[n.saturating_sub(1)]
    }

    /// Slot of operation `pc` in its program.
    fn slot(&self, pc: u32) -> Pc {
        match self.programs.len() {
            1 => Pc(pc),
            _ => Pc(pc - self.program_at(pc).base),
        }
    }

    /// Operation `pc` for a message.
    fn place(&self, pc: u32) -> String {
        let program = self.program_at(pc);
        match program.base {
            0 => format!("insn {pc}"),
            base => format!("{}, insn {}", program.name, pc - base),
        }
    }
}

impl Interp {
    /// Prepares a verified program.
    ///
    /// # Errors
    /// One diagnostic for each helper or instruction that the interpreter does not know.
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

    /// Prepares a program that nobody has verified. It cannot do harm, but may end in a [`Fault`]. For
    /// tests and benchmarks of the interpreter itself.
    ///
    /// # Errors
    /// As [`Interp::new`].
    pub fn unverified(program: &Program) -> Result<Self, Vec<Diagnostic>> {
        Self::with(program, true)
    }

    fn with(program: &Program, fused: bool) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self {
            code: Code::new(program, fused)?,
            stack: Box::new([0; FRAME_SIZE * MAX_FRAMES]),
            control: Control::new(),
            keys: Vec::new(),
            scratch: Vec::new(),
            timers: Timers::default(),
            host: Arc::default(),
        })
    }

    /// Adds a program that tail calls reach: the one with this number in `PROG_ARRAY` maps.
    ///
    /// # Errors
    /// As [`Interp::new`].
    pub fn add_tail_call(
        &mut self,
        number: u32,
        program: &VerifiedProgram,
    ) -> Result<(), Vec<Diagnostic>> {
        self.add_unverified(number, program.program())
    }

    /// As [`Interp::add_tail_call`], for a program that nobody has verified.
    ///
    /// # Errors
    /// As [`Interp::new`].
    pub fn add_unverified(
        &mut self,
        number: u32,
        program: &Program,
    ) -> Result<(), Vec<Diagnostic>> {
        self.code.add(program)?;
        let number = number as usize;
        if self.code.by_number.len() <= number {
            self.code.by_number.resize(number + 1, None);
        }
        self.code.by_number[number] = Some(self.code.programs.len() - 1);
        Ok(())
    }

    /// Sets the tables that helpers ask.
    pub fn set_host(&mut self, host: Arc<Host>) {
        self.host = host;
    }

    /// Runs one packet and tells what was executed of the program itself, in order. The interpreter must be made by
    /// [`Interp::for_tracing`].
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
        maps.start_packet();
        self.fire_timers(inputs, packet, maps)?;
        steps.clear();
        let mut watch = trace::Recorder { program, steps };
        self.enter(&mut watch, Start::Packet, inputs, packet, maps)
    }

    fn enter(
        &mut self,
        watch: &mut impl run::Watch,
        start: Start,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<Exit, Fault> {
        let memory = Memory {
            stack: &mut self.stack,
            packet,
            maps,
            inputs,
            host: &self.host,
            keys: &mut self.keys,
        };
        let env = Env {
            memory,
            redirect: RedirectState::default(),
            scratch: &mut self.scratch,
            timers: &mut self.timers,
        };
        run::run(watch, &self.code, start, env, &mut self.control)
    }

    /// Runs the callbacks of timers that are due before the packet, each at its own time.
    fn fire_timers(
        &mut self,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        for _ in 0..MAX_TIMER_CALLBACKS {
            let Some(due) = self.timers.fire(inputs.time_ns, maps) else { break };
            self.show_key(&due, maps);
            let inputs = Inputs { time_ns: due.time_ns, ..*inputs };
            let value = maps.values(due.map).map_or(0, |v| v.address(due.slot));
            let start = Start::Timer { map: due.map, value, callback: due.callback };
            self.enter(&mut run::Unwatched, start, &inputs, packet, maps)?;
            self.timers.done();
        }
        Ok(())
    }

    fn show_key(&mut self, due: &Due, maps: &MapSet) {
        if self.keys.is_empty() {
            self.keys.push(Vec::new());
        }
        copy_key(maps, due.map, due.slot, &mut self.keys[0]);
    }
}

/// The key of an entry; an array's is its index.
fn copy_key(maps: &MapSet, map: usize, slot: Slot, out: &mut Vec<u8>) {
    out.clear();
    maps.copy_key(map, slot, out);
}

impl Executor for Interp {
    fn run(
        &mut self,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<Exit, Fault> {
        maps.start_packet();
        if !self.timers.is_empty() {
            self.fire_timers(inputs, packet, maps)?;
        }
        self.enter(&mut run::Unwatched, Start::Packet, inputs, packet, maps)
    }
}

#[cfg(test)]
mod tests;
