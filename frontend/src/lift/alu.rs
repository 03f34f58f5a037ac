//! Lift of arithmetic, moves, byte swaps and branch conditions.

use super::inner_maps::Holder;
use super::null::is_ambiguous;
use super::ssa::Var;
use super::{map_id, Lift};
use crate::facts::{PtrKind, RegFact, ScalarRange};
use crate::insn::{AluOp, Cond, Insn, Operand, Reg, Swap, Width};
use beeline_ir::dfg::Ty;
use beeline_ir::entities::Value;
use beeline_ir::op::{BinOp, CmpOp, Op};

/// Stands for what is a pointer on one path and something else on another.
const MIXED: PtrKind = PtrKind::Mem(u32::MAX);

impl Lift<'_> {
    pub(super) fn alu(&mut self, op: AluOp, width: Width, dst: Reg, src: Operand) {
        if self.pointer_alu(op, width, dst, src) {
            return;
        }
        self.refuse_address_arithmetic(op, width, dst, src);
        let bits = width.bits();
        let (a, b) = (self.reg(dst), self.operand(src));
        let (a, b) = (self.b.extract(a, 0, bits), self.b.extract(b, 0, bits));
        let result = match op {
            AluOp::Mov => b,
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => {
                let mask = self.b.iconst(u64::from(bits) - 1, bits);
                let amount = match self.b.dfg().as_const(b) {
                    Some(c) => self.b.iconst(c & (u64::from(bits) - 1), bits),
                    None => self.b.bin(BinOp::And, b, mask),
                };
                self.b.bin(binop(op), a, amount)
            }
            _ => self.b.bin(binop(op), a, b),
        };
        let wide = self.b.zext(result, 64);
        if op != AluOp::Mov {
            self.name_by_insn(result, dst);
        }
        self.set_reg(dst, wide);
    }

    /// Moves of pointers and 64-bit pointer arithmetic that keep the map entry with the offset.
    fn pointer_alu(&mut self, op: AluOp, width: Width, dst: Reg, src: Operand) -> bool {
        let Operand::Reg(s) = src else {
            let keeps = matches!(op, AluOp::Add | AluOp::Sub) && width == Width::W64;
            if keeps && self.is_map_value(dst) {
                return self.offset_alu(op, dst, src, dst);
            }
            return false;
        };
        if width != Width::W64 {
            return false;
        }
        match op {
            AluOp::Mov => {
                self.copy_reg((self.depth, s.0), (self.depth, dst.0));
                true
            }
            AluOp::Add if self.is_map_value(s) => self.offset_alu(op, dst, src, s),
            AluOp::Add | AluOp::Sub if self.is_map_value(dst) => {
                if op == AluOp::Sub && self.is_map_value(s) {
                    return false;
                }
                self.offset_alu(op, dst, src, dst)
            }
            _ => false,
        }
    }

    fn offset_alu(&mut self, op: AluOp, dst: Reg, src: Operand, pointer: Reg) -> bool {
        let RegFact::Ptr { kind, .. } = self.fact(pointer) else {
            return false;
        };
        let (a, b) = (self.reg(dst), self.operand(src));
        let sum = self.b.bin(binop(op), a, b);
        self.b.write(Var::Reg(self.depth, dst.0), sum);
        let (from, to) = (Holder::Reg(self.depth, pointer.0), Holder::Reg(self.depth, dst.0));
        self.copy_entries(kind, from, to);
        true
    }

    fn is_map_value(&self, r: Reg) -> bool {
        let RegFact::Ptr { kind, .. } = self.fact(r) else { return false };
        matches!(kind, PtrKind::MapValue(_) | PtrKind::InnerMapValue(_))
    }

    pub(super) fn neg(&mut self, width: Width, dst: Reg) {
        let a = self.number(dst);
        let a = self.b.extract(a, 0, width.bits());
        let zero = self.b.iconst(0, width.bits());
        let result = self.b.bin(BinOp::Sub, zero, a);
        self.name_by_insn(result, dst);
        let wide = self.b.zext(result, 64);
        self.set_reg(dst, wide);
    }

    pub(super) fn mov_sx(&mut self, width: Width, dst: Reg, src: Reg, bits: u8) {
        let a = self.number(src);
        let low = self.b.extract(a, 0, bits);
        let signed = self.b.sext(low, width.bits());
        let wide = self.b.zext(signed, 64);
        self.set_reg(dst, wide);
    }

    pub(super) fn swap(&mut self, swap: Swap, dst: Reg, bits: u8) {
        let a = self.number(dst);
        let low = self.b.extract(a, 0, bits);
        let swapped = match swap {
            Swap::ToLe => low,
            Swap::ToBe | Swap::Always => self.b.emit(Op::Bswap(low), Ty::Int(bits)),
        };
        let wide = self.b.zext(swapped, 64);
        self.set_reg(dst, wide);
    }

    /// The condition of the conditional jump at the current instruction.
    pub(super) fn branch_condition(&mut self) -> Value {
        let Insn::JumpIf { cond, width, dst, src, .. } = self.program.insns[self.pc.index()] else {
            return self.b.iconst(1, 1);
        };
        if let Some(c) = self.null_check(cond, width, dst, src) {
            return c;
        }
        self.refuse_address_comparison(dst, src);
        let bits = width.bits();
        let (a, b) = (self.reg(dst), self.operand(src));
        let (a, b) = (self.b.extract(a, 0, bits), self.b.extract(b, 0, bits));
        let signed = self.signed_pointers(dst, src);
        let (lt, le) = if signed { (CmpOp::Slt, CmpOp::Sle) } else { (CmpOp::Ult, CmpOp::Ule) };
        match cond {
            Cond::Eq => self.b.cmp(CmpOp::Eq, a, b),
            Cond::Ne => self.b.cmp(CmpOp::Ne, a, b),
            Cond::Gt => self.b.cmp(lt, b, a),
            Cond::Ge => self.b.cmp(le, b, a),
            Cond::Lt => self.b.cmp(lt, a, b),
            Cond::Le => self.b.cmp(le, a, b),
            Cond::Sgt => self.b.cmp(CmpOp::Slt, b, a),
            Cond::Sge => self.b.cmp(CmpOp::Sle, b, a),
            Cond::Slt => self.b.cmp(CmpOp::Slt, a, b),
            Cond::Sle => self.b.cmp(CmpOp::Sle, a, b),
            Cond::Set => {
                let both = self.b.bin(BinOp::And, a, b);
                let zero = self.b.iconst(0, bits);
                self.b.cmp(CmpOp::Ne, both, zero)
            }
        }
    }

    /// `p == 0` and `p != 0` on a pointer: known, or a test of the map entry.
    fn null_check(&mut self, cond: Cond, width: Width, dst: Reg, src: Operand) -> Option<Value> {
        let RegFact::Ptr { kind, nullable, .. } = self.fact(dst) else {
            return None;
        };
        let src_is_zero = match src {
            Operand::Imm(i) => i == 0,
            Operand::Reg(r) => match self.fact(r) {
                RegFact::Scalar(s) => s.as_constant() == Some(0),
                _ => false,
            },
        };
        if !src_is_zero {
            return None;
        }
        // With 32 bits, or an order, the address itself would matter. But clang tests `(void *)(long)ctx->data` in 32 bits, and there is
        // headroom and bookkeeping before the first byte of a packet: no pointer to it ends in 32 zeros.
        let in_packet = matches!(kind, PtrKind::Packet | PtrKind::PacketMeta | PtrKind::PacketEnd);
        let wide_enough = width == Width::W64 || in_packet;
        if !wide_enough || !matches!(cond, Cond::Eq | Cond::Ne) {
            self.refuse(
                "BL0404",
                "comparison of a pointer's numeric value".to_string(),
                "compare pointers for equality with NULL only",
            );
        }
        let is_null = match kind {
            PtrKind::MapValue(m) if nullable => {
                let e = self.b.read_entry(Var::RegEntry(self.depth, dst.0), map_id(m));
                self.b.emit(Op::EntryIsNull(e), Ty::Int(1))
            }
            PtrKind::InnerMapValue(_) if nullable => {
                let mut all = self.b.iconst(1, 1);
                for (var, map) in self.entry_vars(kind, Holder::Reg(self.depth, dst.0)) {
                    let e = self.b.read_entry(var, map);
                    let null = self.b.emit(Op::EntryIsNull(e), Ty::Int(1));
                    all = self.b.bin(BinOp::And, null, all);
                }
                all
            }
            PtrKind::InnerMap(_) => {
                let (number, zero) = (self.reg(dst), self.b.iconst(0, 64));
                self.b.cmp(CmpOp::Eq, number, zero)
            }
            PtrKind::Mem(site) if nullable && self.records.contains_key(&site) => {
                let reserved = self.b.read(Var::Reserved(site));
                let zero = self.b.iconst(0, 64);
                self.b.cmp(CmpOp::Eq, reserved, zero)
            }
            _ if nullable => {
                // NULL is the number 0 here, a pointer its offset.
                if is_ambiguous(self.fact(dst)) {
                    self.is_null(dst)
                } else {
                    let (pointer, zero) = (self.reg(dst), self.b.iconst(0, 64));
                    self.b.cmp(CmpOp::Eq, pointer, zero)
                }
            }
            _ => self.b.iconst(0, 1),
        };
        if cond == Cond::Eq {
            return Some(is_null);
        }
        let zero = self.b.iconst(0, 1);
        Some(self.b.cmp(CmpOp::Eq, is_null, zero))
    }

    /// What Linux lets a privileged program do with the number that a pointer is. A distance between two pointers into the
    /// same memory is one here too; anything else depends on addresses, which exist in software only.
    fn refuse_address_arithmetic(&mut self, op: AluOp, width: Width, dst: Reg, src: Operand) {
        let fact = |r: Reg| self.fact(r);
        let region = |r: Reg| match fact(r) {
            RegFact::Ptr { kind: PtrKind::PacketEnd | PtrKind::PacketMeta, .. } => {
                Some(PtrKind::Packet)
            }
            RegFact::Ptr { kind, .. } => Some(kind),
            RegFact::Unusable => Some(MIXED),
            RegFact::Scalar(_) => None,
        };
        let first = if op == AluOp::Mov { None } else { region(dst) };
        let second = match src {
            Operand::Reg(r) => region(r),
            Operand::Imm(_) => None,
        };
        let wide = width == Width::W64;
        let fine = match (first, second) {
            (None, None) => true,
            (Some(a), Some(b)) => op == AluOp::Sub && a == b && a != MIXED,
            (Some(_), None) => wide && matches!(op, AluOp::Add | AluOp::Sub),
            (None, Some(_)) => wide && matches!(op, AluOp::Add | AluOp::Mov),
        };
        if !fine {
            self.refuse_number_of_pointer();
        }
    }

    /// The number in `r`; refuses if it is a pointer's, on any path.
    pub(super) fn number(&mut self, r: Reg) -> Value {
        if !matches!(self.fact(r), RegFact::Scalar(_)) {
            self.refuse_number_of_pointer();
        }
        self.reg(r)
    }

    fn refuse_number_of_pointer(&mut self) {
        self.refuse(
            "BL0404",
            "use of a pointer's numeric value".to_string(),
            "add numbers to pointers and subtract pointers into the same memory only",
        );
    }

    /// Only pointers into the packet have offsets that compare like their addresses.
    fn refuse_address_comparison(&mut self, dst: Reg, src: Operand) {
        let src_fact = match src {
            Operand::Reg(r) => self.fact(r),
            Operand::Imm(i) => RegFact::Scalar(ScalarRange::constant(i64::from(i) as u64)),
        };
        let packet = |f: &RegFact| {
            use PtrKind::{Packet, PacketEnd, PacketMeta};
            matches!(f, RegFact::Ptr { kind: Packet | PacketEnd | PacketMeta, .. })
        };
        let number = |f: &RegFact| matches!(f, RegFact::Scalar(_));
        let dst_fact = self.fact(dst);
        let comparable =
            (packet(&dst_fact) && packet(&src_fact)) || (number(&dst_fact) && number(&src_fact));
        if !comparable {
            self.refuse(
                "BL0404",
                "comparison of a pointer's numeric value".to_string(),
                "compare packet pointers with each other, and other pointers with NULL only",
            );
        }
    }

    /// Offsets below the packet start are negative numbers here though addresses are not.
    fn signed_pointers(&self, dst: Reg, src: Operand) -> bool {
        let negative = |r: Reg| match self.fact(r) {
            RegFact::Ptr { off, .. } => off.smin < 0,
            _ => false,
        };
        let is_ptr = |r: Reg| matches!(self.fact(r), RegFact::Ptr { .. });
        match src {
            Operand::Reg(s) => is_ptr(dst) && is_ptr(s) && (negative(dst) || negative(s)),
            Operand::Imm(_) => false,
        }
    }
}

fn binop(op: AluOp) -> BinOp {
    match op {
        AluOp::Add => BinOp::Add,
        AluOp::Sub => BinOp::Sub,
        AluOp::Mul => BinOp::Mul,
        AluOp::Div => BinOp::UDiv,
        AluOp::Sdiv => BinOp::SDiv,
        AluOp::Or => BinOp::Or,
        AluOp::And => BinOp::And,
        AluOp::Lsh => BinOp::Shl,
        AluOp::Rsh => BinOp::LShr,
        AluOp::Mod => BinOp::URem,
        AluOp::Smod => BinOp::SRem,
        AluOp::Xor | AluOp::Mov => BinOp::Xor,
        AluOp::Arsh => BinOp::AShr,
    }
}
