//! Maps as the IR sees them: shape and kind, no content.

use crate::lpm::LpmShape;
use crate::target::TargetDesc;
use std::fmt;

/// The map kinds of the Linux UAPI (`enum bpf_map_type`) that XDP programs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
#[allow(missing_docs)] // the names are the kernel's
pub enum MapKind {
    Hash = 1,
    Array = 2,
    ProgArray = 3,
    PerfEventArray = 4,
    PercpuHash = 5,
    PercpuArray = 6,
    LruHash = 9,
    LruPercpuHash = 10,
    LpmTrie = 11,
    ArrayOfMaps = 12,
    HashOfMaps = 13,
    Devmap = 14,
    Cpumap = 16,
    Xskmap = 17,
    Queue = 22,
    Stack = 23,
    DevmapHash = 25,
    Ringbuf = 27,
    BloomFilter = 30,
}

impl MapKind {
    /// Every kind, in the order of the kernel's numbers.
    pub const ALL: [MapKind; 19] = [
        MapKind::Hash,
        MapKind::Array,
        MapKind::ProgArray,
        MapKind::PerfEventArray,
        MapKind::PercpuHash,
        MapKind::PercpuArray,
        MapKind::LruHash,
        MapKind::LruPercpuHash,
        MapKind::LpmTrie,
        MapKind::ArrayOfMaps,
        MapKind::HashOfMaps,
        MapKind::Devmap,
        MapKind::Cpumap,
        MapKind::Xskmap,
        MapKind::Queue,
        MapKind::Stack,
        MapKind::DevmapHash,
        MapKind::Ringbuf,
        MapKind::BloomFilter,
    ];

    /// The kind with the kernel's number `n`.
    pub fn from_kernel(n: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as u32 == n)
    }

    /// Lower-case name as in the kernel's documentation, for example `percpu_array`.
    pub fn name(self) -> &'static str {
        match self {
            MapKind::Hash => "hash",
            MapKind::Array => "array",
            MapKind::ProgArray => "prog_array",
            MapKind::PerfEventArray => "perf_event_array",
            MapKind::PercpuHash => "percpu_hash",
            MapKind::PercpuArray => "percpu_array",
            MapKind::LruHash => "lru_hash",
            MapKind::LruPercpuHash => "lru_percpu_hash",
            MapKind::LpmTrie => "lpm_trie",
            MapKind::ArrayOfMaps => "array_of_maps",
            MapKind::HashOfMaps => "hash_of_maps",
            MapKind::Devmap => "devmap",
            MapKind::Cpumap => "cpumap",
            MapKind::Xskmap => "xskmap",
            MapKind::Queue => "queue",
            MapKind::Stack => "stack",
            MapKind::DevmapHash => "devmap_hash",
            MapKind::Ringbuf => "ringbuf",
            MapKind::BloomFilter => "bloom_filter",
        }
    }

    /// True for kinds whose hardware form has a key table (`docs/rtl-interface.md`): the hash kinds, and the redirect
    /// maps, in which presence of a key is all that a program sees. The others are arrays: the slot is the index.
    pub fn has_key_table(self) -> bool {
        !matches!(self, MapKind::Array | MapKind::PercpuArray)
    }

    /// True for kinds whose entries are addressed by a dense `u32` index.
    pub fn is_array_like(self) -> bool {
        matches!(
            self,
            MapKind::Array
                | MapKind::PercpuArray
                | MapKind::ProgArray
                | MapKind::PerfEventArray
                | MapKind::ArrayOfMaps
                | MapKind::Devmap
                | MapKind::Cpumap
                | MapKind::Xskmap
        )
    }
}

impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A map as declared by the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapDecl {
    /// Name in the object file; unique within a program.
    pub name: String,
    /// Kind.
    pub kind: MapKind,
    /// Key size in bytes.
    pub key_size: u32,
    /// Value size in bytes (of one CPU's copy for per-CPU kinds).
    pub value_size: u32,
    /// Number of entries.
    pub max_entries: u32,
    /// Initial value of the only entry, for the maps that hold global data.
    pub initial: Option<Vec<u8>>,
    /// True if the program cannot change it (`.rodata`, frozen): loads may be folded.
    pub frozen: bool,
}

impl MapDecl {
    /// Stages from the presentation of a key to the entry, on `target`; an array's entry is there at once.
    pub fn lookup_latency(&self, target: &TargetDesc) -> u32 {
        match self.kind {
            MapKind::LpmTrie => LpmShape::of(self).latency(target),
            kind if kind.has_key_table() => target.hash_latency,
            _ => 0,
        }
    }
}
