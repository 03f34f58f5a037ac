//! Helpers on memory and text, dynamic pointers, raw SYN cookies.

use super::both::{argument, below, reachable, Both};
use beeline_testbench::traffic::Rng;

fn random(name: &str, count: usize, rounds: usize) {
    if !reachable() {
        return;
    }
    let mut both = Both::new("memory", name);
    let mut rng = Rng::new(13);
    for _ in 0..rounds {
        let args: Vec<u64> = (0..count).map(|_| argument(&mut rng)).collect();
        both.check(&args);
    }
    both.check_maps();
}

#[test]
fn text_is_formatted_as_by_the_kernel() {
    random("text", 9, 300);
}

#[test]
fn strings_are_compared() {
    random("compare", 2, 500);
}

#[test]
fn unreadable_memory_is_an_error() {
    random("probe", 1, 100);
}

#[test]
fn values_of_this_cpu_are_found_by_number() {
    random("lookup_percpu", 1, 200);
}

#[test]
fn dynamic_pointers_into_map_values() {
    random("dynptr", 3, 2000);
}

#[test]
fn dynamic_pointers_to_records() {
    random("ring_dynptr", 3, 500);
}

#[test]
fn dynamic_pointers_into_the_packet() {
    random("xdp_dynptr", 3, 2000);
}

#[test]
fn cookies_are_accepted_by_the_side_that_made_them() {
    if !reachable() {
        return;
    }
    let mut both = Both::new("memory", "raw_cookies");
    let mut rng = Rng::new(17);
    let mut made = 0;
    for _ in 0..1000 {
        let mut args: Vec<u64> = (0..9).map(|_| rng.next_u64()).collect();
        // A data offset that often fits the length, and options that often hold a segment size.
        let words = 5 + below(&mut rng, 6);
        args[3] = args[3] & !(0xf << 36) | words << 36;
        if below(&mut rng, 4) > 0 {
            args[8] = words * 4;
        }
        if below(&mut rng, 2) > 0 {
            let mss =
                [0, 1, 535, 536, 1300, 1439, 1440, 1460, 8940, 9000][below(&mut rng, 10) as usize];
            args[4] =
                args[4] & 0xffff_ffff | (0x0402 | u64::from((mss as u16).swap_bytes()) << 16) << 32;
        }
        let result = both.check(&args);
        made += usize::from(result.word(0) > 0);
    }
    assert!(made > 300, "{made} cookies");
}
