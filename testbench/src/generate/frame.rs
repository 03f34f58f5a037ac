//! Statements on the stack: stores and loads that overlap, spilled pointers, variable offsets, atomics, buffers of the caller.

use super::function::{frame_offset, Function, R0};
use super::state::{Held, Source};
use beeline_frontend::insn::{AluOp, AtomicKind, Insn, Operand, Reg, Size};

impl Function<'_, '_> {
    /// One access to the stack.
    pub(super) fn frame(&mut self) {
        match self.rng.below(12) {
            0 => self.clear_frame(),
            1..=3 => self.store_frame(),
            4..=6 => {
                let dst = self.number_target(&[]);
                self.load_frame(dst);
            }
            7 => self.spill(),
            8 => self.fill(),
            9 => self.variable_frame(),
            10 => self.atomic_frame(),
            _ => self.buffer(),
        }
    }

    /// Zeros, as for a local array or struct.
    fn clear_frame(&mut self) {
        let slots = self.rng.between(1, 4);
        let Some(at) = self.frame_space(8 * slots, 8) else { return };
        for slot in 0..slots {
            let to = frame_offset(at + 8 * slot);
            self.store(Size::B8, Reg::R10, to, Operand::Imm(0));
        }
        self.state.write(at, &vec![Some(Source::Constant(0)); 8 * slots]);
    }

    fn store_frame(&mut self) {
        let size = self.size();
        let Some(at) = self.frame_space(size.bytes() as usize, size.bytes() as usize) else {
            return;
        };
        self.store_at(at, size, &[]);
    }

    /// Stores a number to frame byte `at`.
    pub(super) fn store_at(&mut self, at: usize, size: Size, avoid: &[Reg]) {
        let src = self.stored(avoid);
        let sources = self.sources(src, size);
        if self.rng.percent(20) {
            let keep = if let Operand::Reg(r) = src { vec![r] } else { Vec::new() };
            let t = self.number_target(&[avoid, &keep].concat());
            let by = self.rng.between(0, 32) as i64;
            self.frame_address(t, frame_offset(at) - by);
            self.store(size, t, by, src);
            self.state.set(t, Held::Nothing);
            self.repair(t);
        } else {
            self.store(size, Reg::R10, frame_offset(at), src);
        }
        self.state.write(at, &sources);
    }

    /// `dst = r10 + offset`.
    pub(super) fn frame_address(&mut self, dst: Reg, offset: i64) {
        self.alu(AluOp::Mov, dst, Operand::Reg(Reg::R10));
        self.alu(AluOp::Add, dst, Operand::Imm(offset as i32));
        self.state.set(dst, Held::Nothing);
    }

    /// After the use of `r` for an address: a loop may expect a number there.
    fn repair(&mut self, r: Reg) {
        let value = self.constant();
        self.imm(r, value);
    }

    /// Where the bytes of a stored number come from.
    pub(super) fn sources(&self, src: Operand, size: Size) -> Vec<Option<Source>> {
        let bytes = 0..size.bytes() as usize;
        match src {
            Operand::Imm(i) => {
                let constant = i64::from(i).to_le_bytes();
                bytes.map(|k| Some(Source::Constant(constant[k]))).collect()
            }
            Operand::Reg(r) => match self.state.get(r) {
                Held::Zero => bytes.map(|_| Some(Source::Constant(0))).collect(),
                Held::Number(Some(field)) => {
                    let source = |k: usize| {
                        let k = k as u32;
                        let len = u32::from(field.bytes);
                        match (k < len, field.swapped) {
                            (false, _) => Source::Constant(0),
                            (true, false) => Source::Packet(field.offset + k),
                            (true, true) => Source::Packet(field.offset + len - 1 - k),
                        }
                    };
                    bytes.map(|k| Some(source(k))).collect()
                }
                _ => vec![None; bytes.len()],
            },
        }
    }

    /// Loads a number from the frame. False if there is none.
    pub(super) fn load_frame(&mut self, dst: Reg) -> bool {
        let size = self.size();
        let bytes = size.bytes() as usize;
        let Some(at) = self.frame_data(bytes, bytes) else { return false };
        let signed = size != Size::B8 && self.rng.percent(15);
        let off = frame_offset(at) as i16;
        self.code.push(Insn::Load { size, signed, dst, src: Reg::R10, off });
        self.state.set(dst, Held::Number(None));
        true
    }

