//! Parts of map values that only certain helpers may touch, found by their type's name as the kernel does.

use crate::btf::{Btf, Composite, Type, TypeId};
use crate::program::{SpecialField, SpecialKind};

/// Most such parts of a value; the kernel takes 11.
const MAX_FIELDS: usize = 64;
/// Deepest nesting of structs that is searched.
const MAX_DEPTH: usize = 16;
/// Most members that are looked at: types may be nested so that there are more than anyone can count.
const MAX_VISITS: usize = 1 << 16;

/// The special fields of a value of type `value`, ascending by offset.
pub(super) fn fields(btf: &Btf, value: TypeId) -> Vec<SpecialField> {
    let mut search = Search { btf, found: Vec::new(), visits: 0 };
    match btf.ty(value) {
        Type::Datasec { vars, .. } => {
            for v in vars {
                if let Type::Var { ty, .. } = btf.ty(v.ty) {
                    search.value(*ty, u64::from(v.offset), 0);
                }
            }
        }
        _ => search.value(value, 0, 0),
    }
    search.found.sort_by_key(|f| f.offset);
    search.found
}

struct Search<'a> {
    btf: &'a Btf,
    found: Vec<SpecialField>,
    visits: usize,
}

impl Search<'_> {
    /// Searches a value of type `ty` at byte `at`.
    fn value(&mut self, ty: TypeId, at: u64, depth: usize) {
        self.visits += 1;
        if depth > MAX_DEPTH || self.visits > MAX_VISITS || self.found.len() >= MAX_FIELDS {
            return;
        }
        let btf = self.btf;
        let resolved = btf.resolve(ty);
        match btf.ty(resolved) {
            Type::Struct(c) => match special(&btf.str(c.name)) {
                Some(kind) => self.note(kind, at, c.size),
                None => self.members(c, at, depth),
            },
            Type::Array { elem, len } => {
                let size = u64::from(btf.size_of(*elem).unwrap_or(0));
                for i in 0..u64::from(*len) {
                    let before = self.found.len();
                    self.value(*elem, at + i * size, depth + 1);
                    if self.found.len() == before {
                        break; // the other elements are like this one
                    }
                }
            }
            Type::Ptr(to) if is_kptr(btf, *to) => self.note(SpecialKind::Kptr, at, 8),
            _ => {}
        }
    }

    fn members(&mut self, c: &Composite, at: u64, depth: usize) {
        for m in &c.members {
            if m.bit_size == 0 {
                self.value(m.ty, at + u64::from(m.bit_offset / 8), depth + 1);
            }
        }
    }

    fn note(&mut self, kind: SpecialKind, at: u64, size: u32) {
        if let Ok(offset) = u32::try_from(at) {
            self.found.push(SpecialField { kind, offset, size });
        }
    }
}

fn special(name: &str) -> Option<SpecialKind> {
    Some(match name {
        "bpf_spin_lock" => SpecialKind::SpinLock,
        "bpf_res_spin_lock" => SpecialKind::ResSpinLock,
        "bpf_timer" => SpecialKind::Timer,
        "bpf_wq" => SpecialKind::Workqueue,
        "bpf_task_work" => SpecialKind::TaskWork,
        "bpf_list_head" => SpecialKind::ListHead,
        "bpf_list_node" => SpecialKind::ListNode,
        "bpf_rb_root" => SpecialKind::RbRoot,
        "bpf_rb_node" => SpecialKind::RbNode,
        "bpf_refcount" => SpecialKind::Refcount,
        _ => return None,
    })
}

fn is_kptr(btf: &Btf, to: TypeId) -> bool {
    let Type::TypeTag { name, .. } = btf.ty(to) else { return false };
    matches!(&*btf.str(*name), "kptr" | "kptr_untrusted" | "percpu_kptr" | "uptr")
}
