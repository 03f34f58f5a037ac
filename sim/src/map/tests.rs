//! Tests of the map model: return codes, replacement, dumps.

use super::*;

fn def(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: "m".into(),
        kind,
        key_size,
        value_size,
        max_entries,
        flags: if kind == MapKind::LpmTrie { flags::create::NO_PREALLOC } else { 0 },
        initial: None,
        frozen: false,
        inner: None,
        ..MapDef::default()
    }
}

fn one(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapSet {
    MapSet::new(&[def(kind, key_size, value_size, max_entries)]).unwrap()
}

fn key(n: u32) -> [u8; 4] {
    n.to_le_bytes()
}

#[test]
fn array_codes_are_the_kernels() {
    let mut m = one(MapKind::Array, 4, 8, 10);
    assert_eq!(m.update(0, &key(9), &[1; 8], flags::EXIST), Ok(()));
    assert_eq!(m.update(0, &key(10), &[1; 8], flags::NOEXIST), Err(Errno::TOOBIG));
    assert_eq!(m.update(0, &key(9), &[1; 8], flags::NOEXIST), Err(Errno::EXIST));
    assert_eq!(m.update(0, &key(10), &[1; 8], 3), Err(Errno::INVAL));
    assert_eq!(m.update(0, &key(0), &[1; 7], 0), Err(Errno::INVAL));
    assert_eq!(m.delete(0, &key(9)), Err(Errno::INVAL));
    assert_eq!((m.lookup(0, &key(9)), m.lookup(0, &key(10))), (Some(9), None));
    assert_eq!(m.dump(0), [(key(9).to_vec(), vec![1; 8])]);
}

#[test]
fn huge_arrays_cost_nothing_until_written() {
    let mut m = one(MapKind::Array, 4, 1024, u32::MAX);
    m.update(0, &key(u32::MAX - 1), &[7; 1024], 0).unwrap();
    assert_eq!(m.get(0, &key(12)), Some(&[0; 1024][..]));
    assert_eq!(m.dump(0), [(key(u32::MAX - 1).to_vec(), vec![7; 1024])]);
}

#[test]
fn hash_codes_are_the_kernels() {
    let mut m = one(MapKind::Hash, 4, 4, 2);
    assert_eq!(m.update(0, &key(1), &key(1), flags::EXIST), Err(Errno::NOENT));
    assert_eq!(m.update(0, &key(1), &key(1), flags::NOEXIST), Ok(()));
    assert_eq!(m.update(0, &key(1), &key(1), flags::NOEXIST), Err(Errno::EXIST));
    assert_eq!(m.update(0, &key(2), &key(2), flags::ANY), Ok(()));
    assert_eq!(m.update(0, &key(3), &key(3), flags::ANY), Err(Errno::TOOBIG));
    assert_eq!(m.update(0, &key(2), &key(4), flags::EXIST), Ok(()));
    assert_eq!(m.delete(0, &key(3)), Err(Errno::NOENT));
    assert_eq!(m.delete(0, &key(1)), Ok(()));
    assert_eq!(m.dump(0), [(key(2).to_vec(), key(4).to_vec())]);
}

#[test]
fn an_old_pointer_into_a_hash_sees_the_old_value_after_an_update() {
    for (kind, after) in [(MapKind::Hash, 1), (MapKind::PercpuHash, 2)] {
        let mut m = one(kind, 4, 4, 1);
        m.update(0, &key(9), &key(1), 0).unwrap();
        let slot = m.lookup(0, &key(9)).unwrap();
        m.update(0, &key(9), &key(2), 0).unwrap();
        assert_eq!(m.value(0, slot), key(after), "{kind}");
        assert_eq!(m.get(0, &key(9)), Some(&key(2)[..]));
    }
}

#[test]
fn the_key_table_agrees_with_a_tree_over_many_insertions_and_deletions() {
    let mut m = one(MapKind::Hash, 5, 4, 300);
    let mut model = std::collections::BTreeMap::new();
    let mut x = 1u32;
    for step in 0..20_000u32 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let k = [0, (x >> 24) as u8, 3, (x >> 17) as u8 & 3, 0];
        if x >> 8 & 1 == 0 {
            assert_eq!(m.delete(0, &k).is_ok(), model.remove(&k[..]).is_some());
        } else {
            let fits = model.contains_key(&k[..]) || model.len() < 300;
            assert_eq!(m.update(0, &k, &key(step), 0).is_ok(), fits);
            if fits {
                model.insert(k.to_vec(), key(step).to_vec());
            }
        }
    }
    assert_eq!(m.dump(0), model.into_iter().collect::<Vec<_>>());
}

