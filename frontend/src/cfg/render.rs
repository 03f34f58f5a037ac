//! A program's control-flow graphs as text and as Graphviz input, for `inspect --emit cfg`.

use super::{BlockId, Cfg, Edge};
use crate::insn::{Insn, Pc};
use crate::program::Program;
use std::fmt::Write;

fn lines(program: &Program, cfg: &Cfg, b: BlockId) -> Vec<String> {
    let block = cfg.block(b);
    let slots = (block.start.0..block.end.0).map(Pc);
    slots
        .filter_map(|pc| Some((pc, program.insns.get(pc.index())?)))
        .filter(|(_, insn)| **insn != Insn::Imm64Tail)
        .map(|(pc, insn)| format!("{:4}: {}", pc.0, crate::disasm::insn(program, pc, insn)))
        .collect()
}

fn edge_name(edge: Edge) -> &'static str {
    match edge {
        Edge::Fallthrough => "else",
        Edge::Taken => "taken",
        Edge::Jump => "goto",
    }
}

/// Every function of `program`: its blocks with instructions, successors, dominators and loops.
pub fn text(program: &Program) -> String {
    let mut out = String::new();
    for f in &program.subprogs {
        let cfg = Cfg::new(program, f);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}function {}:", if out.is_empty() { "" } else { "\n" }, f.name);
        for b in cfg.blocks() {
            let mut facts = Vec::new();
            if let Some(d) = cfg.immediate_dominator(b) {
                facts.push(format!("idom {d}"));
            }
            if let Some(l) = cfg.loops().iter().position(|l| l.header == b) {
                let blocks: Vec<_> = cfg.loop_blocks(l).iter().map(ToString::to_string).collect();
                facts.push(format!("loop of depth {}: {}", cfg.loops()[l].depth, blocks.join(" ")));
            }
            if !cfg.is_reachable(b) {
                facts.push("unreachable".into());
            }
            let _ = writeln!(
                out,
                "{b}:{}{}",
                if facts.is_empty() { "" } else { "  ; " },
                facts.join(", ")
            );
            for line in lines(program, &cfg, b) {
                let _ = writeln!(out, "  {line}");
            }
            let to: Vec<_> =
                cfg.successors(b).iter().map(|(to, e)| format!("{} {to}", edge_name(*e))).collect();
            if !to.is_empty() {
                let _ = writeln!(out, "  -> {}", to.join(", "));
            }
        }
    }
    out
}

/// Graphviz input: one cluster for each function.
pub fn dot(program: &Program) -> String {
    let quote = |s: &str| s.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = format!(
        "digraph \"{}\" {{\n  node [shape=box fontname=monospace];\n",
        quote(&program.name)
    );
    for (i, f) in program.subprogs.iter().enumerate() {
        let cfg = Cfg::new(program, f);
        let _ = writeln!(out, "  subgraph cluster_{i} {{\n    label=\"{}\";", quote(&f.name));
        for b in cfg.blocks() {
            let label: String =
                lines(program, &cfg, b).iter().map(|l| format!("{}\\l", quote(l))).collect();
            let _ = writeln!(out, "    f{i}_{b} [label=\"{b}:\\l{label}\"];");
            for (to, edge) in cfg.successors(b) {
                let name = edge_name(edge);
                let _ = writeln!(out, "    f{i}_{b} -> f{i}_{to} [label=\"{name}\"];");
            }
        }
        let _ = writeln!(out, "  }}");
    }
    out.push_str("}\n");
    out
}
