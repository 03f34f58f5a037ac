//! The equivalence runner: the same trace on several engines, compared packet by packet, map by map, and cycle by cycle.

use crate::blame::{blame, Blame};
use crate::engine::{self, EngineError, EngineKind, Entry, Event, Job, PacketRecord, Record};
use crate::kernel;
use crate::map_file::to_hex;
use beeline_ir::map::MapKind;
use beeline_sim::outcome::{compare, Difference};
use beeline_sim::{Exit, Outcome};
use std::fmt;

/// First point at which an engine differs from the one it is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The engine it is held to.
    pub reference: EngineKind,
    /// The engine that differs.
    pub engine: EngineKind,
    /// Where and how.
    pub what: Mismatch,
    /// Which instruction has to do with it, and which form of the program is wrong, where that can be told.
    pub blame: Option<Box<Blame>>,
}

/// How two records differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// In the result for a packet.
    Packet {
        /// Position in the trace (not the capture).
        position: usize,
        /// Index in the capture.
        index: usize,
        /// How.
        difference: Difference,
    },
    /// In the number of packets that came out.
    Count(usize, usize),
    /// In a map at the end.
    Map(Difference),
    /// In time: the cycles in which a packet entered and left.
    Cycles {
        /// Index in the capture.
        index: usize,
        /// The reference's.
        left: (u64, u64),
        /// The engine's.
        right: (u64, u64),
    },
    /// In the cycles in which packets waited for a map.
    Stalls {
        /// Name of the map.
        map: String,
        /// The reference's.
        left: u64,
        /// The engine's.
        right: u64,
    },
    /// In time: the cycle in which the event at this position left.
    EventCycle {
        /// Position among the events of the whole trace.
        position: usize,
        /// The reference's.
        left: u64,
        /// The engine's.
        right: u64,
    },
}

impl Divergence {
    /// Translates positions in a part of a trace to those in the whole, of which it has the packets at `kept`.
    fn move_to(&mut self, kept: &[usize]) {
        if let Mismatch::Packet { position, .. } = &mut self.what {
            *position = kept[*position];
        }
        if let Some(blame) = &mut self.blame {
            blame.position = kept[blame.position];
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Packet { index, difference, .. } => write!(f, "packet {index}: {difference}"),
            Mismatch::Count(l, r) => write!(f, "{l} packets against {r}"),
            Mismatch::Map(d) => write!(f, "after the last packet: {d}"),
            Mismatch::Cycles { index, left, right } => write!(
                f,
                "packet {index}: enters in cycle {} and leaves in {} against {} and {}",
                left.0, left.1, right.0, right.1
            ),
            Mismatch::Stalls { map, left, right } => {
                write!(f, "packets wait {left} cycles for map {map} against {right}")
            }
            Mismatch::EventCycle { position, left, right } => {
                write!(f, "event {position}: leaves in cycle {left} against {right}")
            }
        }
    }
}

/// How one engine fared.
#[derive(Debug)]
pub enum Status {
    /// It is the reference.
    Reference,
    /// Equal on everything.
    Equal,
    /// Not run: a tool is missing.
    Skipped(String),
    /// Different.
    Diverged(Divergence),
    /// No result.
    Failed(EngineError),
}

/// Result of one comparison.
#[derive(Debug)]
pub struct Report {
    /// Engines in the order asked for.
    pub engines: Vec<(EngineKind, Status)>,
    /// Their records, where they ran.
    pub records: Vec<(EngineKind, Record)>,
    /// Packets replayed.
    pub packets: usize,
}

impl Report {
    /// True if no engine differed or failed.
    pub fn is_equal(&self) -> bool {
        self.engines.iter().all(|(_, s)| !matches!(s, Status::Diverged(_) | Status::Failed(_)))
    }

    /// What of the results could not be compared, by engine.
    pub fn notices(&self) -> impl Iterator<Item = (EngineKind, &str)> {
        let unseen = self.records.iter().map(|r| (r.0, &r.1.unseen));
        unseen.flat_map(|(e, u)| u.notices.iter().map(move |n| (e, n.as_str())))
    }

