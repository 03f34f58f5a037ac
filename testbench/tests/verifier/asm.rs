//! A small assembler for test programs: instructions as values, jumps to labels.

use beeline_frontend::btf::{Btf, TypeId};
use beeline_frontend::insn::{AluOp, AtomicKind, Callee, Cond, Imm64, Operand, Size, Width};
use beeline_frontend::object::ObjectTypes;
use beeline_frontend::program::{Contract, Signature, Subprog};
use beeline_frontend::{Insn, MapDef, Pc, Program, Reg};
use beeline_ir::map::MapKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One line of a test program.
#[derive(Clone, Copy, Debug)]
pub enum Line {
    Do(Insn),
    Label(&'static str),
    /// Start of a function.
    Function(&'static str),
    If(Cond, Width, u8, Operand, &'static str),
    Goto(&'static str),
    Call(&'static str),
    /// Address of a function.
    Address(u8, &'static str),
}

pub use Line::{Call, Function, Goto, Label};

pub fn r(n: u8) -> Operand {
    Operand::Reg(Reg(n))
}

pub fn i(n: i32) -> Operand {
    Operand::Imm(n)
}

pub fn alu(op: AluOp, dst: u8, src: Operand) -> Line {
    Line::Do(Insn::Alu { op, width: Width::W64, dst: Reg(dst), src })
}

pub fn alu32(op: AluOp, dst: u8, src: Operand) -> Line {
    Line::Do(Insn::Alu { op, width: Width::W32, dst: Reg(dst), src })
}

pub fn mov(dst: u8, src: Operand) -> Line {
    alu(AluOp::Mov, dst, src)
}

pub fn add(dst: u8, src: Operand) -> Line {
    alu(AluOp::Add, dst, src)
}

pub fn and(dst: u8, n: i32) -> Line {
    alu(AluOp::And, dst, i(n))
}

pub fn load(size: Size, dst: u8, src: u8, off: i16) -> Line {
    Line::Do(Insn::Load { size, signed: false, dst: Reg(dst), src: Reg(src), off })
}

pub fn store(size: Size, dst: u8, off: i16, src: Operand) -> Line {
    Line::Do(Insn::Store { size, dst: Reg(dst), off, src })
}

pub fn atomic_add(size: Size, dst: u8, off: i16, src: u8) -> Line {
    Line::Do(Insn::Atomic {
        kind: AtomicKind::Add,
        size,
        fetch: false,
        dst: Reg(dst),
        off,
        src: Reg(src),
    })
}

pub fn jif(cond: Cond, dst: u8, src: Operand, to: &'static str) -> Line {
    Line::If(cond, Width::W64, dst, src, to)
}

pub fn jif32(cond: Cond, dst: u8, src: Operand, to: &'static str) -> Line {
    Line::If(cond, Width::W32, dst, src, to)
}

pub fn helper(id: u32) -> Line {
    Line::Do(Insn::Call(Callee::Helper(id)))
}

pub fn map(dst: u8, m: usize) -> Line {
    Line::Do(Insn::LoadImm64 { dst: Reg(dst), imm: Imm64::Map(m) })
}

pub fn map_value(dst: u8, m: usize, off: u32) -> Line {
    Line::Do(Insn::LoadImm64 { dst: Reg(dst), imm: Imm64::MapValue(m, off) })
}

pub fn exit() -> Line {
    Line::Do(Insn::Exit)
}

/// `r0 = action; exit`.
pub fn finish(action: i32) -> [Line; 2] {
    [mov(0, i(action)), exit()]
}

/// `r2 = data; r3 = data_end` of the context in r1.
pub fn packet() -> [Line; 2] {
    [load(Size::B4, 2, 1, 0), load(Size::B4, 3, 1, 4)]
}

/// A map definition.
pub fn map_def(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: kind.name().into(),
        kind,
        key_size,
        value_size,
        max_entries,
        flags: 0,
        initial: None,
        frozen: false,
        inner: None,
        ..MapDef::default()
    }
}

/// Number of the type that every function has.
const FUNCTION: u32 = 3;

/// A number, a function type that returns it, and a static function of that type: what the kernel wants to know of
/// functions whose address is taken.
fn types() -> Arc<ObjectTypes> {
    const NAMES: &[u8] = b"\0int\0f\0";
    const TYPES: [u32; 10] = [1, 1 << 24, 4, 1 << 24 | 32, 0, 13 << 24, 1, 5, 12 << 24, 2];
    let len = 4 * TYPES.len() as u32;
    let head = [0x0001_eb9f, 24, 0, len, len, NAMES.len() as u32];
    let words = head.iter().chain(&TYPES).flat_map(|w| w.to_le_bytes());
    let raw: Arc<[u8]> = words.chain(NAMES.iter().copied()).collect();
    let btf = Btf::parse(&raw).expect("three well-formed types");
    Arc::new(ObjectTypes { raw, btf, kernel_symbols: BTreeSet::new() })
}

/// Links `lines` into a program; labels are of the whole program.
pub fn link(lines: &[Line], maps: Vec<MapDef>) -> Program {
    let mut places = BTreeMap::new();
    let mut starts = vec![("main", 0u32)];
    let mut pc = 0u32;
    for line in lines {
        match line {
            Line::Label(name) => {
                assert!(places.insert(*name, Pc(pc)).is_none(), "label {name} twice")
            }
            Line::Function(name) => {
                assert!(places.insert(*name, Pc(pc)).is_none(), "label {name} twice");
                starts.push((*name, pc));
            }
            Line::Do(Insn::LoadImm64 { .. }) | Line::Address(..) => pc += 2,
            _ => pc += 1,
        }
    }
    let at = |name: &str| *places.get(name).unwrap_or_else(|| panic!("no label {name}"));
    let mut insns = Vec::new();
    for line in lines {
        let insn = match *line {
            Line::Label(_) | Line::Function(_) => continue,
            Line::Do(insn) => insn,
            Line::If(cond, width, dst, src, to) => {
                Insn::JumpIf { cond, width, dst: Reg(dst), src, target: at(to) }
            }
            Line::Goto(to) => Insn::Jump { target: at(to), long: false },
            Line::Call(to) => Insn::Call(Callee::Local(at(to))),
            Line::Address(dst, to) => Insn::LoadImm64 { dst: Reg(dst), imm: Imm64::Func(at(to)) },
        };
        insns.push(insn);
        if matches!(insn, Insn::LoadImm64 { .. }) {
            insns.push(Insn::Imm64Tail);
        }
    }
    let ends = starts.iter().skip(1).map(|s| s.1).chain([pc]);
    let subprogs = starts
        .iter()
        .zip(ends)
        .map(|((name, start), end)| Subprog {
            name: (*name).into(),
            start: Pc(*start),
            end: Pc(end),
            global: false,
            signature: Some(Signature {
                func: TypeId(FUNCTION),
                contract: Ok(Contract::default()),
            }),
        })
        .collect();
    Program {
        name: "main".into(),
        section: "xdp".into(),
        frags: false,
        lines: vec![None; insns.len()],
        insns,
        subprogs,
        maps,
        kfuncs: Vec::new(),
        license: Some("GPL".into()),
        object: "test".into(),
        types: Some(types()),
        xdp_programs: Vec::new(),
        ..Program::default()
    }
}
