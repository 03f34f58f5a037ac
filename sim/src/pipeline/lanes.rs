//! The data side: the values of sixteen packets side by side, and the execution of micro-operations on them.

mod state;

use super::compile::Program;
use super::op::{Micro, Pair, Row};
use super::Arrival;
use crate::map::MapSet;
use crate::outcome::Fault;
use crate::trace::Inputs;
use beeline_ir::analysis::arith::binary;

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
    /// The key of a lookup under construction.
    key: Box<[u8; MAX_KEY + 8]>,
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
            key: Box::new([0; MAX_KEY + 8]),
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
            Micro::Input { dst, input } if ALL => self.input(dst, input),
            Micro::Store { pred, at, value, n } if ALL => {
                self.store_fixed(pred, at as usize, value, n)
            }
            Micro::LoadAt { dst, coord, mask, n } if ALL => {
                (0..lane).for_each(|lane| self.load_at(dst, coord, mask, n, lane));
            }
            Micro::MapLoad { dst, place } if ALL => self.map_loads(dst, place, lane, maps)?,
            Micro::Forget { row, with } if ALL => self.rows[row as usize] = [with; LANES],
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
}
