//! Decoder and encoder are inverse to each other, over every opcode and every value of its fields that matters.

use beeline_frontend::decode::{decode, RawInsn};
use beeline_frontend::encode::{encode, to_bytes};
use beeline_frontend::insn::{AtomicKind, Callee, Imm64, Insn, Size};
use beeline_frontend::{Pc, Reg};
use std::collections::{BTreeMap, BTreeSet};

/// Slot under test; enough slots are around it for every jump that is tried.
const AT: usize = 140;
const SLOTS: usize = 2 * AT;

/// The slot among exits, with an empty one behind it, as the second half of a 64-bit immediate.
fn surround(raw: RawInsn) -> Vec<RawInsn> {
    let exit = RawInsn { opcode: 0x95, ..RawInsn::default() };
    let mut slots = vec![exit; SLOTS];
    slots[AT] = raw;
    if raw.opcode == 0x18 {
        slots[AT + 1] = RawInsn::default();
    }
    slots
}

/// Every opcode that RFC 9669 (section 4, 5 and the tables of appendix A) and the kernel's `may_goto` define.
fn defined_opcodes() -> BTreeSet<u8> {
    let mut all = BTreeSet::new();
    let arithmetic = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
    for class in [0x04, 0x07] {
        all.extend(arithmetic.iter().flat_map(|op| [class | op, class | op | 0x08]));
        all.insert(class | 0x80); // neg
    }
    all.extend([0xd4, 0xdc, 0xd7]); // le, be, bswap
    let conditions = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
    for class in [0x05, 0x06] {
        all.extend(conditions.iter().flat_map(|op| [class | op, class | op | 0x08]));
    }
    all.extend([0x05, 0x06, 0x85, 0x95, 0xe5]); // goto, gotol, call, exit, may_goto
    all.extend([0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91]); // loads
    all.extend([0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b]); // stores
    all.extend([0xc3, 0xcb, 0xd3, 0xdb]); // atomics; 8 and 16 bits for acquire and release
    all.extend([0x18, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50]); // 64-bit immediate, legacy packet access
    all
}

#[test]
fn what_decodes_encodes_to_the_same_bytes() {
    let mut accepted = BTreeMap::<u8, usize>::new();
    let imms = [
        0, 1, -1, 2, 16, 32, 64, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110, 0xe0,
    ];
    for opcode in 0..=255u8 {
        for (dst, src) in [
            (0, 0),
            (1, 2),
            (10, 10),
            (0, 1),
            (3, 0),
            (0, 2),
            (4, 4),
            (1, 5),
            (2, 6),
            (11, 0),
            (0, 15),
        ] {
            for off in [0, 1, -1, 8, 16, 32, -128, 100] {
                for imm in imms {
                    let raw = RawInsn { opcode, dst, src, off, imm };
                    let slots = surround(raw);
                    if let Ok(insns) = decode(&slots) {
                        assert_eq!(insns.len(), SLOTS);
                        assert_eq!(encode(&insns), slots, "{raw:?} is {:?}", insns[AT]);
                        *accepted.entry(opcode).or_default() += 1;
                    }
                }
            }
        }
    }
    let accepted: BTreeSet<u8> = accepted.into_keys().collect();
    assert_eq!(accepted, defined_opcodes());
}

#[test]
fn slots_and_bytes_are_the_same_thing() {
    let bytes: Vec<u8> = (0..=255).collect();
    let slots = RawInsn::slots(&bytes);
    assert_eq!(slots.len(), 32);
    assert_eq!(slots[1], RawInsn { opcode: 8, dst: 9, src: 0, off: 0x0b0a, imm: 0x0f0e_0d0c });
    assert_eq!(to_bytes(&slots), bytes);
}

fn decoded(raw: RawInsn) -> Insn {
    decode(&surround(raw)).expect("a valid instruction")[AT]
}

