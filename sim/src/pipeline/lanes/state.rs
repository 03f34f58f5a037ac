//! Operations on packet bytes and maps, which mostly go lane by lane.

use super::{Frame, LANES};
use crate::map::{MapSet, Slot, Values};
use crate::outcome::Fault;
use crate::pipeline::op::{Atomic, Coord, Insert, Micro, Place, Row};
use beeline_ir::op::{AtomicOp, Input};

/// Writes the `n` low bytes of `value`.
#[inline(always)]
fn put(buffer: &mut [u8], value: u64, n: u8) {
    let bytes = value.to_le_bytes();
    match n {
        1 => buffer[0] = bytes[0],
        2 => buffer[..2].copy_from_slice(&bytes[..2]),
        4 => buffer[..4].copy_from_slice(&bytes[..4]),
        8 => buffer[..8].copy_from_slice(&bytes),
        _ => buffer[..n.into()].copy_from_slice(&bytes[..n.into()]),
    }
}

impl Frame {
    /// The operations that go lane by lane.
    pub(super) fn lane_step(
        &mut self,
        op: &Micro,
        lane: usize,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        match op {
            Micro::LoadAt { dst, coord, mask, n } => self.load_at(*dst, *coord, *mask, *n, lane),
            Micro::Store { pred, at, value, n } => {
                if self.get(*pred, lane) == 1 {
                    self.write(*at as usize, *value, *n, lane);
                }
            }
            Micro::StoreAt { pred, coord, value, n } => {
                if self.get(*pred, lane) == 1 {
                    let at = self
                        .place(*coord, *n, lane)
                        .ok_or_else(|| self.astray("store", *coord, lane))?;
                    self.write(at, *value, *n, lane);
                }
            }
            Micro::Zero { pred, from, to } => {
                if self.get(*pred, lane) == 1 {
                    self.zero(self.get(*from, lane) as i64, self.get(*to, lane) as i64, lane);
                }
            }
            Micro::Lookup { dst, map, key } => {
                self.rows[*dst as usize][lane] = self.lookup(*map as usize, key, lane, maps);
            }
            Micro::MapLoad { dst, place } => {
                let values = maps.values(place.map as usize).ok_or_else(|| no_map(*place))?;
                self.rows[*dst as usize][lane] = self.map_load(*place, lane, values);
            }
            Micro::MapStore { pred, place, value } => {
                if self.get(*pred, lane) == 1 {
                    self.map_store(*place, self.get(*value, lane), lane, maps)?;
                }
            }
            Micro::Atomic(atomic) => self.atomic(atomic, lane, maps)?,
            Micro::Insert(insert) => self.insert(insert, lane, maps),
            Micro::Remove { pred, map, entry, gone } => {
                let found = self.get(*entry, lane).checked_sub(1);
                let found = found.filter(|_| self.get(*pred, lane) == 1);
                if let Some(slot) = found {
                    maps.remove_slot(*map as usize, slot as Slot);
                }
                self.rows[*gone as usize][lane] = found.is_some().into();
            }
            Micro::Touch { pred, map, entry } => {
                let entry = self.get(*entry, lane);
                if entry != 0 && self.get(*pred, lane) == 1 {
                    maps.touch(*map as usize, (entry - 1) as Slot);
                }
            }
            Micro::Settle { map } => maps.settle_map(*map as usize),
            Micro::Input { dst, input } => {
                let kept = self.rows[*dst as usize];
                self.input(*dst, *input);
                let fresh = std::mem::replace(&mut self.rows[*dst as usize], kept);
                self.rows[*dst as usize][lane] = fresh[lane];
            }
            Micro::Agree { a, b } => {
                if self.get(*a, lane) != self.get(*b, lane) {
                    let what = "what a packet may change at a gate is not carried to the change";
                    return Err(Fault { at: "a boundary".into(), what: what.into() });
                }
            }
            Micro::Forget { row, with } => self.rows[*row as usize][lane] = *with,
            Micro::ForgetByte { at } => self.window[lane * self.stride + *at as usize] = 0xa5,
            _ => unreachable!("executed for all lanes at once"),
        }
        Ok(())
    }

