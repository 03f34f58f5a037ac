//! Control flow: conditions, blocks with and without an alternative, early exits, loops.

use super::code::Label;
use super::function::{Function, Join, Pin, SharedExit, R0};
use super::packet::Proof;
use super::state::{Cell, Held, State};
use beeline_frontend::insn::{AluOp, Cond, Insn, Operand, Reg, Size, Width};

const CONDITIONS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Set,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

/// Where a check goes that fails.
pub(super) struct Failure {
    pub label: Label,
    /// The block that it leaves, if it does not leave the function.
    join: Option<usize>,
}

/// Where a loop keeps its counter.
#[derive(Clone, Copy, Debug)]
enum Counter {
    Reg(Reg),
    Slot(usize),
}

impl Function<'_, '_> {
    /// A place for a failed check: an exit shared with others, an exit of its own, or the end of a block around this.
    pub(super) fn failure(&mut self) -> Failure {
        if !self.joins.is_empty() && self.rng.percent(35) && self.may_split() {
            let join = self.rng.below(self.joins.len());
            return Failure { label: self.joins[join].label, join: Some(join) };
        }
        if !self.failures.is_empty() && self.rng.percent(60) {
            let label = self.rng.pick(&self.failures).label;
            return Failure { label, join: None };
        }
        let label = self.code.label();
        let code = *self.rng.pick(&[0, 1, 1, 2, 2, 3, 4, 5, 100, -1]);
        self.failures.push(SharedExit { label, code, used: false });
        Failure { label, join: None }
    }

    /// Records that the failure's way starts at this point.
    pub(super) fn fail_from_here(&mut self, failure: &Failure) {
        if let Some(join) = failure.join {
            let state = self.state.clone();
            self.joins[join].states.push(state);
            return;
        }
        self.exits = self.exits.saturating_add(self.state.paths);
        for exit in self.failures.iter_mut().filter(|e| e.label == failure.label) {
            exit.used = true;
        }
    }

    /// True if another way from here to the end stays within the number of paths.
    pub(super) fn may_split(&self) -> bool {
        self.state.paths.saturating_mul(2) <= self.most_paths
    }

    /// Jumps to `to` if a random condition, of the given ones if it is about a number, holds. If it was a bound check, falling through proves it.
    fn jump_on_condition(&mut self, to: Label, conditions: &[Cond]) -> Option<Proof> {
        if self.rng.percent(15) {
            if let Some(proof) = self.bound_check(to) {
                return Some(proof);
            }
        }
        if self.rng.percent(5) {
            if let Some((a, b)) = self.pointer_pair() {
                let cond = *self.rng.pick(&CONDITIONS[..6]);
                self.code.jump_if(cond, Width::W64, a, Operand::Reg(b), to);
                return None;
            }
        }
        let dst = self.number(&[]);
        let cond = *self.rng.pick(conditions);
        let width = self.width();
        let src = match self.rng.percent(65) {
            true => Operand::Imm(self.compared_with(dst)),
            false => Operand::Reg(self.number(&[dst])),
        };
        self.code.jump_if(cond, width, dst, src, to);
        None
    }

    /// A constant to compare `r` with, noted if `r` is a packet field.
    fn compared_with(&mut self, r: Reg) -> i32 {
        let value = self.constant();
        let Held::Number(Some(field)) = self.state.get(r) else { return value };
        let value = match field.bytes {
            1 => value & 0xff,
            2 => value & 0xffff,
            _ => value,
        };
        self.shared.notes.compared.push((field, value as u64));
        value
    }

    /// `if (...) {...}` or `if (...) {...} else {...}`.
    pub(super) fn diamond(&mut self) -> bool {
        if !self.may_split() {
            return self.exit_if();
        }
        let (other, join) = (self.code.label(), self.code.label());
        let proof = self.jump_on_condition(other, &CONDITIONS);
        let mut before = self.state.clone();
        self.joins.push(Join { label: join, states: Vec::new() });
        if let Some(proof) = proof {
            self.reject(proof);
            std::mem::swap(&mut before, &mut self.state);
            self.accept(proof);
        }
        let budget = self.rng.between(1, 4);
        let falls = self.block(budget);
        let alternative = self.rng.percent(50);
        if falls {
            self.arrive();
            if alternative {
                self.code.jump(join);
            }
        }
        self.code.bind(other);
        self.state = before;
        let budget = if alternative { self.rng.between(1, 4) } else { 0 };
        if self.block(budget) {
            self.arrive();
        }
        self.code.bind(join);
        self.meet()
    }

