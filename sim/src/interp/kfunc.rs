//! Kernel functions (kfuncs) that XDP programs call by name: metadata of the packet, dynamic pointers, number iterators, and those that cost
//! nothing where packets are processed one after the other.

use super::helper::{dynptr_kfuncs as dynptr, Answer, BadArgument, Env};
use super::op::Regs;
use crate::map::Errno;

const ENODATA: Errno = Errno(61);

/// Most rounds of a number iterator (`BPF_MAX_LOOPS`).
const MAX_ROUNDS: i64 = 1 << 23;

macro_rules! kfuncs {
    ($($kfunc:ident $name:literal,)*) => {
        /// The kernel functions that the interpreter knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // the names are the kernel's
        pub enum Kfunc {
            $($kfunc,)*
        }

        impl Kfunc {
            /// The one that the kernel calls `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Kfunc::$kfunc),)*
                    _ => None,
                }
            }
        }
    };
}

kfuncs! {
    RxTimestamp "bpf_xdp_metadata_rx_timestamp",
    RxHash "bpf_xdp_metadata_rx_hash",
    RxVlanTag "bpf_xdp_metadata_rx_vlan_tag",
    DynptrFromXdp "bpf_dynptr_from_xdp",
    DynptrSlice "bpf_dynptr_slice",
    DynptrSliceRdwr "bpf_dynptr_slice_rdwr",
    DynptrAdjust "bpf_dynptr_adjust",
    DynptrIsNull "bpf_dynptr_is_null",
    DynptrIsRdonly "bpf_dynptr_is_rdonly",
    DynptrSize "bpf_dynptr_size",
    DynptrClone "bpf_dynptr_clone",
    IterNumNew "bpf_iter_num_new",
    IterNumNext "bpf_iter_num_next",
    IterNumDestroy "bpf_iter_num_destroy",
    RcuReadLock "bpf_rcu_read_lock",
    RcuReadUnlock "bpf_rcu_read_unlock",
    PreemptDisable "bpf_preempt_disable",
    PreemptEnable "bpf_preempt_enable",
    LocalIrqSave "bpf_local_irq_save",
    LocalIrqRestore "bpf_local_irq_restore",
    ResSpinLock "bpf_res_spin_lock",
    ResSpinUnlock "bpf_res_spin_unlock",
}

/// Calls `kfunc` with r1 to r5; returns r0.
pub fn call(kfunc: Kfunc, regs: &Regs, env: &mut Env<'_>) -> Answer {
    match kfunc {
        Kfunc::RxTimestamp => {
            let time = env.memory.inputs.time_ns;
            write(env, regs[2], &time.to_le_bytes())
        }
        Kfunc::RxHash => match env.memory.inputs.rx_hash {
            Some(hash) => {
                write(env, regs[2], &hash.to_le_bytes())?;
                write(env, regs[3], &0u32.to_le_bytes())
            }
            None => Ok(ENODATA.as_return()),
        },
        Kfunc::RxVlanTag => Ok(ENODATA.as_return()),
        Kfunc::DynptrFromXdp => dynptr::from_xdp(regs, env),
        Kfunc::DynptrSlice => dynptr::slice(regs, env, false),
        Kfunc::DynptrSliceRdwr => dynptr::slice(regs, env, true),
        Kfunc::DynptrAdjust => dynptr::adjust(regs, env),
        Kfunc::DynptrIsNull => dynptr::is_null(regs, env),
        Kfunc::DynptrIsRdonly => dynptr::is_read_only(regs, env),
        Kfunc::DynptrSize => dynptr::size(regs, env),
        Kfunc::DynptrClone => dynptr::clone(regs, env),
        Kfunc::IterNumNew => iter_new(regs, env),
        Kfunc::IterNumNext => iter_next(regs, env),
        Kfunc::IterNumDestroy
        | Kfunc::RcuReadLock
        | Kfunc::RcuReadUnlock
        | Kfunc::PreemptDisable
        | Kfunc::PreemptEnable
        | Kfunc::LocalIrqSave
        | Kfunc::LocalIrqRestore
        | Kfunc::ResSpinLock
        | Kfunc::ResSpinUnlock => Ok(0),
    }
}

fn write(env: &mut Env<'_>, address: u64, bytes: &[u8]) -> Answer {
    let to = env.memory.bytes_mut(address, bytes.len());
    to.ok_or(BadArgument("memory is not writable"))?.copy_from_slice(bytes);
    Ok(0)
}

/// `struct bpf_iter_num` as the kernel uses it: the number before the next, and the end.
fn iter_set(env: &mut Env<'_>, at: u64, current: i32, end: i32) -> Answer {
    let both = u64::from(end as u32) << 32 | u64::from(current as u32);
    write(env, at, &both.to_le_bytes())
}

fn iter_new(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let (start, end) = (regs[2] as i32, regs[3] as i32);
    let refused = match i64::from(end) - i64::from(start) {
        i64::MIN..0 => Some(Errno::INVAL),
        n if n > MAX_ROUNDS => Some(Errno::TOOBIG),
        _ => None,
    };
    if let Some(e) = refused {
        iter_set(env, regs[1], 0, 0)?;
        return Ok(u64::from(e.as_return() as u32));
    }
    iter_set(env, regs[1], start.wrapping_sub(1), end)
}

/// The address of the number, which stays in the iterator; or 0.
fn iter_next(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let state = env.memory.load::<8>(regs[1]).ok_or(BadArgument("not an iterator"))?;
    let (current, end) = (state as i32, (state >> 32) as i32);
    let next = current.wrapping_add(1);
    if next >= end {
        return iter_set(env, regs[1], 0, 0);
    }
    iter_set(env, regs[1], next, end)?;
    Ok(regs[1])
}
