//! For unit tests: a generator of random programs and a small evaluator for them.

use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::{Block, Inst, MapId, Value};
use crate::function::{BlockData, Function, Target, Terminator, Verdict};
use crate::map::{MapDecl, MapKind};
use crate::op::{AtomicOp, BinOp, Bounds, CmpOp, Input, Op};
use crate::pipeline::Pipeline;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::PrimaryMap;
use std::collections::HashMap;

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
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Packet bytes, map rows by (map, slot), and the other trace inputs. Coordinates from -64 to 191.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub packet: Vec<u8>,
    pub rows: HashMap<(MapId, u64), Vec<u8>>,
    pub inputs: [u64; 7],
}

const ORIGIN: i64 = 64;

impl World {
    pub fn random(rng: &mut Rng) -> Self {
        let mut packet = vec![0; 256];
        packet[64..].iter_mut().for_each(|b| *b = rng.next() as u8);
        Self { packet, rows: HashMap::new(), inputs: [0; 7].map(|_| rng.next() & 0xffff) }
    }
}

/// Values computed so far and the state they were computed in.
pub struct Machine<'a> {
    pub dfg: &'a Dfg,
    pub world: World,
    pub values: HashMap<Value, u64>,
}

/// Entries are `slot + 1`, null is 0.
impl Machine<'_> {
    pub fn get(&self, v: Value) -> u64 {
        match self.dfg.def(v) {
            Some(Op::Const(c)) => *c,
            Some(Op::EntryConst { index, .. }) => index.map_or(0, |i| u64::from(i) + 1),
            _ => self.values[&v],
        }
    }

    pub fn step(&mut self, inst: Inst) {
        let data = &self.dfg.insts[inst];
        if data.op.has_effect() && data.pred.is_some_and(|p| self.get(p) == 0) {
            if let Some(r) = data.result {
                self.values.insert(r, 0);
            }
            return;
        }
        let x = self.eval(&data.op, data.result);
        if let Some(r) = data.result {
            let mask = self.dfg.ty(r).bits().map_or(u64::MAX, low_mask);
            self.values.insert(r, x & mask);
        }
    }

    fn eval(&mut self, op: &Op, result: Option<Value>) -> u64 {
        let bits = result.and_then(|r| self.dfg.ty(r).bits()).unwrap_or(64);
        match op {
            Op::Const(c) => *c,
            Op::Input(i) => self.world.inputs[*i as usize],
            Op::EntryConst { index, .. } => index.map_or(0, |i| u64::from(i) + 1),
            Op::Bin(op, a, b) => binary(*op, self.get(*a), self.get(*b), bits),
            Op::Cmp(op, a, b) => {
                u64::from(compare(*op, self.get(*a), self.get(*b), self.dfg.bits(*a)))
            }
            Op::Select { cond, if_true, if_false } => {
                self.get(if self.get(*cond) == 1 { *if_true } else { *if_false })
            }
            Op::Zext(a) => self.get(*a),
            Op::Sext(a) => sign_extend(self.get(*a), self.dfg.bits(*a)) as u64,
            Op::Extract { value, lo } => self.get(*value) >> lo,
            Op::Concat(parts) => {
                let mut at = 0;
                parts.iter().fold(0, |acc, &p| {
                    let x = self.get(p) << at;
                    at += self.dfg.bits(p);
                    acc | x
                })
            }
            Op::Bswap(a) => self.get(*a).swap_bytes() >> (64 - bits),
            Op::EntryIsNull(e) => u64::from(self.get(*e) == 0),
            Op::MapLookup { map, key } => self.lookup(*map, key),
            Op::MapUpdate { .. }
            | Op::MapDelete { .. }
            | Op::MapInsert { .. }
            | Op::MapRemove { .. }
            | Op::MapTouch { .. }
            | Op::EventOutput { .. } => {
                unreachable!("the generator makes no change of keys and no events")
            }
            Op::PktLoad { base, off, .. } => {
                let at = self.coordinate(*base, *off);
                load(&self.world.packet, at + ORIGIN, bits)
            }
            Op::PktStore { base, off, value, .. } => {
                let (at, x, n) =
                    (self.coordinate(*base, *off), self.get(*value), self.dfg.bits(*value));
                store(&mut self.world.packet, at + ORIGIN, x, n);
                0
            }
            Op::PktZero { from, to } => {
                let (from, to) = (self.get(*from) as i64 + ORIGIN, self.get(*to) as i64 + ORIGIN);
                for (i, b) in self.world.packet.iter_mut().enumerate() {
                    if (from..to).contains(&(i as i64)) {
                        *b = 0;
                    }
                }
                0
            }
            Op::MapLoad { map, entry, off, .. } => {
                let off = self.get(*off) as i64;
                self.row(*map, *entry).map_or(0, |row| load(row, off, bits))
            }
            Op::MapStore { map, entry, off, value, .. } => {
                let (off, x, n) = (self.get(*off) as i64, self.get(*value), self.dfg.bits(*value));
                if let Some(row) = self.row(*map, *entry) {
                    store(row, off, x, n);
                }
                0
            }
            Op::MapAtomic { op, map, entry, off, value, .. } => {
                let (off, x, n) = (self.get(*off) as i64, self.get(*value), self.dfg.bits(*value));
                assert_eq!(*op, AtomicOp::Add);
                self.row(*map, *entry).map_or(0, |row| {
                    let old = load(row, off, n);
                    store(row, off, old.wrapping_add(x), n);
                    old
                })
            }
        }
    }

    fn coordinate(&self, base: Value, off: Value) -> i64 {
        (self.get(base) as i64).wrapping_add(self.get(off) as i64)
    }

    /// Array kinds: the index. Keyed kinds: half of the keys are present, in a slot that is made of the key.
    fn lookup(&self, map: MapId, key: &[Value]) -> u64 {
        let decl = &self.dfg.maps[map];
        let mut at = 0;
        let key = key.iter().fold(0, |acc, &p| {
            let x = self.get(p) << at;
            at += self.dfg.bits(p);
            acc | x
        });
        if decl.kind.is_array_like() {
            return if key < u64::from(decl.max_entries) { key + 1 } else { 0 };
        }
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        if mixed & 1 == 1 {
            mixed % u64::from(decl.max_entries) + 1
        } else {
            0
        }
    }

    fn row(&mut self, map: MapId, entry: Value) -> Option<&mut Vec<u8>> {
        let slot = self.get(entry).checked_sub(1)?;
        let size = self.dfg.maps[map].value_size as usize;
        Some(
            self.world
                .rows
                .entry((map, slot))
                .or_insert_with(|| (0..size).map(|i| (slot as usize * 37 + i) as u8).collect()),
        )
    }
}

