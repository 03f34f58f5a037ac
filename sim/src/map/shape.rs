//! Which maps the kernel creates: sizes and flags for each kind, as each kind's `map_alloc_check`.

use super::{flags::create, ring, Errno};
use beeline_frontend::program::{MapDef, SpecialField};
use beeline_ir::map::MapKind;

/// Largest block of the kernel's allocator.
const KMALLOC_MAX: u64 = 4 << 20;
/// What the kernel stores beside key and value in a hash element.
const HASH_ELEMENT: u64 = 48;
/// Largest value of a per-CPU map.
const PERCPU_MAX: u64 = 32 << 10;
/// CPUs that the kernel of most distributions is built for.
const MAX_CPUS: u32 = 8192;
/// Largest value that is modelled, in bytes.
const MODEL_MAX: u32 = 1 << 30;
const PAGE: u32 = 4096;

/// Why a map cannot be made: the kernel's code and words for it.
pub type Refusal = (Errno, &'static str);

type Check = Result<(), Refusal>;

fn require(good: bool, errno: Errno, reason: &'static str) -> Check {
    if good {
        Ok(())
    } else {
        Err((errno, reason))
    }
}

fn valid(good: bool, reason: &'static str) -> Check {
    require(good, Errno::INVAL, reason)
}

/// The number of entries with which a loader creates the map: ring buffers get a power of two of at least a page, perf
/// event arrays that do not say how many have one for each CPU.
pub fn entries_as_created(def: &MapDef) -> u32 {
    def.entries_as_created()
}

/// Checks `def` as the kernel does when the map is created; [`entries_as_created`] comes before.
pub fn check(def: &MapDef) -> Check {
    let file = create::RDONLY | create::WRONLY;
    valid(def.flags & file != file, "BPF_F_RDONLY and BPF_F_WRONLY exclude each other")?;
    let prog = create::RDONLY_PROG | create::WRONLY_PROG;
    valid(def.flags & prog != prog, "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other")?;
    let extra = if def.kind == MapKind::BloomFilter { 15 } else { 0 };
    valid(def.extra & !extra == 0, "map_extra is the number of hash functions of a bloom filter")?;
    let fields = def.types.as_ref().map_or(&[][..], |t| &t.fields);
    let within =
        |f: &SpecialField| f.offset.checked_add(f.size).is_some_and(|end| end <= def.value_size);
    let apart = fields.windows(2).all(|w| w[0].offset + w[0].size <= w[1].offset);
    valid(fields.iter().all(within) && apart, "a special field lies outside the value")?;
    match def.kind {
        MapKind::Array | MapKind::PercpuArray => array(def),
        MapKind::ProgArray | MapKind::PerfEventArray | MapKind::ArrayOfMaps => fd_array(def),
        MapKind::Hash | MapKind::PercpuHash | MapKind::LruHash | MapKind::LruPercpuHash => {
            hash(def)
        }
        MapKind::HashOfMaps => {
            valid(def.value_size == 4, "the value of a map of maps has 4 bytes")?;
            hash(def)
        }
        MapKind::LpmTrie => lpm(def),
        MapKind::Devmap | MapKind::DevmapHash => devmap(def),
        MapKind::Cpumap => cpumap(def),
        MapKind::Xskmap => xskmap(def),
        MapKind::Queue | MapKind::Stack | MapKind::BloomFilter => keyless(def),
        MapKind::Ringbuf => ringbuf(def),
    }?;
    if matches!(def.kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps) {
        inner(def)?;
    }
    require(def.value_size <= MODEL_MAX, Errno::NOMEM, "values above 1 GiB are not modelled")
}

fn known_flags(def: &MapDef, known: u32) -> Check {
    valid(def.flags & !known == 0, "a flag in map_flags is not one of this kind of map")
}

fn not_empty(def: &MapDef) -> Check {
    valid(def.max_entries != 0, "max_entries is 0")
}

fn key_of_4(def: &MapDef) -> Check {
    valid(def.key_size == 4, "the key of an array has 4 bytes")
}

fn is_percpu(kind: MapKind) -> bool {
    matches!(kind, MapKind::PercpuArray | MapKind::PercpuHash | MapKind::LruPercpuHash)
}

fn no_node_if(percpu: bool, def: &MapDef) -> Check {
    let node = def.flags & create::NUMA_NODE != 0;
    valid(!percpu || !node, "BPF_F_NUMA_NODE is not for per-CPU maps")
}

fn percpu_size(def: &MapDef) -> Check {
    let size = u64::from(def.value_size).next_multiple_of(8);
    let good = !is_percpu(def.kind) || size <= PERCPU_MAX;
    require(good, Errno::TOOBIG, "a per-CPU value has at most 32,768 bytes")
}

fn array(def: &MapDef) -> Check {
    not_empty(def)?;
    key_of_4(def)?;
    valid(def.value_size != 0, "the value size is 0")?;
    let known = match def.kind {
        MapKind::Array => create::MMAPABLE | create::INNER_MAP,
        MapKind::PerfEventArray => create::PRESERVE_ELEMS,
        _ => 0,
    };
    known_flags(def, known | create::NUMA_NODE | create::ACCESS)?;
    no_node_if(is_percpu(def.kind), def)?;
    let good = def.value_size <= i32::MAX as u32;
    require(good, Errno::TOOBIG, "an array value has at most 2,147,483,647 bytes")?;
    percpu_size(def)
}

fn fd_array(def: &MapDef) -> Check {
    valid(def.value_size == 4, "the value of this kind of map has 4 bytes")?;
    let programs = create::RDONLY_PROG | create::WRONLY_PROG;
    valid(def.flags & programs == 0, "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG do not apply")?;
    array(def)
}

fn hash(def: &MapDef) -> Check {
    let lru = matches!(def.kind, MapKind::LruHash | MapKind::LruPercpuHash);
    known_flags(
        def,
        create::NO_PREALLOC
            | create::NO_COMMON_LRU
            | create::NUMA_NODE
            | create::ACCESS
            | create::ZERO_SEED,
    )?;
    let percpu_lists = def.flags & create::NO_COMMON_LRU != 0;
    valid(lru || !percpu_lists, "BPF_F_NO_COMMON_LRU is for LRU maps")?;
    let preallocated = def.flags & create::NO_PREALLOC == 0;
    require(preallocated || !lru, Errno::NOTSUPP, "BPF_F_NO_PREALLOC is not for LRU maps")?;
    no_node_if(is_percpu(def.kind) || percpu_lists, def)?;
    not_empty(def)?;
    valid(def.key_size != 0 && def.value_size != 0, "key size and value size must not be 0")?;
    let size = u64::from(def.key_size) + u64::from(def.value_size);
    let good = size < KMALLOC_MAX - HASH_ELEMENT;
    require(good, Errno::TOOBIG, "key and value together have less than 4 MiB")?;
    percpu_size(def)?;
    require(def.max_entries <= 1 << 31, Errno::TOOBIG, "a hash map has at most 2^31 entries")
}

fn inner(def: &MapDef) -> Check {
    let template = def.inner.as_deref();
    let template =
        template.ok_or((Errno::INVAL, "the object does not say what the inner maps are"))?;
    let nested = matches!(template.kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps);
    valid(!nested, "an inner map cannot have inner maps")?;
    let good = template.kind != MapKind::ProgArray;
    require(good, Errno::NOTSUPP, "a program array cannot be an inner map")?;
    check(&MapDef { max_entries: entries_as_created(template), ..template.clone() })
}

fn lpm(def: &MapDef) -> Check {
    not_empty(def)?;
    valid(def.flags & create::NO_PREALLOC != 0, "an LPM trie needs BPF_F_NO_PREALLOC")?;
    known_flags(def, create::NO_PREALLOC | create::NUMA_NODE | create::ACCESS)?;
    valid((5..=260).contains(&def.key_size), "an LPM key has 5 to 260 bytes")?;
    let largest = KMALLOC_MAX - 256 - 40;
    let size = u64::from(def.value_size);
    valid((1..=largest).contains(&size), "an LPM value has 1 byte to almost 4 MiB")
}

fn devmap(def: &MapDef) -> Check {
    not_empty(def)?;
    key_of_4(def)?;
    valid(matches!(def.value_size, 4 | 8), "the value of a device map has 4 or 8 bytes")?;
    known_flags(def, create::NUMA_NODE | create::RDONLY | create::WRONLY)?;
    let good = def.kind == MapKind::Devmap || def.max_entries <= 1 << 31;
    valid(good, "a hash map has at most 2^31 entries")
}

fn cpumap(def: &MapDef) -> Check {
    not_empty(def)?;
    key_of_4(def)?;
    valid(matches!(def.value_size, 4 | 8), "the value of a CPU map has 4 or 8 bytes")?;
    known_flags(def, create::NUMA_NODE)?;
    require(def.max_entries <= MAX_CPUS, Errno::TOOBIG, "a CPU map has at most 8,192 entries")
}

fn xskmap(def: &MapDef) -> Check {
    not_empty(def)?;
    key_of_4(def)?;
    valid(def.value_size == 4, "the value of a socket map has 4 bytes")?;
    known_flags(def, create::NUMA_NODE | create::RDONLY | create::WRONLY)
}

fn keyless(def: &MapDef) -> Check {
    not_empty(def)?;
    valid(def.key_size == 0, "this kind of map has no key")?;
    valid(def.value_size != 0, "the value size is 0")?;
    let seed = if def.kind == MapKind::BloomFilter { create::ZERO_SEED } else { 0 };
    known_flags(def, seed | create::NUMA_NODE | create::ACCESS)?;
    let good = u64::from(def.value_size) <= KMALLOC_MAX;
    require(good, Errno::TOOBIG, "a value has at most 4 MiB")
}

fn ringbuf(def: &MapDef) -> Check {
    known_flags(def, create::NUMA_NODE)?;
    valid(def.key_size == 0 && def.value_size == 0, "a ring buffer has neither key nor value")?;
    let size = def.max_entries;
    let good = size.is_power_of_two() && size % PAGE == 0;
    valid(good, "the size of a ring buffer is a power of two of at least a page")?;
    require(size <= ring::MAX_SIZE, Errno::NOMEM, "rings above 512 MiB are not modelled")
}
