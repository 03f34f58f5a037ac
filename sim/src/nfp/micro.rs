//! Decoded operations of the microengine, in the form in which the simulator executes them.

/// A word of local memory through a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalRef {
    /// Pointer, 0 to 3.
    pub pointer: u8,
    /// Word number, ORed into the pointer.
    pub offset: u8,
    /// Change of the pointer afterwards, in words.
    pub step: i8,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Register of bank A.
    A(u8),
    /// Register of bank B.
    B(u8),
    /// Transfer register: in for reads, out for writes.
    Transfer(u8),
    /// The transfer register that the index names.
    TransferIndexed,
    /// Local memory.
    Local(LocalRef),
}

impl Place {
    pub(super) fn gpr(b_side: bool, number: u8) -> Self {
        if b_side {
            Place::B(number)
        } else {
            Place::A(number)
        }
    }
}

/// A source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// A place.
    Place(Place),
    /// A constant.
    Constant(u32),
}

/// A destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// None.
    Nowhere,
    /// A place.
    Place(Place),
    /// The register of this number in both banks.
    Both(u8),
}

/// What happens to the right operand first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// Rotated right; 0 leaves it as it is.
    Rotate(u8),
    /// Shifted right.
    Right(u8),
    /// Shifted left.
    Left(u8),
    /// Left and right together, shifted right; the low word counts.
    Double(u8),
    /// Right by the left operand of the instruction before.
    RightByPrevious,
    /// Left by it.
    LeftByPrevious,
    /// Both together, by it.
    DoubleByPrevious,
}

/// Condition of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Condition {
    Equal,
    NotEqual,
    Minus,
    Plus,
    Carry,
    NoCarry,
    Overflow,
    NoOverflow,
    GreaterEqual,
    Less,
    LessEqual,
    Greater,
    Always,
}

impl Condition {
    pub(super) fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Condition::Equal,
            1 => Condition::NotEqual,
            2 => Condition::Minus,
            3 => Condition::Plus,
            4 => Condition::Carry,
            5 => Condition::NoCarry,
            6 => Condition::Overflow,
            7 => Condition::NoOverflow,
            8 => Condition::GreaterEqual,
            9 => Condition::Less,
            10 => Condition::LessEqual,
            11 => Condition::Greater,
            24 => Condition::Always,
            _ => return None,
        })
    }
}

/// What may change the flow of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Flow {
    Branch { condition: Condition, target: u16, defer: u8 },
    BranchByte { src: Read, byte: u8, value: u8, equal: bool, target: u16, defer: u8 },
    BranchBit { src: Read, bit: u8, set: bool, target: u16, defer: u8 },
    Jump { src: Read, offset: u16, defer: u8 },
    Arbitrate { signals: u16, any: bool, defer: u8 },
}

/// How the operands of a command make an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressMode {
    /// `(left << 8) + right`, 40 bits.
    LeftHigh,
    /// `(right << 8) + left`, 40 bits.
    RightHigh,
    /// `left + right`, 32 bits.
    Sum,
}

/// What the memory unit is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MemoryOp {
    /// Words of `unit` bytes into transfer-in registers; `swap` exchanges the bytes of each 32-bit word.
    Read { unit: u8, swap: bool },
    /// The other way.
    Write { unit: u8, swap: bool },
    /// Read-modify-write on words of 32 bits, or one of 64.
    Modify { kind: Modify, fetch: bool, immediate: bool },
}

/// Kind of a read-modify-write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Modify {
    Exchange,
    Set,
    Clear,
    Add,
    Sub,
    Xor,
}

impl MemoryOp {
    pub(super) fn from_code(action: u8, token: u8) -> Option<Self> {
        let swap = token & 2 != 0;
        let modify = |kind| {
            Some(MemoryOp::Modify { kind, fetch: token & 1 != 0, immediate: token & 2 != 0 })
        };
        match (action, token) {
            (0x40, 0 | 2) => Some(MemoryOp::Read { unit: 8, swap }),
            (0x41, 0 | 2) => Some(MemoryOp::Write { unit: 8, swap }),
            (0x42, 0 | 2) => Some(MemoryOp::Write { unit: 1, swap }),
            (0x43, 0) => Some(MemoryOp::Read { unit: 4, swap: false }),
            (0x43, 1) => Some(MemoryOp::Read { unit: 1, swap: false }),
            (0x44, 0) => Some(MemoryOp::Write { unit: 4, swap: false }),
            (0x44, 1) => modify(Modify::Exchange),
            (0x45, 0 | 1) => modify(Modify::Set),
            (0x46, 0 | 1) => modify(Modify::Clear),
            (0x47, 0..=2) => modify(Modify::Add),
            (0x49, 0) => modify(Modify::Sub),
            (0x4f, 0 | 1) => modify(Modify::Xor),
            (0x5c, 0 | 2) => Some(MemoryOp::Read { unit: 4, swap }),
            (0x5f, 0 | 2) => Some(MemoryOp::Write { unit: 4, swap }),
            _ => None,
        }
    }
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// What to do.
    pub op: MemoryOp,
    /// First transfer register.
    pub transfer: u8,
    /// Units moved; of a read-modify-write, bit 2 of one less selects 64 bits.
    pub count: u8,
    /// Signal raised when done; 0 for none.
    pub signal: u8,
    /// Address.
    pub mode: AddressMode,
    /// Left address operand.
    pub left: Read,
    /// Right address operand.
    pub right: Read,
    /// The context gives way after this many further words; `None` if it goes on.
    pub swap: Option<u8>,
    /// The previous result overrides fields.
    pub indirect: bool,
}

/// A decoded word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Micro {
    Alu {
        op: u8,
        dst: Write,
        left: Read,
        right: Read,
        set_cc: bool,
    },
    AluShift {
        op: u8,
        dst: Write,
        left: Read,
        right: Read,
        shift: Shift,
        set_cc: bool,
    },
    LoadField {
        dst: Write,
        old: Read,
        lanes: u32,
        src: Read,
        shift: Shift,
        clear: bool,
        set_cc: bool,
    },
    Constant {
        dst: Write,
        old: Read,
        lanes: u32,
        value: u32,
    },
    Flow(Flow),
    CsrRead {
        number: u16,
    },
    CsrWrite {
        number: u16,
        src: Read,
    },
    /// Step 0 takes the operands.
    MultiplyStep {
        size: u8,
        step: u8,
        left: Read,
        right: Read,
    },
    MultiplyResult {
        size: u8,
        high: bool,
        dst: Write,
    },
    Command(Access),
}
