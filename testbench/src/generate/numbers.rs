//! Statements on numbers: arithmetic, byte swaps, and what the surroundings supply.

use super::function::{Function, R0};
use super::state::Held;
use beeline_frontend::insn::{AluOp, Callee, Insn, Operand, Reg, Size, Swap, Width};

const KTIME_GET_NS: u32 = 5;
const GET_PRANDOM_U32: u32 = 7;
const GET_SMP_PROCESSOR_ID: u32 = 8;
const JIFFIES64: u32 = 118;

impl Function<'_, '_> {
    /// One operation on a register.
    pub(super) fn arithmetic(&mut self) {
        let dst = self.own_number(&[]);
        let held = self.state.get(dst);
        self.state.set(dst, Held::Number(None));
        self.recent = Some(dst);
        match self.rng.below(12) {
            0 => {
                let width = self.width();
                self.code.push(Insn::Neg { width, dst });
            }
            1 => self.sign_extend(dst),
            2 | 3 => self.swap(dst, held),
            4..=6 => self.shift(dst),
            7 => self.divide(dst),
            8 => self.multiply(dst),
            _ => {
                let op = *self.rng.pick(&[
                    AluOp::Add,
                    AluOp::Add,
                    AluOp::Sub,
                    AluOp::And,
                    AluOp::And,
                    AluOp::Or,
                    AluOp::Xor,
                    AluOp::Mov,
                ]);
                self.operate(op, dst);
            }
        }
    }

    fn operate(&mut self, op: AluOp, dst: Reg) {
        let src = match self.rng.percent(40) {
            true => Operand::Imm(self.constant()),
            false => Operand::Reg(self.number(&[dst])),
        };
        let width = self.width();
        self.code.push(Insn::Alu { op, width, dst, src });
    }

    fn sign_extend(&mut self, dst: Reg) {
        let src = self.number(&[]);
        self.state.set(dst, Held::Number(None));
        let (width, bits) = *self.rng.pick(&[
            (Width::W32, 8),
            (Width::W32, 16),
            (Width::W64, 8),
            (Width::W64, 16),
            (Width::W64, 32),
        ]);
        self.code.push(Insn::MovSx { width, dst, src, bits });
    }

    fn swap(&mut self, dst: Reg, held: Held) {
        let swap = *self.rng.pick(&[Swap::ToBe, Swap::ToBe, Swap::Always, Swap::ToLe]);
        let bits = *self.rng.pick(&[16, 32, 64]);
        self.code.push(Insn::Swap { swap, dst, bits });
        if let Held::Number(Some(mut field)) = held {
            field.swapped ^= swap != Swap::ToLe;
            if field.bytes * 8 == bits {
                self.state.set(dst, Held::Number(Some(field)));
            }
        }
    }

    fn shift(&mut self, dst: Reg) {
        let op = *self.rng.pick(&[AluOp::Lsh, AluOp::Rsh, AluOp::Arsh]);
        let width = self.width();
        if op == AluOp::Arsh {
            self.make_negative(dst);
        }
        let src = match self.rng.percent(65) {
            true => Operand::Imm(self.rng.below(width.bits().into()) as i32),
            false => Operand::Reg(self.number(&[dst])),
        };
        self.code.push(Insn::Alu { op, width, dst, src });
    }

    /// Most numbers are small; signed operations show on negative ones only. Does so every other time.
    fn make_negative(&mut self, dst: Reg) {
        if self.rng.percent(50) {
            let src = Operand::Imm(-1);
            self.code.push(Insn::Alu { op: AluOp::Xor, width: Width::W64, dst, src });
        }
    }

    fn multiply(&mut self, dst: Reg) {
        if self.options().multiply {
            return self.operate(AluOp::Mul, dst);
        }
        let by = *self.rng.pick(&[2, 3, 4, 5, 10, 16, 20, 100]);
        let src = Operand::Imm(by);
        self.code.push(Insn::Alu { op: AluOp::Mul, width: Width::W32, dst, src });
    }

    fn divide(&mut self, dst: Reg) {
        if !self.options().divide {
            let op = *self.rng.pick(&[AluOp::Div, AluOp::Mod]);
            let src = Operand::Imm(1 << self.rng.below(31));
            let width = self.width();
            return self.code.push(Insn::Alu { op, width, dst, src });
        }
        let op = *self.rng.pick(&[AluOp::Div, AluOp::Mod, AluOp::Sdiv, AluOp::Smod]);
        self.make_negative(dst);
        if self.options().divide_by_variable && self.rng.percent(50) {
            let src = Operand::Reg(self.number(&[dst]));
            let width = self.width();
            return self.code.push(Insn::Alu { op, width, dst, src });
        }
        let by = match self.rng.below(4) {
            0 => 1 << self.rng.below(31),
            1 => *self.rng.pick(&[3, 5, 7, 10, 100, 1000, 1514, 65535]),
            2 if matches!(op, AluOp::Sdiv | AluOp::Smod) => -(self.rng.between(1, 100) as i32),
            _ => self.constant(),
        };
        let width = self.width();
        let by = if by == 0 { 1 } else { by };
        self.code.push(Insn::Alu { op, width, dst, src: Operand::Imm(by) });
    }

    /// A number from outside the packet: a context field, or a helper without arguments.
    pub(super) fn surroundings(&mut self) {
        if self.rng.percent(40) {
            let dst = self.number_target(&[]);
            let Some(ctx) = self.ctx(dst) else { return };
            let field = *self.rng.pick(&[12, 16]);
            self.load(Size::B4, dst, ctx, field);
            self.state.set(dst, Held::Number(None));
            return;
        }
        let options = self.options();
        let mut helpers = vec![GET_SMP_PROCESSOR_ID];
        if options.host {
            helpers.extend([KTIME_GET_NS, GET_PRANDOM_U32]);
        }
        if options.host && options.software_only {
            helpers.push(JIFFIES64);
        }
        let helper = *self.rng.pick(&helpers);
        self.code.push(Insn::Call(Callee::Helper(helper)));
        self.state.clobber();
        self.state.set(R0, Held::Number(None));
    }

    /// Brings the number in `r` into `0 ..= most` (`most` at least 1), by a mask and a shift as parsers do; every
    /// result is a multiple of the returned power of two, and at most the returned maximum.
    pub(super) fn limit(&mut self, r: Reg, most: u32) -> (u32, u32) {
        let shift = self.rng.below(most.ilog2().min(3) as usize + 1) as u32;
        let bits = self.rng.between(1, (most >> shift).ilog2().max(1) as usize) as u32;
        let mask = ((1 << bits) - 1).min(most >> shift);
        if self.rng.percent(30) {
            let down = self.rng.between(1, 8) as i32;
            self.alu(AluOp::Rsh, r, Operand::Imm(down));
        }
        self.alu(AluOp::And, r, Operand::Imm(mask as i32));
        if shift > 0 {
            let op = *self.rng.pick(&[AluOp::Lsh, AluOp::Lsh, AluOp::Mul]);
            let by = if op == AluOp::Lsh { shift } else { 1 << shift };
            self.alu(op, r, Operand::Imm(by as i32));
        }
        self.state.set(r, Held::Number(None));
        (mask << shift, 1 << shift)
    }
}
