//! Hand-made programs: for each rule a program that keeps it and one that breaks it.

use super::asm::*;
use super::kernel::{judge, reachable, Verdict};
use beeline_frontend::insn::{AluOp, Cond, Size, Swap, Width};
use beeline_frontend::{verifier, Insn, MapDef, Reg};
use beeline_ir::map::MapKind;
use Cond::*;
use Size::*;

/// What our verifier says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ours {
    Accepts,
    Refuses(&'static str),
}
use Ours::{Accepts, Refuses};

struct Case {
    name: &'static str,
    lines: Vec<Line>,
    maps: Vec<MapDef>,
    ours: Ours,
    /// The kernel decides otherwise, for the reason that `docs/verifier.md` gives.
    kernel_differs: bool,
}

fn case(name: &'static str, ours: Ours, lines: Vec<Line>) -> Case {
    Case { name, lines, maps: Vec::new(), ours, kernel_differs: false }
}

fn with_maps(mut c: Case, maps: Vec<MapDef>) -> Case {
    c.maps = maps;
    c
}

fn differing(mut c: Case) -> Case {
    c.kernel_differs = true;
    c
}

fn array() -> MapDef {
    map_def(MapKind::Array, 4, 16, 4)
}

/// `r0 = lookup(map 0, key 0)`.
fn lookup() -> Vec<Line> {
    vec![store(B4, 10, -4, i(0)), mov(2, r(10)), add(2, i(-4)), map(1, 0), helper(1)]
}

fn seq(parts: &[&[Line]]) -> Vec<Line> {
    parts.concat()
}

fn packet_cases() -> Vec<Case> {
    let bound = |n: i32, cond, size, off| {
        seq(&[
            &packet(),
            &[
                mov(4, r(2)),
                add(4, i(n)),
                jif(cond, 4, r(3), "out"),
                load(size, 5, 2, off),
                Label("out"),
            ],
            &finish(2),
        ])
    };
    let bound_taken = |n: i32, cond, size, off| {
        seq(&[
            &packet(),
            &[mov(4, r(2)), add(4, i(n)), jif(cond, 4, r(3), "in")],
            &finish(2),
            &[Label("in"), load(size, 5, 2, off)],
            &finish(2),
        ])
    };
    let mirrored = |cond, off| {
        seq(&[
            &packet(),
            &[
                mov(4, r(2)),
                add(4, i(8)),
                jif(cond, 3, r(4), "out"),
                load(B1, 5, 2, off),
                Label("out"),
            ],
            &finish(2),
        ])
    };
    let no_check = seq(&[&packet(), &[load(B1, 5, 2, 0)], &finish(2)]);
    let variable = |mask: i32, check: i32, read: i16| {
        seq(&[
            &packet(),
            &[mov(4, r(2)), add(4, i(34)), jif(Gt, 4, r(3), "out")],
            &[
                load(B1, 5, 2, 14),
                and(5, mask),
                alu(AluOp::Lsh, 5, i(2)),
                add(2, r(5)),
                mov(4, r(2)),
            ],
            &[add(4, i(check)), jif(Gt, 4, r(3), "out"), load(B4, 0, 2, read), Label("out")],
            &finish(2),
        ])
    };
    let unbounded = seq(&[
        &packet(),
        &[mov(4, r(2)), add(4, i(8)), jif(Gt, 4, r(3), "out")],
        &[load(B8, 5, 2, 0), add(2, r(5)), mov(4, r(2)), add(4, i(1)), jif(Gt, 4, r(3), "out")],
        &[load(B1, 0, 2, 0), Label("out")],
        &finish(2),
    ]);
    let stale = |reload: bool| {
        let again: &[Line] = if reload { &[mov(1, r(6))] } else { &[] };
        let check: &[Line] = &[
            load(B4, 2, 1, 0),
            load(B4, 3, 1, 4),
            mov(4, r(2)),
            add(4, i(8)),
            jif(Gt, 4, r(3), "out"),
        ];
        seq(&[
            &[
                mov(6, r(1)),
                load(B4, 7, 1, 0),
                load(B4, 3, 1, 4),
                mov(4, r(7)),
                add(4, i(8)),
                jif(Gt, 4, r(3), "out"),
            ],
            &[mov(2, i(0)), helper(44)],
            again,
            if reload { check } else { &[] },
            &[load(B1, 0, if reload { 2 } else { 7 }, 0), Label("out")],
            &finish(2),
        ])
    };
    vec![
        case("packet read without check", Refuses("BL0322"), no_check),
        case("packet read, pointer + 8 > end", Accepts, bound(8, Gt, B8, 0)),
        case("packet read, one past the checked bytes", Refuses("BL0322"), bound(8, Gt, B8, 1)),
        case("packet read, pointer + 8 >= end proves 9", Accepts, bound(8, Ge, B1, 8)),
        case(
            "packet read, pointer + 8 >= end does not prove 10",
            Refuses("BL0322"),
            bound(8, Ge, B2, 8),
        ),
        case("packet read on the wrong branch", Refuses("BL0322"), bound(8, Lt, B1, 0)),
        case("packet read, taken if <=", Accepts, bound_taken(8, Le, B8, 0)),
        case("packet read, taken if <= past", Refuses("BL0322"), bound_taken(8, Le, B8, 1)),
        case("packet read, taken if <", Accepts, bound_taken(8, Lt, B1, 8)),
        case("packet read, taken if < past", Refuses("BL0322"), bound_taken(8, Lt, B2, 8)),
        case("packet read, end < pointer", Accepts, mirrored(Lt, 7)),
        case("packet read, end < pointer past", Refuses("BL0322"), mirrored(Lt, 8)),
        case("packet read, end <= pointer", Accepts, mirrored(Le, 8)),
        case("packet read, end > pointer is the wrong way", Refuses("BL0322"), mirrored(Gt, 0)),
        case("packet read before the start", Refuses("BL0322"), bound(8, Gt, B1, -1)),
        case("variable offset, checked", Accepts, variable(15, 4, 0)),
        case("variable offset, off by one", Refuses("BL0322"), variable(15, 4, 1)),
        case("variable offset may go to 252", Accepts, variable(63, 4, 0)),
        case("variable offset without bounds", Refuses("BL0311"), unbounded),
        case("packet pointer stale after adjust_head", Refuses("BL0320"), stale(false)),
        case("packet pointer loaded again after adjust_head", Accepts, stale(true)),
        case("equality with the end proves nothing", Refuses("BL0322"), bound(8, Ne, B8, 0)),
    ]
}

