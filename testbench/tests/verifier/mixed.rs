//! Random whole programs: verdicts compared with the kernel's, and what both accept is run in both.

use super::kernel::{reachable, Verdict};
use super::random::{listing, Random};
use super::writer::{Writer, VALUE_BYTES};
use beeline_frontend::{verifier, Program, VerifiedProgram};
use beeline_ir::map::MapKind;
use beeline_sim::{Executor, Inputs, Interp, MapSet, Packet};
use beeline_testbench::kernel::{stay_on_cpu, Attach, KernelObject, KernelProgram, RunInputs};
use std::collections::BTreeMap;

/// Programs of one run; `BEELINE_MIXED_PROGRAMS` sets another number for a long run, `BEELINE_MIXED_SEED` the first seed.
const PROGRAMS: u64 = 4000;

/// Packets that each program is run on.
const PACKETS: usize = 4;

/// What a program that both accept did differently, or that nothing differed.
fn run_both(
    object: &KernelObject,
    loaded: &KernelProgram,
    ours: &VerifiedProgram,
    random: &mut Random,
) -> Result<(), String> {
    let program = ours.program();
    let mut maps = MapSet::for_program(program).map_err(|e| e.to_string())?;
    let mut interp = Interp::new(ours).map_err(|all| all[0].to_string())?;
    for key in 0..4u32 {
        let value: Vec<u8> = (0..VALUE_BYTES).map(|_| random.next() as u8).collect();
        object.maps[0].update(&key.to_le_bytes(), &value, 0).map_err(|e| e.to_string())?;
        maps.update(0, &key.to_le_bytes(), &value, 0).map_err(|e| format!("{e:?}"))?;
    }
    let mut packet = Packet::new();
    for n in 0..PACKETS {
        let bytes = random_packet(random);
        let theirs = loaded.test_run(&bytes, &RunInputs::default()).map_err(|e| e.to_string())?;
        packet.arrive(&bytes).map_err(|e| e.to_string())?;
        let exit =
            interp.run(&Inputs::default(), &mut packet, &mut maps).map_err(|e| e.to_string())?;
        if exit.code != theirs.code {
            return Err(format!(
                "packet {n}: code {} here, {} in the kernel",
                exit.code, theirs.code
            ));
        }
        if packet.bytes() != theirs.bytes {
            return Err(format!(
                "packet {n}: bytes\n{:02x?} here\n{:02x?}",
                packet.bytes(),
                theirs.bytes
            ));
        }
    }
    let dump = object.maps[0].dump().map_err(|e| e.to_string())?;
    let nonzero = |all: Vec<(Vec<u8>, Vec<u8>)>| -> Vec<_> {
        let array = program.maps[0].kind != MapKind::Hash;
        all.into_iter().filter(|(_, v)| !array || v.iter().any(|b| *b != 0)).collect()
    };
    let (ours, theirs) = (nonzero(maps.dump(0)), nonzero(dump));
    if ours != theirs {
        return Err(format!("map:\n{ours:02x?} here\n{theirs:02x?} in the kernel"));
    }
    Ok(())
}

fn random_packet(random: &mut Random) -> Vec<u8> {
    let length = random.pick(&[14u64, 15, 20, 34, 35, 64, 100, 300]);
    let small = random.chance(50);
    (0..length).map(|_| if small { random.below(32) as u8 } else { random.next() as u8 }).collect()
}

/// How often each pair of verdicts occurred.
#[derive(Default, Debug)]
struct Tally {
    both_accept: u64,
    both_refuse: u64,
    only_kernel: u64,
    only_ours: u64,
    run: u64,
    /// Differences by our code or the kernel's words.
    classes: BTreeMap<String, u64>,
}

/// The kernel's last words without numbers.
fn class_of(log: &str) -> String {
    let line = log.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("");
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn judge(program: &Program) -> (Verdict, Option<(KernelObject, KernelProgram)>) {
    let object = match KernelObject::create(program) {
        Ok(object) => object,
        Err(e) => return (Verdict::Unknown(e.to_string()), None),
    };
    match object.load(program, Attach::Section) {
        Ok(loaded) => (Verdict::Accepted, Some((object, loaded))),
        Err(refused) => (Verdict::Refused(refused.to_string()), None),
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

#[test]
fn whole_programs_get_the_kernels_verdicts_and_results() {
    if !reachable() {
        return;
    }
    stay_on_cpu(0).expect("CPU 0 exists");
    let first = number("BEELINE_MIXED_SEED").unwrap_or(0);
    let last = first + number("BEELINE_MIXED_PROGRAMS").unwrap_or(PROGRAMS);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for seed in first..last {
        let tame = seed % 4 != 0;
        let program = Writer::new(seed, tame).program();
        let (theirs, loaded) = judge(&program);
        let ours = verifier::verify(program.clone());
        match (ours, theirs) {
            (_, Verdict::Unknown(why)) => panic!("{why}"),
            (Ok(ours), Verdict::Accepted) => {
                tally.both_accept += 1;
                let Some((object, loaded)) = loaded.filter(|_| tame) else { continue };
                tally.run += 1;
                if let Err(why) = run_both(&object, &loaded, &ours, &mut Random::new(!seed)) {
                    wrong.push(format!("seed {seed}: {why}\n{}", listing(&program)));
                }
            }
            (Err(_), Verdict::Refused(_)) => tally.both_refuse += 1,
            (Err(d), Verdict::Accepted) => {
                tally.only_kernel += 1;
                let class = format!("only Linux accepts: {} {}", d[0].code, d[0].message);
                let class = class.chars().filter(|c| !c.is_ascii_digit()).collect();
                *tally.classes.entry(class).or_default() += 1;
                println!("seed {seed}: only the kernel accepts: {}\n{}", d[0], listing(&program));
            }
            (Ok(_), Verdict::Refused(log)) => {
                tally.only_ours += 1;
                *tally
                    .classes
                    .entry(format!("only Beeline accepts: {}", class_of(&log)))
                    .or_default() += 1;
                println!("seed {seed}: only we accept:\n{}\n{log}", listing(&program));
            }
        }
    }
    println!("{tally:#?}");
    assert!(wrong.is_empty(), "{} of {} differ in a run\n{}", wrong.len(), tally.run, wrong[0]);
    assert!(tally.both_accept > 0 && tally.both_refuse > 0 && tally.run > 0);
    // `docs/verifier.md` lists the classes of difference; they are rare.
    assert!(tally.only_ours * 200 <= tally.both_accept, "{tally:?}");
    assert!(tally.only_kernel * 500 <= tally.both_accept, "{tally:?}");
}
