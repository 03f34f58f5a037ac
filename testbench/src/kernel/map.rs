//! A map in the kernel.

use super::btf::KernelTypes;
use super::{cpu, sys};
use crate::engine::Entry;
use beeline_frontend::program::MapDef;
use beeline_ir::map::MapKind;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Flag of maps that programs cannot write.
const RDONLY_PROG: u32 = 1 << 7;

/// A map in the kernel. Values of per-CPU kinds are those of the CPU that the calling thread is on.
#[derive(Debug)]
pub struct KernelMap {
    fd: OwnedFd,
    def: MapDef,
    max_entries: u32,
    /// Instances of a value.
    cpus: usize,
}

impl KernelMap {
    /// Creates the map of `def`, with its global data, frozen if it says so. Maps in maps are created with their
    /// template; perf event arrays without a size get an entry for each CPU.
    ///
    /// # Errors
    /// The kernel's: `EINVAL` for bad sizes or flags, `E2BIG`, `ENOMEM`, `EPERM`.
    pub fn create(def: &MapDef) -> io::Result<Self> {
        Self::create_typed(def, None)
    }

    /// As [`KernelMap::create`], with the types of the object that `def` is from: values with locks or timers need them.
    ///
    /// # Errors
    /// As [`KernelMap::create`].
    pub fn create_typed(def: &MapDef, types: Option<&KernelTypes>) -> io::Result<Self> {
        let typed = |d: &MapDef| KernelMap::create_typed(d, types);
        let inner = def.inner.as_deref().map(typed).transpose()?;
        let cpus = cpu::possible_cpus()?;
        let percpu =
            matches!(def.kind, MapKind::PercpuArray | MapKind::PercpuHash | MapKind::LruPercpuHash);
        let max_entries = max_entries(def, cpus);
        let mut attr = sys::MapCreate {
            map_type: def.kind as u32,
            key_size: def.key_size,
            value_size: def.value_size,
            max_entries,
            map_flags: def.flags | if def.frozen { RDONLY_PROG } else { 0 },
            inner_map_fd: inner.as_ref().map_or(0, |m| m.fd.as_raw_fd() as u32),
            map_name: super::name(&def.name),
            map_extra: def.extra,
            ..sys::MapCreate::default()
        };
        let fd = match (types, &def.types) {
            (Some(types), Some(of_map)) if takes_types(def.kind) && of_map.value.0 != 0 => {
                attr.btf_fd = types.as_fd().as_raw_fd() as u32;
                (attr.btf_key_type_id, attr.btf_value_type_id) = (of_map.key.0, of_map.value.0);
                sys::map_create(&mut attr).or_else(|_| {
                    // Types that the kernel does not take for this map are no reason to go without the map.
                    (attr.btf_fd, attr.btf_key_type_id, attr.btf_value_type_id) = (0, 0, 0);
                    sys::map_create(&mut attr)
                })
            }
            _ => sys::map_create(&mut attr),
        }?;
        let cpus = if percpu { cpus } else { 1 };
        let map = Self { fd, def: def.clone(), max_entries, cpus };
        if let Some(content) = &def.initial {
            let mut value = content.clone();
            value.resize(def.value_size as usize, 0);
            map.update(&[0; 4], &value, 0)?;
        }
        if def.frozen {
            map.freeze()?;
        }
        Ok(map)
    }

    /// Its definition.
    pub fn def(&self) -> &MapDef {
        &self.def
    }

    /// Number of entries, as completed where the definition leaves it open.
    pub fn max_entries(&self) -> u32 {
        self.max_entries
    }

    /// The kernel's number of this map, which a lookup in a map of maps gives.
    ///
    /// # Errors
    /// The kernel's.
    pub fn id(&self) -> io::Result<u32> {
        sys::info::<2>(self.as_fd()).map(|[_, id]| id)
    }

    /// Bytes that the system call moves for a value.
    fn moved(&self) -> usize {
        match self.cpus {
            1 if !self.is_percpu() => self.def.value_size as usize,
            n => self.stride() * n,
        }
    }

    /// Bytes from one CPU's instance to the next one's.
    fn stride(&self) -> usize {
        (self.def.value_size as usize).next_multiple_of(8)
    }

    fn is_percpu(&self) -> bool {
        matches!(self.def.kind, MapKind::PercpuArray | MapKind::PercpuHash | MapKind::LruPercpuHash)
    }

