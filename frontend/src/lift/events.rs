//! Lift of the helpers that send data to user space: perf events and ring buffers.
//!
//! A record becomes one `event_output`, whose data are values: what the program put into memory, followed by packet bytes for perf
//! events that ask for them. What a helper returns is arithmetic beside it. The memory of a reserved record is gone as the stack is: its
//! bytes are values, zero at first, and its submission is the event.
//!
//! The consumer keeps up (`docs/semantics.md`): a ring is empty when a packet begins, so whether there is room for a record depends on
//! this packet's records alone. That is known here in programs without loops and tail calls whose records all fit; else the bytes taken
//! are counted, and unrolling and linking mostly make the count a constant again.

use super::graph::Graph;
use super::memory::{Area, Place};
use super::ssa::{record_area, State, Var};
use super::{map_id, Lift, Wiring};
use crate::facts::{InsnFacts, PtrKind, RegFact, ScalarRange, VerifiedProgram};
use crate::insn::{Callee, Insn, Pc, Reg};
use crate::program::Program;
use beeline_ir::dfg::{Ty, ValueDef};
use beeline_ir::entities::{MapId, Value};
use beeline_ir::function::Function;
use beeline_ir::op::{BinOp, Bounds, CmpOp, Input, Op, MAX_EVENT_BYTES};
use beeline_ir::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};

const R1: Reg = Reg(1);
const R2: Reg = Reg(2);
const R3: Reg = Reg(3);
const R4: Reg = Reg(4);
const R5: Reg = Reg(5);

const RINGBUF_OUTPUT: u32 = 130;
const RINGBUF_RESERVE: u32 = 131;

const E2BIG: i64 = -7;
const EAGAIN: i64 = -11;
const EFAULT: i64 = -14;
const EINVAL: i64 = -22;
const EOPNOTSUPP: i64 = -95;

/// `BPF_F_CURRENT_CPU`
const CURRENT_CPU: u64 = 0xffff_ffff;
/// The flags of `bpf_ringbuf_output` that a program may give.
const WAKEUP_MASK: u64 = 3;
/// Bytes in front of each record of a ring buffer.
const HEADER: u64 = 8;

/// What is known of the ring buffers before the walk, and what must hold after it.
pub(super) struct Rings {
    /// The slots of the calls that reserve, by map.
    sites: BTreeMap<MapId, BTreeSet<u32>>,
    /// Rings in which all records that a packet can make fit together.
    always_fit: BTreeSet<MapId>,
    /// Values that must be 0 wherever they are used: [`Var::Reserved`] where another record begins.
    must_be_zero: Vec<(Value, Pc)>,
}

impl Rings {
    pub(super) fn new(verified: &VerifiedProgram, graph: &Graph, wiring: &Wiring<'_>) -> Self {
        let program = verified.program();
        let mut sites: BTreeMap<MapId, BTreeSet<u32>> = BTreeMap::new();
        let mut taken: BTreeMap<MapId, u64> = BTreeMap::new();
        for ((_, pc), facts) in &verified.facts().insns {
            let Insn::Call(Callee::Helper(id)) = program.insns[pc.index()] else { continue };
            let size = match id {
                RINGBUF_OUTPUT => R3,
                RINGBUF_RESERVE => R2,
                _ => continue,
            };
            let Some(map) = map_of(facts, R1) else { continue };
            if id == RINGBUF_RESERVE {
                sites.entry(map).or_default().insert(pc.0);
            }
            let bytes = record_bytes(range(facts, size).umax.min(1 << 40));
            *taken.entry(map).or_default() += bytes;
        }
        let fits = |map: &MapId, bytes: u64| {
            let ring = &program.maps[map.as_u32() as usize];
            let alone = !graph.has_loop() && wiring.slots.is_empty();
            alone && bytes < u64::from(ring.entries_as_created())
        };
        let always_fit = taken.into_iter().filter(|(m, b)| fits(m, *b)).map(|(m, _)| m).collect();
        Self { sites, always_fit, must_be_zero: Vec::new() }
    }

    /// Refuses programs that begin a record while another one of the same ring may still be open: the order of events is that of the
    /// reservations, but here they are sent when they are submitted.
    pub(super) fn check(&self, program: &Program, f: &Function) -> Result<(), Vec<Diagnostic>> {
        let open = self.must_be_zero.iter().filter(|(v, _)| !is_zero(f, *v));
        let places: BTreeSet<Pc> = open.map(|(_, pc)| *pc).collect();
        let refusal = |pc: Pc| {
            Diagnostic::error("BL0427", "a record of the same ring buffer may still be open here")
                .at(program.place(pc))
                .help("submit or discard each record before the next one is reserved")
        };
        match places.is_empty() {
            true => Ok(()),
            false => Err(places.into_iter().map(refusal).collect()),
        }
    }
}

