//! Lift: a verified program becomes a [`Function`] in SSA form.
//!
//! What changes on the way:
//!
//! * Registers become values; the stack is gone (its bytes become values too).
//! * Packet pointers become offsets from the packet start, `data_end` becomes the packet length, so a check
//!   against `data_end` is a comparison of the length.
//! * A pointer to a map value becomes an entry and an offset; a null check becomes `entry_is_null`.
//! * `adjust_head` and `adjust_tail` become arithmetic on the packet's start and end.
//! * Calls between functions of the program are inlined; loops stay (`unroll_loops` removes them for pipelines).
//! * Tail calls become jumps into the programs that the arrays hold at compile time.
//! * Each value remembers the instruction it comes from and gets a name where the source suggests one.
//!
//! Everything that has no form in the IR is reported at once, with codes `BL04xx`.

mod alu;
mod events;
mod graph;
mod helpers;
mod inner_maps;
mod memory;
mod names;
mod null;
mod ssa;
mod tail_calls;

use crate::facts::{CallCtx, InsnFacts, PtrKind, RegFact, VerifiedProgram};
use crate::insn::{Callee, Imm64, Insn, Operand, Pc, Reg};
use crate::program::{MapDef, Program};
use beeline_ir::dfg::{SourceLoc, Ty};
use beeline_ir::entities::{MapId, Src, Value};
use beeline_ir::function::{Function, Terminator, Verdict};
use beeline_ir::map::{MapDecl, MapKind};
use beeline_ir::op::{Input, Op};
use beeline_ir::{Dfg, Diagnostic};
use graph::{Graph, Leave, Node};
use inner_maps::Holder;
use ssa::{Builder, State, Var};
use std::collections::BTreeMap;

/// What maps hold when a program is compiled and cannot change afterwards: the programs that tail calls reach, and which inner maps
/// there are.
#[derive(Clone, Debug, Default)]
pub struct Wiring<'a> {
    /// The programs that can be reached, by number. Their maps are those of the program that is lifted.
    pub programs: BTreeMap<u32, &'a VerifiedProgram>,
    /// Number of the program in each filled slot of a `PROG_ARRAY`, by map and index.
    pub slots: BTreeMap<(usize, u32), u32>,
    /// Inner maps that are not maps of the object; they are numbered behind these.
    pub inner: &'a [MapDef],
    /// Number of the inner map in each filled slot of a map of maps, by map and key.
    pub inner_slots: BTreeMap<(usize, Vec<u8>), usize>,
}

/// Why a call of a global function that was verified only on its own has no form.
fn not_entered(program: &Program, pc: Pc) -> Diagnostic {
    let message = "too many paths lead through the functions to follow each call of them";
    Diagnostic::error("BL0414", message)
        .at(program.place(pc))
        .note("the program is safe: its global functions were verified one by one")
        .help("split the program with tail calls, or shorten loops in its functions")
}

/// True for kinds that have no keys.
fn is_keyless(kind: MapKind) -> bool {
    use MapKind::{BloomFilter, Queue, Ringbuf, Stack};
    matches!(kind, Queue | Stack | Ringbuf | BloomFilter)
}

/// Maps that the program uses and no kernel would create: hardware has no wires of no bits.
fn shapeless_maps(program: &Program) -> Vec<Diagnostic> {
    let mut found: BTreeMap<usize, Diagnostic> = BTreeMap::new();
    for (pc, insn) in program.insns.iter().enumerate() {
        let Insn::LoadImm64 { imm: Imm64::Map(m) | Imm64::MapValue(m, _), .. } = insn else {
            continue;
        };
        let map = &program.maps[*m];
        let bad_key = match map.kind.is_array_like() {
            true => map.key_size != 4,
            false if map.kind == MapKind::LpmTrie => !(5..=260).contains(&map.key_size),
            false => map.key_size == 0 && !is_keyless(map.kind),
        };
        let no_value = map.value_size == 0 && map.kind != MapKind::Ringbuf;
        if bad_key || no_value || map.entries_as_created() == 0 {
            let message = format!(
                "map `{}` has keys of {} bytes, values of {} and {} entries",
                map.name, map.key_size, map.value_size, map.max_entries
            );
            found.entry(*m).or_insert_with(|| {
                Diagnostic::error("BL0415", message)
                    .at(program.place(Pc(pc as u32)))
                    .help("declare the map with sizes that Linux takes: none is 0, and keys of arrays have 4 bytes")
            });
        }
    }
    found.into_values().collect()
}

