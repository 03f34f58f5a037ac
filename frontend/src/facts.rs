//! What the verifier proved: the facts that travel with a program to every later stage.

use crate::insn::{Pc, Reg};
use crate::program::Program;
use beeline_ir::diagnostic::Diagnostic;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What is known of a 64-bit number: `value` on the bits where `mask` is 0 (the kernel's tristate number: a set
/// `mask` bit is unknown), and unsigned and signed ranges, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScalarRange {
    /// Known bits.
    pub value: u64,
    /// Unknown bits.
    pub mask: u64,
    /// Smallest, unsigned.
    pub umin: u64,
    /// Largest, unsigned.
    pub umax: u64,
    /// Smallest, signed.
    pub smin: i64,
    /// Largest, signed.
    pub smax: i64,
}

impl ScalarRange {
    /// Exactly `c`.
    pub fn constant(c: u64) -> Self {
        Self { value: c, mask: 0, umin: c, umax: c, smin: c as i64, smax: c as i64 }
    }

    /// Nothing known.
    pub fn unknown() -> Self {
        Self { value: 0, mask: u64::MAX, umin: 0, umax: u64::MAX, smin: i64::MIN, smax: i64::MAX }
    }

    /// The constant, if there is only one possibility.
    pub fn as_constant(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }

    /// The smallest description that covers both.
    pub fn join(&self, other: &Self) -> Self {
        let mask = self.mask | other.mask | (self.value ^ other.value);
        Self {
            value: self.value & !mask,
            mask,
            umin: self.umin.min(other.umin),
            umax: self.umax.max(other.umax),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
        }
    }
}

/// What a pointer points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PtrKind {
    /// `struct xdp_md`.
    Ctx,
    /// Stack of the frame at absolute depth `0` (0 = entry function); offsets are relative to that frame's r10 (negative).
    Stack(u32),
    /// Packet; offsets are relative to `ctx->data`.
    Packet,
    /// Packet metadata; offsets are relative to `ctx->data_meta`.
    PacketMeta,
    /// `ctx->data_end`.
    PacketEnd,
    /// Value of a map (index into `Program::maps`).
    MapValue(usize),
    /// The map itself.
    Map(usize),
    /// A map found in a map of maps: index of the outer map in `Program::maps`.
    InnerMap(usize),
    /// Value of such an inner map: index of the outer map.
    InnerMapValue(usize),
    /// A function (callback): first slot.
    Func(Pc),
    /// Other memory, such as a ring buffer record; a small number that the verifier chose.
    Mem(u32),
}

/// What is known of a register, joined over all explored states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegFact {
    /// Not initialised, or of different incompatible types on different paths, or not read later: not usable.
    Unusable,
    /// A number.
    Scalar(ScalarRange),
    /// A pointer. A scalar 0 on one path and a pointer on another join to a nullable pointer.
    Ptr {
        /// What it points at.
        kind: PtrKind,
        /// Offset (see [`PtrKind`]); constant part and variable part together.
        off: ScalarRange,
        /// It may be null.
        nullable: bool,
    },
}

/// Call context: 0 is the entry function; others are numbered by [`Facts::contexts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CallCtx(pub u32);

/// One call context: a function as reached through one chain of call sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Caller's context and the slot of the call; `None` for the entry function, and for a timer's callback.
    pub caller: Option<(CallCtx, Pc)>,
    /// First slot of the function.
    pub start: Pc,
    /// Frame depth, 0 for the entry.
    pub depth: u32,
}

/// Facts about one instruction in one call context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsnFacts {
    /// Registers before the instruction.
    pub regs: [RegFact; Reg::COUNT],
    /// For a conditional jump: it was taken in some state.
    pub taken: bool,
    /// For a conditional jump: it fell through in some state.
    pub fallthrough: bool,
}

/// Everything that was proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Call contexts; index is the [`CallCtx`].
    pub contexts: Vec<Context>,
    /// Facts by context and slot; a slot that is absent is never reached in that context.
    pub insns: BTreeMap<(CallCtx, Pc), InsnFacts>,
    /// For each jump target that heads a loop, in its context: an upper bound on how often it is
    /// executed per arrival from outside the loop. Absent if no bound was found.
    pub max_trips: BTreeMap<(CallCtx, Pc), u32>,
    /// States walked, for statistics.
    pub insns_walked: u64,
    /// Deepest stack use of any call chain, in bytes.
    pub stack_bytes: u32,
    /// Calls of global functions that were not entered, because walking them in every context would take too long: of
    /// these functions there are no facts here, though they were verified on their own.
    pub closed_calls: Vec<Pc>,
}

impl Facts {
    /// Facts before `pc` in context `ctx`; `None` if it is dead there.
    pub fn at(&self, ctx: CallCtx, pc: Pc) -> Option<&InsnFacts> {
        self.insns.get(&(ctx, pc))
    }

    /// The context that a call at `pc` in `ctx` enters.
    pub fn callee(&self, ctx: CallCtx, pc: Pc) -> Option<CallCtx> {
        let i = self.contexts.iter().position(|c| c.caller == Some((ctx, pc)))?;
        Some(CallCtx(i as u32))
    }
}

/// A program with its proof. Only the verifier makes one.
#[derive(Clone, Debug)]
pub struct VerifiedProgram {
    pub(crate) program: Program,
    /// Of the walk that led to the verdict, which does not enter global functions.
    pub(crate) facts: Facts,
    /// Of a walk that does, once someone asks.
    pub(crate) followed: OnceLock<Facts>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl VerifiedProgram {
    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// What was proved, for each calling context. The first time that it is asked of a program with global functions, it
    /// takes another walk, since the verdict needs no contexts of these.
    pub fn facts(&self) -> &Facts {
        if self.facts.closed_calls.is_empty() {
            return &self.facts;
        }
        let follow = || crate::verifier::follow_calls(&self.program);
        self.followed.get_or_init(|| follow().unwrap_or_else(|| self.facts.clone()))
    }

    /// Instructions walked for the verdict.
    pub fn insns_walked(&self) -> u64 {
        self.facts.insns_walked
    }

    /// Deepest stack use of any chain of calls, in bytes.
    pub fn stack_bytes(&self) -> u32 {
        self.facts.stack_bytes
    }

    /// What the user should know although the program was accepted.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}
