//! Tests of the interpreter on hand-made programs.

use super::*;
use crate::outcome::{Outcome, Redirect};
use beeline_frontend::insn::*;
use beeline_frontend::program::Subprog;
use beeline_frontend::MapDef;
use beeline_ir::map::MapKind;
use beeline_ir::random::prandom_u32;

fn r(n: u8) -> Reg {
    Reg(n)
}

fn program(insns: &[Insn], maps: Vec<MapDef>, functions: &[u32]) -> Program {
    let mut slots = Vec::new();
    for insn in insns {
        slots.push(*insn);
        if insn.slots() == 2 {
            slots.push(Insn::Imm64Tail);
        }
    }
    let starts: Vec<u32> = std::iter::once(0).chain(functions.iter().copied()).collect();
    let ends = starts[1..].iter().copied().chain([slots.len() as u32]);
    let subprogs = starts
        .iter()
        .zip(ends)
        .map(|(s, e)| Subprog {
            name: format!("f{s}"),
            start: Pc(*s),
            end: Pc(e),
            global: false,
            ..Subprog::default()
        })
        .collect();
    Program {
        name: "test".into(),
        section: "xdp".into(),
        frags: false,
        lines: vec![None; slots.len()],
        insns: slots,
        subprogs,
        maps,
        kfuncs: Vec::new(),
        license: None,
        object: "test.o".into(),
        xdp_programs: Vec::new(),
        ..Program::default()
    }
}

fn map(kind: MapKind, value_size: u32) -> MapDef {
    MapDef {
        name: "m".into(),
        kind,
        key_size: 4,
        value_size,
        max_entries: 16,
        flags: 0,
        initial: None,
        frozen: false,
        inner: None,
        ..MapDef::default()
    }
}

fn alu(op: AluOp, width: Width, dst: u8, src: Operand) -> Insn {
    Insn::Alu { op, width, dst: r(dst), src }
}

fn mov(dst: u8, imm: i32) -> Insn {
    alu(AluOp::Mov, Width::W64, dst, Operand::Imm(imm))
}

fn mov_reg(dst: u8, src: u8) -> Insn {
    alu(AluOp::Mov, Width::W64, dst, Operand::Reg(r(src)))
}

fn imm64(dst: u8, value: u64) -> Insn {
    Insn::LoadImm64 { dst: r(dst), imm: Imm64::Value(value) }
}

fn load(size: Size, dst: u8, src: u8, off: i16) -> Insn {
    Insn::Load { size, signed: false, dst: r(dst), src: r(src), off }
}

fn store(size: Size, dst: u8, off: i16, src: Operand) -> Insn {
    Insn::Store { size, dst: r(dst), off, src }
}

fn helper(id: u32) -> Insn {
    Insn::Call(Callee::Helper(id))
}

fn run_with(program: &Program, maps: &mut MapSet, bytes: &[u8]) -> Result<Outcome, Fault> {
    let mut packet = Packet::with(bytes).unwrap();
    let inputs =
        Inputs { time_ns: 12_000_000_007, packet_index: 5, seed: 9, cpu: 3, ..Inputs::default() };
    let exit = Interp::unverified(program).unwrap().run(&inputs, &mut packet, maps)?;
    Ok(Outcome::new(exit, &packet))
}

fn run(insns: &[Insn]) -> Result<Outcome, Fault> {
    run_with(&program(insns, Vec::new(), &[]), &mut MapSet::default(), &[0xab; 20])
}

/// Return value of `insns` followed by `exit`.
fn result(insns: &[Insn]) -> u32 {
    run(&[insns, &[Insn::Exit]].concat()).unwrap().exit.code
}

/// Low and high half of r0 after `op` on two 64-bit numbers.
fn alu_result(op: AluOp, width: Width, a: u64, b: u64) -> u64 {
    let apply = [imm64(0, a), imm64(1, b), alu(op, width, 0, Operand::Reg(r(1)))];
    let high = [&apply[..], &[alu(AluOp::Rsh, Width::W64, 0, Operand::Imm(32))]].concat();
    u64::from(result(&high)) << 32 | u64::from(result(&apply))
}

