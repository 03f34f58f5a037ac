//! A slow model of a staged pipeline, cycle by cycle: boundary registers, gates with their FIFOs and scoreboards, key tables, value
//! memories with the rows that packets have been given. It knows the rules of `docs/rtl-interface.md` and nothing of the simulator.

use beeline_ir::analysis::arith::{binary, compare};
use beeline_ir::dfg::low_mask;
use beeline_ir::entities::{Inst, MapId, Value};
use beeline_ir::op::{AtomicOp, Op};
use beeline_ir::pipeline::{Gate, GateKind};
use beeline_ir::StagedPipeline;
use cranelift_entity::EntityRef;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A table's keys, each with the number of its entry, which is never used again.
pub type Keys = BTreeMap<Vec<u8>, u64>;

/// A packet under way.
#[derive(Clone)]
struct Packet {
    number: usize,
    bytes: Vec<u8>,
    values: BTreeMap<Value, u64>,
    /// What lookups that are under way have found.
    found: BTreeMap<Inst, (MapId, Vec<u8>, u64)>,
    /// Rows as requested, by entry.
    rows: BTreeMap<(MapId, u64), Vec<u8>>,
}

struct Waiting {
    number: usize,
    name: Vec<u64>,
}

/// The machine between framer and descriptor FIFO.
pub struct Machine<'a> {
    staged: &'a StagedPipeline,
    /// The registers before each stage.
    regs: Vec<Option<Packet>>,
    /// The FIFOs behind the head registers.
    lines: Vec<VecDeque<Packet>>,
    boards: Vec<VecDeque<Waiting>>,
    /// Commits of this cycle, by gate.
    pops: Vec<bool>,
    pub keys: BTreeMap<MapId, Keys>,
    pub rows: BTreeMap<(MapId, u64), Vec<u8>>,
    count: BTreeMap<MapId, i64>,
    next_count: BTreeMap<MapId, i64>,
    entries_made: u64,
    /// Cycles, by packet, in which the gates were left.
    pub fired: Vec<Vec<u64>>,
    pub stalls: Vec<u64>,
    /// For each packet the verdict, and the cycle in which it was active in the last stage.
    pub done: Vec<([u64; 6], u64)>,
}

impl<'a> Machine<'a> {
    pub fn new(staged: &'a StagedPipeline, keys: BTreeMap<MapId, Keys>) -> Self {
        let n = staged.num_stages as usize;
        let count: BTreeMap<MapId, i64> = keys.iter().map(|(m, k)| (*m, k.len() as i64)).collect();
        Self {
            staged,
            regs: vec![None; n],
            lines: vec![VecDeque::new(); n],
            boards: staged.gates.iter().map(|_| VecDeque::new()).collect(),
            pops: Vec::new(),
            keys,
            rows: BTreeMap::new(),
            next_count: count.clone(),
            count,
            entries_made: 1000,
            fired: Vec::new(),
            stalls: vec![0; staged.pipeline.dfg.maps.len()],
            done: Vec::new(),
        }
    }

    /// Sends packets in, each in stage 0 in its cycle.
    pub fn run(&mut self, packets: &[(u64, Vec<u8>)]) {
        let mut next = 0;
        for cycle in 0.. {
            if let Some((_, bytes)) = packets.get(next).filter(|(at, _)| *at == cycle) {
                self.fired.push(Vec::new());
                assert!(self.regs[0].is_none());
                self.regs[0] = Some(Packet {
                    number: next,
                    bytes: bytes.clone(),
                    values: BTreeMap::new(),
                    found: BTreeMap::new(),
                    rows: BTreeMap::new(),
                });
                next += 1;
            }
            self.tick(cycle);
            if self.done.len() == packets.len() {
                return;
            }
            assert!(cycle < 1 << 20, "the machine hangs");
        }
    }

    fn gates_before(&self, stage: usize) -> Vec<(usize, &'a Gate)> {
        let gates = self.staged.gates.iter().enumerate();
        gates.filter(|(_, g)| g.stage.index() == stage).collect()
    }

