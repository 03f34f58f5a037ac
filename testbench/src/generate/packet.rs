//! Statements on the packet: bound checks, loads and stores at constant and variable offsets, adjustments.

use super::code::Label;
use super::control::Failure;
use super::function::{Function, R0, R1, R2};
use super::state::{Base, Field, Held};
use beeline_frontend::insn::{AluOp, Callee, Cond, Insn, Operand, Reg, Size, Width};

const ADJUST_HEAD: u32 = 44;
const ADJUST_TAIL: u32 = 65;
const GET_BUFF_LEN: u32 = 188;

/// A comparison with `data_end`: how many bytes from which base the one side of it proves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    base: Base,
    bytes: u32,
    /// The pointer that was compared. Where the packet is too short, verifiers take it for invalid.
    limit: Reg,
}

impl Function<'_, '_> {
    /// A register with a packet pointer.
    fn packet_pointer(&mut self, avoid: &[Reg]) -> Option<Reg> {
        let found = self.find(avoid, |h| matches!(h, Held::Packet(..)));
        if found.is_some() && self.rng.percent(90) {
            return found;
        }
        let dst = self.target(avoid);
        self.load_data(dst)
    }

    /// `dst = ctx->data`.
    pub(super) fn load_data(&mut self, dst: Reg) -> Option<Reg> {
        let ctx = self.ctx(dst)?;
        self.load(Size::B4, dst, ctx, 0);
        let base = self.new_base(0);
        self.bases[base].arrival = self.entry && !self.moves;
        self.state.set(dst, Held::Packet(base, 0));
        Some(dst)
    }

    /// A register with `data_end`.
    pub(super) fn packet_end(&mut self, avoid: &[Reg]) -> Option<Reg> {
        if let Some(r) = self.find(avoid, |h| h == Held::End) {
            return Some(r);
        }
        let dst = self.target(avoid);
        let ctx = self.ctx(dst)?;
        self.load(Size::B4, dst, ctx, 4);
        self.state.set(dst, Held::End);
        Some(dst)
    }

    /// Notes that the program asks for `bytes` from `base`.
    fn note_length(&mut self, base: Base, bytes: u32) {
        if self.entry {
            self.shared.notes.lengths.push(self.bases[base].reach + bytes);
        }
    }

    /// Compares a packet pointer plus some bytes with `data_end`, and jumps to `fail` if the packet is too short.
    pub(super) fn bound_check(&mut self, fail: Label) -> Option<Proof> {
        let p = self.packet_pointer(&[])?;
        self.pointer_check(p, fail)
    }

    fn pointer_check(&mut self, p: Reg, fail: Label) -> Option<Proof> {
        let Held::Packet(base, offset) = self.state.get(p) else { return None };
        let room = self.options().reach.saturating_sub(self.bases[base].reach + offset);
        if room == 0 {
            return None;
        }
        let most = room.min(if self.rng.percent(70) { 24 } else { 64 }) as usize;
        let more = self.rng.between(1, most) as u32;
        self.compare_with_end(p, base, offset, more, fail)
    }

    fn compare_with_end(
        &mut self,
        p: Reg,
        base: Base,
        offset: u32,
        more: u32,
        fail: Label,
    ) -> Option<Proof> {
        let end = self.packet_end(&[p])?;
        let t = self.target(&[p, end]);
        self.mov(t, p);
        self.alu(AluOp::Add, t, Operand::Imm(more as i32));
        self.state.set(t, Held::Packet(base, offset + more));
        let (cond, a, b) = *self.rng.pick(&[
            (Cond::Gt, t, end),
            (Cond::Gt, t, end),
            (Cond::Ge, t, end),
            (Cond::Lt, end, t),
            (Cond::Le, end, t),
        ]);
        self.code.jump_if(cond, Width::W64, a, Operand::Reg(b), fail);
        self.note_length(base, offset + more);
        Some(Proof { base, bytes: offset + more, limit: t })
    }

    /// From here on, the check did not fail.
    pub(super) fn accept(&mut self, proof: Proof) {
        let proved = self.state.proved.entry(proof.base).or_insert(0);
        *proved = (*proved).max(proof.bytes);
    }

    /// From here on, the check failed.
    pub(super) fn reject(&mut self, proof: Proof) {
        self.state.set(proof.limit, Held::Nothing);
    }

