//! What the modules of a design share: names, widths, and the fields of the stage boundaries.

use super::expr::Expr;
use super::names::{self, Namer};
use super::packet::Access;
use super::source::Sources;
use beeline_ir::dfg::Ty;
use beeline_ir::map::{MapDecl, MapKind};
use beeline_ir::op::{Input, Op};
use beeline_ir::pipeline::LookupPort;
use beeline_ir::pipeline::{ByteCoord, Gate, GateKind};
use beeline_ir::{hash, Inst, MapId, StagedPipeline, Value};
use cranelift_entity::{EntityRef, SecondaryMap};
use std::collections::{BTreeMap, BTreeSet};

/// What a field of a boundary holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOf {
    /// A live value.
    Value(Value),
    /// `count` window bytes from `first` on; the lowest byte is least significant.
    Bytes {
        /// Lowest coordinate.
        first: ByteCoord,
        /// How many.
        count: u32,
    },
    /// The packet's length on arrival, where no live value happens to be that: the deparser needs it.
    Length,
}

/// A field of a boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Width.
    pub bits: u32,
    /// Content.
    pub of: FieldOf,
}

/// A map as the hardware has it.
#[derive(Clone, Debug)]
pub struct MapLayout {
    /// Name in Verilog; ports and instances are called after it.
    pub name: String,
    /// Bits of a slot number.
    pub slot_bits: u32,
    /// Rows of the value memory.
    pub rows: u64,
    /// Log2 of the depth of a bank, for keyed maps.
    pub depth_log2: Option<u32>,
    /// Packets change which keys there are: the table places them by itself.
    pub table: bool,
    /// The program uses it.
    pub used: bool,
}

/// Signals between a stage and a value memory.
#[derive(Clone, Debug)]
pub struct ValuePortNames {
    /// Slot whose row is requested, out of the issuing stage.
    pub slot: String,
    /// The row, into the stage after it.
    pub row: String,
    /// The changed row, out of the stage of the change.
    pub row_next: String,
    /// Write it.
    pub write: String,
    /// Which of its bytes, if the change comes later than the row.
    pub mask: String,
    /// Slot of the changed row, if the memory does not know it by itself.
    pub write_slot: String,
}

/// Signals between the stages and the table of a map whose keys packets change.
#[derive(Clone, Debug)]
pub struct TableNames {
    /// By probe, out of the stage of the answers: insert its key.
    pub insert: String,
    /// By probe, out of the same stage: its entry is used.
    pub touch: String,
    /// Into the same stage: no insertion has an effect.
    pub full: String,
    /// Take a key out.
    pub remove: String,
    /// Its slot.
    pub remove_slot: String,
}

/// What a table that packets change answers to a probe.
#[derive(Clone, Debug)]
pub struct AnswerNames {
    /// The key is there.
    pub hit: String,
    /// Where it is, or where an insertion puts it.
    pub slot: String,
    /// There is a place for it.
    pub room: String,
}

/// Signals of a gate.
#[derive(Clone, Debug)]
pub struct GateNames {
    /// Of kind `Rows`: entries that are compared, out of the stage behind the gate.
    pub entries: Vec<(Value, String)>,
    /// The packet may make a change, out of the same stage.
    pub may: String,
    /// A packet that might is in the stage of the change.
    pub done: String,
    /// The gate holds its head back.
    pub blocked: String,
}

/// Everything that the modules share.
pub struct Layout<'a> {
    /// The program.
    pub staged: &'a StagedPipeline,
    /// Prefix of all modules.
    pub prefix: String,
    /// Names of values.
    pub values: SecondaryMap<Value, String>,
    /// For further names inside modules; stages work on copies of it.
    pub namer: Namer,
    /// Source locations.
    pub sources: Sources,
    /// By map.
    pub maps: Vec<MapLayout>,
    /// Signals of each value port, in the order of `StagedPipeline::value_ports`.
    pub value_ports: Vec<ValuePortNames>,
    /// Key signal of each lookup, in the order of `StagedPipeline::lookups`.
    pub key_ports: Vec<String>,
    /// Answers to each lookup, in the same order; used of maps whose keys packets change.
    pub answers: Vec<AnswerNames>,
    /// By map; used of maps whose keys packets change.
    pub tables: Vec<TableNames>,
    /// Signals of each gate, in the order of `StagedPipeline::gates`.
    pub gates: Vec<GateNames>,
    /// Packet loads and stores.
    pub accesses: BTreeMap<Inst, Access>,
    /// What stage 0 gets from the framer.
    pub arrival: Vec<Field>,
    /// What each stage hands on.
    pub after: Vec<Vec<Field>>,
}

