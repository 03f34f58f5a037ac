//! What a CO-RE relocation is about: a type, a field reached by an access path, or an enumerator, here and in the target.

use super::compat;
use crate::btf::{Btf, Composite, Member, Type, TypeId};

/// Longest access path, as in libbpf.
const MAX_PATH: usize = 64;
/// Most members that one search looks at; anonymous structs may be nested so that there are more than anyone can count.
const MAX_MEMBERS: usize = 1 << 18;

/// A step of an access path that must be found in the target by name, or by position in an array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The composite that has the member, or the element's type.
    pub ty: TypeId,
    /// The member, if it is one.
    pub member: Option<Member>,
    /// Index of the member or element.
    pub index: u32,
}

/// A relocation's subject in one set of types.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub root: TypeId,
    /// For fields; the first step is the index into an array of root types.
    pub steps: Vec<Step>,
    pub bit_offset: u64,
    /// For enumerators: position, and value.
    pub enumerator: Option<(usize, i64)>,
}

impl Spec {
    pub(super) fn of_type(root: TypeId) -> Spec {
        Spec { root, steps: Vec::new(), bit_offset: 0, enumerator: None }
    }

    /// The enumerator that `access` numbers.
    pub(super) fn of_enumerator(btf: &Btf, root: TypeId, access: &str) -> Option<Spec> {
        let index: usize = access.parse().ok()?;
        let Type::Enum { values, .. } = btf.ty(btf.resolve(root)) else { return None };
        let (_, value) = values.get(index)?;
        Some(Spec { enumerator: Some((index, *value)), ..Spec::of_type(root) })
    }

    /// The field that the numbers in `access` lead to.
    pub(super) fn of_field(btf: &Btf, root: TypeId, access: &str) -> Option<Spec> {
        let numbers = access.split(':').map(str::parse).collect::<Result<Vec<u32>, _>>().ok()?;
        let (first, rest) = numbers.split_first().filter(|_| numbers.len() <= MAX_PATH)?;
        let mut spec = Spec::of_type(root);
        let mut at = btf.resolve(root);
        spec.element(btf, at, *first)?;
        for index in rest {
            at = btf.resolve(at);
            match btf.ty(at) {
                Type::Struct(c) | Type::Union(c) => {
                    let member = *c.members.get(*index as usize)?;
                    spec.bit_offset = spec.bit_offset.checked_add(u64::from(member.bit_offset))?;
                    if !btf.str(member.name).is_empty() {
                        spec.steps.push(Step { ty: at, member: Some(member), index: *index });
                    }
                    at = member.ty;
                }
                Type::Array { elem, len } => {
                    if *index >= *len && !spec.ends_in_flexible_array(btf, *len) {
                        return None;
                    }
                    at = btf.resolve(*elem);
                    spec.element(btf, at, *index)?;
                }
                _ => return None,
            }
        }
        Some(spec)
    }

    fn element(&mut self, btf: &Btf, ty: TypeId, index: u32) -> Option<()> {
        let bits = u64::from(btf.size_of(ty)?) * 8;
        self.bit_offset = self.bit_offset.checked_add(u64::from(index) * bits)?;
        self.steps.push(Step { ty, member: None, index });
        Some(())
    }

    /// An array without length, or of one element, at the end of a struct may have any number of elements.
    fn ends_in_flexible_array(&self, btf: &Btf, len: u32) -> bool {
        let Some(Step { ty, member: Some(_), index }) = self.steps.last() else { return false };
        let Type::Struct(c) = btf.ty(*ty) else { return false };
        len <= 1 && *index as usize + 1 == c.members.len()
    }

    /// The field as a person writes it.
    pub(super) fn path(&self, btf: &Btf) -> String {
        let mut text = String::new();
        for (i, step) in self.steps.iter().enumerate() {
            match step.member {
                Some(m) => text += &format!(".{}", btf.str(m.name)),
                None if i == 0 && step.index == 0 => {}
                None => text += &format!("[{}]", step.index),
            }
        }
        if let (Some((index, _)), Type::Enum { values, .. }) =
            (self.enumerator, btf.ty(btf.resolve(self.root)))
        {
            text += &format!("::{}", values.get(index).map_or("?".into(), |v| btf.str(v.0)));
        }
        text
    }

    /// The same enumerator in `root` of `target`.
    pub(super) fn find_enumerator(&self, here: &Btf, target: &Btf, root: TypeId) -> Option<Spec> {
        let Type::Enum { values: mine, .. } = here.ty(here.resolve(self.root)) else { return None };
        let Type::Enum { values, .. } = target.ty(target.resolve(root)) else { return None };
        let name = here.str(mine.get(self.enumerator?.0)?.0);
        let same = |v: &(_, i64)| compat::essential(&target.str(v.0)) == compat::essential(&name);
        let index = values.iter().position(same)?;
        Some(Spec { enumerator: Some((index, values[index].1)), ..Spec::of_type(root) })
    }

    /// The same field in `root` of `target`; `None` if there is none, or one of another kind.
    pub(super) fn find_field(&self, here: &Btf, target: &Btf, root: TypeId) -> Option<Spec> {
        let mut found = Spec::of_type(root);
        let mut at = target.resolve(root);
        let mut left = MAX_MEMBERS;
        for (i, step) in self.steps.iter().enumerate() {
            at = target.resolve(at);
            if let Some(member) = step.member {
                at = found.member(here, &member, (target, at), 0, &mut left)?;
                continue;
            }
            if i > 0 {
                let Type::Array { elem, len } = target.ty(at) else { return None };
                if step.index >= *len && !found.ends_in_flexible_array(target, *len) {
                    return None;
                }
                at = target.resolve(*elem);
            }
            found.element(target, at, step.index)?;
        }
        Some(found)
    }

    /// Looks for `wanted` in the composite `of`, also within members without name; returns the member's type.
    fn member(
        &mut self,
        here: &Btf,
        wanted: &Member,
        (target, of): (&Btf, TypeId),
        depth: usize,
        left: &mut usize,
    ) -> Option<TypeId> {
        let (Type::Struct(Composite { members, .. }) | Type::Union(Composite { members, .. })) =
            target.ty(of)
        else {
            return None;
        };
        if depth > MAX_PATH || self.steps.len() > MAX_PATH {
            return None;
        }
        let name = here.str(wanted.name);
        for (index, m) in members.iter().enumerate() {
            *left = left.checked_sub(1)?;
            let before = self.bit_offset;
            self.bit_offset = before.checked_add(u64::from(m.bit_offset))?;
            let its_name = target.str(m.name);
            if its_name.is_empty() {
                let inner = target.resolve(m.ty);
                if let Some(ty) = self.member(here, wanted, (target, inner), depth + 1, left) {
                    return Some(ty);
                }
            } else if its_name == name {
                self.steps.push(Step { ty: of, member: Some(*m), index: index as u32 });
                return compat::fields(here, wanted.ty, target, m.ty).then_some(m.ty);
            }
            self.bit_offset = before;
        }
        None
    }
}
