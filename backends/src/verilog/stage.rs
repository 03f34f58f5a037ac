//! One stage as a module: what comes in, the operations in program order, the registers that hand values on.

use super::body::Body;
use super::expr::Expr;
use super::late::LateRow;
use super::layout::{Field, FieldOf, Layout};
use super::names::Namer;
use super::packet::Bytes;
use super::tables::TableUse;
use super::Options;
use beeline_hdl::templates::{port_lines, Port, StageModule};
use beeline_ir::op::{Input, Op};
use beeline_ir::pipeline::ByteCoord;
use beeline_ir::{Inst, MapId, Value};
use cranelift_entity::{EntityRef, SecondaryMap};
use std::collections::{BTreeMap, BTreeSet};

/// A value that has been computed but has no wire yet, since its only consumer may take the expression itself.
struct Folded {
    expr: Expr,
    inst: Inst,
}

/// Emits one stage.
pub struct StageEmitter<'a> {
    pub(super) layout: &'a Layout<'a>,
    pub(super) stage: usize,
    pub(super) body: Body<'a>,
    pub(super) namer: Namer,
    pub(super) bytes: Bytes,
    /// Bytes whose content matters after each packet store of this stage.
    pub(super) live_after: BTreeMap<Inst, BTreeSet<ByteCoord>>,
    /// Row of each value port of this stage, with the changes so far.
    pub(super) rows: BTreeMap<usize, Row>,
    /// What has been stored so far through each value port whose changes are made in this stage, later than the row was there.
    pub(super) late: BTreeMap<usize, LateRow>,
    /// Entries that came from their table as two signals: is it there, and its slot.
    pub(super) parts: BTreeMap<Value, (Expr, Expr)>,
    /// What the packet does to each table in this stage.
    pub(super) table_uses: BTreeMap<MapId, TableUse>,
    /// Keys that it takes out: whether, and the slot.
    pub(super) removals: BTreeMap<MapId, (Expr, Expr)>,
    ports: Vec<Port>,
    exprs: SecondaryMap<Value, Option<Expr>>,
    folded: BTreeMap<Value, Folded>,
    uses: SecondaryMap<Value, u32>,
    insts: Vec<Inst>,
}

/// The row of a value port while the stage works on it.
pub(super) struct Row {
    /// Current content.
    pub content: Expr,
    /// 1 if it has been changed.
    pub written: Expr,
    /// Wires that say whether a change happens, with what they are.
    pub enables: Vec<(Expr, Expr)>,
}

/// The text of stage `s`, without the file header.
pub fn emit_stage(layout: &Layout, s: usize, options: &Options) -> StageModule {
    let mut e = StageEmitter::new(layout, s);
    e.declare_inputs();
    e.declare_map_inputs();
    for inst in e.insts.clone() {
        e.emit_inst(inst);
    }
    e.body.at(None);
    let registers = e.registers();
    e.map_outputs();
    e.table_outputs();
    e.gate_outputs();
    e.finish(registers, options)
}

impl<'a> StageEmitter<'a> {
    fn new(layout: &'a Layout<'a>, stage: usize) -> Self {
        let insts = layout.stage_insts(stage);
        let (_, live_after) =
            super::packet::live_bytes(layout, &insts, &layout.staged.boundaries[stage].bytes);
        let mut e = Self {
            layout,
            stage,
            body: Body::new(&layout.sources),
            namer: layout.namer.clone(),
            bytes: Bytes::default(),
            live_after,
            rows: BTreeMap::new(),
            late: BTreeMap::new(),
            parts: BTreeMap::new(),
            table_uses: BTreeMap::new(),
            removals: BTreeMap::new(),
            ports: Vec::new(),
            exprs: SecondaryMap::new(),
            folded: BTreeMap::new(),
            uses: SecondaryMap::new(),
            insts,
        };
        e.count_uses();
        e
    }

