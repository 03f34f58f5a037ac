//! Bytecode as a fuzz target: maps and instruction slots from bytes, through the verifier, and whatever it accepts through everything
//! after it.
//!
//! An input is: a byte of flags (bit 0: `xdp.frags`; bit 1: the functions are global), a byte with the number of maps (low three bits), six bytes for
//! each map (kind, key size, value size in two bytes, entries, bit 0: read-only with a content), then slots.

use super::tree;
use crate::flow::{self, CompileError};
use crate::generate::{generate, Options};
use crate::traffic::Rng;
use beeline_frontend::btf::TypeId;
use beeline_frontend::decode::{check_flow, decode, RawInsn};
use beeline_frontend::insn::{Callee, Imm64, Insn, Pc};
use beeline_frontend::program::{Contract, GlobalArg, Signature, Subprog};
use beeline_frontend::{cfg, disasm, encode, load, verifier, MapDef, Program, VerifiedProgram};
use beeline_ir::map::MapKind;
use beeline_ir::validate::validate_function;
use beeline_ir::Function;
use beeline_sim::exec::FunctionExec;
use beeline_sim::{compare, compare_maps, Executor, Inputs, Interp, MapSet, Outcome, Packet};
use std::collections::BTreeSet;

const MAP_BYTES: usize = 6;
const MAX_MAPS: usize = 7;

/// Kernel functions that `src_reg` 2 of a call can name.
const KFUNCS: [&str; 4] = [
    "bpf_xdp_metadata_rx_timestamp",
    "bpf_xdp_metadata_rx_hash",
    "bpf_xdp_metadata_rx_vlan_tag",
    "bpf_dynptr_from_xdp",
];

/// `bpf_for_each_map_elem` and `bpf_loop`: nested, they run longer than a fuzzer can wait, in the kernel too.
const LONG_HELPERS: [u32; 2] = [164, 181];

/// Where the slots of an input begin.
pub fn slots_at(data: &[u8]) -> usize {
    2 + MAP_BYTES * usize::from(data.get(1).copied().unwrap_or(0) & 7)
}

/// Decodes, verifies; what is accepted runs in the interpreter, and its IR, as lifted and as optimised, does the same.
pub fn software(data: &[u8]) {
    let Some(program) = program(data) else { return };
    disasm::program(&program);
    cfg::text(&program);
    let Some(program) = verified(program) else { return };
    let Some(expected) = interpreted(&program) else { return };
    optimised(&program, |f| same(&program, f, &expected));
}

/// As [`software`], and on to the generated hardware.
pub fn hardware(data: &[u8]) {
    let Some(program) = program(data).and_then(verified) else { return };
    let Some(function) = optimised(&program, |_| ()) else { return };
    if let Err(CompileError::Internal(why)) =
        flow::generate(function, program.program(), &flow::Options::default())
    {
        panic!("{why}");
    }
}

/// The program that `data` describes, if there is one.
pub fn program(data: &[u8]) -> Option<Program> {
    let at = slots_at(data);
    let (head, code) = data.split_at_checked(at)?;
    let insns = decode(&RawInsn::slots(code)).ok()?;
    let subprogs = functions(&insns, head[0] & 2 != 0);
    if insns.is_empty() || !check_flow(&insns, &subprogs).is_empty() {
        return None;
    }
    let maps = head[2..].chunks_exact(MAP_BYTES).enumerate();
    Some(Program {
        name: "fuzz".into(),
        section: "xdp".into(),
        frags: head[0] & 1 != 0,
        lines: vec![None; insns.len()],
        insns,
        subprogs,
        maps: maps.map(|(i, b)| map(i, b)).collect(),
        kfuncs: KFUNCS.map(String::from).into(),
        xdp_programs: vec!["fuzz".into()],
        license: Some("GPL".into()),
        object: "fuzz.o".into(),
        ..Program::default()
    })
}

/// Functions begin where something refers to one.
fn functions(insns: &[Insn], global: bool) -> Vec<Subprog> {
    let mut starts = BTreeSet::from([Pc(0)]);
    starts.extend(insns.iter().filter_map(|insn| match insn {
        Insn::Call(Callee::Local(pc)) | Insn::LoadImm64 { imm: Imm64::Func(pc), .. } => Some(*pc),
        _ => None,
    }));
    let ends = starts.iter().skip(1).copied().chain([Pc(insns.len() as u32)]);
    let subprog = |(start, end): (&Pc, Pc)| Subprog {
        name: format!("f{}", start.0),
        start: *start,
        end,
        global: global && start.0 > 0,
        signature: (global && start.0 > 0)
            .then(|| Signature { func: TypeId(0), contract: contract() }),
    };
    starts.iter().zip(ends).map(subprog).collect()
}

/// What global functions may assume, some of each kind.
fn contract() -> Result<Contract, String> {
    let memory = GlobalArg::Memory { size: 8, nullable: true };
    Ok(Contract { args: vec![GlobalArg::Ctx, GlobalArg::Scalar, memory, GlobalArg::Scalar] })
}

fn map(number: usize, bytes: &[u8]) -> MapDef {
    let kind = MapKind::ALL[usize::from(bytes[0]) % MapKind::ALL.len()];
    let value_size = u32::from(u16::from_le_bytes([bytes[2], bytes[3]]));
    let data = bytes[5] & 1 != 0 && kind == MapKind::Array && value_size > 0;
    let in_map = matches!(kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps);
    let inner = || Box::new(map(number, &[1, 4, 8, 0, 4, 0]));
    MapDef {
        name: format!("m{number}"),
        kind,
        key_size: u32::from(bytes[1]),
        value_size,
        max_entries: if data { 1 } else { u32::from(bytes[4]) },
        flags: 0,
        initial: data.then(|| (0..value_size).map(|i| i as u8).collect()),
        frozen: data,
        inner: in_map.then(inner),
        ..MapDef::default()
    }
}

