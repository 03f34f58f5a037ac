//! Random programs: what we accept is run and held against the facts, and verdicts are compared with the kernel's.

use super::asm::*;
use super::exec::{run, Input};
use super::kernel::{judge, reachable, Verdict};
use beeline_frontend::insn::{AluOp, AtomicKind, Cond, Operand, Size, Swap, Width};
use beeline_frontend::{verifier, Insn, Program, Reg};
use beeline_ir::map::MapKind;

/// Programs per run of the test; `BEELINE_RANDOM_PROGRAMS` sets another number for a long run.
const PROGRAMS: u64 = 1500;

/// A fixed mixing generator.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

const LABELS: [&str; 48] = [
    "l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9", "l10", "l11", "l12", "l13", "l14",
    "l15", "l16", "l17", "l18", "l19", "l20", "l21", "l22", "l23", "l24", "l25", "l26", "l27",
    "l28", "l29", "l30", "l31", "l32", "l33", "l34", "l35", "l36", "l37", "l38", "l39", "l40",
    "l41", "l42", "l43", "l44", "l45", "l46", "l47",
];

pub const SIZES: [Size; 4] = [Size::B1, Size::B2, Size::B4, Size::B8];

pub const CONDS: [Cond; 11] = [
    Cond::Set,
    Cond::Eq,
    Cond::Ne,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

pub const OPS: [AluOp; 10] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Xor,
    AluOp::Arsh,
    AluOp::Mov,
];

/// What the generator believes a register holds on the straight path; wrong beliefs make unsafe programs.
#[derive(Clone, Copy, PartialEq)]
enum Guess {
    Nothing,
    Number,
    Packet,
    Stack,
    Value,
}

/// r6 = context, r7 = data, r8 = data_end, r9 = a number; r0 to r5 are free.
struct Generator {
    random: Random,
    lines: Vec<Line>,
    guess: [Guess; 10],
    labels: usize,
    /// Labels that are jumped to, to be placed later.
    open: Vec<&'static str>,
}

