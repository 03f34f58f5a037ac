//! A small executor of `Function`, for checks that a pass keeps the meaning. It is written for tests: no limits, no speed.

use beeline_ir::analysis::arith::{binary, bswap, compare};
use beeline_ir::dfg::{low_mask, sign_extend};
use beeline_ir::function::{Function, Terminator};
use beeline_ir::op::{AtomicOp, Input, Op};
use beeline_ir::{MapId, MapKind, Value};
use std::collections::{BTreeMap, HashMap};

/// An integer, or the index of an entry (`None`: null).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Datum {
    Int(u64),
    Entry(Option<u32>),
}

/// Everything that a program leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Action, start (signed), end, valid end, redirect map and key.
    pub verdict: [i64; 6],
    /// Packet bytes that are not zero, by coordinate.
    pub packet: BTreeMap<i64, u8>,
    /// Map values that are not zero.
    pub maps: BTreeMap<(MapId, u32), Vec<u8>>,
}

/// One run.
pub struct Machine<'a> {
    func: &'a Function,
    input: &'a [u8],
    values: HashMap<Value, Datum>,
    packet: BTreeMap<i64, u8>,
    maps: BTreeMap<(MapId, u32), Vec<u8>>,
}

/// Runs `func` on the packet `input`; `None` if it reaches `unreachable` or runs too long.
pub fn run(func: &Function, input: &[u8]) -> Option<Outcome> {
    let packet = input.iter().enumerate().map(|(n, b)| (n as i64, *b)).collect();
    let mut m = Machine { func, input, values: HashMap::new(), packet, maps: BTreeMap::new() };
    let mut block = func.entry;
    for _ in 0..10_000 {
        for &inst in &func.blocks[block].insts {
            m.step(inst);
        }
        let target = match &func.blocks[block].term {
            Terminator::Jump(t) => t,
            Terminator::Branch { cond, if_true, if_false } => {
                if m.int(*cond) == 1 {
                    if_true
                } else {
                    if_false
                }
            }
            Terminator::Ret(v) => {
                let mut verdict = v.values().map(|v| m.int(v) as i64);
                verdict[1] = sign_extend(verdict[1] as u64, func.dfg.bits(v.start));
                m.packet.retain(|_, b| *b != 0);
                m.maps.retain(|_, v| v.iter().any(|b| *b != 0));
                return Some(Outcome { verdict, packet: m.packet, maps: m.maps });
            }
            Terminator::Unreachable => return None,
        };
        let args: Vec<Datum> = target.args.iter().map(|a| m.values[a]).collect();
        block = target.block;
        m.values.extend(func.blocks[block].params.iter().copied().zip(args));
    }
    None
}

