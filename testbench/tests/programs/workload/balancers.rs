//! Workloads of the balancers and address translators.

use super::packets::{ethernet, ipv4, ipv6, timeline, Flow, ACK, FLAGS, TCP, UDP};
use super::{addresses, le, mac, Maps, Workload};
use beeline_testbench::traffic::{Ipv4, Mix, Rng};
use std::net::Ipv6Addr;

pub fn lb_ipip() -> Workload {
    let mut maps = Maps::default();
    for (address, port, protocol, ring, flags) in [
        ([10, 20, 1, 1], 80u16, TCP, 0, 0),
        ([10, 20, 0, 2], 0, UDP, 1, 1),
        ([10, 20, 0, 2], 0, TCP, 0, 1),
        ([10, 20, 1, 3], 443, UDP, 2, 0),
    ] {
        let key: [&[u8]; 3] = [&address, &port.to_be_bytes(), &[protocol, 0]];
        maps.put("vips", &key, &[&le(ring), &le(flags)]);
    }
    for place in 0..2 * 257 {
        maps.at("rings", place, &[&le(1 + place * 7 % 5)]);
    }
    for server in [1, 2, 4, 5] {
        let weight = [server * 10, 0];
        maps.at("servers", u32::from(server), &[&[172, 16, 0, server], &mac(server), &weight]);
    }
    maps.with(timeline(21, 400, |rng, _| {
        let mut flow = Flow::draw(rng);
        if rng.percent(80) {
            let (vip, port) =
                *rng.pick(&[([10, 20, 1, 1], 80), ([10, 20, 0, 2], 53), ([10, 20, 1, 3], 443)]);
            (flow.dest, flow.ports[1]) = (vip.into(), port);
            flow.ports[0] = rng.next_u16();
        }
        flow.any(rng)
    }))
}

pub fn maglev_gue() -> Workload {
    let mut maps = Maps::default();
    for (port, protocol) in [(80u32, TCP), (443, UDP), (443, TCP)] {
        maps.put("services", &[&le(port << 8 | u32::from(protocol))], &[&[1]]);
    }
    for place in 0..1021u32 {
        maps.at("table", place, &[&[(place % 6) as u8, 0]]);
    }
    for backend in [0, 1, 2, 3, 5u8] {
        let drained = u8::from(backend == 2);
        let value: [&[u8]; 3] = [&[172, 16, 1, backend + 1], &mac(backend), &[drained, 0]];
        maps.at("backends", backend.into(), &value);
    }
    let mix = Mix::default();
    maps.with(timeline(22, 400, |rng, _| {
        let port = *rng.pick(&[80, 443, 443, 22]);
        let source = 33000 + rng.below(4) as u16;
        if rng.percent(60) {
            let flow = Flow { ports: [source, port], ..Flow::draw(rng) };
            return flow.any(rng);
        }
        let packet = ipv6(*rng.pick(&mix.ipv6), *rng.pick(&mix.ipv6));
        match rng.below(2) {
            0 => packet.udp(source, port),
            _ => packet.tcp(source, port, *rng.pick(&FLAGS), &[]),
        }
        .fill_to(Mix::length(rng))
        .build()
    }))
}

pub fn quic_lb() -> Workload {
    let mut maps = Maps::default();
    for server in 0..32u8 {
        let up = u8::from(server % 7 != 3);
        maps.at("servers", server.into(), &[&mac(server), &[up, 0]]);
    }
    for id in 0..40u16 {
        maps.put("server_ids", &[&(id * 5).to_le_bytes()], &[&le(u32::from(id) % 34)]);
    }
    let mix = Mix::default();
    maps.with(timeline(23, 400, |rng, _| {
        let packet = match rng.below(3) {
            0 => ipv6(*rng.pick(&mix.ipv6), *rng.pick(&mix.ipv6)),
            _ => {
                let options = if rng.percent(20) { vec![1; 4] } else { vec![] };
                let (source, dest) = (*rng.pick(&mix.ipv4), *rng.pick(&mix.ipv4));
                ethernet().ipv4(Ipv4 { options, ..Ipv4::new(source, dest) })
            }
        };
        let port = if rng.percent(90) { 443 } else { 444 };
        packet.udp(rng.next_u16(), port).payload(&quic(rng)).build()
    }))
}

