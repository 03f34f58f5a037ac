//! One object on trial: verdicts of both verifiers, then the same trace in interpreter and kernel.

use crate::workload::{Case, Workload};
use beeline_frontend::object::KernelTypes;
use beeline_frontend::{load, verifier, Insn, Object, Pc, Program, VerifiedProgram};
use beeline_ir::function::Function;
use beeline_ir::validate::validate_function;
use beeline_ir::Diagnostic;
use beeline_sim::exec::FunctionExec;
use beeline_sim::outcome::{compare, compare_maps, Executor, Outcome};
use beeline_sim::{Interp, MapSet, Packet};
use beeline_testbench::capture::{Trace, TracePacket};
use beeline_testbench::engine::{self, EngineKind, Job, Surroundings};
use beeline_testbench::equiv::{equiv, Status};
use beeline_testbench::flow::{self, CompileError, Options};
use beeline_testbench::interp;
use beeline_testbench::kernel::{Attach, KernelObject};
use beeline_testbench::map_file::{self, MapFile};
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use beeline_testbench::traffic::JUMBO_FRAME;
use std::path::Path;
use std::sync::Arc;

/// A case with what it is tried with.
pub struct Trial<'a> {
    pub case: &'a Case,
    pub workload: Workload,
    /// Whether the kernel is there.
    pub kernel: bool,
}

