//! One map twice, in the kernel and in the model, and operations that are done to both.

use crate::asm::{self, *};
use beeline_frontend::insn::{Cond, Size};
use beeline_frontend::{MapDef, Program};
use beeline_ir::map::MapKind;
use beeline_sim::map::flags::create;
use beeline_sim::{Errno, Executor, Inputs, Interp, MapSet, Packet};
use beeline_testbench::kernel::{self, Attach, KernelMap, KernelProgram, RunInputs};
use beeline_testbench::traffic::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Where a program finds its arguments and leaves its results in the packet.
const RESULT: i16 = 16;
const FLAGS: i16 = 24;
const KEY: i16 = 64;
const VALUE: i16 = 128;
const PACKET: usize = 192;

/// True if the kernel is there; else says so.
pub fn reachable() -> bool {
    if let Err(why) = kernel::available() {
        println!("notice: skipped: {why}");
        return false;
    }
    kernel::stay_on_cpu(0).unwrap();
    true
}

/// A definition with the flags that the kind needs.
pub fn def(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
    let flags = if kind == MapKind::LpmTrie { create::NO_PREALLOC } else { 0 };
    MapDef { flags, ..map_def(kind, key_size, value_size, max_entries) }
}

/// What a program does to the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Lookup,
    Update,
    Delete,
    /// Looks up, updates, and reads through the pointer obtained before.
    LookupUpdate,
    /// Looks up, deletes, and reads through the pointer obtained before.
    LookupDelete,
    Push,
    Pop,
    Peek,
}

/// A result: the code (0 or a negative number; for lookups 1 if found) and the bytes.
pub type Answer = (i64, Vec<u8>);

/// A map in the kernel and in the model.
pub struct Pair {
    pub def: MapDef,
    pub kernel: KernelMap,
    pub ours: MapSet,
    programs: BTreeMap<Call, (KernelProgram, Option<Interp>)>,
    /// Operations with the codes that they gave, to see what a test has reached.
    pub seen: BTreeSet<(String, i64)>,
    pub operations: usize,
}

fn errno(e: &io::Error) -> i64 {
    -i64::from(e.raw_os_error().unwrap())
}

fn kernel_code(result: io::Result<()>) -> i64 {
    result.map_or_else(|e| errno(&e), |()| 0)
}

fn our_code(result: Result<(), Errno>) -> i64 {
    result.map_or_else(|e| -i64::from(e.0), |()| 0)
}

impl Pair {
    pub fn new(def: &MapDef) -> Self {
        let kernel = KernelMap::create(def).unwrap_or_else(|e| panic!("{def:?}: {e}"));
        let ours = MapSet::new(std::slice::from_ref(def)).unwrap();
        let programs = BTreeMap::new();
        Self { def: def.clone(), kernel, ours, programs, seen: BTreeSet::new(), operations: 0 }
    }

    fn agree(&mut self, what: &str, theirs: Answer, ours: Answer) -> Answer {
        let n = self.operations;
        assert_eq!(theirs, ours, "operation {n}, {what}, kernel against model, {}", self.def.kind);
        self.operations += 1;
        let verb = what.split(' ').next().unwrap_or(what);
        self.seen.insert((verb.to_owned(), theirs.0));
        theirs
    }

    pub fn host_lookup(&mut self, key: &[u8]) -> Answer {
        let theirs = self.kernel.lookup(key).map_or_else(|e| (errno(&e), vec![]), |v| (0, v));
        let ours = self.ours.host_lookup(0, key, 0);
        let ours = ours.map_or_else(|e| (-i64::from(e.0), vec![]), |v| (0, v));
        self.agree(&format!("host_lookup {key:x?}"), theirs, ours)
    }

    pub fn host_take(&mut self, key: &[u8]) -> Answer {
        let theirs = self.kernel.take(key).map_or_else(|e| (errno(&e), vec![]), |v| (0, v));
        let ours = self.ours.host_lookup_and_delete(0, key, 0);
        let ours = ours.map_or_else(|e| (-i64::from(e.0), vec![]), |v| (0, v));
        self.agree(&format!("host_take {key:x?}"), theirs, ours)
    }

    pub fn host_update(&mut self, key: &[u8], value: &[u8], flags: u64) -> i64 {
        let theirs = kernel_code(self.kernel.update(key, value, flags));
        let ours = our_code(self.ours.host_update(0, key, value, flags));
        let what = format!("host_update {key:x?} {value:x?} {flags}");
        self.agree(&what, (theirs, vec![]), (ours, vec![])).0
    }

