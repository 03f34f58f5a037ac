//! Scripts for `bl_hash_table`: random packets and tokens, cycle by cycle, with what the software model answers.

use beeline_sim::map::{BucketTable, CANDIDATES};
use std::fmt::Write;

/// SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A table and what is done with it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes of a key.
    pub key_bytes: usize,
    /// Log2 of the buckets of a bank.
    pub depth_log2: u32,
    /// Keys at most.
    pub max_entries: usize,
    /// Keys of a packet.
    pub probes: usize,
    /// Those that may be inserted.
    pub inserts: u32,
    /// Parameter LRU.
    pub lru: bool,
    /// Packets remove keys so many stages after K.
    pub remove: Option<u64>,
}

impl Shape {
    /// Bits of a slot number.
    pub fn slot_bits(&self) -> u32 {
        self.depth_log2 + 4
    }
}

#[derive(Clone, Debug)]
enum Item {
    Gap,
    Packet { keys: Vec<usize>, insert: Option<usize>, touch: u32, remove: Option<usize> },
    Token { op: u32, flags: u32, slot: u32, key: usize },
}

/// What the checker compares in one cycle.
#[derive(Clone, Default)]
struct Expected {
    valid: bool,
    /// hit, room (2: anything), slot if it counts
    probes: Vec<(bool, u32, Option<u32>)>,
    /// 1: in stage K, 2: standing; status, access, slot
    token: (u32, i32, bool, u32),
    read: Option<Option<Vec<u8>>>,
}

/// Generates a script and the model's answers.
pub struct Script {
    shape: Shape,
    rng: Rng,
    keys: Vec<Vec<u8>>,
    recent: Vec<usize>,
    table: BucketTable,
    no_room: u32,
    /// Items in stages P, P + 1, K.
    stages: [Item; 3],
    /// Removals on their way: key, cycle, and from stage K on the slot.
    removals: Vec<(usize, u64, Option<u32>)>,
    answer: Expected,
    request: (u32, u32, u32, usize),
    /// Insertions, evictions, removals, failures.
    pub done: [u32; 4],
}

impl Script {
    /// For `shape`, with keys from a set of `keys`.
    pub fn new(shape: Shape, keys: Vec<Vec<u8>>, seed: u64) -> Self {
        Self {
            shape,
            rng: Rng(seed),
            keys,
            recent: Vec::new(),
            table: BucketTable::with_depth(
                shape.key_bytes as u32,
                shape.depth_log2,
                shape.max_entries as u32,
                shape.lru,
            ),
            no_room: 0,
            stages: [Item::Gap, Item::Gap, Item::Gap],
            removals: Vec::new(),
            answer: Expected::default(),
            request: (0, 0, 0, 0),
            done: [0; 4],
        }
    }

    fn is_full(&self) -> bool {
        !self.shape.lru && self.table.len() == self.shape.max_entries
    }

    /// `cycles` lines; `busy` is the percentage of cycles with a packet, `filling` that of packets that insert.
    pub fn lines(&mut self, cycles: u64, busy: usize, filling: usize) -> String {
        let mut text = String::new();
        for now in 0..cycles {
            let item = self.choose(now, busy, filling);
            self.stages.rotate_right(1);
            self.stages[0] = item;
            self.cycle(now, &mut text);
        }
        text
    }

    fn choose(&mut self, now: u64, busy: usize, filling: usize) -> Item {
        if !self.rng.chance(busy) {
            return Item::Gap;
        }
        let pending = self.removals.iter().any(|(_, at, _)| *at > now);
        let near = self.table.len() + 3 >= self.shape.max_entries;
        // The request stands still while its token is on its way.
        let token_ahead = self.stages[..2].iter().any(|s| matches!(s, Item::Token { .. }));
        if self.shape.remove != Some(0) && pending && (self.shape.lru || near) {
            return Item::Gap;
        }
        if !token_ahead && (!pending || self.shape.remove == Some(0)) && self.rng.chance(8) {
            let op = [0, 0, 2, 3, 3, 4, 5][self.rng.below(7)];
            let slot = self.some_slot();
            return Item::Token { op, flags: self.rng.below(3) as u32, slot, key: self.some_key() };
        }
        self.packet(now, filling)
    }

