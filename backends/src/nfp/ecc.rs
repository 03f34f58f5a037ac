//! Check bits of control-store words: seven parities above the 45 instruction bits (Linux nfp driver).

/// Instruction bits of a word.
pub const INSN_BITS: u32 = 45;

/// The bits of the word that each check bit is the parity of.
const PARITY: [u64; 7] = [
    0x0ff8_0000_7fff,
    0x11f8_01ff_801f,
    0x1e38_7e07_81e1,
    0x17cb_8e38_8e22,
    0x1af5_b2c9_3244,
    0x1f56_d552_5488,
    0x0daf_69a4_6910,
];

/// `insn` (45 bits) with its check bits in bits 45 to 51.
pub fn protect(insn: u64) -> u64 {
    debug_assert_eq!(insn >> INSN_BITS, 0, "an instruction has 45 bits");
    PARITY.iter().enumerate().fold(insn, |word, (i, mask)| {
        word | u64::from((insn & mask).count_ones() & 1) << (INSN_BITS as usize + i)
    })
}

/// The instruction in `word`, if its check bits fit.
pub fn check(word: u64) -> Option<u64> {
    let insn = word & ((1 << INSN_BITS) - 1);
    (protect(insn) == word).then_some(insn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_bit_error_is_seen() {
        for insn in [0, 0x00f0_000c_0300, 0x1555_5555_5555, (1 << INSN_BITS) - 1] {
            let word = protect(insn);
            assert_eq!(check(word), Some(insn));
            for bit in 0..INSN_BITS + 7 {
                assert_eq!(check(word ^ 1 << bit), None, "bit {bit} of {insn:x}");
            }
        }
    }
}
