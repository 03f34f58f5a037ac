//! Global functions, verified one by one as Linux does: what a function may assume of its arguments follows from its
//! type, and what its callers may assume of it is nothing but that it returns a number.
//!
//! A call of one is checked against the type, and not entered. Facts for each calling context, if someone asks for
//! them, come from another walk that enters calls; at the return the caller forgets what the type does not promise.
//! Where that walk would take too long, the facts name the calls ([`crate::facts::Facts::closed_calls`]).

use super::explore::{Explorer, Next};
use super::flow;
use super::helper::clobber;
use super::memory::{Access, StackBytes};
use super::message::{describe, refuse, Checked};
use super::object::forget_packet;
use super::prototype;
use super::state::{Frame, Kind, Origin, State, Value};
use crate::insn::{Callee, Insn, Pc, Reg};
use crate::program::{Contract, GlobalArg, Program, Subprog};
use beeline_ir::diagnostic::Diagnostic;
use std::collections::BTreeSet;

/// What a call of a global function does to its caller, as far as the caller may know.
#[derive(Clone, Debug)]
pub(super) struct Effects {
    moves_packet: bool,
    /// Stack bytes that the function was given.
    memory: Vec<StackBytes>,
}

/// The global function at `start`, if it is one.
fn global_at(program: &Program, start: Pc) -> Option<&Subprog> {
    program.subprogs.iter().find(|s| s.start == start && s.global && s.start != Pc(0))
}

/// The state at the entry of `function` when it is verified on its own.
pub(super) fn entry(program: &Program, start: Pc) -> Result<State, Diagnostic> {
    let function = global_at(program, start);
    let Some(function) = function else { return Ok(State { pc: start, ..State::entry() }) };
    let contract = contract_of(function).map_err(|why| {
        let name = &function.name;
        Diagnostic::error("BL0356", format!("global function `{name}` cannot be verified: {why}"))
            .at(program.place(function.start))
            .help("make the function static, or give it arguments of the types that Linux takes")
    })?;
    let mut state = State::entry();
    state.pc = function.start;
    state.set(Reg(1), Value::UNINIT);
    // Names that no value made on the way gets.
    let names = (0..u32::MAX).rev();
    for ((r, id), arg) in (1..).zip(names).zip(&contract.args) {
        state.set(Reg(r), assumed(function, id, arg));
    }
    Ok(state)
}

fn contract_of(function: &Subprog) -> Result<&Contract, String> {
    let Some(signature) = &function.signature else { return Err("it has no type".into()) };
    let contract = signature.contract.as_ref().map_err(String::clone)?;
    if contract.args.contains(&GlobalArg::Dynptr) {
        return Err("it takes a dynptr".into());
    }
    Ok(contract)
}

fn assumed(function: &Subprog, id: u32, arg: &GlobalArg) -> Value {
    match *arg {
        GlobalArg::Ctx => Value::pointer(Kind::Ctx),
        GlobalArg::Scalar | GlobalArg::Dynptr => Value::unknown(),
        GlobalArg::Memory { size, nullable } => {
            let (site, origin) = (function.start, Origin::Argument);
            let kind = Kind::Mem { site, size, origin, writable: true };
            Value { nullable, id, ..Value::pointer(kind) }
        }
    }
}

