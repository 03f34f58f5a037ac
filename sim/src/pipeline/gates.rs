//! Gates on the time side: in which cycle a packet moves on from each place where it may have to wait
//! (`docs/rtl-interface.md`, "Gates").
//!
//! A packet is followed through all stages when it enters the first: what blocks it are older packets, whose cycles are known by then. What it
//! reads and may change is known too, from the data side, as its *ticket*.

use beeline_ir::entities::MapId;
use beeline_ir::map::MapKind;
use beeline_ir::op::Op;
use beeline_ir::pipeline::{Gate, GateKind};
use beeline_ir::StagedPipeline;
use cranelift_entity::EntityRef;
use std::collections::VecDeque;
use std::ops::Range;

/// A table counts as nearly full from this many entries below `max_entries` on.
const NEARLY: i64 = 3;

/// What the gates of a design are; a ticket is a list of `ticket_words` words: for each gate one for `may` (0 or 1), the key or entry that may change,
/// and those that are read, of `words` words each, then for each table two: the new entry or 0, and 1 if one was removed.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Stages with gates, ascending, with the gates before each.
    stations: Vec<(u64, Range<usize>)>,
    pub gates: Vec<GatePlan>,
    pub tables: Vec<TablePlan>,
    last_stage: u64,
    maps: usize,
    pub ticket_words: usize,
}

/// One gate.
#[derive(Clone, Debug)]
pub(super) struct GatePlan {
    map: usize,
    commit: u64,
    depth: usize,
    rule: Rule,
    /// Words of a key, or one for an entry.
    pub words: usize,
    /// Where its part of a ticket begins.
    pub ticket: usize,
    pub reads: usize,
}

/// What blocks beside the scoreboard's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The same entry, unless it is 0 (absent); the table, if programs make entries of the map.
    Rows { table: Option<usize> },
    /// The same key; any pending change while the table, by its position in the plan, is nearly full.
    Keys { table: usize },
    /// Any pending change.
    Any,
}

/// A map with gates whose entries come and go.
#[derive(Clone, Debug)]
pub(super) struct TablePlan {
    pub map: MapId,
    max_entries: i64,
    lru: bool,
    insert: Option<u64>,
    remove: Option<u64>,
    /// Where its part of a ticket begins.
    pub ticket: usize,
}

impl Plan {
    pub fn of(staged: &StagedPipeline) -> Self {
        let dfg = &staged.pipeline.dfg;
        let mut plan = Plan {
            last_stage: u64::from(staged.num_stages) - 1,
            maps: dfg.maps.len(),
            ..Self::default()
        };
        let mut gates: Vec<&Gate> = staged.gates.iter().collect();
        gates.sort_by_key(|g| g.stage);
        for gate in gates {
            let stage = gate.stage.index() as u64;
            let n = plan.gates.len();
            match plan.stations.last_mut() {
                Some((s, range)) if *s == stage => range.end = n + 1,
                _ => plan.stations.push((stage, n..n + 1)),
            }
            let rule = match gate.kind {
                GateKind::Rows => Rule::Rows { table: plan.inserts(staged, gate.map) },
                GateKind::Keys if is_lru(dfg.maps[gate.map].kind) => Rule::Any,
                GateKind::Keys => Rule::Keys { table: plan.table(staged, gate.map) },
            };
            let words = match gate.kind {
                GateKind::Rows => 1,
                GateKind::Keys => dfg.maps[gate.map].key_size.div_ceil(8) as usize,
            };
            plan.gates.push(GatePlan {
                map: gate.map.index(),
                commit: gate.commit.index() as u64,
                depth: gate.depth.max(1) as usize,
                rule,
                words,
                ticket: 0,
                reads: gate.reads.len(),
            });
        }
        for gate in &mut plan.gates {
            gate.ticket = plan.ticket_words;
            plan.ticket_words += 1 + gate.words * (1 + gate.reads);
        }
        for table in &mut plan.tables {
            table.ticket = plan.ticket_words;
            plan.ticket_words += 2;
        }
        plan
    }

    /// The table of `map` if programs make entries of it.
    fn inserts(&mut self, staged: &StagedPipeline, map: MapId) -> Option<usize> {
        let ops = staged.pipeline.order.iter().map(|&i| &staged.pipeline.dfg.insts[i].op);
        let made = |op: &Op| matches!(op, Op::MapInsert { map: m, .. } if *m == map);
        ops.into_iter().any(made).then(|| self.table(staged, map))
    }

