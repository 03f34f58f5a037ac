//! Changes of rows that come in a later stage than the row itself: the stage of the change says which bytes get which content.

use super::expr::Expr;
use super::maps::RowPlace;
use super::stage::StageEmitter;
use super::top::repeated;
use beeline_ir::op::Op;
use beeline_ir::Inst;
use cranelift_entity::EntityRef;

/// What has been stored so far through a value port.
pub(super) struct LateRow {
    /// Stores that do not overlap: lowest bit and value.
    segments: Vec<(u32, Expr)>,
    /// All of the row, if stores may overlap.
    content: Option<Expr>,
    /// By byte: it has been stored to.
    enables: Vec<Expr>,
    /// Conditions of stores, with the wires that hold them.
    conditions: Vec<(Expr, Expr)>,
}

impl StageEmitter<'_> {
    /// Emits the `MapStore` `inst` through value port `port`.
    pub(super) fn store_late(&mut self, inst: Inst, port: usize) {
        let data = &self.layout.staged.pipeline.dfg.insts[inst];
        let Op::MapStore { entry, off, bounds, value, .. } = &data.op else {
            unreachable!("invariant S5: later than the row there are only stores")
        };
        let condition = Expr::and(&self.predicate(inst), &self.hit(*entry));
        let new = self.operand(*value);
        let row = self.layout.row_bytes(port);
        let place = self.row_place(inst, port, *off, bounds, new.bits());
        self.late.entry(port).or_insert_with(|| LateRow {
            segments: Vec::new(),
            content: None,
            enables: vec![Expr::constant(0, 1); row as usize],
            conditions: Vec::new(),
        });
        let enable = self.late_enable(inst, port, condition);
        match place {
            RowPlace::Constant(lo) => self.store_constant_place(inst, port, lo, new, &enable),
            RowPlace::Variable { at, byte } => {
                self.store_variable_place(inst, port, (&at, &byte), &new, &enable)
            }
        }
    }

    /// A wire for "this change happens"; changes under one condition share it.
    fn late_enable(&mut self, inst: Inst, port: usize, condition: Expr) -> Expr {
        let known = self.late[&port].conditions.iter().find(|(c, _)| *c == condition);
        if let Some((_, wire)) = known {
            return wire.clone();
        }
        let wire = self.named_here(inst, "write", condition.clone());
        let late = self.late.get_mut(&port).expect("made by the caller");
        late.conditions.push((condition, wire.clone()));
        wire
    }

    fn store_constant_place(&mut self, inst: Inst, port: usize, lo: u32, new: Expr, enable: &Expr) {
        let late = self.late.get_mut(&port).expect("made by the caller");
        let bytes = (lo / 8) as usize..((lo + new.bits()) / 8) as usize;
        let fresh = late.enables[bytes.clone()].iter().all(|e| e.as_const() == Some(0));
        for b in bytes {
            late.enables[b] = Expr::or(&late.enables[b], enable);
        }
        if fresh && late.content.is_none() {
            late.segments.push((lo, new));
            return;
        }
        let target = format!("[{}:{lo}]", lo + new.bits() - 1);
        self.store_over(inst, port, &target, &new, (!fresh).then_some(enable));
    }

    fn store_variable_place(
        &mut self,
        inst: Inst,
        port: usize,
        (at, byte): (&Expr, &Expr),
        new: &Expr,
        enable: &Expr,
    ) {
        let row = self.layout.row_bytes(port);
        let ones = (1u64 << (new.bits() / 8)) - 1;
        let name = self.local_name(inst, "", "bytes");
        let place = Expr::closed(format!("({row}'h{ones:x} << {})", byte.text()), row, &[byte]);
        let copies = Expr::closed(format!("{{{row}{{{}}}}}", enable.text()), row, &[enable]);
        let bytes = self.body.wire(&name, &Expr::binary("&", &copies, &place));
        let target = format!("[{} +: {}]", at.text(), new.bits());
        self.body.read(at);
        self.store_over(inst, port, &target, new, Some(enable));
        let late = self.late.get_mut(&port).expect("made by the caller");
        for (b, e) in late.enables.iter_mut().enumerate() {
            *e = Expr::or(e, &bytes.extract(b as u32, 1));
        }
    }

    /// Puts `new` over what has been stored before, if `guard` is 1.
    fn store_over(
        &mut self,
        inst: Inst,
        port: usize,
        target: &str,
        new: &Expr,
        guard: Option<&Expr>,
    ) {
        let before = self.late_content(port);
        let prefix = self.layout.value_ports[port].row.clone();
        let name = self.local_name(inst, &prefix, "");
        let store = format!("{name}{target} = {};", self.body.read(new));
        let store = match guard {
            Some(guard) => self.guarded(guard, &store),
            None => store,
        };
        let statements = [format!("{name} = {};", self.body.read(&before)), store];
        let content = self.body.comb(&name, before.bits(), &statements);
        self.late.get_mut(&port).expect("made by the caller").content = Some(content);
    }

    /// The row with what has been stored so far, and zeros.
    fn late_content(&self, port: usize) -> Expr {
        let late = &self.late[&port];
        if let Some(content) = &late.content {
            return content.clone();
        }
        let mut segments: Vec<&(u32, Expr)> = late.segments.iter().collect();
        segments.sort_by_key(|(lo, _)| *lo);
        let width = 8 * self.layout.row_bytes(port);
        let (mut parts, mut next) = (Vec::new(), 0);
        for (lo, e) in segments {
            if next < *lo {
                parts.push(Expr::zero(lo - next));
            }
            next = lo + e.bits();
            parts.push(e.clone());
        }
        if next < width {
            parts.push(Expr::zero(width - next));
        }
        parts.reverse();
        Expr::concat(parts)
    }

    /// Changed rows that leave for the memories in this stage.
    pub(super) fn late_outputs(&mut self) {
        let layout = self.layout;
        let ports: Vec<usize> = self.late.keys().copied().collect();
        for port in ports {
            let names = &layout.value_ports[port];
            let map = &layout.staged.pipeline.dfg.maps[layout.staged.value_ports[port].map].name;
            let content = self.late_content(port);
            self.output(&names.row_next, &content, &format!("changed bytes of a row of {map}"));
            let late = self.late.remove(&port).expect("one of its keys");
            let mask = late.enables.into_iter().rev().collect();
            let mask = Expr::concat(repeated(mask));
            self.output(&names.mask, &mask, "which bytes they are");
            debug_assert_eq!(layout.staged.value_ports[port].commit.index(), self.stage);
        }
    }
}
