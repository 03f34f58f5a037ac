//! The microengine's instructions, as types: the level between the generator and the encoded words.
//!
//! The subset that the generator and the run-time routines use; the layout of the words is in [`super::encode`], the meaning in
//! `docs/nfp.md`. Field layouts follow the public sources: the Linux nfp driver's assembler and GNU binutils' disassembler.

/// A bank of general-purpose registers. An instruction reads at most one register of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bank {
    /// Read through the A field.
    A,
    /// Read through the B field.
    B,
}

/// A general-purpose register of the running context: number 0 to 31 of a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gpr {
    /// Its bank.
    pub bank: Bank,
    /// Its number.
    pub number: u8,
}

impl Gpr {
    /// Register `number` of bank A.
    pub const fn a(number: u8) -> Self {
        Self { bank: Bank::A, number }
    }

    /// Register `number` of bank B.
    pub const fn b(number: u8) -> Self {
        Self { bank: Bank::B, number }
    }
}

/// What happens to a local-memory pointer after the access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Next word.
    Up,
    /// Previous word.
    Down,
}

/// A word of local memory, through one of the four pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalMem {
    /// Pointer, 0 to 3.
    pub pointer: u8,
    /// Word number ORed into the pointer; 0 to 15, and 0 to 7 where the operand is restricted.
    pub offset: u8,
    /// Change of the pointer; only with offset 0 and in unrestricted operands.
    pub step: Option<Step>,
}

/// A source operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Src {
    /// None, for operations of one operand.
    None,
    /// A general-purpose register.
    Gpr(Gpr),
    /// Transfer-in register.
    Xfer(u8),
    /// The transfer-in register that `T_INDEX` points at.
    XferIndexed,
    /// Local memory.
    Local(LocalMem),
    /// A constant of 0 to 255 (to 127 in commands and bit branches).
    Imm(u8),
}

/// A destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dst {
    /// Nowhere: only the condition codes count.
    None,
    /// A general-purpose register.
    Gpr(Gpr),
    /// The register of this number in both banks.
    Both(u8),
    /// Transfer-out register.
    Xfer(u8),
    /// The transfer-out register that `T_INDEX` points at.
    XferIndexed,
    /// Local memory.
    Local(LocalMem),
}

impl From<Gpr> for Src {
    fn from(r: Gpr) -> Self {
        Src::Gpr(r)
    }
}

impl From<Gpr> for Dst {
    fn from(r: Gpr) -> Self {
        Dst::Gpr(r)
    }
}

macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident: $code_type:ty { $($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr($code_type)]
        pub enum $name { $($(#[$doc])* $variant = $code,)* }

        impl $name {
            /// Every one, ascending by code.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The one with this code.
            pub fn from_code(code: $code_type) -> Option<Self> {
                match code { $($code => Some($name::$variant),)* _ => None }
            }

            /// Its code.
            pub fn code(self) -> $code_type {
                self as $code_type
            }

            /// Its spelling in assembler text.
            pub fn text(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

numbered! {
    /// Operations of the plain ALU instruction; `a` is the left operand, `b` the right.
    AluOp: u8 {
        /// `b`.
        B = 0x00, "B";
        /// `a + b`.
        Add = 0x01, "+";
        /// `!b`.
        NotB = 0x04, "~B";
        /// `a + (b & 0xffff)`.
        Add16 = 0x05, "+16";
        /// `a & b`.
        And = 0x08, "AND";
        /// `a + (b & 0xff)`.
        Add8 = 0x09, "+8";
        /// `!a & b`.
        NotAnd = 0x0c, "~AND";
        /// `a - b - !carry`.
        SubCarry = 0x0d, "-carry";
        /// Number of the lowest bit set in `b`.
        FindBit = 0x0e, "ffs";
        /// `a & !b`.
        AndNot = 0x10, "AND~";
        /// `a + b + carry`.
        AddCarry = 0x11, "+carry";
        /// `a | b`.
        Or = 0x14, "OR";
        /// `a - b`; carry means no borrow.
        Sub = 0x15, "-";
        /// `a ^ b`.
        Xor = 0x18, "XOR";
        /// `b - a`; carry means no borrow.
        SubReversed = 0x19, "B-A";
    }
}

impl AluOp {
    /// True if the left operand does not count.
    pub fn is_unary(self) -> bool {
        matches!(self, AluOp::B | AluOp::NotB | AluOp::FindBit)
    }
}

numbered! {
    /// Operations of the ALU instruction with shift: `b` is shifted first.
    ShiftOp: u8 {
        /// `b`.
        B = 0, "B";
        /// `!b`.
        NotB = 1, "~B";
        /// `a & b`.
        And = 2, "AND";
        /// `!a & b`.
        NotAnd = 3, "~AND";
        /// `a & !b`.
        AndNot = 4, "AND~";
        /// `a | b`.
        Or = 5, "OR";
        /// `b` shifted right with the sign of the previous instruction's result.
        Asr = 6, "asr";
    }
}

impl ShiftOp {
    /// True if the left operand counts for nothing but a double or indirect shift.
    pub fn is_unary(self) -> bool {
        matches!(self, ShiftOp::B | ShiftOp::NotB | ShiftOp::Asr)
    }
}

numbered! {
    /// Conditions of the plain branch.
    Cond: u8 {
        /// Equal.
        Eq = 0, "beq";
        /// Not equal.
        Ne = 1, "bne";
        /// Negative.
        Mi = 2, "bmi";
        /// Not negative.
        Pl = 3, "bpl";
        /// Carry set: after a subtraction, unsigned not less.
        Cs = 4, "bcs";
        /// Carry clear: after a subtraction, unsigned less.
        Cc = 5, "bcc";
        /// Overflow.
        Vs = 6, "bvs";
        /// No overflow.
        Vc = 7, "bvc";
        /// Signed not less.
        Ge = 8, "bge";
        /// Signed less.
        Lt = 9, "blt";
        /// Signed not greater.
        Le = 10, "ble";
        /// Signed greater.
        Gt = 11, "bgt";
        /// Always.
        Always = 24, "br";
    }
}

numbered! {
    /// Control and status registers of a microengine, by the number in the word: byte address / 4.
    Csr: u8 {
        /// Number of the running context.
        ActiveContext = 8, "CSRCtxPtr";
        /// Status of the running context.
        ContextStatus = 17, "ActCtxStatus";
        /// Local-memory pointer 0, of the running context.
        LmAddr0 = 25, "ActLMAddr0";
        /// Local-memory pointer 1.
        LmAddr1 = 27, "ActLMAddr1";
        /// Index into the transfer registers.
        TIndex = 29, "XferIndex";
        /// Local-memory pointer 2.
        LmAddr2 = 37, "ActLMAddr2";
        /// Local-memory pointer 3.
        LmAddr3 = 39, "ActLMAddr3";
        /// Low word of the time stamp.
        TimestampLow = 48, "TimestampLow";
        /// High word of the time stamp.
        TimestampHigh = 49, "TimestampHgh";
        /// The CRC unit's remainder.
        Crc = 80, "CRCRemainder";
        /// Pseudo-random number.
        Random = 82, "PseudoRndNum";
    }
}

impl Csr {
    /// The register that holds local-memory pointer `n`, 0 to 3.
    pub fn local_pointer(n: u8) -> Csr {
        [Csr::LmAddr0, Csr::LmAddr1, Csr::LmAddr2, Csr::LmAddr3][usize::from(n & 3)]
    }
}

/// How operand `b` is shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shift {
    /// Not.
    None,
    /// Left by 1 to 31.
    Left(u8),
    /// Right by 1 to 31, zeros from above.
    Right(u8),
    /// Rotated right by 1 to 31.
    Rotate(u8),
    /// Low word of `a:b` shifted right by 1 to 31.
    Double(u8),
    /// Left by the low five bits of the previous instruction's `a` operand.
    LeftIndirect,
    /// Right by these.
    RightIndirect,
    /// Low word of `a:b` shifted right by these.
    DoubleIndirect,
}

/// Part of the destination that `immed` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImmedWidth {
    /// All 32 bits.
    All,
    /// One byte; the others stay.
    Byte,
    /// 16 bits; the others stay.
    Word,
}

/// Steps of a multiplication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MulStep {
    /// Takes the operands.
    Start,
    /// Step 1 to 4, counted from 0.
    Step(u8),
    /// Delivers the low word.
    Low,
    /// Delivers the high word.
    High,
}

/// Size of a multiplication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MulSize {
    /// The start step has none.
    Start,
    /// 24 by 8 bits.
    M24x8,
    /// 16 by 16 bits.
    M16x16,
    /// 32 by 32 bits.
    M32x32,
}

/// How the two address operands of a command make an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressMode {
    /// `(a << 8) + b`, 40 bits.
    A40,
    /// `(b << 8) + a`, 40 bits.
    B40,
    /// `a + b`, 32 bits.
    Sum32,
}

/// Whether the context gives way after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Swap {
    /// Gives way until the signal has come; this many following words still run (0 to 2).
    After(u8),
    /// Goes on; the signal is waited for elsewhere.
    No,
}

