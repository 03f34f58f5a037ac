//! Content of BLOOM_FILTER, bit for bit the kernel's with `BPF_F_ZERO_SEED`.
//!
//! Without that flag the kernel draws a random seed when the map is made; here the seed is always 0, so that
//! runs can be repeated. Only which values are found without having been added (false positives) depends on it.

use super::{flags, Errno, Slot, Values};

/// Hash functions if the map does not say how many.
const DEFAULT_HASHES: u32 = 5;

/// The bit set, by 64-bit word.
#[derive(Clone, Debug)]
pub struct Bloom {
    words: Values,
    mask: u32,
    hashes: u32,
}

impl Bloom {
    /// An empty filter. `hashes` is the low four bits of `map_extra`, 0 stands for 5.
    pub fn new(max_entries: u32, hashes: u32) -> Self {
        let hashes = if hashes == 0 { DEFAULT_HASHES } else { hashes };
        let mask = bit_mask(max_entries, hashes);
        let words = Values::new(8, u64::from(mask / 64) + 1).expect("at most 2^26 words");
        Self { words, mask, hashes }
    }

    fn bits<'v>(&self, value: &'v [u8]) -> impl Iterator<Item = u32> + 'v {
        let mask = self.mask;
        (0..self.hashes).map(move |seed| jhash(value, seed) & mask)
    }

    /// Adds `value`.
    ///
    /// # Errors
    /// `EINVAL` with any flag.
    pub fn push(&mut self, value: &[u8], flags: u64) -> Result<(), Errno> {
        if flags != flags::ANY {
            return Err(Errno::INVAL);
        }
        for bit in self.bits(value) {
            let word = self.words.peek(bit / 64, 0, 8) | 1 << (bit % 64);
            self.words.poke(bit / 64, 0, 8, word);
        }
        Ok(())
    }

    /// Tells whether `value` may have been added.
    ///
    /// # Errors
    /// `ENOENT` if it was certainly not.
    pub fn peek(&self, value: &[u8]) -> Result<(), Errno> {
        let is_set = |bit: u32| self.words.peek(bit / 64, 0, 8) >> (bit % 64) & 1 == 1;
        if self.bits(value).all(is_set) {
            Ok(())
        } else {
            Err(Errno::NOENT)
        }
    }

    /// The bit set's non-zero words with their numbers, ascending.
    pub fn words(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let word = |slot: Slot| (slot, self.words.peek(slot, 0, 8));
        self.words.written_slots(self.mask / 64 + 1).map(word).filter(|(_, word)| *word != 0)
    }
}

/// The number of bits less one: `max_entries * hashes / ln 2`, with 7/5 for `1 / ln 2`, rounded up to a power of two.
fn bit_mask(max_entries: u32, hashes: u32) -> u32 {
    let bits = max_entries.checked_mul(hashes).and_then(|n| (n / 5).checked_mul(7));
    match bits {
        Some(n) if n <= 1 << 31 => n.max(64).next_power_of_two() - 1,
        _ => u32::MAX,
    }
}

/// Bob Jenkins' hash of 2006 as the kernel has it (`include/linux/jhash.h`); its two forms, for bytes and
/// for words, give the same for whole words.
fn jhash(bytes: &[u8], seed: u32) -> u32 {
    const INITIAL: u32 = 0xdead_beef;
    let start = INITIAL.wrapping_add(bytes.len() as u32).wrapping_add(seed);
    let mut state = [start; 3];
    let mut rest = bytes;
    while rest.len() > 12 {
        let (block, tail) = rest.split_at(12);
        add_words(&mut state, block);
        mix(&mut state);
        rest = tail;
    }
    if !rest.is_empty() {
        let mut block = [0; 12];
        block[..rest.len()].copy_from_slice(rest);
        add_words(&mut state, &block);
        finish(&mut state);
    }
    state[2]
}

fn add_words(state: &mut [u32; 3], block: &[u8]) {
    for (s, word) in state.iter_mut().zip(block.chunks_exact(4)) {
        let word = u32::from_le_bytes(*word.first_chunk().expect("a chunk of 4 bytes"));
        *s = s.wrapping_add(word);
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, z: &mut u32, by| {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(by);
        *z = z.wrapping_add(*y);
    };
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn finish([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: u32, by| *x = (*x ^ y).wrapping_sub(y.rotate_left(by));
    step(c, *b, 14);
    step(a, *c, 11);
    step(b, *a, 25);
    step(c, *b, 16);
    step(a, *c, 4);
    step(b, *a, 14);
    step(c, *b, 24);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_kernels() {
        assert_eq!(bit_mask(1, 5), 63);
        assert_eq!(bit_mask(100, 5), 1023);
        assert_eq!(bit_mask(1000, 3), 8191);
        assert_eq!(bit_mask(u32::MAX, 5), u32::MAX);
        assert_eq!(bit_mask(1 << 30, 3), u32::MAX);
    }

    #[test]
    fn what_was_added_is_found() {
        let mut filter = Bloom::new(100, 0);
        for n in 0..100u32 {
            filter.push(&n.to_le_bytes(), 0).unwrap();
        }
        assert!((0..100u32).all(|n| filter.peek(&n.to_le_bytes()).is_ok()));
        let wrong = (100..10_100u32).filter(|n| filter.peek(&n.to_le_bytes()).is_ok()).count();
        assert!(wrong < 800, "{wrong} of 10,000 are found wrongly");
        assert_eq!(filter.push(&[0; 4], 1), Err(Errno::INVAL));
    }
}
