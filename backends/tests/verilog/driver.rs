//! The C driver: its types against what a C compiler makes of the program's own declarations, and no warning anywhere.

use crate::golden;
use beeline_backends::driver::{Aggregate, CType, MapTypes, Member, Types};
use beeline_backends::verilog::Options;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Strictest warnings of both compilers.
const FLAGS: [&str; 6] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"];

fn int(bytes: u32, signed: bool) -> CType {
    CType::Int { bytes, signed }
}

fn member(name: &str, ty: CType, bit_offset: u32, bit_size: u32) -> Member {
    Member { name: name.to_owned(), ty, bit_offset, bit_size }
}

/// The types of `driver/layout.c`, as BTF describes them there.
fn types() -> Types {
    let u8s = |n| CType::Array(Box::new(int(1, false)), n);
    let aggregate = |name: &str, union, size, members| Aggregate {
        name: name.to_owned(),
        union,
        size,
        members,
    };
    let aggregates = vec![
        aggregate(
            "",
            true,
            8,
            vec![member("word", int(8, false), 0, 0), member("half", int(2, true), 0, 0)],
        ),
        aggregate(
            "flow",
            false,
            24,
            vec![
                member("int", int(4, true), 0, 0),
                member("dscp", int(1, false), 32, 6),
                member("ecn", int(1, false), 38, 2),
                member("delta", int(4, true), 40, 13),
                member("", int(4, false), 53, 3),
                member("top", int(4, false), 56, 8),
                member("", CType::Aggregate(0), 64, 0),
                member(
                    "name",
                    CType::Array(Box::new(CType::Array(Box::new(CType::Char), 3)), 2),
                    128,
                    0,
                ),
                member("padding", int(1, false), 176, 0),
            ],
        ),
        aggregate(
            "packed",
            false,
            13,
            vec![
                member("kind", int(1, false), 0, 0),
                member("count", int(8, false), 8, 0),
                member("tail", u8s(4), 72, 0),
            ],
        ),
    ];
    let map = |key, value| MapTypes { key: Some(key), value: Some(value), ..MapTypes::default() };
    let maps = vec![
        map(int(4, false), CType::Aggregate(1)),
        MapTypes { hidden: vec![(4, 3), (12, 1)], ..map(int(4, false), CType::Aggregate(2)) },
    ];
    Types { aggregates, maps }
}

fn compilers() -> Vec<&'static str> {
    let there =
        |c: &&str| Command::new(c).arg("--version").output().is_ok_and(|o| o.status.success());
    ["cc", "clang", "clang-19"].into_iter().filter(there).collect()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}");
}

fn work_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("driver").join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn types_have_the_layout_of_the_program() {
    let text = fs::read_to_string(golden::here().join("driver.ir")).unwrap();
    let design = golden::emit_text(&text, Options { types: types(), ..Options::default() });
    let dir = work_dir("layout");
    let driver = design.files.iter().filter(|(name, _)| name.contains("_host."));
    for (name, text) in driver {
        fs::write(dir.join(name), text).unwrap();
    }
    let test = golden::here().join("driver/layout.c");
    for compiler in compilers() {
        let binary = dir.join(compiler);
        let mut command = Command::new(compiler);
        command.args(FLAGS).arg("-I").arg(&dir).arg(&test).arg(dir.join("typed_host.c"));
        run(command.arg("-o").arg(&binary));
        run(&mut Command::new(binary));
    }
}

#[test]
fn goldens_compile_without_a_warning() {
    for compiler in compilers() {
        for name in ["acl", "options"] {
            let source = golden::here().join(name).join(format!("{name}_host.c"));
            let object = work_dir("golden").join(format!("{compiler}_{name}.o"));
            run(Command::new(compiler).args(FLAGS).arg("-c").arg(source).arg("-o").arg(object));
        }
    }
}