/// Rows, slot width and bank depth of a map; `table` if packets change its keys.
pub fn map_layout(name: String, decl: &MapDecl, used: bool, table: bool) -> MapLayout {
    if !decl.kind.has_key_table() || decl.kind == MapKind::LpmTrie {
        let rows = u64::from(decl.max_entries.max(1));
        let slot_bits = super::places::bits_for(rows - 1);
        return MapLayout { name, slot_bits, rows, depth_log2: None, table: false, used };
    }
    let (depth, ways) = match table {
        true => (hash::bucket_depth_log2(decl.max_entries), hash::WAYS),
        false => (hash::bank_depth_log2(decl.max_entries), 1),
    };
    let places = hash::BANKS * ways;
    MapLayout {
        name,
        slot_bits: places.trailing_zeros() + depth,
        rows: u64::from(places) << depth,
        depth_log2: Some(depth),
        table,
        used,
    }
}

impl<'a> Layout<'a> {
    /// Plans the modules of `staged`.
    pub fn new(staged: &'a StagedPipeline) -> Self {
        let p = &staged.pipeline;
        let mut namer = names::module_namer();
        let used: BTreeSet<MapId> =
            p.order.iter().filter_map(|&i| p.dfg.insts[i].op.map()).collect();
        let map = |(id, decl): (MapId, &MapDecl)| {
            map_layout(namer.unique(&decl.name), decl, used.contains(&id), p.changes_keys(id))
        };
        let maps: Vec<MapLayout> = p.dfg.maps.iter().map(map).collect();
        let mut port =
            |map: MapId, what: &str| namer.unique(&format!("{}_{what}", maps[map.index()].name));
        let value_ports = staged.value_ports.iter().map(|p| ValuePortNames {
            slot: port(p.map, "slot"),
            row: port(p.map, "row"),
            row_next: port(p.map, "row_next"),
            write: port(p.map, "write"),
            mask: port(p.map, "write_mask"),
            write_slot: port(p.map, "write_slot"),
        });
        let value_ports = value_ports.collect();
        let key_ports = staged.lookups.iter().map(|p| port(p.map, "key")).collect();
        let tables = p.dfg.maps.keys().map(|map| TableNames {
            insert: port(map, "insert"),
            touch: port(map, "touch"),
            full: port(map, "full"),
            remove: port(map, "remove"),
            remove_slot: port(map, "remove_slot"),
        });
        let tables = tables.collect();
        let gates = staged.gates.iter().map(|g| GateNames {
            entries: compared(g).into_iter().map(|v| (v, port(g.map, "wanted"))).collect(),
            may: port(g.map, "may_change"),
            done: port(g.map, "changed"),
            blocked: port(g.map, "blocked"),
        });
        let gates = gates.collect();
        let values = names::name_values(&mut namer, &p.dfg, &p.order);
        let answer = |l: &LookupPort| {
            let v = p.dfg.insts[l.inst].result.expect("a lookup has a result");
            let mut part = |what: &str| namer.unique(&format!("{}_{what}", values[v]));
            AnswerNames { hit: part("hit"), slot: part("slot"), room: part("room") }
        };
        let answers = staged.lookups.iter().map(answer).collect();
        let mut layout = Self {
            staged,
            prefix: names::sanitize(&p.name),
            values,
            namer,
            sources: Sources::new(&p.dfg),
            maps,
            value_ports,
            key_ports,
            answers,
            tables,
            gates,
            accesses: super::packet::packet_accesses(staged),
            arrival: Vec::new(),
            after: Vec::new(),
        };
        layout.after =
            staged.boundaries.iter().map(|b| layout.fields(&b.values, &b.bytes)).collect();
        layout.arrival = layout.arrival_fields();
        layout
    }

    /// Operations of stage `s`, in order.
    pub fn stage_insts(&self, s: usize) -> Vec<Inst> {
        let at = |i: &&Inst| self.staged.stage_of[**i].index() == s;
        self.staged.pipeline.order.iter().filter(at).copied().collect()
    }

    /// Width of a value in hardware: entries are `{hit, slot}`.
    pub fn bits(&self, v: Value) -> u32 {
        match self.staged.pipeline.dfg.ty(v) {
            Ty::Int(n) => u32::from(n),
            Ty::Entry(map) => 1 + self.maps[map.index()].slot_bits,
        }
    }

