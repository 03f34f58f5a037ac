//! The event stream: what the `EventOutput` operations send goes from the last boundary to the cell `bl_event_out`.

use super::expr::Expr;
use super::top::{own, TopEmitter};
use beeline_ir::op::Op;
use beeline_ir::{Inst, Value};

/// One place for a record, as the cell has it.
struct Slot {
    map: u32,
    bytes: u32,
    /// Its records all have `bytes` bytes.
    fixed: bool,
}

/// What the slots so far send; lowest first.
#[derive(Default)]
struct Records {
    slots: Vec<Slot>,
    send: Vec<Expr>,
    lengths: Vec<Expr>,
    data: Vec<Expr>,
}

impl TopEmitter<'_> {
    /// Declares the signals between deparser and event stream, and wires the latter up, if there is one.
    pub(super) fn events(&mut self) {
        self.logics(&[("desc_events", 1), ("events_done", 1), ("retire_events", 1)]);
        for name in ["desc_events", "events_done"] {
            self.body.read(&Expr::signal(name, 1));
        }
        let insts: Vec<Inst> = self.layout.staged.events().collect();
        if insts.is_empty() {
            self.body.assign("desc_events", &Expr::constant(0, 1));
            self.body.assign("events_done", &Expr::constant(1, 1));
            return;
        }
        self.body.read(&Expr::signal("retire_events", 1));
        self.section("Events: records on their way to user space.");
        let mut records = Records::default();
        for inst in insts {
            self.slot(inst, &mut records);
        }
        let Records { slots, send, lengths, mut data } = records;
        if data.is_empty() {
            data.push(Expr::constant(0, 8));
        }
        for (name, mut parts) in
            [("event_send", send), ("event_length", lengths), ("event_data", data)]
        {
            parts.reverse(); // a concatenation begins with the highest part
            let all = Expr::concat(parts);
            self.logics(&[(name, all.bits())]);
            self.body.assign(name, &all);
            self.body.read(&Expr::signal(name, all.bits()));
        }
        self.event_cell(&slots);
    }

    /// Adds what the operation `inst` sends.
    fn slot(&mut self, inst: Inst, records: &mut Records) {
        let dfg = &self.layout.staged.pipeline.dfg;
        let Op::EventOutput { map, data, len, when } = &dfg.insts[inst].op else {
            unreachable!("called for events");
        };
        let conditions = dfg.insts[inst].pred.into_iter().chain([*when]);
        let conditions: Vec<Value> = conditions.filter(|c| dfg.as_const(*c) != Some(1)).collect();
        let bytes = data.iter().map(|p| self.layout.bits(*p) / 8).sum();
        let fixed = dfg.as_const(*len) == Some(u64::from(bytes));
        records.slots.push(Slot { map: map.as_u32(), bytes, fixed });
        let sent = conditions.into_iter().map(|c| self.at_exit(c)).reduce(|a, b| Expr::and(&a, &b));
        records.send.push(sent.unwrap_or_else(|| Expr::constant(1, 1)));
        records.lengths.push(self.at_exit(*len));
        records.data.extend(data.iter().map(|p| self.at_exit(*p)));
    }

    fn event_cell(&mut self, slots: &[Slot]) {
        let n = slots.len();
        let total: u32 = slots.iter().map(|s| s.bytes).sum();
        let longest = slots.iter().map(|s| s.bytes).max().unwrap_or(0);
        let packed = |width: usize, field: &dyn Fn(&Slot) -> u32| {
            let digit = |s: &Slot| format!("{:0w$x}", field(s), w = width / 4);
            let digits: String = slots.iter().rev().map(digit).collect();
            format!("{}'h{digits}", n * width)
        };
        let fixed: String = slots.iter().rev().map(|s| if s.fixed { '1' } else { '0' }).collect();
        let parameters = [
            ("SLOTS", n.to_string()),
            ("TOTAL", total.max(1).to_string()),
            ("LONGEST", longest.max(1).to_string()),
            ("DEPTH", self.desc_depth()),
            ("BYTES", packed(16, &|s| s.bytes)),
            ("MAP", packed(8, &|s| s.map)),
            ("FIXED", format!("{n}'b{fixed}")),
        ];
        let mut ports = own(&["clk", "rst"]);
        ports.push(("push", format!("valid[{}]", self.layout.after.len())));
        ports.push(("push_send", "event_send".to_owned()));
        ports.push(("push_length", "event_length".to_owned()));
        ports.push(("push_data", "event_data".to_owned()));
        ports.extend(own(&["desc_events", "events_done", "retire_events", "m_event_tdata"]));
        ports.extend(own(&["m_event_tkeep", "m_event_tvalid", "m_event_tready", "m_event_tlast"]));
        ports.extend(own(&["m_event_tuser"]));
        self.instance("bl_event_out", "u_events", &parameters, &ports);
    }
}