    fn check_key(&self, key: &[u8]) -> io::Result<()> {
        match key.len() == self.def.key_size as usize {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    }

    /// The value of `key`; of queues and stacks, whose key is empty, the next one. A bloom filter is asked with
    /// [`KernelMap::contains`].
    ///
    /// # Errors
    /// The kernel's: `ENOENT` if there is none, `EOPNOTSUPP` for kinds that the host cannot read.
    pub fn lookup(&self, key: &[u8]) -> io::Result<Vec<u8>> {
        self.check_key(key)?;
        let mut all = vec![0; self.moved()];
        sys::map_lookup(self.as_fd(), key, &mut all)?;
        Ok(self.own(all))
    }

    /// As [`KernelMap::lookup`], and takes the entry out of the map.
    ///
    /// # Errors
    /// As [`KernelMap::lookup`].
    pub fn take(&self, key: &[u8]) -> io::Result<Vec<u8>> {
        self.check_key(key)?;
        let mut all = vec![0; self.moved()];
        sys::map_take(self.as_fd(), key, &mut all)?;
        Ok(self.own(all))
    }

    /// True if a bloom filter may hold `value`.
    ///
    /// # Errors
    /// The kernel's, but for `ENOENT`.
    pub fn contains(&self, value: &[u8]) -> io::Result<bool> {
        let mut value = self.checked_value(value)?.to_vec();
        match sys::map_lookup(self.as_fd(), &[], &mut value) {
            Ok(()) => Ok(true),
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// This CPU's instance among `all`.
    fn own(&self, mut all: Vec<u8>) -> Vec<u8> {
        if self.is_percpu() {
            all.drain(..self.stride() * cpu::current_cpu().min(self.cpus - 1));
        }
        all.truncate(self.def.value_size as usize);
        all
    }

    fn checked_value<'a>(&self, value: &'a [u8]) -> io::Result<&'a [u8]> {
        match value.len() == self.def.value_size as usize {
            true => Ok(value),
            false => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    }

    /// Sets the value of `key`, on every CPU for per-CPU kinds; pushes `value` to queues and stacks (empty key).
    /// Where the kernel expects the descriptor of a map, program or socket, `value` holds one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> io::Result<()> {
        self.check_key(key)?;
        self.checked_value(value)?;
        if !self.is_percpu() {
            return sys::map_update(self.as_fd(), key, value, flags);
        }
        let mut one = value.to_vec();
        one.resize(self.stride(), 0);
        sys::map_update(self.as_fd(), key, &one.repeat(self.cpus), flags)
    }

    /// Deletes the entry of `key`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn delete(&self, key: &[u8]) -> io::Result<()> {
        self.check_key(key)?;
        sys::map_delete(self.as_fd(), key)
    }

    /// The key after `key`, or the first; `None` after the last.
    ///
    /// # Errors
    /// The kernel's.
    pub fn next_key(&self, key: Option<&[u8]>) -> io::Result<Option<Vec<u8>>> {
        if let Some(key) = key {
            self.check_key(key)?;
        }
        let mut next = vec![0; self.def.key_size as usize];
        Ok(sys::map_next_key(self.as_fd(), key, &mut next)?.then_some(next))
    }

    /// Forbids the host to change it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn freeze(&self) -> io::Result<()> {
        sys::map_freeze(self.as_fd())
    }

    /// All entries, sorted by key; of arrays those whose value is not all zero. A lookup in LRU kinds marks the entry as
    /// used, so a dump belongs to the end.
    ///
    /// # Errors
    /// The kernel's; `EOPNOTSUPP` for kinds without keys, or which the host cannot read.
    pub fn dump(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut at: Option<Vec<u8>> = None;
        while let Some(next) = self.next_key(at.as_deref())? {
            match self.lookup(&next) {
                Ok(value) => entries.push((next.clone(), value)),
                // Of arrays of descriptors, every index is a key.
                Err(e) if e.raw_os_error() == Some(libc::ENOENT) => {}
                Err(e) => return Err(e),
            }
            at = Some(next);
        }
        if self.def.kind.is_array_like() {
            entries.retain(|(_, v)| v.iter().any(|b| *b != 0));
        }
        entries.sort_unstable();
        Ok(entries)
    }
}

impl AsFd for KernelMap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// True if the kernel takes types for maps of `kind`.
fn takes_types(kind: MapKind) -> bool {
    !matches!(
        kind,
        MapKind::PerfEventArray
            | MapKind::ProgArray
            | MapKind::ArrayOfMaps
            | MapKind::HashOfMaps
            | MapKind::Devmap
            | MapKind::DevmapHash
            | MapKind::Cpumap
            | MapKind::Xskmap
            | MapKind::Ringbuf
            | MapKind::Queue
            | MapKind::Stack
            | MapKind::BloomFilter
    )
}

/// The number of entries that the kernel is asked for, where loaders complete what the object leaves open: perf event
/// arrays get one for each CPU, ring buffers a power of two of at least a page.
fn max_entries(def: &MapDef, cpus: usize) -> u32 {
    const PAGE: u32 = 4096;
    match (def.kind, def.max_entries) {
        (MapKind::PerfEventArray, 0) => cpus as u32,
        (MapKind::Ringbuf, n) if n > 0 => n.max(PAGE).checked_next_power_of_two().unwrap_or(n),
        (_, n) => n,
    }
}