pub fn constants() -> [i32; 18] {
    [0, 1, 2, 3, 4, 7, 8, 14, 15, 16, 31, 32, 63, 64, 255, -1, -8, 1 << 30]
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut guess = [Guess::Nothing; 10];
        guess[7] = Guess::Packet;
        guess[9] = Guess::Number;
        let lines = vec![
            mov(6, r(1)),
            load(Size::B4, 7, 1, 0),
            load(Size::B4, 8, 1, 4),
            load(Size::B4, 9, 1, 16),
        ];
        Self { random: Random(seed), lines, guess, labels: 0, open: Vec::new() }
    }

    fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn free(&mut self) -> u8 {
        self.random.below(6) as u8
    }

    fn holding(&mut self, what: Guess) -> Option<u8> {
        let found: Vec<u8> = (0..10).filter(|n| self.guess[*n as usize] == what).collect();
        (!found.is_empty()).then(|| self.random.pick(&found))
    }

    /// A free register that holds a number; one is made if there is none.
    fn number(&mut self) -> u8 {
        let found: Vec<u8> = (0..6).filter(|n| self.guess[*n as usize] == Guess::Number).collect();
        if !found.is_empty() && self.random.chance(80) {
            return self.random.pick(&found);
        }
        let n = self.free();
        let line = match self.random.below(3) {
            0 => mov(n, r(9)),
            1 => mov(n, i(self.random.pick(&constants()))),
            _ => load(Size::B4, n, 6, 12),
        };
        self.push(line);
        self.guess[n as usize] = Guess::Number;
        n
    }

    /// A constant, or another register with a number.
    fn operand(&mut self, other_than: u8, constant_percent: u64) -> Operand {
        let n = self.number();
        if n == other_than || self.random.chance(constant_percent) {
            i(self.random.pick(&constants()))
        } else {
            r(n)
        }
    }

    fn label(&mut self) -> Option<&'static str> {
        if self.labels == LABELS.len() {
            return None;
        }
        self.labels += 1;
        let label = LABELS[self.labels - 1];
        self.open.push(label);
        Some(label)
    }

    fn arithmetic(&mut self) {
        let dst = self.number();
        let op = self.random.pick(&OPS);
        let width = self.random.pick(&[Width::W32, Width::W64]);
        let bits = u64::from(width.bits());
        let src = match op {
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => i(self.random.below(bits) as i32),
            _ => self.operand(dst, 60),
        };
        let line = match self.random.below(12) {
            0 => Insn::Neg { width, dst: Reg(dst) },
            2 => Insn::MovSx {
                width,
                dst: Reg(dst),
                src: Reg(dst),
                bits: self.random.pick(&[8, 16]),
            },
            1 => Insn::Swap {
                swap: Swap::ToBe,
                dst: Reg(dst),
                bits: self.random.pick(&[16, 32, 64]),
            },
            _ => Insn::Alu { op, width, dst: Reg(dst), src },
        };
        self.push(Line::Do(line));
        self.guess[dst as usize] = Guess::Number;
    }

    /// Brings a number into a range that fits an offset.
    fn bound(&mut self) {
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
                if let Some(label) = self.label() {
                    self.push(jif(cond, n, i(limit), label));
                }
            }
        }
    }

    fn branch(&mut self) {
        let n = self.number();
        let cond = self.random.pick(&CONDS);
        let width = self.random.pick(&[Width::W32, Width::W64]);
        let src = self.operand(n, 70);
        if let Some(label) = self.label() {
            self.push(Line::If(cond, width, n, src, label));
        }
    }

    fn check_packet(&mut self) {
        let Some(p) = self.holding(Guess::Packet) else { return };
        let n = self.free();
        self.push(mov(n, r(p)));
        let bytes = self.random.pick(&[1, 4, 8, 14, 20, 34]);
        self.push(add(n, i(bytes)));
        self.guess[n as usize] = Guess::Packet;
        let cond = self.random.pick(&[Cond::Gt, Cond::Gt, Cond::Ge]);
        let Some(label) = self.label() else { return };
        if self.random.chance(20) {
            let cond = if cond == Cond::Gt { Cond::Lt } else { Cond::Le };
            self.push(jif(cond, 8, r(n), label));
        } else {
            self.push(jif(cond, n, r(8), label));
        }
    }

    fn move_pointer(&mut self) {
        let kind = self.random.pick(&[Guess::Packet, Guess::Packet, Guess::Stack, Guess::Value]);
        let Some(p) = self.holding(kind) else { return };
        let n = self.number();
        let dst = self.free();
        if dst == n {
            return;
        }
        self.push(mov(dst, r(p)));
        self.guess[dst as usize] = kind;
        if self.random.chance(60) {
            self.push(add(dst, r(n)));
        } else {
            let by = self.random.pick(&[-8, -1, 1, 4, 8]);
            self.push(add(dst, i(by)));
        }
    }

    fn access(&mut self) {
        let kind = self.random.pick(&[Guess::Packet, Guess::Packet, Guess::Stack, Guess::Value]);
        let Some(p) = self.holding(kind) else { return };
        let size = self.random.pick(&SIZES);
        let off = match kind {
            Guess::Stack => self.random.pick(&[-16, -8, -4, 0]),
            _ => self.random.pick(&[0, 0, 1, 4, 6, 8, 12, 19]),
        };
        if self.random.chance(70) {
            let dst = self.free();
            self.push(load(size, dst, p, off));
            self.guess[dst as usize] = Guess::Number;
        } else if kind == Guess::Value && self.random.chance(50) {
            let src = self.number();
            let kind = self.random.pick(&[AtomicKind::Add, AtomicKind::Or, AtomicKind::Xchg]);
            let size = self.random.pick(&[Size::B4, Size::B8]);
            let fetch = kind == AtomicKind::Xchg || self.random.chance(30);
            self.push(Line::Do(Insn::Atomic {
                kind,
                size,
                fetch,
                dst: Reg(p),
                off,
                src: Reg(src),
            }));
        } else {
            let src = self.number();
            self.push(store(size, p, off, r(src)));
        }
    }

    fn stack(&mut self) {
        let slot = self.random.pick(&[-8i16, -16, -24, -32]);
        let what = self.random.pick(&[Guess::Number, Guess::Packet, Guess::Value]);
        match self.random.below(4) {
            0 => {
                if let Some(n) = self.holding(what) {
                    self.push(store(Size::B8, 10, slot, r(n)));
                    let dst = self.free();
                    self.push(load(Size::B8, dst, 10, slot));
                    self.guess[dst as usize] = what;
                }
            }
            1 => {
                let n = self.number();
                let size = self.random.pick(&SIZES);
                self.push(store(size, 10, slot, r(n)));
            }
            2 => {
                let dst = self.free();
                let size = self.random.pick(&SIZES);
                self.push(load(size, dst, 10, slot));
                self.guess[dst as usize] = Guess::Number;
            }
            _ => {
                let dst = self.free();
                self.push(mov(dst, r(10)));
                self.push(add(dst, i(slot.into())));
                self.guess[dst as usize] = Guess::Stack;
            }
        }
    }

    fn lookup(&mut self) {
        let key = self.number();
        for line in
            [store(Size::B4, 10, -8, r(key)), mov(2, r(10)), add(2, i(-8)), map(1, 0), helper(1)]
        {
            self.push(line);
        }
        self.guess[..6].fill(Guess::Nothing);
        self.guess[0] = Guess::Value;
        if self.random.chance(90) {
            if let Some(label) = self.label() {
                self.push(jif(Cond::Eq, 0, i(0), label));
            }
        }
    }

    fn small_loop(&mut self) {
        let counter = 9;
        let Some(label) = self.label() else { return };
        self.open.pop();
        let trips = self.random.pick(&[2, 5, 9]);
        self.push(mov(counter, i(0)));
        self.push(Label(label));
        for _ in 0..self.random.below(3) {
            self.arithmetic();
        }
        self.push(add(counter, i(1)));
        self.push(jif(Cond::Lt, counter, i(trips), label));
    }

    /// Short alternatives one after the other: many states that differ only in numbers.
    fn diamonds(&mut self) {
        for _ in 0..3 + self.random.below(5) {
            let n = self.number();
            let limit = self.random.pick(&constants());
            let cond = self.random.pick(&CONDS);
            let Some(label) = self.label() else { return };
            self.open.pop();
            self.push(jif(cond, n, i(limit), label));
            for _ in 0..self.random.below(3) {
                self.arithmetic();
            }
            self.push(Label(label));
        }
    }

    /// A loop in a loop; the outer counter is kept on the stack.
    fn nested_loop(&mut self) {
        let (Some(outer), Some(inner)) = (self.label(), self.label()) else { return };
        self.open.truncate(self.open.len() - 2);
        let trips = [self.random.pick(&[2, 3]), self.random.pick(&[2, 5])];
        self.push(store(Size::B8, 10, -40, i(0)));
        self.push(Label(outer));
        self.push(mov(9, i(0)));
        self.push(Label(inner));
        if self.random.chance(50) {
            self.diamonds();
        }
        self.push(add(9, i(1)));
        self.push(jif(Cond::Lt, 9, i(trips[0]), inner));
        self.push(load(Size::B8, 9, 10, -40));
        self.push(add(9, i(1)));
        self.push(store(Size::B8, 10, -40, r(9)));
        self.push(jif(Cond::Lt, 9, i(trips[1]), outer));
    }

    fn program(mut self) -> Program {
        for _ in 0..8 + self.random.below(28) {
            match self.random.below(24) {
                0..=4 => self.arithmetic(),
                5..=6 => self.bound(),
                7 => self.branch(),
                8..=10 => self.check_packet(),
                11..=12 => self.move_pointer(),
                13..=15 => self.access(),
                16..=18 => self.stack(),
                19 => self.lookup(),
                20 => self.small_loop(),
                21 => self.diamonds(),
                22 => self.nested_loop(),
                _ if self.random.chance(40) => {
                    if let Some(label) = self.open.pop() {
                        self.push(Label(label));
                    }
                }
                _ => {}
            }
        }
        while let Some(label) = self.open.pop() {
            self.push(Label(label));
        }
        self.lines.extend(finish(2));
        let kind = self.random.pick(&[MapKind::Hash, MapKind::Array]);
        link(&self.lines, vec![map_def(kind, 4, 24, 8)])
    }
}

