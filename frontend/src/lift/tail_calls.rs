//! Tail calls: the programs that a `PROG_ARRAY` holds when the program is compiled become part of one function.
//!
//! Each program is lifted by itself. Where it makes a tail call, its function ends in an open block, a *site*, which knows
//! under which condition which program is entered and in which state the packet is then. Linking copies the functions behind each other
//! and closes the sites. A program that several sites reach is copied once; if tail calls can lead back to a program, once
//! for each number of calls made before, up to the limit of Linux, so that nothing is a loop.

use super::graph::Node;
use super::ssa::{Builder, State, Var};
use super::{lift_one, map_id, Lift, Lifted, Wiring};
use crate::facts::VerifiedProgram;
use crate::insn::Reg;
use crate::program::Program;
use beeline_ir::dfg::{Ty, ValueData, ValueDef};
use beeline_ir::entities::{Block, Inst, Value};
use beeline_ir::function::{BlockData, Function, Target, Terminator};
use beeline_ir::map::MapKind;
use beeline_ir::op::{BinOp, CmpOp, Input, Op};
use beeline_ir::{Diagnostic, Src};
use std::collections::{BTreeMap, BTreeSet};

/// Tail calls that one packet may make.
const MAX_CALLS: u32 = 33;

/// Operations that linked programs may have together.
const MAX_INSTS: usize = 1 << 18;

/// What a program hands on to the one that it calls; `i64` each.
fn carried(program: &Program) -> Vec<Var> {
    use State::{End, RedirectKey, RedirectMap, Start, ValidEnd};
    let rings = program.maps.iter().enumerate().filter(|(_, m)| m.kind == MapKind::Ringbuf);
    let state = [Start, End, ValidEnd, RedirectMap, RedirectKey].map(Var::State);
    state.into_iter().chain(rings.map(|(n, _)| Var::RingUsed(map_id(n)))).collect()
}

/// A tail call whose target is still open.
pub(super) struct Site {
    /// Its last operation is a branch: to the code behind the call, or to `open`.
    from: Block,
    /// Nothing follows it yet.
    open: Block,
    /// Which program is entered, and the condition (`i1`) for it; one of them holds in `open`.
    choices: Vec<(u32, Value)>,
    /// Packet and redirect state, and what was taken of the ring buffers: see [`carried`].
    state: Vec<Value>,
}

impl Lift<'_> {
    /// The beginning of a program that is entered by tail calls: the state is that of the caller, not known yet.
    pub(super) fn inherited_state(&mut self) {
        for var in carried(self.program) {
            // Whatever cannot be folded stands for it until the program is linked.
            let v = self.b.emit(Op::Input(Input::TimeNs), Ty::Int(64));
            self.b.write(var, v);
            self.stand_ins.push(v);
        }
    }

    /// The end of a node that makes a tail call and goes on at `next` if that finds no program.
    pub(super) fn tail_call(&mut self, next: Node) -> Terminator {
        self.set_scalar_zero(Reg::R0);
        let behind = Builder::target(next);
        let Some(map) = self.map_arg(Reg(2)) else {
            return Terminator::Jump(behind);
        };
        let slots = self.wiring.slots.range((map.as_u32() as usize, 0)..);
        let slots: Vec<(u32, u32)> = slots
            .take_while(|((m, _), _)| *m == map.as_u32() as usize)
            .map(|((_, index), program)| (*index, *program))
            .collect();
        if slots.is_empty() {
            return Terminator::Jump(behind);
        }
        if self.depth > 0 {
            self.refuse(
                "BL0417",
                "a tail call from a function returns to the function's caller; this has no hardware form".into(),
                "make the tail call in the program itself, or let the compiler inline the function",
            );
            return Terminator::Jump(behind);
        }
        let index = self.number(Reg(3));
        let index = self.b.extract(index, 0, 32);
        let mut choices: BTreeMap<u32, Value> = BTreeMap::new();
        for (slot, program) in slots {
            let at = self.b.iconst(slot.into(), 32);
            let here = self.b.cmp(CmpOp::Eq, index, at);
            let condition = match choices.get(&program) {
                Some(&other) => self.b.bin(BinOp::Or, other, here),
                None => here,
            };
            choices.insert(program, condition);
        }
        let choices: Vec<(u32, Value)> = choices.into_iter().collect();
        let found = choices.iter().map(|(_, c)| *c).reduce(|a, b| self.b.bin(BinOp::Or, a, b));
        let found = found.expect("there is a filled slot");
        let one = self.b.iconst(1, 1);
        let missing = self.b.bin(BinOp::Xor, found, one);
        let state = carried(self.program).into_iter().map(|var| self.b.read(var)).collect();
        let open = self.b.add_block();
        self.sites.push(Site { from: self.b.block(), open, choices, state });
        let if_false = Target { block: open, args: Vec::new() };
        Terminator::Branch { cond: missing, if_true: behind, if_false }
    }
}

