//! The statements of one module, as text, with what is known of each signal: who declared it, which bits are read.

use super::expr::Expr;
use super::source::Sources;
use beeline_ir::diagnostic::SourceLine;
use beeline_ir::Src;
use std::collections::BTreeMap;

/// Widest line of generated code.
const LINE_WIDTH: usize = 110;

/// A signal of the module and the bits of it that are read.
struct Signal {
    name: String,
    read: Vec<bool>,
}

/// Statements in order, with the comments that say where they come from.
pub struct Body<'a> {
    sources: &'a Sources,
    text: String,
    signals: Vec<Signal>,
    index: BTreeMap<String, usize>,
    /// Source locations of operations that were folded into the statement to come.
    pending: Vec<Src>,
    /// Source locations that the last comment named.
    last: Vec<Src>,
    /// C line that the last comment named.
    shown: Option<SourceLine>,
    /// Source location of the operation at hand.
    current: Option<Src>,
}

impl<'a> Body<'a> {
    /// An empty body.
    pub fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            text: String::new(),
            signals: Vec::new(),
            index: BTreeMap::new(),
            pending: Vec::new(),
            last: Vec::new(),
            shown: None,
            current: None,
        }
    }

    /// The statements from here on belong to `src`.
    pub fn at(&mut self, src: Option<Src>) {
        self.current = src;
    }

    /// The next statement contains an operation from `src` as well.
    pub fn also(&mut self, src: Option<Src>) {
        self.pending.extend(src);
    }

    /// Makes a signal known (a port, a field of the input, a declaration) and gives it as an expression.
    pub fn signal(&mut self, name: &str, bits: u32) -> Expr {
        self.index.insert(name.to_owned(), self.signals.len());
        self.signals.push(Signal { name: name.to_owned(), read: vec![false; bits as usize] });
        Expr::signal(name, bits)
    }

    /// True if the signal has been declared.
    pub fn is_known(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// Notes what `e` reads, and gives its text.
    pub fn read(&mut self, e: &Expr) -> String {
        for r in e.refs() {
            let signal = &mut self.signals[self.index[&r.signal]];
            signal.read[r.lo as usize..(r.lo + r.bits) as usize].fill(true);
        }
        e.text().to_owned()
    }

    /// `wire [..] name = e;` with comment and attribute.
    pub fn wire(&mut self, name: &str, e: &Expr) -> Expr {
        let value = self.read(e);
        self.header();
        let head = format!("wire {}{name} =", range(e.bits()));
        self.push(&assignment(&head, &value));
        self.signal(name, e.bits())
    }

    /// `logic [..] name;` set by an `always_comb` block of `statements`.
    pub fn comb(&mut self, name: &str, bits: u32, statements: &[String]) -> Expr {
        self.header();
        self.push(&format!("logic {}{name};", range(bits)));
        self.push("always_comb begin");
        for s in statements.iter().flat_map(|s| s.lines()) {
            self.push(&format!("  {s}"));
        }
        self.push("end");
        self.signal(name, bits)
    }

    /// `assign name = e;`
    pub fn assign(&mut self, name: &str, e: &Expr) {
        let value = self.read(e);
        self.push(&assignment(&format!("assign {name} ="), &value));
    }

    /// A line of text, at the module's indentation.
    pub fn push(&mut self, line: &str) {
        if line.is_empty() {
            self.text.push('\n');
            return;
        }
        for l in line.lines() {
            self.text.push_str("  ");
            self.text.push_str(l);
            self.text.push('\n');
        }
    }

    /// Comment (if it says something new) and `src` attribute for the statement that follows.
    fn header(&mut self) {
        let mut srcs = std::mem::take(&mut self.pending);
        srcs.extend(self.current);
        srcs.dedup();
        if !srcs.is_empty() && srcs != self.last {
            let before = self.shown.clone();
            let lines = self.sources.comment(&srcs, &mut self.shown);
            // Statements of one C line stand together.
            if self.last.is_empty() || self.shown != before || lines.len() > srcs.len() {
                self.push("");
            }
            for line in lines {
                self.push(&format!("// {line}"));
            }
            self.last = srcs;
        }
        if let Some(src) = self.current {
            let place = self.sources.attribute(src);
            self.push(&format!("(* src = \"{place}\" *)"));
        }
    }

    /// The statements, and what none of them reads, in order of declaration: parts of signals, or the whole of a signal
    /// that has many unread parts.
    pub fn finish(self) -> (String, Vec<Expr>) {
        const MANY: usize = 3;
        let mut unread = Vec::new();
        for s in &self.signals {
            let width = s.read.len();
            let mut parts = Vec::new();
            let mut lo = 0;
            while lo < width {
                let run = s.read[lo..].iter().take_while(|r| **r == s.read[lo]).count();
                if !s.read[lo] {
                    parts.push(Expr::slice(&s.name, width as u32, lo as u32, run as u32));
                }
                lo += run;
            }
            if parts.len() >= MANY {
                parts = vec![Expr::signal(&s.name, width as u32)];
            }
            unread.extend(parts);
        }
        (self.text, unread)
    }
}

