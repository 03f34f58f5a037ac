//! The number that a CO-RE relocation asks for, given its subject.

use super::spec::{Spec, Step};
use crate::btf::{Btf, Type, TypeId};

/// The kernel's `enum bpf_core_relo_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    FieldByteOffset,
    FieldByteSize,
    FieldExists,
    FieldSigned,
    FieldShiftLeft,
    FieldShiftRight,
    TypeIdLocal,
    TypeIdTarget,
    TypeExists,
    TypeSize,
    EnumeratorExists,
    EnumeratorValue,
    TypeMatches,
}

impl Kind {
    pub(super) fn from_kernel(n: u32) -> Option<Kind> {
        use Kind::*;
        let all = [
            FieldByteOffset,
            FieldByteSize,
            FieldExists,
            FieldSigned,
            FieldShiftLeft,
            FieldShiftRight,
            TypeIdLocal,
            TypeIdTarget,
            TypeExists,
            TypeSize,
            EnumeratorExists,
            EnumeratorValue,
            TypeMatches,
        ];
        all.get(n as usize).copied()
    }

    /// What is asked, in words.
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Kind::FieldByteOffset => "offset",
            Kind::FieldByteSize | Kind::TypeSize => "size",
            Kind::FieldExists | Kind::TypeExists | Kind::EnumeratorExists => "existence",
            Kind::FieldSigned => "signedness",
            Kind::FieldShiftLeft | Kind::FieldShiftRight => "position",
            Kind::TypeIdLocal | Kind::TypeIdTarget => "type number",
            Kind::TypeMatches => "shape",
            Kind::EnumeratorValue => "value",
        }
    }

    pub(super) fn is_field(self) -> bool {
        (self as u32) <= Kind::FieldShiftRight as u32
    }

    pub(super) fn is_enumerator(self) -> bool {
        matches!(self, Kind::EnumeratorExists | Kind::EnumeratorValue)
    }
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::object) struct Answer {
    pub value: u64,
    /// Size and type of the field, if a load or store of it may have to change its width.
    pub field: Option<(u32, TypeId)>,
    /// The compiler computes the same number, so that the instruction must hold the one for the object's own type.
    pub exact: bool,
}

fn plain(value: u64, exact: bool) -> Option<Answer> {
    Some(Answer { value, field: None, exact })
}

/// The answer to `kind` about `spec`, which is `None` if the target has no such thing; `None` if there is no answer.
pub(super) fn answer(btf: &Btf, kind: Kind, spec: Option<&Spec>) -> Option<Answer> {
    match (kind, spec) {
        (Kind::FieldExists | Kind::TypeExists | Kind::TypeMatches | Kind::EnumeratorExists, s) => {
            plain(u64::from(s.is_some()), true)
        }
        (Kind::TypeSize, None) => plain(0, true),
        (Kind::TypeIdTarget | Kind::TypeIdLocal, None) => plain(0, false),
        (_, None) => None,
        (Kind::TypeSize, Some(s)) => plain(u64::from(btf.size_of(s.root)?), true),
        (Kind::TypeIdTarget | Kind::TypeIdLocal, Some(s)) => plain(u64::from(s.root.0), false),
        (Kind::EnumeratorValue, Some(s)) => plain(s.enumerator?.1 as u64, true),
        (_, Some(s)) => field(btf, kind, s),
    }
}

fn field(btf: &Btf, kind: Kind, spec: &Spec) -> Option<Answer> {
    let Step { ty, member, .. } = spec.steps.last()?;
    let Some(member) = member else {
        // An element of an array.
        let size = btf.size_of(*ty)?;
        return match kind {
            Kind::FieldByteOffset => {
                Some(Answer { value: spec.bit_offset / 8, field: Some((size, *ty)), exact: true })
            }
            Kind::FieldByteSize => plain(u64::from(size), true),
            _ => None,
        };
    };
    let ty = btf.resolve(member.ty);
    let bitfield = member.bit_size != 0;
    let size = btf.size_of(ty)?;
    let (bytes, at, bits) = if bitfield {
        let (bytes, at) =
            bitfield_load(spec.bit_offset, u64::from(member.bit_size), u64::from(size))?;
        (bytes, at, u64::from(member.bit_size))
    } else {
        (u64::from(size), spec.bit_offset / 8, u64::from(size) * 8)
    };
    match kind {
        Kind::FieldByteOffset => {
            let field = (!bitfield).then_some((size, ty));
            Some(Answer { value: at, field, exact: !bitfield })
        }
        Kind::FieldByteSize => plain(bytes, !bitfield),
        Kind::FieldSigned => {
            let signed = matches!(
                btf.ty(ty),
                Type::Int { signed: true, .. } | Type::Enum { signed: true, .. }
            );
            plain(u64::from(signed), true)
        }
        Kind::FieldShiftLeft => {
            plain(64u64.wrapping_sub(spec.bit_offset + bits - at * 8), !bitfield)
        }
        Kind::FieldShiftRight => plain(64u64.wrapping_sub(bits), true),
        _ => None,
    }
}

/// Width and place of the smallest aligned load of at least `size` bytes that has the whole bit-field.
fn bitfield_load(bit_offset: u64, bits: u64, size: u64) -> Option<(u64, u64)> {
    let mut bytes = size.max(1);
    loop {
        let at = bit_offset / 8 / bytes * bytes;
        if bit_offset + bits - at * 8 <= bytes * 8 {
            return Some((bytes, at));
        }
        if bytes >= 8 {
            return None;
        }
        bytes *= 2;
    }
}
