//! Variables that stand for the kernel's configuration (`extern ... __kconfig`): they become an array map `.kconfig`
//! with one value, laid out as libbpf does.

use super::error::{file_error, LoadError, KCONFIG};
use super::special;
use crate::btf::{Btf, Type, TypeId};
use crate::program::{MapDef, MapTypes};
use beeline_ir::diagnostic::Diagnostic;
use beeline_ir::map::MapKind;
use std::collections::BTreeMap;

pub(super) const SECTION: &str = ".kconfig";
/// `BPF_F_RDONLY_PROG`
const RDONLY_PROG: u32 = 1 << 7;
/// Largest variable; strings of the configuration are paths at most.
const MAX_SIZE: u32 = 4096;
/// Most variables.
const MAX_VARS: usize = 4096;

/// A kernel's configuration, and its version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelConfig {
    /// Where it comes from, for messages.
    pub name: String,
    /// `CONFIG_...` as the file has them; `LINUX_KERNEL_VERSION` where known.
    pub values: BTreeMap<String, String>,
}

impl KernelConfig {
    /// Reads the text of a configuration file, for the kernel with version `release` ("6.18.44" and so on).
    pub fn parse(text: &str, name: &str, release: Option<&str>) -> Self {
        let setting = |line: &str| {
            let (key, value) = line.trim().split_once('=')?;
            key.starts_with("CONFIG_").then(|| (key.to_string(), value.to_string()))
        };
        let mut values: BTreeMap<_, _> = text.lines().filter_map(setting).collect();
        let mut release = release;
        // The head of a configuration file says "# Linux/x86 6.18.44 Kernel Configuration".
        if release.is_none() {
            let head = text.lines().take(5).find(|l| l.ends_with("Kernel Configuration"));
            release = head.and_then(|l| l.split_whitespace().find(|w| w.contains('.')));
        }
        if let Some(version) = release.and_then(version) {
            values.insert("LINUX_KERNEL_VERSION".into(), version.to_string());
        }
        KernelConfig { name: name.into(), values }
    }
}

/// The kernel's `KERNEL_VERSION(a, b, c)` of a release such as "6.18.44-x".
fn version(release: &str) -> Option<u32> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let mut next = || parts.next().and_then(Result::ok);
    let (major, minor) = (next()?, next()?);
    let patch = next().unwrap_or(0).min(255);
    (major < 256 && minor < 256).then_some(major << 16 | minor << 8 | patch)
}

/// What a variable can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// 'y', 'n', 'm'
    Char,
    /// y or n
    Bool,
    /// `enum libbpf_tristate`
    Tristate,
    Number {
        signed: bool,
    },
    Text,
}

/// A variable of the section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub name: String,
    /// Its [`Type::Var`].
    pub ty: TypeId,
    pub offset: u32,
    pub size: u32,
    shape: Option<Shape>,
    /// Known, or weak and therefore 0.
    pub resolved: bool,
}

/// The variables of the section in the order of their places, and its size.
pub(super) fn layout(btf: &Btf) -> (Vec<Variable>, u32) {
    let vars = btf.section_vars(SECTION).unwrap_or(&[]);
    let mut list: Vec<_> = vars
        .iter()
        .take(MAX_VARS)
        .filter_map(|v| {
            let Type::Var { ty, .. } = btf.ty(v.ty) else { return None };
            let size = btf.size_of(*ty).filter(|s| (1..=MAX_SIZE).contains(s))?;
            Some((alignment(btf, *ty), size, btf.name(v.ty).into_owned(), v.ty, shape(btf, *ty)))
        })
        .collect();
    list.sort_by(|a, b| (b.0, a.1, &a.2).cmp(&(a.0, b.1, &b.2)));
    let (mut at, mut variables) = (0u32, Vec::new());
    for (align, size, name, ty, shape) in list {
        let offset = at.next_multiple_of(align);
        at = offset + size;
        variables.push(Variable { name, ty, offset, size, shape, resolved: false });
    }
    (variables, at)
}

/// Alignment of the types that a variable can have.
fn alignment(btf: &Btf, ty: TypeId) -> u32 {
    match btf.ty(btf.resolve(ty)) {
        Type::Array { elem, .. } => match btf.ty(btf.resolve(*elem)) {
            Type::Int { size, .. } => size.next_power_of_two().clamp(1, 8),
            _ => 1,
        },
        Type::Int { size, .. } | Type::Enum { size, .. } => size.next_power_of_two().clamp(1, 8),
        _ => 8,
    }
}

fn shape(btf: &Btf, ty: TypeId) -> Option<Shape> {
    let ty = btf.resolve(ty);
    match btf.ty(ty) {
        Type::Int { boolean: true, .. } => Some(Shape::Bool),
        Type::Int { name, size: 1, .. } if btf.str(*name) == "char" => Some(Shape::Char),
        Type::Int { size: 1 | 2 | 4 | 8, signed, .. } => Some(Shape::Number { signed: *signed }),
        Type::Enum { .. } if btf.name(ty) == "libbpf_tristate" => Some(Shape::Tristate),
        Type::Array { elem, .. } => match btf.ty(btf.resolve(*elem)) {
            Type::Int { size: 1, .. } => Some(Shape::Text),
            _ => None,
        },
        _ => None,
    }
}

