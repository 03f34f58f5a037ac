//! Content of QUEUE and STACK: values without keys.

use super::{flags, Errno};
use std::collections::VecDeque;

/// Values, the oldest first. Memory is used as values come, not for `max_entries`.
#[derive(Clone, Debug)]
pub struct Fifo {
    bytes: VecDeque<u8>,
    value_size: usize,
    max_entries: usize,
    /// Takes the youngest instead of the oldest.
    is_stack: bool,
}

impl Fifo {
    /// An empty queue or stack.
    pub fn new(is_stack: bool, value_size: u32, max_entries: u32) -> Self {
        let (value_size, max_entries) = (value_size as usize, max_entries as usize);
        Self { bytes: VecDeque::new(), value_size, max_entries, is_stack }
    }

    /// Adds `value`; when full, [`flags::EXIST`] drops the oldest value, of a stack too.
    ///
    /// # Errors
    /// `EINVAL` (flags), `E2BIG` (full).
    pub fn push(&mut self, value: &[u8], flags: u64) -> Result<(), Errno> {
        if flags & flags::NOEXIST != 0 || flags > flags::EXIST {
            return Err(Errno::INVAL);
        }
        if self.bytes.len() >= self.max_entries * self.value_size {
            if flags != flags::EXIST {
                return Err(Errno::TOOBIG);
            }
            self.bytes.drain(..self.value_size);
        }
        self.bytes.extend(value);
        Ok(())
    }

    /// Copies the next value to `out` without taking it; zeroes `out` if there is none.
    ///
    /// # Errors
    /// `ENOENT` (empty).
    pub fn peek(&self, out: &mut [u8]) -> Result<(), Errno> {
        if self.bytes.is_empty() {
            out.fill(0);
            return Err(Errno::NOENT);
        }
        let at = if self.is_stack { self.bytes.len() - self.value_size } else { 0 };
        out.iter_mut().zip(self.bytes.range(at..)).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    /// As [`Fifo::peek`], and takes the value.
    ///
    /// # Errors
    /// `ENOENT` (empty).
    pub fn pop(&mut self, out: &mut [u8]) -> Result<(), Errno> {
        self.peek(out)?;
        if self.is_stack {
            self.bytes.truncate(self.bytes.len() - self.value_size);
        } else {
            self.bytes.drain(..self.value_size);
        }
        Ok(())
    }

    /// All values, in the order in which they would be taken.
    pub fn values(&self) -> Vec<Vec<u8>> {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let mut values: Vec<_> = bytes.chunks(self.value_size).map(<[u8]>::to_vec).collect();
        if self.is_stack {
            values.reverse();
        }
        values
    }
}
