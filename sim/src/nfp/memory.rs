//! The memory units: order, latency and throughput of commands, and what they do to the bytes.

use super::engine::Issued;
use super::micro::{MemoryOp, Modify};
use std::ops::RangeInclusive;

/// A memory unit that a command goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Cluster local scratch.
    Cls,
    /// Cluster target memory: the packet.
    Ctm,
    /// Internal memory.
    Imem,
    /// External memory: map values.
    Emem,
}

impl Unit {
    /// All of them.
    pub const ALL: [Unit; 4] = [Unit::Cls, Unit::Ctm, Unit::Imem, Unit::Emem];
}

/// Timing of one unit, in cycles of the engines' clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitTiming {
    /// From the command to its signal, when nothing is in the way.
    pub latency: RangeInclusive<u64>,
    /// Hundredths of a cycle that one read or write occupies the unit.
    pub access: u64,
    /// Hundredths of a cycle that one read-modify-write occupies it.
    pub modify: u64,
}

/// Memory as the commands see it: bytes at 40-bit addresses. What lies where is the firmware's affair.
pub trait Memory {
    /// The unit that holds `address`.
    ///
    /// # Errors
    /// If nothing lies there.
    fn unit(&self, address: u64) -> Result<Unit, String>;

    /// Reads bytes.
    ///
    /// # Errors
    /// If they are not all there.
    fn read(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), String>;

    /// Writes bytes.
    ///
    /// # Errors
    /// If they are not all there, or must not be written.
    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), String>;
}

/// Most bytes that a command moves: 32 units of 8.
const MOST: usize = 256;

/// Executes `command`; the words for the transfer-in registers.
///
/// Memory holds words with their highest byte first. `swap` forms exchange the bytes of each 32-bit word, so that the byte at the
/// lowest address becomes the lowest of the register. The 64-bit read-modify-writes take the word at the lower address as the low one.
///
/// # Errors
/// If the memory refuses, or the address is not aligned as the operation needs.
pub fn perform(memory: &mut impl Memory, command: &Issued, noise: u32) -> Result<Vec<u32>, String> {
    let mut buffer = [0; MOST];
    match command.op {
        MemoryOp::Read { unit, swap } => {
            let size = usize::from(command.count) * usize::from(unit);
            memory.read(command.address, &mut buffer[..size])?;
            // The rest of the last register holds whatever was on the bus.
            let end = size.next_multiple_of(4);
            buffer[size..end].copy_from_slice(&noise.to_le_bytes()[..end - size]);
            Ok(words(&buffer[..end], swap))
        }
        MemoryOp::Write { unit, swap } => {
            let size = usize::from(command.count) * usize::from(unit);
            for (chunk, word) in buffer.chunks_exact_mut(4).zip(&command.data) {
                chunk.copy_from_slice(&if swap { word.to_le_bytes() } else { word.to_be_bytes() });
            }
            memory.write(command.address, &buffer[..size])?;
            Ok(Vec::new())
        }
        MemoryOp::Modify { kind, fetch, .. } => modify(memory, command, kind, fetch),
    }
}

fn words(bytes: &[u8], swap: bool) -> Vec<u32> {
    let word = |c: &[u8]| {
        let c = [c[0], c[1], c[2], c[3]];
        if swap {
            u32::from_le_bytes(c)
        } else {
            u32::from_be_bytes(c)
        }
    };
    bytes.chunks_exact(4).map(word).collect()
}

fn modify(
    memory: &mut impl Memory,
    command: &Issued,
    kind: Modify,
    fetch: bool,
) -> Result<Vec<u32>, String> {
    let wide = (command.count - 1) & 4 != 0;
    let size = if wide { 8 } else { 4 };
    if command.address % 4 != 0 {
        return Err("an atomic operation needs an aligned address".into());
    }
    let mut buffer = [0; 8];
    memory.read(command.address, &mut buffer[..size])?;
    let old = words(&buffer[..size], false);
    let join = |w: &[u32]| u64::from(w[0]) | w.get(1).map_or(0, |h| u64::from(*h) << 32);
    let (before, operand) = (join(&old), join(&command.data[..old.len()]));
    let after = match kind {
        Modify::Exchange => operand,
        Modify::Set => before | operand,
        Modify::Clear => before & !operand,
        Modify::Add => before.wrapping_add(operand),
        Modify::Sub => before.wrapping_sub(operand),
        Modify::Xor => before ^ operand,
    };
    for (i, chunk) in buffer[..size].chunks_exact_mut(4).enumerate() {
        chunk.copy_from_slice(&((after >> (32 * i)) as u32).to_be_bytes());
    }
    memory.write(command.address, &buffer[..size])?;
    Ok(if fetch { old } else { Vec::new() })
}
