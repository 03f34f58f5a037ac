//! What one hardware thread owns: registers, transfer registers, local-memory pointers, signals.

use super::fault::Breach;
use super::micro::LocalRef;

/// General-purpose registers of a context in each bank.
pub const GPRS: usize = 32;
/// Transfer registers of a context in each direction.
pub const TRANSFERS: usize = 64;
/// Words of an engine's local memory.
pub const LOCAL_WORDS: usize = 1024;

/// Cycles from the write of a pointer to the first instruction that sees it.
const POINTER_LATENCY: u64 = 4;

/// Values, and which of them anything has written.
#[derive(Clone, Debug)]
pub struct File<const N: usize> {
    values: [u32; N],
    written: u64,
}

impl<const N: usize> Default for File<N> {
    fn default() -> Self {
        Self { values: [0; N], written: 0 }
    }
}

impl<const N: usize> File<N> {
    /// The value, if anything has written it.
    #[inline]
    pub fn get(&self, n: usize) -> Option<u32> {
        (self.written >> n & 1 == 1).then(|| self.values[n])
    }

    /// Writes.
    #[inline]
    pub fn set(&mut self, n: usize, value: u32) {
        self.values[n] = value;
        self.written |= 1 << n;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.written = 0;
    }
}

/// A control register whose new value comes into effect later.
#[derive(Clone, Copy, Debug, Default)]
struct Delayed {
    value: u32,
    next: u32,
    at: u64,
}

impl Delayed {
    fn settle(&mut self, now: u64) {
        if self.at != 0 && now >= self.at {
            self.value = self.next;
            self.at = 0;
        }
    }

    fn write(&mut self, value: u32, now: u64) {
        self.settle(now);
        self.next = value;
        self.at = now + POINTER_LATENCY;
    }
}

/// Why a context does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It has no packet.
    Idle,
    /// It can run from this cycle on.
    Ready(u64),
    /// For all of these signals.
    Signals(u16),
}

/// A hardware thread.
#[derive(Clone, Debug)]
pub struct Context {
    /// Bank A.
    pub a: File<GPRS>,
    /// Bank B.
    pub b: File<GPRS>,
    /// Transfer-in registers.
    pub transfer_in: File<TRANSFERS>,
    /// Transfer-out registers.
    pub transfer_out: File<TRANSFERS>,
    /// Next word.
    pub pc: u16,
    /// Whether and when it can run.
    pub wait: Wait,
    /// Cycle from which the memory units take its next command, by unit: commands stay in order.
    pub in_order: [u64; 4],
    pointers: [Delayed; 4],
    index: Delayed,
    raised: u16,
    open: u16,
    in_busy: u64,
    out_busy: u64,
    in_by_signal: [u64; 16],
    out_by_signal: [u64; 16],
}

impl Default for Context {
    fn default() -> Self {
        Self {
            a: File::default(),
            b: File::default(),
            transfer_in: File::default(),
            transfer_out: File::default(),
            pc: 0,
            wait: Wait::Idle,
            in_order: [0; 4],
            pointers: Default::default(),
            index: Delayed::default(),
            raised: 0,
            open: 0,
            in_busy: 0,
            out_busy: 0,
            in_by_signal: [0; 16],
            out_by_signal: [0; 16],
        }
    }
}

/// The bits of `count` transfer registers from `first` on.
fn mask(first: u8, count: u8) -> u64 {
    (u64::MAX >> (64 - u32::from(count.clamp(1, 64)))) << first
}

impl Context {
    /// Makes the context ready for a packet: nothing defined, no pointer set.
    pub fn start(&mut self, pc: u16, now: u64) {
        let in_order = self.in_order;
        *self = Self { pc, wait: Wait::Ready(now), in_order, ..Self::default() };
    }

    /// Word number in local memory that `at` names now; steps the pointer.
    pub fn local(&mut self, at: LocalRef, now: u64) -> Result<usize, Breach> {
        let pointer = &mut self.pointers[usize::from(at.pointer)];
        pointer.settle(now);
        let word = pointer.value >> 2 | u32::from(at.offset);
        if at.step != 0 {
            if pointer.at != 0 {
                return Err(Breach::PointerInFlight(at.pointer));
            }
            pointer.value = pointer.value.wrapping_add_signed(4 * i32::from(at.step));
        }
        Ok(word as usize % LOCAL_WORDS)
    }

