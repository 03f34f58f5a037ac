//! Disassembly in the notation of `llvm-objdump -d`, with maps and functions by name.

use crate::insn::{
    AluOp, AtomicKind, Callee, Cond, Imm64, Insn, Operand, Pc, Reg, Size, Swap, Width,
};
use crate::program::Program;
use std::fmt::Write;

/// The instruction `insn` in slot `pc` of `program`; empty for the second slot of a 64-bit immediate load.
///
/// Where `llvm-objdump` shows the unlinked object (`r1 = 0x0 ll` and a relocation, `call -0x1`), this shows what the
/// linker put there: `r1 = counters ll`, `call parse`.
pub fn insn(program: &Program, pc: Pc, insn: &Insn) -> String {
    match *insn {
        Insn::LoadImm64 { dst, imm } => {
            let what = match imm {
                Imm64::Value(v) => hex(v as i64, false),
                Imm64::Map(m) => map_name(program, m),
                Imm64::MapValue(m, off) => format!("{}+0x{off:x}", map_name(program, m)),
                Imm64::Func(t) => function_name(program, t),
            };
            format!("{} = {what} ll", reg(dst, Width::W64))
        }
        Insn::Call(Callee::Local(t)) => format!("call {}", function_name(program, t)),
        Insn::Call(Callee::Kfunc(k)) => match program.kfuncs.get(k) {
            Some(name) => format!("call {name}"),
            None => format!("call kfunc{k}"),
        },
        _ => text(pc, insn),
    }
}

/// The whole program: functions with their names, and under each its numbered instructions.
pub fn program(program: &Program) -> String {
    let mut out = String::new();
    for f in &program.subprogs {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}<{}>:", if out.is_empty() { "" } else { "\n" }, f.name);
        let slots = program.insns.iter().enumerate().take(f.end.index()).skip(f.start.index());
        for (i, slot) in slots.filter(|(_, slot)| **slot != Insn::Imm64Tail) {
            let _ = writeln!(out, "{i:8}:\t{}", insn(program, Pc(i as u32), slot));
        }
    }
    out
}

fn map_name(program: &Program, map: usize) -> String {
    program.maps.get(map).map_or_else(|| format!("map{map}"), |m| m.name.clone())
}

fn function_name(program: &Program, start: Pc) -> String {
    match program.subprogs.iter().find(|s| s.start == start) {
        Some(f) => f.name.clone(),
        None => format!("insn{}", start.0),
    }
}

/// An instruction without names: jumps and calls as distances, as `llvm-objdump` prints them.
pub fn text(pc: Pc, insn: &Insn) -> String {
    let goto = |t: Pc| hex(i64::from(t.0) - i64::from(pc.0) - 1, true);
    match *insn {
        Insn::Alu { op, width, dst, src } => {
            let (d, op) = (reg(dst, width), alu_op(op));
            format!("{d} {op}= {}", operand(src, width))
        }
        Insn::Neg { width, dst } => format!("{0} = -{0}", reg(dst, width)),
        Insn::MovSx { width, dst, src, bits } => {
            format!("{} = (s{bits}){}", reg(dst, width), reg(src, width))
        }
        Insn::Swap { swap, dst, bits } => {
            let name = match swap {
                Swap::ToLe => "le",
                Swap::ToBe => "be",
                Swap::Always => "bswap",
            };
            format!("{0} = {name}{bits} {0}", reg(dst, Width::W64))
        }
        Insn::LoadImm64 { dst, imm } => {
            let value = match imm {
                Imm64::Value(v) => v,
                Imm64::Map(m) => m as u64,
                Imm64::MapValue(m, off) => u64::from(off) << 32 | m as u64,
                Imm64::Func(t) => u64::from(t.0.wrapping_sub(pc.0).wrapping_sub(1)),
            };
            format!("{} = {} ll", reg(dst, Width::W64), hex(value as i64, false))
        }
        Insn::Imm64Tail => String::new(),
        Insn::Load { .. } | Insn::Store { .. } | Insn::Atomic { .. } | Insn::LegacyLoad { .. } => {
            memory(insn)
        }
        Insn::Jump { target, long } => {
            format!("{} {}", if long { "gotol" } else { "goto" }, goto(target))
        }
        Insn::JumpIf { cond, width, dst, src, target } => {
            let (d, c) = (reg(dst, width), condition(cond));
            format!("if {d} {c} {} goto {}", operand(src, width), goto(target))
        }
        Insn::MayGoto { target } => format!("may_goto {}", goto(target)),
        Insn::Call(Callee::Helper(n)) => format!("call {}", hex(i64::from(n as i32), false)),
        Insn::Call(Callee::Local(t)) => {
            format!("call {}", hex(i64::from(t.0) - i64::from(pc.0) - 1, false))
        }
        Insn::Call(Callee::Kfunc(k)) => format!("call 0x{k:x}"),
        Insn::Exit => "exit".into(),
    }
}

