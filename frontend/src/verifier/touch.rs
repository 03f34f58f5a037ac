//! Which stack words a path reads before it writes them: only those matter when two states are compared.

use super::memory::StackBytes;
use super::state::State;

/// Deepest call chain, in frames (Linux: `MAX_CALL_FRAMES`).
pub(super) const MAX_FRAMES: usize = 8;

/// A set of 4-byte stack words for each frame; bit `i` is the word at `r10 - 4 * (i + 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words([u128; MAX_FRAMES]);

impl Words {
    pub(super) const NONE: Words = Words([0; MAX_FRAMES]);
    pub(super) const ALL: Words = Words([u128::MAX; MAX_FRAMES]);

    /// Every word of which a byte lies in the access.
    pub(super) fn touched(at: StackBytes) -> Self {
        Self::span(at.depth, (-at.end) / 4, (-at.first + 3) / 4)
    }

    /// Every word that lies in the access as a whole.
    fn covered(at: StackBytes) -> Self {
        Self::span(at.depth, (-at.end + 3) / 4, (-at.first) / 4)
    }

    /// Words `first..end`, counted down from the frame pointer.
    fn span(depth: usize, first: i64, end: i64) -> Self {
        let mut words = Self::NONE;
        for i in first.max(0)..end.min(128) {
            words.0[depth] |= 1 << i;
        }
        words
    }

    pub(super) fn frame(&self, depth: usize) -> u128 {
        self.0[depth]
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// A frame that was just entered owes nothing to what was on the stack before.
    pub(super) fn enter_frame(&mut self, depth: usize) {
        self.0[depth] = u128::MAX;
    }
}

impl State {
    /// The bytes were certainly overwritten: what they held before does not matter from here on.
    pub(super) fn note_stack_written(&mut self, at: StackBytes) {
        self.written = self.written.union(&Words::covered(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_words_are_read_but_not_written() {
        let at = |first, end| StackBytes { depth: 0, first, end, fixed: true };
        assert_eq!(Words::touched(at(-4, 0)).frame(0), 1);
        assert_eq!(Words::covered(at(-4, 0)).frame(0), 1);
        assert_eq!(Words::touched(at(-3, -2)).frame(0), 1);
        assert!(Words::covered(at(-3, -2)).is_empty());
        assert_eq!(Words::touched(at(-10, -2)).frame(0), 0b111);
        assert_eq!(Words::covered(at(-10, -2)).frame(0), 0b010);
    }
}
