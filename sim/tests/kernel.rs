//! The interpreter against the running kernel: the examples through `bpftool prog run`.
//!
//! Skipped with a notice where bpftool, the BPF file system or the privileges are missing. Packets that the kernel
//! would split into fragments are left out, and redirect targets are not visible (`docs/semantics.md`).

#![allow(clippy::unwrap_used)] // a test

mod support;

use beeline_sim::{Executor, Inputs, Interp, Outcome, Packet};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{directory, entries, maps, packets, verified, with_damage};

/// Not the router: its device map wants interfaces that exist.
const EXAMPLES: [&str; 8] = [
    "l2_acl",
    "firewall",
    "icmp_echo",
    "ipip_encap",
    "dns_filter",
    "proto_counters",
    "snap",
    "vlan",
];

/// Packets of each example; each costs a process.
const BUDGET: usize = 60;

/// Pins in the BPF file system; removed at the end.
struct Pinned(PathBuf);

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bpftool(args: &[&str]) -> Result<String, String> {
    let output = Command::new("bpftool").args(args).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn load(name: &str) -> Result<Pinned, String> {
    let pins =
        Pinned(Path::new("/sys/fs/bpf").join(format!("beeline-{}-{name}", std::process::id())));
    std::fs::create_dir(&pins.0).map_err(|e| e.to_string())?;
    let object = directory(name).join(format!("{name}.o"));
    let dir = pins.0.to_str().unwrap();
    let program = format!("{dir}/program");
    bpftool(&["prog", "load", object.to_str().unwrap(), &program, "type", "xdp", "pinmaps", dir])?;
    for (map, key, value) in entries(name) {
        let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>();
        let map = format!("{dir}/{map}");
        let (key, value) = (hex(&key), hex(&value));
        let mut args = vec!["map", "update", "pinned", &map, "key", "hex"];
        args.extend(key.iter().map(String::as_str));
        args.extend(["value", "hex"]);
        args.extend(value.iter().map(String::as_str));
        bpftool(&args)?;
    }
    Ok(pins)
}

/// Return value and output bytes of the kernel.
fn run_in_kernel(pins: &Pinned, bytes: &[u8]) -> (u32, Vec<u8>) {
    let files = std::env::temp_dir().join(pins.0.file_name().unwrap());
    let (input, output) = (files.with_extension("in"), files.with_extension("out"));
    std::fs::write(&input, bytes).unwrap();
    let program = pins.0.join("program");
    let said = bpftool(&[
        "prog",
        "run",
        "pinned",
        program.to_str().unwrap(),
        "data_in",
        input.to_str().unwrap(),
        "data_out",
        output.to_str().unwrap(),
    ])
    .unwrap();
    let code =
        said.split("Return value: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let bytes = std::fs::read(&output).unwrap();
    let _ = (std::fs::remove_file(input), std::fs::remove_file(output));
    (code, bytes)
}

#[test]
fn the_interpreter_does_what_the_kernel_does() {
    for name in EXAMPLES {
        let pins = match load(name) {
            Ok(pins) => pins,
            Err(why) if name == EXAMPLES[0] => {
                eprintln!("skipped: no kernel to compare with: {}", why.trim());
                return;
            }
            Err(why) => panic!("{name}: {why}"),
        };
        let program = verified(name);
        let mut interp = Interp::new(&program).unwrap();
        let mut maps = maps(name, &program);
        let mut packets = with_damage(packets(name));
        packets.retain(|p| p.len() <= 3520);
        for (i, bytes) in packets.iter().step_by(packets.len() / BUDGET).enumerate() {
            let mut packet = Packet::with(bytes).unwrap();
            let exit = interp.run(&Inputs::default(), &mut packet, &mut maps).unwrap();
            let ours = Outcome::new(exit, &packet);
            assert_eq!(
                (ours.exit.code, ours.bytes),
                run_in_kernel(&pins, bytes),
                "{name}, packet {i}"
            );
        }
    }
}
