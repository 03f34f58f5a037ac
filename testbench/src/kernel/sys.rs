//! The `bpf()` system call: its attributes as the kernel lays them out, and one function for each command.
//!
//! Facts about the layouts come from the UAPI header `linux/bpf.h` (`union bpf_attr`). The kernel takes shorter attributes
//! than its own, and fills up with zeros.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Commands of `bpf()`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapNextKey = 4,
    ProgLoad = 5,
    ProgTestRun = 10,
    InfoByFd = 15,
    BtfLoad = 18,
    MapLookupAndDelete = 21,
    MapFreeze = 22,
}

/// `BPF_MAP_CREATE`.
#[repr(C)]
#[derive(Default)]
pub(super) struct MapCreate {
    pub map_type: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub map_flags: u32,
    pub inner_map_fd: u32,
    pub numa_node: u32,
    pub map_name: [u8; 16],
    pub map_ifindex: u32,
    pub btf_fd: u32,
    pub btf_key_type_id: u32,
    pub btf_value_type_id: u32,
    pub btf_vmlinux_value_type_id: u32,
    pub map_extra: u64,
}

/// `BPF_MAP_*_ELEM`.
#[repr(C)]
#[derive(Default)]
struct Element {
    map_fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
pub(super) struct ProgLoad {
    pub prog_type: u32,
    pub insn_cnt: u32,
    pub insns: u64,
    pub license: u64,
    pub log_level: u32,
    pub log_size: u32,
    pub log_buf: u64,
    pub kern_version: u32,
    pub prog_flags: u32,
    pub prog_name: [u8; 16],
    pub prog_ifindex: u32,
    pub expected_attach_type: u32,
    pub prog_btf_fd: u32,
    pub func_info_rec_size: u32,
    pub func_info: u64,
    pub func_info_cnt: u32,
    pub line_info_rec_size: u32,
    pub line_info: u64,
    pub line_info_cnt: u32,
    pub attach_btf_id: u32,
    pub attach_prog_fd: u32,
    pub core_relo_cnt: u32,
    pub fd_array: u64,
    pub core_relos: u64,
    pub core_relo_rec_size: u32,
    pub log_true_size: u32,
}

/// `BPF_PROG_TEST_RUN`.
#[repr(C)]
#[derive(Default)]
pub(super) struct TestRun {
    pub prog_fd: u32,
    pub retval: u32,
    pub data_size_in: u32,
    pub data_size_out: u32,
    pub data_in: u64,
    pub data_out: u64,
    pub repeat: u32,
    pub duration: u32,
    pub ctx_size_in: u32,
    pub ctx_size_out: u32,
    pub ctx_in: u64,
    pub ctx_out: u64,
    pub flags: u32,
    pub cpu: u32,
    pub batch_size: u32,
    pub pad: u32,
}

/// `BPF_BTF_LOAD`.
#[repr(C)]
#[derive(Default)]
struct BtfLoad {
    btf: u64,
    log_buf: u64,
    btf_size: u32,
    log_size: u32,
    log_level: u32,
    pad: u32,
}

/// `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
#[derive(Default)]
struct Info {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// Calls `bpf()`. The pointers in `attr` must refer to buffers that are as long as the command, the map or the
/// attribute says, and that outlive the call.
fn bpf<T>(command: Command, attr: &mut T) -> io::Result<i32> {
    // SAFETY: every `T` of this module is a `repr(C)` struct laid out as the kernel's for its command, and its true size
    // is passed. The callers in this module uphold what is said of the pointers.
    let result = unsafe {
        let at: *mut T = attr;
        libc::syscall(libc::SYS_bpf, command as libc::c_long, at, std::mem::size_of::<T>())
    };
    match result {
        r if r < 0 => Err(io::Error::last_os_error()),
        r => Ok(r as i32),
    }
}

/// The descriptor that a system call has just returned.
pub(super) fn owned(fd: i32) -> OwnedFd {
    // SAFETY: callers pass what a system call has just given them, and keep no copy.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

pub(super) fn map_create(attr: &mut MapCreate) -> io::Result<OwnedFd> {
    bpf(Command::MapCreate, attr).map(owned)
}

/// Reads the value of `key` into `value`, which is as long as the map moves.
pub(super) fn map_lookup(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<()> {
    let (key, value) = (address(key), value.as_mut_ptr() as u64);
    let mut attr = Element { map_fd: number(map), key, value, ..Element::default() };
    bpf(Command::MapLookup, &mut attr).map(drop)
}

/// As [`map_lookup`], and takes the entry out of the map. Queues and stacks have no key.
pub(super) fn map_take(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<()> {
    let (key, value) = (address(key), value.as_mut_ptr() as u64);
    let mut attr = Element { map_fd: number(map), key, value, ..Element::default() };
    bpf(Command::MapLookupAndDelete, &mut attr).map(drop)
}

pub(super) fn map_update(
    map: BorrowedFd<'_>,
    key: &[u8],
    value: &[u8],
    flags: u64,
) -> io::Result<()> {
    let (key, value) = (address(key), address(value));
    let mut attr = Element { map_fd: number(map), key, value, flags, ..Element::default() };
    bpf(Command::MapUpdate, &mut attr).map(drop)
}

pub(super) fn map_delete(map: BorrowedFd<'_>, key: &[u8]) -> io::Result<()> {
    let mut attr = Element { map_fd: number(map), key: address(key), ..Element::default() };
    bpf(Command::MapDelete, &mut attr).map(drop)
}

/// Puts the key after `key` (without one, the first) into `next`; false after the last.
pub(super) fn map_next_key(
    map: BorrowedFd<'_>,
    key: Option<&[u8]>,
    next: &mut [u8],
) -> io::Result<bool> {
    let (key, value) = (key.map_or(0, address), next.as_mut_ptr() as u64);
    let mut attr = Element { map_fd: number(map), key, value, ..Element::default() };
    match bpf(Command::MapNextKey, &mut attr) {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

pub(super) fn map_freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    bpf(Command::MapFreeze, &mut [number(map)]).map(drop)
}

pub(super) fn prog_load(attr: &mut ProgLoad) -> io::Result<OwnedFd> {
    bpf(Command::ProgLoad, attr).map(owned)
}

pub(super) fn prog_test_run(attr: &mut TestRun) -> io::Result<()> {
    bpf(Command::ProgTestRun, attr).map(drop)
}

/// Loads BTF; the kernel's log goes to `log`.
pub(super) fn btf_load(btf: &[u8], log: &mut [u8]) -> io::Result<OwnedFd> {
    let mut attr = BtfLoad {
        btf: address(btf),
        btf_size: btf.len() as u32,
        log_buf: log.as_mut_ptr() as u64,
        log_size: log.len() as u32,
        log_level: 1,
        ..BtfLoad::default()
    };
    bpf(Command::BtfLoad, &mut attr).map(owned)
}

/// What the kernel says about a map, a program or BTF: the first `N` words of its info record.
pub(super) fn info<const N: usize>(object: BorrowedFd<'_>) -> io::Result<[u32; N]> {
    let mut words = [0u32; N];
    let mut attr =
        Info { bpf_fd: number(object), info_len: (N * 4) as u32, info: words.as_mut_ptr() as u64 };
    bpf(Command::InfoByFd, &mut attr).map(|_| words)
}

/// The address of the first byte.
pub(super) fn address(bytes: &[u8]) -> u64 {
    match bytes {
        [] => 0, // the kernel checks that maps without keys get none
        _ => bytes.as_ptr() as u64,
    }
}

/// The text of a log buffer, up to its first zero.
pub(super) fn text(log: &[u8]) -> String {
    let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    String::from_utf8_lossy(&log[..end]).into_owned()
}
