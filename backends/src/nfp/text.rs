//! Assembler text of instructions, in the spelling of GNU binutils' disassembler, so that the two can be compared word by word.

use super::insn::{
    AddressMode, AluOp, Bank, Command, Cond, Dst, Gpr, ImmedWidth, Insn, LocalMem, MulSize,
    MulStep, Shift, ShiftOp, Src, Step, Swap,
};
use std::fmt;

impl fmt::Display for Gpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bank = match self.bank {
            Bank::A => "gprA",
            Bank::B => "gprB",
        };
        write!(f, "{bank}_{}", self.number)
    }
}

impl fmt::Display for LocalMem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*l$index{}", self.pointer)?;
        match (self.step, self.offset) {
            (Some(Step::Up), _) => f.write_str("++"),
            (Some(Step::Down), _) => f.write_str("--"),
            (None, 0) => Ok(()),
            (None, n) => write!(f, "[{n}]"),
        }
    }
}

impl fmt::Display for Src {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Src::None => f.write_str("--"),
            Src::Gpr(r) => r.fmt(f),
            Src::Xfer(n) => write!(f, "$xfer_{n}"),
            Src::XferIndexed => f.write_str("*$index"),
            Src::Local(m) => m.fmt(f),
            Src::Imm(c) => write!(f, "{c:#x}"),
        }
    }
}

impl fmt::Display for Dst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Dst::None => f.write_str("--"),
            Dst::Gpr(r) => r.fmt(f),
            Dst::Both(n) => Gpr::a(n).fmt(f),
            Dst::Xfer(n) => Src::Xfer(n).fmt(f),
            Dst::XferIndexed => Src::XferIndexed.fmt(f),
            Dst::Local(m) => m.fmt(f),
        }
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shift::None => Ok(()),
            Shift::Left(n) => write!(f, "<<{n}"),
            Shift::Right(n) | Shift::Double(n) => write!(f, ">>{n}"),
            Shift::Rotate(n) => write!(f, ">>rot{n}"),
            Shift::LeftIndirect => f.write_str("<<indirect"),
            Shift::RightIndirect | Shift::DoubleIndirect => f.write_str(">>indirect"),
        }
    }
}

/// What follows the closing bracket.
#[derive(Default)]
struct Options(Vec<String>);

impl Options {
    fn when(mut self, holds: bool, text: &str) -> Self {
        if holds {
            self.0.push(text.to_owned());
        }
        self
    }

    fn defer(self, slots: u8) -> Self {
        self.when(slots > 0, &format!("defer[{slots}]"))
    }

    fn both(self, dst: Dst) -> Self {
        self.when(matches!(dst, Dst::Both(_)), "gpr_wrboth")
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|o| write!(f, ", {o}"))
    }
}

impl fmt::Display for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Insn::Alu { op, dst, a, b, set_cc } => {
                let rest = Options::default().when(!set_cc, "no_cc").both(dst);
                if op == AluOp::FindBit {
                    write!(f, "ffs[{dst}, {b}]{rest}")
                } else {
                    write!(f, "alu[{dst}, {a}, {}, {b}]{rest}", op.text())
                }
            }
            Insn::AluShift { op, dst, a, b, shift, set_cc } => {
                let rest = Options::default().when(!set_cc, "no_cc").both(dst);
                shifted(f, op, dst, a, b, shift)?;
                write!(f, "]{rest}")
            }
            Insn::LdField { dst, mask, src, shift, clear, set_cc } => {
                let rest = Options::default().when(set_cc, "load_cc").both(dst);
                let name = if clear { "ld_field_w_clr" } else { "ld_field" };
                // Of two banks, the one that is read is named.
                let read = match (dst, src) {
                    (Dst::Both(n), Src::Gpr(Gpr { bank: Bank::A, .. })) => Dst::Gpr(Gpr::b(n)),
                    _ => dst,
                };
                write!(f, "{name}[{read}, {mask:04b}, {src}")?;
                comma(f, shift)?;
                write!(f, "]{rest}")
            }
            Insn::Immed { dst, value, shift, invert, width } => {
                constant(f, dst, value, shift, invert, width)?;
                write!(f, "{}", Options::default().both(dst))
            }
            Insn::Mul { step, size, a, b, dst } => multiply(f, step, size, a, b, dst),
            Insn::CsrWrite { csr, src } => write!(f, "local_csr_wr[{}, {src}]", csr.text()),
            Insn::CsrRead { csr } => write!(f, "local_csr_rd[{}]", csr.text()),
            Insn::Command(ref c) => command(f, c),
            Insn::Nop => f.write_str("nop"),
            ref other => flow(f, other),
        }
    }
}

fn comma(f: &mut fmt::Formatter<'_>, shift: Shift) -> fmt::Result {
    match shift {
        Shift::None => Ok(()),
        _ => write!(f, ", {shift}"),
    }
}

