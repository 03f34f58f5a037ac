//! The `rtl` engine: the generated Verilog under Verilator, driven through its ports only.

pub mod build;
pub mod driver;
mod events;
pub mod host;
mod lpm;
pub mod model;

use crate::engine::{dropped, EngineError, Entry, Job, PacketRecord, Record};
use crate::flow::Compiled;
use crate::pacing::Pacing;
use beeline_ir::map::{MapDecl, MapKind};
use beeline_sim::map::CuckooTable;
use beeline_sim::outcome::Action;
use beeline_sim::{Exit, MapSet, Outcome, Redirect};
use host::Placement;
use model::{Beat, Meta, Model, OutBeat, RunRecord, Stream};
use std::sync::Arc;

/// Bytes of a stream beat.
const BUS: usize = 64;

/// A Verilated design with its maps loaded, and a trace as stream beats.
pub struct Prepared {
    model: Model,
    stream: Arc<Stream>,
    used: Vec<bool>,
}

/// Builds (or takes from the cache) the model of `job`'s design, and loads its maps.
///
/// # Errors
/// `Skipped` without Verilator; `Internal` if the design misbehaves.
pub fn prepare(job: &Job<'_>) -> Result<Prepared, EngineError> {
    let hardware = job.hardware()?;
    crate::pipeline::check_events(job, hardware)?;
    let built_for = (hardware.options.cpu, hardware.options.seed);
    if (job.surroundings.cpu, job.surroundings.seed) != built_for {
        return Err(EngineError::Input("the design was compiled for another seed or CPU".into()));
    }
    let library = build::build(&hardware.design).map_err(|e| {
        if e.is_missing_tool() {
            EngineError::Skipped(e.to_string())
        } else {
            EngineError::Internal(e.to_string())
        }
    })?;
    let seed = match job.pacing {
        Pacing::FullRate => 1,
        Pacing::Random(s) => s,
    };
    let mut model = Model::load(&library, seed).map_err(internal)?;
    let decls: Vec<&MapDecl> = hardware.staged.pipeline.dfg.maps.values().collect();
    let used = hardware.used_maps();
    load_maps(&mut model, job, &decls, &used)?;
    Ok(Prepared { model, stream: Arc::new(stream(job)), used })
}

impl Prepared {
    /// Replays the trace once more, on the state that earlier replays left.
    ///
    /// # Errors
    /// If the design stops.
    pub fn replay(&mut self) -> Result<RunRecord, EngineError> {
        self.model.replay(self.stream.clone()).map_err(internal)
    }
}

/// Runs `job` on the Verilated design.
///
/// # Errors
/// As [`prepare`].
pub fn run(job: &Job<'_>) -> Result<Record, EngineError> {
    let mut prepared = prepare(job)?;
    let run = prepared.replay()?;
    let mut packets = packets(&run)?;
    let event_cycles = events::attach(&run, &mut packets)?;
    let hardware = job.hardware()?;
    let decls: Vec<&MapDecl> = hardware.staged.pipeline.dfg.maps.values().collect();
    let stalls = (0..decls.len())
        .map(|n| match prepared.used[n] {
            true => host::stalls(&mut prepared.model, n as u32).map_err(internal),
            false => Ok(0),
        })
        .collect::<Result<_, _>>()?;
    let maps = decls
        .iter()
        .enumerate()
        .map(|(n, decl)| {
            if !prepared.used[n] {
                unused_map(job, hardware, n)
            } else if decl.kind == MapKind::LpmTrie {
                let before = initial_maps(job, &decls)?.dump(n);
                lpm::dump(&mut prepared.model, n as u32, decl, &before).map_err(internal)
            } else {
                dump_map(&mut prepared.model, n as u32, decl).map_err(internal)
            }
        })
        .collect::<Result<_, _>>()?;
    let (cycles, stalls) = (Some(run.cycles), Some(stalls));
    Ok(Record { packets, maps, cycles, stalls, event_cycles, ..Record::default() })
}

fn internal(e: model::ModelError) -> EngineError {
    EngineError::Internal(e.to_string())
}

