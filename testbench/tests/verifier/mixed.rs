//! Random whole programs: verdicts compared with the kernel's, and what both accept is run in both.

use super::kernel::reachable;
use super::random::{listing, Random};
use super::writer::{Writer, VALUE_BYTES};
use beeline_frontend::{verifier, Program, VerifiedProgram};
use beeline_ir::map::MapKind;
use beeline_sim::{Executor, Inputs, Interp, MapSet, Packet};
use beeline_testbench::kernel::{stay_on_cpu, Attach, KernelObject, KernelProgram, RunInputs};
use std::collections::BTreeMap;

/// Programs of one run; `BEELINE_MIXED_PROGRAMS` sets another number for a long run, `BEELINE_MIXED_SEED` the first seed.
const PROGRAMS: u64 = 1500;

/// Programs between two reports of a long run.
const PROGRESS: u64 = 5000;

/// Packets that each program is run on.
const PACKETS: usize = 2;

/// Packets that a program which only Beeline accepts is run on, here alone.
const PACKETS_ALONE: usize = 200;

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

/// A program that only Beeline accepts must do nothing on any packet that the verifier excludes.
fn run_alone(ours: &VerifiedProgram, random: &mut Random) -> Result<(), String> {
    let mut maps = MapSet::for_program(ours.program()).map_err(|e| e.to_string())?;
    let mut interp = Interp::new(ours).map_err(|all| all[0].to_string())?;
    let mut packet = Packet::new();
    for n in 0..PACKETS_ALONE {
        packet.arrive(&random_packet(random)).map_err(|e| e.to_string())?;
        let inputs = Inputs { ingress_ifindex: random.next() as u32, ..Inputs::default() };
        let run = interp.run(&inputs, &mut packet, &mut maps);
        run.map_err(|e| format!("alone, packet {n}: {e}"))?;
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

impl Tally {
    /// Counts a difference by its reason, in which numbers are left out.
    fn class(&mut self, who: &str, why: &str) {
        let why: String = why.chars().filter(|c| !c.is_ascii_digit()).collect();
        *self.classes.entry(format!("{who}: {why}")).or_default() += 1;
    }
}

/// The kernel's words on a program that it refuses.
fn reason(object: &KernelObject, program: &Program) -> String {
    object.load(program, Attach::Section).err().map_or(String::new(), |refused| refused.to_string())
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
        let object = KernelObject::create(&program).expect("its maps can be created");
        let theirs = object.load_quietly(&program, Attach::Section);
        let ours = verifier::verify(program.clone());
        match (ours, theirs) {
            (Ok(ours), Ok(loaded)) => {
                tally.both_accept += 1;
                if !tame {
                    continue;
                }
                tally.run += 1;
                if let Err(why) = run_both(&object, &loaded, &ours, &mut Random::new(!seed)) {
                    wrong.push(format!("seed {seed}: {why}\n{}", listing(&program)));
                }
            }
            (Err(_), Err(_)) => tally.both_refuse += 1,
            (Err(d), Ok(_)) => {
                tally.only_kernel += 1;
                tally.class("only Linux accepts", &format!("{} {}", d[0].code, d[0].message));
                println!("seed {seed}: only the kernel accepts: {}\n{}", d[0], listing(&program));
            }
            (Ok(ours), Err(refused)) => {
                tally.only_ours += 1;
                let log = match refused.error.raw_os_error() {
                    // A log of a million instructions takes longer than all else together.
                    Some(libc::E2BIG) => "too many instructions to walk".into(),
                    _ => reason(&object, &program),
                };
                tally.class("only Beeline accepts", log.lines().last().unwrap_or(""));
                if let Err(why) = run_alone(&ours, &mut Random::new(!seed)) {
                    wrong.push(format!("seed {seed}: {why}\n{}", listing(&program)));
                }
                println!("seed {seed}: only we accept:\n{}\n{log}", listing(&program));
            }
        }
        if (seed + 1) % PROGRESS == 0 {
            println!("after seed {seed}: {} wrong; {tally:?}", wrong.len());
        }
    }
    println!("{tally:#?}");

    assert!(wrong.is_empty(), "{} of {} differ in a run\n{}", wrong.len(), tally.run, wrong[0]);
    assert!(tally.both_accept > 0 && tally.both_refuse > 0 && tally.run > 0);
    // `docs/verifier.md` lists the classes of difference; they are rare.
    assert!(tally.only_ours * 50 <= tally.both_accept, "{tally:?}");
    assert!(tally.only_kernel * 500 <= tally.both_accept, "{tally:?}");
}
