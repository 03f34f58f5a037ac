//! How the verifier words a refusal: what was expected, what was found, and the registers at that point.

use super::state::{Kind, MapRef, Origin, Proved, SocketForm, State, Value};
use crate::insn::{Pc, Reg};
use crate::program::Program;
use beeline_ir::diagnostic::Diagnostic;

/// Why an instruction was refused, not yet placed.
#[derive(Debug)]
pub(super) struct Refusal {
    code: &'static str,
    message: String,
    notes: Vec<String>,
    help: Option<String>,
}

/// The result of a check.
pub(super) type Checked<T = ()> = Result<T, Box<Refusal>>;

/// A refusal with `code`, to be returned as an error.
pub(super) fn refuse(code: &'static str, message: impl Into<String>) -> Box<Refusal> {
    Box::new(Refusal { code, message: message.into(), notes: Vec::new(), help: None })
}

impl Refusal {
    pub(super) fn expected(mut self: Box<Self>, what: impl AsRef<str>) -> Box<Self> {
        self.notes.push(format!("expected: {}", what.as_ref()));
        self
    }

    pub(super) fn found(mut self: Box<Self>, what: impl AsRef<str>) -> Box<Self> {
        self.notes.push(format!("found: {}", what.as_ref()));
        self
    }

    pub(super) fn help(mut self: Box<Self>, how: impl Into<String>) -> Box<Self> {
        self.help = Some(how.into());
        self
    }

    /// The message for the user, placed at `pc`, with the registers of `state`.
    pub(super) fn into_diagnostic(self, program: &Program, pc: Pc, state: &State) -> Diagnostic {
        let mut d = Diagnostic::error(self.code, self.message).at(program.place(pc));
        d.notes = self.notes;
        d.notes.push(format!("registers: {}", registers(program, state)));
        if state.depth() > 0 {
            d.notes.push(format!("called from {}", call_chain(program, state)));
        }
        d.help = self.help;
        d
    }
}

fn registers(program: &Program, state: &State) -> String {
    let known = state.frame().regs[..Reg::R10.index()].iter().enumerate();
    let parts: Vec<String> = known
        .filter(|(_, v)| v.kind != Kind::Uninit)
        .map(|(i, v)| format!("r{i} = {}", describe(program, v)))
        .collect();
    if parts.is_empty() {
        return "none is initialised".into();
    }
    parts.join("; ")
}

fn call_chain(program: &Program, state: &State) -> String {
    let sites: Vec<String> = state.frames[1..]
        .iter()
        .rev()
        .map(|f| {
            let function = program.subprog_at(f.call_site).map_or("?", |s| s.name.as_str());
            format!("insn {} in `{function}`", f.call_site.0)
        })
        .collect();
    sites.join(", ")
}

/// `value` in words.
pub(super) fn describe(program: &Program, value: &Value) -> String {
    let base = match value.kind {
        Kind::Uninit => return "not initialised".into(),
        Kind::Scalar => return format!("number {}", value.var),
        Kind::Ctx => "context".into(),
        Kind::Stack(depth) => format!("stack of frame {depth}"),
        Kind::Packet => "packet".into(),
        Kind::PacketMeta => "packet metadata".into(),
        Kind::PacketEnd => "packet end".into(),
        Kind::MapValue(m) => format!("value of map `{}`", map_name(program, m)),
        Kind::Map(m) => format!("map `{}`", map_name(program, m)),
        Kind::Func(pc) => format!("function at insn {}", pc.0),
        Kind::Mem { size, origin, writable, .. } => {
            let what = match origin {
                Origin::Record => "record",
                Origin::Slice => "slice of a dynptr",
                Origin::PacketSlice => "slice of the packet",
                Origin::Counter => "number of an iterator",
                Origin::Key => "key of a map",
                Origin::Argument => "argument",
            };
            format!("{what}, {size} bytes{}", if writable { "" } else { ", read-only" })
        }
        Kind::Socket { form: SocketForm::Full, .. } => "socket".into(),
        Kind::Socket { form: SocketForm::Common, .. } => "common part of a socket".into(),
        Kind::Socket { form: SocketForm::Xdp, .. } => "XDP socket".into(),
        Kind::Dynptr { upper, .. } => format!("half {} of a dynptr", 1 + u32::from(upper)),
        Kind::Iter { .. } => "iterator".into(),
    };
    let mut text = base;
    if value.off != 0 {
        text.push_str(&format!("{:+}", value.off));
    }
    if value.var.as_constant() != Some(0) {
        text.push_str(&format!(" + ({})", value.var));
    }
    if value.kind.is_packet() {
        text.push_str(&match value.proved {
            Proved::Bytes(n) => format!(", {n} bytes proved"),
            Proved::AtEnd => ", at or behind the end".into(),
            Proved::BeyondEnd => ", behind the end".into(),
        });
    }
    if value.nullable {
        text.push_str(", or null");
    }
    text
}

/// The name of a map in a message.
pub(super) fn map_name(program: &Program, map: MapRef) -> String {
    let name = |m: usize| program.maps.get(m).map_or("?", |d| d.name.as_str());
    match map {
        MapRef::Declared(m) => name(m).to_string(),
        MapRef::Inner(m) => format!("in {}", name(m)),
    }
}
