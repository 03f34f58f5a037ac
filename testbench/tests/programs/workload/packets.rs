//! Packets that the workloads are made of: flows between the stations of a [`Mix`], and the time line around them.

use beeline_testbench::capture::TracePacket;
use beeline_testbench::traffic::{mangle, truncate, Ipv4, Ipv6, Mix, PacketBuilder, Rng, CUTS};
use std::net::{Ipv4Addr, Ipv6Addr};

pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;
pub const PUSH: u8 = 0x08;
pub const FIN: u8 = 0x01;

/// Flags that a TCP packet may well have.
pub const FLAGS: [u8; 7] = [SYN, SYN | ACK, ACK, ACK | PUSH, FIN | ACK, RST, RST | ACK];

/// A 5-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub source: Ipv4Addr,
    pub dest: Ipv4Addr,
    pub ports: [u16; 2],
    pub protocol: u8,
}

impl Flow {
    /// A flow between two addresses of the default site.
    pub fn draw(rng: &mut Rng) -> Self {
        let mix = Mix::default();
        let (source, dest) = (*rng.pick(&mix.ipv4), *rng.pick(&mix.ipv4));
        let ports = [*rng.pick(&mix.ports), *rng.pick(&mix.ports)];
        Self { source, dest, ports, protocol: *rng.pick(&[TCP, TCP, UDP]) }
    }

    /// `count` flows.
    pub fn many(seed: u64, count: usize) -> Vec<Self> {
        let rng = &mut Rng::new(seed);
        (0..count).map(|_| Self::draw(rng)).collect()
    }

    /// The other direction.
    pub fn reversed(self) -> Self {
        let Self { source, dest, ports: [from, to], protocol } = self;
        Self { source: dest, dest: source, ports: [to, from], protocol }
    }

    /// A packet of it with `flags`, if it is TCP.
    pub fn packet(&self, flags: u8) -> PacketBuilder {
        self.on(ethernet(), flags)
    }

    /// The same behind the headers of `frame`.
    pub fn on(&self, frame: PacketBuilder, flags: u8) -> PacketBuilder {
        let packet = frame.ipv4(Ipv4::new(self.source, self.dest));
        match self.protocol {
            TCP => packet.tcp(self.ports[0], self.ports[1], flags, &[]),
            ICMP => packet.icmp(8, 0, self.ports[0], self.ports[1]),
            _ => packet.udp(self.ports[0], self.ports[1]),
        }
    }

    /// A packet with random flags and length.
    pub fn any(&self, rng: &mut Rng) -> Vec<u8> {
        self.packet(*rng.pick(&FLAGS)).fill_to(Mix::length(rng)).build()
    }

    /// Source port, destination port, as on the wire.
    pub fn wire_ports(&self) -> [u8; 4] {
        let [a, b] = self.ports.map(u16::to_be_bytes);
        [a[0], a[1], b[0], b[1]]
    }
}

/// The header between two stations of the site.
pub fn ethernet() -> PacketBuilder {
    PacketBuilder::ethernet([2, 0xbe, 0xe1, 0, 0, 1], [2, 0xbe, 0xe1, 0, 0, 2])
}

/// IPv4 between `source` and `dest`.
pub fn ipv4(source: [u8; 4], dest: [u8; 4]) -> PacketBuilder {
    ethernet().ipv4(Ipv4::new(source.into(), dest.into()))
}

/// IPv6 between `source` and `dest`.
pub fn ipv6(source: Ipv6Addr, dest: Ipv6Addr) -> PacketBuilder {
    ethernet().ipv6(Ipv6::new(source, dest))
}

/// The packet without its Ethernet header: what a tunnel carries.
pub fn inner(packet: &[u8]) -> &[u8] {
    &packet[14..]
}

/// Packets on a time line, drawn one after the other.
pub struct Timeline {
    packets: Vec<TracePacket>,
    now: u64,
    gap: usize,
}

/// The first packet's time, 2024-01-01.
const START_NS: u64 = 1_704_067_200_000_000_000;

/// Largest gap between two packets, unless a workload says otherwise.
const GAP_NS: usize = 20_000;

impl Timeline {
    fn push(&mut self, rng: &mut Rng, bytes: Vec<u8>) {
        self.packets.push(TracePacket {
            index: self.packets.len(),
            time_ns: self.now,
            bytes,
            rx_hash: None,
        });
        self.now += 100 + rng.below(self.gap) as u64;
    }
}

/// About `count` packets. Three in four come from `own`, which is told the time and makes what the program is for; the
/// rest is other traffic of the site, and damaged packets of both.
pub fn timeline(
    seed: u64,
    count: usize,
    own: impl FnMut(&mut Rng, u64) -> Vec<u8>,
) -> Vec<TracePacket> {
    timeline_with_gap(seed, count, GAP_NS, own)
}

/// As [`timeline`], with up to `gap` nanoseconds between packets.
pub fn timeline_with_gap(
    seed: u64,
    count: usize,
    gap: usize,
    mut own: impl FnMut(&mut Rng, u64) -> Vec<u8>,
) -> Vec<TracePacket> {
    let (rng, mix) = (&mut Rng::new(seed), Mix::default());
    let mut line = Timeline { packets: Vec::new(), now: START_NS, gap };
    for n in 0..count {
        let now = line.now;
        let packet = match rng.below(20) {
            0..=14 => own(rng, now),
            15 | 16 => mix.packet(rng),
            17 => {
                let packet = own(rng, now);
                truncate(packet, CUTS[n % CUTS.len()])
            }
            18 => {
                let packet = own(rng, now);
                mangle(rng, packet)
            }
            _ => {
                let packet = mix.packet(rng);
                mangle(rng, packet)
            }
        };
        line.push(rng, packet);
    }
    line.packets
}
