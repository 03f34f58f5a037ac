//! Maps whose keys packets change: what a stage tells the table (`bl_hash_table`) and gets from it.
//!
//! In the stage of the answers an entry is two signals, not `{hit, slot}`: where an insertion puts a key can depend on what is
//! inserted, and tools would see a loop through one vector.

use super::expr::Expr;
use super::stage::StageEmitter;
use beeline_ir::op::Op;
use beeline_ir::{Inst, MapId, Value};
use cranelift_entity::EntityRef;

/// What the packet in the stage does to a table, by probe.
#[derive(Default)]
pub(super) struct TableUse {
    /// The key is inserted.
    pub insert: Vec<Expr>,
    /// The entry is used.
    pub touch: Vec<Expr>,
}

impl StageEmitter<'_> {
    /// Declares the answer to lookup `n` of a table.
    pub(super) fn declare_answer(&mut self, n: usize) {
        let layout = self.layout;
        let port = &layout.staged.lookups[n];
        let names = &layout.answers[n];
        let map = &layout.staged.pipeline.dfg.maps[port.map].name;
        let v = layout.lookup_result(n);
        let hit = self.input(&names.hit, 1, &format!("the key is in {map}"));
        let slot = self.input(
            &names.slot,
            layout.map(port.map).slot_bits,
            "where it is, or where an insertion puts it",
        );
        self.define_entry(v, hit, slot);
    }

    /// Defines an entry by its two parts.
    pub(super) fn define_entry(&mut self, v: Value, hit: Expr, slot: Expr) {
        self.set_expr(v, Expr::concat(vec![hit.clone(), slot.clone()]));
        self.parts.insert(v, (hit, slot));
    }

    /// Is the entry there?
    pub(super) fn hit(&mut self, entry: Value) -> Expr {
        if let Some((hit, _)) = self.parts.get(&entry) {
            return hit.clone();
        }
        let entry = self.selectable(entry);
        entry.extract(entry.bits() - 1, 1)
    }

    /// Its slot.
    pub(super) fn slot(&mut self, entry: Value) -> Expr {
        if let Some((_, slot)) = self.parts.get(&entry) {
            return slot.clone();
        }
        let entry = self.selectable(entry);
        entry.extract(0, entry.bits() - 1)
    }

    /// A choice between entries, one of which came as two signals; false if it is none.
    pub(super) fn emit_entry_choice(&mut self, inst: Inst) -> bool {
        let Op::Select { cond, if_true, if_false } = self.layout.staged.pipeline.dfg.insts[inst].op
        else {
            return false;
        };
        if !self.parts.contains_key(&if_true) && !self.parts.contains_key(&if_false) {
            return false;
        }
        let v = self.layout.staged.pipeline.dfg.insts[inst].result.expect("a choice has a result");
        let cond = self.operand(cond);
        let hit = Expr::mux(&cond, &self.hit(if_true), &self.hit(if_false));
        let slot = Expr::mux(&cond, &self.slot(if_true), &self.slot(if_false));
        let name = self.layout.values[v].clone();
        let hit = self.named(&format!("{name}_hit"), &hit);
        let slot = self.named(&format!("{name}_slot"), &slot);
        self.define_entry(v, hit, slot);
        true
    }

    fn named(&mut self, hint: &str, e: &Expr) -> Expr {
        if e.is_selectable() {
            return e.clone();
        }
        let name = self.namer.unique(hint);
        self.body.wire(&name, e)
    }

    /// Emits an insertion, a removal, or a use of an entry.
    pub(super) fn emit_table_change(&mut self, inst: Inst) {
        let data = &self.layout.staged.pipeline.dfg.insts[inst];
        let pred = self.predicate(inst);
        match data.op {
            Op::MapInsert { map, entry, .. } => {
                let pred = self.named_here(inst, "insert", pred);
                for (probe, when) in self.probes_of(map, entry, pred.clone()) {
                    self.use_of(map).insert[probe] =
                        Expr::or(&self.use_of(map).insert[probe].clone(), &when);
                }
                if self.is_used(inst) {
                    let v = data.result.expect("an insertion has a result");
                    let room = self.room(map, entry);
                    let there = Expr::or(&self.hit(entry), &room);
                    let hit = Expr::and(&pred, &there);
                    let name = format!("{}_hit", self.layout.values[v]);
                    let hit = self.named(&name, &hit);
                    let slot = self.slot(entry);
                    self.define_entry(v, hit, slot);
                }
            }
            Op::MapTouch { map, entry } => {
                let pred = self.named_here(inst, "touch", pred);
                for (probe, when) in self.probes_of(map, entry, pred) {
                    self.use_of(map).touch[probe] =
                        Expr::or(&self.use_of(map).touch[probe].clone(), &when);
                }
            }
            Op::MapRemove { map, entry } => {
                let enable = Expr::and(&pred, &self.hit(entry));
                let enable = self.named_here(inst, "remove", enable);
                let slot = self.slot(entry);
                self.removals.insert(map, (enable, slot));
            }
            _ => unreachable!("not a change of keys"),
        }
    }

    /// `e` as something short enough to be used several times.
    pub(super) fn named_here(&mut self, inst: Inst, what: &str, e: Expr) -> Expr {
        if e.is_selectable() {
            return e;
        }
        let name = self.local_name(inst, "", what);
        self.body.wire(&name, &e)
    }

    fn use_of(&mut self, map: MapId) -> &mut TableUse {
        let probes = self.layout.probes(map).len();
        self.table_uses.entry(map).or_insert_with(|| TableUse {
            insert: vec![Expr::constant(0, 1); probes],
            touch: vec![Expr::constant(0, 1); probes],
        })
    }

    /// The probes of `map` that can have found `entry`, with the conditions under which they have, given `when`.
    fn probes_of(&mut self, map: MapId, entry: Value, when: Expr) -> Vec<(usize, Expr)> {
        let layout = self.layout;
        let probe = layout.probes(map).into_iter().position(|l| layout.lookup_result(l) == entry);
        if let Some(probe) = probe {
            return vec![(probe, when)];
        }
        match layout.staged.pipeline.dfg.def(entry) {
            Some(&Op::Select { cond, if_true, if_false }) => {
                let cond = self.selectable(cond);
                let other = Expr::and(&when, &Expr::not(&cond));
                let mut all = self.probes_of(map, if_true, Expr::and(&when, &cond));
                all.extend(self.probes_of(map, if_false, other));
                all
            }
            // What an insertion made is used already, and nothing is nowhere.
            _ => Vec::new(),
        }
    }

    /// Would an insertion of the key that `entry` was looked up with succeed?
    fn room(&mut self, map: MapId, entry: Value) -> Expr {
        let layout = self.layout;
        if layout.is_lru(map) {
            return Expr::constant(1, 1);
        }
        let lookup = layout.probes(map).into_iter().find(|l| layout.lookup_result(*l) == entry);
        if let Some(l) = lookup {
            let full = self.input_once(
                &layout.tables[map.index()].full,
                1,
                "no key can be inserted into it",
            );
            let room = self.input_once(&layout.answers[l].room, 1, "there is a place for the key");
            return Expr::and(&room, &Expr::not(&full));
        }
        match layout.staged.pipeline.dfg.def(entry) {
            Some(&Op::Select { cond, if_true, if_false }) => {
                let cond = self.selectable(cond);
                let (a, b) = (self.room(map, if_true), self.room(map, if_false));
                Expr::mux(&cond, &a, &b)
            }
            _ => Expr::constant(0, 1),
        }
    }

    /// What leaves for the tables in this stage.
    pub(super) fn table_outputs(&mut self) {
        let layout = self.layout;
        for (map, uses) in std::mem::take(&mut self.table_uses) {
            let names = &layout.tables[map.index()];
            let decl = &layout.staged.pipeline.dfg.maps[map].name;
            let valid = self.valid();
            let by_probe = |enables: Vec<Expr>| {
                Expr::concat(enables.iter().rev().map(|e| Expr::and(&valid, e)).collect())
            };
            if uses.insert.iter().any(|e| e.as_const() != Some(0)) {
                let comment = format!("insert the key into {decl}");
                self.output(&names.insert, &by_probe(uses.insert), &comment);
            }
            if uses.touch.iter().any(|e| e.as_const() != Some(0)) {
                let comment = format!("the entry of {decl} is used");
                self.output(&names.touch, &by_probe(uses.touch), &comment);
            }
        }
        for (map, (enable, slot)) in std::mem::take(&mut self.removals) {
            let names = &layout.tables[map.index()];
            let decl = &layout.staged.pipeline.dfg.maps[map].name;
            let enable = Expr::and(&self.valid(), &enable);
            self.output(&names.remove, &enable, &format!("take the key out of {decl}"));
            self.output(&names.remove_slot, &slot, "where it is");
        }
    }
}
