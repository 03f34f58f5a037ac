//! Which maps can be made at all.

use crate::pair::{def, reachable};
use beeline_frontend::MapDef;
use beeline_ir::map::MapKind;
use beeline_sim::MapSet;
use beeline_testbench::kernel::KernelMap;

fn codes(def: &MapDef) -> (i32, i32) {
    let theirs = KernelMap::create(def).map_or_else(|e| e.raw_os_error().unwrap_or(-1), |_| 0);
    let ours = MapSet::new(std::slice::from_ref(def)).map_or_else(|e| e.errno.0, |_| 0);
    (theirs, ours)
}

/// The flags that concern these kinds, one by one; 15 and 16 are about BTF and tokens, which need descriptors.
fn flags() -> Vec<u32> {
    let single = (0..20).filter(|b| !matches!(b, 15 | 16)).map(|b| 1 << b);
    let pairs = [8 | 16, 128 | 256, 8 | 128, 1 | 2, 2 | 64, 1 | 128, 1 | 4, 1 | 8 | 16, 1 | 384];
    [0].into_iter().chain(single).chain(pairs).collect()
}

#[test]
fn sizes_and_flags_of_every_kind() {
    if !reachable() {
        return;
    }
    let mut made = 0;
    for kind in MapKind::ALL {
        for flags in flags() {
            for (key, value, entries) in [
                (4, 4, 2),
                (4, 8, 1),
                (0, 4, 3),
                (0, 0, 4096),
                (0, 0, 5000),
                (8, 4, 7),
                (4, 0, 2),
                (4, 4, 0),
                (0, 8, 0),
                (1, 3, 2),
                (4, 12, 2),
                (260, 1, 1),
                (261, 1, 1),
            ] {
                let mut def = MapDef { flags, ..def(kind, key, value, entries) };
                if matches!(kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps) {
                    def.inner = Some(Box::new(self::def(MapKind::Array, 4, 4, 1)));
                }
                let (theirs, ours) = codes(&def);
                assert_eq!(theirs, ours, "kernel against model: {def:?}");
                made += usize::from(theirs == 0);
            }
        }
    }
    assert!(made > 200, "{made} maps were made");
}

/// Limits that the kernel checks before it allocates.
#[test]
fn limits() {
    if !reachable() {
        return;
    }
    let hash_limit = (4 << 20) - 48;
    for def in [
        def(MapKind::PercpuArray, 4, 32_768, 1),
        def(MapKind::PercpuArray, 4, 32_769, 1),
        def(MapKind::PercpuHash, 4, 32_768, 1),
        def(MapKind::PercpuHash, 4, 32_769, 1),
        def(MapKind::LruPercpuHash, 4, 32_769, 1),
        def(MapKind::Hash, 4, hash_limit - 5, 1),
        def(MapKind::Hash, 4, hash_limit - 4, 1),
        def(MapKind::Hash, 4, u32::MAX - 2, 1),
        def(MapKind::LruHash, 4, hash_limit - 4, 1),
        def(MapKind::Array, 4, 1 << 31, 1),
        def(MapKind::Queue, 0, 4 << 20, 1),
        def(MapKind::Queue, 0, (4 << 20) + 1, 1),
        def(MapKind::BloomFilter, 0, (4 << 20) + 1, 1),
        def(MapKind::LpmTrie, 8, 4 << 20, 1),
        def(MapKind::Cpumap, 4, 4, 100_000),
        def(MapKind::Ringbuf, 0, 0, 4097),
        def(MapKind::Ringbuf, 0, 0, 1),
        MapDef { extra: 16, ..def(MapKind::BloomFilter, 0, 4, 1) },
        MapDef { extra: 15, ..def(MapKind::BloomFilter, 0, 4, 1) },
        MapDef { extra: 1, ..def(MapKind::Hash, 4, 4, 1) },
    ] {
        let (theirs, ours) = codes(&def);
        assert_eq!(theirs, ours, "kernel against model: {def:?}");
    }
}
