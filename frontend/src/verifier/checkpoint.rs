//! States that were stored on the way, the tree of paths between them, and what their exploration has shown.

use super::flow::RegSet;
use super::state::{State, Trip, Value};
use super::touch::Words;
use crate::facts::CallCtx;
use crate::insn::{Pc, Reg};
use std::collections::HashMap;

/// Older states of one place that a new one is compared with, newest first, besides those with the same constants.
const MAX_COMPARISONS: usize = 64;

/// A checkpoint that was compared this often more than it helped is dropped.
const MISSES_PER_HIT: u32 = 8;
const FREE_MISSES: u32 = 64;

/// How far a loop was followed below a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    at_start: Trip,
    /// Largest count seen in the same arrival.
    most: u32,
}

/// A stored state.
pub(super) struct Checkpoint {
    pub(super) state: State,
    parent: Option<usize>,
    /// Paths below it that still have to be walked; 0: completely explored.
    open: u32,
    /// Words overwritten between the parent and here.
    screen: Words,
    /// Words that some path below reads before writing them.
    pub(super) read: Words,
    reach: Vec<Reach>,
    signature: u64,
    hits: u32,
    misses: u32,
    dropped: bool,
}

/// Checkpoints at one instruction in one call context.
#[derive(Default)]
struct Place {
    all: Vec<usize>,
    by_signature: HashMap<u64, Vec<usize>>,
}

/// Every checkpoint.
#[derive(Default)]
pub(super) struct Checkpoints {
    list: Vec<Checkpoint>,
    places: HashMap<(CallCtx, Pc), Place>,
}

/// The constants in live registers, mixed: states of the same iteration of a loop have the same.
pub(super) fn signature(state: &State, live: &[RegSet]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut mix = |x: u64| hash = (hash ^ x).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    let frame = state.frame();
    let live = live.last().copied().unwrap_or(0);
    for r in (0..Reg::COUNT).filter(|r| live >> r & 1 == 1) {
        if let Some(c) = Value::as_constant(&frame.regs[r]) {
            mix(r as u64);
            mix(c);
        }
    }
    hash
}

impl Checkpoints {
    pub(super) fn get(&self, i: usize) -> &Checkpoint {
        &self.list[i]
    }

    /// Checkpoints worth comparing with a state of this signature.
    pub(super) fn candidates(&self, ctx: CallCtx, pc: Pc, signature: u64) -> Vec<usize> {
        let Some(place) = self.places.get(&(ctx, pc)) else { return Vec::new() };
        let same =
            place.by_signature.get(&signature).into_iter().flatten().rev().take(MAX_COMPARISONS);
        let mut found: Vec<usize> = same.copied().collect();
        let others = place.all.iter().rev().take(MAX_COMPARISONS);
        found.extend(others.filter(|i| self.list[**i].signature != signature));
        found
    }

    pub(super) fn is_empty_at(&self, ctx: CallCtx, pc: Pc) -> bool {
        self.places.get(&(ctx, pc)).is_none_or(|p| p.all.is_empty())
    }

    /// Stores `state`, which goes on below the new checkpoint.
    pub(super) fn add(&mut self, state: &mut State, signature: u64) -> usize {
        let reach = state.trips.iter().map(|t| Reach { at_start: *t, most: t.count }).collect();
        let i = self.list.len();
        self.list.push(Checkpoint {
            state: state.clone(),
            parent: state.checkpoint,
            open: 1,
            screen: state.written,
            read: Words::NONE,
            reach,
            signature,
            hits: 0,
            misses: 0,
            dropped: false,
        });
        let place = self.places.entry((state.frame().ctx, state.pc)).or_default();
        place.all.push(i);
        place.by_signature.entry(signature).or_default().push(i);
        state.checkpoint = Some(i);
        state.written = Words::NONE;
        state.since = 0;
        i
    }

    /// Checkpoints at the place of `state`, on the way to it, from `first` on; newest first.
    pub(super) fn open_from(&self, first: usize, state: &State) -> Vec<usize> {
        let mut found = Vec::new();
        let mut at = state.checkpoint;
        while let Some(i) = at.filter(|i| *i >= first) {
            let c = &self.list[i];
            let here = c.state.pc == state.pc && c.state.frames.len() == state.frames.len();
            if here && c.state.frame().ctx == state.frame().ctx {
                found.push(i);
            }
            at = c.parent;
        }
        found
    }

