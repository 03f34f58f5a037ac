//! Operations: one enum for all three forms of the IR.

use crate::entities::{MapId, Value};

/// Two-operand arithmetic on equal widths; the result has the operands' width and wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    /// Unsigned division; x / 0 = 0 (RFC 9669).
    UDiv,
    /// Unsigned remainder; x % 0 = x.
    URem,
    /// Signed division; x / 0 = 0, MIN / -1 = MIN.
    SDiv,
    /// Signed remainder; x % 0 = x, MIN % -1 = 0.
    SRem,
    And,
    Or,
    Xor,
    /// Shift left. Amounts of the width or more give 0 (the lift masks amounts as BPF does).
    Shl,
    /// Logical shift right. Amounts of the width or more give 0.
    LShr,
    /// Arithmetic shift right. Amounts of the width or more give the sign.
    AShr,
}

/// Comparisons on equal widths; the result is `i1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CmpOp {
    Eq,
    Ne,
    Ult,
    Ule,
    Slt,
    Sle,
}

/// Read-modify-write kinds on map values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum AtomicOp {
    Add,
    Or,
    And,
    Xor,
    Xchg,
    /// Writes `value` if the old content equals `expected`.
    CmpXchg,
}

/// What the trace supplies beside the packet bytes (`docs/semantics.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Bytes in the packet on arrival, `i16`.
    PacketLen,
    /// `ctx->ingress_ifindex`, `i32`.
    IngressIfindex,
    /// `ctx->rx_queue_index`, `i32`.
    RxQueueIndex,
    /// Packet timestamp in nanoseconds, `i64`.
    TimeNs,
    /// CPU number, `i32`.
    CpuId,
    /// Number of the packet in the trace, from 0, wrapping, `i32`.
    PacketIndex,
    /// Seed of the random numbers (`--seed`), `i32`. `bpf_get_prandom_u32` is lifted to plain arithmetic on this, the
    /// packet index and the call site (see [`crate::random`]).
    Seed,
}

impl Input {
    /// Width of the input.
    pub fn bits(self) -> u8 {
        match self {
            Input::PacketLen => 16,
            Input::TimeNs => 64,
            Input::IngressIfindex
            | Input::RxQueueIndex
            | Input::CpuId
            | Input::PacketIndex
            | Input::Seed => 32,
        }
    }
}

/// Verified bounds of an offset operand: `min <= offset <= max`, and
/// `offset & known_mask == known_bits`. They hold whenever the access executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Smallest offset, in bytes.
    pub min: i64,
    /// Largest offset, in bytes (of the first byte accessed).
    pub max: i64,
    /// Bits of the offset that are known.
    pub known_mask: u64,
    /// Their values; a subset of `known_mask`.
    pub known_bits: u64,
}

impl Bounds {
    /// Bounds of the constant offset `c`.
    pub fn constant(c: i64) -> Self {
        Self { min: c, max: c, known_mask: u64::MAX, known_bits: c as u64 }
    }

    /// The only possible offset, if there is just one.
    pub fn as_constant(&self) -> Option<i64> {
        (self.min == self.max).then_some(self.min)
    }

    /// True if the bounds allow the offset `o`.
    pub fn allows(&self, o: i64) -> bool {
        (self.min..=self.max).contains(&o) && o as u64 & self.known_mask == self.known_bits
    }

    /// Every offset that the bounds allow, ascending.
    pub fn offsets(&self) -> impl Iterator<Item = i64> + '_ {
        (self.min..=self.max).filter(|o| *o as u64 & self.known_mask == self.known_bits)
    }
}

