//! BTF: the types of an object (section `.BTF`), as clang writes them.
//!
//! `ext` reads what hangs on it: line info, function info and CO-RE relocations (`.BTF.ext`).
//! Format: the kernel's `Documentation/bpf/btf.rst`.

mod cursor;
pub(crate) mod ext;
mod parse;

use std::borrow::Cow;

pub use ext::{BtfExt, CoreReloc, FuncInfo, LineInfo};

/// A type by number; 0 is `void`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// A string by its offset in the string section; resolve with [`Btf::str`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StrId(pub u32);

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name; empty for anonymous structs and unions.
    pub name: StrId,
    /// Type.
    pub ty: TypeId,
    /// Offset in bits.
    pub bit_offset: u32,
    /// Width in bits for bit-fields, else 0.
    pub bit_size: u32,
}

/// A struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// Tag.
    pub name: StrId,
    /// Size in bytes.
    pub size: u32,
    /// Members in order.
    pub members: Vec<Member>,
}

/// A variable's place in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionVar {
    /// The variable ([`Type::Var`]) or function.
    pub ty: TypeId,
    /// Offset; compilers leave 0 for global variables, [`crate::object::ObjectTypes`] has the true one.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// No type.
    Void,
    /// Integer.
    Int {
        /// Name.
        name: StrId,
        /// Size in bytes.
        size: u32,
        /// Signed.
        signed: bool,
        /// `_Bool`.
        boolean: bool,
        /// Width in bits.
        bits: u8,
    },
    /// Pointer.
    Ptr(TypeId),
    /// Array of `len` elements.
    Array {
        /// Element.
        elem: TypeId,
        /// Number of elements.
        len: u32,
    },
    /// Struct.
    Struct(Composite),
    /// Union.
    Union(Composite),
    /// Enumeration, 32- or 64-bit; values are sign- or zero-extended as `signed` says.
    Enum {
        /// Tag.
        name: StrId,
        /// Size in bytes.
        size: u32,
        /// Signed.
        signed: bool,
        /// Names and values.
        values: Vec<(StrId, i64)>,
    },
    /// Declared but not defined struct or union.
    Fwd {
        /// Tag.
        name: StrId,
        /// It is a union.
        union: bool,
    },
    /// `typedef`.
    Typedef {
        /// Name.
        name: StrId,
        /// What it stands for.
        ty: TypeId,
    },
    /// `const`, `volatile` or `restrict`.
    Modifier(TypeId),
    /// `btf_type_tag` attribute.
    TypeTag {
        /// Text.
        name: StrId,
        /// What is tagged.
        ty: TypeId,
    },
    /// Function.
    Func {
        /// Name.
        name: StrId,
        /// Its [`Type::FuncProto`].
        proto: TypeId,
        /// 0 static, 1 global, 2 extern.
        linkage: u32,
    },
    /// Function prototype.
    FuncProto {
        /// Result.
        ret: TypeId,
        /// Parameters.
        params: Vec<(StrId, TypeId)>,
    },
    /// Variable.
    Var {
        /// Name.
        name: StrId,
        /// Type.
        ty: TypeId,
        /// 0 static, 1 global, 2 extern.
        linkage: u32,
    },
    /// The variables of a section.
    Datasec {
        /// Section name.
        name: StrId,
        /// Its variables.
        vars: Vec<SectionVar>,
    },
    /// Floating point.
    Float {
        /// Name.
        name: StrId,
        /// Size in bytes.
        size: u32,
    },
    /// `btf_decl_tag` attribute.
    DeclTag {
        /// Text.
        name: StrId,
        /// What is tagged.
        ty: TypeId,
        /// Member or parameter, -1 for the type itself.
        component: i32,
    },
}

/// The types of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Btf {
    types: Vec<Type>,
    strings: Vec<u8>,
}

/// What is wrong with `.BTF` or `.BTF.ext`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BtfError(pub String);

/// Deepest chain of modifiers, typedefs and arrays that is followed, as in the kernel.
const MAX_DEPTH: usize = 32;

/// Longest string that is kept whole: a file may use one long string a great many times.
const MAX_STR: usize = 4096;

impl Btf {
    /// The type `id`; `void` if there is none.
    pub fn ty(&self, id: TypeId) -> &Type {
        self.types.get(id.0 as usize).unwrap_or(&Type::Void)
    }

    /// All types in order; position 0 is `void`.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// The string `id`, at most 4 KiB of it; empty if there is none. Bytes that are not UTF-8 are replaced.
    pub fn str(&self, id: StrId) -> Cow<'_, str> {
        let rest = self.strings.get(id.0 as usize..).unwrap_or(&[]);
        let rest = &rest[..rest.len().min(MAX_STR)];
        let len = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
        String::from_utf8_lossy(&rest[..len])
    }

    /// The name of type `id`, empty if it has none.
    pub fn name(&self, id: TypeId) -> Cow<'_, str> {
        match self.ty(id) {
            Type::Struct(Composite { name, .. })
            | Type::Union(Composite { name, .. })
            | Type::Int { name, .. }
            | Type::Enum { name, .. }
            | Type::Fwd { name, .. }
            | Type::Typedef { name, .. }
            | Type::Func { name, .. }
            | Type::Var { name, .. }
            | Type::Datasec { name, .. }
            | Type::Float { name, .. }
            | Type::TypeTag { name, .. }
            | Type::DeclTag { name, .. } => self.str(*name),
            Type::Void
            | Type::Ptr(_)
            | Type::Array { .. }
            | Type::Modifier(_)
            | Type::FuncProto { .. } => Cow::Borrowed(""),
        }
    }

    /// The type behind typedefs and modifiers; `void` if they form a loop.
    pub fn resolve(&self, mut id: TypeId) -> TypeId {
        for _ in 0..MAX_DEPTH {
            match self.ty(id) {
                Type::Typedef { ty, .. } | Type::TypeTag { ty, .. } | Type::Modifier(ty) => {
                    id = *ty;
                }
                _ => return id,
            }
        }
        TypeId(0)
    }

    /// Size of a value of type `id` in bytes; `None` if it has none or more than 4 GiB.
    pub fn size_of(&self, mut id: TypeId) -> Option<u32> {
        let mut count = 1u32;
        for _ in 0..MAX_DEPTH {
            id = self.resolve(id);
            let size = match self.ty(id) {
                Type::Array { elem, len } => {
                    count = count.checked_mul(*len)?;
                    id = *elem;
                    continue;
                }
                Type::Int { size, .. } | Type::Enum { size, .. } | Type::Float { size, .. } => {
                    *size
                }
                Type::Struct(c) | Type::Union(c) => c.size,
                Type::Ptr(_) => 8,
                _ => return None,
            };
            return count.checked_mul(size);
        }
        None
    }

    /// The type that lists the variables of section `name`.
    pub fn section(&self, name: &str) -> Option<TypeId> {
        let is_it = |t: &Type| matches!(t, Type::Datasec { name: n, .. } if self.str(*n) == name);
        self.types.iter().position(is_it).map(|id| TypeId(id as u32))
    }

    /// The variables of section `name`, if the types list it.
    pub fn section_vars(&self, name: &str) -> Option<&[SectionVar]> {
        match self.ty(self.section(name)?) {
            Type::Datasec { vars, .. } => Some(vars.as_slice()),
            _ => None,
        }
    }
}
