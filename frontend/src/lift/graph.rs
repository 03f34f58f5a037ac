//! The block graph that the lift walks: blocks of the bytecode by call context, calls inlined.

use crate::facts::{CallCtx, Facts};
use crate::insn::{Callee, Insn, Pc};
use crate::program::Program;
use std::collections::{BTreeMap, BTreeSet};

/// The helper `bpf_tail_call`.
pub(super) const TAIL_CALL: u32 = 12;

/// A block of the graph: index into [`Graph::nodes`].
pub(super) type Node = usize;

/// How control leaves a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// To one successor (jump, fall-through, or a branch with one live side).
    Jump(Node),
    /// The conditional jump at the end: taken, not taken.
    Branch(Node, Node),
    /// Into a callee: its first node.
    Enter(Node),
    /// A tail call at the end, and the slot after it, where a call that finds no program goes on.
    TailCall(Node),
    /// Out of a callee, to the slot after the call in the caller.
    Return(Node),
    /// End of the program.
    Exit,
    /// No successor is reachable.
    Dead,
}

/// A maximal run of reachable instructions in one call context.
#[derive(Clone, Debug)]
pub(super) struct NodeData {
    /// Context.
    pub ctx: CallCtx,
    /// First slot.
    pub start: Pc,
    /// Slot after the last.
    pub end: Pc,
    /// Successors.
    pub leave: Leave,
    /// Incoming edges: predecessor and which of its successors (0 or 1).
    pub preds: Vec<(Node, usize)>,
}

/// All nodes. Node 0 is an empty stub without predecessors that jumps to the program's first instruction, which may be a loop header.
#[derive(Debug)]
pub(super) struct Graph {
    /// Nodes.
    pub nodes: Vec<NodeData>,
    /// Reverse postorder.
    pub order: Vec<Node>,
}

impl Leave {
    /// The successors, in the order of the terminator's targets.
    pub(super) fn successors(&self) -> Vec<Node> {
        match *self {
            Leave::Jump(n) | Leave::Enter(n) | Leave::TailCall(n) | Leave::Return(n) => vec![n],
            Leave::Branch(a, b) => vec![a, b],
            Leave::Exit | Leave::Dead => vec![],
        }
    }
}

/// What follows one instruction, before slots are grouped into nodes.
enum Flow {
    Next(Pc),
    Jump(Pc),
    Branch(Pc, Pc),
    Enter(CallCtx, Pc),
    TailCall(Pc),
    Return(CallCtx, Pc),
    Exit,
    Dead,
}

fn flow(program: &Program, facts: &Facts, ctx: CallCtx, pc: Pc) -> Flow {
    let insn = &program.insns[pc.index()];
    let next = pc.plus(i64::from(insn.slots()));
    match *insn {
        Insn::Jump { target, .. } => Flow::Jump(target),
        Insn::JumpIf { target, .. } => match facts.at(ctx, pc).map(|f| (f.taken, f.fallthrough)) {
            Some((true, true)) if target != next => Flow::Branch(target, next),
            Some((true, _)) => Flow::Jump(target),
            Some((false, true)) => Flow::Jump(next),
            Some((false, false)) | None => Flow::Dead,
        },
        Insn::Call(Callee::Local(start)) => match facts.callee(ctx, pc) {
            Some(callee) => Flow::Enter(callee, start),
            None => Flow::Dead,
        },
        Insn::Call(Callee::Helper(TAIL_CALL)) => Flow::TailCall(next),
        Insn::Exit => match facts.contexts.get(ctx.0 as usize).and_then(|c| c.caller) {
            Some((caller, call)) => Flow::Return(caller, call.plus(1)),
            None => Flow::Exit,
        },
        _ => Flow::Next(next),
    }
}

impl Graph {
    /// True if some node can be reached from itself.
    pub(super) fn has_loop(&self) -> bool {
        let mut position = vec![0; self.nodes.len()];
        self.order.iter().enumerate().for_each(|(i, n)| position[*n] = i);
        self.order
            .iter()
            .any(|&n| self.nodes[n].leave.successors().iter().any(|s| position[*s] <= position[n]))
    }

