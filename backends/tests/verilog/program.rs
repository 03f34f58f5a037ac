//! Random programs of three stages, the middle one full of operations of every kind.

use beeline_ir::dfg::{low_mask, Dfg, Ty};
use beeline_ir::map::{MapDecl, MapKind};
use beeline_ir::op::{AtomicOp, BinOp, Bounds, CmpOp, Op};
use beeline_ir::pipeline::{Boundary, ByteExit, Pipeline, ValuePort};
use beeline_ir::target::TargetDesc;
use beeline_ir::validate::validate_staged;
use beeline_ir::{Inst, MapId, Stage, StagedPipeline, Validated, Value, Verdict};
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, SecondaryMap};

/// Bytes that the random operations touch; results are stored behind them.
pub const AREA: i32 = 64;
/// Bytes before the packet.
pub const HEADROOM: i32 = 8;
/// Bytes of a map value.
pub const ROW: i64 = 24;
/// Entries of the map.
pub const ENTRIES: u32 = 10;

/// A small generator of pseudo-random numbers.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A number with more than its share of the values where things go wrong.
    pub fn edgy(&mut self, bits: u8) -> u64 {
        let x = match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (bits - 1),
            3 => low_mask(bits) >> 1,
            4 => self.below(70),
            _ => self.next(),
        };
        x & low_mask(bits)
    }
}

/// A program, and what a test of its middle stage must know.
pub struct Program {
    pub staged: Validated<StagedPipeline>,
    /// Operations of the middle stage.
    pub middle: Vec<Inst>,
}

struct Builder {
    rng: Rng,
    dfg: Dfg,
    order: Vec<Inst>,
    stage_of: SecondaryMap<Inst, Stage>,
    stage: usize,
    /// Integers to choose operands from.
    pool: Vec<Value>,
    accesses: Vec<Inst>,
    entry: Option<Value>,
    zero: Option<Value>,
}

const MAP: u32 = 0;

impl Builder {
    fn push(&mut self, op: Op, ty: Option<Ty>, pred: Option<Value>) -> Inst {
        let inst = self.dfg.make_inst(op, ty, PackedOption::default());
        self.dfg.insts[inst].pred = pred;
        self.order.push(inst);
        self.stage_of[inst] = Stage::new(self.stage);
        inst
    }

    fn int(&mut self, op: Op, bits: u8) -> Value {
        let inst = self.push(op, Some(Ty::Int(bits)), None);
        self.dfg.insts[inst].result.unwrap()
    }

    fn constant(&mut self, value: u64, bits: u8) -> Value {
        self.int(Op::Const(value & low_mask(bits)), bits)
    }

    /// Any integer of `bits` bits: one that is there, cut or widened as needed, or a constant.
    fn operand(&mut self, bits: u8) -> Value {
        if self.rng.below(6) == 0 {
            let c = self.rng.edgy(bits);
            return self.constant(c, bits);
        }
        let pool = self.pool.clone();
        let v = self.rng.pick(&pool);
        let own = self.dfg.bits(v);
        match own {
            _ if own == bits => v,
            _ if own > bits => {
                let lo = self.rng.below(u64::from(own - bits) + 1) as u8;
                self.int(Op::Extract { value: v, lo }, bits)
            }
            _ if self.rng.below(2) == 0 => self.int(Op::Zext(v), bits),
            _ => self.int(Op::Sext(v), bits),
        }
    }

    fn predicate(&mut self) -> Option<Value> {
        (self.rng.below(3) > 0).then(|| self.operand(1))
    }

    fn width(&mut self) -> u8 {
        match self.rng.below(3) {
            0 => self.rng.pick(&[8, 16, 32, 64]),
            1 => 1 + self.rng.below(64) as u8,
            _ => self.rng.pick(&[1, 2, 31, 33, 63]),
        }
    }

