//! Comparison of states: a state that an older one covers need not be explored again.

use super::flow::RegSet;
use super::scalar::Scalar;
use super::stack::{Byte, Slot, Spill};
use super::state::{Kind, Proved, State, Value};
use super::touch::Words;
use crate::insn::Reg;

/// A place in a state: frame, and register or stack slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loc {
    Reg(usize, usize),
    Slot(usize, usize),
    /// How often a callback ran.
    Runs,
}

impl Loc {
    /// True if the number here is known in `state`.
    pub(super) fn is_constant(self, state: &State) -> bool {
        match self {
            Loc::Reg(depth, r) => state.frames[depth].regs[r].as_constant().is_some(),
            Loc::Runs => true,
            Loc::Slot(depth, i) => {
                let slot = state.frames[depth].stack.slot(i);
                match &slot.spill {
                    Some(spill) => spill.value.as_constant().is_some(),
                    None => slot.bytes.contains(&Byte::Zero),
                }
            }
        }
    }
}

/// How a newer state relates to an older one.
#[derive(Debug, PartialEq)]
pub(super) enum Relation {
    /// Everything that the newer may be, the older may be.
    Covered,
    /// The same but for the numbers in these places.
    Numbers(Vec<Loc>),
    Different,
}

/// Names of the older state paired with those of the newer.
#[derive(Default)]
struct Names(Vec<(u32, u32, i64)>);

impl Names {
    /// Values that share a name in the older state must share one in the newer, at the same distance.
    fn agree(&mut self, old: &Value, new: &Value) -> bool {
        self.pair(old.id, new.id, i64::from(new.off) - i64::from(old.off))
    }

    fn pair(&mut self, old: u32, new: u32, distance: i64) -> bool {
        if old == 0 {
            return true;
        }
        match self.0.iter().find(|(name, _, _)| *name == old) {
            Some(&(_, partner, at)) => partner != 0 && partner == new && at == distance,
            None => {
                self.0.push((old, new, distance));
                true
            }
        }
    }
}

/// Compares `new` with `old` on the live registers of each frame (`live`) and the stack words in `words`. The states
/// stand at the same place in the same chain of calls.
pub(super) fn compare(old: &State, new: &State, live: &[RegSet], words: &Words) -> Relation {
    compare_up_to(usize::MAX, old, new, live, words)
}

/// As [`compare`], but only whether `old` covers `new`: the first difference decides.
pub(super) fn covers(old: &State, new: &State, live: &[RegSet], words: &Words) -> bool {
    compare_up_to(0, old, new, live, words) == Relation::Covered
}

/// States that differ in more than `most` numbers count as different.
fn compare_up_to(
    most: usize,
    old: &State,
    new: &State,
    live: &[RegSet],
    words: &Words,
) -> Relation {
    let same_shape = old.frames.len() == new.frames.len()
        && old.resources.len() == new.resources.len()
        && old.timer == new.timer;
    if !same_shape {
        return Relation::Different;
    }
    let mut names = Names::default();
    for (a, b) in old.resources.iter().zip(&new.resources) {
        if a.site != b.site {
            return Relation::Different;
        }
        names.0.push((a.id, b.id, 0));
    }
    match (&old.lock, &new.lock) {
        (None, None) => {}
        (Some(a), Some(b)) if a.map == b.map && (a.value == 0) == (b.value == 0) => {
            names.pair(a.value, b.value, 0);
        }
        _ => return Relation::Different,
    }
    let mut numbers = Vec::new();
    for (depth, (a, b)) in old.frames.iter().zip(&new.frames).enumerate() {
        // More runs of a callback may follow on the newer path than did on the older.
        if a.runs > b.runs {
            return Relation::Different;
        }
        for r in (0..Reg::COUNT).filter(|r| live[depth] >> r & 1 == 1) {
            match compare_values(&a.regs[r], &b.regs[r], &mut names) {
                Relation::Covered => {}
                Relation::Numbers(_) if numbers.len() < most => numbers.push(Loc::Reg(depth, r)),
                Relation::Numbers(_) => return Relation::Different,
                Relation::Different => return Relation::Different,
            }
        }
        for i in 0..a.stack.slot_count().max(b.stack.slot_count()) {
            let used = (words.frame(depth) >> (2 * i) & 3) as u8;
            if used == 0 {
                continue;
            }
            match compare_slots(a.stack.slot(i), b.stack.slot(i), used, &mut names) {
                Relation::Covered => {}
                Relation::Numbers(_) if numbers.len() < most => numbers.push(Loc::Slot(depth, i)),
                Relation::Numbers(_) => return Relation::Different,
                Relation::Different => return Relation::Different,
            }
        }
    }
    if numbers.is_empty() {
        Relation::Covered
    } else {
        Relation::Numbers(numbers)
    }
}

