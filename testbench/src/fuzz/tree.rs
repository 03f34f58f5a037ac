//! Seeds of the fuzz targets that are files of the source tree: objects, their BTF, captures.

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files below `dir` whose name ends in `ending`, sorted.
pub(super) fn files(dir: &str, ending: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(dir)];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().filter_map(|f| std::fs::read(f).ok()).collect()
}

/// Objects made by clang, from C and assembly.
pub(super) fn objects() -> Vec<Vec<u8>> {
    [files("frontend/tests/objects", ".o"), files("examples", ".o")].concat()
}

/// The BTF of these objects, as the target wants it.
pub(super) fn btf() -> Vec<Vec<u8>> {
    let pair = |object: &Vec<u8>| {
        let file = ElfFile64::<Endianness>::parse(object.as_slice()).ok()?;
        let section = |name| file.section_by_name(name).and_then(|s| s.data().ok());
        let types = section(".BTF")?;
        let len = u16::try_from(types.len()).ok()?;
        Some([&len.to_le_bytes(), types, section(".BTF.ext").unwrap_or(&[])].concat())
    };
    objects().iter().filter_map(pair).collect()
}

/// The first packets of the examples' captures, as pcap and as pcapng.
pub(super) fn captures() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for file in files("examples", ".pcap") {
        let Ok(trace) = crate::capture::parse(&file, Path::new("seed")) else { continue };
        let packets: Vec<&[u8]> = trace.packets.iter().take(4).map(|p| &p.bytes[..]).collect();
        all.push(pcap(&packets, u32::to_le_bytes, 0xa1b2_3c4d));
        all.push(pcap(&packets, u32::to_be_bytes, 0xa1b2_c3d4));
        all.push(pcapng(&packets, u32::to_le_bytes));
        all.push(pcapng(&packets, u32::to_be_bytes));
    }
    all
}

type Order = fn(u32) -> [u8; 4];

fn pcap(packets: &[&[u8]], order: Order, magic: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let words = |file: &mut Vec<u8>, all: &[u32]| file.extend(all.iter().flat_map(|w| order(*w)));
    let version = if order(1) == 1u32.to_le_bytes() { 0x0004_0002 } else { 0x0002_0004 };
    words(&mut file, &[magic, version, 0, 0, 65535, 1]);
    for (i, p) in packets.iter().enumerate() {
        let len = p.len() as u32;
        words(&mut file, &[1, i as u32, len, len]);
        file.extend(*p);
    }
    file
}

fn pcapng(packets: &[&[u8]], order: Order) -> Vec<u8> {
    let mut file = Vec::new();
    let half = |first: u16, second: u16| {
        let little = order(1) == 1u32.to_le_bytes();
        let (low, high) = if little { (first, second) } else { (second, first) };
        u32::from(high) << 16 | u32::from(low)
    };
    let words = |file: &mut Vec<u8>, all: &[u32]| file.extend(all.iter().flat_map(|w| order(*w)));
    words(&mut file, &[0x0a0d_0d0a, 28, 0x1a2b_3c4d, half(1, 0), u32::MAX, u32::MAX, 28]);
    // Ethernet, timestamps in nanoseconds (`if_tsresol` 9), end of options.
    words(&mut file, &[1, 32, half(1, 0), 0, half(9, 1)]);
    file.extend([9, 0, 0, 0]);
    words(&mut file, &[0, 32]);
    for p in packets {
        let padded = p.len().next_multiple_of(4);
        let total = 32 + padded as u32;
        words(&mut file, &[6, total, 0, 0, 5, p.len() as u32, p.len() as u32]);
        file.extend(*p);
        file.resize(file.len() + padded - p.len(), 0);
        words(&mut file, &[total]);
        let total = 16 + padded as u32;
        words(&mut file, &[3, total, p.len() as u32]);
        file.extend(*p);
        file.resize(file.len() + padded - p.len(), 0);
        words(&mut file, &[total]);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_sound() {
        assert!(objects().len() > 15 && btf().len() > 10);
        let captures = captures();
        assert!(captures.len() >= 32);
        for (i, c) in captures.iter().enumerate() {
            let trace =
                crate::capture::parse(c, Path::new("x")).unwrap_or_else(|e| panic!("{i}: {e}"));
            let each = if i % 4 < 2 { 4 } else { 8 };
            assert_eq!(trace.packets.len(), each, "{i}: {:?}", trace.notices);
        }
    }
}
