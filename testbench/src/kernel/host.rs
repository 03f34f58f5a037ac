//! Which packets the kernel cannot treat as the trace says, because the program asks the host or the test run has no room.

use crate::engine::Job;
use crate::interp::{inputs, prepare};
use beeline_frontend::insn::{Callee, Insn};
use beeline_frontend::program::Program;
use beeline_frontend::VerifiedProgram;
use beeline_sim::{Interp, MapSet, Packet};

/// Longest packet that a test run keeps in one piece.
pub(super) const LONGEST: usize = 3520;

/// Helpers that answer from the host's tables and secrets, or after some time: routes, MTUs, sockets, SYN cookies,
/// counters, kernel memory, timers.
const ASKS_HOST: [(u32, &str); 21] = [
    (4, "probe_read"),
    (22, "perf_event_read"),
    (55, "perf_event_read_value"),
    (69, "fib_lookup"),
    (84, "sk_lookup_tcp"),
    (85, "sk_lookup_udp"),
    (86, "sk_release"),
    (99, "skc_lookup_tcp"),
    (100, "tcp_check_syncookie"),
    (110, "tcp_gen_syncookie"),
    (112, "probe_read_user"),
    (113, "probe_read_kernel"),
    (114, "probe_read_user_str"),
    (115, "probe_read_kernel_str"),
    (163, "check_mtu"),
    (169, "timer_init"),
    (170, "timer_set_callback"),
    (171, "timer_start"),
    (172, "timer_cancel"),
    (204, "tcp_raw_gen_syncookie_ipv4"),
    (205, "tcp_raw_gen_syncookie_ipv6"),
];

/// What the names of kernel functions begin with that work on their arguments alone.
const PURE: [&str; 4] = ["bpf_dynptr_", "bpf_iter_num_", "bpf_rdonly_cast", "bpf_cast_to_kern_ctx"];

/// What `insn` asks the host for, if it does.
fn question<'a>(program: &'a Program, insn: &Insn) -> Option<&'a str> {
    match insn {
        Insn::Call(Callee::Helper(id)) => {
            ASKS_HOST.iter().find(|(n, _)| n == id).map(|(_, name)| *name)
        }
        Insn::Call(Callee::Kfunc(k)) => {
            let name = program.kfuncs.get(*k).map_or("?", String::as_str);
            Some(name).filter(|name| !PURE.iter().any(|p| name.starts_with(p)))
        }
        _ => None,
    }
}

fn asks_host(program: &Program, insn: &Insn) -> bool {
    question(program, insn).is_some()
}

/// Whether each packet makes the program ask the host; `None` if no packet can.
fn asking(job: &Job<'_>) -> Option<Vec<bool>> {
    let asks = |p: &Program| p.insns.iter().any(|i| asks_host(p, i));
    let tail = job.tail_calls.iter().any(|(_, p)| asks(p.program()));
    let program = job.program.program();
    if !tail && !asks(program) {
        return None;
    }
    let all = vec![true; job.trace.packets.len()];
    // A trace of tail-called programs would name slots of several programs: all packets count as asking.
    Some(if tail { all } else { traced(job, program).unwrap_or(all) })
}

fn traced(job: &Job<'_>, program: &Program) -> Option<Vec<bool>> {
    let mut maps = MapSet::for_program(program).ok()?;
    job.maps.load(&mut maps).ok()?;
    let mut interp = prepare(job, Interp::for_tracing).ok()?;
    let mut packet = Packet::new();
    let mut steps = Vec::new();
    let packets = job.trace.packets.iter().enumerate().map(|(n, p)| {
        packet.arrive(&p.bytes).ok()?;
        steps.clear();
        let inputs = inputs(job, n);
        interp.trace(program, &inputs, &mut packet, &mut maps, &mut steps).ok()?;
        Some(steps.iter().any(|s| asks_host(program, &program.insns[s.pc.index()])))
    });
    packets.collect()
}

/// Positions of the packets on which kernel and trace can agree, and why the others are left out. Whether the program asks the
/// host can depend on earlier packets, so it is looked at again without those that do, until none is left that does.
pub fn comparable(job: &Job<'_>) -> (Vec<usize>, Vec<String>) {
    let all = &job.trace.packets;
    let mut kept: Vec<usize> = (0..all.len()).filter(|n| all[*n].bytes.len() <= LONGEST).collect();
    let long = all.len() - kept.len();
    let mut asked = 0;
    loop {
        let trace = job.trace.only(&kept);
        let Some(asking) = asking(&Job { trace: &trace, ..*job }) else { break };
        let before = kept.len();
        kept = kept.iter().zip(&asking).filter(|(_, asks)| !**asks).map(|(n, _)| *n).collect();
        asked += before - kept.len();
        if kept.len() == before {
            break;
        }
    }
    let mut notices = Vec::new();
    if long > 0 {
        notices.push(format!(
            "{long} of {} packets are left out: test runs take at most {LONGEST} bytes",
            all.len()
        ));
    }
    if asked > 0 {
        notices.push(format!(
            "{asked} of {} packets are left out: the program asks the host ({})",
            all.len(),
            calls(job)
        ));
    }
    (kept, notices)
}

/// The calls that ask the host.
fn calls(job: &Job<'_>) -> String {
    let programs = std::iter::once(job.program).chain(job.tail_calls.iter().map(|(_, p)| p));
    let mut names: Vec<&str> = Vec::new();
    for program in programs.map(VerifiedProgram::program) {
        names.extend(program.insns.iter().filter_map(|i| question(program, i)));
    }
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
