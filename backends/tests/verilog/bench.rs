//! Runs a Verilated module on given stimuli.

use crate::tools::{notice, run, verilator, work_dir};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A Verilated module `tb` with ports `clk`, `stim` and `resp`, the latter two wider than 64 bits.
pub struct Bench {
    binary: PathBuf,
    resp_words: usize,
}

/// Verilates module `top` of `files` and compiles it with `driver`; none if a tool is missing.
pub fn build(name: &str, top: &str, files: &[PathBuf], driver: &str) -> Option<PathBuf> {
    let verilator = verilator()?;
    if Command::new("g++").arg("--version").output().is_err() {
        notice("g++", "apt-get install g++");
        return None;
    }
    let include = verilator.include_dir().expect("an installed Verilator has its runtime sources");
    let dir = work_dir(name);
    let mut command = verilator.command();
    command
        .args(["--cc", "--prefix", "Vtop", "--top-module", top, "-Wall", "-O1", "--Mdir"])
        .arg(&dir);
    run(command.args(files));
    std::fs::write(dir.join("main.cpp"), driver).unwrap();
    let mut sources: Vec<PathBuf> =
        std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    sources.retain(|p| p.extension().is_some_and(|e| e == "cpp"));
    sources.sort();
    sources.extend(["verilated.cpp", "verilated_threads.cpp"].map(|f| include.join(f)));
    let binary = dir.join("bench");
    let mut command = Command::new("g++");
    command.args(["-std=gnu++20", "-O0", "-w", "-pthread", "-I"]).arg(&include);
    command.arg("-I").arg(include.join("vltstd")).arg("-I").arg(&dir).arg("-o").arg(&binary);
    run(command.args(sources));
    Some(binary)
}

impl Bench {
    /// Builds it from `files`, the last of which holds `tb`; none if a tool is missing.
    pub fn build(name: &str, files: &[PathBuf], resp_bits: usize) -> Option<Self> {
        let binary = build(name, "tb", files, DRIVER)?;
        Some(Self { binary, resp_words: resp_bits.div_ceil(32) })
    }

    /// One clock for each row of `stimuli` (words, least significant first): what `resp` is after the edge.
    pub fn run(&self, stimuli: &[Vec<u32>]) -> Vec<Vec<u32>> {
        let mut child = Command::new(&self.binary)
            .args([stimuli[0].len().to_string(), self.resp_words.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let bytes: Vec<u8> = stimuli.iter().flatten().flat_map(|w| w.to_le_bytes()).collect();
        let mut stdin = child.stdin.take().unwrap();
        let feeder = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        assert!(output.status.success());
        let words: Vec<u32> =
            output.stdout.chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect();
        assert_eq!(words.len(), stimuli.len() * self.resp_words);
        words.chunks(self.resp_words).map(<[u32]>::to_vec).collect()
    }
}

/// Reads words of `stim`, clocks, writes words of `resp`.
const DRIVER: &str = r#"
#include "Vtop.h"
#include <cstdio>
#include <cstdlib>
#include <vector>
int main(int, char** argv) {
    size_t in_words = atoi(argv[1]), out_words = atoi(argv[2]);
    Vtop top;
    std::vector<unsigned> in(in_words);
    while (fread(in.data(), 4, in_words, stdin) == in_words) {
        for (size_t i = 0; i < in_words; i++) top.stim[i] = in[i];
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
        for (size_t i = 0; i < out_words; i++) {
            unsigned w = top.resp[i];
            fwrite(&w, 4, 1, stdout);
        }
    }
}
"#;