#[test]
fn lru_evicts_what_was_used_longest_ago() {
    let mut m = one(MapKind::LruHash, 4, 4, 3);
    for n in 1..=3 {
        m.update(0, &key(n), &key(n), 0).unwrap();
    }
    assert!(m.lookup(0, &key(1)).is_some() && m.get(0, &key(2)).is_some());
    m.update(0, &key(4), &key(4), 0).unwrap();
    m.update(0, &key(3), &key(5), 0).unwrap();
    m.update(0, &key(6), &key(6), 0).unwrap();
    let keys: Vec<_> = m.dump(0).into_iter().map(|(k, _)| k[0]).collect();
    assert_eq!(keys, [3, 4, 6]);
}

#[test]
fn lpm_finds_the_longest_prefix_not_longer_than_asked() {
    let mut m = one(MapKind::LpmTrie, 8, 4, 4);
    let k = |len: u32, addr: [u8; 4]| [len.to_le_bytes(), addr].concat();
    m.update(0, &k(0, [9, 9, 9, 9]), &key(0), 0).unwrap();
    m.update(0, &k(8, [10, 0, 0, 0]), &key(8), 0).unwrap();
    m.update(0, &k(23, [10, 1, 2, 0]), &key(23), 0).unwrap();
    assert_eq!(m.update(0, &k(33, [0; 4]), &key(1), 0), Err(Errno::INVAL));
    assert_eq!(m.update(0, &k(23, [10, 1, 3, 9]), &key(1), flags::NOEXIST), Err(Errno::EXIST));
    assert_eq!(m.update(0, &k(24, [10, 1, 3, 9]), &key(1), flags::EXIST), Err(Errno::NOENT));
    let found = |m: &MapSet, len, addr| m.get(0, &k(len, addr)).map(|v| v[0]);
    assert_eq!(found(&m, 32, [10, 1, 3, 255]), Some(23));
    assert_eq!(found(&m, 22, [10, 1, 3, 255]), Some(8));
    assert_eq!(found(&m, 32, [10, 1, 4, 0]), Some(8));
    assert_eq!(found(&m, 32, [11, 0, 0, 1]), Some(0));
    assert_eq!(found(&m, 33, [10, 0, 0, 0]), None);
    m.update(0, &k(32, [1; 4]), &key(1), 0).unwrap();
    assert_eq!(m.update(0, &k(31, [1; 4]), &key(1), 0), Err(Errno::NOSPC));
    assert_eq!(m.delete(0, &k(0, [3; 4])), Ok(()));
    assert_eq!(m.delete(0, &k(0, [3; 4])), Err(Errno::NOENT));
    assert_eq!(found(&m, 32, [11, 0, 0, 1]), None);
    assert_eq!(m.dump(0)[0].0, k(8, [10, 0, 0, 0]));
}

#[test]
fn redirect_maps_hold_what_was_put_there() {
    let mut m = one(MapKind::Devmap, 4, 4, 100);
    assert_eq!(m.lookup(0, &key(70)), None);
    m.update(0, &key(70), &key(3), 0).unwrap();
    assert_eq!(m.update(0, &key(100), &key(3), 0), Err(Errno::TOOBIG));
    assert_eq!((m.lookup(0, &key(70)), m.lookup(0, &key(71))), (Some(70), None));
    assert_eq!(m.dump(0), [(key(70).to_vec(), key(3).to_vec())]);
    m.update(0, &key(70), &key(0), 0).unwrap();
    assert_eq!(
        (m.lookup(0, &key(70)), m.delete(0, &key(70)), m.delete(0, &key(100))),
        (None, Ok(()), Err(Errno::INVAL))
    );
    let mut h = one(MapKind::DevmapHash, 4, 4, 2);
    assert_eq!(h.update(0, &key(7_000_000), &key(0), 0), Err(Errno::INVAL));
    assert_eq!(h.update(0, &key(7_000_000), &key(2), 0), Ok(()));
    assert!(h.lookup(0, &key(7_000_000)).is_some());
}

