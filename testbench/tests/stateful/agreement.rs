//! All engines agree on every example, whatever the shape of the traffic.

use crate::subject::{captured, fault, Subject};
use beeline_testbench::engine::EngineKind;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::traffic::workloads;
use beeline_testbench::traffic::Shape;

/// Packets of a trace.
const PACKETS: usize = 240;

/// Traces of each shape, if the environment does not say otherwise.
const SEEDS: u64 = 3;

fn seeds() -> u64 {
    std::env::var("BEELINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS)
}

fn shapes(subject: &Subject) -> [Shape; 4] {
    let depth = subject.hardware.staged.num_stages as usize;
    [
        Shape::Uniform,
        Shape::Zipf { halves: 2 },
        Shape::SingleFlow,
        Shape::Adversarial { farthest: depth },
    ]
}

fn agree(name: &str) {
    let subject = Subject::load(name);
    for shape in shapes(&subject) {
        for seed in 0..seeds() {
            let pacing = if seed % 2 == 0 { Pacing::Random(seed) } else { Pacing::FullRate };
            let trace = captured(subject.workload.trace(shape, seed, PACKETS));
            let report = subject.replay(&trace, &EngineKind::ALL, pacing);
            if let Some(fault) = fault(&report) {
                panic!("{name}, {shape:?}, seed {seed}, {pacing:?}: {fault}");
            }
        }
    }
}

macro_rules! agreement {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                agree(stringify!($name));
            }
        )*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

agreement! {
    conntrack dns_cache flow_telemetry heavy_hitter load_balancer lpm_router mac_learning port_knocking rate_limiter snat
    syn_filter tail_parser
}

#[test]
fn every_workload_is_tested() {
    let names: Vec<&str> = workloads::all().iter().map(|w| w.name).collect();
    assert_eq!(names, TESTED);
}
