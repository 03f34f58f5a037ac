//! The running kernel on a case: `bpf()` for maps, program and test runs, through `libc`.

use beeline_frontend::encode::{encode_with, to_bytes, MapRef};
use beeline_frontend::program::MapDef;
use beeline_ir::map::MapKind;
use beeline_testbench::engine::Entry;
use beeline_testbench::generate::Case;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP: libc::c_long = 1;
const MAP_UPDATE: libc::c_long = 2;
const MAP_NEXT_KEY: libc::c_long = 4;
const PROG_LOAD: libc::c_long = 5;
const PROG_TEST_RUN: libc::c_long = 10;
const MAP_FREEZE: libc::c_long = 22;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;

/// Room for the output: the kernel gives at most a page and what `adjust_tail` adds.
const OUTPUT: usize = 1 << 14;

#[repr(C)]
#[derive(Default)]
struct MapAttr {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    rest: [u32; 11],
}

#[repr(C)]
#[derive(Default)]
struct ElemAttr {
    map_fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ProgAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    rest: [u64; 10],
}

#[repr(C)]
#[derive(Default)]
struct RunAttr {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    rest: [u64; 5],
}

fn bpf<T>(command: libc::c_long, attr: &mut T) -> io::Result<i32> {
    // SAFETY: every attribute is a `repr(C)` struct laid out as the kernel's for its command, its size is passed, and
    // the pointers in it refer to buffers that outlive the call and are as long as the map or attribute says.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), std::mem::size_of::<T>())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as i32)
}

