//! The top module: it only wires framer, stages, maps, FIFOs, deparser and host together.

use super::body::{range, Body};
use super::expr::Expr;
use super::layout::{FieldOf, Layout};
use super::Options;
use beeline_hdl::templates::{Parameter, StageModule, TopModule};
use beeline_ir::op::{Input, Op};
use beeline_ir::pipeline::{ByteCoord, ByteExit};
use beeline_ir::Value;

/// Beats that the packet FIFO holds.
const PKT_DEPTH: u32 = 512;

/// Wires the top up.
pub(super) struct TopEmitter<'a> {
    pub layout: &'a Layout<'a>,
    pub body: Body<'a>,
}

/// The top module.
pub fn emit_top(layout: &Layout, stages: &[StageModule], options: &Options) -> TopModule {
    let mut t = TopEmitter { layout, body: Body::new(&layout.sources) };
    t.declare();
    t.input_side();
    t.stages(stages);
    for map in 0..layout.maps.len() {
        t.map(map);
    }
    t.output_side();
    t.host();
    let maps = layout.staged.pipeline.dfg.maps.iter().filter(|(id, _)| layout.map(*id).used);
    let maps = maps.map(|(id, m)| {
        format!(
            "{} {}: {} of {}, key {} bytes, value {} bytes",
            id.as_u32(),
            m.name,
            m.kind,
            m.max_entries,
            m.key_size,
            m.value_size
        )
    });
    let maps = maps.collect();
    let (body, unread) = t.body.finish();
    TopModule {
        origin: options.origin(&layout.staged.pipeline.name),
        module: layout.prefix.clone(),
        num_stages: stages.len(),
        maps,
        parameters: parameters(layout, options),
        events: layout.staged.sends_events(),
        body,
        unused: super::body::unused(&unread),
    }
}

/// Parameters of the top: those that an operation or the verdict reads.
pub fn parameters(layout: &Layout, options: &Options) -> Vec<Parameter> {
    let p = &layout.staged.pipeline;
    let used = |input: Input| p.order.iter().any(|i| p.dfg.insts[*i].op == Op::Input(input));
    [Input::CpuId, Input::Seed]
        .into_iter()
        .filter(|i| used(*i))
        .map(|i| options.parameter(i))
        .collect()
}

