//! CO-RE relocations: instructions whose constants depend on the layout of types in the running kernel.
//!
//! They are resolved as libbpf does, against the types of a kernel (`--btf`). An offload has no kernel under it, and
//! results should not depend on the machine, so what no kernel changes - packet headers and the interface of XDP - is
//! answered first from a table of its own (`wire.btf`, made from `wire.c`); objects built with `vmlinux.h` have such
//! relocations throughout.

mod compat;
mod kernel;
mod spec;
mod value;

pub use kernel::KernelTypes;

use super::error::{AMBIGUOUS, BROKEN_CORE, CORE};
use crate::btf::{Btf, CoreReloc, Type, TypeId};
use crate::decode::{opcode as op, RawInsn};
use beeline_ir::diagnostic::Diagnostic;
use compat::Pair;
use spec::Spec;
use std::sync::{Arc, OnceLock};
use value::{answer, Answer, Kind};

/// Number of the helper that does not exist, which libbpf calls in place of what cannot be resolved.
pub(crate) const POISON: i32 = 0x0bad_2310;

/// What becomes of the instruction of a relocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// It is right as the compiler made it.
    Unchanged,
    /// It gets the answer for the target in place of the one for the object's own type.
    Patched { from: Answer, to: Answer, width: Width },
    /// The target has no such thing, and no number stands for that. Says what was wanted.
    Poisoned(String),
}

/// What may happen to the width of a load or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Keep,
    /// To so many bytes.
    Change(u32),
    /// The sizes differ in a way that no other width makes up for.
    Wrong,
}

/// The types that relocations are resolved against.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    /// The kernel's, if given.
    pub kernel: Option<Arc<KernelTypes>>,
    /// The user asked for them, so that they go before the fixed layouts.
    pub preferred: bool,
}

/// A relocation with all that messages need.
struct Question<'a> {
    btf: &'a Btf,
    kind: Kind,
    spec: Spec,
}

impl Targets {
    /// Resolves `reloc` of an object with types `btf`.
    pub(super) fn resolve(&self, btf: &Btf, reloc: &CoreReloc) -> Result<Resolved, Diagnostic> {
        let question = Question::read(btf, reloc)?;
        if question.kind == Kind::TypeIdLocal {
            return Ok(Resolved::Unchanged);
        }
        let is_wire = !self.preferred && question.kind != Kind::TypeIdTarget;
        if is_wire {
            if let Some(found) = question.among(wire())? {
                return question.patch(&wire().btf, found);
            }
        }
        let Some(kernel) = &self.kernel else { return Err(question.needs_kernel()) };
        match question.among(kernel)? {
            Some(found) => question.patch(&kernel.btf, found),
            None => match answer(&kernel.btf, question.kind, None) {
                Some(to) => question.patch(&kernel.btf, to),
                None => Ok(Resolved::Poisoned(format!(
                    "{}, which {} does not have",
                    question.describe(),
                    kernel.name
                ))),
            },
        }
    }

    /// Nothing but the types of a kernel can answer `reloc`.
    pub(super) fn needs_kernel(&self, btf: &Btf, reloc: &CoreReloc) -> bool {
        self.kernel.is_none() && self.resolve(btf, reloc).is_err_and(|d| d.code == CORE)
    }
}

/// The layouts that no kernel changes.
fn wire() -> &'static KernelTypes {
    static WIRE: OnceLock<KernelTypes> = OnceLock::new();
    WIRE.get_or_init(|| {
        let btf =
            Btf::parse(include_bytes!("wire.btf")).expect("the built-in types are well-formed");
        KernelTypes::new(btf, "the built-in table of packet headers")
    })
}

impl<'a> Question<'a> {
    fn read(btf: &'a Btf, reloc: &CoreReloc) -> Result<Self, Diagnostic> {
        let access = btf.str(reloc.access);
        let broken = |what: &str| {
            let message = format!("malformed CO-RE relocation: {what}");
            Diagnostic::error(BROKEN_CORE, message).help("rebuild the object with clang")
        };
        let kind = Kind::from_kernel(reloc.kind)
            .ok_or_else(|| broken(&format!("kind {} is not known", reloc.kind)))?;
        let spec = if kind.is_field() {
            Spec::of_field(btf, reloc.ty, &access)
        } else if kind.is_enumerator() {
            Spec::of_enumerator(btf, reloc.ty, &access)
        } else {
            Some(Spec::of_type(reloc.ty))
        };
        let path = || format!("`{access}` leads nowhere in type `{}`", btf.name(reloc.ty));
        let spec = spec.ok_or_else(|| broken(&path()))?;
        if btf.name(reloc.ty).is_empty() && kind != Kind::TypeIdLocal {
            return Err(broken("its type has no name"));
        }
        Ok(Question { btf, kind, spec })
    }

    /// Such as "the offset of `net_device.ifindex`".
    fn describe(&self) -> String {
        let name = self.btf.name(self.spec.root);
        format!("the {} of `{name}{}`", self.kind.purpose(), self.spec.path(self.btf))
    }

    fn needs_kernel(&self) -> Diagnostic {
        let message =
            format!("CO-RE relocation: {} depends on the running kernel", self.describe());
        Diagnostic::error(CORE, message).help(
            "give the types of the kernel with --btf FILE (/sys/kernel/btf/vmlinux of the machine, or a vmlinux \
             with BTF); packet headers and xdp_md need none",
        )
    }

