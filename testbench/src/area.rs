//! Area: a quick model over the scheduled pipeline, or the real thing from a Yosys run.
//!
//! The model counts look-up tables by operation and width; its constants are fitted to Yosys results for the examples
//! (`docs/results.md` shows both). It is for comparing designs, not for choosing a device.

use crate::flow::Compiled;
use beeline_hdl::tools::find_yosys;
use beeline_ir::dfg::Dfg;
use beeline_ir::entities::{Inst, Value};
use beeline_ir::hash::{bank_depth_log2, BANKS};
use beeline_ir::lpm::LpmShape;
use beeline_ir::map::MapKind;
use beeline_ir::op::{BinOp, CmpOp, Op};
use std::path::PathBuf;

/// What a design needs on an UltraScale+ device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Look-up tables, those used as memory or shift register included.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Block RAMs of 36 Kbit (half ones count half, rounded up).
    pub bram36: u64,
    /// Clock in MHz at which every stage is done in time, by the delays of the target description.
    pub fmax_mhz: u64,
    /// `model` or `yosys`.
    pub source: &'static str,
}

/// Beats that the packet FIFO holds.
const PACKET_FIFO_BITS: u64 = 512 * 512;
/// Bits in a block RAM.
const BRAM_BITS: u64 = 36 * 1024;
/// Memories up to this many rows are built from look-up tables.
const LUTRAM_ROWS: u64 = 64;
/// Framer, FIFOs, deparser and host without what depends on the program.
const SHELL_LUT: u64 = 1200;
const SHELL_FF: u64 = 1900;
/// The alignment unit of designs that move the head: two registers of a beat, and a rotator.
const ALIGN_LUT: u64 = 4000;
const ALIGN_FF: u64 = 1000;

/// The model's area of `compiled`.
pub fn model(compiled: &Compiled) -> Area {
    let staged = &*compiled.staged;
    let dfg = &staged.pipeline.dfg;
    let mut lut = SHELL_LUT + 2 * u64::from(staged.num_stages);
    let mut ff = SHELL_FF + 2 * u64::from(staged.num_stages) + compiled.register_bits();
    if dfg.as_const(staged.pipeline.verdict.start) != Some(0) {
        lut += ALIGN_LUT;
        ff += ALIGN_FF;
    }
    let mut bram_bits = PACKET_FIFO_BITS;
    lut += staged.pipeline.order.iter().map(|i| op_luts(dfg, *i)).sum::<u64>();
    // The descriptor FIFO is LUT memory, 64 deep at most: a bit costs a sixth of a 64-bit RAM.
    lut += compiled.descriptor_bits() / 3;
    for port in &staged.value_ports {
        let map = &dfg.maps[port.map];
        let rows = if map.kind.has_key_table() && map.kind != MapKind::LpmTrie {
            u64::from(BANKS) << bank_depth_log2(map.max_entries)
        } else {
            u64::from(map.max_entries)
        };
        memory(rows, u64::from(map.value_size) * 8, &mut lut, &mut bram_bits);
        ff += u64::from(map.value_size) * 8;
    }
    for port in &staged.lookups {
        let map = &dfg.maps[port.map];
        if map.kind == MapKind::LpmTrie {
            search(&LpmShape::of(map), &mut lut, &mut ff, &mut bram_bits);
            continue;
        }
        let (depth, key_bits) =
            (1u64 << bank_depth_log2(map.max_entries), u64::from(map.key_size) * 8);
        for _ in 0..BANKS {
            memory(depth, key_bits + 1, &mut lut, &mut bram_bits);
        }
        // Four hashes of half the key's bits, four comparisons.
        lut +=
            u64::from(BANKS) * (key_bits * u64::from(depth.trailing_zeros()) / 10 + key_bits / 3);
        ff += key_bits + 16;
    }
    let fmax_mhz = u64::from(staged.target.clock_mhz);
    Area { lut, ff, bram36: bram_bits.div_ceil(BRAM_BITS), fmax_mhz, source: "model" }
}

