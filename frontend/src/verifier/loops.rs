//! Natural loops of each function, for trip counts, and the places where states are compared.

use super::flow;
use crate::insn::{Insn, Pc};
use crate::program::{Program, Subprog};
use petgraph::algo::dominators::{simple_fast, Dominators};
use petgraph::graphmap::DiGraphMap;
use std::collections::{BTreeMap, BTreeSet};

/// The control flow of a program as the explorer uses it.
pub(super) struct Shape {
    /// Slots where states are stored and compared: where paths meet, and where functions start.
    pub(super) prune_points: Vec<bool>,
    /// For each loop header, the slots of its loop.
    bodies: BTreeMap<Pc, BTreeSet<Pc>>,
}

impl Shape {
    pub(super) fn of(program: &Program) -> Self {
        let mut arrivals = vec![0u32; program.insns.len()];
        let mut bodies = BTreeMap::new();
        for subprog in &program.subprogs {
            arrivals[subprog.start.index()] += 2;
            let mut backwards = false;
            for (from, to) in edges_of(program, subprog) {
                arrivals[to.index()] += 1;
                backwards |= to <= from;
            }
            if !backwards {
                continue;
            }
            let graph = graph_of(program, subprog);
            let dominators = simple_fast(&graph, Node(subprog.start.0));
            for (from, to) in retreating_edges(program, subprog) {
                let (from, to) = (Node(from.0), Node(to.0));
                if dominates(&dominators, to, from) {
                    let body: &mut BTreeSet<Pc> = bodies.entry(Pc(to.0)).or_default();
                    collect_body(&graph, to, from, body);
                }
            }
        }
        Self { prune_points: arrivals.iter().map(|n| *n > 1).collect(), bodies }
    }

    /// True if `pc` heads a loop.
    pub(super) fn is_header(&self, pc: Pc) -> bool {
        self.bodies.contains_key(&pc)
    }

    /// True if `pc` lies in the loop that `header` heads.
    pub(super) fn in_loop(&self, header: Pc, pc: Pc) -> bool {
        self.bodies.get(&header).is_some_and(|b| b.contains(&pc))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Node(u32);

/// Every way from one instruction to another within the function.
fn edges_of<'p>(program: &'p Program, subprog: &Subprog) -> impl Iterator<Item = (Pc, Pc)> + 'p {
    let slots = (subprog.start.0..subprog.end.0).map(Pc);
    slots.flat_map(|pc| {
        let insn = &program.insns[pc.index()];
        let to = match insn {
            Insn::Imm64Tail => [None, None],
            _ => flow::successors(pc, insn),
        };
        to.into_iter().flatten().map(move |to| (pc, to))
    })
}

/// Edges to an instruction on the depth-first way to their source; every edge that closes a loop is one.
fn retreating_edges(program: &Program, subprog: &Subprog) -> Vec<(Pc, Pc)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnTheWay,
        Done,
    }
    let mut marks = vec![Mark::New; subprog.end.index() - subprog.start.index()];
    let mut found = Vec::new();
    let mut way = vec![(subprog.start, 0)];
    marks[0] = Mark::OnTheWay;
    while let Some((pc, next)) = way.last_mut() {
        let from = *pc;
        let successors = flow::successors(from, &program.insns[from.index()]);
        let Some(to) = successors.get(*next).copied() else {
            marks[from.index() - subprog.start.index()] = Mark::Done;
            way.pop();
            continue;
        };
        *next += 1;
        let Some(to) = to else { continue };
        let mark = &mut marks[to.index() - subprog.start.index()];
        match *mark {
            Mark::New => {
                *mark = Mark::OnTheWay;
                way.push((to, 0));
            }
            Mark::OnTheWay => found.push((from, to)),
            Mark::Done => {}
        }
    }
    found
}

fn graph_of(program: &Program, subprog: &Subprog) -> DiGraphMap<Node, ()> {
    let mut graph = DiGraphMap::new();
    graph.add_node(Node(subprog.start.0));
    for (from, to) in edges_of(program, subprog) {
        graph.add_edge(Node(from.0), Node(to.0), ());
    }
    graph
}

fn dominates(dominators: &Dominators<Node>, header: Node, from: Node) -> bool {
    dominators.dominators(from).is_some_and(|mut chain| chain.any(|n| n == header))
}

/// Everything that reaches the back edge's source without passing the header.
fn collect_body(graph: &DiGraphMap<Node, ()>, header: Node, back: Node, body: &mut BTreeSet<Pc>) {
    body.insert(Pc(header.0));
    let mut pending = vec![back];
    while let Some(n) = pending.pop() {
        if body.insert(Pc(n.0)) {
            pending.extend(graph.neighbors_directed(n, petgraph::Direction::Incoming));
        }
    }
}