/// An operation. Multi-byte packet and map accesses are little-endian, as the bytecode on a
/// little-endian host sees them; lists of parts (keys, `Concat`) start with the part that
/// lies lowest in memory, which is the least significant one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A constant; the result type gives the width, bits above it are zero.
    Const(u64),
    /// A trace input.
    Input(Input),
    /// Arithmetic.
    Bin(BinOp, Value, Value),
    /// Comparison.
    Cmp(CmpOp, Value, Value),
    /// `cond ? if_true : if_false`; `cond` is `i1`; arms are integers of one width or entries of one map.
    Select {
        /// Condition, `i1`.
        cond: Value,
        /// Result if `cond` is 1.
        if_true: Value,
        /// Result if `cond` is 0.
        if_false: Value,
    },
    /// Zero extension to the (wider) result type.
    Zext(Value),
    /// Sign extension to the (wider) result type.
    Sext(Value),
    /// Bits `lo ..` of the operand, as many as the result is wide (`trunc` is `lo` = 0).
    Extract {
        /// Source.
        value: Value,
        /// Lowest bit taken.
        lo: u8,
    },
    /// Concatenation, least significant part first; at most 64 bits in all.
    Concat(Vec<Value>),
    /// Byte order reversal; width 16, 24, 32, 40, 48, 56 or 64.
    Bswap(Value),
    /// Load of `result width / 8` packet bytes at coordinate `base + off`.
    ///
    /// Coordinates count from the first byte of the packet *as it arrived*; `base` is the current packet start
    /// (0 until `adjust_head`), both signed 64-bit. Bytes outside the packet read as zero.
    PktLoad {
        /// Current packet start, `i64`.
        base: Value,
        /// Offset from it, `i64`.
        off: Value,
        /// Verified bounds of `off`.
        bounds: Bounds,
    },
    /// Store of an integer of 8, 16, 32 or 64 bits to the packet at `base + off`.
    PktStore {
        /// Current packet start, `i64`.
        base: Value,
        /// Offset from it, `i64`.
        off: Value,
        /// Verified bounds of `off`.
        bounds: Bounds,
        /// What is stored.
        value: Value,
    },
    /// Sets the packet bytes at coordinates `from .. to` to zero (growth by `adjust_tail`).
    PktZero {
        /// First coordinate, `i64`.
        from: Value,
        /// Coordinate after the last, `i64`.
        to: Value,
    },
    /// Looks a key up; the result is an entry of `map` (null if absent).
    MapLookup {
        /// The map.
        map: MapId,
        /// Key parts, lowest in memory first; together `key_size` bytes.
        key: Vec<Value>,
    },
    /// Creates or replaces an entry (`bpf_map_update_elem`); the result is 0 or a negative error number, `i64`. Entries that
    /// were looked up before stay what they were, with the content they had.
    MapUpdate {
        /// The map.
        map: MapId,
        /// Key parts, as of a lookup.
        key: Vec<Value>,
        /// Parts of the new value, lowest in memory first; together `value_size` bytes.
        value: Vec<Value>,
        /// Flags of the helper, `i64`.
        flags: Value,
    },
    /// Deletes an entry (`bpf_map_delete_elem`); the result is 0 or a negative error number, `i64`. Entries that were looked
    /// up before stay what they were.
    MapDelete {
        /// The map.
        map: MapId,
        /// Key parts, as of a lookup.
        key: Vec<Value>,
    },
    /// Puts a key into a keyed map, in a lowered pipeline (see [`crate::pipeline`]). The result is the entry at which the key stands
    /// afterwards: `entry` if that is not null, else a new one; null if the map had no room or the predicate is 0. What a new entry's
    /// value holds is not defined; the program stores all of it.
    MapInsert {
        /// The map.
        map: MapId,
        /// What the key's own lookup found in this packet.
        entry: Value,
        /// Key parts, as of that lookup.
        key: Vec<Value>,
    },
    /// Takes an entry that a lookup found out of its keyed map, in a lowered pipeline; nothing happens if it is null.
    MapRemove {
        /// The map.
        map: MapId,
        /// The entry.
        entry: Value,
    },
    /// Marks an entry of an LRU map as used, in a lowered pipeline; nothing happens if it is null.
    MapTouch {
        /// The map.
        map: MapId,
        /// The entry.
        entry: Value,
    },
    /// The null entry (`None`) or the entry of a fixed array index.
    EntryConst {
        /// The map.
        map: MapId,
        /// Array index, or none for the null entry.
        index: Option<u32>,
    },
    /// `i1`: is the entry null?
    EntryIsNull(Value),
    /// Load of `result width / 8` bytes of an entry's value; zero if the entry is null.
    MapLoad {
        /// The map.
        map: MapId,
        /// Entry.
        entry: Value,
        /// Byte offset in the value, `i64`.
        off: Value,
        /// Verified bounds of `off`.
        bounds: Bounds,
    },
    /// Store to an entry's value; nothing happens if the entry is null.
    MapStore {
        /// The map.
        map: MapId,
        /// Entry.
        entry: Value,
        /// Byte offset in the value, `i64`.
        off: Value,
        /// Verified bounds of `off`.
        bounds: Bounds,
        /// What is stored.
        value: Value,
    },
    /// Atomic read-modify-write; the result is the old content.
    MapAtomic {
        /// Kind.
        op: AtomicOp,
        /// The map.
        map: MapId,
        /// Entry.
        entry: Value,
        /// Byte offset in the value, `i64`.
        off: Value,
        /// Verified bounds of `off`.
        bounds: Bounds,
        /// Operand, 32 or 64 bits.
        value: Value,
        /// Expected content, for `CmpXchg` only.
        expected: Option<Value>,
    },
    /// Sends a record to user space, through a perf event array or a ring buffer. What the helper returns is plain arithmetic beside it.
    EventOutput {
        /// The map.
        map: MapId,
        /// Parts of the longest record that there can be, lowest in memory first.
        data: Vec<Value>,
        /// How many bytes of `data` are sent, from the first on, `i16`.
        len: Value,
        /// Nothing is sent if this `i1` is 0.
        when: Value,
    },
}

