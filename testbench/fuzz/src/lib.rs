//! libFuzzer around the targets of `beeline_testbench::fuzz`: one binary for each.

use beeline_testbench::fuzz::{mutate_slots, Target, TARGETS};
use beeline_testbench::traffic::Rng;

pub use libfuzzer_sys;

/// The target of that name.
pub fn target(name: &str) -> &'static Target {
    Target::named(name).unwrap_or_else(|| {
        let known: Vec<_> = TARGETS.iter().map(|t| t.name).collect();
        panic!("no target {name}; there are {}", known.join(", "))
    })
}

/// Writes the seeds of `target` into the folder that `FUZZ_SEEDS` names, if it does, before libFuzzer reads it.
pub fn write_seeds(target: &Target) {
    let Some(dir) = std::env::var_os("FUZZ_SEEDS") else { return };
    let dir = std::path::Path::new(&dir);
    std::fs::create_dir_all(dir).expect("a folder for the seeds");
    for (i, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(dir.join(format!("seed-{i}")), seed).expect("a place for the seed");
    }
}

/// libFuzzer's mutations; for inputs with instruction slots, in half of the cases ours, which keep slots whole.
pub fn mutate(target: &Target, data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng::new(u64::from(seed));
    match target.slots_at {
        Some(slots_at) if rng.percent(70) => {
            let mut bytes = data[..size].to_vec();
            let start = slots_at(&bytes).min(size);
            let other = bytes.clone();
            mutate_slots(&mut bytes, start, &other, max_size, &mut rng);
            data[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }
        _ => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
}

/// The libFuzzer entries of one target.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        use std::sync::LazyLock;
        static TARGET: LazyLock<&'static beeline_testbench::fuzz::Target> =
            LazyLock::new(|| $crate::target($name));
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::write_seeds(&TARGET),
            |data: &[u8]| (TARGET.run)(data)
        );
        $crate::libfuzzer_sys::fuzz_mutator!(
            |data: &mut [u8], size: usize, max_size: usize, seed: u32| {
                $crate::mutate(&TARGET, data, size, max_size, seed)
            }
        );
    };
}
