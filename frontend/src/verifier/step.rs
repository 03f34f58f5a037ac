//! The effect of one instruction on a state.

use super::alu;
use super::explore::{Explorer, Next};
use super::memory::{uninitialised, Access};
use super::message::{describe, refuse, Checked};
use super::pointer;
use super::scalar::Scalar;
use super::state::{Kind, MapRef, State, Value};
use super::structure;
use crate::insn::{AluOp, AtomicKind, Callee, Imm64, Insn, Operand, Pc, Reg, Size, Width};

impl Explorer<'_> {
    /// Walks the instruction that `state` stands before.
    pub(super) fn step(&mut self, state: &mut State) -> Checked<Next> {
        let insn = self.program.insns[state.pc.index()];
        let next = Next::Goto(state.pc.plus(i64::from(insn.slots())));
        if structure::writes_frame_pointer(&insn) {
            return Err(refuse("BL0305", "r10 is written, but the frame pointer is read-only"));
        }
        match insn {
            Insn::Alu { op, width, dst, src } => self.arithmetic(state, op, width, dst, src)?,
            Insn::Neg { width, dst } => self.unary(state, dst, |v| alu::negate(width, v))?,
            Insn::Swap { swap, dst, bits } => {
                self.unary(state, dst, |v| alu::swap(swap, u32::from(bits), v))?;
            }
            Insn::MovSx { width, dst, src, bits } => {
                let value = self.read(state, src)?;
                let number = value.var.sext(u32::from(bits));
                let number = if width == Width::W32 { number.zext32() } else { number };
                let number = if value.is_scalar() { number } else { Scalar::UNKNOWN };
                state.set(dst, Value::scalar(number));
            }
            Insn::LoadImm64 { dst, imm } => state.set(dst, immediate(imm)),
            Insn::Load { size, signed, dst, src, off } => {
                let value = self.load(state, size, signed, src, off)?;
                state.set(dst, value);
            }
            Insn::Store { size, dst, off, src } => self.store(state, size, dst, off, src)?,
            Insn::Atomic { kind, size, fetch, dst, off, src } => {
                self.atomic(state, kind, size, fetch, (dst, off), src)?;
            }
            Insn::Jump { target, .. } => return Ok(Next::Goto(target)),
            Insn::JumpIf { cond, width, dst, src, target } => {
                return self.branch(state, cond, width, (dst, src), target);
            }
            Insn::Call(Callee::Helper(id)) => {
                self.check_poison(state.pc)?;
                return self.call_helper(state, id);
            }
            Insn::Call(Callee::Local(start)) => return self.call_function(state, start),
            Insn::Call(Callee::Kfunc(k)) => return self.call_kfunc(state, k),
            Insn::Exit => return self.exit(state),
            Insn::LegacyLoad { .. } => {
                return Err(refuse("BL0304", "legacy packet loads do not exist in XDP programs")
                    .help("read the packet through ctx->data"));
            }
            Insn::MayGoto { target } => return self.may_goto(state, target),
            Insn::Imm64Tail => {
                return Err(refuse("BL0300", "control reaches the middle of a 64-bit load"))
            }
        }
        Ok(next)
    }

    /// Control must not come to what linking left without meaning.
    fn check_poison(&self, pc: Pc) -> Checked {
        let Some(poisoned) = self.program.poison_at(pc) else { return Ok(()) };
        Err(refuse(poisoned.code, &poisoned.reason).help(
            "guard it with bpf_core_field_exists(), bpf_ksym_exists() or the like; the types of another kernel are \
             given with --btf FILE",
        ))
    }

    /// The value of register `r`, which must be initialised.
    pub(super) fn read(&self, state: &State, r: Reg) -> Checked<Value> {
        let value = *state.reg(r);
        if value.kind == Kind::Uninit {
            return Err(uninitialised(&format!("r{}", r.0)));
        }
        Ok(value)
    }

    /// The value of a second operand.
    pub(super) fn operand(&self, state: &State, o: Operand) -> Checked<Value> {
        match o {
            Operand::Reg(r) => self.read(state, r),
            Operand::Imm(i) => Ok(Value::scalar(Scalar::constant(i64::from(i) as u64))),
        }
    }

    /// Names the number in `r`, so that copies of it learn what it learns.
    pub(super) fn name_scalar(&mut self, state: &mut State, r: Reg) {
        let value = state.reg(r);
        if value.is_scalar() && value.id == 0 && value.as_constant().is_none() {
            let id = self.fresh_name();
            state.frame_mut().regs[r.index()].id = id;
        }
    }

    fn unary(&mut self, state: &mut State, dst: Reg, f: impl Fn(&Scalar) -> Scalar) -> Checked {
        let value = self.read(state, dst)?;
        let number = if value.is_scalar() { f(&value.var) } else { Scalar::UNKNOWN };
        state.set(dst, Value::scalar(number));
        Ok(())
    }

    fn arithmetic(
        &mut self,
        state: &mut State,
        op: AluOp,
        width: Width,
        dst: Reg,
        src: Operand,
    ) -> Checked {
        if op == AluOp::Mov {
            return self.mov(state, width, dst, src);
        }
        let a = self.read(state, dst)?;
        let b = self.operand(state, src)?;
        let result = match (a.is_scalar(), b.is_scalar()) {
            (true, true) => {
                let result = Value::scalar(alu::binary(op, width, &a.var, &b.var));
                with_distance(result, op, width, &a, &b)
            }
            (_, false) if op == AluOp::Sub && width == Width::W32 => {
                Value::scalar(Scalar::of_bytes(4))
            }
            (false, false) if op == AluOp::Sub => Value::unknown(),
            (false, false) => {
                return Err(refuse(
                    "BL0310",
                    "arithmetic between two pointers is not allowed, except subtraction",
                )
                .found(format!(
                    "{} and {}",
                    describe(self.program, &a),
                    describe(self.program, &b)
                )));
            }
            (false, true) => self.pointer_arithmetic(op, width, &a, &b)?,
            (true, false) if op == AluOp::Add => self.pointer_arithmetic(op, width, &b, &a)?,
            (true, false) => {
                return Err(refuse(
                    "BL0310",
                    "only addition of a number and a pointer gives a pointer",
                )
                .found(format!(
                    "{} and {}",
                    describe(self.program, &a),
                    describe(self.program, &b)
                )));
            }
        };
        state.set(dst, result);
        Ok(())
    }

    fn pointer_arithmetic(
        &mut self,
        op: AluOp,
        width: Width,
        pointer: &Value,
        number: &Value,
    ) -> Checked<Value> {
        if width == Width::W32 && op == AluOp::Sub {
            return Ok(Value::scalar(Scalar::of_bytes(4)));
        }
        if width == Width::W32 || !matches!(op, AluOp::Add | AluOp::Sub) {
            return Err(refuse(
                "BL0310",
                "only 64-bit addition and subtraction are allowed on pointers",
            )
            .found(describe(self.program, pointer)));
        }
        let fresh = self.fresh_name();
        pointer::offset_by(self.program, op, pointer, &number.var, fresh)
    }

    fn mov(&mut self, state: &mut State, width: Width, dst: Reg, src: Operand) -> Checked {
        if let Operand::Reg(r) = src {
            self.name_scalar(state, r);
        }
        let value = self.operand(state, src)?;
        let result = match width {
            Width::W64 => value,
            Width::W32 if !value.is_scalar() => Value::scalar(Scalar::of_bytes(4)),
            Width::W32 if value.var.umax <= u64::from(u32::MAX) => value,
            Width::W32 => Value::scalar(value.var.zext32()),
        };
        state.set(dst, result);
        Ok(())
    }

    fn atomic(
        &mut self,
        state: &mut State,
        kind: AtomicKind,
        size: Size,
        fetch: bool,
        (dst, off): (Reg, i16),
        src: Reg,
    ) -> Checked {
        let base = if kind == AtomicKind::LoadAcquire { src } else { dst };
        let pointer = self.read(state, base)?;
        if pointer.kind == Kind::Ctx
            || pointer.kind.is_packet()
            || matches!(pointer.kind, Kind::Socket { .. })
        {
            return Err(refuse(
                "BL0329",
                "atomic operations work on map values and the stack only",
            )
            .found(describe(self.program, &pointer)));
        }
        if pointer.kind.is_pointer() {
            self.check_alignment(&pointer, off.into(), size.bytes())?;
        }
        if kind == AtomicKind::LoadAcquire {
            let value = self.load(state, size, false, src, off)?;
            state.set(dst, value);
            return Ok(());
        }
        self.read(state, src)?;
        if kind == AtomicKind::StoreRelease {
            return self.store(state, size, dst, off, Operand::Reg(src));
        }
        if kind == AtomicKind::CmpXchg {
            self.read(state, Reg::R0)?;
        }
        // What is fetched from the stack is what was spilled there.
        let old = self.load(state, size, false, dst, off)?;
        let bytes = size.bytes();
        let name = format!("r{}", dst.0);
        let stack = self.check_access(&name, &pointer, off.into(), bytes, Access::Write)?;
        if let Some(at) = stack {
            let fetched = fetch || kind == AtomicKind::CmpXchg;
            if !at.fixed && !fetched {
                return Err(refuse(
                    "BL0329",
                    "an atomic operation at a variable place of the stack",
                )
                .expected("a constant offset, or an operation that fetches the old value")
                .found(describe(self.program, &pointer)));
            }
            let stack = &mut state.frames[at.depth].stack;
            if at.fixed {
                stack.write_any(at.first, at.end);
            } else {
                stack.may_write_any(at.first, at.end);
            }
        }
        if kind == AtomicKind::CmpXchg {
            state.set(Reg::R0, old);
        } else if fetch {
            state.set(src, old);
        }
        Ok(())
    }
}