/// True if nothing but the constant 0 can reach `v` through block parameters.
fn is_zero(f: &Function, v: Value) -> bool {
    let mut seen = BTreeSet::new();
    let mut work = vec![v];
    while let Some(v) = work.pop() {
        if !seen.insert(v) || f.dfg.as_const(v) == Some(0) {
            continue;
        }
        let ValueDef::Param(block, n) = f.dfg.values[v].def else { return false };
        let targets = f.blocks.values().flat_map(|b| b.term.targets());
        work.extend(targets.filter(|t| t.block == block).map(|t| t.args[n as usize]));
    }
    true
}

/// Bytes of the ring that a record of `size` bytes takes.
fn record_bytes(size: u64) -> u64 {
    (size + HEADER).next_multiple_of(8)
}

fn map_of(facts: &InsnFacts, r: Reg) -> Option<MapId> {
    match facts.regs[r.index()] {
        RegFact::Ptr { kind: PtrKind::Map(m), .. } => Some(map_id(m)),
        _ => None,
    }
}

fn range(facts: &InsnFacts, r: Reg) -> ScalarRange {
    match facts.regs[r.index()] {
        RegFact::Scalar(s) => s,
        _ => ScalarRange::unknown(),
    }
}

/// A record in the making: its longest content and how much of it counts.
struct Record {
    data: Vec<Value>,
    /// `i16`
    len: Value,
}