    fn packet(&mut self, now: u64, filling: usize) -> Item {
        let keys: Vec<usize> = (0..self.shape.probes).map(|_| self.some_key()).collect();
        let waits = |k: &usize| self.removals.iter().any(|(key, at, _)| key == k && *at > now);
        if self.shape.remove != Some(0) && keys.iter().any(waits) {
            return Item::Gap;
        }
        let inserting: Vec<usize> =
            (0..self.shape.probes).filter(|r| self.shape.inserts >> r & 1 == 1).collect();
        let insert = self.rng.chance(filling).then(|| inserting[self.rng.below(inserting.len())]);
        let touch = self.rng.below(1 << self.shape.probes) as u32;
        let mut remove = None;
        if let Some(delay) = self.shape.remove {
            let candidate = self.rng.below(self.shape.probes);
            // A packet does not do both in an LRU table. In others it may remove the very key that it inserts.
            let both = insert.is_some_and(|q| q != candidate && keys[q] == keys[candidate]);
            if !(both || self.shape.lru && insert.is_some()) && self.rng.chance(40) {
                remove = Some(candidate);
                self.removals.push((keys[candidate], now + 2 + delay, None));
            }
        }
        Item::Packet { keys, insert, touch, remove }
    }

    fn some_slot(&mut self) -> u32 {
        match self.rng.below(3) {
            0 => self.rng.below(CANDIDATES << self.shape.depth_log2) as u32,
            _ => {
                let key = self.some_key();
                self.table.candidates(&self.keys[key])[self.rng.below(CANDIDATES)]
            }
        }
    }

    fn some_key(&mut self) -> usize {
        let key = match self.recent.len() {
            n if n > 0 && self.rng.chance(50) => self.recent[self.rng.below(n)],
            _ => self.rng.below(self.keys.len()),
        };
        self.recent.push(key);
        if self.recent.len() > 6 {
            self.recent.remove(0);
        }
        key
    }

    /// What happens in cycle `now`, with the three stages as they are.
    fn cycle(&mut self, now: u64, text: &mut String) {
        if let Item::Token { op, flags, slot, key } = self.stages[0] {
            self.request = (op, flags, slot, key);
        }
        let before = (self.table.len(), self.is_full(), self.no_room);
        let item = std::mem::replace(&mut self.stages[2], Item::Gap);
        let mut expected =
            Expected { probes: vec![(false, 2, None); self.shape.probes], ..self.answer.clone() };
        let (mut insert_en, mut touch_en) = (0, 0);
        match &item {
            Item::Gap => {}
            Item::Packet { keys, insert, touch, remove } => {
                expected.valid = true;
                insert_en = insert.map_or(0, |q| 1 << q);
                touch_en = *touch;
                let found = remove.and_then(|r| self.table.find(&self.keys[keys[r]]));
                let inserted = self.packet_in_k(keys, *insert, *touch, &mut expected);
                if let Some(r) = remove {
                    let slot = found.or(inserted.filter(|_| *insert == Some(*r)));
                    let at = now + self.shape.remove.unwrap_or(0);
                    let entry = self.removals.iter_mut().find(|e| e.0 == keys[*r] && e.1 == at);
                    match slot {
                        Some(slot) => entry.expect("was announced").2 = Some(slot),
                        None => self.removals.retain(|e| (e.0, e.1) != (keys[*r], at)),
                    }
                }
            }
            Item::Token { op, flags, slot, key } => {
                self.token_in_k(*op, *flags, *slot, *key, &mut expected)
            }
        }
        let leaving = self.removals.iter().position(|(_, at, slot)| *at == now && slot.is_some());
        let leaving = leaving.and_then(|n| self.removals.swap_remove(n).2);
        if let Some(slot) = leaving {
            self.table.remove(slot);
            self.done[2] += 1;
        }
        self.removals.retain(|(_, at, _)| *at > now || self.shape.remove.is_none());
        self.write(&expected, before, (insert_en, touch_en), leaving, text);
    }

    /// The packet's changes; returns the slot of an insertion.
    fn packet_in_k(
        &mut self,
        keys: &[usize],
        insert: Option<usize>,
        touch: u32,
        expected: &mut Expected,
    ) -> Option<u32> {
        let Self { shape, table, keys: all, .. } = self;
        let found: Vec<Option<u32>> = keys.iter().map(|k| table.find(&all[*k])).collect();
        for (r, slot) in found.iter().enumerate() {
            let inserts = shape.inserts >> r & 1 == 1;
            let place = table.free_place(&all[keys[r]]).filter(|_| inserts && !shape.lru);
            let room = if inserts { u32::from(place.is_some() || shape.lru) } else { 2 };
            expected.probes[r] = (slot.is_some(), room, slot.or(place));
        }
        let used = |r: usize| touch >> r & 1 == 1 || insert == Some(r);
        let touched: Vec<u32> =
            (0..keys.len()).filter(|r| used(*r)).filter_map(|r| found[r]).collect();
        let full = !shape.lru && table.len() == shape.max_entries;
        let Some(q) = insert.filter(|q| found[*q].is_none() && !full) else {
            table.touch(&touched);
            return None;
        };
        match table.insert(&all[keys[q]], &touched) {
            Some(new) => {
                expected.probes[q].2 = Some(new.slot);
                self.done[usize::from(new.evicted.is_some())] += 1;
                Some(new.slot)
            }
            None => {
                self.no_room += 1;
                self.done[3] += 1;
                None
            }
        }
    }

