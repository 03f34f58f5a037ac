//! Events that a program sends to user space for one packet, and PERF_EVENT_ARRAY.

use super::{flags, Errno};

/// Bytes sent to user space through a ring buffer or a perf event array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number of the map.
    pub map: usize,
    /// What was sent; of a perf event without the padding that the kernel adds.
    pub data: Vec<u8>,
}

/// The running packet's events, in one buffer so that sending allocates nothing in the long run.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    map: usize,
    start: usize,
    len: usize,
    /// False for a reservation that is pending or was discarded.
    sent: bool,
}

impl EventLog {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes a place in the order; returns its number.
    pub fn reserve(&mut self, map: usize, len: usize) -> usize {
        self.records.push(Record { map, start: 0, len, sent: false });
        self.records.len() - 1
    }

    /// Fills a place.
    pub fn send(&mut self, place: usize, data: &[u8]) {
        let record = &mut self.records[place];
        debug_assert_eq!(record.len, data.len(), "a record is sent as it was reserved");
        (record.start, record.sent) = (self.bytes.len(), true);
        self.bytes.extend_from_slice(data);
    }

    /// Adds an event made of `parts`.
    pub fn push(&mut self, map: usize, parts: &[&[u8]]) {
        let start = self.bytes.len();
        parts.iter().for_each(|p| self.bytes.extend_from_slice(p));
        self.records.push(Record { map, start, len: self.bytes.len() - start, sent: true });
    }

    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.records
            .iter()
            .filter(|r| r.sent)
            .map(|r| Event { map: r.map, data: self.bytes[r.start..r.start + r.len].to_vec() })
    }
}

/// Where `bpf_perf_event_output` with `flags` on `cpu` sends: the index, checked against the map's size.
///
/// # Errors
/// `EINVAL` (flags), `E2BIG` (index).
pub fn perf_index(flags: u64, cpu: u32, max_entries: u32) -> Result<u32, Errno> {
    if flags & !(flags::INDEX_MASK | flags::CTXLEN_MASK) != 0 {
        return Err(Errno::INVAL);
    }
    let index = match flags & flags::INDEX_MASK {
        flags::CURRENT_CPU => cpu,
        index => index as u32,
    };
    if index >= max_entries {
        return Err(Errno::TOOBIG);
    }
    Ok(index)
}