/// Joins `root`, which is `verified` lifted, with the programs that its tail calls reach.
pub(super) fn link(
    verified: &VerifiedProgram,
    root: Lifted,
    wiring: &Wiring<'_>,
) -> Result<Function, Vec<Diagnostic>> {
    if root.sites.is_empty() {
        return Ok(root.function);
    }
    let programs = lift_targets(&root, wiring)?;
    let mut linker = Linker {
        by_depth: comes_back(&root, &programs),
        function: root.function,
        programs,
        copies: BTreeMap::new(),
        open: root.sites.into_iter().map(|s| (0, s)).collect(),
    };
    while let Some((calls, site)) = linker.open.pop() {
        linker.close(calls, &site);
        if linker.function.dfg.insts.len() > MAX_INSTS {
            return Err(vec![too_large(verified)]);
        }
    }
    Ok(linker.function)
}

fn too_large(verified: &VerifiedProgram) -> Diagnostic {
    let message =
        format!("the programs that tail calls reach come to more than {MAX_INSTS} operations");
    Diagnostic::error("BL0416", message)
        .at(verified.program().place(crate::insn::Pc(0)))
        .note("programs that can call each other in turn are laid out once for each of the 33 calls that a packet may make")
        .help("leave out of the arrays what need not be reached, or call the programs in one direction only")
}

/// The programs that sites of `root`, and sites of these, name.
fn lift_targets(
    root: &Lifted,
    wiring: &Wiring<'_>,
) -> Result<BTreeMap<u32, Lifted>, Vec<Diagnostic>> {
    let mut programs: BTreeMap<u32, Lifted> = BTreeMap::new();
    let mut work: Vec<u32> = callees(root).collect();
    let mut found = Vec::new();
    let mut seen: BTreeSet<u32> = BTreeSet::new();
    while let Some(number) = work.pop() {
        let Some(program) = wiring.programs.get(&number).filter(|_| seen.insert(number)) else {
            continue;
        };
        match lift_one(program, wiring, false) {
            Ok(lifted) => {
                work.extend(callees(&lifted));
                programs.insert(number, lifted);
            }
            Err(all) => {
                let note = format!("program `{}` is reached by tail calls", program.program().name);
                found.extend(all.into_iter().map(|d| d.note(note.clone())));
            }
        }
    }
    if found.is_empty() {
        Ok(programs)
    } else {
        Err(found)
    }
}

fn callees(lifted: &Lifted) -> impl Iterator<Item = u32> + '_ {
    lifted.sites.iter().flat_map(|s| s.choices.iter().map(|(program, _)| *program))
}

/// True if tail calls can lead back to a program, or through more programs than a packet may call.
fn comes_back(root: &Lifted, programs: &BTreeMap<u32, Lifted>) -> bool {
    let mut level: BTreeSet<u32> = callees(root).collect();
    for _ in 0..MAX_CALLS {
        let reached = level.iter().filter_map(|n| programs.get(n)).flat_map(callees);
        level = reached.collect();
    }
    !level.is_empty()
}

struct Linker {
    function: Function,
    programs: BTreeMap<u32, Lifted>,
    /// A program is copied for each number of calls before it.
    by_depth: bool,
    /// The first block of each copy, by program and calls made before (0 if these do not matter).
    copies: BTreeMap<(u32, u32), Block>,
    /// Sites to be closed, with the calls made before.
    open: Vec<(u32, Site)>,
}

impl Linker {
    fn close(&mut self, calls: u32, site: &Site) {
        if calls == MAX_CALLS {
            // One call more goes on behind the call.
            let term = &mut self.function.blocks[site.from].term;
            if let Terminator::Branch { if_true, .. } = term {
                *term = Terminator::Jump(if_true.clone());
            }
            return;
        }
        let mut block = site.open;
        for (n, &(program, condition)) in site.choices.iter().enumerate() {
            let enter =
                Target { block: self.copy_of(program, calls + 1), args: site.state.clone() };
            if n + 1 == site.choices.len() {
                self.function.blocks[block].term = Terminator::Jump(enter);
                return;
            }
            let other = self.function.blocks.push(BlockData {
                params: Vec::new(),
                insts: Vec::new(),
                term: Terminator::Unreachable,
                max_trips: None,
            });
            let if_false = Target { block: other, args: Vec::new() };
            self.function.blocks[block].term =
                Terminator::Branch { cond: condition, if_true: enter, if_false };
            block = other;
        }
    }