fn load(bytes: &[u8], at: i64, bits: u8) -> u64 {
    (0..i64::from(bits / 8)).fold(0, |acc, i| {
        let byte = usize::try_from(at.wrapping_add(i))
            .ok()
            .and_then(|i| bytes.get(i))
            .copied()
            .unwrap_or(0);
        acc | u64::from(byte) << (8 * i)
    })
}

fn store(bytes: &mut [u8], at: i64, x: u64, bits: u8) {
    for i in 0..i64::from(bits / 8) {
        if let Some(b) = usize::try_from(at.wrapping_add(i)).ok().and_then(|i| bytes.get_mut(i)) {
            *b = (x >> (8 * i)) as u8;
        }
    }
}

fn binary(op: BinOp, a: u64, b: u64, bits: u8) -> u64 {
    let (sa, sb) = (sign_extend(a, bits), sign_extend(b, bits));
    match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::UDiv => a.checked_div(b).unwrap_or(0),
        BinOp::URem => a.checked_rem(b).unwrap_or(a),
        BinOp::SDiv if sb == 0 => 0,
        BinOp::SDiv => sa.wrapping_div(sb) as u64,
        BinOp::SRem if sb == 0 => a,
        BinOp::SRem => sa.wrapping_rem(sb) as u64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl if b >= u64::from(bits) => 0,
        BinOp::Shl => a << b,
        BinOp::LShr if b >= u64::from(bits) => 0,
        BinOp::LShr => a >> b,
        BinOp::AShr => (sa >> b.min(63)) as u64,
    }
}

