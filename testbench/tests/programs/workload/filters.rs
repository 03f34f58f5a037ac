//! Workloads of the programs that let packets through or drop them.

use super::packets::{ethernet, ipv4, timeline, Flow, ACK, FIN, FLAGS, SYN, TCP, UDP};
use super::{addresses, le, mac, Maps, Workload};
use beeline_testbench::traffic::{Ipv4, Mix, Rng};

pub fn fw_5tuple() -> Workload {
    let flows = Flow::many(1, 48);
    let mut maps = Maps::default();
    for (i, flow) in flows.iter().enumerate() {
        let mut ports = flow.wire_ports();
        if i % 5 == 4 {
            ports[..2].fill(0);
        }
        let key: [&[u8]; 4] =
            [&flow.source.octets(), &flow.dest.octets(), &ports, &[flow.protocol, 0, 0, 0]];
        let action = [1, 2, 3, 0, 4, 9][i % 6];
        maps.put("rules", &key, &[&le(action), &le(i as u32 * 3)]);
    }
    maps.with(timeline(11, 400, |rng, _| {
        let flow = match rng.below(3) {
            0 => Flow::draw(rng),
            _ => *rng.pick(&flows),
        };
        if rng.percent(70) {
            return flow.any(rng);
        }
        let ip = Ipv4 {
            options: Mix::ipv4_options(rng),
            fragment: *rng.pick(&[0, 0x2000, 0x2010, 0x00b9]),
            ..Ipv4::new(flow.source, flow.dest)
        };
        let packet = ethernet().ipv4(ip);
        match flow.protocol {
            TCP => packet.tcp(flow.ports[0], flow.ports[1], *rng.pick(&FLAGS), &[]),
            _ => packet.udp(flow.ports[0], flow.ports[1]),
        }
        .build()
    }))
}

pub fn blocklist_lpm() -> Workload {
    let mut maps = Maps::default();
    for (length, address, list) in [
        (24, [10, 20, 1, 0], 1),
        (32, [10, 20, 0, 4], 2),
        (16, [10, 20, 0, 0], 3),
        (31, [10, 20, 1, 2], 20),
        (5, [192, 0, 0, 0], 4),
    ] {
        maps.put("blocked4", &[&le(length), &address], &[&le(list)]);
    }
    let prefix6 = |tail: [u8; 2]| {
        let mut address = [0; 16];
        address[..4].copy_from_slice(&[0xfd, 0, 0x0b, 0xee]);
        address[5] = tail[0];
        address[15] = tail[1];
        address
    };
    maps.put("blocked6", &[&le(48), &prefix6([1, 0])], &[&le(5)]);
    maps.put("blocked6", &[&le(128), &prefix6([0, 2])], &[&le(6)]);
    maps.put("blocked6", &[&le(127), &prefix6([1, 4])], &[&le(7)]);
    maps.at("monitor_only", 3, &[&[1]]);
    maps.at("monitor_only", 7, &[&[1]]);
    let mix = Mix::default();
    maps.with(timeline(12, 400, |rng, _| mix.packet(rng)))
}

pub fn legacy_acl() -> Workload {
    let mut maps = Maps::default();
    for (i, action) in [1, 2, 3, 0, 2].into_iter().enumerate() {
        maps.put("macs", &[&mac(i as u8 + 1)], &[&le(action)]);
    }
    maps.at("udp_ports", 53, &[&le(1)]);
    maps.at("udp_ports", 4789, &[&le(7)]);
    let mix = Mix::default();
    maps.with(timeline(13, 400, |rng, _| {
        let flow = Flow { protocol: UDP, ..Flow::draw(rng) };
        match rng.below(3) {
            0 => mix.packet(rng),
            _ => flow.on(mix.untagged(rng), 0).fill_to(Mix::length(rng)).build(),
        }
    }))
}

pub fn iproute_elf_map() -> Workload {
    let mut maps = Maps::default();
    for (length, address, action) in
        [(32, [10, 20, 1, 1], 1), (32, [10, 20, 0, 2], 3), (30, [10, 20, 0, 4], 9)]
    {
        maps.put("banned", &[&le(length), &address], &[&[action]]);
    }
    let mix = Mix::default();
    maps.with(timeline(14, 400, |rng, _| match rng.below(4) {
        0 => ethernet().ethertype(0x88e5).fill_to(14 + rng.below(90)).build(),
        _ => mix.packet(rng),
    }))
}

const REFLECTORS: [u16; 6] = [53, 123, 1900, 11211, 19, 389];