fn memory(insn: &Insn) -> String {
    match *insn {
        Insn::Load { size, signed, dst, src, off } => {
            let kind = if signed { "s" } else { "u" };
            format!("{} = *({kind}{} *)({})", reg(dst, Width::W64), bits(size), address(src, off))
        }
        Insn::Store { size, dst, off, src } => {
            let src = operand(src, Width::W64);
            format!("*(u{} *)({}) = {src}", bits(size), address(dst, off))
        }
        Insn::LegacyLoad { size, src, imm } => {
            let at = match src {
                Some(r) => reg(r, Width::W64),
                None => hex(i64::from(imm), false),
            };
            format!("r0 = *(u{} *)skb[{at}]", bits(size))
        }
        Insn::Atomic { kind, size, fetch, dst, off, src } => {
            atomic(kind, size, fetch, (dst, off), src)
        }
        _ => unreachable!("called for memory accesses only"),
    }
}

fn atomic(kind: AtomicKind, size: Size, fetch: bool, (base, off): (Reg, i16), src: Reg) -> String {
    let width = if size == Size::B8 { Width::W64 } else { Width::W32 };
    let (s, n, at) = (reg(src, width), bits(size), address(base, off));
    let suffix = if width == Width::W64 { "_64" } else { "32_32" };
    let r0 = reg(Reg::R0, width);
    let (sign, name) = match kind {
        AtomicKind::Add => ("+", "add"),
        AtomicKind::Or => ("|", "or"),
        AtomicKind::And => ("&", "and"),
        AtomicKind::Xor => ("^", "xor"),
        AtomicKind::Xchg => return format!("{s} = xchg{suffix}({at}, {s})"),
        AtomicKind::CmpXchg => return format!("{r0} = cmpxchg{suffix}({at}, {r0}, {s})"),
        AtomicKind::LoadAcquire => {
            let from = address(src, off);
            return format!("{} = load_acquire((u{n} *)({from}))", reg(base, width));
        }
        AtomicKind::StoreRelease => return format!("store_release((u{n} *)({at}), {s})"),
    };
    if fetch {
        format!("{s} = atomic_fetch_{name}((u{n} *)({at}), {s})")
    } else {
        format!("lock *(u{n} *)({at}) {sign}= {s}")
    }
}

fn reg(r: Reg, width: Width) -> String {
    let prefix = if width == Width::W64 { 'r' } else { 'w' };
    format!("{prefix}{}", r.0)
}

fn operand(src: Operand, width: Width) -> String {
    match src {
        Operand::Reg(r) => reg(r, width),
        Operand::Imm(i) => hex(i64::from(i), false),
    }
}

fn bits(size: Size) -> u32 {
    size.bytes() * 8
}

/// `-0x1f`, or `0x1f` (`+0x1f` with `plus`).
fn hex(v: i64, plus: bool) -> String {
    match (v < 0, plus) {
        (true, _) => format!("-0x{:x}", v.unsigned_abs()),
        (false, true) => format!("+0x{v:x}"),
        (false, false) => format!("0x{v:x}"),
    }
}

/// `r1 + 0x8` or `r1 - 0x8`.
fn address(base: Reg, off: i16) -> String {
    let sign = if off < 0 { '-' } else { '+' };
    format!("{} {sign} 0x{:x}", reg(base, Width::W64), off.unsigned_abs())
}

fn alu_op(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+",
        AluOp::Sub => "-",
        AluOp::Mul => "*",
        AluOp::Div => "/",
        AluOp::Sdiv => "s/",
        AluOp::Or => "|",
        AluOp::And => "&",
        AluOp::Lsh => "<<",
        AluOp::Rsh => ">>",
        AluOp::Mod => "%",
        AluOp::Smod => "s%",
        AluOp::Xor => "^",
        AluOp::Mov => "",
        AluOp::Arsh => "s>>",
    }
}

fn condition(cond: Cond) -> &'static str {
    match cond {
        Cond::Eq => "==",
        Cond::Ne => "!=",
        Cond::Gt => ">",
        Cond::Ge => ">=",
        Cond::Lt => "<",
        Cond::Le => "<=",
        Cond::Set => "&",
        Cond::Sgt => "s>",
        Cond::Sge => "s>=",
        Cond::Slt => "s<",
        Cond::Sle => "s<=",
    }
}
