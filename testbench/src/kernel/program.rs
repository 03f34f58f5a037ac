//! A program in the kernel: loading it, and running it on packets with `BPF_PROG_TEST_RUN`.

use super::map::KernelMap;
use super::sys;
use beeline_frontend::encode::{encode_with, to_bytes, MapRef};
use beeline_frontend::program::Program;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

const TYPE_XDP: u32 = 6;
const ATTACH_DEVMAP: u32 = 33;
const ATTACH_CPUMAP: u32 = 35;
const ATTACH_XDP: u32 = 37;
const HAS_FRAGS: u32 = 1 << 5;

/// Size of the log buffer; longer logs keep their end.
const LOG: usize = 1 << 16;

/// Room for the output: a page, what `adjust_tail` adds, and fragments.
const OUTPUT: usize = 1 << 14;

/// Why the kernel has no program.
#[derive(Debug, thiserror::Error)]
#[error("{error}\n{}", self.tail(LOG_TAIL))]
pub struct Refused {
    /// What the system call says: `EACCES` or `EINVAL` from the verifier, `EPERM` without privileges, `E2BIG`.
    pub error: io::Error,
    /// The verifier's log.
    pub log: String,
}

/// Lines of the log that are shown.
const LOG_TAIL: usize = 12;

impl Refused {
    /// The last `lines` lines of the log, without the statistics.
    pub fn tail(&self, lines: usize) -> String {
        let statistics = |l: &&str| l.starts_with("processed ") && l.contains(" insns (limit ");
        let all: Vec<&str> = self.log.lines().filter(|l| !statistics(l)).collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// True if the kernel does not let this process load programs at all.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS))
    }
}

/// What the program is loaded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// What its section says: `xdp/devmap`, `xdp/cpumap`, or plain XDP.
    Section,
    /// Plain XDP, which is all that test runs take.
    Plain,
}

/// A loaded program.
#[derive(Debug)]
pub struct KernelProgram {
    fd: OwnedFd,
}

/// What a test run gives to the program beside the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunInputs {
    /// `ctx->ingress_ifindex` and `ctx->rx_queue_index`: an interface of the calling thread's network namespace, and one of
    /// its queues. Without them, queue 0 of the loopback interface.
    pub ingress: Option<(u32, u32)>,
    /// Bytes of metadata in front of the packet, which then begins with them.
    pub meta_len: u32,
}

/// Result of a test run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// The program's return value, 32 bits.
    pub code: u32,
    /// The packet as the program left it, without metadata.
    pub bytes: Vec<u8>,
    /// Its metadata.
    pub meta: Vec<u8>,
}

/// `struct xdp_md`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

impl KernelProgram {
    /// Loads `program`, whose maps are `maps`, in order.
    ///
    /// # Errors
    /// The kernel's refusal with its log. `EBADF` if `maps` are fewer than the program's.
    pub fn load(program: &Program, maps: &[KernelMap], attach: Attach) -> Result<Self, Refused> {
        if maps.len() < program.maps.len() {
            let error = io::Error::from_raw_os_error(libc::EBADF);
            return Err(Refused { error, log: String::new() });
        }
        let raw = encode_with(&program.insns, |m| MapRef::Fd(maps[m].as_fd().as_raw_fd()));
        let insns = to_bytes(&raw);
        let license = CString::new(program.license.as_deref().unwrap_or("")).unwrap_or_default();
        let section = |part: &str| attach == Attach::Section && program.section.contains(part);
        let mut attr = sys::ProgLoad {
            prog_type: TYPE_XDP,
            insn_cnt: (insns.len() / 8) as u32,
            insns: sys::address(&insns),
            license: license.as_ptr() as u64,
            prog_flags: if program.frags { HAS_FRAGS } else { 0 },
            prog_name: super::name(&program.name),
            expected_attach_type: match () {
                () if section("devmap") => ATTACH_DEVMAP,
                () if section("cpumap") => ATTACH_CPUMAP,
                () => ATTACH_XDP,
            },
            ..sys::ProgLoad::default()
        };
        load_or_explain(&mut attr).map(|fd| Self { fd })
    }

    /// Runs the program once on `packet`, which begins with the metadata of `inputs`.
    ///
    /// # Errors
    /// The kernel's: `EINVAL` for packets under 14 bytes or bad metadata, `ENODEV` for an unknown interface.
    pub fn test_run(&self, packet: &[u8], inputs: &RunInputs) -> io::Result<TestRun> {
        let mut output = vec![0u8; packet.len().max(1) + OUTPUT];
        let (ifindex, queue) = inputs.ingress.unwrap_or((0, 0));
        let given = Context {
            data: inputs.meta_len,
            data_end: packet.len() as u32,
            ingress_ifindex: ifindex,
            rx_queue_index: queue,
            ..Context::default()
        };
        let mut left = Context::default();
        let size = std::mem::size_of::<Context>() as u32;
        let mut attr = sys::TestRun {
            prog_fd: self.fd.as_raw_fd() as u32,
            data_size_in: packet.len() as u32,
            data_size_out: output.len() as u32,
            data_in: sys::address(packet),
            data_out: output.as_mut_ptr() as u64,
            repeat: 1,
            ctx_size_in: size,
            ctx_size_out: size,
            ctx_in: std::ptr::from_ref(&given) as u64,
            ctx_out: std::ptr::from_mut(&mut left) as u64,
            ..sys::TestRun::default()
        };
        sys::prog_test_run(&mut attr)?;
        output.truncate(attr.data_size_out as usize);
        let bytes = output.split_off((left.data as usize).min(output.len()));
        Ok(TestRun { code: attr.retval, bytes, meta: output })
    }

    /// The kernel's number of this program, which the host reads from arrays of programs.
    ///
    /// # Errors
    /// The kernel's.
    pub fn id(&self) -> io::Result<u32> {
        sys::info::<2>(self.as_fd()).map(|[_, id]| id)
    }
}

impl AsFd for KernelProgram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Loads; if the kernel refuses, once more with a log, for the reason.
fn load_or_explain(attr: &mut sys::ProgLoad) -> Result<OwnedFd, Refused> {
    let error = match sys::prog_load(attr) {
        Ok(fd) => return Ok(fd),
        Err(e) => e,
    };
    let mut log = vec![0u8; LOG];
    (attr.log_level, attr.log_size) = (1, LOG as u32);
    attr.log_buf = log.as_mut_ptr() as u64;
    // Of a log that does not fit, the kernel keeps the end, and says `ENOSPC`: the reason is the first error.
    match sys::prog_load(attr) {
        Ok(fd) => Ok(fd),
        Err(_) => Err(Refused { error, log: sys::text(&log) }),
    }
}
