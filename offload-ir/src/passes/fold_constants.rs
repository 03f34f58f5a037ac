//! Pass `fold_constants`: constants, algebra, and one form for what can be written in several.
//!
//! Computes operations on constants and on constant initial data of frozen maps; drops operations that do nothing;
//! resolves chains of extensions, extractions, concatenations and byte swaps; resolves selects and comparisons of selects.
//! Of the comparisons only `eq`, `ult` and `slt` stay, with a constant on the right; the others become their negation (`xor` with 1),
//! which selects and branches absorb. Masks and right shifts by constants become extractions, which are wires.
//!
//! It looks at operations and the operations that made their operands, not at ranges (`eliminate_redundant_checks`) nor at
//! branches (`propagate_conditions`); it leaves dead operations behind for `eliminate_dead_code`.

mod arithmetic;
mod bits;
mod compare;
mod entries;
mod select;

use super::edit::{is_leaf, Leaves, Substitution};
use crate::analysis::cfg::Cfg;
use crate::analysis::evaluate::evaluate;
use crate::dfg::{Dfg, Ty};
use crate::entities::{Inst, Src, Value};
use crate::function::Function;
use crate::op::{BinOp, Op};
use cranelift_entity::packed_option::PackedOption;

/// Folds constants; see the module.
pub fn fold_constants(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let mut leaves = Leaves::new(func);
    let mut subst = Substitution::default();
    let mut changed = false;
    for &block in cfg.reverse_postorder() {
        let insts = std::mem::take(&mut func.blocks[block].insts);
        let mut folder =
            Folder { dfg: &mut func.dfg, leaves: &mut leaves, out: Vec::new(), src: None.into() };
        for inst in insts {
            changed |= folder.fold_inst(inst, &mut subst);
        }
        func.blocks[block].insts = folder.out;
        subst.apply_to_term(func, block);
    }
    leaves.finish(func);
    // Arguments along back edges were seen before their definitions.
    subst.apply(func, &cfg) | changed
}

/// A simpler way to the same result.
enum Simpler {
    /// A value that exists already.
    Value(Value),
    /// Another operation with a result of the same type.
    Op(Op),
}

/// Rewrites of one operation in a row; each makes it simpler, so this is only a limit against mistakes.
const MAX_REWRITES: usize = 16;

struct Folder<'a> {
    dfg: &'a mut Dfg,
    leaves: &'a mut Leaves,
    /// Operations of the block so far.
    out: Vec<Inst>,
    /// Source location for new operations.
    src: PackedOption<Src>,
}

impl Folder<'_> {
    /// Simplifies `inst` and places what is left of it. True if it changed.
    fn fold_inst(&mut self, inst: Inst, subst: &mut Substitution) -> bool {
        self.dfg.insts[inst].op.map_args(|v| subst.resolve(v));
        let data = &self.dfg.insts[inst];
        let Some(result) = data.result else {
            self.out.push(inst);
            return false;
        };
        self.src = data.src;
        let (op, ty) = (data.op.clone(), self.dfg.ty(result));
        match self.simplify_fully(op, ty) {
            (Simpler::Value(v), _) => {
                subst.replace(self.dfg, result, v);
                true
            }
            (Simpler::Op(op), _) if is_leaf(&op) => {
                let leaf = self.leaves.get(self.dfg, op, ty);
                if leaf == result {
                    self.out.push(inst);
                } else {
                    subst.replace(self.dfg, result, leaf);
                }
                leaf != result
            }
            (Simpler::Op(op), rewritten) => {
                self.dfg.insts[inst].op = op;
                self.out.push(inst);
                rewritten
            }
        }
    }

    fn simplify_fully(&mut self, mut op: Op, ty: Ty) -> (Simpler, bool) {
        let mut rewritten = false;
        for _ in 0..MAX_REWRITES {
            match self.simplify(&op, ty) {
                Some(Simpler::Op(next)) => op = next,
                Some(value) => return (value, true),
                None => break,
            }
            rewritten = true;
        }
        (Simpler::Op(op), rewritten)
    }

    /// The value of `op`, simplified first, placed here if it is new.
    fn emit(&mut self, op: Op, ty: Ty) -> Value {
        match self.simplify_fully(op, ty).0 {
            Simpler::Value(v) => v,
            Simpler::Op(op) if is_leaf(&op) => self.leaves.get(self.dfg, op, ty),
            Simpler::Op(op) => {
                let inst = self.dfg.make_inst(op, Some(ty), self.src);
                self.out.push(inst);
                self.dfg.insts[inst].result.expect("made with a result")
            }
        }
    }

    fn constant(&mut self, bits: u8, c: u64) -> Value {
        self.leaves.constant(self.dfg, bits, c)
    }

    fn not(&mut self, v: Value) -> Op {
        Op::Bin(BinOp::Xor, v, self.constant(1, 1))
    }

    /// The `bits` bits of `v` from `lo`.
    fn extract(&mut self, v: Value, lo: u8, bits: u8) -> Value {
        self.emit(Op::Extract { value: v, lo }, Ty::Int(bits))
    }

    /// `v` extended to `bits` bits by zeros; `v` itself if it is that wide.
    fn zext(&mut self, v: Value, bits: u8) -> Value {
        if self.dfg.bits(v) == bits {
            v
        } else {
            self.emit(Op::Zext(v), Ty::Int(bits))
        }
    }

    fn as_const(&self, v: Value) -> Option<u64> {
        self.dfg.as_const(v)
    }

    /// One step.
    fn simplify(&mut self, op: &Op, ty: Ty) -> Option<Simpler> {
        if matches!(op, Op::Const(_)) {
            return None;
        }
        if let Some(c) = evaluate(self.dfg, op, ty, |v| self.dfg.as_const(v)) {
            return Some(Simpler::Op(Op::Const(c)));
        }
        match op {
            Op::Bin(o, a, b) => self.arithmetic(*o, *a, *b),
            Op::Cmp(o, a, b) => self.compare(*o, *a, *b),
            Op::Select { cond, if_true, if_false } => self.select(*cond, *if_true, *if_false, ty),
            Op::Zext(a) => self.zero_extension(*a, ty.bits()?),
            Op::Sext(a) => self.sign_extension(*a),
            Op::Extract { value, lo } => self.extraction(*value, *lo, ty.bits()?),
            Op::Concat(parts) => self.concatenation(parts, ty.bits()?),
            Op::Bswap(a) => self.byte_swap(*a),
            Op::MapLookup { map, key } => self.lookup(*map, key),
            Op::EntryIsNull(e) => self.is_null(*e),
            Op::MapLoad { map, entry, off, .. } => self.map_load(*map, *entry, *off, ty.bits()?),
            Op::Const(_)
            | Op::Input(_)
            | Op::EntryConst { .. }
            | Op::PktLoad { .. }
            | Op::PktStore { .. }
            | Op::PktZero { .. }
            | Op::MapStore { .. }
            | Op::MapAtomic { .. }
            | Op::MapUpdate { .. }
            | Op::MapDelete { .. }
            | Op::MapInsert { .. }
            | Op::MapRemove { .. }
            | Op::MapTouch { .. }
            | Op::EventOutput { .. } => None,
        }
    }
}

/// An existing value.
fn value(v: Value) -> Option<Simpler> {
    Some(Simpler::Value(v))
}

/// Another operation.
fn op(op: Op) -> Option<Simpler> {
    Some(Simpler::Op(op))
}
