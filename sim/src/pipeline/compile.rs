//! A staged pipeline as micro-operations.

mod boundary;
mod sections;
mod tickets;

use super::clockwork::Shape;
use super::events::EventSlot;
use super::op::{Atomic, Coord, Insert, Key, Micro, Pair, Place, Row};
use beeline_ir::dfg::{low_mask, Dfg};
use beeline_ir::entities::{Inst, MapId, Value};
use beeline_ir::op::{BinOp, CmpOp, Op};
use beeline_ir::pipeline::{ByteCoord, Gate};
use beeline_ir::schedule::deps::state_order;
use beeline_ir::schedule::window::Touches;
use beeline_ir::StagedPipeline;
use cranelift_entity::{EntityRef, SecondaryMap};
use sections::Sections;
use std::collections::BTreeSet;
use std::ops::Range;
use tickets::{GateTicket, Tickets};

/// Operations of one stage, or of several that packets pass one by one.
#[derive(Default)]
pub(super) struct StageCode {
    /// Executed for all lanes at once.
    pub before: Vec<Micro>,
    /// From the first access to what programs change in maps to the last: executed packet by packet.
    pub serial: Vec<Micro>,
    /// Executed for all lanes at once, afterwards.
    pub after: Vec<Micro>,
}

/// Bytes that leave patched, under the same predicates.
pub(super) struct Patch {
    /// Any of these rows; none: always.
    pub preds: Vec<Row>,
    /// First coordinate and number of bytes.
    pub runs: Vec<(ByteCoord, usize)>,
}

/// A pipeline, compiled.
pub(super) struct Program {
    pub stages: Vec<StageCode>,
    /// Rows of the frame.
    pub rows: usize,
    /// Content of the constant rows.
    pub constants: Vec<(Row, u64)>,
    pub headroom: usize,
    pub window: usize,
    /// Rows of the verdict, in the order of [`beeline_ir::Verdict::values`], with their widths.
    pub verdict: [(Row, u8); 6],
    pub patches: Vec<Patch>,
    /// In the order in which they leave.
    pub events: Vec<EventSlot>,
    pub shape: Shape,
    pub tickets: Tickets,
}

impl Program {
    pub fn compile(staged: &StagedPipeline, strict: bool) -> Self {
        let mut c = Compiler::new(staged, strict);
        let Sections { runs, ordered } = Sections::of(staged);
        let mut stages = Vec::new();
        let mut order = staged.pipeline.order.as_slice();
        for run in runs {
            let here = order.iter().take_while(|&&i| run.contains(&staged.stage_of[i].index()));
            let (insts, rest) = order.split_at(here.count());
            order = rest;
            stages.push(match strict && run.len() > 1 {
                true => c.strict_run(run, insts),
                false => c.run(run, insts, &ordered),
            });
        }
        let dfg = &staged.pipeline.dfg;
        let verdict = staged.pipeline.verdict.values().map(|v| (c.row(v), dfg.bits(v)));
        let patches = c.patches();
        let events = c.events();
        let shape = Shape::of(staged);
        let tickets = c.tickets(&shape.gates);
        Self {
            stages,
            rows: c.rows as usize,
            constants: c.constants,
            headroom: staged.headroom as usize,
            window: staged.window as usize,
            verdict,
            patches,
            events,
            shape,
            tickets,
        }
    }
}

/// `insts`, in whose order every `map_touch` comes before the `map_insert` of its map, with what it depends on: the table knows all that a
/// packet uses when it chooses what goes.
fn touches_first(dfg: &Dfg, mut insts: Vec<Inst>) -> Vec<Inst> {
    for at in 0..insts.len() {
        let Op::MapInsert { map, .. } = dfg.insts[insts[at]].op else { continue };
        let mut ahead: BTreeSet<Inst> = BTreeSet::new();
        for &i in insts[at + 1..].iter().rev() {
            let data = &dfg.insts[i];
            let touches = matches!(data.op, Op::MapTouch { map: m, .. } if m == map);
            if touches || ahead.contains(&i) {
                ahead.insert(i);
                let mut operands: Vec<Value> = data.pred.into_iter().collect();
                data.op.for_each_arg(|v| operands.push(v));
                ahead.extend(operands.into_iter().filter_map(|v| dfg.maker(v)));
            }
        }
        if ahead.contains(&insts[at]) {
            continue; // whether the entry is used depends on the insertion: then it is that of the key itself
        }
        let rest = insts.split_off(at);
        let (first, then): (Vec<Inst>, Vec<Inst>) =
            rest.into_iter().partition(|i| ahead.contains(i));
        insts.extend(first);
        insts.extend(then);
    }
    insts
}

