//! Operations of the IR in flat form: operands are positions in the value table, widths are resolved.

use super::state::State;
use beeline_ir::dfg::{low_mask, Dfg, InstData};
use beeline_ir::entities::{Inst, MapId, Value};
use beeline_ir::op::{AtomicOp, BinOp, CmpOp, Input, Op};
use std::collections::BTreeSet;

/// Position in the value table: the number of the `Value`.
pub(super) type Index = u32;

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// For messages.
    pub inst: Inst,
    /// Skipped, with result 0, if this value is 0.
    pub pred: Option<Index>,
    /// Where the result goes; unused by stores.
    pub dst: Index,
    /// What is done.
    pub action: Action,
}

/// What a step does. `n` is a number of bytes.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Input(Input),
    Bin(BinOp, u8, Index, Index),
    Cmp(CmpOp, u8, Index, Index),
    Select {
        cond: Index,
        if_true: Index,
        if_false: Index,
    },
    Copy(Index),
    Sext {
        value: Index,
        bits: u8,
        mask: u64,
    },
    Extract {
        value: Index,
        lo: u8,
        mask: u64,
    },
    /// Values with the position of their lowest bit.
    Concat(Box<[(Index, u8)]>),
    Bswap(Index, u8),
    PktLoad {
        base: Index,
        off: Index,
        n: u8,
    },
    PktStore {
        base: Index,
        off: Index,
        value: Index,
        n: u8,
    },
    PktZero {
        from: Index,
        to: Index,
    },
    /// Key parts with their sizes in bytes. `uses`: what is found counts as used, in LRU kinds.
    Lookup {
        map: usize,
        key: Box<[(Index, u8)]>,
        uses: bool,
    },
    /// As `Lookup`, with the value and the flags.
    Update {
        map: usize,
        key: Box<[(Index, u8)]>,
        value: Box<[(Index, u8)]>,
        flags: Index,
    },
    Delete {
        map: usize,
        key: Box<[(Index, u8)]>,
    },
    /// As `Lookup`, with what was found.
    Insert {
        map: usize,
        entry: Index,
        key: Box<[(Index, u8)]>,
    },
    Remove {
        map: usize,
        entry: Index,
    },
    Touch {
        map: usize,
        entry: Index,
    },
    IsNull(Index),
    MapLoad {
        map: usize,
        entry: Index,
        off: Index,
        n: u8,
    },
    MapStore {
        map: usize,
        entry: Index,
        off: Index,
        value: Index,
        n: u8,
    },
    Atomic {
        op: AtomicOp,
        map: usize,
        entry: Index,
        off: Index,
        value: Index,
        expected: Option<Index>,
        n: u8,
    },
    /// Record parts with their sizes in bytes; how many bytes are sent, and whether.
    Event {
        map: usize,
        data: Box<[(Index, u8)]>,
        len: Index,
        when: Index,
    },
}

/// Collects the steps of a program. Constants become initial values instead of steps.
pub(super) struct Flattener<'a> {
    dfg: &'a Dfg,
    pub steps: Vec<Step>,
    values: Vec<u64>,
    /// Maps of which a lowered pipeline says with operations of their own what is used.
    lowered: BTreeSet<MapId>,
}

impl<'a> Flattener<'a> {
    pub fn new(dfg: &'a Dfg) -> Self {
        let (steps, values) = (Vec::new(), vec![0; dfg.values.len()]);
        Self { dfg, steps, values, lowered: BTreeSet::new() }
    }

    /// Prepares for the operations `order` of a pipeline. A map that one of them inserts into, removes from or touches
    /// is in lowered form, in which lookups only look.
    pub fn for_pipeline(dfg: &'a Dfg, order: &[Inst]) -> Self {
        let lowered = order.iter().filter_map(|&inst| match dfg.insts[inst].op {
            Op::MapInsert { map, .. } | Op::MapRemove { map, .. } | Op::MapTouch { map, .. } => {
                Some(map)
            }
            _ => None,
        });
        Self { lowered: lowered.collect(), ..Self::new(dfg) }
    }

    pub fn finish(self) -> (Vec<Step>, State) {
        let longest = self.dfg.maps.values().map(|m| m.value_size as usize).max().unwrap_or(0);
        (self.steps, State::new(self.values, longest))
    }

