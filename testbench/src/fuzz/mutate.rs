//! Small seeded mutations: for the short run in the tests, and for instruction slots, which a byte-wise fuzzer tears apart.

use crate::traffic::Rng;

/// Words that sizes and offsets fear.
const WORDS: [u32; 12] =
    [0, 1, 2, 4, 8, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, u32::MAX, u32::MAX - 7];

/// Changes `data` a little, up to `max` bytes; `other` is another input to take pieces from.
pub fn mutate(data: &mut Vec<u8>, other: &[u8], max: usize, rng: &mut Rng) {
    for _ in 0..=rng.below(4) {
        change(data, other, rng);
    }
    data.truncate(max);
}

fn change(data: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let at = rng.below(data.len());
    let piece = 1 + rng.below(16);
    match rng.below(8) {
        _ if data.is_empty() => data.push(rng.next_u8()),
        0 => data[at] = rng.next_u8(),
        1 => data[at] ^= 1 << rng.below(8),
        2 => data[at] = data[at].wrapping_add_signed([1, -1][rng.below(2)]),
        3 => {
            let word = rng.pick(&WORDS).to_le_bytes();
            let width = 1 << rng.below(3);
            let end = (at + width).min(data.len());
            data[at..end].copy_from_slice(&word[..end - at]);
        }
        4 => drop(data.drain(at..(at + piece).min(data.len()))),
        5 => {
            let from = rng.below(data.len());
            let copy = data[from..(from + piece).min(data.len())].to_vec();
            data.splice(at..at, copy);
        }
        6 if !other.is_empty() => {
            let from = rng.below(other.len());
            let copy = &other[from..(from + piece).min(other.len())];
            let end = (at + copy.len()).min(data.len());
            data.splice(at..end, copy.iter().copied());
        }
        _ => data.truncate(at.max(1)),
    }
}

const SLOT: usize = 8;

/// As [`mutate`], but from byte `start` on changes whole instruction slots and their fields.
pub fn mutate_slots(data: &mut Vec<u8>, start: usize, other: &[u8], max: usize, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let slots = data.len().saturating_sub(start) / SLOT;
        if slots == 0 || rng.percent(10) {
            change(data, other, rng);
            continue;
        }
        let at = start + rng.below(slots) * SLOT;
        let theirs = other.len().saturating_sub(start) / SLOT;
        match rng.below(8) {
            0 => drop(data.drain(at..at + SLOT)),
            1 => {
                let from = start + rng.below(slots) * SLOT;
                let copy = data[from..from + SLOT].to_vec();
                data.splice(at..at, copy);
            }
            2 if theirs > 0 => {
                let from = start + rng.below(theirs) * SLOT;
                let count = (1 + rng.below(4)).min((other.len() - from) / SLOT) * SLOT;
                let copy = other[from..from + count].to_vec();
                data.splice(at..at, copy);
            }
            _ => field(&mut data[at..at + SLOT], slots, rng),
        }
    }
    data.truncate(max);
}

/// Changes one field of a slot.
fn field(slot: &mut [u8], slots: usize, rng: &mut Rng) {
    match rng.below(7) {
        0 => slot[0] = rng.next_u8(),
        1 => slot[0] ^= 1 << rng.below(8),
        2 => slot[1] = slot[1] & 0xf0 | rng.below(11) as u8,
        3 => slot[1] = slot[1] & 0x0f | (rng.below(11) as u8) << 4,
        4 => {
            let near = (rng.below(2 * slots + 1) as i64 - slots as i64) as i16;
            let off = [near, near, -(rng.below(65) as i16), 1, 8, 16, rng.next_u16() as i16];
            slot[2..4].copy_from_slice(&rng.pick(&off).to_le_bytes());
        }
        5 => slot[4..8].copy_from_slice(&rng.pick(&WORDS).to_le_bytes()),
        _ => slot[4..8].copy_from_slice(&(rng.below(256) as u32).to_le_bytes()),
    }
}
