//! The passes on the examples: after every one of them, the IR does what the bytecode does.

#![allow(clippy::unwrap_used)] // a test

mod support;

use beeline_frontend::lift;
use beeline_ir::if_convert::if_convert;
use beeline_ir::passes::{optimize, Options};
use beeline_ir::ports::share_ports;
use beeline_ir::schedule::schedule;
use beeline_ir::target::TargetDesc;
use beeline_ir::text::{parse_function, parse_pipeline, parse_staged};
use beeline_ir::validate::{validate_function, validate_pipeline, validate_staged};
use beeline_ir::Function;
use beeline_sim::exec::FunctionExec;
use beeline_sim::{compare, compare_maps, Executor, Inputs, Interp, MapSet, Outcome, Packet};
use support::{maps, packets, verified, with_damage};

fn run(engine: &mut dyn Executor, packets: &[Vec<u8>], mut maps: MapSet) -> (Vec<Outcome>, MapSet) {
    let mut packet = Packet::new();
    let mut outcomes = Vec::new();
    for (i, bytes) in packets.iter().enumerate() {
        let inputs = Inputs { packet_index: i as u32, seed: 7, ..Inputs::default() };
        packet.arrive(bytes).unwrap();
        let exit = engine.run(&inputs, &mut packet, &mut maps);
        let exit = exit.unwrap_or_else(|e| panic!("packet {i}: {e}"));
        outcomes.push(Outcome::new(exit, &packet));
    }
    (outcomes, maps)
}

fn check(name: &str) {
    let program = verified(name);
    let packets = with_damage(packets(name));
    let start = maps(name, &program);
    let (expected, expected_maps) =
        run(&mut Interp::new(&program).unwrap(), &packets, start.clone());
    let mut function = lift::lift(&program).unwrap_or_else(|e| panic!("{name}: {}", e[0]));
    let size = |f: &Function| f.blocks.values().map(|b| b.insts.len()).sum::<usize>();
    let before = size(&function);
    let mut steps = 0;
    let times = optimize(&mut function, &Options::default(), &mut |pass, after| {
        steps += 1;
        let after =
            validate_function(after.clone()).unwrap_or_else(|e| panic!("{name}: {pass}: {e}"));
        let (outcomes, maps) = run(&mut FunctionExec::new(&after), &packets, start.clone());
        for (i, (left, right)) in expected.iter().zip(&outcomes).enumerate() {
            if let Some(difference) = compare(left, right) {
                panic!("{name}, packet {i}, {pass}: {difference}\n{}", *after);
            }
        }
        if let Some(difference) = compare_maps(&expected_maps, &maps) {
            panic!("{name}, {pass}: {difference}");
        }
    });
    let times = times.unwrap_or_else(|e| panic!("{name}: {}", e[0]));
    let time: std::time::Duration = times.iter().map(|t| t.time).sum();
    println!("{name}: {before} operations, {} after {steps} steps and {time:?}", size(&function));
    if std::env::var_os("BEELINE_SHOW").is_some() {
        let changed =
            times.iter().map(|t| format!("{} {}/{} {:?}", t.name, t.changes, t.runs, t.time));
        println!("{}", changed.collect::<Vec<_>>().join("\n"));
    }
    if std::env::var("BEELINE_SHOW").is_ok_and(|n| n == name) {
        println!("{function}");
    }
    let unrolled = times.iter().any(|t| t.name == "unroll_loops" && t.changes > 0);
    assert!(unrolled || size(&function) < before, "{name} got larger");
}

macro_rules! examples {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )* };
}

examples!(dns_filter firewall icmp_echo ipip_encap l2_acl proto_counters router snap vlan);

/// Every form of every example is valid, and prints and parses back to the same text.
#[test]
fn all_forms_are_valid_and_round_trip() {
    let names = [
        "dns_filter",
        "firewall",
        "icmp_echo",
        "ipip_encap",
        "l2_acl",
        "proto_counters",
        "router",
        "snap",
        "vlan",
    ];
    for name in names {
        let mut function = lift::lift(&verified(name)).unwrap();
        let text = function.to_string();
        assert_eq!(
            parse_function(&text).unwrap_or_else(|e| panic!("{name}: {e}")).to_string(),
            text
        );
        optimize(&mut function, &Options::default(), &mut |_, _| ()).unwrap();
        let mut pipeline = if_convert(&function).unwrap_or_else(|e| panic!("{name}: {}", e[0]));
        share_ports(&mut pipeline).unwrap_or_else(|e| panic!("{name}: {}", e[0]));
        let text = pipeline.to_string();
        assert_eq!(
            parse_pipeline(&text).unwrap_or_else(|e| panic!("{name}: {e}")).to_string(),
            text
        );
        let pipeline =
            validate_pipeline(pipeline).unwrap_or_else(|e| panic!("{name}: {e}")).into_inner();
        let target = TargetDesc::built_in("xcup").unwrap();
        let staged = schedule(pipeline, &target).unwrap_or_else(|e| panic!("{name}: {}", e[0]));
        let text = staged.to_string();
        assert_eq!(parse_staged(&text).unwrap_or_else(|e| panic!("{name}: {e}")).to_string(), text);
        if let Err(faults) = validate_staged(staged) {
            panic!("{name}: {faults}");
        }
    }
}
