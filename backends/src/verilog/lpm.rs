//! LPM maps in the top module: the search of each lookup, and the host's way to its lists.
//!
//! Beside the values, which the host reaches by slot, such a map has two lists of boundaries (`offload-ir/src/lpm.rs`). The flags of
//! operations 0 and 1 say what a request is about: a value, a boundary, or a list as a whole.

use super::expr::Expr;
use super::top::{own, TopEmitter};
use crate::placement::Placement;
use beeline_ir::lpm::{self, LpmShape};
use beeline_ir::op::Op;
use beeline_ir::MapId;
use cranelift_entity::EntityRef;

/// Flags of operations 0 and 1: the value in a slot.
const VALUE: u64 = 0;
/// A boundary.
const BOUNDARY: u64 = 1;
/// Write: makes the list that was written the active one. Read: length of the active list.
const LIST: u64 = 2;

impl TopEmitter<'_> {
    /// The LPM maps that have hardware.
    pub(super) fn sorted_maps(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.layout.maps.len()).filter(|n| self.placement(*n) == Placement::Sorted)
    }

    /// A signal of the lists of map `n`.
    pub(super) fn list_signal(&self, n: usize, what: &str, bits: u32) -> Expr {
        Expr::signal(&format!("{}_host_list_{what}", self.layout.maps[n].name), bits)
    }

    fn shape(&self, n: usize) -> LpmShape {
        LpmShape::of(&self.layout.staged.pipeline.dfg.maps[MapId::new(n)])
    }

    /// Two wires that are 1 if the request is for LPM map `n`: for a value, and for its lists.
    pub(super) fn select_sorted(&mut self, n: usize) {
        let m = &self.layout.maps[n];
        let is = |signal: &str, bits: u32, value: u64| {
            let value = Expr::constant(value, bits);
            Expr::compare("==", &Expr::signal(signal, bits), &value)
        };
        let slot = Expr::signal("req_slot", 32);
        let below = |limit: u64| Expr::compare("<", &slot, &Expr::constant(limit, 32).as_count());
        let (read, write) = (is("req_op", 3, 0), is("req_op", 3, 1));
        let here = Expr::and(&is("req_map", 8, n as u64), &Expr::or(&read, &write));
        let capacity = self.shape(n).capacity();
        let value = Expr::and(&is("req_flags", 2, VALUE), &below(m.rows));
        let boundary = Expr::and(&is("req_flags", 2, BOUNDARY), &below(capacity));
        let list = Expr::and(&is("req_flags", 2, LIST), &Expr::or(&read, &below(capacity + 1)));
        let lists = Expr::and(&here, &Expr::or(&boundary, &list));
        self.body.wire(&format!("{}_selected", m.name), &Expr::and(&here, &value));
        let name = self.list_signal(n, "selected", 1).text().to_owned();
        self.body.wire(&name, &lists);
        let name = self.list_signal(n, "swap", 1).text().to_owned();
        self.body.wire(&name, &is("req_flags", 2, LIST));
    }

    /// The search of lookup `port`, copy number `copy` of the lists of map `n`.
    pub(super) fn lpm_table(&mut self, n: usize, copy: usize, port: usize) {
        let layout = self.layout;
        let staged = layout.staged;
        let dfg = &staged.pipeline.dfg;
        let decl = &dfg.maps[MapId::new(n)];
        let m = &layout.maps[n];
        let shape = self.shape(n);
        let lookup = &staged.lookups[port];
        let Op::MapLookup { key, .. } = &dfg.insts[lookup.inst].op else {
            unreachable!("a lookup port serves a lookup")
        };
        let full = lpm::asks_full_length(dfg, key, shape.data_bits);
        let entry = &layout.values[dfg.insts[lookup.inst].result.expect("a lookup has a result")];
        let arrives = lookup.issue.index() + decl.lookup_latency(&staged.target) as usize;
        if arrives >= layout.after.len() {
            // The program ends before the answer matters.
            self.logic(entry, 1 + m.slot_bits);
        }
        let key_bits = 8 * decl.key_size;
        let host = Self::copy_name(&format!("{}_host_key", m.name), copy);
        let list = Self::copy_name(&format!("{}_host_list", m.name), copy);
        let found: Vec<Expr> = [
            (format!("{host}_valid"), 1),
            (format!("{host}_present"), 1),
            (format!("{host}_bytes"), key_bits),
            (format!("{list}_found"), 32),
        ]
        .into_iter()
        .map(|(name, bits)| self.logic(&name, bits))
        .collect();
        let selected = self.list_signal(n, "selected", 1);
        let token = format!("token[{}] && {}", lookup.issue.index(), self.body.read(&selected));
        let swap = self.list_signal(n, "swap", 1);
        let (all_key, all_value) = layout.host_bytes();
        let mut ports = own(&["clk", "rst"]);
        ports.push(("key", layout.key_ports[port].clone()));
        ports.push(("host_sel", token));
        ports.push(("host_write", self.request("req_write", 1, 1)));
        ports.push(("host_swap", self.body.read(&swap)));
        ports.push(("host_index", self.request("req_slot", 32, shape.index_bits + 1)));
        ports.push(("host_present", self.request("req_present", 1, 1)));
        ports.push(("host_key", self.request("req_key", 8 * all_key, key_bits)));
        ports.push(("host_slot", self.request("req_value", 8 * all_value, m.slot_bits)));
        for (name, e) in
            ["host_rvalid", "host_rpresent", "host_rkey", "host_rslot"].iter().zip(&found)
        {
            ports.push((name, e.text().to_owned()));
        }
        ports.push(("hit", format!("{entry}[{}]", m.slot_bits)));
        ports.push(("slot", format!("{entry}[{}:0]", m.slot_bits - 1)));
        let parameters = [
            ("DATA_BYTES", (shape.data_bits / 8).to_string()),
            ("INDEX_W", shape.index_bits.to_string()),
            ("DIGIT", shape.digit_bits.to_string()),
            ("SLOT_W", m.slot_bits.to_string()),
            ("FULL", format!("1'b{}", u8::from(full))),
            ("STEP", shape.step(&staged.target).to_string()),
        ];
        let name = Self::copy_name(&format!("u_{}_search", m.name), copy);
        self.instance("bl_lpm_table", &name, &parameters, &ports);
    }
}