/// The search of an LPM map.
fn search(shape: &LpmShape, lut: &mut u64, ff: &mut u64, bram_bits: &mut u64) {
    let key = u64::from(shape.data_bits);
    for level in 0..shape.levels() {
        let last = level + 1 == shape.levels();
        let columns = (1u64 << shape.digit(level)) - u64::from(!last);
        let rows = 2u64 << shape.above(level);
        // The last level holds the whole boundary: its length, and its slot with a presence bit.
        let width = key + if last { u64::from(shape.length_bits() + shape.index_bits) } else { 0 };
        *lut += columns * (3 * key / 2 + 12);
        *ff += key + 16;
        if rows <= LUTRAM_ROWS {
            memory(rows, columns * width, lut, bram_bits);
            *ff += columns * width;
        } else {
            *bram_bits += columns * half_block_rams(rows, width) * BRAM_BITS / 2;
        }
    }
}

/// Block RAMs of 18 Kbit for one memory, in the best of their shapes.
fn half_block_rams(rows: u64, width: u64) -> u64 {
    let shapes = [(512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16_384, 1)];
    let blocks = shapes.map(|(deep, wide)| rows.div_ceil(deep) * width.div_ceil(wide));
    blocks.into_iter().min().unwrap_or(0)
}

fn memory(rows: u64, width: u64, lut: &mut u64, bram_bits: &mut u64) {
    if rows <= LUTRAM_ROWS {
        *lut += width * rows.div_ceil(32) / 2;
    } else {
        // A block RAM is 72 bits wide at 512 rows; smaller maps still take whole columns.
        *bram_bits += width.div_ceil(72) * BRAM_BITS * rows.div_ceil(512);
    }
}

/// Look-up tables of one operation.
fn op_luts(dfg: &Dfg, inst: Inst) -> u64 {
    let data = &dfg.insts[inst];
    let bits = data.result.and_then(|v| dfg.ty(v).bits()).map_or(0, u64::from);
    let is_const = |v: &Value| dfg.as_const(*v).is_some();
    match &data.op {
        Op::Bin(op, a, b) => match op {
            BinOp::Add | BinOp::Sub => bits,
            BinOp::And | BinOp::Or | BinOp::Xor if is_const(a) || is_const(b) => bits / 4,
            BinOp::And | BinOp::Or | BinOp::Xor => bits / 2,
            BinOp::Shl | BinOp::LShr | BinOp::AShr if is_const(b) => 0,
            BinOp::Shl | BinOp::LShr | BinOp::AShr => bits * 3,
            BinOp::Mul => bits * 2,
            BinOp::UDiv | BinOp::URem | BinOp::SDiv | BinOp::SRem => bits * bits,
        },
        Op::Cmp(op, a, b) => {
            let bits = dfg.ty(*a).bits().map_or(0, u64::from);
            match op {
                CmpOp::Eq | CmpOp::Ne if is_const(b) => bits.div_ceil(6),
                CmpOp::Eq | CmpOp::Ne => bits.div_ceil(3),
                _ => bits.div_ceil(2),
            }
        }
        Op::Select { .. } => bits.div_ceil(2),
        Op::PktLoad { bounds, .. } => {
            bits * (bounds.offsets().take(512).count() as u64 - 1).div_ceil(3)
        }
        Op::PktStore { bounds, value, .. } => {
            let bits = dfg.ty(*value).bits().map_or(0, u64::from);
            bits * bounds.offsets().take(512).count() as u64 / 2
        }
        Op::MapStore { value, .. } => dfg.ty(*value).bits().map_or(0, u64::from) / 2,
        Op::MapAtomic { .. } => bits * 3 / 2,
        _ => 0,
    }
}

