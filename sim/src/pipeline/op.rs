//! Micro-operations: what the lanes execute. Operands are rows of the frame; an operand's row lies before the result's.

use beeline_ir::op::{AtomicOp, BinOp, Input};

/// A row of the frame: one value, for all lanes.
pub(super) type Row = u32;

/// Two rows that make one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub dst: Row,
    pub a: Row,
    pub b: Row,
}

/// A packet coordinate: the sum of two rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coord {
    pub base: Row,
    pub off: Row,
}

/// A place in a map's values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub map: u32,
    pub entry: Row,
    pub off: Row,
    /// Bytes.
    pub n: u8,
}

/// One micro-operation. `mask` has the bits of the result; `pred` is a row of `i1`.
#[derive(Clone, Debug)]
pub(super) enum Micro {
    Input {
        dst: Row,
        input: Input,
    },
    Add(Pair, u64),
    Sub(Pair, u64),
    Mul(Pair, u64),
    And(Pair),
    Or(Pair),
    Xor(Pair),
    /// The rarer arithmetic.
    Bin(Pair, BinOp, u8),
    Eq(Pair),
    Ne(Pair),
    Ult(Pair),
    Ule(Pair),
    /// Signed comparisons, of numbers whose sign bit is the last field.
    Slt(Pair, u64),
    Sle(Pair, u64),
    Select {
        dst: Row,
        cond: Row,
        if_true: Row,
        if_false: Row,
    },
    /// Sign extension by shifting left and back.
    Sext {
        dst: Row,
        a: Row,
        shift: u8,
        mask: u64,
    },
    /// `a >> shift & mask`
    Extract {
        dst: Row,
        a: Row,
        shift: u8,
        mask: u64,
    },
    /// `a << shift & mask`
    ShiftLeft {
        dst: Row,
        a: Row,
        shift: u8,
        mask: u64,
    },
    /// `a | b << shift`
    Join(Pair, u8),
    Bswap {
        dst: Row,
        a: Row,
        shift: u8,
    },
    IsNull {
        dst: Row,
        a: Row,
    },
    /// Load at a fixed place of the window buffer.
    Load {
        dst: Row,
        at: u32,
        mask: u64,
    },
    LoadAt {
        dst: Row,
        coord: Coord,
        mask: u64,
        n: u8,
    },
    /// Store at a fixed place of the window buffer.
    Store {
        pred: Row,
        at: u32,
        value: Row,
        n: u8,
    },
    StoreAt {
        pred: Row,
        coord: Coord,
        value: Row,
        n: u8,
    },
    Zero {
        pred: Row,
        from: Row,
        to: Row,
    },
    /// Array index to entry.
    Index {
        dst: Row,
        key: Row,
        entries: u64,
    },
    /// Key parts and their sizes in bytes.
    Lookup {
        dst: Row,
        map: u32,
        key: Key,
    },
    MapLoad {
        dst: Row,
        place: Place,
    },
    MapStore {
        pred: Row,
        place: Place,
        value: Row,
    },
    Atomic(Box<Atomic>),
    /// The entry at which a key stands afterwards; `made` is that entry if it is a new one, else 0.
    Insert(Box<Insert>),
    /// Removal of an entry; `gone` is 1 if there was one.
    Remove {
        pred: Row,
        map: u32,
        entry: Row,
        gone: Row,
    },
    Touch {
        pred: Row,
        map: u32,
        entry: Row,
    },
    /// The packet has done to the map's keys what it does.
    Settle {
        map: u32,
    },
    /// Strict mode: two values that a packet carries must be equal.
    Agree {
        a: Row,
        b: Row,
    },
    /// Strict mode: a value that is registered no longer.
    Forget {
        row: Row,
        with: u64,
    },
    /// Strict mode: a byte of the window buffer that is registered no longer.
    ForgetByte {
        at: u32,
    },
}

/// An atomic read-modify-write.
#[derive(Clone, Debug)]
pub(super) struct Atomic {
    pub dst: Row,
    pub pred: Row,
    pub op: AtomicOp,
    pub place: Place,
    pub value: Row,
    pub expected: Row,
}

/// An insertion.
#[derive(Clone, Debug)]
pub(super) struct Insert {
    pub dst: Row,
    pub made: Row,
    pub pred: Row,
    pub map: u32,
    pub entry: Row,
    /// Key parts and their sizes in bytes.
    pub key: Key,
}

/// Parts of a key, lowest in memory first, with their sizes in bytes.
pub(super) type Key = Box<[(Row, u8)]>;
