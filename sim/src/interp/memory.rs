//! The address space of a running program: tagged 64-bit addresses, checked at each access.
//!
//! Bits 60 to 63 name the region. Packet and stack addresses have a bias, so that pointer arithmetic may leave
//! the region and come back. In map values, bits 48 to 59 are the map and the rest is the address in its
//! [`Values`](crate::map::Values).

use crate::host::{Host, SOCKET_SIZE};
use crate::map::MapSet;
use crate::packet::Packet;
use crate::trace::Inputs;

/// Bytes of one stack frame.
pub const FRAME_SIZE: usize = 512;

/// Frames, the entry function's included: the verifier allows eight for each program, and a program that is
/// entered by a tail call from a function starts above those of its caller. There are 33 tail calls at most.
pub const MAX_FRAMES: usize = 8 * 34;

/// All stack frames.
pub type Stack = [u8; FRAME_SIZE * MAX_FRAMES];

const TAG_SHIFT: u32 = 60;
const PACKET: u64 = 1;
const STACK: u64 = 2;
const CTX: u64 = 3;
const VALUE: u64 = 4;
const MAP: u64 = 5;
const FUNCTION: u64 = 6;
/// Keys that callbacks are shown.
const KEY: u64 = 7;
const SOCKET: u64 = 8;
/// Not a multiple of 2^32: programs compare the low half of a packet pointer with 0, since the context's fields have 32 bits.
const BIAS: i64 = (1 << 32) + (1 << 30);
const MAP_SHIFT: u32 = crate::map::ADDRESS_BITS;

/// Maps that addresses can name.
pub const MAX_MAPS: usize = 1 << (TAG_SHIFT - MAP_SHIFT);

/// Address of the context.
pub const CTX_ADDRESS: u64 = CTX << TAG_SHIFT;

/// Address of the packet byte at coordinate `c`.
pub fn packet_address(c: i32) -> u64 {
    (PACKET << TAG_SHIFT) + (i64::from(c) + BIAS) as u64
}

/// What r10 holds in the frame at `depth`.
pub fn frame_pointer(depth: usize) -> u64 {
    (STACK << TAG_SHIFT) + BIAS as u64 + ((depth + 1) * FRAME_SIZE) as u64
}

/// Address of the map itself.
pub fn map_address(map: usize) -> u64 {
    MAP << TAG_SHIFT | map as u64
}

/// Address of a byte in the value memory of a map.
pub fn value_address(map: usize, address: u64) -> u64 {
    VALUE << TAG_SHIFT | (map as u64) << MAP_SHIFT | address
}

/// Address of the function that starts at operation `pc`.
pub fn function_address(pc: u32) -> u64 {
    FUNCTION << TAG_SHIFT | u64::from(pc)
}

/// First operation of the function whose address is `address`.
pub fn function_at(address: u64) -> Option<u32> {
    (address >> TAG_SHIFT == FUNCTION).then_some(address as u32)
}

/// Address of the key that the callback at nesting `level` is shown.
pub fn key_address(level: usize) -> u64 {
    KEY << TAG_SHIFT | (level as u64) << KEY_SHIFT
}

const KEY_SHIFT: u32 = 32;

/// Address of a socket of the host.
pub fn socket_address(number: usize) -> u64 {
    SOCKET << TAG_SHIFT | (number as u64) << SOCKET_SHIFT
}

const SOCKET_SHIFT: u32 = 16;

/// The socket whose address is `address`.
pub fn socket_at(address: u64) -> Option<usize> {
    let number = (address & ((1 << TAG_SHIFT) - 1)) >> SOCKET_SHIFT;
    (address >> TAG_SHIFT == SOCKET).then_some(number as usize)
}

/// Map and address in its value memory, if `address` lies in one.
pub fn value_place(address: u64) -> Option<(usize, u64)> {
    (address >> TAG_SHIFT == VALUE).then(|| split_value(address))
}

/// The map whose address is `address`.
pub fn map_at(address: u64) -> Option<usize> {
    (address >> TAG_SHIFT == MAP).then_some((address & (MAX_MAPS as u64 - 1)) as usize)
}

/// The packet coordinate that `address` names, if it is in the packet's region.
pub fn packet_coordinate(address: u64) -> Option<i64> {
    (address >> TAG_SHIFT == PACKET).then(|| unbias(address))
}

/// The map in whose value memory `address` lies, if it does.
pub fn value_map(address: u64) -> Option<usize> {
    (address >> TAG_SHIFT == VALUE).then(|| split_value(address).0)
}

/// Coordinate (packet) or position (stack) of a biased address.
#[inline(always)]
fn unbias(address: u64) -> i64 {
    (address & ((1 << TAG_SHIFT) - 1)) as i64 - BIAS
}

/// Map and address in its value memory.
#[inline(always)]
fn split_value(address: u64) -> (usize, u64) {
    ((address >> MAP_SHIFT) as usize & (MAX_MAPS - 1), address & ((1 << MAP_SHIFT) - 1))
}

#[inline(always)]
fn widen<const N: usize>(bytes: [u8; N]) -> u64 {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes);
    u64::from_le_bytes(wide)
}

/// Everything that a program can reach, for one packet.
pub struct Memory<'a> {
    /// The stack frames.
    pub stack: &'a mut Stack,
    /// The packet.
    pub packet: &'a mut Packet,
    /// The maps.
    pub maps: &'a mut MapSet,
    /// The rest of the trace.
    pub inputs: &'a Inputs,
    /// The host's tables.
    pub host: &'a Host,
    /// The key that each nested callback is shown.
    pub keys: &'a mut Vec<Vec<u8>>,
}

