//! `Pipeline` (predicated, no branches) and `StagedPipeline` (scheduled).

use crate::dfg::Dfg;
use crate::entities::{Inst, MapId, Stage, Value};
use crate::function::Verdict;
use crate::op::Op;
use crate::target::TargetDesc;
use cranelift_entity::SecondaryMap;

/// A program without branches: operations in an order that respects data flow and the order of
/// effects on the same state; each effect carries a predicate; each join is a `Select`.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Program name.
    pub name: String,
    /// Values and operations.
    pub dfg: Dfg,
    /// All live operations, in order.
    pub order: Vec<Inst>,
    /// What leaves at the end.
    pub verdict: Verdict,
}

impl Pipeline {
    /// True if packets change which keys `map` has, or how old they are: the hardware then places keys by itself.
    pub fn changes_keys(&self, map: MapId) -> bool {
        self.order.iter().any(|i| match self.dfg.insts[*i].op {
            Op::MapInsert { map: m, .. }
            | Op::MapRemove { map: m, .. }
            | Op::MapTouch { map: m, .. } => m == map,
            _ => false,
        })
    }
}

/// One lookup in a keyed map: the key is presented in `issue`, the entry exists from
/// stage `issue + MapDecl::lookup_latency`. Lookups in array kinds are plain comparisons and need no port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupPort {
    /// The map.
    pub map: MapId,
    /// The `MapLookup`.
    pub inst: Inst,
    /// Stage in which the key is presented.
    pub issue: Stage,
}

/// One access to a map's value memory: the row of `entry` is requested in stage `issue`; the row is there in stage
/// `issue + TargetDesc::value_latency`, where every load in `accesses` is placed. Stores and atomic operations are placed in stage `commit`, and what they
/// change is written at the end of that stage. If `commit` is the stage in which the row is there, the next packet sees the change; if it is later,
/// a [`Gate`] keeps younger packets from requesting the row meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuePort {
    /// The map.
    pub map: MapId,
    /// The entry whose row is read.
    pub entry: Value,
    /// Stage in which the row is requested.
    pub issue: Stage,
    /// Stage at whose end changes are written; of a port that only reads, the stage in which the row is there.
    pub commit: Stage,
    /// Array indices that the port serves, from the first to behind the last, if the map's ports have memories of their own for
    /// disjoint ranges; none: every entry.
    pub rows: Option<(u32, u32)>,
    /// `MapLoad`, `MapStore` and `MapAtomic` operations, in program order.
    pub accesses: Vec<Inst>,
}

impl ValuePort {
    /// Last stage in which the slot of `entry` is needed, of one of `ports`: where the row is requested; if the port `writes` and its memory does not
    /// know by itself which row is changed (it is not the one read a stage before, or other ports have copies), where that happens.
    pub fn slot_until(&self, ports: &[ValuePort], value_latency: u32, writes: bool) -> Stage {
        let late = self.commit.as_u32() > self.issue.as_u32() + value_latency;
        let copies = ports.iter().filter(|p| p.map == self.map && p.rows == self.rows).count() > 1;
        if writes && (late || copies) {
            self.commit
        } else {
            self.issue
        }
    }
}

/// What a [`Gate`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GateKind {
    /// Keys of lookups: the map's keys change later than where they are looked up.
    Keys,
    /// Entries whose rows are requested: rows change later than they are read.
    Rows,
}

/// A place before stage `stage` where a packet waits as long as an older one may still change what it is about to read.
///
/// A packet moves on from stage `stage` in a cycle only if each older packet that has moved on from there with `may` = 1 and whose `write`
/// is the same key (entry) as one of the packet's `reads` is in stage `commit` or has passed it; and only if fewer than `depth` packets
/// with `may` = 1 have moved on from `stage` and not reached `commit`. Packets that arrive meanwhile queue behind it. A gate of kind `Keys`
/// of an LRU map holds every packet as long as there is any of the latter, another one does so while the table is nearly full
/// (`docs/rtl-interface.md`).
///
/// Tables and memories run on while a packet waits, so nothing that a packet has asked for may still be under way when it comes to a gate: `stage` is not
/// 0, and of no lookup or value port in `issue + 1 ..= issue + latency` (invariant S11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The map.
    pub map: MapId,
    /// What is compared.
    pub kind: GateKind,
    /// Stage before which it stands: that in which the keys are presented or the rows requested. Never the first stage, and never behind the
    /// stage in which another key is presented or row requested up to that in which the answer is there: memories do not wait.
    pub stage: Stage,
    /// Stage of the change, behind `stage`.
    pub commit: Stage,
    /// Packets with `may` = 1 between the two, at most.
    pub depth: u32,
    /// Entries of the map: of kind `Keys`, results of lookups presented in `stage`; of kind `Rows`, entries of the ports that request rows in `stage`.
    pub reads: Vec<Value>,
    /// The entry that may be changed, one of the same sort.
    pub write: Value,
    /// `i1`, known in `stage` and carried to `commit`: 0 only if the packet changes nothing. None: always 1.
    pub may: Option<Value>,
}

