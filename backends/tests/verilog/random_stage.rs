//! Every operation, in random programs on random operands: the emitted stage under Verilator against the meaning of
//! the IR. All programs stand side by side in one simulation.

use crate::bench::Bench;
use crate::model::Machine;
use crate::program::{self, Program, Rng, AREA, ENTRIES, HEADROOM, ROW};
use crate::tools;
use beeline_backends::verilog::{emit, Design, Options};
use beeline_ir::op::{BinOp, Op};
use beeline_ir::validate::validate_staged;
use std::collections::BTreeMap;

const PROGRAMS: u64 = 6;
const PACKETS: usize = 200;
const SIZE: u32 = 120;

/// A field of a packed struct: lowest bit and width.
type Fields = BTreeMap<String, (usize, usize)>;

/// The fields of type `name` in the package of `design`, and their total width.
fn fields(design: &Design, name: &str) -> (Fields, usize) {
    let package = format!("{}_pkg.sv", design.top);
    let (_, text) = design.files.iter().find(|(file, _)| *file == package).unwrap();
    let end = text.find(&format!("}} {name};")).unwrap();
    let start = text[..end].rfind("struct packed {").unwrap();
    let mut fields = Fields::new();
    let mut lo = 0;
    for line in text[start..end].lines().skip(1).collect::<Vec<_>>().into_iter().rev() {
        let Some((declaration, _)) = line.split_once(';') else { continue };
        let words: Vec<&str> = declaration.split_whitespace().collect();
        let width = match words[..] {
            [_, range, _] => range[1..range.find(':').unwrap()].parse::<usize>().unwrap() + 1,
            _ => 1,
        };
        fields.insert((*words.last().unwrap()).to_owned(), (lo, width));
        lo += width;
    }
    (fields, lo)
}

fn set(words: &mut [u32], lo: usize, bits: usize, value: impl Fn(usize) -> bool) {
    for i in (0..bits).filter(|i| value(*i)) {
        words[(lo + i) / 32] |= 1 << ((lo + i) % 32);
    }
}

fn get(words: &[u32], lo: usize, bits: usize) -> u64 {
    (0..bits)
        .rev()
        .fold(0, |acc, i| acc << 1 | u64::from(words[(lo + i) / 32] >> ((lo + i) % 32) & 1))
}

fn bit(bytes: &[u8], i: usize) -> bool {
    bytes[i / 8] >> (i % 8) & 1 == 1
}

/// A program with its design, and where its parts of `stim` and `resp` begin.
struct Case {
    program: Program,
    design: Design,
    names: BTreeMap<String, String>,
    input: (Fields, usize),
    output: (Fields, usize),
    stim: usize,
    resp: usize,
}

const ROW_BITS: usize = 8 * ROW as usize;

