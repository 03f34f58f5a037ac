//! Execution of single steps.

use super::step::{Action, Index, Step};
use crate::map::{Errno, MapSet, Slot};
use crate::outcome::Fault;
use crate::packet::Packet;
use crate::trace::Inputs;
use beeline_ir::analysis::arith::{binary, bswap, compare};
use beeline_ir::dfg::sign_extend;
use beeline_ir::op::{AtomicOp, Input};

/// Longest key of the kernel's hash maps is its stack size; LPM keys are shorter.
const MAX_KEY: usize = 512;

/// Values and what must be remembered of the packet.
pub(super) struct State {
    /// By number of the `Value`; constants are there from the beginning.
    pub values: Vec<u64>,
    /// Coordinates `from .. to` that were written, for the end (see `Verdict::valid_end`).
    pub written: Vec<(i64, i64)>,
    key: Box<[u8; MAX_KEY]>,
    value: Vec<u8>,
    record: Vec<u8>,
}

/// The entry that a value is.
fn slot(entry: u64) -> Option<Slot> {
    entry.checked_sub(1).map(|s| s as Slot)
}

impl State {
    pub fn new(values: Vec<u64>, longest_value: usize) -> Self {
        let value = vec![0; longest_value];
        let (written, record) = (Vec::new(), Vec::new());
        Self { values, written, key: Box::new([0; MAX_KEY]), value, record }
    }

    /// Before a packet.
    pub fn begin(&mut self) {
        self.written.clear();
    }

    fn get(&self, i: Index) -> u64 {
        self.values[i as usize]
    }

    /// Coordinate `base + off`.
    fn coordinate(&self, base: Index, off: Index) -> i64 {
        self.get(base).wrapping_add(self.get(off)) as i64
    }

    /// Does one step.
    #[inline]
    pub fn step(
        &mut self,
        step: &Step,
        inputs: &Inputs,
        packet: &mut Packet,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        let skipped = step.pred.is_some_and(|p| self.get(p) == 0);
        let result = match &step.action {
            _ if skipped => 0,
            Action::Input(input) => input_value(*input, inputs, packet),
            Action::Bin(op, bits, a, b) => binary(*op, *bits, self.get(*a), self.get(*b)),
            Action::Cmp(op, bits, a, b) => compare(*op, *bits, self.get(*a), self.get(*b)).into(),
            Action::Select { cond, if_true, if_false } => {
                self.get(if self.get(*cond) != 0 { *if_true } else { *if_false })
            }
            Action::Copy(a) => self.get(*a),
            Action::Sext { value, bits, mask } => {
                sign_extend(self.get(*value), *bits) as u64 & mask
            }
            Action::Extract { value, lo, mask } => self.get(*value) >> lo & mask,
            Action::Concat(parts) => parts.iter().fold(0, |all, (p, lo)| all | self.get(*p) << lo),
            Action::Bswap(a, bits) => bswap(self.get(*a), *bits),
            Action::IsNull(e) => u64::from(self.get(*e) == 0),
            Action::PktLoad { base, off, n } => {
                packet.peek(self.coordinate(*base, *off), (*n).into())
            }
            Action::PktStore { base, off, value, n } => {
                let at = self.coordinate(*base, *off);
                let stored = packet.poke(at, (*n).into(), self.get(*value));
                return self.wrote(step, stored, at, at.wrapping_add((*n).into()));
            }
            Action::PktZero { from, to } => {
                let (from, to) = (self.get(*from) as i64, self.get(*to) as i64);
                let zeroed = packet.zero(from, to);
                return self.wrote(step, zeroed, from, to);
            }
            Action::Event { map, data, len, when } => {
                if self.get(*when) == 0 {
                    return Ok(());
                }
                return self.send(step, *map, data, self.get(*len) as usize, maps);
            }
            _ => return self.map_step(step, maps),
        };
        self.values[step.dst as usize] = result;
        Ok(())
    }

    fn wrote(&mut self, step: &Step, done: bool, from: i64, to: i64) -> Result<(), Fault> {
        if !done {
            return Err(fault(
                step,
                format!("a write to coordinates {from} to {to}, outside the buffer"),
            ));
        }
        self.written.push((from, to));
        Ok(())
    }

    /// Sends the first `len` bytes of `data`.
    fn send(
        &mut self,
        step: &Step,
        map: usize,
        data: &[(Index, u8)],
        len: usize,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        self.record.clear();
        for (part, n) in data {
            self.record.extend(&self.values[*part as usize].to_le_bytes()[..usize::from(*n)]);
        }
        match self.record.get(..len) {
            Some(bytes) => maps.send_event(map, bytes),
            None => return Err(fault(step, format!("an event of {len} bytes, more than it has"))),
        }
        Ok(())
    }

