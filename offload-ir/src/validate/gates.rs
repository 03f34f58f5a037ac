//! Invariant S11: where gates may stand.

use super::faults::{Sink, Site};
use crate::pipeline::StagedPipeline;
use cranelift_entity::EntityRef;

/// S11
pub(super) fn check_gates(staged: &StagedPipeline, sink: &mut Sink) {
    let dfg = &staged.pipeline.dfg;
    let keys = staged.lookups.iter().map(|p| {
        let latency = dfg.maps[p.map].lookup_latency(&staged.target);
        (p.map, p.issue.index(), latency as usize, "an entry")
    });
    let rows = staged
        .value_ports
        .iter()
        .map(|p| (p.map, p.issue.index(), staged.target.value_latency as usize, "a row"));
    let asked: Vec<_> = keys.chain(rows).collect();
    for (n, gate) in staged.gates.iter().enumerate() {
        let (site, stage) = (Site::Gate(n), gate.stage.index());
        let ordered = 0 < stage && stage < gate.commit.index();
        sink.require(ordered, site, "S11", || {
            format!("a gate before {} for a change in {}", gate.stage, gate.commit)
        });
        for (map, issue, latency, what) in &asked {
            let crossed = (issue + 1..=issue + latency).contains(&stage);
            sink.require(!crossed, site, "S11", || {
                format!("{what} of {map}, asked for in s{issue}, is under way at the gate")
            });
        }
    }
}
