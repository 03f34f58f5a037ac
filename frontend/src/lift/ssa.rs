//! SSA construction on the fly (after Braun et al., CC 2013) for the lift's variables: registers, stack
//! bytes, and the packet and redirect state.
//!
//! A variable is read where it is needed; at a join the read becomes a block parameter. Stack bytes are tracked one by one, but read in
//! ranges: a range whose bytes come unchanged from one stored value is that value, and a range that no
//! instruction of the block has written becomes *one* parameter, so a spilled word stays one word.

use super::graph::{Graph, Node};
use beeline_ir::dfg::{low_mask, Ty, ValueData, ValueDef};
use beeline_ir::entities::{Block, MapId, Src, Value};
use beeline_ir::function::{BlockData, Function, Target, Terminator};
use beeline_ir::op::{BinOp, CmpOp, Op};
use beeline_ir::Dfg;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::PrimaryMap;
use std::collections::{HashMap, HashSet};

/// Packet and redirect state that the program changes through helpers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Start,
    End,
    ValidEnd,
    RedirectMap,
    RedirectKey,
}

/// A variable of the bytecode machine. Frames are named by their depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Var {
    /// Register `1` of frame `0`: the number, or the offset of a pointer; `i64`.
    Reg(u32, u8),
    /// The map entry that register `1` of frame `0` points into.
    RegEntry(u32, u8),
    /// `len` bytes of a frame (or of a ring buffer record: see [`record_area`]) from `lo` (0 is the lowest).
    Stack { depth: u32, lo: u16, len: u8 },
    /// The map entry of a pointer spilled to the 8-byte slot `1` of frame `0`.
    StackEntry(u32, u16),
    /// As `RegEntry`, for a pointer into a value of one of several inner maps: the entry in inner map `2`, null if the pointer is
    /// into another.
    RegInner(u32, u8, u8),
    /// As `StackEntry`, likewise.
    StackInner(u32, u16, u8),
    /// `i1`: register `1` of frame `0` holds a number, or NULL, and no pointer.
    RegNull(u32, u8),
    /// The same of the 8-byte slot `1` of the stack of frame `0`.
    StackNull(u32, u16),
    /// Packet and redirect state, `i64`.
    State(State),
    /// 1 while the ring buffer record that the call at slot `0` reserves is neither submitted nor discarded, else 0; `i64`.
    Reserved(u32),
    /// Bytes of a ring buffer that this packet has taken; `i64`.
    RingUsed(MapId),
}

/// What stands for the depth of a frame in [`Var::Stack`] for the record that the call at slot `site` reserves.
pub(super) fn record_area(site: u32) -> u32 {
    1 << 31 | site
}

/// Definitions of one node, as they stand at its end (or at the point reached so far).
#[derive(Default)]
struct NodeDefs {
    vars: HashMap<Var, Value>,
    /// Stack byte: the value that holds it, and which byte of it.
    bytes: HashMap<(u32, u16), (Value, u8)>,
    /// Entry variables that hold no map entry now.
    no_entry: HashSet<Var>,
    /// Frame that the call at the end of the node starts, all zero.
    fresh_frame: Option<u32>,
    filled: bool,
    sealed: bool,
    /// Parameters made before all predecessors were known.
    incomplete: Vec<(Var, Ty, usize)>,
    /// Arguments of each parameter, one for each predecessor.
    param_args: Vec<Vec<Value>>,
}

