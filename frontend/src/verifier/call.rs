//! Calls of functions of the program, and returns.

use super::explore::{Explorer, Next};
use super::global;
use super::message::{describe, refuse, Checked};
use super::state::{Frame, Kind, State, Value};
use super::touch::MAX_FRAMES;
use crate::insn::{Pc, Reg};

impl Explorer<'_> {
    /// The call of the function at `start`.
    pub(super) fn call_function(&mut self, state: &mut State, start: Pc) -> Checked<Next> {
        match self.call_global(state, start) {
            Some(next) => next,
            None => self.enter_function(state, start),
        }
    }

    /// Goes on in the function at `start`.
    pub(super) fn enter_function(&mut self, state: &mut State, start: Pc) -> Checked<Next> {
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

    /// A new frame for the function at `start`, as a callback if so.
    pub(super) fn enter(
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
        if let Some(effects) = &left.effects {
            self.apply(state, effects);
        }
        state.set(Reg::R0, global::result_of(&left, result));
        Ok(Next::Goto(left.call_site.plus(1)))
    }

    fn check_end(&self, state: &State, result: &Value) -> Checked {
        match result.kind {
            Kind::Scalar if state.timer && result.as_constant() != Some(0) => {
                return Err(refuse("BL0355", "the timer's callback returns something else than 0")
                    .expected("0")
                    .found(describe(self.program, result)));
            }
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
        if let Some(lock) = state.lock {
            return Err(refuse(
                "BL0349",
                format!("{when} while the spin lock of insn {} is held", lock.site.0),
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
}
