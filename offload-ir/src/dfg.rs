//! The data-flow graph that all forms share: values, operations, maps, source locations.

use crate::diagnostic::SourceLine;
use crate::entities::{Block, Inst, MapId, Src, Value};
use crate::map::MapDecl;
use crate::op::Op;
use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::PrimaryMap;

/// Type of an SSA value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ty {
    /// Bit vector of 1 to 64 bits.
    Int(u8),
    /// Reference to an entry of a map, or null.
    Entry(MapId),
}

impl Ty {
    /// Width of an integer type; `None` for entries.
    pub fn bits(self) -> Option<u8> {
        match self {
            Ty::Int(n) => Some(n),
            Ty::Entry(_) => None,
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueDef {
    /// Result of an operation.
    Inst(Inst),
    /// Parameter `1` of block `0` (only in a `Function`).
    Param(Block, u32),
}

/// A value: type, definition, and the name it carries into generated code.
#[derive(Clone, Debug)]
pub struct ValueData {
    /// Type.
    pub ty: Ty,
    /// Definition.
    pub def: ValueDef,
    /// Name hint from the source program (`ip_protocol`, `insn12_r3`), not unique.
    pub name: Option<String>,
}

/// An operation in place.
#[derive(Clone, Debug)]
pub struct InstData {
    /// What it does.
    pub op: Op,
    /// Its result, if it has one. Stores have none; every other operation has one.
    pub result: Option<Value>,
    /// Predicate (`i1`), in a `Pipeline` only. Of an effect: it happens only if this is 1; `None` means always.
    /// Of a load or lookup: the result matters only if this is 1 (the operation itself is executed
    /// speculatively); written by `if_convert`, used and removed by `share_ports`, which lets exclusive accesses share
    /// a port. No other operation has one.
    pub pred: Option<Value>,
    /// Where in the user's program it comes from.
    pub src: PackedOption<Src>,
}

/// An instruction of the user's program, for comments, attributes and messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceLoc {
    /// Linked program counter (8-byte slots).
    pub pc: u32,
    /// Disassembly.
    pub insn: String,
    /// C line.
    pub line: Option<SourceLine>,
}

/// Values, operations, maps and source locations of one program.
#[derive(Clone, Debug, Default)]
pub struct Dfg {
    /// Maps, in the order of the object file.
    pub maps: PrimaryMap<MapId, MapDecl>,
    /// Values.
    pub values: PrimaryMap<Value, ValueData>,
    /// Operations; those not in a block (or in a pipeline's order) are dead.
    pub insts: PrimaryMap<Inst, InstData>,
    /// Source locations.
    pub sources: PrimaryMap<Src, SourceLoc>,
}

impl Dfg {
    /// Makes an operation (not yet placed) with a result of type `ty`, or none.
    pub fn make_inst(&mut self, op: Op, ty: Option<Ty>, src: PackedOption<Src>) -> Inst {
        let inst = self.insts.push(InstData { op, result: None, pred: None, src });
        if let Some(ty) = ty {
            let v = self.values.push(ValueData { ty, def: ValueDef::Inst(inst), name: None });
            self.insts[inst].result = Some(v);
        }
        inst
    }

    /// Type of `v`.
    pub fn ty(&self, v: Value) -> Ty {
        self.values[v].ty
    }

    /// Width of the integer `v`.
    ///
    /// # Panics
    /// If `v` is an entry; validated IR never asks.
    pub fn bits(&self, v: Value) -> u8 {
        self.ty(v).bits().expect("an integer operand, by invariant of the operation")
    }

    /// The operation that defines `v`, if it is not a block parameter.
    pub fn def(&self, v: Value) -> Option<&Op> {
        match self.values[v].def {
            ValueDef::Inst(i) => Some(&self.insts[i].op),
            ValueDef::Param(..) => None,
        }
    }

    /// The operation that defines `v`, by index.
    pub fn maker(&self, v: Value) -> Option<Inst> {
        match self.values[v].def {
            ValueDef::Inst(i) => Some(i),
            ValueDef::Param(..) => None,
        }
    }

    /// The constant that `v` is, if it is one.
    pub fn as_const(&self, v: Value) -> Option<u64> {
        match self.def(v) {
            Some(Op::Const(c)) => Some(*c),
            _ => None,
        }
    }
}

/// The mask of the `bits` low bits (1 to 64).
pub fn low_mask(bits: u8) -> u64 {
    u64::MAX >> (64 - u32::from(bits))
}

/// `x`, an integer of `bits` bits, sign-extended to 64.
pub fn sign_extend(x: u64, bits: u8) -> i64 {
    let shift = 64 - u32::from(bits);
    ((x << shift) as i64) >> shift
}
