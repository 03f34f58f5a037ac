//! Verilog expressions as text that knows its width.
//!
//! Verilog widens operands to the context, and turns a whole expression unsigned if one operand is. Nothing of that can
//! happen here: every [`Expr`] has exactly `bits` bits on its own (self-determined), operands of an operator have equal widths,
//! and signed operators stand inside `$signed`/`$unsigned`.

use beeline_ir::dfg::{low_mask, sign_extend};

/// A range of bits of a signal that an expression reads, for finding out which bits nobody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// The signal.
    pub signal: String,
    /// Lowest bit read.
    pub lo: u32,
    /// Bits read.
    pub bits: u32,
}

/// What kind of text an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// A literal of at most 64 bits.
    Const(u64),
    /// Bits `lo ..` of a signal that has `width` bits: parts of it can be selected.
    Slice { signal: String, width: u32, lo: u32 },
    /// Concatenation, call or other text that needs no parentheses as an operand.
    Closed,
    /// `a op b` with this operator, or a unary or ternary expression (empty string).
    Open(&'static str),
}

/// An expression of exactly `bits` bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    text: String,
    bits: u32,
    form: Form,
    /// Text of the opposite, of a comparison.
    opposite: Option<String>,
    refs: Vec<Ref>,
}

impl Expr {
    /// The literal `value`, of 1 to 64 bits.
    pub fn constant(value: u64, bits: u32) -> Self {
        let value = value & low_mask(bits as u8);
        Self {
            text: literal(value, bits),
            bits,
            form: Form::Const(value),
            opposite: None,
            refs: Vec::new(),
        }
    }

    /// A zero of any width.
    pub fn zero(bits: u32) -> Self {
        if bits <= 64 {
            return Self::constant(0, bits);
        }
        Self {
            text: format!("{bits}'d0"),
            bits,
            form: Form::Closed,
            opposite: None,
            refs: Vec::new(),
        }
    }

    /// The whole of a signal of `bits` bits.
    pub fn signal(name: &str, bits: u32) -> Self {
        Self::slice(name, bits, 0, bits)
    }

    /// Bits `lo .. lo + bits` of a signal of `width` bits.
    pub fn slice(name: &str, width: u32, lo: u32, bits: u32) -> Self {
        debug_assert!(lo + bits <= width, "{name}: {lo}+{bits} > {width}");
        let text = if bits == width {
            name.to_owned()
        } else if bits == 1 {
            format!("{name}[{lo}]")
        } else {
            format!("{name}[{}:{lo}]", lo + bits - 1)
        };
        let signal = name.to_owned();
        let refs = vec![Ref { signal: signal.clone(), lo, bits }];
        Self { text, bits, form: Form::Slice { signal, width, lo }, opposite: None, refs }
    }

