//! The host's side of the top module: its registers, what it is told about each map, and what the maps answer.

use super::expr::Expr;
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

    /// A wire that is 1 if the request names slot `req_slot` of map `n`, and its operation is one on slots.
    pub(super) fn select(&mut self, n: usize) {
        let m = &self.layout.maps[n];
        let of_slot = Expr::compare("==", &Expr::slice("req_op", 3, 1, 2), &Expr::constant(0, 2));
        let in_map = Expr::compare("==", &Expr::signal("req_map", 8), &Expr::constant(n as u64, 8));
        let rows = Expr::constant(m.rows, 32).as_count();
        let in_range = Expr::compare("<", &Expr::signal("req_slot", 32), &rows);
        let all = Expr::and(&Expr::and(&in_map, &in_range), &of_slot);
        self.body.wire(&format!("{}_selected", m.name), &all);
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
        let maps = self.layout.maps.len();
        let bits = maps.max(1);
        ports.push(("map_stall", format!("{bits}'d0")));
        ports.push(("map_count", format!("{}'d0", 32 * bits)));
        ports.push(("map_failed", format!("{bits}'d0")));
        ports.extend(own(&["retire_valid", "retire_code"]));
        let mut parameters = vec![
            ("KEY_BYTES", key.to_string()),
            ("VALUE_BYTES", value.to_string()),
            ("NUM_MAPS", maps.to_string()),
        ];
        if maps > 0 {
            parameters.push(("MAP_SHAPES", "MAP_SHAPES".to_owned()));
        }
        self.instance("bl_host", "u_host", &parameters, &ports);
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
            let placement = Placement::of(decl, m);
            let slots = if placement == Placement::Absent { 0 } else { m.rows };
            let depth = m.depth_log2.filter(|_| placement != Placement::Absent).unwrap_or(0);
            let info = depth << 16 | (placement as u32) << 8 | decl.kind as u32;
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
        let any = selected.reduce(|a, b| Expr::or(&a, &b)).unwrap_or_else(|| Expr::zero(1));
        self.body.wire("req_served", &any);
        self.body.read(&Expr::signal("req_served", 1));
    }

    /// What the maps answer: whichever it is.
    fn found(&mut self, key_bytes: u32, value_bytes: u32) {
        let layout = self.layout;
        let staged = layout.staged;
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (n, m) in layout.maps.iter().enumerate().filter(|(_, m)| m.used) {
            let decl = &staged.pipeline.dfg.maps[MapId::new(n)];
            let signal = |what: &str, bits| Expr::signal(&format!("{}_host_{what}", m.name), bits);
            if staged.lookups.iter().any(|l| l.map.index() == n) {
                let parts = vec![signal("key_present", 1), signal("key_bytes", 8 * decl.key_size)];
                keys.push(Answer { valid: signal("key_valid", 1), parts });
            }
            let row = match staged.value_ports.iter().position(|p| p.map.index() == n) {
                Some(p) => Expr::signal(&layout.value_ports[p].row, 8 * decl.value_size),
                None => signal("row", 8 * decl.value_size),
            };
            values.push(Answer { valid: signal("row_valid", 1), parts: vec![row] });
        }
        let key_parts = [("found_present", 1), ("found_key", 8 * key_bytes)];
        self.merge("found_key_valid", &key_parts, &keys);
        let entry_parts = [("found_slot", 32), ("found_status", 32)];
        self.merge("found_entry_valid", &entry_parts, &[]);
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
