//! What programs send to user space, read from ring buffers and perf events as a consumer that keeps up does.

use super::cpu;
use super::map::KernelMap;
use super::memory::{page, Mapping};
use super::sys;
use crate::engine::{Entry, Event};
use beeline_ir::map::MapKind;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Readers of an object's maps, with the maps' numbers.
#[derive(Debug, Default)]
pub(super) struct Readers {
    rings: Vec<(usize, Ring)>,
    perf: Vec<(usize, Perf)>,
}

impl Readers {
    /// Opens readers for those of `maps` that send events; puts perf events into the maps: those in `listed` have
    /// at each key the event of the CPU that the value is, others the events of all CPUs at their indices.
    pub fn open(maps: &[KernelMap], listed: &BTreeMap<usize, Vec<Entry>>) -> io::Result<Self> {
        let mut readers = Self::default();
        for (n, map) in maps.iter().enumerate() {
            match map.def().kind {
                MapKind::Ringbuf => readers.rings.push((n, Ring::open(map)?)),
                MapKind::PerfEventArray => readers.perf.push((n, Perf::open(map, listed.get(&n))?)),
                _ => {}
            }
        }
        Ok(readers)
    }

    /// Takes what has been sent since the last time: by map, in order within each.
    pub fn drain(&mut self) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        for (n, ring) in &self.rings {
            ring.drain(|bytes| events.push((*n, bytes)));
        }
        for (n, perf) in &self.perf {
            perf.drain(|bytes| events.push((*n, bytes)))?;
        }
        events.sort_by_key(|(n, _)| *n);
        Ok(events)
    }
}

/// The user's side of a ring buffer: a page with the consumer's position, one with the producer's, then the data,
/// mapped twice in a row so that no record wraps.
#[derive(Debug)]
struct Ring {
    consumer: Mapping,
    producer: Mapping,
    mask: u64,
}

impl Ring {
    /// Bits of a record's first word beside its length.
    const BUSY: u32 = 1 << 31;
    const DISCARDED: u32 = 1 << 30;
    /// Bytes in front of a record.
    const HEADER: usize = 8;

    fn open(map: &KernelMap) -> io::Result<Self> {
        let size = map.max_entries() as usize;
        let consumer = Mapping::new(map.as_fd(), 0, page(), true)?;
        let producer = Mapping::new(map.as_fd(), page(), page() + 2 * size, false)?;
        Ok(Self { consumer, producer, mask: size as u64 - 1 })
    }

    fn drain(&self, mut take: impl FnMut(Vec<u8>)) {
        let mut at = self.consumer.load(0);
        let end = self.producer.load(0);
        while at < end {
            let record = page() + (at & self.mask) as usize;
            let word = self.producer.load32(record);
            if word & Self::BUSY != 0 {
                break;
            }
            let len = (word & !Self::DISCARDED) as usize;
            if word & Self::DISCARDED == 0 {
                take(self.producer.copy(record + Self::HEADER, len));
            }
            at += (len + Self::HEADER).next_multiple_of(8) as u64;
        }
        self.consumer.store(0, at);
    }
}

/// The perf events behind a map: one for each CPU at its index. Programs reach only that of the CPU they run on.
#[derive(Debug)]
struct Perf {
    /// Keeps the events of other CPUs open.
    _events: Vec<OwnedFd>,
    ring: Mapping,
}

/// `struct perf_event_attr` up to its third version; the kernel takes any of its sizes.
#[repr(C)]
#[derive(Default)]
struct PerfAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    rest: [u32; 9],
}

/// The key of each entry, and the CPU whose event stands there.
fn places(map: &KernelMap, listed: Option<&Vec<Entry>>) -> io::Result<Vec<(Vec<u8>, usize)>> {
    let number = |v: &[u8]| v.first_chunk().map_or(0, |v| u32::from_le_bytes(*v)) as usize;
    Ok(match listed {
        Some(entries) => entries.iter().map(|(key, cpu)| (key.clone(), number(cpu))).collect(),
        None => {
            let cpus = cpu::possible_cpus()?.min(map.max_entries() as usize);
            (0..cpus).map(|cpu| ((cpu as u32).to_le_bytes().to_vec(), cpu)).collect()
        }
    })
}

