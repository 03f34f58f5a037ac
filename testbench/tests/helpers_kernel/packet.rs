//! Helpers on the packet.

use super::both::{argument, reachable, Both};
use beeline_testbench::traffic::Rng;

const ROUNDS: usize = 2000;

fn random(name: &str, count: usize) {
    if !reachable() {
        return;
    }
    let mut both = Both::new("packet", name);
    let mut rng = Rng::new(11);
    for _ in 0..ROUNDS {
        let args: Vec<u64> = (0..count).map(|_| argument(&mut rng)).collect();
        both.check(&args);
    }
}

#[test]
fn checksums_of_any_sizes() {
    random("csum", 14);
}

#[test]
fn adjustments_of_head_tail_and_metadata() {
    random("adjust", 3);
    if !reachable() {
        return;
    }
    let mut both = Both::new("packet", "adjust");
    let edges = [-257i64, -256, -217, -216, -215, -4, 0, 4, 241, 242, 243];
    for a in edges {
        for b in [-243i64, -242, -241, 0, 1, 3263, 3264, 3265] {
            for c in [-256i64, -252, -220, -216, -4, -3, 0, 4] {
                both.check(&[a as u64, b as u64, c as u64]);
            }
        }
    }
}

#[test]
fn bytes_are_copied_within_bounds() {
    random("copies", 3);
    if !reachable() {
        return;
    }
    let mut both = Both::new("packet", "copies");
    for from in [0, 192, 193, 255, 256, 0xffff, 0x1_0000, u64::MAX] {
        for to in [0, 192, 255, 256, 0xffff, 0x1_0000, u64::from(u32::MAX)] {
            for len in [0, 1, 63] {
                both.check(&[from, to, len]);
            }
        }
    }
}

#[test]
fn redirects_return_the_kernels_codes() {
    if !reachable() {
        return;
    }
    let mut both = Both::new("packet", "redirects");
    both.set("devices", &2u32.to_le_bytes(), &1u32.to_le_bytes());
    both.set("hashed", &77u32.to_le_bytes(), &1u32.to_le_bytes());
    both.set("cpus", &1u32.to_le_bytes(), &64u32.to_le_bytes());
    for key in [0, 1, 2, 7, 8, 77, 0xffff_ffff, 0x1_0000_0002] {
        for flags in (0..64).chain([1 << 32, u64::MAX]) {
            both.check(&[key, flags]);
        }
    }
}