fn verified(program: Program) -> Option<VerifiedProgram> {
    match verifier::verify(program) {
        Ok(program) => Some(program),
        Err(reasons) => {
            assert!(!reasons.is_empty(), "a refusal without a reason");
            None
        }
    }
}

/// What a program did with the packets.
struct Behaviour {
    outcomes: Vec<Outcome>,
    maps: MapSet,
}

/// Runs an accepted program; `None` if no model knows one of its maps or helpers, or if it may run for very long.
fn interpreted(program: &VerifiedProgram) -> Option<Behaviour> {
    let long = |insn: &Insn| match insn {
        Insn::Call(Callee::Helper(n)) => LONG_HELPERS.contains(n),
        _ => false,
    };
    if program.program().insns.iter().any(long) {
        return None;
    }
    let mut interp = Interp::new(program).ok()?;
    let maps = MapSet::for_program(program.program()).ok()?;
    Some(behaviour(&mut interp, maps).unwrap_or_else(|e| panic!("accepted, but: {e}")))
}

fn behaviour(engine: &mut dyn Executor, mut maps: MapSet) -> Result<Behaviour, String> {
    let mut packet = Packet::new();
    let mut outcomes = Vec::new();
    for (n, len) in [14usize, 64, 200].into_iter().enumerate() {
        let bytes = Rng::new(n as u64).bytes(len);
        packet.arrive(&bytes).map_err(|e| e.to_string())?;
        let inputs = Inputs { packet_index: n as u32, ..Inputs::default() };
        let exit = engine.run(&inputs, &mut packet, &mut maps).map_err(|e| e.to_string())?;
        outcomes.push(Outcome::new(exit, &packet));
    }
    Ok(Behaviour { outcomes, maps })
}

/// Lifts and optimises; `None` if there is no hardware form.
fn optimised(program: &VerifiedProgram, mut check: impl FnMut(&Function)) -> Option<Function> {
    let mut lifted = false;
    let result = flow::optimised(program, &flow::Options::default(), &mut |_, function| {
        if !std::mem::replace(&mut lifted, true) {
            check(function);
        }
    });
    match result {
        Ok(function) => {
            check(&function);
            Some(function)
        }
        Err(CompileError::Rejected(reasons)) => {
            assert!(!reasons.is_empty(), "a refusal without a reason");
            None
        }
        Err(CompileError::Internal(why)) => panic!("{why}"),
    }
}

fn same(program: &VerifiedProgram, function: &Function, expected: &Behaviour) {
    let function = validate_function(function.clone()).unwrap_or_else(|e| panic!("{e}"));
    let Ok(maps) = MapSet::for_program(program.program()) else { return };
    let found = behaviour(&mut FunctionExec::new(&function), maps)
        .unwrap_or_else(|e| panic!("{e}\n{}", *function));
    for (left, right) in expected.outcomes.iter().zip(&found.outcomes) {
        if let Some(difference) = compare(left, right) {
            panic!("{difference}\n{}", *function);
        }
    }
    if let Some(difference) = compare_maps(&expected.maps, &found.maps) {
        panic!("{difference}\n{}", *function);
    }
}

/// The input that describes `program`, if its maps can be described.
pub fn input(program: &Program) -> Option<Vec<u8>> {
    if program.maps.len() > MAX_MAPS {
        return None;
    }
    let global = program.subprogs.iter().any(|s| s.global && s.start.0 > 0);
    let mut bytes = vec![u8::from(program.frags) | u8::from(global) << 1, program.maps.len() as u8];
    for m in &program.maps {
        let kind = MapKind::ALL.iter().position(|k| *k == m.kind)?;
        let value_size = u16::try_from(m.value_size).ok()?.to_le_bytes();
        let entries = m.max_entries.min(255) as u8;
        bytes.extend([kind as u8, u8::try_from(m.key_size).ok()?]);
        bytes.extend(value_size);
        bytes.extend([entries, u8::from(m.initial.is_some())]);
    }
    bytes.extend(encode::to_bytes(&encode::encode(&program.insns)));
    Some(bytes)
}

/// The programs of the committed objects, and generated ones.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut programs = Vec::new();
    for object in tree::objects() {
        let Ok(object) = load(&object, "seed") else { continue };
        programs.extend(object.programs.iter().filter_map(|p| object.program(Some(&p.name)).ok()));
    }
    for options in [Options::hardware(), Options::small()] {
        let short = Options { statements: 6, ..options };
        programs.extend((0..40).map(|seed| generate(seed, &short, 1).program));
    }
    let inputs = programs.iter().filter_map(input);
    inputs.filter(|bytes| bytes.len() <= 768).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_come_back_as_programs_that_are_accepted() {
        let seeds = seeds();
        let accepted = seeds.iter().filter(|s| program(s).and_then(verified).is_some()).count();
        assert!(
            seeds.len() > 50 && accepted * 10 > seeds.len() * 8,
            "{accepted} of {}",
            seeds.len()
        );
        let run = seeds
            .iter()
            .filter(|s| program(s).and_then(verified).is_some_and(|p| interpreted(&p).is_some()));
        assert!(run.count() > 50);
    }
}
