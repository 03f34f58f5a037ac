//! Parsing of `StagedPipeline`.

use super::parse::{ParseError, Parser};
use super::parse_op::ParsedInst;
use crate::entities::{Inst, MapId, Stage, Value};
use crate::pipeline::{
    Boundary, ByteCoord, ByteExit, Gate, GateKind, LookupPort, Pipeline, StagedPipeline, ValuePort,
};
use crate::target::TargetDesc;
use cranelift_entity::{EntityRef, SecondaryMap};

/// Coordinates of the packet window stay within this.
const MAX_COORD: ByteCoord = 1 << 17;

/// A port as declared; its operations come later.
struct Port {
    map: MapId,
    /// `None` for a lookup port.
    entry: Option<Value>,
    issue: Stage,
    /// `commit` and `rows` of a value port.
    commit: Stage,
    rows: Option<(u32, u32)>,
    users: Vec<Inst>,
    at: usize,
}

/// The body of a staged pipeline in the making.
struct Body {
    order: Vec<Inst>,
    stage_of: SecondaryMap<Inst, Stage>,
    boundaries: Vec<Boundary>,
    ports: Vec<Port>,
}

/// Parses a `StagedPipeline`.
///
/// # Errors
/// As [`super::parse_function`]; also ports without operations, or operations with a port that is not declared.
pub fn parse_staged(text: &str) -> Result<StagedPipeline, ParseError> {
    let mut p = Parser::new(text)?;
    let name = p.head("staged")?;
    let target = p.target_desc()?;
    p.word("stages")?;
    let at = p.pos();
    let num_stages = p.number::<u16>().map(u32::from)?;
    if num_stages == 0 {
        return p.error_at(at, "a pipeline has a stage");
    }
    p.word("headroom")?;
    let headroom = p.number()?;
    p.word("window")?;
    let window = p.number()?;
    let ports = p.ports()?;
    let gates = p.gates()?;
    let body = p.staged_body(ports, num_stages)?;
    let verdict = p.verdict()?;
    let exits = p.exits()?;
    p.punct('}')?;
    p.end()?;
    let (lookups, value_ports) = p.finish_ports(body.ports)?;
    Ok(StagedPipeline {
        pipeline: Pipeline { name, dfg: p.dfg, order: body.order, verdict },
        target,
        num_stages,
        stage_of: body.stage_of,
        boundaries: body.boundaries,
        lookups,
        value_ports,
        gates,
        headroom,
        window,
        exits,
    })
}

/// Printer and parser of the target, from one list of its fields.
macro_rules! target_fields {
    ($($field:ident),* $(,)?) => {
        impl StagedPipeline {
            /// The `target` line.
            pub(super) fn target_text(&self) -> String {
                let TargetDesc { name, $($field),* } = &self.target;
                let mut text = format!("target {name:?}");
                $(text += &format!(concat!(" ", stringify!($field), " {}"), $field);)*
                text
            }
        }

        impl Parser {
            fn target_desc(&mut self) -> Result<TargetDesc, ParseError> {
                self.word("target")?;
                let name = self.string()?;
                $(
                    self.word(stringify!($field))?;
                    let $field = self.number()?;
                )*
                Ok(TargetDesc { name, $($field),* })
            }
        }
    };
}

target_fields! {
    clock_mhz, register_overhead_ps, lut_ps, carry_bit_ps, carry_base_ps, lut_inputs, dsp_ps,
    bram_out_ps, hash_latency, value_latency, bus_bytes,
}

impl Parser {
    fn ports(&mut self) -> Result<Vec<Port>, ParseError> {
        let mut ports: Vec<Port> = Vec::new();
        loop {
            let lookup = self.eat_word("lookup_port");
            if !lookup && !self.eat_word("value_port") {
                return Ok(ports);
            }
            let at = self.pos();
            let number: Stage = self.entity("p")?;
            let after_value = ports.last().is_some_and(|p| p.entry.is_some());
            if number.index() != ports.len() || lookup && after_value {
                return self.error_at(at, "ports are numbered from p0 in order, lookups first");
            }
            let map = self.map()?;
            let entry = if lookup {
                None
            } else {
                self.word("entry")?;
                Some(self.value()?)
            };
            self.word("issue")?;
            let issue = self.entity("s")?;
            let (mut commit, mut rows) = (issue, None);
            if !lookup {
                self.word("commit")?;
                commit = self.entity("s")?;
                if self.eat_word("rows") {
                    rows = Some(self.row_range()?);
                }
            }
            ports.push(Port { map, entry, issue, commit, rows, users: Vec::new(), at });
        }
    }

    fn row_range(&mut self) -> Result<(u32, u32), ParseError> {
        let lo = self.number()?;
        if !self.eat_dots() {
            return self.error_at(self.pos(), "expected `..`".to_string());
        }
        Ok((lo, self.number()?))
    }

