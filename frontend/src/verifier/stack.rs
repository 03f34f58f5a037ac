//! A function's stack: for each byte whether it was written, and the values of spilled registers.

use super::scalar::Scalar;
use super::state::{Kind, Value};

/// Bytes of a stack frame.
pub(super) const FRAME_BYTES: i64 = 512;

/// What is known of one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Byte {
    /// Never written.
    Uninit,
    /// Written, content unknown or in the spilled value.
    Any,
    /// Zero.
    Zero,
}

/// A register value stored in a slot: all 8 bytes, or a number in an aligned part of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spill {
    pub(super) value: Value,
    /// First byte within the slot.
    pub(super) at: usize,
    /// 1, 2, 4 or 8 bytes.
    pub(super) size: usize,
}

/// Eight aligned bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) bytes: [Byte; 8],
    pub(super) spill: Option<Spill>,
}

impl Slot {
    pub(super) const UNINIT: Slot = Slot { bytes: [Byte::Uninit; 8], spill: None };

    /// The spilled scalar's low constant bytes make every byte known; otherwise bytes speak for themselves.
    pub(super) fn byte_is_zero(&self, i: usize) -> bool {
        match self.spill {
            Some(s) if i >= s.at && i < s.at + s.size => {
                s.value.is_scalar() && s.value.var.t.max() >> (8 * (i - s.at)) & 0xff == 0
            }
            _ => self.bytes[i] == Byte::Zero,
        }
    }

    fn forget_spill_at(&mut self, first: usize, end: usize) {
        if let Some(s) = self.spill {
            if first < s.at + s.size && s.at < end {
                self.spill = None;
            }
        }
    }
}

/// What a read of the stack yields.
pub(super) enum Content {
    Value(Value),
    /// Part of a spilled pointer, which is not a number that means anything.
    PartOfPointer,
}

/// The slots from the frame pointer down, as far as they were touched.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stack {
    slots: Vec<Slot>,
}

/// Slot and byte within it for an offset in `-512..0`.
fn locate(off: i64) -> (usize, usize) {
    let below = (-off - 1) as usize;
    (below / 8, 7 - below % 8)
}

impl Stack {
    pub(super) fn slot(&self, i: usize) -> &Slot {
        self.slots.get(i).unwrap_or(&Slot::UNINIT)
    }

    pub(super) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slot_mut(&mut self, i: usize) -> &mut Slot {
        if i >= self.slots.len() {
            self.slots.resize(i + 1, Slot::UNINIT);
        }
        &mut self.slots[i]
    }

    pub(super) fn spilled(&self) -> impl Iterator<Item = &Value> {
        self.slots.iter().filter_map(|s| s.spill.as_ref().map(|s| &s.value))
    }

    /// Dynptrs and iterators of which a byte lies in `first..end`.
    pub(super) fn objects_in(&self, first: i64, end: i64) -> impl Iterator<Item = &Value> {
        let (top, bottom) = (locate(end - 1).0, locate(first).0);
        let spilled = (top..=bottom).filter_map(|i| self.slots.get(i)?.spill.as_ref());
        spilled.map(|s| &s.value).filter(|v| v.kind.is_object())
    }

    /// The bytes of spilled values that `gone` picks are as if never written.
    pub(super) fn forget_spills(&mut self, mut gone: impl FnMut(&Value) -> bool) {
        for slot in &mut self.slots {
            if slot.spill.as_ref().is_some_and(|s| gone(&s.value)) {
                *slot = Slot::UNINIT;
            }
        }
    }

    pub(super) fn spilled_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.slots.iter_mut().filter_map(|s| s.spill.as_mut().map(|s| &mut s.value))
    }

    /// Stores `value` in the `size` bytes at `off`, which lie within one slot.
    pub(super) fn write(&mut self, off: i64, size: usize, value: &Value) {
        let (slot, at) = locate(off);
        let slot = self.slot_mut(slot);
        slot.forget_spill_at(at, at + size);
        let zero = value.as_constant().is_some_and(|c| c & super::tnum::ones(8 * size as u32) == 0);
        slot.bytes[at..at + size].fill(if zero { Byte::Zero } else { Byte::Any });
        let keep = size == 8 || value.is_scalar();
        if keep && !zero {
            let bits = 8 * size as u32;
            let mut value = *value;
            if size < 8 && value.var.umax > super::tnum::ones(bits) {
                value = Value::scalar(value.var.zext(bits));
            }
            slot.spill = Some(Spill { value, at, size });
        }
    }

    /// Bytes of unknown content were stored in `first..end`.
    pub(super) fn write_any(&mut self, first: i64, end: i64) {
        for off in first..end {
            let (slot, at) = locate(off);
            let slot = self.slot_mut(slot);
            slot.forget_spill_at(at, at + 1);
            slot.bytes[at] = Byte::Any;
        }
    }

    /// Something of unknown content may have been stored anywhere in `first..end`.
    pub(super) fn may_write_any(&mut self, first: i64, end: i64) {
        for off in first..end {
            let (slot, at) = locate(off);
            let slot = self.slot_mut(slot);
            slot.forget_spill_at(at, at + 1);
            if slot.bytes[at] == Byte::Zero {
                slot.bytes[at] = Byte::Any;
            }
        }
    }

    /// Reads the `size` bytes at `off`, which lie within one slot.
    pub(super) fn read(&self, off: i64, size: usize) -> Content {
        let (slot, at) = locate(off);
        let slot = self.slot(slot);
        let unknown = Content::Value(Value::scalar(Scalar::of_bytes(size as u32)));
        let Some(spill) = slot.spill.filter(|s| at < s.at + s.size && s.at < at + size) else {
            let zero = (at..at + size).all(|i| slot.byte_is_zero(i));
            return if zero { Content::Value(Value::scalar(Scalar::constant(0))) } else { unknown };
        };
        if spill.at == at && spill.size == size {
            return Content::Value(spill.value);
        }
        if spill.value.kind.is_pointer() {
            return Content::PartOfPointer;
        }
        if spill.value.kind == Kind::Scalar && at >= spill.at && at + size <= spill.at + spill.size
        {
            let bits = 8 * size as u32;
            if at == spill.at && spill.value.var.umax <= super::tnum::ones(bits) {
                // The rest of it is zero: still the same number.
                return Content::Value(spill.value);
            }
            if at == spill.at {
                return Content::Value(Value::scalar(spill.value.var.zext(bits)));
            }
            let part = spill.value.var.t.shr(8 * (at - spill.at) as u32).low(8 * size as u32);
            return Content::Value(Value::scalar(Scalar::from_tnum(part)));
        }
        let zero = (at..at + size).all(|i| slot.byte_is_zero(i));
        if zero {
            Content::Value(Value::scalar(Scalar::constant(0)))
        } else {
            unknown
        }
    }

    /// The 4 bytes at `off` as a number, if they are constant.
    pub(super) fn constant_word(&self, off: i64) -> Option<u64> {
        if !(-FRAME_BYTES..=-4).contains(&off)
            || off % 4 != 0
            || self.first_uninit(off, off + 4).is_some()
        {
            return None;
        }
        match self.read(off, 4) {
            Content::Value(v) => v.as_constant(),
            Content::PartOfPointer => None,
        }
    }

    /// The first byte in `first..end` that was never written.
    pub(super) fn first_uninit(&self, first: i64, end: i64) -> Option<i64> {
        (first..end).find(|&off| {
            let (slot, at) = locate(off);
            self.slot(slot).bytes[at] == Byte::Uninit
        })
    }
}
