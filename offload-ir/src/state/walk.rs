//! The walk over the operations of a pipeline in program order.

use super::handle::{Element, Handle};
use super::order::topological;
use super::tables::Table;
use crate::analysis::known::ValueFacts;
use crate::diagnostic::Diagnostic;
use crate::entities::{Inst, MapId, Value};
use crate::if_convert::{remove_unused, BoolFn, Emitter};
use crate::op::Op;
use crate::pipeline::Pipeline;
use crate::ports::place_of;
use crate::schedule::deps::order_of;
use crate::Ty;
use cranelift_entity::SecondaryMap;
use std::collections::{BTreeMap, BTreeSet};

/// The state of the lowering.
pub(super) struct Walk {
    pub e: Emitter,
    /// Name of the program, for messages.
    name: String,
    pub facts: ValueFacts,
    pub tables: BTreeMap<MapId, Table>,
    /// Entries of lowered maps, by the program's values.
    handles: BTreeMap<Value, Handle>,
    replaced: SecondaryMap<Value, Option<Value>>,
    /// Probes and loads of what the packet finds: they come first.
    pub first: BTreeSet<Inst>,
    pub faults: Vec<Diagnostic>,
    /// The operation at hand, for messages.
    pub inst: Option<Inst>,
    too_complex: bool,
}

impl Walk {
    pub fn new(p: &mut Pipeline, maps: BTreeSet<MapId>) -> Self {
        let facts = ValueFacts::of_order(&p.dfg, &p.order);
        let tables = maps.into_iter().map(|map| (map, Table::new(&p.dfg.maps[map]))).collect();
        Self {
            e: Emitter::new(std::mem::take(&mut p.dfg), Vec::new()),
            name: p.name.clone(),
            facts,
            tables,
            handles: BTreeMap::new(),
            replaced: SecondaryMap::new(),
            first: BTreeSet::new(),
            faults: Vec::new(),
            inst: None,
            too_complex: false,
        }
    }

    /// Lowers `p`, which gave its operations to this walk.
    pub fn run(mut self, p: &mut Pipeline) -> Result<(), Vec<Diagnostic>> {
        for inst in std::mem::take(&mut p.order) {
            self.inst = Some(inst);
            self.e.src = self.e.dfg.insts[inst].src;
            self.convert(inst);
        }
        for map in self.tables.keys().copied().collect::<Vec<_>>() {
            self.finish_table(map);
        }
        if self.too_complex {
            let message =
                "the conditions of the program's changes to its maps are too many to be analysed";
            self.fault(
                "BL0611",
                message.into(),
                "split the program, or make fewer of its map accesses conditional",
            );
        }
        p.verdict.map_values(|v| self.current(v));
        let ordered = self.faults.is_empty() && self.put_in_order();
        p.dfg = self.e.dfg;
        p.order = self.e.order;
        if ordered {
            remove_unused(p);
            Ok(())
        } else {
            Err(self.faults)
        }
    }

    fn current(&mut self, v: Value) -> Value {
        let v = self.replaced[v].unwrap_or(v);
        self.e.canonical(v)
    }

    fn convert(&mut self, inst: Inst) {
        let mut op = self.e.dfg.insts[inst].op.clone();
        if matches!(op, Op::Const(_)) {
            return; // placed at the first use
        }
        op.map_args(|v| self.current(v));
        let pred = self.e.dfg.insts[inst].pred.map(|v| self.current(v));
        self.e.dfg.insts[inst].op = op.clone();
        self.e.dfg.insts[inst].pred = pred;
        let when = pred.map_or(BoolFn::TRUE, |v| self.e.function_of(v));
        let result = self.e.dfg.insts[inst].result;
        match self.map_of(&op).filter(|m| self.tables.contains_key(m)) {
            Some(map) => self.map_operation(inst, op, map, when, result),
            None => self.e.place(inst),
        }
    }