fn pointer_copy_cases() -> Vec<Case> {
    // r6 and r7 are the same variable pointer; the check of one is good for the other, also if that was spilled.
    let copies = |spill: bool| {
        let save: &[Line] = if spill { &[store(B8, 10, -8, r(2))] } else { &[mov(7, r(2))] };
        let restore: &[Line] = if spill { &[load(B8, 7, 10, -8)] } else { &[] };
        seq(&[
            &packet(),
            &[
                mov(4, r(2)),
                add(4, i(14)),
                jif(Gt, 4, r(3), "out"),
                load(B1, 5, 2, 0),
                add(2, r(5)),
            ],
            save,
            &[add(2, i(4)), jif(Gt, 2, r(3), "out")],
            restore,
            &[load(B4, 0, 7, 0), Label("out")],
            &finish(2),
        ])
    };
    let unrelated = seq(&[
        &packet(),
        &[mov(7, r(2)), mov(4, r(2)), add(4, i(14)), jif(Gt, 4, r(3), "out"), load(B1, 5, 2, 0)],
        &[add(2, r(5)), add(7, r(5)), mov(4, r(2)), add(4, i(4)), jif(Gt, 4, r(3), "out")],
        &[load(B4, 0, 7, 0), Label("out")],
        &finish(2),
    ]);
    let meta = |n: i32| {
        seq(&[
            &[
                load(B4, 2, 1, 8),
                load(B4, 3, 1, 0),
                mov(4, r(2)),
                add(4, i(4)),
                jif(Gt, 4, r(3), "out"),
            ],
            &[load(B4, 0, 2, n as i16), Label("out")],
            &finish(2),
        ])
    };
    vec![
        case("range carries over to a copy", Accepts, copies(false)),
        case("range carries over to a spilled copy", Accepts, copies(true)),
        case("separately computed pointers are unrelated", Refuses("BL0322"), unrelated),
        case("metadata before the packet", Accepts, meta(0)),
        case("metadata past the packet's start", Refuses("BL0322"), meta(1)),
    ]
}

