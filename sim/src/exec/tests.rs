//! Tests of the executors on programs in textual form.

use super::*;
use crate::outcome::{compare, compare_maps, Outcome, Redirect};
use beeline_ir::text::{parse_function, parse_pipeline};
use beeline_ir::validate::{validate_function, validate_pipeline};

fn run_on(exec: &mut dyn Executor, maps: &mut MapSet, bytes: &[u8]) -> Result<Outcome, Fault> {
    let mut packet = Packet::with(bytes).unwrap();
    let exit = exec.run(&Inputs::default(), &mut packet, maps)?;
    Ok(Outcome::new(exit, &packet))
}

fn function(text: &str) -> (FunctionExec, MapSet) {
    let f = parse_function(text).unwrap_or_else(|e| panic!("{e}"));
    let maps = MapSet::from_decls(f.dfg.maps.values()).unwrap();
    (FunctionExec::new(&validate_function(f).unwrap_or_else(|e| panic!("{e:?}"))), maps)
}

fn pipeline(text: &str) -> (PipelineExec, MapSet) {
    let p = parse_pipeline(text).unwrap_or_else(|e| panic!("{e}"));
    let maps = MapSet::from_decls(p.dfg.maps.values()).unwrap();
    (PipelineExec::new(&validate_pipeline(p).unwrap_or_else(|e| panic!("{e:?}"))), maps)
}

fn run_function(text: &str, bytes: &[u8]) -> Outcome {
    let (mut exec, mut maps) = function(text);
    run_on(&mut exec, &mut maps, bytes).unwrap()
}

/// Result of the operations `ops`, whose `v9` (an `i32`) is the action, on packet `01 02 03 ...` of 20 bytes.
fn code(ops: &str) -> u32 {
    let text = format!(
        "function f {{ b0: v0 = const.i64 0 v1 = input.i16 packet_len v2 = const.i8 0 v3 = const.i32 0
         {ops} ret action v9 start v0 end v1 valid_end v1 redirect_map v2 redirect_key v3 }}"
    );
    run_function(&text, &(1..=20).collect::<Vec<u8>>()).exit.code
}

#[test]
fn arithmetic_wraps_at_its_width() {
    let bin = |op: &str, a: u8, b: u8| {
        code(&format!("v4 = const.i8 {a} v5 = const.i8 {b} v6 = {op}.i8 v4, v5 v9 = zext.i32 v6"))
    };
    assert_eq!((bin("add", 200, 100), bin("sub", 1, 2), bin("mul", 16, 17)), (44, 255, 16));
    assert_eq!(
        (bin("udiv", 7, 0), bin("urem", 7, 0), bin("sdiv", 128, 255), bin("srem", 128, 255)),
        (0, 7, 128, 0)
    );
    assert_eq!(
        (bin("shl", 1, 8), bin("lshr", 128, 8), bin("ashr", 128, 200), bin("ashr", 128, 1)),
        (0, 0, 255, 192)
    );
}

#[test]
fn parts_are_taken_and_put_together() {
    assert_eq!(code("v4 = const.i16 0x1234 v9 = sext.i32 v4"), 0x1234);
    assert_eq!(code("v4 = const.i4 9 v9 = sext.i32 v4"), -7i32 as u32);
    assert_eq!(
        code("v4 = const.i16 0x1234 v5 = extract.i8 v4, 4 v6 = concat.i24 v5, v4 v9 = zext.i32 v6"),
        0x12_3423
    );
    assert_eq!(code("v4 = const.i24 0x123456 v5 = bswap.i24 v4 v9 = zext.i32 v5"), 0x56_3412);
    assert_eq!(
        code("v4 = const.i8 255 v5 = const.i8 1 v6 = slt.i1 v4, v5 v7 = const.i32 8 v9 = select.i32 v6, v7, v3"),
        8
    );
}

#[test]
fn packet_loads_are_little_endian_and_zero_outside() {
    assert_eq!(code("v4 = const.i64 3 v9 = pkt_load.i32 v0 + v4 [3]"), 0x0706_0504);
    assert_eq!(code("v4 = const.i64 18 v9 = pkt_load.i32 v0 + v4 [18]"), 0x1413);
    assert_eq!(
        code("v4 = const.i64 0xffffffffffffffff v9 = pkt_load.i32 v4 + v0 [0]"),
        0x0003_0201 << 8
    );
}