    pub fn host_delete(&mut self, key: &[u8]) -> i64 {
        let theirs = kernel_code(self.kernel.delete(key));
        let ours = our_code(self.ours.host_delete(0, key));
        self.agree(&format!("host_delete {key:x?}"), (theirs, vec![]), (ours, vec![])).0
    }

    /// The whole content.
    pub fn compare_dumps(&mut self) {
        assert_eq!(self.kernel.dump().unwrap(), self.ours.dump(0), "content of {}", self.def.kind);
    }

    /// Runs a program that makes `call`, in the kernel and in the interpreter.
    pub fn program(&mut self, call: Call, key: &[u8], value: &[u8], flags: u64) -> Answer {
        let mut bytes = vec![0u8; PACKET];
        bytes[FLAGS as usize..][..8].copy_from_slice(&flags.to_le_bytes());
        bytes[KEY as usize..][..key.len()].copy_from_slice(key);
        bytes[VALUE as usize..][..value.len()].copy_from_slice(value);
        let (kernel, interp) =
            self.programs.entry(call).or_insert_with(|| load(call, &self.kernel));
        let run = kernel.test_run(&bytes, &RunInputs::default()).unwrap();
        assert_eq!(run.code, 2);
        let theirs = run.bytes;
        let mut packet = Packet::new();
        packet.arrive(&bytes).unwrap();
        self.ours.start_packet();
        let ours = match interp {
            Some(interp) => {
                let exit = interp.run(&Inputs::default(), &mut packet, &mut self.ours).unwrap();
                assert_eq!(exit.code, 2);
                packet.bytes().to_vec()
            }
            None => keyless_call(&mut self.ours, call, bytes, flags),
        };
        let what = format!("{call:?} {key:x?} {value:x?} {flags}");
        self.agree(&what, answer(&theirs), answer(&ours))
    }
}

fn answer(bytes: &[u8]) -> Answer {
    let code = bytes[RESULT as usize..][..8].first_chunk().map(|b| i64::from_le_bytes(*b));
    (code.unwrap(), bytes[VALUE as usize..].to_vec())
}

/// A call on a queue, stack or filter, done to the model itself.
fn keyless_call(maps: &mut MapSet, call: Call, mut bytes: Vec<u8>, flags: u64) -> Vec<u8> {
    let size = maps.value_size(0) as usize;
    let value = &mut bytes[VALUE as usize..][..size];
    let result = match call {
        Call::Push => maps.push_elem(0, value, flags),
        Call::Pop => maps.pop_elem(0, value),
        _ => maps.peek_elem(0, value),
    };
    bytes[RESULT as usize..][..8].copy_from_slice(&our_code(result).to_le_bytes());
    bytes
}

fn load(call: Call, map: &KernelMap) -> (KernelProgram, Option<Interp>) {
    let program = assemble(call, map.def());
    let maps = std::slice::from_ref(map);
    let keyless = matches!(call, Call::Push | Call::Pop | Call::Peek);
    let interp =
        (!keyless).then(|| Interp::unverified(&program).unwrap_or_else(|e| panic!("{e:?}")));
    let kernel = KernelProgram::load(&program, maps, Attach::Plain);
    (kernel.unwrap_or_else(|e| panic!("{call:?}: {e}")), interp)
}

/// `r{dst} = packet + off`, with the packet in r6.
fn at(dst: u8, off: i16) -> [Line; 2] {
    [mov(dst, r(6)), add(dst, i(off.into()))]
}

/// Copies `n` bytes from `[r{from}]` to `VALUE` in the packet.
fn copy_value(from: u8, n: u32) -> Vec<Line> {
    let byte = |k: i16| [load_byte(2, from, k), store(Size::B1, 6, VALUE + k, r(2))];
    (0..n as i16).flat_map(byte).collect()
}

fn load_byte(dst: u8, src: u8, off: i16) -> Line {
    asm::load(Size::B1, dst, src, off)
}

