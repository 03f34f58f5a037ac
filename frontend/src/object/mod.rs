//! Loading an object file: ELF bytes to [`Object`], which lists programs and maps and links a program on request.

mod core;
pub(crate) mod error;
pub(crate) mod functions;
mod kconfig;
mod link;
mod maps;
mod select;
mod signature;
mod special;
mod types;

pub use self::core::KernelTypes;
pub use error::LoadError;
pub use functions::{ProgramInfo, Purpose};
pub use kconfig::KernelConfig;
pub use types::ObjectTypes;

use crate::btf::{Btf, BtfExt, TypeId};
use crate::elf::{Image, SectionId};
use crate::program::{MapDef, Signature};
use beeline_ir::diagnostic::Diagnostic;
use error::{within, BROKEN_BTF, BROKEN_BTF_EXT, HELP_REBUILD, RELOCATION_TYPE};
use functions::Function;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Relocation types of the BPF ELF ABI.
pub(crate) mod relocation {
    /// Address of a map, datum or function in a 64-bit immediate load.
    pub const IMM64: u32 = 1;
    /// 64-bit address in data.
    pub const ABS64: u32 = 2;
    /// 32-bit address in data.
    pub const ABS32: u32 = 3;
    /// 32-bit address in BTF, not for a loader.
    pub const NODYLD32: u32 = 4;
    /// Call.
    pub const CALL: u32 = 10;
}

/// A loaded object file.
#[derive(Clone, Debug)]
pub struct Object {
    /// Path or name, for messages.
    pub name: String,
    /// Programs, in file order.
    pub programs: Vec<ProgramInfo>,
    /// Maps that Beeline knows, in file order; instructions refer to them by position.
    pub maps: Vec<MapDef>,
    /// License string, if there is one.
    pub license: Option<String>,
    /// Types, if there are any.
    pub types: Option<Arc<ObjectTypes>>,
    signatures: BTreeMap<TypeId, Signature>,
    ext: BtfExt,
    image: Image,
    functions: Vec<Function>,
    map_places: Vec<maps::MapPlace>,
    targets: core::Targets,
    /// Variables of the kernel's configuration, the map that holds them, and where their values come from.
    kconfig: Vec<kconfig::Variable>,
    kconfig_map: usize,
    kconfig_source: Option<String>,
}

/// Reads the object file `bytes`; `name` is used in messages.
pub fn load(bytes: &[u8], name: &str) -> Result<Object, LoadError> {
    let image = Image::read(bytes, name)?;
    let (types, ext) = read_btf(&image)?;
    let btf = types.as_ref().map(|t| &t.btf);
    check_relocation_types(&image)?;
    let functions = functions::functions(&image)?;
    let programs = functions::programs(&image, &functions);
    let (mut maps, map_places) = maps::read(&image, btf, &functions)?;
    let kconfig_map = maps.len();
    let mut kconfig = Vec::new();
    if let Some((map, variables)) = btf.and_then(kconfig::map) {
        maps.push(map);
        kconfig = variables;
    }
    Ok(Object {
        name: name.into(),
        programs,
        maps,
        license: read_license(&image),
        signatures: btf.map(|b| signatures(b, &ext)).unwrap_or_default(),
        types,
        ext,
        image,
        functions,
        map_places,
        targets: core::Targets::default(),
        kconfig,
        kconfig_map,
        kconfig_source: None,
    })
}

impl Object {
    /// Line info, function info and CO-RE relocations, as the file has them (before linking).
    pub fn btf_ext(&self) -> &BtfExt {
        &self.ext
    }

    /// Some CO-RE relocation asks for what only a kernel's types can tell.
    pub fn needs_kernel_types(&self) -> bool {
        let Some(btf) = self.btf() else { return false };
        let mut relocs = self.ext.core.values().flatten();
        relocs.any(|r| self.targets.needs_kernel(btf, r))
    }

