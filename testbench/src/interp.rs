//! The `interp` engine: the bytecode interpreter on a trace.

use crate::engine::{EngineError, Job, PacketRecord, Record};
use beeline_frontend::VerifiedProgram;
use beeline_ir::Diagnostic;
use beeline_sim::{Executor, Inputs, Interp, Outcome, Packet};

/// Runs `job` in the interpreter.
///
/// # Errors
/// `Input` if a map has no model; `Internal` if the program does what the verifier excludes.
pub fn run(job: &Job<'_>) -> Result<Record, EngineError> {
    let mut maps = job.map_set()?;
    let mut interp = prepare(job, Interp::new).map_err(|all| {
        let text: Vec<String> = all.iter().map(ToString::to_string).collect();
        EngineError::Input(text.join("\n\n"))
    })?;
    let mut packet = Packet::new();
    let mut packets = Vec::with_capacity(job.trace.packets.len());
    for (n, p) in job.trace.packets.iter().enumerate() {
        packet.arrive(&p.bytes).map_err(|e| EngineError::Input(e.to_string()))?;
        let inputs = inputs(job, n);
        let exit = interp
            .run(&inputs, &mut packet, &mut maps)
            .map_err(|e| EngineError::Internal(format!("packet {}: {e}", p.index)))?;
        packets.push(PacketRecord {
            outcome: Outcome::new(exit, &packet),
            events: maps.take_events().into_iter().map(|e| (e.map, e.data)).collect(),
            cycles: None,
        });
    }
    let maps = (0..maps.len()).map(|m| maps.dump(m)).collect();
    Ok(Record { packets, maps, ..Record::default() })
}

/// The interpreter that `make` makes of the program of `job`, with the programs that its tail calls reach and the host's tables.
///
/// # Errors
/// As [`Interp::new`].
pub fn prepare(
    job: &Job<'_>,
    make: fn(&VerifiedProgram) -> Result<Interp, Vec<Diagnostic>>,
) -> Result<Interp, Vec<Diagnostic>> {
    let mut interp = make(job.program)?;
    for (number, program) in job.tail_calls.iter() {
        interp.add_tail_call(number, program)?;
    }
    interp.set_host(job.maps.host.clone());
    Ok(interp)
}

/// The inputs of packet number `n` of the trace.
pub fn inputs(job: &Job<'_>, n: usize) -> Inputs {
    let s = &job.surroundings;
    let packet = &job.trace.packets[n];
    Inputs {
        time_ns: packet.time_ns,
        ingress_ifindex: s.ingress_ifindex,
        rx_queue_index: s.rx_queue_index,
        cpu: s.cpu,
        packet_index: n as u32,
        seed: s.seed,
        rx_hash: packet.rx_hash,
    }
}
