//! Traffic of the programs that measure or record: `proto_counters`, `snap`.

use super::{site_trace, Example};
use crate::traffic::{MapEntry, Mix};

/// Protocol counters: everything the mix has; the program needs no entries.
pub(super) fn proto_counters() -> Example {
    let mix = Mix::default();
    Example {
        name: "proto_counters",
        maps: Vec::new(),
        trace: site_trace(0xc0c0, 320, &mix, |rng| mix.packet(rng)),
    }
}

/// Snap: longer packets than elsewhere, of which 96 bytes are kept unless they are TCP over IPv4.
pub(super) fn snap() -> Example {
    let mix = Mix::default();
    let maps = vec![MapEntry::new("settings", &[&[0; 4]], &[&96u32.to_le_bytes()])];
    let trace = site_trace(0x54a9, 260, &mix, |rng| {
        let length = match rng.below(20) {
            0..=3 => 60,
            4..=8 => rng.between(61, 130),
            9..=16 => rng.between(131, 500),
            _ => rng.between(501, 1514),
        };
        let frame = if rng.percent(90) { mix.untagged(rng) } else { mix.tagged(rng) };
        let ip = mix.ipv4_header(rng);
        mix.ported(rng, frame.ipv4(ip)).fill_to(length).build()
    });
    Example { name: "snap", trace, maps }
}
