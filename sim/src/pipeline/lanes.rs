//! The data side: the values of sixteen packets side by side, and the execution of micro-operations on them.

use super::compile::Program;
use super::op::{Atomic, Coord, Micro, Pair, Place, Row};
use super::Arrival;
use crate::map::{MapSet, Slot};
use crate::outcome::Fault;
use crate::trace::Inputs;
use beeline_ir::analysis::arith::binary;
use beeline_ir::op::{AtomicOp, Input};

/// Packets side by side.
pub(super) const LANES: usize = 16;

/// One value for each lane.
type Values = [u64; LANES];

/// Eight bytes are loaded at once; the window buffer is that much longer.
const SLACK: usize = 8;

/// Longest key: the kernel's limit for hash maps.
const MAX_KEY: usize = 512;

/// The packets between framer and deparser.
pub(super) struct Frame {
    /// Rows, see [`super::op::Row`]. Integers are zero-extended; an entry is its slot + 1, or 0.
    rows: Vec<Values>,
    /// Window buffers, one behind the other.
    window: Vec<u8>,
    stride: usize,
    headroom: usize,
    window_end: usize,
    inputs: [Inputs; LANES],
    lengths: [u32; LANES],
}

impl Frame {
    pub fn new(program: &Program) -> Self {
        let window_end = program.headroom + program.window;
        let stride = (window_end + SLACK).next_multiple_of(8);
        let mut rows = vec![[0; LANES]; program.rows];
        for &(row, c) in &program.constants {
            rows[row as usize] = [c; LANES];
        }
        Self {
            rows,
            window: vec![0; stride * LANES],
            stride,
            headroom: program.headroom,
            window_end,
            inputs: [Inputs::default(); LANES],
            lengths: [0; LANES],
        }
    }

