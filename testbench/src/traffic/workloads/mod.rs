//! Traffic of any [`Shape`] for the programs in `examples/` that keep state: packets that create entries, hit them, let them
//! expire and remove them, mixed with damaged ones and those of others; and clean traffic that keeps one path of the program hot.

mod guards;
mod meters;
mod movers;
mod parsers;

use std::net::Ipv4Addr;

use super::{mangle, Mac, MapEntry, Mix, Pauses, Rng, Shape, Trace, MINIMUM_FRAME};

/// How one example is tried.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its folder, object and program.
    pub name: &'static str,
    /// How many flows (sources, stations, names) there are.
    pub flows: usize,
    /// A packet of a flow, given how many packets of that flow came before.
    packet: fn(&mut Rng, usize, usize) -> Vec<u8>,
    /// The same, but the smallest frame that takes the path that matters: no errors, and state that lasts.
    hot: fn(usize, usize) -> Vec<u8>,
    /// What the host fills in.
    pub maps: fn() -> Vec<MapEntry>,
    /// Gaps and pauses that fit the program's times.
    pub pauses: Pauses,
}

/// A workload on its way through a trace: it knows how far each flow has come.
#[derive(Debug)]
pub struct Talk<'a> {
    workload: &'a Workload,
    sent: Vec<usize>,
}

impl<'a> Talk<'a> {
    /// No packet sent yet.
    pub fn new(workload: &'a Workload) -> Self {
        Self { workload, sent: vec![0; workload.flows] }
    }

    /// The next packet of `flow`.
    pub fn packet(&mut self, rng: &mut Rng, flow: usize) -> Vec<u8> {
        let nth = self.count(flow);
        (self.workload.packet)(rng, flow, nth)
    }

    /// The next packet of `flow` on the hot path.
    pub fn hot(&mut self, flow: usize) -> Vec<u8> {
        let nth = self.count(flow);
        (self.workload.hot)(flow, nth)
    }

    fn count(&mut self, flow: usize) -> usize {
        let nth = self.sent[flow];
        self.sent[flow] += 1;
        nth
    }
}

impl Workload {
    /// The seed of the example's committed traffic.
    pub fn seed(&self) -> u64 {
        self.name
            .bytes()
            .fold(0xbee, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
    }

    /// `count` packets of `shape` with gaps and pauses. Some are damaged, and some are other traffic of the site.
    pub fn trace(&self, shape: Shape, seed: u64, count: usize) -> Trace {
        let rng = &mut Rng::new(seed ^ self.seed());
        let mix = Mix::default();
        let mut talk = Talk::new(self);
        let packets = shape.draw(rng, count, self.flows).into_iter().map(|flow| {
            let packet = talk.packet(rng, flow);
            match rng.below(40) {
                0 => mangle(rng, packet),
                1 => mix.packet(rng),
                _ => packet,
            }
        });
        let packets = packets.collect();
        Trace::with_pauses(packets, rng, self.pauses)
    }

    /// `count` packets of `shape` on the hot path, back to back on a port of 100 Gb/s.
    pub fn hot_trace(&self, shape: Shape, seed: u64, count: usize) -> Trace {
        let rng = &mut Rng::new(seed ^ self.seed());
        let mut talk = Talk::new(self);
        let flows = shape.draw(rng, count, self.flows);
        Trace::back_to_back(flows.into_iter().map(|flow| talk.hot(flow)).collect(), 100)
    }
}

/// Every workload, by name.
pub fn all() -> Vec<Workload> {
    vec![
        guards::conntrack(),
        parsers::dns_cache(),
        meters::flow_telemetry(),
        meters::heavy_hitter(),
        movers::load_balancer(),
        movers::lpm_router(),
        movers::mac_learning(),
        guards::port_knocking(),
        meters::rate_limiter(),
        movers::snat(),
        guards::syn_filter(),
        parsers::tail_parser(),
    ]
}

/// TCP flags.
mod flag {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The router in front of the site.
const GATEWAY: Mac = [0x02, 0xbe, 0xe1, 0, 0, 0xfe];

/// The station of a flow.
fn station(flow: usize) -> Mac {
    let [high, low] = (flow as u16).to_be_bytes();
    [0x02, 0xbe, 0xe1, 0x10, high, low]
}

/// The host of a flow in 10.20.0.0/16, the inside of the examples that have one.
fn inside(flow: usize) -> Ipv4Addr {
    let [high, low] = (flow as u16 + 1).to_be_bytes();
    Ipv4Addr::new(10, 20, high, low)
}

/// The peer of a flow.
fn outside(flow: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 1 + (flow % 7) as u8)
}

/// The length of a frame in a test of behaviour: most are short, few fill a frame.
fn length(rng: &mut Rng) -> usize {
    match rng.below(20) {
        0..=12 => MINIMUM_FRAME,
        13..=18 => rng.between(61, 140),
        _ => rng.between(141, 700),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_depend_on_shape_and_seed_only() {
        for workload in all() {
            let trace = |seed| workload.trace(Shape::Uniform, seed, 50);
            assert_eq!(trace(1), trace(1), "{}", workload.name);
            assert_ne!(trace(1), trace(2), "{}", workload.name);
            assert_eq!(workload.hot_trace(Shape::SingleFlow, 1, 20).frames.len(), 20);
        }
    }

    #[test]
    fn hot_frames_are_one_beat_long() {
        for workload in all() {
            let trace = workload.hot_trace(Shape::Uniform, 3, 200);
            assert!(trace.frames.iter().all(|f| f.data.len() <= 64), "{}", workload.name);
        }
    }
}
