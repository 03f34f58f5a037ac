//! If-conversion: `Function` to `Pipeline`. Branches become predicates, joins become selects.
//!
//! Pure operations and loads are executed whether or not their block is (a load outside the packet or of
//! a null entry gives zero, so nothing can go wrong); effects get the predicate of their block. Predicates are kept
//! small by working on canonical Boolean functions: a block that post-dominates its dominator has the dominator's
//! predicate, others add only the conditions between the two.
//!
//! What nobody can observe is left open and used to save logic: a dropped packet's bytes and length, the
//! redirect target of a packet that is not redirected.

mod bdd;
mod cfg;
mod conditions;
mod emit;
mod exits;
mod merge;

pub use bdd::{Bdd, BoolFn};
pub use conditions::Conditions;
pub use emit::Emitter;

use crate::dfg::Ty;
use crate::diagnostic::{Diagnostic, Place};
use crate::entities::{Block, Inst, Value};
use crate::function::{Function, Target, Terminator};
use crate::op::Op;
use crate::pipeline::Pipeline;
use cfg::Cfg;
use cranelift_entity::SecondaryMap;
use exits::Exit;
use merge::{Arm, Edge};

/// Converts `f`, whose loops have been unrolled, to a pipeline.
///
/// # Errors
/// `BL0601` if a loop is left; `BL0602` if no path returns.
pub fn if_convert(f: &Function) -> Result<Pipeline, Vec<Diagnostic>> {
    let at = || Place { program: Some(f.name.clone()), ..Place::default() };
    let cfg = Cfg::new(f).map_err(|header| vec![loop_left(f, header).at(at())])?;
    if cfg.never[f.entry] {
        let message = "no path through the program reaches a return";
        return Err(vec![Diagnostic::error("BL0602", message).at(at())]);
    }
    let mut c = Converter::new(f, cfg);
    for b in c.cfg.order.clone() {
        if !c.cfg.never[b] && !c.incoming[b].is_empty() {
            c.convert_block(b);
        }
    }
    let verdict = c.merge_exits();
    let mut p = Pipeline { name: f.name.clone(), dfg: c.e.dfg, order: c.e.order, verdict };
    remove_unused(&mut p);
    Ok(p)
}

fn loop_left(f: &Function, header: Block) -> Diagnostic {
    let trips = match f.blocks[header].max_trips {
        Some(n) => format!("it is entered at most {n} times"),
        None => "its number of rounds is not known".to_string(),
    };
    Diagnostic::error("BL0601", "a loop cannot be laid out as a pipeline")
        .note(trips)
        .help("bound the loop by a small constant, so that it can be unrolled")
}

/// Removes operations whose results nothing uses. The order need not be one of definitions before uses.
pub fn remove_unused(p: &mut Pipeline) {
    let dfg = &p.dfg;
    let mut live: SecondaryMap<Inst, bool> = SecondaryMap::with_default(false);
    let mut work: Vec<Inst> = p.verdict.values().into_iter().filter_map(|v| dfg.maker(v)).collect();
    work.extend(p.order.iter().filter(|&&i| dfg.insts[i].op.has_effect()));
    while let Some(inst) = work.pop() {
        if std::mem::replace(&mut live[inst], true) {
            continue;
        }
        let data = &dfg.insts[inst];
        work.extend(data.pred.and_then(|v| dfg.maker(v)));
        data.op.for_each_arg(|v| work.extend(dfg.maker(v)));
    }
    p.order.retain(|&i| live[i]);
}

/// The state of a conversion.
struct Converter<'a> {
    f: &'a Function,
    cfg: Cfg,
    e: Emitter,
    /// What stands for a value of the function, if not the value itself.
    replaced: SecondaryMap<Value, Option<Value>>,
    /// Every edge that can be taken, so far.
    edges: Vec<Edge>,
    /// Edges into each block, with the arguments for its parameters.
    incoming: SecondaryMap<Block, Vec<(usize, Vec<Value>)>>,
    /// When each converted block is executed.
    when: SecondaryMap<Block, Option<BoolFn>>,
    exits: Vec<Exit>,
    /// Blocks after which packet bytes still matter.
    bytes_matter: SecondaryMap<Block, bool>,
}

impl<'a> Converter<'a> {
    fn new(f: &'a Function, cfg: Cfg) -> Self {
        let mut c = Self {
            f,
            e: Emitter::new(f.dfg.clone(), Vec::new()),
            replaced: SecondaryMap::new(),
            edges: vec![Edge { from: None, cond: None, when: BoolFn::TRUE }],
            incoming: SecondaryMap::new(),
            when: SecondaryMap::new(),
            exits: Vec::new(),
            bytes_matter: exits::bytes_matter(f, &cfg),
            cfg,
        };
        c.incoming[f.entry].push((0, Vec::new()));
        c
    }

    /// What stands for `v` of the function in the pipeline.
    fn map(&mut self, v: Value) -> Value {
        let v = self.replaced[v].unwrap_or(v);
        self.e.canonical(v)
    }

    fn convert_block(&mut self, b: Block) {
        let f = self.f;
        let incoming = std::mem::take(&mut self.incoming[b]);
        let mut when = BoolFn::FALSE;
        for (edge, _) in &incoming {
            when = self.e.conditions.bdd.or(when, self.edges[*edge].when);
        }
        self.when[b] = Some(when);
        self.e.src = f.blocks[b].insts.iter().find_map(|&i| f.dfg.insts[i].src.expand()).into();
        for (n, &param) in f.blocks[b].params.iter().enumerate() {
            let arms = incoming.iter().map(|(e, args)| Arm {
                value: args[n],
                when: self.edges[*e].when,
                edges: vec![*e],
            });
            let arms = arms.collect();
            let merged = self.merge(arms);
            self.replaced[param] = Some(merged);
            self.name(merged, param);
        }
        self.incoming[b] = incoming;
        for &inst in &f.blocks[b].insts {
            self.convert_inst(b, inst);
        }
        self.convert_terminator(b);
    }

