//! Lift of helper calls.

use super::memory::Place;
use super::ssa::{State, Var};
use super::{map_id, Lift};
use crate::facts::{PtrKind, RegFact};
use crate::insn::Reg;
use beeline_ir::dfg::Ty;
use beeline_ir::entities::{MapId, Value};
use beeline_ir::lpm::LENGTH_BYTES;
use beeline_ir::map::MapKind;
use beeline_ir::op::{BinOp, CmpOp, Input, Op};
use beeline_ir::random::{call_site_key, Step, STEPS};

/// Headroom that `bpf_xdp_adjust_head` may use, in bytes (`docs/semantics.md`).
const HEADROOM: i64 = 216;
/// Bytes that `adjust_head` and `adjust_tail` must leave.
const MIN_LEN: i64 = 14;
/// Coordinate up to which `adjust_tail` may always grow a packet.
const TAIL_LIMIT: u64 = 3520;
const EINVAL: i64 = -22;
const XDP_REDIRECT: u64 = 4;

const R1: Reg = Reg(1);
const R2: Reg = Reg(2);
const R3: Reg = Reg(3);
const R4: Reg = Reg(4);
const R5: Reg = Reg(5);

/// True for the arrays and hash kinds whose entries programs look up and change.
pub(super) fn holds_values(kind: MapKind) -> bool {
    matches!(
        kind,
        MapKind::Array
            | MapKind::PercpuArray
            | MapKind::Hash
            | MapKind::PercpuHash
            | MapKind::LruHash
            | MapKind::LruPercpuHash
    )
}

