//! The verifier on objects that clang made: every example of the project must pass, and its facts must say what the
//! program's text says.

use beeline_frontend::facts::{CallCtx, RegFact};
use beeline_frontend::{load, verifier, Insn, Reg, VerifiedProgram};
use std::path::{Path, PathBuf};

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut found = Vec::new();
    for dir in std::fs::read_dir(root).expect("the examples folder").flatten() {
        let Ok(files) = std::fs::read_dir(dir.path()) else { continue };
        let objects =
            files.flatten().map(|f| f.path()).filter(|p| p.extension().is_some_and(|e| e == "o"));
        found.extend(objects);
    }
    found.sort();
    assert!(!found.is_empty(), "no example objects");
    found
}

/// All programs of an object.
fn verified(path: &Path) -> Vec<VerifiedProgram> {
    let bytes = std::fs::read(path).expect("a readable object");
    let object = load(&bytes, "object").expect("a sound object");
    let verify = |name: &String| {
        let program = object.program(Some(name)).expect("a program of the object");
        verifier::verify(program).unwrap_or_else(|found| {
            let text: Vec<String> = found.iter().map(|d| d.to_string()).collect();
            panic!("{} {name}:\n{}", path.display(), text.join("\n"))
        })
    };
    object.xdp_programs().iter().map(verify).collect()
}

fn programs() -> Vec<(PathBuf, VerifiedProgram)> {
    let all = examples()
        .into_iter()
        .flat_map(|path| verified(&path).into_iter().map(move |program| (path.clone(), program)));
    all.collect()
}

#[test]
fn every_example_is_accepted_without_warnings() {
    for (path, program) in programs() {
        assert!(program.warnings().is_empty(), "{}: {:?}", path.display(), program.warnings());
        assert!(program.facts().insns_walked > 0);
    }
}

#[test]
fn examples_return_known_actions() {
    for (path, program) in programs() {
        let exits = program.program().insns.iter().enumerate().filter(|(_, i)| **i == Insn::Exit);
        for (pc, _) in exits {
            let Some(facts) = program.facts().at(CallCtx(0), beeline_frontend::Pc(pc as u32))
            else {
                continue;
            };
            let RegFact::Scalar(action) = facts.regs[Reg::R0.index()] else {
                panic!("{}: r0 is {:?}", path.display(), facts.regs[0])
            };
            assert!(action.mask != 0 || action.value <= 4, "{}: {action:?}", path.display());
        }
    }
}
