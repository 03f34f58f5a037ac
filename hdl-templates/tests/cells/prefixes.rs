//! The LPM table against plain comparison with every prefix, with the boundaries that the host loader makes.

use crate::bench::{drive, drive_ok, work_dir, Bench};
use beeline_ir::lpm::LpmShape;
use beeline_sim::map::{boundaries, Boundary};
use std::fmt::Write;
use std::path::PathBuf;

/// One table and what is done with it.
struct Table {
    name: &'static str,
    data_bytes: u32,
    max_entries: u32,
    /// Every key has the full length.
    full: bool,
    step: u32,
    /// Bytes of data are drawn from few values, so that prefixes nest and touch.
    dense: bool,
    /// Tables written one after the other.
    rounds: u32,
}

impl Table {
    fn shape(&self) -> LpmShape {
        LpmShape::new(4 + self.data_bytes, self.max_entries)
    }

    fn bench(&self) -> Bench {
        let shape = self.shape();
        let params = [
            ("DATA_BYTES", self.data_bytes.to_string()),
            ("INDEX_W", shape.index_bits.to_string()),
            ("DIGIT", shape.digit_bits.to_string()),
            ("SLOT_W", self.slot_bits().to_string()),
            ("FULL", format!("1'b{}", u8::from(self.full))),
            ("STEP", self.step.to_string()),
        ];
        Bench::cell(self.name, "bl_lpm_table", "lpm_table.cpp", &params)
    }

    fn slot_bits(&self) -> u32 {
        self.max_entries.next_power_of_two().trailing_zeros().max(1)
    }

    fn latency(&self) -> u32 {
        2 + (self.shape().levels() - 1) * self.step
    }

    fn arguments(&self) -> Vec<String> {
        let path = self.script();
        vec![path.display().to_string(), format!("latency={}", self.latency())]
    }

    fn test(&self) {
        if let Some(binary) = self.bench().build() {
            drive_ok(&binary, &self.arguments());
        }
    }

    /// Writes the script: tables of random prefixes, and lookups in every cycle that is not a token's.
    fn script(&self) -> PathBuf {
        let mut script =
            Script { table: self, rng: Rng(9), text: String::new(), active: Vec::new(), hits: 0 };
        for _ in 0..self.rounds {
            script.round();
        }
        assert!(script.hits > 100, "the script must hit");
        let path = work_dir(&format!("{}_script", self.name)).join("script.txt");
        std::fs::write(&path, script.text).unwrap();
        path
    }
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 ^ self.0 >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
    }

    fn below(&mut self, bound: u32) -> u32 {
        (self.next() % u64::from(bound)) as u32
    }
}

/// A prefix: length and data.
type Prefix = (u32, Vec<u8>);

struct Script<'a> {
    table: &'a Table,
    rng: Rng,
    text: String,
    /// What packets search now.
    active: Vec<Prefix>,
    hits: u32,
}

impl Script<'_> {
    /// Fills the list that nobody searches, and exchanges the lists.
    fn round(&mut self) {
        let bits = 8 * self.table.data_bytes;
        let count = match self.rng.below(4) {
            _ if self.table.rounds <= 3 => self.table.max_entries,
            0 => self.rng.below(3).min(self.table.max_entries),
            1 => self.table.max_entries,
            _ => self.rng.below(self.table.max_entries + 1),
        };
        let ignored = self.rng.below(2 * self.table.max_entries);
        // What is under way when the reset comes is lost.
        self.text += &"n\n".repeat(self.table.latency() as usize);
        self.token(format!("x {ignored:x}"), None);
        let prefixes: Vec<Prefix> = (0..count).map(|_| self.prefix()).collect();
        let keys: Vec<Vec<u8>> = prefixes.iter().map(|p| key_of(p.0, &p.1)).collect();
        let list = boundaries(bits, keys.iter().zip(0..).map(|(k, s)| (&k[..], s)));
        let mut order: Vec<usize> = (0..list.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, self.rng.below(i as u32 + 1) as usize);
        }
        for index in order {
            self.boundary('w', index, &list[index]);
        }
        self.token(format!("s {:x}", list.len()), Some(prefixes));
        self.lookups(100);
        self.token(format!("c {:x}", list.len()), None);
        for _ in 0..list.len().min(20) {
            let index = self.rng.below(list.len() as u32) as usize;
            self.boundary('r', index, &list[index]);
        }
    }

    fn prefix(&mut self) -> Prefix {
        let bits = 8 * self.table.data_bytes;
        let length = match self.rng.below(6) {
            0 => bits,
            _ => self.rng.below(bits + 1),
        };
        (length, self.data())
    }

    fn data(&mut self) -> Vec<u8> {
        let dense = self.table.dense;
        let byte = |rng: &mut Rng| match dense {
            true => [0, 0x80, 0xff, 0xfe, 1][rng.below(5) as usize],
            false => rng.below(256) as u8,
        };
        (0..self.table.data_bytes).map(|_| byte(&mut self.rng)).collect()
    }

    fn boundary(&mut self, verb: char, index: usize, b: &Boundary) {
        let key = hex(&b.key(8 * self.table.data_bytes));
        let present = u8::from(b.slot.is_some());
        let slot = b.slot.unwrap_or(0);
        self.token(format!("{verb} {index:x} {present} {key} {slot:x}"), None);
    }

    /// A token, and as many lookups behind it as keep tokens from following each other too closely: the host's registers
    /// stand still for a token's way. The packets behind it see `now`. In a large table few lookups are enough.
    fn token(&mut self, line: String, now: Option<Vec<Prefix>>) {
        self.text += &(line + "\n");
        if let Some(prefixes) = now {
            self.active = prefixes;
        }
        let gap = self.table.latency() - 1;
        if self.active.len() < 1000 || self.rng.below(100) == 0 {
            self.lookups(gap);
        } else {
            self.text += &"n\n".repeat(gap as usize);
        }
    }

    fn lookups(&mut self, count: u32) {
        for _ in 0..count {
            let (length, data) = self.key();
            let found = longest(&self.active, length, &data);
            self.hits += u32::from(found.is_some());
            let (hit, slot) = (u8::from(found.is_some()), found.unwrap_or(0));
            writeln!(self.text, "l {} {hit} {slot:x}", hex(&key_of(length, &data)))
                .expect("a string takes every line");
        }
    }

    /// A key to look up: anywhere, or in or beside a prefix that is there.
    fn key(&mut self) -> Prefix {
        let bits = 8 * self.table.data_bytes;
        let mut data = self.data();
        if !self.active.is_empty() && self.rng.below(4) > 0 {
            let (length, base) =
                self.active[self.rng.below(self.active.len() as u32) as usize].clone();
            let start = u32::from(self.rng.below(8) == 0);
            for bit in 0..length.saturating_sub(start) {
                let (byte, mask) = (bit as usize / 8, 0x80 >> (bit % 8));
                data[byte] = data[byte] & !mask | base[byte] & mask;
            }
        }
        let length = match (self.table.full, self.rng.below(8)) {
            (true, _) | (false, 0) => bits,
            (false, 1) => bits + 1 + self.rng.below(300),
            (false, 2) => self.rng.next() as u32 | 1 << 31,
            (false, _) => self.rng.below(bits + 1),
        };
        (length, data)
    }
}

