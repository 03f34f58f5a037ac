//! Whether a type of the object and one of the target are the same thing, in the three senses that libbpf knows.

use crate::btf::{Btf, Composite, Type, TypeId};

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 32;
/// Most pairs of types that one question looks at.
const MAX_PAIRS: usize = 1 << 16;

/// The name without flavour: `iphdr___old` is the programmer's own view of `iphdr`.
pub(super) fn essential(name: &str) -> &str {
    // A flavour is a suffix: something stands before the three underscores and after them.
    let flavour = (1..name.len().saturating_sub(3)).rev().find(|i| {
        let b = name.as_bytes();
        &b[*i..*i + 3] == b"___" && b[*i - 1] != b'_' && b[*i + 3] != b'_'
    });
    flavour.map_or(name, |i| &name[..i])
}

/// The types are of the same kind; both sizes of enumerations are one kind.
pub(super) fn same_kind(a: &Type, b: &Type) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// A field of type `a` can be read where one of type `b` is: only its place and size matter.
pub(super) fn fields(here: &Btf, a: TypeId, target: &Btf, b: TypeId) -> bool {
    let (mut a, mut b) = (here.resolve(a), target.resolve(b));
    for _ in 0..MAX_DEPTH {
        match (here.ty(a), target.ty(b)) {
            (Type::Struct(_) | Type::Union(_), Type::Struct(_) | Type::Union(_)) => return true,
            (Type::Ptr(_), Type::Ptr(_))
            | (Type::Float { .. }, Type::Float { .. })
            | (Type::Int { .. }, Type::Int { .. }) => return true,
            (Type::Fwd { .. }, Type::Fwd { .. }) | (Type::Enum { .. }, Type::Enum { .. }) => {
                let (x, y) = (here.name(a), target.name(b));
                return x.is_empty() || y.is_empty() || essential(&x) == essential(&y);
            }
            (Type::Array { elem: x, .. }, Type::Array { elem: y, .. }) => {
                (a, b) = (here.resolve(*x), target.resolve(*y));
            }
            _ => return false,
        }
    }
    false
}

/// A question about two types, with what it may still cost.
pub(super) struct Pair<'a> {
    pub here: &'a Btf,
    pub target: &'a Btf,
    pub left: usize,
}

impl<'a> Pair<'a> {
    pub(super) fn new(here: &'a Btf, target: &'a Btf) -> Self {
        Pair { here, target, left: MAX_PAIRS }
    }

    fn spend(&mut self, depth: usize) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0 && depth <= MAX_DEPTH
    }

    /// For "does the type exist": kinds agree, behind pointers and in prototypes as well; members do not matter.
    pub(super) fn compatible(&mut self, a: TypeId, b: TypeId, depth: usize) -> bool {
        let (here, target) = (self.here, self.target);
        let (a, b) = (here.resolve(a), target.resolve(b));
        if !self.spend(depth) {
            return false;
        }
        match (here.ty(a), target.ty(b)) {
            (Type::Ptr(x), Type::Ptr(y))
            | (Type::Array { elem: x, .. }, Type::Array { elem: y, .. }) => {
                self.compatible(*x, *y, depth + 1)
            }
            (Type::FuncProto { ret: x, params: xs }, Type::FuncProto { ret: y, params: ys }) => {
                xs.len() == ys.len()
                    && xs.iter().zip(ys).all(|(x, y)| self.compatible(x.1, y.1, depth + 1))
                    && self.compatible(*x, *y, depth + 1)
            }
            (x, y) => {
                same_kind(x, y)
                    && matches!(
                        x,
                        Type::Void
                            | Type::Struct(_)
                            | Type::Union(_)
                            | Type::Enum { .. }
                            | Type::Fwd { .. }
                            | Type::Int { .. }
                    )
            }
        }
    }

    /// For "does the type match": what the object's type has, the target's has as well.
    pub(super) fn matches(&mut self, a: TypeId, b: TypeId, behind_ptr: bool, depth: usize) -> bool {
        let (here, target) = (self.here, self.target);
        let (a, b) = (here.resolve(a), target.resolve(b));
        if !self.spend(depth) || essential(&here.name(a)) != essential(&target.name(b)) {
            return false;
        }
        match (here.ty(a), target.ty(b)) {
            (Type::Void, Type::Void) => true,
            (Type::Int { size: x, signed: xs, .. }, Type::Int { size: y, signed: ys, .. }) => {
                x == y && xs == ys
            }
            (Type::Ptr(x), Type::Ptr(y)) => self.matches(*x, *y, true, depth + 1),
            (Type::Array { elem: x, len: n }, Type::Array { elem: y, len: m }) => {
                n == m && self.matches(*x, *y, behind_ptr, depth + 1)
            }
            (Type::Struct(x), Type::Struct(y)) | (Type::Union(x), Type::Union(y)) => {
                behind_ptr || self.members_match(x, y, depth)
            }
            (Type::Fwd { union: x, .. }, Type::Fwd { union: y, .. }) => x == y,
            (Type::Fwd { union, .. }, Type::Struct(_))
            | (Type::Struct(_), Type::Fwd { union, .. }) => behind_ptr && !union,
            (Type::Fwd { union, .. }, Type::Union(_))
            | (Type::Union(_), Type::Fwd { union, .. }) => behind_ptr && *union,
            (Type::Enum { size: x, values: xs, .. }, Type::Enum { size: y, values: ys, .. }) => {
                let has =
                    |name: &str| ys.iter().any(|v| essential(&target.str(v.0)) == essential(name));
                x == y && xs.len() <= ys.len() && xs.iter().all(|v| has(&here.str(v.0)))
            }
            (Type::FuncProto { ret: x, params: xs }, Type::FuncProto { ret: y, params: ys }) => {
                xs.len() == ys.len()
                    && xs.iter().zip(ys).all(|(x, y)| self.matches(x.1, y.1, behind_ptr, depth + 1))
                    && self.matches(*x, *y, behind_ptr, depth + 1)
            }
            _ => false,
        }
    }

    fn members_match(&mut self, a: &Composite, b: &Composite, depth: usize) -> bool {
        let (here, target) = (self.here, self.target);
        a.members.len() <= b.members.len()
            && a.members.iter().all(|m| {
                let name = here.str(m.name);
                b.members.iter().any(|n| {
                    target.str(n.name) == name && self.matches(m.ty, n.ty, false, depth + 1)
                })
            })
    }
}
