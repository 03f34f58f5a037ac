//! What the comparison is worth: mistakes that a pass could make, and whether generated programs show them.

use super::levels::tampered;
use beeline_ir::op::{AtomicOp, BinOp, CmpOp, Op};
use beeline_testbench::generate::{generate, Options};

/// A way to get one operation wrong. True if the operation is one that it concerns.
type Mistake = fn(&mut Op) -> bool;

const MISTAKES: [(&str, Mistake); 14] = [
    ("below for at most", |op| compare(op, CmpOp::Ult, CmpOp::Ule)),
    ("at most for below", |op| compare(op, CmpOp::Ule, CmpOp::Ult)),
    ("unsigned for signed", |op| compare(op, CmpOp::Slt, CmpOp::Ult)),
    ("logical for arithmetic shift", |op| arithmetic(op, BinOp::AShr, BinOp::LShr)),
    ("unsigned for signed division", |op| arithmetic(op, BinOp::SDiv, BinOp::UDiv)),
    ("unsigned for signed remainder", |op| arithmetic(op, BinOp::SRem, BinOp::URem)),
    ("or for exclusive or", |op| arithmetic(op, BinOp::Xor, BinOp::Or)),
    ("zeros for the sign", |op| match *op {
        Op::Sext(v) => replace(op, Op::Zext(v)),
        _ => false,
    }),
    ("arms of a select swapped", |op| match op {
        Op::Select { if_true, if_false, .. } => {
            std::mem::swap(if_true, if_false);
            true
        }
        _ => false,
    }),
    ("bytes not reversed", |op| match *op {
        Op::Bswap(v) => replace(op, Op::Extract { value: v, lo: 0 }),
        _ => false,
    }),
    ("parts in the wrong order", |op| match op {
        Op::Concat(parts) if parts.len() > 1 => {
            parts.reverse();
            true
        }
        _ => false,
    }),
    ("a cut tail grown again with its old bytes", |op| match op {
        Op::PktZero { from, to } => {
            *to = *from;
            true
        }
        _ => false,
    }),
    ("an atomic addition that sets bits", |op| match op {
        Op::MapAtomic { op: op @ AtomicOp::Add, .. } => {
            *op = AtomicOp::Or;
            true
        }
        _ => false,
    }),
    ("the right bytes of the wrong place", |op| match op {
        Op::PktStore { base, off, .. } => {
            std::mem::swap(base, off);
            *off = *base;
            true
        }
        _ => false,
    }),
];

fn compare(op: &mut Op, from: CmpOp, to: CmpOp) -> bool {
    match op {
        Op::Cmp(c, ..) if *c == from => {
            *c = to;
            true
        }
        _ => false,
    }
}

fn arithmetic(op: &mut Op, from: BinOp, to: BinOp) -> bool {
    match op {
        Op::Bin(b, ..) if *b == from => {
            *b = to;
            true
        }
        _ => false,
    }
}

fn replace(op: &mut Op, by: Op) -> bool {
    *op = by;
    true
}

/// Each mistake, made everywhere in a program, shows within this many programs that it concerns.
const PROGRAMS: usize = 150;

#[test]
fn mistakes_show() {
    let cases: Vec<_> = (0..300).map(|s| generate(s, &Options::function(), 24)).collect();
    for (name, mistake) in MISTAKES {
        let mut concerned = 0;
        let shown = cases.iter().any(|case| {
            let result = if concerned < PROGRAMS { tampered(case, mistake) } else { None };
            concerned += usize::from(result.is_some());
            result == Some(true)
        });
        assert!(shown, "{name}: not seen in {concerned} programs");
    }
}
