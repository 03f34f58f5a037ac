//! How a command fails, and with which exit status.

use beeline_ir::Diagnostic;
use std::fmt::Display;
use std::process::ExitCode;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The program is rejected: status 1.
    Rejected(Vec<Diagnostic>),
    /// Engines differ, and the report is printed already: status 1.
    Different,
    /// The input cannot be used: status 2.
    Unusable(String),
    /// A defect of Beeline or of a tool: status 1.
    Internal(String),
}

impl Failure {
    /// Bad usage, or unreadable or malformed input.
    pub(crate) fn unusable(e: impl Display) -> Self {
        Failure::Unusable(e.to_string())
    }

    pub(crate) fn print(&self) {
        match self {
            Failure::Rejected(diagnostics) => {
                for d in diagnostics {
                    eprintln!("{d}\n");
                }
                let plural = if diagnostics.len() == 1 { "" } else { "s" };
                eprintln!("rejected: {} error{plural}", diagnostics.len());
            }
            Failure::Different => {}
            Failure::Unusable(message) => eprintln!("error: {message}"),
            Failure::Internal(message) => {
                eprintln!("internal error: {message}\nThis is a defect of Beeline; please report it with the object file.");
            }
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Rejected(_) | Failure::Different | Failure::Internal(_) => ExitCode::from(1),
            Failure::Unusable(_) => ExitCode::from(2),
        }
    }
}
