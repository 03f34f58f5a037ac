mod machine;
mod staging;
mod windows;

use super::*;
use crate::exec::PipelineExec;
use crate::outcome::{compare, compare_maps, Executor, Redirect};
use crate::packet::Packet;
use beeline_ir::ports::share_ports;
use beeline_ir::schedule::schedule;
use beeline_ir::target::TargetDesc;
use beeline_ir::text::parse_pipeline;
use beeline_ir::validate::{validate_pipeline, validate_staged};
use beeline_ir::Pipeline;
use std::fmt::Write;

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % n
    }
}

/// Seeded gaps and back-pressure.
struct Random(Rng);

impl Traffic for Random {
    fn idle(&mut self, _: usize, _: usize) -> u32 {
        if self.0.below(3) == 0 {
            self.0.below(12) as u32
        } else {
            0
        }
    }

    fn ready(&mut self, _: u64) -> bool {
        self.0.below(3) > 0
    }
}

fn staged(mut p: Pipeline, target: &str) -> Validated<StagedPipeline> {
    share_ports(&mut p).unwrap_or_else(|d| panic!("{d:?}"));
    let target = TargetDesc::built_in(target).unwrap();
    validate_staged(schedule(p, &target).unwrap_or_else(|d| panic!("{d:?}")))
        .unwrap_or_else(|e| panic!("{e}"))
}

const MAPS: &str = "map m0 \"table\" hash key 4 value 8 entries 16
    map m1 \"counters\" array key 4 value 16 entries 4";

/// A pipeline of random operations in textual form: arithmetic, packet accesses at constant and computed offsets,
/// predicated stores, lookups, counters.
fn random_text(rng: &mut Rng, size: u64) -> String {
    let mut t = format!(
        "pipeline random {{ {MAPS}\n v0 = const.i64 0 v1 = input.i16 packet_len v2 = const.i8 0\n"
    );
    t += " v3 = zext.i64 v1 v4 = input.i32 ingress_ifindex v5 = zext.i64 v4\n";
    let mut ints: Vec<u64> = vec![0, 3, 5];
    let mut conds: Vec<u64> = vec![];
    let mut n = 10;
    for _ in 0..size {
        let mut pick = |list: &[u64]| list[rng.below(list.len() as u64) as usize];
        let (a, b) = (pick(&ints), pick(&ints));
        let cond = if conds.is_empty() { None } else { Some(pick(&conds)) };
        let constant = rng.below(40);
        let pred =
            cond.filter(|_| rng.below(3) > 0).map(|c| format!(" if v{c}")).unwrap_or_default();
        match rng.below(10) {
            0 | 1 => {
                let op = ["add", "sub", "and", "or", "xor", "mul"][rng.below(5) as usize];
                writeln!(t, " v{n} = {op}.i64 v{a}, v{b}").unwrap();
                ints.push(n);
            }
            2 => {
                let op = ["eq", "ne", "ult", "ule", "slt", "sle"][rng.below(6) as usize];
                writeln!(t, " v{n} = {op}.i1 v{a}, v{b}").unwrap();
                conds.push(n);
            }
            3 | 4 => {
                let bits = [8, 16, 32, 64][rng.below(4) as usize];
                writeln!(
                    t,
                    " v{n} = const.i64 {constant} v{} = pkt_load.i{bits} v0 + v{n} [{constant}]",
                    n + 1
                )
                .unwrap();
                if bits < 64 {
                    writeln!(t, " v{} = zext.i64 v{}", n + 2, n + 1).unwrap();
                }
                ints.push(if bits < 64 { n + 2 } else { n + 1 });
            }
            5 => {
                writeln!(
                    t,
                    " v{n} = const.i64 {constant} pkt_store v0 + v{n} [{constant}], v{a}{pred}"
                )
                .unwrap();
            }
            6 => {
                // An offset of 0, 4, 8 or 12 behind a constant.
                writeln!(t, " v{n} = const.i64 12 v{} = and.i64 v{a}, v{n}", n + 1).unwrap();
                writeln!(
                    t,
                    " v{} = const.i64 {constant} v{} = add.i64 v{}, v{}",
                    n + 2,
                    n + 3,
                    n + 1,
                    n + 2
                )
                .unwrap();
                let range = format!("[{constant}..{}]", constant + 12);
                if rng.below(2) == 0 {
                    writeln!(t, " v{} = pkt_load.i64 v0 + v{} {range}", n + 4, n + 3).unwrap();
                    ints.push(n + 4);
                } else {
                    writeln!(
                        t,
                        " v{} = extract.i16 v{b}, 0 pkt_store v0 + v{} {range}, v{}{pred}",
                        n + 4,
                        n + 3,
                        n + 4
                    )
                    .unwrap();
                }
            }
            7 => {
                writeln!(
                    t,
                    " v{n} = extract.i16 v{a}, 0 v{} = const.i16 0 v{} = map_lookup.m0 (v{n}, v{})",
                    n + 1,
                    n + 2,
                    n + 1
                )
                .unwrap();
                writeln!(
                    t,
                    " v{} = const.i64 0 v{} = map_load.i64 m0 v{} + v{} [0]",
                    n + 3,
                    n + 4,
                    n + 2,
                    n + 3
                )
                .unwrap();
                ints.push(n + 4);
            }
            8 => {
                if let Some(c) = cond {
                    writeln!(t, " v{n} = select.i64 v{c}, v{a}, v{b}").unwrap();
                    ints.push(n);
                }
            }
            _ => {}
        }
        n += 10;
    }
    let (a, b) = (ints[ints.len() - 1], ints[ints.len() / 2]);
    // One entry of the counters: a count, and a maximum that is kept.
    writeln!(
        t,
        " v{n} = const.i32 3 v{} = extract.i32 v{b}, 0 v{} = and.i32 v{}, v{n}",
        n + 1,
        n + 2,
        n + 1
    )
    .unwrap();
    writeln!(
        t,
        " v{} = map_lookup.m1 (v{}) v{} = const.i64 1 v{} = const.i64 8",
        n + 3,
        n + 2,
        n + 4,
        n + 5
    )
    .unwrap();
    writeln!(t, " v{} = atomic_add.i64 m1 v{} + v0 [0], v{}", n + 6, n + 3, n + 4).unwrap();
    writeln!(
        t,
        " v{} = map_load.i64 m1 v{} + v{} [8] v{} = ult.i1 v{}, v{a}",
        n + 7,
        n + 3,
        n + 5,
        n + 8,
        n + 7
    )
    .unwrap();
    writeln!(t, " map_store m1 v{} + v{} [8], v{a} if v{}", n + 3, n + 5, n + 8).unwrap();
    writeln!(t, " v{} = xor.i64 v{a}, v{} v{} = extract.i32 v{}, 0", n + 9, n + 6, n + 10, n + 9)
        .unwrap();
    writeln!(t, " v{} = and.i32 v{}, v{n} ret action v{} start v0 end v1 valid_end v1 redirect_map v2 redirect_key v{}", n + 11, n + 10, n + 11, n + 10).unwrap();
    t + "}"
}

