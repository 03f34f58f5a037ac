//! The value memories of a map: which rows stand in which memory, and which bytes of a row are written together.

use super::layout::Layout;
use super::places::Places;
use beeline_ir::op::{Bounds, Op};
use beeline_ir::{MapId, Value};
use cranelift_entity::EntityRef;

/// Rows that stand in one memory, of which each port has a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowGroup {
    /// First row.
    pub lo: u64,
    /// Behind the last.
    pub hi: u64,
    /// Its value ports; none if only the host sees it.
    pub ports: Vec<usize>,
    /// The one that writes.
    pub writer: Option<usize>,
}

impl RowGroup {
    /// Bits of an index into the memory.
    pub fn index_bits(&self) -> u32 {
        super::places::bits_for(self.hi - self.lo - 1)
    }
}

/// One memory: a port's copy of a group.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// Its rows.
    pub group: RowGroup,
    /// The value port; none if only the host sees it.
    pub port: Option<usize>,
    /// The host reads this copy.
    pub first: bool,
}

impl Layout<'_> {
    /// The value memories of `map`, in the order in which their copies are numbered.
    pub(super) fn memories(&self, map: MapId) -> Vec<Memory> {
        let mut memories = Vec::new();
        for group in self.row_groups(map) {
            let ports: Vec<Option<usize>> = match group.ports.is_empty() {
                true => vec![None],
                false => group.ports.iter().copied().map(Some).collect(),
            };
            for (n, port) in ports.into_iter().enumerate() {
                memories.push(Memory { group: group.clone(), port, first: n == 0 });
            }
        }
        memories
    }

    /// Stage in which a token for `map` comes to rows that no packet sees.
    pub(super) fn host_stage(&self, map: MapId) -> usize {
        match self.probes(map).first() {
            Some(&l) if self.map(map).table => self.answer_stage(l),
            Some(&l) => self.staged.lookups[l].issue.index(),
            None => 0,
        }
    }

    /// The memories of `map`, ascending by row; together they hold every row.
    pub(super) fn row_groups(&self, map: MapId) -> Vec<RowGroup> {
        let all = self.map(map).rows;
        let mut groups: Vec<RowGroup> = Vec::new();
        for (n, port) in self.staged.value_ports.iter().enumerate().filter(|(_, p)| p.map == map) {
            let (lo, hi) = port.rows.map_or((0, all), |(lo, hi)| (lo.into(), hi.into()));
            let writer = self.port_writes(n).then_some(n);
            match groups.iter_mut().find(|g| g.lo == lo) {
                Some(group) => {
                    group.ports.push(n);
                    group.writer = group.writer.or(writer);
                }
                None => groups.push(RowGroup { lo, hi, ports: vec![n], writer }),
            }
        }
        groups.sort_by_key(|g| g.lo);
        let host_only = |lo, hi| RowGroup { lo, hi, ports: Vec::new(), writer: None };
        let mut complete = Vec::new();
        let mut next = 0;
        for group in groups {
            if next < group.lo {
                complete.push(host_only(next, group.lo));
            }
            next = group.hi;
            complete.push(group);
        }
        if next < all {
            complete.push(host_only(next, all));
        }
        complete
    }

    /// The memory that value port `n` has its copy of.
    pub(super) fn row_group(&self, n: usize) -> RowGroup {
        let groups = self.row_groups(self.staged.value_ports[n].map);
        groups.into_iter().find(|g| g.ports.contains(&n)).expect("every port has a memory")
    }

    /// By byte of the row: are the changes of value port `n` to it decided separately from those to the byte before?
    pub(super) fn lane_starts(&self, n: usize) -> Vec<bool> {
        let port = &self.staged.value_ports[n];
        let bytes = self.staged.pipeline.dfg.maps[port.map].value_size as usize;
        let reasons: Vec<Vec<Reason>> = match self.is_late(n) {
            true => (0..bytes).map(|b| self.reasons(n, b as i64)).collect(),
            false => vec![Vec::new(); bytes],
        };
        (0..bytes).map(|b| b == 0 || reasons[b] != reasons[b - 1]).collect()
    }

    /// Everything that decides whether byte `b` is changed.
    fn reasons(&self, n: usize, b: i64) -> Vec<Reason> {
        let dfg = &self.staged.pipeline.dfg;
        let mut reasons = Vec::new();
        for inst in &self.staged.value_ports[n].accesses {
            let Op::MapStore { map, entry, off, bounds, value } = &dfg.insts[*inst].op else {
                continue;
            };
            let size = i64::from(dfg.bits(*value) / 8);
            let row = i64::from(dfg.maps[*map].value_size);
            let Some(places) = store_places(bounds, row, size) else { continue };
            let covering: Vec<i64> = (places.first..=places.last)
                .step_by(1 << places.stride_log2)
                .filter(|first| (*first..first + size).contains(&b))
                .collect();
            if covering.is_empty() {
                continue;
            }
            let pred = dfg.insts[*inst].pred;
            let place = places.single().is_none().then_some((*off, covering));
            let reason = Reason { pred, entry: *entry, place };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }
}

/// Where in a row of `row` bytes an access of `size` bytes with these bounds can be.
pub(super) fn store_places(bounds: &Bounds, row: i64, size: i64) -> Option<Places> {
    // Clamped before it is walked: unproved bounds may be astronomically wide.
    let within = Bounds { min: bounds.min.max(0), max: bounds.max.min(row - size), ..*bounds };
    Places::covering(within.offsets())
}

/// One condition under which a byte is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    pred: Option<Value>,
    entry: Value,
    /// The offset, and the places at which the access covers the byte, if it can be at several.
    place: Option<(Value, Vec<i64>)>,
}
