//! Why an object could not be loaded, and the codes for it.

use beeline_ir::diagnostic::{Diagnostic, Place};
use std::fmt;

/// An object or one of its programs was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file, or what was asked of it, cannot be used: exit status 2.
    Unusable(Vec<Diagnostic>),
    /// The file is sound, but the program in it is refused: exit status 1.
    Rejected(Vec<Diagnostic>),
}

impl LoadError {
    /// All messages; never empty.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            LoadError::Unusable(d) | LoadError::Rejected(d) => d,
        }
    }

    /// Exit status of the command-line tool.
    pub fn exit_code(&self) -> i32 {
        match self {
            LoadError::Unusable(_) => 2,
            LoadError::Rejected(_) => 1,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.diagnostics().iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

impl From<Diagnostic> for LoadError {
    fn from(d: Diagnostic) -> Self {
        LoadError::Unusable(vec![d])
    }
}

pub(crate) const NOT_ELF: &str = "BL0101";
pub(crate) const BROKEN_ELF: &str = "BL0102";
pub(crate) const ELF_CLASS: &str = "BL0103";
pub(crate) const BYTE_ORDER: &str = "BL0104";
pub(crate) const MACHINE: &str = "BL0105";
pub(crate) const ELF_TYPE: &str = "BL0106";
pub(crate) const NO_PROGRAM: &str = "BL0107";
pub(crate) const SEVERAL_PROGRAMS: &str = "BL0108";
pub(crate) const UNKNOWN_PROGRAM: &str = "BL0109";
pub(crate) const NOT_XDP: &str = "BL0110";
pub(crate) const RELOCATION_TYPE: &str = "BL0111";
pub(crate) const BROKEN_RELOCATION: &str = "BL0112";
pub(crate) const BROKEN_BTF: &str = "BL0113";
pub(crate) const BROKEN_BTF_EXT: &str = "BL0114";
pub(crate) const BROKEN_MAP: &str = "BL0115";
pub(crate) const MAP_WITHOUT_BTF: &str = "BL0116";
pub(crate) const MAP_TYPE: &str = "BL0117";
pub(crate) const EXTERN: &str = "BL0118";
pub(crate) const BROKEN_CODE: &str = "BL0119";
pub(crate) const CORE: &str = "BL0120";
pub(crate) const NOT_A_FUNCTION: &str = "BL0121";
pub(crate) const NOT_DATA: &str = "BL0122";
pub(crate) const TOO_LARGE: &str = "BL0123";
pub(crate) const AMBIGUOUS: &str = "BL0124";
pub(crate) const BROKEN_CORE: &str = "BL0125";
pub(crate) const KERNEL_TYPES: &str = "BL0126";
pub(crate) const KCONFIG: &str = "BL0127";

/// Way out for files that are damaged.
pub(crate) const HELP_REBUILD: &str =
    "the file is damaged or incomplete: rebuild it with `clang -O2 -g -target bpf -c prog.c -o prog.o`";

/// Place `object`, with `part` (a section, map or symbol) of it.
pub(crate) fn within(object: &str, part: impl fmt::Display) -> Place {
    Place { object: Some(format!("{object}: {part}")), ..Place::default() }
}

/// An error about the whole file.
pub(crate) fn file_error(
    object: &str,
    code: &'static str,
    message: impl Into<String>,
    help: &str,
) -> Diagnostic {
    let at = Place { object: Some(object.into()), ..Place::default() };
    Diagnostic::error(code, message).at(at).help(help)
}
