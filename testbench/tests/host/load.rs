//! The host at work while packets arrive in every cycle: what each request finds, and what each packet does, is what the interpreter says
//! if the request takes its place between the packets where its token was.

use crate::subject::{Rng, Subject};
use beeline_sim::outcome::Action;
use beeline_sim::{Executor, Inputs, Interp, MapSet, Outcome, Packet};
use beeline_testbench::capture::{Trace, TracePacket};
use beeline_testbench::engine::{Job, Surroundings};
use beeline_testbench::map_file::MapFile;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::rtl;
use beeline_testbench::rtl::driver::Driver;
use beeline_testbench::rtl::model::RunRecord;
use beeline_testbench::tail_calls::TailCalls;
use std::sync::Arc;

const PACKETS: usize = 12_000;

/// A call of the driver, its answer, and how many tokens had been sent after it.
struct Call {
    map: u32,
    key: Vec<u8>,
    what: What,
    tokens: usize,
}

enum What {
    Lookup(Result<Vec<u8>, i32>),
    Update(Vec<u8>, u64, Result<(), i32>),
    Delete(Result<(), i32>),
    /// Any entry, with its value: both from one moment.
    Entry(Vec<u8>),
}

/// What a test varies.
struct Load {
    name: &'static str,
    /// Maps and how many keys of each the host works on.
    maps: &'static [(&'static str, u64)],
    /// Makes a packet.
    packet: fn(&mut Rng) -> Vec<u8>,
    /// The key of a map number `n` stands for.
    key: fn(&str, u64) -> Vec<u8>,
    pacing: Pacing,
    seed: u64,
}

impl Load {
    fn trace(&self) -> Trace {
        let mut rng = Rng(self.seed);
        let packet = |index| {
            let bytes = (self.packet)(&mut rng);
            TracePacket { index, time_ns: 0, bytes, rx_hash: None }
        };
        Trace { packets: (0..PACKETS).map(packet).collect(), notices: Vec::new() }
    }

    /// Returns cycles of the replay and tokens sent.
    fn run(&self) -> Option<(u64, usize)> {
        let subject = Subject::new(self.name);
        let mut driver = subject.open()?;
        let trace = self.trace();
        let maps = MapFile::default();
        let job = Job {
            program: &subject.program,
            hardware: Some(&subject.compiled),
            tail_calls: TailCalls::none(),
            trace: &trace,
            maps: &maps,
            surroundings: Surroundings::default(),
            pacing: self.pacing,
        };
        let stream = Arc::new(rtl::stream(&job));
        driver.model().start(stream.clone());
        let calls = self.calls(&subject, &mut driver);
        let record = driver.model().finish().unwrap();
        assert!(driver.error().is_none(), "a register access failed");
        let ends: Vec<u64> = {
            // The window is a single beat: a packet is in order by its first.
            assert!(subject.compiled.staged.window <= 64);
            record.entered.clone()
        };
        // A token is behind the packets whose beat was accepted in the cycle of its start or earlier.
        let position = |call: &Call| {
            let start = record.starts[call.tokens - 1];
            ends.partition_point(|c| *c <= start)
        };
        let places: Vec<usize> = calls.iter().map(position).collect();
        assert!(places.is_sorted());
        let inside = places.iter().filter(|p| **p > 0 && **p < PACKETS).count();
        assert!(inside > 40, "only {inside} calls met traffic");
        let expected = reference(&subject, &trace, &calls, &places);
        compare(&record, &expected.0);
        for (n, decl) in subject.decls().enumerate() {
            let mut entries = Vec::new();
            let mut cursor = 0;
            while let Ok((key, value)) = driver.next_entry(n as u32, &mut cursor) {
                if decl.kind.has_key_table() || value.iter().any(|b| *b != 0) {
                    entries.push((key, value));
                }
            }
            entries.sort();
            assert_eq!(entries, expected.1.dump(n), "map {} after the last packet", decl.name);
        }
        Some((record.cycles, record.starts.len()))
    }

    fn calls(&self, subject: &Subject, driver: &mut Driver) -> Vec<Call> {
        let mut rng = Rng(self.seed ^ 0xabcd);
        let mut calls = Vec::new();
        let mut cursors = vec![0; subject.decls().count()];
        while driver.model().pending() > 0 {
            let (name, keys) = self.maps[rng.below(self.maps.len() as u64) as usize];
            let map = subject.map(name);
            let mut key = (self.key)(name, rng.below(keys));
            let what = match rng.below(8) {
                0 | 1 => What::Lookup(driver.lookup(map, &key)),
                2..=4 => {
                    let size = subject.decls().nth(map as usize).unwrap().value_size;
                    let value = rng.bytes(size as usize);
                    let flags = rng.below(3);
                    let result = driver.update(map, &key, &value, flags);
                    What::Update(value, flags, result)
                }
                5 => What::Delete(driver.delete(map, &key)),
                _ => match driver.next_entry(map, &mut cursors[map as usize]) {
                    Ok((found, value)) => {
                        key = found;
                        What::Entry(value)
                    }
                    Err(_) => {
                        cursors[map as usize] = 0;
                        continue;
                    }
                },
            };
            let tokens = driver.model().requests() as usize;
            // A call that was refused without asking the design has no place among the packets.
            if calls.last().map_or(0, |c: &Call| c.tokens) < tokens {
                calls.push(Call { map, key, what, tokens });
            }
        }
        calls
    }
}

