//! The memories of the maps in the top module. (The tables that packets change: `top_tables`.)

use super::expr::Expr;
use super::rows::{Memory, RowGroup};
use super::top::{hex, own, TopEmitter};
use crate::placement::Placement;
use beeline_ir::{hash, MapId};
use cranelift_entity::EntityRef;

impl TopEmitter<'_> {
    /// Tables, value memories (one copy for each port) and scoreboards of a map.
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

        let lookups = layout.probes(map);
        if layout.maps[n].table {
            self.hash_table(n, &lookups);
        } else {
            for (copy, port) in lookups.iter().enumerate() {
                match self.placement(n) {
                    Placement::Sorted => self.lpm_table(n, copy, *port),
                    _ => self.key_table(n, copy, *port),
                }
            }
        }
        for (copy, memory) in layout.memories(map).iter().enumerate() {
            self.value_ram(n, copy, memory);
        }
        self.scoreboards(n);
    }

    /// Bits `0 ..` of a request register.
    pub(super) fn request(&mut self, name: &str, width: u32, bits: u32) -> String {
        self.body.read(&Expr::slice(name, width, 0, bits))
    }

    /// `base` for the first copy, `base_2` and so on for the others.
    pub(super) fn copy_name(base: &str, copy: usize) -> String {
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
        ports.push(("host_sel", self.selected(n, Some(lookup.issue.index()))));
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
    pub(super) fn masks(&mut self, name: &str, depth: u32, key_bits: u32) {
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

    /// 1 if a token for map `n` is in stage `s`; of no stage, if the request is for the map.
    pub(super) fn selected(&mut self, n: usize, s: Option<usize>) -> String {
        let selected = Expr::signal(&format!("{}_selected", self.layout.maps[n].name), 1);
        let selected = self.body.read(&selected);
        s.map_or(selected.clone(), |s| format!("token[{s}] && {selected}"))
    }

    /// One value memory: a copy for a value port, or rows that only the host sees.
    fn value_ram(&mut self, n: usize, copy: usize, memory: &Memory) {
        let layout = self.layout;
        let decl = &layout.staged.pipeline.dfg.maps[MapId::new(n)];
        let m = &layout.maps[n];
        let (group, width) = (&memory.group, 8 * decl.value_size);
        let index_bits = group.index_bits();
        let valid = Self::copy_name(&format!("{}_host_row_valid", m.name), copy);
        self.logic(&valid, 1);
        let (stage, index, row) = match memory.port {
            Some(p) => {
                let names = &layout.value_ports[p];
                if !layout.reads_row(p) {
                    self.logic(&names.row, width);
                }
                (layout.staged.value_ports[p].issue.index(), names.slot.clone(), names.row.clone())
            }
            None => {
                let row = Self::copy_name(&format!("{}_host_row", m.name), copy);
                self.logic(&row, width);
                (layout.host_stage(MapId::new(n)), format!("{index_bits}'d0"), row)
            }
        };
        let (_, all_value) = layout.host_bytes();
        let mut ports = own(&["clk", "rst"]);
        ports.push(("index", index));
        let (selected, write, slot) = self.host_row(n, group, stage);
        ports.push(("host_sel", selected));
        ports.push(("host_write", write));
        ports.push(("host_slot", slot));
        ports.push(("host_row", self.request("req_value", 8 * all_value, width)));
        ports.push(("row", row));
        ports.push(("host_rvalid", valid));
        ports.extend(self.change_ports(memory, width, index_bits, decl.value_size));
        let mut parameters =
            vec![("WIDTH", width.to_string()), ("DEPTH", (group.hi - group.lo).to_string())];
        parameters.push(("WRITABLE", format!("1'b{}", u8::from(group.writer.is_some()))));
        if let Some(writer) = group.writer.filter(|w| layout.says_index(*w)) {
            parameters.push(("OWN_INDEX", "1'b0".to_owned()));
            let starts = layout.lane_starts(writer);
            if starts.iter().filter(|s| **s).count() > 1 {
                let lanes = format!("{}'h{}", decl.value_size, hex(&starts));
                parameters.push(("LANE_STARTS", lanes));
            }
        }
        if let Some(initial) = decl.initial.as_ref().filter(|i| i.iter().any(|b| *b != 0)) {
            let digits: String = initial.iter().rev().map(|b| format!("{b:02x}")).collect();
            parameters.push(("INIT", format!("{width}'h{digits}")));
        }
        let name = Self::copy_name(&format!("u_{}_values", m.name), copy);
        self.instance("bl_value_ram", &name, &parameters, &ports);
    }

    /// How a token in `stage` gets to the rows of `group`: it is for one of them, it writes, and which one it is.
    fn host_row(&mut self, n: usize, group: &RowGroup, stage: usize) -> (String, String, String) {
        let m = &self.layout.maps[n];
        let token = self.selected(n, Some(stage));
        if m.table {
            // The table has found the slot, or made it.
            let update = Expr::compare("==", &Expr::signal("req_op", 3), &Expr::constant(3, 3));
            let access = format!("{}_host_access", m.name);
            let write = self.body.read(&update);
            return (format!("{token} && {access}"), write, format!("{}_host_rslot", m.name));
        }
        let write = self.request("req_write", 1, 1);
        let bits = group.index_bits();
        if group.lo == 0 && group.hi == m.rows {
            return (token, write, self.request("req_slot", 32, bits));
        }
        let slot = Expr::signal("req_slot", 32);
        let limit = |row: u64| Expr::constant(row, 32).as_count();
        let above = Expr::compare(">=", &slot, &limit(group.lo));
        let below = Expr::compare("<", &slot, &limit(group.hi));
        let inside = match group.lo {
            0 => below,
            _ => Expr::and(&above, &below),
        };
        let inside = self.body.read(&inside);
        let slot = Expr::slice("req_slot", 32, 0, bits);
        let index = match group.lo {
            0 => slot,
            lo => Expr::binary("-", &slot, &Expr::constant(lo, bits)),
        };
        (format!("{token} && {inside}"), write, self.body.read(&index))
    }

    /// What changes the rows of `memory`.
    fn change_ports(
        &mut self,
        memory: &Memory,
        width: u32,
        index_bits: u32,
        bytes: u32,
    ) -> Vec<(&'static str, String)> {
        let layout = self.layout;
        let none = ["1'b0".to_owned(), format!("{index_bits}'d0"), format!("{bytes}'d0")];
        let [enable, index, mask] = none;
        let Some(writer) = memory.group.writer else {
            let row = format!("{width}'d0");
            return vec![
                ("wr_en", enable),
                ("wr_index", index),
                ("wr_mask", mask),
                ("wr_row", row),
            ];
        };
        let names = &layout.value_ports[writer];
        let late = layout.is_late(writer);
        let enable = match late {
            true => format!("valid[{}]", layout.staged.value_ports[writer].commit.index()),
            false => names.write.clone(),
        };
        let index = if layout.says_index(writer) { names.write_slot.clone() } else { index };
        let mask = if late { names.mask.clone() } else { format!("{bytes}'d1") };
        let row = names.row_next.clone();
        vec![("wr_en", enable), ("wr_index", index), ("wr_mask", mask), ("wr_row", row)]
    }
}