    fn arithmetic(&mut self) {
        let bits = self.width();
        let v = match self.rng.below(10) {
            0..=3 => {
                let op = self.rng.pick(&BIN_OPS);
                let (a, b) = (self.operand(bits), self.operand(bits));
                self.int(Op::Bin(op, a, b), bits)
            }
            4 | 5 => {
                let op = self.rng.pick(&CMP_OPS);
                let (a, b) = (self.operand(bits), self.operand(bits));
                self.int(Op::Cmp(op, a, b), 1)
            }
            6 => {
                let (cond, if_true, if_false) =
                    (self.operand(1), self.operand(bits), self.operand(bits));
                self.int(Op::Select { cond, if_true, if_false }, bits)
            }
            7 => {
                let bits = self.rng.pick(&[16, 24, 32, 40, 48, 56, 64]);
                let a = self.operand(bits);
                self.int(Op::Bswap(a), bits)
            }
            8 => {
                let (a, b) = (1 + self.rng.below(32) as u8, 1 + self.rng.below(32) as u8);
                let parts = vec![self.operand(a), self.operand(b)];
                self.int(Op::Concat(parts), a + b)
            }
            _ => {
                let entry = self.entry.unwrap();
                self.int(Op::EntryIsNull(entry), 1)
            }
        };
        self.pool.push(v);
    }

    /// An offset in `0 ..= max`, in steps of `1 << align`: the value, and what is known of it.
    fn offset(&mut self, max: i64, align: u32) -> (Value, Bounds) {
        if self.rng.below(2) == 0 {
            let c = (self.rng.below(max as u64 + 1) >> align << align) as i64;
            return (self.constant(c as u64, 64), Bounds::constant(c));
        }
        // The largest mask that stays within `max`, after a random start.
        let mask = (max as u64 + 1).next_power_of_two() / 2 - 1;
        let mask = mask >> align << align;
        let start = self.rng.below(max as u64 - mask + 1);
        let any = self.operand(64);
        let m = self.constant(mask, 64);
        let masked = self.int(Op::Bin(BinOp::And, any, m), 64);
        let s = self.constant(start, 64);
        let off = self.int(Op::Bin(BinOp::Add, masked, s), 64);
        let known_mask = (1u64 << align) - 1;
        let bounds = Bounds {
            min: start as i64,
            max: (start + mask) as i64,
            known_mask,
            known_bits: start & known_mask,
        };
        (off, bounds)
    }

    /// A packet start: 0, or one of two depending on a condition.
    fn base(&mut self) -> Value {
        let zero = self.zero.unwrap();
        if self.rng.below(2) == 0 {
            return zero;
        }
        let other = self.rng.pick(&[-8i64, -4, -2, 4, 8]);
        let (cond, other) = (self.operand(1), self.constant(other as u64, 64));
        self.int(Op::Select { cond, if_true: other, if_false: zero }, 64)
    }

    fn packet(&mut self) {
        let base = self.base();
        match self.rng.below(5) {
            0 | 1 => {
                let bits = self.rng.pick(&[8, 16, 24, 32, 48, 64]);
                let align = self.rng.below(3) as u32;
                let (off, bounds) = self.offset(48, align);
                let v = self.int(Op::PktLoad { base, off, bounds }, bits);
                self.pool.push(v);
            }
            2 | 3 => {
                let bits = self.rng.pick(&[8, 16, 32, 64]);
                let align = self.rng.below(3) as u32;
                let (off, bounds) = self.offset(48, align);
                let (value, pred) = (self.operand(bits), self.predicate());
                self.push(Op::PktStore { base, off, bounds, value }, None, pred);
            }
            _ => {
                let (from, _) = self.offset(48, 0);
                let len = self.operand(64);
                let four = self.constant(15, 64);
                let len = self.int(Op::Bin(BinOp::And, len, four), 64);
                let to = self.int(Op::Bin(BinOp::Add, from, len), 64);
                let pred = self.predicate();
                self.push(Op::PktZero { from, to }, None, pred);
            }
        }
    }