fn assemble(call: Call, def: &MapDef) -> Program {
    let mut lines = vec![asm::load(Size::B4, 6, 1, 0), asm::load(Size::B4, 3, 1, 4)];
    lines.extend(at(4, PACKET as i16));
    lines.push(jif(Cond::Gt, 4, r(3), "out"));
    lines.push(map(1, 0));
    lines.extend(at(2, KEY));
    let copied = copy_value(7, def.value_size);
    match call {
        Call::Lookup => {
            lines.extend([helper(1), mov(7, r(0)), mov(0, i(0)), jif(Cond::Eq, 7, i(0), "end")]);
            lines.extend(copied);
            lines.push(mov(0, i(1)));
        }
        Call::Update => {
            lines.extend(at(3, VALUE));
            lines.extend([asm::load(Size::B8, 4, 6, FLAGS), helper(2)]);
        }
        Call::Delete => lines.push(helper(3)),
        Call::LookupUpdate | Call::LookupDelete => {
            lines.extend([helper(1), mov(7, r(0)), mov(0, i(1)), jif(Cond::Eq, 7, i(0), "end")]);
            lines.push(map(1, 0));
            lines.extend(at(2, KEY));
            if call == Call::LookupUpdate {
                lines.extend(at(3, VALUE));
                lines.extend([asm::load(Size::B8, 4, 6, FLAGS), helper(2)]);
            } else {
                lines.push(helper(3));
            }
            lines.extend(copied);
        }
        Call::Push | Call::Pop | Call::Peek => lines.extend(keyless_lines(call, def)),
    }
    lines.extend([Label("end"), store(Size::B8, 6, RESULT, r(0)), Label("out")]);
    lines.extend(finish(2));
    Program { license: Some("GPL".into()), ..link(&lines, vec![def.clone()]) }
}

/// Where these programs keep a value: the helpers take none from packets.
const STACK: i16 = -64;

fn keyless_lines(call: Call, def: &MapDef) -> Vec<Line> {
    let bytes = 0..def.value_size as i16;
    let copy = |to: (u8, i16), from: (u8, i16)| {
        move |k| [load_byte(2, from.0, from.1 + k), store(Size::B1, to.0, to.1 + k, r(2))]
    };
    let mut lines: Vec<Line> = bytes.clone().flat_map(copy((10, STACK), (6, VALUE))).collect();
    lines.extend([map(1, 0), mov(2, r(10)), add(2, i(STACK.into()))]);
    lines.extend(match call {
        Call::Push => vec![asm::load(Size::B8, 3, 6, FLAGS), helper(87)],
        Call::Pop => vec![helper(88)],
        _ => vec![helper(89)],
    });
    lines.extend(bytes.flat_map(copy((6, VALUE), (10, STACK))));
    lines
}

/// Flags of an update: mostly the defined ones.
pub fn random_flags(rng: &mut Rng) -> u64 {
    match rng.below(12) {
        n @ 0..=8 => (n % 3) as u64,
        9 => 3,
        10 => 4,
        _ => rng.next_u64(),
    }
}

/// One random operation on a keyed map, by the host or by a program.
pub fn random_step(pair: &mut Pair, rng: &mut Rng, key: &[u8]) {
    let value = rng.bytes(pair.def.value_size as usize);
    let flags = random_flags(rng);
    match rng.below(11) {
        0 | 1 => drop(pair.host_lookup(key)),
        2 => drop(pair.host_update(key, &value, flags)),
        3 => drop(pair.host_delete(key)),
        4 => drop(pair.host_take(key)),
        5 => drop(pair.program(Call::Lookup, key, &[], 0)),
        6 | 7 => drop(pair.program(Call::Update, key, &value, flags)),
        8 => drop(pair.program(Call::Delete, key, &[], 0)),
        9 => drop(pair.program(Call::LookupUpdate, key, &value, flags)),
        _ => drop(pair.program(Call::LookupDelete, key, &[], 0)),
    }
}

/// `steps` random operations with keys of `key`; the content is compared now and then and at the end.
pub fn random_run(
    def: &MapDef,
    steps: usize,
    seed: u64,
    key: impl Fn(&mut Rng) -> Vec<u8>,
) -> Pair {
    let mut pair = Pair::new(def);
    let mut rng = Rng::new(seed);
    for n in 0..steps {
        let key = key(&mut rng);
        random_step(&mut pair, &mut rng, &key);
        if n % 64 == 63 {
            pair.compare_dumps();
        }
    }
    pair.compare_dumps();
    pair
}

/// Asserts that the run has met each of these codes of an operation.
pub fn assert_seen(pair: &Pair, verb: &str, codes: &[i64]) {
    let seen: Vec<i64> = pair.seen.iter().filter(|(v, _)| v == verb).map(|(_, c)| *c).collect();
    assert_eq!(seen, codes, "codes of {verb} on {}", pair.def.kind);
}