    fn map_step(&mut self, step: &Step, maps: &mut MapSet) -> Result<(), Fault> {
        let result = match &step.action {
            Action::Lookup { map, key, uses } => {
                let len = gather(&self.values, key, &mut self.key[..]);
                let key = &self.key[..len];
                let found = if *uses { maps.lookup(*map, key) } else { maps.slot_of(*map, key) };
                found.map_or(0, |slot| u64::from(slot) + 1)
            }
            Action::Update { map, key, value, flags } => {
                let len = gather(&self.values, key, &mut self.key[..]);
                let size = gather(&self.values, value, &mut self.value);
                let (key, value) = (&self.key[..len], &self.value[..size]);
                as_return(maps.update(*map, key, value, self.get(*flags)))
            }
            Action::Delete { map, key } => {
                let len = gather(&self.values, key, &mut self.key[..]);
                as_return(maps.delete(*map, &self.key[..len]))
            }
            Action::Insert { map, entry, key } => match self.get(*entry) {
                0 => {
                    let len = gather(&self.values, key, &mut self.key[..]);
                    maps.insert_key(*map, &self.key[..len]).map_or(0, |slot| u64::from(slot) + 1)
                }
                known => {
                    maps.touch(*map, (known - 1) as Slot);
                    known
                }
            },
            Action::Remove { map, entry } => {
                if let Some(slot) = slot(self.get(*entry)) {
                    maps.remove_slot(*map, slot);
                }
                return Ok(());
            }
            Action::Touch { map, entry } => {
                if let Some(slot) = slot(self.get(*entry)) {
                    maps.touch(*map, slot);
                }
                return Ok(());
            }
            Action::MapLoad { map, entry, off, n } => match slot(self.get(*entry)) {
                Some(slot) => maps.peek(*map, slot, self.get(*off) as i64, (*n).into()),
                None => 0,
            },
            Action::MapStore { map, entry, off, value, n } => {
                let Some(slot) = slot(self.get(*entry)) else { return Ok(()) };
                let off = self.get(*off) as i64;
                if !maps.poke(*map, slot, off, (*n).into(), self.get(*value)) {
                    return Err(fault(
                        step,
                        format!("a store at offset {off}, outside the map's value"),
                    ));
                }
                return Ok(());
            }
            Action::Atomic { op, map, entry, off, value, expected, n } => {
                match slot(self.get(*entry)) {
                    None => 0,
                    Some(slot) => {
                        let (off, n) = (self.get(*off) as i64, usize::from(*n));
                        let old = maps.peek(*map, slot, off, n);
                        let new = atomic(*op, old, self.get(*value), expected.map(|e| self.get(e)));
                        if !maps.poke(*map, slot, off, n, new) {
                            return Err(fault(
                                step,
                                format!(
                                    "an atomic operation at offset {off}, outside the map's value"
                                ),
                            ));
                        }
                        old
                    }
                }
            }
            other => unreachable!("{other:?} is no access to a map"),
        };
        self.values[step.dst as usize] = result;
        Ok(())
    }
}

/// The parts of a key or value in memory order; how many bytes they are.
fn gather(values: &[u64], parts: &[(Index, u8)], into: &mut [u8]) -> usize {
    let mut len = 0;
    for (part, n) in parts {
        let n = usize::from(*n);
        into[len..len + n].copy_from_slice(&values[*part as usize].to_le_bytes()[..n]);
        len += n;
    }
    len
}

/// What a helper returns.
fn as_return(result: Result<(), Errno>) -> u64 {
    result.map_or_else(Errno::as_return, |()| 0)
}

fn fault(step: &Step, what: String) -> Fault {
    Fault { at: step.inst.to_string(), what }
}

fn input_value(input: Input, inputs: &Inputs, packet: &Packet) -> u64 {
    match input {
        Input::PacketLen => packet.arrival_len() as u64,
        Input::IngressIfindex => inputs.ingress_ifindex.into(),
        Input::RxQueueIndex => inputs.rx_queue_index.into(),
        Input::TimeNs => inputs.time_ns,
        Input::CpuId => inputs.cpu.into(),
        Input::PacketIndex => inputs.packet_index.into(),
        Input::Seed => inputs.seed.into(),
    }
}

/// New content of the accessed bytes; the caller stores as many as the access is wide.
fn atomic(op: AtomicOp, old: u64, value: u64, expected: Option<u64>) -> u64 {
    match op {
        AtomicOp::Add => old.wrapping_add(value),
        AtomicOp::Or => old | value,
        AtomicOp::And => old & value,
        AtomicOp::Xor => old ^ value,
        AtomicOp::Xchg => value,
        AtomicOp::CmpXchg if expected == Some(old) => value,
        AtomicOp::CmpXchg => old,
    }
}
