//! Damaged objects: whatever the bytes are, loading ends with a program or with a message, soon and without a panic.

mod support;

use beeline_frontend::object::{KernelConfig, KernelTypes};
use beeline_frontend::{cfg, disasm, encode, load};
use std::sync::Arc;
use support::{bytes, section, Random};

/// Loads and uses everything there is; returns how far it came (for the test's own sake).
fn exercise(file: &[u8]) -> usize {
    let object = match load(file, "x.o") {
        Ok(mut object) => {
            // The object's own types stand for those of a kernel, so that all of that code runs as well.
            if let (true, Ok(types)) = (object.needs_kernel_types(), KernelTypes::parse(file, "k"))
            {
                object.use_kernel_types(Arc::new(types), true);
            }
            let config = KernelConfig::parse("CONFIG_HZ=250\nCONFIG_BPF=y\n", "c", Some("6.1.2"));
            object.use_kernel_config(&config).ok();
            object
        }
        Err(e) => {
            assert!(!e.diagnostics().is_empty() && !e.to_string().is_empty());
            return 0;
        }
    };
    let mut linked = 0;
    let names = object.programs.iter().map(|p| Some(p.name.as_str()));
    for name in names.chain([None]) {
        match object.program(name) {
            Ok(p) => {
                linked += 1;
                assert_eq!(p.lines.len(), p.insns.len());
                assert_eq!(encode::encode(&p.insns).len(), p.insns.len());
                disasm::program(&p);
                cfg::text(&p);
            }
            Err(e) => assert!(!e.diagnostics().is_empty() && e.exit_code() > 0),
        }
    }
    1 + linked
}

const OBJECTS: [&str; 12] = [
    "plain.o",
    "calls.o",
    "data.o",
    "maps.o",
    "legacy.o",
    "iproute2.o",
    "externs.o",
    "core.o",
    "odd_maps.o",
    "sections.o",
    "kconfig.o",
    "relocated.o",
];

#[test]
fn truncated_anywhere() {
    for name in OBJECTS {
        let file = bytes(name);
        for len in (0..file.len()).step_by(7) {
            exercise(&file[..len]);
        }
    }
}

#[test]
fn flipped_bytes() {
    let mut random = Random(0x5eed_0001);
    let (mut refused, mut linked) = (0, 0);
    for name in OBJECTS {
        let good = bytes(name);
        for _ in 0..1500 {
            let mut file = good.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(file.len());
                file[at] = match random.below(3) {
                    0 => random.next() as u8,
                    1 => file[at] ^ (1 << random.below(8)),
                    _ => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                };
            }
            match exercise(&file) {
                0 => refused += 1,
                _ => linked += 1,
            }
        }
    }
    // Both must happen often, or the damage is of the wrong kind.
    assert!(refused > 500 && linked > 500, "{refused} refused, {linked} linked");
}

#[test]
fn damage_where_it_is_read() {
    let mut random = Random(0x5eed_0002);
    for (name, sections) in [
        ("plain.o", &[".BTF", ".BTF.ext", ".relxdp", ".symtab", "xdp"][..]),
        ("calls.o", &[".text", "xdp", ".rel.text", ".relxdp", ".symtab"]),
        ("maps.o", &[".BTF", ".maps", ".rel.maps", ".symtab"]),
        ("legacy.o", &["maps", "prog", ".symtab"]),
        ("odd_maps.o", &["maps", "prog", ".symtab"]),
        ("kconfig.o", &[".BTF", ".BTF.ext", ".symtab"]),
        ("relocated.o", &[".BTF", ".BTF.ext", "xdp"]),
    ] {
        let good = bytes(name);
        for s in sections.iter().filter(|s| has_section(&good, s)) {
            let (start, len) = section(&good, s);
            for _ in 0..400 {
                let mut file = good.clone();
                let at = start + (random.below(len) & !3);
                let word = [0, 1, 4, 8, 0x7fff_ffff, 0x8000_0000, u32::MAX, random.next() as u32];
                let end = (at + 4).min(file.len());
                let word = word[random.below(8)].to_le_bytes();
                file[at..end].copy_from_slice(&word[..end - at]);
                exercise(&file);
            }
        }
    }
}

fn has_section(file: &[u8], name: &str) -> bool {
    use object::Object as _;
    object::File::parse(file).expect("a sound object").section_by_name(name).is_some()
}