impl Trial<'_> {
    /// Everything that is wrong with `bytes`, an object of the case.
    pub fn run(&self, bytes: &[u8], may_be_refused: bool) -> Vec<String> {
        let object = match load(bytes, self.case.name) {
            Ok(mut object) => {
                match (object.needs_kernel_types(), host_types()) {
                    (false, _) => {}
                    (true, Some(types)) => object.use_kernel_types(types, false),
                    (true, None) => {
                        println!("notice: skipped: there are no types of the running kernel");
                        return Vec::new();
                    }
                }
                object
            }
            Err(e) => return vec![format!("does not load: {}", first(e.diagnostics()))],
        };
        let mut faults = Vec::new();
        for name in object.xdp_programs() {
            faults.extend(self.verdicts(&object, &name, may_be_refused).err());
        }
        if faults.is_empty() {
            faults.extend(self.replay(&object).err());
        }
        faults
    }

    /// Both verifiers on the program `name`.
    fn verdicts(&self, object: &Object, name: &str, may_be_refused: bool) -> Result<(), String> {
        let program = object
            .program(Some(name))
            .map_err(|e| format!("{name} does not link: {}", first(e.diagnostics())))?;
        let ours = verifier::verify(program.clone()).map(drop).map_err(|all| first(&all));
        if !self.kernel {
            return ours.or_else(|e| match may_be_refused {
                true => Ok(()),
                false => Err(format!("{name} is rejected: {e}")),
            });
        }
        match (ours, kernel_verdict(&program)?) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(_), Err(log)) if may_be_refused => {
                println!("{name}: both refuse: {log}");
                Ok(())
            }
            (Err(e), Err(log)) => Err(format!("{name}: both refuse:\n{e}\nkernel: {log}")),
            (Ok(()), Err(log)) => Err(format!("{name}: accepted, but the kernel refuses: {log}")),
            (Err(e), Ok(())) => Err(format!("{name}: the kernel accepts it, but: {e}")),
        }
    }

    /// Interpreter and kernel on the trace; then the interpreter on jumbo frames.
    fn replay(&self, object: &Object) -> Result<(), String> {
        self.with_state(object, |replay| {
            if self.kernel {
                replay.compare(self.workload.packets.clone())?;
            }
            replay.jumbo(&self.workload.packets)
        })
    }

    /// The compiled forms of `bytes` on the trace of the case: SSA form and pipeline, as far as the program has them. The codes that
    /// say why it has no hardware form; none if it has one.
    pub fn forms(&self, bytes: &[u8]) -> Result<Vec<Diagnostic>, String> {
        let object = load(bytes, self.case.name).map_err(|e| first(e.diagnostics()))?;
        if let Err(e) = object.program(self.case.entry) {
            return Ok(e.diagnostics().to_vec());
        }
        let mut refused = Vec::new();
        self.with_state(&object, |replay| {
            refused = replay.forms(&self.workload.packets)?;
            Ok(())
        })?;
        Ok(refused)
    }

    /// How much of the entry program in `bytes` the traffic executes: slots that it does not reach, and all slots.
    pub fn unreached(&self, bytes: &[u8]) -> Result<(Vec<Pc>, usize), String> {
        let object = load(bytes, self.case.name).map_err(|e| first(e.diagnostics()))?;
        let mut found = (Vec::new(), 0);
        self.with_state(&object, |replay| {
            found =
                (replay.unreached(&self.workload.packets)?, replay.program.program().insns.len());
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `act` with the program, if it is accepted, and what is in its maps.
    fn with_state(
        &self,
        object: &Object,
        act: impl FnOnce(&Replay<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let program = object.program(self.case.entry).map_err(|e| first(e.diagnostics()))?;
        let Ok(program) = verifier::verify(program) else { return Ok(()) };
        let linked = program.program();
        let text = self.workload.maps.to_string();
        let maps =
            map_file::parse(&text, Path::new("maps.json"), &linked.maps, &linked.xdp_programs)
                .map_err(|e| e.to_string())?;
        let tail_calls =
            TailCalls::load(object, linked, &maps, &|_| {}).map_err(|e| format!("{e:?}"))?;
        act(&Replay { program: &program, maps: &maps, tail_calls: &tail_calls })
    }
}

/// A verified program with its state.
struct Replay<'a> {
    program: &'a VerifiedProgram,
    maps: &'a MapFile,
    tail_calls: &'a TailCalls,
}

/// Every how many packets of a trace one is made a jumbo frame.
const JUMBO_EVERY: usize = 9;

impl Replay<'_> {
    fn job<'b>(&'b self, trace: &'b Trace) -> Job<'b> {
        Job {
            program: self.program,
            hardware: None,
            tail_calls: self.tail_calls,
            trace,
            maps: self.maps,
            surroundings: Surroundings::default(),
            pacing: Pacing::FullRate,
        }
    }

    fn compare(&self, packets: Vec<TracePacket>) -> Result<(), String> {
        let trace = Trace { packets, notices: Vec::new() };
        let report = equiv(&[EngineKind::Interp, EngineKind::Kernel], &self.job(&trace));
        for (engine, status) in &report.engines {
            match status {
                Status::Reference | Status::Equal => {}
                Status::Diverged(d) => return Err(format!("{engine}: {}", d.what)),
                other => return Err(format!("{engine}: {other:?}")),
            }
        }
        Ok(())
    }

    /// Slots of the entry program that no packet of the trace executes.
    fn unreached(&self, packets: &[TracePacket]) -> Result<Vec<Pc>, String> {
        let trace = Trace { packets: packets.to_vec(), notices: Vec::new() };
        let (job, program) = (self.job(&trace), self.program.program());
        let mut maps = MapSet::for_program(program).map_err(|e| e.to_string())?;
        self.maps.load(&mut maps)?;
        let mut interp = interp::prepare(&job, Interp::for_tracing).map_err(|all| first(&all))?;
        let mut reached = vec![false; program.insns.len()];
        let (mut packet, mut steps) = (Packet::new(), Vec::new());
        for (n, p) in packets.iter().enumerate() {
            packet.arrive(&p.bytes).map_err(|e| e.to_string())?;
            let inputs = interp::inputs(&job, n);
            interp
                .trace(program, &inputs, &mut packet, &mut maps, &mut steps)
                .map_err(|e| e.to_string())?;
            for step in &steps {
                reached[step.pc.index()] = true;
            }
        }
        let second_half = |pc: usize| matches!(program.insns[pc], Insn::Imm64Tail);
        let slots = (0..reached.len()).filter(|pc| !reached[*pc] && !second_half(*pc));
        Ok(slots.map(|pc| Pc(pc as u32)).collect())
    }

    fn forms(&self, packets: &[TracePacket]) -> Result<Vec<Diagnostic>, String> {
        let options = Options { tail_calls: self.tail_calls.clone(), ..Options::default() };
        let function = match flow::optimised(self.program, &options, &mut |_, _| {}) {
            Ok(function) => function,
            Err(CompileError::Rejected(all)) => return Ok(all),
            Err(CompileError::Internal(what)) => return Err(what),
        };
        self.function(&function, packets)?;
        let hardware = match flow::generate(function, self.program.program(), &options) {
            Ok(hardware) => hardware,
            Err(CompileError::Rejected(all)) => return Ok(all),
            Err(CompileError::Internal(what)) => return Err(what),
        };
        let trace = Trace { packets: packets.to_vec(), notices: Vec::new() };
        let pacing = Pacing::Random(packets.len() as u64);
        let job = Job { hardware: Some(&hardware), pacing, ..self.job(&trace) };
        let report = equiv(&[EngineKind::Interp, EngineKind::Pipeline], &job);
        for (engine, status) in &report.engines {
            match status {
                Status::Reference | Status::Equal => {}
                Status::Diverged(d) => return Err(format!("{engine}: {}", d.what)),
                other => return Err(format!("{engine}: {other:?}")),
            }
        }
        Ok(Vec::new())
    }

    /// The SSA form after all passes does to each packet, and to the maps, what the bytecode does.
    fn function(&self, function: &Function, packets: &[TracePacket]) -> Result<(), String> {
        let valid = validate_function(function.clone()).map_err(|f| f.to_string())?;
        let trace = Trace { packets: packets.to_vec(), notices: Vec::new() };
        let job = self.job(&trace);
        let program = self.program.program();
        let mut exec = FunctionExec::new(&valid);
        let mut interp = interp::prepare(&job, Interp::new).map_err(|all| first(&all))?;
        let start = || {
            let mut maps = MapSet::for_program(program).map_err(|e| e.to_string())?;
            self.maps.load(&mut maps)?;
            Ok::<_, String>((Packet::new(), maps))
        };
        let ((mut a, mut maps_a), (mut b, mut maps_b)) = (start()?, start()?);
        for (n, p) in packets.iter().enumerate() {
            let inputs = interp::inputs(&job, n);
            let run = |engine: &mut dyn Executor, packet: &mut Packet, maps: &mut MapSet| {
                packet.arrive(&p.bytes).map_err(|e| e.to_string())?;
                maps.start_packet();
                let exit = engine.run(&inputs, packet, maps).map_err(|f| format!("{f:?}"))?;
                Ok::<_, String>(Outcome::new(exit, packet))
            };
            let expected = run(&mut interp, &mut a, &mut maps_a)?;
            let got = run(&mut exec, &mut b, &mut maps_b)?;
            if let Some(d) = compare(&expected, &got) {
                return Err(format!("SSA form, packet {n}: {d}"));
            }
        }
        compare_maps(&maps_a, &maps_b).map_or(Ok(()), |d| Err(format!("SSA form, at the end: {d}")))
    }

    /// The interpreter keeps to what the verifier promised on frames of 9,000 bytes, too.
    fn jumbo(&self, packets: &[TracePacket]) -> Result<(), String> {
        let mut packets = packets.to_vec();
        for packet in packets.iter_mut().step_by(JUMBO_EVERY) {
            packet.bytes.resize(JUMBO_FRAME, 0xa5);
        }
        let trace = Trace { packets, notices: Vec::new() };
        let record = engine::run(EngineKind::Interp, &self.job(&trace))
            .map_err(|e| format!("jumbo frames: {e}"))?;
        match record.packets.len() == trace.packets.len() {
            true => Ok(()),
            false => Err("jumbo frames: packets are missing".into()),
        }
    }
}

/// The types of the running kernel, where it shows them.
fn host_types() -> Option<Arc<KernelTypes>> {
    let bytes = std::fs::read(KernelTypes::HOST).ok()?;
    KernelTypes::parse(&bytes, KernelTypes::HOST).ok().map(Arc::new)
}

/// What the kernel says of `program`: its log, if it refuses.
fn kernel_verdict(program: &Program) -> Result<Result<(), String>, String> {
    let object = KernelObject::create(program).map_err(|e| format!("the kernel refuses a {e}"))?;
    Ok(object.load(program, Attach::Section).map(drop).map_err(|r| r.to_string()))
}

fn first(all: &[beeline_ir::Diagnostic]) -> String {
    all.first().map_or("no reason given".to_owned(), ToString::to_string)
}