/// How the output gets one byte of the packet window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByteExit {
    /// Never written: the byte from the packet FIFO is good.
    Original,
    /// The pipeline's byte replaces the FIFO's if any of these predicates is 1 (an empty list: always).
    /// Each predicate is carried to the exit like a live value.
    Patched(Vec<Value>),
}

/// A byte of the packet window, by coordinate (negative: headroom).
pub type ByteCoord = i32;

/// What is registered between stage `n` and stage `n + 1`.
///
/// A value is live from the stage that makes it (of a lookup in a keyed map: `issue + hash_latency`) to the last stage that
/// uses it; constants and `EntryConst`s are never registered. Trace inputs are made in stage 0.
///
/// A window byte is *present* in a stage if the boundary before it holds the byte (in stage 0: every byte of the window) or if an
/// earlier operation of that stage stored to it at a constant coordinate. Within a stage, packet operations work on the present bytes in
/// the order of `order`: a load reads present bytes only; a store with a predicate leaves the old content of a
/// present byte if the predicate is 0, and defines an absent byte anyway (its old content is not needed, the exit's
/// predicates choose the packet FIFO's byte); a store at a variable coordinate finds all bytes that it may touch present; `PktZero`
/// clears the present bytes in its range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boundary {
    /// Live values, ascending.
    pub values: Vec<Value>,
    /// Live window bytes, ascending.
    pub bytes: Vec<ByteCoord>,
}

impl StagedPipeline {
    /// The `EventOutput` operations, in the order in which their records leave.
    pub fn events(&self) -> impl Iterator<Item = Inst> + '_ {
        let dfg = &self.pipeline.dfg;
        let sends = |i: &&Inst| matches!(dfg.insts[**i].op, Op::EventOutput { .. });
        self.pipeline.order.iter().filter(sends).copied()
    }

    /// True if packets may send events.
    pub fn sends_events(&self) -> bool {
        self.events().next().is_some()
    }
}

/// A scheduled pipeline: one packet enters per clock, each stage takes one clock.
#[derive(Clone, Debug)]
pub struct StagedPipeline {
    /// The operations, with `order` refined so that it ascends by stage.
    pub pipeline: Pipeline,
    /// What it was scheduled for.
    pub target: TargetDesc,
    /// Number of stages.
    pub num_stages: u32,
    /// Stage of every operation in `order`; of a lookup in a keyed map, the stage in which its key is presented.
    pub stage_of: SecondaryMap<Inst, Stage>,
    /// Register boundaries: `boundaries[n]` lies after stage `n`; there are `num_stages` of them, and
    /// the last feeds the descriptor FIFO: it holds the verdict values, the patched bytes and their predicates.
    pub boundaries: Vec<Boundary>,
    /// Lookups in keyed maps.
    pub lookups: Vec<LookupPort>,
    /// Accesses to value memories. Of a map that the program writes, ports that serve the same entries have one `issue`, and one of them writes.
    pub value_ports: Vec<ValuePort>,
    /// Where packets may wait, ascending by stage.
    pub gates: Vec<Gate>,
    /// Bytes of headroom in the window: the most negative coordinate that the program can touch, negated.
    pub headroom: u32,
    /// Bytes of the packet in the window: one more than the largest coordinate that the program can touch.
    pub window: u32,
    /// How each written byte reaches the output, ascending by coordinate; absent bytes are `Original`.
    pub exits: Vec<(ByteCoord, ByteExit)>,
}