    /// The record of `engine`, if it ran.
    pub fn record(&self, engine: EngineKind) -> Option<&Record> {
        self.records.iter().find(|(e, _)| *e == engine).map(|(_, r)| r)
    }
}

/// Runs `job` on `engines` and compares. The interpreter is the reference and runs even if it is not asked for;
/// engines with a clock are compared with each other in time as well.
pub fn equiv(engines: &[EngineKind], job: &Job<'_>) -> Report {
    let mut report =
        Report { engines: Vec::new(), records: Vec::new(), packets: job.trace.packets.len() };
    let others = engines.iter().copied().filter(|e| *e != EngineKind::Interp);
    for kind in std::iter::once(EngineKind::Interp).chain(others) {
        let status = match kind {
            EngineKind::Kernel => against_kernel(job, &mut report),
            _ => run_and_judge(kind, job, &mut report.records),
        };
        report.engines.push((kind, status));
    }
    report
}

/// Runs `job` on `kind`, compares with the `records` so far, and adds the new one.
fn run_and_judge(
    kind: EngineKind,
    job: &Job<'_>,
    records: &mut Vec<(EngineKind, Record)>,
) -> Status {
    match engine::run(kind, job) {
        Ok(record) => {
            let status = judge(kind, &record, records, job);
            records.push((kind, record));
            status
        }
        Err(EngineError::Skipped(why)) => Status::Skipped(why),
        Err(e) => Status::Failed(e),
    }
}

/// As [`run_and_judge`] for the kernel. Packets on which the trace does not decide what it does are left out, for it and for
/// the interpreter, which is run once more without them; so everything else can be compared, maps too. It is run once more
/// also if what it is to do depends on whether it stands for the kernel or for hardware.
fn against_kernel(job: &Job<'_>, report: &mut Report) -> Status {
    let (kept, notices) = kernel::comparable(job);
    let rings = job.program.program().maps.iter().any(|m| m.kind == MapKind::Ringbuf);
    let same = job.hardware.is_none() || !rings;
    if kept.len() == job.trace.packets.len() && same {
        return run_and_judge(EngineKind::Kernel, job, &mut report.records);
    }
    if kept.is_empty() {
        return Status::Skipped(format!("nothing can be compared: {}", notices.join("; ")));
    }
    let trace = job.trace.only(&kept);
    let small = Job { trace: &trace, hardware: None, ..*job };
    let mut records = Vec::new();
    let reference = run_and_judge(EngineKind::Interp, &small, &mut records);
    if !matches!(reference, Status::Reference) {
        return reference;
    }
    let mut status = run_and_judge(EngineKind::Kernel, &small, &mut records);
    if let Status::Diverged(d) = &mut status {
        d.move_to(&kept);
    }
    let of_kernel = records.pop().filter(|(kind, _)| *kind == EngineKind::Kernel);
    report.records.extend(of_kernel.map(|(kind, r)| (kind, spread(r, &kept, job, notices))));
    status
}

/// `record`, of the packets at the positions `kept`, as one of all packets of `job`.
fn spread(record: Record, kept: &[usize], job: &Job<'_>, notices: Vec<String>) -> Record {
    let nothing = || PacketRecord {
        outcome: engine::dropped(Exit { code: 0, redirect: None }),
        events: Vec::new(),
        cycles: None,
    };
    let mut packets: Vec<_> = job.trace.packets.iter().map(|_| nothing()).collect();
    let mut unseen = record.unseen;
    unseen.not_run = (0..packets.len()).collect();
    for (n, packet) in kept.iter().zip(record.packets) {
        packets[*n] = packet;
        unseen.not_run.remove(n);
    }
    unseen.notices.splice(0..0, notices);
    Record { packets, unseen, ..record }
}

