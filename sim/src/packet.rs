//! The packet model: one linear buffer with headroom, shared by every engine.
//!
//! Positions are *coordinates*, counted from the first byte of the packet as it arrived; the headroom has
//! negative ones. `bpf_xdp_adjust_head` and `bpf_xdp_adjust_tail` move [`Packet::start`] and [`Packet::end`], never the bytes.

use crate::map::Errno;

/// Bytes in front of an arriving packet (`XDP_PACKET_HEADROOM`).
pub const HEADROOM: usize = 256;

/// How far `adjust_head` and `adjust_meta` may go into the headroom: the kernel keeps the rest for its `struct xdp_frame`.
pub const USABLE_HEADROOM: i32 = 216;

/// Shortest packet, on arrival and after every adjustment: an Ethernet header.
pub const MIN_LEN: usize = 14;

/// Longest packet.
pub const MAX_LEN: usize = 9216;

/// Where a shorter packet must end after growth by `adjust_tail`: the room in one page.
pub const GROWTH_LIMIT: i32 = 3520;

/// Most bytes of metadata, whatever the headroom.
const MAX_META: i32 = 252;

const CAPACITY: usize = HEADROOM + MAX_LEN;

/// A packet length that no program can be run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packet of {0} bytes; supported are {MIN_LEN} to {MAX_LEN}")]
pub struct BadLength(pub usize);

/// A packet in its buffer. One is reused for all packets of a trace; nothing is allocated per packet.
#[derive(Clone)]
pub struct Packet {
    buf: Box<[u8; CAPACITY]>,
    meta: i32,
    start: i32,
    end: i32,
    arrival_len: i32,
    /// Coordinates below hold zeros.
    low: i32,
    /// Coordinates from here on count as zero, whatever the buffer holds. Not before `end`.
    high: i32,
}

impl Default for Packet {
    fn default() -> Self {
        Self::new()
    }
}

/// Index in the buffer of coordinate `c`; wraps for coordinates outside it.
fn index(c: i64) -> usize {
    c.wrapping_add(HEADROOM as i64) as usize
}

impl Packet {
    /// An empty buffer; [`Packet::arrive`] fills it.
    pub fn new() -> Self {
        Self {
            buf: Box::new([0; CAPACITY]),
            meta: 0,
            start: 0,
            end: 0,
            arrival_len: 0,
            low: 0,
            high: 0,
        }
    }

    /// A packet that has arrived with `bytes`.
    ///
    /// # Errors
    /// If the length is not supported.
    pub fn with(bytes: &[u8]) -> Result<Self, BadLength> {
        let mut packet = Self::new();
        packet.arrive(bytes)?;
        Ok(packet)
    }

    /// Replaces the content by an arriving packet; headroom and tailroom become zero.
    ///
    /// # Errors
    /// If the length is not supported; the old content is then kept.
    pub fn arrive(&mut self, bytes: &[u8]) -> Result<(), BadLength> {
        let len = bytes.len();
        if !(MIN_LEN..=MAX_LEN).contains(&len) {
            return Err(BadLength(len));
        }
        if self.low < 0 {
            self.buf[index(self.low.into())..HEADROOM].fill(0);
        }
        self.buf[HEADROOM..HEADROOM + len].copy_from_slice(bytes);
        let end = len as i32;
        (self.meta, self.start, self.end) = (0, 0, end);
        (self.arrival_len, self.low, self.high) = (end, 0, end);
        Ok(())
    }

    /// Coordinate of the first metadata byte; equals [`Packet::start`] without metadata.
    pub fn meta(&self) -> i32 {
        self.meta
    }

    /// Coordinate of the first byte.
    pub fn start(&self) -> i32 {
        self.start
    }

    /// Coordinate after the last byte.
    pub fn end(&self) -> i32 {
        self.end
    }

    /// Number of bytes, without metadata.
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// A packet is never empty, but for a buffer that none has arrived in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on arrival.
    pub fn arrival_len(&self) -> i32 {
        self.arrival_len
    }

    /// The packet as it stands, without metadata.
    pub fn bytes(&self) -> &[u8] {
        &self.buf[index(self.start.into())..index(self.end.into())]
    }

    /// `bpf_xdp_adjust_head`: moves the start by `delta`, and metadata with it.
    ///
    /// # Errors
    /// `EINVAL` if that leaves the usable headroom or less than [`MIN_LEN`] bytes.
    pub fn adjust_head(&mut self, delta: i32) -> Result<(), Errno> {
        let meta_len = self.start - self.meta;
        let start = i64::from(self.start) + i64::from(delta);
        if start < i64::from(meta_len - USABLE_HEADROOM)
            || start > i64::from(self.end) - MIN_LEN as i64
        {
            return Err(Errno::INVAL);
        }
        let start = start as i32;
        if meta_len > 0 {
            let from = index(self.meta.into())..index(self.start.into());
            self.buf.copy_within(from, index((start - meta_len).into()));
        }
        self.start = start;
        self.meta = start - meta_len;
        self.low = self.low.min(self.meta);
        Ok(())
    }

