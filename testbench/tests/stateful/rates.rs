//! What state costs in cycles: hot entries at one packet per clock, different entries without a stall, and the table of all examples that
//! `docs/state.md` holds.

use crate::subject::{captured, fault, Subject};
use beeline_ir::map::MapKind;
use beeline_ir::pipeline::{Gate, GateKind, StagedPipeline};
use beeline_ir::Inst;
use beeline_testbench::capture::Trace;
use beeline_testbench::engine::EngineKind;
use beeline_testbench::estimate::{rates, Rates};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::traffic::{self, workloads, Ipv4, PacketBuilder, Shape, MINIMUM_FRAME};
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

/// Packets of a trace.
const PACKETS: usize = 1000;

/// Rates of `trace` at full rate, and the cycles in which packets waited for each map. Cycles are counted from the first packet leaving to the
/// last, so that a first packet that leaves by a longer way than the others (it is not dropped, or has another beat) saves one.
fn measure(subject: &Subject, trace: &Trace) -> (Rates, Vec<u64>) {
    let engines = [EngineKind::Interp, EngineKind::Pipeline];
    let report = subject.replay(trace, &engines, Pacing::FullRate);
    if let Some(fault) = fault(&report) {
        panic!("{}: {fault}", subject.workload.name);
    }
    let record = report.record(EngineKind::Pipeline).expect("the example has hardware");
    (rates(trace, record, 250), record.stalls.clone().unwrap_or_default())
}

fn hot(subject: &Subject, shape: Shape) -> Trace {
    captured(subject.workload.hot_trace(shape, 1, PACKETS))
}

/// Counters, byte counts, count-min rows, knocking state, refreshed connections and stations: each packet changes the same entry.
#[test]
fn hot_entries_take_one_packet_per_clock() {
    for name in [
        "conntrack",
        "flow_telemetry",
        "heavy_hitter",
        "load_balancer",
        "mac_learning",
        "port_knocking",
        "snat",
        "syn_filter",
    ] {
        let subject = Subject::load(name);
        let (rates, stalls) = measure(&subject, &hot(&subject, Shape::SingleFlow));
        assert!(stalls.iter().all(|n| *n == 0), "{name}: {stalls:?}");
        assert!(rates.cycles <= PACKETS as u64, "{name}: {} cycles", rates.cycles);
    }
}

/// The rate limiter, whose buckets have a long window, with the buckets in a map of kind `kind`.
fn limiter_with(kind: MapKind) -> Subject {
    Subject::adjusted("rate_limiter", &|program| {
        let buckets = program.maps.iter_mut().find(|m| m.name == "buckets").unwrap();
        (buckets.kind, buckets.max_entries) = (kind, 256);
    })
}

/// Packets of `sources` sources in turn; their addresses are small numbers, so that arrays take them too.
fn in_turn(sources: usize) -> Trace {
    let packet = |n: usize| {
        let ip = Ipv4::new(Ipv4Addr::new((n % sources) as u8, 0, 0, 0), Ipv4Addr::new(10, 0, 0, 1));
        let frame = PacketBuilder::ethernet([2; 6], [4; 6]).ipv4(ip);
        frame.udp(1, 2).fill_to(MINIMUM_FRAME).build()
    };
    captured(traffic::Trace::back_to_back((0..PACKETS).map(packet).collect(), 100))
}

#[test]
fn packets_of_different_entries_never_stall_each_other() {
    use MapKind::{Array, Hash, LruHash, LruPercpuHash, PercpuArray, PercpuHash};
    for kind in [Array, PercpuArray, Hash, PercpuHash, LruHash, LruPercpuHash] {
        let subject = limiter_with(kind);
        let depth = subject.hardware.staged.num_stages as usize;
        let (rates, stalls) = measure(&subject, &in_turn(depth.min(250)));
        assert!(stalls.iter().all(|n| *n == 0), "{kind}: {stalls:?}");
        assert!(rates.cycles <= PACKETS as u64, "{kind}: {} cycles", rates.cycles);
        // The same program does stall where the entry is the same.
        let (rates, stalls) = measure(&subject, &in_turn(1));
        assert!(rates.cycles_per_packet > 1.5 && stalls.iter().any(|n| *n > 500), "{kind}");
    }
}