    /// How often each value is used in this stage; registers and ports count as several uses, so that
    /// what they take has a name.
    fn count_uses(&mut self) {
        let dfg = &self.layout.staged.pipeline.dfg;
        for &inst in &self.insts {
            let data = &dfg.insts[inst];
            data.op.for_each_arg(|v| self.uses[v] += 1);
            if let Some(p) = data.pred {
                self.uses[p] += 1;
            }
        }
        let staged = self.layout.staged;
        let kept = staged.boundaries[self.stage].values.iter().copied();
        let requested =
            staged.value_ports.iter().filter(|p| p.issue.index() == self.stage).map(|p| p.entry);
        let written = (0..staged.value_ports.len()).filter_map(|n| self.written_entry(n));
        for v in kept.chain(requested).chain(written).chain(self.gate_uses()).collect::<Vec<_>>() {
            self.uses[v] += 2;
        }
    }

    fn fields_in(&self) -> &'a [Field] {
        match self.stage {
            0 => &self.layout.arrival,
            s => &self.layout.after[s - 1],
        }
    }

    /// Fields of `in` become values and window bytes.
    fn declare_inputs(&mut self) {
        for f in self.fields_in() {
            let e = self.body.signal(&format!("in.{}", f.name), f.bits);
            match f.of {
                FieldOf::Value(v) => self.exprs[v] = Some(e),
                FieldOf::Bytes { first, count } => self.bytes.define(first, count, &e),
                FieldOf::Length => {}
            }
        }
        if self.stage == 0 {
            // Nothing stands before a packet that has just arrived.
            for c in 1..=self.layout.staged.headroom as ByteCoord {
                self.bytes.define(-c, 1, &Expr::constant(0, 8));
            }
        }
    }

    pub(super) fn input(&mut self, name: &str, bits: u32, comment: &str) -> Expr {
        self.ports.push(Port::input(bits, name, comment));
        self.body.signal(name, bits)
    }

    /// As [`Self::input`], unless it is there already.
    pub(super) fn input_once(&mut self, name: &str, bits: u32, comment: &str) -> Expr {
        match self.ports.iter().any(|p| p.name == name) {
            true => Expr::signal(name, bits),
            false => self.input(name, bits, comment),
        }
    }

    pub(super) fn output(&mut self, name: &str, value: &Expr, comment: &str) {
        self.ports.push(Port::output(value.bits(), name, comment));
        self.body.assign(name, value);
    }

    fn emit_inst(&mut self, inst: Inst) {
        let data = &self.layout.staged.pipeline.dfg.insts[inst];
        if !self.is_used(inst) && !data.op.has_effect() {
            return;
        }
        self.body.at(data.src.expand());
        match &data.op {
            Op::Const(_) | Op::EntryConst { .. } | Op::Input(_) => self.check_input(inst),
            Op::PktLoad { .. } | Op::PktStore { .. } | Op::PktZero { .. } => self.emit_packet(inst),
            Op::MapLookup { .. } | Op::EntryIsNull(_) => self.emit_lookup(inst),
            Op::MapLoad { .. } | Op::MapStore { .. } | Op::MapAtomic { .. } => {
                self.emit_map_access(inst)
            }
            // Leaves with the descriptor: see `events`.
            Op::EventOutput { .. } => {}
            Op::MapInsert { .. } | Op::MapRemove { .. } | Op::MapTouch { .. } => {
                self.emit_table_change(inst)
            }
            Op::MapUpdate { .. } | Op::MapDelete { .. } => {
                unreachable!("invariant P5 of the pipeline")
            }
            Op::Bin(..)
            | Op::Cmp(..)
            | Op::Select { .. }
            | Op::Zext(_)
            | Op::Sext(_)
            | Op::Extract { .. }
            | Op::Concat(_)
            | Op::Bswap(_) => {
                if !self.emit_entry_choice(inst) {
                    self.emit_arith(inst);
                }
            }
        }
    }

    /// Trace inputs have come in as fields of stage 0; constants are written where they are used.
    fn check_input(&self, inst: Inst) {
        let data = &self.layout.staged.pipeline.dfg.insts[inst];
        debug_assert!(
            !matches!(data.op, Op::Input(i) if !matches!(i, Input::CpuId | Input::Seed))
                || self.stage == 0,
            "trace inputs are made in stage 0"
        );
    }

    /// A packet is in this stage.
    pub(super) fn valid(&mut self) -> Expr {
        match self.body.is_known("in_valid") {
            true => Expr::signal("in_valid", 1),
            false => self.body.signal("in_valid", 1),
        }
    }

    /// Says what `v` is from here on.
    pub(super) fn set_expr(&mut self, v: Value, e: Expr) {
        self.exprs[v] = Some(e);
    }

    /// The value as an operand; a folded expression is taken as it is.
    pub(super) fn operand(&mut self, v: Value) -> Expr {
        if let Some(e) = self.layout.fixed(v) {
            return e;
        }
        if let Some(f) = self.folded.remove(&v) {
            let src = self.layout.staged.pipeline.dfg.insts[f.inst].src.expand();
            self.body.also(src);
            return f.expr;
        }
        self.exprs[v].clone().expect("operands are defined before use and live where they are used")
    }

    /// The value as something that parts can be selected from.
    pub(super) fn selectable(&mut self, v: Value) -> Expr {
        if let Some(e) = self.layout.fixed(v).filter(|e| !e.is_selectable()) {
            let name = self.namer.unique(&format!("{}_here", self.layout.values[v]));
            return self.body.wire(&name, &e);
        }
        let unnamed = self.folded.get(&v).is_some_and(|f| !f.expr.is_selectable());
        if unnamed {
            let e = self.operand(v);
            let name = self.layout.values[v].clone();
            let wire = self.body.wire(&name, &e);
            self.exprs[v] = Some(wire.clone());
            return wire;
        }
        let e = self.operand(v);
        debug_assert!(e.is_selectable());
        e
    }

    /// Defines the result of `inst` as a wire of its own.
    pub(super) fn define(&mut self, inst: Inst, e: &Expr) {
        let v = self.layout.staged.pipeline.dfg.insts[inst]
            .result
            .expect("only called for operations with a result");
        // A constant that earlier passes have left is written where it is used.
        self.exprs[v] = Some(match e.as_const() {
            Some(_) => e.clone(),
            None => self.body.wire(&self.layout.values[v], e),
        });
    }

    /// True if `v` has come into this stage or been made here, and has not been folded away.
    pub(super) fn is_at_hand(&self, v: Value) -> bool {
        self.exprs[v].is_some()
    }

    /// The number that `v` always is, as far as this stage sees.
    pub(super) fn known(&self, v: Value) -> Option<u64> {
        let dfg = &self.layout.staged.pipeline.dfg;
        dfg.as_const(v).or_else(|| self.exprs[v].as_ref()?.as_const())
    }

    /// Defines the result of `inst`, without a wire where the one consumer reads better with the expression
    /// in place. `plain` expressions fold even if the program has a name for the value.
    pub(super) fn define_or_fold(&mut self, inst: Inst, e: Expr, plain: bool) {
        const LONGEST: usize = 44;
        let dfg = &self.layout.staged.pipeline.dfg;
        let v = dfg.insts[inst].result.expect("only called for operations with a result");
        let named = dfg.values[v].name.is_some();
        if e.is_selectable() && (plain || !named) {
            self.exprs[v] = Some(e);
        } else if self.uses[v] == 1 && (plain || !named) && e.text().len() <= LONGEST {
            self.folded.insert(v, Folded { expr: e, inst });
        } else {
            self.define(inst, &e);
        }
    }

    /// True if something takes the result of `inst`.
    pub(super) fn is_used(&self, inst: Inst) -> bool {
        self.layout.staged.pipeline.dfg.insts[inst].result.is_some_and(|v| self.uses[v] > 0)
    }

    /// A name for something that belongs to `inst` but is not its result.
    pub(super) fn local_name(&mut self, inst: Inst, prefix: &str, what: &str) -> String {
        let dfg = &self.layout.staged.pipeline.dfg;
        let data = &dfg.insts[inst];
        let result = data.result.filter(|_| !data.op.has_effect());
        let owner = match (result, data.src.expand()) {
            (Some(v), _) => self.layout.values[v].clone(),
            (None, Some(src)) => format!("insn{}", dfg.sources[src].pc),
            (None, None) => super::names::op_noun(&data.op).to_owned(),
        };
        let parts = [prefix, &owner, what];
        let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        self.namer.unique(&parts.join("_"))
    }

    /// Predicate of `inst`; 1 if it always executes.
    pub(super) fn predicate(&mut self, inst: Inst) -> Expr {
        match self.layout.staged.pipeline.dfg.insts[inst].pred {
            Some(p) => self.operand(p),
            None => Expr::constant(1, 1),
        }
    }

    /// `out.field <= value;` for everything that is handed on.
    fn registers(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let arrow = if self.is_before_gate() { "=" } else { "<=" };
        for f in &self.layout.after[self.stage] {
            let value = match f.of {
                FieldOf::Value(v) => self.operand(v),
                FieldOf::Bytes { first, count } => self.bytes.read(first, count),
                FieldOf::Length => self.length(),
            };
            let value = self.body.read(&value);
            lines.extend(
                super::body::assignment(&format!("out.{} {arrow}", f.name), &value)
                    .lines()
                    .map(str::to_owned),
            );
        }
        lines
    }

    /// True if a gate holds what the stage hands on.
    fn is_before_gate(&self) -> bool {
        !self.layout.gates_at(self.stage + 1).is_empty()
    }

    /// The packet's length on arrival, as this stage gets it.
    fn length(&self) -> Expr {
        let field = self.fields_in().iter().find(|f| self.layout.holds_length(f));
        let field = field.expect("every boundary holds the length");
        Expr::slice(&format!("in.{}", field.name), field.bits, 0, 16)
    }

    fn finish(self, registers: Vec<String>, options: &Options) -> StageModule {
        let layout = self.layout;
        let registered = !self.is_before_gate();
        let parameters =
            [Input::CpuId, Input::Seed].into_iter().filter(|i| self.reads_parameter(*i));
        let parameters = parameters.map(|i| options.parameter(i)).collect();
        let (mut body, unread) = self.body.finish();
        if !body.starts_with('\n') {
            body.insert(0, '\n');
        }
        let package = layout.package();
        let in_type = format!("{package}::{}", layout.in_type(self.stage));
        let out_type = format!("{package}::{}", layout.out_type(self.stage));
        let mut ports = match registered {
            true => vec![Port::input(1, "clk", ""), Port::input(1, "rst", "")],
            false => Vec::new(),
        };
        ports.extend([
            Port::input(1, "in_valid", "a packet is in this stage"),
            Port::input(1, "in_host", "a host token is in this stage"),
            Port::typed_input(&in_type, "in"),
        ]);
        ports.extend(self.ports.iter().cloned());
        ports.extend([
            Port::output(1, "out_valid", ""),
            Port::output(1, "out_host", ""),
            Port::typed_output(&out_type, "out"),
        ]);
        StageModule {
            origin: options.origin(&layout.staged.pipeline.name),
            module: layout.stage_module(self.stage),
            stage: self.stage,
            num_stages: layout.after.len(),
            parameters,
            ports: port_lines(&ports),
            map_ports: self.ports,
            body,
            registered,
            registers,
            unused: super::body::unused(&unread),
        }
    }

    /// True if an operation of this stage uses the input, one that is a parameter.
    fn reads_parameter(&self, input: Input) -> bool {
        let dfg = &self.layout.staged.pipeline.dfg;
        let mut found = false;
        for &inst in &self.insts {
            dfg.insts[inst].op.for_each_arg(|v| found |= dfg.def(v) == Some(&Op::Input(input)));
        }
        found
    }
}
