//! One function under construction: its registers, and the choice of statements.

use super::code::{Code, Label};
use super::entries::MapUse;
use super::notes::Notes;
use super::options::Options;
use super::state::{Base, BaseData, Held, State, FRAME};
use crate::traffic::Rng;
use beeline_frontend::insn::{AluOp, Imm64, Insn, Operand, Reg, Size, Width};

/// Who may write a register while a loop's body is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pin {
    /// Anyone.
    Free,
    /// Anyone who writes a number: the next iteration expects one.
    Number,
    /// Nobody.
    Fixed,
}

/// Where the context pointer is kept from the start to the end of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Reg(Reg),
    Slot(usize),
}

/// What a caller passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Param {
    Ctx,
    Number,
    /// Packet pointer with so many bytes proved behind it.
    Packet(u32),
    End,
    /// Start of a value of a map.
    Value(usize),
    /// Buffer in the caller's frame.
    Buffer(u32),
}

/// A finished function that later ones can call.
#[derive(Clone, Debug)]
pub(super) struct Callable {
    pub params: Vec<Param>,
    /// It may move the packet's start or end.
    pub moves: bool,
    /// Numbers of the first and the last map whose state it touches.
    pub visits: Option<(usize, usize)>,
    pub paths: u64,
}

/// The end of a block that statements inside it can jump to.
#[derive(Debug)]
pub(super) struct Join {
    pub label: Label,
    /// What is known on each way there.
    pub states: Vec<State>,
}

/// An exit with a constant, behind the function's code.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedExit {
    pub label: Label,
    pub code: i32,
    /// A check jumps there.
    pub used: bool,
}

/// What all functions of a program share.
pub(super) struct Shared<'a> {
    pub options: &'a Options,
    pub maps: &'a [MapUse],
    pub functions: Vec<Callable>,
    pub notes: Notes,
}

/// The function under construction.
pub(super) struct Function<'a, 'b> {
    pub rng: &'a mut Rng,
    pub shared: &'a mut Shared<'b>,
    pub code: Code,
    pub state: State,
    /// What packet pointers count from.
    pub bases: Vec<BaseData>,
    pub pins: [Pin; 10],
    /// Starts of the frame's 8-byte slots that must not be written.
    pub pinned_slots: Vec<usize>,
    pub home: Option<Home>,
    /// The last result of arithmetic: it is used more often than other numbers, so that mistakes show.
    pub recent: Option<Reg>,
    pub joins: Vec<Join>,
    /// Exits with a constant that several checks share.
    pub failures: Vec<SharedExit>,
    /// The common `exit`, if anyone jumps there.
    pub out: Option<Label>,
    pub entry: bool,
    pub loops: usize,
    pub moves: bool,
    pub visits: Option<(usize, usize)>,
    /// Splits that would make more paths are not made.
    pub most_paths: u64,
    /// Paths that have ended.
    pub exits: u64,
}

pub(super) const R0: Reg = Reg::R0;
pub(super) const R1: Reg = Reg::R1;
pub(super) const R2: Reg = Reg(2);
pub(super) const R3: Reg = Reg(3);
pub(super) const R4: Reg = Reg(4);
pub(super) const R5: Reg = Reg(5);

/// Immediates that programs and processors stumble over.
const CONSTANTS: [i32; 30] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    14,
    16,
    17,
    20,
    31,
    32,
    60,
    63,
    64,
    127,
    128,
    255,
    256,
    0xffff,
    0x8000,
    0x0008,
    0xdd86,
    0x0081,
    -1,
    i32::MIN,
    i32::MAX,
];

