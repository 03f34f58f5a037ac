//! Traffic of `dns_cache` and `tail_parser`.

use super::{flag, inside, length, outside, station, Workload, GATEWAY, UDP};
use crate::traffic::{
    encode_name, Ipv4, Ipv6, MapEntry, Mix, PacketBuilder, Pauses, Rng, MINIMUM_FRAME, START_NS,
};

const DNS: u16 = 53;
const STANDARD_QUERY: u16 = 0x0100;
const RESPONSE: u16 = 0x8180;
const NO_SUCH_NAME: u16 = 0x8183;

/// The name of a flow: between 1 and 23 bytes on the wire, and for one in nine a longer one that no cache entry can hold.
fn name(flow: usize) -> String {
    match flow % 9 {
        8 => format!("host-{flow}.a-rather-long-name.example.org"),
        7 => format!("cdn{flow}.example.net"),
        _ => format!("h{flow}.lan"),
    }
}

fn query(flow: usize, client: usize, flags: u16, name: &str) -> PacketBuilder {
    PacketBuilder::ethernet(GATEWAY, station(client))
        .ipv4(Ipv4::new(inside(client), outside(0)))
        .udp(33_000 + flow as u16, DNS)
        .dns(flow as u16, flags, name)
}

fn response(flow: usize, flags: u16, name: &str) -> PacketBuilder {
    PacketBuilder::ethernet(station(flow), GATEWAY)
        .ipv4(Ipv4::new(outside(0), inside(flow)))
        .udp(DNS, 33_000 + flow as u16)
        .dns(flow as u16, flags, name)
}

/// An answer record (RFC 1035, section 4.1.3) with the name of the question: type, class, time to live, data.
fn record(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xc0, 0x0c];
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(ttl.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// A response with `record` behind its question: the message's answer count is corrected.
fn answered(flow: usize, name: &str, record: &[u8]) -> Vec<u8> {
    const ANSWERS_LOW: usize = 14 + 20 + 8 + 7;
    let mut packet = response(flow, RESPONSE, name).payload(record).pad_to(MINIMUM_FRAME).build();
    packet[ANSWERS_LOW] = 1;
    packet
}

/// DNS cache: clients ask for a handful of names, the resolver answers with short times to live.
pub(super) fn dns_cache() -> Workload {
    Workload {
        name: "dns_cache",
        flows: 27,
        packet: |rng, flow, nth| {
            let lower = name(flow);
            let name = if rng.percent(30) { lower.to_ascii_uppercase() } else { lower };
            let address = [10, 9, nth as u8, flow as u8];
            match rng.below(40) {
                0 | 1 => response(flow, NO_SUCH_NAME, &name).pad_to(MINIMUM_FRAME).build(),
                2 => answered(flow, &name, &record(5, 60, &[1, b'x', 0])),
                3 => query(flow, flow, 0x2800, &name).build(),
                4 => query(flow, flow, STANDARD_QUERY, &name).payload(&[0, 0, 41, 16, 0]).build(),
                5 => {
                    let ttl = *rng.pick(&[0, 65_536, 604_800]);
                    answered(flow, &name, &record(1, ttl, &address))
                }
                6..=15 => answered(flow, &name, &record(1, rng.between(1, 6) as u32, &address)),
                _ => {
                    query(flow, rng.below(30), STANDARD_QUERY, &name).pad_to(MINIMUM_FRAME).build()
                }
            }
        },
        hot: |flow, _| {
            let packet = query(flow, flow, STANDARD_QUERY, &short_name(flow));
            packet.pad_to(MINIMUM_FRAME).build()
        },
        maps: || (0..26).map(warm).collect(),
        pauses: Pauses { largest_gap_ns: 2000, percent: 4, longest_ns: 1_500_000_000 },
    }
}

/// A name that lets a query fit into one beat.
fn short_name(flow: usize) -> String {
    char::from(b'a' + (flow % 26) as u8).to_string()
}

/// A short name that the host has put into the cache, good for an hour.
fn warm(flow: usize) -> MapEntry {
    let mut key = encode_name(&short_name(flow));
    key.resize(24, 0);
    let expires = (START_NS / 1_000_000_000) as u32 + 3600;
    let value: [&[u8]; 3] = [&[10, 8, 0, flow as u8], &expires.to_le_bytes(), &[0; 4]];
    MapEntry::new("records", &[&key], &value)
}

/// Tail-call parser: each flow has its kind of headers.
pub(super) fn tail_parser() -> Workload {
    Workload {
        name: "tail_parser",
        flows: 24,
        packet: |rng, flow, _| {
            if rng.percent(15) {
                return Mix::default().packet(rng);
            }
            let packet = network(rng, flow);
            let packet = transport(rng, packet, flow);
            packet.fill_to(length(rng)).build()
        },
        hot: |flow, _| {
            let frame = PacketBuilder::ethernet(GATEWAY, station(flow));
            let ip = frame.ipv4(Ipv4::new(inside(flow), outside(flow)));
            ip.tcp(1024, 80, flag::ACK, &[]).fill_to(MINIMUM_FRAME).build()
        },
        maps: Vec::new,
        pauses: Pauses { largest_gap_ns: 2000, percent: 0, longest_ns: 0 },
    }
}

fn network(rng: &mut Rng, flow: usize) -> PacketBuilder {
    let frame = PacketBuilder::ethernet(GATEWAY, station(flow));
    let frame = if flow % 3 == 1 { frame.vlan(Mix::default().tci(rng)) } else { frame };
    if flow % 4 == 3 {
        return frame
            .ipv6(Ipv6::new("fd00::1".parse().expect("an address"), (flow as u128).into()));
    }
    let ip = Ipv4::new(inside(flow), outside(flow));
    frame.ipv4(match rng.below(12) {
        0 => Ipv4 { options: vec![1; 12], ..ip },
        1 => Ipv4 { fragment: 185, ..ip },
        2 => Ipv4 { fragment: 0x2000, ..ip },
        _ => ip,
    })
}

fn transport(rng: &mut Rng, packet: PacketBuilder, flow: usize) -> PacketBuilder {
    let flags = [flag::SYN, flag::ACK, flag::SYN | flag::ACK, flag::SYN | flag::RST];
    match flow % 5 {
        0..=2 => packet.tcp(1024, 80, *rng.pick(&flags), &[]),
        3 if rng.percent(10) => packet.protocol(UDP).payload(&[4, 0, 0, 53, 0, 7, 0, 0]),
        3 => packet.udp(1024, 53),
        _ => packet.protocol(50),
    }
}
