//! Bytecode to [`Op`]s, slot by slot: the index of an operation is the linked program counter.

use super::fuse::fuse;
use super::helper::Helper;
use super::kfunc::Kfunc;
use super::memory;
use super::op::{with_table, Op, R};
use beeline_frontend::insn::{
    AluOp, AtomicKind, Callee, Cond, Imm64, Insn, Operand, Size, Swap, Width,
};
use beeline_frontend::{Pc, Program, Reg};
use beeline_ir::Diagnostic;

/// Decodes `program`. Backward conditional jumps go through a `JumpBack` behind the last slot. Unless `fused`, each operation is one
/// instruction. The first slot will be operation `base` of the code that it becomes part of.
///
/// # Errors
/// One diagnostic for each instruction that the interpreter does not know.
pub fn decode(program: &Program, base: u32, fused: bool) -> Result<Vec<Op>, Vec<Diagnostic>> {
    let mut decoder = Decoder { program, base, trampolines: Vec::new(), refused: Vec::new() };
    let mut code: Vec<Op> = program
        .insns
        .iter()
        .enumerate()
        .map(|(pc, insn)| decoder.insn(Pc(pc as u32), insn))
        .collect();
    code.append(&mut decoder.trampolines);
    if fused {
        fuse(&mut code, base);
    }
    if decoder.refused.is_empty() {
        Ok(code)
    } else {
        Err(decoder.refused)
    }
}

/// True if the function that starts at `start` names the frame pointer.
pub fn uses_stack(program: &Program, start: Pc) -> bool {
    let Some(function) = program.subprog_at(start) else {
        return true;
    };
    program.insns[function.start.index()..function.end.index()].iter().any(|insn| match insn {
        Insn::Alu { src: Operand::Reg(r), .. } | Insn::MovSx { src: r, .. } => *r == Reg::R10,
        Insn::Load { src, .. } => *src == Reg::R10,
        Insn::Store { dst, src, .. } => *dst == Reg::R10 || *src == Operand::Reg(Reg::R10),
        Insn::Atomic { dst, src, .. } => *dst == Reg::R10 || *src == Reg::R10,
        _ => false,
    })
}

struct Decoder<'p> {
    program: &'p Program,
    base: u32,
    trampolines: Vec<Op>,
    refused: Vec<Diagnostic>,
}

macro_rules! arithmetic {
    (
        { $(($alu:ident, $f:ident, $r64:ident, $i64:ident, $r32:ident, $i32:ident))* }
        $conditions:tt
        $op:ident, $width:ident, $dst:ident, $src:ident
    ) => {
        match ($op, $width, $src) {
            $(
                (AluOp::$alu, Width::W64, Operand::Reg(s)) => Op::$r64($dst, s.into()),
                (AluOp::$alu, Width::W64, Operand::Imm(i)) => Op::$i64($dst, i),
                (AluOp::$alu, Width::W32, Operand::Reg(s)) => Op::$r32($dst, s.into()),
                (AluOp::$alu, Width::W32, Operand::Imm(i)) => Op::$i32($dst, i),
            )*
        }
    };
}

macro_rules! conditional {
    (
        $arithmetic:tt
        { $(($cond:ident, $f:ident, $r64:ident, $i64:ident, $r32:ident, $i32:ident))* }
        $op:ident, $width:ident, $dst:ident, $src:ident, $target:ident
    ) => {
        match ($op, $width, $src) {
            $(
                (Cond::$cond, Width::W64, Operand::Reg(s)) => Op::$r64($dst, s.into(), $target),
                (Cond::$cond, Width::W64, Operand::Imm(i)) => Op::$i64($dst, i, $target),
                (Cond::$cond, Width::W32, Operand::Reg(s)) => Op::$r32($dst, s.into(), $target),
                (Cond::$cond, Width::W32, Operand::Imm(i)) => Op::$i32($dst, i, $target),
            )*
        }
    };
}

fn alu(op: AluOp, width: Width, dst: R, src: Operand) -> Op {
    with_table!(arithmetic op, width, dst, src)
}

fn jump_if(cond: Cond, width: Width, dst: R, src: Operand, target: u32) -> Op {
    with_table!(conditional cond, width, dst, src, target)
}

fn constant(dst: Reg, value: u64) -> Op {
    Op::Const(dst.into(), value as u32, (value >> 32) as u32)
}

fn load(size: Size, signed: bool, dst: R, src: R, off: i16) -> Op {
    match (size, signed) {
        (Size::B1, false) => Op::Load1(dst, src, off),
        (Size::B2, false) => Op::Load2(dst, src, off),
        (Size::B4, false) => Op::Load4(dst, src, off),
        (Size::B8, _) => Op::Load8(dst, src, off),
        (Size::B1, true) => Op::LoadSx1(dst, src, off),
        (Size::B2, true) => Op::LoadSx2(dst, src, off),
        (Size::B4, true) => Op::LoadSx4(dst, src, off),
    }
}

