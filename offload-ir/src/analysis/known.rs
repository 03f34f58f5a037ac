//! What is known of the integers of a program: bits, and unsigned and signed ranges.

use super::cfg::Cfg;
use crate::dfg::{low_mask, sign_extend, Dfg, Ty};
use crate::entities::{Block, Inst, Value};
use crate::function::Function;
use crate::op::Bounds;
use cranelift_entity::SecondaryMap;

mod transfer;

/// What is known of one integer. The three descriptions hold together; [`Known::refine`] lets each sharpen the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Width.
    pub bits: u8,
    /// Bits that are 0 (those above the width too).
    pub zeros: u64,
    /// Bits that are 1.
    pub ones: u64,
    /// Smallest, unsigned.
    pub umin: u64,
    /// Largest, unsigned.
    pub umax: u64,
    /// Smallest, signed.
    pub smin: i64,
    /// Largest, signed.
    pub smax: i64,
}

impl Known {
    /// Nothing known of `bits` bits.
    pub fn top(bits: u8) -> Self {
        let mask = low_mask(bits);
        let smin = sign_extend(1 << (bits - 1), bits);
        Self { bits, zeros: !mask, ones: 0, umin: 0, umax: mask, smin, smax: !smin }
    }

    /// Exactly `c` (cut to `bits` bits).
    pub fn constant(bits: u8, c: u64) -> Self {
        let c = c & low_mask(bits);
        let s = sign_extend(c, bits);
        Self { bits, zeros: !c, ones: c, umin: c, umax: c, smin: s, smax: s }
    }

    /// Known bits only.
    pub fn from_bits(bits: u8, zeros: u64, ones: u64) -> Self {
        Self { zeros: zeros | !low_mask(bits), ones: ones & low_mask(bits), ..Self::top(bits) }
            .refine()
    }

    /// An unsigned range.
    pub fn unsigned(bits: u8, umin: u64, umax: u64) -> Self {
        Self { umin, umax, ..Self::top(bits) }.refine()
    }

    /// A signed range.
    pub fn signed(bits: u8, smin: i64, smax: i64) -> Self {
        Self { smin, smax, ..Self::top(bits) }.refine()
    }

    /// The bounds of an offset.
    pub fn from_bounds(b: &Bounds) -> Self {
        let zeros = b.known_mask & !b.known_bits;
        Self { zeros, ones: b.known_bits, smin: b.min, smax: b.max, ..Self::top(64) }.refine()
    }

    /// The only possibility, if there is just one.
    pub fn as_constant(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }

    /// True if no number fits the description: control cannot get here.
    pub fn is_empty(&self) -> bool {
        self.umin > self.umax || self.smin > self.smax || self.zeros & self.ones != 0
    }

    /// Fewest bits that hold every possible value, unsigned; at least 1.
    pub fn active_bits(&self) -> u8 {
        (64 - self.umax.leading_zeros()).max(1) as u8
    }

    /// Could it be `c`?
    pub fn contains(&self, c: u64) -> bool {
        let s = sign_extend(c, self.bits);
        (self.umin..=self.umax).contains(&c)
            && (self.smin..=self.smax).contains(&s)
            && c & self.zeros == 0
            && !c & self.ones == 0
    }

    /// Numbers that fit one of the two.
    pub fn join(&self, other: &Self) -> Self {
        Self {
            bits: self.bits,
            zeros: self.zeros & other.zeros,
            ones: self.ones & other.ones,
            umin: self.umin.min(other.umin),
            umax: self.umax.max(other.umax),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
        }
    }