    /// Spills a pointer, or a number that is a pointer on other paths.
    fn spill(&mut self) {
        if self.loops > 0 {
            return;
        }
        let spillable = |h: Held| h.is_pointer() && !matches!(h, Held::Buffer(_));
        let Some(src) = self.find(&[], spillable) else { return };
        let Some(at) = self.frame_space(8, 8) else { return };
        self.store(Size::B8, Reg::R10, frame_offset(at), Operand::Reg(src));
        self.state.spill(at, self.state.get(src));
    }

    /// Fetches a spilled pointer.
    fn fill(&mut self) {
        let spills: Vec<(usize, Held)> = self.state.spills.iter().map(|(k, h)| (*k, *h)).collect();
        if spills.is_empty() {
            return;
        }
        let (at, held) = *self.rng.pick(&spills);
        let dst = self.target(&[]);
        self.load(Size::B8, dst, Reg::R10, frame_offset(at));
        self.state.set(dst, held);
    }

    /// An access at an offset that depends on a number, as to an array.
    fn variable_frame(&mut self) {
        let span = *self.rng.pick(&[8, 16, 32]);
        let Some(at) = self.frame_variable(span, 8) else { return self.clear_frame() };
        let v = self.own_number(&[]);
        let (most, align) = self.limit(v, span as u32 - 1);
        let fits = |s: &Size| s.bytes() <= align && most + s.bytes() <= span as u32;
        let sizes: Vec<Size> =
            [Size::B1, Size::B2, Size::B4, Size::B8].into_iter().filter(fits).collect();
        if sizes.is_empty() {
            return;
        }
        let size = *self.rng.pick(&sizes);
        let t = self.target(&[v]);
        self.frame_address(t, frame_offset(at));
        self.alu(AluOp::Add, t, Operand::Reg(v));
        if self.rng.percent(50) {
            let src = self.stored(&[t]);
            self.store(size, t, 0, src);
            self.state.write(at, &vec![None; span]);
        } else {
            let dst = self.number_target(&[]);
            self.load(size, dst, t, 0);
            self.state.set(dst, Held::Number(None));
        }
    }

    fn atomic_frame(&mut self) {
        let size = *self.rng.pick(&[Size::B4, Size::B8]);
        let bytes = size.bytes() as usize;
        let Some(at) = self.frame_variable(bytes, bytes) else { return };
        self.atomic(size, Reg::R10, frame_offset(at), &[]);
        self.state.write(at, &vec![None; bytes]);
    }

    /// An atomic operation with a number as operand. Returns the register that got the old value.
    pub(super) fn atomic(&mut self, size: Size, dst: Reg, off: i64, avoid: &[Reg]) -> Option<Reg> {
        let mut kinds = vec![
            AtomicKind::Add,
            AtomicKind::Add,
            AtomicKind::Add,
            AtomicKind::Or,
            AtomicKind::And,
            AtomicKind::Xor,
        ];
        if self.options().exchange {
            kinds.push(AtomicKind::Xchg);
            if self.state.get(R0).is_number() && dst != R0 {
                kinds.push(AtomicKind::CmpXchg);
            }
        }
        let kind = *self.rng.pick(&kinds);
        let exchanges = matches!(kind, AtomicKind::Xchg | AtomicKind::CmpXchg);
        let fetch = exchanges || self.options().fetch && self.rng.percent(30);
        let mut avoid = [avoid, &[dst]].concat();
        if kind == AtomicKind::CmpXchg {
            avoid.push(R0);
        }
        let src = if fetch { self.own_number(&avoid) } else { self.number(&avoid) };
        self.code.push(Insn::Atomic { kind, size, fetch, dst, off: off as i16, src });
        let old = if kind == AtomicKind::CmpXchg { R0 } else { src };
        if !fetch {
            return None;
        }
        self.state.set(old, Held::Number(None));
        Some(old)
    }

    /// An access to a buffer of the caller.
    fn buffer(&mut self) {
        let Some(p) = self.find(&[], |h| matches!(h, Held::Buffer(_))) else {
            return self.store_frame();
        };
        let Held::Buffer(len) = self.state.get(p) else { return };
        let size = self.size();
        let places = len / size.bytes();
        if places == 0 {
            return;
        }
        let at = i64::from(size.bytes()) * self.rng.below(places as usize) as i64;
        if self.rng.percent(50) {
            let src = self.stored(&[p]);
            self.store(size, p, at, src);
        } else {
            let dst = self.number_target(&[p]);
            self.load(size, dst, p, at);
            self.state.set(dst, Held::Number(None));
        }
    }
}