    /// Records the way of a failed check to `failure`; this way goes on after a good one.
    fn decide(&mut self, failure: &Failure, proof: Proof) {
        let good = self.state.clone();
        self.reject(proof);
        self.fail_from_here(failure);
        self.state = good;
        self.accept(proof);
    }

    /// A bound check whose failure leaves the function or the block.
    pub(super) fn check_packet(&mut self) -> bool {
        let fail = self.failure();
        if let Some(proof) = self.bound_check(fail.label) {
            self.decide(&fail, proof);
        }
        true
    }

    /// The same of the pointer in `p`.
    pub(super) fn check_pointer(&mut self, p: Reg) -> bool {
        let fail = self.failure();
        if let Some(proof) = self.pointer_check(p, fail.label) {
            self.decide(&fail, proof);
        }
        true
    }

    /// A register and an offset at which `size` bytes are proved.
    pub(super) fn proved_place(&mut self, size: u32, avoid: &[Reg]) -> Option<(Reg, u32)> {
        let fits = |f: &Self, h: Held| match h {
            Held::Packet(base, offset) => f.state.proved(base) >= offset + size,
            _ => false,
        };
        let mut found = self.holding(|h| fits(self, h));
        found.retain(|r| !avoid.contains(r));
        if found.is_empty() {
            return None;
        }
        let r = *self.rng.pick(&found);
        let Held::Packet(base, offset) = self.state.get(r) else { return None };
        let room = self.state.proved(base) - offset - size;
        Some((r, self.rng.below(room as usize + 1) as u32))
    }

    /// Loads packet bytes to `dst`. False if none are proved.
    pub(super) fn load_proved(&mut self, dst: Reg, avoid: &[Reg]) -> bool {
        let size = self.size();
        let signed = size != Size::B8 && self.rng.percent(12);
        self.load_field(dst, size, signed, avoid)
    }

    /// The same with a given size.
    pub(super) fn load_field(&mut self, dst: Reg, size: Size, signed: bool, avoid: &[Reg]) -> bool {
        let Some((p, at)) = self.proved_place(size.bytes(), &[&[dst], avoid].concat()) else {
            return false;
        };
        let held = self.state.get(p);
        self.code.push(Insn::Load { size, signed, dst, src: p, off: at as i16 });
        let field = match held {
            Held::Packet(base, offset) if self.bases[base].arrival && !signed => {
                Some(Field { offset: offset + at, bytes: size.bytes() as u8, swapped: false })
            }
            _ => None,
        };
        self.state.set(dst, Held::Number(field));
        true
    }

    /// Loads packet bytes to a register, or to two of its neighbours that are then put together.
    pub(super) fn load_packet(&mut self) {
        let dst = self.number_target(&[]);
        if !self.load_proved(dst, &[]) {
            self.check_packet();
            return;
        }
        if self.rng.percent(12) {
            self.assemble(dst);
        }
    }

    /// A number from single bytes, most significant first, as parsers do by hand.
    fn assemble(&mut self, dst: Reg) {
        let bytes = self.rng.between(2, 4) as u32;
        let Some((p, at)) = self.proved_place(bytes, &[dst]) else { return };
        let other = self.number_target(&[dst, p]);
        let little = self.rng.percent(40);
        for k in 0..bytes {
            let to = if k == 0 { dst } else { other };
            self.load(Size::B1, to, p, i64::from(at + k));
            if k == 0 {
                continue;
            }
            match little {
                true => self.alu(AluOp::Lsh, other, Operand::Imm(8 * k as i32)),
                false => self.alu(AluOp::Lsh, dst, Operand::Imm(8)),
            }
            self.alu(AluOp::Or, dst, Operand::Reg(other));
        }
        self.state.set(dst, Held::Number(None));
        self.state.set(other, Held::Number(None));
    }

    /// Stores to the packet.
    pub(super) fn store_packet(&mut self) {
        let size = self.size();
        let Some((p, at)) = self.proved_place(size.bytes(), &[]) else { return };
        let src = self.stored(&[p]);
        self.store(size, p, i64::from(at), src);
    }

