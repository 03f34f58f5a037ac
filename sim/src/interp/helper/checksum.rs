//! `bpf_csum_diff`.

use super::super::memory::Memory;
use super::super::op::Regs;
use super::BadArgument;

/// The 32-bit ones' complement sum of `bytes` and `sum`: zero only if all are zero.
fn csum_partial(bytes: &[u8], sum: u32) -> u32 {
    let mut total = u64::from(sum);
    let mut words = bytes.chunks_exact(4);
    for w in &mut words {
        total += u64::from(u32::from_le_bytes(*w.first_chunk().expect("a chunk of 4 bytes")));
    }
    let mut rest = [0; 4];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    total += u64::from(u32::from_le_bytes(rest));
    let once = (total & 0xffff_ffff) + (total >> 32);
    ((once & 0xffff_ffff) + (once >> 32)) as u32
}

/// `a + b` with end-around carry.
fn csum_add(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u32::from(carry)
}

/// `bpf_csum_diff`; since Linux 6.13 any sizes are allowed and the result is folded to 16 bits on every architecture.
pub(super) fn csum_diff(regs: &Regs, memory: &Memory<'_>) -> Result<u64, BadArgument> {
    let (from_size, to_size, seed) = (regs[2] as u32, regs[4] as u32, regs[5] as u32);
    let buffer = |address, size: u32| match size {
        0 => Ok(&[][..]),
        n => memory.bytes(address, n as usize).ok_or(BadArgument("a buffer is not readable")),
    };
    let (from, to) = (buffer(regs[1], from_size)?, buffer(regs[3], to_size)?);
    let sum = match (from_size, to_size) {
        (0, 0) => seed,
        (0, _) => csum_partial(to, seed),
        (_, 0) => !csum_partial(from, !seed),
        _ => csum_add(csum_partial(to, seed), !csum_partial(from, 0)),
    };
    Ok((sum.wrapping_add(sum.rotate_right(16)) >> 16).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_zero_only_for_zeros() {
        assert_eq!(csum_partial(&[0; 8], 0), 0);
        assert_eq!(csum_partial(&[0xff; 8], 0), 0xffff_ffff);
        assert_eq!(csum_partial(&[1, 0, 0, 0, 2], 0xffff_ffff), 3);
        assert_eq!(csum_add(0xffff_ffff, 1), 1);
    }
}
