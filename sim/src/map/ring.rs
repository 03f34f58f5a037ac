//! Content of RINGBUF: the kernel's arithmetic of positions, records with their headers, memory as the
//! program finds it (what was in the ring before shows through, as there).
//!
//! The consumer keeps up: when a packet starts, everything that was submitted before has been read.

use super::{Errno, Values};

const HEADER: u64 = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
/// `UINT_MAX / 4`.
const MAX_RECORD: u64 = u32::MAX as u64 / 4;
const PAGE_LOG2: u64 = 12;
/// Pages in front of the data: one for the kernel, two for the positions.
const META_PAGES: u64 = 3;

/// Largest ring that is modelled, in bytes.
pub const MAX_SIZE: u32 = 1 << 29;

/// The positions, and the reservations of the running packet.
#[derive(Clone, Debug)]
pub struct Ring {
    size: u64,
    consumer: u64,
    producer: u64,
    /// Number of the packet that `consumer` stands for.
    packet: u64,
    /// Position and place in the event order of each reservation that is not yet committed.
    pending: Vec<(u64, usize)>,
}

impl Ring {
    pub fn new(size: u32) -> Self {
        let size = size.into();
        Self { size, consumer: 0, producer: 0, packet: 0, pending: Vec::new() }
    }

    /// The ring's memory: one piece of twice the size, so that a record that wraps is in one piece.
    pub fn memory(size: u32) -> Option<Values> {
        Values::new(size * 2, 1)
    }

    /// Lets the consumer catch up if a new packet has started.
    fn catch_up(&mut self, packet: u64) {
        if self.packet != packet {
            (self.packet, self.consumer) = (packet, self.producer);
            self.pending.clear();
        }
    }

    /// Finds room for `size` bytes; returns the address of the record's data in `memory`.
    pub fn reserve(&mut self, memory: &mut Values, packet: u64, size: u64) -> Option<u64> {
        self.catch_up(packet);
        let len = size.checked_add(HEADER)?.next_multiple_of(8);
        if size > MAX_RECORD || len > self.size {
            return None;
        }
        if self.producer + len - self.consumer > self.size - 1 {
            return None;
        }
        let at = self.producer & (self.size - 1);
        self.producer += len;
        if at + len > self.size {
            copy(memory, 0, self.size, at + len - self.size);
        }
        set_header(memory, at, size as u32 | BUSY);
        Some(at + HEADER)
    }

    /// Remembers that the record at `data` has `place` in the order of events.
    pub fn remember(&mut self, data: u64, place: usize) {
        self.pending.push((data, place));
    }

    /// Ends the reservation at `data`; returns its place in the order of events and its size.
    pub fn commit(
        &mut self,
        memory: &mut Values,
        data: u64,
        discard: bool,
    ) -> Option<(usize, u32)> {
        let i = self.pending.iter().position(|(at, _)| *at == data)?;
        let (_, place) = self.pending.swap_remove(i);
        let at = data - HEADER;
        let size = header(memory, at)? & !BUSY;
        set_header(memory, at, if discard { size | DISCARDED } else { size });
        let end = at + (u64::from(size) + HEADER).next_multiple_of(8);
        if end > self.size {
            copy(memory, self.size, 0, end - self.size);
        }
        Some((place, size))
    }

    /// `bpf_ringbuf_query`; what the kernel does not know is 0.
    pub fn query(&mut self, packet: u64, what: u64) -> u64 {
        self.catch_up(packet);
        match what {
            0 => self.producer - self.consumer,
            1 => self.size,
            2 => self.consumer,
            3 => self.producer,
            _ => 0,
        }
    }
}

fn header(memory: &Values, at: u64) -> Option<u32> {
    memory.get(at).map(u32::from_le_bytes)
}

/// The length word and the page number that follows it.
fn set_header(memory: &mut Values, at: u64, len: u32) {
    let page = (META_PAGES + (at >> PAGE_LOG2)) as u32;
    let bytes = u64::from(len) | u64::from(page) << 32;
    *memory.get_mut(at).expect("a record lies within the ring") = bytes.to_le_bytes();
}

fn copy(memory: &mut Values, from: u64, to: u64, len: u64) {
    let all = memory.whole_mut(0);
    all.copy_within(from as usize..(from + len) as usize, to as usize);
}

/// What `bpf_ringbuf_output` makes of its flags.
///
/// # Errors
/// `EINVAL` for unknown ones.
pub fn check_output_flags(flags: u64) -> Result<(), Errno> {
    if flags & !super::flags::RB_WAKEUP_MASK != 0 {
        return Err(Errno::INVAL);
    }
    Ok(())
}