fn judge(
    kind: EngineKind,
    record: &Record,
    earlier: &[(EngineKind, Record)],
    job: &Job<'_>,
) -> Status {
    let Some((reference, expected)) = earlier.first() else {
        return if kind == EngineKind::Interp {
            Status::Reference
        } else {
            Status::Failed(EngineError::Internal(
                "the interpreter gave no result to compare with".into(),
            ))
        };
    };
    let diverged = |reference, what| {
        let mut divergence = Divergence { reference, engine: kind, what, blame: None };
        divergence.blame = blame(job, &divergence).map(Box::new);
        Status::Diverged(divergence)
    };
    if let Some(what) = compare_records(expected, record, job) {
        return diverged(*reference, what);
    }
    let clocked = earlier.iter().find(|(_, r)| r.cycles.is_some() && record.cycles.is_some());
    if let Some((other, timed)) = clocked {
        let what = compare_cycles(&timed.packets, &record.packets, job)
            .or_else(|| compare_event_cycles(timed, record))
            .or_else(|| compare_stalls(timed, record, job));
        if let Some(what) = what {
            return diverged(*other, what);
        }
    }
    Status::Equal
}

/// First difference in packets (with their events), then in maps, but for what either side could not see.
pub fn compare_records(left: &Record, right: &Record, job: &Job<'_>) -> Option<Mismatch> {
    let (l_unseen, r_unseen) = (&left.unseen, &right.unseen);
    for (position, (l, r)) in left.packets.iter().zip(&right.packets).enumerate() {
        if l_unseen.not_run.contains(&position) || r_unseen.not_run.contains(&position) {
            continue;
        }
        let outcomes = || match l_unseen.redirects || r_unseen.redirects {
            true => compare(&without_target(&l.outcome), &without_target(&r.outcome)),
            false => compare(&l.outcome, &r.outcome),
        };
        let events = || match l_unseen.event_order || r_unseen.event_order {
            true => compare_events_by_map(&l.events, &r.events, job),
            false => compare_events(&l.events, &r.events, job),
        };
        if let Some(difference) = outcomes().or_else(events) {
            let index = job.trace.packets[position].index;
            return Some(Mismatch::Packet { position, index, difference });
        }
    }
    if left.packets.len() != right.packets.len() {
        return Some(Mismatch::Count(left.packets.len(), right.packets.len()));
    }
    let none = Vec::new();
    (0..left.maps.len().max(right.maps.len())).find_map(|n| {
        if l_unseen.maps.contains(&n) || r_unseen.maps.contains(&n) {
            return None;
        }
        let (l, r) = (left.maps.get(n).unwrap_or(&none), right.maps.get(n).unwrap_or(&none));
        compare_entries(job.map_name(n), l, r).map(Mismatch::Map)
    })
}

fn without_target(outcome: &Outcome) -> Outcome {
    let exit = Exit { redirect: None, ..outcome.exit };
    Outcome { exit, bytes: outcome.bytes.clone() }
}

/// First unequal event of a packet.
fn compare_events(left: &[Event], right: &[Event], job: &Job<'_>) -> Option<Difference> {
    let position = (0..left.len().max(right.len())).find(|i| left.get(*i) != right.get(*i))?;
    let named = |side: &[Event]| {
        let (map, bytes) = side.get(position)?;
        Some((job.map_name(*map).to_string(), bytes.clone()))
    };
    Some(Difference::Event { position, left: named(left), right: named(right) })
}

/// As [`compare_events`], where the order counts within each map only, and perf events may be padded on either side.
fn compare_events_by_map(left: &[Event], right: &[Event], job: &Job<'_>) -> Option<Difference> {
    let mut sides = [left.to_vec(), right.to_vec()];
    sides.iter_mut().for_each(|s| s.sort_by_key(|(map, _)| *map));
    let [l, r] = &mut sides;
    let perf = |map: usize| {
        job.program.program().maps.get(map).is_some_and(|m| m.kind == MapKind::PerfEventArray)
    };
    for ((l_map, l_bytes), (r_map, r_bytes)) in l.iter_mut().zip(r.iter_mut()) {
        if *l_map == *r_map && perf(*l_map) {
            unpad(l_bytes, r_bytes);
        }
    }
    compare_events(l, r, job)
}

