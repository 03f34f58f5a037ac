//! Random valid functions, from a seed: straight code, branches with merges, bounded loops, packet and map accesses.

use beeline_ir::dfg::low_mask;
use beeline_ir::entities::{Block, MapId, Value};
use beeline_ir::function::{BlockData, Function, Target, Terminator, Verdict};
use beeline_ir::op::{AtomicOp, BinOp, Bounds, CmpOp, Input, Op};
use beeline_ir::{Dfg, MapDecl, MapKind, Ty, ValueDef};
use cranelift_entity::{EntityRef, PrimaryMap};

/// A small generator of pseudo-random numbers (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// A number with a liking for corners.
    fn number(&mut self, bits: u8) -> u64 {
        let x = match self.below(6) {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => 1 << self.below(64),
            4 => self.next() & 0xff,
            _ => self.next(),
        };
        x & low_mask(bits)
    }
}

const WIDTHS: [u8; 8] = [1, 8, 16, 32, 64, 64, 24, 13];

struct Generator {
    rng: Random,
    func: Function,
    at: Block,
    /// Integers that exist here.
    scope: Vec<Value>,
    zero: Value,
    base: Value,
    budget: usize,
}

/// The function of `seed`.
pub fn function(seed: u64) -> Function {
    let map = |name: &str, kind, key_size, max_entries| MapDecl {
        name: name.into(),
        kind,
        key_size,
        value_size: 16,
        max_entries,
        initial: None,
        frozen: false,
    };
    let mut dfg = Dfg::default();
    dfg.maps.push(map("array", MapKind::Array, 4, 16));
    dfg.maps.push(map("hash", MapKind::Hash, 6, 64));
    let data: Vec<u8> = (0..16u8).map(|n| n.wrapping_mul(37).wrapping_add(3)).collect();
    dfg.maps.push(MapDecl {
        initial: Some(data),
        frozen: true,
        ..map(".rodata", MapKind::Array, 4, 1)
    });
    let mut blocks = PrimaryMap::new();
    let entry = blocks.push(empty());
    let func = Function { name: format!("random_{seed}"), dfg, blocks, entry };
    let none = Value::new(0);
    let mut rng = Random::new(seed);
    let budget = 8 + rng.below(50);
    let mut g =
        Generator { rng, func, at: entry, scope: Vec::new(), zero: none, base: none, budget };
    g.zero = g.constant(64, 0);
    g.base = g.zero;
    let len = g.emit(Op::Input(Input::PacketLen), Ty::Int(16));
    g.scope.push(len);
    g.region(0);
    let term = g.verdict();
    g.func.blocks[g.at].term = term;
    g.func
}

fn empty() -> BlockData {
    BlockData {
        params: Vec::new(),
        insts: Vec::new(),
        term: Terminator::Unreachable,
        max_trips: None,
    }
}

impl Generator {
    fn emit(&mut self, op: Op, ty: Ty) -> Value {
        let inst = self.func.dfg.make_inst(op, Some(ty), None.into());
        self.func.blocks[self.at].insts.push(inst);
        self.func.dfg.insts[inst].result.unwrap()
    }

    fn effect(&mut self, op: Op) {
        let inst = self.func.dfg.make_inst(op, None, None.into());
        self.func.blocks[self.at].insts.push(inst);
    }

    fn constant(&mut self, bits: u8, c: u64) -> Value {
        self.emit(Op::Const(c & low_mask(bits)), Ty::Int(bits))
    }

    fn bits(&self, v: Value) -> u8 {
        self.func.dfg.bits(v)
    }

    /// Some value in scope, brought to `bits` bits.
    fn value(&mut self, bits: u8) -> Value {
        if self.rng.one_in(5) || self.scope.is_empty() {
            let c = self.rng.number(bits);
            return self.constant(bits, c);
        }
        // Recent values and values of the right width come first.
        let mut v = self.rng.pick(&self.scope.clone());
        for _ in 0..3 {
            if self.bits(v) != bits {
                let recent = self.scope.len() - self.rng.below(self.scope.len().min(6)) - 1;
                v = self.scope[recent];
            }
        }
        let n = self.bits(v);
        match n.cmp(&bits) {
            std::cmp::Ordering::Equal => v,
            std::cmp::Ordering::Less if self.rng.one_in(4) => self.emit(Op::Sext(v), Ty::Int(bits)),
            std::cmp::Ordering::Less => self.emit(Op::Zext(v), Ty::Int(bits)),
            std::cmp::Ordering::Greater => {
                let lo = if self.rng.one_in(3) {
                    self.rng.below(usize::from(n - bits) + 1) as u8
                } else {
                    0
                };
                self.emit(Op::Extract { value: v, lo }, Ty::Int(bits))
            }
        }
    }

