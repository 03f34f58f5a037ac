//! Loading and linking of the committed objects: programs, maps, relocations, line info.

mod support;

use beeline_frontend::btf::Type;
use beeline_frontend::insn::{Callee, Imm64, Insn};
use beeline_frontend::program::MapTypes;
use beeline_frontend::{disasm, verifier, MapDef, Pc, Program};
use beeline_ir::map::MapKind;
use expect_test::{expect, Expect};
use support::{object, refusal};

fn program(object: &str, name: Option<&str>) -> Program {
    support::object(object).program(name).unwrap_or_else(|e| panic!("{e}"))
}

fn check(program: &Program, expected: Expect) {
    expected.assert_eq(&disasm::program(program));
}

/// A map in one line.
fn describe(m: &MapDef) -> String {
    let mut s = format!(
        "{} {} key {} value {} entries {} flags {:#x}",
        m.name, m.kind, m.key_size, m.value_size, m.max_entries, m.flags
    );
    if let Some(bytes) = &m.initial {
        let hex: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
        s += &format!(" initial {}", hex.join(""));
    }
    if m.frozen {
        s += " frozen";
    }
    if let Some(inner) = &m.inner {
        s += &format!(" inner ({})", describe(inner));
    }
    if !m.values.is_empty() {
        s += &format!(" values {:?}", m.values);
    }
    s
}

fn check_maps(object: &str, expected: Expect) {
    let maps: Vec<_> = support::object(object).maps.iter().map(describe).collect();
    expected.assert_eq(&maps.join("\n"));
}