    /// The answer that all things in `target` with the name and shape of ours agree on; `None` if there is none.
    fn among(&self, target: &KernelTypes) -> Result<Option<Answer>, Diagnostic> {
        let mut found: Option<(Spec, Option<Answer>)> = None;
        let local = self.btf.ty(self.spec.root);
        for id in target.named(&self.btf.name(self.spec.root)) {
            if !compat::same_kind(local, target.btf.ty(*id)) {
                continue;
            }
            let Some(spec) = self.find_in(&target.btf, *id) else { continue };
            let its = answer(&target.btf, self.kind, Some(&spec));
            match &found {
                None => found = Some((spec, its)),
                Some((first, theirs)) => {
                    let same = |a: &Option<Answer>, b: &Option<Answer>| {
                        a.map(|a| a.value) == b.map(|b| b.value)
                    };
                    if first.bit_offset != spec.bit_offset || !same(&its, theirs) {
                        return Err(self.ambiguous(target));
                    }
                }
            }
        }
        Ok(found.and_then(|(_, answer)| answer))
    }

    fn find_in(&self, target: &Btf, id: TypeId) -> Option<Spec> {
        if self.kind.is_field() {
            return self.spec.find_field(self.btf, target, id);
        }
        if self.kind.is_enumerator() {
            return self.spec.find_enumerator(self.btf, target, id);
        }
        let mut pair = Pair::new(self.btf, target);
        let same = match self.kind {
            Kind::TypeMatches => pair.matches(self.spec.root, id, false, 0),
            _ => pair.compatible(self.spec.root, id, 0),
        };
        same.then(|| Spec::of_type(id))
    }

    fn ambiguous(&self, target: &KernelTypes) -> Diagnostic {
        let message = format!(
            "CO-RE relocation: {} is ambiguous: {} has several types of that name, which differ",
            self.describe(),
            target.name
        );
        Diagnostic::error(AMBIGUOUS, message)
            .help("describe more of the type in the program, or give another --btf FILE")
    }

    fn patch(&self, target: &Btf, to: Answer) -> Result<Resolved, Diagnostic> {
        let Some(from) = answer(self.btf, self.kind, Some(&self.spec)) else {
            let message = format!("malformed CO-RE relocation: {} has no answer", self.describe());
            return Err(
                Diagnostic::error(BROKEN_CORE, message).help("rebuild the object with clang")
            );
        };
        let width = match (from.field, to.field) {
            (Some((a, x)), Some((b, y))) if a != b => {
                if may_resize(self.btf.ty(x), target.ty(y)) {
                    Width::Change(b)
                } else {
                    Width::Wrong
                }
            }
            _ => Width::Keep,
        };
        Ok(Resolved::Patched { from, to, width })
    }
}

/// Pointers, and unsigned numbers: loading fewer or more bytes of them is all that a different size asks for.
fn may_resize(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Ptr(_), Type::Ptr(_)) => true,
        (Type::Int { signed: a, .. }, Type::Int { signed: b, .. }) => !a && !b,
        _ => false,
    }
}

/// Puts the answer into the instruction at the start of `slots`. `Ok(false)`: it must be poisoned.
///
/// # Errors
/// Why the instruction cannot take it.
pub(super) fn patch(
    slots: &mut [RawInsn],
    from: Answer,
    to: Answer,
    width: Width,
) -> Result<bool, String> {
    let Some((insn, rest)) = slots.split_first_mut() else { return Ok(true) };
    let held = |held: u64, bits: u32| {
        let mask = u64::MAX >> (64 - bits);
        if !from.exact || (held ^ from.value) & mask == 0 {
            return Ok(());
        }
        Err(format!("the instruction holds {held}, not {} as its type says", from.value))
    };
    match insn.opcode & op::CLASS_MASK {
        op::ALU | op::ALU64 if insn.opcode & op::SOURCE_X == 0 => {
            held(insn.imm as u64, 32)?;
            insn.imm = to.value as i32;
        }
        op::LDX | op::ST | op::STX => {
            held(insn.off as u64, 16)?;
            insn.off = i16::try_from(to.value)
                .map_err(|_| format!("offset {} does not fit an instruction", to.value))?;
            match width {
                Width::Keep => {}
                Width::Wrong => return Ok(false),
                Width::Change(bytes) => {
                    let size = match bytes {
                        1 => op::SIZE_B,
                        2 => op::SIZE_H,
                        4 => op::SIZE_W,
                        8 => op::SIZE_DW,
                        n => return Err(format!("a field of {n} bytes cannot be loaded at once")),
                    };
                    insn.opcode = insn.opcode & !op::SIZE_MASK | size;
                }
            }
        }
        op::LD if insn.opcode == op::LD | op::SIZE_DW && insn.src == 0 && !rest.is_empty() => {
            held(u64::from(rest[0].imm as u32) << 32 | u64::from(insn.imm as u32), 64)?;
            insn.imm = to.value as i32;
            rest[0].imm = (to.value >> 32) as i32;
        }
        _ => return Err("the instruction holds no constant".into()),
    }
    Ok(true)
}

/// Puts a call that must not be reached in place of an instruction; returns the number of slots that took.
pub(super) fn poison(slots: &mut [RawInsn]) -> usize {
    let wide = slots.first().is_some_and(|s| s.opcode == op::LD | op::SIZE_DW);
    let count = if wide { slots.len().min(2) } else { 1 };
    for slot in slots.iter_mut().take(count) {
        *slot = RawInsn { opcode: op::JMP | op::OP_CALL, imm: POISON, ..RawInsn::default() };
    }
    count
}