impl TopEmitter<'_> {
    /// Declares a signal of `bits` bits.
    pub(super) fn logic(&mut self, name: &str, bits: u32) -> Expr {
        self.body.push(&format!("logic {}{name};", range(bits)));
        self.body.signal(name, bits)
    }

    /// Declares several signals, their names in a column.
    pub(super) fn logics(&mut self, signals: &[(&str, u32)]) {
        let width = signals.iter().map(|(_, bits)| range(*bits).len()).max().unwrap_or(0);
        for (name, bits) in signals {
            self.body.push(&format!("logic {:<width$}{name};", range(*bits)));
            self.body.signal(name, *bits);
        }
    }

    /// Starts a section.
    pub(super) fn section(&mut self, title: &str) {
        self.body.push("");
        self.body.push(&format!("// {title}"));
    }

    /// `module #(parameters) u_name (.port(expression), ...);` An empty connection is a signal of the port's own name.
    pub(super) fn instance(
        &mut self,
        module: &str,
        name: &str,
        parameters: &[(&str, String)],
        ports: &[(&str, String)],
    ) {
        let parameters: Vec<String> =
            parameters.iter().map(|(p, v)| format!(".{p}({v})")).collect();
        let head = match parameters.is_empty() {
            true => format!("{module} {name} ("),
            false => format!("{module} #(\n{}\n) {name} (", fill(&parameters)),
        };
        self.body.push(&head);
        let connect = |(p, v): &(&str, String)| {
            if v.is_empty() {
                format!(".{p}")
            } else {
                format!(".{p}({v})")
            }
        };
        let ports: Vec<String> = ports.iter().map(connect).collect();
        self.body.push(&fill(&ports));
        self.body.push(");");
    }

    /// Signals that several sections share.
    fn declare(&mut self) {
        let n = self.layout.after.len();
        let package = self.layout.package();
        self.body.push(&format!(
            "// valid[s], token[s]: a packet, a host token is in stage s ({n}: behind the last)."
        ));
        self.body.push(&format!("logic [{n}:0] valid;"));
        self.body.push(&format!("logic [{n}:0] token;"));
        self.body.push(&format!("{package}::arrival_t arrival;"));
        for s in 0..n {
            self.body.push(&format!("{package}::{} after_{s:02};", self.layout.out_type(s)));
        }
        self.declare_gates();
        self.declare_request();
        self.section("Packet FIFO.");
        let signals = [
            ("pkt_push", 1),
            ("pkt_full", 1),
            ("pkt_pop", 1),
            ("pkt_valid", 1),
            ("pkt_in", 512),
            ("pkt_out", 512),
        ];
        self.logics(&signals);
        for (name, bits) in signals.into_iter().chain([("token_insert", 1)]) {
            self.body.read(&Expr::signal(name, bits));
        }
    }

    /// Framer, packet FIFO, and what stage 0 gets.
    fn input_side(&mut self) {
        let window = self.layout.window();
        self.section("Framer: cuts the header window out of every packet.");
        let signals: Vec<(&str, u32)> =
            ARRIVAL.into_iter().chain([("arrival_window", 8 * window)]).collect();
        self.logics(&signals);
        let desc_depth = self.desc_depth();
        let mut ports = own(&[
            "clk",
            "rst",
            "s_axis_tdata",
            "s_axis_tkeep",
            "s_axis_tvalid",
            "s_axis_tready",
            "s_axis_tlast",
        ]);
        ports.extend(own(&["s_axis_tuser", "token_insert", "pkt_push"]));
        ports.extend(to(&[("pkt_data", "pkt_in"), ("pkt_full", ""), ("desc_pop", "retire_valid")]));
        ports.extend(to(&[
            ("out_valid", "valid[0]"),
            ("out_token", "token[0]"),
            ("out_window", "arrival_window"),
        ]));
        ports.extend(to(&[
            ("out_length", "arrival_length"),
            ("out_timestamp", "arrival_timestamp"),
        ]));
        ports.extend(to(&[("out_ifindex", "arrival_ifindex"), ("out_queue", "arrival_queue")]));
        ports.extend(to(&[("out_packet_index", "arrival_packet_index")]));
        let parameters = [("WINDOW", window.to_string()), ("DESC_DEPTH", desc_depth)];
        self.instance("bl_framer", "u_framer", &parameters, &ports);
        self.body.push("");
        for f in &self.layout.arrival {
            let e = match f.of {
                FieldOf::Value(v) => self.arrival_input(v),
                FieldOf::Bytes { first, count } => {
                    Expr::slice("arrival_window", 8 * window, 8 * first as u32, 8 * count)
                }
                FieldOf::Length => Expr::signal("arrival_length", 16),
            };
            self.body.assign(&format!("arrival.{}", f.name), &e);
        }
        self.section("Every beat waits here for its packet's verdict.");
        let mut ports = own(&["clk", "rst"]);
        ports.extend(to(&[("push", "pkt_push"), ("push_data", "pkt_in"), ("full", "pkt_full")]));
        ports.extend(to(&[
            ("head_valid", "pkt_valid"),
            ("head_data", "pkt_out"),
            ("pop", "pkt_pop"),
        ]));
        let parameters = [("WIDTH", "512".to_owned()), ("DEPTH", PKT_DEPTH.to_string())];
        self.instance("bl_packet_fifo", "u_packet_fifo", &parameters, &ports);
    }

    fn arrival_input(&self, v: Value) -> Expr {
        let signal = match self.layout.staged.pipeline.dfg.def(v) {
            Some(Op::Input(Input::PacketLen)) => 0,
            Some(Op::Input(Input::TimeNs)) => 1,
            Some(Op::Input(Input::IngressIfindex)) => 2,
            Some(Op::Input(Input::RxQueueIndex)) => 3,
            _ => 4,
        };
        let (name, bits) = ARRIVAL[signal];
        Expr::signal(name, bits)
    }

    /// Stage instances, with the signals to and from the maps.
    fn stages(&mut self, stages: &[StageModule]) {
        let signals: Vec<(&str, u32)> =
            stages.iter().flat_map(|s| &s.map_ports).map(|p| (p.name.as_str(), p.bits)).collect();
        if !signals.is_empty() {
            self.section("Between the stages and the maps.");
        }
        self.logics(&signals);
        for (name, bits) in signals {
            // All of it is read, by the stage or by the map's memory.
            self.body.read(&Expr::signal(name, bits));
        }
        self.section("The stages.");
        for (s, stage) in stages.iter().enumerate() {
            let parameters: Vec<(&str, String)> =
                stage.parameters.iter().map(|p| (p.name, p.name.to_owned())).collect();
            let gated = !self.layout.gates_at(s).is_empty();
            if gated {
                self.gate(s);
            }
            let input = match s {
                0 => "arrival".to_owned(),
                _ if gated => format!("head_{s:02}"),
                _ => format!("after_{:02}", s - 1),
            };
            let mut ports = if stage.registered { own(&["clk", "rst"]) } else { Vec::new() };
            ports.push(("in_valid", format!("valid[{s}]")));
            ports.push(("in_host", format!("token[{s}]")));
            ports.push(("in", input));
            ports.extend(stage.map_ports.iter().map(|p| (p.name.as_str(), String::new())));
            let (valid, token) = match stage.registered {
                true => (format!("valid[{}]", s + 1), format!("token[{}]", s + 1)),
                false => {
                    (format!("arrive_{:02}_valid", s + 1), format!("arrive_{:02}_token", s + 1))
                }
            };
            ports.push(("out_valid", valid));
            ports.push(("out_host", token));
            ports.push(("out", format!("after_{s:02}")));
            self.instance(&stage.module, &format!("u_stage_{s:02}"), &parameters, &ports);
        }
    }

    pub(super) fn desc_depth(&self) -> String {
        (self.layout.after.len() as u32 + 4).next_power_of_two().to_string()
    }

    /// Verdict and patches, and the deparser that acts on them.
    fn output_side(&mut self) {
        let staged = self.layout.staged;
        let n = self.layout.after.len();
        self.section("Deparser: patches what the program wrote into the stored beats.");
        for f in self.layout.after.last().expect("at least one stage") {
            self.body.signal(&format!("after_{:02}.{}", n - 1, f.name), f.bits);
        }
        let (headroom, window) = (staged.headroom, self.layout.window());
        let (data, enable, mask) = self.patches();
        let total = headroom + window;
        self.logics(&[("patch_data", data.bits()), ("patch_en", enable.bits())]);
        for (name, e) in [("patch_data", &data), ("patch_en", &enable)] {
            self.body.assign(name, e);
            self.body.read(&Expr::signal(name, e.bits()));
        }
        self.events();
        let verdict = &staged.pipeline.verdict;
        let align = staged.pipeline.dfg.as_const(verdict.start) != Some(0);
        let length = self.layout.after[n - 1]
            .iter()
            .find(|f| self.layout.holds_length(f))
            .expect("always there");
        let length =
            Expr::slice(&format!("after_{:02}.{}", n - 1, length.name), length.bits, 0, 16);
        let mut ports = own(&["clk", "rst"]);
        ports.push(("desc_push", format!("valid[{n}]")));
        ports.push(("desc_length", self.body.read(&length)));
        for (port, value, bits) in [
            ("desc_start", verdict.start, 18),
            ("desc_end", verdict.end, 18),
            ("desc_valid_end", verdict.valid_end, 18),
            ("desc_action", verdict.action, 32),
            ("desc_redirect_map", verdict.redirect_map, 8),
            ("desc_redirect_key", verdict.redirect_key, 32),
        ] {
            let e = self.at_exit(value);
            let e =
                if port == "desc_start" && e.bits() < bits { e.sext(bits) } else { e.resize(bits) };
            ports.push((port, self.body.read(&e)));
        }
        ports.extend(own(&["patch_data", "patch_en", "pkt_valid"]));
        ports.extend(to(&[("pkt_data", "pkt_out"), ("pkt_pop", "")]));
        ports.extend(own(&[
            "m_axis_tdata",
            "m_axis_tkeep",
            "m_axis_tvalid",
            "m_axis_tready",
            "m_axis_tlast",
        ]));
        ports.extend(own(&["m_axis_tuser", "retire_valid", "retire_code", "retire_length"]));
        ports.extend(own(&["retire_redirect_map", "retire_redirect_key"]));
        ports.extend(own(&["desc_events", "events_done", "retire_events"]));
        let parameters = [
            ("HEADROOM", headroom.to_string()),
            ("WINDOW", window.to_string()),
            ("DESC_DEPTH", self.desc_depth()),
            ("ALIGN", format!("1'b{}", u8::from(align))),
            ("PATCH_MASK", format!("{total}'h{}", hex(&mask))),
        ];
        self.instance("bl_deparser", "u_deparser", &parameters, &ports);
    }

    /// A value as it leaves the last stage; selectable.
    pub(super) fn at_exit(&mut self, v: Value) -> Expr {
        if let Some(e) = self.layout.fixed(v) {
            if e.is_selectable() {
                return e;
            }
            let name = format!("verdict_{}", self.layout.values[v]);
            return self.body.wire(&name, &e);
        }
        let n = self.layout.after.len();
        Expr::signal(&format!("after_{:02}.{}", n - 1, self.layout.values[v]), self.layout.bits(v))
    }

    /// Data and enables of the patches, and which coordinates are ever patched (lowest first).
    fn patches(&mut self) -> (Expr, Expr, Vec<bool>) {
        let staged = self.layout.staged;
        let total = staged.headroom as usize + self.layout.window() as usize;
        let index = |c: ByteCoord| (i64::from(c) + i64::from(staged.headroom)) as usize;
        let mut data = vec![Expr::constant(0, 8); total];
        let mut enable = vec![Expr::constant(0, 1); total];
        let mut mask = vec![false; total];
        for (coord, exit) in &staged.exits {
            let ByteExit::Patched(predicates) = exit else { continue };
            let i = index(*coord);
            data[i] = self.byte_at_exit(*coord);
            mask[i] = true;
            let any = predicates.iter().map(|p| self.at_exit(*p)).reduce(|a, b| Expr::or(&a, &b));
            enable[i] = any.unwrap_or_else(|| Expr::constant(1, 1));
        }
        data.reverse();
        enable.reverse();
        (Expr::concat(data), Expr::concat(repeated(enable)), mask)
    }

    /// A window byte of the last boundary.
    fn byte_at_exit(&self, coord: ByteCoord) -> Expr {
        let n = self.layout.after.len();
        for f in &self.layout.after[n - 1] {
            if let FieldOf::Bytes { first, count } = f.of {
                if (first..first + count as ByteCoord).contains(&coord) {
                    let lo = 8 * (coord - first) as u32;
                    return Expr::slice(&format!("after_{:02}.{}", n - 1, f.name), f.bits, lo, 8);
                }
            }
        }
        Expr::constant(0, 8)
    }
}

