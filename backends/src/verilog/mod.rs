//! The Verilog backend: a scheduled pipeline becomes SystemVerilog, one module per stage, a top that wires, and the library cells.
//!
//! How the IR maps to hardware, where the two differ:
//!
//! - A value is a wire in the stage that makes it, and a field of the packed struct that each later boundary registers.
//!   Constants are literals, the CPU number and the seed of random numbers are parameters.
//! - An entry of a map is `{hit, slot}`. The null entry is zero.
//! - A packet access at a constant coordinate is a part-select. One at a variable coordinate selects from
//!   the bytes that it can reach, in steps of its known alignment.
//! - A predicate guards an effect. For map values it becomes the write enable of the memory.
//! - A stage does not see `data_end`: the window is zero behind the end of the packet, and the program compares lengths.
//!
//! [`emit`] renders in memory, [`write_design`] puts the files into a directory. Same input, same bytes.

mod arith;
mod body;
mod check;
mod events;
mod expr;
mod gates;
mod late;
mod layout;
mod lpm;
mod maps;
mod name_map;
mod names;
mod packet;
mod places;
mod rows;
mod source;
mod stage;
mod tables;
mod top;
mod top_host;
mod top_maps;
mod top_tables;
mod write;

pub use check::check;
pub(crate) use layout::{Layout, MapLayout};
pub(crate) use source::printable;
pub use write::{write_design, WriteError};

use crate::driver;
use askama::Template;
use beeline_hdl::templates::{Origin, Package, Parameter, StructType};
use beeline_ir::map::MapKind;
use beeline_ir::op::Input;
use beeline_ir::{Diagnostic, StagedPipeline, Validated};
use layout::{Field, FieldOf};

/// What the emitted text depends on beside the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Name of the object, for the header of each file; directories are left out.
    pub object: String,
    /// Number that the program sees as its CPU: default of the parameter `CPU_ID`.
    pub cpu_id: u32,
    /// Seed of random numbers: default of the parameter `SEED`.
    pub seed: u32,
    /// Types of keys and values, for the C driver.
    pub types: driver::Types,
}