/// Lifts `verified` to SSA form; every `PROG_ARRAY` is empty.
///
/// # Errors
/// One diagnostic for each instruction that the IR cannot express.
pub fn lift(verified: &VerifiedProgram) -> Result<Function, Vec<Diagnostic>> {
    lift_with(verified, &Wiring::default())
}

/// Lifts `verified`, with the programs that its tail calls reach, to one function in SSA form.
///
/// # Errors
/// As [`lift`], for all programs; `BL0416` if the programs together are too large.
pub fn lift_with(
    verified: &VerifiedProgram,
    wiring: &Wiring<'_>,
) -> Result<Function, Vec<Diagnostic>> {
    let root = lift_one(verified, wiring, true)?;
    tail_calls::link(verified, root, wiring)
}

/// One program, before its tail calls are linked.
struct Lifted {
    function: Function,
    sites: Vec<tail_calls::Site>,
    /// Stand-ins for what a caller hands on, at the beginning; none of a program that packets arrive at.
    stand_ins: Vec<Value>,
}

fn lift_one(
    verified: &VerifiedProgram,
    wiring: &Wiring<'_>,
    first: bool,
) -> Result<Lifted, Vec<Diagnostic>> {
    let program = verified.program();
    let closed: Vec<Diagnostic> =
        verified.facts().closed_calls.iter().map(|pc| not_entered(program, *pc)).collect();
    if !closed.is_empty() {
        return Err(closed);
    }
    let shapeless = shapeless_maps(program);
    if !shapeless.is_empty() {
        return Err(shapeless);
    }
    let graph = Graph::build(program, verified.facts());
    let mut dfg = Dfg::default();
    for map in program.maps.iter().chain(wiring.inner) {
        dfg.maps.push(MapDecl {
            name: map.name.clone(),
            kind: map.kind,
            key_size: map.key_size,
            value_size: map.value_size,
            max_entries: map.entries_as_created(),
            initial: map.initial.clone(),
            frozen: map.frozen,
        });
    }
    let mut lift = Lift {
        verified,
        program,
        b: Builder::new(&graph, dfg),
        ctx: CallCtx(0),
        pc: Pc(0),
        depth: 0,
        sources: BTreeMap::new(),
        diagnostics: Vec::new(),
        wiring,
        first,
        sites: Vec::new(),
        stand_ins: Vec::new(),
        flags: null::needs_flags(verified),
        most_inner: 0,
        inner_entries: Vec::new(),
        records: BTreeMap::new(),
        rings: events::Rings::new(verified, &graph, wiring),
    };
    lift.count_inner();
    for &node in &graph.order {
        lift.node(&graph, node);
    }
    if lift.diagnostics.is_empty() {
        let (sites, stand_ins) = (lift.sites, lift.stand_ins);
        let function = lift.b.into_function(program.name.clone());
        lift.rings.check(program, &function)?;
        Ok(Lifted { function, sites, stand_ins })
    } else {
        lift.diagnostics.sort_by_key(|d| d.at.pc);
        lift.diagnostics.dedup();
        Err(lift.diagnostics)
    }
}

/// State of the walk over the instructions.
struct Lift<'a> {
    verified: &'a VerifiedProgram,
    program: &'a Program,
    b: Builder<'a>,
    ctx: CallCtx,
    pc: Pc,
    depth: u32,
    sources: BTreeMap<Pc, Src>,
    diagnostics: Vec<Diagnostic>,
    wiring: &'a Wiring<'a>,
    /// Packets arrive at this program; it is not the target of a tail call.
    first: bool,
    sites: Vec<tail_calls::Site>,
    stand_ins: Vec<Value>,
    /// Flags tell pointers from NULL.
    flags: bool,
    /// Most inner maps that an outer map has.
    most_inner: usize,
    /// Entries of places in inner maps.
    inner_entries: Vec<Vec<(MapId, Value)>>,
    /// Ring buffer records by the slot of the call that reserves them: map and bytes.
    records: BTreeMap<u32, (MapId, u32)>,
    rings: events::Rings,
}