numbered! {
    /// What a command asks of the memory unit, by action (7 bits of target and action) and token (2 bits). Memory is
    /// big-endian: a plain word lies with its highest byte first. `swap` exchanges the bytes of each word on the way.
    MemOp: u16 {
        /// 64-bit words.
        Read = 0x100, "read";
        /// 64-bit words, bytes exchanged.
        ReadSwap = 0x102, "read_swap";
        /// 64-bit words.
        Write = 0x104, "write";
        /// 64-bit words, bytes exchanged.
        WriteSwap = 0x106, "write_swap";
        /// Bytes, first byte highest in the first register.
        Write8 = 0x108, "write8";
        /// Bytes, first byte lowest in the first register.
        Write8Swap = 0x10a, "write8_swap";
        /// 32-bit words, ordered with the atomic operations.
        AtomicRead = 0x10c, "atomic_read";
        /// Bytes.
        Read8 = 0x10d, "read8";
        /// 32-bit words, ordered with the atomic operations.
        AtomicWrite = 0x110, "atomic_write";
        /// Exchanges words; the old ones come back.
        Swap = 0x111, "swap";
        /// Sets bits.
        Set = 0x114, "set";
        /// Sets bits; the old words come back.
        TestSet = 0x115, "test_set";
        /// Clears bits.
        Clear = 0x118, "clr";
        /// Clears bits; the old words come back.
        TestClear = 0x119, "test_clr";
        /// Adds; 64 bits wide if bit 2 of the length is set.
        Add = 0x11c, "add";
        /// Adds; the old content comes back.
        TestAdd = 0x11d, "test_add";
        /// Adds a constant of the command.
        AddImm = 0x11e, "add_imm";
        /// Subtracts.
        Sub = 0x124, "sub";
        /// Inverts bits.
        Xor = 0x13c, "xor";
        /// Inverts bits; the old words come back.
        TestXor = 0x13d, "test_xor";
        /// 32-bit words.
        Read32 = 0x170, "read32";
        /// 32-bit words, bytes exchanged.
        Read32Swap = 0x172, "read32_swap";
        /// 32-bit words.
        Write32 = 0x17c, "write32";
        /// 32-bit words, bytes exchanged.
        Write32Swap = 0x17e, "write32_swap";
    }
}

impl MemOp {
    /// The arithmetic that bit 2 of the length makes 64 bits wide.
    pub fn has_wide_form(self) -> bool {
        matches!(self, MemOp::Add | MemOp::TestAdd | MemOp::AddImm | MemOp::Sub)
    }
}

/// A command to the memory unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// What to do.
    pub op: MemOp,
    /// First transfer register, 0 to 63.
    pub xfer: u8,
    /// Units moved, 1 to 8 (words or bytes, by action).
    pub count: u8,
    /// Signal, 0 to 15; 0 is none.
    pub signal: u8,
    /// Address mode.
    pub mode: AddressMode,
    /// Left address operand (bank A, a transfer register, local memory or a constant).
    pub a: Src,
    /// Right address operand (bank B, likewise).
    pub b: Src,
    /// Giving way.
    pub swap: Swap,
    /// The result of the instruction before overrides fields.
    pub indirect: bool,
}

