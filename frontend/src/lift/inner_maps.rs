//! Maps in maps: which inner maps there are, and where, is known when the program is compiled.
//!
//! An inner map is a map like others, numbered behind those of the object. The lookup in the outer map becomes a comparison with the
//! keys that are there; its result is the number of the inner map plus one, or 0. What is then done with "the inner map" is done with each that it can be,
//! with the null entry in all but the one.

use super::helpers::holds_values;
use super::ssa::Var;
use super::{map_id, Lift};
use crate::facts::PtrKind;
use crate::insn::Reg;
use beeline_ir::dfg::{low_mask, Ty};
use beeline_ir::entities::{MapId, Value};
use beeline_ir::op::{BinOp, CmpOp, Op};
use std::collections::BTreeSet;

/// Inner maps that one outer map may have.
const MAX_INNER: usize = 32;

/// Where a pointer is.
#[derive(Clone, Copy)]
pub(super) enum Holder {
    /// Register `1` of frame `0`.
    Reg(u32, u8),
    /// 8-byte slot `1` of the stack of frame `0`.
    Slot(u32, u16),
}

impl Holder {
    fn entry(self) -> Var {
        match self {
            Holder::Reg(depth, r) => Var::RegEntry(depth, r),
            Holder::Slot(depth, slot) => Var::StackEntry(depth, slot),
        }
    }

    fn inner(self, n: usize) -> Var {
        match self {
            Holder::Reg(depth, r) => Var::RegInner(depth, r, n as u8),
            Holder::Slot(depth, slot) => Var::StackInner(depth, slot, n as u8),
        }
    }
}

