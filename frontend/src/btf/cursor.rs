//! Little-endian reading of BTF sections, never past the end.

use super::BtfError;

/// Reads on from a position in `data`.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    /// Position of `data[0]` in its section, for messages.
    start: usize,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, start: 0, at: 0 }
    }

    /// A cursor on `len` bytes from `offset` of `data`.
    pub(super) fn part(
        data: &'a [u8],
        offset: usize,
        len: u32,
        what: &str,
    ) -> Result<Self, BtfError> {
        let end = offset.checked_add(len as usize);
        match end.and_then(|end| data.get(offset..end)) {
            Some(part) => Ok(Self { data: part, start: offset, at: 0 }),
            None => Err(BtfError(format!(
                "{what} ({len} bytes at 0x{offset:x}) ends past the end of the section ({} bytes)",
                data.len()
            ))),
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.data[self.at..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.data.len()
    }

    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8], BtfError> {
        match self.rest().get(..n) {
            Some(b) => {
                self.at += n;
                Ok(b)
            }
            None => Err(BtfError(format!(
                "record at byte 0x{:x} is cut off: {n} bytes needed, {} left",
                self.start + self.at,
                self.rest().len()
            ))),
        }
    }

    pub(super) fn u16(&mut self) -> Result<u16, BtfError> {
        let b = self.bytes(2)?;
        Ok(u16::from_le_bytes([b[0], b[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, BtfError> {
        let b = self.bytes(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }
}
