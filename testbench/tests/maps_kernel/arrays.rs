//! ARRAY and PERCPU_ARRAY.

use crate::pair::{assert_seen, def, random_run, reachable, Pair};
use beeline_ir::map::MapKind;

#[test]
fn random_operations() {
    if !reachable() {
        return;
    }
    for (kind, value_size, entries) in
        [(MapKind::Array, 8, 5), (MapKind::Array, 3, 7), (MapKind::PercpuArray, 12, 4)]
    {
        let key = |rng: &mut beeline_testbench::traffic::Rng| {
            let index = if rng.percent(3) { rng.next_u32() } else { rng.below(9) as u32 };
            index.to_le_bytes().to_vec()
        };
        let pair = random_run(&def(kind, 4, value_size, entries), 1200, 11, key);
        assert_seen(&pair, "host_update", &[-22, -17, -7, 0]);
        assert_seen(&pair, "Update", &[-22, -17, -7, 0]);
        assert_seen(&pair, "host_delete", &[-22]);
        assert_seen(&pair, "Delete", &[-22]);
        assert_seen(&pair, "Lookup", &[0, 1]);
        assert_seen(&pair, "host_lookup", &[-2, 0]);
        assert_seen(&pair, "host_take", &[-524]);
    }
}

#[test]
fn frozen_and_host_read_only_maps_refuse_the_host() {
    if !reachable() {
        return;
    }
    let mut data = def(MapKind::Array, 4, 6, 1);
    data.initial = Some(vec![1, 2, 3]);
    data.frozen = true;
    data.flags = beeline_sim::map::flags::create::RDONLY_PROG;
    let mut read_only = def(MapKind::Array, 4, 6, 1);
    read_only.flags = beeline_sim::map::flags::create::RDONLY;
    let mut write_only = def(MapKind::Array, 4, 6, 1);
    write_only.flags = beeline_sim::map::flags::create::WRONLY;
    let mut codes = Vec::new();
    for def in [data, read_only, write_only] {
        let mut pair = Pair::new(&def);
        let lookup = pair.host_lookup(&[0; 4]).0;
        codes.push((lookup, pair.host_update(&[0; 4], &[9; 6], 0), pair.host_delete(&[0; 4])));
    }
    assert_eq!(codes, [(0, -1, -1), (0, -1, -1), (-1, 0, -22)]);
}
