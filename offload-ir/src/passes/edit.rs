//! What passes use to change a `Function`: substitutions of values, and the pool of operations without operands.

use crate::analysis::cfg::Cfg;
use crate::dfg::{Dfg, Ty};
use crate::entities::{Inst, Src, Value};
use crate::function::Function;
use crate::op::Op;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::SecondaryMap;
use std::collections::HashMap;

/// Values to be replaced by others, everywhere.
#[derive(Default)]
pub(super) struct Substitution {
    map: SecondaryMap<Value, PackedOption<Value>>,
    any: bool,
}

impl Substitution {
    /// What stands for `v` now.
    pub(super) fn resolve(&self, mut v: Value) -> Value {
        while let Some(next) = self.map[v].expand() {
            v = next;
        }
        v
    }

    /// Replaces `v` by `by` from now on; a name goes along if `by` has none.
    pub(super) fn replace(&mut self, dfg: &mut Dfg, v: Value, by: Value) {
        let by = self.resolve(by);
        debug_assert_ne!(self.resolve(v), by, "a value cannot stand for itself");
        if dfg.values[by].name.is_none() && dfg.as_const(by).is_none() {
            dfg.values[by].name = dfg.values[v].name.clone();
        }
        self.map[v] = by.into();
        self.any = true;
    }

    /// Replaces in the operands of `block`'s terminator.
    pub(super) fn apply_to_term(&self, func: &mut Function, block: crate::entities::Block) {
        func.blocks[block].term.map_values(|v| self.resolve(v));
    }

    /// Replaces in all reachable blocks; true if something was to be replaced.
    pub(super) fn apply(&self, func: &mut Function, cfg: &Cfg) -> bool {
        if self.any {
            for &block in cfg.reverse_postorder() {
                for &inst in &func.blocks[block].insts {
                    func.dfg.insts[inst].op.map_args(|v| self.resolve(v));
                }
                self.apply_to_term(func, block);
            }
        }
        self.any
    }
}

/// True if `op` has no operands and means the same everywhere: it then stands in the entry block, once.
pub(super) fn is_leaf(op: &Op) -> bool {
    matches!(op, Op::Const(_) | Op::Input(_) | Op::EntryConst { .. })
}

/// The leaves of a function, by what they are. New ones go to the head of the entry block.
pub(super) struct Leaves {
    known: HashMap<(Op, Ty), Value>,
    new: Vec<Inst>,
}

impl Leaves {
    /// Those that stand in the entry block already.
    pub(super) fn new(func: &Function) -> Self {
        let mut known = HashMap::new();
        for &inst in &func.blocks[func.entry].insts {
            let data = &func.dfg.insts[inst];
            if let Some(v) = data.result.filter(|_| is_leaf(&data.op)) {
                known.entry((data.op.clone(), func.dfg.ty(v))).or_insert(v);
            }
        }
        Self { known, new: Vec::new() }
    }

    /// The value of the leaf `op`.
    pub(super) fn get(&mut self, dfg: &mut Dfg, op: Op, ty: Ty) -> Value {
        if let Some(v) = self.known.get(&(op.clone(), ty)) {
            return *v;
        }
        let inst = dfg.make_inst(op.clone(), Some(ty), None.into());
        let v = dfg.insts[inst].result.expect("made with a result");
        self.new.push(inst);
        self.known.insert((op, ty), v);
        v
    }

    /// The constant `c` (cut to `bits` bits).
    pub(super) fn constant(&mut self, dfg: &mut Dfg, bits: u8, c: u64) -> Value {
        self.get(dfg, Op::Const(c & crate::dfg::low_mask(bits)), Ty::Int(bits))
    }

    /// Puts the new ones in place, and all of them before everything else, so that they dominate every use.
    pub(super) fn finish(self, func: &mut Function) {
        let insts = std::mem::take(&mut func.blocks[func.entry].insts);
        let (mut head, rest): (Vec<Inst>, Vec<Inst>) =
            insts.into_iter().partition(|i| is_leaf(&func.dfg.insts[*i].op));
        head.extend(self.new);
        head.extend(rest);
        func.blocks[func.entry].insts = head;
    }
}

/// Places new operations into a block, one after the other.
pub(super) struct Placer<'a> {
    pub(super) dfg: &'a mut Dfg,
    pub(super) leaves: &'a mut Leaves,
    /// The block's operations so far.
    pub(super) out: Vec<Inst>,
    /// Source location of new operations.
    pub(super) src: PackedOption<Src>,
}

impl Placer<'_> {
    /// A new operation here.
    pub(super) fn emit(&mut self, op: Op, ty: Ty) -> Value {
        let inst = self.dfg.make_inst(op, Some(ty), self.src);
        self.out.push(inst);
        self.dfg.insts[inst].result.expect("made with a result")
    }

    /// `bits` bits of `v` from `lo`, looking through constants, extensions and extractions.
    pub(super) fn extract(&mut self, v: Value, lo: u8, bits: u8) -> Value {
        if lo == 0 && self.dfg.bits(v) == bits {
            return v;
        }
        match self.dfg.def(v) {
            Some(Op::Const(c)) => {
                let c = *c >> lo;
                self.leaves.constant(self.dfg, bits, c)
            }
            Some(Op::Zext(x)) if lo + bits <= self.dfg.bits(*x) => {
                let x = *x;
                self.extract(x, lo, bits)
            }
            Some(Op::Zext(x)) if lo == 0 => {
                let x = *x;
                self.emit(Op::Zext(x), Ty::Int(bits))
            }
            Some(Op::Extract { value, lo: below }) => {
                let (value, lo) = (*value, *below + lo);
                self.emit(Op::Extract { value, lo }, Ty::Int(bits))
            }
            _ => self.emit(Op::Extract { value: v, lo }, Ty::Int(bits)),
        }
    }
}
