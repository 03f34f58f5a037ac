//! Parsing of operations.

use super::names::{named, ATOMIC_OPS, BIN_OPS, CMP_OPS, INPUTS};
use super::parse::{ParseError, Parser};
use crate::dfg::{low_mask, InstData, Ty, ValueDef};
use crate::entities::{Inst, Src, Stage, Value};
use crate::op::{AtomicOp, Bounds, Op};
use cranelift_entity::EntityRef;

/// An operation as parsed, with the number of the port that it uses.
pub(super) struct ParsedInst {
    pub(super) inst: Inst,
    pub(super) port: Option<(usize, usize)>,
}

impl Parser {
    /// One operation with everything behind it.
    pub(super) fn inst(&mut self) -> Result<ParsedInst, ParseError> {
        let result = if self.at_entity("v") {
            let v = self.new_value()?;
            self.punct('=')?;
            Some(v)
        } else {
            None
        };
        let at = self.pos();
        let (op, ty) = self.op()?;
        if result.is_some() != ty.is_some() {
            let wrong =
                if result.is_some() { "has no result" } else { "needs a result, `vN = …`" };
            return self.error_at(at, format!("this operation {wrong}"));
        }
        let pred = if self.eat_word("if") { Some(self.value()?) } else { None };
        let port = self.port()?;
        let src = self.source_ref()?.into();
        let inst = self.dfg.insts.push(InstData { op, result, pred, src });
        if let (Some(v), Some(ty)) = (result, ty) {
            self.define(v, ty, ValueDef::Inst(inst));
        }
        Ok(ParsedInst { inst, port })
    }

    fn port(&mut self) -> Result<Option<(usize, usize)>, ParseError> {
        if !self.eat_word("port") {
            return Ok(None);
        }
        let at = self.pos();
        let number: Stage = self.entity("p")?;
        Ok(Some((number.index(), at)))
    }

    fn source_ref(&mut self) -> Result<Option<Src>, ParseError> {
        if !self.eat_punct('@') {
            return Ok(None);
        }
        let at = self.pos();
        let src: Src = self.entity("src")?;
        if !self.dfg.sources.is_valid(src) {
            return self.error_at(at, format!("{src} is not declared"));
        }
        Ok(Some(src))
    }

    fn suffix(&mut self) -> Result<Ty, ParseError> {
        self.punct('.')?;
        self.ty()
    }

    fn comma_value(&mut self) -> Result<Value, ParseError> {
        self.punct(',')?;
        self.value()
    }

    /// The operation and the type of its result.
    fn op(&mut self) -> Result<(Op, Option<Ty>), ParseError> {
        let at = self.pos();
        let word = self.any_word("an operation")?;
        if let Some(op) = named(&BIN_OPS, &word) {
            let ty = self.suffix()?;
            return Ok((Op::Bin(op, self.value()?, self.comma_value()?), Some(ty)));
        }
        if let Some(op) = named(&CMP_OPS, &word) {
            let ty = self.suffix()?;
            return Ok((Op::Cmp(op, self.value()?, self.comma_value()?), Some(ty)));
        }
        if let Some(op) = named(&ATOMIC_OPS, &word) {
            return self.atomic(op);
        }
        match word.as_str() {
            "pkt_store" | "pkt_zero" | "map_store" => Ok((self.effect(&word)?, None)),
            "event_output" => Ok((self.event()?, None)),
            "map_lookup" | "map_insert" | "entry" => self.entry_op(&word),
            "map_remove" => Ok((Op::MapRemove { map: self.map()?, entry: self.value()? }, None)),
            "map_touch" => Ok((Op::MapTouch { map: self.map()?, entry: self.value()? }, None)),
            "map_update" | "map_delete" => Ok((self.key_change(&word)?, Some(Ty::Int(64)))),
            "map_load" => {
                let ty = self.suffix()?;
                let map = self.map()?;
                let (entry, off, bounds) = self.address()?;
                Ok((Op::MapLoad { map, entry, off, bounds }, Some(ty)))
            }
            _ => self.pure_op(&word, at).map(|(op, ty)| (op, Some(ty))),
        }
    }

