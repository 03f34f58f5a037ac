//! Workloads of the programs that read far into packets, and of those that are about their code.

use super::balancers::stranger;
use super::packets::{ethernet, ipv4, ipv6, timeline, Flow, ACK, SYN, TCP, UDP};
use super::{le, Maps, Workload};
use beeline_testbench::traffic::{encode_name, Ipv4, Mix, Rng};

/// Names with an answer.
const NAMES: [&str; 5] = [
    "example.com",
    "www.example.com",
    "a.b.c.d.e",
    "mail.example.net",
    "long-label-of-some-length.test",
];

pub fn dns_cache() -> Workload {
    let mut maps = Maps::default();
    for (i, name) in NAMES.iter().enumerate() {
        let mut wire = encode_name(name);
        wire.resize(64, 0);
        for kind in [1u16, 28].into_iter().take(1 + i % 2) {
            let address: Vec<u8> = (0..16).map(|b| b + i as u8 * 16).collect();
            let ttl = le(300 + i as u32);
            maps.put("records", &[&wire, &kind.to_le_bytes(), &[0, 0]], &[&address, &ttl, &[0; 4]]);
        }
    }
    maps.with(timeline(71, 500, |rng, _| {
        let name = match rng.below(8) {
            0 => "unknown.example.com".to_owned(),
            1 => "x".repeat(70) + "." + &"y".repeat(60),
            2 => rng.pick(&NAMES).to_uppercase(),
            _ => (*rng.pick(&NAMES)).to_owned(),
        };
        let flags = *rng.pick(&[0x0100, 0x0100, 0x0100, 0x0000, 0x8180]);
        let mut packet = ipv4([10, 20, 0, 2], [10, 20, 1, 1]).udp(rng.next_u16(), 53).dns(
            rng.next_u16(),
            flags,
            &name,
        );
        if rng.percent(10) {
            packet = packet.payload(&[0; 11]);
        }
        let mut packet = packet.build();
        let end = packet.len();
        if rng.percent(40) {
            packet[end - 3] = *rng.pick(&[28, 28, 28, 15]);
        }
        if rng.percent(5) {
            packet[54] = 0xc0;
        }
        packet
    }))
}

pub fn payload_csum() -> Workload {
    Maps::default().with(timeline(72, 250, |rng, _| {
        let mut packet = Flow::draw(rng).packet(ACK);
        if rng.percent(50) {
            let length = rng.between(54, 1514);
            packet = packet.fill_to(length);
        }
        let mut packet = packet.build();
        if rng.percent(20) {
            let at = rng.between(34, packet.len() - 1);
            packet[at] ^= 1 << rng.below(8);
        }
        match rng.below(20) {
            0 | 1 => packet.truncate(packet.len() - 1),
            2 if packet[23] == UDP => packet[40..42].fill(0),
            // More than the loop covers, and less than the header.
            3 => packet.resize(3000, 1),
            4 => packet[16..18].copy_from_slice(&2900u16.to_be_bytes()),
            5 => packet[16..18].copy_from_slice(&19u16.to_be_bytes()),
            6 if packet[23] == UDP => packet.truncate(38),
            _ => {}
        }
        packet
    }))
}

pub fn ipv6_ext() -> Workload {
    let mut maps = Maps::default();
    for (protocol, port) in [(6, 80), (17, 53), (58, 1)] {
        maps.at("allowed", protocol, &[&le(port)]);
    }
    let mix = Mix::default();
    maps.with(timeline(73, 500, |rng, _| {
        let last = *rng.pick(&[6, 17, 58, 59, 50, 99]);
        let kinds: Vec<u8> = (0..rng.below(5).max(rng.below(10)))
            .map(|i| match i {
                0 if rng.percent(60) => 0,
                _ => *rng.pick(&[60, 43, 44, 51, 60, 43, 0]),
            })
            .collect();
        let mut payload = Vec::new();
        for (i, kind) in kinds.iter().enumerate() {
            payload.extend(extension(rng, *kind, *kinds.get(i + 1).unwrap_or(&last)));
        }
        let ports = [33000u16.to_be_bytes(), rng.pick(&[80u16, 53]).to_be_bytes()].concat();
        payload.extend(ports);
        payload.extend(rng.bytes(16));
        if rng.percent(10) {
            let length = rng.below(payload.len());
            payload.truncate(length);
        }
        let (a, b) = (*rng.pick(&mix.ipv6), *rng.pick(&mix.ipv6));
        ipv6(a, b).protocol(*kinds.first().unwrap_or(&last)).payload(&payload).build()
    }))
}