/// Sums the bytes 0 .. byte 0 of the packet in a loop whose parameters swap on each round.
const LOOP: &str = "function sum { b0: v0 = const.i64 0 v1 = input.i16 packet_len v2 = const.i8 0 v3 = const.i32 0
    v4 = const.i64 1 v5 = pkt_load.i8 v0 + v0 [0] v6 = zext.i64 v5 v20 = const.i32 100 jump b1(v0, v3, v20)
  b1(v10.i64, v11.i32, v12.i32) max_trips 20:
    v13 = ult.i1 v10, v6 branch v13, b2, b3
  b2: v14 = pkt_load.i8 v0 + v10 [0..19] v15 = zext.i32 v14 v16 = add.i32 v11, v15 v17 = add.i64 v10, v4
    jump b1(v17, v12, v16)
  b3: ret action v11 start v0 end v1 valid_end v1 redirect_map v2 redirect_key v12 }";

#[test]
fn loops_run_and_parameters_are_assigned_together() {
    let bytes = |n: u8| [&[n][..], &[3; 19]].concat();
    assert_eq!(run_function(LOOP, &bytes(1)).exit.code, 100);
    assert_eq!(run_function(LOOP, &bytes(2)).exit.code, 2);
    assert_eq!(run_function(LOOP, &bytes(4)).exit.code, 4 + 3);
    let endless = "function f { b0: v0 = const.i64 0 jump b1 b1: jump b1 }";
    let (mut exec, mut maps) = function(endless);
    let fault = run_on(&mut exec, &mut maps, &[0; 14]).unwrap_err();
    assert_eq!((fault.at.as_str(), fault.what.as_str()), ("b1", "a loop does not end"));
}

#[test]
fn the_verdict_moves_cuts_and_clears() {
    let text = |action: u32, start: i64, end: i64, valid: i64| {
        format!(
            "function f {{ b0: v0 = const.i64 {start} v1 = const.i64 {end} v2 = const.i64 {valid} v3 = const.i32 {action}
             v4 = const.i8 3 v5 = const.i32 9 v6 = const.i64 0 v7 = const.i64 17 v8 = const.i16 0xbbaa
             pkt_store v6 + v7 [17], v8 pkt_store v0 + v6 [0], v8
             ret action v3 start v0 end v1 valid_end v2 redirect_map v4 redirect_key v5 }}"
        )
    };
    let out = run_function(&text(4, -2, 20, 16), &[7; 20]);
    assert_eq!(out.exit.redirect, Some(Redirect::Map { map: 2, key: 9 }));
    assert_eq!(out.bytes, [&[0xaa, 0xbb][..], &[7; 16], &[0, 0xaa, 0xbb, 0]].concat());
    let longer = run_function(&text(3, 2, 30, 20), &[7; 20]);
    assert_eq!(longer.exit.redirect, None);
    assert_eq!(longer.bytes, [&[0xaa, 0xbb][..], &[7; 13], &[0xaa, 0xbb, 7], &[0; 10]].concat());
    let (mut exec, mut maps) = function(&text(2, 30, 20, 20));
    assert!(run_on(&mut exec, &mut maps, &[7; 20]).is_err());
    assert_eq!(run_function(&text(1, 30, 20, 20), &[7; 20]).exit.code, 1);
}

const COUNTERS: &str = "map m0 \"counters\" hash key 4 value 8 entries 16
    map m1 \"ports\" devmap key 4 value 4 entries 8";

#[test]
fn map_operations_do_nothing_on_null_and_skip_without_predicate() {
    let text = format!(
        "pipeline p {{ {COUNTERS} v0 = const.i64 0 v1 = input.i16 packet_len v2 = const.i8 0 v20 = const.i64 4
         v3 = pkt_load.i16 v0 + v0 [0] v4 = const.i16 0 v5 = map_lookup.m0 (v3, v4)
         v6 = const.i64 5 v7 = pkt_load.i8 v0 + v20 [4] v8 = extract.i1 v7, 0
         v9 = atomic_add.i64 m0 v5 + v0 [0], v6 if v8
         v10 = map_load.i32 m0 v5 + v20 [4] map_store m0 v5 + v20 [4], v3 if v8
         v11 = extract.i32 v9, 0 v12 = add.i32 v11, v10
         ret action v12 start v0 end v1 valid_end v1 redirect_map v2 redirect_key v12 }}"
    );
    let (mut exec, mut maps) = pipeline(&text);
    let value = 0x0000_0007_0000_0001u64.to_le_bytes();
    maps.update(0, &0x0201u32.to_le_bytes(), &value, 0).unwrap();
    let mut run = |b0, b4| {
        let bytes = [&[b0, 2, 0, 0, b4][..], &[0; 15]].concat();
        run_on(&mut exec, &mut maps, &bytes)
            .map(|o| (o.exit.code, maps.dump(0)[0].1.clone()))
            .unwrap()
    };
    assert_eq!(run(9, 1), (0, value.to_vec()));
    assert_eq!(run(1, 0), (7, value.to_vec()));
    assert_eq!(run(1, 1), (8, vec![6, 0, 0, 0, 1, 2, 0, 0]));
}

