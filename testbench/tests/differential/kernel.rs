//! The running kernel on a case.

use beeline_ir::map::MapKind;
use beeline_testbench::engine::Entry;
use beeline_testbench::generate::Case;
use beeline_testbench::kernel::{
    stay_on_cpu, Attach, KernelMap, KernelObject, Refused, RunInputs, TestRun,
};
use std::io;

/// What the kernel did with a case.
pub struct Record {
    /// For each packet.
    pub outputs: Vec<TestRun>,
    /// Content of each map at the end; `None` for device maps, whose values are the host's.
    pub maps: Vec<Option<Vec<Entry>>>,
}

/// Why there is no record.
pub enum Refusal {
    /// The kernel's verifier, with the end of its log.
    Program(String),
    /// Anything else.
    System(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(e: io::Error) -> Self {
        Refusal::System(e)
    }
}

impl From<Refused> for Refusal {
    fn from(r: Refused) -> Self {
        match r.is_unavailable() {
            true => Refusal::System(r.error),
            false => Refusal::Program(r.to_string()),
        }
    }
}

/// Runs `case` in the kernel.
///
/// # Errors
/// See [`Refusal`].
pub fn run(case: &Case) -> Result<Record, Refusal> {
    stay_on_cpu(0)?;
    let object = KernelObject::create(&case.program)?;
    for (map, key, value) in &case.entries {
        object.maps[*map].update(key, value, 0)?;
    }
    let program = object.load(&case.program, Attach::Plain)?;
    let inputs = RunInputs::default();
    let outputs =
        case.packets.iter().map(|p| program.test_run(p, &inputs)).collect::<io::Result<_>>()?;
    let dump = |m: &KernelMap| match m.def().kind {
        MapKind::Devmap => Ok(None),
        _ => m.dump().map(Some),
    };
    let maps = object.maps.iter().map(dump).collect::<io::Result<_>>()?;
    Ok(Record { outputs, maps })
}