fn map_cases() -> Vec<Case> {
    let null = |check: bool| {
        let test: &[Line] = if check { &[jif(Eq, 0, i(0), "out")] } else { &[] };
        seq(&[&lookup(), test, &[load(B4, 1, 0, 0), Label("out")], &finish(2)])
    };
    let access = |size, off| {
        seq(&[
            &lookup(),
            &[jif(Eq, 0, i(0), "out"), load(size, 1, 0, off), Label("out")],
            &finish(2),
        ])
    };
    let index = |limit: i32, cond| {
        seq(&[
            &packet(),
            &[mov(4, r(2)), add(4, i(8)), jif(Gt, 4, r(3), "out"), load(B8, 6, 2, 0)],
            &lookup(),
            &[
                jif(Eq, 0, i(0), "out"),
                jif(cond, 6, i(limit), "out"),
                add(0, r(6)),
                load(B1, 1, 0, 0),
                Label("out"),
            ],
            &finish(2),
        ])
    };
    let copy_of_null = seq(&[
        &lookup(),
        &[mov(6, r(0)), jif(Ne, 0, i(0), "some")],
        &finish(2),
        &[Label("some"), store(B8, 6, 0, i(1))],
        &finish(2),
    ]);
    let on_null_branch =
        seq(&[&lookup(), &[jif(Ne, 0, i(0), "out"), load(B4, 1, 0, 0), Label("out")], &finish(2)]);
    let arithmetic_on_null =
        seq(&[&lookup(), &[add(0, i(4)), jif(Eq, 0, i(0), "out"), Label("out")], &finish(2)]);
    let short_key = seq(&[
        &[store(B2, 10, -2, i(0)), mov(2, r(10)), add(2, i(-2)), map(1, 0), helper(1)],
        &finish(2),
    ]);
    let packet_key = |n: i32| {
        seq(&[
            &packet(),
            &[
                mov(4, r(2)),
                add(4, i(n)),
                jif(Gt, 4, r(3), "out"),
                map(1, 0),
                helper(1),
                Label("out"),
            ],
            &finish(2),
        ])
    };
    let wrong_map = seq(&[&lookup(), &finish(2)]);
    let number_key = seq(&[&[mov(2, i(5)), map(1, 0), helper(1)], &finish(2)]);
    let atomic = |off| {
        seq(&[
            &lookup(),
            &[jif(Eq, 0, i(0), "out"), mov(1, i(1)), atomic_add(B8, 0, off, 1), Label("out")],
            &finish(2),
        ])
    };
    let arrays = |c| with_maps(c, vec![array()]);
    let hash = || vec![map_def(MapKind::Hash, 4, 16, 4)];
    let beyond = seq(&[
        &[
            store(B4, 10, -4, i(4)),
            mov(2, r(10)),
            add(2, i(-4)),
            map(1, 0),
            helper(1),
            load(B4, 1, 0, 0),
        ],
        &finish(2),
    ]);
    let mut cases: Vec<Case> = [
        case("array element that exists", Accepts, null(false)),
        case("array element that does not exist", Refuses("BL0321"), beyond),
        case("map value with null check", Accepts, null(true)),
        case("last word of a map value", Accepts, access(B8, 8)),
        case("past the end of a map value", Refuses("BL0323"), access(B8, 9)),
        case("before the start of a map value", Refuses("BL0323"), access(B1, -1)),
        case("index compared with its limit", Accepts, index(15, Gt)),
        case("index limit off by one", Refuses("BL0323"), index(16, Gt)),
        case("index compared as signed", Refuses("BL0311"), index(15, Sgt)),
        case("null check of one copy is good for another", Accepts, copy_of_null),
        case("key reaches beyond the stack frame", Refuses("BL0324"), short_key),
        case("key in the packet", Accepts, packet_key(4)),
        case("key not wholly in the checked packet", Refuses("BL0322"), packet_key(3)),
        case("key is a number", Refuses("BL0320"), number_key),
        case("atomic addition to a map value", Accepts, atomic(8)),
        case("atomic addition past a map value", Refuses("BL0323"), atomic(16)),
        case("misaligned atomic addition", Refuses("BL0325"), atomic(4)),
    ]
    .into_iter()
    .map(arrays)
    .collect();
    cases.extend([
        with_maps(case("map value without null check", Refuses("BL0321"), null(false)), hash()),
        with_maps(
            case("map value used where it is null", Refuses("BL0320"), on_null_branch),
            hash(),
        ),
        with_maps(
            case(
                "arithmetic on a map value that may be null",
                Refuses("BL0310"),
                arithmetic_on_null,
            ),
            hash(),
        ),
    ]);
    let wrong = case("lookup in a program array", Refuses("BL0344"), wrong_map);
    cases.push(with_maps(wrong, vec![map_def(MapKind::ProgArray, 4, 4, 4)]));
    cases
}