#[test]
fn queues_and_stacks_hand_out_what_was_put_in() {
    for (kind, order) in [(MapKind::Queue, [2, 3]), (MapKind::Stack, [3, 2])] {
        let mut m = one(kind, 0, 4, 2);
        let mut out = [9; 4];
        assert_eq!((m.peek_elem(0, &mut out), out), (Err(Errno::NOENT), [0; 4]));
        assert_eq!(m.push_elem(0, &key(1), flags::NOEXIST), Err(Errno::INVAL));
        m.push_elem(0, &key(1), 0).unwrap();
        m.push_elem(0, &key(2), 0).unwrap();
        assert_eq!(m.push_elem(0, &key(3), 0), Err(Errno::TOOBIG));
        m.push_elem(0, &key(3), flags::EXIST).unwrap();
        assert_eq!(m.dump(0), order.map(|n| (vec![], key(n).to_vec())));
        for n in order {
            assert_eq!((m.peek_elem(0, &mut out), out), (Ok(()), key(n)));
            assert_eq!((m.pop_elem(0, &mut out), out), (Ok(()), key(n)));
        }
        assert_eq!(m.pop_elem(0, &mut out), Err(Errno::NOENT));
    }
}

#[test]
fn ring_records_come_in_the_order_of_reservation() {
    let mut m = one(MapKind::Ringbuf, 0, 0, 4096);
    m.start_packet();
    let first = m.ring_reserve(0, 10, 0).unwrap();
    let second = m.ring_reserve(0, 3, 0).unwrap();
    let third = m.ring_reserve(0, 5, 0).unwrap();
    m.values_mut(0).unwrap().slice_mut(first, 10).unwrap().fill(1);
    m.values_mut(0).unwrap().slice_mut(third, 5).unwrap().fill(3);
    m.ring_commit(0, third, false).unwrap();
    m.ring_commit(0, second, true).unwrap();
    m.ring_commit(0, first, false).unwrap();
    assert_eq!(m.ring_commit(0, first, false), Err(Errno::INVAL));
    let data: Vec<_> = m.take_events().into_iter().map(|e| e.data).collect();
    assert_eq!(data, [vec![1; 10], vec![3; 5]]);
    assert_eq!([0, 1, 2, 3, 4].map(|q| m.ring_query(0, q)), [56, 4096, 0, 56, 0]);
    m.start_packet();
    assert_eq!([0, 1, 2, 3, 4].map(|q| m.ring_query(0, q)), [0, 4096, 56, 56, 0]);
}

#[test]
fn a_ring_is_never_quite_full_and_a_record_may_wrap() {
    let mut m = one(MapKind::Ringbuf, 0, 0, 4096);
    assert_eq!(m.ring_reserve(0, 4096 - 8, 0), None);
    assert_eq!(m.ring_reserve(0, 8, 1), None);
    assert_eq!(m.ring_output(0, &[7; 4096 - 16], 0), Ok(()));
    assert_eq!(m.ring_output(0, &[8; 1], 0), Err(Errno::AGAIN));
    assert_eq!(m.ring_output(0, &[8; 1], 4), Err(Errno::INVAL));
    m.start_packet();
    let at = m.ring_reserve(0, 20, 0).unwrap();
    let before = m.values(0).unwrap().slice(at, 20).unwrap();
    assert_eq!(before[..8], (4080u64 | 3 << 32).to_le_bytes(), "the first record's header");
    assert_eq!(before[8..], [7; 12], "and its data");
    m.values_mut(0).unwrap().slice_mut(at, 20).unwrap().fill(9);
    m.ring_commit(0, at, false).unwrap();
    m.start_packet();
    m.ring_output(0, &[1; 4050], 0).unwrap();
    assert_eq!(m.take_events().len(), 1);
}