/// Longest record that [`Op::EventOutput`] sends, in bytes.
pub const MAX_EVENT_BYTES: u32 = 1536;

impl Op {
    /// Calls `f` on every operand, in a fixed order.
    pub fn for_each_arg(&self, mut f: impl FnMut(Value)) {
        match self {
            Op::Const(_) | Op::Input(_) | Op::EntryConst { .. } => {}
            Op::Bin(_, a, b) | Op::Cmp(_, a, b) => [*a, *b].into_iter().for_each(f),
            Op::Select { cond, if_true, if_false } => {
                [*cond, *if_true, *if_false].into_iter().for_each(f)
            }
            Op::Zext(a) | Op::Sext(a) | Op::Bswap(a) | Op::EntryIsNull(a) => f(*a),
            Op::Extract { value, .. } => f(*value),
            Op::Concat(parts) => parts.iter().copied().for_each(f),
            Op::PktLoad { base, off, .. } => [*base, *off].into_iter().for_each(f),
            Op::PktStore { base, off, value, .. } => [*base, *off, *value].into_iter().for_each(f),
            Op::PktZero { from, to } => [*from, *to].into_iter().for_each(f),
            Op::MapLookup { key, .. } | Op::MapDelete { key, .. } => {
                key.iter().copied().for_each(f)
            }
            Op::MapUpdate { key, value, flags, .. } => {
                key.iter().chain(value).chain([flags]).copied().for_each(f)
            }
            Op::MapInsert { entry, key, .. } => [entry].into_iter().chain(key).copied().for_each(f),
            Op::MapRemove { entry, .. } | Op::MapTouch { entry, .. } => f(*entry),
            Op::MapLoad { entry, off, .. } => [*entry, *off].into_iter().for_each(f),
            Op::MapStore { entry, off, value, .. } => {
                [*entry, *off, *value].into_iter().for_each(f)
            }
            Op::MapAtomic { entry, off, value, expected, .. } => {
                [*entry, *off, *value].into_iter().chain(*expected).for_each(f);
            }
            Op::EventOutput { data, len, when, .. } => {
                data.iter().chain([len, when]).copied().for_each(f);
            }
        }
    }