fn stack_cases() -> Vec<Case> {
    let at = |off| seq(&[&[store(B8, 10, off, i(1)), load(B8, 0, 10, off), and(0, 3)], &[exit()]]);
    let uninit = seq(&[&[load(B8, 0, 10, -8), and(0, 3), exit()]]);
    let key_uninit = seq(&[&[mov(2, r(10)), add(2, i(-4)), map(1, 0), helper(1)], &finish(2)]);
    let misaligned = seq(&[&[store(B8, 10, -12, i(1))], &finish(2)]);
    let variable = |mask: i32, base: i32| {
        seq(&[
            &[
                mov(6, r(1)),
                store(B8, 10, -8, i(0)),
                store(B8, 10, -16, i(0)),
                helper(7),
                and(0, mask),
            ],
            &[mov(1, r(10)), add(1, i(base)), add(1, r(0)), load(B1, 0, 1, 0), and(0, 3), exit()],
        ])
    };
    let variable_write = |mask: i32| {
        seq(&[
            &[
                store(B8, 10, -8, i(0)),
                store(B8, 10, -16, i(0)),
                helper(7),
                and(0, mask),
                mov(1, r(10)),
            ],
            &[
                add(1, i(-16)),
                add(1, r(0)),
                store(B1, 1, 0, i(7)),
                load(B8, 0, 10, -16),
                and(0, 3),
                exit(),
            ],
        ])
    };
    let spill_size = seq(&[&[store(B4, 10, -8, r(1))], &finish(2)]);
    let fill_part = seq(&[&[store(B8, 10, -8, r(1)), load(B4, 0, 10, -8), and(0, 3), exit()]]);
    let spilled_ctx = seq(&[&[
        store(B8, 10, -8, r(1)),
        load(B8, 1, 10, -8),
        load(B4, 0, 1, 12),
        and(0, 3),
        exit(),
    ]]);
    let overwritten = seq(&[&[
        store(B8, 10, -8, r(1)),
        store(B1, 10, -8, i(0)),
        load(B8, 1, 10, -8),
        load(B4, 0, 1, 12),
        exit(),
    ]]);
    let spilled_scalar = |n: i32| {
        seq(&[
            &[
                helper(7),
                store(B8, 10, -16, r(0)),
                jif(Gt, 0, i(n), "out"),
                store(B8, 10, -8, i(0)),
            ],
            &[
                load(B8, 1, 10, -16),
                mov(2, r(10)),
                add(2, i(-8)),
                add(2, r(1)),
                load(B1, 0, 2, 0),
                Label("out"),
            ],
            &finish(2),
        ])
    };
    vec![
        case("top of the stack", Accepts, at(-8)),
        case("bottom of the stack", Accepts, at(-512)),
        case("below the stack", Refuses("BL0324"), at(-520)),
        case("above the stack", Refuses("BL0324"), at(0)),
        case("read of unwritten stack is allowed", Accepts, uninit),
        with_maps(case("unwritten key is allowed", Accepts, key_uninit), vec![array()]),
        case("misaligned store to the stack", Refuses("BL0325"), misaligned),
        case("variable stack read", Accepts, variable(15, -16)),
        case("variable stack read too high", Refuses("BL0324"), variable(31, -16)),
        case("variable stack read too low", Refuses("BL0324"), variable(15, -513)),
        case("variable stack write", Accepts, variable_write(15)),
        case("variable stack write too high", Refuses("BL0324"), variable_write(16)),
        case("pointer stored in 4 bytes", Refuses("BL0330"), spill_size),
        case("half of a pointer read back", Refuses("BL0330"), fill_part),
        case("spilled context", Accepts, spilled_ctx),
        case("spilled context partly overwritten", Refuses("BL0320"), overwritten),
        case("spilled number learns from its register", Accepts, spilled_scalar(7)),
        case("spilled number learns too little", Refuses("BL0324"), spilled_scalar(8)),
    ]
}

fn register_cases() -> Vec<Case> {
    let frame = vec![mov(10, i(0)), mov(0, i(0)), exit()];
    let add_frame = vec![add(10, i(-8)), mov(0, i(0)), exit()];
    let uninit = vec![mov(0, r(3)), exit()];
    let no_result = vec![exit()];
    let clobbered = vec![mov(3, i(1)), helper(7), mov(0, r(3)), exit()];
    let saved = vec![mov(6, i(1)), helper(7), mov(0, r(6)), exit()];
    let one_path = vec![
        helper(7),
        jif(Eq, 0, i(0), "skip"),
        mov(6, i(1)),
        Label("skip"),
        mov(0, r(6)),
        exit(),
    ];
    let ctx = |size, off| vec![load(size, 0, 1, off), and(0, 3), exit()];
    let ctx_write = vec![mov(0, i(0)), store(B4, 1, 12, r(0)), exit()];
    let moved_ctx = vec![add(1, i(4)), load(B4, 0, 1, 8), and(0, 3), exit()];
    let two_pointers = seq(&[&packet(), &[add(2, r(3))], &finish(2)]);
    let difference =
        seq(&[&packet(), &[alu(AluOp::Sub, 3, r(2)), mov(0, r(3)), and(0, 3), exit()]]);
    let mul = seq(&[&packet(), &[alu(AluOp::Mul, 2, i(2))], &finish(2)]);
    let low_half = seq(&[&packet(), &[alu32(AluOp::Add, 2, i(2))], &finish(2)]);
    let end_math = seq(&[&packet(), &[add(3, i(1))], &finish(2)]);
    let frame_minus = vec![mov(2, r(10)), alu(AluOp::Sub, 2, i(8)), mov(0, i(2)), exit()];
    let result_pointer = vec![mov(0, r(1)), exit()];
    vec![
        case("write to r10", Refuses("BL0305"), frame),
        case("addition to r10", Refuses("BL0305"), add_frame),
        case("read of an unwritten register", Refuses("BL0306"), uninit),
        case("exit without a result", Refuses("BL0352"), no_result),
        case("argument register read after a call", Refuses("BL0306"), clobbered),
        case("saved register read after a call", Accepts, saved),
        case("register written on one path only", Refuses("BL0306"), one_path),
        case("ingress_ifindex", Accepts, ctx(B4, 12)),
        case("rx_queue_index", Accepts, ctx(B4, 16)),
        case("egress_ifindex outside a devmap", Refuses("BL0326"), ctx(B4, 20)),
        case("beyond the context", Refuses("BL0326"), ctx(B4, 24)),
        case("two bytes of the context", Refuses("BL0326"), ctx(B2, 12)),
        case("eight bytes of the context", Refuses("BL0326"), ctx(B8, 8)),
        case("middle of a context field", Refuses("BL0326"), ctx(B4, 14)),
        case("write to the context", Refuses("BL0327"), ctx_write),
        case("context through a modified pointer", Refuses("BL0326"), moved_ctx),
        case("sum of two pointers", Refuses("BL0310"), two_pointers),
        case("difference of two pointers", Accepts, difference),
        case("product of a pointer", Refuses("BL0310"), mul),
        case("32-bit arithmetic on a pointer", Refuses("BL0310"), low_half),
        case("arithmetic on data_end", Refuses("BL0310"), end_math),
        case("subtraction from a stack pointer", Refuses("BL0310"), frame_minus),
        differing(case("a pointer as result", Refuses("BL0353"), result_pointer)),
    ]
}

