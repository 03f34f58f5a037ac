//! Keys of a map: probes, updates, deletions, and how a later lookup sees them.

use super::codes;
use super::content::Write;
use super::handle::{Element, Handle};
use super::needs::is_lru;
use super::walk::Walk;
use crate::entities::{Inst, MapId, Value};
use crate::if_convert::BoolFn;
use crate::map::{MapDecl, MapKind};
use crate::op::{CmpOp, Op};
use crate::ports::split_alike;
use crate::Ty;
use std::collections::BTreeMap;

/// A lookup of what the packet finds.
pub(super) struct Probe {
    key: Vec<Value>,
    pub entry: Value,
    /// It finds nothing.
    pub null: BoolFn,
    /// The lookup, but for constant entries of arrays.
    inst: Option<Inst>,
    /// When its answer matters.
    when: BoolFn,
    /// When it makes the entry a recently used one, before and after the first insertion in program order.
    touched: [BoolFn; 2],
}

/// An update that creates or replaces the entry of a key.
pub(super) struct Put {
    pub probe: usize,
    /// It is executed, and the flags allow it.
    pub when: BoolFn,
    /// It inserts the key.
    miss: BoolFn,
    /// Given `when`: there was no room.
    pub full: BoolFn,
}

struct Drop {
    probe: usize,
    when: BoolFn,
    /// Where the key stands, after the packet's own updates.
    entry: Value,
    inst: Option<Inst>,
}

enum Event {
    Put(usize),
    Drop(usize),
}

/// A map that is lowered.
pub(super) struct Table {
    keyed: bool,
    lru: bool,
    /// An update writes into the element that is there.
    pub in_place: bool,
    probes: Vec<Probe>,
    by_key: BTreeMap<Vec<Value>, usize>,
    pub puts: Vec<Put>,
    drops: Vec<Drop>,
    events: Vec<Event>,
    /// The `map_insert` and the entry that it gives.
    insert: Option<(Inst, Value)>,
    /// Writes to values so far.
    pub writes: Vec<Write>,
    /// Loads of what the packet found, by probe, offset and number of bytes.
    pub loads: BTreeMap<(usize, i64, i64), (Inst, BoolFn)>,
}

impl Table {
    pub fn new(decl: &MapDecl) -> Self {
        Self {
            keyed: decl.kind.has_key_table(),
            lru: is_lru(decl.kind),
            in_place: !matches!(decl.kind, MapKind::Hash | MapKind::LruHash),
            probes: Vec::new(),
            by_key: BTreeMap::new(),
            puts: Vec::new(),
            drops: Vec::new(),
            events: Vec::new(),
            insert: None,
            writes: Vec::new(),
            loads: BTreeMap::new(),
        }
    }

    pub fn probe(&self, n: usize) -> &Probe {
        &self.probes[n]
    }
}

/// True if programs may change the keys (of arrays: replace values) of a map of that kind in hardware.
fn is_changeable(kind: MapKind) -> bool {
    matches!(
        kind,
        MapKind::Array
            | MapKind::PercpuArray
            | MapKind::Hash
            | MapKind::PercpuHash
            | MapKind::LruHash
            | MapKind::LruPercpuHash
    )
}

impl Walk {
    pub fn table(&mut self, map: MapId) -> &mut Table {
        self.tables.get_mut(&map).expect("asked for lowered maps only")
    }

    /// The probe of `key`.
    fn probe(&mut self, map: MapId, key: &[Value], when: BoolFn) -> usize {
        let n = match self.table(map).by_key.get(key) {
            Some(&n) => n,
            None => {
                let entry = self.e.op(Op::MapLookup { map, key: key.to_vec() }, Ty::Entry(map));
                let inst = self.e.dfg.maker(entry);
                self.first.extend(inst);
                let null = self.e.op(Op::EntryIsNull(entry), Ty::Int(1));
                let null = self.e.function_of(null);
                self.add_probe(
                    map,
                    Probe {
                        key: key.to_vec(),
                        entry,
                        null,
                        inst,
                        when: BoolFn::FALSE,
                        touched: [BoolFn::FALSE; 2],
                    },
                )
            }
        };
        let before = self.table(map).probes[n].when;
        self.table(map).probes[n].when = self.or(before, when);
        n
    }