#[test]
fn plain() {
    let p = program("plain.o", None);
    assert_eq!((p.name.as_str(), p.section.as_str(), p.frags), ("plain", "xdp", false));
    assert_eq!(p.license.as_deref(), Some("Dual MIT/GPL"));
    check(
        &p,
        expect![[r#"
        <plain>:
               0:	r2 = *(u32 *)(r1 + 0x4)
               1:	r1 = *(u32 *)(r1 + 0x0)
               2:	w3 = 0x0
               3:	*(u32 *)(r10 - 0x4) = r3
               4:	r3 = 0x0
               5:	*(u64 *)(r10 - 0x10) = r3
               6:	w0 = 0x1
               7:	r3 = r1
               8:	r3 += 0xe
               9:	if r3 > r2 goto +0x15
              10:	r1 = *(u8 *)(r1 + 0xb)
              11:	*(u32 *)(r10 - 0x10) = r1
              12:	r2 = r10
              13:	r2 += -0x10
              14:	r1 = flows ll
              16:	call 0x1
              17:	if r0 == 0x0 goto +0x2
              18:	r1 = 0x1
              19:	lock *(u64 *)(r0 + 0x0) += r1
              20:	r2 = r10
              21:	r2 += -0x4
              22:	r1 = counters ll
              24:	call 0x1
              25:	r1 = r0
              26:	w0 = 0x2
              27:	if r1 == 0x0 goto +0x3
              28:	r2 = *(u64 *)(r1 + 0x0)
              29:	r2 += 0x1
              30:	*(u64 *)(r1 + 0x0) = r2
              31:	exit
    "#]],
    );
    check_maps(
        "plain.o",
        expect![[r#"
        flows hash key 8 value 8 entries 1024 flags 0x0
        counters percpu_array key 4 value 16 entries 4 flags 0x8"#]],
    );
}

#[test]
fn lines_and_types_come_from_btf() {
    let o = object("plain.o");
    let p = o.program(None).unwrap();
    let call = p.insns.iter().position(|i| matches!(i, Insn::Call(_))).unwrap();
    let line = p.lines[call].clone().unwrap();
    assert!(line.file.ends_with("plain.c"), "{}", line.file);
    assert_eq!(line.text, "__u64 *seen = bpf_map_lookup_elem(&flows, &key);");
    assert_eq!((line.line, line.column), (37, 16));
    assert!(p.lines.iter().all(Option::is_some));
    let btf = o.btf().unwrap();
    let MapTypes { key, value, .. } = o.maps[0].types.clone().unwrap();
    assert_eq!((btf.name(key).as_ref(), btf.size_of(key)), ("flow", Some(8)));
    assert_eq!((btf.name(value).as_ref(), btf.size_of(value)), ("__u64", Some(8)));
    let Type::Struct(flow) = btf.ty(key) else { panic!("not a struct") };
    let members: Vec<_> = flow.members.iter().map(|m| (btf.str(m.name), m.bit_offset)).collect();
    assert_eq!(members, [("src".into(), 0), ("dst".into(), 32)]);
    assert_eq!(o.maps[1].types, None, "declared by sizes only");
}

#[test]
fn calls_are_linked_behind_the_program_once() {
    let p = program("calls.o", None);
    let functions: Vec<_> = p.subprogs.iter().map(|f| (f.name.as_str(), f.global)).collect();
    let expected = [
        ("calls", true),
        ("leaf", false),
        ("shared", true),
        ("callback", false),
        ("middle", false),
    ];
    assert_eq!(functions, expected);
    check(
        &p,
        expect![[r#"
        <calls>:
               0:	r6 = r1
               1:	r1 = *(u32 *)(r6 + 0x10)
               2:	call leaf
               3:	w7 = w0
               4:	r1 = *(u32 *)(r6 + 0xc)
               5:	call shared
               6:	w0 += w7
               7:	*(u32 *)(r10 - 0x4) = r0
               8:	r3 = r10
               9:	r3 += -0x4
              10:	w1 = 0x4
              11:	r2 = callback ll
              13:	r4 = 0x0
              14:	call 0xb5
              15:	r1 = *(u32 *)(r10 - 0x4)
              16:	w1 &= 0x1
              17:	w0 = 0x1
              18:	if w1 == 0x0 goto +0x1
              19:	w0 = 0x2
              20:	exit

        <leaf>:
              21:	w0 = w1
              22:	w0 *= 0x3
              23:	w0 += 0x1
              24:	exit

        <shared>:
              25:	call middle
              26:	w0 += 0x7
              27:	exit

        <callback>:
              28:	r6 = r2
              29:	call leaf
              30:	r1 = *(u32 *)(r6 + 0x0)
              31:	w1 += w0
              32:	*(u32 *)(r6 + 0x0) = r1
              33:	r0 = 0x0
              34:	exit

        <middle>:
              35:	w6 = w1
              36:	call leaf
              37:	w7 = w0
              38:	w6 += 0x1
              39:	w1 = w6
              40:	call leaf
              41:	w0 ^= w7
              42:	exit
    "#]],
    );
    for insn in &p.insns {
        if let Insn::Call(Callee::Local(t)) | Insn::LoadImm64 { imm: Imm64::Func(t), .. } = insn {
            assert!(p.subprogs.iter().any(|f| f.start == *t));
        }
    }
    let leaf = &p.subprogs[1];
    let text = |pc: Pc| p.lines[pc.index()].as_ref().unwrap().text.as_str();
    assert_eq!(text(leaf.start), "static __noinline int leaf(int a)");
    assert_eq!(text(leaf.start.plus(1)), "return a * 3 + 1;");
}

#[test]
fn a_program_of_another_section_links_what_it_calls() {
    let p = program("calls.o", Some("unused"));
    let functions: Vec<_> = p.subprogs.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(functions, ["unused", "shared", "middle", "leaf"]);
}

#[test]
fn global_data() {
    check(
        &program("data.o", None),
        expect![[r#"
        <data>:
               0:	r2 = .bss+0x0 ll
               2:	r3 = *(u32 *)(r2 + 0x0)
               3:	w3 += 0x1
               4:	*(u32 *)(r2 + 0x0) = r3
               5:	r1 = *(u32 *)(r1 + 0x10)
               6:	w1 &= 0x3
               7:	r1 <<= 0x1
               8:	r2 = .rodata+0x4 ll
              10:	r2 += r1
              11:	r1 = *(u16 *)(r2 + 0x0)
              12:	r2 = .bss+0x8 ll
              14:	r3 = *(u64 *)(r2 + 0x0)
              15:	r3 += r1
              16:	*(u64 *)(r2 + 0x0) = r3
              17:	r1 = .data.tuning+0x0 ll
              19:	r1 = *(u32 *)(r1 + 0x0)
              20:	r3 = .data+0x0 ll
              22:	lock *(u64 *)(r3 + 0x0) += r1
              23:	r1 = *(u64 *)(r2 + 0x0)
              24:	r2 = .rodata+0x0 ll
              26:	r2 = *(u32 *)(r2 + 0x0)
              27:	w0 = 0x1
              28:	if r1 > r2 goto +0x1
              29:	w0 = 0x2
              30:	exit
    "#]],
    );
    check_maps(
        "data.o",
        expect![[r#"
        .rodata array key 4 value 12 entries 1 flags 0x80 initial 110000005000bb013500901f frozen
        .data array key 4 value 8 entries 1 flags 0x0 initial 0500000000000000
        .data.tuning array key 4 value 4 entries 1 flags 0x0 initial 04030201
        .bss array key 4 value 16 entries 1 flags 0x0 initial 00000000000000000000000000000000"#]],
    );
}

#[test]
fn btf_maps() {
    check_maps(
        "maps.o",
        expect![[r#"
        inner_a array key 4 value 8 entries 2 flags 0x0
        inner_b array key 4 value 8 entries 2 flags 0x0
        outer array_of_maps key 4 value 4 entries 8 flags 0x0 inner (outer.inner array key 4 value 8 entries 2 flags 0x0) values [(1, "inner_a"), (5, "inner_b")]
        jumps prog_array key 4 value 4 entries 3 flags 0x0 values [(2, "target")]
        events perf_event_array key 4 value 4 entries 0 flags 0x0
        ring ringbuf key 0 value 0 entries 4096 flags 0x0
        routes lpm_trie key 8 value 6 entries 100 flags 0x1"#]],
    );
    check(
        &program("maps.o", Some("maps")),
        expect![[r#"
        <maps>:
               0:	r7 = r1
               1:	w6 = 0x1
               2:	*(u32 *)(r10 - 0x4) = r6
               3:	r2 = r10
               4:	r2 += -0x4
               5:	r1 = outer ll
               7:	call 0x1
               8:	if r0 == 0x0 goto +0x5
               9:	r2 = r10
              10:	r2 += -0x4
              11:	r1 = r0
              12:	call 0x1
              13:	if r0 != 0x0 goto +0x6
              14:	w6 = 0x2
              15:	r1 = r7
              16:	r2 = jumps ll
              18:	w3 = 0x2
              19:	call 0xc
              20:	w0 = w6
              21:	exit
    "#]],
    );
    let (code, exit, text) = refusal(object("maps.o").program(Some("uses_sockets")));
    assert_eq!((code, exit), ("BL0117", 1));
    assert!(text.contains("`sockets` has type 24"), "{text}");
}

#[test]
fn legacy_maps() {
    let p = program("legacy.o", None);
    assert_eq!(
        (p.name.as_str(), p.section.as_str(), p.license.as_deref()),
        ("filter", "prog", None)
    );
    check(
        &p,
        expect![[r#"
        <filter>:
               0:	r1 = 0x1
               1:	*(u32 *)(r10 - 0x4) = r1
               2:	r2 = r10
               3:	r2 += -0x4
               4:	r1 = second ll
               6:	call 0x1
               7:	r2 = r0
               8:	r0 = 0x0
               9:	if r2 == 0x0 goto +0x7
              10:	r1 = first ll
              12:	call 0x1
              13:	r1 = r0
              14:	r0 = 0x2
              15:	if r1 == 0x0 goto +0x1
              16:	r0 = 0x1
              17:	exit
    "#]],
    );
    check_maps(
        "legacy.o",
        expect![[r#"
        first hash key 4 value 8 entries 64 flags 0x1
        second array key 4 value 4 entries 2 flags 0x0"#]],
    );
}

#[test]
fn iproute2_maps() {
    let p = program("iproute2.o", None);
    assert_eq!((p.name.as_str(), p.section.as_str()), ("police", "ingress"));
    check_maps(
        "iproute2.o",
        expect![[r#"
        template hash key 8 value 2 entries 10 flags 0x0
        per_port array_of_maps key 4 value 4 entries 16 flags 0x0 inner (template hash key 8 value 2 entries 10 flags 0x0)"#]],
    );
}

#[test]
fn symbols_without_type() {
    let p = program("untyped.o", None);
    assert_eq!((p.name.as_str(), p.section.as_str()), ("untyped", "xdp_old"));
    assert_eq!((p.subprogs.len(), p.insns.len()), (1, 4));
}

#[test]
fn several_programs_are_listed() {
    let o = object("several.o");
    let (code, exit, text) = refusal(o.program(None));
    assert_eq!((code, exit), ("BL0108", 2));
    assert!(
        text.contains("first (section xdp), second (section xdp), third (section xdp.frags)"),
        "{text}"
    );
    assert!(!text.contains("shaper"), "{text}");
    assert_eq!(o.program(Some("second")).unwrap().name, "second");
    assert_eq!(o.program(Some("second")).unwrap().insns.len(), 2);
    let third = o.program(Some("third")).unwrap();
    assert!(third.frags);
    assert_eq!(o.program(Some("xdp.frags")).unwrap(), third, "a section with one program names it");
    let (code, exit, text) = refusal(o.program(Some("fourth")));
    assert_eq!((code, exit), ("BL0109", 2));
    assert!(text.contains("second (section xdp)"), "{text}");
    let (code, exit, _) = refusal(o.program(Some("shaper")));
    assert_eq!((code, exit), ("BL0110", 2));
    assert_eq!(refusal(o.program(Some("xdp"))).0, "BL0109", "two programs are in it");
}

#[test]
fn kernel_symbols() {
    let o = object("externs.o");
    let p = o.program(Some("kfunc")).unwrap();
    assert_eq!(p.kfuncs, ["bpf_xdp_metadata_rx_timestamp"]);
    check(
        &p,
        expect![[r#"
        <kfunc>:
               0:	w0 = 0x0
               1:	r2 = 0x0 ll
               3:	if r2 != 0x0 goto +0x7
               4:	r2 = r10
               5:	r2 += -0x8
               6:	call bpf_xdp_metadata_rx_timestamp
               7:	w1 = w0
               8:	w0 = 0x2
               9:	if w1 == 0x0 goto +0x1
              10:	w0 = 0x1
              11:	exit
    "#]],
    );
    let weak = o.program(Some("weak_kfuncs")).unwrap();
    assert_eq!(weak.kfuncs, ["bpf_xdp_metadata_rx_hash"]);
    assert_eq!(weak.poisoned.len(), 1);
    verifier::verify(weak).unwrap();
    let reached = verifier::verify(o.program(Some("reached")).unwrap()).unwrap_err();
    assert_eq!(reached[0].code, "BL0118");
    assert!(reached[0].message.contains("`bpf_xdp_metadata_rx_nothing`"), "{:?}", reached[0]);
    let (code, exit, text) = refusal(o.program(Some("undefined")));
    assert_eq!((code, exit), ("BL0118", 2));
    assert!(text.contains("`elsewhere`") && text.contains("return elsewhere(1);"), "{text}");
}

#[test]
fn core_relocations() {
    let o = object("core.o");
    o.program(Some("wire")).unwrap();
    o.program(Some("local_type")).unwrap();
    let e = o.program(Some("kernel")).unwrap_err();
    assert_eq!((e.diagnostics()[0].code, e.exit_code()), ("BL0120", 1));
    assert!(e.to_string().contains("`net_device.ifindex`"), "{e}");
}

#[test]
fn map_kinds_have_the_kernels_numbers() {
    let kinds: Vec<_> = object("maps.o").maps.iter().map(|m| m.kind).collect();
    assert!(kinds.contains(&MapKind::LpmTrie) && kinds.contains(&MapKind::Ringbuf));
}

#[test]
fn static_maps() {
    check_maps(
        "static_maps.o",
        expect![[r#"
        b hash key 4 value 8 entries 2 flags 0x0
        a hash key 4 value 8 entries 2 flags 0x0
        outer array_of_maps key 4 value 4 entries 8 flags 0x0 inner (outer.inner hash key 4 value 8 entries 2 flags 0x0) values [(3, "b"), (4, "a")]"#]],
    );
    let p = program("static_maps.o", None);
    let used = p.insns.iter().filter_map(|i| match i {
        Insn::LoadImm64 { imm: Imm64::Map(m), .. } => Some(p.maps[*m].name.as_str()),
        _ => None,
    });
    assert_eq!(used.collect::<Vec<_>>(), ["b", "outer"]);
}

#[test]
fn statically_linked_objects_hold_the_same_programs() {
    let linked = object("linked.o");
    let maps: Vec<_> = linked.maps.iter().map(describe).collect();
    let single: Vec<_> = object("data.o").maps.iter().map(describe).collect();
    assert_eq!(maps, single);
    for (name, functions) in [("calls", 5), ("data", 1)] {
        let p = linked.program(Some(name)).unwrap();
        let single = program(&format!("{name}.o"), None);
        assert_eq!(disasm::program(&p), disasm::program(&single));
        let lines = |p: &Program| p.lines.iter().flatten().map(|l| l.line).collect::<Vec<_>>();
        assert_eq!((lines(&p), p.subprogs.len()), (lines(&single), functions));
    }
}
