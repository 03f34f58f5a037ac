//! Writes random programs with everything that XDP programs are made of: arithmetic, branches and loops, packets, maps, the
//! stack, helpers, functions, and pointers that differ by the way taken. The writer has beliefs about registers;
//! where they are wrong, the program is unsafe.
//!
//! *Tame* programs can be run and compared: nothing in them depends on time, random numbers, addresses, or stack bytes
//! that were never written, because beliefs are weakened where paths meet and pointers are kept apart from numbers.

use super::asm::*;
use super::random::{constants, Random, CONDS, OPS, SIZES};
use beeline_frontend::insn::{AluOp, AtomicKind, Cond, Operand, Size, Swap, Width};
use beeline_frontend::{Insn, Program, Reg};
use beeline_ir::map::MapKind;
use std::sync::OnceLock;

/// What a register holds, as the writer believes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Belief {
    Nothing,
    Number,
    Ctx,
    Packet,
    End,
    /// An address with at least 48 bytes of the number area of the stack behind it.
    Stack,
    /// Value of map 0.
    Value,
}

use Belief::{Ctx, End, Nothing, Number, Packet, Stack, Value};

/// Stack bytes below the frame pointer that hold numbers; spilled pointers lie below.
const NUMBERS: i16 = 64;
const POINTER_SLOTS: [i16; 4] = [-72, -80, -88, -96];

/// Map 0: looked up and updated. Map 1: programs, none. Map 2: an array of counters.
pub const VALUE_BYTES: u32 = 24;

/// Everything believed at one point.
#[derive(Clone, PartialEq)]
struct Beliefs {
    regs: [Belief; 10],
    slots: [Belief; 4],
}

impl Beliefs {
    fn weaken(&mut self, other: &Self) {
        let pairs = self.regs.iter_mut().zip(&other.regs);
        for (mine, theirs) in pairs.chain(self.slots.iter_mut().zip(&other.slots)) {
            if mine != theirs {
                *mine = Nothing;
            }
        }
    }
}

/// Writes one program.
pub struct Writer {
    random: Random,
    tame: bool,
    lines: Vec<Line>,
    now: Beliefs,
    labels: usize,
    /// Labels that were jumped to and are still to be placed, with what was believed at the jump.
    open: Vec<(&'static str, Beliefs)>,
    /// Arguments of each function that `main` may call.
    functions: Vec<Vec<Belief>>,
    in_function: bool,
}

fn name(kind: char, n: usize) -> &'static str {
    static NAMES: OnceLock<Vec<[String; 2]>> = OnceLock::new();
    let all = NAMES.get_or_init(|| (0..400).map(|n| [format!("l{n}"), format!("f{n}")]).collect());
    &all[n][usize::from(kind == 'f')]
}

impl Writer {
    pub fn new(seed: u64, tame: bool) -> Self {
        let now = Beliefs { regs: [Nothing; 10], slots: [Nothing; 4] };
        let random = Random::new(seed);
        let (lines, open, functions) = (Vec::new(), Vec::new(), Vec::new());
        Self { random, tame, lines, now, labels: 0, open, functions, in_function: false }
    }

    fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn extend(&mut self, lines: impl IntoIterator<Item = Line>) {
        self.lines.extend(lines);
    }

    fn believe(&mut self, n: u8, what: Belief) {
        self.now.regs[n as usize] = what;
    }

    fn believed(&self, n: u8) -> Belief {
        self.now.regs[n as usize]
    }

    fn free(&mut self) -> u8 {
        self.random.below(6) as u8
    }

    fn holding(&mut self, what: Belief) -> Option<u8> {
        let found: Vec<u8> = (0..10).filter(|n| self.believed(*n) == what).collect();
        (!found.is_empty()).then(|| self.random.pick(&found))
    }

