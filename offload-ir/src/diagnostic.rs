//! Diagnostics: what Beeline tells a user about *their* program or file.
//!
//! A phase collects all of its diagnostics and reports them together; rendering happens in
//! one place, the command-line tool.

use std::fmt;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The program or file is refused.
    Error,
    /// Accepted, but the user should know.
    Warning,
}

/// Where in the user's input a diagnostic points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// File, section, map or other object the message is about (for example an ELF path).
    pub object: Option<String>,
    /// Program (function) name.
    pub program: Option<String>,
    /// Instruction index in 8-byte slots, as `llvm-objdump` counts them within the linked program.
    pub pc: Option<u32>,
    /// Disassembled instruction at `pc`.
    pub insn: Option<String>,
    /// Source position from BTF line info.
    pub line: Option<SourceLine>,
}

/// One line of the user's source, from BTF line info.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceLine {
    /// File name as the compiler recorded it.
    pub file: String,
    /// One-based line.
    pub line: u32,
    /// One-based column; 0 if unknown.
    pub column: u32,
    /// Text of the line, trimmed; may be empty.
    pub text: String,
}

/// A message about the user's program or input, with a stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Severity.
    pub level: Level,
    /// Stable code such as `BL0203`; `docs/diagnostics.md` lists them.
    pub code: &'static str,
    /// What it points at.
    pub at: Place,
    /// One sentence: what is wrong.
    pub message: String,
    /// Further facts (expected, found, register state).
    pub notes: Vec<String>,
    /// A way out, if there is one.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with `code` and `message`, not yet placed.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            code,
            at: Place::default(),
            message: message.into(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A warning with `code` and `message`, not yet placed.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(code, message) }
    }

    /// The same diagnostic pointing at `at`.
    pub fn at(mut self, at: Place) -> Self {
        self.at = at;
        self
    }

    /// The same diagnostic with one more note.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same diagnostic with a way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level}[{}]: {}", self.code, self.message)?;
        let at = &self.at;
        if at.object.is_some() || at.program.is_some() || at.pc.is_some() {
            write!(f, "\n  -->")?;
            for part in [&at.object, &at.program].into_iter().flatten() {
                write!(f, " {part}")?;
            }
            if let Some(pc) = at.pc {
                write!(f, " insn {pc}")?;
            }
            if let Some(insn) = &at.insn {
                write!(f, ": {insn}")?;
            }
        }
        if let Some(l) = &at.line {
            write!(f, "\n  --> {}:{}", l.file, l.line)?;
            if !l.text.is_empty() {
                write!(f, "\n   |  {}", l.text)?;
            }
        }
        for note in &self.notes {
            write!(f, "\n  = note: {note}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {help}")?;
        }
        Ok(())
    }
}
