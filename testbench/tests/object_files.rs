//! Object files of all kinds, held against the running kernel and libbpf where they can be reached (Linux, root).

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_frontend::btf::Btf;
use beeline_frontend::object::{KernelConfig, KernelTypes as TypesOfKernel, Object, ObjectTypes};
use beeline_frontend::{load, verifier};
use beeline_testbench::capture;
use beeline_testbench::engine::{EngineKind, Job, Surroundings};
use beeline_testbench::equiv::{equiv, Status};
use beeline_testbench::kernel::{available, Attach, KernelObject, KernelTypes, RunInputs};
use beeline_testbench::map_file::MapFile;
use beeline_testbench::pacing::Pacing;
use beeline_testbench::tail_calls::TailCalls;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

/// True if the kernel is there; else says so.
fn reachable() -> bool {
    match available() {
        Ok(()) => true,
        Err(why) => {
            println!("notice: skipped: {why}");
            false
        }
    }
}

/// The object at `path`, with the running kernel's types where it asks for them.
fn object(path: &Path) -> Option<Object> {
    let mut object = load(&std::fs::read(path).unwrap(), &path.display().to_string()).ok()?;
    if object.needs_kernel_types() {
        let types = std::fs::read(TypesOfKernel::HOST).unwrap();
        let types = TypesOfKernel::parse(&types, TypesOfKernel::HOST).unwrap();
        object.use_kernel_types(Arc::new(types), false);
    }
    if object.needs_kernel_config() && Path::new("/proc/config.gz").exists() {
        object = with_config(object);
    }
    Some(object)
}

fn objects() -> Vec<PathBuf> {
    let folders = ["../frontend/tests/objects", "tests/objects", "tests/objects/rust"];
    let files = folders.iter().flat_map(|f| std::fs::read_dir(folder(f)).unwrap());
    let mut paths: Vec<_> = files.map(|f| f.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "o"));
    paths.sort();
    paths
}

#[test]
fn completed_types_are_what_the_kernel_takes() {
    if !reachable() {
        return;
    }
    let mut taken = 0;
    for path in objects() {
        let Some(types) = object(&path).and_then(|o| o.types.clone()) else { continue };
        KernelTypes::load(&types).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        taken += 1;
    }
    assert!(taken > 10, "{taken}");
    // The compiler's own are not, where there are variables or kernel functions: the test can fail.
    let bytes = std::fs::read(folder("../frontend/tests/objects/data.o")).unwrap();
    use object::{Object as _, ObjectSection as _};
    let elf = object::File::parse(&*bytes).unwrap();
    let raw = elf.section_by_name(".BTF").unwrap().data().unwrap();
    let types = ObjectTypes {
        raw: raw.into(),
        btf: Btf::parse(raw).unwrap(),
        kernel_symbols: Default::default(),
    };
    KernelTypes::load(&types).unwrap_err();
}

#[test]
fn verdicts_on_all_programs_are_the_kernels() {
    if !reachable() {
        return;
    }
    let (mut accepted, mut refused) = (0, 0);
    for path in objects() {
        let Some(object) = object(&path) else { continue };
        for info in object.xdp_programs() {
            let Ok(program) = object.program(Some(info.as_str())) else { continue };
            let at = format!("{} {}", path.display(), program.name);
            let kernel = KernelObject::create(&program).unwrap_or_else(|e| panic!("{at}: {e}"));
            let theirs = kernel.load(&program, Attach::Plain);
            match (verifier::verify(program), theirs) {
                (Ok(_), Ok(_)) => accepted += 1,
                (Err(_), Err(_)) => refused += 1,
                // The kernel has them for programs of a certain device only, and there is none here.
                (Ok(_), Err(e)) if e.log.contains("metadata kfuncs require device-bound") => {}
                (Ok(_), Err(e)) => panic!("{at}: the kernel refuses: {e}"),
                (Err(d), Ok(_)) => panic!("{at}: only we refuse: {}", d[0]),
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 20 && refused > 0, "{accepted} accepted, {refused} refused");
}

#[test]
fn programs_in_rust_do_what_they_do_in_the_kernel() {
    if !reachable() {
        return;
    }
    let trace = capture::read(&folder("../examples/router/traffic.pcap")).unwrap();
    let maps = MapFile::default();
    for (file, name) in
        [("blocklist.o", "blocklist"), ("steer.o", "steer"), ("steer.o", "datagram")]
    {
        let object = object(&folder("tests/objects/rust").join(file)).unwrap();
        let program = verifier::verify(object.program(Some(name)).unwrap()).unwrap();
        let job = Job {
            program: &program,
            hardware: None,
            tail_calls: TailCalls::none(),
            trace: &trace,
            maps: &maps,
            surroundings: Surroundings::default(),
            pacing: Pacing::FullRate,
        };
        let report = equiv(&[EngineKind::Interp, EngineKind::Kernel], &job);
        let kernel = report.engines.iter().find(|(e, _)| *e == EngineKind::Kernel);
        assert!(matches!(kernel, Some((_, Status::Equal))), "{name}: {:?}", report.engines);
    }
}

/// The numbers in the `.bss` value of an object.
fn numbers(value: &[u8]) -> Vec<u64> {
    value.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().unwrap())).collect()
}