    /// Position of `map` among the tables whose entries are counted.
    fn table(&mut self, staged: &StagedPipeline, map: MapId) -> usize {
        if let Some(n) = self.tables.iter().position(|t| t.map == map) {
            return n;
        }
        let dfg = &staged.pipeline.dfg;
        let stage = |wanted: &dyn Fn(&Op) -> bool| {
            let found = staged.pipeline.order.iter().find(|i| wanted(&dfg.insts[**i].op));
            found.map(|&i| staged.stage_of[i].index() as u64)
        };
        self.tables.push(TablePlan {
            map,
            max_entries: dfg.maps[map].max_entries.into(),
            lru: is_lru(dfg.maps[map].kind),
            insert: stage(&|op| matches!(op, Op::MapInsert { map: m, .. } if *m == map)),
            remove: stage(&|op| matches!(op, Op::MapRemove { map: m, .. } if *m == map)),
            ticket: 0,
        });
        self.tables.len() - 1
    }

    /// True if packets never wait between the first stage and the last.
    pub fn is_empty(&self) -> bool {
        self.gates.is_empty()
    }

    /// Number of stages with gates.
    pub fn stations(&self) -> usize {
        self.stations.len()
    }
}

fn is_lru(kind: MapKind) -> bool {
    matches!(kind, MapKind::LruHash | MapKind::LruPercpuHash)
}

/// The gates at work.
pub(super) struct Gates {
    plan: Plan,
    /// For each station, the cycle after the last in which a packet moved on.
    free: Vec<u64>,
    boards: Vec<Scoreboard>,
    counters: Vec<Counter>,
    /// For each table.
    names: Vec<Names>,
    true_slots: bool,
    /// For each map, cycles in which a packet was held.
    stalls: Vec<u64>,
    /// For each packet, the cycles in which it moved on from the stations.
    fired: Vec<u64>,
}

/// Packets that may still change something.
#[derive(Default)]
struct Scoreboard {
    /// For each, the cycle in which its change is made: it is pending before.
    until: VecDeque<u64>,
    /// What each may change.
    writes: VecDeque<u64>,
}

/// A map model with slots of its own gives one that has become free to the next entry. Here every entry has a name of its own.
#[derive(Default)]
struct Names {
    /// Name of the entry in each slot, if it is not the slot's number.
    of: Vec<u64>,
    made: u64,
}

impl Names {
    /// Above all slot numbers.
    const FIRST: u64 = 1 << 40;

    /// A new entry; 0 if there is none.
    fn make(&mut self, entry: u64) {
        if entry != 0 {
            let slot = entry as usize;
            self.of.extend(self.of.len() as u64..=slot as u64);
            self.of[slot] = Self::FIRST + self.made;
            self.made += 1;
        }
    }

    fn of(&self, entry: u64) -> u64 {
        self.of.get(entry as usize).copied().unwrap_or(entry)
    }
}

/// The register that counts a table's entries.
#[derive(Default)]
struct Counter {
    /// Its value, without the changes to come.
    count: i64,
    /// Cycles from which insertions and removals show in it, ascending.
    made: VecDeque<u64>,
    gone: VecDeque<u64>,
}

impl Gates {
    /// Before a run; `entries` says how many entries a map has. `true_slots`: entries have the hardware's slots.
    pub fn new(plan: &Plan, entries: impl Fn(MapId) -> usize, true_slots: bool) -> Self {
        let counter =
            |t: &TablePlan| Counter { count: entries(t.map) as i64, ..Default::default() };
        Self {
            free: vec![0; plan.stations.len()],
            boards: plan.gates.iter().map(|_| Scoreboard::default()).collect(),
            counters: plan.tables.iter().map(counter).collect(),
            names: plan.tables.iter().map(|_| Names::default()).collect(),
            stalls: if plan.is_empty() { Vec::new() } else { vec![0; plan.maps] },
            fired: Vec::new(),
            plan: plan.clone(),
            true_slots,
        }
    }

    /// For each map the cycles in which a packet was held, and for each packet those in which it moved on from the stations.
    pub fn finish(self) -> (Vec<u64>, Vec<u64>) {
        (self.stalls, self.fired)
    }

    /// The packet with `ticket` is in stage 0 in cycle `entered`; says in which cycle it is active in the last stage.
    pub fn pass(&mut self, entered: u64, ticket: &mut [u64]) -> u64 {
        self.rename(ticket);
        let first = self.fired.len();
        let (mut stage, mut active) = (0, entered);
        for n in 0..self.plan.stations.len() {
            let (station, gates) = self.plan.stations[n].clone();
            let head = (active + station - stage).max(self.free[n]);
            active = self.fire(gates, head, ticket);
            stage = station;
            self.free[n] = active + 1;
            self.fired.push(active);
        }
        let fired = &self.fired[first..];
        let active_in = |stage: u64| {
            let stations = self.plan.stations.iter().zip(fired);
            let last = stations.take_while(|((s, _), _)| *s <= stage).last();
            last.map_or(entered + stage, |((s, _), at)| at + stage - s)
        };
        for (gate, board) in self.plan.gates.iter().zip(&mut self.boards) {
            if ticket[gate.ticket] == 1 {
                board.until.push_back(active_in(gate.commit));
                board.writes.extend(&ticket[gate.ticket + 1..][..gate.words]);
            }
        }
        for (table, counter) in self.plan.tables.iter().zip(&mut self.counters) {
            let shows = |happened: u64, stage: Option<u64>| {
                stage.filter(|_| happened != 0).map(|s| active_in(s) + 1)
            };
            counter.made.extend(shows(ticket[table.ticket], table.insert));
            counter.gone.extend(shows(ticket[table.ticket + 1], table.remove));
        }
        active_in(self.plan.last_stage)
    }