    fn add_probe(&mut self, map: MapId, probe: Probe) -> usize {
        let table = self.table(map);
        let n = table.probes.len();
        table.by_key.insert(probe.key.clone(), n);
        table.probes.push(probe);
        n
    }

    /// Makes the constant entry `v` of an array known, as the probe of a constant key.
    pub fn constant_entry(&mut self, map: MapId, index: u32, v: Value) {
        let key = vec![self.e.constant(32, index.into())];
        let entry = self.e.canonical(v);
        let n = match self.table(map).by_key.get(&key) {
            Some(&n) => n,
            None => self.add_probe(
                map,
                Probe {
                    key,
                    entry,
                    null: BoolFn::FALSE,
                    inst: None,
                    when: BoolFn::TRUE,
                    touched: [BoolFn::FALSE; 2],
                },
            ),
        };
        self.set_handle(v, Handle::of(Element::Old(n), self.tables[&map].probes[n].entry));
    }

    /// The entry of `key`, as the program finds it at this point. `touches`: in LRU kinds it becomes a recently used one.
    pub fn lookup(&mut self, map: MapId, key: &[Value], when: BoolFn, touches: bool) -> Handle {
        let n = self.probe(map, key, when);
        let mut handle = Handle::of(Element::Old(n), self.table(map).probes[n].entry);
        for event in 0..self.table(map).events.len() {
            let (other, happens, element) = match self.table(map).events[event] {
                Event::Put(u) => {
                    (self.table(map).puts[u].probe, self.table(map).puts[u].when, Element::New(u))
                }
                Event::Drop(d) => {
                    (self.table(map).drops[d].probe, self.table(map).drops[d].when, Element::Null)
                }
            };
            if self.never(happens, when) {
                continue;
            }
            let equal = self.same_key(map, n, other);
            let changed = self.and(happens, equal);
            let changed = self.given(changed, when);
            let entry = match element {
                Element::New(u) => self.entry_of_put(map, u),
                _ => self.e.op(Op::EntryConst { map, index: None }, Ty::Entry(map)),
            };
            handle = self.with_case(handle, changed, Handle::of(element, entry));
        }
        if touches && self.table(map).lru {
            self.touch(map, n, when, &handle);
        }
        handle
    }

    /// `other` under `when`, else `handle`.
    fn with_case(&mut self, handle: Handle, when: BoolFn, other: Handle) -> Handle {
        let unless = self.not(when);
        let mut cases = Vec::new();
        for (outer, part) in [(unless, &handle), (when, &other)] {
            for &(c, element) in &part.cases {
                let c = self.and(outer, c);
                self.add_case(&mut cases, c, element);
            }
        }
        Handle { cases, entry: self.choose(when, other.entry, handle.entry) }
    }

    /// Notes that a lookup marks what probe `n` found, if that is what it gives.
    fn touch(&mut self, map: MapId, n: usize, when: BoolFn, handle: &Handle) {
        let old =
            handle.cases.iter().find(|c| c.1 == Element::Old(n)).map_or(BoolFn::FALSE, |c| c.0);
        let when = self.and(when, old);
        let late = usize::from(!self.table(map).puts.is_empty());
        let before = self.table(map).probes[n].touched[late];
        self.table(map).probes[n].touched[late] = self.or(before, when);
    }

    /// Holds if the keys of two probes are equal.
    pub fn same_key(&mut self, map: MapId, a: usize, b: usize) -> BoolFn {
        if a == b {
            return BoolFn::TRUE;
        }
        let (a, b) = (a.min(b), a.max(b));
        let keys =
            vec![self.table(map).probes[a].key.clone(), self.table(map).probes[b].key.clone()];
        let keys = split_alike(&mut self.e, keys);
        let mut equal = BoolFn::TRUE;
        for (&x, &y) in keys[0].iter().zip(&keys[1]) {
            if x == y {
                continue;
            }
            let known = self.facts.get(&self.e.dfg, x).meet(&self.facts.get(&self.e.dfg, y));
            let constants = (self.e.dfg.as_const(x), self.e.dfg.as_const(y));
            if known.is_empty() || matches!(constants, (Some(x), Some(y)) if x != y) {
                return BoolFn::FALSE;
            }
            let same = self.e.op(Op::Cmp(CmpOp::Eq, x, y), Ty::Int(1));
            let same = self.e.function_of(same);
            equal = self.and(equal, same);
        }
        equal
    }

