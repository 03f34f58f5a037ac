//! Control-flow graphs: known shapes, and random ones against the definitions.

mod support;

use beeline_frontend::cfg::{self, BlockId, Cfg, Edge};
use beeline_frontend::insn::{AluOp, Cond, Insn, Operand, Pc, Reg, Width};
use beeline_frontend::program::{Program, Subprog};
use expect_test::expect;
use std::collections::BTreeSet;

fn program(insns: Vec<Insn>) -> Program {
    let end = Pc(insns.len() as u32);
    let lines = vec![None; insns.len()];
    Program {
        name: "p".into(),
        section: "xdp".into(),
        frags: false,
        insns,
        subprogs: vec![Subprog {
            name: "p".into(),
            start: Pc(0),
            end,
            global: true,
            ..Subprog::default()
        }],
        lines,
        maps: Vec::new(),
        kfuncs: Vec::new(),
        license: None,
        object: "x.o".into(),
        xdp_programs: Vec::new(),
        ..Program::default()
    }
}

fn graph(p: &Program) -> Cfg {
    Cfg::new(p, &p.subprogs[0])
}

fn set(r: u8) -> Insn {
    Insn::Alu { op: AluOp::Mov, width: Width::W64, dst: Reg(r), src: Operand::Imm(0) }
}

fn branch(target: u32) -> Insn {
    let (width, dst) = (Width::W64, Reg(1));
    Insn::JumpIf { cond: Cond::Eq, width, dst, src: Operand::Imm(0), target: Pc(target) }
}

fn goto(target: u32) -> Insn {
    Insn::Jump { target: Pc(target), long: false }
}

