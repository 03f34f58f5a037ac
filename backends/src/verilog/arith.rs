//! Arithmetic, comparisons and bit shuffling.

use super::expr::Expr;
use super::places::bits_for;
use super::stage::StageEmitter;
use beeline_ir::analysis::evaluate::evaluate;
use beeline_ir::dfg::low_mask;
use beeline_ir::op::{BinOp, CmpOp, Op};
use beeline_ir::{Inst, Value};

impl StageEmitter<'_> {
    /// Emits a pure operation.
    pub(super) fn emit_arith(&mut self, inst: Inst) {
        let dfg = &self.layout.staged.pipeline.dfg;
        let v = dfg.insts[inst].result.expect("arithmetic has a result");
        let bits = self.layout.bits(v);
        if let Some(c) = evaluate(dfg, &dfg.insts[inst].op, dfg.ty(v), |v| self.known(v)) {
            self.define(inst, &Expr::constant(c, bits));
            return;
        }
        match &dfg.insts[inst].op {
            Op::Bin(op, a, b) => self.emit_bin(inst, *op, *a, *b),
            Op::Cmp(op, a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                self.define_or_fold(inst, compare(*op, &a, &b), false);
            }
            Op::Select { cond, if_true, if_false } => {
                let (cond, a, b) =
                    (self.operand(*cond), self.operand(*if_true), self.operand(*if_false));
                self.define(inst, &Expr::mux(&cond, &a, &b));
            }
            Op::Zext(a) => {
                let e = self.operand(*a).zext(bits);
                self.define_or_fold(inst, e, true);
            }
            Op::Sext(a) => {
                let e = self.selectable(*a).sext(bits);
                self.define(inst, &e);
            }
            Op::Extract { value, lo } => {
                let e = self.selectable(*value).extract(u32::from(*lo), bits);
                self.define_or_fold(inst, e, true);
            }
            Op::Concat(parts) => {
                let parts = parts.iter().rev().map(|p| self.operand(*p)).collect();
                self.define_or_fold(inst, Expr::concat(parts), false);
            }
            Op::Bswap(a) => {
                let a = self.selectable(*a);
                let bytes = (0..bits / 8).map(|n| a.extract(8 * n, 8)).collect();
                self.define(inst, &Expr::concat(bytes));
            }
            _ => unreachable!("not arithmetic"),
        }
    }

    fn emit_bin(&mut self, inst: Inst, op: BinOp, a: Value, b: Value) {
        let (a, b) = (self.operand(a), self.operand(b));
        let flag = a.bits() == 1;
        let e = match op {
            BinOp::And if flag => Expr::and(&a, &b),
            BinOp::Or if flag => Expr::or(&a, &b),
            BinOp::Xor if b.as_const() == Some(1) && flag => Expr::not(&a),
            BinOp::Xor if a.as_const() == Some(1) && flag => Expr::not(&b),
            BinOp::Add => Expr::binary("+", &a.as_count(), &b.as_count()),
            BinOp::Sub => Expr::binary("-", &a.as_count(), &b.as_count()),
            BinOp::Mul => Expr::binary("*", &a.as_count(), &b.as_count()),
            BinOp::And => Expr::binary("&", &a, &b),
            BinOp::Or => Expr::binary("|", &a, &b),
            BinOp::Xor => Expr::binary("^", &a, &b),
            BinOp::Shl | BinOp::LShr | BinOp::AShr => shift(op, &a, &b),
            BinOp::UDiv | BinOp::URem | BinOp::SDiv | BinOp::SRem => divide(op, &a, &b),
        };
        if flag && matches!(op, BinOp::And | BinOp::Or | BinOp::Xor) {
            self.define_or_fold(inst, e, false);
        } else {
            self.define(inst, &e);
        }
    }
}