    /// Holds if `handle` is null, given that it matters.
    pub fn null_of(&mut self, map: MapId, handle: &Handle) -> BoolFn {
        let mut null = BoolFn::FALSE;
        for &(when, element) in &handle.cases {
            let of_element = match element {
                Element::Null => BoolFn::TRUE,
                Element::Old(n) => self.table(map).probes[n].null,
                Element::New(u) => self.table(map).puts[u].full,
            };
            let case = self.and(when, of_element);
            null = self.or(null, case);
        }
        null
    }

    /// The entry at which the key of put `u` stands after it.
    pub fn entry_of_put(&mut self, map: MapId, u: usize) -> Value {
        let Put { probe, when, miss, .. } = self.table(map).puts[u];
        let Probe { entry, null, .. } = self.table(map).probes[probe];
        match self.table(map).insert {
            Some((_, inserted)) if miss != BoolFn::FALSE => {
                let absent = self.given(null, when);
                self.choose(absent, inserted, entry)
            }
            _ => entry,
        }
    }

    /// Lowers an update; its result code.
    pub fn update(
        &mut self,
        map: MapId,
        key: &[Value],
        value: &[Value],
        flags: Value,
        when: BoolFn,
    ) -> Value {
        if !self.check_kind(map, "updates") || !self.check_flags(map, flags) {
            return self.e.constant(64, 0);
        }
        if !self.table(map).keyed {
            return self.update_array(map, key, value, flags, when);
        }
        let handle = self.lookup(map, key, when, false);
        let present = self.null_of(map, &handle);
        let present = self.not(present);
        let (bad, refused) = self.refusals(flags, present);
        let mut allowed = self.or(bad, refused.0);
        allowed = self.or(allowed, refused.1);
        allowed = self.not(allowed);
        let u = self.put(map, key, when, allowed);
        let full = self.table(map).puts[u].full;
        let result = self.code(
            &[
                (full, codes::TOOBIG),
                (refused.0, codes::EXISTS),
                (refused.1, codes::NOENT),
                (bad, codes::INVAL),
            ],
            when,
        );
        self.write_parts(map, value, u);
        result
    }

    /// The result code: 0, or that of the last condition that holds.
    fn code(&mut self, conditions: &[(BoolFn, i64)], when: BoolFn) -> Value {
        let mut result = self.e.constant(64, 0);
        for &(condition, code) in conditions {
            let code = self.e.constant(64, code as u64);
            let condition = self.given(condition, when);
            result = self.choose(condition, code, result);
        }
        result
    }

    /// When `flags` are unknown ones; when they forbid an entry that is there, and demand one that is not.
    fn refusals(&mut self, flags: Value, present: BoolFn) -> (BoolFn, (BoolFn, BoolFn)) {
        let is = |walk: &mut Self, what: u64| match walk.e.dfg.as_const(flags) {
            Some(c) => {
                if c == what {
                    BoolFn::TRUE
                } else {
                    BoolFn::FALSE
                }
            }
            None => {
                let what = walk.e.constant(64, what);
                let is = walk.e.op(Op::Cmp(CmpOp::Eq, flags, what), Ty::Int(1));
                walk.e.function_of(is)
            }
        };
        let noexist = is(self, codes::NOEXIST);
        let exist = is(self, codes::EXIST);
        let bad = match self.e.dfg.as_const(flags) {
            Some(c) => {
                if c > codes::EXIST {
                    BoolFn::TRUE
                } else {
                    BoolFn::FALSE
                }
            }
            None => {
                let last = self.e.constant(64, codes::EXIST);
                let bad = self.e.op(Op::Cmp(CmpOp::Ult, last, flags), Ty::Int(1));
                self.e.function_of(bad)
            }
        };
        let absent = self.not(present);
        (bad, (self.and(noexist, present), self.and(exist, absent)))
    }

