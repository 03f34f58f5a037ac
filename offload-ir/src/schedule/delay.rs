//! How long an operation takes on a target, as combinational logic from its latest operand to its result.

use super::window::Touch;
use crate::dfg::Dfg;
use crate::entities::{Inst, Value};
use crate::op::{AtomicOp, BinOp, CmpOp, Op};
use crate::target::TargetDesc;

/// Bits of `v` that are not known to be zero because of an extension.
fn significant(dfg: &Dfg, v: Value) -> u32 {
    match dfg.def(v) {
        Some(Op::Zext(a)) => u32::from(dfg.bits(*a)),
        Some(Op::Const(c)) => 64 - c.leading_zeros(),
        _ => u32::from(dfg.bits(v)),
    }
}

/// Delays of one target.
#[derive(Clone, Copy)]
pub struct Delays<'a>(pub &'a TargetDesc);

impl Delays<'_> {
    /// Delay of `inst` in picoseconds; `touch` for packet accesses. Memories themselves are not included:
    /// see [`Delays::key`], [`Delays::row`].
    pub fn of(&self, dfg: &Dfg, inst: Inst, touch: Option<&Touch>) -> u32 {
        let data = &dfg.insts[inst];
        let bits = data.result.and_then(|v| dfg.ty(v).bits()).map_or(1, u32::from);
        match &data.op {
            Op::Const(_)
            | Op::Input(_)
            | Op::EntryConst { .. }
            | Op::Zext(_)
            | Op::Sext(_)
            | Op::Extract { .. }
            | Op::Concat(_)
            | Op::Bswap(_)
            | Op::EntryIsNull(_)
            | Op::EventOutput { .. } => 0,
            Op::Bin(op, a, b) => self.binary(dfg, *op, *a, *b, bits),
            Op::Cmp(op, a, b) => self.compare(dfg, *op, *a, *b),
            Op::Select { .. } => self.logic(bits),
            Op::PktLoad { base, .. } => {
                self.base(dfg, *base) + self.choice(touch.map_or(1, |t| t.firsts.len()))
            }
            Op::PktStore { base, .. } => match touch.map_or(1, |t| t.firsts.len()) {
                1 => self.0.lut_ps,
                // Decode the coordinate, pick the byte of the value, merge.
                n => self.base(dfg, *base) + self.choice(n) + 2 * self.0.lut_ps,
            },
            Op::PktZero { .. } => self.carry(17) + self.0.lut_ps,
            Op::MapLookup { map, key } if !dfg.maps[*map].kind.has_key_table() => {
                self.index(dfg, key)
            }
            // Updates and deletions have been lowered.
            Op::MapLookup { .. } | Op::MapUpdate { .. } | Op::MapDelete { .. } => 0,
            // The enable of the table's write ports.
            Op::MapInsert { .. } | Op::MapRemove { .. } | Op::MapTouch { .. } => 2 * self.0.lut_ps,
            Op::MapLoad { off, bounds, .. } => {
                self.row_choice(dfg, *off, bounds.offsets().take(4096).count())
            }
            Op::MapStore { off, bounds, .. } => {
                self.0.lut_ps + self.row_choice(dfg, *off, bounds.offsets().take(4096).count())
            }
            Op::MapAtomic { op, value, .. } => {
                self.atomic(*op, u32::from(dfg.bits(*value))) + self.0.lut_ps
            }
        }
    }

    /// From a key to the address registers of the key table's banks: the host's multiplexer and the longest parity.
    pub fn key(&self, key_bits: u32) -> u32 {
        self.tree(key_bits.div_ceil(2), self.0.lut_inputs) + self.0.lut_ps
    }

    /// From a key to the registers of an LPM search: if lengths vary, the mask of the data.
    pub fn prefix_key(&self, full_length: bool) -> u32 {
        if full_length {
            0
        } else {
            3 * self.0.lut_ps
        }
    }

    /// From an entry to the address registers of a value memory: the host's multiplexer.
    pub fn request(&self) -> u32 {
        self.0.lut_ps
    }

    /// From the clock edge to a row: the memory, and the forwarding multiplexer if the map is written.
    pub fn row(&self, written: bool) -> u32 {
        self.0.bram_out_ps + if written { self.0.lut_ps } else { 0 }
    }

    /// Few-input functions: one bit shares a look-up table with its neighbours.
    fn logic(&self, bits: u32) -> u32 {
        if bits == 1 {
            self.0.lut_ps / 2
        } else {
            self.0.lut_ps
        }
    }

    fn carry(&self, bits: u32) -> u32 {
        self.0.carry_base_ps + bits * self.0.carry_bit_ps
    }

    /// A tree of `fan_in`-input nodes over `leaves` leaves.
    fn tree(&self, leaves: u32, fan_in: u32) -> u32 {
        let (mut levels, mut reach) = (0, 1);
        while reach < leaves {
            reach *= fan_in;
            levels += 1;
        }
        levels * self.0.lut_ps
    }

    /// A multiplexer of `n` inputs.
    fn choice(&self, n: usize) -> u32 {
        self.tree(n as u32, if self.0.lut_inputs >= 6 { 4 } else { 2 })
    }

    fn row_choice(&self, dfg: &Dfg, off: Value, n: usize) -> u32 {
        if dfg.as_const(off).is_some() {
            0
        } else {
            self.choice(n)
        }
    }

    /// Adding a packet start that is not zero: coordinates have few bits.
    fn base(&self, dfg: &Dfg, base: Value) -> u32 {
        match dfg.as_const(base) {
            Some(0) => 0,
            _ => self.carry(12),
        }
    }

    fn index(&self, dfg: &Dfg, key: &[Value]) -> u32 {
        if key.iter().all(|&v| dfg.as_const(v).is_some()) {
            0
        } else {
            self.carry(32)
        }
    }

    fn binary(&self, dfg: &Dfg, op: BinOp, a: Value, b: Value, bits: u32) -> u32 {
        let constant = dfg.as_const(a).or(dfg.as_const(b)).is_some();
        let by_constant = dfg.as_const(b).is_some();
        match op {
            BinOp::And | BinOp::Or if constant => 0,
            BinOp::Xor if constant => 0, // inverters go into the next table
            BinOp::And | BinOp::Or | BinOp::Xor => self.logic(bits),
            BinOp::Add | BinOp::Sub => self.carry(bits),
            BinOp::Shl | BinOp::LShr | BinOp::AShr if by_constant => 0,
            BinOp::Shl | BinOp::LShr | BinOp::AShr => self.choice(bits as usize),
            BinOp::Mul => match significant(dfg, a).max(significant(dfg, b)).min(bits) {
                0..=18 => self.0.dsp_ps,
                19..=35 => 2 * self.0.dsp_ps + self.carry(bits),
                _ => 3 * self.0.dsp_ps + 2 * self.carry(bits),
            },
            BinOp::UDiv | BinOp::URem | BinOp::SDiv | BinOp::SRem => {
                bits * (self.carry(bits) + self.0.lut_ps)
            }
        }
    }

    fn compare(&self, dfg: &Dfg, op: CmpOp, a: Value, b: Value) -> u32 {
        let bits = dfg.ty(a).bits().map_or(32, u32::from);
        let constant = dfg.as_const(a).or(dfg.as_const(b));
        match op {
            CmpOp::Eq | CmpOp::Ne => {
                let per_table =
                    if constant.is_some() { self.0.lut_inputs } else { self.0.lut_inputs / 2 };
                self.0.lut_ps + self.tree(bits.div_ceil(per_table), self.0.lut_inputs)
            }
            // The sign bit alone.
            CmpOp::Slt if dfg.as_const(b) == Some(0) => 0,
            CmpOp::Ult | CmpOp::Ule | CmpOp::Slt | CmpOp::Sle => self.carry(bits.div_ceil(2)),
        }
    }

    fn atomic(&self, op: AtomicOp, bits: u32) -> u32 {
        match op {
            AtomicOp::Add => self.carry(bits),
            AtomicOp::Or | AtomicOp::And | AtomicOp::Xor | AtomicOp::Xchg => self.0.lut_ps,
            AtomicOp::CmpXchg => {
                self.0.lut_ps
                    + self.tree(bits.div_ceil(self.0.lut_inputs / 2), self.0.lut_inputs)
                    + self.0.lut_ps
            }
        }
    }
}
