//! A program in the kernel: loading it, and running it on packets with `BPF_PROG_TEST_RUN`.

use super::btf::{kernel_function, KernelTypes};
use super::map::KernelMap;
use super::sys;
use beeline_frontend::decode::RawInsn;
use beeline_frontend::encode::{encode_with, to_bytes, MapRef};
use beeline_frontend::insn::{Callee, Insn};
use beeline_frontend::program::{Program, Subprog};
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
    /// Loads `program`, whose maps are `maps`, in order, without types.
    ///
    /// # Errors
    /// The kernel's refusal with its log. `EBADF` if `maps` are fewer than the program's.
    pub fn load(program: &Program, maps: &[KernelMap], attach: Attach) -> Result<Self, Refused> {
        Self::load_typed(program, maps, None, attach)
    }

    /// As [`KernelProgram::load`], with the types of its object, which callbacks and global functions need.
    ///
    /// # Errors
    /// As [`KernelProgram::load`]; `ENOENT` if the kernel lacks a function that the program calls.
    pub fn load_typed(
        program: &Program,
        maps: &[KernelMap],
        types: Option<&KernelTypes>,
        attach: Attach,
    ) -> Result<Self, Refused> {
        Self::load_with(program, maps, types, attach, load_or_explain)
    }

    /// As [`KernelProgram::load_typed`], but a refusal comes without a log: what a log of a large program costs is more
    /// than its verification.
    ///
    /// # Errors
    /// As [`KernelProgram::load_typed`], with an empty log.
    pub fn load_quietly(
        program: &Program,
        maps: &[KernelMap],
        types: Option<&KernelTypes>,
        attach: Attach,
    ) -> Result<Self, Refused> {
        let quietly = |attr: &mut sys::ProgLoad| {
            sys::prog_load(attr).map_err(|error| Refused { error, log: String::new() })
        };
        Self::load_with(program, maps, types, attach, quietly)
    }

    fn load_with(
        program: &Program,
        maps: &[KernelMap],
        types: Option<&KernelTypes>,
        attach: Attach,
        call: impl FnOnce(&mut sys::ProgLoad) -> Result<OwnedFd, Refused>,
    ) -> Result<Self, Refused> {
        if maps.len() < program.maps.len() {
            let error = io::Error::from_raw_os_error(libc::EBADF);
            return Err(Refused { error, log: String::new() });
        }
        let insns = with_kernel_functions(program)?;
        let raw = encode_with(&insns, |m| MapRef::Fd(maps[m].as_fd().as_raw_fd()));
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
        let info = types.and_then(|t| function_info(program, t));
        if let (Some(types), Some(info)) = (types, &info) {
            attr.prog_btf_fd = types.as_fd().as_raw_fd() as u32;
            attr.func_info_rec_size = std::mem::size_of::<[u32; 2]>() as u32;
            attr.func_info = info.as_ptr() as u64;
            attr.func_info_cnt = info.len() as u32;
        }
        call(&mut attr).map(|fd| Self { fd })
    }

    /// Loads instruction slots as they are, without maps: for questions about single instructions.
    ///
    /// # Errors
    /// The kernel's, without its log.
    pub fn load_slots(slots: &[RawInsn]) -> io::Result<Self> {
        let insns = to_bytes(slots);
        let mut attr = sys::ProgLoad {
            prog_type: TYPE_XDP,
            insn_cnt: slots.len() as u32,
            insns: sys::address(&insns),
            license: c"GPL".as_ptr() as u64,
            expected_attach_type: ATTACH_XDP,
            ..sys::ProgLoad::default()
        };
        sys::prog_load(&mut attr).map(|fd| Self { fd })
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

    /// Instructions that the kernel's verifier walked (`verified_insns` of `struct bpf_prog_info`).
    ///
    /// # Errors
    /// The kernel's.
    pub fn walked(&self) -> io::Result<u32> {
        sys::info::<55>(self.as_fd()).map(|info| info[54])
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

/// The instructions, with the kernel's number for each of its functions.
fn with_kernel_functions(program: &Program) -> Result<Vec<Insn>, Refused> {
    let numbered = |insn: &Insn| match insn {
        Insn::Call(Callee::Kfunc(k)) => {
            let name = program.kfuncs.get(*k).map_or("?", String::as_str);
            match kernel_function(name) {
                Some(id) => Ok(Insn::Call(Callee::Kfunc(id as usize))),
                None => Err(Refused {
                    error: io::Error::from_raw_os_error(libc::ENOENT),
                    log: format!("the running kernel has no function `{name}`"),
                }),
            }
        }
        other => Ok(*other),
    };
    program.insns.iter().map(numbered).collect()
}

/// First slot and type of each function; `None` if the object has no types for all of them. Functions without a type at the
/// end are those that were added.
fn function_info(program: &Program, types: &KernelTypes) -> Option<Vec<[u32; 2]>> {
    let typed = program.subprogs.iter().take_while(|s| s.signature.is_some()).count();
    let from_object = |s: &Subprog| s.signature.as_ref().map(|t| [s.start.0, t.func.0]);
    let added = |s: &Subprog| match &s.signature {
        None if s.name == super::btf::ADDED => Some([s.start.0, types.added_function()]),
        _ => None,
    };
    let (object, rest) = program.subprogs.split_at(typed);
    let info = object.iter().map(from_object).chain(rest.iter().map(added));
    info.collect::<Option<Vec<_>>>().filter(|_| typed > 0)
}