/// What the framer says about a packet beside its bytes.
const ARRIVAL: [(&str, u32); 5] = [
    ("arrival_length", 16),
    ("arrival_timestamp", 64),
    ("arrival_ifindex", 32),
    ("arrival_queue", 32),
    ("arrival_packet_index", 32),
];

/// Ports connected to signals of their own names.
pub(super) fn own<'p>(ports: &[&'p str]) -> Vec<(&'p str, String)> {
    ports.iter().map(|p| (*p, String::new())).collect()
}

/// Ports connected to other signals.
pub(super) fn to<'p>(ports: &[(&'p str, &str)]) -> Vec<(&'p str, String)> {
    ports.iter().map(|(p, s)| (*p, (*s).to_owned())).collect()
}

/// Connections, filled into lines.
fn fill(connections: &[String]) -> String {
    let parts: Vec<&str> = connections.iter().map(String::as_str).collect();
    super::body::fill(&parts, "    ")
}

/// Runs of equal single bits as replications.
pub(super) fn repeated(bits: Vec<Expr>) -> Vec<Expr> {
    let mut runs: Vec<(Expr, u32)> = Vec::new();
    for b in bits {
        match runs.last_mut() {
            Some((last, n)) if *last == b => *n += 1,
            _ => runs.push((b, 1)),
        }
    }
    let replicate = |(b, n): (Expr, u32)| match b.as_const() {
        Some(0) => Expr::zero(n),
        _ if n == 1 => b,
        _ => Expr::closed(format!("{{{n}{{{}}}}}", b.text()), n, &[&b]),
    };
    runs.into_iter().map(replicate).collect()
}

/// Bits, lowest first, as hexadecimal digits.
pub(super) fn hex(bits: &[bool]) -> String {
    let digit = |four: &[bool]| four.iter().rev().fold(0u32, |d, b| d << 1 | u32::from(*b));
    let digits =
        bits.chunks(4).rev().map(|four| char::from_digit(digit(four), 16).expect("four bits"));
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_runs() {
        assert_eq!(hex(&[true, false, false, false, true]), "11");
        assert_eq!(hex(&[true; 6]), "3f");
        let (a, one) = (Expr::signal("a", 1), Expr::constant(1, 1));
        let e = Expr::concat(repeated(vec![a.clone(), a.clone(), one.clone(), one]));
        assert_eq!(e.text(), "{{2{a}}, {2{1'b1}}}");
    }
}
