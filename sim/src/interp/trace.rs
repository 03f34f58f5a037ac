//! What a packet's run executed, for explaining a difference: each instruction, and where it wrote.

use super::memory::{packet_coordinate, value_map};
use super::op::Regs;
use super::run::Watch;
use beeline_frontend::insn::{Insn, Pc, Reg};
use beeline_frontend::Program;

/// One executed instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// Its slot.
    pub pc: Pc,
    /// What it wrote, if that can be seen from outside.
    pub written: Option<Written>,
}

/// A write to the packet or to a map value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Packet bytes from this coordinate on.
    Packet {
        /// First coordinate.
        from: i64,
        /// Number of bytes.
        bytes: u32,
    },
    /// Somewhere in a value of this map.
    Map(usize),
}

/// Records the steps of one run.
pub(super) struct Recorder<'a> {
    pub program: &'a Program,
    pub steps: &'a mut Vec<TraceStep>,
}

impl Watch for Recorder<'_> {
    fn step(&mut self, pc: usize, regs: &Regs) {
        // Slots behind the last instruction belong to the interpreter's own jumps.
        let Some(insn) = self.program.insns.get(pc) else { return };
        self.steps.push(TraceStep { pc: Pc(pc as u32), written: written(insn, regs) });
    }
}

fn written(insn: &Insn, regs: &Regs) -> Option<Written> {
    let at = |base: Reg, off: i16| regs[base.index()].wrapping_add(off as u64);
    let (address, size) = match *insn {
        Insn::Store { size, dst, off, .. } | Insn::Atomic { size, dst, off, .. } => {
            (at(dst, off), size)
        }
        _ => return None,
    };
    match (packet_coordinate(address), value_map(address)) {
        (Some(from), _) => Some(Written::Packet { from, bytes: size.bytes() }),
        (None, Some(map)) => Some(Written::Map(map)),
        (None, None) => None,
    }
}