/// `if (condition) statement`, on two lines if it is too long for one.
pub fn guarded(condition: &str, statement: &str) -> String {
    match condition.len() + statement.len() + 12 <= LINE_WIDTH {
        true => format!("if ({condition}) {statement}"),
        false => format!("if ({condition})\n  {statement}"),
    }
}

/// An expression that reads every one of `parts`, for what is deliberately not used; empty if there is nothing.
pub fn unused(parts: &[Expr]) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let mut texts = vec!["1'b0"];
    texts.extend(parts.iter().map(Expr::text));
    let all = texts.join(", ");
    match all.len() + 24 <= LINE_WIDTH {
        true => format!("&{{{all}}}"),
        false => format!("&{{\n{}\n  }}", fill(&texts, "      ")),
    }
}

/// `[n-1:0] `, or nothing for a single bit.
pub fn range(bits: u32) -> String {
    if bits == 1 {
        String::new()
    } else {
        format!("[{}:0] ", bits - 1)
    }
}

/// `head value;`, broken at the commas or operators of the outermost level if it is too long for a line.
pub fn assignment(head: &str, value: &str) -> String {
    if head.len() + value.len() + 2 <= LINE_WIDTH {
        return format!("{head} {value};");
    }
    if let Some(inner) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) {
        if let Some(parts) = split_parts(inner) {
            return format!("{head} {{\n{}\n}};", fill(&parts, "    "));
        }
    }
    format!("{head}\n    {value};")
}

/// The comma-separated parts of `inner`, commas in inner braces left alone; none if the braces do not balance (`{a}, {b}`).
fn split_parts(inner: &str) -> Option<Vec<&str>> {
    let (mut depth, mut start, mut parts) = (0i32, 0, Vec::new());
    for (i, c) in inner.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(inner[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    parts.push(inner[start..].trim());
    Some(parts)
}

/// Parts separated by commas, in lines of at most [`LINE_WIDTH`].
pub fn fill(parts: &[&str], indent: &str) -> String {
    let mut lines: Vec<String> = vec![indent.to_owned()];
    for (i, part) in parts.iter().enumerate() {
        let comma = if i + 1 < parts.len() { "," } else { "" };
        let line = lines.last_mut().expect("starts with one");
        if line.len() > indent.len() && line.len() + part.len() + 2 > LINE_WIDTH {
            lines.push(format!("{indent}{part}{comma}"));
        } else {
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(part);
            line.push_str(comma);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_concatenations_are_filled() {
        let value = format!("{{{}}}", ["some_signal[7:0]"; 12].join(", "));
        let text = assignment("wire [95:0] all =", &value);
        assert!(text.lines().all(|l| l.len() <= LINE_WIDTH));
        assert_eq!(text.lines().count(), 5);
        assert_eq!(assignment("assign a =", "b"), "assign a = b;");
    }

    #[test]
    fn unread_bits_are_found() {
        let sources = Sources::default();
        let mut b = Body::new(&sources);
        let a = b.signal("a", 16);
        let x = b.wire("x", &a.extract(4, 8));
        b.read(&x);
        let (_, unread) = b.finish();
        let texts: Vec<_> = unread.iter().map(Expr::text).collect();
        assert_eq!(texts, ["a[3:0]", "a[15:12]"]);
    }
}