/// The map for the section, all zero; `None` if there are no such variables.
pub(super) fn map(btf: &Btf) -> Option<(MapDef, Vec<Variable>)> {
    let (variables, size) = layout(btf);
    if variables.is_empty() {
        return None;
    }
    let value = btf.section(SECTION)?;
    let types = MapTypes { key: TypeId(0), value, fields: special::fields(btf, value) };
    let def = MapDef {
        name: SECTION.into(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: size,
        max_entries: 1,
        flags: RDONLY_PROG,
        initial: Some(vec![0; size as usize]),
        frozen: true,
        types: Some(types),
        ..MapDef::default()
    };
    Some((def, variables))
}

/// Fills in what `config` knows.
pub(super) fn fill(
    object: &str,
    variables: &mut [Variable],
    value: &mut [u8],
    config: &KernelConfig,
) -> Result<(), LoadError> {
    for v in variables {
        let Some(text) = config.values.get(&v.name) else { continue };
        let bytes = v.shape.and_then(|shape| encode(shape, text, v.size as usize));
        let Some(bytes) = bytes else {
            let message =
                format!("`{}` is {text} in {}, which its type cannot hold", v.name, config.name);
            let help = "declare it as bool, char, enum libbpf_tristate, integer or char array, as the value asks";
            return Err(file_error(object, KCONFIG, message, help).into());
        };
        let at = v.offset as usize;
        value[at..at + bytes.len()].copy_from_slice(&bytes);
        v.resolved = true;
    }
    Ok(())
}

/// The bytes of setting `text` in a variable of `size` bytes, as libbpf puts them.
fn encode(shape: Shape, text: &str, size: usize) -> Option<Vec<u8>> {
    let number = |n: u64| n.to_le_bytes().get(..size).map(<[u8]>::to_vec);
    match (shape, text) {
        (Shape::Char, "y" | "n" | "m") => Some(vec![text.as_bytes()[0]]),
        (Shape::Bool, "y") => Some(vec![1]),
        (Shape::Bool, "n") => Some(vec![0]),
        (Shape::Tristate, "n") => number(0),
        (Shape::Tristate, "y") => number(1),
        (Shape::Tristate, "m") => number(2),
        (Shape::Text, text) => {
            let inner = text.strip_prefix('"')?.strip_suffix('"')?;
            let kept = inner.len().min(size - 1);
            let mut bytes = inner.as_bytes()[..kept].to_vec();
            bytes.push(0);
            Some(bytes)
        }
        (Shape::Number { signed }, text) => {
            let (negative, digits) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
            let n = match digits.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            let n = if negative { n.wrapping_neg() } else { n };
            fits(n, size as u32 * 8, signed).then(|| number(n)).flatten()
        }
        _ => None,
    }
}

fn fits(n: u64, bits: u32, signed: bool) -> bool {
    if bits >= 64 {
        return true;
    }
    if signed {
        let n = n as i64;
        n >= -(1 << (bits - 1)) && n < 1 << (bits - 1)
    } else {
        n >> bits == 0
    }
}

/// `name` has no value, and no configuration was given or the one given lacks it.
pub(super) fn missing(name: &str, config: Option<&str>) -> Diagnostic {
    let message = match config {
        Some(config) => format!("`{name}` is not set in {config}"),
        None => format!("`{name}` depends on the configuration of the running kernel"),
    };
    Diagnostic::error(KCONFIG, message).help(
        "give a configuration that has it with --kconfig FILE (/boot/config-..., or /proc/config.gz), or declare it __weak",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version("6.18.44-fc"), Some(0x06_12_2c));
        assert_eq!(version("5.4"), Some(0x05_04_00));
        assert_eq!(version("4.19.325"), Some(0x04_13_ff));
        assert_eq!(version("six"), None);
    }

    #[test]
    fn values() {
        assert_eq!(encode(Shape::Bool, "y", 1), Some(vec![1]));
        assert_eq!(encode(Shape::Bool, "m", 1), None, "libbpf refuses it as well");
        assert_eq!(encode(Shape::Tristate, "m", 4), Some(vec![2, 0, 0, 0]));
        assert_eq!(encode(Shape::Char, "m", 1), Some(vec![b'm']));
        assert_eq!(encode(Shape::Number { signed: false }, "0x1f4", 2), Some(vec![0xf4, 1]));
        assert_eq!(encode(Shape::Number { signed: false }, "300", 1), None);
        assert_eq!(encode(Shape::Number { signed: true }, "-128", 1), Some(vec![0x80]));
        assert_eq!(encode(Shape::Number { signed: true }, "-129", 1), None);
        assert_eq!(encode(Shape::Text, "\"abc\"", 3), Some(b"ab\0".to_vec()));
        assert_eq!(encode(Shape::Text, "abc", 3), None);
    }

    #[test]
    fn configuration_files() {
        let text = "#\n# Linux/x86 6.1.2 Kernel Configuration\n#\nCONFIG_HZ=250\n# CONFIG_X is not set\nCONFIG_S=\"a=b\"\n";
        let c = KernelConfig::parse(text, "x", None);
        assert_eq!(c.values["CONFIG_HZ"], "250");
        assert_eq!(c.values["CONFIG_S"], "\"a=b\"");
        assert_eq!(c.values["LINUX_KERNEL_VERSION"], "393474");
        assert_eq!(c.values.len(), 3);
    }
}
