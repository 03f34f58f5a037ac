//! Objects as they come: legacy maps of any size, data and functions in sections of any name, old compilers, and
//! variables of the kernel's configuration.

mod support;

use beeline_frontend::insn::{Imm64, Insn};
use beeline_frontend::object::KernelConfig;
use beeline_frontend::{MapDef, Program};
use beeline_ir::map::MapKind;
use support::{object, refusal};

fn map<'a>(maps: &'a [MapDef], name: &str) -> &'a MapDef {
    maps.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no map {name}"))
}

/// Map and offset of each address of data, in order.
fn data_addresses(p: &Program) -> Vec<(&str, u32)> {
    let address = |i: &Insn| match i {
        Insn::LoadImm64 { imm: Imm64::MapValue(m, at), .. } => {
            Some((p.maps[*m].name.as_str(), *at))
        }
        _ => None,
    };
    p.insns.iter().filter_map(address).collect()
}

#[test]
fn legacy_definitions_of_differing_sizes() {
    let o = object("odd_maps.o");
    let shape = |m: &MapDef| (m.kind, m.key_size, m.value_size, m.max_entries, m.flags);
    assert_eq!(shape(map(&o.maps, "tiny")), (MapKind::Array, 4, 8, 3, 0));
    assert_eq!(shape(map(&o.maps, "usual")), (MapKind::Hash, 4, 8, 5, 1));
    assert_eq!(shape(map(&o.maps, "pinned")), (MapKind::LruHash, 8, 8, 64, 0));
    assert_eq!(shape(map(&o.maps, "elsewhere")), (MapKind::PercpuArray, 4, 16, 1, 0));
    let inner = |name| map(&o.maps, name).inner.as_ref().map(|m| m.name.as_str());
    assert_eq!(inner("outer"), Some("usual"), "by index");
    assert_eq!(inner("tail"), Some("pinned"), "by id");
    assert_eq!(o.license, None);
}

#[test]
fn sections_that_say_nothing() {
    let o = object("odd_maps.o");
    let (code, exit, text) = refusal(o.program(None));
    assert_eq!((code, exit), ("BL0108", 2));
    assert!(text.contains("first (section prog), second (section ingress)"), "{text}");
    assert_eq!(o.program(Some("ingress")).unwrap().name, "second");
    assert_eq!(o.xdp_programs(), ["first", "second"]);
}

#[test]
fn data_in_sections_of_all_names() {
    let p = object("sections.o").program(None).unwrap();
    let named = |name: &str| {
        let m = map(&p.maps, name);
        (m.value_size, m.frozen, m.initial.clone().unwrap())
    };
    assert_eq!(named(".rodata").0, 16);
    assert_eq!(named(".rodata.tables"), (12, true, vec![1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]));
    assert_eq!((named(".data.counters").1, named(".data.counters").2[16]), (false, 9));
    assert_eq!(named(".bss.scratch"), (20, false, vec![0; 20]));
    assert_eq!(named(".data").2, 0x1234u32.to_le_bytes());
    let used = data_addresses(&p);
    for (name, at) in [
        (".rodata", 4u32),
        (".rodata", 12),
        (".rodata.tables", 10),
        (".data.counters", 16),
        (".bss.scratch", 16),
        (".data", 0),
        (".bss", 0),
    ] {
        // The compiler puts the offset into the address or into the load.
        let base = used.iter().filter(|u| u.0 == name).map(|u| u.1).min();
        let loaded =
            |i: &Insn| matches!(i, Insn::Load { off, .. } if base == at.checked_sub(*off as u32));
        let found = used.contains(&(name, at)) || p.insns.iter().any(loaded);
        assert!(found, "{name}+{at}: {used:?}");
    }
}

#[test]
fn functions_by_linkage() {
    let p = object("sections.o").program(None).unwrap();
    let global = |name: &str| p.subprogs.iter().find(|f| f.name == name).unwrap().global;
    assert!(global("weak"), "weak functions are verified on their own");
    assert!(!global("hidden") && !global("local"));
    for f in &p.subprogs {
        assert!(f.signature.as_ref().unwrap().contract.is_ok(), "{f:?}");
    }
}

#[test]
fn objects_of_an_old_compiler() {
    for name in ["plain", "legacy", "calls", "data"] {
        let (new, old) = (object(&format!("{name}.o")), object(&format!("{name}_clang13.o")));
        // Only types differ, by their numbers.
        let untyped = |m: &MapDef| MapDef { types: None, ..m.clone() };
        let maps = |o: &beeline_frontend::Object| o.maps.iter().map(untyped).collect::<Vec<_>>();
        assert_eq!(maps(&new), maps(&old), "{name}");
        let (new, old) = (new.program(None).unwrap(), old.program(None).unwrap());
        assert_eq!((&new.name, &new.section), (&old.name, &old.section));
        assert_eq!(new.subprogs.len(), old.subprogs.len(), "{name}");
    }
}

const CONFIG: &str = "CONFIG_HZ=250\nCONFIG_BPF=y\nCONFIG_VETH=m\nCONFIG_BPF_SYSCALL=y\n\
    CONFIG_DEFAULT_HOSTNAME=\"a long name\"\n";

#[test]
fn variables_of_the_kernels_configuration() {
    let mut o = object("kconfig.o");
    assert!(o.needs_kernel_config());
    let (code, exit, text) = refusal(o.program(None));
    assert_eq!((code, exit), ("BL0127", 2));
    assert!(text.contains("`CONFIG_HZ`") && text.contains("--kconfig"), "{text}");
    o.use_kernel_config(&KernelConfig::parse(CONFIG, "config", Some("6.1.2"))).unwrap();
    let p = o.program(None).unwrap();
    let config = map(&p.maps, ".kconfig");
    let mut expected = Vec::new();
    expected.extend(250u64.to_le_bytes());
    expected.extend(2u32.to_le_bytes()); // m
    expected.extend(0x06_01_02u32.to_le_bytes());
    expected.extend([0, 0]); // not there, and weak
    expected.extend([1, b'y']);
    expected.extend(b"a long \0");
    assert_eq!(config.initial.as_deref(), Some(&expected[..]));
    assert!(config.frozen);
}

#[test]
fn configuration_that_does_not_fit() {
    let refuse = |config: &str| {
        let mut o = object("kconfig.o");
        o.use_kernel_config(&KernelConfig::parse(config, "config", Some("6.1.2")))
            .and_then(|()| o.program(None))
    };
    let (code, _, text) = refusal(refuse("CONFIG_HZ=fast\n"));
    assert_eq!(code, "BL0127");
    assert!(text.contains("`CONFIG_HZ` is fast"), "{text}");
    let (code, _, text) = refusal(refuse("CONFIG_HZ=100\n"));
    assert_eq!(code, "BL0127");
    assert!(text.contains("is not set in config"), "{text}");
}