/// How often each pair of verdicts occurred.
#[derive(Default, Debug)]
struct Tally {
    both_accept: u64,
    both_refuse: u64,
    only_kernel: u64,
    only_ours: u64,
}

pub fn listing(program: &Program) -> String {
    let line =
        |pc: u32, insn| beeline_frontend::disasm::insn(program, beeline_frontend::Pc(pc), insn);
    let lines: Vec<String> =
        (0..).zip(&program.insns).map(|(pc, insn)| format!("{pc:3}: {}", line(pc, insn))).collect();
    lines.join("\n")
}

/// The seeds of this run.
pub fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let first = number("BEELINE_RANDOM_SEED").unwrap_or(0);
    first..first + number("BEELINE_RANDOM_PROGRAMS").unwrap_or(PROGRAMS)
}

fn random_input(random: &mut Random) -> Input {
    let length = random.pick(&[0, 1, 4, 8, 14, 15, 20, 34, 35, 64, 300]);
    let mut byte = || if random.chance(50) { random.below(64) as u8 } else { random.next() as u8 };
    let packet = (0..length).map(|_| byte()).collect();
    let ifindex = if random.chance(50) { random.below(70) as u32 } else { random.next() as u32 };
    let queue = if random.chance(50) { random.below(70) as u32 } else { random.next() as u32 };
    Input { packet, ifindex, queue, hits: random.next() }
}