fn shifted(
    f: &mut fmt::Formatter<'_>,
    op: ShiftOp,
    dst: Dst,
    a: Src,
    b: Src,
    shift: Shift,
) -> fmt::Result {
    match (op, shift) {
        (ShiftOp::Asr, _) => write!(f, "asr[{dst}, {b}")?,
        (ShiftOp::B, Shift::Double(_) | Shift::DoubleIndirect) => {
            write!(f, "dbl_shf[{dst}, {a}, {b}")?;
        }
        _ => write!(f, "alu_shf[{dst}, {a}, {}, {b}", op.text())?,
    }
    match shift {
        Shift::None => f.write_str(", >>rot0"),
        _ => comma(f, shift),
    }
}

fn constant(
    f: &mut fmt::Formatter<'_>,
    dst: Dst,
    value: u16,
    shift: u8,
    invert: bool,
    width: ImmedWidth,
) -> fmt::Result {
    let value = u32::from(value);
    let seen = if invert { !value } else { value };
    match width {
        ImmedWidth::Byte => write!(f, "immed_b{shift}[{dst}, {:#x}]", seen & 0xff),
        ImmedWidth::Word => {
            let half = if shift == 0 { 0 } else { 1 };
            write!(f, "immed_w{half}[{dst}, {:#x}]", seen & 0xffff)
        }
        ImmedWidth::All if shift == 0 => write!(f, "immed[{dst}, {seen:#x}]"),
        ImmedWidth::All => write!(f, "immed[{dst}, {seen:#x}, <<{}]", 8 * shift),
    }
}

fn multiply(
    f: &mut fmt::Formatter<'_>,
    step: MulStep,
    size: MulSize,
    a: Src,
    b: Src,
    dst: Dst,
) -> fmt::Result {
    let size = match size {
        MulSize::Start => return write!(f, "mul_step[{a}, {b}], start"),
        MulSize::M24x8 => "24x8",
        MulSize::M16x16 => "16x16",
        MulSize::M32x32 => "32x32",
    };
    match step {
        MulStep::Start => Err(fmt::Error),
        MulStep::Step(n) => write!(f, "mul_step[{a}, {b}], {size}_step{}", n + 1),
        MulStep::Low => {
            write!(f, "mul_step[{dst}, --], {size}_last{}", Options::default().both(dst))
        }
        MulStep::High => {
            write!(f, "mul_step[{dst}, --], {size}_last2{}", Options::default().both(dst))
        }
    }
}

fn flow(f: &mut fmt::Formatter<'_>, insn: &Insn) -> fmt::Result {
    let rest = Options::default();
    match *insn {
        Insn::Br { cond, target, defer } => {
            let name = match cond {
                Cond::Always => "br",
                _ => cond.text(),
            };
            write!(f, "{name}[.{}]{}", target.0, rest.defer(defer))
        }
        Insn::BrByte { src, byte, value, equal, target, defer } => {
            let name = if equal { "br=byte" } else { "br!=byte" };
            write!(f, "{name}[{src}, {byte}, {value:#x}, .{}]{}", target.0, rest.defer(defer))
        }
        Insn::BrBit { src, bit, set, target, defer } => {
            let name = if set { "br_bset" } else { "br_bclr" };
            write!(f, "{name}[{src}, {bit}, .{}]{}", target.0, rest.defer(defer))
        }
        Insn::Jump { src, offset: 0, defer } => write!(f, "rtn[{src}]{}", rest.defer(defer)),
        Insn::Jump { src, offset, defer } => {
            write!(f, "jump[{src}, .{offset}]{}", rest.defer(defer))
        }
        Insn::CtxArb { mask, any, defer } => {
            let signals = match mask {
                0 => "kill".to_owned(),
                _ => signal_list(mask),
            };
            write!(f, "ctx_arb[{signals}]{}", rest.when(any && mask != 0, "any").defer(defer))
        }
        _ => Err(fmt::Error),
    }
}

fn signal_list(mask: u16) -> String {
    let name = |n: u32| match n {
        0 => "voluntary".to_owned(),
        n => format!("sig{n}"),
    };
    let names: Vec<String> = (0..16).filter(|n| mask >> n & 1 == 1).map(name).collect();
    names.join(", ")
}

fn command(f: &mut fmt::Formatter<'_>, c: &Command) -> fmt::Result {
    let (first, second) = match c.mode {
        AddressMode::A40 => (format!("{}, <<8", c.a), c.b),
        AddressMode::B40 => (format!("{}, <<8", c.b), c.a),
        AddressMode::Sum32 => (c.a.to_string(), c.b),
    };
    let wide = c.op.has_wide_form() && c.count > 4;
    let name = match (wide, c.op.text().strip_suffix("_imm")) {
        (false, _) => c.op.text().to_owned(),
        (true, Some(stem)) => format!("{stem}64_imm"),
        (true, None) => format!("{}64", c.op.text()),
    };
    let signal = match c.signal {
        0 => "--".to_owned(),
        n => format!("sig{n}"),
    };
    write!(f, "mem[{name}, $xfer_{}, {first}, {second}, {}]", c.xfer, c.count)?;
    write!(f, "{}", Options::default().when(c.indirect, "indirect_ref"))?;
    match c.swap {
        Swap::No if c.signal == 0 => Ok(()),
        Swap::No => write!(f, ", sig_done[{signal}]"),
        Swap::After(slots) => write!(f, ", ctx_swap[{signal}]{}", Options::default().defer(slots)),
    }
}
