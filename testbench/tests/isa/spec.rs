//! What an instruction does, written down from the words of RFC 9669, in plain arithmetic on its fields.

use beeline_frontend::decode::RawInsn;

/// What an instruction works on, and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// `dst_reg`, or for memory destinations a register that nothing touches.
    pub dst: u64,
    /// `src_reg`.
    pub src: u64,
    /// r0; jumps leave 1 in it if taken, else 2.
    pub r0: u64,
    /// Eight bytes of memory, as a little-endian number.
    pub memory: u64,
}

/// The state after `raw`; a memory access begins at byte `at` of the eight.
pub fn after(raw: &RawInsn, high: u32, before: State, at: u32) -> State {
    let mut s = before;
    match raw.opcode & 7 {
        0 => s.dst = u64::from(high) << 32 | u64::from(raw.imm as u32),
        1 => s.dst = load(raw.opcode, before.memory, at),
        2 => s.memory = put(before.memory, at, size(raw.opcode), i64::from(raw.imm) as u64),
        3 if raw.opcode & 0xe0 == 0x60 => {
            s.memory = put(before.memory, at, size(raw.opcode), before.src);
        }
        3 => atomic(raw, &mut s, at),
        4 => s.dst = alu32(raw, before),
        7 => s.dst = alu64(raw, before),
        5 => s.r0 = if raw.opcode == 0x05 || holds64(raw, before) { 1 } else { 2 },
        _ => s.r0 = if raw.opcode == 0x06 || holds32(raw, before) { 1 } else { 2 },
    }
    s
}

/// Bytes of an access, by bits 3 and 4.
fn size(opcode: u8) -> u32 {
    [4, 2, 1, 8][usize::from(opcode >> 3 & 3)]
}

fn get(memory: u64, at: u32, bytes: u32) -> u64 {
    let shifted = memory >> (8 * at);
    if bytes == 8 {
        shifted
    } else {
        shifted % (1 << (8 * bytes))
    }
}

fn put(memory: u64, at: u32, bytes: u32, value: u64) -> u64 {
    let mut all = memory.to_le_bytes();
    let (from, to) = (at as usize, (at + bytes) as usize);
    all[from..to].copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
    u64::from_le_bytes(all)
}

fn load(opcode: u8, memory: u64, at: u32) -> u64 {
    let value = get(memory, at, size(opcode));
    match opcode {
        0x81 => value as u32 as i32 as i64 as u64,
        0x89 => value as u16 as i16 as i64 as u64,
        0x91 => value as u8 as i8 as i64 as u64,
        _ => value,
    }
}

fn atomic(raw: &RawInsn, s: &mut State, at: u32) {
    let bytes = size(raw.opcode);
    let old = get(s.memory, at, bytes);
    let operand = get(s.src, 0, bytes);
    let new = match raw.imm {
        0x00 | 0x01 => old.wrapping_add(operand),
        0x40 | 0x41 => old | operand,
        0x50 | 0x51 => old & operand,
        0xa0 | 0xa1 => old ^ operand,
        0xe1 | 0x110 => operand,
        0xf1 if old == get(s.r0, 0, bytes) => operand,
        _ => old,
    };
    s.memory = put(s.memory, at, bytes, new);
    match raw.imm {
        0x01 | 0x41 | 0x51 | 0xa1 | 0xe1 => s.src = old,
        0xf1 => s.r0 = old,
        0x100 => s.dst = old,
        _ => {}
    }
}

fn alu32(raw: &RawInsn, before: State) -> u64 {
    let a = before.dst as u32;
    let b = if raw.opcode & 8 == 0 { raw.imm as u32 } else { before.src as u32 };
    let (sa, sb) = (a as i32, b as i32);
    let result = match raw.opcode & 0xf0 {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => (u64::from(a) * u64::from(b)) as u32,
        0x30 if raw.off == 1 && b == 0 => 0,
        0x30 if raw.off == 1 => (i64::from(sa) / i64::from(sb)) as u32,
        0x30 => a.checked_div(b).unwrap_or(0),
        0x40 => a | b,
        0x50 => a & b,
        0x60 => a << (b & 31),
        0x70 => a >> (b & 31),
        0x80 => 0u32.wrapping_sub(a),
        0x90 if b == 0 => a,
        0x90 if raw.off == 1 => (i64::from(sa) % i64::from(sb)) as u32,
        0x90 => a % b,
        0xa0 => a ^ b,
        0xb0 => match raw.off {
            8 => b as u8 as i8 as i32 as u32,
            16 => b as u16 as i16 as i32 as u32,
            _ => b,
        },
        0xc0 => (sa >> (b & 31)) as u32,
        _ => return swap(raw, before.dst),
    };
    u64::from(result)
}

fn alu64(raw: &RawInsn, before: State) -> u64 {
    let a = before.dst;
    let b = if raw.opcode & 8 == 0 { i64::from(raw.imm) as u64 } else { before.src };
    let (sa, sb) = (a as i64, b as i64);
    match raw.opcode & 0xf0 {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => (u128::from(a) * u128::from(b)) as u64,
        0x30 if raw.off == 1 && b == 0 => 0,
        0x30 if raw.off == 1 => (i128::from(sa) / i128::from(sb)) as u64,
        0x30 => a.checked_div(b).unwrap_or(0),
        0x40 => a | b,
        0x50 => a & b,
        0x60 => a << (b & 63),
        0x70 => a >> (b & 63),
        0x80 => 0u64.wrapping_sub(a),
        0x90 if b == 0 => a,
        0x90 if raw.off == 1 => (i128::from(sa) % i128::from(sb)) as u64,
        0x90 => a % b,
        0xa0 => a ^ b,
        0xb0 => match raw.off {
            8 => b as u8 as i8 as i64 as u64,
            16 => b as u16 as i16 as i64 as u64,
            32 => b as u32 as i32 as i64 as u64,
            _ => b,
        },
        0xc0 => (sa >> (b & 63)) as u64,
        _ => swap(raw, a),
    }
}

/// On a little-endian machine `le` only truncates; `be` and `bswap` turn the bytes around.
fn swap(raw: &RawInsn, a: u64) -> u64 {
    let turn = raw.opcode != 0xd4;
    match raw.imm {
        16 => u64::from(if turn { (a as u16).swap_bytes() } else { a as u16 }),
        32 => u64::from(if turn { (a as u32).swap_bytes() } else { a as u32 }),
        _ if turn => a.swap_bytes(),
        _ => a,
    }
}

fn holds64(raw: &RawInsn, before: State) -> bool {
    let b = if raw.opcode & 8 == 0 { i64::from(raw.imm) as u64 } else { before.src };
    condition(raw.opcode, before.dst, b, before.dst as i64, b as i64)
}

fn holds32(raw: &RawInsn, before: State) -> bool {
    let a = before.dst as u32;
    let b = if raw.opcode & 8 == 0 { raw.imm as u32 } else { before.src as u32 };
    condition(raw.opcode, a.into(), b.into(), i64::from(a as i32), i64::from(b as i32))
}

fn condition(opcode: u8, a: u64, b: u64, sa: i64, sb: i64) -> bool {
    match opcode & 0xf0 {
        0x10 => a == b,
        0x20 => a > b,
        0x30 => a >= b,
        0x40 => a & b != 0,
        0x50 => a != b,
        0x60 => sa > sb,
        0x70 => sa >= sb,
        0xa0 => a < b,
        0xb0 => a <= b,
        0xc0 => sa < sb,
        _ => sa <= sb,
    }
}