/// The start of a QUIC packet, with a connection id of the balancer's format or another.
fn quic(rng: &mut Rng) -> Vec<u8> {
    let id = 5 * rng.below(60) as u16;
    let version = if rng.percent(85) { 0x40 } else { rng.next_u8() & 0xc0 };
    let mut cid = vec![version | (id >> 10) as u8, (id >> 2) as u8, (id << 6) as u8];
    cid.extend(rng.bytes(5));
    let mut packet = match rng.below(2) {
        0 => vec![0x40 | rng.next_u8() & 0x3f],
        _ => vec![0xc0 | rng.next_u8() & 0x3f, 0, 0, 0, 1, *rng.pick(&[8, 8, 8, 4, 20])],
    };
    packet.extend(cid);
    let more = rng.below(40);
    packet.extend(rng.bytes(more));
    if rng.percent(10) {
        packet.truncate(rng.below(12));
    }
    packet
}

const OUTSIDE: [u8; 4] = [198, 51, 100, 1];

pub fn snat() -> Workload {
    let flows = Flow::many(3, 30);
    let mut maps = Maps::default();
    for (i, flow) in flows.iter().enumerate().take(16) {
        let port = 2000 + i as u16;
        let key: [&[u8]; 4] = [
            &[203, 0, 113, 9],
            &53u16.to_be_bytes(),
            &port.to_be_bytes(),
            &le(flow.protocol.into()),
        ];
        let host: [&[u8]; 3] =
            [&flow.source.octets(), &flow.ports[0].to_be_bytes(), &[flow.protocol, 0]];
        maps.put("reverse", &key, &host);
        if i % 2 == 0 {
            maps.put("bindings", &host, &[&port.to_le_bytes()]);
        }
    }
    maps.with(timeline(24, 500, |rng, _| {
        let flow = *rng.pick(&flows);
        if rng.percent(60) {
            let outward = Flow { dest: [203, 0, 113, 9].into(), ..flow };
            let mut packet = outward.any(rng);
            if flow.protocol == UDP && rng.percent(20) {
                packet[40..42].fill(0);
            }
            return packet;
        }
        let inward = Flow {
            source: [203, 0, 113, 9].into(),
            dest: OUTSIDE.into(),
            ports: [53, 2000 + rng.below(20) as u16],
            protocol: flow.protocol,
        };
        inward.any(rng)
    }))
}

fn translated(host: [u8; 4]) -> Ipv6Addr {
    let [a, b, c, d] = host.map(u16::from);
    Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d)
}

pub fn nat64() -> Workload {
    let mix = Mix::default();
    let mut maps = Maps::default();
    for (n, host) in mix.ipv6.iter().enumerate().take(4) {
        let address = [100, 64, 0, n as u8 + 1];
        maps.put("to4", &[&host.octets()], &[&address]);
        maps.put("to6", &[&address], &[&host.octets()]);
    }
    maps.with(timeline(25, 500, |rng, _| {
        let ports = [rng.next_u16(), *rng.pick(&mix.ports)];
        let length = Mix::length(rng);
        let servers = addresses();
        let six = rng.percent(50);
        let frame = if six {
            let far = if rng.percent(90) { translated(*rng.pick(&servers)) } else { mix.ipv6[0] };
            let mut ip = mix.ipv6_header(rng);
            ip.dest = far;
            ethernet().ipv6(ip)
        } else {
            let mut ip = mix.ipv4_header(rng);
            ip.dest = [100, 64, 0, rng.between(1, 5) as u8].into();
            ethernet().ipv4(ip)
        };
        match rng.below(8) {
            0 | 1 if six => frame.icmpv6(*rng.pick(&[128, 129, 1, 135]), 0, 7, 9),
            0 | 1 => frame.icmp(*rng.pick(&[0, 8, 3]), 0, 7, 9),
            2 => frame.protocol(50),
            3..=5 => frame.udp(ports[0], ports[1]),
            _ => frame.tcp(ports[0], ports[1], ACK, &[1, 1, 1, 0]),
        }
        .fill_to(length)
        .build()
    }))
}

/// A host that no table knows.
pub fn stranger(rng: &mut Rng) -> Vec<u8> {
    ipv4([203, 0, 113, rng.next_u8()], [10, 20, 1, 1]).udp(9, 9).fill_to(Mix::length(rng)).build()
}
