//! Executors of the IR: they say what a `Function` or a `Pipeline` does, on the same packets and maps as the interpreter.
//!
//! Used after every pass: the IR must do what the bytecode does. Both forms are flattened once into `step::Step`s over a table of
//! values; an integer is kept zero-extended, an entry as slot + 1, the null entry as 0. Plain coordinates, no window: what the
//! hardware cannot reach is for the validator and the cycle-level simulator to say.

mod finish;
mod state;
mod step;

use crate::map::MapSet;
use crate::outcome::{Executor, Exit, Fault};
use crate::packet::Packet;
use crate::trace::Inputs;
use beeline_ir::entities::Block;
use beeline_ir::function::{BlockData, Target, Terminator};
use beeline_ir::{Function, Pipeline, Validated};
use cranelift_entity::SecondaryMap;
use finish::Ending;
use state::State;
use std::ops::Range;
use step::{Flattener, Index, Step};

/// Blocks that one packet may enter, so that a loop that a pass has broken does not hang.
const FUEL: u32 = 1 << 24;

/// Runs a `Function`, loops and all.
pub struct FunctionExec {
    steps: Vec<Step>,
    blocks: Vec<CodeBlock>,
    moves: Vec<(Index, Index)>,
    state: State,
    arguments: Vec<u64>,
}

struct CodeBlock {
    name: Block,
    steps: Range<usize>,
    end: End,
}

enum End {
    Jump(Edge),
    Branch { cond: Index, if_true: Edge, if_false: Edge },
    Ret(Ending),
    Unreachable,
}

/// A jump: block position, and the moves from arguments to parameters.
struct Edge {
    to: usize,
    moves: Range<usize>,
}

impl FunctionExec {
    /// Prepares `function`.
    pub fn new(function: &Validated<Function>) -> Self {
        let mut reached = Reached::default();
        reached.visit(function, function.entry);
        let mut flat = Flattener::new(&function.dfg);
        let (mut blocks, mut moves) = (Vec::new(), Vec::new());
        for name in &reached.order {
            let block = &function.blocks[*name];
            let from = flat.steps.len();
            block.insts.iter().for_each(|i| flat.inst(*i));
            let end = end(function, block, &reached, &mut moves);
            blocks.push(CodeBlock { name: *name, steps: from..flat.steps.len(), end });
        }
        let (steps, state) = flat.finish();
        Self { steps, blocks, moves, state, arguments: Vec::new() }
    }
}

/// Blocks that the entry reaches, entry first, and the position of each.
#[derive(Default)]
struct Reached {
    order: Vec<Block>,
    position: SecondaryMap<Block, Option<usize>>,
}

impl Reached {
    fn visit(&mut self, function: &Function, entry: Block) {
        let mut work = vec![entry];
        while let Some(b) = work.pop() {
            if self.position[b].is_none() {
                self.position[b] = Some(self.order.len());
                self.order.push(b);
                work.extend(function.blocks[b].term.targets().map(|t| t.block));
            }
        }
    }
}

fn end(
    function: &Function,
    block: &BlockData,
    reached: &Reached,
    moves: &mut Vec<(Index, Index)>,
) -> End {
    let mut edge = |target: &Target| {
        let from = moves.len();
        let params = &function.blocks[target.block].params;
        moves.extend(params.iter().zip(&target.args).map(|(p, a)| (p.as_u32(), a.as_u32())));
        let to = reached.position[target.block].expect("a successor of a reached block is reached");
        Edge { to, moves: from..moves.len() }
    };
    match &block.term {
        Terminator::Jump(t) => End::Jump(edge(t)),
        Terminator::Branch { cond, if_true, if_false } => {
            End::Branch { cond: cond.as_u32(), if_true: edge(if_true), if_false: edge(if_false) }
        }
        Terminator::Ret(verdict) => End::Ret(Ending::new(&function.dfg, verdict)),
        Terminator::Unreachable => End::Unreachable,
    }
}

/// Follows `edge`: assigns the parameters of the target all at once. `arguments` is a buffer.
fn follow(
    edge: &Edge,
    moves: &[(Index, Index)],
    values: &mut [u64],
    arguments: &mut Vec<u64>,
) -> usize {
    match &moves[edge.moves.clone()] {
        [] => {}
        [(to, from)] => values[*to as usize] = values[*from as usize],
        moves => {
            arguments.clear();
            arguments.extend(moves.iter().map(|(_, from)| values[*from as usize]));
            moves.iter().zip(arguments).for_each(|((to, _), v)| values[*to as usize] = *v);
        }
    }
    edge.to
}

impl Executor for FunctionExec {
    fn run(
        &mut self,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<Exit, Fault> {
        let Self { steps, blocks, moves, state, arguments } = self;
        maps.start_packet();
        state.begin();
        let mut at = 0;
        for _ in 0..FUEL {
            let block = &blocks[at];
            for step in &steps[block.steps.clone()] {
                state.step(step, inputs, packet, maps)?;
            }
            let edge = match &block.end {
                End::Jump(edge) => edge,
                End::Branch { cond, if_true, .. } if state.values[*cond as usize] != 0 => if_true,
                End::Branch { if_false, .. } => if_false,
                End::Ret(ending) => return ending.exit(state, packet),
                End::Unreachable => {
                    let what = "control reached a block that was proved unreachable".into();
                    return Err(Fault { at: block.name.to_string(), what });
                }
            };
            at = follow(edge, moves, &mut state.values, arguments);
        }
        Err(Fault { at: blocks[at].name.to_string(), what: "a loop does not end".into() })
    }
}

/// Runs a `Pipeline`: every operation in order, effects under their predicates.
pub struct PipelineExec {
    steps: Vec<Step>,
    ending: Ending,
    state: State,
}

impl PipelineExec {
    /// Prepares `pipeline`.
    pub fn new(pipeline: &Validated<Pipeline>) -> Self {
        let mut flat = Flattener::for_pipeline(&pipeline.dfg, &pipeline.order);
        pipeline.order.iter().for_each(|i| flat.inst(*i));
        let (steps, state) = flat.finish();
        Self { steps, ending: Ending::new(&pipeline.dfg, &pipeline.verdict), state }
    }
}

impl Executor for PipelineExec {
    fn run(
        &mut self,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<Exit, Fault> {
        maps.start_packet();
        self.state.begin();
        for step in &self.steps {
            self.state.step(step, inputs, packet, maps)?;
        }
        self.ending.exit(&self.state, packet)
    }
}

#[cfg(test)]
mod tests;
