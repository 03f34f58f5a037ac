//! Damages a packet the way broken senders and short captures do.

use super::{Rng, SHORTEST_FRAME};

/// Lengths at which headers end, or end just too early: Ethernet, VLAN tags, IPv4, IPv6, ports, UDP, TCP.
pub const CUTS: [usize; 22] =
    [14, 15, 16, 17, 18, 20, 21, 22, 23, 26, 30, 33, 34, 35, 37, 38, 41, 42, 53, 54, 55, 58];

/// Where the header after Ethernet and up to two VLAN tags starts, at most the packet's length.
pub fn network_offset(packet: &[u8]) -> usize {
    let mut at = 14;
    for _ in 0..2 {
        match packet.get(at - 2..at) {
            Some([0x81, 0x00] | [0x88, 0xa8]) => at += 4,
            _ => break,
        }
    }
    at.min(packet.len())
}

/// The first `length` bytes of `packet`, never fewer than an Ethernet header.
pub fn truncate(mut packet: Vec<u8>, length: usize) -> Vec<u8> {
    packet.truncate(length.max(SHORTEST_FRAME));
    packet
}

/// `packet` with one random fault: cut short, a wrong version or length in its IP header, a flipped bit,
/// or an unknown EtherType. Checksums are left as they were.
pub fn mangle(rng: &mut Rng, mut packet: Vec<u8>) -> Vec<u8> {
    let network = network_offset(&packet);
    match rng.below(8) {
        0 | 1 => {
            let length = *rng.pick(&CUTS);
            return truncate(packet, length);
        }
        2 => {
            let length = rng.between(SHORTEST_FRAME, packet.len().max(SHORTEST_FRAME));
            return truncate(packet, length);
        }
        3 => change(&mut packet, network, |byte| (byte & 0x0f) | (rng.next_u8() & 0xf0)),
        4 => change(&mut packet, network, |byte| (byte & 0xf0) | (rng.next_u8() & 0x0f)),
        5 => {
            let length = *rng.pick(&[0u16, 1, 19, 20, 21, 27, 28, 1500, 9000, 0xffff]);
            let field = if packet.get(network).is_some_and(|byte| byte >> 4 == 6) { 4 } else { 2 };
            for (i, byte) in length.to_be_bytes().into_iter().enumerate() {
                change(&mut packet, network + field + i, |_| byte);
            }
        }
        6 => {
            let reach = packet.len().min(80);
            let at = rng.below(reach);
            change(&mut packet, at, |byte| byte ^ (1 << rng.below(8)));
        }
        _ => {
            let ethertype = *rng.pick(&[0x0000u16, 0x0026, 0x05dc, 0x8847, 0x88cc, 0x9100, 0xffff]);
            packet[network - 2..network].copy_from_slice(&ethertype.to_be_bytes());
        }
    }
    packet
}

/// Replaces the byte at `at`, if there is one.
fn change(packet: &mut [u8], at: usize, new: impl FnOnce(u8) -> u8) {
    if let Some(byte) = packet.get_mut(at) {
        *byte = new(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_offset_skips_tags() {
        let mut packet = vec![0; 40];
        assert_eq!(network_offset(&packet), 14);
        packet[12..14].copy_from_slice(&[0x88, 0xa8]);
        assert_eq!(network_offset(&packet), 18);
        packet[16..18].copy_from_slice(&[0x81, 0x00]);
        assert_eq!(network_offset(&packet), 22);
        assert_eq!(network_offset(&packet[..15]), 15);
    }

    #[test]
    fn short_packets_survive() {
        let mut rng = Rng::new(3);
        for length in SHORTEST_FRAME..70 {
            for _ in 0..50 {
                let damaged = mangle(&mut rng, vec![0x81; length]);
                assert!((SHORTEST_FRAME..=length).contains(&damaged.len()));
            }
        }
    }
}
