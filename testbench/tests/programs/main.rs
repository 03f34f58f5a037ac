//! Programs in the manner of those people write, in every variant that clang makes of them: our verdict is the kernel's,
//! and interpreter and kernel agree on every packet, event and map. `README.md` beside this file says what each exercises.
//!
//! Without clang the committed objects are tried; without the kernel the interpreter runs alone.

#![allow(clippy::unwrap_used)] // in a test, a panic is the report

mod compile;
mod hardware;
mod judge;
mod workload;

use beeline_testbench::kernel;
use compile::{matrix, Clang, Variant, COMMITTED};
use judge::Trial;
use std::collections::BTreeSet;
use workload::{Case, CASES};

/// The objects of a case, each with the variant it is; `None` for the committed one.
fn objects(case: &Case) -> Vec<(Option<Variant>, Vec<u8>)> {
    let committed = compile::committed(case.name);
    let mut objects = vec![(
        None,
        std::fs::read(&committed)
            .unwrap_or_else(|e| panic!("{}: {e}; see README.md beside it", committed.display())),
    )];
    match Clang::find() {
        Err(why) => println!("notice: only the committed object: {why}"),
        Ok(clang) => {
            for variant in chosen(case) {
                let object = clang.object(case.name, variant);
                objects.push((
                    Some(variant),
                    object.unwrap_or_else(|e| panic!("{} {variant}: {e}", case.name)),
                ));
            }
        }
    }
    objects
}

/// All variants of the case, or with `BEELINE_MATRIX=short` one in three, a different third for each program.
fn chosen(case: &Case) -> Vec<Variant> {
    let all = matrix(case.least_cpu);
    if std::env::var("BEELINE_MATRIX").as_deref() != Ok("short") {
        return all;
    }
    let shift = CASES.iter().position(|c| c.name == case.name).unwrap_or(0);
    let keep = |(i, v): &(usize, Variant)| (i + shift) % 3 == 0 || *v == COMMITTED;
    all.into_iter().enumerate().filter(keep).map(|(_, v)| v).collect()
}

/// Tries every object of program `name`; one report of all that is wrong.
fn check(name: &str) {
    let case = CASES.iter().find(|c| c.name == name).expect("the macro names cases");
    let kernel = kernel::available();
    if let Err(why) = &kernel {
        println!("notice: not compared with the kernel: {why}");
    }
    let trial = Trial { case, workload: (case.workload)(), kernel: kernel.is_ok() };
    let mut faults = BTreeSet::new();
    for (variant, object) in objects(case) {
        let may_be_refused = case.refused_at_o1 && variant.is_some_and(|v| v.level == "O1");
        let variant = variant.map_or("committed".to_owned(), |v| v.to_string());
        for fault in trial.run(&object, may_be_refused) {
            faults.insert(format!("{name} {variant}: {fault}"));
        }
    }
    let text: Vec<String> = faults.into_iter().collect();
    assert!(text.is_empty(), "\n{}", text.join("\n"));
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

programs! {
    amp_filter atomics big_unrolled blocklist_lpm bloom_seen conntrack core_types dns_cache fib_router flow_ringbuf
    frags_bytes fw_5tuple globals gre_tunnel heavy_hitters histograms http_match iproute_elf_map ipip_decap ipv6_ext
    lb_ipip legacy_acl loop_scan maglev_gue meta_mark mpls_switch nat64 payload_csum perf_sample port_pool quic_lb
    rate_window redirect_all snat subprograms switchboard syn_proxy tail_chain tail_parser tcp_options tenants
    token_bucket vlan_qinq vxlan_gw
}

/// Names of the files in `folder` with the ending `ending`, without it.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(compile::folder().join(folder)).unwrap();
    let names = files.map(|f| f.unwrap().file_name().into_string().unwrap());
    names.filter_map(|n| n.strip_suffix(ending).map(str::to_owned)).collect()
}

#[test]
fn every_source_is_a_case_and_documented() {
    let cases: BTreeSet<String> = CASES.iter().map(|c| c.name.to_owned()).collect();
    assert_eq!(cases, TESTED.iter().map(|n| (*n).to_owned()).collect());
    assert_eq!(cases, stems("c", ".c"));
    assert_eq!(cases, stems("objects", ".o"));
    let readme = std::fs::read_to_string(compile::folder().join("README.md")).unwrap();
    for case in CASES {
        assert!(
            readme.contains(&format!("\n| `{}` |", case.name)),
            "README.md has no row for {}",
            case.name
        );
    }
}

/// How much of a program its traffic must execute, in percent of the slots. Retries against races that a test run does not
/// have are the largest part of the rest.
const LEAST_REACHED: usize = 80;

#[test]
fn traffic_reaches_the_code() {
    let mut poor = Vec::new();
    for case in CASES.iter().filter(|c| c.entry.is_none() && c.name != "core_types") {
        let trial = Trial { case, workload: (case.workload)(), kernel: false };
        let bytes = std::fs::read(compile::committed(case.name)).unwrap();
        let (missed, all) = trial.unreached(&bytes).unwrap();
        println!("{}: {} of {all} slots are not reached: {missed:?}", case.name, missed.len());
        if (all - missed.len()) * 100 < all * LEAST_REACHED {
            poor.push(format!("{}: {} of {all} slots are not reached", case.name, missed.len()));
        }
    }
    assert!(poor.is_empty(), "\n{}", poor.join("\n"));
}