    /// The first block of `program` for packets that have made `calls` calls.
    fn copy_of(&mut self, program: u32, calls: u32) -> Block {
        let key = (program, if self.by_depth { calls } else { 0 });
        if let Some(&block) = self.copies.get(&key) {
            return block;
        }
        let lifted = &self.programs[&program];
        let mut copy = Copy::new(&mut self.function, &lifted.function);
        let first = copy.blocks(&lifted.stand_ins);
        let sites = lifted.sites.iter().map(|s| Site {
            from: copy.block(s.from),
            open: copy.block(s.open),
            choices: s.choices.iter().map(|(p, c)| (*p, copy.value(*c))).collect(),
            state: s.state.iter().map(|v| copy.value(*v)).collect(),
        });
        // Without a way back, the limit cannot be reached and the number does not matter.
        let depth = key.1;
        self.open.extend(sites.map(|s| (depth, s)));
        self.copies.insert(key, first);
        first
    }
}

/// A function on its way into another one.
struct Copy<'a> {
    into: &'a mut Function,
    from: &'a Function,
    first_block: usize,
    first_source: u32,
    values: BTreeMap<Value, Value>,
}

impl<'a> Copy<'a> {
    fn new(into: &'a mut Function, from: &'a Function) -> Self {
        let (first_block, first_source) = (into.blocks.len(), into.dfg.sources.len() as u32);
        for source in from.dfg.sources.values() {
            into.dfg.sources.push(source.clone());
        }
        Self { into, from, first_block, first_source, values: BTreeMap::new() }
    }

    fn block(&self, b: Block) -> Block {
        Block::from_u32((self.first_block + b.as_u32() as usize) as u32)
    }

    fn value(&self, v: Value) -> Value {
        self.values[&v]
    }

    /// Copies everything; the entry block gets a parameter for each of `stand_ins`.
    fn blocks(&mut self, stand_ins: &[Value]) -> Block {
        let mut placed: Vec<(Block, Vec<(Inst, Inst)>)> = Vec::new();
        for (b, data) in &self.from.blocks {
            let block = self.into.blocks.push(BlockData {
                params: Vec::new(),
                insts: Vec::new(),
                term: Terminator::Unreachable,
                max_trips: data.max_trips,
            });
            let inherited: &[Value] = if b == self.from.entry { stand_ins } else { &[] };
            for &param in inherited.iter().chain(&data.params) {
                self.param(block, param);
            }
            let copied = data.insts.iter().filter(|i| {
                !self.from.dfg.insts[**i].result.is_some_and(|v| stand_ins.contains(&v))
            });
            let pairs = copied.map(|&i| (i, self.inst(i))).collect();
            placed.push((b, pairs));
        }
        for (b, pairs) in placed {
            let block = self.block(b);
            for (_, inst) in &pairs {
                let mut op = self.into.dfg.insts[*inst].op.clone();
                op.map_args(|v| self.values[&v]);
                self.into.dfg.insts[*inst].op = op;
            }
            self.into.blocks[block].insts = pairs.into_iter().map(|(_, new)| new).collect();
            let mut term = self.from.blocks[b].term.clone();
            self.terminator(&mut term);
            self.into.blocks[block].term = term;
        }
        self.block(self.from.entry)
    }

    fn param(&mut self, block: Block, old: Value) {
        let data = &self.from.dfg.values[old];
        let n = self.into.blocks[block].params.len() as u32;
        let def = ValueDef::Param(block, n);
        let v = self.into.dfg.values.push(ValueData { ty: data.ty, def, name: data.name.clone() });
        self.into.blocks[block].params.push(v);
        self.values.insert(old, v);
    }

    /// A copy of `old` with a result of its own; its operands are still those of the original.
    fn inst(&mut self, old: Inst) -> Inst {
        let data = &self.from.dfg.insts[old];
        let src = data.src.expand().map(|s| Src::from_u32(self.first_source + s.as_u32()));
        let ty = data.result.map(|v| self.from.dfg.ty(v));
        let inst = self.into.dfg.make_inst(data.op.clone(), ty, src.into());
        if let (Some(v), Some(new)) = (data.result, self.into.dfg.insts[inst].result) {
            self.into.dfg.values[new].name.clone_from(&self.from.dfg.values[v].name);
            self.values.insert(v, new);
        }
        inst
    }

    fn terminator(&self, term: &mut Terminator) {
        for target in term.targets_mut() {
            target.block = self.block(target.block);
            target.args.iter_mut().for_each(|a| *a = self.values[a]);
        }
        match term {
            Terminator::Branch { cond, .. } => *cond = self.values[cond],
            Terminator::Ret(verdict) => verdict.map_values(|v| self.values[&v]),
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
    }
}