    /// Free text that needs no parentheses and reads all of `parts`.
    pub fn closed(text: String, bits: u32, parts: &[&Expr]) -> Self {
        Self { text, bits, form: Form::Closed, opposite: None, refs: refs_of(parts) }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Width.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The same, a literal in decimal digits if it is a count rather than a pattern.
    pub fn as_count(&self) -> Self {
        match self.form {
            Form::Const(c) if c < 1 << 20 && self.bits > 1 => {
                Self { text: format!("{}'d{c}", self.bits), ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// What it reads.
    pub fn refs(&self) -> &[Ref] {
        &self.refs
    }

    /// The value of a literal.
    pub fn as_const(&self) -> Option<u64> {
        match self.form {
            Form::Const(c) => Some(c),
            _ => None,
        }
    }

    /// True if parts of it can be selected: it is a signal, a part of one, or a literal.
    pub fn is_selectable(&self) -> bool {
        matches!(self.form, Form::Slice { .. } | Form::Const(_))
    }

    /// The text as an operand of `op`.
    fn operand(&self, op: &str) -> String {
        let chains = matches!(op, "&&" | "||" | "&" | "|" | "^" | "+");
        match self.form {
            Form::Open(own) if !(chains && own == op) => format!("({})", self.text),
            _ => self.text.clone(),
        }
    }

    /// Bits `lo .. lo + bits`.
    ///
    /// # Panics
    /// If it is not selectable and a proper part is asked for.
    pub fn extract(&self, lo: u32, bits: u32) -> Self {
        if bits == self.bits {
            return self.clone();
        }
        match &self.form {
            Form::Const(c) => Self::constant(c >> lo, bits),
            Form::Slice { signal, width, lo: own } => Self::slice(signal, *width, own + lo, bits),
            _ => panic!("no part-select of `{}`: the caller names it first", self.text),
        }
    }

    /// `a op b`, both of the same width; the result has it too.
    pub fn binary(op: &'static str, a: &Expr, b: &Expr) -> Self {
        debug_assert_eq!(a.bits, b.bits, "{} {op} {}", a.text, b.text);
        let text = format!("{} {op} {}", a.operand(op), b.operand(op));
        Self { text, bits: a.bits, form: Form::Open(op), opposite: None, refs: refs_of(&[a, b]) }
    }

    /// `a op amount`, a shift by an amount of any width.
    pub fn shift(op: &'static str, a: &Expr, amount: &Expr) -> Self {
        let text = format!("{} {op} {}", a.operand(op), amount.operand(op));
        Self {
            text,
            bits: a.bits,
            form: Form::Open(op),
            opposite: None,
            refs: refs_of(&[a, amount]),
        }
    }

    /// `a op b`, a comparison of equal widths, one bit.
    pub fn compare(op: &'static str, a: &Expr, b: &Expr) -> Self {
        debug_assert_eq!(a.bits, b.bits, "{} {op} {}", a.text, b.text);
        Self::comparison(op, a.operand(op), b.operand(op), &[a, b])
    }

    /// `a op b` on signed operands, one bit.
    pub fn compare_signed(op: &'static str, a: &Expr, b: &Expr) -> Self {
        debug_assert_eq!(a.bits, b.bits, "{} {op} {}", a.text, b.text);
        Self::comparison(op, a.signed(), b.signed(), &[a, b])
    }

    fn comparison(op: &'static str, a: String, b: String, parts: &[&Expr]) -> Self {
        let opposite = match op {
            "==" => "!=",
            "!=" => "==",
            "<" => ">=",
            "<=" => ">",
            ">" => "<=",
            _ => "<",
        };
        Self {
            text: format!("{a} {op} {b}"),
            bits: 1,
            form: Form::Open(op),
            opposite: Some(format!("{a} {opposite} {b}")),
            refs: refs_of(parts),
        }
    }

    /// Arithmetic right shift; sheltered from unsigned neighbours.
    pub fn shift_signed(a: &Expr, amount: &Expr) -> Self {
        let text = format!("$unsigned({} >>> {})", a.signed(), amount.operand(">>>"));
        Self { text, bits: a.bits, form: Form::Closed, opposite: None, refs: refs_of(&[a, amount]) }
    }

    fn signed(&self) -> String {
        let bits = self.bits;
        let Some(c) = self.as_const() else { return format!("$signed({})", self.text) };
        let c = sign_extend(c, bits as u8);
        if c >= 0 {
            format!("{bits}'sd{c}")
        } else if c == sign_extend(1 << (bits - 1), bits as u8) {
            format!("$signed({})", self.text)
        } else {
            format!("-{bits}'sd{}", -c)
        }
    }

    /// `cond ? a : b`, simplified where `cond` is a literal.
    pub fn mux(cond: &Expr, a: &Expr, b: &Expr) -> Self {
        debug_assert_eq!(a.bits, b.bits);
        match cond.as_const() {
            Some(0) => return b.clone(),
            Some(_) => return a.clone(),
            None => {}
        }
        let text = format!("{} ? {} : {}", cond.operand("?"), a.operand("?"), b.operand("?"));
        Self {
            text,
            bits: a.bits,
            form: Form::Open("?"),
            opposite: None,
            refs: refs_of(&[cond, a, b]),
        }
    }

    /// Logical and of single bits, simplified.
    pub fn and(a: &Expr, b: &Expr) -> Self {
        match (a.as_const(), b.as_const()) {
            (Some(0), _) | (_, Some(0)) => Self::constant(0, 1),
            (Some(_), _) => b.clone(),
            (_, Some(_)) => a.clone(),
            _ => Self::binary("&&", a, b),
        }
    }

    /// Logical or of single bits, simplified.
    pub fn or(a: &Expr, b: &Expr) -> Self {
        match (a.as_const(), b.as_const()) {
            (Some(1), _) | (_, Some(1)) => Self::constant(1, 1),
            (Some(_), _) => b.clone(),
            (_, Some(_)) => a.clone(),
            _ => Self::binary("||", a, b),
        }
    }

    /// Inversion of a single bit.
    pub fn not(a: &Expr) -> Self {
        if let Some(c) = a.as_const() {
            return Self::constant(c ^ 1, 1);
        }
        if let Some(text) = &a.opposite {
            return Self { text: text.clone(), opposite: Some(a.text.clone()), ..a.clone() };
        }
        let text = match a.form {
            Form::Open(_) => format!("!({})", a.text),
            _ => format!("!{}", a.text),
        };
        Self { text, bits: 1, form: Form::Closed, opposite: None, refs: a.refs.clone() }
    }

    /// Concatenation, most significant part first (as Verilog writes it). Neighbouring parts of one signal and
    /// neighbouring literals are joined.
    pub fn concat(parts: Vec<Expr>) -> Self {
        let mut joined: Vec<Expr> = Vec::new();
        for part in parts {
            match joined.last().and_then(|high| Self::join(high, &part)) {
                Some(e) => *joined.last_mut().expect("just looked at") = e,
                None => joined.push(part),
            }
        }
        if joined.len() == 1 {
            return joined.remove(0);
        }
        let text = joined.iter().map(|e| e.text.as_str()).collect::<Vec<_>>().join(", ");
        let bits = joined.iter().map(|e| e.bits).sum();
        let refs = joined.into_iter().flat_map(|e| e.refs).collect();
        Self { text: format!("{{{text}}}"), bits, form: Form::Closed, opposite: None, refs }
    }

    /// `{high, low}` as one part, if the two are neighbours.
    fn join(high: &Expr, low: &Expr) -> Option<Expr> {
        let bits = high.bits + low.bits;
        match (&high.form, &low.form) {
            (Form::Const(h), Form::Const(l)) if bits <= 64 => {
                Some(Self::constant(h << low.bits | l, bits))
            }
            (Form::Const(0), _) | (Form::Closed, _) if high.is_zero() && low.is_zero() => {
                Some(Self::zero(bits))
            }
            (Form::Slice { signal: a, width, lo: h }, Form::Slice { signal: b, lo: l, .. })
                if a == b && *h == l + low.bits =>
            {
                Some(Self::slice(a, *width, *l, bits))
            }
            _ => None,
        }
    }

    fn is_zero(&self) -> bool {
        self.as_const() == Some(0) || self.text == format!("{}'d0", self.bits)
    }

    /// Zero extension to `bits`.
    pub fn zext(&self, bits: u32) -> Self {
        if bits == self.bits {
            return self.clone();
        }
        Self::concat(vec![Self::zero(bits - self.bits), self.clone()])
    }

    /// Sign extension to `bits`; the operand must be selectable.
    pub fn sext(&self, bits: u32) -> Self {
        if bits == self.bits {
            return self.clone();
        }
        if let Some(c) = self.as_const() {
            return Self::constant(sign_extend(c, self.bits as u8) as u64, bits);
        }
        let sign = self.extract(self.bits - 1, 1);
        let n = bits - self.bits;
        let copies = Self::closed(format!("{{{n}{{{}}}}}", sign.text), n, &[&sign]);
        Self::concat(vec![copies, self.clone()])
    }

    /// Adjusts to `bits`: low bits, or zero extension.
    pub fn resize(&self, bits: u32) -> Self {
        if bits <= self.bits {
            self.extract(0, bits)
        } else {
            self.zext(bits)
        }
    }
}

fn refs_of(parts: &[&Expr]) -> Vec<Ref> {
    parts.iter().flat_map(|e| e.refs.iter().cloned()).collect()
}

/// A sized literal: decimal where small, else hexadecimal in groups of four digits.
fn literal(value: u64, bits: u32) -> String {
    if bits == 1 {
        return format!("1'b{value}");
    }
    if value < 256 {
        return format!("{bits}'d{value}");
    }
    let digits = format!("{value:x}");
    let mut grouped = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 4 == 0 {
            grouped.push('_');
        }
        grouped.push(c);
    }
    format!("{bits}'h{grouped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_parts() {
        assert_eq!(Expr::constant(0x0800, 16).text(), "16'h800");
        assert_eq!(Expr::constant(u64::MAX, 32).text(), "32'hffff_ffff");
        assert_eq!(Expr::constant(17, 8).text(), "8'd17");
        let w = Expr::signal("w", 32);
        assert_eq!(w.extract(8, 8).extract(4, 1).text(), "w[12]");
        assert_eq!(w.extract(0, 32).text(), "w");
        assert_eq!(Expr::constant(0xabcd, 16).extract(8, 8).as_const(), Some(0xab));
    }

    #[test]
    fn neighbours_join() {
        let w = Expr::signal("w", 32);
        let e = Expr::concat(vec![
            w.extract(16, 8),
            w.extract(8, 8),
            Expr::constant(0, 60),
            Expr::constant(0, 60),
        ]);
        assert_eq!(e.text(), "{w[23:8], 120'd0}");
        assert_eq!(e.bits(), 136);
        assert_eq!(Expr::concat(vec![w.extract(16, 16), w.extract(0, 16)]).text(), "w");
        assert_eq!(w.sext(40).text(), "{{8{w[31]}}, w}");
    }

    #[test]
    fn operators_keep_their_meaning() {
        let (a, b) = (Expr::signal("a", 8), Expr::signal("b", 8));
        let sum = Expr::binary("+", &a, &b);
        assert_eq!(Expr::binary("-", &a, &sum).text(), "a - (a + b)");
        assert_eq!(Expr::binary("+", &sum, &a).text(), "a + b + a");
        let lt = Expr::compare_signed("<", &a, &Expr::constant(0xfe, 8));
        assert_eq!(lt.text(), "$signed(a) < -8'sd2");
        assert_eq!(
            Expr::compare_signed("<", &a, &Expr::constant(0x80, 8)).text(),
            "$signed(a) < $signed(8'd128)"
        );
        assert_eq!(Expr::and(&lt, &Expr::constant(1, 1)), lt);
        assert_eq!(
            Expr::mux(&Expr::and(&lt, &lt), &a, &b).text(),
            "(($signed(a) < -8'sd2) && ($signed(a) < -8'sd2)) ? a : b"
        );
    }
}
