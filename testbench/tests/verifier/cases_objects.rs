//! Callbacks, iterators, dynptrs, locks, timers, sockets, inner maps and the stack: programs of `objects/*.c`, whose names tell the verdict.

use super::kernel::{judge, reachable, Verdict};
use beeline_frontend::{load, verifier, Program};

const OBJECTS: [(&str, &[u8]); 9] = [
    ("callbacks", include_bytes!("objects/callbacks.o")),
    ("iterators", include_bytes!("objects/iterators.o")),
    ("dynptrs", include_bytes!("objects/dynptrs.o")),
    ("locks", include_bytes!("objects/locks.o")),
    ("timers", include_bytes!("objects/timers.o")),
    ("sockets", include_bytes!("objects/sockets.o")),
    ("inner_maps", include_bytes!("objects/inner_maps.o")),
    ("stack", include_bytes!("objects/stack.o")),
    ("memory", include_bytes!("objects/memory.o")),
];

pub fn programs() -> Vec<(String, Program)> {
    let mut found = Vec::new();
    for (name, bytes) in OBJECTS {
        let object = load(bytes, name).expect("the object loads");
        for p in &object.programs {
            let program = object.program(Some(&p.name)).expect("the program links");
            found.push((format!("{name}/{}", p.name), program));
        }
    }
    found
}

fn is_safe(name: &str) -> bool {
    name.contains("/ok_")
}

#[test]
fn programs_of_the_objects_get_their_verdict() {
    let mut wrong = Vec::new();
    for (name, program) in programs() {
        match verifier::verify(program) {
            Ok(_) if is_safe(&name) => {}
            Err(_) if !is_safe(&name) => {}
            Ok(_) => wrong.push(format!("{name} is accepted")),
            Err(d) => wrong.push(format!("{name} is refused: {}", d[0])),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_kernel_agrees_on_programs_of_the_objects() {
    if !reachable() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, program) in programs() {
        match judge(&program) {
            Verdict::Accepted if is_safe(&name) => {}
            Verdict::Refused(_) if !is_safe(&name) => {}
            Verdict::Accepted => wrong.push(format!("{name} is accepted")),
            Verdict::Refused(log) => wrong.push(format!("{name} is refused: {log}")),
            Verdict::Unknown(why) => println!("notice: {name} skipped: {why}"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Refusals of each kind of object: the code, what was expected and found, and a way out.
#[test]
fn refusals_of_objects_explain_themselves() {
    let codes = [
        ("locks/no_writes_lock", "BL0332"),
        ("locks/no_unlocks_other", "BL0349"),
        ("locks/no_never_unlocked", "BL0349"),
        ("timers/no_other_map", "BL0341"),
        ("timers/no_callback_returns_one", "BL0355"),
        ("dynptrs/no_never_made", "BL0331"),
        ("dynptrs/no_slice_written", "BL0327"),
        ("dynptrs/no_record_not_given_back", "BL0348"),
        ("iterators/no_not_destroyed", "BL0348"),
        ("iterators/no_number_after_destroy", "BL0320"),
        ("sockets/no_mark_of_common", "BL0328"),
        ("callbacks/no_loop_returns_two", "BL0355"),
        ("callbacks/no_each_of_ringbuf", "BL0344"),
        ("inner_maps/no_not_tested", "BL0341"),
        ("memory/no_checksum_of_negative", "BL0343"),
    ];
    let programs = programs();
    for (name, code) in codes {
        let (_, program) = programs.iter().find(|(n, _)| n == name).expect("the case exists");
        let refused = verifier::verify(program.clone()).expect_err("the case is unsafe");
        assert_eq!(refused[0].code, code, "{name}: {}", refused[0]);
        let place = &refused[0].at;
        assert!(place.insn.is_some() && place.line.is_some(), "{name}");
        assert!(refused[0].notes.iter().any(|n| n.starts_with("registers: ")), "{name}");
    }
}
