//! The layer itself, where the kernel is there.

use super::*;
use beeline_frontend::program::MapDef;
use beeline_ir::map::MapKind;

fn def(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
    MapDef { name: "m".into(), kind, key_size, value_size, max_entries, ..MapDef::default() }
}

/// True if the kernel is there; else says so.
fn reachable() -> bool {
    match available() {
        Ok(()) => true,
        Err(why) => {
            println!("notice: skipped: {why}");
            false
        }
    }
}

#[test]
fn maps_answer_with_the_kernels_codes() {
    if !reachable() {
        return;
    }
    let code = |r: io::Result<()>| r.err().and_then(|e| e.raw_os_error());
    let map = KernelMap::create(&def(MapKind::Hash, 4, 8, 2)).unwrap();
    map.update(&[1, 0, 0, 0], &[5; 8], 0).unwrap();
    map.update(&[2, 0, 0, 0], &[6; 8], 1).unwrap();
    assert_eq!(code(map.update(&[3, 0, 0, 0], &[7; 8], 0)), Some(libc::E2BIG));
    assert_eq!(code(map.update(&[1, 0, 0, 0], &[7; 8], 1)), Some(libc::EEXIST));
    assert_eq!(code(map.update(&[1], &[7; 8], 1)), Some(libc::EINVAL));
    assert_eq!(code(map.delete(&[9; 4])), Some(libc::ENOENT));
    assert_eq!(map.lookup(&[2, 0, 0, 0]).unwrap(), [6; 8]);
    assert_eq!(map.take(&[2, 0, 0, 0]).unwrap(), [6; 8]);
    assert_eq!(map.dump().unwrap(), [(vec![1, 0, 0, 0], vec![5; 8])]);
}

#[test]
fn values_of_each_cpu_are_told_apart() {
    if !reachable() {
        return;
    }
    let map = KernelMap::create(&def(MapKind::PercpuArray, 4, 5, 3)).unwrap();
    stay_on_cpu(0).unwrap();
    map.update(&[1, 0, 0, 0], b"value", 0).unwrap();
    for cpu in 0..possible_cpus().unwrap() as u32 {
        if stay_on_cpu(cpu).is_ok() {
            assert_eq!(map.dump().unwrap(), [(vec![1, 0, 0, 0], b"value".to_vec())]);
        }
    }
}

#[test]
fn queues_stacks_and_filters_have_no_keys() {
    if !reachable() {
        return;
    }
    for (kind, first) in [(MapKind::Queue, 1), (MapKind::Stack, 2)] {
        let map = KernelMap::create(&def(kind, 0, 4, 4)).unwrap();
        map.update(&[], &[1; 4], 0).unwrap();
        map.update(&[], &[2; 4], 0).unwrap();
        assert_eq!(map.lookup(&[]).unwrap(), [first; 4]);
        assert_eq!(map.take(&[]).unwrap(), [first; 4]);
        assert_eq!(map.take(&[]).unwrap(), [3 - first; 4]);
        assert!(map.take(&[]).is_err());
    }
    let filter = KernelMap::create(&def(MapKind::BloomFilter, 0, 4, 100)).unwrap();
    filter.update(&[], &[1; 4], 0).unwrap();
    assert!(filter.contains(&[1; 4]).unwrap() && !filter.contains(&[2; 4]).unwrap());
}

#[test]
fn a_refusal_has_the_end_of_the_log() {
    if !reachable() {
        return;
    }
    let object = std::fs::read("../examples/icmp_echo/icmp_echo.o").unwrap();
    let mut program =
        beeline_frontend::load(&object, "icmp_echo.o").unwrap().program(None).unwrap();
    program.insns = vec![beeline_frontend::Insn::Exit];
    program.maps.clear();
    let refused = KernelProgram::load(&program, &[], Attach::Plain).unwrap_err();
    assert!(refused.tail(12).contains("R0 !read_ok"), "{refused}");
    assert!(!refused.is_unavailable());
    let text = super::replay::refusal(&program, &refused).to_string();
    assert!(text.contains("BL0901") && text.contains("R0 !read_ok"), "{text}");
    assert!(text.contains("insn 0: exit"), "{text}");
}

/// Callbacks, locks, timers and global functions, all of which need types.
#[test]
fn objects_come_with_their_types() {
    if !reachable() {
        return;
    }
    let bytes = std::fs::read("tests/objects/typed.o").unwrap();
    let program = beeline_frontend::load(&bytes, "typed.o").unwrap().program(None).unwrap();
    let object = KernelObject::create(&program).unwrap();
    let loaded = object.load(&program, Attach::Plain).unwrap_or_else(|r| panic!("{r}"));
    let run = loaded.test_run(&[0; 64], &RunInputs::default()).unwrap();
    assert_eq!(run, TestRun { code: 2, bytes: vec![0; 64], meta: vec![] });
    // 0 + 1 + ... + 9, counted under a lock.
    let sums = object.maps.iter().find(|m| m.def().name == "sums").unwrap();
    let sum = sums.lookup(&[1, 0, 0, 0]).unwrap();
    assert_eq!(sum[8..], 45u64.to_le_bytes());
}