/// Function under construction.
pub(super) struct Builder<'a> {
    graph: &'a Graph,
    dfg: Dfg,
    blocks: PrimaryMap<Block, BlockData>,
    defs: Vec<NodeDefs>,
    /// The block in which each node ends: its own, unless something in it happens under a condition.
    tails: Vec<Block>,
    is_header: Vec<bool>,
    /// Node being filled.
    pub(super) node: Node,
    /// Source location of what is emitted now.
    pub(super) src: PackedOption<Src>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(graph: &'a Graph, dfg: Dfg) -> Self {
        let mut position = vec![0; graph.nodes.len()];
        for (i, n) in graph.order.iter().enumerate() {
            position[*n] = i;
        }
        let is_header = (0..graph.nodes.len())
            .map(|n| graph.nodes[n].preds.iter().any(|(p, _)| position[*p] >= position[n]))
            .collect();
        let mut blocks = PrimaryMap::new();
        let mut defs = Vec::new();
        for _ in &graph.nodes {
            blocks.push(BlockData {
                params: Vec::new(),
                insts: Vec::new(),
                term: Terminator::Unreachable,
                max_trips: None,
            });
            defs.push(NodeDefs::default());
        }
        let tails = (0..graph.nodes.len()).map(block_of).collect();
        Self { graph, dfg, blocks, defs, tails, is_header, node: 0, src: None.into() }
    }

    pub(super) fn dfg(&self) -> &Dfg {
        &self.dfg
    }

    pub(super) fn dfg_mut(&mut self) -> &mut Dfg {
        &mut self.dfg
    }

    /// True if some predecessor of `node` comes later in reverse postorder.
    pub(super) fn is_header(&self, node: Node) -> bool {
        self.is_header[node]
    }

    pub(super) fn set_max_trips(&mut self, node: Node, trips: Option<u32>) {
        self.blocks[block_of(node)].max_trips = trips;
    }

    /// Starts filling `node`; its predecessors in the order so far are filled.
    pub(super) fn begin(&mut self, node: Node) {
        self.node = node;
        if self.graph.nodes[node].preds.iter().all(|(p, _)| self.defs[*p].filled) {
            self.defs[node].sealed = true;
        }
    }

    /// Ends the current node and seals every successor that has become complete.
    pub(super) fn finish(&mut self, term: Terminator) {
        let node = self.node;
        self.blocks[self.tails[node]].term = term;
        self.defs[node].filled = true;
        let graph = self.graph;
        for n in graph.nodes[node].leave.successors() {
            let complete = graph.nodes[n].preds.iter().all(|(p, _)| self.defs[*p].filled);
            if !self.defs[n].sealed && self.is_header[n] && complete {
                self.seal(n);
            }
        }
    }

    fn seal(&mut self, node: Node) {
        self.defs[node].sealed = true;
        for (var, ty, param) in std::mem::take(&mut self.defs[node].incomplete) {
            let args = self.read_from_preds(node, var, ty);
            self.defs[node].param_args[param] = args;
        }
    }

    /// The finished function: parameters' arguments go into the terminators.
    pub(super) fn into_function(mut self, name: String) -> Function {
        for node in 0..self.graph.nodes.len() {
            for (edge, &(pred, slot)) in self.graph.nodes[node].preds.iter().enumerate() {
                let args = self.defs[node].param_args.iter().map(|a| a[edge]).collect();
                let term = &mut self.blocks[self.tails[pred]].term;
                if let Some(t) = term.targets_mut().nth(slot) {
                    t.args = args;
                }
            }
        }
        Function { name, dfg: self.dfg, blocks: self.blocks, entry: block_of(0) }
    }

    /// The block that is being filled.
    pub(super) fn block(&self) -> Block {
        self.tails[self.node]
    }

    /// A block that no node stands for; nothing follows it yet.
    pub(super) fn add_block(&mut self) -> Block {
        self.blocks.push(BlockData {
            params: Vec::new(),
            insts: Vec::new(),
            term: Terminator::Unreachable,
            max_trips: None,
        })
    }

    pub(super) fn target(node: Node) -> Target {
        Target { block: block_of(node), args: Vec::new() }
    }

    // ---- variables -------------------------------------------------------------------------

    pub(super) fn write(&mut self, var: Var, value: Value) {
        let defs = &mut self.defs[self.node];
        defs.vars.insert(var, value);
        defs.no_entry.remove(&var);
    }

    /// `var` (an entry variable) holds no map entry from here on.
    pub(super) fn clear_entry(&mut self, var: Var) {
        let defs = &mut self.defs[self.node];
        defs.vars.remove(&var);
        defs.no_entry.insert(var);
    }

    pub(super) fn read(&mut self, var: Var) -> Value {
        self.read_in(self.node, var, Ty::Int(64))
    }

    pub(super) fn read_entry(&mut self, var: Var, map: MapId) -> Value {
        self.read_in(self.node, var, Ty::Entry(map))
    }

    pub(super) fn read_flag(&mut self, var: Var) -> Value {
        self.read_in(self.node, var, Ty::Int(1))
    }

    pub(super) fn read_stack(&mut self, depth: u32, lo: u16, len: u8) -> Value {
        self.read_in(self.node, Var::Stack { depth, lo, len }, Ty::Int(len * 8))
    }

    pub(super) fn write_stack(&mut self, depth: u32, lo: u16, len: u8, value: Value) {
        for k in 0..len {
            self.defs[self.node].bytes.insert((depth, lo + u16::from(k)), (value, k));
        }
    }

    /// The current node ends in a call whose frame is `depth`: it starts as zeros.
    pub(super) fn start_frame(&mut self, depth: u32) {
        self.defs[self.node].fresh_frame = Some(depth);
    }

    fn read_in(&mut self, node: Node, var: Var, ty: Ty) -> Value {
        if let Var::Stack { depth, lo, len } = var {
            return self.read_stack_in(node, depth, lo, len);
        }
        if let Some(v) = self.defs[node].vars.get(&var) {
            return *v;
        }
        if self.defs[node].no_entry.contains(&var) {
            return self.undefined(node, ty);
        }
        let v = self.read_at_entry(node, var, ty);
        self.defs[node].vars.insert(var, v);
        v
    }

    fn read_stack_in(&mut self, node: Node, depth: u32, lo: u16, len: u8) -> Value {
        let origin = |defs: &NodeDefs, k: u8| defs.bytes.get(&(depth, lo + u16::from(k))).copied();
        if self.defs[node].fresh_frame == Some(depth) {
            return self.undefined(node, Ty::Int(len * 8));
        }
        if (0..len).all(|k| origin(&self.defs[node], k).is_none()) {
            let v = self.read_at_entry(node, Var::Stack { depth, lo, len }, Ty::Int(len * 8));
            for k in 0..len {
                self.defs[node].bytes.insert((depth, lo + u16::from(k)), (v, k));
            }
            return v;
        }
        let mut parts = Vec::new();
        let mut k = 0;
        while k < len {
            let first = origin(&self.defs[node], k);
            let continues = |defs: &NodeDefs, n: u8| match (first, origin(defs, k + n)) {
                (None, None) => true,
                (Some((v, b)), Some((w, c))) => v == w && c == b + n,
                _ => false,
            };
            let run = (1..len - k).find(|n| !continues(&self.defs[node], *n)).unwrap_or(len - k);
            parts.push(match first {
                None => self.read_stack_in(node, depth, lo + u16::from(k), run),
                Some((v, b)) => self.extract_in(node, v, b * 8, run * 8),
            });
            k += run;
        }
        self.concat_in(node, parts)
    }

    fn read_at_entry(&mut self, node: Node, var: Var, ty: Ty) -> Value {
        let preds = &self.graph.nodes[node].preds;
        if preds.is_empty() {
            return self.undefined(node, ty);
        }
        if self.is_header[node] {
            let (v, param) = self.add_param(node, ty);
            self.remember(node, var, v);
            if self.defs[node].sealed {
                self.defs[node].param_args[param] = self.read_from_preds(node, var, ty);
            } else {
                self.defs[node].incomplete.push((var, ty, param));
            }
            return v;
        }
        let args = self.read_from_preds(node, var, ty);
        if args.iter().all(|a| *a == args[0]) {
            return args[0];
        }
        if let Some(c) = self.dfg.as_const(args[0]) {
            if args.iter().all(|a| self.dfg.as_const(*a) == Some(c)) {
                return self.emit_in(node, Op::Const(c), ty);
            }
        }
        let (v, param) = self.add_param(node, ty);
        self.defs[node].param_args[param] = args;
        v
    }

    /// Makes a header's parameter visible before its arguments are read, which may lead back here.
    fn remember(&mut self, node: Node, var: Var, v: Value) {
        if let Var::Stack { depth, lo, len } = var {
            for k in 0..len {
                self.defs[node].bytes.entry((depth, lo + u16::from(k))).or_insert((v, k));
            }
        } else {
            self.defs[node].vars.insert(var, v);
        }
    }

    fn read_from_preds(&mut self, node: Node, var: Var, ty: Ty) -> Vec<Value> {
        let graph = self.graph;
        graph.nodes[node].preds.iter().map(|(p, _)| self.read_in(*p, var, ty)).collect()
    }

    fn add_param(&mut self, node: Node, ty: Ty) -> (Value, usize) {
        let block = block_of(node);
        let n = self.blocks[block].params.len();
        let def = ValueDef::Param(block, n as u32);
        let v = self.dfg.values.push(ValueData { ty, def, name: None });
        self.blocks[block].params.push(v);
        self.defs[node].param_args.push(Vec::new());
        (v, n)
    }

    /// What a variable holds that nobody wrote: zero, or the null entry.
    fn undefined(&mut self, node: Node, ty: Ty) -> Value {
        let op = match ty {
            Ty::Int(_) => Op::Const(0),
            Ty::Entry(map) => Op::EntryConst { map, index: None },
        };
        self.emit_in(node, op, ty)
    }

    // ---- operations ------------------------------------------------------------------------

    fn emit_in(&mut self, node: Node, op: Op, ty: Ty) -> Value {
        let inst = self.dfg.make_inst(op, Some(ty), self.src);
        self.blocks[self.tails[node]].insts.push(inst);
        self.dfg.insts[inst].result.expect("made with a result type")
    }

    fn extract_in(&mut self, node: Node, value: Value, lo: u8, bits: u8) -> Value {
        if lo == 0 && self.dfg.bits(value) == bits {
            return value;
        }
        if let Some(c) = self.dfg.as_const(value) {
            return self.emit_in(node, Op::Const(c >> lo & low_mask(bits)), Ty::Int(bits));
        }
        if let Some(&Op::Zext(inner)) = self.dfg.def(value) {
            if lo + bits <= self.dfg.bits(inner) {
                return self.extract_in(node, inner, lo, bits);
            }
        }
        self.emit_in(node, Op::Extract { value, lo }, Ty::Int(bits))
    }

    fn concat_in(&mut self, node: Node, parts: Vec<Value>) -> Value {
        if let [one] = parts[..] {
            return one;
        }
        let bits = parts.iter().map(|p| self.dfg.bits(*p)).sum();
        let consts: Option<Vec<u64>> = parts.iter().map(|p| self.dfg.as_const(*p)).collect();
        if let Some(consts) = consts {
            let mut shift = 0;
            let mut all = 0;
            for (p, c) in parts.iter().zip(consts) {
                all |= c << shift;
                shift += u32::from(self.dfg.bits(*p));
            }
            return self.emit_in(node, Op::Const(all), Ty::Int(bits));
        }
        self.emit_in(node, Op::Concat(parts), Ty::Int(bits))
    }

    /// Emits an operation with a result in the current node.
    pub(super) fn emit(&mut self, op: Op, ty: Ty) -> Value {
        self.emit_in(self.node, op, ty)
    }

    /// Emits an operation without a result in the current node.
    pub(super) fn effect(&mut self, op: Op) {
        let inst = self.dfg.make_inst(op, None, self.src);
        self.blocks[self.tails[self.node]].insts.push(inst);
    }

    /// Emits `op` so that it is executed only if `cond` is 1; else the result is `otherwise`.
    pub(super) fn emit_if(&mut self, cond: Value, op: Op, otherwise: Value) -> Value {
        let ty = self.dfg.ty(otherwise);
        let (before, taken, behind) = (self.tails[self.node], self.add_block(), self.add_block());
        let inst = self.dfg.make_inst(op, Some(ty), self.src);
        self.blocks[taken].insts.push(inst);
        let result = self.dfg.insts[inst].result.expect("made with a result type");
        let def = ValueDef::Param(behind, 0);
        let merged = self.dfg.values.push(ValueData { ty, def, name: None });
        self.blocks[behind].params.push(merged);
        let to = |block, args| Target { block, args };
        self.blocks[taken].term = Terminator::Jump(to(behind, vec![result]));
        let (if_true, if_false) = (to(taken, Vec::new()), to(behind, vec![otherwise]));
        self.blocks[before].term = Terminator::Branch { cond, if_true, if_false };
        self.tails[self.node] = behind;
        merged
    }

    pub(super) fn iconst(&mut self, c: u64, bits: u8) -> Value {
        self.emit(Op::Const(c & low_mask(bits)), Ty::Int(bits))
    }

    pub(super) fn bin(&mut self, op: BinOp, a: Value, b: Value) -> Value {
        let bits = self.dfg.bits(a);
        match (op, self.dfg.as_const(a), self.dfg.as_const(b)) {
            (BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor, _, Some(0)) => a,
            (BinOp::Add, Some(0), _) => b,
            (BinOp::Add, Some(x), Some(y)) => self.iconst(x.wrapping_add(y), bits),
            (BinOp::Sub, Some(x), Some(y)) => self.iconst(x.wrapping_sub(y), bits),
            _ => self.emit(Op::Bin(op, a, b), Ty::Int(bits)),
        }
    }

    pub(super) fn cmp(&mut self, op: CmpOp, a: Value, b: Value) -> Value {
        self.emit(Op::Cmp(op, a, b), Ty::Int(1))
    }

    pub(super) fn select(&mut self, cond: Value, if_true: Value, if_false: Value) -> Value {
        let ty = self.dfg.ty(if_true);
        self.emit(Op::Select { cond, if_true, if_false }, ty)
    }

    pub(super) fn extract(&mut self, value: Value, lo: u8, bits: u8) -> Value {
        self.extract_in(self.node, value, lo, bits)
    }

    pub(super) fn zext(&mut self, value: Value, bits: u8) -> Value {
        if self.dfg.bits(value) == bits {
            return value;
        }
        match self.dfg.as_const(value) {
            Some(c) => self.iconst(c, bits),
            None => self.emit(Op::Zext(value), Ty::Int(bits)),
        }
    }

    pub(super) fn sext(&mut self, value: Value, bits: u8) -> Value {
        let from = self.dfg.bits(value);
        if from == bits {
            return value;
        }
        match self.dfg.as_const(value) {
            Some(c) => self.iconst(beeline_ir::dfg::sign_extend(c, from) as u64, bits),
            None => self.emit(Op::Sext(value), Ty::Int(bits)),
        }
    }
}

fn block_of(node: Node) -> Block {
    Block::from_u32(node as u32)
}
