//! The user's end of ring buffers and perf events: memory shared with the kernel.

use beeline_testbench::kernel::KernelMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: usize = 4096;

/// Memory that the kernel maps into the process.
struct Mapping {
    start: *mut u8,
    len: usize,
}

impl Mapping {
    fn new(fd: i32, len: usize, offset: usize, protection: i32) -> io::Result<Self> {
        // SAFETY: without an address wish, the kernel chooses memory that nothing else uses.
        let start = unsafe {
            let none = std::ptr::null_mut();
            libc::mmap(none, len, protection, libc::MAP_SHARED, fd, offset as libc::off_t)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start: start.cast(), len })
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at % 8 == 0 && at + 8 <= self.len);
        // SAFETY: within the mapping, aligned, and both sides use it as an atomic word.
        unsafe { &*self.start.add(at).cast() }
    }

    fn bytes(&self, at: usize, len: usize) -> Vec<u8> {
        assert!(at + len <= self.len);
        // SAFETY: within the mapping; the kernel does not write records that were published and not yet released.
        unsafe { std::slice::from_raw_parts(self.start.add(at), len).to_vec() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this object's own, and references to it end with it.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// Reads the records of a ring buffer.
pub struct RingReader {
    consumer: Mapping,
    producer: Mapping,
    size: usize,
}

impl RingReader {
    pub fn new(map: &KernelMap, size: usize) -> io::Result<Self> {
        let fd = map.as_fd().as_raw_fd();
        let consumer = Mapping::new(fd, PAGE, 0, libc::PROT_READ | libc::PROT_WRITE)?;
        let producer = Mapping::new(fd, PAGE + 2 * size, PAGE, libc::PROT_READ)?;
        Ok(Self { consumer, producer, size })
    }

    /// All records that are ready.
    pub fn read(&mut self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let mut at = self.consumer.word(0).load(Ordering::Relaxed);
        while at < self.producer.word(0).load(Ordering::Acquire) {
            let place = PAGE + (at as usize & (self.size - 1));
            let header = self.producer.word(place).load(Ordering::Acquire) as u32;
            assert_eq!(header >> 31, 0, "a record is pending");
            let len = (header & 0x3fff_ffff) as usize;
            if header >> 30 == 0 {
                records.push(self.producer.bytes(place + 8, len));
            }
            at += (len as u64 + 8).next_multiple_of(8);
        }
        self.consumer.word(0).store(at, Ordering::Release);
        records
    }
}

/// A software event of one CPU that programs can send to.
pub struct PerfEvent {
    fd: OwnedFd,
    memory: Mapping,
}

/// Bytes of data behind the control page.
const PERF_DATA: usize = 4 * PAGE;
/// Words of `struct perf_event_attr` as of its first version but one, and the places of what is set.
const ATTR_WORDS: usize = 9;
const HEAD: usize = 1024;
const TAIL: usize = 1032;

impl PerfEvent {
    pub fn open(cpu: i32) -> io::Result<Self> {
        const SOFTWARE: u64 = 1;
        const BPF_OUTPUT: u64 = 10;
        const SAMPLE_RAW: u64 = 1 << 10;
        let mut attr = [0u64; ATTR_WORDS];
        attr[0] = SOFTWARE | (ATTR_WORDS as u64 * 8) << 32;
        attr[1] = BPF_OUTPUT;
        attr[2] = 1; // a sample for each event
        attr[3] = SAMPLE_RAW;
        // SAFETY: the attribute says its size in its second word; the other arguments are numbers.
        let fd = unsafe {
            let fd = libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), -1, cpu, -1, 8);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd as i32)
        };
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let memory = Mapping::new(fd.as_raw_fd(), PAGE + PERF_DATA, 0, protection)?;
        // SAFETY: enabling takes no argument.
        if unsafe { libc::ioctl(fd.as_raw_fd(), 0x2400, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { fd, memory })
    }

    /// The descriptor as a map value.
    pub fn descriptor(&self) -> [u8; 4] {
        self.fd.as_raw_fd().to_le_bytes()
    }

    /// The raw bytes of the samples that are there, with the kernel's padding.
    pub fn read(&mut self) -> Vec<Vec<u8>> {
        let mut samples = Vec::new();
        let mut at = self.memory.word(TAIL).load(Ordering::Relaxed);
        let head = self.memory.word(HEAD).load(Ordering::Acquire);
        while at < head {
            let header = self.memory.word(PAGE + at as usize % PERF_DATA).load(Ordering::Relaxed);
            let size = (header >> 48) as usize;
            let record: Vec<u8> = (0..size)
                .flat_map(|k| self.memory.bytes(PAGE + (at as usize + k) % PERF_DATA, 1))
                .collect();
            assert_eq!(header as u32, 9, "a sample");
            let len = u32::from_le_bytes(*record[8..].first_chunk().unwrap()) as usize;
            samples.push(record[12..12 + len].to_vec());
            at += size as u64;
        }
        self.memory.word(TAIL).store(at, Ordering::Release);
        samples
    }
}