    /// An update of an array: the entry is there if the index is not too large.
    fn update_array(
        &mut self,
        map: MapId,
        key: &[Value],
        value: &[Value],
        flags: Value,
        when: BoolFn,
    ) -> Value {
        let handle = self.lookup(map, key, when, false);
        let outside = self.null_of(map, &handle);
        let (bad, (exists, _)) = self.refusals(flags, BoolFn::TRUE);
        let refused = self.or(bad, exists);
        let allowed = self.not(refused);
        let when_stored = self.and(when, allowed);
        let result = self
            .code(&[(exists, codes::EXISTS), (outside, codes::TOOBIG), (bad, codes::INVAL)], when);
        if when_stored != BoolFn::FALSE {
            self.write_all(map, &handle, value, when_stored, None);
        }
        result
    }

    /// Notes the update of `key` under `when & allowed`.
    fn put(&mut self, map: MapId, key: &[Value], when: BoolFn, allowed: BoolFn) -> usize {
        let n = self.probe(map, key, when);
        let happens = self.value_of_both(when, allowed);
        let happens = self.e.function_of(happens);
        let null = self.table(map).probes[n].null;
        let never_misses = self.never(happens, null);
        let miss = if never_misses { BoolFn::FALSE } else { self.miss(happens, null) };
        if miss != BoolFn::FALSE {
            self.check_insertions(map, n, happens, null);
            if self.table(map).insert.is_none() {
                let entry = self.e.op(
                    Op::MapInsert {
                        map,
                        entry: self.tables[&map].probes[n].entry,
                        key: key.to_vec(),
                    },
                    Ty::Entry(map),
                );
                let inst = self.e.dfg.maker(entry).expect("made by an operation");
                self.table(map).insert = Some((inst, entry));
            }
        }
        let full = self.full(map, miss, null, happens);
        if self.table(map).lru {
            self.touch_replaced(map, n, happens, null);
        }
        let table = self.table(map);
        table.puts.push(Put { probe: n, when: happens, miss, full });
        table.events.push(Event::Put(table.puts.len() - 1));
        table.puts.len() - 1
    }

    /// When an update that happens under `happens` inserts its key: a function that equals that on packets whose key is absent,
    /// and depends as little as possible on anything else.
    fn miss(&mut self, happens: BoolFn, null: BoolFn) -> BoolFn {
        let on_miss = self.given(happens, null);
        // The answer comes late: it is joined to what is known before.
        self.value_of_both(on_miss, null);
        self.and(on_miss, null)
    }

    /// Given `happens`: the insertion found no room.
    fn full(&mut self, map: MapId, miss: BoolFn, null: BoolFn, happens: BoolFn) -> BoolFn {
        let Table { insert, lru, .. } = *self.table(map);
        match insert {
            Some((_, inserted)) if miss != BoolFn::FALSE && !lru => {
                let full = self.e.op(Op::EntryIsNull(inserted), Ty::Int(1));
                let full = self.e.function_of(full);
                let absent = self.given(null, happens);
                self.and(absent, full)
            }
            _ => BoolFn::FALSE,
        }
    }

    /// An update of an entry that is there marks it as used, unless a lookup has done so.
    fn touch_replaced(&mut self, map: MapId, n: usize, happens: BoolFn, null: BoolFn) {
        let [early, late] = self.table(map).probes[n].touched;
        let done = self.or(early, late);
        let present = self.not(null);
        let replaces = self.and(happens, present);
        let undone = self.not(done);
        if !self.never(replaces, undone) {
            let slot = usize::from(!self.table(map).puts.is_empty());
            let before = self.table(map).probes[n].touched[slot];
            self.table(map).probes[n].touched[slot] = self.or(before, replaces);
        }
    }

