//! Damaged programs: whatever the bytes are, the verifier ends with a verdict.

mod support;

use beeline_frontend::decode::{decode, RawInsn};
use beeline_frontend::encode::{encode, to_bytes};
use beeline_frontend::{verifier, Program};

/// Damaged copies of each program.
const COPIES: u64 = 300;

fn programs() -> Vec<Program> {
    let names = ["calls.o", "data.o", "legacy.o", "maps.o", "plain.o", "several.o", "linked.o"];
    let mut found = Vec::new();
    for name in names {
        let object = support::object(name);
        found.extend(object.programs.iter().filter_map(|p| object.program(Some(&p.name)).ok()));
    }
    assert!(found.len() >= names.len() - 2);
    found
}

fn mix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    (*seed ^ (*seed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 7
}

#[test]
fn damaged_programs_get_a_verdict() {
    let mut seed = 7;
    let (mut accepted, mut refused) = (0, 0);
    for program in programs() {
        let bytes = to_bytes(&encode(&program.insns));
        for _ in 0..COPIES {
            let mut bytes = bytes.clone();
            for _ in 0..1 + mix(&mut seed) % 4 {
                let at = (mix(&mut seed) % bytes.len() as u64) as usize;
                bytes[at] ^= 1 << (mix(&mut seed) % 8);
            }
            let Ok(insns) = decode(&RawInsn::slots(&bytes)) else { continue };
            match verifier::verify(Program { insns, ..program.clone() }) {
                Ok(_) => accepted += 1,
                Err(found) => {
                    assert!(!found.is_empty());
                    assert!(found.iter().all(|d| d.code.starts_with("BL03") && d.at.pc.is_some()));
                    refused += 1;
                }
            }
        }
    }
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
}