/// An extension header of `kind` in front of `next`.
fn extension(rng: &mut Rng, kind: u8, next: u8) -> Vec<u8> {
    let units = rng.below(3) as u8;
    let mut header = match kind {
        44 => {
            let offset = if rng.percent(20) { rng.next_u16() & 0xfff8 } else { 0 };
            let [a, b] = (offset | 1).to_be_bytes();
            return vec![next, 0, a, b, 0, 0, 0, 7];
        }
        51 => vec![0; (units as usize + 2) * 4],
        _ => vec![0; (units as usize + 1) * 8],
    };
    header[0] = next;
    header[1] = units;
    header[2] = if kind == 43 { *rng.pick(&[4, 4, 4, 0]) } else { 1 };
    header
}

pub fn tcp_options() -> Workload {
    Maps::default().with(timeline(74, 500, |rng, _| {
        let mut options = Vec::new();
        while options.len() < 36 && !rng.percent(15) {
            match rng.below(8) {
                0 | 1 => options.extend([2, 4, rng.below(8) as u8, rng.next_u8()]),
                2 => options.extend([3, 3, 7]),
                3 => options.extend([4, 2]),
                4 => options.extend([[8, 10].as_slice(), &rng.bytes(8)].concat()),
                5 => options.extend([*rng.pick(&[5, 30]), *rng.pick(&[0, 1, 2, 10, 41])]),
                6 if rng.percent(20) => options.push(0),
                _ => options.push(1),
            }
        }
        let flags = *rng.pick(&[SYN, SYN, SYN | ACK, ACK]);
        let mut packet =
            ipv4([10, 20, 1, 1], [10, 20, 0, 2]).tcp(33000, 80, flags, &options).pad_to(60).build();
        if rng.percent(5) {
            packet[46] = rng.next_u8();
        }
        packet
    }))
}

/// The rolling hash of `loop_scan.c` over the last eight bytes.
fn rolling(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |h: u32, b| (h << 4).wrapping_add(u32::from(*b)))
}

pub fn loop_scan() -> Workload {
    let mut maps = Maps::default();
    for (word, action) in
        [(b"/bin/sh;", 1), (b"\x90\x90\x90\x90\x90\x90\x90\x90", 1), (b"OPTIONS ", 2)]
    {
        maps.put("signatures", &[&le(rolling(word))], &[&le(action)]);
    }
    maps.with(timeline(75, 250, |rng, _| {
        let before = *rng.pick(&[0, 3, 20, 90, 600, 1300]);
        let mut payload = rng.bytes(before);
        if rng.percent(70) {
            payload.extend(*rng.pick(&[
                b"/bin/sh;",
                b"\x90\x90\x90\x90\x90\x90\x90\x90",
                b"OPTIONS ",
                b"harmless",
            ]));
        }
        payload.extend(rng.bytes(before / 20));
        Flow::draw(rng).packet(ACK).payload(&payload).build()
    }))
}

/// FNV-1a 64, as `http_match.c` takes it of a host name.
fn fnv(bytes: &[u8]) -> u64 {
    beeline_sim::outcome::fnv1a_64(bytes)
}