fn flow_cases() -> Vec<Case> {
    let unreachable = vec![mov(0, i(2)), exit(), mov(0, i(1)), exit()];
    let dead = vec![mov(0, i(2)), jif(Eq, 0, i(2), "out"), load(B1, 0, 0, 0), Label("out"), exit()];
    let runs_off = vec![mov(0, i(2))];
    let forever = vec![mov(0, i(2)), Label("again"), Goto("again"), exit()];
    let random_loop =
        vec![Label("again"), helper(7), jif(Ne, 0, i(0), "again"), mov(0, i(2)), exit()];
    let counted = |n: i32, step: i32| {
        vec![
            mov(6, i(0)),
            Label("again"),
            add(6, i(step)),
            jif(Lt, 6, i(n), "again"),
            mov(0, i(2)),
            exit(),
        ]
    };
    let countdown = vec![
        mov(6, i(100)),
        Label("again"),
        add(6, i(-1)),
        jif(Ne, 6, i(0), "again"),
        mov(0, i(2)),
        exit(),
    ];
    let branchy = {
        let body: Vec<Line> = (0..20).flat_map(|_| [helper(7), and(0, 1), add(7, r(0))]).collect();
        seq(&[&[mov(7, i(0))], &body, &[mov(0, i(2)), exit()]])
    };
    let variable_limit = seq(&[
        &[helper(7), and(0, 63), mov(7, r(0)), mov(6, i(0))],
        &[Label("again"), jif(Ge, 6, r(7), "out"), add(6, i(1)), Goto("again"), Label("out")],
        &finish(2),
    ]);
    let unbounded_limit = seq(&[
        &[helper(7), mov(7, r(0)), mov(6, i(0))],
        &[Label("again"), jif(Ge, 6, r(7), "out"), add(6, i(1)), Goto("again"), Label("out")],
        &finish(2),
    ]);
    vec![
        case("unreachable instruction", Refuses("BL0301"), unreachable),
        case("dead branch", Accepts, dead),
        case("control runs off the end", Refuses("BL0302"), runs_off),
        case("endless loop", Refuses("BL0301"), forever),
        case("loop that ends by chance", Refuses("BL0360"), random_loop),
        case("counted loop", Accepts, counted(100, 1)),
        case("counted loop that stands still", Refuses("BL0360"), counted(100, 0)),
        case("counted loop of 10000 trips", Accepts, counted(10_000, 1)),
        case("counted loop of too many trips", Refuses("BL0361"), counted(10_000_000, 1)),
        case("loop that counts down", Accepts, countdown),
        case("sum of many random bits", Accepts, branchy),
        case("loop with a bounded variable limit", Accepts, variable_limit),
        case("loop with an unbounded variable limit", Refuses("BL0361"), unbounded_limit),
    ]
}

