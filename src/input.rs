//! From command-line arguments to verified programs, compiled hardware and replay jobs.

use crate::args;
use crate::failure::Failure;
use crate::kernel;
use beeline_frontend::object::{LoadError, Object};
use beeline_frontend::program::{MapDef, Program};
use beeline_frontend::{verifier, VerifiedProgram};
use beeline_ir::map::MapKind;
use beeline_ir::target::{TargetDesc, TargetError};
use beeline_testbench::capture::{self, Trace};
use beeline_testbench::engine::{EngineKind, Surroundings};
use beeline_testbench::flow::{self, Compiled, Options};
use beeline_testbench::map_file::{self, MapFile};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::{TailCallError, TailCalls};
use std::path::Path;

/// The object of `source`.
fn object(source: &args::Source) -> Result<Object, Failure> {
    let name = source.object.display().to_string();
    let bytes =
        std::fs::read(&source.object).map_err(|e| Failure::unusable(format!("{name}: {e}")))?;
    let mut object = beeline_frontend::load(&bytes, &name).map_err(not_loaded)?;
    kernel::complete(&mut object, source)?;
    Ok(object)
}

pub(crate) fn not_loaded(e: LoadError) -> Failure {
    match e {
        LoadError::Rejected(d) => Failure::Rejected(d),
        LoadError::Unusable(_) => {
            Failure::Unusable(e.to_string().trim_start_matches("error: ").to_string())
        }
    }
}

/// The program of `source`, linked, with map sizes changed as asked.
pub(crate) fn program(source: &args::Source) -> Result<Program, Failure> {
    let mut program = object(source)?.program(source.program.as_deref()).map_err(not_loaded)?;
    for (map, entries) in &source.map_entries {
        resize(&mut program.maps, map, *entries)?;
    }
    Ok(program)
}

fn resize(maps: &mut [MapDef], name: &str, entries: u32) -> Result<(), Failure> {
    let known: Vec<String> = maps.iter().map(|m| m.name.clone()).collect();
    match maps.iter_mut().find(|m| m.name == name) {
        Some(map) if map.initial.is_some() => Err(Failure::unusable(format!(
            "--map-entries: `{name}` holds global data and has one entry"
        ))),
        Some(map) => {
            map.max_entries = entries;
            Ok(())
        }
        None => Err(Failure::unusable(format!(
            "--map-entries: there is no map `{name}`; the maps are: {}",
            known.join(", ")
        ))),
    }
}

/// A verified program with what is in its maps before the first packet.
pub(crate) struct Prepared {
    pub(crate) verified: VerifiedProgram,
    pub(crate) maps: MapFile,
    /// The programs that its tail calls can reach.
    pub(crate) tail_calls: TailCalls,
}

/// The program of `source`, linked, with what is in its maps: read-only data is part of what is verified.
pub(crate) fn program_with_maps(source: &args::Source) -> Result<(Program, MapFile), Failure> {
    let mut program = program(source)?;
    let file = maps(source, &program)?;
    file.prepare(&mut program.maps);
    Ok((program, file))
}

/// The program of `source`, verified.
pub(crate) fn prepared(source: &args::Source) -> Result<Prepared, Failure> {
    let (program, maps) = program_with_maps(source)?;
    let verified = verifier::verify(program).map_err(Failure::Rejected)?;
    let tail_calls = tail_calls(source, &verified, &maps)?;
    Ok(Prepared { verified, maps, tail_calls })
}

/// The programs that tail calls of `program` can reach, with `maps` loaded.
pub(crate) fn tail_calls(
    source: &args::Source,
    program: &VerifiedProgram,
    maps: &MapFile,
) -> Result<TailCalls, Failure> {
    let wired = |m: &MapDef| {
        matches!(m.kind, MapKind::ProgArray | MapKind::ArrayOfMaps | MapKind::HashOfMaps)
    };
    if !program.program().maps.iter().any(wired) {
        return Ok(TailCalls::default());
    }
    // The maps of all programs are those of the object; sizes are changed alike.
    let sizes = &program.program().maps;
    let adjust = |other: &mut Program| other.maps.clone_from(sizes);
    TailCalls::load(&object(source)?, program.program(), maps, &adjust).map_err(|e| match e {
        TailCallError::Load(e) => not_loaded(e),
        TailCallError::Unknown(message) => Failure::Unusable(message),
    })
}

/// Compile options from the device arguments.
pub(crate) fn options(
    device: &args::Device,
    tail_calls: &TailCalls,
    seed: u32,
    cpu: u32,
) -> Result<Options, Failure> {
    let name = device.device.as_deref().unwrap_or(TargetDesc::BUILT_IN[0]);
    let bad = |e: TargetError| Failure::unusable(format!("--device {name}: {e}"));
    let mut target = TargetDesc::find(name).map_err(bad)?;
    if let Some(mhz) = device.clock_mhz {
        target = target.at_clock(mhz).map_err(bad)?;
    }
    let tail_calls = tail_calls.clone();
    Ok(Options { target, seed, cpu, tail_calls, ..Options::default() })
}

/// The hardware form of `program`.
pub(crate) fn hardware(program: &VerifiedProgram, options: &Options) -> Result<Compiled, Failure> {
    flow::compile(program, options).map_err(refused)
}

/// A compile error as a failure of the command.
pub(crate) fn refused(e: flow::CompileError) -> Failure {
    match e {
        flow::CompileError::Rejected(d) => Failure::Rejected(d),
        flow::CompileError::Internal(m) => Failure::Internal(m),
    }
}

/// The capture at `path`; what was left out goes to stderr.
pub(crate) fn trace(path: &Path) -> Result<Trace, Failure> {
    let trace = capture::read(path).map_err(Failure::unusable)?;
    for notice in &trace.notices {
        eprintln!("notice: {}: {notice}", path.display());
    }
    Ok(trace)
}

/// What is in the maps before the first packet: initialisers, and the map file, if one is named.
fn maps(source: &args::Source, program: &Program) -> Result<MapFile, Failure> {
    let (maps, programs) = (&program.maps, &program.xdp_programs);
    match &source.maps {
        None => MapFile::initial(maps, programs)
            .map_err(|(at, message)| Failure::unusable(format!("{at}: {message}"))),
        Some(path) => map_file::read(path, maps, programs).map_err(Failure::unusable),
    }
}

impl args::Surroundings {
    pub(crate) fn values(&self) -> Surroundings {
        Surroundings {
            ingress_ifindex: self.ifindex,
            rx_queue_index: self.queue,
            cpu: self.cpu,
            seed: self.seed,
        }
    }

    pub(crate) fn pacing(&self) -> Pacing {
        self.pacing.map_or(Pacing::FullRate, Pacing::Random)
    }
}

/// The engine called `name`.
pub(crate) fn engine(name: &str) -> Result<EngineKind, Failure> {
    EngineKind::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = EngineKind::ALL.iter().map(|e| e.name()).collect();
        Failure::unusable(format!(
            "there is no engine `{name}`; the engines are: {}",
            known.join(", ")
        ))
    })
}
