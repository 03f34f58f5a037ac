//! `Function`: the first form, SSA over a control-flow graph.

use crate::dfg::Dfg;
use crate::entities::{Block, Inst, Value};
use cranelift_entity::PrimaryMap;

/// Why a packet leaves the program: the values handed to the deparser.
///
/// All are integers. `start` is signed, the others unsigned; any width that holds the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// XDP action (`i32` from the lift); above 4 means ABORTED with that code.
    pub action: Value,
    /// Coordinate of the first output byte (signed; 0 unless `adjust_head` ran).
    pub start: Value,
    /// Coordinate after the last output byte.
    pub end: Value,
    /// Coordinate from which bytes of the original packet count as zero (they were cut off by
    /// `adjust_tail` and grown again, or never existed). At most the arrival length.
    pub valid_end: Value,
    /// Redirect map: 0 for a plain interface index (or no redirect call), else map number + 1.
    pub redirect_map: Value,
    /// Redirect key or interface index.
    pub redirect_key: Value,
}

impl Verdict {
    /// The six values, in the order of the fields.
    pub fn values(&self) -> [Value; 6] {
        [self.action, self.start, self.end, self.valid_end, self.redirect_map, self.redirect_key]
    }

    /// Replaces every value by `f(value)`.
    pub fn map_values(&mut self, mut f: impl FnMut(Value) -> Value) {
        for v in [
            &mut self.action,
            &mut self.start,
            &mut self.end,
            &mut self.valid_end,
            &mut self.redirect_map,
            &mut self.redirect_key,
        ] {
            *v = f(*v);
        }
    }
}

/// A jump target with the arguments for the block's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Destination.
    pub block: Block,
    /// One value for each parameter of `block`.
    pub args: Vec<Value>,
}

/// How a block ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terminator {
    /// Unconditional.
    Jump(Target),
    /// On an `i1`.
    Branch {
        /// Condition.
        cond: Value,
        /// If 1.
        if_true: Target,
        /// If 0.
        if_false: Target,
    },
    /// End of the program.
    Ret(Verdict),
    /// The verifier proved that control never gets here.
    Unreachable,
}

impl Terminator {
    /// The successor targets, in order.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let pair = match self {
            Terminator::Jump(t) => [Some(t), None],
            Terminator::Branch { if_true, if_false, .. } => [Some(if_true), Some(if_false)],
            Terminator::Ret(_) | Terminator::Unreachable => [None, None],
        };
        pair.into_iter().flatten()
    }

    /// The successor targets, in order, mutable.
    pub fn targets_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        let pair = match self {
            Terminator::Jump(t) => [Some(t), None],
            Terminator::Branch { if_true, if_false, .. } => [Some(if_true), Some(if_false)],
            Terminator::Ret(_) | Terminator::Unreachable => [None, None],
        };
        pair.into_iter().flatten()
    }

    /// Replaces every value used by `f(value)`.
    pub fn map_values(&mut self, mut f: impl FnMut(Value) -> Value) {
        match self {
            Terminator::Branch { cond, .. } => *cond = f(*cond),
            Terminator::Ret(v) => v.map_values(&mut f),
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
        for t in self.targets_mut() {
            t.args.iter_mut().for_each(|a| *a = f(*a));
        }
    }
}

/// A basic block.
#[derive(Clone, Debug)]
pub struct BlockData {
    /// Parameters (the phi nodes).
    pub params: Vec<Value>,
    /// Operations in program order.
    pub insts: Vec<Inst>,
    /// How it ends.
    pub term: Terminator,
    /// For a loop header: how many times it is entered at most per arrival from outside the loop.
    pub max_trips: Option<u32>,
}

/// A program as SSA over a control-flow graph. Loops are allowed.
#[derive(Clone, Debug)]
pub struct Function {
    /// Program name.
    pub name: String,
    /// Values and operations.
    pub dfg: Dfg,
    /// Blocks; those not reachable from `entry` are ignored by every consumer.
    pub blocks: PrimaryMap<Block, BlockData>,
    /// First block; no predecessors, no parameters.
    pub entry: Block,
}