/// A packet that may remove an entry, depending on what is in it, holds up nobody else.
#[test]
fn removals_of_different_keys_never_stall_each_other() {
    const FIN_AND_ACK: u8 = 0x11;
    let subject = Subject::load("conntrack");
    let packet = |n: usize| {
        let host = Ipv4Addr::new(10, 20, 0, (n / 2 % 200) as u8);
        let flags = if n < 400 { 2 } else { FIN_AND_ACK };
        let ip = Ipv4::new(host, Ipv4Addr::new(192, 0, 2, 1));
        let frame = PacketBuilder::ethernet([2; 6], [4; 6]).ipv4(ip);
        frame.tcp(1000 + (n % 2) as u16, 443, flags, &[]).fill_to(MINIMUM_FRAME).build()
    };
    let packets = (0..PACKETS).map(packet).collect();
    let (rates, stalls) = measure(&subject, &captured(traffic::Trace::back_to_back(packets, 100)));
    assert!(stalls.iter().all(|n| *n == 0), "{stalls:?}");
    assert!(rates.cycles <= PACKETS as u64, "{} cycles", rates.cycles);
}

const SHAPES: [Shape; 3] = [Shape::Uniform, Shape::Zipf { halves: 2 }, Shape::SingleFlow];

/// The row of an example in the table.
fn row(name: &str) -> String {
    let subject = Subject::load(name);
    let runs = SHAPES.map(|shape| measure(&subject, &hot(&subject, shape)));
    let mut line = format!("| `{name}` | {}", subject.hardware.staged.num_stages);
    for (rates, _) in &runs {
        write!(line, " | {:.2}", rates.cycles_per_packet).unwrap();
    }
    let waits: Vec<String> = (0..subject.program.program().maps.len())
        .map(|map| (map, runs.each_ref().map(|(_, stalls)| *stalls.get(map).unwrap_or(&0))))
        .filter(|(_, cycles)| *cycles != [0; 3])
        .map(|(map, [uniform, zipf, single])| {
            format!("`{}` {uniform} / {zipf} / {single}", subject.program.program().maps[map].name)
        })
        .collect();
    let waits = if waits.is_empty() { "none".to_owned() } else { waits.join(", ") };
    format!("{line} | {waits} | {} |\n", longest_window(&subject.hardware.staged))
}

/// The gate behind which an entry or key is under change for most stages, and what takes so long.
fn longest_window(staged: &StagedPipeline) -> String {
    let stages = |g: &&Gate| g.commit.as_u32() - g.stage.as_u32();
    let Some(gate) = staged.gates.iter().max_by_key(stages) else {
        return "one stage everywhere".to_owned();
    };
    let map = &staged.pipeline.dfg.maps[gate.map].name;
    let (what, last) = match gate.kind {
        GateKind::Rows => {
            let ports = staged.value_ports.iter().filter(|p| p.map == gate.map);
            let mut accesses = ports.flat_map(|p| p.accesses.iter().rev().copied());
            let changes = |i: &Inst| staged.pipeline.dfg.insts[*i].op.has_effect();
            ("a row", accesses.find(changes))
        }
        GateKind::Keys => {
            let removes = |i: &&Inst| {
                let op = &staged.pipeline.dfg.insts[**i].op;
                op.map() == Some(gate.map) && matches!(op, beeline_ir::op::Op::MapRemove { .. })
            };
            ("a key", staged.pipeline.order.iter().find(removes).copied())
        }
    };
    let line = last.and_then(|i| staged.pipeline.dfg.insts[i].src.expand());
    let line = line.and_then(|s| staged.pipeline.dfg.sources[s].line.as_ref());
    let until = line.map_or(String::new(), |l| format!(", until `{}`", l.text.replace('|', "\\|")));
    format!("{} stages: {what} of `{map}`{until}", stages(&gate))
}

fn table() -> String {
    let mut text = String::from(
        "| example | stages | uniform | Zipf(1.0) | single flow | cycles in which packets wait, by map | longest window |\n\
         |---|---|---|---|---|---|---|\n",
    );
    workloads::all().iter().for_each(|w| text.push_str(&row(w.name)));
    text
}

const BEGIN: &str = "<!-- table of cycles: begin -->\n";
const END: &str = "<!-- table of cycles: end -->\n";

/// `BEELINE_REWRITE=1` puts the table into the page.
#[test]
fn the_page_holds_the_table_of_cycles() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/state.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page marks the table");
    let (old, after) = rest.split_once(END).expect("the page marks the table's end");
    let table = table();
    println!("{table}");
    if std::env::var_os("BEELINE_REWRITE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        old, table,
        "docs/state.md: run this test with BEELINE_REWRITE=1 and read the difference"
    );
}
