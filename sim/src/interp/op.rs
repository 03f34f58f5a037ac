//! The interpreter's own instruction form: one flat enum, operands resolved, 12 bytes each.
//!
//! The table below is the only list of arithmetic operations and conditions; the enum, the decoder and the
//! run loop are made from it, so that each operation is one arm of one `match`.

use super::helper::Helper;
use super::kfunc::Kfunc;
use beeline_frontend::insn::{AtomicKind, Size};
use beeline_frontend::Reg;

/// The register file; sixteen, so that an [`R`] needs no check.
pub type Regs = [u64; 16];

/// A register number that indexes 16 registers without a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R(pub u8);

impl R {
    /// Position in the register file.
    #[inline(always)]
    pub fn index(self) -> usize {
        usize::from(self.0 & 15)
    }
}

impl From<Reg> for R {
    fn from(r: Reg) -> Self {
        R(r.0)
    }
}

/// Calls macro `$then` with the table of arithmetic operations and conditions in front of its arguments. Columns: the
/// bytecode's name, the function in [`super::alu`], then the variants for 64-bit register, 64-bit immediate,
/// 32-bit register, 32-bit immediate.
macro_rules! with_table {
    ($then:ident $($args:tt)*) => {
        $then! {
            {
                (Add, add, Add64R, Add64I, Add32R, Add32I)
                (Sub, sub, Sub64R, Sub64I, Sub32R, Sub32I)
                (Mul, mul, Mul64R, Mul64I, Mul32R, Mul32I)
                (Div, div, Div64R, Div64I, Div32R, Div32I)
                (Sdiv, sdiv, Sdiv64R, Sdiv64I, Sdiv32R, Sdiv32I)
                (Or, or, Or64R, Or64I, Or32R, Or32I)
                (And, and, And64R, And64I, And32R, And32I)
                (Lsh, lsh, Lsh64R, Lsh64I, Lsh32R, Lsh32I)
                (Rsh, rsh, Rsh64R, Rsh64I, Rsh32R, Rsh32I)
                (Mod, rem, Mod64R, Mod64I, Mod32R, Mod32I)
                (Smod, srem, Smod64R, Smod64I, Smod32R, Smod32I)
                (Xor, xor, Xor64R, Xor64I, Xor32R, Xor32I)
                (Mov, mov, Mov64R, Mov64I, Mov32R, Mov32I)
                (Arsh, arsh, Arsh64R, Arsh64I, Arsh32R, Arsh32I)
            }
            {
                (Eq, eq, JEq64R, JEq64I, JEq32R, JEq32I)
                (Ne, ne, JNe64R, JNe64I, JNe32R, JNe32I)
                (Gt, gt, JGt64R, JGt64I, JGt32R, JGt32I)
                (Ge, ge, JGe64R, JGe64I, JGe32R, JGe32I)
                (Lt, lt, JLt64R, JLt64I, JLt32R, JLt32I)
                (Le, le, JLe64R, JLe64I, JLe32R, JLe32I)
                (Set, set, JSet64R, JSet64I, JSet32R, JSet32I)
                (Sgt, sgt, JSgt64R, JSgt64I, JSgt32R, JSgt32I)
                (Sge, sge, JSge64R, JSge64I, JSge32R, JSge32I)
                (Slt, slt, JSlt64R, JSlt64I, JSlt32R, JSlt32I)
                (Sle, sle, JSle64R, JSle64I, JSle32R, JSle32I)
            }
            $($args)*
        }
    };
}
pub(super) use with_table;

macro_rules! define_op {
    (
        { $(($alu:ident, $alu_fn:ident, $r64:ident, $i64:ident, $r32:ident, $i32:ident))* }
        { $(($cond:ident, $cond_fn:ident, $jr64:ident, $ji64:ident, $jr32:ident, $ji32:ident))* }
    ) => {
        /// One operation. `(R, R)` is destination and source; a trailing `u32` is a jump target.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($r64(R, R), $i64(R, i32), $r32(R, R), $i32(R, i32),)*
            $($jr64(R, R, u32), $ji64(R, i32, u32), $jr32(R, R, u32), $ji32(R, i32, u32),)*
            Neg64(R),
            Neg32(R),
            /// Sign extension of 8, 16 or 32 bits to 64.
            MovSx64(R, R, u8),
            /// Sign extension of 8 or 16 bits to 32.
            MovSx32(R, R, u8),
            /// Truncation to the low bits.
            Trunc(R, u8),
            Swap(R, u8),
            /// 64-bit constant: low and high half. The next slot is skipped.
            Const(R, u32, u32),
            /// Loads: destination, base, offset.
            Load1(R, R, i16),
            Load2(R, R, i16),
            Load4(R, R, i16),
            Load8(R, R, i16),
            LoadSx1(R, R, i16),
            LoadSx2(R, R, i16),
            LoadSx4(R, R, i16),
            /// Stores: base, source, offset.
            Store1(R, R, i16),
            Store2(R, R, i16),
            Store4(R, R, i16),
            Store8(R, R, i16),
            /// Stores of an immediate: base, offset, value.
            StoreI1(R, i16, i32),
            StoreI2(R, i16, i32),
            StoreI4(R, i16, i32),
            StoreI8(R, i16, i32),
            /// Base, operand, offset.
            Atomic { kind: AtomicKind, size: Size, fetch: bool, dst: R, src: R, off: i16 },
            Jump(u32),
            /// A jump backwards, which uses up fuel. Conditional ones go here first.
            JumpBack(u32),
            /// `d = s + imm`, made of two slots; the second is skipped.
            Lea(R, R, i32),
            /// `d = s + imm; if d > x` (or `d <= x`) goto: the usual packet bounds check, made of three slots.
            LeaJGt(R, R, R, i16, u32),
            LeaJLe(R, R, R, i16, u32),
            /// `r2 = r10 + offset; r1 = map; r0 = lookup`, made of five slots: map, offset; then, made of six, with a jump on null or not null.
            Lookup(u16, i16),
            LookupJNull(u16, i16, u32),
            LookupJFound(u16, i16, u32),
            /// Two bytes as a number, made of four slots: low byte, number, base, offset.
            LoadPair(R, R, R, i16),
            /// `data` and `data_end` of the context, made of two slots: both, base.
            LoadBounds(R, R, R),
            /// `d = *p + x; *p = d`, 64 bits, made of three slots: d, p, offset, x.
            CountI(R, R, i16, i32),
            CountR(R, R, i16, R),
            /// `d = imm; *(u32 *)p = d`, made of two slots: d, p, offset, imm.
            Store4Const(R, R, i16, i32),
            /// Two comparisons of one register with 16-bit numbers, made of two slots: register, number, distance, number, distance.
            JEqEq(R, u16, u16, u16, u16),
            JEqNe(R, u16, u16, u16, u16),
            /// 64-bit atomic addition without fetch: base, operand, offset.
            AtomicAdd8(R, R, i16),
            /// A call of a function of the program; `true` if the function uses its stack.
            CallLocal(u32, bool),
            CallHelper(Helper),
            CallKfunc(Kfunc),
            /// `bpf_tail_call`.
            CallTail,
            /// Helpers that call back: the next operations are those of the callback.
            CallLoop,
            CallForEach,
            /// Where callbacks return to: calls again, or goes on behind the helper call.
            CallbackDone,
            /// `may_goto`: jumps if the function's budget is used up.
            MayGoto(u32),
            Exit,
            /// The verifier proved that control never gets here.
            Unreachable,
        }
    };
}
with_table!(define_op);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_twelve_bytes() {
        assert_eq!(std::mem::size_of::<Op>(), 12);
    }
}
