//! The running kernel's verifier as judge: `bpf(BPF_PROG_LOAD)` through `libc`, for tests only.

use beeline_frontend::encode::{encode_with, to_bytes, MapRef};
use beeline_frontend::insn::Imm64;
use beeline_frontend::{Insn, MapDef, Program};
use beeline_ir::map::MapKind;
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const MAP_FREEZE: libc::c_long = 22;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_DEVMAP: u32 = 33;
const ATTACH_XDP: u32 = 37;
const RDONLY_PROG: u32 = 1 << 7;
const HAS_FRAGS: u32 = 1 << 5;

#[repr(C)]
#[derive(Default)]
struct MapAttr {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    rest: [u32; 10],
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

/// The kernel's verdict on a program.
pub enum Verdict {
    Accepted,
    /// With the last lines of the log.
    Refused(String),
    /// A map of the program cannot be created here, or the like.
    Unknown(String),
}

fn bpf<T>(command: libc::c_long, attr: &mut T) -> std::io::Result<i32> {
    // SAFETY: every attribute is a `repr(C)` struct laid out as the kernel's for its command, its size is passed, and
    // the pointers in it refer to buffers that outlive the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), std::mem::size_of::<T>())
    };
    if result < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(result as i32)
}

fn owned(fd: i32) -> OwnedFd {
    // SAFETY: the descriptor was just returned by the kernel and nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// True if programs can be loaded here; otherwise says so once per test.
pub fn reachable() -> bool {
    let trivial = [0xb7u8, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let loaded = matches!(load(&trivial, "GPL", ATTACH_XDP, 0), Verdict::Accepted);
    if !loaded {
        println!(
            "notice: comparison with the kernel's verifier skipped: bpf() needs Linux and root"
        );
    }
    loaded
}

fn create(def: &MapDef) -> std::io::Result<OwnedFd> {
    let inner = def.inner.as_deref().map(create).transpose()?;
    let data = if def.frozen { RDONLY_PROG } else { 0 };
    let mut attr = MapAttr {
        map_type: def.kind as u32,
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: if def.kind == MapKind::PerfEventArray { 1 } else { def.max_entries },
        map_flags: def.flags | data,
        inner_map_fd: inner.as_ref().map_or(0, |fd| fd.as_raw_fd() as u32),
        ..MapAttr::default()
    };
    let fd = owned(bpf(MAP_CREATE, &mut attr)?);
    if let Some(content) = &def.initial {
        let key = 0u32;
        let mut value = content.clone();
        value.resize(def.value_size as usize, 0);
        let mut attr = ElemAttr {
            map_fd: fd.as_raw_fd() as u32,
            key: std::ptr::from_ref(&key) as u64,
            value: value.as_ptr() as u64,
            ..ElemAttr::default()
        };
        bpf(MAP_UPDATE, &mut attr)?;
    }
    if def.frozen {
        bpf(MAP_FREEZE, &mut [fd.as_raw_fd() as u32])?;
    }
    Ok(fd)
}

fn load(insns: &[u8], license: &str, attach: u32, flags: u32) -> Verdict {
    let license = CString::new(license).expect("a license without NUL");
    let mut log = vec![0u8; 1 << 20];
    let mut attr = ProgAttr {
        prog_type: PROG_TYPE_XDP,
        insn_cnt: (insns.len() / 8) as u32,
        insns: insns.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 1,
        log_size: log.len() as u32,
        log_buf: log.as_mut_ptr() as u64,
        prog_flags: flags,
        expected_attach_type: attach,
        ..ProgAttr::default()
    };
    match bpf(PROG_LOAD, &mut attr) {
        Ok(fd) => {
            drop(owned(fd));
            Verdict::Accepted
        }
        Err(e) => {
            let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
            let text = String::from_utf8_lossy(&log[..end]);
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(12)..].join("\n");
            Verdict::Refused(format!("{e}\n{tail}"))
        }
    }
}

/// What the kernel says of `program`.
pub fn judge(program: &Program) -> Verdict {
    let callback = |i: &Insn| matches!(i, Insn::LoadImm64 { imm: Imm64::Func(_), .. });
    if program.insns.iter().any(callback) {
        return Verdict::Unknown("callbacks need BTF, which is not loaded here".into());
    }
    let maps: std::io::Result<Vec<OwnedFd>> = program.maps.iter().map(create).collect();
    let maps = match maps {
        Ok(maps) => maps,
        Err(e) => return Verdict::Unknown(format!("map: {e}")),
    };
    let raw = encode_with(&program.insns, |m| MapRef::Fd(maps[m].as_raw_fd()));
    let devmap = program.section.contains("devmap");
    let attach = if devmap { ATTACH_DEVMAP } else { ATTACH_XDP };
    let flags = if program.frags { HAS_FRAGS } else { 0 };
    load(&to_bytes(&raw), program.license.as_deref().unwrap_or(""), attach, flags)
}