    /// Numbers that fit both.
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            bits: self.bits,
            zeros: self.zeros | other.zeros,
            ones: self.ones | other.ones,
            umin: self.umin.max(other.umin),
            umax: self.umax.min(other.umax),
            smin: self.smin.max(other.smin),
            smax: self.smax.min(other.smax),
        }
        .refine()
    }

    /// The same set, each description sharpened by the others.
    pub fn refine(mut self) -> Self {
        // Two rounds carry a fact from any description to any other.
        for _ in 0..2 {
            if self.is_empty() {
                return self;
            }
            self.umin = self.umin.max(self.ones);
            self.umax = self.umax.min(!self.zeros);
            self.signs();
            if self.is_empty() {
                return self;
            }
            // Bits above the highest one in which the ends of the range differ.
            let differ = self.umin ^ self.umax;
            let prefix = if differ == 0 { u64::MAX } else { !(u64::MAX >> differ.leading_zeros()) };
            self.zeros |= prefix & !self.umin;
            self.ones |= prefix & self.umin;
        }
        self
    }

    /// Ranges that do not cross the sign's border hold in both readings.
    fn signs(&mut self) {
        let mask = low_mask(self.bits);
        let sign = 1u64 << (self.bits - 1);
        if self.zeros & sign != 0 {
            self.smin = self.smin.max(0);
        }
        if self.ones & sign != 0 {
            self.smax = self.smax.min(-1);
        }
        if (self.smin < 0) == (self.smax < 0) {
            self.umin = self.umin.max(self.smin as u64 & mask);
            self.umax = self.umax.min(self.smax as u64 & mask);
        }
        if self.umin <= self.umax && (self.umin & sign) == (self.umax & sign) {
            self.smin = self.smin.max(sign_extend(self.umin, self.bits));
            self.smax = self.smax.min(sign_extend(self.umax, self.bits));
        }
    }
}

/// What is known of every integer, wherever it is defined (not of what branches say).
#[derive(Clone, Debug)]
pub struct ValueFacts {
    facts: SecondaryMap<Value, Option<Known>>,
}

impl ValueFacts {
    /// Of a `Function`. Parameters join what their block's predecessors pass; those of loop headers are unknown.
    pub fn new(func: &Function, cfg: &Cfg) -> Self {
        let mut this = Self { facts: SecondaryMap::new() };
        for &block in cfg.reverse_postorder() {
            this.params(func, cfg, block);
            this.order(&func.dfg, &func.blocks[block].insts);
        }
        this
    }

    /// Of operations in an order in which definitions come first.
    pub fn of_order(dfg: &Dfg, order: &[Inst]) -> Self {
        let mut this = Self { facts: SecondaryMap::new() };
        this.order(dfg, order);
        this
    }

    fn order(&mut self, dfg: &Dfg, order: &[Inst]) {
        for &inst in order {
            let data = &dfg.insts[inst];
            if let Some((v, Ty::Int(bits))) = data.result.map(|v| (v, dfg.ty(v))) {
                let known = transfer::transfer(dfg, &data.op, bits, |a| self.get(dfg, a));
                // An empty set means dead code; nothing is gained by contradictions.
                self.facts[v] = Some(if known.is_empty() { Known::top(bits) } else { known });
            }
        }
    }

    fn params(&mut self, func: &Function, cfg: &Cfg, block: Block) {
        let preds = cfg.preds(block);
        if preds.iter().any(|p| cfg.is_retreating(*p, block)) {
            return;
        }
        for (n, &param) in func.blocks[block].params.iter().enumerate() {
            let mut joined: Option<Known> = None;
            if func.dfg.ty(param).bits().is_none() {
                continue;
            }
            // A predecessor that branches here with both arms stands twice and is looked at twice; that does no harm.
            for pred in preds {
                for target in func.blocks[*pred].term.targets().filter(|t| t.block == block) {
                    let arg = self.get(&func.dfg, target.args[n]);
                    joined = Some(joined.map_or(arg, |j| j.join(&arg)));
                }
            }
            self.facts[param] = joined;
        }
    }

    /// Replaces what is known of `v`.
    pub(super) fn set(&mut self, v: Value, known: Known) {
        self.facts[v] = Some(known);
    }

    /// What is known of the integer `v`.
    pub fn get(&self, dfg: &Dfg, v: Value) -> Known {
        self.facts[v].unwrap_or_else(|| Known::top(dfg.bits(v)))
    }
}

/// What is known of the result of `op`, given what is known of its operands.
pub fn of_op(dfg: &Dfg, op: &crate::op::Op, bits: u8, of: impl Fn(Value) -> Known) -> Known {
    transfer::transfer(dfg, op, bits, of)
}

/// Does what is known of `a` and `b` decide `a op b`?
pub fn decide(op: crate::op::CmpOp, a: &Known, b: &Known) -> Option<bool> {
    transfer::decide(op, a, b)
}