#[test]
fn kernel_extensions() {
    let r = |opcode, dst, src, off, imm| RawInsn { opcode, dst, src, off, imm };
    let atomic =
        |kind, size, fetch| Insn::Atomic { kind, size, fetch, dst: Reg(1), off: -8, src: Reg(2) };
    assert_eq!(decoded(r(0xd3, 1, 2, -8, 0x100)), atomic(AtomicKind::LoadAcquire, Size::B1, false));
    assert_eq!(
        decoded(r(0xdb, 1, 2, -8, 0x110)),
        atomic(AtomicKind::StoreRelease, Size::B8, false)
    );
    assert_eq!(decoded(r(0xc3, 1, 2, -8, 0xa1)), atomic(AtomicKind::Xor, Size::B4, true));
    assert_eq!(decoded(r(0xe5, 0, 0, 3, 0)), Insn::MayGoto { target: Pc(AT as u32 + 4) });
    assert_eq!(decoded(r(0x85, 0, 2, 0, 7)), Insn::Call(Callee::Kfunc(7)));
    let map_value = Insn::LoadImm64 { dst: Reg(3), imm: Imm64::MapValue(9, 0) };
    assert_eq!(decoded(r(0x18, 3, 6, 0, 9)), map_value);
}

#[test]
fn reserved_fields_are_checked() {
    let r = |opcode, dst, src, off, imm| RawInsn { opcode, dst, src, off, imm };
    for (raw, code) in [
        (r(0x07, 1, 2, 0, 5), "BL0202"), // add immediate with a source register
        (r(0x0f, 1, 2, 0, 5), "BL0202"), // add register with an immediate
        (r(0x0f, 1, 2, 1, 0), "BL0202"), // add with an offset
        (r(0x3f, 1, 2, 2, 0), "BL0202"), // division with an offset that is not 1
        (r(0xbc, 1, 2, 32, 0), "BL0202"), // 32-bit move that extends 32 bits
        (r(0xb7, 1, 0, 8, 0), "BL0202"), // extending move of an immediate
        (r(0xd7, 1, 0, 0, 24), "BL0202"), // swap of 24 bits
        (r(0x95, 0, 0, 0, 1), "BL0202"), // exit with a value
        (r(0x85, 0, 0, 1, 1), "BL0202"), // call with an offset
        (r(0x85, 0, 3, 0, 1), "BL0202"), // call of an unknown kind
        (r(0x61, 1, 2, 0, 1), "BL0202"), // load with an immediate
        (r(0x18, 1, 9, 0, 1), "BL0202"), // 64-bit immediate of an unknown kind
        (r(0x18, 1, 1, 0, 1), "BL0208"), // a file descriptor in a file
        (r(0xbf, 1, 2, 1, 1), "BL0208"), // address space cast
        (r(0x8d, 3, 0, 0, 0), "BL0208"), // call through a register
        (r(0x61, 11, 2, 0, 0), "BL0203"), // register 11
        (r(0x8f, 1, 2, 0, 0), "BL0201"), // negation of a register
        (r(0xdf, 1, 2, 0, 16), "BL0201"), // swap in class ALU64 with a source
        (r(0x99, 1, 2, 0, 0), "BL0201"), // sign-extending 64-bit load
        (r(0xd3, 1, 2, 0, 1), "BL0201"), // 8-bit atomic addition
        (r(0xdb, 1, 2, 0, 0xe0), "BL0201"), // exchange without fetch
        (r(0x05, 0, 0, 1000, 0), "BL0204"), // jump out of the program
        (r(0x06, 0, 0, 0, -1000), "BL0204"),
    ] {
        let faults = decode(&surround(raw)).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!((faults[0].code, faults[0].pc), (code, Pc(AT as u32)), "{:?}", faults[0]);
    }
}

#[test]
fn a_64_bit_immediate_needs_its_second_slot() {
    let exit = RawInsn { opcode: 0x95, ..RawInsn::default() };
    let load = RawInsn { opcode: 0x18, ..RawInsn::default() };
    for slots in [vec![load], vec![load, exit]] {
        let faults = decode(&slots).unwrap_err();
        assert_eq!((faults[0].code, faults[0].pc), ("BL0207", Pc(0)));
    }
}