    /// The text of a value that is the same everywhere and needs no register: a constant or a parameter.
    pub fn fixed(&self, v: Value) -> Option<Expr> {
        let op = self.staged.pipeline.dfg.def(v)?;
        let bits = self.bits(v);
        match op {
            Op::Const(c) => Some(Expr::constant(*c, bits)),
            Op::Input(Input::CpuId) => Some(Expr::closed("CPU_ID".to_owned(), bits, &[])),
            Op::Input(Input::Seed) => Some(Expr::closed("SEED".to_owned(), bits, &[])),
            Op::EntryConst { map, index } => {
                let present = index.filter(|i| u64::from(*i) < self.maps[map.index()].rows);
                let value = present.map_or(0, |i| 1u64 << (bits - 1) | u64::from(i));
                Some(Expr::constant(value, bits))
            }
            _ => None,
        }
    }

    /// True if `v` is the packet's length on arrival, perhaps widened.
    pub fn is_length(&self, v: Value) -> bool {
        match self.staged.pipeline.dfg.def(v) {
            Some(Op::Zext(inner)) => self.is_length(*inner),
            other => other == Some(&Op::Input(Input::PacketLen)),
        }
    }

    /// True if the field holds the packet's length on arrival.
    pub fn holds_length(&self, f: &Field) -> bool {
        match f.of {
            FieldOf::Length => true,
            FieldOf::Value(v) => self.is_length(v),
            FieldOf::Bytes { .. } => false,
        }
    }

    /// A map as the hardware has it.
    pub fn map(&self, map: MapId) -> &MapLayout {
        &self.maps[map.index()]
    }

    /// Bytes of the window in hardware: at least one.
    pub fn window(&self) -> u32 {
        self.staged.window.max(1)
    }

    /// Bytes of the longest key and of the longest value that the host reaches.
    pub fn host_bytes(&self) -> (u32, u32) {
        let used = || self.staged.pipeline.dfg.maps.iter().filter(|(id, _)| self.map(*id).used);
        let keyed = used().filter(|(id, _)| self.staged.lookups.iter().any(|l| l.map == *id));
        let key = keyed.map(|(_, m)| m.key_size).max().unwrap_or(1);
        // The slot of a boundary of an LPM map takes a word.
        let least = |m: &MapDecl| if m.kind == MapKind::LpmTrie { 4 } else { 1 };
        let value = used().map(|(_, m)| m.value_size.max(least(m))).max().unwrap_or(1);
        (key.max(1), value.max(1))
    }

    /// True if an operation of value port `n` changes rows.
    pub fn port_writes(&self, n: usize) -> bool {
        let dfg = &self.staged.pipeline.dfg;
        self.staged.value_ports[n].accesses.iter().any(|i| dfg.insts[*i].op.has_effect())
    }

    /// Bytes of a row of value port `n`.
    pub fn row_bytes(&self, n: usize) -> u32 {
        self.staged.pipeline.dfg.maps[self.staged.value_ports[n].map].value_size
    }

    /// True if an operation of value port `n` looks at the row or keeps part of it.
    pub fn reads_row(&self, n: usize) -> bool {
        let dfg = &self.staged.pipeline.dfg;
        let loads = |i: &Inst| matches!(dfg.insts[*i].op, Op::MapLoad { .. });
        !self.is_late(n) || self.staged.value_ports[n].accesses.iter().any(loads)
    }

    /// True if the memory of value port `n` has to be told which row is changed: it is not always the one that was read there last.
    pub fn says_index(&self, n: usize) -> bool {
        self.port_writes(n) && (self.is_late(n) || self.row_group(n).ports.len() > 1)
    }

    /// The entry that lookup `n` gives.
    pub fn lookup_result(&self, n: usize) -> Value {
        let inst = self.staged.lookups[n].inst;
        self.staged.pipeline.dfg.insts[inst].result.expect("a lookup has a result")
    }

    /// True if a new key of `map` may take the place of another.
    pub fn is_lru(&self, map: MapId) -> bool {
        let kind = self.staged.pipeline.dfg.maps[map].kind;
        self.map(map).table && matches!(kind, MapKind::LruHash | MapKind::LruPercpuHash)
    }

    /// Stage in which the row of value port `n` is there.
    pub fn row_stage(&self, n: usize) -> usize {
        self.staged.value_ports[n].issue.index() + self.staged.target.value_latency as usize
    }

