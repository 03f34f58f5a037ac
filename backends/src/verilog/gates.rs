//! Gates: places before a stage where a packet waits as long as an older one may change what it is about to read. What the stages
//! tell the scoreboards, and the cells `bl_gate` and `bl_scoreboard` in the top module.

use super::expr::Expr;
use super::stage::StageEmitter;
use super::top::{own, TopEmitter};
use beeline_ir::pipeline::{Gate, GateKind};
use beeline_ir::Value;
use cranelift_entity::EntityRef;

impl StageEmitter<'_> {
    /// What the gates' scoreboards want to know of this stage.
    pub(super) fn gate_outputs(&mut self) {
        let layout = self.layout;
        for (n, gate) in layout.staged.gates.iter().enumerate() {
            let names = &layout.gates[n];
            let map = &layout.staged.pipeline.dfg.maps[gate.map].name;
            if gate.stage.index() == self.stage {
                for (entry, name) in &names.entries {
                    let entry = self.operand(*entry);
                    self.output(name, &entry, &format!("entry of {map} that is read or changed"));
                }
                if let Some(may) = gate.may {
                    let may = self.operand(may);
                    self.output(&names.may, &may, &format!("{map} may be changed later"));
                }
            }
            if gate.commit.index() == self.stage {
                let valid = self.valid();
                let may = gate.may.map_or(Expr::constant(1, 1), |v| self.operand(v));
                self.output(
                    &names.done,
                    &Expr::and(&valid, &may),
                    &format!("{map} is changed now, if at all"),
                );
            }
        }
    }

    /// Values that [`Self::gate_outputs`] takes.
    pub(super) fn gate_uses(&self) -> Vec<Value> {
        let gates = &self.layout.staged.gates;
        let here = gates.iter().filter(|g| g.stage.index() == self.stage);
        let mut uses: Vec<Value> = here
            .flat_map(|g| {
                let rows = if g.kind == GateKind::Rows { &g.reads[..] } else { &[] };
                let write = (g.kind == GateKind::Rows).then_some(g.write);
                rows.iter().copied().chain(write).chain(g.may)
            })
            .collect();
        let done = gates.iter().filter(|g| g.commit.index() == self.stage);
        uses.extend(done.filter_map(|g| g.may));
        uses
    }
}

