//! Instructions that name something: calls by `src_reg`, 64-bit immediates by `src_reg`, exit.

use super::program::linked;
use super::table::{key, Key, NAMING};
use beeline_frontend::decode::{decode, RawInsn};
use beeline_frontend::{encode, load, verifier, Program};
use beeline_sim::{Executor, Inputs, Interp, MapSet, Packet};
use beeline_testbench::kernel::{self, Attach, KernelObject, RunInputs};
use std::collections::BTreeSet;
use std::path::Path;

/// Helpers, local functions, a callback, maps and global data: `bpf_loop` adds 0 to 9 into an entry, and the interface's
/// number goes through a function into a global variable.
fn with_names() -> Program {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/typed.o");
    let object = load(&std::fs::read(file).unwrap(), "typed.o").unwrap();
    object.program(None).unwrap()
}

/// A kernel function: the numbers from 2 to 6, added up by an iterator.
fn with_kernel_functions() -> Program {
    let slot = |opcode, dst, src, off, imm| RawInsn { opcode, dst, src, off, imm };
    let iterator = [slot(0xbf, 1, 10, 0, 0), slot(0x07, 1, 0, 0, -8)];
    let mut raw = vec![slot(0xb7, 6, 0, 0, 0)];
    raw.extend(iterator);
    raw.extend([slot(0xb7, 2, 0, 0, 2), slot(0xb7, 3, 0, 0, 7), slot(0x85, 0, 2, 0, 0)]);
    raw.extend(iterator);
    raw.extend([
        slot(0x85, 0, 2, 0, 1),
        slot(0x15, 0, 0, 3, 0),
        slot(0x61, 0, 0, 0, 0),
        slot(0x0f, 6, 0, 0, 0),
        slot(0x05, 0, 0, -7, 0),
    ]);
    raw.extend(iterator);
    raw.extend([slot(0x85, 0, 2, 0, 2), slot(0xbf, 0, 6, 0, 0), slot(0x95, 0, 0, 0, 0)]);
    let names = ["bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy"];
    Program { kfuncs: names.map(String::from).into(), ..linked(&raw, Vec::new()) }
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Return value, and the maps' entries that are not zero, in the interpreter and in the kernel.
fn both(program: &Program) -> Vec<(&'static str, u32, Vec<Entries>)> {
    let mut results = Vec::new();
    let bytes = [0; 64];
    let verified = verifier::verify(program.clone()).unwrap_or_else(|e| panic!("{}", e[0]));
    let mut maps = MapSet::for_program(program).unwrap();
    let mut packet = Packet::with(&bytes).unwrap();
    let exit = Interp::new(&verified).unwrap().run(&Inputs::default(), &mut packet, &mut maps);
    let dumped = (0..program.maps.len()).map(|m| maps.dump(m)).collect();
    results.push(("interp", exit.unwrap().code, dumped));
    if kernel::available().is_ok() {
        let object = KernelObject::create(program).unwrap();
        for (map, def) in object.maps.iter().zip(&program.maps) {
            if let Some(initial) = &def.initial {
                map.update(&[0; 4], initial, 0).unwrap();
            }
        }
        let loaded = object.load(program, Attach::Plain).unwrap_or_else(|e| panic!("{e}"));
        let code = loaded.test_run(&bytes, &RunInputs::default()).unwrap().code;
        let dumped = object.maps.iter().map(|m| m.dump().unwrap()).collect();
        results.push(("kernel", code, dumped));
    }
    results
}

fn value<'a>(program: &Program, maps: &'a [Entries], name: &str, key: u32) -> &'a [u8] {
    let map = program.maps.iter().position(|m| m.name == name).unwrap();
    let key = key.to_le_bytes();
    maps[map].iter().find(|(k, _)| k[..] == key).map(|(_, v)| &v[..]).unwrap()
}

#[test]
fn helpers_functions_callbacks_maps_and_global_data() {
    let program = with_names();
    for (engine, code, maps) in both(&program) {
        assert_eq!(code, 2, "{engine}");
        let sum: u64 = (0..10).sum();
        assert_eq!(value(&program, &maps, "sums", 1)[8..16], sum.to_le_bytes(), "{engine}");
        // The interface is number 1.
        let total: u64 = 5 + (3 + 5);
        assert_eq!(value(&program, &maps, ".data", 0)[..8], total.to_le_bytes(), "{engine}");
    }
}

#[test]
fn kernel_functions() {
    for (engine, code, _) in both(&with_kernel_functions()) {
        assert_eq!(code, (2..7).sum::<u32>(), "{engine}");
    }
}

#[test]
fn every_kind_is_used_or_refused() {
    let programs = [with_names(), with_kernel_functions()];
    let used: BTreeSet<Key> =
        programs.iter().flat_map(|p| encode::encode(&p.insns)).map(|raw| key(&raw)).collect();
    for named in NAMING {
        // A number that only one running kernel understands has no place in an object.
        let of_the_kernel = matches!(named, (0x18, 1..=3));
        assert_ne!(used.contains(&named), of_the_kernel, "{named:x?}");
        if of_the_kernel {
            let load = RawInsn { opcode: 0x18, dst: 1, src: named.1 as u8, off: 0, imm: 3 };
            let faults = decode(&[load, RawInsn::default()]).unwrap_err();
            assert_eq!(faults[0].code, "BL0208", "{}", faults[0].message);
        }
    }
}

#[test]
fn the_kernel_gets_descriptors_for_maps() {
    let program = with_names();
    let kinds = |raw: &[RawInsn]| -> BTreeSet<u8> {
        raw.iter().filter(|r| r.opcode == 0x18).map(|r| r.src).collect()
    };
    assert_eq!(kinds(&encode::encode(&program.insns)), BTreeSet::from([4, 5, 6]));
    let with_fds = encode::encode_with(&program.insns, |m| encode::MapRef::Fd(m as i32));
    assert_eq!(kinds(&with_fds), BTreeSet::from([1, 2, 4]));
}