    fn map(&mut self) {
        let entry = self.entry.unwrap();
        let map = MapId::from_u32(MAP);
        let align = self.rng.below(3) as u32;
        let inst = match self.rng.below(4) {
            0 => {
                let bits = self.rng.pick(&[8, 16, 32, 64]);
                let (off, bounds) = self.offset(ROW - 8, align);
                let inst =
                    self.push(Op::MapLoad { map, entry, off, bounds }, Some(Ty::Int(bits)), None);
                self.pool.push(self.dfg.insts[inst].result.unwrap());
                inst
            }
            1 => {
                let bits = self.rng.pick(&[8, 16, 32, 64]);
                let (off, bounds) = self.offset(ROW - 8, align);
                let (value, pred) = (self.operand(bits), self.predicate());
                self.push(Op::MapStore { map, entry, off, bounds, value }, None, pred)
            }
            _ => {
                let bits = self.rng.pick(&[32, 64]);
                let (off, bounds) = self.offset(ROW - 8, align);
                let op = self.rng.pick(&ATOMIC_OPS);
                let (value, pred) = (self.operand(bits), self.predicate());
                let expected = (op == AtomicOp::CmpXchg).then(|| self.operand(bits));
                let atomic = Op::MapAtomic { op, map, entry, off, bounds, value, expected };
                let inst = self.push(atomic, Some(Ty::Int(bits)), pred);
                // Half of the results are of no use, as with plain atomic additions.
                if self.rng.below(2) == 0 {
                    self.pool.push(self.dfg.insts[inst].result.unwrap());
                }
                inst
            }
        };
        self.accesses.push(inst);
    }
}

const BIN_OPS: [BinOp; 13] = [
    BinOp::Add,
    BinOp::Sub,
    BinOp::Mul,
    BinOp::UDiv,
    BinOp::URem,
    BinOp::SDiv,
    BinOp::SRem,
    BinOp::And,
    BinOp::Or,
    BinOp::Xor,
    BinOp::Shl,
    BinOp::LShr,
    BinOp::AShr,
];
const CMP_OPS: [CmpOp; 6] = [CmpOp::Eq, CmpOp::Ne, CmpOp::Ult, CmpOp::Ule, CmpOp::Slt, CmpOp::Sle];
const ATOMIC_OPS: [AtomicOp; 6] =
    [AtomicOp::Add, AtomicOp::Or, AtomicOp::And, AtomicOp::Xor, AtomicOp::Xchg, AtomicOp::CmpXchg];

/// A program of about `size` random operations.
pub fn random(seed: u64, size: u32) -> Program {
    let mut dfg = Dfg::default();
    dfg.maps.push(MapDecl {
        name: "rules".into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: ROW as u32,
        max_entries: ENTRIES,
        initial: None,
        frozen: false,
    });
    let mut b = Builder {
        rng: Rng::new(seed),
        dfg,
        order: Vec::new(),
        stage_of: SecondaryMap::with_default(Stage::new(0)),
        stage: 0,
        pool: Vec::new(),
        accesses: Vec::new(),
        entry: None,
        zero: None,
    };
    first_stage(&mut b);
    b.stage = 1;
    let start = b.order.len();
    let inherited = b.pool.len();
    for n in 0..size {
        match n % 8 {
            0 | 1 => b.packet(),
            2 if n > 8 => b.map(),
            _ => b.arithmetic(),
        }
    }
    let middle = b.order[start..].to_vec();
    b.stage = 2;
    last_stage(b, seed, inherited, middle)
}

/// Loads operands of several widths and looks the entry up.
fn first_stage(b: &mut Builder) {
    let zero = b.constant(0, 64);
    b.zero = Some(zero);
    for (n, bits) in [8u8, 16, 32, 64, 64, 48, 24].into_iter().enumerate() {
        let off = b.constant(8 * n as u64, 64);
        let v =
            b.int(Op::PktLoad { base: zero, off, bounds: Bounds::constant(8 * n as i64) }, bits);
        b.pool.push(v);
    }
    let byte = b.pool[0];
    for lo in 0..3 {
        let v = b.int(Op::Extract { value: byte, lo }, 1);
        b.pool.push(v);
    }
    let map = MapId::from_u32(MAP);
    let key = vec![b.pool[2]];
    let inst = b.push(Op::MapLookup { map, key }, Some(Ty::Entry(map)), None);
    b.entry = b.dfg.insts[inst].result;
}

