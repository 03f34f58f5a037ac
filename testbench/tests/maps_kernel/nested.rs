//! PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS, PERF_EVENT_ARRAY: arrays of descriptors.

use crate::asm::{self, finish};
use crate::pair::{def, random_flags, reachable};
use beeline_frontend::{MapDef, Program};
use beeline_ir::map::MapKind;
use beeline_sim::MapSet;
use beeline_testbench::kernel::{Attach, KernelMap, KernelProgram};
use beeline_testbench::traffic::Rng;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

fn code(result: io::Result<()>) -> i64 {
    result.map_or_else(|e| -i64::from(e.raw_os_error().unwrap()), |()| 0)
}

/// Random operations where the kernel takes `descriptors[n]` and the model `numbers[n]`. Returns the codes of updates.
fn random_run(
    theirs: &KernelMap,
    ours: &mut MapSet,
    descriptors: &[i32],
    numbers: &[u32],
    seed: u64,
) -> BTreeSet<i64> {
    let mut rng = Rng::new(seed);
    let mut seen = BTreeSet::new();
    for n in 0..800 {
        let key = (rng.below(5) as u32).to_le_bytes();
        let which = rng.below(numbers.len());
        let flags = random_flags(&mut rng);
        let (their_code, our_code) = match rng.below(3) {
            0 => {
                let ours = ours.host_update(0, &key, &numbers[which].to_le_bytes(), flags);
                let fd = descriptors[which].to_le_bytes();
                let theirs = code(theirs.update(&key, &fd, flags));
                seen.insert(theirs);
                (theirs, ours)
            }
            1 => (code(theirs.delete(&key)), ours.host_delete(0, &key)),
            _ => (code(theirs.lookup(&key).map(drop)), ours.host_lookup(0, &key, 0).map(drop)),
        };
        let our_code = our_code.map_or_else(|e| -i64::from(e.0), |()| 0);
        assert_eq!(their_code, our_code, "step {n}, key {key:x?}, value {which}, flags {flags}");
    }
    seen
}

#[test]
fn program_arrays() {
    if !reachable() {
        return;
    }
    let program = Program { license: Some("GPL".into()), ..asm::link(&finish(2), vec![]) };
    let program = KernelProgram::load(&program, &[], Attach::Plain).unwrap();
    let def = def(MapKind::ProgArray, 4, 4, 3);
    let theirs = KernelMap::create(&def).unwrap();
    let mut ours = MapSet::new(&[def]).unwrap();
    let fd = program.as_fd().as_raw_fd();
    let seen = random_run(&theirs, &mut ours, &[fd, fd], &[0, 7], 1);
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-22, -7, 0]);
    ours.host_update(0, &[1, 0, 0, 0], &[7, 0, 0, 0], 0).unwrap();
    ours.host_delete(0, &[0; 4]).ok();
    assert_eq!((ours.program(0, 1), ours.program(0, 0), ours.program(0, 9)), (Some(7), None, None));
}

#[test]
fn maps_of_maps() {
    if !reachable() {
        return;
    }
    let template = def(MapKind::Array, 4, 8, 4);
    let shapes: [MapDef; 5] = [
        template.clone(),
        MapDef { name: "second".into(), ..template.clone() },
        MapDef { max_entries: 5, ..template.clone() },
        MapDef { value_size: 4, ..template.clone() },
        def(MapKind::Hash, 4, 8, 4),
    ];
    let kernel: Vec<KernelMap> = shapes.iter().map(|d| KernelMap::create(d).unwrap()).collect();
    let mut fds: Vec<i32> = kernel.iter().map(|m| m.as_fd().as_raw_fd()).collect();
    fds.push(9999);
    for (kind, codes) in [
        (MapKind::ArrayOfMaps, vec![-22, -9, -7, 0]),
        (MapKind::HashOfMaps, vec![-22, -17, -9, -7, -2, 0]),
    ] {
        let mut outer = def(kind, 4, 4, 2);
        outer.inner = Some(Box::new(template.clone()));
        let theirs = KernelMap::create(&outer).unwrap();
        let mut ours = MapSet::new(&[outer]).unwrap();
        let mut numbers: Vec<u32> = shapes.iter().map(|d| ours.add(d).unwrap() as u32).collect();
        numbers.push(99);
        let seen = random_run(&theirs, &mut ours, &fds, &numbers, 2);
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), codes, "{kind}");
    }
}

