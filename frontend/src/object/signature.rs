//! Functions' types to what Linux assumes of their arguments when it verifies a global function on its own.

use crate::btf::{Btf, Composite, StrId, Type, TypeId};
use crate::program::{Contract, GlobalArg, Signature};
use std::collections::BTreeMap;

/// Most arguments of a function: `r1` to `r5`.
const MAX_ARGS: usize = 5;

/// `btf_decl_tag`s of a function's parameter, as `bpf_helpers.h` names them (`__arg_nonnull` ...).
#[derive(Clone, Copy, Debug, Default)]
struct Tags {
    ctx: bool,
    nonnull: bool,
    /// One that gives the argument a kind which XDP programs have no use for.
    foreign: Option<&'static str>,
}

/// Reads signatures; the tags of all parameters are collected once.
pub(super) struct Signatures<'a> {
    btf: &'a Btf,
    tags: BTreeMap<(TypeId, usize), Tags>,
}

/// BTF says that function type `func` is externally visible.
pub(super) fn is_global(btf: &Btf, func: TypeId) -> bool {
    matches!(btf.ty(func), Type::Func { linkage: 1, .. })
}

fn is_number(btf: &Btf, ty: TypeId) -> bool {
    matches!(btf.ty(btf.resolve(ty)), Type::Int { .. } | Type::Enum { .. })
}

impl<'a> Signatures<'a> {
    pub(super) fn new(btf: &'a Btf) -> Self {
        let mut tags = BTreeMap::<_, Tags>::new();
        for t in btf.types() {
            let Type::DeclTag { name, ty, component } = t else { continue };
            if let Ok(param) = usize::try_from(*component) {
                tags.entry((*ty, param)).or_default().add(&btf.str(*name));
            }
        }
        Self { btf, tags }
    }

    /// The signature of the function whose type is `func`; `None` if that is not the type of a function.
    pub(super) fn of(&self, func: TypeId) -> Option<Signature> {
        let Type::Func { proto, .. } = self.btf.ty(func) else { return None };
        let Type::FuncProto { ret, params } = self.btf.ty(*proto) else { return None };
        Some(Signature { func, contract: self.contract(func, *ret, params) })
    }

    fn contract(
        &self,
        func: TypeId,
        ret: TypeId,
        params: &[(StrId, TypeId)],
    ) -> Result<Contract, String> {
        if params.len() > MAX_ARGS {
            return Err(format!("it has {} arguments; {MAX_ARGS} are possible", params.len()));
        }
        if !is_number(self.btf, ret) {
            return Err("it does not return a number".into());
        }
        let arg = |(i, (_, ty)): (usize, &(StrId, TypeId))| {
            let tags = self.tags.get(&(func, i)).copied().unwrap_or_default();
            argument(self.btf, *ty, tags).map_err(|e| format!("argument {} {e}", i + 1))
        };
        Ok(Contract { args: params.iter().enumerate().map(arg).collect::<Result<_, _>>()? })
    }
}

impl Tags {
    fn add(&mut self, tag: &str) {
        match tag {
            "arg:ctx" => self.ctx = true,
            "arg:nonnull" => self.nonnull = true,
            "arg:trusted" => self.foreign = Some("a trusted kernel pointer"),
            "arg:untrusted" => self.foreign = Some("an untrusted kernel pointer"),
            "arg:arena" => self.foreign = Some("an arena pointer"),
            _ => {}
        }
    }
}

fn argument(btf: &Btf, ty: TypeId, tags: Tags) -> Result<GlobalArg, String> {
    if let Some(foreign) = tags.foreign {
        return Err(format!("is {foreign}"));
    }
    let Type::Ptr(to) = btf.ty(btf.resolve(ty)) else {
        return if is_number(btf, ty) {
            Ok(GlobalArg::Scalar)
        } else {
            Err("is neither a number nor a pointer".into())
        };
    };
    let target = btf.resolve(*to);
    let tag = match btf.ty(target) {
        Type::Struct(Composite { name, .. }) | Type::Fwd { name, .. } => btf.str(*name),
        _ => "".into(),
    };
    if tags.ctx || tag == "xdp_md" {
        return Ok(GlobalArg::Ctx);
    }
    if tag == "bpf_dynptr" {
        return Ok(GlobalArg::Dynptr);
    }
    match btf.size_of(target) {
        Some(size) => Ok(GlobalArg::Memory { size, nullable: !tags.nonnull }),
        None => Err("points to something of unknown size".into()),
    }
}
