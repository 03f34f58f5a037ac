//! The traffic and the map entries of the programs in `examples/`, made from fixed seeds.
//!
//! `make-traffic` writes them to `examples/NAME/traffic.pcap` and `maps.json`; a test holds the committed files to this.

mod filters;
mod meters;
mod rewriters;

use super::workloads::{self, Talk, Workload};
use super::{mangle, maps_json, truncate, MapEntry, Mix, Rng, Shape, Trace, CUTS};

/// The largest gap between two frames of an example, in nanoseconds.
const LARGEST_GAP_NS: usize = 2000;

/// What one example is tried with.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its folder, object and program.
    pub name: &'static str,
    /// The packets.
    pub trace: Trace,
    /// What the host fills in; empty if the program needs nothing.
    pub maps: Vec<MapEntry>,
}

impl Example {
    /// The bytes of `traffic.pcap`.
    ///
    /// # Errors
    /// None in practice: the capture is written to memory.
    pub fn pcap(&self) -> std::io::Result<Vec<u8>> {
        let mut file = Vec::new();
        self.trace.write_pcap(&mut file)?;
        Ok(file)
    }

    /// The text of `maps.json`, if the example has one.
    pub fn maps_json(&self) -> Option<String> {
        (!self.maps.is_empty()).then(|| maps_json(&self.maps))
    }
}

/// Every example: those whose tables only the host changes by name, then those that keep state.
pub fn all() -> Vec<Example> {
    vec![
        filters::dns_filter(),
        filters::firewall(),
        rewriters::icmp_echo(),
        rewriters::ipip_encap(),
        filters::l2_acl(),
        meters::proto_counters(),
        rewriters::router(),
        meters::snap(),
        rewriters::vlan(),
    ]
    .into_iter()
    .chain(workloads::all().iter().map(stateful))
    .collect()
}

/// A trace of about `count` packets. Most come from `own`, which makes what the program is for; the rest is
/// other traffic of the site, damaged packets of both, one packet for each length in [`CUTS`], and four jumbo frames.
fn site_trace(seed: u64, count: usize, mix: &Mix, own: impl Fn(&mut Rng) -> Vec<u8>) -> Trace {
    let rng = &mut Rng::new(seed);
    let packets = site_packets(rng, count, mix, own);
    Trace::with_gaps(packets, rng, LARGEST_GAP_NS)
}

/// The packets of [`site_trace`].
fn site_packets(
    rng: &mut Rng,
    count: usize,
    mix: &Mix,
    mut own: impl FnMut(&mut Rng) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut packets: Vec<Vec<u8>> = (0..count)
        .map(|_| match rng.below(20) {
            0..=12 => own(rng),
            13..=16 => mix.packet(rng),
            17 | 18 => {
                let packet = own(rng);
                mangle(rng, packet)
            }
            _ => {
                let packet = mix.packet(rng);
                mangle(rng, packet)
            }
        })
        .collect();
    for length in CUTS {
        let packet = truncate(own(rng), length);
        packets.insert(rng.below(packets.len()), packet);
    }
    for _ in 0..4 {
        let packet = mix.jumbo(rng);
        packets.insert(rng.below(packets.len()), packet);
    }
    packets
}

/// A program that keeps state: its own flows come with the frequencies of Zipf(1.0), and pauses let state expire.
fn stateful(workload: &Workload) -> Example {
    let rng = &mut Rng::new(workload.seed());
    let mut flows = Shape::Zipf { halves: 2 }.draw(rng, 400, workload.flows).into_iter().cycle();
    let mut talk = Talk::new(workload);
    let packets = site_packets(rng, 320, &Mix::default(), |rng| {
        talk.packet(rng, flows.next().unwrap_or_default())
    });
    Example {
        name: workload.name,
        maps: (workload.maps)(),
        trace: Trace::with_pauses(packets, rng, workload.pauses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{JUMBO_FRAME, MINIMUM_FRAME, SHORTEST_FRAME};
    use std::path::{Path, PathBuf};

    fn folder(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
    }

    #[test]
    fn committed_files_are_what_the_generator_makes() {
        for example in all() {
            let folder = folder(example.name);
            assert!(
                folder.join(format!("{}.o", example.name)).exists(),
                "{}: no object",
                example.name
            );
            let pcap = std::fs::read(folder.join("traffic.pcap")).unwrap();
            assert!(pcap == example.pcap().unwrap(), "{}: run make-traffic", example.name);
            let maps = std::fs::read_to_string(folder.join("maps.json")).ok();
            assert_eq!(maps, example.maps_json(), "{}: run make-traffic", example.name);
        }
    }

    #[test]
    fn traces_are_small_and_reach_every_length() {
        for Example { name, trace, .. } in all() {
            let lengths: Vec<usize> = trace.frames.iter().map(|frame| frame.data.len()).collect();
            for length in CUTS.into_iter().chain([MINIMUM_FRAME, JUMBO_FRAME]) {
                assert!(lengths.contains(&length), "{name}: no frame of {length} bytes");
            }
            assert!(
                lengths.iter().all(|length| (SHORTEST_FRAME..=JUMBO_FRAME).contains(length)),
                "{name}"
            );
            assert!(
                lengths.iter().sum::<usize>() < 150_000,
                "{name}: {}",
                lengths.iter().sum::<usize>()
            );
        }
    }
}
