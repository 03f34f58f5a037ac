//! Random valid programs with packets and map entries that reach their corners: what the differential tests feed to every engine.
//!
//! [`generate`] makes a [`Case`] from a seed and [`Options`]. While it emits instructions it keeps, for every point of the
//! program, what each register and stack byte holds and which packet bytes are proved to exist, so that nearly every program passes
//! a verifier. [`shrink`] makes a failing case small. The same seed and options give the same case on every machine.

mod calls;
mod code;
mod control;
mod edit;
mod entries;
mod frame;
mod function;
mod maps;
mod notes;
mod numbers;
mod options;
mod packet;
mod shrink;
mod state;
mod workload;

pub use options::Options;
pub use shrink::shrink;

use crate::traffic::Rng;
use beeline_frontend::insn::Reg;
use beeline_frontend::program::Program;
use code::{link, Code};
use edit::without;
use function::{Callable, Function, Param, Pin, Shared, R1};
use notes::Notes;
use state::{Held, State};

/// Content of a map before the first packet: map number, key, value.
pub type Preload = (usize, Vec<u8>, Vec<u8>);

/// A program with something to run it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The program.
    pub program: Program,
    /// Map content before the first packet.
    pub entries: Vec<Preload>,
    /// Packets, in order.
    pub packets: Vec<Vec<u8>>,
}

/// The case of `seed`, with `packets` packets.
pub fn generate(seed: u64, options: &Options, packets: usize) -> Case {
    let mut rng = Rng::new(seed);
    let maps = maps::maps(&mut rng, options);
    let mut shared =
        Shared { options, maps: &maps, functions: Vec::new(), notes: Notes::default() };
    let mut parts = Vec::new();
    for _ in 0..rng.between(0, options.functions) {
        let (code, callable) = part(&mut rng, &mut shared);
        parts.push(code);
        shared.functions.push(callable);
    }
    parts.insert(0, entry(&mut rng, &mut shared));
    let notes = shared.notes;
    let name = format!("generated_{seed}");
    let program = link(name, &parts, maps.iter().map(|m| m.def.clone()).collect());
    // Functions that nobody calls go.
    let program = without(&program, |_| false).expect("generated functions end with an exit");
    let (packets, entries) = workload::workload(&mut rng, &notes, &maps, packets);
    Case { program, entries, packets }
}

fn begin<'a, 'b>(rng: &'a mut Rng, shared: &'a mut Shared<'b>, entry: bool) -> Function<'a, 'b> {
    Function {
        most_paths: shared.options.paths,
        rng,
        shared,
        code: Code::default(),
        state: State::new(),
        bases: Vec::new(),
        pins: [Pin::Free; 10],
        pinned_slots: Vec::new(),
        home: None,
        recent: None,
        joins: Vec::new(),
        failures: Vec::new(),
        out: None,
        entry,
        loops: 0,
        moves: false,
        visits: None,
        exits: 0,
    }
}

/// The entry function.
fn entry(rng: &mut Rng, shared: &mut Shared<'_>) -> Code {
    let budget = shared.options.statements;
    let mut f = begin(rng, shared, true);
    f.state.set(R1, Held::Ctx);
    f.settle_ctx(R1);
    if f.rng.percent(85) {
        f.check_packet();
    }
    if f.block(budget) {
        f.finish();
    }
    f.close();
    f.code
}

/// A function that the ones made later can call.
fn part(rng: &mut Rng, shared: &mut Shared<'_>) -> (Code, Callable) {
    let budget = shared.options.statements / 4 + 2;
    let mut f = begin(rng, shared, false);
    let params = f.parameters();
    if let Some(k) = params.iter().position(|p| *p == Param::Ctx) {
        f.settle_ctx(Reg(k as u8 + 1));
    }
    f.keep_parameters();
    if f.block(budget) {
        f.finish();
    }
    f.close();
    let callable = Callable { params, moves: f.moves, visits: f.visits, paths: f.exits.max(1) };
    (f.code, callable)
}

impl Function<'_, '_> {
    /// Moves some arguments to registers that survive calls.
    fn keep_parameters(&mut self) {
        for r in (1..=5).map(Reg) {
            let held = self.state.get(r);
            let to = Reg(self.rng.between(6, 9) as u8);
            let free = self.writable(to) && self.state.get(to) == Held::Nothing;
            if free && held.is_pointer() && held != Held::Ctx {
                self.mov(to, r);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beeline_frontend::insn::{Callee, Insn, Operand};
    use std::collections::BTreeSet;

    #[test]
    fn the_seed_decides() {
        let case = |seed| generate(seed, &Options::full(), 8);
        assert_eq!(case(5), case(5));
        assert_ne!(case(5).program.insns, case(6).program.insns);
    }

    /// Features are used if they are on, and only then.
    #[test]
    fn options_are_kept() {
        let programs = |options: Options| -> Vec<Insn> {
            (0..400).flat_map(|seed| generate(seed, &options, 0).program.insns).collect()
        };
        let calls = |insns: &[Insn], id| insns.contains(&Insn::Call(Callee::Helper(id)));
        let (hardware, full) = (programs(Options::hardware()), programs(Options::full()));
        for id in [1, 5, 7, 8, 23, 28, 44, 51, 65, 188] {
            assert!(calls(&hardware, id) && calls(&full, id), "helper {id}");
        }
        for id in [2, 3, 118] {
            assert!(!calls(&hardware, id) && calls(&full, id), "helper {id}");
        }
        let divides_by_register = |insns: &[Insn]| {
            use beeline_frontend::insn::AluOp::{Div, Mod, Sdiv, Smod};
            let by = |i: &Insn| {
                matches!(i, Insn::Alu { op: Div | Mod | Sdiv | Smod, src: Operand::Reg(_), .. })
            };
            insns.iter().any(by)
        };
        assert!(!divides_by_register(&hardware) && divides_by_register(&full));
        assert!(hardware.iter().any(|i| matches!(i, Insn::Call(Callee::Local(_)))));
        assert!(hardware.iter().any(|i| matches!(i, Insn::Atomic { fetch: true, .. })));
    }

    /// Packets stand on both sides of the lengths that programs ask for, and lookups find entries.
    #[test]
    fn the_workload_meets_the_program() {
        let cases: Vec<Case> = (0..50).map(|s| generate(s, &Options::hardware(), 16)).collect();
        assert!(cases.iter().all(|c| c.packets.iter().all(|p| p.len() >= 14)));
        assert!(cases.iter().any(|c| !c.entries.is_empty()));
        let lengths = |c: &Case| c.packets.iter().map(Vec::len).collect::<BTreeSet<_>>().len();
        assert!(cases.iter().all(|c| lengths(c) > 1));
    }
}