    /// The current state reaches the end of the innermost block.
    fn arrive(&mut self) {
        let state = self.state.clone();
        if let Some(join) = self.joins.last_mut() {
            join.states.push(state);
        }
    }

    /// Ends the innermost block: every way to its end meets. False if there is none.
    fn meet(&mut self) -> bool {
        let states = self.joins.pop().map_or_else(Vec::new, |j| j.states);
        let mut states = states.into_iter();
        let Some(first) = states.next() else { return false };
        self.state = states.fold(first, |met: State, s| met.meet(&s, &mut self.bases));
        true
    }

    /// `if (...) return ...`.
    pub(super) fn exit_if(&mut self) -> bool {
        let stay = self.code.label();
        // Most numbers are equal to hardly anything: a return must not be what nearly every packet does.
        let likely = if self.rng.percent(85) { &CONDITIONS[1..] } else { &CONDITIONS[..] };
        let likely = if self.rng.percent(60) { &[Cond::Ne] } else { likely };
        let proof = self.jump_on_condition(stay, likely);
        let kept = self.state.clone();
        self.finish();
        self.state = kept;
        if let Some(proof) = proof {
            // It is the short packets that stay.
            self.reject(proof);
        }
        self.code.bind(stay);
        true
    }

    /// Leaves a block around this one, or the function.
    pub(super) fn leave_block(&mut self) -> bool {
        if self.rng.percent(35) {
            self.finish();
            return false;
        }
        let join = self.rng.below(self.joins.len());
        let state = self.state.clone();
        self.code.jump(self.joins[join].label);
        self.joins[join].states.push(state);
        false
    }

    /// A loop of at most a few trips.
    pub(super) fn repeat(&mut self) -> bool {
        let trips = self.rng.between(2, 5);
        let Some(body_paths) = self.paths_in_body(trips) else { return true };
        let pins = self.pins;
        let slots = self.pinned_slots.clone();
        let walk = if self.rng.percent(35) { self.start_walk(trips) } else { None };
        let limit = self.variable_limit(trips, walk);
        let Some(counter) = self.start_counter(&[walk, limit]) else {
            self.pins = pins;
            return true;
        };
        self.freeze();
        let exit = self.code.label();
        let head = self.code.label();
        self.joins.push(Join { label: exit, states: Vec::new() });
        self.code.bind(head);
        let paths = self.state.paths;
        if let Some(limit) = limit {
            self.stop_at(counter, Operand::Reg(limit), exit);
        }
        self.loops += 1;
        let most_paths = std::mem::replace(&mut self.most_paths, body_paths);
        let budget = self.rng.between(1, 3);
        let falls = self.walk_check(walk) && self.block(budget);
        self.loops -= 1;
        self.most_paths = most_paths;
        if falls {
            if let (Some(p), Held::Packet(base, offset)) = (walk, self.walked(walk)) {
                let by = self.step(base, offset);
                self.alu(AluOp::Add, p, Operand::Imm(by));
                self.state.set(p, Held::Packet(base, offset + by as u32));
            }
            self.count(counter, trips, limit.is_some(), head);
            self.arrive();
        }
        self.code.bind(exit);
        self.pins = pins;
        self.pinned_slots = slots;
        if !self.meet() {
            return false;
        }
        let factor = (self.state.paths / paths.max(1)).max(1);
        self.state.paths = paths.saturating_mul(factor.saturating_pow(trips as u32));
        true
    }

    /// Most paths to the end of a loop's body, so that all trips together stay within the number of paths.
    fn paths_in_body(&self, trips: usize) -> Option<u64> {
        let paths = self.state.paths;
        let fits = |factor: &u64| {
            paths.saturating_mul(factor.saturating_pow(trips as u32)) <= self.most_paths
        };
        // Below 2 not even a break is possible.
        (2..=8).filter(fits).max().map(|factor| paths * factor)
    }