fn store(size: Size, dst: R, off: i16, src: Operand) -> Op {
    match (size, src) {
        (Size::B1, Operand::Reg(s)) => Op::Store1(dst, s.into(), off),
        (Size::B2, Operand::Reg(s)) => Op::Store2(dst, s.into(), off),
        (Size::B4, Operand::Reg(s)) => Op::Store4(dst, s.into(), off),
        (Size::B8, Operand::Reg(s)) => Op::Store8(dst, s.into(), off),
        (Size::B1, Operand::Imm(i)) => Op::StoreI1(dst, off, i),
        (Size::B2, Operand::Imm(i)) => Op::StoreI2(dst, off, i),
        (Size::B4, Operand::Imm(i)) => Op::StoreI4(dst, off, i),
        (Size::B8, Operand::Imm(i)) => Op::StoreI8(dst, off, i),
    }
}

impl Decoder<'_> {
    fn insn(&mut self, pc: Pc, insn: &Insn) -> Op {
        match *insn {
            Insn::Alu { op, width, dst, src } => alu(op, width, dst.into(), src),
            Insn::Neg { width: Width::W64, dst } => Op::Neg64(dst.into()),
            Insn::Neg { width: Width::W32, dst } => Op::Neg32(dst.into()),
            Insn::MovSx { width: Width::W64, dst, src, bits } => {
                Op::MovSx64(dst.into(), src.into(), bits)
            }
            Insn::MovSx { width: Width::W32, dst, src, bits } => {
                Op::MovSx32(dst.into(), src.into(), bits)
            }
            Insn::Swap { swap: Swap::ToLe, dst, bits } => Op::Trunc(dst.into(), bits),
            Insn::Swap { swap: Swap::ToBe | Swap::Always, dst, bits } => Op::Swap(dst.into(), bits),
            Insn::LoadImm64 { dst, imm } => self.imm64(dst, imm),
            Insn::Load { size, signed, dst, src, off } => {
                load(size, signed, dst.into(), src.into(), off)
            }
            Insn::Store { size, dst, off, src } => store(size, dst.into(), off, src),
            Insn::Atomic { kind: AtomicKind::Add, size: Size::B8, fetch: false, dst, off, src } => {
                Op::AtomicAdd8(dst.into(), src.into(), off)
            }
            Insn::Atomic { kind, size, fetch, dst, off, src } => {
                Op::Atomic { kind, size, fetch, dst: dst.into(), src: src.into(), off }
            }
            Insn::Jump { target, .. } if target <= pc => Op::JumpBack(self.base + target.0),
            Insn::Jump { target, .. } => Op::Jump(self.base + target.0),
            Insn::JumpIf { cond, width, dst, src, target } => {
                let target = self.forward(pc, target);
                jump_if(cond, width, dst.into(), src, target)
            }
            Insn::Call(callee) => self.call(pc, callee),
            Insn::Exit => Op::Exit,
            Insn::Imm64Tail => Op::Unreachable,
            Insn::MayGoto { target } => Op::MayGoto(self.forward(pc, target)),
            Insn::LegacyLoad { .. } => {
                self.refuse(pc, "BL0802", "XDP programs have no legacy packet access".into())
            }
        }
    }

    fn imm64(&mut self, dst: Reg, imm: Imm64) -> Op {
        constant(
            dst,
            match imm {
                Imm64::Value(v) => v,
                Imm64::Map(map) => memory::map_address(map),
                Imm64::MapValue(map, off) => memory::value_address(map, u64::from(off)),
                Imm64::Func(pc) => memory::function_address(self.base + pc.0),
            },
        )
    }

    /// Where a conditional jump from `pc` to `target` goes, so that a backward one uses up fuel.
    fn forward(&mut self, pc: Pc, target: Pc) -> u32 {
        if target > pc {
            return self.base + target.0;
        }
        self.trampolines.push(Op::JumpBack(self.base + target.0));
        self.base + (self.program.insns.len() + self.trampolines.len() - 1) as u32
    }

    fn call(&mut self, pc: Pc, callee: Callee) -> Op {
        match callee {
            Callee::Local(start) => {
                Op::CallLocal(self.base + start.0, uses_stack(self.program, start))
            }
            Callee::Helper(id) => match Helper::from_kernel(id) {
                Some(Helper::TailCall) => Op::CallTail,
                Some(Helper::Loop) => Op::CallLoop,
                Some(Helper::ForEachMapElem) => Op::CallForEach,
                Some(helper) => Op::CallHelper(helper),
                // The verifier made sure that control does not come here.
                None if self.program.poison_at(pc).is_some() => Op::Unreachable,
                None => {
                    let name = beeline_frontend::verifier::helper_name(id).unwrap_or("?");
                    let message = format!("the interpreter has no helper number {id} ({name})");
                    self.refuse(pc, "BL0801", message)
                }
            },
            Callee::Kfunc(i) => {
                let name = self.program.kfuncs.get(i).map_or("?", |n| n);
                match Kfunc::from_name(name) {
                    Some(kfunc) => Op::CallKfunc(kfunc),
                    None => {
                        let message = format!("the interpreter has no kernel function {name}");
                        self.refuse(pc, "BL0801", message)
                    }
                }
            }
        }
    }

    fn refuse(&mut self, pc: Pc, code: &'static str, message: String) -> Op {
        self.refused.push(Diagnostic::error(code, message).at(self.program.place(pc)));
        Op::Unreachable
    }
}
