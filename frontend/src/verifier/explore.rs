//! The walk over all paths: depth first, one state at a time, leaving a path where an older state covers it.

use super::checkpoint::{signature, Checkpoints};
use super::cover::{compare, covers, Loc, Relation};
use super::flow::RegSet;
use super::liveness::Liveness;
use super::log::{Log, Statistics};
use super::loops::Shape;
use super::memory::StackBytes;
use super::message::{refuse, Checked};
use super::record::Recorder;
use super::state::{State, Trip};
use super::touch::Words;
use super::widen::Generaliser;
use crate::facts::{CallCtx, Facts};
use crate::insn::Pc;
use crate::program::Program;
use beeline_ir::diagnostic::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};

/// Instructions walked before a program is refused as too complex (Linux: `BPF_COMPLEXITY_LIMIT_INSNS`).
/// Fuzzing looks for other things than long walks.
pub(super) const MAX_WALKED: u64 = if cfg!(fuzzing) { 10_000 } else { 1_000_000 };

/// Paths left for later at one time (Linux: `BPF_COMPLEXITY_LIMIT_JMP_SEQ`).
const MAX_PENDING: usize = 8192;

/// Instructions on a path before its state is stored again at a place that has one already.
const MIN_DISTANCE: u32 = 8;

/// Where the walk goes after an instruction.
pub(super) enum Next {
    /// On with this instruction.
    Goto(Pc),
    /// On with the next one, and later from the other state.
    Fork { later: Box<State>, goto: Pc },
    /// The path has ended.
    End,
}

/// What became of a state at a place where states are compared.
enum Arrival {
    Continue,
    Covered,
}

/// One exploration of a program.
pub(super) struct Explorer<'p> {
    pub(super) program: &'p Program,
    pub(super) recorder: Recorder,
    pub(super) warnings: BTreeMap<Pc, Diagnostic>,
    /// Timer callbacks that were walked or will be, by function and map.
    pub(super) timers: BTreeSet<(Pc, String)>,
    live: &'p Liveness,
    shape: &'p Shape,
    pub(super) checkpoints: Checkpoints,
    pub(super) generaliser: &'p mut Generaliser,
    pending: Vec<State>,
    names: u32,
    arrivals: u32,
    walked: u64,
    /// Calls of global functions are not entered.
    pub(super) closed: bool,
    /// Such calls, with the function's start.
    pub(super) closed_calls: BTreeSet<(CallCtx, Pc, Pc)>,
    /// Functions of which is known whether they may move the packet.
    pub(super) movers: BTreeMap<Pc, bool>,
    log: Option<Log<'p>>,
    peak_pending: usize,
}

/// What a walk has shown.
pub(super) struct Walked {
    pub(super) facts: Facts,
    pub(super) warnings: Vec<Diagnostic>,
    /// Calls that were not entered: stack bytes in use there, and the function's start.
    pub(super) calls: Vec<(u32, Pc)>,
}

/// Why an exploration stopped before its end.
pub(super) struct Stopped {
    pub(super) diagnostic: Diagnostic,
    /// The generalisation that the failing path rests on: without it, it might not fail.
    pub(super) generalised: Option<usize>,
    pub(super) walked: u64,
}

impl<'p> Explorer<'p> {
    /// A walk that begins in the function at `start`; `closed`: it does not enter global functions.
    pub(super) fn new(
        program: &'p Program,
        (live, shape): (&'p Liveness, &'p Shape),
        generaliser: &'p mut Generaliser,
        start: Pc,
        closed: bool,
    ) -> Self {
        Self {
            program,
            recorder: Recorder::new(start),
            warnings: BTreeMap::new(),
            timers: BTreeSet::new(),
            live,
            shape,
            checkpoints: Checkpoints::default(),
            generaliser,
            pending: Vec::new(),
            names: 0,
            arrivals: 0,
            walked: 0,
            closed,
            closed_calls: BTreeSet::new(),
            movers: BTreeMap::new(),
            log: None,
            peak_pending: 0,
        }
    }

