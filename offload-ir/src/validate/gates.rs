//! Invariants S11 and S12: where gates may stand, and where there has to be one.

use super::faults::{Sink, Site};
use crate::dfg::Ty;
use crate::entities::Value;
use crate::op::Op;
use crate::pipeline::{Gate, GateKind, StagedPipeline, ValuePort};
use crate::ports::same_slot;
use cranelift_entity::EntityRef;

/// S11 and S12; `available` is the first stage in which a value exists.
pub(super) fn check_gates(
    staged: &StagedPipeline,
    available: impl Fn(Value) -> usize,
    sink: &mut Sink,
) {
    places(staged, sink);
    for (n, gate) in staged.gates.iter().enumerate() {
        values(staged, n, gate, &available, sink);
    }
    let ascend = staged.gates.windows(2).all(|w| w[0].stage <= w[1].stage);
    sink.require(ascend, Site::Whole, "S12", || "the gates do not ascend".into());
    rows(staged, sink);
    keys(staged, sink);
}

/// S12, for the values of one gate.
fn values(
    staged: &StagedPipeline,
    n: usize,
    gate: &Gate,
    available: impl Fn(Value) -> usize,
    sink: &mut Sink,
) {
    let dfg = &staged.pipeline.dfg;
    let entries = gate.reads.iter().chain([&gate.write]);
    let typed =
        entries.clone().all(|v| dfg.values.is_valid(*v) && dfg.ty(*v) == Ty::Entry(gate.map))
            && gate.may.is_none_or(|v| dfg.values.is_valid(v) && dfg.ty(v) == Ty::Int(1));
    if !sink.require(typed, Site::Gate(n), "S12", || "a value of the wrong type".into()) {
        return;
    }
    let now = |v: &Value| available(*v) <= gate.stage.index();
    let known =
        gate.may.iter().all(now) && (gate.kind == GateKind::Keys || entries.clone().all(now));
    sink.require(known, Site::Gate(n), "S12", || format!("a value is not known in {}", gate.stage));
    sink.require(gate.depth > 0, Site::Gate(n), "S12", || "room for no packet".into());
    let looked_up = gate.reads.iter().chain([&gate.write]).all(|v| {
        staged.lookups.iter().any(|l| {
            l.issue == gate.stage && l.map == gate.map && dfg.insts[l.inst].result == Some(*v)
        })
    });
    sink.require(gate.kind == GateKind::Rows || looked_up, Site::Gate(n), "S12", || {
        format!("not lookups of {}", gate.stage)
    });
}

/// S12: a port that writes behind the stage in which its row is there has a gate, which all ports of the memory pass.
fn rows(staged: &StagedPipeline, sink: &mut Sink) {
    let dfg = &staged.pipeline.dfg;
    let latency = staged.target.value_latency as usize;
    let long = |p: &ValuePort| p.commit.index() > p.issue.index() + latency;
    let mut needed = 0;
    for (n, port) in staged.value_ports.iter().enumerate().filter(|(_, p)| long(p)) {
        needed += 1;
        let mine = |o: &&ValuePort| o.map == port.map && o.rows == port.rows;
        let reads: Vec<Value> = staged.value_ports.iter().filter(mine).map(|p| p.entry).collect();
        let guarded = staged.gates.iter().any(|g| {
            (g.map, g.kind, g.stage, g.commit)
                == (port.map, GateKind::Rows, port.issue, port.commit)
                && same_slot(dfg, g.write, port.entry)
                && reads.iter().all(|v| g.reads.contains(v))
        });
        sink.require(guarded, Site::ValuePort(n), "S12", || "a long window without a gate".into());
    }
    let gates = staged.gates.iter().filter(|g| g.kind == GateKind::Rows).count();
    sink.require(gates == needed, Site::Whole, "S12", || {
        format!("{gates} gates for {needed} windows of rows")
    });
}

/// S12: a removal behind the stage in which the answer is there has gates.
fn keys(staged: &StagedPipeline, sink: &mut Sink) {
    for &inst in &staged.pipeline.order {
        let Op::MapRemove { map, .. } = staged.pipeline.dfg.insts[inst].op else { continue };
        let Some(probe) = staged.lookups.iter().find(|l| l.map == map) else { continue };
        let latency = staged.pipeline.dfg.maps[map].lookup_latency(&staged.target) as usize;
        let stage = staged.stage_of[inst];
        let guarded =
            staged.gates.iter().any(|g| (g.map, g.kind, g.commit) == (map, GateKind::Keys, stage));
        let needed = stage.index() > probe.issue.index() + latency;
        sink.require(guarded == needed, Site::Inst(inst), "S12", || match needed {
            true => "a long window without a gate".into(),
            false => "a gate without a window".into(),
        });
    }
}

/// S11
fn places(staged: &StagedPipeline, sink: &mut Sink) {
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
