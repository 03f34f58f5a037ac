//! The host's side of the top module: its registers, what it is told about each map, and what the maps answer.
//!
//! What the sections of the maps declare for it, by map: `<map>_host_row_valid` with the row, and, where there are such,
//! `<map>_host_key_{valid,present,bytes}` (operation 0 at a table of keys), `<map>_host_entry_{valid,slot,status}` (operations 2 to 4),
//! `<map>_{count,failed}` (tables that place keys themselves), `<map>_stall` (gates at which a packet waits for the map).

use super::expr::Expr;
use super::layout::MapLayout;
use super::top::{own, TopEmitter};
use crate::placement::Placement;
use beeline_ir::MapId;
use cranelift_entity::EntityRef;

/// What a map answers to the host at one point of a token's way: all parts are signals.
struct Answer {
    valid: Expr,
    /// One for each of the registers that the answer goes into.
    parts: Vec<Expr>,
}

impl TopEmitter<'_> {
    /// Declares the registers of the request.
    pub(super) fn declare_request(&mut self) {
        self.section("Host request.");
        let (key, value) = self.layout.host_bytes();
        self.logics(&[
            ("token_insert", 1),
            ("req_op", 3),
            ("req_flags", 2),
            ("req_map", 8),
            ("req_slot", 32),
            ("req_present", 1),
        ]);
        self.logics(&[("req_key", 8 * key), ("req_value", 8 * value)]);
        let op = Expr::signal("req_op", 3);
        let write = Expr::compare("==", &op, &Expr::constant(1, 3));
        self.body.wire("req_write", &write);
    }

    /// A wire that is 1 if the request is one that map `n` does: it names a slot that there is, or a key if the map's table takes those.
    pub(super) fn select(&mut self, n: usize) {
        if self.placement(n) == Placement::Sorted {
            return self.select_sorted(n);
        }
        let m = &self.layout.maps[n];
        let in_map = Expr::compare("==", &Expr::signal("req_map", 8), &Expr::constant(n as u64, 8));
        let rows = Expr::constant(m.rows, 32).as_count();
        let in_range = Expr::compare("<", &Expr::signal("req_slot", 32), &rows);
        let op = Expr::signal("req_op", 3);
        let is = |n: u64| Expr::compare("==", &op, &Expr::constant(n, 3));
        let by_slot = if self.placement(n).takes_keys() { is(0) } else { Expr::or(&is(0), &is(1)) };
        let by_slot = Expr::and(&in_range, &by_slot);
        let supported = match self.placement(n).takes_keys() {
            true => Expr::or(&by_slot, &Expr::or(&is(2), &Expr::or(&is(3), &is(4)))),
            false => by_slot,
        };
        self.body.wire(&format!("{}_selected", m.name), &Expr::and(&in_map, &supported));
    }

    pub(super) fn placement(&self, n: usize) -> Placement {
        let program = &self.layout.staged.pipeline;
        Placement::of(program, MapId::new(n), &self.layout.maps[n])
    }

    /// Host interface, and what its requests find.
    pub(super) fn host(&mut self) {
        let n = self.layout.after.len();
        let (key, value) = self.layout.host_bytes();
        self.section("Host interface.");
        self.shapes();
        self.served();
        self.found(key, value);
        let mut ports = own(&["clk", "rst", "s_axil_awaddr", "s_axil_awvalid", "s_axil_awready"]);
        ports.extend(own(&["s_axil_wdata", "s_axil_wstrb", "s_axil_wvalid", "s_axil_wready"]));
        ports.extend(own(&["s_axil_bresp", "s_axil_bvalid", "s_axil_bready", "s_axil_araddr"]));
        ports.extend(own(&["s_axil_arvalid", "s_axil_arready", "s_axil_rdata", "s_axil_rresp"]));
        ports.extend(own(&["s_axil_rvalid", "s_axil_rready", "token_insert"]));
        ports.push(("token_done", format!("token[{n}]")));
        ports.extend(own(&["req_op", "req_flags", "req_map", "req_slot", "req_present"]));
        ports.extend(own(&["req_key", "req_value", "req_served"]));
        ports.extend(own(&["found_key_valid", "found_present", "found_key"]));
        ports.extend(own(&["found_entry_valid", "found_slot", "found_status"]));
        ports.extend(own(&["found_value_valid", "found_value"]));
        let gated = |n: usize| self.layout.staged.gates.iter().any(|g| g.map.index() == n);
        let table = |n: usize| self.placement(n).takes_keys();
        let counters = [
            ("map_stall", self.by_map("stall", 4, &gated)),
            ("map_count", self.by_map("count", 32, &table)),
            ("map_failed", self.by_map("failed", 32, &table)),
        ];
        let maps = self.layout.maps.len();
        let mask = |is: &dyn Fn(usize) -> bool| {
            let digits: String = (0..maps).rev().map(|n| if is(n) { '1' } else { '0' }).collect();
            format!("{maps}'b{digits}")
        };
        let (gated, tables) = (mask(&gated), mask(&table));
        for (port, e) in counters {
            ports.push((port, self.body.read(&e)));
        }
        ports.extend(own(&["retire_valid", "retire_code"]));
        let mut parameters = vec![
            ("KEY_BYTES", key.to_string()),
            ("VALUE_BYTES", value.to_string()),
            ("NUM_MAPS", maps.to_string()),
        ];
        if maps > 0 {
            parameters.push(("MAP_SHAPES", "MAP_SHAPES".to_owned()));
            parameters.push(("GATED", gated));
            parameters.push(("TABLES", tables));
        }
        self.instance("bl_host", "u_host", &parameters, &ports);
    }

    /// The signals `<map>_<what>` of the maps that have one, the first map's lowest; zero for the others.
    fn by_map(&self, what: &str, bits: u32, has: &dyn Fn(usize) -> bool) -> Expr {
        let maps = self.layout.maps.iter().enumerate().rev();
        let signal = |(n, m): (usize, &MapLayout)| match has(n) {
            true => Expr::signal(&format!("{}_{what}", m.name), bits),
            false => Expr::zero(bits),
        };
        let parts: Vec<Expr> = maps.map(signal).collect();
        match parts.is_empty() {
            true => Expr::zero(bits),
            false => Expr::concat(parts),
        }
    }

    /// What the host can read about every map, used or not.
    fn shapes(&mut self) {
        let layout = self.layout;
        let decls = &layout.staged.pipeline.dfg.maps;
        if decls.is_empty() {
            return;
        }
        self.body.push(
            "// By map, last map first: slots, max_entries, value size, key size, {log2 of the depth of a bank, placement, kind}.",
        );
        self.body.push(&format!("localparam logic [{}:0] MAP_SHAPES = {{", 160 * decls.len() - 1));
        for (id, decl) in decls.iter().rev() {
            let m = layout.map(id);
            let placement = self.placement(id.index());
            let slots = if placement == Placement::Absent { 0 } else { m.rows };
            let info = placement.info(decl, m);
            let comma = if id.index() == 0 { " " } else { "," };
            self.body.push(&format!(
                "    32'd{slots}, 32'd{}, 32'd{}, 32'd{}, 32'h{info:08x}{comma}  // {}",
                decl.max_entries, decl.value_size, decl.key_size, m.name
            ));
        }
        self.body.push("};");
    }

    /// 1 if a map does what the request asks.
    fn served(&mut self) {
        let used = self.layout.maps.iter().filter(|m| m.used);
        let selected = used.map(|m| Expr::signal(&format!("{}_selected", m.name), 1));
        let listed = self.sorted_maps().map(|n| self.list_signal(n, "selected", 1));
        let any = selected.chain(listed).reduce(|a, b| Expr::or(&a, &b));
        self.body.wire("req_served", &any.unwrap_or_else(|| Expr::zero(1)));
        self.body.read(&Expr::signal("req_served", 1));
    }

    /// What the maps answer: whichever it is.
    fn found(&mut self, key_bytes: u32, value_bytes: u32) {
        let layout = self.layout;
        let staged = layout.staged;
        let (mut keys, mut entries, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (n, m) in layout.maps.iter().enumerate().filter(|(_, m)| m.used) {
            let decl = &staged.pipeline.dfg.maps[MapId::new(n)];
            let signal = |what: &str, bits| Expr::signal(&format!("{}_host_{what}", m.name), bits);
            if staged.lookups.iter().any(|l| l.map.index() == n) {
                let parts = vec![signal("key_present", 1), signal("key_bytes", 8 * decl.key_size)];
                keys.push(Answer { valid: signal("key_valid", 1), parts });
            }
            if self.placement(n).takes_keys() {
                let parts = vec![signal("entry_slot", m.slot_bits), signal("entry_status", 32)];
                entries.push(Answer { valid: signal("entry_valid", 1), parts });
            }
            for (copy, memory) in layout.memories(MapId::new(n)).iter().enumerate() {
                if !memory.first {
                    continue;
                }
                let name = |what: &str| Self::copy_name(&format!("{}_host_{what}", m.name), copy);
                let row = memory.port.map_or(name("row"), |p| layout.value_ports[p].row.clone());
                let valid = Expr::signal(&name("row_valid"), 1);
                let parts = vec![Expr::signal(&row, 8 * decl.value_size)];
                values.push(Answer { valid, parts });
            }
            if self.placement(n) == Placement::Sorted {
                let parts = vec![self.list_signal(n, "found", 32)];
                values.push(Answer { valid: signal("key_valid", 1), parts });
            }
        }
        let key_parts = [("found_present", 1), ("found_key", 8 * key_bytes)];
        self.merge("found_key_valid", &key_parts, &keys);
        let entry_parts = [("found_slot", 32), ("found_status", 32)];
        self.merge("found_entry_valid", &entry_parts, &entries);
        self.merge("found_value_valid", &[("found_value", 8 * value_bytes)], &values);
    }

    /// Wires `valid` and `parts`: the answers, of which at most one is valid, as one.
    fn merge(&mut self, valid: &str, parts: &[(&str, u32)], answers: &[Answer]) {
        let any = answers.iter().map(|a| a.valid.clone()).reduce(|a, b| Expr::or(&a, &b));
        self.body.wire(valid, &any.unwrap_or_else(|| Expr::zero(1)));
        self.body.read(&Expr::signal(valid, 1));
        for (i, (name, bits)) in parts.iter().enumerate() {
            let all = answers.iter().map(|a| masked(&a.valid, &a.parts[i], *bits));
            let all = all.reduce(|a, b| Expr::binary("|", &a, &b));
            self.body.wire(name, &all.unwrap_or_else(|| Expr::zero(*bits)));
            self.body.read(&Expr::signal(name, *bits));
        }
    }
}

/// `data` widened to `bits` if `valid`, else zero.
fn masked(valid: &Expr, data: &Expr, bits: u32) -> Expr {
    let copies = match data.bits() {
        1 => valid.clone(),
        n => Expr::closed(format!("{{{n}{{{}}}}}", valid.text()), n, &[valid]),
    };
    let e = Expr::binary("&", &copies, data);
    if e.bits() == bits {
        return e;
    }
    Expr::concat(vec![Expr::zero(bits - e.bits()), e])
}