/// Cuts the longer of two samples to the length of the shorter, if it is as long as Linux makes it: with the four bytes of
/// its length, a multiple of 8.
fn unpad(l: &mut Vec<u8>, r: &mut Vec<u8>) {
    let (short, long) = if l.len() < r.len() { (l, r) } else { (r, l) };
    if long.len() == (short.len() + 4).next_multiple_of(8) - 4 {
        long.truncate(short.len());
    }
}

/// First unequal entry of two dumps, each sorted by key.
fn compare_entries(map: &str, left: &[Entry], right: &[Entry]) -> Option<Difference> {
    let at = (0..left.len().max(right.len())).find(|i| left.get(*i) != right.get(*i))?;
    let key = [left.get(at), right.get(at)].into_iter().flatten().map(|e| &e.0).min()?;
    let value = |side: &[Entry]| side.get(at).filter(|e| e.0 == *key).map(|e| e.1.clone());
    Some(Difference::Entry {
        map: map.to_string(),
        key: key.clone(),
        left: value(left),
        right: value(right),
    })
}

fn compare_cycles(
    left: &[PacketRecord],
    right: &[PacketRecord],
    job: &Job<'_>,
) -> Option<Mismatch> {
    left.iter().zip(right).enumerate().find_map(|(n, (l, r))| match (l.cycles, r.cycles) {
        (Some(left), Some(right)) if left != right => {
            Some(Mismatch::Cycles { index: job.trace.packets[n].index, left, right })
        }
        _ => None,
    })
}

fn compare_stalls(left: &Record, right: &Record, job: &Job<'_>) -> Option<Mismatch> {
    let pairs = left.stalls.iter().flatten().zip(right.stalls.iter().flatten());
    let (n, (left, right)) = pairs.enumerate().find(|(_, (l, r))| l != r)?;
    Some(Mismatch::Stalls { map: job.map_name(n).to_string(), left: *left, right: *right })
}

fn compare_event_cycles(left: &Record, right: &Record) -> Option<Mismatch> {
    let pairs = left.event_cycles.iter().zip(&right.event_cycles).enumerate();
    let different = pairs.map(|(n, (l, r))| (n, *l, *r)).find(|(_, l, r)| l != r);
    different.map(|(position, left, right)| Mismatch::EventCycle { position, left, right })
}

/// The bytes of a packet around a difference, for people: offset, then 16 bytes a line.
pub fn hexdump(bytes: &[u8]) -> String {
    bytes
        .chunks(16)
        .enumerate()
        .map(|(i, line)| {
            let words: Vec<String> = line.chunks(2).map(to_hex).collect();
            format!("  {:04x}  {}\n", i * 16, words.join(" "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_of_perf_events_is_what_linux_adds() {
        let lengths = |l: usize, r: usize| {
            let (mut l, mut r) = (vec![1; l], vec![1; r]);
            unpad(&mut l, &mut r);
            (l.len(), r.len())
        };
        assert_eq!(lengths(8, 12), (8, 8));
        assert_eq!(lengths(12, 9), (9, 9));
        assert_eq!(lengths(4, 4), (4, 4));
        assert_eq!(lengths(8, 16), (8, 16), "more than padding");
        assert_eq!(lengths(8, 9), (8, 9), "not where Linux pads to");
    }

    #[test]
    fn entries_are_compared_by_key() {
        let e = |k: u8, v: u8| (vec![k], vec![v]);
        assert_eq!(compare_entries("m", &[e(1, 1)], &[e(1, 1)]), None);
        let Some(Difference::Entry { key, left, right, .. }) =
            compare_entries("m", &[e(1, 1), e(2, 2)], &[e(2, 2)])
        else {
            panic!("a missing entry is a difference");
        };
        assert_eq!((key, left, right), (vec![1], Some(vec![1]), None));
    }
}
