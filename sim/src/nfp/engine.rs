//! One microengine: the shared data path, and a turn of one context on it.

use super::context::{Context, LOCAL_WORDS};
use super::fault::Breach;
use super::micro::{
    Access, AddressMode, Condition, Flow, MemoryOp, Micro, Place, Read, Shift, Write,
};

type Result<T> = std::result::Result<T, Breach>;

/// Control registers by number.
mod csr {
    pub(super) const CONTEXT: u16 = 8;
    pub(super) const POINTERS: [u16; 4] = [25, 27, 37, 39];
    pub(super) const INDEX: u16 = 29;
    pub(super) const TIME_LOW: u16 = 48;
    pub(super) const TIME_HIGH: u16 = 49;
    pub(super) const RANDOM: u16 = 82;
}

/// Cycles that a taken conditional branch, jump or return costs beyond its own, less one for each filled slot.
const BRANCH_SLOTS: u8 = 3;
/// The same for an unconditional branch and for giving way.
const SHORT_SLOTS: u8 = 2;

/// Instructions of one turn before the program counts as endless.
const LIMIT: u64 = 1 << 22;

/// Condition codes.
#[derive(Clone, Copy, Debug, Default)]
struct Codes {
    negative: bool,
    zero: bool,
    carry: bool,
    overflow: bool,
}

/// What the instruction before left behind.
#[derive(Clone, Copy, Debug)]
struct Previous {
    result: u32,
    left: u32,
}

/// A multiplication under way.
#[derive(Clone, Copy, Debug)]
struct Product {
    left: u32,
    right: u32,
    steps: u8,
    size: u8,
}

/// A command that the context has given to the memory unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// What to do.
    pub op: MemoryOp,
    /// Byte address.
    pub address: u64,
    /// First transfer register.
    pub transfer: u8,
    /// Units.
    pub count: u8,
    /// Signal.
    pub signal: u8,
    /// Words sent along.
    pub data: Vec<u32>,
    /// Cycle.
    pub at: u64,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnEnd {
    /// The context gave way.
    Swap,
    /// Control left the program, to this address.
    Left(u16),
}

/// A microengine.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Its clock.
    pub cycle: u64,
    /// Contexts that are in use.
    pub contexts: Vec<Context>,
    /// The context that ran last.
    pub last: usize,
    /// Instructions executed.
    pub executed: u64,
    local: Vec<u32>,
    local_written: Vec<bool>,
    codes: Option<Codes>,
    previous: Option<Previous>,
    product: Option<Product>,
    random: u32,
}

/// A branch whose slots are being executed.
struct Departure {
    slots: u8,
    target: u16,
}

impl Engine {
    /// An engine with `contexts` contexts.
    pub fn new(contexts: usize, seed: u32) -> Self {
        Self {
            cycle: 0,
            contexts: vec![Context::default(); contexts],
            last: 0,
            executed: 0,
            local: vec![0; LOCAL_WORDS],
            local_written: vec![false; LOCAL_WORDS],
            codes: None,
            previous: None,
            product: None,
            random: seed | 1,
        }
    }

    /// A word of local memory, if anything has written it.
    pub fn local_word(&self, n: usize) -> Option<u32> {
        self.local_written[n].then(|| self.local[n])
    }

    /// Writes a word of local memory.
    pub fn set_local_word(&mut self, n: usize, value: u32) {
        self.local[n] = value;
        self.local_written[n] = true;
    }

    /// Forgets words of local memory.
    pub fn forget_local(&mut self, words: std::ops::Range<usize>) {
        self.local_written[words].fill(false);
    }

    /// Lets context `c` run until it gives way or leaves `code`, whose first word is at `base`.
    ///
    /// # Errors
    /// What the hardware would not allow, with the address of the word.
    pub fn turn(
        &mut self,
        c: usize,
        code: &[Micro],
        base: u16,
        issued: &mut Vec<Issued>,
    ) -> std::result::Result<TurnEnd, (u16, Breach)> {
        (self.codes, self.previous, self.product) = (None, None, None);
        self.last = c;
        let mut turn = Turn { engine: self, c, departure: None, leaving: None, csr: None };
        let limit = turn.engine.executed + LIMIT;
        loop {
            let pc = turn.engine.contexts[c].pc;
            let Some(micro) = pc.checked_sub(base).and_then(|i| code.get(usize::from(i))) else {
                return Ok(TurnEnd::Left(pc));
            };
            turn.step(micro, issued).map_err(|breach| (pc, breach))?;
            if turn.engine.executed > limit {
                return Err((pc, Breach::Endless));
            }
            if turn.has_given_way() {
                return Ok(TurnEnd::Swap);
            }
        }
    }
}