    /// One packet inserts one key, and none after it deleted another one.
    fn check_insertions(&mut self, map: MapId, n: usize, happens: BoolFn, null: BoolFn) {
        let inserts = self.and(happens, null);
        for u in 0..self.table(map).puts.len() {
            let Put { probe, miss, .. } = self.table(map).puts[u];
            if probe != n && !self.never(miss, inserts) {
                self.refuse(
                    map,
                    "BL0607",
                    "may insert two keys into",
                    "update one key of the map for each packet, or use a second map",
                );
                return;
            }
        }
        for d in 0..self.table(map).drops.len() {
            let Drop { probe, when, .. } = self.table(map).drops[d];
            if probe != n && !self.never(when, happens) {
                self.refuse(
                    map,
                    "BL0608",
                    "may delete a key and then insert another one into",
                    "insert before deleting, or use a second map",
                );
                return;
            }
        }
    }

    /// What a packet deletes from an LRU map, under `when`, its insertion may have replaced already: the table cannot tell the two apart.
    fn check_replaced(&mut self, map: MapId, when: BoolFn) {
        for u in 0..self.table(map).puts.len() {
            let Put { miss, .. } = self.table(map).puts[u];
            if self.table(map).lru && !self.never(miss, when) {
                self.refuse(
                    map,
                    "BL0608",
                    "may insert a key into and delete one from the LRU",
                    "do one of them for each packet, or use a hash map",
                );
                return;
            }
        }
    }

    fn refuse(&mut self, map: MapId, code: &'static str, what: &str, help: &str) {
        let message = format!("one packet {what} map `{}`", self.e.dfg.maps[map].name);
        self.fault(code, message, help);
    }

    /// Lowers a deletion; its result code.
    pub fn delete(&mut self, map: MapId, key: &[Value], when: BoolFn) -> Value {
        if !self.check_kind(map, "deletes") {
            return self.e.constant(64, 0);
        }
        if !self.table(map).keyed {
            return self.e.constant(64, codes::INVAL as u64);
        }
        let handle = self.lookup(map, key, when, false);
        let null = self.null_of(map, &handle);
        let result = self.code(&[(null, codes::NOENT)], when);
        let n = self.probe(map, key, when);
        for d in 0..self.table(map).drops.len() {
            let other = self.table(map).drops[d].when;
            if !self.never(other, when) {
                self.refuse(
                    map,
                    "BL0607",
                    "may delete two keys from",
                    "delete one key of the map for each packet, or use a second map",
                );
                break;
            }
        }
        let inst = self.inst;
        let table = self.table(map);
        table.drops.push(Drop { probe: n, when, entry: handle.entry, inst });
        table.events.push(Event::Drop(table.drops.len() - 1));
        result
    }

    fn check_kind(&mut self, map: MapId, what: &str) -> bool {
        let kind = self.e.dfg.maps[map].kind;
        if is_changeable(kind) {
            return true;
        }
        let name = &self.e.dfg.maps[map].name;
        let message = format!(
            "the program {what} entries of map `{name}`, of kind {kind}; this has no hardware form"
        );
        self.fault("BL0606", message, "leave the keys of this map to the host, or use a hash map");
        false
    }

    fn check_flags(&mut self, map: MapId, flags: Value) -> bool {
        let known = self.facts.get(&self.e.dfg, flags);
        let lock = match self.e.dfg.as_const(flags) {
            Some(c) => c & codes::LOCK != 0,
            None => known.umax >= codes::LOCK,
        };
        if lock {
            let name = &self.e.dfg.maps[map].name;
            let message = format!("an update of map `{name}` may have flags above BPF_EXIST");
            self.fault(
                "BL0606",
                message,
                "pass BPF_ANY, BPF_NOEXIST or BPF_EXIST; BPF_F_LOCK is not needed in hardware",
            );
        }
        !lock
    }

    /// Completes the probes and changes of `map`.
    pub fn finish_table(&mut self, map: MapId) {
        self.inst = None;
        for n in 0..self.table(map).probes.len() {
            let Probe { inst, when, .. } = self.table(map).probes[n];
            if let Some(inst) = inst {
                self.e.dfg.insts[inst].pred = self.predicate(when);
            }
        }
        for (inst, when) in self.table(map).loads.values().copied().collect::<Vec<_>>() {
            self.e.dfg.insts[inst].pred = self.predicate(when);
        }
        self.place_touches(map, 0);
        self.finish_insert(map);
        self.place_touches(map, 1);
        self.place_remove(map);
    }

