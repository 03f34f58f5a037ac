//! The deparser's data: the verdict, and the bytes that leave.

use super::compile::{Patch, Program};
use super::lanes::Frame;
use crate::outcome::{Action, Exit, Fault, Redirect};
use beeline_ir::dfg::sign_extend;
use std::ops::Range;

/// A packet at the end of the pipeline.
pub(super) struct Leaving {
    pub exit: Exit,
    pub start: i32,
    pub end: i32,
    /// Where its bytes are in the arena.
    pub bytes: Range<usize>,
}

/// No packet reaches farther than this from coordinate 0.
const REACH: i64 = 1 << 16;

/// The packet in `lane`, whose bytes on arrival were `original`; those that leave are appended to `arena`.
pub(super) fn leave(
    program: &Program,
    frame: &Frame,
    lane: usize,
    original: &[u8],
    arena: &mut Vec<u8>,
) -> Result<Leaving, Fault> {
    let get = |field: usize| frame.get(program.verdict[field].0, lane);
    let code = get(0) as u32;
    let begin = arena.len();
    if !Action::from_code(code).leaves() {
        let exit = Exit { code, redirect: None };
        return Ok(Leaving { exit, start: 0, end: 0, bytes: begin..begin });
    }
    let redirect = (Action::from_code(code) == Action::Redirect)
        .then(|| Redirect::from_verdict(get(4), get(5) as u32));
    let start = sign_extend(get(1), program.verdict[1].1);
    let end = signed_if_wide(get(2), program.verdict[2].1);
    let valid_end = signed_if_wide(get(3), program.verdict[3].1);
    if !(-REACH..REACH).contains(&start) || !(start + 1..REACH).contains(&end) {
        let what = format!("a packet from {start} to {end} leaves");
        return Err(Fault { at: "the verdict".into(), what });
    }
    let (from, to) = (start.max(0), end.min(valid_end).min(original.len() as i64));
    arena.resize(begin + (from.min(end) - start) as usize, 0);
    if from < to {
        arena.extend_from_slice(&original[from as usize..to as usize]);
    }
    arena.resize(begin + (end - start) as usize, 0);
    let out = &mut arena[begin..];
    let buffer = frame.buffer(lane);
    for patch in &program.patches {
        if patch.preds.is_empty() || patch.preds.iter().any(|&p| frame.get(p, lane) == 1) {
            apply(patch, program.headroom, buffer, start, out);
        }
    }
    let bytes = begin..arena.len();
    Ok(Leaving { exit: Exit { code, redirect }, start: start as i32, end: end as i32, bytes })
}

/// A coordinate of the verdict: narrow ones are lengths, 64-bit ones may be negative.
fn signed_if_wide(x: u64, bits: u8) -> i64 {
    if bits == 64 {
        x as i64
    } else {
        x.min(i64::MAX as u64) as i64
    }
}

/// Copies the patched bytes that lie within the output.
fn apply(patch: &Patch, headroom: usize, buffer: &[u8], start: i64, out: &mut [u8]) {
    for &(first, len) in &patch.runs {
        let from = (i64::from(first) - start).clamp(0, out.len() as i64);
        let to = (i64::from(first) + len as i64 - start).clamp(from, out.len() as i64);
        let source = (from + start + headroom as i64) as usize;
        let n = (to - from) as usize;
        if n > 0 {
            out[from as usize..to as usize].copy_from_slice(&buffer[source..source + n]);
        }
    }
}
