//! Runs all vectors in every engine.

use super::forms::{forms, Form};
use super::program::{expected, packet, program, FORMS, OPERANDS};
use super::table::{computing, key};
use beeline_frontend::{verifier, VerifiedProgram};
use beeline_ir::validate::{validate_function, validate_pipeline};
use beeline_sim::exec::{FunctionExec, PipelineExec};
use beeline_sim::{Executor, Inputs, Interp, MapSet, Packet};
use beeline_testbench::flow::{self, Options};
use beeline_testbench::kernel::{self, Attach, KernelObject, KernelProgram, RunInputs};
use beeline_testbench::traffic::Rng;
use std::collections::BTreeSet;

/// Values at the edges of 8, 16, 32 and 64 bits, and shift amounts.
const EDGES: [u64; 22] = [
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0xffff,
    0x8000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0xffff_ffff_8000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    u64::MAX - 6,
    0x0123_4567_89ab_cdef,
];

fn operands(random: usize) -> Vec<[u64; 3]> {
    let mut all = Vec::new();
    for (i, a) in EDGES.into_iter().enumerate() {
        // In the third place: what is equal to the first, wholly or in its low half, and something else.
        let third = |j: usize| match (i + j) % 3 {
            0 => a,
            1 => a ^ 0x5555_0000_0000_0000,
            _ => EDGES[(i * 7 + j) % EDGES.len()],
        };
        all.extend(EDGES.into_iter().enumerate().map(|(j, b)| [a, b, third(j)]));
    }
    let mut rng = Rng::new(9669);
    for _ in 0..random {
        let mut word = || match rng.below(4) {
            0 => *rng.pick(&EDGES),
            1 => u64::from(rng.next_u32()),
            2 => rng.next_u64() >> rng.below(64),
            _ => rng.next_u64(),
        };
        let (a, b, c) = (word(), word(), word());
        all.push([a, b, if c % 3 == 0 { a } else { c }]);
    }
    all
}

/// Runs a packet.
type Run<'a> = Box<dyn FnMut(&[u8]) -> Vec<u8> + 'a>;

/// An engine by its name.
type Engine<'a> = (&'static str, Run<'a>);

fn simulated<'a>(mut engine: impl Executor + 'a, maps: MapSet) -> Run<'a> {
    let (mut packet, mut maps) = (Packet::new(), maps);
    Box::new(move |bytes| {
        packet.arrive(bytes).unwrap();
        let exit = engine.run(&Inputs::default(), &mut packet, &mut maps).unwrap();
        assert_eq!(exit.code, 2);
        packet.bytes().to_vec()
    })
}

fn engines(program: &VerifiedProgram) -> Vec<Engine<'static>> {
    let maps = || MapSet::for_program(program.program()).unwrap();
    let function = flow::optimised(program, &Options::default(), &mut |_, _| ()).unwrap();
    let pipeline = validate_pipeline(flow::predicated(&function).unwrap()).unwrap();
    let lifted = beeline_frontend::lift::lift(program).unwrap();
    let (lifted, function) =
        (validate_function(lifted).unwrap(), validate_function(function).unwrap());
    vec![
        ("interp", simulated(Interp::new(program).unwrap(), maps())),
        ("the lifted function", simulated(FunctionExec::new(&lifted), maps())),
        ("the optimised function", simulated(FunctionExec::new(&function), maps())),
        ("the pipeline", simulated(PipelineExec::new(&pipeline), maps())),
    ]
}

/// Loads into the kernel, where there is one.
fn load(program: &VerifiedProgram) -> Option<(KernelObject, KernelProgram)> {
    if kernel::available().is_err() {
        return None;
    }
    let program = program.program();
    let object = KernelObject::create(program).unwrap();
    let loaded = object.load(program, Attach::Plain).unwrap_or_else(|e| panic!("{e}"));
    Some((object, loaded))
}

fn check(forms: &[Form], operands: &[[u64; 3]]) {
    let program = verifier::verify(program(forms)).unwrap_or_else(|e| panic!("{}", e[0]));
    let loaded = load(&program);
    let mut engines = engines(&program);
    if let Some((_, loaded)) = &loaded {
        let run = |bytes: &[u8]| {
            let run = loaded.test_run(bytes, &RunInputs::default()).unwrap();
            assert_eq!(run.code, 2);
            run.bytes
        };
        compare("the kernel", forms, operands, run);
    }
    for (name, run) in &mut engines {
        compare(name, forms, operands, run);
    }
}

fn compare(
    name: &str,
    forms: &[Form],
    operands: &[[u64; 3]],
    mut run: impl FnMut(&[u8]) -> Vec<u8>,
) {
    for o in operands {
        let (found, wanted) = (run(&packet(*o, forms.len())), expected(*o, forms));
        if let Some(at) = found.iter().zip(&wanted).position(|(f, w)| f != w) {
            let form = at.saturating_sub(OPERANDS) / 32;
            let of = |bytes: &[u8]| -> Vec<String> {
                let start = OPERANDS + form * 32;
                let words = bytes[start..start + 32].chunks_exact(8);
                words.map(|w| format!("{:x}", u64::from_le_bytes(w.try_into().unwrap()))).collect()
            };
            panic!(
                "{name}: {:x?} with {o:x?}: dst, src, r0, memory are {:?}, not {:?}",
                forms[form],
                of(&found),
                of(&wanted)
            );
        }
        assert_eq!(found.len(), wanted.len());
    }
}

#[test]
fn every_opcode_with_edge_values_and_random_ones() {
    if let Err(why) = kernel::available() {
        println!("notice: comparison with the kernel skipped: {why}");
    }
    let operands = operands(150);
    let all = forms();
    for part in all.chunks(FORMS) {
        check(part, &operands);
    }
    let vectors = all.len() * operands.len();
    println!("{} instructions, {vectors} vectors", all.len());
    assert!(vectors > 100_000);
}

#[test]
fn no_opcode_is_left_out() {
    let tried: BTreeSet<_> = forms().iter().map(|f| key(&f.raw)).collect();
    let missing: Vec<_> = computing().difference(&tried).copied().collect();
    assert!(missing.is_empty(), "no vector for {missing:x?}");
    assert_eq!(tried.difference(&computing()).count(), 0);
}
