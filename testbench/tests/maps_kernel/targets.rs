//! DEVMAP, DEVMAP_HASH, CPUMAP, XSKMAP: only the host writes them.

use crate::pair::{assert_seen, def, random_flags, reachable, Call, Pair};
use beeline_ir::map::MapKind;
use beeline_testbench::traffic::Rng;

/// The loopback interface, which every machine has.
const LO: u32 = 1;

fn number(rng: &mut Rng) -> u32 {
    if rng.percent(70) {
        LO
    } else {
        0
    }
}

#[test]
fn random_operations_on_device_maps() {
    if !reachable() {
        return;
    }
    for (kind, size) in [
        (MapKind::Devmap, 4),
        (MapKind::Devmap, 8),
        (MapKind::DevmapHash, 4),
        (MapKind::DevmapHash, 8),
    ] {
        let mut pair = Pair::new(&def(kind, 4, size, 3));
        let mut rng = Rng::new(size.into());
        for n in 0..700 {
            let key = (rng.below(6) as u32).to_le_bytes();
            let program: i32 = *rng.pick(&[0, 0, 0, -1, 999_999]);
            let value = [number(&mut rng).to_le_bytes(), program.to_le_bytes()].concat();
            let flags = random_flags(&mut rng);
            match rng.below(6) {
                0 => drop(pair.host_lookup(&key)),
                1 | 2 => drop(pair.host_update(&key, &value[..size as usize], flags)),
                3 => drop(pair.host_delete(&key)),
                4 => drop(pair.host_take(&key)),
                _ => drop(pair.program(Call::Lookup, &key, &[], 0)),
            }
            if n % 64 == 0 {
                pair.compare_dumps();
            }
        }
        pair.compare_dumps();
        assert_seen(&pair, "host_update", &[-22, -17, -7, 0]);
        let deletions = if kind == MapKind::Devmap { [-22, 0] } else { [-2, 0] };
        assert_seen(&pair, "host_delete", &deletions);
        assert_seen(&pair, "Lookup", &[0, 1]);
    }
}

#[test]
fn random_operations_on_cpu_maps() {
    if !reachable() {
        return;
    }
    for size in [4, 8] {
        let mut pair = Pair::new(&def(MapKind::Cpumap, 4, size, 1));
        let mut rng = Rng::new(size.into());
        for _ in 0..100 {
            let key = (rng.below(2) as u32).to_le_bytes();
            let queue: u32 = *rng.pick(&[0, 1, 16_384, 16_385, u32::MAX]);
            let value = [queue.to_le_bytes(), [0; 4]].concat();
            let flags = random_flags(&mut rng);
            match rng.below(4) {
                0 => drop(pair.host_lookup(&key)),
                1 | 2 => drop(pair.host_update(&key, &value[..size as usize], flags)),
                _ => drop(pair.host_delete(&key)),
            }
        }
        pair.compare_dumps();
        assert_seen(&pair, "host_update", &[-75, -22, -17, -7, 0]);
        assert_seen(&pair, "host_delete", &[-22, 0]);
    }
}

/// Without sockets: what is refused before the kernel looks at the value, and that the host cannot read.
#[test]
fn socket_maps() {
    if !reachable() {
        return;
    }
    let mut pair = Pair::new(&def(MapKind::Xskmap, 4, 4, 2));
    assert_eq!(pair.host_update(&[9, 0, 0, 0], &[1; 4], 0), -7);
    assert_eq!(pair.host_update(&[0; 4], &[1; 4], 3), -22);
    assert_eq!(pair.host_delete(&[9, 0, 0, 0]), -22);
    assert_eq!(pair.host_delete(&[1, 0, 0, 0]), 0);
    assert_eq!(pair.host_lookup(&[1, 0, 0, 0]).0, -95);
}
