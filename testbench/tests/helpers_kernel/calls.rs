//! Tail calls, callbacks, iterators, timers.

use super::both::{argument, below, reachable, Both};
use beeline_testbench::traffic::Rng;

#[test]
fn tail_calls_go_on_or_fall_through() {
    if !reachable() {
        return;
    }
    for name in ["first", "second", "third"] {
        let mut both = Both::new("calls", name);
        for (index, program) in ["first", "second", "third"].into_iter().enumerate() {
            both.set_program("programs", index as u32, program);
        }
        for a in [0, 1, 2, 3, 4, u64::from(u32::MAX), 1 << 32] {
            for b in [0, 1, 2, 3] {
                for c in [0, 1, 2, 3, 0x1_0000_0001] {
                    both.check(&[a, b, 9, c]);
                }
            }
        }
    }
}

#[test]
fn a_packet_makes_thirty_three_tail_calls() {
    if !reachable() {
        return;
    }
    let mut both = Both::new("calls", "first");
    both.set_program("programs", 0, "first");
    let result = both.check(&[0, 0, 0, 0]);
    assert_eq!((result.word(0), result.word(1)), (34, 1));
}

#[test]
fn loops_call_back_as_often_as_the_kernel() {
    if !reachable() {
        return;
    }
    let mut both = Both::new("calls", "loop");
    for rounds in [0, 1, 2, 1000, (1 << 23) - 1, 1 << 23, (1 << 23) + 1, 0xffff_ffff, 1 << 32] {
        for flags in [0, 1, 1 << 40] {
            for stop in [0, 1, 500, u64::MAX] {
                both.check(&[rounds, flags, stop]);
            }
        }
    }
    let mut both = Both::new("calls", "nested");
    let mut rng = Rng::new(3);
    for _ in 0..500 {
        both.check(&[argument(&mut rng), 0, argument(&mut rng)]);
    }
}

#[test]
fn every_entry_of_a_map_is_shown() {
    if !reachable() {
        return;
    }
    let mut both = Both::new("calls", "each");
    for i in 0..5u32 {
        both.set("numbers", &i.to_le_bytes(), &(u64::from(i) * 7).to_le_bytes());
    }
    let mut rng = Rng::new(5);
    for _ in 0..500 {
        let flags = below(&mut rng, 8) / 7;
        both.check(&[0, flags, below(&mut rng, 8), rng.next_u64(), rng.next_u64()]);
    }
    both.check_maps();
}

#[test]
fn number_iterators_count() {
    if !reachable() {
        return;
    }
    let mut both = Both::new("calls", "iterate");
    let mut rng = Rng::new(7);
    for _ in 0..2000 {
        both.check(&[argument(&mut rng), argument(&mut rng)]);
    }
    for (start, end) in [
        (0i64, 1 << 23),
        (0, (1 << 23) + 1),
        (-4, (1 << 23) - 4),
        (i64::from(i32::MIN), i64::from(i32::MAX)),
    ] {
        both.check(&[start as u64, end as u64]);
    }
}

#[test]
fn timers_return_the_kernels_codes() {
    if !reachable() {
        return;
    }
    let mut rng = Rng::new(9);
    for _ in 0..20 {
        let mut both = Both::new("calls", "timer");
        for _ in 0..60 {
            let flags = match below(&mut rng, 3) {
                0 => argument(&mut rng),
                _ => [0, 1, 7, 2, 4][below(&mut rng, 5) as usize],
            };
            both.check(&[below(&mut rng, 2), below(&mut rng, 4), flags]);
        }
    }
}