impl<'b> Function<'_, 'b> {
    pub(super) fn options(&self) -> &'b Options {
        self.shared.options
    }

    pub(super) fn map(&self, map: usize) -> &'b MapUse {
        &self.shared.maps[map]
    }

    /// Statements until `budget` is used up. False if control does not reach the end.
    pub(super) fn block(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            if !self.statement() {
                return false;
            }
        }
        true
    }

    /// One random statement; one that is not possible here does nothing. False if control does not reach its end.
    fn statement(&mut self) -> bool {
        let o = self.options();
        let nested = self.joins.len();
        match self.rng.below(100) {
            0..=13 => self.arithmetic(),
            14..=25 => self.load_packet(),
            26..=31 => return self.check_packet(),
            32..=37 => self.store_packet(),
            38..=41 if o.variable_offsets => return self.variable_packet(),
            42..=50 => self.frame(),
            51..=58 if nested < 4 => return self.diamond(),
            59..=61 => return self.exit_if(),
            62..=63 if nested > 0 => return self.leave_block(),
            64..=67 if o.loops && self.loops < 2 && nested < 3 => return self.repeat(),
            68..=83 => return self.visit_map(),
            84..=86 => self.value(),
            87..=88 => self.surroundings(),
            89 if o.checksums => self.checksum(),
            96 => self.show(),
            90..=92 if o.adjust && self.loops == 0 => return self.adjust(),
            93..=95 => self.call(),
            97 => self.packet_length(),
            98..=99 => self.copy(),
            _ => {}
        }
        true
    }

    // ---- registers ---------------------------------------------------------------------------

    /// True if a number may be written to `r`.
    pub(super) fn writable(&self, r: Reg) -> bool {
        self.home != Some(Home::Reg(r)) && self.pins[r.index()] != Pin::Fixed
    }

    fn scratch(&self, r: Reg) -> bool {
        self.writable(r) && self.pins[r.index()] == Pin::Free
    }

    fn all(&self) -> impl Iterator<Item = Reg> {
        (0..10).map(Reg)
    }

    /// A register that a number may go to; what it held is lost.
    pub(super) fn number_target(&mut self, avoid: &[Reg]) -> Reg {
        let free: Vec<Reg> =
            self.all().filter(|r| self.writable(*r) && !avoid.contains(r)).collect();
        self.sparing(&free)
    }

    /// A register that anything may go to; what it held is lost.
    pub(super) fn target(&mut self, avoid: &[Reg]) -> Reg {
        let free: Vec<Reg> =
            self.all().filter(|r| self.scratch(*r) && !avoid.contains(r)).collect();
        self.sparing(&free)
    }

    /// One of `free` (`r0` to `r5` are never pinned, so it is not empty); what registers hold is spared most of the time.
    fn sparing(&mut self, free: &[Reg]) -> Reg {
        let plain: Vec<Reg> =
            free.iter().copied().filter(|r| !self.state.get(*r).is_pointer()).collect();
        let empty: Vec<Reg> =
            free.iter().copied().filter(|r| self.state.get(*r) == Held::Nothing).collect();
        match self.rng.below(100) {
            0..=59 if !empty.is_empty() => *self.rng.pick(&empty),
            0..=91 if !plain.is_empty() => *self.rng.pick(&plain),
            _ => *self.rng.pick(free),
        }
    }

    /// The registers that hold what `wanted` accepts.
    pub(super) fn holding(&self, wanted: impl Fn(Held) -> bool) -> Vec<Reg> {
        self.all().filter(|r| wanted(self.state.get(*r))).collect()
    }

    pub(super) fn find(&mut self, avoid: &[Reg], wanted: impl Fn(Held) -> bool) -> Option<Reg> {
        let mut found = self.holding(wanted);
        found.retain(|r| !avoid.contains(r));
        (!found.is_empty()).then(|| *self.rng.pick(&found))
    }

    /// A register that holds a number; one is made if there is none, or for a change.
    pub(super) fn number(&mut self, avoid: &[Reg]) -> Reg {
        let recent = self.recent.filter(|r| !avoid.contains(r) && self.state.get(*r).is_number());
        if let Some(r) = recent.filter(|_| self.rng.percent(35)) {
            return r;
        }
        match self.find(avoid, Held::is_number) {
            Some(r) if self.rng.percent(85) => r,
            _ => self.new_number(avoid),
        }
    }

    pub(super) fn new_number(&mut self, avoid: &[Reg]) -> Reg {
        let dst = self.number_target(avoid);
        match self.rng.below(4) {
            0 | 1 if self.load_proved(dst, avoid) => {}
            2 if self.load_frame(dst) => {}
            _ => self.set_constant(dst),
        }
        dst
    }

    /// A register that may be changed, with a number in it.
    pub(super) fn own_number(&mut self, avoid: &[Reg]) -> Reg {
        let r = self.number(avoid);
        if self.writable(r) && self.rng.percent(60) {
            return r;
        }
        let own = self.number_target(&[avoid, &[r]].concat());
        self.mov(own, r);
        own
    }

    pub(super) fn constant(&mut self) -> i32 {
        match self.rng.below(4) {
            0 => self.rng.next_u32() as i32,
            1 => i32::from(self.rng.next_u8()),
            _ => *self.rng.pick(&CONSTANTS),
        }
    }

    fn set_constant(&mut self, dst: Reg) {
        if self.rng.percent(15) {
            let value = self.rng.next_u64() >> self.rng.below(64);
            self.code.push(Insn::LoadImm64 { dst, imm: Imm64::Value(value) });
            self.state.set(dst, Held::Number(None));
            return;
        }
        let value = self.constant();
        let width = self.width();
        self.code.push(Insn::Alu { op: AluOp::Mov, width, dst, src: Operand::Imm(value) });
        self.state.set(dst, if value == 0 { Held::Zero } else { Held::Number(None) });
    }

    pub(super) fn width(&mut self) -> Width {
        *self.rng.pick(&[Width::W32, Width::W64])
    }

    pub(super) fn size(&mut self) -> Size {
        *self.rng.pick(&[Size::B1, Size::B2, Size::B4, Size::B8])
    }

    // ---- single instructions -----------------------------------------------------------------

    pub(super) fn alu(&mut self, op: AluOp, dst: Reg, src: Operand) {
        self.code.push(Insn::Alu { op, width: Width::W64, dst, src });
    }

    /// `dst = value`, a number.
    pub(super) fn imm(&mut self, dst: Reg, value: i32) {
        self.alu(AluOp::Mov, dst, Operand::Imm(value));
        self.state.set(dst, if value == 0 { Held::Zero } else { Held::Number(None) });
    }

    /// `dst = src`, whatever it is.
    pub(super) fn mov(&mut self, dst: Reg, src: Reg) {
        if dst != src {
            self.alu(AluOp::Mov, dst, Operand::Reg(src));
            self.state.set(dst, self.state.get(src));
        }
    }

    pub(super) fn load(&mut self, size: Size, dst: Reg, src: Reg, off: i64) {
        self.code.push(Insn::Load { size, signed: false, dst, src, off: off as i16 });
    }

    pub(super) fn store(&mut self, size: Size, dst: Reg, off: i64, src: Operand) {
        self.code.push(Insn::Store { size, dst, off: off as i16, src });
    }

    /// A value to store: an immediate, or a register with a number.
    pub(super) fn stored(&mut self, avoid: &[Reg]) -> Operand {
        if self.rng.percent(25) {
            return Operand::Imm(self.constant());
        }
        Operand::Reg(self.number(avoid))
    }

    /// The context pointer, in its register or fetched into `via`.
    pub(super) fn ctx(&mut self, via: Reg) -> Option<Reg> {
        match self.home? {
            Home::Reg(r) => Some(r),
            Home::Slot(at) => {
                self.fill_ctx(via, at);
                Some(via)
            }
        }
    }

    fn fill_ctx(&mut self, dst: Reg, at: usize) {
        self.load(Size::B8, dst, Reg::R10, frame_offset(at));
        self.state.set(dst, Held::Ctx);
    }

    /// `dst = ctx`, for an argument.
    pub(super) fn ctx_to(&mut self, dst: Reg, home: Home) {
        match home {
            Home::Reg(r) => self.mov(dst, r),
            Home::Slot(at) => self.fill_ctx(dst, at),
        }
    }

    /// Copies a number or a pointer to another register.
    fn copy(&mut self) {
        let Some(src) = self.find(&[], |h| h != Held::Nothing) else { return };
        let dst = match self.state.get(src).is_number() {
            true => self.number_target(&[src]),
            false => self.target(&[src]),
        };
        self.mov(dst, src);
    }

    // ---- beginning and end -------------------------------------------------------------------

    /// Puts the context pointer, which is in `from`, where it stays.
    pub(super) fn settle_ctx(&mut self, from: Reg) {
        if self.rng.percent(75) {
            let r = Reg(self.rng.between(6, 9) as u8);
            self.mov(r, from);
            self.home = Some(Home::Reg(r));
            return;
        }
        let at = 8 * self.rng.below(FRAME / 8);
        self.store(Size::B8, Reg::R10, frame_offset(at), Operand::Reg(from));
        self.state.spill(at, Held::Ctx);
        self.pinned_slots.push(at);
        self.home = Some(Home::Slot(at));
    }

    /// The exits that checks jump to, and the common one.
    pub(super) fn close(&mut self) {
        for exit in std::mem::take(&mut self.failures).iter().filter(|e| e.used) {
            self.code.bind(exit.label);
            self.imm(R0, exit.code);
            self.leave();
        }
        if let Some(out) = self.out.take() {
            self.code.bind(out);
            self.code.push(Insn::Exit);
        }
    }

    /// Ends the function with what is in `r0`.
    pub(super) fn leave(&mut self) {
        match self.rng.percent(40) {
            true => {
                let out = *self.out.get_or_insert_with(|| self.code.label());
                self.code.jump(out);
            }
            false => self.code.push(Insn::Exit),
        }
    }

    pub(super) fn new_base(&mut self, reach: u32) -> Base {
        self.bases.push(BaseData { reach, arrival: false });
        self.bases.len() - 1
    }

    /// A multiple of `align` at which `len` frame bytes may be written.
    pub(super) fn frame_space(&mut self, len: usize, align: usize) -> Option<usize> {
        let fits = |at: &usize| {
            !(at / 8 * 8..at + len).step_by(8).any(|slot| self.pinned_slots.contains(&slot))
        };
        let places: Vec<usize> = (0..=FRAME - len).step_by(align).filter(fits).collect();
        (!places.is_empty()).then(|| *self.rng.pick(&places))
    }

    /// A multiple of `align` from which `len` frame bytes hold numbers that may be changed.
    pub(super) fn frame_variable(&mut self, len: usize, align: usize) -> Option<usize> {
        let at = self.frame_data(len, align)?;
        let pinned = self.pinned_slots.iter().any(|slot| *slot < at + len && at < slot + 8);
        (!pinned).then_some(at)
    }

    /// A multiple of `align` from which `len` frame bytes hold numbers.
    pub(super) fn frame_data(&mut self, len: usize, align: usize) -> Option<usize> {
        let places: Vec<usize> =
            (0..=FRAME - len).step_by(align).filter(|at| self.state.readable(*at, len)).collect();
        (!places.is_empty()).then(|| *self.rng.pick(&places))
    }
}

/// Offset from `r10` of frame byte `at`.
pub(super) fn frame_offset(at: usize) -> i64 {
    at as i64 - FRAME as i64
}
