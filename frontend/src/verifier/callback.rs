//! Callbacks: functions of the program that a helper runs, any number of times (`bpf_loop`, `bpf_for_each_map_elem`) or
//! later on its own (timers).

use super::explore::{Explorer, Next};
use super::message::{describe, refuse, Checked};
use super::prototype::id;
use super::scalar::Scalar;
use super::state::{Frame, Kind, Origin, State, Value};
use crate::insn::{Callee, Insn, Pc, Reg};

/// A helper runs a callback at most this often (Linux: `BPF_MAX_LOOPS`).
const MAX_CALLBACK_RUNS: u64 = 1 << 23;

/// What a helper hands to its callback, and how often it may run it.
struct Run {
    start: Pc,
    arguments: Vec<Value>,
    /// `None`: only as often as the map has elements.
    most: Option<u64>,
}

impl Explorer<'_> {
    /// A helper that runs a callback: `state` stands at the call with checked arguments.
    pub(super) fn call_with_callback(&mut self, state: &mut State) -> Checked<Next> {
        let first = self.store_checkpoint(state);
        self.callback_round(state, first)
    }

    /// The next run of the callback by the call that `state` stands at.
    fn next_run(&mut self, state: &State) -> Checked<Run> {
        let site = state.pc;
        let arg = |i: u8| *state.reg(Reg(i));
        let Kind::Func(start) = arg(2).kind else {
            return Err(refuse("BL0341", "r2 is not a function"));
        };
        if matches!(self.program.insns[site.index()], Insn::Call(Callee::Helper(id::LOOP))) {
            let most = arg(1).var.umax.min(MAX_CALLBACK_RUNS);
            let index = Value::scalar(Scalar::range(0, most.saturating_sub(1)));
            return Ok(Run { start, arguments: vec![index, arg(3)], most: Some(most) });
        }
        let Kind::Map(map) = arg(1).kind else {
            return Err(refuse("BL0341", "r1 is not a map"));
        };
        let size = self.map_def(map).map_or(0, |d| d.key_size);
        let key = Kind::Mem { site, size, origin: Origin::Key, writable: false };
        let value = Value { id: self.fresh_name(), ..Value::pointer(Kind::MapValue(map)) };
        let arguments = vec![arg(1), Value::pointer(key), value, arg(3)];
        Ok(Run { start, arguments, most: None })
    }

    /// Either the helper returns, or it runs the callback once more.
    fn callback_round(&mut self, state: &mut State, first: usize) -> Checked<Next> {
        let site = state.pc;
        let run = self.next_run(state)?;
        let runs = state.frame().runs;
        let mut done = Box::new(state.clone());
        done.pc = site.plus(1);
        done.frame_mut().runs = 0;
        for r in 0..=5 {
            done.set(Reg(r), Value::UNINIT);
        }
        done.set(Reg::R0, Value::unknown());
        if run.most.is_some_and(|most| u64::from(runs) >= most) {
            *state = *done;
            return Ok(Next::Goto(site.plus(1)));
        }
        let counted = run.most.is_some_and(|m| m <= 1 || !self.generaliser.ignores_runs(state));
        state.frame_mut().runs = if counted { runs + 1 } else { 0 };
        state.progress = state.progress.wrapping_add(1);
        self.enter(state, site, run.start, Some(first))?;
        for (r, value) in (1..).zip(run.arguments) {
            state.set(Reg(r), value);
        }
        Ok(Next::Fork { later: done, goto: run.start })
    }

    /// The callback has returned to its helper.
    pub(super) fn end_of_run(
        &mut self,
        state: &mut State,
        left: &Frame,
        result: &Value,
        first: usize,
    ) -> Checked<Next> {
        let fits = result.is_scalar() && result.var.umax <= 1;
        if !fits {
            return Err(refuse("BL0355", "the callback returns something else than 0 or 1")
                .expected("0 to go on, 1 to stop")
                .found(describe(self.program, result)));
        }
        state.pc = left.call_site;
        if self.converge(state, first) {
            return Ok(Next::End);
        }
        self.callback_round(state, first)
    }
}