    /// An offset within `0 ..= max`, and its bounds.
    fn offset(&mut self, max: u64) -> (Value, Bounds) {
        if self.rng.below(3) > 0 {
            let c = self.rng.below(max as usize + 1) as u64;
            return (self.constant(64, c), Bounds::constant(c as i64));
        }
        let mask = if max >= 12 && self.rng.one_in(2) {
            12
        } else {
            (max + 1).next_power_of_two() / 2 - u64::from(max + 1 > 1)
        };
        let mask = if mask > max { 0 } else { mask };
        let v = self.value(64);
        let m = self.constant(64, mask);
        let masked = self.emit(Op::Bin(BinOp::And, v, m), Ty::Int(64));
        let rest = max - mask;
        let c = self.rng.below(rest as usize + 1) as u64;
        let k = self.constant(64, c);
        let off = self.emit(Op::Bin(BinOp::Add, masked, k), Ty::Int(64));
        let bounds = Bounds { min: c as i64, max: (mask + c) as i64, known_mask: 0, known_bits: 0 };
        (off, bounds)
    }

    fn region(&mut self, depth: u32) {
        while self.budget > 0 {
            self.budget -= 1;
            match self.rng.below(24) {
                0 | 1 if depth < 4 => self.branch(depth),
                2 if depth < 2 => self.cycle(depth),
                3 | 4 => self.map_access(depth),
                5 => self.packet_store(),
                6 | 7 => self.packet_load(),
                8 => self.bytes(),
                9 if depth > 0 && self.rng.one_in(2) => return,
                10 if self.rng.one_in(3) => self.move_start(),
                11 if self.rng.one_in(6) => {
                    let (from, _) = self.offset(20);
                    let (to, _) = self.offset(40);
                    self.effect(Op::PktZero { from, to });
                }
                _ => self.arithmetic(),
            }
        }
    }

    fn arithmetic(&mut self) {
        let bits = self.rng.pick(&WIDTHS);
        let v = match self.rng.below(9) {
            0..=3 => {
                use BinOp::*;
                let o = self.rng.pick(&[
                    Add, Add, Sub, Mul, UDiv, URem, SDiv, SRem, And, And, Or, Or, Xor, Xor, Shl,
                    LShr, AShr,
                ]);
                let a = self.value(bits);
                let shift = matches!(o, Shl | LShr | AShr) && self.rng.below(4) > 0;
                let b = if shift {
                    let n = self.rng.below(usize::from(bits)) as u64;
                    let n = if self.rng.one_in(2) { n & !7 } else { n };
                    self.constant(bits, n)
                } else {
                    self.value(bits)
                };
                self.emit(Op::Bin(o, a, b), Ty::Int(bits))
            }
            4 | 5 => self.condition(),
            6 => {
                let (cond, if_true, if_false) =
                    (self.condition(), self.value(bits), self.value(bits));
                self.emit(Op::Select { cond, if_true, if_false }, Ty::Int(bits))
            }
            7 => {
                let wide = self.rng.pick(&[16u8, 32, 64]);
                let a = self.value(wide);
                self.emit(Op::Bswap(a), Ty::Int(wide))
            }
            _ => {
                let parts: Vec<Value> = (0..2 + self.rng.below(3)).map(|_| self.part()).collect();
                let width = parts.iter().map(|p| self.bits(*p)).sum();
                self.emit(Op::Concat(parts), Ty::Int(width))
            }
        };
        self.scope.push(v);
    }

    fn part(&mut self) -> Value {
        let bits = self.rng.pick(&[4u8, 8, 16]);
        self.value(bits)
    }

    /// Bytes put together by hand.
    fn bytes(&mut self) {
        let bits = self.rng.pick(&[16u8, 32, 64]);
        let n = i64::from(bits / 8);
        let start = self.rng.below(20) as i64;
        let down = self.rng.one_in(2);
        let mut all = self.constant(bits, 0);
        for k in 0..n {
            let at = if down { start + n - 1 - k } else { start + k };
            let off = self.constant(64, at as u64);
            let b = self.emit(
                Op::PktLoad { base: self.base, off, bounds: Bounds::constant(at) },
                Ty::Int(8),
            );
            let wide = self.emit(Op::Zext(b), Ty::Int(bits));
            let amount = self.constant(bits, 8 * k as u64);
            let shifted = self.emit(Op::Bin(BinOp::Shl, wide, amount), Ty::Int(bits));
            let o = self.rng.pick(&[BinOp::Or, BinOp::Add, BinOp::Xor]);
            all = self.emit(Op::Bin(o, all, shifted), Ty::Int(bits));
        }
        self.scope.push(all);
    }