#[test]
fn a_function_and_its_pipeline_are_compared_by_what_users_see() {
    let body = |op| {
        format!(
            "v0 = const.i64 0 v1 = input.i16 packet_len v2 = const.i8 0 v3 = const.i32 3 v4 = const.i8 7
             v5 = const.i64 4 v6 = pkt_load.i8 v0 + v5 [4] v7 = {op}.i8 v6, v4 pkt_store v0 + v5 [4], v7
             ret action v3 start v0 end v1 valid_end v1 redirect_map v2 redirect_key v3"
        )
    };
    let left = run_function(&format!("function f {{ b0: {} }}", body("add")), &[1; 20]);
    let run_pipeline = |op| {
        let (mut exec, mut maps) = pipeline(&format!("pipeline f {{ {} }}", body(op)));
        run_on(&mut exec, &mut maps, &[1; 20]).unwrap()
    };
    assert_eq!(compare(&left, &run_pipeline("add")), None);
    let difference = compare(&left, &run_pipeline("xor")).unwrap();
    assert_eq!(difference.to_string(), "byte 4 is 0x08 against 0x06");
}

#[test]
fn map_contents_are_compared_entry_by_entry() {
    let (_, left) = function(&format!("function f {{ {COUNTERS} b0: unreachable }}"));
    let mut right = left.clone();
    assert_eq!(compare_maps(&left, &right), None);
    right.update(1, &[2, 0, 0, 0], &[1, 0, 0, 0], 0).unwrap();
    right.update(0, &[9; 4], &[1; 8], 0).unwrap();
    let difference = compare_maps(&left, &right).unwrap();
    assert_eq!(
        difference.to_string(),
        "map counters, key 09090909: nothing against 0101010101010101"
    );
    let reversed = compare_maps(&right, &left).unwrap();
    assert_eq!(
        reversed.to_string(),
        "map counters, key 09090909: 0101010101010101 against nothing"
    );
}

#[test]
fn events_are_the_first_bytes_of_their_parts_and_keep_their_order() {
    let text = "pipeline p { map m0 \"ring\" ringbuf key 0 value 0 entries 4096
         map m1 \"perf\" perf_event_array key 4 value 4 entries 8
         v0 = const.i64 0 v1 = input.i16 packet_len v2 = const.i8 0 v20 = const.i64 4 v21 = const.i1 1
         v3 = pkt_load.i16 v0 + v0 [0] v4 = pkt_load.i32 v0 + v20 [4] v5 = const.i16 5 v6 = const.i16 0
         v7 = extract.i1 v3, 0 v10 = const.i32 1
         event_output m0 (v3, v4) len v5 when v21 if v7
         event_output m1 (v4) len v6 when v21
         event_output m0 (v4) len v6 when v7
         ret action v10 start v0 end v1 valid_end v1 redirect_map v2 redirect_key v10 }";
    let (mut exec, mut maps) = pipeline(text);
    let mut run = |first: u8| {
        let bytes = [&[first, 2, 0, 0, 4, 5, 6, 7][..], &[9; 12]].concat();
        run_on(&mut exec, &mut maps, &bytes).unwrap();
        maps.take_events().into_iter().map(|e| (e.map, e.data)).collect::<Vec<_>>()
    };
    assert_eq!(run(1), [(0, vec![1, 2, 4, 5, 6]), (1, vec![]), (0, vec![])]);
    assert_eq!(run(2), [(1, vec![])]);
    let too_long = text.replace("v5 = const.i16 5", "v5 = add.i16 v1, v1");
    let (mut exec, mut maps) = pipeline(&too_long);
    assert!(run_on(&mut exec, &mut maps, &[1; 20]).is_err());
}
