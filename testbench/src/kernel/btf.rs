//! Types in the kernel: an object's for its maps and functions, and the kernel's own for calls of its functions.

use super::sys;
use beeline_frontend::btf::{Btf, Type};
use beeline_frontend::object::ObjectTypes;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

/// Bytes of the header that names the two tables; the fields are words.
const HEADER: usize = 24;

/// Name of functions that do not come from the object.
pub(super) const ADDED: &str = "beeline_answer";

/// An object's types, loaded.
#[derive(Debug)]
pub struct KernelTypes {
    fd: OwnedFd,
    /// Number of the type of functions that were added ([`KernelTypes::load`]).
    added: u32,
}

impl KernelTypes {
    /// Loads `types`, and after them the type of a function without parameters that returns a number, for functions that
    /// do not come from the object.
    ///
    /// # Errors
    /// The kernel's, with the end of its log.
    pub fn load(types: &ObjectTypes) -> io::Result<Self> {
        let next = types.btf.types().len() as u32;
        let raw = with_function(&types.raw, next).unwrap_or_else(|| types.raw.to_vec());
        let mut log = vec![0u8; 1 << 16];
        match sys::btf_load(&raw, &mut log) {
            Ok(fd) => Ok(Self { fd, added: next + 2 }),
            Err(e) => {
                let text = sys::text(&log);
                let last = text.lines().last().unwrap_or("");
                Err(io::Error::new(e.kind(), format!("types of the object: {e}: {last}")))
            }
        }
    }

    /// Number of the function type that was added.
    pub(super) fn added_function(&self) -> u32 {
        self.added
    }
}

impl AsFd for KernelTypes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk().map(|w| u32::from_le_bytes(*w))
}

/// `raw` with three types more, which get the numbers from `next`: `u64`, a function type that returns it, and a
/// static function of that type. `None` if the tables are not where the header says.
fn with_function(raw: &[u8], next: u32) -> Option<Vec<u8>> {
    let header = word(raw, 4)? as usize;
    let table = |at: usize| {
        let (from, len) = (header + word(raw, at)? as usize, word(raw, at + 4)? as usize);
        raw.get(from..from.checked_add(len)?)
    };
    let (types, strings) = (table(8)?, table(16)?);
    let name = strings.len() as u32;
    let kind = |k: u32| k << 24;
    // INT: name, kind, size in bytes, width in bits. FUNC_PROTO: no name, no parameters, the result's type.
    // FUNC: name, static, the prototype.
    let added = [name, kind(1), 8, 64, 0, kind(13), next, name, kind(12), next + 1];
    let added: Vec<u8> = added.iter().flat_map(|w| w.to_le_bytes()).collect();
    let mut out = raw.get(..8)?.to_vec();
    out[4..8].copy_from_slice(&(HEADER as u32).to_le_bytes());
    let type_len = (types.len() + added.len()) as u32;
    let tables = [0, type_len, type_len, (strings.len() + ADDED.len() + 1) as u32];
    out.extend(tables.iter().flat_map(|w| w.to_le_bytes()));
    for part in [types, &added, strings, ADDED.as_bytes(), &[0]] {
        out.extend_from_slice(part);
    }
    Some(out)
}

/// Number of the kernel's function `name` in its own types.
pub(super) fn kernel_function(name: &str) -> Option<u32> {
    static FUNCTIONS: OnceLock<BTreeMap<String, u32>> = OnceLock::new();
    FUNCTIONS.get_or_init(kernel_functions).get(name).copied()
}

fn kernel_functions() -> BTreeMap<String, u32> {
    let raw = std::fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default();
    let Ok(btf) = Btf::parse(&raw) else { return BTreeMap::new() };
    let named = |(id, t): (usize, &Type)| match t {
        Type::Func { name, .. } => Some((btf.str(*name).into_owned(), id as u32)),
        _ => None,
    };
    btf.types().iter().enumerate().filter_map(named).collect()
}