fn packets(rng: &mut Rng, n: usize) -> Vec<Vec<u8>> {
    (0..n).map(|_| (0..14 + rng.below(200)).map(|_| rng.below(4) as u8).collect()).collect()
}

fn arrivals(packets: &[Vec<u8>]) -> Vec<Arrival<'_>> {
    let inputs = |n: usize| Inputs { packet_index: n as u32, ..Inputs::default() };
    packets.iter().enumerate().map(|(n, bytes)| Arrival { bytes, inputs: inputs(n) }).collect()
}

#[test]
fn stages_do_what_the_pipeline_does() {
    for seed in 0..150 {
        let mut rng = Rng(seed);
        let text = random_text(&mut rng, 5 + seed);
        let p = parse_pipeline(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let target = ["xcup", "ecp5"][seed as usize % 2];
        let staged = staged(p.clone(), target);
        let mut maps = MapSet::from_decls(p.dfg.maps.values()).unwrap();
        for k in 0..8u32 {
            maps.update(0, &(k * 0x11).to_le_bytes(), &u64::from(k * 7).to_le_bytes(), 0).unwrap();
        }
        let mut expected_maps = maps.clone();
        let mut exec = PipelineExec::new(&validate_pipeline(p).unwrap_or_else(|e| panic!("{e}")));
        let packets = packets(&mut rng, 50);
        let arrivals = arrivals(&packets);
        let mut strict_maps = maps.clone();
        let run = PipelineSim::new(&staged).run(&arrivals, &mut maps, &mut Saturated).unwrap();
        let strict = PipelineSim::strict(&staged)
            .run(&arrivals, &mut strict_maps, &mut Random(Rng(seed)))
            .unwrap();
        for (n, arrival) in arrivals.iter().enumerate() {
            let mut packet = Packet::with(arrival.bytes).unwrap();
            let exit = exec.run(&arrival.inputs, &mut packet, &mut expected_maps).unwrap();
            let expected = Outcome::new(exit, &packet);
            assert_eq!(
                compare(&expected, &run.outcome(n)),
                None,
                "seed {seed}, packet {n}\n{}",
                *staged
            );
            assert_eq!(
                compare(&expected, &strict.outcome(n)),
                None,
                "strict, seed {seed}, packet {n}\n{}",
                *staged
            );
        }
        assert_eq!(compare_maps(&expected_maps, &maps), None, "seed {seed}");
        assert_eq!(compare_maps(&expected_maps, &strict_maps), None, "strict, seed {seed}");
    }
}

/// A pipeline of one stage that passes everything, or drops it.
fn simple(action: u32, start: i64, extra: i64) -> Validated<StagedPipeline> {
    let text = format!(
        "pipeline p {{ v0 = const.i64 {start} v1 = input.i16 packet_len v2 = const.i8 0 v3 = const.i32 {action}
         v4 = zext.i64 v1 v5 = const.i64 {extra} v6 = add.i64 v4, v5 v7 = const.i32 0
         ret action v3 start v0 end v6 valid_end v1 redirect_map v2 redirect_key v7 }}"
    );
    staged(parse_pipeline(&text).unwrap_or_else(|e| panic!("{e}")), "xcup")
}