#[test]
fn narrow_arithmetic_clears_the_upper_half() {
    let minus = u64::MAX;
    assert_eq!(alu_result(AluOp::Add, Width::W32, minus, 1), 0);
    assert_eq!(alu_result(AluOp::Add, Width::W64, minus, 2), 1);
    assert_eq!(alu_result(AluOp::Mov, Width::W32, 0, minus), 0xffff_ffff);
    assert_eq!(alu_result(AluOp::Div, Width::W32, minus, 0x1_0000_0000), 0);
    assert_eq!(alu_result(AluOp::Mod, Width::W32, minus, 0x1_0000_0000), 0xffff_ffff);
    assert_eq!(alu_result(AluOp::Sdiv, Width::W32, 0x8000_0000, minus), 0x8000_0000);
    assert_eq!(alu_result(AluOp::Arsh, Width::W64, minus << 8, 4), minus << 4);
    assert_eq!(alu_result(AluOp::Arsh, Width::W32, 0x8000_0000, 36), 0xf800_0000);
}

#[test]
fn immediates_are_sign_extended_and_conversions_work() {
    let high = alu(AluOp::Rsh, Width::W64, 0, Operand::Imm(32));
    assert_eq!(result(&[mov(0, -1), high]), u32::MAX);
    assert_eq!(result(&[alu(AluOp::Mov, Width::W32, 0, Operand::Imm(-1)), high]), 0);
    assert_eq!(
        result(&[
            imm64(1, 0x80),
            Insn::MovSx { width: Width::W64, dst: r(0), src: r(1), bits: 8 },
            high
        ]),
        u32::MAX
    );
    assert_eq!(
        result(&[
            imm64(1, 0x8000),
            Insn::MovSx { width: Width::W32, dst: r(0), src: r(1), bits: 16 },
            high
        ]),
        0
    );
    assert_eq!(
        result(&[
            imm64(0, 0x1122_3344_5566_7788),
            Insn::Swap { swap: Swap::ToBe, dst: r(0), bits: 16 }
        ]),
        0x8877
    );
    assert_eq!(
        result(&[
            imm64(0, 0x1122_3344_5566_7788),
            Insn::Swap { swap: Swap::ToLe, dst: r(0), bits: 16 }
        ]),
        0x7788
    );
    assert_eq!(result(&[mov(0, 5), Insn::Neg { width: Width::W32, dst: r(0) }, high]), 0);
}

#[test]
fn loops_run_and_endless_ones_are_stopped() {
    let jump = |cond, dst, imm, target| Insn::JumpIf {
        cond,
        width: Width::W64,
        dst: r(dst),
        src: Operand::Imm(imm),
        target: Pc(target),
    };
    let add = |dst, src| alu(AluOp::Add, Width::W64, dst, src);
    let sum = [
        mov(0, 0),
        mov(1, 10),
        add(0, Operand::Reg(r(1))),
        add(1, Operand::Imm(-1)),
        jump(Cond::Sgt, 1, 0, 2),
        Insn::Exit,
    ];
    assert_eq!(run(&sum).unwrap().exit.code, 55);
    let endless = run(&[Insn::Jump { target: Pc(0), long: false }]).unwrap_err();
    assert_eq!(endless.to_string(), "internal error at insn 0: a loop does not end");
}

#[test]
fn stack_frames_are_separate_and_registers_are_saved() {
    // main: r6 = 7; [r10-8] = 1; r0 = f(); return r0 + r6 + [r10-8]; f: r6 = 100; r0 = [r10-8]; [r10-8] = 50
    let main = [
        mov(6, 7),
        store(Size::B8, 10, -8, Operand::Imm(1)),
        Insn::Call(Callee::Local(Pc(7))),
        alu(AluOp::Add, Width::W64, 0, Operand::Reg(r(6))),
        load(Size::B8, 1, 10, -8),
        alu(AluOp::Add, Width::W64, 0, Operand::Reg(r(1))),
        Insn::Exit,
        mov(6, 100),
        load(Size::B8, 0, 10, -8),
        store(Size::B8, 10, -8, Operand::Imm(50)),
        Insn::Exit,
    ];
    let p = program(&main, Vec::new(), &[7]);
    assert_eq!(run_with(&p, &mut MapSet::default(), &[0; 14]).unwrap().exit.code, 8);
    let recursive = program(&[Insn::Call(Callee::Local(Pc(0))), Insn::Exit], Vec::new(), &[]);
    let fault = run_with(&recursive, &mut MapSet::default(), &[0; 14]).unwrap_err();
    assert_eq!(fault.what, "too many nested calls");
}