impl Lift<'_> {
    pub(super) fn helper(&mut self, id: u32) {
        let result = match id {
            1 => return self.map_lookup(),
            2 => self.map_update(),
            3 => self.map_delete(),
            5 | 125 | 160 => Some(self.b.emit(Op::Input(Input::TimeNs), Ty::Int(64))),
            6 | 177 => {
                if self.fact_after(Reg::R0) != RegFact::Unusable {
                    self.refuse(
                        "BL0401",
                        "the number of characters that a trace helper returns is used; nothing is printed in hardware"
                            .into(),
                        "do not use the result of the call",
                    );
                }
                Some(self.b.iconst(0, 64))
            }
            7 => Some(self.prandom()),
            8 => {
                let cpu = self.b.emit(Op::Input(Input::CpuId), Ty::Int(32));
                Some(self.b.zext(cpu, 64))
            }
            23 => Some(self.redirect()),
            25 => self.perf_event_output(),
            28 => self.csum_diff(),
            44 => Some(self.adjust_head()),
            51 => self.redirect_map(),
            65 => Some(self.adjust_tail()),
            130 => self.ringbuf_output(),
            131 => self.ringbuf_reserve(),
            132 => self.ringbuf_commit(true),
            133 => self.ringbuf_commit(false),
            134 => self.ringbuf_query(),
            188 => {
                let start = self.b.read(Var::State(State::Start));
                let end = self.b.read(Var::State(State::End));
                Some(self.b.bin(BinOp::Sub, end, start))
            }
            _ => {
                let name = crate::verifier::helper_name(id).unwrap_or("unknown");
                self.refuse(
                    "BL0401",
                    format!("helper bpf_{name} (number {id}) has no hardware form yet"),
                    "remove the call, or move what it does to the host",
                );
                None
            }
        };
        let value = match result {
            Some(v) => v,
            None => self.b.iconst(0, 64),
        };
        self.set_reg(Reg::R0, value);
    }

    /// The map that a register names, if it is one and the same on all paths.
    pub(super) fn map_arg(&mut self, r: Reg) -> Option<MapId> {
        if let RegFact::Ptr { kind: PtrKind::Map(m), .. } = self.fact(r) {
            return Some(map_id(m));
        }
        self.refuse(
            "BL0410",
            format!("r{} names different maps on different paths", r.0),
            "call the helper once for each map",
        );
        None
    }

    fn map_lookup(&mut self) {
        self.set_scalar_zero(Reg::R0);
        if let RegFact::Ptr { kind: PtrKind::InnerMap(m), .. } = self.fact(R1) {
            return self.inner_lookup(m);
        }
        let Some(map) = self.map_arg(R1) else {
            return;
        };
        let decl = &self.b.dfg().maps[map];
        let (kind, key_size, name) = (decl.kind, decl.key_size, decl.name.clone());
        if matches!(kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps) {
            return self.outer_lookup(map, key_size);
        }
        let sent_through = matches!(
            kind,
            MapKind::Devmap | MapKind::DevmapHash | MapKind::Cpumap | MapKind::Xskmap
        );
        if !sent_through && !holds_values(kind) && kind != MapKind::LpmTrie {
            self.refuse(
                "BL0411",
                format!("lookup in `{name}`: maps of type {kind} have no hardware form yet; they come in a later version"),
                "use an array or a hash map",
            );
            return;
        }
        let Some(place) = self.place(R2, 0) else {
            return;
        };
        let Some(key) = self.key_bytes(kind, place, key_size) else {
            return;
        };
        let entry = self.b.emit(Op::MapLookup { map, key }, Ty::Entry(map));
        let label = self.line_text().and_then(super::names::assigned);
        self.name(entry, &label.unwrap_or(format!("{name}_entry")));
        self.b.write(Var::RegEntry(self.depth, 0), entry);
    }

    /// The key at `place`. The prefix length of an LPM key, which is a constant in most programs, is a part of its own.
    fn key_bytes(&mut self, kind: MapKind, place: Place, size: u32) -> Option<Vec<Value>> {
        if kind != MapKind::LpmTrie {
            return self.load_bytes(place, size);
        }
        let length = LENGTH_BYTES.min(size);
        let mut key = self.load_bytes(place, length)?;
        let data = self.offset_place(place, i64::from(length));
        key.extend(self.load_bytes(data, size - length)?);
        Some(key)
    }

    /// The map that a helper changes and the key, if the map is of a kind that programs change.
    fn changed_entry(&mut self) -> Option<(MapId, Vec<Value>)> {
        let map = self.map_arg(R1)?;
        let decl = &self.b.dfg().maps[map];
        let (kind, key_size, name) = (decl.kind, decl.key_size, decl.name.clone());
        if kind == MapKind::LpmTrie {
            self.refuse(
                "BL0420",
                format!("change of `{name}`: in hardware only the host changes LPM maps"),
                "let user space change the map; or use a hash map if all prefixes have one length",
            );
            return None;
        }
        if !holds_values(kind) {
            self.refuse(
                "BL0411",
                format!("change of `{name}`: maps of type {kind} have no hardware form yet; they come in a later version"),
                "use an array or a hash map",
            );
            return None;
        }
        let place = self.place(R2, 0)?;
        Some((map, self.load_bytes(place, key_size)?))
    }

    fn map_update(&mut self) -> Option<Value> {
        if let RegFact::Ptr { kind: PtrKind::InnerMap(m), .. } = self.fact(R1) {
            return self.inner_update(m);
        }
        let (map, key) = self.changed_entry()?;
        let size = self.b.dfg().maps[map].value_size;
        let place = self.place(R3, 0)?;
        let value = self.load_bytes(place, size)?;
        let flags = self.number(R4);
        Some(self.b.emit(Op::MapUpdate { map, key, value, flags }, Ty::Int(64)))
    }

    fn map_delete(&mut self) -> Option<Value> {
        if let RegFact::Ptr { kind: PtrKind::InnerMap(m), .. } = self.fact(R1) {
            return self.inner_delete(m);
        }
        let (map, key) = self.changed_entry()?;
        Some(self.b.emit(Op::MapDelete { map, key }, Ty::Int(64)))
    }

    fn prandom(&mut self) -> Value {
        let seed = self.b.emit(Op::Input(Input::Seed), Ty::Int(32));
        let index = self.b.emit(Op::Input(Input::PacketIndex), Ty::Int(32));
        let site = self.b.iconst(u64::from(call_site_key(self.pc.0)), 32);
        let mixed = self.b.bin(BinOp::Xor, seed, site);
        let mut x = self.b.bin(BinOp::Xor, mixed, index);
        for step in STEPS {
            x = match step {
                Step::Add(c) => {
                    let c = self.b.iconst(u64::from(c), 32);
                    self.b.bin(BinOp::Add, x, c)
                }
                Step::AddShl(n) => {
                    let n = self.b.iconst(u64::from(n), 32);
                    let shifted = self.b.bin(BinOp::Shl, x, n);
                    self.b.bin(BinOp::Add, x, shifted)
                }
                Step::XorShr(n) => {
                    let n = self.b.iconst(u64::from(n), 32);
                    let shifted = self.b.bin(BinOp::LShr, x, n);
                    self.b.bin(BinOp::Xor, x, shifted)
                }
            };
        }
        self.name(x, "random");
        self.b.zext(x, 64)
    }

    /// `bpf_redirect(ifindex, flags)`: no flags are allowed.
    fn redirect(&mut self) -> Value {
        let (ifindex, flags) = (self.number(R1), self.number(R2));
        let ifindex = self.low_word(ifindex);
        let zero = self.b.iconst(0, 64);
        let ok = self.b.cmp(CmpOp::Eq, flags, zero);
        let old_map = self.b.read(Var::State(State::RedirectMap));
        let old_key = self.b.read(Var::State(State::RedirectKey));
        let map = self.b.select(ok, zero, old_map);
        let key = self.b.select(ok, ifindex, old_key);
        self.b.write(Var::State(State::RedirectMap), map);
        self.b.write(Var::State(State::RedirectKey), key);
        let redirect = self.b.iconst(XDP_REDIRECT, 64);
        self.b.select(ok, redirect, zero)
    }

    /// `bpf_redirect_map(map, key, flags)`: the low bits of the flags are the action if the slot is empty.
    fn redirect_map(&mut self) -> Option<Value> {
        let map = self.map_arg(R1)?;
        let decl = &self.b.dfg().maps[map];
        let (kind, name) = (decl.kind, decl.name.clone());
        let known = matches!(
            kind,
            MapKind::Devmap | MapKind::DevmapHash | MapKind::Cpumap | MapKind::Xskmap
        );
        if !known {
            self.refuse(
                "BL0411",
                format!("redirect through `{name}`: maps of type {kind} have no hardware form yet; they come in a later version"),
                "use a devmap, devmap_hash, cpumap or xskmap",
            );
            return None;
        }
        let flags = match self.fact(R3) {
            RegFact::Scalar(s) => s,
            _ => crate::facts::ScalarRange::unknown(),
        };
        if flags.umax > 3 {
            self.refuse(
                "BL0412",
                "redirect flags other than a fallback action (0 to 3)".to_string(),
                "pass XDP_ABORTED, XDP_DROP, XDP_PASS or XDP_TX as flags",
            );
            return None;
        }
        let (key, fallback) = (self.number(R2), self.number(R3));
        let key32 = self.b.extract(key, 0, 32);
        let op = Op::MapLookup { map, key: vec![key32] };
        let entry = self.b.emit(op, Ty::Entry(map));
        self.name(entry, &format!("{name}_entry"));
        let missing = self.b.emit(Op::EntryIsNull(entry), Ty::Int(1));
        let none = self.b.iconst(0, 64);
        let number = self.b.iconst(u64::from(map.as_u32()) + 1, 64);
        let target_map = self.b.select(missing, none, number);
        // A miss clears the map but leaves the index of an earlier redirect, as Linux does.
        let new_key = self.b.zext(key32, 64);
        let old_key = self.b.read(Var::State(State::RedirectKey));
        let target_key = self.b.select(missing, old_key, new_key);
        self.b.write(Var::State(State::RedirectMap), target_map);
        self.b.write(Var::State(State::RedirectKey), target_key);
        let redirect = self.b.iconst(XDP_REDIRECT, 64);
        Some(self.b.select(missing, fallback, redirect))
    }

    fn low_word(&mut self, v: Value) -> Value {
        let low = self.b.extract(v, 0, 32);
        self.b.zext(low, 64)
    }

    /// A signed 32-bit argument.
    fn signed_arg(&mut self, r: Reg) -> Value {
        let v = self.number(r);
        let low = self.b.extract(v, 0, 32);
        self.b.sext(low, 64)
    }

    fn status(&mut self, ok: Value) -> Value {
        let zero = self.b.iconst(0, 64);
        let einval = self.b.iconst(EINVAL as u64, 64);
        self.b.select(ok, zero, einval)
    }

    fn adjust_head(&mut self) -> Value {
        let delta = self.signed_arg(R2);
        let start = self.b.read(Var::State(State::Start));
        let end = self.b.read(Var::State(State::End));
        let moved = self.b.bin(BinOp::Add, start, delta);
        let lowest = self.b.iconst(-HEADROOM as u64, 64);
        let min_len = self.b.iconst(MIN_LEN as u64, 64);
        let highest = self.b.bin(BinOp::Sub, end, min_len);
        let ok = self.both_at_most((lowest, moved), (moved, highest));
        let start = self.b.select(ok, moved, start);
        self.name(start, "start");
        self.b.write(Var::State(State::Start), start);
        self.status(ok)
    }

    fn adjust_tail(&mut self) -> Value {
        let delta = self.signed_arg(R2);
        let start = self.b.read(Var::State(State::Start));
        let end = self.b.read(Var::State(State::End));
        let moved = self.b.bin(BinOp::Add, end, delta);
        let min_len = self.b.iconst(MIN_LEN as u64, 64);
        let lowest = self.b.bin(BinOp::Add, start, min_len);
        let highest = self.tail_limit();
        let ok = self.both_at_most((lowest, moved), (moved, highest));
        // Growing clears the new bytes, whatever the packet held there before it was cut.
        let grown = self.b.select(ok, moved, end);
        if self.may_grow(R2) {
            self.b.effect(Op::PktZero { from: end, to: grown });
        }
        let valid = self.b.read(Var::State(State::ValidEnd));
        let shorter = self.b.cmp(CmpOp::Slt, grown, valid);
        let valid = self.b.select(shorter, grown, valid);
        self.name(grown, "end");
        self.b.write(Var::State(State::End), grown);
        self.b.write(Var::State(State::ValidEnd), valid);
        self.status(ok)
    }

    /// Can the signed 32-bit argument in `r` be positive?
    fn may_grow(&self, r: Reg) -> bool {
        let RegFact::Scalar(range) = self.fact(r) else {
            return true;
        };
        let negative = range.smax <= 0 && range.smin >= i64::from(i32::MIN);
        let negative_word = range.umin > i32::MAX as u64 && range.umax <= u64::from(u32::MAX);
        !(negative || negative_word)
    }

    /// The larger of the fixed limit and the arrival length.
    fn tail_limit(&mut self) -> Value {
        let len = self.b.emit(Op::Input(Input::PacketLen), Ty::Int(16));
        let len = self.b.zext(len, 64);
        let limit = self.b.iconst(TAIL_LIMIT, 64);
        let longer = self.b.cmp(CmpOp::Slt, limit, len);
        self.b.select(longer, len, limit)
    }

    fn both_at_most(&mut self, a: (Value, Value), b: (Value, Value)) -> Value {
        let first = self.b.cmp(CmpOp::Sle, a.0, a.1);
        let second = self.b.cmp(CmpOp::Sle, b.0, b.1);
        self.b.bin(BinOp::And, first, second)
    }

    /// `bpf_csum_diff(from, from_size, to, to_size, seed)` with constant sizes, as Linux computes it since 6.13:
    /// ones' complement sums folded to 16 bits.
    fn csum_diff(&mut self) -> Option<Value> {
        let (from_size, to_size) = (self.constant_size(R2)?, self.constant_size(R4)?);
        let seed = self.number(R5);
        let seed = self.low_word(seed);
        let mask = self.b.iconst(0xffff_ffff, 64);
        let total = match (from_size, to_size) {
            (0, 0) => seed,
            (0, _) => self.sum_words(R3, to_size, Some(seed))?,
            (_, 0) => {
                let inverse = self.b.bin(BinOp::Xor, seed, mask);
                let sum = self.sum_words(R1, from_size, Some(inverse))?;
                self.b.bin(BinOp::Xor, sum, mask)
            }
            _ => {
                let to = self.sum_words(R3, to_size, Some(seed))?;
                let from = self.sum_words(R1, from_size, None)?;
                let minus = self.b.bin(BinOp::Xor, from, mask);
                self.b.bin(BinOp::Add, to, minus)
            }
        };
        let folded = self.fold(total, 32);
        let folded = self.fold(folded, 16);
        Some(self.fold(folded, 16))
    }

    fn constant_size(&mut self, r: Reg) -> Option<u32> {
        if let RegFact::Scalar(s) = self.fact(r) {
            if let Some(c) = s.as_constant() {
                return u32::try_from(c).ok();
            }
        }
        self.refuse(
            "BL0413",
            format!("bpf_csum_diff with a size that is not constant (r{})", r.0),
            "use a constant size, or sum the words in a bounded loop",
        );
        None
    }

    /// The 32-bit words at register `r` added to `seed`, folded to 32 bits (zero only if all are zero).
    fn sum_words(&mut self, r: Reg, size: u32, seed: Option<Value>) -> Option<Value> {
        let place = self.place(r, 0)?;
        let mut sum = seed;
        for part in self.load_bytes(place, size)? {
            let mut lo = 0;
            while lo < self.b.dfg().bits(part) {
                // What is left of a last word counts as if zeros followed.
                let bits = (self.b.dfg().bits(part) - lo).min(32);
                let word = self.b.extract(part, lo, bits);
                let word = self.b.zext(word, 64);
                sum = Some(match sum {
                    Some(s) => self.b.bin(BinOp::Add, s, word),
                    None => word,
                });
                lo += 32;
            }
        }
        let sum = sum?;
        let once = self.fold(sum, 32);
        Some(self.fold(once, 32))
    }

    /// High part plus low `bits` bits.
    fn fold(&mut self, x: Value, bits: u8) -> Value {
        let low = self.b.extract(x, 0, bits);
        let low = self.b.zext(low, 64);
        let amount = self.b.iconst(u64::from(bits), 64);
        let high = self.b.bin(BinOp::LShr, x, amount);
        self.b.bin(BinOp::Add, low, high)
    }
}