    /// Replaces every operand by `f(operand)`, in a fixed order.
    pub fn map_args(&mut self, mut f: impl FnMut(Value) -> Value) {
        let mut g = |v: &mut Value| *v = f(*v);
        match self {
            Op::Const(_) | Op::Input(_) | Op::EntryConst { .. } => {}
            Op::Bin(_, a, b) | Op::Cmp(_, a, b) => {
                g(a);
                g(b);
            }
            Op::Select { cond, if_true, if_false } => {
                g(cond);
                g(if_true);
                g(if_false);
            }
            Op::Zext(a) | Op::Sext(a) | Op::Bswap(a) | Op::EntryIsNull(a) => g(a),
            Op::Extract { value, .. } => g(value),
            Op::Concat(parts) => parts.iter_mut().for_each(g),
            Op::PktLoad { base, off, .. } => {
                g(base);
                g(off);
            }
            Op::PktStore { base, off, value, .. } => {
                g(base);
                g(off);
                g(value);
            }
            Op::PktZero { from, to } => {
                g(from);
                g(to);
            }
            Op::MapLookup { key, .. } | Op::MapDelete { key, .. } => key.iter_mut().for_each(g),
            Op::MapUpdate { key, value, flags, .. } => {
                key.iter_mut().chain(value).chain([flags]).for_each(g)
            }
            Op::MapInsert { entry, key, .. } => {
                g(entry);
                key.iter_mut().for_each(g);
            }
            Op::MapRemove { entry, .. } | Op::MapTouch { entry, .. } => g(entry),
            Op::MapLoad { entry, off, .. } => {
                g(entry);
                g(off);
            }
            Op::MapStore { entry, off, value, .. } => {
                g(entry);
                g(off);
                g(value);
            }
            Op::MapAtomic { entry, off, value, expected, .. } => {
                g(entry);
                g(off);
                g(value);
                if let Some(e) = expected {
                    g(e);
                }
            }
            Op::EventOutput { data, len, when, .. } => {
                data.iter_mut().chain([len, when]).for_each(g);
            }
        }
    }

    /// True if executing the operation changes packet or map state: it then needs a guard
    /// (a branch in a `Function`, a predicate in a `Pipeline`) and is never removed as dead.
    pub fn has_effect(&self) -> bool {
        matches!(
            self,
            Op::PktStore { .. }
                | Op::PktZero { .. }
                | Op::MapStore { .. }
                | Op::MapAtomic { .. }
                | Op::MapUpdate { .. }
                | Op::MapDelete { .. }
                | Op::MapInsert { .. }
                | Op::MapRemove { .. }
                | Op::MapTouch { .. }
                | Op::EventOutput { .. }
        )
    }

    /// True if the result depends on packet or map state, so that the operation cannot move
    /// across effects on the same state.
    pub fn reads_state(&self) -> bool {
        matches!(
            self,
            Op::PktLoad { .. }
                | Op::MapLookup { .. }
                | Op::MapLoad { .. }
                | Op::MapAtomic { .. }
                | Op::MapUpdate { .. }
                | Op::MapDelete { .. }
                | Op::MapInsert { .. }
        )
    }

    /// The offset operand of an access to packet or map bytes, and its bounds.
    pub fn offset(&self) -> Option<(Value, &Bounds)> {
        match self {
            Op::PktLoad { off, bounds, .. }
            | Op::PktStore { off, bounds, .. }
            | Op::MapLoad { off, bounds, .. }
            | Op::MapStore { off, bounds, .. }
            | Op::MapAtomic { off, bounds, .. } => Some((*off, bounds)),
            _ => None,
        }
    }

    /// As [`Self::offset`], to be changed.
    pub fn offset_mut(&mut self) -> Option<(&mut Value, &mut Bounds)> {
        match self {
            Op::PktLoad { off, bounds, .. }
            | Op::PktStore { off, bounds, .. }
            | Op::MapLoad { off, bounds, .. }
            | Op::MapStore { off, bounds, .. }
            | Op::MapAtomic { off, bounds, .. } => Some((off, bounds)),
            _ => None,
        }
    }

    /// The map whose entries the operation works on, if any. (Maps that events are sent through have none.)
    pub fn map(&self) -> Option<MapId> {
        match self {
            Op::MapLookup { map, .. }
            | Op::MapUpdate { map, .. }
            | Op::MapDelete { map, .. }
            | Op::MapInsert { map, .. }
            | Op::MapRemove { map, .. }
            | Op::MapTouch { map, .. }
            | Op::EntryConst { map, .. }
            | Op::MapLoad { map, .. }
            | Op::MapStore { map, .. }
            | Op::MapAtomic { map, .. } => Some(*map),
            _ => None,
        }
    }
}