    /// Writes every step of the walk to `out`.
    pub(super) fn logged(mut self, out: Option<&'p mut (dyn std::io::Write + 'p)>) -> Self {
        let program = self.program;
        self.log = out.map(|out| Log::new(program, out));
        self
    }

    /// Walks every path from `entry`.
    pub(super) fn run(mut self, entry: State) -> Result<Walked, Box<Stopped>> {
        let result = self.walk(entry);
        if let Some(log) = &mut self.log {
            if let Some(why) = result.as_ref().err().filter(|s| s.generalised.is_some()) {
                log.again(&why.diagnostic.message);
            }
            let (states, most_at_one) = self.checkpoints.counts();
            let (walked, peak_pending) = (self.walked, self.peak_pending);
            log.statistics(&Statistics {
                walked,
                limit: MAX_WALKED,
                states,
                most_at_one,
                peak_pending,
            });
        }
        result?;
        let calls = self.closed_calls.iter();
        let calls = calls.map(|(ctx, _, to)| (self.recorder.chain_bytes(*ctx), *to)).collect();
        let mut facts = self.recorder.into_facts(self.live, self.walked);
        facts.closed_calls = self.closed_calls.iter().map(|(_, site, _)| *site).collect();
        facts.closed_calls.dedup();
        Ok(Walked { facts, warnings: self.warnings.into_values().collect(), calls })
    }

    fn walk(&mut self, entry: State) -> Result<(), Box<Stopped>> {
        let mut state = entry;
        if let Some(log) = &mut self.log {
            log.path(None, &state);
        }
        loop {
            let at = state.pc;
            match self.advance(&mut state) {
                Ok(true) => {}
                Ok(false) => {
                    self.checkpoints.finish(&state);
                    match self.pending.pop() {
                        Some(next) => state = next,
                        None => break,
                    }
                    if let Some(log) = &mut self.log {
                        log.path(state.frame().came_from, &state);
                    }
                }
                Err(refusal) => {
                    let diagnostic = refusal.into_diagnostic(self.program, at, &state);
                    let generalised = state.generalised;
                    return Err(Box::new(Stopped { diagnostic, generalised, walked: self.walked }));
                }
            }
        }
        match self.stack_complaint() {
            Some(diagnostic) => {
                Err(Box::new(Stopped { diagnostic, generalised: None, walked: self.walked }))
            }
            None => Ok(()),
        }
    }

    /// One instruction of `state`; false if its path has ended.
    fn advance(&mut self, state: &mut State) -> Checked<bool> {
        self.walked += 1;
        if self.walked > MAX_WALKED {
            return Err(too_complex());
        }
        self.note_trip(state);
        self.recorder.visit(state);
        let pc = state.pc;
        if self.shape.prune_points[pc.index()] {
            match self.arrive(state)? {
                Arrival::Covered => {
                    if let Some(log) = &mut self.log {
                        log.covered(pc);
                    }
                    return Ok(false);
                }
                Arrival::Continue => {}
            }
        }
        state.since += 1;
        if let Some(log) = &mut self.log {
            log.before(state);
        }
        let next = self.step(state)?;
        let goes_on = self.follow(state, next)?;
        match &mut self.log {
            Some(log) if goes_on => log.after(pc, state),
            Some(log) => log.end(pc),
            None => {}
        }
        Ok(goes_on)
    }

    /// Goes where the instruction leads; false if that is nowhere.
    fn follow(&mut self, state: &mut State, next: Next) -> Checked<bool> {
        match next {
            Next::Goto(pc) => state.pc = pc,
            Next::Fork { later, goto } => {
                if self.pending.len() >= MAX_PENDING {
                    return Err(too_complex());
                }
                self.checkpoints.fork(&later);
                self.pending.push(*later);
                self.peak_pending = self.peak_pending.max(self.pending.len());
                state.pc = goto;
            }
            Next::End => return Ok(false),
        }
        Ok(true)
    }

    /// Counts executions of a loop header; `came_from` was set by the last instruction of this frame.
    fn note_trip(&mut self, state: &mut State) {
        let pc = state.pc;
        let frame = state.frame_mut();
        let (ctx, from) = (frame.ctx, frame.came_from.replace(pc));
        if !self.shape.is_header(pc) {
            return;
        }
        let again = from.is_some_and(|from| self.shape.in_loop(pc, from));
        let known = state.trips.iter_mut().find(|t| t.ctx == ctx && t.header == pc);
        let trip = match known {
            Some(t) if again => {
                t.count = t.count.saturating_add(1);
                *t
            }
            known => {
                self.arrivals = self.arrivals.wrapping_add(1);
                let new = Trip { ctx, header: pc, arrival: self.arrivals, count: 1 };
                match known {
                    Some(t) => *t = new,
                    None => state.trips.push(new),
                }
                new
            }
        };
        self.recorder.trips(ctx, pc, trip.count);
        self.checkpoints.note_trip(state, &trip);
    }

    /// Live registers of each frame of `state`.
    pub(super) fn live_registers(&self, state: &State) -> Vec<RegSet> {
        let mut live: Vec<RegSet> =
            state.frames[1..].iter().map(|f| self.live.across_call(f.call_site)).collect();
        live.push(self.live.before(state.pc));
        live
    }

    fn arrive(&mut self, state: &mut State) -> Checked<Arrival> {
        let live = self.live_registers(state);
        let (ctx, pc) = (state.frame().ctx, state.pc);
        let mark = signature(state, &live);
        if self.find_cover(state, &live, mark)? {
            return Ok(Arrival::Covered);
        }
        if self.generalise(state, &live, mark)
            && self.find_cover(state, &live, signature(state, &live))?
        {
            return Ok(Arrival::Covered);
        }
        let first = self.checkpoints.is_empty_at(ctx, pc);
        if first || self.shape.is_header(pc) || state.since >= MIN_DISTANCE {
            let mark = signature(state, &live);
            self.checkpoints.add(state, mark);
        }
        Ok(Arrival::Continue)
    }

    /// Looks for a completely explored state that covers `state`. An unfinished one that is equal is on the way here:
    /// the program can go round forever.
    fn find_cover(&mut self, state: &mut State, live: &[RegSet], mark: u64) -> Checked<bool> {
        for i in self.checkpoints.candidates(state.frame().ctx, state.pc, mark) {
            let old = self.checkpoints.get(i);
            if old.is_complete() {
                let covered = covers(&old.state, state, live, &old.read);
                self.checkpoints.note_comparison(i, covered);
                if covered {
                    self.take_over(state, i);
                    return Ok(true);
                }
            } else if old.state.progress == state.progress && is_same(&old.state, state, live) {
                return Err(refuse("BL0360", "the program may go round this loop forever")
                    .expected("something that changes from one trip to the next and ends the loop")
                    .found("the same registers and stack as on an earlier trip")
                    .help("give the loop a counter with a constant limit"));
            }
        }
        Ok(false)
    }

    /// What is known to happen below checkpoint `i` happens to `state` too.
    fn take_over(&mut self, state: &mut State, i: usize) {
        let read = self.checkpoints.get(i).read;
        self.checkpoints.note_read(state, &read);
        for trip in self.checkpoints.trips_beyond(state, i) {
            self.recorder.trips(trip.ctx, trip.header, trip.count);
            self.checkpoints.note_trip(state, &trip);
        }
    }

    /// At a place with many explored states that differ only in numbers, forgets some of what is known of these
    /// numbers, so that this state stands for many.
    fn generalise(&mut self, state: &mut State, live: &[RegSet], mark: u64) -> bool {
        let (ctx, pc) = (state.frame().ctx, state.pc);
        if !self.generaliser.is_due(self.checkpoints.complete_at(ctx, pc)) {
            return false;
        }
        if self.generaliser.apply_habits(ctx, pc, state) {
            if let Some(log) = &mut self.log {
                log.generalised(state);
            }
            return true;
        }
        let mut best: Option<(usize, Vec<Loc>)> = None;
        for i in self.checkpoints.candidates(ctx, pc, mark) {
            let old = self.checkpoints.get(i);
            if !old.is_complete() {
                continue;
            }
            if let Relation::Numbers(locs) = compare(&old.state, state, live, &old.read) {
                if counts_trips(&old.state, state, &locs) {
                    continue;
                }
                let fewer = best.as_ref().is_none_or(|(_, b)| locs.len() < b.len());
                if fewer && self.generaliser.allows(ctx, pc, &locs) {
                    best = Some((i, locs));
                }
            }
        }
        let Some((i, locs)) = best else { return false };
        let old = &self.checkpoints.get(i).state;
        self.generaliser.apply(ctx, pc, state, old, locs);
        if let Some(log) = &mut self.log {
            log.generalised(state);
        }
        true
    }

    /// The stack bytes of `at` are read by the path of `state`.
    pub(super) fn note_stack_read(&mut self, state: &State, at: StackBytes) {
        self.checkpoints.note_read(state, &Words::touched(at));
    }

    /// Stores `state` and returns its checkpoint.
    pub(super) fn store_checkpoint(&mut self, state: &mut State) -> usize {
        let mark = signature(state, &self.live_registers(state));
        self.checkpoints.add(state, mark)
    }

    /// Reading stack bytes that were never written is allowed, but what they hold is not defined.
    pub(super) fn warn_if_uninit(&mut self, state: &State, at: StackBytes) {
        let Some(off) = state.frames[at.depth].stack.first_uninit(at.first, at.end) else { return };
        let pc = state.pc;
        let program = self.program;
        self.warnings.entry(pc).or_insert_with(|| {
            Diagnostic::warning(
                "BL0370",
                format!("stack bytes are read that were never written, first r10{off}"),
            )
            .at(program.place(pc))
            .note("Linux leaves their content open; Beeline's engines read zero")
            .help("initialise the whole variable, padding included, for example with = {}")
        });
    }

    /// A name for values that are not related to any other yet.
    pub(super) fn fresh_name(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    /// The context that a call at `site` enters.
    pub(super) fn enter_context(&mut self, caller: CallCtx, site: Pc, start: Pc) -> CallCtx {
        self.recorder.context(caller, site, start)
    }
}

/// True if one of the numbers may be the counter of a loop: a constant in either state, another one in another trip.
fn counts_trips(old: &State, new: &State, locs: &[Loc]) -> bool {
    let trips = |s: &State| s.trips.iter().map(|t| (t.ctx, t.header, t.count)).collect::<Vec<_>>();
    locs.iter().any(|loc| loc.is_constant(old) && loc.is_constant(new)) && trips(old) != trips(new)
}

/// Equal in everything that a later instruction could read.
fn is_same(old: &State, new: &State, live: &[RegSet]) -> bool {
    covers(old, new, live, &Words::ALL) && covers(new, old, live, &Words::ALL)
}

fn too_complex() -> Box<super::message::Refusal> {
    refuse("BL0361", "the program has too many different paths to check")
        .expected(format!("at most {MAX_WALKED} instructions walked over all paths, as in Linux"))
        .help("shorten loops, split the program with tail calls, or make branches depend on fewer values")
}