#[test]
fn nested_loops_as_text_and_dot() {
    // b0: set; b1: outer header; b2: inner header and latch; b3: outer latch; b4: exit; b5: dead
    let p = program(vec![
        set(1),
        branch(5), // b1
        set(2),    // b2
        branch(2),
        goto(1),    // b3
        Insn::Exit, // b4
        goto(6),    // b5
    ]);
    expect![[r#"
        function p:
        b0:
             0: r1 = 0x0
          -> else b1
        b1:  ; idom b0, loop of depth 1: b1 b2 b3
             1: if r1 == 0x0 goto +0x3
          -> else b2, taken b4
        b2:  ; idom b1, loop of depth 2: b2
             2: r2 = 0x0
             3: if r1 == 0x0 goto -0x2
          -> else b3, taken b2
        b3:  ; idom b2
             4: goto -0x4
          -> goto b1
        b4:  ; idom b1
             5: exit
        b5:  ; unreachable
             6: goto -0x1
          -> goto b5
    "#]]
    .assert_eq(&cfg::text(&p));
    expect![[r#"
        digraph "p" {
          node [shape=box fontname=monospace];
          subgraph cluster_0 {
            label="p";
            f0_b0 [label="b0:\l   0: r1 = 0x0\l"];
            f0_b0 -> f0_b1 [label="else"];
            f0_b1 [label="b1:\l   1: if r1 == 0x0 goto +0x3\l"];
            f0_b1 -> f0_b2 [label="else"];
            f0_b1 -> f0_b4 [label="taken"];
            f0_b2 [label="b2:\l   2: r2 = 0x0\l   3: if r1 == 0x0 goto -0x2\l"];
            f0_b2 -> f0_b3 [label="else"];
            f0_b2 -> f0_b2 [label="taken"];
            f0_b3 [label="b3:\l   4: goto -0x4\l"];
            f0_b3 -> f0_b1 [label="goto"];
            f0_b4 [label="b4:\l   5: exit\l"];
            f0_b5 [label="b5:\l   6: goto -0x1\l"];
            f0_b5 -> f0_b5 [label="goto"];
          }
        }
    "#]]
    .assert_eq(&cfg::dot(&p));
    let g = graph(&p);
    assert_eq!(g.block_at(Pc(3)), Some(BlockId(2)));
    assert_eq!(g.block_at(Pc(7)), None);
    let inner = g.innermost_loop(BlockId(2)).unwrap();
    let outer = g.loops()[inner].parent.unwrap();
    assert_eq!(g.loops()[outer].latches, [BlockId(3)]);
    assert!(g.loop_contains(outer, BlockId(2)) && !g.loop_contains(inner, BlockId(1)));
    assert!(!g.is_reachable(BlockId(5)) && g.irreducible_edges().is_empty());
}

#[test]
fn a_branch_to_the_next_slot_has_two_edges() {
    let p = program(vec![branch(1), Insn::Exit]);
    let both = [(BlockId(1), Edge::Fallthrough), (BlockId(1), Edge::Taken)];
    assert_eq!(graph(&p).successors(BlockId(0)), both);
}

#[test]
fn a_cycle_with_two_entries_is_irreducible() {
    let p = program(vec![branch(2), set(1), branch(1), Insn::Exit]);
    let g = graph(&p);
    assert!(g.loops().is_empty());
    assert_eq!(g.irreducible_edges().len(), 1);
}

/// Blocks reachable from `from` without entering `without`.
fn reach(g: &Cfg, from: BlockId, without: Option<BlockId>) -> BTreeSet<BlockId> {
    let (mut seen, mut work) = (BTreeSet::new(), vec![from]);
    while let Some(b) = work.pop() {
        if Some(b) != without && seen.insert(b) {
            work.extend(g.successors(b).into_iter().map(|(to, _)| to));
        }
    }
    seen
}

fn random_program(random: &mut support::Random) -> Program {
    let len = 3 + random.below(30);
    let mut insns: Vec<Insn> = (0..len)
        .map(|_| match random.below(5) {
            0 => goto(random.below(len) as u32),
            1 | 2 => branch(random.below(len) as u32),
            3 if random.below(4) == 0 => Insn::Exit,
            _ => set(3),
        })
        .collect();
    insns[len - 1] = Insn::Exit;
    program(insns)
}

#[test]
fn dominators_and_loops_by_definition() {
    let mut random = support::Random(0xc0ff_ee11);
    let (mut loops, mut irreducible) = (0, 0);
    for _ in 0..400 {
        let p = random_program(&mut random);
        let g = graph(&p);
        let reachable = reach(&g, g.entry(), None);
        assert_eq!(g.reverse_postorder().iter().copied().collect::<BTreeSet<_>>(), reachable);
        for a in g.blocks() {
            let avoiding = reach(&g, g.entry(), Some(a));
            for b in g.blocks() {
                let dominated = reachable.contains(&a) && reachable.contains(&b);
                let dominated = dominated && !avoiding.contains(&b);
                assert_eq!(g.dominates(a, b), dominated, "{a} {b}\n{}", cfg::text(&p));
            }
        }
        loops += check_loops(&g, &reachable);
        irreducible += g.irreducible_edges().len();
    }
    assert!(loops > 100 && irreducible > 10, "{loops} loops, {irreducible} irreducible edges");
}

/// A block is in a loop if it reaches a latch without the header, and the header dominates it.
fn check_loops(g: &Cfg, reachable: &BTreeSet<BlockId>) -> usize {
    for (i, l) in g.loops().iter().enumerate() {
        let mut body = BTreeSet::from([l.header]);
        for b in reachable.iter().filter(|b| **b != l.header) {
            let onward = reach(g, *b, Some(l.header));
            if l.latches.iter().any(|latch| onward.contains(latch)) {
                body.insert(*b);
            }
        }
        assert_eq!(g.loop_blocks(i), body.iter().copied().collect::<Vec<_>>());
        assert!(body.iter().all(|b| g.dominates(l.header, *b)));
        assert!(l.latches.iter().all(|b| g.successors(*b).iter().any(|(to, _)| *to == l.header)));
        let depth = g.loops().iter().enumerate().filter(|(o, _)| g.loop_contains(*o, l.header));
        assert_eq!(l.depth as usize, depth.count());
    }
    g.loops().len()
}

#[test]
fn ten_thousand_nested_loops_take_no_time() {
    let depth = 10_000;
    let mut insns = vec![set(1); depth];
    insns.extend((0..depth as u32).rev().map(branch));
    insns.push(Insn::Exit);
    let p = program(insns);
    let before = std::time::Instant::now();
    let g = graph(&p);
    assert_eq!(g.loops().iter().map(|l| l.depth).max(), Some(depth as u32));
    assert!(before.elapsed().as_secs() < 5, "{:?}", before.elapsed());
}
