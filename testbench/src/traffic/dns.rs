//! DNS names on the wire, for [`PacketBuilder::dns`](super::PacketBuilder::dns) and for map keys.

/// `name` as a sequence of labels with their lengths, closed by a zero byte (RFC 1035, section 3.1).
/// Labels are cut at 63 bytes.
pub fn encode_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        wire.push(label.len() as u8);
        wire.extend(label);
    }
    wire.push(0);
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_carry_their_lengths() {
        assert_eq!(encode_name("ab.c"), [2, b'a', b'b', 1, b'c', 0]);
        assert_eq!(encode_name("ab.c."), encode_name("ab.c"));
        assert_eq!(encode_name(""), [0]);
    }
}
