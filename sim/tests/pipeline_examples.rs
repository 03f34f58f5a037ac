//! The examples through the whole flow: what the staged pipeline does is what the bytecode does, at one packet per clock.

#![allow(clippy::unwrap_used)] // a test

use beeline_ir::schedule::{register_bits, schedule};
use beeline_ir::target::TargetDesc;
use beeline_ir::validate::{validate_pipeline, validate_staged};
use beeline_ir::{StagedPipeline, Validated};
use beeline_sim::pipeline::{Arrival, PipelineSim, Run, Saturated, Traffic};
use beeline_sim::{compare, compare_maps, Executor, Inputs, Interp, MapSet, Outcome, Packet};
use pcap_file::pcap::PcapReader;
use std::path::PathBuf;

const EXAMPLES: [&str; 8] = [
    "firewall",
    "l2_acl",
    "proto_counters",
    "dns_filter",
    "router",
    "vlan",
    "ipip_encap",
    "icmp_echo",
];

struct Example {
    interp: Interp,
    staged: Validated<StagedPipeline>,
    maps: MapSet,
    packets: Vec<Vec<u8>>,
}

fn example(name: &str, target: &str) -> Result<Example, String> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let text =
        |d: Vec<beeline_ir::Diagnostic>| d.iter().map(|d| format!("{d}\n")).collect::<String>();
    let object = std::fs::read(dir.join(format!("{name}.o"))).unwrap();
    let object = beeline_frontend::load(&object, name).map_err(|e| format!("{e:?}"))?;
    let program = object.program(None).map_err(|e| format!("{e:?}"))?;
    let mut maps = MapSet::for_program(&program).unwrap();
    let verified = beeline_frontend::verifier::verify(program).map_err(text)?;
    let mut f = beeline_frontend::lift::lift(&verified).map_err(text)?;
    beeline_ir::passes::optimize(&mut f, &Default::default(), &mut |_, _| {}).map_err(text)?;
    let mut p = beeline_ir::if_convert::if_convert(&f).map_err(text)?;
    beeline_ir::ports::share_ports(&mut p).map_err(text)?;
    validate_pipeline(p.clone()).map_err(|e| e.to_string())?;
    let staged = schedule(p, &TargetDesc::built_in(target).unwrap()).map_err(text)?;
    let staged = validate_staged(staged).map_err(|e| e.to_string())?;
    if let Ok(entries) = std::fs::read_to_string(dir.join("maps.json")) {
        preload(&mut maps, &entries);
    }
    let interp = Interp::new(&verified).map_err(text)?;
    let mut reader =
        PcapReader::new(std::fs::File::open(dir.join("traffic.pcap")).unwrap()).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        packets.push(packet.unwrap().data.into_owned());
    }
    packets.retain(|p| p.len() >= 14);
    Ok(Example { interp, staged, maps, packets })
}

fn preload(maps: &mut MapSet, text: &str) {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let hex = |v: &serde_json::Value| -> Vec<u8> {
        let s = v.as_str().unwrap();
        (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
    };
    for (map, entries) in json.as_object().unwrap() {
        let map = maps.index_of(map).unwrap();
        for entry in entries.as_array().unwrap() {
            maps.host_update(map, &hex(&entry["key"]), &hex(&entry["value"]), 0).unwrap();
        }
    }
}

fn arrivals(packets: &[Vec<u8>]) -> Vec<Arrival<'_>> {
    let inputs =
        |n: usize| Inputs { packet_index: n as u32, time_ns: n as u64 * 1000, ..Inputs::default() };
    packets.iter().enumerate().map(|(n, bytes)| Arrival { bytes, inputs: inputs(n) }).collect()
}

/// Gaps and back-pressure from a linear congruence.
struct Irregular(u64);

impl Irregular {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 >> 40
    }
}

impl Traffic for Irregular {
    fn idle(&mut self, _: usize, _: usize) -> u32 {
        (self.next() % 8).saturating_sub(5) as u32
    }

    fn ready(&mut self, _: u64) -> bool {
        self.next() % 3 > 0
    }
}

#[test]
fn examples_do_in_stages_what_they_do_in_bytecode() {
    let mut failures = String::new();
    for name in EXAMPLES {
        for target in TargetDesc::BUILT_IN {
            if let Err(why) = check(name, target) {
                failures += &format!("{name} on {target}: {why}\n");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn check(name: &str, target: &str) -> Result<(), String> {
    let mut e = example(name, target)?;
    let arrivals = arrivals(&e.packets);
    let mut strict_maps = e.maps.clone();
    let mut maps = e.maps.clone();
    let run = PipelineSim::new(&e.staged)
        .run(&arrivals, &mut maps, &mut Saturated)
        .map_err(|f| f.to_string())?;
    let strict = PipelineSim::strict(&e.staged).run(&arrivals, &mut strict_maps, &mut Irregular(1));
    let strict = strict.map_err(|f| f.to_string())?;
    for (n, arrival) in arrivals.iter().enumerate() {
        let mut packet = Packet::with(arrival.bytes).unwrap();
        let exit =
            e.interp.run(&arrival.inputs, &mut packet, &mut e.maps).map_err(|f| f.to_string())?;
        let expected = Outcome::new(exit, &packet);
        for (kind, run) in [("", &run), ("strict: ", &strict)] {
            if let Some(d) = compare(&expected, &run.outcome(n)) {
                return Err(format!("{kind}packet {n}: {d}"));
            }
        }
    }
    let difference = compare_maps(&e.maps, &maps).or(compare_maps(&e.maps, &strict_maps));
    difference.map_or(Ok(()), |d| Err(d.to_string()))?;
    let full_rate = minimum_packets(&e, &mut maps);
    // Packets that grow to two beats leave every second clock.
    let spacing = if name == "ipip_encap" || name == "vlan" { 2.1 } else { 1.0 };
    if full_rate.cycles as f64 > spacing * full_rate.departures.len() as f64 + 100.0 {
        return Err(format!(
            "{} packets take {} cycles",
            full_rate.departures.len(),
            full_rate.cycles
        ));
    }
    println!(
        "{name} on {target}: {} operations, {} stages, {} register bits",
        e.staged.pipeline.order.len(),
        e.staged.num_stages,
        register_bits(&e.staged)
    );
    Ok(())
}

/// The example's packets cut or filled to 64 bytes, back to back.
fn minimum_packets(e: &Example, maps: &mut MapSet) -> Run {
    let mut packets = e.packets.clone();
    packets.iter_mut().for_each(|p| p.resize(64, 0));
    PipelineSim::new(&e.staged).run(&arrivals(&packets), maps, &mut Saturated).unwrap()
}

/// `cargo test --release -p beeline-sim --test pipeline_examples -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, for release builds"]
fn speed() {
    for name in EXAMPLES {
        let Ok(mut e) = example(name, "xcup") else { continue };
        let mut packets = e.packets.clone();
        packets.iter_mut().for_each(|p| p.resize(64, 0));
        let arrivals: Vec<Arrival<'_>> =
            arrivals(&packets).into_iter().cycle().take(200_000).collect();
        let mut sim = PipelineSim::new(&e.staged);
        let times = (0..5).map(|_| {
            let start = std::time::Instant::now();
            sim.run(&arrivals, &mut e.maps, &mut Saturated).unwrap();
            start.elapsed().as_nanos() as f64 / arrivals.len() as f64
        });
        let ns = times.fold(f64::MAX, f64::min);
        println!("{name}: {ns:.0} ns a packet, {:.2} M packets/s", 1000.0 / ns);
    }
}
