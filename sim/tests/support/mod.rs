//! The examples for tests: programs, captures, map files.

use beeline_frontend::{verifier, VerifiedProgram};
use beeline_sim::MapSet;
use pcap_file::pcap::PcapReader;
use std::path::PathBuf;

pub fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

pub fn verified(name: &str) -> VerifiedProgram {
    let object = std::fs::read(directory(name).join(format!("{name}.o"))).unwrap();
    let program = beeline_frontend::load(&object, name).unwrap().program(None).unwrap();
    verifier::verify(program).unwrap_or_else(|e| panic!("{}", e[0]))
}

pub fn packets(name: &str) -> Vec<Vec<u8>> {
    let capture = std::fs::File::open(directory(name).join("traffic.pcap")).unwrap();
    let mut reader = PcapReader::new(capture).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        packets.push(packet.unwrap().data.into_owned());
    }
    packets
}

/// The capture, and each packet with bits flipped and cut short, all by a fixed generator.
pub fn with_damage(packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut x = 1u64;
    let mut random = |n: usize| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 33) as usize % n
    };
    let mut all = Vec::new();
    for packet in packets {
        let mut flipped = packet.clone();
        for _ in 0..1 + random(4) {
            let byte = random(flipped.len().min(64));
            flipped[byte] ^= 1 << random(8);
        }
        let cut = packet[..14 + random(packet.len() - 13)].to_vec();
        all.extend([packet, flipped, cut]);
    }
    all
}

/// Map, key and value of each entry in the example's map file, in its order.
pub fn entries(name: &str) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let Ok(file) = std::fs::read_to_string(directory(name).join("maps.json")) else {
        return Vec::new();
    };
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    let mut all = Vec::new();
    for (map, entries) in file.as_object().unwrap() {
        for entry in entries.as_array().unwrap() {
            all.push((map.clone(), bytes_of(&entry["key"]), bytes_of(&entry["value"])));
        }
    }
    all
}

fn bytes_of(hex: &serde_json::Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

/// The program's maps with the entries of the example's map file.
pub fn maps(name: &str, program: &VerifiedProgram) -> MapSet {
    let mut maps = MapSet::for_program(program.program()).unwrap();
    for (map, key, value) in entries(name) {
        let map = maps.index_of(&map).unwrap();
        maps.host_update(map, &key, &value, 0).unwrap();
    }
    maps
}