/// Stores every result, so that all of them are live, and lays out the boundaries.
fn last_stage(mut b: Builder, seed: u64, inherited: usize, middle: Vec<Inst>) -> Program {
    let zero = b.zero.unwrap();
    let action = b.constant(2, 32);
    let none = b.constant(0, 8);
    let end = b.constant(64, 16);
    // Every byte of the area is touched again, so that all of them are handed on.
    let wide = b.constant(0, 64);
    for c in (-i64::from(HEADROOM)..i64::from(AREA)).step_by(8) {
        let off = b.constant(c as u64, 64);
        b.push(
            Op::PktStore { base: zero, off, bounds: Bounds::constant(c), value: wide },
            None,
            None,
        );
    }
    let results: Vec<Value> = b.pool[inherited..].to_vec();
    let mut at = i64::from(AREA);
    for &v in &results {
        let wide = match b.dfg.bits(v) {
            64 => v,
            _ => b.int(Op::Zext(v), 64),
        };
        let off = b.constant(at as u64, 64);
        b.push(
            Op::PktStore { base: zero, off, bounds: Bounds::constant(at), value: wide },
            None,
            None,
        );
        at += 8;
    }
    let entry = b.entry.unwrap();
    let verdict = Verdict {
        action,
        start: zero,
        end,
        valid_end: end,
        redirect_map: none,
        redirect_key: none,
    };
    let pipeline = Pipeline { name: format!("random_{seed}"), dfg: b.dfg, order: b.order, verdict };
    let map = MapId::from_u32(MAP);
    let ports = vec![ValuePort {
        map,
        entry,
        issue: Stage::new(0),
        commit: Stage::new(1),
        rows: None,
        accesses: b.accesses,
    }];
    let mut staged = StagedPipeline {
        target: target(),
        num_stages: 3,
        stage_of: b.stage_of,
        boundaries: Vec::new(),
        gates: Vec::new(),
        lookups: Vec::new(),
        value_ports: if ports[0].accesses.is_empty() { Vec::new() } else { ports },
        headroom: HEADROOM as u32,
        window: at as u32,
        exits: (-HEADROOM..at as i32).map(|c| (c, ByteExit::Patched(Vec::new()))).collect(),
        pipeline,
    };
    staged.boundaries = boundaries(&staged, at as i32);
    let staged = validate_staged(staged).unwrap_or_else(|e| panic!("{e}"));
    Program { staged, middle }
}

/// Values live behind each stage. All window bytes before `AREA` are carried throughout.
fn boundaries(staged: &StagedPipeline, end: i32) -> Vec<Boundary> {
    let dfg = &staged.pipeline.dfg;
    let mut all = vec![Boundary::default(); 3];
    for &inst in &staged.pipeline.order {
        let Some(v) = dfg.insts[inst].result else { continue };
        if matches!(dfg.insts[inst].op, Op::Const(_)) {
            continue;
        }
        let made = staged.stage_of[inst].index();
        let mut last = made;
        for &user in &staged.pipeline.order {
            let mut uses = dfg.insts[user].pred == Some(v);
            dfg.insts[user].op.for_each_arg(|a| uses |= a == v);
            if uses {
                last = last.max(staged.stage_of[user].index());
            }
        }
        for boundary in &mut all[made..last] {
            boundary.values.push(v);
        }
    }
    for (n, boundary) in all.iter_mut().enumerate() {
        boundary.values.sort();
        boundary.bytes = (-HEADROOM..if n == 2 { end } else { AREA }).collect();
    }
    all
}

fn target() -> TargetDesc {
    TargetDesc {
        name: "test".into(),
        clock_mhz: 250,
        register_overhead_ps: 300,
        lut_ps: 400,
        carry_bit_ps: 15,
        carry_base_ps: 200,
        lut_inputs: 6,
        dsp_ps: 2000,
        bram_out_ps: 900,
        hash_latency: 2,
        value_latency: 1,
        bus_bytes: 64,
    }
}