struct Compiler<'a> {
    staged: &'a StagedPipeline,
    dfg: &'a Dfg,
    row_of: SecondaryMap<Value, Option<Row>>,
    rows: Row,
    constants: Vec<(Row, u64)>,
    /// A row of ones.
    always: Row,
    touches: Touches,
    /// What each operation waits for.
    before: SecondaryMap<Inst, Vec<Inst>>,
    strict: bool,
    /// Ascending by stage.
    gates: Vec<&'a Gate>,
    /// For each gate, what the time side wants to know of a packet.
    notes: Vec<Option<GateTicket>>,
    /// Map numbers, with the rows that say that an entry was made, or removed.
    made: Vec<(usize, Row)>,
    gone: Vec<(usize, Row)>,
}

impl<'a> Compiler<'a> {
    fn new(staged: &'a StagedPipeline, strict: bool) -> Self {
        let dfg = &staged.pipeline.dfg;
        let mut before: SecondaryMap<Inst, Vec<Inst>> = SecondaryMap::new();
        for (earlier, later) in state_order(&staged.pipeline) {
            before[later].push(earlier);
        }
        for &inst in &staged.pipeline.order {
            let data = &dfg.insts[inst];
            let mut operands: Vec<Value> = data.pred.into_iter().collect();
            data.op.for_each_arg(|v| operands.push(v));
            before[inst].extend(operands.into_iter().filter_map(|v| dfg.maker(v)));
        }
        let mut gates: Vec<&Gate> = staged.gates.iter().collect();
        gates.sort_by_key(|g| g.stage);
        let mut c = Self {
            staged,
            dfg,
            row_of: SecondaryMap::new(),
            rows: 0,
            constants: Vec::new(),
            always: 0,
            touches: Touches::default(),
            before,
            strict,
            notes: gates.iter().map(|_| None).collect(),
            gates,
            made: Vec::new(),
            gone: Vec::new(),
        };
        c.always = c.constant(1);
        // Constants come first: their rows must lie before those of all results.
        for &inst in &staged.pipeline.order {
            let constant = match &dfg.insts[inst].op {
                Op::Const(x) => *x,
                Op::EntryConst { index, .. } => index.map_or(0, |i| u64::from(i) + 1),
                _ => continue,
            };
            let row = c.constant(constant);
            c.row_of[dfg.insts[inst].result.expect("constants have results")] = Some(row);
        }
        c
    }

    fn constant(&mut self, x: u64) -> Row {
        if let Some((row, _)) = self.constants.iter().find(|(_, c)| *c == x) {
            return *row;
        }
        self.rows += 1;
        self.constants.push((self.rows - 1, x));
        self.rows - 1
    }

    fn row(&self, v: Value) -> Row {
        self.row_of[v].expect("a valid pipeline defines values before it uses them")
    }

    fn fresh(&mut self, v: Value) -> Row {
        let row = self.rows;
        self.rows += 1;
        self.row_of[v] = Some(row);
        row
    }

