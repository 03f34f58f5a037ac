//! Every helper with every kind of argument: from a call that is valid, each argument in turn is replaced by everything
//! else that a register can hold, and both verifiers give their verdict.

use super::asm::*;
use super::kernel::reachable;
use beeline_frontend::insn::{Cond, Size};
use beeline_frontend::{verifier, MapDef};
use beeline_ir::map::MapKind;
use beeline_testbench::kernel::{create_maps, Attach, KernelMap, KernelProgram};
use Cond::*;
use Shape::*;
use Size::*;

/// What an argument register holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// Nothing.
    Unset,
    Num(i32),
    /// A number of 32 bits.
    Word,
    /// A number of 64 bits.
    Long,
    /// 0 to 15.
    Small,
    /// 1 to 16.
    Positive,
    Ctx(i32),
    /// Stack; the upper 64 bytes are initialised.
    Fp(i32),
    /// Packet, of which 64 bytes are proved.
    Packet(i32),
    Meta,
    End,
    /// Value of 64 bytes.
    Value(i32),
    /// Value at an offset of 0 to 15.
    ValueAnywhere,
    ValueOrNull,
    /// A constant text in read-only data.
    Text,
    Map(usize),
    /// Read-only and write-only for programs: the maps, and their values.
    Inner,
    /// 16 bytes of a ring buffer.
    Record,
    Socket,
}

const ARRAY: Shape = Map(0);
const PERF: Shape = Map(2);
const DEVMAP: Shape = Map(3);
const RINGBUF: Shape = Map(4);
const QUEUE: Shape = Map(5);
const PROGS: Shape = Map(10);
const PERCPU: Shape = Map(12);
const MAPS: usize = 20;

/// A valid call of each helper, by number.
const CALLS: &[(u32, &[Shape])] = &[
    (1, &[ARRAY, Fp(-64)]),
    (2, &[ARRAY, Fp(-64), Fp(-64), Num(0)]),
    (3, &[ARRAY, Fp(-64)]),
    (5, &[]),
    (6, &[Fp(-64), Num(8)]),
    (7, &[]),
    (8, &[]),
    (12, &[Ctx(0), PROGS, Word]),
    (14, &[]),
    (15, &[]),
    (23, &[Word, Num(0)]),
    (25, &[Ctx(0), PERF, Num(0), Fp(-64), Num(64)]),
    (28, &[Fp(-64), Num(8), Fp(-64), Num(8), Word]),
    (35, &[]),
    (42, &[]),
    (44, &[Ctx(0), Word]),
    (51, &[DEVMAP, Word, Num(0)]),
    (54, &[Ctx(0), Word]),
    (65, &[Ctx(0), Word]),
    (69, &[Ctx(0), Fp(-64), Num(64), Num(0)]),
    (84, &[Ctx(0), Fp(-64), Num(12), Num(-1), Num(0)]),
    (85, &[Ctx(0), Fp(-64), Num(12), Num(-1), Num(0)]),
    (86, &[Socket]),
    (87, &[QUEUE, Fp(-64), Num(0)]),
    (88, &[QUEUE, Fp(-64)]),
    (89, &[QUEUE, Fp(-64)]),
    (99, &[Ctx(0), Fp(-64), Num(12), Num(-1), Num(0)]),
    (100, &[Socket, Fp(-64), Num(20), Fp(-64), Num(20)]),
    (110, &[Socket, Fp(-64), Num(20), Fp(-64), Num(20)]),
    (113, &[Fp(-64), Num(8), Long]),
    (115, &[Fp(-64), Num(8), Long]),
    (118, &[]),
    (125, &[]),
    (130, &[RINGBUF, Fp(-64), Num(8), Num(0)]),
    (131, &[RINGBUF, Num(16), Num(0)]),
    (132, &[Record, Num(0)]),
    (133, &[Record, Num(0)]),
    (134, &[RINGBUF, Num(0)]),
    (160, &[]),
    (163, &[Ctx(0), Num(0), Fp(-64), Num(0), Num(0)]),
    (177, &[Fp(-64), Num(8), Fp(-64), Num(8)]),
    (188, &[Ctx(0)]),
    (189, &[Ctx(0), Num(0), Fp(-64), Num(8)]),
    (190, &[Ctx(0), Num(0), Fp(-64), Num(8)]),
    (195, &[PERCPU, Fp(-64), Num(0)]),
    (197, &[Value(0), Num(8), Num(0), Fp(-64)]),
    (204, &[Fp(-64), Fp(-64), Num(20)]),
    (205, &[Fp(-64), Fp(-64), Num(20)]),
    (206, &[Fp(-64), Fp(-64)]),
    (207, &[Fp(-64), Fp(-64)]),
    (208, &[]),
];

