//! The generated modules as templates: what the Verilog backend fills in, and the text around it.

use askama::Template;

/// A port of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Direction and type as written.
    pub head: String,
    /// Name.
    pub name: String,
    /// Width; 0 if it has a type of its own.
    pub bits: u32,
    /// What it is; may be empty.
    pub comment: String,
}

impl Port {
    /// An input.
    pub fn input(bits: u32, name: &str, comment: &str) -> Self {
        Self::new("input  wire logic", bits, name, comment)
    }

    /// An output.
    pub fn output(bits: u32, name: &str, comment: &str) -> Self {
        Self::new("output logic     ", bits, name, comment)
    }

    /// An input of type `ty`.
    pub fn typed_input(ty: &str, name: &str) -> Self {
        let head = format!("input  wire {ty} ");
        Self { head, name: name.to_owned(), bits: 0, comment: String::new() }
    }

    /// An output of type `ty`.
    pub fn typed_output(ty: &str, name: &str) -> Self {
        let head = format!("output {ty} ");
        Self { head, name: name.to_owned(), bits: 0, comment: String::new() }
    }

    fn new(dir: &str, bits: u32, name: &str, comment: &str) -> Self {
        let head = if bits == 1 { format!("{dir} ") } else { format!("{dir} [{}:0] ", bits - 1) };
        Self { head, name: name.to_owned(), bits, comment: comment.to_owned() }
    }
}

/// The port list, with names and comments in columns.
pub fn port_lines(ports: &[Port]) -> Vec<String> {
    let head = ports.iter().map(|p| p.head.len()).max().unwrap_or(0);
    let name = ports.iter().map(|p| p.name.len()).max().unwrap_or(0) + 1;
    let line = |(n, p): (usize, &Port)| {
        let named = format!("{}{}", p.name, if n + 1 < ports.len() { "," } else { "" });
        match p.comment.is_empty() {
            true => format!("{:<head$}{named}", p.head),
            false => format!("{:<head$}{named:<name$}  // {}", p.head, p.comment),
        }
    };
    ports.iter().enumerate().map(line).collect()
}

/// What stands at the top of every generated file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Program name.
    pub program: String,
    /// Object it comes from.
    pub object: String,
    /// Version of Beeline.
    pub version: String,
}

/// A constant of a module that the user may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `CPU_ID` and the like; 32 bits.
    pub name: &'static str,
    /// Default.
    pub value: u32,
    /// What it is.
    pub comment: &'static str,
}

/// A stage.
#[derive(Clone, Debug, Template)]
#[template(path = "stage.sv", escape = "none")]
pub struct StageModule {
    /// Where it comes from.
    pub origin: Origin,
    /// Module name.
    pub module: String,
    /// Number of the stage.
    pub stage: usize,
    /// Number of stages.
    pub num_stages: usize,
    /// Parameters that an operation reads.
    pub parameters: Vec<Parameter>,
    /// The port list.
    pub ports: Vec<String>,
    /// Those to and from the maps.
    pub map_ports: Vec<Port>,
    /// Operations, indented.
    pub body: String,
    /// False if a gate holds what the stage hands on: it has no registers then.
    pub registered: bool,
    /// Assignments to the fields of `out`.
    pub registers: Vec<String>,
    /// Expression that reads what no operation reads; empty if there is nothing.
    pub unused: String,
}

/// A packed struct of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructType {
    /// Name.
    pub name: String,
    /// What it is.
    pub comment: String,
    /// Fields as declared, with their comments.
    pub fields: Vec<String>,
}

/// The package with the types of the stage boundaries.
#[derive(Clone, Debug, Template)]
#[template(path = "package.sv", escape = "none")]
pub struct Package {
    /// Where it comes from.
    pub origin: Origin,
    /// Name.
    pub package: String,
    /// Types, in pipeline order.
    pub structs: Vec<StructType>,
}

/// The top module.
#[derive(Clone, Debug, Template)]
#[template(path = "top.sv", escape = "none")]
pub struct TopModule {
    /// Where it comes from.
    pub origin: Origin,
    /// Module name.
    pub module: String,
    /// Number of stages.
    pub num_stages: usize,
    /// A line of the header comment for each map.
    pub maps: Vec<String>,
    /// Parameters that an operation reads.
    pub parameters: Vec<Parameter>,
    /// The program sends events.
    pub events: bool,
    /// Wires and instances, indented.
    pub body: String,
    /// Expression that reads what nobody reads; empty if there is nothing.
    pub unused: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stand_in_columns() {
        let ports = [Port::input(8, "a", "eight"), Port::output(1, "bcd", "one")];
        let lines = port_lines(&ports);
        assert_eq!(lines[0], "input  wire logic [7:0] a,    // eight");
        assert_eq!(lines[1], "output logic            bcd   // one");
    }
}