    fn place_touches(&mut self, map: MapId, late: usize) {
        for n in 0..self.table(map).probes.len() {
            let Probe { entry, inst, touched, .. } = self.table(map).probes[n];
            // Marked once is marked.
            let earlier = if late == 1 { touched[0] } else { BoolFn::FALSE };
            let undone = self.not(earlier);
            let when = self.and(touched[late], undone);
            if when == BoolFn::FALSE {
                continue;
            }
            self.e.src = inst.and_then(|i| self.e.dfg.insts[i].src.expand()).into();
            let pred = self.predicate(when);
            self.effect(Op::MapTouch { map, entry }, pred);
        }
    }

    /// Places an effect without result.
    pub fn effect(&mut self, op: Op, pred: Option<Value>) {
        let inst = self.e.dfg.make_inst(op, None, self.e.src);
        self.e.dfg.insts[inst].pred = pred;
        self.e.place(inst);
    }

    /// Gives the insertion its key, entry and predicate, and puts it behind the operations that make them.
    fn finish_insert(&mut self, map: MapId) {
        let Some((insert, _)) = self.table(map).insert else { return };
        self.e.src = self.e.dfg.insts[insert].src;
        let mut by_probe: BTreeMap<usize, BoolFn> = BTreeMap::new();
        for u in 0..self.table(map).puts.len() {
            let Put { probe, miss, .. } = self.table(map).puts[u];
            let before = by_probe.get(&probe).copied().unwrap_or(BoolFn::FALSE);
            let either = self.either(before, miss);
            if either != BoolFn::FALSE {
                by_probe.insert(probe, either);
            }
        }
        let keys = by_probe.keys().map(|&n| self.tables[&map].probes[n].key.clone()).collect();
        let mut keys = split_alike(&mut self.e, keys).into_iter();
        let mut chosen: Option<(BoolFn, Value, Vec<Value>)> = None;
        for (&n, &miss) in &by_probe {
            let entry = self.table(map).probes[n].entry;
            let key = keys.next().expect("one key for each probe");
            chosen = Some(match chosen {
                None => (miss, entry, key),
                Some((when, other_entry, other_key)) => {
                    let either = self.either(when, miss);
                    let this = self.given(miss, either);
                    let entry = self.choose(this, entry, other_entry);
                    let key = key
                        .into_iter()
                        .zip(other_key)
                        .map(|(a, b)| self.choose(this, a, b))
                        .collect();
                    (either, entry, key)
                }
            });
        }
        let Some((when, entry, key)) = chosen else { return };
        self.e.dfg.insts[insert].op = Op::MapInsert { map, entry, key };
        self.e.dfg.insts[insert].pred = self.predicate(when);
        self.e.order.retain(|i| *i != insert);
        self.e.place(insert);
    }

    fn place_remove(&mut self, map: MapId) {
        let mut removals: Vec<(usize, BoolFn, Value)> = Vec::new();
        let mut first = None;
        for event in 0..self.table(map).events.len() {
            match self.table(map).events[event] {
                Event::Drop(d) => {
                    let Drop { probe, when, entry, inst } = self.table(map).drops[d];
                    first = first.or(inst);
                    removals.push((probe, when, entry));
                }
                // A key that is put again after its deletion stays.
                Event::Put(u) => {
                    let Put { probe, when, .. } = self.table(map).puts[u];
                    let undone = self.not(when);
                    for removal in removals.iter_mut().filter(|r| r.0 == probe) {
                        removal.1 = self.and(removal.1, undone);
                    }
                }
            }
        }
        self.e.src = first.and_then(|i| self.e.dfg.insts[i].src.expand()).into();
        let mut chosen: Option<(BoolFn, Value)> = None;
        for (_, when, entry) in removals.into_iter().filter(|r| r.1 != BoolFn::FALSE) {
            chosen = Some(match chosen {
                None => (when, entry),
                Some((other, other_entry)) => {
                    let either = self.or(other, when);
                    let this = self.given(when, either);
                    (either, self.choose(this, entry, other_entry))
                }
            });
        }
        if let Some((when, entry)) = chosen {
            self.check_replaced(map, when);
            let pred = self.predicate(when);
            self.effect(Op::MapRemove { map, entry }, pred);
        }
    }
}