fn bpftool(args: &[&str]) -> Option<Vec<u8>> {
    let out = Command::new("bpftool").args(args).output().ok()?;
    out.status.success().then_some(out.stdout)
}

fn bpftool_json(args: &[&str]) -> Option<serde_json::Value> {
    serde_json::from_slice(&bpftool(&[&["-j"], args].concat())?).ok()
}

/// What program `name` of the object at `path` leaves in `.bss` when libbpf loads it; `None` if bpftool cannot.
fn with_libbpf(path: &Path, name: &str) -> Option<Vec<u64>> {
    let id = format!("beeline-{}-{name}", std::process::id());
    let (pins, packet) = (Path::new("/sys/fs/bpf").join(&id), std::env::temp_dir().join(&id));
    std::fs::write(&packet, [0; 64]).unwrap();
    let pinned = pins.join(name);
    let run = || {
        bpftool(&["prog", "loadall", path.to_str()?, pins.to_str()?, "type", "xdp"])?;
        bpftool(&["prog", "run", "pinned", pinned.to_str()?, "data_in", packet.to_str()?])?;
        let shown = bpftool_json(&["prog", "show", "pinned", pinned.to_str()?])?;
        let ids = shown["map_ids"].as_array()?.iter().map(|id| id.to_string());
        let is_bss = |id: &String| {
            let shown = bpftool_json(&["map", "show", "id", id]);
            shown.is_some_and(|m| m["name"].as_str().is_some_and(|n| n.ends_with(".bss")))
        };
        let map = ids.into_iter().find(is_bss)?;
        let dump = bpftool_json(&["map", "dump", "id", &map])?;
        let bytes = dump[0]["value"].as_array()?.iter();
        let bytes =
            bytes.map(|b| u8::from_str_radix(b.as_str()?.trim_start_matches("0x"), 16).ok());
        Some(numbers(&bytes.collect::<Option<Vec<u8>>>()?))
    };
    let answers = run();
    std::fs::remove_dir_all(&pins).ok();
    std::fs::remove_file(&packet).ok();
    answers
}

/// What program `name` of `object` leaves in `.bss` as we link it.
fn with_us(object: &Object, name: &str) -> Vec<u64> {
    let program = object.program(Some(name)).unwrap();
    let data = program.maps.iter().position(|m| m.name == ".bss").unwrap();
    let kernel = KernelObject::create(&program).unwrap();
    let loaded = kernel.load(&program, Attach::Plain).unwrap();
    loaded.test_run(&[0; 64], &RunInputs::default()).unwrap();
    numbers(&kernel.maps[data].lookup(&[0; 4]).unwrap())
}

fn same_as_libbpf(file: &str, name: &str, object: impl Fn(&Path) -> Object) {
    let path = folder("../frontend/tests/objects").join(file);
    let ours = with_us(&object(&path), name);
    assert!(ours.iter().filter(|n| **n != 0).count() > 4, "{ours:?}");
    match with_libbpf(&path, name) {
        Some(theirs) => assert_eq!(ours, theirs),
        None => println!("notice: skipped: bpftool cannot load objects here"),
    }
}

#[test]
fn core_relocations_are_resolved_as_libbpf_does() {
    if reachable() {
        same_as_libbpf("relocated.o", "relocated", |path| object(path).unwrap());
    }
}

#[test]
fn configuration_of_the_kernel_is_what_libbpf_finds() {
    if reachable() && Path::new("/proc/config.gz").exists() {
        same_as_libbpf("kconfig.o", "kconfig", |path| with_config(object(path).unwrap()));
    }
}

fn with_config(mut object: Object) -> Object {
    let packed = std::fs::read("/proc/config.gz").unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let config = KernelConfig::parse(&text, "/proc/config.gz", Some(release.trim()));
    object.use_kernel_config(&config).unwrap();
    object
}