/// Why there is no synthesis result.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// Yosys is not installed.
    #[error("Yosys was not found; install it with `pip install pyosys==0.70` in a virtual environment named by BEELINE_TOOLS, or `apt-get install yosys`; or leave --synth out")]
    NoYosys,
    /// It failed.
    #[error("Yosys failed on the generated design:\n{0}")]
    Failed(String),
    /// Temporary files.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

/// Area of `compiled` by `synth_xilinx` for UltraScale+.
///
/// # Errors
/// See [`SynthError`].
pub fn synthesise(compiled: &Compiled) -> Result<Area, SynthError> {
    let yosys = find_yosys().ok_or(SynthError::NoYosys)?;
    let dir = std::env::temp_dir().join(format!("beeline-synth-{}", std::process::id()));
    let io = |path: &PathBuf| {
        let path = path.clone();
        move |source| SynthError::Io { path, source }
    };
    std::fs::create_dir_all(&dir).map_err(io(&dir))?;
    let mut script = String::new();
    for (name, text) in compiled.design.sources() {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(io(&path))?;
        script.push_str(&format!("read_verilog -sv {}\n", path.display()));
    }
    let stat = dir.join("stat.json");
    script.push_str(&format!(
        "synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top {}\ntee -q -o {} stat -json -tech xilinx\n",
        compiled.design.top,
        stat.display()
    ));
    let output = yosys.command(&script).output().map_err(io(&dir))?;
    let text = std::fs::read_to_string(&stat);
    let _ = std::fs::remove_dir_all(&dir);
    match text {
        Ok(text) if output.status.success() => parse_stat(&text, compiled),
        _ => Err(SynthError::Failed(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

fn parse_stat(text: &str, compiled: &Compiled) -> Result<Area, SynthError> {
    let bad = || SynthError::Failed("its statistics have an unknown form".into());
    // The wheel prints a banner before the JSON object.
    let json = text.find('{').map(|at| &text[at..]).ok_or_else(bad)?;
    let json: serde_json::Value = serde_json::from_str(json).map_err(|_| bad())?;
    let cells = json["design"]["num_cells_by_type"].as_object().ok_or_else(bad)?;
    let count = |f: &dyn Fn(&str) -> u64| -> u64 {
        cells.iter().map(|(name, n)| f(name) * n.as_u64().unwrap_or(0)).sum()
    };
    let lut = count(&|n| match n {
        "LUT1" | "LUT2" | "LUT3" | "LUT4" | "LUT5" | "LUT6" | "SRL16E" | "SRLC32E" => 1,
        "RAM32X1D" | "RAM64X1D" => 2,
        "RAM32M" => 4,
        "RAM64M" => 4,
        "RAM32M16" | "RAM64M8" => 8,
        "RAM128X1D" => 4,
        "RAM256X1D" => 8,
        _ => 0,
    });
    let ff = count(&|n| u64::from(matches!(n, "FDRE" | "FDSE" | "FDCE" | "FDPE")));
    let halves = count(&|n| match n {
        "RAMB36E2" => 2,
        "RAMB18E2" => 1,
        _ => 0,
    });
    let fmax_mhz = u64::from(compiled.staged.target.clock_mhz);
    Ok(Area { lut, ff, bram36: halves.div_ceil(2), fmax_mhz, source: "yosys" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yosys 0.70: 3,317 tables, 696 flip-flops and 106.5 block RAMs for 16,384 prefixes of IPv4; 4,120, 2,121 and 24 for 1,024 of IPv6.
    #[test]
    fn searches_are_as_large_as_synthesis_says() {
        for (key_size, entries, expected) in
            [(8, 16_384, [3317.0, 696.0, 106.5]), (20, 1024, [4120.0, 2121.0, 24.0])]
        {
            let (mut lut, mut ff, mut bram_bits) = (0, 0, 0);
            search(&LpmShape::new(key_size, entries), &mut lut, &mut ff, &mut bram_bits);
            let found = [lut as f64, ff as f64, bram_bits as f64 / BRAM_BITS as f64];
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 0.3, "{found}, not {expected}");
            }
        }
    }
}
