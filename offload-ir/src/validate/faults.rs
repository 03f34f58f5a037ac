//! What a validator reports: a broken invariant of ours, printed inside the listing.

use crate::entities::{Block, Inst, MapId, Stage};
use crate::pipeline::ByteCoord;
use crate::text::Notes;
use std::fmt;

/// The thing that a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// The program.
    Whole,
    /// A map declaration.
    Map(MapId),
    /// A block's heading.
    Block(Block),
    /// An operation.
    Inst(Inst),
    /// A block's terminator.
    Term(Block),
    /// The verdict of a pipeline.
    Verdict,
    /// The registers behind a stage.
    Boundary(Stage),
    /// A lookup port, by its position.
    LookupPort(usize),
    /// A value port, by its position.
    ValuePort(usize),
    /// A gate, by its position.
    Gate(usize),
    /// The exit of a byte.
    Exit(ByteCoord),
}

/// One broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub site: Site,
    /// Which: `F3`, `P1`, `S7`, as the validator's page numbers them.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Every fault that a validator found, with the listing in which they are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Faults, by place.
    pub faults: Vec<Fault>,
    /// The program's text, each fault below what it is about.
    pub listing: String,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, s) = (self.faults.len(), if self.faults.len() == 1 { "" } else { "s" });
        writeln!(f, "internal error: the program breaks {n} invariant{s} of the IR")?;
        for fault in &self.faults {
            writeln!(f, "  {}: {}", fault.rule, fault.message)?;
        }
        f.write_str(&self.listing)
    }
}

impl std::error::Error for Faults {}

/// Faults in the making.
#[derive(Default)]
pub(super) struct Sink {
    pub(super) faults: Vec<Fault>,
}

impl Sink {
    /// Notes a fault unless `ok`; returns `ok`.
    pub(super) fn require(
        &mut self,
        ok: bool,
        site: Site,
        rule: &'static str,
        message: impl FnOnce() -> String,
    ) -> bool {
        if !ok {
            self.faults.push(Fault { site, rule, message: message() });
        }
        ok
    }

    /// The faults with the listing that `list` makes of the notes; `Ok` if there are none.
    pub(super) fn finish(mut self, list: impl FnOnce(&Notes) -> String) -> Result<(), Faults> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by_key(|f| f.site);
        let mut notes = Notes::new();
        for f in &self.faults {
            notes.entry(f.site).or_default().push(format!("{}: {}", f.rule, f.message));
        }
        let listing = list(&notes);
        Err(Faults { faults: self.faults, listing })
    }
}
