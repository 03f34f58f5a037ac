//! Calls of functions of the program, and returns.

use super::cover::{compare, Relation};
use super::explore::{Explorer, Next};
use super::message::{describe, refuse, Checked};
use super::scalar::Scalar;
use super::state::{Frame, Kind, State, Value};
use super::touch::{Words, MAX_FRAMES};
use super::widen;
use crate::insn::{Pc, Reg};

/// Runs of a callback after which the numbers that change from run to run are no longer followed.
const PRECISE_RUNS: usize = 3;

/// A helper runs a callback at most this often (Linux: `BPF_MAX_LOOPS`).
const MAX_CALLBACK_RUNS: u64 = 1 << 23;

impl Explorer<'_> {
    /// The call of the function at `start`.
    pub(super) fn call_function(&mut self, state: &mut State, start: Pc) -> Checked<Next> {
        let site = state.pc;
        let arguments: [Value; 5] = std::array::from_fn(|i| state.frame().regs[i + 1]);
        for r in 0..=5 {
            state.set(Reg(r), Value::UNINIT);
        }
        self.enter(state, site, start, None)?;
        for (r, value) in (1..).zip(arguments) {
            state.set(Reg(r), value);
        }
        Ok(Next::Goto(start))
    }

    fn enter(
        &mut self,
        state: &mut State,
        site: Pc,
        start: Pc,
        callback: Option<usize>,
    ) -> Checked {
        let depth = state.frames.len();
        if depth >= MAX_FRAMES {
            return Err(refuse("BL0350", "calls are nested too deeply")
                .expected(format!("at most {MAX_FRAMES} functions active at one time"))
                .help("inline some functions, and do not call recursively"));
        }
        let ctx = self.enter_context(state.frame().ctx, site, start);
        let frame = Frame { callback, ..Frame::new(ctx, site, depth) };
        state.frames.push(frame);
        state.written.enter_frame(depth);
        Ok(())
    }

    /// The end of a function, or of the program.
    pub(super) fn exit(&mut self, state: &mut State) -> Checked<Next> {
        let result = *state.reg(Reg::R0);
        if state.depth() == 0 {
            self.check_end(state, &result)?;
            return Ok(Next::End);
        }
        if matches!(result.kind, Kind::Stack(_)) {
            return Err(refuse("BL0354", "the function returns a pointer to the stack")
                .help("return a number, or let the caller pass the memory to be filled"));
        }
        let Some(left) = state.frames.pop() else { return Ok(Next::End) };
        state.trips.retain(|t| t.ctx != left.ctx);
        if let Some(first) = left.callback {
            return self.end_of_run(state, &left, &result, first);
        }
        state.set(Reg::R0, result);
        Ok(Next::Goto(left.call_site.plus(1)))
    }

    fn check_end(&self, state: &State, result: &Value) -> Checked {
        match result.kind {
            Kind::Scalar => {}
            Kind::Uninit => {
                return Err(refuse("BL0352", "the program ends without a return value in r0")
                    .expected("an XDP action in r0")
                    .help("set r0 on every path to `exit`"));
            }
            _ => {
                return Err(refuse("BL0353", "the program returns a pointer")
                    .expected("an XDP action in r0")
                    .found(describe(self.program, result)));
            }
        }
        self.check_nothing_held(state, "the program ends")
    }

    /// Refuses to leave the program while something must still be given back.
    pub(super) fn check_nothing_held(&self, state: &State, when: &str) -> Checked {
        if let Some(site) = state.lock {
            return Err(refuse(
                "BL0349",
                format!("{when} while the spin lock of insn {} is held", site.0),
            )
            .help("unlock on every path"));
        }
        if let Some(resource) = state.resources.first() {
            let site = resource.site.0;
            return Err(refuse(
                "BL0348",
                format!("{when} without giving back what insn {site} acquired"),
            )
            .help("submit, discard or release it on every path"));
        }
        Ok(())
    }

    /// `bpf_loop`: `state` stands at the call with checked arguments.
    pub(super) fn call_loop(&mut self, state: &mut State) -> Checked<Next> {
        let first = self.store_checkpoint(state);
        self.callback_round(state, first)
    }

    /// Either the helper returns, or it runs the callback once more.
    fn callback_round(&mut self, state: &mut State, first: usize) -> Checked<Next> {
        let site = state.pc;
        let (runs, function, argument) =
            (*state.reg(Reg(1)), state.reg(Reg(2)).kind, *state.reg(Reg(3)));
        let Kind::Func(start) = function else {
            return Err(refuse("BL0341", "r2 is not a function"));
        };
        let mut done = Box::new(state.clone());
        done.pc = site.plus(1);
        for r in 0..=5 {
            done.set(Reg(r), Value::UNINIT);
        }
        done.set(Reg::R0, Value::unknown());
        if runs.var.umax == 0 {
            *state = *done;
            return Ok(Next::Goto(site.plus(1)));
        }
        self.enter(state, site, start, Some(first))?;
        let last = runs.var.umax.min(MAX_CALLBACK_RUNS) - 1;
        state.set(Reg(1), Value::scalar(Scalar::range(0, last)));
        state.set(Reg(2), argument);
        Ok(Next::Fork { later: done, goto: start })
    }

    /// The callback has returned to its helper.
    fn end_of_run(
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
        let live = self.live_registers(state);
        let earlier = self.open_checkpoints_from(first, state);
        for &i in &earlier {
            match compare(self.stored(i), state, &live, &Words::ALL) {
                // The helper ends by itself, so a run that begins like an earlier one need not be followed.
                Relation::Covered => {
                    self.note_everything_read(state);
                    return Ok(Next::End);
                }
                Relation::Numbers(locs) if earlier.len() >= PRECISE_RUNS => {
                    let forget = earlier.len() > 2 * PRECISE_RUNS;
                    let old = self.stored(i).clone();
                    widen::cover_numbers(state, &old, &locs, forget);
                }
                _ => {}
            }
        }
        self.store_checkpoint(state);
        self.callback_round(state, first)
    }
}