    /// The reachable graph of a verified program.
    pub(super) fn build(program: &Program, facts: &Facts) -> Graph {
        let leaders = find_leaders(program, facts);
        let index: BTreeMap<(CallCtx, Pc), Node> =
            leaders.iter().enumerate().map(|(i, k)| (*k, i + 1)).collect();
        let stub = NodeData {
            ctx: CallCtx(0),
            start: Pc(0),
            end: Pc(0),
            leave: Leave::Jump(1),
            preds: Vec::new(),
        };
        let mut nodes = vec![stub];
        nodes.extend(
            leaders.iter().map(|&(ctx, start)| walk_node(program, facts, &index, ctx, start)),
        );
        for n in 0..nodes.len() {
            for (slot, s) in nodes[n].leave.successors().into_iter().enumerate() {
                nodes[s].preds.push((n, slot));
            }
        }
        let order = reverse_postorder(&nodes);
        Graph { nodes, order }
    }
}

/// Entry first, then every jump target, callee start and return point that is reached.
fn find_leaders(program: &Program, facts: &Facts) -> Vec<(CallCtx, Pc)> {
    let entry = (CallCtx(0), Pc(0));
    let mut leaders = BTreeSet::from([entry]);
    let mut seen = BTreeSet::new();
    let mut work = vec![entry];
    while let Some((ctx, pc)) = work.pop() {
        if facts.at(ctx, pc).is_none() || !seen.insert((ctx, pc)) {
            continue;
        }
        let targets = match flow(program, facts, ctx, pc) {
            Flow::Next(p) => {
                work.push((ctx, p));
                continue;
            }
            Flow::Jump(p) | Flow::TailCall(p) => vec![(ctx, p)],
            Flow::Branch(a, b) => vec![(ctx, a), (ctx, b)],
            Flow::Enter(c, p) | Flow::Return(c, p) => vec![(c, p)],
            Flow::Exit | Flow::Dead => vec![],
        };
        for t in targets {
            if facts.at(t.0, t.1).is_some() {
                leaders.insert(t);
                work.push(t);
            }
        }
    }
    // `(CallCtx(0), Pc(0))` is the smallest key, so the program's start is node 1.
    leaders.into_iter().collect()
}

fn walk_node(
    program: &Program,
    facts: &Facts,
    index: &BTreeMap<(CallCtx, Pc), Node>,
    ctx: CallCtx,
    start: Pc,
) -> NodeData {
    let mut pc = start;
    let node = |c: CallCtx, p: Pc| index.get(&(c, p)).copied();
    let jump = |n: Option<Node>, f: fn(Node) -> Leave| n.map_or(Leave::Dead, f);
    let (end, leave) = loop {
        let after = pc.plus(i64::from(program.insns[pc.index()].slots()));
        match flow(program, facts, ctx, pc) {
            Flow::Next(p) => {
                if let Some(n) = node(ctx, p) {
                    break (after, Leave::Jump(n));
                }
                if facts.at(ctx, p).is_none() {
                    break (after, Leave::Dead);
                }
                pc = p;
            }
            Flow::Jump(p) => break (after, jump(node(ctx, p), Leave::Jump)),
            Flow::Branch(a, b) => {
                let leave = match (node(ctx, a), node(ctx, b)) {
                    (Some(a), Some(b)) => Leave::Branch(a, b),
                    (Some(n), None) | (None, Some(n)) => Leave::Jump(n),
                    (None, None) => Leave::Dead,
                };
                break (after, leave);
            }
            Flow::Enter(c, p) => break (after, jump(node(c, p), Leave::Enter)),
            Flow::TailCall(p) => break (after, jump(node(ctx, p), Leave::TailCall)),
            Flow::Return(c, p) => break (after, jump(node(c, p), Leave::Return)),
            Flow::Exit => break (after, Leave::Exit),
            Flow::Dead => break (after, Leave::Dead),
        }
    };
    NodeData { ctx, start, end, leave, preds: Vec::new() }
}

fn reverse_postorder(nodes: &[NodeData]) -> Vec<Node> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut seen = vec![false; nodes.len()];
    let mut stack = vec![(0, nodes[0].leave.successors())];
    seen[0] = true;
    while let Some((node, todo)) = stack.last_mut() {
        match todo.pop() {
            Some(s) if !seen[s] => {
                seen[s] = true;
                stack.push((s, nodes[s].leave.successors()));
            }
            Some(_) => {}
            None => {
                order.push(*node);
                stack.pop();
            }
        }
    }
    order.reverse();
    order
}
