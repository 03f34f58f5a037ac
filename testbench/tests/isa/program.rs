//! Programs that try many instructions: operands come from the packet's first bytes, results go to the bytes after them.

use super::forms::{Form, Memory, DST, SRC};
use super::spec::{after, State};
use beeline_frontend::decode::{decode, RawInsn};
use beeline_frontend::program::Subprog;
use beeline_frontend::{MapDef, Pc, Program};
use beeline_ir::map::MapKind;

/// Operands: three numbers.
pub const OPERANDS: usize = 24;
/// What one instruction leaves: dst, src, r0 and memory.
const RESULTS: usize = 32;
/// Instructions in one program.
pub const FORMS: usize = 36;

/// Bytes of the packets.
pub fn packet_len(forms: usize) -> usize {
    OPERANDS + forms * RESULTS
}

const PACKET: u8 = 6;
const VALUE: u8 = 7;

fn slot(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn { opcode, dst, src, off, imm }
}

/// A program that tries `forms`, one after the other.
pub fn program(forms: &[Form]) -> Program {
    let mut raw = vec![
        slot(0x61, PACKET, 1, 0, 0),
        slot(0x61, 2, 1, 4, 0),
        slot(0xbf, 3, PACKET, 0, 0),
        slot(0x07, 3, 0, 0, packet_len(forms.len()) as i32),
        // The packet is long enough, or on to the short end.
        slot(0xbd, 3, 2, 2, 0),
        slot(0xb7, 0, 0, 0, 1),
        slot(0x95, 0, 0, 0, 0),
        slot(0x62, 10, 0, -4, 0),
        slot(0xbf, 2, 10, 0, 0),
        slot(0x07, 2, 0, 0, -4),
        slot(0x18, 1, 5, 0, 0),
        slot(0, 0, 0, 0, 0),
        slot(0x85, 0, 0, 0, 1),
        slot(0x55, 0, 0, 2, 0),
        slot(0xb7, 0, 0, 0, 1),
        slot(0x95, 0, 0, 0, 0),
        slot(0xbf, VALUE, 0, 0, 0),
    ];
    for (i, form) in forms.iter().enumerate() {
        snippet(&mut raw, form, (OPERANDS + i * RESULTS) as i16);
    }
    raw.extend([slot(0xb7, 0, 0, 0, 2), slot(0x95, 0, 0, 0, 0)]);
    linked(&raw, vec![values()])
}

/// The map whose only value is a place to work on.
fn values() -> MapDef {
    MapDef {
        name: "values".into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 16,
        max_entries: 1,
        ..MapDef::default()
    }
}

/// A program of one function.
pub fn linked(raw: &[RawInsn], maps: Vec<MapDef>) -> Program {
    let insns = decode(raw).unwrap_or_else(|faults| panic!("{faults:?}"));
    let end = Pc(insns.len() as u32);
    Program {
        name: "isa".into(),
        section: "xdp".into(),
        lines: vec![None; insns.len()],
        insns,
        subprogs: vec![Subprog { name: "isa".into(), end, ..Subprog::default() }],
        maps,
        license: Some("GPL".into()),
        object: "isa.o".into(),
        ..Program::default()
    }
}

fn snippet(raw: &mut Vec<RawInsn>, form: &Form, out: i16) {
    raw.extend([
        slot(0x79, DST, PACKET, 0, 0),
        slot(0x79, SRC, PACKET, 8, 0),
        slot(0x79, 0, PACKET, 0, 0),
        slot(0x79, 5, PACKET, 16, 0),
    ]);
    let (base, off) = match form.memory {
        Some(Memory::Stack) => (10, -16),
        Some(Memory::MapValue) => (VALUE, 8),
        Some(Memory::Packet) => (PACKET, out + 24),
        None => (0, 0),
    };
    if form.memory.is_some() {
        raw.push(slot(0x7b, base, 5, off, 0));
    }
    let insn = form.raw;
    let at = off + form.at as i16;
    match insn.opcode & 7 {
        0 => raw.extend([insn, slot(0, 0, 0, 0, form.high as i32)]),
        1 => raw.push(RawInsn { dst: DST, src: base, off: at, ..insn }),
        2 => raw.push(RawInsn { dst: base, off: at, ..insn }),
        3 if insn.opcode & 0xe0 == 0xc0 && insn.imm == 0x100 => {
            raw.push(RawInsn { dst: DST, src: base, off: at, ..insn });
        }
        3 => raw.push(RawInsn { dst: base, src: SRC, off: at, ..insn }),
        // What `goto` skips must be reached from somewhere: by an operand that never comes.
        _ if matches!(insn.opcode, 0x05 | 0x06) => raw.extend([
            slot(0xb7, 0, 0, 0, 1),
            slot(0x15, DST, 0, 1, 0x0777_7777),
            insn,
            slot(0xb7, 0, 0, 0, 2),
        ]),
        5 | 6 => raw.extend([slot(0xb7, 0, 0, 0, 1), insn, slot(0xb7, 0, 0, 0, 2)]),
        _ => raw.push(insn),
    }
    if form.memory.is_some() {
        raw.push(slot(0x79, 5, base, off, 0));
    }
    for (i, r) in [DST, SRC, 0, 5].into_iter().enumerate() {
        raw.push(slot(0x7b, PACKET, r, out + 8 * i as i16, 0));
    }
}

/// The packet with these operands.
pub fn packet(operands: [u64; 3], forms: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = operands.iter().flat_map(|n| n.to_le_bytes()).collect();
    bytes.resize(packet_len(forms), 0xee);
    bytes
}

/// The packet after the program, by the words of the RFC.
pub fn expected(operands: [u64; 3], forms: &[Form]) -> Vec<u8> {
    let [a, b, c] = operands;
    let mut bytes: Vec<u8> = operands.iter().flat_map(|n| n.to_le_bytes()).collect();
    for form in forms {
        let before = State { dst: a, src: b, r0: a, memory: c };
        let s = after(&form.raw, form.high, before, form.at);
        bytes.extend([s.dst, s.src, s.r0, s.memory].iter().flat_map(|n| n.to_le_bytes()));
    }
    bytes
}
