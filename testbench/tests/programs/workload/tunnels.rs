//! Workloads of tunnels, routers and redirects.

use super::packets::{ethernet, inner, ipv4, ipv6, timeline, Flow};
use super::{le, mac, Maps, Workload};
use beeline_testbench::traffic::{Ipv4, Mix, Rng};
use serde_json::json;

const OURS: [u8; 4] = [10, 0, 0, 1];

pub fn gre_tunnel() -> Workload {
    let mut maps = Maps::default();
    for (length, site, remote, mtu) in [
        (24, [10, 20, 1, 0], 1, 1400u16),
        (32, [10, 20, 0, 4], 2, 100),
        (32, [10, 20, 1, 3], 3, 9000),
    ] {
        let value: [&[u8]; 4] =
            [&[192, 0, 2, remote], &[0, 0, 0, remote], &mac(remote), &mtu.to_le_bytes()];
        maps.put("sites", &[&le(length), &site], &value);
    }
    for key in 1..4 {
        maps.put("accepted_keys", &[&[0, 0, 0, key]], &[&[0; 8]]);
    }
    let mix = Mix::default();
    maps.with(timeline(31, 400, |rng, _| {
        if rng.percent(50) {
            let ip = mix.ipv4_header(rng);
            let packet = ethernet().ipv4(ip);
            return mix.ported(rng, packet).fill_to(Mix::length(rng)).build();
        }
        let carried = Flow::draw(rng).any(rng);
        let payload = gre(rng, &carried);
        ipv4([192, 0, 2, 1], OURS).protocol(47).payload(&payload).build()
    }))
}

/// A GRE packet around the IP packet of `frame`.
fn gre(rng: &mut Rng, frame: &[u8]) -> Vec<u8> {
    let flags = match rng.below(10) {
        0 => rng.next_u16(),
        _ => *rng.pick(&[0, 0x2000, 0x2000, 0x8000, 0x3000, 0xb000]),
    };
    let proto = *rng.pick(&[0x0800u16, 0x0800, 0x0800, 0x86dd, 0x6558]);
    let mut out = [flags.to_be_bytes(), proto.to_be_bytes()].concat();
    if flags & 0x8000 != 0 {
        out.extend(rng.bytes(4));
    }
    if flags & 0x2000 != 0 {
        out.extend([0, 0, 0, rng.below(5) as u8]);
    }
    if flags & 0x1000 != 0 {
        out.extend(rng.bytes(4));
    }
    out.extend(inner(frame));
    out
}

pub fn vxlan_gw() -> Workload {
    let mut maps = Maps::default();
    for n in 1..6u8 {
        let vlan = [0, 0, 10, 20, 100][n as usize - 1];
        let endpoint: [&[u8]; 4] =
            [&[172, 16, 2, n], &le(u32::from(n) * 1000), &mac(0x80 + n), &[0, 0]];
        maps.put("stations", &[&mac(n), &[vlan, 0]], &endpoint);
    }
    for (vni, vlan) in [(1000, 0u16), (2000, 10), (3000, 4094)] {
        maps.put("networks", &[&le(vni)], &[&vlan.to_le_bytes()]);
    }
    let mix = Mix::default();
    maps.with(timeline(32, 400, |rng, _| {
        let frame = mix.packet(rng);
        if rng.percent(50) {
            return frame;
        }
        let vni: u32 = *rng.pick(&[1000, 2000, 3000, 4000]);
        let mut payload = vec![*rng.pick(&[8, 8, 8, 0]), 0, 0, 0];
        payload.extend((vni << 8).to_be_bytes());
        payload.extend(frame);
        let dest = if rng.percent(90) { OURS } else { [10, 0, 0, 9] };
        ipv4([172, 16, 2, 1], dest).udp(50000, 4789).payload(&payload).build()
    }))
}

pub fn ipip_decap() -> Workload {
    let mix = Mix::default();
    Maps::default().with(timeline(33, 500, |rng, _| {
        let mut four = Flow::draw(rng).any(rng);
        if rng.percent(5) {
            four[14 + 8] = 0;
        }
        let (a, b) = (*rng.pick(&mix.ipv6), *rng.pick(&mix.ipv6));
        let six = ipv6(a, b).udp(1, 2).fill_to(Mix::length(rng)).build();
        let options = if rng.percent(20) { vec![1; 8] } else { vec![] };
        let outer =
            ethernet().ipv4(Ipv4 { options, ..Ipv4::new([192, 0, 2, 1].into(), OURS.into()) });
        match rng.below(10) {
            0 | 1 => outer.protocol(4).payload(inner(&four)),
            2 | 3 => outer.protocol(41).payload(inner(&six)),
            4 => outer.protocol(4).payload(inner(&six)),
            5 | 6 => ipv6(a, b).protocol(41).payload(inner(&six)),
            n => {
                let carried = inner(if n == 7 { &six } else { &four });
                let mut gue = match rng.below(4) {
                    0 => vec![],
                    1 => vec![rng.next_u8() & 0x3f, 4, 0, 0],
                    2 => vec![2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    _ => vec![0, if n == 7 { 41 } else { 4 }, 0, 0],
                };
                gue.extend(carried);
                outer.udp(50000, *rng.pick(&[6080, 6080, 6080, 6081])).payload(&gue)
            }
        }
        .build()
    }))
}

pub fn fib_router() -> Workload {
    let mut maps = Maps::default();
    for port in [1, 2, 4] {
        maps.at("tx_ports", port, &[&le(1)]);
    }
    for ifindex in 1..4 {
        maps.add(
            "$links",
            json!({"ifindex": ifindex, "mac": format!("02:00:00:00:00:0{ifindex}")}),
        );
    }
    for (dest, rest) in [
        ("10.20.1.0/24", json!({"via": "10.0.0.1", "ifindex": 2})),
        ("10.20.0.2/32", json!({"type": "blackhole"})),
        ("10.20.0.4/32", json!({"type": "prohibit"})),
        ("10.20.0.6/32", json!({"via": "10.0.0.9", "ifindex": 2})),
        ("fd00:bee::/48", json!({"via": "fd00::1", "ifindex": 3})),
        ("fd00:bee:1::/48", json!({"type": "unreachable"})),
    ] {
        let mut route = rest;
        route["dst"] = json!(dest);
        maps.add("$fib", route);
    }
    for (ip, ifindex) in [("10.0.0.1", 2), ("fd00::1", 3)] {
        maps.add("$neighbours", json!({"ip": ip, "ifindex": ifindex, "mac": "02:00:00:00:01:01"}));
    }
    let mix = Mix::default();
    maps.with(timeline(34, 300, |rng, _| mix.packet(rng)))
}

pub fn redirect_all() -> Workload {
    let mut maps = Maps::default();
    for port in [0, 1, 3] {
        maps.at("ports", port, &[&le(1)]);
    }
    for port in [100, 300] {
        maps.at("ports_by_id", port, &[&le(1), &le(0)]);
    }
    maps.at("cpus", 0, &[&le(64)]);
    let mix = Mix::default();
    maps.with(timeline(35, 500, |rng, _| {
        let mut ip = mix.ipv4_header(rng);
        ip.tos = rng.next_u8();
        let packet = mix.untagged(rng).ipv4(ip);
        mix.ported(rng, packet).fill_to(Mix::length(rng)).build()
    }))
}