    fn new_label(&mut self) -> &'static str {
        self.labels += 1;
        name('l', self.labels - 1)
    }

    /// A jump to a label that is placed later.
    fn leave(&mut self, line: impl FnOnce(&'static str) -> Line) {
        let label = self.new_label();
        let line = line(label);
        self.push(line);
        self.open.push((label, self.now.clone()));
    }

    fn place(&mut self, (label, at_jump): (&'static str, Beliefs)) {
        self.push(Label(label));
        if self.tame || self.random.chance(70) {
            self.now.weaken(&at_jump);
        }
    }

    /// A register among r0 to r5 that holds a number; one is made if there is none.
    fn number(&mut self) -> u8 {
        let found: Vec<u8> = (0..6).filter(|n| self.believed(*n) == Number).collect();
        if !found.is_empty() && self.random.chance(80) {
            return self.random.pick(&found);
        }
        let n = self.free();
        let line = match self.random.below(4) {
            0 if self.believed(9) == Number => mov(n, r(9)),
            1 if self.believed(6) == Ctx => load(Size::B4, n, 6, 12),
            2 => load(self.random.pick(&SIZES), n, 10, self.random.pick(&[-8, -16, -24, -32])),
            _ => mov(n, i(self.random.pick(&constants()))),
        };
        self.push(line);
        self.believe(n, Number);
        n
    }

    fn operand(&mut self, other_than: u8, constant_percent: u64) -> Operand {
        let n = self.number();
        if n == other_than || self.random.chance(constant_percent) {
            i(self.random.pick(&constants()))
        } else {
            r(n)
        }
    }

    fn arithmetic(&mut self) {
        let dst = self.number();
        let op = self.random.pick(&OPS);
        let width = self.random.pick(&[Width::W32, Width::W64]);
        let src = match op {
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if self.random.chance(80) => {
                i(self.random.below(u64::from(width.bits())) as i32)
            }
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => r(self.number()),
            _ => self.operand(dst, 60),
        };
        let dst = Reg(dst);
        let line = match self.random.below(14) {
            0 => Insn::Neg { width, dst },
            1 => Insn::Swap { swap: Swap::ToBe, dst, bits: self.random.pick(&[16, 32, 64]) },
            2 => Insn::MovSx { width, dst, src: dst, bits: self.random.pick(&[8, 16]) },
            3 => {
                let op = self.random.pick(&[AluOp::Div, AluOp::Mod, AluOp::Sdiv, AluOp::Smod]);
                let by = self.random.pick(&[1, 2, 3, 10, -1, 255]);
                Insn::Alu { op, width, dst, src: i(by) }
            }
            _ => Insn::Alu { op, width, dst, src },
        };
        self.push(Line::Do(line));
        self.believe(dst.0, Number);
    }

    /// Brings a number into a range that fits an offset.
    fn bound(&mut self) -> u8 {
        let n = self.number();
        match self.random.below(3) {
            0 => {
                let mask = self.random.pick(&[3, 7, 15, 31, 63, 255]);
                self.push(and(n, mask));
            }
            1 => {
                let shift = self.random.pick(&[26, 28, 30]);
                self.push(alu32(AluOp::Rsh, n, i(shift)));
            }
            _ => {
                let limit = self.random.pick(&[7, 8, 15, 16, 60]);
                let cond = self.random.pick(&[Cond::Gt, Cond::Ge, Cond::Sgt]);
                self.leave(|label| jif(cond, n, i(limit), label));
            }
        }
        n
    }

    fn branch(&mut self) {
        let n = self.number();
        let cond = self.random.pick(&CONDS);
        let width = self.random.pick(&[Width::W32, Width::W64]);
        let src = self.operand(n, 70);
        self.leave(|label| Line::If(cond, width, n, src, label));
    }

    fn check_packet(&mut self) {
        let (Some(p), Some(end)) = (self.holding(Packet), self.holding(End)) else { return };
        let n = self.free();
        let bytes = self.random.pick(&[1, 4, 8, 14, 20, 34]);
        self.extend([mov(n, r(p)), add(n, i(bytes))]);
        self.believe(n, Packet);
        let cond = self.random.pick(&[Cond::Gt, Cond::Gt, Cond::Ge]);
        if self.random.chance(20) {
            let cond = if cond == Cond::Gt { Cond::Lt } else { Cond::Le };
            self.leave(|label| jif(cond, end, r(n), label));
        } else {
            self.leave(|label| jif(cond, n, r(end), label));
        }
    }

    fn move_pointer(&mut self) {
        let kind = self.random.pick(&[Packet, Packet, Stack, Value]);
        if kind == Stack && self.tame {
            return self.stack_address();
        }
        let Some(p) = self.holding(kind) else { return };
        let n = self.number();
        let dst = self.free();
        if dst == n {
            return;
        }
        self.push(mov(dst, r(p)));
        self.believe(dst, kind);
        if self.random.chance(60) {
            self.push(add(dst, r(n)));
        } else {
            let by = self.random.pick(&[-8, -1, 1, 4, 8]);
            self.push(add(dst, i(by)));
        }
    }

    /// An address in the number area, with or without a variable part.
    fn stack_address(&mut self) {
        let dst = self.free();
        let n = self.number();
        self.extend([mov(dst, r(10)), add(dst, i(-i32::from(NUMBERS)))]);
        if n != dst && self.random.chance(50) {
            let mask = self.random.pick(&[3, 7, 8, 15]);
            self.extend([and(n, mask), add(dst, r(n))]);
        }
        self.believe(dst, Stack);
    }

    fn access(&mut self) {
        let kind = self.random.pick(&[Packet, Packet, Stack, Value, Value]);
        let Some(p) = self.holding(kind) else { return };
        let size = self.random.pick(&SIZES);
        let off = match kind {
            Stack => self.random.pick(&[0, 8, 16, 24, 4]),
            _ => self.random.pick(&[0, 0, 1, 4, 6, 8, 12, 16, 19]),
        };
        match self.random.below(10) {
            0..=5 => {
                let dst = self.free();
                self.push(load(size, dst, p, off));
                self.believe(dst, Number);
            }
            6..=7 if matches!(kind, Value | Stack) => self.atomic(p, off),
            _ => {
                let src = self.number();
                self.push(store(size, p, off, r(src)));
            }
        }
    }

    fn atomic(&mut self, p: u8, off: i16) {
        let src = self.number();
        let kind = self.random.pick(&[AtomicKind::Add, AtomicKind::Or, AtomicKind::Xchg]);
        let size = self.random.pick(&[Size::B4, Size::B8]);
        let fetch = kind == AtomicKind::Xchg || self.random.chance(30);
        let (dst, src) = (Reg(p), Reg(src));
        self.push(Line::Do(Insn::Atomic { kind, size, fetch, dst, off, src }));
    }

    /// Spills and fills.
    fn stack(&mut self) {
        let slot = self.random.pick(&[-8i16, -16, -24, -32, -40]);
        let size = self.random.pick(&SIZES);
        match self.random.below(5) {
            0 => {
                let n = self.number();
                self.push(store(size, 10, slot, r(n)));
            }
            1 => {
                let dst = self.free();
                self.push(load(size, dst, 10, slot));
                self.believe(dst, Number);
            }
            2 => {
                let s = self.random.below(4) as usize;
                let what = self.random.pick(&[Packet, Value, End, Stack]);
                let Some(p) = self.holding(what) else { return };
                let at = if self.tame { POINTER_SLOTS[s] } else { slot };
                self.push(store(Size::B8, 10, at, r(p)));
                self.now.slots[s] = what;
            }
            3 => {
                let s = self.random.below(4) as usize;
                if self.now.slots[s] == Nothing {
                    return;
                }
                let dst = self.free();
                self.push(load(Size::B8, dst, 10, POINTER_SLOTS[s]));
                self.believe(dst, self.now.slots[s]);
            }
            _ => self.stack_address(),
        }
    }

    /// r0 to r5 are lost.
    fn called(&mut self) {
        self.now.regs[..6].fill(Nothing);
    }

    /// `r2` = a key on the stack.
    fn key(&mut self) {
        let n = self.number();
        if self.random.chance(60) {
            self.push(and(n, 7));
        }
        let keep = if self.random.chance(30) { i(self.random.below(9) as i32) } else { r(n) };
        self.extend([store(Size::B4, 10, -8, keep), mov(2, r(10)), add(2, i(-8))]);
    }

    fn lookup(&mut self) {
        self.key();
        self.extend([map(1, 0), helper(1)]);
        self.called();
        self.believe(0, Value);
        if self.random.chance(92) {
            self.leave(|label| jif(Cond::Eq, 0, i(0), label));
            if let Some((_, at_jump)) = self.open.last_mut() {
                at_jump.regs[0] = Number;
            }
        }
    }

    fn change_map(&mut self) {
        self.key();
        if self.random.chance(70) {
            self.extend([mov(3, r(10)), add(3, i(-48))]);
            let flags = self.random.pick(&[0, 0, 0, 1, 2, 3]);
            self.extend([map(1, 0), mov(4, i(flags)), helper(2)]);
        } else {
            self.extend([map(1, 0), helper(3)]);
        }
        self.called();
        self.believe(0, Number);
    }

    /// A helper without memory of its own.
    fn plain_helper(&mut self) {
        match self.random.below(6) {
            0 => {
                self.extend([mov(1, i(1)), mov(2, i(0)), helper(23)]);
                self.called();
                self.believe(0, Number);
            }
            1 => {
                // Linux knows how many CPUs the host has.
                self.extend([helper(8), and(0, 1)]);
                self.called();
                self.believe(0, Number);
            }
            2 => {
                let id = self.random.pick(&[5, 7, 118]);
                self.push(helper(id));
                self.called();
                if self.tame {
                    self.push(mov(0, i(3)));
                }
                self.believe(0, Number);
            }
            // A function that makes tail calls needs BTF.
            3 if self.believed(6) == Ctx && !self.in_function => {
                let n = self.number();
                if n != 3 {
                    self.push(mov(3, r(n)));
                }
                self.extend([mov(1, r(6)), map(2, 1), helper(12)]);
                self.called();
            }
            _ => self.csum_diff(),
        }
    }

    fn csum_diff(&mut self) {
        let seed = self.number();
        let memory = if self.random.chance(50) { self.holding(Packet) } else { None };
        let size = self.random.pick(&[4, 8, 16, 20, 3, 0]);
        self.push(mov(5, r(seed)));
        match memory.filter(|p| *p != 5) {
            Some(p) => self.push(mov(3, r(p))),
            None => self.extend([mov(3, r(10)), add(3, i(-48))]),
        }
        self.push(mov(4, i(size)));
        if self.random.chance(50) {
            self.extend([mov(1, i(0)), mov(2, i(0))]);
        } else {
            self.extend([mov(1, r(10)), add(1, i(-32)), mov(2, i(8))]);
        }
        self.push(helper(28));
        self.called();
        self.believe(0, Number);
    }

    /// Moves the packet's start or end; the pointers are loaded again, mostly.
    fn adjust(&mut self) {
        if self.believed(6) != Ctx {
            return;
        }
        let delta = if self.random.chance(70) {
            i(self.random.pick(&[-20, -14, -4, 4, 8, 20, 1, 0]))
        } else {
            r(self.number())
        };
        let id = self.random.pick(&[44, 65]);
        self.extend([mov(2, delta), mov(1, r(6)), helper(id)]);
        self.called();
        self.believe(0, Number);
        if self.random.chance(90) {
            self.forget_packet();
            self.extend([load(Size::B4, 7, 6, 0), load(Size::B4, 8, 6, 4)]);
            self.believe(7, Packet);
            self.believe(8, End);
        }
    }

    fn forget_packet(&mut self) {
        for belief in self.now.regs.iter_mut().chain(&mut self.now.slots) {
            if matches!(belief, Packet | End) {
                *belief = Nothing;
            }
        }
    }

    /// A pointer to one thing or another, depending on a number; then an access.
    fn either(&mut self) {
        let kinds = [Packet, Stack, Value];
        let (first, second) = (self.random.pick(&kinds), self.random.pick(&kinds));
        let (Some(a), Some(b)) = (self.holding(first), self.holding(second)) else { return };
        let (n, dst) = (self.number(), self.free());
        if [a, b, n].contains(&dst) {
            return;
        }
        let label = self.new_label();
        let limit = self.random.pick(&constants());
        let cond = self.random.pick(&CONDS);
        self.extend([mov(dst, r(a)), jif(cond, n, i(limit), label), mov(dst, r(b)), Label(label)]);
        self.believe(dst, if first == second { first } else { Nothing });
        let value = self.number();
        if value != dst {
            let size = self.random.pick(&SIZES);
            self.push(store(size, dst, 0, r(value)));
        }
    }

    /// A counter in r9 up to a limit, constant or variable; sometimes one that never ends.
    fn repeat(&mut self, depth: u32) {
        let label = self.new_label();
        let limit = if self.random.chance(25) {
            self.push(mov(9, i(0)));
            let n = self.bound();
            self.extend([store(Size::B8, 10, -56, r(n))]);
            None
        } else {
            Some(self.random.pick(&[2, 2, 3, 5, 9]))
        };
        self.push(mov(9, i(0)));
        self.believe(9, Number);
        self.push(Label(label));
        // What holds at the label holds on every trip only if the body keeps it.
        self.now.regs[..6].fill(Nothing);
        for _ in 0..self.random.below(4) {
            match self.random.below(if depth == 0 { 7 } else { 5 }) {
                0 | 1 => self.arithmetic(),
                2 => self.stack_number(),
                3 => self.diamonds(),
                4 => self.access_in_loop(),
                _ => self.inner_loop(),
            }
        }
        let step = if self.random.below(300) > 0 { 1 } else { 0 };
        self.push(add(9, i(step)));
        match limit {
            Some(limit) => self.push(jif(Cond::Lt, 9, i(limit), label)),
            None => {
                let n = self.free();
                self.push(load(Size::B8, n, 10, -56));
                self.believe(n, Number);
                self.push(jif(Cond::Lt, 9, r(n), label));
            }
        }
    }

    fn stack_number(&mut self) {
        let slot = self.random.pick(&[-8i16, -16, -24, -32, -40]);
        let n = self.number();
        let line = if self.random.chance(50) {
            store(Size::B8, 10, slot, r(n))
        } else {
            load(Size::B8, n, 10, slot)
        };
        self.push(line);
    }

    /// The packet byte that the counter chooses.
    fn access_in_loop(&mut self) {
        if self.believed(7) != Packet || self.believed(8) != End {
            return;
        }
        let (p, q) = (self.random.pick(&[1u8, 2]), self.random.pick(&[3u8, 4]));
        self.extend([mov(p, r(7)), add(p, r(9)), mov(q, r(p)), add(q, i(1))]);
        let label = self.new_label();
        self.extend([jif(Cond::Gt, q, r(8), label), load(Size::B1, 5, p, 0)]);
        self.extend([store(Size::B1, 10, -16, r(5)), Label(label)]);
        for n in [p, q, 5] {
            self.believe(n, Nothing);
        }
    }

    fn inner_loop(&mut self) {
        let label = self.new_label();
        let trips = self.random.pick(&[2, 2, 3]);
        self.extend([store(Size::B8, 10, -64, i(0)), Label(label)]);
        self.now.regs[..6].fill(Nothing);
        self.diamonds();
        self.extend([load(Size::B8, 5, 10, -64), add(5, i(1)), store(Size::B8, 10, -64, r(5))]);
        self.push(jif(Cond::Lt, 5, i(trips), label));
        self.now.regs[..6].fill(Nothing);
    }

    /// Short alternatives one after the other: many states that differ only in numbers.
    fn diamonds(&mut self) {
        for _ in 0..1 + self.random.below(5) {
            let n = self.number();
            let limit = self.random.pick(&constants());
            let cond = self.random.pick(&CONDS);
            let label = self.new_label();
            self.push(jif(cond, n, i(limit), label));
            let before = self.now.clone();
            for _ in 0..self.random.below(3) {
                self.arithmetic();
            }
            self.place((label, before));
        }
    }

    /// A call of a function with what it asks for.
    fn call(&mut self) {
        if self.functions.is_empty() {
            return;
        }
        let f = self.random.below(self.functions.len() as u64) as usize;
        let wanted = self.functions[f].clone();
        // Collected on the stack of pointers would be lost; arguments come from r6 to r9, the stack and constants.
        for (n, what) in (1u8..).zip(&wanted) {
            let line = match what {
                Ctx => mov(n, r(6)),
                Packet => mov(n, r(7)),
                End => mov(n, r(8)),
                Stack => {
                    self.push(mov(n, r(10)));
                    add(n, i(-i32::from(NUMBERS)))
                }
                _ if self.random.chance(60) && self.believed(9) == Number => mov(n, r(9)),
                _ => mov(n, i(self.random.pick(&constants()))),
            };
            self.push(line);
        }
        self.push(Call(name('f', f)));
        self.called();
        self.believe(0, Number);
        if wanted.contains(&Ctx) {
            self.forget_packet();
            self.extend([load(Size::B4, 7, 6, 0), load(Size::B4, 8, 6, 4)]);
            self.believe(7, Packet);
            self.believe(8, End);
        }
    }

    fn one(&mut self) {
        match self.random.below(40) {
            0..=5 => self.arithmetic(),
            6..=7 => drop(self.bound()),
            8..=9 => self.branch(),
            10..=13 => self.check_packet(),
            14..=16 => self.move_pointer(),
            17..=21 => self.access(),
            22..=25 => self.stack(),
            26..=27 => self.lookup(),
            28 => self.change_map(),
            29 => self.plain_helper(),
            30 => self.adjust(),
            31..=32 => self.either(),
            33 => self.repeat(u32::from(self.in_function)),
            34 => self.diamonds(),
            35..=36 if !self.in_function => self.call(),
            _ => {
                if let Some(open) = self.open.pop() {
                    self.place(open);
                }
            }
        }
    }

    fn body(&mut self, statements: u64) {
        for _ in 0..statements {
            self.one();
        }
        while let Some(open) = self.open.pop() {
            self.place(open);
        }
    }

    /// Stack bytes that are read later have a value; sometimes not, in programs that are not run.
    fn clear_stack(&mut self) {
        if self.tame || self.random.chance(80) {
            for slot in (1..=NUMBERS / 8).map(|n| -8 * n) {
                let value = self.random.pick(&[0, 0, 1, 7, -1]);
                self.push(store(Size::B8, 10, slot, i(value)));
            }
        }
    }

    fn function(&mut self, f: usize) {
        self.push(Function(name('f', f)));
        self.now = Beliefs { regs: [Nothing; 10], slots: [Nothing; 4] };
        let kept: [(Belief, u8); 4] = [(Ctx, 6), (Packet, 7), (End, 8), (Number, 9)];
        for (n, what) in (1u8..).zip(self.functions[f].clone()) {
            self.believe(n, what);
            if let Some((_, to)) = kept.iter().find(|(k, _)| *k == what) {
                self.push(mov(*to, r(n)));
                self.believe(*to, what);
            }
        }
        self.clear_stack();
        let statements = 3 + self.random.below(8);
        self.body(statements);
        let result = if self.believed(9) == Number { r(9) } else { i(1) };
        self.extend([mov(0, result), exit()]);
    }

    pub fn program(mut self) -> Program {
        let signatures: [&[Belief]; 5] =
            [&[Number, Number], &[Packet, End], &[Stack, Number], &[Ctx], &[Ctx, Stack]];
        for _ in 0..self.random.below(3) {
            let signature = self.random.pick(&signatures).to_vec();
            self.functions.push(signature);
        }
        self.extend([mov(6, r(1)), load(Size::B4, 7, 1, 0), load(Size::B4, 8, 1, 4)]);
        self.believe(6, Ctx);
        self.believe(7, Packet);
        self.believe(8, End);
        self.clear_stack();
        self.packet_number();
        let statements = 8 + self.random.below(28);
        self.body(statements);
        let result = if self.believed(9) == Number { r(9) } else { i(2) };
        self.extend([mov(0, result), and(0, 3), exit()]);
        let called: Vec<usize> = (0..self.functions.len())
            .filter(|f| self.lines.iter().any(|l| matches!(l, Call(to) if *to == name('f', *f))))
            .collect();
        self.in_function = true;
        for f in called {
            self.function(f);
        }
        let kind = self.random.pick(&[MapKind::Hash, MapKind::Array, MapKind::PercpuArray]);
        let maps = vec![map_def(kind, 4, VALUE_BYTES, 8), map_def(MapKind::ProgArray, 4, 4, 4)];
        link(&self.lines, maps)
    }

    /// r9 = a number from the packet, or from the context.
    fn packet_number(&mut self) {
        if self.random.chance(30) {
            self.push(load(Size::B4, 9, 6, 16));
        } else {
            let label = self.new_label();
            self.extend([mov(9, i(0)), mov(1, r(7)), add(1, i(14)), jif(Cond::Gt, 1, r(8), label)]);
            let size = self.random.pick(&SIZES);
            self.extend([load(size, 9, 7, 4), Label(label)]);
        }
        self.believe(9, Number);
    }
}
