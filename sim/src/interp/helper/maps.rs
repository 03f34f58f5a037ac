//! Helpers on maps: lookup, update, delete, push, pop, peek.

use super::super::memory::{map_address, value_address, Memory, MAX_MAPS};
use super::super::op::Regs;
use super::{code, map_argument, Answer, BadArgument, Env};
use crate::map::MapSet;
use beeline_ir::map::MapKind;

/// Calls `f` with the maps and the key of `len` bytes at `address`.
#[inline(always)]
fn with_bytes<T>(
    env: &mut Env<'_>,
    address: u64,
    len: usize,
    f: impl FnOnce(&mut MapSet, &[u8]) -> T,
) -> Result<T, BadArgument> {
    let m = &mut env.memory;
    if let Some(bytes) = Memory::bytes_outside_maps(m.stack, m.packet, address, len) {
        return Ok(f(m.maps, bytes));
    }
    env.scratch.clear();
    env.gather(address, len)?;
    Ok(f(env.memory.maps, env.scratch))
}

/// A lookup in the map of this number with the key at `address`, which r1 and r2 say too: the short way for arrays.
#[inline]
pub fn lookup_in(map: usize, address: u64, regs: &Regs, env: &mut Env<'_>) -> Answer {
    if let Some(index) = env.memory.load::<4>(address) {
        if let Some(value) = env.memory.maps.array_value(map, index as u32) {
            return Ok(value.map_or(0, |at| value_address(map, at)));
        }
    }
    lookup(regs, env)
}

#[inline(never)]
pub fn lookup(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    let key_size = env.memory.maps.key_size(map) as usize;
    if matches!(env.memory.maps.kind(map), MapKind::ArrayOfMaps | MapKind::HashOfMaps) {
        let inner = with_bytes(env, regs[2], key_size, |maps, key| maps.inner(map, key))?;
        return match inner {
            Some(inner) if inner >= MAX_MAPS => Err(BadArgument("more maps than addresses")),
            inner => Ok(inner.map_or(0, map_address)),
        };
    }
    let slot = with_bytes(env, regs[2], key_size, |maps, key| maps.lookup(map, key))?;
    let values = env.memory.maps.values(map).ok_or(BadArgument("r1 is not a map"))?;
    Ok(slot.map_or(0, |slot| value_address(map, values.address(slot))))
}

/// There is one instance of per-CPU values: that of the CPU that runs the program.
pub(super) fn lookup_percpu(regs: &Regs, env: &mut Env<'_>) -> Answer {
    if regs[3] as u32 != env.memory.inputs.cpu {
        return Ok(0);
    }
    lookup(regs, env)
}

pub(super) fn update(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    let maps = &env.memory.maps;
    let (key_size, value_size) = (maps.key_size(map) as usize, maps.value_size(map) as usize);
    env.scratch.clear();
    env.gather(regs[2], key_size)?;
    env.gather(regs[3], value_size)?;
    let (key, value) = env.scratch.split_at(key_size);
    env.timers.forget(env.memory.maps, map, key);
    Ok(code(env.memory.maps.update(map, key, value, regs[4])))
}

pub(super) fn delete(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    let key_size = env.memory.maps.key_size(map) as usize;
    env.scratch.clear();
    env.gather(regs[2], key_size)?;
    env.timers.forget(env.memory.maps, map, env.scratch);
    Ok(code(env.memory.maps.delete(map, env.scratch)))
}

pub(super) fn push(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    let size = env.memory.maps.value_size(map) as usize;
    with_bytes(env, regs[2], size, |maps, value| code(maps.push_elem(map, value, regs[3])))
}

pub(super) fn pop(regs: &Regs, env: &mut Env<'_>) -> Answer {
    take(regs, env, |maps, map, out| code(maps.pop_elem(map, out)), false)
}

pub(super) fn peek(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    // A bloom filter is asked whether it has the value; of the others the value is an answer.
    let asks = env.memory.maps.kind(map) == MapKind::BloomFilter;
    take(regs, env, |maps, map, value| code(maps.peek_elem(map, value)), asks)
}

/// Calls `f` with a buffer for a value of the map in r1, which then goes to the memory at r2; if `asks`, it comes from there.
fn take(
    regs: &Regs,
    env: &mut Env<'_>,
    f: impl FnOnce(&mut MapSet, usize, &mut [u8]) -> u64,
    asks: bool,
) -> Answer {
    let map = map_argument(regs[1], env.memory.maps)?;
    let size = env.memory.maps.value_size(map) as usize;
    env.scratch.clear();
    env.gather(regs[2], size)?;
    let result = f(env.memory.maps, map, env.scratch);
    if !asks {
        let value = std::mem::take(env.scratch);
        env.bytes_mut(regs[2], size)?.copy_from_slice(&value);
        *env.scratch = value;
    }
    Ok(result)
}
