//! The `kernel` engine: a trace through `BPF_PROG_TEST_RUN`, packet by packet, maps persisting.

use super::events::Readers;
use super::fill::Maps;
use super::host::LONGEST;
use super::object::KernelObject;
use super::program::{Attach, KernelProgram, Refused, RunInputs};
use super::stand_in::StandIns;
use super::{cpu, net};
use crate::engine::{dropped, EngineError, Entry, Job, PacketRecord, Record, Unseen};
use crate::interp::inputs;
use beeline_frontend::insn::Pc;
use beeline_frontend::program::{MapDef, Program};
use beeline_ir::map::MapKind;
use beeline_ir::Diagnostic;
use beeline_sim::{Exit, MapSet, Outcome};
use std::collections::BTreeMap;
use std::io;

/// Code of the diagnostic for a program that Linux refuses.
const REFUSED: &str = "BL0901";

/// Seed of bloom filters that does not depend on the run.
const ZERO_SEED: u32 = 1 << 6;

/// Runs `job` in the running kernel.
///
/// # Errors
/// `Skipped` where there is no kernel to ask, or it lacks something; `Refused` if its verifier does not take the program.
pub fn run(job: &Job<'_>) -> Result<Record, EngineError> {
    run_if(super::available, job)
}

/// As [`run`], where `probe` says whether there is a kernel to ask, or why not.
///
/// # Errors
/// As [`run`].
pub fn run_if(
    probe: impl FnOnce() -> Result<(), String>,
    job: &Job<'_>,
) -> Result<Record, EngineError> {
    probe().map_err(EngineError::Skipped)?;
    // The CPU and the network are the thread's own.
    std::thread::scope(|scope| {
        let replay = scope.spawn(|| replay(job));
        replay.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn internal(e: &io::Error) -> EngineError {
    EngineError::Internal(format!("kernel: {e}"))
}

/// The programs of a run: the one that packets enter, and those that tail calls reach.
struct Programs {
    entry: KernelProgram,
    others: BTreeMap<u32, KernelProgram>,
}

fn replay(job: &Job<'_>) -> Result<Record, EngineError> {
    let program = job.program.program();
    let mut model = MapSet::for_program(program).map_err(|e| EngineError::Input(e.to_string()))?;
    job.maps.load(&mut model).map_err(EngineError::Input)?;
    settle(job, &model)?;
    let (object, programs, stand_ins) = load(job)?;
    let own = program.maps.len();
    let maps = Maps::fill(&object, own, job.maps, &model, &programs.others)?;
    let listed = job.maps.perf_events.iter().map(|m| (*m, model.dump(*m))).collect();
    let readers = Readers::open(&object.maps[..own], &listed).map_err(|e| internal(&e))?;
    let mut unseen = Unseen { redirects: true, event_order: true, ..Unseen::default() };
    let session = Session { job, object: &object, programs: &programs, stand_ins: &stand_ins };
    let packets = session.packets(readers)?;
    let maps = maps.dump(&model)?;
    leave_out_long(job, &mut unseen);
    leave_out_filters(&model, &mut unseen);
    leave_out_full_lru(&model, &maps, &mut unseen);
    Ok(Record { packets, maps, unseen, ..Record::default() })
}

/// Puts the thread where the job says that packets arrive: on its CPU, and if interfaces have to exist, into a network that
/// has them.
fn settle(job: &Job<'_>, model: &MapSet) -> Result<(), EngineError> {
    let s = &job.surroundings;
    cpu::stay_on_cpu(s.cpu)
        .map_err(|e| EngineError::Skipped(format!("CPU {} cannot be used: {e}", s.cpu)))?;
    let mut interfaces = BTreeMap::new();
    let devices = |m: &usize| matches!(model.kind(*m), MapKind::Devmap | MapKind::DevmapHash);
    for m in (0..model.len()).filter(devices) {
        let targets = model.dump(m);
        let ifindex = |v: &[u8]| v.first_chunk().map_or(0, |v| u32::from_le_bytes(*v));
        interfaces.extend(targets.iter().map(|(_, v)| (ifindex(v), 1)));
    }
    if (s.ingress_ifindex, s.rx_queue_index) != (1, 0) {
        interfaces.insert(s.ingress_ifindex, s.rx_queue_index.saturating_add(1));
    }
    interfaces.retain(|ifindex, queues| (*ifindex, *queues) != (1, 1));
    if interfaces.is_empty() {
        return Ok(());
    }
    net::enter(&interfaces)
        .map_err(|e| EngineError::Skipped(format!("the interfaces cannot be made: {e}")))
}

/// Types, maps and programs. The verifier sees the programs as they are; what runs has its questions about time and chance
/// answered from the trace.
fn load(job: &Job<'_>) -> Result<(KernelObject, Programs, StandIns), EngineError> {
    let program = job.program.program();
    let defs: Vec<MapDef> = program.maps.iter().map(fixed_seed).collect();
    let mut object = KernelObject::with_maps(program, &defs)
        .map_err(|e| EngineError::Input(format!("the kernel refuses a map: {e}")))?;
    let entry = accept(&object, program)?;
    let mut others = BTreeMap::new();
    for (n, p) in job.tail_calls.iter() {
        others.insert(n, accept(&object, p.program())?);
    }
    let mut stand_ins = StandIns::default();
    let answers = program.maps.len();
    let changed = stand_ins.replace(program, answers);
    let changed_others: Vec<(u32, Program)> =
        job.tail_calls.iter().map(|(n, p)| (n, stand_ins.replace(p.program(), answers))).collect();
    let Some(def) = stand_ins.map() else {
        return Ok((object, Programs { entry, others }, stand_ins));
    };
    let map = object.create_map(&def).map_err(|e| internal(&e))?;
    object.maps.push(map);
    let load = |p: &Program| {
        object.load(p, Attach::Plain).map_err(|r| {
            EngineError::Skipped(format!(
                "with time and random numbers from the trace, the kernel refuses the program: {r}"
            ))
        })
    };
    let entry = load(&changed)?;
    let others =
        changed_others.iter().map(|(n, p)| Ok((*n, load(p)?))).collect::<Result<_, _>>()?;
    Ok((object, Programs { entry, others }, stand_ins))
}

/// `def`, as the model has it where the kernel draws lots.
fn fixed_seed(def: &MapDef) -> MapDef {
    let mut def = def.clone();
    if def.kind == MapKind::BloomFilter {
        def.flags |= ZERO_SEED;
    }
    def
}

/// Loads `program` as it is, or says why the kernel refuses it.
fn accept(object: &KernelObject, program: &Program) -> Result<KernelProgram, EngineError> {
    object.load(program, Attach::Plain).map_err(|r| match () {
        () if r.is_unavailable() => EngineError::Skipped(r.error.to_string()),
        () if r.log.contains("require device-bound program") => EngineError::Skipped(
            "the program reads metadata that only a device has (test runs have none)".into(),
        ),
        () => EngineError::Refused(Box::new(refusal(program, &r))),
    })
}

/// The kernel's refusal as a diagnostic: its last words, at the last instruction that its log names.
pub(super) fn refusal(program: &Program, refused: &Refused) -> Diagnostic {
    let tail = refused.tail(12);
    let number = |line: &str| line.split_once(": (").and_then(|(n, _)| n.parse().ok());
    let pc = tail.lines().rev().find_map(number).unwrap_or(0);
    let reason = tail.lines().last().filter(|l| !l.is_empty());
    let reason = reason.map_or_else(|| refused.error.to_string(), str::to_string);
    Diagnostic::error(REFUSED, format!("the running kernel refuses the program: {reason}"))
        .at(program.place(Pc(pc)))
        .note(format!("{}; the end of its log:\n{tail}", refused.error))
        .help("see docs/verifier.md for what Linux checks; an older kernel may lack what the program uses")
}

/// Replays the packets.
struct Session<'a> {
    job: &'a Job<'a>,
    object: &'a KernelObject,
    programs: &'a Programs,
    stand_ins: &'a StandIns,
}

impl Session<'_> {
    fn packets(&self, mut readers: Readers) -> Result<Vec<PacketRecord>, EngineError> {
        let s = &self.job.surroundings;
        let ingress = (s.ingress_ifindex, s.rx_queue_index);
        // Queue 0 of the loopback interface is where test runs come from by themselves.
        let run = RunInputs { ingress: Some(ingress).filter(|i| *i != (1, 0)), meta_len: 0 };
        let answers = self.object.maps.get(self.job.program.program().maps.len());
        let one = |(n, p): (usize, &crate::capture::TracePacket)| {
            if p.bytes.len() > LONGEST {
                let outcome = dropped(Exit { code: 0, redirect: None });
                return Ok(PacketRecord { outcome, events: Vec::new(), cycles: None });
            }
            if let Some(map) = answers {
                let inputs = inputs(self.job, n);
                map.update(&[0; 4], &self.stand_ins.answers(&inputs), 0)?;
            }
            let run = self.programs.entry.test_run(&p.bytes, &run)?;
            let exit = Exit { code: run.code, redirect: None };
            let outcome = Outcome { exit, bytes: run.bytes };
            Ok(PacketRecord { outcome, events: readers.drain()?, cycles: None })
        };
        let packets = self.job.trace.packets.iter().enumerate();
        packets.map(one).collect::<io::Result<_>>().map_err(|e| internal(&e))
    }
}

/// Packets for which a test run has no room are not run.
fn leave_out_long(job: &Job<'_>, unseen: &mut Unseen) {
    let packets = job.trace.packets.iter().enumerate();
    let long = packets.filter(|(_, p)| p.bytes.len() > LONGEST);
    unseen.not_run = long.map(|(n, _)| n).collect();
    for n in &unseen.not_run {
        let p = &job.trace.packets[*n];
        unseen.notices.push(format!(
            "packet {} is not run: test runs take at most {LONGEST} bytes, it has {}",
            p.index,
            p.bytes.len()
        ));
    }
}

/// The bits of a bloom filter cannot be read back.
fn leave_out_filters(model: &MapSet, unseen: &mut Unseen) {
    for m in (0..model.len()).filter(|m| model.kind(*m) == MapKind::BloomFilter) {
        unseen.maps.insert(m);
        unseen.notices.push(format!(
            "map {} is not compared: the bits of a bloom filter cannot be read (what lookups give is compared)",
            model.name(m)
        ));
    }
}

/// A LRU map near its size evicts by the kernel's approximate order, with which the model's exact one cannot agree.
fn leave_out_full_lru(model: &MapSet, maps: &[Vec<Entry>], unseen: &mut Unseen) {
    // The kernel hands out free entries in batches of up to this many, and evicts for the last one.
    const BATCH: u32 = 128;
    for (m, entries) in maps.iter().enumerate() {
        let lru = matches!(model.kind(m), MapKind::LruHash | MapKind::LruPercpuHash);
        let spare = model.max_entries(m) - (entries.len() as u32).min(model.max_entries(m));
        if lru && spare < BATCH.min(model.max_entries(m) / 2) {
            unseen.maps.insert(m);
            unseen.notices.push(format!(
                "map {} is not compared: it was nearly full, and the kernel evicts in another order",
                model.name(m)
            ));
        }
    }
}