    /// A packet pointer in a register that survives calls, to be moved on in each trip.
    fn start_walk(&mut self, trips: usize) -> Option<Reg> {
        let free = (6..10).map(Reg).filter(|r| self.writable(*r)).collect::<Vec<_>>();
        let dst = (!free.is_empty()).then(|| *self.rng.pick(&free))?;
        if self.pins[dst.index()] != Pin::Free {
            return None;
        }
        let src = self.find(&[], |h| matches!(h, Held::Packet(..)))?;
        let Held::Packet(base, offset) = self.state.get(src) else { return None };
        let far = self.bases[base].reach + offset + 8 * trips as u32;
        if far + 16 > self.options().reach {
            return None;
        }
        self.mov(dst, src);
        let base = self.new_base(far);
        self.state.set(dst, Held::Packet(base, 0));
        self.pins[dst.index()] = Pin::Fixed;
        Some(dst)
    }

    fn walked(&self, walk: Option<Reg>) -> Held {
        walk.map_or(Held::Nothing, |p| self.state.get(p))
    }

    /// Steps are at most 8 bytes: `start_walk` counts on it.
    fn step(&mut self, base: usize, offset: u32) -> i32 {
        let proved = self.state.proved(base).saturating_sub(offset).clamp(1, 8);
        self.rng.between(1, proved as usize) as i32
    }

    /// At the top of a loop that walks: the check that there is more.
    fn walk_check(&mut self, walk: Option<Reg>) -> bool {
        walk.is_none_or(|p| self.check_pointer(p))
    }

    /// A number of trips that depends on the packet, in a register that survives calls.
    fn variable_limit(&mut self, trips: usize, walk: Option<Reg>) -> Option<Reg> {
        if self.rng.percent(65) {
            return None;
        }
        let free: Vec<Reg> = (6..10)
            .map(Reg)
            .filter(|r| self.writable(*r) && self.pins[r.index()] == Pin::Free)
            .filter(|r| Some(*r) != walk && !self.state.get(*r).is_pointer())
            .collect();
        let dst = (!free.is_empty()).then(|| *self.rng.pick(&free))?;
        let src = self.number(&[dst]);
        self.mov(dst, src);
        let mask = (trips + 1).next_power_of_two() / 2 - 1;
        self.alu(AluOp::And, dst, Operand::Imm(mask.max(1) as i32));
        self.state.set(dst, Held::Number(None));
        self.pins[dst.index()] = Pin::Fixed;
        Some(dst)
    }

    fn start_counter(&mut self, taken: &[Option<Reg>]) -> Option<Counter> {
        let free: Vec<Reg> = (6..10)
            .map(Reg)
            .filter(|r| self.writable(*r) && self.pins[r.index()] == Pin::Free)
            .filter(|r| !taken.contains(&Some(*r)) && !self.state.get(*r).is_pointer())
            .collect();
        if !free.is_empty() && self.rng.percent(80) {
            let r = *self.rng.pick(&free);
            self.imm(r, 0);
            self.pins[r.index()] = Pin::Fixed;
            return Some(Counter::Reg(r));
        }
        let at = self.frame_space(8, 8)?;
        self.store(Size::B8, Reg::R10, super::function::frame_offset(at), Operand::Imm(0));
        self.state.write(at, &[None; 8]);
        self.pinned_slots.push(at);
        Some(Counter::Slot(at))
    }

    /// Prepares the state for a loop's body: what a later trip cannot rely on is forgotten, what it needs is pinned.
    fn freeze(&mut self) {
        self.state.clobber();
        for r in (6..10).map(Reg) {
            let pin = &mut self.pins[r.index()];
            match self.state.get(r) {
                Held::Nothing => {}
                held if held.is_number() => {
                    *pin = if *pin == Pin::Free { Pin::Number } else { *pin };
                    self.state.set(r, Held::Number(None));
                }
                _ => *pin = Pin::Fixed,
            }
        }
        self.pinned_slots.extend(self.state.spills.keys());
        for cell in &mut self.state.cells {
            if let Cell::Byte(source) = cell {
                *source = None;
            }
        }
    }

