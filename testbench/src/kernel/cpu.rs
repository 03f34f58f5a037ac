//! CPUs: how many instances a per-CPU value has, and on which of them a program runs.

use std::io;

/// CPUs that per-CPU values have instances for.
///
/// # Errors
/// If the kernel does not say.
pub fn possible_cpus() -> io::Result<usize> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible")?;
    let last = text.trim().rsplit(['-', ',']).next().and_then(|n| n.parse::<usize>().ok());
    last.map(|n| n + 1).ok_or_else(|| io::Error::other("cannot count the CPUs"))
}

/// Keeps the calling thread on `cpu`, so that programs see its number and the host reads its per-CPU values.
///
/// # Errors
/// If there is no such CPU, or the thread may not run there.
pub fn stay_on_cpu(cpu: u32) -> io::Result<()> {
    // SAFETY: a zeroed `cpu_set_t` is an empty set, and the call gets its true size.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if cpu as usize >= 8 * std::mem::size_of::<libc::cpu_set_t>() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        libc::CPU_SET(cpu as usize, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set)
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The CPU that the calling thread is on now.
pub(super) fn current_cpu() -> usize {
    // SAFETY: the call takes nothing and touches no memory.
    let cpu = unsafe { libc::sched_getcpu() };
    usize::try_from(cpu).unwrap_or(0)
}
