//! The opcodes of RFC 9669, appendix A, and Linux's acquire and release: what needs a vector.

use beeline_frontend::decode::RawInsn;
use std::collections::BTreeSet;

/// An opcode with the field that tells its variants apart: `off` of divisions and moves, `imm` of byte swaps and
/// atomics, `src_reg` of calls and 64-bit immediates.
pub type Key = (u8, i32);

/// Operations of arithmetic with nothing but their code, bits 4 to 7.
const PLAIN: [u8; 9] = [0x00, 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xc0];
/// Conditions, bits 4 to 7.
const CONDITIONS: [u8; 11] = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
/// `imm` of atomic operations.
const ATOMICS: [i32; 10] = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1];

/// Which variant `raw` is.
pub fn key(raw: &RawInsn) -> Key {
    let variant = match raw.opcode {
        0x34 | 0x37 | 0x3c | 0x3f | 0x94 | 0x97 | 0x9c | 0x9f | 0xbc | 0xbf => i32::from(raw.off),
        0xd4 | 0xd7 | 0xdc => raw.imm,
        0xc3 | 0xcb | 0xd3 | 0xdb => raw.imm,
        0x18 | 0x85 => i32::from(raw.src),
        _ => 0,
    };
    (raw.opcode, variant)
}

/// Every opcode that XDP programs can use, but calls and 64-bit immediates.
pub fn computing() -> BTreeSet<Key> {
    let mut all = BTreeSet::new();
    for class in [0x04, 0x07] {
        for op in PLAIN {
            all.extend([(class | op, 0), (class | op | 8, 0)]);
        }
        for op in [0x30, 0x90] {
            all.extend([0, 1].map(|off| (class | op, off)));
            all.extend([0, 1].map(|off| (class | op | 8, off)));
        }
        all.insert((class | 0x80, 0));
        all.insert((class | 0xb0, 0));
        all.extend([0, 8, 16].map(|off| (class | 0xb8, off)));
    }
    all.insert((0xbf, 32));
    for opcode in [0xd4, 0xdc, 0xd7] {
        all.extend([16, 32, 64].map(|bits| (opcode, bits)));
    }
    for class in [0x05, 0x06] {
        all.insert((class, 0));
        all.extend(CONDITIONS.iter().flat_map(|op| [(class | op, 0), (class | op | 8, 0)]));
    }
    for size in [0x00, 0x08, 0x10, 0x18] {
        all.extend([0x61, 0x62, 0x63].map(|opcode| (opcode | size, 0)));
    }
    all.extend([0x81, 0x89, 0x91].map(|opcode| (opcode, 0)));
    for opcode in [0xc3, 0xdb] {
        all.extend(ATOMICS.map(|imm| (opcode, imm)));
    }
    for opcode in [0xc3, 0xcb, 0xd3, 0xdb] {
        all.extend([(opcode, 0x100), (opcode, 0x110)]);
    }
    all.insert((0x18, 0));
    all
}

/// Calls, exit and 64-bit immediates that name something; `calls` tests them. Kinds 1, 2 and 3 hold a number that only one
/// running kernel understands, and are what 5 and 6 become when a program is loaded.
pub const NAMING: [Key; 11] = [
    (0x18, 1),
    (0x18, 2),
    (0x18, 3),
    (0x18, 4),
    (0x18, 5),
    (0x18, 6),
    (0x85, 0),
    (0x85, 1),
    (0x85, 2),
    (0x95, 0),
    (0x05, 0),
];