    fn tick(&mut self, cycle: u64) {
        let stages = self.regs.len();
        self.pops = vec![false; self.boards.len()];
        let mut leaves: Vec<Option<Packet>> = vec![None; stages];
        let mut pushes = Vec::new();
        // Older packets stand farther behind: what they write in this cycle is forwarded to those before them.
        for stage in (0..stages).rev() {
            let gates = self.gates_before(stage);
            let Some(mut packet) = self.regs[stage].take() else { continue };
            self.answer(stage, &mut packet);
            if !gates.is_empty() {
                let mut probe = packet.clone();
                // What the gates compare is there in this stage.
                self.pure(stage, &mut probe);
                let blocked: Vec<bool> =
                    gates.iter().map(|(n, g)| self.blocks(*n, g, &probe)).collect();
                for ((_, gate), blocked) in gates.iter().zip(&blocked) {
                    self.stalls[gate.map.index()] += u64::from(*blocked);
                }
                if blocked.contains(&true) {
                    self.regs[stage] = Some(packet);
                    continue;
                }
                self.fired[packet.number].push(cycle);
                for (n, gate) in &gates {
                    if gate.may.is_none_or(|v| self.get(&probe, v) == 1) {
                        let name = self.name(gate, gate.write, &probe);
                        pushes.push((*n, Waiting { number: packet.number, name }));
                    }
                }
            }
            self.work(stage, &mut packet);
            for (n, gate) in self.staged.gates.iter().enumerate() {
                self.pops[n] |= gate.commit.index() == stage
                    && gate.may.is_none_or(|v| self.get(&packet, v) == 1);
            }
            leaves[stage] = Some(packet);
        }
        for (n, pop) in self.pops.iter().enumerate() {
            if *pop {
                self.boards[n].pop_front().expect("a change that was announced");
            }
        }
        pushes.into_iter().for_each(|(n, w)| self.boards[n].push_back(w));
        self.count.clone_from(&self.next_count);
        for (stage, packet) in leaves.into_iter().enumerate().rev() {
            // A head register that is free takes from its FIFO first.
            if self.regs[stage].is_none() {
                self.regs[stage] = self.lines[stage].pop_front();
            }
            let Some(packet) = packet else { continue };
            if stage + 1 == stages {
                let verdict = self.staged.pipeline.verdict.values().map(|v| self.get(&packet, v));
                self.done.push((verdict, cycle));
            } else if self.regs[stage + 1].is_none() {
                self.regs[stage + 1] = Some(packet);
            } else {
                assert!(!self.gates_before(stage + 1).is_empty());
                self.lines[stage + 1].push_back(packet);
            }
        }
    }

    /// What a gate compares of `v`.
    fn name(&self, gate: &Gate, v: Value, packet: &Packet) -> Vec<u64> {
        match (gate.kind, self.staged.pipeline.dfg.def(v)) {
            (GateKind::Keys, Some(Op::MapLookup { key, .. })) => {
                self.key(key, packet).into_iter().map(u64::from).collect()
            }
            _ => vec![self.get(packet, v)],
        }
    }

    fn blocks(&self, n: usize, gate: &Gate, packet: &Packet) -> bool {
        let skip = usize::from(self.pops[n]);
        let pending: Vec<&Waiting> = self.boards[n].iter().skip(skip).collect();
        assert!(pending.iter().all(|w| w.number < packet.number));
        let conflict = gate.reads.iter().any(|v| {
            let read = self.name(gate, *v, packet);
            let absent = gate.kind == GateKind::Rows && read == [0];
            !absent && pending.iter().any(|w| w.name == read)
        });
        let near_full = gate.kind == GateKind::Keys && {
            let max = self.staged.pipeline.dfg.maps[gate.map].max_entries;
            self.count[&gate.map] >= i64::from(max) - 3
        };
        pending.len() >= gate.depth as usize || conflict || near_full && !pending.is_empty()
    }

    fn get(&self, packet: &Packet, v: Value) -> u64 {
        match self.staged.pipeline.dfg.def(v) {
            Some(Op::Const(c)) => *c,
            _ => packet.values[&v],
        }
    }

    fn key(&self, parts: &[Value], packet: &Packet) -> Vec<u8> {
        let dfg = &self.staged.pipeline.dfg;
        let part = |v: &Value| {
            self.get(packet, *v).to_le_bytes()[..usize::from(dfg.bits(*v) / 8)].to_vec()
        };
        parts.iter().flat_map(part).collect()
    }