fn times(staged: &Validated<StagedPipeline>, lengths: &[usize]) -> Vec<(u64, u64)> {
    let packets: Vec<Vec<u8>> = lengths.iter().map(|&n| vec![1; n]).collect();
    let run = PipelineSim::new(staged)
        .run(&arrivals(&packets), &mut MapSet::default(), &mut Saturated)
        .unwrap();
    run.departures.iter().map(|d| (d.cycle_in, d.cycle_out)).collect()
}

#[test]
fn times_are_those_of_the_rules() {
    // One stage: accepted in 0, in the stage in 1, descriptor visible from 3 on, emitted then, on the bus in 4.
    assert_eq!(times(&simple(2, 0, 0), &[64, 64, 64]), [(0, 4), (1, 5), (2, 6)]);
    // Dropped: retired with the only step.
    assert_eq!(times(&simple(1, 0, 0), &[64, 64]), [(0, 3), (1, 4)]);
    // The second beat of 65 bytes is accepted in 1, and leaves one cycle behind the first.
    assert_eq!(times(&simple(2, 0, 0), &[65, 60]), [(0, 5), (2, 6)]);
    // Growth by a beat: one more step.
    assert_eq!(times(&simple(2, 0, 10), &[60, 60]), [(0, 5), (1, 7)]);
    // A moved start: through `hold` and `mix`, two cycles more. The headroom's beat costs no step.
    assert_eq!(times(&simple(2, -4, 0), &[60, 60]), [(0, 6), (1, 7)]);
    assert_eq!(times(&simple(2, -4, -50), &[60, 60]), [(0, 6), (1, 7)]);
    // Two output beats out of one: two steps.
    assert_eq!(times(&simple(2, -20, 0), &[60, 60]), [(0, 7), (1, 9)]);
    // A start in the second beat of headroom: 75 bytes, two beats.
    assert_eq!(times(&simple(2, -65, -50), &[60, 60]), [(0, 7), (1, 9)]);
    // Moved up: as many steps as beats.
    assert_eq!(times(&simple(2, 4, 0), &[60, 60]), [(0, 6), (1, 7)]);
    assert_eq!(times(&simple(2, 4, 0), &[128, 128]), [(0, 7), (2, 9)]);
}

#[test]
fn back_to_back_packets_leave_one_per_clock() {
    let t = times(&simple(2, 0, 0), &[64; 1000]);
    assert!(t.iter().enumerate().all(|(n, &(i, o))| (i, o) == (n as u64, n as u64 + 4)));
    // A tag in front of 60 bytes makes 64.
    let t = times(&simple(2, -4, 0), &[60; 1000]);
    assert!(t.iter().enumerate().all(|(n, &(i, o))| (i, o) == (n as u64, n as u64 + 6)));
    // With two beats out for one in, every second cycle.
    let t = times(&simple(2, 0, 64), &[64; 1000]);
    assert_eq!(t[999].1 - t[499].1, 1000);
}

#[test]
fn a_slow_receiver_fills_the_fifo_and_nothing_is_lost() {
    struct Slow;
    impl Traffic for Slow {
        fn idle(&mut self, _: usize, _: usize) -> u32 {
            0
        }
        fn ready(&mut self, cycle: u64) -> bool {
            cycle % 4 == 0
        }
    }
    let packets = vec![vec![3; 9000]; 20];
    let run = PipelineSim::new(&simple(3, 0, 0))
        .run(&arrivals(&packets), &mut MapSet::default(), &mut Slow)
        .unwrap();
    assert!((0..20).all(|n| run.bytes(n) == packets[n]));
    assert!(run.stalls.packet_fifo > 1000 && run.stalls.output > 3000, "{:?}", run.stalls);
    let beats = 20 * 141;
    assert!((beats * 4 - 8..beats * 4 + 16).contains(&run.cycles), "{}", run.cycles);
}

#[test]
fn a_receiver_that_is_never_ready_is_reported() {
    struct Never;
    impl Traffic for Never {
        fn idle(&mut self, _: usize, _: usize) -> u32 {
            0
        }
        fn ready(&mut self, _: u64) -> bool {
            false
        }
    }
    let packets = vec![vec![3; 64]; 3];
    let fault = PipelineSim::new(&simple(3, 0, 0)).run(
        &arrivals(&packets),
        &mut MapSet::default(),
        &mut Never,
    );
    assert!(fault.unwrap_err().what.contains("no packet has moved"));
}