/// The last of the longest prefixes that match `data` within `limit` bits.
fn longest(prefixes: &[Prefix], limit: u32, data: &[u8]) -> Option<u32> {
    if limit > 8 * data.len() as u32 {
        return None;
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n: u128, b| n << 8 | u128::from(*b));
    let differs = |p: &Prefix| {
        let apart = (number(&p.1) ^ number(data)) << (128 - 8 * data.len());
        apart.leading_zeros()
    };
    let fits = |p: &Prefix| p.0 <= limit && differs(p) >= p.0;
    let slots = (0..).zip(prefixes).filter(|(_, p)| fits(p));
    slots.max_by_key(|(_, p)| p.0).map(|(slot, _)| slot)
}

fn key_of(length: u32, data: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes(), data].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

const SMALL: Table = Table {
    name: "lpm_4_12",
    data_bytes: 4,
    max_entries: 12,
    full: true,
    step: 1,
    dense: true,
    rounds: 60,
};

#[test]
fn lpm_table_finds_the_longest_prefix() {
    let tables = [
        SMALL,
        Table { name: "lpm_4_40_any", max_entries: 40, full: false, ..SMALL },
        Table {
            name: "lpm_16_9_any_2",
            data_bytes: 16,
            max_entries: 9,
            full: false,
            step: 2,
            ..SMALL
        },
        Table {
            name: "lpm_1_1_any",
            data_bytes: 1,
            max_entries: 1,
            full: false,
            rounds: 100,
            ..SMALL
        },
        Table {
            name: "lpm_7_200_any",
            data_bytes: 7,
            max_entries: 200,
            full: false,
            rounds: 12,
            ..SMALL
        },
    ];
    for table in tables {
        table.test();
    }
}

#[test]
fn lpm_table_of_full_size() {
    let big = Table { max_entries: 16_384, dense: false, rounds: 2, name: "lpm_4_16384", ..SMALL };
    let wide = Table { data_bytes: 16, max_entries: 1024, rounds: 3, name: "lpm_16_1024", ..SMALL };
    big.test();
    wide.test();
}

#[test]
fn a_broken_lpm_table_is_caught() {
    let defects = [
        (
            "lpm_broken_count",
            "bl_lpm_level.sv",
            "&& (full || (partly && part[c]))",
            "&& (full || (partly && |part[c:0]))",
        ),
        (
            "lpm_broken_round",
            "bl_lpm_level.sv",
            "LIMIT_W'(|count[BELOW-1:0])",
            "LIMIT_W'(&count[BELOW-1:0])",
        ),
        ("lpm_broken_length", "bl_lpm_table.sv", "> 32'(DATA_W)", "> 32'(2 * DATA_W)"),
    ];
    for (name, file, from, to) in defects {
        let table = Table { name, max_entries: 40, full: false, ..SMALL };
        let bench = Bench { defect: Some((file, from, to)), ..table.bench() };
        if let Some(binary) = bench.build() {
            let (ok, text) = drive(&binary, &table.arguments());
            assert!(!ok && text.contains("cycle "), "{name} went unnoticed: {text}");
        }
    }
}