pub fn amp_filter() -> Workload {
    let mut maps = Maps::default();
    for (port, largest, check, enabled) in [
        (53, 512, 1, 1),
        (123, 468, 2, 1),
        (1900, 1200, 4, 1),
        (11211, 1400, 3, 1),
        (19, 0, 0, 1),
        (389, 100, 0, 0),
    ] {
        let largest = u16::to_le_bytes(largest);
        maps.at("services", port, &[&largest, &[check, enabled]]);
    }
    maps.with(timeline(15, 500, |rng, _| {
        let port = *rng.pick(&REFLECTORS);
        let ip = Ipv4 {
            fragment: if rng.percent(5) { 100 } else { 0 },
            options: if rng.percent(10) { vec![1; 8] } else { vec![] },
            ..Ipv4::new([192, 0, 2, rng.next_u8()].into(), [10, 20, 0, 2].into())
        };
        let payload = reflected(rng, port);
        ethernet().ipv4(ip).udp(port, 33000).payload(&payload).pad_to(60).build()
    }))
}

/// An answer of the service at `port`.
fn reflected(rng: &mut Rng, port: u16) -> Vec<u8> {
    let mut payload = match port {
        53 => {
            let flags = *rng.pick(&[0x81, 0x81, 0x01]);
            let small = |rng: &mut Rng| *rng.pick(&[0, 1, 2, 12, 30]);
            let (a, b, c) = (small(rng), small(rng), small(rng));
            vec![1, 2, flags, 0x80, 0, rng.below(2) as u8, 0, a, 0, b, 0, c]
        }
        123 => vec![*rng.pick(&[0x24, 0x17, 0x16, 0x1c]), 0, 3, *rng.pick(&[42, 0, 20])],
        1900 => (*rng.pick(&[b"HTTP/1.1 200", b"NOTIFY * HTT"])).to_vec(),
        11211 => vec![0, 1, 0, 0, rng.below(2) as u8, *rng.pick(&[1, 2, 0]), 0, 0],
        _ => b"abcdefgh".to_vec(),
    };
    let more = *rng.pick(&[0, 10, 50, 300, 500, 1300]);
    payload.extend(rng.bytes(more));
    if rng.percent(5) {
        payload.truncate(3);
    }
    payload
}

pub fn syn_proxy() -> Workload {
    let flows: Vec<Flow> =
        Flow::many(2, 24).into_iter().map(|f| Flow { protocol: TCP, ..f }).collect();
    let mut maps = Maps::default();
    for flow in &flows[..4] {
        let port = flow.ports[0].to_be_bytes();
        maps.put("verified", &[&flow.source.octets(), &port, &[0, 0]], &[&[0; 8]]);
    }
    maps.with(timeline(16, 500, |rng, now| {
        let flow = rng.pick(&flows);
        match rng.below(10) {
            0..=3 => flow.packet(SYN).fill_to(Mix::length(rng)).pad_to(60).build(),
            4 => flow.packet(*rng.pick(&[ACK, FIN | ACK, 4])).pad_to(60).build(),
            n => {
                let age = if n == 9 { 3 } else { rng.below(2) as u64 };
                let mut packet = flow.packet(ACK).pad_to(60).build();
                let echoed = cookie(flow, (now >> 20).wrapping_sub(age)).wrapping_add(1);
                packet[42..46].copy_from_slice(&echoed.to_be_bytes());
                packet
            }
        }
    }))
}

/// The sequence number with which `syn_proxy.c` answers in the time slot `slot`: SipHash-2-4 of flow and slot.
fn cookie(flow: &Flow, slot: u64) -> u32 {
    let word = |b: [u8; 4]| u64::from(u32::from_le_bytes(b));
    let half = |n: u16| u64::from(n.to_be());
    let addresses = word(flow.source.octets()) << 32 | word(flow.dest.octets());
    let ports = half(flow.ports[0]) << 48 | half(flow.ports[1]) << 32 | (slot & 0xffff_ffff);
    let secret = [0x0706_0504_0302_0100u64, 0x0f0e_0d0c_0b0a_0908];
    let mut v = [
        secret[0] ^ 0x736f_6d65_7073_6575,
        secret[1] ^ 0x646f_7261_6e64_6f6d,
        secret[0] ^ 0x6c79_6765_6e65_7261,
        secret[1] ^ 0x7465_6462_7974_6573,
    ];
    for block in [addresses, ports, 16 << 56] {
        v[3] ^= block;
        sip_round(&mut v);
        sip_round(&mut v);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    for _ in 0..4 {
        sip_round(&mut v);
    }
    let hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    (hash ^ hash >> 32) as u32
}

fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

/// A plain packet between two hosts of the site.
pub fn plain(rng: &mut Rng) -> Vec<u8> {
    let hosts = addresses();
    let (source, dest) = (*rng.pick(&hosts), *rng.pick(&hosts));
    ipv4(source, dest).udp(33000, *rng.pick(&[22, 53, 80])).fill_to(Mix::length(rng)).build()
}
