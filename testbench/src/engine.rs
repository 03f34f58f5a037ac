//! Engines: everything that can run a program on a trace, with one result type.

use crate::capture::Trace;
use crate::flow::Compiled;
use crate::map_file::{self, MapFile};
use crate::pacing::Pacing;
use crate::tail_calls::TailCalls;
use beeline_frontend::facts::VerifiedProgram;
use beeline_ir::Diagnostic;
use beeline_sim::map::LruPolicy;
use beeline_sim::{Exit, MapSet, Outcome};
use std::collections::BTreeSet;
use std::fmt;

/// The engines of `--engines`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// The bytecode interpreter: the reference.
    Interp,
    /// The running Linux kernel.
    Kernel,
    /// The cycle-level simulator of the staged pipeline.
    Pipeline,
    /// The generated Verilog under Verilator.
    Rtl,
}

impl EngineKind {
    /// All, in the order in which they run.
    pub const ALL: [EngineKind; 4] =
        [EngineKind::Interp, EngineKind::Kernel, EngineKind::Pipeline, EngineKind::Rtl];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Interp => "interp",
            EngineKind::Kernel => "kernel",
            EngineKind::Pipeline => "pipeline",
            EngineKind::Rtl => "rtl",
        }
    }

    /// The engine called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// True if the engine runs the hardware form, which must then exist.
    pub fn needs_hardware(self) -> bool {
        matches!(self, EngineKind::Pipeline | EngineKind::Rtl)
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the trace does not hold (`docs/semantics.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// `ctx->ingress_ifindex`.
    pub ingress_ifindex: u32,
    /// `ctx->rx_queue_index`.
    pub rx_queue_index: u32,
    /// CPU number.
    pub cpu: u32,
    /// Seed of the random numbers.
    pub seed: u32,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { ingress_ifindex: 1, rx_queue_index: 0, cpu: 0, seed: 0 }
    }
}

/// One replay: a program, a trace, the state before it.
pub struct Job<'a> {
    /// The program.
    pub program: &'a VerifiedProgram,
    /// Its hardware form, for the engines that need it.
    pub hardware: Option<&'a Compiled>,
    /// Programs of the object that tail calls can reach.
    pub tail_calls: &'a TailCalls,
    /// Packets.
    pub trace: &'a Trace,
    /// Map content before the first packet.
    pub maps: &'a MapFile,
    /// Interface, queue, CPU, seed.
    pub surroundings: Surroundings,
    /// Gaps and back-pressure, for engines with a clock.
    pub pacing: Pacing,
}

/// Result for one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketRecord {
    /// Action, target, bytes. Engines with a clock give no bytes for packets that do not leave.
    pub outcome: Outcome,
    /// What was sent to user space while the packet was processed: map number and bytes, in order.
    pub events: Vec<Event>,
    /// Cycles in which the packet entered and left, for engines with a clock.
    pub cycles: Option<(u64, u64)>,
}

/// Something sent to user space: number of the ring buffer or perf event map, and the bytes.
pub type Event = (usize, Vec<u8>);

/// An entry of a map as dumped: key and value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Result of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// One for each packet of the trace.
    pub packets: Vec<PacketRecord>,
    /// Content of each map at the end, sorted by key: the program's maps, then the inner maps that the map file makes.
    pub maps: Vec<Vec<Entry>>,
    /// Cycles from the first beat offered to the last packet gone, for engines with a clock.
    pub cycles: Option<u64>,
    /// Cycles in which packets waited for each map, for engines that tell.
    pub stalls: Option<Vec<u64>>,
    /// Cycle in which the last beat of each event was accepted, in the order of the events, for engines with a clock.
    pub event_cycles: Vec<u64>,
    /// What of this must not be compared.
    pub unseen: Unseen,
}

/// What an engine cannot show, or what in its record stems from other surroundings than the trace's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Redirect targets: only the action is known.
    pub redirects: bool,
    /// The order of events in different maps; and events of perf event arrays have up to 7 bytes of padding.
    pub event_order: bool,
    /// Positions of packets that were not run; their outcome means nothing.
    pub not_run: BTreeSet<usize>,
    /// Numbers of maps whose content is not compared.
    pub maps: BTreeSet<usize>,
    /// What users are told about this, one sentence each.
    pub notices: Vec<String>,
}

/// Why an engine gave no result.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A tool is missing; the run goes on without this engine, with this notice.
    #[error("{0}")]
    Skipped(String),
    /// The input cannot be used with this engine.
    #[error("{0}")]
    Input(String),
    /// The engine has a verifier of its own, and it refuses the program.
    #[error("{0}")]
    Refused(Box<Diagnostic>),
    /// A defect: of Beeline, or of a tool.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Runs `job` on `engine`.
///
/// # Errors
/// See [`EngineError`].
pub fn run(engine: EngineKind, job: &Job<'_>) -> Result<Record, EngineError> {
    match engine {
        EngineKind::Interp => crate::interp::run(job),
        EngineKind::Kernel => crate::kernel::run(job),
        EngineKind::Pipeline => crate::pipeline::run(job),
        EngineKind::Rtl => crate::rtl::run(job),
    }
}

impl Job<'_> {
    /// Name of map number `n`: the program's maps, then the inner maps that the map file makes.
    pub fn map_name(&self, n: usize) -> &str {
        map_file::map_name(&self.program.program().maps, &self.maps.inner, n)
    }

    /// The program's maps with their content before the first packet. If a hardware form is compared, LRU maps evict as it does
    /// (`docs/semantics.md`).
    ///
    /// # Errors
    /// `Input` if a map has no model, or cannot be filled.
    pub fn map_set(&self) -> Result<MapSet, EngineError> {
        let maps = MapSet::for_program(self.program.program());
        let mut maps = maps.map_err(|e| EngineError::Input(e.to_string()))?;
        if self.hardware.is_some() {
            maps.set_lru_policy(LruPolicy::Hardware)
                .map_err(|e| EngineError::Input(e.to_string()))?;
            maps.clear_new_records();
        }
        self.maps.load(&mut maps).map_err(EngineError::Input)?;
        Ok(maps)
    }

    /// The hardware form.
    ///
    /// # Errors
    /// If the caller did not compile it, which it must for engines that need it.
    pub fn hardware(&self) -> Result<&Compiled, EngineError> {
        self.hardware.ok_or_else(|| {
            EngineError::Internal("the program was not compiled for hardware".into())
        })
    }
}

/// An outcome without bytes, for a packet that does not leave.
pub fn dropped(exit: Exit) -> Outcome {
    Outcome { exit, bytes: Vec::new() }
}