    /// A pointer at a variable offset, its check, and an access.
    pub(super) fn variable_packet(&mut self) -> bool {
        let Some(p) = self.packet_pointer(&[]) else { return true };
        let Held::Packet(base, offset) = self.state.get(p) else { return true };
        let room = self.options().reach.saturating_sub(self.bases[base].reach + offset);
        if room < 24 {
            return true;
        }
        let v = self.own_number(&[p]);
        let (reach, _) = self.limit(v, (room - 16).min(63));
        let t = self.target(&[p, v]);
        self.mov(t, p);
        self.alu(AluOp::Add, t, Operand::Reg(v));
        let moved = self.new_base(self.bases[base].reach + reach);
        self.state.set(t, Held::Packet(moved, offset));
        let fail = self.failure();
        let more = self.rng.between(1, 16) as u32;
        let Some(proof) = self.compare_with_end(t, moved, offset, more, fail.label) else {
            return true;
        };
        self.decide(&fail, proof);
        let dst = self.number_target(&[t]);
        self.load_proved(dst, &[]);
        if self.rng.percent(40) {
            self.store_packet();
        }
        true
    }

    /// `data_end - data`, or the helper that says the same.
    pub(super) fn packet_length(&mut self) {
        if self.rng.percent(20) {
            let Some(home) = self.home else { return };
            self.ctx_to(R1, home);
            self.code.push(Insn::Call(Callee::Helper(GET_BUFF_LEN)));
            self.state.clobber();
            return self.state.set(R0, Held::Number(None));
        }
        let Some(p) = self.packet_pointer(&[]) else { return };
        let Some(end) = self.packet_end(&[p]) else { return };
        let dst = self.target(&[p, end]);
        self.mov(dst, end);
        self.alu(AluOp::Sub, dst, Operand::Reg(p));
        self.state.set(dst, Held::Number(None));
    }

    /// Moves the packet's start or end, and does something about a refusal.
    pub(super) fn adjust(&mut self) -> bool {
        let Some(home) = self.home else { return true };
        let head = self.rng.percent(55);
        if !head && self.rng.percent(40) {
            // What is cut off and grown again must come back as zeros.
            let by = *self.rng.pick(&[-1, -8, -20, -40]);
            self.imm(R2, by);
            self.ctx_to(R1, home);
            self.code.push(Insn::Call(Callee::Helper(ADJUST_TAIL)));
            self.state.clobber();
            self.state.forget_packet();
            let by = *self.rng.pick(&[1, 8, 20, 40]);
            self.imm(R2, by);
        } else if self.options().adjust_variable && self.rng.percent(25) {
            let by = self.number(&[]);
            self.mov(R2, by);
            let most = if head { 31 } else { 63 };
            self.limit(R2, most);
            if self.rng.percent(50) {
                self.code.push(Insn::Neg { width: Width::W64, dst: R2 });
            }
        } else {
            let by = self.adjustment(head);
            self.imm(R2, by);
        }
        self.ctx_to(R1, home);
        let helper = if head { ADJUST_HEAD } else { ADJUST_TAIL };
        self.code.push(Insn::Call(Callee::Helper(helper)));
        self.state.clobber();
        self.state.forget_packet();
        self.state.set(R0, Held::Number(None));
        self.moves = true;
        if self.rng.percent(70) {
            let fail = self.failure();
            self.code.jump_if(Cond::Ne, Width::W64, R0, Operand::Imm(0), fail.label);
            self.fail_from_here(&fail);
        }
        if self.rng.percent(70) {
            return self.check_packet();
        }
        true
    }

    fn adjustment(&mut self, head: bool) -> i32 {
        let usual: &[i32] = match head {
            true => &[-4, -8, -14, -20, -40, 4, 8, 14, 20, 1, -1, 0],
            false => &[-1, -4, -20, -40, -46, 1, 4, 16, 40, 100, 0],
        };
        let rare: &[i32] = match head {
            true => &[46, 47, 100, 3000, -100, -216, -217],
            false => &[-100, -3000, 2000, 3460, 3461, 9000],
        };
        let values = if self.rng.percent(90) { usual } else { rare };
        *self.rng.pick(values)
    }

    /// Two packet pointers, to be compared with each other.
    pub(super) fn pointer_pair(&mut self) -> Option<(Reg, Reg)> {
        let a = self.find(&[], |h| matches!(h, Held::Packet(..)))?;
        let b = self.find(&[a], |h| matches!(h, Held::Packet(..)))?;
        Some((a, b))
    }
}
