//! Where generated statements come from, as comments, attributes and name-map entries.

use beeline_ir::dfg::{Dfg, SourceLoc};
use beeline_ir::diagnostic::SourceLine;
use beeline_ir::Src;
use cranelift_entity::PrimaryMap;

/// Longest source text quoted in a comment.
const QUOTE: usize = 80;

/// The source locations of a program.
#[derive(Default)]
pub struct Sources {
    locs: PrimaryMap<Src, SourceLoc>,
}

impl Sources {
    /// Those of `dfg`.
    pub fn new(dfg: &Dfg) -> Self {
        Self { locs: dfg.sources.clone() }
    }

    /// Comment lines for the instructions `srcs`: each with its disassembly, and before it its C line, unless that
    /// is `shown` already.
    pub fn comment(&self, srcs: &[Src], shown: &mut Option<SourceLine>) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for loc in srcs.iter().map(|src| &self.locs[*src]) {
            if let Some(line) = loc.line.as_ref().filter(|l| Some(*l) != shown.as_ref()) {
                let text =
                    format!("{}:{}: {}", base_name(&line.file), line.line, printable(&line.text));
                lines.push(text.trim_end_matches([' ', ':']).to_owned());
            }
            lines.push(format!("insn {}: {}", loc.pc, printable(&loc.insn)));
            shown.clone_from(&loc.line);
        }
        lines
    }

    /// Text of the `src` attribute: `file:line`, or the instruction where the object has no line information.
    pub fn attribute(&self, src: Src) -> String {
        let loc = &self.locs[src];
        match &loc.line {
            Some(l) => {
                format!("{}:{}", printable(base_name(&l.file)).replace(['"', '\\'], "_"), l.line)
            }
            None => format!("insn:{}", loc.pc),
        }
    }

    /// The location itself.
    pub fn get(&self, src: Src) -> &SourceLoc {
        &self.locs[src]
    }
}

/// The file without its directories, which say more about a build machine than about the program.
pub fn base_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// `s` as part of a one-line comment: printable characters only, not too long, no line continuation at the end.
pub fn printable(s: &str) -> String {
    let mut out: String = s
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            '`' => '\'',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '?',
        })
        .take(QUOTE)
        .collect();
    while out.ends_with(['\\', ' ']) {
        out.pop();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_quote_safely() {
        let mut sources = Sources::default();
        let line =
            SourceLine { file: "/a/fw.c".into(), line: 7, column: 1, text: "x = '\\n'; \\".into() };
        let a = sources.locs.push(SourceLoc { pc: 3, insn: "r1 = 0xa".into(), line: Some(line) });
        let b = sources.locs.push(SourceLoc { pc: 4, insn: "exit".into(), line: None });
        let mut shown = None;
        assert_eq!(
            sources.comment(&[a, b], &mut shown),
            ["fw.c:7: x = '\\n';", "insn 3: r1 = 0xa", "insn 4: exit"]
        );
        assert_eq!(sources.comment(&[a], &mut shown).len(), 2);
        assert_eq!(sources.comment(&[a], &mut shown), ["insn 3: r1 = 0xa"]);
        assert_eq!(sources.attribute(a), "fw.c:7");
        assert_eq!(sources.attribute(b), "insn:4");
    }
}
