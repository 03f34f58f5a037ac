//! What the commands print: text for people, JSON lines for programs (design of both: `docs/formats.md`).

use beeline_frontend::program::{MapDef, Program};
use beeline_sim::outcome::Action;
use beeline_sim::Redirect;
use beeline_testbench::area::Area;
use beeline_testbench::capture::Trace;
use beeline_testbench::engine::{EngineKind, Entry, Job, PacketRecord, Record};
use beeline_testbench::equiv::{hexdump, Divergence, Mismatch, Report, Status};
use beeline_testbench::estimate::{Rates, Spread};
use beeline_testbench::flow::Compiled;
use beeline_testbench::map_file::{self, to_hex};
use serde_json::{json, Map, Value};
use std::fmt::Write as _;
use std::path::Path;

const ACTIONS: [Action; 5] =
    [Action::Aborted, Action::Drop, Action::Pass, Action::Tx, Action::Redirect];

/// Packets by action, those that occur.
fn action_counts(record: &Record) -> Vec<(&'static str, usize)> {
    ACTIONS
        .into_iter()
        .map(|a| {
            let run = |(n, _): &(usize, _)| !record.unseen.not_run.contains(n);
            let of_action = |p: &PacketRecord| p.outcome.exit.action() == a;
            let packets = record.packets.iter().enumerate().filter(run);
            let n = packets.filter(|(_, p)| of_action(p)).count();
            (a.name(), n)
        })
        .filter(|(_, n)| *n > 0)
        .collect()
}

fn redirect_json(program: &Program, redirect: Redirect) -> Value {
    let name = |map: usize| program.maps.get(map).map_or("?", |m| m.name.as_str()).to_string();
    match redirect {
        Redirect::Ifindex(n) => json!({ "ifindex": n }),
        Redirect::Map { map, key } => json!({ "map": name(map), "key": key }),
        Redirect::Broadcast { map, exclude_ingress, .. } => {
            json!({ "map": name(map), "broadcast": true, "exclude_ingress": exclude_ingress })
        }
    }
}

fn packet_json(program: &Program, index: usize, packet: &PacketRecord) -> Value {
    let exit = &packet.outcome.exit;
    let action = exit.action();
    let mut line = Map::new();
    line.insert("type".into(), "packet".into());
    line.insert("index".into(), index.into());
    line.insert("action".into(), action.name().into());
    if exit.code > Action::Redirect as u32 {
        line.insert("code".into(), exit.code.into());
    }
    if let Some(redirect) = exit.redirect {
        line.insert("redirect".into(), redirect_json(program, redirect));
    }
    // Engines with a clock do not show the bytes of packets that do not leave.
    if action.leaves() || packet.cycles.is_none() {
        line.insert("length".into(), packet.outcome.bytes.len().into());
        line.insert("digest".into(), format!("{:016x}", packet.outcome.digest()).into());
    }
    if let Some((cycle_in, cycle_out)) = packet.cycles {
        line.insert("cycle_in".into(), cycle_in.into());
        line.insert("cycle_out".into(), cycle_out.into());
    }
    Value::Object(line)
}

/// `run --json`: a line for each packet and each of its events, each map that has entries, and a summary.
pub(crate) fn run_json(job: &Job<'_>, record: &Record) {
    let program = job.program.program();
    let run = |(n, _): &(usize, _)| !record.unseen.not_run.contains(n);
    let packets = job.trace.packets.iter().zip(&record.packets).enumerate();
    for (_, (p, r)) in packets.filter(run) {
        println!("{}", packet_json(program, p.index, r));
        for (map, bytes) in &r.events {
            let (map, data) = (job.map_name(*map), to_hex(bytes));
            println!("{}", json!({ "type": "event", "index": p.index, "map": map, "data": data }));
        }
    }
    for (def, entries) in all_maps(job).zip(&record.maps) {
        let entries: Vec<Value> = entries.iter().map(|entry| entry_json(job, def, entry)).collect();
        println!("{}", json!({ "type": "map", "map": def.name, "entries": entries }));
    }
    let actions: Map<String, Value> =
        action_counts(record).into_iter().map(|(a, n)| (a.to_string(), n.into())).collect();
    let mut summary =
        json!({ "type": "summary", "packets": record.packets.len(), "actions": actions });
    if record.stalls.is_some() {
        summary["stall_cycles"] = stalls_json(program, record);
    }
    println!("{summary}");
}

