//! What boundaries hold: the bytes at the last one, and, in strict mode, what the others do not.

use super::{Compiler, Patch};
use crate::pipeline::op::{Micro, Row};
use beeline_ir::dfg::low_mask;
use beeline_ir::pipeline::{ByteCoord, ByteExit};
use beeline_ir::Ty;
use cranelift_entity::EntityRef;
use std::collections::BTreeSet;

impl Compiler<'_> {
    /// Strict mode: destroys what the boundary behind stage `n` does not hold.
    pub(super) fn forget(&mut self, n: usize, out: &mut Vec<Micro>) {
        let staged = self.staged;
        let boundary = &staged.boundaries[n];
        let mut keep: BTreeSet<Row> = self.constants.iter().map(|c| c.0).collect();
        keep.extend(boundary.values.iter().map(|&v| self.row(v)));
        for port in &staged.lookups {
            // Under way in the key table.
            if (port.issue.index()
                ..port.issue.index()
                    + staged.pipeline.dfg.maps[port.map].lookup_latency(&staged.target) as usize)
                .contains(&n)
            {
                keep.extend(
                    staged.pipeline.dfg.insts[port.inst].result.and_then(|v| self.row_of[v]),
                );
            }
        }
        let rows: BTreeSet<(Row, u64)> = self
            .dfg
            .values
            .keys()
            .filter_map(|v| {
                let junk = match self.dfg.ty(v) {
                    Ty::Int(bits) => 0xa5a5_a5a5_a5a5_a5a5 & low_mask(bits),
                    Ty::Entry(_) => 0,
                };
                self.row_of[v].map(|row| (row, junk))
            })
            .collect();
        out.extend(
            rows.into_iter()
                .filter(|(row, _)| !keep.contains(row))
                .map(|(row, with)| Micro::Forget { row, with }),
        );
        let window = -(staged.headroom as ByteCoord)..staged.window as ByteCoord;
        let gone = window.filter(|c| boundary.bytes.binary_search(c).is_err());
        out.extend(gone.map(|c| Micro::ForgetByte { at: self.place(c) }));
    }

    /// The exits, bytes under equal predicates together.
    pub(super) fn patches(&self) -> Vec<Patch> {
        let mut patches: Vec<Patch> = Vec::new();
        for (coord, exit) in &self.staged.exits {
            let ByteExit::Patched(preds) = exit else { continue };
            let preds: Vec<Row> = preds.iter().map(|&p| self.row(p)).collect();
            let n = match patches.iter().position(|p| p.preds == preds) {
                Some(n) => n,
                None => {
                    patches.push(Patch { preds, runs: Vec::new() });
                    patches.len() - 1
                }
            };
            match patches[n].runs.last_mut() {
                Some((first, len)) if *first + *len as ByteCoord == *coord => *len += 1,
                _ => patches[n].runs.push((*coord, 1)),
            }
        }
        patches
    }
}