    /// True if the changes of value port `n` come in a later stage than the row.
    pub fn is_late(&self, n: usize) -> bool {
        self.staged.value_ports[n].commit.index() > self.row_stage(n)
    }

    /// Gates before stage `s`, by number.
    pub fn gates_at(&self, s: usize) -> Vec<usize> {
        let gates = &self.staged.gates;
        (0..gates.len()).filter(|g| gates[*g].stage.index() == s).collect()
    }

    /// Lookups of `map`, by number.
    pub fn probes(&self, map: MapId) -> Vec<usize> {
        let lookups = &self.staged.lookups;
        (0..lookups.len()).filter(|l| lookups[*l].map == map).collect()
    }

    /// Stage in which the answer to lookup `l` is there.
    pub fn answer_stage(&self, l: usize) -> usize {
        let port = &self.staged.lookups[l];
        let decl = &self.staged.pipeline.dfg.maps[port.map];
        port.issue.index() + decl.lookup_latency(&self.staged.target) as usize
    }

    /// Name of the module of stage `s`.
    pub fn stage_module(&self, s: usize) -> String {
        format!("{}_stage_{s:02}", self.prefix)
    }

    /// Name of the package with the boundary types.
    pub fn package(&self) -> String {
        format!("{}_pkg", self.prefix)
    }

    /// Type of what stage `s` gets.
    pub fn in_type(&self, s: usize) -> String {
        match s {
            0 => "arrival_t".to_owned(),
            s => self.out_type(s - 1),
        }
    }

    /// Type of what stage `s` hands on.
    pub fn out_type(&self, s: usize) -> String {
        format!("after_{s:02}_t")
    }

    fn fields(&self, values: &[Value], bytes: &[ByteCoord]) -> Vec<Field> {
        let mut fields: Vec<Field> = values
            .iter()
            .filter(|v| self.fixed(**v).is_none())
            .map(|&v| Field {
                name: self.values[v].clone(),
                bits: self.bits(v),
                of: FieldOf::Value(v),
            })
            .collect();
        if !values.iter().any(|v| self.is_length(*v)) {
            fields.push(Field { name: "win_length".to_owned(), bits: 16, of: FieldOf::Length });
        }
        for (first, count) in runs(bytes) {
            fields.push(Field {
                name: window_name("win", first, count),
                bits: 8 * count,
                of: FieldOf::Bytes { first, count },
            });
        }
        fields
    }

    /// Stage 0 gets the trace inputs that are used, and the window bytes that it reads or hands on.
    fn arrival_fields(&self) -> Vec<Field> {
        let dfg = &self.staged.pipeline.dfg;
        let insts = self.stage_insts(0);
        let results = insts.iter().filter(|i| matches!(dfg.insts[**i].op, Op::Input(_)));
        let inputs: Vec<Value> = results.filter_map(|i| dfg.insts[*i].result).collect();
        let handed_on = self.staged.boundaries.first().map_or(&[][..], |b| &b.bytes);
        let needed = super::packet::live_bytes(self, &insts, handed_on).0;
        let bytes: Vec<ByteCoord> = needed.into_iter().filter(|c| *c >= 0).collect();
        self.fields(&inputs, &bytes)
    }
}

/// Entries that a gate of kind `Rows` compares, each once, in order.
fn compared(gate: &Gate) -> Vec<Value> {
    if gate.kind == GateKind::Keys {
        return Vec::new();
    }
    let all: BTreeSet<Value> = gate.reads.iter().copied().chain([gate.write]).collect();
    all.into_iter().collect()
}

/// Maximal runs of neighbouring coordinates in an ascending list.
pub fn runs(bytes: &[ByteCoord]) -> Vec<(ByteCoord, u32)> {
    let mut runs: Vec<(ByteCoord, u32)> = Vec::new();
    for &c in bytes {
        match runs.last_mut() {
            Some((first, count)) if *first + *count as i32 == c => *count += 1,
            _ => runs.push((c, 1)),
        }
    }
    runs
}

/// `win_12_15` for bytes 12 to 15, `win_m4_m1` for the four before the packet, `win_23` for one.
pub fn window_name(prefix: &str, first: ByteCoord, count: u32) -> String {
    let coord = |c: i32| if c < 0 { format!("m{}", -c) } else { c.to_string() };
    match count {
        1 => format!("{prefix}_{}", coord(first)),
        _ => format!("{prefix}_{}_{}", coord(first), coord(first + count as i32 - 1)),
    }
}
