//! Answers of the host that the trace gives: time and random numbers.
//!
//! Every engine takes these from the trace (`docs/semantics.md`); the kernel takes them from the machine. So a program that asks
//! for them is run in the kernel with each such call turned into a call of a small function that is appended to the
//! program, and that reads its answer from a map into which the host puts it before each packet. The slots of the program
//! stay where they are. What the verifier says of the program is asked with the program as it is.

use super::btf::ADDED;
use beeline_frontend::insn::{Callee, Imm64, Insn, Pc, Reg, Size};
use beeline_frontend::program::{MapDef, Program, Subprog};
use beeline_ir::map::MapKind;
use beeline_ir::random::prandom_u32;
use beeline_sim::trace::NS_PER_JIFFY;
use beeline_sim::Inputs;

/// Slots of such a function.
const SLOTS: u32 = 4;

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Time,
    Jiffies,
    /// The random number of the call in this slot.
    Random(u32),
}

impl Question {
    fn of(helper: u32, pc: u32) -> Option<Self> {
        match helper {
            5 | 125 | 160 | 208 => Some(Question::Time),
            118 => Some(Question::Jiffies),
            7 => Some(Question::Random(pc)),
            _ => None,
        }
    }

    fn answer(self, inputs: &Inputs) -> u64 {
        match self {
            Question::Time => inputs.time_ns,
            Question::Jiffies => inputs.time_ns / NS_PER_JIFFY,
            Question::Random(pc) => prandom_u32(inputs.seed, inputs.packet_index, pc).into(),
        }
    }
}

/// The questions of the programs that run together, in the order of their answers in the map.
#[derive(Clone, Debug, Default)]
pub(super) struct StandIns {
    questions: Vec<Question>,
}

impl StandIns {
    /// `program` with its calls turned, whose answers are in map number `map`; as it is if it asks for nothing.
    pub fn replace(&mut self, program: &Program, map: usize) -> Program {
        let mut out = program.clone();
        let mut at = Vec::new();
        for (pc, insn) in program.insns.iter().enumerate() {
            let Insn::Call(Callee::Helper(helper)) = insn else { continue };
            let Some(question) = Question::of(*helper, pc as u32) else { continue };
            let place = self.place(question);
            let start = match at.iter().find(|(p, _)| *p == place) {
                Some((_, start)) => *start,
                None => append(&mut out, map, place),
            };
            at.push((place, start));
            out.insns[pc] = Insn::Call(Callee::Local(start));
        }
        out
    }

    fn place(&mut self, question: Question) -> u32 {
        let known = self.questions.iter().position(|q| *q == question);
        known.unwrap_or_else(|| {
            self.questions.push(question);
            self.questions.len() - 1
        }) as u32
    }

    /// The map of the answers; `None` if nobody asks.
    pub fn map(&self) -> Option<MapDef> {
        (!self.questions.is_empty()).then(|| MapDef {
            name: "beeline_answers".into(),
            kind: MapKind::Array,
            key_size: 4,
            value_size: 8 * self.questions.len() as u32,
            max_entries: 1,
            ..MapDef::default()
        })
    }

    /// The value of the map for a packet with `inputs`.
    pub fn answers(&self, inputs: &Inputs) -> Vec<u8> {
        self.questions.iter().flat_map(|q| q.answer(inputs).to_le_bytes()).collect()
    }
}

/// Appends the function that reads answer number `place`; returns its first slot.
fn append(program: &mut Program, map: usize, place: u32) -> Pc {
    let start = Pc(program.insns.len() as u32);
    let (dst, src) = (Reg(0), Reg(1));
    let imm = Imm64::MapValue(map, place * 8);
    program.insns.extend([
        Insn::LoadImm64 { dst: src, imm },
        Insn::Imm64Tail,
        Insn::Load { size: Size::B8, signed: false, dst, src, off: 0 },
        Insn::Exit,
    ]);
    let end = Pc(start.0 + SLOTS);
    let name = ADDED.to_string();
    program.subprogs.push(Subprog { name, start, end, ..Subprog::default() });
    program.lines.resize(program.insns.len(), None);
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(helper: u32) -> Insn {
        Insn::Call(Callee::Helper(helper))
    }

    #[test]
    fn calls_that_ask_for_the_same_share_a_function() {
        let insns = vec![call(5), call(7), call(8), call(125), call(7), Insn::Exit];
        let program = Program { insns, lines: vec![None; 6], ..Program::default() };
        let mut stand_ins = StandIns::default();
        let changed = stand_ins.replace(&program, 3);
        let local = |pc| Insn::Call(Callee::Local(Pc(pc)));
        assert_eq!(
            changed.insns[..6],
            [local(6), local(10), call(8), local(6), local(14), Insn::Exit]
        );
        assert_eq!(changed.insns.len(), 6 + 3 * SLOTS as usize);
        assert_eq!(stand_ins.map().map(|m| m.value_size), Some(24));
        let inputs = Inputs { time_ns: 77, packet_index: 2, seed: 9, ..Inputs::default() };
        let random = |pc| u64::from(prandom_u32(9, 2, pc)).to_le_bytes();
        let expected = [77u64.to_le_bytes(), random(1), random(4)].concat();
        assert_eq!(stand_ins.answers(&inputs), expected);
    }
}