    /// Gives `merged` the name of the parameter that it stands for.
    fn name(&mut self, merged: Value, param: Value) {
        let name = self.e.dfg.values[param].name.clone();
        let slot = &mut self.e.dfg.values[merged].name;
        if slot.is_none() {
            *slot = name;
        }
    }

    fn convert_inst(&mut self, b: Block, inst: Inst) {
        let mut op = self.e.dfg.insts[inst].op.clone();
        if matches!(op, Op::Const(_) | Op::EntryConst { .. }) {
            return; // placed at the first use
        }
        op.map_args(|v| self.map(v));
        let packet_store = matches!(op, Op::PktStore { .. } | Op::PktZero { .. });
        if packet_store && !self.bytes_matter[b] {
            return;
        }
        let predicated = op.has_effect() || op.reads_state();
        let mut pred = if predicated { self.predicate(b) } else { None };
        if let Op::EventOutput { when, .. } = &mut op {
            match self.event_predicate(b, pred, *when) {
                None => return,
                Some(joined) => pred = joined,
            }
            *when = self.e.constant(1, 1);
        }
        self.e.dfg.insts[inst].op = op;
        self.e.dfg.insts[inst].pred = pred;
        self.e.place(inst);
    }

    /// The predicate `pred` of `b` and the condition `when` of an event in it, joined; none if the event is never sent.
    fn event_predicate(
        &mut self,
        b: Block,
        pred: Option<Value>,
        when: Value,
    ) -> Option<Option<Value>> {
        let outer = self.when[b].expect("predicates are asked for of converted blocks");
        let inner = self.e.function_of(when);
        let both = self.e.conditions.bdd.and(outer, inner);
        if both == BoolFn::FALSE {
            return None;
        }
        if both == outer {
            return Some(pred);
        }
        let joined = match (self.e.known(both), pred) {
            (Some(known), _) => known,
            (None, None) => when,
            (None, Some(pred)) => self.e.all(vec![pred, when]),
        };
        self.e.remember(both, joined);
        Some(Some(joined))
    }

    fn convert_terminator(&mut self, b: Block) {
        match &self.f.blocks[b].term {
            Terminator::Jump(t) => self.take_edge(b, None, t),
            Terminator::Branch { cond, if_true, if_false } => {
                let cond = self.map(*cond);
                match (self.cfg.never[if_true.block], self.cfg.never[if_false.block]) {
                    (false, false) => {
                        self.e.function_of(cond);
                        self.take_edge(b, Some((cond, true)), if_true);
                        self.take_edge(b, Some((cond, false)), if_false);
                    }
                    (false, true) => self.take_edge(b, None, if_true),
                    (true, _) => self.take_edge(b, None, if_false),
                }
            }
            Terminator::Ret(verdict) => {
                let mut verdict = verdict.clone();
                verdict.map_values(|v| self.map(v));
                let when = self.when[b].expect("set when the block's conversion began");
                let edges = self.incoming[b].iter().map(|(e, _)| *e).collect();
                self.exits.push(Exit { when, edges, verdict });
            }
            Terminator::Unreachable => {}
        }
    }

    /// Adds the edge from `b` to `t`, taken if `cond` has the given value.
    fn take_edge(&mut self, b: Block, cond: Option<(Value, bool)>, t: &Target) {
        let mut when = self.when[b].expect("the source of an edge is converted first");
        if let Some((v, polarity)) = cond {
            let mut f = self.e.function_of(v);
            if !polarity {
                f = self.e.conditions.bdd.not(f);
            }
            when = self.e.conditions.bdd.and(when, f);
        }
        if when == BoolFn::FALSE {
            return;
        }
        let args: Vec<Value> = t.args.iter().map(|&a| self.map(a)).collect();
        let edge = self.edges.len();
        self.edges.push(Edge { from: Some(b), cond, when });
        if self.cfg.tail[t.block] {
            self.exit_through_tail(edge, t.block, args);
        } else {
            self.incoming[t.block].push((edge, args));
        }
    }

    /// A value that tells whether `b` is executed; none if it always is.
    fn predicate(&mut self, b: Block) -> Option<Value> {
        let when = self.when[b].expect("predicates are asked for of converted blocks");
        if when == BoolFn::TRUE {
            return None;
        }
        if let Some(v) = self.e.known(when) {
            return Some(v);
        }
        let dominator = self.cfg.idom[b].expand();
        let outer = dominator.and_then(|d| self.when[d]).unwrap_or(BoolFn::TRUE);
        let local = self.e.conditions.bdd.restrict(when, outer);
        let edges: Vec<usize> = self.incoming[b].iter().map(|(e, _)| *e).collect();
        let v = if self.is_small(local, edges.len()) {
            let inner = self.e.value_of(local);
            let outer =
                if local == when { None } else { dominator.and_then(|d| self.predicate(d)) };
            match outer {
                Some(outer) => self.e.all(vec![outer, inner]),
                None => inner,
            }
        } else {
            self.any_edge(&edges)
        };
        self.e.remember(when, v);
        debug_assert_eq!(self.e.dfg.ty(v), Ty::Int(1));
        Some(v)
    }

    /// True if `f` is no more work than an or of `edges` edge predicates.
    fn is_small(&self, f: BoolFn, edges: usize) -> bool {
        let limit = 3 * edges + 4;
        self.e.conditions.bdd.size(f, limit) < limit && !self.e.conditions.bdd.has_unknown(f)
    }
}

#[cfg(test)]
mod tests;