/// What the interpreter does with the same packets, and calls at their places, whose answers it checks.
fn reference(
    subject: &Subject,
    trace: &Trace,
    calls: &[Call],
    places: &[usize],
) -> (Vec<Outcome>, MapSet) {
    let mut maps = subject.maps();
    let mut interp = Interp::new(&subject.program).unwrap();
    let mut packet = Packet::new();
    let mut outcomes = Vec::new();
    let mut next = 0;
    for (n, p) in trace.packets.iter().enumerate() {
        while next < calls.len() && places[next] <= n {
            answer(&mut maps, &calls[next], next);
            next += 1;
        }
        packet.arrive(&p.bytes).unwrap();
        let s = Surroundings::default();
        let inputs = Inputs {
            time_ns: p.time_ns,
            ingress_ifindex: s.ingress_ifindex,
            rx_queue_index: s.rx_queue_index,
            cpu: s.cpu,
            packet_index: n as u32,
            seed: s.seed,
            rx_hash: p.rx_hash,
        };
        let exit = interp.run(&inputs, &mut packet, &mut maps).unwrap();
        // What the packet has changed is there for the host, too.
        maps.settle();
        outcomes.push(Outcome::new(exit, &packet));
    }
    for (n, call) in calls.iter().enumerate().skip(next) {
        answer(&mut maps, call, n);
    }
    (outcomes, maps)
}

fn answer(maps: &mut MapSet, call: &Call, n: usize) {
    let map = call.map as usize;
    match &call.what {
        What::Lookup(got) => {
            let want = maps.host_lookup(map, &call.key, 0).map_err(|e| -e.0);
            assert_eq!(got, &want, "call {n}: lookup {:x?} in map {map}", call.key);
        }
        What::Update(value, flags, got) => {
            let want = maps.host_update(map, &call.key, value, *flags).map_err(|e| -e.0);
            assert_eq!(got, &want, "call {n}: update {:x?} in map {map}", call.key);
        }
        What::Delete(got) => {
            let want = maps.host_delete(map, &call.key).map_err(|e| -e.0);
            assert_eq!(got, &want, "call {n}: delete {:x?} in map {map}", call.key);
        }
        What::Entry(value) => {
            let want = maps.host_lookup(map, &call.key, 0).map_err(|e| -e.0);
            assert_eq!(Ok(value), want.as_ref(), "call {n}: entry {:x?} in map {map}", call.key);
        }
    }
}

/// Every packet is there, in order, with the outcome of the interpreter.
fn compare(record: &RunRecord, expected: &[Outcome]) {
    let got = rtl::packets(record).unwrap();
    assert_eq!(got.len(), expected.len());
    for (n, (got, want)) in got.iter().zip(expected).enumerate() {
        let action = Action::from_code(want.exit.code);
        assert_eq!(got.outcome.exit, want.exit, "packet {n}");
        if action.leaves() {
            assert_eq!(got.outcome.bytes, want.bytes, "packet {n}");
        }
    }
}

fn placed_packet(rng: &mut Rng) -> Vec<u8> {
    let mut p = placed_key("rules", rng.below(6));
    p.extend((rng.below(8) as u32).to_le_bytes());
    p.extend((rng.below(9) as u32).to_le_bytes());
    p.resize(64, 0);
    p
}

fn placed_key(map: &str, n: u64) -> Vec<u8> {
    match map {
        "rules" => {
            (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xffff_ffff_ffff).to_le_bytes().to_vec()
        }
        _ => (n as u32).to_le_bytes().to_vec(),
    }
}

const PLACED: Load = Load {
    name: "placed",
    maps: &[("rules", 6), ("classes", 8), ("ports", 6)],
    packet: placed_packet,
    key: placed_key,
    pacing: Pacing::FullRate,
    seed: 1,
};

fn tabled_packet(rng: &mut Rng) -> Vec<u8> {
    let mut p = vec![u8::from(rng.below(4) == 0), 0, 0, 0];
    p.extend(tabled_key("sessions", rng.below(30)));
    p.extend(tabled_key("recent", rng.below(40)));
    p.resize(64, 0);
    p
}

fn tabled_key(map: &str, n: u64) -> Vec<u8> {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match map {
        "sessions" => (n as u32).to_le_bytes().to_vec(),
        _ => n.to_le_bytes().to_vec(),
    }
}

const TABLED: Load = Load {
    name: "tabled",
    maps: &[("sessions", 30), ("recent", 40)],
    packet: tabled_packet,
    key: tabled_key,
    pacing: Pacing::FullRate,
    seed: 1,
};

#[test]
fn requests_take_their_place_among_packets() {
    for seed in 1..=4 {
        let Some((cycles, tokens)) = (Load { seed, ..PLACED }).run() else { return };
        println!("placed: {PACKETS} packets, {cycles} cycles, {tokens} requests");
        // Packets come in every cycle; each request costs one.
        assert!(cycles <= (PACKETS + tokens + 64) as u64, "{cycles} cycles for {tokens} requests");
        assert!((Load { seed, pacing: Pacing::Random(seed), ..PLACED }).run().is_some());
    }
}

#[test]
fn requests_to_tables_take_their_place_among_packets() {
    for seed in 1..=4 {
        let Some((cycles, tokens)) = (Load { seed, ..TABLED }).run() else { return };
        println!("tabled: {PACKETS} packets, {cycles} cycles, {tokens} requests");
        assert!((Load { seed, pacing: Pacing::Random(seed), ..TABLED }).run().is_some());
    }
}
