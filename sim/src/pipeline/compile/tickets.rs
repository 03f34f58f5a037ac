//! What the time side must know of a packet for the gates: rows of keys, entries and `may`.

use super::Compiler;
use crate::pipeline::gates::{GatePlan, Plan};
use crate::pipeline::op::{Key, Micro, Row};
use beeline_ir::entities::Value;
use beeline_ir::op::Op;
use beeline_ir::pipeline::{Gate, GateKind};
use cranelift_entity::EntityRef;

/// A key or an entry.
pub(in crate::pipeline) enum Name {
    Entry(Row),
    Key(Key),
}

/// The rows of one gate's part of a ticket.
pub(in crate::pipeline) struct GateTicket {
    pub may: Row,
    /// What may change, then what is read.
    pub names: Vec<Name>,
}

/// The rows of a ticket.
#[derive(Default)]
pub(in crate::pipeline) struct Tickets {
    /// In the order of the plan.
    pub gates: Vec<GateTicket>,
    /// For each table of the plan, rows that say that an entry was made, and removed.
    pub tables: Vec<(Vec<Row>, Vec<Row>)>,
}

impl Compiler<'_> {
    /// Notes the rows of the gates before stage `n`; in strict mode as copies, made in that stage.
    pub(super) fn note_gates(&mut self, n: usize, strict: bool, out: &mut Vec<Micro>) {
        let gates = self.gates.iter().enumerate();
        let here: Vec<(usize, &Gate)> =
            gates.filter(|(_, g)| g.stage.index() == n).map(|(at, g)| (at, *g)).collect();
        for (at, gate) in here {
            let may = gate.may.map_or(self.always, |v| self.row(v));
            let mut names: Vec<Name> =
                [gate.write].iter().chain(&gate.reads).map(|v| self.name(gate.kind, *v)).collect();
            let mut keep = |row: &mut Row| {
                if strict {
                    let a = std::mem::replace(row, self.rows);
                    self.rows += 1;
                    out.push(Micro::Extract { dst: *row, a, shift: 0, mask: u64::MAX });
                }
            };
            for name in &mut names {
                match name {
                    Name::Entry(row) => keep(row),
                    Name::Key(parts) => parts.iter_mut().for_each(|(row, _)| keep(row)),
                }
            }
            let mut kept = may;
            keep(&mut kept);
            self.notes[at] = Some(GateTicket { may: kept, names });
        }
    }

    /// Strict mode: `may` must reach the stage of the change as it was.
    pub(super) fn check_may(&self, n: usize, out: &mut Vec<Micro>) {
        for (gate, note) in self.gates.iter().zip(&self.notes) {
            if let (Some(may), Some(note), true) = (gate.may, note, gate.commit.index() == n) {
                out.push(Micro::Agree { a: note.may, b: self.row(may) });
            }
        }
    }

    fn name(&self, kind: GateKind, v: Value) -> Name {
        match (kind, self.dfg.def(v)) {
            (GateKind::Keys, Some(Op::MapLookup { key, .. })) => Name::Key(self.key(key)),
            _ => Name::Entry(self.row(v)),
        }
    }

    /// All notes together.
    pub(super) fn tickets(&mut self, plan: &Plan) -> Tickets {
        let gates = std::mem::take(&mut self.notes);
        let gates = gates.into_iter().map(|n| n.expect("every gate stands before a stage"));
        let rows = |list: &[(usize, Row)], map: usize| {
            list.iter().filter(|(m, _)| *m == map).map(|(_, row)| *row).collect()
        };
        let tables = plan
            .tables
            .iter()
            .map(|t| (rows(&self.made, t.map.index()), rows(&self.gone, t.map.index())));
        Tickets { gates: gates.collect(), tables: tables.collect() }
    }
}

impl Tickets {
    /// Words of a packet whose rows `get` gives.
    pub fn fill(&self, plan: &Plan, get: impl Fn(Row) -> u64, ticket: &mut Vec<u64>) {
        let begin = ticket.len();
        ticket.resize(begin + plan.ticket_words, 0);
        let words = &mut ticket[begin..];
        for (gate, rows) in plan.gates.iter().zip(&self.gates) {
            words[gate.ticket] = get(rows.may);
            fill_gate(gate, rows, &get, &mut words[gate.ticket + 1..]);
        }
        for (table, (made, gone)) in plan.tables.iter().zip(&self.tables) {
            for (at, rows) in [made, gone].into_iter().enumerate() {
                words[table.ticket + at] = rows.iter().fold(0, |all, &row| all | get(row));
            }
        }
    }
}

fn fill_gate(gate: &GatePlan, rows: &GateTicket, get: &impl Fn(Row) -> u64, words: &mut [u64]) {
    for (name, words) in rows.names.iter().zip(words.chunks_mut(gate.words)) {
        match name {
            Name::Entry(row) => words[0] = get(*row),
            Name::Key(parts) => {
                let mut bit = 0;
                for &(row, bytes) in parts {
                    let (part, word, lo) = (get(row), bit / 64, bit % 64);
                    words[word] |= part << lo;
                    if lo + usize::from(bytes) * 8 > 64 {
                        words[word + 1] |= part >> (64 - lo);
                    }
                    bit += usize::from(bytes) * 8;
                }
            }
        }
    }
}