    fn token_in_k(&mut self, op: u32, flags: u32, slot: u32, key: usize, expected: &mut Expected) {
        let full = self.is_full();
        let Self { table, keys, .. } = self;
        let found = table.find(&keys[key]);
        let at = found.unwrap_or(0);
        let mut read = None;
        let (status, access, slot) = match (op, found) {
            (0, _) => {
                read = Some(table.key(slot).map(<[u8]>::to_vec));
                (0, table.key(slot).is_some(), slot)
            }
            (2 | 4, None) => (-2, false, 0),
            (2, Some(_)) => (0, true, at),
            (3, Some(_)) if flags == 1 => (-17, false, 0),
            (3, Some(_)) => {
                table.touch(&[at]);
                (0, true, at)
            }
            (3, None) if flags == 2 => (-2, false, 0),
            (3, None) if full => (-7, false, 0),
            (3, None) => match table.insert(&keys[key], &[]) {
                Some(new) => (0, true, new.slot),
                None => {
                    self.no_room += 1;
                    (-7, false, 0)
                }
            },
            (4, Some(_)) => {
                table.remove(at);
                (0, true, at)
            }
            _ => (-22, false, 0),
        };
        expected.token = (1, status, access, slot);
        self.answer = Expected { token: (2, status, access, slot), read, ..Expected::default() };
    }

    fn write(
        &self,
        expected: &Expected,
        (count, full, no_room): (usize, bool, u32),
        (insert, touch): (u32, u32),
        leaving: Option<u32>,
        text: &mut String,
    ) {
        let junk = vec![0xa5; self.shape.key_bytes];
        let keys: Vec<&[u8]> = match &self.stages[0] {
            Item::Packet { keys, .. } => keys.iter().map(|k| &self.keys[*k][..]).collect(),
            _ => vec![&junk[..]; self.shape.probes],
        };
        let mut line = String::new();
        keys.iter().for_each(|k| line += &(hex(k) + " "));
        let (op, flags, slot, key) = self.request;
        let sel = u8::from(matches!(self.stages[0], Item::Token { .. }));
        let request = format!("{sel} {op:x} {flags:x} {slot:x} {} ", hex(&self.keys[key]));
        let (remove, at) = (u8::from(leaving.is_some()), leaving.unwrap_or(0));
        write!(line, "{request}{insert:x} {touch:x} {remove} {at:x} {} ", u8::from(expected.valid))
            .expect("a string takes every line");
        for (hit, room, slot) in &expected.probes {
            let (check, at) = (u8::from(slot.is_some()), slot.unwrap_or(0));
            line += &format!("{} {room} {check} {at:x} ", u8::from(*hit));
        }
        let near = u8::from(count + 3 >= self.shape.max_entries);
        line += &format!("{count:x} {} {near} {no_room:x} ", u8::from(full));
        let (token, status, access, slot) = expected.token;
        line += &format!("{token} {:x} {} {slot:x} ", status as u32, u8::from(access));
        let read = expected.read.as_ref().filter(|_| token == 2);
        let found = read.and_then(Option::as_ref).unwrap_or(&junk);
        let present = read.is_some_and(Option::is_some);
        line += &format!("{} {} {}\n", u8::from(read.is_some()), u8::from(present), hex(found));
        *text += &line;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Keys of which many share buckets: `count` of them, different.
pub fn crowded_keys(shape: &Shape, count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng(seed);
    let table = BucketTable::with_depth(shape.key_bytes as u32, shape.depth_log2, 1, false);
    let crowded = |key: &[u8]| {
        let places = table.candidates(key);
        let row = |bank: usize| places[4 * bank] >> 2 & ((1 << shape.depth_log2) - 1);
        (0..4).filter(|bank| row(*bank) < 2).count() >= 2
    };
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut tries = 0;
    while keys.len() < count && tries < 2_000_000 {
        tries += 1;
        let key: Vec<u8> = (0..shape.key_bytes).map(|_| rng.next() as u8).collect();
        if (crowded(&key) || rng.chance(1)) && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}
