//! Parsing of `Function` and `Pipeline`, and what all three forms share.

use super::lex::{tokens, Spanned, Token};
use crate::dfg::{Dfg, SourceLoc, Ty, ValueData, ValueDef};
use crate::diagnostic::SourceLine;
use crate::entities::{Block, Src, Value};
use crate::function::{BlockData, Function, Target, Terminator, Verdict};
use crate::map::{MapDecl, MapKind};
use crate::op::Op;
use crate::pipeline::Pipeline;
use cranelift_entity::{EntityRef, PrimaryMap};
use std::collections::HashMap;

/// Why a text is not IR: the first error and its place, both counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct ParseError {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}

/// Numbers of values, blocks, maps and so on must stay below this.
const MAX_NUMBER: usize = 1 << 20;

/// Parses a `Function`.
///
/// # Errors
/// The first place where the text departs from the grammar, or names a value or block that it does not define.
pub fn parse_function(text: &str) -> Result<Function, ParseError> {
    let mut p = Parser::new(text)?;
    let name = p.head("function")?;
    let mut entry = None;
    while !p.eat_punct('}') {
        let block = p.block()?;
        entry.get_or_insert(block);
    }
    p.end()?;
    let Some(entry) = entry else {
        return p.error("a function needs a block");
    };
    if let Some((block, at)) = p.undefined_block() {
        return p.error_at(at, format!("{block} is used but not defined"));
    }
    let dfg = std::mem::take(&mut p.dfg);
    Ok(Function { name, dfg, blocks: p.blocks, entry })
}

/// Parses a `Pipeline`.
///
/// # Errors
/// As [`parse_function`].
pub fn parse_pipeline(text: &str) -> Result<Pipeline, ParseError> {
    let mut p = Parser::new(text)?;
    let name = p.head("pipeline")?;
    let mut order = Vec::new();
    while !p.at_word("ret") {
        order.push(p.inst()?.inst);
    }
    let verdict = p.verdict()?;
    p.punct('}')?;
    p.end()?;
    Ok(Pipeline { name, dfg: p.dfg, order, verdict })
}

pub(super) struct Parser {
    tokens: Vec<Spanned>,
    pos: usize,
    pub(super) dfg: Dfg,
    pub(super) blocks: PrimaryMap<Block, BlockData>,
    /// Token of the definition, for each defined value.
    defined: HashMap<Value, usize>,
    /// Uses in the order of the text.
    used: Vec<(Value, usize)>,
    defined_blocks: HashMap<Block, usize>,
    used_blocks: Vec<(Block, usize)>,
}

impl Parser {
    pub(super) fn new(text: &str) -> Result<Self, ParseError> {
        Ok(Self {
            tokens: tokens(text)?,
            pos: 0,
            dfg: Dfg::default(),
            blocks: PrimaryMap::new(),
            defined: HashMap::new(),
            used: Vec::new(),
            defined_blocks: HashMap::new(),
            used_blocks: Vec::new(),
        })
    }

    // Tokens.

    fn peek(&self) -> &Token {
        &self.tokens[self.pos].token
    }