/// The content before the first packet: global data and the map file.
fn initial_maps(job: &Job<'_>, decls: &[&MapDecl]) -> Result<MapSet, EngineError> {
    let mut maps =
        MapSet::from_decls(decls.iter().copied()).map_err(|e| EngineError::Input(e.to_string()))?;
    job.maps.load(&mut maps).map_err(EngineError::Input)?;
    Ok(maps)
}

/// A map that the program never uses has no hardware; its content is what the host has put into it.
fn unused_map(job: &Job<'_>, hardware: &Compiled, n: usize) -> Result<Vec<Entry>, EngineError> {
    let decls: Vec<&MapDecl> = hardware.staged.pipeline.dfg.maps.values().collect();
    Ok(initial_maps(job, &decls)?.dump(n))
}

fn load_maps(
    model: &mut Model,
    job: &Job<'_>,
    decls: &[&MapDecl],
    used: &[bool],
) -> Result<(), EngineError> {
    let maps = initial_maps(job, decls)?;
    for (n, decl) in decls.iter().enumerate().filter(|(n, _)| used[*n]) {
        let placement = host::shape(model, n as u32).map_err(internal)?.map(|(p, _)| p);
        match placement {
            Some(Placement::Table) => load_table(model, job, n)?,
            Some(Placement::Host) => load_placed(model, &maps, n, decl)?,
            Some(Placement::Sorted) => {
                lpm::load(model, n as u32, decl, &maps.dump(n)).map_err(internal)?;
            }
            Some(Placement::Index) => {
                for (key, value) in maps.dump(n) {
                    let number = key.iter().rev().fold(0, |x, b| x << 8 | u32::from(*b));
                    let slot = host::Slot { present: true, key, value };
                    host::write_slot(model, n as u32, number, &slot).map_err(internal)?;
                }
            }
            None => return Err(EngineError::Internal(format!("the design lacks {}", decl.name))),
        }
    }
    Ok(())
}

/// Keys go to the slots that the host's algorithm gives them.
fn load_placed(
    model: &mut Model,
    maps: &MapSet,
    n: usize,
    decl: &MapDecl,
) -> Result<(), EngineError> {
    let mut table = CuckooTable::new(decl.key_size, decl.max_entries);
    for (key, _) in maps.dump(n) {
        let full = |e| EngineError::Input(format!("map {}: {e}", decl.name));
        table.insert(&key).map_err(full)?;
    }
    for (number, key) in table.entries() {
        let value = maps.get(n, key).unwrap_or_default().to_vec();
        let slot = host::Slot { present: true, key: key.to_vec(), value };
        host::write_slot(model, n as u32, number, &slot).map_err(internal)?;
    }
    Ok(())
}

/// Keys are inserted in the order of the map file, on which their places depend.
fn load_table(model: &mut Model, job: &Job<'_>, n: usize) -> Result<(), EngineError> {
    for (map, key, value) in job.maps.entries.iter().filter(|e| e.0 == n) {
        let status = host::update(model, *map as u32, key, value).map_err(internal)?;
        if status != 0 {
            let errno = beeline_sim::map::Errno(-status);
            return Err(EngineError::Input(format!("the hardware refuses an entry: {errno}")));
        }
    }
    Ok(())
}

fn dump_map(model: &mut Model, n: u32, decl: &MapDecl) -> Result<Vec<Entry>, model::ModelError> {
    let mut entries = Vec::new();
    let Some((placement, slots)) = host::shape(model, n)? else { return Ok(entries) };
    for number in 0..slots {
        let slot = host::read_slot(model, n, number, decl.key_size, decl.value_size)?;
        match placement {
            Placement::Index if slot.value.iter().any(|b| *b != 0) => {
                entries.push((number.to_le_bytes().to_vec(), slot.value));
            }
            Placement::Host | Placement::Table if slot.present => {
                entries.push((slot.key, slot.value));
            }
            _ => {}
        }
    }
    entries.sort();
    Ok(entries)
}