/// A comparison. Those that cannot go both ways become literals: lint has no patience with them.
pub(super) fn compare(op: CmpOp, a: &Expr, b: &Expr) -> Expr {
    let bits = a.bits() as u8;
    let (ca, cb) = (a.as_const(), b.as_const());
    let truth = |t: bool| Expr::constant(u64::from(t), 1);
    if let (Some(x), Some(y)) = (ca, cb) {
        return truth(beeline_ir::analysis::arith::compare(op, bits, x, y));
    }
    let umax = low_mask(bits);
    let (smin, smax) = (1u64 << (bits - 1), umax >> 1);
    match op {
        CmpOp::Eq | CmpOp::Ne if bits == 1 => equal_flags(op, a, b),
        CmpOp::Eq => Expr::compare("==", a, b),
        CmpOp::Ne => Expr::compare("!=", a, b),
        CmpOp::Ult if cb == Some(0) || ca == Some(umax) => truth(false),
        CmpOp::Ule if ca == Some(0) || cb == Some(umax) => truth(true),
        CmpOp::Slt if cb == Some(smin) || ca == Some(smax) => truth(false),
        CmpOp::Sle if ca == Some(smin) || cb == Some(smax) => truth(true),
        // What is left of these two is an equality.
        CmpOp::Ule if cb == Some(0) => Expr::compare("==", a, b),
        CmpOp::Ule if ca == Some(umax) => Expr::compare("==", b, a),
        CmpOp::Sle if cb == Some(smin) || ca == Some(smax) => Expr::compare("==", a, b),
        CmpOp::Ult => ordered(Expr::compare, "<", ">", a, b),
        CmpOp::Ule => ordered(Expr::compare, "<=", ">=", a, b),
        CmpOp::Slt => ordered(Expr::compare_signed, "<", ">", a, b),
        CmpOp::Sle => ordered(Expr::compare_signed, "<=", ">=", a, b),
    }
}

/// `a op b`, turned round if `a` is a literal: `x > 5` reads better than `5 < x`.
fn ordered(
    f: fn(&'static str, &Expr, &Expr) -> Expr,
    op: &'static str,
    turned: &'static str,
    a: &Expr,
    b: &Expr,
) -> Expr {
    if a.as_const().is_some() {
        f(turned, b, &a.as_count())
    } else {
        f(op, a, &b.as_count())
    }
}

/// Equality of single bits.
fn equal_flags(op: CmpOp, a: &Expr, b: &Expr) -> Expr {
    let (flag, constant) = match (a.as_const(), b.as_const()) {
        (Some(c), None) => (b, c),
        (None, Some(c)) => (a, c),
        _ if op == CmpOp::Eq => return Expr::compare("==", a, b),
        _ => return Expr::compare("!=", a, b),
    };
    if (constant == 1) == (op == CmpOp::Eq) {
        flag.clone()
    } else {
        Expr::not(flag)
    }
}

/// A shift. A literal amount gets a literal as short as it can be; one that is too large is settled here, since
/// tools do not take shifts by billions.
fn shift(op: BinOp, a: &Expr, amount: &Expr) -> Expr {
    let bits = u64::from(a.bits());
    let by = match amount.as_const() {
        Some(n) if n >= bits && op != BinOp::AShr => return Expr::zero(a.bits()),
        Some(n) => Expr::constant(n.min(bits - 1), bits_for(bits - 1)),
        None => amount.clone(),
    };
    match op {
        BinOp::Shl => Expr::shift("<<", a, &by),
        BinOp::LShr => Expr::shift(">>", a, &by),
        _ => Expr::shift_signed(a, &by),
    }
}

/// Division as the instruction set defines it: a divisor of 0 gives 0, or leaves the dividend as the remainder.
///
/// The scheduler places no division in this version of the hardware except by constants that it has rewritten; the
/// combinational operator is right for any that are left.
fn divide(op: BinOp, a: &Expr, b: &Expr) -> Expr {
    let bits = a.bits();
    let by_zero = Expr::compare("==", b, &Expr::zero(bits));
    let minus_one = Expr::compare("==", b, &Expr::constant(u64::MAX, bits));
    let zero = Expr::zero(bits);
    let signed = |op: &str| {
        Expr::closed(
            format!("$unsigned($signed({}) {op} $signed({}))", a.text(), b.text()),
            bits,
            &[a, b],
        )
    };
    match op {
        BinOp::UDiv => Expr::mux(&by_zero, &zero, &Expr::binary("/", a, b)),
        BinOp::URem => Expr::mux(&by_zero, a, &Expr::binary("%", a, b)),
        // The quotient by -1 is the negation, which wraps for the smallest number.
        BinOp::SDiv => {
            let negated = Expr::binary("-", &zero, a);
            Expr::mux(&by_zero, &zero, &Expr::mux(&minus_one, &negated, &signed("/")))
        }
        _ => Expr::mux(&by_zero, a, &Expr::mux(&minus_one, &zero, &signed("%"))),
    }
}