    /// In all lanes.
    pub(super) fn input(&mut self, dst: Row, input: Input) {
        let Self { rows, inputs, lengths, .. } = self;
        for ((dst, i), len) in rows[dst as usize].iter_mut().zip(inputs).zip(lengths) {
            *dst = match input {
                Input::PacketLen => u64::from(*len) & 0xffff,
                Input::IngressIfindex => i.ingress_ifindex.into(),
                Input::RxQueueIndex => i.rx_queue_index.into(),
                Input::TimeNs => i.time_ns,
                Input::CpuId => i.cpu.into(),
                Input::PacketIndex => i.packet_index.into(),
                Input::Seed => i.seed.into(),
            };
        }
    }

    /// In all lanes; those without a packet may be written too.
    pub(super) fn store_fixed(&mut self, pred: Row, at: usize, value: Row, n: u8) {
        let preds: [u64; LANES] = self.rows[pred as usize];
        if preds.iter().fold(0, |any, p| any | p) == 0 {
            return;
        }
        let values = &self.rows[value as usize];
        let buffers = self.window.chunks_exact_mut(self.stride);
        for ((buffer, pred), value) in buffers.zip(preds).zip(values) {
            if pred == 1 {
                put(&mut buffer[at..], *value, n);
            }
        }
    }

    #[inline]
    pub(super) fn load_at(&mut self, dst: Row, coord: Coord, mask: u64, n: u8, lane: usize) {
        let loaded = self.place(coord, n, lane).map_or(0, |at| {
            let bytes = self.window[lane * self.stride + at..].first_chunk();
            u64::from_le_bytes(*bytes.expect("the buffer has slack behind the window")) & mask
        });
        self.rows[dst as usize][lane] = loaded;
    }

    /// Place of `n` bytes in the window buffer, if they lie in it.
    #[inline]
    fn place(&self, coord: Coord, n: u8, lane: usize) -> Option<usize> {
        let c = self.get(coord.base, lane).wrapping_add(self.get(coord.off, lane)) as i64;
        let at = usize::try_from(c.checked_add(self.headroom as i64)?).ok()?;
        (at.checked_add(n.into())? <= self.window_end).then_some(at)
    }

    fn astray(&self, what: &str, coord: Coord, lane: usize) -> Fault {
        let c = self.get(coord.base, lane).wrapping_add(self.get(coord.off, lane)) as i64;
        Fault {
            at: "the packet window".into(),
            what: format!("a {what} at coordinate {c}, outside the window"),
        }
    }

    fn write(&mut self, at: usize, value: Row, n: u8, lane: usize) {
        let value = self.get(value, lane);
        put(&mut self.window[lane * self.stride + at..], value, n);
    }

    fn zero(&mut self, from: i64, to: i64, lane: usize) {
        let place = |c: i64| {
            c.saturating_add(self.headroom as i64).clamp(0, self.window_end as i64) as usize
        };
        let (from, to) = (place(from), place(to));
        if from < to {
            self.window[lane * self.stride..][from..to].fill(0);
        }
    }

    fn lookup(&mut self, map: usize, key: &[(Row, u8)], lane: usize, maps: &MapSet) -> u64 {
        let end = self.gather(key, lane);
        maps.slot_of(map, &self.key[..end]).map_or(0, |slot| u64::from(slot) + 1)
    }

    /// Puts a key together in `self.key`; how long it is.
    #[inline]
    fn gather(&mut self, key: &[(Row, u8)], lane: usize) -> usize {
        let mut end = 0;
        for &(row, n) in key {
            let part = self.rows[row as usize][lane].to_le_bytes();
            self.key[end..end + 8].copy_from_slice(&part);
            end += usize::from(n);
        }
        end
    }