impl Options {
    fn origin(&self, program: &str) -> Origin {
        Origin {
            program: source::printable(program),
            object: source::printable(source::base_name(&self.object)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn parameter(&self, input: Input) -> Parameter {
        match input {
            Input::CpuId => Parameter {
                name: "CPU_ID",
                value: self.cpu_id,
                comment: "number of the CPU that the program sees",
            },
            _ => Parameter { name: "SEED", value: self.seed, comment: "seed of random numbers" },
        }
    }
}

/// A rendered design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// `(name, text)` of every file, in the order in which tools read the Verilog among them.
    pub files: Vec<(String, String)>,
    /// Top module.
    pub top: String,
    /// What the user should know.
    pub warnings: Vec<Diagnostic>,
}

impl Design {
    /// The Verilog files, in the order in which tools read them.
    pub fn sources(&self) -> impl Iterator<Item = &(String, String)> {
        self.files.iter().filter(|(name, _)| name.ends_with(".sv"))
    }
}

/// Why there is no design.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The program asks for more than this hardware has.
    #[error("the program has no form in this hardware")]
    Unsupported(Vec<Diagnostic>),
    /// A template did not render.
    #[error("internal error: {0}")]
    Template(#[from] askama::Error),
}

/// Renders `staged` as a design.
///
/// # Errors
/// Every map that the cells have no room for, together.
pub fn emit(staged: &Validated<StagedPipeline>, options: &Options) -> Result<Design, BackendError> {
    let diagnostics = check(&staged.pipeline.dfg);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        diagnostics.into_iter().partition(|d| d.level == beeline_ir::diagnostic::Level::Error);
    if !errors.is_empty() {
        return Err(BackendError::Unsupported(errors));
    }
    let layout = Layout::new(staged);
    let stages: Vec<_> =
        (0..layout.after.len()).map(|s| stage::emit_stage(&layout, s, options)).collect();
    let top = top::emit_top(&layout, &stages, options);

    let mut files: Vec<(String, String)> = Vec::new();
    for (name, text) in beeline_hdl::cells() {
        if uses_cell(&layout, name) {
            files.push(((*name).to_owned(), (*text).to_owned()));
        }
    }
    files.push((format!("{}.sv", layout.package()), render(&package(&layout, options))?));
    for s in &stages {
        files.push((format!("{}.sv", s.module), render(s)?));
    }
    files.push((format!("{}.sv", top.module), render(&top)?));
    let list: String = files.iter().map(|(name, _)| format!("{name}\n")).collect();
    files.push((format!("{}.f", top.module), list));
    let origin = options.origin(&layout.staged.pipeline.name);
    files.extend(driver::emit(&layout, &options.types, origin)?);
    let map_file = format!("{}.names.json", top.module);
    let names = name_map::render(&layout, options, &files, &map_file);
    files.push((map_file, names));
    Ok(Design { files, top: top.module, warnings })
}

/// The text of a template, which ends with a line end.
pub(crate) fn render(template: &impl Template) -> Result<String, askama::Error> {
    Ok(template.render()? + "\n")
}

/// True if the design instantiates the cell in the file `name`.
fn uses_cell(layout: &Layout, name: &str) -> bool {
    let is_lpm = |map| layout.staged.pipeline.dfg.maps[map].kind == MapKind::LpmTrie;
    match name {
        "bl_key_table.sv" => {
            let lookups = &layout.staged.lookups;
            lookups.iter().any(|l| !layout.map(l.map).table && !is_lpm(l.map))
        }
        _ if name.starts_with("bl_lpm_") => layout.staged.lookups.iter().any(|l| is_lpm(l.map)),
        _ if name.starts_with("bl_hash_") => layout.maps.iter().any(|m| m.table),
        "bl_gate.sv" | "bl_scoreboard.sv" => !layout.staged.gates.is_empty(),
        "bl_event_out.sv" => layout.staged.sends_events(),
        "bl_value_ram.sv" => layout.maps.iter().any(|m| m.used),
        _ => true,
    }
}

/// The package with the types of the boundaries.
fn package(layout: &Layout, options: &Options) -> Package {
    let arrival = struct_type(
        layout,
        "arrival_t",
        "A packet as stage 0 gets it.".to_owned(),
        &layout.arrival,
    );
    let after = layout.after.iter().enumerate().map(|(s, fields)| {
        struct_type(layout, &layout.out_type(s), format!("What stage {s} hands on."), fields)
    });
    Package {
        origin: options.origin(&layout.staged.pipeline.name),
        package: layout.package(),
        structs: std::iter::once(arrival).chain(after).collect(),
    }
}

fn struct_type(layout: &Layout, name: &str, comment: String, fields: &[Field]) -> StructType {
    let width = fields.iter().map(|f| body::range(f.bits).len()).max().unwrap_or(0);
    let declare = |f: &Field| format!("logic {:<width$}{};", body::range(f.bits), f.name);
    let column = fields.iter().map(|f| declare(f).len()).max().unwrap_or(0);
    let fields = fields.iter().map(|f| match origin_of(layout, f) {
        None => declare(f),
        Some(origin) => format!("{:<column$}  // {origin}", declare(f)),
    });
    StructType { name: name.to_owned(), comment, fields: fields.collect() }
}

/// Where the content of a field comes from.
fn origin_of(layout: &Layout, f: &Field) -> Option<String> {
    let FieldOf::Value(v) = f.of else { return None };
    let dfg = &layout.staged.pipeline.dfg;
    let beeline_ir::ValueDef::Inst(inst) = dfg.values[v].def else { return None };
    Some(layout.sources.attribute(dfg.insts[inst].src.expand()?))
}
