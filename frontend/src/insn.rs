//! Instructions of the BPF instruction set (RFC 9669), decoded.

/// A register, `r0` to `r10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(pub u8);

impl Reg {
    /// Return value and scratch.
    pub const R0: Reg = Reg(0);
    /// First argument; the context at entry.
    pub const R1: Reg = Reg(1);
    /// Frame pointer, read-only.
    pub const R10: Reg = Reg(10);
    /// Number of registers.
    pub const COUNT: usize = 11;

    /// Position in a register file.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Index of an 8-byte instruction slot in a linked program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Pc(pub u32);

impl Pc {
    /// Position in a table.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The slot `delta` after this one.
    pub fn plus(self, delta: i64) -> Pc {
        Pc((i64::from(self.0) + delta) as u32)
    }
}

/// Operand width of arithmetic and jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Width {
    W32,
    W64,
}

impl Width {
    /// 32 or 64.
    pub fn bits(self) -> u8 {
        match self {
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }
}

/// Size of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Size {
    B1,
    B2,
    B4,
    B8,
}

impl Size {
    /// In bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Size::B1 => 1,
            Size::B2 => 2,
            Size::B4 => 4,
            Size::B8 => 8,
        }
    }
}

/// Two-operand arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum AluOp {
    Add,
    Sub,
    Mul,
    Div,
    Sdiv,
    Or,
    And,
    Lsh,
    Rsh,
    Mod,
    Smod,
    Xor,
    Mov,
    Arsh,
}

/// Jump conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Cond {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    /// `dst & src != 0`
    Set,
    Sgt,
    Sge,
    Slt,
    Sle,
}

/// Second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// Register.
    Reg(Reg),
    /// Immediate, sign-extended to 64 bits where the width is 64.
    Imm(i32),
}

/// Byte swaps (`BPF_END`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Swap {
    /// To little endian: truncation on a little-endian host.
    ToLe,
    /// To big endian: a swap on a little-endian host.
    ToBe,
    /// Unconditional (v4 `bswap`).
    Always,
}

/// Atomic operations on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum AtomicKind {
    Add,
    Or,
    And,
    Xor,
    Xchg,
    /// Compares with r0, returns the old content in r0.
    CmpXchg,
    /// `BPF_LOAD_ACQ` (6.14+): `dst_reg` is loaded from `[src + off]`.
    LoadAcquire,
    /// `BPF_STORE_REL` (6.14+).
    StoreRelease,
}

/// What a 64-bit immediate load (`ld_imm64`) stands for after linking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Imm64 {
    /// A plain number.
    Value(u64),
    /// Address of a map: index into `Program::maps`.
    Map(usize),
    /// Address of byte `1` in the only value of map `0` (global data).
    MapValue(usize, u32),
    /// A function of this program, for callbacks: its first slot.
    Func(Pc),
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Callee {
    /// Helper by the kernel's number (`enum bpf_func_id`).
    Helper(u32),
    /// Function of this program: its first slot.
    Local(Pc),
    /// Kernel function: index into `Program::kfuncs` (names).
    Kfunc(usize),
}

/// A decoded instruction. Jump offsets are resolved to absolute slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Insn {
    /// `dst op= src` (W32 clears the upper half).
    Alu {
        /// Operation.
        op: AluOp,
        /// 32- or 64-bit.
        width: Width,
        /// Destination and first operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// `dst = -dst`.
    Neg {
        /// 32- or 64-bit.
        width: Width,
        /// Register.
        dst: Reg,
    },
    /// `dst = sign_extend(low `bits` of src)`, `bits` 8, 16 or 32.
    MovSx {
        /// Width of the result; W32 clears the upper half.
        width: Width,
        /// Destination.
        dst: Reg,
        /// Source.
        src: Reg,
        /// Bits taken from the source.
        bits: u8,
    },
    /// Byte swap of the low `bits` (16, 32, 64); upper bits become zero.
    Swap {
        /// Kind.
        swap: Swap,
        /// Register.
        dst: Reg,
        /// 16, 32 or 64.
        bits: u8,
    },
    /// 64-bit immediate load; takes two slots.
    LoadImm64 {
        /// Destination.
        dst: Reg,
        /// What is loaded.
        imm: Imm64,
    },
    /// Second slot of `LoadImm64`; never executed, not a jump target.
    Imm64Tail,
    /// `dst = *(size *)(src + off)`; sign-extends if `signed`.
    Load {
        /// Size.
        size: Size,
        /// Sign extension (v4).
        signed: bool,
        /// Destination.
        dst: Reg,
        /// Base.
        src: Reg,
        /// Offset in bytes.
        off: i16,
    },
    /// `*(size *)(dst + off) = src`.
    Store {
        /// Size.
        size: Size,
        /// Base.
        dst: Reg,
        /// Offset in bytes.
        off: i16,
        /// What is stored; an immediate is sign-extended.
        src: Operand,
    },
    /// Atomic operation at `dst + off`.
    Atomic {
        /// Kind.
        kind: AtomicKind,
        /// `B4` or `B8` (`B1`, `B2` too for acquire and release).
        size: Size,
        /// The old content goes to `src` (to r0 for `CmpXchg`).
        fetch: bool,
        /// Base.
        dst: Reg,
        /// Offset in bytes.
        off: i16,
        /// Operand.
        src: Reg,
    },
    /// Legacy packet access (`LD_ABS`, `LD_IND`); not allowed in XDP, decoded for the message.
    LegacyLoad {
        /// Size.
        size: Size,
        /// Register part of the address, for `LD_IND`.
        src: Option<Reg>,
        /// Constant part of the address.
        imm: i32,
    },
    /// Unconditional jump. `long`: encoded as `gotol` (32-bit offset).
    Jump {
        /// Destination slot.
        target: Pc,
        /// `gotol`.
        long: bool,
    },
    /// Conditional jump.
    JumpIf {
        /// Condition.
        cond: Cond,
        /// Comparison width.
        width: Width,
        /// First operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
        /// Destination slot if the condition holds.
        target: Pc,
    },
    /// `may_goto` (6.9+): jumps if the kernel's budget is used up.
    MayGoto {
        /// Destination slot.
        target: Pc,
    },
    /// Call.
    Call(Callee),
    /// Return from the function or program.
    Exit,
}

impl Insn {
    /// Slots taken: 2 for `LoadImm64`, else 1.
    pub fn slots(&self) -> u32 {
        if matches!(self, Insn::LoadImm64 { .. }) {
            2
        } else {
            1
        }
    }
}