    /// Jumps to `exit` if the counter has reached `limit`.
    fn stop_at(&mut self, counter: Counter, limit: Operand, exit: Label) {
        let r = self.counted(counter);
        let cond = *self.rng.pick(&[Cond::Ge, Cond::Ge, Cond::Sge]);
        self.code.jump_if(cond, Width::W64, r, limit, exit);
        self.arrive();
    }

    fn counted(&mut self, counter: Counter) -> Reg {
        match counter {
            Counter::Reg(r) => r,
            Counter::Slot(at) => {
                let r = self.number_target(&[]);
                self.load(Size::B8, r, Reg::R10, super::function::frame_offset(at));
                self.state.set(r, Held::Number(None));
                r
            }
        }
    }

    /// The end of a trip: counts it, and goes back to `head` unless it was the last.
    fn count(&mut self, counter: Counter, trips: usize, limited: bool, head: Label) {
        let r = self.counted(counter);
        self.alu(AluOp::Add, r, Operand::Imm(1));
        if let Counter::Slot(at) = counter {
            let to = super::function::frame_offset(at);
            self.store(Size::B8, Reg::R10, to, Operand::Reg(r));
        }
        if limited {
            // The test is at the top.
            return self.code.jump(head);
        }
        let (cond, limit) = *self.rng.pick(&[
            (Cond::Lt, trips),
            (Cond::Ne, trips),
            (Cond::Le, trips - 1),
            (Cond::Slt, trips),
        ]);
        self.code.jump_if(cond, Width::W64, r, Operand::Imm(limit as i32), head);
    }

    /// Ends the function.
    pub(super) fn finish(&mut self) {
        self.exits = self.exits.saturating_add(self.state.paths);
        if self.rng.percent(85) {
            let shown = if self.entry { self.show_in_packet() } else { self.show_in_result() };
            if shown && !self.entry {
                return self.leave();
            }
        }
        if self.entry && self.rng.percent(25) && self.redirect() {
            return self.leave();
        }
        match self.rng.below(8) {
            0 | 1 => {
                let r = self.number(&[]);
                self.mov(R0, r);
                if self.rng.percent(70) {
                    let mask = *self.rng.pick(&[1, 2, 3, 7]);
                    self.alu(AluOp::And, R0, Operand::Imm(mask));
                }
            }
            2 => self.code_of(&[5, 6, 7, 100, -1, i32::MIN]),
            _ => self.code_of(&[0, 1, 2, 2, 2, 2, 3, 3, 3, 4]),
        }
        self.leave();
    }

    /// Makes a wrong number show, now and then before the end.
    pub(super) fn show(&mut self) {
        self.show_in_packet();
    }

    /// Stores a mixture of all numbers to the packet, so that a wrong one shows. False if no packet bytes are proved.
    fn show_in_packet(&mut self) -> bool {
        let Some((p, at)) = self.proved_place(8, &[]) else { return false };
        let mixed = self.mixture(&[p]);
        self.store(Size::B8, p, i64::from(at), Operand::Reg(mixed));
        true
    }

    /// The same as return value of a function.
    fn show_in_result(&mut self) -> bool {
        let mixed = self.mixture(&[]);
        self.mov(R0, mixed);
        true
    }

    /// A register with a mixture of all numbers in registers, and one of the frame.
    fn mixture(&mut self, avoid: &[Reg]) -> Reg {
        if self.rng.percent(50) {
            let dst = self.number_target(avoid);
            self.load_frame(dst);
        }
        let mixed = self.own_number(avoid);
        for r in self.holding(Held::is_number) {
            if r != mixed {
                let op = *self.rng.pick(&[AluOp::Xor, AluOp::Xor, AluOp::Add, AluOp::Sub]);
                self.alu(op, mixed, Operand::Reg(r));
            }
        }
        self.state.set(mixed, Held::Number(None));
        mixed
    }

    fn code_of(&mut self, codes: &[i32]) {
        let code = *self.rng.pick(codes);
        let width = self.width();
        self.code.push(Insn::Alu { op: AluOp::Mov, width, dst: R0, src: Operand::Imm(code) });
        self.state.set(R0, Held::Number(None));
    }
}