    fn condition(&mut self) -> Value {
        use CmpOp::*;
        let o = self.rng.pick(&[Eq, Ne, Ult, Ule, Slt, Sle]);
        let bits = self.rng.pick(&WIDTHS);
        let a = self.value(bits);
        let b = if self.rng.one_in(2) {
            let c = self.rng.number(bits);
            self.constant(bits, c)
        } else {
            self.value(bits)
        };
        let c = self.emit(Op::Cmp(o, a, b), Ty::Int(1));
        self.scope.push(c);
        c
    }

    fn packet_load(&mut self) {
        let bits = self.rng.pick(&[8u8, 16, 32, 64, 24]);
        let (off, bounds) = self.offset(24);
        let v = self.emit(Op::PktLoad { base: self.base, off, bounds }, Ty::Int(bits));
        self.scope.push(v);
    }

    fn packet_store(&mut self) {
        let bits = self.rng.pick(&[8u8, 16, 32, 64]);
        let value = self.value(bits);
        let (off, bounds) = self.offset(24);
        self.effect(Op::PktStore { base: self.base, off, bounds, value });
    }

    /// As `adjust_head` does it: the new start depends on a condition, which is tested afterwards.
    fn move_start(&mut self) {
        let cond = self.condition();
        let delta = [4u64, 14, 20u64.wrapping_neg(), 4u64.wrapping_neg()][self.rng.below(4)];
        let delta = self.constant(64, delta);
        let moved = self.emit(Op::Bin(BinOp::Add, self.base, delta), Ty::Int(64));
        self.base =
            self.emit(Op::Select { cond, if_true: moved, if_false: self.base }, Ty::Int(64));
        let (zero, fault) = (self.constant(32, 0), self.constant(32, 22u64.wrapping_neg()));
        let code = self.emit(Op::Select { cond, if_true: zero, if_false: fault }, Ty::Int(32));
        self.scope.push(code);
    }

    fn block(&mut self) -> Block {
        self.func.blocks.push(empty())
    }

    fn param(&mut self, block: Block, bits: u8) -> Value {
        let n = self.func.blocks[block].params.len() as u32;
        let def = ValueDef::Param(block, n);
        let v = self.func.dfg.values.push(beeline_ir::dfg::ValueData {
            ty: Ty::Int(bits),
            def,
            name: None,
        });
        self.func.blocks[block].params.push(v);
        v
    }

    fn branch(&mut self, depth: u32) {
        let cond = if self.rng.one_in(3) { self.value(1) } else { self.condition() };
        let (then, otherwise, join) = (self.block(), self.block(), self.block());
        let target = |block| Target { block, args: Vec::new() };
        self.func.blocks[self.at].term =
            Terminator::Branch { cond, if_true: target(then), if_false: target(otherwise) };
        let (scope, base) = (self.scope.clone(), self.base);
        let widths: Vec<u8> = (0..self.rng.below(4)).map(|_| self.rng.pick(&WIDTHS)).collect();
        for block in [then, otherwise] {
            self.at = block;
            self.scope = scope.clone();
            self.base = base;
            if block == then || self.rng.one_in(2) {
                self.region(depth + 1);
            }
            if self.rng.one_in(8) {
                let term = self.verdict();
                self.func.blocks[self.at].term = term;
                continue;
            }
            let mut args: Vec<Value> = widths.iter().map(|w| self.value(*w)).collect();
            args.push(self.base);
            self.func.blocks[self.at].term = Terminator::Jump(Target { block: join, args });
        }
        self.at = join;
        self.scope = scope;
        for w in widths {
            let p = self.param(join, w);
            self.scope.push(p);
        }
        self.base = self.param(join, 64);
    }

