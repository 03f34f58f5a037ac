//! `NAME.names.json`: from a signal in the emitted Verilog back to the program.

use super::layout::Layout;
use super::Options;
use beeline_ir::{Inst, StagedPipeline};
use cranelift_entity::EntityRef;
use serde_json::{json, Value as Json};

/// What the field `generator` says; [`super::write_design`] recognises its own output by it.
pub const GENERATOR: &str = "beeline";

/// Renders the name map. `files` are all other files of the design, `own_name` is this one.
pub fn render(
    layout: &Layout,
    options: &Options,
    files: &[(String, String)],
    own_name: &str,
) -> String {
    let staged = layout.staged;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).chain([own_name]).collect();
    let signals: Vec<Json> =
        staged.pipeline.order.iter().filter_map(|&i| signal(layout, i)).collect();
    let used = staged.pipeline.dfg.maps.iter().filter(|(id, _)| layout.map(*id).used);
    let maps: Vec<Json> = used
        .map(|(id, m)| json!({"number": id.index(), "map": m.name, "name": layout.map(id).name, "slots": layout.map(id).rows}))
        .collect();
    let document = json!({
        "generator": GENERATOR,
        "version": env!("CARGO_PKG_VERSION"),
        "object": super::source::base_name(&options.object),
        "program": staged.pipeline.name,
        "top": layout.prefix,
        "stages": staged.num_stages,
        "files": names,
        "maps": maps,
        "signals": signals,
    });
    // One signal a line would be nicer to read, but pretty printing of a tree of objects cannot fail and is stable.
    format!("{document:#}\n")
}

/// The signal that holds the result of `inst`, if it has one in hardware.
fn signal(layout: &Layout, inst: Inst) -> Option<Json> {
    let staged: &StagedPipeline = layout.staged;
    let data = &staged.pipeline.dfg.insts[inst];
    let v = data.result.filter(|v| layout.fixed(*v).is_none())?;
    let mut entry = json!({
        "signal": layout.values[v],
        "value": v.to_string(),
        "bits": layout.bits(v),
        "stage": staged.stage_of[inst].index(),
    });
    if let Some(src) = data.src.expand() {
        let loc = layout.sources.get(src);
        entry["pc"] = loc.pc.into();
        entry["insn"] = loc.insn.as_str().into();
        if let Some(line) = &loc.line {
            entry["line"] = format!("{}:{}", line.file, line.line).into();
        }
    }
    Some(entry)
}