fn compare(op: CmpOp, a: u64, b: u64, bits: u8) -> bool {
    let (sa, sb) = (sign_extend(a, bits), sign_extend(b, bits));
    match op {
        CmpOp::Eq => a == b,
        CmpOp::Ne => a != b,
        CmpOp::Ult => a < b,
        CmpOp::Ule => a <= b,
        CmpOp::Slt => sa < sb,
        CmpOp::Sle => sa <= sb,
    }
}

/// Runs `f`: the verdict and the world after it.
pub fn run_function(f: &Function, world: World) -> ([u64; 6], World) {
    let mut m = Machine { dfg: &f.dfg, world, values: HashMap::new() };
    let mut b = f.entry;
    loop {
        for &i in &f.blocks[b].insts {
            m.step(i);
        }
        let t = match &f.blocks[b].term {
            Terminator::Jump(t) => t,
            Terminator::Branch { cond, if_true, if_false } => {
                if m.get(*cond) == 1 {
                    if_true
                } else {
                    if_false
                }
            }
            Terminator::Ret(v) => return (v.values().map(|v| m.get(v)), m.world),
            Terminator::Unreachable => panic!("reached an unreachable block"),
        };
        let args: Vec<u64> = t.args.iter().map(|&a| m.get(a)).collect();
        m.values.extend(f.blocks[t.block].params.iter().copied().zip(args));
        b = t.block;
    }
}

/// Runs `p`: the verdict and the world after it.
pub fn run_pipeline(p: &Pipeline, world: World) -> ([u64; 6], World) {
    let mut m = Machine { dfg: &p.dfg, world, values: HashMap::new() };
    for &i in &p.order {
        m.step(i);
    }
    (p.verdict.values().map(|v| m.get(v)), m.world)
}

/// What an observer sees of a run: no bytes of dropped packets, no target without a redirect.
pub fn observable((mut verdict, mut world): ([u64; 6], World)) -> ([u64; 6], World) {
    if !(2..=4).contains(&verdict[0]) {
        verdict[1..].fill(0);
        world.packet.clear();
    }
    if verdict[0] != 4 {
        verdict[4..].fill(0);
    }
    world.rows.retain(|&(_, slot), row| {
        row.iter().enumerate().any(|(i, b)| *b != (slot as usize * 37 + i) as u8)
    });
    (verdict, world)
}

/// Grows random acyclic functions.
pub struct Generator<'a> {
    pub rng: &'a mut Rng,
    pub f: Function,
    /// Integers in scope.
    scope: Vec<Value>,
    entries: Vec<(MapId, Value)>,
    block: Block,
    budget: u32,
}

/// A random function of about `size` operations; with `maps`, also lookups and accesses.
pub fn random_function(rng: &mut Rng, size: u32, maps: bool) -> Function {
    let mut dfg = Dfg::default();
    if maps {
        for (name, kind) in
            [("table", MapKind::Hash), ("counters", MapKind::Array), ("config", MapKind::Array)]
        {
            let (name, max_entries) = (name.to_string(), 16);
            dfg.maps.push(MapDecl {
                name,
                kind,
                key_size: 4,
                value_size: 16,
                max_entries,
                initial: None,
                frozen: false,
            });
        }
    }
    let mut blocks = PrimaryMap::new();
    let entry = blocks.push(empty_block());
    let f = Function { name: "random".into(), dfg, blocks, entry };
    let mut g = Generator { rng, f, scope: vec![], entries: vec![], block: entry, budget: size };
    for i in [Input::PacketLen, Input::IngressIfindex] {
        let bits = if i == Input::PacketLen { 16 } else { 32 };
        let v = g.op(Op::Input(i), Ty::Int(bits));
        let v = g.op(Op::Zext(v), Ty::Int(64));
        g.scope.push(v);
    }
    g.region(0);
    g.ret();
    g.f
}

