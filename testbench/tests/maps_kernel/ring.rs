//! RINGBUF and PERF_EVENT_ARRAY from programs, with a consumer on the kernel's side.

use crate::asm::{self, *};
use crate::pair::{def, reachable};
use crate::user::{PerfEvent, RingReader};
use beeline_frontend::insn::{Cond, Size};
use beeline_frontend::{MapDef, Program};
use beeline_ir::map::MapKind;
use beeline_sim::MapSet;
use beeline_testbench::kernel::{Attach, KernelMap, KernelProgram, RunInputs};
use beeline_testbench::traffic::Rng;

/// Where a program finds its arguments and leaves its results in the packet.
const RESULT: i16 = 16;
const FLAGS: i16 = 24;
const LENGTH: i16 = 32;
const DISCARD: i16 = 40;
const DATA: i16 = 64;
const PACKET: usize = 192;
/// Bytes of a record that programs read and write.
const SHOWN: u32 = 48;
const RING: u32 = 4096;

struct Packet(Vec<u8>);

impl Packet {
    fn new(flags: u64, length: u64, discard: bool, data: &[u8]) -> Self {
        let mut bytes = vec![0; PACKET];
        bytes[FLAGS as usize..][..8].copy_from_slice(&flags.to_le_bytes());
        bytes[LENGTH as usize..][..8].copy_from_slice(&length.to_le_bytes());
        bytes[DISCARD as usize] = discard.into();
        bytes[DATA as usize..][..data.len()].copy_from_slice(data);
        Packet(bytes)
    }

    fn result(&self) -> i64 {
        self.0[RESULT as usize..][..8].first_chunk().map(|b| i64::from_le_bytes(*b)).unwrap()
    }
}

/// A program whose body has the packet in r6 and leaves its result in r0.
fn program(body: &[Line], def: &MapDef) -> Program {
    let mut lines = vec![mov(8, r(1)), asm::load(Size::B4, 6, 1, 0), asm::load(Size::B4, 3, 1, 4)];
    lines.extend([mov(4, r(6)), add(4, i(PACKET as i32)), jif(Cond::Gt, 4, r(3), "out")]);
    lines.extend_from_slice(body);
    lines.extend([Label("end"), store(Size::B8, 6, RESULT, r(0)), Label("out")]);
    lines.extend(finish(2));
    Program { license: Some("GPL".into()), ..link(&lines, vec![def.clone()]) }
}

fn loaded(body: &[Line], map: &KernelMap) -> KernelProgram {
    let program = program(body, map.def());
    KernelProgram::load(&program, std::slice::from_ref(map), Attach::Plain)
        .unwrap_or_else(|e| panic!("{e}"))
}

fn run(program: &KernelProgram, packet: &Packet) -> Packet {
    let run = program.test_run(&packet.0, &RunInputs::default()).unwrap();
    assert_eq!(run.code, 2);
    Packet(run.bytes)
}

/// Copies the 64 bytes at `DATA` to `r10 - 64`: these helpers take nothing from packets.
fn data_on_stack() -> Vec<Line> {
    let word = |k: i16| [asm::load(Size::B8, 2, 6, DATA + k), store(Size::B8, 10, k - 64, r(2))];
    (0..64).step_by(8).flat_map(word).collect()
}

/// `bpf_ringbuf_output` of `LENGTH` (below 64) bytes at `DATA`.
fn output() -> Vec<Line> {
    let mut body = data_on_stack();
    body.extend([map(1, 0), mov(2, r(10)), add(2, i(-64))]);
    body.extend([asm::load(Size::B8, 3, 6, LENGTH), and(3, 63), asm::load(Size::B8, 4, 6, FLAGS)]);
    body.push(helper(130));
    body
}

/// Reserves `size` bytes, swaps up to 48 of them with those at `DATA`, and commits. The result is 1, or 0 for NULL.
fn reserve(size: u32) -> Vec<Line> {
    let mut body = vec![map(1, 0), mov(2, i(size as i32)), asm::load(Size::B8, 3, 6, FLAGS)];
    body.extend([helper(131), mov(7, r(0)), mov(0, i(0)), jif(Cond::Eq, 7, i(0), "end")]);
    for k in 0..size.min(SHOWN) as i16 {
        body.extend([asm::load(Size::B1, 2, 7, k), asm::load(Size::B1, 3, 6, DATA + k)]);
        body.extend([store(Size::B1, 7, k, r(3)), store(Size::B1, 6, DATA + k, r(2))]);
    }
    body.extend([mov(1, r(7)), mov(2, i(0)), asm::load(Size::B1, 3, 6, DISCARD)]);
    body.extend([jif(Cond::Ne, 3, i(0), "discard"), helper(132), mov(0, i(1)), Goto("end")]);
    body.extend([Label("discard"), helper(133), mov(0, i(1))]);
    body
}

