//! Keywords of the textual form: one table for each enum, used by the printer and the parser alike.

use crate::op::{AtomicOp, BinOp, CmpOp, Input};

/// Two-operand arithmetic.
pub(super) const BIN_OPS: [(&str, BinOp); 13] = [
    ("add", BinOp::Add),
    ("sub", BinOp::Sub),
    ("mul", BinOp::Mul),
    ("udiv", BinOp::UDiv),
    ("urem", BinOp::URem),
    ("sdiv", BinOp::SDiv),
    ("srem", BinOp::SRem),
    ("and", BinOp::And),
    ("or", BinOp::Or),
    ("xor", BinOp::Xor),
    ("shl", BinOp::Shl),
    ("lshr", BinOp::LShr),
    ("ashr", BinOp::AShr),
];

/// Comparisons.
pub(super) const CMP_OPS: [(&str, CmpOp); 6] = [
    ("eq", CmpOp::Eq),
    ("ne", CmpOp::Ne),
    ("ult", CmpOp::Ult),
    ("ule", CmpOp::Ule),
    ("slt", CmpOp::Slt),
    ("sle", CmpOp::Sle),
];

/// Atomic operations.
pub(super) const ATOMIC_OPS: [(&str, AtomicOp); 6] = [
    ("atomic_add", AtomicOp::Add),
    ("atomic_or", AtomicOp::Or),
    ("atomic_and", AtomicOp::And),
    ("atomic_xor", AtomicOp::Xor),
    ("atomic_xchg", AtomicOp::Xchg),
    ("atomic_cmpxchg", AtomicOp::CmpXchg),
];

/// Trace inputs.
pub(super) const INPUTS: [(&str, Input); 7] = [
    ("packet_len", Input::PacketLen),
    ("ingress_ifindex", Input::IngressIfindex),
    ("rx_queue_index", Input::RxQueueIndex),
    ("time_ns", Input::TimeNs),
    ("cpu_id", Input::CpuId),
    ("packet_index", Input::PacketIndex),
    ("seed", Input::Seed),
];

/// The keyword of `item`.
pub(super) fn name_of<T: PartialEq + Copy>(table: &[(&'static str, T)], item: T) -> &'static str {
    let row = table.iter().find(|(_, t)| *t == item);
    row.expect("every variant stands in its table").0
}

/// What `word` names.
pub(super) fn named<T: Copy>(table: &[(&'static str, T)], word: &str) -> Option<T> {
    table.iter().find(|(n, _)| *n == word).map(|(_, t)| *t)
}