fn call_cases() -> Vec<Case> {
    let simple =
        vec![mov(1, i(3)), Call("f"), exit(), Function("f"), mov(0, r(1)), and(0, 3), exit()];
    let pointer_argument = vec![
        store(B8, 10, -8, i(0)),
        mov(1, r(10)),
        add(1, i(-8)),
        Call("f"),
        load(B8, 0, 10, -8),
        and(0, 3),
        exit(),
        Function("f"),
        store(B8, 1, 0, i(5)),
        mov(0, i(0)),
        exit(),
    ];
    let own_stack = vec![Call("f"), mov(0, i(2)), exit(), Function("f"), mov(0, r(10)), exit()];
    let void = vec![mov(1, i(1)), Call("f"), mov(0, i(2)), exit(), Function("f"), exit()];
    let void_used = vec![mov(1, i(1)), Call("f"), exit(), Function("f"), exit()];
    let missing_argument = vec![Call("f"), exit(), Function("f"), mov(0, r(2)), exit()];
    let recursive = vec![Call("f"), exit(), Function("f"), Call("f"), exit()];
    let deep = |bytes: i16| {
        vec![
            store(B8, 10, -256, i(0)),
            Call("f"),
            mov(0, i(2)),
            exit(),
            Function("f"),
            store(B8, 10, -bytes, i(0)),
            mov(0, i(0)),
            exit(),
        ]
    };
    let check_in_callee = vec![
        load(B4, 6, 1, 0),
        load(B4, 2, 1, 4),
        mov(1, r(6)),
        Call("f"),
        jif(Eq, 0, i(0), "out"),
        load(B1, 1, 6, 0),
        Label("out"),
        mov(0, i(2)),
        exit(),
        Function("f"),
        mov(0, i(0)),
        mov(3, r(1)),
        add(3, i(14)),
        jif(Gt, 3, r(2), "short"),
        mov(0, i(1)),
        Label("short"),
        exit(),
    ];
    vec![
        case("call", Accepts, simple),
        case("callee writes the caller's stack", Accepts, pointer_argument),
        case("callee returns its stack", Refuses("BL0354"), own_stack),
        case("function without a result", Accepts, void),
        case("missing result is used", Refuses("BL0352"), void_used),
        case("missing argument is used", Refuses("BL0306"), missing_argument),
        case("recursion", Refuses("BL0350"), recursive),
        case("512 bytes of stack in two frames", Accepts, deep(256)),
        case("more than 512 bytes of stack in two frames", Refuses("BL0351"), deep(264)),
        case("packet checked in the callee", Accepts, check_in_callee),
    ]
}

fn helper_cases() -> Vec<Case> {
    let unknown = seq(&[&[helper(9999)], &finish(2)]);
    let not_xdp = seq(&[&[mov(1, i(0)), helper(26)], &finish(2)]);
    let diff = |umax: i32, cond| {
        seq(&[
            &packet(),
            &[
                mov(4, r(2)),
                add(4, i(64)),
                jif(Gt, 4, r(3), "out"),
                load(B1, 6, 2, 0),
                jif(cond, 6, i(umax), "out"),
            ],
            &[
                mov(3, r(2)),
                mov(4, r(6)),
                mov(1, i(0)),
                mov(2, i(0)),
                mov(5, i(0)),
                helper(28),
                Label("out"),
            ],
            &finish(2),
        ])
    };
    let reserve = |submit: bool| {
        let give: &[Line] = if submit {
            &[store(B8, 0, 8, i(1)), mov(1, r(0)), mov(2, i(0)), helper(132)]
        } else {
            &[]
        };
        seq(&[
            &[map(1, 0), mov(2, i(16)), mov(3, i(0)), helper(131), jif(Eq, 0, i(0), "out")],
            give,
            &[Label("out")],
            &finish(2),
        ])
    };
    let record_overrun = seq(&[
        &[map(1, 0), mov(2, i(16)), mov(3, i(0)), helper(131), jif(Eq, 0, i(0), "out")],
        &[store(B8, 0, 9, i(1)), mov(1, r(0)), mov(2, i(0)), helper(132), Label("out")],
        &finish(2),
    ]);
    let used_after = seq(&[
        &[
            map(1, 0),
            mov(2, i(16)),
            mov(3, i(0)),
            helper(131),
            jif(Eq, 0, i(0), "out"),
            mov(6, r(0)),
        ],
        &[mov(1, r(0)), mov(2, i(0)), helper(132), store(B8, 6, 0, i(1)), Label("out")],
        &finish(2),
    ]);
    let ring = |c| with_maps(c, vec![map_def(MapKind::Ringbuf, 0, 0, 4096)]);
    let redirect_map = seq(&[&[map(1, 0), mov(2, i(0)), mov(3, i(0)), helper(51), exit()]]);
    let tail = seq(&[&[map(2, 0), mov(3, i(0)), helper(12)], &finish(2)]);
    let tail_result = seq(&[&[map(2, 0), mov(3, i(0)), helper(12), exit()]]);
    let tail_packet = seq(&[
        &packet(),
        &[mov(6, r(2)), add(2, i(4)), jif(Gt, 2, r(3), "out"), map(2, 0), mov(3, i(0)), helper(12)],
        &[load(B1, 1, 6, 0), Label("out")],
        &finish(2),
    ]);
    let programs = |c| with_maps(c, vec![map_def(MapKind::ProgArray, 4, 4, 4)]);
    let fib = |bytes: i32| {
        let zero: Vec<Line> = (1..=8).map(|n| store(B8, 10, -8 * n, i(0))).collect();
        seq(&[
            &zero,
            &[
                mov(2, r(10)),
                add(2, i(-64)),
                mov(3, i(bytes)),
                mov(4, i(0)),
                helper(69),
                and(0, 3),
                exit(),
            ],
        ])
    };
    let load_bytes = |n: i32| {
        seq(&[
            &[
                mov(2, i(0)),
                mov(3, r(10)),
                add(3, i(-16)),
                mov(4, i(n)),
                helper(189),
                load(B8, 0, 10, -16),
            ],
            &[and(0, 3), exit()],
        ])
    };
    let queue = seq(&[
        &[
            store(B8, 10, -8, i(0)),
            mov(2, r(10)),
            add(2, i(-8)),
            map(1, 0),
            mov(3, i(0)),
            helper(87),
        ],
        &[map(1, 0), mov(2, r(10)), add(2, i(-8)), helper(88)],
        &finish(2),
    ]);
    vec![
        case("helper that does not exist", Refuses("BL0340"), unknown),
        case("helper of other program types", Refuses("BL0340"), not_xdp),
        case("csum_diff with a bounded size", Accepts, diff(64, Gt)),
        case("csum_diff with a size off by one", Refuses("BL0322"), diff(65, Gt)),
        ring(case("reserved record submitted", Accepts, reserve(true))),
        ring(case("reserved record lost", Refuses("BL0348"), reserve(false))),
        ring(case("past the reserved record", Refuses("BL0328"), record_overrun)),
        ring(case("record used after submission", Refuses("BL0320"), used_after)),
        with_maps(
            case("redirect_map", Accepts, redirect_map.clone()),
            vec![map_def(MapKind::Devmap, 4, 4, 4)],
        ),
        with_maps(case("redirect_map on an array", Refuses("BL0344"), redirect_map), vec![array()]),
        programs(case("tail call", Accepts, tail)),
        programs(case("result of a tail call", Refuses("BL0352"), tail_result)),
        programs(case("packet pointer after a failed tail call", Accepts, tail_packet)),
        case("fib_lookup", Accepts, fib(64)),
        case("fib_lookup beyond the frame", Refuses("BL0324"), fib(65)),
        case("xdp_load_bytes", Accepts, load_bytes(16)),
        case("xdp_load_bytes of nothing", Refuses("BL0343"), load_bytes(0)),
        case("xdp_load_bytes beyond the frame", Refuses("BL0324"), load_bytes(17)),
        with_maps(case("queue", Accepts, queue), vec![map_def(MapKind::Queue, 0, 8, 4)]),
    ]
}