    pub(super) fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        self.error_at(self.pos, message)
    }

    pub(super) fn error_at<T>(
        &self,
        at: usize,
        message: impl Into<String>,
    ) -> Result<T, ParseError> {
        let Spanned { line, column, .. } = self.tokens[at];
        Err(ParseError { line, column, message: message.into() })
    }

    pub(super) fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        self.error(format!("expected {what}, found {}", self.peek().describe()))
    }

    /// Number of the token that comes next, for messages.
    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(w) if w == word)
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let eaten = self.at_word(word);
        self.pos += usize::from(eaten);
        eaten
    }

    pub(super) fn word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.eat_word(word) {
            Ok(())
        } else {
            self.expected(&format!("`{word}`"))
        }
    }

    pub(super) fn any_word(&mut self, what: &str) -> Result<String, ParseError> {
        match self.peek() {
            Token::Word(w) => {
                let w = w.clone();
                self.pos += 1;
                Ok(w)
            }
            _ => self.expected(what),
        }
    }

    pub(super) fn eat_punct(&mut self, c: char) -> bool {
        let eaten = *self.peek() == Token::Punct(c);
        self.pos += usize::from(eaten);
        eaten
    }

    pub(super) fn punct(&mut self, c: char) -> Result<(), ParseError> {
        if self.eat_punct(c) {
            Ok(())
        } else {
            self.expected(&format!("`{c}`"))
        }
    }

    pub(super) fn eat_dots(&mut self) -> bool {
        let eaten = *self.peek() == Token::Dots;
        self.pos += usize::from(eaten);
        eaten
    }

    pub(super) fn at_number(&self) -> bool {
        matches!(self.peek(), Token::Number(_))
    }

    /// A number that fits `T`.
    pub(super) fn number<T: TryFrom<i128>>(&mut self) -> Result<T, ParseError> {
        let Token::Number(n) = *self.peek() else {
            return self.expected("a number");
        };
        match T::try_from(n) {
            Ok(n) => {
                self.pos += 1;
                Ok(n)
            }
            Err(_) => self.error(format!("{n} does not fit here")),
        }
    }

    pub(super) fn string(&mut self) -> Result<String, ParseError> {
        match self.peek() {
            Token::Text(t) => {
                let t = t.clone();
                self.pos += 1;
                Ok(t)
            }
            _ => self.expected("a string"),
        }
    }

    fn eat_string(&mut self) -> Option<String> {
        matches!(self.peek(), Token::Text(_)).then(|| self.string().ok()).flatten()
    }

    /// The end of the text; every value used must have been defined.
    pub(super) fn end(&mut self) -> Result<(), ParseError> {
        if *self.peek() != Token::End {
            return self.expected("the end of the text");
        }
        match self.used.iter().find(|(v, _)| !self.defined.contains_key(v)) {
            Some((v, at)) => self.error_at(*at, format!("{v} is used but not defined")),
            None => Ok(()),
        }
    }

    // Entities.

    /// An entity such as `v7` by its prefix.
    pub(super) fn entity<T: EntityRef>(&mut self, prefix: &str) -> Result<T, ParseError> {
        let number = match self.peek() {
            Token::Word(w) => w.strip_prefix(prefix).and_then(|n| n.parse::<usize>().ok()),
            _ => None,
        };
        match number {
            Some(n) if n < MAX_NUMBER => {
                self.pos += 1;
                Ok(T::new(n))
            }
            Some(_) => self.error(format!("numbers go up to {}", MAX_NUMBER - 1)),
            None => self.expected(&format!("`{prefix}` and a number")),
        }
    }

    pub(super) fn at_entity(&self, prefix: &str) -> bool {
        matches!(self.peek(), Token::Word(w) if w.strip_prefix(prefix)
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())))
    }

    pub(super) fn value(&mut self) -> Result<Value, ParseError> {
        let v = self.entity("v")?;
        self.used.push((v, self.pos - 1));
        self.ensure_value(v);
        Ok(v)
    }

    pub(super) fn values(&mut self) -> Result<Vec<Value>, ParseError> {
        let mut list = vec![self.value()?];
        while self.eat_punct(',') {
            list.push(self.value()?);
        }
        Ok(list)
    }

    /// Gives numbers up to that of `v` a dead definition, which the real one replaces.
    fn ensure_value(&mut self, v: Value) {
        while self.dfg.values.len() <= v.index() {
            self.dfg.make_inst(Op::Const(0), Some(Ty::Int(1)), None.into());
        }
    }

    /// `vN "name"` at a definition.
    pub(super) fn new_value(&mut self) -> Result<Value, ParseError> {
        let at = self.pos;
        let v = self.entity("v")?;
        self.ensure_value(v);
        if self.defined.insert(v, at).is_some() {
            return self.error_at(at, format!("{v} is defined twice"));
        }
        self.dfg.values[v].name = self.eat_string();
        Ok(v)
    }

    /// Sets what `v`, just read by [`Self::new_value`], is.
    pub(super) fn define(&mut self, v: Value, ty: Ty, def: ValueDef) {
        if let ValueDef::Inst(dead) = self.dfg.values[v].def {
            self.dfg.insts[dead].result = None;
        }
        let name = self.dfg.values[v].name.take();
        self.dfg.values[v] = ValueData { ty, def, name };
    }

    pub(super) fn ty(&mut self) -> Result<Ty, ParseError> {
        if self.at_entity("i") {
            let at = self.pos;
            let bits: Block = self.entity("i")?;
            return match bits.index() {
                n @ 1..=64 => Ok(Ty::Int(n as u8)),
                _ => self.error_at(at, "integers have 1 to 64 bits"),
            };
        }
        Ok(Ty::Entry(self.map()?))
    }

    pub(super) fn map(&mut self) -> Result<crate::entities::MapId, ParseError> {
        let at = self.pos;
        let map = self.entity("m")?;
        if self.dfg.maps.is_valid(map) {
            Ok(map)
        } else {
            self.error_at(at, format!("{map} is not declared"))
        }
    }

    // Head.

    /// Opening line, maps and sources; returns the name.
    pub(super) fn head(&mut self, keyword: &str) -> Result<String, ParseError> {
        self.word(keyword)?;
        let name = match self.eat_string() {
            Some(name) => name,
            None => self.any_word("a name")?,
        };
        self.punct('{')?;
        while self.eat_word("map") {
            self.map_decl()?;
        }
        while self.eat_word("source") {
            self.source()?;
        }
        Ok(name)
    }

    fn map_decl(&mut self) -> Result<(), ParseError> {
        let id: crate::entities::MapId = self.entity("m")?;
        if id != self.dfg.maps.next_key() {
            return self.error_at(self.pos - 1, "maps are numbered from m0 in order");
        }
        let name = self.string()?;
        let word = self.any_word("a map kind")?;
        let Some(kind) = MapKind::ALL.into_iter().find(|k| k.name() == word) else {
            return self.error_at(self.pos - 1, format!("`{word}` is not a map kind"));
        };
        self.word("key")?;
        let key_size = self.number()?;
        self.word("value")?;
        let value_size = self.number()?;
        self.word("entries")?;
        let max_entries = self.number()?;
        let frozen = self.eat_word("frozen");
        let initial = if self.eat_word("initial") { Some(self.hex()?) } else { None };
        self.dfg.maps.push(MapDecl {
            name,
            kind,
            key_size,
            value_size,
            max_entries,
            initial,
            frozen,
        });
        Ok(())
    }

    fn hex(&mut self) -> Result<Vec<u8>, ParseError> {
        let text = self.string()?;
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        match digits {
            Some(d) if d.len() % 2 == 0 => Ok(d.chunks(2).map(|p| p[0] << 4 | p[1]).collect()),
            _ => self.error_at(self.pos - 1, "expected an even number of hexadecimal digits"),
        }
    }

    fn source(&mut self) -> Result<(), ParseError> {
        let id: Src = self.entity("src")?;
        if id != self.dfg.sources.next_key() {
            return self.error_at(self.pos - 1, "sources are numbered from src0 in order");
        }
        self.word("pc")?;
        let pc = self.number()?;
        let insn = self.string()?;
        let line = if self.eat_word("line") {
            let file = self.string()?;
            let line = self.number()?;
            self.punct(':')?;
            Some(SourceLine { file, line, column: self.number()?, text: self.string()? })
        } else {
            None
        };
        self.dfg.sources.push(SourceLoc { pc, insn, line });
        Ok(())
    }

    // Blocks.

    fn ensure_block(&mut self, block: Block) {
        while self.blocks.len() <= block.index() {
            self.blocks.push(BlockData {
                params: Vec::new(),
                insts: Vec::new(),
                term: Terminator::Unreachable,
                max_trips: None,
            });
        }
    }

    fn undefined_block(&self) -> Option<(Block, usize)> {
        self.used_blocks.iter().copied().find(|(b, _)| !self.defined_blocks.contains_key(b))
    }

    fn block(&mut self) -> Result<Block, ParseError> {
        let at = self.pos;
        let block = self.entity("b")?;
        self.ensure_block(block);
        if self.defined_blocks.insert(block, at).is_some() {
            return self.error_at(at, format!("{block} is defined twice"));
        }
        if self.eat_punct('(') {
            self.params(block)?;
        }
        if self.eat_word("max_trips") {
            self.blocks[block].max_trips = Some(self.number()?);
        }
        self.punct(':')?;
        loop {
            if let Some(term) = self.terminator()? {
                self.blocks[block].term = term;
                return Ok(block);
            }
            let inst = self.inst()?.inst;
            self.blocks[block].insts.push(inst);
        }
    }

    fn params(&mut self, block: Block) -> Result<(), ParseError> {
        loop {
            let v = self.new_value()?;
            self.punct('.')?;
            let ty = self.ty()?;
            let n = self.blocks[block].params.len() as u32;
            self.define(v, ty, ValueDef::Param(block, n));
            self.blocks[block].params.push(v);
            if !self.eat_punct(',') {
                return self.punct(')');
            }
        }
    }

    fn terminator(&mut self) -> Result<Option<Terminator>, ParseError> {
        let term = if self.at_word("ret") {
            Terminator::Ret(self.verdict()?)
        } else if self.eat_word("unreachable") {
            Terminator::Unreachable
        } else if self.eat_word("jump") {
            Terminator::Jump(self.target()?)
        } else if self.eat_word("branch") {
            let cond = self.value()?;
            self.punct(',')?;
            let if_true = self.target()?;
            self.punct(',')?;
            Terminator::Branch { cond, if_true, if_false: self.target()? }
        } else {
            return Ok(None);
        };
        Ok(Some(term))
    }

    fn target(&mut self) -> Result<Target, ParseError> {
        let block = self.entity("b")?;
        self.used_blocks.push((block, self.pos - 1));
        self.ensure_block(block);
        let mut args = Vec::new();
        if self.eat_punct('(') {
            args = self.values()?;
            self.punct(')')?;
        }
        Ok(Target { block, args })
    }

    pub(super) fn verdict(&mut self) -> Result<Verdict, ParseError> {
        self.word("ret")?;
        let mut field = |name: &str| {
            self.word(name)?;
            self.value()
        };
        Ok(Verdict {
            action: field("action")?,
            start: field("start")?,
            end: field("end")?,
            valid_end: field("valid_end")?,
            redirect_map: field("redirect_map")?,
            redirect_key: field("redirect_key")?,
        })
    }
}