#[test]
fn the_packet_is_read_and_written_within_its_bounds() {
    let data = [mov_reg(6, 1), load(Size::B4, 2, 6, 0), load(Size::B4, 3, 6, 4)];
    let swap = [
        load(Size::B2, 4, 2, 18),
        store(Size::B1, 2, 0, Operand::Imm(0x11)),
        store(Size::B4, 2, 4, Operand::Reg(r(4))),
        mov_reg(0, 3),
        alu(AluOp::Sub, Width::W64, 0, Operand::Reg(r(2))),
        Insn::Exit,
    ];
    let out = run(&[&data[..], &swap].concat()).unwrap();
    assert_eq!(out.exit.code, 20);
    assert_eq!(out.bytes[..9], [0x11, 0xab, 0xab, 0xab, 0xab, 0xab, 0, 0, 0xab]);
    for (insn, verb) in [
        (load(Size::B2, 4, 2, 19), "load"),
        (load(Size::B1, 4, 2, -1), "load"),
        (store(Size::B8, 2, 13, Operand::Imm(0)), "store"),
        (load(Size::B1, 4, 10, -513), "load"),
        (load(Size::B8, 4, 6, 0), "load"),
        (load(Size::B1, 4, 4, 0), "load"),
    ] {
        let fault = run(&[&data[..], &[insn, mov(0, 0), Insn::Exit]].concat()).unwrap_err();
        assert!(fault.at == "insn 3" && fault.what.starts_with(verb), "{insn:?}: {fault}");
    }
}

#[test]
fn atomics_work_on_both_widths() {
    let atomic =
        |kind, size, fetch| Insn::Atomic { kind, size, fetch, dst: r(10), off: -8, src: r(1) };
    let value = |insns: &[Insn], at: i16| {
        let start = [imm64(1, 0xffff_ffff_0000_0005), store(Size::B8, 10, -8, Operand::Reg(r(1)))];
        result(&[&start[..], insns, &[load(Size::B4, 0, 10, at)]].concat())
    };
    assert_eq!(value(&[mov(1, -6), atomic(AtomicKind::Add, Size::B4, false)], -8), u32::MAX);
    assert_eq!(value(&[mov(1, -6), atomic(AtomicKind::Add, Size::B4, false)], -4), u32::MAX);
    assert_eq!(value(&[mov(1, -6), atomic(AtomicKind::Add, Size::B8, false)], -4), u32::MAX - 1);
    let fetched = [
        mov(1, 3),
        atomic(AtomicKind::Xchg, Size::B4, true),
        store(Size::B8, 10, -16, Operand::Reg(r(1))),
    ];
    assert_eq!((value(&fetched, -16), value(&fetched, -12), value(&fetched, -8)), (5, 0, 3));
    let swap = |expected| {
        [
            mov(0, expected),
            mov(1, 8),
            atomic(AtomicKind::CmpXchg, Size::B4, true),
            store(Size::B8, 10, -16, Operand::Reg(r(0))),
        ]
    };
    assert_eq!((value(&swap(5), -8), value(&swap(5), -16)), (8, 5));
    assert_eq!((value(&swap(6), -8), value(&swap(6), -16)), (5, 5));
}