impl Machine<'_> {
    fn int(&self, v: Value) -> u64 {
        match self.values[&v] {
            Datum::Int(x) => x,
            Datum::Entry(_) => panic!("{v} is an entry"),
        }
    }

    fn entry(&self, v: Value) -> Option<u32> {
        match self.values[&v] {
            Datum::Entry(e) => e,
            Datum::Int(_) => panic!("{v} is an integer"),
        }
    }

    fn step(&mut self, inst: beeline_ir::Inst) {
        let data = &self.func.dfg.insts[inst];
        if let Some((off, b)) = data.op.offset() {
            let off = self.int(off);
            let fits =
                (b.min..=b.max).contains(&(off as i64)) && off & b.known_mask == b.known_bits;
            assert!(fits, "offset {} is not in {b}\n{}", off as i64, self.func);
        }
        let bits = data.result.and_then(|v| self.func.dfg.ty(v).bits()).unwrap_or(64);
        let op = data.op.clone();
        let result = self
            .effect(&op, bits)
            .or_else(|| self.state(&op, bits))
            .unwrap_or_else(|| self.pure(&op));
        if let (Some(v), Datum::Int(x)) = (data.result, result) {
            assert_eq!(x & !low_mask(bits), 0, "{v}");
        }
        self.values.extend(data.result.map(|v| (v, result)));
    }

    fn pure(&self, op: &Op) -> Datum {
        let bits = |v: &Value| self.func.dfg.bits(*v);
        let int = |v: &Value| self.int(*v);
        Datum::Int(match op {
            Op::Const(c) => *c,
            Op::Input(i) => match i {
                Input::PacketLen => self.input.len() as u64,
                other => (0x1234_5678 ^ *other as u64) & low_mask(other.bits()),
            },
            Op::Bin(o, a, b) => binary(*o, bits(a), int(a), int(b)),
            Op::Cmp(o, a, b) => u64::from(compare(*o, bits(a), int(a), int(b))),
            Op::Select { cond, if_true, if_false } => {
                return self.values[if int(cond) == 1 { if_true } else { if_false }];
            }
            Op::Zext(a) => int(a),
            Op::Concat(parts) => {
                parts.iter().rev().fold(0, |all, p| all << (bits(p) - 1) << 1 | int(p))
            }
            Op::Bswap(a) => bswap(int(a), bits(a)),
            Op::EntryIsNull(e) => u64::from(self.entry(*e).is_none()),
            _ => unreachable!("has state"),
        })
    }

    fn state(&self, op: &Op, bits: u8) -> Option<Datum> {
        Some(match op {
            Op::Sext(a) => Datum::Int(
                sign_extend(self.int(*a), self.func.dfg.bits(*a)) as u64 & low_mask(bits),
            ),
            Op::Extract { value, lo } => Datum::Int(self.int(*value) >> lo & low_mask(bits)),
            Op::EntryConst { index, .. } => Datum::Entry(*index),
            Op::PktLoad { base, off, .. } => {
                let at = self.int(*base).wrapping_add(self.int(*off)) as i64;
                let byte =
                    |n: i64| u64::from(self.packet.get(&at.wrapping_add(n)).copied().unwrap_or(0));
                Datum::Int((0..i64::from(bits / 8)).rev().fold(0, |all, n| all << 8 | byte(n)))
            }
            Op::MapLookup { map, key } => {
                let key = key.iter().fold(0u64, |all, k| all.rotate_left(29) ^ self.int(*k));
                let decl = &self.func.dfg.maps[*map];
                // Keys of a hash map that are not multiples of 3 are absent; the others share few entries.
                let index = if decl.kind == MapKind::Array {
                    Some(key as u32).filter(|k| *k < decl.max_entries)
                } else {
                    (key % 3 == 0).then_some((key % 4) as u32)
                };
                Datum::Entry(index)
            }
            Op::MapLoad { map, entry, off, .. } => {
                Datum::Int(self.map_load(*map, *entry, *off, bits))
            }
            _ => return None,
        })
    }

    fn map_load(&self, map: MapId, entry: Value, off: Value, bits: u8) -> u64 {
        let Some(index) = self.entry(entry) else { return 0 };
        let decl = &self.func.dfg.maps[map];
        let start = self.int(off) as usize;
        let row = self.maps.get(&(map, index)).or(decl.initial.as_ref().filter(|_| index == 0));
        let byte = |n: usize| row.map_or(0, |r| u64::from(r[start + n]));
        (0..usize::from(bits / 8)).rev().fold(0, |all, n| all << 8 | byte(n))
    }

    fn map_store(&mut self, map: MapId, entry: Value, off: Value, bytes: &[u8]) {
        let Some(index) = self.entry(entry) else { return };
        let size = self.func.dfg.maps[map].value_size as usize;
        let start = self.int(off) as usize;
        let row = self.maps.entry((map, index)).or_insert_with(|| vec![0; size]);
        row[start..start + bytes.len()].copy_from_slice(bytes);
    }

    fn effect(&mut self, op: &Op, bits: u8) -> Option<Datum> {
        let bytes_of = |m: &Self, v: Value| {
            let n = usize::from(m.func.dfg.bits(v) / 8);
            m.int(v).to_le_bytes()[..n].to_vec()
        };
        match op {
            Op::PktStore { base, off, value, .. } => {
                let at = self.int(*base).wrapping_add(self.int(*off)) as i64;
                for (n, b) in bytes_of(self, *value).into_iter().enumerate() {
                    self.packet.insert(at.wrapping_add(n as i64), b);
                }
            }
            Op::PktZero { from, to } => {
                let range = self.int(*from) as i64..self.int(*to) as i64;
                self.packet.retain(|c, _| !range.contains(c));
            }
            Op::MapStore { map, entry, off, value, .. } => {
                let bytes = bytes_of(self, *value);
                self.map_store(*map, *entry, *off, &bytes);
            }
            Op::MapAtomic { op, map, entry, off, value, expected, .. } => {
                let old = self.map_load(*map, *entry, *off, bits);
                let x = self.int(*value);
                let new = match op {
                    AtomicOp::Add => old.wrapping_add(x),
                    AtomicOp::Or => old | x,
                    AtomicOp::And => old & x,
                    AtomicOp::Xor => old ^ x,
                    AtomicOp::Xchg => x,
                    AtomicOp::CmpXchg => {
                        if expected.map(|e| self.int(e)) == Some(old) {
                            x
                        } else {
                            old
                        }
                    }
                };
                let bytes = new.to_le_bytes();
                self.map_store(*map, *entry, *off, &bytes[..usize::from(bits / 8)]);
                return Some(Datum::Int(old));
            }
            _ => return None,
        }
        Some(Datum::Int(0))
    }
}
