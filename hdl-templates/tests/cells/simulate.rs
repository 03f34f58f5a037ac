//! Random simulation of framer, FIFOs, deparser, value memory and host registers.

use crate::bench::{drive, drive_ok, Bench};

/// Framer, packet FIFO and deparser in a loop, as in `loopback.sv`.
struct Loopback {
    name: &'static str,
    window: u32,
    headroom: u32,
    stages: u32,
    pkt_depth: u32,
    align: bool,
    /// Every how many coordinates can be patched; 0: none.
    patch_step: u32,
}

impl Loopback {
    fn bench(&self) -> Bench {
        Bench {
            name: self.name,
            top: "loopback",
            source: include_str!("loopback.sv").to_owned(),
            params: vec![
                ("WINDOW", self.window.to_string()),
                ("HEADROOM", self.headroom.to_string()),
                ("DESC_DEPTH", self.desc_depth().to_string()),
                ("PKT_DEPTH", self.pkt_depth.to_string()),
                ("ALIGN", format!("1'b{}", u8::from(self.align))),
                ("PATCH_MASK", self.patch_mask()),
            ],
            driver: "loopback.cpp",
            defect: None,
        }
    }

    fn desc_depth(&self) -> u32 {
        (self.stages + 4).next_power_of_two()
    }

    fn patch_mask(&self) -> String {
        let span = self.headroom + self.window;
        let bit = |i: u32| self.patch_step != 0 && i % self.patch_step == 0;
        let bits: String = (0..span).rev().map(|i| if bit(i) { '1' } else { '0' }).collect();
        format!("{span}'b{bits}")
    }