/// Cycles in which packets waited for a map, by name; of maps for which none waited too.
fn stalls_json(program: &Program, record: &Record) -> Value {
    let stalls = record.stalls.iter().flatten();
    let named = program.maps.iter().zip(stalls).map(|(m, n)| (m.name.clone(), (*n).into()));
    Value::Object(named.collect())
}

/// The same for people: a line for each map for which packets waited.
fn print_stalls(program: &Program, record: &Record) {
    let stalls = program.maps.iter().zip(record.stalls.iter().flatten());
    for (map, cycles) in stalls.filter(|(_, n)| **n > 0) {
        println!("  packets waited for map {}: {cycles} cycles", map.name);
    }
}

/// The program's maps, then the inner maps that the map file makes.
fn all_maps<'a>(job: &Job<'a>) -> impl Iterator<Item = &'a MapDef> {
    job.program.program().maps.iter().chain(&job.maps.inner)
}

fn entry_json(job: &Job<'_>, def: &MapDef, (key, value): &Entry) -> Value {
    let program = job.program.program();
    let (maps, inner) = (&program.maps, &job.maps.inner);
    map_file::entry_json(def, maps, inner, &program.xdp_programs, key, value)
}

/// Entries of a map that `run` prints for people.
const SHOWN_ENTRIES: usize = 16;

/// `run` for people: actions, then maps.
pub(crate) fn run_text(job: &Job<'_>, record: &Record) {
    let (program, trace) = (job.program.program(), job.trace);
    println!("{}: {} packets", program.name, record.packets.len());
    for (action, n) in action_counts(record) {
        println!("  {action:<13} {n:>8}");
    }
    let raw = trace.packets.iter().zip(&record.packets).find(|(_, r)| r.outcome.exit.code > 4);
    if let Some((p, r)) = raw {
        println!("  first return value above 4: {} at packet {}", r.outcome.exit.code, p.index);
    }
    for (number, def) in all_maps(job).enumerate() {
        let events = record.packets.iter().flat_map(|p| &p.events).filter(|(m, _)| *m == number);
        match events.count() {
            0 => {}
            n => println!("  events in {}: {n}", def.name),
        }
    }
    print_stalls(program, record);
    for (def, entries) in all_maps(job).zip(&record.maps) {
        if entries.is_empty() {
            continue;
        }
        println!(
            "map {} ({}, {} entries shown of {})",
            def.name,
            def.kind,
            entries.len().min(SHOWN_ENTRIES),
            entries.len()
        );
        for (k, v) in entries.iter().take(SHOWN_ENTRIES) {
            println!("  {}: {}", to_hex(k), to_hex(v));
        }
    }
}

/// One comparison, with what is needed to show it.
pub(crate) struct Compared<'a> {
    pub(crate) capture: &'a Path,
    pub(crate) program: &'a Program,
    pub(crate) trace: &'a Trace,
    pub(crate) report: Report,
}

fn status_word(status: &Status) -> &'static str {
    match status {
        Status::Reference => "reference",
        Status::Equal => "equal",
        Status::Skipped(_) => "skipped",
        Status::Diverged(_) => "different",
        Status::Failed(_) => "failed",
    }
}

/// What went wrong with an engine, in full.
fn explain(c: &Compared<'_>, status: &Status) -> Option<String> {
    match status {
        Status::Reference | Status::Equal => None,
        Status::Skipped(why) => Some(why.clone()),
        Status::Failed(e) => Some(e.to_string()),
        Status::Diverged(d) => Some(explain_divergence(c, d)),
    }
}