#[test]
fn map_values_are_changed_through_pointers() {
    // *(u64 *)lookup(m, key 3) += 2, then delete, update and their codes
    let insns = [
        store(Size::B4, 10, -4, Operand::Imm(3)),
        Insn::LoadImm64 { dst: r(1), imm: Imm64::Map(0) },
        mov_reg(2, 10),
        alu(AluOp::Add, Width::W64, 2, Operand::Imm(-4)),
        helper(1),
        mov(1, 2),
        Insn::Atomic {
            kind: AtomicKind::Add,
            size: Size::B8,
            fetch: false,
            dst: r(0),
            off: 0,
            src: r(1),
        },
        Insn::LoadImm64 { dst: r(1), imm: Imm64::Map(0) },
        mov_reg(2, 10),
        alu(AluOp::Add, Width::W64, 2, Operand::Imm(-4)),
        helper(3),
        Insn::Exit,
    ];
    let mut counted = Vec::new();
    for (kind, code) in [(MapKind::Array, -22i32), (MapKind::Hash, 0)] {
        let p = program(&insns, vec![map(kind, 8)], &[]);
        let mut maps = MapSet::for_program(&p).unwrap();
        maps.update(0, &3u32.to_le_bytes(), &40u64.to_le_bytes(), 0).unwrap();
        assert_eq!(run_with(&p, &mut maps, &[0; 14]).unwrap().exit.code, code as u32);
        counted.push(maps.dump(0));
        if kind == MapKind::Hash {
            let missing = run_with(&p, &mut maps, &[0; 14]).unwrap_err();
            assert_eq!(missing.at, "insn 7");
        }
    }
    assert_eq!(counted[0], [(3u32.to_le_bytes().to_vec(), 42u64.to_le_bytes().to_vec())]);
    assert_eq!(counted[1], []);
}

#[test]
fn updates_take_keys_and_values_from_anywhere() {
    // update(m, &global[0], &global[4], 0), then update(m, packet, packet + 4, NOEXIST)
    let update = [Insn::LoadImm64 { dst: r(1), imm: Imm64::Map(0) }, helper(2)];
    let insns = [
        load(Size::B4, 6, 1, 0),
        Insn::LoadImm64 { dst: r(2), imm: Imm64::MapValue(1, 0) },
        Insn::LoadImm64 { dst: r(3), imm: Imm64::MapValue(1, 4) },
        mov(4, 0),
        update[0],
        update[1],
        mov_reg(2, 6),
        mov_reg(3, 6),
        alu(AluOp::Add, Width::W64, 3, Operand::Imm(4)),
        mov(4, 1),
        update[0],
        update[1],
        Insn::Exit,
    ];
    let global = MapDef {
        initial: Some((1..=8).collect()),
        name: ".rodata".into(),
        max_entries: 1,
        ..map(MapKind::Array, 8)
    };
    let p = program(&insns, vec![map(MapKind::Hash, 4), global], &[]);
    let mut maps = MapSet::for_program(&p).unwrap();
    assert_eq!(run_with(&p, &mut maps, &[9; 14]).unwrap().exit.code, 0);
    assert_eq!(maps.dump(0), [(vec![1, 2, 3, 4], vec![5, 6, 7, 8]), (vec![9; 4], vec![9; 4])]);
    assert_eq!(run_with(&p, &mut maps, &[9; 14]).unwrap().exit.code, -17i32 as u32);
}

#[test]
fn redirects_are_the_kernels() {
    let to_map = |key, flags| {
        [Insn::LoadImm64 { dst: r(1), imm: Imm64::Map(0) }, mov(2, key), mov(3, flags), helper(51)]
    };
    let run = |insns: &[Insn]| {
        let p = program(&[insns, &[Insn::Exit]].concat(), vec![map(MapKind::Devmap, 4)], &[]);
        let mut maps = MapSet::for_program(&p).unwrap();
        maps.update(0, &2u32.to_le_bytes(), &7u32.to_le_bytes(), 0).unwrap();
        let exit = run_with(&p, &mut maps, &[0; 14]).unwrap().exit;
        (exit.code, exit.redirect)
    };
    let plain = |ifindex, flags| [mov(1, ifindex), mov(2, flags), helper(23)];
    assert_eq!(run(&plain(5, 0)), (4, Some(Redirect::Ifindex(5))));
    assert_eq!(run(&plain(5, 1)), (0, None));
    assert_eq!(run(&to_map(2, 1)), (4, Some(Redirect::Map { map: 0, key: 2 })));
    assert_eq!(run(&to_map(3, 2)), (2, None));
    assert_eq!(run(&to_map(2, 4)), (0, None));
    let all = Redirect::Broadcast { map: 0, key: 3, exclude_ingress: true };
    assert_eq!(run(&to_map(3, 24)), (4, Some(all)));
    assert_eq!(run(&[mov(0, 4)]), (4, Some(Redirect::Ifindex(0))));
    let failed = [&plain(5, 0)[..], &to_map(3, 0), &[mov(0, 4)]].concat();
    assert_eq!(run(&failed), (4, Some(Redirect::Ifindex(5))));
    let dropped = [&to_map(2, 0)[..], &[mov(0, 1)]].concat();
    assert_eq!(run(&dropped), (1, None));
}