impl Memory<'_> {
    /// Loads `N` bytes, zero-extended. `None` if they cannot be read.
    #[inline(always)]
    pub fn load<const N: usize>(&self, address: u64) -> Option<u64> {
        let bytes: [u8; N] = match address >> TAG_SHIFT {
            PACKET => self.packet.get(unbias(address))?,
            STACK => *self.stack.get(unbias(address) as usize..)?.first_chunk()?,
            _ => return self.load_elsewhere::<N>(address),
        };
        Some(widen(bytes))
    }

    /// The part of [`Memory::load`] that is kept out of the run loop.
    #[inline(never)]
    fn load_elsewhere<const N: usize>(&self, address: u64) -> Option<u64> {
        match address >> TAG_SHIFT {
            VALUE => {
                let (map, at) = split_value(address);
                Some(widen::<N>(self.maps.values(map)?.get(at)?))
            }
            CTX if N == 4 => self.context(address - CTX_ADDRESS),
            KEY => Some(widen::<N>(*self.key(address)?.first_chunk()?)),
            SOCKET => {
                let socket = self.host.sockets.get(socket_at(address)?)?.image();
                let at = (address & ((1 << SOCKET_SHIFT) - 1)) as usize;
                Some(widen::<N>(*socket[..SOCKET_SIZE].get(at..)?.first_chunk()?))
            }
            _ => None,
        }
    }

    /// Adds `x` to the 64-bit number at `address`; returns the sum. `None`, and nothing done, if it cannot be read and written.
    #[inline(always)]
    pub fn add(&mut self, address: u64, x: u64) -> Option<u64> {
        if address >> TAG_SHIFT == VALUE {
            return self.add_in_value(address, x);
        }
        let sum = self.load::<8>(address)?.wrapping_add(x);
        self.store::<8>(address, sum).map(|()| sum)
    }

    #[inline(never)]
    fn add_in_value(&mut self, address: u64, x: u64) -> Option<u64> {
        let (map, at) = split_value(address);
        let to: &mut [u8; 8] = self.maps.values_mut(map)?.get_mut(at)?;
        let sum = u64::from_le_bytes(*to).wrapping_add(x);
        *to = sum.to_le_bytes();
        Some(sum)
    }

    /// What is left of a callback's key from `address` on.
    fn key(&self, address: u64) -> Option<&[u8]> {
        let level = address as usize >> KEY_SHIFT & 0xfff_ffff;
        self.keys.get(level)?.get(address as u32 as usize..)
    }

    /// Stores the low `N` bytes of `value`. `None`, and nothing done, if they cannot be written.
    #[inline(always)]
    pub fn store<const N: usize>(&mut self, address: u64, value: u64) -> Option<()> {
        let to: &mut [u8; N] = match address >> TAG_SHIFT {
            PACKET => self.packet.get_mut(unbias(address))?,
            STACK => self.stack.get_mut(unbias(address) as usize..)?.first_chunk_mut()?,
            _ => return self.store_elsewhere::<N>(address, value),
        };
        to.copy_from_slice(&value.to_le_bytes()[..N]);
        Some(())
    }

    /// The part of [`Memory::store`] that is kept out of the run loop.
    #[inline(never)]
    fn store_elsewhere<const N: usize>(&mut self, address: u64, value: u64) -> Option<()> {
        if address >> TAG_SHIFT != VALUE {
            return None;
        }
        let (map, at) = split_value(address);
        let to: &mut [u8; N] = self.maps.values_mut(map)?.get_mut(at)?;
        to.copy_from_slice(&value.to_le_bytes()[..N]);
        Some(())
    }

    /// The `len` bytes at `address`.
    pub fn bytes(&self, address: u64, len: usize) -> Option<&[u8]> {
        match address >> TAG_SHIFT {
            PACKET => self.packet.slice(unbias(address), len),
            STACK => self.stack.get(unbias(address) as usize..)?.get(..len),
            VALUE => {
                let (map, at) = split_value(address);
                self.maps.values(map)?.slice(at, len)
            }
            KEY => self.key(address)?.get(..len),
            _ => None,
        }
    }

    /// The `len` bytes at `address`, to be written.
    pub fn bytes_mut(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        match address >> TAG_SHIFT {
            PACKET => self.packet.slice_mut(unbias(address), len),
            STACK => self.stack.get_mut(unbias(address) as usize..)?.get_mut(..len),
            VALUE => {
                let (map, at) = split_value(address);
                self.maps.values_mut(map)?.slice_mut(at, len)
            }
            _ => None,
        }
    }

    /// The `len` bytes at `address`, if they lie outside the maps: these can be used while a map changes.
    pub fn bytes_outside_maps<'b>(
        stack: &'b Stack,
        packet: &'b Packet,
        address: u64,
        len: usize,
    ) -> Option<&'b [u8]> {
        match address >> TAG_SHIFT {
            PACKET => packet.slice(unbias(address), len),
            STACK => stack.get(unbias(address) as usize..)?.get(..len),
            _ => None,
        }
    }

    /// A field of `struct xdp_md`. Pointers are loaded whole, as the kernel rewrites these loads.
    fn context(&self, off: u64) -> Option<u64> {
        Some(match off {
            0 => packet_address(self.packet.start()),
            4 => packet_address(self.packet.end()),
            8 => packet_address(self.packet.meta()),
            12 => self.inputs.ingress_ifindex.into(),
            16 => self.inputs.rx_queue_index.into(),
            20 => 0,
            _ => return None,
        })
    }
}