/// Reserves twice and submits in the other order; the records hold the first bytes at `DATA`.
fn reserve_two() -> Vec<Line> {
    let mut body = vec![map(1, 0), mov(2, i(9)), mov(3, i(0)), helper(131), mov(7, r(0))];
    body.extend([mov(0, i(0)), jif(Cond::Eq, 7, i(0), "end")]);
    body.extend([map(1, 0), mov(2, i(3)), mov(3, i(0)), helper(131), mov(8, r(0))]);
    body.extend([jif(Cond::Eq, 8, i(0), "one")]);
    body.extend(
        (0..9).flat_map(|k| [asm::load(Size::B1, 2, 6, DATA + k), store(Size::B1, 7, k, r(2))]),
    );
    body.extend(
        (0..3).flat_map(|k| [asm::load(Size::B1, 2, 6, DATA + k), store(Size::B1, 8, k, r(2))]),
    );
    body.extend([mov(1, r(8)), mov(2, i(1)), helper(132), mov(1, r(7)), mov(2, i(2)), helper(132)]);
    body.extend([mov(0, i(2)), Goto("end"), Label("one"), mov(1, r(7)), mov(2, i(0))]);
    body.extend([helper(133), mov(0, i(1))]);
    body
}

fn query() -> Vec<Line> {
    vec![map(1, 0), asm::load(Size::B8, 2, 6, FLAGS), helper(134)]
}

/// What [`reserve`] does, on the model.
fn model_reserve(ours: &mut MapSet, size: u32, mut p: Packet, flags: u64, discard: bool) -> Packet {
    let mut result = 0u64;
    if let Some(at) = ours.ring_reserve(0, size.into(), flags) {
        let n = size.min(SHOWN) as usize;
        let record = ours.values_mut(0).unwrap().slice_mut(at, n).unwrap();
        record.swap_with_slice(&mut p.0[DATA as usize..][..n]);
        ours.ring_commit(0, at, discard).unwrap();
        result = 1;
    }
    p.0[RESULT as usize..][..8].copy_from_slice(&result.to_le_bytes());
    p
}

fn model_reserve_two(ours: &mut MapSet, p: &Packet) -> i64 {
    let data = &p.0[DATA as usize..];
    let Some(first) = ours.ring_reserve(0, 9, 0) else { return 0 };
    let Some(second) = ours.ring_reserve(0, 3, 0) else {
        ours.ring_commit(0, first, true).unwrap();
        return 1;
    };
    for (at, n) in [(first, 9), (second, 3)] {
        ours.values_mut(0).unwrap().slice_mut(at, n).unwrap().copy_from_slice(&data[..n]);
    }
    ours.ring_commit(0, second, false).unwrap();
    ours.ring_commit(0, first, false).unwrap();
    2
}

