//! The Verilog of every example passes Yosys for two device families.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

use beeline_frontend::{load, verifier};
use beeline_hdl::tools::find_yosys;
use beeline_testbench::flow::{compile, Options};
use std::path::Path;

fn synthesises(name: &str) {
    let Some(yosys) = find_yosys() else {
        eprintln!("notice: Yosys was not found; {name} is not synthesised");
        return;
    };
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../examples/{name}/{name}.o"));
    let bytes = std::fs::read(object).unwrap();
    let program = verifier::verify(load(&bytes, name).unwrap().program(None).unwrap()).unwrap();
    let design = compile(&program, &Options::default()).unwrap().design;
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("synth-{name}"));
    std::fs::create_dir_all(&dir).unwrap();
    let mut read = String::new();
    for (file, text) in design.sources() {
        let path = dir.join(file);
        std::fs::write(&path, text).unwrap();
        read.push_str(&format!("read_verilog -sv {}\n", path.display()));
    }
    let top = &design.top;
    for synth in [
        format!("synth_xilinx -family xcup -noiopad -noclkbuf -top {top}"),
        format!("synth_ecp5 -noabc9 -top {top}"),
    ] {
        let output = yosys.command(&format!("{read}{synth}\ncheck -assert\n")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {synth}: {text}");
    }
}

macro_rules! synthesis {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                synthesises(stringify!($name));
            }
        )*
    };
}

synthesis!(l2_acl firewall proto_counters ipip_encap vlan router icmp_echo dns_filter snap);
