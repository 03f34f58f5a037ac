//! The log of a walk, for people: each instruction with what it changed, in the notation of the kernel's log.
//!
//! Lines are written as the walk goes; nothing is kept but the state before the instruction.

use super::message::map_name;
use super::scalar::Scalar;
use super::stack::{Byte, Slot};
use super::state::{Frame, Kind, Proved, State, Value};
use crate::insn::{Pc, Reg};
use crate::program::Program;
use std::fmt::Write as _;
use std::io::Write;

/// A line's instruction is padded to this width before the registers that it changed.
const INSN_WIDTH: usize = 44;

/// Where the log goes, and what was last written.
pub(super) struct Log<'p> {
    program: &'p Program,
    out: &'p mut (dyn Write + 'p),
    before: Option<Frame>,
    source: Option<(String, u32)>,
}

/// What the walk needed, for the last line.
pub(super) struct Statistics {
    pub(super) walked: u64,
    pub(super) limit: u64,
    pub(super) states: usize,
    pub(super) most_at_one: usize,
    pub(super) peak_pending: usize,
}

impl<'p> Log<'p> {
    pub(super) fn new(program: &'p Program, out: &'p mut (dyn Write + 'p)) -> Self {
        Self { program, out, before: None, source: None }
    }

    /// A reader who has gone away is no reason to stop verifying.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    /// The walk begins, or goes on from a state that was left for later.
    pub(super) fn path(&mut self, from: Option<Pc>, state: &State) {
        let from = from.map_or(String::new(), |pc| format!("from {} to ", pc.0));
        let text = format!("{from}{}: {}", state.pc.0, whole_state(self.program, state));
        self.source = None;
        self.line(&text);
    }

    /// `state` stands before an instruction that will be walked.
    pub(super) fn before(&mut self, state: &State) {
        let source = self.program.lines.get(state.pc.index()).and_then(Option::as_ref);
        let Some(source) = source else {
            self.before = Some(state.frame().clone());
            return;
        };
        let key = (source.file.clone(), source.line);
        if self.source.as_ref() != Some(&key) {
            let text = format!("; {} @ {}:{}", source.text, source.file, source.line);
            self.source = Some(key);
            self.line(&text);
        }
        self.before = Some(state.frame().clone());
    }

    /// The instruction at `pc` was walked and led to `state`.
    pub(super) fn after(&mut self, pc: Pc, state: &State) {
        let insn = crate::disasm::insn(self.program, pc, &self.program.insns[pc.index()]);
        let mut text = format!("{}: {insn}", pc.0);
        let same_frame = |f: &Frame| f.ctx == state.frame().ctx;
        let before = self.before.take();
        let changed = match before.filter(same_frame) {
            Some(before) => changes(self.program, &before, state.frame()),
            None => whole_state(self.program, state),
        };
        if !changed.is_empty() {
            let _ = write!(text, "{:1$} ; {changed}", "", INSN_WIDTH.saturating_sub(text.len()));
        }
        self.line(&text);
    }

    /// The instruction at `pc` ended the path.
    pub(super) fn end(&mut self, pc: Pc) {
        let insn = crate::disasm::insn(self.program, pc, &self.program.insns[pc.index()]);
        self.line(&format!("{}: {insn}", pc.0));
    }

    /// An older state covers the one at `pc`.
    pub(super) fn covered(&mut self, pc: Pc) {
        self.line(&format!("{}: safe: an earlier state covers this one", pc.0));
    }

    /// Numbers were forgotten so that this state stands for many.
    pub(super) fn generalised(&mut self, state: &State) {
        let text = format!("{}: generalised: {}", state.pc.0, whole_state(self.program, state));
        self.line(&text);
    }

    /// A refusal that may be due to forgotten numbers: another walk follows.
    pub(super) fn again(&mut self, why: &str) {
        self.line(&format!("again with more exact numbers: {why}"));
    }

    pub(super) fn statistics(&mut self, s: &Statistics) {
        self.line(&format!(
            "processed {} insns (limit {}) max_states_per_insn {} total_states {} peak_pending {}",
            s.walked, s.limit, s.most_at_one, s.states, s.peak_pending
        ));
    }
}

fn whole_state(program: &Program, state: &State) -> String {
    let frame = state.frame();
    let mut parts = Vec::new();
    if state.depth() > 0 {
        parts.push(format!("frame{}:", state.depth()));
    }
    let known = |r: &usize| frame.regs[*r].kind != Kind::Uninit;
    parts.extend((0..Reg::COUNT).filter(known).map(|r| register(program, r, &frame.regs[r])));
    for i in (0..frame.stack.slot_count()).rev() {
        parts.extend(slot(program, i, frame.stack.slot(i)));
    }
    if !state.resources.is_empty() {
        let ids: Vec<String> = state.resources.iter().map(|r| r.id.to_string()).collect();
        parts.push(format!("refs={}", ids.join(",")));
    }
    parts.join(" ")
}

fn changes(program: &Program, old: &Frame, new: &Frame) -> String {
    let mut parts = Vec::new();
    for r in (0..Reg::COUNT).filter(|r| old.regs[*r] != new.regs[*r]) {
        let lost = new.regs[r].kind == Kind::Uninit;
        parts.extend((!lost).then(|| register(program, r, &new.regs[r])));
    }
    for i in (0..new.stack.slot_count()).filter(|i| old.stack.slot(*i) != new.stack.slot(*i)) {
        parts.extend(slot(program, i, new.stack.slot(i)));
    }
    parts.join(" ")
}

fn register(program: &Program, r: usize, value: &Value) -> String {
    format!("R{r}={}", describe(program, value))
}

/// `fp-8=` and the spilled value, or a letter for each byte: `m` written, `0` zero, `?` never written.
fn slot(program: &Program, i: usize, slot: &Slot) -> Option<String> {
    let at = format!("fp-{}", 8 * (i + 1));
    if let Some(spill) = slot.spill {
        let part = if spill.size == 8 { String::new() } else { format!("[{}]", spill.at) };
        return Some(format!("{at}{part}={}", describe(program, &spill.value)));
    }
    if slot.bytes == [Byte::Uninit; 8] {
        return None;
    }
    let letter = |b: &Byte| match b {
        Byte::Uninit => '?',
        Byte::Any => 'm',
        Byte::Zero => '0',
    };
    // The kernel writes the byte at the highest address first.
    Some(format!("{at}={}", slot.bytes.iter().rev().map(letter).collect::<String>()))
}

fn describe(program: &Program, value: &Value) -> String {
    let kind = match value.kind {
        Kind::Uninit => return "?".into(),
        Kind::Scalar => return scalar(value),
        Kind::Ctx => "ctx".into(),
        Kind::Stack(depth) => return stack_address(depth, value),
        Kind::Packet => "pkt".into(),
        Kind::PacketMeta => "pkt_meta".into(),
        Kind::PacketEnd => "pkt_end".into(),
        Kind::MapValue(m) => format!("map_value(map={})", map_name(program, m)),
        Kind::Map(m) => format!("map_ptr(map={})", map_name(program, m)),
        Kind::Func(pc) => format!("func({})", pc.0),
        Kind::Mem { size, .. } => format!("mem(sz={size})"),
        Kind::Socket { .. } => "sock".into(),
        Kind::Dynptr { .. } => "dynptr".into(),
        Kind::Iter { .. } => "iter".into(),
    };
    let mut parts = Vec::new();
    if value.id != 0 {
        parts.push(format!("id={}", value.id));
    }
    if value.off != 0 {
        parts.push(format!("off={}", value.off));
    }
    match value.proved {
        Proved::Bytes(n) if value.kind.is_packet() => parts.push(format!("r={n}")),
        Proved::AtEnd => parts.push("at end".into()),
        Proved::BeyondEnd => parts.push("beyond end".into()),
        Proved::Bytes(_) => {}
    }
    if value.var.as_constant() != Some(0) {
        parts.push(bounds(&value.var));
    }
    let null = if value.nullable { "_or_null" } else { "" };
    let sep = if kind.ends_with(')') { "" } else { "()" };
    if parts.is_empty() {
        return format!("{kind}{null}{}", if null.is_empty() { sep } else { "" });
    }
    format!("{kind}{null}({})", parts.join(","))
}

fn stack_address(depth: usize, value: &Value) -> String {
    let frame = if depth == 0 { String::new() } else { format!("[{depth}]") };
    match value.var.as_constant() {
        Some(c) => format!("fp{frame}{:+}", c as i64 + i64::from(value.off)),
        None => format!("fp{frame}{:+}({})", value.off, bounds(&value.var)),
    }
}

fn scalar(value: &Value) -> String {
    if let Some(c) = value.as_constant() {
        return (c as i64).to_string();
    }
    let mut parts = Vec::new();
    if value.id != 0 {
        let off = if value.off == 0 { String::new() } else { format!("{:+}", value.off) };
        parts.push(format!("id={}{off}", value.id));
    }
    if value.var != Scalar::UNKNOWN {
        parts.push(bounds(&value.var));
    }
    format!("scalar({})", parts.join(","))
}

/// The bounds that say something.
fn bounds(s: &Scalar) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |yes: bool, text: String| parts.extend(yes.then_some(text));
    add(s.smin != i64::MIN, format!("smin={}", s.smin));
    add(s.smax != i64::MAX, format!("smax={}", s.smax));
    add(s.umin != 0, format!("umin={}", s.umin));
    add(s.umax != u64::MAX, format!("umax={}", s.umax));
    add(s.smin32 != i32::MIN && i64::from(s.smin32) != s.smin, format!("smin32={}", s.smin32));
    add(s.smax32 != i32::MAX && i64::from(s.smax32) != s.smax, format!("smax32={}", s.smax32));
    add(s.umin32 != 0 && u64::from(s.umin32) != s.umin, format!("umin32={}", s.umin32));
    add(s.umax32 != u32::MAX && u64::from(s.umax32) != s.umax, format!("umax32={}", s.umax32));
    add(s.t.mask != u64::MAX, format!("var_off=({:#x}; {:#x})", s.t.value, s.t.mask));
    parts.join(",")
}
