//! Brings the keys of lookups that become one to the same division into parts.

use crate::entities::Value;
use crate::if_convert::Emitter;
use crate::op::Op;
use crate::Ty;
use std::collections::BTreeSet;

/// Splits every key at every bit at which one of them is split.
pub(crate) fn split_alike(e: &mut Emitter, keys: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    let mut cuts: BTreeSet<u32> = BTreeSet::new();
    for key in &keys {
        let mut at = 0;
        for &part in key {
            at += u32::from(e.dfg.bits(part));
            cuts.insert(at);
        }
    }
    keys.into_iter().map(|key| split(e, &key, &cuts)).collect()
}

fn split(e: &mut Emitter, key: &[Value], cuts: &BTreeSet<u32>) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut start = 0;
    for &part in key {
        let end = start + u32::from(e.dfg.bits(part));
        let mut lo = start;
        for &cut in cuts.range(start + 1..=end) {
            parts.push(if (lo, cut) == (start, end) {
                part
            } else {
                slice(e, part, lo - start, cut - lo)
            });
            lo = cut;
        }
        start = end;
    }
    parts
}

/// `bits` bits of `part` from `lo` on.
fn slice(e: &mut Emitter, part: Value, lo: u32, bits: u32) -> Value {
    match e.dfg.as_const(part) {
        Some(c) => e.constant(bits as u8, c >> lo),
        None => e.op(Op::Extract { value: part, lo: lo as u8 }, Ty::Int(bits as u8)),
    }
}
