//! Printing of `Function` and `Pipeline`, and what all three forms share.

use super::names::{name_of, ATOMIC_OPS, BIN_OPS, CMP_OPS, INPUTS};
use crate::analysis::cfg::Cfg;
use crate::dfg::{Dfg, Ty};
use crate::entities::{Block, Inst, Value};
use crate::function::{Function, Target, Terminator, Verdict};
use crate::op::{Bounds, Op};
use crate::pipeline::Pipeline;
use crate::validate::Site;
use std::collections::BTreeMap;
use std::fmt;

/// Messages to be printed in a listing, below the thing that they are about.
pub(crate) type Notes = BTreeMap<Site, Vec<String>>;

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Int(n) => write!(f, "i{n}"),
            Ty::Entry(m) => write!(f, "{m}"),
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Bounds::constant(self.min) {
            return write!(f, "[{}]", self.min);
        }
        write!(f, "[{}..{}", self.min, self.max)?;
        if self.known_mask != 0 {
            write!(f, " & {:#x} = {:#x}", self.known_mask, self.known_bits)?;
        }
        f.write_str("]")
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.listing(&Notes::new()))
    }
}

impl Function {
    /// The text, with `notes` below what they are about.
    pub(crate) fn listing(&self, notes: &Notes) -> String {
        let mut p = Printer::new(&self.dfg, notes);
        p.head("function", &self.name);
        for &block in Cfg::new(self).reverse_postorder() {
            p.block(self, block);
        }
        p.line(0, "}");
        p.out
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.listing(&Notes::new()))
    }
}

impl Pipeline {
    /// The text, with `notes` below what they are about.
    pub(crate) fn listing(&self, notes: &Notes) -> String {
        let mut p = Printer::new(&self.dfg, notes);
        p.head("pipeline", &self.name);
        for &inst in &self.order {
            p.inst(inst, None);
        }
        p.verdict(&self.verdict, Site::Verdict);
        p.line(0, "}");
        p.out
    }
}

/// A listing in the making.
pub(super) struct Printer<'a> {
    dfg: &'a Dfg,
    notes: &'a Notes,
    pub(super) out: String,
}

impl<'a> Printer<'a> {
    pub(super) fn new(dfg: &'a Dfg, notes: &'a Notes) -> Self {
        Self { dfg, notes, out: String::new() }
    }

