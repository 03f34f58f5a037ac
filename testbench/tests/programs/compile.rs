//! Objects of the programs: built with clang where there is one, kept by the hash of what they are made from.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// How a source is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// `-mcpu=vN`.
    pub cpu: usize,
    /// `-O1`, `-O2`, `-Os`.
    pub level: &'static str,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{} -{}", self.cpu, self.level)
    }
}

/// The variant that is committed.
pub const COMMITTED: Variant = Variant { cpu: 3, level: "O2" };

/// Every variant, from `least_cpu` on.
pub fn matrix(least_cpu: usize) -> Vec<Variant> {
    let levels = ["O1", "O2", "Os"];
    (least_cpu..=4).flat_map(|cpu| levels.map(|level| Variant { cpu, level })).collect()
}

/// The folder of this test.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

/// The committed object of program `name`.
pub fn committed(name: &str) -> PathBuf {
    folder().join("objects").join(format!("{name}.o"))
}

/// A clang that compiles for BPF with the headers that the programs need.
pub struct Clang {
    name: &'static str,
    version: String,
}

/// Where multi-arch systems keep `asm/types.h`.
fn arch_include() -> String {
    format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH)
}

impl Clang {
    /// The first that works of the names under which it is installed; if none does, why.
    pub fn find() -> Result<&'static Clang, &'static str> {
        static FOUND: OnceLock<Result<Clang, String>> = OnceLock::new();
        FOUND.get_or_init(Self::look).as_ref().map_err(String::as_str)
    }

    fn look() -> Result<Self, String> {
        let mut reason = "there is no clang".to_owned();
        for name in ["clang-19", "clang", "clang-20", "clang-18"] {
            let Ok(version) = Command::new(name).arg("--version").output() else { continue };
            let clang =
                Self { name, version: String::from_utf8_lossy(&version.stdout).into_owned() };
            let probe = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
                .join(format!("probe-{}.o", std::process::id()));
            let built = clang.compile(
                &folder().join("c/legacy_acl.c"),
                Variant { cpu: 4, level: "O2" },
                &probe,
            );
            let _ = fs::remove_file(&probe);
            match built {
                Ok(()) => return Ok(clang),
                Err(e) => reason = format!("{name} does not compile the programs: {e}"),
            }
        }
        Err(reason)
    }

    /// The object of program `name` in `variant`, compiled if it has not been.
    pub fn object(&self, name: &str, variant: Variant) -> Result<Vec<u8>, String> {
        let source = folder().join("c").join(format!("{name}.c"));
        let read = |p: &Path| fs::read(p).map_err(|e| format!("{}: {e}", p.display()));
        let made_from = [
            read(&source)?,
            read(&folder().join("c/net.h"))?,
            format!("{variant}{FLAGS:?}{}", self.version).into_bytes(),
        ];
        let hash = beeline_sim::outcome::fnv1a_64(&made_from.concat());
        let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("programs");
        fs::create_dir_all(&cache).map_err(|e| e.to_string())?;
        let object = cache.join(format!("{name}-v{}-{}-{hash:016x}.o", variant.cpu, variant.level));
        if !object.is_file() {
            // Another process may want the same: each writes its own file, and the last name given wins.
            let fresh = object.with_extension(format!("{}.tmp", std::process::id()));
            self.compile(&source, variant, &fresh)?;
            fs::rename(&fresh, &object).map_err(|e| e.to_string())?;
        }
        read(&object)
    }

    fn compile(&self, source: &Path, variant: Variant, object: &Path) -> Result<(), String> {
        let output = Command::new(self.name)
            .args(FLAGS)
            .args([format!("-O{}", &variant.level[1..]), format!("-mcpu=v{}", variant.cpu)])
            .args(["-isystem", &arch_include(), "-c"])
            .arg(source)
            .arg("-o")
            .arg(object)
            .output()
            .map_err(|e| format!("{}: {e}", self.name))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("{}:\n{}", self.name, String::from_utf8_lossy(&output.stderr))),
        }
    }
}

/// What every variant is compiled with.
const FLAGS: [&str; 8] = [
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-address-of-packed-member",
    "-target",
    "bpf",
    "-fno-strict-aliasing",
];
