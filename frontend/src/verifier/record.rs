//! Collection of facts while states are explored.

use super::liveness::Liveness;
use super::stack::FRAME_BYTES;
use super::state::State;
use crate::facts::{CallCtx, Context, Facts, InsnFacts, RegFact, ScalarRange};
use crate::insn::{Pc, Reg};
use std::collections::{BTreeMap, BTreeSet};

/// Facts under construction.
#[derive(Default)]
pub(super) struct Recorder {
    contexts: Vec<Context>,
    by_site: BTreeMap<(CallCtx, Pc, Pc), CallCtx>,
    /// For each context, the slots of its function.
    insns: Vec<Vec<Option<Box<InsnFacts>>>>,
    max_trips: BTreeMap<(CallCtx, Pc), u32>,
    /// Loop headers without a bound: only the kernel's own limit ends the loop.
    unbounded: BTreeSet<(CallCtx, Pc)>,
    /// Deepest use of the frame of each function, in bytes.
    stack: BTreeMap<Pc, u32>,
    /// Context of each frame of the state that is being walked.
    chain: Vec<CallCtx>,
}

impl Recorder {
    /// For a walk that begins in the function at `start`.
    pub(super) fn new(start: Pc) -> Self {
        let mut new = Self::default();
        new.add_context(Context { caller: None, start, depth: 0 });
        new
    }

    fn add_context(&mut self, context: Context) -> CallCtx {
        self.contexts.push(context);
        self.insns.push(Vec::new());
        CallCtx(self.contexts.len() as u32 - 1)
    }

    /// The context that a call at `site` in `caller` enters.
    pub(super) fn context(&mut self, caller: CallCtx, site: Pc, start: Pc) -> CallCtx {
        if let Some(&known) = self.by_site.get(&(caller, site, start)) {
            return known;
        }
        let depth = self.contexts[caller.0 as usize].depth + 1;
        let new = self.add_context(Context { caller: Some((caller, site)), start, depth });
        self.by_site.insert((caller, site, start), new);
        new
    }

    /// The context of a function that the call at `site` in `caller` lets run later, on its own.
    pub(super) fn own_context(&mut self, caller: CallCtx, site: Pc, start: Pc) -> CallCtx {
        if let Some(&known) = self.by_site.get(&(caller, site, start)) {
            return known;
        }
        let new = self.add_context(Context { caller: None, start, depth: 0 });
        self.by_site.insert((caller, site, start), new);
        new
    }

    /// Joins the registers of `state` into the facts of the instruction that it stands before.
    pub(super) fn visit(&mut self, state: &State) {
        self.chain.clear();
        self.chain.extend(state.frames.iter().map(|f| f.ctx));
        let frame = state.frame();
        let start = self.contexts[frame.ctx.0 as usize].start;
        let table = &mut self.insns[frame.ctx.0 as usize];
        let slot = state.pc.index() - start.index();
        if slot >= table.len() {
            table.resize_with(slot + 1, || None);
        }
        match &mut table[slot] {
            Some(facts) => {
                for (known, value) in facts.regs.iter_mut().zip(&frame.regs) {
                    if *known != RegFact::Unusable {
                        let new = value.to_fact();
                        if *known != new {
                            *known = join(*known, new);
                        }
                    }
                }
            }
            empty => {
                let regs: [RegFact; Reg::COUNT] = std::array::from_fn(|i| frame.regs[i].to_fact());
                let facts = InsnFacts { regs, taken: false, fallthrough: false };
                *empty = Some(Box::new(facts));
            }
        }
    }

    /// The conditional jump at `pc` went this way.
    pub(super) fn outcome(&mut self, ctx: CallCtx, pc: Pc, taken: bool) {
        let slot = pc.index() - self.contexts[ctx.0 as usize].start.index();
        if let Some(Some(facts)) = self.insns[ctx.0 as usize].get_mut(slot) {
            facts.taken |= taken;
            facts.fallthrough |= !taken;
        }
    }

    /// The frame at `depth` of the current chain uses `bytes` of stack.
    pub(super) fn use_stack(&mut self, depth: usize, bytes: i64) {
        if let Some(ctx) = self.chain.get(depth) {
            let function = self.contexts[ctx.0 as usize].start;
            let used = self.stack.entry(function).or_default();
            *used = (*used).max(bytes.clamp(0, FRAME_BYTES) as u32);
        }
    }

