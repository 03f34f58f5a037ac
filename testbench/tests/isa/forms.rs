//! Instructions to try: every opcode with the immediates, offsets and kinds of memory that matter.

use super::table::{computing, Key};
use beeline_frontend::decode::RawInsn;

/// Registers of a form: first operand, second operand.
pub const DST: u8 = 3;
pub const SRC: u8 = 4;

/// Memory that an access goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    Stack,
    MapValue,
    Packet,
}

/// An instruction to try.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Fields; base register and offset of a memory access are put in when the program is built.
    pub raw: RawInsn,
    /// Upper half of a 64-bit immediate.
    pub high: u32,
    /// Where the eight bytes are, for memory accesses.
    pub memory: Option<Memory>,
    /// First byte of the access among the eight.
    pub at: u32,
}

const IMMEDIATES: [i32; 9] = [0, 1, -1, 2, -7, 0x1234_5678, 255, i32::MIN, i32::MAX];

/// All forms, in the order of the table.
pub fn forms() -> Vec<Form> {
    computing().into_iter().flat_map(forms_of).collect()
}

fn forms_of(key: Key) -> Vec<Form> {
    let (opcode, variant) = key;
    match opcode & 7 {
        0 => IMMEDIATES
            .iter()
            .flat_map(|low| [0, 1, u32::MAX, 0x8000_0000].map(|high| (*low, high)))
            .map(|(imm, high)| Form {
                high,
                ..register(RawInsn { opcode, dst: DST, imm, ..raw() })
            })
            .collect(),
        1..=3 => memory_forms(opcode, variant),
        4 | 7 => arithmetic(opcode, variant),
        _ => jumps(opcode),
    }
}

fn raw() -> RawInsn {
    RawInsn::default()
}

fn register(raw: RawInsn) -> Form {
    Form { raw, high: 0, memory: None, at: 0 }
}

fn arithmetic(opcode: u8, variant: i32) -> Vec<Form> {
    let op = opcode & 0xf0;
    let width = if opcode & 7 == 7 { 64 } else { 32 };
    let immediates: Vec<i32> = match op {
        0x80 => vec![0],
        0xd0 => vec![variant],
        _ if opcode & 8 != 0 => vec![0],
        0x60 | 0x70 | 0xc0 => vec![0, 1, 7, 31, width - 1, width / 2],
        // The kernel refuses division by an immediate 0.
        0x30 | 0x90 => IMMEDIATES.into_iter().filter(|i| *i != 0).collect(),
        _ => IMMEDIATES.into(),
    };
    let off = if op == 0xd0 { 0 } else { variant as i16 };
    let src = if opcode & 8 != 0 && op != 0xd0 { SRC } else { 0 };
    let form = |imm| register(RawInsn { opcode, dst: DST, src, off, imm });
    immediates.into_iter().map(form).collect()
}

/// Every jump skips one slot.
fn jumps(opcode: u8) -> Vec<Form> {
    match opcode {
        0x05 => vec![register(RawInsn { opcode, off: 1, ..raw() })],
        0x06 => vec![register(RawInsn { opcode, imm: 1, ..raw() })],
        _ if opcode & 8 != 0 => {
            vec![register(RawInsn { opcode, dst: DST, src: SRC, off: 1, imm: 0 })]
        }
        _ => {
            let form = |imm| register(RawInsn { opcode, dst: DST, src: 0, off: 1, imm });
            IMMEDIATES.into_iter().map(form).collect()
        }
    }
}

fn memory_forms(opcode: u8, variant: i32) -> Vec<Form> {
    let atomic = opcode & 0xe0 == 0xc0;
    let bytes = [4, 2, 1, 8][usize::from(opcode >> 3 & 3)];
    let immediates = match opcode & 7 {
        2 => IMMEDIATES.to_vec(),
        _ if atomic => vec![variant],
        _ => vec![0],
    };
    // The kernel has no atomic operations on packets.
    let places: &[Memory] = match atomic {
        true => &[Memory::Stack, Memory::MapValue],
        false => &[Memory::Stack, Memory::MapValue, Memory::Packet],
    };
    let mut forms = Vec::new();
    for memory in places {
        for imm in &immediates {
            for at in [0, 8 - bytes] {
                let raw = RawInsn { opcode, imm: *imm, ..raw() };
                forms.push(Form { raw, high: 0, memory: Some(*memory), at });
            }
        }
    }
    forms
}