impl Lift<'_> {
    /// The variables that hold the entry of a pointer of this kind: one for each map into which it can point.
    pub(super) fn entry_vars(&self, kind: PtrKind, holder: Holder) -> Vec<(Var, MapId)> {
        match kind {
            PtrKind::MapValue(m) => vec![(holder.entry(), map_id(m))],
            PtrKind::InnerMapValue(outer) => {
                let maps = self.inner_maps(outer).into_iter().enumerate();
                maps.map(|(n, m)| (holder.inner(n), m)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Copies the entries of a pointer of this kind.
    pub(super) fn copy_entries(&mut self, kind: PtrKind, from: Holder, to: Holder) {
        let pairs = self.entry_vars(kind, from).into_iter().zip(self.entry_vars(kind, to));
        for ((from, map), (to, _)) in pairs {
            let e = self.b.read_entry(from, map);
            self.b.write(to, e);
        }
    }

    /// `holder` holds a number, or a pointer to something else than an entry.
    pub(super) fn clear_entries(&mut self, holder: Holder) {
        self.b.clear_entry(holder.entry());
        for n in 0..self.most_inner {
            self.b.clear_entry(holder.inner(n));
        }
    }

    /// Most inner maps that an outer map has.
    pub(super) fn count_inner(&mut self) {
        let outers: BTreeSet<usize> = self.wiring.inner_slots.keys().map(|(m, _)| *m).collect();
        self.most_inner = outers.into_iter().map(|m| self.inner_maps(m).len()).max().unwrap_or(0);
    }

    /// The inner maps of `outer`, each once, ascending.
    fn inner_maps(&self, outer: usize) -> Vec<MapId> {
        let slots = self.wiring.inner_slots.iter().filter(|((m, _), _)| *m == outer);
        let maps: BTreeSet<usize> = slots.map(|(_, inner)| *inner).collect();
        maps.into_iter().take(MAX_INNER).map(map_id).collect()
    }

    /// A lookup in a map of maps: r0 becomes the number of the inner map plus one, or 0.
    pub(super) fn outer_lookup(&mut self, outer: MapId, key_size: u32) {
        let Some(place) = self.place(Reg(2), 0) else { return };
        let Some(key) = self.load_bytes(place, key_size) else { return };
        let outer = outer.as_u32() as usize;
        let slots: Vec<(Vec<u8>, usize)> = self
            .wiring
            .inner_slots
            .iter()
            .filter(|((m, _), _)| *m == outer)
            .map(|((_, key), inner)| (key.clone(), *inner))
            .collect();
        let different: BTreeSet<usize> = slots.iter().map(|(_, inner)| *inner).collect();
        if different.len() > MAX_INNER {
            let name = &self.program.maps[outer].name;
            self.refuse(
                "BL0418",
                format!("`{name}` holds {} maps; each is a memory of its own in hardware, and {MAX_INNER} is the limit", different.len()),
                "use one map whose key begins with the number of the inner map",
            );
        }
        let mut found = self.b.iconst(0, 64);
        for (bytes, inner) in slots {
            let here = self.key_is(&key, &bytes);
            let number = self.b.iconst(inner as u64 + 1, 64);
            found = self.b.select(here, number, found);
        }
        self.set_reg(Reg::R0, found);
    }

    /// `i1`: the parts `key` are the bytes `wanted`.
    fn key_is(&mut self, key: &[Value], wanted: &[u8]) -> Value {
        let mut all = None;
        let mut at = 0;
        for &part in key {
            let bits = self.b.dfg().bits(part);
            let mut word = [0; 8];
            let len = usize::from(bits / 8).min(wanted.len() - at);
            word[..len].copy_from_slice(&wanted[at..at + len]);
            at += len;
            let c = self.b.iconst(u64::from_le_bytes(word) & low_mask(bits), bits);
            let same = self.b.cmp(CmpOp::Eq, part, c);
            all = Some(match all {
                Some(before) => self.b.bin(BinOp::And, before, same),
                None => same,
            });
        }
        match all {
            Some(v) => v,
            None => self.b.iconst(1, 1),
        }
    }

    /// The inner maps that r1 can be, each with the condition (`i1`) for it.
    fn choices(&mut self, outer: usize) -> Vec<(MapId, Value)> {
        let number = self.reg(Reg(1));
        let mut choices = Vec::new();
        for map in self.inner_maps(outer) {
            let c = self.b.iconst(u64::from(map.as_u32()) + 1, 64);
            let chosen = self.b.cmp(CmpOp::Eq, number, c);
            choices.push((map, chosen));
        }
        choices
    }

    fn inner_key(&mut self, outer: usize, map: MapId) -> Option<Vec<Value>> {
        let decl = &self.b.dfg().maps[map];
        let (kind, key_size) = (decl.kind, decl.key_size);
        if !holds_values(kind) {
            let name = &self.program.maps[outer].name;
            self.refuse(
                "BL0411",
                format!("inner maps of `{name}`: maps of type {kind} have no hardware form here"),
                "use an array or a hash map",
            );
            return None;
        }
        let place = self.place(Reg(2), 0)?;
        self.load_bytes(place, key_size)
    }

    /// A lookup in an inner map.
    pub(super) fn inner_lookup(&mut self, outer: usize) {
        let choices = self.choices(outer);
        self.set_scalar_zero(Reg::R0);
        for (n, (map, chosen)) in choices.into_iter().enumerate() {
            let Some(key) = self.inner_key(outer, map) else { return };
            let entry = self.b.emit(Op::MapLookup { map, key }, Ty::Entry(map));
            let null = self.b.emit(Op::EntryConst { map, index: None }, Ty::Entry(map));
            let entry = self.b.select(chosen, entry, null);
            self.b.write(Holder::Reg(self.depth, 0).inner(n), entry);
        }
    }

    /// An update of an inner map.
    pub(super) fn inner_update(&mut self, outer: usize) -> Option<Value> {
        let flags = self.number(Reg(4));
        let mut result = self.b.iconst(0, 64);
        for (map, chosen) in self.choices(outer) {
            let key = self.inner_key(outer, map)?;
            let size = self.b.dfg().maps[map].value_size;
            let place = self.place(Reg(3), 0)?;
            let value = self.load_bytes(place, size)?;
            result = self.b.emit_if(chosen, Op::MapUpdate { map, key, value, flags }, result);
        }
        Some(result)
    }

    /// A deletion from an inner map.
    pub(super) fn inner_delete(&mut self, outer: usize) -> Option<Value> {
        let mut result = self.b.iconst(0, 64);
        for (map, chosen) in self.choices(outer) {
            let key = self.inner_key(outer, map)?;
            result = self.b.emit_if(chosen, Op::MapDelete { map, key }, result);
        }
        Some(result)
    }
}