fn covered_if(yes: bool) -> Relation {
    if yes {
        Relation::Covered
    } else {
        Relation::Different
    }
}

fn numbers_unless(covered: bool) -> Relation {
    if covered {
        Relation::Covered
    } else {
        Relation::Numbers(Vec::new())
    }
}

fn compare_values(old: &Value, new: &Value, names: &mut Names) -> Relation {
    match (old.kind, new.kind) {
        // The path from the older state never read it, or it would have been refused.
        (Kind::Uninit, _) => Relation::Covered,
        (Kind::Scalar, Kind::Scalar) => {
            numbers_unless(old.var.covers(&new.var) && names.agree(old, new))
        }
        (a, b) if a != b => Relation::Different,
        _ => {
            let proved = match (old.proved, new.proved) {
                (Proved::Bytes(a), Proved::Bytes(b)) => a <= b,
                (a, b) => a == b,
            };
            covered_if(
                proved
                    && old.off == new.off
                    && old.nullable == new.nullable
                    && old.var.covers(&new.var)
                    && (old.resource == 0) == (new.resource == 0)
                    && names.pair(old.resource, new.resource, 0)
                    && (old.owner == 0) == (new.owner == 0)
                    && names.pair(old.owner, new.owner, 0)
                    && names.agree(old, new),
            )
        }
    }
}

/// `used`: bit 0 for the upper word of the slot (nearer to the frame pointer), bit 1 for the lower.
fn compare_slots(old: &Slot, new: &Slot, used: u8, names: &mut Names) -> Relation {
    let in_use = |i: usize| used >> (1 - i / 4) & 1 == 1;
    let spill_in_use = |s: &Option<Spill>| s.filter(|s| (s.at..s.at + s.size).any(in_use));
    match (spill_in_use(&old.spill), spill_in_use(&new.spill)) {
        (Some(a), Some(b)) if a.at == b.at && a.size == b.size => {
            match compare_values(&a.value, &b.value, names) {
                Relation::Covered => {
                    compare_bytes(old, new, |i| in_use(i) && !(a.at..a.at + a.size).contains(&i))
                }
                other => other,
            }
        }
        (Some(a), _) if a.value.kind.is_pointer() || a.value.kind == Kind::Uninit => {
            Relation::Different
        }
        (_, Some(b)) if b.value.kind.is_pointer() || b.value.kind == Kind::Uninit => {
            Relation::Different
        }
        // Of an older number without a counterpart, nothing may have been relied on but its size.
        (Some(a), _) => {
            let room = Scalar::of_bytes(a.size as u32);
            let zero = (a.at..a.at + a.size).all(|i| new.byte_is_zero(i));
            let zero_covered = zero && a.value.var.covers(&Scalar::constant(0));
            let free = a.value.id == 0 && (a.value.var.covers(&room) || zero_covered);
            if !free {
                return Relation::Numbers(Vec::new());
            }
            compare_bytes(old, new, |i| in_use(i) && !(a.at..a.at + a.size).contains(&i))
        }
        (None, _) => compare_bytes(old, new, in_use),
    }
}

/// A byte that was zero in the older state must be zero; any other was taken as unknown.
fn compare_bytes(old: &Slot, new: &Slot, in_use: impl Fn(usize) -> bool) -> Relation {
    let covers = |i: usize| old.bytes[i] != Byte::Zero || new.byte_is_zero(i);
    numbers_unless((0..8).filter(|&i| in_use(i)).all(covers))
}
