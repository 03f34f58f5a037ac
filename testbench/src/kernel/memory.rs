//! Memory shared with the kernel: the mapped pages of a descriptor.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Mapped pages; unmapped when dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    at: *mut libc::c_void,
    len: usize,
}

/// Bytes of a page.
pub(super) fn page() -> usize {
    // SAFETY: the call takes a number and touches no memory.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

impl Mapping {
    /// Maps `len` bytes of `fd` from `offset`, shared with the kernel.
    pub fn new(fd: BorrowedFd<'_>, offset: usize, len: usize, writable: bool) -> io::Result<Self> {
        let access = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of this process.
        let at = unsafe {
            let nowhere = std::ptr::null_mut();
            libc::mmap(nowhere, len, access, libc::MAP_SHARED, fd.as_raw_fd(), offset as i64)
        };
        match at {
            libc::MAP_FAILED => Err(io::Error::last_os_error()),
            at => Ok(Self { at, len }),
        }
    }

    fn word(&self, at: usize, size: usize) -> *mut libc::c_void {
        assert!(at % size == 0 && at + size <= self.len, "a word within the mapping");
        // SAFETY: the address stays within the mapping, as just checked.
        unsafe { self.at.byte_add(at) }
    }

    /// The 64-bit number at `at`, and everything that was written before it.
    pub fn load(&self, at: usize) -> u64 {
        // SAFETY: the word is aligned and mapped; both sides access it atomically.
        unsafe { &*self.word(at, 8).cast::<AtomicU64>() }.load(Ordering::Acquire)
    }

    /// As [`Mapping::load`], 32 bits.
    pub fn load32(&self, at: usize) -> u32 {
        // SAFETY: the word is aligned and mapped; both sides access it atomically.
        unsafe { &*self.word(at, 4).cast::<AtomicU32>() }.load(Ordering::Acquire)
    }

    /// Writes the 64-bit number at `at` after everything that was read before. The mapping must be writable.
    pub fn store(&self, at: usize, value: u64) {
        // SAFETY: the word is aligned and mapped; both sides access it atomically.
        unsafe { &*self.word(at, 8).cast::<AtomicU64>() }.store(value, Ordering::Release);
    }

    /// A copy of the `len` bytes from `at`, which the kernel has finished.
    pub fn copy(&self, at: usize, len: usize) -> Vec<u8> {
        assert!(at <= self.len && len <= self.len - at, "bytes within the mapping");
        // SAFETY: the bytes are mapped, and the kernel writes them again only after they have been given back.
        unsafe { std::slice::from_raw_parts(self.at.byte_add(at).cast::<u8>(), len) }.to_vec()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the pages were mapped by `new`, and nothing refers to them any more.
        unsafe { libc::munmap(self.at, self.len) };
    }
}