    pub(super) fn line(&mut self, indent: usize, text: impl AsRef<str>) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.out.push_str(text.as_ref());
        self.out.push('\n');
    }

    /// The notes about `site`.
    pub(super) fn notes(&mut self, site: Site) {
        for note in self.notes.get(&site).into_iter().flatten() {
            self.line(4, format!("; ^ {note}"));
        }
    }

    /// Opening line, maps, sources.
    pub(super) fn head(&mut self, keyword: &str, name: &str) {
        self.line(0, format!("{keyword} {} {{", quote_name(name)));
        self.notes(Site::Whole);
        for (id, m) in &self.dfg.maps {
            let mut text = format!(
                "map {id} {:?} {} key {} value {} entries {}",
                m.name, m.kind, m.key_size, m.value_size, m.max_entries
            );
            if m.frozen {
                text += " frozen";
            }
            if let Some(bytes) = &m.initial {
                let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                text += &format!(" initial \"{hex}\"");
            }
            self.line(2, text);
            self.notes(Site::Map(id));
        }
        for (id, s) in &self.dfg.sources {
            let mut text = format!("source {id} pc {} {:?}", s.pc, s.insn);
            if let Some(l) = &s.line {
                text += &format!(" line {:?} {}:{} {:?}", l.file, l.line, l.column, l.text);
            }
            self.line(2, text);
        }
    }

    fn block(&mut self, func: &Function, block: Block) {
        let data = &func.blocks[block];
        let mut text = block.to_string();
        if !data.params.is_empty() {
            let params: Vec<_> = data
                .params
                .iter()
                .map(|p| format!("{}.{}", self.named(*p), self.dfg.ty(*p)))
                .collect();
            text += &format!("({})", params.join(", "));
        }
        if let Some(n) = data.max_trips {
            text += &format!(" max_trips {n}");
        }
        self.line(0, text + ":");
        self.notes(Site::Block(block));
        for &inst in &data.insts {
            self.inst(inst, None);
        }
        let text = match &data.term {
            Terminator::Jump(t) => format!("jump {}", target(t)),
            Terminator::Branch { cond, if_true, if_false } => {
                format!("branch {cond}, {}, {}", target(if_true), target(if_false))
            }
            Terminator::Ret(v) => return self.verdict(v, Site::Term(block)),
            Terminator::Unreachable => "unreachable".into(),
        };
        self.line(2, text);
        self.notes(Site::Term(block));
    }

    pub(super) fn verdict(&mut self, v: &Verdict, site: Site) {
        let Verdict { action, start, end, valid_end, redirect_map, redirect_key } = v;
        self.line(
            2,
            format!(
                "ret action {action} start {start} end {end} valid_end {valid_end} \
                 redirect_map {redirect_map} redirect_key {redirect_key}"
            ),
        );
        self.notes(site);
    }

    pub(super) fn inst(&mut self, inst: Inst, port: Option<usize>) {
        let data = &self.dfg.insts[inst];
        let mut text = String::new();
        if let Some(v) = data.result {
            text += &format!("{} = ", self.named(v));
        }
        text += &self.op(&data.op, data.result.map(|v| self.dfg.ty(v)));
        if let Some(p) = data.pred {
            text += &format!(" if {p}");
        }
        if let Some(p) = port {
            text += &format!(" port p{p}");
        }
        if let Some(s) = data.src.expand() {
            text += &format!(" @{s}");
        }
        self.line(2, text);
        self.notes(Site::Inst(inst));
    }

    fn named(&self, v: Value) -> String {
        match &self.dfg.values[v].name {
            Some(name) => format!("{v} {name:?}"),
            None => v.to_string(),
        }
    }

    fn op(&self, op: &Op, ty: Option<Ty>) -> String {
        let ty = ty.map(|t| format!(".{t}")).unwrap_or_default();
        match op {
            Op::Const(c) if *c < 4096 => format!("const{ty} {c}"),
            Op::Const(c) => format!("const{ty} {c:#x}"),
            Op::Input(i) => format!("input{ty} {}", name_of(&INPUTS, *i)),
            Op::Bin(o, a, b) => format!("{}{ty} {a}, {b}", name_of(&BIN_OPS, *o)),
            Op::Cmp(o, a, b) => format!("{}{ty} {a}, {b}", name_of(&CMP_OPS, *o)),
            Op::Select { cond, if_true, if_false } => {
                format!("select{ty} {cond}, {if_true}, {if_false}")
            }
            Op::Zext(a) => format!("zext{ty} {a}"),
            Op::Sext(a) => format!("sext{ty} {a}"),
            Op::Bswap(a) => format!("bswap{ty} {a}"),
            Op::EntryIsNull(a) => format!("is_null{ty} {a}"),
            Op::Extract { value, lo } => format!("extract{ty} {value}, {lo}"),
            Op::Concat(parts) => format!("concat{ty} {}", list(parts)),
            Op::PktLoad { base, off, bounds } => format!("pkt_load{ty} {base} + {off} {bounds}"),
            Op::PktStore { base, off, bounds, value } => {
                format!("pkt_store {base} + {off} {bounds}, {value}")
            }
            Op::PktZero { from, to } => format!("pkt_zero {from}, {to}"),
            Op::MapLookup { map, key } => format!("map_lookup.{map} ({})", list(key)),
            Op::MapUpdate { map, key, value, flags } => {
                format!("map_update {map} ({}), ({}), {flags}", list(key), list(value))
            }
            Op::MapDelete { map, key } => format!("map_delete {map} ({})", list(key)),
            Op::MapInsert { map, entry, key } => {
                format!("map_insert.{map} {entry}, ({})", list(key))
            }
            Op::MapRemove { map, entry } => format!("map_remove {map} {entry}"),
            Op::MapTouch { map, entry } => format!("map_touch {map} {entry}"),
            Op::EntryConst { map, index: Some(i) } => format!("entry.{map} {i}"),
            Op::EntryConst { map, index: None } => format!("entry.{map} null"),
            Op::MapLoad { map, entry, off, bounds } => {
                format!("map_load{ty} {map} {entry} + {off} {bounds}")
            }
            Op::MapStore { map, entry, off, bounds, value } => {
                format!("map_store {map} {entry} + {off} {bounds}, {value}")
            }
            Op::MapAtomic { op, map, entry, off, bounds, value, expected } => {
                let expected = expected.map(|e| format!(", {e}")).unwrap_or_default();
                let name = name_of(&ATOMIC_OPS, *op);
                format!("{name}{ty} {map} {entry} + {off} {bounds}, {value}{expected}")
            }
            Op::EventOutput { map, data, len, when } => {
                format!("event_output {map} ({}) len {len} when {when}", list(data))
            }
        }
    }
}

fn target(t: &Target) -> String {
    if t.args.is_empty() {
        t.block.to_string()
    } else {
        format!("{}({})", t.block, list(&t.args))
    }
}

fn list(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

/// `name` bare if it is a word, else as a string.
fn quote_name(name: &str) -> String {
    let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word && name.starts_with(|c: char| !c.is_ascii_digit()) {
        name.into()
    } else {
        format!("{name:?}")
    }
}
