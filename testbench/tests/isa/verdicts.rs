//! Opcodes outside the RFC and reserved fields: the decoder and verifier refuse what the kernel refuses, and nothing else.

use super::program::linked;
use beeline_frontend::decode::{check_flow, decode, RawInsn};
use beeline_frontend::verifier;
use beeline_testbench::kernel::{self, KernelProgram};

const DST: [u8; 4] = [0, 2, 10, 11];
const SRC: [u8; 6] = [0, 1, 2, 3, 10, 11];
const OFF: [i16; 6] = [0, 1, 2, 8, 32, -8];
const IMM: [i32; 9] = [0, 1, 8, 16, 0x41, 0xe1, 0xf1, 0x100, -1];

/// Numbers in r2 and r3, eight bytes on the stack, and then the instruction.
fn around(raw: RawInsn) -> Vec<RawInsn> {
    let slot = |opcode, dst, src, off, imm| RawInsn { opcode, dst, src, off, imm };
    let mut all = vec![
        slot(0xb7, 0, 0, 0, 5),
        slot(0xb7, 2, 0, 0, 6),
        slot(0xb7, 3, 0, 0, 7),
        slot(0x7b, 10, 2, -8, 0),
        raw,
    ];
    if raw.opcode == 0x18 {
        all.push(slot(0, 0, 0, 0, 0));
    }
    all.extend([slot(0xb7, 0, 0, 0, 2), slot(0x95, 0, 0, 0, 0)]);
    all
}

fn ours(slots: &[RawInsn]) -> Result<(), String> {
    let insns = decode(slots).map_err(|f| f[0].message.clone())?;
    let program = linked(slots, Vec::new());
    if let Some(fault) = check_flow(&insns, &program.subprogs).first() {
        return Err(fault.message.clone());
    }
    verifier::verify(program).map(|_| ()).map_err(|d| d[0].message.clone())
}

/// What `imm` and `src_reg` name only in one running kernel, or not at all without more of a program.
fn names_something(raw: &RawInsn) -> bool {
    match raw.opcode {
        // A map by its descriptor or number, a variable.
        0x18 => matches!(raw.src, 1..=6),
        // A function of this program, or of the kernel by its number there.
        0x85 => matches!(raw.src, 1 | 2),
        _ => false,
    }
}

#[test]
fn all_256_opcodes_with_reserved_fields() {
    if let Err(why) = kernel::available() {
        println!("notice: comparison with the kernel skipped: {why}");
        return;
    }
    let (mut same, mut accepted, mut different) = (0, 0, Vec::new());
    for opcode in 0..=255 {
        for dst in DST {
            for src in SRC {
                for off in OFF {
                    for imm in IMM {
                        let raw = RawInsn { opcode, dst, src, off, imm };
                        if names_something(&raw) {
                            continue;
                        }
                        let slots = around(raw);
                        let (ours, theirs) = (ours(&slots), KernelProgram::load_slots(&slots));
                        if ours.is_ok() == theirs.is_ok() {
                            same += 1;
                            accepted += usize::from(ours.is_ok());
                        } else {
                            different
                                .push(format!("{raw:x?}: {ours:?}, kernel {:?}", theirs.err()));
                        }
                    }
                }
            }
        }
    }
    println!("{same} verdicts equal, {accepted} of them accepted");
    let shown: Vec<_> = different.iter().step_by(different.len() / 60 + 1).collect();
    assert!(different.is_empty(), "{} differ: {shown:#?}", different.len());
    assert!(accepted > 1000);
}