    /// Lookups that were presented two stages before give their answer.
    fn answer(&self, stage: usize, packet: &mut Packet) {
        for port in &self.staged.lookups {
            if port.issue.index() + 2 == stage {
                if let Some((_, _, entry)) = packet.found.remove(&port.inst) {
                    let v = self.staged.pipeline.dfg.insts[port.inst].result.unwrap();
                    packet.values.insert(v, entry);
                }
            }
        }
    }

    /// Operations of `stage` that touch no map.
    fn pure(&self, stage: usize, packet: &mut Packet) {
        for &inst in &self.staged.pipeline.order {
            if self.staged.stage_of[inst].index() == stage {
                self.pure_op(inst, packet);
            }
        }
    }

    /// True if the operation was one.
    fn pure_op(&self, inst: Inst, packet: &mut Packet) -> bool {
        let dfg = &self.staged.pipeline.dfg;
        let data = &dfg.insts[inst];
        // Before a stage has done its work, a value of its loads is not there.
        let mut there = true;
        data.op.for_each_arg(|v| {
            there &= packet.values.contains_key(&v) || matches!(dfg.def(v), Some(Op::Const(_)));
        });
        if !there {
            return false;
        }
        let get = |v: &Value| self.get(packet, *v);
        let result = match &data.op {
            Op::Const(c) => *c,
            Op::Input(_) => packet.bytes.len() as u64,
            Op::Bin(op, a, b) => binary(*op, dfg.bits(*a), get(a), get(b)),
            Op::Cmp(op, a, b) => compare(*op, dfg.bits(*a), get(a), get(b)).into(),
            Op::Select { cond, if_true, if_false } => {
                get(if get(cond) == 1 { if_true } else { if_false })
            }
            Op::Zext(a) => get(a),
            Op::Extract { value, lo } => {
                get(value) >> lo & low_mask(dfg.bits(data.result.unwrap()))
            }
            Op::PktLoad { off, .. } => packet.bytes[get(off) as usize].into(),
            Op::EntryIsNull(e) => (get(e) == 0).into(),
            Op::MapLookup { map, key } if !dfg.maps[*map].kind.has_key_table() => {
                let index = get(&key[0]);
                if index < dfg.maps[*map].max_entries.into() {
                    index + 1
                } else {
                    0
                }
            }
            _ => return false,
        };
        packet.values.insert(data.result.unwrap(), result);
        true
    }

    /// All that stage `stage` does.
    fn work(&mut self, stage: usize, packet: &mut Packet) {
        let staged = self.staged;
        for &inst in &staged.pipeline.order {
            if staged.stage_of[inst].index() != stage || self.pure_op(inst, packet) {
                continue;
            }
            let data = &staged.pipeline.dfg.insts[inst];
            let happens = data.pred.is_none_or(|p| self.get(packet, p) == 1);
            match &data.op {
                Op::MapLookup { map, key } => {
                    let key = self.key(key, packet);
                    let entry = self.keys[map].get(&key).copied().unwrap_or(0);
                    packet.found.insert(inst, (*map, key, entry));
                }
                Op::MapInsert { map, entry, key } => {
                    let known = self.get(packet, *entry);
                    let result = match (happens, known) {
                        (false, _) => 0,
                        (true, 0) => self.insert(stage, *map, self.key(key, packet)),
                        (true, known) => known,
                    };
                    packet.values.insert(data.result.unwrap(), result);
                }
                Op::MapRemove { map, entry } if happens => {
                    self.remove(stage, *map, self.get(packet, *entry));
                }
                Op::MapLoad { .. } | Op::MapStore { .. } | Op::MapAtomic { .. } => {
                    self.access(inst, happens, packet);
                }
                _ => {}
            }
        }
        for port in staged.value_ports.iter().filter(|p| p.issue.index() == stage) {
            let name = (port.map, self.get(packet, port.entry));
            packet.rows.insert(name, self.row(name).clone());
        }
    }