pub fn http_match() -> Workload {
    let mut maps = Maps::default();
    for (host, action) in [("bad.example", 1), ("odd.example:8080", 3), ("worse.example", 0)] {
        maps.put("forbidden", &[&fnv(host.as_bytes()).to_le_bytes()], &[&le(action)]);
    }
    maps.with(timeline(76, 300, |rng, _| {
        let host = *rng.pick(&[
            "bad.example",
            "odd.example:8080",
            "worse.example",
            "good.example",
            "HOST",
        ]);
        let name = *rng.pick(&["Host: ", "host:", "HOST:  ", "Hos: ", "\r\nHost: "]);
        let filler = "X-Filler: ".to_owned() + &"z".repeat(rng.below(120)) + "\r\n";
        let text = format!("GET /index HTTP/1.1\r\n{filler}{name}{host}\r\nAccept: */*\r\n\r\n");
        let options = vec![1; *rng.pick(&[0, 0, 12])];
        let port = *rng.pick(&[80, 80, 80, 8080]);
        ipv4([10, 20, 1, 1], [10, 20, 0, 2])
            .tcp(33000, port, ACK, &options)
            .payload(text.as_bytes())
            .build()
    }))
}

pub fn frags_bytes() -> Workload {
    Maps::default().with(timeline(77, 300, |rng, _| {
        let ip = Ipv4 {
            id: rng.next_u16(),
            ttl: *rng.pick(&[64, 2, 1]),
            ..Ipv4::new([10, 20, 1, 1].into(), [10, 20, 0, 2].into())
        };
        let length = *rng.pick(&[60, 70, 200, 500, 1514]);
        let mut packet = ethernet().ipv4(ip).udp(1, 2).fill_to(length).build();
        if rng.percent(50) {
            let end = packet.len();
            packet[end - 8..end - 4].copy_from_slice(&0xbee1_beefu32.to_be_bytes());
        }
        packet
    }))
}

pub fn globals() -> Workload {
    Maps::default().with(timeline(78, 400, |rng, _| Flow::draw(rng).any(rng)))
}

pub fn subprograms() -> Workload {
    Maps::default().with(timeline(79, 400, |rng, _| Flow::draw(rng).any(rng)))
}

pub fn core_types() -> Workload {
    Maps::default().with(timeline(80, 60, |rng, _| stranger(rng)))
}

/// Ports that `switchboard.c` tells apart.
const PORTS: [u16; 42] = [
    7, 9, 19, 20, 21, 22, 23, 25, 53, 67, 68, 69, 80, 110, 111, 123, 135, 137, 139, 143, 161, 162,
    179, 389, 443, 445, 514, 520, 853, 1194, 1900, 3306, 3389, 4789, 5060, 5061, 5353, 6081, 8080,
    11211, 27015, 40000,
];

pub fn switchboard() -> Workload {
    Maps::default().with(timeline(81, 900, |rng, _| match rng.below(8) {
        0 => {
            let kind = *rng.pick(&[
                0x8035, 0x88a8, 0x8847, 0x8863, 0x8864, 0x9000, 0x88cc, 5, 1500, 1501, 0x8100,
            ]);
            ethernet().ethertype(kind).fill_to(60).build()
        }
        1 => {
            let protocol = *rng.pick(&[1, 2, 4, 41, 47, 50, 51, 89, 132, 200]);
            ipv4([10, 20, 1, 1], [10, 20, 0, 2]).protocol(protocol).fill_to(80).build()
        }
        _ => {
            let port = if rng.percent(80) { *rng.pick(&PORTS) } else { rng.next_u16() };
            let protocol = *rng.pick(&[TCP, UDP]);
            Flow { ports: [33000, port], protocol, ..Flow::draw(rng) }.any(rng)
        }
    }))
}

pub fn big_unrolled() -> Workload {
    let flows = Flow::many(7, 60);
    let mut maps = Maps::default();
    for n in 0..4u32 {
        maps.put("known", &[&le(n), &le(n)], &[&le(1)]);
    }
    maps.with(timeline(82, 500, |rng, _| {
        let length = *rng.pick(&[60, 100, 256, 300]);
        rng.pick(&flows).packet(SYN).fill_to(length).build()
    }))
}