    /// Puts names in place of the entries of `ticket`.
    fn rename(&mut self, ticket: &mut [u64]) {
        for (table, names) in self.plan.tables.iter().zip(&mut self.names) {
            // What is removed where the keys are looked up is gone for the next packet, and its slot is the next entry's; so it is in LRU maps, where
            // nobody looks a key up before a removal. Else an entry that comes after has another slot, or all changes of the row have been made.
            if !self.true_slots || table.remove > table.insert && !table.lru {
                names.make(ticket[table.ticket]);
            }
        }
        for gate in &self.plan.gates {
            if let Rule::Rows { table: Some(table) } = gate.rule {
                let entries = &mut ticket[gate.ticket + 1..][..1 + gate.reads];
                entries.iter_mut().for_each(|e| *e = self.names[table].of(*e));
            }
        }
    }

    /// The cycle in which a packet that is at the head from cycle `head` on moves on.
    fn fire(&mut self, gates: Range<usize>, head: u64, ticket: &[u64]) -> u64 {
        for n in gates.clone() {
            self.boards[n].forget(head, self.plan.gates[n].words);
            if let Rule::Keys { table } = self.plan.gates[n].rule {
                self.counters[table].forget(head);
            }
        }
        let mut cycle = head;
        loop {
            let mut blocked = false;
            for n in gates.clone() {
                if self.blocks(n, cycle, ticket) {
                    self.stalls[self.plan.gates[n].map] += 1;
                    blocked = true;
                }
            }
            if !blocked {
                return cycle;
            }
            cycle += 1;
        }
    }

    fn blocks(&self, n: usize, cycle: u64, ticket: &[u64]) -> bool {
        let (gate, board) = (&self.plan.gates[n], &self.boards[n]);
        let Some(&last) = board.until.back().filter(|until| **until > cycle) else { return false };
        if board.is_full(cycle, gate.depth) {
            return true;
        }
        let reads = &ticket[gate.ticket + 1 + gate.words..][..gate.words * gate.reads];
        match gate.rule {
            Rule::Any => last > cycle,
            Rule::Rows { .. } => board.conflict(cycle, 1, reads, |entry| entry[0] != 0),
            Rule::Keys { table } => {
                let nearly = self.plan.tables[table].max_entries - NEARLY;
                self.counters[table].at(cycle) >= nearly
                    || board.conflict(cycle, gate.words, reads, |_| true)
            }
        }
    }
}

impl Scoreboard {
    /// Drops what is not pending any more in `cycle`.
    fn forget(&mut self, cycle: u64, words: usize) {
        while self.until.front().is_some_and(|until| *until <= cycle) {
            self.until.pop_front();
            self.writes.drain(..words);
        }
    }

    fn is_full(&self, cycle: u64, depth: usize) -> bool {
        // The oldest of the last `depth` is pending, and so are those after it.
        self.until.len().checked_sub(depth).is_some_and(|n| self.until[n] > cycle)
    }

    /// True if one of `reads` that is `real` is the same as something pending.
    fn conflict(
        &self,
        cycle: u64,
        words: usize,
        reads: &[u64],
        real: impl Fn(&[u64]) -> bool,
    ) -> bool {
        self.until.iter().enumerate().any(|(n, until)| {
            let write = || self.writes.range(n * words..(n + 1) * words);
            *until > cycle && reads.chunks(words).any(|r| real(r) && r.iter().eq(write()))
        })
    }
}

impl Counter {
    /// Counts for good what shows in `cycle`.
    fn forget(&mut self, cycle: u64) {
        while self.made.front().is_some_and(|from| *from <= cycle) {
            self.made.pop_front();
            self.count += 1;
        }
        while self.gone.front().is_some_and(|from| *from <= cycle) {
            self.gone.pop_front();
            self.count -= 1;
        }
    }

    /// The register in `cycle`.
    fn at(&self, cycle: u64) -> i64 {
        let shown = |list: &VecDeque<u64>| list.iter().take_while(|from| **from <= cycle).count();
        self.count + shown(&self.made) as i64 - shown(&self.gone) as i64
    }
}