impl Explorer<'_> {
    /// The call of a global function at `start`: its arguments are checked, and it is entered or not.
    pub(super) fn call_global(&mut self, state: &mut State, start: Pc) -> Option<Checked<Next>> {
        let function = global_at(self.program, start)?;
        Some(self.call_by_contract(state, function))
    }

    fn call_by_contract(&mut self, state: &mut State, function: &Subprog) -> Checked<Next> {
        let name = &function.name;
        if state.lock.is_some() {
            let message = format!("global function `{name}` is called while a spin lock is held");
            return Err(refuse("BL0349", message).help("make the function static"));
        }
        let contract = contract_of(function).map_err(|why| {
            refuse("BL0356", format!("global function `{name}` cannot be verified: {why}"))
        })?;
        let mut effects =
            Effects { moves_packet: self.moves_packet(function.start), memory: Vec::new() };
        for (r, arg) in (1..).map(Reg).zip(&contract.args) {
            self.check_promised(state, name, r, arg, &mut effects)?;
        }
        if self.closed {
            let site = state.pc;
            self.closed_calls.insert((state.frame().ctx, site, function.start));
            self.apply(state, &effects);
            clobber(state);
            state.set(Reg::R0, Value::unknown());
            return Ok(Next::Goto(site.plus(1)));
        }
        let next = self.enter_function(state, function.start)?;
        state.frame_mut().effects = Some(Box::new(effects));
        Ok(next)
    }

    fn check_promised(
        &mut self,
        state: &mut State,
        name: &str,
        r: Reg,
        arg: &GlobalArg,
        effects: &mut Effects,
    ) -> Checked {
        let value = self.read(state, r)?;
        let wrong = |expected: &str| {
            Err(refuse("BL0341", format!("r{} does not fit global function `{name}`", r.0))
                .expected(expected)
                .found(describe(self.program, &value)))
        };
        let whole = value.off == 0 && value.var.as_constant() == Some(0);
        match *arg {
            GlobalArg::Ctx if value.kind == Kind::Ctx && whole => Ok(()),
            GlobalArg::Ctx => wrong("the context"),
            GlobalArg::Scalar if value.is_scalar() => Ok(()),
            GlobalArg::Scalar => wrong("a number"),
            GlobalArg::Dynptr => wrong("a dynptr"),
            GlobalArg::Memory { nullable, .. } if value.as_constant() == Some(0) => {
                if nullable {
                    return Ok(());
                }
                wrong("memory, not null")
            }
            GlobalArg::Memory { nullable: false, .. } if value.nullable => {
                wrong("memory that was compared with null")
            }
            GlobalArg::Memory { size, .. } => {
                let name = format!("r{}, an argument of `{name}`,", r.0);
                let present = Value { nullable: false, ..value };
                self.check_access(&name, &present, 0, size, Access::Write)?;
                let stack = self.check_access(&name, &present, 0, size, Access::Read)?;
                if let Some(at) = stack {
                    self.note_stack_read(state, at);
                    effects.memory.push(at);
                }
                Ok(())
            }
        }
    }

    /// Back in the caller of a global function: what its type does not promise is forgotten.
    pub(super) fn apply(&mut self, state: &mut State, effects: &Effects) {
        if effects.moves_packet {
            forget_packet(state);
        }
        for at in &effects.memory {
            let stack = &mut state.frames[at.depth].stack;
            if at.fixed {
                stack.write_any(at.first, at.end);
            } else {
                stack.may_write_any(at.first, at.end);
            }
        }
    }

    /// True if the function at `start`, or one that it calls, may move the packet: a helper does, or the program that
    /// a tail call reaches.
    fn moves_packet(&mut self, start: Pc) -> bool {
        if let Some(known) = self.movers.get(&start) {
            return *known;
        }
        let mut pending = vec![start];
        let mut seen = BTreeSet::new();
        let mut moves = false;
        while let Some(start) = pending.pop().filter(|_| !moves) {
            let function = self.program.subprogs.iter().find(|s| s.start == start);
            let Some(function) = function.filter(|_| seen.insert(start)) else { continue };
            for insn in &self.program.insns[start.index()..function.end.index()] {
                pending.extend(flow::referenced_function(insn));
                moves |= matches!(insn, Insn::Call(Callee::Helper(id)) if moves_or_leaves(*id));
            }
        }
        self.movers.insert(start, moves);
        moves
    }
}

fn moves_or_leaves(helper: u32) -> bool {
    helper == prototype::id::TAIL_CALL
        || prototype::by_id(helper).is_some_and(|p| p.traits.moves_packet)
}

/// The result of a function that returned: of a global one, any number.
pub(super) fn result_of(left: &Frame, result: Value) -> Value {
    if left.effects.is_some() {
        Value::unknown()
    } else {
        result
    }
}
