//! The tables of maps whose keys packets change, in the top module: one `bl_hash_table` for each, with a probe for each lookup.

use super::expr::Expr;
use super::top::{own, TopEmitter};
use beeline_ir::op::Op;
use beeline_ir::{MapId, Value};
use cranelift_entity::EntityRef;

impl TopEmitter<'_> {
    /// The table of map `n`, which serves `lookups`.
    pub(super) fn hash_table(&mut self, n: usize, lookups: &[usize]) {
        let layout = self.layout;
        let map = MapId::new(n);
        let decl = &layout.staged.pipeline.dfg.maps[map];
        let m = &layout.maps[n];
        let depth = m.depth_log2.expect("a table has banks");
        let (key_bits, slot_bits) = (8 * decl.key_size, m.slot_bits);
        let masks = format!("{}_MASKS", m.name.to_uppercase());
        if depth > 0 {
            self.masks(&masks, depth, key_bits);
        }
        let issue = layout.staged.lookups[lookups[0]].issue.index();
        self.table_signals(n, lookups, key_bits, slot_bits);
        let name = |what: &str| format!("{}_{what}", m.name);
        let (all_key, _) = layout.host_bytes();
        let keys = lookups.iter().map(|l| Expr::signal(&layout.key_ports[*l], key_bits));
        let answers = |part: fn(&super::layout::AnswerNames) -> &String, bits| {
            let all = lookups.iter().rev().map(|l| Expr::signal(part(&layout.answers[*l]), bits));
            Expr::concat(all.collect()).text().to_owned()
        };
        let probes = lookups.len();
        let (insert, touch, remove) = (self.inserts(map), self.touches(map), self.removes(map));
        let names = &layout.tables[n];
        let or_zero = |is: bool, name: &str, bits: usize| match is {
            true => name.to_owned(),
            false => format!("{bits}'d0"),
        };
        let mut ports = own(&["clk", "rst"]);
        ports.push(("key", self.body.read(&Expr::concat(keys.rev().collect()))));
        ports.push(("host_sel", self.selected(n, Some(issue))));
        ports.push(("host_op", "req_op".to_owned()));
        ports.push(("host_flags", self.request("req_flags", 2, 2)));
        ports.push(("host_slot", self.request("req_slot", 32, slot_bits)));
        ports.push(("host_key", self.request("req_key", 8 * all_key, key_bits)));
        ports.push(("hit", answers(|a| &a.hit, 1)));
        ports.push(("slot", answers(|a| &a.slot, slot_bits)));
        ports.push(("room", answers(|a| &a.room, 1)));
        ports.push(("full", names.full.clone()));
        ports.push(("insert_en", or_zero(!insert.is_empty(), &names.insert, probes)));
        ports.push(("touch_en", or_zero(touch, &names.touch, probes)));
        ports.push(("remove_en", or_zero(remove, &names.remove, 1)));
        ports.push(("remove_slot", or_zero(remove, &names.remove_slot, slot_bits as usize)));
        for port in ["host_access", "host_rslot", "host_done", "host_status", "host_rpresent"] {
            ports.push((port, name(port)));
        }
        ports.push(("host_rkey", name("host_key_bytes")));
        ports.extend([("count", name("count")), ("near_full", name("near_full"))]);
        ports.push(("no_room", name("failed")));
        let mask: u64 = insert.iter().fold(1, |mask, probe| mask | 1 << probe);
        let mut parameters = vec![
            ("KEY_W", key_bits.to_string()),
            ("DEPTH_LOG2", depth.to_string()),
            ("MAX_ENTRIES", decl.max_entries.to_string()),
            ("NUM_PROBES", probes.to_string()),
            ("INSERTS", format!("{probes}'d{mask}")),
            ("LRU", format!("1'b{}", u8::from(layout.is_lru(map)))),
            ("REMOVE", format!("1'b{}", u8::from(remove))),
        ];
        if depth > 0 {
            parameters.push(("MASKS", masks));
        }
        self.instance("bl_hash_table", &format!("u_{}_keys", m.name), &parameters, &ports);
        self.table_answers(n, key_bits, slot_bits);
    }

    /// Signals that no stage declares.
    fn table_signals(&mut self, n: usize, lookups: &[usize], key_bits: u32, slot_bits: u32) {
        let layout = self.layout;
        let m = &layout.maps[n];
        for l in lookups {
            let answer = &layout.answers[*l];
            for (name, bits) in [(&answer.hit, 1), (&answer.slot, slot_bits), (&answer.room, 1)] {
                if !self.body.is_known(name) {
                    self.logic(name, bits);
                }
            }
        }
        if !self.body.is_known(&layout.tables[n].full) {
            self.logic(&layout.tables[n].full, 1);
        }
        for (what, bits) in [
            ("host_access", 1),
            ("host_rslot", slot_bits),
            ("host_done", 1),
            ("host_status", 32),
            ("host_rpresent", 1),
            ("host_key_bytes", key_bits),
            ("count", 32),
            ("near_full", 1),
            ("failed", 32),
        ] {
            self.logic(&format!("{}_{what}", m.name), bits);
        }
        for what in ["host_access", "host_rslot"] {
            let bits = if what == "host_rslot" { slot_bits } else { 1 };
            self.body.read(&Expr::signal(&format!("{}_{what}", m.name), bits));
        }
    }

    /// What `bl_host` takes from the table of map `n`.
    fn table_answers(&mut self, n: usize, key_bits: u32, slot_bits: u32) {
        let name = self.layout.maps[n].name.clone();
        let signal = |what: &str, bits| Expr::signal(&format!("{name}_{what}"), bits);
        let done = signal("host_done", 1);
        let reads = Expr::compare("==", &Expr::signal("req_op", 3), &Expr::constant(0, 3));
        let parts = [
            ("host_key_valid", Expr::and(&done, &reads)),
            ("host_key_present", signal("host_rpresent", 1)),
            ("host_entry_valid", Expr::and(&done, &Expr::not(&reads))),
            ("host_entry_slot", signal("host_rslot", slot_bits)),
            ("host_entry_status", signal("host_status", 32)),
        ];
        for (what, e) in parts {
            self.body.wire(&format!("{name}_{what}"), &e);
        }
        self.body.read(&signal("host_key_bytes", key_bits));
    }

    /// Probes of `map` whose key an insertion may take.
    fn inserts(&self, map: MapId) -> Vec<usize> {
        let entries = self.changes(map, |op| match op {
            Op::MapInsert { map, entry, .. } => Some((*map, *entry)),
            _ => None,
        });
        let probes = self.layout.probes(map);
        let results: Vec<Value> = probes.iter().map(|l| self.layout.lookup_result(*l)).collect();
        let mut found = Vec::new();
        let mut rest = entries;
        while let Some(entry) = rest.pop() {
            if let Some(probe) = results.iter().position(|v| *v == entry) {
                found.push(probe);
            } else if let Some(Op::Select { if_true, if_false, .. }) =
                self.layout.staged.pipeline.dfg.def(entry)
            {
                rest.extend([*if_true, *if_false]);
            }
        }
        found
    }

    fn touches(&self, map: MapId) -> bool {
        let touched = self.changes(map, |op| match op {
            Op::MapTouch { map, entry } => Some((*map, *entry)),
            _ => None,
        });
        !touched.is_empty()
    }

    fn removes(&self, map: MapId) -> bool {
        let removed = self.changes(map, |op| match op {
            Op::MapRemove { map, entry } => Some((*map, *entry)),
            _ => None,
        });
        !removed.is_empty()
    }

    /// Entries of `map` that `of` finds in the program's operations.
    fn changes(&self, map: MapId, of: fn(&Op) -> Option<(MapId, Value)>) -> Vec<Value> {
        let p = &self.layout.staged.pipeline;
        let all = p.order.iter().filter_map(|i| of(&p.dfg.insts[*i].op));
        all.filter(|(m, _)| *m == map).map(|(_, entry)| entry).collect()
    }
}