#[test]
fn perf_events_go_to_the_running_cpu_only() {
    let mut m = one(MapKind::PerfEventArray, 4, 4, 4);
    let send = |m: &mut MapSet, flags| m.perf_output(0, flags, 1, &[b"ab", b"c"]);
    assert_eq!(send(&mut m, flags::CURRENT_CPU), Ok(()));
    assert_eq!(send(&mut m, 1), Ok(()));
    assert_eq!(send(&mut m, 0), Err(Errno::OPNOTSUPP));
    assert_eq!(send(&mut m, 4), Err(Errno::TOOBIG));
    assert_eq!(send(&mut m, 1 << 52), Err(Errno::INVAL));
    assert_eq!(m.take_events(), vec![Event { map: 0, data: b"abc".to_vec() }; 2]);
    m.clear_perf_events(0);
    assert_eq!(send(&mut m, 1), Err(Errno::NOENT));
    m.host_update(0, &key(3), &key(1), 0).unwrap();
    assert_eq!(send(&mut m, 3), Ok(()));
}

#[test]
fn inner_maps_are_maps_of_the_set() {
    let template = def(MapKind::Array, 4, 8, 4);
    let mut outer = def(MapKind::HashOfMaps, 4, 4, 2);
    outer.inner = Some(Box::new(template.clone()));
    let mut m = MapSet::new(&[outer, def(MapKind::Array, 4, 8, 5)]).unwrap();
    assert_eq!(m.add(&template), Ok(2));
    assert_eq!(m.host_update(0, &key(7), &key(1), 0), Err(Errno::INVAL));
    assert_eq!(m.host_update(0, &key(7), &key(3), 0), Err(Errno::BADF));
    assert_eq!(m.host_update(0, &key(7), &key(2), 0), Ok(()));
    assert_eq!((m.inner(0, &key(7)), m.inner(0, &key(8))), (Some(2), None));
}

#[test]
fn global_data_starts_with_its_content_and_the_host_cannot_change_frozen_maps() {
    let mut d = def(MapKind::Array, 4, 6, 1);
    d.initial = Some(vec![1, 2, 3]);
    d.frozen = true;
    let mut m = MapSet::new(&[d]).unwrap();
    assert_eq!(m.value(0, 0), [1, 2, 3, 0, 0, 0]);
    assert_eq!(m.host_update(0, &key(0), &[0; 6], 0), Err(Errno::PERM));
}

#[test]
fn values_are_bounded() {
    let mut m = one(MapKind::Array, 4, 6, 3);
    let v = m.values_mut(0).unwrap();
    let at = v.address(1);
    assert!(v.get_mut::<4>(at + 2).is_some() && v.get_mut::<4>(at + 3).is_none());
    assert!(v.get::<1>(at + 6).is_none() && v.get::<8>(u64::MAX).is_none());
    assert!(v.poke(1, 4, 2, 0xffff_1234) && !v.poke(1, 5, 2, 1) && !v.poke(1, -1, 2, 1));
    assert_eq!(
        (v.peek(1, 4, 4), v.peek(1, -1, 8), v.peek(1, i64::MIN, 8)),
        (0x1234, 0x0012_3400_0000_0000, 0)
    );
}

#[test]
fn bad_shapes_are_refused() {
    assert!(MapSet::new(&[def(MapKind::Array, 8, 4, 1)]).is_err());
    assert!(MapSet::new(&[def(MapKind::Hash, 4, 4, 0)]).is_err());
    assert!(MapSet::new(&[def(MapKind::LpmTrie, 4, 4, 1)]).is_err());
    assert!(MapSet::new(&[def(MapKind::Devmap, 4, 2, 1)]).is_err());
    assert!(MapSet::new(&[def(MapKind::Hash, 4, u32::MAX, u32::MAX)]).is_err());
    assert!(MapSet::new(&[def(MapKind::Ringbuf, 0, 8, 4096)]).is_err());
    assert_eq!(one(MapKind::Ringbuf, 0, 0, 5000).max_entries(0), 8192);
}