    /// Appends `inst`.
    pub fn inst(&mut self, inst: Inst) {
        let data = &self.dfg.insts[inst];
        let constant = match &data.op {
            Op::Const(c) => Some(*c),
            Op::EntryConst { index, .. } => Some(index.map_or(0, |i| u64::from(i) + 1)),
            _ => None,
        };
        let dst = data.result.map_or(0, Value::as_u32);
        match constant {
            Some(c) => self.values[dst as usize] = c,
            None => {
                let (pred, action) = (data.pred.map(Value::as_u32), self.action(data));
                self.steps.push(Step { inst, pred, dst, action });
            }
        }
    }

    fn bytes(&self, v: Value) -> u8 {
        self.dfg.bits(v) / 8
    }

    fn action(&self, data: &InstData) -> Action {
        let result_bits = data.result.and_then(|r| self.dfg.ty(r).bits()).unwrap_or(64);
        let (mask, n) = (low_mask(result_bits), result_bits / 8);
        let i = |v: &Value| v.as_u32();
        match &data.op {
            Op::Const(_) | Op::EntryConst { .. } => unreachable!("constants are no steps"),
            Op::Input(input) => Action::Input(*input),
            Op::Bin(op, a, b) => Action::Bin(*op, result_bits, i(a), i(b)),
            Op::Cmp(op, a, b) => Action::Cmp(*op, self.dfg.bits(*a), i(a), i(b)),
            Op::Select { cond, if_true, if_false } => {
                Action::Select { cond: i(cond), if_true: i(if_true), if_false: i(if_false) }
            }
            Op::Zext(a) => Action::Copy(i(a)),
            Op::Sext(a) => Action::Sext { value: i(a), bits: self.dfg.bits(*a), mask },
            Op::Extract { value, lo } => Action::Extract { value: i(value), lo: *lo, mask },
            Op::Concat(parts) => Action::Concat(self.positions(parts)),
            Op::Bswap(a) => Action::Bswap(i(a), result_bits),
            Op::PktLoad { base, off, .. } => Action::PktLoad { base: i(base), off: i(off), n },
            Op::PktStore { base, off, value, .. } => Action::PktStore {
                base: i(base),
                off: i(off),
                value: i(value),
                n: self.bytes(*value),
            },
            Op::PktZero { from, to } => Action::PktZero { from: i(from), to: i(to) },
            Op::MapLookup { map, key } => {
                let uses = !self.lowered.contains(map);
                Action::Lookup { map: map.as_u32() as usize, key: self.sized(key), uses }
            }
            Op::MapDelete { map, key } => {
                Action::Delete { map: map.as_u32() as usize, key: self.sized(key) }
            }
            Op::MapUpdate { map, key, value, flags } => Action::Update {
                map: map.as_u32() as usize,
                key: self.sized(key),
                value: self.sized(value),
                flags: i(flags),
            },
            Op::MapInsert { map, entry, key } => {
                Action::Insert { map: map.as_u32() as usize, entry: i(entry), key: self.sized(key) }
            }
            Op::MapRemove { map, entry } => {
                Action::Remove { map: map.as_u32() as usize, entry: i(entry) }
            }
            Op::MapTouch { map, entry } => {
                Action::Touch { map: map.as_u32() as usize, entry: i(entry) }
            }
            Op::EntryIsNull(e) => Action::IsNull(i(e)),
            Op::MapLoad { map, entry, off, .. } => {
                Action::MapLoad { map: map.as_u32() as usize, entry: i(entry), off: i(off), n }
            }
            Op::MapStore { map, entry, off, value, .. } => Action::MapStore {
                map: map.as_u32() as usize,
                entry: i(entry),
                off: i(off),
                value: i(value),
                n: self.bytes(*value),
            },
            Op::MapAtomic { op, map, entry, off, value, expected, .. } => Action::Atomic {
                op: *op,
                map: map.as_u32() as usize,
                entry: i(entry),
                off: i(off),
                value: i(value),
                expected: expected.as_ref().map(i),
                n: self.bytes(*value),
            },
            Op::EventOutput { map, data, len, when } => Action::Event {
                map: map.as_u32() as usize,
                data: self.sized(data),
                len: i(len),
                when: i(when),
            },
        }
    }

    /// Parts with their sizes in bytes.
    fn sized(&self, parts: &[Value]) -> Box<[(Index, u8)]> {
        parts.iter().map(|p| (p.as_u32(), self.bytes(*p))).collect()
    }

    fn positions(&self, parts: &[Value]) -> Box<[(Index, u8)]> {
        let mut lo = 0;
        parts
            .iter()
            .map(|p| {
                let at = (p.as_u32(), lo);
                lo += self.dfg.bits(*p);
                at
            })
            .collect()
    }
}
