//! The value memory of one map: pages that are made on first write.

use super::Slot;

/// Values of one map. A value starts at *address* `slot << stride_log2`; the stride is the value
/// size rounded up to a power of two, so that the bounds of a value are found without a division.
#[derive(Clone, Debug)]
pub struct Values {
    value_size: u32,
    stride_log2: u32,
    page_log2: u32,
    /// Address after the last slot.
    end: u64,
    /// An empty page has never been written and reads as zero.
    pages: Vec<Box<[u8]>>,
    zeros: Box<[u8]>,
}

/// Pages are at least this large, if the map is.
const MIN_PAGE_LOG2: u32 = 12;

/// There are at most this many.
const MAX_PAGES_LOG2: u32 = 20;

/// Larger values, and maps of a greater total, are not modelled: no machine has them, and one entry would take gigabytes.
const MAX_VALUE_SIZE: u32 = 1 << 26;
const MAX_TOTAL_LOG2: u32 = 42;

/// Addresses have fewer bits than this; the interpreter keeps the map number above them.
pub(crate) const ADDRESS_BITS: u32 = 48;
const _: () = assert!(MAX_TOTAL_LOG2 < ADDRESS_BITS);

impl Values {
    /// Memory for `slots` values, all zero; `None` if a value has more than 64 MiB, or all together more than 4 TiB.
    pub(super) fn new(value_size: u32, slots: u64) -> Option<Self> {
        let stride_log2 = u64::from(value_size).next_power_of_two().trailing_zeros();
        let total_log2 = stride_log2 + slots.next_power_of_two().trailing_zeros();
        let fits = value_size <= MAX_VALUE_SIZE && total_log2 <= MAX_TOTAL_LOG2;
        fits.then(|| Self {
            value_size,
            stride_log2,
            page_log2: total_log2
                .min(MIN_PAGE_LOG2)
                .max(stride_log2)
                .max(total_log2.saturating_sub(MAX_PAGES_LOG2)),
            end: slots << stride_log2,
            pages: Vec::new(),
            zeros: vec![0; value_size as usize].into(),
        })
    }

    /// Address of the first byte of the value in `slot`.
    #[inline(always)]
    pub fn address(&self, slot: Slot) -> u64 {
        u64::from(slot) << self.stride_log2
    }

    /// The slot in whose value `address` lies.
    pub fn slot(&self, address: u64) -> Slot {
        (address >> self.stride_log2) as Slot
    }

    /// Size of a value in bytes.
    pub fn value_size(&self) -> u32 {
        self.value_size
    }

    /// True if `len` bytes at `address` lie within one value.
    #[inline(always)]
    fn in_value(&self, address: u64, len: usize) -> bool {
        let off = address & ((1 << self.stride_log2) - 1);
        off + len as u64 <= u64::from(self.value_size) && address < self.end
    }

    #[inline(always)]
    fn split(&self, address: u64) -> (usize, usize) {
        ((address >> self.page_log2) as usize, (address & ((1 << self.page_log2) - 1)) as usize)
    }

    /// The `N` bytes at `address`, if they lie within one value.
    #[inline(always)]
    pub fn get<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        if !self.in_value(address, N) {
            return None;
        }
        let (page, at) = self.split(address);
        let bytes = self.pages.get(page).and_then(|p| p.get(at..)).and_then(|b| b.first_chunk());
        Some(bytes.copied().unwrap_or([0; N]))
    }

    /// The `N` bytes at `address`, to be written, if they lie within one value.
    #[inline(always)]
    pub fn get_mut<const N: usize>(&mut self, address: u64) -> Option<&mut [u8; N]> {
        if !self.in_value(address, N) {
            return None;
        }
        let (page, at) = self.split(address);
        if self.pages.get(page).is_none_or(|p| p.is_empty()) {
            self.make_page(page);
        }
        self.pages[page].get_mut(at..).and_then(|b| b.first_chunk_mut())
    }

    /// The `len` bytes at `address`, if they lie within one value.
    pub fn slice(&self, address: u64, len: usize) -> Option<&[u8]> {
        if !self.in_value(address, len) {
            return None;
        }
        let (page, at) = self.split(address);
        match self.pages.get(page) {
            Some(p) if !p.is_empty() => p.get(at..at + len),
            _ => self.zeros.get(..len),
        }
    }

    /// The `len` bytes at `address`, to be written, if they lie within one value.
    pub fn slice_mut(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        if !self.in_value(address, len) {
            return None;
        }
        let (page, at) = self.split(address);
        self.make_page(page);
        self.pages[page].get_mut(at..at + len)
    }

    /// The `n` bytes (at most 8) at offset `off` of the value in `slot` as a little-endian number; bytes outside
    /// the value are zero. For the IR, whose loads may run speculatively.
    pub fn peek(&self, slot: Slot, off: i64, n: usize) -> u64 {
        let value = self.whole(slot);
        let mut bytes = [0; 8];
        match value.get(off as usize..(off as usize).wrapping_add(n)) {
            Some(b) => bytes[..n].copy_from_slice(b),
            None => {
                for (k, byte) in bytes[..n].iter_mut().enumerate() {
                    *byte = value.get(off.wrapping_add(k as i64) as usize).copied().unwrap_or(0);
                }
            }
        }
        u64::from_le_bytes(bytes)
    }

    /// Stores the `n` low bytes of `value` at offset `off` of the value in `slot`. False, and nothing done, outside the value.
    pub fn poke(&mut self, slot: Slot, off: i64, n: usize, value: u64) -> bool {
        let off = off as usize;
        match self.whole_mut(slot).get_mut(off..off.wrapping_add(n)) {
            Some(b) => b.copy_from_slice(&value.to_le_bytes()[..n]),
            None => return false,
        }
        true
    }

    /// The value in `slot`.
    pub(super) fn whole(&self, slot: Slot) -> &[u8] {
        self.slice(self.address(slot), self.value_size as usize).unwrap_or(&self.zeros)
    }

    /// The value in `slot`, to be written.
    pub(super) fn whole_mut(&mut self, slot: Slot) -> &mut [u8] {
        self.slice_mut(self.address(slot), self.value_size as usize)
            .expect("slots are below the number that the memory was made for")
    }

    /// The slots below `limit` in pages that exist.
    pub(super) fn written_slots(&self, limit: u32) -> impl Iterator<Item = Slot> + '_ {
        let per_page = 1u64 << (self.page_log2 - self.stride_log2);
        let pages = self.pages.iter().enumerate().filter(|(_, p)| !p.is_empty());
        pages
            .flat_map(move |(i, _)| i as u64 * per_page..(i as u64 + 1) * per_page)
            .take_while(move |s| *s < u64::from(limit))
            .map(|s| s as Slot)
    }

    #[cold]
    #[inline(never)]
    fn make_page(&mut self, page: usize) {
        if self.pages.len() <= page {
            self.pages.resize(page + 1, Box::default());
        }
        if self.pages[page].is_empty() {
            self.pages[page] = vec![0; 1 << self.page_log2].into();
        }
    }
}