    /// The map that `op` accesses or whose entries it handles.
    fn map_of(&self, op: &Op) -> Option<MapId> {
        let of_entry = |v: &Value| match self.e.dfg.ty(*v) {
            Ty::Entry(map) => Some(map),
            Ty::Int(_) => None,
        };
        match op {
            Op::Select { if_true, .. } => of_entry(if_true),
            Op::EntryIsNull(entry) => of_entry(entry),
            _ => op.map(),
        }
    }

    fn map_operation(
        &mut self,
        inst: Inst,
        op: Op,
        map: MapId,
        when: BoolFn,
        result: Option<Value>,
    ) {
        let new = match op {
            Op::EntryConst { index: None, .. } => {
                let null = result.expect("entries are values");
                self.handles.insert(null, Handle::of(Element::Null, null));
                return;
            }
            Op::EntryConst { index: Some(index), .. } => {
                self.constant_entry(map, index, result.expect("entries are values"));
                return;
            }
            Op::MapLookup { key, .. } => {
                let handle = self.lookup(map, &key, when, true);
                self.handle_result(result, handle)
            }
            Op::Select { cond, if_true, if_false } => {
                let handle = self.select_entry(cond, if_true, if_false);
                self.handle_result(result, handle)
            }
            Op::EntryIsNull(entry) => {
                let handle = self.handle(entry);
                let null = self.null_of(map, &handle);
                self.value(null)
            }
            Op::MapUpdate { key, value, flags, .. } => self.update(map, &key, &value, flags, when),
            Op::MapDelete { key, .. } => self.delete(map, &key, when),
            Op::MapLoad { .. } | Op::MapStore { .. } | Op::MapAtomic { .. } => {
                match self.access(map, inst, &op, when) {
                    Some(v) => v,
                    None => return,
                }
            }
            _ => unreachable!("other operations name no map, or are made by this lowering"),
        };
        let Some(old) = result else { return };
        let name = self.e.dfg.values[old].name.clone();
        let slot = &mut self.e.dfg.values[new].name;
        *slot = slot.take().or(name);
        self.replaced[old] = Some(new);
    }

    fn handle_result(&mut self, result: Option<Value>, handle: Handle) -> Value {
        let entry = handle.entry;
        if let Some(old) = result {
            self.handles.insert(old, handle.clone());
        }
        self.handles.entry(entry).or_insert(handle);
        entry
    }

    /// Says what the entry `v` is.
    pub fn set_handle(&mut self, v: Value, handle: Handle) {
        self.handles.insert(v, handle);
    }

    /// What is known of the entry `v`.
    pub fn handle(&mut self, v: Value) -> Handle {
        if let Some(handle) = self.handles.get(&v) {
            return handle.clone();
        }
        match self.e.dfg.def(v) {
            Some(&Op::EntryConst { map, index: Some(index) }) => {
                self.constant_entry(map, index, v);
                self.handles[&v].clone()
            }
            _ => Handle::of(Element::Null, v),
        }
    }

    fn select_entry(&mut self, cond: Value, if_true: Value, if_false: Value) -> Handle {
        let when = self.e.function_of(cond);
        let (a, b) = (self.handle(if_true), self.handle(if_false));
        let unless = self.not(when);
        let mut cases: Vec<(BoolFn, Element)> = Vec::new();
        for (when, handle) in [(when, &a), (unless, &b)] {
            for &(c, element) in &handle.cases {
                let c = self.and(when, c);
                self.add_case(&mut cases, c, element);
            }
        }
        let entry = match when {
            BoolFn::TRUE => a.entry,
            BoolFn::FALSE => b.entry,
            _ if a.entry == b.entry => a.entry,
            _ => self.e.select_on(cond, a.entry, b.entry),
        };
        Handle { cases, entry }
    }

    /// Adds that the element is `element` under `when`.
    pub fn add_case(&mut self, cases: &mut Vec<(BoolFn, Element)>, when: BoolFn, element: Element) {
        if when == BoolFn::FALSE {
            return;
        }
        match cases.iter().position(|c| c.1 == element) {
            Some(n) => cases[n].0 = self.or(cases[n].0, when),
            None => cases.push((when, element)),
        }
    }