impl Lift<'_> {
    fn range_of(&self, r: Reg) -> ScalarRange {
        self.facts().map_or_else(ScalarRange::unknown, |f| range(f, r))
    }

    /// The memory of the record that the call at `site` reserves.
    pub(super) fn record(&self, site: u32) -> Area {
        let bytes = self.records.get(&site).map_or(0, |(_, bytes)| *bytes);
        Area { id: record_area(site), origin: 0, size: i64::from(bytes.max(1)) }
    }

    /// `bpf_perf_event_output(ctx, map, flags, data, size)`
    pub(super) fn perf_event_output(&mut self) -> Option<Value> {
        let map = self.map_arg(R2)?;
        let flags = self.number(R3);
        let packet = self.packet_bytes(self.range_of(R3));
        let record = self.sent_bytes((R4, R5), packet, flags)?;
        let (bad, fault) = self.perf_faults(flags, packet);
        let (big, foreign) = self.perf_index_faults(map, flags);
        let mut code = self.b.iconst(0, 64);
        for (wrong, errno) in [(foreign, EOPNOTSUPP), (big, E2BIG), (fault, EFAULT), (bad, EINVAL)]
        {
            let errno = self.b.iconst(errno as u64, 64);
            code = self.b.select(wrong, errno, code);
        }
        let first = self.b.bin(BinOp::Or, bad, fault);
        let second = self.b.bin(BinOp::Or, big, foreign);
        let any = self.b.bin(BinOp::Or, first, second);
        self.send(map, record, any);
        Some(code)
    }

    /// The largest number of packet bytes that flags in `range` ask for.
    fn packet_bytes(&self, range: ScalarRange) -> u64 {
        let by_range = if range.umax >> 52 == 0 { range.umax >> 32 } else { u64::MAX };
        let by_bits = (range.value | range.mask) >> 32 & 0xf_ffff;
        by_range.min(by_bits)
    }

    /// Unknown flags; more packet bytes than there are.
    fn perf_faults(&mut self, flags: Value, packet: u64) -> (Value, Value) {
        let unknown = self.b.extract(flags, 52, 12);
        let none = self.b.iconst(0, 12);
        let bad = self.b.cmp(CmpOp::Ne, unknown, none);
        if packet == 0 {
            return (bad, self.b.iconst(0, 1));
        }
        let wanted = self.b.extract(flags, 32, 20);
        let wanted = self.b.zext(wanted, 64);
        let start = self.b.read(Var::State(State::Start));
        let end = self.b.read(Var::State(State::End));
        let there = self.b.bin(BinOp::Sub, end, start);
        (bad, self.b.cmp(CmpOp::Ult, there, wanted))
    }

    /// The index lies behind the array's end; it is another CPU's. Each CPU has its event at its own index.
    fn perf_index_faults(&mut self, map: MapId, flags: Value) -> (Value, Value) {
        let entries = self.b.dfg().maps[map].max_entries;
        let index = self.b.extract(flags, 0, 32);
        let cpu = self.b.emit(Op::Input(Input::CpuId), Ty::Int(32));
        let current = self.b.iconst(CURRENT_CPU, 32);
        let is_current = self.b.cmp(CmpOp::Eq, index, current);
        let index = self.b.select(is_current, cpu, index);
        let entries = self.b.iconst(entries.into(), 32);
        let big = self.b.cmp(CmpOp::Ule, entries, index);
        (big, self.b.cmp(CmpOp::Ne, index, cpu))
    }

    /// What is sent: the bytes at `memory.0`, as many as `memory.1` says, and then up to `packet` bytes of the packet, as
    /// many as the upper half of `flags` says.
    fn sent_bytes(&mut self, memory: (Reg, Reg), packet: u64, flags: Value) -> Option<Record> {
        let size = self.range_of(memory.1);
        let total = size.umax.saturating_add(packet);
        if total > MAX_EVENT_BYTES.into() {
            self.refuse(
                "BL0425",
                format!("a record may have {total} bytes; the hardware's have at most {MAX_EVENT_BYTES}"),
                "send fewer bytes, or compare the length with a constant and cut it before the call",
            );
            return None;
        }
        if size.as_constant().is_none() && packet > 0 {
            self.refuse(
                "BL0425",
                "a record of a number of bytes that is not constant, with packet bytes behind it"
                    .to_string(),
                "send the same number of bytes each time",
            );
            return None;
        }
        let mut data = match size.umax {
            0 => Vec::new(),
            n => {
                let place = self.place(memory.0, 0)?;
                self.load_bytes(place, n as u32)?
            }
        };
        let size = self.number(memory.1);
        let mut len = self.b.extract(size, 0, 16);
        if packet > 0 {
            let off = self.b.iconst(0, 64);
            let start = Place::Packet { off, bounds: Bounds::constant(0) };
            data.extend(self.load_bytes(start, packet as u32)?);
            let more = self.b.extract(flags, 32, 16);
            len = self.b.bin(BinOp::Add, len, more);
        }
        Some(Record { data, len })
    }

    /// Sends `record` unless `not` is 1.
    fn send(&mut self, map: MapId, record: Record, not: Value) {
        let zero = self.b.iconst(0, 1);
        let when = self.b.cmp(CmpOp::Eq, not, zero);
        self.b.effect(Op::EventOutput { map, data: record.data, len: record.len, when });
    }

    /// `bpf_ringbuf_output(map, data, size, flags)`
    pub(super) fn ringbuf_output(&mut self) -> Option<Value> {
        let map = self.map_arg(R1)?;
        let nothing = self.b.iconst(0, 64);
        let record = self.sent_bytes((R2, R3), 0, nothing)?;
        let flags = self.number(R4);
        let unknown = self.b.iconst(!WAKEUP_MASK, 64);
        let unknown = self.b.bin(BinOp::And, flags, unknown);
        let zero = self.b.iconst(0, 64);
        let bad = self.b.cmp(CmpOp::Ne, unknown, zero);
        let good = self.b.cmp(CmpOp::Eq, unknown, zero);
        self.no_open_record(map);
        let size = self.number(R3);
        let room = self.take(map, size, good);
        let none = self.b.iconst(0, 1);
        let full = self.b.cmp(CmpOp::Eq, room, none);
        let again = self.b.iconst(EAGAIN as u64, 64);
        let inval = self.b.iconst(EINVAL as u64, 64);
        let code = self.b.select(full, again, zero);
        let code = self.b.select(bad, inval, code);
        let not = self.b.bin(BinOp::Or, bad, full);
        self.send(map, record, not);
        Some(code)
    }

    /// Takes room for a record of `size` bytes in the ring `map` if `wanted` (`i1`) and there is enough of it; the result says so.
    fn take(&mut self, map: MapId, size: Value, wanted: Value) -> Value {
        let used = self.b.read(Var::RingUsed(map));
        let round = self.b.iconst(HEADER + 7, 64);
        let sum = self.b.bin(BinOp::Add, size, round);
        let mask = self.b.iconst(!7, 64);
        let bytes = match self.b.dfg().as_const(sum) {
            Some(c) => self.b.iconst(c & !7, 64),
            None => self.b.bin(BinOp::And, sum, mask),
        };
        let after = self.b.bin(BinOp::Add, used, bytes);
        let room = if self.rings.always_fit.contains(&map) {
            wanted
        } else {
            let size = self.b.dfg().maps[map].max_entries;
            let size = self.b.iconst(size.into(), 64);
            let fits = self.b.cmp(CmpOp::Ult, after, size);
            self.b.bin(BinOp::And, fits, wanted)
        };
        let used = self.b.select(room, after, used);
        self.b.write(Var::RingUsed(map), used);
        room
    }

    /// From here on, another record of `map` must not be open.
    fn no_open_record(&mut self, map: MapId) {
        let sites: Vec<u32> = self.rings.sites.get(&map).into_iter().flatten().copied().collect();
        for site in sites {
            let open = self.b.read(Var::Reserved(site));
            self.rings.must_be_zero.push((open, self.pc));
        }
    }

    /// `bpf_ringbuf_reserve(map, size, flags)`: the result is a pointer to the record, as an offset, or NULL.
    pub(super) fn ringbuf_reserve(&mut self) -> Option<Value> {
        let map = self.map_arg(R1)?;
        let size = self.range_of(R2).umax;
        let site = self.pc.0;
        let kept = self.records.insert(site, (map, size.min(MAX_EVENT_BYTES.into()) as u32));
        if size > MAX_EVENT_BYTES.into() {
            self.refuse(
                "BL0425",
                format!("a record has {size} bytes; the hardware's have at most {MAX_EVENT_BYTES}"),
                "split it, or send fewer bytes",
            );
            return None;
        }
        if kept.is_some_and(|k| k != self.records[&site]) {
            self.refuse(
                "BL0410",
                "this call reserves different records on different paths".to_string(),
                "call the helper once for each ring buffer and size",
            );
            return None;
        }
        self.no_open_record(map);
        let flags = self.number(R3);
        let zero = self.b.iconst(0, 64);
        let wanted = match self.b.dfg().as_const(flags) {
            Some(c) => self.b.iconst(u64::from(c == 0), 1),
            None => self.b.cmp(CmpOp::Eq, flags, zero),
        };
        let bytes = self.number(R2);
        let room = self.take(map, bytes, wanted);
        let reserved = self.b.zext(room, 64);
        self.b.write(Var::Reserved(site), reserved);
        let area = self.record(site);
        for lo in (0..size as u16).step_by(8) {
            let n = (size as u16 - lo).min(8) as u8;
            let empty = self.b.iconst(0, n * 8);
            self.b.write_stack(area.id, lo, n, empty);
        }
        Some(zero)
    }

    /// `bpf_ringbuf_submit(record, flags)` or `bpf_ringbuf_discard(record, flags)`, whose flags have no effect.
    pub(super) fn ringbuf_commit(&mut self, submit: bool) -> Option<Value> {
        let site = match self.fact(R1) {
            RegFact::Ptr { kind: PtrKind::Mem(site), .. } => site,
            _ => u32::MAX,
        };
        let Some(&(map, bytes)) = self.records.get(&site) else {
            self.refuse(
                "BL0405",
                "r1 points at different records on different paths".to_string(),
                "submit or discard each record where it was reserved",
            );
            return None;
        };
        let zero = self.b.iconst(0, 64);
        if submit {
            let bounds = Bounds::constant(0);
            let data = match bytes {
                0 => Vec::new(),
                _ => self.load_bytes(Place::Record { site, off: zero, bounds }, bytes)?,
            };
            let len = self.b.iconst(bytes.into(), 16);
            let never = self.b.iconst(0, 1);
            self.send(map, Record { data, len }, never);
        }
        self.b.write(Var::Reserved(site), zero);
        Some(zero)
    }

    /// `bpf_ringbuf_query(map, what)`: what depends on this packet alone.
    pub(super) fn ringbuf_query(&mut self) -> Option<Value> {
        let map = self.map_arg(R1)?;
        match self.range_of(R2).as_constant() {
            Some(0) => Some(self.b.read(Var::RingUsed(map))),
            Some(1) => {
                let size = self.b.dfg().maps[map].max_entries;
                Some(self.b.iconst(size.into(), 64))
            }
            Some(n) if n > 3 => Some(self.b.iconst(0, 64)),
            _ => {
                self.refuse(
                    "BL0426",
                    "positions in a ring buffer: the hardware sends records and keeps no ring"
                        .to_string(),
                    "ask for BPF_RB_AVAIL_DATA or BPF_RB_RING_SIZE only",
                );
                None
            }
        }
    }
}
