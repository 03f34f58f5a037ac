//! Stores at computed coordinates.

use super::Lowering;
use crate::dfg::Dfg;
use crate::entities::Inst;
use crate::op::{BinOp, Bounds, CmpOp, Op};
use crate::schedule::window::{Touch, Touches};
use crate::Ty;
use std::collections::BTreeSet;

/// A store at more coordinates than this stays one operation.
const MAX_PLACES: usize = 64;

/// Stores in `order` behind which a load may see one of their bytes.
pub(super) fn loads_behind_stores(dfg: &Dfg, order: &[Inst]) -> BTreeSet<Inst> {
    let mut touches = Touches::default();
    let mut loaded: Vec<Option<Touch>> = Vec::new();
    let mut found = BTreeSet::new();
    for &inst in order.iter().rev() {
        match dfg.insts[inst].op {
            Op::PktLoad { .. } => loaded.push(touches.of(dfg, inst)),
            Op::PktStore { .. } => {
                let mine = touches.of(dfg, inst);
                let seen = |load: &Option<Touch>| match (load, &mine) {
                    (Some(load), Some(mine)) => load.overlaps(mine),
                    _ => true,
                };
                if loaded.iter().any(seen) {
                    found.insert(inst);
                }
            }
            _ => {}
        }
    }
    found
}

impl Lowering<'_> {
    /// Replaces the store `inst` by one for each coordinate that it may go to, under the condition that it does;
    /// false if it stays as it is.
    ///
    /// A byte that a store may leave alone would have to travel from the first stage to the last; a byte
    /// that is stored under a condition exists from the store on.
    pub(super) fn expand_store(&mut self, inst: Inst) -> bool {
        let Some(touch) = self.touches.of(&self.e.dfg, inst) else { return false };
        if touch.firsts.len() < 2 || touch.firsts.len() > MAX_PLACES {
            return false;
        }
        let data = self.e.dfg.insts[inst].clone();
        let Op::PktStore { base, off, value, .. } = data.op else { return false };
        let coordinate = self.low_coordinate(base, off, &touch);
        let zero = self.e.constant(64, 0);
        for &first in &touch.firsts {
            let bits = self.e.dfg.bits(coordinate);
            let place = self.e.constant(bits, first as u64);
            let here = self.cmp(CmpOp::Eq, coordinate, place);
            let pred = match data.pred {
                Some(pred) => self.bin(BinOp::And, pred, here),
                None => here,
            };
            let off = self.e.constant(64, i64::from(first) as u64);
            let bounds = Bounds::constant(first.into());
            let store = self.e.dfg.make_inst(
                Op::PktStore { base: zero, off, bounds, value },
                None,
                data.src,
            );
            self.e.dfg.insts[store].pred = Some(pred);
            self.e.place(store);
        }
        true
    }

    /// As many low bits of `base + off` as tell the coordinates apart.
    fn low_coordinate(
        &mut self,
        base: crate::Value,
        off: crate::Value,
        touch: &Touch,
    ) -> crate::Value {
        let distinct = |bits: u8| {
            let low: BTreeSet<u64> =
                touch.firsts.iter().map(|&c| c as u64 & crate::dfg::low_mask(bits)).collect();
            low.len() == touch.firsts.len()
        };
        let bits = (1..=17).find(|&b| distinct(b)).unwrap_or(17);
        let sum = match self.e.dfg.as_const(base) {
            Some(0) => off,
            _ => self.e.op(Op::Bin(BinOp::Add, base, off), Ty::Int(64)),
        };
        self.extract(sum, 0, bits)
    }
}