    fn row(&mut self, name: (MapId, u64)) -> &mut Vec<u8> {
        let size = self.staged.pipeline.dfg.maps[name.0].value_size as usize;
        self.rows.entry(name).or_insert_with(|| vec![0; size])
    }

    /// The packet in the stage behind that in which keys are presented hears of changes in the stage after it.
    fn tell(&mut self, stage: usize, map: MapId, key: &[u8], entry: u64) {
        if let Some(younger) = &mut self.regs[stage - 1] {
            for (_, _, found) in
                younger.found.values_mut().filter(|(m, k, _)| *m == map && k == key)
            {
                *found = entry;
            }
        }
    }

    fn insert(&mut self, stage: usize, map: MapId, key: Vec<u8>) -> u64 {
        let keys = self.keys.get_mut(&map).unwrap();
        assert!(!keys.contains_key(&key), "a key in two places");
        if self.count[&map] >= self.staged.pipeline.dfg.maps[map].max_entries.into() {
            return 0;
        }
        self.entries_made += 1;
        keys.insert(key.clone(), self.entries_made);
        *self.next_count.get_mut(&map).unwrap() += 1;
        self.tell(stage, map, &key, self.entries_made);
        self.entries_made
    }

    fn remove(&mut self, stage: usize, map: MapId, entry: u64) {
        let keys = self.keys.get_mut(&map).unwrap();
        let Some(key) = keys.iter().find(|(_, e)| **e == entry).map(|(k, _)| k.clone()) else {
            assert_eq!(entry, 0, "an entry is removed twice");
            return;
        };
        keys.remove(&key);
        *self.next_count.get_mut(&map).unwrap() -= 1;
        let in_answer =
            self.staged.lookups.iter().any(|l| l.map == map && l.issue.index() + 2 == stage);
        if in_answer {
            self.tell(stage, map, &key, 0);
        }
    }

    fn access(&mut self, inst: Inst, happens: bool, packet: &mut Packet) {
        let dfg = &self.staged.pipeline.dfg;
        let data = &dfg.insts[inst];
        let (map, entry, off, width) = match &data.op {
            Op::MapLoad { map, entry, off, .. } => (*map, *entry, *off, data.result),
            Op::MapStore { map, entry, off, value, .. }
            | Op::MapAtomic { map, entry, off, value, .. } => (*map, *entry, *off, Some(*value)),
            _ => unreachable!(),
        };
        let name = (map, self.get(packet, entry));
        let (off, n) = (self.get(packet, off) as usize, usize::from(dfg.bits(width.unwrap()) / 8));
        let mut old = [0; 8];
        if name.1 != 0 {
            old[..n].copy_from_slice(&packet.rows[&name][off..off + n]);
        }
        let old = u64::from_le_bytes(old);
        let new = match &data.op {
            Op::MapStore { value, .. } => self.get(packet, *value),
            Op::MapAtomic { op: AtomicOp::Add, value, .. } => {
                old.wrapping_add(self.get(packet, *value))
            }
            _ => old,
        };
        if let Some(v) = data.result {
            packet.values.insert(v, old);
        }
        if happens && name.1 != 0 && data.op.has_effect() {
            let bytes = &new.to_le_bytes()[..n];
            packet.rows.get_mut(&name).unwrap()[off..off + n].copy_from_slice(bytes);
            self.row(name)[off..off + n].copy_from_slice(bytes);
        }
    }

    /// Entries of a table, or of an array those whose value is not zero, in the form of a dump.
    pub fn dump(&self, map: MapId) -> Vec<(Vec<u8>, Vec<u8>)> {
        let decl = &self.staged.pipeline.dfg.maps[map];
        let zero = vec![0; decl.value_size as usize];
        let row = |entry: u64| self.rows.get(&(map, entry)).unwrap_or(&zero).clone();
        if let Some(keys) = self.keys.get(&map) {
            return keys.iter().map(|(k, e)| (k.clone(), row(*e))).collect();
        }
        let all = (0..decl.max_entries).map(|i| (i.to_le_bytes().to_vec(), row(u64::from(i) + 1)));
        let dump: BTreeSet<_> = all.filter(|(_, v)| *v != zero).collect();
        dump.into_iter().collect()
    }
}