/// A place in the control store: word number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Address(pub u16);

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Insn {
    /// `dst = a op b`.
    Alu {
        /// Operation.
        op: AluOp,
        /// Result.
        dst: Dst,
        /// Left operand.
        a: Src,
        /// Right operand.
        b: Src,
        /// Sets the condition codes.
        set_cc: bool,
    },
    /// `dst = a op (b shifted)`.
    AluShift {
        /// Operation.
        op: ShiftOp,
        /// Result.
        dst: Dst,
        /// Left operand.
        a: Src,
        /// Right operand, shifted.
        b: Src,
        /// Shift.
        shift: Shift,
        /// Sets the condition codes.
        set_cc: bool,
    },
    /// Bytes of `dst` in `mask` come from `src` shifted; the others stay, or become 0.
    LdField {
        /// Read and written.
        dst: Dst,
        /// Bytes, bit 0 for the lowest.
        mask: u8,
        /// Source.
        src: Src,
        /// Shift of the source (no double or indirect one).
        shift: Shift,
        /// Other bytes become 0.
        clear: bool,
        /// Sets N and Z.
        set_cc: bool,
    },
    /// `dst` = a 16-bit constant, moved up by 0 to 2 bytes, inverted afterwards if asked.
    Immed {
        /// Result.
        dst: Dst,
        /// Constant.
        value: u16,
        /// Bytes that it is moved up.
        shift: u8,
        /// Inverts all bits.
        invert: bool,
        /// Bits written.
        width: ImmedWidth,
    },
    /// Branch.
    Br {
        /// Condition on the codes.
        cond: Cond,
        /// Where to.
        target: Address,
        /// Following words that run in any case: 0 to 2, 0 to 3 with a condition.
        defer: u8,
    },
    /// Branch on one byte of a register.
    BrByte {
        /// Register.
        src: Src,
        /// Byte 0 (lowest) to 3.
        byte: u8,
        /// Compared with.
        value: u8,
        /// Branches if equal (else if not).
        equal: bool,
        /// Where to.
        target: Address,
        /// Following words that run in any case, 0 to 3.
        defer: u8,
    },
    /// Branch on one bit of a register.
    BrBit {
        /// Register.
        src: Src,
        /// Bit, 0 to 31.
        bit: u8,
        /// Branches if the bit is set (else if clear).
        set: bool,
        /// Where to.
        target: Address,
        /// Following words that run in any case, 0 to 3.
        defer: u8,
    },
    /// Gives way until signals have come.
    CtxArb {
        /// Signals, bit 0 for giving way only.
        mask: u16,
        /// Any one is enough.
        any: bool,
        /// Following words that run before, 0 to 2.
        defer: u8,
    },
    /// Jumps to the address in `src` plus `offset`.
    Jump {
        /// Holds an address.
        src: Src,
        /// Added, 0 to 0xffff; 0 is a return.
        offset: u16,
        /// Following words that run in any case, 0 to 3.
        defer: u8,
    },
    /// A step of a multiplication.
    Mul {
        /// Which.
        step: MulStep,
        /// Size.
        size: MulSize,
        /// Left operand (start and steps).
        a: Src,
        /// Right operand (start and steps).
        b: Src,
        /// Result (low and high).
        dst: Dst,
    },
    /// Writes a control register.
    CsrWrite {
        /// Register.
        csr: Csr,
        /// Source.
        src: Src,
    },
    /// Reads a control register; the next word, `immed[dst, 0]`, delivers it.
    CsrRead {
        /// Register.
        csr: Csr,
    },
    /// A command.
    Command(Command),
    /// Nothing.
    Nop,
}

impl Insn {
    /// The branch target, if it has a fixed one.
    pub fn target(&self) -> Option<Address> {
        match self {
            Insn::Br { target, .. } | Insn::BrByte { target, .. } | Insn::BrBit { target, .. } => {
                Some(*target)
            }
            _ => None,
        }
    }

    /// As [`Insn::target`], to be changed.
    pub fn target_mut(&mut self) -> Option<&mut Address> {
        match self {
            Insn::Br { target, .. } | Insn::BrByte { target, .. } | Insn::BrBit { target, .. } => {
                Some(target)
            }
            _ => None,
        }
    }

    /// How many of the following words run whatever the instruction does to the flow of control.
    pub fn defer(&self) -> u8 {
        match self {
            Insn::Br { defer, .. }
            | Insn::BrByte { defer, .. }
            | Insn::BrBit { defer, .. }
            | Insn::CtxArb { defer, .. }
            | Insn::Jump { defer, .. } => *defer,
            Insn::Command(Command { swap: Swap::After(defer), .. }) => *defer,
            _ => 0,
        }
    }
}