/// Helpers that give something that has to be given back, and the helper for that.
const ACQUIRE: &[(u32, u32)] = &[(84, 86), (85, 86), (99, 86), (131, 133)];

fn maps() -> Vec<MapDef> {
    use MapKind as K;
    let plain = |kind| map_def(kind, 4, 64, 4);
    let port = |kind| map_def(kind, 4, 4, 4);
    let keyless = |kind| map_def(kind, 0, 64, 4);
    let flagged = |flags| MapDef { flags, ..plain(K::Array) };
    let text = MapDef {
        initial: Some(b"a text\0".to_vec()),
        frozen: true,
        max_entries: 1,
        ..plain(K::Array)
    };
    let inner = Some(Box::new(plain(K::Array)));
    vec![
        plain(K::Array),
        plain(K::Hash),
        port(K::PerfEventArray),
        port(K::Devmap),
        map_def(K::Ringbuf, 0, 0, 4096),
        keyless(K::Queue),
        keyless(K::Stack),
        keyless(K::BloomFilter),
        port(K::Cpumap),
        port(K::Xskmap),
        port(K::ProgArray),
        MapDef { flags: 1, ..map_def(K::LpmTrie, 8, 64, 4) },
        plain(K::PercpuArray),
        plain(K::PercpuHash),
        plain(K::LruHash),
        port(K::DevmapHash),
        text,
        MapDef { inner, ..port(K::ArrayOfMaps) },
        flagged(1 << 7),
        flagged(1 << 8),
    ]
}

fn shapes() -> Vec<Shape> {
    let numbers = [0, 1, 4, 8, 16, 64, 65, -1, i32::MAX].map(Num);
    let others = [
        Unset,
        Word,
        Long,
        Small,
        Positive,
        Ctx(0),
        Ctx(8),
        Fp(0),
        Fp(-8),
        Fp(-64),
        Fp(-128),
        Fp(-60),
        Fp(-512),
        Fp(-513),
        Packet(0),
        Packet(60),
        Packet(64),
        Meta,
        End,
        Value(0),
        Value(60),
        Value(64),
        ValueAnywhere,
        ValueOrNull,
        Text,
        Inner,
        Record,
        Socket,
    ];
    numbers.into_iter().chain(others).chain((0..MAPS).map(Map)).collect()
}

/// `r9` = what `shape` needs besides the prologue.
fn acquire(shape: Shape) -> Vec<Line> {
    let lookup = |m| vec![mov(2, r(10)), add(2, i(-4)), map(1, m), helper(1), mov(9, r(0))];
    match shape {
        ValueOrNull => lookup(1),
        Inner => [lookup(17), vec![jif(Eq, 9, i(0), "out")]].concat(),
        Record => vec![
            map(1, 4),
            mov(2, i(16)),
            mov(3, i(0)),
            helper(131),
            jif(Eq, 0, i(0), "out"),
            mov(9, r(0)),
        ],
        Socket => vec![
            mov(1, r(6)),
            mov(2, r(10)),
            add(2, i(-64)),
            mov(3, i(12)),
            mov(4, i(-1)),
            mov(5, i(0)),
            helper(84),
            jif(Eq, 0, i(0), "out"),
            mov(9, r(0)),
        ],
        _ => Vec::new(),
    }
}

fn release(shape: Shape) -> Vec<Line> {
    match shape {
        Record => vec![mov(1, r(9)), mov(2, i(0)), helper(133)],
        Socket => vec![mov(1, r(9)), helper(86)],
        _ => Vec::new(),
    }
}

/// Puts `shape` into register `to`.
fn put(to: u8, shape: Shape) -> Vec<Line> {
    let number = |mask: &[Line]| [&[load(B4, to, 6, 12)], mask].concat();
    match shape {
        Unset => Vec::new(),
        Num(n) => vec![mov(to, i(n))],
        Word => number(&[]),
        Long => vec![load(B8, to, 8, 0)],
        Small => number(&[and(to, 15)]),
        Positive => number(&[and(to, 15), add(to, i(1))]),
        Ctx(off) => vec![mov(to, r(6)), add(to, i(off))],
        Fp(off) => vec![mov(to, r(10)), add(to, i(off))],
        Packet(off) => vec![mov(to, r(7)), add(to, i(off))],
        Meta => vec![load(B4, to, 6, 8)],
        End => vec![load(B4, to, 6, 4)],
        Value(off) => vec![mov(to, r(8)), add(to, i(off))],
        ValueAnywhere => {
            vec![load(B4, 0, 6, 12), and(0, 15), mov(to, r(8)), add(to, r(0))]
        }
        Text => vec![map_value(to, 16, 0)],
        Map(m) => vec![map(to, m)],
        Inner | ValueOrNull | Record | Socket => vec![mov(to, r(9))],
    }
}

