//! Objects made by clang, judged by both verifiers.

use super::kernel::{judge, reachable, Verdict};
use beeline_frontend::{load, verifier, Program};
use std::path::{Path, PathBuf};

pub fn objects(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut pending = vec![root];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "o") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub fn programs(path: &Path) -> Vec<Program> {
    let bytes = std::fs::read(path).expect("a readable object");
    let Ok(object) = load(&bytes, &path.display().to_string()) else { return Vec::new() };
    object.programs.iter().filter_map(|p| object.program(Some(&p.name)).ok()).collect()
}

#[test]
fn both_verifiers_agree_on_committed_objects() {
    if reachable() {
        let committed = ["../examples", "../frontend/tests/objects", "tests/verifier/functions"];
        let committed = committed.into_iter().flat_map(objects);
        assert!(compare(committed) > 0);
    }
}

/// For a developer's own collection: every object below the folder that `BEELINE_OBJECTS` names.
#[test]
fn both_verifiers_agree_on_given_objects() {
    match std::env::var("BEELINE_OBJECTS") {
        Ok(folder) if reachable() => {
            let judged = compare(objects(&folder).into_iter());
            println!("{judged} programs judged");
            assert!(judged > 0);
        }
        _ => println!("notice: BEELINE_OBJECTS is not set, or the kernel is out of reach: skipped"),
    }
}

/// Judges every program of these objects; panics with the list of disagreements. Returns how many were judged.
fn compare(paths: impl Iterator<Item = PathBuf>) -> u32 {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for path in paths {
        for program in programs(&path) {
            let name = format!("{} {}", path.display(), program.name);
            let theirs = match judge(&program) {
                Verdict::Accepted => true,
                Verdict::Refused(log) => {
                    println!("{name}: the kernel refuses: {log}");
                    false
                }
                Verdict::Unknown(why) => {
                    println!("notice: {name} skipped: {why}");
                    continue;
                }
            };
            judged += 1;
            let start = std::time::Instant::now();
            let ours = verifier::verify(program);
            let seconds = start.elapsed().as_secs_f64();
            let walked = ours.as_ref().map_or(0, |v| v.insns_walked());
            println!("{name}: {walked} instructions walked in {seconds:.3} s");
            match ours {
                Ok(_) if theirs => {}
                Err(_) if !theirs => {}
                Ok(_) => wrong.push(format!("{name}: only we accept it")),
                Err(d) => wrong.push(format!("{name}: only the kernel accepts it: {}", d[0])),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    judged
}
