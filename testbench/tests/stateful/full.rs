//! Tables that fill up: errors of insertion come where the kernel gives them, and LRU tables evict as documented.

use crate::subject::{captured, fault, Subject};
use beeline_testbench::engine::EngineKind;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::traffic::Shape;

/// Packets of a trace.
const PACKETS: usize = 400;

/// Runs `name` with small maps on `engines`.
fn check(name: &str, sizes: &[(&str, u32)], engines: &[EngineKind]) {
    let subject = Subject::resized(name, sizes);
    for shape in [Shape::Uniform, Shape::Zipf { halves: 2 }] {
        for seed in 0..4 {
            let trace = captured(subject.workload.trace(shape, seed, PACKETS));
            let pacing = if seed == 0 { Pacing::FullRate } else { Pacing::Random(seed) };
            if let Some(fault) = fault(&subject.replay(&trace, engines, pacing)) {
                panic!("{name} with {sizes:?}, {shape:?}, seed {seed}: {fault}");
            }
        }
    }
}

#[test]
fn full_hash_tables_refuse_what_the_kernel_refuses() {
    use EngineKind::{Interp, Kernel, Pipeline};
    let engines = [Interp, Kernel, Pipeline];
    check("conntrack", &[("connections", 8)], &engines);
    check("flow_telemetry", &[("flows", 5)], &engines);
    check("mac_learning", &[("stations", 12)], &engines);
    check("snat", &[("bindings", 16), ("owners", 26)], &engines);
    check("dns_cache", &[("records", 30)], &engines);
}

/// The kernel evicts in another order; interpreter and hardware model agree.
#[test]
fn full_lru_tables_evict_as_documented() {
    use EngineKind::{Interp, Pipeline};
    let engines = [Interp, Pipeline];
    check("rate_limiter", &[("buckets", 8)], &engines);
    check("syn_filter", &[("sources", 5)], &engines);
    check("port_knocking", &[("visitors", 8)], &engines);
    check("load_balancer", &[("connections", 16)], &engines);
    check("heavy_hitter", &[("hitters", 4)], &engines);
}

/// The same in the generated design.
#[test]
fn full_tables_are_the_same_in_the_design() {
    use EngineKind::{Interp, Pipeline, Rtl};
    let engines = [Interp, Pipeline, Rtl];
    check("conntrack", &[("connections", 8)], &engines);
    check("syn_filter", &[("sources", 5)], &engines);
}