fn program(number: u32, args: &[Shape], special: Shape) -> Vec<Line> {
    let zeros = (1..=8).map(|n| store(B8, 10, -8 * n, i(0)));
    let mut lines: Vec<Line> = [mov(6, r(1))].into_iter().chain(zeros).collect();
    lines.extend([load(B4, 1, 6, 16), store(B4, 10, -4, r(1))]);
    lines.extend([mov(2, r(10)), add(2, i(-4)), map(1, 0), helper(1), jif(Eq, 0, i(0), "out")]);
    lines.extend([mov(8, r(0)), load(B4, 7, 6, 0), load(B4, 3, 6, 4), mov(4, r(7)), add(4, i(64))]);
    lines.push(jif(Gt, 4, r(3), "out"));
    lines.extend(acquire(special));
    // The packet, which the calls above have not moved.
    for (to, shape) in (1..).zip(args) {
        lines.extend(put(to, *shape));
    }
    lines.push(helper(number));
    if let Some((_, back)) = ACQUIRE.iter().find(|(n, _)| *n == number) {
        lines.extend([
            jif(Eq, 0, i(0), "none"),
            mov(1, r(0)),
            mov(2, i(0)),
            helper(*back),
            Label("none"),
        ]);
    }
    let given_back = matches!(number, 86 | 132 | 133) && args.first() == Some(&special);
    if !given_back {
        lines.extend(release(special));
    }
    lines.push(Label("out"));
    lines.extend(finish(2));
    lines
}

struct Judges {
    defs: Vec<MapDef>,
    maps: Vec<KernelMap>,
    judged: u32,
    wrong: Vec<String>,
}

impl Judges {
    fn judge(&mut self, number: u32, args: &[Shape]) -> bool {
        let special = |s: &&Shape| matches!(s, Inner | ValueOrNull | Record | Socket);
        let specials: Vec<Shape> = args.iter().filter(special).copied().collect();
        if specials.windows(2).any(|w| w[0] != w[1]) {
            return false;
        }
        let special = specials.first().copied().unwrap_or(Unset);
        let linked = link(&program(number, args, special), self.defs.clone());
        let theirs = KernelProgram::load(&linked, &self.maps, Attach::Section);
        let ours = verifier::verify(linked);
        self.judged += 1;
        if theirs.is_ok() != ours.is_ok() && !is_known(number, args) {
            let said = match (&theirs, &ours) {
                (Err(e), _) => format!("only we accept it; kernel: {}", e.tail(1)),
                (_, Err(d)) => format!("only the kernel accepts it; we: {}", d[0].message),
                _ => String::new(),
            };
            self.wrong.push(format!("helper {number} {args:?}: {said}"));
        }
        theirs.is_ok()
    }
}

/// Differences that `docs/verifier.md` gives the reason of.
fn is_known(_number: u32, _args: &[Shape]) -> bool {
    false
}

#[test]
fn helpers_take_the_arguments_that_the_kernel_lets_them_take() {
    if !reachable() {
        return;
    }
    let pairs = std::env::var("BEELINE_HELPER_PAIRS").is_ok();
    let defs = maps();
    let maps = create_maps(&defs).expect("maps of every kind can be created");
    let mut judges = Judges { defs, maps, judged: 0, wrong: Vec::new() };
    for (number, valid) in CALLS {
        let accepted = judges.judge(*number, valid);
        assert!(accepted, "the valid call of helper {number} is refused");
        for (at, shape) in
            (0..valid.len()).flat_map(|at| shapes().into_iter().map(move |s| (at, s)))
        {
            let mut args = valid.to_vec();
            args[at] = shape;
            judges.judge(*number, &args);
            if pairs && at + 1 < valid.len() {
                for second in shapes() {
                    args[at + 1] = second;
                    judges.judge(*number, &args);
                }
            }
        }
    }
    println!("{} calls judged, {} differ", judges.judged, judges.wrong.len());
    assert!(judges.wrong.is_empty(), "{}", judges.wrong.join("\n"));
}
