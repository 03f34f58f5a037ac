//! A schedule as text, for people: `inspect --emit schedule`.

use super::model::register_bits_of;
use crate::entities::{Inst, Value};
use crate::op::{AtomicOp, BinOp, CmpOp, Op};
use crate::pipeline::{Boundary, GateKind, StagedPipeline};
use cranelift_entity::EntityRef;
use std::fmt::Write;

/// Register bits of one boundary.
pub fn boundary_bits(staged: &StagedPipeline, b: &Boundary) -> u64 {
    let values: u64 =
        b.values.iter().map(|&v| u64::from(register_bits_of(&staged.pipeline.dfg, v))).sum();
    values + 8 * b.bytes.len() as u64
}

/// Pipeline register bits of the whole schedule.
pub fn register_bits(staged: &StagedPipeline) -> u64 {
    staged.boundaries.iter().map(|b| boundary_bits(staged, b)).sum()
}

/// A table of stages: what each does, and what is registered behind it.
pub fn summary(staged: &StagedPipeline) -> String {
    let p = &staged.pipeline;
    let t = &staged.target;
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(format!(
        "{}: {} stages for `{}` at {} MHz, {} register bits, window {} bytes, headroom {} bytes",
        p.name,
        staged.num_stages,
        t.name,
        t.clock_mhz,
        register_bits(staged),
        staged.window,
        staged.headroom
    ));
    for (n, boundary) in staged.boundaries.iter().enumerate() {
        line(String::new());
        line(format!("stage {n}"));
        for gate in staged.gates.iter().filter(|gate| gate.stage.index() == n) {
            let what = match gate.kind {
                GateKind::Keys => "keys",
                GateKind::Rows => "rows",
            };
            let map = &p.dfg.maps[gate.map].name;
            line(format!("    gate      {what} of {map}: changes are made in {}", gate.commit));
        }
        for port in staged.value_ports.iter().filter(|port| port.issue.index() == n) {
            line(format!(
                "    request   {}[{}]",
                p.dfg.maps[port.map].name,
                name(staged, port.entry)
            ));
        }
        for &inst in p.order.iter().filter(|&&i| staged.stage_of[i].index() == n) {
            if !matches!(p.dfg.insts[inst].op, Op::Const(_) | Op::EntryConst { .. }) {
                line(format!("    {}", operation(staged, inst)));
            }
        }
        let values: Vec<String> = boundary.values.iter().map(|&v| name(staged, v)).collect();
        line(format!("  ={:>6} bits: {}", boundary_bits(staged, boundary), values.join(" ")));
        if !boundary.bytes.is_empty() {
            line(format!("{:>14} bytes {}", "", ranges(&boundary.bytes)));
        }
    }
    out
}

/// `0-13 22 30-33`
fn ranges(coords: &[i32]) -> String {
    let mut out = String::new();
    let mut rest = coords;
    while let Some(&first) = rest.first() {
        let run = rest.iter().zip(first..).take_while(|(c, n)| *c == n).count();
        let separator = if out.is_empty() { "" } else { " " };
        let _ = match run {
            1 => write!(out, "{separator}{first}"),
            _ => write!(out, "{separator}{first}-{}", first + run as i32 - 1),
        };
        rest = &rest[run..];
    }
    out
}

fn name(staged: &StagedPipeline, v: Value) -> String {
    let dfg = &staged.pipeline.dfg;
    match (dfg.def(v), &dfg.values[v].name) {
        (Some(Op::Const(c)), _) if *c < 1000 => c.to_string(),
        (Some(Op::Const(c)), _) => format!("{c:#x}"),
        (Some(Op::EntryConst { index: Some(i), .. }), _) => i.to_string(),
        (Some(Op::EntryConst { index: None, .. }), _) => "null".into(),
        (_, Some(name)) => format!("{v}:{name}"),
        (_, None) => v.to_string(),
    }
}

/// One operation: its kind, result and operands, and the line it comes from.
fn operation(staged: &StagedPipeline, inst: Inst) -> String {
    let dfg = &staged.pipeline.dfg;
    let data = &dfg.insts[inst];
    let mut operands = Vec::new();
    data.op.for_each_arg(|v| operands.push(name(staged, v)));
    let map = data.op.map().map(|m| format!("{}: ", dfg.maps[m].name)).unwrap_or_default();
    let mut text = format!("{:<9} ", kind(&data.op));
    if let Some(v) = data.result {
        text += &format!("{} = ", name(staged, v));
    }
    text += &map;
    text += &operands.join(", ");
    if let Some(pred) = data.pred {
        text += &format!(" if {}", name(staged, pred));
    }
    if let Some(source) = data.src.expand().map(|s| &dfg.sources[s]) {
        text = format!("{text:<56} ; {}: {}", source.pc, source.insn);
    }
    text
}

fn kind(op: &Op) -> &'static str {
    match op {
        Op::Const(_) | Op::EntryConst { .. } => "const",
        Op::Input(_) => "input",
        Op::Bin(op, ..) => match op {
            BinOp::Add => "add",
            BinOp::Sub => "sub",
            BinOp::Mul => "mul",
            BinOp::UDiv => "udiv",
            BinOp::URem => "urem",
            BinOp::SDiv => "sdiv",
            BinOp::SRem => "srem",
            BinOp::And => "and",
            BinOp::Or => "or",
            BinOp::Xor => "xor",
            BinOp::Shl => "shl",
            BinOp::LShr => "lshr",
            BinOp::AShr => "ashr",
        },
        Op::Cmp(op, ..) => match op {
            CmpOp::Eq => "eq",
            CmpOp::Ne => "ne",
            CmpOp::Ult => "ult",
            CmpOp::Ule => "ule",
            CmpOp::Slt => "slt",
            CmpOp::Sle => "sle",
        },
        Op::Select { .. } => "select",
        Op::Zext(_) => "zext",
        Op::Sext(_) => "sext",
        Op::Extract { .. } => "extract",
        Op::Concat(_) => "concat",
        Op::Bswap(_) => "bswap",
        Op::PktLoad { .. } => "load",
        Op::PktStore { .. } => "store",
        Op::PktZero { .. } => "zero",
        Op::MapUpdate { .. } => "map_update",
        Op::MapDelete { .. } => "map_delete",
        Op::MapInsert { .. } => "insert",
        Op::MapRemove { .. } => "remove",
        Op::MapTouch { .. } => "touch",
        Op::MapLookup { .. } => "lookup",
        Op::EntryIsNull(_) => "is_null",
        Op::MapLoad { .. } => "read",
        Op::MapStore { .. } => "write",
        Op::MapAtomic { op, .. } => match op {
            AtomicOp::Add => "atom_add",
            AtomicOp::Or => "atom_or",
            AtomicOp::And => "atom_and",
            AtomicOp::Xor => "atom_xor",
            AtomicOp::Xchg => "xchg",
            AtomicOp::CmpXchg => "cmpxchg",
        },
        Op::EventOutput { .. } => "event",
    }
}