/// The kernel needs BTF for these, which is not loaded here; they are judged by us alone.
fn callback_cases() -> Vec<Case> {
    let looping = |runs: i32, body: &[Line]| {
        seq(&[
            &[
                store(B8, 10, -8, i(0)),
                mov(1, i(runs)),
                Line::Address(2, "body"),
                mov(3, r(10)),
                add(3, i(-8)),
            ],
            &[mov(4, i(0)), helper(181), load(B8, 0, 10, -8), and(0, 3), exit(), Function("body")],
            body,
        ])
    };
    let sum = [load(B8, 0, 2, 0), add(0, r(1)), store(B8, 2, 0, r(0)), mov(0, i(0)), exit()];
    let beyond = [store(B8, 2, 8, i(0)), mov(0, i(0)), exit()];
    let result = [mov(0, i(2)), exit()];
    let spoiled = [store(B8, 2, 0, r(2)), mov(0, i(0)), exit()];
    // The index is below the number of runs, so it may address the value's bytes.
    let index = |runs| {
        seq(&[&looping(
            runs,
            &[map_value(3, 0, 0), add(3, r(1)), load(B1, 0, 3, 0), mov(0, i(0)), exit()],
        )])
    };
    let data = || vec![MapDef { initial: Some(vec![0; 8]), ..map_def(MapKind::Array, 4, 8, 1) }];
    vec![
        case("callback sums its indices", Accepts, looping(1000, &sum)),
        case("callback without runs", Accepts, looping(0, &sum)),
        case("callback writes beyond the caller's frame", Refuses("BL0324"), looping(3, &beyond)),
        case("callback returns 2", Refuses("BL0355"), looping(3, &result)),
        case("callback stores a stack pointer", Refuses("BL0330"), looping(3, &spoiled)),
        // Linux does not bound the index by the number of runs.
        differing(with_maps(case("callback's index in bounds", Accepts, index(8)), data())),
        with_maps(case("callback's index out of bounds", Refuses("BL0323"), index(9)), data()),
    ]
}

fn data_cases() -> Vec<Case> {
    let data = |frozen: bool| MapDef {
        initial: Some(vec![3, 0, 0, 0, 9, 0, 0, 0]),
        frozen,
        name: if frozen { ".rodata" } else { ".data" }.into(),
        ..map_def(MapKind::Array, 4, 8, 1)
    };
    let read = |off, size| vec![map_value(1, 0, off), load(size, 0, 1, 0), and(0, 3), exit()];
    let write = vec![map_value(1, 0, 4), store(B4, 1, 0, i(1)), mov(0, i(0)), exit()];
    let constant = vec![
        map_value(1, 0, 0),
        load(B4, 2, 1, 0),
        jif(Eq, 2, i(3), "out"),
        load(B1, 0, 2, 0),
        Label("out"),
        mov(0, i(2)),
        exit(),
    ];
    vec![
        with_maps(case("global data", Accepts, read(4, B4)), vec![data(false)]),
        with_maps(case("past global data", Refuses("BL0323"), read(4, B8)), vec![data(false)]),
        with_maps(case("write to .data", Accepts, write.clone()), vec![data(false)]),
        with_maps(case("write to .rodata", Refuses("BL0327"), write), vec![data(true)]),
        with_maps(case(".rodata is constant", Accepts, constant.clone()), vec![data(true)]),
        with_maps(case(".data is not constant", Refuses("BL0320"), constant), vec![data(false)]),
    ]
}