    /// `bpf_xdp_adjust_tail`: moves the end by `delta`; new bytes are zero.
    ///
    /// # Errors
    /// `EINVAL` if that leaves less than [`MIN_LEN`] bytes, or ends behind [`GROWTH_LIMIT`] and the end on arrival.
    pub fn adjust_tail(&mut self, delta: i32) -> Result<(), Errno> {
        let end = i64::from(self.end) + i64::from(delta);
        let limit = i64::from(GROWTH_LIMIT.max(self.arrival_len));
        if end > limit || end < i64::from(self.start) + MIN_LEN as i64 {
            return Err(Errno::INVAL);
        }
        let end = end as i32;
        if end > self.end {
            self.buf[index(self.end.into())..index(end.into())].fill(0);
        }
        self.end = end;
        self.high = self.high.max(end);
        Ok(())
    }

    /// `bpf_xdp_adjust_meta`: moves the start of the metadata by `delta`.
    ///
    /// # Errors
    /// `EINVAL` if the metadata would leave the usable headroom or its size were negative; `EACCES` if that were above 252 or no multiple of 4.
    pub fn adjust_meta(&mut self, delta: i32) -> Result<(), Errno> {
        let meta = i64::from(self.meta) + i64::from(delta);
        let len = i64::from(self.start) - meta;
        if meta < i64::from(-USABLE_HEADROOM) || len < 0 {
            return Err(Errno::INVAL);
        }
        if len > i64::from(MAX_META) || len % 4 != 0 {
            return Err(Errno(13)); // EACCES
        }
        self.meta = meta as i32;
        self.low = self.low.min(self.meta);
        Ok(())
    }

    /// The `N` bytes from coordinate `c`, if they lie in the metadata or the packet.
    #[inline(always)]
    pub fn get<const N: usize>(&self, c: i64) -> Option<[u8; N]> {
        self.buf[..index(self.end.into())]
            .get(self.checked_index(c)?..)
            .and_then(|b| b.first_chunk::<N>())
            .copied()
    }

    /// The `N` bytes from coordinate `c`, to be written, if they lie in the metadata or the packet.
    #[inline(always)]
    pub fn get_mut<const N: usize>(&mut self, c: i64) -> Option<&mut [u8; N]> {
        let i = self.checked_index(c)?;
        self.buf[..index(self.end.into())].get_mut(i..).and_then(|b| b.first_chunk_mut::<N>())
    }

    /// The `len` bytes from coordinate `c`, if they lie in the metadata or the packet.
    pub fn slice(&self, c: i64, len: usize) -> Option<&[u8]> {
        self.buf[..index(self.end.into())].get(self.checked_index(c)?..)?.get(..len)
    }

    /// The `len` bytes from coordinate `c`, to be written, if they lie in the metadata or the packet.
    pub fn slice_mut(&mut self, c: i64, len: usize) -> Option<&mut [u8]> {
        let i = self.checked_index(c)?;
        self.buf[..index(self.end.into())].get_mut(i..)?.get_mut(..len)
    }

    #[inline(always)]
    fn checked_index(&self, c: i64) -> Option<usize> {
        (c >= i64::from(self.meta)).then(|| index(c))
    }

    /// The `n` bytes (at most 8) from coordinate `c` as a little-endian number, wherever they lie; bytes that
    /// nobody has written, in the headroom, behind the packet or outside the buffer, are zero. For the IR, whose loads may run speculatively.
    pub fn peek(&self, c: i64, n: usize) -> u64 {
        let mut bytes = [0; 8];
        let defined = &self.buf[..index(self.high.into())];
        match defined.get(index(c)..index(c).wrapping_add(n)) {
            Some(b) => bytes[..n].copy_from_slice(b),
            None => {
                for (k, byte) in bytes[..n].iter_mut().enumerate() {
                    *byte = defined.get(index(c.wrapping_add(k as i64))).copied().unwrap_or(0);
                }
            }
        }
        u64::from_le_bytes(bytes)
    }

    /// Stores the `n` low bytes of `value` at coordinate `c`, wherever that is. False, and nothing done, outside the buffer.
    pub fn poke(&mut self, c: i64, n: usize, value: u64) -> bool {
        match self.touch(c, c.wrapping_add(n as i64)) {
            Some(b) => b.copy_from_slice(&value.to_le_bytes()[..n]),
            None => return false,
        }
        true
    }

    /// Sets the bytes at coordinates `from .. to` to zero. False, and nothing done, outside the buffer.
    pub fn zero(&mut self, from: i64, to: i64) -> bool {
        match self.touch(from, to) {
            Some(b) => b.fill(0),
            None => return to <= from,
        }
        true
    }

    fn touch(&mut self, from: i64, to: i64) -> Option<&mut [u8]> {
        self.buf.get(index(from)..index(to))?;
        self.low = self.low.min(from as i32);
        self.define_to(to);
        self.buf.get_mut(index(from)..index(to))
    }

    /// Moves `high` to `c`, if it is before.
    fn define_to(&mut self, c: i64) {
        if c > i64::from(self.high) {
            self.buf[index(self.high.into())..index(c)].fill(0);
            self.high = c as i32;
        }
    }

