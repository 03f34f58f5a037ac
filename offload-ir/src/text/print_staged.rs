//! Printing of `StagedPipeline`.

use super::print::{Notes, Printer};
use crate::entities::{Inst, Stage, Value};
use crate::pipeline::{Boundary, ByteCoord, ByteExit, Gate, GateKind, StagedPipeline};
use crate::validate::Site;
use cranelift_entity::EntityRef;
use std::collections::BTreeMap;
use std::fmt;

impl fmt::Display for StagedPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.listing(&Notes::new()))
    }
}

impl StagedPipeline {
    /// The text, with `notes` below what they are about.
    pub(crate) fn listing(&self, notes: &Notes) -> String {
        let mut p = Printer::new(&self.pipeline.dfg, notes);
        p.head("staged", &self.pipeline.name);
        p.line(2, self.target_text());
        p.line(
            2,
            format!("stages {} headroom {} window {}", self.num_stages, self.headroom, self.window),
        );
        let ports = self.print_ports(&mut p);
        let mut heading = None;
        for &inst in &self.pipeline.order {
            let stage = self.stage_of[inst];
            if heading != Some(stage) {
                self.print_headings(&mut p, heading, stage);
                heading = Some(stage);
            }
            p.inst(inst, ports.get(&inst).copied());
        }
        self.print_headings(&mut p, heading, Stage::new(self.num_stages as usize));
        p.verdict(&self.pipeline.verdict, Site::Verdict);
        self.print_exits(&mut p);
        p.line(0, "}");
        p.out
    }

    /// The boundaries after `last` and the headings up to `stage`; a heading alone if the order goes backwards.
    fn print_headings(&self, p: &mut Printer<'_>, last: Option<Stage>, stage: Stage) {
        let first = last.map_or(0, |s| s.index() + 1);
        for n in first..=stage.index() {
            if let Some(b) = n.checked_sub(1).and_then(|n| self.boundaries.get(n)) {
                p.line(2, boundary_text(Stage::new(n - 1), b));
                p.notes(Site::Boundary(Stage::new(n - 1)));
            }
            if n < self.num_stages as usize || n < stage.index() {
                p.line(0, format!("stage {}", Stage::new(n)));
            }
        }
        if first > stage.index() {
            p.line(0, format!("stage {stage}"));
        }
    }

    fn print_ports(&self, p: &mut Printer<'_>) -> BTreeMap<Inst, usize> {
        let mut ports = BTreeMap::new();
        for (n, port) in self.lookups.iter().enumerate() {
            p.line(2, format!("lookup_port p{n} {} issue {}", port.map, port.issue));
            p.notes(Site::LookupPort(n));
            ports.insert(port.inst, n);
        }
        for (n, port) in self.value_ports.iter().enumerate() {
            let number = self.lookups.len() + n;
            p.line(
                2,
                format!(
                    "value_port p{number} {} entry {} issue {} commit {}{}",
                    port.map,
                    port.entry,
                    port.issue,
                    port.commit,
                    port.rows.map_or(String::new(), |(lo, hi)| format!(" rows {lo}..{hi}"))
                ),
            );
            p.notes(Site::ValuePort(n));
            ports.extend(port.accesses.iter().map(|i| (*i, number)));
        }
        for (n, gate) in self.gates.iter().enumerate() {
            p.line(2, gate_text(gate));
            p.notes(Site::Gate(n));
        }
        ports
    }

    fn print_exits(&self, p: &mut Printer<'_>) {
        for run in self.exits.chunk_by(|a, b| a.0.checked_add(1) == Some(b.0) && a.1 == b.1) {
            let range = range_text(run[0].0, run[run.len() - 1].0);
            let how = match &run[0].1 {
                ByteExit::Original => "original".into(),
                ByteExit::Patched(preds) if preds.is_empty() => "always".into(),
                ByteExit::Patched(preds) => format!("if {}", words(preds)),
            };
            p.line(2, format!("exit {range} {how}"));
            for (coord, _) in run {
                p.notes(Site::Exit(*coord));
            }
        }
    }
}

fn gate_text(gate: &Gate) -> String {
    let Gate { map, kind, stage, commit, depth, reads, write, may } = gate;
    let kind = match kind {
        GateKind::Keys => "keys",
        GateKind::Rows => "rows",
    };
    let may = may.map_or(String::new(), |v| format!(" if {v}"));
    let reads = words(reads);
    format!("gate {map} {kind} at {stage} commit {commit} depth {depth} write {write} reads {reads}{may}")
}

fn boundary_text(stage: Stage, b: &Boundary) -> String {
    let mut text = format!("boundary {stage}");
    if !b.values.is_empty() {
        text += &format!(" values {}", words(&b.values));
    }
    if !b.bytes.is_empty() {
        text += " bytes";
        for run in b.bytes.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
            text += &format!(" {}", range_text(run[0], run[run.len() - 1]));
        }
    }
    text
}

fn range_text(first: ByteCoord, last: ByteCoord) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}..{last}")
    }
}

fn words(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
}