    fn insert(&mut self, i: &Insert, lane: usize, maps: &mut MapSet) {
        let (map, known) = (i.map as usize, self.get(i.entry, lane));
        let (entry, made) = match (self.get(i.pred, lane), known) {
            (0, _) => (0, 0),
            (_, 0) => {
                let end = self.gather(&i.key, lane);
                let slot = maps.insert_key(map, &self.key[..end]);
                let entry = slot.map_or(0, |s| u64::from(s) + 1);
                (entry, entry)
            }
            _ => {
                maps.touch(map, (known - 1) as Slot);
                (known, 0)
            }
        };
        self.rows[i.dst as usize][lane] = entry;
        self.rows[i.made as usize][lane] = made;
    }

    #[inline]
    fn slot(&self, place: Place, lane: usize) -> Option<Slot> {
        self.get(place.entry, lane).checked_sub(1).map(|s| s as Slot)
    }

    /// In the first `lanes` lanes.
    pub(super) fn map_loads(
        &mut self,
        dst: Row,
        place: Place,
        lanes: usize,
        maps: &MapSet,
    ) -> Result<(), Fault> {
        let values = maps.values(place.map as usize).ok_or_else(|| no_map(place))?;
        for lane in 0..lanes {
            self.rows[dst as usize][lane] = self.map_load(place, lane, values);
        }
        Ok(())
    }

    #[inline]
    fn map_load(&self, place: Place, lane: usize, values: &Values) -> u64 {
        let Some(slot) = self.slot(place, lane) else { return 0 };
        let off = self.get(place.off, lane);
        let address = values.address(slot).wrapping_add(off);
        let loaded = match place.n {
            1 => values.get(address).map(|b| u8::from_le_bytes(b).into()),
            2 => values.get(address).map(|b| u16::from_le_bytes(b).into()),
            4 => values.get(address).map(|b| u32::from_le_bytes(b).into()),
            8 => values.get(address).map(u64::from_le_bytes),
            _ => None,
        };
        // Odd widths, and loads whose offset is out of bounds because their result does not matter.
        loaded.unwrap_or_else(|| values.peek(slot, off as i64, place.n.into()))
    }

    fn map_store(
        &self,
        place: Place,
        value: u64,
        lane: usize,
        maps: &mut MapSet,
    ) -> Result<(), Fault> {
        let off = self.get(place.off, lane) as i64;
        match self.slot(place, lane) {
            Some(slot) if !maps.poke(place.map as usize, slot, off, place.n.into(), value) => {
                let at = format!("map {}", maps.name(place.map as usize));
                Err(Fault { at, what: format!("a store at offset {off}, outside the value") })
            }
            _ => Ok(()),
        }
    }

    fn atomic(&mut self, a: &Atomic, lane: usize, maps: &mut MapSet) -> Result<(), Fault> {
        if self.get(a.pred, lane) == 0 {
            self.rows[a.dst as usize][lane] = 0;
            return Ok(());
        }
        let values = maps.values(a.place.map as usize).ok_or_else(|| no_map(a.place))?;
        let old = self.map_load(a.place, lane, values);
        let value = self.get(a.value, lane);
        let new = match a.op {
            AtomicOp::Add => old.wrapping_add(value),
            AtomicOp::Or => old | value,
            AtomicOp::And => old & value,
            AtomicOp::Xor => old ^ value,
            AtomicOp::Xchg => value,
            AtomicOp::CmpXchg if old == self.get(a.expected, lane) => value,
            AtomicOp::CmpXchg => old,
        };
        self.rows[a.dst as usize][lane] = old;
        self.map_store(a.place, new, lane, maps)
    }
}

fn no_map(place: Place) -> Fault {
    Fault { at: "the maps".into(), what: format!("map {} does not exist", place.map) }
}
