//! Rewrites `traffic.pcap` and `maps.json` of every example: `make-traffic [EXAMPLES-FOLDER]`, default `examples`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use beeline_testbench::traffic::examples::{self, Example};

fn main() -> ExitCode {
    let root = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("examples"), PathBuf::from);
    for example in examples::all() {
        let folder = root.join(example.name);
        if let Err(error) = write(&folder, &example) {
            eprintln!("make-traffic: {}: {error}", folder.display());
            return ExitCode::from(2);
        }
        println!(
            "{}: {} packets, {} map entries",
            folder.display(),
            example.trace.frames.len(),
            example.maps.len()
        );
    }
    ExitCode::SUCCESS
}

fn write(folder: &Path, example: &Example) -> io::Result<()> {
    std::fs::write(folder.join("traffic.pcap"), example.pcap()?)?;
    match example.maps_json() {
        Some(text) => std::fs::write(folder.join("maps.json"), text),
        None => Ok(()),
    }
}
