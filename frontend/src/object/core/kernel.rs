//! The types of a kernel: a file that holds BTF, raw or in an ELF section.

use super::compat;
use crate::btf::{Btf, TypeId};
use crate::object::error::{file_error, LoadError, KERNEL_TYPES};
use object::{Object as _, ObjectSection as _};
use std::collections::HashMap;

/// The types of a kernel, found by name.
#[derive(Clone, Debug)]
pub struct KernelTypes {
    /// The file, or what else they are, for messages.
    pub name: String,
    /// The types.
    pub btf: Btf,
    /// By name without flavour, ascending.
    by_name: HashMap<String, Vec<TypeId>>,
}

impl KernelTypes {
    /// Where a running Linux shows its types.
    pub const HOST: &'static str = "/sys/kernel/btf/vmlinux";

    /// Reads the content of `file`: raw BTF, or an ELF file with section `.BTF`.
    ///
    /// # Errors
    /// The file holds neither, or it is malformed.
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self, LoadError> {
        let help = "give raw BTF such as /sys/kernel/btf/vmlinux, or an ELF file with section .BTF";
        let refuse = |message: String| file_error(file, KERNEL_TYPES, message, help);
        let mut raw = bytes;
        if bytes.starts_with(b"\x7fELF") {
            let elf = object::File::parse(bytes)
                .map_err(|e| refuse(format!("malformed ELF file: {e}")))?;
            let section = elf.section_by_name(".BTF");
            let section = section.ok_or_else(|| refuse("it has no section .BTF".into()))?;
            raw = section.data().map_err(|e| refuse(format!("malformed section .BTF: {e}")))?;
        }
        let btf = Btf::parse(raw).map_err(|e| refuse(format!("malformed BTF: {e}")))?;
        Ok(Self::new(btf, file))
    }

    pub(super) fn new(btf: Btf, name: &str) -> Self {
        let mut by_name = HashMap::<String, Vec<TypeId>>::new();
        for id in (1..btf.types().len() as u32).map(TypeId) {
            let name = btf.name(id);
            if !name.is_empty() {
                by_name.entry(compat::essential(&name).into()).or_default().push(id);
            }
        }
        KernelTypes { name: name.into(), btf, by_name }
    }

    /// Types with the name `name`, flavours aside, ascending.
    pub(super) fn named(&self, name: &str) -> &[TypeId] {
        self.by_name.get(compat::essential(name)).map_or(&[], Vec::as_slice)
    }
}