    fn gates(&mut self) -> Result<Vec<Gate>, ParseError> {
        let mut gates = Vec::new();
        while self.eat_word("gate") {
            let map = self.map()?;
            let kind = if self.eat_word("rows") {
                GateKind::Rows
            } else {
                self.word("keys")?;
                GateKind::Keys
            };
            self.word("at")?;
            let stage = self.entity("s")?;
            self.word("commit")?;
            let commit = self.entity("s")?;
            self.word("depth")?;
            let depth = self.number()?;
            self.word("write")?;
            let write = self.value()?;
            self.word("reads")?;
            let mut reads = Vec::new();
            while self.at_entity("v") {
                reads.push(self.value()?);
            }
            let may = if self.eat_word("if") { Some(self.value()?) } else { None };
            gates.push(Gate { map, kind, stage, commit, depth, reads, write, may });
        }
        Ok(gates)
    }

    fn staged_body(&mut self, ports: Vec<Port>, num_stages: u32) -> Result<Body, ParseError> {
        let mut body = Body {
            order: Vec::new(),
            stage_of: SecondaryMap::with_default(Stage::new(0)),
            boundaries: Vec::new(),
            ports,
        };
        let mut stage = None;
        while !self.at_word("ret") {
            if self.eat_word("stage") {
                let at = self.pos();
                let s: Stage = self.entity("s")?;
                if s.as_u32() >= num_stages {
                    return self.error_at(at, format!("the pipeline has {num_stages} stages"));
                }
                stage = Some(s);
            } else if self.eat_word("boundary") {
                self.boundary(&mut body.boundaries)?;
            } else {
                let at = self.pos();
                let ParsedInst { inst, port } = self.inst()?;
                let Some(stage) = stage else {
                    return self.error_at(at, "an operation before the first `stage`");
                };
                body.stage_of[inst] = stage;
                body.order.push(inst);
                if let Some((number, at)) = port {
                    match body.ports.get_mut(number) {
                        Some(p) => p.users.push(inst),
                        None => return self.error_at(at, format!("p{number} is not declared")),
                    }
                }
            }
        }
        Ok(body)
    }

    fn boundary(&mut self, boundaries: &mut Vec<Boundary>) -> Result<(), ParseError> {
        let stage: Stage = self.entity("s")?;
        if stage.index() != boundaries.len() {
            return self.error_at(
                self.pos() - 1,
                format!("expected the boundary of s{}", boundaries.len()),
            );
        }
        let mut b = Boundary::default();
        if self.eat_word("values") {
            while self.at_entity("v") {
                b.values.push(self.value()?);
            }
        }
        if self.eat_word("bytes") {
            while self.at_number() {
                b.bytes.extend(self.coords()?);
            }
        }
        boundaries.push(b);
        Ok(())
    }

    fn coords(&mut self) -> Result<std::ops::RangeInclusive<ByteCoord>, ParseError> {
        let at = self.pos();
        let first: ByteCoord = self.number()?;
        let last = if self.eat_dots() { self.number()? } else { first };
        if first < -MAX_COORD || last > MAX_COORD || first > last {
            return self.error_at(at, format!("bad coordinates {first}..{last}"));
        }
        Ok(first..=last)
    }

    fn exits(&mut self) -> Result<Vec<(ByteCoord, ByteExit)>, ParseError> {
        let mut exits = Vec::new();
        while self.eat_word("exit") {
            let coords = self.coords()?;
            let exit = if self.eat_word("original") {
                ByteExit::Original
            } else if self.eat_word("always") {
                ByteExit::Patched(Vec::new())
            } else {
                self.word("if")?;
                let mut preds = vec![self.value()?];
                while self.at_entity("v") {
                    preds.push(self.value()?);
                }
                ByteExit::Patched(preds)
            };
            exits.extend(coords.map(|c| (c, exit.clone())));
        }
        Ok(exits)
    }

    fn finish_ports(
        &self,
        ports: Vec<Port>,
    ) -> Result<(Vec<LookupPort>, Vec<ValuePort>), ParseError> {
        let (mut lookups, mut value_ports) = (Vec::new(), Vec::new());
        for Port { map, entry, issue, commit, rows, users, at } in ports {
            match (entry, users.as_slice()) {
                (None, [inst]) => lookups.push(LookupPort { map, inst: *inst, issue }),
                (None, _) => return self.error_at(at, "a lookup port has exactly one operation"),
                (Some(entry), _) => {
                    let accesses = users;
                    value_ports.push(ValuePort { map, entry, issue, commit, rows, accesses })
                }
            }
        }
        Ok((lookups, value_ports))
    }
}