    /// Local-memory pointer `n` as an instruction sees it now.
    pub fn pointer(&mut self, n: usize, now: u64) -> u32 {
        self.pointers[n].settle(now);
        self.pointers[n].value
    }

    /// Writes a local-memory pointer; the low two bits are dropped.
    pub fn set_pointer(&mut self, n: usize, value: u32, now: u64) {
        self.pointers[n].write(value & 0xffc, now);
    }

    /// Sets a pointer at once, as the firmware does before the program runs.
    pub fn preset_pointer(&mut self, n: usize, value: u32) {
        self.pointers[n] = Delayed { value: value & 0xffc, ..Delayed::default() };
    }

    /// The transfer register that the index names.
    pub fn indexed(&mut self, now: u64) -> usize {
        self.index.settle(now);
        (self.index.value >> 2) as usize % TRANSFERS
    }

    /// Writes the transfer register index.
    pub fn set_index(&mut self, value: u32, now: u64) {
        self.index.write(value, now);
    }

    /// Reads a transfer-in register.
    pub fn read_transfer(&self, n: usize) -> Result<u32, Breach> {
        if self.in_busy >> n & 1 == 1 {
            return Err(Breach::EarlyRead(n as u8));
        }
        self.transfer_in.get(n).ok_or_else(|| Breach::Undefined(format!("$xfer_{n}")))
    }

    /// Writes a transfer-out register.
    pub fn write_transfer(&mut self, n: usize, value: u32) -> Result<(), Breach> {
        if self.out_busy >> n & 1 == 1 {
            return Err(Breach::EarlyWrite(n as u8));
        }
        self.transfer_out.set(n, value);
        Ok(())
    }

    /// Takes transfer registers and the signal for a command.
    pub fn begin(
        &mut self,
        signal: u8,
        fetched: Option<(u8, u8)>,
        sent: Option<(u8, u8)>,
    ) -> Result<(), Breach> {
        if signal != 0 {
            if (self.open | self.raised) >> signal & 1 == 1 {
                return Err(Breach::SignalInUse(signal));
            }
            self.open |= 1 << signal;
        }
        if let Some((first, count)) = fetched {
            if self.in_busy & mask(first, count) != 0 {
                return Err(Breach::EarlyRead(first));
            }
            self.in_by_signal[usize::from(signal)] |= mask(first, count);
        }
        if let Some((first, count)) = sent {
            self.out_by_signal[usize::from(signal)] |= mask(first, count);
        }
        self.count_busy();
        Ok(())
    }

    /// A command is done: its signal comes.
    pub fn raise(&mut self, signal: u8, now: u64) {
        self.open &= !(1 << signal);
        if signal != 0 {
            self.raised |= 1 << signal;
        }
        if let Wait::Signals(wanted) = self.wait {
            if self.raised & wanted == wanted {
                self.take(wanted);
                self.wait = Wait::Ready(now);
            }
        }
    }

    /// Waits for all of `wanted`. Bit 0 asks for nothing.
    pub fn wait_for(&mut self, wanted: u16, now: u64) -> Result<(), Breach> {
        let wanted = wanted & !1;
        if self.raised & wanted == wanted {
            self.take(wanted);
            self.wait = Wait::Ready(now);
            return Ok(());
        }
        if wanted & !(self.raised | self.open) != 0 {
            return Err(Breach::NeverWoken);
        }
        self.wait = Wait::Signals(wanted);
        Ok(())
    }

    /// The program has seen these signals: their registers are free.
    fn take(&mut self, signals: u16) {
        self.raised &= !signals;
        for n in (1..16).filter(|n| signals >> n & 1 == 1) {
            self.in_by_signal[n] = 0;
            self.out_by_signal[n] = 0;
        }
        self.count_busy();
    }

    fn count_busy(&mut self) {
        self.in_busy = self.in_by_signal.iter().fold(0, |all, m| all | m);
        self.out_busy = self.out_by_signal.iter().fold(0, |all, m| all | m);
    }

    /// True if no command of the context is open and every signal has been waited for.
    pub fn is_quiet(&self) -> bool {
        self.open == 0 && self.raised == 0
    }
}