fn explain_divergence(c: &Compared<'_>, d: &Divergence) -> String {
    let mut text = format!("{} (left: {}, right: {})\n", d.what, d.reference, d.engine);
    if let Some(b) = &d.blame {
        let _ = write!(text, "packet {}: this instruction {}", b.index, b.role);
        if let (Some(pc), Some(insn)) = (b.place.pc, &b.place.insn) {
            let _ = write!(text, ":\n  insn {pc}: {insn}");
        }
        if let Some(l) = &b.place.line {
            let _ = write!(text, "\n  {}:{}: {}", l.file, l.line, l.text);
        }
        text.push('\n');
        if let Some(form) = &b.form {
            let _ = writeln!(text, "first form of the program that differs: {form}");
        }
    }
    let position = match (&d.what, &d.blame) {
        (Mismatch::Packet { position, .. }, _) => position,
        (Mismatch::Map(_), Some(b)) => &b.position,
        _ => return text,
    };
    if let Some(packet) = c.trace.packets.get(*position) {
        let _ = writeln!(text, "the packet as it arrived ({} bytes):", packet.bytes.len());
        text.push_str(&hexdump(&packet.bytes[..packet.bytes.len().min(256)]));
    }
    for engine in [d.reference, d.engine] {
        let Some(r) = c.report.record(engine).and_then(|r| r.packets.get(*position)) else {
            continue;
        };
        let _ = writeln!(
            text,
            "{engine}: {} (return value {}), {} bytes:",
            r.outcome.exit.action().name(),
            r.outcome.exit.code,
            r.outcome.bytes.len()
        );
        text.push_str(&hexdump(&r.outcome.bytes[..r.outcome.bytes.len().min(256)]));
    }
    text
}

/// `equiv` for people.
pub(crate) fn equiv_text(c: &Compared<'_>) {
    let verdict = if c.report.is_equal() { "equal" } else { "DIFFERENT" };
    println!(
        "{} on {}: {} packets: {verdict}",
        c.program.name,
        c.capture.display(),
        c.report.packets
    );
    for (engine, status) in &c.report.engines {
        let cycles = c
            .report
            .record(*engine)
            .and_then(|r| r.cycles)
            .map_or(String::new(), |n| format!("  ({n} cycles)"));
        println!("  {:<9} {}{cycles}", engine.name(), status_word(status));
        if let Some(text) = explain(c, status) {
            eprintln!("{engine}: {text}");
        }
    }
    // Engines with a clock agree on this.
    if let Some((_, record)) = c.report.records.iter().find(|(_, r)| r.stalls.is_some()) {
        print_stalls(c.program, record);
    }
    for (engine, notice) in c.report.notices() {
        eprintln!("notice: {engine}: {notice}");
    }
}

/// `equiv --json`: one object for each capture.
pub(crate) fn equiv_json(c: &Compared<'_>) {
    let engines: Map<String, Value> = c
        .report
        .engines
        .iter()
        .map(|(e, s)| (e.name().to_string(), status_word(s).into()))
        .collect();
    let mut object = json!({
        "type": "equiv",
        "program": c.program.name,
        "pcap": c.capture.display().to_string(),
        "packets": c.report.packets,
        "equal": c.report.is_equal(),
        "engines": engines,
    });
    if let Some((_, record)) = c.report.records.iter().find(|(_, r)| r.stalls.is_some()) {
        object["stall_cycles"] = stalls_json(c.program, record);
    }
    let notes: Map<String, Value> = c
        .report
        .engines
        .iter()
        .filter_map(|(e, s)| Some((e.name().to_string(), explain(c, s)?.into())))
        .collect();
    if !notes.is_empty() {
        object["notes"] = Value::Object(notes);
    }
    let notice = |(engine, text)| json!({ "engine": EngineKind::name(engine), "text": text });
    let notices: Vec<Value> = c.report.notices().map(notice).collect();
    if !notices.is_empty() {
        object["notices"] = notices.into();
    }
    println!("{object}");
}