/// A number plus a constant stays related to the number it came from.
fn with_distance(result: Value, op: AluOp, width: Width, a: &Value, b: &Value) -> Value {
    let delta = match (op, width, b.as_constant()) {
        (AluOp::Add, Width::W64, Some(c)) => Some(c as i64),
        (AluOp::Sub, Width::W64, Some(c)) => (c as i64).checked_neg(),
        _ => None,
    };
    let off =
        delta.and_then(|d| i64::from(a.off).checked_add(d)).and_then(|o| i32::try_from(o).ok());
    match off {
        Some(off) if a.id != 0 && result.as_constant().is_none() => {
            Value { id: a.id, off, ..result }
        }
        _ => result,
    }
}

fn immediate(imm: Imm64) -> Value {
    match imm {
        Imm64::Value(c) => Value::scalar(Scalar::constant(c)),
        Imm64::Map(m) => Value::pointer(Kind::Map(MapRef::Declared(m))),
        Imm64::MapValue(m, off) => {
            let pointer = Value::pointer(Kind::MapValue(MapRef::Declared(m)));
            // An offset past the value is refused at the access; one past `i32` cannot be inside any value.
            Value { off: i32::try_from(off).unwrap_or(i32::MAX), ..pointer }
        }
        Imm64::Func(pc) => Value::pointer(Kind::Func(pc)),
    }
}