    fn arguments(&self, seed: u32, packets: u32) -> Vec<String> {
        let numbers = [
            ("window", self.window),
            ("headroom", self.headroom),
            ("stages", self.stages),
            ("desc_depth", self.desc_depth()),
            ("pkt_depth", self.pkt_depth),
            ("align", u32::from(self.align)),
            ("patch_step", self.patch_step),
            ("seed", seed),
            ("packets", packets),
        ];
        numbers.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    fn test(&self) {
        if let Some(binary) = self.bench().build() {
            for seed in 1..=5 {
                drive_ok(&binary, &self.arguments(seed, 600));
            }
        }
    }
}

const STRAIGHT: Loopback = Loopback {
    name: "straight",
    window: 64,
    headroom: 0,
    stages: 5,
    pkt_depth: 512,
    align: false,
    patch_step: 1,
};
const ALIGNED: Loopback = Loopback {
    name: "aligned",
    window: 100,
    headroom: 20,
    stages: 9,
    pkt_depth: 512,
    align: true,
    patch_step: 1,
};

#[test]
fn loopback_straight() {
    STRAIGHT.test();
}

#[test]
fn loopback_straight_long_window_few_patches() {
    Loopback { name: "straight_long", window: 150, patch_step: 7, stages: 1, ..STRAIGHT }.test();
}

#[test]
fn loopback_short_packet_fifo_no_patches() {
    Loopback {
        name: "short_fifo",
        window: 14,
        patch_step: 0,
        stages: 12,
        pkt_depth: 8,
        ..STRAIGHT
    }
    .test();
}

#[test]
fn loopback_aligned() {
    ALIGNED.test();
}

#[test]
fn loopback_aligned_far_headroom() {
    Loopback {
        name: "aligned_far",
        window: 200,
        headroom: 130,
        stages: 3,
        pkt_depth: 32,
        ..ALIGNED
    }
    .test();
}

fn caught(bench: &Bench, arguments: &[String]) {
    if let Some(binary) = bench.build() {
        let (ok, text) = drive(&binary, arguments);
        assert!(!ok && text.contains("cycle "), "the defect went unnoticed: {text}");
    }
}

#[test]
fn broken_deparser_is_caught() {
    let defect = Some(("bl_align.sv", "hold_mute || mix_ready", "mix_ready"));
    caught(&Bench { name: "broken_align", defect, ..ALIGNED.bench() }, &ALIGNED.arguments(1, 600));
}

#[test]
fn forgotten_headroom_is_caught() {
    let defect = Some(("bl_align.sv", "else if (src_first)", "else if (src_first && 1'b0)"));
    caught(&Bench { name: "broken_before", defect, ..ALIGNED.bench() }, &ALIGNED.arguments(1, 600));
}

#[test]
fn broken_window_is_caught() {
    let defect = Some((
        "bl_framer.sv",
        "inside_packet ? s_axis_tdata[8*LANE+:8] : 8'd0",
        "(inside_packet || 1'b1) ? s_axis_tdata[8*LANE+:8] : 8'd0",
    ));
    caught(
        &Bench { name: "broken_window", defect, ..STRAIGHT.bench() },
        &STRAIGHT.arguments(1, 600),
    );
}

fn value_ram(
    name: &'static str,
    width: u32,
    depth: u32,
    writable: bool,
    init: u32,
) -> (Bench, Vec<String>) {
    let params = [
        ("WIDTH", width.to_string()),
        ("DEPTH", depth.to_string()),
        ("WRITABLE", format!("1'b{}", u8::from(writable))),
        ("INIT", format!("{width}'d{init}")),
    ];
    let arguments = vec![
        format!("width={width}"),
        format!("depth={depth}"),
        format!("writable={}", u8::from(writable)),
        format!("init={init}"),
    ];
    (Bench::cell(name, "bl_value_ram", "value_ram.cpp", &params), arguments)
}

#[test]
fn value_ram_is_sequential() {
    let shapes = [
        ("value_64x16", 64, 16, true, 0),
        ("value_100x5", 100, 5, true, 0),
        ("value_8x1", 8, 1, true, 7),
        ("value_33x1_read_only", 33, 1, false, 1),
        ("value_128x300_read_only", 128, 300, false, 0),
    ];
    for (name, width, depth, writable, init) in shapes {
        let (bench, arguments) = value_ram(name, width, depth, writable, init);
        if let Some(binary) = bench.build() {
            drive_ok(&binary, &arguments);
        }
    }
}

/// A value memory whose changes have an index of their own.
fn value_window(name: &'static str, bytes: u32, depth: u32, lanes: u32) -> (Bench, Vec<String>) {
    let params = [
        ("WIDTH", (8 * bytes).to_string()),
        ("DEPTH", depth.to_string()),
        ("OWN_INDEX", "1'b0".to_owned()),
        ("LANE_STARTS", format!("{bytes}'d{lanes}")),
    ];
    let arguments =
        vec![format!("bytes={bytes}"), format!("depth={depth}"), format!("lanes={lanes}")];
    (Bench::cell(name, "bl_value_ram", "value_window.cpp", &params), arguments)
}

#[test]
fn value_ram_takes_changes_from_elsewhere() {
    for (name, bytes, depth, lanes) in [
        ("window_8x16", 8, 16, 1),
        ("window_8x16_lanes", 8, 16, 0b1001_0001),
        ("window_3x5_bytes", 3, 5, 0b111),
        ("window_4x1_lanes", 4, 1, 0b101),
    ] {
        let (bench, arguments) = value_window(name, bytes, depth, lanes);
        if let Some(binary) = bench.build() {
            drive_ok(&binary, &arguments);
        }
    }
}

#[test]
fn a_change_of_a_neighbour_lane_is_caught() {
    let (bench, arguments) = value_window("broken_lane", 8, 16, 0b1001_0001);
    let defect = Some(("bl_value_ram.sv", "wr_en && wr_mask[b]", "wr_en && |wr_mask"));
    caught(&Bench { defect, ..bench }, &arguments);
}

/// Gate, scoreboard and value memory around a computation of `window` stages, as in `gated.sv`.
fn gated(name: &'static str, slots: u32, window: u32, depth: u32) -> (Bench, Vec<String>) {
    let numbers = [("SLOTS", slots), ("WINDOW", window), ("DEPTH", depth), ("FIFO", 8)];
    let bench = Bench {
        name,
        top: "gated",
        source: include_str!("gated.sv").to_owned(),
        params: numbers.iter().map(|(name, n)| (*name, n.to_string())).collect(),
        driver: "gated.cpp",
        defect: None,
    };
    let arguments = numbers.iter().map(|(name, n)| format!("{}={n}", name.to_lowercase()));
    (bench, arguments.collect())
}

#[test]
fn gated_windows_keep_the_order_and_the_rules_of_time() {
    for (name, slots, window, depth) in [
        ("gated_4_3_3", 4, 3, 3),
        ("gated_8_5_2", 8, 5, 2),
        ("gated_2_9_8", 2, 9, 8),
        ("gated_16_2_1", 16, 2, 1),
        ("gated_4_1_1", 4, 1, 1),
    ] {
        let (bench, arguments) = gated(name, slots, window, depth);
        let Some(binary) = bench.build() else { return };
        for seed in 1..=4 {
            drive_ok(&binary, &[&arguments[..], &[format!("seed={seed}")]].concat());
        }
    }
}

#[test]
fn broken_gates_are_caught() {
    for (name, cell, from, to) in [
        ("gate_blind", "bl_scoreboard.sv", "valid_q[e] && |same", "valid_q[e] && |same && e != 1"),
        ("gate_alone", "bl_scoreboard.sv", "(alone && |live)", "(alone && &live)"),
        (
            "gate_late",
            "bl_scoreboard.sv",
            "oldest_q & {DEPTH{pop}}",
            "oldest_q & {DEPTH{pop && !alone}}",
        ),
        ("gate_leaks", "bl_gate.sv", "!token && !blocked", "!token && !(blocked && in_token)"),
    ] {
        let (bench, arguments) = gated(name, 4, 4, 2);
        caught(&Bench { defect: Some((cell, from, to)), ..bench }, &arguments);
    }
}

#[test]
fn broken_forwarding_is_caught() {
    let (bench, arguments) = value_ram("broken_forwarding", 64, 16, true, 0);
    let defect = Some(("bl_value_ram.sv", "(same_q && wrote_q)", "(same_q && wrote_q && 1'b0)"));
    caught(&Bench { defect, ..bench }, &arguments);
}

#[test]
fn a_write_during_reset_is_caught() {
    for (name, depth, from, to) in [
        ("broken_reset_16", 16, "wr_mask[b])) && !rst", "wr_mask[b]))"),
        ("broken_reset_1", 1, "wr_mask[b])) && !rst", "wr_mask[b]))"),
    ] {
        let (bench, arguments) = value_ram(name, 64, depth, true, 0);
        caught(&Bench { defect: Some(("bl_value_ram.sv", from, to)), ..bench }, &arguments);
    }
}

#[test]
fn host_registers() {
    for (name, key, value) in [("host_4_8", 4, 8), ("host_37_22", 37, 22), ("host_1_1", 1, 1)] {
        let shape = |n: u32| format!("{:08x}", 0x0101_0101 * (16 * (n / 5) + n % 5 + 1));
        let shapes: String = (0..15).rev().map(shape).collect();
        let params = [
            ("KEY_BYTES", key.to_string()),
            ("VALUE_BYTES", value.to_string()),
            ("NUM_MAPS", "3".to_owned()),
            ("MAP_SHAPES", format!("480'h{shapes}")),
            ("GATED", "3'b101".to_owned()),
            ("TABLES", "3'b110".to_owned()),
        ];
        if let Some(binary) = Bench::cell(name, "bl_host", "host.cpp", &params).build() {
            drive_ok(&binary, &[format!("key={key}"), format!("value={value}")]);
        }
    }
}

#[test]
fn stream_rules_notice_what_they_forbid() {
    let params = [("WIDTH", "8".to_owned())];
    let Some(binary) = Bench::cell("rules", "bl_stream_rules", "stream_rules.cpp", &params).build()
    else {
        return;
    };
    drive_ok(&binary, &[]);
    for (rule, message) in [(1, "valid fell"), (2, "payload changed"), (3, "after a reset")] {
        let (ok, text) = drive(&binary, &[format!("break={rule}")]);
        assert!(!ok && text.contains(message), "rule {rule}: {text}");
    }
}
