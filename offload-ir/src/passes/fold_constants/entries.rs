//! Map entries: lookups in arrays, null checks, constant data.

use super::{op, Folder, Simpler};
use crate::dfg::Ty;
use crate::entities::{MapId, Value};
use crate::map::MapKind;
use crate::op::{CmpOp, Op};

impl Folder<'_> {
    /// An array whose entries always exist.
    fn is_plain_array(&self, map: MapId) -> bool {
        matches!(self.dfg.maps[map].kind, MapKind::Array | MapKind::PercpuArray)
    }

    /// The index that a key in memory order is.
    fn index(&mut self, key: &[Value]) -> Option<Value> {
        let bits: u32 = key.iter().map(|k| u32::from(self.dfg.bits(*k))).sum();
        match key {
            _ if bits != 32 => None,
            [only] => Some(*only),
            _ => Some(self.emit(Op::Concat(key.to_vec()), Ty::Int(32))),
        }
    }

    /// A lookup of a constant index.
    pub(super) fn lookup(&mut self, map: MapId, key: &[Value]) -> Option<Simpler> {
        if !self.is_plain_array(map) || key.iter().any(|k| self.as_const(*k).is_none()) {
            return None;
        }
        let index = self.index(key)?;
        let index = self.as_const(index)? as u32;
        let index = Some(index).filter(|i| *i < self.dfg.maps[map].max_entries);
        op(Op::EntryConst { map, index })
    }

    pub(super) fn is_null(&mut self, entry: Value) -> Option<Simpler> {
        match self.dfg.def(entry)?.clone() {
            Op::EntryConst { index, .. } => op(Op::Const(u64::from(index.is_none()))),
            // Every index below the size has an entry.
            Op::MapLookup { map, key } if self.is_plain_array(map) => {
                let index = self.index(&key)?;
                let size = self.constant(32, u64::from(self.dfg.maps[map].max_entries));
                let inside = self.emit(Op::Cmp(CmpOp::Ult, index, size), Ty::Int(1));
                op(self.not(inside))
            }
            Op::Select { cond, if_true, if_false } => {
                let known = |v: Value| matches!(self.dfg.def(v), Some(Op::EntryConst { .. }));
                if !known(if_true) && !known(if_false) {
                    return None;
                }
                let if_true = self.emit(Op::EntryIsNull(if_true), Ty::Int(1));
                let if_false = self.emit(Op::EntryIsNull(if_false), Ty::Int(1));
                op(Op::Select { cond, if_true, if_false })
            }
            _ => None,
        }
    }

    /// A load from the null entry, or from data that never changes.
    pub(super) fn map_load(
        &mut self,
        map: MapId,
        entry: Value,
        off: Value,
        bits: u8,
    ) -> Option<Simpler> {
        let Some(Op::EntryConst { index, .. }) = self.dfg.def(entry) else {
            return None;
        };
        if index.is_none() {
            return op(Op::Const(0));
        }
        let decl = &self.dfg.maps[map];
        let data = decl.initial.as_ref().filter(|_| decl.frozen && *index == Some(0))?;
        let start = usize::try_from(self.as_const(off)?).ok()?;
        let bytes = data.get(start..start + usize::from(bits) / 8)?;
        op(Op::Const(bytes.iter().rev().fold(0, |all, b| all << 8 | u64::from(*b))))
    }
}
