//! QUEUE, STACK and BLOOM_FILTER.

use crate::pair::{assert_seen, def, random_flags, reachable, Call, Pair};
use beeline_ir::map::MapKind;
use beeline_sim::map::flags::create;
use beeline_sim::Errno;
use beeline_testbench::traffic::Rng;

#[test]
fn random_operations_on_queues_and_stacks() {
    if !reachable() {
        return;
    }
    for (kind, size, entries) in [
        (MapKind::Queue, 8, 3),
        (MapKind::Queue, 5, 1),
        (MapKind::Stack, 8, 3),
        (MapKind::Stack, 12, 7),
    ] {
        let mut pair = Pair::new(&def(kind, 0, size, entries));
        let mut rng = Rng::new(size.into());
        for _ in 0..1500 {
            let value = rng.bytes(size as usize);
            let flags = random_flags(&mut rng);
            match rng.below(9) {
                0 => drop(pair.host_lookup(&[])),
                1 | 2 => drop(pair.host_update(&[], &value, flags)),
                3 => drop(pair.host_take(&[])),
                4 => drop(pair.host_delete(&[])),
                5 | 6 => drop(pair.program(Call::Push, &[], &value, flags)),
                7 => drop(pair.program(Call::Pop, &[], &value, 0)),
                _ => drop(pair.program(Call::Peek, &[], &value, 0)),
            }
        }
        assert_seen(&pair, "host_update", &[-22, -7, 0]);
        assert_seen(&pair, "Push", &[-22, -7, 0]);
        assert_seen(&pair, "Pop", &[-2, 0]);
        assert_seen(&pair, "host_take", &[-2, 0]);
        assert_seen(&pair, "host_delete", &[-22]);
        // What is left comes out in the order of the dump.
        let left = pair.ours.dump(0);
        for (_, value) in left {
            assert_eq!(pair.host_take(&[]), (0, value));
        }
        assert_eq!(pair.host_take(&[]).0, -2);
    }
}

/// With `BPF_F_ZERO_SEED`, the kernel's false positives are ours.
#[test]
fn bloom_filters_agree_bit_for_bit() {
    if !reachable() {
        return;
    }
    for (size, entries, extra) in [(4, 10, 0), (8, 100, 3), (5, 64, 0), (13, 7, 15), (24, 1000, 1)]
    {
        let mut def = def(MapKind::BloomFilter, 0, size, entries);
        def.flags = create::ZERO_SEED;
        def.extra = extra;
        let mut pair = Pair::new(&def);
        let mut rng = Rng::new(extra + 1);
        let mut found = 0;
        let value = |rng: &mut Rng| {
            let mut v = vec![0; size as usize];
            v[..3].copy_from_slice(&rng.bytes(3));
            v
        };
        for _ in 0..entries {
            let v = value(&mut rng);
            let flags = if rng.percent(5) { random_flags(&mut rng) } else { 0 };
            if rng.percent(50) {
                pair.host_update(&[], &v, flags);
            } else {
                pair.program(Call::Push, &[], &v, flags);
            }
        }
        for _ in 0..2000 {
            let v = value(&mut rng);
            found += usize::from(pair.program(Call::Peek, &[], &v, 0).0 == 0);
            let ours = pair.ours.peek_elem(0, &mut v.clone());
            assert_eq!(pair.kernel.contains(&v).unwrap(), ours == Ok(()));
        }
        println!("{found} of 2000 found in {size}-byte filter of {entries}");
        assert_eq!(pair.host_delete(&[]), -95);
        assert_eq!(pair.ours.host_lookup(0, &[], 0), Err(Errno::OPNOTSUPP));
    }
}