/// Codes, queries, what the memory of a new record holds, and what the consumer reads; the consumer
/// reads at random times, so that the ring fills and wraps.
#[test]
fn random_use_of_a_ring() {
    if !reachable() {
        return;
    }
    let def = def(MapKind::Ringbuf, 0, 0, RING);
    let theirs = KernelMap::create(&def).unwrap();
    let mut ours = MapSet::new(&[def]).unwrap();
    let mut reader = RingReader::new(&theirs, RING as usize).unwrap();
    const SIZES: [u32; 12] = [0, 1, 7, 8, 9, 40, 300, 1000, 2040, 4079, 4080, 4081];
    let reserves: Vec<_> = SIZES.iter().map(|s| loaded(&reserve(*s), &theirs)).collect();
    let (output, two, query) =
        (loaded(&output(), &theirs), loaded(&reserve_two(), &theirs), loaded(&query(), &theirs));
    let mut rng = Rng::new(3);
    let (mut refused, mut events) = (0, 0);
    ours.start_packet();
    for n in 0..4000 {
        let data = rng.bytes(64);
        let discard = rng.percent(30);
        let length = rng.below(64) as u64;
        let flags = if rng.percent(90) { 0 } else { rng.below(6) as u64 };
        let packet = Packet::new(flags, length, discard, &data);
        match rng.below(10) {
            0..=4 => {
                let k = rng.below(SIZES.len());
                let their_packet = run(&reserves[k], &packet);
                let our_packet = model_reserve(&mut ours, SIZES[k], packet, flags, discard);
                assert_eq!(their_packet.0, our_packet.0, "step {n}, {} bytes", SIZES[k]);
                refused += usize::from(our_packet.result() == 0);
            }
            5 | 6 => {
                let result = run(&output, &packet).result();
                let ours = ours.ring_output(0, &data[..length as usize], flags);
                assert_eq!(result, ours.map_or_else(|e| -i64::from(e.0), |()| 0), "step {n}");
            }
            7 => assert_eq!(run(&two, &packet).result(), model_reserve_two(&mut ours, &packet)),
            8 => assert_eq!(run(&query, &packet).result(), ours.ring_query(0, flags) as i64),
            _ => {
                let read: Vec<_> = ours.take_events().into_iter().map(|e| e.data).collect();
                assert_eq!(reader.read(), read, "step {n}");
                events += read.len();
                ours.start_packet();
            }
        }
    }
    assert!(refused > 50 && events > 500, "{refused} refused, {events} events");
}

/// `bpf_perf_event_output` of `LENGTH` (below 64) bytes at `DATA`, with the context that r8 kept.
fn perf_output() -> Vec<Line> {
    let mut body = data_on_stack();
    body.extend([mov(1, r(8)), map(2, 0), asm::load(Size::B8, 3, 6, FLAGS), mov(4, r(10))]);
    body.extend([add(4, i(-64)), asm::load(Size::B8, 5, 6, LENGTH), and(5, 63)]);
    body.push(helper(25));
    body
}

#[test]
fn perf_events() {
    if !reachable() {
        return;
    }
    let def = def(MapKind::PerfEventArray, 4, 4, 4);
    let theirs = KernelMap::create(&def).unwrap();
    let mut ours = MapSet::new(&[def]).unwrap();
    let program = loaded(&perf_output(), &theirs);
    let mut event = PerfEvent::open(0).unwrap();
    let elsewhere = PerfEvent::open(1).ok();
    ours.clear_perf_events(0);
    theirs.update(&[0; 4], &event.descriptor(), 0).unwrap();
    ours.host_update(0, &[0; 4], &0u32.to_le_bytes(), 0).unwrap();
    if let Some(elsewhere) = &elsewhere {
        theirs.update(&[2, 0, 0, 0], &elsewhere.descriptor(), 0).unwrap();
        ours.host_update(0, &[2, 0, 0, 0], &1u32.to_le_bytes(), 0).unwrap();
    }
    let mut rng = Rng::new(8);
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..400 {
        let (data, length) = (rng.bytes(64), rng.below(64) as u64);
        let index = *rng.pick(&[0xffff_ffff, 0xffff_ffff, 0, 1, 2, 3, 4, 0xffff_fffe]);
        let appended = if rng.percent(50) { rng.below(PACKET + 60) as u64 } else { 0 };
        let unknown = if rng.percent(10) { 1 << (52 + rng.below(12)) } else { 0 };
        let flags = index | appended << 32 | unknown;
        let packet = Packet::new(flags, length, false, &data);
        let result = run(&program, &packet).result();
        let model = MapSet::check_perf_flags(flags).map_err(|e| -i64::from(e.0)).and_then(|()| {
            let tail = packet.0.get(..appended as usize).ok_or(-14)?;
            let parts = [&data[..length as usize], tail];
            ours.perf_output(0, flags, 0, &parts).map_err(|e| -i64::from(e.0))
        });
        assert_eq!(result, model.err().unwrap_or(0), "step {n}, flags {flags:#x}");
        seen.insert(result);
        for (read, sent) in event.read().into_iter().zip(ours.take_events()) {
            // The kernel pads the bytes and the length word in front of them to a multiple of 8.
            let (bytes, padding) = read.split_at(sent.data.len());
            assert_eq!(bytes, sent.data);
            assert!(padding.len() < 8, "{} bytes of padding", padding.len());
        }
        assert_eq!(event.read().len() + ours.take_events().len(), 0);
    }
    let mut expected = vec![-22, -14, -7, -2, 0];
    if elsewhere.is_some() {
        expected.insert(0, -95);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}