    fn pure_op(&mut self, word: &str, at: usize) -> Result<(Op, Ty), ParseError> {
        const WORDS: [&str; 10] = [
            "const", "input", "select", "zext", "sext", "bswap", "is_null", "extract", "concat",
            "pkt_load",
        ];
        if !WORDS.contains(&word) {
            return self.error_at(at, format!("`{word}` is not an operation"));
        }
        let ty = self.suffix()?;
        let op = match word {
            "const" => Op::Const(self.constant(ty)?),
            "input" => {
                let name = self.any_word("an input")?;
                match named(&INPUTS, &name) {
                    Some(input) => Op::Input(input),
                    None => {
                        return self.error_at(self.pos() - 1, format!("`{name}` is not an input"))
                    }
                }
            }
            "select" => {
                let cond = self.value()?;
                Op::Select { cond, if_true: self.comma_value()?, if_false: self.comma_value()? }
            }
            "zext" => Op::Zext(self.value()?),
            "sext" => Op::Sext(self.value()?),
            "bswap" => Op::Bswap(self.value()?),
            "is_null" => Op::EntryIsNull(self.value()?),
            "extract" => {
                let value = self.value()?;
                self.punct(',')?;
                Op::Extract { value, lo: self.number()? }
            }
            "concat" => Op::Concat(self.values()?),
            _ => {
                let (base, off, bounds) = self.address()?;
                Op::PktLoad { base, off, bounds }
            }
        };
        Ok((op, ty))
    }

    /// A constant; a negative one is cut to the width of `ty`.
    fn constant(&mut self, ty: Ty) -> Result<u64, ParseError> {
        let n: i128 = self.number()?;
        let mask = if n < 0 { low_mask(ty.bits().unwrap_or(64)) } else { u64::MAX };
        Ok(n as u64 & mask)
    }

    fn effect(&mut self, word: &str) -> Result<Op, ParseError> {
        if word == "pkt_zero" {
            return Ok(Op::PktZero { from: self.value()?, to: self.comma_value()? });
        }
        let map = if word == "map_store" { Some(self.map()?) } else { None };
        let (base, off, bounds) = self.address()?;
        let value = self.comma_value()?;
        Ok(match map {
            Some(map) => Op::MapStore { map, entry: base, off, bounds, value },
            None => Op::PktStore { base, off, bounds, value },
        })
    }

    fn parts(&mut self) -> Result<Vec<Value>, ParseError> {
        self.punct('(')?;
        let parts = self.values()?;
        self.punct(')')?;
        Ok(parts)
    }

    fn event(&mut self) -> Result<Op, ParseError> {
        let map = self.map()?;
        self.punct('(')?;
        let data = if self.eat_punct(')') {
            Vec::new()
        } else {
            let data = self.values()?;
            self.punct(')')?;
            data
        };
        self.word("len")?;
        let len = self.value()?;
        self.word("when")?;
        Ok(Op::EventOutput { map, data, len, when: self.value()? })
    }

    fn key_change(&mut self, word: &str) -> Result<Op, ParseError> {
        let map = self.map()?;
        let key = self.parts()?;
        if word == "map_delete" {
            return Ok(Op::MapDelete { map, key });
        }
        self.punct(',')?;
        let value = self.parts()?;
        Ok(Op::MapUpdate { map, key, value, flags: self.comma_value()? })
    }

    fn entry_op(&mut self, word: &str) -> Result<(Op, Option<Ty>), ParseError> {
        self.punct('.')?;
        let map = self.map()?;
        let op = if word == "map_lookup" {
            Op::MapLookup { map, key: self.parts()? }
        } else if word == "map_insert" {
            let entry = self.value()?;
            self.punct(',')?;
            Op::MapInsert { map, entry, key: self.parts()? }
        } else if self.eat_word("null") {
            Op::EntryConst { map, index: None }
        } else {
            Op::EntryConst { map, index: Some(self.number()?) }
        };
        Ok((op, Some(Ty::Entry(map))))
    }

    fn atomic(&mut self, op: AtomicOp) -> Result<(Op, Option<Ty>), ParseError> {
        let ty = self.suffix()?;
        let map = self.map()?;
        let (entry, off, bounds) = self.address()?;
        let value = self.comma_value()?;
        let expected = if op == AtomicOp::CmpXchg { Some(self.comma_value()?) } else { None };
        Ok((Op::MapAtomic { op, map, entry, off, bounds, value, expected }, Some(ty)))
    }

    fn address(&mut self) -> Result<(Value, Value, Bounds), ParseError> {
        let base = self.value()?;
        self.punct('+')?;
        let off = self.value()?;
        Ok((base, off, self.bounds()?))
    }

    fn bounds(&mut self) -> Result<Bounds, ParseError> {
        self.punct('[')?;
        let min = self.number()?;
        let mut bounds = Bounds::constant(min);
        if self.eat_dots() {
            bounds = Bounds { min, max: self.number()?, known_mask: 0, known_bits: 0 };
            if self.eat_punct('&') {
                bounds.known_mask = self.number()?;
                self.punct('=')?;
                bounds.known_bits = self.number()?;
            }
        }
        self.punct(']')?;
        Ok(bounds)
    }
}