fn number_cases() -> Vec<Case> {
    // The number in r0 after `ops` indexes the 8 stack bytes at r10-8.
    let index = |ops: &[Line]| {
        seq(&[
            &[store(B8, 10, -8, i(0)), helper(7)],
            ops,
            &[
                mov(1, r(10)),
                add(1, i(-8)),
                add(1, r(0)),
                load(B1, 0, 1, 0),
                and(0, 3),
                Label("out"),
                mov(0, i(2)),
                exit(),
            ],
        ])
    };
    let swap = Line::Do(Insn::Swap { swap: Swap::ToBe, dst: Reg(0), bits: 16 });
    let sx = Line::Do(Insn::MovSx { width: Width::W64, dst: Reg(0), src: Reg(0), bits: 8 });
    vec![
        case("mask", Accepts, index(&[and(0, 7)])),
        case("mask too wide", Refuses("BL0324"), index(&[and(0, 8)])),
        case("shift right", Accepts, index(&[alu32(AluOp::Rsh, 0, i(29))])),
        case("shift right too little", Refuses("BL0324"), index(&[alu32(AluOp::Rsh, 0, i(28))])),
        case(
            "32-bit compare",
            Accepts,
            index(&[alu32(AluOp::Mov, 0, r(0)), jif32(Gt, 0, i(7), "out")]),
        ),
        case(
            "signed compare leaves negatives",
            Refuses("BL0311"),
            index(&[jif(Sgt, 0, i(7), "out")]),
        ),
        case(
            "two signed compares",
            Accepts,
            index(&[jif(Sgt, 0, i(7), "out"), jif(Slt, 0, i(0), "out")]),
        ),
        case(
            "bits cleared by a test",
            Accepts,
            index(&[and(0, 15), Line::If(Set, Width::W64, 0, i(8), "out")]),
        ),
        case("remainder", Accepts, index(&[alu(AluOp::Mod, 0, i(8))])).into_differing(),
        case("quotient", Accepts, index(&[and(0, 63), alu(AluOp::Div, 0, i(8))])).into_differing(),
        case("swapped byte", Accepts, index(&[and(0, 0xff), swap, alu(AluOp::Rsh, 0, i(13))])),
        case("sign extension", Refuses("BL0324"), index(&[sx])),
        case("xor of small numbers", Accepts, index(&[and(0, 5), alu(AluOp::Xor, 0, i(2))])),
        case("product", Accepts, index(&[and(0, 3), alu(AluOp::Mul, 0, i(2))])),
        case("product too large", Refuses("BL0324"), index(&[and(0, 3), alu(AluOp::Mul, 0, i(3))])),
        case("copy learns from its twin", Accepts, index(&[mov(6, r(0)), jif(Gt, 6, i(7), "out")])),
        case(
            "twin plus a constant learns too",
            Accepts,
            index(&[and(0, 0xff), mov(6, r(0)), add(6, i(4)), jif(Gt, 6, i(11), "out")]),
        ),
    ]
}

impl Case {
    fn into_differing(self) -> Case {
        differing(self)
    }
}

fn cases() -> Vec<Case> {
    [
        packet_cases(),
        pointer_copy_cases(),
        map_cases(),
        stack_cases(),
        register_cases(),
        flow_cases(),
        call_cases(),
        helper_cases(),
        callback_cases(),
        data_cases(),
        number_cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_case_gets_its_verdict() {
    let mut wrong = Vec::new();
    for c in cases() {
        let found = match verifier::verify(link(&c.lines, c.maps.clone())) {
            Ok(_) => "accepted".to_string(),
            Err(d) => d[0].to_string(),
        };
        let right = match c.ours {
            Accepts => found == "accepted",
            Refuses(code) => found.starts_with(&format!("error[{code}]")),
        };
        if !right {
            wrong.push(format!("{}: expected {:?}, got {found}", c.name, c.ours));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_kernel_agrees() {
    if !reachable() {
        return;
    }
    let mut wrong = Vec::new();
    for c in cases() {
        let (accepted, log) = match judge(&link(&c.lines, c.maps.clone())) {
            Verdict::Accepted => (true, String::new()),
            Verdict::Refused(log) => (false, log),
            Verdict::Unknown(why) => {
                println!("notice: `{}` skipped: {why}", c.name);
                continue;
            }
        };
        let agrees = accepted == (c.ours == Accepts);
        if agrees == c.kernel_differs {
            wrong.push(format!("{}: kernel accepts: {accepted}\n{log}", c.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
