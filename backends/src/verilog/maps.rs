//! Map operations: entries, and loads and changes of rows.

use super::expr::Expr;
use super::places::Places;
use super::stage::StageEmitter;
use beeline_ir::op::{AtomicOp, Bounds, Op};
use beeline_ir::{Inst, Value};
use cranelift_entity::EntityRef;

impl StageEmitter<'_> {
    /// Emits a lookup or a test of its result. A keyed map gets its key at the end of the module; its
    /// entry comes in two stages later.
    pub(super) fn emit_lookup(&mut self, inst: Inst) {
        let dfg = &self.layout.staged.pipeline.dfg;
        match &dfg.insts[inst].op {
            Op::EntryIsNull(entry) => {
                let entry = self.selectable(*entry);
                let e = Expr::not(&entry.extract(entry.bits() - 1, 1));
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
            Op::MapStore { entry, off, bounds, value, .. } => {
                let place = self.row_place(inst, port, *off, bounds, self.layout.bits(*value));
                let new = self.operand(*value);
                self.change_row(inst, port, *entry, place, new);
            }
            Op::MapAtomic { .. } => self.emit_atomic(inst, port),
            _ => unreachable!("not a map access"),
        }
    }

    /// Is the entry there?
    fn hit(&mut self, entry: Value) -> Expr {
        let entry = self.selectable(entry);
        entry.extract(entry.bits() - 1, 1)
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
    fn row_place(
        &mut self,
        inst: Inst,
        port: usize,
        off: Value,
        bounds: &Bounds,
        bits: u32,
    ) -> RowPlace {
        let width = self.rows[&port].content.bits();
        let last = i64::from(width / 8) - i64::from(bits / 8);
        // Clamped before it is walked: unproved bounds may be astronomically wide.
        let within = Bounds { min: bounds.min.max(0), max: bounds.max.min(last), ..*bounds };
        let Some(p) = Places::covering(within.offsets()) else { return RowPlace::Constant(0) };
        if let Some(c) = p.single() {
            return RowPlace::Constant(8 * c as u32);
        }
        // Counted from the start of the row, so that the part-select needs no second vector.
        let skew = p.first & ((1 << p.stride_log2) - 1);
        let off = self.selectable(off);
        RowPlace::Variable(self.bit_position(
            inst,
            &off,
            &Places { first: skew, ..p },
            skew as u32,
            width,
        ))
    }

    /// `bits` bits of the row at `place`.
    fn row_content(&self, port: usize, place: &RowPlace, bits: u32) -> Expr {
        let row = &self.rows[&port].content;
        match place {
            RowPlace::Constant(lo) => row.extract(*lo, bits),
            RowPlace::Variable(at) => {
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
            RowPlace::Variable(at) => format!("{name}[{} +: {bits}]", self.body.read(at)),
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
enum RowPlace {
    /// Always here.
    Constant(u32),
    /// The value of this expression.
    Variable(Expr),
}