/// Which shapes the kernel takes for an inner map, for every kind that may be one.
#[test]
fn inner_maps_must_have_the_shape_of_the_template() {
    if !reachable() {
        return;
    }
    let templates = [
        def(MapKind::Array, 4, 8, 4),
        MapDef { flags: 1 << 12, ..def(MapKind::Array, 4, 8, 4) },
        def(MapKind::PercpuArray, 4, 8, 4),
        def(MapKind::Hash, 4, 8, 4),
        def(MapKind::PercpuHash, 4, 8, 4),
        def(MapKind::LruHash, 4, 8, 4),
        def(MapKind::LpmTrie, 8, 8, 4),
        def(MapKind::Queue, 0, 8, 4),
        def(MapKind::Stack, 0, 8, 4),
        def(MapKind::BloomFilter, 0, 8, 4),
        def(MapKind::Ringbuf, 0, 0, 4096),
        def(MapKind::Devmap, 4, 4, 4),
        def(MapKind::DevmapHash, 4, 4, 4),
        def(MapKind::Xskmap, 4, 4, 4),
        def(MapKind::Cpumap, 4, 4, 4),
        def(MapKind::PerfEventArray, 4, 4, 4),
        def(MapKind::ProgArray, 4, 4, 4),
    ];
    for template in &templates {
        let mut outer = def(MapKind::ArrayOfMaps, 4, 4, 1);
        outer.inner = Some(Box::new(template.clone()));
        let theirs = KernelMap::create(&outer);
        let ours = MapSet::new(std::slice::from_ref(&outer));
        let (theirs, mut ours) = match (theirs, ours) {
            (Ok(theirs), Ok(ours)) => (theirs, ours),
            (theirs, ours) => {
                let refused = theirs.unwrap_err().raw_os_error();
                assert_eq!(refused, Some(ours.unwrap_err().errno.0), "{template:?}");
                continue;
            }
        };
        let wider = MapDef { value_size: template.value_size + 4, ..template.clone() };
        let longer = MapDef { max_entries: template.max_entries * 2, ..template.clone() };
        let seeded = MapDef { flags: template.flags ^ 4, ..template.clone() };
        for inner in [template.clone(), wider, longer, seeded] {
            let Ok(kernel) = KernelMap::create(&inner) else {
                assert!(MapSet::new(&[inner]).is_err());
                continue;
            };
            let number = ours.add(&inner).unwrap() as u32;
            let fd = kernel.as_fd().as_raw_fd();
            let theirs = code(theirs.update(&[0; 4], &fd.to_le_bytes(), 0));
            let ours = ours.host_update(0, &[0; 4], &number.to_le_bytes(), 0);
            let ours = ours.map_or_else(|e| -i64::from(e.0), |()| 0);
            assert_eq!(theirs, ours, "{inner:?} where {template:?} is declared");
        }
    }
}

#[test]
fn perf_event_arrays_from_the_host() {
    if !reachable() {
        return;
    }
    let def = def(MapKind::PerfEventArray, 4, 4, 2);
    let theirs = KernelMap::create(&def).unwrap();
    let mut ours = MapSet::new(&[def]).unwrap();
    ours.clear_perf_events(0);
    for key in [0u32, 1, 2] {
        let key = key.to_le_bytes();
        let code = |r: Result<(), beeline_sim::Errno>| r.map_or_else(|e| -i64::from(e.0), |()| 0);
        assert_eq!(self::code(theirs.delete(&key)), code(ours.host_delete(0, &key)));
        let found = code(ours.host_lookup(0, &key, 0).map(drop));
        assert_eq!(self::code(theirs.lookup(&key).map(drop)), found);
        let flags = code(ours.host_update(0, &key, &[0; 4], 1));
        assert_eq!(self::code(theirs.update(&key, &[0; 4], 1)), flags);
    }
}