    /// Splits the operations `insts` of the stages `run` around the accesses to what packets change, `ordered`.
    fn run(&mut self, run: Range<usize>, insts: &[Inst], ordered: &BTreeSet<Inst>) -> StageCode {
        let access = |i: &Inst| ordered.contains(i);
        let mut behind: BTreeSet<Inst> = BTreeSet::new();
        for i in insts {
            if access(i) || self.before[*i].iter().any(|b| behind.contains(b)) {
                behind.insert(*i);
            }
        }
        let mut ahead: BTreeSet<Inst> = BTreeSet::new();
        for i in insts.iter().rev() {
            if access(i) || ahead.contains(i) {
                ahead.insert(*i);
                ahead.extend(&self.before[*i]);
            }
        }
        let part = |i: &Inst| match (behind.contains(i), ahead.contains(i)) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        };
        let [before, serial, after] =
            [0, 1, 2].map(|n| insts.iter().copied().filter(|i| part(i) == n).collect::<Vec<_>>());
        let mut code = StageCode::default();
        // Rows are numbered in the order of execution.
        before.into_iter().for_each(|i| self.inst(i, &mut code.before));
        let serial = touches_first(self.dfg, serial);
        serial.iter().for_each(|i| self.inst(*i, &mut code.serial));
        self.settle(&serial, &mut code.serial);
        after.into_iter().for_each(|i| self.inst(i, &mut code.after));
        run.for_each(|n| self.boundary(n, &mut code.after));
        code
    }

    /// Behind all that `insts` do to the keys of maps.
    fn settle(&self, insts: &[Inst], out: &mut Vec<Micro>) {
        let changed = insts.iter().filter_map(|&i| match self.dfg.insts[i].op {
            Op::MapInsert { map, .. } | Op::MapTouch { map, .. } | Op::MapRemove { map, .. } => {
                Some(map.as_u32())
            }
            _ => None,
        });
        let changed: BTreeSet<u32> = changed.collect();
        out.extend(changed.into_iter().map(|map| Micro::Settle { map }));
    }

    /// Strict mode: the stages `run`, packet by packet with all that happens at their boundaries.
    fn strict_run(&mut self, run: Range<usize>, insts: &[Inst]) -> StageCode {
        let mut code = StageCode::default();
        for n in run {
            let here = insts.iter().filter(|i| self.staged.stage_of[**i].index() == n);
            let here = touches_first(self.dfg, here.copied().collect());
            here.into_iter().for_each(|i| self.inst(i, &mut code.serial));
            self.boundary(n, &mut code.serial);
        }
        self.settle(insts, &mut code.serial);
        code
    }

    /// What the simulator itself does at the end of stage `n`.
    fn boundary(&mut self, n: usize, out: &mut Vec<Micro>) {
        self.note_gates(n, self.strict, out);
        if self.strict {
            self.check_may(n, out);
            self.forget(n, out);
        }
    }

    fn inst(&mut self, inst: Inst, out: &mut Vec<Micro>) {
        let data = &self.dfg.insts[inst];
        match &data.op {
            // Events are read from the last boundary.
            Op::Const(_) | Op::EntryConst { .. } | Op::EventOutput { .. } => {}
            Op::Zext(a) => self.row_of[data.result.expect("has a result")] = Some(self.row(*a)),
            Op::PktLoad { .. } | Op::PktStore { .. } | Op::PktZero { .. } => {
                self.packet_op(inst, out)
            }
            Op::MapLookup { .. }
            | Op::MapLoad { .. }
            | Op::MapStore { .. }
            | Op::MapAtomic { .. } => {
                self.map_op(inst, out);
            }
            Op::MapInsert { .. } | Op::MapRemove { .. } | Op::MapTouch { .. } => {
                self.key_op(inst, out);
            }
            Op::Select { cond, if_true, if_false } => {
                let (cond, if_true, if_false) =
                    (self.row(*cond), self.row(*if_true), self.row(*if_false));
                let dst = self.fresh(data.result.expect("selects have results"));
                out.push(Micro::Select { dst, cond, if_true, if_false });
            }
            op => {
                let v = data.result.expect("pure operations have results");
                self.pure(op, v, out);
            }
        }
    }

    fn pure(&mut self, op: &Op, v: Value, out: &mut Vec<Micro>) {
        let bits = self.dfg.bits(v);
        let mask = low_mask(bits);
        let micro = match op {
            Op::Concat(parts) => return self.concat(parts, v, out),
            Op::Bin(op, a, b) => self.binary(*op, *a, *b, v),
            Op::Cmp(op, a, b) => {
                let sign = 1 << (self.dfg.ty(*a).bits().unwrap_or(64) - 1);
                let pair = Pair { a: self.row(*a), b: self.row(*b), dst: self.fresh(v) };
                match op {
                    CmpOp::Eq => Micro::Eq(pair),
                    CmpOp::Ne => Micro::Ne(pair),
                    CmpOp::Ult => Micro::Ult(pair),
                    CmpOp::Ule => Micro::Ule(pair),
                    CmpOp::Slt => Micro::Slt(pair, sign),
                    CmpOp::Sle => Micro::Sle(pair, sign),
                }
            }
            Op::Input(input) => Micro::Input { dst: self.fresh(v), input: *input },
            Op::Sext(a) => {
                let (a, shift) = (self.row(*a), 64 - self.dfg.bits(*a));
                Micro::Sext { dst: self.fresh(v), a, shift, mask }
            }
            Op::Extract { value, lo } => {
                let a = self.row(*value);
                Micro::Extract { dst: self.fresh(v), a, shift: *lo, mask }
            }
            Op::Bswap(a) => {
                let a = self.row(*a);
                Micro::Bswap { dst: self.fresh(v), a, shift: 64 - bits }
            }
            Op::EntryIsNull(e) => {
                let a = self.row(*e);
                Micro::IsNull { dst: self.fresh(v), a }
            }
            _ => unreachable!("the other operations are compiled elsewhere"),
        };
        out.push(micro);
    }

    fn binary(&mut self, op: BinOp, a: Value, b: Value, v: Value) -> Micro {
        let bits = self.dfg.bits(v);
        let mask = low_mask(bits);
        let amount = self.dfg.as_const(b).filter(|&n| n < u64::from(bits)).map(|n| n as u8);
        let pair = Pair { a: self.row(a), b: self.row(b), dst: self.fresh(v) };
        let Pair { dst, a, .. } = pair;
        match (op, amount) {
            (BinOp::Add, _) => Micro::Add(pair, mask),
            (BinOp::Sub, _) => Micro::Sub(pair, mask),
            (BinOp::Mul, _) => Micro::Mul(pair, mask),
            (BinOp::And, _) => Micro::And(pair),
            (BinOp::Or, _) => Micro::Or(pair),
            (BinOp::Xor, _) => Micro::Xor(pair),
            (BinOp::Shl, Some(shift)) => Micro::ShiftLeft { dst, a, shift, mask },
            (BinOp::LShr, Some(shift)) => Micro::Extract { dst, a, shift, mask },
            _ => Micro::Bin(pair, op, bits),
        }
    }

    fn concat(&mut self, parts: &[Value], v: Value, out: &mut Vec<Micro>) {
        let mut lo = 0;
        let mut so_far = None;
        for part in parts {
            let b = self.row(*part);
            so_far = Some(match so_far {
                None => b,
                Some(a) => {
                    let dst = self.fresh(v);
                    out.push(Micro::Join(Pair { dst, a, b }, lo));
                    dst
                }
            });
            lo += self.dfg.bits(*part);
        }
        self.row_of[v] = so_far;
    }

    fn events(&self) -> Vec<EventSlot> {
        let slot = |&inst: &Inst| match &self.dfg.insts[inst].op {
            Op::EventOutput { map, data, len, when } => Some(EventSlot {
                map: map.index(),
                conditions: [self.pred(inst), self.row(*when)],
                len: self.row(*len),
                data: data.iter().map(|&d| (self.row(d), self.dfg.bits(d) / 8)).collect(),
            }),
            _ => None,
        };
        self.staged.pipeline.order.iter().filter_map(slot).collect()
    }

    fn pred(&self, inst: Inst) -> Row {
        self.dfg.insts[inst].pred.map_or(self.always, |p| self.row(p))
    }

    /// Place of a coordinate in the window buffer.
    fn place(&self, c: ByteCoord) -> u32 {
        (c + self.staged.headroom as ByteCoord) as u32
    }

    fn packet_op(&mut self, inst: Inst, out: &mut Vec<Micro>) {
        let data = &self.dfg.insts[inst];
        let exact = self.touches.of(self.dfg, inst).and_then(|t| t.exact()).map(|c| self.place(c));
        let pred = self.pred(inst);
        out.push(match &data.op {
            Op::PktLoad { base, off, .. } => {
                let coord = Coord { base: self.row(*base), off: self.row(*off) };
                let v = data.result.expect("loads have results");
                let (dst, bits) = (self.fresh(v), self.dfg.bits(v));
                match exact {
                    Some(at) => Micro::Load { dst, at, mask: low_mask(bits) },
                    None => Micro::LoadAt { dst, coord, mask: low_mask(bits), n: bits / 8 },
                }
            }
            Op::PktStore { base, off, value, .. } => {
                let coord = Coord { base: self.row(*base), off: self.row(*off) };
                let (value, n) = (self.row(*value), self.dfg.bits(*value) / 8);
                match exact {
                    Some(at) => Micro::Store { pred, at, value, n },
                    None => Micro::StoreAt { pred, coord, value, n },
                }
            }
            Op::PktZero { from, to } => {
                Micro::Zero { pred, from: self.row(*from), to: self.row(*to) }
            }
            _ => unreachable!("called for packet operations"),
        });
    }

    fn map_op(&mut self, inst: Inst, out: &mut Vec<Micro>) {
        let data = &self.dfg.insts[inst];
        let pred = self.pred(inst);
        let place = |c: &Self, map: MapId, entry: Value, off: Value, bits: u8| Place {
            map: map.as_u32(),
            entry: c.row(entry),
            off: c.row(off),
            n: bits / 8,
        };
        let result = data.result;
        match &data.op {
            Op::MapLookup { map, key } => {
                self.lookup(*map, key, result.expect("lookups have results"), out)
            }
            Op::MapLoad { map, entry, off, .. } => {
                let v = result.expect("loads have results");
                let place = place(self, *map, *entry, *off, self.dfg.bits(v));
                out.push(Micro::MapLoad { dst: self.fresh(v), place });
            }
            Op::MapStore { map, entry, off, value, .. } => {
                let place = place(self, *map, *entry, *off, self.dfg.bits(*value));
                out.push(Micro::MapStore { pred, place, value: self.row(*value) });
            }
            Op::MapAtomic { op, map, entry, off, value, expected, .. } => {
                let place = place(self, *map, *entry, *off, self.dfg.bits(*value));
                let (value, expected) =
                    (self.row(*value), expected.map_or(self.always, |e| self.row(e)));
                let dst = self.fresh(result.expect("atomic operations have results"));
                out.push(Micro::Atomic(Box::new(Atomic {
                    dst,
                    pred,
                    op: *op,
                    place,
                    value,
                    expected,
                })));
            }
            _ => unreachable!("called for map operations"),
        }
    }

    fn lookup(&mut self, map: MapId, key: &[Value], v: Value, out: &mut Vec<Micro>) {
        let decl = &self.dfg.maps[map];
        if decl.kind.has_key_table() {
            let key = self.key(key);
            let dst = self.fresh(v);
            out.push(Micro::Lookup { dst, map: map.as_u32(), key });
        } else {
            self.concat(key, v, out);
            let key = self.row(v);
            let dst = self.fresh(v);
            out.push(Micro::Index { dst, key, entries: u64::from(decl.max_entries) });
        }
    }

    fn key(&self, parts: &[Value]) -> Key {
        parts.iter().map(|&k| (self.row(k), self.dfg.bits(k) / 8)).collect()
    }

    /// Changes of a map's keys.
    fn key_op(&mut self, inst: Inst, out: &mut Vec<Micro>) {
        let data = &self.dfg.insts[inst];
        let pred = self.pred(inst);
        match &data.op {
            Op::MapInsert { map, entry, key } => {
                let (entry, key) = (self.row(*entry), self.key(key));
                let dst = self.fresh(data.result.expect("insertions have results"));
                let made = self.flag();
                self.made.push((map.index(), made));
                let map = map.as_u32();
                out.push(Micro::Insert(Box::new(Insert { dst, made, pred, map, entry, key })));
            }
            Op::MapRemove { map, entry } => {
                let (entry, gone) = (self.row(*entry), self.flag());
                self.gone.push((map.index(), gone));
                out.push(Micro::Remove { pred, map: map.as_u32(), entry, gone });
            }
            Op::MapTouch { map, entry } => {
                out.push(Micro::Touch { pred, map: map.as_u32(), entry: self.row(*entry) });
            }
            _ => unreachable!("called for changes of keys"),
        }
    }

    /// A row that is no value of the program.
    fn flag(&mut self) -> Row {
        self.rows += 1;
        self.rows - 1
    }
}