    /// A loop of at most 4 trips, with a counter and a carried value.
    fn cycle(&mut self, depth: u32) {
        let trips = 1 + self.rng.below(4) as u64;
        let width = self.rng.pick(&WIDTHS);
        let (head, body, exit) = (self.block(), self.block(), self.block());
        let start = self.constant(32, 0);
        let args = vec![start, self.value(width), self.base];
        self.func.blocks[self.at].term = Terminator::Jump(Target { block: head, args });
        self.func.blocks[head].max_trips = Some(trips as u32 + 1);
        self.at = head;
        let (count, carried) = (self.param(head, 32), self.param(head, width));
        self.base = self.param(head, 64);
        self.scope.extend([count, carried]);
        let limit = self.constant(32, trips);
        let cond = self.emit(Op::Cmp(CmpOp::Ult, count, limit), Ty::Int(1));
        let target = |block| Target { block, args: Vec::new() };
        self.func.blocks[head].term =
            Terminator::Branch { cond, if_true: target(body), if_false: target(exit) };
        let (scope, base) = (self.scope.clone(), self.base);
        self.at = body;
        let saved = self.budget;
        self.budget = saved.min(6);
        self.region(depth + 1);
        self.budget += saved - saved.min(6);
        let one = self.constant(32, 1);
        let next = self.emit(Op::Bin(BinOp::Add, count, one), Ty::Int(32));
        let args = vec![next, self.value(width), self.base];
        let again = Terminator::Jump(Target { block: head, args });
        if self.rng.one_in(3) {
            // A second way out, which needs values of the loop behind it.
            let cond = self.condition();
            let latch = self.block();
            self.func.blocks[latch].term = again;
            self.func.blocks[self.at].term =
                Terminator::Branch { cond, if_true: target(exit), if_false: target(latch) };
        } else {
            self.func.blocks[self.at].term = again;
        }
        self.at = exit;
        self.scope = scope;
        self.base = base;
    }

    fn map_access(&mut self, depth: u32) {
        let map = MapId::new(self.rng.below(3));
        let key = if map == MapId::new(1) {
            vec![self.value(16), self.value(32)]
        } else {
            let index = self.value(32);
            let mask = self.constant(32, 31);
            vec![self.emit(Op::Bin(BinOp::And, index, mask), Ty::Int(32))]
        };
        let entry = if map == MapId::new(2) {
            self.emit(Op::EntryConst { map, index: Some(0) }, Ty::Entry(map))
        } else {
            self.emit(Op::MapLookup { map, key }, Ty::Entry(map))
        };
        let null = self.emit(Op::EntryIsNull(entry), Ty::Int(1));
        let (hit, join) = (self.block(), self.block());
        let target = |block| Target { block, args: Vec::new() };
        self.func.blocks[self.at].term =
            Terminator::Branch { cond: null, if_true: target(join), if_false: target(hit) };
        let scope = self.scope.clone();
        self.at = hit;
        let base = self.base;
        for _ in 0..1 + self.rng.below(3) {
            self.entry_access(map, entry);
            if depth < 3 && self.rng.one_in(4) {
                self.arithmetic();
            }
        }
        self.func.blocks[self.at].term = Terminator::Jump(target(join));
        self.at = join;
        self.scope = scope;
        self.base = base;
        self.scope.push(null);
    }

    fn entry_access(&mut self, map: MapId, entry: Value) {
        let bits = self.rng.pick(&[8u8, 16, 32, 64]);
        let (off, bounds) = self.offset(16 - u64::from(bits / 8));
        let frozen = self.func.dfg.maps[map].frozen;
        match self.rng.below(4) {
            0 if !frozen => {
                let value = self.value(bits);
                self.effect(Op::MapStore { map, entry, off, bounds, value });
            }
            1 if bits >= 32 && !frozen => {
                use AtomicOp::*;
                let op = self.rng.pick(&[Add, Or, And, Xor, Xchg, CmpXchg]);
                let value = self.value(bits);
                let expected = if op == CmpXchg { Some(self.value(bits)) } else { None };
                let v = self.emit(
                    Op::MapAtomic { op, map, entry, off, bounds, value, expected },
                    Ty::Int(bits),
                );
                self.scope.push(v);
            }
            _ => {
                let v = self.emit(Op::MapLoad { map, entry, off, bounds }, Ty::Int(bits));
                self.scope.push(v);
            }
        }
    }

    fn verdict(&mut self) -> Terminator {
        let action = self.value(32);
        let end = self.value(64);
        let cut = self.constant(64, 0xffff);
        let end = self.emit(Op::Bin(BinOp::And, end, cut), Ty::Int(64));
        let key = self.value(32);
        Terminator::Ret(Verdict {
            action,
            start: self.base,
            end,
            valid_end: self.value(16),
            redirect_map: self.value(8),
            redirect_key: key,
        })
    }
}