    /// Resolves CO-RE relocations against `types`. If they are `preferred`, also what no kernel changes, such as packet
    /// headers, is taken from them.
    pub fn use_kernel_types(&mut self, types: Arc<KernelTypes>, preferred: bool) {
        self.targets = core::Targets { kernel: Some(types), preferred };
    }

    /// Some variable stands for the kernel's configuration.
    pub fn needs_kernel_config(&self) -> bool {
        !self.kconfig.is_empty()
    }

    /// Gives the variables that stand for the kernel's configuration their values.
    ///
    /// # Errors
    /// A value that the variable's type cannot hold.
    pub fn use_kernel_config(&mut self, config: &KernelConfig) -> Result<(), LoadError> {
        let map = self.maps.get_mut(self.kconfig_map).and_then(|m| m.initial.as_mut());
        let Some(value) = map.filter(|_| !self.kconfig.is_empty()) else { return Ok(()) };
        self.kconfig_source = Some(config.name.clone());
        kconfig::fill(&self.name, &mut self.kconfig, value, config)
    }

    /// Types of the object, as it declares them.
    pub fn btf(&self) -> Option<&Btf> {
        self.types.as_ref().map(|t| &t.btf)
    }
}

fn read_btf(image: &Image) -> Result<(Option<Arc<ObjectTypes>>, BtfExt), Diagnostic> {
    let broken = |code, section: &str, e| {
        Diagnostic::error(code, format!("malformed {section}: {e}"))
            .at(within(&image.name, format!("section {section}")))
            .help(HELP_REBUILD)
    };
    let Some(section) = image.section_named(".BTF") else {
        return Ok((None, BtfExt::default()));
    };
    let types =
        types::complete(image.data(section), image).map_err(|e| broken(BROKEN_BTF, ".BTF", e))?;
    let ext = match image.section_named(".BTF.ext") {
        Some(section) => BtfExt::parse(image.data(section), &types.btf)
            .map_err(|e| broken(BROKEN_BTF_EXT, ".BTF.ext", e))?,
        None => BtfExt::default(),
    };
    Ok((Some(Arc::new(types)), ext))
}

fn signatures(btf: &Btf, ext: &BtfExt) -> BTreeMap<TypeId, Signature> {
    let reader = signature::Signatures::new(btf);
    let types = ext.funcs.values().flatten().map(|f| f.ty);
    types.filter_map(|ty| Some((ty, reader.of(ty)?))).collect()
}

/// Relocations matter in code and in map definitions; those of BTF and debug info change nothing here.
fn check_relocation_types(image: &Image) -> Result<(), Diagnostic> {
    use relocation::{ABS32, ABS64, CALL, IMM64, NODYLD32};
    for s in &image.sections {
        let allowed: &[u32] = match s.name.as_str() {
            ".maps" => &[IMM64, ABS64],
            _ if s.exec => &[IMM64, CALL],
            name if maps::is_data(name) => &[IMM64, ABS64, ABS32, NODYLD32],
            _ => continue,
        };
        if let Some(r) = s.relocs.iter().find(|r| !allowed.contains(&r.kind)) {
            let symbol = &image.symbols[r.symbol].name;
            let message = format!(
                "unknown relocation type {} at byte 0x{:x}, against symbol `{symbol}`",
                r.kind, r.offset
            );
            return Err(Diagnostic::error(RELOCATION_TYPE, message)
                .at(within(&image.name, format!("section {}", s.name)))
                .help("rebuild the object with clang 10 or later"));
        }
    }
    Ok(())
}

fn read_license(image: &Image) -> Option<String> {
    let data = image.data(image.section_named("license")?);
    let text = data.split(|b| *b == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// The section with a place in it, for a message.
fn byte_place(image: &Image, section: SectionId, offset: u64) -> String {
    let name = image.sections.get(section).map_or("?", |s| s.name.as_str());
    format!("section {name} at byte 0x{offset:x}")
}