/// The trace of `job` as stream beats.
pub fn stream(job: &Job<'_>) -> Stream {
    let counts = job.trace.packets.iter().map(|p| p.bytes.len().div_ceil(BUS));
    let idles = job.pacing.idle_before_beats(counts.sum());
    let mut beats = Vec::with_capacity(idles.len());
    let mut metas = Vec::with_capacity(job.trace.packets.len());
    for (n, packet) in job.trace.packets.iter().enumerate() {
        let s = &job.surroundings;
        let len = packet.bytes.len() as u32;
        metas.push(Meta::new(packet.time_ns, len, s.ingress_ifindex, s.rx_queue_index));
        let last = packet.bytes.len().div_ceil(BUS) - 1;
        for (k, chunk) in packet.bytes.chunks(BUS).enumerate() {
            let idle = idles[beats.len()];
            beats.push(Beat::new(n as u32, chunk, idle, k == last));
        }
    }
    let ready = job.pacing.ready_pattern().into_iter().map(u8::from).collect();
    let event_ready = job.pacing.event_ready_pattern().into_iter().map(u8::from).collect();
    Stream { beats, metas, ready, event_ready }
}

/// Puts the output stream and the retire pulses together, and checks the stream's rules.
///
/// # Errors
/// `Internal` if the design breaks one.
pub fn packets(run: &RunRecord) -> Result<Vec<PacketRecord>, EngineError> {
    let mut outs = run.outs.iter();
    let mut records = Vec::with_capacity(run.retires.len());
    for (n, (retire, &cycle_in)) in run.retires.iter().zip(&run.entered).enumerate() {
        let action = Action::from_code(retire.code);
        let redirect = (action == Action::Redirect)
            .then(|| Redirect::from_verdict(retire.redirect_map.into(), retire.redirect_key));
        let exit = Exit { code: retire.code, redirect };
        if !action.leaves() {
            let cycles = Some((cycle_in, retire.cycle));
            records.push(PacketRecord { outcome: dropped(exit), events: Vec::new(), cycles });
            continue;
        }
        let mut bytes = Vec::new();
        let last = loop {
            let beat = outs.next().ok_or_else(|| fault(n, "its output ends without tlast"))?;
            append(&mut bytes, beat).map_err(|m| fault(n, m))?;
            if beat.last == 1 {
                break beat;
            }
        };
        check_user(last, retire, bytes.len()).map_err(|m| fault(n, &m))?;
        let outcome = Outcome { exit, bytes };
        records.push(PacketRecord {
            outcome,
            events: Vec::new(),
            cycles: Some((cycle_in, last.cycle)),
        });
    }
    if outs.next().is_some() {
        return Err(EngineError::Internal("the design sent more packets than it retired".into()));
    }
    Ok(records)
}

fn fault(packet: usize, what: &str) -> EngineError {
    EngineError::Internal(format!("the design breaks a stream rule at packet {packet}: {what}"))
}

fn append(bytes: &mut Vec<u8>, beat: &OutBeat) -> Result<(), &'static str> {
    let count = beat.keep.count_ones() as usize;
    if count == 0 || beat.keep != u64::MAX >> (BUS - count) {
        return Err("tkeep is not a run of ones from bit 0");
    }
    if beat.last == 0 && count != BUS {
        return Err("a beat before the last is not full");
    }
    bytes.extend(&beat.data[..count]);
    Ok(())
}

fn check_user(beat: &OutBeat, retire: &model::Retire, len: usize) -> Result<(), String> {
    let user = beat.user;
    let got = (user & 0xffff, user >> 16 & 0xff, user >> 24 & 0xff, user >> 32);
    let code = u64::from(retire.code);
    let want = (len as u64, code, u64::from(retire.redirect_map), u64::from(retire.redirect_key));
    let redirect_counts = code == 4;
    let same = got.0 == want.0
        && got.1 == want.1
        && (!redirect_counts || (got.2, got.3) == (want.2, want.3))
        && u64::from(retire.length) == want.0;
    if same {
        return Ok(());
    }
    Err(format!("m_axis_tuser {got:?} and retire {retire:?} do not agree with {len} bytes"))
}
