//! The time that both verifiers take for the same programs, side by side, in CPU time of the calling thread.

use super::kernel::reachable;
use super::objects::{objects, programs};
use beeline_frontend::{verifier, Program};
use beeline_testbench::kernel::{Attach, KernelObject};

/// Most runs of a program by each of the two; the fastest counts.
const RUNS: u32 = 15;

/// A program that takes longer than this in one run is not run again.
const LONG_SECONDS: f64 = 0.3;

/// How much longer than Linux a program may take.
const MAX_RATIO: f64 = 3.0;

/// Measurements of a program that seems too slow, since other work on the machine disturbs both.
const MEASUREMENTS: u32 = 3;

/// CPU seconds of this thread, in user and system mode.
fn cpu_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a valid, writable timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// The shortest of some runs.
fn shortest(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = cpu_seconds();
        run();
        best = best.min(cpu_seconds() - start);
        if best > LONG_SECONDS {
            break;
        }
    }
    best
}

/// One line of the table.
struct Line {
    name: String,
    insns: usize,
    walked: [u64; 2],
    seconds: [f64; 2],
    accepted: [bool; 2],
}

impl Line {
    fn ratio(&self) -> f64 {
        self.seconds[1] / self.seconds[0]
    }

    fn print(&self) {
        let verdict = |yes| if yes { "" } else { " refused" };
        println!(
            "| {} | {} | {}{} | {}{} | {:.2} | {:.2} | {:.2} |",
            self.name,
            self.insns,
            self.walked[0],
            verdict(self.accepted[0]),
            self.walked[1],
            verdict(self.accepted[1]),
            self.seconds[0] * 1e3,
            self.seconds[1] * 1e3,
            self.ratio()
        );
    }
}

fn measure(name: String, program: &Program) -> Option<Line> {
    let object = match KernelObject::create(program) {
        Ok(object) => object,
        Err(why) => {
            println!("notice: {name} skipped: {why}");
            return None;
        }
    };
    let load = || object.load_quietly(program, Attach::Section);
    let first = load();
    let theirs = first.is_ok();
    let walked = first.ok().and_then(|p| p.walked().ok()).map_or(0, u64::from);
    let kernel = if theirs { shortest(|| drop(std::hint::black_box(load()))) } else { f64::NAN };
    let ours = verifier::verify(program.clone());
    let copies: Vec<Program> = (0..RUNS).map(|_| program.clone()).collect();
    let mut copies = copies.into_iter();
    let us = shortest(|| {
        let copy = copies.next().expect("as many copies as runs");
        drop(std::hint::black_box(verifier::verify(copy)));
    });
    if let Err(d) = &ours {
        if theirs {
            println!("{}", d[0]);
        }
    }
    Some(Line {
        name,
        insns: program.insns.len(),
        walked: [walked, ours.as_ref().map_or(0, |v| v.insns_walked())],
        seconds: [kernel, us],
        accepted: [theirs, ours.is_ok()],
    })
}

fn measure_carefully(name: &str, program: &Program) -> Option<Line> {
    let mut line = measure(name.into(), program)?;
    for _ in 1..MEASUREMENTS {
        if line.accepted != [true, true] || line.ratio() <= MAX_RATIO {
            break;
        }
        line = measure(name.into(), program)?;
    }
    Some(line)
}

/// Prints the table for the committed objects, and for those below the folders in `BEELINE_OBJECTS`.
#[test]
fn time_beside_the_kernels() {
    if !reachable() {
        return;
    }
    let mut folders: Vec<String> =
        ["../examples", "../frontend/tests/objects", "tests/verifier/stress"]
            .map(String::from)
            .into();
    let given = std::env::var("BEELINE_OBJECTS").unwrap_or_default();
    folders.extend(given.split(':').filter(|f| !f.is_empty()).map(String::from));
    println!("| program | instructions | walked by Linux | walked by Beeline | Linux, ms | Beeline, ms | ratio |");
    println!("|---|---|---|---|---|---|---|");
    let mut lines = Vec::new();
    for path in folders.iter().flat_map(|f| objects(f)) {
        for program in programs(&path) {
            let file =
                path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            let name = format!("{file} {}", program.name);
            if let Some(line) = measure_carefully(&name, &program) {
                line.print();
                lines.push(line);
            }
        }
    }
    let both = || lines.iter().filter(|l| l.accepted == [true, true]);
    let worst = both().map(Line::ratio).fold(0.0, f64::max);
    let sum = |i: usize| both().map(|l| l.seconds[i]).sum::<f64>();
    println!("{} programs, worst ratio {worst:.2}, of all {:.2}", lines.len(), sum(1) / sum(0));
    assert!(both().count() > 0);
    for line in &lines {
        assert!(line.accepted[1] || !line.accepted[0], "only Linux accepts {}", line.name);
    }
    assert!(worst <= MAX_RATIO, "a program takes {worst:.2} times as long as in Linux");
}
