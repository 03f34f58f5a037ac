//! Traffic of the programs that let packets through or drop them: `l2_acl`, `firewall`, `dns_filter`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{site_trace, Example};
use crate::traffic::{encode_name, Ipv4, Ipv6, MapEntry, Mix, PacketBuilder, Rng, MINIMUM_FRAME};

/// XDP actions as the maps store them.
const ABORTED: u32 = 0;
const DROP: u32 = 1;
const PASS: u32 = 2;
const TX: u32 = 3;

/// A verdict with its two counters, `{u32 action; u32 reserved; u64 packets; u64 bytes}`.
fn verdict(action: u32) -> Vec<u8> {
    let mut value = action.to_le_bytes().to_vec();
    value.resize(24, 0);
    value
}

/// Layer-2 access list: five of eight stations are listed.
pub(super) fn l2_acl() -> Example {
    let mix = Mix::default();
    let actions = [PASS, DROP, TX, DROP, ABORTED];
    let maps = mix
        .macs
        .iter()
        .zip(actions)
        .map(|(mac, action)| MapEntry::new("acl", &[mac], &[&verdict(action)]));
    Example {
        name: "l2_acl",
        maps: maps.collect(),
        trace: site_trace(0xac1, 300, &mix, |rng| mix.packet(rng)),
    }
}

const UDP: u8 = 17;
const TCP: u8 = 6;
const ICMP: u8 = 1;

/// A 5-tuple of either family.
#[derive(Clone, Copy)]
struct Flow<A> {
    source: A,
    dest: A,
    ports: [u16; 2],
    protocol: u8,
}

impl<A: Copy> Flow<A> {
    fn draw(rng: &mut Rng, addresses: &[A], ports: &[u16]) -> Self {
        let protocol = *rng.pick(&[UDP, TCP, TCP, ICMP]);
        let ports = if protocol == ICMP { [0; 2] } else { [*rng.pick(ports), *rng.pick(ports)] };
        Self { source: *rng.pick(addresses), dest: *rng.pick(addresses), ports, protocol }
    }

    /// The map entry, given the addresses' bytes.
    fn entry(&self, map: &'static str, addresses: &[&[u8]], action: u32) -> MapEntry {
        let [source, dest] = self.ports.map(u16::to_be_bytes);
        let tail = [source, dest, [self.protocol, 0], [0, 0]].concat();
        MapEntry::new(map, &[&addresses.concat(), &tail], &[&verdict(action)])
    }

    fn transport(&self, packet: PacketBuilder) -> PacketBuilder {
        let [source, dest] = self.ports;
        match self.protocol {
            UDP => packet.udp(source, dest),
            TCP => packet.tcp(source, dest, 0x10, &[]),
            _ => packet.icmp(8, 0, 1, 1),
        }
    }
}

/// 5-tuple firewall: forty IPv4 flows and sixteen IPv6 flows are listed, behind any tags and options.
pub(super) fn firewall() -> Example {
    let mix = Mix::default();
    let rng = &mut Rng::new(0xf10e);
    let flows4: Vec<Flow<Ipv4Addr>> =
        distinct(40, || Flow::draw(rng, &mix.ipv4, &mix.ports), |f| flow4(f, 0).key);
    let flows6: Vec<Flow<Ipv6Addr>> =
        distinct(16, || Flow::draw(rng, &mix.ipv6, &mix.ports), |f| flow6(f, 0).key);
    let actions = [PASS, PASS, DROP, PASS, TX];
    let maps = flows4
        .iter()
        .enumerate()
        .map(|(i, flow)| flow4(flow, actions[i % 5]))
        .chain(flows6.iter().enumerate().map(|(i, flow)| flow6(flow, actions[i % 5])))
        .collect();
    let trace = site_trace(0xf12e, 360, &mix, |rng| {
        let frame = mix.tagged(rng);
        let length = Mix::length(rng);
        let packet = if rng.percent(65) {
            let flow = rng.pick(&flows4);
            let options = if rng.percent(30) { Mix::ipv4_options(rng) } else { Vec::new() };
            flow.transport(frame.ipv4(Ipv4 { options, ..Ipv4::new(flow.source, flow.dest) }))
        } else {
            let flow = rng.pick(&flows6);
            flow.transport(frame.ipv6(Ipv6::new(flow.source, flow.dest)))
        };
        packet.fill_to(length).build()
    });
    Example { name: "firewall", trace, maps }
}

fn flow4(flow: &Flow<Ipv4Addr>, action: u32) -> MapEntry {
    flow.entry("flows4", &[&flow.source.octets(), &flow.dest.octets()], action)
}

fn flow6(flow: &Flow<Ipv6Addr>, action: u32) -> MapEntry {
    flow.entry("flows6", &[&flow.source.octets(), &flow.dest.octets()], action)
}

/// `count` items with different keys.
fn distinct<T>(count: usize, mut draw: impl FnMut() -> T, key: impl Fn(&T) -> Vec<u8>) -> Vec<T> {
    let mut items: Vec<T> = Vec::with_capacity(count);
    while items.len() < count {
        let item = draw();
        if items.iter().all(|known| key(known) != key(&item)) {
            items.push(item);
        }
    }
    items
}

/// Names in the table. The last one fills the key: 23 bytes and the closing zero.
const BLOCKED: [&str; 6] = [
    "ads.example.com",
    "tracker.example.net",
    "bad.test",
    "x.y",
    "example.org",
    "a23.bytes.on-wire.long",
];
/// Names that pass: near misses of the above, the root, and names longer than a key.
const ALLOWED: [&str; 8] = [
    "example.com",
    "www.example.com",
    "bad.tes",
    "bad.test.example",
    "",
    "x.z",
    "a24.bytes.on-wire.longs",
    "a.name.that.is.much.longer.than.the.key.example.com",
];

/// DNS filter: queries behind options, in any mixture of upper and lower case; some replies and other ports.
pub(super) fn dns_filter() -> Example {
    let mix = Mix { vlans: vec![10], ..Mix::default() };
    let maps = BLOCKED.iter().map(|name| {
        let mut key = encode_name(name);
        key.resize(24, 0);
        MapEntry::new("blocked", &[&key], &[&[0; 8]])
    });
    let trace = site_trace(0xd45, 320, &mix, |rng| {
        let frame = if rng.percent(95) { mix.untagged(rng) } else { mix.tagged(rng) };
        let mut ip = Ipv4::new(*rng.pick(&mix.ipv4), *rng.pick(&mix.ipv4));
        if rng.percent(40) {
            ip.options = Mix::ipv4_options(rng);
        }
        let name = if rng.percent(60) { *rng.pick(&BLOCKED) } else { *rng.pick(&ALLOWED) };
        let name = shuffle_case(rng, name);
        let port = if rng.percent(95) { 53 } else { 5353 };
        let flags = if rng.percent(90) { 0x0100 } else { 0x8180 };
        let id = rng.next_u16();
        frame.ipv4(ip).udp(33000, port).dns(id, flags, &name).pad_to(MINIMUM_FRAME).build()
    });
    Example { name: "dns_filter", trace, maps: maps.collect() }
}

fn shuffle_case(rng: &mut Rng, name: &str) -> String {
    let upper = *rng.pick(&[0, 0, 30, 100]);
    name.chars().map(|c| if rng.percent(upper) { c.to_ascii_uppercase() } else { c }).collect()
}
