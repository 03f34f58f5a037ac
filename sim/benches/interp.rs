//! The interpreter against the interpreter of crate `rbpf`: the same bytecode on the same packets.
//!
//! rbpf has no maps, no atomic additions and a context of its own. So both run the example programs with a plain store in place of each
//! atomic addition; rbpf's map lookup finds one fixed value in every array and nothing in hash maps, which here
//! are empty; and rbpf's program loads the context's two pointers from where rbpf puts them.

use beeline_frontend::encode::{encode, to_bytes};
use beeline_frontend::insn::{AtomicKind, Imm64, Insn, Operand, Size};
use beeline_frontend::{Program, Reg};
use beeline_ir::MapKind;
use beeline_sim::{Executor, Inputs, Interp, MapSet, Packet};
use criterion::{Criterion, Throughput};
use pcap_file::pcap::PcapReader;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// Examples that only look things up and leave the packet's bounds alone.
const EXAMPLES: [&str; 4] = ["firewall", "l2_acl", "proto_counters", "dns_filter"];

/// The value that rbpf's lookup finds in arrays.
static VALUE: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

fn value_address() -> u64 {
    VALUE.as_ptr() as u64
}

fn rbpf_lookup(is_array: u64, _key: u64, _: u64, _: u64, _: u64) -> u64 {
    match is_array {
        0 => 0,
        _ => value_address(),
    }
}

fn example(name: &str) -> (Program, Vec<Vec<u8>>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let object = std::fs::read(dir.join(format!("{name}.o"))).expect("the example's object");
    let object = beeline_frontend::load(&object, name).expect("a good object");
    let mut program = object.program(None).expect("one program");
    for insn in &mut program.insns {
        if let Insn::Atomic { kind: AtomicKind::Add, size, dst, off, src, .. } = *insn {
            *insn = Insn::Store { size, dst, off, src: Operand::Reg(src) };
        }
    }
    let capture = std::fs::File::open(dir.join("traffic.pcap")).expect("the example's packets");
    let mut reader = PcapReader::new(capture).expect("a capture");
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        packets.push(packet.expect("a whole packet").data.into_owned());
    }
    (program, packets)
}

/// The program as rbpf can run it: 64-bit context loads from offsets 0 and 8, and for a map whether it is an array.
fn for_rbpf(program: &Program) -> Vec<u8> {
    let mut insns = program.insns.clone();
    for insn in &mut insns {
        match insn {
            Insn::Load { size, dst, src: Reg::R1, off: off @ (0 | 4), .. } => {
                (*size, *off) = (Size::B8, *off * 2);
                if *dst == Reg::R1 {
                    break;
                }
            }
            Insn::Alu { dst: Reg::R1, .. } => break,
            _ => {}
        }
    }
    for insn in &mut insns {
        if let Insn::LoadImm64 { imm, .. } = insn {
            if let Imm64::Map(map) = *imm {
                let array = matches!(program.maps[map].kind, MapKind::Array | MapKind::PercpuArray);
                *imm = Imm64::Value(array.into());
            }
        }
    }
    to_bytes(&encode(&insns))
}

fn compare_interpreters(c: &mut Criterion) {
    for name in EXAMPLES {
        let (program, packets) = example(name);
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(packets.len() as u64));

        let mut interp = Interp::unverified(&program).expect("known helpers");
        let mut maps = MapSet::for_program(&program).expect("known maps");
        let mut packet = Packet::new();
        let inputs = Inputs::default();
        let mut codes = Vec::new();
        for bytes in &packets {
            packet.arrive(bytes).expect("a supported length");
            codes.push(u64::from(
                interp.run(&inputs, &mut packet, &mut maps).expect("no fault").code,
            ));
        }
        group.bench_function("beeline", |b| {
            b.iter(|| {
                for bytes in &packets {
                    packet.arrive(bytes).expect("a supported length");
                    interp.run(&inputs, &mut packet, &mut maps).expect("no fault");
                }
            });
        });

        let bytecode = for_rbpf(&program);
        let mut vm = rbpf::EbpfVmMbuff::new(Some(&bytecode)).expect("a program for rbpf");
        vm.register_helper(1, rbpf_lookup).expect("a new helper");
        vm.register_allowed_memory(value_address()..value_address() + 128);
        let contexts: Vec<[u8; 16]> = packets.iter().map(|p| rbpf_context(p)).collect();
        let run = |(packet, context): (&Vec<u8>, &[u8; 16])| {
            vm.execute_program(packet, context).expect("no error")
        };
        let results: Vec<u64> = packets.iter().zip(&contexts).map(run).collect();
        assert_eq!(results, codes, "both interpreters do the same");
        group.bench_function("rbpf", |b| {
            b.iter(|| packets.iter().zip(&contexts).map(run).fold(0, u64::wrapping_add));
        });
        group.finish();
    }
}

/// Addresses of the first byte and of the end, where the program for rbpf loads them.
fn rbpf_context(packet: &[u8]) -> [u8; 16] {
    let mut context = [0; 16];
    let start = packet.as_ptr() as u64;
    context[..8].copy_from_slice(&start.to_le_bytes());
    context[8..].copy_from_slice(&(start + packet.len() as u64).to_le_bytes());
    context
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    compare_interpreters(&mut criterion);
    criterion.final_summary();
}
