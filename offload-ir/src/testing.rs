//! For unit tests: a generator of random programs and a small evaluator for them.

use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::{Block, Inst, MapId, Value};
use crate::function::{BlockData, Function, Target, Terminator, Verdict};
use crate::map::{MapDecl, MapKind};
use crate::op::{AtomicOp, BinOp, Bounds, CmpOp, Input, Op};
use crate::pipeline::Pipeline;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::PrimaryMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// Slots of the keys that came or went.
    pub keys: BTreeMap<(MapId, u64), Option<u64>>,
    /// Keys that still fit into each map.
    pub room: [u64; 6],
    /// Keys of LRU maps that were used.
    pub used: BTreeSet<(MapId, u64)>,
}

const ORIGIN: i64 = 64;

/// Slots of keys that were there from the beginning have this bit, and the key below it.
const FOUND: u64 = 1 << 40;

impl World {
    pub fn random(rng: &mut Rng) -> Self {
        let mut packet = vec![0; 256];
        packet[64..].iter_mut().for_each(|b| *b = rng.next() as u8);
        let inputs = [0; 7].map(|_| rng.next() & 0xffff);
        let room = [0; 6].map(|_| rng.below(3));
        let (rows, keys, used) = (HashMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { packet, rows, inputs, keys, room, used }
    }

    /// The slot of `key` in a keyed map: half of the keys are there from the beginning.
    fn slot_of(&self, map: MapId, key: u64) -> Option<u64> {
        match self.keys.get(&(map, key)) {
            Some(slot) => *slot,
            None => (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40 & 1 == 1).then_some(FOUND | key),
        }
    }

    /// The key of the entry in `slot`.
    fn key_of(&self, map: MapId, slot: u64) -> u64 {
        let moved = self.keys.iter().find(|((m, _), s)| *m == map && **s == Some(slot));
        moved.map_or(slot & (FOUND - 1), |((_, key), _)| *key)
    }

    fn take_room(&mut self, map: MapId) {
        let room = &mut self.room[map.as_u32() as usize];
        *room = room.saturating_sub(1);
    }

    /// Gives `key` a slot of its own.
    fn place(&mut self, map: MapId, key: u64) -> u64 {
        let slot = 2 * FOUND + self.rows.len() as u64 + self.keys.len() as u64 * 1000;
        self.keys.insert((map, key), Some(slot));
        slot
    }

    fn row(&mut self, map: MapId, slot: u64, size: u32) -> &mut Vec<u8> {
        self.rows.entry((map, slot)).or_insert_with(|| original(slot, size as usize))
    }
}

/// A row as it is in the beginning.
fn original(slot: u64, size: usize) -> Vec<u8> {
    (0..size).map(|i| (slot as usize).wrapping_mul(37).wrapping_add(i) as u8).collect()
}

/// Values computed so far and the state they were computed in.
pub struct Machine<'a> {
    pub dfg: &'a Dfg,
    pub world: World,
    pub values: HashMap<Value, u64>,
    /// Lookups leave the order of LRU maps alone: `map_touch` does it.
    lowered: bool,
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
        let executed = data.pred.is_none_or(|p| self.get(p) == 1);
        let x = self.eval(&data.op, data.result, executed);
        if let Some(r) = data.result {
            let mask = self.dfg.ty(r).bits().map_or(u64::MAX, low_mask);
            self.values.insert(r, x & mask);
        }
    }

    fn eval(&mut self, op: &Op, result: Option<Value>, executed: bool) -> u64 {
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
            Op::MapLookup { map, key } => self.lookup(*map, key, executed),
            Op::MapUpdate { map, key, value, flags } => self.update(*map, key, value, *flags),
            Op::MapDelete { map, key } => self.delete(*map, key),
            Op::MapInsert { map, entry, key } => self.insert(*map, *entry, key),
            Op::MapRemove { map, entry } => {
                if let Some(slot) = self.get(*entry).checked_sub(1) {
                    let key = self.world.key_of(*map, slot);
                    self.world.keys.insert((*map, key), None);
                    self.world.room[map.as_u32() as usize] += 1;
                }
                0
            }
            Op::EventOutput { .. } => unreachable!("the generator makes no events"),
            Op::MapTouch { map, entry } => {
                if let Some(slot) = self.get(*entry).checked_sub(1) {
                    let key = self.world.key_of(*map, slot);
                    self.world.used.insert((*map, key));
                }
                0
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

    fn key(&self, key: &[Value]) -> u64 {
        let mut at = 0;
        key.iter().fold(0, |acc, &p| {
            let x = self.get(p) << at;
            at += self.dfg.bits(p);
            acc | x
        })
    }

    /// Array kinds: the index. Keyed kinds: the slot.
    fn lookup(&mut self, map: MapId, key: &[Value], executed: bool) -> u64 {
        let decl = &self.dfg.maps[map];
        let key = self.key(key);
        if decl.kind.is_array_like() {
            return if key < u64::from(decl.max_entries) { key + 1 } else { 0 };
        }
        let slot = self.world.slot_of(map, key);
        if slot.is_some() && executed && is_lru(decl.kind) && !self.lowered {
            self.world.used.insert((map, key));
        }
        slot.map_or(0, |s| s + 1)
    }

    fn update(&mut self, map: MapId, key: &[Value], value: &[Value], flags: Value) -> u64 {
        let (key, flags) = (self.key(key), self.get(flags));
        let kind = self.dfg.maps[map].kind;
        let entries = u64::from(self.dfg.maps[map].max_entries);
        let known = match kind.is_array_like() {
            true => Some(key),
            false => self.world.slot_of(map, key),
        };
        if flags > 2 {
            return -22i64 as u64;
        }
        if kind.is_array_like() && key >= entries {
            return -7i64 as u64;
        }
        match (flags, known) {
            (1, Some(_)) => return -17i64 as u64,
            (2, None) => return -2i64 as u64,
            _ => {}
        }
        let slot = match known {
            Some(slot) if !matches!(kind, MapKind::Hash | MapKind::LruHash) => slot,
            Some(_) => self.world.place(map, key),
            None if self.world.room[map.as_u32() as usize] == 0 && !is_lru(kind) => {
                return -7i64 as u64
            }
            None => {
                self.world.take_room(map);
                self.world.place(map, key)
            }
        };
        let mut at = 0;
        for &part in value {
            let (x, bits) = (self.get(part), self.dfg.bits(part));
            store(self.world.row(map, slot, self.dfg.maps[map].value_size), at, x, bits);
            at += i64::from(bits / 8);
        }
        if is_lru(kind) {
            self.world.used.insert((map, key));
        }
        0
    }

    fn delete(&mut self, map: MapId, key: &[Value]) -> u64 {
        let key = self.key(key);
        if self.dfg.maps[map].kind.is_array_like() {
            return -22i64 as u64;
        }
        if self.world.slot_of(map, key).is_none() {
            return -2i64 as u64;
        }
        self.world.keys.insert((map, key), None);
        self.world.room[map.as_u32() as usize] += 1;
        0
    }

    fn insert(&mut self, map: MapId, entry: Value, key: &[Value]) -> u64 {
        let (entry, key) = (self.get(entry), self.key(key));
        let lru = is_lru(self.dfg.maps[map].kind);
        if lru {
            self.world.used.insert((map, key));
        }
        if entry != 0 || self.world.room[map.as_u32() as usize] == 0 && !lru {
            return entry;
        }
        assert_eq!(self.world.slot_of(map, key), None, "an insertion of a key that is there");
        self.world.take_room(map);
        self.world.place(map, key) + 1
    }

    fn row(&mut self, map: MapId, entry: Value) -> Option<&mut Vec<u8>> {
        let slot = self.get(entry).checked_sub(1)?;
        Some(self.world.row(map, slot, self.dfg.maps[map].value_size))
    }
}

fn is_lru(kind: MapKind) -> bool {
    matches!(kind, MapKind::LruHash | MapKind::LruPercpuHash)
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
    let mut m = Machine { dfg: &f.dfg, world, values: HashMap::new(), lowered: false };
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
    let changes_keys = |i: &Inst| {
        matches!(
            p.dfg.insts[*i].op,
            Op::MapInsert { .. } | Op::MapRemove { .. } | Op::MapTouch { .. }
        )
    };
    let lowered = p.order.iter().any(changes_keys);
    let mut m = Machine { dfg: &p.dfg, world, values: HashMap::new(), lowered };
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
    // Values by key, under the slot that the key has or would have had from the beginning.
    let moved: Vec<_> = world.keys.iter().map(|(k, s)| (*k, *s)).collect();
    let mut rows = std::mem::take(&mut world.rows);
    for ((map, key), slot) in moved {
        let content = slot.and_then(|slot| rows.remove(&(map, slot)));
        rows.remove(&(map, FOUND | key));
        if slot != Some(FOUND | key) {
            rows.extend(content.map(|row| ((map, FOUND | key), row)));
        }
        world.keys.insert((map, key), slot.map(|_| 0));
    }
    rows.retain(|(map, slot), row| {
        let there = world.keys.get(&(*map, slot & (FOUND - 1)));
        *slot < 2 * FOUND && (there.is_some() || *row != original(*slot, row.len()))
    });
    world.rows = rows;
    let fresh = World { keys: BTreeMap::new(), ..world.clone() };
    let kept = world.used.iter().filter(|(map, key)| match world.keys.get(&(*map, *key)) {
        Some(slot) => slot.is_some(),
        None => fresh.slot_of(*map, *key).is_some(),
    });
    world.used = kept.copied().collect();
    // A key that is there again with what it had is as good as one that never went.
    world.keys.retain(|(map, key), slot| slot.is_some() != fresh.slot_of(*map, *key).is_some());
    world.rows.retain(|(map, slot), row| {
        world.keys.contains_key(&(*map, slot & (FOUND - 1))) || *row != original(*slot, row.len())
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
    /// Also updates and deletions, and stores to every map but `table` and `config`.
    state: bool,
}

/// A random function of about `size` operations; with `maps`, also lookups and accesses.
pub fn random_function(rng: &mut Rng, size: u32, maps: bool) -> Function {
    grow(rng, size, maps, false)
}

/// A random function that also updates maps and deletes from them.
pub fn random_state_function(rng: &mut Rng, size: u32) -> Function {
    grow(rng, size, true, true)
}

fn grow(rng: &mut Rng, size: u32, maps: bool, state: bool) -> Function {
    let mut dfg = Dfg::default();
    if maps {
        let mut kinds = vec![
            ("table", MapKind::Hash),
            ("counters", MapKind::Array),
            ("config", MapKind::Array),
        ];
        if state {
            kinds.extend([
                ("flows", MapKind::Hash),
                ("recent", MapKind::LruHash),
                ("cpu", MapKind::PercpuHash),
            ]);
        }
        for (name, kind) in kinds {
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
    let mut g =
        Generator { rng, f, scope: vec![], entries: vec![], block: entry, budget: size, state };
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
                let map = MapId::from_u32(self.rng.below(self.f.dfg.maps.len() as u64) as u32);
                let key = self.key();
                let e = self.op(Op::MapLookup { map, key }, Ty::Entry(map));
                self.entries.push((map, e));
                self.map_access();
            }
            _ => self.map_access(),
        }
    }

    /// A key of 32 bits; with state, one of few.
    fn key(&mut self) -> Vec<Value> {
        let key = self.integer(32);
        if !self.state {
            return vec![key];
        }
        let mask = self.constant(32, 3);
        vec![self.op(Op::Bin(BinOp::And, key, mask), Ty::Int(32))]
    }

    /// An update or a deletion, sometimes of a key that an entry in scope was looked up with.
    fn key_change(&mut self) {
        let known = match self.entries.len() as u64 {
            0 => None,
            n => Some(self.entries[self.rng.below(n) as usize]),
        };
        let known = known.filter(|(map, _)| map.as_u32() == 1 || map.as_u32() >= 3);
        let (map, key) = match known.filter(|_| self.rng.chance(70)) {
            Some((map, entry)) => match self.f.dfg.def(entry) {
                Some(Op::MapLookup { key, .. }) => (map, key.clone()),
                _ => (map, self.key()),
            },
            None => (MapId::from_u32(3 + self.rng.below(3) as u32), self.key()),
        };
        let op = if self.rng.chance(25) {
            Op::MapDelete { map, key: key.clone() }
        } else {
            let flags = [0, 0, 1, 2, 3][self.rng.below(5) as usize];
            let flags = if self.rng.chance(10) {
                let v = self.pick();
                let mask = self.constant(64, 3);
                self.op(Op::Bin(BinOp::And, v, mask), Ty::Int(64))
            } else {
                self.constant(64, flags)
            };
            let value = vec![self.integer(32), self.integer(16), self.integer(16), self.pick()];
            Op::MapUpdate { map, key: key.clone(), value, flags }
        };
        let v = self.op(op, Ty::Int(64));
        self.scope.push(v);
        if self.rng.chance(50) {
            let e = self.op(Op::MapLookup { map, key }, Ty::Entry(map));
            self.entries.push((map, e));
            self.map_access();
        }
    }

    fn map_access(&mut self) {
        if self.state && self.rng.chance(35) {
            return self.key_change();
        }
        let Some(i) = (self.entries.len() as u64).checked_sub(1).map(|n| self.rng.below(n + 1))
        else {
            return;
        };
        let (map, entry) = self.entries[i as usize];
        if self.state {
            self.guarded(map, entry);
        } else {
            self.access(map, entry, false);
        }
    }

    /// An access if the entry is not null; else, sometimes, an update of its key. Sometimes the two entries are joined.
    fn guarded(&mut self, map: MapId, entry: Value) {
        let cond = self.op(Op::EntryIsNull(entry), Ty::Int(1));
        let (left, right, join) = (
            self.f.blocks.push(empty_block()),
            self.f.blocks.push(empty_block()),
            self.f.blocks.push(empty_block()),
        );
        let target = |block| Target { block, args: vec![] };
        self.f.blocks[self.block].term =
            Terminator::Branch { cond, if_true: target(left), if_false: target(right) };
        let (scope, entries) = (self.scope.len(), self.entries.len());
        let (with_entry, reads_only) = (self.rng.chance(40), self.rng.chance(50));
        for side in [left, right] {
            self.block = side;
            let mut current = entry;
            if side == right {
                for _ in 0..1 + self.rng.below(3) {
                    self.access(map, entry, reads_only);
                }
            } else if self.rng.chance(60) {
                if let (true, Some(Op::MapLookup { key, .. })) =
                    (map.as_u32() >= 3, self.f.dfg.def(entry))
                {
                    let key = key.clone();
                    let value = vec![self.pick(), self.pick()];
                    let flags = self.constant(64, 0);
                    let v =
                        self.op(Op::MapUpdate { map, key: key.clone(), value, flags }, Ty::Int(64));
                    self.scope.push(v);
                    current = self.op(Op::MapLookup { map, key }, Ty::Entry(map));
                }
            }
            let mut args = vec![self.scope[self.scope.len() - 1]];
            args.extend(with_entry.then_some(current));
            self.f.blocks[self.block].term = Terminator::Jump(Target { block: join, args });
            self.scope.truncate(scope);
            self.entries.truncate(entries);
        }
        self.block = join;
        let tys = [Ty::Int(64), Ty::Entry(map)];
        for (n, ty) in tys.into_iter().enumerate().take(1 + usize::from(with_entry)) {
            let def = crate::dfg::ValueDef::Param(join, n as u32);
            let v = self.f.dfg.values.push(crate::dfg::ValueData { ty, def, name: None });
            self.f.blocks[join].params.push(v);
            match ty {
                Ty::Int(_) => self.scope.push(v),
                Ty::Entry(_) => self.entries.push((map, v)),
            }
        }
    }

    fn access(&mut self, map: MapId, entry: Value, reads_only: bool) {
        let offset = if self.state { 4 * self.rng.below(3) } else { 8 * self.rng.below(2) };
        let written = !reads_only && (map.as_u32() == 1 || map.as_u32() >= 3);
        let (off, bounds) = (self.constant(64, offset), Bounds::constant(offset as i64));
        let value = self.pick();
        match self.rng.below(3) {
            0 if written => {
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
            1 if written => {
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
