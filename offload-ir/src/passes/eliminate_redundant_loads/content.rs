//! Known content of packet and map bytes.

use crate::analysis::address::{Access, Space};
use crate::dfg::Dfg;
use crate::entities::Value;
use crate::op::Op;
use std::collections::BTreeMap;

/// Bytes with the same variable part of their address.
#[derive(Clone, Debug)]
struct Region {
    /// The variable part lies in this range.
    min: i64,
    max: i64,
    /// By constant part.
    bytes: BTreeMap<i64, Held>,
}

/// A known byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The value that holds it.
    pub(super) value: Value,
    /// Which byte of the value, from the least significant.
    pub(super) byte: u8,
    /// It was loaded from there, not stored.
    pub(super) loaded: bool,
}

/// What is known at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    regions: BTreeMap<(Space, Vec<Value>), Region>,
}

/// Regions that are kept at most; programs with more (unrolled loops over variable offsets) start over.
const MAX_REGIONS: usize = 128;

impl Content {
    /// What is known of each byte of `access`.
    pub(super) fn bytes(&self, access: &Access) -> Vec<Option<Held>> {
        let region = self.regions.get(&(access.space, access.start.terms.clone()));
        let coords = (0..i64::from(access.bytes)).map(|n| access.start.constant.wrapping_add(n));
        coords.map(|c| region.and_then(|r| r.bytes.get(&c)).copied()).collect()
    }

    /// The bytes of `access` are those of `value`, except where something is known already.
    pub(super) fn learn(&mut self, access: &Access, value: Value, loaded: bool) {
        if self.regions.len() >= MAX_REGIONS {
            self.regions.clear();
        }
        let start = access.start.constant;
        let (min, max) = (access.min.saturating_sub(start), access.max.saturating_sub(start));
        let key = (access.space, access.start.terms.clone());
        let region = self.regions.entry(key).or_insert(Region { min, max, bytes: BTreeMap::new() });
        (region.min, region.max) = (region.min.max(min), region.max.min(max));
        for n in 0..access.bytes {
            region.bytes.entry(start.wrapping_add(i64::from(n))).or_insert(Held {
                value,
                byte: n,
                loaded,
            });
        }
    }

    /// Something else may be in the bytes of `access` now.
    pub(super) fn forget(&mut self, dfg: &Dfg, access: &Access) {
        let (first, end) = (access.min, access.max.saturating_add(i64::from(access.bytes)));
        let start = access.start.constant;
        self.regions.retain(|(space, terms), region| {
            if !may_be_same(dfg, *space, access.space) {
                return true;
            }
            let same_terms = *terms == access.start.terms;
            let (min, max) = (region.min, region.max);
            region.bytes.retain(|c, _| {
                if same_terms {
                    !(0..i64::from(access.bytes)).contains(&c.wrapping_sub(start))
                } else {
                    max.saturating_add(*c) < first || min.saturating_add(*c) >= end
                }
            });
            !region.bytes.is_empty()
        });
    }

    /// Packet bytes from `from` up to `to` may have changed.
    pub(super) fn forget_packet(&mut self, from: i64, to: i64) {
        self.regions.retain(|(space, _), region| {
            let (min, max) = (region.min, region.max);
            if *space == Space::Packet {
                region
                    .bytes
                    .retain(|c, _| max.saturating_add(*c) < from || min.saturating_add(*c) >= to);
            }
            !region.bytes.is_empty()
        });
    }

    /// Keeps what is known in `other` too.
    pub(super) fn keep_common(&mut self, other: &Self) {
        self.regions.retain(|key, region| {
            let Some(theirs) = other.regions.get(key) else {
                return false;
            };
            (region.min, region.max) = (region.min.min(theirs.min), region.max.max(theirs.max));
            region.bytes.retain(|c, held| theirs.bytes.get(c) == Some(held));
            !region.bytes.is_empty()
        });
    }
}

/// Can bytes of the two be the same?
fn may_be_same(dfg: &Dfg, a: Space, b: Space) -> bool {
    match (a, b) {
        (Space::Packet, Space::Packet) => true,
        (Space::Entry(m, x), Space::Entry(n, y)) => {
            let fixed = |v: Value| match dfg.def(v) {
                Some(Op::EntryConst { index, .. }) => Some(*index),
                _ => None,
            };
            let apart = fixed(x).is_some() && fixed(y).is_some() && fixed(x) != fixed(y);
            m == n && !apart
        }
        _ => false,
    }
}