fn owned(fd: i32) -> OwnedFd {
    // SAFETY: the descriptor was just returned by the kernel and nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Keeps this thread on CPU 0, whose instances of per-CPU maps are compared.
fn stay_on_first_cpu() -> io::Result<()> {
    // SAFETY: a zeroed `cpu_set_t` is an empty set, and the calls get its true size.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set)
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// CPUs that per-CPU values have instances for.
fn possible_cpus() -> io::Result<usize> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible")?;
    let last = text.trim().rsplit(['-', ',']).next().and_then(|n| n.parse::<usize>().ok());
    last.map(|n| n + 1).ok_or_else(|| io::Error::other("cannot count the CPUs"))
}

/// A map in the kernel.
struct Map {
    fd: OwnedFd,
    def: MapDef,
    /// Bytes that the system call moves for a value.
    moved: usize,
}

impl Map {
    fn create(def: &MapDef) -> io::Result<Self> {
        let mut attr = MapAttr {
            map_type: def.kind as u32,
            key_size: def.key_size,
            value_size: def.value_size,
            max_entries: def.max_entries,
            map_flags: def.flags,
            ..MapAttr::default()
        };
        let fd = owned(bpf(MAP_CREATE, &mut attr)?);
        let percpu =
            matches!(def.kind, MapKind::PercpuArray | MapKind::PercpuHash | MapKind::LruPercpuHash);
        let size = def.value_size as usize;
        let moved = if percpu { size.next_multiple_of(8) * possible_cpus()? } else { size };
        let map = Self { fd, def: def.clone(), moved };
        if let Some(content) = &def.initial {
            map.update(&[0; 4], content)?;
        }
        if def.frozen {
            bpf(MAP_FREEZE, &mut [map.fd.as_raw_fd() as u32])?;
        }
        Ok(map)
    }

    fn element(&self, key: &[u8], value: u64) -> ElemAttr {
        let map_fd = self.fd.as_raw_fd() as u32;
        ElemAttr { map_fd, key: key.as_ptr() as u64, value, ..ElemAttr::default() }
    }

    /// Sets the value of `key`, on every CPU.
    fn update(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let mut one = value.to_vec();
        one.resize(self.def.value_size as usize, 0);
        if self.moved > one.len() {
            one.resize(one.len().next_multiple_of(8), 0);
        }
        let all = one.repeat((self.moved / one.len()).max(1));
        bpf(MAP_UPDATE, &mut self.element(key, all.as_ptr() as u64)).map(|_| ())
    }

    fn lookup(&self, key: &[u8]) -> io::Result<Vec<u8>> {
        let mut value = vec![0; self.moved];
        bpf(MAP_LOOKUP, &mut self.element(key, value.as_mut_ptr() as u64))?;
        value.truncate(self.def.value_size as usize);
        Ok(value)
    }

    /// All entries, sorted by key; of arrays those whose value is not all zero.
    fn dump(&self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut entries = Vec::new();
        let mut at: Option<Vec<u8>> = None;
        loop {
            let mut next = vec![0; self.def.key_size as usize];
            let mut attr = self.element(&[], next.as_mut_ptr() as u64);
            attr.key = at.as_ref().map_or(0, |k| k.as_ptr() as u64);
            if bpf(MAP_NEXT_KEY, &mut attr).is_err() {
                break;
            }
            entries.push((next.clone(), self.lookup(&next)?));
            at = Some(next);
        }
        if self.def.kind.is_array_like() {
            entries.retain(|(_, v)| v.iter().any(|b| *b != 0));
        }
        entries.sort_unstable();
        Ok(entries)
    }
}

/// Return value and output bytes of one packet.
pub type Output = (u32, Vec<u8>);

/// What the kernel did with a case.
pub struct Record {
    /// For each packet.
    pub outputs: Vec<Output>,
    /// Content of each map at the end; `None` for device maps, whose values are the host's.
    pub maps: Vec<Option<Vec<Entry>>>,
}

/// Why there is no record.
pub enum Refusal {
    /// The kernel's verifier, with the end of its log.
    Program(String),
    /// Anything else.
    System(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(e: io::Error) -> Self {
        Refusal::System(e)
    }
}

fn load(case: &Case, maps: &[Map]) -> Result<OwnedFd, Refusal> {
    let raw = encode_with(&case.program.insns, |m| MapRef::Fd(maps[m].fd.as_raw_fd()));
    let insns = to_bytes(&raw);
    let mut log = vec![0u8; 1 << 20];
    let mut attr = ProgAttr {
        prog_type: PROG_TYPE_XDP,
        insn_cnt: (insns.len() / 8) as u32,
        insns: insns.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        expected_attach_type: ATTACH_XDP,
        ..ProgAttr::default()
    };
    if let Ok(fd) = bpf(PROG_LOAD, &mut attr) {
        return Ok(owned(fd));
    }
    attr.log_level = 1;
    attr.log_size = log.len() as u32;
    attr.log_buf = log.as_mut_ptr() as u64;
    match bpf(PROG_LOAD, &mut attr) {
        Ok(fd) => Ok(owned(fd)),
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => Err(Refusal::System(e)),
        Err(e) => {
            let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
            let text = String::from_utf8_lossy(&log[..end]);
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(8)..].join("\n");
            Err(Refusal::Program(format!("{e}\n{tail}")))
        }
    }
}

fn run_packet(program: &OwnedFd, bytes: &[u8]) -> io::Result<Output> {
    let mut output = vec![0u8; OUTPUT];
    let mut attr = RunAttr {
        prog_fd: program.as_raw_fd() as u32,
        data_size_in: bytes.len() as u32,
        data_size_out: OUTPUT as u32,
        data_in: bytes.as_ptr() as u64,
        data_out: output.as_mut_ptr() as u64,
        repeat: 1,
        ..RunAttr::default()
    };
    bpf(PROG_TEST_RUN, &mut attr)?;
    output.truncate(attr.data_size_out as usize);
    Ok((attr.retval, output))
}

/// Runs `case` in the kernel.
///
/// # Errors
/// See [`Refusal`].
pub fn run(case: &Case) -> Result<Record, Refusal> {
    stay_on_first_cpu()?;
    let maps: Vec<Map> = case.program.maps.iter().map(Map::create).collect::<io::Result<_>>()?;
    for (map, key, value) in &case.entries {
        maps[*map].update(key, value)?;
    }
    let program = load(case, &maps)?;
    let outputs =
        case.packets.iter().map(|p| run_packet(&program, p)).collect::<io::Result<_>>()?;
    let dump = |m: &Map| match m.def.kind {
        MapKind::Devmap => Ok(None),
        _ => m.dump().map(Some),
    };
    let maps = maps.iter().map(dump).collect::<io::Result<_>>()?;
    Ok(Record { outputs, maps })
}