    /// Probes and first loads, then the rest; false (and a fault) if they depend on each other the other way round.
    fn put_in_order(&mut self) -> bool {
        let (first, rest): (Vec<Inst>, Vec<Inst>) =
            self.e.order.iter().partition(|i| self.first.contains(i));
        let list: Vec<Inst> = first.iter().chain(&rest).copied().collect();
        let pairs = order_of(&self.e.dfg, &list);
        let mut sorted = topological(&self.e.dfg, &list, &pairs);
        if sorted.is_none() {
            // What a probe is needed for may depend on a change; the probe itself need not wait for that.
            first.iter().for_each(|&i| self.e.dfg.insts[i].pred = None);
            sorted = topological(&self.e.dfg, &list, &pairs);
        }
        match sorted {
            Some(sorted) => self.e.order = sorted,
            None => {
                self.inst = None;
                self.fault(
                    "BL0609",
                    "which entry of a map is accessed depends on whether an insertion into the same map succeeded".into(),
                    "do not compute keys or offsets from the result of an update of the same map",
                );
            }
        }
        self.faults.is_empty()
    }

    pub fn and(&mut self, f: BoolFn, g: BoolFn) -> BoolFn {
        self.e.conditions.bdd.and(f, g)
    }

    pub fn or(&mut self, f: BoolFn, g: BoolFn) -> BoolFn {
        self.e.conditions.bdd.or(f, g)
    }

    pub fn not(&mut self, f: BoolFn) -> BoolFn {
        self.e.conditions.bdd.not(f)
    }

    /// True if `f` and `g` never hold together.
    pub fn never(&mut self, f: BoolFn, g: BoolFn) -> bool {
        self.e.conditions.exclusive(f, g)
    }

    /// A small function that equals `f` where `care` holds.
    pub fn given(&mut self, f: BoolFn, care: BoolFn) -> BoolFn {
        self.e.conditions.bdd.restrict(f, care)
    }

    /// A value that computes `f`.
    pub fn value(&mut self, f: BoolFn) -> Value {
        if self.e.conditions.bdd.has_unknown(f) {
            self.too_complex = true;
            return self.e.constant(1, 0);
        }
        self.e.value_of(f)
    }

    /// A value that computes `f & g`, made of the values of the two.
    pub fn value_of_both(&mut self, f: BoolFn, g: BoolFn) -> Value {
        let both = self.and(f, g);
        match self.e.known(both) {
            Some(v) => v,
            None if both.is_const() || both == f || both == g => self.value(both),
            None => {
                let terms = vec![self.value(f), self.value(g)];
                let v = self.e.all(terms);
                self.e.remember(both, v);
                v
            }
        }
    }

    /// `f | g`, with a value made of the values of the two.
    pub fn either(&mut self, f: BoolFn, g: BoolFn) -> BoolFn {
        let either = self.or(f, g);
        if !either.is_const() && either != f && either != g && self.e.known(either).is_none() {
            let terms = vec![self.value(f), self.value(g)];
            let v = self.e.any(terms);
            self.e.remember(either, v);
        }
        either
    }

    /// `when ? if_true : if_false`
    pub fn choose(&mut self, when: BoolFn, if_true: Value, if_false: Value) -> Value {
        if self.e.conditions.bdd.has_unknown(when) {
            self.too_complex = true;
            return if_true;
        }
        self.e.select(when, if_true, if_false)
    }

    /// A predicate for an operation that happens under `when`.
    pub fn predicate(&mut self, when: BoolFn) -> Option<Value> {
        (when != BoolFn::TRUE).then(|| self.value(when))
    }

    /// Reports that the program, at the operation at hand, cannot be laid out.
    pub fn fault(&mut self, code: &'static str, message: String, help: &str) {
        let at = self.inst.map(|i| place_of(&self.e.dfg, &self.name, i)).unwrap_or_default();
        self.faults.push(Diagnostic::error(code, message).at(at).help(help));
    }
}