#[test]
fn the_trace_answers_for_the_host() {
    let low = |id| result(&[helper(id)]);
    assert_eq!(low(5), 12_000_000_007u64 as u32);
    assert_eq!((low(118), low(8)), (3000, 3));
    assert_eq!(result(&[mov(6, 0), helper(7)]), prandom_u32(9, 5, 1));
    assert_eq!(result(&[load(Size::B4, 0, 1, 12)]), 1);
}

#[test]
fn adjustments_move_the_packet() {
    let adjust = |id, by| [mov_reg(1, 6), mov(2, by), helper(id)];
    let insns =
        [&[mov_reg(6, 1)][..], &adjust(44, -4), &adjust(65, -6), &adjust(65, 2), &[Insn::Exit]]
            .concat();
    let out = run(&insns).unwrap();
    assert_eq!(out.exit.code, 0);
    assert_eq!(out.bytes, [&[0; 4][..], &[0xab; 14], &[0, 0]].concat());
    assert_eq!(result(&[&[mov_reg(6, 1)][..], &adjust(44, 7)].concat()), -22i32 as u32);
}

#[test]
fn checksums_are_folded_to_sixteen_bits() {
    let diff = |from: i32, to: i32, seed: u64| {
        result(&[
            store(Size::B8, 10, -8, Operand::Imm(0x0001_f203)),
            mov_reg(1, 10),
            alu(AluOp::Add, Width::W64, 1, Operand::Imm(-8)),
            mov(2, from),
            mov_reg(3, 1),
            mov(4, to),
            imm64(5, seed),
            helper(28),
        ])
    };
    assert_eq!((diff(0, 8, 0), diff(0, 6, 0), diff(0, 1, 0)), (0xf204, 0xf204, 3));
    assert_eq!(diff(0, 0, 0x1_ffff), 1);
    assert_eq!(diff(8, 0, 0), !0x0001_f203u32 % 0xffff);
    assert_eq!(diff(8, 8, 7), 7);
    assert_eq!(diff(8, 8, 0), 0xffff);
}

#[test]
fn what_is_not_known_is_refused_before_the_first_packet() {
    let refused =
        Interp::unverified(&program(&[helper(9999), Insn::Exit], Vec::new(), &[])).err().unwrap();
    assert_eq!((refused.len(), refused[0].code, refused[0].at.pc), (1, "BL0801", Some(0)));
}

#[test]
fn packet_bytes_are_copied_by_helpers() {
    let copy = |id, off, len| {
        [
            mov_reg(1, 6),
            mov(2, off),
            mov_reg(3, 10),
            alu(AluOp::Add, Width::W64, 3, Operand::Imm(-8)),
            mov(4, len),
            helper(id),
        ]
    };
    let put = store(Size::B8, 10, -8, Operand::Imm(0x0403_0201));
    let out = run(&[&[mov_reg(6, 1), put][..], &copy(190, 16, 4), &[Insn::Exit]].concat()).unwrap();
    assert_eq!((out.exit.code, &out.bytes[15..]), (0, &[0xab, 1, 2, 3, 4][..]));
    let got = [&[mov_reg(6, 1), put][..], &copy(189, 0, 2), &[load(Size::B4, 0, 10, -8)]].concat();
    assert_eq!(result(&got), 0x0403_abab);
    assert_eq!(result(&[&[mov_reg(6, 1), put][..], &copy(189, 17, 4)].concat()), -22i32 as u32);
}