    /// Sets start and end, for engines that compute them. False, and nothing done, if they leave
    /// the buffer or the end is before the start.
    pub fn set_bounds(&mut self, start: i64, end: i64) -> bool {
        let ok = -(HEADROOM as i64) <= start && start <= end && end <= MAX_LEN as i64;
        if ok {
            self.define_to(end);
            self.low = self.low.min(start as i32);
            (self.meta, self.start, self.end) = (start as i32, start as i32, end as i32);
        }
        ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(len: usize) -> Packet {
        Packet::with(&(0..len).map(|i| (i as u8).wrapping_add(1)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn lengths_outside_the_model_are_refused() {
        assert_eq!(Packet::with(&[0; 13]).err(), Some(BadLength(13)));
        assert_eq!(Packet::with(&[0; 9217]).err(), Some(BadLength(9217)));
        assert!(Packet::with(&[0; 14]).is_ok() && Packet::with(&[0; 9216]).is_ok());
    }

    #[test]
    fn head_moves_within_headroom_and_keeps_an_ethernet_header() {
        let mut p = packet(60);
        assert_eq!(p.adjust_head(-217), Err(Errno::INVAL));
        assert_eq!(p.adjust_head(-216), Ok(()));
        assert_eq!(p.bytes()[..218], [vec![0; 216], vec![1, 2]].concat());
        assert_eq!(p.adjust_head(216 + 46), Ok(()));
        assert_eq!(p.bytes().len(), 14);
        assert_eq!(p.adjust_head(1), Err(Errno::INVAL));
        assert_eq!(p.adjust_head(i32::MIN), Err(Errno::INVAL));
        assert_eq!(p.adjust_head(i32::MAX), Err(Errno::INVAL));
    }

    #[test]
    fn tail_shrinks_to_a_header_and_grows_with_zeros_to_the_page() {
        let mut p = packet(60);
        assert_eq!(p.adjust_tail(-47), Err(Errno::INVAL));
        assert_eq!(p.adjust_tail(-46), Ok(()));
        assert_eq!(p.adjust_tail(2), Ok(()));
        assert_eq!(p.bytes()[12..], [13, 14, 0, 0]);
        assert_eq!(p.adjust_tail(3520 - 16), Ok(()));
        assert_eq!(p.adjust_tail(1), Err(Errno::INVAL));
        assert_eq!(p.bytes().len(), 3520);
        let mut jumbo = packet(9000);
        assert_eq!(jumbo.adjust_tail(1), Err(Errno::INVAL));
        assert_eq!(jumbo.adjust_tail(-8000), Ok(()));
        assert_eq!(jumbo.adjust_tail(8000), Ok(()));
        assert_eq!(jumbo.bytes()[1000..], [0; 8000]);
    }

    #[test]
    fn metadata_is_aligned_and_travels_with_the_head() {
        let mut p = packet(60);
        assert_eq!(p.adjust_meta(-3), Err(Errno(13)));
        assert_eq!(p.adjust_meta(4), Err(Errno::INVAL));
        assert_eq!(p.adjust_meta(-220), Err(Errno::INVAL));
        assert_eq!(p.adjust_meta(-8), Ok(()));
        *p.get_mut(-8).unwrap() = *b"metadata";
        assert_eq!(p.adjust_head(-209), Err(Errno::INVAL));
        assert_eq!(p.adjust_head(-20), Ok(()));
        assert_eq!((p.meta(), p.start()), (-28, -20));
        assert_eq!(p.get(-28), Some(*b"metadata"));
        assert_eq!(p.get::<8>(-29), None);
    }

    #[test]
    fn the_next_packet_finds_clean_surroundings() {
        let mut p = packet(100);
        p.adjust_head(-50).unwrap();
        p.get_mut::<4>(-50).unwrap().fill(7);
        p.adjust_tail(500).unwrap();
        p.slice_mut(590, 10).unwrap().fill(9);
        assert!(p.poke(700, 8, u64::MAX) && p.poke(-256, 1, 1));
        p.arrive(&[5; 20]).unwrap();
        assert!((-256..9216).all(|c| p.peek(c, 1) == if (0..20).contains(&c) { 5 } else { 0 }));
        assert!(p.set_bounds(-256, 9216));
        assert_eq!(p.bytes().iter().filter(|b| **b != 0).count(), 20);
        p.arrive(&[6; 14]).unwrap();
        assert_eq!((p.start(), p.end(), p.meta()), (0, 14, 0));
    }

    #[test]
    fn peek_is_zero_outside_and_poke_refuses() {
        let mut p = packet(20);
        assert_eq!(p.peek(18, 4), 0x1413);
        assert_eq!(p.peek(-2, 4), 0x0201_0000);
        assert_eq!(p.peek(i64::MAX, 8), 0);
        assert_eq!(p.peek(i64::MIN, 8), 0);
        assert_eq!(p.peek(-260, 8), 0);
        assert!(!p.poke(9212, 8, 1) && !p.poke(-257, 1, 1) && !p.poke(i64::MAX, 8, 1));
        assert!(p.zero(5, 3), "an empty range is no error");
        assert_eq!(p.peek(3, 2), 0x0504);
    }
}