impl Perf {
    const SOFTWARE: u32 = 1;
    const BPF_OUTPUT: u64 = 10;
    const SAMPLE_RAW: u64 = 1 << 10;
    const ENABLE: libc::c_ulong = 0x2400;
    /// Types of records.
    const LOST: u32 = 2;
    const SAMPLE: u32 = 9;
    /// Where the first page has the two positions.
    const HEAD: usize = 1024;
    const TAIL: usize = 1032;
    /// Pages of data: several of the largest records.
    const PAGES: usize = 128;

    fn open(map: &KernelMap, listed: Option<&Vec<Entry>>) -> io::Result<Self> {
        let here = cpu::current_cpu();
        let own = Self::event(here)?;
        let ring = Mapping::new(own.as_fd(), 0, (1 + Self::PAGES) * page(), true)?;
        let mut events = BTreeMap::from([(here, own)]);
        for (key, cpu) in places(map, listed)? {
            let event = match events.entry(cpu) {
                Occupied(event) => event.into_mut(),
                Vacant(place) => match Self::event(cpu) {
                    Ok(event) => place.insert(event),
                    // Not every possible CPU is there; programs never run on one that is not.
                    Err(e) if e.raw_os_error() == Some(libc::ENODEV) => continue,
                    Err(e) => return Err(e),
                },
            };
            map.update(&key, &(event.as_raw_fd() as u32).to_le_bytes(), 0)?;
        }
        Ok(Self { _events: events.into_values().collect(), ring })
    }

    /// An event on `cpu` that programs write to.
    fn event(cpu: usize) -> io::Result<OwnedFd> {
        let attr = PerfAttr {
            kind: Self::SOFTWARE,
            size: std::mem::size_of::<PerfAttr>() as u32,
            config: Self::BPF_OUTPUT,
            sample_period: 1,
            sample_type: Self::SAMPLE_RAW,
            wakeup_events: 1,
            ..PerfAttr::default()
        };
        // SAFETY: the attribute is laid out as the kernel's and carries its true size.
        let fd = unsafe {
            let attr: *const PerfAttr = &attr;
            let (any_process, no_group) = (-1, -1);
            let close_on_exec: libc::c_ulong = 8;
            libc::syscall(
                libc::SYS_perf_event_open,
                attr,
                any_process,
                cpu as libc::c_int,
                no_group,
                close_on_exec,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let event = sys::owned(fd as i32);
        // SAFETY: enabling an event takes its descriptor and no argument.
        match unsafe { libc::ioctl(event.as_raw_fd(), Self::ENABLE, 0) } {
            0 => Ok(event),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn drain(&self, mut take: impl FnMut(Vec<u8>)) -> io::Result<()> {
        let mut at = self.ring.load(Self::TAIL);
        let end = self.ring.load(Self::HEAD);
        while at < end {
            let header = self.bytes(at, 8);
            let kind = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
            let size = usize::from(u16::from_le_bytes([header[6], header[7]]));
            match kind {
                Self::SAMPLE => {
                    let record = self.bytes(at + 8, size - 8);
                    let len = record.first_chunk().map_or(0, |w| u32::from_le_bytes(*w)) as usize;
                    take(record.get(4..4 + len).unwrap_or_default().to_vec());
                }
                Self::LOST => {
                    return Err(io::Error::other("events of one packet overran the buffer"))
                }
                _ => {}
            }
            at += (size as u64).max(8);
        }
        self.ring.store(Self::TAIL, at);
        Ok(())
    }

    /// `len` bytes of the data from position `at`, which may wrap.
    fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let size = Self::PAGES * page();
        let at = (at % size as u64) as usize;
        let first = len.min(size - at);
        let mut bytes = self.ring.copy(page() + at, first);
        bytes.extend(self.ring.copy(page(), len - first));
        bytes
    }
}