/// Giving way after some more instructions.
struct Leaving {
    slots: u8,
    signals: u16,
}

/// A turn of one context.
struct Turn<'e> {
    engine: &'e mut Engine,
    c: usize,
    departure: Option<Departure>,
    leaving: Option<Leaving>,
    /// Value of a control register, on its way to the next instruction.
    csr: Option<u32>,
}

impl Turn<'_> {
    fn context(&mut self) -> &mut Context {
        &mut self.engine.contexts[self.c]
    }

    fn has_given_way(&self) -> bool {
        matches!(&self.leaving, Some(l) if l.slots == u8::MAX)
    }

    /// One instruction, and the end of a branch or swap whose last slot it was.
    fn step(&mut self, micro: &Micro, issued: &mut Vec<Issued>) -> Result<()> {
        let taken_csr = self.csr.take();
        if taken_csr.is_some()
            && !matches!(micro, Micro::Constant { value: 0, lanes: u32::MAX, .. })
        {
            return Err(Breach::CsrNotTaken);
        }
        let in_slot = self.departure.is_some() || self.leaving.is_some();
        self.engine.executed += 1;
        self.engine.contexts[self.c].pc += 1;
        let swaps = matches!(micro, Micro::Flow(_))
            || matches!(micro, Micro::Command(Access { swap: Some(_), .. }));
        if in_slot && swaps {
            return Err(Breach::BranchInSlot);
        }
        self.execute(micro, taken_csr, issued)?;
        self.engine.cycle += 1;
        if in_slot {
            self.count_slot()?;
        } else {
            self.depart()?;
        }
        Ok(())
    }

    /// One slot less.
    fn count_slot(&mut self) -> Result<()> {
        if let Some(d) = &mut self.departure {
            d.slots -= 1;
        }
        if let Some(l) = &mut self.leaving {
            l.slots -= 1;
        }
        self.depart()
    }

    /// Branches or gives way if no slot is left.
    fn depart(&mut self) -> Result<()> {
        if let Some(d) = self.departure.take_if(|d| d.slots == 0) {
            self.context().pc = d.target;
        }
        if let Some(l) = &mut self.leaving {
            if l.slots == 0 {
                let (signals, now) = (l.signals, self.engine.cycle);
                l.slots = u8::MAX;
                self.context().wait_for(signals, now)?;
            }
        }
        Ok(())
    }

    fn execute(&mut self, micro: &Micro, csr: Option<u32>, issued: &mut Vec<Issued>) -> Result<()> {
        match *micro {
            Micro::Alu { op, dst, left, right, set_cc } => {
                let (l, r) = (self.read_if(left, !is_unary(op))?, self.read(right)?);
                let (result, codes) = self.arithmetic(op, l, r)?;
                self.engine.previous = Some(Previous { result, left: l });
                if set_cc {
                    self.engine.codes = Some(codes);
                }
                self.write(dst, result)
            }
            Micro::AluShift { op, dst, left, right, shift, set_cc } => {
                let double = matches!(shift, Shift::Double(_) | Shift::DoubleByPrevious);
                let counts = double || !matches!(op, 0 | 1 | 6);
                let (l, r) = (self.read_if(left, counts)?, self.read(right)?);
                let shifted = self.shifted(op == 6, l, r, shift)?;
                let result = match op {
                    0 | 6 => shifted,
                    1 => !shifted,
                    2 => l & shifted,
                    3 => !l & shifted,
                    4 => l & !shifted,
                    _ => l | shifted,
                };
                self.logic_result(dst, l, result, set_cc)
            }
            Micro::LoadField { dst, old, lanes, src, shift, clear, set_cc } => {
                let old = if clear || lanes == u32::MAX { 0 } else { self.read(old)? };
                let src = self.read(src)?;
                let shifted = self.shifted(false, old, src, shift)?;
                self.logic_result(dst, old, shifted & lanes | old & !lanes, set_cc)
            }
            Micro::Constant { dst, old, lanes, value } => {
                let kept = if lanes == u32::MAX { 0 } else { self.read(old)? & !lanes };
                let value = csr.unwrap_or(value & lanes | kept);
                self.engine.previous = Some(Previous { result: value, left: value });
                self.write(dst, value)
            }
            Micro::Flow(ref flow) => self.flow(flow),
            Micro::CsrRead { number } => {
                self.csr = Some(self.read_csr(number)?);
                Ok(())
            }
            Micro::CsrWrite { number, src } => {
                let value = self.read(src)?;
                self.write_csr(number, value)
            }
            Micro::MultiplyStep { size, step, left, right } => {
                let (l, r) = (self.read(left)?, self.read(right)?);
                self.multiply_step(size, step, l, r)
            }
            Micro::MultiplyResult { size, high, dst } => {
                let value = self.product(size, high)?;
                self.write(dst, value)
            }
            Micro::Command(ref access) => self.command(access, issued),
        }
    }

    fn logic_result(&mut self, dst: Write, left: u32, result: u32, set_cc: bool) -> Result<()> {
        self.engine.previous = Some(Previous { result, left });
        if set_cc {
            let codes =
                Codes { negative: result >> 31 == 1, zero: result == 0, ..Codes::default() };
            self.engine.codes = Some(codes);
        }
        self.write(dst, result)
    }

    fn read_if(&mut self, src: Read, counts: bool) -> Result<u32> {
        match src {
            Read::Constant(c) => Ok(c),
            Read::Place(_) if counts => self.read(src),
            // An operand that the operation ignores still steps a pointer and feeds an indirect shift.
            Read::Place(_) => self.read(src).or(Ok(0)),
        }
    }

    fn read(&mut self, src: Read) -> Result<u32> {
        let place = match src {
            Read::Constant(c) => return Ok(c),
            Read::Place(place) => place,
        };
        let now = self.engine.cycle;
        let context = &mut self.engine.contexts[self.c];
        let undefined = |what: &str, n: u8| Breach::Undefined(format!("{what}_{n}"));
        match place {
            Place::A(n) => context.a.get(usize::from(n)).ok_or_else(|| undefined("gprA", n)),
            Place::B(n) => context.b.get(usize::from(n)).ok_or_else(|| undefined("gprB", n)),
            Place::Transfer(n) => context.read_transfer(usize::from(n)),
            Place::TransferIndexed => {
                let n = context.indexed(now);
                context.read_transfer(n)
            }
            Place::Local(at) => {
                let word = context.local(at, now)?;
                self.engine
                    .local_word(word)
                    .ok_or_else(|| Breach::Undefined(format!("local memory word {word}")))
            }
        }
    }

    fn write(&mut self, dst: Write, value: u32) -> Result<()> {
        let now = self.engine.cycle;
        let context = &mut self.engine.contexts[self.c];
        match dst {
            Write::Nowhere => {}
            Write::Both(n) => {
                context.a.set(usize::from(n), value);
                context.b.set(usize::from(n), value);
            }
            Write::Place(Place::A(n)) => context.a.set(usize::from(n), value),
            Write::Place(Place::B(n)) => context.b.set(usize::from(n), value),
            Write::Place(Place::Transfer(n)) => context.write_transfer(usize::from(n), value)?,
            Write::Place(Place::TransferIndexed) => {
                let n = context.indexed(now);
                context.write_transfer(n, value)?;
            }
            Write::Place(Place::Local(at)) => {
                let word = context.local(at, now)?;
                self.engine.set_local_word(word, value);
            }
        }
        Ok(())
    }

    fn previous(&self) -> Result<Previous> {
        self.engine.previous.ok_or(Breach::NoPrevious)
    }

    fn shifted(&self, signed: bool, left: u32, right: u32, shift: Shift) -> Result<u32> {
        let both = u64::from(left) << 32 | u64::from(right);
        let amount = |p: Previous| p.left & 31;
        Ok(match shift {
            Shift::Rotate(n) => right.rotate_right(n.into()),
            Shift::Left(n) => right << n,
            Shift::LeftByPrevious => right << amount(self.previous()?),
            Shift::Double(n) => (both >> n) as u32,
            Shift::DoubleByPrevious => (both >> amount(self.previous()?)) as u32,
            Shift::Right(_) | Shift::RightByPrevious => {
                let n = match shift {
                    Shift::Right(n) => u32::from(n),
                    _ => amount(self.previous()?),
                };
                let sign = signed && self.previous()?.result >> 31 == 1;
                let fill = if sign { !(u32::MAX >> n) } else { 0 };
                right >> n | fill
            }
        })
    }

    fn arithmetic(&self, op: u8, l: u32, r: u32) -> Result<(u32, Codes)> {
        let carry_in = || self.engine.codes.map(|c| c.carry).ok_or(Breach::NoConditionCodes);
        let add = |a: u32, b: u32, c: bool| {
            let wide = u64::from(a) + u64::from(b) + u64::from(c);
            let result = wide as u32;
            let overflow = (a ^ result) & (b ^ result) & 1 << 31 != 0;
            (result, Codes { carry: wide >> 32 == 1, overflow, ..Codes::default() })
        };
        let (result, codes) = match op {
            0x01 => add(l, r, false),
            0x05 => add(l, r & 0xffff, false),
            0x09 => add(l, r & 0xff, false),
            0x0d => add(l, !r, carry_in()?),
            0x11 => add(l, r, carry_in()?),
            0x15 => add(l, !r, true),
            0x19 => add(r, !l, true),
            _ => {
                let result = match op {
                    0x00 => r,
                    0x04 => !r,
                    0x08 => l & r,
                    0x0c => !l & r,
                    0x0e => r.trailing_zeros() & 31,
                    0x10 => l & !r,
                    0x14 => l | r,
                    _ => l ^ r,
                };
                (result, Codes::default())
            }
        };
        Ok((result, Codes { negative: result >> 31 == 1, zero: result == 0, ..codes }))
    }

    fn multiply_step(&mut self, size: u8, step: u8, left: u32, right: u32) -> Result<()> {
        let product = match (step, self.engine.product) {
            (0, _) => Product { left, right, steps: 0, size: 0 },
            (_, Some(p))
                if p.steps + 1 == step
                    && (p.left, p.right) == (left, right)
                    && (p.size == size || p.steps == 0) =>
            {
                Product { steps: step, size, ..p }
            }
            _ => return Err(Breach::Multiply),
        };
        self.engine.product = Some(product);
        Ok(())
    }

    /// A word of the product. The hardware multiplies 24 by 8, 16 by 16 or 32 by 32 bits in 1, 2 or 4 steps.
    fn product(&self, size: u8, high: bool) -> Result<u32> {
        let p = self.engine.product.ok_or(Breach::Multiply)?;
        let (steps, left, right) = match size {
            1 => (1, 0x00ff_ffff, 0xff),
            2 => (2, 0xffff, 0xffff),
            _ => (4, u32::MAX, u32::MAX),
        };
        if p.steps != steps || p.size != size {
            return Err(Breach::Multiply);
        }
        let all = u64::from(p.left & left) * u64::from(p.right & right);
        Ok(if high { (all >> 32) as u32 } else { all as u32 })
    }

    fn read_csr(&mut self, number: u16) -> Result<u32> {
        let now = self.engine.cycle;
        if let Some(n) = csr::POINTERS.iter().position(|p| *p == number) {
            return Ok(self.context().pointer(n, now));
        }
        Ok(match number {
            csr::CONTEXT => self.c as u32,
            csr::TIME_LOW => (now / 16) as u32,
            csr::TIME_HIGH => ((now / 16) >> 32) as u32,
            csr::RANDOM => {
                let mut x = self.engine.random;
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                self.engine.random = x;
                x
            }
            _ => return Err(Breach::Csr(number)),
        })
    }

    fn write_csr(&mut self, number: u16, value: u32) -> Result<()> {
        let now = self.engine.cycle;
        if let Some(n) = csr::POINTERS.iter().position(|p| *p == number) {
            self.context().set_pointer(n, value, now);
        } else if number == csr::INDEX {
            self.context().set_index(value, now);
        } else {
            return Err(Breach::Csr(number));
        }
        Ok(())
    }

    fn flow(&mut self, flow: &Flow) -> Result<()> {
        let (taken, target, defer, slots) = match *flow {
            Flow::Branch { condition: Condition::Always, target, defer } => {
                (true, target, defer, SHORT_SLOTS)
            }
            Flow::Branch { condition, target, defer } => {
                (self.holds(condition)?, target, defer, BRANCH_SLOTS)
            }
            Flow::BranchByte { src, byte, value, equal, target, defer } => {
                let found = (self.read(src)? >> (8 * u32::from(byte))) as u8;
                ((found == value) == equal, target, defer, BRANCH_SLOTS)
            }
            Flow::BranchBit { src, bit, set, target, defer } => {
                let found = self.read(src)? >> bit & 1 == 1;
                (found == set, target, defer, BRANCH_SLOTS)
            }
            Flow::Jump { src, offset, defer } => {
                let target = (self.read(src)? as u16).wrapping_add(offset);
                (true, target, defer, BRANCH_SLOTS)
            }
            Flow::Arbitrate { any: true, .. } => {
                return Err(Breach::NotModelled("waiting for any of several signals"));
            }
            Flow::Arbitrate { signals, defer, .. } => {
                self.engine.cycle += u64::from(SHORT_SLOTS - defer);
                self.leaving = Some(Leaving { slots: defer, signals });
                return Ok(());
            }
        };
        if taken {
            self.engine.cycle += u64::from(slots - defer);
            self.departure = Some(Departure { slots: defer, target });
        }
        Ok(())
    }

    fn holds(&self, condition: Condition) -> Result<bool> {
        let c = self.engine.codes.ok_or(Breach::NoConditionCodes)?;
        Ok(match condition {
            Condition::Equal => c.zero,
            Condition::NotEqual => !c.zero,
            Condition::Minus => c.negative,
            Condition::Plus => !c.negative,
            Condition::Carry => c.carry,
            Condition::NoCarry => !c.carry,
            Condition::Overflow => c.overflow,
            Condition::NoOverflow => !c.overflow,
            Condition::GreaterEqual => c.negative == c.overflow,
            Condition::Less => c.negative != c.overflow,
            Condition::LessEqual => c.zero || c.negative != c.overflow,
            Condition::Greater => !c.zero && c.negative == c.overflow,
            Condition::Always => true,
        })
    }

    fn command(&mut self, access: &Access, issued: &mut Vec<Issued>) -> Result<()> {
        let (left, right) = (self.read(access.left)?, self.read(access.right)?);
        let address = match access.mode {
            AddressMode::LeftHigh => (u64::from(left) << 8).wrapping_add(right.into()),
            AddressMode::RightHigh => (u64::from(right) << 8).wrapping_add(left.into()),
            AddressMode::Sum => left.wrapping_add(right).into(),
        } & 0xff_ffff_ffff;
        let (count, immediate) = self.indirect(access)?;
        let moved = registers(access.op, count);
        if usize::from(access.transfer) + usize::from(moved) > super::context::TRANSFERS {
            return Err(Breach::TransferRange(access.transfer));
        }
        let (fetched, sent) = match access.op {
            MemoryOp::Read { .. } => (true, false),
            MemoryOp::Write { .. } => (false, true),
            MemoryOp::Modify { fetch, immediate, .. } => (fetch, !immediate),
        };
        let range = Some((access.transfer, moved));
        let at = self.engine.cycle;
        let context = self.context();
        let mut data: Vec<u32> = Vec::new();
        if sent {
            for n in access.transfer..access.transfer + moved {
                let word = context.transfer_out.get(n.into());
                data.push(word.ok_or_else(|| Breach::Undefined(format!("$xfer_{n} (out)")))?);
            }
        } else if let MemoryOp::Modify { immediate: true, .. } = access.op {
            data = vec![immediate.ok_or(Breach::NotModelled("a constant in the command"))?, 0];
        }
        context.begin(access.signal, range.filter(|_| fetched), range.filter(|_| sent))?;
        let (op, transfer, signal) = (access.op, access.transfer, access.signal);
        issued.push(Issued { op, address, transfer, count, signal, data, at });
        if let Some(slots) = access.swap {
            self.engine.cycle += u64::from(SHORT_SLOTS - slots);
            self.leaving = Some(Leaving { slots, signals: 1 << access.signal });
        }
        Ok(())
    }

    /// Length and constant of a command, which the instruction before may override.
    fn indirect(&self, access: &Access) -> Result<(u8, Option<u32>)> {
        if !access.indirect {
            return Ok((access.count, None));
        }
        let descriptor = self.previous()?.result;
        let length = (descriptor >> 8 & 0x1f) as u8 + 1;
        let count = if descriptor >> 7 & 1 == 1 { length } else { access.count };
        match descriptor >> 3 & 7 {
            _ if descriptor & 0x6047 != 0 => Err(Breach::Indirect(descriptor)),
            0 => Ok((count, None)),
            2 => Ok((count, Some(descriptor >> 16))),
            _ => Err(Breach::Indirect(descriptor)),
        }
    }
}

fn is_unary(op: u8) -> bool {
    matches!(op, 0x00 | 0x04 | 0x0e)
}

/// Transfer registers that `count` units take.
fn registers(op: MemoryOp, count: u8) -> u8 {
    match op {
        MemoryOp::Read { unit, .. } | MemoryOp::Write { unit, .. } => (count * unit).div_ceil(4),
        MemoryOp::Modify { .. } if (count - 1) & 4 != 0 => 2,
        MemoryOp::Modify { .. } => 1,
    }
}