#[test]
fn facts_hold_on_every_run() {
    let mut runs = 0;
    for seed in seeds() {
        let program = Generator::new(seed).program();
        let Ok(verified) = verifier::verify(program) else { continue };
        let mut random = Random(!seed);
        for _ in 0..12 {
            runs += 1;
            if let Err(wrong) = run(&verified, random_input(&mut random)) {
                panic!("seed {seed}: {wrong}\n{}", listing(verified.program()));
            }
        }
    }
    assert!(runs > 0);
}

#[test]
fn verdicts_are_the_kernels() {
    if !reachable() {
        return;
    }
    let mut tally = Tally::default();
    let mut only_ours = Vec::new();
    for seed in seeds() {
        let program = Generator::new(seed).program();
        let theirs = judge(&program);
        let ours = verifier::verify(program.clone());
        match (&ours, theirs) {
            (_, Verdict::Unknown(why)) => panic!("{why}"),
            (Ok(_), Verdict::Accepted) => tally.both_accept += 1,
            (Err(_), Verdict::Refused(_)) => tally.both_refuse += 1,
            (Err(d), Verdict::Accepted) => {
                tally.only_kernel += 1;
                println!("seed {seed}: only the kernel accepts: {}\n{}", d[0], listing(&program));
            }
            (Ok(_), Verdict::Refused(log)) => {
                tally.only_ours += 1;
                only_ours.push(format!("seed {seed}:\n{}\n{log}", listing(&program)));
            }
        }
    }
    println!("{}\n{tally:?}", only_ours.join("\n\n"));
    // `docs/verifier.md` lists the classes; they are rare, and `facts_hold_on_every_run` shows that they are safe.
    assert!(tally.both_accept > 0 && tally.both_refuse > 0);
    assert!(tally.only_ours * 500 <= tally.both_accept, "{tally:?}");
    assert!(tally.only_kernel * 500 <= tally.both_accept, "{tally:?}");
}
