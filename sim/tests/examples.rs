//! The examples on their captures: the IR does what the bytecode does, packet by packet, and leaves the same maps.

#![allow(clippy::unwrap_used)] // a test

mod support;

use beeline_frontend::lift;
use beeline_ir::if_convert::if_convert;
use beeline_ir::op::{CmpOp, Op};
use beeline_ir::validate::{validate_function, validate_pipeline};
use beeline_sim::exec::{FunctionExec, PipelineExec};
use beeline_sim::{compare, compare_maps, Executor, Inputs, Interp, MapSet, Outcome, Packet};
use support::{maps, packets, verified, with_damage};

/// Runs every packet and gives all outcomes and the maps.
fn run(engine: &mut dyn Executor, packets: &[Vec<u8>], mut maps: MapSet) -> (Vec<Outcome>, MapSet) {
    let mut packet = Packet::new();
    let outcomes = packets
        .iter()
        .enumerate()
        .map(|(i, bytes)| {
            let inputs = Inputs {
                packet_index: i as u32,
                seed: 7,
                time_ns: 1000 * i as u64,
                ..Inputs::default()
            };
            packet.arrive(bytes).unwrap();
            let exit = engine
                .run(&inputs, &mut packet, &mut maps)
                .unwrap_or_else(|e| panic!("packet {i}: {e}"));
            Outcome::new(exit, &packet)
        })
        .collect();
    (outcomes, maps)
}

fn check(name: &str) {
    let program = verified(name);
    let packets = with_damage(packets(name));
    let start = maps(name, &program);
    let mut interp = Interp::new(&program).unwrap();
    let (expected, expected_maps) = run(&mut interp, &packets, start.clone());
    let leaves = expected.iter().filter(|o| o.exit.action().leaves()).count();
    assert!(leaves > 0, "{name}: no packet leaves");

    let function = lift::lift(&program).unwrap_or_else(|e| panic!("{name}: {}", e[0]));
    let function = validate_function(function).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let mut engines: Vec<(&str, Box<dyn Executor>)> =
        vec![("function", Box::new(FunctionExec::new(&function)))];
    if let Ok(pipeline) = if_convert(&function) {
        let pipeline = validate_pipeline(pipeline).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        engines.push(("pipeline", Box::new(PipelineExec::new(&pipeline))));
    }
    for (form, engine) in &mut engines {
        let (outcomes, maps) = run(engine.as_mut(), &packets, start.clone());
        for (i, (left, right)) in expected.iter().zip(&outcomes).enumerate() {
            if let Some(difference) = compare(left, right) {
                panic!("{name}, packet {i}, interpreter against {form}: {difference}");
            }
        }
        if let Some(difference) = compare_maps(&expected_maps, &maps) {
            panic!("{name}, interpreter against {form}: {difference}");
        }
    }
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

/// Each equality of the firewall turned around in turn: the comparison above must notice nearly all.
#[test]
fn a_wrong_comparison_in_the_ir_is_noticed() {
    let program = verified("firewall");
    let packets = with_damage(packets("firewall"));
    let start = maps("firewall", &program);
    let (expected, _) = run(&mut Interp::new(&program).unwrap(), &packets, start.clone());
    let right = lift::lift(&program).unwrap();
    let equalities: Vec<_> = right
        .dfg
        .insts
        .iter()
        .filter(|(_, data)| matches!(data.op, Op::Cmp(CmpOp::Eq, ..)))
        .map(|(inst, _)| inst)
        .collect();
    let noticed = equalities.iter().filter(|inst| {
        let mut wrong = right.clone();
        if let Op::Cmp(op, ..) = &mut wrong.dfg.insts[**inst].op {
            *op = CmpOp::Ne;
        }
        let mut exec = FunctionExec::new(&validate_function(wrong).unwrap());
        let mut maps = start.clone();
        packets.iter().zip(&expected).any(|(bytes, expected)| {
            let mut packet = Packet::with(bytes).unwrap();
            match exec.run(&Inputs::default(), &mut packet, &mut maps) {
                Ok(exit) => compare(expected, &Outcome::new(exit, &packet)).is_some(),
                Err(_) => true,
            }
        })
    });
    let (noticed, all) = (noticed.count(), equalities.len());
    assert!(all >= 10 && noticed * 10 >= all * 8, "{noticed} of {all}");
}