impl Case {
    fn new(seed: u64, stim: usize, resp: usize) -> Self {
        let program = program::random(seed, SIZE);
        let design = emit(&program.staged, &Options::default()).unwrap();
        let map: serde_json::Value = serde_json::from_str(&design.files.last().unwrap().1).unwrap();
        let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
        let names = map["signals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| (text(&s["value"]), text(&s["signal"])))
            .collect();
        let (input, output) = (fields(&design, "after_00_t"), fields(&design, "after_01_t"));
        Self { program, design, names, input, output, stim, resp }
    }

    /// Input struct, `in_valid`, row.
    fn stim_bits(&self) -> usize {
        self.input.1 + 1 + ROW_BITS
    }

    /// Output struct, write enable, changed row.
    fn resp_bits(&self) -> usize {
        self.output.1 + 1 + ROW_BITS
    }

    fn instance(&self) -> String {
        let top = &self.design.top;
        let stim =
            |lo: usize, n: usize| format!("stim[{}:{}]", self.stim + lo + n - 1, self.stim + lo);
        let resp =
            |lo: usize, n: usize| format!("resp[{}:{}]", self.resp + lo + n - 1, self.resp + lo);
        let (i, o) = (self.input.1, self.output.1);
        format!(
            "  {top}_pkg::after_01_t {top}_out;\n  logic [1:0] {top}_unused_control;\n  assign {} = {top}_out;\n  \
             {top}_stage_01 u_{top} (.clk, .rst(1'b0), .in_valid(stim[{}]), .in_host(1'b0), .in({}), .rules_row({}), \
             .rules_write(resp[{}]), .rules_row_next({}), .out_valid({top}_unused_control[0]), \
             .out_host({top}_unused_control[1]), .out({top}_out));\n",
            resp(0, o),
            self.stim + i,
            stim(0, i),
            stim(i + 1, ROW_BITS),
            self.resp + o,
            resp(o + 1, ROW_BITS),
        )
    }

    /// A random packet in the middle stage: its bits in `words`, and the same as a machine.
    fn stimulus(&self, rng: &mut Rng, words: &mut [u32]) -> (Machine, bool) {
        let mut bytes: Vec<u8> = (0..HEADROOM + AREA).map(|_| rng.next() as u8).collect();
        bytes[0] ^= 1;
        let row: Vec<u8> = (0..ROW).map(|_| rng.edgy(8) as u8).collect();
        let (hit, valid) = (rng.below(4) > 0, rng.below(4) > 0);
        let slot = rng.below(u64::from(ENTRIES));
        let mut machine = Machine { values: BTreeMap::new(), bytes, hit, row, written: false };
        let staged = &self.program.staged;
        for &v in &staged.boundaries[0].values {
            let x = match staged.pipeline.dfg.ty(v).bits() {
                Some(bits) => rng.edgy(bits),
                None => u64::from(hit) << 4 | slot,
            };
            machine.values.insert(v, x);
            let (lo, bits) = self.input.0[&self.names[&v.to_string()]];
            set(words, self.stim + lo, bits, |i| x >> i & 1 == 1);
        }
        let (lo, bits) = self.input.0["win_m8_63"];
        set(words, self.stim + lo, bits, |i| bit(&machine.bytes, i));
        set(words, self.stim + self.input.1, 1, |_| valid);
        set(words, self.stim + self.input.1 + 1, ROW_BITS, |i| bit(&machine.row, i));
        (machine, valid)
    }

    /// Compares what came out with what must be there after the stage: the first difference.
    fn compare(&self, machine: &Machine, valid: bool, words: &[u32]) -> Result<(), String> {
        let staged = &self.program.staged;
        let expect = |what: String, lo: usize, bits: usize, expected: u64| {
            let found = get(words, self.resp + lo, bits);
            let message =
                || format!("{}: {what} is {found:#x}, not {expected:#x}", self.design.top);
            (found == expected).then_some(()).ok_or_else(message)
        };
        for v in &staged.boundaries[1].values {
            let name = &self.names[&v.to_string()];
            let (lo, bits) = self.output.0[name];
            expect(format!("{name} ({v})"), lo, bits, machine.values[v])?;
        }
        let (lo, _) = self.output.0["win_m8_63"];
        for (i, byte) in machine.bytes.iter().enumerate() {
            expect(format!("byte {}", i as i32 - HEADROOM), lo + 8 * i, 8, (*byte).into())?;
        }
        let written = machine.written && valid;
        expect("the row's write enable".into(), self.output.1, 1, written.into())?;
        for (i, byte) in machine.row.iter().enumerate().filter(|_| written) {
            expect(format!("row byte {i}"), self.output.1 + 1 + 8 * i, 8, (*byte).into())?;
        }
        Ok(())
    }

    /// Executes the stage's operations on `machine`, and compares.
    fn check(&self, mut machine: Machine, valid: bool, words: &[u32]) -> Result<(), String> {
        for &inst in &self.program.middle {
            machine.step(&self.program.staged.pipeline.dfg, inst);
        }
        self.compare(&machine, valid, words)
    }

    /// The same with the first subtraction made an addition.
    fn broken(mut self) -> Self {
        let mut staged = self.program.staged.into_inner();
        let insts = &mut staged.pipeline.dfg.insts;
        for &inst in &self.program.middle {
            if let Op::Bin(op @ BinOp::Sub, ..) = &mut insts[inst].op {
                *op = BinOp::Add;
                break;
            }
        }
        self.program.staged = validate_staged(staged).unwrap_or_else(|e| panic!("{e}"));
        self
    }

    fn text(&self) -> &str {
        let file = format!("{}_stage_01.sv", self.design.top);
        &self.design.files.iter().find(|(f, _)| *f == file).unwrap().1
    }
}

fn cases() -> Vec<Case> {
    let (mut stim, mut resp) = (0, 0);
    let mut cases: Vec<Case> = Vec::new();
    for seed in 1..=PROGRAMS {
        let case = Case::new(seed, stim, resp);
        stim += case.stim_bits();
        resp += case.resp_bits();
        cases.push(case);
    }
    cases
}

#[test]
fn stages_do_what_the_operations_mean() {
    let cases = cases();
    assert!(covers_everything(&cases), "the random programs leave an operation out");
    let dir = tools::work_dir("random_stage_sources");
    let mut files = Vec::new();
    for case in &cases {
        let wanted = |name: &str| name.ends_with("_pkg.sv") || name.ends_with("_stage_01.sv");
        for (name, text) in case.design.sources().filter(|(name, _)| wanted(name)) {
            std::fs::write(dir.join(name), text).unwrap();
            files.push(dir.join(name));
        }
    }
    let last = cases.last().unwrap();
    let (stim_bits, resp_bits) = (last.stim + last.stim_bits(), last.resp + last.resp_bits());
    let instances: String = cases.iter().map(Case::instance).collect();
    let tb = format!(
        "module tb (input wire logic clk, input wire logic [{}:0] stim, output logic [{}:0] resp);\n{instances}endmodule\n",
        stim_bits - 1,
        resp_bits - 1
    );
    std::fs::write(dir.join("tb.sv"), tb).unwrap();
    files.push(dir.join("tb.sv"));
    let Some(bench) = Bench::build("random_stage", &files, resp_bits) else { return };

    let mut rng = Rng::new(77);
    let mut stimuli = Vec::new();
    let mut machines = Vec::new();
    for _ in 0..PACKETS {
        let mut words = vec![0; stim_bits.div_ceil(32)];
        machines.push(cases.iter().map(|c| c.stimulus(&mut rng, &mut words)).collect::<Vec<_>>());
        stimuli.push(words);
    }
    let responses = bench.run(&stimuli);
    for (machines, words) in machines.iter().zip(&responses) {
        for (case, (machine, valid)) in cases.iter().zip(machines) {
            if let Err(difference) = case.check(machine.clone(), *valid, words) {
                panic!("{difference}\n{}", case.text());
            }
        }
    }
    // The comparison sees a single operation that is not what it should be.
    for (n, broken) in cases.into_iter().enumerate().take(2).map(|(n, case)| (n, case.broken())) {
        let mut packets = machines.iter().zip(&responses);
        let caught = packets.any(|(m, words)| broken.check(m[n].0.clone(), m[n].1, words).is_err());
        assert!(caught, "a subtraction that adds is not noticed");
    }
}

/// True if each arithmetic operation and each access occurs, at constant and at variable places.
fn covers_everything(cases: &[Case]) -> bool {
    let mut kinds = std::collections::BTreeSet::new();
    for case in cases {
        let dfg = &case.program.staged.pipeline.dfg;
        for op in case.program.middle.iter().map(|i| &dfg.insts[*i].op) {
            let place = op.offset().map(|(_, b)| b.as_constant().is_some());
            let kind = match op {
                Op::Bin(o, ..) => format!("{o:?}"),
                Op::Cmp(o, ..) => format!("{o:?}"),
                Op::MapAtomic { op, .. } => format!("atomic {op:?}"),
                other => format!("{:?}", std::mem::discriminant(other)),
            };
            kinds.insert(format!("{kind} {place:?}"));
        }
    }
    // 13 binary, 6 comparisons, 6 atomic at two places, 8 other pure ones, packet and map loads and stores at two
    // places, and clearing.
    kinds.len() >= 13 + 6 + 12 + 8 + 9
}

#[test]
fn random_designs_pass_lint() {
    for case in cases().iter().take(2) {
        tools::lint(&case.design);
    }
}