    /// The loop header `pc` was executed `count` times since an arrival from outside.
    pub(super) fn trips(&mut self, ctx: CallCtx, pc: Pc, count: u32) {
        let most = self.max_trips.entry((ctx, pc)).or_default();
        *most = (*most).max(count);
    }

    /// No number of trips can be given for the loop that `pc` heads.
    pub(super) fn unbounded(&mut self, ctx: CallCtx, pc: Pc) {
        self.unbounded.insert((ctx, pc));
    }

    /// Stack bytes of one frame, rounded up as Linux does for compiled programs.
    pub(super) fn frame_bytes(&self, context: &Context) -> u32 {
        self.stack.get(&context.start).copied().unwrap_or(0).next_multiple_of(16)
    }

    /// Stack bytes of the chain of calls that ends in `ctx`.
    pub(super) fn chain_bytes(&self, ctx: CallCtx) -> u32 {
        let context = self.context_of(ctx);
        let below = context.caller.map_or(0, |(caller, _)| self.chain_bytes(caller));
        self.frame_bytes(context) + below
    }

    /// What is known of a context.
    pub(super) fn context_of(&self, ctx: CallCtx) -> &Context {
        &self.contexts[ctx.0 as usize]
    }

    /// The contexts, in the order in which they were found.
    pub(super) fn contexts(&self) -> impl Iterator<Item = (CallCtx, &Context)> {
        self.contexts.iter().enumerate().map(|(i, c)| (CallCtx(i as u32), c))
    }

    /// The facts, once exploration has ended.
    ///
    /// Only registers that are read later have any: a state that was left because an older one covers it was compared
    /// on those alone.
    pub(super) fn into_facts(mut self, live: &Liveness, insns_walked: u64) -> Facts {
        let unbounded = std::mem::take(&mut self.unbounded);
        self.max_trips.retain(|header, _| !unbounded.contains(header));
        let stack_bytes = self.contexts().map(|(ctx, _)| self.chain_bytes(ctx)).max().unwrap_or(0);
        let tables = (0..).map(CallCtx).zip(&self.contexts).zip(self.insns);
        let of_table = |((ctx, context), table): ((CallCtx, &Context), Vec<Option<Box<_>>>)| {
            let start = context.start.0;
            let slots = (start..).map(Pc).zip(table);
            slots.filter_map(move |(pc, facts)| Some(((ctx, pc), without_unread(live, pc, facts?))))
        };
        let insns = tables.flat_map(of_table).collect();
        Facts {
            contexts: self.contexts,
            insns,
            max_trips: self.max_trips,
            insns_walked,
            stack_bytes,
            closed_calls: Vec::new(),
        }
    }
}

fn without_unread(live: &Liveness, pc: Pc, facts: Box<InsnFacts>) -> InsnFacts {
    let mut facts = *facts;
    let read_later = live.before(pc) | 1 << Reg::R10.0;
    for (_, fact) in (0..).zip(&mut facts.regs).filter(|(r, _)| read_later >> r & 1 == 0) {
        *fact = RegFact::Unusable;
    }
    facts
}

/// What holds in either case. A null on one path makes a pointer nullable.
fn join(a: RegFact, b: RegFact) -> RegFact {
    match (a, b) {
        _ if a == b => a,
        (RegFact::Scalar(x), RegFact::Scalar(y)) => RegFact::Scalar(x.join(&y)),
        (RegFact::Ptr { kind, off, nullable }, RegFact::Ptr { kind: k, off: o, nullable: n })
            if kind == k =>
        {
            RegFact::Ptr { kind, off: off.join(&o), nullable: nullable || n }
        }
        (RegFact::Scalar(zero), RegFact::Ptr { kind, off, .. })
        | (RegFact::Ptr { kind, off, .. }, RegFact::Scalar(zero))
            if zero == ScalarRange::constant(0) =>
        {
            RegFact::Ptr { kind, off, nullable: true }
        }
        _ => RegFact::Unusable,
    }
}