impl Lift<'_> {
    fn node(&mut self, graph: &Graph, node: Node) {
        let data = &graph.nodes[node];
        self.ctx = data.ctx;
        self.depth = self.verified.facts().contexts.get(data.ctx.0 as usize).map_or(0, |c| c.depth);
        self.b.begin(node);
        if node == 0 {
            self.initial_state();
        }
        let mut pc = data.start;
        while pc < data.end {
            let insn = self.program.insns[pc.index()];
            self.pc = pc;
            self.b.src = Some(self.source(pc)).into();
            self.insn(&insn);
            pc = pc.plus(i64::from(insn.slots()));
        }
        let term = self.leave(&data.leave);
        if self.b.is_header(node) {
            let trips = self.verified.facts().max_trips.get(&(data.ctx, data.start)).copied();
            self.b.set_max_trips(node, trips);
        }
        self.b.finish(term);
    }

    /// Before the first instruction: the packet lies at 0, nothing is redirected.
    fn initial_state(&mut self) {
        if !self.first {
            return self.inherited_state();
        }
        let zero = self.b.iconst(0, 64);
        let len = self.b.emit(Op::Input(Input::PacketLen), Ty::Int(16));
        let end = self.b.zext(len, 64);
        self.name(len, "packet_len");
        self.b.write(Var::State(State::Start), zero);
        self.b.write(Var::State(State::End), end);
        self.b.write(Var::State(State::ValidEnd), end);
        self.b.write(Var::State(State::RedirectMap), zero);
        self.b.write(Var::State(State::RedirectKey), zero);
    }

    fn leave(&mut self, leave: &Leave) -> Terminator {
        match *leave {
            Leave::Jump(n) => Terminator::Jump(Builder::target(n)),
            Leave::Branch(a, b) => {
                let cond = self.branch_condition();
                Terminator::Branch {
                    cond,
                    if_true: Builder::target(a),
                    if_false: Builder::target(b),
                }
            }
            Leave::Enter(n) => {
                for r in 1..=5 {
                    self.copy_reg((self.depth, r), (self.depth + 1, r));
                }
                let frame = self.b.iconst(0, 64);
                self.b.write(Var::Reg(self.depth + 1, 10), frame);
                self.b.start_frame(self.depth + 1);
                Terminator::Jump(Builder::target(n))
            }
            Leave::TailCall(n) => self.tail_call(n),
            Leave::Return(n) => {
                self.copy_reg((self.depth, 0), (self.depth - 1, 0));
                Terminator::Jump(Builder::target(n))
            }
            Leave::Exit => Terminator::Ret(self.verdict()),
            Leave::Dead => Terminator::Unreachable,
        }
    }

    fn verdict(&mut self) -> Verdict {
        let r0 = self.reg(Reg::R0);
        let action = self.b.extract(r0, 0, 32);
        Verdict {
            action,
            start: self.b.read(Var::State(State::Start)),
            end: self.b.read(Var::State(State::End)),
            valid_end: self.b.read(Var::State(State::ValidEnd)),
            redirect_map: self.b.read(Var::State(State::RedirectMap)),
            redirect_key: self.b.read(Var::State(State::RedirectKey)),
        }
    }

    /// Copies a register between frames, with the map entry if it points into a map value.
    fn copy_reg(&mut self, from: (u32, u8), to: (u32, u8)) {
        let fact = match self.facts().map(|f| f.regs[usize::from(from.1)]) {
            Some(fact) if fact != RegFact::Unusable => fact,
            _ => return,
        };
        let v = self.b.read(Var::Reg(from.0, from.1));
        self.b.write(Var::Reg(to.0, to.1), v);
        self.copy_flag(Holder::Reg(from.0, from.1), Holder::Reg(to.0, to.1));
        match fact {
            RegFact::Ptr {
                kind: kind @ (PtrKind::MapValue(_) | PtrKind::InnerMapValue(_)),
                ..
            } => {
                self.copy_entries(kind, Holder::Reg(from.0, from.1), Holder::Reg(to.0, to.1));
            }
            _ => self.clear_entries(Holder::Reg(to.0, to.1)),
        }
    }

    fn insn(&mut self, insn: &Insn) {
        match *insn {
            Insn::Alu { op, width, dst, src } => self.alu(op, width, dst, src),
            Insn::Neg { width, dst } => self.neg(width, dst),
            Insn::MovSx { width, dst, src, bits } => self.mov_sx(width, dst, src, bits),
            Insn::Swap { swap, dst, bits } => self.swap(swap, dst, bits),
            Insn::LoadImm64 { dst, imm } => self.load_imm64(dst, imm),
            Insn::Load { size, signed, dst, src, off } => self.load(size, signed, dst, src, off),
            Insn::Store { size, dst, off, src } => self.store(size, dst, off, src),
            Insn::Atomic { kind, size, fetch, dst, off, src } => {
                self.atomic(kind, size, fetch, dst, off, src);
            }
            Insn::Call(Callee::Helper(graph::TAIL_CALL)) => {} // ends its node
            Insn::Call(Callee::Helper(id)) => self.helper(id),
            Insn::Call(Callee::Kfunc(k)) => {
                let name = self.program.kfuncs.get(k).map_or("?", String::as_str).to_string();
                self.refuse(
                    "BL0402",
                    format!("kernel function `{name}` has no hardware form"),
                    "remove the call, or move what it computes to the host",
                );
                self.set_scalar_zero(Reg::R0);
            }
            Insn::MayGoto { .. } | Insn::LegacyLoad { .. } => self.refuse(
                "BL0403",
                "this instruction has no hardware form".to_string(),
                "rewrite the loop with a constant bound, or the access through ctx->data",
            ),
            Insn::Call(Callee::Local(_))
            | Insn::Exit
            | Insn::Jump { .. }
            | Insn::JumpIf { .. }
            | Insn::Imm64Tail => {}
        }
    }

    fn load_imm64(&mut self, dst: Reg, imm: Imm64) {
        let (value, entry) = match imm {
            Imm64::Value(v) => (v, None),
            Imm64::Map(_) | Imm64::Func(_) => (0, None),
            Imm64::MapValue(m, off) => (u64::from(off), Some(map_id(m))),
        };
        let v = self.b.iconst(value, 64);
        self.set_reg(dst, v);
        if let Some(map) = entry {
            let e = self.b.emit(Op::EntryConst { map, index: Some(0) }, Ty::Entry(map));
            self.b.write(Var::RegEntry(self.depth, dst.0), e);
        }
    }

    // ---- registers, facts, sources ---------------------------------------------------------

    fn reg(&mut self, r: Reg) -> Value {
        self.b.read(Var::Reg(self.depth, r.0))
    }

    /// Writes a number, or the offset of a pointer that is not into a map value.
    fn set_reg(&mut self, r: Reg, v: Value) {
        self.b.write(Var::Reg(self.depth, r.0), v);
        self.clear_entries(Holder::Reg(self.depth, r.0));
        self.flag_result(r);
    }

    fn set_scalar_zero(&mut self, r: Reg) {
        let zero = self.b.iconst(0, 64);
        self.set_reg(r, zero);
    }

    fn operand(&mut self, o: Operand) -> Value {
        match o {
            Operand::Reg(r) => self.reg(r),
            Operand::Imm(i) => self.b.iconst(i64::from(i) as u64, 64),
        }
    }

    fn facts(&self) -> Option<&InsnFacts> {
        self.verified.facts().at(self.ctx, self.pc)
    }

    fn fact(&self, r: Reg) -> RegFact {
        self.facts().map_or(RegFact::Unusable, |f| f.regs[r.index()])
    }

    /// What `r` holds before the instruction after this one.
    fn fact_after(&self, r: Reg) -> RegFact {
        let next = self.pc.plus(1);
        self.verified.facts().at(self.ctx, next).map_or(RegFact::Unusable, |f| f.regs[r.index()])
    }

    fn source(&mut self, pc: Pc) -> Src {
        if let Some(src) = self.sources.get(&pc) {
            return *src;
        }
        let place = self.program.place(pc);
        let loc = SourceLoc { pc: pc.0, insn: place.insn.unwrap_or_default(), line: place.line };
        let src = self.b.dfg_mut().sources.push(loc);
        self.sources.insert(pc, src);
        src
    }

    fn line_text(&self) -> Option<&str> {
        let line = self.program.lines.get(self.pc.index())?.as_ref()?;
        Some(line.text.as_str())
    }

    fn name(&mut self, v: Value, name: &str) {
        let data = &mut self.b.dfg_mut().values[v];
        if data.name.is_none() {
            data.name = Some(name.to_string());
        }
    }

    /// Names `v` after the instruction that makes it, if nothing better is known.
    fn name_by_insn(&mut self, v: Value, dst: Reg) {
        let name = format!("insn{}_r{}", self.pc.0, dst.0);
        self.name(v, &name);
    }

    fn refuse(&mut self, code: &'static str, message: String, help: &str) {
        let d = Diagnostic::error(code, message).at(self.program.place(self.pc)).help(help);
        self.diagnostics.push(d);
    }
}

fn map_id(index: usize) -> MapId {
    MapId::from_u32(index as u32)
}