fn empty_block() -> BlockData {
    BlockData { params: vec![], insts: vec![], term: Terminator::Unreachable, max_trips: None }
}

impl Generator<'_> {
    fn inst(&mut self, op: Op, ty: Option<Ty>) -> Inst {
        let i = self.f.dfg.make_inst(op, ty, PackedOption::default());
        self.f.blocks[self.block].insts.push(i);
        i
    }

    fn op(&mut self, op: Op, ty: Ty) -> Value {
        let i = self.inst(op, Some(ty));
        self.f.dfg.insts[i].result.expect("made with a result")
    }

    fn constant(&mut self, bits: u8, c: u64) -> Value {
        self.op(Op::Const(c), Ty::Int(bits))
    }

    fn pick(&mut self) -> Value {
        let i = self.rng.below(self.scope.len() as u64) as usize;
        self.scope[i]
    }

    fn condition(&mut self) -> Value {
        let a = self.pick();
        let b = if self.rng.chance(70) {
            let c = self.rng.below(300);
            self.constant(64, c)
        } else {
            self.pick()
        };
        let ops = [CmpOp::Eq, CmpOp::Ne, CmpOp::Ult, CmpOp::Ule, CmpOp::Slt, CmpOp::Sle];
        let op = ops[self.rng.below(6) as usize];
        self.op(Op::Cmp(op, a, b), Ty::Int(1))
    }

    /// A constant offset in the packet, or a computed one in a small range; and its bounds.
    fn offset(&mut self, room: u64) -> (Value, Bounds) {
        let start = self.rng.below(room) as i64;
        if self.rng.chance(80) {
            return (self.constant(64, start as u64), Bounds::constant(start));
        }
        let v = self.pick();
        let mask = self.constant(64, 12);
        let v = self.op(Op::Bin(BinOp::And, v, mask), Ty::Int(64));
        let c = self.constant(64, start as u64);
        let v = self.op(Op::Bin(BinOp::Add, v, c), Ty::Int(64));
        let (known_mask, known_bits) = if start % 4 == 0 { (3, 0) } else { (0, 0) };
        (v, Bounds { min: start, max: start + 12, known_mask, known_bits })
    }

    fn integer(&mut self, bits: u8) -> Value {
        let v = self.pick();
        if bits == 64 {
            v
        } else {
            self.op(Op::Extract { value: v, lo: 0 }, Ty::Int(bits))
        }
    }

    fn widen(&mut self, v: Value) {
        let v = if self.f.dfg.bits(v) == 64 { v } else { self.op(Op::Zext(v), Ty::Int(64)) };
        self.scope.push(v);
    }

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        let bits = [8, 16, 32, 64][self.rng.below(4) as usize];
        match self.rng.below(if self.f.dfg.maps.is_empty() { 70 } else { 100 }) {
            0..=29 => {
                let ops = [BinOp::Add, BinOp::Sub, BinOp::And, BinOp::Or, BinOp::Xor];
                let op = ops[self.rng.below(5) as usize];
                let (a, b) = (self.pick(), self.pick());
                let v = self.op(Op::Bin(op, a, b), Ty::Int(64));
                self.scope.push(v);
            }
            30..=54 => {
                let base = self.constant(64, 0);
                let (off, bounds) = self.offset(60);
                let v = self.op(Op::PktLoad { base, off, bounds }, Ty::Int(bits));
                self.widen(v);
            }
            55..=69 => {
                let base = self.constant(64, 0);
                let (off, bounds) = self.offset(60);
                let value = self.integer(bits);
                self.inst(Op::PktStore { base, off, bounds, value }, None);
            }
            70..=84 => {
                let map = MapId::from_u32(self.rng.below(3) as u32);
                let key = vec![self.integer(32)];
                let e = self.op(Op::MapLookup { map, key }, Ty::Entry(map));
                self.entries.push((map, e));
                self.map_access();
            }
            _ => self.map_access(),
        }
    }

    fn map_access(&mut self) {
        let Some(i) = (self.entries.len() as u64).checked_sub(1).map(|n| self.rng.below(n + 1))
        else {
            return;
        };
        let (map, entry) = self.entries[i as usize];
        let offset = 8 * self.rng.below(2);
        let (off, bounds) = (self.constant(64, offset), Bounds::constant(offset as i64));
        let value = self.pick();
        match self.rng.below(3) {
            0 if map.as_u32() == 1 => {
                let op = Op::MapAtomic {
                    op: AtomicOp::Add,
                    map,
                    entry,
                    off,
                    bounds,
                    value,
                    expected: None,
                };
                let v = self.op(op, Ty::Int(64));
                self.scope.push(v);
            }
            1 if map.as_u32() == 1 => {
                self.inst(Op::MapStore { map, entry, off, bounds, value }, None);
            }
            _ => {
                let v = self.op(Op::MapLoad { map, entry, off, bounds }, Ty::Int(64));
                self.scope.push(v);
            }
        }
    }

    /// Statements and nested branches in the current block; ends in a block that has no terminator yet.
    fn region(&mut self, depth: u32) {
        let statements = if depth == 0 { 12 } else { 1 + self.rng.below(5) };
        for _ in 0..statements {
            if self.budget == 0 {
                return;
            }
            if depth < 6 && self.rng.chance(35) {
                self.branch(depth);
            } else {
                self.statement();
            }
        }
    }

    fn branch(&mut self, depth: u32) {
        self.budget = self.budget.saturating_sub(1);
        let cond = self.condition();
        let (left, right, join) = (
            self.f.blocks.push(empty_block()),
            self.f.blocks.push(empty_block()),
            self.f.blocks.push(empty_block()),
        );
        let target = |block| Target { block, args: vec![] };
        self.f.blocks[self.block].term =
            Terminator::Branch { cond, if_true: target(left), if_false: target(right) };
        let (scope, entries) = (self.scope.len(), self.entries.len());
        let arity = self.rng.below(3) as usize;
        let mut arms = 0;
        for side in [left, right] {
            self.block = side;
            if self.rng.chance(80) {
                self.region(depth + 1);
            }
            if self.rng.chance(25) && !(side == right && arms == 0) {
                self.ret();
            } else {
                arms += 1;
                let args: Vec<Value> = (0..arity).map(|_| self.argument()).collect();
                self.f.blocks[self.block].term = Terminator::Jump(Target { block: join, args });
            }
            self.scope.truncate(scope);
            self.entries.truncate(entries);
        }
        self.block = join;
        for n in 0..arity {
            let def = crate::dfg::ValueDef::Param(join, n as u32);
            let v =
                self.f.dfg.values.push(crate::dfg::ValueData { ty: Ty::Int(64), def, name: None });
            self.f.blocks[join].params.push(v);
            self.scope.push(v);
        }
    }

    fn argument(&mut self) -> Value {
        if self.rng.chance(40) {
            let c = self.rng.below(4);
            self.constant(64, c)
        } else {
            self.pick()
        }
    }

    fn ret(&mut self) {
        let code = self.rng.below(5);
        let action = if self.rng.chance(85) { self.constant(32, code) } else { self.integer(32) };
        let start = self.constant(64, 0);
        let length = self.scope[0];
        let redirect_map = self.constant(8, 0);
        let redirect_key = self.integer(32);
        self.f.blocks[self.block].term = Terminator::Ret(Verdict {
            action,
            start,
            end: length,
            valid_end: length,
            redirect_map,
            redirect_key,
        });
    }
}
