//! The eight bytes of an instruction slot, taken apart into fields and no further.

/// One 8-byte slot (RFC 9669 section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RawInsn {
    /// Opcode.
    pub opcode: u8,
    /// Destination register field, 4 bits.
    pub dst: u8,
    /// Source register field, 4 bits.
    pub src: u8,
    /// Signed offset.
    pub off: i16,
    /// Signed immediate.
    pub imm: i32,
}

impl RawInsn {
    /// Bytes in a slot.
    pub const BYTES: usize = 8;

    /// The slot stored little-endian in `b`.
    pub fn from_bytes(b: [u8; Self::BYTES]) -> Self {
        Self {
            opcode: b[0],
            dst: b[1] & 0x0f,
            src: b[1] >> 4,
            off: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    /// The slot as stored in a little-endian object.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let off = self.off.to_le_bytes();
        let imm = self.imm.to_le_bytes();
        let regs = (self.src << 4) | (self.dst & 0x0f);
        [self.opcode, regs, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
    }

    /// All whole slots of `code`; bytes after the last whole slot are left out.
    pub fn slots(code: &[u8]) -> Vec<RawInsn> {
        code.chunks_exact(Self::BYTES)
            .map(|c| {
                let mut b = [0; Self::BYTES];
                b.copy_from_slice(c);
                Self::from_bytes(b)
            })
            .collect()
    }
}