    /// Another path now leads on from below the checkpoint of `state`.
    pub(super) fn fork(&mut self, state: &State) {
        if let Some(i) = state.checkpoint {
            self.list[i].open += 1;
        }
    }

    /// The path of `state` has ended: checkpoints without another open path below them are complete.
    pub(super) fn finish(&mut self, state: &State) {
        let mut at = state.checkpoint;
        while let Some(i) = at {
            self.list[i].open -= 1;
            if self.list[i].open > 0 {
                return;
            }
            at = self.list[i].parent;
            if let Some(parent) = at {
                let below = std::mem::take(&mut self.list[i].reach);
                for r in &below {
                    self.raise(parent, &r.at_start, r.most);
                }
                self.list[i].reach = below;
            }
        }
    }

    /// The words in `words` are read on the path of `state`, before it wrote them since its checkpoint.
    pub(super) fn note_read(&mut self, state: &State, words: &Words) {
        let mut words = words.minus(&state.written);
        let mut at = state.checkpoint;
        while let Some(i) = at {
            let c = &mut self.list[i];
            words = words.minus(&c.read);
            if words.is_empty() {
                return;
            }
            c.read = c.read.union(&words);
            words = words.minus(&c.screen);
            at = c.parent;
        }
    }

    /// Below checkpoint `i`, the loop of `trip` was followed for `count` trips of the same arrival.
    fn raise(&mut self, i: usize, trip: &Trip, count: u32) {
        let same = |r: &&mut Reach| {
            let t = &r.at_start;
            t.ctx == trip.ctx && t.header == trip.header && t.arrival == trip.arrival
        };
        if let Some(r) = self.list[i].reach.iter_mut().find(same) {
            r.most = r.most.max(count);
        }
    }

    /// `state` is at trip `trip` of a loop.
    pub(super) fn note_trip(&mut self, state: &State, trip: &Trip) {
        if let Some(i) = state.checkpoint {
            self.raise(i, trip, trip.count);
        }
    }

    /// The trips that `state` has made or may yet make, given that checkpoint `older` covers it.
    pub(super) fn trips_beyond(&self, state: &State, older: usize) -> Vec<Trip> {
        let further = |t: &Trip| {
            let same = |r: &&Reach| r.at_start.ctx == t.ctx && r.at_start.header == t.header;
            let more =
                self.list[older].reach.iter().find(same).map_or(0, |r| r.most - r.at_start.count);
            Trip { count: t.count.saturating_add(more), ..*t }
        };
        state.trips.iter().map(further).collect()
    }

    /// Bookkeeping of a comparison; a complete checkpoint that rarely helps is dropped.
    pub(super) fn note_comparison(&mut self, i: usize, covered: bool) {
        let c = &mut self.list[i];
        if covered {
            c.hits += 1;
            return;
        }
        c.misses += 1;
        let useless = c.open == 0 && c.misses > FREE_MISSES + MISSES_PER_HIT * c.hits;
        if useless && !c.dropped {
            c.dropped = true;
            let key = (c.state.frame().ctx, c.state.pc);
            let signature = c.signature;
            c.state.frames = Vec::new();
            if let Some(place) = self.places.get_mut(&key) {
                place.all.retain(|x| *x != i);
                if let Some(same) = place.by_signature.get_mut(&signature) {
                    same.retain(|x| *x != i);
                }
            }
        }
    }

    /// How many states were stored, and the most at one place.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.list.len(), self.places.values().map(|p| p.all.len()).max().unwrap_or(0))
    }

    /// How many complete checkpoints there are at a place, up to the limit of comparisons.
    pub(super) fn complete_at(&self, ctx: CallCtx, pc: Pc) -> usize {
        let Some(place) = self.places.get(&(ctx, pc)) else { return 0 };
        let newest = place.all.iter().rev().take(MAX_COMPARISONS);
        newest.filter(|i| self.list[**i].is_complete()).count()
    }
}

impl Checkpoint {
    /// Every path below was walked to its end without complaint.
    pub(super) fn is_complete(&self) -> bool {
        self.open == 0
    }
}
