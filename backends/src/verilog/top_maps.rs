//! The memories of the maps in the top module, and the host's way to them.

use super::expr::Expr;
use super::top::{hex, own, TopEmitter};
use beeline_ir::{hash, MapId};
use cranelift_entity::EntityRef;

impl TopEmitter<'_> {
    /// Key tables and value memories of a map: one copy for each port.
    pub(super) fn map(&mut self, n: usize) {
        let layout = self.layout;
        let staged = layout.staged;
        let map = MapId::new(n);
        if !layout.maps[n].used {
            return;
        }
        let decl = &staged.pipeline.dfg.maps[map];
        let name = &layout.maps[n].name;
        self.section(&format!(
            "Map {n}, {}: {} of {}, key {} bytes, value {} bytes.",
            decl.name, decl.kind, decl.max_entries, decl.key_size, decl.value_size
        ));
        let in_map = Expr::compare("==", &Expr::signal("req_map", 8), &Expr::constant(n as u64, 8));
        let rows = Expr::constant(layout.maps[n].rows, 32).as_count();
        let in_range = Expr::compare("<", &Expr::signal("req_slot", 32), &rows);
        self.body.wire(&format!("{name}_selected"), &Expr::and(&in_map, &in_range));

        let lookups: Vec<usize> =
            (0..staged.lookups.len()).filter(|p| staged.lookups[*p].map == map).collect();
        for (copy, port) in lookups.iter().enumerate() {
            self.key_table(n, copy, *port);
        }
        let ports: Vec<usize> =
            (0..staged.value_ports.len()).filter(|p| staged.value_ports[*p].map == map).collect();
        for (copy, port) in ports.iter().enumerate() {
            self.value_ram(n, copy, Some(*port));
        }
        if ports.is_empty() {
            self.value_ram(n, 0, None);
        }
    }

    /// Bits `0 ..` of a request register.
    fn request(&mut self, name: &str, width: u32, bits: u32) -> String {
        self.body.read(&Expr::slice(name, width, 0, bits))
    }

    /// `base` for the first copy, `base_2` and so on for the others.
    fn copy_name(base: &str, copy: usize) -> String {
        match copy {
            0 => base.to_owned(),
            n => format!("{base}_{}", n + 1),
        }
    }

    fn key_table(&mut self, n: usize, copy: usize, port: usize) {
        let layout = self.layout;
        let staged = layout.staged;
        let decl = &staged.pipeline.dfg.maps[MapId::new(n)];
        let m = &layout.maps[n];
        let depth = m.depth_log2.expect("only keyed maps have lookup ports");
        let key_bits = 8 * decl.key_size;
        let host = Self::copy_name(&format!("{}_host_key", m.name), copy);
        let masks = format!("{}_MASKS", m.name.to_uppercase());
        if copy == 0 && depth > 0 {
            self.masks(&masks, depth, key_bits);
        }
        let lookup = &staged.lookups[port];
        let entry = &layout.values
            [staged.pipeline.dfg.insts[lookup.inst].result.expect("a lookup has a result")];
        let arrives = lookup.issue.index() + decl.lookup_latency(&staged.target) as usize;
        if arrives >= layout.after.len() {
            // The program ends before the answer matters.
            self.logic(entry, 1 + m.slot_bits);
        }
        let found: Vec<Expr> = [("valid", 1), ("present", 1), ("bytes", key_bits)]
            .into_iter()
            .map(|(what, bits)| self.logic(&format!("{host}_{what}"), bits))
            .collect();
        let (all_key, _) = layout.host_bytes();
        let mut ports = own(&["clk", "rst"]);
        ports.push(("key", layout.key_ports[port].clone()));
        ports.push(("host_sel", self.selected(n, lookup.issue.index())));
        ports.push(("host_write", self.request("req_write", 1, 1)));
        ports.push(("host_slot", self.request("req_slot", 32, m.slot_bits)));
        ports.push(("host_present", self.request("req_present", 1, 1)));
        ports.push(("host_key", self.request("req_key", 8 * all_key, key_bits)));
        ports.push(("host_rvalid", found[0].text().to_owned()));
        ports.push(("host_rpresent", found[1].text().to_owned()));
        ports.push(("host_rkey", found[2].text().to_owned()));
        ports.push(("hit", format!("{entry}[{}]", m.slot_bits)));
        ports.push(("slot", format!("{entry}[{}:0]", m.slot_bits - 1)));
        let mut parameters =
            vec![("KEY_W", key_bits.to_string()), ("DEPTH_LOG2", depth.to_string())];
        if depth > 0 {
            parameters.push(("MASKS", masks));
        }
        let name = Self::copy_name(&format!("u_{}_keys", m.name), copy);
        self.instance("bl_key_table", &name, &parameters, &ports);
    }

    /// The H3 masks of a map as a constant.
    fn masks(&mut self, name: &str, depth: u32, key_bits: u32) {
        self.body.push(
            "// Which key bits make each index bit: last bank first, highest index bit first.",
        );
        let total = hash::BANKS * depth * key_bits;
        self.body.push(&format!("localparam logic [{}:0] {name} = {{", total - 1));
        for bank in (0..hash::BANKS).rev() {
            for bit in (0..depth).rev() {
                let mask: Vec<bool> =
                    (0..key_bits).map(|k| hash::h3_row(bank, k) >> bit & 1 == 1).collect();
                let comma = if bank == 0 && bit == 0 { "" } else { "," };
                self.body.push(&format!("    {key_bits}'h{}{comma}", hex(&mask)));
            }
        }
        self.body.push("};");
    }

    /// 1 if a token for map `n` is in stage `s`.
    fn selected(&mut self, n: usize, s: usize) -> String {
        let selected = Expr::signal(&format!("{}_selected", self.layout.maps[n].name), 1);
        format!("token[{s}] && {}", self.body.read(&selected))
    }

    /// A value memory: of a value port, or of a map whose values only the host sees.
    fn value_ram(&mut self, n: usize, copy: usize, port: Option<usize>) {
        let layout = self.layout;
        let staged = layout.staged;
        let decl = &staged.pipeline.dfg.maps[MapId::new(n)];
        let m = &layout.maps[n];
        let width = 8 * decl.value_size;
        let valid = Self::copy_name(&format!("{}_host_row_valid", m.name), copy);
        self.logic(&valid, 1);
        let writes = port.is_some_and(|p| layout.port_writes(p));
        let (stage, index, row) = match port {
            Some(p) => {
                let names = &layout.value_ports[p];
                (staged.value_ports[p].issue.index(), names.slot.clone(), names.row.clone())
            }
            None => {
                let row = self.logic(&format!("{}_host_row", m.name), width);
                let stage = staged
                    .lookups
                    .iter()
                    .find(|l| l.map.index() == n)
                    .map_or(0, |l| l.issue.index());
                (stage, format!("{}'d0", m.slot_bits), row.text().to_owned())
            }
        };
        let (_, all_value) = layout.host_bytes();
        let mut ports = own(&["clk", "rst"]);
        ports.push(("index", index));
        ports.push(("host_sel", self.selected(n, stage)));
        ports.push(("host_write", self.request("req_write", 1, 1)));
        ports.push(("host_slot", self.request("req_slot", 32, m.slot_bits)));
        ports.push(("host_row", self.request("req_value", 8 * all_value, width)));
        ports.push(("row", row));
        match port.filter(|_| writes) {
            Some(p) => {
                ports.push(("wr_en", layout.value_ports[p].write.clone()));
                ports.push(("wr_row", layout.value_ports[p].row_next.clone()));
            }
            None => {
                ports.push(("wr_en", "1'b0".to_owned()));
                ports.push(("wr_row", format!("{width}'d0")));
            }
        }
        ports.push(("host_rvalid", valid));
        let mut parameters = vec![("WIDTH", width.to_string()), ("DEPTH", m.rows.to_string())];
        parameters.push(("WRITABLE", format!("1'b{}", u8::from(writes))));
        if let Some(initial) = decl.initial.as_ref().filter(|i| i.iter().any(|b| *b != 0)) {
            let digits: String = initial.iter().rev().map(|b| format!("{b:02x}")).collect();
            parameters.push(("INIT", format!("{width}'h{digits}")));
        }
        let name = Self::copy_name(&format!("u_{}_values", m.name), copy);
        self.instance("bl_value_ram", &name, &parameters, &ports);
    }

    /// What a host read found: whichever map answers.
    pub(super) fn found(&mut self, key_bytes: u32, value_bytes: u32) {
        self.section("Host interface.");
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let layout = self.layout;
        let staged = layout.staged;
        for (n, m) in layout.maps.iter().enumerate().filter(|(_, m)| m.used) {
            let decl = &staged.pipeline.dfg.maps[MapId::new(n)];
            if staged.lookups.iter().any(|l| l.map.index() == n) {
                let found =
                    |what: &str, bits| Expr::signal(&format!("{}_host_key_{what}", m.name), bits);
                keys.push((
                    found("valid", 1),
                    found("present", 1),
                    found("bytes", 8 * decl.key_size),
                ));
            }
            let row = match staged.value_ports.iter().position(|p| p.map.index() == n) {
                Some(p) => layout.value_ports[p].row.clone(),
                None => format!("{}_host_row", m.name),
            };
            let valid = Expr::signal(&format!("{}_host_row_valid", m.name), 1);
            values.push((valid, Expr::signal(&row, 8 * decl.value_size)));
        }
        let any = |flags: Vec<&Expr>| {
            flags.into_iter().fold(Expr::constant(0, 1), |a, b| Expr::or(&a, b))
        };
        self.body.wire("found_key_valid", &any(keys.iter().map(|k| &k.0).collect()));
        let present: Vec<Expr> = keys.iter().map(|k| Expr::and(&k.0, &k.1)).collect();
        self.body.wire("found_present", &any(present.iter().collect()));
        let key = keys.iter().map(|k| masked(&k.0, &k.2, 8 * key_bytes));
        let key = key
            .reduce(|a, b| Expr::binary("|", &a, &b))
            .unwrap_or_else(|| Expr::zero(8 * key_bytes));
        self.body.wire("found_key", &key);
        self.body.wire("found_value_valid", &any(values.iter().map(|v| &v.0).collect()));
        let value = values.iter().map(|v| masked(&v.0, &v.1, 8 * value_bytes));
        let value = value
            .reduce(|a, b| Expr::binary("|", &a, &b))
            .unwrap_or_else(|| Expr::zero(8 * value_bytes));
        self.body.wire("found_value", &value);
        for name in ["found_key_valid", "found_present", "found_value_valid"] {
            self.body.read(&Expr::signal(name, 1));
        }
        self.body.read(&Expr::signal("found_key", 8 * key_bytes));
        self.body.read(&Expr::signal("found_value", 8 * value_bytes));
    }
}

/// `data` widened to `bits` if `valid`, else zero.
fn masked(valid: &Expr, data: &Expr, bits: u32) -> Expr {
    let copies =
        Expr::closed(format!("{{{}{{{}}}}}", data.bits(), valid.text()), data.bits(), &[valid]);
    let e = Expr::binary("&", &copies, data);
    if e.bits() == bits {
        return e;
    }
    Expr::concat(vec![Expr::zero(bits - e.bits()), e])
}
