//! What the front-end tests share: the committed objects, and a way to damage them.
#![allow(dead_code)] // each test binary uses its part

use beeline_frontend::{load, LoadError, Object};
use std::path::PathBuf;

/// The folder of test objects.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/objects")
}

/// The bytes of the object `name`.
pub fn bytes(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The object `name`, loaded.
pub fn object(name: &str) -> Object {
    load(&bytes(name), name).unwrap_or_else(|e| panic!("{e}"))
}

/// Code of the only message, and the exit status.
pub fn refusal<T>(result: Result<T, LoadError>) -> (&'static str, i32, String) {
    match result {
        Ok(_) => panic!("accepted"),
        Err(e) => {
            assert_eq!(e.diagnostics().len(), 1, "{e}");
            let d = &e.diagnostics()[0];
            assert!(d.help.is_some(), "no way out: {e}");
            assert!(d.at.object.is_some(), "no place: {e}");
            (d.code, e.exit_code(), e.to_string())
        }
    }
}

/// Offset in the file and length of section `name`.
pub fn section(file: &[u8], name: &str) -> (usize, usize) {
    use object::{Object as _, ObjectSection as _};
    let elf = object::File::parse(file).expect("a sound object");
    let s = elf.section_by_name(name).unwrap_or_else(|| panic!("no section {name}"));
    let (offset, len) = s.file_range().expect("it is in the file");
    (offset as usize, len as usize)
}

/// A xorshift generator.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
