//! Workloads of programs on VLAN tags, MPLS labels, tenants, metadata, and of those that call on.

use super::filters::plain;
use super::packets::{ethernet, inner, ipv4, ipv6, timeline, Flow};
use super::{entry_of, le, mac, Maps, Workload};
use beeline_testbench::traffic::{Ipv4, Mix, Rng};

pub fn vlan_qinq() -> Workload {
    let mut maps = Maps::default();
    for (outer, tags, operation, vid) in [
        (0u16, 0u16, 1u16, 77u16),
        (1, 1, 2, 0),
        (10, 1, 3, 999),
        (20, 1, 1, 4094),
        (100, 1, 0, 0),
        (4094, 1, 9, 0),
        (1, 2, 4, 0),
        (10, 2, 2, 0),
        (20, 2, 3, 5),
        (100, 2, 1, 6),
    ] {
        let key: [&[u8]; 2] = [&outer.to_le_bytes(), &tags.to_le_bytes()];
        maps.put("vlan_rules", &key, &[&operation.to_le_bytes(), &vid.to_le_bytes(), &le(0)]);
    }
    maps.at("priorities", 3, &[&[5]]);
    maps.at("priorities", 0, &[&[2]]);
    maps.at("priorities", 7, &[&[9]]);
    let mix = Mix::default();
    maps.with(timeline(61, 400, |rng, _| mix.packet(rng)))
}

/// Labels 100 to 105, each with one operation.
const LABELS: [(u32, u32); 6] = [(100, 1), (101, 2), (102, 2), (103, 5), (104, 3), (105, 1)];

pub fn mpls_switch() -> Workload {
    let mut maps = Maps::default();
    let hop = |operation: u32, n: u8| {
        [
            &le(operation)[..],
            &le(2000 + u32::from(n)),
            &le(3000 + u32::from(n)),
            &mac(n),
            &mac(0x90),
        ]
        .concat()
    };
    for (n, (label, operation)) in LABELS.into_iter().enumerate() {
        maps.put("labels", &[&le(label)], &[&hop(operation, n as u8)]);
    }
    maps.put("ingress", &[&le(24), &[10, 20, 1, 0]], &[&hop(3, 20)]);
    maps.put("ingress", &[&le(32), &[10, 20, 0, 2]], &[&hop(4, 21)]);
    let mix = Mix::default();
    maps.with(timeline(62, 500, |rng, _| {
        if rng.percent(30) {
            return plain(rng);
        }
        let mut stack = Vec::new();
        let depth = rng.between(1, 4);
        for n in 1..=depth {
            let label = 100 + rng.below(7) as u32;
            let ttl = *rng.pick(&[64, 64, 255, 2, 1, 63]);
            let bottom = if n == depth { 0x100 } else { 0 };
            let class = u32::from(rng.next_u8() & 7) << 9;
            stack.extend((label << 12 | class | bottom | ttl).to_be_bytes());
        }
        let carried = match rng.below(5) {
            0 => ipv6(mix.ipv6[0], mix.ipv6[1]).udp(1, 2).pad_to(70).build(),
            1 => rng.bytes(60),
            _ => plain(rng),
        };
        ethernet().ethertype(0x8847).payload(&stack).payload(inner(&carried)).build()
    }))
}

pub fn meta_mark() -> Workload {
    let mut maps = Maps::default();
    for (dscp, class) in [(0, 3), (1, 7), (2, 6), (3, 1), (5, 7)] {
        maps.at("classes", dscp, &[&le(class)]);
    }
    let mix = Mix::default();
    maps.with(timeline(63, 400, |rng, _| {
        if rng.percent(40) {
            return mix.packet(rng);
        }
        let mut ip = mix.ipv4_header(rng);
        ip.tos = rng.below(7 * 4) as u8;
        mix.untagged(rng).ipv4(ip).udp(1, 2).fill_to(Mix::length(rng)).build()
    }))
}

pub fn tenants() -> Workload {
    let mut maps = Maps::default();
    let policy = |address: [u8; 4], port: u16, protocol: u16, action: u32| {
        entry_of(&[&address, &port.to_be_bytes(), &protocol.to_le_bytes()], &[&le(action)])
    };
    for (map, hosts, action) in [("policy_a", [1, 3], 2), ("policy_b", [2, 4], 1)] {
        for host in hosts {
            maps.add(map, policy([10, 20, host % 2, host], 80, 6, action));
            maps.add(map, policy([10, 20, host % 2, host], 53, 17, 3));
        }
    }
    maps.inner("policies", &1u16.to_le_bytes(), "policy_a");
    maps.inner("policies", &10u16.to_le_bytes(), "policy_b");
    let own = (1..9).map(|n| policy([10, 20, n % 2, n], 443, 6, 2)).collect();
    maps.inner_new("policies", &20u16.to_le_bytes(), own);
    maps.with(timeline(64, 500, |rng, _| {
        let vlan = *rng.pick(&[1, 10, 10, 20, 100, 200]);
        Flow::draw(rng).on(ethernet().vlan(vlan), 2).fill_to(Mix::length(rng)).build()
    }))
}

pub fn tail_parser() -> Workload {
    let mix = Mix::default();
    Maps::default().with(timeline(65, 500, |rng, _| mix.packet(rng)))
}

pub fn tail_chain() -> Workload {
    let mut maps = Maps::default();
    maps.program("chain", 1, "feature_ethertype");
    maps.program("chain", 2, "feature_ttl");
    maps.program("chain", 3, "feature_spin");
    let mix = Mix::default();
    maps.with(timeline(66, 400, |rng, _| match rng.below(4) {
        0 => mix.packet(rng),
        1 => ethernet().ethertype(rng.next_u16() & 0x7ff).fill_to(60).build(),
        _ => with_slot(rng),
    }))
}

/// A packet whose type of service names the next slot of the chain.
fn with_slot(rng: &mut Rng) -> Vec<u8> {
    let tos = *rng.pick(&[0, 1, 2, 3, 4, 7, 8, 200]);
    let ttl = *rng.pick(&[64, 10, 2, 1]);
    let ip = Ipv4 { tos, ttl, ..Ipv4::new([10, 20, 1, 1].into(), [10, 20, 0, 2].into()) };
    match rng.below(8) {
        0 => ipv4([10, 20, 1, 1], [10, 20, 0, 2]).icmp(8, 0, 1, 2),
        _ => ethernet().ipv4(ip).udp(1, 2),
    }
    .pad_to(60)
    .build()
}
