//! The memories of the maps in the top module.

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
        self.section(&format!(
            "Map {n}, {}: {} of {}, key {} bytes, value {} bytes.",
            decl.name, decl.kind, decl.max_entries, decl.key_size, decl.value_size
        ));
        self.select(n);

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
        ports.push(("host_rvalid", valid));
        let (enable, changed) = match port.filter(|_| writes) {
            Some(p) => {
                let names = &layout.value_ports[p];
                (names.write.clone(), names.row_next.clone())
            }
            None => ("1'b0".to_owned(), format!("{width}'d0")),
        };
        ports.push(("wr_en", enable));
        ports.push(("wr_index", format!("{}'d0", m.slot_bits)));
        ports.push(("wr_mask", format!("{}'d1", decl.value_size)));
        ports.push(("wr_row", changed));
        let mut parameters = vec![("WIDTH", width.to_string()), ("DEPTH", m.rows.to_string())];
        parameters.push(("WRITABLE", format!("1'b{}", u8::from(writes))));
        if let Some(initial) = decl.initial.as_ref().filter(|i| i.iter().any(|b| *b != 0)) {
            let digits: String = initial.iter().rev().map(|b| format!("{b:02x}")).collect();
            parameters.push(("INIT", format!("{width}'h{digits}")));
        }
        let name = Self::copy_name(&format!("u_{}_values", m.name), copy);
        self.instance("bl_value_ram", &name, &parameters, &ports);
    }
}
