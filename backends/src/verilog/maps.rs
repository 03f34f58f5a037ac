//! Map operations: entries, and loads and changes of rows.

use super::body::Body;
use super::expr::Expr;
use super::places::Places;
use super::rows::store_places;
use super::stage::{Row, StageEmitter};
use beeline_ir::op::{AtomicOp, Bounds, Op};
use beeline_ir::{Inst, Value};
use cranelift_entity::EntityRef;

impl StageEmitter<'_> {
    /// Rows and entries that arrive from the maps in this stage.
    pub(super) fn declare_map_inputs(&mut self) {
        let staged = self.layout.staged;
        let dfg = &staged.pipeline.dfg;
        for (n, port) in staged.value_ports.iter().enumerate() {
            if self.layout.row_stage(n) == self.stage && self.layout.reads_row(n) {
                let bits = 8 * self.layout.row_bytes(n);
                let name = &self.layout.value_ports[n].row;
                let content =
                    self.input(name, bits, &format!("row of {}", dfg.maps[port.map].name));
                self.rows
                    .insert(n, Row { content, written: Expr::constant(0, 1), enables: Vec::new() });
            }
        }
        for (n, port) in staged.lookups.iter().enumerate() {
            if self.layout.answer_stage(n) != self.stage {
                continue;
            }
            if self.layout.map(port.map).table {
                self.declare_answer(n);
                continue;
            }
            let v = self.layout.lookup_result(n);
            let comment = format!("{{hit, slot}} from {}", dfg.maps[port.map].name);
            let e = self.input(&self.layout.values[v], self.layout.bits(v), &comment);
            self.set_expr(v, e);
        }
    }

    /// Keys, slots and changed rows that leave for the maps in this stage.
    pub(super) fn map_outputs(&mut self) {
        let staged = self.layout.staged;
        let dfg = &staged.pipeline.dfg;
        let mut first = true;
        let mut heading = |body: &mut Body| {
            if std::mem::take(&mut first) {
                body.push("");
                body.push("// To the maps.");
            }
        };
        for (n, port) in staged.lookups.iter().enumerate() {
            if port.issue.index() == self.stage {
                heading(&mut self.body);
                let Op::MapLookup { key, .. } = &dfg.insts[port.inst].op else { continue };
                let parts = key.iter().rev().map(|v| self.operand(*v)).collect();
                let comment = format!("key for {}", dfg.maps[port.map].name);
                self.output(&self.layout.key_ports[n].clone(), &Expr::concat(parts), &comment);
            }
        }
        for (n, port) in staged.value_ports.iter().enumerate() {
            let names = &self.layout.value_ports[n];
            let map = &dfg.maps[port.map].name;
            if port.issue.index() == self.stage {
                heading(&mut self.body);
                let slot = self.row_index(n, port.entry);
                self.output(&names.slot, &slot, &format!("row wanted from {map}"));
            }
            if let Some(row) = self.rows.remove(&n).filter(|_| self.layout.port_writes(n)) {
                if self.layout.is_late(n) {
                    continue;
                }
                heading(&mut self.body);
                self.output(&names.row_next, &row.content, &format!("changed row of {map}"));
                let valid = self.valid();
                let write = Expr::and(&valid, &row.written);
                self.output(&names.write, &write, &format!("write it to {map}"));
            }
            if let Some(entry) = self.written_entry(n) {
                let slot = self.row_index(n, entry);
                self.output(&names.write_slot, &slot, "where it is");
            }
        }
        self.late_outputs();
    }

    /// The entry whose row value port `n` changes in this stage, if its slot has to be said.
    pub(super) fn written_entry(&self, n: usize) -> Option<Value> {
        let layout = self.layout;
        let port = &layout.staged.value_ports[n];
        let dfg = &layout.staged.pipeline.dfg;
        if port.commit.index() != self.stage || !layout.says_index(n) {
            return None;
        }
        port.accesses.iter().find_map(|i| match dfg.insts[*i].op {
            Op::MapStore { entry, .. } | Op::MapAtomic { entry, .. } => Some(entry),
            _ => None,
        })
    }

    /// Where the row of `entry` is in the memory of value port `n`.
    fn row_index(&mut self, n: usize, entry: Value) -> Expr {
        let group = self.layout.row_group(n);
        let bits = group.index_bits();
        if group.hi - group.lo == 1 {
            return Expr::constant(0, 1);
        }
        let slot = self.slot(entry);
        if let Some(slot) = slot.as_const() {
            return Expr::constant(slot.wrapping_sub(group.lo), bits);
        }
        let slot = slot.extract(0, bits);
        match group.lo {
            0 => slot,
            lo => Expr::binary("-", &slot, &Expr::constant(lo, bits)),
        }
    }

    /// Emits a lookup or a test of its result. A keyed map gets its key at the end of the module; its
    /// entry comes in two stages later.
    pub(super) fn emit_lookup(&mut self, inst: Inst) {
        let dfg = &self.layout.staged.pipeline.dfg;
        match &dfg.insts[inst].op {
            Op::EntryIsNull(entry) => {
                let e = Expr::not(&self.hit(*entry));
                self.define_or_fold(inst, e, false);
            }
            Op::MapLookup { map, key } if !dfg.maps[*map].kind.has_key_table() => {
                let layout = &self.layout.maps[map.index()];
                let index = self.array_index(inst, key);
                // An index that is too narrow to miss is not compared.
                let hit = match layout.rows.checked_shr(index.bits()).unwrap_or(0) {
                    0 => {
                        let limit = Expr::constant(layout.rows, index.bits()).as_count();
                        Expr::compare("<", &index, &limit)
                    }
                    _ => Expr::constant(1, 1),
                };
                self.define(inst, &Expr::concat(vec![hit, index.resize(layout.slot_bits)]));
            }
            _ => {}
        }
    }

    /// The index of an array map, as something that parts can be selected from, without leading zeros.
    fn array_index(&mut self, inst: Inst, key: &[Value]) -> Expr {
        let dfg = &self.layout.staged.pipeline.dfg;
        if let [single] = key {
            return match dfg.def(*single) {
                Some(Op::Zext(inner)) if self.is_at_hand(*inner) => self.selectable(*inner),
                _ => self.selectable(*single),
            };
        }
        let parts = key.iter().rev().map(|v| self.operand(*v)).collect();
        let index = Expr::concat(parts);
        if index.is_selectable() {
            return index;
        }
        let name = self.local_name(inst, "", "index");
        self.body.wire(&name, &index)
    }

    /// Emits a load or a change of a row.
    pub(super) fn emit_map_access(&mut self, inst: Inst) {
        let staged = self.layout.staged;
        let port = staged.value_ports.iter().position(|p| p.accesses.contains(&inst));
        let port = port.expect("every access of a value belongs to a port");
        match &staged.pipeline.dfg.insts[inst].op {
            Op::MapLoad { entry, off, bounds, .. } => {
                self.load_row(inst, port, *entry, *off, bounds)
            }
            Op::MapStore { .. } if self.layout.is_late(port) => self.store_late(inst, port),
            Op::MapStore { entry, off, bounds, value, .. } => {
                let place = self.row_place(inst, port, *off, bounds, self.layout.bits(*value));
                let new = self.operand(*value);
                self.change_row(inst, port, *entry, place, new);
            }
            Op::MapAtomic { .. } => self.emit_atomic(inst, port),
            _ => unreachable!("not a map access"),
        }
    }

    fn load_row(&mut self, inst: Inst, port: usize, entry: Value, off: Value, bounds: &Bounds) {
        let v = self.layout.staged.pipeline.dfg.insts[inst].result.expect("a load has a result");
        let bits = self.layout.bits(v);
        let place = self.row_place(inst, port, off, bounds, bits);
        let content = self.row_content(port, &place, bits);
        let hit = self.hit(entry);
        self.define(inst, &Expr::mux(&hit, &content, &Expr::zero(bits)));
    }

    /// Where in the row an access is.
    pub(super) fn row_place(
        &mut self,
        inst: Inst,
        port: usize,
        off: Value,
        bounds: &Bounds,
        bits: u32,
    ) -> RowPlace {
        let row = self.layout.row_bytes(port);
        let (width, size) = (8 * row, i64::from(bits / 8));
        let Some(p) = store_places(bounds, row.into(), size) else { return RowPlace::Constant(0) };
        if let Some(c) = p.single() {
            return RowPlace::Constant(8 * c as u32);
        }
        // Counted from the start of the row, so that the part-select needs no second vector.
        let skew = p.first & ((1 << p.stride_log2) - 1);
        let off = self.selectable(off);
        let p = Places { first: skew, ..p };
        let index = self.place_index(inst, &off, &p);
        let within = |bits: u32, n: i64| Expr::constant(n as u64, p.stride_log2 + bits);
        let at = Expr::concat(vec![index.clone(), within(3, 8 * skew)]);
        let at = at.zext(super::places::bits_for(u64::from(width) - 1));
        let byte = match p.stride_log2 {
            0 => index,
            _ => Expr::concat(vec![index, within(0, skew)]),
        };
        RowPlace::Variable { at, byte }
    }

    /// `bits` bits of the row at `place`.
    fn row_content(&self, port: usize, place: &RowPlace, bits: u32) -> Expr {
        let row = &self.rows[&port].content;
        match place {
            RowPlace::Constant(lo) => row.extract(*lo, bits),
            RowPlace::Variable { at, .. } => {
                Expr::closed(format!("{}[{} +: {bits}]", row.text(), at.text()), bits, &[row, at])
            }
        }
    }

    /// Replaces the content of the row at `place` by `new`, if the predicate holds and the entry is there.
    fn change_row(&mut self, inst: Inst, port: usize, entry: Value, place: RowPlace, new: Expr) {
        let hit = self.hit(entry);
        let pred = self.predicate(inst);
        let enable = self.change_enable(inst, port, Expr::and(&pred, &hit));
        let row = self.rows[&port].content.clone();
        let name = self.local_name(inst, &self.layout.value_ports[port].row.clone(), "");
        let bits = new.bits();
        let target = match &place {
            RowPlace::Constant(_) if bits == row.bits() => name.clone(),
            RowPlace::Constant(lo) => format!("{name}[{}:{lo}]", lo + bits - 1),
            RowPlace::Variable { at, .. } => format!("{name}[{} +: {bits}]", self.body.read(at)),
        };
        let store = format!("{target} = {};", self.body.read(&new));
        let mut statements = Vec::new();
        // The memory is told separately whether to write; only accesses that follow in this stage need the old row.
        let certain = self.changes_together(port);
        if target == name && certain {
            statements.push(store);
        } else {
            statements.push(format!("{name} = {};", self.body.read(&row)));
            let always = Expr::constant(1, 1);
            let guard = if certain { &always } else { &enable };
            statements.push(self.guarded(guard, &store));
        }
        let content = self.body.comb(&name, row.bits(), &statements);
        let row = self.rows.get_mut(&port).expect("looked up above");
        row.content = content;
        if row.written != enable {
            row.written = Expr::or(&row.written, &enable);
        }
    }

    /// A wire for "this change happens"; changes under one condition share it.
    fn change_enable(&mut self, inst: Inst, port: usize, condition: Expr) -> Expr {
        if condition.is_selectable() {
            return condition;
        }
        let known = self.rows[&port].enables.iter().find(|(c, _)| *c == condition);
        if let Some((_, wire)) = known {
            return wire.clone();
        }
        let name = self.local_name(inst, "", "write");
        let wire = self.body.wire(&name, &condition);
        let row = self.rows.get_mut(&port).expect("the port of an access in this stage");
        row.enables.push((condition, wire.clone()));
        wire
    }

    /// True if the changes of the port happen all or none, and nothing in the stage looks at a changed row: the
    /// write enable alone then decides whether they count, and the changes themselves need no condition.
    fn changes_together(&self, port: usize) -> bool {
        let staged = self.layout.staged;
        let dfg = &staged.pipeline.dfg;
        let accesses = &staged.value_ports[port].accesses;
        let mut changes = accesses.iter().skip_while(|i| !dfg.insts[**i].op.has_effect());
        let condition = |i: Inst| match &dfg.insts[i].op {
            Op::MapStore { entry, .. } | Op::MapAtomic { entry, .. } => {
                Some((dfg.insts[i].pred, *entry))
            }
            _ => None,
        };
        let Some(&first) = changes.next() else { return false };
        changes.all(|i| condition(*i) == condition(first) && !self.is_used(*i))
    }

    fn emit_atomic(&mut self, inst: Inst, port: usize) {
        let dfg = &self.layout.staged.pipeline.dfg;
        let Op::MapAtomic { op, entry, off, bounds, value, expected, .. } = &dfg.insts[inst].op
        else {
            unreachable!("an atomic operation")
        };
        let bits = self.layout.bits(*value);
        let place = self.row_place(inst, port, *off, bounds, bits);
        let content = self.row_content(port, &place, bits);
        let old = content;
        if self.is_used(inst) {
            let hit = self.hit(*entry);
            self.define(inst, &Expr::mux(&hit, &old, &Expr::zero(bits)));
        }
        let value = self.operand(*value);
        let new = match op {
            AtomicOp::Add => Expr::binary("+", &old, &value),
            AtomicOp::Or => Expr::binary("|", &old, &value),
            AtomicOp::And => Expr::binary("&", &old, &value),
            AtomicOp::Xor => Expr::binary("^", &old, &value),
            AtomicOp::Xchg => value,
            AtomicOp::CmpXchg => {
                let expected =
                    self.operand(expected.expect("compare-and-exchange has an expected value"));
                Expr::mux(&Expr::compare("==", &old, &expected), &value, &old)
            }
        };
        self.change_row(inst, port, *entry, place, new);
    }
}

/// Position of an access in its row, in bits.
#[allow(clippy::large_enum_variant, reason = "lives within one expression")]
pub(super) enum RowPlace {
    /// Always here.
    Constant(u32),
    /// The value of `at`; `byte` says the same in bytes.
    Variable {
        /// In bits.
        at: Expr,
        /// In bytes.
        byte: Expr,
    },
}
