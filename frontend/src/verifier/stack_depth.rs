//! How much stack chains of calls use, and what Linux allows.

use super::explore::{Explorer, Walked};
use super::prototype::id;
use super::touch::MAX_FRAMES;
use crate::facts::{CallCtx, Context};
use crate::insn::{Callee, Insn, Pc};
use crate::program::Program;
use beeline_ir::diagnostic::Diagnostic;
use std::collections::BTreeMap;

/// Stack of a chain of calls (Linux: `MAX_BPF_STACK`).
const LIMIT: u32 = 512;

/// The callers of a function that makes tail calls use less than this: the programs that follow use stack as well.
const LIMIT_BEFORE_TAIL_CALL: u32 = 256;

impl Explorer<'_> {
    /// What is wrong with the use of stack of all that was walked.
    pub(super) fn stack_complaint(&self) -> Option<Diagnostic> {
        self.deepest_chain().or_else(|| self.deep_tail_call())
    }

    fn deepest_chain(&self) -> Option<Diagnostic> {
        let (ctx, context) =
            self.recorder.contexts().max_by_key(|(ctx, _)| self.recorder.chain_bytes(*ctx))?;
        let bytes = self.recorder.chain_bytes(ctx);
        if bytes <= LIMIT {
            return None;
        }
        let message = format!("a chain of calls uses {bytes} bytes of stack, more than {LIMIT}");
        let (_, site) = context.caller.unwrap_or((CallCtx(0), Pc(0)));
        Some(
            Diagnostic::error("BL0351", message)
                .at(self.program.place(site))
                .note(format!("bytes of each frame, innermost first: {}", self.chain(ctx)))
                .help("use less stack in the functions of this chain, or a per-CPU array map as scratch space"),
        )
    }

    fn deep_tail_call(&self) -> Option<Diagnostic> {
        let deep = |context: &Context| {
            let (caller, site) = context.caller?;
            let bytes = self.recorder.chain_bytes(caller);
            (bytes >= LIMIT_BEFORE_TAIL_CALL && self.makes_tail_call(context.start))
                .then_some((caller, site, bytes))
        };
        let (caller, site, bytes) = self.recorder.contexts().find_map(|(_, c)| deep(c))?;
        let message = format!(
            "a function that makes tail calls is called with {bytes} bytes of stack in use"
        );
        Some(
            Diagnostic::error("BL0351", message)
                .at(self.program.place(site))
                .note(format!(
                    "expected: less than {LIMIT_BEFORE_TAIL_CALL} bytes in its callers together"
                ))
                .note(format!(
                    "found: bytes of each frame, innermost first: {}",
                    self.chain(caller)
                ))
                .help(
                    "make the tail call in the program's own function, or use less stack before it",
                ),
        )
    }

    /// The frames of the chain that ends in `ctx`.
    fn chain(&self, ctx: CallCtx) -> String {
        let mut frames = Vec::new();
        let mut at = Some(ctx);
        while let Some(ctx) = at {
            let context = self.recorder.context_of(ctx);
            let name = self.program.subprog_at(context.start).map_or("?", |s| s.name.as_str());
            frames.push(format!("{} in `{name}`", self.recorder.frame_bytes(context)));
            at = context.caller.map(|(caller, _)| caller);
        }
        frames.join(", ")
    }

    fn makes_tail_call(&self, start: Pc) -> bool {
        let Some(function) = self.program.subprog_at(start) else { return false };
        let insns = &self.program.insns[function.start.index()..function.end.index()];
        insns.iter().any(|i| matches!(i, Insn::Call(Callee::Helper(id::TAIL_CALL))))
    }
}

/// Stack bytes of a walk that did not enter global functions, with theirs; `None` if calls go round, or too deep.
pub(super) fn of_closed(
    walked: &Walked,
    alone: &BTreeMap<Pc, Walked>,
    depth: usize,
) -> Option<u32> {
    if depth >= MAX_FRAMES {
        return None;
    }
    let mut most = walked.facts.stack_bytes;
    for (bytes, start) in &walked.calls {
        let callee = alone.get(start).and_then(|w| of_closed(w, alone, depth + 1))?;
        most = most.max(bytes + callee);
    }
    Some(most)
}

/// The stack bytes, or a complaint of more than there are.
pub(super) fn check_closed(program: &Program, bytes: Option<u32>) -> Result<u32, Diagnostic> {
    if let Some(bytes) = bytes.filter(|bytes| *bytes <= LIMIT) {
        return Ok(bytes);
    }
    let message = match bytes {
        Some(bytes) => format!("a chain of calls uses {bytes} bytes of stack, more than {LIMIT}"),
        None => format!("global functions are nested deeper than {MAX_FRAMES}, or call themselves"),
    };
    Err(Diagnostic::error("BL0351", message).at(program.place(Pc(0))).help(
        "use less stack in the functions of this chain, or a per-CPU array map as scratch space",
    ))
}
