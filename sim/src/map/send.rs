//! What programs send to user space: the helpers of RINGBUF and PERF_EVENT_ARRAY, and the consumer's side.

use super::content::Content;
use super::event::{perf_index, Event};
use super::ring::check_output_flags;
use super::{array_index, Errno, MapSet};

impl MapSet {
    /// To be called before each packet: forgets the events of the packet before, and lets the consumers of all rings catch up.
    #[inline]
    pub fn start_packet(&mut self) {
        self.packet += 1;
        if !self.events.is_empty() {
            self.events.clear();
        }
        if self.models_tables() {
            self.settle();
        }
    }

    /// From here on, new records of ring buffers are zero, as in hardware, instead of what was in the ring before, as in the kernel.
    pub fn clear_new_records(&mut self) {
        self.clear_records = true;
    }

    /// What the packet has sent to user space, in the order of reservation, which is that of the kernel's consumer.
    pub fn take_events(&mut self) -> Vec<Event> {
        let events = self.events.events().collect();
        self.events.clear();
        events
    }

    /// Adds an event to those of the running packet, behind all others: for engines that work out themselves what the helpers return.
    pub fn send_event(&mut self, map: usize, bytes: &[u8]) {
        self.events.push(map, &[bytes]);
    }

    /// `bpf_ringbuf_reserve`: the address of `size` bytes in the map's [`Values`](super::Values); `None` is NULL.
    pub fn ring_reserve(&mut self, map: usize, size: u64, flags: u64) -> Option<u64> {
        let m = &mut self.maps[map];
        let Content::Ring(ring) = &mut m.content else { return None };
        if flags != 0 {
            return None;
        }
        let data = ring.reserve(&mut m.values, self.packet, size)?;
        if self.clear_records {
            m.values.slice_mut(data, size as usize)?.fill(0);
        }
        ring.remember(data, self.events.reserve(map, size as usize));
        Some(data)
    }

    /// `bpf_ringbuf_submit`, `bpf_ringbuf_discard` (whose flags have no effect) for the record at address `data`.
    ///
    /// # Errors
    /// `EINVAL` if there is no such reservation, which the verifier excludes.
    pub fn ring_commit(&mut self, map: usize, data: u64, discard: bool) -> Result<(), Errno> {
        let m = &mut self.maps[map];
        let Content::Ring(ring) = &mut m.content else { return Err(Errno::INVAL) };
        let (place, size) = ring.commit(&mut m.values, data, discard).ok_or(Errno::INVAL)?;
        if !discard {
            let bytes = m.values.slice(data, size as usize).ok_or(Errno::INVAL)?;
            self.events.send(place, bytes);
        }
        Ok(())
    }

    /// `bpf_ringbuf_output`.
    ///
    /// # Errors
    /// `EINVAL` (flags), `EAGAIN` (no room).
    pub fn ring_output(&mut self, map: usize, bytes: &[u8], flags: u64) -> Result<(), Errno> {
        check_output_flags(flags)?;
        let data = self.ring_reserve(map, bytes.len() as u64, 0).ok_or(Errno::AGAIN)?;
        if let Some(to) = self.maps[map].values.slice_mut(data, bytes.len()) {
            to.copy_from_slice(bytes);
        }
        self.ring_commit(map, data, false)
    }

    /// `bpf_ringbuf_query`: 0 bytes not yet read, 1 size, 2 position of the consumer, 3 of the producer; else 0.
    pub fn ring_query(&mut self, map: usize, what: u64) -> u64 {
        match &mut self.maps[map].content {
            Content::Ring(ring) => ring.query(self.packet, what),
            _ => 0,
        }
    }

    /// `bpf_perf_event_output` of `parts`, one after the other, on `cpu`. The flags' packet length is for the caller to check
    /// (`EFAULT` if it exceeds the packet) and to give as the last part; the caller checks [`MapSet::check_perf_flags`] before.
    ///
    /// # Errors
    /// `EINVAL` (flags), `E2BIG` (index), `ENOENT` (no event there), `EOPNOTSUPP` (the event is that of another CPU).
    pub fn perf_output(
        &mut self,
        map: usize,
        flags: u64,
        cpu: u32,
        parts: &[&[u8]],
    ) -> Result<(), Errno> {
        let m = &self.maps[map];
        let Content::Perf(listed) = &m.content else { return Err(Errno::INVAL) };
        let index = perf_index(flags, cpu, m.def.max_entries)?;
        let event_cpu = match listed {
            None => index,
            Some(listed) if listed.has(index) => {
                array_index(m.values.whole(index)).ok_or(Errno::NOENT)?
            }
            Some(_) => return Err(Errno::NOENT),
        };
        if event_cpu != cpu {
            return Err(Errno::OPNOTSUPP);
        }
        self.events.push(map, parts);
        Ok(())
    }

    /// The first check of `bpf_perf_event_output`, before that of the packet length.
    ///
    /// # Errors
    /// `EINVAL` for unknown flags.
    pub fn check_perf_flags(flags: u64) -> Result<(), Errno> {
        perf_index(flags, 0, u32::MAX).map(|_| ())
    }

    /// Removes the default events of a perf event array: from here on it has what the host puts in.
    pub fn clear_perf_events(&mut self, map: usize) {
        if let Content::Perf(listed) = &mut self.maps[map].content {
            *listed = Some(Default::default());
        }
    }
}
