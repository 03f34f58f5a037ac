//! Compile time: the passes stay near-linear on large programs.

#![allow(clippy::unwrap_used)] // a test

use beeline_ir::passes::{optimize, Options};
use beeline_ir::text::parse_function;

/// A loop over packet bytes as checksums have it: `trips` rounds of a guarded load and a sum.
fn checksum(trips: u32) -> String {
    format!(
        "function f {{
b0:
  v0 = const.i64 0
  v1 = input.i16 packet_len
  v2 = zext.i64 v1
  v3 = const.i64 2
  v4 = const.i64 {max}
  jump b1(v0, v0)
b1(v5.i64, v6.i64) max_trips {trips}:
  v7 = add.i64 v5, v3
  v8 = ult.i1 v2, v7
  branch v8, b3, b2
b2:
  v9 = pkt_load.i8 v0 + v5 [0..{max}]
  v10 = const.i64 1
  v11 = add.i64 v5, v10
  v12 = pkt_load.i8 v0 + v11 [1..{max1}]
  v13 = zext.i64 v9
  v14 = zext.i64 v12
  v15 = const.i64 8
  v16 = shl.i64 v14, v15
  v17 = or.i64 v13, v16
  v18 = add.i64 v6, v17
  v19 = ult.i1 v4, v7
  branch v19, b3, b1(v7, v18)
b3:
  v20 = const.i32 2
  pkt_store v0 + v0 [0], v6
  ret action v20 start v0 end v1 valid_end v1 redirect_map v20 redirect_key v6
}}
",
        max = 2 * (trips - 1),
        max1 = 2 * trips - 1,
    )
}

#[test]
fn a_large_unrolled_loop_takes_well_under_a_second() {
    let mut func = parse_function(&checksum(700)).unwrap();
    let times = optimize(&mut func, &Options::default(), &mut |_, _| ()).unwrap();
    let total: std::time::Duration = times.iter().map(|t| t.time).sum();
    let size: usize = func.blocks.values().map(|b| b.insts.len()).sum();
    for t in &times {
        println!("{} {}/{} {:?}", t.name, t.changes, t.runs, t.time);
    }
    println!("{size} operations in {total:?}");
    assert!(size > 2000, "{size} operations are no test");
    // Generous: tests run without optimisation and beside others.
    assert!(total.as_secs_f64() < 5.0, "{total:?}");
}