/// JUnit XML: a test case for each engine and capture.
pub(crate) fn junit(results: &[Compared<'_>]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for c in results {
        let count = |f: fn(&Status) -> bool| c.report.engines.iter().filter(|(_, s)| f(s)).count();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
            escape(&c.capture.display().to_string()),
            c.report.engines.len(),
            count(|s| matches!(s, Status::Diverged(_))),
            count(|s| matches!(s, Status::Failed(_))),
            count(|s| matches!(s, Status::Skipped(_))),
        );
        for (engine, status) in &c.report.engines {
            let tag = match status {
                Status::Reference | Status::Equal => None,
                Status::Skipped(_) => Some("skipped"),
                Status::Diverged(_) => Some("failure"),
                Status::Failed(_) => Some("error"),
            };
            let case = format!("classname=\"{}\" name=\"{engine}\"", escape(&c.program.name));
            match (tag, explain(c, status)) {
                (Some(tag), Some(text)) => {
                    let text = escape(&text);
                    let _ = writeln!(xml, "    <testcase {case}><{tag}>{text}</{tag}></testcase>");
                }
                _ => {
                    let _ = writeln!(xml, "    <testcase {case}/>");
                }
            }
        }
        for (engine, notice) in c.report.notices() {
            let text = escape(&format!("notice: {engine}: {notice}"));
            let _ = writeln!(xml, "    <system-out>{text}</system-out>");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text for XML; control characters that XML 1.0 does not allow become question marks.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// An estimate, with what is needed to show it.
pub(crate) struct Estimated<'a> {
    pub(crate) program: &'a Program,
    pub(crate) compiled: &'a Compiled,
    pub(crate) rates: Rates,
    pub(crate) record: &'a Record,
    pub(crate) area: Area,
}

fn rounded(x: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (x * scale).round() / scale
}

/// `estimate --json`: one object.
pub(crate) fn estimate_json(e: &Estimated<'_>) {
    let (r, a) = (&e.rates, &e.area);
    let Spread { min, median, max } = r.latency;
    let object = json!({
        "target": "verilog",
        "program": e.program.name,
        "clock_mhz": e.compiled.staged.target.clock_mhz,
        "stages": e.compiled.staged.num_stages,
        "latency_cycles": { "min": min, "median": median, "max": max },
        "register_bits": e.compiled.register_bits(),
        "packets": r.packets,
        "cycles": r.cycles,
        "cycles_per_packet": rounded(r.cycles_per_packet, 4),
        "mpps": rounded(r.mpps, 3),
        "gbps": rounded(r.gbps, 3),
        "line_rate_mpps": rounded(r.line_rate_mpps, 3),
        "stall_cycles": stalls_json(e.program, e.record),
        "lut": a.lut,
        "ff": a.ff,
        "bram36": a.bram36,
        "fmax_mhz": a.fmax_mhz,
        "area_source": a.source,
    });
    println!("{object}");
}

/// `estimate` for people.
pub(crate) fn estimate_text(e: &Estimated<'_>) {
    let (r, a) = (&e.rates, &e.area);
    let target = &e.compiled.staged.target;
    println!("{} for {} at {} MHz", e.program.name, target.name, target.clock_mhz);
    println!("  stages           {:>10}", e.compiled.staged.num_stages);
    println!("  register bits    {:>10}", e.compiled.register_bits());
    let Spread { min, median, max } = r.latency;
    println!("  latency          {min:>10} cycles (median {median}, max {max})");
    println!("  packets          {:>10} in {} cycles", r.packets, r.cycles);
    println!("  cycles/packet    {:>10.3}", r.cycles_per_packet);
    println!("  throughput       {:>10.1} Mpps, {:.1} Gb/s on the wire", r.mpps, r.gbps);
    println!("  100G line rate   {:>10.1} Mpps for these packets", r.line_rate_mpps);
    print_stalls(e.program, e.record);
    println!("  area ({})     {} LUT, {} FF, {} BRAM36", a.source, a.lut, a.ff, a.bram36);
}
