//! CO-RE relocations against given types, and what becomes of those that cannot be resolved.

mod support;

use beeline_frontend::object::KernelTypes;
use beeline_frontend::{disasm, verifier, Object};
use expect_test::expect;
use std::sync::Arc;
use support::{bytes, object, refusal};

fn against(name: &str, types: &str, preferred: bool) -> Object {
    let mut o = object(name);
    let types = KernelTypes::parse(&bytes(types), types).unwrap_or_else(|e| panic!("{e}"));
    o.use_kernel_types(Arc::new(types), preferred);
    o
}

#[test]
fn packet_headers_need_no_kernel() {
    let o = object("relocated.o");
    assert!(o.needs_kernel_types());
    // The source has the fields of `iphdr` elsewhere; on the wire, ttl is byte 8 and saddr byte 12.
    expect![[r#"
        <loads>:
               0:	w0 = 0x1
               1:	r2 = *(u32 *)(r1 + 0x4)
               2:	r1 = *(u32 *)(r1 + 0x0)
               3:	r3 = r1
               4:	r3 += 0x22
               5:	if r3 > r2 goto +0x7
               6:	r1 += 0xe
               7:	w2 = 0x7
               8:	*(u8 *)(r1 + 0x8) = r2
               9:	r1 = *(u32 *)(r1 + 0xc)
              10:	w0 = 0x3
              11:	if w1 == 0x0 goto +0x1
              12:	w0 = 0x2
              13:	exit
    "#]]
    .assert_eq(&disasm::program(&o.program(Some("loads")).unwrap()));
    assert!(!object("plain.o").needs_kernel_types());
}

#[test]
fn types_asked_for_go_before_packet_headers() {
    let o = against("relocated.o", "kernel.o", true);
    let text = disasm::program(&o.program(Some("loads")).unwrap());
    // There, ttl is a long at 0 and saddr a short at 8: the widths change as well.
    assert!(text.contains("*(u64 *)(r1 + 0x0) = r2"), "{text}");
    assert!(text.contains("r1 = *(u16 *)(r1 + 0x8)"), "{text}");
    let o = against("relocated.o", "kernel.o", false);
    let text = disasm::program(&o.program(Some("loads")).unwrap());
    assert!(text.contains("*(u8 *)(r1 + 0x8) = r2"), "{text}");
}

#[test]
fn what_no_kernel_has_must_not_be_reached() {
    let resolved = against("unresolved.o", "kernel.o", false).program(None).unwrap();
    assert!(disasm::program(&resolved).contains("r0 = 0x8"));
    assert!(resolved.poisoned.is_empty());
    let p = against("unresolved.o", "plain.o", false).program(None).unwrap();
    assert!(disasm::program(&p).contains("call 0xbad2310"));
    let poisoned = p.poison_at(p.poisoned[0].pc).unwrap();
    assert_eq!(poisoned.reason, "CO-RE relocation that could not be resolved: it asks for the offset of `net_device.no_such_member`, which plain.o does not have");
    let refused = verifier::verify(p).unwrap_err();
    assert_eq!(refused[0].code, "BL0120");
    assert!(refused[0].message.contains("`net_device.no_such_member`"), "{:?}", refused[0]);
    // Guarded accesses are never reached.
    let guarded = against("relocated.o", "plain.o", false).program(Some("relocated")).unwrap();
    assert!(guarded.poisoned.len() > 2);
}

#[test]
fn without_types_of_a_kernel() {
    let (code, exit, text) = refusal(object("unresolved.o").program(None));
    assert_eq!((code, exit), ("BL0120", 1));
    assert!(text.contains("--btf"), "{text}");
}

#[test]
fn types_that_differ_are_ambiguous() {
    let o = against("unresolved.o", "kernel_different.o", false);
    let (code, exit, text) = refusal(o.program(None));
    assert_eq!((code, exit), ("BL0124", 1));
    assert!(text.contains("`net_device.no_such_member`"), "{text}");
}

#[test]
fn files_without_types() {
    for (bytes, part) in [
        (bytes("legacy.o"), "no section .BTF"),
        (b"{}".to_vec(), "malformed BTF"),
        (b"\x7fELF".to_vec(), "malformed ELF"),
    ] {
        let (code, exit, text) = refusal(KernelTypes::parse(&bytes, "x").map(|_| ()));
        assert_eq!((code, exit), ("BL0126", 2));
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_relocation_that_says_something_else_than_its_instruction() {
    let mut file = bytes("relocated.o");
    let (at, len) = support::section(&file, "xdp");
    // `ttl` stands at byte 9 of the struct in the source.
    let store = [0x73, 0x21, 9, 0];
    let found = file[at..at + len].windows(4).position(|w| w == store).unwrap();
    file[at + found + 2] = 11;
    let o = beeline_frontend::load(&file, "x.o").unwrap();
    let (code, exit, text) = refusal(o.program(Some("loads")));
    assert_eq!((code, exit), ("BL0125", 1));
    assert!(text.contains("holds 11, not 9"), "{text}");
}