    /// The framer: window bytes at and beyond the length are zero.
    pub fn load(&mut self, program: &Program, batch: &[Arrival<'_>]) {
        for (lane, arrival) in batch.iter().enumerate() {
            self.inputs[lane] = arrival.inputs;
            self.lengths[lane] = arrival.bytes.len() as u32;
            let buffer = &mut self.window[lane * self.stride..][..self.stride];
            let n = arrival.bytes.len().min(program.window);
            let (headroom, rest) = buffer.split_at_mut(self.headroom);
            headroom.fill(0);
            rest[..n].copy_from_slice(&arrival.bytes[..n]);
            rest[n..].fill(0);
        }
    }

    /// All stages, for the first `lanes` lanes.
    pub fn execute(
        &mut self,
        program: &Program,
        lanes: usize,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        for stage in &program.stages {
            for op in &stage.before {
                self.step::<true>(op, lanes, maps)?;
            }
            if !stage.serial.is_empty() {
                for lane in 0..lanes {
                    for op in &stage.serial {
                        self.step::<false>(op, lane, maps)?;
                    }
                }
            }
            for op in &stage.after {
                self.step::<true>(op, lanes, maps)?;
            }
        }
        Ok(())
    }

    /// Value of `row` in `lane`.
    pub fn get(&self, row: Row, lane: usize) -> u64 {
        self.rows[row as usize][lane]
    }

    /// The window buffer of `lane`, from the first byte of headroom on.
    pub fn buffer(&self, lane: usize) -> &[u8] {
        &self.window[lane * self.stride..][..self.window_end]
    }

    /// One micro-operation: if `ALL`, for all lanes (state is touched by the first `lane` only), else for `lane` alone.
    #[inline(always)]
    fn step<const ALL: bool>(
        &mut self,
        op: &Micro,
        lane: usize,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        match *op {
            Micro::Add(p, mask) => self.pair::<ALL>(p, lane, |a, b| a.wrapping_add(b) & mask),
            Micro::Sub(p, mask) => self.pair::<ALL>(p, lane, |a, b| a.wrapping_sub(b) & mask),
            Micro::Mul(p, mask) => self.pair::<ALL>(p, lane, |a, b| a.wrapping_mul(b) & mask),
            Micro::And(p) => self.pair::<ALL>(p, lane, |a, b| a & b),
            Micro::Or(p) => self.pair::<ALL>(p, lane, |a, b| a | b),
            Micro::Xor(p) => self.pair::<ALL>(p, lane, |a, b| a ^ b),
            Micro::Bin(p, op, bits) => self.pair::<ALL>(p, lane, |a, b| binary(op, bits, a, b)),
            Micro::Eq(p) => self.pair::<ALL>(p, lane, |a, b| u64::from(a == b)),
            Micro::Ne(p) => self.pair::<ALL>(p, lane, |a, b| u64::from(a != b)),
            Micro::Ult(p) => self.pair::<ALL>(p, lane, |a, b| u64::from(a < b)),
            Micro::Ule(p) => self.pair::<ALL>(p, lane, |a, b| u64::from(a <= b)),
            Micro::Slt(p, sign) => {
                self.pair::<ALL>(p, lane, |a, b| u64::from((a ^ sign) < (b ^ sign)))
            }
            Micro::Sle(p, sign) => {
                self.pair::<ALL>(p, lane, |a, b| u64::from((a ^ sign) <= (b ^ sign)))
            }
            Micro::Join(p, shift) => self.pair::<ALL>(p, lane, |a, b| a | b << shift),
            Micro::Select { dst, cond, if_true, if_false } => {
                self.select::<ALL>(dst, cond, if_true, if_false, lane)
            }
            Micro::Sext { dst, a, shift, mask } => {
                self.single::<ALL>(dst, a, lane, |a| ((a << shift) as i64 >> shift) as u64 & mask);
            }
            Micro::Extract { dst, a, shift, mask } => {
                self.single::<ALL>(dst, a, lane, |a| a >> shift & mask)
            }
            Micro::ShiftLeft { dst, a, shift, mask } => {
                self.single::<ALL>(dst, a, lane, |a| a << shift & mask)
            }
            Micro::Bswap { dst, a, shift } => {
                self.single::<ALL>(dst, a, lane, |a| a.swap_bytes() >> shift)
            }
            Micro::IsNull { dst, a } => self.single::<ALL>(dst, a, lane, |a| u64::from(a == 0)),
            Micro::Index { dst, key, entries } => {
                self.single::<ALL>(dst, key, lane, |k| if k < entries { k + 1 } else { 0 });
            }
            Micro::Load { dst, at, mask } => self.load_fixed::<ALL>(dst, at as usize, mask, lane),
            Micro::Forget { row, with } => self.rows[row as usize] = [with; LANES],
            _ => {
                let lanes = if ALL { 0..lane } else { lane..lane + 1 };
                for lane in lanes {
                    self.lane_step(op, lane, maps)?;
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn pair<const ALL: bool>(&mut self, p: Pair, lane: usize, f: impl Fn(u64, u64) -> u64) {
        let (operands, results) = self.rows.split_at_mut(p.dst as usize);
        let (a, b, dst) = (&operands[p.a as usize], &operands[p.b as usize], &mut results[0]);
        if ALL {
            for i in 0..LANES {
                dst[i] = f(a[i], b[i]);
            }
        } else {
            dst[lane] = f(a[lane], b[lane]);
        }
    }

    #[inline(always)]
    fn single<const ALL: bool>(&mut self, dst: Row, a: Row, lane: usize, f: impl Fn(u64) -> u64) {
        let (operands, results) = self.rows.split_at_mut(dst as usize);
        let (a, dst) = (&operands[a as usize], &mut results[0]);
        if ALL {
            for i in 0..LANES {
                dst[i] = f(a[i]);
            }
        } else {
            dst[lane] = f(a[lane]);
        }
    }

    #[inline(always)]
    fn select<const ALL: bool>(
        &mut self,
        dst: Row,
        cond: Row,
        if_true: Row,
        if_false: Row,
        lane: usize,
    ) {
        let (operands, results) = self.rows.split_at_mut(dst as usize);
        let (c, t, f) =
            (&operands[cond as usize], &operands[if_true as usize], &operands[if_false as usize]);
        let dst = &mut results[0];
        if ALL {
            for i in 0..LANES {
                let take = c[i].wrapping_neg();
                dst[i] = t[i] & take | f[i] & !take;
            }
        } else {
            dst[lane] = if c[lane] == 1 { t[lane] } else { f[lane] };
        }
    }

    #[inline(always)]
    fn load_fixed<const ALL: bool>(&mut self, dst: Row, at: usize, mask: u64, lane: usize) {
        let word = |buffer: &[u8]| {
            let bytes = buffer[at..].first_chunk().expect("the buffer has slack behind the window");
            u64::from_le_bytes(*bytes) & mask
        };
        let dst = &mut self.rows[dst as usize];
        if ALL {
            for (buffer, dst) in self.window.chunks_exact(self.stride).zip(dst) {
                *dst = word(buffer);
            }
        } else {
            dst[lane] = word(&self.window[lane * self.stride..][..self.stride]);
        }
    }

    /// The operations that go lane by lane.
    fn lane_step(&mut self, op: &Micro, lane: usize, maps: &mut MapSet) -> Result<(), Fault> {
        match op {
            Micro::Input { dst, input } => {
                self.rows[*dst as usize][lane] = self.input(*input, lane)
            }
            Micro::LoadAt { dst, coord, n } => {
                let at = self.place(*coord, *n, lane);
                let buffer = &self.window[lane * self.stride..][..self.stride];
                let mut bytes = [0; 8];
                if let Some(at) = at {
                    bytes[..*n as usize].copy_from_slice(&buffer[at..at + *n as usize]);
                }
                self.rows[*dst as usize][lane] = u64::from_le_bytes(bytes);
            }
            Micro::Store { pred, at, value, n } => {
                if self.get(*pred, lane) == 1 {
                    self.write(*at as usize, *value, *n, lane);
                }
            }
            Micro::StoreAt { pred, coord, value, n } => {
                if self.get(*pred, lane) == 1 {
                    let at = self
                        .place(*coord, *n, lane)
                        .ok_or_else(|| self.astray("store", *coord, lane))?;
                    self.write(at, *value, *n, lane);
                }
            }
            Micro::Zero { pred, from, to } => {
                if self.get(*pred, lane) == 1 {
                    self.zero(self.get(*from, lane) as i64, self.get(*to, lane) as i64, lane);
                }
            }
            Micro::Lookup { dst, map, key } => {
                self.rows[*dst as usize][lane] = self.lookup(*map as usize, key, lane, maps);
            }
            Micro::MapLoad { dst, place } => {
                self.rows[*dst as usize][lane] = self.map_load(*place, lane, maps)
            }
            Micro::MapStore { pred, place, value } => {
                if self.get(*pred, lane) == 1 {
                    self.map_store(*place, self.get(*value, lane), lane, maps)?;
                }
            }
            Micro::Atomic(atomic) => self.atomic(atomic, lane, maps)?,
            Micro::ForgetByte { at } => self.window[lane * self.stride + *at as usize] = 0xa5,
            _ => unreachable!("executed for all lanes at once"),
        }
        Ok(())
    }

    fn input(&self, input: Input, lane: usize) -> u64 {
        let i = &self.inputs[lane];
        match input {
            Input::PacketLen => u64::from(self.lengths[lane]) & 0xffff,
            Input::IngressIfindex => i.ingress_ifindex.into(),
            Input::RxQueueIndex => i.rx_queue_index.into(),
            Input::TimeNs => i.time_ns,
            Input::CpuId => i.cpu.into(),
            Input::PacketIndex => i.packet_index.into(),
            Input::Seed => i.seed.into(),
        }
    }

    /// Place of `n` bytes in the window buffer, if they lie in it.
    fn place(&self, coord: Coord, n: u8, lane: usize) -> Option<usize> {
        let c = self.get(coord.base, lane).wrapping_add(self.get(coord.off, lane)) as i64;
        let at = usize::try_from(c.checked_add(self.headroom as i64)?).ok()?;
        (at.checked_add(n.into())? <= self.window_end).then_some(at)
    }

    fn astray(&self, what: &str, coord: Coord, lane: usize) -> Fault {
        let c = self.get(coord.base, lane).wrapping_add(self.get(coord.off, lane)) as i64;
        Fault {
            at: "the packet window".into(),
            what: format!("a {what} at coordinate {c}, outside the window"),
        }
    }

    fn write(&mut self, at: usize, value: Row, n: u8, lane: usize) {
        let bytes = self.get(value, lane).to_le_bytes();
        self.window[lane * self.stride + at..][..n as usize].copy_from_slice(&bytes[..n as usize]);
    }

    fn zero(&mut self, from: i64, to: i64, lane: usize) {
        let place = |c: i64| {
            c.saturating_add(self.headroom as i64).clamp(0, self.window_end as i64) as usize
        };
        let (from, to) = (place(from), place(to));
        if from < to {
            self.window[lane * self.stride..][from..to].fill(0);
        }
    }

    fn lookup(&self, map: usize, key: &[(Row, u8)], lane: usize, maps: &mut MapSet) -> u64 {
        let mut bytes = [0; MAX_KEY + 8];
        let mut end = 0;
        for &(row, n) in key {
            bytes[end..end + 8].copy_from_slice(&self.get(row, lane).to_le_bytes());
            end += usize::from(n);
        }
        maps.lookup(map, &bytes[..end]).map_or(0, |slot| u64::from(slot) + 1)
    }

    fn slot(&self, place: Place, lane: usize) -> Option<Slot> {
        self.get(place.entry, lane).checked_sub(1).map(|s| s as Slot)
    }

    fn map_load(&self, place: Place, lane: usize, maps: &MapSet) -> u64 {
        let off = self.get(place.off, lane) as i64;
        self.slot(place, lane)
            .map_or(0, |slot| maps.peek(place.map as usize, slot, off, place.n.into()))
    }

    fn map_store(
        &self,
        place: Place,
        value: u64,
        lane: usize,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        let off = self.get(place.off, lane) as i64;
        match self.slot(place, lane) {
            Some(slot) if !maps.poke(place.map as usize, slot, off, place.n.into(), value) => {
                let at = format!("map {}", maps.name(place.map as usize));
                Err(Fault { at, what: format!("a store at offset {off}, outside the value") })
            }
            _ => Ok(()),
        }
    }

    fn atomic(&mut self, a: &Atomic, lane: usize, maps: &mut MapSet) -> Result<(), Fault> {
        if self.get(a.pred, lane) == 0 {
            self.rows[a.dst as usize][lane] = 0;
            return Ok(());
        }
        let old = self.map_load(a.place, lane, maps);
        let value = self.get(a.value, lane);
        let new = match a.op {
            AtomicOp::Add => old.wrapping_add(value),
            AtomicOp::Or => old | value,
            AtomicOp::And => old & value,
            AtomicOp::Xor => old ^ value,
            AtomicOp::Xchg => value,
            AtomicOp::CmpXchg if old == self.get(a.expected, lane) => value,
            AtomicOp::CmpXchg => old,
        };
        self.rows[a.dst as usize][lane] = old;
        self.map_store(a.place, new, lane, maps)
    }
}