impl TopEmitter<'_> {
    /// Signals around the gates, which several sections share.
    pub(super) fn declare_gates(&mut self) {
        let layout = self.layout;
        let package = layout.package();
        for s in (0..layout.after.len()).filter(|s| !layout.gates_at(*s).is_empty()) {
            self.section(&format!("Gate before stage {s}: who comes to it, and who is there."));
            self.body.push(&format!("{package}::{} head_{s:02};", layout.in_type(s)));
            for what in ["valid", "token"] {
                self.logic(&format!("arrive_{s:02}_{what}"), 1);
            }
            for what in ["head_token", "blocked", "stalled"] {
                let name = signal(what, s);
                let e = self.logic(&name, 1);
                self.body.read(&e);
            }
            for g in layout.gates_at(s) {
                self.logic(&layout.gates[g].blocked, 1);
            }
        }
    }

    /// The gate before stage `s`.
    pub(super) fn gate(&mut self, s: usize) {
        let layout = self.layout;
        let blocked =
            layout.gates_at(s).into_iter().map(|g| Expr::signal(&layout.gates[g].blocked, 1));
        let blocked = blocked.reduce(|a, b| Expr::or(&a, &b)).expect("a stage with gates");
        self.body.push("");
        self.body.assign(&signal("blocked", s), &blocked);
        let after = format!("after_{:02}", s - 1);
        let mut ports = own(&["clk", "rst"]);
        ports.push(("in_valid", format!("arrive_{s:02}_valid")));
        ports.push(("in_token", format!("arrive_{s:02}_token")));
        ports.push(("in_data", after.clone()));
        ports.push(("head_token", signal("head_token", s)));
        ports.push(("out_data", format!("head_{s:02}")));
        ports.push(("blocked", signal("blocked", s)));
        ports.push(("out_valid", format!("valid[{s}]")));
        ports.push(("out_token", format!("token[{s}]")));
        ports.push(("stalled", signal("stalled", s)));
        let parameters = [("WIDTH", format!("$bits({after})")), ("DEPTH", self.desc_depth())];
        self.instance("bl_gate", &format!("u_gate_{s:02}"), &parameters, &ports);
    }

    /// The scoreboards of map `n`'s gates, and at how many of them a packet waits.
    pub(super) fn scoreboards(&mut self, n: usize) {
        let layout = self.layout;
        let gates = layout.staged.gates.iter().enumerate().filter(|(_, g)| g.map.index() == n);
        let gates: Vec<(usize, &Gate)> = gates.collect();
        for (copy, (g, gate)) in gates.iter().enumerate() {
            self.scoreboard(*g, gate, copy);
        }
        let stalls = gates.iter().map(|(g, gate)| {
            let stalled = Expr::signal(&signal("stalled", gate.stage.index()), 1);
            let waits = Expr::binary("&", &stalled, &Expr::signal(&layout.gates[*g].blocked, 1));
            Expr::concat(vec![Expr::zero(3), waits])
        });
        let stalls: Vec<Expr> = stalls.collect();
        if let Some(all) = stalls.into_iter().reduce(|a, b| Expr::binary("+", &a, &b)) {
            self.body.wire(&format!("{}_stall", layout.maps[n].name), &all);
        }
    }

    fn scoreboard(&mut self, n: usize, gate: &Gate, copy: usize) {
        let layout = self.layout;
        let names = &layout.gates[n];
        let m = layout.map(gate.map);
        let (stage, commit) = (gate.stage.index(), gate.commit.index());
        let head_token = signal("head_token", stage);
        let reads: Vec<(Expr, Expr)> =
            gate.reads.iter().rev().map(|v| self.compared(gate, n, *v)).collect();
        let count = reads.len() as u32;
        let (valids, keys): (Vec<Expr>, Vec<Expr>) = reads.into_iter().unzip();
        let (push_valid, push_key) = self.compared(gate, n, gate.write);
        let width = push_key.bits();
        // A token of another map reads nothing.
        let packet = Expr::not(&Expr::signal(&head_token, 1));
        let packets = match count {
            1 => packet,
            _ => Expr::closed(format!("{{{count}{{{}}}}}", packet.text()), count, &[]),
        };
        let read_valid = Expr::concat(valids);
        let read_valid = match read_valid.as_const() {
            Some(_) => packets,
            None => Expr::binary("&", &read_valid, &packets),
        };
        let own_token = self.selected(gate.map.index(), None);
        let alone = match gate.kind {
            GateKind::Rows => format!("{head_token} && {own_token}"),
            GateKind::Keys if layout.is_lru(gate.map) => format!("!{head_token} || {own_token}"),
            GateKind::Keys => {
                let near_full = Expr::signal(&format!("{}_near_full", m.name), 1);
                format!("{head_token} ? {own_token} : {}", self.body.read(&near_full))
            }
        };
        let may = gate.may.map_or(String::new(), |_| format!(" && {}", names.may));
        let mut ports = own(&["clk", "rst"]);
        ports.push(("read_valid", self.body.read(&read_valid)));
        ports.push(("read_key", self.body.read(&Expr::concat(keys))));
        ports.push(("alone", alone));
        ports.push(("blocked", names.blocked.clone()));
        let token = self.selected(gate.map.index(), Some(stage));
        ports.push(("push", format!("valid[{stage}]{may} || {token}")));
        ports.push(("push_all", format!("token[{stage}]")));
        ports.push(("push_valid", self.body.read(&push_valid)));
        ports.push(("push_key", self.body.read(&push_key)));
        let token = self.selected(gate.map.index(), Some(commit));
        ports.push(("pop", format!("{} || {token}", names.done)));
        let parameters = [
            ("WIDTH", width.to_string()),
            ("DEPTH", gate.depth.to_string()),
            ("NUM_READS", count.to_string()),
        ];
        let kind = if gate.kind == GateKind::Keys { "changing_keys" } else { "changing_rows" };
        let name = Self::copy_name(&format!("u_{}_{kind}", m.name), copy);
        self.instance("bl_scoreboard", &name, &parameters, &ports);
    }

    /// What is compared of `v`: whether it counts, and its slot or key.
    fn compared(&self, gate: &Gate, n: usize, v: Value) -> (Expr, Expr) {
        let layout = self.layout;
        match gate.kind {
            GateKind::Rows => {
                let names = &layout.gates[n].entries;
                let (_, name) =
                    names.iter().find(|(e, _)| *e == v).expect("every entry has a signal");
                let bits = layout.bits(v);
                (Expr::slice(name, bits, bits - 1, 1), Expr::slice(name, bits, 0, bits - 1))
            }
            GateKind::Keys => {
                let probes = layout.probes(gate.map);
                let lookup = probes.into_iter().find(|l| layout.lookup_result(*l) == v);
                let lookup = lookup.expect("invariant: gates of keys name lookups");
                let bits = 8 * layout.staged.pipeline.dfg.maps[gate.map].key_size;
                (Expr::constant(1, 1), Expr::signal(&layout.key_ports[lookup], bits))
            }
        }
    }
}

/// A signal at the gate before stage `s`.
fn signal(what: &str, s: usize) -> String {
    match what {
        "head_token" => format!("head_{s:02}_token"),
        _ => format!("gate_{s:02}_{what}"),
    }
}
